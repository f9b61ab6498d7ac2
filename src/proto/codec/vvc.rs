//! VVC: the decoder configuration record (ISO/IEC 14496-15 §11.2.4.2).

use super::bits::Bits;
use super::parameter_sets::{Arrays, nal_length_size};
use super::vvc_sps::sequence_parameter_set;
use super::{Level, VideoConfig, chroma_name};
use crate::proto::fault::Fault;

/// NAL unit types (ITU-T H.266 table 5). Of the first two an array has one unit and no count.
const OPERATING_POINTS: u8 = 12;
const CAPABILITIES: u8 = 13;
const VPS: u8 = 14;

/// Decodes a VVCDecoderConfigurationRecord.
#[must_use]
pub fn decode(record: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

fn walk(record: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    // The box has its version and flags first, and so does what some software sends. No record begins with a zero.
    let skipped = if record.starts_with(&[0, 0, 0, 0]) { 4 } else { 0 };
    let mut b = Bits::new(&record[skipped..]);
    let fault = fixed(&mut b, config).map_err(|fault| fault.rebased(skipped))?;
    let at = b.offset() + skipped;
    let single = &[OPERATING_POINTS, CAPABILITIES];
    let arrays = Arrays { mask: 0x1f, vps: VPS, single, sps: sequence_parameter_set };
    arrays.read(&record[at..], config).map_err(|fault| fault.rebased(at))?;
    fault.map_or(Ok(()), |fault| Err(fault.rebased(skipped)))
}

/// What comes before the parameter sets. What is wrong but hides nothing is given.
fn fixed(b: &mut Bits<'_>, config: &mut VideoConfig) -> Result<Option<Fault>, Fault> {
    let reserved = b.u8(5, "VVC reserved bits")?;
    if reserved != 0x1f {
        return Err(Fault::invalid(0, "VVC reserved bits", u64::from(reserved)));
    }
    let (size, fault) = nal_length_size(b.u8(2, "VVC NAL unit length size")?, 0);
    config.nal_length_size = Some(size);
    if !b.flag("VVC profile, tier and level flag")? {
        return Ok(fault);
    }
    b.skip(9, "VVC output layer set")?;
    let sub_layers = b.u(3, "VVC sub-layer count")?;
    b.skip(2, "VVC constant frame rate")?;
    config.chroma = chroma_name(b.u(2, "VVC chroma format")?);
    config.bit_depth = Some(8 + b.u8(3, "VVC bit depth")?);
    b.skip(5, "VVC reserved bits")?;
    b.skip(2, "VVC reserved bits")?;
    let constraints = b.u(6, "VVC constraint length")?;
    let profile = b.u8(7, "VVC profile")?;
    b.flag("VVC tier")?;
    let level = b.u8(8, "VVC level")?;
    profile_and_level(config, profile, level);
    // Two flags, then the constraints, share the bytes that were announced.
    b.skip(8 * constraints.max(1), "VVC constraints")?;
    if sub_layers > 1 {
        let present = b.u8(8, "VVC sub-layer flags")?;
        let levels = (present >> (9 - sub_layers)).count_ones();
        b.skip(8 * levels, "VVC sub-layer levels")?;
    }
    let profiles = b.u(8, "VVC sub-profile count")?;
    b.skip(32 * profiles, "VVC sub-profiles")?;
    config.width = Some(b.u(16, "VVC picture width")?);
    config.height = Some(b.u(16, "VVC picture height")?);
    let frames = b.u(16, "VVC average frame rate")?;
    config.frame_rate = (frames != 0).then(|| f64::from(frames) / 256.0);
    Ok(fault)
}

/// Sets what profile and level say.
pub(super) fn profile_and_level(config: &mut VideoConfig, profile: u8, level: u8) {
    config.profile_idc = Some(profile);
    // ITU-T H.266 §A.3
    config.profile = match profile {
        1 => Some("Main 10"),
        2 => Some("Main 12"),
        10 => Some("Main 12 Intra"),
        17 => Some("Multilayer Main 10"),
        33 => Some("Main 10 4:4:4"),
        34 => Some("Main 12 4:4:4"),
        42 => Some("Main 12 4:4:4 Intra"),
        49 => Some("Multilayer Main 10 4:4:4"),
        65 => Some("Main 10 Still Picture"),
        97 => Some("Main 10 4:4:4 Still Picture"),
        _ => None,
    };
    // Sixteen times the whole part, and three for each tenth (ITU-T H.266 §A.4.1).
    config.level = Some(Level::Number { major: level / 16, minor: level % 16 / 3 });
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    /// 1920 by 1080, 4:2:0, 10 bits: a parameter set with general constraints and two sub-layers.
    fn sps() -> Vec<u8> {
        let w = Writer::default().u(16, 0x0079).u(8, 0).u(3, 1).u(2, 1).u(2, 2).u(1, 1);
        let w = w.u(7, 1).u(1, 0).u(8, 67).u(2, 2);
        let w = w.u(1, 1).u(32, 0).u(32, 0).u(7, 0).u(8, 2).u(2, 0).u(4, 0); // 71 flags, two more, alignment
        let w = w.u(1, 1).u(7, 0).u(8, 51).u(8, 1).u(32, 5); // a level, a sub-profile
        let w = w.u(1, 0).u(1, 1).u(1, 0).ue(1920).ue(1088).u(1, 1).ue(0).ue(0).ue(0).ue(4);
        w.u(1, 0).ue(2).nal()
    }

    fn record() -> Vec<u8> {
        let w = Writer::default().u(5, 31).u(2, 3).u(1, 1);
        let w = w.u(9, 0).u(3, 2).u(2, 0).u(2, 1).u(3, 2).u(5, 31);
        let w = w.u(2, 0).u(6, 1).u(7, 1).u(1, 0).u(8, 67).u(8, 0x80);
        let w = w.u(8, 0x80).u(8, 51).u(8, 1).u(32, 9); // a sub-layer level, a sub-profile
        let mut out = w.u(16, 1920).u(16, 1088).u(16, 25 * 256).bytes();
        out.pop(); // the stop bit
        let sps = sps();
        out.extend([
            3,
            0x80 | CAPABILITIES,
            0,
            2,
            0,
            0x69,
            0x80 | (VPS + 1),
            0,
            1,
            0,
            sps.len() as u8,
        ]);
        out.extend(sps);
        out.extend([0x80 | (VPS + 2), 0, 1, 0, 3, 0, 0x81, 0]);
        out
    }

    #[test]
    fn a_record_is_read_to_its_parameter_set() {
        let expected = VideoConfig {
            profile: Some("Main 10"),
            profile_idc: Some(1),
            level: Some(Level::Number { major: 4, minor: 1 }),
            width: Some(1920),
            height: Some(1080),
            frame_rate: Some(25.0),
            chroma: Some("4:2:0"),
            bit_depth: Some(10),
            nal_length_size: Some(4),
            vps_count: Some(0),
            sps_count: Some(1),
            pps_count: Some(1),
            ..VideoConfig::default()
        };
        assert_eq!(decode(&record()), (expected, None));
        let boxed = [&[0; 4][..], &record()].concat();
        assert_eq!(decode(&boxed), (expected, None));
        let (short, fault) = decode(&[0xfe, 0]);
        assert_eq!((short.nal_length_size, short.profile, fault), (Some(4), None, None));
    }

    #[test]
    fn a_cut_record_keeps_what_was_read() {
        let record = record();
        for cut in 0..record.len() {
            let (config, fault) = decode(&record[..cut]);
            assert!(fault.is_some_and(|f| f.offset <= cut), "cut at {cut}");
            assert_eq!(config.profile.is_some(), cut >= 7, "cut at {cut}");
            assert_eq!(config.width.is_some(), cut >= 17, "cut at {cut}");
        }
        assert_eq!(decode(&[1, 2]).1, Some(Fault::invalid(0, "VVC reserved bits", 0)));
    }

    #[test]
    fn lengths_of_three_bytes_are_said_and_hide_nothing() {
        for skipped in [0, 4] {
            let mut record = [&[0; 4][..skipped], &record()].concat();
            record[skipped] = 0xfd;
            let (config, fault) = decode(&record);
            assert_eq!((config.nal_length_size, config.width), (Some(3), Some(1920)));
            assert_eq!(fault, Some(Fault::invalid(skipped, "NAL unit length size", 3)));
        }
    }
}
