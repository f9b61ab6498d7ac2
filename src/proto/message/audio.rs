//! Audio messages: type 8 (FLV 10.1 §E.4.2, Enhanced RTMP v2 "Enhanced Audio").

use super::media::{self, Body, FourCc, ModExChain, Multitrack};
use crate::proto::codec::{AudioConfig, aac, ac3, flac, opus};
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

pub use super::audio_names::{AudioCodec, AudioPacketType, ChannelOrder};

/// The sound format that stands for an enhanced header.
const ENHANCED: u8 = 9;

/// The header of an audio message. What the message does not have is `None`; an empty message has nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audio {
    /// The codec; `None` where every track names its own.
    pub codec: Option<AudioCodec>,
    /// Whether the header is that of Enhanced RTMP.
    pub enhanced: bool,
    /// What kind of packet it is, the inner type of a multitrack message.
    pub packet_type: Option<AudioPacketType>,
    /// The rate in the legacy header, which says nothing about AAC.
    pub sample_rate: Option<u32>,
    /// Bits per sample in the legacy header.
    pub sample_size: Option<u8>,
    /// Channels in the legacy header.
    pub channels: Option<u8>,
    /// The decoded sequence header, where the message is one and was kept whole. [`decode`](super::decode) leaves it out
    /// of the frames of codecs without one.
    pub config: Option<Box<AudioConfig>>,
    /// The decoded channel layout of a multichannel configuration.
    pub multichannel: Option<Box<Multichannel>>,
    /// Bytes behind the headers; of a multitrack message, behind those of its tracks.
    pub data_length: usize,
    /// How its tracks are laid out, where it is a multitrack message.
    pub multitrack: Option<Multitrack>,
    /// The tracks of a multitrack message.
    pub tracks: Vec<AudioTrack>,
    /// The modifiers before the packet.
    pub mod_ex: ModExChain,
}

impl Audio {
    /// A message that has nothing: the default, as a constant, because it is made for every message.
    pub const EMPTY: Self = Self {
        codec: None,
        enhanced: false,
        packet_type: None,
        sample_rate: None,
        sample_size: None,
        channels: None,
        config: None,
        multichannel: None,
        data_length: 0,
        multitrack: None,
        tracks: Vec::new(),
        mod_ex: ModExChain::EMPTY,
    };
}

/// One track of a multitrack message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioTrack {
    /// Its number.
    pub track: u8,
    /// Its codec, that of the message where all have the same.
    pub codec: Option<AudioCodec>,
    /// Its decoded sequence header.
    pub config: Option<Box<AudioConfig>>,
    /// Its decoded channel layout.
    pub multichannel: Option<Box<Multichannel>>,
    /// Where its data begins, in bytes from the start of the payload.
    pub data_offset: usize,
    /// Bytes of its data.
    pub data_length: usize,
}

/// Which channel is which: the body of a multichannel configuration (Enhanced RTMP v2, "Enhanced Audio").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multichannel {
    /// What the channels are told by.
    pub channel_order: ChannelOrder,
    /// How many there are.
    pub channel_count: u8,
    /// A speaker for each channel, with a custom order.
    pub channel_mapping: Vec<u8>,
    /// A bit for each speaker that has a channel, with the native order.
    pub channel_flags: Option<u32>,
}

/// Decodes the header of an audio message of `length` bytes, of which `head` are the first, into an empty `audio`.
/// Sequence headers, multichannel configurations and the tracks behind the first need more than a header: see
/// [`wants_whole`].
#[must_use]
pub(super) fn decode(head: &[u8], length: usize, audio: &mut Audio) -> Option<Fault> {
    let head = &head[..head.len().min(length)];
    let mut c = Cursor::new(head);
    let fault = if length == 0 { None } else { walk(&mut c, length, audio).err() };
    if audio.tracks.is_empty() {
        audio.data_length = length - c.offset();
    }
    fault.map(|fault| media::beyond_head(fault, head.len(), length))
}

/// Whether [`decode`] has a use for more of a message than its first bytes, `head`: two of them tell, or those of
/// the modifiers and two more.
#[must_use]
pub(super) fn wants_whole(head: &[u8]) -> bool {
    match head {
        [first, ..] if first >> 4 == ENHANCED => {
            // Sequence start, multichannel configuration and multitrack; a chain that was cut is wanted too.
            media::behind_mod_ex(head, first & 0xf).is_none_or(|packet| matches!(packet, 0 | 4 | 5))
        }
        [first, rest @ ..] if first >> 4 == 10 => rest.first().is_none_or(|packet| *packet == 0),
        _ => false,
    }
}

fn walk(c: &mut Cursor<'_>, length: usize, audio: &mut Audio) -> Result<(), Fault> {
    let first = c.u8("audio tag header")?;
    if first >> 4 == ENHANCED {
        audio.enhanced = true;
        return enhanced(c, first & 0xf, length, audio);
    }
    let codec = AudioCodec::from_number(first >> 4);
    audio.codec = Some(codec);
    audio.sample_rate = Some([5512, 11_025, 22_050, 44_100][usize::from(first >> 2 & 3)]);
    audio.sample_size = Some(if first & 2 == 0 { 8 } else { 16 });
    audio.channels = Some(1 + (first & 1));
    if codec != AudioCodec::Aac {
        audio.packet_type = Some(AudioPacketType::Raw);
        return Ok(());
    }
    let packet = AudioPacketType::aac(c.u8("AAC packet type")?);
    audio.packet_type = Some(packet);
    if packet != AudioPacketType::SequenceStart {
        return Ok(()); // as nearly every message: frames have nothing to decode
    }
    let (content, fault) = Content::read(packet, audio.codec, Body::rest(c, length));
    audio.config = content.config;
    fault.map_or(Ok(()), Err)
}

fn enhanced(c: &mut Cursor<'_>, packet: u8, length: usize, audio: &mut Audio) -> Result<(), Fault> {
    let number = media::read_mod_ex(c, packet, &mut audio.mod_ex)?;
    if number != 5 {
        let packet = AudioPacketType::enhanced(number);
        audio.packet_type = Some(packet);
        audio.codec = Some(AudioCodec::from_fourcc(FourCc(c.array("audio FourCC")?)));
        let (content, fault) = Content::read(packet, audio.codec, Body::rest(c, length));
        audio.config = content.config;
        audio.multichannel = content.multichannel;
        return fault.map_or(Ok(()), Err);
    }
    let at = c.offset();
    let byte = c.u8("audio multitrack type")?;
    let packet = AudioPacketType::enhanced(byte & 0xf);
    audio.packet_type = Some(packet);
    let Some(layout) = Multitrack::from_number(byte >> 4) else {
        return Err(Fault::invalid(at, "audio multitrack type", u64::from(byte >> 4)));
    };
    audio.multitrack = Some(layout);
    if matches!(byte & 0xf, 5 | 7) {
        return Err(Fault::invalid(
            at,
            "audio packet type in a multitrack message",
            u64::from(byte & 0xf),
        ));
    }
    if layout != Multitrack::ManyTracksManyCodecs {
        audio.codec = Some(AudioCodec::from_fourcc(FourCc(c.array("audio FourCC")?)));
    }
    let (common, tracks, total) = (audio.codec, &mut audio.tracks, &mut audio.data_length);
    media::tracks(c, length, layout, |part| {
        let codec = part.codec.map(AudioCodec::from_fourcc).or(common);
        let (Content { config, multichannel }, fault) = Content::read(packet, codec, part.body);
        *total += part.body.length;
        tracks.push(AudioTrack {
            track: part.track,
            codec,
            config,
            multichannel,
            data_offset: part.body.at,
            data_length: part.body.length,
        });
        fault
    })
}

/// What is decoded of a body.
#[derive(Default)]
struct Content {
    config: Option<Box<AudioConfig>>,
    multichannel: Option<Box<Multichannel>>,
}

impl Content {
    fn read(
        packet: AudioPacketType,
        codec: Option<AudioCodec>,
        body: Body<'_>,
    ) -> (Self, Option<Fault>) {
        let mut content = Self::default();
        let fault = match packet {
            AudioPacketType::SequenceStart if body.is_whole() => {
                let (config, fault) = match codec {
                    Some(AudioCodec::Aac) => aac::decode(body.bytes),
                    // An empty one is allowed: the channels are then told by a multichannel configuration.
                    Some(AudioCodec::Opus) if body.length > 0 => opus::decode(body.bytes),
                    Some(AudioCodec::Flac) => flac::decode(body.bytes),
                    // The specification has none for these, so an empty one is what one expects.
                    Some(codec @ (AudioCodec::Ac3 | AudioCodec::Eac3)) if body.length > 0 => {
                        ac3::decode_start(body.bytes, codec == AudioCodec::Eac3)
                    }
                    _ => (AudioConfig::default(), None),
                };
                content.config = (config != AudioConfig::default()).then(|| Box::new(config));
                fault
            }
            AudioPacketType::MultichannelConfig => content.multichannel(body.bytes).err(),
            _ => None,
        };
        (content, fault.map(|fault| fault.rebased(body.at)))
    }

    fn multichannel(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut c = Cursor::new(bytes);
        let channel_order = ChannelOrder::from_number(c.u8("audio channel order")?);
        let channel_count = c.u8("audio channel count")?;
        let config = Multichannel {
            channel_order,
            channel_count,
            channel_mapping: Vec::new(),
            channel_flags: None,
        };
        let config = self.multichannel.insert(Box::new(config));
        match channel_order {
            ChannelOrder::Custom => {
                config.channel_mapping =
                    c.take(usize::from(channel_count), "audio channel mapping")?.to_vec();
            }
            ChannelOrder::Native => config.channel_flags = Some(c.u32("audio channel flags")?),
            ChannelOrder::Unspecified | ChannelOrder::Other(_) => {}
        }
        Ok(())
    }
}

impl Audio {
    /// Appends the headers of the message; its data, or its tracks with [`AudioTrack::encode_header`], come next.
    /// The result is false, and what was appended useless, where they cannot be written: a codec without a number or
    /// FourCC, a modifier without data.
    #[must_use]
    pub fn encode_header(&self, out: &mut Vec<u8>) -> bool {
        let packet = self.packet_type.map_or(1, AudioPacketType::number);
        if self.enhanced {
            let first = if self.multitrack.is_some() { 5 } else { packet };
            if !media::write_mod_ex(ENHANCED, first, &self.mod_ex, out) {
                return false;
            }
            out.extend(self.multitrack.map(|layout| layout.number() << 4 | packet & 0xf));
            if self.multitrack != Some(Multitrack::ManyTracksManyCodecs) {
                let Some(fourcc) = self.codec.and_then(AudioCodec::fourcc) else { return false };
                out.extend_from_slice(&fourcc.0);
            }
            return true;
        }
        // Without a codec it is the empty message.
        let Some(codec) = self.codec else { return true };
        let Some(number) = codec.number() else { return false };
        let rate = match self.sample_rate {
            Some(5512) => 0,
            Some(11_025) => 1,
            Some(22_050) => 2,
            _ => 3,
        };
        let (size, channels) = (self.sample_size != Some(8), self.channels != Some(1));
        out.push(number << 4 | rate << 2 | u8::from(size) << 1 | u8::from(channels));
        if codec == AudioCodec::Aac {
            out.push(packet);
        }
        true
    }
}

impl AudioTrack {
    /// Appends the header of the track in a message laid out as `layout`. False where its codec has no FourCC or its
    /// data is too long for a size of three bytes.
    #[must_use]
    pub fn encode_header(&self, layout: Multitrack, out: &mut Vec<u8>) -> bool {
        media::write_track(
            layout,
            self.codec.and_then(AudioCodec::fourcc),
            self.track,
            self.data_length,
            out,
        )
    }
}

impl Multichannel {
    /// Appends the body of a multichannel configuration.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.channel_order.number(), self.channel_count]);
        out.extend_from_slice(&self.channel_mapping);
        out.extend(self.channel_flags.map(u32::to_be_bytes).into_iter().flatten());
    }
}

#[cfg(test)]
#[path = "audio_tests.rs"]
mod tests;
