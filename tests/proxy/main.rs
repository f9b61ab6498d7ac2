//! The proxy on loopback sockets, in one thread of the test, with peers that do what they like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is surprised has to fail")]

mod plain;
mod rig;
mod secure;
mod upstream;
