//! What it answers to real clients, and what it writes of them.

use std::fs::File;
use std::time::{Duration, Instant};

use rtmpctl::Limits;
use rtmpctl::capture::file::{Item, Reader};
use rtmpctl::live::Message;
use rtmpctl::proto::chunk::{self, Keep};
use rtmpctl::proto::message::command::PublishType;
use rtmpctl::proto::session::Policy;
use serde_json::Value;

use crate::common::parse;
use crate::rig::{Listen, Tag, converse, ffmpeg, of, publisher, send};
use crate::sessions::{captures, clients};
use crate::spawned::{bare, rtmpctl};
use crate::talk::{HANDSHAKE, Server, lines};

/// Type, timestamp and payload of each message in what one side sent.
fn messages(bytes: &[u8]) -> Vec<Tag> {
    let mut reader = chunk::Reader::new(HANDSHAKE as u64, Keep::ALL, &Limits::default());
    let mut input = &bytes[HANDSHAKE..];
    let mut messages = Vec::new();
    while let Some(item) = reader.next(&mut input).unwrap() {
        if let chunk::Item::Message(message) = item {
            messages.push((message.type_id, message.timestamp, message.payload.to_vec()));
        }
    }
    messages
}

/// The tags of an FLV file that is whole.
fn tags(path: &std::path::Path) -> Vec<Tag> {
    let mut reader = Reader::new(File::open(path).unwrap()).unwrap();
    let mut tags = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Tag(tag) => tags.push((tag.type_id, tag.timestamp, tag.payload.to_vec())),
            Item::Trouble(finding) => panic!("{finding:?}"),
            _ => {}
        }
    }
    tags
}

fn media(tags: &[Tag]) -> Vec<Tag> {
    tags.iter().filter(|tag| matches!(tag.0, 8 | 9)).cloned().collect()
}

#[test]
fn real_clients_are_answered_and_every_message_is_told() {
    let mut listen = Listen::start("real", &[]);
    let mut sent = Vec::new();
    for (name, file) in captures() {
        for bytes in clients(&file) {
            let mut server = Server::new(Policy::default());
            server.feed(&bytes);
            let answer = converse(listen.address(), &bytes);
            let mut said = lines(&answer[HANDSHAKE..]);
            let mut expected = server.said();
            // When it acknowledges depends on how much came at once.
            for lines in [&mut said, &mut expected] {
                lines.retain(|line| !line.contains(" ack "));
            }
            assert_eq!(said, expected, "{name}");
            sent.push((name.clone(), bytes.len(), messages(&bytes).len(), answer));
        }
    }
    assert!(sent.len() >= 15, "{}", sent.len());
    let records = listen.stop();
    assert_eq!(of(&records, "summary").len(), sent.len());
    for (index, (name, bytes, messages, answer)) in sent.iter().enumerate() {
        let own: Vec<Value> =
            records.iter().filter(|record| record["connection"] == index + 1).cloned().collect();
        let told = of(&own, "message");
        let count = |direction: &str| told.iter().filter(|m| m["direction"] == direction).count();
        assert_eq!(count("c2s"), *messages, "{name}");
        assert_eq!(count("s2c"), lines(&answer[HANDSHAKE..]).len(), "{name}");
        let [.., closed, summary] = &own[..] else { panic!("{name}") };
        assert_eq!((&closed["by"], &closed["how"]), (&"client".into(), &"fin".into()), "{name}");
        assert_eq!(summary["bytes"]["c2s"], *bytes, "{name}");
        assert_eq!(summary["bytes"]["s2c"], answer.len(), "{name}");
    }
}

#[test]
fn one_session_and_a_severity_make_the_exit_status() {
    let http = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    for (on, bytes, expected) in [
        ("error", ffmpeg(), 0),
        ("warning", ffmpeg(), 0),
        ("info", ffmpeg(), 1),
        ("error", http.clone(), 1),
        ("never", http, 0),
    ] {
        let mut listen = Listen::start(&format!("status-{on}"), &["--once", "--fail-on", on]);
        converse(listen.address(), &bytes);
        let (status, records) = listen.ended();
        assert_eq!(status, Some(expected), "{on}");
        assert_eq!(of(&records, "summary").len(), 1);
    }
}

#[test]
fn it_ends_after_the_time_that_it_is_given() {
    let mut listen = Listen::start("duration", &["--duration", "100ms"]);
    let (status, records) = listen.ended();
    assert_eq!((status, records.len()), (Some(0), 1));
}

#[test]
fn a_recording_has_the_same_tags() {
    let bytes = ffmpeg();
    let mut listen = Listen::start("flv", &["--once", "--write-flv", "DIR/flv"]);
    converse(listen.address(), &bytes);
    assert_eq!(listen.ended().0, Some(0));
    let sent = messages(&bytes);
    let recorded = tags(&listen.path("flv/rtmp-001-1.flv"));
    assert_eq!(media(&recorded).len(), 277);
    assert!(media(&recorded) == media(&sent));
    assert_eq!(recorded.len(), 278);
    assert!(recorded[0].2.starts_with(b"\x02\0\x0aonMetaData"));
}

#[tokio::test]
async fn a_disk_that_is_full_costs_the_recording_only_and_what_is_in_it_is_whole() {
    // A file can have so many blocks of 512 or 1,024 bytes, and writing more fails as on a full disk.
    let mut limited = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_rtmpctl");
    limited.args(["-c", "ulimit -f 1000; trap '' XFSZ; exec \"$0\" \"$@\"", program]);
    let mut listen = Listen::by("disk", limited, &["--write-flv", "DIR/flv"]);
    let (mut client, stream) = publisher(listen.address(), "key").await;
    let frame = |n: u32| (9, n, [&[0x27, 1, 0, 0, 0][..], &[n as u8; 20_000]].concat());
    let sent: Vec<Tag> = (0..100).map(frame).collect();
    send(&mut client, stream, &sent).await;
    assert!(listen.program.says("what else is recorded goes on"));
    // Others are served as before.
    publisher(listen.address(), "other").await;
    listen.program.signal("-INT");
    let (status, records) = listen.ended();
    assert_eq!(status, Some(2));
    assert_eq!(of(&records, "summary").len(), 2);
    let recorded = tags(&listen.path("flv/rtmp-001-1.flv"));
    assert!(recorded.len() > 10 && recorded.len() < 60, "{}", recorded.len());
    assert!(recorded == sent[..recorded.len()]);
    let (there, not) = (recorded.len(), sent.len() - recorded.len());
    assert!(listen.program.says(&format!("({there} tags, ")));
    assert!(listen.program.says(&format!("without {not} messages")));
}

/// A tag of which the payload says of which stream it is.
fn tag(type_id: u8, timestamp: u32, of: u8) -> Tag {
    let head: &[u8] = if type_id == 9 { &[0x27, 1, 0, 0, 0] } else { &[0xaf, 1] };
    (type_id, timestamp, [head, &[of, timestamp as u8]].concat())
}

#[tokio::test]
async fn streams_of_one_connection_are_recorded_and_counted_each_by_itself() {
    let mut listen = Listen::start("several", &["--write-flv", "DIR/flv"]);
    let (mut client, first) = publisher(listen.address(), "zero").await;
    let mut streams = vec![first];
    for key in ["one", "two"] {
        streams.push(client.publish(key, PublishType::Live).await.unwrap());
    }
    let mut sent = vec![Vec::new(); 4];
    for round in 0..50 {
        for (of, &stream) in streams.iter().enumerate() {
            // Sound only in the second, and another pace in each.
            for type_id in [8, 9].into_iter().take(2 - of % 2) {
                let tag = tag(type_id, round * (10 + of as u32), of as u8);
                let (_, timestamp, payload) = tag.clone();
                let message = Message::new(stream, type_id, timestamp, payload);
                client.send(&message).await.unwrap();
                sent[of].push(tag);
            }
        }
    }
    // One ends and the others go on; what is published on it next is another stream.
    client.delete_stream(streams[1]).await.unwrap();
    let again = client.publish("three", PublishType::Live).await.unwrap();
    assert_eq!(again, streams[1], "a number that is free is given again");
    for (of, stream) in [(3, again), (0, streams[0])] {
        let tag = tag(9, 10_000, of as u8);
        send(&mut client, stream, std::slice::from_ref(&tag)).await;
        sent[of].push(tag);
    }
    client.close().await.unwrap();
    let records = listen.closed(1);
    listen.stop();
    let mut recorded: Vec<Vec<Tag>> = std::fs::read_dir(listen.path("flv"))
        .unwrap()
        .map(|entry| tags(&entry.unwrap().path()))
        .collect();
    recorded.sort_by_key(|tags| tags[0].2[tags[0].2.len() - 2]);
    assert_eq!(recorded.len(), 4);
    for (recorded, sent) in recorded.iter().zip(&sent) {
        assert!(recorded == sent, "{} of {}", recorded.len(), sent.len());
    }
    let summary = of(&records, "summary")[0];
    let counted = |of: usize, media: &str| {
        let tracks = summary["tracks"].as_array().unwrap();
        let mine =
            |track: &&Value| track["message_stream_id"] == streams[of] && track["type"] == media;
        tracks.iter().filter(mine).map(|track| track["messages"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((counted(0, "audio"), counted(0, "video")), (50, 51));
    assert_eq!((counted(1, "audio"), counted(1, "video")), (50, 1));
    assert_eq!((counted(2, "audio"), counted(2, "video")), (50, 50));
    assert_eq!(summary["messages"]["c2s"]["audio"], 150);
    assert_eq!(summary["messages"]["c2s"]["video"], 102);
}

#[test]
fn a_capture_of_it_is_decoded_to_the_same_records() {
    let arguments = ["--chunks", "--show-keys", "--write-pcapng", "DIR/it.pcapng"];
    let mut listen = Listen::start("pcapng", &arguments);
    for _ in 0..2 {
        converse(listen.address(), &ffmpeg());
    }
    let live: Vec<Value> = listen.stop().into_iter().skip(1).map(bare).collect();
    let decoded = rtmpctl()
        .args(["decode", "-f", "json", "--chunks", "--show-keys"])
        .arg(listen.path("it.pcapng"))
        .output()
        .unwrap();
    let decoded = parse(&String::from_utf8(decoded.stdout).unwrap());
    let decoded: Vec<Value> = decoded.into_iter().skip(1).map(bare).collect();
    assert!(live.len() > 1_000, "{}", live.len());
    for (live, decoded) in live.iter().zip(&decoded) {
        assert_eq!(live, decoded);
    }
    assert_eq!(live.len(), decoded.len());
}

#[tokio::test]
async fn an_interrupt_in_the_middle_of_a_stream_leaves_everything_whole() {
    let mut listen = Listen::start("interrupt", &["--write-flv", "DIR/flv"]);
    let (mut client, stream) = publisher(listen.address(), "key").await;
    let sent = media(&messages(&ffmpeg()));
    send(&mut client, stream, &sent[..50]).await;
    listen.until(|records| records.iter().filter(|r| r["kind"] == "video").count() > 5);
    let begin = Instant::now();
    let records = listen.stop();
    assert!(begin.elapsed() < Duration::from_secs(3));
    let [.., closed, summary] = &records[..] else { panic!("{records:?}") };
    assert_eq!((&closed["by"], &closed["how"]), (&"rtmpctl".into(), &"end".into()));
    assert_eq!(summary["event"], "summary");
    assert!(tags(&listen.path("flv/rtmp-001-1.flv")) == sent[..50]);
    assert!(listen.program.says("(50 tags, "));
}

#[test]
fn an_interrupt_is_heard_from_the_first_moment_on() {
    for _ in 0..5 {
        let records = Listen::start("early", &[]).stop();
        assert_eq!(records.len(), 1);
    }
}
