//! Supplemental enhancement information: the messages in a NAL unit (ITU-T H.264 §7.3.2.3 and annex D, H.265 §7.3.5 and
//! annex D, H.266 §7.3.6). Most are only told by type and length.

use super::super::codec::avc::PictureTiming;
use super::super::codec::bits::Bits;
use super::message::{self, Content, Message, Timecode};
use super::{Bitstream, Context, Format, names};
use crate::Limits;
use crate::proto::fault::Fault;

const USER_DATA_REGISTERED: u32 = 4;
const USER_DATA_UNREGISTERED: u32 = 5;
const RECOVERY_POINT: u32 = 6;
const PIC_TIMING: u32 = 1;
const TIME_CODE: u32 = 136;
const MASTERING_DISPLAY: u32 = 137;
const LIGHT_LEVEL: u32 = 144;

/// The bytes of a NAL unit without its emulation prevention bytes.
struct Plain<'a> {
    /// Without the zeros that may follow a unit, so that the end is looked for once.
    bytes: &'a [u8],
    at: usize,
    zeros: u8,
}

impl<'a> Plain<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Self { bytes: &bytes[..end], at: 0, zeros: 0 }
    }

    /// Whether there is more than the stop bit: `more_rbsp_data` (ITU-T H.264 §7.2).
    fn more(&self) -> bool {
        !matches!(self.bytes[self.at..], [] | [0x80])
    }
}

impl Iterator for Plain<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.get(self.at)?;
        if self.zeros >= 2 && byte == 3 {
            self.at += 1;
            self.zeros = 0;
            byte = *self.bytes.get(self.at)?;
        }
        self.at += 1;
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }
}

/// Reads the messages of a unit, behind its header. A recovery point makes the frame one to start at.
pub(super) fn read(
    format: Format,
    body: &[u8],
    context: &Context,
    limits: &Limits,
    found: &mut Bitstream,
) -> Option<Fault> {
    let mut plain = Plain::new(body);
    let mut payload = Vec::new();
    while plain.more() {
        let kind = number(&mut plain)?;
        let length = number(&mut plain)? as usize;
        let at = plain.at;
        payload.clear();
        let mut seen = 0;
        for byte in plain.by_ref().take(length) {
            if payload.len() < limits.message_bytes {
                payload.push(byte);
            }
            seen += 1;
        }
        let content = content(format, kind, &payload, context.timing);
        if matches!(content, Content::RecoveryPoint { .. }) {
            found.key = Some(true);
        }
        let name = names::sei(kind);
        found.message(Message { name, number: u64::from(kind), length, content }, limits);
        if seen < length {
            return Some(Fault::short(at, "SEI message", length as u64, seen as u64));
        }
    }
    None
}

/// A payload type or size: bytes of 255, and one that is less. `None` where the unit ends inside it, which trailing
/// zeros do.
fn number(plain: &mut Plain<'_>) -> Option<u32> {
    let mut sum = 0u32;
    loop {
        let byte = plain.next()?;
        sum = sum.saturating_add(u32::from(byte));
        if byte != 255 {
            return Some(sum);
        }
    }
}

fn content(format: Format, number: u32, payload: &[u8], timing: PictureTiming) -> Content {
    let mut b = Bits::new(payload);
    let read = match (number, format) {
        (USER_DATA_REGISTERED, _) => Ok(message::registered(payload)),
        (USER_DATA_UNREGISTERED, _) => Ok(unregistered(payload)),
        (RECOVERY_POINT, Format::Avc) => b.ue("recovery_frame_cnt").map(|frames| {
            Content::RecoveryPoint { frames: i32::try_from(frames).unwrap_or(i32::MAX) }
        }),
        (RECOVERY_POINT, _) => {
            b.se("recovery_poc_cnt").map(|frames| Content::RecoveryPoint { frames })
        }
        (PIC_TIMING, Format::Avc) => picture_timing(&mut b, timing),
        (TIME_CODE, Format::Hevc | Format::Vvc) => time_code(&mut b),
        (MASTERING_DISPLAY, _) => mastering(payload),
        (LIGHT_LEVEL, _) => Ok(message::light_level(payload)),
        _ => Ok(Content::Other),
    };
    read.unwrap_or(Content::Other)
}

fn unregistered(payload: &[u8]) -> Content {
    match payload.split_first_chunk::<16>() {
        Some((uuid, rest)) => Content::Unregistered { uuid: *uuid, text: message::text(rest) },
        None => Content::Other,
    }
}

/// `mastering_display_colour_volume` (ITU-T H.265 §D.2.28): eight coordinates, then the luminances.
fn mastering(payload: &[u8]) -> Result<Content, Fault> {
    let mut b = Bits::new(payload);
    b.skip(8 * 16, "display primaries and white point")?;
    Ok(Content::Mastering {
        max_luminance: b.u(32, "max_display_mastering_luminance")?,
        min_luminance: b.u(32, "min_display_mastering_luminance")?,
    })
}

/// AVC's `pic_timing` (ITU-T H.264 §D.1.3).
fn picture_timing(b: &mut Bits<'_>, timing: PictureTiming) -> Result<Content, Fault> {
    if let Some((removal, output)) = timing.delay_bits {
        b.skip(u32::from(removal) + u32::from(output), "cpb_removal_delay and dpb_output_delay")?;
    }
    if !timing.pic_struct {
        return Ok(Content::Other);
    }
    // Fields and repetitions that may have a time each (ITU-T H.264 table D-1).
    let times = match b.u(4, "pic_struct")? {
        0..=2 => 1,
        3 | 4 | 7 => 2,
        5 | 6 | 8 => 3,
        _ => 0,
    };
    let mut found = Vec::new();
    for _ in 0..times {
        if !b.flag("clock_timestamp_flag")? {
            continue;
        }
        b.skip(2 + 1 + 5, "ct_type, nuit_field_based_flag and counting_type")?;
        found.push(Timecode::read(b, 8)?);
        b.skip(u32::from(timing.time_offset_bits), "time_offset")?;
    }
    Ok(Content::Timecodes(found))
}

/// `time_code` (ITU-T H.265 §D.2.27).
fn time_code(b: &mut Bits<'_>) -> Result<Content, Fault> {
    let mut found = Vec::new();
    for _ in 0..b.u(2, "num_clock_ts")? {
        if !b.flag("clock_timestamp_flag")? {
            continue;
        }
        b.skip(1 + 5, "units_field_based_flag and counting_type")?;
        found.push(Timecode::read(b, 9)?);
        let offset = b.u(5, "time_offset_length")?;
        b.skip(offset, "time_offset_value")?;
    }
    Ok(Content::Timecodes(found))
}
