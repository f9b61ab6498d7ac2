//! Captures of one direction of a TLS connection: the other one's hello is not in them, and only the right secrets open a
//! record.

use rtmpctl::capture::Choice;

use super::rig::{Conversation, Layout, Owned};
use super::wire::{C2S, S2C, Told, keys, packets, told, told_with, turns};

/// What the server sent, or the client.
fn of_server(packets: &[Owned], server: bool) -> Vec<Owned> {
    let own = |packet: &&Owned| {
        let layout = Layout::of(packet).unwrap();
        let port = &packet.data[layout.tcp..layout.tcp + 2];
        (port != 443u16.to_be_bytes() && port != 1935u16.to_be_bytes()) != server
    };
    packets.iter().filter(own).cloned().collect()
}

/// That the one direction carries what it does where both are there.
#[track_caller]
fn assert_side(told: &Told, whole: &Told, side: usize, what: &str) {
    told.check();
    let (got, want) = (told.content(1), whole.content(1));
    // What refers to the other direction is another matter.
    assert!(want[side].len() > 3, "{what}");
    assert_eq!(got[side], want[side], "{what}: {:#?}", told.findings());
    assert_eq!(told.opened(), [(1, "rtmps".to_owned())], "{what}");
    let codes = told.codes();
    assert!(codes.contains(&"tls.decrypted".to_owned()), "{what}: {codes:?}");
    assert!(!codes.contains(&"tls.no-keys".to_owned()), "{what}: {codes:?}");
}

#[test]
fn with_keys_the_side_that_is_there_is_read() {
    let others: Vec<u8> = ["rtmps-resumed", "rtmps-tls12-cbc", "rtmps-secrets", "rtmpts"]
        .iter()
        .flat_map(|name| keys(name))
        .collect();
    for (name, sides) in [
        ("rtmps-tls13", &[0, 1][..]),
        ("rtmps-tls13-chacha", &[0, 1]),
        ("rtmps-key-update", &[0, 1]),
        ("rtmps-hello-retry", &[0, 1]),
        // Before TLS 1.3 the keys are made of what both sides said first; of the client's part there is a list.
        ("rtmps-tls12-gcm", &[1]),
        ("rtmps-tls12-chacha", &[1]),
        ("rtmps-tls12-cbc-mac-first", &[1]),
    ] {
        let all = [others.clone(), keys(name), others.clone()].concat();
        for port in [443, 1935] {
            let sent = packets(port, 1, &turns(name), 1400);
            let whole = told_with(&sent, &[(0, &all)], Choice::default());
            for &side in sides {
                let part = of_server(&sent, side == 1);
                let what = format!("{name} on {port}, side {side}");
                assert_side(
                    &told_with(&part, &[(0, &all)], Choice::default()),
                    &whole,
                    side,
                    &what,
                );
                // Without the SYN, and with secrets that come behind the packets.
                let choice = Choice { key_log: true, ..Choice::default() };
                let late = told_with(&part[1..], &[(part.len() - 1, &all)], choice);
                assert_side(&late, &whole, side, &what);
            }
        }
    }
}

#[test]
fn without_them_one_finding_says_what_it_takes() {
    for (name, side, words) in [
        (
            "rtmps-tls13",
            C2S,
            &["the client speaks TLS", "--key-log", "CLIENT_HANDSHAKE_TRAFFIC_SECRET"][..],
        ),
        ("rtmps-tls13", S2C, &["TLS 1.3 with TLS_AES_256_GCM_SHA384", "--key-log", "ClientHello"]),
        ("rtmps-tls12-gcm", S2C, &["TLS 1.2 with", "--key-log", "ClientHello"]),
        ("rtmps-tls12-gcm", C2S, &["what the server said is not in the capture"]),
    ] {
        let sent = packets(1935, 1, &turns(name), 1400);
        for keys in [Vec::new(), keys("rtmps-key-update")] {
            let told = told(&of_server(&sent, side == S2C), &keys);
            told.check();
            let findings = told.findings();
            assert_eq!(told.codes(), ["tls.no-keys"], "{name} {side:?}: {findings:?}");
            for word in words {
                assert!(findings[0].contains(word), "{word}: {findings:?}");
            }
        }
    }
}

/// The ServerHello may come behind what the client went on with, where a capture has its packets in another order.
#[test]
fn a_hello_that_comes_late_is_read_where_it_comes() {
    for name in ["rtmps-tls13", "rtmps-tls13-chacha", "rtmps-hello-retry"] {
        let turns = turns(name);
        let mut late = Conversation::new(1);
        for direction in [C2S, S2C] {
            for (_, bytes) in turns.iter().filter(|(own, _)| *own == direction) {
                late.send_by(direction, bytes, 1400);
            }
        }
        let whole = told(&packets(1935, 1, &turns, 1400), &keys(name));
        let told = told(&late.packets, &keys(name));
        told.check();
        assert_eq!(told.content(1), whole.content(1), "{name}: {:#?}", told.findings());
    }
}
