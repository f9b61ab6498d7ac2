//! Video messages: type 9 (FLV 10.1 §E.4.3, Enhanced RTMP v2 "Enhanced Video").

use super::media::{self, Body, FourCc, ModExChain, Multitrack};
use super::video_metadata;
use crate::Limits;
use crate::proto::amf::Value;
use crate::proto::codec::{VideoConfig, av1, avc, hevc, vp, vvc};
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

pub use super::video_names::{FrameType, VideoCodec, VideoCommand, VideoPacketType};

/// The header of a video message. What the message does not have is `None`; an empty message has nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Video {
    /// The codec; `None` for enhanced command frames and where every track names its own.
    pub codec: Option<VideoCodec>,
    /// Whether the header is that of Enhanced RTMP.
    pub enhanced: bool,
    /// The frame type; `None` for metadata, whose frame type says nothing (Enhanced RTMP v2 `VideoPacketType`).
    pub frame_type: Option<FrameType>,
    /// What kind of packet it is, the inner type of a multitrack message; `None` for command frames.
    pub packet_type: Option<VideoPacketType>,
    /// Milliseconds from the decoding to the presentation of the frame, where the packet carries the field.
    pub composition_time: Option<i32>,
    /// The command of a command frame.
    pub command: Option<VideoCommand>,
    /// The decoded sequence header, where the message is one and was kept whole.
    pub config: Option<Box<VideoConfig>>,
    /// What a metadata packet says of the frames that follow, as one object: `colorInfo`.
    pub metadata: Option<Box<Value>>,
    /// Bytes behind the headers; of a multitrack message, behind those of its tracks.
    pub data_length: usize,
    /// How its tracks are laid out, where it is a multitrack message.
    pub multitrack: Option<Multitrack>,
    /// The tracks of a multitrack message.
    pub tracks: Vec<VideoTrack>,
    /// The modifiers before the packet.
    pub mod_ex: ModExChain,
}

impl Video {
    /// A message that has nothing: the default, as a constant, because it is made for every message.
    pub const EMPTY: Self = Self {
        codec: None,
        enhanced: false,
        frame_type: None,
        packet_type: None,
        composition_time: None,
        command: None,
        config: None,
        metadata: None,
        data_length: 0,
        multitrack: None,
        tracks: Vec::new(),
        mod_ex: ModExChain::EMPTY,
    };
}

/// One track of a multitrack message.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoTrack {
    /// Its number.
    pub track: u8,
    /// Its codec, that of the message where all have the same.
    pub codec: Option<VideoCodec>,
    /// Milliseconds from the decoding to the presentation of the frame, where the packet carries the field.
    pub composition_time: Option<i32>,
    /// Its decoded sequence header.
    pub config: Option<Box<VideoConfig>>,
    /// What its metadata packet says.
    pub metadata: Option<Box<Value>>,
    /// Where its data begins, in bytes from the start of the payload, behind the composition time.
    pub data_offset: usize,
    /// Bytes of its data.
    pub data_length: usize,
}

/// Decodes the header of a video message of `length` bytes, of which `head` are the first, into an empty `video`.
/// Sequence headers, metadata and the tracks behind the first need more than a header: see [`wants_whole`].
#[must_use]
pub(super) fn decode(
    head: &[u8],
    length: usize,
    limits: &Limits,
    video: &mut Video,
) -> Option<Fault> {
    let head = &head[..head.len().min(length)];
    let mut c = Cursor::new(head);
    let fault = if length == 0 { None } else { walk(&mut c, length, limits, video).err() };
    if video.tracks.is_empty() {
        video.data_length = length - c.offset();
    }
    fault.map(|fault| media::beyond_head(fault, head.len(), length))
}

/// Whether [`decode`], or whoever reads metadata, has a use for more of a message than its first bytes, `head`: two of
/// them tell, or those of the modifiers and two more.
#[must_use]
pub(super) fn wants_whole(head: &[u8]) -> bool {
    match head {
        [first, ..] if first & 0x80 != 0 => {
            // Sequence starts, metadata and multitrack; a chain of modifiers that was cut is wanted too.
            media::behind_mod_ex(head, first & 0xf)
                .is_none_or(|packet| matches!(packet, 0 | 4 | 5 | 6))
        }
        [first, rest @ ..] if VideoCodec::from_number(first & 0xf).has_packet_type() => {
            rest.first().is_none_or(|packet| *packet == 0)
        }
        _ => false,
    }
}

fn walk(
    c: &mut Cursor<'_>,
    length: usize,
    limits: &Limits,
    video: &mut Video,
) -> Result<(), Fault> {
    let first = c.u8("video tag header")?;
    let frame = FrameType::from_number(first >> 4 & 7);
    if first & 0x80 != 0 {
        video.enhanced = true;
        return enhanced(c, frame, first & 0xf, length, limits, video);
    }
    video.frame_type = Some(frame);
    let codec = VideoCodec::from_number(first & 0xf);
    video.codec = Some(codec);
    if frame == FrameType::Command {
        // The command is the byte behind the header. Whether an AVC header has its packet type and composition time
        // in a command frame is read both ways (FLV 10.1 §E.4.3.1, Enhanced RTMP v2), but only one of them has six
        // bytes.
        if codec.has_packet_type() && length >= 6 {
            c.take(4, "AVC packet type and composition time")?;
        }
        video.command = Some(VideoCommand::from_number(c.u8("video command")?));
        return Ok(());
    }
    if !codec.has_packet_type() {
        video.packet_type = Some(VideoPacketType::Raw);
        return Ok(());
    }
    let packet = VideoPacketType::avc(c.u8("AVC packet type")?);
    video.packet_type = Some(packet);
    // The field is there for every packet type, though only coded frames have a use for it.
    video.composition_time = Some(c.i24("composition time")?);
    if packet != VideoPacketType::SequenceStart {
        return Ok(()); // as nearly every message: frames have nothing to decode
    }
    let (content, fault) = Content::read(packet, video.codec, Body::rest(c, length), limits);
    video.config = content.config;
    fault.map_or(Ok(()), Err)
}

fn enhanced(
    c: &mut Cursor<'_>,
    frame: FrameType,
    packet: u8,
    length: usize,
    limits: &Limits,
    video: &mut Video,
) -> Result<(), Fault> {
    let number = media::read_mod_ex(c, packet, &mut video.mod_ex);
    let packet =
        number.as_ref().map_or(VideoPacketType::Other(packet), |n| VideoPacketType::enhanced(*n));
    // Software writes metadata of a track with the frame type of a command. A command is one byte, and tracks are more.
    let tracks_metadata = number == Ok(6) && matches!(c.rest(), [inner, _, ..] if inner & 0xf == 4);
    if packet != VideoPacketType::Metadata && !tracks_metadata {
        video.frame_type = Some(frame);
    }
    let number = number?;
    if frame == FrameType::Command && packet != VideoPacketType::Metadata && !tracks_metadata {
        video.command = Some(VideoCommand::from_number(c.u8("video command")?));
        return Ok(());
    }
    if number != 6 {
        video.packet_type = Some(packet);
        video.codec = Some(VideoCodec::from_fourcc(FourCc(c.array("video FourCC")?)));
        if has_composition_time(packet, video.codec) {
            video.composition_time = Some(c.i24("composition time")?);
        }
        let (content, fault) = Content::read(packet, video.codec, Body::rest(c, length), limits);
        video.config = content.config;
        video.metadata = content.metadata;
        return fault.map_or(Ok(()), Err);
    }
    let at = c.offset();
    let byte = c.u8("video multitrack type")?;
    let packet = VideoPacketType::enhanced(byte & 0xf);
    video.packet_type = Some(packet);
    let Some(layout) = Multitrack::from_number(byte >> 4) else {
        return Err(Fault::invalid(at, "video multitrack type", u64::from(byte >> 4)));
    };
    video.multitrack = Some(layout);
    if matches!(byte & 0xf, 6 | 7) {
        return Err(Fault::invalid(
            at,
            "video packet type in a multitrack message",
            u64::from(byte & 0xf),
        ));
    }
    if layout != Multitrack::ManyTracksManyCodecs {
        video.codec = Some(VideoCodec::from_fourcc(FourCc(c.array("video FourCC")?)));
    }
    let (common, tracks, total) = (video.codec, &mut video.tracks, &mut video.data_length);
    media::tracks(c, length, layout, |mut part| {
        let codec = part.codec.map(VideoCodec::from_fourcc).or(common);
        let (composition_time, short) = if has_composition_time(packet, codec) {
            let field = take_composition_time(&mut part.body);
            (field.as_ref().ok().copied(), field.err())
        } else {
            (None, None)
        };
        let (Content { config, metadata }, fault) = Content::read(packet, codec, part.body, limits);
        let Body { at: data_offset, length: data_length, .. } = part.body;
        *total += data_length;
        tracks.push(VideoTrack {
            track: part.track,
            codec,
            composition_time,
            config,
            metadata,
            data_offset,
            data_length,
        });
        short.or(fault)
    })
}

/// Whether an enhanced packet has a composition time (Enhanced RTMP v2, "Enhanced Video").
fn has_composition_time(packet: VideoPacketType, codec: Option<VideoCodec>) -> bool {
    packet == VideoPacketType::CodedFrames
        && matches!(codec, Some(VideoCodec::Avc | VideoCodec::Hevc | VideoCodec::Vvc))
}

/// Takes the composition time off a track's body.
fn take_composition_time(body: &mut Body<'_>) -> Result<i32, Fault> {
    let mut c = Cursor::new(body.bytes);
    let time = c.i24("composition time").map_err(|fault| fault.rebased(body.at))?;
    *body = Body { at: body.at + 3, bytes: c.rest(), length: body.length - 3 };
    Ok(time)
}

/// What is decoded of a body.
#[derive(Default)]
struct Content {
    config: Option<Box<VideoConfig>>,
    metadata: Option<Box<Value>>,
}

impl Content {
    /// The configuration or metadata in a body that was kept whole.
    #[inline]
    fn read(
        packet: VideoPacketType,
        codec: Option<VideoCodec>,
        body: Body<'_>,
        limits: &Limits,
    ) -> (Self, Option<Fault>) {
        use VideoPacketType::{Metadata, Mpeg2TsSequenceStart, SequenceStart};
        if !matches!(packet, SequenceStart | Metadata | Mpeg2TsSequenceStart) || !body.is_whole() {
            return (Self::default(), None);
        }
        let (content, fault) = Self::decode(packet, codec, body.bytes, limits);
        (content, fault.map(|fault| fault.rebased(body.at)))
    }

    #[cold]
    fn decode(
        packet: VideoPacketType,
        codec: Option<VideoCodec>,
        body: &[u8],
        limits: &Limits,
    ) -> (Self, Option<Fault>) {
        if packet == VideoPacketType::Metadata {
            let (value, fault) = video_metadata::decode(body, limits);
            return (Self { config: None, metadata: Some(Box::new(value)) }, fault);
        }
        let ts = packet == VideoPacketType::Mpeg2TsSequenceStart;
        let (config, fault) = match codec {
            Some(VideoCodec::Av1) if ts => av1::decode_descriptor(body),
            _ if ts => return (Self::default(), None),
            Some(VideoCodec::Avc) => avc::decode(body),
            Some(VideoCodec::Hevc) => hevc::decode(body),
            Some(VideoCodec::Vvc) => vvc::decode(body),
            Some(VideoCodec::Av1) => av1::decode(body),
            Some(VideoCodec::Vp8 | VideoCodec::Vp9) => vp::decode(body),
            _ => return (Self::default(), None),
        };
        let config = (config != VideoConfig::default()).then(|| Box::new(config));
        (Self { config, metadata: None }, fault)
    }
}

impl Video {
    /// Appends the headers of the message; its data, or its tracks with [`VideoTrack::encode_header`], come next.
    /// The result is false, and what was appended useless, where they cannot be written: a codec without a number or
    /// FourCC, a modifier without data.
    #[must_use]
    pub fn encode_header(&self, out: &mut Vec<u8>) -> bool {
        let packet = self.packet_type.map_or(1, VideoPacketType::number);
        if !self.enhanced {
            return self.encode_legacy(packet, out);
        }
        // Metadata goes out as software writes it, with the frame type that no decoder takes for a picture.
        let frame = self.frame_type.unwrap_or(FrameType::Command).number();
        let first = if self.multitrack.is_some() { 6 } else { packet };
        if !media::write_mod_ex(8 | frame & 7, first, &self.mod_ex, out) {
            return false;
        }
        if let Some(command) = self.command {
            out.push(command.number());
            return true;
        }
        out.extend(self.multitrack.map(|layout| layout.number() << 4 | packet & 0xf));
        if self.multitrack != Some(Multitrack::ManyTracksManyCodecs) {
            let Some(fourcc) = self.codec.and_then(VideoCodec::fourcc) else { return false };
            out.extend_from_slice(&fourcc.0);
        }
        if let (None, Some(packet)) = (self.multitrack, self.packet_type)
            && has_composition_time(packet, self.codec)
        {
            write_composition_time(self.composition_time, out);
        }
        true
    }

    fn encode_legacy(&self, packet: u8, out: &mut Vec<u8>) -> bool {
        // Without a codec it is the empty message.
        let Some(codec) = self.codec else { return true };
        let Some(number) = codec.number() else { return false };
        let frame = self.frame_type.map_or(0, FrameType::number);
        out.push((frame & 7) << 4 | number);
        if let Some(command) = self.command {
            out.push(command.number());
        } else if codec.has_packet_type() {
            out.push(packet);
            write_composition_time(self.composition_time, out);
        }
        true
    }
}

impl VideoTrack {
    /// Appends the header of the track in a message of the given layout and inner packet type, its composition time
    /// included. False where its codec has no FourCC or its data is too long for a size of three bytes.
    #[must_use]
    pub fn encode_header(
        &self,
        layout: Multitrack,
        packet: VideoPacketType,
        out: &mut Vec<u8>,
    ) -> bool {
        let timed = has_composition_time(packet, self.codec);
        let size = self.data_length.saturating_add(if timed { 3 } else { 0 });
        let written = media::write_track(
            layout,
            self.codec.and_then(VideoCodec::fourcc),
            self.track,
            size,
            out,
        );
        if written && timed {
            write_composition_time(self.composition_time, out);
        }
        written
    }
}

fn write_composition_time(time: Option<i32>, out: &mut Vec<u8>) {
    out.extend_from_slice(&time.unwrap_or(0).to_be_bytes()[1..]);
}

#[cfg(test)]
#[path = "video_tests.rs"]
mod tests;
