//! Damaged captures of what is carried: they end, what is told is told whole, and what is told of TLS is true.

use std::collections::HashSet;

use rtmpctl::capture::Choice;

use super::rig::{Layout, Owned, Random};
use super::wire::{Told, keys, recorded, told, told_with};

const NAMES: [&str; 8] = [
    "rtmps-tls13",
    "rtmps-resumed",
    "rtmps-tls12-cbc",
    "rtmps-tls12-cbc-mac-first",
    "rtmpt-publish",
    "rtmpt-close",
    "rtmpt-play",
    "rtmpts",
];

/// Packets without some, with some twice, late, or in another order altogether; never with other bytes.
fn disturbed(packets: &[Owned], random: &mut Random) -> Vec<Owned> {
    let mut out: Vec<Owned> = packets.to_vec();
    let at = random.below(out.len());
    match random.below(6) {
        0 => drop(out.drain(at..(at + 1 + random.below(5)).min(packets.len()))),
        1 => out.retain(|_| random.below(20) > 0),
        2 => {
            for _ in 0..20 {
                let (from, to) = (random.below(packets.len()), random.below(out.len()));
                out.insert(to, packets[from].clone());
            }
        }
        3 => {
            for _ in 0..20 {
                let from = random.below(out.len() - 8);
                let to = from + random.below(8);
                out.swap(from, to);
            }
        }
        4 => out.truncate(at),
        _ => drop(out.drain(..at)),
    }
    out
}

/// The same with other bytes, in the payload or ahead of it.
fn corrupted(packets: &[Owned], random: &mut Random) -> Vec<Owned> {
    let mut out = disturbed(packets, random);
    if out.is_empty() {
        return out;
    }
    for _ in 0..1 + random.below(30) {
        let packet = random.below(out.len());
        let Some(layout) = Layout::of(&out[packet]) else { continue };
        let (from, to) = match random.below(5) {
            0 => (layout.tcp + 4, layout.tcp + 20),
            _ if layout.length() > 0 => (layout.payload, layout.end),
            _ => continue,
        };
        let at = from + random.below(to - from);
        if at != layout.tcp + 12 {
            out[packet].data[at] = random.next() as u8;
        }
    }
    out
}

/// What a message is, wherever it was.
fn messages(told: &Told) -> impl Iterator<Item = (String, bool)> {
    told.events("message").filter(|m| m["damaged"].is_null()).map(|m| {
        let what = format!("{} {} {} {}", m["direction"], m["kind"], m["length"], m["payload"]);
        let certain = m["timestamp_uncertain"] != true;
        (if certain { format!("{what} {}", m["timestamp"]) } else { what }, certain)
    })
}

#[test]
fn whatever_is_lost_or_late_no_message_is_invented() {
    for name in NAMES {
        let (packets, keys) = (recorded(name), keys(name));
        let truth: HashSet<String> = messages(&told(&packets, &keys))
            .flat_map(|(what, _)| {
                let without = what.rsplit_once(' ').unwrap().0.to_owned();
                [what, without]
            })
            .collect();
        assert!(truth.len() > 40, "{name}");
        let mut random = Random(3);
        let mut seen = 0;
        for n in 0..40 {
            let told = told(&disturbed(&packets, &mut random), &keys);
            told.check_each();
            for (message, _) in messages(&told) {
                assert!(
                    truth.contains(&message),
                    "{name} {n}: {}",
                    &message[..60.min(message.len())]
                );
                seen += 1;
            }
        }
        println!("{name}: {seen} messages");
        assert!(seen > 200, "{name}: {seen}");
    }
}

#[test]
fn damaged_bytes_and_the_secrets_of_others_end_in_whole_records() {
    for name in NAMES {
        let packets = recorded(name);
        let (own, other) = (keys(name), keys("rtmps-key-update"));
        let mut random = Random(5);
        for n in 0..40 {
            let damaged = corrupted(&packets, &mut random);
            let keys = if n % 8 == 0 { &other } else { &own };
            let at = if n % 3 == 0 { damaged.len() } else { 0 };
            let ports = if n % 4 == 0 { vec![443, 80, 8081] } else { Vec::new() };
            let choice = Choice { ports, all: n % 10 == 0, key_log: n % 2 == 0 };
            told_with(&damaged, &[(at, keys)], choice).check_each();
        }
    }
}
