//! Frames of one track and second as one row.

use std::fmt::Write as _;

use super::words;
use crate::inspect::{Arrival, Codec, FlowId, Media, MessageRecord, Record};
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
    second: i64,
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

/// What is being folded, in order of appearance.
#[derive(Debug, Default)]
pub(super) struct Folds(Vec<Fold>);

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

impl Folds {
    /// Adds a frame; gives the folds of its connection whose second is over.
    pub(super) fn add(&mut self, record: &Record<'_>, frame: Frame) -> Vec<Fold> {
        let (Some(connection), Some(direction)) = (record.connection, record.direction) else {
            return Vec::new();
        };
        let key = Key {
            connection,
            direction,
            message_stream_id: frame.message_stream_id,
            media: frame.media,
        };
        // Without a clock each track has only its own seconds.
        let clock = record.place.at.map(|at| at.div_euclid(1_000_000_000));
        let second = clock.unwrap_or_else(|| i64::from(frame.timestamp / 1000));
        let over = self.take(|fold| {
            fold.key.connection == connection
                && fold.second != second
                && (clock.is_some() || fold.key == key)
        });
        let fold = match self.0.iter_mut().position(|fold| fold.key == key) {
            Some(index) => &mut self.0[index],
            None => {
                self.0.push(Fold {
                    key,
                    at: record.place.at,
                    second,
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
                let last = self.0.len() - 1;
                &mut self.0[last]
            }
        };
        fold.codec = fold.codec.or(frame.codec);
        fold.frames += 1;
        fold.keys += u32::from(frame.key);
        fold.bytes += u64::from(frame.bytes);
        fold.last = frame.timestamp;
        fold.uncertain |= frame.uncertain;
        if frame.aggregate.is_some() && frame.aggregate != fold.aggregate {
            fold.aggregate = frame.aggregate;
            fold.aggregates += 1;
        }
        over
    }

    /// A row of a connection that is no frame: what is folded of the connection goes before it.
    pub(super) fn end(&mut self, connection: FlowId, _: &Record<'_>) -> Vec<Fold> {
        self.take(|fold| fold.key.connection == connection)
    }

    /// The folds whose second is over at `now`, where that is known.
    pub(super) fn end_before(&mut self, now: i64) -> Vec<Fold> {
        let second = now.div_euclid(1_000_000_000);
        self.take(|fold| fold.at.is_some() && fold.second < second)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn end_all(&mut self) -> Vec<Fold> {
        std::mem::take(&mut self.0)
    }

    fn take(&mut self, over: impl Fn(&Fold) -> bool) -> Vec<Fold> {
        if !self.0.iter().any(&over) {
            return Vec::new();
        }
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(over);
        self.0 = left;
        taken
    }
}

impl Fold {
    /// `avc 30 frames, 1 key, 512.3 kB, ts 1000 to 1966`
    pub(super) fn text(&self) -> String {
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
        let _ = write!(text, ", {}", words::size(self.bytes));
        let _ = write!(text, "  ts {}", self.first);
        if self.frames > 1 {
            let _ = write!(text, " to {}", self.last);
        }
        if self.uncertain {
            text.push('?');
        }
        if self.aggregates > 0 {
            let _ = write!(text, "  (in {})", words::plural(self.aggregates.into(), "aggregate"));
        }
        text
    }
}
