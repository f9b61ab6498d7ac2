//! What TLS and HTTP carry, in whole captures: recorded streams on other ports, behind other bytes, cut otherwise, with
//! secrets that are late, wrong or missing; and what other things on those ports are not taken for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod damaged;
mod hostile;
mod many;
mod one_side;
mod plain;
mod prefix;
#[cfg(feature = "cli")]
mod recordings;
#[path = "../rig/mod.rs"]
mod rig;
mod secrets;
mod tunnel;
mod unread;
mod wire;
