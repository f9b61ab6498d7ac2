//! What an ordinary client gets, and what the records say of it.

use std::io::{Read, Write};

use rtmpctl::inspect::rules::rule;
use serde_json::json;

use super::rig::{AAC_HEADER, AVC_HEADER, Client, Rig, audio, codes, ending, inter, is, key};

#[test]
fn a_publisher_is_answered_and_everything_is_told_in_order() {
    let rig = Rig::new();
    let mut client = Client::to(&rig);
    let stream = client.publish("live", "cam");
    client.send(stream, 9, 0, AVC_HEADER);
    client.send(stream, 8, 0, AAC_HEADER);
    for i in 0..10_u8 {
        let frame = if i % 5 == 0 { key(5_000, i) } else { inter(300, i) };
        client.send(stream, 9, u32::from(i) * 40, &frame);
        client.send(stream, 8, u32::from(i) * 40 + 3, &audio(i));
    }
    client.close();
    let records = rig.closed(1);
    let names: Vec<_> = records
        .iter()
        .filter(|record| record["kind"] == "command")
        .map(|record| {
            let direction = record["direction"].as_str().unwrap();
            format!("{direction} {}", record["command"]["name"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        names,
        [
            "c2s connect",
            "s2c _result",
            "s2c onBWDone",
            "c2s createStream",
            "s2c _result",
            "c2s publish",
            "s2c onStatus"
        ]
    );
    let count = |kind| records.iter().filter(|record| is(record, "c2s", kind)).count();
    assert_eq!((count("video"), count("audio")), (11, 11));
    assert_eq!(ending(&records), ("client", "fin"));
    let summary = records.last().unwrap();
    assert_eq!((&summary["app"], &summary["stream_name"]), (&json!("live"), &json!("cam")));
    assert_eq!(summary["tracks"][0]["keyframes"], 2);
    // Numbers have no holes, and a call comes ahead of its answer.
    let seq: Vec<_> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert!(seq.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let answer = records.iter().find(|record| record["command"]["name"] == "_result").unwrap();
    let call = answer["command"]["reply_to"].as_u64().unwrap();
    assert_eq!(records[(call - seq[0]) as usize]["command"]["name"], "connect");
    // What is found, if anything, has a rule.
    assert!(codes(&records).iter().all(|code| rule(code).is_some()));
}

#[test]
fn all_bytes_of_both_directions_are_told_however_they_come() {
    let path = format!("{}/testdata/quickstart-c2s.raw", env!("CARGO_MANIFEST_DIR"));
    let sent = std::fs::read(path).unwrap();
    let mut said = Vec::new();
    for step in [1, 1_000, sent.len()] {
        let rig = Rig::new();
        let mut socket = rig.socket();
        let reader = {
            let mut socket = socket.try_clone().unwrap();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                socket.read_to_end(&mut bytes).unwrap();
                bytes
            })
        };
        let few = sent.len().min(if step == 1 { 20_000 } else { usize::MAX });
        for piece in sent[..few].chunks(step) {
            socket.write_all(piece).unwrap();
        }
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let got = reader.join().unwrap();
        let summary = rig.closed(1).pop().unwrap();
        assert_eq!(summary["bytes"], json!({"c2s": few, "s2c": got.len()}), "step {step}");
        said.push(got);
    }
    // The beginning of it is the same: the handshake's time and randomness aside.
    assert_eq!(said[1].len(), said[2].len());
}

#[test]
fn connections_that_are_open_at_the_end_are_closed_by_the_program_with_a_summary() {
    let mut rig = Rig::new();
    let mut client = Client::to(&rig);
    let stream = client.publish("live", "cam");
    client.send(stream, 8, 5, &audio(1));
    rig.until(|record| is(record, "c2s", "audio"));
    let records = rig.stop();
    assert_eq!(ending(&records), ("rtmpctl", "end"));
    assert_eq!(records.last().unwrap()["event"], "summary");
}

#[test]
fn a_reset_is_told_as_one() {
    let rig = Rig::new();
    let mut client = Client::to(&rig);
    client.publish("live", "cam");
    // Closed with bytes unread, which resets the connection.
    client.connection.sender().ping(1);
    let output = client.connection.take_output();
    client.socket.write_all(&output).unwrap();
    rig.until(|record| {
        is(record, "s2c", "user_control") && record["user_control"]["event_type"] == "ping_response"
    });
    drop(client);
    assert_eq!(ending(&rig.closed(1)), ("client", "rst"));
}

#[test]
fn what_is_no_rtmp_is_named_and_closed_at_once() {
    for (sent, code) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], "hs.http-on-rtmp"),
        (&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], "hs.tls-on-plain"),
    ] {
        let rig = Rig::new();
        let mut client = Client::to(&rig);
        client.socket.write_all(sent).unwrap();
        let mut rest = Vec::new();
        // A reset is as good an end as any.
        let _ = client.socket.read_to_end(&mut rest);
        drop(client);
        let records = rig.closed(1);
        assert!(codes(&records).contains(&code), "{:?}", codes(&records));
        assert_eq!(ending(&records).0, "server");
    }
}
