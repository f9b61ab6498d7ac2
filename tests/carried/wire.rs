//! TCP streams of recorded captures, to be sent again as other packets; and what is told of packets.

use std::collections::HashMap;
use std::path::PathBuf;

use rtmpctl::Limits;
use rtmpctl::capture::file::{Item, Packet};
use rtmpctl::capture::{Captures, Choice};
use rtmpctl::inspect::{Inspector, Options, Traffic};
use rtmpctl::output::json::Writer;
use rtmpctl::output::payload::{Form, Shown};
use rtmpctl::proto::Direction;
use serde_json::Value;

use super::rig::{self, Conversation, Layout, Owned};

pub const C2S: Direction = Direction::ClientToServer;
pub const S2C: Direction = Direction::ServerToClient;
pub const FIN: u8 = 0x11;
pub const RST: u8 = 0x14;

/// What both sides of a TCP connection send, in turn.
pub type Turns = Vec<(Direction, Vec<u8>)>;

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// The packets of a capture in `testdata/carried`.
pub fn recorded(name: &str) -> Vec<Owned> {
    let path = testdata(&format!("carried/{name}.pcap"));
    rig::packets(&std::fs::read(path).unwrap())
}

/// Its secrets.
pub fn keys(name: &str) -> Vec<u8> {
    std::fs::read(testdata(&format!("carried/{name}.keys"))).unwrap_or_default()
}

/// The TCP connections of packets, in the order of their SYNs; of each what both sides send. Nothing may be missing or late.
pub fn streams(packets: &[Owned]) -> Vec<Turns> {
    let mut found: HashMap<[Vec<u8>; 2], (usize, Direction, u32)> = HashMap::new();
    let mut out: Vec<Turns> = Vec::new();
    for packet in packets {
        let layout = Layout::of(packet).unwrap();
        let data = &packet.data;
        let end = |at: usize, port: usize| [&data[at..at + 4], &data[port..port + 2]].concat();
        let source = end(layout.ip + 12, layout.tcp);
        let target = end(layout.ip + 16, layout.tcp + 2);
        let number = u32::from_be_bytes(data[layout.tcp + 4..layout.tcp + 8].try_into().unwrap());
        if layout.flags(packet) & 2 != 0 {
            let (index, direction) = match found.get(&[target.clone(), source.clone()]) {
                Some(&(index, ..)) => (index, S2C),
                None => (out.len(), C2S),
            };
            out.resize(out.len().max(index + 1), Vec::new());
            found.insert([source, target], (index, direction, number.wrapping_add(1)));
            continue;
        }
        let (index, direction, next) = found.get_mut(&[source, target]).unwrap();
        let payload = &data[layout.payload..layout.end];
        // Keep-alives and what is sent again are no news.
        let known = next.wrapping_sub(number) as usize;
        if payload.is_empty() || known >= payload.len() && known < 1 << 20 {
            continue;
        }
        assert_eq!(known, 0, "the capture lacks nothing");
        *next = next.wrapping_add(payload.len() as u32);
        out[*index].push((*direction, payload.to_vec()));
    }
    out
}

/// The first TCP connection of a capture in `testdata/carried`.
pub fn turns(name: &str) -> Turns {
    streams(&recorded(name)).swap_remove(0)
}

/// What both sides say on that connection, and how it ends.
pub fn say(mut to: Conversation, turns: &[(Direction, Vec<u8>)], step: usize) -> Conversation {
    for (direction, bytes) in turns {
        to.send_by(*direction, bytes, step);
    }
    to
}

/// The same, on a connection to that port which then closes.
pub fn packets(port: u16, n: u32, turns: &[(Direction, Vec<u8>)], step: usize) -> Vec<Owned> {
    let mut it = say(Conversation::on(port, n), turns, step);
    it.segment(C2S, FIN, &[]);
    it.skip(C2S, 1);
    it.segment(S2C, FIN, &[]);
    it.packets
}

/// Packets of connections at the same time, one of each in turn.
pub fn interleaved(connections: &[Vec<Owned>]) -> Vec<Owned> {
    let most = connections.iter().map(Vec::len).max().unwrap();
    (0..most).flat_map(|n| connections.iter().filter_map(move |c| c.get(n).cloned())).collect()
}

/// Records of a run, as JSON.
#[derive(Debug, Clone)]
pub struct Told(pub Vec<Value>);

/// Decodes packets with secrets that are there from the beginning.
pub fn told(packets: &[Owned], keys: &[u8]) -> Told {
    told_with(packets, &[(0, keys)], Choice::default())
}

/// Decodes packets; secrets are given ahead of the packet with that index, or of the end.
pub fn told_with(packets: &[Owned], keys: &[(usize, &[u8])], choice: Choice) -> Told {
    told_within(packets, keys, choice, &Limits::default())
}

/// The same within limits.
pub fn told_within(
    packets: &[Owned],
    keys: &[(usize, &[u8])],
    choice: Choice,
    limits: &Limits,
) -> Told {
    let options = Options { whole_media: true, ..rig::unjudged() };
    let mut inspector = Inspector::new(options, limits.clone());
    let shown = Shown { form: Form::Base64, most: None };
    let mut writer = Writer::new(shown, Vec::new(), limits.clone());
    let mut captures = Captures::new(choice, limits);
    let mut records = Vec::new();
    let mut out = |traffic: Traffic<'_>| {
        inspector.feed(&traffic, &mut |record| {
            let mut line = Vec::new();
            writer.record(&mut line, record);
            records.push(serde_json::from_slice(&line).unwrap());
        });
    };
    let give = |captures: &mut Captures, now: usize| {
        for (_, keys) in keys.iter().filter(|(at, _)| *at == now) {
            captures.add_secrets(keys);
        }
    };
    for (index, packet) in packets.iter().enumerate() {
        give(&mut captures, index);
        let item = Item::Packet(Packet {
            number: index as u64 + 1,
            time: packet.time,
            link: packet.link,
            data: &packet.data,
            original_length: packet.data.len() as u32,
        });
        captures.item(&item, None, &mut out);
    }
    give(&mut captures, packets.len());
    captures.finish(&mut out);
    Told(records)
}

impl Told {
    /// The records of a kind, in all connections.
    pub fn events<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |record| record["event"] == event)
    }

    /// What is said of all connections but of the network, as `code: message`.
    pub fn findings(&self) -> Vec<String> {
        let text = |record: &Value, field: &str| record[field].as_str().unwrap().to_owned();
        self.events("finding")
            .map(|record| format!("{}: {}", text(record, "code"), text(record, "message")))
            .filter(|finding| !finding.starts_with("tcp."))
            .collect()
    }

    /// The codes of it.
    pub fn codes(&self) -> Vec<String> {
        let code = |finding: String| finding.split(':').next().unwrap().to_owned();
        self.findings().into_iter().map(code).collect()
    }

    /// Numbers, transports of the connections, in the order in which they were told of.
    pub fn opened(&self) -> Vec<(u64, String)> {
        self.events("connection_opened")
            .map(|record| {
                let transport = record["transport"].as_str().unwrap();
                (record["connection"].as_u64().unwrap(), transport.to_owned())
            })
            .collect()
    }

    /// What connection `n` carries each way: handshake packets and messages, without what tells when they came.
    pub fn content(&self, n: u64) -> [Vec<String>; 2] {
        ["c2s", "s2c"].map(|direction| {
            let mine = |record: &&Value| {
                let is = record["event"] == "message" || record["event"] == "handshake";
                is && record["connection"] == n && record["direction"] == direction
            };
            self.0.iter().filter(mine).map(bare).collect()
        })
    }

    /// That each connection is told of whole, and that they are numbered from 1 without a hole.
    #[track_caller]
    pub fn check(&self) {
        let mut numbers = self.check_each();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    }

    /// That each connection is opened, closed and summed up once, with nothing behind that. Gives their numbers.
    #[track_caller]
    pub fn check_each(&self) -> Vec<u64> {
        let numbers: Vec<u64> = self.opened().into_iter().map(|(number, _)| number).collect();
        let mut events: HashMap<u64, Vec<&str>> = HashMap::new();
        for record in &self.0 {
            if let Some(n) = record["connection"].as_u64() {
                events.entry(n).or_default().push(record["event"].as_str().unwrap());
            }
        }
        assert_eq!(events.len(), numbers.len(), "each is opened once");
        for (n, events) in events {
            let count = |event| events.iter().filter(|e| **e == event).count();
            assert_eq!(count("connection_opened"), 1, "{n}");
            assert_eq!(events[0], "connection_opened", "{n}");
            assert_eq!((count("connection_closed"), count("summary")), (1, 1), "{n}");
            assert_eq!(&events[events.len() - 2..], ["connection_closed", "summary"], "{n}");
        }
        numbers
    }

    /// That connection `n` carries the same as connection `m` of another run.
    #[track_caller]
    pub fn assert_carries(&self, n: u64, other: &Self, m: u64, what: &str) {
        let (got, want) = (self.content(n), other.content(m));
        for side in 0..2 {
            assert!(want[side].len() > 3, "{what}");
            for (got, want) in got[side].iter().zip(&want[side]) {
                assert_eq!(got, want, "{what}");
            }
            assert_eq!(got[side].len(), want[side].len(), "{what}: {:?}", self.findings());
        }
    }
}

/// A record without what tells when it came and what else was told.
fn bare(record: &Value) -> String {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    // What rests on the other direction is unknown where that is late.
    let rest = ["seq", "connection", "time", "elapsed", "frame", "digest", "echoes_peer"];
    for field in rest {
        fields.remove(field);
    }
    if let Some(command) = fields.get_mut("command").and_then(Value::as_object_mut) {
        command.remove("reply_to");
    }
    record.to_string()
}
