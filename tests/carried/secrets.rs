//! Secrets that come late, are wrong, or are those of some of the connections.

use rtmpctl::Limits;
use rtmpctl::capture::Choice;
use serde_json::Value;

use super::rig::Owned;
use super::wire::{
    C2S, S2C, Told, interleaved, keys, packets, recorded, told, told_with, told_within, turns,
};

const NAMES: [&str; 5] = [
    "rtmps-tls13",
    "rtmps-tls12-cbc",
    "rtmps-tls12-chacha",
    "rtmps-key-update",
    "rtmps-hello-retry",
];

fn awaited() -> Choice {
    Choice { key_log: true, ..Choice::default() }
}

fn places(told: &Told) -> Vec<(Value, Value, Value)> {
    told.0
        .iter()
        .filter(|record| record["event"] == "message" || record["event"] == "handshake")
        .map(|record| {
            (record["direction"].clone(), record["time"].clone(), record["frame"].clone())
        })
        .collect()
}

/// The places of one direction, in order.
fn of(places: &[(Value, Value, Value)], direction: &str) -> Vec<(Value, Value, Value)> {
    places.iter().filter(|place| place.0 == direction).cloned().collect()
}

#[test]
fn whenever_they_come_the_records_are_those_of_their_packets() {
    for name in NAMES {
        let keys = keys(name);
        for port in [443, 1935] {
            let sent = packets(port, 1, &turns(name), 1400);
            let clean = told(&sent, &keys);
            clean.check();
            assert!(clean.events("message").count() > 10, "{name}");
            for at in [3, 5, 8, sent.len() / 2, sent.len() - 1, sent.len()] {
                let what = format!("{name} on {port}, secrets ahead of packet {at}");
                let late = told_with(&sent, &[(at, &keys)], awaited());
                late.check();
                late.assert_carries(1, &clean, 1, &what);
                for direction in ["c2s", "s2c"] {
                    let (got, want) =
                        (of(&places(&late), direction), of(&places(&clean), direction));
                    assert_eq!(got, want, "{what}");
                }
                assert_eq!(late.codes(), clean.codes(), "{what}");
                assert_eq!(late.opened(), clean.opened(), "{what}");
                let open = |told: &Told| told.events("connection_opened").next().unwrap().clone();
                assert_eq!(open(&late)["time"], open(&clean)["time"], "{what}");
            }
        }
    }
}

/// Line by line, and cut inside of lines.
#[test]
fn they_may_come_in_pieces() {
    let (name, keys) = ("rtmps-tls13", keys("rtmps-tls13"));
    let sent = packets(1935, 1, &turns(name), 1400);
    let clean = told(&sent, &keys);
    for cut in [1, 20, 100, keys.len() / 2, keys.len() - 1] {
        let pieces = [(0, &keys[..cut]), (sent.len() / 2, &keys[cut..])];
        told_with(&sent, &pieces, awaited()).assert_carries(1, &clean, 1, &format!("cut at {cut}"));
    }
}

/// The secrets of a pcapng file behind its packets.
#[test]
fn a_block_behind_the_packets_is_as_good_as_one_ahead() {
    let path = format!("{}/testdata/carried/rtmps-secrets.pcapng", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read(path).unwrap();
    let mut blocks = Vec::new();
    let mut rest = &file[..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let (block, behind) = rest.split_at(length);
        blocks.push(block);
        rest = behind;
    }
    let at = blocks.iter().position(|block| block[..4] == 10u32.to_le_bytes()).unwrap();
    let count = |blocks: &[&[u8]]| {
        let limits = Limits::default();
        let file = blocks.concat();
        let mut reader = rtmpctl::capture::file::Reader::new(&file[..]).unwrap();
        let mut captures = rtmpctl::capture::Captures::new(Choice::default(), &limits);
        let mut bytes = [0; 2];
        let mut out = |traffic: rtmpctl::inspect::Traffic<'_>| {
            if let rtmpctl::inspect::Traffic::Bytes { direction, data, .. } = traffic {
                bytes[direction.index()] += data.len();
            }
        };
        while let Some(item) = reader.next().unwrap() {
            captures.item(&item, None, &mut out);
        }
        captures.finish(&mut out);
        bytes
    };
    let ahead = count(&blocks);
    assert!(ahead[0] > 20_000 && ahead[1] > 3_000, "{ahead:?}");
    let secrets = blocks.remove(at);
    assert_eq!(count(&blocks), [0, 0]);
    for to in [blocks.len() / 2, blocks.len()] {
        let mut moved = blocks.clone();
        moved.insert(to, secrets);
        assert_eq!(count(&moved), ahead, "block {to}");
    }
}

/// A secret of the right name with another value.
#[test]
fn wrong_secrets_are_said_to_be_wrong_and_make_no_records() {
    for name in NAMES {
        let log = String::from_utf8(keys(name)).unwrap();
        let wrong: String = log
            .lines()
            .map(|line| match line.rsplit_once(' ') {
                Some((names, secret)) if !line.starts_with('#') => {
                    format!("{names} {}\n", "5a".repeat(secret.len() / 2))
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let told = told(&packets(1935, 1, &turns(name), 1400), wrong.as_bytes());
        told.check();
        assert_eq!(told.codes(), ["tls.no-keys"], "{name}: {:?}", told.findings());
        assert_eq!((told.events("message").count(), told.events("gap").count()), (0, 0), "{name}");
        // On another port it is nothing to tell of.
        let quiet = super::wire::told(&packets(443, 1, &turns(name), 1400), wrong.as_bytes());
        assert_eq!(quiet.opened(), []);
    }
}

#[test]
fn secrets_of_one_of_two_connections_read_that_one() {
    let names = ["rtmps-tls13", "rtmps-tls12-cbc"];
    for (known, name) in names.iter().enumerate() {
        let both: Vec<Vec<Owned>> =
            names.iter().zip(1..).map(|(name, n)| packets(1935, n, &turns(name), 1400)).collect();
        let told = told(&interleaved(&both), &keys(name));
        told.check();
        assert_eq!(told.opened().len(), 2);
        let clean = super::wire::told(&both[known], &keys(name));
        told.assert_carries(known as u64 + 1, &clean, 1, name);
        let unread = 2 - known as u64;
        assert_eq!(told.content(unread), <[Vec<String>; 2]>::default());
        let mut codes = told.codes();
        codes.sort();
        assert_eq!(codes, ["tls.decrypted", "tls.no-keys"]);
    }
}

/// A resumed session has secrets of its own.
#[test]
fn two_connections_of_a_log_are_both_read() {
    let told = told(&recorded("rtmps-resumed"), &keys("rtmps-resumed"));
    told.check();
    assert_eq!(told.codes(), ["tls.decrypted", "tls.decrypted"]);
    assert!(told.content(1)[C2S.index()].len() > 10);
    assert!(told.content(2)[S2C.index()].len() > 10);
}

/// Connections that are over wait for their secrets, as many as there is room for.
#[test]
fn of_many_that_are_over_the_first_are_given_up() {
    let recorded = turns("rtmps-tls13");
    let keys = keys("rtmps-tls13");
    for (others, found) in [(Limits::TLS_LATE as u32 - 1, true), (Limits::TLS_LATE as u32, false)] {
        let mut sent = packets(443, 1, &recorded, 1400);
        for n in 0..others {
            // Another hello, and so another name for its secrets.
            let mut short: Vec<_> = recorded[..2].to_vec();
            short[0].1[11..15].copy_from_slice(&n.to_be_bytes());
            sent.extend(packets(443, n + 2, &short, 1400));
        }
        let told = told_with(&sent, &[(sent.len(), &keys)], awaited());
        told.check();
        assert_eq!(told.opened().len(), usize::from(found), "{others}");
    }
}

/// What they hold is limited too.
#[test]
fn of_large_ones_that_are_over_the_first_are_given_up() {
    let recorded = turns("rtmps-tls13");
    let keys = keys("rtmps-tls13");
    let sent = [packets(443, 1, &recorded, 1400), packets(443, 2, &recorded, 1400)].concat();
    let read = |tls_total| {
        let limits = Limits { tls_total, ..Limits::default() };
        told_within(&sent, &[(sent.len(), &keys)], awaited(), &limits).opened().len()
    };
    let held: usize = recorded.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!((read(held / 2), read(3 * held), read(6 * held)), (0, 1, 2));
}

/// What others hold for want of secrets costs nobody whose secrets are there.
#[test]
fn others_that_wait_cost_nobody() {
    let recorded = turns("rtmps-tls13");
    let keys = keys("rtmps-tls13");
    let good = packets(443, 1, &recorded, 1400);
    let whole = told(&good, &keys);
    let others = turns("rtmps-key-update");
    let mut sent = good[..8].to_vec();
    for n in 2..20 {
        let mut one = packets(1935, n, &others, 1400);
        one.truncate(one.len() - 2);
        sent.extend(one);
    }
    sent.extend_from_slice(&good[8..]);
    for tls_total in [100_000, 200_000, 1 << 24] {
        let limits = Limits { tls_total, ..Limits::default() };
        let all = told_within(&sent, &[(0, &keys)], awaited(), &limits);
        all.check();
        let n = all
            .events("connection_opened")
            .find(|it| it["server"].as_str().unwrap().ends_with(":443"));
        let n = n.unwrap()["connection"].as_u64().unwrap();
        all.assert_carries(n, &whole, 1, &format!("{tls_total}"));
        let given_up = all.findings().iter().filter(|it| it.contains("tls_total")).count();
        assert_eq!(given_up > 0, tls_total < 1 << 24, "{tls_total}: {:#?}", all.findings());
    }
}
