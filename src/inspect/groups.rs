//! Groups of pictures: how far apart the key frames of a track are.

use super::record::Interval;

/// The groups of one track. One of which something is missing, or in which the time steps back, is not counted: nobody
/// knows how long it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// Where the group that goes on began; `None` where that is not known.
    begun: Option<Begun>,
    /// Milliseconds of the group that ended with the latest key frame, where it is known.
    pub(crate) ended: Option<u32>,
    /// Groups counted so far.
    pub(crate) count: u32,
    /// The shortest and the longest of them, milliseconds.
    pub(crate) spread: (u32, u32),
    sum: u64,
    /// The same of their frames.
    frames: (u32, u32),
    frames_sum: u64,
}

#[derive(Debug, Clone, Copy)]
struct Begun {
    /// Milliseconds.
    timestamp: u32,
    /// Frames of the track up to its first one.
    frames: u64,
    /// How often until then its time jumped, or something was lost.
    breaks: u32,
    /// Whether its first frame is a key frame; else it is the track's first.
    key: bool,
}

impl Groups {
    /// A key frame came, the track's frame number `frames`. `breaks`: how often so far the time jumped or
    /// something was lost; `back`: the time steps back with it.
    pub(super) fn key(&mut self, timestamp: u32, frames: u64, breaks: u32, back: bool) {
        let begun = Begun { timestamp, frames, breaks, key: true };
        self.ended = None;
        let Some(before) = self.begun.replace(begun) else { return };
        if !before.key || before.breaks != breaks || back {
            return;
        }
        let length = timestamp.wrapping_sub(before.timestamp);
        let held = (frames - before.frames) as u32;
        self.ended = Some(length);
        if self.count == 0 {
            (self.spread, self.frames) = ((length, length), (held, held));
        }
        self.count = self.count.saturating_add(1);
        self.spread = (self.spread.0.min(length), self.spread.1.max(length));
        self.frames = (self.frames.0.min(held), self.frames.1.max(held));
        self.sum += u64::from(length);
        self.frames_sum += u64::from(held);
    }

    /// The track's first frame came, and is no key frame.
    pub(super) fn first(&mut self, timestamp: u32, breaks: u32) {
        self.begun = Some(Begun { timestamp, frames: 1, breaks, key: false });
    }

    /// A frame came with which the time steps back.
    pub(super) fn stepped(&mut self) {
        self.begun = None;
    }

    /// Milliseconds of the group that goes on, when the time is `now`, and whether it began with a key frame.
    pub(super) fn open(&self, now: u32, breaks: u32) -> Option<(u32, bool)> {
        let begun = self.begun.filter(|begun| begun.breaks == breaks)?;
        let length = now.wrapping_sub(begun.timestamp);
        (length < 1 << 31).then_some((length, begun.key))
    }

    /// Milliseconds of the groups in the mean.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / f64::from(self.count))
    }

    /// How far apart key frames are, seconds.
    pub(super) fn interval(&self) -> Option<Interval> {
        let (min, max) = self.spread;
        let seconds = |milliseconds: u32| f64::from(milliseconds) / 1000.0;
        let mean = self.mean()? / 1000.0;
        Some(Interval { min: seconds(min), mean, max: seconds(max) })
    }

    /// The same in frames.
    pub(super) fn frames(&self) -> Option<Interval> {
        let (min, max) = self.frames;
        let mean = self.frames_sum as f64 / f64::from(self.count.max(1));
        (self.count > 0).then(|| Interval { min: min.into(), mean, max: max.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_time_and_frames() {
        let mut groups = Groups::default();
        assert_eq!((groups.interval(), groups.frames()), (None, None));
        for (timestamp, frames) in [(100, 1), (2100, 51), (3100, 76)] {
            groups.key(timestamp, frames, 0, false);
        }
        assert_eq!(groups.interval(), Some(Interval { min: 1.0, mean: 1.5, max: 2.0 }));
        assert_eq!(groups.frames(), Some(Interval { min: 25.0, mean: 37.5, max: 50.0 }));
        assert_eq!(groups.ended, Some(1000));
        assert_eq!(groups.open(3500, 0), Some((400, true)));
    }

    #[test]
    fn times_that_wrap_and_groups_that_nobody_knows() {
        let mut groups = Groups::default();
        groups.first(u32::MAX - 99, 0);
        assert_eq!(groups.open(0, 0), Some((100, false)));
        groups.key(u32::MAX - 49, 3, 0, false);
        assert_eq!(groups.ended, None, "it began in the middle");
        groups.key(150, 8, 0, false);
        assert_eq!(groups.ended, Some(200));
        groups.key(450, 16, 1, false);
        assert_eq!(groups.ended, None, "something is lost");
        assert_eq!((groups.open(500, 1), groups.open(500, 2)), (Some((50, true)), None));
        groups.stepped();
        assert_eq!(groups.open(400, 1), None);
        groups.key(300, 20, 1, false);
        groups.key(100, 24, 1, true);
        groups.key(300, 30, 1, false);
        assert_eq!(groups.interval(), Some(Interval { min: 0.2, mean: 0.2, max: 0.2 }));
        assert_eq!(groups.frames(), Some(Interval { min: 5.0, mean: 5.5, max: 6.0 }));
    }
}
