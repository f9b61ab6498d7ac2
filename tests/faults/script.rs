//! A connection as a list of steps, written by hand or by the program's own encoders, and the capture that shows it.

use rtmpctl::inspect::{CloseKind, ClosedBy};
use rtmpctl::proto::Direction;
use rtmpctl::proto::amf::{Text, Value};
use rtmpctl::proto::chunk::{Outgoing, Writer};
use rtmpctl::proto::handshake::{Packet1, Packet2, RANDOM_LEN};
use rtmpctl::proto::message::{Command, Control, Data, UserControl};

pub(crate) const C2S: Direction = Direction::ClientToServer;
pub(crate) const S2C: Direction = Direction::ServerToClient;

/// What happens on the wire.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Open,
    /// The capture begins behind the opening.
    Inside,
    Bytes(Direction, Vec<u8>),
    Close(ClosedBy, CloseKind),
}

/// Connections being scripted, one after the other. A second of the clock is one of the capture's.
pub(crate) struct Script {
    writers: [Writer; 2],
    /// Nanoseconds since the capture began.
    now: i64,
    connection: u16,
    closed: bool,
    /// When, of which connection, what.
    pub(crate) steps: Vec<(i64, u16, Step)>,
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
        let mut script = Self {
            writers: [Writer::new(), Writer::new()],
            now: 0,
            connection: 0,
            closed: false,
            steps: Vec::new(),
        };
        script.step(Step::Open);
        script
    }

    fn step(&mut self, step: Step) {
        self.steps.push((self.now, self.connection, step));
        // A packet takes its time.
        self.now += 1_000;
    }

    /// Another connection of the same client.
    pub(crate) fn again(&mut self) -> &mut Self {
        self.writers = [Writer::new(), Writer::new()];
        self.connection += 1;
        self.closed = false;
        self.step(Step::Open);
        self
    }

    /// A simple handshake.
    pub(crate) fn shake(&mut self) -> &mut Self {
        let one = [1, 2].map(|fill| Packet1::encode(0, 0, &[fill; RANDOM_LEN]));
        let two = [1, 0].map(|peer| Packet2::encode(&one[peer], None));
        self.raw(C2S, &[3]).raw(C2S, &one[0]).raw(S2C, &[3]).raw(S2C, &one[1]);
        self.raw(S2C, &two[1]).raw(C2S, &two[0])
    }

    /// Handshake, `connect` to the app `live` and its answer.
    pub(crate) fn connected(&mut self) -> &mut Self {
        self.shake();
        self.connect(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())])
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

    /// The same, then `createStream`, `publish` and `NetStream.Publish.Start` on message stream 1.
    pub(crate) fn started(&mut self) -> &mut Self {
        self.connected().created();
        self.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into(), "live".into()]);
        self.status("status", "NetStream.Publish.Start")
    }

    /// The same, then metadata that declares nothing.
    pub(crate) fn described(&mut self) -> &mut Self {
        self.started().metadata(&[("encoder", "x".into())])
    }

    /// The same, where `connect` has these properties too.
    pub(crate) fn offering(&mut self, more: &[(&str, Value)]) -> &mut Self {
        let mut object: Vec<(&str, Value)> =
            vec![("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())];
        object.extend_from_slice(more);
        self.shake().connect(&object).created();
        self.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into(), "live".into()]);
        self.status("status", "NetStream.Publish.Start").metadata(&[("encoder", "x".into())])
    }

    /// `createStream` and its answer.
    pub(crate) fn created(&mut self) -> &mut Self {
        self.control(C2S, Control::SetChunkSize { size: Some(4096) });
        self.command(C2S, 0, "createStream", Some(2.0), Value::Null, &[]);
        self.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()])
    }

    /// The same, then metadata and the configuration of both tracks.
    pub(crate) fn publishing(&mut self) -> &mut Self {
        self.started().metadata(&[
            ("width", 640.0.into()),
            ("height", 360.0.into()),
            ("framerate", 25.0.into()),
            ("videocodecid", 7.0.into()),
            ("audiocodecid", 10.0.into()),
            ("audiosamplerate", 44_100.0.into()),
            ("stereo", true.into()),
        ]);
        self.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", AVCC].concat());
        self.message(C2S, 4, 1, 8, 0, &[b"\xaf\0", ASC].concat())
    }

    /// Seconds of the usual: 25 frames a second with a key frame every two, AAC, each when it is due; timestamps begin
    /// with `from` milliseconds.
    pub(crate) fn media(&mut self, from: u32, seconds: f64) -> &mut Self {
        let begin = self.now;
        let length = (seconds * 1e9) as i64;
        let (mut video, mut audio) = (0_i64, 0_i64);
        loop {
            let due = [video * 40_000_000, audio * 23_219_954];
            let next = due[0].min(due[1]);
            if next >= length {
                self.now = begin + length;
                return self;
            }
            self.now = begin + next;
            let timestamp = from + (next / 1_000_000) as u32;
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
        let array = Value::EcmaArray { declared, entries, ended: true };
        self.data("@setDataFrame", vec!["onMetaData".into(), array])
    }

    /// A data message of the client.
    pub(crate) fn data(&mut self, name: &str, arguments: Vec<Value>) -> &mut Self {
        let mut payload = Vec::new();
        Data { amf: 0, name: Some(Text::from(name)), arguments }.encode(&mut payload);
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

    /// A call of the client without anything in it.
    pub(crate) fn call(&mut self, name: &str, id: f64, arguments: &[Value]) -> &mut Self {
        self.command(C2S, 0, name, Some(id), Value::Null, arguments)
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
        self.raw(direction, &bytes)
    }

    /// Bytes as they are, in segments of their own.
    pub(crate) fn raw(&mut self, direction: Direction, data: &[u8]) -> &mut Self {
        for part in data.chunks(60_000) {
            self.step(Step::Bytes(direction, part.to_vec()));
        }
        self
    }

    /// Time passes in which nothing is sent.
    pub(crate) fn wait(&mut self, seconds: f64) -> &mut Self {
        self.now += (seconds * 1e9) as i64;
        self
    }

    pub(crate) fn close(&mut self, by: ClosedBy, how: CloseKind) -> &mut Self {
        if !std::mem::replace(&mut self.closed, true) {
            self.step(Step::Close(by, how));
        }
        self
    }

    /// The client stops publishing and closes.
    pub(crate) fn done(&mut self) -> &mut Self {
        self.call("deleteStream", 9.0, &[1.0.into()]).end()
    }

    /// The client closes it.
    pub(crate) fn end(&mut self) -> &mut Self {
        self.close(ClosedBy::Client, CloseKind::Fin)
    }

    /// All bytes that the client sends on the first connection.
    pub(crate) fn client_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, connection, step) in &self.steps {
            if let (0, Step::Bytes(C2S, data)) = (*connection, step) {
                out.extend_from_slice(data);
            }
        }
        out
    }

    /// The capture: pcap with nanoseconds, Ethernet, IPv4, TCP.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        let mut out = vec![
            0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        ];
        // The next sequence number of each side of each connection.
        let mut next: Vec<[u32; 2]> = Vec::new();
        for (at, connection, step) in &self.steps {
            let index = usize::from(*connection);
            let mut put = |direction: Direction, flags: u8, data: &[u8], took: u32| {
                let (this, other) = (direction.index(), direction.reverse().index());
                let (sequence, ack) = (next[index][this], next[index][other]);
                packet(&mut out, *at, *connection, direction, [sequence, ack], flags, data);
                next[index][this] = sequence.wrapping_add(data.len() as u32 + took);
            };
            match step {
                Step::Open => {
                    next.push([1_000, 5_000]);
                    let mut put = |direction: Direction, flags, took| {
                        let (this, other) = (direction.index(), direction.reverse().index());
                        let (sequence, ack) = (next[index][this], next[index][other]);
                        packet(&mut out, *at, *connection, direction, [sequence, ack], flags, &[]);
                        next[index][this] = sequence + took;
                    };
                    put(C2S, SYN, 1);
                    put(S2C, SYN | ACK, 1);
                    put(C2S, ACK, 0);
                }
                Step::Inside => next.push([1_000, 5_000]),
                Step::Bytes(direction, data) => put(*direction, ACK | PSH, data, 0),
                Step::Close(by, how) => {
                    let first = if *by == ClosedBy::Server { S2C } else { C2S };
                    if *how == CloseKind::Rst {
                        put(first, RST | ACK, &[], 0);
                    } else {
                        put(first, FIN | ACK, &[], 1);
                        put(first.reverse(), FIN | ACK, &[], 1);
                        put(first, ACK, &[], 0);
                    }
                }
            }
        }
        out
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Appends a packet of a connection between 10.0.0.1 and 10.0.0.2:1935.
fn packet(
    out: &mut Vec<u8>,
    at: i64,
    connection: u16,
    direction: Direction,
    [sequence, ack]: [u32; 2],
    flags: u8,
    data: &[u8],
) {
    let client = ([10, 0, 0, 1], 40_000 + connection);
    let server = ([10, 0, 0, 2], 1935);
    let (from, to) = if direction == C2S { (client, server) } else { (server, client) };
    let total = 40 + data.len();
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((total as u16).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(from.0);
    frame.extend(to.0);
    frame.extend(from.1.to_be_bytes());
    frame.extend(to.1.to_be_bytes());
    frame.extend(sequence.to_be_bytes());
    frame.extend(if flags & ACK == 0 { [0; 4] } else { ack.to_be_bytes() });
    frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(data);
    // A day in 2026.
    let at = 1_780_000_000_000_000_000 + at;
    out.extend(((at / 1_000_000_000) as u32).to_le_bytes());
    out.extend(((at % 1_000_000_000) as u32).to_le_bytes());
    out.extend((frame.len() as u32).to_le_bytes());
    out.extend((frame.len() as u32).to_le_bytes());
    out.extend(frame);
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
