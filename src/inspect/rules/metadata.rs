//! What onMetaData declares, against what is sent.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::codec_audio;
use super::judge::{Judge, Seen, quoted};
use super::per_track::{PerTrack, is_known_whole, is_published};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::track::Counter;
use crate::inspect::{Closed, Codec, Media, MessageRecord, Transport};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::{AudioCodec, Command, Data};

const MISSING: Rule = Rule {
    code: "meta.missing",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Media comes without onMetaData before it",
    meaning: "The client sends audio or video and has not said with onMetaData what comes. Receivers then wait for both tracks, or take \
              what they see.",
    breaks_on: "Servers that refuse the stream or wait for seconds (bluenviron/mediamtx#386, hardman/AWLive#8).",
    fix: "Send @setDataFrame with onMetaData behind publish, ahead of the first sequence header.",
    spec: Some("FLV 10.1 §E.5"),
};

const CODEC_ID: Rule = Rule {
    code: "meta.codecid",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The codec in onMetaData is missing or of the wrong type",
    meaning: "videocodecid and audiocodecid are numbers: those of the tag headers, or with Enhanced RTMP a FourCC as a number. This metadata \
              has 0, a text, or leaves one out of a track that it describes.",
    breaks_on: "Servers that count tracks by them (bluenviron/mediamtx#769, bluenviron/mediamtx#2232, bluenviron/mediamtx#3301, \
                veovera/enhanced-rtmp#8, sergey-dryabzhinsky/nginx-rtmp-module#87).",
    fix: "Send videocodecid 7 for H.264 and audiocodecid 10 for AAC, as numbers; of other codecs the FourCC as a number.",
    spec: Some("FLV 10.1 §E.5, Enhanced RTMP v2 \"Enhancing onMetaData\""),
};

const GHOST: Rule = Rule {
    code: "meta.ghost-track",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "A track that onMetaData declares does not come",
    meaning: "The metadata declares audio or video, and five seconds after the first media nothing of it has come.",
    breaks_on: "Players and servers that wait for all declared tracks before they begin (ZLMediaKit/ZLMediaKit#3885, \
                AlexxIT/go2rtc#1969).",
    fix: "Leave the properties of a track that is not sent out of the metadata, or send silence (ffmpeg: -f lavfi -i anullsrc).",
    spec: None,
};

const UNDECLARED: Rule = Rule {
    code: "meta.undeclared-track",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A track comes that onMetaData does not declare",
    meaning: "The metadata describes audio or video only, and the other comes too.",
    breaks_on: "Receivers that set up the declared tracks only and drop the other (bluenviron/mediamtx#4002, \
                ZLMediaKit/ZLMediaKit#3988).",
    fix: "Describe both tracks: at least audiocodecid and videocodecid.",
    spec: None,
};

const DIFFERS: Rule = Rule {
    code: "meta.vs-bitstream",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "onMetaData and the media say different things",
    meaning: "Size, frame rate, sample rate, channels or codec in the metadata are not those of the sequence headers, tags or timestamps. \
              Programs differ in which they believe.",
    breaks_on: "Players with a wrong aspect, services that check their limits by the metadata (Amazon IVS compares both).",
    fix: "Fill the metadata from the encoder's output, not from its settings, and send it anew when they change.",
    spec: Some("FLV 10.1 §E.5"),
};

const UPDATE: Rule = Rule {
    code: "meta.update",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "onMetaData changes in the middle of the stream",
    meaning: "Another onMetaData came behind the first media, with other values.",
    breaks_on: "Relays that hand on the first one only, so that players keep what is no longer true (ZLMediaKit/ZLMediaKit#2669).",
    fix: "Nothing, unless players need the new values: compare what the server sends them.",
    spec: None,
};

/// What onMetaData declared of one direction.
#[derive(Debug)]
struct Declared {
    seq: u64,
    /// The message stream that it is about.
    stream: u32,
    hash: u64,
    /// Of audio and video: whether anything is said of it.
    tracks: [bool; 2],
    /// Whether it has anything to say of them.
    codec: [Option<CodecId>; 2],
    size: (Option<f64>, Option<f64>),
    frame_rate: Option<f64>,
    sample_rate: Option<f64>,
    channels: Option<f64>,
    stereo: Option<bool>,
    /// Whether audio and video were said to be missing or undeclared.
    said: [bool; 2],
    /// Whether the frame rate was compared.
    paced: bool,
}

/// A codec as metadata names it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum CodecId {
    Number(f64),
    /// Text, which is not compared.
    Text,
}

const NAMES: [&str; 2] = ["audio", "video"];

/// Metadata of both directions.
#[derive(Debug, Default)]
pub(super) struct Declarations {
    ways: [Option<Box<Declared>>; 2],
    tracks: PerTrack<Compared>,
    /// Whether media without metadata was said.
    missing: bool,
    /// Whether the client chose what of audio and video it receives.
    chosen: bool,
}

#[derive(Debug, Default)]
struct Compared {
    /// The metadata that the track was compared with since its last configuration.
    with: u64,
}

/// The properties that say something of audio and of video.
const OF: [&[&str]; 2] = [
    &[
        "audiocodecid",
        "audiodatarate",
        "audiosamplerate",
        "audiosamplesize",
        "audiochannels",
        "stereo",
    ],
    &["videocodecid", "videodatarate", "width", "height", "framerate", "videoframerate"],
];
const HAS: [&str; 2] = ["hasAudio", "hasVideo"];
const IDS: [&str; 2] = ["audiocodecid", "videocodecid"];

impl Declared {
    fn of(metadata: &Value, seq: u64) -> Self {
        let number = |name: &str| metadata.get(name).and_then(Value::as_number);
        let says = |value: &Value| {
            value.as_number().is_some_and(|n| n > 0.0)
                || value.as_bool() == Some(true)
                || value.as_str().is_some_and(|text| !text.is_empty())
        };
        let of = |media: usize| {
            metadata.get(HAS[media]).and_then(Value::as_bool).unwrap_or_else(|| {
                OF[media].iter().any(|name| metadata.get(name).is_some_and(says))
            })
        };
        let codec = |media: usize| {
            let value = metadata.get(IDS[media])?;
            value.as_number().map(CodecId::Number).or_else(|| value.as_str().map(|_| CodecId::Text))
        };
        let mut hasher = DefaultHasher::new();
        // What is told of the values is that they differ.
        format!("{metadata:?}").hash(&mut hasher);
        Self {
            seq,
            stream: 0,
            hash: hasher.finish(),
            tracks: [of(0), of(1)],
            codec: [codec(0), codec(1)],
            size: (number("width"), number("height")),
            frame_rate: number("framerate").or_else(|| number("videoframerate")),
            sample_rate: number("audiosamplerate"),
            channels: number("audiochannels"),
            stereo: metadata.get("stereo").and_then(Value::as_bool),
            said: [false; 2],
            paced: false,
        }
    }
}

/// What is wrong with how the codecs are named.
fn wrong_ids(metadata: &Value, declared: &Declared) -> Vec<String> {
    let mut wrong = Vec::new();
    for (media, name) in IDS.into_iter().enumerate() {
        let described = declared.tracks[media];
        let Some(value) = metadata.get(name) else {
            if described {
                wrong.push(format!("{name} is missing"));
            }
            continue;
        };
        match (value.as_number(), value.as_str()) {
            // 0 of sound is linear PCM; where nothing else is said of pictures there are none.
            (Some(0.0), _) if media == 0 || !described => {}
            (Some(number), _) if number > 0.0 => {}
            (Some(number), _) => wrong.push(format!("{name} is {number}")),
            (_, Some(text)) => wrong.push(format!("{name} is the text {}", quoted(text))),
            _ => wrong.push(format!("{name} is no number")),
        }
    }
    wrong
}

/// What a track is, against what metadata says of it: sentences.
fn differences(declared: &Declared, counter: &Counter, multitrack: bool) -> Vec<String> {
    let track = &counter.track;
    let mut found = Vec::new();
    let mut differ = |name: &str, says: f64, is: f64| {
        found.push(format!("{name} is {says} and the media has {is}"));
    };
    match track.media {
        Media::Video => {
            let sizes = [
                ("width", declared.size.0, track.width),
                ("height", declared.size.1, track.height),
            ];
            for (name, says, is) in sizes {
                // Where metadata was all that told the size, there is nothing to compare it with.
                if let (Some(says), Some(is)) = (says.filter(|n| *n > 0.0), is)
                    && says != f64::from(is)
                {
                    differ(name, says, f64::from(is));
                }
            }
        }
        // Without its configuration nothing is known of AAC: the tag header says the same of all.
        Media::Audio if is_aac(counter) && track.profile.is_none() => {}
        Media::Audio => {
            if let (Some(says), Some(is)) =
                (declared.sample_rate.filter(|n| *n > 0.0), track.sample_rate)
            {
                let is = f64::from(is);
                // With SBR, which need not be signalled, the core has half the rate of what is heard.
                let doubled = says == is * 2.0 || says * 2.0 == is;
                if says != is && !doubled {
                    differ("audiosamplerate", says, is);
                }
            }
            if let Some(is) = track.channels {
                // Parametric stereo need not be signalled either, and comes at low rates only.
                let parametric = is == 1 && track.sample_rate.is_some_and(|rate| rate <= 24_000);
                let is = f64::from(is);
                let says = declared.channels.filter(|n| *n > 0.0);
                match says {
                    Some(says) if says != is && !parametric => differ("audiochannels", says, is),
                    Some(_) => {}
                    None if declared.stereo == Some(true) && is < 2.0 && !parametric => {
                        found.push("stereo is true and the media has 1 channel".to_owned());
                    }
                    None if declared.stereo == Some(false) && is == 2.0 => {
                        found.push("stereo is false and the media has 2 channels".to_owned());
                    }
                    None => {}
                }
            }
        }
        Media::Data => {}
    }
    if let Some(text) = codec_differs(declared, counter).filter(|_| !multitrack) {
        found.push(text);
    }
    found
}

fn is_aac(counter: &Counter) -> bool {
    counter.track.codec == Some(Codec::Audio(AudioCodec::Aac))
}

/// Whether the codec that metadata names is another one than that of the tags.
fn codec_differs(declared: &Declared, counter: &Counter) -> Option<String> {
    let media = match counter.track.media {
        Media::Audio => 0,
        Media::Video => 1,
        Media::Data => return None,
    };
    let Some(CodecId::Number(says)) = declared.codec[media] else { return None };
    let (number, four_cc, name) = match counter.track.codec? {
        Codec::Audio(codec) => (codec.number(), codec.fourcc(), codec.to_string()),
        Codec::Video(codec) => (codec.number(), codec.fourcc(), codec.to_string()),
    };
    let number = number.map(f64::from);
    let four_cc = four_cc.map(|four_cc| f64::from(u32::from_be_bytes(four_cc.0)));
    // Nellymoser has three numbers, for two of its rates and all others; ffmpeg declares the last of all.
    let nellymoser = |number: f64| (4.0..=6.0).contains(&number);
    let same = Some(says) == number
        || Some(says) == four_cc
        || media == 0 && nellymoser(says) && number.is_some_and(nellymoser);
    // Of 0 for pictures there is a finding of its own.
    (!same && (says > 0.0 || media == 0))
        .then(|| format!("{} is {says} and the media is {name}", IDS[media]))
}

/// Seconds behind the first media in which a declared track is to come.
const LONG: f64 = 5.0;
/// Milliseconds of pictures that tell their rate.
const PACED: i64 = 5_000;

impl Declarations {
    /// Says of tracks that have not come, this many seconds behind the first media.
    fn ghosts(&mut self, seen: &mut Seen<'_>, waited: f64) {
        if waited < LONG {
            return;
        }
        self.ghosts_of(seen, waited, Direction::ClientToServer);
        if !self.chosen {
            self.ghosts_of(seen, waited, Direction::ServerToClient);
        }
    }

    fn ghosts_of(&mut self, seen: &mut Seen<'_>, waited: f64, way: Direction) {
        let Some(declared) = self.ways[way.index()].as_deref_mut() else { return };
        // Media of that direction has to come at all.
        let comes = |counter: &&Counter| {
            counter.track.direction == way
                && counter.track.message_stream_id == declared.stream
                && counter.track.media != Media::Data
        };
        let mut tracks = seen.tracks.all().iter().filter(comes);
        if tracks.next().is_none() || !seen.story.knows(way, declared.seq) {
            return;
        }
        for (media, kind) in [Media::Audio, Media::Video].into_iter().enumerate() {
            let mut tracks = seen.tracks.all().iter();
            let came = tracks.any(|counter| {
                counter.track.media == kind
                    && counter.track.direction == way
                    && counter.track.message_stream_id == declared.stream
            });
            if declared.tracks[media]
                && !came
                && !std::mem::replace(&mut declared.said[media], true)
            {
                let seq = declared.seq;
                seen.report(&GHOST, || {
                    format!(
                        "onMetaData declares {}, and none has come {waited:.1} s after the first media",
                        NAMES[media]
                    )
                })
                .about(Some(seq))
                .at(Some(way), None);
            }
        }
    }

    /// Compares a track with the metadata of its direction.
    fn compare(&mut self, seen: &mut Seen<'_>, frame: &Frame, counter: &Counter, way: usize) {
        let Some(declared) = self.ways[way].as_deref() else { return };
        let compared = self.tracks.of(frame);
        if std::mem::replace(&mut compared.with, declared.seq) == declared.seq {
            return;
        }
        // What is said at the top is about the default tracks.
        if counter.track.track > 0 || counter.track.message_stream_id != declared.stream {
            return;
        }
        let found = differences(declared, counter, frame.marks.has(Marks::MULTITRACK));
        if found.is_empty() {
            return;
        }
        let metadata = declared.seq;
        let aac = is_aac(counter);
        let text = found.join("; ");
        seen.report(&DIFFERS, || format!("in onMetaData {text}"));
        if aac {
            // The same fault by the name that it has among those of AAC: not listed beside the other.
            seen.report(&codec_audio::MISMATCH, || {
                format!("the AudioSpecificConfig does not agree with the metadata: {text}")
            })
            .because(Some(metadata));
        }
    }

    fn arrives(&mut self, seen: &mut Seen<'_>, counter: &Counter, way: usize) {
        let media = match counter.track.media {
            Media::Audio => 0,
            Media::Video => 1,
            Media::Data => return,
        };
        let known = is_known_whole(seen);
        match self.ways[way].as_deref_mut() {
            None => {
                if is_published(seen) && known && !std::mem::replace(&mut self.missing, true) {
                    seen.report(&MISSING, || {
                        format!(
                            "the first {} frame came without onMetaData before it",
                            NAMES[media]
                        )
                    });
                }
            }
            Some(declared) if declared.stream != counter.track.message_stream_id => {}
            Some(declared) => {
                let other = declared.tracks[1 - media];
                if !declared.tracks[media]
                    && other
                    && !std::mem::replace(&mut declared.said[media], true)
                {
                    seen.report(&UNDECLARED, || {
                        format!(
                            "{} comes, and onMetaData declares {} only",
                            NAMES[media],
                            NAMES[1 - media]
                        )
                    });
                }
            }
        }
    }
}

impl Judge for Declarations {
    const RULES: &'static [Rule] = &[MISSING, CODEC_ID, GHOST, UNDECLARED, DIFFERS, UPDATE];

    fn command(&mut self, _: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        self.chosen |= matches!(command.name(), "receiveAudio" | "receiveVideo");
    }

    fn data(&mut self, seen: &mut Seen<'_>, data: &Data, message: &MessageRecord<'_>) {
        let Some(direction) = seen.direction else { return };
        let whole = message.malformed.is_none() && message.raw.damaged.is_empty();
        let Some(metadata) = data.metadata().filter(|_| whole) else {
            // It was sent, whatever it says.
            self.missing |= !whole && data.handler().0 == "onMetaData";
            return;
        };
        let mut declared = Declared::of(metadata, seen.seq);
        declared.stream = message.raw.message_stream_id;
        let way = &mut self.ways[direction.index()];
        let same = way.as_ref().filter(|before| before.stream == declared.stream);
        let before = same.map(|before| (before.hash, before.said));
        if let Some((hash, said)) = before {
            declared.said = said;
            if hash == declared.hash {
                return;
            }
        }
        let wrong = wrong_ids(metadata, &declared);
        *way = Some(Box::new(declared));
        if !wrong.is_empty() {
            seen.report(&CODEC_ID, || format!("in onMetaData {}", wrong.join(", ")));
        }
        let began = seen.tracks.all().iter().any(|counter| {
            counter.track.direction == direction
                && counter.track.message_stream_id == message.raw.message_stream_id
                && counter.pace.coded.is_some()
        });
        if before.is_some() && began {
            seen.report(&UPDATE, || {
                "onMetaData came again behind media, with other values".to_owned()
            });
        }
    }

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let Some(way) = seen.direction.map(Direction::index) else { return };
        if frame.marks.has(Marks::DAMAGED) {
            return;
        }
        if frame.marks.has(Marks::CONFIG) && message.malformed.is_none() {
            self.tracks.of(frame).with = 0;
        }
        if !frame.marks.has(Marks::CODED) {
            return;
        }
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        if frame.marks.has(Marks::EARLY) && counter.track.frames == 1 {
            self.arrives(seen, counter, way);
        }
        // A new sequence header may be on its way until the next key frame.
        let stable = counter.track.media == Media::Audio || frame.marks.has(Marks::KEY);
        if stable {
            self.compare(seen, frame, counter, way);
        }
    }

    fn second(&mut self, seen: &mut Seen<'_>, frame: &Frame) {
        let Some(way) = seen.direction.map(Direction::index) else { return };
        let tracks = seen.tracks;
        let Some(counter) = tracks.of(frame) else { return };
        let (pace, track) = (&counter.pace, &counter.track);
        if track.media != Media::Video || track.track > 0 || pace.clock < PACED || pace.gaps > 0 {
            return;
        }
        let Some(declared) = self.ways[way].as_deref_mut() else { return };
        let Some(says) = declared.frame_rate.filter(|rate| *rate > 0.0 && !declared.paced) else {
            return;
        };
        let Some(is) = pace.frame_rate(track.frames) else { return };
        declared.paced = true;
        if (is / says - 1.0).abs() > 0.05 {
            seen.report(&DIFFERS, || {
                format!(
                    "in onMetaData framerate is {says}, and {is:.2} frames a second come by their timestamps"
                )
            });
        }
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        let waited = seen.story.media.and_then(|media| seen.since(media.at)).unwrap_or(0.0);
        self.ghosts(seen, waited);
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        if seen.opened.transport != Transport::Flv {
            return self.tick(seen);
        }
        let longest = seen.tracks.all().iter().map(|counter| counter.pace.clock).max();
        self.ghosts(seen, longest.unwrap_or(0) as f64 / 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{ASC, AVCC, C2S, Frame, S2C, Script, object_of};
    use super::*;

    /// Publishes with this metadata, and the configurations of both tracks.
    fn with(metadata: &[(&str, Value)]) -> Script {
        let mut t = Script::started();
        t.metadata(metadata);
        t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
        t.message(C2S, 4, 1, 8, 0, &[b"\xaf\0", ASC].concat());
        t
    }

    fn ids() -> Vec<(&'static str, Value)> {
        vec![("videocodecid", 7.0.into()), ("audiocodecid", 10.0.into())]
    }

    #[test]
    fn media_without_metadata() {
        let mut t = Script::started();
        t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
        assert!(!t.has("meta.missing"), "it may come behind the sequence header");
        t.video(0, Frame::Key);
        assert_eq!(
            t.text("meta.missing"),
            "the first video frame came without onMetaData before it"
        );
        assert!(!Script::publishing().video(0, Frame::Key).has("meta.missing"));
    }

    #[test]
    fn codecs_in_metadata() {
        let says = |metadata: &[(&str, Value)]| with(metadata).text("meta.codecid").to_owned();
        assert_eq!(says(&ids()), "");
        assert_eq!(says(&[("encoder", "x".into())]), "");
        assert_eq!(
            says(&[("videocodecid", "avc1".into())]),
            "in onMetaData videocodecid is the text \"avc1\""
        );
        assert_eq!(
            says(&[("videocodecid", Value::Null)]),
            "in onMetaData videocodecid is no number"
        );
        assert_eq!(says(&[("audiocodecid", 0.0.into()), ("videocodecid", 0.0.into())]), "");
        assert_eq!(says(&[("width", 640.0.into())]), "in onMetaData videocodecid is missing");
        let zero = [("width", 640.0.into()), ("videocodecid", 0.0.into())];
        assert_eq!(says(&zero), "in onMetaData videocodecid is 0");
        let hvc1 = f64::from(u32::from_be_bytes(*b"hvc1"));
        assert_eq!(says(&[("videocodecid", hvc1.into())]), "");
    }

    #[test]
    fn tracks_that_do_not_come() {
        let run = |seconds: f64, both: bool| {
            let mut t = with(&ids());
            t.video(0, Frame::Key);
            if both {
                t.audio(0);
            }
            t.wait(seconds).video(40, Frame::Inter).end();
            t
        };
        // The configuration of sound alone would be something of it.
        let mut t = Script::started();
        t.metadata(&ids());
        t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
        t.wait(5.5).tick();
        assert_eq!(
            t.text("meta.ghost-track"),
            "onMetaData declares audio, and none has come 5.5 s after the first media"
        );
        assert!(!run(6.0, true).has("meta.ghost-track"));
        let mut t = Script::started();
        t.metadata(&ids());
        t.video(0, Frame::Key).wait(4.5).tick();
        assert!(!t.has("meta.ghost-track"));
        let mut t = Script::started();
        t.metadata(&[("videocodecid", 7.0.into()), ("hasAudio", false.into())]);
        t.video(0, Frame::Key).wait(6.0).tick();
        assert!(!t.has("meta.ghost-track"));
    }

    #[test]
    fn tracks_that_were_not_declared() {
        let mut t = with(&[("videocodecid", 7.0.into())]);
        t.video(0, Frame::Key);
        assert!(!t.has("meta.undeclared-track"));
        t.audio(0);
        assert_eq!(
            t.text("meta.undeclared-track"),
            "audio comes, and onMetaData declares video only"
        );
        let mut t = with(&[("encoder", "x".into())]);
        assert!(!t.video(0, Frame::Key).audio(0).has("meta.undeclared-track"));
    }

    #[test]
    fn players_that_do_not_get_what_is_declared() {
        let run = |choice: bool| {
            let mut t = Script::connected();
            if choice {
                let no = [false.into()];
                t.command(C2S, 1, "receiveAudio", Some(0.0), Value::Null, &no);
            }
            let mut payload = Vec::new();
            let metadata = object_of(&ids());
            let name = Some("onMetaData".into());
            Data { amf: 0, name, arguments: vec![metadata] }.encode(&mut payload);
            t.message(S2C, 4, 1, 18, 0, &payload);
            t.message(S2C, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
            t.wait(6.0).tick();
            t
        };
        assert!(run(false).text("meta.ghost-track").contains("declares audio"));
        assert!(!run(true).has("meta.ghost-track"), "it does not want any");
    }

    #[test]
    fn metadata_of_another_stream() {
        let mut t = with(&ids());
        t.video(0, Frame::Key);
        let mut payload = Vec::new();
        let metadata = object_of(&[("width", 1280.0.into()), ("videocodecid", 7.0.into())]);
        Data { amf: 0, name: Some("onMetaData".into()), arguments: vec![metadata] }
            .encode(&mut payload);
        t.message(C2S, 4, 2, 18, 0, &payload);
        t.video(40, Frame::Key);
        assert!(!t.has("meta.update") && !t.has("meta.vs-bitstream"), "{:?}", t.codes());
    }

    #[test]
    fn sound_that_is_said_to_be_pcm() {
        let mut t = with(&[("videocodecid", 7.0.into()), ("audiocodecid", 0.0.into())]);
        t.audio(0);
        assert!(t.text("meta.vs-bitstream").contains("audiocodecid is 0 and the media is aac"));
    }

    #[test]
    fn nothing_is_known_of_sound_without_its_configuration() {
        let mut t = Script::started();
        t.metadata(&[&ids()[..], &[("audiosamplerate", 48_000.0.into())]].concat());
        assert!(!t.audio(0).audio(23).has("meta.vs-bitstream"));
        let mut t = Script::started();
        t.metadata(&[("audiocodecid", 6.0.into())]);
        t.message(C2S, 4, 1, 8, 0, b"\x52\x01\x02");
        assert!(!t.has("meta.vs-bitstream"), "Nellymoser");
    }

    #[test]
    fn what_does_not_agree() {
        let says = |more: &[(&'static str, Value)]| {
            let mut t = with(&[&ids()[..], more].concat());
            t.video(0, Frame::Key).audio(0);
            t.text("meta.vs-bitstream").to_owned()
        };
        assert_eq!(says(&[("width", 640.0.into()), ("height", 360.0.into())]), "");
        let text = "in onMetaData width is 1280 and the media has 640; height is 720 and the media has 360";
        assert_eq!(says(&[("width", 1280.0.into()), ("height", 720.0.into())]), text);
        assert_eq!(
            says(&[("audiosamplerate", 44_100.0.into()), ("audiochannels", 2.0.into())]),
            ""
        );
        assert_eq!(says(&[("audiosamplerate", 22_050.0.into())]), "", "SBR");
        let text = "in onMetaData audiosamplerate is 48000 and the media has 44100";
        assert_eq!(says(&[("audiosamplerate", 48_000.0.into())]), text);
        assert_eq!(
            says(&[("stereo", false.into())]),
            "in onMetaData stereo is false and the media has 2 channels"
        );
        let mut t = with(&[("videocodecid", 12.0.into()), ("audiocodecid", 10.0.into())]);
        t.video(0, Frame::Key);
        assert_eq!(
            t.text("meta.vs-bitstream"),
            "in onMetaData videocodecid is 12 and the media is avc"
        );
    }

    #[test]
    fn sound_that_does_not_agree_is_one_fault() {
        let mut t = with(&[&ids()[..], &[("audiosamplerate", 48_000.0.into())]].concat());
        t.audio(0).end();
        assert!(t.has("aac.config-mismatch"));
        let listed: Vec<_> = t.listed.iter().map(|listed| listed.finding.code).collect();
        assert!(listed.contains(&"meta.vs-bitstream") && !listed.contains(&"aac.config-mismatch"));
    }

    #[test]
    fn frame_rates() {
        let run = |declared: f64| {
            let mut t = with(&[&ids()[..], &[("framerate", declared.into())]].concat());
            t.media(7.0);
            t
        };
        assert!(!run(25.0).has("meta.vs-bitstream") && !run(26.0).has("meta.vs-bitstream"));
        let text =
            "in onMetaData framerate is 30, and 25.00 frames a second come by their timestamps";
        assert_eq!(run(30.0).text("meta.vs-bitstream"), text);
    }

    #[test]
    fn metadata_again() {
        let mut t = with(&ids());
        t.metadata(&[]);
        assert!(!t.has("meta.update"), "before any media");
        let mut t = with(&ids());
        t.video(0, Frame::Key).metadata(&ids());
        assert!(!t.has("meta.update"), "the same");
        t.metadata(&[&ids()[..], &[("width", 640.0.into())]].concat());
        assert_eq!(t.text("meta.update"), "onMetaData came again behind media, with other values");
    }
}
