//! AC-3 and E-AC-3: the header of a frame (ATSC A/52 §5.3, §E.1.2), and the boxes of ISO files that say the same
//! (ETSI TS 102 366 annex F). Enhanced RTMP has no sequence start for them: each frame says it all.

use super::AudioConfig;
use super::bits::Bits;
use crate::proto::fault::Fault;

/// Kilobits per second by code (ATSC A/52 table 5.18).
const BIT_RATES: [u16; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Samples of one block.
const BLOCK: u32 = 256;

/// Decodes the header that a frame begins with, of AC-3 or E-AC-3: its bit stream identification tells which.
#[must_use]
pub fn decode(frame: &[u8]) -> (AudioConfig, Option<Fault>) {
    let mut config = AudioConfig::default();
    let fault = walk(frame, &mut config).err();
    (config, fault)
}

/// Decodes what a sequence start may hold all the same: a frame, or the content of a `dac3` box, or that of a `dec3`
/// box where `enhanced`.
#[must_use]
pub fn decode_start(record: &[u8], enhanced: bool) -> (AudioConfig, Option<Fault>) {
    let mut config = AudioConfig::default();
    let mut b = Bits::new(record);
    let fault = match record {
        [0x0b, 0x77, ..] => walk(record, &mut config),
        _ if enhanced => enhanced_box(&mut b, &mut config),
        _ => plain_box(&mut b, &mut config),
    };
    (config, fault.err())
}

fn walk(frame: &[u8], config: &mut AudioConfig) -> Result<(), Fault> {
    let mut b = Bits::new(frame);
    if b.u(16, "AC-3 sync word")? != 0x0b77 {
        return Err(Fault::broken(0, "AC-3 sync word", "is not 0x0b77"));
    }
    let Some(identification) = frame.get(5).map(|byte| byte >> 3) else {
        return Err(Fault::short(frame.len(), "AC-3 bit stream identification", 1, 0));
    };
    match identification {
        0..=10 => plain(&mut b, identification, config),
        11..=16 => enhanced(&mut b, config),
        other => Err(Fault::invalid(5, "AC-3 bit stream identification", u64::from(other))),
    }
}

/// `syncinfo` and `bsi` of AC-3 (ATSC A/52 §5.3.1, §5.3.2), behind the sync word.
fn plain(b: &mut Bits<'_>, identification: u8, config: &mut AudioConfig) -> Result<(), Fault> {
    // Identifications 9 and 10 halve and quarter the rates.
    let shift = identification.saturating_sub(8);
    b.skip(16, "AC-3 checksum")?;
    config.frame_samples = Some(6 * BLOCK);
    let code = b.u8(2, "AC-3 sample rate code")?;
    let size = b.u8(6, "AC-3 frame size code")?;
    config.sample_rate = Some(sample_rate(code, 4)? >> shift);
    config.bit_rate = Some(bit_rate(size >> 1, 4)? >> shift);
    b.skip(8, "AC-3 bit stream identification and mode")?;
    let mode = b.u8(3, "AC-3 audio coding mode")?;
    if mode & 1 == 1 && mode != 1 {
        b.skip(2, "AC-3 centre mix level")?;
    }
    if mode & 4 != 0 {
        b.skip(2, "AC-3 surround mix level")?;
    }
    if mode == 2 {
        b.skip(2, "AC-3 Dolby Surround mode")?;
    }
    config.channels = Some(channels(mode, b.flag("AC-3 low frequency effects flag")?));
    Ok(())
}

/// `bsi` of E-AC-3 (ATSC A/52 §E.1.2.2), behind the sync word.
fn enhanced(b: &mut Bits<'_>, config: &mut AudioConfig) -> Result<(), Fault> {
    b.skip(5, "E-AC-3 stream type and substream")?;
    let bytes = (b.u(11, "E-AC-3 frame size")? + 1) * 2;
    let code = b.u8(2, "E-AC-3 sample rate code")?;
    let (rate, blocks) = if code == 3 {
        let half = b.u8(2, "E-AC-3 half sample rate code")?;
        (sample_rate(half, 4)? / 2, 6)
    } else {
        let blocks = b.u8(2, "E-AC-3 block count code")?;
        (sample_rate(code, 4)?, [1, 2, 3, 6][usize::from(blocks)])
    };
    config.sample_rate = Some(rate);
    config.frame_samples = Some(blocks * BLOCK);
    // Eight bits a byte, over blocks of 256 samples.
    config.bit_rate = Some(bytes * rate / (blocks * 32));
    let mode = b.u8(3, "E-AC-3 audio coding mode")?;
    config.channels = Some(channels(mode, b.flag("E-AC-3 low frequency effects flag")?));
    Ok(())
}

/// `AC3SpecificBox` (ETSI TS 102 366 §F.4).
fn plain_box(b: &mut Bits<'_>, config: &mut AudioConfig) -> Result<(), Fault> {
    config.sample_rate = Some(sample_rate(b.u8(2, "AC-3 sample rate code")?, 0)?);
    b.skip(8, "AC-3 bit stream identification and mode")?;
    let mode = b.u8(3, "AC-3 audio coding mode")?;
    config.channels = Some(channels(mode, b.flag("AC-3 low frequency effects flag")?));
    let at = b.offset();
    config.bit_rate = Some(bit_rate(b.u8(5, "AC-3 bit rate code")?, at)?);
    config.frame_samples = Some(6 * BLOCK);
    Ok(())
}

/// `EC3SpecificBox` (ETSI TS 102 366 §F.6), of which the first independent substream counts.
fn enhanced_box(b: &mut Bits<'_>, config: &mut AudioConfig) -> Result<(), Fault> {
    config.bit_rate = Some(b.u(13, "E-AC-3 data rate")? * 1000);
    b.skip(3, "E-AC-3 substream count")?;
    config.sample_rate = Some(sample_rate(b.u8(2, "E-AC-3 sample rate code")?, 2)?);
    b.skip(10, "E-AC-3 bit stream identification and mode")?;
    let mode = b.u8(3, "E-AC-3 audio coding mode")?;
    config.channels = Some(channels(mode, b.flag("E-AC-3 low frequency effects flag")?));
    Ok(())
}

fn sample_rate(code: u8, at: usize) -> Result<u32, Fault> {
    match code {
        0 => Ok(48_000),
        1 => Ok(44_100),
        2 => Ok(32_000),
        _ => Err(Fault::invalid(at, "AC-3 sample rate code", u64::from(code))),
    }
}

fn bit_rate(code: u8, at: usize) -> Result<u32, Fault> {
    match BIT_RATES.get(usize::from(code)) {
        Some(rate) => Ok(u32::from(*rate) * 1000),
        None => Err(Fault::invalid(at, "AC-3 bit rate code", u64::from(code))),
    }
}

/// Full channels of an audio coding mode (ATSC A/52 table 5.8), and the one for low frequencies.
fn channels(mode: u8, low: bool) -> u8 {
    [2, 1, 2, 3, 3, 4, 4, 5][usize::from(mode & 7)] + u8::from(low)
}

#[cfg(test)]
mod tests {
    use super::super::bits::Writer;
    use super::*;

    fn ac3(fields: (u64, u64, u64, u64), mix: u32, low: u64) -> Vec<u8> {
        let (rate, size, identification, mode) = fields;
        let w = Writer::default().u(16, 0x0b77).u(16, 0).u(2, rate).u(6, size);
        w.u(5, identification).u(3, 0).u(3, mode).u(mix, 0).u(1, low).bytes()
    }

    #[test]
    fn frames_of_ac3() {
        for (fields, mix, low, expected) in [
            ((0, 20, 8, 2), 2, 0, (48_000, 192_000, 2)),
            ((1, 28, 8, 7), 4, 1, (44_100, 384_000, 6)),
            ((2, 0, 8, 1), 0, 0, (32_000, 32_000, 1)),
            ((0, 37, 9, 3), 2, 1, (24_000, 320_000, 4)),
        ] {
            let frame = ac3(fields, mix, low);
            let (config, fault) = decode(&frame);
            assert_eq!(fault, None);
            let found = (config.sample_rate, config.bit_rate, config.channels);
            let (rate, bits, channels) = expected;
            assert_eq!(found, (Some(rate), Some(bits), Some(channels)));
            assert_eq!(config.frame_samples, Some(1536));
            for cut in 0..7 {
                assert!(decode(&frame[..cut]).1.is_some_and(|f| f.offset <= cut), "cut at {cut}");
            }
        }
        let fault = Fault::invalid(4, "AC-3 sample rate code", 3);
        assert_eq!(decode(&ac3((3, 0, 8, 2), 2, 0)).1, Some(fault));
        assert!(decode(&ac3((0, 38, 8, 2), 2, 0)).1.is_some(), "a frame size that is reserved");
        assert!(decode(&ac3((0, 0, 17, 2), 2, 0)).1.is_some());
        assert!(decode(&[0x77, 0x0b, 0, 0, 0, 0x40]).1.is_some(), "the other byte order");
    }

    #[test]
    fn frames_of_e_ac3() {
        // 768 bytes, 48 kHz, six blocks, 3/2 and low frequencies
        let w = Writer::default().u(16, 0x0b77).u(5, 0).u(11, 383).u(2, 0).u(2, 3);
        let frame = w.u(3, 7).u(1, 1).u(5, 16).bytes();
        let (config, fault) = decode(&frame);
        assert_eq!(fault, None);
        assert_eq!((config.sample_rate, config.channels), (Some(48_000), Some(6)));
        assert_eq!((config.bit_rate, config.frame_samples), (Some(192_000), Some(1536)));
        let w = Writer::default().u(16, 0x0b77).u(5, 0).u(11, 383).u(2, 3).u(2, 1);
        let half = w.u(3, 2).u(1, 0).u(5, 16).bytes();
        assert_eq!(decode(&half).0.sample_rate, Some(22_050));
    }

    #[test]
    fn boxes_in_place_of_frames() {
        let plain = Writer::default().u(2, 0).u(5, 8).u(3, 0).u(3, 7).u(1, 1).u(5, 14).u(5, 0);
        let (config, fault) = decode_start(&plain.bytes(), false);
        assert_eq!((config.sample_rate, config.channels, fault), (Some(48_000), Some(6), None));
        assert_eq!(config.bit_rate, Some(384_000));
        let w = Writer::default().u(13, 192).u(3, 0).u(2, 1).u(5, 16).u(5, 0);
        let (config, fault) = decode_start(&w.u(3, 2).u(1, 0).u(12, 0).bytes(), true);
        assert_eq!((config.sample_rate, config.channels, fault), (Some(44_100), Some(2), None));
        assert_eq!(decode_start(&ac3((0, 20, 8, 2), 2, 0), false).0.bit_rate, Some(192_000));
        assert!(decode_start(&[], false).1.is_some() && decode_start(&[], true).1.is_some());
    }
}
