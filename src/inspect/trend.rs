//! How fast something drifts: the straight line through what was measured, in a few numbers however much that was.

/// The line with the least squared distance from all measurements (Welford's way, which stays exact over weeks).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trend {
    count: u32,
    /// Means of time and value.
    time: f64,
    value: f64,
    /// Sums of the squared distances from the mean time, and of those times the distances from the mean value.
    spread: f64,
    product: f64,
}

/// Measurements below which there is no trend: what they differ by is the network's, and the order of the tracks.
const LEAST: u32 = 15;

impl Trend {
    /// At this time, milliseconds, the value was this.
    pub(super) fn add(&mut self, time: i64, value: i64) {
        let (time, value) = (time as f64, value as f64);
        self.count = self.count.saturating_add(1);
        let share = 1.0 / f64::from(self.count);
        let off = time - self.time;
        self.time += off * share;
        self.spread += off * (time - self.time);
        self.value += (value - self.value) * share;
        self.product += off * (value - self.value);
    }

    /// By how much the value grows in a minute.
    pub(super) fn per_minute(&self) -> Option<f64> {
        (self.count >= LEAST && self.spread > 0.0).then(|| self.product / self.spread * 60_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_what_is_none() {
        let of = |count: i64, value: fn(i64) -> i64| {
            let mut trend = Trend::default();
            (0..count).for_each(|n| trend.add(n * 1000, value(n)));
            trend.per_minute().map(|rate| (rate * 10.0).round() / 10.0)
        };
        for (count, value, rate) in [
            (14, (|n| n) as fn(i64) -> i64, None),
            (15, |n| n, Some(60.0)),
            (600, |_| 7, Some(0.0)),
            (600, |n| -2 * n + 1_000, Some(-120.0)),
            // What the order of the tracks adds evens out.
            (601, |n| n + n % 2 * 20, Some(60.0)),
            // Weeks.
            (2_000_000, |n| n / 100, Some(0.6)),
        ] {
            assert_eq!(of(count, value), rate, "{count}");
        }
        let mut still = Trend::default();
        (0..19).for_each(|n| still.add(5, n));
        assert_eq!(still.per_minute(), None, "no time has passed");
    }
}
