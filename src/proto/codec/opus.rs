//! Opus: the identification header (RFC 7845 §5.1).

use super::AudioConfig;
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// Decodes an `OpusHead`. Opus is always decoded at 48 kHz, whatever the rate of the encoder's input was.
#[must_use]
pub fn decode(record: &[u8]) -> (AudioConfig, Option<Fault>) {
    let mut config = AudioConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

/// The rate at which Opus is decoded (RFC 6716 §2.1.3; RFC 7845 §5.1, "Input Sample Rate").
const RATE: u32 = 48_000;

fn walk(record: &[u8], config: &mut AudioConfig) -> Result<(), Fault> {
    let mut c = Cursor::new(record);
    if c.take(8, "Opus signature")? != b"OpusHead" {
        return Err(Fault::broken(0, "Opus signature", "is not OpusHead"));
    }
    let version = c.u8("Opus header version")?;
    // The upper half is the incompatible part of the version (RFC 7845 §5.1).
    if version > 15 {
        return Err(Fault::invalid(8, "Opus header version", u64::from(version)));
    }
    let channels = c.u8("Opus channel count")?;
    config.channels = Some(channels);
    if channels == 0 {
        return Err(Fault::invalid(9, "Opus channel count", 0));
    }
    config.sample_rate = Some(RATE);
    config.pre_skip = Some(u16::from_le_bytes(c.array("Opus pre-skip")?));
    let rate = u32::from_le_bytes(c.array("Opus input sample rate")?);
    config.input_sample_rate = (rate != 0).then_some(rate); // 0 is "unspecified"
    c.u16("Opus output gain")?;
    if c.u8("Opus channel mapping family")? != 0 {
        c.take(2 + usize::from(channels), "Opus channel mapping")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_whole_and_cut() {
        let record = b"OpusHead\x01\x02\x38\x01\x44\xac\0\0\0\0\0";
        let (config, fault) = decode(record);
        assert_eq!(fault, None);
        assert_eq!((config.channels, config.sample_rate), (Some(2), Some(48_000)));
        assert_eq!((config.pre_skip, config.input_sample_rate), (Some(312), Some(44_100)));
        for cut in 0..record.len() {
            let (config, fault) = decode(&record[..cut]);
            assert!(fault.is_some());
            assert_eq!(
                (config.channels.is_some(), config.input_sample_rate.is_some()),
                (cut >= 10, cut >= 16)
            );
        }
        assert_eq!(
            decode(b"OpusTags....").1,
            Some(Fault::broken(0, "Opus signature", "is not OpusHead"))
        );
        let none = b"OpusHead\x01\0\0\0\x80\xbb\0\0\0\0\0";
        assert_eq!(decode(none).1, Some(Fault::invalid(9, "Opus channel count", 0)));
    }

    #[test]
    fn surround_has_a_mapping() {
        let record = b"OpusHead\x01\x03\0\0\0\0\0\0\0\0\x01\x02\x01\0\x02\x01";
        assert_eq!(decode(record).1, None);
        assert!(decode(&record[..record.len() - 1]).1.is_some());
    }
}
