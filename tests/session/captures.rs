//! What real clients sent, handed to a server: each call gets its answer, however the bytes are cut.

use std::collections::HashMap;

use rtmpctl::Limits;
use rtmpctl::proto::chunk::{self, Item, Keep};
use rtmpctl::proto::message::{self, Body};
use rtmpctl::proto::session::{Event, Policy};

use crate::rig::{self, Random, clients};
use crate::talk::{HANDSHAKE, Server};

/// The transactions that want an answer, the media messages, and the names of the calls in order.
struct Sent {
    wanted: Vec<f64>,
    media: usize,
    calls: Vec<String>,
}

fn sent(bytes: &[u8]) -> Sent {
    let limits = Limits::default();
    let mut reader = chunk::Reader::new(HANDSHAKE as u64, Keep::ALL, &limits);
    let mut input = &bytes[HANDSHAKE..];
    let mut sent = Sent { wanted: Vec::new(), media: 0, calls: Vec::new() };
    let mut published = false;
    while let Some(item) = reader.next(&mut input).unwrap() {
        let Item::Message(message) = item else { continue };
        match message::decode(message.type_id, message.payload, message.length, &limits).0 {
            Body::Command(command) => {
                let name = command.name().to_owned();
                // No server answers these; `publish` and `play` are answered by what becomes of the stream.
                let silent = ["deleteStream", "closeStream", "publish", "play", "seek", "pause"];
                if !silent.contains(&&*name) {
                    sent.wanted.extend(command.transaction_id.filter(|id| *id != 0.0));
                }
                match &*name {
                    "publish" => published = true,
                    "deleteStream" | "closeStream" => published = false,
                    _ => {}
                }
                sent.calls.push(name);
            }
            Body::Audio(_) | Body::Video(_) | Body::Data(_) | Body::Aggregate(_) => {
                sent.media += usize::from(published);
            }
            _ => {}
        }
    }
    sent
}

#[test]
fn each_call_of_real_clients_is_answered() {
    let mut kinds = HashMap::new();
    for (name, file) in rig::captures() {
        for bytes in clients(&file) {
            let mut server = Server::new(Policy::default());
            server.feed(&bytes);
            assert_eq!(server.closed, None, "{name}");
            let sent = sent(&bytes);
            assert_eq!(server.media, sent.media, "{name}");
            let said = server.said();
            for id in &sent.wanted {
                let answers =
                    said.iter().filter(|line| line.starts_with(&format!("0 _result {id}")));
                assert_eq!(answers.count(), 1, "{name}: transaction {id}: {said:#?}");
            }
            assert!(!said.iter().any(|line| line.contains("_error")), "{name}: {said:#?}");
            for (call, code) in
                [("publish", "NetStream.Publish.Start"), ("play", "NetStream.Play.Start")]
            {
                let calls = sent.calls.iter().filter(|name| *name == call).count();
                let starts = said
                    .iter()
                    .filter(|line| line.contains("onStatus") && line.ends_with(code))
                    .count();
                assert_eq!(calls, starts, "{name}: {said:#?}");
            }
            *kinds.entry(sent.calls.join(" ")).or_insert(0) += 1;
        }
    }
    // ffmpeg, OBS and librtmp, rtmp2sink, players: they differ in their calls.
    assert!(kinds.len() >= 6, "{kinds:#?}");
}

#[test]
fn a_server_says_the_same_however_the_bytes_are_cut() {
    let mut random = Random(11);
    for (name, file) in rig::captures() {
        for bytes in clients(&file) {
            // The commands are at the beginning and at the end; what is between them is media.
            let bytes = &bytes[..bytes.len().min(40_000)];
            let mut whole = Server::new(Policy::default());
            whole.feed(bytes);
            for most in [1, 2, 100, 5_000] {
                let mut server = Server::new(Policy::default());
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(1 + random.below(most)));
                    server.feed(now);
                    rest = later;
                }
                assert_eq!(server.sent, whole.sent, "{name}, {most}");
                assert_eq!((server.media, &server.events), (whole.media, &whole.events), "{name}");
            }
        }
    }
}

#[test]
fn any_beginning_of_what_a_client_sent_is_survived() {
    let file = rig::captures().into_iter().find(|(name, _)| name == "gst-rtmpsink.pcap").unwrap().1;
    let bytes = &clients(&file)[0][..6_000];
    for cut in 0..bytes.len() {
        let mut server = Server::new(Policy::default());
        server.feed(&bytes[..cut]);
        assert_eq!(server.closed, None);
        assert_eq!(server.connection.bytes_received(), cut as u64);
    }
}

#[test]
fn the_transcript_of_ffmpeg() {
    let file = rig::captures().into_iter().find(|(name, _)| name == "quickstart.pcap").unwrap().1;
    let bytes = clients(&file).remove(0);
    assert_eq!(
        sent(&bytes).calls,
        [
            "connect",
            "releaseStream",
            "FCPublish",
            "createStream",
            "publish",
            "FCUnpublish",
            "deleteStream"
        ]
    );
    let mut server = Server::new(Policy::default());
    server.feed(&bytes);
    assert_eq!(
        server.said(),
        [
            "0 window 2500000",
            "0 bandwidth 2500000 dynamic",
            "0 chunk size 4096",
            "0 stream_begin 0",
            "0 _result 1 status/NetConnection.Connect.Success",
            "0 onBWDone 0",
            "0 _result 2 Undefined",
            "0 _result 3 Undefined",
            "0 onFCPublish 0 status/NetStream.Publish.Start",
            "0 _result 4 Number(1.0)",
            "0 stream_begin 1",
            "1 onStatus 0 status/NetStream.Publish.Start",
            "0 onFCUnpublish 0 status/NetStream.Unpublish.Success",
            "0 _result 6 Undefined",
            "1 onStatus 0 status/NetStream.Unpublish.Success",
        ]
    );
    let key = || "live_s3cr3tk3y_8f3a1c5e7b9d".into();
    let named: Vec<_> = server
        .events
        .iter()
        .filter(|event| !matches!(event, Event::Connected(_)))
        .cloned()
        .collect();
    assert_eq!(
        named,
        [
            Event::Published {
                stream: 1,
                key: key(),
                publish_type: Some(message::command::PublishType::Live)
            },
            Event::Unpublished { stream: 1, key: key() },
        ]
    );
}
