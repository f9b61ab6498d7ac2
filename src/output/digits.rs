//! Numbers as decimal digits, and short texts put together in a room of constant size: no calls, and no look at whether a
//! buffer has to grow.

/// Appends a number.
pub(super) fn push_digits(out: &mut Vec<u8>, number: u64) {
    push_number(out, number, b' ');
    out.pop();
}

/// Appends a number and the byte behind it.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64, behind: u8) {
    let mut text = [0; 24];
    let end = out.len() + write(&mut text, 0, number, behind);
    // A copy of constant length, of which the end is not wanted, is no call.
    out.extend_from_slice(&text);
    out.truncate(end);
}

/// A text of some fields on its way to the buffer.
#[derive(Debug)]
pub(super) struct Short<'t> {
    text: &'t mut Room,
    end: usize,
}

/// Room for the fields that any record may have, at their longest.
pub(super) type Room = [u8; 384];

/// An empty one.
pub(super) const ROOM: Room = [0; 384];

impl<'t> Short<'t> {
    /// An empty one.
    pub(super) const fn new(text: &'t mut Room) -> Self {
        Self { text, end: 0 }
    }

    /// Adds bytes of a length that is known.
    #[inline]
    pub(super) fn raw<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.end = put(self.text, self.end, bytes);
    }

    /// Adds any bytes.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if let Some(room) = self.text.get_mut(self.end..self.end + bytes.len()) {
            room.copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }

    /// Adds a number and the byte behind it.
    #[inline]
    pub(super) fn number(&mut self, number: u64, behind: u8) {
        self.end = write(self.text, self.end, number, behind);
    }

    /// Adds nanoseconds as seconds with six decimals, rounded towards zero, and the byte behind them.
    #[inline]
    pub(super) fn seconds(&mut self, nanoseconds: i64, behind: u8) {
        let micros = nanoseconds.unsigned_abs() / 1000;
        // Where the capture's clock was set back, a packet can be from before the first.
        if nanoseconds < 0 && micros > 0 {
            self.raw(b"-");
        }
        self.number(micros / 1_000_000, b'.');
        let [a, b, c, d, e, f] = six((micros % 1_000_000) as u32);
        self.raw(&[a, b, c, d, e, f, behind]);
    }

    /// What was added.
    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        self.text.get(..self.end).unwrap_or_default()
    }
}

/// Puts bytes to a place in a text; the result is the place behind them.
#[inline(always)]
fn put<const N: usize>(text: &mut [u8], at: usize, bytes: &[u8; N]) -> usize {
    match text.get_mut(at..at + N) {
        Some(room) => {
            room.copy_from_slice(bytes);
            at + N
        }
        None => at,
    }
}

/// Puts a number, and a byte behind it, to a place in a text; the result is the place behind both.
#[inline(always)] // a call costs as much as some digits, and a record has ten numbers
fn write(text: &mut [u8], at: usize, number: u64, behind: u8) -> usize {
    if number < 10_000 {
        let [a, b, c, d] = four(number as u32);
        return match number {
            0..10 => put(text, at, &[d, behind]),
            10..100 => put(text, at, &[c, d, behind]),
            100..1_000 => put(text, at, &[b, c, d, behind]),
            _ => put(text, at, &[a, b, c, d, behind]),
        };
    }
    if number >= 100_000_000 {
        return long(text, at, number, behind);
    }
    let (high, low) = (number as u32 / 10_000, number as u32 % 10_000);
    let ([a, b, c, d], [e, f, g, h]) = (four(high), four(low));
    match high {
        0..10 => put(text, at, &[d, e, f, g, h, behind]),
        10..100 => put(text, at, &[c, d, e, f, g, h, behind]),
        100..1_000 => put(text, at, &[b, c, d, e, f, g, h, behind]),
        _ => put(text, at, &[a, b, c, d, e, f, g, h, behind]),
    }
}

/// The same of more than eight digits.
#[cold]
fn long(text: &mut [u8], at: usize, number: u64, behind: u8) -> usize {
    let [a, b, c, d, e, f] = six((number % 1_000_000) as u32);
    let at = write(text, at, number / 1_000_000, a);
    put(text, at, &[b, c, d, e, f, behind])
}

/// The last four decimal digits.
#[inline]
fn four(number: u32) -> [u8; 4] {
    let [a, b] = PAIRS[(number / 100 % 100) as usize];
    let [c, d] = PAIRS[(number % 100) as usize];
    [a, b, c, d]
}

/// The last six decimal digits.
#[inline]
pub(super) fn six(number: u32) -> [u8; 6] {
    let [a, b, c, d] = four(number / 100);
    let [e, f] = PAIRS[(number % 100) as usize];
    [a, b, c, d, e, f]
}

/// The last nine decimal digits.
#[inline]
pub(super) fn nine(number: u32) -> [u8; 9] {
    let [a, b, c, d] = four(number / 100_000);
    let [e, f, g, h] = four(number / 10 % 10_000);
    [a, b, c, d, e, f, g, h, b'0' + (number % 10) as u8]
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        let mut number = 0_u64;
        for digit in [1, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9, 8, 7, 6, 5, 4, 3, 2] {
            for number in [number, 10 * number, 10 * number + 9] {
                let mut out = b"x".to_vec();
                push_number(&mut out, number, b',');
                assert_eq!(String::from_utf8(out).unwrap(), format!("x{number},"));
            }
            number = number.saturating_mul(10).saturating_add(digit);
        }
        for number in [u64::MAX, u64::MAX / 10, 10_000_000_000, 100_000_000] {
            let mut out = Vec::new();
            push_number(&mut out, number, b'}');
            assert_eq!(String::from_utf8(out).unwrap(), format!("{number}}}"));
        }
    }

    #[test]
    fn every_number_of_up_to_five_digits() {
        let mut out = Vec::new();
        for number in (0..100_000).chain((100_000..9_999_999).step_by(9_973)) {
            out.clear();
            push_number(&mut out, number, b',');
            assert_eq!(out, format!("{number},").as_bytes());
        }
    }

    #[test]
    fn padded_numbers_are_cut_in_front() {
        for number in [0, 1, 10, 123_456, 123_456_789, u32::MAX] {
            assert_eq!(six(number), *format!("{:06}", number % 1_000_000).as_bytes());
            assert_eq!(nine(number), *format!("{:09}", number % 1_000_000_000).as_bytes());
        }
    }
}
