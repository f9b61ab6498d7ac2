//! What a sequence header says about the frames after it: codec configuration records. Of coded frames only the
//! headers of codecs that have no record, and the picture sizes that records lack.
//!
//! Every decoder returns what it could read together with the fault that stopped it, so that a broken record still
//! shows its profile. Nothing is allocated and every count read from a record is bounded before it is used.

pub mod aac;
pub mod ac3;
pub mod av1;
pub mod avc;
mod avc_slice;
mod avc_vui;
pub mod bits;
pub mod colour;
pub mod flac;
pub mod hevc;
mod hevc_sps;
pub mod mpeg_audio;
pub mod opus;
mod parameter_sets;
pub mod picture;
pub mod vp;
pub mod vvc;
mod vvc_sps;

use core::fmt;

/// What a video configuration record says. A field is `None` where the record does not have it or broke before it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VideoConfig {
    /// The profile's name, `High`.
    pub profile: Option<&'static str>,
    /// The profile's number as coded.
    pub profile_idc: Option<u8>,
    /// The level, displayed as `4.1`.
    pub level: Option<Level>,
    /// Width of the displayed picture, after cropping.
    pub width: Option<u32>,
    /// Height of the displayed picture, after cropping.
    pub height: Option<u32>,
    /// Frames per second, where the record has timing.
    pub frame_rate: Option<f64>,
    /// Chroma sampling, `4:2:0`; `4:0:0` is monochrome.
    pub chroma: Option<&'static str>,
    /// Bits per luma sample.
    pub bit_depth: Option<u8>,
    /// Whether pictures may be coded as fields.
    pub interlaced: Option<bool>,
    /// How many frames a decoder keeps for reference.
    pub reference_frames: Option<u32>,
    /// Bytes of the length before each NAL unit.
    pub nal_length_size: Option<u8>,
    /// Video parameter sets that the record counts.
    pub vps_count: Option<u16>,
    /// Sequence parameter sets that the record counts.
    pub sps_count: Option<u16>,
    /// Picture parameter sets that the record counts.
    pub pps_count: Option<u16>,
    /// Colour primaries (ITU-T H.273 §8.1), named by [`colour::primaries`].
    pub color_primaries: Option<u8>,
    /// Transfer characteristics (ITU-T H.273 §8.2), named by [`colour::transfer`].
    pub transfer: Option<u8>,
    /// Matrix coefficients (ITU-T H.273 §8.3), named by [`colour::matrix`].
    pub matrix: Option<u8>,
    /// Whether samples use the full range of their bits.
    pub full_range: Option<bool>,
}

/// What an audio configuration record says. A field is `None` where the record does not have it or broke before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AudioConfig {
    /// The profile's name, `LC`, `HE-AAC`.
    pub profile: Option<&'static str>,
    /// The MPEG-4 audio object type as coded first: 2 is AAC LC, 5 SBR, 29 PS.
    pub object_type: Option<u8>,
    /// Samples per second of what is heard: with explicit SBR the extension's rate.
    pub sample_rate: Option<u32>,
    /// Samples per second of what the encoder was given, where the record says it: Opus.
    pub input_sample_rate: Option<u32>,
    /// Channels of what is heard: 2 for one coded channel with explicit PS.
    pub channels: Option<u8>,
    /// Whether SBR is signalled; `None` where the record leaves it open (implicit signalling).
    pub sbr: Option<bool>,
    /// Whether PS is signalled; `None` where the record leaves it open.
    pub ps: Option<bool>,
    /// Bits per sample, for lossless codecs.
    pub bit_depth: Option<u8>,
    /// Bits per second, where the header of a frame says it.
    pub bit_rate: Option<u32>,
    /// Samples that one frame codes of each channel (before SBR doubles them), where that is fixed.
    pub frame_samples: Option<u32>,
    /// Samples at 48 kHz that a decoder drops at the start: Opus.
    pub pre_skip: Option<u16>,
    /// Whether the record begins with the signature that belongs there: FLAC.
    pub signature: Option<bool>,
}

/// A level; its display is what people write, `4.1` or AVC's `1b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A number with one decimal.
    Number {
        /// Before the point.
        major: u8,
        /// After it.
        minor: u8,
    },
    /// AVC's level between 1 and 1.1.
    OneB,
}

impl Level {
    /// The level that is coded as its tenfold: 41 is 4.1.
    #[must_use]
    pub const fn from_tenths(tenths: u8) -> Self {
        Self::Number { major: tenths / 10, minor: tenths % 10 }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { major, minor } => write!(f, "{major}.{minor}"),
            Self::OneB => f.write_str("1b"),
        }
    }
}

/// The name of `chroma_format_idc` (ITU-T H.264 table 6-1, H.265 table 6-1).
const fn chroma_name(idc: u32) -> Option<&'static str> {
    match idc {
        0 => Some("4:0:0"),
        1 => Some("4:2:0"),
        2 => Some("4:2:2"),
        3 => Some("4:4:4"),
        _ => None,
    }
}

/// `ticks / per_frame` frames a second, unless one is zero.
fn rate(ticks: u64, per_frame: u64) -> Option<f64> {
    (ticks != 0 && per_frame != 0).then(|| ticks as f64 / per_frame as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_record_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0..10usize) {
            // Plausible beginnings lead the random bytes into the parameter sets.
            let starts: [&[u8]; 10] = [
                b"", &[1, 100, 0, 41, 0xff, 0xe1, 0, 200, 0x67], &[0x81, 4, 0x0c, 0, 0x0a, 200], b"OpusHead",
                b"fLaC\x80\0\0\x22", &[1, 0, 0, 0],
                &[1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 1,
                  0x21, 0, 1, 0, 250, 0x42, 1, 1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xa0],
                &[0x2b, 0x92], &[0xff, 2, 0x45, 0x5f, 1, 2], &[0x0b, 0x77, 0, 0, 0x10],
            ];
            let mut record = starts[start].to_vec();
            record.extend(bytes);
            let _ = avc::decode(&record);
            let _ = avc::picture_timing(&record);
            let _ = hevc::decode(&record);
            let _ = vvc::decode(&record);
            let _ = av1::decode_descriptor(&record);
            let _ = ac3::decode(&record);
            let _ = mpeg_audio::decode(&record);
            let _ = av1::decode(&record);
            let _ = vp::decode(&record);
            let _ = aac::decode(&record);
            let _ = opus::decode(&record);
            let _ = flac::decode(&record);
        }
    }

    #[test]
    fn levels_display_as_people_write_them() {
        assert_eq!(Level::from_tenths(41).to_string(), "4.1");
        assert_eq!(Level::from_tenths(30).to_string(), "3.0");
        assert_eq!(Level::OneB.to_string(), "1b");
    }
}
