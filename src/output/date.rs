//! Times in RFC 3339.

use core::fmt::Write;

/// Milliseconds of a day.
const DAY: f64 = 86_400_000.0;

/// Milliseconds since 1970-01-01 UTC in RFC 3339: three decimals, or nine where `ms` is not whole. `None` where the year
/// has not four digits, which RFC 3339 cannot write, or `ms` is not a number.
pub(crate) fn rfc3339(ms: f64) -> Option<String> {
    let day = (ms / DAY).floor();
    // The years 0 to 9999. A NaN is in no range.
    if !(-719_528.0..2_932_897.0).contains(&day) {
        return None;
    }
    let whole = ms.floor();
    // Both are whole and in range by now, so the conversions are exact.
    let (year, month, day_of_month) = civil(day as i64);
    let in_day = (whole - day * DAY) as i64;
    let mut text = format!(
        "{year:04}-{month:02}-{day_of_month:02}T{:02}:{:02}:{:02}.{:03}",
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1000 % 60,
        in_day % 1000
    );
    if whole != ms {
        // Writing to a string cannot fail. Rounded down, as the milliseconds are.
        let _ = write!(text, "{:06}", ((ms - whole) * 1e6) as i64);
    }
    text.push('Z');
    Some(text)
}

/// Year, month and day of a day number, 0 being 1970-01-01, in the proleptic Gregorian calendar.
pub(super) const fn civil(day: i64) -> (i64, i64, i64) {
    // Years are counted from 1 March of year 0, so that the leap day is the last of its year.
    let days = day + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + if month <= 2 { 1 } else { 0 }, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (ms, text) in [
            (0.0, Some("1970-01-01T00:00:00.000Z")),
            (-1.0, Some("1969-12-31T23:59:59.999Z")),
            (951_782_400_000.0, Some("2000-02-29T00:00:00.000Z")),
            (1_767_323_045_678.0, Some("2026-01-02T03:04:05.678Z")),
            (0.5, Some("1970-01-01T00:00:00.000500000Z")),
            (-62_167_219_200_000.0, Some("0000-01-01T00:00:00.000Z")),
            (-62_167_219_200_001.0, None),
            (253_402_300_799_999.0, Some("9999-12-31T23:59:59.999Z")),
            (253_402_300_800_000.0, None),
            (1e18, None),
            (-1e300, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(rfc3339(ms).as_deref(), text, "{ms}");
        }
    }

    #[test]
    fn days_follow_each_other() {
        let (mut year, mut month, mut day) = civil(-719_528);
        assert_eq!((year, month, day), (0, 1, 1));
        for number in -719_527..2_932_897 {
            let next = civil(number);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, last) if last == length => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
            assert_eq!(next, (year, month, day));
        }
    }
}
