use std::sync::Arc;

use super::super::super::profile::Wanted;
use super::super::Settings;
use super::super::test_kit::{ASC, AVCC, C2S, Frame, S2C, Script};
use super::*;

const MS: u64 = 1000;

fn number(key: Key, thousandths: u64) -> Limit {
    Limit { key, wanted: Wanted::Thousandths(thousandths), advice: false, source: None }
}

fn words(key: Key, words: &[&str]) -> Limit {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Limit { key, wanted: Wanted::OneOf(words), advice: false, source: None }
}

fn flag(key: Key, flag: bool) -> Limit {
    Limit { key, wanted: Wanted::Flag(flag), advice: false, source: None }
}

fn settings(limits: Vec<Limit>) -> Settings {
    let profile = Profile { name: "Test TV".into(), limits, ..Profile::default() };
    Settings { profile: Some(Arc::new(profile)), ..Settings::default() }
}

/// A publisher that is judged by these limits, after its sequence headers.
fn publishing(limits: Vec<Limit>) -> Script {
    Script::publishing_with(settings(limits))
}

/// Seconds of media under these limits: what is found.
fn run(limits: Vec<Limit>, seconds: f64) -> Script {
    let mut t = publishing(limits);
    t.media(seconds).end();
    t
}

#[test]
fn without_a_profile_nothing_is_measured_against_one() {
    let mut t = Script::publishing();
    t.video(0, Frame::Key).wait(20.0).video(20_000, Frame::Key).end();
    assert!(t.codes().iter().all(|code| !code.starts_with("profile.")), "{:?}", t.codes());
}

#[test]
fn the_distance_of_key_frames_is_said_with_both_numbers_and_the_setting() {
    let limits = || vec![number(Key::VideoGop, 2 * MS), number(Key::VideoMaxGop, 4 * MS)];
    let mut t = publishing(limits());
    for n in 0..=9 {
        t.video(n * 1000, if n % 9 == 0 { Frame::Key } else { Frame::Inter }).wait(1.0);
    }
    t.end();
    assert_eq!(
        t.text("profile.gop"),
        "Keyframe every 9.0 s: Test TV wants 4 s or less. In OBS: Output, Keyframe Interval, 2 s."
    );
    let finding = t.find("profile.gop").unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.fix().unwrap().contains("-g 2 "), "{:?}", finding.fix());
    // Every two seconds is fine, also where frames do not fall on the second.
    assert!(!run(limits(), 9.0).has("profile.gop"));
    assert!(!run(vec![number(Key::VideoMaxGop, 1_950)], 9.0).has("profile.gop"));
    assert!(run(vec![number(Key::VideoMaxGop, MS)], 9.0).has("profile.gop"));
}

#[test]
fn key_frames_that_never_come_again_are_said_while_it_lasts_and_at_the_end() {
    let limits = || vec![number(Key::VideoMaxGop, 4 * MS)];
    let mut t = publishing(limits());
    t.video(0, Frame::Key);
    for n in 1..=20 {
        t.wait(1.0).video(n * 1000, Frame::Inter);
    }
    assert!(
        t.text("profile.gop").starts_with("No keyframe for 18.0 s"),
        "{}",
        t.text("profile.gop")
    );
    let mut t = publishing(limits());
    t.video(0, Frame::Key);
    for n in 1..=6 {
        t.wait(1.0).video(n * 1000, Frame::Inter);
    }
    t.end();
    assert!(
        t.text("profile.gop").starts_with("No keyframe for 6.0 s"),
        "{}",
        t.text("profile.gop")
    );
}

#[test]
fn key_frames_too_close_count_by_their_mean() {
    assert!(run(vec![number(Key::VideoMinGop, 3 * MS)], 9.0).has("profile.gop-short"));
    assert!(!run(vec![number(Key::VideoMinGop, 2 * MS)], 9.0).has("profile.gop-short"));
}

#[test]
fn codecs_profiles_and_formats() {
    for (limit, code) in [
        (words(Key::VideoCodecs, &["hevc"]), "profile.codec"),
        (words(Key::AudioCodecs, &["opus", "mp3"]), "profile.codec"),
        (words(Key::VideoProfiles, &["High"]), "profile.profile"),
        (words(Key::AudioProfiles, &["HE-AAC"]), "profile.profile"),
        (number(Key::VideoMaxLevel, 2_900), "profile.level"),
        (words(Key::VideoChroma, &["4:2:2"]), "profile.chroma"),
        (number(Key::VideoMaxBitDepth, 7 * MS), "profile.chroma"),
        (number(Key::VideoMaxWidth, 600 * MS), "profile.resolution"),
        (number(Key::VideoMinHeight, 400 * MS), "profile.resolution"),
        (words(Key::AudioSampleRates, &["48000"]), "profile.sample-rate"),
        (number(Key::AudioMaxChannels, MS), "profile.channels"),
    ] {
        let t = run(vec![limit], 1.0);
        let found: Vec<_> = t.codes().into_iter().filter(|c| c.starts_with("profile.")).collect();
        assert_eq!(found, [code]);
        assert!(t.text(code).contains("Test TV"), "{}", t.text(code));
    }
    let right = vec![
        words(Key::VideoCodecs, &["hevc", "avc"]),
        words(Key::AudioCodecs, &["aac"]),
        words(Key::VideoProfiles, &["Constrained Baseline", "Baseline"]),
        words(Key::AudioProfiles, &["lc"]),
        number(Key::VideoMaxLevel, 3 * MS),
        words(Key::VideoChroma, &["4:2:0"]),
        number(Key::VideoMaxBitDepth, 8 * MS),
        number(Key::VideoMaxWidth, 640 * MS),
        number(Key::VideoMaxHeight, 360 * MS),
        words(Key::AudioSampleRates, &["44100"]),
        number(Key::AudioMaxChannels, 2 * MS),
        flag(Key::VideoBFrames, false),
        flag(Key::VideoInterlaced, false),
        flag(Key::VideoRequired, true),
        flag(Key::AudioRequired, true),
    ];
    let t = run(right, 12.0);
    assert!(t.codes().iter().all(|code| !code.starts_with("profile.")), "{:?}", t.codes());
}

#[test]
fn interlaced_video() {
    let limits = vec![flag(Key::VideoInterlaced, false)];
    let mut t = Script::started_with(settings(limits));
    // frame_mbs_only_flag is 0.
    let avcc =
        b"\x01\x4d\xc0\x1e\xff\xe1\0\x09\x67\x4d\xc0\x1e\xda\x02\x81\x84\x80\x01\0\x04\x68\xce\x38\x80";
    t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", &avcc[..]].concat());
    assert!(t.has("profile.interlaced"), "{:?}", t.codes());
}

#[test]
fn b_frames() {
    let mut t = publishing(vec![flag(Key::VideoBFrames, false)]);
    t.video(0, Frame::Key).video_at(40, Frame::Inter, 80).video_at(80, Frame::Inter, 0);
    assert!(t.text("profile.b-frames").starts_with("B-frames: Test TV wants none"));
    let mut t = publishing(vec![flag(Key::VideoBFrames, false)]);
    t.video_at(0, Frame::Key, 80).video_at(40, Frame::Inter, 80).video_at(80, Frame::Inter, 80);
    assert!(!t.has("profile.b-frames"), "all are shown a little later");
}

#[test]
fn rates_are_measured_over_ten_seconds_or_all_there_is() {
    // 25 frames a second of 100 bytes, and audio of 8 bytes: 20 kb/s and 2.8 kb/s.
    for (limit, code, seconds) in [
        (number(Key::VideoMaxFps, 20 * MS), "profile.fps", 12.0),
        (number(Key::VideoMaxFps, 20 * MS), "profile.fps", 4.0),
        (number(Key::VideoMinFps, 30 * MS), "profile.fps", 12.0),
        (number(Key::VideoMaxBitrate, 15_000 * MS), "profile.bitrate", 12.0),
        (number(Key::VideoMinBitrate, 25_000 * MS), "profile.bitrate-low", 12.0),
        (number(Key::AudioMaxBitrate, 2_000 * MS), "profile.bitrate", 12.0),
        (number(Key::StreamMaxBitrate, 18_000 * MS), "profile.bitrate", 13.0),
        (number(Key::StreamMinBitrate, 30_000 * MS), "profile.bitrate-low", 13.0),
    ] {
        let t = run(vec![limit.clone()], seconds);
        assert!(t.has(code), "{limit:?}: {:?}", t.codes());
    }
    for limit in [
        number(Key::VideoMaxFps, 25 * MS),
        number(Key::VideoMinFps, 25 * MS),
        number(Key::VideoMaxBitrate, 20_000 * MS),
        number(Key::VideoMinBitrate, 20_000 * MS),
        number(Key::StreamMaxBitrate, 22_800 * MS),
    ] {
        let t = run(vec![limit.clone()], 13.0);
        assert!(t.codes().iter().all(|c| !c.starts_with("profile.")), "{limit:?}: {:?}", t.codes());
    }
}

#[test]
fn the_bitrate_of_the_picture_s_row_goes_before_that_of_all() {
    let row =
        Bitrates { height: 360, fps: 30, min: None, max: Some(10_000), advice: true, source: None };
    let profile = Profile {
        name: "Test TV".into(),
        limits: vec![number(Key::VideoMaxBitrate, 100_000 * MS)],
        bitrates: vec![row],
        ..Profile::default()
    };
    let rules = Settings { profile: Some(Arc::new(profile)), ..Settings::default() };
    let mut t = Script::publishing_with(rules);
    t.media(12.0).end();
    let finding = t.find("profile.bitrate").unwrap();
    assert_eq!(finding.severity, Severity::Info, "it is advice");
    assert!(finding.message.contains("10 kb/s"), "{}", finding.message);
}

#[test]
fn a_track_that_is_missing_is_said_after_five_seconds_or_at_the_end() {
    let limits = || vec![flag(Key::AudioRequired, true), flag(Key::VideoRequired, true)];
    let mut t = publishing(limits());
    for n in 0..8 {
        t.video(n * 1000, if n % 2 == 0 { Frame::Key } else { Frame::Inter }).wait(1.0);
    }
    assert_eq!(t.text("profile.track-missing"), "There is no audio: Test TV needs it");
    let mut t = publishing(limits());
    t.audio(0).wait(1.0).audio(1000).end();
    assert_eq!(t.text("profile.track-missing"), "There is no video: Test TV needs it");
    assert!(!run(limits(), 8.0).has("profile.track-missing"));
}

#[test]
fn steps_of_timestamps_and_tracks_that_part() {
    let jump = || vec![number(Key::TimingMaxTimestampJump, 200 * MS)];
    let mut t = publishing(jump());
    t.video(0, Frame::Key).wait(0.3).video(300, Frame::Inter).wait(1.0).video(400, Frame::Inter);
    assert!(
        t.text("profile.timestamp-jump").contains("300 ms"),
        "{}",
        t.text("profile.timestamp-jump")
    );
    assert!(!run(jump(), 4.0).has("profile.timestamp-jump"));
    let drift = || vec![number(Key::TimingMaxAvDrift, 1_000 * MS)];
    let mut t = publishing(drift());
    for n in 0..4 {
        t.video(n * 1000, Frame::Key).audio(n * 2000).wait(1.0);
    }
    assert!(t.text("profile.av-drift").starts_with("Video is"), "{:?}", t.codes());
    assert!(!run(drift(), 4.0).has("profile.av-drift"));
}

#[test]
fn what_a_server_sends_is_not_measured() {
    let mut t = Script::started_with(settings(vec![words(Key::VideoCodecs, &["hevc"])]));
    t.message(S2C, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
    t.message(S2C, 4, 1, 8, 0, &[b"\xaf\0", ASC].concat());
    assert!(!t.has("profile.codec"));
}

#[test]
fn the_same_rule_for_all_services_is_silent_where_the_profile_has_a_number() {
    let mut settings = Settings::default();
    settings.take(Profile { limits: vec![number(Key::VideoMaxGop, MS)], ..Profile::default() });
    let silenced = settings.severities.iter().any(|(code, to)| *code == "gop.long" && to.is_none());
    assert_eq!(silenced, super::super::rule("gop.long").is_some());
}
