//! Messages of media that hold next to nothing.

use super::judge::{Judge, Seen};
use super::per_track::{audio_of, name_of, video_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::MessageRecord;
use crate::inspect::pace::{Frame, Marks};
use crate::proto::message::{AudioCodec, VideoCommand};

const TINY: Rule = Rule {
    code: "avc.eos-tiny",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "A message has headers and no data",
    meaning: "The end of an AVC sequence is five bytes, and some encoders send AAC frames of two: headers with nothing behind \
              them.",
    breaks_on: "Parsers that look for a NAL unit or a frame in every message (q191201771/lal#135, ZLMediaKit/ZLMediaKit#3253).",
    fix: "Nothing at the sender: the end of a sequence is in the specification. Receivers have to pass over it.",
    spec: Some("FLV 10.1 §E.4.3.1"),
};

const EMPTY: Rule = Rule {
    code: "tag.empty",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "An audio or video message is empty",
    meaning: "A message of length 0 says that there is silence, or no picture for now. Not every receiver knows that.",
    breaks_on: "Parsers that read the first byte without looking (veovera/enhanced-rtmp#29, arut/nginx-rtmp-module#1734, \
                bluenviron/gortmplib#106).",
    fix: "Leave empty messages out, or send a frame of silence.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Audio\""),
};

const INFO_FRAME: Rule = Rule {
    code: "video.info-frame",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "A video message is a command and no picture",
    meaning: "Frame type 5 says where the frames of a seek begin and end, in one byte behind the header.",
    breaks_on: "Parsers that take it for a sequence header or a frame (ossrs/srs#4604).",
    fix: "Nothing, unless the receiver stumbles: live streams have no use for it.",
    spec: Some("FLV 10.1 §E.4.3.1"),
};

/// Messages without data.
#[derive(Debug, Default)]
pub(super) struct Hollow;

impl Judge for Hollow {
    const RULES: &'static [Rule] = &[TINY, EMPTY, INFO_FRAME];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let Frame { marks, timestamp, .. } = *frame;
        let length = message.raw.length;
        if length == 0 {
            let name = name_of(seen, frame);
            seen.report(&EMPTY, || {
                format!("an {name} message at {timestamp} ms has no bytes")
                    .replace("an video", "a video")
            });
        } else if marks.has(Marks::COMMAND) {
            let command = video_of(message).and_then(|video| video.command);
            seen.report(&INFO_FRAME, || {
                let what = match command {
                    Some(VideoCommand::StartSeek) => "a seek begins".to_owned(),
                    Some(VideoCommand::EndSeek) => "a seek ends".to_owned(),
                    Some(other) => format!("command {}", other.number()),
                    None => "no command".to_owned(),
                };
                format!("a video message at {timestamp} ms has frame type 5: {what}")
            });
        } else if let Some(video) = video_of(message)
            && marks.has(Marks::END)
            && !video.enhanced
        {
            seen.report(&TINY, || {
                format!("the sequence of pictures ends at {timestamp} ms with a message of {length} bytes")
            });
        } else if let Some(audio) = audio_of(message)
            && marks.has(Marks::EMPTY)
            && marks.has(Marks::CODED)
            && audio.codec == Some(AudioCodec::Aac)
            && !audio.enhanced
        {
            seen.report(&TINY, || {
                format!("an AAC frame at {timestamp} ms is a message of {length} bytes: headers and nothing behind them")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, Script};

    #[test]
    fn messages_without_data() {
        let run = |type_id, payload: &[u8]| {
            let mut t = Script::publishing();
            t.message(C2S, 6, 1, type_id, 40, payload);
            t
        };
        let t = run(9, b"\x17\x02\0\0\0");
        let text = "the sequence of pictures ends at 40 ms with a message of 5 bytes";
        assert_eq!(t.text("avc.eos-tiny"), text);
        assert!(run(8, b"\xaf\x01").text("avc.eos-tiny").starts_with("an AAC frame"));
        assert!(!run(8, b"\xaf\x01\x21").has("avc.eos-tiny"));
        assert!(!run(9, b"\xd2hvc1").has("avc.eos-tiny"), "Enhanced RTMP has it so");
        assert_eq!(run(8, b"").text("tag.empty"), "an audio message at 40 ms has no bytes");
        assert_eq!(run(9, b"").text("tag.empty"), "a video message at 40 ms has no bytes");
        assert!(!run(9, b"\x17\x02\0\0\0").has("tag.empty"));
        let t = run(9, b"\x57\0");
        let text = "a video message at 40 ms has frame type 5: a seek begins";
        assert_eq!(t.text("video.info-frame"), text);
        let mut t = Script::publishing();
        assert!(!t.video(0, Frame::Key).has("video.info-frame"));
    }
}
