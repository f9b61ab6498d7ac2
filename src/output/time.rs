//! Times of records: RFC 3339 in UTC with nine decimals, written fast.

use super::date::civil;

/// Writes times, remembering the second that it wrote last: most records share it with the one before.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: Option<i64>,
    /// `2026-01-02T03:04:05.`
    text: Vec<u8>,
}

impl Clock {
    /// Appends nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, at: i64) {
        let second = at.div_euclid(1_000_000_000);
        if self.second != Some(second) {
            self.render(second);
        }
        match self.text.first_chunk::<20>() {
            Some(text) => out.extend_from_slice(text),
            None => out.extend_from_slice(&self.text),
        }
        push_padded::<9>(out, at.rem_euclid(1_000_000_000) as u64);
        out.push(b'Z');
    }

    /// Appends the time of day, `03:04:05.123456`, of nanoseconds since the Unix epoch.
    #[cfg(feature = "cli")]
    pub(crate) fn push_time_of_day(&mut self, out: &mut String, at: i64) {
        let second = at.div_euclid(1_000_000_000);
        if self.second != Some(second) {
            self.render(second);
        }
        let mut text = self.text[self.text.len() - 9..].to_vec();
        push_padded::<6>(&mut text, at.rem_euclid(1_000_000_000) as u64 / 1000);
        out.push_str(&String::from_utf8_lossy(&text));
    }

    #[cold]
    fn render(&mut self, second: i64) {
        let (year, month, day) = civil(second.div_euclid(86_400));
        let time = second.rem_euclid(86_400);
        self.second = Some(second);
        // 64 bits of nanoseconds reach from 1677 to 2262: the year has four digits.
        self.text = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.",
            time / 3600,
            time / 60 % 60,
            time % 60
        )
        .into_bytes();
    }
}

/// Appends the last `N` decimal digits of a number, zeros in front.
#[inline]
pub(crate) fn push_padded<const N: usize>(out: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; N];
    fill(&mut digits, number);
    out.extend_from_slice(&digits);
}

/// Fills the slice with the last decimal digits of a number, two at a time.
#[inline]
fn fill(digits: &mut [u8], mut number: u64) {
    let mut pairs = digits.rchunks_exact_mut(2);
    for pair in &mut pairs {
        let at = (number % 100) as usize * 2;
        number /= 100;
        pair.copy_from_slice(&PAIRS[at..at + 2]);
    }
    if let [last] = pairs.into_remainder() {
        *last = b'0' + (number % 10) as u8;
    }
}

/// `00` to `99`.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[n * 2] = b'0' + (n / 10) as u8;
        pairs[n * 2 + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_numbers_are_cut_in_front() {
        for number in [0, 1, 10, 123_456, 123_456_789, u64::MAX] {
            let mut out = Vec::new();
            push_padded::<7>(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{:07}", number % 10_000_000));
        }
    }

    #[test]
    fn times_have_nine_decimals_whatever_came_before() {
        let mut clock = Clock::default();
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (1_767_323_045_678_000_009, "2026-01-02T03:04:05.678000009Z"),
            (1_767_323_045_999_999_999, "2026-01-02T03:04:05.999999999Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            let mut out = Vec::new();
            clock.push(&mut out, at);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
