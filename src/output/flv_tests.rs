use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::inspect::{
    CloseKind, ClosedBy, GapCause, Inspector, Opened, Options, Place, Traffic, Transport,
};
use crate::proto::amf::{Encoder, Value};
use crate::proto::chunk::{Outgoing, Writer};
use crate::proto::message::aggregate::Part;

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;

/// A directory of its own that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("rtmpctl-flv-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Flv {
        parse(&fs::read(self.0.join(name)).unwrap())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file as FLV 10.1 §E.2 to E.4 has it, read without anything of the writer.
#[derive(Debug, PartialEq)]
struct Flv {
    audio: bool,
    video: bool,
    tags: Vec<(u8, u32, Vec<u8>)>,
}

fn parse(file: &[u8]) -> Flv {
    let word = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(file[..4], *b"FLV\x01");
    assert_eq!(file[4] & !5, 0, "reserved flags");
    assert_eq!((word(5), word(9)), (9, 0));
    let mut tags = Vec::new();
    let mut at = 13;
    while at < file.len() {
        let size = word(at) as usize & 0xff_ffff;
        let time = word(at + 4);
        assert_eq!(file[at + 8..at + 11], [0; 3], "stream id");
        let data = file[at + 11..at + 11 + size].to_vec();
        assert_eq!(word(at + 11 + size), 11 + size as u32, "size of the previous tag");
        tags.push((file[at], time.rotate_right(8), data));
        at += 15 + size;
    }
    assert_eq!(at, file.len());
    Flv { audio: file[4] & 4 != 0, video: file[4] & 1 != 0, tags }
}

struct Rig {
    inspector: Inspector,
    recorder: Recorder,
    writers: HashMap<(FlowId, Direction), Writer>,
    errors: Vec<io::Error>,
}

impl Rig {
    fn new(dir: &Dir, limit: usize) -> Self {
        let limits = Limits { recordings: limit, ..Limits::default() };
        let options = Options { whole_media: true, ..Options::default() };
        Self {
            inspector: Inspector::new(options, Limits::default()),
            recorder: Recorder::new(dir.0.clone(), &limits).unwrap(),
            writers: HashMap::new(),
            errors: Vec::new(),
        }
    }

    fn feed(&mut self, traffic: &Traffic<'_>) {
        let Self { inspector, recorder, errors, .. } = self;
        inspector.feed(traffic, &mut |record| errors.extend(recorder.record(record).err()));
    }

    fn bytes(&mut self, flow: FlowId, direction: Direction, data: &[u8]) {
        self.feed(&Traffic::Bytes { flow, place: Place::default(), direction, data });
    }

    fn open(&mut self, flow: FlowId) {
        let opened = Opened {
            client: Some(([10, 0, 0, 1], 4000).into()),
            server: Some(([10, 0, 0, 2], 1935).into()),
            from_start: true,
            transport: Transport::Rtmp,
        };
        let place = Place::default();
        self.feed(&Traffic::Opened { flow, place, opened });
        let mut handshake = vec![0; 3073];
        handshake[0] = 3;
        self.bytes(flow, C2S, &handshake);
        self.bytes(flow, S2C, &handshake);
    }

    fn encode(
        &mut self,
        flow: FlowId,
        direction: Direction,
        (type_id, stream, timestamp): (u8, u32, u32),
        payload: &[u8],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let message = Outgoing {
            chunk_stream_id: 4 + u32::from(type_id),
            message_stream_id: stream,
            type_id,
            timestamp,
            payload,
        };
        self.writers.entry((flow, direction)).or_default().write(&message, &mut out);
        out
    }

    fn send(&mut self, flow: FlowId, direction: Direction, head: (u8, u32, u32), payload: &[u8]) {
        let bytes = self.encode(flow, direction, head, payload);
        self.bytes(flow, direction, &bytes);
    }

    fn call(&mut self, flow: FlowId, stream: u32, values: &[Value]) {
        self.send(flow, C2S, (20, stream, 0), &amf(values));
    }

    fn close(&mut self, flow: FlowId) {
        let (by, how) = (ClosedBy::Client, CloseKind::Fin);
        self.feed(&Traffic::Closed { flow, place: Place::default(), by, how });
    }

    fn finish(mut self) -> Summary {
        assert!(self.errors.is_empty(), "{:?}", self.errors);
        self.recorder.finish().unwrap()
    }
}

fn amf(values: &[Value]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut out = Vec::new();
    for value in values {
        encoder.amf0(value, &mut out);
    }
    out
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn name(name: &str, stream: &str) -> [Value; 4] {
    [text(name), Value::Number(5.0), Value::Null, text(stream)]
}

fn metadata() -> Value {
    Value::EcmaArray {
        declared: 1,
        entries: vec![("width".into(), Value::Number(1920.0))],
        ended: true,
    }
}

/// A video message of the given length that no other is equal to.
fn video(n: u8, length: usize) -> Vec<u8> {
    let mut payload = vec![0x27, 1, 0, 0, 0];
    payload.extend((0..length).map(|i| (i as u8).wrapping_mul(n)));
    payload
}

#[test]
fn a_published_stream_is_one_file_with_every_payload_and_timestamp() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 256);
    rig.open(1);
    rig.call(1, 1, &name("publish", "live_secret"));
    let set = amf(&[text("@setDataFrame"), text("onMetaData"), metadata()]);
    let meta = amf(&[text("onMetaData"), metadata()]);
    rig.send(1, C2S, (18, 1, 0), &set);
    let mut amf3 = vec![0];
    amf3.extend_from_slice(&set);
    rig.send(1, C2S, (15, 1, 0), &amf3);
    let enhanced = [&[0x91][..], b"hvc1", &[0, 0, 0, 1, 2, 3]].concat();
    let sent = [
        (8, 0, vec![0xaf, 0, 0x12, 0x10]),
        (9, 0, video(3, 70_000)),
        (9, 0xff_ffff, enhanced),
        (8, 0x0100_0000, vec![]),
        (9, 0xffff_fff0, video(5, 10)),
        (8, 3, vec![0xaf, 1, 9]),
        (18, 4, amf(&[text("onTextData"), metadata()])),
    ];
    for (kind, time, payload) in &sent {
        rig.send(1, C2S, (*kind, 1, *time), payload);
    }
    rig.send(1, C2S, (18, 1, 5), &amf(&[text("@clearDataFrame"), text("onMetaData")]));
    let summary = rig.finish();
    assert_eq!(dir.names(), ["rtmp-001-1.flv"]);
    let flv = dir.read("rtmp-001-1.flv");
    let expected: Vec<_> = [(18, 0, meta.clone()), (18, 0, meta)].into_iter().chain(sent).collect();
    assert_eq!(flv, Flv { audio: true, video: true, tags: expected });
    let [recording] = &summary.recordings[..] else { panic!("{summary:?}") };
    assert_eq!(recording.bytes, fs::metadata(&recording.path).unwrap().len());
    assert_eq!((recording.tags, recording.audio, recording.video), (9, true, true));
}

#[test]
fn messages_in_aggregates_are_tags() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 256);
    rig.open(1);
    let meta = amf(&[text("onMetaData"), metadata()]);
    let sent = [(18, 0, meta), (9, 7, video(3, 70_000)), (8, 9, vec![0xaf, 1, 9]), (8, 12, vec![])];
    let aggregate = |from: usize| {
        let mut out = Vec::new();
        for (type_id, timestamp, payload) in &sent[from..] {
            let (type_id, timestamp) = (*type_id, 1000 + timestamp);
            Part { type_id, timestamp, message_stream_id: 0, payload }.encode(&mut out);
        }
        out
    };
    rig.send(1, C2S, (22, 1, 40), &aggregate(0));
    // The message that is cut is not in the file.
    let mut cut = aggregate(1);
    cut.truncate(50);
    rig.send(1, C2S, (22, 1, 60), &cut);
    let summary = rig.finish();
    let expected: Vec<_> = sent.into_iter().map(|(kind, at, data)| (kind, at + 40, data)).collect();
    assert_eq!(dir.read("rtmp-001-1.flv").tags, expected);
    assert_eq!((summary.recordings[0].tags, summary.recordings[0].damaged), (4, 1));
}

#[test]
fn the_header_says_what_there_is() {
    type Messages = &'static [(u8, &'static [u8])];
    let cases: [(Messages, bool, bool); 4] = [
        (&[(18, b"\x02\0\x0aonMetaData")], false, false),
        (&[(8, &[0xaf, 1]), (9, &[])], true, false),
        (&[(8, &[]), (9, &[0x17, 1, 0, 0, 0])], false, true),
        (&[(9, &[0x17, 1, 0, 0, 0]), (8, &[0xaf, 1])], true, true),
    ];
    for (messages, audio, video) in cases {
        let dir = Dir::new();
        let mut rig = Rig::new(&dir, 256);
        rig.open(1);
        for (kind, payload) in messages {
            rig.send(1, C2S, (*kind, 1, 0), payload);
        }
        rig.recorder.flush().unwrap();
        let flushed = dir.read("rtmp-001-1.flv");
        assert_eq!((flushed.audio, flushed.video), (audio, video), "also before the end");
        rig.finish();
        assert_eq!(dir.read("rtmp-001-1.flv"), flushed);
        assert_eq!(flushed.tags.len(), messages.len());
    }
}

#[test]
fn streams_and_directions_are_files_of_their_own_and_publishing_again_begins_another() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 256);
    rig.open(7);
    rig.open(12);
    rig.call(7, 1, &name("publish", "a"));
    rig.send(7, C2S, (9, 1, 0), &video(1, 9));
    rig.send(7, C2S, (9, 2, 0), &video(2, 9));
    rig.send(12, C2S, (9, 1, 0), &video(3, 9));
    // Neither is media.
    rig.send(12, S2C, (18, 5, 0), &amf(&[text("|RtmpSampleAccess"), Value::Boolean(true)]));
    rig.send(12, C2S, (18, 6, 0), &amf(&[text("@clearDataFrame"), text("onMetaData")]));
    rig.call(12, 3, &name("play", "b"));
    rig.send(12, S2C, (18, 3, 0), &amf(&[text("onMetaData"), metadata()]));
    rig.send(12, S2C, (9, 3, 0), &video(4, 9));
    rig.call(7, 1, &name("publish", "a"));
    rig.send(7, C2S, (9, 1, 0), &video(5, 9));
    rig.call(7, 0, &name("FCUnpublish", "a"));
    assert_eq!(dir.read("rtmp-007-1-2.flv").tags, [(9, 0, video(5, 9))], "flushed");
    rig.send(7, C2S, (9, 1, 4), &video(6, 9));
    rig.call(7, 0, &[text("deleteStream"), Value::Number(6.0), Value::Null, Value::Number(1.0)]);
    assert_eq!(dir.read("rtmp-007-1-2.flv").tags, [(9, 0, video(5, 9)), (9, 4, video(6, 9))]);
    rig.send(7, C2S, (9, 1, 5), &video(7, 9));
    rig.call(7, 1, &[text("closeStream"), Value::Number(0.0), Value::Null]);
    assert_eq!(dir.read("rtmp-007-1-3.flv").tags, [(9, 5, video(7, 9))]);
    rig.close(7);
    let done: Vec<_> = rig.recorder.take_done().into_iter().map(|r| r.message_stream_id).collect();
    assert_eq!(done, [1, 1, 1, 2]);
    let summary = rig.finish();
    assert_eq!(summary.recordings.len(), 2, "what was taken is not told again");
    assert_eq!(
        dir.names(),
        [
            "rtmp-007-1-2.flv",
            "rtmp-007-1-3.flv",
            "rtmp-007-1.flv",
            "rtmp-007-2.flv",
            "rtmp-012-1.flv",
            "rtmp-012-3-play.flv",
        ]
    );
    assert_eq!(dir.read("rtmp-007-1.flv").tags, [(9, 0, video(1, 9))]);
    assert_eq!(dir.read("rtmp-012-3-play.flv").tags.len(), 2);
}

#[test]
fn nothing_is_overwritten_and_no_link_is_followed() {
    let dir = Dir::new();
    fs::create_dir_all(&dir.0).unwrap();
    fs::write(dir.0.join("rtmp-001-1.flv"), "mine").unwrap();
    let outside = dir.0.join("outside");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, dir.0.join("rtmp-001-1-2.flv")).unwrap();
    #[cfg(not(unix))]
    fs::write(dir.0.join("rtmp-001-1-2.flv"), "mine too").unwrap();
    let mut rig = Rig::new(&dir, 256);
    rig.open(1);
    rig.send(1, C2S, (9, 1, 0), &video(1, 9));
    let summary = rig.finish();
    assert_eq!(summary.recordings[0].path, dir.0.join("rtmp-001-1-3.flv"));
    assert_eq!(fs::read(dir.0.join("rtmp-001-1.flv")).unwrap(), b"mine");
    assert!(!outside.exists());
}

#[test]
fn streams_beyond_the_limit_are_refused_once_and_by_name() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 2);
    rig.open(1);
    for stream in [1, 2] {
        rig.send(1, C2S, (9, stream, 0), &video(1, 9));
    }
    assert!(rig.errors.is_empty(), "at the limit");
    rig.send(1, C2S, (9, 3, 0), &video(1, 9));
    rig.send(1, C2S, (9, 4, 0), &video(1, 9));
    let error = rig.errors.pop().unwrap();
    assert!(rig.errors.is_empty());
    assert_eq!(
        error.to_string(),
        "message stream 3 of connection 1 is not recorded, because 2 streams are being recorded (limit recordings)"
    );
    assert!(error.get_ref().unwrap().is::<Refused>());
    // A place that is free is taken.
    rig.call(1, 2, &[text("closeStream"), Value::Number(0.0), Value::Null]);
    rig.send(1, C2S, (9, 4, 1), &video(1, 9));
    let summary = rig.finish();
    assert_eq!((summary.recordings.len(), summary.refused), (3, 2));
    assert_eq!(dir.read("rtmp-001-4.flv").tags.len(), 1);
}

#[test]
fn a_file_that_cannot_be_made_is_said_once_and_costs_only_its_stream() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 256);
    rig.open(1);
    rig.send(1, C2S, (9, 1, 0), &video(1, 9));
    let moved = dir.0.with_extension("moved");
    fs::rename(&dir.0, &moved).unwrap();
    for time in 0..3 {
        rig.send(1, C2S, (9, 2, time), &video(1, 9));
        rig.send(1, C2S, (9, 1, time), &video(2, 9));
    }
    let errors: Vec<_> = rig.errors.drain(..).map(|error| error.to_string()).collect();
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert!(error.starts_with("cannot make ") && error.contains("rtmp-001-2.flv: "), "{error}");
    let summary = rig.finish();
    assert_eq!((summary.recordings.len(), summary.refused), (1, 3));
    fs::rename(&moved, &dir.0).unwrap();
    assert_eq!(dir.read("rtmp-001-1.flv").tags.len(), 4);
}

#[test]
fn a_directory_that_is_a_file_is_an_error_with_its_name() {
    let dir = Dir::new();
    fs::create_dir_all(&dir.0).unwrap();
    let file = dir.0.join("file");
    fs::write(&file, "").unwrap();
    let error = Recorder::new(file, &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("cannot make directory "), "{error}");
}

#[test]
fn damaged_messages_are_left_out_and_counted() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 256);
    rig.open(1);
    for (n, hole) in [(1, true), (2, false), (3, true), (4, false)] {
        let mut bytes = rig.encode(1, C2S, (9, 1, u32::from(n)), &video(n, 80));
        if hole {
            let rest = bytes.split_off(30);
            rig.bytes(1, C2S, &bytes);
            rig.feed(&Traffic::Gap {
                flow: 1,
                place: Place::default(),
                direction: C2S,
                length: Some(10),
                cause: GapCause::Lost,
            });
            bytes = rest[10..].to_vec();
        }
        rig.bytes(1, C2S, &bytes);
    }
    let summary = rig.finish();
    assert_eq!((summary.damaged, summary.recordings[0].damaged), (1, 1));
    assert_eq!(dir.read("rtmp-001-1.flv").tags, [(9, 2, video(2, 80)), (9, 4, video(4, 80))]);
}

#[test]
fn payloads_that_were_not_kept_are_not_recorded_as_if_they_were_whole() {
    let dir = Dir::new();
    let mut rig = Rig::new(&dir, 256);
    rig.inspector = Inspector::new(Options::default(), Limits::default());
    rig.open(1);
    rig.send(1, C2S, (9, 1, 0), &video(1, 9));
    rig.send(1, C2S, (9, 1, 0), &video(1, 900));
    let summary = rig.finish();
    assert_eq!((summary.recordings[0].tags, summary.recordings[0].damaged), (1, 1));
}
