//! What judges of media have in common: what they remember of each track, and the bytes of a frame that were kept.

use super::judge::Seen;
use crate::inspect::pace::Frame;
use crate::inspect::{Media, MessageRecord};
use crate::proto::Direction;
use crate::proto::message::{Audio, Body, Video};

/// What a judge remembers of each track. There are at most [`Limits::tracks`](crate::Limits::tracks).
#[derive(Debug, Default)]
pub(super) struct PerTrack<T>(Vec<T>);

impl<T: Default> PerTrack<T> {
    /// Of the track of a frame.
    pub(super) fn of(&mut self, frame: &Frame) -> &mut T {
        self.at(frame.track)
    }

    /// Of the track with this index.
    pub(super) fn at(&mut self, index: usize) -> &mut T {
        if index >= self.0.len() {
            self.0.resize_with(index + 1, T::default);
        }
        &mut self.0[index]
    }

    /// All, each at the index of its track.
    pub(super) fn all(&self) -> &[T] {
        &self.0
    }
}

/// The data of a frame, behind all headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    /// As much as was kept.
    pub(super) bytes: &'a [u8],
    /// Bytes on the wire.
    pub(super) length: usize,
}

impl Content<'_> {
    /// Whether all of it was kept.
    pub(super) const fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

/// The data of a frame.
pub(super) fn content<'a>(
    seen: &Seen<'_>,
    frame: &Frame,
    message: &MessageRecord<'a>,
) -> Content<'a> {
    let length = message.raw.length as usize;
    let track = seen.tracks.of(frame).map_or(0, |counter| counter.track.track);
    let (at, length) = match message.body {
        Body::Video(video) if video.tracks.is_empty() => {
            (length.saturating_sub(video.data_length), video.data_length)
        }
        Body::Audio(audio) if audio.tracks.is_empty() => {
            (length.saturating_sub(audio.data_length), audio.data_length)
        }
        Body::Video(video) => video
            .tracks
            .iter()
            .find(|inner| inner.track == track)
            .map_or((length, 0), |inner| (inner.data_offset, inner.data_length)),
        Body::Audio(audio) => audio
            .tracks
            .iter()
            .find(|inner| inner.track == track)
            .map_or((length, 0), |inner| (inner.data_offset, inner.data_length)),
        _ => (length, 0),
    };
    let bytes = message.raw.payload.get(at..).unwrap_or_default();
    Content { bytes: &bytes[..bytes.len().min(length)], length }
}

/// The video header of a message.
pub(super) const fn video_of<'a>(message: &MessageRecord<'a>) -> Option<&'a Video> {
    match message.body {
        Body::Video(video) => Some(video),
        _ => None,
    }
}

/// The audio header of a message.
pub(super) const fn audio_of<'a>(message: &MessageRecord<'a>) -> Option<&'a Audio> {
    match message.body {
        Body::Audio(audio) => Some(audio),
        _ => None,
    }
}

/// The track of a frame in words: `video`, `audio track 2`.
pub(super) fn name_of(seen: &Seen<'_>, frame: &Frame) -> String {
    let track = seen.tracks.of(frame).map(|counter| &counter.track);
    let (media, number) = track.map_or((Media::Data, 0), |track| (track.media, track.track));
    match number {
        0 => media.as_str().to_owned(),
        number => format!("{} track {number}", media.as_str()),
    }
}

/// Whether the event is of a stream that the client sends.
pub(super) fn is_published(seen: &Seen<'_>) -> bool {
    seen.direction == Some(Direction::ClientToServer)
}

/// Whether the direction of the event was seen from its beginning, without a hole until now.
pub(super) fn is_known_whole(seen: &Seen<'_>) -> bool {
    seen.opened.from_start
        && seen.direction.is_some_and(|direction| seen.story.way(direction).broken.is_none())
}
