//! From decoding to presentation: composition times, and the B-frames that need them.

use super::judge::{Judge, Seen};
use super::per_track::{PerTrack, content, name_of, video_of};
use super::units::{first_picture, format_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::{Media, MessageRecord};
use crate::proto::bitstream::Format;
use crate::proto::codec::avc::{self, Slice, SliceKind, SliceLayout};

const NEGATIVE: Rule = Rule {
    code: "cts.negative",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A composition time is negative",
    meaning: "A frame is to be shown before it is decoded. The field is a signed number of 24 bits; encoders set it so when they \
              shift presentation in place of decoding times.",
    breaks_on: "Programs that read the field without its sign show the frame 4 h 39 min later (bluenviron/gortmplib#88, \
                arut/nginx-rtmp-module#250, ossrs/srs#809).",
    fix: "Begin decoding times early enough: subtract the most negative composition time from every timestamp.",
    spec: Some("FLV 10.1 §E.4.3.1"),
};

const MISSING: Rule = Rule {
    code: "cts.missing",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "B-frames without composition times",
    meaning: "The bitstream has frames that are shown in another order than they are decoded, and every composition time is 0. \
              Players show the frames in the wrong order, which looks like trembling.",
    breaks_on: "All players and packagers that trust timestamps (obsproject/obs-studio#8650).",
    fix: "Send the presentation time minus the decoding time with each frame: in Enhanced RTMP CodedFrames, not CodedFramesX. Or \
          encode without B-frames.",
    spec: Some("FLV 10.1 §E.4.3.1, Enhanced RTMP v2 \"Enhanced Video\""),
};

const ROUNDING: Rule = Rule {
    code: "cts.rounding",
    severity: Severity::Info,
    confidence: Confidence::Likely,
    title: "Key frames of several tracks are a few milliseconds apart",
    meaning: "Key frames of two tracks belong together and their presentation times differ by 1 to 5 ms: each track was rounded by \
              itself.",
    breaks_on: "Packagers that switch between renditions where key frames have the same time (obsproject/obs-studio#12151).",
    fix: "Round the time of a picture once for all tracks, before composition time and timestamp are made of it.",
    spec: None,
};

const B_FRAMES: Rule = Rule {
    code: "video.bframes",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The video has B-frames",
    meaning: "Frames are shown in another order than they are sent. That saves bits and costs delay.",
    breaks_on: "WebRTC, and services with low latency that pass frames on to it, such as Amazon IVS real-time \
                (OvenMediaLabs/OvenMediaEngine#697, bluenviron/mediamtx#5473).",
    fix: "Nothing, unless it is played by WebRTC; then set B-frames to 0 (OBS: Output, Max B-frames; x264: -bf 0, tune zerolatency).",
    spec: None,
};

/// Frames shown before those ahead of them that are enough to say so.
const ENOUGH: u8 = 2;
/// Slices of type B that are enough where the order cannot be read.
const SLICES: u8 = 3;

/// Composition times and the order of pictures.
#[derive(Debug, Default)]
pub(super) struct Order {
    tracks: PerTrack<Pictures>,
}

#[derive(Debug, Default)]
struct Pictures {
    layout: Option<SliceLayout>,
    /// The picture order count of the frame before.
    order: Option<u32>,
    /// Frames shown before one ahead of them, and frames of B slices.
    back: u8,
    slices: u8,
    missing: bool,
    b_frames: bool,
    rounding: bool,
    /// When the latest key frame is shown, milliseconds.
    key: Option<u32>,
}

impl Pictures {
    /// Looks at the picture in a frame, whose bytes `unit` are.
    fn look(&mut self, format: Format, unit: &[u8], number: u8, in_a_row: bool) {
        if format == Format::Hevc && matches!(number, 6..=9) {
            // Leading pictures are shown before the picture that they come behind.
            self.back = self.back.saturating_add(1);
        }
        if format != Format::Avc {
            return;
        }
        let Ok(slice) = Slice::read(unit, self.layout) else {
            self.order = None;
            return;
        };
        if slice.kind == SliceKind::B {
            self.slices = self.slices.saturating_add(1);
        }
        let before = if in_a_row { self.order } else { None };
        self.order = slice.order;
        if let (Some(before), Some(now), Some(all), false) =
            (before, slice.order, self.layout.and_then(SliceLayout::orders), number == 5)
            && (now + all - before) % all > all / 2
        {
            self.back = self.back.saturating_add(1);
        }
    }

    fn reorders(&self) -> bool {
        self.back >= ENOUGH || self.layout.is_none() && self.slices >= SLICES
    }
}

impl Order {
    /// Whether a key frame of another track belongs to this one and is shown a little off: by how much, and which.
    fn beside(&self, seen: &Seen<'_>, frame: &Frame, shown: u32) -> Option<(i32, u8)> {
        let this = &seen.tracks.of(frame)?.track;
        self.tracks.all().iter().zip(seen.tracks.all()).find_map(|(pictures, counter)| {
            let other = &counter.track;
            let off = shown.wrapping_sub(pictures.key?) as i32;
            let beside = other.track != this.track
                && other.media == Media::Video
                && other.direction == this.direction
                && other.message_stream_id == this.message_stream_id;
            (beside && matches!(off.unsigned_abs(), 1..=5)).then_some((off, other.track))
        })
    }
}

impl Judge for Order {
    const RULES: &'static [Rule] = &[NEGATIVE, MISSING, ROUNDING, B_FRAMES];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        if video_of(message).is_none() || frame.marks.has(Marks::DAMAGED) {
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let data = content(seen, frame, message);
        let Some(format) = format_of(counter) else { return };
        if frame.marks.has(Marks::CONFIG) && format == Format::Avc && data.is_whole() {
            self.tracks.of(frame).layout = avc::slice_layout(data.bytes);
        }
        if !frame.marks.has(Marks::CODED) {
            return;
        }
        let name = name_of(seen, frame);
        let time = frame.composition_time.unwrap_or(0);
        if frame.marks.has(Marks::CTS_NEGATIVE) {
            seen.report(&NEGATIVE, || {
                format!(
                    "the composition time of a {name} frame is {time} ms, which without its sign reads as {}",
                    time & 0x00ff_ffff
                )
            });
        }
        let in_a_row = frame.marks.has(Marks::EARLY);
        let track = self.tracks.of(frame);
        if let Some(unit) = first_picture(format, data, counter.nal_length_size) {
            track.look(format, unit.bytes, unit.number, in_a_row);
        }
        if track.reorders()
            && !counter.pace.reorders
            && !std::mem::replace(&mut track.missing, true)
        {
            let (back, slices) = (track.back, track.slices);
            let sure = if back >= ENOUGH { Confidence::Certain } else { Confidence::Likely };
            seen.report(&MISSING, || {
                let what = if back >= ENOUGH {
                    format!("{back} of the first frames of {name} are shown before one that is ahead of them")
                } else {
                    format!("{slices} of the first frames of {name} are B-frames")
                };
                format!("{what}, and all composition times are 0")
            })
            .sure(sure);
        }
        let track = self.tracks.of(frame);
        let (back, slices, run) = (track.back, track.slices, counter.pace.order.longest);
        if (back > 0 || slices > 0 || run > 0) && !std::mem::replace(&mut track.b_frames, true) {
            seen.report(&B_FRAMES, || {
                let what = if slices > 0 {
                    "slices of type B"
                } else if back > 0 {
                    "pictures that are shown before one ahead of them"
                } else {
                    "composition times that show a frame before one ahead of it"
                };
                format!("{name} has B-frames: {what}")
            });
        }
        if frame.marks.has(Marks::KEY) {
            let shown = frame.timestamp.wrapping_add_signed(time);
            let beside = self.beside(seen, frame, shown);
            let track = self.tracks.of(frame);
            track.key = Some(shown);
            if let Some((off, other)) = beside
                && !std::mem::replace(&mut track.rounding, true)
            {
                seen.report(&ROUNDING, || {
                    format!(
                        "a key frame of {name} is shown at {shown} ms, {} ms off that of track {other}",
                        off.unsigned_abs()
                    )
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{AVCC, C2S, Frame, Script};

    #[test]
    fn negative_composition_times() {
        let mut t = Script::publishing();
        t.video_at(0, Frame::Key, 0);
        assert!(!t.has("cts.negative"));
        t.video_at(40, Frame::Inter, -67);
        let text = "the composition time of a video frame is -67 ms, which without its sign reads as 16777149";
        assert_eq!(t.text("cts.negative"), text);
    }

    /// Slices of the test kit's parameter set: four bits of frame number, and the order's where it has one.
    fn slices(record: &[u8], units: &[&[u8]], composition: u8) -> Script {
        let mut t = Script::started();
        t.metadata(&[]);
        t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", record].concat());
        for (index, unit) in units.iter().enumerate() {
            let first = if index == 0 { 0x17 } else { 0x27 };
            let cts = if index == 1 { composition } else { 0 };
            let head = [first, 1, 0, 0, cts, 0, 0, 0, unit.len() as u8];
            t.message(C2S, 6, 1, 9, index as u32 * 40, &[&head, *unit].concat());
        }
        t
    }

    /// Main profile, one macroblock, with picture order counts of four bits.
    const ORDERED: &[u8] =
        b"\x01\x4d\x00\x1e\xff\xe1\0\x06\x67\x4d\0\x1e\xf4\xe2\x01\0\x04\x68\xce\x38\x80";

    /// A slice with this kind and order: first_mb ue(0), kind, pps ue(0), four bits of frame number, four of order.
    fn slice(b: bool, order: u8) -> [u8; 4] {
        // P is ue(0) = 1, B is ue(1) = 010.
        let bits: u32 = if b {
            0b1010_1000_0000_0000 | u32::from(order) << 3
        } else {
            0b1110_0000_0000_0000 | u32::from(order) << 5
        };
        let [_, _, high, low] = bits.to_be_bytes();
        [if b { 0x01 } else { 0x41 }, high, low, 0x80]
    }

    #[test]
    fn pictures_out_of_order_without_composition_times() {
        let idr: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x80];
        let (p2, b1, p4, b3) = (slice(false, 4), slice(true, 2), slice(false, 8), slice(true, 6));
        let t = slices(ORDERED, &[idr, &p2, &b1, &p4, &b3], 0);
        let text = "2 of the first frames of video are shown before one that is ahead of them, and all composition times \
                    are 0";
        assert_eq!(t.text("cts.missing"), text, "{:?}", t.codes());
        assert_eq!(t.text("video.bframes"), "video has B-frames: slices of type B");
        let t = slices(ORDERED, &[idr, &p2, &b1, &p4, &b3], 40);
        assert!(!t.has("cts.missing") && t.has("video.bframes"), "{:?}", t.codes());
        let (p1, p2, p3, p4) = (slice(false, 2), slice(false, 4), slice(false, 6), slice(false, 8));
        let t = slices(ORDERED, &[idr, &p1, &p2, &p3, &p4], 0);
        assert!(!t.has("cts.missing") && !t.has("video.bframes"), "{:?}", t.codes());
    }

    #[test]
    fn composition_times_that_differ_and_one_that_is_always_the_same() {
        let run = |times: [i32; 3]| {
            let mut t = Script::publishing();
            for (index, time) in times.into_iter().enumerate() {
                t.video_at(
                    index as u32 * 40,
                    if index == 0 { Frame::Key } else { Frame::Inter },
                    time,
                );
            }
            t
        };
        assert!(run([80, 160, 0]).has("video.bframes"));
        assert!(!run([80, 80, 80]).has("video.bframes"));
        assert!(!run([0, 0, 0]).has("video.bframes"));
    }

    #[test]
    fn key_frames_of_two_tracks() {
        let run = |second: u32| {
            let mut t = Script::started();
            t.metadata(&[]);
            // Track 0, then track 1 as one track of a multitrack message.
            t.message(C2S, 6, 1, 9, 0, &[b"\x90avc1", AVCC].concat());
            t.message(C2S, 6, 1, 9, 0, &[b"\x96\x00avc1\x01", AVCC].concat());
            let unit = b"\0\0\0\0\0\0\x02\x65\x88";
            t.message(C2S, 6, 1, 9, 1000, &[b"\x91avc1", &unit[..]].concat());
            t.message(C2S, 6, 1, 9, second, &[b"\x96\x01avc1\x01", &unit[..]].concat());
            t
        };
        assert!(!run(1000).has("cts.rounding") && !run(1006).has("cts.rounding"));
        let t = run(1003);
        let text = "a key frame of video track 1 is shown at 1003 ms, 3 ms off that of track 0";
        assert_eq!(t.text("cts.rounding"), text, "{:?}", t.codes());
    }
}
