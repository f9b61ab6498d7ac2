//! VVC's sequence parameter set (ITU-T H.266 §7.3.2.4), read as far as its bit depth.

use super::bits::Bits;
use super::vvc::profile_and_level;
use super::{VideoConfig, chroma_name};
use crate::proto::fault::Fault;

/// Flags of `general_constraints_info` (ITU-T H.266 §7.3.3.2) before those of later versions.
const CONSTRAINTS: u32 = 71;

/// Reads a sequence parameter set, its NAL unit header included, into `config`.
pub(super) fn sequence_parameter_set(unit: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut b = Bits::nal(unit);
    b.skip(16, "VVC NAL unit header")?;
    b.skip(8, "sps_seq_parameter_set_id and sps_video_parameter_set_id")?;
    let sub_layers = b.u(3, "sps_max_sublayers_minus1")?;
    let chroma = b.u(2, "sps_chroma_format_idc")?;
    config.chroma = chroma_name(chroma);
    b.skip(2, "sps_log2_ctu_size_minus5")?;
    if b.flag("sps_ptl_dpb_hrd_params_present_flag")? {
        profile_tier_level(&mut b, sub_layers, config)?;
    }
    b.flag("sps_gdr_enabled_flag")?;
    if b.flag("sps_ref_pic_resampling_enabled_flag")? {
        b.flag("sps_res_change_in_clvs_allowed_flag")?;
    }
    let mut width = b.ue("sps_pic_width_max_in_luma_samples")?;
    let mut height = b.ue("sps_pic_height_max_in_luma_samples")?;
    if b.flag("sps_conformance_window_flag")? {
        let mut sum = || -> Result<u32, Fault> {
            let first = b.ue("sps_conf_win_offset")?;
            Ok(first.saturating_add(b.ue("sps_conf_win_offset")?))
        };
        // Cropping counts chroma samples (ITU-T H.266 table 2, SubWidthC and SubHeightC).
        let (unit_x, unit_y) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        width = width.saturating_sub(sum()?.saturating_mul(unit_x));
        height = height.saturating_sub(sum()?.saturating_mul(unit_y));
    }
    config.width = Some(width);
    config.height = Some(height);
    if b.flag("sps_subpic_info_present_flag")? {
        return Ok(()); // Sub-pictures take a page to pass over, and the record has said the bit depth.
    }
    config.bit_depth = Some(8 + b.ue_max(8, "sps_bitdepth_minus8")? as u8);
    Ok(())
}

/// `profile_tier_level` with everything in it (ITU-T H.266 §7.3.3.1).
fn profile_tier_level(
    b: &mut Bits<'_>,
    sub_layers: u32,
    config: &mut VideoConfig,
) -> Result<(), Fault> {
    let profile = b.u8(7, "general_profile_idc")?;
    b.flag("general_tier_flag")?;
    let level = b.u8(8, "general_level_idc")?;
    profile_and_level(config, profile, level);
    b.skip(2, "ptl_frame_only_constraint_flag and ptl_multilayer_enabled_flag")?;
    if b.flag("gci_present_flag")? {
        b.skip(CONSTRAINTS, "general constraints")?;
        let more = b.u(8, "gci_num_additional_bits")?;
        b.skip(more, "additional constraints")?;
    }
    b.align();
    let mut levels = 0;
    for _ in 0..sub_layers {
        levels += u32::from(b.flag("ptl_sublayer_level_present_flag")?);
    }
    b.align();
    b.skip(8 * levels, "sublayer_level_idc")?;
    let profiles = b.u(8, "ptl_num_sub_profiles")?;
    b.skip(32 * profiles, "general_sub_profile_idc")
}
