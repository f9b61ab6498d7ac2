//! One session through a model of TCP on a network: segments of any size, late, twice, overlapping, lost, with numbers that
//! wrap, and every way to end. The records are those of the session, or those that its bytes still allow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod rig;

use std::collections::BTreeSet;

use rig::score::{Score, overlap};
use rig::{Conversation, Decoded, Event2, Layout, Message, Owned, Random};
use rtmpctl::inspect::Traffic;
use rtmpctl::proto::Direction;

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;
const ACK: u8 = 0x10;
const PSH: u8 = 0x18;
const FIN: u8 = 0x11;
const RST: u8 = 0x14;
/// The largest payload that a packet of IPv4 holds.
const LARGEST: usize = 65_535 - 40;

/// What both sides say, and who is saying it when.
struct Session {
    streams: [Vec<u8>; 2],
    /// So many bytes of that direction, in turn.
    turns: Vec<(Direction, usize)>,
}

impl Session {
    fn of(capture: &str) -> Self {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(capture);
        let mut it = Self { streams: Default::default(), turns: Vec::new() };
        for event in rig::joined(&rig::packets(&std::fs::read(path).unwrap())) {
            match event {
                Event2::Bytes { direction, data, .. } => {
                    it.streams[direction.index()].extend_from_slice(&data);
                    it.turns.push((direction, data.len()));
                }
                Event2::Other(Traffic::Gap { .. }) => panic!("{capture} lacks bytes"),
                Event2::Other(_) => {}
            }
        }
        assert!(it.turns.len() > 5, "{:?}", it.turns);
        it
    }

    fn small() -> Self {
        Self::of("network/whole.pcap")
    }

    fn length(&self, direction: Direction) -> usize {
        self.streams[direction.index()].len()
    }

    /// The session in segments of the sizes that `size` gives; the other side acknowledges each second one. Nobody
    /// closes it.
    fn segments(&self, mut size: impl FnMut() -> usize) -> Vec<Segment> {
        let mut out = Vec::new();
        let mut said = [0; 2];
        for &(direction, length) in &self.turns {
            let (own, other) = (direction.index(), direction.reverse().index());
            let end = said[own] + length;
            while said[own] < end {
                let at = said[own];
                said[own] = (at + size().clamp(1, LARGEST)).min(end);
                let bytes = self.streams[own][at..said[own]].to_vec();
                let acknowledged = said[other];
                out.push(Segment { direction, flags: PSH, at, bytes, acknowledged });
                if out.len() % 2 == 0 {
                    out.push(Segment {
                        direction: direction.reverse(),
                        flags: ACK,
                        at: said[other],
                        bytes: Vec::new(),
                        acknowledged: said[own],
                    });
                }
            }
        }
        out
    }

    /// The end of a side: a segment without data.
    fn end(&self, direction: Direction, flags: u8) -> Segment {
        Segment {
            direction,
            flags,
            at: self.length(direction),
            bytes: Vec::new(),
            acknowledged: self.length(direction.reverse()),
        }
    }

    /// The segments, and then both sides close.
    fn closed(&self, mut segments: Vec<Segment>) -> Vec<Segment> {
        segments.extend([self.end(C2S, FIN), self.end(S2C, FIN)]);
        segments
    }
}

/// A segment; places are those in the streams.
#[derive(Debug, Clone)]
struct Segment {
    direction: Direction,
    flags: u8,
    at: usize,
    bytes: Vec<u8>,
    acknowledged: usize,
}

impl Segment {
    fn end(&self) -> usize {
        self.at + self.bytes.len()
    }

    /// Its bytes `[from, to)`.
    fn part(&self, from: usize, to: usize) -> Self {
        Self { at: self.at + from, bytes: self.bytes[from..to].to_vec(), ..self.clone() }
    }
}

/// The segments as packets, behind SYN and SYN ACK. The sequence number of byte `wrap[n]` of direction `n` is 0.
fn packets(segments: &[Segment], wrap: [usize; 2]) -> Vec<Owned> {
    let mut it = Conversation::new(0);
    let mut now = [0_u32; 2];
    for segment in segments {
        let (own, other) = (segment.direction.index(), segment.direction.reverse().index());
        let mut to = [0; 2];
        to[own] = segment.at as u32;
        to[other] = segment.acknowledged as u32;
        for direction in Direction::BOTH {
            let n = direction.index();
            it.skip(direction, to[n].wrapping_sub(now[n]));
        }
        now = to;
        it.segment(segment.direction, segment.flags, &segment.bytes);
    }
    // The first bytes of a conversation have these numbers.
    let shift = [1001_u32, 5001].map(|first| 0_u32.wrapping_sub(first));
    let shift = [0, 1].map(|n| shift[n].wrapping_sub(wrap[n] as u32));
    for packet in &mut it.packets {
        let tcp = Layout::of(packet).unwrap().tcp;
        let own = usize::from(packet.data[tcp..tcp + 2] == [0x07, 0x8f]);
        for (at, n) in [(tcp + 4, own), (tcp + 8, 1 - own)] {
            let number = u32::from_be_bytes(packet.data[at..at + 4].try_into().unwrap());
            packet.data[at..at + 4].copy_from_slice(&number.wrapping_add(shift[n]).to_be_bytes());
        }
    }
    it.packets
}

/// What is said of a connection: the messages, and the JSON of each direction without what tells when it came.
struct Told {
    decoded: Decoded,
    records: [Vec<String>; 2],
}

impl Told {
    fn of(packets: &[Owned]) -> Self {
        let mut records = <[Vec<String>; 2]>::default();
        for line in rig::lines(&rig::joined(packets), &rig::unjudged(), || usize::MAX) {
            let mut record: serde_json::Value = serde_json::from_str(&line).unwrap();
            let direction = match record["direction"].as_str() {
                Some("c2s") => C2S,
                Some("s2c") => S2C,
                _ => continue,
            };
            record.as_object_mut().unwrap().remove("seq");
            // What rests on the other direction is unknown where that is late, and the number of another record is another.
            for about_the_other in ["digest", "echoes_peer"] {
                record.as_object_mut().unwrap().remove(about_the_other);
            }
            if let Some(command) = record.get_mut("command").and_then(|c| c.as_object_mut()) {
                command.remove("reply_to");
            }
            records[direction.index()].push(record.to_string());
        }
        Self { decoded: rig::decode(packets), records }
    }

    fn messages(&self, direction: Direction) -> Vec<&Message> {
        self.decoded.messages.iter().filter(|m| m.direction == direction).collect()
    }

    fn codes(&self) -> BTreeSet<&str> {
        self.decoded.findings.iter().filter_map(|f| f.split(':').next()).collect()
    }

    /// Nothing else is said than in `clean`, but for findings about the network.
    fn assert_same(&self, clean: &Self, what: &str) {
        for direction in Direction::BOTH {
            let (got, want) = (self.messages(direction), clean.messages(direction));
            for (got, want) in got.iter().zip(&want) {
                assert_eq!(got, want, "{what}");
            }
            assert_eq!(got.len(), want.len(), "{what}: {direction:?}");
            let n = direction.index();
            for (got, want) in self.records[n].iter().zip(&clean.records[n]) {
                assert_eq!(got, want, "{what}");
            }
            assert_eq!(self.records[n].len(), clean.records[n].len(), "{what}: {direction:?}");
        }
        assert!(self.decoded.gaps.is_empty(), "{what}: {:?}", self.decoded.gaps);
        let other: Vec<_> = self.codes().into_iter().filter(|c| !c.starts_with("tcp.")).collect();
        assert!(other.is_empty(), "{what}: {other:?}");
    }
}

/// The session as it is told when nothing happens to it.
fn clean(session: &Session) -> Told {
    let told = Told::of(&packets(&session.closed(session.segments(|| 1448)), [usize::MAX / 2; 2]));
    for direction in Direction::BOTH {
        assert!(told.messages(direction).len() > 3);
    }
    assert_eq!(told.codes(), BTreeSet::from(["tcp.round-trip"]));
    told
}

#[test]
fn segments_of_any_size_give_the_same_records() {
    for (capture, sizes) in [
        ("network/whole.pcap", &[1, 2, 3, 7, 11, 100, 536][..]),
        ("large-message.pcap", &[1448, 4099, 8192, 9000, 32_768, LARGEST]),
    ] {
        let session = Session::of(capture);
        let clean = clean(&session);
        for &size in sizes {
            let segments = session.closed(session.segments(|| size));
            let what = format!("{capture} in segments of {size}");
            Told::of(&packets(&segments, [5, 5])).assert_same(&clean, &what);
        }
        let mut random = Random(3);
        let most = sizes[sizes.len() - 1];
        let segments = session.closed(session.segments(|| 1 + random.below(most)));
        Told::of(&packets(&segments, [5, 5])).assert_same(&clean, capture);
    }
}

#[test]
fn sequence_numbers_may_wrap_anywhere() {
    let session = Session::small();
    let clean = clean(&session);
    let segments = session.closed(session.segments(|| 700));
    let mut random = Random(5);
    let places = (0..4)
        .chain([1400, 1536, 1537, 3072, 3073, 3074])
        .chain((0..20).map(|_| random.below(session.length(C2S))))
        .chain((0..3).map(|n| session.length(C2S) - n))
        .chain([session.length(C2S) + 1]);
    for at in places {
        let other = at % (session.length(S2C) + 2);
        Told::of(&packets(&segments, [at, other])).assert_same(&clean, &format!("wrap at {at}"));
    }
}

/// Segments in another order, none more than `window` places late; some twice, some as two that overlap, some again with
/// other borders. What comes first has the true bytes; where `lie`, what comes again has not.
fn disturb(segments: &[Segment], window: usize, lie: bool, random: &mut Random) -> Vec<Segment> {
    let mut placed: Vec<(usize, Segment)> = Vec::new();
    let again = |segment: Segment| {
        let mut segment = segment;
        if lie {
            segment.bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        }
        segment
    };
    for (index, segment) in segments.iter().enumerate() {
        let length = segment.bytes.len();
        let mut late = 2 * (index + random.below(window + 1));
        if length > 2 && random.below(4) == 0 {
            // Two that overlap.
            let (cut, more) = (1 + random.below(length - 1), random.below(length));
            placed.push((late, segment.part(0, cut)));
            let from = if lie { cut } else { cut.saturating_sub(more) };
            late = 2 * (index + random.below(window + 1));
            placed.push((late, segment.part(from, length)));
            // A liar is behind both.
            late = 2 * (index + window);
        } else {
            placed.push((late, segment.clone()));
        }
        if length > 0 && random.below(4) == 0 {
            let from = random.below(length);
            let to = from + 1 + random.below(length - from);
            placed.push((late + 1 + random.below(6), again(segment.part(from, to))));
        }
        if length > 0 && random.below(6) == 0 {
            placed.push((late + 1, again(segment.clone())));
        }
    }
    placed.sort_by_key(|(at, _)| *at);
    placed.into_iter().map(|(_, segment)| segment).collect()
}

#[test]
fn late_repeated_and_overlapping_segments_change_no_record() {
    let session = Session::small();
    let clean = clean(&session);
    for seed in 1..=60 {
        let mut random = Random(seed);
        let most = [20, 300, 1448, 8000][random.below(4)];
        let segments = session.segments(|| 1 + random.below(most));
        let window = random.below(8);
        let disturbed = session.closed(disturb(&segments, window, false, &mut random));
        let wrap = [C2S, S2C].map(|direction| random.below(session.length(direction)));
        let told = Told::of(&packets(&disturbed, wrap));
        told.assert_same(&clean, &format!("seed {seed}"));
        assert!(!told.codes().contains("tcp.overlap-differs"), "seed {seed}");
    }
}

#[test]
fn bytes_that_come_again_with_other_values_change_no_message_and_are_said() {
    let session = Session::small();
    let clean = clean(&session);
    for seed in 1..=40 {
        let mut random = Random(seed);
        let most = [20, 300, 1448][random.below(3)];
        let segments = session.segments(|| 1 + random.below(most));
        let window = random.below(6);
        let disturbed = session.closed(disturb(&segments, window, true, &mut random));
        let told = Told::of(&packets(&disturbed, [99, 77]));
        told.assert_same(&clean, &format!("seed {seed}"));
        assert!(told.codes().contains("tcp.overlap-differs"), "seed {seed}: {:?}", told.codes());
    }
}

#[test]
fn what_is_lost_and_sent_again_is_not_missing() {
    let session = Session::small();
    let clean = clean(&session);
    for seed in 1..=40 {
        let mut random = Random(seed);
        let most = [100, 700, 1448][random.below(3)];
        let mut segments = session.segments(|| 1 + random.below(most));
        for _ in 0..1 + random.below(6) {
            let from = random.below(segments.len());
            let to = (from + 1 + random.below(60)).min(segments.len() - 1);
            let lost = segments.remove(from);
            // Nobody acknowledges what has not come.
            for later in &mut segments[from..to] {
                if later.direction != lost.direction {
                    later.acknowledged = later.acknowledged.min(lost.at);
                }
            }
            segments.insert(to, lost);
        }
        let told = Told::of(&packets(&session.closed(segments), [7000, 2000]));
        told.assert_same(&clean, &format!("seed {seed}"));
    }
}

#[test]
fn what_is_lost_for_good_is_a_gap_and_the_rest_is_true_and_soon_in_step() {
    let session = Session::of("quickstart.pcap");
    let clean = clean(&session);
    let mut score = Score::default();
    for seed in 1..=60 {
        let mut random = Random(seed);
        let most = [200, 1448, 1448, 5000][random.below(4)];
        let mut segments = session.segments(|| most / 2 + random.below(most));
        let mut lost = Vec::new();
        for _ in 0..1 + random.below(4) {
            let from = 8 + random.below(segments.len() - 20);
            let many = 1 + random.below(3);
            lost.extend(segments.drain(from..from + many).filter(|s| !s.bytes.is_empty()));
        }
        let told = Told::of(&packets(&session.closed(segments), [50_000, 1]));
        let name = format!("seed {seed}");
        // The gaps are what was lost and nothing else.
        for direction in Direction::BOTH {
            let said = told.decoded.gaps.get(&(1, direction)).cloned().unwrap_or_default();
            let said: BTreeSet<u64> = said.iter().flat_map(|gap| gap.start..gap.end).collect();
            let lost: BTreeSet<u64> = lost
                .iter()
                .filter(|segment| segment.direction == direction)
                .flat_map(|segment| segment.at as u64..segment.end() as u64)
                .collect();
            assert_eq!(said, lost, "{name} {direction:?}");
        }
        score.judge(&name, &clean.decoded, &told.decoded);
        in_step(&name, &clean, &told);
    }
    println!("{} of {} ({:.2} %)", score.reported, score.present, 100.0 * score.share());
    assert_eq!(score.wrong, Vec::<String>::new());
    assert!(score.share() >= 0.95, "{:.4}", score.share());
}

/// Behind each gap a message is reported before two seconds of the stream or five messages have gone.
fn in_step(name: &str, clean: &Told, told: &Told) {
    for ((flow, direction), gaps) in &told.decoded.gaps {
        for gap in gaps {
            let next = gaps.iter().map(|g| g.start).filter(|start| *start > gap.end).min();
            let behind: Vec<&Message> = clean
                .messages(*direction)
                .into_iter()
                .filter(|m| m.span.start >= gap.end && next.is_none_or(|next| m.span.end <= next))
                .filter(|m| !gaps.iter().any(|gap| overlap(gap, &m.span)))
                .collect();
            let Some(first) = behind.first() else { continue };
            let reported = told.messages(*direction);
            let found = behind.iter().position(|m| {
                reported.iter().any(|r| r.flow == *flow && !r.damaged && r.span == m.span)
            });
            let found = found.unwrap_or(behind.len());
            let time = behind.get(found).or_else(|| behind.last()).unwrap().timestamp;
            assert!(
                found <= 5 || time.abs_diff(first.timestamp) <= 2000,
                "{name}: {gap:?}: {found} of {} messages later, {first:?}",
                behind.len()
            );
        }
    }
}

#[test]
fn however_a_connection_ends_all_of_its_messages_are_told() {
    let session = Session::small();
    let clean = clean(&session);
    let segments = || session.segments(|| 500);
    let end = |direction, flags| session.end(direction, flags);
    let plus = |more: &[Segment]| [segments(), more.to_vec()].concat();
    // FIN on the last data; before the last four segments; data behind the other side's FIN.
    let mut with_data = segments();
    for direction in Direction::BOTH {
        let last = with_data.iter_mut().rfind(|s| s.direction == direction && !s.bytes.is_empty());
        last.unwrap().flags = FIN | 8;
    }
    let early = |flags: u8, places: usize| {
        let mut early = segments();
        early.insert(early.len() - places, end(C2S, flags));
        early
    };
    // A RST in the middle that is none of the connection's: both sides go on.
    let foreign = |distance: isize| {
        let mut foreign = segments();
        let middle = foreign.len() / 2;
        let next = foreign[..middle].iter().rfind(|s| s.direction == C2S).unwrap().end();
        let mut reset = end(C2S, RST);
        reset.at = next.wrapping_add_signed(distance);
        foreign.insert(middle, reset);
        session.closed(foreign)
    };
    let mut half = segments();
    let last = half.iter().rposition(|s| s.direction == S2C && !s.bytes.is_empty()).unwrap();
    half.insert(last, end(C2S, FIN));
    let mut early_both = early(FIN, 4);
    early_both.insert(early_both.len() - 3, end(S2C, FIN));
    let fin_and = |direction, flags| plus(&[end(C2S, FIN), end(direction, flags)]);
    for (what, segments) in [
        ("never", segments()),
        ("the client only", plus(&[end(C2S, FIN)])),
        ("the server first", plus(&[end(S2C, FIN), end(C2S, FIN)])),
        ("FIN again and again", plus(&[(); 5].map(|()| end(C2S, FIN)))),
        ("FIN on data", with_data),
        ("FIN ahead of data", early(FIN, 4)),
        ("both ahead of data", early_both),
        ("data behind the other side's FIN", half),
        ("RST by the client", plus(&[end(C2S, RST)])),
        ("RST by the server", plus(&[end(S2C, RST)])),
        ("RST without ACK", plus(&[end(C2S, 4)])),
        ("RST far outside", foreign(5_000_000)),
        ("RST behind what came", foreign(-200_000)),
        ("RST a little behind what came", foreign(-300)),
        ("RST ahead of data", early(RST, 4)),
        ("RST far ahead of data", early(RST, 12)),
        ("RST twice", plus(&[end(C2S, RST), end(C2S, RST)])),
        ("FIN, then RST", fin_and(C2S, RST)),
        ("FIN, then RST by the other", fin_and(S2C, RST)),
        ("FIN, RST, FIN", plus(&[end(C2S, FIN), end(S2C, RST), end(S2C, FIN)])),
    ] {
        Told::of(&packets(&segments, [9000, 3000])).assert_same(&clean, what);
    }
}

#[test]
fn what_is_told_before_an_early_reset_is_true() {
    let session = Session::small();
    let clean = clean(&session);
    for places in [1, 5, 20] {
        let mut segments = session.segments(|| 500);
        segments.insert(segments.len() - places, session.end(C2S, RST));
        let told = Told::of(&packets(&segments, [9000, 3000]));
        for direction in Direction::BOTH {
            let (got, want) = (told.messages(direction), clean.messages(direction));
            assert!(got.len() > 3 && want.starts_with(&got), "{places}: {direction:?}");
        }
    }
}

#[test]
fn keep_alives_say_nothing() {
    let session = Session::small();
    let clean = clean(&session);
    // One octet of garbage or none, at the last number that was acknowledged (RFC 1122, section 4.2.3.6).
    for garbage in [&[][..], &[0]] {
        let mut segments = Vec::new();
        for segment in session.segments(|| 900) {
            if segment.bytes.is_empty() && segment.at > 0 {
                let mut alive = segment.clone();
                alive.at -= 1;
                alive.bytes = garbage.to_vec();
                segments.push(alive);
            }
            segments.push(segment);
        }
        let told = Told::of(&packets(&session.closed(segments), [9000, 3000]));
        told.assert_same(&clean, &format!("{garbage:?}"));
    }
}

#[test]
fn from_any_packet_on_the_messages_are_true_and_both_directions_are_read() {
    for capture in ["network/whole.pcap", "gst-rtmp2sink.pcap", "rtmpdump-play.pcap"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(capture);
        let packets = rig::packets(&std::fs::read(path).unwrap());
        let clean = Told::of(&packets);
        let server = clean.decoded.messages.iter().find(|m| m.direction == S2C).unwrap().flow;
        // Not the last packets: there is no whole message in them.
        for cut in (1..packets.len() * 3 / 4).filter(|cut| *cut < 12 || cut % 11 == 0) {
            let told = Told::of(&packets[cut..]);
            for direction in Direction::BOTH {
                let what = format!("{capture} from packet {cut}: {direction:?}");
                let mut want = clean.messages(direction).into_iter().filter(|m| m.flow == server);
                let got = told.messages(direction);
                for got in got.iter().filter(|m| !m.damaged) {
                    let same = |m: &&Message| {
                        (m.kind, m.length, m.hash) == (got.kind, got.length, got.hash)
                    };
                    assert!(want.any(|m| same(&m)), "{what}: {got:?} is made up or out of place");
                }
                if direction == C2S || capture.contains("play") {
                    assert!(
                        got.len() > 10 || direction == C2S && !got.is_empty() || cut > 20,
                        "{what}: {}",
                        got.len()
                    );
                }
            }
        }
    }
}
