//! Scripts a connection for the tests of rules: what both sides send, byte-exact, and what is found.
//!
//! ```text
//! let mut t = Script::publishing();       // handshake, connect, createStream, publish, configurations: nothing wrong
//! t.media(4.0);                           // four seconds of usual media
//! t.video(4000, Frame::Inter);            // or by hand: time in milliseconds
//! t.wait(2.5);                            // seconds pass, nothing is sent
//! assert!(t.end().has("gop.long"));
//! ```

use super::super::{
    CloseKind, ClosedBy, Event, Finding, FlowId, GapCause, Inspector, Listed, Opened, Options,
    Place, Track, Traffic, Transport, Verdict,
};
use super::Settings;
use crate::Limits;
use crate::proto::Direction;
use crate::proto::amf::{Text, Value};
use crate::proto::chunk::{Outgoing, Writer};
use crate::proto::handshake::{Packet1, Packet2, RANDOM_LEN};
use crate::proto::message::{Command, Control, Data, UserControl};

pub(crate) const C2S: Direction = Direction::ClientToServer;
pub(crate) const S2C: Direction = Direction::ServerToClient;

/// A connection being scripted. Each direction has a chunk writer; a second of its clock is one of the capture's.
pub(crate) struct Script {
    inspector: Inspector,
    /// The connection that goes on.
    flow: FlowId,
    writers: [Writer; 2],
    /// Nanoseconds since the connection was opened.
    now: i64,
    closed: bool,
    pub(crate) findings: Vec<Finding>,
    /// What the summary lists, once it is over.
    pub(crate) listed: Vec<Listed>,
    /// Why it ended.
    pub(crate) verdict: Option<Verdict>,
    /// What the summary says of the tracks.
    pub(crate) tracks: Vec<Track>,
    loses: bool,
    /// Whether the input says when things happen.
    pub(crate) clock: bool,
}

/// A video frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Key,
    Inter,
}

/// A configuration record of H.264: Baseline, 640 by 360.
pub(crate) const AVCC: &[u8] =
    b"\x01\x42\xc0\x1e\xff\xe1\0\x0a\x67\x42\xc0\x1e\xda\x02\x80\xbf\xe5\x40\x01\0\x04\x68\xce\x38\x80";
/// A configuration of AAC: LC, 44.1 kHz, stereo.
pub(crate) const ASC: &[u8] = b"\x12\x10";

impl Script {
    /// A connection that was just opened, before its first byte.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(rules: Settings) -> Self {
        Self::opened(rules, opened())
    }

    pub(crate) fn opened(rules: Settings, opened: Opened) -> Self {
        let options = Options { rules, ..Options::default() };
        let mut script = Self {
            inspector: Inspector::new(options, Limits::default()),
            flow: 1,
            writers: [Writer::new(), Writer::new()],
            now: 0,
            closed: false,
            findings: Vec::new(),
            listed: Vec::new(),
            verdict: None,
            tracks: Vec::new(),
            loses: false,
            clock: true,
        };
        script.feed(&Traffic::Opened { flow: script.flow, place: script.place(), opened });
        script
    }

    /// Behind a simple handshake.
    pub(crate) fn shaken() -> Self {
        let mut script = Self::new();
        script.handshake();
        script
    }

    /// As [`started`](Self::started), judged otherwise.
    pub(crate) fn started_with(rules: Settings) -> Self {
        let mut script = Self::with(rules);
        script.handshake();
        script.connect(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
        script.start();
        script
    }

    /// As [`publishing`](Self::publishing), judged otherwise.
    pub(crate) fn publishing_with(rules: Settings) -> Self {
        let mut script = Self::started_with(rules);
        script.describe();
        script
    }

    /// A simple handshake.
    pub(crate) fn handshake(&mut self) -> &mut Self {
        let one = [1, 2].map(|fill| {
            Packet1 { bytes: &Packet1::encode(0, 0, &[fill; RANDOM_LEN]) }.bytes.to_owned()
        });
        let two = [1, 0].map(|peer| Packet2::encode(&one[peer], None));
        self.raw(C2S, &[3]).raw(C2S, &one[0]).raw(S2C, &[3]).raw(S2C, &one[1]);
        self.raw(S2C, &two[1]).raw(C2S, &two[0])
    }

    /// Another connection of the same client, before its first byte; what comes next is its.
    pub(crate) fn again(&mut self) -> &mut Self {
        self.flow += 1;
        self.closed = false;
        self.writers = [Writer::new(), Writer::new()];
        let client = Some(([10, 0, 0, 1], 40_000 + self.flow as u16).into());
        let opened = Opened { client, ..opened() };
        self.feed(&Traffic::Opened { flow: self.flow, place: self.place(), opened });
        self
    }

    /// Behind `connect` to the app `live` and its answer.
    pub(crate) fn connected() -> Self {
        let mut script = Self::shaken();
        script.connect(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
        script
    }

    /// Sends `connect` with this command object, and the usual answer.
    pub(crate) fn connect(&mut self, object: &[(&str, Value)]) -> &mut Self {
        self.command(C2S, 0, "connect", Some(1.0), object_of(object), &[]);
        self.control(S2C, Control::WindowAcknowledgementSize { size: Some(2_500_000) });
        self.control(S2C, Control::SetChunkSize { size: Some(4096) });
        let info = status_of("status", "NetConnection.Connect.Success", "Connection succeeded.");
        let server =
            object_of(&[("fmsVer", "FMS/3,5,7,7009".into()), ("capabilities", 31.0.into())]);
        self.command(S2C, 0, "_result", Some(1.0), server, &[info])
    }

    /// Behind `createStream`, `publish` and `NetStream.Publish.Start` on message stream 1.
    pub(crate) fn started() -> Self {
        let mut script = Self::connected();
        script.start();
        script
    }

    fn start(&mut self) {
        self.control(C2S, Control::SetChunkSize { size: Some(4096) });
        self.command(C2S, 0, "createStream", Some(2.0), Value::Null, &[]);
        self.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()]);
        self.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into(), "live".into()]);
        self.status("status", "NetStream.Publish.Start");
    }

    /// Behind metadata and the configuration of both tracks too.
    pub(crate) fn publishing() -> Self {
        let mut script = Self::started();
        script.describe();
        script
    }

    fn describe(&mut self) {
        self.metadata(&[
            ("width", 640.0.into()),
            ("height", 360.0.into()),
            ("framerate", 25.0.into()),
            ("videocodecid", 7.0.into()),
            ("audiocodecid", 10.0.into()),
            ("audiosamplerate", 44_100.0.into()),
            ("stereo", true.into()),
        ]);
        self.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
        self.message(C2S, 4, 1, 8, 0, &[b"\xaf\0", ASC].concat());
    }

    /// Seconds of the usual: 25 frames a second with a key frame every two, AAC, each when it is due. It goes on where
    /// the clock is, so it is called once, or with `wait` between.
    pub(crate) fn media(&mut self, seconds: f64) -> &mut Self {
        let begin = self.now;
        let end = begin + (seconds * 1e9) as i64;
        let (mut video, mut audio) = (0_i64, 0_i64);
        loop {
            let due = [begin + video * 40_000_000, begin + audio * 23_219_954];
            let next = due[0].min(due[1]);
            if next >= end {
                self.now = end;
                return self;
            }
            self.now = next;
            let timestamp = (next / 1_000_000) as u32;
            if due[0] <= due[1] {
                self.video(timestamp, if video % 50 == 0 { Frame::Key } else { Frame::Inter });
                video += 1;
            } else {
                self.audio(timestamp);
                audio += 1;
            }
        }
    }

    /// An H.264 frame of 100 bytes.
    pub(crate) fn video(&mut self, timestamp: u32, frame: Frame) -> &mut Self {
        self.video_at(timestamp, frame, 0)
    }

    /// The same with a composition time.
    pub(crate) fn video_at(&mut self, timestamp: u32, frame: Frame, composition: i32) -> &mut Self {
        let [_, a, b, c] = composition.to_be_bytes();
        let (first, unit) = match frame {
            Frame::Key => (0x17, [0x65, 0x88]),
            Frame::Inter => (0x27, [0x41, 0x9a]),
        };
        let mut payload = vec![first, 1, a, b, c, 0, 0, 0, 91];
        payload.extend(unit);
        payload.resize(100, 0x55);
        self.message(C2S, 6, 1, 9, timestamp, &payload)
    }

    /// An AAC frame.
    pub(crate) fn audio(&mut self, timestamp: u32) -> &mut Self {
        self.message(C2S, 4, 1, 8, timestamp, b"\xaf\x01\x21\x10\x04\x60\x8c\x1c")
    }

    /// `@setDataFrame`, `onMetaData` with these properties.
    pub(crate) fn metadata(&mut self, properties: &[(&str, Value)]) -> &mut Self {
        let entries = entries_of(properties);
        let declared = entries.len() as u32;
        let values = vec!["onMetaData".into(), Value::EcmaArray { declared, entries, ended: true }];
        let name = Some(Text::from("@setDataFrame"));
        let mut payload = Vec::new();
        Data { amf: 0, name, arguments: values }.encode(&mut payload);
        self.message(C2S, 4, 1, 18, 0, &payload)
    }

    /// A command on chunk stream 3.
    pub(crate) fn command(
        &mut self,
        direction: Direction,
        message_stream_id: u32,
        name: &str,
        transaction_id: Option<f64>,
        object: Value,
        arguments: &[Value],
    ) -> &mut Self {
        let command = Command {
            amf: 0,
            name: Some(Text::from(name)),
            transaction_id,
            object: Some(object),
            arguments: arguments.to_vec(),
        };
        let mut payload = Vec::new();
        command.encode(&mut payload);
        self.message(direction, 3, message_stream_id, 20, 0, &payload)
    }

    /// `onStatus` on message stream 1.
    pub(crate) fn status(&mut self, level: &str, code: &str) -> &mut Self {
        let info = status_of(level, code, "It is so.");
        self.command(S2C, 1, "onStatus", Some(0.0), Value::Null, &[info])
    }

    /// A protocol control message, as the specification wants it sent.
    pub(crate) fn control(&mut self, direction: Direction, control: Control) -> &mut Self {
        let mut payload = Vec::new();
        control.encode(&mut payload);
        self.message(direction, 2, 0, control.type_id(), 0, &payload)
    }

    pub(crate) fn user_control(&mut self, direction: Direction, event: UserControl) -> &mut Self {
        let mut payload = Vec::new();
        event.encode(&mut payload);
        self.message(direction, 2, 0, 4, 0, &payload)
    }

    /// Any message, in chunks.
    pub(crate) fn message(
        &mut self,
        direction: Direction,
        chunk_stream_id: u32,
        message_stream_id: u32,
        type_id: u8,
        timestamp: u32,
        payload: &[u8],
    ) -> &mut Self {
        let message = Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
        let mut bytes = Vec::new();
        self.writers[direction.index()].write(&message, &mut bytes);
        if std::mem::take(&mut self.loses) {
            return self.gap(direction, bytes.len() as u64);
        }
        self.raw(direction, &bytes)
    }

    /// The next message is missing from the capture.
    pub(crate) fn lose(&mut self) -> &mut Self {
        self.loses = true;
        self
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, direction: Direction, data: &[u8]) -> &mut Self {
        self.feed(&Traffic::Bytes { flow: self.flow, place: self.place(), direction, data });
        self
    }

    /// Bytes are missing from the capture.
    pub(crate) fn gap(&mut self, direction: Direction, length: u64) -> &mut Self {
        let (place, cause) = (self.place(), GapCause::Lost);
        self.feed(&Traffic::Gap { flow: self.flow, place, direction, length: Some(length), cause });
        self
    }

    /// Time passes in which nothing is sent.
    pub(crate) fn wait(&mut self, seconds: f64) -> &mut Self {
        self.now += (seconds * 1e9) as i64;
        self
    }

    /// A live source says that time has passed.
    pub(crate) fn tick(&mut self) -> &mut Self {
        self.feed(&Traffic::Tick { place: self.place() });
        self
    }

    pub(crate) fn close(&mut self, by: ClosedBy, how: CloseKind) -> &mut Self {
        if !std::mem::replace(&mut self.closed, true) {
            self.feed(&Traffic::Closed { flow: self.flow, place: self.place(), by, how });
        }
        self
    }

    /// The client closes it.
    pub(crate) fn end(&mut self) -> &mut Self {
        self.close(ClosedBy::Client, CloseKind::Fin)
    }

    /// Whether that was found so far.
    pub(crate) fn has(&self, code: &str) -> bool {
        self.find(code).is_some()
    }

    /// The first finding with this code.
    pub(crate) fn find(&self, code: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code == code)
    }

    /// Its sentence; empty where there is none.
    pub(crate) fn text(&self, code: &str) -> &str {
        self.find(code).map_or("", |finding| &finding.message)
    }

    /// The codes found, in order.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.findings.iter().map(|finding| finding.code).collect()
    }

    /// The codes that begin so, in order.
    pub(crate) fn family(&self, prefix: &str) -> Vec<&'static str> {
        self.codes().into_iter().filter(|code| code.starts_with(prefix)).collect()
    }

    fn place(&self) -> Place {
        // Nanoseconds of a day in 2026.
        let at = self.clock.then_some(1_780_000_000_000_000_000 + self.now);
        Place { at, frame: None, file: None }
    }

    fn feed(&mut self, traffic: &Traffic<'_>) {
        let Self { inspector, findings, listed, verdict, tracks, .. } = self;
        inspector.feed(traffic, &mut |record| match record.event {
            Event::Finding(finding) => findings.push(finding.clone()),
            Event::Summary(summary) => {
                listed.clone_from(&summary.findings_list);
                *verdict = Some(summary.verdict.clone());
                tracks.clone_from(&summary.tracks);
            }
            _ => {}
        });
    }
}

/// A plain connection, seen from its first byte.
pub(crate) fn opened() -> Opened {
    Opened {
        client: Some(([10, 0, 0, 1], 40_000).into()),
        server: Some(([10, 0, 0, 2], 1935).into()),
        from_start: true,
        transport: Transport::Rtmp,
    }
}

/// An object with these properties.
pub(crate) fn object_of(properties: &[(&str, Value)]) -> Value {
    Value::Object(entries_of(properties))
}

/// What `onStatus` says.
pub(crate) fn status_of(level: &str, code: &str, description: &str) -> Value {
    object_of(&[
        ("level", level.into()),
        ("code", code.into()),
        ("description", description.into()),
    ])
}

fn entries_of(properties: &[(&str, Value)]) -> Vec<(Text, Value)> {
    properties.iter().map(|(name, value)| (Text::from(*name), value.clone())).collect()
}
