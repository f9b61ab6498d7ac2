//! The server of `listen`, in a thread of its own: what it answers, relays and refuses, and what is told of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

mod behaviour;
mod limits;
mod relay;
mod rig;
mod secure;
mod serve;
