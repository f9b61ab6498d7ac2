//! The protocol control messages that are one or two numbers: types 1, 2, 3, 5 and 6 (RTMP 1.0 §5.4).

use core::fmt;

use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// A protocol control message. A number is `None` where the payload is too short for it; numbers are kept as sent,
/// allowed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Type 1: how large the sender's chunks are from now on (RTMP 1.0 §5.4.1). The top bit must be zero.
    SetChunkSize {
        /// Bytes of a chunk's data.
        size: Option<u32>,
    },
    /// Type 2: the unfinished message of a chunk stream is given up (RTMP 1.0 §5.4.2).
    Abort {
        /// The chunk stream.
        chunk_stream_id: Option<u32>,
    },
    /// Type 3: how many bytes have been received (RTMP 1.0 §5.4.3).
    Acknowledgement {
        /// Bytes received so far, modulo 2^32.
        sequence_number: Option<u32>,
    },
    /// Type 5: after how many bytes the peer is to acknowledge (RTMP 1.0 §5.4.4).
    WindowAcknowledgementSize {
        /// Bytes between acknowledgements.
        size: Option<u32>,
    },
    /// Type 6: how much the peer may send unacknowledged (RTMP 1.0 §5.4.5).
    SetPeerBandwidth {
        /// Bytes not acknowledged.
        size: Option<u32>,
        /// How binding it is.
        limit_type: Option<LimitType>,
    },
}

/// How binding a peer bandwidth is (RTMP 1.0 §5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitType {
    /// 0: the window is this size.
    Hard,
    /// 1: this size or the one in effect, whichever is smaller.
    Soft,
    /// 2: hard if the previous one was hard, else ignored.
    Dynamic,
    /// A number that has no meaning.
    Other(u8),
}

impl LimitType {
    /// The type that a byte stands for.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Hard,
            1 => Self::Soft,
            2 => Self::Dynamic,
            n => Self::Other(n),
        }
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Hard => 0,
            Self::Soft => 1,
            Self::Dynamic => 2,
            Self::Other(n) => n,
        }
    }

    /// `hard`, `soft` or `dynamic`; `None` for another number.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Hard => Some("hard"),
            Self::Soft => Some("soft"),
            Self::Dynamic => Some("dynamic"),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for LimitType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(name) => f.write_str(name),
            None => self.number().fmt(f),
        }
    }
}

impl Control {
    /// Decodes the payload of a message of type 1, 2, 3, 5 or 6; `None` for any other type.
    #[must_use]
    pub fn decode(type_id: u8, payload: &[u8]) -> Option<(Self, Option<Fault>)> {
        let mut c = Cursor::new(payload);
        let reading = match type_id {
            1 => "chunk size",
            2 => "chunk stream id",
            3 => "sequence number",
            5 => "acknowledgement window size",
            6 => "peer bandwidth",
            _ => return None,
        };
        let (number, mut fault) = split(c.u32(reading));
        let control = match type_id {
            1 => Self::SetChunkSize { size: number },
            2 => Self::Abort { chunk_stream_id: number },
            3 => Self::Acknowledgement { sequence_number: number },
            5 => Self::WindowAcknowledgementSize { size: number },
            _ => {
                let mut limit_type = None;
                if fault.is_none() {
                    (limit_type, fault) = split(c.u8("limit type").map(LimitType::from_number));
                }
                Self::SetPeerBandwidth { size: number, limit_type }
            }
        };
        Some((control, fault))
    }

    /// The message type.
    #[must_use]
    pub const fn type_id(self) -> u8 {
        match self {
            Self::SetChunkSize { .. } => 1,
            Self::Abort { .. } => 2,
            Self::Acknowledgement { .. } => 3,
            Self::WindowAcknowledgementSize { .. } => 5,
            Self::SetPeerBandwidth { .. } => 6,
        }
    }

    /// Appends the payload, as far as its numbers are known.
    pub fn encode(self, out: &mut Vec<u8>) {
        let (number, last) = match self {
            Self::SetChunkSize { size: number }
            | Self::Abort { chunk_stream_id: number }
            | Self::Acknowledgement { sequence_number: number }
            | Self::WindowAcknowledgementSize { size: number } => (number, None),
            Self::SetPeerBandwidth { size, limit_type } => (size, limit_type),
        };
        if let Some(number) = number {
            out.extend_from_slice(&number.to_be_bytes());
            out.extend(last.map(LimitType::number));
        }
    }
}

fn split<T>(result: Result<T, Fault>) -> (Option<T>, Option<Fault>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(fault) => (None, Some(fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROWS: [(u8, &[u8], Control); 8] = [
        (1, &[0, 0, 0x10, 0], Control::SetChunkSize { size: Some(4096) }),
        (1, &[0x80, 0, 0, 1], Control::SetChunkSize { size: Some(0x8000_0001) }),
        (2, &[0, 0, 0, 4], Control::Abort { chunk_stream_id: Some(4) }),
        (3, &[0xff, 0, 0, 1], Control::Acknowledgement { sequence_number: Some(0xff00_0001) }),
        (5, &[0, 0x26, 0x25, 0xa0], Control::WindowAcknowledgementSize { size: Some(2_500_000) }),
        (
            6,
            &[0, 0x26, 0x25, 0xa0, 2],
            Control::SetPeerBandwidth {
                size: Some(2_500_000),
                limit_type: Some(LimitType::Dynamic),
            },
        ),
        (
            6,
            &[0, 0, 0, 1, 0],
            Control::SetPeerBandwidth { size: Some(1), limit_type: Some(LimitType::Hard) },
        ),
        (
            6,
            &[0, 0, 0, 1, 9],
            Control::SetPeerBandwidth { size: Some(1), limit_type: Some(LimitType::Other(9)) },
        ),
    ];

    #[test]
    fn payloads_there_and_back() {
        for (type_id, bytes, control) in ROWS {
            assert_eq!(Control::decode(type_id, bytes), Some((control, None)));
            let mut out = Vec::new();
            control.encode(&mut out);
            assert_eq!((control.type_id(), out.as_slice()), (type_id, bytes));
        }
        for type_id in [0, 4, 7, 8, 20] {
            assert_eq!(Control::decode(type_id, &[0; 8]), None);
        }
    }

    #[test]
    fn short_payloads_keep_what_is_there() {
        for (type_id, bytes, _) in ROWS {
            for cut in 0..bytes.len() {
                let (control, fault) = Control::decode(type_id, &bytes[..cut]).unwrap();
                assert!(fault.is_some());
                let mut out = Vec::new();
                control.encode(&mut out);
                assert_eq!(out, bytes[..if cut < 4 { 0 } else { 4 }]);
            }
        }
        let fault = Control::decode(6, &[0, 0, 0, 1]).unwrap().1;
        assert_eq!(fault, Some(Fault::short(4, "limit type", 1, 0)));
    }

    #[test]
    fn limit_types_display_as_names_or_numbers() {
        let shown: Vec<_> = (0..4).map(|n| LimitType::from_number(n).to_string()).collect();
        assert_eq!(shown, ["hard", "soft", "dynamic", "3"]);
    }

    proptest! {
        #[test]
        fn no_payload_panics(type_id in any::<u8>(), bytes in proptest::collection::vec(any::<u8>(), 0..9)) {
            let _ = Control::decode(type_id, &bytes);
        }
    }
}
