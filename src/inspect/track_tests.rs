//! What the summary says of tracks, by sessions made for it.

use super::record::{Interval, Media, Spread, Track};
use super::rules::test_kit::{AVCC, C2S, Frame, Script};

/// Frames of pictures, 25 a second with a key frame each second, from this time on.
fn pictures(t: &mut Script, from: u32, frames: u32) {
    for n in 0..frames {
        let frame = if n % 25 == 0 { Frame::Key } else { Frame::Inter };
        t.video(from.wrapping_add(n * 40), frame).wait(0.04);
    }
}

fn video(mut t: Script) -> Track {
    t.end();
    t.tracks.into_iter().find(|track| track.media == Media::Video).unwrap()
}

fn rounded(value: Option<f64>) -> Option<f64> {
    value.map(|value| (value * 10.0).round() / 10.0)
}

const EVERY_SECOND: Option<Interval> = Some(Interval { min: 1.0, mean: 1.0, max: 1.0 });
const EVERY_25: Option<Interval> = Some(Interval { min: 25.0, mean: 25.0, max: 25.0 });

#[test]
fn a_steady_stream() {
    let mut t = Script::started();
    t.metadata(&[
        ("framerate", 30.0.into()),
        ("videodatarate", 2_500.0.into()),
        ("audiodatarate", 160.0.into()),
    ]);
    t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
    pictures(&mut t, 0, 500);
    let track = video(t);
    let measured = track.measured;
    assert_eq!((measured.metadata_frame_rate, measured.frame_rate), (Some(30.0), Some(25.0)));
    assert_eq!(measured.metadata_bitrate, Some(2_500_000.0));
    assert_eq!((track.keyframe_interval, measured.keyframe_interval), (EVERY_SECOND, EVERY_25));
    // 25 frames of 100 bytes.
    assert_eq!(measured.peak_bitrate, Some(20_000.0));
    assert_eq!((measured.b_frames, measured.composition_time), (Some(0), Some((0, 0))));
    assert_eq!(measured.ahead, Some(Spread { min: 0, max: 0, last: 0 }));
    assert_eq!((measured.clock_drift, measured.jitter), (Some(0.0), Some((0.0, 0.0))));
    assert_eq!((measured.largest_gap, measured.longest_silence), (Some(40), Some(40_000_000)));
    assert_eq!((measured.gaps, measured.steps_back, measured.unknown_time), (0, 0, 0));
    assert_eq!((measured.av_skew, measured.av_drift), (None, None), "there is no sound");
    assert_eq!(track.media_time, 19_960);
}

#[test]
fn times_that_wrap_step_and_stop() {
    // Where the second half begins, what passes before it, and what comes of it: the largest gap, gaps and steps back.
    for (from, wait, gap, gaps, back) in [
        (0_u32.wrapping_sub(5_000), 0.0, 40, 0, 0),
        // The time is set back by ten seconds, and forward by a quarter of an hour.
        (0, 0.0, 40, 0, 1),
        (1_000_000, 0.0, 990_040, 1, 0),
        // Nothing comes for five seconds.
        (15_000, 5.0, 5_040, 1, 0),
    ] {
        let mut t = Script::started();
        pictures(&mut t, if from > 1 << 31 { from } else { 0 }, 250);
        t.wait(wait);
        let second = if from > 1 << 31 { from.wrapping_add(10_000) } else { from };
        pictures(&mut t, second, 250);
        let track = video(t);
        let measured = track.measured;
        let (groups, frames) = (track.keyframe_interval, measured.keyframe_interval);
        if wait == 0.0 {
            assert_eq!(measured.frame_rate, Some(25.0), "{from}");
            assert_eq!(track.bitrate().map(|rate| rate > 19_000.0), Some(true), "{from}");
            assert_eq!((groups, frames), (EVERY_SECOND, EVERY_25), "{from}");
        } else {
            assert_eq!(groups.map(|groups| groups.max), Some(6.0), "the pause is in a group");
        }
        assert_eq!((measured.largest_gap, measured.gaps), (Some(gap), gaps), "{from}");
        assert_eq!(measured.steps_back, back, "{from}");
        assert_eq!(rounded(measured.clock_drift).map(f64::abs), Some(0.0), "{from}");
        assert_eq!(measured.peak_bitrate.map(f64::round), Some(20_000.0), "{from}");
    }
}

#[test]
fn what_is_lost_is_in_no_fact() {
    let mut t = Script::started();
    t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
    pictures(&mut t, 0, 100);
    // A key frame and 24 others are missing.
    for n in 100..125 {
        t.lose().video(n * 40, if n == 100 { Frame::Key } else { Frame::Inter }).wait(0.04);
    }
    pictures(&mut t, 5_000, 100);
    let track = video(t);
    assert_eq!(rounded(track.measured.frame_rate), Some(25.0));
    assert_eq!(track.keyframe_interval, EVERY_SECOND);
    assert_eq!(track.measured.keyframe_interval, EVERY_25);
    assert_eq!((track.measured.largest_gap, track.measured.gaps), (Some(40), 0));
    assert_eq!(track.bitrate().map(|rate| (19_000.0..21_500.0).contains(&rate)), Some(true));
}

#[test]
fn sound_and_clock_that_drift() {
    // A minute, with sound that gains 12 ms a second on the picture, and media that is a twentieth too slow.
    let mut t = Script::publishing();
    for tick in 0..600_u32 {
        let now = tick * 100;
        t.video(now, if tick % 20 == 0 { Frame::Key } else { Frame::Inter });
        t.audio(now + now * 12 / 1000).wait(0.105);
    }
    let track = video(t);
    let measured = track.measured;
    assert_eq!(rounded(measured.av_drift), Some(720.0));
    let skew = measured.av_skew.unwrap();
    assert!(skew.last == skew.max && (500..720).contains(&skew.last), "{skew:?}");
    // 5 ms in each 105 ms.
    assert_eq!(measured.clock_drift.map(f64::round), Some(-2_857.0));
    assert_eq!(measured.ahead.map(|ahead| ahead.last < -2_500), Some(true));
    assert_eq!(measured.jitter.map(|(mean, _)| mean > 1.0 && mean < 5.0), Some(true));
}

#[test]
fn without_a_clock_nothing_is_said_of_it() {
    let mut t = Script::started();
    t.clock = false;
    pictures(&mut t, 0, 250);
    let track = video(t);
    let measured = track.measured;
    assert_eq!((measured.ahead, measured.clock_drift), (None, None));
    assert_eq!((measured.jitter, measured.longest_silence), (None, None));
    assert_eq!((measured.frame_rate, measured.largest_gap), (Some(25.0), Some(40)));
    assert_eq!(measured.peak_bitrate, Some(20_000.0));
}

#[test]
fn streams_and_tracks_each_have_their_own() {
    let mut t = Script::publishing();
    for tick in 0..100_u32 {
        let now = tick * 40;
        t.video_at(now, if tick % 25 == 0 { Frame::Key } else { Frame::Inter }, 40);
        t.audio(now + 10);
        // Another track of the same message stream, every other frame, with B-frames.
        if tick % 2 == 0 {
            let first = if tick % 50 == 0 { 0x96 } else { 0xa6 };
            let composition = if tick % 4 == 0 { 160_u8 } else { 0 };
            let unit = [0, 0, 0, 2, 0x41, 0x9a];
            let head = [first, 0x01, b'a', b'v', b'c', b'1', 1, 0, 0, composition];
            t.message(C2S, 6, 1, 9, now, &[&head[..], &unit].concat());
        }
        // Another message stream.
        t.message(C2S, 7, 2, 9, now, b"\x27\x01\0\0\0\0\0\0\x02\x41\x9a").wait(0.04);
    }
    t.end();
    let facts: Vec<_> = t
        .tracks
        .iter()
        .filter(|track| track.media == Media::Video)
        .map(|track| {
            let measured = &track.measured;
            let groups = track.keyframe_interval.map(|groups| groups.mean);
            let skew = measured.av_skew.map(|skew| skew.last);
            (
                track.message_stream_id,
                track.track,
                measured.frame_rate,
                groups,
                measured.b_frames,
                skew,
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            (1, 0, Some(25.0), Some(1.0), Some(0), Some(-30)),
            (1, 1, Some(12.5), Some(2.0), Some(1), Some(10)),
            (2, 0, Some(25.0), None, Some(0), None),
        ]
    );
}
