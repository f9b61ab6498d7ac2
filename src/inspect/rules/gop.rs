//! Key frames: how far apart they are, how evenly, and whether decoding can start at them.

use super::judge::{Judge, Report, Seen};
use super::per_track::{PerTrack, content, name_of};
use super::units::{Leading, Unit, first_picture, format_of, is_cra, is_idr};
use super::{Confidence, Rule, Severity};
use crate::inspect::groups::Groups;
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::{Closed, Media, MessageRecord};
use crate::proto::bitstream::Format;

const LONG: Rule = Rule {
    code: "gop.long",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Key frames are too far apart",
    meaning: "Players and segments can only begin at a key frame, so its interval is the least that they wait, and the shortest \
              segment of HLS and DASH.",
    breaks_on: "YouTube wants 4 s or less, Twitch 2 s, Cloudflare 2 to 6 s; segmenters make segments as long as the interval \
                (ant-media/Ant-Media-Server#2503, cloudflare/cloudflare-docs#23829).",
    fix: "Set the keyframe interval to 2 s. OBS: Settings, Output, Keyframe Interval; ffmpeg: -g with twice the frame rate, or \
          -force_key_frames \"expr:gte(t,n_forced*2)\".",
    spec: None,
};

const IRREGULAR: Rule = Rule {
    code: "gop.irregular",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Key frames come at uneven intervals",
    meaning: "The longest and the shortest interval between key frames differ by more than a quarter of the mean. Encoders add key \
              frames where the scene changes unless they are told not to.",
    breaks_on: "Segments of uneven length; renditions that were encoded apart do not line up (kaltura/liveDVR#524).",
    fix: "Use a fixed interval. x264: -sc_threshold 0, or scenecut=0 in OBS's x264 options, beside a fixed keyframe interval.",
    spec: None,
};

const OPEN: Rule = Rule {
    code: "gop.open",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Frames marked as key frames are no IDR pictures",
    meaning: "A frame is marked as a key frame, and its picture is a recovery point or another that is no IDR picture: frames behind it \
              may refer to frames before it (an open group of pictures). With HEVC and VVC a CRA picture is one to begin at; where \
              leading pictures behind it refer to pictures before it (RASL) that is information.",
    breaks_on: "Who begins there shows garbage or nothing until the next IDR picture, behind a CRA picture only later; YouTube reports an \
                open GOP.",
    fix: "Use closed groups (ffmpeg: -flags +cgop, x264: open-gop=0, x265: no-open-gop=1) and IDR pictures in place of intra refresh.",
    spec: Some("ITU-T H.264 §7.4.1.2.4, ITU-T H.265 §7.4.2.2, ITU-T H.266 §7.4.2.2"),
};

/// Intervals that say whether they are even.
const INTERVALS: u32 = 4;

/// Intervals between key frames.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    tracks: PerTrack<Gop>,
}

#[derive(Debug, Default)]
struct Gop {
    /// Whether the interval that goes on was said to be too long.
    said: bool,
    irregular: bool,
    open: bool,
    /// The time of the latest key frame, where it is a CRA picture and what leads it has not been seen.
    cra: Option<u32>,
}

/// The shortest, the longest and the mean, where they are uneven.
fn uneven(groups: &Groups) -> Option<(u32, u32, f64)> {
    let (shortest, longest) = groups.spread;
    let mean = groups.mean().filter(|_| groups.count >= INTERVALS)?;
    (f64::from(longest - shortest) > mean / 4.0).then_some((shortest, longest, mean))
}

fn seconds(milliseconds: u32) -> f64 {
    f64::from(milliseconds) / 1000.0
}

/// The first unit of a frame's picture.
fn picture<'a>(
    seen: &Seen<'_>,
    frame: &Frame,
    message: &MessageRecord<'a>,
) -> Option<(Format, Unit<'a>)> {
    let counter = seen.tracks.of(frame)?;
    let format = format_of(counter)?;
    let data = content(seen, frame, message);
    Some((format, first_picture(format, data, counter.nal_length_size)?))
}

impl Intervals {
    /// A frame behind the CRA picture of this time, ahead of which no other was trailing.
    fn behind(
        &mut self,
        seen: &mut Seen<'_>,
        frame: &Frame,
        message: &MessageRecord<'_>,
        time: u32,
    ) {
        let track = self.tracks.of(frame);
        let found = picture(seen, frame, message).filter(|_| !frame.marks.has(Marks::DAMAGED));
        let Some((format, unit)) = found else {
            track.cra = None;
            return;
        };
        match Leading::of(format, unit.number) {
            Leading::Decodable => return,
            Leading::Trailing => {}
            Leading::Skipped => {
                track.open = true;
                let (name, number) = (name_of(seen, frame), unit.number);
                seen.report_as(&OPEN, Severity::Info, || {
                    let what = format.unit_name(number).unwrap_or("no name");
                    format!(
                        "leading pictures behind the CRA key frame of {name} at {time} ms refer to pictures before it (NAL unit \
                         type {number}, {what}): whoever begins there skips them"
                    )
                });
            }
        }
        self.tracks.of(frame).cra = None;
    }
}

impl Judge for Intervals {
    const RULES: &'static [Rule] = &[LONG, IRREGULAR, OPEN];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let video = super::per_track::video_of(message).is_some();
        if !video || !frame.marks.has(Marks::CODED) {
            return;
        }
        if !frame.marks.has(Marks::KEY) {
            if frame.marks.has(Marks::BEHIND_KEY)
                && let Some(time) = self.tracks.of(frame).cra
            {
                self.behind(seen, frame, message, time);
            }
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let name = name_of(seen, frame);
        let track = self.tracks.of(frame);
        let said = std::mem::replace(&mut track.said, false);
        if let Some(length) = counter.groups.ended {
            let most = seen.settings.thresholds.longest_gop;
            let uneven = uneven(&counter.groups).filter(|_| !track.irregular);
            if length > most && !said {
                seen.report(&LONG, || {
                    format!(
                        "key frames of {name} are {:.2} s apart, where {} s is the most",
                        seconds(length),
                        seconds(most)
                    )
                });
            }
            if let Some((shortest, longest, mean)) = uneven {
                track.irregular = true;
                let count = counter.groups.count;
                seen.report(&IRREGULAR, || {
                    format!(
                        "key frames of {name} come every {:.2} to {:.2} s, {:.2} s in the mean of {count} intervals",
                        seconds(shortest),
                        seconds(longest),
                        mean / 1000.0
                    )
                });
            }
        }
        self.tracks.of(frame).cra = None;
        if frame.marks.has(Marks::DAMAGED) {
            return;
        }
        let Some((format, unit)) = picture(seen, frame, message) else { return };
        let track = self.tracks.of(frame);
        if track.open || is_idr(format, unit.number) {
            return;
        }
        if is_cra(format, unit.number) {
            track.cra = Some(frame.timestamp);
            return;
        }
        track.open = true;
        let number = unit.number;
        seen.report(&OPEN, || {
            let what = format.unit_name(number).unwrap_or("no name");
            format!(
                "a frame of {name} is marked as a key frame and its picture is none to begin at: NAL unit type {number} \
                 ({what})"
            )
        });
    }

    fn second(&mut self, seen: &mut Seen<'_>, frame: &Frame) {
        let most = seen.settings.thresholds.longest_gop;
        if frame.marks.has(Marks::KEY) {
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame).filter(|of| of.track.media == Media::Video) else {
            return;
        };
        let said = self.tracks.all().get(frame.track).is_some_and(|track| track.said);
        // What is only a little too long is said when it is over, with its length.
        if let Some((length, key)) = counter.open_group().filter(|_| !said)
            && length > most.saturating_mul(3)
        {
            self.tracks.of(frame).said = true;
            let name = name_of(seen, frame);
            goes_on(seen, &name, length, key);
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        let tracks = seen.tracks;
        for (index, counter) in tracks.all().iter().enumerate() {
            let said = self.tracks.all().get(index).is_some_and(|track| track.said);
            if let Some((length, key)) = counter.open_group().filter(|_| !said)
                && length > seen.settings.thresholds.longest_gop
            {
                let direction = Some(counter.track.direction);
                let media = counter.track.media.as_str();
                goes_on(seen, media, length, key).about(None).at(direction, None);
            }
        }
    }
}

/// The interval that goes on is too long already.
fn goes_on<'r>(seen: &'r mut Seen<'_>, name: &str, length: u32, key: bool) -> Report<'r> {
    let most = seen.settings.thresholds.longest_gop;
    seen.report(&LONG, || {
        let since = if key { "since its last key frame" } else { "without any key frame" };
        format!(
            "{name} goes on for {:.2} s {since}, where {} s is the most",
            seconds(length),
            seconds(most)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, Script};
    use crate::inspect::Severity;

    /// Key frames at these times, with others between.
    fn keys(times: &[u32]) -> Script {
        let mut t = Script::publishing();
        for pair in times.windows(2) {
            t.video(pair[0], Frame::Key);
            for time in (pair[0] + 40..pair[1]).step_by(40) {
                t.wait(0.04).video(time, Frame::Inter);
            }
        }
        t.video(times[times.len() - 1], Frame::Key);
        t
    }

    #[test]
    fn key_frames_too_far_apart() {
        assert!(!keys(&[0, 4000, 8000]).has("gop.long"));
        let t = keys(&[0, 8320, 16_640]);
        assert_eq!(
            t.text("gop.long"),
            "key frames of video are 8.32 s apart, where 4 s is the most"
        );
        assert_eq!(
            t.findings.iter().filter(|f| f.code == "gop.long").count(),
            1,
            "repeats are rare"
        );
        let mut t = Script::publishing();
        t.video(0, Frame::Key).video(4001, Frame::Key);
        assert_eq!(
            t.text("gop.long"),
            "key frames of video are 4.00 s apart, where 4 s is the most"
        );
        let mut t = keys(&[0, 2000, 4000]);
        t.video(4040, Frame::Inter).wait(3.97).video(8010, Frame::Inter).end();
        assert_eq!(
            t.text("gop.long"),
            "video goes on for 4.01 s since its last key frame, where 4 s is the most"
        );
    }

    #[test]
    fn no_key_frame_at_all() {
        let mut t = Script::publishing();
        for n in 0..350_u32 {
            t.video(n * 40, Frame::Inter).wait(0.04);
        }
        assert!(t.text("gop.long").contains("without any key frame"), "{:?}", t.codes());
    }

    #[test]
    fn uneven_intervals() {
        assert!(!keys(&[0, 2000, 4000, 6000, 8000, 10_000]).has("gop.irregular"));
        assert!(!keys(&[0, 2000, 4000, 6000, 8400]).has("gop.irregular"), "a fifth");
        let t = keys(&[0, 2000, 4000, 6000, 7000]);
        let text =
            "key frames of video come every 1.00 to 2.00 s, 1.75 s in the mean of 4 intervals";
        assert_eq!(t.text("gop.irregular"), text);
        assert!(!keys(&[0, 2000, 3000, 5000]).has("gop.irregular"), "too few to say");
    }

    #[test]
    fn key_frames_that_are_none() {
        let key = |unit: &[u8]| {
            let mut t = Script::publishing();
            t.message(C2S, 6, 1, 9, 0, &[b"\x17\x01\0\0\0", unit].concat());
            t
        };
        let t = key(b"\0\0\0\x02\x09\xf0\0\0\0\x03\x41\x9a\x01");
        assert!(t.text("gop.open").contains("NAL unit type 1"), "{:?}", t.codes());
        assert_eq!(t.find("gop.open").map(|found| found.severity), Some(Severity::Warning));
        assert!(!key(b"\0\0\0\x02\x09\xf0\0\0\0\x03\x65\x9a\x01").has("gop.open"));
    }

    /// A key frame of this picture, and frames of these behind it. Types are those of NAL units.
    fn pictures(four_cc: &[u8], key: u8, behind: &[u8]) -> Script {
        let mut t = Script::started();
        for (index, number) in [&[key], behind].concat().into_iter().enumerate() {
            let first = if index == 0 { 0x93 } else { 0xa3 };
            let header = if four_cc == b"hvc1" { [number << 1, 1] } else { [0, number << 3 | 1] };
            let unit = [b"\0\0\0\x04".as_slice(), &header, b"\x9a\x01"].concat();
            t.message(C2S, 6, 1, 9, index as u32 * 40, &[&[first], four_cc, &unit].concat());
        }
        t
    }

    #[test]
    fn key_frames_with_leading_pictures() {
        let t = pictures(b"hvc1", 21, &[9, 1]);
        let text = "leading pictures behind the CRA key frame of video at 0 ms refer to pictures before it (NAL unit type 9, \
                    rasl_r): whoever begins there skips them";
        assert_eq!(t.text("gop.open"), text);
        assert_eq!(t.find("gop.open").map(|found| found.severity), Some(Severity::Info));
        assert!(
            pictures(b"hvc1", 21, &[7, 6, 8]).has("gop.open"),
            "behind those that can be decoded"
        );
        assert!(pictures(b"vvc1", 9, &[3]).has("gop.open"));
        for (key, behind) in [(21, [1, 9]), (21, [0, 8]), (21, [7, 1]), (20, [9, 9]), (16, [8, 8])]
        {
            assert!(!pictures(b"hvc1", key, &behind).has("gop.open"), "{key} {behind:?}");
        }
        assert!(!pictures(b"vvc1", 9, &[2, 0, 3]).has("gop.open"));
        let t = pictures(b"hvc1", 1, &[1]);
        assert_eq!(t.find("gop.open").map(|found| found.severity), Some(Severity::Warning));
        assert!(t.text("gop.open").contains("none to begin at: NAL unit type 1"));
    }

    #[test]
    fn each_key_frame_has_its_own_leading_pictures() {
        let mut t = pictures(b"hvc1", 21, &[1, 1, 1, 1, 1, 9]);
        assert!(!t.has("gop.open"));
        t.message(C2S, 6, 1, 9, 400, b"\x93hvc1\0\0\0\x04\x2a\x01\x9a\x01");
        t.message(C2S, 6, 1, 9, 440, b"\xa3hvc1\0\0\0\x04\x10\x01\x9a\x01");
        assert!(t.text("gop.open").contains("at 400 ms"), "{:?}", t.codes());
    }
}
