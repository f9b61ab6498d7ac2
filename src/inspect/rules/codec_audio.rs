//! Sound: configurations, what frames really are, and how long they last.

use super::judge::{Judge, Seen};
use super::per_track::{Content, PerTrack, audio_of, content, is_known_whole, name_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::MessageRecord;
use crate::inspect::pace::{EARLY, Frame, Marks};
use crate::proto::codec::AudioConfig;
use crate::proto::message::{AudioCodec, AudioPacketType};

const NO_CONFIG: Rule = Rule {
    code: "aac.no-config",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "AAC frames come before their sequence header, or without one",
    meaning: "The first AAC frame of a track came before any AudioSpecificConfig. Raw AAC frames say neither rate nor channels, so \
              nothing can decode them.",
    breaks_on: "Nearly all receivers; some stop the whole stream (ant-media/Ant-Media-Server#3790, \
                iizukanao/node-rtsp-rtmp-server#20, arut/nginx-rtmp-module#9).",
    fix: "Send the AudioSpecificConfig as sequence header (AF 00 …) ahead of the first frame, again after each publish.",
    spec: Some("FLV 10.1 §E.4.2.2"),
};

pub(super) const MISMATCH: Rule = Rule {
    code: "aac.config-mismatch",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "What is said of the AAC sound does not agree",
    meaning: "The tag header of AAC is always that of 44 kHz, 16 bits and stereo (0xAF), whatever the sound is; metadata and the pace \
              of the frames should agree with the AudioSpecificConfig. Receivers differ in what they believe.",
    breaks_on: "Players at the wrong speed or pitch, or silent (nareix/joy4#64, arut/nginx-rtmp-module#521; SRS tries several rates \
                and warns).",
    fix: "Send 0xAF as first byte of AAC messages, and take the metadata's audiosamplerate and channels from the encoder's \
          AudioSpecificConfig.",
    spec: Some("FLV 10.1 §E.4.2.1"),
};

const ADTS: Rule = Rule {
    code: "aac.adts-in-tag",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "AAC frames have their ADTS headers",
    meaning: "An AAC message begins with the sync word of ADTS (FFF). RTMP carries raw frames, whose configuration is in the \
              sequence header.",
    breaks_on: "Decoders read the header as sound: silence, noise, or an error (ossrs/srs#4224, ant-media/Ant-Media-Server#3790).",
    fix: "Take the 7 bytes (9 with a checksum) off each frame (ffmpeg: -bsf:a aac_adtstoasc).",
    spec: Some("FLV 10.1 §E.4.2.2, ISO/IEC 13818-7 §6.2"),
};

const BAD_FRAMES: Rule = Rule {
    code: "aac.bad-frames",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "AAC frames do not begin as their configuration says",
    meaning: "The first element of a frame is the end of a frame, or one that does not fit the channels of the AudioSpecificConfig. \
              The bytes are no AAC, are encrypted, or belong to another configuration.",
    breaks_on: "Decoders; some servers end the stream (ant-media/Ant-Media-Server#3790).",
    fix: "Look at what the encoder puts into the messages: raw AAC of the same channels as in the sequence header, a frame in \
          each.",
    spec: Some("ISO/IEC 14496-3 §4.4.2.1"),
};

const ROUNDING: Rule = Rule {
    code: "ts.ms-rounding",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Frames of sound last no whole number of milliseconds",
    meaning: "Timestamps have whole milliseconds and AAC frames of the usual rates do not last any, so steps differ by one. That is \
              usual and no loss: receivers count samples.",
    breaks_on: "Packagers that take each timestamp literally (kaltura/media-framework#211, veovera/enhanced-rtmp#3).",
    fix: "Nothing. Enhanced RTMP v2 can say the rest in nanoseconds (ModEx, TimestampOffsetNano), where both sides support it.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Audio\""),
};

const OPUS_13: Rule = Rule {
    code: "opus.codec13",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "Sound has the format number 13, which nobody assigned",
    meaning: "Some servers use 13 for Opus outside of Enhanced RTMP, without a sequence header. No specification has it.",
    breaks_on: "Everybody else drops the sound (ZLMediaKit/ZLMediaKit#4505).",
    fix: "Send Opus by Enhanced RTMP, with the FourCC Opus and a sequence header, or use AAC.",
    spec: Some("Enhanced RTMP v2 \"Enhanced Audio\""),
};

/// Sample rates that are usual.
const RATES: [u32; 12] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000];
/// Frames that do not fit before it is said: one may be damaged.
const MISFITS: u8 = 3;

/// AAC and what is said of it.
#[derive(Debug, Default)]
pub(super) struct Sound {
    tracks: PerTrack<Track>,
}

#[derive(Debug, Default)]
struct Track {
    configured: bool,
    /// Samples of a frame and samples a second, as the configuration says.
    lasts: Option<(u32, u32)>,
    /// The elements that a frame may begin with, a bit each; 0 where that is not known.
    elements: u8,
    misfits: u8,
    /// Whether a step was further from what a frame lasts than rounding explains.
    rough: bool,
    adts: bool,
    bad: bool,
    header: bool,
    opus: bool,
}

/// The elements that a frame may begin with (ISO/IEC 14496-3 table 4.85): besides the one that the channels ask for, those
/// that may be anywhere.
fn elements(config: &AudioConfig) -> u8 {
    const ANYWHERE: u8 = 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6;
    // Others have frames of another form.
    if !matches!(config.object_type, Some(1..=5 | 29)) {
        return 0;
    }
    let one = config.ps == Some(true);
    match config.channels {
        Some(2) if !one => 1 << 1 | ANYWHERE,
        Some(1..=8) => 1 | ANYWHERE,
        _ => 0,
    }
}

/// Samples of a frame and samples a second.
fn lasts(config: &AudioConfig) -> Option<(u32, u32)> {
    let (samples, rate) = config.frame_samples.zip(config.sample_rate)?;
    // The rate of explicit SBR is that of what is heard, of which a frame has twice as many samples.
    Some((samples * if config.sbr == Some(true) { 2 } else { 1 }, rate)).filter(|_| rate > 0)
}

impl Sound {
    /// The data of a frame.
    fn data(&mut self, seen: &mut Seen<'_>, frame: &Frame, data: Content<'_>) {
        let track = self.tracks.of(frame);
        let &[first, second, ..] = data.bytes else { return };
        let time = frame.timestamp;
        if first == 0xff && second & 0xf6 == 0xf0 {
            if !std::mem::replace(&mut track.adts, true) {
                let name = name_of(seen, frame);
                seen.report(&ADTS, || {
                    format!("an AAC frame of {name} at {time} ms begins with an ADTS header ({first:02x} {second:02x})")
                });
            }
            return;
        }
        if data.length <= 2 || track.bad || track.elements == 0 {
            return;
        }
        let element = first >> 5;
        if element == 7 || track.elements & 1 << element == 0 {
            track.misfits = track.misfits.saturating_add(1);
            if element == 7 || track.misfits == MISFITS {
                track.bad = true;
                let name = name_of(seen, frame);
                const NAMES: [&str; 8] = [
                    "one channel",
                    "a pair of channels",
                    "a coupling channel",
                    "the low channel",
                    "data",
                    "a program configuration",
                    "filling",
                    "the end of the frame",
                ];
                let what = NAMES[usize::from(element)];
                let sure = if element == 7 { Confidence::Certain } else { Confidence::Likely };
                seen.report(&BAD_FRAMES, || {
                    format!(
                        "an AAC frame of {name} at {time} ms ({} bytes) begins with {what}, which does not fit its \
                         configuration",
                        data.length
                    )
                })
                .sure(sure);
            }
        }
    }

    /// The early frames are over: how long they really last.
    fn pace(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let track = self.tracks.of(frame);
        let Some((samples, rate)) = track.lasts else { return };
        let fine = audio_of(message).is_some_and(|audio| !audio.mod_ex.is_empty());
        let ideal = f64::from(samples) * 1000.0 / f64::from(rate);
        let real = counter.pace.clock as f64 / f64::from(EARLY - 1);
        let (rough, name) = (track.rough, name_of(seen, frame));
        if !rough && !fine && (samples * 1000) % rate != 0 {
            seen.report(&ROUNDING, || {
                let (less, more) = (ideal.floor(), ideal.ceil());
                format!(
                    "frames of {name} last {ideal:.3} ms ({samples} samples at {rate} Hz), so their timestamps step by {less} and \
                     {more} ms"
                )
            });
        }
        let near =
            |rate: &u32| (real * f64::from(*rate) / f64::from(samples) / 1000.0 - 1.0).abs() < 0.01;
        if (real / ideal - 1.0).abs() > 0.04
            && counter.pace.gaps == 0
            && let Some(other) = RATES.into_iter().find(near)
        {
            seen.report(&MISMATCH, || {
                format!(
                    "frames of {name} come every {real:.2} ms, which is {samples} samples at {other} Hz; the configuration says \
                     {rate} Hz"
                )
            })
            .sure(Confidence::Likely);
        }
    }
}

impl Judge for Sound {
    const RULES: &'static [Rule] = &[NO_CONFIG, MISMATCH, ADTS, BAD_FRAMES, ROUNDING, OPUS_13];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let Some(audio) = audio_of(message) else { return };
        if frame.marks.has(Marks::DAMAGED) {
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let inner = audio.tracks.iter().find(|inner| inner.track == counter.track.track);
        let codec = inner.map_or(audio.codec, |inner| inner.codec);
        if codec == Some(AudioCodec::Number(13)) {
            if !std::mem::replace(&mut self.tracks.of(frame).opus, true) {
                seen.report(&OPUS_13, || {
                    "sound comes with format 13, which is used for Opus and not assigned".to_owned()
                });
            }
            return;
        }
        if codec != Some(AudioCodec::Aac) {
            return;
        }
        let data = content(seen, frame, message);
        let coded = frame.marks.has(Marks::CODED);
        let early = frame.marks.has(Marks::EARLY);
        if let Some(&first) = message.raw.payload.first()
            && !audio.enhanced
            && first != 0xaf
            && (coded || frame.marks.has(Marks::CONFIG))
            && !std::mem::replace(&mut self.tracks.of(frame).header, true)
        {
            let (rate, channels) = (audio.sample_rate.unwrap_or(0), audio.channels.unwrap_or(0));
            seen.report(&MISMATCH, || {
                format!(
                    "the tag header of AAC is 0x{first:02x} ({rate} Hz, {} bits, {channels} channel{}) and not 0xaf",
                    audio.sample_size.unwrap_or(0),
                    if channels == 1 { "" } else { "s" }
                )
            });
        }
        if audio.packet_type == Some(AudioPacketType::SequenceStart) {
            let config = inner.map_or(audio.config.as_deref(), |inner| inner.config.as_deref());
            let track = self.tracks.of(frame);
            track.configured = true;
            track.lasts = config.and_then(lasts);
            track.elements = config.map_or(0, elements);
            return;
        }
        if !coded {
            return;
        }
        if early && counter.track.frames == 1 {
            let name = name_of(seen, frame);
            if !self.tracks.of(frame).configured && is_known_whole(seen) {
                seen.report(&NO_CONFIG, || {
                    format!("the first AAC frame of {name} came without an AudioSpecificConfig before it")
                });
            }
        }
        self.data(seen, frame, data);
        if early {
            let track = self.tracks.of(frame);
            if let Some((samples, rate)) = track.lasts.filter(|_| counter.track.frames > 1) {
                let ideal = f64::from(samples) * 1000.0 / f64::from(rate);
                track.rough |= (f64::from(frame.step) - ideal).abs() > 1.01;
            }
            if counter.pace.early == EARLY {
                self.pace(seen, frame, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Script};

    fn sound(t: &mut Script, timestamp: u32, payload: &[u8]) {
        t.message(C2S, 4, 1, 8, timestamp, payload);
    }

    #[test]
    fn frames_without_a_configuration() {
        let mut t = Script::started();
        t.audio(0);
        assert_eq!(
            t.text("aac.no-config"),
            "the first AAC frame of audio came without an AudioSpecificConfig before it"
        );
        assert!(!Script::publishing().audio(0).has("aac.no-config"));
        let mut t = Script::started();
        t.gap(C2S, 10).audio(0);
        assert!(!t.has("aac.no-config"));
    }

    #[test]
    fn the_tag_header() {
        let mut t = Script::started();
        sound(&mut t, 0, b"\xa2\0\x12\x10");
        let text = "the tag header of AAC is 0xa2 (5512 Hz, 16 bits, 1 channel) and not 0xaf";
        assert_eq!(t.text("aac.config-mismatch"), text);
        assert!(!Script::publishing().audio(0).has("aac.config-mismatch"));
    }

    #[test]
    fn what_frames_begin_with() {
        let run = |data: &[u8], times: u32| {
            let mut t = Script::publishing();
            for n in 0..times {
                sound(&mut t, n * 23, &[b"\xaf\x01", data].concat());
            }
            t
        };
        assert!(!run(b"\x21\x10\x04", 5).has("aac.bad-frames"));
        let t = run(b"\xff\xf1\x50\x80\x02", 5);
        assert_eq!(
            t.text("aac.adts-in-tag"),
            "an AAC frame of audio at 0 ms begins with an ADTS header (ff f1)"
        );
        assert!(!t.has("aac.bad-frames"));
        assert!(
            run(b"\xff\x01\x50\x80\x02", 1).text("aac.bad-frames").contains("the end of the frame")
        );
        assert!(!run(b"\xe0\x00", 1).has("aac.bad-frames"), "an empty frame");
        assert!(!run(b"\x01\x40\x22", 2).has("aac.bad-frames"));
        assert!(run(b"\x01\x40\x22", 3).text("aac.bad-frames").contains("begins with one channel"));
        assert!(!run(b"\xde\x04\0", 3).has("aac.bad-frames"), "filling may come first");
    }

    /// Frames that last so many microseconds.
    fn paced(microseconds: u32, jitter: u32) -> Script {
        let mut t = Script::publishing();
        for n in 0..70_u32 {
            t.audio(n * microseconds / 1000 + n % 2 * jitter);
        }
        t
    }

    #[test]
    fn frames_of_no_whole_milliseconds() {
        let text = "frames of audio last 23.220 ms (1024 samples at 44100 Hz), so their timestamps step by 23 and 24 ms";
        assert_eq!(paced(23_220, 0).text("ts.ms-rounding"), text);
        assert!(!paced(23_220, 5).has("ts.ms-rounding"), "that is more than rounding");
        let mut t = Script::started();
        sound(&mut t, 0, b"\xaf\0\x14\x10"); // 16 kHz: 64 ms
        for n in 0..70 {
            t.audio(n * 64);
        }
        assert!(!t.has("ts.ms-rounding"), "{:?}", t.codes());
    }

    #[test]
    fn frames_of_another_rate() {
        let t = paced(21_333, 0);
        assert!(
            t.text("aac.config-mismatch").contains("at 48000 Hz; the configuration says 44100 Hz")
        );
        assert!(!paced(23_220, 0).has("aac.config-mismatch"));
        assert!(!paced(22_500, 0).has("aac.config-mismatch"));
    }

    #[test]
    fn format_13() {
        let mut t = Script::started();
        sound(&mut t, 0, b"\xdf\xfc\x01\x02");
        assert!(t.has("opus.codec13"));
        let mut t = Script::started();
        sound(&mut t, 0, b"\x90OpusOpusHead\x01\x02\x38\x01\x44\xac\0\0\0\0\0");
        assert!(!t.has("opus.codec13"));
    }
}
