//! How far the sound is from the picture, and whether that changes: a fact of each track of pictures.

use super::record::Spread;
use super::trend::Trend;

/// The distance between the times of sound and picture, measured once a second at the same place of the stream, so that
/// the network has no part in it. Sound ahead of the picture is positive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sync {
    /// Frames of sound at the last measurement.
    sounds: u64,
    /// The last measurement, whether it is believed or not, milliseconds.
    last: i32,
    /// The latest one that is believed, and the extremes.
    pub(super) spread: Option<Spread>,
    /// The sum of the measurements of the block that goes on, milliseconds, and their number.
    block: (i64, u16),
    /// Blocks so far.
    pub(crate) blocks: u32,
    /// The mean of the first block, milliseconds.
    first: i32,
    /// The mean of the latest block.
    latest: i32,
    /// Milliseconds of jumps, which are no drift.
    jumped: i64,
    trend: Trend,
}

/// Measurements in a block: the interleaving of the tracks moves each of them by tens of milliseconds.
pub(crate) const BLOCK: u16 = 10;
/// Milliseconds between two measurements of which the second is not yet believed.
const MOMENTARY: u32 = 1_000;

impl Sync {
    /// A second of the picture is over, `clock` milliseconds behind its first frame. Of the sound `sounds` frames have
    /// come, the latest of them `skew` milliseconds ahead of the picture.
    pub(super) fn measure(&mut self, sounds: u64, skew: i32, clock: i64) {
        // Where the sound stands still it is absent and not behind.
        if std::mem::replace(&mut self.sounds, sounds) == sounds {
            return;
        }
        // Where both begin anew one of them does so first, and they are far apart for a moment.
        let far = std::mem::replace(&mut self.last, skew).abs_diff(skew) > MOMENTARY;
        let before = self.spread.map(|spread| spread.last);
        if far && before.is_some() {
            return;
        }
        let jump = before.map_or(0, |before| i64::from(skew) - before);
        if jump.unsigned_abs() > u64::from(MOMENTARY) {
            self.jumped += jump;
        }
        self.spread = Some(Spread::with(self.spread, skew.into()));
        self.trend.add(clock, i64::from(skew) - self.jumped);
        self.block.0 += i64::from(skew);
        self.block.1 += 1;
        if self.block.1 == BLOCK {
            self.latest = self.mean();
            self.block = (0, 0);
            self.blocks = self.blocks.saturating_add(1);
            if self.blocks == 1 {
                self.first = self.latest;
            }
        }
    }

    fn mean(&self) -> i32 {
        (self.block.0 / i64::from(self.block.1.max(1))) as i32
    }

    /// Milliseconds by which the sound is ahead of the picture: of the latest block, or of what there is of the first.
    pub(crate) fn skew(&self) -> Option<i32> {
        match (self.blocks, self.block.1) {
            (0, 0) => None,
            (0, _) => Some(self.mean()),
            _ => Some(self.latest),
        }
    }

    /// Milliseconds by which that has grown since the first block.
    pub(crate) fn drift(&self) -> Option<i32> {
        (self.blocks > 1).then(|| self.latest.wrapping_sub(self.first))
    }

    /// Milliseconds that the sound gains on the picture in a minute.
    pub(super) fn per_minute(&self) -> Option<f64> {
        self.trend.per_minute()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next second, with sound so far ahead.
    fn measure(sync: &mut Sync, second: u32, skew: i32) {
        sync.measure(u64::from(second) * 43, skew, i64::from(second) * 1000);
    }

    #[test]
    fn skew_and_drift_of_blocks() {
        let mut sync = Sync::default();
        assert_eq!((sync.skew(), sync.drift()), (None, None));
        for second in 1..=10_u32 {
            measure(&mut sync, second, second as i32 % 2 * 20);
        }
        assert_eq!((sync.skew(), sync.drift()), (Some(10), None));
        for second in 11..=20_u32 {
            measure(&mut sync, second, -90);
        }
        assert_eq!((sync.skew(), sync.drift()), (Some(-90), Some(-100)));
    }

    #[test]
    fn a_moment_far_apart_is_not_measured_and_what_stays_is() {
        let mut sync = Sync::default();
        for second in 0..10_u32 {
            let away = if second == 4 { 3_600_000 } else { 0 };
            measure(&mut sync, second + 1, away);
        }
        assert_eq!(sync.skew(), Some(0), "the moment, and the return from it, are left out");
        for second in 10..40_u32 {
            measure(&mut sync, second + 1, 5_000);
        }
        assert_eq!(sync.skew(), Some(5_000));
        assert_eq!(sync.spread, Some(Spread { min: 0, max: 5_000, last: 5_000 }));
        assert_eq!(sync.per_minute().map(f64::round), Some(0.0), "a jump is no drift");
    }

    #[test]
    fn sound_that_stands_still_is_not_measured() {
        let mut sync = Sync::default();
        for second in 0..30_u32 {
            sync.measure(7, -(second as i32) * 1000, i64::from(second) * 1000);
        }
        assert_eq!(sync.skew(), Some(0), "once, when it was new");
    }
}
