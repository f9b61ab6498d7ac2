//! The numbers and names of audio tag headers (FLV 10.1 §E.4.2.1, Enhanced RTMP v2 "Enhanced Audio").

use core::fmt;

use super::media::FourCc;

/// An audio codec: the legacy numbers (FLV 10.1 §E.4.2.1) and the FourCCs (Enhanced RTMP v2 `AudioFourCc`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// 0: linear PCM in the byte order of the sender.
    Pcm,
    /// 1.
    Adpcm,
    /// 2 and `.mp3`.
    Mp3,
    /// 3: linear PCM, little-endian.
    PcmLe,
    /// 4: 16 kHz, mono.
    Nellymoser16k,
    /// 5: 8 kHz, mono.
    Nellymoser8k,
    /// 6.
    Nellymoser,
    /// 7.
    G711a,
    /// 8.
    G711u,
    /// 10 and `mp4a`.
    Aac,
    /// 11.
    Speex,
    /// 14: MP3 at 8 kHz.
    Mp38k,
    /// `Opus`.
    Opus,
    /// `fLaC`.
    Flac,
    /// `ac-3`.
    Ac3,
    /// `ec-3`.
    Eac3,
    /// A legacy number without a name: 12, 13 and 15.
    Number(u8),
    /// Another FourCC.
    FourCc(FourCc),
}

/// A codec, its name in the output, its legacy number and its FourCC.
type CodecRow = (AudioCodec, &'static str, Option<u8>, Option<&'static [u8; 4]>);

const CODECS: [CodecRow; 16] = [
    (AudioCodec::Pcm, "pcm", Some(0), None),
    (AudioCodec::Adpcm, "adpcm", Some(1), None),
    (AudioCodec::Mp3, "mp3", Some(2), Some(b".mp3")),
    (AudioCodec::PcmLe, "pcm_le", Some(3), None),
    (AudioCodec::Nellymoser16k, "nellymoser_16k", Some(4), None),
    (AudioCodec::Nellymoser8k, "nellymoser_8k", Some(5), None),
    (AudioCodec::Nellymoser, "nellymoser", Some(6), None),
    (AudioCodec::G711a, "g711a", Some(7), None),
    (AudioCodec::G711u, "g711u", Some(8), None),
    (AudioCodec::Aac, "aac", Some(10), Some(b"mp4a")),
    (AudioCodec::Speex, "speex", Some(11), None),
    (AudioCodec::Mp38k, "mp3_8k", Some(14), None),
    (AudioCodec::Opus, "opus", None, Some(b"Opus")),
    (AudioCodec::Flac, "flac", None, Some(b"fLaC")),
    (AudioCodec::Ac3, "ac3", None, Some(b"ac-3")),
    (AudioCodec::Eac3, "eac3", None, Some(b"ec-3")),
];

impl AudioCodec {
    /// The codec of a legacy number.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        CODECS.iter().find(|row| row.2 == Some(number)).map_or(Self::Number(number), |row| row.0)
    }

    /// The codec of a FourCC.
    #[must_use]
    pub fn from_fourcc(fourcc: FourCc) -> Self {
        CODECS.iter().find(|row| row.3 == Some(&fourcc.0)).map_or(Self::FourCc(fourcc), |row| row.0)
    }

    /// The legacy number, unless the codec has none.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Number(number) => Some(number),
            _ => CODECS.iter().find(|row| row.0 == self).and_then(|row| row.2),
        }
    }

    /// The FourCC, unless the codec has none.
    #[must_use]
    pub fn fourcc(self) -> Option<FourCc> {
        match self {
            Self::FourCc(fourcc) => Some(fourcc),
            _ => CODECS.iter().find(|row| row.0 == self).and_then(|row| row.3).copied().map(FourCc),
        }
    }

    /// Samples per second of a codec that has only one rate, which the tag header's word cannot say (FLV 10.1
    /// §E.4.2.1).
    #[must_use]
    pub const fn fixed_rate(self) -> Option<u32> {
        match self {
            Self::Nellymoser8k | Self::G711a | Self::G711u | Self::Mp38k => Some(8000),
            Self::Nellymoser16k | Self::Speex => Some(16_000),
            _ => None,
        }
    }

    /// Whether the header of each frame says what other codecs have a configuration record for.
    #[must_use]
    pub const fn describes_itself(self) -> bool {
        matches!(self, Self::Mp3 | Self::Mp38k | Self::Ac3 | Self::Eac3)
    }

    /// The name in the output; `None` where the output has the number or the FourCC.
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        CODECS.iter().find(|row| row.0 == self).map(|row| row.1)
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::FourCc(fourcc) => fourcc.fmt(f),
            named => f.write_str(named.as_str().unwrap_or_default()),
        }
    }
}

/// What kind of packet an audio message is (Enhanced RTMP v2 `AudioPacketType`; FLV 10.1 §E.4.2.1 for AAC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioPacketType {
    /// 0: the codec's configuration.
    SequenceStart,
    /// 1: frames.
    CodedFrames,
    /// 2: nothing follows for now.
    SequenceEnd,
    /// 4: which channel is which.
    MultichannelConfig,
    /// Frames of a codec that has no packet type on the wire.
    Raw,
    /// A reserved number.
    Other(u8),
}

impl AudioPacketType {
    pub(super) const fn enhanced(number: u8) -> Self {
        match number {
            0 => Self::SequenceStart,
            1 => Self::CodedFrames,
            2 => Self::SequenceEnd,
            4 => Self::MultichannelConfig,
            n => Self::Other(n),
        }
    }

    /// AAC's byte has only the first two in common with the enhanced numbers.
    pub(super) const fn aac(number: u8) -> Self {
        match number {
            0 => Self::SequenceStart,
            1 => Self::CodedFrames,
            n => Self::Other(n),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::SequenceStart => 0,
            Self::CodedFrames | Self::Raw => 1,
            Self::SequenceEnd => 2,
            Self::MultichannelConfig => 4,
            Self::Other(n) => n,
        }
    }

    /// The name in the output; `None` for a reserved number.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::SequenceStart => Some("sequence_start"),
            Self::CodedFrames => Some("coded_frames"),
            Self::SequenceEnd => Some("sequence_end"),
            Self::MultichannelConfig => Some("multichannel_config"),
            Self::Raw => Some("raw"),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for AudioPacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(name) => f.write_str(name),
            None => self.number().fmt(f),
        }
    }
}

/// `AudioChannelOrder` (Enhanced RTMP v2, "Enhanced Audio").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// 0: only their number is known.
    Unspecified,
    /// 1: in the order of the speakers' bits.
    Native,
    /// 2: by a list.
    Custom,
    /// A reserved number.
    Other(u8),
}

impl ChannelOrder {
    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Unspecified,
            1 => Self::Native,
            2 => Self::Custom,
            n => Self::Other(n),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::Native => 1,
            Self::Custom => 2,
            Self::Other(n) => n,
        }
    }

    /// The name in the output; `None` for a reserved number.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unspecified => Some("unspecified"),
            Self::Native => Some("native"),
            Self::Custom => Some("custom"),
            Self::Other(_) => None,
        }
    }
}
