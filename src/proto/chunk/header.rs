//! The chunk header, both ways: basic header, message header of formats 0 to 3, extended timestamp.
//!
//! Defined by: RTMP 1.0 §5.3.1. Nothing here holds state; what formats 1 to 3 leave out comes from the caller.

/// The timestamp field that announces an extended timestamp (RTMP 1.0 §5.3.1.3).
pub const EXTENDED: u32 = 0xff_ffff;

/// The longest header: three bytes of basic header, eleven of message header, four of extended timestamp.
pub const MAX_HEADER: usize = 18;

/// The lowest chunk stream id that a header can carry (RTMP 1.0 §5.3.1.1: 0 and 1 are escapes).
pub const MIN_CHUNK_STREAM_ID: u32 = 2;

/// The highest chunk stream id that a header can carry.
pub const MAX_CHUNK_STREAM_ID: u32 = 65_599;

/// What one chunk's header says, as it says it. Fields that its format does not carry are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 0 to 3.
    pub format: u8,
    /// 2 to 65,599.
    pub chunk_stream_id: u32,
    /// Bytes of the basic header: 1, 2 or 3. The form may be longer than the id needs.
    pub basic_length: u8,
    /// The 24-bit timestamp (format 0) or timestamp delta (1 and 2), milliseconds.
    pub timestamp_field: Option<u32>,
    /// The 32-bit value that follows where the field is 0xFFFFFF; on format 3, where it was found repeated.
    pub extended_timestamp: Option<u32>,
    /// The message's length in bytes (formats 0 and 1).
    pub length: Option<u32>,
    /// The message type id (formats 0 and 1).
    pub type_id: Option<u8>,
    /// The message stream id (format 0), the one little-endian field of RTMP.
    pub message_stream_id: Option<u32>,
}

impl Header {
    /// The timestamp or delta that the header carries, whichever field holds it.
    #[must_use]
    pub fn time(&self) -> Option<u32> {
        self.timestamp_field.map(|field| self.extended_timestamp.unwrap_or(field))
    }

    /// Bytes of the whole header on the wire.
    #[must_use]
    pub const fn wire_length(&self) -> usize {
        self.basic_length as usize
            + MESSAGE_HEADER[self.format as usize & 3]
            + if self.extended_timestamp.is_some() { 4 } else { 0 }
    }

    /// Appends the header's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode_basic(self.format, self.chunk_stream_id, out);
        if let Some(field) = self.timestamp_field {
            out.extend_from_slice(&field.to_be_bytes()[1..]);
        }
        if let (Some(length), Some(type_id)) = (self.length, self.type_id) {
            out.extend_from_slice(&length.to_be_bytes()[1..]);
            out.push(type_id);
        }
        if let Some(id) = self.message_stream_id {
            out.extend_from_slice(&id.to_le_bytes());
        }
        if let Some(extended) = self.extended_timestamp {
            out.extend_from_slice(&extended.to_be_bytes());
        }
    }
}

/// Bytes of the message header by format.
const MESSAGE_HEADER: [usize; 4] = [11, 7, 3, 0];

/// Appends a basic header in the shortest form that holds the id (RTMP 1.0 §5.3.1.1).
///
/// In the three-byte form the second byte is the low one: id = 64 + second + 256 × third.
pub(super) fn encode_basic(format: u8, chunk_stream_id: u32, out: &mut Vec<u8>) {
    let top = format << 6;
    match chunk_stream_id {
        0..=63 => out.push(top | chunk_stream_id as u8),
        64..=319 => out.extend_from_slice(&[top, (chunk_stream_id - 64) as u8]),
        _ => {
            let [_, _, high, low] = (chunk_stream_id - 64).to_be_bytes();
            out.extend_from_slice(&[top | 1, low, high]);
        }
    }
}

/// Format, chunk stream id and length of the basic header at the front of `bytes`; `None` where it is cut.
#[inline]
#[must_use]
pub fn basic(bytes: &[u8]) -> Option<(u8, u32, u8)> {
    let first = *bytes.first()?;
    let format = first >> 6;
    match first & 0x3f {
        0 => Some((format, 64 + u32::from(*bytes.get(1)?), 2)),
        1 => Some((format, 64 + u32::from(*bytes.get(1)?) + 256 * u32::from(*bytes.get(2)?), 3)),
        id => Some((format, u32::from(id), 1)),
    }
}

/// Reads the header at the front of `bytes`; `None` where it is cut.
///
/// On format 3 the extended timestamp is left out: whether it is repeated can only be told with the chunk stream's
/// last header at hand ([`repeated_extended`]).
#[inline]
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Header> {
    let (format, chunk_stream_id, basic_length) = basic(bytes)?;
    let mut header = Header {
        format,
        chunk_stream_id,
        basic_length,
        timestamp_field: None,
        extended_timestamp: None,
        length: None,
        type_id: None,
        message_stream_id: None,
    };
    let rest = &bytes[basic_length as usize..];
    let size = MESSAGE_HEADER[format as usize];
    if format == 3 {
        return Some(header);
    }
    if rest.len() < size {
        return None;
    }
    let field = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]);
    header.timestamp_field = Some(field);
    if format < 2 {
        header.length = Some(u32::from_be_bytes([0, rest[3], rest[4], rest[5]]));
        header.type_id = Some(rest[6]);
    }
    if format == 0 {
        header.message_stream_id = Some(u32::from_le_bytes([rest[7], rest[8], rest[9], rest[10]]));
    }
    if field == EXTENDED {
        let extended = rest.get(size..size + 4)?;
        header.extended_timestamp =
            Some(u32::from_be_bytes([extended[0], extended[1], extended[2], extended[3]]));
    }
    Some(header)
}

/// Whether the four bytes at the front of `bytes` repeat the extended timestamp `expected`.
///
/// Senders disagree on whether a format 3 chunk repeats it (RTMP 1.0 §5.3.1.3 says that it does), so it is decided by
/// looking. `None` where the bytes at hand all agree but are fewer than four.
#[inline]
#[must_use]
pub fn repeated_extended(bytes: &[u8], expected: u32) -> Option<bool> {
    let expected = expected.to_be_bytes();
    let at_hand = bytes.len().min(4);
    if bytes[..at_hand] != expected[..at_hand] {
        return Some(false);
    }
    (at_hand == 4).then_some(true)
}

/// Whether a header can be that of a real message, or can only be other bytes read as one.
///
/// Unknown types are legal, so a type alone condemns nothing: it takes an unknown type together with a message stream
/// id or length that no peer uses, or a protocol control message of a length that cannot be one.
#[must_use]
pub(crate) fn plausible(type_id: u8, length: u32, message_stream_id: u32) -> bool {
    const MOST_STREAMS: u32 = 0xffff;
    const MOST_CONTROL: u32 = 1024;
    const MOST_UNKNOWN: u32 = 1 << 20;
    // Some peers write the little-endian id in network order.
    let stream_ok =
        message_stream_id <= MOST_STREAMS || message_stream_id.swap_bytes() <= MOST_STREAMS;
    match type_id {
        1..=6 => length <= MOST_CONTROL && stream_ok,
        8 | 9 | 15..=20 | 22 => stream_ok,
        _ => stream_ok && length <= MOST_UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(format: u8, id: u32, basic_length: u8) -> Header {
        Header {
            format,
            chunk_stream_id: id,
            basic_length,
            timestamp_field: None,
            extended_timestamp: None,
            length: None,
            type_id: None,
            message_stream_id: None,
        }
    }

    fn cases() -> Vec<(Vec<u8>, Header)> {
        vec![
            (
                vec![0x03, 0x00, 0x0b, 0x68, 0x00, 0x00, 0x19, 0x14, 0x00, 0x00, 0x00, 0x00],
                Header {
                    timestamp_field: Some(0xb68),
                    length: Some(25),
                    type_id: Some(20),
                    message_stream_id: Some(0),
                    ..header(0, 3, 1)
                },
            ),
            (
                vec![
                    0x06, 0xff, 0xff, 0xff, 0x00, 0x00, 0x04, 0x09, 0x01, 0x00, 0x00, 0x00, 0x01,
                    0x00, 0x00, 0x02,
                ],
                Header {
                    timestamp_field: Some(0xff_ffff),
                    extended_timestamp: Some(0x0100_0002),
                    length: Some(4),
                    type_id: Some(9),
                    message_stream_id: Some(1),
                    ..header(0, 6, 1)
                },
            ),
            (
                vec![0x40, 0x00, 0x00, 0x00, 0x17, 0x00, 0x01, 0x00, 0x08],
                Header {
                    timestamp_field: Some(0x17),
                    length: Some(256),
                    type_id: Some(8),
                    ..header(1, 64, 2)
                },
            ),
            (
                vec![0x80, 0x05, 0x00, 0x00, 0x21],
                Header { timestamp_field: Some(0x21), ..header(2, 69, 2) },
            ),
            (vec![0xc1, 0x05, 0x01], header(3, 325, 3)),
            (vec![0xc0, 0xff], header(3, 319, 2)),
            (vec![0xc1, 0x00, 0x01], header(3, 320, 3)),
            (vec![0xc1, 0xff, 0xff], header(3, 65_599, 3)),
            (vec![0xff], header(3, 63, 1)),
        ]
    }

    #[test]
    fn headers_decode_and_encode_byte_by_byte() {
        for (bytes, expected) in cases() {
            assert_eq!(decode(&bytes), Some(expected), "{bytes:02x?}");
            assert_eq!(expected.wire_length(), bytes.len());
            let mut out = Vec::new();
            expected.encode(&mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_cut_header_is_not_a_header_yet() {
        for (bytes, _) in cases() {
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None, "{:02x?}", &bytes[..cut]);
            }
        }
    }

    #[test]
    fn a_longer_form_than_needed_is_read() {
        assert_eq!(basic(&[0x01, 0x00, 0x00]), Some((0, 64, 3)));
        assert_eq!(basic(&[0x00, 0x00]), Some((0, 64, 2)));
    }

    #[test]
    fn a_repeated_extended_timestamp_is_told_by_its_bytes() {
        let value = 0x0100_0002;
        assert_eq!(repeated_extended(&[1, 0, 0, 2, 9], value), Some(true));
        assert_eq!(repeated_extended(&[1, 0, 0, 3], value), Some(false));
        assert_eq!(repeated_extended(&[1, 0], value), None);
        assert_eq!(repeated_extended(&[2], value), Some(false));
        assert_eq!(repeated_extended(&[], value), None);
    }
}
