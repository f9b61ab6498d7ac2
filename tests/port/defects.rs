//! One test for each defect of the library that this one follows.

use rtmpctl::Limits;
use rtmpctl::live::{Client, ClientOptions, Message};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::message::{Audio, Body, Command, Control};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::ends::{open, raw};

/// The messages that bytes behind a handshake are: chunk stream, message stream, type, timestamp, payload.
async fn read(bytes: &[u8]) -> Vec<(u32, u32, u8, u32, Vec<u8>)> {
    let (mut peer, mut client) = raw(&ClientOptions::default()).await;
    peer.write_all(bytes).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut messages = Vec::new();
    while let Some(message) = client.receive().await.unwrap() {
        let Message { chunk_stream_id, message_stream_id, type_id, timestamp, payload } = message;
        messages.push((
            chunk_stream_id.unwrap(),
            message_stream_id,
            type_id,
            timestamp,
            payload.to_vec(),
        ));
    }
    messages
}

/// Routing was by chunk stream: 3, 4, 5 and 8 had fixed meanings.
#[tokio::test]
async fn routes_are_types_and_message_streams_and_never_chunk_streams() {
    let (client, server) = open(&ClientOptions::default()).await;
    let (a, b) = (client.streams(), server.streams());
    let (mut conn, mut data) = (b.net_conn(), b.data_stream(1));
    let call = Command { name: Some("call".into()), ..Command::default() };
    let talk = async {
        for id in [2, 3, 4, 5, 8, 77, 65_599] {
            let mut command = Message::command(0, &call);
            command.chunk_stream_id = Some(id);
            let mut audio = Message::new(1, 8, id, vec![id as u8]);
            audio.chunk_stream_id = Some(id);
            a.outbox().send(command).await.unwrap();
            a.outbox().send(audio.clone()).await.unwrap();
            assert_eq!(conn.recv().await.unwrap().name(), "call");
            assert_eq!(data.recv().await, Some(audio));
        }
    };
    tokio::select! {
        _ = async { tokio::join!(client.run(), server.run()) } => panic!("it ended"),
        () = talk => {}
    }
}

/// A chunk stream that nobody read stopped all others.
#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_no_other() {
    let limits = Limits { queue_messages: 10, queue_bytes: 1_000, ..Limits::default() };
    let options = ClientOptions { limits: limits.into(), ..ClientOptions::default() };
    let (client, server) = open(&options).await;
    let (a, b) = (client.streams(), server.streams());
    let (unread, mut read) = (b.data_stream(1), b.net_conn());
    let call = Command { name: Some("call".into()), ..Command::default() };
    let talk = async {
        for n in 0..500 {
            a.outbox().send(Message::new(1, 8, n, vec![1; 10])).await.unwrap();
            a.outbox().send(Message::new(2, 8, n, vec![1; 10])).await.unwrap();
        }
        a.net_conn().send(&call).await.unwrap();
        assert_eq!(read.recv().await.unwrap().name(), "call");
        assert_eq!((unread.dropped(), b.unread()), (490, 500));
    };
    tokio::select! {
        _ = async { tokio::join!(client.run(), server.run()) } => panic!("it ended"),
        () = talk => {}
    }
    // The bound in bytes: a message that alone is too large is let through, and then nothing is.
    let (client, server) = open(&options).await;
    let (a, b) = (client.streams(), server.streams());
    let (mut large, mut read) = (b.data_stream(1), b.net_conn());
    let talk = async {
        for _ in 0..3 {
            a.outbox().send(Message::new(1, 9, 0, vec![1; 5_000])).await.unwrap();
        }
        a.net_conn().send(&call).await.unwrap();
        assert!(read.recv().await.is_some());
        assert_eq!(large.dropped(), 2);
        assert_eq!(large.recv().await.unwrap().payload.len(), 5_000);
        a.outbox().send(Message::new(1, 9, 7, vec![1; 5_000])).await.unwrap();
        assert_eq!(large.recv().await.unwrap().timestamp, 7);
    };
    tokio::select! {
        _ = async { tokio::join!(client.run(), server.run()) } => panic!("it ended"),
        () = talk => {}
    }
}

/// What a short header leaves out was taken from the last header of any chunk stream.
#[tokio::test]
async fn short_headers_inherit_from_their_own_chunk_stream() {
    let bytes = [
        &b"\x05\0\0\x64\0\0\x02\x08\x01\0\0\0aa"[..], // chunk stream 5: audio, 2 bytes, stream 1, at 100
        b"\x06\0\0\xc8\0\0\x03\x09\x02\0\0\0bbb",     // 6: video, 3 bytes, stream 2, at 200
        b"\x45\0\0\x0a\0\0\x01\x12c",                 // 5, format 1: data, 1 byte, 10 later
        b"\x86\0\0\x14ddd",                           // 6, format 2: 20 later
        b"\xc5e",                                     // 5, format 3: all as before
        b"\xc6fff",
    ]
    .concat();
    assert_eq!(
        read(&bytes).await,
        [
            (5, 1, 8, 100, b"aa".to_vec()),
            (6, 2, 9, 200, b"bbb".to_vec()),
            (5, 1, 18, 110, b"c".to_vec()),
            (6, 2, 9, 220, b"ddd".to_vec()),
            (5, 1, 18, 120, b"e".to_vec()),
            (6, 2, 9, 240, b"fff".to_vec()),
        ]
    );
}

/// The type was forgotten behind a header of format 2.
#[tokio::test]
async fn format_2_keeps_the_type() {
    let bytes = b"\x05\0\0\x01\0\0\x01\x08\x01\0\0\0a\x85\0\0\x02b\x85\0\0\x03c\xc5d";
    let types: Vec<_> =
        read(bytes).await.into_iter().map(|(_, _, kind, time, _)| (kind, time)).collect();
    assert_eq!(types, [(8, 1), (8, 3), (8, 6), (8, 9)]);
}

/// The extended timestamp that format 3 repeats was taken for payload.
#[tokio::test]
async fn format_3_repeats_an_extended_timestamp() {
    let mut bytes = b"\x05\xff\xff\xff\0\x01\x00\x09\x01\0\0\0\x01\0\0\0".to_vec();
    bytes.extend([7; 128]);
    bytes.extend(b"\xc5\x01\0\0\0");
    bytes.extend([8; 128]);
    bytes.extend(b"\x45\0\0\x01\0\0\x01\x08z");
    assert_eq!(
        read(&bytes).await,
        [
            (5, 1, 9, 0x0100_0000, [[7; 128], [8; 128]].concat()),
            (5, 1, 8, 0x0100_0001, b"z".to_vec()),
        ]
    );
}

/// Continuations were written with a header of one byte, whatever the chunk stream was.
#[tokio::test]
async fn continuations_have_the_long_form_of_their_chunk_stream() {
    for id in [2, 63, 64, 65, 128, 319, 320, 65_599] {
        let (mut client, mut server) = open(&ClientOptions::default()).await;
        let mut message = Message::new(1, 9, 40, vec![id as u8; 1_000]);
        message.chunk_stream_id = Some(id);
        let (sent, got) = tokio::join!(client.send(&message), server.receive());
        sent.unwrap();
        assert_eq!(got.unwrap(), Some(message));
    }
}

/// Set Chunk Size was applied and never delivered.
#[tokio::test]
async fn a_chunk_size_is_applied_and_delivered() {
    let (client, server) = open(&ClientOptions::default()).await;
    let (a, b) = (client.streams(), server.streams());
    let (sends, mut controls, mut data) = (a.controls(), b.controls(), b.data_stream(1));
    let talk = async {
        let size = Control::SetChunkSize { size: Some(50_000) };
        sends.send(size).await.unwrap();
        assert_eq!(controls.recv().await, Some(Body::Control(size)));
        a.outbox().send(Message::new(1, 9, 0, vec![5; 49_000])).await.unwrap();
        assert_eq!(data.recv().await.unwrap().payload, vec![5; 49_000]);
    };
    tokio::select! {
        _ = async { tokio::join!(client.run(), server.run()) } => panic!("it ended"),
        () = talk => {}
    }
}

/// Readers went on for ever behind the end of the connection, and what dispatched messages with them.
#[tokio::test]
async fn everything_ends_with_the_connection() {
    let (client, server) = open(&ClientOptions::default()).await;
    let b = server.streams();
    let (mut controls, mut conn) = (b.controls(), b.net_conn());
    let (mut stream, mut data, mut all) = (b.net_stream(1), b.data_stream(1), b.messages(|_| true));
    let mut client = client;
    let send = async {
        client.send(&Message::new(1, 8, 0, vec![1])).await.unwrap();
        client.close().await.unwrap();
    };
    let ((), result) = tokio::join!(send, server.run());
    result.unwrap();
    // What came before the end is there, and then each stream says that it is over, as often as it is asked.
    assert!(data.recv().await.is_some() && all.recv().await.is_some());
    for _ in 0..2 {
        assert_eq!((controls.recv().await, conn.recv().await), (None, None));
        assert_eq!((stream.recv().await, data.recv().await, all.recv().await), (None, None, None));
    }
    assert!(b.outbox().send(Message::new(1, 8, 0, vec![1])).await.is_err());
    let command = Command { object: Some(Value::Null), ..Command::default() };
    assert!(conn.send(&command).await.is_err() && data.send(8, 0, vec![]).await.is_err());
}

/// The same for an end that comes in the middle of a message, and for one that reads alone.
#[tokio::test]
async fn an_end_inside_a_message_is_an_end() {
    assert_eq!(read(b"\x05\0\0\x01\0\0\x09\x08\x01\0\0\0abc").await, []);
    let (mut peer, io) = duplex(10_000);
    let mut client = Client::new(io, &ClientOptions::default()).unwrap();
    let mut hello = vec![0; 1537];
    let wait = async {
        peer.read_exact(&mut hello).await.unwrap();
        peer.write_all(&hello[..900]).await.unwrap();
        drop(peer);
    };
    let (result, ()) = tokio::join!(client.handshake(), wait);
    assert!(result.is_err());
}

/// A rate was 44,100 / 2 ^ n, where ^ is no power, and a size likewise.
#[test]
fn audio_rates_and_sizes_are_those_of_the_header() {
    let audio = |first: u8| {
        let payload = [first, 1];
        match rtmpctl::proto::message::decode(8, &payload, 2, &Limits::default()).0 {
            Body::Audio(Audio { sample_rate, sample_size, channels, .. }) => {
                (sample_rate.unwrap(), sample_size.unwrap(), channels.unwrap())
            }
            body => panic!("{body:?}"),
        }
    };
    for (first, expected) in [
        (0x20, (5_512, 8, 1)),
        (0x24, (11_025, 8, 1)),
        (0x28, (22_050, 8, 1)),
        (0x2c, (44_100, 8, 1)),
        (0x2e, (44_100, 16, 1)),
        (0x2f, (44_100, 16, 2)),
        (0xaf, (44_100, 16, 2)),
    ] {
        assert_eq!(audio(first), expected, "{first:#x}");
    }
}
