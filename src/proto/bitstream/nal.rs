//! NAL units: each behind its length, as containers have them, or between start codes (ITU-T H.264 annex B).

use super::super::codec::avc;
use super::{Bitstream, Context, Format, Unit, names, sei};
use crate::Limits;
use crate::proto::fault::Fault;

/// Walks over the NAL units of a frame.
pub(super) fn walk(
    format: Format,
    frame: &[u8],
    context: &mut Context,
    limits: &Limits,
    found: &mut Bitstream,
) -> Option<Fault> {
    let size = usize::from(context.nal_length_size.unwrap_or(4)).clamp(1, 4);
    let mut each = |at: usize, unit: &[u8], length: usize, found: &mut Bitstream| {
        take(format, at, unit, length, context, limits, found);
    };
    // What begins as a start code may also be a length of 1, or of 256 to 511: it is one where the lengths add up.
    if starts(frame) && !adds_up(frame, size) {
        found.annex_b = true;
        between_start_codes(frame, &mut |at, unit| each(at, unit, unit.len(), found));
        return None;
    }
    let mut at = 0;
    while at < frame.len() {
        let Some(length) = length(&frame[at..], size) else {
            let left = (frame.len() - at) as u64;
            return Some(Fault::short(at, "NAL unit length", size as u64, left));
        };
        at += size;
        if length == 0 {
            found.note(Some(Fault::invalid(at - size, "NAL unit length", 0)));
            continue;
        }
        let left = frame.len() - at;
        each(at, &frame[at..at + length.min(left)], length, found);
        if length > left {
            return Some(Fault::short(at, "NAL unit", length as u64, left as u64));
        }
        at += length;
    }
    None
}

/// The length before a unit; `None` where it is cut.
fn length(bytes: &[u8], size: usize) -> Option<usize> {
    Some(bytes.get(..size)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// Whether there is a start code at the front.
fn starts(frame: &[u8]) -> bool {
    frame.starts_with(&[0, 0, 1]) || frame.starts_with(&[0, 0, 0, 1])
}

/// Whether lengths lead exactly to the end.
fn adds_up(frame: &[u8], size: usize) -> bool {
    let mut at = 0;
    while at < frame.len() {
        match length(&frame[at..], size) {
            Some(length) => at += size + length,
            None => return false,
        }
    }
    at == frame.len()
}

/// Calls back for each unit between start codes. The zeros before a start code belong to nothing.
fn between_start_codes(frame: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
    let mut begin = None;
    let mut unit = |begin: Option<usize>, end: usize| {
        if let Some(begin) = begin {
            let bytes = &frame[begin..end];
            let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
            if zeros < bytes.len() {
                each(begin, &bytes[..bytes.len() - zeros]);
            }
        }
    };
    let mut at = 0;
    while at + 3 <= frame.len() {
        match frame[at + 2] {
            1 if frame[at] == 0 && frame[at + 1] == 0 => {
                unit(begin, at);
                begin = Some(at + 3);
                at += 3;
            }
            0 => at += 1,
            1 => at += 1,
            _ => at += 3, // no start code has this byte
        }
    }
    unit(begin, frame.len());
}

/// Takes one unit, `at` its place in the frame and `length` what it should have.
fn take(
    format: Format,
    at: usize,
    unit: &[u8],
    length: usize,
    context: &mut Context,
    limits: &Limits,
    found: &mut Bitstream,
) {
    // VVC's type is in the second byte of the header, and a unit may be cut before it.
    let header = match format {
        Format::Avc => 1,
        _ => 2,
    };
    let number = match (format, unit) {
        (Format::Avc, [first, ..]) => first & 0x1f,
        (Format::Hevc, [first, ..]) => first >> 1 & 0x3f,
        (_, [_, second, ..]) => second >> 3,
        _ => {
            found.note(Some(Fault::short(at, "NAL unit header", header, unit.len() as u64)));
            return;
        }
    };
    let body = unit.get(header as usize..).unwrap_or_default();
    let (name, picture, messages) = match format {
        Format::Avc => (names::avc(number), avc_picture(number), number == 6),
        Format::Hevc => (names::hevc(number), hevc_picture(number), matches!(number, 39 | 40)),
        _ => (names::vvc(number), vvc_picture(number), matches!(number, 23 | 24)),
    };
    found.unit(Unit { name, number, length }, limits);
    // What a recovery point said stays; otherwise one picture to start at is enough.
    if let Some(key) = picture
        && found.key != Some(true)
    {
        found.key = Some(key);
    }
    if format == Format::Avc && number == 7 {
        context.timing = avc::picture_timing_of_set(unit);
    }
    if messages {
        let fault = sei::read(format, body, context, limits, found);
        found.note(fault.map(|fault| fault.rebased(at + header as usize)));
    }
}

/// Whether decoding can start at a unit; `None` where it is no part of a picture.
const fn avc_picture(number: u8) -> Option<bool> {
    match number {
        1..=4 => Some(false),
        5 => Some(true),
        _ => None,
    }
}

const fn hevc_picture(number: u8) -> Option<bool> {
    match number {
        16..=21 => Some(true), // BLA, IDR and CRA
        0..=31 => Some(false),
        _ => None,
    }
}

const fn vvc_picture(number: u8) -> Option<bool> {
    match number {
        7..=10 => Some(true), // IDR, CRA and GDR
        0..=11 => Some(false),
        _ => None,
    }
}
