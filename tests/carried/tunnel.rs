//! RTMPT in whole captures: numbers and order of connections, sessions side by side, and HTTP that is none.

use rtmpctl::Limits;
use rtmpctl::capture::{Captures, Choice, file::Reader};

use super::rig::{self, Conversation, Owned};
use super::wire::{
    C2S, FIN, S2C, Turns, interleaved, keys, packets, recorded, streams, told, turns,
};

/// The streams of a session over plain RTMP.
fn plain() -> Turns {
    streams(&rig::packets(include_bytes!("../../testdata/network/whole.pcap"))).swap_remove(0)
}

#[test]
fn on_the_port_of_rtmp_it_is_the_connection_that_it_is() {
    for name in ["rtmpt-publish", "rtmpt-close", "rtmpt-connections", "rtmpt-play"] {
        let recorded = recorded(name);
        let clean = told(&recorded, &[]);
        assert_eq!(clean.opened(), [(1, "rtmpt".to_owned())]);
        for port in [80, 1935] {
            let sent: Vec<Owned> = streams(&recorded)
                .iter()
                .zip(0..)
                .flat_map(|(turns, n)| packets(port, n, turns, 1400))
                .collect();
            let told = told(&sent, &[]);
            told.check();
            assert_eq!(told.opened(), clean.opened(), "{name} on {port}");
            told.assert_carries(1, &clean, 1, &format!("{name} on {port}"));
        }
    }
}

/// The SYNs of all come first, then what they carry: their numbers are those of their SYNs, whatever they turn out to be.
#[test]
fn connections_are_numbered_as_they_appear() {
    let (tunnel, plain) = (turns("rtmpt-publish"), plain());
    let secure = turns("rtmps-tls13");
    let kinds = [(&plain, "rtmp"), (&tunnel, "rtmpt"), (&secure, "rtmps"), (&tunnel, "rtmpt")];
    for rotated in 0..kinds.len() {
        let mut kinds = kinds;
        kinds.rotate_left(rotated);
        let mut connections: Vec<Vec<Owned>> = Vec::new();
        for (turns, n) in kinds.map(|(turns, _)| turns).into_iter().zip(0..) {
            // Two sessions with one id would be one, on one server.
            let turns = renamed(turns, n);
            connections.push(packets(1935, n, &turns, 1400));
        }
        let mut opened = told(&interleaved(&connections), &keys("rtmps-tls13"));
        opened.check();
        opened.0.retain(|record| record["event"] == "connection_opened");
        let mut by_number = opened.opened();
        by_number.sort();
        let want: Vec<(u64, String)> =
            (1..).zip(kinds.map(|(_, transport)| transport.to_owned())).collect();
        assert_eq!(by_number, want);
    }
}

/// The turns of an RTMPT session, whose id is another one of the same length.
fn renamed(turns: &Turns, n: u32) -> Turns {
    let answer = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let opened = turns
        .iter()
        .find(|(direction, bytes)| *direction == S2C && answer(bytes).starts_with("HTTP/1.1 200"));
    let Some((_, bytes)) = opened else { return turns.clone() };
    let text = answer(bytes);
    let id = text.split("\r\n\r\n").nth(1).unwrap().trim().to_owned();
    assert!(id.len() > 3 && id.is_ascii(), "{id:?}");
    let other = format!("{n}{}", &id[1..]);
    turns
        .iter()
        .map(|(direction, bytes)| {
            let mut bytes = bytes.clone();
            for at in 0..bytes.len().saturating_sub(id.len()) {
                if bytes[at..].starts_with(id.as_bytes()) {
                    bytes[at..at + id.len()].copy_from_slice(other.as_bytes());
                }
            }
            (*direction, bytes)
        })
        .collect()
}

#[test]
fn sessions_at_once_are_connections_of_their_own() {
    let recorded = recorded("rtmpt-publish");
    let clean = told(&recorded, &[]);
    let turns = turns("rtmpt-publish");
    for port in [80, 1935] {
        let both = [0, 1].map(|n| packets(port, n, &renamed(&turns, n), 1400));
        let told = told(&interleaved(&both), &[]);
        told.check();
        assert_eq!(told.opened().len(), 2);
        for n in [1, 2] {
            told.assert_carries(n, &clean, 1, &format!("session {n} on {port}"));
        }
    }
}

/// Requests of one session on connections that open while plain ones do: what they do not need others get, but for the last.
#[test]
fn connections_that_only_go_on_with_a_session_take_no_numbers() {
    let tunnels = streams(&recorded("rtmpt-close"));
    let plain = plain();
    let mut sent = Vec::new();
    for (turns, n) in tunnels.iter().zip((0..).step_by(2)) {
        // A plain connection appears between the SYN of the tunnel's and its first byte.
        let mut tunnel = packets(1935, n, turns, 1400).into_iter();
        sent.extend(tunnel.by_ref().take(2));
        let mut beside = packets(1935, n + 1, &plain[..20], 1400).into_iter();
        sent.extend(beside.by_ref().take(3));
        sent.extend(tunnel);
        sent.extend(beside);
    }
    let told = told(&sent, &[]);
    let numbers = told.check_each();
    let largest = numbers.iter().copied().max().unwrap();
    assert!(largest <= numbers.len() as u64 + 1, "{numbers:?}");
    let tunnelled = told.opened().iter().filter(|(_, transport)| transport == "rtmpt").count();
    assert_eq!((tunnelled, told.opened().len()), (1, 1 + tunnels.len()));
}

#[test]
fn inside_of_tls_it_is_the_same() {
    let keys = keys("rtmpts");
    let turns = turns("rtmpts");
    let clean = told(&recorded("rtmpts"), &keys);
    for port in [443, 1935] {
        for step in [1, 1400] {
            let told = told(&packets(port, 1, &turns, step), &keys);
            told.check();
            assert_eq!(told.opened(), [(1, "rtmpts".to_owned())]);
            told.assert_carries(1, &clean, 1, &format!("on {port} by {step}"));
            assert_eq!(told.codes(), ["tls.decrypted", "rtmpt.polling"]);
        }
    }
}

/// How many connections on that port are told of where a client sends `request`, and which findings there are.
fn heard(port: u16, request: &str) -> (usize, Vec<String>) {
    let mut it = Conversation::on(port, 1);
    it.send(C2S, request.as_bytes());
    it.send(S2C, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    it.segment(C2S, FIN, &[]);
    it.skip(C2S, 1);
    it.segment(S2C, FIN, &[]);
    let told = told(&it.packets, &[]);
    told.check();
    // What is not told of is counted.
    let mut captures = Captures::new(Choice::default(), &Limits::default());
    let file = rig::file(&it.packets);
    let mut reader = Reader::new(&file[..]).unwrap();
    while let Some(item) = reader.next().unwrap() {
        captures.item(&item, None, &mut |_| {});
    }
    captures.finish(&mut |_| {});
    let other = captures.counts().flows.other_connections;
    assert_eq!(other, 1 - told.opened().len() as u64, "{request}");
    (told.opened().len(), told.codes())
}

#[test]
fn http_that_is_no_rtmpt_is_counted_and_on_the_port_of_rtmp_said() {
    for (line, rest) in [
        ("POST /opening HTTP/1.1", "Content-Length: 1\r\n\r\nx"),
        ("POST /open HTTP/1.1", "Content-Length: 1\r\n\r\nx"),
        ("POST /send HTTP/1.1", "Content-Length: 1\r\n\r\nx"),
        ("POST /send/7 HTTP/1.1", "Content-Length: 1\r\n\r\nx"),
        ("POST /send/7/x HTTP/1.1", "Content-Length: 1\r\n\r\nx"),
        (
            "POST /send/7/1 HTTP/1.1",
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        ),
        ("POST /open/1 HTTP/1.1", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"),
        ("POST /api/open/1 HTTP/1.1", "Content-Length: 2\r\n\r\n{}"),
        ("GET /open/1 HTTP/1.1", "Host: h\r\n\r\n"),
        ("GET / HTTP/1.1", "Host: h\r\n\r\n"),
    ] {
        let request = format!("{line}\r\n{rest}");
        assert_eq!(heard(80, &request), (0, Vec::new()), "{line}");
        let (connections, codes) = heard(1935, &request);
        assert_eq!(connections, 1, "{line}");
        assert!(codes.iter().any(|code| code == "hs.http-on-rtmp"), "{line}: {codes:?}");
        assert!(!codes.iter().any(|code| code.starts_with("rtmpt.")), "{line}: {codes:?}");
    }
}

/// Cut anywhere, also inside a body or an answer: the next request shows what it is.
#[test]
fn from_the_middle_it_goes_on_with_the_next_request() {
    for (name, port) in [("rtmpt-publish", 80), ("rtmpt-play", 80), ("rtmpt-publish", 1935)] {
        let sent = packets(port, 1, &turns(name), 300);
        let whole = told(&packets(1935, 1, &turns(name), 300), &[]);
        let all = whole.content(1);
        let total = sent.len();
        for from in [5, 7, 8, 12, 20, 21, 22, 23, 40, total / 3, total / 2] {
            let told = told(&sent[from..], &[]);
            told.check();
            assert_eq!(told.opened(), [(1, "rtmpt".to_owned())], "{name} {port} from {from}");
            let [c2s, s2c] = told.content(1);
            // All of what comes behind the next request, in the same order; and nothing else.
            for (got, all) in [(&c2s, &all[0]), (&s2c, &all[1])] {
                let mut rest = all.iter();
                for one in got {
                    assert!(rest.any(|it| alike(it, one)), "{name} {port} from {from}: {one}");
                }
            }
            if from <= 23 {
                let least = [all[0].len(), all[1].len()].map(|all| all - 3);
                assert!(
                    c2s.len() >= least[0] && s2c.len() >= least[1],
                    "{name} {port} from {from}"
                );
            }
        }
    }
}

/// Whether a message is that one of the whole session, whose offsets count from elsewhere.
fn alike(whole: &str, part: &str) -> bool {
    let bare = |text: &str| {
        let mut record: serde_json::Value = serde_json::from_str(text).unwrap();
        for field in ["offset", "end", "timestamp", "timestamp_uncertain"] {
            record.as_object_mut().unwrap().remove(field);
        }
        record
    };
    bare(whole) == bare(part)
}
