//! TLS on RTMP's port that is not decrypted.

use rtmpctl::capture::Choice;

use super::rig::{Conversation, Owned};
use super::wire::{C2S, RST, S2C, Told, keys, packets, say, told, told_with, turns};

/// One connection of RTMPS with one finding, and nothing of what it would be as plain RTMP.
#[track_caller]
fn assert_one(told: &Told, code: &str, words: &[&str]) {
    told.check();
    let events: Vec<&str> = told
        .0
        .iter()
        .filter(|record| !record["code"].as_str().is_some_and(|code| code.starts_with("tcp.")))
        .map(|record| record["event"].as_str().unwrap())
        .collect();
    let findings = told.findings();
    assert_eq!(
        events,
        ["connection_opened", "finding", "connection_closed", "summary"],
        "{findings:?}"
    );
    assert_eq!(told.codes(), [code], "{findings:?}");
    for word in words {
        assert!(findings[0].contains(word), "{word}: {findings:?}");
    }
}

#[test]
fn without_keys_one_finding_says_what_it_is_and_what_it_takes() {
    for (name, words) in [
        (
            "rtmps-tls13",
            &["TLS 1.3 with TLS_AES_256_GCM_SHA384", "server name localhost", "--key-log"][..],
        ),
        (
            "rtmps-tls12-gcm",
            &[
                "TLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "no server name",
                "--key-log",
            ],
        ),
        ("rtmps-hello-retry", &["TLS 1.3 with TLS_AES_128_GCM_SHA256", "--key-log"]),
        ("rtmps-key-update", &["TLS 1.3", "--key-log"]),
        ("rtmpts", &["TLS 1.3", "--key-log"]),
    ] {
        for step in [1, 100, 1400] {
            let told = told(&packets(1935, 1, &turns(name), step), &[]);
            assert_one(&told, "tls.no-keys", words);
            assert_eq!(told.opened(), [(1, "rtmps".to_owned())], "{name}");
        }
        // Keys are awaited, and those of another session given.
        let packets = packets(1935, 1, &turns(name), 1400);
        let choice = || Choice { key_log: true, ..Choice::default() };
        assert_one(&told_with(&packets, &[], choice()), "tls.no-keys", words);
        let other =
            keys(if name == "rtmps-key-update" { "rtmps-tls13" } else { "rtmps-key-update" });
        assert_one(&told_with(&packets, &[(0, &other)], choice()), "tls.no-keys", words);
    }
}

#[test]
fn however_it_ends_there_is_one_finding() {
    let turns = turns("rtmps-tls13");
    for cut in [2, 4, 6, 20] {
        let whole = say(Conversation::new(1), &turns[..cut], 1400);
        assert_one(&told(&whole.packets, &[]), "tls.no-keys", &["TLS 1.3", "--key-log"]);
        for by in [C2S, S2C] {
            let mut reset = whole.clone();
            reset.segment(by, RST, &[]);
            let told = told(&reset.packets, &[]);
            assert_one(&told, "tls.no-keys", &["TLS 1.3", "--key-log"]);
            let closed = told.events("connection_closed").next().unwrap();
            assert_eq!(closed["how"], "rst");
        }
    }
}

/// The packets behind the first `n`, without their SYNs.
fn from_the_middle(packets: &[Owned], n: usize) -> &[Owned] {
    &packets[n..]
}

#[test]
fn from_the_middle_there_is_one_finding() {
    for name in ["rtmps-tls13", "rtmps-tls12-cbc", "rtmps-tls12-gcm"] {
        let turns = turns(name);
        // Whole turns, so that records begin where the capture does; the hello is not in it.
        for from in [1, 2, 3, 4, 7, 12] {
            let turns = &turns[from..];
            let sent = packets(1935, 1, turns, 1400);
            let told = told(from_the_middle(&sent, 2), &[]);
            if from == 1 {
                // The ServerHello is there, which says what it is; and with its keys it is read.
                assert_one(
                    &told,
                    "tls.no-keys",
                    &["TLS 1.", " with TLS_", "ClientHello", "--key-log"],
                );
                assert_eq!(told.opened(), [(1, "rtmps".to_owned())], "{name}");
                continue;
            }
            assert_one(&told, "tls.no-keys", &["begins inside a TLS connection"]);
            assert_eq!(told.opened(), [(1, "rtmps".to_owned())], "{name} from {from}");
            // With its keys there is as little to say.
            assert_eq!(
                super::wire::told(from_the_middle(&sent, 2), &keys(name)).findings(),
                told.findings()
            );
        }
    }
}

/// Where a capture begins inside a record, the headers behind it show what it is.
#[test]
fn from_the_middle_of_a_record_there_is_one_finding_too() {
    for name in ["rtmps-tls13", "rtmps-tls12-cbc"] {
        let sent = packets(1935, 1, &turns(name), 700);
        for from in [5, 9, 10, 11, 12, 13, 20, 30] {
            let told = told(from_the_middle(&sent, from), &[]);
            assert_one(&told, "tls.no-keys", &["begins inside a TLS connection"]);
        }
    }
    // Records of the largest size, of which three take a while.
    let mut large = Conversation::new(1);
    large.packets.clear();
    let mut random = super::rig::Random(7);
    for _ in 0..6 {
        let mut record = vec![23, 3, 3, 0x40, 0x11];
        record.extend((0..0x4011).map(|_| random.next() as u8));
        large.send(C2S, &record);
        large.segment(S2C, 0x10, &[]);
    }
    for from in 1..13 {
        let told = told(&large.packets[from..], &[]);
        assert_one(&told, "tls.no-keys", &["begins inside a TLS connection"]);
    }
}

#[test]
fn a_hello_lost_in_a_gap_is_said_once() {
    let turns = turns("rtmps-tls13");
    for (side, keys) in
        [(C2S, &b""[..]), (S2C, b""), (C2S, &keys("rtmps-tls13")), (S2C, &keys("rtmps-tls13"))]
    {
        // The first segment of that side is not in the capture.
        let mut sent = packets(1935, 1, &turns, 400);
        let first = sent.iter().position(|p| {
            let layout = super::rig::Layout::of(p).unwrap();
            let own = p.data[layout.tcp..layout.tcp + 2] == 1935u16.to_be_bytes();
            layout.length() > 0 && own == (side == S2C)
        });
        sent.remove(first.unwrap());
        let told = told(&sent, keys);
        told.check();
        let codes: Vec<_> = told.codes();
        assert!(codes.len() <= 3, "{side:?}: {:#?}", told.findings());
        assert!(told.events("gap").count() <= 2, "{side:?}: {:#?}", told.0);
        println!("{side:?}: {:#?}", told.findings());
        // With its keys, what the hello said shows in what follows.
        let code = if keys.is_empty() { "tls.no-keys" } else { "tls.decrypted" };
        assert!(codes.iter().any(|it| it == code), "{side:?}: {:#?}", told.findings());
        if !keys.is_empty() {
            let whole = super::wire::told(&packets(1935, 1, &turns, 400), keys);
            let (got, want) = (told.content(1), whole.content(1));
            assert_eq!(got[0], want[0], "{side:?}: {:#?}", told.findings());
            assert_eq!(got[1], want[1], "{side:?}: {:#?}", told.findings());
        }
    }
}
