//! What both sides say that they can do of Enhanced RTMP, and what is then sent.

use super::judge::{Judge, Seen, quoted};
use super::per_track::{audio_of, is_published, video_of};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, ClosedBy, Codec, MessageRecord};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::command::{Capabilities, CapsEx, CodecName};
use crate::proto::message::data::Metadata;
use crate::proto::message::{Command, Data, FourCc};

const NOT_NEGOTIATED: Rule = Rule {
    code: "ertmp.not-negotiated",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A codec of Enhanced RTMP is sent that was not agreed on",
    meaning: "The client names its codecs in connect (fourCcList, videoFourCcInfoMap, audioFourCcInfoMap) and the server those that it \
              takes in its answer. A codec is sent that one of both did not name. Where the server names none at all, which is \
              usual, this is information.",
    breaks_on: "Servers that do not know Enhanced RTMP drop the video or the connection (veovera/enhanced-rtmp#11, \
                moq-dev/moq#2007).",
    fix: "Name the codec in connect (ffmpeg: -rtmp_enhanced_codecs hvc1,av01,vp09), and send H.264 and AAC to servers that do not \
          name it.",
    spec: Some("Enhanced RTMP v2 \"Enhancing NetConnection connect Command\""),
};

const CAPS_TYPE: Rule = Rule {
    code: "ertmp.caps-type",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The properties of Enhanced RTMP have wrong names or types",
    meaning: "fourCcList is a strict array of strings of four characters, the info maps are objects from such a name to a number, capsEx \
              is a number of four bits. Names and FourCCs are told by their case.",
    breaks_on: "Peers that look for what the specification says and take the codec for unsupported (veovera/enhanced-rtmp#10, \
                veovera/enhanced-rtmp#14, veovera/enhanced-rtmp#15, HaishinKit/HaishinKit.swift#1433).",
    fix: "Send the properties as the specification has them.",
    spec: Some("Enhanced RTMP v2 \"Enhancing NetConnection connect Command\""),
};

const MULTITRACK: Rule = Rule {
    code: "ertmp.multitrack-unsupported",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "The server closes when several tracks come",
    meaning: "The server closed the connection within two seconds of the first multitrack message: it does not take several tracks, or \
              not these.",
    breaks_on: "Servers without multitrack (bluenviron/mediamtx#3685, bluenviron/mediamtx#5478); Amazon IVS says \
                MultitrackInputNotAllowed and the like.",
    fix: "Turn the additional tracks off (OBS: Settings, Output, Streaming audio track; Stream, Enhanced Broadcasting), or use a \
          server that says in capsEx that it takes them.",
    spec: Some("Enhanced RTMP v2 \"Multitrack Streaming via Enhanced RTMP\""),
};

const MULTITRACK_META: Rule = Rule {
    code: "ertmp.multitrack-meta",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The metadata does not describe the additional tracks",
    meaning: "Additional tracks are sent, and onMetaData has no videoTrackIdInfoMap or audioTrackIdInfoMap that says what they are.",
    breaks_on: "Receivers that choose a track before they have decoded it (veovera/enhanced-rtmp#37, obsproject/obs-studio#11310).",
    fix: "Describe each track but the default one in the map: codec, size or channels, language.",
    spec: Some("Enhanced RTMP v2 \"Enhancing onMetaData\""),
};

/// What was said and sent.
#[derive(Debug, Default)]
pub(super) struct Negotiation(Option<Box<State>>);

#[derive(Debug, Default)]
struct State {
    client: Option<Capabilities>,
    server: Option<Capabilities>,
    /// The client's connect, and its answer.
    connect: Option<u64>,
    answer: Option<u64>,
    /// FourCCs that were said not to be agreed on, at most [`MOST`].
    said: Vec<FourCc>,
    /// The first message of several tracks.
    multitrack: Option<Moment>,
    /// Whether metadata came, and had a map of tracks.
    metadata: Option<bool>,
    described: bool,
}

/// Codecs remembered.
const MOST: usize = 16;
/// Seconds behind which a close has other reasons.
const AT_ONCE: f64 = 2.0;
/// FourCCs whose case is told: those of the specification.
const FOUR_CCS: [&str; 12] = [
    "avc1", "hvc1", "vvc1", "av01", "vp08", "vp09", "mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3",
];

/// Whether a side names a codec.
fn names(capabilities: &Capabilities, four_cc: FourCc) -> bool {
    capabilities
        .codecs()
        .iter()
        .any(|(name, _)| *name == CodecName::Any || *name == CodecName::FourCc(four_cc))
}

/// What is wrong with the properties.
fn wrong(object: &Value) -> Option<String> {
    let bad_name = |name: &str| {
        let known = FOUR_CCS.iter().find(|known| known.eq_ignore_ascii_case(name));
        match known {
            Some(known) if *known == name => None,
            Some(known) => Some(format!("has {} where {known} is meant", quoted(name))),
            None if name == "*" || name.len() == 4 => None,
            None => Some(format!("has {}, which is no FourCC", quoted(name))),
        }
    };
    for (key, value) in object.entries() {
        let Some(key) = key.as_str() else { continue };
        let Some(name) = Capabilities::NAMES.iter().find(|name| name.eq_ignore_ascii_case(key))
        else {
            continue;
        };
        if *name != key {
            return Some(format!("{} is to be written {name}", quoted(key)));
        }
        let value = value.inner();
        let wrong = match (*name, value) {
            ("fourCcList", Value::StrictArray(_) | Value::Array { .. }) => {
                value.items().iter().find_map(|item| match item.as_str() {
                    Some(text) => bad_name(text),
                    None => Some("has a value that is no string".to_owned()),
                })
            }
            ("fourCcList", _) => Some("is no strict array".to_owned()),
            ("capsEx", value) => match value.as_number() {
                Some(number) if number.fract() == 0.0 && (0.0..16.0).contains(&number) => None,
                Some(number) => Some(format!("is {number}, where bits 0 to 3 are defined")),
                None => Some("is no number".to_owned()),
            },
            (_, Value::Object(_) | Value::EcmaArray { .. } | Value::TypedObject { .. }) => {
                value.entries().find_map(|(key, value)| {
                    let name = bad_name(key.as_str().unwrap_or_default());
                    name.or_else(|| match value.as_number() {
                        Some(number) if number.fract() == 0.0 && (0.0..8.0).contains(&number) => {
                            None
                        }
                        Some(number) => {
                            Some(format!("has {number}, where bits 0 to 2 are defined"))
                        }
                        None => Some("has a value that is no number".to_owned()),
                    })
                })
            }
            (_, Value::Array { .. } | Value::Instance(_)) => None,
            _ => Some("is no object".to_owned()),
        };
        if let Some(wrong) = wrong {
            return Some(format!("{name} {wrong}"));
        }
    }
    None
}

impl Negotiation {
    fn state(&mut self) -> &mut State {
        self.0.get_or_insert_default()
    }

    fn codec(&mut self, seen: &mut Seen<'_>, four_cc: FourCc) {
        let Some(state) = self.0.as_deref_mut() else { return };
        let Some(connect) = state.connect else { return };
        // What every peer knows needs no agreement, and what is no text is no codec.
        if !four_cc.0.iter().all(|byte| (b' '..=b'~').contains(byte))
            || matches!(&four_cc.0, b"avc1" | b"mp4a" | b".mp3")
            || state.said.contains(&four_cc)
            || state.said.len() >= MOST
            || !seen.story.knows(Direction::ClientToServer, connect)
        {
            return;
        }
        let offered = state.client.as_ref().is_some_and(|client| names(client, four_cc));
        let published = is_published(seen);
        let name = quoted(&four_cc.to_string());
        if !offered {
            state.said.push(four_cc);
            seen.report(&NOT_NEGOTIATED, || {
                let who = if published { "the client publishes" } else { "the server sends" };
                format!("{who} {name}, which the client's connect does not name")
            });
            return;
        }
        let Some(answer) = state.answer.filter(|_| published) else { return };
        match &state.server {
            Some(server) if !names(server, four_cc) => {
                state.said.push(four_cc);
                seen.report(&NOT_NEGOTIATED, || {
                    format!("the client publishes {name}, and the server's answer names other codecs only")
                });
            }
            None if seen.story.knows(Direction::ServerToClient, answer) => {
                state.said.push(four_cc);
                seen.report_as(&NOT_NEGOTIATED, Severity::Info, || {
                    format!(
                        "the client publishes {name}, and the server's answer to connect names no codec of Enhanced RTMP"
                    )
                })
                .sure(Confidence::Hint);
            }
            _ => {}
        }
    }
}

impl Judge for Negotiation {
    const RULES: &'static [Rule] = &[NOT_NEGOTIATED, CAPS_TYPE, MULTITRACK, MULTITRACK_META];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        let answers = seen.session.answered.as_ref().is_some_and(|call| call.name == "connect");
        let client = seen.direction == Some(Direction::ClientToServer);
        if !(client && command.name() == "connect" || !client && answers) {
            return;
        }
        let capabilities = Capabilities::of_command(command);
        let seq = seen.seq;
        let state = self.state();
        if client {
            (state.client, state.connect) = (capabilities, Some(seq));
        } else {
            (state.server, state.answer) = (capabilities, Some(seq));
        }
        let objects = command.object.iter().chain(command.arguments.first());
        if let Some(wrong) = objects.take(if client { 1 } else { 2 }).find_map(wrong) {
            seen.report(&CAPS_TYPE, || {
                let whose = if client { "connect" } else { "the answer to connect" };
                format!("{whose}: {wrong}")
            });
        }
    }

    fn data(&mut self, seen: &mut Seen<'_>, data: &Data, _: &MessageRecord<'_>) {
        if let Some(metadata) = data.metadata()
            && is_published(seen)
        {
            let metadata = Metadata(metadata);
            let maps = metadata.video_tracks().next().is_some()
                || metadata.audio_tracks().next().is_some();
            self.state().metadata = Some(maps);
        }
    }

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let several = frame.marks.has(Marks::MULTITRACK);
        if frame.marks.has(Marks::DAMAGED) || !frame.marks.has(Marks::CODEC) && !several {
            return;
        }
        let video = video_of(message);
        let audio = audio_of(message);
        let enhanced =
            video.is_some_and(|video| video.enhanced) || audio.is_some_and(|audio| audio.enhanced);
        if !enhanced {
            return;
        }
        let codec = seen.tracks.of(frame).and_then(|counter| counter.track.codec);
        let four_cc = match codec {
            Some(Codec::Video(codec)) => codec.fourcc(),
            Some(Codec::Audio(codec)) => codec.fourcc(),
            None => None,
        };
        if let Some(four_cc) = four_cc.filter(|_| frame.marks.has(Marks::CODEC)) {
            self.codec(seen, four_cc);
        }
        if !several || !is_published(seen) {
            return;
        }
        let moment = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
        let track = seen.tracks.of(frame).map_or(0, |counter| counter.track.track);
        let state = self.state();
        state.multitrack.get_or_insert(moment);
        if track > 0
            && state.metadata == Some(false)
            && !std::mem::replace(&mut state.described, true)
        {
            let media = if video.is_some() { "video" } else { "audio" };
            seen.report(&MULTITRACK_META, || {
                format!(
                    "{media} track {track} is sent, and onMetaData has no {media}TrackIdInfoMap"
                )
            });
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, closed: Closed) {
        let Some(state) = self.0.as_deref() else { return };
        let Some(first) = state.multitrack.filter(|_| closed.by == ClosedBy::Server) else {
            return;
        };
        let Some(seconds) = seen.since(first.at).filter(|seconds| *seconds <= AT_ONCE) else {
            return;
        };
        let says = state.server.as_ref().and_then(|server| server.caps_ex);
        seen.report(&MULTITRACK, || {
            let flag = match says {
                Some(CapsEx(bits)) if bits & CapsEx::MULTITRACK != 0 => {
                    "; its capsEx has multitrack"
                }
                Some(_) => "; its capsEx is without multitrack",
                None => "; it had sent no capsEx",
            };
            format!("the server closed {seconds:.1} s after the first multitrack message{flag}")
        })
        .about(Some(first.seq))
        .at(Some(Direction::ClientToServer), None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script, object_of, status_of};
    use super::*;
    use crate::inspect::CloseKind;

    fn list(names: &[&str]) -> Value {
        Value::StrictArray(names.iter().map(|name| (*name).into()).collect())
    }

    /// Connected with these properties on both sides.
    fn connected(client: &[(&str, Value)], server: &[(&str, Value)]) -> Script {
        let mut t = Script::shaken();
        let mut object = vec![("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())];
        object.extend_from_slice(client);
        t.command(C2S, 0, "connect", Some(1.0), object_of(&object), &[]);
        let info = status_of("status", "NetConnection.Connect.Success", "Connected.");
        t.command(S2C, 0, "_result", Some(1.0), object_of(server), &[info]);
        t
    }

    fn hevc(mut t: Script) -> Script {
        t.message(C2S, 6, 1, 9, 0, b"\x90hvc1\x01");
        t
    }

    #[test]
    fn codecs_that_were_not_agreed_on() {
        let offer = |names: &[&str]| vec![("fourCcList", list(names))];
        let t = hevc(connected(&[], &[]));
        let text = "the client publishes \"hvc1\", which the client's connect does not name";
        assert_eq!(t.text("ertmp.not-negotiated"), text);
        let both = hevc(connected(&offer(&["hvc1"]), &offer(&["hvc1", "av01"])));
        assert!(!both.has("ertmp.not-negotiated"));
        assert!(!hevc(connected(&offer(&["*"]), &offer(&["*"]))).has("ertmp.not-negotiated"));
        let t = hevc(connected(&offer(&["hvc1"]), &offer(&["av01"])));
        assert!(t.text("ertmp.not-negotiated").ends_with("names other codecs only"));
        let t = hevc(connected(&offer(&["hvc1"]), &[]));
        assert_eq!(t.find("ertmp.not-negotiated").map(|f| f.severity), Some(Severity::Info));
        let mut t = connected(&[], &[]);
        t.message(C2S, 6, 1, 9, 0, b"\x90avc1\x01");
        assert!(!t.has("ertmp.not-negotiated"), "every peer knows it");
    }

    #[test]
    fn properties_that_are_wrong() {
        let says = |name: &str, value: Value| {
            connected(&[(name, value)], &[]).text("ertmp.caps-type").to_owned()
        };
        assert_eq!(says("fourCcList", list(&["hvc1", "*"])), "");
        assert_eq!(says("fourCcList", "hvc1".into()), "connect: fourCcList is no strict array");
        assert_eq!(
            says("fourCcList", list(&["HVC1"])),
            "connect: fourCcList has \"HVC1\" where hvc1 is meant"
        );
        assert_eq!(
            says("fourCCList", list(&[])),
            "connect: \"fourCCList\" is to be written fourCcList"
        );
        assert_eq!(says("capsEx", 15.0.into()), "");
        assert_eq!(
            says("capsEx", 16.0.into()),
            "connect: capsEx is 16, where bits 0 to 3 are defined"
        );
        let map = |mask: Value| object_of(&[("hvc1", mask)]);
        assert_eq!(says("videoFourCcInfoMap", map(4.0.into())), "");
        assert!(
            says("videoFourCcInfoMap", map("4".into())).ends_with("has a value that is no number")
        );
        assert!(says("audioFourCcInfoMap", 1.0.into()).ends_with("is no object"));
        let t = connected(&[], &[("capsEx", "1".into())]);
        assert_eq!(t.text("ertmp.caps-type"), "the answer to connect: capsEx is no number");
    }

    #[test]
    fn servers_that_close_when_several_tracks_come() {
        let run = |seconds: f64, by| {
            let mut t = connected(&[], &[("capsEx", 1.0.into())]);
            t.message(C2S, 6, 1, 9, 0, b"\x96\x00avc1\x01\x01");
            t.wait(seconds).close(by, CloseKind::Fin);
            t
        };
        let text = "the server closed 1.5 s after the first multitrack message; its capsEx is without multitrack";
        assert_eq!(run(1.5, ClosedBy::Server).text("ertmp.multitrack-unsupported"), text);
        assert!(!run(2.5, ClosedBy::Server).has("ertmp.multitrack-unsupported"));
        assert!(!run(1.5, ClosedBy::Client).has("ertmp.multitrack-unsupported"));
    }

    #[test]
    fn tracks_that_metadata_does_not_describe() {
        let run = |metadata: &[(&str, Value)], track: &[u8]| {
            let mut t = Script::started();
            t.metadata(metadata);
            t.message(C2S, 6, 1, 9, 0, &[b"\x96\x00avc1", track, b"\x01"].concat());
            t
        };
        let text = "video track 1 is sent, and onMetaData has no videoTrackIdInfoMap";
        assert_eq!(run(&[], b"\x01").text("ertmp.multitrack-meta"), text);
        assert!(!run(&[], b"\x00").has("ertmp.multitrack-meta"), "the default one");
        let map = object_of(&[("1", object_of(&[("width", 640.0.into())]))]);
        assert!(!run(&[("videoTrackIdInfoMap", map)], b"\x01").has("ertmp.multitrack-meta"));
    }
}
