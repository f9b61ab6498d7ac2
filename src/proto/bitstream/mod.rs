//! What a coded video frame is made of: NAL units, open bitstream units or frames of a superframe, whether decoding can
//! start there, and the messages beside the picture. It decodes no picture, and knows no tag header.
//!
//! It costs a walk over the frame, so nothing does it unasked.

mod message;
mod nal;
mod names;
mod obu;
mod sei;

pub use message::{Content, Message, Timecode};

use super::codec::picture::{self, Picture};
use super::codec::{avc, hevc, vvc};
use super::fault::Fault;
use crate::Limits;

/// How the frames of a codec are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// NAL units of ITU-T H.264.
    Avc,
    /// NAL units of ITU-T H.265.
    Hevc,
    /// NAL units of ITU-T H.266.
    Vvc,
    /// A temporal unit of open bitstream units.
    Av1,
    /// One frame.
    Vp8,
    /// A frame or a superframe.
    Vp9,
    /// A picture of Sorenson's H.263.
    H263,
    /// A picture of Screen Video.
    ScreenVideo,
    /// A VP6 picture behind its adjustment byte.
    Vp6,
    /// The same with the offset to its alpha data.
    Vp6Alpha,
}

impl Format {
    /// The name of a NAL unit's type; `None` for a number that has none, and for formats without NAL units.
    #[must_use]
    pub const fn unit_name(self, number: u8) -> Option<&'static str> {
        match self {
            Self::Avc => names::avc(number),
            Self::Hevc => names::hevc(number),
            Self::Vvc => names::vvc(number),
            _ => None,
        }
    }

    /// All formats.
    pub const ALL: [Self; 10] = [
        Self::Avc,
        Self::Hevc,
        Self::Vvc,
        Self::Av1,
        Self::Vp8,
        Self::Vp9,
        Self::H263,
        Self::ScreenVideo,
        Self::Vp6,
        Self::Vp6Alpha,
    ];
}

/// What the sequence header of a track says about how to walk its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// Bytes of the length before each NAL unit; `None` where no record was seen, which reads as four.
    pub nal_length_size: Option<u8>,
    /// What AVC's picture timing takes to be read.
    timing: avc::PictureTiming,
    /// Whether AV1's frame headers leave out what still pictures have in common.
    reduced: bool,
}

impl Context {
    /// Learns from a configuration record; from a broken one what could be read.
    pub fn learn(&mut self, format: Format, record: &[u8]) {
        match format {
            Format::Avc => {
                self.nal_length_size = avc::decode(record).0.nal_length_size;
                self.timing = avc::picture_timing(record);
            }
            Format::Hevc => self.nal_length_size = hevc::decode(record).0.nal_length_size,
            Format::Vvc => self.nal_length_size = vvc::decode(record).0.nal_length_size,
            Format::Av1 => obu::learn(self, record),
            _ => {}
        }
    }
}

/// One unit of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The name of its type; `None` for a number that has none.
    pub name: Option<&'static str>,
    /// The type's number (ITU-T H.264 table 7-1, H.265 table 7-1, H.266 table 5, AV1 §6.2.2); for frames of VP8, VP9
    /// and older codecs 0 is a key frame and 1 another.
    pub number: u8,
    /// Its bytes, its header included and its length before it not.
    pub length: usize,
}

/// What a frame is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bitstream {
    /// The units, at most [`Limits::frame_units`].
    pub units: Vec<Unit>,
    /// Units beyond those.
    pub more_units: usize,
    /// Whether decoding can start at this frame; `None` where it has no picture, or cannot be told.
    ///
    /// It can at IDR, CRA and BLA pictures, at recovery points, at shown key frames of AV1, at key frames of the others.
    pub key: Option<bool>,
    /// Whether start codes stand between the units, where lengths should (ITU-T H.264 annex B).
    pub annex_b: bool,
    /// Width and height in the frame, of codecs whose record has none.
    pub size: Option<(u32, u32)>,
    /// Supplemental enhancement information, or AV1's metadata; at most [`Limits::frame_messages`].
    pub messages: Vec<Message>,
    /// Messages beyond those.
    pub more_messages: usize,
    /// The first thing that could not be read; its offset is within the frame.
    pub fault: Option<Fault>,
}

impl Bitstream {
    /// Walks over a frame. `context` is that of its track, and learns from parameter sets in the frame.
    #[must_use]
    pub fn walk(format: Format, frame: &[u8], context: &mut Context, limits: &Limits) -> Self {
        let mut found = Self::default();
        let fault = match format {
            Format::Avc | Format::Hevc | Format::Vvc => {
                nal::walk(format, frame, context, limits, &mut found)
            }
            Format::Av1 => obu::walk(frame, context, limits, &mut found),
            Format::Vp9 => found.superframe(frame, limits),
            Format::Vp8 => found.picture(picture::vp8(frame), frame),
            Format::H263 => found.picture(picture::h263(frame), frame),
            Format::ScreenVideo => found.picture(picture::screen_video(frame), frame),
            Format::Vp6 => found.picture(picture::vp6(frame, false), frame),
            Format::Vp6Alpha => found.picture(picture::vp6(frame, true), frame),
        };
        found.note(fault);
        found
    }

    /// Keeps the first fault.
    fn note(&mut self, fault: Option<Fault>) {
        if self.fault.is_none() {
            self.fault = fault;
        }
    }

    fn unit(&mut self, unit: Unit, limits: &Limits) {
        if self.units.len() < limits.frame_units {
            self.units.push(unit);
        } else {
            self.more_units += 1;
        }
    }

    fn message(&mut self, message: Message, limits: &Limits) {
        if self.messages.len() < limits.frame_messages {
            self.messages.push(message);
        } else {
            self.more_messages += 1;
        }
    }

    /// A frame that is one picture.
    fn picture(&mut self, read: (Picture, Option<Fault>), frame: &[u8]) -> Option<Fault> {
        let (Picture { key, width, height }, fault) = read;
        self.key = key;
        self.size = width.zip(height);
        self.units.push(picture_unit(key, frame.len()));
        fault
    }

    /// The frames of a VP9 superframe (VP9 annex B), whose index stands at its end.
    fn superframe(&mut self, frame: &[u8], limits: &Limits) -> Option<Fault> {
        let Some(sizes) = superframe_sizes(frame) else {
            return self.picture(picture::vp9(frame), frame);
        };
        let (mut at, mut fault) = (0, None);
        for size in sizes {
            let end = at + size;
            let Some(inner) = frame.get(at..end) else {
                let left = (frame.len() - at) as u64;
                return Some(Fault::short(at, "VP9 superframe", size as u64, left));
            };
            let (picture, inner_fault) = picture::vp9(inner);
            if self.key != Some(true) {
                self.key = picture.key.or(self.key);
            }
            self.size = self.size.or_else(|| picture.width.zip(picture.height));
            self.unit(picture_unit(picture.key, size), limits);
            fault = fault.or_else(|| inner_fault.map(|f| f.rebased(at)));
            at = end;
        }
        fault
    }
}

fn picture_unit(key: Option<bool>, length: usize) -> Unit {
    let (name, number) = match key {
        Some(true) => (Some("key_frame"), 0),
        Some(false) => (Some("inter_frame"), 1),
        None => (Some("frame"), 1),
    };
    Unit { name, number, length }
}

/// The sizes in the index of a superframe; `None` where there is none.
fn superframe_sizes(frame: &[u8]) -> Option<impl Iterator<Item = usize> + '_> {
    let last = *frame.last()?;
    if last >> 5 != 0b110 {
        return None;
    }
    let (bytes, frames) = (usize::from(last >> 3 & 3) + 1, usize::from(last & 7) + 1);
    let index = frame.len().checked_sub(2 + bytes * frames)?;
    let [first, sizes @ .., _] = &frame[index..] else { return None };
    (*first == last).then(|| {
        sizes
            .chunks(bytes)
            .map(|size| size.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    })
}

#[cfg(test)]
mod tests;
