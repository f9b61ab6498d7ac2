//! How commands are made: their ids, their values, their order.

use super::judge::{Judge, Seen, quoted, sender};
use super::{Confidence, Rule, Severity};
use crate::inspect::MessageRecord;
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::{Command, Data};

const CONNECT_TXID: Rule = Rule {
    code: "cmd.connect-txid",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "connect has another transaction id than 1",
    meaning: "The transaction id of connect is to be 1, and the answer repeats it. Servers that always answer 1 are \
              then not understood by the client, or the other way round.",
    breaks_on: "Clients and servers that take the id for granted: SRS passes over it with the remark that some clients do \
                not send 1 (ossrs/srs:trunk/src/protocol/srs_protocol_rtmp_stack.cpp).",
    fix: "Let the client number its calls from 1, connect first.",
    spec: Some("RTMP 1.0 §7.2.1.1"),
};

const TXID_MISSING: Rule = Rule {
    code: "cmd.txid-missing",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A command has no transaction id",
    meaning: "The second value of a command is to be a number, the transaction id; 0 where no answer is wanted. This one has \
              something else there, or nothing.",
    breaks_on: "Parsers that read a number there and fail, on onFCPublish mostly \
                (membraneframework/membrane_rtmp_plugin#115, ireader/media-server#209).",
    fix: "Send the number 0 behind the name of commands that want no answer.",
    spec: Some("RTMP 1.0 §7.1.1"),
};

const LEGACY_ERROR: Rule = Rule {
    code: "cmd.legacy-error",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "An error that means nothing",
    meaning: "releaseStream, FCPublish, FCSubscribe and _checkbw are relics of Flash Media Server. Servers that do not know \
              them answer with _error, and clients go on.",
    breaks_on: "Nobody who knows: FFmpeg passes over it (FFmpeg/FFmpeg:libavformat/rtmpproto.c, handle_invoke_error).",
    fix: "Nothing.",
    spec: None,
};

const CHECKBW_FIRST: Rule = Rule {
    code: "cmd.checkbw-first",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The client asks for a bandwidth check before createStream",
    meaning: "_checkbw comes ahead of createStream, as encoders of Haivision have it, and some of these wait for its answer.",
    breaks_on: "Servers that expect createStream or releaseStream as the first call behind connect (ossrs/srs#844).",
    fix: "Let the server answer _checkbw with _result or _error, and go on.",
    spec: None,
};

const CONNECT_EXTRA: Rule = Rule {
    code: "cmd.connect-extra-arg",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "connect has an argument that is no object",
    meaning: "Behind the command object, connect may have arguments of the application. They are usually an object; this one \
              is something else.",
    breaks_on: "Servers that read an object there (ossrs/srs#186).",
    fix: "Let the server pass over arguments that it does not know.",
    spec: Some("RTMP 1.0 §7.2.1.1"),
};

const NULL_PROPERTIES: Rule = Rule {
    code: "cmd.result-null-props",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The answer to connect has no properties",
    meaning: "The first value of the answer is to be an object with the server's properties, such as fmsVer. Red5 sends null.",
    breaks_on: "Clients that read an object there (ossrs/srs#418).",
    fix: "Let the client take null for no properties.",
    spec: Some("RTMP 1.0 §7.2.1.1"),
};

const AMF3: Rule = Rule {
    code: "cmd.amf3",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "AMF3 is used",
    meaning: "Messages of types 15 and 17, and connect with objectEncoding 3, announce AMF3. The payload of these messages \
              begins with one more byte, and its values are AMF0 until the marker 0x11 switches to AMF3.",
    breaks_on: "Peers that read the first byte as a marker, or know no AMF3 at all (HaishinKit/HaishinKit.swift#16, \
                iizukanao/node-rtsp-rtmp-server#36, software-mansion/smelter#1689).",
    fix: "Use AMF0, objectEncoding 0, unless AMF3 types are needed: encoders never need them.",
    spec: Some("RTMP 1.0 §7.1.1"),
};

const DATA_AS_COMMAND: Rule = Rule {
    code: "cmd.data-as-command",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "Metadata is sent as a command",
    meaning: "What is data, such as @setDataFrame or onMetaData, came in a command message (type 20 or 17). Receivers look for \
              it in data messages (type 18 or 15).",
    breaks_on: "Servers take it for an unknown call: the stream has no metadata for its players \
                (HaishinKit/HaishinKit.swift#610).",
    fix: "Send it with type 18, its name as the first value and no transaction id.",
    spec: Some("RTMP 1.0 §7.1.2"),
};

const TIMECODE: Rule = Rule {
    code: "cmd.ffmpeg-timecode",
    severity: Severity::Info,
    confidence: Confidence::Likely,
    title: "A data message of four bytes that is no AMF",
    meaning: "A data message holds four bytes that begin with 0, where AMF is to be. FFmpeg sends the timecode track of a \
              MOV file so, when it copies all streams of the file.",
    breaks_on: "Servers that close the connection when they cannot read data (ossrs/srs#3803).",
    fix: "In FFmpeg leave the data stream out: -dn, or -map 0:v -map 0:a; add -write_tmcd 0 where it makes one.",
    spec: Some("RTMP 1.0 §7.1.2"),
};

/// What single commands look like.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// The client asked for AMF3, and each direction used it.
    amf3: [bool; 3],
}

impl Judge for Shapes {
    const RULES: &'static [Rule] = &[
        CONNECT_TXID,
        TXID_MISSING,
        LEGACY_ERROR,
        CHECKBW_FIRST,
        CONNECT_EXTRA,
        NULL_PROPERTIES,
        AMF3,
        DATA_AS_COMMAND,
        TIMECODE,
    ];

    fn header(&mut self, seen: &mut Seen<'_>, message: &MessageRecord<'_>) {
        if matches!(message.raw.type_id, 15..=17) {
            let (type_id, first) = (message.raw.type_id, message.raw.payload.first().copied());
            self.amf3(seen, 1, || {
                let what = match first {
                    Some(0) => "behind a first byte of 0".to_owned(),
                    Some(byte) => format!("without the first byte of 0: 0x{byte:02x}"),
                    None => "and empty".to_owned(),
                };
                format!("a message of type {type_id}, {what}")
            });
        }
    }

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, message: &MessageRecord<'_>) {
        let Some(direction) = seen.direction else { return };
        let (name, from) = (command.name(), sender(direction));
        if message.raw.type_id == 20 && command.arguments.iter().any(is_amf3) {
            self.amf3(seen, 1, || {
                format!("{name} of type 20, which switches to AMF3 (marker 0x11)")
            });
        }
        if is_data(name) {
            seen.report(&DATA_AS_COMMAND, || {
                let type_id = message.raw.type_id;
                format!(
                    "the {from} sends {} as a command (type {type_id}), not as data",
                    quoted(name)
                )
            });
        } else if command.transaction_id.is_none() && command.name.is_some() {
            no_id(seen, command, message, from);
        }
        match name {
            "connect" if direction == Direction::ClientToServer => self.connect(seen, command),
            "_checkbw"
                if direction == Direction::ClientToServer
                    && seen.opened.from_start
                    && seen.story.connect.is_some()
                    && seen.story.create_stream.is_none() =>
            {
                seen.report(&CHECKBW_FIRST, || {
                    "the client calls _checkbw before createStream".to_owned()
                });
            }
            "_result" | "_error" => answered(seen, command),
            _ => {}
        }
    }

    fn data(&mut self, seen: &mut Seen<'_>, data: &Data, message: &MessageRecord<'_>) {
        if message.raw.length == 4 && message.raw.payload.first() == Some(&0) {
            let bytes: Vec<String> =
                message.raw.payload.iter().map(|byte| format!("{byte:02x}")).collect();
            seen.report(&TIMECODE, || {
                let bytes = bytes.join(" ");
                format!("a data message of four bytes, {bytes}: looks like FFmpeg's timecode track")
            })
            .spoils();
        }
        if message.raw.type_id == 18 && data.arguments.iter().any(is_amf3) {
            self.amf3(seen, 1, || "data of type 18 that switches to AMF3 (marker 0x11)".to_owned());
        }
    }
}

impl Shapes {
    fn connect(&mut self, seen: &mut Seen<'_>, command: &Command) {
        if let Some(id) = command.transaction_id.filter(|id| *id != 1.0) {
            seen.report(&CONNECT_TXID, || format!("connect has the transaction id {id}, not 1"));
        }
        if let Some(argument) = command.arguments.first()
            && !is_object(argument)
        {
            let kind = kind_of(argument);
            seen.report(&CONNECT_EXTRA, || {
                format!("connect's first argument is {kind}, not an object")
            });
        }
        let encoding = command.object.as_ref().and_then(|object| object.get("objectEncoding"));
        if encoding.and_then(Value::as_number) == Some(3.0) {
            self.amf3(seen, 0, || "connect, with objectEncoding 3".to_owned());
        }
    }

    /// Says once for each direction, and once of `connect` (0), that AMF3 is used.
    fn amf3(&mut self, seen: &mut Seen<'_>, place: usize, what: impl FnOnce() -> String) {
        let Some(direction) = seen.direction else { return };
        let place = if place == 0 { 0 } else { 1 + direction.index() };
        if !std::mem::replace(&mut self.amf3[place], true) {
            let from = sender(direction);
            seen.report(&AMF3, || format!("the {from} sends {}", what()));
        }
    }
}

/// A command without a transaction id.
fn no_id(seen: &mut Seen<'_>, command: &Command, message: &MessageRecord<'_>, from: &str) {
    // What cannot be read is another matter, and AMF3 has numbers too.
    let second = command.object.as_ref();
    if message.malformed.is_some() || second.is_some_and(|value| value.as_number().is_some()) {
        return;
    }
    let what = second.map_or("nothing", kind_of);
    let name = quoted(command.name());
    seen.report(&TXID_MISSING, || {
        format!("the {from}'s {name} has {what} where the transaction id is to be")
    });
}

/// An answer.
fn answered(seen: &mut Seen<'_>, command: &Command) {
    let Some(call) = &seen.session.answered else { return };
    let error = command.name() == "_error";
    match &*call.name {
        "connect" if !error && matches!(command.object, Some(Value::Null | Value::Undefined)) => {
            seen.report(&NULL_PROPERTIES, || {
                "the answer to connect has null in place of the server's properties".to_owned()
            });
        }
        name @ ("releaseStream" | "FCPublish" | "FCSubscribe" | "_checkbw") if error => {
            let name = name.to_owned();
            seen.report(&LEGACY_ERROR, || {
                format!("the answer to {name} is _error, which clients pass over")
            });
        }
        _ => {}
    }
}

/// Whether a name is that of data.
fn is_data(name: &str) -> bool {
    matches!(
        name,
        "@setDataFrame"
            | "@clearDataFrame"
            | "onMetaData"
            | "onTextData"
            | "onCuePoint"
            | "onCuePointScte35"
            | "onCaption"
            | "onCaptionInfo"
            | "onFI"
            | "|RtmpSampleAccess"
    )
}

const fn is_amf3(value: &Value) -> bool {
    matches!(value, Value::Amf3(_))
}

fn is_object(value: &Value) -> bool {
    matches!(
        value.inner(),
        Value::Object(_)
            | Value::TypedObject { .. }
            | Value::EcmaArray { .. }
            | Value::Instance(_)
            | Value::Reference(_)
            | Value::ObjectReference { .. }
            | Value::Cut(_)
    )
}

/// A value's kind, with its article.
fn kind_of(value: &Value) -> &'static str {
    match value.inner() {
        Value::Undefined => "undefined",
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Number(_) | Value::Integer(_) => "a number",
        Value::String(_) | Value::LongString(_) => "a string",
        Value::StrictArray(_) | Value::Array { .. } => "an array",
        value if is_object(value) => "an object",
        _ => "another value",
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script, object_of};
    use crate::proto::amf::Value;

    /// A client that has just said `connect` in this way.
    fn connect(id: f64, object: &[(&str, Value)], arguments: &[Value]) -> Script {
        let mut t = Script::shaken();
        let mut properties: Vec<(&str, Value)> =
            vec![("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())];
        properties.extend_from_slice(object);
        t.command(C2S, 0, "connect", Some(id), object_of(&properties), arguments);
        t
    }

    #[test]
    fn connects() {
        assert_eq!(connect(1.0, &[], &[]).codes(), [""; 0]);
        assert_eq!(connect(2.0, &[], &[]).codes(), ["cmd.connect-txid"]);
        assert_eq!(connect(1.0, &[], &[object_of(&[])]).codes(), [""; 0]);
        let t = connect(1.0, &[], &["user".into()]);
        assert_eq!(
            t.text("cmd.connect-extra-arg"),
            "connect's first argument is a string, not an object"
        );
        assert_eq!(connect(1.0, &[("objectEncoding", 0.0.into())], &[]).codes(), [""; 0]);
        assert_eq!(connect(1.0, &[("objectEncoding", 3.0.into())], &[]).codes(), ["cmd.amf3"]);
    }

    #[test]
    fn answers() {
        for (object, odd) in [(Value::Null, true), (object_of(&[]), false)] {
            let mut t = connect(1.0, &[], &[]);
            t.command(S2C, 0, "_result", Some(1.0), object, &[]);
            assert_eq!(t.has("cmd.result-null-props"), odd);
        }
        for (name, odd) in [("FCPublish", true), ("releaseStream", true), ("createStream", false)] {
            let mut t = Script::connected();
            t.command(C2S, 0, name, Some(2.0), Value::Null, &["cam1".into()]);
            t.command(S2C, 0, "_error", Some(2.0), Value::Null, &[]);
            assert_eq!(t.has("cmd.legacy-error"), odd, "{name}");
        }
    }

    #[test]
    fn commands_without_an_id() {
        for (id, odd) in [(None, true), (Some(0.0), false)] {
            let mut t = Script::connected();
            t.command(S2C, 0, "onFCPublish", id, Value::Null, &[]);
            assert_eq!(t.has("cmd.txid-missing"), odd);
        }
    }

    #[test]
    fn bandwidth_checks() {
        let mut t = Script::connected();
        t.command(C2S, 0, "_checkbw", Some(2.0), Value::Null, &[]);
        assert!(t.has("cmd.checkbw-first"));
        let mut t = Script::started();
        t.command(C2S, 0, "_checkbw", Some(9.0), Value::Null, &[]);
        assert!(!t.has("cmd.checkbw-first"));
    }

    #[test]
    fn types_of_messages() {
        let call = b"\x02\0\x03foo\0\0\0\0\0\0\0\0\0\x05";
        for (type_id, first, odd) in [(20, false, false), (17, true, true), (17, false, true)] {
            let mut t = Script::started();
            let payload = [if first { &b"\0"[..] } else { b"" }, call].concat();
            t.message(C2S, 3, 1, type_id, 0, &payload).message(C2S, 3, 1, type_id, 0, &payload);
            assert_eq!(t.has("cmd.amf3"), odd, "{type_id}");
            assert!(t.find("cmd.amf3").is_none_or(|finding| finding.count == 1), "said once");
        }
        let mut t = Script::started();
        t.message(C2S, 3, 1, 20, 0, &[call, &b"\x11\x04\x01"[..]].concat());
        assert!(
            t.text("cmd.amf3").ends_with("foo of type 20, which switches to AMF3 (marker 0x11)")
        );
        let mut t = Script::started();
        t.command(C2S, 1, "@setDataFrame", Some(0.0), Value::Null, &["onMetaData".into()]);
        assert!(t.has("cmd.data-as-command"));
        assert!(!Script::publishing().has("cmd.data-as-command"));
    }

    #[test]
    fn timecodes() {
        for (bytes, odd) in
            [(&b"\0\x01\x02\x03"[..], true), (b"\x02\0\x01a", false), (b"\0\x01\x02", false)]
        {
            let mut t = Script::publishing();
            t.message(C2S, 4, 1, 18, 40, bytes);
            assert_eq!(t.has("cmd.ffmpeg-timecode"), odd, "{bytes:?}");
            // That it cannot be read is a fault of its own only where nothing says why.
            t.end();
            let mut listed = t.listed.iter();
            let listed = listed.any(|listed| listed.finding.code == "message.malformed");
            assert_eq!(t.has("message.malformed"), bytes[0] == 0, "{bytes:?}");
            assert_eq!(listed, bytes[0] == 0 && !odd, "{bytes:?}");
        }
    }
}
