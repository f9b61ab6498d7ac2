//! What an interface description block says about the packets that name it.

use crate::capture::file::{u16_at, u32_at};
use crate::capture::link::LinkType;

const RESOLUTION: u16 = 9;
const FCS_LENGTH: u16 = 13;
const OFFSET: u16 = 14;

/// An interface of the section at hand.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Bytes kept of each packet; 0 for all.
    pub(super) snap: u32,
    /// Bytes of frame check sequence at the end of each packet.
    pub(super) fcs: u32,
    unit: Unit,
    /// Nanoseconds to add to every time.
    offset: i64,
}

/// How ticks become nanoseconds.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Times(u64),
    Over(u64),
    /// Ticks of 2^-n seconds.
    Binary(u32),
    /// Finer than 10^-28 seconds: 64 bits of them are less than a nanosecond.
    Nothing,
}

impl Unit {
    fn new(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        if resolution & 0x80 != 0 {
            return Self::Binary(power);
        }
        match power {
            0..=9 => Self::Times(10_u64.pow(9 - power)),
            10..=28 => Self::Over(10_u64.pow(power - 9)),
            _ => Self::Nothing,
        }
    }
}

impl Interface {
    /// Reads the body of an interface description block, as far as it is readable, and says what is not.
    ///
    /// An interface is made in any case: later ones are named by position.
    pub(super) fn read(body: &[u8], big: bool) -> (Self, Option<&'static str>) {
        let mut interface = Self {
            link: LinkType(if body.len() < 2 { u16::MAX } else { u16_at(body, 0, big) }),
            snap: if body.len() < 8 { 0 } else { u32_at(body, 4, big) },
            fcs: 0,
            unit: Unit::Times(1_000),
            offset: 0,
        };
        let Some(mut options) = body.get(8..) else {
            return (interface, Some("an interface description too short for its fields"));
        };
        while options.len() >= 4 {
            let (code, len) = (u16_at(options, 0, big), usize::from(u16_at(options, 2, big)));
            if code == 0 {
                break;
            }
            let Some(value) = options[4..].get(..len) else {
                return (interface, Some("an interface option longer than its block"));
            };
            interface.option(code, value, big);
            options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        }
        (interface, None)
    }

    fn option(&mut self, code: u16, value: &[u8], big: bool) {
        match (code, value) {
            (RESOLUTION, [resolution, ..]) => self.unit = Unit::new(*resolution),
            (FCS_LENGTH, [bits, ..]) => self.fcs = u32::from(*bits) / 8,
            (OFFSET, value) => {
                if let Some(value) = value.first_chunk() {
                    let seconds =
                        if big { i64::from_be_bytes(*value) } else { i64::from_le_bytes(*value) };
                    self.offset = seconds.saturating_mul(1_000_000_000);
                }
            }
            _ => {}
        }
    }

    /// `ticks` of this interface in nanoseconds since the epoch, the nearest that 64 bits hold.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> i64 {
        let ns = match self.unit {
            Unit::Times(n) => ticks.saturating_mul(n),
            Unit::Over(n) => ticks / n,
            Unit::Binary(power) => {
                // No overflow: 64 bits times 30 bits.
                let ns = (u128::from(ticks) * 1_000_000_000) >> power;
                u64::try_from(ns).unwrap_or(u64::MAX)
            }
            Unit::Nothing => 0,
        };
        i64::try_from(ns).unwrap_or(i64::MAX).saturating_add(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(option: &[u8]) -> Interface {
        let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
        body.extend_from_slice(option);
        let (interface, fault) = Interface::read(&body, false);
        assert_eq!(fault, None);
        interface
    }

    #[test]
    fn every_resolution_and_offset_gives_a_time_without_overflow() {
        for (option, ticks, ns) in [
            (&[][..], 1_000_000, 1_000_000_000),
            (&[9, 0, 1, 0, 6, 0, 0, 0], 1_000_000, 1_000_000_000),
            (&[9, 0, 1, 0, 9, 0, 0, 0], 5, 5),
            (&[9, 0, 1, 0, 0, 0, 0, 0], 5, 5_000_000_000),
            (&[9, 0, 1, 0, 12, 0, 0, 0], 5_000, 5),
            (&[9, 0, 1, 0, 20, 0, 0, 0], 500_000_000_000, 5),
            (&[9, 0, 1, 0, 127, 0, 0, 0], u64::MAX, 0),
            (&[9, 0, 1, 0, 0x8a, 0, 0, 0], 1024, 1_000_000_000),
            (&[9, 0, 1, 0, 0xff, 0, 0, 0], u64::MAX, 0),
            (&[9, 0, 1, 0, 0x80, 0, 0, 0], 7, 7_000_000_000),
            (&[9, 0, 1, 0, 0, 0, 0, 0], u64::MAX, i64::MAX),
            (&[14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0], 1_000_000, 101_000_000_000),
            (&[14, 0, 8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1_000_000, 0),
            (&[14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x80], 0, i64::MIN),
        ] {
            assert_eq!(with(option).time(ticks), ns, "{option:?}");
        }
    }

    #[test]
    fn a_short_or_broken_description_still_makes_an_interface() {
        let (interface, fault) = Interface::read(&[113, 0, 9, 9], false);
        assert_eq!((interface.link, interface.snap), (LinkType(113), 0));
        assert!(fault.is_some());
        let (interface, fault) = Interface::read(
            &[1, 0, 7, 7, 96, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 2, 0, 99, 0, b'e'],
            false,
        );
        assert_eq!(
            (interface.snap, interface.time(8)),
            (96, 8),
            "the options before the broken one count"
        );
        assert!(fault.is_some());
        assert!(Interface::read(&[], true).1.is_some());
    }
}
