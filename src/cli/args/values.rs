//! Values with units, as they are typed.

use std::time::Duration;

use crate::proto::Direction;

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

/// A rate in bits a second: `300k`, `2.5M`, `1G`, in powers of ten.
pub(in super::super) fn rate(typed: &str) -> Result<u64, String> {
    let wrong = || "a rate in bits a second such as 300k or 2.5M".to_owned();
    let (digits, unit) = match typed.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&typed[..at], 1e3),
        Some((at, 'M')) => (&typed[..at], 1e6),
        Some((at, 'G')) => (&typed[..at], 1e9),
        _ => (typed, 1.0),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(wrong());
    }
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    match number * unit {
        bits if (1.0..=1e15).contains(&bits) => Ok(bits as u64),
        _ => Err(wrong()),
    }
}

/// A share from 0 to 1: `0.001`, `1e-6`, `0.1%`.
pub(in super::super) fn share(typed: &str) -> Result<f64, String> {
    let wrong = || "a share from 0 to 1 such as 0.001, 1e-6 or 0.1%".to_owned();
    let (number, unit) = match typed.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (typed, 1.0),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let share = number / unit;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(wrong()) }
}

/// A value for one direction or for both: `2s`, `c2s=2s`, `s2c=2s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Each<T> {
    /// The only direction that it is for.
    pub(in super::super) only: Option<Direction>,
    pub(in super::super) value: T,
}

impl<T> Each<T> {
    pub(in super::super) fn is_for(&self, direction: Direction) -> bool {
        self.only.is_none_or(|only| only == direction)
    }
}

/// Reads an [`Each`], its value by `read`.
pub(in super::super) fn each<T>(
    typed: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Each<T>, String> {
    let (only, value) = match typed.split_once('=') {
        Some((name, value)) => {
            let named = Direction::BOTH.into_iter().find(|direction| direction.as_str() == name);
            (Some(named.ok_or("ahead of = stands c2s or s2c")?), value)
        }
        None => (None, typed),
    };
    Ok(Each { only, value: read(value)? })
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

    #[test]
    fn rates_and_shares() {
        for (typed, expected) in
            [("1", 1), ("300k", 300_000), ("2.5M", 2_500_000), ("1G", 1_000_000_000)]
        {
            assert_eq!(rate(typed), Ok(expected), "{typed}");
        }
        for typed in ["", "0", "k", "-1", "1e3", "inf", "99999999G", "1m"] {
            assert!(rate(typed).is_err(), "{typed}");
        }
        for (typed, expected) in
            [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-6", 1e-6), ("50%", 0.5)]
        {
            assert_eq!(share(typed), Ok(expected), "{typed}");
        }
        for typed in ["", "-0.1", "1.1", "101%", "nan", "%"] {
            assert!(share(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn values_for_one_direction_or_both() {
        let (c2s, s2c) = (Direction::ClientToServer, Direction::ServerToClient);
        for (typed, only) in [("2", None), ("c2s=2", Some(c2s)), ("s2c=2", Some(s2c))] {
            let each = each(typed, size).unwrap();
            assert_eq!(each, Each { only, value: 2 }, "{typed}");
            assert_eq!(each.is_for(c2s), only != Some(s2c));
        }
        for typed in ["x=2", "=2", "c2s", "c2s=", "c2s=x", "c2s=s2c=2"] {
            assert!(each(typed, size).is_err(), "{typed}");
        }
    }
}
