//! Messages beside the picture: supplemental enhancement information, and AV1's metadata.

use core::fmt;

use super::super::codec::bits::Bits;
use crate::proto::fault::Fault;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The name of its type; `None` for a number that has none here.
    pub name: Option<&'static str>,
    /// The payload type; of AV1 the metadata type.
    pub number: u64,
    /// Bytes of its payload.
    pub length: usize,
    /// What is known of it.
    pub content: Content,
}

/// What a message says, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Only its type and length are known.
    Other,
    /// Data under a UUID: encoders put their name and settings there.
    Unregistered {
        /// Whose data it is.
        uuid: [u8; 16],
        /// The data, where it is text; its beginning, where it is longer than
        /// [`Limits::message_bytes`](crate::Limits::message_bytes).
        text: Option<Box<str>>,
    },
    /// Data registered by ITU-T T.35.
    Registered {
        /// The country code, 181 for the United States.
        country: u8,
        /// The provider that the country has registered, 49 for ATSC; `None` with another country code.
        provider: Option<u16>,
        /// How many pairs of closed caption bytes there are, where it holds captions (ATSC A/53 part 4 §6.2.3).
        captions: Option<u8>,
    },
    /// Decoding that starts here gives correct pictures so many frames later (in HEVC and VVC: pictures in output
    /// order, which may be negative).
    RecoveryPoint {
        /// How many.
        frames: i32,
    },
    /// When the picture was taken: one time, or one for each of its fields or repetitions.
    Timecodes(Vec<Timecode>),
    /// How bright the content is, in candela per square metre.
    LightLevel {
        /// Of the brightest pixel.
        max_cll: u16,
        /// On average, of the brightest frame.
        max_fall: u16,
    },
    /// The display that the content was made on, in candela per square metre times 10,000.
    Mastering {
        /// Its brightest white.
        max_luminance: u32,
        /// Its darkest black.
        min_luminance: u32,
    },
}

/// A time of day in frames; what is left out has not changed since the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timecode {
    /// 0 to 23.
    pub hours: Option<u8>,
    /// 0 to 59.
    pub minutes: Option<u8>,
    /// 0 to 59.
    pub seconds: Option<u8>,
    /// The frame of the second.
    pub frames: u16,
    /// Whether frame numbers are left out to keep up with the clock.
    pub drop: bool,
}

impl fmt::Display for Timecode {
    /// `01:02:03:04`, `01:02:03;04` with dropped numbers, `--` for what is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part, sign) in [(self.hours, ":"), (self.minutes, ":"), (self.seconds, "")] {
            match part {
                Some(part) => write!(f, "{part:02}{sign}")?,
                None => write!(f, "--{sign}")?,
            }
        }
        write!(f, "{}{:02}", if self.drop { ';' } else { ':' }, self.frames)
    }
}

impl Timecode {
    /// The flags, frame number and times that AVC, HEVC and AV1 have in the same order (ITU-T H.264 §D.1.3, H.265
    /// §D.2.27, AV1 §5.8.6), behind the counting type.
    pub(super) fn read(b: &mut Bits<'_>, frame_bits: u32) -> Result<Self, Fault> {
        let full = b.flag("full_timestamp_flag")?;
        b.flag("discontinuity_flag")?;
        let drop = b.flag("cnt_dropped_flag")?;
        let frames = b.u(frame_bits, "n_frames")? as u16;
        let mut time = Self { frames, drop, ..Self::default() };
        if full {
            time.seconds = Some(b.u8(6, "seconds_value")?);
            time.minutes = Some(b.u8(6, "minutes_value")?);
            time.hours = Some(b.u8(5, "hours_value")?);
        } else if b.flag("seconds_flag")? {
            time.seconds = Some(b.u8(6, "seconds_value")?);
            if b.flag("minutes_flag")? {
                time.minutes = Some(b.u8(6, "minutes_value")?);
                if b.flag("hours_flag")? {
                    time.hours = Some(b.u8(5, "hours_value")?);
                }
            }
        }
        Ok(time)
    }
}

/// Data registered by ITU-T T.35: whose, and whether it is ATSC's closed captions.
pub(super) fn registered(bytes: &[u8]) -> Content {
    const UNITED_STATES: u8 = 0xb5;
    const ATSC: u16 = 49;
    let Some((country, rest)) = bytes.split_first() else { return Content::Other };
    let provider = match rest {
        [a, b, ..] if *country == UNITED_STATES => Some(u16::from_be_bytes([*a, *b])),
        _ => None,
    };
    // Caption data: `GA94`, type 3, then a byte with the number of pairs in its lower five bits.
    let captions = match rest {
        [_, _, b'G', b'A', b'9', b'4', 3, flags, ..] if provider == Some(ATSC) => {
            (flags & 0x40 != 0).then_some(flags & 0x1f)
        }
        _ => None,
    };
    Content::Registered { country: *country, provider, captions }
}

/// Two numbers: the light level of ITU-T H.265 §D.2.35 and of AV1 §5.8.3.
pub(super) fn light_level(bytes: &[u8]) -> Content {
    match bytes {
        [a, b, c, d, ..] => Content::LightLevel {
            max_cll: u16::from_be_bytes([*a, *b]),
            max_fall: u16::from_be_bytes([*c, *d]),
        },
        _ => Content::Other,
    }
}

/// What is text: UTF-8 without control characters but line ends, and the zero that C ends it with.
pub(super) fn text(bytes: &[u8]) -> Option<Box<str>> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (kept, zeros) = bytes.split_at(end);
    if kept.is_empty() || zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let text = match core::str::from_utf8(kept) {
        Ok(text) => text,
        // Only the end of what was kept may lie inside a character.
        Err(error) if error.error_len().is_none() => {
            core::str::from_utf8(&kept[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    (!text.is_empty() && text.chars().all(plain)).then(|| text.into())
}
