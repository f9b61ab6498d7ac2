//! C2 and S2 in captures whose directions are not in step: what they answer may come behind them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up has to fail, also in its helpers"
)]

use rtmpctl::Limits;
use rtmpctl::inspect::{
    CloseKind, ClosedBy, Event, GapCause, HandshakeFields, Inspector, Opened, Options, Place,
    Traffic, Transport,
};
use rtmpctl::proto::Direction::{self, ClientToServer as C2S, ServerToClient as S2C};
use rtmpctl::proto::handshake::digest::Scheme;
use rtmpctl::proto::handshake::{Peer, RANDOM_LEN, Side, Style};

/// What each side says, handshake first.
fn sides(style: Style) -> [Vec<u8>; 2] {
    let mut client = Peer::new(Side::Client, style, 7, &[1; RANDOM_LEN]);
    let mut server = Peer::new(Side::Server, style, 9, &[2; RANDOM_LEN]);
    let mut said = [Vec::new(), Vec::new()];
    while !(client.is_done() && server.is_done()) {
        let bytes = client.take_output();
        server.push(&mut &bytes[..], None);
        said[0].extend(bytes);
        let bytes = server.take_output();
        client.push(&mut &bytes[..], None);
        said[1].extend(bytes);
    }
    said[0].extend(client.take_output());
    said[1].extend(server.take_output());
    assert_eq!(said.each_ref().map(Vec::len), [3073; 2]);
    said
}

/// Set Chunk Size, to 4096.
const CHUNK: &[u8] = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x10\0";

/// Pieces of what the sides say, in the order of the capture; `None` is a hole.
type Piece<'a> = (Direction, Option<&'a [u8]>, u64);

/// The packets in the order in which they are told, with their times, and whether they echo and are signed.
fn told(pieces: &[Piece<'_>]) -> Vec<(&'static str, i64, Option<bool>, Option<bool>)> {
    let mut inspector = Inspector::new(Options::default(), Limits::default());
    let mut seen = Vec::new();
    let mut feed = |traffic: Traffic<'_>| {
        inspector.feed(&traffic, &mut |record| match record.event {
            Event::Handshake(handshake) => {
                let (echoes, valid) = match handshake.fields {
                    HandshakeFields::Two { echoes_peer, digest_valid, .. } => {
                        (echoes_peer, digest_valid)
                    }
                    _ => (None, None),
                };
                let packet = handshake.packet;
                seen.push((packet, record.place.at.unwrap(), echoes, valid));
            }
            Event::Message(message) => seen.push((message.kind.as_str(), 0, None, None)),
            Event::Finding(finding) => seen.push((finding.code, 0, None, None)),
            _ => {}
        });
    };
    let place = |n: usize| Place { at: Some(n as i64), ..Place::default() };
    let opened =
        Opened { client: None, server: None, from_start: true, transport: Transport::Rtmp };
    feed(Traffic::Opened { flow: 1, place: place(0), opened });
    for (n, (direction, data, length)) in pieces.iter().enumerate() {
        let (place, direction) = (place(n + 1), *direction);
        match data {
            Some(data) => feed(Traffic::Bytes { flow: 1, place, direction, data }),
            None => {
                let length = Some(*length);
                feed(Traffic::Gap { flow: 1, place, direction, length, cause: GapCause::Lost });
            }
        }
    }
    let (by, how) = (ClosedBy::Client, CloseKind::Fin);
    feed(Traffic::Closed { flow: 1, place: place(99), by, how });
    seen
}

#[test]
fn an_answer_is_told_with_what_it_answers_in_whatever_order_they_come() {
    let digest = Style::Digest { scheme: Scheme::One, version: 0x0102_0304 };
    for (style, echoes, valid) in [(Style::Simple, true, None), (digest, false, Some(true))] {
        let [client, server] = sides(style);
        let (client, server) = (&client[..], &server[..]);
        let (echoes, plain) = (Some(echoes), (None, None));
        let row = |name, at, (echoes, valid)| (name, at, echoes, valid);
        let answer = (echoes, valid);
        // The whole server ahead of the client.
        let seen = told(&[
            (S2C, Some(server), 0),
            (C2S, Some(&client[..1000]), 0),
            (C2S, Some(&client[1000..]), 0),
            (S2C, Some(CHUNK), 0),
            (C2S, Some(CHUNK), 0),
        ]);
        assert_eq!(
            seen,
            [
                row("s0", 1, plain),
                row("s1", 1, plain),
                row("c0", 2, plain),
                row("c1", 3, plain),
                row("s2", 1, answer),
                row("c2", 3, answer),
                row("set_chunk_size", 0, plain),
                row("set_chunk_size", 0, plain),
            ]
        );
        // The whole client ahead of the server.
        let seen = told(&[(C2S, Some(client), 0), (S2C, Some(server), 0), (C2S, Some(CHUNK), 0)]);
        let names = ["c0", "c1", "s0", "s1", "c2", "s2", "set_chunk_size"];
        assert_eq!(seen.iter().map(|row| row.0).collect::<Vec<_>>(), names);
        assert_eq!((seen[4].2, seen[4].3), answer);
        assert_eq!((seen[5].2, seen[5].3), answer);
        // What comes behind the handshake waits for nothing.
        let joined = [client, CHUNK].concat();
        for pieces in
            [&[(C2S, Some(&joined[..]), 0)][..], &[(C2S, Some(client), 0), (C2S, Some(CHUNK), 0)]]
        {
            let seen = told(&[pieces, &[(S2C, Some(server), 0), (S2C, Some(CHUNK), 0)]].concat());
            assert_eq!(seen[2], ("c2", 1, None, None));
            assert_eq!(seen[3].0, "set_chunk_size");
            assert_eq!(seen[6], row("s2", pieces.len() as i64 + 1, answer));
            assert_eq!(seen.len(), 8);
        }
        // Nothing else comes.
        assert_eq!(told(&[(C2S, Some(client), 0)])[2..], [("c2", 1, None, None)]);
        let seen = told(&[(C2S, Some(client), 0), (C2S, None, 5), (C2S, Some(CHUNK), 0)]);
        assert_eq!(seen[2], ("c2", 1, None, None));
        // Missing bytes are no proof that something is not an echo.
        for (at, which) in [(100, "s2"), (2000, "c2")] {
            let seen = told(&[
                (C2S, Some(&client[..at]), 0),
                (C2S, None, 50),
                (C2S, Some(&client[at + 50..]), 0),
                (S2C, Some(server), 0),
            ]);
            let found = seen.iter().find(|row| row.0 == which).unwrap();
            assert_eq!((found.2, found.3), plain, "{which}");
            assert!(!seen.iter().any(|row| row.0.starts_with("hs.unfinished")), "{seen:?}");
        }
    }
}
