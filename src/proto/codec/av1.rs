//! AV1: the codec configuration record (AV1 in ISOBMFF §2.3) and the sequence header OBU in it (AV1 §5.5.1).

use super::bits::Bits;
use super::{Level, VideoConfig, colour, rate};
use crate::proto::fault::Fault;

/// The OBU type of a sequence header (AV1 §6.2.2).
const SEQUENCE_HEADER: u8 = 1;

/// The tag of the descriptor in MPEG-2 transport streams, and its length.
const DESCRIPTOR: [u8; 2] = [0x80, 4];

/// Decodes an AV1CodecConfigurationRecord.
#[must_use]
pub fn decode(record: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

/// Decodes an AV1 video descriptor (AV1 in MPEG-2 TS §2.1), also without its tag and length. But for its last byte it
/// is what a record begins with.
#[must_use]
pub fn decode_descriptor(descriptor: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let at = if descriptor.first() == Some(&DESCRIPTOR[0]) {
        if let Some(length) = descriptor.get(1).filter(|length| **length != DESCRIPTOR[1]) {
            let fault = Fault::invalid(1, "AV1 video descriptor length", u64::from(*length));
            return (config, Some(fault));
        }
        2.min(descriptor.len())
    } else {
        0
    };
    let fault = fixed(&mut Bits::new(&descriptor[at..]), &mut config).err();
    (config, fault.map(|fault| fault.rebased(at)))
}

fn walk(record: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut b = Bits::new(record);
    fixed(&mut b, config)?;
    // The OBUs are optional: the first sequence header among them counts.
    let mut at = b.offset();
    while at < record.len() {
        let unit = obu(record, at)?;
        if unit.kind == SEQUENCE_HEADER {
            let cut = unit.end.min(record.len());
            sequence_header(&record[unit.body..cut], config).map_err(|f| f.rebased(unit.body))?;
            break;
        }
        at = unit.end;
    }
    if at > record.len() {
        return Err(Fault::broken(record.len(), "AV1 OBU", "its size goes beyond the record"));
    }
    Ok(())
}

/// The four bytes that a record begins with.
fn fixed(b: &mut Bits<'_>, config: &mut VideoConfig) -> Result<(), Fault> {
    let version = b.u8(8, "AV1 configuration version")?;
    if version != 0x81 {
        return Err(Fault::invalid(0, "AV1 configuration version", u64::from(version)));
    }
    let profile = b.u8(3, "AV1 profile")?;
    let level = b.u8(5, "AV1 level")?;
    profile_and_level(config, profile, level);
    b.flag("AV1 tier")?;
    let high = b.flag("AV1 bit depth")?;
    let twelve = b.flag("AV1 bit depth")?;
    let mono = b.flag("AV1 monochrome flag")?;
    let (x, y) = (b.flag("AV1 chroma subsampling")?, b.flag("AV1 chroma subsampling")?);
    config.bit_depth = Some(match (high, twelve) {
        (true, true) => 12,
        (true, false) => 10,
        _ => 8,
    });
    config.chroma = match (mono, x, y) {
        (true, ..) => Some("4:0:0"),
        (_, true, true) => Some("4:2:0"),
        (_, true, false) => Some("4:2:2"),
        (_, false, false) => Some("4:4:4"),
        (_, false, true) => None,
    };
    b.skip(2, "AV1 chroma sample position")?;
    b.skip(8, "AV1 initial presentation delay")?;
    Ok(())
}

/// Where an open bitstream unit lies (AV1 §5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obu {
    /// Its type (AV1 §6.2.2).
    pub kind: u8,
    /// Where its payload begins.
    pub body: usize,
    /// Where it ends as it says itself, which may be beyond the bytes at hand.
    pub end: usize,
}

/// The OBU at `at` of some bytes. Without a size of its own it takes all that is left.
///
/// # Errors
/// The bytes end inside its header, or its size has too many bytes.
pub fn obu(bytes: &[u8], at: usize) -> Result<Obu, Fault> {
    let short = |at| Fault::short(at, "AV1 OBU header", 1, 0);
    let header = *bytes.get(at).ok_or_else(|| short(at))?;
    let body = at + 1 + usize::from(header >> 2 & 1);
    if body > bytes.len() {
        return Err(short(bytes.len()));
    }
    let mut unit = Obu { kind: header >> 3 & 0xf, body, end: bytes.len() };
    if header & 2 != 0 {
        let (size, length) = leb128(&bytes[body..]).map_err(|fault| fault.rebased(body))?;
        unit.body += length;
        unit.end = unit.body.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    }
    Ok(unit)
}

/// A number of seven bits a byte (AV1 §4.10.5), and how many bytes it has.
///
/// # Errors
/// The bytes end inside it, or it has more than eight.
pub fn leb128(bytes: &[u8]) -> Result<(u64, usize), Fault> {
    let mut value = 0;
    for at in 0..8 {
        let byte = *bytes.get(at).ok_or_else(|| Fault::short(at, "AV1 OBU size", 1, 0))?;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, at + 1));
        }
    }
    Err(Fault::broken(8, "AV1 OBU size", "a number of more than eight bytes"))
}

/// Whether a sequence header is for still pictures only, whose frame headers leave out what is always the same.
#[must_use]
pub fn has_reduced_headers(body: &[u8]) -> bool {
    // seq_profile, still_picture, reduced_still_picture_header
    body.first().is_some_and(|byte| byte & 0b0000_1000 != 0)
}

/// Reads a sequence header up to its colours.
fn sequence_header(body: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut b = Bits::new(body);
    let profile = b.u8(3, "seq_profile")?;
    b.flag("still_picture")?;
    let reduced = b.flag("reduced_still_picture_header")?;
    if reduced {
        let level = b.u8(5, "seq_level_idx")?;
        profile_and_level(config, profile, level);
    } else {
        let mut delay_bits = None;
        if b.flag("timing_info_present_flag")? {
            let tick = b.u(32, "num_units_in_display_tick")?;
            let scale = b.u(32, "time_scale")?;
            if b.flag("equal_picture_interval")? {
                let ticks = u64::from(b.ue("num_ticks_per_picture_minus_1")?) + 1;
                config.frame_rate = rate(u64::from(scale), u64::from(tick).saturating_mul(ticks));
            }
            if b.flag("decoder_model_info_present_flag")? {
                delay_bits = Some(b.u(5, "buffer_delay_length_minus_1")? + 1);
                b.skip(42, "decoder model information")?;
            }
        }
        let delays = b.flag("initial_display_delay_present_flag")?;
        for i in 0..=b.u(5, "operating_points_cnt_minus_1")? {
            b.skip(12, "operating_point_idc")?;
            let level = b.u8(5, "seq_level_idx")?;
            if i == 0 {
                profile_and_level(config, profile, level);
            }
            if level > 7 {
                b.flag("seq_tier")?;
            }
            if let Some(bits) = delay_bits
                && b.flag("decoder_model_present_for_this_op")?
            {
                b.skip(2 * bits + 1, "operating parameters")?;
            }
            if delays && b.flag("initial_display_delay_present_for_this_op")? {
                b.skip(4, "initial_display_delay_minus_1")?;
            }
        }
    }
    let width_bits = b.u(4, "frame_width_bits_minus_1")? + 1;
    let height_bits = b.u(4, "frame_height_bits_minus_1")? + 1;
    config.width = Some(b.u(width_bits, "max_frame_width_minus_1")? + 1);
    config.height = Some(b.u(height_bits, "max_frame_height_minus_1")? + 1);
    tools(&mut b, reduced)?;
    colours(&mut b, profile, config)
}

/// Passes over which tools are in use.
fn tools(b: &mut Bits<'_>, reduced: bool) -> Result<(), Fault> {
    if !reduced && b.flag("frame_id_numbers_present_flag")? {
        b.skip(7, "frame id lengths")?;
    }
    b.skip(3, "superblock and intra filter flags")?;
    if !reduced {
        b.skip(4, "inter prediction flags")?;
        let order = b.flag("enable_order_hint")?;
        if order {
            b.skip(2, "enable_jnt_comp and enable_ref_frame_mvs")?;
        }
        let chosen = b.flag("seq_choose_screen_content_tools")?;
        if (chosen || b.flag("seq_force_screen_content_tools")?)
            && !b.flag("seq_choose_integer_mv")?
        {
            b.flag("seq_force_integer_mv")?;
        }
        if order {
            b.skip(3, "order_hint_bits_minus_1")?;
        }
    }
    b.skip(3, "superres, cdef and restoration flags")
}

/// Reads `color_config` (AV1 §5.5.2) as far as the range of samples.
fn colours(b: &mut Bits<'_>, profile: u8, config: &mut VideoConfig) -> Result<(), Fault> {
    const SRGB: [Option<u8>; 3] = [Some(1), Some(13), Some(0)];
    let high = b.flag("high_bitdepth")?;
    let twelve = profile == 2 && high && b.flag("twelve_bit")?;
    config.bit_depth = Some(if twelve { 12 } else { 8 + 2 * u8::from(high) });
    let mono = profile != 1 && b.flag("mono_chrome")?;
    if b.flag("color_description_present_flag")? {
        colour::description(b, config)?;
    }
    let rgb = !mono && [config.color_primaries, config.transfer, config.matrix] == SRGB;
    config.full_range = Some(rgb || b.flag("color_range")?);
    Ok(())
}

fn profile_and_level(config: &mut VideoConfig, profile: u8, level: u8) {
    config.profile_idc = Some(profile);
    config.profile = match profile {
        0 => Some("Main"),
        1 => Some("High"),
        2 => Some("Professional"),
        _ => None,
    };
    // Level X.Y is coded as four times (X - 2) plus Y; 31 is "maximum parameters" (AV1 §A.3).
    config.level =
        (level < 24).then_some(Level::Number { major: 2 + (level >> 2), minor: level & 3 });
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    fn record() -> Vec<u8> {
        let w = Writer::default().u(3, 0).u(2, 0).u(1, 1).u(32, 1).u(32, 60).u(1, 1).ue(0);
        let w = w.u(1, 1).u(5, 9).u(32, 1).u(10, 0); // a decoder model
        let w = w
            .u(1, 1)
            .u(5, 0)
            .u(12, 0)
            .u(5, 9)
            .u(1, 0)
            .u(1, 1)
            .u(10, 1)
            .u(10, 1)
            .u(1, 0)
            .u(1, 1)
            .u(4, 2);
        let w = w.u(4, 10).u(4, 10).u(11, 1919).u(11, 1079);
        // No frame ids, an order hint, screen content tools as chosen; 8 bits, BT.2020 with PQ, full range
        let w = w.u(1, 0).u(3, 0).u(4, 0).u(1, 1).u(2, 0).u(1, 1).u(1, 1).u(3, 6).u(3, 0);
        let body = w.u(2, 0).u(1, 1).u(8, 9).u(8, 16).u(8, 9).u(1, 1).bytes();
        let mut out = vec![0x81, 0x09, 0x0c, 0, 0x12, 0, 0x0a, body.len() as u8]; // a temporal delimiter first
        out.extend(body);
        out
    }

    #[test]
    fn a_record_with_its_sequence_header() {
        let (config, fault) = decode(&record());
        assert_eq!(fault, None);
        assert_eq!(
            (config.profile, config.level),
            (Some("Main"), Some(Level::Number { major: 4, minor: 1 }))
        );
        assert_eq!(
            (config.width, config.height, config.frame_rate),
            (Some(1920), Some(1080), Some(60.0))
        );
        assert_eq!((config.chroma, config.bit_depth), (Some("4:2:0"), Some(8)));
        let colours = [config.color_primaries, config.transfer, config.matrix];
        assert_eq!((colours, config.full_range), ([Some(9), Some(16), Some(9)], Some(true)));
    }

    #[test]
    fn a_descriptor_is_the_beginning_of_a_record() {
        for descriptor in [&[0x80, 4, 0x81, 0x28, 0x4c, 0][..], &[0x81, 0x28, 0x4c, 0]] {
            let (config, fault) = decode_descriptor(descriptor);
            assert_eq!((config.profile, config.bit_depth, fault), (Some("High"), Some(10), None));
            for cut in 0..descriptor.len() {
                assert!(decode_descriptor(&descriptor[..cut]).1.is_some_and(|f| f.offset <= cut));
            }
        }
        let fault = Fault::invalid(1, "AV1 video descriptor length", 5);
        assert_eq!(decode_descriptor(&[0x80, 5, 0x81, 8]).1, Some(fault));
    }

    #[test]
    fn a_size_without_end_is_a_fault() {
        assert_eq!(leb128(&[0x80, 0x01]), Ok((128, 2)));
        assert_eq!(leb128(&[0x80]), Err(Fault::short(1, "AV1 OBU size", 1, 0)));
        assert!(leb128(&[0xff; 9]).is_err());
    }

    #[test]
    fn a_cut_record_keeps_what_was_read_and_needs_no_obus() {
        let record = record();
        for cut in 0..record.len() {
            let (config, fault) = decode(&record[..cut]);
            assert!(fault.is_none_or(|f| f.offset <= cut), "cut at {cut}");
            assert_eq!(config.profile.is_some(), cut >= 2);
        }
        assert_eq!(decode(&record[..4]).1, None);
        assert!(decode(&record[..7]).1.is_some());
        assert!(decode(&[0x0a, 1]).1.is_some());
        assert!(decode(&[0x81, 0, 0, 0, 0x12, 40, 0]).1.is_some(), "an OBU beyond the end");
    }
}
