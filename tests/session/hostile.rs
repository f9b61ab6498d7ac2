//! Peers that mean harm, or that mean something else than RTMP.

use proptest::prelude::*;
use rtmpctl::Limits;
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::handshake::RANDOM_LEN;
use rtmpctl::proto::session::{Close, Connection, Options, Policy, Responder};

use crate::talk::{Script, Server};

#[test]
fn what_is_not_rtmp_is_named_at_its_first_byte() {
    for (bytes, why) in [
        (&b"\x16\x03\x01"[..], Close::Tls),
        (b"GET / HTTP/1.1\r\n", Close::NotRtmp { first: b'G' }),
        (b"\xff", Close::NotRtmp { first: 0xff }),
        (b"\x06", Close::Encrypted { version: 6 }),
        (b"\x08", Close::Encrypted { version: 8 }),
        (b"\x09", Close::Encrypted { version: 9 }),
    ] {
        let mut server = Server::new(Policy::default());
        server.feed(bytes);
        assert_eq!(server.closed, Some(why.clone()));
        assert!(server.sent.is_empty() && !why.to_string().is_empty());
    }
    // A version that is not known is answered with 3 (RTMP 1.0 §5.2.2).
    for version in [0, 2, 4, 7, 31] {
        let mut server = Server::new(Policy::default());
        server.feed(&Script::handshake());
        let mut bytes = Script::handshake();
        bytes[0] = version;
        let mut other = Server::new(Policy::default());
        other.feed(&bytes);
        assert_eq!((other.closed, other.sent.len()), (None, server.sent.len()));
        assert_eq!(other.sent[0], 3);
    }
}

#[test]
fn lost_framing_closes_with_its_place() {
    let mut server = Server::new(Policy::default());
    server.feed(&Script::handshake());
    server.feed(b"\xc5zzz"); // format 3 on a chunk stream that has had no header
    let why = server.closed.unwrap();
    assert!(matches!(why, Close::Framing(_)));
    let text = "no chunk at byte 3073: a header of format 3 on chunk stream 5, which has had none";
    assert_eq!(why.to_string(), text);
}

/// A format 0 header: chunk stream, type, length, message stream 1.
fn header(chunk_stream: u32, type_id: u8, length: u32) -> Vec<u8> {
    let mut bytes = match chunk_stream {
        2..64 => vec![chunk_stream as u8],
        64..320 => vec![0, (chunk_stream - 64) as u8],
        _ => {
            let [low, high, ..] = (chunk_stream - 64).to_le_bytes();
            vec![1, low, high]
        }
    };
    bytes.extend([0, 0, 0]);
    bytes.extend(&length.to_be_bytes()[1..]);
    bytes.push(type_id);
    bytes.extend([1, 0, 0, 0]);
    bytes
}

#[test]
fn declared_lengths_cost_nothing() {
    let mut server = Server::new(Policy::default());
    server.feed(&Script::handshake());
    for n in 0..1_240 {
        let mut bytes = header(2 + n, 20, 0xff_ffff);
        bytes.extend([2; 128]);
        server.feed(&bytes);
    }
    assert_eq!(server.closed, None);
    assert!(server.connection.memory() < 2 << 20, "{}", server.connection.memory());
}

#[test]
fn unfinished_messages_end_the_connection_at_their_limit_and_not_before() {
    let limits = Limits { partial_bytes: 128 * 100, ..Limits::default() };
    let mut server = Server::with(Policy::default(), Options::default(), limits);
    server.feed(&Script::handshake());
    for n in 0..100 {
        let mut bytes = header(10 + n, 20, 0xff_ffff);
        bytes.extend([0; 128]);
        server.feed(&bytes);
        assert_eq!(server.closed, None);
    }
    // At the limit it goes on, and one byte more is too many.
    server.feed(&header(9, 20, 0xff_ffff));
    assert_eq!(server.closed, None);
    server.feed(&[0]);
    server.feed(&[0]); // it is said before anything else is taken
    assert_eq!(server.closed, Some(Close::Limit("partial_bytes")));
}

#[test]
fn a_message_on_every_chunk_stream_arrives_and_what_they_hold_is_counted() {
    let mut server = Server::new(Policy::default());
    server.feed(&Script::handshake());
    let mut script = Script::new(0);
    script.connect("live", &[]).call(1, "publish", Some(0.0), &[Value::Null, "k".into()]);
    server.feed(&script.take());
    let mut bytes = Vec::new();
    for id in 2..=65_599 {
        bytes.extend(header(id, 8, 2));
        bytes.extend(b"\xaf\x01");
    }
    server.feed(&bytes);
    assert_eq!((server.media, server.closed.clone()), (65_598, None));
    assert!(server.connection.memory() > 10 << 20);
    assert!(server.connection.memory() < 40 << 20, "{}", server.connection.memory());
}

#[test]
fn a_peer_that_asks_and_never_reads_is_closed() {
    let limits = Limits { output_bytes: 10_000, ..Limits::default() };
    let mut connection = Connection::server(&Options::default(), 0, &[0; RANDOM_LEN], &limits);
    let mut input = &Script::handshake()[..];
    while connection.next(&mut input).unwrap().is_some() {}
    let mut sender = rtmpctl::proto::session::Sender::new();
    sender.ping(1);
    for n in 0..10_000 {
        sender.ping(n);
        let bytes = sender.take_output();
        let mut input = &bytes[..];
        let end = loop {
            match connection.next(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(why) => break Some(why),
            }
        };
        let waiting = connection.output().len();
        if let Some(why) = end {
            assert_eq!((why, waiting > 10_000), (Close::Limit("output_bytes"), true));
            return;
        }
        assert!(waiting <= 10_000);
    }
    panic!("it was never closed");
}

#[test]
fn an_idle_publisher_is_small() {
    let limits = Limits::default();
    let mut server = Server::new(Policy::default());
    server.feed(&Script::handshake());
    let mut script = Script::new(0);
    script.connect("live", &[]).call(0, "createStream", Some(2.0), &[Value::Null]);
    script.call(1, "publish", Some(0.0), &[Value::Null, "key".into()]);
    for n in 0..50 {
        script.sender.send(1, 8, n * 20, &[0xaf; 400]);
        script.sender.send(1, 9, n * 20, &[0x27; 10_000]);
    }
    let bytes = script.take();
    for piece in bytes.chunks(1_400) {
        server.feed(piece);
    }
    assert_eq!(server.media, 100);
    let state = size_of::<Connection>() + size_of::<Responder>();
    let heap = server.connection.memory() + server.responder.memory();
    assert!(state + heap < 4 << 10, "{state} and {heap}");
    // During the handshake it may be more.
    let fresh = Connection::server(&Options::default(), 0, &[0; RANDOM_LEN], &limits);
    assert!(fresh.memory() < 16 << 10);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 1usize..100) {
        let mut server = Server::new(Policy::default());
        server.feed(&Script::handshake());
        for piece in bytes.chunks(cut) {
            server.feed(piece);
        }
    }

    #[test]
    fn no_damaged_calls_panic(at in 0usize..400, value in any::<u8>(), amf in prop_oneof![Just(0u8), Just(3)]) {
        let mut script = Script::new(amf);
        script.connect("live", &[("tcUrl", "rtmp://x/live".into())]);
        script.call(0, "createStream", Some(2.0), &[Value::Null]);
        script.call(1, "publish", Some(0.0), &[Value::Null, "key".into(), "live".into()]);
        script.call(1, "play", Some(0.0), &[Value::Null, "key".into()]);
        script.call(0, "deleteStream", Some(0.0), &[Value::Null, Value::Number(1.0)]);
        let mut bytes = script.take();
        let at = at % bytes.len();
        bytes[at] = value;
        let mut server = Server::new(Policy::default());
        server.feed(&Script::handshake());
        server.feed(&bytes);
    }
}
