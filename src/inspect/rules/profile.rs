//! What is published against the requirements of the service that it is for.
//!
//! Only what the client sends is measured. Nothing is judged without a [`Profile`].

use super::super::pace::{Frame, Marks};
use super::super::profile::{Bitrates, Key, Limit, Profile, bitrate};
use super::super::record::{Codec, Media};
use super::super::track::Counter;
use super::super::{Closed, MessageRecord, Severity};
use super::judge::{Judge, Seen};
use super::{Confidence, Rule};
use crate::proto::Direction;
use crate::proto::codec::{AudioConfig, Level, VideoConfig};
use crate::proto::message::Body;

/// A rule about a requirement. Its findings name the service and both numbers.
const fn rule(
    code: &'static str,
    severity: Severity,
    title: &'static str,
    meaning: &'static str,
    fix: &'static str,
) -> Rule {
    Rule {
        code,
        severity,
        confidence: Confidence::Certain,
        title,
        meaning,
        breaks_on: "The service whose profile was asked for with --profile; `rtmpctl profiles NAME` names the page that \
                    says so.",
        fix,
        spec: None,
    }
}

const CODEC: Rule = rule(
    "profile.codec",
    Severity::Error,
    "a codec that the service does not take",
    "The service does not read this codec over RTMP: it drops the track or the connection.",
    "Choose another encoder. In OBS: Settings, Output, Video Encoder and Audio Encoder; in ffmpeg: -c:v and -c:a.",
);
const CODEC_PROFILE: Rule = rule(
    "profile.profile",
    Severity::Warning,
    "a profile of the codec that the service does not take",
    "The codec is right, its profile is another than those that the service names. Decoders behind it may fail.",
    "In OBS: Settings, Output, Profile; in ffmpeg: -profile:v and -profile:a.",
);
const LEVEL: Rule = rule(
    "profile.level",
    Severity::Warning,
    "a level above what the service takes",
    "The level says what a decoder has to be able to do. Hardware decoders of players stop at the service's.",
    "Less resolution, frame rate or reference frames; in ffmpeg: -level:v.",
);
const CHROMA: Rule = rule(
    "profile.chroma",
    Severity::Warning,
    "a chroma format or bit depth that the service does not take",
    "Most players decode 4:2:0 with 8 bits only. 4:4:4 and 4:2:2 come from screen capture and cameras as they are.",
    "In OBS: Settings, Advanced, Color Format NV12; in ffmpeg: -pix_fmt yuv420p.",
);
const B_FRAMES: Rule = rule(
    "profile.b-frames",
    Severity::Warning,
    "B-frames, which the service does not want",
    "Frames are sent in another order than shown. Where the service hands frames on without a decoder, playback jitters.",
    "In OBS: Settings, Output, Max B-frames 0; in ffmpeg: -bf 0.",
);
const INTERLACED: Rule = rule(
    "profile.interlaced",
    Severity::Warning,
    "interlaced video, which the service does not want",
    "Pictures may be coded as fields. Players of live streams show them with combs.",
    "Deinterlace ahead of the encoder: in OBS in the source's menu, in ffmpeg -vf yadif.",
);
const FPS: Rule = rule(
    "profile.fps",
    Severity::Warning,
    "a frame rate beyond what the service wants",
    "Measured by timestamps over ten seconds, or over the whole stream where that is shorter.",
    "In OBS: Settings, Video, Common FPS Values; in ffmpeg: -r.",
);
const GOP: Rule = rule(
    "profile.gop",
    Severity::Warning,
    "key frames further apart than the service wants",
    "Viewers can start, and segments begin, only at key frames: with rare ones streams start late and stall.",
    "In OBS: Settings, Output, Keyframe Interval; in ffmpeg: -g, in frames.",
);
const GOP_SHORT: Rule = rule(
    "profile.gop-short",
    Severity::Warning,
    "key frames closer together than the service wants",
    "On average over the stream. Each key frame costs bits, and segments become too short.",
    "In OBS: Settings, Output, Keyframe Interval; in ffmpeg: -g, in frames, with -sc_threshold 0.",
);
const BITRATE: Rule = rule(
    "profile.bitrate",
    Severity::Warning,
    "more bitrate than the service takes",
    "Measured over ten seconds of media, with a tenth to spare. Services cut or drop streams above their limit.",
    "In OBS: Settings, Output, Bitrate, with rate control CBR; in ffmpeg: -b:v with -maxrate and -bufsize, and -b:a.",
);
const BITRATE_LOW: Rule = rule(
    "profile.bitrate-low",
    Severity::Info,
    "less bitrate than the service recommends",
    "Measured over ten seconds of media. A still picture needs little: then it is nothing to mend.",
    "In OBS: Settings, Output, Bitrate, with rate control CBR; in ffmpeg: -b:v with -minrate, and -b:a.",
);
const RESOLUTION: Rule = rule(
    "profile.resolution",
    Severity::Warning,
    "a resolution beyond what the service takes",
    "Larger pictures are scaled or refused. Of an upright picture width and height change places.",
    "In OBS: Settings, Video, Output (Scaled) Resolution; in ffmpeg: -vf scale.",
);
const SAMPLE_RATE: Rule = rule(
    "profile.sample-rate",
    Severity::Warning,
    "an audio sample rate that the service does not take",
    "Other rates are converted, or lead to drift between audio and video.",
    "In OBS: Settings, Audio, Sample Rate; in ffmpeg: -ar.",
);
const CHANNELS: Rule = rule(
    "profile.channels",
    Severity::Warning,
    "more audio channels than the service takes",
    "Services mix down, or drop what is beyond stereo.",
    "In OBS: Settings, Audio, Channels Stereo; in ffmpeg: -ac 2.",
);
const TRACK_MISSING: Rule = rule(
    "profile.track-missing",
    Severity::Warning,
    "a track that the service needs is not there",
    "Five seconds of media have come, or all there were, and there is no audio, or no video.",
    "Publish both. In ffmpeg silence is an input: -f lavfi -i anullsrc.",
);
const TIMESTAMP_JUMP: Rule = rule(
    "profile.timestamp-jump",
    Severity::Warning,
    "a timestamp further from the one before than the profile allows",
    "The profile sets the limit. What is behind it depends on the encoder: a pause, a switch of scenes, a clock.",
    "See whether the source paused; `rtmpctl decode --timeline` shows where.",
);
const AV_DRIFT: Rule = rule(
    "profile.av-drift",
    Severity::Warning,
    "audio and video further apart than the profile allows",
    "The timestamps of audio and video that came together differ by more than the limit: buffers run full behind it.",
    "Feed the encoder audio and video of one clock; in OBS see the audio's sync offset.",
);

/// Milliseconds of media over which rates are measured.
const PROBE: i64 = 10_000;
/// Milliseconds of media that are enough for a rate where the stream has no more.
const LEAST: i64 = 2_000;
/// Milliseconds of media after which a track that has not begun is missing.
const SOON: i64 = 5_000;
/// Milliseconds by which distances of key frames may be off: encoders place them on whole frames.
const GOP_SLACK: i64 = 100;
/// A hundredth of it more than a limit counts: rates are measured over whole frames.
const RATE_SLACK: f64 = 1.1;
/// The same of frame rates.
const FPS_SLACK: f64 = 1.05;

/// Measures what is published.
#[derive(Debug, Default)]
pub(super) struct Profiled {
    /// One for each track, in the order of the tracks, of which the limits allow so many.
    tracks: Vec<Measured>,
    missing: bool,
    stream: [bool; 2],
}

/// What is measured of one track.
#[derive(Debug, Default, Clone, Copy)]
struct Measured {
    /// Frames, bytes and milliseconds of media of the seconds since the last probe.
    frames: u64,
    bytes: u64,
    covered: i64,
    /// The latest bitrate, bits per second.
    rate: Option<f64>,
    /// What was said, by [`Said`].
    said: u16,
}

/// What is said once of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Gop = 1,
    Short = 2,
    FpsHigh = 4,
    FpsLow = 8,
    High = 16,
    Low = 32,
    BFrames = 64,
    Jump = 128,
    Drift = 256,
    Resolution = 512,
}

impl Measured {
    /// Whether it is to be said: the first time.
    const fn first(&mut self, what: Said) -> bool {
        let new = self.said & what as u16 == 0;
        self.said |= what as u16;
        new
    }
}

impl Judge for Profiled {
    const RULES: &'static [Rule] = &[
        CODEC,
        CODEC_PROFILE,
        LEVEL,
        CHROMA,
        B_FRAMES,
        INTERLACED,
        FPS,
        GOP,
        GOP_SHORT,
        BITRATE,
        BITRATE_LOW,
        RESOLUTION,
        SAMPLE_RATE,
        CHANNELS,
        TRACK_MISSING,
        TIMESTAMP_JUMP,
        AV_DRIFT,
    ];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let Some(profile) = seen.settings.profile.as_deref() else { return };
        let Some(counter) = published(seen, frame) else { return };
        if frame.marks.has(Marks::CODEC) {
            codec(seen, profile, counter);
        }
        if frame.marks.has(Marks::CONFIG) {
            match config(message, counter.track.track) {
                Some(Config::Video(config)) => picture(seen, profile, counter, config),
                Some(Config::Audio(config)) => sound(seen, profile, config),
                None => {}
            }
        }
        if frame.marks.has(Marks::CONFIG.and(Marks::KEY)) {
            self.resolution(seen, profile, frame, counter);
        }
        if frame.marks.has(Marks::REORDERED)
            && let Some((false, limit)) = profile.flag(Key::VideoBFrames)
            && self.of(frame).first(Said::BFrames)
        {
            let name = &profile.name;
            seen.report_as(&B_FRAMES, limit.severity(B_FRAMES.severity), || {
                format!(
                    "B-frames: {name} wants none. In OBS: Output, Max B-frames, 0; in ffmpeg: -bf 0."
                )
            });
        }
        if frame.marks.has(Marks::KEY) && !frame.marks.has(Marks::DAMAGED) {
            self.key(seen, profile, frame, counter);
        }
    }

    fn second(&mut self, seen: &mut Seen<'_>, frame: &Frame) {
        let Some(profile) = seen.settings.profile.as_deref() else { return };
        let Some(counter) = published(seen, frame) else { return };
        let past = counter.pace.past;
        let measured = self.of(frame);
        measured.frames += u64::from(past.frames);
        measured.bytes += past.bytes;
        measured.covered += i64::from(past.covered.max(0));
        if measured.covered >= PROBE {
            self.probe(seen, profile, frame.track, counter);
        }
        if let Some((most, limit)) = profile.number(Key::TimingMaxTimestampJump)
            && u64::from(past.widest) * 1000 > most
            && self.of(frame).first(Said::Jump)
        {
            let (name, widest) = (&profile.name, past.widest);
            let media = counter.track.media.as_str();
            seen.report_as(&TIMESTAMP_JUMP, limit.severity(TIMESTAMP_JUMP.severity), || {
                format!("A {media} timestamp {widest} ms from the one before: {name} wants {limit} or less")
            });
        }
        self.drift(seen, profile, frame, counter);
        if counter.pace.clock >= SOON {
            self.missing(seen, profile);
        }
        // Key frames that do not come at all are not told by the next one.
        if counter.track.media == Media::Video
            && let Some((most, limit)) = profile.number(Key::VideoMaxGop)
            && let Some((distance, true)) = counter.open_group()
        {
            let distance = i64::from(distance);
            if distance > (most as i64).saturating_mul(3) + SOON && self.of(frame).first(Said::Gop)
            {
                no_key(seen, profile, distance, limit);
            }
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _closed: Closed) {
        let Some(profile) = seen.settings.profile.as_deref() else { return };
        let tracks = seen.tracks;
        for (index, counter) in tracks.all().iter().enumerate() {
            if counter.track.direction != Direction::ClientToServer {
                continue;
            }
            let Some(measured) = self.tracks.get_mut(index) else { continue };
            if let Some((most, limit)) = profile.number(Key::VideoMaxGop)
                && let Some((distance, true)) = counter.open_group()
            {
                let distance = i64::from(distance);
                if distance > most as i64 + GOP_SLACK && measured.first(Said::Gop) {
                    no_key(seen, profile, distance, limit);
                }
            }
            if counter.groups.count >= 2 {
                self.short(seen, profile, index, counter);
            }
            if self.tracks.get(index).is_some_and(|m| m.covered >= LEAST && m.rate.is_none()) {
                self.probe(seen, profile, index, counter);
            }
        }
        self.missing(seen, profile);
    }
}

/// The track of a frame, where the client sends it.
fn published<'a>(seen: &Seen<'a>, frame: &Frame) -> Option<&'a Counter> {
    seen.tracks.of(frame).filter(|counter| counter.track.direction == Direction::ClientToServer)
}

enum Config<'a> {
    Video(&'a VideoConfig),
    Audio(&'a AudioConfig),
}

/// The configuration that a message has for a track.
fn config<'a>(message: &MessageRecord<'a>, track: u8) -> Option<Config<'a>> {
    match message.body {
        Body::Video(video) if video.tracks.is_empty() => video.config.as_deref().map(Config::Video),
        Body::Video(video) => {
            let inner = video.tracks.iter().find(|inner| inner.track == track)?;
            inner.config.as_deref().map(Config::Video)
        }
        Body::Audio(audio) if audio.tracks.is_empty() => audio.config.as_deref().map(Config::Audio),
        Body::Audio(audio) => {
            let inner = audio.tracks.iter().find(|inner| inner.track == track)?;
            inner.config.as_deref().map(Config::Audio)
        }
        _ => None,
    }
}

/// Whether a name is among those that are wanted, whatever its case.
fn among(words: &[String], name: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(name))
}

fn codec(seen: &mut Seen<'_>, profile: &Profile, counter: &Counter) {
    let (key, name, set) = match counter.track.codec {
        Some(Codec::Video(codec)) => {
            (Key::VideoCodecs, codec.to_string(), "Video Encoder; in ffmpeg: -c:v")
        }
        Some(Codec::Audio(codec)) => {
            (Key::AudioCodecs, codec.to_string(), "Audio Encoder; in ffmpeg: -c:a")
        }
        None => return,
    };
    let Some((words, limit)) = profile.words(key) else { return };
    if !among(words, &name) {
        let (media, service) = (counter.track.media.as_str(), &profile.name);
        seen.report_as(&CODEC, limit.severity(CODEC.severity), || {
            format!("The {media} is {name}: {service} takes {limit}. In OBS: Output, {set}.")
        });
    }
}

/// What a sequence header says of pictures.
fn picture(seen: &mut Seen<'_>, profile: &Profile, counter: &Counter, config: &VideoConfig) {
    let name = &profile.name;
    if let Some(is) = config.profile
        && let Some((words, limit)) = profile.words(Key::VideoProfiles)
        && !among(words, is)
    {
        let codec = match counter.track.codec {
            Some(Codec::Video(codec)) => codec.to_string(),
            _ => String::new(),
        };
        seen.report_as(&CODEC_PROFILE, limit.severity(CODEC_PROFILE.severity), || {
            format!(
                "The {codec} profile is {is}: {name} wants {limit}. In OBS: Output, Profile; in ffmpeg: -profile:v."
            )
        });
    }
    if let Some(level) = config.level
        && let Some((most, limit)) = profile.number(Key::VideoMaxLevel)
        && thousandths(level) > most
    {
        seen.report_as(&LEVEL, limit.severity(LEVEL.severity), || {
            format!(
                "Level {level}: {name} wants {limit} or less. Less resolution or frame rate, or in ffmpeg: -level:v {limit}."
            )
        });
    }
    if let Some(chroma) = config.chroma
        && let Some((words, limit)) = profile.words(Key::VideoChroma)
        && !among(words, chroma)
    {
        seen.report_as(&CHROMA, limit.severity(CHROMA.severity), || {
            format!(
                "Chroma {chroma}: {name} wants {limit}. In OBS: Advanced, Color Format, NV12; in ffmpeg: -pix_fmt yuv420p."
            )
        });
    } else if let Some(depth) = config.bit_depth
        && let Some((most, limit)) = profile.number(Key::VideoMaxBitDepth)
        && u64::from(depth) * 1000 > most
    {
        seen.report_as(&CHROMA, limit.severity(CHROMA.severity), || {
            format!(
                "{depth} bits a sample: {name} wants {limit} or less. In OBS: Advanced, Color Format, NV12; in ffmpeg: \
                 -pix_fmt yuv420p."
            )
        });
    }
    if config.interlaced == Some(true)
        && let Some((false, limit)) = profile.flag(Key::VideoInterlaced)
    {
        seen.report_as(&INTERLACED, limit.severity(INTERLACED.severity), || {
            format!("Interlaced video: {name} wants whole frames. In ffmpeg: -vf yadif.")
        });
    }
}

/// A level in the form in which a profile has it.
fn thousandths(level: Level) -> u64 {
    match level {
        Level::Number { major, minor } => u64::from(major) * 1000 + u64::from(minor) * 100,
        Level::OneB => 1050,
    }
}

/// What a sequence header says of sound.
fn sound(seen: &mut Seen<'_>, profile: &Profile, config: &AudioConfig) {
    let name = &profile.name;
    if let Some(is) = config.profile
        && let Some((words, limit)) = profile.words(Key::AudioProfiles)
        && !among(words, is)
    {
        seen.report_as(&CODEC_PROFILE, limit.severity(CODEC_PROFILE.severity), || {
            format!("The audio profile is {is}: {name} wants {limit}. In ffmpeg: -c:a aac -profile:a aac_low.")
        });
    }
    if let Some(rate) = config.sample_rate
        && let Some((words, limit)) = profile.words(Key::AudioSampleRates)
        && !among(words, &rate.to_string())
    {
        seen.report_as(&SAMPLE_RATE, limit.severity(SAMPLE_RATE.severity), || {
            format!("Audio of {rate} Hz: {name} wants {limit}. In OBS: Audio, Sample Rate; in ffmpeg: -ar.")
        });
    }
    if let Some(channels) = config.channels
        && let Some((most, limit)) = profile.number(Key::AudioMaxChannels)
        && u64::from(channels) * 1000 > most
    {
        seen.report_as(&CHANNELS, limit.severity(CHANNELS.severity), || {
            format!(
                "{channels} audio channels: {name} wants {limit} or less. In OBS: Audio, Channels, Stereo; in ffmpeg: -ac 2."
            )
        });
    }
}

/// The distance to set in an encoder.
fn to_set(profile: &Profile, other: f64) -> f64 {
    profile.number(Key::VideoGop).map_or(other, |(gop, _)| gop as f64 / 1000.0)
}

fn no_key(seen: &mut Seen<'_>, profile: &Profile, distance: i64, limit: &Limit) {
    let (name, seconds) = (&profile.name, distance as f64 / 1000.0);
    let set = to_set(profile, 2.0);
    seen.report_as(&GOP, limit.severity(GOP.severity), || {
        format!(
            "No keyframe for {seconds:.1} s: {name} wants one every {limit} or less. In OBS: Output, Keyframe Interval, \
             {set} s."
        )
    });
}

impl Profiled {
    /// What is measured of a frame's track.
    fn of(&mut self, frame: &Frame) -> &mut Measured {
        self.at(frame.track)
    }

    fn at(&mut self, track: usize) -> &mut Measured {
        if self.tracks.len() <= track {
            self.tracks.resize(track + 1, Measured::default());
        }
        &mut self.tracks[track]
    }

    /// A key frame came.
    fn key(&mut self, seen: &mut Seen<'_>, profile: &Profile, frame: &Frame, counter: &Counter) {
        let Some(distance) = counter.groups.ended.map(i64::from) else { return };
        if let Some((most, limit)) = profile.number(Key::VideoMaxGop)
            && distance > most as i64 + GOP_SLACK
        {
            self.of(frame).first(Said::Gop);
            let (name, seconds) = (&profile.name, distance as f64 / 1000.0);
            let set = to_set(profile, 2.0);
            let measured = counter.pace.frame_rate(counter.track.frames);
            let rate = counter.track.frame_rate.or(measured).unwrap_or(30.0);
            let frames = rate.clamp(1.0, 1000.0) * set;
            seen.report_as(&GOP, limit.severity(GOP.severity), || {
                format!(
                    "Keyframe every {seconds:.1} s: {name} wants {limit} or less. In OBS: Output, Keyframe Interval, {set} s."
                )
            })
            .fix(format!(
                "In OBS: Settings, Output, Keyframe Interval, {set} s. In ffmpeg: -g {0:.0} -keyint_min {0:.0} \
                 -sc_threshold 0.",
                frames.round()
            ));
        }
        // Scene changes bring some closer together: the mean of many counts.
        if counter.groups.count >= 10 {
            self.short(seen, profile, frame.track, counter);
        }
    }

    /// Whether key frames come too often.
    fn short(&mut self, seen: &mut Seen<'_>, profile: &Profile, track: usize, counter: &Counter) {
        let Some(mean) = counter.groups.mean() else { return };
        if let Some((least, limit)) = profile.number(Key::VideoMinGop)
            && mean + (GOP_SLACK as f64) < least as f64
            && self.at(track).first(Said::Short)
        {
            let (name, seconds) = (&profile.name, mean / 1000.0);
            let set = to_set(profile, least as f64 / 1000.0);
            seen.report_as(&GOP_SHORT, limit.severity(GOP_SHORT.severity), || {
                format!(
                    "Keyframe every {seconds:.1} s: {name} wants {limit} or more. In OBS: Output, Keyframe Interval, {set} s."
                )
            });
        }
    }

    /// Enough has come to tell frame rate and bitrate.
    fn probe(&mut self, seen: &mut Seen<'_>, profile: &Profile, track: usize, counter: &Counter) {
        let measured = self.at(track);
        let seconds = measured.covered as f64 / 1000.0;
        let fps = measured.frames as f64 / seconds;
        let rate = measured.bytes as f64 * 8.0 / seconds;
        (measured.frames, measured.bytes, measured.covered) = (0, 0, 0);
        measured.rate = Some(rate);
        match counter.track.media {
            Media::Video => {
                self.fps(seen, profile, track, fps);
                let (least, most) = (Key::VideoMinBitrate, Key::VideoMaxBitrate);
                let size = counter.track.width.zip(counter.track.height);
                let row = size.and_then(|(width, height)| profile.bitrates(width, height, fps));
                self.rate(seen, profile, track, "Video", rate, [least, most], row);
            }
            Media::Audio => {
                let keys = [Key::AudioMinBitrate, Key::AudioMaxBitrate];
                self.rate(seen, profile, track, "Audio", rate, keys, None);
            }
            Media::Data => {}
        }
        self.together(seen, profile);
    }

    fn fps(&mut self, seen: &mut Seen<'_>, profile: &Profile, track: usize, fps: f64) {
        let name = &profile.name;
        if let Some((most, limit)) = profile.number(Key::VideoMaxFps)
            && fps * 1000.0 > most as f64 * FPS_SLACK
            && self.at(track).first(Said::FpsHigh)
        {
            seen.report_as(&FPS, limit.severity(FPS.severity), || {
                format!("{fps:.1} frames a second: {name} wants {limit} or less. In OBS: Video, FPS; in ffmpeg: -r.")
            });
        }
        if let Some((least, limit)) = profile.number(Key::VideoMinFps)
            && fps * 1000.0 * FPS_SLACK < least as f64
            && self.at(track).first(Said::FpsLow)
        {
            seen.report_as(&FPS, limit.severity(FPS.severity), || {
                format!("{fps:.1} frames a second: {name} wants {limit} or more. In OBS: Video, FPS; in ffmpeg: -r.")
            });
        }
    }

    /// A bitrate against the profile's, or against that of the picture's row.
    #[allow(clippy::too_many_arguments, reason = "all of them are what is compared")]
    fn rate(
        &mut self,
        seen: &mut Seen<'_>,
        profile: &Profile,
        track: usize,
        what: &str,
        rate: f64,
        [least, most]: [Key; 2],
        row: Option<&Bitrates>,
    ) {
        let (name, is) = (&profile.name, bitrate(rate));
        let of = |key, value: Option<u64>| match (value, row) {
            (Some(bits), Some(row)) => Some((bits as f64, row.advice)),
            _ => profile.number(key).map(|(bits, limit)| (bits as f64 / 1000.0, limit.advice)),
        };
        if let Some((limit, advice)) = of(most, row.and_then(|row| row.max))
            && rate > limit * RATE_SLACK
            && self.at(track).first(Said::High)
        {
            let severity = if advice { Severity::Info } else { BITRATE.severity };
            seen.report_as(&BITRATE, severity, || {
                let limit = bitrate(limit);
                format!("{what} of {is}: {name} wants {limit} or less. In OBS: Output, Bitrate; in ffmpeg: -b.")
            });
        }
        if let Some((limit, advice)) = of(least, row.and_then(|row| row.min))
            && rate * RATE_SLACK < limit
            && self.at(track).first(Said::Low)
        {
            let severity = if advice { Severity::Info } else { BITRATE_LOW.severity };
            seen.report_as(&BITRATE_LOW, severity, || {
                let limit = bitrate(limit);
                format!("{what} of {is}: {name} wants {limit} or more. In OBS: Output, Bitrate; in ffmpeg: -b.")
            });
        }
    }

    /// All tracks together, once each has a rate.
    fn together(&mut self, seen: &mut Seen<'_>, profile: &Profile) {
        let rates = seen.tracks.all().iter().enumerate().filter(|(_, counter)| {
            counter.track.direction == Direction::ClientToServer
                && counter.track.media != Media::Data
        });
        let mut sum = 0.0;
        for (index, _) in rates {
            let Some(rate) = self.tracks.get(index).and_then(|measured| measured.rate) else {
                return;
            };
            sum += rate;
        }
        let (name, is) = (&profile.name, bitrate(sum));
        if let Some((most, limit)) = profile.number(Key::StreamMaxBitrate)
            && sum * 1000.0 > most as f64 * RATE_SLACK
            && !std::mem::replace(&mut self.stream[0], true)
        {
            seen.report_as(&BITRATE, limit.severity(BITRATE.severity), || {
                format!("All tracks together {is}: {name} wants {limit} or less. In OBS: Output, Bitrate.")
            });
        }
        if let Some((least, limit)) = profile.number(Key::StreamMinBitrate)
            && sum * 1000.0 * RATE_SLACK < least as f64
            && !std::mem::replace(&mut self.stream[1], true)
        {
            seen.report_as(&BITRATE_LOW, limit.severity(BITRATE_LOW.severity), || {
                format!("All tracks together {is}: {name} wants {limit} or more. In OBS: Output, Bitrate.")
            });
        }
    }

    fn resolution(
        &mut self,
        seen: &mut Seen<'_>,
        profile: &Profile,
        frame: &Frame,
        counter: &Counter,
    ) {
        let Some((width, height)) = counter.track.width.zip(counter.track.height) else { return };
        let (long, short) = (width.max(height), width.min(height));
        let beyond = |key, side: u32, above: bool| {
            let (number, limit) = profile.number(key)?;
            let side = u64::from(side) * 1000;
            (if above { side > number } else { side < number }).then_some(limit)
        };
        let found = beyond(Key::VideoMaxWidth, long, true)
            .or_else(|| beyond(Key::VideoMaxHeight, short, true))
            .map(|limit| (limit, "less"))
            .or_else(|| {
                beyond(Key::VideoMinWidth, long, false)
                    .or_else(|| beyond(Key::VideoMinHeight, short, false))
                    .map(|limit| (limit, "more"))
            });
        if let Some((limit, way)) = found
            && self.of(frame).first(Said::Resolution)
        {
            let name = &profile.name;
            let upright = width < height;
            let side = match limit.key {
                Key::VideoMaxWidth | Key::VideoMinWidth if !upright => "width",
                Key::VideoMaxHeight | Key::VideoMinHeight if upright => "width",
                _ => "height",
            };
            seen.report_as(&RESOLUTION, limit.severity(RESOLUTION.severity), || {
                format!(
                    "A picture of {width}x{height}: {name} wants a {side} of {limit} or {way}. In OBS: Video, Output \
                     Resolution; in ffmpeg: -vf scale."
                )
            });
        }
    }

    /// How far audio and video of a message stream are apart.
    fn drift(&mut self, seen: &mut Seen<'_>, profile: &Profile, frame: &Frame, counter: &Counter) {
        let Some((most, limit)) = profile.number(Key::TimingMaxAvDrift) else { return };
        let Some(skew) = seen.tracks.skew(frame) else { return };
        if u64::from(skew.unsigned_abs()) * 1000 > most && self.of(frame).first(Said::Drift) {
            let (name, apart) = (&profile.name, skew.unsigned_abs());
            let ahead = if skew > 0 { "behind" } else { "ahead of" };
            let _ = counter;
            seen.report_as(&AV_DRIFT, limit.severity(AV_DRIFT.severity), || {
                format!("Video is {apart} ms {ahead} audio: {name} wants {limit} or less")
            });
        }
    }

    /// Whether a track is missing that has to be there.
    fn missing(&mut self, seen: &mut Seen<'_>, profile: &Profile) {
        if self.missing {
            return;
        }
        let has = |media| {
            let tracks = seen.tracks.all().iter().map(|counter| &counter.track);
            let mut of = tracks.filter(|track| track.direction == Direction::ClientToServer);
            of.any(|track| track.media == media && track.frames > 0)
        };
        let (video, audio) = (has(Media::Video), has(Media::Audio));
        let name = &profile.name;
        for (key, there, other, what) in [
            (Key::VideoRequired, video, audio, "video"),
            (Key::AudioRequired, audio, video, "audio"),
        ] {
            if let Some((true, limit)) = profile.flag(key)
                && !there
                && other
            {
                self.missing = true;
                seen.report_as(&TRACK_MISSING, limit.severity(TRACK_MISSING.severity), || {
                    format!("There is no {what}: {name} needs it")
                })
                .about(None)
                .at(Some(Direction::ClientToServer), None);
            }
        }
    }
}

#[cfg(test)]
mod tests;
