//! What the inspection reports: the only thing that outputs see.
//!
//! The names and meanings of the fields in JSON are those of the published schema (`rtmpctl schema`).

use super::{
    CloseKind, ClosedBy, Finding, FlowId, GapCause, Opened, Place, Rewritten, Sides, Split, Verdict,
};
use crate::proto::bitstream::Bitstream;
use crate::proto::chunk;
use crate::proto::codec::Level;
use crate::proto::fault::Fault;
use crate::proto::handshake::SoftwareVersion;
use crate::proto::handshake::digest::DigestFound;
use crate::proto::message::{AudioCodec, Body, InnerMessage, Kind, VideoCodec};
use crate::proto::{Direction, Span};

/// One line of output. It borrows from the inspector; what is to outlive the call is copied out.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// 0, 1, 2 … without holes in one run.
    pub seq: u64,
    /// The connection; `None` where the record is about the input as a whole.
    pub connection: Option<FlowId>,
    /// `None` where the record is about the connection as a whole.
    pub direction: Option<Direction>,
    /// Where the last byte arrived.
    pub place: Place,
    /// Nanoseconds since the connection's first packet.
    pub elapsed: Option<i64>,
    /// The bytes in the direction's stream.
    pub span: Option<Span>,
    /// What happened.
    pub event: Event<'a>,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection appeared.
    Opened(Opened),
    /// A handshake packet is complete.
    Handshake(Handshake),
    /// A chunk is complete.
    Chunk(chunk::Chunk),
    /// A message is complete.
    Message(MessageRecord<'a>),
    /// Bytes are missing.
    Gap(Gap),
    /// Records are missing, because the output fell behind.
    Dropped(Dropped),
    /// Something was noticed.
    Finding(&'a Finding),
    /// A value of a message was replaced on its way to the server.
    Rewritten(Rewritten<'a>),
    /// A connection is over.
    Closed(Closed),
    /// What a connection was, after it closed.
    Summary(&'a Summary),
    /// What came of a track in a second.
    Timeline(Timeline),
}

impl Event<'_> {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Opened(_) => "connection_opened",
            Self::Handshake(_) => "handshake",
            Self::Chunk(_) => "chunk",
            Self::Message(_) => "message",
            Self::Gap(_) | Self::Dropped(_) => "gap",
            Self::Finding(_) => "finding",
            Self::Rewritten(_) => "rewritten",
            Self::Closed(_) => "connection_closed",
            Self::Summary(_) => "summary",
            Self::Timeline(_) => "timeline",
        }
    }
}

/// The names of all events, `start` included.
pub const EVENT_NAMES: [&str; 11] = [
    "start",
    "connection_opened",
    "handshake",
    "chunk",
    "message",
    "gap",
    "finding",
    "connection_closed",
    "summary",
    "rewritten",
    "timeline",
];

/// A handshake packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// `c0` to `s2`.
    pub packet: &'static str,
    /// What it has.
    pub fields: HandshakeFields,
    /// The first missing stream range, where bytes of it are missing; its fields then mean nothing.
    pub damaged: Option<Span>,
}

/// The fields of a handshake packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFields {
    /// C0 or S0.
    Zero {
        /// The version byte.
        version: u8,
    },
    /// C1 or S1.
    One {
        /// The sender's time, milliseconds.
        epoch: u32,
        /// The second word: zero, or a software version.
        zero: u32,
        /// The version, where it is one.
        software_version: Option<SoftwareVersion>,
        /// The digest, where one verifies.
        digest: Option<DigestFound>,
    },
    /// C2 or S2.
    Two {
        /// The first word: the peer's time echoed.
        epoch: u32,
        /// The second word: when the peer's packet was read.
        echo_time: u32,
        /// Whether bytes 8 to 1536 are the peer's; `None` where the peer's packet was not seen.
        echoes_peer: Option<bool>,
        /// Whether its signature verifies; `None` where the peer's packet had no digest.
        digest_valid: Option<bool>,
    },
}

/// A message with its meaning.
#[derive(Debug, Clone, Copy)]
pub struct MessageRecord<'a> {
    /// What the chunk stream says of it.
    pub raw: &'a chunk::Message<'a>,
    /// Its kind.
    pub kind: Kind,
    /// What it says.
    pub body: &'a Body,
    /// What its video frame is made of, where that was asked for: of a multitrack message one for each track, of any
    /// other just one. `None` stands for a codec that cannot be walked.
    pub bitstreams: &'a [Option<Bitstream>],
    /// Whether its payload is encrypted, as the tags of an FLV file can be.
    pub encrypted: bool,
    /// What could not be read of it.
    pub malformed: Option<&'a Fault>,
    /// The `seq` of the call that it answers.
    pub reply_to: Option<u64>,
    /// The `seq` of the aggregate message that it was in. It then has the bytes, chunks and streams of that.
    pub aggregate: Option<u64>,
    /// Ranges of the payload that hold secrets and are not to be shown, in order and without overlap.
    pub masked: &'a [core::ops::Range<usize>],
}

/// What the chunk stream would say of a message inside an aggregate: it has the bytes, chunks and streams of that
/// (RTMP 1.0 §7.1.6), and a timestamp of its own.
#[must_use]
pub(crate) fn inner<'m>(outer: &chunk::Message<'m>, inner: &'m InnerMessage) -> chunk::Message<'m> {
    let holes = inner.first_missing..inner.first_missing + inner.missing.len();
    chunk::Message {
        type_id: inner.type_id,
        timestamp: outer.timestamp.wrapping_add(inner.since_first),
        length: inner.length,
        payload: outer.payload.get(inner.payload.clone()).unwrap_or_default(),
        damaged: outer.damaged.get(holes).unwrap_or_default(),
        missing: &inner.missing,
        ..*outer
    }
}

/// Missing bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first missing byte.
    pub offset: u64,
    /// How many, where it is known.
    pub length: Option<u64>,
    /// Why.
    pub cause: GapCause,
    /// Where decoding went on; `None` where it did not.
    pub resumed_at: Option<u64>,
}

/// Missing records. No bytes are: what they said was decoded, and what follows is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// How many would have been printed since the last one that was.
    pub records: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Who ended it.
    pub by: ClosedBy,
    /// How.
    pub how: CloseKind,
}

/// What came of a track in a second of arrival time, or of media time where the input has no clock. A second without any
/// frame belongs to the one before it, which then lasted longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeline {
    /// The message stream.
    pub message_stream_id: u32,
    /// Sound or pictures.
    pub media: Media,
    /// The track number of Enhanced RTMP; 0 elsewhere.
    pub track: u8,
    /// The codec.
    pub codec: Option<Codec>,
    /// When it began, nanoseconds since the connection's first packet.
    pub start: Option<i64>,
    /// Nanoseconds until the frame that began the next one, or until the last frame.
    pub duration: i64,
    /// Coded frames.
    pub frames: u32,
    /// Key frames.
    pub keyframes: u32,
    /// Bytes of them.
    pub bytes: u64,
    /// The first frame's timestamp, milliseconds.
    pub timestamp: u32,
    /// Milliseconds by which the track's time has gone further than the clock of arrival since its first frame.
    pub ahead: Option<i64>,
    /// Milliseconds by which video is behind audio; negative where it is ahead.
    pub av_skew: Option<i32>,
    /// Bytes of the direction that have come and are of no complete message yet.
    pub buffered: u64,
    /// Bytes of the direction's messages since the last that the peer acknowledged, where it acknowledges.
    pub unacknowledged: Option<u64>,
    /// Findings of the connection since the last such record of any of its tracks, by severity.
    pub findings: [u64; 3],
}

impl Timeline {
    /// Bits per second.
    #[must_use]
    pub fn bitrate(&self) -> Option<f64> {
        (self.duration > 0).then(|| self.bytes as f64 * 8e9 / self.duration as f64)
    }
}

/// A step on the way to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// `c0` to `s2`, `connect`, `create_stream`, `publish`, `play`, `media`.
    pub name: &'static str,
    /// When the packet, the call or the first audio or video came, in nanoseconds since the connection's first packet.
    pub at: i64,
    /// Nanoseconds: of a call until its answer, of what else since what it follows. `None` where there was no answer, or
    /// nothing that it follows.
    pub took: Option<i64>,
}

/// What a connection was.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Who is connected to whom.
    pub opened: Opened,
    /// `connect`'s app.
    pub app: Option<String>,
    /// `connect`'s tcUrl.
    pub tc_url: Option<String>,
    /// The name published or played; the first, where there are several.
    pub stream_name: Option<String>,
    /// How nginx-rtmp, SRS, mediamtx and Wowza split app, tcUrl and stream name.
    pub splits: Vec<Split>,
    /// What the client says it is.
    pub client_software: Option<String>,
    /// What the server says it is.
    pub server_software: Option<String>,
    /// Nanoseconds from the first packet to the last.
    pub duration: Option<i64>,
    /// How far it got, in the order in which the steps were taken.
    pub steps: Vec<Step>,
    /// Why it ended.
    pub verdict: Verdict,
    /// Bytes seen in each direction's stream.
    pub bytes: [u64; 2],
    /// Messages of each kind, in the order of [`Kind::ALL`], for each direction.
    pub messages: [[u64; Kind::ALL.len()]; 2],
    /// The media tracks.
    pub tracks: Vec<Track>,
    /// Findings of each severity.
    pub findings: [u64; 3],
    /// What is wrong, each thing once, the worst first. What follows from another finding or a gap is not in it.
    pub findings_list: Vec<Listed>,
    /// Gaps, and the bytes known to be missing in them.
    pub gaps: (u64, u64),
    /// What became of both sides, where the connection was handed on.
    pub proxy: Option<Box<Sides>>,
}

/// A finding as the summary has it: its first occurrence, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The finding, with the worst severity and the number of all its occurrences.
    pub finding: Finding,
    /// The number of the first one's record.
    pub seq: u64,
    /// The direction of the first.
    pub direction: Option<Direction>,
    /// The bytes of the first.
    pub span: Option<Span>,
    /// Where the first was.
    pub place: Place,
    /// Nanoseconds from the connection's first packet to the first.
    pub elapsed: Option<i64>,
    /// Findings that follow from it and are not listed.
    pub consequences: u32,
}

/// What was carried on one media track.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Which way.
    pub direction: Direction,
    /// The message stream.
    pub message_stream_id: u32,
    /// What it carries.
    pub media: Media,
    /// The track number of Enhanced RTMP; 0 elsewhere.
    pub track: u8,
    /// The codec.
    pub codec: Option<Codec>,
    /// Picture width.
    pub width: Option<u32>,
    /// Picture height.
    pub height: Option<u32>,
    /// Frames per second: declared by the bitstream, else measured.
    pub frame_rate: Option<f64>,
    /// Samples per second.
    pub sample_rate: Option<u32>,
    /// Channels.
    pub channels: Option<u8>,
    /// Profile name.
    pub profile: Option<&'static str>,
    /// Level.
    pub level: Option<Level>,
    /// Messages.
    pub messages: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// Coded frames among the messages.
    pub frames: u64,
    /// The first message's timestamp, milliseconds.
    pub first_timestamp: u32,
    /// The last message's timestamp, milliseconds.
    pub last_timestamp: u32,
    /// Media time from the first coded frame to the last, milliseconds; wraps counted through, steps back not. Of data from
    /// the first message to the last.
    pub media_time: u64,
    /// Key frames.
    pub keyframes: u64,
    /// Seconds between key frames, once there are two.
    pub keyframe_interval: Option<Interval>,
    /// What was measured of its frames.
    pub measured: Measured,
}

impl Track {
    /// Bits per second of media time, where it covers any. Time in which nobody knows what came does not count.
    #[must_use]
    pub fn bitrate(&self) -> Option<f64> {
        let time = self.media_time.saturating_sub(self.measured.unknown_time);
        (time > 0).then(|| self.bytes as f64 * 8000.0 / time as f64)
    }
}

/// What was declared and measured of a track's frames. Nothing of it grows with the connection's life.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// Frames per second as the codec's configuration declares it.
    pub bitstream_frame_rate: Option<f64>,
    /// Frames per second as `onMetaData` declares it.
    pub metadata_frame_rate: Option<f64>,
    /// Frames per second by their timestamps; of pictures only.
    pub frame_rate: Option<f64>,
    /// Bits per second as `onMetaData` declares it.
    pub metadata_bitrate: Option<f64>,
    /// Bits in the second of media time that had the most.
    pub peak_bitrate: Option<f64>,
    /// Frames between key frames, once there are two.
    pub keyframe_interval: Option<Interval>,
    /// The most pictures in a row that are shown before one that was sent before them: 0 where there are no B-frames.
    /// `None` without any picture.
    pub b_frames: Option<u32>,
    /// The lowest and highest composition time, milliseconds.
    pub composition_time: Option<(i32, i32)>,
    /// Milliseconds by which the picture is behind the sound of its message stream; of pictures only.
    pub av_skew: Option<Spread>,
    /// Milliseconds by which that grows in a minute.
    pub av_drift: Option<f64>,
    /// Milliseconds by which the track's time has gone further than the clock of arrival since its first frame.
    pub ahead: Option<Spread>,
    /// Milliseconds by which that grows in a minute.
    pub clock_drift: Option<f64>,
    /// Milliseconds by which frames come sooner or later than their times say (RFC 3550 §6.4.1): the mean and the highest
    /// of what that was each second.
    pub jitter: Option<(f64, f64)>,
    /// The longest step from one frame's time to the next one's, milliseconds.
    pub largest_gap: Option<u32>,
    /// The longest that no frame came, nanoseconds.
    pub longest_silence: Option<i64>,
    /// Steps of more than half a second.
    pub gaps: u32,
    /// Frames whose time is earlier than that of the frame before.
    pub steps_back: u32,
    /// Milliseconds of media time in which nobody knows what came: bytes are missing, or the time jumped.
    pub unknown_time: u64,
}

/// What something was at last, and its extremes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The lowest.
    pub min: i64,
    /// The highest.
    pub max: i64,
    /// The last.
    pub last: i64,
}

impl Spread {
    /// What it is with one more value.
    pub(super) fn with(before: Option<Self>, value: i64) -> Self {
        let Self { min, max, .. } = before.unwrap_or(Self { min: value, max: value, last: value });
        Self { min: min.min(value), max: max.max(value), last: value }
    }
}

/// A codec of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Of sound.
    Audio(AudioCodec),
    /// Of pictures.
    Video(VideoCodec),
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Metadata and the like.
    Data,
}

impl Media {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Data => "data",
        }
    }
}

/// The spread of a recurring interval: of seconds or frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The shortest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The longest.
    pub max: f64,
}
