//! The handshake: three packets each way before the first chunk (RTMP 1.0 §5.2), simple or with digests.
//!
//! [`Reader`] takes one direction's packets off a byte stream and [`Peer`] plays a side. Neither has an opinion about
//! versions or about answers that echo nothing; they say what is there.

pub mod digest;
mod packet;
mod peer;
mod reader;

pub use packet::{
    PACKET_LEN, Packet, Packet0, Packet1, Packet2, RANDOM_LEN, Raw, Side, SoftwareVersion, VERSION,
};
pub use peer::{Peer, Style};
pub use reader::Reader;
