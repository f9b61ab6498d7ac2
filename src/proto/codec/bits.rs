//! A bounded bit reader with Exp-Golomb codes, over plain bytes or over NAL units.

use crate::proto::fault::Fault;

/// Reads bits, the most significant first, and reports shortages at the byte where they happen.
#[derive(Debug, Clone)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to load.
    at: usize,
    current: u8,
    /// Bits of `current` not read yet.
    left: u8,
    /// Whether `bytes` is a NAL unit, and how many zero bytes came last.
    escaped: bool,
    zeros: u8,
}

impl<'a> Bits<'a> {
    /// Over plain bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, current: 0, left: 0, escaped: false, zeros: 0 }
    }

    /// Over a NAL unit: the emulation prevention bytes (ITU-T H.264 §7.4.1, H.265 §7.4.2) are skipped as they are
    /// met, without a copy, so offsets stay those of the unit.
    #[must_use]
    pub const fn nal(bytes: &'a [u8]) -> Self {
        Self { escaped: true, ..Self::new(bytes) }
    }

    /// The byte that the next bit is in.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at - (self.left > 0) as usize
    }

    /// Bits left, emulation prevention bytes counted as if they were data.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        (self.bytes.len() - self.at) * 8 + self.left as usize
    }

    /// One bit.
    ///
    /// # Errors
    /// None is left.
    pub fn flag(&mut self, reading: &'static str) -> Result<bool, Fault> {
        if self.left == 0 {
            if self.escaped && self.zeros >= 2 && self.bytes.get(self.at) == Some(&3) {
                self.at += 1;
                self.zeros = 0;
            }
            let Some(byte) = self.bytes.get(self.at) else {
                return Err(Fault::short(self.at, reading, 1, 0));
            };
            self.at += 1;
            self.zeros = if *byte == 0 { self.zeros.saturating_add(1) } else { 0 };
            self.current = *byte;
            self.left = 8;
        }
        self.left -= 1;
        Ok(self.current >> self.left & 1 == 1)
    }

    /// `n` bits, at most 32, as a number.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u(&mut self, n: u32, reading: &'static str) -> Result<u32, Fault> {
        let mut value = 0;
        for _ in 0..n.min(32) {
            value = value << 1 | u32::from(self.flag(reading)?);
        }
        Ok(value)
    }

    /// `n` bits, at most 8, as a number.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u8(&mut self, n: u32, reading: &'static str) -> Result<u8, Fault> {
        Ok(self.u(n.min(8), reading)? as u8)
    }

    /// Passes over `n` bits.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn skip(&mut self, n: u32, reading: &'static str) -> Result<(), Fault> {
        for _ in 0..n {
            self.flag(reading)?;
        }
        Ok(())
    }

    /// Passes over the rest of the byte that was begun.
    pub fn align(&mut self) {
        self.left = 0;
    }

    /// An unsigned Exp-Golomb code: `ue(v)` of ITU-T H.264 §9.1.
    ///
    /// # Errors
    /// It does not fit in 32 bits, or the bytes end inside it.
    pub fn ue(&mut self, reading: &'static str) -> Result<u32, Fault> {
        let start = self.offset();
        let mut zeros = 0;
        while !self.flag(reading)? {
            zeros += 1;
            if zeros == 32 {
                return Err(Fault::broken(
                    start,
                    reading,
                    "an Exp-Golomb code of more than 32 bits",
                ));
            }
        }
        Ok((1u32 << zeros) - 1 + self.u(zeros, reading)?)
    }

    /// An unsigned Exp-Golomb code that may be at most `max`.
    ///
    /// # Errors
    /// It is larger, or cannot be read.
    pub fn ue_max(&mut self, max: u32, reading: &'static str) -> Result<u32, Fault> {
        let start = self.offset();
        let value = self.ue(reading)?;
        if value > max { Err(Fault::invalid(start, reading, u64::from(value))) } else { Ok(value) }
    }

    /// A signed Exp-Golomb code: `se(v)` of ITU-T H.264 §9.1.1.
    ///
    /// # Errors
    /// As for [`Self::ue`].
    pub fn se(&mut self, reading: &'static str) -> Result<i32, Fault> {
        let code = self.ue(reading)?;
        // Half of a u32, rounded up, fits; 2^31 itself cannot occur as `ue` stops at 2^32 - 2.
        let half = code.div_ceil(2).cast_signed();
        Ok(if code % 2 == 1 { half } else { half.wrapping_neg() })
    }
}

/// Builds records for the tests of this folder.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Writer {
    bits: Vec<bool>,
}

#[cfg(test)]
impl Writer {
    pub(crate) fn u(mut self, n: u32, value: u64) -> Self {
        self.bits.extend((0..n).rev().map(|i| value >> i & 1 == 1));
        self
    }

    pub(crate) fn ue(self, value: u32) -> Self {
        let code = u64::from(value) + 1;
        let len = code.ilog2();
        self.u(len, 0).u(len + 1, code)
    }

    pub(crate) fn se(self, value: i32) -> Self {
        self.ue(if value > 0 { 2 * value.unsigned_abs() - 1 } else { 2 * value.unsigned_abs() })
    }

    /// The bits, filled up to whole bytes with a stop bit and zeros.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.bits.push(true);
        self.bits
            .chunks(8)
            .map(|c| c.iter().enumerate().fold(0, |b, (i, bit)| b | u8::from(*bit) << (7 - i)))
            .collect()
    }

    /// The same as a NAL unit, with emulation prevention bytes.
    pub(crate) fn nal(self) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in self.bytes() {
            if byte <= 3 && out.ends_with(&[0, 0]) {
                out.push(3);
            }
            out.push(byte);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_of_the_specification_table() {
        // 1 010 011 00100 00101 | ends
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let values: Vec<_> = (0..5).map(|_| bits.ue("x").unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let values: Vec<_> = (0..5).map(|_| bits.se("x").unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
        assert_eq!(
            Bits::new(&[0; 9]).ue("x"),
            Err(Fault::broken(0, "x", "an Exp-Golomb code of more than 32 bits"))
        );
        for value in [0, 1, 7, 255, 65_535, u32::MAX - 1] {
            assert_eq!(Bits::new(&Writer::default().ue(value).bytes()).ue("x"), Ok(value));
        }
        assert_eq!(
            Bits::new(&Writer::default().se(i32::MIN + 1).bytes()).se("x"),
            Ok(i32::MIN + 1)
        );
    }

    #[test]
    fn emulation_prevention_is_skipped_only_in_nal_units() {
        let bytes = [0, 0, 3, 1, 0, 0, 3];
        assert_eq!(Bits::nal(&bytes).u(24, "x"), Ok(1));
        assert_eq!(Bits::new(&bytes).u(24, "x"), Ok(3));
        let mut bits = Bits::nal(&bytes);
        bits.skip(40, "x").unwrap();
        assert_eq!(bits.flag("x"), Err(Fault::short(7, "x", 1, 0)), "a trailing one hides nothing");
    }

    #[test]
    fn a_shortage_is_at_the_byte_where_it_happens() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.u(5, "a"), Ok(31));
        assert_eq!((bits.offset(), bits.remaining()), (0, 3));
        assert_eq!(bits.u(5, "b"), Err(Fault::short(1, "b", 1, 0)));
    }
}
