//! The arrays of parameter sets that the records of HEVC and VVC end with (ISO/IEC 14496-15 §8.3.3.1, §11.2.4.2).

use super::VideoConfig;
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// Bytes of the length before each NAL unit from the two bits that code it, and what is wrong with them: three bytes are
/// not allowed (ISO/IEC 14496-15 §5.3.3.1.2).
pub(super) fn nal_length_size(bits: u8, at: usize) -> (u8, Option<Fault>) {
    let bits = bits & 3;
    (bits + 1, (bits == 2).then(|| Fault::invalid(at, "NAL unit length size", 3)))
}

/// Why the beginning of a record is none, where its version is not 1.
pub(super) fn no_version(record: &[u8], reading: &'static str, version: u8) -> Fault {
    match record {
        [0, 0, 1, ..] | [0, 0, 0, 1, ..] => Fault::broken(
            0,
            reading,
            "is a start code: these are parameter sets as in annex B and no record",
        ),
        _ => Fault::invalid(0, reading, u64::from(version)),
    }
}

/// How the arrays of a codec are read.
pub(super) struct Arrays<'a> {
    /// The bits of an array's first byte that are the NAL unit type.
    pub(super) mask: u8,
    /// The type of a video parameter set. Sequence and picture parameter sets come next.
    pub(super) vps: u8,
    /// Types of which there is one unit, and no count.
    pub(super) single: &'a [u8],
    /// Reads a sequence parameter set.
    pub(super) sps: fn(&[u8], &mut VideoConfig) -> Result<(), Fault>,
}

impl Arrays<'_> {
    /// Counts the sets and reads the first sequence parameter set, of which a cut one still says something.
    pub(super) fn read(&self, bytes: &[u8], config: &mut VideoConfig) -> Result<(), Fault> {
        let mut c = Cursor::new(bytes);
        let mut counts = [0u16; 3];
        let (mut seen, mut fault) = (false, None);
        for _ in 0..c.u8("parameter set array count")? {
            let kind = c.u8("parameter set type")? & self.mask;
            let units = if self.single.contains(&kind) { 1 } else { c.u16("parameter set count")? };
            let index = usize::from(kind.wrapping_sub(self.vps));
            if let Some(count) = counts.get_mut(index) {
                *count = count.saturating_add(units);
            }
            let [vps, sps, pps] = counts.map(Some);
            (config.vps_count, config.sps_count, config.pps_count) = (vps, sps, pps);
            for _ in 0..units {
                let length = c.u16("parameter set length")?;
                let at = c.offset();
                let set = c.take(usize::from(length), "parameter set");
                if index == 1 && !seen {
                    seen = true;
                    let unit = set.as_ref().map_or_else(|_| &bytes[at..], |set| *set);
                    fault = (self.sps)(unit, config).err().map(|f| f.rebased(at));
                }
                set?;
            }
        }
        fault.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_in_place_of_a_version_are_named() {
        for record in [&[0, 0, 1, 0x67][..], &[0, 0, 0, 1, 0x67]] {
            assert!(no_version(record, "version", 0).reason().to_string().contains("annex B"));
        }
        assert_eq!(no_version(&[2, 0, 1], "version", 2), Fault::invalid(0, "version", 2));
    }
}
