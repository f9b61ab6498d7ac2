//! What the network did to a connection is said at its end, and only where there is something to say.

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
use rtmpctl::inspect::{Event, Finding, Inspector, Options, Severity, Traffic};
use rtmpctl::proto::Direction;

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;

/// The findings of packets that come before the connection is closed.
fn findings(packets: &[Owned]) -> Vec<Finding> {
    let (mut found, mut closed) = (Vec::new(), false);
    rig::traffic(packets, &Limits::default(), &mut |traffic| match traffic {
        Traffic::Trouble { flow: Some(1), finding, .. } => {
            assert!(!closed, "{finding:?}");
            found.push(finding);
        }
        Traffic::Closed { .. } => closed = true,
        _ => {}
    });
    assert!(closed);
    found
}

/// Their codes and severities, without the round trip's.
fn codes(packets: &[Owned]) -> Vec<(&'static str, Severity)> {
    let found = findings(packets);
    assert_eq!(found.iter().filter(|finding| finding.code == "tcp.round-trip").count(), 1);
    found
        .iter()
        .filter(|finding| finding.code != "tcp.round-trip")
        .map(|finding| (finding.code, finding.severity))
        .collect()
}

/// A connection with so many segments of data that differ.
fn talk(segments: u8) -> Conversation {
    let mut it = Conversation::shaken(0);
    for n in 0..segments {
        it.send(C2S, &[n; 100]);
        it.segment(S2C, 0x10, &[]);
    }
    it
}

/// Sends the last segment once more, with other bytes or the same.
fn again(it: &mut Conversation, byte: u8) {
    it.skip(C2S, 100u32.wrapping_neg());
    it.send(C2S, &[byte; 100]);
}

#[test]
fn of_a_clean_connection_only_the_round_trip_is_said() {
    let found = findings(&talk(150).packets);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].message,
        "the round trip takes 2.000 ms: 1.000 ms from the capture to the server and back (SYN to SYN-ACK), 1.000 ms \
         from the capture to the client and back (SYN-ACK to ACK)"
    );
    let without_syn = &talk(3).packets[1..];
    assert_eq!(findings(without_syn), []);
}

#[test]
fn retransmissions_are_a_warning_from_one_in_a_hundred_on() {
    let mut it = talk(150);
    again(&mut it, 149);
    assert_eq!(codes(&it.packets), [("tcp.retransmissions", Severity::Info)]);
    again(&mut it, 149);
    assert_eq!(codes(&it.packets), [("tcp.retransmissions", Severity::Warning)]);
    let few = &mut talk(10);
    again(few, 9);
    assert_eq!(codes(&few.packets), [("tcp.retransmissions", Severity::Info)]);
}

#[test]
fn other_bytes_in_a_retransmission_are_said_once_with_their_place() {
    let mut it = talk(10);
    again(&mut it, 77);
    again(&mut it, 78);
    let found = findings(&it.packets);
    let differs: Vec<_> = found.iter().filter(|f| f.code == "tcp.overlap-differs").collect();
    assert_eq!(differs.len(), 1);
    assert_eq!(
        differs[0].message,
        "c2s repeats bytes that came before with other values, 2 times and in ranges of 200 bytes in all, first at \
         byte 3973; what came first is what is decoded"
    );
}

#[test]
fn packets_that_the_capture_has_twice_are_no_retransmissions() {
    let mut packets = talk(50).packets;
    packets = packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
    // A SYN that came twice leaves the round trip open.
    packets.remove(0);
    packets.remove(1);
    let found = codes(&packets);
    assert_eq!(found[0], ("tcp.duplicates", Severity::Info));
    assert!(found.iter().all(|(code, _)| *code == "tcp.duplicates"), "{found:?}");
}

#[test]
fn order_is_said_where_the_capture_has_it_wrong() {
    let mut packets = talk(50).packets;
    let last = packets.len() - 1;
    packets.swap(last - 1, last - 3);
    assert_eq!(codes(&packets), [("tcp.out-of-order", Severity::Info)]);
}

#[test]
fn a_closed_window_is_said_with_its_time() {
    for (milliseconds, severity) in [(900, Severity::Info), (1100, Severity::Warning)] {
        let mut packets = talk(10).packets;
        let at = packets.len() - 3;
        packets[at].data[48..50].fill(0);
        for later in &mut packets[at + 1..] {
            later.time = later.time.map(|time| time + milliseconds * 1_000_000);
        }
        assert_eq!(codes(&packets), [("tcp.zero-window", severity)]);
    }
}

#[test]
fn a_reset_is_said_unless_a_side_has_closed_before() {
    let mut it = talk(3);
    it.segment(S2C, 0x14, &[]);
    let found = findings(&it.packets);
    assert_eq!(
        found[0].message,
        "the server reset the connection (RST) before either side had closed it"
    );
    let mut it = talk(3);
    it.segment(C2S, 0x11, &[]);
    it.skip(C2S, 1);
    it.segment(S2C, 0x14, &[]);
    assert_eq!(codes(&it.packets), []);
}

/// How the connection of that number ends: its last record's time, and how long it took.
fn ends(packets: &[Owned]) -> Vec<(u64, Option<i64>, Option<i64>)> {
    let mut ends = Vec::new();
    let mut inspector = Inspector::new(Options::default(), Limits::default());
    rig::traffic(packets, &Limits::default(), &mut |traffic| {
        inspector.feed(&traffic, &mut |record| match record.event {
            Event::Closed(_) => {
                assert_eq!(record.place.at, packets[record.place.frame.unwrap() as usize - 1].time);
                ends.push((record.place.frame.unwrap(), record.elapsed, None));
            }
            Event::Summary(summary) => ends.last_mut().unwrap().2 = summary.duration,
            _ => {}
        });
    });
    ends
}

#[test]
fn a_connection_ends_with_its_own_last_packet() {
    let mut packets = talk(2).packets;
    let (last, until) = (packets.len() as u64, packets.last().unwrap().time);
    let took = until.zip(packets[0].time).map(|(until, since)| until - since);
    let years = 15 * 365 * 86_400_000_000_000;
    let mut later = Conversation::shaken(1).packets;
    for packet in &mut later {
        packet.time = packet.time.map(|time| time + years);
    }
    packets.extend(later);
    assert_eq!(ends(&packets)[0], (last, took, took));

    // So it does where its ends are in use again.
    let mut packets = talk(2).packets;
    let mut reused = Conversation::shaken(0).packets;
    for packet in &mut reused {
        packet.time = packet.time.map(|time| time + years);
        let initial = packet.data[38] ^ 0x40;
        packet.data[38] = initial;
    }
    packets.extend(reused);
    assert_eq!(ends(&packets)[0], (last, took, took));
}

/// A packet in two fragments, which have the bytes from `from` to `until` of the segment both; in the second they differ.
fn fragments(packet: &Owned, from: usize, until: usize) -> [Owned; 2] {
    let part = |begin: usize, end: usize, more: bool| {
        let mut data = packet.data[..34].to_vec();
        data.extend(&packet.data[34 + begin..34 + end]);
        data[16..18].copy_from_slice(&((20 + end - begin) as u16).to_be_bytes());
        data[18..20].copy_from_slice(&77u16.to_be_bytes());
        let place = (begin / 8) as u16 | if more { 0x2000 } else { 0 };
        data[20..22].copy_from_slice(&place.to_be_bytes());
        Owned { data, ..packet.clone() }
    };
    let mut second = part(from, packet.data.len() - 34, false);
    second.data[34..34 + until - from].fill(0xee);
    [part(0, until, true), second]
}

#[test]
fn fragments_that_contradict_each_other_are_said_and_the_first_bytes_win() {
    let whole = talk(10).packets;
    let bytes = |packets: &[Owned]| {
        let mut bytes = Vec::new();
        rig::traffic(packets, &Limits::default(), &mut |traffic| {
            if let Traffic::Bytes { direction: C2S, data, .. } = traffic {
                bytes.extend_from_slice(data);
            }
        });
        bytes
    };
    for (from, until, said) in [(40, 40, false), (40, 48, true), (8, 104, true)] {
        let mut packets = whole.clone();
        let at = packets.len() - 2;
        let last = packets.remove(at);
        packets.splice(at..at, fragments(&last, from, until));
        assert_eq!(bytes(&packets), bytes(&whole), "{from} {until}");
        let found = findings(&packets);
        let differ: Vec<_> = found.iter().filter(|f| f.code == "ip.fragments-differ").collect();
        assert_eq!(differ.len(), usize::from(said), "{found:?}");
        for finding in differ {
            let length = until - from;
            assert_eq!(
                finding.message,
                format!(
                    "c2s has IP fragments that repeat bytes with other values, in 1 of its segments and in ranges of \
                     {length} bytes in all; what came first is what is decoded"
                )
            );
        }
    }
}

#[test]
fn a_device_that_begins_again_with_the_same_numbers_is_another_connection() {
    let first = Conversation::shaken(0).packets;
    for (seconds, connections) in [(0, 1), (2, 1), (4, 2), (100_000, 2)] {
        let mut packets = first.clone();
        let again = first.iter().map(|packet| {
            let later = |time| time + seconds * 1_000_000_000;
            Owned { time: packet.time.map(later), ..packet.clone() }
        });
        packets.extend(again);
        let mut opened = 0;
        rig::traffic(&packets, &Limits::default(), &mut |traffic| {
            opened += usize::from(matches!(traffic, Traffic::Opened { .. }));
        });
        assert_eq!(opened, connections, "{seconds}");
    }
    // A SYN that nobody answers is sent again and again.
    let mut syns = vec![first[0].clone(); 5];
    for (n, syn) in (0..).zip(&mut syns) {
        syn.time = syn.time.map(|time| time + n * 8_000_000_000);
    }
    let mut opened = 0;
    rig::traffic(&syns, &Limits::default(), &mut |traffic| {
        opened += usize::from(matches!(traffic, Traffic::Opened { .. }));
    });
    assert_eq!(opened, 1);
}
