//! Frames of one track and second as one row.

use std::fmt::Write as _;

use super::words;
use crate::inspect::{Arrival, Codec, Event, FlowId, FlowMap, Media, MessageRecord, Record};
use crate::proto::Direction;
use crate::proto::message::{AudioPacketType, Body, FrameType, VideoPacketType};

/// What rows are folded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) connection: FlowId,
    pub(super) direction: Direction,
    message_stream_id: u32,
    pub(super) media: Media,
}

/// One frame, as far as a row needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    media: Media,
    codec: Option<Codec>,
    key: bool,
    timestamp: u32,
    uncertain: bool,
    message_stream_id: u32,
    bytes: u32,
    aggregate: Option<u64>,
}

/// The frames of one track in one second of arrival, or of timestamps where nobody knows when they arrived.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    pub(super) key: Key,
    /// When the first came.
    pub(super) at: Arrival,
    /// When the last came.
    until: Arrival,
    second: i64,
    /// Whether it is of a part of its second: the track began in it, or another row cut it in two.
    partial: bool,
    /// Its place among all of the run.
    number: u64,
    /// When the track began, and with which timestamp.
    began: (Arrival, u32),
    codec: Option<Codec>,
    frames: u32,
    keys: u32,
    bytes: u64,
    first: u32,
    last: u32,
    uncertain: bool,
    /// Aggregates that they came in, and the latest.
    aggregates: u32,
    aggregate: Option<u64>,
}

/// What is being folded, by connection.
#[derive(Debug, Default)]
pub(super) struct Folds {
    connections: FlowMap<Connection>,
    /// How many there have been.
    number: u64,
    /// How many there are.
    folding: usize,
}

/// What is being folded of one connection, in order of appearance, and where its tracks began.
#[derive(Debug, Default)]
struct Connection {
    folds: Vec<Fold>,
    began: Vec<(Key, (Arrival, u32))>,
    /// The latest second that another row cut in two.
    cut: Option<i64>,
    /// The second of all folds, by the clock.
    second: Option<i64>,
    /// The fold that was added to last of each kind of media.
    latest: [usize; 3],
}

/// The frame in a record, where it is an ordinary coded one: configuration, faults and damage get rows of their own.
pub(super) fn frame(record: &Record<'_>, message: &MessageRecord<'_>) -> Option<Frame> {
    if message.malformed.is_some() || !message.raw.damaged.is_empty() || record.connection.is_none()
    {
        return None;
    }
    let (media, codec, key) = match message.body {
        Body::Audio(audio)
            if matches!(
                audio.packet_type,
                Some(AudioPacketType::CodedFrames | AudioPacketType::Raw)
            ) || message.raw.length == 0 =>
        {
            (Media::Audio, audio.codec.map(Codec::Audio), false)
        }
        Body::Video(video)
            if matches!(
                video.packet_type,
                Some(
                    VideoPacketType::CodedFrames
                        | VideoPacketType::CodedFramesX
                        | VideoPacketType::Raw
                )
            ) && video.command.is_none() =>
        {
            (Media::Video, video.codec.map(Codec::Video), video.frame_type == Some(FrameType::Key))
        }
        _ => return None,
    };
    let raw = &message.raw;
    Some(Frame {
        media,
        codec,
        key,
        timestamp: raw.timestamp,
        uncertain: raw.timestamp_uncertain,
        message_stream_id: raw.message_stream_id,
        bytes: raw.length,
        aggregate: message.aggregate,
    })
}

/// Whether a record is an aggregate of nothing but such frames, which say so themselves.
pub(super) fn folds(message: &MessageRecord<'_>) -> bool {
    let Body::Aggregate(aggregate) = message.body else { return false };
    let whole = message.malformed.is_none() && message.raw.damaged.is_empty();
    whole
        && !aggregate.messages.is_empty()
        && aggregate.messages.iter().all(|inner| {
            matches!(inner.body, Body::Audio(_) | Body::Video(_)) && inner.fault.is_none()
        })
}

/// Connections whose tracks are remembered; beyond, those of which nothing is folded are forgotten.
const MOST_CONNECTIONS: usize = 16_384;

impl Folds {
    /// Adds a frame; gives the folds of its connection whose second is over.
    pub(super) fn add(&mut self, record: &Record<'_>, frame: Frame) -> Vec<Fold> {
        let (Some(id), Some(direction)) = (record.connection, record.direction) else {
            return Vec::new();
        };
        let Frame { message_stream_id, media, .. } = frame;
        let key = Key { connection: id, direction, message_stream_id, media };
        // Without a clock each track has only its own seconds.
        let clock = record.place.at.map(|at| at.div_euclid(1_000_000_000));
        let second = clock.unwrap_or_else(|| i64::from(frame.timestamp / 1000));
        let Self { connections, number, folding } = self;
        if connections.len() > MOST_CONNECTIONS && !connections.contains_key(&id) {
            // Their ends are not shown, and so not known here.
            connections.retain(|_, connection| !connection.folds.is_empty());
        }
        let connection = connections.entry(id).or_default();
        // What is not looked at need not be in a cache.
        let over = if clock.is_some() && connection.second == clock {
            Vec::new()
        } else {
            connection.take(|fold| fold.second != second && (clock.is_some() || fold.key == key))
        };
        connection.second = clock;
        *folding -= over.len();
        let latest = &mut connection.latest[media as usize];
        let is_latest = connection.folds.get(*latest).is_some_and(|fold| fold.key == key);
        let found = match is_latest {
            true => Some(*latest),
            false => connection.folds.iter().position(|fold| fold.key == key),
        };
        *latest = found.unwrap_or(connection.folds.len());
        let fold = match found {
            Some(index) => &mut connection.folds[index],
            None => {
                let began = connection.began(key, (record.place.at, frame.timestamp));
                let first = began.0.is_none_or(|at| at.div_euclid(1_000_000_000) == second);
                connection.folds.push(Fold {
                    key,
                    at: record.place.at,
                    until: None,
                    second,
                    partial: first || connection.cut == Some(second),
                    number: *number,
                    began,
                    codec: None,
                    frames: 0,
                    keys: 0,
                    bytes: 0,
                    first: frame.timestamp,
                    last: frame.timestamp,
                    uncertain: false,
                    aggregates: 0,
                    aggregate: None,
                });
                *number += 1;
                *folding += 1;
                let last = connection.folds.len() - 1;
                &mut connection.folds[last]
            }
        };
        fold.codec = fold.codec.or(frame.codec);
        fold.frames += 1;
        fold.keys += u32::from(frame.key);
        fold.bytes += u64::from(frame.bytes);
        fold.last = frame.timestamp;
        fold.until = record.place.at;
        fold.uncertain |= frame.uncertain;
        if frame.aggregate.is_some() && frame.aggregate != fold.aggregate {
            fold.aggregate = frame.aggregate;
            fold.aggregates += 1;
        }
        over
    }

    /// A row of a connection that is no frame: what is folded of the connection goes before it.
    pub(super) fn end(&mut self, id: FlowId, record: &Record<'_>) -> Vec<Fold> {
        let Some(connection) = self.connections.get_mut(&id) else { return Vec::new() };
        let mut over = std::mem::take(&mut connection.folds);
        if let Some(at) = record.place.at {
            let now = at.div_euclid(1_000_000_000);
            connection.cut = Some(now);
            for fold in over.iter_mut().filter(|fold| fold.second == now) {
                fold.partial = true;
            }
        }
        self.folding -= over.len();
        if matches!(record.event, Event::Summary(_)) {
            self.connections.remove(&id);
        }
        over
    }

    /// The folds whose second is over at `now`, where that is known.
    pub(super) fn end_before(&mut self, now: i64) -> Vec<Fold> {
        let second = now.div_euclid(1_000_000_000);
        self.end_all_that(|fold| fold.at.is_some() && fold.second < second)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.folding == 0
    }

    pub(super) fn end_all(&mut self) -> Vec<Fold> {
        self.end_all_that(|_| true)
    }

    fn end_all_that(&mut self, over: impl Fn(&Fold) -> bool) -> Vec<Fold> {
        if self.is_empty() {
            return Vec::new();
        }
        let connections = self.connections.values_mut();
        let mut all: Vec<Fold> =
            connections.flat_map(|connection| connection.take(&over)).collect();
        all.sort_unstable_by_key(|fold| fold.number);
        self.folding -= all.len();
        all
    }
}

impl Connection {
    fn take(&mut self, over: impl Fn(&Fold) -> bool) -> Vec<Fold> {
        if !self.folds.iter().any(&over) {
            return Vec::new();
        }
        self.folds.extract_if(.., |fold| over(fold)).collect()
    }

    /// When a track began, which may be now.
    fn began(&mut self, key: Key, now: (Arrival, u32)) -> (Arrival, u32) {
        /// Tracks remembered; further ones begin anew with each row.
        const MOST: usize = 32;
        if let Some((_, began)) = self.began.iter().find(|(other, _)| *other == key) {
            return *began;
        }
        if self.began.len() < MOST {
            self.began.push((key, now));
        }
        now
    }
}

impl Fold {
    /// `avc 30 frames, 1 key, 512.3 kB  ts 1000 to 1966`, and of what is live the rate, where the row is of a
    /// whole second, and how the timestamps keep up with the clock: `avc 30 frames, 1 key, 4098 kb/s  ts 1000 to 1966  12 ms behind`.
    pub(super) fn text(&self, live: bool) -> String {
        let mut text = match self.codec {
            Some(Codec::Audio(codec)) => codec.to_string(),
            Some(Codec::Video(codec)) => codec.to_string(),
            None => "empty".to_owned(),
        };
        let plural = if self.frames == 1 { "" } else { "s" };
        // Writing to a string cannot fail.
        let _ = write!(text, " {} frame{plural}", self.frames);
        if self.key.media == Media::Video {
            let _ = write!(text, ", {} key", self.keys);
        }
        // A rate is that of a whole second.
        let _ = match live && !self.partial {
            true => write!(text, ", {} kb/s", (self.bytes * 8 + 500) / 1000),
            false => write!(text, ", {}", words::size(self.bytes)),
        };
        let _ = write!(text, "  ts {}", self.first);
        if self.frames > 1 {
            let _ = write!(text, " to {}", self.last);
        }
        if self.uncertain {
            text.push('?');
        }
        if live && let Some(ahead) = self.ahead() {
            let _ = match ahead {
                0 => write!(text, "  on time"),
                1.. => write!(text, "  {ahead} ms ahead"),
                _ => write!(text, "  {} ms behind", -ahead),
            };
        }
        if self.aggregates > 0 {
            let _ = write!(text, "  (in {})", words::plural(self.aggregates.into(), "aggregate"));
        }
        text
    }

    /// By how many milliseconds the timestamps have gained on the clock since the track began.
    fn ahead(&self) -> Option<i64> {
        let (began, timestamp) = self.began;
        let passed = (self.until? - began?) / 1_000_000;
        // Modulo 2^32, and the shorter way: timestamps may go back.
        Some(i64::from(self.last.wrapping_sub(timestamp).cast_signed()) - passed)
    }
}

/// A frame of audio, for tests.
#[cfg(test)]
pub(super) const fn a_frame(timestamp: u32, bytes: u32) -> Frame {
    Frame {
        media: Media::Audio,
        codec: None,
        key: false,
        timestamp,
        uncertain: false,
        message_stream_id: 1,
        bytes,
        aggregate: None,
    }
}
