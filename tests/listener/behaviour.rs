//! What it does to clients on purpose.

use std::net::SocketAddr;

use md5::{Digest, Md5};
use rtmpctl::Limits;
use rtmpctl::proto::message::command::{
    Capabilities, CapsEx, CodecMask, CodecName, Connect, PublishType,
};
use rtmpctl::proto::message::{Body, Control, FourCc};

use crate::common::DEADLINE;
use crate::rig::{Listen, Peer, app, connected, dial, of, publisher, send, why};

/// How far a client comes that publishes so: until it is refused, and how.
async fn attempt(address: SocketAddr, of: &str, key: &str) -> String {
    let mut client = dial(address).await;
    let connected = client.connect(&app(of)).await;
    if connected.is_err() {
        return format!("connect: {}", why(connected));
    }
    match client.publish(key, PublishType::Live).await {
        Ok(_) => "published".to_owned(),
        published => format!("publish: {}", why(published)),
    }
}

#[tokio::test]
async fn others_are_refused_as_it_is_told() {
    let bad_name = "publish: NetStream.Publish.BadName";
    for (how, app, key) in [
        ("error", "connect: NetConnection.Connect.Rejected [ Server.Reject ]", bad_name),
        ("badname", bad_name, bad_name),
        ("close", "connect: Ended", "publish: Ended"),
    ] {
        let arguments =
            ["--accept-app", "live,studio*", "--accept-key", "test*", "--refuse-with", how];
        let mut listen = Listen::start(&format!("refuse-{how}"), &arguments);
        let address = listen.address();
        for (of, name) in [("live", "test1"), ("studio/1", "test"), ("live/_definst_", "test?x")] {
            assert_eq!(attempt(address, of, name).await, "published", "{how}: {of} {name}");
        }
        let refused = attempt(address, "other", "test2").await;
        assert!(refused.starts_with(app), "{how}: {refused}");
        let refused = attempt(address, "live", "my_test").await;
        assert!(refused.starts_with(key), "{how}: {refused}");
        let records = listen.stop();
        let findings = of(&records, "finding");
        let refused = findings.iter().filter(|finding| finding["code"] == "listen.refused");
        assert_eq!(refused.count(), 2, "{how}");
    }
}

fn md5(text: &str) -> [u8; 16] {
    Md5::digest(text).into()
}

fn base64_md5(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // 128 bits are 21 digits of six and two bits more.
    let bits = u128::from_be_bytes(md5(text));
    let digits = (0..21).map(|n| (bits >> (122 - 6 * n)) as usize & 63);
    let mut out: String = digits.map(|digit| char::from(DIGITS[digit])).collect();
    out.push(char::from(DIGITS[(bits as usize & 3) << 4]));
    out + "=="
}

fn hex_md5(text: &str) -> String {
    md5(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What Adobe's way wants to hear, and Limelight's.
fn response(way: &str, password: &str, asked: &str) -> String {
    let field = |name: &str| {
        let at = asked.find(&format!("&{name}=")).unwrap() + name.len() + 2;
        asked[at..].split('&').next().unwrap().to_owned()
    };
    if way == "adobe" {
        let secret = base64_md5(&format!("me{}{password}", field("salt")));
        let answer = base64_md5(&format!("{secret}{}mine", field("opaque")));
        format!("challenge=mine&response={answer}&opaque={}", field("opaque"))
    } else {
        let nonce = field("nonce");
        let (who, what) =
            (hex_md5(&format!("me:live:{password}")), hex_md5("publish:/live/_definst_"));
        let answer = hex_md5(&format!("{who}:{nonce}:00000001:mine:auth:{what}"));
        format!("nonce={nonce}&cnonce=mine&nc=00000001&response={answer}")
    }
}

#[tokio::test]
async fn who_authenticates_over_three_connections_is_one_session() {
    for way in ["adobe", "llnw"] {
        for (password, passes) in [("secret", true), ("wrong", false)] {
            let arguments = ["--auth", "me:secret", "--once"];
            let mut listen = Listen::start(&format!("auth-{way}-{password}"), &arguments);
            let refused = attempt(listen.address(), "live", "key").await;
            assert!(refused.contains("code=403 need auth; authmod=adobe"), "{refused}");
            let user = format!("live?authmod={way}&user=me");
            let asked = attempt(listen.address(), &user, "key").await;
            assert!(asked.contains(&format!("authmod={way} ] : ?reason=needauth&")), "{asked}");
            let answer = format!("{user}&{}", response(way, password, &asked));
            let result = attempt(listen.address(), &answer, "key").await;
            if passes {
                assert_eq!(result, "published", "{way}");
            } else {
                assert!(result.contains("?reason=authfailed"), "{way}: {result}");
            }
            // Those that were only asked are no end.
            let (status, records) = listen.ended();
            assert_eq!((status, of(&records, "summary").len()), (Some(0), 3), "{way}");
        }
    }
}

#[tokio::test]
async fn clients_are_sent_elsewhere() {
    let mut listen = Listen::start("redirect", &["--redirect", "rtmp://127.0.0.1:9/other"]);
    let refused = attempt(listen.address(), "live", "key").await;
    assert!(refused.contains("NetConnection.Connect.Rejected") && refused.contains("302"));
    let finding = listen.finding("listen.refused");
    assert!(finding["message"].as_str().unwrap().contains("sent to another server"), "{finding}");
    let records = listen.stop();
    let is =
        |record: &&&serde_json::Value| record.to_string().contains("\"rtmp://127.0.0.1:9/other\"");
    let messages = of(&records, "message");
    assert_eq!(messages.iter().filter(is).count(), 1);
}

#[tokio::test]
async fn a_client_is_asked_to_come_again_and_another_dropped() {
    let mut listen = Listen::start("reconnect", &["--reconnect-after", "100ms"]);
    let mut client = connected(listen.address()).await;
    let asked = async {
        loop {
            let message = client.receive().await.unwrap().unwrap();
            if String::from_utf8_lossy(&message.payload).contains("Connect.ReconnectRequest") {
                return message.message_stream_id;
            }
        }
    };
    assert_eq!(tokio::time::timeout(DEADLINE, asked).await.unwrap(), 0);
    // It may go on as long as it wants.
    client.publish("key", PublishType::Live).await.unwrap();
    listen.finding("listen.on-purpose");
    let records = listen.stop();
    let on_purpose =
        |r: &&serde_json::Value| r["event"] == "finding" && r["code"] == "listen.on-purpose";
    assert_eq!(records.iter().filter(on_purpose).count(), 1);

    // That it is dropped soon after it was let in is no fault: it was asked for.
    let arguments = ["--drop-after", "300ms", "--once", "--fail-on", "error"];
    let mut listen = Listen::start("drop", &arguments);
    let mut client = dial(listen.address()).await;
    let _ = client.connect(&app("live")).await;
    let _ = client.publish("key", PublishType::Live).await;
    while let Ok(Some(_)) = client.receive().await {}
    let (status, records) = listen.ended();
    assert_eq!(status, Some(0));
    assert_eq!(records.iter().filter(on_purpose).count(), 1);
    assert_eq!(of(&records, "connection_closed")[0]["by"], "server");
}

fn offers() -> Connect {
    let name = |name: &[u8; 4]| CodecName::FourCc(FourCc(*name));
    let capabilities = Capabilities {
        four_cc_list: vec![name(b"hvc1"), name(b"av01"), name(b"none")],
        video: vec![(name(b"hvc1"), CodecMask(CodecMask::ENCODE))],
        audio: vec![(name(b"Opus"), CodecMask(CodecMask::ENCODE))],
        caps_ex: Some(CapsEx(CapsEx::RECONNECT | CapsEx::MULTITRACK)),
    };
    Connect { enhanced: Some(capabilities), ..app("live") }
}

#[tokio::test]
async fn what_a_client_offers_is_answered_unless_it_plays_an_old_server() {
    let name = |name: &[u8; 4]| CodecName::FourCc(FourCc(*name));
    let mut listen = Listen::start("enhanced", &[]);
    let mut client = dial(listen.address()).await;
    let said = client.connect(&offers()).await.unwrap().enhanced.unwrap();
    assert_eq!(said.four_cc_list, [name(b"hvc1"), name(b"av01")]);
    let mask = CodecMask(CodecMask::DECODE | CodecMask::FORWARD);
    assert_eq!(said.video, [(name(b"hvc1"), mask)]);
    assert_eq!(said.audio, [(name(b"Opus"), mask)]);
    assert_eq!(said.caps_ex, Some(CapsEx(CapsEx::RECONNECT | CapsEx::MULTITRACK)));
    assert_eq!(connected(listen.address()).await.dropped(), 0);
    listen.stop();
    let mut listen = Listen::start("no-enhanced", &["--no-enhanced"]);
    let mut client = dial(listen.address()).await;
    assert_eq!(client.connect(&offers()).await.unwrap().enhanced, None);
    listen.stop();
}

/// The control messages that came so far, behind which is the answer to a call.
async fn controls(client: &mut Peer) -> Vec<Control> {
    let stream = client.create_stream().await.unwrap();
    assert!(stream > 0);
    // What came while answers were waited for is kept; the end of that is where nothing is any more.
    client.sender().ping(77);
    let mut controls = Vec::new();
    loop {
        let message = client.receive().await.unwrap().unwrap();
        match message.body(&Limits::default()) {
            Body::Control(control) => controls.push(control),
            Body::UserControl(event) if event.timestamp == Some(77) => return controls,
            _ => {}
        }
    }
}

#[tokio::test]
async fn sizes_are_announced_as_it_is_told() {
    let arguments = ["--chunk-size", "300", "--window", "70000", "--peer-bandwidth", "80000"];
    let mut listen = Listen::start("sizes", &arguments);
    let mut client = connected(listen.address()).await;
    let said = controls(&mut client).await;
    assert!(said.contains(&Control::SetChunkSize { size: Some(300) }), "{said:?}");
    let window = Control::WindowAcknowledgementSize { size: Some(70_000) };
    assert!(said.contains(&window), "{said:?}");
    let bandwidth = |c: &Control| matches!(c, Control::SetPeerBandwidth { size: Some(80_000), .. });
    assert!(said.iter().any(bandwidth), "{said:?}");
    listen.stop();
}

#[tokio::test]
async fn it_acknowledges_as_it_is_told() {
    for (when, least) in [("due", Some(1_000)), ("late", Some(2_000)), ("never", None)] {
        let mut listen = Listen::start(&format!("ack-{when}"), &["--ack", when]);
        let (mut client, stream) = publisher(listen.address(), "key").await;
        client.sender().control(Control::WindowAcknowledgementSize { size: Some(1_000) });
        send(&mut client, stream, &[(8, 0, vec![0xaf; 10_000])]).await;
        let acks: Vec<u32> = controls(&mut client)
            .await
            .iter()
            .filter_map(|control| match control {
                Control::Acknowledgement { sequence_number } => *sequence_number,
                _ => None,
            })
            .collect();
        match least {
            None => assert_eq!(acks, [0; 0], "{when}"),
            Some(least) => {
                assert!(acks.first().is_some_and(|&first| first >= least), "{when}: {acks:?}");
                assert!(acks.is_sorted() && acks.windows(2).all(|two| two[1] - two[0] >= least));
            }
        }
        listen.stop();
    }
}
