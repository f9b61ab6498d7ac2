//! Times of records: RFC 3339 in UTC with nine decimals, written fast.

use super::date::civil;
use super::digits::nine;
#[cfg(feature = "cli")]
use super::digits::six;

/// Writes times, remembering the second that it wrote last: most records share it with the one before.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: Option<i64>,
    /// When it began, nanoseconds since the Unix epoch.
    began: i64,
    /// `2026-01-02T03:04:05.`
    text: [u8; 20],
}

impl Clock {
    /// Nanoseconds since the Unix epoch as text.
    #[inline]
    pub(crate) fn text(&mut self, at: i64) -> [u8; 30] {
        let fraction = self.fraction(at);
        let mut text = [b'Z'; 30];
        text[..20].copy_from_slice(&self.text);
        text[20..29].copy_from_slice(&nine(fraction));
        text
    }

    /// Nanoseconds since the second, whose text is made ready.
    #[inline]
    fn fraction(&mut self, at: i64) -> u32 {
        // Within the second of the time before nothing needs to be divided.
        match at.checked_sub(self.began).and_then(|since| u32::try_from(since).ok()) {
            Some(fraction) if fraction < 1_000_000_000 && self.second > Some(0) => fraction,
            _ => {
                let second = at.div_euclid(1_000_000_000);
                if self.second != Some(second) {
                    self.render(second);
                }
                at.rem_euclid(1_000_000_000) as u32
            }
        }
    }

    /// Appends the time of day, `03:04:05.123456`, of nanoseconds since the Unix epoch.
    #[cfg(feature = "cli")]
    pub(crate) fn push_time_of_day(&mut self, out: &mut String, at: i64) {
        let fraction = self.fraction(at);
        out.push_str(&String::from_utf8_lossy(&self.text[self.text.len() - 9..]));
        let micros = six(fraction / 1000);
        out.push_str(&String::from_utf8_lossy(&micros));
    }

    #[cold]
    fn render(&mut self, second: i64) {
        let (year, month, day) = civil(second.div_euclid(86_400));
        let time = second.rem_euclid(86_400);
        self.second = Some(second);
        self.began = second.saturating_mul(1_000_000_000);
        // 64 bits of nanoseconds reach from 1677 to 2262: the year has four digits.
        let text = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.",
            time / 3600,
            time / 60 % 60,
            time % 60
        );
        if let Some(text) = text.as_bytes().first_chunk() {
            self.text = *text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            out.extend_from_slice(&clock.text(at));
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
