//! What a server answers to the Enhanced RTMP properties of a `connect`.
//!
//! Defined by: Enhanced RTMP v2, "Enhancing NetConnection connect Command".

use crate::proto::message::command::{Capabilities, CapsEx, CodecMask, CodecName};
use crate::proto::message::{AudioCodec, FourCc, VideoCodec};

const VIDEO: [VideoCodec; 6] = [
    VideoCodec::Avc,
    VideoCodec::Hevc,
    VideoCodec::Av1,
    VideoCodec::Vp8,
    VideoCodec::Vp9,
    VideoCodec::Vvc,
];

const AUDIO: [AudioCodec; 6] = [
    AudioCodec::Aac,
    AudioCodec::Opus,
    AudioCodec::Flac,
    AudioCodec::Ac3,
    AudioCodec::Eac3,
    AudioCodec::Mp3,
];

/// What is supported of what a client offers: each property that it has, with the codecs of it that are known.
pub(super) fn answer(offered: &Capabilities) -> Capabilities {
    const BOTH: u32 = CodecMask::DECODE | CodecMask::FORWARD;
    const CAPS: u32 =
        CapsEx::RECONNECT | CapsEx::MULTITRACK | CapsEx::MOD_EX | CapsEx::NANOSECOND_OFFSET;
    let map = |offered: &[(CodecName, CodecMask)], known: &[FourCc]| {
        let names = offered.iter().filter(|(name, _)| is_known(*name, known));
        names.map(|(name, _)| (*name, CodecMask(BOTH))).collect()
    };
    let video: Vec<FourCc> = VIDEO.iter().filter_map(|codec| codec.fourcc()).collect();
    let audio: Vec<FourCc> = AUDIO.iter().filter_map(|codec| codec.fourcc()).collect();
    let all = [&video[..], &audio[..]].concat();
    let list = offered.four_cc_list.iter();
    Capabilities {
        four_cc_list: list.copied().filter(|name| is_known(*name, &all)).collect(),
        video: map(&offered.video, &video),
        audio: map(&offered.audio, &audio),
        caps_ex: offered.caps_ex.map(|caps| CapsEx(caps.0 & CAPS)),
    }
}

fn is_known(name: CodecName, known: &[FourCc]) -> bool {
    match name {
        CodecName::Any => true,
        CodecName::FourCc(name) => known.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_what_was_offered_and_is_known() {
        let name = |name: &[u8; 4]| CodecName::FourCc(FourCc(*name));
        let offered = Capabilities {
            four_cc_list: vec![name(b"hvc1"), name(b"xxxx"), name(b"Opus"), CodecName::Any],
            video: vec![(name(b"av01"), CodecMask(2)), (name(b"Opus"), CodecMask(2))],
            audio: vec![(CodecName::Any, CodecMask(2))],
            caps_ex: Some(CapsEx(0xff)),
        };
        let expected = Capabilities {
            four_cc_list: vec![name(b"hvc1"), name(b"Opus"), CodecName::Any],
            video: vec![(name(b"av01"), CodecMask(5))],
            audio: vec![(CodecName::Any, CodecMask(5))],
            caps_ex: Some(CapsEx(15)),
        };
        assert_eq!(answer(&offered), expected);
        assert_eq!(answer(&Capabilities::default()), Capabilities::default());
    }
}
