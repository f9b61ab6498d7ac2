//! What a service wants of the streams that it takes, as data. Where the numbers come from is part of it.

use super::Severity;

/// The requirements of one service, or of whoever wrote them down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// The name in sentences: `YouTube`.
    pub name: String,
    /// What is wanted, each key at most once.
    pub limits: Vec<Limit>,
    /// Bitrates by picture size and rate, in the order in which they are tried: the first that fits holds.
    pub bitrates: Vec<Bitrates>,
    /// Where the numbers come from.
    pub sources: Vec<Source>,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the limits call it.
    pub id: String,
    /// The page's title.
    pub title: String,
    /// Its address.
    pub url: String,
    /// The day on which it said so, `2026-11-25`.
    pub seen: String,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it is about.
    pub key: Key,
    /// What is wanted.
    pub wanted: Wanted,
    /// It is only advised: its findings are notes.
    pub advice: bool,
    /// The index of its source.
    pub source: Option<usize>,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A number, in thousandths of the key's unit.
    Thousandths(u64),
    /// One of these words or whole numbers.
    OneOf(Vec<String>),
    /// Yes or no.
    Flag(bool),
}

/// The video bitrate that is wanted of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitrates {
    /// Of pictures whose shorter side has at most so many lines.
    pub height: u32,
    /// Of at most so many frames a second.
    pub fps: u32,
    /// Bits per second.
    pub min: Option<u64>,
    /// Bits per second.
    pub max: Option<u64>,
    /// It is only advised.
    pub advice: bool,
    /// The index of its source.
    pub source: Option<usize>,
}

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "`KEYS` says what each is")]
pub enum Key {
    VideoRequired,
    VideoCodecs,
    VideoProfiles,
    VideoMaxLevel,
    VideoChroma,
    VideoMaxBitDepth,
    VideoBFrames,
    VideoInterlaced,
    VideoMinFps,
    VideoMaxFps,
    VideoGop,
    VideoMinGop,
    VideoMaxGop,
    VideoMinBitrate,
    VideoMaxBitrate,
    VideoMinWidth,
    VideoMinHeight,
    VideoMaxWidth,
    VideoMaxHeight,
    AudioRequired,
    AudioCodecs,
    AudioProfiles,
    AudioSampleRates,
    AudioMaxChannels,
    AudioMinBitrate,
    AudioMaxBitrate,
    StreamMinBitrate,
    StreamMaxBitrate,
    TimingMaxTimestampJump,
    TimingMaxAvDrift,
}

/// What kind of value a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A number of this unit.
    Number(&'static str),
    /// A number of bits per second.
    Bitrate,
    /// Video codecs.
    VideoCodecs,
    /// Audio codecs.
    AudioCodecs,
    /// Words.
    Words,
    /// Whole numbers of this unit.
    Numbers(&'static str),
    /// `true` or `false`.
    Flag,
}

/// A key as it is written.
#[derive(Debug, Clone, Copy)]
pub struct KeyInfo {
    /// What it stands for.
    pub key: Key,
    /// The table that it is in.
    pub table: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// Its value.
    pub form: Form,
    /// What it means.
    pub what: &'static str,
}

const fn info(
    key: Key,
    table: &'static str,
    name: &'static str,
    form: Form,
    what: &'static str,
) -> KeyInfo {
    KeyInfo { key, table, name, form, what }
}

/// Every key.
#[rustfmt::skip]
pub const KEYS: [KeyInfo; 30] = {
    use Form::{AudioCodecs, Bitrate, Flag, Number, Numbers, VideoCodecs, Words};
    [
        info(Key::VideoRequired, "video", "required", Flag, "whether there has to be video"),
        info(Key::VideoCodecs, "video", "codecs", VideoCodecs, "the codecs that are taken"),
        info(Key::VideoProfiles, "video", "profiles", Words, "the codec's profiles that are taken"),
        info(Key::VideoMaxLevel, "video", "max_level", Number(""), "the highest level"),
        info(Key::VideoChroma, "video", "chroma", Words, "the chroma formats that are taken"),
        info(Key::VideoMaxBitDepth, "video", "max_bit_depth", Number("bit"), "the most bits of a sample"),
        info(Key::VideoBFrames, "video", "b_frames", Flag, "whether there may be B-frames"),
        info(Key::VideoInterlaced, "video", "interlaced", Flag, "whether fields may be interlaced"),
        info(Key::VideoMinFps, "video", "min_fps", Number("fps"), "the least frames a second, as measured"),
        info(Key::VideoMaxFps, "video", "max_fps", Number("fps"), "the most frames a second, as measured"),
        info(Key::VideoGop, "video", "gop", Number("s"), "the distance of key frames to set in the encoder; nothing is measured against it"),
        info(Key::VideoMinGop, "video", "min_gop", Number("s"), "the least mean distance of key frames"),
        info(Key::VideoMaxGop, "video", "max_gop", Number("s"), "the longest distance of key frames"),
        info(Key::VideoMinBitrate, "video", "min_bitrate", Bitrate, "the least bitrate, over ten seconds"),
        info(Key::VideoMaxBitrate, "video", "max_bitrate", Bitrate, "the most bitrate, over ten seconds"),
        info(Key::VideoMinWidth, "video", "min_width", Number("px"), "the least width; of an upright picture, height"),
        info(Key::VideoMinHeight, "video", "min_height", Number("px"), "the least height; of an upright picture, width"),
        info(Key::VideoMaxWidth, "video", "max_width", Number("px"), "the most width; of an upright picture, height"),
        info(Key::VideoMaxHeight, "video", "max_height", Number("px"), "the most height; of an upright picture, width"),
        info(Key::AudioRequired, "audio", "required", Flag, "whether there has to be audio"),
        info(Key::AudioCodecs, "audio", "codecs", AudioCodecs, "the codecs that are taken"),
        info(Key::AudioProfiles, "audio", "profiles", Words, "the codec's profiles that are taken"),
        info(Key::AudioSampleRates, "audio", "sample_rates", Numbers("Hz"), "the sample rates that are taken"),
        info(Key::AudioMaxChannels, "audio", "max_channels", Number(""), "the most channels"),
        info(Key::AudioMinBitrate, "audio", "min_bitrate", Bitrate, "the least bitrate, over ten seconds"),
        info(Key::AudioMaxBitrate, "audio", "max_bitrate", Bitrate, "the most bitrate, over ten seconds"),
        info(Key::StreamMinBitrate, "stream", "min_bitrate", Bitrate, "the least bitrate of all tracks together"),
        info(Key::StreamMaxBitrate, "stream", "max_bitrate", Bitrate, "the most bitrate of all tracks together"),
        info(Key::TimingMaxTimestampJump, "timing", "max_timestamp_jump", Number("ms"), "the widest step between the timestamps of a track"),
        info(Key::TimingMaxAvDrift, "timing", "max_av_drift", Number("ms"), "the most that audio and video may be apart"),
    ]
};

impl Key {
    /// How it is written.
    #[must_use]
    pub fn info(self) -> &'static KeyInfo {
        const NONE: KeyInfo = KEYS[0];
        KEYS.iter().find(|info| info.key == self).unwrap_or(const { &NONE })
    }
}

impl Profile {
    /// What is wanted of that, where anything is.
    #[must_use]
    pub fn limit(&self, key: Key) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.key == key)
    }

    /// The number that is wanted, in thousandths.
    #[must_use]
    pub fn number(&self, key: Key) -> Option<(u64, &Limit)> {
        let limit = self.limit(key)?;
        match limit.wanted {
            Wanted::Thousandths(number) => Some((number, limit)),
            _ => None,
        }
    }

    /// The words that are wanted.
    #[must_use]
    pub fn words(&self, key: Key) -> Option<(&[String], &Limit)> {
        let limit = self.limit(key)?;
        match &limit.wanted {
            Wanted::OneOf(words) => Some((words, limit)),
            _ => None,
        }
    }

    /// Whether it is wanted, or allowed.
    #[must_use]
    pub fn flag(&self, key: Key) -> Option<(bool, &Limit)> {
        let limit = self.limit(key)?;
        match limit.wanted {
            Wanted::Flag(flag) => Some((flag, limit)),
            _ => None,
        }
    }

    /// The bitrates of a picture with these sides and so many frames a second.
    #[must_use]
    pub fn bitrates(&self, width: u32, height: u32, fps: f64) -> Option<&Bitrates> {
        let short = width.min(height);
        self.bitrates.iter().find(|row| short <= row.height && fps <= f64::from(row.fps) * 1.05)
    }
}

impl Limit {
    /// The severity of a finding about it, where its rule says `severity`.
    #[must_use]
    pub const fn severity(&self, severity: Severity) -> Severity {
        if self.advice { Severity::Info } else { severity }
    }
}

impl core::fmt::Display for Limit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (&self.wanted, self.key.info().form) {
            (Wanted::Thousandths(number), Form::Bitrate) => {
                f.write_str(&bitrate(*number as f64 / 1000.0))
            }
            (Wanted::Thousandths(number), Form::Number(unit)) => {
                let space = if unit.is_empty() { "" } else { " " };
                write!(f, "{}{space}{unit}", *number as f64 / 1000.0)
            }
            (Wanted::Thousandths(number), _) => write!(f, "{}", *number as f64 / 1000.0),
            (Wanted::OneOf(words), Form::Numbers(unit)) => write!(f, "{} {unit}", either(words)),
            (Wanted::OneOf(words), _) => f.write_str(&either(words)),
            (Wanted::Flag(flag), _) => f.write_str(if *flag { "yes" } else { "no" }),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
#[must_use]
pub fn either(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// A bitrate as people write it: `6 Mb/s`, `128 kb/s`.
#[must_use]
pub fn bitrate(bits: f64) -> String {
    let (scaled, unit) = if bits >= 1e6 { (bits / 1e6, "Mb/s") } else { (bits / 1e3, "kb/s") };
    let places = if scaled < 10.0 { 100.0 } else { 10.0 };
    format!("{} {unit}", (scaled * places).round() / places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_line_and_its_name_once() {
        for (index, info) in KEYS.iter().enumerate() {
            assert_eq!(info.key as usize, index, "{} {}", info.table, info.name);
            assert!(
                core::ptr::eq(info.key.info(), &KEYS[index]) || info.key.info().name == info.name
            );
            let same = KEYS.iter().filter(|k| (k.table, k.name) == (info.table, info.name));
            assert_eq!(same.count(), 1, "{}", info.name);
        }
    }

    #[test]
    fn values_are_shown_with_their_units() {
        let limit = |key, wanted| Limit { key, wanted, advice: false, source: None }.to_string();
        assert_eq!(limit(Key::VideoMaxGop, Wanted::Thousandths(4_000)), "4 s");
        assert_eq!(limit(Key::VideoMaxFps, Wanted::Thousandths(59_940)), "59.94 fps");
        assert_eq!(limit(Key::VideoMaxLevel, Wanted::Thousandths(4_100)), "4.1");
        assert_eq!(limit(Key::VideoMaxBitrate, Wanted::Thousandths(8_500_000_000)), "8.5 Mb/s");
        assert_eq!(limit(Key::AudioMaxBitrate, Wanted::Thousandths(160_000_000)), "160 kb/s");
        let rates = Wanted::OneOf(["44100", "48000"].map(str::to_owned).to_vec());
        assert_eq!(limit(Key::AudioSampleRates, rates), "44100 or 48000 Hz");
    }

    #[test]
    fn the_first_row_of_bitrates_that_fits_holds() {
        let row = |height, fps, min| Bitrates {
            height,
            fps,
            min: Some(min),
            max: None,
            advice: false,
            source: None,
        };
        let profile = Profile {
            bitrates: vec![row(720, 30, 1), row(720, 60, 2), row(1080, 30, 3)],
            ..Profile::default()
        };
        let min = |w, h, fps| profile.bitrates(w, h, fps).and_then(|row| row.min);
        assert_eq!(min(1280, 720, 30.0), Some(1));
        assert_eq!(min(720, 1280, 30.3), Some(1), "upright, and measured a little higher");
        assert_eq!(min(1280, 720, 50.0), Some(2));
        assert_eq!(min(1920, 1080, 25.0), Some(3));
        assert_eq!(min(1920, 1080, 60.0), None);
    }
}
