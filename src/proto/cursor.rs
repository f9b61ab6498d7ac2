//! A bounded reader over a byte slice whose shortages name what was being read.

use super::fault::Fault;

/// Reads big-endian fields off the front of a slice and remembers the offset.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes consumed so far.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// Bytes left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes left, not consumed.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The next byte, not consumed.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// Fewer than `n` bytes are left; nothing is consumed.
    pub fn take(&mut self, n: usize, reading: &'static str) -> Result<&'a [u8], Fault> {
        if n > self.remaining() {
            return Err(Fault::short(self.at, reading, n as u64, self.remaining() as u64));
        }
        let slice = &self.bytes[self.at..self.at + n];
        self.at += n;
        Ok(slice)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// Fewer than `N` bytes are left.
    pub fn array<const N: usize>(&mut self, reading: &'static str) -> Result<[u8; N], Fault> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, reading)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// No byte is left.
    pub fn u8(&mut self, reading: &'static str) -> Result<u8, Fault> {
        Ok(self.array::<1>(reading)?[0])
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u16(&mut self, reading: &'static str) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.array(reading)?))
    }

    /// Three bytes, big-endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u24(&mut self, reading: &'static str) -> Result<u32, Fault> {
        let [a, b, c] = self.array(reading)?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Three bytes, big-endian, two's complement: FLV's SI24.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn i24(&mut self, reading: &'static str) -> Result<i32, Fault> {
        Ok((self.u24(reading)? << 8).cast_signed() >> 8)
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u32(&mut self, reading: &'static str) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.array(reading)?))
    }

    /// Eight bytes, an IEEE 754 double, big-endian.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn f64(&mut self, reading: &'static str) -> Result<f64, Fault> {
        Ok(f64::from_be_bytes(self.array(reading)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_names_offset_need_and_supply_and_consumes_nothing() {
        let mut c = Cursor::new(&[1, 2, 3]);
        assert_eq!(c.u8("a"), Ok(1));
        assert_eq!(c.u32("size"), Err(Fault::short(1, "size", 4, 2)));
        assert_eq!(c.u16("b"), Ok(0x0203));
    }

    #[test]
    fn si24_is_sign_extended() {
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xb0]).i24("cts"), Ok(-80));
        assert_eq!(Cursor::new(&[0x7f, 0xff, 0xff]).i24("cts"), Ok(0x7f_ffff));
    }
}
