//! Values with units, as they are typed.

use std::time::Duration;

/// A size: `512`, `64k`, `10M`, in powers of ten as rates are.
pub(in super::super) fn size(typed: &str) -> Result<usize, String> {
    let (digits, unit) = match typed.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&typed[..at], 1_000),
        Some((at, 'M')) => (&typed[..at], 1_000_000),
        Some((at, 'G')) => (&typed[..at], 1_000_000_000),
        _ => (typed, 1),
    };
    let number: usize =
        digits.parse().map_err(|_| "a number of bytes such as 512, 64k or 10M".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}

/// A time: `500ms`, `2s`, `1m30s`, `1.5h`; a number alone is seconds.
pub(in super::super) fn time(typed: &str) -> Result<Duration, String> {
    let wrong = || "a time such as 500ms, 2s or 1m30s".to_owned();
    let mut rest = typed;
    let mut total = Duration::ZERO;
    let mut last = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" if digits == typed.len() => 1.0,
            _ => return Err(wrong()),
        };
        // Each unit once, the larger ones first.
        if seconds >= last {
            return Err(wrong());
        }
        last = seconds;
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = behind;
    }
    if typed.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (typed, expected) in
            [("0", 0), ("512", 512), ("64k", 64_000), ("10M", 10_000_000), ("1G", 1_000_000_000)]
        {
            assert_eq!(size(typed), Ok(expected));
        }
        for typed in ["", "k", "-1", "1.5k", "1kk", "18446744073709551615k"] {
            assert!(size(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn times() {
        for (typed, milliseconds) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("1h", 3_600_000),
            ("1h1ms", 3_600_001),
            ("10", 10_000),
            ("0", 0),
            ("0.25", 250),
        ] {
            assert_eq!(time(typed), Ok(Duration::from_millis(milliseconds)), "{typed}");
        }
        for typed in [
            "",
            "s",
            "-1s",
            "1x",
            "1s1m",
            "1s1s",
            "1m30",
            "1 s",
            "1e3s",
            "1..5s",
            "99999999999999999999h",
        ] {
            assert!(time(typed).is_err(), "{typed}");
        }
    }
}
