//! Many connections of what is not RTMP.

use std::time::{Duration, Instant};

use super::rig::Conversation;
use super::rig::Owned;
use super::wire::{C2S, FIN, S2C, Turns, packets, say, told, turns};

/// A session of TLS 1.3 and some records in it.
fn session() -> Turns {
    turns("rtmps-tls13").into_iter().take(12).collect()
}

fn many(port: u16, n: u32) -> Vec<Owned> {
    let session = session();
    (0..n).flat_map(|n| packets(port, n, &session, 1400)).collect()
}

#[test]
fn tls_on_other_ports_is_one_finding_where_there_is_nothing_else() {
    let mut packets = many(443, 10_000);
    let began = Instant::now();
    let alone = told(&packets, &[]);
    let took = began.elapsed();
    println!("{} packets in {took:?}", packets.len());
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(alone.opened(), []);
    let findings = alone.findings();
    assert_eq!(alone.codes(), ["tls.no-keys"], "{findings:?}");
    for word in ["10000 TCP connections", "the first 10.0.0.0:10000", "TLS 1.3", "--key-log"] {
        assert!(findings[0].contains(word), "{word}: {findings:?}");
    }

    // Behind them there is RTMP.
    let mut plain = Conversation::shaken(20_000);
    plain.segment(C2S, FIN, &[]);
    packets.extend(plain.packets);
    let with = told(&packets, &[]);
    with.check();
    assert_eq!(with.opened(), [(1, "rtmp".to_owned())]);
    assert!(!with.codes().contains(&"tls.no-keys".to_owned()), "{:?}", with.findings());
}

/// None of them closes, so that they are remembered all at once; and none is held more of than is needed to know it.
#[test]
fn open_at_once_they_are_let_go_once_they_are_known() {
    let session = session();
    let mut packets = Vec::new();
    for n in 0..3000 {
        packets.extend(say(Conversation::on(443, n), &session, 1400).packets);
    }
    let told = told(&packets, &[]);
    assert_eq!(told.codes(), ["tls.no-keys"], "{:?}", told.findings());
    assert!(told.findings()[0].contains("3000 TCP connections"), "{:?}", told.findings());
}

/// On the port of RTMP each is a connection with its finding.
#[test]
fn on_the_port_of_rtmp_each_is_told_of() {
    let told = told(&many(1935, 300), &[]);
    told.check();
    assert_eq!(told.opened().len(), 300);
    // One finding each, whatever the limit for the same finding in one connection is.
    assert_eq!(told.codes().iter().filter(|code| *code == "tls.no-keys").count(), 300);
    assert_eq!(told.content(1)[S2C.index()], <[String; 0]>::default());
}
