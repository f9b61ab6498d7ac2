//! Numbers as decimal digits, written fast: in copies of constant length, which are a few moves and no calls.

/// Appends a number.
pub(super) fn push_digits(out: &mut Vec<u8>, number: u64) {
    push_number(out, number, b' ');
    out.pop();
}

/// Appends a number and the byte behind it.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64, behind: u8) {
    if number < 10 {
        out.extend_from_slice(&[b'0' + number as u8, behind]);
    } else if number < 10_000 {
        push_short(out, number as u32, behind);
    } else {
        push_long(out, number, behind);
    }
}

/// 2 to 4 digits.
#[inline]
fn push_short(out: &mut Vec<u8>, number: u32, behind: u8) {
    let [a, b, c, d] = four(number);
    if number < 100 {
        out.extend_from_slice(&[c, d, behind]);
    } else if number < 1_000 {
        out.extend_from_slice(&[b, c, d, behind]);
    } else {
        out.extend_from_slice(&[a, b, c, d, behind]);
    }
}

/// 5 digits and more.
fn push_long(out: &mut Vec<u8>, number: u64, behind: u8) {
    let [e, f, g, h] = four((number % 10_000) as u32);
    let rest = number / 10_000;
    if rest < 10 {
        out.extend_from_slice(&[b'0' + rest as u8, e, f, g, h, behind]);
    } else if rest < 100 {
        let [_, _, c, d] = four(rest as u32);
        out.extend_from_slice(&[c, d, e, f, g, h, behind]);
    } else if rest < 1_000 {
        let [_, b, c, d] = four(rest as u32);
        out.extend_from_slice(&[b, c, d, e, f, g, h, behind]);
    } else if rest < 10_000 {
        let [a, b, c, d] = four(rest as u32);
        out.extend_from_slice(&[a, b, c, d, e, f, g, h, behind]);
    } else {
        push_long(out, rest, e);
        out.extend_from_slice(&[f, g, h, behind]);
    }
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
    let [a, b, c, d] = four(number / 100 % 10_000);
    let [e, f] = PAIRS[(number % 100) as usize];
    [a, b, c, d, e, f]
}

/// The last nine decimal digits.
#[inline]
pub(super) fn nine(number: u32) -> [u8; 9] {
    let [a, b, c, d] = four(number / 100_000 % 10_000);
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
    fn padded_numbers_are_cut_in_front() {
        for number in [0, 1, 10, 123_456, 123_456_789, u32::MAX] {
            assert_eq!(six(number), *format!("{:06}", number % 1_000_000).as_bytes());
            assert_eq!(nine(number), *format!("{:09}", number % 1_000_000_000).as_bytes());
        }
    }
}
