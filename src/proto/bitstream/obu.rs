//! Open bitstream units of AV1 (AV1 §5.3): their types, the first bits of frame headers, metadata.

use super::super::codec::av1::{self, Obu};
use super::super::codec::bits::Bits;
use super::message::{self, Content, Message, Timecode};
use super::{Bitstream, Context, Unit, names};
use crate::Limits;
use crate::proto::fault::Fault;

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const METADATA: u8 = 5;
const FRAME: u8 = 6;
/// Bytes of a configuration record before its units.
const RECORD: usize = 4;

/// Learns from the sequence header in a configuration record.
pub(super) fn learn(context: &mut Context, record: &[u8]) {
    let mut at = RECORD;
    while let Ok(Obu { kind, body, end }) = av1::obu(record, at) {
        if kind == SEQUENCE_HEADER {
            context.reduced = av1::has_reduced_headers(&record[body..]);
            return;
        }
        at = end;
    }
}

/// Walks over the units of a temporal unit.
pub(super) fn walk(
    frame: &[u8],
    context: &mut Context,
    limits: &Limits,
    found: &mut Bitstream,
) -> Option<Fault> {
    let mut at = 0;
    while at < frame.len() {
        let Obu { kind, body, end } = match av1::obu(frame, at) {
            Ok(unit) => unit,
            Err(fault) => return Some(fault),
        };
        found.unit(Unit { name: names::obu(kind), number: kind, length: end - at }, limits);
        let bytes = &frame[body..end.min(frame.len())];
        match kind {
            SEQUENCE_HEADER => context.reduced = av1::has_reduced_headers(bytes),
            FRAME_HEADER | FRAME => {
                if let Some(key) = starts(bytes, context.reduced)
                    && found.key != Some(true)
                {
                    found.key = Some(key);
                }
            }
            METADATA => metadata(bytes, limits, found),
            _ => {}
        }
        if end > frame.len() {
            let (needed, had) = ((end - body) as u64, (frame.len() - body) as u64);
            return Some(Fault::short(body, "AV1 OBU", needed, had));
        }
        at = end;
    }
    None
}

/// Whether a frame header is that of a key frame which is shown (AV1 §5.9.2).
fn starts(header: &[u8], reduced: bool) -> Option<bool> {
    const KEY_FRAME: u8 = 0;
    if reduced {
        return Some(true);
    }
    let first = *header.first()?;
    let (existing, kind, shown) = (first & 0x80 != 0, first >> 5 & 3, first & 0x10 != 0);
    Some(!existing && kind == KEY_FRAME && shown)
}

/// One metadata unit (AV1 §5.8).
fn metadata(bytes: &[u8], limits: &Limits, found: &mut Bitstream) {
    let Ok((number, used)) = av1::leb128(bytes) else { return };
    // The trailing bits are not part of it, where there are any.
    let payload = &bytes[used..];
    let end = payload.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let payload = payload[..end].strip_suffix(&[0x80]).unwrap_or(&payload[..end]);
    let content = match number {
        1 => message::light_level(payload),
        2 => mastering(payload).unwrap_or(Content::Other),
        4 => message::registered(payload),
        5 => timecode(payload).unwrap_or(Content::Other),
        _ => Content::Other,
    };
    let name = names::obu_metadata(number);
    found.message(Message { name, number, length: payload.len(), content }, limits);
}

/// `metadata_hdr_mdcv` (AV1 §5.8.4): luminances as fixed point numbers with 8 and 14 bits behind the point.
fn mastering(payload: &[u8]) -> Result<Content, Fault> {
    let mut b = Bits::new(payload);
    b.skip(8 * 16, "primaries and white point")?;
    let max = u64::from(b.u(32, "luminance_max")?);
    let min = u64::from(b.u(32, "luminance_min")?);
    let scaled = |value: u64, bits| u32::try_from((value * 10_000) >> bits).unwrap_or(u32::MAX);
    Ok(Content::Mastering { max_luminance: scaled(max, 8), min_luminance: scaled(min, 14) })
}

/// `metadata_timecode` (AV1 §5.8.6).
fn timecode(payload: &[u8]) -> Result<Content, Fault> {
    let mut b = Bits::new(payload);
    b.skip(5, "counting_type")?;
    Ok(Content::Timecodes(vec![Timecode::read(&mut b, 9)?]))
}
