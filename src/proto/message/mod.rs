//! Messages: what the payload of each type means.
//!
//! Defined by: RTMP 1.0 §5.4, §6.2, §7.1; Enhanced RTMP v2. [`decode`] cannot fail: what could not be read is said
//! beside what could.

mod audio;
mod audio_names;
mod command;
mod control;
mod data;
mod media;
mod user_control;
mod video;
mod video_names;

pub use audio::{Audio, AudioCodec, AudioPacketType, AudioTrack, ChannelOrder, Multichannel};
pub use command::Command;
pub use control::{Control, LimitType};
pub use data::Data;
pub use media::{FourCc, ModEx, Multitrack};
pub use user_control::{EventType, UserControl};
pub use video::{FrameType, Video, VideoCodec, VideoCommand, VideoPacketType, VideoTrack};

use super::amf::{self, Budget, Value};
use super::cursor::Cursor;
use super::fault::Fault;
use crate::Limits;

/// The kinds of messages, by type id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// 1.
    SetChunkSize,
    /// 2.
    Abort,
    /// 3.
    Acknowledgement,
    /// 4.
    UserControl,
    /// 5.
    WindowAcknowledgementSize,
    /// 6.
    SetPeerBandwidth,
    /// 8.
    Audio,
    /// 9.
    Video,
    /// 18 in AMF0, 15 in AMF3.
    Data,
    /// 19 in AMF0, 16 in AMF3.
    SharedObject,
    /// 20 in AMF0, 17 in AMF3.
    Command,
    /// 22.
    Aggregate,
    /// Any other.
    Unknown,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::SetChunkSize,
        Self::Abort,
        Self::Acknowledgement,
        Self::UserControl,
        Self::WindowAcknowledgementSize,
        Self::SetPeerBandwidth,
        Self::Audio,
        Self::Video,
        Self::Data,
        Self::SharedObject,
        Self::Command,
        Self::Aggregate,
        Self::Unknown,
    ];

    /// The kind of a type id.
    #[must_use]
    pub const fn of(type_id: u8) -> Self {
        match type_id {
            1 => Self::SetChunkSize,
            2 => Self::Abort,
            3 => Self::Acknowledgement,
            4 => Self::UserControl,
            5 => Self::WindowAcknowledgementSize,
            6 => Self::SetPeerBandwidth,
            8 => Self::Audio,
            9 => Self::Video,
            15 | 18 => Self::Data,
            16 | 19 => Self::SharedObject,
            17 | 20 => Self::Command,
            22 => Self::Aggregate,
            _ => Self::Unknown,
        }
    }

    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SetChunkSize => "set_chunk_size",
            Self::Abort => "abort",
            Self::Acknowledgement => "acknowledgement",
            Self::UserControl => "user_control",
            Self::WindowAcknowledgementSize => "window_acknowledgement_size",
            Self::SetPeerBandwidth => "set_peer_bandwidth",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Data => "data",
            Self::SharedObject => "shared_object",
            Self::Command => "command",
            Self::Aggregate => "aggregate",
            Self::Unknown => "unknown",
        }
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// Types 1, 2, 3, 5 and 6.
    Control(Control),
    /// Type 4.
    UserControl(UserControl),
    /// Type 8.
    Audio(Audio),
    /// Type 9.
    Video(Video),
    /// Types 18 and 15.
    Data(Box<Data>),
    /// Types 20 and 17.
    Command(Box<Command>),
    /// A kind that is told by its type only.
    Opaque,
}

/// Decodes a payload of `length` bytes of which `payload` holds the first ones: for audio and video at least 64 or all,
/// else all. Beside the body comes the first fault in it, its offset within the payload.
#[must_use]
pub fn decode(type_id: u8, payload: &[u8], length: u32, limits: &Limits) -> (Body, Option<Fault>) {
    let mut body = Body::Opaque;
    let fault = decode_into(type_id, payload, length, limits, &mut body);
    (body, fault)
}

/// The same into a place of the caller's, because moving bodies about costs more than decoding them.
#[inline]
pub fn decode_into(
    type_id: u8,
    payload: &[u8],
    length: u32,
    limits: &Limits,
    body: &mut Body,
) -> Option<Fault> {
    match Kind::of(type_id) {
        Kind::Audio => {
            *body = Body::Audio(Audio::EMPTY);
            let Body::Audio(audio) = body else { return None };
            audio::decode(payload, length as usize, audio)
        }
        Kind::Video => {
            *body = Body::Video(Video::EMPTY);
            let Body::Video(video) = body else { return None };
            video::decode(payload, length as usize, video)
        }
        _ => decode_rare(type_id, payload, limits, body),
    }
}

#[cold]
fn decode_rare(type_id: u8, payload: &[u8], limits: &Limits, body: &mut Body) -> Option<Fault> {
    let fault;
    (*body, fault) = match Kind::of(type_id) {
        Kind::SetChunkSize
        | Kind::Abort
        | Kind::Acknowledgement
        | Kind::WindowAcknowledgementSize
        | Kind::SetPeerBandwidth => match Control::decode(type_id, payload) {
            Some((control, fault)) => (Body::Control(control), fault),
            None => (Body::Opaque, None),
        },
        Kind::UserControl => {
            let (event, fault) = user_control::decode(payload);
            (Body::UserControl(event), fault)
        }
        Kind::Command => {
            let (command, fault) = command::decode(type_id, payload, limits);
            (Body::Command(Box::new(command)), fault)
        }
        Kind::Data => {
            let (data, fault) = data::decode(type_id, payload, limits);
            (Body::Data(Box::new(data)), fault)
        }
        Kind::Audio | Kind::Video | Kind::SharedObject | Kind::Aggregate | Kind::Unknown => {
            (Body::Opaque, None)
        }
    };
    fault
}

/// Whether decoding a message needs its whole payload, told from its type and its first bytes.
///
/// Ordinary audio and video frames do not: their headers say everything, and media is the bulk of the bytes.
#[must_use]
pub fn needs_whole(type_id: u8, head: &[u8]) -> bool {
    match type_id {
        8 => audio::wants_whole(head),
        9 => video::wants_whole(head),
        _ => true,
    }
}

/// The values of a command or data message. Types 15 and 17 begin with a format byte of 0, then AMF0 that may switch to
/// AMF3 value by value; a sender that leaves the byte out is read all the same.
fn values(type_id: u8, payload: &[u8], limits: &Limits) -> (u8, Vec<Value>, Option<Fault>) {
    let amf3 = matches!(type_id, 15 | 17);
    let mut cursor = Cursor::new(payload);
    if amf3 && cursor.peek() == Some(0) && payload.get(1).is_some_and(|&marker| marker <= 0x11) {
        // Without the format byte a leading 0 would be a number, which no name is.
        let _ = cursor.u8("format");
    }
    let mut budget = Budget::new(limits);
    let mut values = Vec::new();
    let mut fault = None;
    while cursor.remaining() > 0 && fault.is_none() {
        let decoded = amf::amf0::decode(&mut cursor, &mut budget);
        values.push(decoded.value);
        fault = decoded.fault;
    }
    (if amf3 { 3 } else { 0 }, values, fault)
}
