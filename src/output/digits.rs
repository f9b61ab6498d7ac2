//! Numbers as decimal digits, written fast: up to eight digits at once, in copies of constant length, which are no calls.

/// Appends a number.
pub(super) fn push_digits(out: &mut Vec<u8>, number: u64) {
    push_number(out, number, b' ');
    out.pop();
}

/// Appends a number and the byte behind it.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64, behind: u8) {
    if number >= 10_000_000 {
        push_long(out, number, behind);
        return;
    }
    // Up to seven digits and what is behind them are one word.
    let text = eight(number as u32);
    let zeros = (text & !ZEROS | 1 << 56).trailing_zeros() & !7;
    let length = 8 - zeros as usize / 8;
    let word = text >> zeros | u64::from(behind) << (64 - zeros);
    let end = out.len() + length + 1;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// The same of more than seven digits.
fn push_long(out: &mut Vec<u8>, number: u64, behind: u8) {
    let [a, b, c, d, e, f] = six((number % 1_000_000) as u32);
    push_number(out, number / 1_000_000, a);
    out.extend_from_slice(&[b, c, d, e, f, behind]);
}

/// Eight times `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The last eight decimal digits, the first in the lowest byte: all at once, in parts of one word.
#[inline]
fn eight(number: u32) -> u64 {
    let (high, low) = (number / 10_000 % 10_000, number % 10_000);
    let both = u64::from(high) | u64::from(low) << 32;
    // A hundredth of each half, exact below 10,000; then a tenth of each quarter, exact below 100.
    let hundreds = ((both * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | (both - 100 * hundreds) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    (tens | (quarters - 10 * tens) << 8) | ZEROS
}

/// The last six decimal digits.
#[inline]
pub(super) fn six(number: u32) -> [u8; 6] {
    let [_, _, digits @ ..] = eight(number).to_le_bytes();
    digits
}

/// The last nine decimal digits.
#[inline]
pub(super) fn nine(number: u32) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = eight(number / 10).to_le_bytes();
    [a, b, c, d, e, f, g, h, b'0' + (number % 10) as u8]
}

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
