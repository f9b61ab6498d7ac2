//! The reach of the Go library of WatchBeam, in Rust: a server that gives clients and errors, a client with handshake,
//! control stream, chunks, net connection, net streams and data streams. And a test for each defect that it had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod defects;
mod ends;
mod reach;
mod server;
