//! RTMP itself: bytes to values and back. No I/O, no clock, no opinion, no printing.

pub mod amf;
pub(crate) mod base64;
pub mod bitstream;
pub mod chunk;
pub mod codec;
pub mod cursor;
pub mod fault;
pub mod handshake;
pub mod message;
pub mod proxy;
pub mod session;
mod types;

pub use types::{Direction, Span};
