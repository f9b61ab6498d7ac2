//! User control messages: type 4 (RTMP 1.0 §5.4 and §7.1.7).

use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// What a user control message is about (RTMP 1.0 §7.1.7). The events from 26 on are in no specification; Flash
/// Media Server and Flash Player use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// 0: a message stream can be used.
    StreamBegin,
    /// 1: playback of a message stream is over.
    StreamEof,
    /// 2: there is nothing more to play for now.
    StreamDry,
    /// 3: how many milliseconds the client buffers.
    SetBufferLength,
    /// 4: the message stream is a recording.
    StreamIsRecorded,
    /// 6: the server asks whether the client is there.
    PingRequest,
    /// 7: the client is.
    PingResponse,
    /// 26: the server wants the hash of the player's SWF file.
    SwfVerificationRequest,
    /// 27: that hash.
    SwfVerificationResponse,
    /// 31: the server's buffer of a message stream has run empty.
    BufferEmpty,
    /// 32: and is filled again.
    BufferReady,
    /// Any other number.
    Unknown(u16),
}

impl EventType {
    /// The type of an event id.
    #[must_use]
    pub const fn from_id(id: u16) -> Self {
        match id {
            0 => Self::StreamBegin,
            1 => Self::StreamEof,
            2 => Self::StreamDry,
            3 => Self::SetBufferLength,
            4 => Self::StreamIsRecorded,
            6 => Self::PingRequest,
            7 => Self::PingResponse,
            26 => Self::SwfVerificationRequest,
            27 => Self::SwfVerificationResponse,
            31 => Self::BufferEmpty,
            32 => Self::BufferReady,
            n => Self::Unknown(n),
        }
    }

    /// The event id on the wire.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::StreamBegin => 0,
            Self::StreamEof => 1,
            Self::StreamDry => 2,
            Self::SetBufferLength => 3,
            Self::StreamIsRecorded => 4,
            Self::PingRequest => 6,
            Self::PingResponse => 7,
            Self::SwfVerificationRequest => 26,
            Self::SwfVerificationResponse => 27,
            Self::BufferEmpty => 31,
            Self::BufferReady => 32,
            Self::Unknown(n) => n,
        }
    }

    /// The name in the output; `unknown` for numbers without one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamBegin => "stream_begin",
            Self::StreamEof => "stream_eof",
            Self::StreamDry => "stream_dry",
            Self::SetBufferLength => "set_buffer_length",
            Self::StreamIsRecorded => "stream_is_recorded",
            Self::PingRequest => "ping_request",
            Self::PingResponse => "ping_response",
            Self::SwfVerificationRequest => "swf_verification_request",
            Self::SwfVerificationResponse => "swf_verification_response",
            Self::BufferEmpty => "buffer_empty",
            Self::BufferReady => "buffer_ready",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A user control message. The fields that its event does not have, or that the payload is too short for, are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserControl {
    /// The event, unless the payload is too short for its number.
    pub event_type: Option<EventType>,
    /// The message stream that it is about.
    pub stream_id: Option<u32>,
    /// Milliseconds that the client buffers.
    pub buffer_length: Option<u32>,
    /// The server's time in milliseconds, which a response repeats.
    pub timestamp: Option<u32>,
    /// What a verification response says of the SWF file.
    pub swf: Option<SwfVerification>,
}

/// The answer to an SWF verification request, as librtmp and Red5 have it; it is in no specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwfVerification {
    /// Two bytes that are 1.
    pub version: [u8; 2],
    /// Bytes of the decompressed file, which are sent twice.
    pub sizes: [u32; 2],
    /// The HMAC-SHA256 of the file's SHA-256, its key the end of the server's first handshake packet.
    pub digest: [u8; 32],
}

/// Decodes a payload. What follows the fields of the event is not read.
#[must_use]
pub(super) fn decode(payload: &[u8]) -> (UserControl, Option<Fault>) {
    let mut message = UserControl::default();
    let fault = walk(payload, &mut message).err();
    (message, fault)
}

fn walk(payload: &[u8], message: &mut UserControl) -> Result<(), Fault> {
    let mut c = Cursor::new(payload);
    let event = EventType::from_id(c.u16("event type")?);
    message.event_type = Some(event);
    match event {
        EventType::StreamBegin
        | EventType::StreamEof
        | EventType::StreamDry
        | EventType::StreamIsRecorded
        | EventType::BufferEmpty
        | EventType::BufferReady => message.stream_id = Some(c.u32("stream id")?),
        EventType::SetBufferLength => {
            message.stream_id = Some(c.u32("stream id")?);
            message.buffer_length = Some(c.u32("buffer length")?);
        }
        EventType::PingRequest | EventType::PingResponse => {
            message.timestamp = Some(c.u32("timestamp")?)
        }
        EventType::SwfVerificationResponse => {
            message.swf = Some(SwfVerification {
                version: c.array("SWF verification version")?,
                sizes: [c.u32("SWF size")?, c.u32("SWF size")?],
                digest: c.array("SWF digest")?,
            });
        }
        EventType::SwfVerificationRequest | EventType::Unknown(_) => {}
    }
    Ok(())
}

impl UserControl {
    /// Appends the payload: the event's number and the fields that are known.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Some(event) = self.event_type else { return };
        out.extend_from_slice(&event.id().to_be_bytes());
        for field in [self.stream_id, self.buffer_length, self.timestamp].into_iter().flatten() {
            out.extend_from_slice(&field.to_be_bytes());
        }
        if let Some(swf) = self.swf {
            out.extend(swf.version);
            out.extend(swf.sizes.map(u32::to_be_bytes).concat());
            out.extend(swf.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERIFICATION: [u8; 44] = {
        let mut bytes = [7; 44];
        let head = [0, 27, 1, 1, 0, 0, 1, 2, 0, 0, 1, 2];
        let mut at = 0;
        while at < head.len() {
            bytes[at] = head[at];
            at += 1;
        }
        bytes
    };

    fn rows() -> Vec<(Vec<u8>, &'static str, UserControl)> {
        let stream = |id| UserControl { stream_id: Some(id), ..UserControl::default() };
        let time = UserControl { timestamp: Some(0x0102_0304), ..UserControl::default() };
        let buffer = UserControl { buffer_length: Some(3000), ..stream(1) };
        let none = UserControl::default();
        let swf = SwfVerification { version: [1, 1], sizes: [0x0102, 0x0102], digest: [7; 32] };
        let swf = UserControl { swf: Some(swf), ..none };
        [
            (&[0, 0, 0, 0, 0, 1][..], "stream_begin", stream(1)),
            (&[0, 1, 0, 0, 0, 1], "stream_eof", stream(1)),
            (&[0, 2, 0, 0, 1, 0], "stream_dry", stream(256)),
            (&[0, 3, 0, 0, 0, 1, 0, 0, 0x0b, 0xb8], "set_buffer_length", buffer),
            (&[0, 4, 0, 0, 0, 1], "stream_is_recorded", stream(1)),
            (&[0, 6, 1, 2, 3, 4], "ping_request", time),
            (&[0, 7, 1, 2, 3, 4], "ping_response", time),
            (&[0, 26], "swf_verification_request", none),
            (&VERIFICATION, "swf_verification_response", swf),
            (&[0, 31, 0, 0, 0, 1], "buffer_empty", stream(1)),
            (&[0, 32, 0, 0, 0, 1], "buffer_ready", stream(1)),
            (&[0, 5], "unknown", none),
            (&[0xff, 0xfe], "unknown", none),
        ]
        .into_iter()
        .map(|(bytes, name, message)| {
            let event_type = Some(EventType::from_id(u16::from_be_bytes([bytes[0], bytes[1]])));
            (bytes.to_vec(), name, UserControl { event_type, ..message })
        })
        .collect()
    }

    #[test]
    fn events_there_and_back() {
        for (bytes, name, message) in rows() {
            assert_eq!(decode(&bytes), (message, None));
            assert_eq!(message.event_type.unwrap().as_str(), name);
            let mut out = Vec::new();
            message.encode(&mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn short_payloads_keep_what_is_there() {
        for (bytes, _, _) in rows() {
            for cut in 0..bytes.len() {
                let (message, fault) = decode(&bytes[..cut]);
                assert!(fault.is_some());
                let mut out = Vec::new();
                message.encode(&mut out);
                assert!(bytes.starts_with(&out) && cut - out.len() < 42, "{bytes:?} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_payload_panics(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            let _ = decode(&bytes);
        }
    }
}
