//! Tags of Enhanced RTMP, and the numbers that were used before it: what in them is not as the specification says.

use super::judge::{Judge, Seen};
use super::per_track::{Content, PerTrack, audio_of, content, name_of, video_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::{Codec, MessageRecord};
use crate::proto::message::{
    AudioCodec, AudioPacketType, FourCc, FrameType, ModEx, VideoCodec, VideoPacketType,
};

const HEVC_12: Rule = Rule {
    code: "hevc.codec12",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "HEVC has the codec number 12, which nobody assigned",
    meaning: "Content networks in China used 12 for HEVC before Enhanced RTMP gave it a FourCC. No specification has it.",
    breaks_on: "Receivers that know Enhanced RTMP only (veovera/enhanced-rtmp#24, ant-media/Ant-Media-Server#6585).",
    fix: "Send HEVC by Enhanced RTMP, with the FourCC hvc1 (ffmpeg 6.1 and later, OBS 29.1 and later do).",
    spec: Some("Enhanced RTMP v2 \"Enhanced Video\""),
};

const FRAME_TYPE_0: Rule = Rule {
    code: "ertmp.frame-type0",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A frame of Enhanced RTMP has frame type 0",
    meaning: "Frame type 0 is reserved. The encoder sets the bit of the extended header and leaves the frame type out, so that no \
              one can tell key frames.",
    breaks_on: "Receivers that wait for a key frame (obsproject/obs-studio#8761).",
    fix: "Set the frame type in the three bits behind the first: 1 for key frames and sequence headers, 2 for others.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Video\""),
};

const FOURCC_BAD: Rule = Rule {
    code: "ertmp.fourcc-bad",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "A FourCC is no text",
    meaning: "The four bytes that name the codec are no printable characters. The tag is none of Enhanced RTMP: mostly the framing \
              is lost, or the payload is encrypted.",
    breaks_on: "Every receiver (bluenviron/mediamtx#2393).",
    fix: "Look at what came before: a chunk size that was not announced, or lost bytes.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Video\""),
};

const AV1_EMPTY: Rule = Rule {
    code: "ertmp.av1-empty-config",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The sequence header of AV1 is empty",
    meaning: "The sequence start of AV1 has no configuration record; the sequence header is in the first frame only. ffmpeg with \
              libaom does so.",
    breaks_on: "Receivers that need the record before the first frame (OvenMediaLabs/OvenMediaEngine#2204).",
    fix: "ffmpeg: use libsvtav1, or add -flags +global_header. Others: send the av1C record.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Video\""),
};

const OPUS_HEADER: Rule = Rule {
    code: "ertmp.opus-header",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The sequence header of Opus is no identification header",
    meaning: "The sequence start of Opus is to have the identification header of RFC 7845, which begins with OpusHead. This one has \
              another header, or none.",
    breaks_on: "Receivers that take channels and pre-skip from it (veovera/enhanced-rtmp#30).",
    fix: "Send the identification header (OpusHead); the comment header (OpusTags) has no place in RTMP.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Audio\", RFC 7845 §5.1"),
};

const MOD_EX: Rule = Rule {
    code: "ertmp.modex",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A modifier (ModEx) is not as the specification says",
    meaning: "Modifiers stand between the first byte and the packet. This one adds a million nanoseconds or more, or is longer than \
              the message; or, which is information, is of a type that is reserved, or stands ahead of several tracks.",
    breaks_on: "Receivers that stop at packet type 7, as gortmplib did; others read the packet at the wrong place.",
    fix: "Put whole milliseconds into the timestamp and less than 1,000,000 ns into the modifier; leave reserved types out.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Audio\""),
};

/// What was said of each track.
#[derive(Debug, Default)]
pub(super) struct Tags {
    tracks: PerTrack<Said>,
    /// Whether modifiers ahead of several tracks were said.
    several: bool,
}

#[derive(Debug, Default)]
struct Said {
    number: bool,
    frame_type: bool,
    modifier: bool,
}

impl Tags {
    fn modifiers(&mut self, seen: &mut Seen<'_>, frame: &Frame, chain: &[ModEx]) {
        if !chain.is_empty()
            && frame.marks.has(Marks::MULTITRACK)
            && !std::mem::replace(&mut self.several, true)
        {
            let count = chain.len();
            seen.report_as(&MOD_EX, Severity::Info, || {
                let many = if count == 1 { "a modifier stands" } else { "modifiers stand" };
                format!("{many} ahead of several tracks in one message")
            })
            .sure(Confidence::Hint);
        }
        for item in chain {
            match item {
                ModEx::TimestampOffsetNano { nanoseconds } if *nanoseconds > 999_999 => {
                    seen.report(&MOD_EX, || {
                        format!("a modifier adds {nanoseconds} ns to the timestamp, where 999999 is the most")
                    });
                }
                ModEx::Other { kind, data }
                    if *kind != 0
                        && !std::mem::replace(&mut self.tracks.of(frame).modifier, true) =>
                {
                    let length = data.len();
                    seen.report_as(&MOD_EX, Severity::Info, || {
                        format!("a modifier has the reserved type {kind} (length {length})")
                    });
                }
                _ => {}
            }
        }
    }
}

/// Whether a FourCC is no text.
fn is_no_text(four_cc: FourCc) -> bool {
    !four_cc.0.iter().all(|byte| (b' '..=b'~').contains(byte))
}

fn opus(seen: &mut Seen<'_>, data: Content<'_>) {
    if data.bytes.starts_with(b"OpusHead") || !data.is_whole() {
        return;
    }
    let what = match data.bytes {
        [] => "is empty",
        [b'O', b'p', b'u', b's', b'T', ..] => "is the comment header (OpusTags)",
        _ => "does not begin with OpusHead",
    };
    let length = data.length;
    seen.report(&OPUS_HEADER, || format!("the sequence header of Opus ({length} bytes) {what}"))
        .spoils();
}

impl Judge for Tags {
    const RULES: &'static [Rule] =
        &[HEVC_12, FRAME_TYPE_0, FOURCC_BAD, AV1_EMPTY, OPUS_HEADER, MOD_EX];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        if frame.marks.has(Marks::DAMAGED) {
            return;
        }
        let name = name_of(seen, frame);
        if let Some(fault) = message.malformed.filter(|fault| fault.reading.starts_with("ModEx")) {
            // Whatever is behind it is read at the wrong place, or not at all.
            seen.report_as(&MOD_EX, Severity::Error, || {
                format!("a modifier of {name} cannot be read: {}", fault.reason())
            })
            .spoils();
            return;
        }
        let data = content(seen, frame, message);
        let config = frame.marks.has(Marks::CONFIG);
        if let Some(video) = video_of(message) {
            self.modifiers(seen, frame, &video.mod_ex);
            let said = self.tracks.of(frame);
            if !video.enhanced {
                let twelve = video.codec == Some(VideoCodec::Hevc);
                if twelve && !std::mem::replace(&mut said.number, true) {
                    seen.report(&HEVC_12, || {
                        format!("{name} comes with codec number 12, which is used for HEVC and not assigned")
                    });
                }
                return;
            }
            let pictures = config || frame.marks.has(Marks::CODED);
            if pictures
                && video.frame_type == Some(FrameType::Other(0))
                && !std::mem::replace(&mut said.frame_type, true)
            {
                seen.report(&FRAME_TYPE_0, || {
                    let what = if config { "a sequence header" } else { "a frame" };
                    format!("{what} of {name} at {} ms has frame type 0", frame.timestamp)
                });
            }
            if let Some(VideoCodec::FourCc(four_cc)) = video.codec
                && frame.marks.has(Marks::CODEC)
                && is_no_text(four_cc)
            {
                seen.report(&FOURCC_BAD, || format!("the FourCC of {name} is {four_cc}"));
            }
            let empty = video.packet_type == Some(VideoPacketType::SequenceStart)
                && data.length == 0
                && seen
                    .tracks
                    .of(frame)
                    .is_some_and(|of| of.track.codec == Some(Codec::Video(VideoCodec::Av1)));
            if empty {
                seen.report(&AV1_EMPTY, || {
                    format!("the AV1 sequence header of {name} has no record")
                })
                .spoils();
            }
        } else if let Some(audio) = audio_of(message) {
            self.modifiers(seen, frame, &audio.mod_ex);
            if let Some(AudioCodec::FourCc(four_cc)) = audio.codec
                && frame.marks.has(Marks::CODEC)
                && is_no_text(four_cc)
            {
                seen.report(&FOURCC_BAD, || format!("the FourCC of {name} is {four_cc}"));
            }
            let starts = audio.packet_type == Some(AudioPacketType::SequenceStart)
                && seen
                    .tracks
                    .of(frame)
                    .is_some_and(|of| of.track.codec == Some(Codec::Audio(AudioCodec::Opus)));
            if starts {
                opus(seen, data);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Script};
    use super::*;

    fn run(type_id: u8, payload: &[u8]) -> Script {
        let mut t = Script::started();
        t.message(C2S, 6, 1, type_id, 40, payload);
        t
    }

    #[test]
    fn numbers_that_nobody_assigned() {
        let t = run(9, b"\x1c\x00\0\0\0\x01");
        let text = "video comes with codec number 12, which is used for HEVC and not assigned";
        assert_eq!(t.text("hevc.codec12"), text);
        assert!(!run(9, b"\x90hvc1\x01").has("hevc.codec12"));
    }

    #[test]
    fn frame_types_and_names() {
        let t = run(9, b"\x83hvc1\0\0\0\x02\x26\x01");
        assert_eq!(t.text("ertmp.frame-type0"), "a frame of video at 40 ms has frame type 0");
        assert!(!run(9, b"\xa3hvc1\0\0\0\x02\x02\x01").has("ertmp.frame-type0"));
        assert_eq!(
            run(9, b"\x91\x00\x01ab\0\0\0").text("ertmp.fourcc-bad"),
            "the FourCC of video is 0x00016162"
        );
        assert_eq!(
            run(8, b"\x91\xff\xf1ab\0").text("ertmp.fourcc-bad"),
            "the FourCC of audio is 0xfff16162"
        );
        assert!(!run(9, b"\x91mine\0\0\0").has("ertmp.fourcc-bad"), "unknown and a name");
    }

    #[test]
    fn sequence_headers() {
        let t = run(9, b"\x90av01");
        assert_eq!(
            t.text("ertmp.av1-empty-config"),
            "the AV1 sequence header of video has no record"
        );
        assert!(!run(9, b"\x90av01\x81\x04\x0c\0").has("ertmp.av1-empty-config"));
        let head = b"\x90OpusOpusHead\x01\x02\x38\x01\x44\xac\0\0\0\0\0";
        assert!(!run(8, head).has("ertmp.opus-header"));
        let t = run(8, b"\x90OpusOpusTags\0\0\0\0");
        let text = "the sequence header of Opus (12 bytes) is the comment header (OpusTags)";
        assert_eq!(t.text("ertmp.opus-header"), text);
        assert!(run(8, b"\x90Opus").text("ertmp.opus-header").ends_with("is empty"));
        assert!(
            run(8, b"\x90Opus\x01\x02").text("ertmp.opus-header").ends_with("begin with OpusHead")
        );
    }

    #[test]
    fn modifiers() {
        // Type 0 with three bytes; then CodedFrames.
        let nano = |n: u32| {
            let [_, a, b, c] = n.to_be_bytes();
            run(8, &[b"\x97\x02".as_slice(), &[a, b, c, 0x01], b"Opus\xfc"].concat())
        };
        assert!(!nano(999_999).has("ertmp.modex"));
        let text = "a modifier adds 1000000 ns to the timestamp, where 999999 is the most";
        assert_eq!(nano(1_000_000).text("ertmp.modex"), text);
        let t = run(8, b"\x97\0\x09\x31Opus\xfc");
        assert_eq!(t.text("ertmp.modex"), "a modifier has the reserved type 3 (length 1)");
        assert_eq!(t.find("ertmp.modex").map(|f| f.severity), Some(Severity::Info));
        // A modifier, then one track of a multitrack message.
        let t = run(8, b"\x97\x02\0\0\x01\x05\x01Opus\x01\xfc");
        let found = t.find("ertmp.modex").map(|found| found.severity);
        assert_eq!(found, Some(Severity::Info), "{:?}", t.codes());
        let mut t = run(8, b"\x97\x40\0\0");
        assert!(t.text("ertmp.modex").starts_with("a modifier of audio cannot be read"));
        t.end();
        let mut listed = t.listed.iter().map(|listed| listed.finding.code);
        assert!(t.has("message.malformed") && listed.all(|code| code != "message.malformed"));
    }
}
