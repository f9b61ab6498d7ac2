//! Seconds of tracks, as records of their own.

use super::pace::{Frame, Window};
use super::record::{Event, Media, Timeline};
use super::streams::Story;
use super::tally::Tally;
use super::track::{Counter, Tracks};
use crate::proto::Direction;

/// Seconds on their way out, and what was said with the one before.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    /// What is complete and not handed out: what one piece of bytes has completed.
    waiting: Vec<(Direction, Timeline)>,
    /// Findings of each severity that have been counted into a second.
    told: [u64; 3],
}

impl Seconds {
    /// Whether there is something to hand out.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A second of a frame's track is over.
    pub(super) fn over(&mut self, frame: &Frame, tracks: &Tracks, story: &Story, tally: &Tally) {
        if let Some(counter) = tracks.of(frame) {
            self.add(counter, counter.pace.past, tracks.skew(frame), story, tally);
        }
    }

    /// The connection is over: the seconds that go on end.
    pub(super) fn end(&mut self, tracks: &Tracks, story: &Story, tally: &Tally) {
        for (track, counter) in tracks.all().iter().enumerate() {
            if let Some(window) = counter.pace.open() {
                let skew = tracks.skew(&Frame { track, ..Frame::default() });
                self.add(counter, window, skew, story, tally);
            }
        }
    }

    fn add(
        &mut self,
        counter: &Counter,
        window: Window,
        av_skew: Option<i32>,
        story: &Story,
        tally: &Tally,
    ) {
        let (track, pace) = (&counter.track, &counter.pace);
        if track.media == Media::Data {
            return;
        }
        let counts = tally.counts;
        let findings = [0, 1, 2].map(|index| counts[index] - self.told[index]);
        self.told = counts;
        let way = story.way(track.direction);
        let acknowledged = story.way(track.direction.reverse()).acknowledged;
        self.waiting.push((
            track.direction,
            Timeline {
                message_stream_id: track.message_stream_id,
                media: track.media,
                track: track.track,
                codec: track.codec,
                start: window.at,
                duration: window.took,
                frames: window.frames,
                keyframes: window.keyframes,
                bytes: window.bytes,
                timestamp: window.timestamp,
                ahead: pace.ahead().map(|(ahead, _)| ahead),
                av_skew,
                buffered: 0,
                // The number counts modulo 2^32 (RTMP 1.0 §5.4.3).
                unacknowledged: acknowledged
                    .map(|(number, _)| u64::from((way.end as u32).wrapping_sub(number))),
                findings,
            },
        ));
    }

    /// Hands out what is complete; `buffered` says how much of a direction waits for its message's end.
    #[cold]
    pub(super) fn hand_out(
        &mut self,
        buffered: impl Fn(Direction) -> u64,
        mut out: impl FnMut(Direction, Event<'_>),
    ) {
        for (direction, mut second) in self.waiting.drain(..) {
            second.buffered = buffered(direction);
            out(direction, Event::Timeline(second));
        }
    }
}
