//! Calls in orders and forms that no capture has.

use rtmpctl::Limits;
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::message::command::{Connect, PublishType};
use rtmpctl::proto::session::{Close, Event, Options, Policy, Role};

use crate::talk::{Script, Server};

const NULL: Value = Value::Null;

fn number(n: f64) -> Value {
    Value::Number(n)
}

fn started(server: &mut Server) {
    server.feed(&Script::handshake());
}

/// Behind the answer to `connect`.
fn said(server: &Server) -> Vec<String> {
    server.said().split_off(6)
}

#[test]
fn connect_as_it_is_on_the_wire() {
    let mut server = Server::new(Policy::default());
    started(&mut server);
    let mut script = Script::new(0);
    server.feed(&script.connect("live", &[("objectEncoding", number(3.0))]).take());
    let bytes = &server.sent[crate::talk::HANDSHAKE..];
    let expected = [
        &b"\x02\0\0\0\0\0\x04\x05\0\0\0\0\0\x26\x25\xa0"[..], // window acknowledgement size
        b"\x42\0\0\0\0\0\x05\x06\0\x26\x25\xa0\x02",          // set peer bandwidth
        b"\x42\0\0\0\0\0\x04\x01\0\0\x10\0",                  // set chunk size
        b"\x42\0\0\0\0\0\x06\x04\0\0\0\0\0\0",                // stream begin 0
        b"\x03\0\0\0\0\0\xce\x14\0\0\0\0\x02\0\x07_result\0\x3f\xf0\0\0\0\0\0\0",
        b"\x03\0\x06fmsVer\x02\0\x0eFMS/3,5,7,7009\0\x0ccapabilities\0\x40\x3f\0\0\0\0\0\0",
        b"\0\x04mode\0\x3f\xf0\0\0\0\0\0\0\0\0\x09",
        b"\x03\0\x05level\x02\0\x06status\0\x04code\x02\0\x1dNetConnection.Connect.Success",
        b"\0\x0bdescription\x02\0\x15Connection succeeded.",
        b"\0\x0eobjectEncoding\0\x40\x08\0\0\0\0\0\0\0\0\x09",
        b"\x43\0\0\0\0\0\x15\x14\x02\0\x08onBWDone\0\0\0\0\0\0\0\0\0\x05",
    ]
    .concat();
    assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    let Some(Event::Connected(connect)) = server.events.first() else { panic!("connected") };
    assert_eq!(connect.app, Some("live".into()));
}

#[test]
fn flash_media_live_encoder_sends_without_waiting() {
    for amf in [0, 3] {
        let mut server = Server::new(Policy::default());
        started(&mut server);
        let mut script = Script::new(amf);
        let key = || Value::from("cam?token=x");
        script
            .connect("live", &[])
            .call(0, "releaseStream", Some(2.0), &[NULL, key()])
            .call(0, "FCPublish", Some(3.0), &[NULL, key()])
            .call(0, "createStream", Some(4.0), &[NULL])
            .call(0, "_checkbw", Some(5.0), &[NULL])
            .call(1, "publish", Some(0.0), &[NULL, key(), "live".into()]);
        server.feed(&script.take());
        let said = said(&server);
        let a = if amf == 3 { "amf3 " } else { "" };
        assert_eq!(
            said,
            [
                format!("0 {a}_result 2 Undefined"),
                format!("0 {a}_result 3 Undefined"),
                format!("0 {a}onFCPublish 0 status/NetStream.Publish.Start"),
                format!("0 {a}_result 4 Number(1.0)"),
                // No second `onBWDone`: clients would answer it with `_checkbw` for ever.
                format!("0 {a}_result 5 Undefined"),
                "0 stream_begin 1".into(),
                format!("1 {a}onStatus 0 status/NetStream.Publish.Start"),
            ]
        );
        assert!(server.said()[4].starts_with(&format!("0 {a}_result 1")));
        script.call(0, "FCUnpublish", Some(6.0), &[NULL, key()]).call(
            0,
            "closeStream",
            Some(0.0),
            &[NULL],
        );
        script.call(1, "closeStream", Some(0.0), &[NULL]);
        let before = server.said().len();
        server.feed(&script.take());
        assert_eq!(
            server.said()[before..],
            [
                format!("0 {a}onFCUnpublish 0 status/NetStream.Unpublish.Success"),
                format!("0 {a}_result 6 Undefined"),
                format!("1 {a}onStatus 0 status/NetStream.Unpublish.Success"),
            ]
        );
        assert_eq!(
            server.events[1..],
            [
                Event::Published {
                    stream: 1,
                    key: "cam?token=x".into(),
                    publish_type: Some(PublishType::Live)
                },
                Event::Unpublished { stream: 1, key: "cam?token=x".into() },
            ]
        );
    }
}

#[test]
fn several_streams_on_one_connection() {
    let mut server = Server::new(Policy::default());
    started(&mut server);
    let mut script = Script::new(0);
    script.connect("live", &[]);
    for id in 2..5 {
        script.call(0, "createStream", Some(id.into()), &[NULL]);
    }
    script.call(2, "publish", Some(0.0), &[NULL, "b".into()]);
    script.call(1, "publish", Some(0.0), &[NULL, "a".into()]);
    script.call(3, "play", Some(0.0), &[NULL, "c".into()]);
    script.sender.send(1, 8, 0, b"\xaf\x01x");
    script.sender.send(2, 9, 0, b"\x17\x01\0\0\0x");
    script.sender.send(3, 8, 0, b"\xaf\x01x"); // nobody publishes there
    script.sender.send(9, 8, 0, b"\xaf\x01x"); // nor there
    // The number of a stream that is given up is free again.
    script.call(0, "deleteStream", Some(0.0), &[NULL, number(2.0)]);
    script.call(0, "createStream", Some(9.0), &[NULL]);
    server.feed(&script.take());
    assert_eq!(server.media, 2);
    let said = said(&server);
    assert!(said[..3].iter().map(|line| &line[12..]).eq([
        "Number(1.0)",
        "Number(2.0)",
        "Number(3.0)"
    ]));
    assert_eq!(
        said[3..],
        [
            "0 stream_begin 2",
            "2 onStatus 0 status/NetStream.Publish.Start",
            "0 stream_begin 1",
            "1 onStatus 0 status/NetStream.Publish.Start",
            "0 stream_begin 3",
            "3 onStatus 0 status/NetStream.Play.Reset",
            "3 onStatus 0 status/NetStream.Play.Start",
            "3 data |RtmpSampleAccess",
            "2 onStatus 0 status/NetStream.Unpublish.Success",
            "0 _result 9 Number(2.0)",
        ]
    );
    let mut streams: Vec<_> = server.responder.streams().collect();
    streams.sort_by_key(|(id, _)| *id);
    assert_eq!(
        streams,
        [(1, &Role::Publishing("a".into())), (2, &Role::Idle), (3, &Role::Playing("c".into()))]
    );
}

#[test]
fn publish_comes_before_everything_else() {
    let mut server = Server::new(Policy::default());
    started(&mut server);
    let mut script = Script::new(0);
    script.call(0, "publish", Some(7.0), &[NULL, "a".into(), "record".into()]);
    script.call(5, "publish", None, &[NULL, "b".into()]);
    script.call(0, "createStream", Some(8.0), &[NULL]);
    script.connect("live", &[]);
    server.feed(&script.take());
    let said = server.said();
    assert_eq!(
        said[..5],
        [
            "0 stream_begin 0",
            "0 onStatus 0 status/NetStream.Publish.Start",
            "0 stream_begin 5",
            "5 onStatus 0 status/NetStream.Publish.Start",
            "0 _result 8 Number(1.0)",
        ]
    );
    assert!(said[9].contains("Connect.Success"));
}

#[test]
fn a_player_and_its_calls() {
    let mut server = Server::new(Policy::default());
    started(&mut server);
    let mut script = Script::new(0);
    script.connect("live", &[]);
    script.call(0, "createStream", Some(2.0), &[NULL]);
    script.call(0, "getStreamLength", Some(3.0), &[NULL, "cam".into()]);
    script.call(0, "FCSubscribe", Some(4.0), &[NULL, "cam".into()]);
    script.call(1, "play", Some(0.0), &[NULL, "cam".into(), number(-2.0)]);
    script.call(1, "pause", Some(0.0), &[NULL, true.into(), number(0.0)]);
    script.call(1, "pause", Some(0.0), &[NULL, false.into(), number(0.0)]);
    script.call(1, "seek", Some(0.0), &[NULL, number(0.0)]);
    script.call(1, "receiveAudio", Some(0.0), &[NULL, false.into()]);
    let play2 = Value::Object(vec![("streamName".into(), "other".into())]);
    script.call(1, "play2", Some(0.0), &[NULL, play2]);
    script.call(1, "closeStream", Some(0.0), &[NULL]);
    server.feed(&script.take());
    let start = [
        "0 stream_begin 1",
        "1 onStatus 0 status/NetStream.Play.Reset",
        "1 onStatus 0 status/NetStream.Play.Start",
        "1 data |RtmpSampleAccess",
    ];
    let said = said(&server);
    assert_eq!(
        said[..4],
        [
            "0 _result 2 Number(1.0)",
            "0 _result 3 Number(0.0)",
            "0 _result 4 Undefined",
            "0 onFCSubscribe 0 status/NetStream.Play.Start",
        ]
    );
    assert_eq!(said[4..8], start);
    assert_eq!(
        said[8..11],
        [
            "1 onStatus 0 status/NetStream.Pause.Notify",
            "1 onStatus 0 status/NetStream.Unpause.Notify",
            "1 onStatus 0 status/NetStream.Seek.Notify",
        ]
    );
    assert_eq!(said[11..15], start);
    assert_eq!(said[15..], ["1 onStatus 0 status/NetStream.Play.Stop"]);
    let names: Vec<String> = server.events[1..].iter().map(|event| format!("{event:?}")).collect();
    assert!(
        names[0]
            .starts_with("Played { stream: 1, play: Play { name: Some(\"cam\"), start: Some(-2.0)")
    );
    assert_eq!(
        names[1..4],
        [
            "Paused { stream: 1, paused: true }",
            "Paused { stream: 1, paused: false }",
            "Receive { stream: 1, audio: Some(false), video: None }",
        ]
    );
    assert!(names[4].contains("\"other\""));
    assert_eq!(names[5], "Stopped { stream: 1, name: \"other\" }");
}

#[test]
fn calls_that_nobody_knows_fail_where_an_answer_is_wanted() {
    let mut server = Server::new(Policy::default());
    started(&mut server);
    let mut script = Script::new(3);
    script.connect("live", &[]);
    script.call(0, "whatIsThis", Some(2.0), &[NULL, "x".into()]);
    script.call(0, "orThis", Some(0.0), &[NULL]);
    script.call(0, "orThat", None, &[NULL]);
    script.call(0, "_result", Some(3.0), &[NULL]);
    script.call(0, "onStatus", Some(0.0), &[NULL]);
    script.call(0, "", Some(4.0), &[]);
    server.feed(&script.take());
    assert_eq!(
        said(&server),
        [
            "0 amf3 _error 2 error/NetConnection.Call.Failed",
            "0 amf3 _error 4 error/NetConnection.Call.Failed",
        ]
    );
    assert_eq!(server.closed, None);
    // Neither a message of an unknown type nor one that is no AMF stops it.
    script.sender.send(0, 99, 0, &[1; 300]);
    script.sender.send(0, 20, 0, &[1; 300]);
    script.sender.send(0, 20, 0, &[]);
    script.sender.send(1, 22, 0, &[1; 300]);
    script.call(0, "createStream", Some(5.0), &[NULL]);
    server.feed(&script.take());
    assert_eq!(server.said().last().unwrap(), "0 amf3 _result 5 Number(1.0)");
}

#[test]
fn what_a_client_offers_of_enhanced_rtmp_is_answered_unless_the_server_is_a_legacy_one() {
    let map = |name: &str, mask: f64| Value::Object(vec![(name.into(), number(mask))]);
    let offered = [
        ("fourCcList", Value::StrictArray(vec!["av01".into(), "hvc1".into(), "zzzz".into()])),
        ("videoFourCcInfoMap", map("hvc1", 2.0)),
        ("audioFourCcInfoMap", map("Opus", 2.0)),
        ("capsEx", number(31.0)),
    ];
    let answer = |policy: Policy, offered: &[(&str, Value)]| {
        let mut server = Server::new(policy);
        started(&mut server);
        server.feed(&Script::new(0).connect("live", offered).take());
        let bytes = server.text();
        ["fourCcList", "av01", "zzzz", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"]
            .map(|name| bytes.contains(name))
    };
    assert_eq!(answer(Policy::default(), &offered), [true, true, false, true, true, true]);
    assert_eq!(answer(Policy::default(), &offered[..1]), [true, true, false, false, false, false]);
    assert_eq!(answer(Policy::default(), &[]), [false; 6]);
    let legacy = Policy { enhanced: false, ..Policy::default() };
    assert_eq!(answer(legacy, &offered), [false; 6]);
}

#[test]
fn publish_and_play_wait_where_they_are_held() {
    let mut server = Server::new(Policy { hold: true, ..Policy::default() });
    started(&mut server);
    let mut script = Script::new(0);
    script.connect("live", &[]);
    script.call(1, "publish", Some(0.0), &[NULL, "a".into()]);
    script.call(2, "publish", Some(0.0), &[NULL, "b".into()]);
    server.feed(&script.take());
    assert!(said(&server).is_empty());
    let sender = server.connection.sender();
    server.responder.allow(1, sender);
    server.responder.allow(1, sender); // only once
    server.responder.deny(2, "NetStream.Publish.BadName", "In use.", sender);
    server.responder.request_reconnect(Some("rtmp://other/live"), "Away.", sender);
    server.feed(&[]);
    assert_eq!(
        said(&server),
        [
            "0 stream_begin 1",
            "1 onStatus 0 status/NetStream.Publish.Start",
            "2 onStatus 0 error/NetStream.Publish.BadName",
            "0 onStatus 0 status/NetConnection.Connect.ReconnectRequest",
        ]
    );
    script.sender.send(1, 8, 0, b"\xaf\x01x");
    script.sender.send(2, 8, 0, b"\xaf\x01x");
    server.feed(&script.take());
    assert_eq!(server.media, 1);
}

#[test]
fn a_stream_that_is_published_anew_and_one_that_is_unpublished_by_false() {
    let mut server = Server::new(Policy::default());
    started(&mut server);
    let mut script = Script::new(0);
    script.connect("live", &[]);
    script.call(1, "publish", Some(0.0), &[NULL, "a".into()]);
    script.call(1, "publish", Some(0.0), &[NULL, "b".into()]);
    script.call(1, "publish", Some(0.0), &[NULL, false.into()]);
    server.feed(&script.take());
    assert_eq!(said(&server).last().unwrap(), "1 onStatus 0 status/NetStream.Unpublish.Success");
    assert_eq!(*server.events.last().unwrap(), Event::Unpublished { stream: 1, key: "b".into() });
}

#[test]
fn close_is_said_and_names_and_streams_have_limits() {
    let limits = Limits { message_streams: 2, name_bytes: 8, ..Limits::default() };
    let open = || {
        let mut server = Server::with(Policy::default(), Options::default(), limits.clone());
        started(&mut server);
        server
    };
    let mut script = Script::new(0);
    let mut server = open();
    script.connect("12345678", &[]);
    script.call(1, "publish", Some(0.0), &[NULL, "12345678".into()]);
    script.call(2, "publish", Some(0.0), &[NULL, "123456789".into()]);
    script.call(0, "createStream", Some(2.0), &[NULL]);
    script.call(0, "createStream", Some(3.0), &[NULL]);
    script.call(3, "publish", Some(0.0), &[NULL, "a".into()]);
    script.call(0, "close", Some(0.0), &[NULL]);
    server.feed(&script.take());
    assert_eq!(
        said(&server)[1..],
        [
            "1 onStatus 0 status/NetStream.Publish.Start",
            "2 onStatus 0 error/NetStream.Publish.BadName",
            "0 _result 2 Number(2.0)",
            "0 _error 3 error/NetConnection.Call.Failed",
            "3 onStatus 0 error/NetStream.Publish.BadName",
        ]
    );
    assert_eq!(server.closed, Some(Close::Peer));
    let mut server = open();
    server.feed(&Script::new(0).connect("123456789", &[]).take());
    assert_eq!(server.closed, Some(Close::Limit("name_bytes")));
    assert_eq!(Connect::default().app, None);
}
