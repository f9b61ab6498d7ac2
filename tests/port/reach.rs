//! What a program could do with that library, and what it could not: publish and play.

use std::sync::Arc;
use std::time::Duration;

use rtmpctl::Limits;
use rtmpctl::capture::file;
use rtmpctl::live::{Cause, Client, ClientOptions, Message};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::chunk::{self, Item, Keep, Outgoing, Writer};
use rtmpctl::proto::handshake::{Style, digest::Scheme};
use rtmpctl::proto::message::command::{Connect, PublishType};
use rtmpctl::proto::message::{Body, Command, Control, Data, EventType, LimitType, UserControl};
use rtmpctl::proto::session::{Event, Names, Policy, Responder};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, sleep_until};

use crate::ends::{End, fresh, open};

#[tokio::test]
async fn a_handshake_in_each_style() {
    let digest = |scheme| Style::Digest { scheme, version: 0x0900_7c02 };
    for style in [Style::Simple, digest(Scheme::Zero), digest(Scheme::One)] {
        let options = ClientOptions { style, ..ClientOptions::default() };
        let (mut client, mut server) = fresh(&options);
        let (a, b) = tokio::join!(client.handshake(), server.handshake());
        assert_eq!((a.unwrap(), b.unwrap()), (true, true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_or_is_silent_in_its_handshake() {
    let options = ClientOptions::default();
    let (mut client, server) = fresh(&options);
    let begin = Instant::now();
    let error = client.handshake().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Timeout(_)), "{error}");
    assert_eq!(begin.elapsed().as_secs(), 10);
    drop(server);
    let error = client.handshake().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Ended | Cause::Io(_)), "{error}");
    let (mut peer, io) = duplex(100);
    peer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let error = Client::accepted(io, &options).unwrap().handshake().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "handshake: not RTMP: the client begins with \"G\", as HTTP does"
    );
}

fn events() -> Vec<UserControl> {
    use EventType as E;
    let stream = [
        E::StreamBegin,
        E::StreamEof,
        E::StreamDry,
        E::StreamIsRecorded,
        E::BufferEmpty,
        E::BufferReady,
    ];
    let mut events: Vec<UserControl> = stream
        .into_iter()
        .map(|event| UserControl {
            event_type: Some(event),
            stream_id: Some(3),
            ..UserControl::default()
        })
        .collect();
    events.push(UserControl {
        event_type: Some(E::SetBufferLength),
        stream_id: Some(3),
        buffer_length: Some(500),
        ..UserControl::default()
    });
    events.push(UserControl {
        event_type: Some(E::PingResponse),
        timestamp: Some(77),
        ..UserControl::default()
    });
    events
}

#[tokio::test]
async fn all_control_messages_both_ways() {
    let sent = [
        Control::SetChunkSize { size: Some(300) },
        Control::Abort { chunk_stream_id: Some(9) },
        Control::Acknowledgement { sequence_number: Some(0xffff_fffe) },
        Control::WindowAcknowledgementSize { size: Some(1 << 20) },
        Control::SetPeerBandwidth { size: Some(1 << 20), limit_type: Some(LimitType::Soft) },
    ];
    let (client, server) = open(&ClientOptions::default()).await;
    let ends = [client.streams(), server.streams()];
    let mut controls = ends.map(|end| end.controls());
    let drive = async { tokio::join!(client.run(), server.run()) };
    let talk = async {
        for from in [0, 1] {
            for control in sent {
                controls[from].send(control).await.unwrap();
                let to = &mut controls[1 - from];
                assert_eq!(to.recv().await, Some(Body::Control(control)));
            }
            // That was answered with the window, as the specification asks.
            let window = Control::WindowAcknowledgementSize { size: Some(1 << 20) };
            assert_eq!(controls[from].recv().await, Some(Body::Control(window)));
            for event in events() {
                controls[from].send_event(&event).await.unwrap();
                assert_eq!(controls[1 - from].recv().await, Some(Body::UserControl(event)));
            }
            // A ping is answered by the connection itself.
            let ping = |event| UserControl {
                event_type: Some(event),
                timestamp: Some(5),
                ..UserControl::default()
            };
            controls[from].send_event(&ping(EventType::PingRequest)).await.unwrap();
            let answer = controls[from].recv().await;
            assert_eq!(answer, Some(Body::UserControl(ping(EventType::PingResponse))));
            assert!(controls[1 - from].recv().await.is_some());
            assert_eq!(controls[1 - from].dropped(), 0);
        }
    };
    tokio::select! { _ = drive => panic!("it ended"), () = talk => {} }
}

#[test]
fn chunks_are_read_and_written_without_a_socket() {
    let (mut writer, mut bytes) = (Writer::new(), Vec::new());
    for id in [2, 63, 64, 319, 320, 65_599] {
        let payload = &vec![id as u8; 1_000][..];
        let outgoing = Outgoing {
            chunk_stream_id: id,
            message_stream_id: 1,
            type_id: 8,
            timestamp: id,
            payload,
        };
        writer.write(&outgoing, &mut bytes);
    }
    let mut reader = chunk::Reader::new(0, Keep::ALL, &Limits::default());
    let (mut input, mut ids) = (&bytes[..], Vec::new());
    while let Some(item) = reader.next(&mut input).unwrap() {
        let Item::Message(message) = item else { panic!("{item:?}") };
        assert_eq!((message.length, message.timestamp), (1_000, message.chunk_stream_id));
        ids.push(message.chunk_stream_id);
    }
    assert_eq!(ids, [2, 63, 64, 319, 320, 65_599]);
}

fn call(name: &str, id: f64) -> Command {
    Command {
        amf: 0,
        name: Some(name.into()),
        transaction_id: Some(id),
        object: Some(Value::Null),
        arguments: vec![],
    }
}

#[tokio::test]
async fn net_connection_net_streams_and_data_streams() {
    let (client, server) = open(&ClientOptions::default()).await;
    let (a, b) = (client.streams(), server.streams());
    let (mut conn, mut one, mut two) = (b.net_conn(), b.net_stream(1), b.net_stream(2));
    let (mut first, mut second) = (b.data_stream(1), b.data_stream(2));
    let talk = async {
        a.net_stream(2).send(&call("onTwo", 0.0)).await.unwrap();
        a.net_stream(1).send(&call("onOne", 0.0)).await.unwrap();
        a.net_conn().send(&call("onConn", 4.0)).await.unwrap();
        let data =
            Data { amf: 0, name: Some("onMetaData".into()), arguments: vec![Value::from(1.0)] };
        let sends = a.data_stream(2);
        sends.send_data(1, &data).await.unwrap();
        sends.send(9, 2, &b"\x17\x01\0\0\0x"[..]).await.unwrap();
        a.data_stream(1).send(8, 3, &b"\xaf\x01y"[..]).await.unwrap();
        assert_eq!(conn.recv().await, Some(call("onConn", 4.0)));
        assert_eq!((one.id(), one.recv().await), (1, Some(call("onOne", 0.0))));
        assert_eq!((two.id(), two.recv().await), (2, Some(call("onTwo", 0.0))));
        let limits = Limits::default();
        assert_eq!(second.recv().await.unwrap().body(&limits), Body::Data(Box::new(data)));
        let video = second.recv().await.unwrap();
        assert_eq!((video.type_id, video.timestamp, video.message_stream_id), (9, 2, 2));
        let audio = first.recv().await.unwrap();
        assert_eq!((audio.type_id, &audio.payload[..]), (8, &b"\xaf\x01y"[..]));
        assert_eq!((first.dropped(), second.dropped(), b.unread()), (0, 0, 0));
        // The other way, with a command of the application's own.
        let mut answers = a.net_conn();
        conn.send(&call("_result", 4.0)).await.unwrap();
        assert_eq!(answers.recv().await, Some(call("_result", 4.0)));
    };
    tokio::select! {
        _ = async { tokio::join!(client.run(), server.run()) } => panic!("it ended"),
        () = talk => {}
    }
}

fn connect() -> Connect {
    Connect { app: Some("live".into()), ..Connect::default() }
}

/// A server that answers; gives what happened and the media that it got.
async fn serve(
    mut server: End,
    policy: Policy,
) -> (Vec<String>, Vec<(u8, u32, Vec<u8>)>, Result<(), String>) {
    let (mut events, mut media) = (Vec::new(), Vec::new());
    let mut responder = Responder::new(Arc::new(policy), Arc::default());
    let result = server
        .serve(&mut responder, |event, message, sender| match event {
            Event::Media { .. } => {
                media.push((message.type_id, message.timestamp, message.payload.to_vec()));
            }
            Event::Played { stream, .. } => {
                for n in 0..20 {
                    sender.send(*stream, 9, n, &[0x17; 3_000]);
                }
                events.push("played".into());
            }
            event => events.push(format!("{event:?}").split([' ', '(']).next().unwrap().into()),
        })
        .await;
    (events, media, result.map_err(|error| error.to_string()))
}

#[tokio::test]
async fn a_client_connects_publishes_and_plays() {
    let (mut client, server) = fresh(&ClientOptions::default());
    let sent: Vec<(u8, u32, Vec<u8>)> =
        (0..50u32).map(|n| ([8, 9][n as usize % 2], n * 40, vec![n as u8; 4_000])).collect();
    let talk = async {
        client.handshake().await.unwrap();
        let result = client.connect(&connect()).await.unwrap();
        assert_eq!(result.fms_ver, Some("FMS/3,5,7,7009".into()));
        let stream = client.publish("key", PublishType::Live).await.unwrap();
        assert_eq!(stream, 1);
        for (type_id, timestamp, payload) in &sent {
            let message = Message::new(stream, *type_id, *timestamp, payload.clone());
            client.send(&message).await.unwrap();
        }
        let played = client.play("other").await.unwrap();
        assert_eq!(played, 2);
        let mut frames = 0;
        while frames < 20 {
            let message = client.receive().await.unwrap().unwrap();
            if message.type_id == 9 {
                assert_eq!((message.message_stream_id, message.timestamp), (2, frames));
                frames += 1;
            }
        }
        client.delete_stream(1).await.unwrap();
        assert_eq!(client.dropped(), 0);
        client.close().await.unwrap();
    };
    let ((), (events, media, result)) = tokio::join!(talk, serve(server, Policy::default()));
    assert_eq!(events, ["Connected", "Published", "played", "Unpublished"]);
    assert_eq!(media, sent);
    assert_eq!(result, Ok(()));
}

#[tokio::test]
async fn a_file_that_is_published_arrives_tag_by_tag() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/hevc-opus.flv");
    let mut file = file::Reader::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut tags = Vec::new();
    while let Some(item) = file.next().unwrap() {
        if let file::Item::Tag(tag) = item {
            tags.push((tag.type_id, tag.timestamp, tag.payload.to_vec()));
        }
    }
    assert!(tags.len() > 50, "{}", tags.len());
    let (mut client, server) = fresh(&ClientOptions::default());
    let talk = async {
        client.handshake().await.unwrap();
        client.sender().control(Control::SetChunkSize { size: Some(4096) });
        client.connect(&connect()).await.unwrap();
        let stream = client.publish("key", PublishType::Live).await.unwrap();
        for (type_id, timestamp, payload) in &tags {
            let message = Message::new(stream, *type_id, *timestamp, payload.clone());
            client.send(&message).await.unwrap();
        }
        client.close().await.unwrap();
    };
    let ((), (_, media, result)) = tokio::join!(talk, serve(server, Policy::default()));
    assert_eq!(result, Ok(()));
    assert!(media == tags, "{} of {}", media.len(), tags.len());
}

#[tokio::test]
async fn a_client_hears_that_and_why_it_is_refused() {
    let refused = Policy { apps: Names::of(["other"]), ..Policy::default() };
    let (mut client, server) = fresh(&ClientOptions::default());
    let talk = async {
        client.handshake().await.unwrap();
        client.connect(&connect()).await.unwrap_err()
    };
    let (error, (.., result)) = tokio::join!(talk, serve(server, refused));
    assert!(
        matches!(&error.cause, Cause::Refused { code, .. } if code == "NetConnection.Connect.Rejected")
    );
    assert!(
        error.to_string().starts_with("connect: NetConnection.Connect.Rejected: [ Server.Reject ]")
    );
    assert_eq!(result, Err("serve: the application is not accepted".into()));

    let refused = Policy { keys: Names::of(["other"]), play: false, ..Policy::default() };
    let (mut client, server) = fresh(&ClientOptions::default());
    let talk = async {
        client.handshake().await.unwrap();
        client.connect(&connect()).await.unwrap();
        let codes = [
            client.publish("key", PublishType::Live).await.unwrap_err(),
            client.play("key").await.unwrap_err(),
        ];
        drop(client);
        codes.map(|error| match error.cause {
            Cause::Refused { code, .. } => code,
            cause => panic!("{cause:?}"),
        })
    };
    let (codes, _) = tokio::join!(talk, serve(server, refused));
    assert_eq!(codes, ["NetStream.Publish.BadName", "NetStream.Play.Failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_waits_for_handshake_and_connect_no_longer_than_its_limit() {
    for (shakes_after, connects_after, expected) in [
        (9_900, 19_800, Ok(())),
        (9_900, 20_100, Err("serve: not over after 10 s".to_owned())),
        (10_100, 10_200, Err("handshake: not over after 10 s".into())),
    ] {
        let (client, server) = fresh(&ClientOptions::default());
        let begin = Instant::now();
        let talk = async move {
            let mut client = client;
            sleep_until(begin + Duration::from_millis(shakes_after)).await;
            if client.handshake().await.is_err() {
                return;
            }
            // It says something, but not `connect`.
            let mut said = begin + Duration::from_millis(shakes_after);
            while said < begin + Duration::from_millis(connects_after) {
                if client.send(&Message::new(0, 3, 0, vec![0; 4])).await.is_err() {
                    return;
                }
                said += Duration::from_millis(100);
                sleep_until(said).await;
            }
            let _ = client.connect(&Connect::default()).await;
            // Longer than anything is waited for.
            sleep_until(begin + Duration::from_secs(1_000)).await;
        };
        let serve = async { serve(server, Policy::default()).await.2 };
        let ((), result) = tokio::join!(talk, serve);
        assert_eq!(result, expected, "{shakes_after} {connects_after}");
    }
}

#[tokio::test]
async fn two_ends_that_both_send_do_not_wait_for_each_other() {
    let (mut client, mut server) = open(&ClientOptions::default()).await;
    let frame = Message::new(1, 9, 0, vec![1; 100_000]);
    let (a, b) = tokio::join!(
        async {
            for _ in 0..20 {
                client.send(&frame).await.unwrap()
            }
            client
        },
        async {
            for _ in 0..20 {
                server.send(&frame).await.unwrap()
            }
            server
        },
    );
    let got = |mut end: End| async move {
        let mut got = 0;
        while let Ok(Some(message)) = end.receive().await {
            assert_eq!(message.payload.len(), 100_000);
            got += 1;
            if got == 20 {
                break;
            }
        }
        (got, end)
    };
    let ((x, _), (y, _)) = tokio::join!(got(a), got(b));
    assert_eq!((x, y), (20, 20));
}

#[tokio::test]
async fn a_connection_comes_apart_into_its_socket_and_its_state() {
    let (client, server) = open(&ClientOptions::default()).await;
    let (mut io, mut connection) = client.into_parts();
    connection.sender().ping(9);
    io.write_all(&connection.take_output()).await.unwrap();
    let (mut other, mut state) = server.into_parts();
    let mut bytes = [0; 100];
    let n = other.read(&mut bytes).await.unwrap();
    let mut input = &bytes[..n];
    assert!(state.next(&mut input).unwrap().is_some());
    assert!(!state.output().is_empty()); // the answer
}
