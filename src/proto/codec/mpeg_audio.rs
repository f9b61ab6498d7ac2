//! MPEG audio (MP3 and its older layers): the header of a frame (ISO/IEC 11172-3 §2.4.1.3, ISO/IEC 13818-3). There is no
//! configuration record: each frame says it all.

use super::AudioConfig;
use super::bits::Bits;
use crate::proto::fault::Fault;

/// Kilobits per second by index: MPEG-1 layers I, II and III, then layer I and the others at half the sample rates.
const BIT_RATES: [[u16; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Decodes the header that a frame begins with.
#[must_use]
pub fn decode(frame: &[u8]) -> (AudioConfig, Option<Fault>) {
    let mut config = AudioConfig::default();
    let fault = walk(&mut Bits::new(frame), &mut config).err();
    (config, fault)
}

fn walk(b: &mut Bits<'_>, config: &mut AudioConfig) -> Result<(), Fault> {
    if b.u(11, "MPEG audio sync word")? != 0x7ff {
        return Err(Fault::broken(0, "MPEG audio sync word", "is not eleven bits of one"));
    }
    // 3 is MPEG-1, 2 is MPEG-2 at half its sample rates, 0 is MPEG 2.5 at a quarter.
    let version = b.u8(2, "MPEG audio version")?;
    let shift = match version {
        3 => 0,
        2 => 1,
        0 => 2,
        _ => return Err(Fault::invalid(1, "MPEG audio version", u64::from(version))),
    };
    let layer = match b.u8(2, "MPEG audio layer")? {
        0 => return Err(Fault::invalid(1, "MPEG audio layer", 0)),
        number => 4 - number,
    };
    config.profile = Some(["Layer I", "Layer II", "Layer III"][usize::from(layer - 1)]);
    config.frame_samples = Some(match (layer, shift) {
        (1, _) => 384,
        (3, 1 | 2) => 576,
        _ => 1152,
    });
    b.flag("MPEG audio protection bit")?;
    let rates = match (shift, layer) {
        (0, _) => BIT_RATES[usize::from(layer - 1)],
        (_, 1) => BIT_RATES[3],
        _ => BIT_RATES[4],
    };
    match b.u8(4, "MPEG audio bit rate index")? {
        0 => {} // free format: any rate, which the frames tell by their distance
        15 => return Err(Fault::invalid(2, "MPEG audio bit rate index", 15)),
        index => config.bit_rate = Some(u32::from(rates[usize::from(index - 1)]) * 1000),
    }
    let index = b.u8(2, "MPEG audio sample rate index")?;
    if index == 3 {
        return Err(Fault::invalid(2, "MPEG audio sample rate index", 3));
    }
    config.sample_rate = Some([44_100, 48_000, 32_000][usize::from(index)] >> shift);
    b.skip(2, "MPEG audio padding and private bits")?;
    let mode = b.u8(2, "MPEG audio channel mode")?;
    config.channels = Some(if mode == 3 { 1 } else { 2 });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_versions_and_layers() {
        for (header, profile, rate, channels, bit_rate, samples) in [
            ([0xff, 0xfb, 0x90, 0x64], "Layer III", 44_100, 2, Some(128_000), 1152),
            ([0xff, 0xfb, 0x54, 0xc4], "Layer III", 48_000, 1, Some(64_000), 1152),
            ([0xff, 0xf3, 0x40, 0xc0], "Layer III", 22_050, 1, Some(32_000), 576),
            ([0xff, 0xe3, 0x18, 0xc4], "Layer III", 8_000, 1, Some(8_000), 576),
            ([0xff, 0xfd, 0xe8, 0x00], "Layer II", 32_000, 2, Some(384_000), 1152),
            ([0xff, 0xff, 0x10, 0x00], "Layer I", 44_100, 2, Some(32_000), 384),
            ([0xff, 0xf7, 0xe4, 0x00], "Layer I", 24_000, 2, Some(256_000), 384),
            ([0xff, 0xfb, 0x00, 0x00], "Layer III", 44_100, 2, None, 1152),
        ] {
            let (config, fault) = decode(&header);
            assert_eq!(fault, None, "{header:02x?}");
            let expected = AudioConfig {
                profile: Some(profile),
                sample_rate: Some(rate),
                channels: Some(channels),
                bit_rate,
                frame_samples: Some(samples),
                ..AudioConfig::default()
            };
            assert_eq!(config, expected, "{header:02x?}");
            for cut in 0..4 {
                assert_eq!(decode(&header[..cut]).1.map(|f| f.offset), Some(cut));
            }
        }
    }

    #[test]
    fn reserved_values_are_said() {
        for (header, reading, value) in [
            ([0xff, 0xeb, 0x90, 0], "MPEG audio version", 1),
            ([0xff, 0xf9, 0x90, 0], "MPEG audio layer", 0),
            ([0xff, 0xfb, 0xf0, 0], "MPEG audio bit rate index", 15),
            ([0xff, 0xfb, 0x9c, 0], "MPEG audio sample rate index", 3),
        ] {
            let at = if reading.ends_with("index") { 2 } else { 1 };
            assert_eq!(decode(&header).1, Some(Fault::invalid(at, reading, value)));
        }
        assert!(decode(b"ID3\x04").1.is_some());
    }
}
