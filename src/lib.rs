//! rtmpctl: shows what really crossed the wire on an RTMP connection.

pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
pub mod inspect;
mod limits;
pub mod output;
pub mod proto;

pub use limits::Limits;
