//! Whose turn it is: a connection that sends without end holds up no other one.

use std::future::Future;
use std::pin::pin;
use std::task::Context;
use std::time::{Duration, Instant};

/// The task has more to do, and does it once it is known what has arrived for others. One that only wakes itself would be
/// run again before that, many times.
pub(super) fn give_way(cx: &mut Context<'_>) {
    if pin!(tokio::task::yield_now()).poll(cx).is_ready() {
        cx.waker().wake_by_ref();
    }
}

/// How much of one connection is read at once, and for how long: as much as is dealt with in a moment. Bulk is read in
/// large pieces, of tiny messages fewer bytes.
#[derive(Debug)]
pub(super) struct Turn {
    began: Instant,
    /// When what was read last was dealt with.
    latest: Instant,
    /// Bytes to read at most.
    bytes: usize,
    /// How often something was made ready to be sent.
    sent: u8,
}

/// A moment. Twenty connections at once that send without end, and others wait no longer than 50 ms.
const MOMENT: Duration = Duration::from_millis(2);
/// Bytes that are read in any case.
const LEAST: usize = 16 << 10;
/// Pieces that a player gets in one turn: hundreds of them may be waiting for the same stream.
const PIECES: u8 = 2;
/// Bytes that are read at most.
const MOST: usize = 1 << 20;

impl Default for Turn {
    fn default() -> Self {
        let now = Instant::now();
        Self { began: now, latest: now, bytes: MOST, sent: 0 }
    }
}

impl Turn {
    /// It is this connection's turn.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
        self.latest = self.began;
        self.sent = 0;
    }

    /// Bytes to read at most.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many bytes were read and dealt with.
    pub(super) fn took(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.latest, Instant::now());
        self.learn(bytes, self.latest - before);
    }

    /// Something was made ready that a player is to get.
    pub(super) const fn sends(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// Whether the others have theirs.
    pub(super) fn is_over(&self) -> bool {
        self.latest - self.began >= MOMENT || self.sent >= PIECES
    }

    fn learn(&mut self, bytes: usize, took: Duration) {
        if took > MOMENT {
            let share = MOMENT.as_nanos() as f64 / took.as_nanos() as f64;
            self.bytes = ((bytes as f64 * share) as usize).clamp(LEAST, MOST);
        } else if bytes >= self.bytes && took < MOMENT / 2 {
            self.bytes = (self.bytes * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_read_in_smaller_pieces_and_what_does_not_in_larger_ones() {
        let mut turn = Turn::default();
        let mut after = |bytes: usize, took: Duration| {
            turn.learn(bytes, took);
            turn.bytes
        };
        assert_eq!(after(MOST, Duration::from_micros(300)), MOST);
        assert_eq!(after(500_000, 10 * MOMENT), 50_000);
        assert_eq!(after(50_000, Duration::from_secs(1)), LEAST);
        // Less than was asked for says nothing.
        assert_eq!(after(LEAST - 1, Duration::ZERO), LEAST);
        let mut bytes = LEAST;
        while bytes < MOST {
            let more = after(bytes, MOMENT / 3);
            assert!(more > bytes);
            bytes = more;
        }
        assert_eq!(after(MOST, MOMENT / 3), MOST);
        assert_eq!(after(0, Duration::from_secs(1)), LEAST);
    }

    #[test]
    fn a_turn_is_over_once_the_moment_is() {
        let mut turn = Turn::default();
        assert!(!turn.is_over());
        turn.latest = turn.began + MOMENT;
        assert!(turn.is_over());
        turn.begin();
        assert!(!turn.is_over());
        for _ in 0..PIECES {
            assert!(!turn.is_over());
            turn.sends();
        }
        assert!(turn.is_over());
        turn.begin();
        assert!(!turn.is_over());
    }
}
