//! Tracks against each other and against the clock: the order in which they arrive, where they begin, and how they drift.

use super::judge::{Judge, Seen};
use super::per_track::{PerTrack, is_known_whole, is_published, name_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::sync::BLOCK;
use crate::inspect::track::Counter;
use crate::inspect::{Media, MessageRecord};
use crate::proto::Direction;

const NOT_INTERLEAVED: Rule = Rule {
    code: "ts.av-not-interleaved",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Sound and picture do not arrive in the order of their times",
    meaning: "Each track goes on, but a frame arrives more than half a second of media time behind a later one of another \
              track. A receiver that plays or packs in order of arrival has to hold back that much, or drops what is late.",
    breaks_on: "Node-Media-Server refuses such streams; servers that remux in order of arrival make bad files \
                (apivideo/api.video-flutter-live-stream#9, winlinvip/simple-rtmp-server#383, ossrs/srs#1001, \
                ossrs/srs#2776).",
    fix: "Let the encoder send the tracks interleaved by time, from one queue (ffmpeg: lower -max_interleave_delta; OBS does \
          it by itself).",
    spec: None,
};

const START_SKEW: Rule = Rule {
    code: "ts.av-start-skew",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Sound and picture begin at different times",
    meaning: "The first frames of the tracks are more than half a second apart: one track begins later, or each was given a \
              zero of its own.",
    breaks_on: "Players wait or show a still picture; where each track has its own zero, lips and voice are apart \
                (bluenviron/mediamtx#2790, eerimoq/moblin#516, pedroSG94/RootEncoder#2180).",
    fix: "Start sending when the first key frame and the first sound are there, and subtract the same time from both tracks.",
    spec: None,
};

const AV_DRIFT: Rule = Rule {
    code: "ts.av-drift",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Sound and picture drift apart",
    meaning: "The distance between the times of sound and picture, at the same place of the stream, grows. The tracks are timed \
              by different clocks, or one of them loses or repeats frames.",
    breaks_on: "Lips and voice come apart, more the longer it runs; servers that guard it end the stream \
                (CasparCG/server#1369, bluenviron/gortmplib#82).",
    fix: "Time both tracks by one clock, or resample the sound to it (ffmpeg: -af aresample=async=1). In OBS set the device and \
          the program to the same sample rate (Settings, Audio).",
    spec: None,
};

const CLOCK_DRIFT: Rule = Rule {
    code: "ts.wallclock-drift",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Media comes slower or faster than it plays",
    meaning: "Media time and the time of arrival drift apart. Slower: the encoder or the network cannot keep up and players run \
              dry. Faster: a file is published as fast as the network takes it, or the encoder's clock is wrong.",
    breaks_on: "YouTube says that it does not receive enough video, or video faster than real time; Mux shows it as stream \
                drift. Servers overrun their queues (winlinvip/simple-rtmp-server#383).",
    fix: "Slower: lower bitrate, resolution or preset, and look at retransmissions and a receive window of 0. Faster: pace the \
          file (ffmpeg: -re before -i).",
    spec: None,
};

/// Milliseconds between first frames that are too many.
const APART: i32 = 500;

/// What arrives in which order, and begins where.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// Whether the beginning of each direction was compared.
    compared: [bool; 2],
}

impl Together {
    /// The first frame of a track: compares it with the other medium of its stream, where that has begun.
    fn begins(&mut self, seen: &mut Seen<'_>, frame: &Frame, way: usize) {
        let Some(this) = seen.tracks.of(frame) else { return };
        let other = match this.track.media {
            Media::Audio => Media::Video,
            Media::Video => Media::Audio,
            Media::Data => return,
        };
        let other = seen.tracks.all().iter().find(|counter| {
            counter.track.media == other
                && counter.track.direction == this.track.direction
                && counter.track.message_stream_id == this.track.message_stream_id
                && counter.pace.coded.is_some()
        });
        let Some(other) = other else { return };
        if std::mem::replace(&mut self.compared[way], true) || !is_known_whole(seen) {
            return;
        }
        let skew = frame.timestamp.wrapping_sub(other.pace.first) as i32;
        let later = this.pace.first_at.zip(other.pace.first_at);
        let later = later.map(|(this, other)| (this - other) / 1_000_000);
        let (name, of) = (name_of(seen, frame), other.track.media.as_str());
        let severity = if is_published(seen) { Severity::Warning } else { Severity::Info };
        if skew.unsigned_abs() > APART.unsigned_abs() {
            let (first, at) = (other.pace.first, frame.timestamp);
            seen.report_as(&START_SKEW, severity, || {
                let came = later.map_or_else(String::new, |later| format!(", and came {later} ms later"));
                let than = if skew > 0 { "behind" } else { "ahead of" };
                let by = skew.unsigned_abs();
                format!(
                    "{name} begins {by} ms {than} {of}: the first timestamps are {at} and {first}{came}"
                )
            });
        } else if let Some(later) = later.filter(|later| *later - i64::from(skew) > APART.into())
            && is_published(seen)
        {
            let (first, at) = (other.pace.first, frame.timestamp);
            seen.report(&START_SKEW, || {
                format!(
                    "{name} came {later} ms later than {of} and begins at {at} where that began at {first}: it is sent late, \
                     or has a zero of its own"
                )
            })
            .sure(Confidence::Hint);
        }
    }
}

impl Judge for Together {
    const RULES: &'static [Rule] = &[NOT_INTERLEAVED, START_SKEW];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, _: &MessageRecord<'_>) {
        let Some(way) = seen.direction.map(Direction::index) else { return };
        if frame.marks.has(Marks::DAMAGED) || !frame.marks.has(Marks::CODED) {
            return;
        }
        if frame.marks.has(Marks::EARLY)
            && seen.tracks.of(frame).is_some_and(|of| of.track.frames == 1)
        {
            self.begins(seen, frame, way);
        }
        if frame.marks.has(Marks::LATE) && seen.tracks.all().len() > 1 {
            let severity = if is_published(seen) { Severity::Warning } else { Severity::Info };
            let name = name_of(seen, frame);
            let Frame { timestamp, behind, .. } = *frame;
            seen.report_as(&NOT_INTERLEAVED, severity, || {
                let latest = timestamp.wrapping_add(behind);
                format!(
                    "{name} with timestamp {timestamp} arrives when another track is at {latest}: {behind} ms late"
                )
            });
        }
    }
}

/// Milliseconds of drift that are too many, of sound against picture.
const AV_MOST: u32 = 500;
/// Milliseconds of drift against the clock that are too many.
const CLOCK_MOST: u64 = 2_000;
/// Milliseconds from which on a tenth is too much.
const CLOCK_LONG: u64 = 10_000;
/// Seconds in a row: a network that stalls and catches up is no drift.
const IN_A_ROW: u8 = 3;

/// Drift of the tracks.
#[derive(Debug, Default)]
pub(super) struct Drift {
    tracks: PerTrack<Clock>,
    /// Whether slower and faster were said of each direction.
    said: [[bool; 2]; 2],
    /// The drift of sound against picture that was said last, milliseconds.
    av_said: u32,
}

#[derive(Debug, Default)]
struct Clock {
    /// Seconds in a row that were too far off.
    over: u8,
}

impl Drift {
    fn against_clock(&mut self, seen: &mut Seen<'_>, frame: &Frame, counter: &Counter) {
        let Some((drift, took)) = counter.pace.against.drift() else { return };
        let ahead = counter.pace.ahead().is_some_and(|(ahead, _)| ahead > 0);
        let took = took.unsigned_abs();
        let off = drift.unsigned_abs();
        let track = self.tracks.of(frame);
        let too_far = off > CLOCK_MOST || took >= CLOCK_LONG && off * 10 > took;
        track.over = if too_far { track.over.saturating_add(1) } else { 0 };
        let published = is_published(seen);
        // A player is served ahead of time, and misses nothing until that is used up.
        if track.over < IN_A_ROW || !published && (drift > 0 || ahead) {
            return;
        }
        let Some(way) = seen.direction.map(Direction::index) else { return };
        if std::mem::replace(&mut self.said[way][usize::from(drift > 0)], true) {
            return;
        }
        let name = name_of(seen, frame);
        let media = (took as i64 + drift) as f64 / 1000.0;
        let (off, took) = (off as f64 / 1000.0, took as f64 / 1000.0);
        seen.report(&CLOCK_DRIFT, || {
            let (than, what) = if drift > 0 {
                ("ahead of", "it comes faster than it plays")
            } else {
                ("behind", "it comes slower than it plays")
            };
            format!(
                "{name} is {off:.1} s {than} the clock: {media:.1} s of media came in {took:.1} s, {what}"
            )
        });
    }

    fn against_sound(&mut self, seen: &mut Seen<'_>, counter: &Counter) {
        let (Some(drift), Some(skew)) = (counter.sync.drift(), counter.sync.skew()) else { return };
        let seconds = (counter.sync.blocks - 1) * u32::from(BLOCK);
        let off = drift.unsigned_abs();
        // A percent, from half a minute on.
        let too_far = off > AV_MOST || seconds >= 30 && off > seconds * 10;
        if too_far && off > self.av_said.saturating_mul(2) {
            self.av_said = off;
            seen.report(&AV_DRIFT, || {
                let than = if drift > 0 { "ahead of" } else { "behind" };
                format!(
                    "sound has moved {off} ms {than} the picture in {seconds} s: it is at {skew:+} ms, and was at {:+}",
                    skew - drift
                )
            });
        }
    }
}

impl Judge for Drift {
    const RULES: &'static [Rule] = &[AV_DRIFT, CLOCK_DRIFT];

    fn second(&mut self, seen: &mut Seen<'_>, frame: &Frame) {
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        self.against_clock(seen, frame, counter);
        if counter.track.media == Media::Video {
            self.against_sound(seen, counter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, S2C, Script};

    #[test]
    fn tracks_that_come_one_behind_the_other() {
        let run = |behind: u32| {
            let mut t = Script::publishing();
            t.video(0, Frame::Key).audio(0).video(40, Frame::Inter);
            t.video(1000 + behind, Frame::Inter).audio(1000);
            t
        };
        assert!(!run(500).has("ts.av-not-interleaved"));
        let t = run(501);
        let text = "audio with timestamp 1000 arrives when another track is at 1501: 501 ms late";
        assert_eq!(t.text("ts.av-not-interleaved"), text);
        let mut t = Script::publishing();
        t.video(5000, Frame::Key).audio(5000).video(5040, Frame::Inter);
        t.video(0, Frame::Key).audio(0).video(40, Frame::Inter);
        assert!(!t.has("ts.av-not-interleaved"), "all tracks begin anew: {:?}", t.codes());
    }

    #[test]
    fn tracks_that_begin_apart() {
        let run = |audio: u32, wait: f64| {
            let mut t = Script::publishing();
            t.video(100, Frame::Key).wait(wait).audio(audio);
            t
        };
        assert!(!run(600, 0.5).has("ts.av-start-skew"));
        let text = "audio begins 501 ms behind video: the first timestamps are 601 and 100, and came 500 ms later";
        assert_eq!(run(601, 0.5).text("ts.av-start-skew"), text);
        let late = run(100, 0.7);
        assert!(late.text("ts.av-start-skew").contains("has a zero of its own"));
        let mut t = Script::publishing();
        t.gap(C2S, 10).video(0, Frame::Key).audio(5000);
        assert!(!t.has("ts.av-start-skew"), "what was lost may have been first");
    }

    /// Seconds of media whose sound runs at another pace, in parts of a thousand, all at the speed of the clock.
    fn uneven(seconds: u32, per_mille: u32) -> Script {
        let mut t = Script::publishing();
        for tick in 0..seconds * 10 {
            let now = tick * 100;
            t.video(now, if tick % 20 == 0 { Frame::Key } else { Frame::Inter });
            t.audio(now + now / 1000 * per_mille).wait(0.1);
        }
        t
    }

    #[test]
    fn sound_that_runs_away() {
        assert!(!uneven(60, 0).has("ts.av-drift"));
        assert!(!uneven(60, 8).has("ts.av-drift"), "less than a percent");
        let t = uneven(60, 12);
        assert!(t.text("ts.av-drift").starts_with("sound has moved "), "{:?}", t.codes());
        assert!(
            t.text("ts.av-drift").contains("ahead of the picture in 30 s"),
            "{}",
            t.text("ts.av-drift")
        );
    }

    /// Seconds of sound that comes at this share of its pace.
    fn paced(seconds: u32, share: f64) -> Script {
        let mut t = Script::publishing();
        for tick in 0..seconds * 10 {
            t.audio(tick * 100).wait(0.1 / share);
        }
        t
    }

    #[test]
    fn media_against_the_clock() {
        assert!(!paced(20, 1.0).has("ts.wallclock-drift"));
        assert!(
            !paced(20, 1.05).has("ts.wallclock-drift"),
            "less than a tenth, and than two seconds"
        );
        let t = paced(20, 0.8);
        assert!(
            t.text("ts.wallclock-drift").ends_with("it comes slower than it plays"),
            "{:?}",
            t.codes()
        );
        let t = paced(20, 3.0);
        assert!(
            t.text("ts.wallclock-drift").ends_with("it comes faster than it plays"),
            "{:?}",
            t.codes()
        );
    }

    #[test]
    fn what_stalls_and_catches_up_and_what_steps_is_no_drift() {
        let mut t = Script::publishing();
        t.media(4.0).wait(3.0);
        for tick in 0..70_u32 {
            t.audio(4000 + tick * 43);
        }
        t.wait(0.04).media(5.0);
        assert!(!t.has("ts.wallclock-drift"), "{:?}", t.codes());
        let mut t = Script::publishing();
        for tick in 0..300_u32 {
            t.audio(tick * 50 + if tick > 100 { 9_000 } else { 0 }).wait(0.05);
        }
        assert!(!t.has("ts.wallclock-drift"), "{:?}", t.codes());
        assert!(t.has("ts.jump"));
    }

    #[test]
    fn players_are_served_ahead_of_time() {
        let mut t = Script::started();
        for tick in 0..300_u32 {
            t.message(S2C, 4, 1, 8, tick * 100, b"\xaf\x01\x21\x10").wait(0.05);
        }
        assert!(!t.has("ts.wallclock-drift"));
    }
}
