//! A PROXY protocol header ahead of the handshake is read, named, and no part of the stream.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod rig;

use rig::{Conversation, Owned};
use rtmpctl::Limits;
use rtmpctl::inspect::{Event, Inspector, Traffic};
use rtmpctl::proto::Direction;

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn headers() -> Vec<(Vec<u8>, &'static str)> {
    let v1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 1935\r\n".to_vec();
    let mut v2 =
        [SIGNATURE, b"\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x07\x8f"].concat();
    let short = v2.clone();
    v2[14..16].copy_from_slice(&1000u16.to_be_bytes());
    v2.resize(1016, 3);
    let local = [SIGNATURE, b"\x20\x00\x00\x00"].concat();
    vec![
        (
            v1,
            "(version 1, 46 bytes) precedes the handshake: the client is 192.0.2.1:56324, connected to 198.51.100.2:1935",
        ),
        (
            short,
            "(version 2, 28 bytes) precedes the handshake: the client is 192.0.2.1:56324, connected to 198.51.100.2:1935",
        ),
        (
            v2,
            "(version 2, 1016 bytes) precedes the handshake: the client is 192.0.2.1:56324, connected to 198.51.100.2:1935",
        ),
        (
            local,
            "(version 2, 16 bytes) precedes the handshake: the connection is the load balancer's own (LOCAL)",
        ),
    ]
}

/// The header, the handshake and a message, in segments of `step`, on a port or another.
fn talk(header: &[u8], step: usize, port: u16) -> Vec<Owned> {
    let mut shake = vec![0; 3073];
    shake[0] = 3;
    let message = [&rig::header0(2, 4, 1, 0)[..], &[0, 0, 16, 0]].concat();
    let mut it = Conversation::on(port, 0);
    it.send_by(C2S, &[header, &shake[..1537]].concat(), step);
    it.send(S2C, &shake);
    it.send_by(C2S, &[&shake[1537..], &message].concat(), step);
    it.packets
}

/// What is said of packets, without what tells of segments: findings `hs.*` and the ranges of everything else.
fn said(packets: &[Owned]) -> Vec<String> {
    let mut inspector = Inspector::new(rig::unjudged(), Limits::default());
    let mut said = Vec::new();
    rig::traffic(packets, &Limits::default(), &mut |traffic: Traffic<'_>| {
        inspector.feed(&traffic, &mut |record| match record.event {
            Event::Finding(finding) if finding.code.starts_with("tcp.") => {}
            Event::Finding(finding) => said.push(format!("{}: {}", finding.code, finding.message)),
            Event::Summary(summary) => said.push(format!("bytes {:?}", summary.bytes)),
            _ => said.extend(
                record
                    .span
                    .map(|span| format!("{} {}..{}", record.event.as_str(), span.start, span.end)),
            ),
        });
    });
    said
}

#[test]
fn offsets_count_from_the_handshake_on_any_port_and_however_it_is_cut() {
    for port in [1935, 4000] {
        let plain = said(&talk(&[], 1400, port));
        assert!(plain.contains(&"message 3073..3089".to_owned()), "{plain:?}");
        assert_eq!(plain.last().unwrap(), "bytes [3089, 3073]");
        for (header, expected) in headers() {
            for step in [1, 7, 1400, 60_000] {
                let mut with = said(&talk(&header, step, port));
                let finding = with.remove(0);
                assert_eq!(finding, format!("hs.proxy-prefix: a PROXY protocol header {expected}"));
                assert_eq!(with, plain, "port {port}, step {step}, {expected}");
            }
        }
    }
}

#[test]
fn it_is_found_without_a_syn() {
    for (header, _) in headers() {
        let packets = &talk(&header, 60_000, 1935)[2..];
        let said = said(packets);
        assert!(said[0].starts_with("hs.proxy-prefix"), "{said:?}");
        assert_eq!(said.last().unwrap(), "bytes [3089, 3073]");
    }
}

#[test]
fn each_cut_of_it_is_a_finding() {
    for (header, _) in headers() {
        for cut in 1..header.len() {
            let mut it = Conversation::new(0);
            it.send(C2S, &header[..cut]);
            let said = said(&it.packets);
            let broken = said.iter().any(|line| line.starts_with("hs.proxy-broken"));
            let short = said
                .iter()
                .any(|line| line.starts_with("hs.not-rtmp") || line.starts_with("hs.version"));
            assert!(if cut < 6 { short } else { broken }, "{cut}: {said:?}");
        }
    }
}

#[test]
fn other_text_and_broken_headers_are_no_handshake() {
    for (text, code) in [
        (&b"POST /x HTTP/1.1\r\n\r\n"[..], "hs.http-on-rtmp"),
        (b"PROXY TCP4 nobody\r\n", "hs.proxy-broken"),
        (b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0", "hs.proxy-broken"),
    ] {
        let mut it = Conversation::new(0);
        it.send(C2S, text);
        let said = said(&it.packets);
        assert!(said.iter().any(|line| line.starts_with(code)), "{said:?}");
    }
}
