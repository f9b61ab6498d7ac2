//! Harm that is done to one direction on purpose: a line that is slow, uneven, narrow, stuck or noisy.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::waiting::Waiting;
use super::works::Done;
use crate::proto::Direction;

/// The harm to be done to one direction. None by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// How long bytes are kept.
    pub delay: Duration,
    /// How much longer at most, drawn anew for each piece that is read; the order stays.
    pub jitter: Duration,
    /// Bits a second that get through.
    pub rate: Option<u64>,
    /// When nothing gets through any more.
    pub stall_after: Option<Duration>,
    /// When the connection is reset.
    pub reset_after: Option<ResetAfter>,
    /// Whether acknowledgements are left out.
    pub drop_acks: bool,
    /// The share of bytes in which a bit is changed, 0 to 1.
    pub corrupt_rate: f64,
}

/// When a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetAfter {
    /// So long after the server was reached.
    Time(Duration),
    /// Once so many bytes have come this way.
    Bytes(u64),
}

impl Faults {
    /// Whether there are any but those that take whole messages out.
    pub(super) fn harm_bytes(&self) -> bool {
        *self != Self { drop_acks: self.drop_acks, ..Self::default() }
    }
}

/// A line with faults.
#[derive(Debug)]
pub(super) struct Line {
    faults: Faults,
    direction: Direction,
    random: Random,
    /// Of the jitter, which is drawn once for each piece that comes: the bytes that are changed are not to depend on that.
    uneven: Random,
    /// What is kept, and until when.
    queue: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
    most: usize,
    began: Instant,
    /// Bytes that came.
    came: u64,
    /// Bytes that the rate allows now, and since when that is so.
    allowed: (f64, Instant),
    /// Bytes until the next one that is changed.
    until_corrupt: u64,
    stalled: bool,
    reset: bool,
    told_slow: bool,
    told_narrow: bool,
}

/// Bytes that pass at once on a line of limited rate: a packet's.
const PACKET: f64 = 1500.0;

impl Line {
    /// A line that keeps at most about `most` bytes.
    pub(super) fn new(faults: Faults, direction: Direction, seed: u64, most: usize) -> Self {
        let now = Instant::now();
        let mut random = Random(seed);
        let uneven = Random(!seed);
        let until_corrupt = random.gap(faults.corrupt_rate);
        // What a sender cannot see queueing would show it the rate only after a long time.
        let most = match faults.rate {
            Some(rate) => {
                let kept = (faults.delay + faults.jitter).as_secs_f64() + 0.25;
                most.min((rate as f64 / 8.0 * kept) as usize).max(64 << 10)
            }
            None => most,
        };
        Self {
            faults,
            direction,
            random,
            uneven,
            queue: VecDeque::new(),
            held: 0,
            most,
            began: now,
            came: 0,
            allowed: (PACKET, now),
            until_corrupt,
            stalled: false,
            reset: false,
            told_slow: false,
            told_narrow: false,
        }
    }

    /// Takes what is to be sent; tells of what is done to it.
    pub(super) fn take(&mut self, mut bytes: Vec<u8>, now: Instant, done: &mut Vec<Done>) {
        if let Some(ResetAfter::Bytes(after)) = self.faults.reset_after {
            let left = after.saturating_sub(self.came);
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.corrupt(&mut bytes, done);
        self.came += bytes.len() as u64;
        if bytes.is_empty() {
            return;
        }
        let Faults { delay, jitter, .. } = self.faults;
        let slow = !(delay + jitter).is_zero();
        if slow && !std::mem::replace(&mut self.told_slow, true) {
            let uneven = match jitter.is_zero() {
                true => String::new(),
                false => format!(" and up to {} s more", jitter.as_secs_f64()),
            };
            let text =
                format!("{} is delayed by {} s{uneven}", self.direction, delay.as_secs_f64());
            done.push(Done::fault(text));
        }
        let due = now + delay + jitter.mul_f64(self.uneven.share());
        let due = self.queue.back().map_or(due, |(before, _)| due.max(*before));
        self.held += bytes.len();
        self.queue.push_back((due, bytes));
    }

    /// Changes bits of some bytes.
    fn corrupt(&mut self, bytes: &mut [u8], done: &mut Vec<Done>) {
        let mut at = self.until_corrupt;
        let length = bytes.len() as u64;
        while at < length {
            let byte = &mut bytes[at as usize];
            let before = *byte;
            *byte ^= 1 << (self.random.next() % 8);
            let place = self.came + at;
            done.push(Done::fault(format!(
                "byte {place} of {} is changed from 0x{before:02x} to 0x{byte:02x}",
                self.direction
            )));
            at = at.saturating_add(1).saturating_add(self.random.gap(self.faults.corrupt_rate));
        }
        self.until_corrupt = at - length;
    }

    /// Hands out what is due.
    pub(super) fn release(&mut self, now: Instant, waiting: &mut Waiting, done: &mut Vec<Done>) {
        self.strike(now, done);
        if self.stalled {
            return;
        }
        while let Some((due, bytes)) = self.queue.front_mut() {
            if *due > now {
                return;
            }
            let Some(rate) = self.faults.rate else {
                waiting.push(bytes);
                self.held -= bytes.len();
                self.queue.pop_front();
                continue;
            };
            let (allowed, since) = &mut self.allowed;
            let bytes_a_second = rate as f64 / 8.0;
            *allowed += now.duration_since(*since).as_secs_f64() * bytes_a_second;
            *allowed = allowed.min((bytes_a_second / 50.0).max(PACKET));
            *since = now;
            let passes = bytes.len().min(*allowed as usize);
            let narrow = passes < bytes.len();
            *allowed -= passes as f64;
            self.held -= passes;
            waiting.push(&bytes[..passes]);
            bytes.drain(..passes);
            if narrow {
                if !std::mem::replace(&mut self.told_narrow, true) {
                    let text = format!("{} is held to {rate} bit/s", self.direction);
                    done.push(Done::fault(text));
                }
                return;
            }
            self.queue.pop_front();
        }
    }

    /// Stalls, once it is time.
    fn strike(&mut self, now: Instant, done: &mut Vec<Done>) {
        if let Some(after) = self.faults.stall_after
            && !self.stalled
            && now >= self.began + after
        {
            self.stalled = true;
            let text = format!(
                "{} is stalled from now on, {} s after it began",
                self.direction,
                after.as_secs_f64()
            );
            done.push(Done::fault(text));
        }
    }

    /// Whether it is time to reset the connection, and what to say then; `waits` where something is still to be sent.
    pub(super) fn resets(&mut self, now: Instant, waits: bool) -> Option<Done> {
        let what = match self.faults.reset_after? {
            _ if self.reset => return None,
            ResetAfter::Time(after) if now >= self.began + after => {
                format!("{} s after it began", after.as_secs_f64())
            }
            ResetAfter::Bytes(after) if self.came >= after && self.queue.is_empty() && !waits => {
                format!("{after} bytes of {} having come", self.direction)
            }
            _ => return None,
        };
        self.reset = true;
        Some(Done::fault(format!("the connection is reset, {what}")))
    }

    /// When the next thing is due; what is to be sent counts where it can be (`sends`).
    pub(super) fn due(&self, sends: bool) -> Option<Instant> {
        let stall = self.faults.stall_after.filter(|_| sends && !self.stalled);
        let stall = stall.map(|after| self.began + after);
        let reset = match self.faults.reset_after {
            Some(ResetAfter::Time(after)) if !self.reset => Some(self.began + after),
            _ => None,
        };
        let front = self.queue.front().filter(|_| sends && !self.stalled).map(|(due, bytes)| {
            let Some(rate) = self.faults.rate else { return *due };
            let (allowed, since) = self.allowed;
            let missing = (bytes.len() as f64).min(PACKET) - allowed;
            let wait = Duration::try_from_secs_f64((missing / (rate as f64 / 8.0)).max(0.0));
            // The clock of timers has milliseconds.
            (*due).max(since + wait.unwrap_or(Duration::MAX / 4) + Duration::from_millis(1))
        });
        [stall, reset, front].into_iter().flatten().min()
    }

    pub(super) fn has_room(&self) -> bool {
        let over = match self.faults.reset_after {
            Some(ResetAfter::Bytes(after)) => self.came >= after,
            _ => false,
        };
        self.held < self.most && !self.stalled && !over
    }

    pub(super) const fn is_stalled(&self) -> bool {
        self.stalled
    }

    pub(super) const fn held(&self) -> usize {
        self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.stalled
    }
}

/// Numbers that look random and are the same again with the same seed (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many bytes come before the next one that is hit, where this share of them is.
    fn gap(&mut self, share: f64) -> u64 {
        if share <= 0.0 {
            return u64::MAX;
        }
        // The numbers of misses before a hit are geometrically distributed.
        let misses = (1.0 - self.share()).ln() / (1.0 - share.min(1.0)).ln();
        misses as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(faults: Faults) -> Line {
        Line::new(faults, Direction::ClientToServer, 1, 1 << 20)
    }

    fn released(line: &mut Line, at: Duration) -> Vec<u8> {
        let mut waiting = Waiting::default();
        line.release(line.began + at, &mut waiting, &mut Vec::new());
        waiting.rest().to_vec()
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn bytes_are_kept_for_as_long_as_they_are_to_be() {
        let mut line = line(Faults { delay: 100 * MS, ..Faults::default() });
        let mut done = Vec::new();
        line.take(b"ab".to_vec(), line.began, &mut done);
        line.take(b"cd".to_vec(), line.began + 50 * MS, &mut done);
        assert_eq!(done.len(), 1);
        assert_eq!(line.due(true), Some(line.began + 100 * MS));
        assert_eq!(line.due(false), None);
        assert_eq!(released(&mut line, 99 * MS), b"");
        assert_eq!(released(&mut line, 100 * MS), b"ab");
        assert_eq!((released(&mut line, 500 * MS), line.held()), (b"cd".to_vec(), 0));
    }

    #[test]
    fn uneven_delays_keep_the_order_and_are_the_same_again() {
        let times = |seed| {
            let faults = Faults { jitter: 100 * MS, ..Faults::default() };
            let mut line = Line::new(faults, Direction::ClientToServer, seed, 1 << 20);
            let began = line.began;
            for n in 0..20 {
                line.take(vec![n], began, &mut Vec::new());
            }
            let times: Vec<Duration> = line.queue.iter().map(|(due, _)| *due - began).collect();
            assert!(times.is_sorted() && times[19] < 100 * MS);
            times
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }

    #[test]
    fn a_rate_lets_through_what_it_allows() {
        let mut line = line(Faults { rate: Some(8_000_000), ..Faults::default() });
        line.take(vec![7; 900_000], line.began, &mut Vec::new());
        let mut passed = released(&mut line, Duration::ZERO).len();
        assert_eq!(passed, 1500);
        for ms in 1..=500 {
            let due = line.due(true).unwrap() - line.began;
            assert!(due <= (ms + 2) * MS, "{ms}: {due:?}");
            passed += released(&mut line, ms * MS).len();
        }
        assert!((499_000..=502_000).contains(&passed), "{passed}");
    }

    #[test]
    fn a_share_of_the_bytes_is_changed_in_one_bit() {
        for (share, expected) in [(0.0, 0..=0), (0.01, 800..=1200), (1.0, 100_000..=100_000)] {
            let mut line = line(Faults { corrupt_rate: share, ..Faults::default() });
            let mut done = Vec::new();
            for _ in 0..100 {
                line.take(vec![0; 1000], line.began, &mut done);
            }
            let bytes = released(&mut line, Duration::ZERO);
            let changed = bytes.iter().filter(|byte| **byte != 0).count();
            assert!(bytes.iter().all(|byte| byte.count_ones() <= 1));
            assert!(expected.contains(&changed) && done.len() == changed, "{share}: {changed}");
        }
    }

    #[test]
    fn a_line_stalls_and_a_connection_is_reset_when_it_is_time() {
        let after = Some(10 * MS);
        let mut line = line(Faults { stall_after: after, ..Faults::default() });
        line.take(b"ab".to_vec(), line.began, &mut Vec::new());
        assert_eq!(released(&mut line, 9 * MS), b"ab");
        line.take(b"cd".to_vec(), line.began, &mut Vec::new());
        assert_eq!((released(&mut line, 10 * MS), line.has_room()), (Vec::new(), false));
        assert_eq!(line.due(true), None);

        let reset_after = Some(ResetAfter::Time(10 * MS));
        let mut line = self::line(Faults { reset_after, ..Faults::default() });
        assert_eq!(line.due(false), Some(line.began + 10 * MS));
        assert!(line.resets(line.began + 9 * MS, false).is_none());
        assert!(line.resets(line.began + 10 * MS, false).is_some());
        assert!(line.resets(line.began + 11 * MS, false).is_none());

        let reset_after = Some(ResetAfter::Bytes(5));
        let mut line = self::line(Faults { reset_after, ..Faults::default() });
        line.take(b"abc".to_vec(), line.began, &mut Vec::new());
        assert!(line.resets(line.began, false).is_none());
        line.take(b"defg".to_vec(), line.began, &mut Vec::new());
        assert!(!line.has_room() && line.resets(line.began, false).is_none());
        assert_eq!(released(&mut line, Duration::ZERO), b"abcde");
        assert!(line.resets(line.began, false).is_some());
    }

    #[test]
    fn no_fault_is_none() {
        assert!(!Faults { drop_acks: true, ..Faults::default() }.harm_bytes());
        assert!(Faults { delay: MS, ..Faults::default() }.harm_bytes());
    }
}
