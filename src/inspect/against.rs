//! The time of a track against the clock of arrival.

use super::record::Spread;
use super::trend::Trend;

/// How far a track's time has gone further than the clock since its first frame, measured once a second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Against {
    /// The latest measurement and the extremes, milliseconds.
    pub(super) spread: Option<Spread>,
    /// The first second's, and when that was: what is sent ahead in the beginning is no drift.
    base: Option<(i64, i64)>,
    /// The latest less all steps, and when that was.
    latest: (i64, i64),
    /// Milliseconds of steps of the time that are none of the clock.
    stepped: i64,
    trend: Trend,
}

impl Against {
    /// A second of the track is over, `wall` milliseconds behind its first frame.
    pub(super) fn measure(&mut self, ahead: i64, wall: i64) {
        self.spread = Some(Spread::with(self.spread, ahead));
        let steady = self.steady(ahead);
        self.latest = (steady, wall);
        self.base.get_or_insert(self.latest);
        self.trend.add(wall, steady);
    }

    /// How far ahead the time would be without its steps.
    pub(super) const fn steady(&self, ahead: i64) -> i64 {
        ahead - self.stepped
    }

    /// The time has stepped by so many milliseconds more than the clock: that is no drift.
    pub(super) const fn step(&mut self, by: i64) {
        self.stepped += by;
    }

    /// Milliseconds by which the track's time has gone further than the clock since its first second, and how long that
    /// took.
    pub(crate) fn drift(&self) -> Option<(i64, i64)> {
        let (base, since) = self.base?;
        let (now, wall) = self.latest;
        Some((now - base, wall - since))
    }

    /// Milliseconds that the track's time gains on the clock in a minute.
    pub(super) fn per_minute(&self) -> Option<f64> {
        self.trend.per_minute()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_measured_from_the_first_second_on_and_without_steps() {
        let mut against = Against::default();
        assert_eq!((against.drift(), against.per_minute()), (None, None));
        for second in 1..=60 {
            // Two seconds are sent ahead, then it is a hundredth too slow; half-way an hour is skipped.
            let skipped = if second > 30 { 3_600_000 } else { 0 };
            if second == 31 {
                against.step(3_600_000);
            }
            against.measure(2_000 - second * 10 + skipped, second * 1000);
        }
        assert_eq!(against.drift(), Some((-590, 59_000)));
        assert_eq!(against.per_minute().map(f64::round), Some(-600.0));
        let spread = Spread { min: 1_700, max: 3_601_690, last: 3_601_400 };
        assert_eq!(against.spread, Some(spread));
    }
}
