//! VP8 and VP9: the configuration record (VP Codec ISO Media File Format Binding, "VP Codec Configuration Box").

use super::{Level, VideoConfig};
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// Decodes a VPCodecConfigurationRecord. The picture size is not in it.
#[must_use]
pub fn decode(record: &[u8]) -> (VideoConfig, Option<Fault>) {
    let mut config = VideoConfig::default();
    let fault = walk(record, &mut config).err();
    (config, fault)
}

fn walk(record: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
    let mut c = Cursor::new(record);
    // Enhanced RTMP names the record, but software also sends the box's version and flags before it. They cannot be
    // mistaken for a record: profile 1, level 0 and a bit depth of 0 do not occur.
    if record.starts_with(&[1, 0, 0, 0]) {
        c.take(4, "VP box version and flags")?;
    }
    let begin = c.offset();
    let profile = c.u8("VP profile")?;
    config.profile_idc = Some(profile);
    config.profile = match profile {
        0 => Some("Profile 0"),
        1 => Some("Profile 1"),
        2 => Some("Profile 2"),
        3 => Some("Profile 3"),
        _ => None,
    };
    let level = c.u8("VP level")?;
    config.level = (level != 0).then(|| Level::from_tenths(level)); // 0 is "unknown"
    let byte = c.u8("VP bit depth")?;
    let depth = byte >> 4;
    config.bit_depth = Some(depth);
    config.chroma = match byte >> 1 & 7 {
        0 | 1 => Some("4:2:0"),
        2 => Some("4:2:2"),
        3 => Some("4:4:4"),
        _ => None,
    };
    config.full_range = Some(byte & 1 == 1);
    let [primaries, transfer, matrix] = c.array("VP colour description")?;
    config.color_primaries = Some(primaries);
    config.transfer = Some(transfer);
    config.matrix = Some(matrix);
    let len = c.u16("VP initialization data length")?;
    c.take(usize::from(len), "VP initialization data")?;
    if profile > 3 {
        return Err(Fault::invalid(begin, "VP profile", u64::from(profile)));
    }
    if !matches!(depth, 8 | 10 | 12) {
        return Err(Fault::invalid(begin + 2, "VP bit depth", u64::from(depth)));
    }
    let chroma = byte >> 1 & 7;
    if chroma > 3 {
        return Err(Fault::invalid(begin + 2, "VP chroma subsampling", u64::from(chroma)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_and_without_the_box_header() {
        let bytes = [1, 0, 0, 0, 0, 41, 0x82, 1, 1, 1, 0, 0];
        for record in [&bytes[..], &bytes[4..]] {
            let (config, fault) = decode(record);
            assert_eq!(fault, None);
            assert_eq!(
                (config.profile, config.level),
                (Some("Profile 0"), Some(Level::from_tenths(41)))
            );
            assert_eq!((config.bit_depth, config.chroma), (Some(8), Some("4:2:0")));
            assert_eq!(
                (config.color_primaries, config.transfer, config.matrix),
                (Some(1), Some(1), Some(1))
            );
            assert_eq!(config.full_range, Some(false));
            for cut in 0..record.len() {
                assert!(decode(&record[..cut]).1.is_some());
            }
        }
    }

    #[test]
    fn what_no_stream_has_is_said_and_hides_nothing() {
        for (at, byte, reading, value) in [
            (0, 4, "VP profile", 4),
            (2, 0x32, "VP bit depth", 3),
            (2, 0x88, "VP chroma subsampling", 4),
        ] {
            let mut record = [0, 41, 0x82, 9, 16, 9, 0, 0];
            record[at] = byte;
            for skipped in [0, 4] {
                let (config, fault) = decode(&[&[1, 0, 0, 0][..skipped], &record].concat());
                assert_eq!(fault, Some(Fault::invalid(skipped + at, reading, value)));
                assert_eq!(config.matrix, Some(9));
            }
        }
    }
}
