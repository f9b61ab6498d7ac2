//! AVC: the decoder configuration record (ISO/IEC 14496-15 §5.3.3.1) and the sequence parameter set in it (ITU-T
//! H.264 §7.3.2.1.1, §E.1.1).

use super::avc_vui::usability;
use super::bits::Bits;
use super::parameter_sets::{nal_length_size, no_version};
use super::{Level, VideoConfig, chroma_name};
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// Decodes an AVCDecoderConfigurationRecord.
#[must_use]
pub fn decode(record: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = walk(record, &mut config, &mut Details::default()).err();
    (config, fault)
}

/// Decodes a sequence parameter set, its NAL unit header included.
#[must_use]
pub fn decode_set(unit: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = sequence_parameter_set(unit, &mut config, &mut Details::default()).err();
    (config, fault)
}

/// The first sequence parameter set in a record, its NAL unit header included, where it is whole.
#[must_use]
pub fn first_set(record: &[u8]) -> Option<&[u8]> {
    let &[1, _, _, _, _, sets, high, low, ..] = record else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    record.get(8..8 + length).filter(|set| sets & 0x1f > 0 && !set.is_empty())
}

/// What a parameter set says of the frames beside what is in [`VideoConfig`].
#[derive(Debug, Default)]
struct Details {
    timing: PictureTiming,
    slices: Option<SliceLayout>,
}

pub use super::avc_slice::{Slice, SliceKind, SliceLayout};
pub use super::avc_vui::PictureTiming;

/// How the frames after an AVCDecoderConfigurationRecord code their timing, as its parameter set says.
#[must_use]
pub fn picture_timing(record: &[u8]) -> PictureTiming {
    let mut details = Details::default();
    let _ = walk(record, &mut VideoConfig::default(), &mut details);
    details.timing
}

/// How the slices after an AVCDecoderConfigurationRecord begin, where its parameter set could be read so far.
#[must_use]
pub fn slice_layout(record: &[u8]) -> Option<SliceLayout> {
    let mut details = Details::default();
    let _ = walk(record, &mut VideoConfig::default(), &mut details);
    details.slices
}

/// The same of a sequence parameter set, its NAL unit header included.
#[must_use]
pub fn picture_timing_of_set(unit: &[u8]) -> PictureTiming {
    let mut details = Details::default();
    let _ = sequence_parameter_set(unit, &mut VideoConfig::default(), &mut details);
    details.timing
}

fn walk(record: &[u8], config: &mut VideoConfig, details: &mut Details) -> Result<(), Fault> {
    let mut c = Cursor::new(record);
    let version = c.u8("AVC configuration version")?;
    if version != 1 {
        return Err(no_version(record, "AVC configuration version", version));
    }
    let [profile, constraints, level] = c.array("AVC profile and level")?;
    profile_and_level(config, profile, constraints, level);
    let (size, mut fault) = nal_length_size(c.u8("AVC NAL unit length size")?, 4);
    config.nal_length_size = Some(size);
    let sets = c.u8("AVC sequence parameter set count")? & 0x1f;
    config.sps_count = Some(u16::from(sets));
    for i in 0..sets {
        let len = c.u16("AVC sequence parameter set length")?;
        let at = c.offset();
        let set = c.take(usize::from(len), "AVC sequence parameter set");
        // The first one counts, and a cut one still says something.
        if i == 0 {
            let unit = set.as_ref().map_or_else(|_| &record[at..], |set| *set);
            let inside = sequence_parameter_set(unit, config, details).err();
            fault = fault.or_else(|| inside.map(|fault| fault.rebased(at)));
        }
        set?;
    }
    let sets = c.u8("AVC picture parameter set count")?;
    config.pps_count = Some(u16::from(sets));
    for _ in 0..sets {
        let len = c.u16("AVC picture parameter set length")?;
        c.take(usize::from(len), "AVC picture parameter set")?;
    }
    // What may follow for the high profiles repeats the parameter set, and much software leaves it out.
    fault.map_or(Ok(()), Err)
}

fn profile_and_level(config: &mut VideoConfig, profile: u8, constraints: u8, level: u8) {
    let set = |n: u8| constraints & (0x80 >> n) != 0;
    config.profile_idc = Some(profile);
    config.profile = match profile {
        44 => Some("CAVLC 4:4:4 Intra"),
        66 if set(1) => Some("Constrained Baseline"),
        66 => Some("Baseline"),
        77 => Some("Main"),
        83 => Some("Scalable Baseline"),
        86 => Some("Scalable High"),
        88 => Some("Extended"),
        100 if set(4) && set(5) => Some("Constrained High"),
        100 if set(4) => Some("Progressive High"),
        100 => Some("High"),
        110 if set(3) => Some("High 10 Intra"),
        110 => Some("High 10"),
        118 => Some("Multiview High"),
        122 if set(3) => Some("High 4:2:2 Intra"),
        122 => Some("High 4:2:2"),
        128 => Some("Stereo High"),
        244 if set(3) => Some("High 4:4:4 Intra"),
        244 => Some("High 4:4:4 Predictive"),
        _ => None,
    };
    // Level 1b is 9, or 11 with a flag in the profiles that had no other number left (H.264 §A.3.4.1).
    let one_b = level == 9 || (level == 11 && set(3) && matches!(profile, 66 | 77 | 88));
    config.level = Some(if one_b { Level::OneB } else { Level::from_tenths(level) });
}

/// Reads a sequence parameter set, its NAL unit header included, into `config`.
fn sequence_parameter_set(
    unit: &[u8],
    config: &mut VideoConfig,
    details: &mut Details,
) -> Result<(), Fault> {
    let mut b = Bits::nal(unit);
    let header = b.u8(8, "AVC NAL unit header")?;
    if header & 0x1f != 7 {
        return Err(Fault::invalid(0, "AVC sequence parameter set type", u64::from(header & 0x1f)));
    }
    let profile = b.u8(8, "profile_idc")?;
    let constraints = b.u8(8, "constraint flags")?;
    let level = b.u8(8, "level_idc")?;
    profile_and_level(config, profile, constraints, level);
    b.ue_max(31, "seq_parameter_set_id")?;

    let (mut chroma, mut depth, mut planes) = (1, 8, false);
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = b.ue_max(3, "chroma_format_idc")?;
        if chroma == 3 {
            planes = b.flag("separate_colour_plane_flag")?;
        }
        depth = 8 + b.ue_max(6, "bit_depth_luma_minus8")?;
        b.ue_max(6, "bit_depth_chroma_minus8")?;
        b.flag("qpprime_y_zero_transform_bypass_flag")?;
        if b.flag("seq_scaling_matrix_present_flag")? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if b.flag("seq_scaling_list_present_flag")? {
                    scaling_list(&mut b, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    config.chroma = chroma_name(chroma);
    config.bit_depth = Some(depth as u8);

    let frame_num_bits = b.ue_max(12, "log2_max_frame_num_minus4")? + 4;
    let mut order_bits = None;
    match b.ue_max(2, "pic_order_cnt_type")? {
        0 => order_bits = Some(b.ue_max(12, "log2_max_pic_order_cnt_lsb_minus4")? + 4),
        1 => {
            b.flag("delta_pic_order_always_zero_flag")?;
            b.se("offset_for_non_ref_pic")?;
            b.se("offset_for_top_to_bottom_field")?;
            for _ in 0..b.ue_max(255, "num_ref_frames_in_pic_order_cnt_cycle")? {
                b.se("offset_for_ref_frame")?;
            }
        }
        _ => {}
    }
    config.reference_frames = Some(b.ue("max_num_ref_frames")?);
    b.flag("gaps_in_frame_num_value_allowed_flag")?;
    let width = b.ue("pic_width_in_mbs_minus1")?.saturating_add(1).saturating_mul(16);
    let map_units = b.ue("pic_height_in_map_units_minus1")?.saturating_add(1).saturating_mul(16);
    let frames_only = b.flag("frame_mbs_only_flag")?;
    config.interlaced = Some(!frames_only);
    details.slices = Some(SliceLayout { planes, frame_num_bits, frames_only, order_bits });
    let fields = if frames_only { 1 } else { 2 };
    if !frames_only {
        b.flag("mb_adaptive_frame_field_flag")?;
    }
    b.flag("direct_8x8_inference_flag")?;
    let (mut crop_width, mut crop_height) = (0, 0);
    if b.flag("frame_cropping_flag")? {
        let mut sum = || -> Result<u32, Fault> {
            let first = b.ue("frame cropping offset")?;
            Ok(first.saturating_add(b.ue("frame cropping offset")?))
        };
        // Cropping counts chroma samples where there are any (H.264 §7.4.2.1.1, CropUnitX and CropUnitY).
        let (unit_x, unit_y) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        crop_width = sum()?.saturating_mul(unit_x);
        crop_height = sum()?.saturating_mul(unit_y * fields);
    }
    config.width = Some(width.saturating_sub(crop_width));
    config.height = Some(map_units.saturating_mul(fields).saturating_sub(crop_height));
    if b.flag("vui_parameters_present_flag")? {
        usability(&mut b, config, &mut details.timing)?;
    }
    Ok(())
}

fn scaling_list(b: &mut Bits<'_>, size: u32) -> Result<(), Fault> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + b.se("delta_scale")? % 256 + 256) % 256;
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    /// A record around a parameter set and a picture parameter set.
    fn record(sps: &[u8]) -> Vec<u8> {
        let mut out = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1, 0, sps.len() as u8];
        out.extend(sps);
        out.extend([1, 0, 4, 0x68, 0xee, 0x3c, 0x80]);
        out
    }

    fn high_1080() -> Vec<u8> {
        let w = Writer::default().u(8, 0x67).u(8, 100).u(8, 0).u(8, 41).ue(0);
        let w = w.ue(1).ue(0).ue(0).u(1, 0).u(1, 0); // 4:2:0, 8 bits, no matrices
        let w = w.ue(0).ue(0).ue(2).ue(4).u(1, 0); // frame numbers, picture order 0, 4 references
        let w = w.ue(119).ue(67).u(1, 1).u(1, 1); // 120 by 68 macroblocks, frames only
        let w = w.u(1, 1).ue(0).ue(0).ue(0).ue(4); // 8 rows cropped
        // A 1:1 aspect ratio, no overscan, colours, no chroma location, 25 frames a second
        let w = w.u(1, 1).u(1, 1).u(8, 1).u(1, 0).u(1, 1).u(4, 10).u(1, 1).u(24, 0x01_0101).u(1, 0);
        w.u(1, 1).u(32, 1).u(32, 50).u(1, 1).u(4, 0).nal()
    }

    #[test]
    fn a_high_profile_record_is_read_to_its_timing() {
        let sps = high_1080();
        assert!(sps.windows(3).any(|w| w == [0, 0, 3]), "the case has emulation prevention");
        let (config, fault) = decode(&record(&sps));
        assert_eq!(fault, None);
        assert_eq!(
            config,
            VideoConfig {
                profile: Some("High"),
                profile_idc: Some(100),
                level: Some(Level::Number { major: 4, minor: 1 }),
                width: Some(1920),
                height: Some(1080),
                frame_rate: Some(25.0),
                chroma: Some("4:2:0"),
                bit_depth: Some(8),
                interlaced: Some(false),
                reference_frames: Some(4),
                nal_length_size: Some(4),
                sps_count: Some(1),
                pps_count: Some(1),
                color_primaries: Some(1),
                transfer: Some(1),
                matrix: Some(1),
                full_range: Some(false),
                ..VideoConfig::default()
            }
        );
    }

    #[test]
    fn interlaced_4_2_2_with_matrices_and_picture_order_1() {
        let w = Writer::default().u(8, 0x67).u(8, 122).u(8, 0x10).u(8, 40).ue(0);
        let mut w = w.ue(2).ue(2).ue(2).u(1, 0).u(1, 1).u(1, 1); // 4:2:2, 10 bits, one matrix
        for _ in 0..16 {
            w = w.se(1);
        }
        let w = w.u(7, 0).ue(0).ue(1).u(1, 0).se(-1).se(1).ue(2).se(3).se(-3);
        let w = w
            .ue(1)
            .u(1, 0)
            .ue(44)
            .ue(17)
            .u(1, 0)
            .u(1, 1)
            .u(1, 1)
            .u(1, 1)
            .ue(2)
            .ue(6)
            .ue(0)
            .ue(1)
            .u(1, 0);
        let (config, fault) = decode(&record(&w.nal()));
        assert_eq!(fault, None);
        assert_eq!((config.width, config.height), (Some(704), Some(574)));
        assert_eq!((config.profile, config.chroma), (Some("High 4:2:2 Intra"), Some("4:2:2")));
        assert_eq!(
            (config.bit_depth, config.interlaced, config.frame_rate),
            (Some(10), Some(true), None)
        );
    }

    #[test]
    fn profiles_and_levels_have_their_names() {
        let mut config = VideoConfig::default();
        for (bytes, profile, level) in [
            ([66, 0xc0, 11], "Constrained Baseline", "1.1"),
            ([66, 0x10, 11], "Baseline", "1b"),
            ([100, 0x0c, 9], "Constrained High", "1b"),
            ([77, 0, 52], "Main", "5.2"),
        ] {
            profile_and_level(&mut config, bytes[0], bytes[1], bytes[2]);
            assert_eq!(
                (config.profile, config.level.unwrap().to_string().as_str()),
                (Some(profile), level)
            );
        }
    }

    #[test]
    fn a_cut_record_keeps_what_was_read() {
        let record = record(&high_1080());
        for cut in 0..record.len() {
            let (config, fault) = decode(&record[..cut]);
            assert!(fault.is_some_and(|f| f.offset <= cut), "cut at {cut}");
            assert_eq!(config.profile.is_some(), cut >= 4, "cut at {cut}");
            if cut > 32 {
                assert_eq!(config.width, Some(1920), "cut at {cut}");
            }
        }
    }

    #[test]
    fn annex_b_in_place_of_a_record_is_named() {
        let (config, fault) = decode(&[0, 0, 0, 1, 0x67, 100]);
        assert_eq!(
            (config, fault),
            (VideoConfig::default(), Some(no_version(&[0, 0, 1], "AVC configuration version", 0)))
        );
    }

    #[test]
    fn lengths_of_three_bytes_are_said_and_hide_nothing() {
        let mut record = record(&high_1080());
        record[4] = 0xfe;
        let (config, fault) = decode(&record);
        assert_eq!((config.nal_length_size, config.width), (Some(3), Some(1920)));
        assert_eq!(fault, Some(Fault::invalid(4, "NAL unit length size", 3)));
        record[0] = 7;
        assert_eq!(decode(&record).1, Some(Fault::invalid(0, "AVC configuration version", 7)));
    }
}
