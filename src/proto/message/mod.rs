//! Messages: what the payload of each type means.
//!
//! Defined by: RTMP 1.0 §5.4, §6.2, §7.1; Enhanced RTMP v2. [`decode`] cannot fail: what could not be read is said
//! beside what could.

pub mod aggregate;
mod audio;
mod audio_names;
pub mod command;
mod control;
pub mod data;
mod media;
mod shared_object;
mod user_control;
mod video;
mod video_metadata;
mod video_names;

pub use aggregate::{Aggregate, InnerMessage};
pub use audio::{Audio, AudioCodec, AudioPacketType, AudioTrack, ChannelOrder, Multichannel};
pub use command::Command;
pub use control::{Control, LimitType};
pub use data::Data;
pub use media::{FourCc, ModEx, ModExChain, Multitrack};
pub use shared_object::{SharedObject, SharedObjectChange, SharedObjectEvent};
pub use user_control::{EventType, SwfVerification, UserControl};
pub use video::{FrameType, Video, VideoCodec, VideoCommand, VideoPacketType, VideoTrack};

use super::amf::{self, Budget, Encoder, Value};
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
    /// Types 19 and 16.
    SharedObject(Box<SharedObject>),
    /// Type 22.
    Aggregate(Box<Aggregate>),
    /// A kind that is told by its type only.
    Opaque,
}

impl Body {
    /// Whether it is a frame that has allocated nothing, as nearly every message is.
    #[inline]
    pub(crate) fn owns_nothing(&self) -> bool {
        match self {
            Self::Audio(audio) => {
                audio.config.is_none()
                    && audio.multichannel.is_none()
                    && audio.tracks.capacity() == 0
                    && audio.mod_ex.is_empty()
            }
            Self::Video(video) => {
                video.config.is_none()
                    && video.metadata.is_none()
                    && video.tracks.capacity() == 0
                    && video.mod_ex.is_empty()
            }
            _ => false,
        }
    }
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
            video::decode(payload, length as usize, limits, video)
        }
        _ => decode_rare(type_id, payload, length, limits, body),
    }
}

#[cold]
fn decode_rare(
    type_id: u8,
    payload: &[u8],
    length: u32,
    limits: &Limits,
    body: &mut Body,
) -> Option<Fault> {
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
        Kind::SharedObject => {
            let (object, fault) = shared_object::decode(type_id, payload, limits);
            (Body::SharedObject(Box::new(object)), fault)
        }
        Kind::Aggregate => {
            let (aggregate, fault) = aggregate::decode(payload, length, &[], limits);
            (Body::Aggregate(Box::new(aggregate)), fault)
        }
        Kind::Audio | Kind::Video | Kind::Unknown => (Body::Opaque, None),
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

/// The values of a command or data message: in types 15 and 17 behind a format byte.
fn values(type_id: u8, payload: &[u8], limits: &Limits) -> (u8, Vec<Value>, Option<Fault>) {
    let amf3 = matches!(type_id, 15 | 17);
    let mut cursor = Cursor::new(payload);
    let mut fault = None;
    // A sender that leaves the format byte out is read all the same: no format is the marker of a string.
    if amf3 && !matches!(cursor.peek(), Some(0x02 | 0x0c | 0x11)) {
        let short = format(&mut cursor, &mut fault).err();
        fault = short.or(fault);
    }
    let mut budget = Budget::new(limits);
    let mut values = Vec::new();
    let mut cut = None;
    while cursor.remaining() > 0 {
        let decoded = amf::amf0::decode(&mut cursor, &mut budget);
        values.push(decoded.value);
        cut = cut.or(decoded.cut);
        if decoded.fault.is_some() {
            fault = fault.or(decoded.fault);
            break;
        }
    }
    // A value left out for its depth is no fault of the bytes, but it has to be said.
    (if amf3 { 3 } else { 0 }, values, fault.or(cut))
}

/// The format byte of types 15, 16 and 17. Only 0 is defined: AMF0 values, each of which may switch to AMF3 (Enhanced
/// RTMP v2, "Enabling AMF3 in RTMP"). Servers pass over whatever is there, and so it goes on here, with a fault.
fn format(cursor: &mut Cursor<'_>, fault: &mut Option<Fault>) -> Result<(), Fault> {
    let at = cursor.offset();
    let format = cursor.u8("format")?;
    if format != 0 {
        fault.get_or_insert(Fault::invalid(at, "format", format.into()));
    }
    Ok(())
}

/// Appends the values of a command or data message; types 15 and 17 begin with a format byte of 0.
fn encode_values<'v>(amf: u8, values: impl Iterator<Item = &'v Value>, out: &mut Vec<u8>) {
    if amf == 3 {
        out.push(0);
    }
    let mut encoder = Encoder::new();
    for value in values {
        encoder.amf0(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::amf::Text;

    fn text(text: &str) -> Value {
        Value::String(Text::from(text))
    }

    /// A payload, and the command that it is.
    fn commands() -> Vec<(&'static [u8], Command)> {
        let command = |name: &str, id, object, arguments| Command {
            amf: 0,
            name: Some(Text::from(name)),
            transaction_id: id,
            object,
            arguments,
        };
        let app = Value::Object(vec![(Text::from("app"), text("live"))]);
        vec![
            (
                b"\x02\0\x07connect\0\x3f\xf0\0\0\0\0\0\0\x03\0\x03app\x02\0\x04live\0\0\x09",
                command("connect", Some(1.0), Some(app), vec![]),
            ),
            (
                b"\x02\0\x07publish\0\x40\x14\0\0\0\0\0\0\x05\x02\0\x01k\x02\0\x04live",
                command("publish", Some(5.0), Some(Value::Null), vec![text("k"), text("live")]),
            ),
            // No transaction id: what follows the name is the object.
            (
                b"\x02\0\x0bonFCPublish\x05\x01\x01",
                command("onFCPublish", None, Some(Value::Null), vec![Value::Boolean(true)]),
            ),
            (b"\x02\0\x05close", command("close", None, None, vec![])),
        ]
    }

    #[test]
    fn commands_decode_and_encode_byte_by_byte() {
        let limits = Limits::default();
        for (bytes, expected) in commands() {
            for (type_id, amf) in [(20, 0), (17, 3)] {
                let payload = if amf == 3 { [b"\0", bytes].concat() } else { bytes.to_vec() };
                let expected = Command { amf, ..expected.clone() };
                let (body, fault) = decode(type_id, &payload, payload.len() as u32, &limits);
                assert_eq!((body, fault), (Body::Command(Box::new(expected.clone())), None));
                let mut out = Vec::new();
                expected.encode(&mut out);
                assert_eq!((out, expected.type_id()), (payload, type_id));
            }
        }
    }

    #[test]
    fn a_command_cut_anywhere_keeps_what_was_there_and_says_where_it_ends() {
        let limits = Limits::default();
        for (bytes, whole) in commands() {
            for cut in 0..bytes.len() {
                let (body, fault) = decode(20, &bytes[..cut], cut as u32, &limits);
                let Body::Command(command) = body else { panic!("a command stays one") };
                let named = cut >= 3 + whole.name.as_ref().map_or(0, Text::len);
                assert_eq!(command.name == whole.name, named, "{cut}");
                assert!(fault.is_none_or(|fault| fault.offset <= cut));
            }
        }
    }

    #[test]
    fn the_format_byte_of_commands_and_data() {
        let limits = Limits::default();
        let call = b"\x02\0\x05close";
        for type_id in [15, 17] {
            for (format, expected) in [
                (&b""[..], None),
                (b"\0", None),
                (b"\x03", Some(Fault::invalid(0, "format", 3))),
                (b"\xff", Some(Fault::invalid(0, "format", 255))),
            ] {
                let payload = [format, call].concat();
                let (body, fault) = decode(type_id, &payload, payload.len() as u32, &limits);
                let name = match &body {
                    Body::Command(command) => command.name(),
                    Body::Data(data) => data.name(),
                    _ => panic!("another kind"),
                };
                assert_eq!((name, fault), ("close", expected));
            }
        }
        assert!(decode(17, b"", 0, &limits).1.is_some());
        assert!(decode(17, b"\0", 1, &limits).1.is_some());
    }

    #[test]
    fn data_decodes_and_encodes_byte_by_byte() {
        let bytes = b"\x02\0\x0aonMetaData\x08\0\0\0\x01\0\x05width\0\x40\x94\0\0\0\0\0\0\0\0\x09";
        let entries = vec![(Text::from("width"), Value::Number(1280.0))];
        let array = Value::EcmaArray { declared: 1, entries, ended: true };
        for (type_id, amf) in [(18, 0), (15, 3)] {
            let payload = if amf == 3 { [b"\0", &bytes[..]].concat() } else { bytes.to_vec() };
            let expected =
                Data { amf, name: Some(Text::from("onMetaData")), arguments: vec![array.clone()] };
            let (body, fault) = decode(type_id, &payload, payload.len() as u32, &Limits::default());
            assert_eq!((body, fault), (Body::Data(Box::new(expected.clone())), None));
            assert_eq!(
                expected.metadata().and_then(|m| m.get("width")).and_then(Value::as_number),
                Some(1280.0)
            );
            let mut out = Vec::new();
            expected.encode(&mut out);
            assert_eq!((out, expected.type_id()), (payload, type_id));
        }
    }

    #[test]
    fn a_first_value_that_is_no_name_is_kept_and_said() {
        let (body, fault) = decode(20, b"\x05\x01\x01", 3, &Limits::default());
        let Body::Command(command) = body else { panic!("a command stays one") };
        assert_eq!((command.name, command.object), (None, Some(Value::Null)));
        assert_eq!(command.arguments, [Value::Boolean(true)]);
        assert!(fault.is_some());
    }

    #[test]
    fn frames_own_nothing_and_what_is_decoded_of_others_does() {
        let limits = Limits::default();
        for (type_id, payload, nothing) in [
            (8, &b"\xaf\x01\x21"[..], true),
            (8, b"\x2f\xff", true),
            (9, b"\x17\x01\0\0\0\0", true),
            (9, b"\x91hvc1\0\0\0\0", true),
            (8, b"", true),
            (8, b"\xaf\0\x12\x10", false),
            (8, b"\x94Opus\x01\x02\0\0\0\x03", false),
            (8, b"\x95\x01mp4a\0\x21", false),
            (8, b"\x97\x02\0\0\x01\x01mp4a\x21", false),
            (9, b"\x90vp09\0", false),
            (9, b"\x94hvc1\x02\0\x01x\x05", false),
            (9, b"\x96\x01hvc1\0\0\0\0\0", false),
            (9, b"\x97\x02\0\0\x01\x03hvc1\0", false),
            (20, b"\x02\0\x05close", false),
        ] {
            let (body, _) = decode(type_id, payload, payload.len() as u32, &limits);
            assert_eq!(body.owns_nothing(), nothing, "{payload:02x?}: {body:?}");
        }
    }
}
