//! Messages that no capture at hand has, from bytes to lines and rows: aggregates, shared objects, Enhanced RTMP's
//! capabilities, cues.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up has to fail, also in its helpers"
)]

use rtmpctl::Limits;
use rtmpctl::inspect::rules::Settings;
use rtmpctl::inspect::{
    CloseKind, ClosedBy, GapCause, Inspector, Opened, Options, Place, Traffic, Transport,
};
use rtmpctl::output::payload::{Form, Shown};
use rtmpctl::output::{json, redact::Redactor};
use rtmpctl::proto::Direction::{self, ClientToServer as C2S, ServerToClient as S2C};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::chunk::{Outgoing, Writer};
use rtmpctl::proto::message::aggregate::Part;
use rtmpctl::proto::message::command::{
    Capabilities, CapsEx, CodecMask, CodecName, Connect, OnStatus, Publish, PublishType,
    RECONNECT_REQUEST, Status, StatusKind,
};
use rtmpctl::proto::message::{Command, Data, SharedObject, SharedObjectChange};
use serde_json::{Value as Json, json};

/// What a step of a conversation is.
enum Step {
    /// A message: direction, type, timestamp, payload.
    Message(Direction, u8, u32, Vec<u8>),
    /// The same from the client, of which the bytes of a range of its payload are missing.
    Damaged(u8, u32, Vec<u8>, std::ops::Range<usize>),
}

use Step::{Damaged, Message};

/// What comes of a conversation.
struct Seen {
    lines: Vec<Json>,
    json: String,
    rows: String,
}

impl Seen {
    fn messages(&self) -> Vec<&Json> {
        self.lines.iter().filter(|line| line["event"] == "message").collect()
    }

    fn findings(&self) -> Vec<&str> {
        let codes = self.lines.iter().filter(|line| line["event"] == "finding");
        let codes = codes.filter_map(|line| line["code"].as_str());
        codes.filter(|code| !code.starts_with("hs.")).collect()
    }

    fn summary(&self) -> &Json {
        self.lines.iter().find(|line| line["event"] == "summary").unwrap()
    }

    /// The rows of messages, without time, direction and connection.
    fn rows(&self) -> Vec<&str> {
        let rows = self.rows.lines().skip_while(|row| !row.contains("handshake"));
        let rows = rows.filter(|row| row.contains("#1") && !row.contains("handshake"));
        rows.filter_map(|row| Some(row.split_once("#1   ")?.1)).collect()
    }
}

fn see(steps: &[Step]) -> Seen {
    see_with(steps, Options::default(), Form::None, false)
}

fn see_with(steps: &[Step], options: Options, form: Form, frames: bool) -> Seen {
    let limits = Limits::default();
    // What is judged of sessions that were made up is of no interest.
    let rules = Settings { off: true, ..Settings::default() };
    let options = Options { rules, ..options };
    let mut inspector = Inspector::new(options, limits.clone());
    let mut redactor = Redactor::default();
    let shown = Shown { form, most: None };
    let mut writer = json::Writer::new(shown, Vec::new(), limits);
    let (mut out, mut rows) = (Vec::new(), Vec::new());
    #[cfg(feature = "cli")]
    let mut table = rtmpctl::output::table::Writer::new(
        rtmpctl::output::table::Style::default(),
        shown,
        frames,
        Vec::new(),
    );
    let place = Place::default();
    let mut feed = |traffic: Traffic<'_>| {
        inspector.feed(&traffic, &mut |record| {
            redactor.pass(record, &mut |record| {
                writer.record(&mut out, record);
                #[cfg(feature = "cli")]
                table.record(&mut rows, record);
            });
        });
    };
    let address = Some(([10, 0, 0, 1], 1935).into());
    let opened =
        Opened { client: address, server: address, from_start: true, transport: Transport::Rtmp };
    feed(Traffic::Opened { flow: 1, place, opened });
    let mut handshake = vec![0; 3073];
    handshake[0] = 3;
    for direction in Direction::BOTH {
        feed(Traffic::Bytes { flow: 1, place, direction, data: &handshake });
    }
    let mut writers = [Writer::new(), Writer::new()];
    for writer in &mut writers {
        let mut bytes = Vec::new();
        let size = 0x10_0000u32.to_be_bytes();
        writer.write(&outgoing(2, 1, 0, &size), &mut bytes);
    }
    // Both sides announce large chunks, so that a message is one chunk.
    let mut announce = Vec::new();
    Writer::new().write(&outgoing(2, 1, 0, &0x10_0000u32.to_be_bytes()), &mut announce);
    for direction in Direction::BOTH {
        feed(Traffic::Bytes { flow: 1, place, direction, data: &announce });
    }
    for step in steps {
        let mut bytes = Vec::new();
        match step {
            Message(direction, type_id, timestamp, payload) => {
                let message = outgoing(4, *type_id, *timestamp, payload);
                writers[direction.index()].write(&message, &mut bytes);
                feed(Traffic::Bytes { flow: 1, place, direction: *direction, data: &bytes });
            }
            Damaged(type_id, timestamp, payload, missing) => {
                writers[0].write(&outgoing(4, *type_id, *timestamp, payload), &mut bytes);
                let at = bytes.len() - payload.len();
                let (direction, length) = (C2S, Some(missing.len() as u64));
                let data = &bytes[..at + missing.start];
                feed(Traffic::Bytes { flow: 1, place, direction, data });
                feed(Traffic::Gap { flow: 1, place, direction, length, cause: GapCause::Lost });
                let data = &bytes[at + missing.end..];
                feed(Traffic::Bytes { flow: 1, place, direction, data });
            }
        }
    }
    feed(Traffic::Closed { flow: 1, place, by: ClosedBy::Client, how: CloseKind::Fin });
    #[cfg(feature = "cli")]
    table.finish(&mut rows);
    let _ = frames;
    let json = String::from_utf8(out).unwrap();
    let lines = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Seen { lines, json, rows: String::from_utf8(rows).unwrap() }
}

const fn outgoing(
    chunk_stream_id: u32,
    type_id: u8,
    timestamp: u32,
    payload: &[u8],
) -> Outgoing<'_> {
    Outgoing { chunk_stream_id, message_stream_id: 1, type_id, timestamp, payload }
}

fn aggregate(parts: &[(u8, u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(type_id, timestamp, payload) in parts {
        Part { type_id, timestamp, message_stream_id: 9, payload }.encode(&mut out);
    }
    out
}

fn command(command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    command.encode(&mut out);
    out
}

fn publish(name: &str) -> Vec<u8> {
    let view = Publish { name: Some(name.into()), publish_type: Some(PublishType::Live) };
    command(&view.command(5.0))
}

const KEY: &[u8] = b"\x17\x01\0\0\0\0\0\0\x01\x65";
#[cfg(feature = "cli")]
const INTER: &[u8] = b"\x27\x01\0\0\0\0\0\0\x01\x41";
const SOUND: &[u8] = b"\xaf\x01\x21";

#[test]
fn messages_in_an_aggregate_are_records_of_their_own() {
    let payload = aggregate(&[(9, 100, KEY), (8, 103, SOUND), (20, 110, &publish("cam1"))]);
    let seen = see(&[Message(C2S, 22, 5000, payload.clone())]);
    let [.., outer, video, audio, call] = &seen.messages()[..] else { panic!("four") };
    assert_eq!((&outer["kind"], &outer["timestamp"]), (&json!("aggregate"), &json!(5000)));
    for (index, (inner, timestamp)) in
        [(video, 5000), (audio, 5003), (call, 5010)].into_iter().enumerate()
    {
        assert_eq!(inner["aggregate"], outer["seq"]);
        assert_eq!(inner["seq"].as_u64(), outer["seq"].as_u64().map(|seq| seq + 1 + index as u64));
        for same in ["offset", "end", "chunk_stream_id", "message_stream_id", "chunks", "direction"]
        {
            assert_eq!(inner[same], outer[same], "{same}");
        }
        assert_eq!(inner["timestamp"], timestamp);
        // In the aggregate's own record it has the same form.
        let mut listed = (*inner).clone();
        for key in ["event", "seq", "connection", "direction", "offset", "end", "aggregate"] {
            listed.as_object_mut().unwrap().shift_remove(key);
        }
        assert_eq!(outer["aggregate"]["messages"][index], listed);
    }
    assert_eq!(call["command"]["name"], "publish");
    assert_eq!(seen.findings(), Vec::<&str>::new());
    // Summaries count them in tracks, not in messages.
    let summary = seen.summary();
    assert_eq!(summary["messages"]["c2s"], json!({"set_chunk_size": 1, "aggregate": 1}));
    let tracks: Vec<_> = summary["tracks"].as_array().unwrap().iter().collect();
    assert_eq!(tracks.len(), 2);
    assert_eq!((&tracks[0]["type"], &tracks[0]["messages"]), (&json!("video"), &json!(1)));
    assert_eq!(summary["stream_name"], "c…");
}

#[test]
fn calls_and_answers_in_aggregates_find_each_other() {
    let call = b"\x02\0\x0ccreateStream\0\x40\0\0\0\0\0\0\0\x05";
    let answer = b"\x02\0\x07_result\0\x40\0\0\0\0\0\0\0\x05\0\x3f\xf0\0\0\0\0\0\0";
    let seen = see(&[
        Message(C2S, 22, 0, aggregate(&[(20, 0, call)])),
        Message(S2C, 22, 0, aggregate(&[(20, 0, answer)])),
    ]);
    let messages = seen.messages();
    let [.., call, _, answer] = &messages[..] else { panic!("five") };
    assert_eq!(answer["command"]["reply_to"], call["seq"]);
}

#[test]
fn an_aggregate_in_an_aggregate_says_where_it_was() {
    let inner = aggregate(&[(8, 7, SOUND)]);
    let seen = see(&[Message(C2S, 22, 50, aggregate(&[(22, 3, &inner), (8, 4, SOUND)]))]);
    let [.., outer, middle, deep, last] = &seen.messages()[..] else { panic!("four") };
    assert_eq!(middle["aggregate"]["inside"], outer["seq"]);
    assert_eq!((&deep["aggregate"], &deep["timestamp"]), (&middle["seq"], &json!(50)));
    assert_eq!((&last["aggregate"], &last["timestamp"]), (&outer["seq"], &json!(51)));
    assert_eq!(outer["aggregate"]["messages"][0]["aggregate"]["messages"][0]["kind"], "audio");
}

#[test]
fn wrong_back_pointers_and_cut_messages_are_findings() {
    let mut payload = aggregate(&[(9, 0, KEY), (8, 3, SOUND)]);
    payload[11 + KEY.len() + 3] = 99;
    let seen = see(&[Message(C2S, 22, 0, payload.clone())]);
    assert_eq!(seen.findings(), ["aggregate.back-pointer"]);
    let finding = seen.lines.iter().find(|line| line["code"] == "aggregate.back-pointer").unwrap();
    assert_eq!(finding["about"], seen.messages()[2]["seq"]);
    assert!(
        finding["message"].as_str().unwrap().contains("message 1 of an aggregate says 99 bytes")
    );

    payload = aggregate(&[(9, 0, KEY), (18, 3, b"\x02\0\x04name\x05\x05")]);
    payload.truncate(payload.len() - 5);
    let seen = see(&[Message(C2S, 22, 0, payload)]);
    let [.., outer, _, data] = &seen.messages()[..] else { panic!("three") };
    assert_eq!(outer["malformed"]["reason"], "inner message: 9 bytes needed, 8 there");
    assert_eq!((&data["data"]["name"], &data["length"]), (&json!("name"), &json!(9)));
    assert_eq!(
        data["malformed"],
        json!({"offset": 8, "reason": "message: 1 byte needed, 0 there"})
    );
    assert_eq!(seen.findings(), ["message.malformed", "message.malformed"]);
}

#[test]
fn a_hole_damages_the_messages_that_it_is_in() {
    let payload = aggregate(&[(9, 0, KEY), (8, 3, SOUND), (8, 5, SOUND)]);
    let second = 11 + KEY.len() + 4;
    let seen = see(&[
        Damaged(22, 0, payload.clone(), 15..18),
        Damaged(22, 0, payload, second + 2..second + 4),
    ]);
    let messages = seen.messages();
    let [.., first, video, sound, last, other, whole] = &messages[..] else { panic!("six") };
    let start = first["offset"].as_u64().unwrap() + 12 + 15;
    let range = json!([{"offset": start, "length": 3}]);
    assert_eq!((&first["damaged"], &video["damaged"]), (&range, &range));
    assert_eq!(first["aggregate"]["messages"][0]["damaged"], range);
    assert!(sound.get("damaged").is_none() && last.get("damaged").is_none());
    // A hole in a header hides what follows, and what was before is there.
    assert_eq!(other["malformed"]["reason"], "inner message header: bytes of it are missing");
    assert_eq!((&whole["kind"], whole.get("damaged")), (&json!("video"), None));
}

#[test]
fn frames_in_aggregates_are_walked_and_say_what_they_are() {
    // Two bytes stand before each NAL unit.
    let record = b"\x17\0\0\0\0\x01\x42\xc0\x0a\xfd\xe0\0";
    let (key, inter) = (b"\x17\x01\0\0\0\0\x01\x65", b"\x27\x01\0\0\0\0\x01\x41");
    let mp3 = b"\x2f\xff\xfb\x90\0";
    let deep = aggregate(&[(9, 80, inter)]);
    let parts: [(u8, u32, &[u8]); 6] =
        [(9, 0, record), (9, 0, key), (8, 1, mp3), (9, 40, inter), (8, 41, mp3), (22, 80, &deep)];
    let payload = aggregate(&parts);
    let options = || Options { bitstream: true, ..Options::default() };
    let seen = see_with(&[Message(C2S, 22, 0, payload.clone())], options(), Form::None, true);
    let messages = seen.messages();
    let [.., outer, record, key, sound, inter, more, _, deep] = &messages[..] else {
        panic!("eight")
    };
    assert_eq!(record["video"].get("bitstream"), None);
    let unit = |name: &str, number: u8| json!({"units": [{"type": name, "number": number, "length": 1}], "key": number == 5});
    assert_eq!(key["video"]["bitstream"], unit("idr", 5));
    assert_eq!(inter["video"]["bitstream"], unit("slice", 1));
    assert_eq!(deep["video"]["bitstream"], unit("slice", 1));
    // What a frame says of itself is told once, and what it is made of only in the record of its own.
    assert_eq!(sound["audio"]["config"]["sample_rate"], 44_100);
    assert_eq!(more["audio"].get("config"), None);
    for listed in outer["aggregate"]["messages"].as_array().unwrap() {
        assert_eq!(listed["video"].get("bitstream"), None);
        assert_eq!(listed["audio"].get("config"), None);
    }
    let audio = &seen.summary()["tracks"][1];
    assert_eq!((&audio["codec"], &audio["sample_rate"]), (&json!("mp3"), &json!(44_100)));
    #[cfg(feature = "cli")]
    assert!(seen.rows().iter().any(|row| row.contains("avc key 8 B [idr]")), "{}", seen.rows);

    // A frame of which bytes are missing is not walked; the others are.
    let hole = payload.len() - 63..payload.len() - 62;
    let seen = see_with(&[Damaged(22, 0, payload, hole)], options(), Form::None, true);
    let walked: Vec<_> =
        seen.messages().iter().filter_map(|line| line["video"].get("bitstream").cloned()).collect();
    assert_eq!(walked, [unit("idr", 5), unit("slice", 1)]);
}

#[cfg(feature = "cli")]
#[test]
fn rows_fold_the_frames_of_aggregates() {
    let first = aggregate(&[(9, 0, KEY), (8, 3, SOUND), (9, 40, INTER)]);
    let steps = [Message(C2S, 22, 0, first.clone()), Message(C2S, 22, 80, first)];
    assert_eq!(
        see(&steps).rows()[2..4],
        [
            "video      avc 4 frames, 2 key, 40 B  ts 0 to 120  (in 2 aggregates)",
            "audio      aac 2 frames, 6 B  ts 3 to 83  (in 2 aggregates)",
        ]
    );
    let each = see_with(&steps, Options::default(), Form::None, true);
    assert_eq!(each.rows()[2], "aggregate  3 messages (1 audio, 2 video) 68 B");
    assert!(each.rows()[3].starts_with("video      avc key 10 B  (in aggregate "), "{}", each.rows);
    // One that says more than frames has a row.
    let mixed = see(&[Message(C2S, 22, 0, aggregate(&[(9, 0, KEY), (18, 0, b"\x02\0\x01x")]))]);
    assert_eq!(mixed.rows()[2], "aggregate  2 messages (1 video, 1 data) 44 B");
}

#[test]
fn secrets_in_aggregates_and_in_amf3_are_masked_everywhere() {
    const KEY: &str = "k3y-of-mine-0123";
    let amf3 = Command {
        amf: 3,
        name: Some("publish".into()),
        transaction_id: Some(5.0),
        object: Some(Value::Null),
        arguments: vec![Value::Amf3(Box::new(KEY.into()))],
    };
    let url = format!("rtmp://u:{KEY}@h/live?token={KEY}");
    let info = Value::Array {
        assoc: vec![("url".into(), url.as_str().into())],
        dense: vec![url.as_str().into()],
    };
    let arguments = vec![Value::Amf3(Box::new(info))];
    let mut data = Vec::new();
    Data { amf: 3, name: Some("onMetaData".into()), arguments }.encode(&mut data);
    let mut object = Vec::new();
    let change = SharedObjectChange::RequestChange {
        name: Some("slot".into()),
        value: Some(format!("now {KEY} is on").as_str().into()),
    };
    SharedObject {
        name: Some("chat".into()),
        version: Some(1),
        flags: Some(0),
        reserved: Some(0),
        events: vec![change.into()],
        ..SharedObject::default()
    }
    .encode(&mut object);
    let cut = [&publish(KEY)[..24], KEY.as_bytes()].concat();
    for step in [
        Message(C2S, 22, 0, aggregate(&[(20, 0, &publish(KEY)), (8, 0, SOUND)])),
        Message(C2S, 22, 0, aggregate(&[(22, 0, &aggregate(&[(20, 0, &publish(KEY))]))])),
        Message(
            C2S,
            22,
            0,
            aggregate(&[(20, 0, &[&publish("x")[..20], &[2, 0, 99], KEY.as_bytes()].concat())]),
        ),
        Message(C2S, 20, 0, cut),
        Message(C2S, 17, 0, command(&amf3)),
        Message(C2S, 15, 0, data),
        Message(C2S, 19, 0, object),
    ] {
        // The key is known from a call before, of which a shared object says no more than the word.
        let known = Message(C2S, 20, 0, publish(KEY));
        for form in [Form::None, Form::Hex, Form::Base64] {
            let Message(_, type_id, ..) = step else { panic!("a message") };
            let seen = if type_id == 19 {
                let Message(direction, type_id, timestamp, payload) = &step else { panic!() };
                see_with(
                    &[known.copy(), Message(*direction, *type_id, *timestamp, payload.clone())],
                    Options::default(),
                    form,
                    true,
                )
            } else {
                see_with(&[step.copy()], Options::default(), form, true)
            };
            for text in [&seen.json, &seen.rows] {
                for secret in [
                    KEY,
                    "6b33792d6f662d6d696e65",
                    "6b 33 79 2d",
                    "azN5LW9m",
                    "s5LW9mLW",
                    "rM3ktb2",
                ] {
                    assert!(!text.contains(secret), "{type_id} {form:?} {secret}: {text}");
                }
            }
        }
    }
}

#[test]
fn secrets_beside_the_picture_are_masked_everywhere() {
    const KEY: &str = "k3y-of-mine-0123";
    let name = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let url = format!("rtmp://u:{KEY}@h/live?token={KEY}\x1b[31m");
    let metadata = [&b"\x02"[..], &name("where"), b"\x02", &name(&url)].concat();
    let of_a_message = [&b"\xd4hvc1"[..], &metadata].concat();
    let of_a_track = [&b"\xd6\x04hvc1\x01"[..], &metadata].concat();
    // The name of an encoder comes with its URL; the words are its own all the same.
    let settings = format!("x264 - http://www.videolan.org/x264.html - {KEY} \u{202e}");
    let mut unit = vec![6, 5, 16 + settings.len() as u8];
    unit.extend([7; 16]);
    unit.extend(settings.as_bytes());
    unit.push(0x80);
    let frame = [&b"\x17\x01\0\0\0\0\0\0"[..], &[unit.len() as u8], &unit].concat();
    let sound = [&b"\xaf\x01"[..], KEY.as_bytes()].concat();
    for (type_id, payload, said) in [
        (9, &of_a_message, true),
        (9, &of_a_track, true),
        (22, &aggregate(&[(9, 0, &of_a_message)]), true),
        (9, &frame, true),
        (8, &sound, false),
        (23, &sound, false),
    ] {
        for form in [Form::None, Form::Hex, Form::Base64] {
            let options = Options { bitstream: true, whole_media: true, ..Options::default() };
            let known = Message(C2S, 20, 0, publish(KEY));
            let seen =
                see_with(&[known, Message(C2S, type_id, 0, payload.clone())], options, form, true);
            for text in [&seen.json, &seen.rows] {
                for secret in [
                    KEY,
                    "6b33792d6f66",
                    "6b 33 79 2d",
                    "azN5LW9m",
                    "s5LW9mLW",
                    "rM3ktb2",
                    "\x1b",
                    "\u{202e}",
                ] {
                    assert!(!text.contains(secret), "{type_id} {form:?} {secret}: {text}");
                }
            }
            assert_eq!(seen.json.matches('…').count() > 2, said, "{}", seen.json);
        }
    }
}

impl Step {
    fn copy(&self) -> Self {
        match self {
            Message(direction, type_id, timestamp, payload) => {
                Message(*direction, *type_id, *timestamp, payload.clone())
            }
            Damaged(type_id, timestamp, payload, missing) => {
                Damaged(*type_id, *timestamp, payload.clone(), missing.clone())
            }
        }
    }
}

#[test]
fn shared_objects_are_told_event_by_event() {
    let mut payload = Vec::new();
    SharedObject {
        amf: 3,
        name: Some("chat".into()),
        version: Some(3),
        flags: Some(2),
        reserved: Some(0),
        events: vec![
            SharedObjectChange::UseSuccess.into(),
            SharedObjectChange::Change {
                slots: vec![("a".into(), 1.0.into()), ("b".into(), "x".into())],
            }
            .into(),
            SharedObjectChange::SendMessage {
                name: Some("say".into()),
                arguments: vec!["hi".into()],
            }
            .into(),
            SharedObjectChange::Status {
                code: Some("SharedObject.BadPersistence".into()),
                level: Some("error".into()),
            }
            .into(),
        ],
    }
    .encode(&mut payload);
    let seen = see(&[Message(S2C, 16, 0, payload)]);
    assert_eq!(
        seen.messages()[2]["shared_object"],
        json!({
            "amf": 3, "name": "chat", "version": 3, "persistent": true,
            "events": [
                {"type": "use_success"},
                {"type": "change", "slots": {"a": 1, "b": "x"}},
                {"type": "send_message", "name": "say", "arguments": ["hi"]},
                {"type": "status", "code": "SharedObject.BadPersistence", "level": "error"},
            ],
        })
    );
    if cfg!(feature = "cli") {
        let row = "object     chat version 3 persistent: use success, change a=1 b=\"x\", send message say \"hi\", \
                   status error SharedObject.BadPersistence";
        assert_eq!(seen.rows()[2], row);
    }
}

#[test]
fn capabilities_and_requests_to_reconnect_are_said() {
    let named = |name: &str| CodecName::of(name.as_bytes()).unwrap();
    let connect = Connect {
        app: Some("live".into()),
        video_function: Some(7.0),
        enhanced: Some(Capabilities {
            four_cc_list: vec![named("av01")],
            video: vec![(named("vp09"), CodecMask(3))],
            audio: vec![(named("*"), CodecMask(4))],
            caps_ex: Some(CapsEx(3)),
        }),
        ..Connect::default()
    };
    let status = Status {
        level: Some("status".into()),
        code: Some(RECONNECT_REQUEST.into()),
        tc_url: Some("rtmp://b.example/live?token=0123456789abcdef".into()),
        ..Status::default()
    };
    let status = OnStatus { kind: StatusKind::OnStatus, status };
    let seen = see(&[
        Message(C2S, 20, 0, command(&connect.command(1.0))),
        Message(S2C, 20, 0, command(&status.command())),
    ]);
    let [.., connect, _] = &seen.messages()[..] else { panic!("two") };
    assert_eq!(
        connect["command"]["capabilities"],
        json!({
            "frame_accurate_seek": true, "hdr": true, "video_metadata": true, "large_scale_tile": false,
            "reconnect": true, "multitrack": true, "mod_ex": false, "nanosecond_offset": false,
            "vp09": {"decode": true, "encode": true, "forward": false},
            "*": {"decode": false, "encode": false, "forward": true},
            "av01": {},
        })
    );
    assert_eq!(connect["command"]["object"]["capsEx"], 3, "as sent");
    assert!(!seen.json.contains("0123456789abcdef"));
    if cfg!(feature = "cli") {
        let rows = seen.rows();
        assert_eq!(
            rows[2],
            "command    connect app=live can reconnect, multitrack; frame accurate seek, hdr, video metadata; vp09 decode+encode; * forward; av01 videoFunction=7  [1]"
        );
        assert_eq!(
            rows[3],
            "command    onStatus status NetConnection.Connect.ReconnectRequest to rtmp://b.example/live?token=0123…ef"
        );
    }
}

#[test]
fn cues_of_advertisements_are_named() {
    let cue = "/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==";
    let object = Value::Object(vec![("type".into(), "scte35".into()), ("cue".into(), cue.into())]);
    let mut payload = Vec::new();
    Data { amf: 0, name: Some("onAdCue".into()), arguments: vec![object] }.encode(&mut payload);
    let seen = see(&[Message(C2S, 18, 0, payload)]);
    assert_eq!(
        seen.messages()[2]["data"]["scte35"],
        json!({"command": "splice_insert", "event_id": 1_125_340_832, "out_of_network": true, "pts": 85_025.439, "duration": 45})
    );
    if cfg!(feature = "cli") {
        let row = "data       onAdCue SCTE-35 cue (splice_insert, event 1125340832, out, 45 s) {type=\"scte35\"";
        assert!(seen.rows()[2].starts_with(row), "{}", seen.rows);
    }
}

#[test]
fn answers_find_their_calls() {
    let call = |name: &str, id: f64| {
        let name = Some(name.into());
        command(&Command {
            amf: 0,
            name,
            transaction_id: Some(id),
            object: Some(Value::Null),
            arguments: vec![],
        })
    };
    let seen = see(&[
        Message(C2S, 20, 0, call("first", 2.0)),
        // The same id again: the answer is to the later call, and a second answer to none.
        Message(C2S, 20, 0, call("second", 2.0)),
        Message(S2C, 20, 0, call("_error", 2.0)),
        Message(S2C, 20, 0, call("_result", 2.0)),
        // No answer is wanted to 0.
        Message(C2S, 20, 0, call("zero", 0.0)),
        Message(S2C, 20, 0, call("_result", 0.0)),
        // A server calls too, with ids of its own.
        Message(S2C, 20, 0, call("_checkbw", 7.0)),
        Message(S2C, 20, 0, call("_result", 7.0)),
        Message(C2S, 20, 0, call("_result", 7.0)),
    ]);
    let messages = seen.messages();
    let of: Vec<_> = messages[2..].iter().map(|message| &message["command"]["reply_to"]).collect();
    let seq = |index: usize| &messages[2 + index]["seq"];
    let none = &Json::Null;
    assert_eq!(of, [none, none, seq(1), none, none, none, none, none, seq(6)]);
}
