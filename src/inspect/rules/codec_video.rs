//! Configuration records of pictures, and how their frames are framed: declared against real.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::judge::{Judge, Seen};
use super::per_track::{Content, PerTrack, content, is_known_whole, name_of, video_of};
use super::units::{Broken, Units, broken, format_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::MessageRecord;
use crate::inspect::pace::{Frame, Marks};
use crate::proto::bitstream::Format;
use crate::proto::codec::{VideoConfig, avc, hevc};
use crate::proto::fault::FaultKind;

const NO_CONFIG: Rule = Rule {
    code: "avc.no-config",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "Pictures come before their sequence header, or without one",
    meaning: "The first frame of a track came before any sequence header. Without it a decoder knows neither the size of the \
              picture nor how frames are framed, even where parameter sets are in the frames too.",
    breaks_on: "Nearly all receivers (ossrs/srs#2994, ant-media/LibRtmp-Client-for-Android#4, BasisVR/Basis#969).",
    fix: "Send the configuration record (avcC, hvcC, vvcC) as sequence header ahead of the first frame, again after each \
          publish.",
    spec: Some("FLV 10.1 §E.4.3.1"),
};

const SHORT: Rule = Rule {
    code: "avc.config-short",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "The sequence header of the picture is too short or broken",
    meaning: "The configuration record ends inside a field, or has no parameter sets: the encoder sent it before it had any.",
    breaks_on: "Receivers close the connection or never show a picture (bluenviron/mediamtx#1074).",
    fix: "Wait for the encoder's parameter sets, then send the record with both of them.",
    spec: Some("ISO/IEC 14496-15 §5.3.3.1"),
};

const REPEAT: Rule = Rule {
    code: "avc.config-repeat",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The same sequence header is sent again and again",
    meaning: "A sequence header that differs in nothing from the one before was sent two times or more, mostly with each key \
              frame.",
    breaks_on: "Segmenters that take each sequence header for a change: a discontinuity in every segment of HLS \
                (ossrs/srs#4695, ossrs/srs#4706).",
    fix: "Send it once behind publish, and again only when it changes.",
    spec: None,
};

const CHANGE: Rule = Rule {
    code: "avc.config-change",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The parameter sets change in the middle of the stream",
    meaning: "A sequence header differs from the one before (information), or the parameter set in a frame differs from that of \
              the sequence header, which was not sent anew (a warning): receivers decode with the wrong one.",
    breaks_on: "Receivers that look at the first sequence header only, and recorders of MP4 \
                (begeekmyfriend/yasea#840, jgh-/VideoCore-Inactive#133, winshining/nginx-http-flv-module#262, \
                pedroSG94/RootEncoder#1162).",
    fix: "Send a new sequence header ahead of the first frame that needs it. Do not change the size while publishing, where \
          receivers cannot follow.",
    spec: Some("ISO/IEC 14496-15 §5.3.3"),
};

const AS_AVC: Rule = Rule {
    code: "hevc.as-avc7",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "HEVC is sent under the codec number of AVC",
    meaning: "The message says codec 7, AVC, and its configuration record is one of HEVC. Old versions of OBS did that.",
    breaks_on: "Every receiver that believes the number (bluenviron/mediamtx#1621, bluenviron/mediamtx#1613).",
    fix: "Send HEVC by Enhanced RTMP with the FourCC hvc1: OBS 29.1 and later do.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Video\""),
};

const ANNEX_B: Rule = Rule {
    code: "avc.annexb",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "Start codes stand where lengths of NAL units should",
    meaning: "The frame is in the byte stream format of annex B. RTMP and FLV want each NAL unit behind its length.",
    breaks_on: "Players and servers that read lengths: the start code is a length of 1 (bilibili/flv.js#473).",
    fix: "Replace each start code by the length of its NAL unit, in as many bytes as the configuration record says (ffmpeg's flv \
          muxer does it by itself).",
    spec: Some("ISO/IEC 14496-15 §5.2.3, ITU-T H.264 annex B"),
};

const NAL_LENGTH: Rule = Rule {
    code: "avc.nal-len",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "The length of a NAL unit does not fit its frame",
    meaning: "A length is 0 or reaches behind the end of the frame. The length has another size than the configuration record \
              says, the frame was cut, or something is between the units.",
    breaks_on: "Decoders drop the frame, servers the connection (OvenMediaLabs/OvenMediaEngine#348, ossrs/srs#183, \
                cosmo-wander-ai/cosmo-edge#42).",
    fix: "Write lengths with the number of bytes that the record names (4 is usual), and leave empty units out.",
    spec: Some("ISO/IEC 14496-15 §5.2.3"),
};

/// Repetitions of a sequence header that are too many.
const REPEATS: u32 = 2;
/// Bytes kept of a parameter set: usual ones are shorter.
const SET: usize = 96;

/// Configuration records.
#[derive(Debug, Default)]
pub(super) struct Records {
    tracks: PerTrack<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// What stands for the latest record.
    hash: Option<u64>,
    /// How often it came again.
    repeats: u32,
    size: Option<(u32, u32)>,
    /// The only sequence parameter set in it.
    set: Option<Box<[u8]>>,
    /// Whether one in a frame was said to differ.
    differs: bool,
}

fn size_of(config: Option<&VideoConfig>) -> Option<(u32, u32)> {
    config.and_then(|config| config.width.zip(config.height))
}

/// Whether a record under AVC's number is one of HEVC.
fn is_hevc(record: &[u8]) -> bool {
    // Both begin with version 1. That of HEVC has at least 23 bytes, reserved bits that are set, and arrays.
    matches!(record.get(13..24), Some(&[a, _, b, c, d, e, .., 1..=8, _])
        if a & 0xf0 == 0xf0 && b & 0xfc == 0xfc && c & 0xfc == 0xfc && d & 0xf8 == 0xf8 && e & 0xf8 == 0xf8)
        && size_of(Some(&avc::decode(record).0)).is_none()
        && size_of(Some(&hevc::decode(record).0)).is_some()
}

/// Whether an AVC record ends before what its counts and lengths say. A fault inside a parameter set is none of that.
fn ends_inside(record: &[u8]) -> bool {
    avc::decode(record).1.is_some_and(|fault| match fault.kind {
        FaultKind::Short { had, .. } => fault.offset as u64 + had == record.len() as u64,
        _ => false,
    })
}

/// What is wrong with a record.
fn wrong(format: Format, config: Option<&VideoConfig>, record: &[u8]) -> Option<&'static str> {
    let least = match format {
        Format::Avc => 7,
        Format::Hevc => 23,
        _ => 4,
    };
    if record.len() < least {
        return Some("which is too short for one");
    }
    let Some(config) = config else { return Some("which is none") };
    match (config.sps_count, config.pps_count) {
        (Some(0), _) => Some("without a sequence parameter set"),
        (_, Some(0)) => Some("without a picture parameter set"),
        _ if format == Format::Avc && (config.width.is_none() || ends_inside(record)) => {
            Some("which ends inside a field")
        }
        _ => None,
    }
}

impl Records {
    fn header(
        &mut self,
        seen: &mut Seen<'_>,
        frame: &Frame,
        format: Format,
        data: Content<'_>,
        config: Option<&VideoConfig>,
    ) {
        let record = data.bytes;
        let name = name_of(seen, frame);
        let length = data.length;
        if format == Format::Avc && is_hevc(record) {
            seen.report(&AS_AVC, || {
                let size = size_of(Some(&hevc::decode(record).0)).unwrap_or_default();
                format!(
                    "the sequence header of {name} under codec 7 (AVC) is one of HEVC, {}x{}",
                    size.0, size.1
                )
            })
            .spoils();
            self.tracks.of(frame).hash = Some(0);
            return;
        }
        if record.starts_with(&[0, 0, 0, 1]) || record.starts_with(&[0, 0, 1]) {
            seen.report(&ANNEX_B, || {
                format!("the sequence header of {name} is parameter sets behind start codes, and no configuration record")
            })
            .spoils();
            self.tracks.of(frame).hash = Some(0);
            return;
        }
        if let Some(wrong) = wrong(format, config, record) {
            seen.report(&SHORT, || {
                format!("the configuration record of {name} has {length} bytes, {wrong}")
            })
            .spoils();
        }
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        let hash = Some(hasher.finish());
        let size = size_of(config);
        let track = self.tracks.of(frame);
        let only = config.and_then(|config| config.sps_count) == Some(1);
        let before = std::mem::replace(&mut track.hash, hash);
        let size_before = std::mem::replace(&mut track.size, size);
        track.set = match format {
            Format::Avc if only => {
                avc::first_set(record).map(|set| set[..set.len().min(SET)].into())
            }
            _ => None,
        };
        if before.is_none() || before == Some(0) {
            return;
        }
        if before == hash {
            track.repeats = track.repeats.saturating_add(1);
            let repeats = track.repeats;
            if repeats >= REPEATS {
                let times = frame.timestamp;
                seen.report(&REPEAT, || {
                    format!(
                        "the sequence header of {name} ({length} bytes) at {times} ms is the same as before, for the {repeats}. \
                         time"
                    )
                });
            }
        } else {
            (track.repeats, track.differs) = (0, false);
            seen.report(&CHANGE, || {
                let from = match (size_before, size) {
                    (Some(from), Some(to)) if from != to => {
                        format!(": {}x{} where it was {}x{}", to.0, to.1, from.0, from.1)
                    }
                    _ => ", for the same size".to_owned(),
                };
                format!("a new sequence header of {name} came at {} ms{from}", frame.timestamp)
            });
        }
    }

    /// Compares the parameter set in a key frame with that of the record.
    fn inside(&mut self, seen: &mut Seen<'_>, frame: &Frame, data: Content<'_>, size: Option<u8>) {
        let track = self.tracks.of(frame);
        let Some(set) = track.set.as_deref().filter(|_| !track.differs) else { return };
        let Some(unit) = Units::new(Format::Avc, data, size).find(|unit| unit.number == 7) else {
            return;
        };
        // Zeros may follow a unit.
        let found = if unit.whole { without_zeros(unit.bytes) } else { unit.bytes };
        let set = if set.len() < SET { without_zeros(set) } else { set };
        let most =
            if unit.whole && set.len() < SET { usize::MAX } else { found.len().min(set.len()) };
        let cut = |bytes: &[u8]| bytes.len().min(most);
        if found[..cut(found)] == set[..cut(set)] {
            return;
        }
        let sizes = [set, found].map(|set| size_of(Some(&avc::decode_set(set).0)));
        track.differs = true;
        let name = name_of(seen, frame);
        seen.report_as(&CHANGE, Severity::Warning, || {
            let sizes = match sizes {
                [Some(a), Some(b)] if a != b => {
                    format!(": {}x{} in the frame, {}x{} in the header", b.0, b.1, a.0, a.1)
                }
                _ => String::new(),
            };
            format!(
                "the parameter set in a key frame of {name} at {} ms is not that of the sequence header{sizes}",
                frame.timestamp
            )
        });
    }
}

/// Bytes without the zeros at their end.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)]
}

impl Judge for Records {
    const RULES: &'static [Rule] = &[NO_CONFIG, SHORT, REPEAT, CHANGE, AS_AVC];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let Some(video) = video_of(message) else { return };
        if frame.marks.has(Marks::DAMAGED) {
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let Some(format) = format_of(counter) else { return };
        let data = content(seen, frame, message);
        if frame.marks.has(Marks::CONFIG) {
            let config = match video.tracks.iter().find(|inner| inner.track == counter.track.track)
            {
                Some(inner) => inner.config.as_deref(),
                None => video.config.as_deref(),
            };
            if data.is_whole() {
                self.header(seen, frame, format, data, config);
            }
            return;
        }
        if !frame.marks.has(Marks::CODED) {
            return;
        }
        let first = frame.marks.has(Marks::EARLY) && counter.track.frames == 1;
        if first && self.tracks.of(frame).hash.is_none() && is_known_whole(seen) {
            let name = name_of(seen, frame);
            let sets = Units::new(format, data, counter.nal_length_size)
                .any(|unit| is_set(format, unit.number));
            seen.report(&NO_CONFIG, || {
                let inside = if sets { "; parameter sets are in the frame" } else { "" };
                format!(
                    "the first frame of {name} came without a sequence header before it{inside}"
                )
            });
        }
        if frame.marks.has(Marks::KEY) && format == Format::Avc {
            self.inside(seen, frame, data, counter.nal_length_size);
        }
    }
}

const fn is_set(format: Format, number: u8) -> bool {
    match format {
        Format::Avc => matches!(number, 7 | 8),
        Format::Hevc => matches!(number, 32..=34),
        _ => matches!(number, 14..=16),
    }
}

/// How NAL units are framed.
#[derive(Debug, Default)]
pub(super) struct Framing {
    annex_b: PerTrack<bool>,
}

impl Judge for Framing {
    const RULES: &'static [Rule] = &[ANNEX_B, NAL_LENGTH];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        if !frame.marks.has(Marks::CODED)
            || frame.marks.has(Marks::DAMAGED)
            || video_of(message).is_none()
        {
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let Some(format) = format_of(counter) else { return };
        let data = content(seen, frame, message);
        let name = name_of(seen, frame);
        let time = frame.timestamp;
        match broken(format, data, counter.nal_length_size) {
            None => {}
            // Once for each track: it is the sender's way.
            Some(Broken::AnnexB) if std::mem::replace(self.annex_b.of(frame), true) => {}
            Some(Broken::AnnexB) => {
                seen.report(&ANNEX_B, || {
                    format!("the {name} frame at {time} ms begins with a start code and no length")
                });
            }
            Some(Broken::Zero { at }) => {
                seen.report(&NAL_LENGTH, || {
                    format!("a NAL unit of the {name} frame at {time} ms, {at} bytes into it, has length 0")
                });
            }
            Some(Broken::Over { at, length, left }) => {
                seen.report(&NAL_LENGTH, || {
                    format!(
                        "a NAL unit of the {name} frame at {time} ms, {at} bytes into it, has length {length} where {left} \
                         bytes are left"
                    )
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{AVCC, C2S, Frame, Script};
    use super::*;

    fn header(t: &mut Script, record: &[u8]) {
        t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", record].concat());
    }

    /// 1280 by 720, Baseline: macroblocks 80 by 45.
    const LARGER: &[u8] =
        b"\x01\x42\xc0\x1f\xff\xe1\0\x09\x67\x42\xc0\x1f\xda\x01\x40\x16\xe4\x01\0\x04\x68\xce\x38\x80";

    #[test]
    fn frames_without_a_sequence_header() {
        let mut t = Script::started();
        t.video(0, Frame::Key);
        let text = "the first frame of video came without a sequence header before it";
        assert_eq!(t.text("avc.no-config"), text);
        let mut t = Script::publishing();
        assert!(!t.video(0, Frame::Key).has("avc.no-config"));
        let mut t = Script::started();
        t.gap(C2S, 100).video(0, Frame::Key);
        assert!(!t.has("avc.no-config"), "it may have been lost");
        let mut t = Script::started();
        t.message(C2S, 6, 1, 9, 0, b"\x17\x01\0\0\0\0\0\0\x02\x67\x42\0\0\0\x02\x65\x88");
        assert!(t.text("avc.no-config").ends_with("parameter sets are in the frame"));
    }

    #[test]
    fn records_that_are_too_short() {
        let run = |record: &[u8]| {
            let mut t = Script::started();
            header(&mut t, record);
            t
        };
        assert!(!run(AVCC).has("avc.config-short"));
        assert!(!run(LARGER).has("avc.config-short"));
        let text = "the configuration record of video has 1 bytes, which is too short for one";
        assert_eq!(run(b"\x01").text("avc.config-short"), text);
        assert!(run(b"").has("avc.config-short"));
        assert!(
            run(b"\x01\x42\xc0\x1e\xff\xe0\0")
                .text("avc.config-short")
                .contains("without a sequence")
        );
        for cut in 0..AVCC.len() {
            assert!(run(&AVCC[..cut]).has("avc.config-short"), "cut at {cut}");
        }
    }

    #[test]
    fn sequence_headers_again() {
        let mut t = Script::publishing();
        header(&mut t, AVCC);
        assert!(!t.has("avc.config-repeat"), "once may be");
        header(&mut t, AVCC);
        assert!(t.text("avc.config-repeat").ends_with("the same as before, for the 2. time"));
        assert!(!t.has("avc.config-change"));
        let mut t = Script::publishing();
        header(&mut t, LARGER);
        header(&mut t, AVCC);
        assert!(!t.has("avc.config-repeat"));
        let text = "a new sequence header of video came at 0 ms: 1280x720 where it was 640x360";
        assert_eq!(t.text("avc.config-change"), text);
    }

    #[test]
    fn parameter_sets_in_frames() {
        let key = |set: &[u8]| {
            let mut t = Script::publishing();
            let head = [b"\x17\x01\0\0\0\0\0\0".as_slice(), &[set.len() as u8], set].concat();
            t.message(C2S, 6, 1, 9, 0, &[&head, b"\0\0\0\x02\x65\x88".as_slice()].concat());
            t
        };
        assert!(!key(&AVCC[8..18]).has("avc.config-change"));
        assert!(!key(&[&AVCC[8..18], b"\0".as_slice()].concat()).has("avc.config-change"));
        let t = key(&LARGER[8..17]);
        assert!(
            t.text("avc.config-change").ends_with("1280x720 in the frame, 640x360 in the header")
        );
        assert_eq!(t.find("avc.config-change").map(|f| f.severity), Some(Severity::Warning));
    }

    #[test]
    fn start_codes_and_lengths() {
        let run = |data: &[u8]| {
            let mut t = Script::publishing();
            t.message(C2S, 6, 1, 9, 0, &[b"\x17\x01\0\0\0", data].concat());
            t
        };
        let good = run(b"\0\0\0\x02\x65\x88");
        assert!(!good.has("avc.annexb") && !good.has("avc.nal-len"));
        let t = run(b"\0\0\0\x01\x67\x42\xc0\x1e\0\0\0\x01\x65\x88");
        assert_eq!(
            t.text("avc.annexb"),
            "the video frame at 0 ms begins with a start code and no length"
        );
        assert!(!t.has("avc.nal-len"));
        let text = "a NAL unit of the video frame at 0 ms, 0 bytes into it, has length 3 where 2 bytes are left";
        assert_eq!(run(b"\0\0\0\x03\x65\x88").text("avc.nal-len"), text);
        assert!(
            run(b"\0\0\0\x02\x65\x88\0\0\0\0\x41").text("avc.nal-len").ends_with("has length 0")
        );
        let mut t = Script::started();
        header(&mut t, b"\0\0\0\x01\x67\x42\xc0\x1e");
        assert!(t.has("avc.annexb") && !t.has("avc.config-short"));
    }

    #[test]
    fn hevc_under_the_number_of_avc() {
        // Main profile, 1920 by 1080, as the test of the codec has it.
        let record = hevc::tests::record();
        let mut t = Script::started();
        header(&mut t, &record);
        assert!(t.text("hevc.as-avc7").contains("is one of HEVC"), "{:?}", t.codes());
        // That it cannot be read as AVC follows from it.
        assert!(t.find("message.malformed").is_some_and(|found| found.cause.is_some()));
        t.end();
        let listed: Vec<_> = t.listed.iter().map(|listed| listed.finding.code).collect();
        assert!(listed.contains(&"hevc.as-avc7") && !listed.contains(&"message.malformed"));
        let mut t = Script::started();
        header(&mut t, AVCC);
        assert!(!t.has("hevc.as-avc7"));
    }
}
