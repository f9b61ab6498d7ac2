//! FLAC: the signature and the STREAMINFO block (RFC 9639 §8.2). Enhanced RTMP asks for both, and ffmpeg sends the bare
//! content of the block: 34 bytes.

use super::AudioConfig;
use super::bits::Bits;
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// Decodes the `fLaC` signature and the STREAMINFO block after it.
#[must_use]
pub fn decode(record: &[u8]) -> (AudioConfig, Option<Fault>) {
    let mut config = AudioConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

fn walk(record: &[u8], config: &mut AudioConfig) -> Result<(), Fault> {
    const STREAM_INFO: usize = 34;
    let mut c = Cursor::new(record);
    let bare = record.len() == STREAM_INFO && !record.starts_with(b"fLaC");
    config.signature = (!record.is_empty()).then_some(!bare);
    if bare {
        return stream_info(&mut c, config);
    }
    if c.take(4, "FLAC signature")? != b"fLaC" {
        config.signature = Some(false);
        return Err(Fault::broken(0, "FLAC signature", "is not fLaC"));
    }
    let kind = c.u8("FLAC metadata block type")? & 0x7f;
    if kind != 0 {
        return Err(Fault::invalid(4, "FLAC metadata block type", u64::from(kind)));
    }
    c.u24("FLAC metadata block length")?;
    stream_info(&mut c, config)
}

fn stream_info(c: &mut Cursor<'_>, config: &mut AudioConfig) -> Result<(), Fault> {
    let (least, most) = (c.u16("FLAC block size")?, c.u16("FLAC block size")?);
    config.frame_samples = (least == most).then_some(u32::from(least));
    c.take(6, "FLAC frame sizes")?;
    let at = c.offset();
    let mut b = Bits::new(c.rest());
    let mut fields = || -> Result<(), Fault> {
        config.sample_rate = Some(b.u(20, "FLAC sample rate")?);
        config.channels = Some(b.u8(3, "FLAC channel count")? + 1);
        config.bit_depth = Some(b.u8(5, "FLAC bits per sample")? + 1);
        Ok(())
    };
    fields().map_err(|f| f.rebased(at))?;
    c.take(8 + 16, "FLAC sample count and checksum")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_information_whole_and_cut() {
        let mut record =
            b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0b\xb8\x02\xf0\0\0\0\0".to_vec();
        record.extend([0; 16]);
        let (config, fault) = decode(&record);
        assert_eq!(fault, None);
        assert_eq!(
            (config.sample_rate, config.channels, config.bit_depth),
            (Some(48_000), Some(2), Some(16))
        );
        assert_eq!(config.frame_samples, Some(4096));
        for cut in 0..record.len() {
            let (config, fault) = decode(&record[..cut]);
            assert!(fault.is_some_and(|f| f.offset <= cut));
            assert_eq!(config.bit_depth.is_some(), cut >= 22);
        }
        let (bare, fault) = decode(&record[8..]);
        assert_eq!((bare.sample_rate, bare.signature, fault), (Some(48_000), Some(false), None));
        assert_eq!(config.signature, Some(true));
        assert!(decode(b"OggS").1.is_some());
        assert!(decode(b"fLaC\x84\0\0\x22").1.is_some(), "a comment block first");
    }
}
