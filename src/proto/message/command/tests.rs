use super::super::media::FourCc;
use super::*;

fn t(text: &str) -> Option<Text> {
    Some(text.into())
}

fn four_cc(name: &[u8; 4]) -> CodecName {
    CodecName::FourCc(FourCc(*name))
}

/// Through the bytes and back.
fn wire(command: &Command) -> Command {
    let mut bytes = Vec::new();
    command.encode(&mut bytes);
    let (again, fault) = decode(command.type_id(), &bytes, &Limits::default());
    assert_eq!(fault, None);
    again
}

fn capabilities() -> Capabilities {
    Capabilities {
        four_cc_list: vec![four_cc(b"av01"), CodecName::Any],
        video: vec![(CodecName::Any, CodecMask(4)), (four_cc(b"vp09"), CodecMask(3))],
        audio: vec![(four_cc(b"Opus"), CodecMask(1)), (CodecName::Any, CodecMask(1))],
        caps_ex: Some(CapsEx(0b1011)),
    }
}

fn connect() -> Connect {
    Connect {
        app: t("live"),
        connect_type: t("nonprivate"),
        flash_ver: t("FMLE/3.0"),
        swf_url: t("rtmp://h/live"),
        tc_url: t("rtmp://h/live"),
        fpad: Some(false),
        capabilities: Some(239.0),
        audio_codecs: Some(3575.0),
        video_codecs: Some(252.0),
        video_function: Some(1.0),
        page_url: t("http://h/"),
        object_encoding: Some(3.0),
        enhanced: Some(capabilities()),
        others: vec![("more".into(), Value::Null)],
        arguments: vec!["user".into()],
    }
}

fn status() -> Status {
    Status {
        level: t("status"),
        code: t(RECONNECT_REQUEST),
        description: t("The server is updated."),
        details: t("k"),
        tc_url: t("/other"),
        others: vec![("clientid".into(), "x".into())],
    }
}

/// Every view, and the command that it is.
fn views() -> Vec<(View, Command)> {
    let mut all = vec![
        (View::Connect(Box::new(connect())), connect().command(1.0)),
        (View::Connect(Box::default()), Connect::default().command(1.0)),
    ];
    for error in [false, true] {
        let answer = Answer { error, ..Answer::with(4.0, Value::Number(1.0)) };
        all.push((View::Answer(answer.clone()), answer.command()));
        let none = Answer { transaction_id: None, ..answer };
        all.push((View::Answer(none.clone()), none.command()));
    }
    for call in [
        ConnectionCall::Close,
        ConnectionCall::OnBwDone { values: vec![] },
        ConnectionCall::OnBwDone { values: vec![Value::Number(8192.0)] },
        ConnectionCall::CheckBw,
    ] {
        all.push((View::Connection(call.clone()), call.command(0.0)));
    }
    for name in [t("k?a=b"), None] {
        for call in [
            StreamCall::Create,
            StreamCall::Release(name.clone()),
            StreamCall::FcPublish(name.clone()),
            StreamCall::FcUnpublish(name.clone()),
            StreamCall::FcSubscribe(name.clone()),
            StreamCall::FcUnsubscribe(name.clone()),
            StreamCall::GetLength(name.clone()),
            StreamCall::Close,
            StreamCall::Delete(name.as_ref().map(|_| 1.0)),
        ] {
            assert_eq!(call.command(3.0).name(), call.name());
            all.push((View::Stream(call.clone()), call.command(3.0)));
        }
        for word in ["live", "record", "append", "appendWithGap"] {
            let kind = name.as_ref().map(|_| PublishType::from(Text::from(word)));
            let call = Publish { name: name.clone(), publish_type: kind };
            all.push((View::Publish(call.clone()), call.command(5.0)));
        }
    }
    for arguments in 0..5 {
        for reset in [Reset::Flag(true), Reset::Number(3.0)] {
            let call = Play {
                name: t("k").filter(|_| arguments > 0),
                start: Some(-2.0).filter(|_| arguments > 1),
                duration: Some(-1.0).filter(|_| arguments > 2),
                reset: Some(reset).filter(|_| arguments > 3),
            };
            assert_eq!(call.command(0.0).arguments.len(), arguments);
            all.push((View::Play(call.clone()), call.command(0.0)));
        }
    }
    let play2 = Play2 {
        stream_name: t("new"),
        old_stream_name: t("old"),
        start: Some(-2.0),
        len: Some(-1.0),
        offset: Some(0.5),
        transition: t("switch"),
        others: vec![("more".into(), Value::Null)],
    };
    for call in [play2, Play2::default()] {
        all.push((View::Play2(Box::new(call.clone())), call.command(0.0)));
    }
    for call in [
        PlayControl::Seek(Some(1500.0)),
        PlayControl::Seek(None),
        PlayControl::Pause { raw: false, pause: Some(true), time: Some(7.0) },
        PlayControl::Pause { raw: true, pause: Some(false), time: None },
        PlayControl::ReceiveAudio(Some(false)),
        PlayControl::ReceiveVideo(Some(true)),
        PlayControl::ReceiveVideo(None),
    ] {
        all.push((View::PlayControl(call.clone()), call.command(0.0)));
    }
    for kind in [
        StatusKind::OnStatus,
        StatusKind::OnFcPublish,
        StatusKind::OnFcUnpublish,
        StatusKind::OnFcSubscribe,
    ] {
        let call = OnStatus { kind, status: status() };
        all.push((View::Status(Box::new(call.clone())), call.command()));
    }
    let call = Command::call("my.own", 9.0, Value::Null, vec![]);
    all.push((View::Other, call));
    all
}

#[test]
fn every_view_is_written_and_read_again() {
    for (view, command) in views() {
        assert_eq!(wire(&command).view(), view, "{command:?}");
        // In AMF3's message type too.
        assert_eq!(wire(&Command { amf: 3, ..command }).view(), view);
    }
}

#[test]
fn values_in_amf3_are_seen_through() {
    let amf3 = |value| Value::Amf3(Box::new(value));
    let command = Command {
        arguments: vec![amf3("k".into()), amf3("live".into())],
        ..Command::call("publish", 5.0, amf3(Value::Null), vec![])
    };
    let expected = Publish { name: t("k"), publish_type: Some(PublishType::Live) };
    assert_eq!(Publish::of(&wire(&command)), Some(expected));
    let seek = Command::call("seek", 0.0, Value::Null, vec![amf3(Value::Integer(5))]);
    assert_eq!(PlayControl::of(&wire(&seek)), Some(PlayControl::Seek(Some(5.0))));
}

#[test]
fn a_connect_has_its_properties_in_the_order_of_the_specification() {
    let command = connect().command(1.0);
    let keys: Vec<_> = command
        .object
        .iter()
        .flat_map(Value::entries)
        .filter_map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(keys[..5], ["app", "type", "flashVer", "swfUrl", "tcUrl"]);
    assert_eq!(
        keys[12..],
        ["fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx", "more"]
    );
}

#[test]
fn answers_to_connect() {
    let result = ConnectResult {
        error: false,
        fms_ver: t("FMS/3,0,1,123"),
        capabilities: Some(31.0),
        mode: Some(1.0),
        enhanced: Some(capabilities()),
        others: vec![("data".into(), Value::Null)],
        status: status(),
    };
    for result in
        [result.clone(), ConnectResult { error: true, ..result }, ConnectResult::default()]
    {
        let command = wire(&result.command(1.0));
        assert_eq!(ConnectResult::of(&command), Some(result.clone()));
        assert_eq!(Capabilities::of_command(&command), result.enhanced);
    }
    assert_eq!(ConnectResult::of(&connect().command(1.0)), None);
    // Some servers have them in the information.
    let information = Value::Object(vec![("capsEx".into(), Value::Number(1.0))]);
    let command = Command::call("_result", 1.0, Value::Null, vec![information]);
    let caps_ex = Capabilities::of_command(&command).and_then(|found| found.caps_ex);
    assert_eq!(caps_ex, Some(CapsEx(1)));
}

#[test]
fn a_request_to_reconnect_is_known_by_its_code() {
    assert!(status().is_reconnect_request());
    assert!(!Status { code: t("NetConnection.Connect.Closed"), ..status() }.is_reconnect_request());
    // A server that leaves the command object out.
    let command = Command {
        object: Some(status().value()),
        ..Command::call("onStatus", 0.0, Value::Null, vec![])
    };
    assert_eq!(OnStatus::of(&command).map(|view| view.status), Some(status()));
}

#[test]
fn capabilities_are_merged_by_codec() {
    let merged = capabilities().codecs();
    let expected = vec![
        (CodecName::Any, Some(CodecMask(5))),
        (four_cc(b"vp09"), Some(CodecMask(3))),
        (four_cc(b"Opus"), Some(CodecMask(1))),
        (four_cc(b"av01"), None),
    ];
    assert_eq!(merged, expected);
    let flags = |mask: CodecMask| mask.flags().map(|(_, set)| set);
    assert_eq!(flags(CodecMask(5)), [true, false, true]);
    assert_eq!(flags(CodecMask(2)), [false, true, false]);
    assert_eq!(CapsEx(0b1011).flags().map(|(_, set)| set), [true, true, false, true]);
    assert_eq!(CapsEx(0b0100).flags().map(|(_, set)| set), [false, false, true, false]);
}

#[test]
fn what_is_no_capability_is_passed_over() {
    let object = |members: Vec<(&str, Value)>| {
        Value::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    };
    assert_eq!(Capabilities::of(&object(vec![("app", Value::Null)])), None);
    let odd = object(vec![
        (
            "fourCcList",
            Value::StrictArray(vec![Value::Null, "av1".into(), "av\u{1}1".into(), "hvc1".into()]),
        ),
        (
            "videoFourCcInfoMap",
            object(vec![
                ("toolong", Value::Number(1.0)),
                ("avc1", "x".into()),
                ("vp08", Value::Number(-1.0)),
            ]),
        ),
        ("audioFourCcInfoMap", Value::Null),
        ("capsEx", "1".into()),
    ]);
    let expected = Capabilities {
        four_cc_list: vec![four_cc(b"hvc1")],
        video: vec![(four_cc(b"vp08"), CodecMask(0))],
        ..Capabilities::default()
    };
    assert_eq!(Capabilities::of(&odd), Some(expected));
    let many = (0..300).map(|n| (Text::from(format!("{n:04}").as_str()), Value::Number(1.0)));
    let many = Value::Object(vec![("audioFourCcInfoMap".into(), Value::Object(many.collect()))]);
    assert_eq!(Capabilities::of(&many).map(|found| found.audio.len()), Some(256));
}
