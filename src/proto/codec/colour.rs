//! Colours: what the numbers of ITU-T H.273 are called, and the part of the usability information that has them.

use super::VideoConfig;
use super::bits::Bits;
use crate::proto::fault::Fault;

/// The name of colour primaries (ITU-T H.273 table 2), as ffmpeg has it; `None` for a number without one.
#[must_use]
pub const fn primaries(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "bt709",
        2 => "unspecified",
        4 => "bt470m",
        5 => "bt470bg",
        6 => "smpte170m",
        7 => "smpte240m",
        8 => "film",
        9 => "bt2020",
        10 => "smpte428",
        11 => "smpte431",
        12 => "smpte432",
        22 => "ebu3213",
        _ => return None,
    })
}

/// The name of transfer characteristics (ITU-T H.273 table 3), as ffmpeg has it; `None` for a number without one.
#[must_use]
pub const fn transfer(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "bt709",
        2 => "unspecified",
        4 => "bt470m",
        5 => "bt470bg",
        6 => "smpte170m",
        7 => "smpte240m",
        8 => "linear",
        9 => "log100",
        10 => "log316",
        11 => "iec61966-2-4",
        12 => "bt1361e",
        13 => "iec61966-2-1",
        14 => "bt2020-10",
        15 => "bt2020-12",
        16 => "smpte2084",
        17 => "smpte428",
        18 => "arib-std-b67",
        _ => return None,
    })
}

/// The name of matrix coefficients (ITU-T H.273 table 4), as ffmpeg has it; `None` for a number without one.
#[must_use]
pub const fn matrix(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "gbr",
        1 => "bt709",
        2 => "unspecified",
        4 => "fcc",
        5 => "bt470bg",
        6 => "smpte170m",
        7 => "smpte240m",
        8 => "ycgco",
        9 => "bt2020nc",
        10 => "bt2020c",
        11 => "smpte2085",
        12 => "chroma-derived-nc",
        13 => "chroma-derived-c",
        14 => "ictcp",
        _ => return None,
    })
}

/// Reads what the usability information of AVC and HEVC begins with: aspect ratio, overscan, signal type and the place
/// of chroma samples (ITU-T H.264 §E.1.1, H.265 §E.2.1).
pub(super) fn signal(b: &mut Bits<'_>, config: &mut VideoConfig) -> Result<(), Fault> {
    if b.flag("aspect_ratio_info_present_flag")? && b.u8(8, "aspect_ratio_idc")? == 255 {
        b.skip(32, "sample aspect ratio")?;
    }
    if b.flag("overscan_info_present_flag")? {
        b.flag("overscan_appropriate_flag")?;
    }
    if b.flag("video_signal_type_present_flag")? {
        b.skip(3, "video_format")?;
        config.full_range = Some(b.flag("video_full_range_flag")?);
        if b.flag("colour_description_present_flag")? {
            description(b, config)?;
        }
    }
    if b.flag("chroma_loc_info_present_flag")? {
        b.ue("chroma_sample_loc_type_top_field")?;
        b.ue("chroma_sample_loc_type_bottom_field")?;
    }
    Ok(())
}

/// Reads the three numbers, a byte each.
pub(super) fn description(b: &mut Bits<'_>, config: &mut VideoConfig) -> Result<(), Fault> {
    config.color_primaries = Some(b.u8(8, "colour primaries")?);
    config.transfer = Some(b.u8(8, "transfer characteristics")?);
    config.matrix = Some(b.u8(8, "matrix coefficients")?);
    Ok(())
}
