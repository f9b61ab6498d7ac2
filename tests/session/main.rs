//! Both ends of a connection without a socket: against each other, against what real clients sent, against calls that no
//! capture has, and against peers that mean harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod calls;
mod captures;
mod flow;
mod hostile;
mod pair;
mod refused;
#[path = "../rig/mod.rs"]
mod rig;
mod talk;
