//! NAL units in what was kept of a frame: enough to say how they are framed and what the first picture is.

use super::per_track::Content;
use crate::inspect::Codec;
use crate::inspect::track::Counter;
use crate::proto::bitstream::Format;
use crate::proto::message::VideoCodec;

/// A NAL unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit<'a> {
    /// The number of its type.
    pub(super) number: u8,
    /// Its bytes, header included, as far as they were kept.
    pub(super) bytes: &'a [u8],
    /// Whether these are all.
    pub(super) whole: bool,
}

/// What is wrong with the framing of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// Start codes stand where lengths should.
    AnnexB,
    /// A length is 0; where in the frame.
    Zero {
        /// Bytes into the frame.
        at: usize,
    },
    /// A unit is longer than what is left of the frame.
    Over {
        /// Bytes into the frame of the length.
        at: usize,
        /// The length.
        length: usize,
        /// What is left behind it.
        left: usize,
    },
}

/// The units of a frame, as far as it was kept.
#[derive(Debug, Clone)]
pub(super) struct Units<'a> {
    format: Format,
    content: Content<'a>,
    size: usize,
    at: usize,
    /// What ended the walk, unless it came to the end of what was kept.
    pub(super) broken: Option<Broken>,
}

impl<'a> Units<'a> {
    pub(super) fn new(format: Format, content: Content<'a>, size: Option<u8>) -> Self {
        let size = usize::from(size.unwrap_or(4)).clamp(1, 4);
        Self { format, content, size, at: 0, broken: None }
    }
}

impl<'a> Iterator for Units<'a> {
    type Item = Unit<'a>;

    fn next(&mut self) -> Option<Unit<'a>> {
        let Content { bytes, length: total } = self.content;
        if self.broken.is_some() || self.at >= bytes.len() {
            return None;
        }
        let field = bytes.get(self.at..self.at + self.size)?;
        let length = field.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let at = self.at;
        let left = total.saturating_sub(at + self.size);
        if length == 0 || length > left {
            self.broken = Some(if length == 0 {
                Broken::Zero { at }
            } else {
                Broken::Over { at, length, left }
            });
            return None;
        }
        let unit = bytes.get(at + self.size..).unwrap_or_default();
        let unit = &unit[..unit.len().min(length)];
        self.at = at + self.size + length;
        let number = number(self.format, unit)?;
        Some(Unit { number, bytes: unit, whole: unit.len() == length })
    }
}

/// The type of a unit; `None` where its header was not kept.
fn number(format: Format, unit: &[u8]) -> Option<u8> {
    Some(match (format, unit) {
        (Format::Avc, [first, ..]) => first & 0x1f,
        (Format::Hevc, [first, ..]) => first >> 1 & 0x3f,
        (Format::Vvc, [_, second, ..]) => second >> 3,
        _ => return None,
    })
}

/// How the frames of a track are made of NAL units, where they are.
pub(super) const fn format_of(counter: &Counter) -> Option<Format> {
    match counter.track.codec {
        Some(Codec::Video(VideoCodec::Avc)) => Some(Format::Avc),
        Some(Codec::Video(VideoCodec::Hevc)) => Some(Format::Hevc),
        Some(Codec::Video(VideoCodec::Vvc)) => Some(Format::Vvc),
        _ => None,
    }
}

/// What is wrong with how the units of a frame are framed.
pub(super) fn broken(format: Format, content: Content<'_>, size: Option<u8>) -> Option<Broken> {
    let mut units = Units::new(format, content, size);
    let odd = units.next().is_some_and(|unit| !is_plausible(format, unit.bytes));
    units.by_ref().for_each(drop);
    let bytes = content.bytes;
    // A start code of four bytes reads as a length of 1, one of three as a length of 256 to 511.
    let starts = bytes.starts_with(&[0, 0, 0, 1]) || bytes.starts_with(&[0, 0, 1]);
    if starts && (units.broken.is_some() || odd) { Some(Broken::AnnexB) } else { units.broken }
}

/// Whether a unit can begin a frame.
fn is_plausible(format: Format, unit: &[u8]) -> bool {
    match (format, unit) {
        (Format::Avc, [first, ..]) => first & 0x80 == 0 && matches!(first & 0x1f, 1 | 5..=12),
        // The last three bits of the header are never zero.
        (_, [first, second, ..]) => first & 0x80 == 0 && second & 7 != 0,
        _ => false,
    }
}

/// Whether a unit is part of a picture.
pub(super) const fn is_picture(format: Format, number: u8) -> bool {
    match format {
        Format::Avc => matches!(number, 1..=5),
        Format::Hevc => number < 32,
        _ => number < 12,
    }
}

/// Whether a picture of this type is one that nothing behind it looks past.
pub(super) const fn is_idr(format: Format, number: u8) -> bool {
    match format {
        Format::Avc => number == 5,
        // BLA pictures are CRA pictures that were made such.
        Format::Hevc => matches!(number, 16..=20),
        _ => matches!(number, 7 | 8),
    }
}

/// Whether a picture of this type is a CRA picture: one to begin at, in front of which pictures may be shown that refer to
/// what came before it.
pub(super) const fn is_cra(format: Format, number: u8) -> bool {
    match format {
        Format::Avc => false,
        Format::Hevc => number == 21,
        _ => number == 9,
    }
}

/// What a picture behind a CRA picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leading {
    /// It leads, and refers to what came before the CRA picture (RASL).
    Skipped,
    /// It leads, and refers to what came behind (RADL).
    Decodable,
    /// It is shown behind the CRA picture: no leading picture follows.
    Trailing,
}

impl Leading {
    /// That of a picture of this type.
    pub(super) const fn of(format: Format, number: u8) -> Self {
        match (format, number) {
            (Format::Hevc, 8 | 9) | (Format::Vvc, 3) => Self::Skipped,
            (Format::Hevc, 6 | 7) | (Format::Vvc, 2) => Self::Decodable,
            _ => Self::Trailing,
        }
    }
}

/// The first unit of a picture in what was kept.
pub(super) fn first_picture<'a>(
    format: Format,
    content: Content<'a>,
    size: Option<u8>,
) -> Option<Unit<'a>> {
    Units::new(format, content, size).find(|unit| is_picture(format, unit.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Content<'_> {
        Content { bytes, length: bytes.len() }
    }

    #[test]
    fn units_of_a_head() {
        let frame = b"\0\0\0\x02\x09\xf0\0\0\0\x05\x65\x88\x84\x01\x02";
        let numbers: Vec<u8> = Units::new(Format::Avc, of(frame), None).map(|u| u.number).collect();
        assert_eq!(numbers, [9, 5]);
        for cut in 0..frame.len() {
            let head = Content { bytes: &frame[..cut], length: frame.len() };
            assert_eq!(broken(Format::Avc, head, None), None, "cut at {cut}");
        }
        let unit = first_picture(Format::Avc, Content { bytes: &frame[..12], length: 15 }, None);
        assert_eq!(unit, Some(Unit { number: 5, bytes: &[0x65, 0x88], whole: false }));
    }

    #[test]
    fn lengths_that_do_not_fit() {
        let broken = |bytes: &[u8], size| broken(Format::Avc, of(bytes), size);
        let over = Broken::Over { at: 0, length: 6, left: 5 };
        assert_eq!(broken(b"\0\0\0\x06\x65\x88\x84\x01\x02", None), Some(over));
        assert_eq!(broken(b"\0\0\0\0\x65\x88", None), Some(Broken::Zero { at: 0 }));
        assert_eq!(broken(b"\0\x02\x65\x88\0\0", Some(2)), Some(Broken::Zero { at: 4 }));
        assert_eq!(broken(b"\x02\x65\x88", Some(1)), None);
    }

    #[test]
    fn start_codes() {
        let annex_b = |bytes: &[u8], length| {
            broken(Format::Avc, Content { bytes, length }, None) == Some(Broken::AnnexB)
        };
        assert!(annex_b(b"\0\0\0\x01\x67\x42\xc0\x1e\xda\x02", 5000));
        assert!(annex_b(b"\0\0\0\x01\x09\xf0\0\0\0\x01\x65\x88", 5000));
        assert!(annex_b(b"\0\0\x01\x67\x42\xc0\x1e\xda\x02", 5000), "no unit begins with 42");
        assert!(annex_b(b"\0\0\x01\x65\x88\x84\x01\x02", 100), "longer than the frame");
        // Lengths that look like start codes.
        assert!(!annex_b(b"\0\0\x01\x65\x41\x9a\x01\x02", 361));
        assert!(!annex_b(b"\0\0\0\x01\x0a", 5));
    }
}
