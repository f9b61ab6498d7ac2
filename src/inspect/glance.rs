//! What goes on right now: what a line about a running program says.

use super::flow::Flow;
use super::record::{Media, Track};
use super::track::{Counter, Tracks};
use super::{Arrival, FlowId};
use crate::proto::Direction;

/// One connection at a glance: of those that are open the first that carries media, or else the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// Connections that are open.
    pub connections: usize,
    /// The one that the rest is about.
    pub connection: FlowId,
    /// When it began.
    pub began: Arrival,
    /// Bytes of both directions.
    pub bytes: u64,
    /// What it carries; `None` where that is no audio or video.
    pub carries: Option<Carried>,
}

/// What a connection carries, in the direction in which media came first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Carried {
    /// Bits of all tracks in their latest second, of arrival time.
    pub bitrate: f64,
    /// Frames of the first track of pictures in its latest second; `None` where there is none.
    pub frame_rate: Option<f64>,
    /// Milliseconds between its latest two key frames, where nothing was lost between.
    pub keyframe_interval: Option<u32>,
    /// Milliseconds by which the picture is behind the sound; negative where it is ahead.
    pub av_skew: Option<i32>,
    /// Milliseconds by which the time of the pictures, or else of the sound, has gone further than the clock of arrival.
    pub ahead: Option<i64>,
}

/// Nanoseconds without a frame after which nothing goes on.
const STILL: i64 = 2_000_000_000;

/// A glance at the open connections.
pub(super) fn glance<'f>(
    flows: impl Iterator<Item = (FlowId, &'f Flow)>,
    now: Arrival,
) -> Option<Glance> {
    let mut connections = 0;
    let mut best: Option<(bool, FlowId, &Flow)> = None;
    for (id, flow) in flows {
        connections += 1;
        let this = (flow.tracks().direction().is_none(), id, flow);
        if best.is_none_or(|(idle, first, _)| (this.0, this.1) < (idle, first)) {
            best = Some(this);
        }
    }
    let (_, connection, flow) = best?;
    let carries = flow
        .tracks()
        .direction()
        .map(|direction| carried(flow.tracks(), direction, flow.since_first(now)));
    Some(Glance { connections, connection, began: flow.began(), bytes: flow.received(), carries })
}

fn carried(tracks: &Tracks, direction: Direction, now: Option<i64>) -> Carried {
    let of = |media: Media| {
        move |track: &Track| {
            track.direction == direction && track.media == media && track.frames > 0
        }
    };
    let find = |media| tracks.all().iter().find(|counter| of(media)(&counter.track));
    let (picture, sound) = (find(Media::Video), find(Media::Audio));
    let rates = tracks.all().iter().filter(|counter| counter.track.direction == direction);
    Carried {
        bitrate: rates.map(|counter| per_second(counter, now, counter.pace.past.bytes * 8)).sum(),
        frame_rate: picture
            .map(|counter| per_second(counter, now, counter.pace.past.frames.into())),
        keyframe_interval: picture.and_then(|counter| counter.groups.ended),
        av_skew: picture.and_then(|counter| tracks.skew_of(counter)),
        ahead: picture.or(sound).and_then(|counter| counter.pace.ahead()).map(|(ahead, _)| ahead),
    }
}

/// So many in a track's latest second, as a rate; nothing of a track that stands still.
fn per_second(counter: &Counter, now: Option<i64>, count: u64) -> f64 {
    let pace = &counter.pace;
    let still = now.zip(pace.latest_at).is_some_and(|(now, latest)| now - latest > STILL);
    if still || pace.past.took <= 0 {
        return 0.0;
    }
    count as f64 * 1e9 / pace.past.took as f64
}
