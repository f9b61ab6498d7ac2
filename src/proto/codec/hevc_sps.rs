//! HEVC's sequence parameter set (ITU-T H.265 §7.3.2.2, §E.2.1), read as far as its timing.

use super::bits::Bits;
use super::hevc::profile_tier_level;
use super::{VideoConfig, chroma_name, colour, rate};
use crate::proto::fault::Fault;

/// The most short-term reference picture sets that a parameter set may have (H.265 §7.4.3.2.1).
const SETS: u32 = 64;

/// Reads a sequence parameter set, its NAL unit header included, into `config`.
pub(super) fn sequence_parameter_set(unit: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut b = Bits::nal(unit);
    b.skip(16, "HEVC NAL unit header")?;
    b.skip(4, "sps_video_parameter_set_id")?;
    let sub_layers = b.u(3, "sps_max_sub_layers_minus1")?;
    b.flag("sps_temporal_id_nesting_flag")?;
    profile_tier_level(&mut b, sub_layers, config)?;
    b.ue_max(15, "sps_seq_parameter_set_id")?;
    let chroma = b.ue_max(3, "chroma_format_idc")?;
    config.chroma = chroma_name(chroma);
    if chroma == 3 {
        b.flag("separate_colour_plane_flag")?;
    }
    let mut width = b.ue("pic_width_in_luma_samples")?;
    let mut height = b.ue("pic_height_in_luma_samples")?;
    if b.flag("conformance_window_flag")? {
        let window = window(&mut b)?;
        // Cropping counts chroma samples (H.265 table 6-1, SubWidthC and SubHeightC).
        let (unit_x, unit_y) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        width = width.saturating_sub(window.0.saturating_mul(unit_x));
        height = height.saturating_sub(window.1.saturating_mul(unit_y));
    }
    config.width = Some(width);
    config.height = Some(height);
    config.bit_depth = Some(8 + b.ue_max(8, "bit_depth_luma_minus8")? as u8);
    b.ue_max(8, "bit_depth_chroma_minus8")?;
    let order_bits = 4 + b.ue_max(12, "log2_max_pic_order_cnt_lsb_minus4")?;
    let all = b.flag("sps_sub_layer_ordering_info_present_flag")?;
    for _ in if all { 0 } else { sub_layers }..=sub_layers {
        // The highest sub-layer's, which comes last, holds for the whole stream.
        config.reference_frames = Some(b.ue("sps_max_dec_pic_buffering_minus1")?);
        b.ue("sps_max_num_reorder_pics")?;
        b.ue("sps_max_latency_increase_plus1")?;
    }
    for _ in 0..6 {
        b.ue("coding and transform block sizes")?;
    }
    if b.flag("scaling_list_enabled_flag")? && b.flag("sps_scaling_list_data_present_flag")? {
        scaling_lists(&mut b)?;
    }
    b.skip(2, "amp and sample adaptive offset flags")?;
    if b.flag("pcm_enabled_flag")? {
        b.skip(8, "pcm sample bit depths")?;
        b.ue("log2_min_pcm_luma_coding_block_size_minus3")?;
        b.ue("log2_diff_max_min_pcm_luma_coding_block_size")?;
        b.flag("pcm_loop_filter_disabled_flag")?;
    }
    let mut pictures = 0;
    for i in 0..b.ue_max(SETS, "num_short_term_ref_pic_sets")? {
        pictures = reference_set(&mut b, i, pictures)?;
    }
    if b.flag("long_term_ref_pics_present_flag")? {
        for _ in 0..b.ue_max(32, "num_long_term_ref_pics_sps")? {
            b.skip(order_bits + 1, "long-term reference picture")?;
        }
    }
    b.skip(2, "temporal motion and intra smoothing flags")?;
    if b.flag("vui_parameters_present_flag")? {
        usability(&mut b, config)?;
    }
    Ok(())
}

/// Four offsets as the sums of left and right, of top and bottom.
fn window(b: &mut Bits<'_>) -> Result<(u32, u32), Fault> {
    let mut sum = || -> Result<u32, Fault> {
        let first = b.ue("window offset")?;
        Ok(first.saturating_add(b.ue("window offset")?))
    };
    Ok((sum()?, sum()?))
}

/// Passes over `scaling_list_data` (H.265 §7.3.4).
fn scaling_lists(b: &mut Bits<'_>) -> Result<(), Fault> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !b.flag("scaling_list_pred_mode_flag")? {
                b.ue("scaling_list_pred_matrix_id_delta")?;
                continue;
            }
            if size > 1 {
                b.se("scaling_list_dc_coef_minus8")?;
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                b.se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// Passes over one `st_ref_pic_set` (H.265 §7.3.7). `before` is how many pictures the set before it has; the result
/// is how many this one has, since a set may be coded as a difference to the one before.
fn reference_set(b: &mut Bits<'_>, index: u32, before: u32) -> Result<u32, Fault> {
    if index > 0 && b.flag("inter_ref_pic_set_prediction_flag")? {
        b.flag("delta_rps_sign")?;
        b.ue("abs_delta_rps_minus1")?;
        let mut pictures = 0u32;
        for _ in 0..=before {
            let used = b.flag("used_by_curr_pic_flag")?;
            if used || b.flag("use_delta_flag")? {
                pictures += 1;
            }
        }
        return Ok(pictures);
    }
    // A decoded picture buffer holds 16 pictures at most (H.265 §A.4.2).
    let negative = b.ue_max(16, "num_negative_pics")?;
    let positive = b.ue_max(16, "num_positive_pics")?;
    for _ in 0..negative + positive {
        b.ue("delta_poc_minus1")?;
        b.flag("used_by_curr_pic_flag")?;
    }
    Ok(negative + positive)
}

/// Reads the usability information up to its timing (H.265 §E.2.1).
fn usability(b: &mut Bits<'_>, config: &mut VideoConfig) -> Result<(), Fault> {
    colour::signal(b, config)?;
    b.flag("neutral_chroma_indication_flag")?;
    let fields = b.flag("field_seq_flag")?;
    if fields {
        config.interlaced = Some(true);
    }
    b.flag("frame_field_info_present_flag")?;
    if b.flag("default_display_window_flag")? {
        window(b)?;
    }
    if b.flag("vui_timing_info_present_flag")? {
        let tick = b.u(32, "vui_num_units_in_tick")?;
        let scale = b.u(32, "vui_time_scale")?;
        // A tick is one coded picture, which is a field where fields are coded.
        if let Some(found) = rate(u64::from(scale), u64::from(tick) * if fields { 2 } else { 1 }) {
            config.frame_rate = Some(found);
        }
    }
    Ok(())
}
