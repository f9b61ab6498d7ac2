//! The numbers and names of video tag headers (FLV 10.1 §E.4.3.1, Enhanced RTMP v2 "Enhanced Video").

use core::fmt;

use super::media::FourCc;

/// A video codec: the legacy numbers (FLV 10.1 §E.4.3.1) and the FourCCs (Enhanced RTMP v2 `VideoFourCc`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// 2: Sorenson's variant of H.263.
    H263,
    /// 3.
    ScreenVideo,
    /// 4.
    Vp6,
    /// 5: VP6 with an alpha channel.
    Vp6Alpha,
    /// 6.
    ScreenVideo2,
    /// 7 and `avc1`.
    Avc,
    /// `hvc1`, and 12.
    ///
    /// No specification assigns the numbers from 12 to 15. Content networks use them with AVC's layout: 12 for HEVC
    /// (CDN-Union/H265 on GitHub), 13 for AV1 (SRS, ossrs/srs, too), 14 and 15 for VP8 and VP9
    /// (runner365/ffmpeg_rtmp_h265). On 14 they do not all agree.
    Hevc,
    /// `av01`, and 13 as for [`Hevc`](Self::Hevc).
    Av1,
    /// `vp08`, and 14 as for [`Hevc`](Self::Hevc).
    Vp8,
    /// `vp09`, and 15 as for [`Hevc`](Self::Hevc).
    Vp9,
    /// `vvc1`.
    Vvc,
    /// A legacy number without a name.
    Number(u8),
    /// Another FourCC.
    FourCc(FourCc),
}

/// A codec, its name in the output, its legacy number and its FourCC.
type CodecRow = (VideoCodec, &'static str, Option<u8>, Option<&'static [u8; 4]>);

const CODECS: [CodecRow; 11] = [
    (VideoCodec::H263, "h263", Some(2), None),
    (VideoCodec::ScreenVideo, "screen_video", Some(3), None),
    (VideoCodec::Vp6, "vp6", Some(4), None),
    (VideoCodec::Vp6Alpha, "vp6_alpha", Some(5), None),
    (VideoCodec::ScreenVideo2, "screen_video_2", Some(6), None),
    (VideoCodec::Avc, "avc", Some(7), Some(b"avc1")),
    (VideoCodec::Hevc, "hevc", Some(12), Some(b"hvc1")),
    (VideoCodec::Av1, "av1", Some(13), Some(b"av01")),
    (VideoCodec::Vp8, "vp8", Some(14), Some(b"vp08")),
    (VideoCodec::Vp9, "vp9", Some(15), Some(b"vp09")),
    (VideoCodec::Vvc, "vvc1", None, Some(b"vvc1")),
];

impl VideoCodec {
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

    /// The name in the output; `None` where the output has the number or the FourCC.
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        CODECS.iter().find(|row| row.0 == self).map(|row| row.1)
    }

    /// Whether a legacy header goes on with a packet type and a composition time.
    #[must_use]
    pub const fn has_packet_type(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc | Self::Av1 | Self::Vp8 | Self::Vp9)
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::FourCc(fourcc) => fourcc.fmt(f),
            named => f.write_str(named.as_str().unwrap_or_default()),
        }
    }
}

/// What kind of frame a video message is (FLV 10.1 §E.4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// 1: decoding can start here.
    Key,
    /// 2.
    Inter,
    /// 3: an inter frame that no other needs.
    DisposableInter,
    /// 4: a key frame that a server made.
    GeneratedKey,
    /// 5: no frame but a command.
    Command,
    /// A reserved number.
    Other(u8),
}

impl FrameType {
    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Key,
            2 => Self::Inter,
            3 => Self::DisposableInter,
            4 => Self::GeneratedKey,
            5 => Self::Command,
            n => Self::Other(n),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Key => 1,
            Self::Inter => 2,
            Self::DisposableInter => 3,
            Self::GeneratedKey => 4,
            Self::Command => 5,
            Self::Other(n) => n,
        }
    }

    /// The name in the output; `None` for a reserved number.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Key => Some("key"),
            Self::Inter => Some("inter"),
            Self::DisposableInter => Some("disposable_inter"),
            Self::GeneratedKey => Some("generated_key"),
            Self::Command => Some("command"),
            Self::Other(_) => None,
        }
    }
}

/// What a command frame says (Enhanced RTMP v2 `VideoCommand`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCommand {
    /// 0: the frames of a seek on the client's side begin.
    StartSeek,
    /// 1: they end.
    EndSeek,
    /// A reserved number.
    Other(u8),
}

impl VideoCommand {
    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::StartSeek,
            1 => Self::EndSeek,
            n => Self::Other(n),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::StartSeek => 0,
            Self::EndSeek => 1,
            Self::Other(n) => n,
        }
    }

    /// The name in the output; `None` for a reserved number.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::StartSeek => Some("start_seek"),
            Self::EndSeek => Some("end_seek"),
            Self::Other(_) => None,
        }
    }
}

/// What kind of packet a video message is (Enhanced RTMP v2 `VideoPacketType`; FLV 10.1 §E.4.3.1 for AVC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoPacketType {
    /// 0: the codec's configuration.
    SequenceStart,
    /// 1: a frame.
    CodedFrames,
    /// 2: nothing follows for now.
    SequenceEnd,
    /// 3: a frame whose composition time is zero and left out.
    CodedFramesX,
    /// 4: AMF values about the frames that follow.
    Metadata,
    /// 5: the codec's configuration as a descriptor of MPEG-2 transport streams.
    Mpeg2TsSequenceStart,
    /// A frame of a codec that has no packet type on the wire.
    Raw,
    /// A reserved number.
    Other(u8),
}

impl VideoPacketType {
    pub(super) const fn enhanced(number: u8) -> Self {
        match number {
            0 => Self::SequenceStart,
            1 => Self::CodedFrames,
            2 => Self::SequenceEnd,
            3 => Self::CodedFramesX,
            4 => Self::Metadata,
            5 => Self::Mpeg2TsSequenceStart,
            n => Self::Other(n),
        }
    }

    /// AVC's byte has only the first three in common with the enhanced numbers.
    pub(super) const fn avc(number: u8) -> Self {
        match number {
            0 => Self::SequenceStart,
            1 => Self::CodedFrames,
            2 => Self::SequenceEnd,
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
            Self::CodedFramesX => 3,
            Self::Metadata => 4,
            Self::Mpeg2TsSequenceStart => 5,
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
            Self::CodedFramesX => Some("coded_frames_x"),
            Self::Metadata => Some("metadata"),
            Self::Mpeg2TsSequenceStart => Some("mpeg2ts_sequence_start"),
            Self::Raw => Some("raw"),
            Self::Other(_) => None,
        }
    }
}

macro_rules! display_name_or_number {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.as_str() {
                    Some(name) => f.write_str(name),
                    None => self.number().fmt(f),
                }
            }
        }
    )*};
}

display_name_or_number!(FrameType, VideoCommand, VideoPacketType);
