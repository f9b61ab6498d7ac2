//! What the two sides of `connect` say that they can do of Enhanced RTMP.
//!
//! Defined by: Enhanced RTMP v2, "Enhancing NetConnection connect Command".

use core::fmt;

use super::super::super::amf::{Text, Value};
use super::super::media::FourCc;
use super::Command;
use super::fields::Members;

/// Codecs read of each property. So many do not exist; what is beyond is left to whoever reads the object itself.
const MOST: usize = 256;

/// The Enhanced RTMP properties of a `connect` or of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `fourCcList`: codecs that are supported, without saying how. Of Enhanced RTMP v1.
    pub four_cc_list: Vec<CodecName>,
    /// `videoFourCcInfoMap`.
    pub video: Vec<(CodecName, CodecMask)>,
    /// `audioFourCcInfoMap`.
    pub audio: Vec<(CodecName, CodecMask)>,
    /// `capsEx`.
    pub caps_ex: Option<CapsEx>,
}

/// A FourCC, or `*` for any codec, whose flags then hold for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecName {
    /// One codec.
    FourCc(FourCc),
    /// Any.
    Any,
}

impl CodecName {
    /// The name of a text, where it is one.
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        match text {
            b"*" => Some(Self::Any),
            &[a, b, c, d] if text.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                Some(Self::FourCc(FourCc([a, b, c, d])))
            }
            _ => None,
        }
    }
}

impl fmt::Display for CodecName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FourCc(name) => name.fmt(f),
            Self::Any => f.write_str("*"),
        }
    }
}

/// `FourCcInfoMask`: what can be done with a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodecMask(pub u32);

impl CodecMask {
    /// Bit 0: it can be decoded.
    pub const DECODE: u32 = 1;
    /// Bit 1: it can be encoded.
    pub const ENCODE: u32 = 2;
    /// Bit 2: it can be passed on.
    pub const FORWARD: u32 = 4;

    /// The flags by name.
    #[must_use]
    pub const fn flags(self) -> [(&'static str, bool); 3] {
        [
            ("decode", self.0 & Self::DECODE != 0),
            ("encode", self.0 & Self::ENCODE != 0),
            ("forward", self.0 & Self::FORWARD != 0),
        ]
    }
}

/// `CapsExMask`: what is supported beyond codecs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CapsEx(pub u32);

impl CapsEx {
    /// Bit 0: requests to reconnect.
    pub const RECONNECT: u32 = 1;
    /// Bit 1: several tracks.
    pub const MULTITRACK: u32 = 2;
    /// Bit 2: the ModEx signal can be parsed.
    pub const MOD_EX: u32 = 4;
    /// Bit 3: nanoseconds added to timestamps.
    pub const NANOSECOND_OFFSET: u32 = 8;

    /// The flags by name.
    #[must_use]
    pub const fn flags(self) -> [(&'static str, bool); 4] {
        [
            ("reconnect", self.0 & Self::RECONNECT != 0),
            ("multitrack", self.0 & Self::MULTITRACK != 0),
            ("mod_ex", self.0 & Self::MOD_EX != 0),
            ("nanosecond_offset", self.0 & Self::NANOSECOND_OFFSET != 0),
        ]
    }
}

/// `videoFunction`: what a client can do with video beyond its codecs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VideoFunction(pub u32);

impl VideoFunction {
    /// Bit 0, of RTMP 1.0 already: seeks that are exact to the frame.
    pub const SEEK: u32 = 1;
    /// Bit 1: video with a high dynamic range, and the colour information about it.
    pub const HDR: u32 = 2;
    /// Bit 2: metadata frames.
    pub const METADATA: u32 = 4;
    /// Bit 3: parts of a frame that are decoded without the rest.
    pub const LARGE_SCALE_TILE: u32 = 8;

    /// The flags by name.
    #[must_use]
    pub const fn flags(self) -> [(&'static str, bool); 4] {
        [
            ("frame_accurate_seek", self.0 & Self::SEEK != 0),
            ("hdr", self.0 & Self::HDR != 0),
            ("video_metadata", self.0 & Self::METADATA != 0),
            ("large_scale_tile", self.0 & Self::LARGE_SCALE_TILE != 0),
        ]
    }

    /// That of a `connect`, where it has more than every client says since RTMP 1.0.
    #[must_use]
    pub fn of_command(command: &Command) -> Option<Self> {
        let object = command.object.as_ref().filter(|_| command.name() == "connect")?;
        let bits = bits(object.get("videoFunction")?)?;
        (bits & !Self::SEEK != 0).then_some(Self(bits))
    }
}

impl Capabilities {
    /// The names of the properties.
    pub const NAMES: [&str; 4] =
        ["fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"];

    /// Those that an object has; `None` where it has none of the properties.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let [list, video, audio, caps_ex] = Self::NAMES.map(|name| object.get(name));
        if [list, video, audio, caps_ex].iter().all(Option::is_none) {
            return None;
        }
        let named = |value: &Value| value.as_text().and_then(|text| CodecName::of(text.as_bytes()));
        let map = |map: Option<&Value>| {
            let members = map.into_iter().flat_map(Value::entries);
            let masks = members.filter_map(|(key, value)| {
                Some((CodecName::of(key.as_bytes())?, CodecMask(bits(value)?)))
            });
            masks.take(MOST).collect()
        };
        Some(Self {
            four_cc_list: list
                .map(|list| list.items().iter().filter_map(named).take(MOST).collect())
                .unwrap_or_default(),
            video: map(video),
            audio: map(audio),
            caps_ex: caps_ex.and_then(bits).map(CapsEx),
        })
    }

    /// Those of a `connect`, or of an answer, which has them among its properties or its information.
    #[must_use]
    pub fn of_command(command: &Command) -> Option<Self> {
        let information = command.arguments.first();
        match command.name() {
            "connect" => Self::of(command.object.as_ref()?),
            "_result" | "_error" => {
                command.object.as_ref().and_then(Self::of).or_else(|| Self::of(information?))
            }
            _ => None,
        }
    }

    /// Each codec that is named, once, in order of appearance; the flags of both maps together, and none where only
    /// the list names it.
    #[must_use]
    pub fn codecs(&self) -> Vec<(CodecName, Option<CodecMask>)> {
        let mut codecs: Vec<(CodecName, Option<CodecMask>)> = Vec::new();
        let maps = self.video.iter().chain(&self.audio).map(|(name, mask)| (*name, Some(*mask)));
        let list = self.four_cc_list.iter().map(|name| (*name, None));
        for (name, mask) in maps.chain(list) {
            match codecs.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => {
                    if let (Some(known), Some(mask)) = (known.as_mut(), mask) {
                        known.0 |= mask.0;
                    }
                }
                None => codecs.push((name, mask)),
            }
        }
        codecs
    }

    pub(super) fn push(&self, members: &mut Members) {
        let name = |name: &CodecName| Value::from(name.to_string().as_str());
        let map = |map: &[(CodecName, CodecMask)]| {
            (!map.is_empty()).then(|| {
                let members = map.iter().map(|(name, mask)| {
                    (Text::from(name.to_string().as_str()), Value::Number(mask.0.into()))
                });
                Value::Object(members.collect())
            })
        };
        let list = &self.four_cc_list;
        let list = (!list.is_empty()).then(|| Value::StrictArray(list.iter().map(name).collect()));
        members.value(Self::NAMES[0], list);
        members.value(Self::NAMES[1], map(&self.video));
        members.value(Self::NAMES[2], map(&self.audio));
        members.number(Self::NAMES[3], self.caps_ex.map(|caps| f64::from(caps.0)));
    }
}

fn bits(value: &Value) -> Option<u32> {
    // Saturating: what is no such number has bits that mean nothing anyway.
    value.as_number().map(|number| number as u32)
}
