//! AV1: the codec configuration record (AV1 in ISOBMFF §2.3) and the sequence header OBU in it (AV1 §5.5.1).

use super::bits::Bits;
use super::{Level, VideoConfig, rate};
use crate::proto::fault::Fault;

/// The OBU type of a sequence header (AV1 §6.2.2).
const SEQUENCE_HEADER: u8 = 1;

/// Decodes an AV1CodecConfigurationRecord.
#[must_use]
pub fn decode(record: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

fn walk(record: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut b = Bits::new(record);
    let version = b.u(8, "AV1 configuration version")?;
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
    // The OBUs are optional: the first sequence header among them counts.
    let mut at = b.offset();
    while at < record.len() {
        let (kind, body, end) = unit(record, at)?;
        if kind == SEQUENCE_HEADER {
            let cut = end.min(record.len());
            sequence_header(&record[body..cut], config).map_err(|f| f.rebased(body))?;
            break;
        }
        at = end;
    }
    if at > record.len() {
        return Err(Fault::broken(record.len(), "AV1 OBU", "its size goes beyond the record"));
    }
    Ok(())
}

/// The OBU at `at`: its type, where its body begins and where it ends (AV1 §5.3.1).
fn unit(record: &[u8], at: usize) -> Result<(u8, usize, usize), Fault> {
    let short = |at| Fault::short(at, "AV1 OBU header", 1, 0);
    let header = *record.get(at).ok_or_else(|| short(at))?;
    let mut body = at + 1 + usize::from(header >> 2 & 1);
    let kind = header >> 3 & 0xf;
    if header & 2 == 0 {
        // Without a size an OBU takes all that is left.
        return if body <= record.len() {
            Ok((kind, body, record.len()))
        } else {
            Err(short(record.len()))
        };
    }
    let mut size = 0u64;
    for i in 0..8 {
        let byte = *record.get(body).ok_or_else(|| short(record.len()))?;
        body += 1;
        size |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            return Ok((kind, body, body.saturating_add(size)));
        }
    }
    Err(Fault::broken(body, "AV1 OBU size", "a number of more than eight bytes"))
}

/// Reads a sequence header up to the picture size.
fn sequence_header(body: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut b = Bits::new(body);
    let profile = b.u8(3, "seq_profile")?;
    b.flag("still_picture")?;
    if b.flag("reduced_still_picture_header")? {
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
        let body = w.u(4, 10).u(4, 10).u(11, 1919).u(11, 1079).bytes();
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
