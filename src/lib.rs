//! rtmpctl: shows what really crossed the wire on an RTMP connection.

mod limits;
pub mod proto;

pub use limits::Limits;
