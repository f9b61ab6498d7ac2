//! SCTE-35 cue messages, as far as they say what a player does next. It knows no message that carries one.
//!
//! Defined by: ANSI/SCTE 35 §9.6 (`splice_info_section`), §9.7.3 (`splice_insert`), §9.7.4 (`time_signal`).

use super::super::super::cursor::Cursor;
use super::super::super::fault::Fault;

/// A `splice_info_section`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpliceInfo {
    /// `splice_command_type`.
    pub command: SpliceCommand,
    /// Whether the command is encrypted, which hides all that follows.
    pub encrypted: bool,
    /// `splice_event_id` of a `splice_insert`.
    pub event_id: Option<u32>,
    /// `splice_event_cancel_indicator` of a `splice_insert`: the event is called off.
    pub cancelled: bool,
    /// `out_of_network_indicator` of a `splice_insert`: to the advertisement, or back.
    pub out_of_network: Option<bool>,
    /// `pts_time` of a `splice_insert` or `time_signal`, ticks of 90 kHz; the adjustment is added to it.
    pub pts: Option<u64>,
    /// `duration` of a `splice_insert`, ticks of 90 kHz.
    pub duration: Option<u64>,
}

/// `splice_command_type` (§9.6, table 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpliceCommand {
    /// 0.
    Null,
    /// 4.
    Schedule,
    /// 5.
    Insert,
    /// 6.
    TimeSignal,
    /// 7.
    BandwidthReservation,
    /// 255.
    Private,
    /// Reserved.
    Other(u8),
}

impl SpliceCommand {
    const fn of(number: u8) -> Self {
        match number {
            0 => Self::Null,
            4 => Self::Schedule,
            5 => Self::Insert,
            6 => Self::TimeSignal,
            7 => Self::BandwidthReservation,
            255 => Self::Private,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Schedule => 4,
            Self::Insert => 5,
            Self::TimeSignal => 6,
            Self::BandwidthReservation => 7,
            Self::Private => 255,
            Self::Other(number) => number,
        }
    }

    /// The specification's name; `None` for a reserved number.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Null => "splice_null",
            Self::Schedule => "splice_schedule",
            Self::Insert => "splice_insert",
            Self::TimeSignal => "time_signal",
            Self::BandwidthReservation => "bandwidth_reservation",
            Self::Private => "private_command",
            Self::Other(_) => return None,
        })
    }
}

/// The longest section: 12 bits of length behind three bytes.
const LONGEST: usize = 0xfff + 3;

impl SpliceInfo {
    /// The section that these bytes are: table id 0xFC, and exactly as long as they say. What its command lacks is `None`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        /// Bytes of the header, and of the CRC at the end.
        const LEAST: usize = 14 + 4;
        let &[0xfc, high, low, ..] = bytes else { return None };
        let length = usize::from(u16::from_be_bytes([high & 0x0f, low]));
        if bytes.len() != length + 3 || bytes.len() < LEAST {
            return None;
        }
        let mut info = Self {
            command: SpliceCommand::of(bytes[13]),
            encrypted: bytes[4] & 0x80 != 0,
            event_id: None,
            cancelled: false,
            out_of_network: None,
            pts: None,
            duration: None,
        };
        if !info.encrypted {
            let adjustment = time([bytes[4], bytes[5], bytes[6], bytes[7], bytes[8]]);
            // What is cut is what is not there.
            let _ = info.read(&bytes[14..], adjustment);
        }
        Some(info)
    }

    /// The same in Base64 (RFC 4648 §4).
    #[must_use]
    pub fn of_base64(text: &[u8]) -> Option<Self> {
        // 0xFC and what follows it.
        if !text.starts_with(b"/") || text.len() > LONGEST.div_ceil(3) * 4 {
            return None;
        }
        Self::of(&base64(text)?)
    }

    fn read(&mut self, bytes: &[u8], adjustment: u64) -> Result<(), Fault> {
        let mut c = Cursor::new(bytes);
        match self.command {
            SpliceCommand::Insert => {
                self.event_id = Some(c.u32("splice_event_id")?);
                self.cancelled = c.u8("splice_event_cancel_indicator")? & 0x80 != 0;
                if self.cancelled {
                    return Ok(());
                }
                let flags = c.u8("splice_insert flags")?;
                self.out_of_network = Some(flags & 0x80 != 0);
                let (program, has_duration, now) =
                    (flags & 0x40 != 0, flags & 0x20 != 0, flags & 0x10 != 0);
                if program && !now {
                    self.pts = splice_time(&mut c, adjustment)?;
                } else if !program {
                    for _ in 0..c.u8("component_count")? {
                        c.u8("component_tag")?;
                        if !now {
                            let pts = splice_time(&mut c, adjustment)?;
                            self.pts = self.pts.or(pts);
                        }
                    }
                }
                if has_duration {
                    self.duration = Some(time(c.array("break_duration")?));
                }
            }
            SpliceCommand::TimeSignal => self.pts = splice_time(&mut c, adjustment)?,
            _ => {}
        }
        Ok(())
    }
}

/// `splice_time` (§9.8.1).
fn splice_time(cursor: &mut Cursor<'_>, adjustment: u64) -> Result<Option<u64>, Fault> {
    if cursor.peek().is_some_and(|byte| byte & 0x80 != 0) {
        let pts = time(cursor.array("pts_time")?);
        return Ok(Some((pts + adjustment) & TIME));
    }
    cursor.u8("splice_time").map(|_| None)
}

/// The 33 bits that a time has.
const TIME: u64 = (1 << 33) - 1;

/// The lower 33 bits of 40.
fn time([a, b, c, d, e]: [u8; 5]) -> u64 {
    u64::from_be_bytes([0, 0, 0, a, b, c, d, e]) & TIME
}

/// Base64 to bytes; `None` where it is none.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = &text[..text.len() - padding];
    if padding > 2 || padding > 0 && !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for &digit in group {
            bits = bits << 6
                | u32::from(match digit {
                    b'A'..=b'Z' => digit - b'A',
                    b'a'..=b'z' => digit - b'a' + 26,
                    b'0'..=b'9' => digit - b'0' + 52,
                    b'+' => 62,
                    b'/' => 63,
                    _ => return None,
                });
        }
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Makes a section with the length that it has.
    fn section(command: u8, body: &[u8]) -> Vec<u8> {
        let mut out =
            vec![0xfc, 0x30, 0, 0, 0, 0, 0, 0, 10, 0, 0xff, 0xf0, body.len() as u8, command];
        out.extend_from_slice(body);
        out.extend([0, 0, 1, 2, 3, 4]);
        let length = out.len() as u16 - 3;
        out[1] |= (length >> 8) as u8;
        out[2] = length as u8;
        out
    }

    const NONE: SpliceInfo = SpliceInfo {
        command: SpliceCommand::Null,
        encrypted: false,
        event_id: None,
        cancelled: false,
        out_of_network: None,
        pts: None,
        duration: None,
    };

    fn rows() -> Vec<(u8, Vec<u8>, SpliceInfo)> {
        let insert = SpliceInfo { command: SpliceCommand::Insert, event_id: Some(5), ..NONE };
        vec![
            (0, vec![], NONE),
            (4, vec![0], SpliceInfo { command: SpliceCommand::Schedule, ..NONE }),
            (5, vec![0, 0, 0, 5, 0xff], SpliceInfo { cancelled: true, ..insert }),
            // Out at a time for 30 seconds.
            (
                5,
                vec![
                    0, 0, 0, 5, 0x7f, 0xef, 0xff, 0, 0, 0, 90, 0xfe, 0, 0x29, 0x32, 0xe0, 0, 1, 0,
                    0,
                ],
                SpliceInfo {
                    out_of_network: Some(true),
                    pts: Some((1 << 32) + 100),
                    duration: Some(2_700_000),
                    ..insert
                },
            ),
            // Back at once.
            (5, vec![0, 0, 0, 5, 0x7f, 0x5f, 0, 1, 0, 0], {
                SpliceInfo { out_of_network: Some(false), ..insert }
            }),
            // Component by component.
            (5, vec![0, 0, 0, 5, 0x7f, 0x8f, 2, 1, 0x7f, 2, 0xfe, 0, 0, 0, 1, 0, 1, 0, 0], {
                SpliceInfo { out_of_network: Some(true), pts: Some(11), ..insert }
            }),
            (6, vec![0xfe, 0, 0, 0, 7], {
                SpliceInfo { command: SpliceCommand::TimeSignal, pts: Some(17), ..NONE }
            }),
            (6, vec![0x7f], SpliceInfo { command: SpliceCommand::TimeSignal, ..NONE }),
            (7, vec![], SpliceInfo { command: SpliceCommand::BandwidthReservation, ..NONE }),
            (255, vec![1, 2, 3, 4], SpliceInfo { command: SpliceCommand::Private, ..NONE }),
            (9, vec![], SpliceInfo { command: SpliceCommand::Other(9), ..NONE }),
        ]
    }

    #[test]
    fn commands_are_read() {
        for (number, body, info) in rows() {
            let bytes = section(number, &body);
            assert_eq!(SpliceInfo::of(&bytes), Some(info), "{bytes:02x?}");
            assert_eq!(info.command.number(), number);
            let mut hidden = bytes;
            hidden[4] |= 0x80;
            let encrypted = SpliceInfo { command: info.command, encrypted: true, ..NONE };
            assert_eq!(SpliceInfo::of(&hidden), Some(encrypted));
        }
    }

    #[test]
    fn what_is_not_exactly_a_section_is_none() {
        for (number, body, _) in rows() {
            let bytes = section(number, &body);
            for cut in 0..bytes.len() {
                assert_eq!(SpliceInfo::of(&bytes[..cut]), None);
            }
            assert_eq!(SpliceInfo::of(&[&bytes[..], &[0]].concat()), None);
        }
        assert_eq!(SpliceInfo::of(b"\xfc\x30\x00"), None);
    }

    #[test]
    fn base64_of_real_encoders_is_read() {
        // From the documentation of two cloud services.
        let insert =
            SpliceInfo::of_base64(b"/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==");
        let expected = SpliceInfo {
            command: SpliceCommand::Insert,
            event_id: Some(0x4313_56a0),
            out_of_network: Some(true),
            pts: Some(0x1_c81c_ac03),
            duration: Some(4_050_000),
            ..NONE
        };
        assert_eq!(insert, Some(expected));
        let signal =
            b"/DA0AAAAAAAAAAAABQb+ADAQ6QAeAhxDVUVJQAAAO3/PAAEUrEoICAAAAAAg+2UBNAAANvrtoQ==";
        let expected =
            SpliceInfo { command: SpliceCommand::TimeSignal, pts: Some(3_150_057), ..NONE };
        assert_eq!(SpliceInfo::of_base64(signal), Some(expected));
        for none in [&b""[..], b"/", b"/D==", b"/DA lA", b"hello", b"/DAlAAAA"] {
            assert_eq!(SpliceInfo::of_base64(none), None);
        }
    }

    proptest! {
        #[test]
        fn base64_there_and_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut text = Vec::new();
            for group in bytes.chunks(3) {
                let mut padded = [0; 4];
                padded[1..=group.len()].copy_from_slice(group);
                let bits = u32::from_be_bytes(padded);
                for index in 0..4 {
                    let digit = DIGITS[(bits >> (18 - 6 * index) & 63) as usize];
                    text.push(if index <= group.len() { digit } else { b'=' });
                }
            }
            prop_assert_eq!(base64(&text), Some(bytes));
        }

        #[test]
        fn no_bytes_panic(command in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(SpliceInfo::of(&section(command, &body)).is_some());
            let _ = SpliceInfo::of_base64(&body);
        }
    }
}
