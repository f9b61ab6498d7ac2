//! `rtmpctl listen` as a program, on loopback: what it answers, writes and does on purpose, and how it ends.

#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised has to fail")]

mod behaviour;
mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod play;
mod record;
mod rig;
#[path = "../rig/mod.rs"]
mod sessions;
#[path = "../spawned/mod.rs"]
mod spawned;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a whole server, of which only the lines are of use here"
)]
#[path = "../session/talk.rs"]
mod talk;
mod tls;
