//! What a proxy changes when it is asked to: values of calls, whole messages, the line itself; and the PROXY protocol.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rtmpctl::Limits;
use rtmpctl::capture::{Captures, Choice, file};
use rtmpctl::inspect::{CloseKind, ClosedBy, Field, Traffic, Transport};
use rtmpctl::live::proxy::{Faults, Options, ResetAfter, Rewrite, TcUrl};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::chunk::{Item, Keep, Outgoing, Reader, Writer};
use rtmpctl::proto::message::{self, Body, Command};
use rtmpctl::proto::proxy::Version;

use crate::common;
use crate::rig::{Cut, DOWN, Rig, Setup, UP, Upstream, exchange, noise, read_exact, read_to_end};

/// Bytes of either handshake.
const HANDSHAKE: usize = 3073;

/// What clients sent in the captures at hand, where that is whole.
fn sent() -> Vec<(String, Vec<u8>)> {
    let mut sent = Vec::new();
    for path in common::captures() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut streams = BTreeMap::new();
        let mut broken = Vec::new();
        let mut reader = file::Reader::new(File::open(&path).unwrap()).unwrap();
        let mut captures = Captures::new(Choice::default(), &Limits::default());
        let mut take = |traffic: Traffic<'_>| match traffic {
            Traffic::Opened { flow, opened, .. }
                if opened.from_start && opened.transport == Transport::Rtmp =>
            {
                streams.insert(flow, Vec::new());
            }
            Traffic::Bytes { flow, direction, data, .. } if direction.index() == UP => {
                if let Some(stream) = streams.get_mut(&flow) {
                    stream.extend_from_slice(data);
                }
            }
            Traffic::Gap { flow, .. } => broken.push(flow),
            _ => {}
        };
        while let Some(item) = reader.next().unwrap() {
            captures.item(&item, None, &mut take);
        }
        captures.finish(&mut take);
        let whole = streams.into_iter().filter(|(flow, _)| !broken.contains(flow));
        sent.extend(whole.map(|(flow, bytes)| (format!("{name} {flow}"), bytes)));
    }
    assert!(sent.len() > 10);
    sent
}

/// A message: chunk stream, message stream, type, timestamp, payload.
type Message = (u32, u32, u8, u32, Vec<u8>);

fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default());
    let mut input = bytes.get(HANDSHAKE..).unwrap_or_default();
    let mut messages = Vec::new();
    while let Some(item) = reader.next(&mut input).unwrap() {
        if let Item::Message(m) = item {
            let payload = m.payload.to_vec();
            let route = (m.chunk_stream_id, m.message_stream_id, m.type_id, m.timestamp);
            messages.push((route.0, route.1, route.2, route.3, payload));
        }
    }
    messages
}

fn command(message: &Message) -> Option<Command> {
    let (.., type_id, _, payload) = message;
    if !matches!(type_id, 17 | 20) {
        return None;
    }
    match message::decode(*type_id, payload, payload.len() as u32, &Limits::default()) {
        (Body::Command(command), None) => Some(*command),
        _ => None,
    }
}

/// What a server gets of what a client sends through a proxy that is set up so.
fn through(up: &[u8], cut: Cut, change: fn(&mut Options<'_>)) -> (Vec<u8>, crate::rig::Told) {
    let upstream = Upstream::new();
    let mut setup = Setup::to(upstream.address());
    setup.change = change;
    let rig = setup.start();
    let client = rig.connect();
    let (got, _) = exchange(client, upstream.accept(), cut, up, b"answer");
    (got, rig.told(1))
}

const URL: &str = "rtmps://live.example/app2/k_e_y-0123456789-0123456789-0123456789?a=b";

#[test]
fn clients_are_rewritten_and_nothing_else_of_what_they_send_changes() {
    for (name, up) in sent() {
        let (got, told) = through(&up, Cut::Bursts, |options| {
            options.rewrite = Rewrite::to(&URL.parse().unwrap());
        });
        assert!(told.bytes[UP] == up, "{name}: what is told is what came");
        assert_eq!(told.findings, [], "{name}");
        assert!(got[..HANDSHAKE.min(got.len())] == up[..HANDSHAKE.min(up.len())], "{name}");
        let (before, after) = (messages(&up), messages(&got));
        assert_eq!(before.len(), after.len(), "{name}");
        let mut changes = told.rewritten.iter();
        for (before, after) in before.iter().zip(&after) {
            let route = |m: &Message| (m.0, m.1, m.2, m.3);
            assert_eq!(route(before), route(after), "{name}");
            let call = command(before);
            let name_of = call.as_ref().map_or("", |call| call.name());
            match name_of {
                "connect" => {
                    let text = |message: &Message, key: &str| {
                        let object = command(message).unwrap().object.unwrap();
                        object.get(key).and_then(Value::as_str).map(str::to_owned)
                    };
                    assert_eq!(text(after, "app").as_deref(), Some("app2"));
                    assert_eq!(text(after, "tcUrl").as_deref(), Some("rtmps://live.example/app2"));
                    let (url, swf) = (text(before, "tcUrl"), text(before, "swfUrl"));
                    let swf_after = text(after, "swfUrl");
                    let repeats = swf.is_some() && swf == url;
                    assert_eq!(swf_after == Some("rtmps://live.example/app2".to_owned()), repeats);
                    assert!(repeats || swf_after == swf);
                    let fields = if repeats { 3 } else { 2 };
                    let told: Vec<Field> = changes.by_ref().take(fields).map(|it| it.1).collect();
                    assert_eq!(told[..2], [Field::App, Field::TcUrl]);
                }
                "releaseStream" | "FCPublish" | "publish" | "FCUnpublish" | "play" => {
                    let (call, mut now) = (call.unwrap(), command(after).unwrap());
                    let key = URL.rsplit_once('/').unwrap().1;
                    assert_eq!(now.text(0), Some(key), "{name}");
                    let change = changes.next().unwrap();
                    assert_eq!((change.0.as_str(), change.1), (call.name(), Field::StreamName));
                    assert_eq!(
                        (change.2.as_str(), change.3.as_str()),
                        (call.text(0).unwrap(), key)
                    );
                    now.arguments[0] = call.arguments[0].clone();
                    assert_eq!(now, call, "{name}: the other arguments");
                }
                _ => assert!(before.4 == after.4, "{name}: {name_of}"),
            }
        }
        assert_eq!(changes.next(), None, "{name}");
        assert!(!told.rewritten.is_empty() || before.len() < 5, "{name}");
    }
}

#[test]
fn a_stream_with_nothing_to_replace_stays_as_it_is_byte_for_byte() {
    for (name, up) in sent() {
        let (got, told) = through(&up, Cut::Whole, |options| {
            // What no client calls an app is looked for all the same.
            options.rewrite = Rewrite { tc_url: TcUrl::Same, app: None, key: None };
            options.faults[UP].drop_acks = true;
        });
        let acks = messages(&up).iter().filter(|message| message.2 == 3).count();
        assert!(acks > 0 || got == up, "{name}");
        assert_eq!(told.codes(), vec!["proxy.fault"; acks], "{name}");
    }
}

#[test]
fn what_is_not_rtmp_goes_through_unchanged_and_that_is_said() {
    let mut broken = vec![3; HANDSHAKE];
    broken.extend([0xc5; 200]);
    for (up, why) in [
        (noise(9, 5000), "does not begin as plain RTMP"),
        (b"POST /open/1 HTTP/1.1\r\n\r\n".to_vec(), "does not begin as plain RTMP"),
        (broken, "can no longer be told apart"),
    ] {
        let (got, told) = through(&up, Cut::Bursts, |options| {
            options.rewrite = Rewrite::to(&URL.parse().unwrap());
        });
        assert!(got == up);
        assert!(told.finding("proxy.not-rewritten").contains(why));
    }
    // Too short for anything, and cut inside a call.
    let (_, up) = sent().remove(0);
    for length in [1, 100, HANDSHAKE + 5, HANDSHAKE + 60] {
        let (got, _) = through(&up[..length], Cut::Whole, |options| {
            options.rewrite = Rewrite::to(&URL.parse().unwrap());
        });
        assert!(got == up[..length], "{length}");
    }
}

fn outgoing(type_id: u8, timestamp: u32, payload: &[u8]) -> Outgoing<'_> {
    let (chunk_stream_id, message_stream_id) = (2, 0);
    Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload }
}

#[test]
fn acknowledgements_are_left_out_of_the_direction_that_is_named() {
    let mut stream = vec![3; HANDSHAKE];
    let mut writer = Writer::new();
    for n in 0..10_u32 {
        let (ping, number) = ([&[0, 6][..], &n.to_be_bytes()].concat(), n.to_be_bytes());
        writer.write(&outgoing(4, n * 20, &ping), &mut stream);
        writer.write(&outgoing(3, n * 20 + 10, &number), &mut stream);
    }
    let upstream = Upstream::new();
    let mut setup = Setup::to(upstream.address());
    setup.change = |options| options.faults[DOWN].drop_acks = true;
    let rig = setup.start();
    let client = rig.connect();
    let (up, down) = exchange(client, upstream.accept(), Cut::Bursts, &stream, &stream);
    assert!(up == stream);
    let mut expected = messages(&stream);
    expected.retain(|message| message.2 != 3);
    assert_eq!(messages(&down), expected);
    let told = rig.told(1);
    assert_eq!(told.findings.len(), 10);
    assert!(told.findings[9].1.contains("(sequence number 9)"), "{:?}", told.findings[9]);
}

fn faulty(change: fn(&mut Options<'_>)) -> (Rig, Upstream) {
    let upstream = Upstream::new();
    let mut setup = Setup::to(upstream.address());
    setup.change = change;
    (setup.start(), upstream)
}

#[test]
fn a_delay_and_a_rate_take_their_time_and_lose_nothing() {
    let data = noise(21, 200_000);
    for (change, least) in [
        (
            (|options| {
                options.faults[UP].delay = Duration::from_millis(300);
                options.faults[UP].jitter = Duration::from_millis(50);
            }) as fn(&mut Options<'_>),
            300,
        ),
        (|options| options.faults[UP].rate = Some(4_000_000), 350),
    ] {
        let (rig, upstream) = faulty(change);
        let (client, server) = (rig.connect(), upstream.accept());
        let begin = Instant::now();
        let (got, back) = exchange(client, server, Cut::Bursts, &data, b"answer");
        assert!(got == data && back == b"answer");
        assert!(begin.elapsed() >= Duration::from_millis(least), "{:?}", begin.elapsed());
        let told = rig.told(1);
        assert_eq!(told.codes(), ["proxy.fault"]);
        assert_eq!(told.sides.unwrap().forwarded, [200_000, 6]);
    }
}

#[test]
fn a_line_that_stalls_lets_nothing_more_through() {
    let (rig, upstream) =
        faulty(|options| options.faults[UP].stall_after = Some(Duration::from_millis(100)));
    let (mut client, mut server) = (rig.connect(), upstream.accept());
    let told = rig.until(1, |told| !told.findings.is_empty());
    assert!(told.finding("proxy.fault").contains("c2s is stalled"));
    client.write_all(b"lost").unwrap();
    // The other direction goes on.
    server.write_all(b"answer").unwrap();
    assert_eq!(read_exact(&mut client, 6), b"answer");
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), b"");
    assert_eq!(rig.told(1).sides.unwrap().forwarded, [0, 6]);
}

#[test]
fn a_connection_is_reset_after_bytes_or_after_a_time() {
    let (rig, upstream) =
        faulty(|options| options.faults[UP].reset_after = Some(ResetAfter::Bytes(5000)));
    let (mut client, mut server) = (rig.connect(), upstream.accept());
    client.write_all(&noise(31, 5001)).unwrap();
    let mut got = Vec::new();
    let error = server.read_to_end(&mut got).unwrap_err();
    assert_eq!((error.kind(), got.len()), (ErrorKind::ConnectionReset, 5000));
    let told = rig.told(1);
    assert_eq!(told.closed, Some((ClosedBy::Rtmpctl, CloseKind::Rst)));
    assert!(told.finding("proxy.fault").contains("5000 bytes"));

    let (rig, upstream) = faulty(|options| {
        options.faults[DOWN].reset_after = Some(ResetAfter::Time(Duration::from_millis(50)));
    });
    let (mut client, mut server) = (rig.connect(), upstream.accept());
    for peer in [&mut client, &mut server] {
        assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert!(rig.told(1).finding("proxy.fault").contains("0.05 s"));
}

#[test]
fn bytes_are_corrupted_where_it_is_said_and_the_same_ones_again() {
    let data = noise(41, 20_000);
    let corrupted = || {
        through(&data, Cut::Bursts, |options| {
            options.faults[UP].corrupt_rate = 0.001;
            options.seed = 7;
        })
    };
    let (got, told) = corrupted();
    assert_eq!(got.len(), data.len());
    let changed: Vec<usize> = (0..data.len()).filter(|&at| got[at] != data[at]).collect();
    assert!((5..60).contains(&changed.len()), "{changed:?}");
    assert_eq!(told.findings.len(), changed.len());
    for (at, (_, text)) in changed.iter().zip(&told.findings) {
        let (before, after) = (data[*at], got[*at]);
        let said = format!("byte {at} of c2s is changed from 0x{before:02x} to 0x{after:02x}");
        assert!(text.contains(&said), "{text}");
    }
    assert!(told.bytes[UP] == data, "what is told is what came");
    assert!(corrupted().0 == got);
}

#[test]
fn no_fault_is_the_default() {
    let options = Options::new(None, rtmpctl::live::tls::Trust::Anyone, Duration::ZERO);
    assert_eq!(options.faults, [Faults::default(), Faults::default()]);
    assert!(options.rewrite.is_nothing() && !options.accept_header);
}

#[test]
fn who_the_client_is_comes_and_goes_by_the_proxy_protocol() {
    let real = "192.0.2.7:4711";
    let headers: [&[u8]; 3] = [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 1935\r\n",
        &[
            &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\x07\x8f"[..],
            b"\x04\0\x01\0",
        ]
        .concat(),
        b"PROXY UNKNOWN\r\n",
    ];
    for (at, header) in headers.iter().enumerate() {
        for cut in Cut::ALL {
            let (rig, upstream) = faulty(|options| {
                options.accept_header = true;
                options.send_header = Some(Version::One);
            });
            let client = rig.connect();
            let own = client.local_addr().unwrap();
            cut.write(&mut client.try_clone().unwrap(), &[header, &b"\x03hello"[..]].concat());
            client.shutdown(Shutdown::Write).unwrap();
            let mut server = upstream.accept();
            let line = match at {
                2 => format!(
                    "PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n",
                    own.port(),
                    rig.address.port()
                ),
                _ => "PROXY TCP4 192.0.2.7 198.51.100.1 4711 1935\r\n".to_owned(),
            };
            assert_eq!(String::from_utf8(read_to_end(&mut server)).unwrap(), line + "\x03hello");
            drop(server);
            let told = rig.told(1);
            assert_eq!(told.client, Some(if at == 2 { own } else { real.parse().unwrap() }));
            assert_eq!(told.bytes[UP], b"\x03hello");
            assert_eq!(told.findings, []);
        }
    }
}

#[test]
fn a_client_without_the_header_is_closed_and_the_next_one_served() {
    let (rig, upstream) = faulty(|options| {
        options.accept_header = true;
        options.send_header = Some(Version::Two);
    });
    for (at, begin) in
        [&b"\x03abc"[..], b"PROXY TCP4 nonsense\r\n", b"PROXY TCP4 192"].iter().enumerate()
    {
        let mut client = rig.connect();
        client.write_all(begin).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        assert_eq!(rig.told(at + 1).codes(), ["proxy.header"]);
    }
    let mut client = rig.connect();
    client.write_all(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\nabc").unwrap();
    let mut server = upstream.accept();
    assert_eq!(read_exact(&mut server, 13), b"\r\n\r\n\0\r\nQUIT\n\x21");
    assert_eq!(read_exact(&mut server, 39)[36 + 3 - 4..], *b"\0\x01\0\x02");
    assert_eq!(read_exact(&mut server, 3), b"abc");
}
