//! Streams that a service does not want so.

use rtmpctl::inspect::profile::{Key, Limit, Profile, Wanted};

use super::script::{C2S, Frame, Script};
use super::{Fault, fault};

const MS: u64 = 1000;

fn profile(key: Key, wanted: Wanted) -> Profile {
    let limit = Limit { key, wanted, advice: false, source: None };
    Profile { name: "Test TV".to_owned(), limits: vec![limit], ..Profile::default() }
}

fn number(key: Key, thousandths: u64) -> Profile {
    profile(key, Wanted::Thousandths(thousandths))
}

fn words(key: Key, words: &[&str]) -> Profile {
    profile(key, Wanted::OneOf(words.iter().map(|word| (*word).to_owned()).collect()))
}

/// The usual stream.
fn usual(t: &mut Script) {
    t.publishing().media(0, 13.0).done();
}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        fault("profile.codec", usual).profile(|| words(Key::VideoCodecs, &["hevc"])),
        fault("profile.profile", usual).profile(|| words(Key::VideoProfiles, &["High"])),
        fault("profile.level", usual).profile(|| number(Key::VideoMaxLevel, 2_900)),
        fault("profile.chroma", usual).profile(|| words(Key::VideoChroma, &["4:2:2"])),
        fault("profile.fps", usual).profile(|| number(Key::VideoMinFps, 30 * MS)),
        fault("profile.gop", usual).profile(|| number(Key::VideoMaxGop, MS)),
        fault("profile.gop-short", usual).profile(|| number(Key::VideoMinGop, 3 * MS)),
        fault("profile.bitrate", usual).profile(|| number(Key::VideoMaxBitrate, 10_000 * MS)),
        fault("profile.bitrate-low", usual).profile(|| number(Key::StreamMinBitrate, 90_000 * MS)),
        fault("profile.resolution", usual).profile(|| number(Key::VideoMaxHeight, 240 * MS)),
        fault("profile.sample-rate", usual).profile(|| words(Key::AudioSampleRates, &["48000"])),
        fault("profile.channels", usual).profile(|| number(Key::AudioMaxChannels, MS)),
        fault("profile.track-missing", |t| {
            t.publishing();
            for n in 0..7 {
                t.video(n * 1000, Frame::Key).wait(1.0);
            }
            t.done();
        })
        .profile(|| profile(Key::AudioRequired, Wanted::Flag(true))),
        fault("profile.b-frames", |t| {
            t.publishing().video(0, Frame::Key).video_at(40, Frame::Inter, 80);
            t.video_at(80, Frame::Inter, 0).done();
        })
        .profile(|| profile(Key::VideoBFrames, Wanted::Flag(false))),
        fault("profile.interlaced", |t| {
            let avcc = b"\x01\x4d\xc0\x1e\xff\xe1\0\x09\x67\x4d\xc0\x1e\xda\x02\x81\x84\x80\x01\0\x04\x68\xce\x38\x80";
            t.started().message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", &avcc[..]].concat()).done();
        })
        .profile(|| profile(Key::VideoInterlaced, Wanted::Flag(false))),
        fault("profile.timestamp-jump", |t| {
            t.publishing().media(0, 2.0).wait(0.3).media(2_300, 2.0).done();
        })
        .profile(|| number(Key::TimingMaxTimestampJump, 200 * MS)),
        fault("profile.av-drift", |t| {
            t.publishing();
            for n in 0..50 {
                t.video(n * 40, Frame::Key).audio(400 + n * 40).wait(0.04);
            }
            t.done();
        })
        .profile(|| number(Key::TimingMaxAvDrift, 300 * MS)),
    ]
}
