//! AMF: values that peers do not read, counts that do not fit, bytes that are no value.

use super::judge::{Judge, Seen, lasted, quoted, sender};
use super::{Confidence, Rule, Severity};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, ClosedBy, MessageRecord};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::{Command, Data};

/// What the decoding itself reports.
pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "amf.depth",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "AMF values are nested too deep",
        meaning: "Objects or arrays are nested deeper than rtmpctl decodes (limit amf_depth, 64). No real sender needs that: \
                  it is damage, or an attack on receivers that recurse without a limit.",
        breaks_on: "Receivers that run out of stack (noirotm/flvmeta#29).",
        fix: "Find out who sends it. A receiver should limit the depth that it reads.",
        spec: None,
    },
    Rule {
        code: "amf.trailing",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "Bytes behind the last AMF value are no value",
        meaning: "A command or data message has bytes left behind its last value that cannot be read as another one, or its \
                  last value is cut off. Either the sender's length is wrong, or the message was put together wrongly.",
        breaks_on: "Receivers that read until the message ends and fail on the rest (MicrosoftDX/AzureRTMPIngestLib#5, \
                    iizukanao/node-rtsp-rtmp-server#39).",
        fix: "Let the sender count the length of what it writes. Receivers should pass over what follows the values that \
              they need.",
        spec: Some("AMF 0 §2.1"),
    },
];

const STRICT_ARRAY: Rule = Rule {
    code: "amf.strict-array",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "The server closes on a strict array",
    meaning: "The server closed the connection right behind a message with a strict array (AMF0 marker 0x0A), such as the \
              fourCcList with which Enhanced RTMP's clients announce codecs, and had not answered it.",
    breaks_on: "Servers whose AMF reader does not know the marker (bluenviron/mediamtx#3188, KallDrexx/rust-media-libs#29).",
    fix: "Update the server. Until then let the client leave fourCcList out: turn HEVC, AV1 and multitrack off, or use an \
          encoder without Enhanced RTMP.",
    spec: Some("AMF 0 §2.12"),
};

const NULL_IN_OBJECT: Rule = Rule {
    code: "amf.null-in-object",
    severity: Severity::Warning,
    confidence: Confidence::Hint,
    title: "The server closes on a null inside an object",
    meaning: "The server closed the connection right behind a message in which an object has a null, and had not answered it.",
    breaks_on: "Servers whose AMF reader knows no null inside objects (q191201771/lal#102).",
    fix: "Update the server, or let the client leave properties out that it has no value for.",
    spec: Some("AMF 0 §2.7"),
};

const ECMA: Rule = Rule {
    code: "amf.ecma",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "An ECMA array has another count than members, or no end",
    meaning: "An ECMA array begins with the number of its members and ends with 00 00 09. This one has another number of \
              members, or no end. A count of 0 is what many senders write, and is passed over.",
    breaks_on: "Receivers that read as many members as are counted and then go on, or that look for the end marker \
                (ossrs/srs#852, q191201771/lal#237, veriskope/rtmp-website#30, androidx/media#3414).",
    fix: "Let the sender count the members and write the end marker. Receivers should read up to the end marker.",
    spec: Some("AMF 0 §2.10"),
};

const BYTE_ARRAY: Rule = Rule {
    code: "data.byte-array-track",
    severity: Severity::Info,
    confidence: Confidence::Likely,
    title: "Media is carried in AMF byte arrays",
    meaning: "Data messages carry AMF3 byte arrays. OBS sends Twitch's VOD track so: a second audio track in messages \
              called additionalMedia.",
    breaks_on: "Servers that cannot read them close the connection (bluenviron/mediamtx#2986), and players never see the \
                track (obsproject/obs-studio#10618).",
    fix: "In OBS turn the Twitch VOD track off (Settings, Output, Streaming) unless the stream goes to Twitch.",
    spec: Some("AMF 3 §3.14"),
};

/// Values of commands and data.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// The client's latest message with an odd value, and how many messages the server had sent by then.
    odd: [Option<(Moment, u64)>; 2],
    /// Media in byte arrays was told of.
    carried: bool,
}

/// Seconds in which a close is the answer to a message.
const AT_ONCE: f64 = 2.0;

/// What is in the values of a message.
#[derive(Debug, Default)]
struct Inside {
    strict: bool,
    null: bool,
    bytes: bool,
    /// An ECMA array whose count does not fit, or without an end: the count, the members, whether it ended.
    ecma: Option<(u32, usize, bool)>,
}

impl Judge for Values {
    const RULES: &'static [Rule] = &[STRICT_ARRAY, NULL_IN_OBJECT, ECMA, BYTE_ARRAY];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, message: &MessageRecord<'_>) {
        let mut inside = Inside::default();
        for value in command.object.iter().chain(&command.arguments) {
            inside.look(value, false);
        }
        self.found(seen, command.name(), &inside, message);
    }

    fn data(&mut self, seen: &mut Seen<'_>, data: &Data, message: &MessageRecord<'_>) {
        let mut inside = Inside::default();
        for value in &data.arguments {
            inside.look(value, false);
        }
        self.found(seen, data.name(), &inside, message);
        if inside.bytes && !std::mem::replace(&mut self.carried, true) {
            let name = quoted(data.name());
            seen.report(&BYTE_ARRAY, || {
                format!("the data message {name} of {} bytes has a byte array", message.raw.length)
            });
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, closed: Closed) {
        if closed.by != ClosedBy::Server {
            return;
        }
        let answers = seen.story.way(Direction::ServerToClient).messages;
        for (rule, what, odd) in [
            (&STRICT_ARRAY, "a strict array (marker 0x0A)", self.odd[0]),
            (&NULL_IN_OBJECT, "a null inside an object", self.odd[1]),
        ] {
            let Some((moment, before)) = odd.filter(|(_, before)| *before == answers) else {
                continue;
            };
            let seconds = seen.since(moment.at);
            if before == 0
                || seconds.is_some_and(|seconds| seconds > AT_ONCE)
                || !seen.story.knows(Direction::ServerToClient, moment.seq)
            {
                continue;
            }
            let when = seconds.map_or_else(String::new, |seconds| format!(" {}", lasted(seconds)));
            seen.report(rule, || {
                format!("the server closes the connection{when} after a message with {what}, without an answer")
            })
            .about(Some(moment.seq));
        }
    }
}

impl Values {
    fn found(
        &mut self,
        seen: &mut Seen<'_>,
        name: &str,
        inside: &Inside,
        message: &MessageRecord<'_>,
    ) {
        let Some(direction) = seen.direction else { return };
        if direction == Direction::ClientToServer {
            let moment = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
            let answers = seen.story.way(Direction::ServerToClient).messages;
            for (odd, here) in self.odd.iter_mut().zip([inside.strict, inside.null]) {
                if here {
                    *odd = Some((moment, answers));
                }
            }
        }
        // What is cut off lacks members and end for that reason.
        if let Some((declared, members, ended)) = inside.ecma
            && message.malformed.is_none()
            && message.raw.damaged.is_empty()
        {
            let (name, from) = (quoted(name), sender(direction));
            let counts = declared != 0 && declared as usize != members;
            seen.report(&ECMA, || {
                let what = match (counts, ended) {
                    (true, true) => format!("counts {declared} members and has {members}"),
                    (true, false) => {
                        format!(
                            "counts {declared} members, has {members} and no end marker 00 00 09"
                        )
                    }
                    (false, _) => format!("of {members} members has no end marker 00 00 09"),
                };
                format!("an ECMA array in the {from}'s {name} {what}")
            });
        }
    }
}

impl Inside {
    /// Looks into a value; `member`: of an object.
    fn look(&mut self, value: &Value, member: bool) {
        match value.inner() {
            Value::Null => self.null |= member,
            Value::StrictArray(_) => self.strict = true,
            Value::ByteArray(_) => self.bytes = true,
            Value::EcmaArray { declared, entries, ended } => {
                let counts = *declared == 0 || *declared as usize == entries.len();
                if !(counts && *ended) {
                    self.ecma.get_or_insert((*declared, entries.len(), *ended));
                }
            }
            _ => {}
        }
        for (_, inner) in value.entries() {
            self.look(inner, true);
        }
        for inner in value.items() {
            self.look(inner, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script, object_of};
    use crate::inspect::{CloseKind, ClosedBy};
    use crate::proto::amf::Value;

    #[test]
    fn closes_on_odd_values() {
        let list = Value::StrictArray(vec!["hvc1".into()]);
        for (value, code) in [(list, "amf.strict-array"), (Value::Null, "amf.null-in-object")] {
            let run = |value: &Value, seconds: f64, by, answers: bool| {
                let mut t = Script::shaken();
                let object = object_of(&[("app", "live".into()), ("fourCcList", value.clone())]);
                t.command(C2S, 0, "connect", Some(1.0), object, &[]);
                if answers {
                    t.command(S2C, 0, "_result", Some(1.0), object_of(&[]), &[]);
                }
                t.wait(seconds).close(by, CloseKind::Rst).has(code)
            };
            assert!(run(&value, 1.9, ClosedBy::Server, false), "{code}");
            assert!(!run(&value, 2.1, ClosedBy::Server, false), "{code}");
            assert!(!run(&value, 1.0, ClosedBy::Client, false), "{code}");
            assert!(!run(&value, 1.0, ClosedBy::Server, true), "{code}");
            assert!(!run(&"hvc1".into(), 1.0, ClosedBy::Server, false), "{code}");
        }
    }

    #[test]
    fn ecma_arrays() {
        let say = |declared: u32, ended: bool| {
            let mut t = Script::started();
            let array =
                Value::EcmaArray { declared, entries: vec![("a".into(), 1.0.into())], ended };
            let mut payload = b"\x02\0\x0aonMetaData".to_vec();
            crate::proto::amf::amf0::encode(&array, &mut payload);
            t.message(C2S, 4, 1, 18, 0, &payload);
            t.text("amf.ecma").to_owned()
        };
        assert_eq!(say(1, true), "");
        assert_eq!(say(0, true), "", "many write 0");
        assert_eq!(
            say(5, true),
            "an ECMA array in the client's \"onMetaData\" counts 5 members and has 1"
        );
        assert!(say(1, false).ends_with("of 1 members has no end marker 00 00 09"));
        assert!(say(5, false).ends_with("counts 5 members, has 1 and no end marker 00 00 09"));
    }

    #[test]
    fn bytes_behind_the_last_value() {
        let say = |behind: &[u8]| {
            let mut t = Script::started();
            let call = b"\x02\0\x03foo\0\0\0\0\0\0\0\0\0\x05";
            t.message(C2S, 3, 1, 20, 0, &[call, behind].concat());
            t
        };
        assert_eq!(say(b"").codes(), [""; 0]);
        assert_eq!(say(b"\x05").codes(), [""; 0], "another value");
        let t = say(b"\xff\xff\xff");
        assert_eq!(t.codes(), ["amf.trailing"]);
        let text = "3 bytes behind the last value of the command message, from its byte 16 on, are no value: AMF0 marker: \
                    value 255 (0xff) is not allowed";
        assert_eq!(t.text("amf.trailing"), text);
        assert_eq!(say(b"\0\0\0\x09").codes(), ["amf.trailing"]);
        // A value that breaks off inside an object is no rest.
        assert_eq!(say(b"\x03\0\x01a\xff").codes(), ["message.malformed"]);
    }

    #[test]
    fn nesting() {
        let nested = |levels: usize| {
            let mut value = Value::Null;
            for _ in 0..levels {
                value = Value::StrictArray(vec![value]);
            }
            let mut t = Script::started();
            t.command(C2S, 0, "foo", Some(0.0), value, &[]);
            t.codes()
        };
        assert_eq!(nested(64), [""; 0]);
        assert_eq!(nested(65), ["amf.depth"]);
    }

    #[test]
    fn media_in_byte_arrays() {
        let mut t = Script::publishing();
        let mut payload = b"\x02\0\x0fadditionalMedia\x03\0\x05media".to_vec();
        payload.extend(b"\x11\x0c\x09\xaf\x01\x21\x10\0\0\x09");
        t.message(C2S, 4, 1, 18, 0, &payload).message(C2S, 4, 1, 18, 23, &payload);
        assert!(
            t.text("data.byte-array-track").starts_with("the data message \"additionalMedia\" of ")
        );
        assert_eq!(t.find("data.byte-array-track").map(|finding| finding.count), Some(1));
        assert!(!Script::publishing().has("data.byte-array-track"));
    }
}
