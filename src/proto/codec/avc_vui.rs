//! AVC's usability information (ITU-T H.264 §E.1.1): colours, frame rate, and how frames code their timing.

use super::bits::Bits;
use super::{VideoConfig, colour, rate};
use crate::proto::fault::Fault;

/// What it takes to read a picture timing message (ITU-T H.264 §D.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PictureTiming {
    /// Bits of the two delays that it begins with; `None` where it has none.
    pub delay_bits: Option<(u8, u8)>,
    /// Whether it says how the picture is to be shown, and at what time.
    pub pic_struct: bool,
    /// Bits of the offset behind each time.
    pub time_offset_bits: u8,
}

/// Reads the usability information. A frame lasts two ticks, one per field.
pub(super) fn usability(
    b: &mut Bits<'_>,
    config: &mut VideoConfig,
    timing: &mut PictureTiming,
) -> Result<(), Fault> {
    colour::signal(b, config)?;
    if b.flag("timing_info_present_flag")? {
        let tick = b.u(32, "num_units_in_tick")?;
        let scale = b.u(32, "time_scale")?;
        config.frame_rate = rate(u64::from(scale), 2 * u64::from(tick));
        b.flag("fixed_frame_rate_flag")?;
    }
    // What follows is needed for single frames only, so the record is no worse where it cannot be read.
    if let Ok(found) = picture_timing(b) {
        *timing = found;
    }
    Ok(())
}

fn picture_timing(b: &mut Bits<'_>) -> Result<PictureTiming, Fault> {
    // Bits of the time offset where no buffer model says otherwise (ITU-T H.264 §E.2.2).
    let mut timing = PictureTiming { time_offset_bits: 24, ..PictureTiming::default() };
    for _ in 0..2 {
        if b.flag("hrd_parameters_present_flag")? {
            hypothetical_decoder(b, &mut timing)?;
        }
    }
    if timing.delay_bits.is_some() {
        b.flag("low_delay_hrd_flag")?;
    }
    timing.pic_struct = b.flag("pic_struct_present_flag")?;
    Ok(timing)
}

/// `hrd_parameters` (ITU-T H.264 §E.1.2).
fn hypothetical_decoder(b: &mut Bits<'_>, timing: &mut PictureTiming) -> Result<(), Fault> {
    let buffers = b.ue_max(31, "cpb_cnt_minus1")? + 1;
    b.skip(8, "bit_rate_scale and cpb_size_scale")?;
    for _ in 0..buffers {
        b.ue("bit_rate_value_minus1")?;
        b.ue("cpb_size_value_minus1")?;
        b.flag("cbr_flag")?;
    }
    b.skip(5, "initial_cpb_removal_delay_length_minus1")?;
    let removal = b.u8(5, "cpb_removal_delay_length_minus1")? + 1;
    let output = b.u8(5, "dpb_output_delay_length_minus1")? + 1;
    timing.delay_bits = Some((removal, output));
    timing.time_offset_bits = b.u8(5, "time_offset_length")?;
    Ok(())
}
