//! The three packets that each side sends: C0 C1 C2 and S0 S1 S2 (RTMP 1.0 §5.2).

use core::fmt;

/// Bytes of C1, S1, C2 and S2 (RTMP 1.0 §5.2.3, §5.2.4).
pub const PACKET_LEN: usize = 1536;

/// Bytes of C1 and S1 after their two leading words.
pub const RANDOM_LEN: usize = PACKET_LEN - 8;

/// The protocol version that C0 and S0 announce for plain RTMP (RTMP 1.0 §5.2.2).
pub const VERSION: u8 = 3;

/// The bytes of a C1, S1, C2 or S2.
pub type Raw = [u8; PACKET_LEN];

/// Who wrote a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side that opened the connection: C0, C1, C2.
    Client,
    /// The side that accepted it: S0, S1, S2.
    Server,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One packet of a direction, as [`super::Reader`] yields it. It borrows the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// C0 or S0.
    Zero(Packet0),
    /// C1 or S1.
    One(Packet1<'a>),
    /// C2 or S2.
    Two(Packet2<'a>),
}

/// C0 or S0: one byte, the version (RTMP 1.0 §5.2.2). 3 is RTMP, 6 and 8 are encrypted variants, 32 and above are
/// text protocols; what to make of it is the caller's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet0 {
    /// The byte as sent.
    pub version: u8,
}

impl Packet0 {
    /// The packet on the wire.
    #[must_use]
    pub const fn encode(self) -> [u8; 1] {
        [self.version]
    }
}

/// C1 or S1 (RTMP 1.0 §5.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet1<'a> {
    /// All of its bytes.
    pub bytes: &'a Raw,
}

impl<'a> Packet1<'a> {
    /// The sender's epoch in milliseconds: bytes 0 to 4.
    #[must_use]
    pub fn epoch(self) -> u32 {
        word(self.bytes, 0)
    }

    /// Bytes 4 to 8: zero by the specification, a software version in the digest handshake.
    #[must_use]
    pub fn zero(self) -> u32 {
        word(self.bytes, 4)
    }

    /// What [`Self::zero`] says as a version, unless it is zero.
    #[must_use]
    pub fn software_version(self) -> Option<SoftwareVersion> {
        Some(SoftwareVersion(self.zero())).filter(|v| v.0 != 0)
    }

    /// Bytes 8 to 1536.
    #[must_use]
    pub fn random(self) -> &'a [u8] {
        &self.bytes[8..]
    }

    /// Writes one. `zero` is 0 in the simple handshake.
    #[must_use]
    pub fn encode(epoch: u32, zero: u32, random: &[u8; RANDOM_LEN]) -> Raw {
        let mut out = [0; PACKET_LEN];
        out[..4].copy_from_slice(&epoch.to_be_bytes());
        out[4..8].copy_from_slice(&zero.to_be_bytes());
        out[8..].copy_from_slice(random);
        out
    }
}

/// C2 or S2: the answer to the peer's S1 or C1 (RTMP 1.0 §5.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet2<'a> {
    /// All of its bytes.
    pub bytes: &'a Raw,
}

impl<'a> Packet2<'a> {
    /// The peer's epoch as it was received: bytes 0 to 4.
    #[must_use]
    pub fn time(self) -> u32 {
        word(self.bytes, 0)
    }

    /// When the peer's packet was read: bytes 4 to 8, the field that the specification calls `time2`.
    #[must_use]
    pub fn echo_time(self) -> u32 {
        word(self.bytes, 4)
    }

    /// Bytes 8 to 1536: the peer's random bytes.
    #[must_use]
    pub fn echo(self) -> &'a [u8] {
        &self.bytes[8..]
    }

    /// Whether bytes 8 to 1536 are those of the peer's packet. The two words before them legitimately differ.
    #[must_use]
    pub fn echoes(self, peer: &Raw) -> bool {
        self.echo() == &peer[8..]
    }

    /// Writes the answer to `peer`. With `None` the second word is repeated too, as most software does although
    /// the specification wants the time at which the packet was read there.
    #[must_use]
    pub fn encode(peer: &Raw, echo_time: Option<u32>) -> Raw {
        let mut out = *peer;
        if let Some(time) = echo_time {
            out[4..8].copy_from_slice(&time.to_be_bytes());
        }
        out
    }
}

/// The second word of C1 or S1 read as a version of four bytes; displayed as `9.0.124.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SoftwareVersion(pub u32);

impl fmt::Display for SoftwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0.to_be_bytes();
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

fn word(bytes: &Raw, at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_one_is_two_words_and_random_bytes() {
        let raw = Packet1::encode(0x0102_0304, 0x0900_7c02, &[7; RANDOM_LEN]);
        assert_eq!(raw[..9], [1, 2, 3, 4, 9, 0, 0x7c, 2, 7]);
        let packet = Packet1 { bytes: &raw };
        assert_eq!((packet.epoch(), packet.zero()), (0x0102_0304, 0x0900_7c02));
        assert_eq!(packet.software_version().map(|v| v.to_string()).as_deref(), Some("9.0.124.2"));
        assert_eq!(packet.random(), [7; RANDOM_LEN]);
        let simple = Packet1::encode(0, 0, &[0; RANDOM_LEN]);
        assert_eq!(Packet1 { bytes: &simple }.software_version(), None);
    }

    #[test]
    fn packet_two_answers_with_a_time_or_verbatim() {
        let peer = Packet1::encode(5, 6, &[9; RANDOM_LEN]);
        assert_eq!(Packet2::encode(&peer, None), peer);
        let raw = Packet2::encode(&peer, Some(77));
        let packet = Packet2 { bytes: &raw };
        assert_eq!((packet.time(), packet.echo_time()), (5, 77));
        assert!(packet.echoes(&peer));
        assert!(!packet.echoes(&Packet1::encode(5, 6, &[8; RANDOM_LEN])));
        assert_eq!(Packet0 { version: VERSION }.encode(), [3]);
    }
}
