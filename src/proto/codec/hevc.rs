//! HEVC: the decoder configuration record (ISO/IEC 14496-15 §8.3.3.1).

use super::bits::Bits;
use super::hevc_sps::sequence_parameter_set;
use super::parameter_sets::{Arrays, nal_length_size, no_version};
use super::{Level, VideoConfig, chroma_name};
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// The NAL unit type of a video parameter set, before those of the other two (ITU-T H.265 table 7-1).
const VPS: u8 = 32;

/// Decodes an HEVCDecoderConfigurationRecord.
#[must_use]
pub fn decode(record: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

fn walk(record: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut c = Cursor::new(record);
    let version = c.u8("HEVC configuration version")?;
    // Software that predates the final standard writes 0 and means the same layout.
    if version > 1 || (version == 0 && record.get(1) == Some(&0)) {
        return Err(no_version(record, "HEVC configuration version", version));
    }
    let profile = c.u8("HEVC profile")? & 0x1f;
    c.take(4, "HEVC profile compatibility flags")?;
    let constraints = c.array::<6>("HEVC constraint flags")?;
    let level = c.u8("HEVC level")?;
    profile_and_level(config, profile, level, constraints[0]);
    c.take(2, "HEVC spatial segmentation")?;
    c.u8("HEVC parallelism type")?;
    config.chroma = chroma_name(u32::from(c.u8("HEVC chroma format")? & 3));
    config.bit_depth = Some(8 + (c.u8("HEVC luma bit depth")? & 7));
    c.u8("HEVC chroma bit depth")?;
    let frames = c.u16("HEVC average frame rate")?;
    config.frame_rate = (frames != 0).then(|| f64::from(frames) / 256.0);
    let (size, fault) = nal_length_size(c.u8("HEVC NAL unit length size")?, 21);
    config.nal_length_size = Some(size);
    let at = c.offset();
    let arrays = Arrays { mask: 0x3f, vps: VPS, single: &[], sps: sequence_parameter_set };
    arrays.read(c.rest(), config).map_err(|fault| fault.rebased(at))?;
    fault.map_or(Ok(()), Err)
}

/// Sets what the profile, tier and level say; `sources` is the byte with the two source flags first.
pub(super) fn profile_and_level(config: &mut VideoConfig, profile: u8, level: u8, sources: u8) {
    config.profile_idc = Some(profile);
    // The long ones in the words of FFmpeg (H.265 §A.3.5: format range extensions; §A.3.7: screen content coding).
    config.profile = match profile {
        1 => Some("Main"),
        2 => Some("Main 10"),
        3 => Some("Main Still Picture"),
        4 => Some("Rext"),
        5 => Some("High Throughput"),
        6 => Some("Multiview Main"),
        7 => Some("Scalable Main"),
        8 => Some("3D Main"),
        9 => Some("Scc"),
        10 => Some("Scalable Rext"),
        11 => Some("High Throughput Scc"),
        _ => None,
    };
    // The level is coded as thirty times itself (H.265 §A.4.1).
    config.level = Some(Level::Number { major: level / 30, minor: level % 30 / 3 });
    // Progressive and interlaced source; both or neither say nothing (H.265 §7.4.4).
    config.interlaced = match sources >> 6 {
        0b10 => Some(false),
        0b01 => Some(true),
        _ => None,
    };
}

/// Reads the general part of `profile_tier_level` and passes over its sub-layers (H.265 §7.3.3).
pub(super) fn profile_tier_level(
    b: &mut Bits<'_>,
    sub_layers: u32,
    config: &mut VideoConfig,
) -> Result<(), Fault> {
    b.skip(3, "general_profile_space")?;
    let profile = b.u8(5, "general_profile_idc")?;
    b.skip(32, "general_profile_compatibility_flags")?;
    let sources = b.u8(8, "general source flags")?;
    b.skip(40, "general constraint flags")?;
    let level = b.u8(8, "general_level_idc")?;
    profile_and_level(config, profile, level, sources);
    let mut present = [(false, false); 7];
    for flags in present.iter_mut().take(sub_layers as usize) {
        *flags =
            (b.flag("sub_layer_profile_present_flag")?, b.flag("sub_layer_level_present_flag")?);
    }
    if sub_layers > 0 {
        b.skip((8 - sub_layers.min(8)) * 2, "reserved_zero_2bits")?;
    }
    for (profile, level) in present {
        b.skip(
            if profile { 88 } else { 0 } + if level { 8 } else { 0 },
            "sub-layer profile and level",
        )?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::bits::Writer;
    use super::*;

    fn main_profile(w: Writer) -> Writer {
        w.u(8, 1).u(32, 0x6000_0000).u(8, 0x90).u(40, 0).u(8, 123)
    }

    /// 1920 by 1080, 4:2:0, 8 bits, two short-term reference sets, 30000/1001 frames a second.
    fn sps() -> Vec<u8> {
        let w = main_profile(Writer::default().u(16, 0x4201).u(4, 0).u(3, 1).u(1, 1));
        let w = w.u(2, 0b11).u(14, 0).u(44, 0).u(44, 0).u(8, 90); // one sub-layer with everything
        let w = w.ue(0).ue(1).ue(1920).ue(1088).u(1, 1).ue(0).ue(0).ue(0).ue(4);
        let w = w.ue(0).ue(0).ue(4).u(1, 1).ue(1).ue(0).ue(0).ue(4).ue(2).ue(0);
        let mut w = w.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).u(1, 1).u(1, 1);
        for size in 0..4 {
            for _ in 0..if size == 3 { 2 } else { 6 } {
                w = w.u(1, 0).ue(0); // predicted scaling lists
            }
        }
        let w = w.u(1, 1).u(1, 1).u(1, 0); // amp, sao, no pcm
        let w = w.ue(2).ue(2).ue(1).ue(0).u(1, 1).ue(1).u(1, 1).ue(0).u(1, 1);
        let w = w.u(1, 1).u(1, 0).ue(0).u(2, 0b01).u(1, 1).u(1, 1).u(1, 1); // predicted from the first set of three
        let w = w.u(1, 1).ue(1).u(8, 5).u(1, 1).u(1, 1).u(1, 1); // a long-term reference
        let w = w.u(1, 1).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(3, 0).u(1, 0); // VUI without extras
        w.u(1, 1).u(32, 1001).u(32, 30_000).u(8, 0).nal()
    }

    pub(crate) fn record() -> Vec<u8> {
        let sps = sps();
        let mut out = vec![
            1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 123, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0,
            0x0f,
        ];
        out.extend([2, 0x20, 0, 1, 0, 3, 0x40, 1, 0x0c, 0x21, 0, 1, 0, sps.len() as u8]);
        out.extend(sps);
        out
    }

    #[test]
    fn a_record_is_read_to_the_timing_of_its_parameter_set() {
        let (config, fault) = decode(&record());
        assert_eq!(fault, None);
        assert_eq!(
            config,
            VideoConfig {
                profile: Some("Main"),
                profile_idc: Some(1),
                level: Some(Level::Number { major: 4, minor: 1 }),
                width: Some(1920),
                height: Some(1080),
                frame_rate: Some(30_000.0 / 1001.0),
                chroma: Some("4:2:0"),
                bit_depth: Some(8),
                interlaced: Some(false),
                reference_frames: Some(4),
                nal_length_size: Some(4),
                vps_count: Some(1),
                sps_count: Some(1),
                pps_count: Some(0),
                ..VideoConfig::default()
            }
        );
    }

    #[test]
    fn a_cut_record_keeps_what_was_read() {
        let record = record();
        for cut in 0..record.len() {
            let (config, fault) = decode(&record[..cut]);
            assert!(fault.is_some_and(|f| f.offset <= cut), "cut at {cut}");
            assert_eq!(config.profile.is_some(), cut >= 13);
            assert_eq!(config.nal_length_size.is_some(), cut >= 22);
        }
        let (config, fault) = decode(&[0, 0, 0, 1, 0x40]);
        assert_eq!(
            (config.profile, fault),
            (None, Some(no_version(&[0, 0, 1], "HEVC configuration version", 0)))
        );
    }

    #[test]
    fn lengths_of_three_bytes_are_said_and_hide_nothing() {
        let mut record = record();
        record[21] = 0x0e;
        let (config, fault) = decode(&record);
        assert_eq!((config.nal_length_size, config.width), (Some(3), Some(1920)));
        assert_eq!(fault, Some(Fault::invalid(21, "NAL unit length size", 3)));
    }
}
