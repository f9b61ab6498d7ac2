//! The proxy on loopback sockets, in one thread of the test, with peers that do what they like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised has to fail")]

mod changed;
#[path = "../common/mod.rs"]
mod common;
mod plain;
#[cfg(all(unix, feature = "cli"))]
mod program;
mod rig;
mod secure;
#[cfg(all(unix, feature = "cli"))]
#[path = "../spawned/mod.rs"]
mod spawned;
mod upstream;
