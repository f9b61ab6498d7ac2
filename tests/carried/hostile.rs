//! Hostile TLS and HTTP: decoding ends in time, and says little.

use std::time::{Duration, Instant};

use super::rig::{Conversation, Owned, Random};
use super::wire::{C2S, S2C, Told, keys, told, turns};

/// A record of application data that says it has so many bytes, with some of them.
fn record(length: u16, bytes: usize, random: &mut Random) -> Vec<u8> {
    let mut out = vec![0x17, 3, 3];
    out.extend(length.to_be_bytes());
    out.extend(std::iter::repeat_with(|| random.next() as u8).take(bytes));
    out
}

fn timed(what: &str, packets: &[Owned], keys: &[u8]) -> Told {
    let began = Instant::now();
    let told = told(packets, keys);
    let took = began.elapsed();
    println!("{what}: {} packets, {} records, {took:?}", packets.len(), told.0.len());
    assert!(took < Duration::from_secs(20), "{what}: {took:?}");
    told.check_each();
    told
}

#[test]
fn tls_of_partial_records() {
    let (turns, keys) = (turns("rtmps-tls13"), keys("rtmps-tls13"));
    let mut random = Random(9);
    for port in [443, 1935] {
        let mut packets = Vec::new();
        for n in 0..500 {
            let mut it = Conversation::on(port, n);
            let mut hello = turns[0].1.clone();
            if n > 0 {
                // All have the secrets of the first one, or none.
                hello[11] ^= (n % 2) as u8;
            }
            it.send(C2S, &hello);
            it.send(S2C, &turns[1].1);
            for _ in 0..4 {
                it.send(C2S, &record(16_000, 700, &mut random));
                it.send(S2C, &record(200, 200, &mut random));
            }
            packets.extend(it.packets);
        }
        for keys in [&b""[..], &keys] {
            let told = timed("partial records", &packets, keys);
            let most = if port == 443 { 1 } else { 500 };
            assert!(told.codes().len() <= most, "{:?}", &told.findings()[..3]);
            assert_eq!(told.events("message").count(), 0);
        }
    }
}

/// Behind each hole records are searched for, and none can be decrypted.
#[test]
fn tls_full_of_holes() {
    let (turns, keys) = (turns("rtmps-tls13"), keys("rtmps-tls13"));
    let mut random = Random(10);
    let mut it = Conversation::new(1);
    for (direction, bytes) in &turns[..8] {
        it.send(*direction, bytes);
    }
    for n in 0..3000 {
        it.skip(C2S, 1);
        it.send(C2S, &record(if n % 2 == 0 { 16_000 } else { 50 }, 60, &mut random));
        it.segment(S2C, 0x10, &[]);
    }
    for keys in [&b""[..], &keys] {
        assert!(timed("holes", &it.packets, keys).findings().len() <= 25);
    }
}

#[test]
fn http_without_end() {
    let mut heads = Vec::new();
    for n in 0..300 {
        let mut it = Conversation::on(80, n);
        let head = format!("POST /send/{n}/1 HTTP/1.1\r\nX: {}", "x".repeat(15_000));
        it.send(C2S, head.as_bytes());
        heads.extend(it.packets);
    }
    assert_eq!(timed("heads", &heads, b"").findings(), <[String; 0]>::default());

    for (what, chunks) in
        [("chunks", "1\r\nx\r\n".repeat(100_000)), ("extension", "1;".repeat(500_000))]
    {
        let mut it = Conversation::on(80, 1);
        it.send(C2S, b"POST /send/7/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        it.send_by(C2S, chunks.as_bytes(), 60_000);
        assert!(timed(what, &it.packets, b"").findings().len() <= 5, "{what}");
    }
}

#[test]
fn many_openings() {
    let open = b"POST /open/1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n\0";
    let mut one = Conversation::on(80, 1);
    for _ in 0..100_000 {
        one.send(C2S, open);
    }
    assert_eq!(timed("unanswered", &one.packets, b"").opened(), []);

    let mut packets = Vec::new();
    for n in 0..20_000 {
        let mut it = Conversation::on(80, n);
        it.send(C2S, open);
        packets.extend(it.packets);
    }
    assert_eq!(timed("connections", &packets, b"").opened(), []);

    // Each answered one is a connection; those silent longest are given up.
    let mut answered = Conversation::on(80, 1);
    for n in 0..6000 {
        answered.send(C2S, open);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{n:05}");
        answered.send(S2C, answer.as_bytes());
    }
    let told = timed("answered", &answered.packets, b"");
    told.check();
    assert_eq!(told.opened().len(), 6000);
}
