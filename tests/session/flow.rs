//! What a connection does of its own accord: acknowledgements, pings, windows, chunk sizes.

use rtmpctl::Limits;
use rtmpctl::proto::chunk::Keep;
use rtmpctl::proto::handshake::{RANDOM_LEN, Style};
use rtmpctl::proto::message::{Control, LimitType};
use rtmpctl::proto::session::{Acknowledge, Arrived, Connection, Options, Policy, Sender};

use crate::talk::{HANDSHAKE, Script, Server};

fn server(acknowledge: Acknowledge) -> Server {
    let options = Options { acknowledge, ..Options::default() };
    let mut server = Server::with(Policy::default(), options, Limits::default());
    server.feed(&Script::handshake());
    server
}

fn audio(bytes: usize) -> Vec<u8> {
    let mut sender = Sender::new();
    sender.send(1, 8, 0, &vec![0xaf; bytes]);
    sender.take_output()
}

#[test]
fn bytes_are_acknowledged_when_the_window_is_full_later_or_never() {
    for (how, expected) in [
        (Acknowledge::WhenDue, &["0 ack 10000", "0 ack 20000", "0 ack 30000"][..]),
        (Acknowledge::Late, &["0 ack 20000"]),
        (Acknowledge::Never, &[]),
    ] {
        let mut server = server(how);
        let mut sender = Sender::new();
        sender.control(Control::WindowAcknowledgementSize { size: Some(10_000) });
        sender.control(Control::WindowAcknowledgementSize { size: Some(0) }); // means nothing
        let mut bytes = sender.take_output();
        for _ in 0..40 {
            bytes.extend(audio(1_000));
        }
        for byte in &bytes[..35_000 - HANDSHAKE] {
            server.feed(&[*byte]);
        }
        assert_eq!(server.said(), expected, "{how:?}");
    }
}

#[test]
fn an_acknowledgement_counts_all_bytes_modulo_2_to_the_32() {
    let mut server = server(Acknowledge::WhenDue);
    let chunk = audio(5000);
    let mut received = HANDSHAKE;
    let mut due = Vec::new();
    let mut acknowledged = 0;
    for _ in 0..1200 {
        server.feed(&chunk);
        received += chunk.len();
        if received - acknowledged >= 2_500_000 {
            acknowledged = received;
            due.push(format!("0 ack {received}"));
        }
    }
    assert_eq!(due.len(), 2);
    assert_eq!(server.said(), due);
    assert_eq!(server.connection.bytes_received(), received as u64);
}

#[test]
fn pings_are_answered_and_asked() {
    let mut server = server(Acknowledge::WhenDue);
    let mut sender = Sender::new();
    sender.ping(0xfedc_ba98);
    sender.pong(7);
    server.feed(&sender.take_output());
    assert_eq!(server.said(), ["0 ping_response 4275878552"]);
    server.connection.sender().ping(5);
    server.feed(&[]);
    assert_eq!(server.said()[1..], ["0 ping_request 5"]);
}

#[test]
fn a_peer_bandwidth_is_answered_with_the_window_once() {
    let mut server = server(Acknowledge::WhenDue);
    let mut sender = Sender::new();
    for size in [500, 500, 600, 0] {
        let limit_type = Some(LimitType::Hard);
        sender.control(Control::SetPeerBandwidth { size: Some(size), limit_type });
    }
    sender.control(Control::Acknowledgement { sequence_number: Some(99) });
    server.feed(&sender.take_output());
    assert_eq!(server.said(), ["0 window 500", "0 window 600"]);
    assert_eq!(server.connection.peer_acknowledged(), Some(99));
}

#[test]
fn chunk_sizes_take_effect_both_ways() {
    let mut server = server(Acknowledge::WhenDue);
    let mut script = Script::new(0);
    for size in [1, 0x7fff_ffff, 4096] {
        script.sender.control(Control::SetChunkSize { size: Some(size) });
        script.connect("live", &[]);
        server.feed(&script.take());
        assert_eq!(server.connection.peer_chunk_size(), size);
    }
    assert_eq!(server.said().iter().filter(|line| line.contains("Connect.Success")).count(), 3);
    assert_eq!(server.connection.sender().chunk_size(), 4096);
}

#[test]
fn whole_media_are_kept_while_somebody_wants_them() {
    let limits = Limits::default();
    let options = Options::default();
    let mut connection = Connection::server(&options, 0, &[1; RANDOM_LEN], &limits);
    let mut sender = Sender::new();
    let frame = [&b"\x27\x01\0\0\0"[..], &[9; 1000]].concat();
    let config = [&b"\x17\0\0\0\0"[..], &[9; 1000]].concat();
    let mut bytes = Script::handshake();
    for _ in 0..4 {
        sender.send(1, 9, 0, &frame);
        sender.send(1, 9, 0, &config);
    }
    let messages = sender.take_output();
    let half = messages.len() / 2;
    bytes.extend(&messages[..half]);
    let mut kept = Vec::new();
    for (now, keep) in
        [(&bytes[..], Keep::ALL), (&messages[half..], rtmpctl::proto::session::HEADS)]
    {
        let mut input = now;
        while let Some((arrived, _)) = connection.next(&mut input).unwrap() {
            if let Arrived::Message(message) = arrived {
                kept.push(message.payload.len());
            }
        }
        connection.keep(keep);
    }
    assert_eq!(kept, [64, 1005, 64, 1005, 1005, 1005, 1005, 1005]);
}

#[test]
fn the_output_can_be_sent_in_pieces() {
    let mut sender = Sender::new();
    sender.send(1, 8, 0, &[1; 5_000]);
    let all = sender.output().to_vec();
    let mut sent = Vec::new();
    while sender.waiting() > 0 {
        let n = sender.waiting().min(700);
        sent.extend_from_slice(&sender.output()[..n]);
        sender.sent(n);
        if sent.len() == 1_400 {
            sender.send(1, 8, 10, &[2; 100]);
        }
        assert_eq!(sender.bytes_sent(), sent.len() as u64);
    }
    assert_eq!(sent[..all.len()], all);
    assert_eq!(sent.len(), all.len() + 108);
    sender.sent(99);
    assert_eq!((sender.bytes_sent(), sender.output()), (sent.len() as u64, &b""[..]));
    assert!(sender.memory() <= 512);
}

#[test]
fn a_handshake_in_either_style_says_what_it_was() {
    use rtmpctl::proto::handshake::digest::Scheme;
    let limits = Limits::default();
    for (style, expected) in [
        (Style::Simple, false),
        (Style::Digest { scheme: Scheme::Zero, version: 0x0900_7c02 }, true),
        (Style::Digest { scheme: Scheme::One, version: 0x0900_7c02 }, true),
    ] {
        let options = Options { style, ..Options::default() };
        let mut client = Connection::client(&options, 1, &[3; RANDOM_LEN], &limits);
        let mut server = Connection::server(&Options::default(), 2, &[4; RANDOM_LEN], &limits);
        let mut said = Vec::new();
        for _ in 0..3 {
            let bytes = client.take_output();
            if let Some((arrived, _)) = server.next(&mut &bytes[..]).unwrap() {
                said.push(format!("{arrived:?}"));
            }
            let bytes = server.take_output();
            if let Some((arrived, _)) = client.next(&mut &bytes[..]).unwrap() {
                said.push(format!("{arrived:?}"));
            }
        }
        let each = format!("{:?}", Arrived::Handshake { valid: true, digest: expected });
        assert_eq!(said, [each.clone(), each]);
        assert!(client.is_open() && server.is_open());
        assert_eq!((client.bytes_sent(), client.bytes_received()), (3073, 3073));
    }
}
