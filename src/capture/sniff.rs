//! What the first bytes of a connection, or bytes from its middle, look like. Knows no connection and keeps nothing.

use crate::proto::handshake::{Side, digest};

/// Bytes that tell a handshake from a chunk header.
const SNIFF: usize = 9;

/// Whether a connection may open with these bytes: the version of RTMP, or of its encrypted kinds.
pub(super) fn opens(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(3 | 6 | 8 | 9))
}

/// What the first bytes of a direction look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// C0 and C1, or S0 and S1.
    Client,
    /// S0 and S1, by their digest.
    Server,
    /// More bytes tell.
    More,
    No,
}

/// Whether a direction begins with C0 and C1, or S0 and S1, or inside the chunk stream: 0x03 is also the first byte of a
/// format 0 chunk on chunk stream 3, and any byte may be one of a payload. The four bytes behind the time are zero, or there
/// is a digest.
pub(super) fn first_packet(bytes: &[u8]) -> First {
    if !opens(bytes) {
        return First::No;
    }
    let Some(zero) = bytes.get(5..SNIFF) else { return First::More };
    if opens_chunk(bytes) {
        return First::No;
    }
    if bytes[0] == 3 && zero == [0; 4] {
        return First::Client;
    }
    match bytes.get(1..).and_then(|bytes| bytes.first_chunk()) {
        None => First::More,
        Some(packet) if digest::find(packet, Side::Client).is_some() => First::Client,
        Some(packet) if digest::find(packet, Side::Server).is_some() => First::Server,
        Some(_) => First::No,
    }
}

/// Whether what may be C0 and C1 is rather the header of a format 0 chunk.
pub(super) fn opens_chunk(bytes: &[u8]) -> bool {
    bytes.get(7).is_some_and(|&type_id| matches!(type_id, 1..=6 | 8 | 9 | 15..=20 | 22))
        && bytes.get(9..12).is_some_and(|high| high[1..] == [0, 0] || *high == [0, 0, 1])
}

/// Whether it is TPKT (remote desktop, H.323), which begins with the same byte, and whose length says so.
pub(super) fn is_tpkt(bytes: &[u8]) -> bool {
    bytes.len() > 4
        && bytes[1] == 0
        && usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) == bytes.len()
}

/// Bytes of the largest TLS record's body.
const LONGEST: usize = (1 << 14) + 2048;
/// Bytes of a TLS record's header.
const HEADER: usize = 5;
/// So many headers, each where the one before says, are no accident: three of them are 72 bits that have to be right.
const CHAIN: usize = 3;

/// The end of the TLS record that may begin at `at`, by its header alone.
fn record(bytes: &[u8], at: usize) -> Option<usize> {
    let &[20..=23, 3, 0..=4, high, low] = bytes.get(at..)?.first_chunk()? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    (1..=LONGEST).contains(&length).then_some(at + HEADER + length)
}

/// Whether bytes from the middle of a connection begin with TLS records.
pub(super) fn is_records(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at + HEADER <= bytes.len() {
        match record(bytes, at) {
            Some(end) => at = end,
            None => return false,
        }
    }
    // What follows the last whole record is the beginning of one, or nothing.
    let rest = bytes.get(at..).unwrap_or_default();
    at > 0
        && (rest.is_empty() || (20..=23).contains(&rest[0]) && rest.get(1).is_none_or(|&b| b == 3))
}

/// Whether TLS records follow one another somewhere in bytes from the middle of a connection; `None` where more bytes may
/// show it.
pub(super) fn has_records(bytes: &[u8]) -> Option<bool> {
    let mut open = false;
    for at in 0..bytes.len().saturating_sub(HEADER - 1) {
        let (mut next, mut headers) = (at, 0);
        while headers < CHAIN
            && let Some(end) = record(bytes, next)
        {
            headers += 1;
            next = end;
        }
        if headers == CHAIN {
            return Some(true);
        }
        // In the middle of a connection it is application data that comes, and its version that it has.
        open |= headers > 0 && next + HEADER > bytes.len() && bytes[at..at + 3] == [23, 3, 3];
    }
    if open { None } else { Some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(lengths: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for (n, &length) in lengths.iter().enumerate() {
            out.extend([23, 3, 3]);
            out.extend((length as u16).to_be_bytes());
            out.extend((0..length).map(|i| (i * 7 + n * 31) as u8 | 0x20));
        }
        out
    }

    #[test]
    fn three_headers_in_a_row_are_tls_wherever_they_begin() {
        let whole = records(&[100, 40, 60, 30]);
        for from in 0..100 {
            assert_eq!(has_records(&whole[from..]), Some(true), "{from}");
        }
        // One more has to begin within what is there.
        assert_eq!(has_records(&whole[106..]), None);
        assert_eq!(has_records(&records(&[100, 40])[50..]), None);
        assert_eq!(has_records(&records(&[100])[50..]), Some(false));
        let mut wrong = whole.clone();
        wrong[105 + 45] = 0x30;
        assert_eq!(has_records(&wrong[50..120]), None);
        assert_eq!(has_records(&wrong[50..]), None);
        assert_eq!(has_records(&wrong[50..][..160]), Some(false));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(
            prop::sample::select(&[0_u8, 3, 20, 23, 3, 255][..]), 0..200)
        ) {
            let _ = (has_records(&bytes), is_records(&bytes), first_packet(&bytes), is_tpkt(&bytes));
        }
    }
}
