//! What listens: the server by itself (`host`), and `rtmpctl listen` as a program, on loopback: what it answers, writes and
//! does on purpose, and how it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised has to fail")]

#[cfg(all(unix, feature = "cli"))]
mod behaviour;
#[cfg(all(unix, feature = "cli"))]
mod bounds;
#[cfg(all(unix, feature = "cli"))]
#[path = "../common/mod.rs"]
mod common;
mod host;
#[cfg(all(unix, feature = "cli"))]
mod play;
#[cfg(all(unix, feature = "cli"))]
mod record;
#[cfg(all(unix, feature = "cli"))]
mod rig;
#[cfg(all(unix, feature = "cli"))]
#[path = "../rig/mod.rs"]
mod sessions;
#[cfg(all(unix, feature = "cli"))]
#[path = "../spawned/mod.rs"]
mod spawned;
#[cfg(all(unix, feature = "cli"))]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a whole server, of which only the lines are of use here"
)]
#[path = "../session/talk.rs"]
mod talk;
#[cfg(all(unix, feature = "cli"))]
mod tls;
