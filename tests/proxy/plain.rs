//! Bytes through a proxy: all of them, in order, whatever they are; and how both sides end.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rtmpctl::inspect::{CloseKind, ClosedBy};
use sha2::{Digest, Sha256};
use socket2::SockRef;

use crate::rig::{
    Cut, DOWN, Rig, Setup, UP, Upstream, exchange, joined, noise, peer, read_exact, read_to_end,
};

/// Handshakes and chunks of one direction of a real session, from the captures at hand.
fn session(direction: &str) -> Vec<u8> {
    let path = format!("{}/testdata/quickstart-{direction}.raw", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

/// Streams that are valid, broken in the middle, and none at all, both ways.
fn streams() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let (up, down) = (session("c2s"), session("s2c"));
    let broken = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let noise = noise(7, 999);
        let at = bytes.len() / 2;
        bytes.splice(at..at + 10, noise);
        bytes
    };
    vec![
        ("valid", up.clone(), down.clone()),
        ("broken", broken(&up), broken(&down)),
        ("cut", up[..up.len() - 3].to_vec(), down[..2000].to_vec()),
        ("random", noise(1, 300_000), noise(2, 300_001)),
        ("http", b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        ("tls", vec![22, 3, 1, 0, 200], vec![21, 3, 3, 0, 2, 2, 40]),
        ("empty", Vec::new(), Vec::new()),
    ]
}

#[test]
fn both_directions_arrive_as_they_were_sent_whatever_they_are() {
    for (name, up, down) in streams() {
        for cut in Cut::ALL {
            let most = if matches!(cut, Cut::Bytes) { 20_000 } else { usize::MAX };
            let (up, down) = (&up[..up.len().min(most)], &down[..down.len().min(most)]);
            let (rig, client, server) = joined();
            let (at_server, at_client) = exchange(client, server, cut, up, down);
            let same = |got: &[u8], sent: &[u8]| Sha256::digest(got) == Sha256::digest(sent);
            assert!(same(&at_server, up), "{name} {cut:?}: {} of {}", at_server.len(), up.len());
            assert!(
                same(&at_client, down),
                "{name} {cut:?}: {} of {}",
                at_client.len(),
                down.len()
            );
            let told = rig.told(1);
            assert!(told.bytes[UP] == up && told.bytes[DOWN] == down, "{name} {cut:?}: told");
            let sides = told.sides.unwrap();
            assert_eq!(sides.forwarded, [up.len() as u64, down.len() as u64]);
            assert_eq!(sides.ends.map(|end| end.unwrap().how), [CloseKind::Fin; 2]);
            assert!(sides.upstream.unwrap().connect >= 0);
            assert!(told.findings.is_empty(), "{name} {cut:?}: {:?}", told.findings);
        }
    }
}

#[test]
fn much_goes_through_both_ways_at_once() {
    let (up, down) = (noise(3, 12 << 20), noise(4, 12 << 20));
    let (rig, client, server) = joined();
    let (at_server, at_client) = exchange(client, server, Cut::Whole, &up, &down);
    assert!(at_server == up && at_client == down);
    assert_eq!(rig.told(1).closed.unwrap().1, CloseKind::Fin);
}

/// Data after the end of the other direction, in both roles.
#[test]
fn either_side_may_end_what_it_sends_and_still_get_more() {
    for client_first in [true, false] {
        let (rig, client, server) = joined();
        let (mut early, mut late) = if client_first { (client, server) } else { (server, client) };
        early.write_all(b"last words").unwrap();
        early.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut late), b"last words");
        for n in 0..50_u8 {
            late.write_all(&[n; 1000]).unwrap();
            assert_eq!(read_exact(&mut early, 1000), [n; 1000]);
        }
        late.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&mut early), b"");
        let by = if client_first { ClosedBy::Client } else { ClosedBy::Server };
        assert_eq!(rig.told(1).closed, Some((by, CloseKind::Fin)));
    }
}

#[test]
fn nothing_is_lost_when_a_peer_closes_right_after_its_last_byte() {
    // What a peer does not read makes its system turn the close into a reset, which discards what was not sent.
    for (unread, size) in [(&b""[..], 3 << 20), (b"unread", 20_000)] {
        let data = noise(5, size);
        for server_closes in [true, false] {
            let (_rig, client, server) = joined();
            let (mut closes, mut reads) =
                if server_closes { (server, client) } else { (client, server) };
            reads.write_all(unread).unwrap();
            let data_sent = data.clone();
            let closing = std::thread::spawn(move || {
                closes.write_all(&data_sent).unwrap();
            });
            std::thread::sleep(Duration::from_millis(20));
            let mut got = Vec::new();
            let ended = reads.read_to_end(&mut got);
            assert_eq!(got.len(), data.len(), "{ended:?}");
            assert!(got == data);
            closing.join().unwrap();
        }
    }
}

#[test]
fn a_reset_arrives_as_a_reset() {
    for client_resets in [true, false] {
        for before in [&b""[..], b"some bytes"] {
            let (rig, client, server) = joined();
            let (mut resets, mut sees) =
                if client_resets { (client, server) } else { (server, client) };
            resets.write_all(before).unwrap();
            assert_eq!(read_exact(&mut sees, before.len()), before);
            SockRef::from(&resets).set_linger(Some(Duration::ZERO)).unwrap();
            drop(resets);
            let error = sees.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            let by = if client_resets { ClosedBy::Client } else { ClosedBy::Server };
            assert_eq!(rig.told(1).closed, Some((by, CloseKind::Rst)));
        }
    }
}

#[test]
fn who_sends_to_a_side_that_has_closed_is_heard_out_and_then_closed() {
    let (rig, mut client, server) = joined();
    client.write_all(b"begin").unwrap();
    let mut server = server;
    assert_eq!(read_exact(&mut server, 5), b"begin");
    server.write_all(b"enough").unwrap();
    drop(server);
    assert_eq!(read_to_end(&mut client), b"enough");
    // It does not stop although nobody is there.
    let begin = Instant::now();
    while client.write_all(&[0; 1000]).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = rig.told(1);
    assert_eq!(told.closed, Some((ClosedBy::Server, CloseKind::Fin)));
    assert!(told.finding("proxy.undelivered").contains("of the client"));
}

#[test]
fn a_peer_that_does_not_read_stops_the_sender() {
    let (rig, mut client, server) = joined();
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let block = vec![7; 64 << 10];
    let mut accepted = 0;
    loop {
        match client.write(&block) {
            Ok(n) => accepted += n,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
                break;
            }
        }
        assert!(accepted <= 16 << 20, "{accepted} bytes are accepted");
    }
    let told = rig.until(1, |told| !told.findings.is_empty());
    assert!(told.finding("proxy.stalled").contains("the server has taken nothing for 5 s"));
    let mut server = server;
    let mut got = 0;
    let reading = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(n @ 1..) = server.read(&mut buffer) {
            assert!(buffer[..n].iter().all(|byte| *byte == 7));
            got += n;
        }
        got
    });
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reading.join().unwrap(), accepted);
    let told = rig.told(1);
    let sides = told.sides.unwrap();
    // What of it the proxy itself holds is less than a buffer.
    assert!((1..=512 << 10).contains(&sides.queued[UP]), "{} bytes waited", sides.queued[UP]);
    assert!(sides.blocked[UP] > 100_000_000, "{} ns", sides.blocked[UP]);
}

#[test]
fn the_run_ends_in_the_middle_of_a_stream() {
    let (mut rig, mut client, mut server): (Rig, _, _) = joined();
    client.write_all(b"abc").unwrap();
    assert_eq!(read_exact(&mut server, 3), b"abc");
    let told = rig.stop(1);
    assert_eq!(told.closed, Some((ClosedBy::Rtmpctl, CloseKind::End)));
    assert_eq!(told.sides.unwrap().forwarded, [3, 0]);
    for stream in [&mut client, &mut server] {
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    }
}

#[test]
fn silence_on_both_sides_ends_a_connection_where_that_is_asked_for() {
    let upstream = Upstream::new();
    let mut setup = Setup::to(upstream.address());
    setup.idle = Some(Duration::from_secs(1));
    let rig = setup.start();
    let mut client = rig.connect();
    let mut server = upstream.accept();
    for _ in 0..15 {
        std::thread::sleep(Duration::from_millis(100));
        client.write_all(b"x").unwrap();
        read_exact(&mut server, 1);
    }
    let _ = client.read(&mut [0]);
    let told = rig.told(1);
    assert_eq!(told.closed, Some((ClosedBy::Rtmpctl, CloseKind::Timeout)));
    assert!(told.finding("proxy.timeout").contains("for 1 s"));
    drop(peer(rig.connect()));
}
