//! What the tests of captures share: packets in memory, decoding them, and the messages that come of it.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

pub mod score;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rtmpctl::Limits;
use rtmpctl::capture::file::{Item, Packet, Reader};
use rtmpctl::capture::{Captures, Choice, LinkType};
use rtmpctl::inspect::rules::Settings;
use rtmpctl::inspect::{Event, FlowId, Inspector, Options, Place, Record, Traffic};
use rtmpctl::output::json;
use rtmpctl::output::payload::Shown;
use rtmpctl::proto::{Direction, Span};

/// The captures in testdata, by name.
pub fn captures() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 18, "{paths:?}");
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect()
}

/// A packet that owns its bytes.
#[derive(Debug, Clone)]
pub struct Owned {
    pub time: Option<i64>,
    pub link: LinkType,
    pub data: Vec<u8>,
}

/// The packets of a capture.
pub fn packets(file: &[u8]) -> Vec<Owned> {
    let mut reader = Reader::new(file).unwrap();
    let mut out = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Packet(Packet { time, link, data, .. }) = item {
            out.push(Owned { time, link, data: data.to_vec() });
        }
    }
    out
}

/// Where the TCP segment of a packet lies: the IP header, the TCP header, the payload and its end.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub ip: usize,
    pub tcp: usize,
    pub payload: usize,
    pub end: usize,
}

impl Layout {
    pub fn of(packet: &Owned) -> Option<Self> {
        let data = &packet.data;
        let (mut at, mut kind) = match packet.link.0 {
            1 => (14, u16::from_be_bytes([data[12], data[13]])),
            276 => (20, u16::from_be_bytes([data[0], data[1]])),
            101 => (0, if data[0] >> 4 == 4 { 0x800 } else { 0x86dd }),
            other => panic!("link type {other} is not known to the tests"),
        };
        while matches!(kind, 0x8100 | 0x88a8) {
            kind = u16::from_be_bytes([data[at + 2], data[at + 3]]);
            at += 4;
        }
        let (tcp, end) = match kind {
            0x0800 if data[at + 9] == 6 => {
                let total = usize::from(u16::from_be_bytes([data[at + 2], data[at + 3]]));
                (at + 4 * usize::from(data[at] & 15), at + total)
            }
            0x86dd if data[at + 6] == 6 => {
                let length = usize::from(u16::from_be_bytes([data[at + 4], data[at + 5]]));
                (at + 40, at + 40 + length)
            }
            _ => return None,
        };
        Some(Self { ip: at, tcp, payload: tcp + 4 * usize::from(data[tcp + 12] >> 4), end })
    }

    pub fn flags(&self, packet: &Owned) -> u8 {
        packet.data[self.tcp + 13]
    }

    pub const fn length(&self) -> usize {
        self.end - self.payload
    }
}

/// The packet with only the bytes `[from, to)` of its payload.
pub fn part(packet: &Owned, layout: &Layout, from: usize, to: usize) -> Owned {
    let mut data = packet.data[..layout.payload].to_vec();
    data.extend_from_slice(&packet.data[layout.payload + from..layout.payload + to]);
    let at = layout.tcp + 4;
    let sequence = u32::from_be_bytes(data[at..at + 4].try_into().unwrap());
    data[at..at + 4].copy_from_slice(&sequence.wrapping_add(from as u32).to_be_bytes());
    let removed = (layout.length() - (to - from)) as u16;
    let field = if data[layout.ip] >> 4 == 4 { layout.ip + 2 } else { layout.ip + 4 };
    let total = u16::from_be_bytes([data[field], data[field + 1]]) - removed;
    data[field..field + 2].copy_from_slice(&total.to_be_bytes());
    Owned { time: packet.time, link: packet.link, data }
}

/// Hands the traffic of packets on.
pub fn traffic(packets: &[Owned], limits: &Limits, out: &mut impl FnMut(Traffic<'_>)) {
    let mut captures = Captures::new(Choice::default(), limits);
    for (index, packet) in packets.iter().enumerate() {
        let item = Item::Packet(Packet {
            number: index as u64 + 1,
            time: packet.time,
            link: packet.link,
            data: &packet.data,
            original_length: packet.data.len() as u32,
        });
        captures.item(&item, None, out);
    }
    captures.finish(out);
}

/// What a message is, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub flow: FlowId,
    pub direction: Direction,
    pub span: Span,
    pub kind: u8,
    pub length: u32,
    pub timestamp: u32,
    pub uncertain: bool,
    pub chunk_stream: u32,
    pub message_stream: u32,
    pub hash: u64,
    pub damaged: bool,
}

impl Message {
    pub fn of(record: &Record<'_>) -> Option<Self> {
        let Event::Message(message) = &record.event else { return None };
        let raw = &message.raw;
        Some(Self {
            flow: record.connection.unwrap(),
            direction: record.direction.unwrap(),
            span: raw.span,
            kind: raw.type_id,
            length: raw.length,
            timestamp: raw.timestamp,
            uncertain: raw.timestamp_uncertain,
            chunk_stream: raw.chunk_stream_id,
            message_stream: raw.message_stream_id,
            hash: hash(raw.payload),
            damaged: !raw.damaged.is_empty(),
        })
    }
}

impl Message {
    /// Whether `other`, decoded with less at hand, says nothing else.
    pub fn same_as(&self, other: &Self) -> bool {
        let of = |m: &Self| (m.kind, m.length, m.hash, m.span, m.chunk_stream, m.direction);
        of(self) == of(other) && (other.uncertain || other.timestamp == self.timestamp)
    }
}

/// FNV-1a.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// What decoding packets gives.
#[derive(Debug, Default)]
pub struct Decoded {
    pub messages: Vec<Message>,
    /// Missing stream ranges.
    pub gaps: HashMap<(FlowId, Direction), Vec<Span>>,
    /// Bytes of each direction's stream, missing ones counted.
    pub ends: HashMap<(FlowId, Direction), u64>,
    pub findings: Vec<String>,
    /// Where the header is that says a message's length and type, as [`score::truth`] finds it: its own, or an earlier
    /// one of its chunk stream that it inherits from.
    pub says: HashMap<(FlowId, Direction, u64), Span>,
}

/// Only what the decoding itself has to say: what is judged about sessions that were made up is of no interest.
pub fn unjudged() -> Options {
    Options { rules: Settings { off: true, ..Settings::default() }, ..Options::default() }
}

/// Decodes packets, with whole payloads.
pub fn decode(packets: &[Owned]) -> Decoded {
    let limits = Limits::default();
    let options = Options { whole_media: true, ..unjudged() };
    let mut inspector = Inspector::new(options, limits.clone());
    let mut decoded = Decoded::default();
    traffic(packets, &limits, &mut |traffic| {
        match traffic {
            Traffic::Bytes { flow, direction, data, .. } => {
                *decoded.ends.entry((flow, direction)).or_default() += data.len() as u64;
            }
            Traffic::Gap { flow, direction, length: Some(length), .. } => {
                let end = decoded.ends.entry((flow, direction)).or_default();
                let span = Span { start: *end, end: *end + length };
                *end += length;
                decoded.gaps.entry((flow, direction)).or_default().push(span);
            }
            _ => {}
        }
        inspector.feed(&traffic, &mut |record| {
            decoded.messages.extend(Message::of(record));
            if let Event::Finding(finding) = record.event {
                decoded.findings.push(format!("{}: {}", finding.code, finding.message));
            }
        });
    });
    decoded
}

/// Traffic that owns its bytes.
#[derive(Debug, Clone)]
pub enum Event2 {
    Bytes { flow: FlowId, place: Place, direction: Direction, data: Vec<u8> },
    Other(Traffic<'static>),
}

/// The traffic of packets, owned, with bytes of the same direction that follow each other joined.
pub fn joined(packets: &[Owned]) -> Vec<Event2> {
    let mut out: Vec<Event2> = Vec::new();
    traffic(packets, &Limits::default(), &mut |traffic| {
        let other = match traffic {
            Traffic::Bytes { flow, place, direction, data } => {
                if let Some(Event2::Bytes { flow: f, direction: d, data: so_far, .. }) =
                    out.last_mut()
                    && (*f, *d) == (flow, direction)
                {
                    so_far.extend_from_slice(data);
                    return;
                }
                out.push(Event2::Bytes { flow, place, direction, data: data.to_vec() });
                return;
            }
            Traffic::Opened { flow, place, opened } => Traffic::Opened { flow, place, opened },
            Traffic::Gap { flow, place, direction, length, cause } => {
                Traffic::Gap { flow, place, direction, length, cause }
            }
            Traffic::Ended { flow, place, direction } => Traffic::Ended { flow, place, direction },
            Traffic::Closed { flow, place, by, how } => Traffic::Closed { flow, place, by, how },
            Traffic::Message { .. } => panic!("packets hold no tags"),
            Traffic::Tick { .. } | Traffic::Proxied { .. } => panic!("captures have none"),
            Traffic::Trouble { flow, place, finding } => Traffic::Trouble { flow, place, finding },
        };
        out.push(Event2::Other(other));
    });
    out
}

/// What the client of each connection sent, of those that the capture has from the first byte to the last.
pub fn clients(file: &[u8]) -> Vec<Vec<u8>> {
    let mut streams: Vec<(_, Vec<u8>)> = Vec::new();
    let mut incomplete = Vec::new();
    for event in joined(&packets(file)) {
        match event {
            Event2::Bytes { flow, direction: Direction::ClientToServer, data, .. } => {
                match streams.iter_mut().find(|(known, _)| *known == flow) {
                    Some((_, bytes)) => bytes.extend(data),
                    None => streams.push((flow, data)),
                }
            }
            Event2::Other(Traffic::Opened { flow, opened, .. }) if !opened.from_start => {
                incomplete.push(flow);
            }
            Event2::Other(Traffic::Gap { flow, .. }) => incomplete.push(flow),
            _ => {}
        }
    }
    streams.retain(|(flow, _)| !incomplete.contains(flow));
    streams.into_iter().map(|(_, bytes)| bytes).collect()
}

/// The JSON lines of traffic whose bytes come in pieces of the sizes that `cut` gives, without the fields that tell
/// when and in which packet.
pub fn lines(traffic: &[Event2], options: &Options, mut cut: impl FnMut() -> usize) -> Vec<String> {
    let limits = Limits::default();
    let mut options = options.clone();
    // It is about the cut.
    options.rules.severities.push(("hs.fragmented", None));
    let mut inspector = Inspector::new(options, limits.clone());
    let mut writer = json::Writer::new(Shown::default(), Vec::new(), limits);
    let mut lines = Vec::new();
    let mut feed = |traffic: &Traffic<'_>| {
        inspector.feed(traffic, &mut |record| {
            let record = Record { place: Place::default(), elapsed: None, ..*record };
            let mut line = Vec::new();
            writer.record(&mut line, &record);
            lines.push(String::from_utf8(line).unwrap());
        });
    };
    for event in traffic {
        match event {
            Event2::Other(traffic) => feed(traffic),
            Event2::Bytes { flow, place, direction, data } => {
                let mut rest = &data[..];
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(cut().clamp(1, rest.len()));
                    rest = after;
                    feed(&Traffic::Bytes {
                        flow: *flow,
                        place: *place,
                        direction: *direction,
                        data: piece,
                    });
                }
            }
        }
    }
    lines
}

/// A small generator of numbers: the same seed gives the same test.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }
}

/// A connection written packet by packet: Ethernet, IPv4.
#[derive(Debug, Clone)]
pub struct Conversation {
    client: ([u8; 4], u16),
    port: u16,
    sequence: [u32; 2],
    pub packets: Vec<Owned>,
    clock: i64,
}

impl Conversation {
    /// A connection numbered `n` to port 1935, opened by SYN and SYN ACK.
    pub fn new(n: u32) -> Self {
        Self::on(1935, n)
    }

    /// The same to another port.
    pub fn on(port: u16, n: u32) -> Self {
        let [_, a, b, c] = (n / 50_000).to_be_bytes();
        let mut it = Self {
            client: ([10, a, b, c], (10_000 + n % 50_000) as u16),
            port,
            sequence: [1000, 5000],
            packets: Vec::new(),
            clock: 0,
        };
        it.segment(Direction::ClientToServer, 2, &[]);
        it.segment(Direction::ServerToClient, 0x12, &[]);
        it.sequence = [1001, 5001];
        it
    }

    /// The same with both handshakes, all zeros.
    pub fn shaken(n: u32) -> Self {
        let mut it = Self::new(n);
        let mut packets = vec![0; 3073];
        packets[0] = 3;
        for direction in Direction::BOTH {
            it.send(direction, &packets);
        }
        it
    }

    /// Sends bytes in segments of 1,400.
    pub fn send(&mut self, direction: Direction, bytes: &[u8]) {
        self.send_by(direction, bytes, 1400);
    }

    /// Sends bytes in segments of `step`.
    pub fn send_by(&mut self, direction: Direction, bytes: &[u8], step: usize) {
        for piece in bytes.chunks(step) {
            self.segment(direction, 0x18, piece);
            self.skip(direction, piece.len() as u32);
        }
    }

    /// Goes on as if so many bytes had been sent.
    pub const fn skip(&mut self, direction: Direction, bytes: u32) {
        let sequence = &mut self.sequence[direction.index()];
        *sequence = sequence.wrapping_add(bytes);
    }

    /// The other side acknowledges all so far, often enough that nobody waits for more.
    pub fn acknowledge(&mut self, direction: Direction) {
        for _ in 0..20 {
            self.segment(direction.reverse(), 0x10, &[]);
        }
    }

    /// One packet.
    pub fn segment(&mut self, direction: Direction, flags: u8, payload: &[u8]) {
        let server = ([192, 0, 2, 1], self.port);
        let (source, target) = match direction {
            Direction::ClientToServer => (self.client, server),
            Direction::ServerToClient => (server, self.client),
        };
        let mut data = vec![0; 12];
        data.extend([8, 0, 0x45, 0]);
        data.extend((40 + payload.len() as u16).to_be_bytes());
        data.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        data.extend(source.0);
        data.extend(target.0);
        data.extend(source.1.to_be_bytes());
        data.extend(target.1.to_be_bytes());
        data.extend(self.sequence[direction.index()].to_be_bytes());
        data.extend(self.sequence[direction.reverse().index()].to_be_bytes());
        data.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        data.extend_from_slice(payload);
        self.clock += 1_000_000;
        let time = Some(1_700_000_000_000_000_000 + self.clock);
        self.packets.push(Owned { time, link: LinkType(1), data });
    }
}

/// A pcap file of packets.
pub fn file(packets: &[Owned]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(0xa1b2_3c4d_u32.to_le_bytes());
    out.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    for packet in packets {
        let time = packet.time.unwrap_or(0);
        let length = (packet.data.len() as u32).to_le_bytes();
        out.extend(((time / 1_000_000_000) as u32).to_le_bytes());
        out.extend(((time % 1_000_000_000) as u32).to_le_bytes());
        out.extend(length);
        out.extend(length);
        out.extend_from_slice(&packet.data);
    }
    out
}

/// A format 0 chunk header.
pub fn header0(id: u32, length: u32, type_id: u8, message_stream: u32) -> Vec<u8> {
    let header = rtmpctl::proto::chunk::Header {
        format: 0,
        chunk_stream_id: id,
        basic_length: 1,
        timestamp_field: Some(0),
        extended_timestamp: None,
        length: Some(length),
        type_id: Some(type_id),
        message_stream_id: Some(message_stream),
    };
    let mut out = Vec::new();
    header.encode(&mut out);
    out
}

/// A message in chunks of 128 bytes, or of what was announced.
pub fn message(
    writer: &mut rtmpctl::proto::chunk::Writer,
    id: u32,
    type_id: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    let message_stream_id = u32::from(type_id != 1);
    writer.write(
        &rtmpctl::proto::chunk::Outgoing {
            chunk_stream_id: id,
            message_stream_id,
            type_id,
            timestamp: 0,
            payload,
        },
        &mut out,
    );
    out
}
