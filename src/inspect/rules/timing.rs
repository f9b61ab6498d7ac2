//! Timestamps of one track: steps back, steps too far, none at all, and where their 24, 31 and 32 bits end.

use super::judge::{Judge, Seen};
use super::per_track::{PerTrack, is_known_whole, is_published, name_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::{Closed, Media, MessageRecord};
use crate::proto::Direction;
use crate::proto::message::{Body, Command};

const BACKWARD: Rule = Rule {
    code: "ts.backward",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The timestamps of a track go back",
    meaning: "A frame has an earlier timestamp than the frame of its track before it. RTMP timestamps are decoding times, \
              and frames are sent in the order in which they are decoded, so they never go back, with B-frames neither.",
    breaks_on: "Muxers of HLS, MP4 and FLV, which drop the frame or end the stream (pedroSG94/RootEncoder#1039, \
                AlexxIT/go2rtc#1969).",
    fix: "Send the decoding time as timestamp and the difference to the presentation as composition time; after a restart \
          of the encoder go on with the time where it was, or publish anew.",
    spec: Some("RTMP 1.0 §5.3.1"),
};

const DUPLICATE: Rule = Rule {
    code: "ts.duplicate",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Two frames of a track have the same timestamp",
    meaning: "A frame has the timestamp of the frame of its track before it. Players that sort by time lose one of both, and \
              a frame without duration has no place in MP4 or HLS. At the time with which a track begins it is information where \
              frames lie ahead of that and are given it: up to three of sound (priming), and pictures that are shown in another order.",
    breaks_on: "Recorders, packagers and hardware decoders (HaishinKit/HaishinKit.swift#1412, \
                pedroSG94/RootEncoder#1039).",
    fix: "Give each frame a time of its own: whole milliseconds are enough up to 1,000 frames a second. Put all slices of a \
          picture into one message.",
    spec: None,
};

const JUMP: Rule = Rule {
    code: "ts.jump",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The timestamps of a track jump",
    meaning: "Between two frames the time of the track goes on by far more than a frame takes. Frames were dropped, the \
              source stood still, or the clock of the encoder was set.",
    breaks_on: "Players stall for as long; packagers make a segment that is too long or start anew (bluenviron/gortmplib#82, \
                ossrs/srs#425).",
    fix: "Look for dropped frames in the encoder (OBS: Stats dock) and for a source that stops. An encoder should take its \
          times from a steady clock, not from that of the day.",
    spec: None,
};

const ALL_ZERO: Rule = Rule {
    code: "ts.all-zero",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Frames in a row have the timestamp 0",
    meaning: "More than five frames of a track have the timestamp 0. Some servers send the group of pictures that they keep \
              for new players so; encoders that never set a time do it too.",
    breaks_on: "Players show the frames at once or not at all, and packagers refuse them (ossrs/srs#424).",
    fix: "Send frames with the times that they had. Players: ask for a stream without the cached group of pictures (SRS: \
          gop_cache off).",
    spec: None,
};

const WRAP_24: Rule = Rule {
    code: "ts.wrap-24bit",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Timestamps are beyond the 24 bits of a chunk header",
    meaning: "From 16,777,215 ms (4 h 39 min) on, a timestamp stands in the extended field behind the chunk header. Programs \
              that were never tested for so long fail there.",
    breaks_on: "Programs that leave the extended field out or do not repeat it (ossrs/srs#2409, \
                membraneframework/membrane_rtmp_plugin#48).",
    fix: "Nothing, where both sides go on. If the stream always ends after 4 h 39 min, this is why: begin timestamps at 0 \
          and look at the chunk.ext-ts findings.",
    spec: Some("RTMP 1.0 §5.3.1.3"),
};

const WRAP: Rule = Rule {
    code: "ts.wrap",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Timestamps reach the end of 31 or 32 bits",
    meaning: "Timestamps of RTMP wrap at 2^32 ms (49 d 17 h); those of FLV have a sign and end at 2^31 ms (24 d 20 h). It \
              happens in this session, or will within a day.",
    breaks_on: "Programs that take the time behind it for negative or for a step back (livepeer/go-livepeer#1422, \
                obsproject/obs-studio#11013, Red5/red5-server#379).",
    fix: "Begin timestamps at 0 with each connection, and restart streams that run for weeks before that.",
    spec: Some("RTMP 1.0 §5.3.1, FLV 10.1 §E.4.1"),
};

const START_OFFSET: Rule = Rule {
    code: "ts.start-offset",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The first timestamp is far from 0",
    meaning: "The first frame that is published has a timestamp of more than ten seconds, usually the time since the encoder \
              or its machine was started.",
    breaks_on: "Players that wait until the time comes, recordings that begin with a hole (google/ExoPlayer#3188, \
                arut/nginx-rtmp-module#478).",
    fix: "Subtract the time of the first frame of all tracks from every timestamp (ffmpeg: leave out -copyts, or add \
          -start_at_zero).",
    spec: None,
};

/// Frames of sound that an encoder begins with, and the first behind them: AAC has up to 2112 samples of priming in frames
/// of 1024, HE-AAC about 5000 in frames of 2048.
const PRIMING: u64 = 3;
/// Milliseconds of a first timestamp that is far from 0.
const FAR: u32 = 10_000;
/// Frames in a row with the timestamp 0 that are too many.
const ZEROS: u8 = 5;
/// Milliseconds that the first frame of a track may take: how long frames take is not known yet.
const SLOWEST: i32 = 2_000;

/// Milliseconds before its end in which a time can wrap: no step is longer.
const NEAR: u32 = 60_000;

/// Whether the time has wrapped at this bit, which makes it a step back.
fn wrapped(frame: &Frame) -> Option<u32> {
    let before = frame.timestamp.wrapping_sub(frame.step as u32);
    [24, 31].into_iter().find(|bits| {
        let end = 1_u32 << bits;
        frame.step != 0 && (end - NEAR..end).contains(&before) && frame.timestamp < NEAR
    })
}

/// Steps of each track.
#[derive(Debug, Default)]
pub(super) struct Steps {
    tracks: PerTrack<Step>,
    /// Commands so far behind which times may begin anew.
    anew: u32,
}

#[derive(Debug, Default)]
struct Step {
    /// Those that the track has been seen behind.
    anew: u32,
    /// Frames with the timestamp 0 behind the first.
    zeros: u8,
    /// The composition time of the latest of the track's early frames, milliseconds.
    composition: Option<i32>,
    /// Whether two early frames in a row have neither another time nor another composition time.
    alike: bool,
}

impl Steps {
    /// Too few frames with the timestamp 0 to be a run are duplicates.
    fn flush(&mut self, seen: &mut Seen<'_>, index: usize) {
        let track = self.tracks.at(index);
        let (zeros, alike) = (std::mem::take(&mut track.zeros), track.alike);
        if (1..ZEROS).contains(&zeros) {
            let media = seen.tracks.all().get(index).map_or(Media::Data, |of| of.track.media);
            let ahead = match media {
                Media::Audio => u64::from(zeros) < PRIMING,
                _ => !alike,
            };
            let severity = if ahead { Severity::Info } else { DUPLICATE.severity };
            seen.report_as(&DUPLICATE, severity, || {
                let media = media.as_str();
                format!("the first {} frames of {media} all have timestamp 0", zeros + 1)
            });
        }
    }
}

impl Judge for Steps {
    const RULES: &'static [Rule] = &[BACKWARD, DUPLICATE, JUMP, ALL_ZERO];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        const ANEW: [&str; 8] = [
            "publish",
            "play",
            "play2",
            "seek",
            "pause",
            "pauseRaw",
            "closeStream",
            "deleteStream",
        ];
        if seen.direction == Some(Direction::ClientToServer) && ANEW.contains(&command.name()) {
            self.anew += 1;
        }
    }

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        const STEPS: Marks = Marks::BACK.and(Marks::SAME).and(Marks::LEAP);
        let Frame { marks, timestamp, step, step_before, .. } = *frame;
        if !marks.has(Marks::CODED) {
            return;
        }
        let anew = self.anew;
        let track = self.tracks.of(frame);
        if marks.has(Marks::EARLY) && seen.tracks.of(frame).is_some_and(|of| of.track.frames == 1) {
            track.anew = anew;
        }
        if marks.has(Marks::EARLY) {
            let before = track.composition.replace(frame.composition_time.unwrap_or(0));
            track.alike |= marks.has(Marks::SAME) && before == track.composition;
        }
        // An encoder that is flushed may send a frame of nothing.
        if marks.has(Marks::SAME) && marks.has(Marks::EMPTY) {
            return;
        }
        if marks.has(Marks::SAME) && timestamp == 0 {
            track.zeros = track.zeros.saturating_add(1);
            if track.zeros == ZEROS {
                let name = name_of(seen, frame);
                seen.report(&ALL_ZERO, || {
                    format!("{} frames of {name} in a row have timestamp 0", ZEROS + 1)
                });
            }
            return;
        }
        if track.zeros > 0 && timestamp != 0 {
            self.flush(seen, frame.track);
        }
        if !marks.has(STEPS) || marks.has(Marks::DAMAGED) {
            return;
        }
        // Behind a seek, or another publish, time is another.
        let track = self.tracks.of(frame);
        if std::mem::replace(&mut track.anew, anew) != anew {
            return;
        }
        let before = timestamp.wrapping_sub(step as u32);
        let name = name_of(seen, frame);
        if marks.has(Marks::BACK) {
            if wrapped(frame).is_none() {
                seen.report(&BACKWARD, || {
                    format!(
                        "the {name} timestamp goes back by {} ms, from {before} to {timestamp}",
                        step.unsigned_abs()
                    )
                });
            }
        } else if marks.has(Marks::SAME) {
            // With nanoseconds added the times differ all the same.
            if !has_nanoseconds(message) {
                let alike = track.alike;
                let ahead = seen.tracks.of(frame).is_some_and(|of| {
                    let few = match of.track.media {
                        Media::Audio => of.track.frames <= PRIMING,
                        _ => of.track.frames <= u64::from(ZEROS) && !alike,
                    };
                    few && of.pace.first == timestamp
                });
                let severity = if ahead { Severity::Info } else { DUPLICATE.severity };
                seen.report_as(&DUPLICATE, severity, || {
                    format!("two {name} frames in a row have timestamp {timestamp}")
                });
            }
        } else {
            let usual = if step_before > 0 { step_before } else { SLOWEST };
            if step.saturating_sub(usual) > seen.settings.thresholds.timestamp_jump as i32 {
                seen.report(&JUMP, || {
                    let usually = if step_before > 0 {
                        format!(", where the step before was {step_before} ms")
                    } else {
                        String::new()
                    };
                    format!(
                        "the {name} timestamp jumps by {step} ms, from {before} to {timestamp}{usually}"
                    )
                });
            }
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        for index in 0..self.tracks.all().len() {
            self.flush(seen, index);
        }
    }
}

fn has_nanoseconds(message: &MessageRecord<'_>) -> bool {
    match message.body {
        Body::Video(video) => !video.mod_ex.is_empty(),
        Body::Audio(audio) => !audio.mod_ex.is_empty(),
        _ => false,
    }
}

/// Where times begin, and where they end.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// Of each direction: whether a track has begun, and what was said of the ends of 24, 31 and 32 bits.
    ways: [Way; 2],
}

#[derive(Debug, Default)]
struct Way {
    begun: bool,
    said: [bool; 3],
    /// Whether the end of 31 and 32 bits was announced.
    announced: [bool; 2],
}

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

impl Bounds {
    /// A track begins.
    fn begins(&mut self, seen: &mut Seen<'_>, way: usize, frame: &Frame) {
        let Frame { timestamp, .. } = *frame;
        let name = name_of(seen, frame);
        if timestamp > 0x00ff_ffff && !std::mem::replace(&mut self.ways[way].said[0], true) {
            seen.report(&WRAP_24, || {
                format!(
                    "the first {name} timestamp is {timestamp}, beyond the 24 bits of a chunk header: every one needs \
                     the extended field"
                )
            });
        }
        if !std::mem::replace(&mut self.ways[way].begun, true)
            && timestamp > FAR
            && is_published(seen)
            && is_known_whole(seen)
        {
            let seconds = f64::from(timestamp) / 1000.0;
            seen.report(&START_OFFSET, || {
                format!("the first {name} timestamp is {timestamp} ms: the stream begins {seconds:.1} s after 0")
            });
        }
        self.announce(seen, way, timestamp);
    }

    /// Says that 31 or 32 bits end soon.
    fn announce(&mut self, seen: &mut Seen<'_>, way: usize, timestamp: u32) {
        let now = u64::from(timestamp);
        for (index, bits) in [31, 32].into_iter().enumerate() {
            let end = 1_u64 << bits;
            if (end.saturating_sub(DAY)..end).contains(&now) && !self.ways[way].announced[index] {
                self.ways[way].announced[index] = true;
                let left = (end - now) / 1000;
                seen.report(&WRAP, || {
                    format!(
                        "the timestamp {timestamp} will reach 2^{bits} in {} h {} min at its pace",
                        left / 3600,
                        left / 60 % 60
                    )
                });
            }
        }
    }
}

impl Judge for Bounds {
    const RULES: &'static [Rule] = &[WRAP_24, WRAP, START_OFFSET];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, _: &MessageRecord<'_>) {
        let Some(way) = seen.direction.map(Direction::index) else { return };
        if !frame.marks.has(Marks::CODED) || frame.marks.has(Marks::DAMAGED) {
            return;
        }
        if frame.marks.has(Marks::EARLY)
            && seen.tracks.of(frame).is_some_and(|of| of.track.frames == 1)
        {
            self.begins(seen, way, frame);
            return;
        }
        if !frame.marks.has(Marks::HIGH) && !frame.marks.has(Marks::BACK) {
            return;
        }
        let timestamp = frame.timestamp;
        let before = timestamp.wrapping_sub(frame.step as u32);
        if frame.step < 0 {
            // A step back that is a wrap where none belongs.
            let Some(bits) = wrapped(frame) else { return };
            let rule = if bits == 24 { &WRAP_24 } else { &WRAP };
            let name = name_of(seen, frame);
            seen.report_as(rule, Severity::Warning, || {
                format!(
                    "the {name} timestamp wraps at {bits} bits, from {before} to {timestamp}; RTMP's have 32"
                )
            });
            return;
        }
        let wraps = timestamp < before;
        let crossed = [
            !wraps && before <= 0x00ff_ffff,
            !wraps && before >> 31 == 0 && timestamp >> 31 == 1,
            wraps,
        ];
        for (index, bits) in [24, 31, 32].into_iter().enumerate() {
            if !crossed[index] || std::mem::replace(&mut self.ways[way].said[index], true) {
                continue;
            }
            if bits == 24 {
                seen.report(&WRAP_24, || {
                    format!(
                        "timestamps cross 16777215 ms (24 bits, 4 h 39 min), from {before} to {timestamp}: from here on \
                         they need the extended field"
                    )
                });
            } else {
                seen.report(&WRAP, || {
                    format!("timestamps cross 2^{bits} ms, from {before} to {timestamp}")
                });
            }
        }
        self.announce(seen, way, timestamp);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, S2C, Script};
    use crate::inspect::Severity;
    use crate::proto::amf::Value;

    /// Frames of pictures at these times.
    fn at(times: &[u32]) -> Script {
        let mut t = Script::publishing();
        for (index, time) in times.iter().enumerate() {
            t.video(*time, if index == 0 { Frame::Key } else { Frame::Inter });
        }
        t
    }

    #[test]
    fn steps_back_and_steps_of_nothing() {
        assert!(at(&[0, 40, 30]).has("ts.backward"));
        assert_eq!(
            at(&[0, 40, 30]).text("ts.backward"),
            "the video timestamp goes back by 10 ms, from 40 to 30"
        );
        let mut t = at(&[0, 40, 40]);
        assert_eq!(t.text("ts.duplicate"), "two video frames in a row have timestamp 40");
        assert!(!t.audio(40).has("ts.backward"), "of each track");
        let t = at(&[0, 40, 80]);
        assert!(!t.has("ts.backward") && !t.has("ts.duplicate"));
        assert!(at(&[u32::MAX - 20, 19]).find("ts.backward").is_none(), "it wraps");
    }

    #[test]
    fn steps_too_far() {
        assert!(!at(&[0, 40, 580]).has("ts.jump"), "500 ms beyond a frame");
        let t = at(&[0, 40, 581]);
        let text =
            "the video timestamp jumps by 541 ms, from 40 to 581, where the step before was 40 ms";
        assert_eq!(t.text("ts.jump"), text);
        assert!(!at(&[0, 1000, 2000, 3000]).has("ts.jump"), "a frame a second");
        assert!(at(&[0, 100_000]).has("ts.jump"));
        let mut t = at(&[0, 40]);
        t.command(C2S, 1, "seek", Some(0.0), Value::Null, &[90.0.into()]);
        t.video(90_000, Frame::Key);
        assert!(!t.has("ts.jump"), "asked for");
    }

    #[test]
    fn frames_without_a_time() {
        let t = at(&[0; 6]);
        assert_eq!(t.text("ts.all-zero"), "6 frames of video in a row have timestamp 0");
        assert!(!t.has("ts.duplicate"));
        let mut t = at(&[0; 5]);
        t.video(40, Frame::Inter).end();
        assert!(!t.has("ts.all-zero"));
        assert_eq!(t.text("ts.duplicate"), "the first 5 frames of video all have timestamp 0");
    }

    #[test]
    fn sound_begins_with_priming() {
        let severity = |times: &[u32]| {
            let mut t = Script::publishing();
            for time in times {
                t.audio(*time);
            }
            t.end();
            let found = t.findings.iter().filter(|found| found.code == "ts.duplicate");
            found.map(|found| found.severity).max()
        };
        assert_eq!(severity(&[0, 23, 46]), None);
        assert_eq!(severity(&[0, 0, 23, 46]), Some(Severity::Info));
        assert_eq!(severity(&[0, 0, 0, 23]), Some(Severity::Info));
        assert_eq!(severity(&[0, 0, 0, 0, 23]), Some(Severity::Warning));
        assert_eq!(severity(&[500, 500, 500, 523]), Some(Severity::Info));
        assert_eq!(severity(&[500, 500, 500, 500]), Some(Severity::Warning));
        assert_eq!(severity(&[500, 523, 523]), Some(Severity::Warning), "not at the beginning");
        let t = at(&[0, 0, 40]);
        assert_eq!(t.find("ts.duplicate").map(|found| found.severity), Some(Severity::Warning));
    }

    #[test]
    fn pictures_that_are_shown_in_another_order_begin_ahead_of_the_first_time() {
        let severity = |frames: &[(u32, i32)]| {
            let mut t = Script::publishing();
            for (index, (time, composition)) in frames.iter().enumerate() {
                let frame = if index == 0 { Frame::Key } else { Frame::Inter };
                t.video_at(*time, frame, *composition);
            }
            t.end();
            let found = t.findings.iter().filter(|found| found.code == "ts.duplicate");
            found.map(|found| found.severity).max()
        };
        assert_eq!(severity(&[(0, 0), (0, 120), (0, 40), (40, 40)]), Some(Severity::Info));
        assert_eq!(severity(&[(500, 0), (500, 120), (500, 40)]), Some(Severity::Info));
        assert_eq!(severity(&[(0, 0), (0, 120), (0, 120), (40, 40)]), Some(Severity::Warning));
        assert_eq!(severity(&[(500, 0), (500, 0)]), Some(Severity::Warning));
        assert_eq!(severity(&[(0, 0), (40, 120), (40, 40)]), Some(Severity::Warning));
    }

    #[test]
    fn a_frame_of_nothing_is_no_duplicate() {
        let mut t = Script::publishing();
        t.audio(0).audio(23).audio(46).message(C2S, 4, 1, 8, 46, b"\xaf\x01").end();
        assert!(!t.has("ts.duplicate"), "{:?}", t.codes());
    }

    #[test]
    fn the_end_of_24_bits() {
        assert!(!at(&[16_777_170, 16_777_215]).has("ts.wrap-24bit"));
        let t = at(&[16_777_170, 16_777_215, 16_777_255]);
        assert!(t.text("ts.wrap-24bit").starts_with("timestamps cross 16777215 ms"));
        assert!(at(&[16_777_216]).text("ts.wrap-24bit").starts_with("the first video"));
        let t = at(&[16_777_170, 16_777_210, 34]);
        assert!(t.text("ts.wrap-24bit").contains("wraps at 24 bits"), "{:?}", t.codes());
        assert!(!t.has("ts.backward"));
    }

    #[test]
    fn the_end_of_31_and_32_bits() {
        const END: u32 = 1 << 31;
        assert!(!at(&[END - 86_400_001]).has("ts.wrap"));
        let text = "the timestamp 2061083648 will reach 2^31 in 24 h 0 min at its pace";
        assert_eq!(at(&[END - 86_400_000]).text("ts.wrap"), text);
        let t = at(&[END - 20, END + 20]);
        assert_eq!(
            t.findings.iter().filter(|f| f.code == "ts.wrap").count(),
            1,
            "repeats are rare"
        );
        assert!(at(&[u32::MAX - 20, 19]).has("ts.wrap"));
        assert!(at(&[END - 20, 20]).text("ts.wrap").contains("2^31"), "announced");
        assert!(!at(&[END + 20, END + 60]).has("ts.wrap"));
    }

    #[test]
    fn where_the_stream_begins() {
        assert!(!at(&[10_000]).has("ts.start-offset"));
        let text = "the first video timestamp is 10001 ms: the stream begins 10.0 s after 0";
        assert_eq!(at(&[10_001]).text("ts.start-offset"), text);
        let mut t = Script::started();
        t.message(S2C, 6, 1, 9, 50_000, b"\x27\x01\0\0\0\0\0\0\x02\x41\x9a");
        assert!(!t.has("ts.start-offset"), "who plays joins in the middle");
    }
}
