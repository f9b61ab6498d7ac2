use super::*;
use crate::Limits;
use crate::capture::file::{Item, Reader};
use crate::capture::{Captures, Choice, Counts};
use crate::inspect::{Event, Inspector, Opened, Options, Place, Transport};
use crate::proto::amf::{Encoder, Value};
use crate::proto::chunk::{Outgoing, Writer};
use crate::proto::handshake::{Peer, RANDOM_LEN, Side as Role, Style};
use proptest::prelude::*;

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;
const BEGAN: i64 = 1_700_000_000_123_456_789;

/// Traffic that owns its bytes.
#[derive(Debug, Clone)]
enum Step {
    Opened(FlowId, SocketAddr, SocketAddr, bool),
    Bytes(FlowId, Direction, Vec<u8>),
    Gap(FlowId, Direction, Option<u64>, GapCause),
    Ended(FlowId, Direction),
    Closed(FlowId, ClosedBy, CloseKind),
}

/// What happens, a microsecond and a bit from step to step. As in a capture, a gap shows when the bytes behind it come,
/// and the end of the capture is where its last packet is.
fn each(steps: &[Step], timed: bool, mut act: impl FnMut(&Traffic<'_>)) {
    let mut now = BEGAN;
    for step in steps {
        let later = now + 1_001;
        let at = match step {
            Step::Gap(..) => later,
            Step::Closed(_, ClosedBy::CaptureEnd, _) => now,
            _ => {
                now = later;
                now
            }
        };
        let place = Place { at: timed.then_some(at), ..Place::default() };
        act(&match *step {
            Step::Opened(flow, client, server, from_start) => {
                let (client, server) = (Some(client), Some(server));
                let transport = Transport::Rtmp;
                let opened = Opened { client, server, from_start, transport };
                Traffic::Opened { flow, place, opened }
            }
            Step::Bytes(flow, direction, ref data) => {
                Traffic::Bytes { flow, place, direction, data }
            }
            Step::Gap(flow, direction, length, cause) => {
                Traffic::Gap { flow, place, direction, length, cause }
            }
            Step::Ended(flow, direction) => Traffic::Ended { flow, place, direction },
            Step::Closed(flow, by, how) => Traffic::Closed { flow, place, by, how },
        });
    }
}

/// Writes down everything that records say, but for the frame and the file, and the payload with it.
struct Witness {
    inspector: Inspector,
    seen: Vec<String>,
}

impl Witness {
    fn new() -> Self {
        let options = Options { chunks: true, whole_media: true, ..Options::default() };
        Self { inspector: Inspector::new(options, Limits::default()), seen: Vec::new() }
    }

    fn feed(&mut self, traffic: &Traffic<'_>) {
        let seen = &mut self.seen;
        self.inspector.feed(traffic, &mut |record| {
            let mut record = *record;
            record.place.frame = None;
            let mut summary;
            if let Event::Summary(said) = record.event {
                summary = said.clone();
                summary.findings_list.iter_mut().for_each(|listed| listed.place.frame = None);
                record.event = Event::Summary(&summary);
            }
            record.place.file = None;
            let shown = match record.event {
                Event::Message(message) => format!("{message:?}"),
                Event::Finding(finding) => format!("{finding:?}"),
                Event::Summary(summary) => format!("{summary:?}"),
                other => format!("{other:?}"),
            };
            seen.push(format!(
                "{} {:?} {:?} {:?} {:?} {:?} {shown}",
                record.seq,
                record.connection,
                record.direction,
                record.place.at,
                record.elapsed,
                record.span
            ));
        });
    }
}

fn record(steps: &[Step], timed: bool) -> Vec<u8> {
    let mut recorder = Recorder::new(Vec::new()).unwrap();
    each(steps, timed, |traffic| recorder.traffic(traffic).unwrap());
    recorder.finish().unwrap()
}

/// The records of the traffic, and those of its recording.
fn both(steps: &[Step], timed: bool) -> (Vec<String>, Vec<String>) {
    let mut original = Witness::new();
    each(steps, timed, |traffic| original.feed(traffic));
    (original.seen, decode(&record(steps, timed)))
}

fn decode(file: &[u8]) -> Vec<String> {
    let mut again = Witness::new();
    let counts = read(file, |traffic| again.feed(traffic));
    assert_eq!((counts.malformed, counts.flows.other_segments), (0, 0));
    again.seen
}

/// The traffic in a capture, but for what is said of its network: that of a recording is made up.
fn read(file: &[u8], mut act: impl FnMut(&Traffic<'_>)) -> Counts {
    let mut captures = Captures::new(Choice::default(), &Limits::default());
    let mut hand_on = |traffic: Traffic<'_>| match &traffic {
        Traffic::Trouble { finding, .. } if finding.code.starts_with("tcp.") => {}
        traffic => act(traffic),
    };
    let mut reader = Reader::new(file).unwrap();
    while let Some(item) = reader.next().unwrap() {
        captures.item(&item, None, &mut hand_on);
    }
    captures.finish(&mut hand_on);
    captures.counts()
}

fn assert_same(steps: &[Step]) {
    let (original, again) = both(steps, true);
    for (a, b) in original.iter().zip(&again) {
        assert_eq!(a, b);
    }
    assert_eq!(original.len(), again.len());
}

fn ends(v6: bool) -> (SocketAddr, SocketAddr) {
    if v6 {
        ("[2001:db8::1]:40000".parse().unwrap(), "[2001:db8::2]:1935".parse().unwrap())
    } else {
        ("192.0.2.1:40000".parse().unwrap(), "198.51.100.2:1935".parse().unwrap())
    }
}

/// Both sides' handshake bytes.
fn handshakes() -> [Vec<u8>; 2] {
    let mut client = Peer::new(Role::Client, Style::Simple, 7, &[1; RANDOM_LEN]);
    let mut server = Peer::new(Role::Server, Style::Simple, 9, &[2; RANDOM_LEN]);
    let mut sent = [Vec::new(), Vec::new()];
    while !(client.is_done() && server.is_done()) {
        let bytes = client.take_output();
        server.push(&mut &bytes[..], None);
        sent[0].extend(bytes);
        let bytes = server.take_output();
        client.push(&mut &bytes[..], None);
        sent[1].extend(bytes);
    }
    sent[0].extend(client.take_output());
    sent
}

/// A session as an encoder has it, one step a message.
struct Script {
    flow: FlowId,
    writers: [Writer; 2],
    steps: Vec<Step>,
}

impl Script {
    fn new(flow: FlowId, (client, server): (SocketAddr, SocketAddr)) -> Self {
        let mut script = Self {
            flow,
            writers: [Writer::new(), Writer::new()],
            steps: vec![Step::Opened(flow, client, server, true)],
        };
        let [c, s] = handshakes();
        script.bytes(C2S, &c[..1537]);
        script.bytes(S2C, &s);
        script.bytes(C2S, &c[1537..]);
        script.message(C2S, 20, 0, 0, &amf(&["connect", "live"]));
        script.message(S2C, 5, 0, 0, &2_500_000u32.to_be_bytes());
        script.message(S2C, 20, 0, 0, &amf(&["_result", "ok"]));
        script.message(C2S, 1, 0, 0, &4096u32.to_be_bytes());
        script.message(C2S, 20, 1, 0, &amf(&["publish", "key"]));
        script.message(C2S, 18, 1, 0, &amf(&["@setDataFrame", "onMetaData"]));
        script
    }

    fn bytes(&mut self, direction: Direction, data: &[u8]) {
        self.steps.push(Step::Bytes(self.flow, direction, data.to_vec()));
    }

    fn encode(
        &mut self,
        direction: Direction,
        (type_id, stream, timestamp): (u8, u32, u32),
        payload: &[u8],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let message = Outgoing {
            chunk_stream_id: if stream == 0 { 3 } else { 4 + u32::from(type_id) },
            message_stream_id: stream,
            type_id,
            timestamp,
            payload,
        };
        self.writers[direction.index()].write(&message, &mut out);
        out
    }

    fn message(&mut self, direction: Direction, type_id: u8, stream: u32, time: u32, body: &[u8]) {
        let data = self.encode(direction, (type_id, stream, time), body);
        self.bytes(direction, &data);
    }

    fn video(&mut self, time: u32, length: usize) {
        self.message(C2S, 9, 1, time, &video(time as u8, length));
    }

    /// A video message of which `hole` bytes are missing.
    fn torn(&mut self, time: u32, length: usize, hole: usize, cause: GapCause) {
        let data = self.encode(C2S, (9, 1, time), &video(time as u8, length));
        self.bytes(C2S, &data[..100]);
        self.steps.push(Step::Gap(self.flow, C2S, Some(hole as u64), cause));
        self.bytes(C2S, &data[100 + hole..]);
    }

    fn close(mut self, by: ClosedBy, how: CloseKind) -> Vec<Step> {
        self.steps.push(Step::Closed(self.flow, by, how));
        self.steps
    }
}

fn amf(texts: &[&str; 2]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut out = Vec::new();
    let [name, argument] = texts.map(|text| Value::String(text.into()));
    for value in [name, Value::Number(1.0), Value::Null, argument] {
        encoder.amf0(&value, &mut out);
    }
    out
}

fn video(n: u8, length: usize) -> Vec<u8> {
    let mut payload = vec![0x27, 1, 0, 0, 0];
    payload.extend((0..length).map(|i| (i as u8).wrapping_mul(n | 1)));
    payload
}

#[test]
fn a_session_reads_as_it_was_over_both_kinds_of_ip_and_however_it_ends() {
    use ClosedBy::{CaptureEnd, Client, Server};
    for v6 in [false, true] {
        for (by, how) in [
            (Client, CloseKind::Fin),
            (Server, CloseKind::Fin),
            (Client, CloseKind::Rst),
            (Server, CloseKind::Rst),
            (CaptureEnd, CloseKind::End),
        ] {
            let mut script = Script::new(1, ends(v6));
            for time in 0..4 {
                script.video(time * 40, 5000);
                script.message(C2S, 8, 1, time * 40 + 1, &[0xaf, 1, time as u8]);
            }
            // Several segments, and timestamps that need four bytes.
            script.video(0x0100_0000, 200_000);
            script.message(S2C, 3, 0, 0, &200_000u32.to_be_bytes());
            assert_same(&script.close(by, how));
        }
    }
}

#[test]
fn a_direction_that_ends_first_reads_so() {
    let mut script = Script::new(1, ends(false));
    script.video(0, 50);
    script.steps.push(Step::Ended(1, S2C));
    script.video(40, 50);
    assert_same(&script.close(ClosedBy::Server, CloseKind::Fin));
}

#[test]
fn gaps_read_with_their_lengths_and_causes_and_at_once() {
    for v6 in [false, true] {
        for how in [CloseKind::Fin, CloseKind::Rst] {
            let mut script = Script::new(1, ends(v6));
            script.video(0, 5000);
            script.torn(40, 200_000, 50, GapCause::Lost);
            script.video(80, 5000);
            script.torn(120, 9000, 1460, GapCause::Snaplen);
            script.message(S2C, 3, 0, 0, &6000u32.to_be_bytes());
            script.torn(160, 200_000, 65_000, GapCause::Snaplen);
            script.torn(200, 300_000, 250_000, GapCause::Lost);
            script.message(S2C, 3, 0, 0, &7000u32.to_be_bytes());
            assert_same(&script.close(ClosedBy::Client, how));
        }
    }
}

#[test]
fn a_gap_at_the_very_end_is_declared() {
    let gap = Step::Gap(1, C2S, Some(77), GapCause::Lost);
    for how in [CloseKind::Fin, CloseKind::Rst] {
        let mut script = Script::new(1, ends(false));
        script.video(0, 50);
        script.steps.push(gap.clone());
        assert_same(&script.close(ClosedBy::Client, how));
    }
    // Nobody closes: it is declared at the end of the capture.
    let mut script = Script::new(1, ends(false));
    script.video(0, 50);
    script.steps.push(gap);
    let again = decode(&record(&script.steps, true));
    assert_eq!(again.iter().filter(|line| line.contains("length: Some(77)")).count(), 1);
}

#[test]
fn a_gap_too_long_for_sequence_numbers_is_crossed_in_steps() {
    let length = 10 << 30;
    let mut script = Script::new(1, ends(false));
    script.video(0, 50);
    script.steps.push(Step::Gap(1, C2S, Some(length), GapCause::Lost));
    script.video(40, 50);
    let Some(Step::Bytes(_, _, last)) = script.steps.last() else { panic!() };
    let file = record(&script.steps, true);
    let (mut missing, mut behind) = (0, 0);
    read(&file, |traffic| match traffic {
        Traffic::Gap { length: Some(n), .. } => missing += n,
        Traffic::Bytes { data, .. } if missing > 0 => behind += data.len(),
        _ => {}
    });
    assert_eq!((missing, behind), (length, last.len()));

    // There is nothing to step on where packets cannot be cut, and where it is too far.
    for (timed, length) in [(false, STEP + 1), (true, FARTHEST + 1), (true, u64::MAX)] {
        let mut steps = script.steps.clone();
        let at = steps.len() - 2;
        steps[at] = Step::Gap(1, C2S, Some(length), GapCause::Lost);
        let mut recorder = Recorder::new(Vec::new()).unwrap();
        each(&steps, timed, |traffic| recorder.traffic(traffic).unwrap());
        assert_eq!(recorder.unrecorded(), last.len() as u64);
    }
}

#[test]
fn a_capture_that_begins_inside_reads_so() {
    let mut script = Script::new(1, ends(true));
    script.steps.clear();
    let (client, server) = ends(true);
    script.steps.push(Step::Opened(1, client, server, false));
    for time in 0..20 {
        script.video(time * 40, 900);
        script.message(C2S, 8, 1, time * 40, &[0xaf, 1, time as u8]);
    }
    assert_same(&script.close(ClosedBy::Client, CloseKind::Fin));

    let mut script = Script::new(1, ends(false));
    script.steps.truncate(1);
    let (client, server) = ends(false);
    script.steps[0] = Step::Opened(1, client, server, false);
    script.steps.push(Step::Gap(1, C2S, Some(500), GapCause::Snaplen));
    for time in 0..20 {
        script.video(time * 40, 900);
    }
    assert_same(&script.close(ClosedBy::Server, CloseKind::Rst));
}

#[test]
fn connections_keep_their_numbers_also_where_their_ends_are_the_same() {
    let one = Script::new(1, ends(false)).close(ClosedBy::CaptureEnd, CloseKind::End);
    let mut two = Script::new(2, ends(true));
    two.video(0, 700);
    let mut three = Script::new(3, ends(false));
    three.video(0, 800);
    let mut steps = one[..one.len() - 1].to_vec();
    steps.extend(two.close(ClosedBy::Client, CloseKind::Fin));
    // The first is given up where its ends are used again.
    let mut again = three.close(ClosedBy::Client, CloseKind::Rst);
    let opened = again.remove(0);
    steps.extend([Step::Closed(1, ClosedBy::Rtmpctl, CloseKind::Timeout), opened]);
    steps.extend(again);
    let (original, again) = both(&steps, true);
    let of = |lines: &[String], flow: u32| {
        let mark = format!(" Some({flow}) ");
        lines.iter().filter(|line| line.contains(&mark)).count()
    };
    for flow in 1..=3 {
        assert_eq!(of(&original, flow), of(&again, flow), "connection {flow}");
    }
}

#[test]
fn without_times_there_are_none_in_the_records() {
    let mut script = Script::new(1, ends(false));
    script.torn(0, 9000, 300, GapCause::Lost);
    script.video(40, 100);
    let steps = script.close(ClosedBy::Client, CloseKind::Fin);
    let (original, again) = both(&steps, false);
    assert_eq!(original, again);
}

#[test]
fn behind_a_gap_of_unknown_length_the_direction_is_not_recorded_and_the_file_says_so() {
    let mut script = Script::new(1, ends(false));
    script.video(0, 100);
    let before = script.steps.len();
    script.steps.push(Step::Gap(1, C2S, None, GapCause::Overflow));
    script.video(40, 100);
    script.message(S2C, 3, 0, 0, &200_000u32.to_be_bytes());
    let Step::Bytes(_, _, lost) = &script.steps[before + 1] else { panic!() };
    let (lost, steps) = (lost.len() as u64, script.steps.clone());
    let mut recorder = Recorder::new(Vec::new()).unwrap();
    each(&steps, true, |traffic| recorder.traffic(traffic).unwrap());
    assert_eq!(recorder.unrecorded(), lost);
    let file = recorder.finish().unwrap();
    let comment = b"rtmpctl: the recording of this connection's c2s direction ends here";
    assert_eq!(memchr::memmem::find_iter(&file, comment).count(), 1);
    let mut kept = steps;
    kept.drain(before..before + 2);
    let messages = |lines: &[String]| lines.iter().filter(|l| l.contains("MessageRecord")).count();
    assert_eq!(messages(&decode(&file)), messages(&both(&kept, true).0));
}

#[test]
fn headers_are_right_to_the_last_checksum() {
    for v6 in [false, true] {
        let mut script = Script::new(1, ends(v6));
        script.video(0, 200_001);
        script.torn(40, 9001, 1001, GapCause::Snaplen);
        script.torn(80, 9001, 1001, GapCause::Lost);
        let file = record(&script.close(ClosedBy::Client, CloseKind::Fin), true);
        let mut reader = Reader::new(&file[..]).unwrap();
        let mut packets = 0;
        while let Some(item) = reader.next().unwrap() {
            let Item::Packet(packet) = item else { panic!("{item:?}") };
            packets += 1;
            let mut data = packet.data.to_vec();
            data.resize(packet.original_length as usize, 0);
            let header = if v6 { 40 } else { 20 };
            let tcp = data.split_off(header);
            if v6 {
                assert_eq!(usize::from(u16::from_be_bytes([data[4], data[5]])), tcp.len());
            } else {
                assert_eq!(usize::from(u16::from_be_bytes([data[2], data[3]])), 20 + tcp.len());
                assert_eq!(sum(&data), 0xffff);
            }
            let mut pseudo = data[if v6 { 8 } else { 12 }..header].to_vec();
            pseudo.extend([0, 6]);
            pseudo.extend((tcp.len() as u32).to_be_bytes());
            pseudo.extend(tcp);
            assert_eq!(sum(&pseudo), 0xffff);
        }
        assert!(packets > 30);
    }
}

/// The ones' complement sum, one byte after the other.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().enumerate().fold(0u32, |sum, (at, &byte)| {
        let sum = sum + (u32::from(byte) << if at % 2 == 0 { 8 } else { 0 });
        (sum & 0xffff) + (sum >> 16)
    })
}

#[test]
fn an_output_that_fails_is_an_error() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut script = Script::new(1, ends(false));
    script.video(0, 200_000);
    for room in [0, 20_000] {
        let mut recorder = Recorder::new(Full(room)).unwrap();
        let mut failed = false;
        each(&script.steps, true, |traffic| failed |= recorder.traffic(traffic).is_err());
        assert!(failed, "{room}");
    }
    let recorder = Recorder::new(Full(0)).unwrap();
    assert_eq!(recorder.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}

#[test]
fn captures_of_real_programs_read_as_they_were() {
    let Ok(dir) = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata")) else {
        return; // the published package is without them
    };
    let mut files = 0;
    for entry in dir {
        let path = entry.unwrap().path();
        if !path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
            continue;
        }
        files += 1;
        let mut original = Witness::new();
        let mut recorder = Recorder::new(Vec::new()).unwrap();
        read(&std::fs::read(&path).unwrap(), |traffic| {
            original.feed(traffic);
            recorder.traffic(traffic).unwrap();
        });
        let again = decode(&recorder.finish().unwrap());
        for (a, b) in original.seen.iter().zip(&again) {
            assert_eq!(a, b, "{}", path.display());
        }
        assert_eq!(original.seen.len(), again.len(), "{}", path.display());
    }
    assert!(files > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any messages, in pieces of any length, with holes anywhere in what follows the commands.
    #[test]
    fn any_session_reads_as_it_was(
        v6 in any::<bool>(),
        sizes in proptest::collection::vec((0usize..70_000, any::<bool>()), 1..8),
        cuts in proptest::collection::vec((1usize..80_000, 0u8..12), 1..20),
    ) {
        let mut script = Script::new(1, ends(v6));
        let mut stream = [Vec::new(), Vec::new()];
        for (n, (size, back)) in sizes.into_iter().enumerate() {
            let direction = if back { S2C } else { C2S };
            let message = video(n as u8, size);
            let bytes = script.encode(direction, (9, 1, n as u32 * 40), &message);
            stream[direction.index()].extend(bytes);
        }
        let mut rest = stream.each_ref().map(|bytes| &bytes[..]);
        for (n, &(cut, dice)) in cuts.iter().cycle().enumerate().take(100) {
            let direction = Direction::BOTH[n % 2];
            let rest = &mut rest[direction.index()];
            let piece;
            (piece, *rest) = rest.split_at(cut.min(rest.len()));
            match dice {
                _ if piece.is_empty() => {}
                0 | 1 if !rest.is_empty() => {
                    // What follows comes with the packet that shows the hole.
                    let cause = if dice == 0 { GapCause::Lost } else { GapCause::Snaplen };
                    for piece in piece.chunks(if dice == 0 { usize::MAX } else { MOST }) {
                        let gap = Step::Gap(1, direction, Some(piece.len() as u64), cause);
                        script.steps.push(gap);
                    }
                    let next;
                    (next, *rest) = rest.split_at(rest.len().min(1 + cut / 2));
                    script.bytes(direction, next);
                }
                _ => script.bytes(direction, piece),
            }
        }
        let steps = script.close(ClosedBy::Client, CloseKind::Fin);
        let (original, again) = both(&steps, true);
        prop_assert_eq!(original, again);
    }
}
