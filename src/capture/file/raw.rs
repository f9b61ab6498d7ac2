//! Raw dumps: the bytes of one direction of a connection and nothing else, as Wireshark and tcpflow save them. What
//! they say it does not know beyond what tells one from other files, and its direction.
//!
//! Nothing marks such a file, so it is believed for what RTMP says of its own: a handshake whose packets and the chunk
//! header behind them fit, or chunk headers that follow each other from the first byte on.

use std::io::{self, Read};

use super::window::Window;
use super::{Foreign, Step};
use crate::Limits;
use crate::capture::sniff::opens_chunk;
use crate::inspect::{Framing, framing};
use crate::proto::Direction;
use crate::proto::chunk::{self, Keep, Resume};
use crate::proto::handshake::{Side, digest};
use crate::proto::message::{self, Body, EventType};
use crate::proto::proxy::{self, Prefix};

/// What a dump is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw {
    /// Whether it begins with a handshake.
    pub(super) from_start: bool,
    pub(super) direction: Direction,
}

/// A packet of the handshake, bytes.
const PACKET: usize = 1536;
/// C0 and C1, bytes.
const TWO: usize = 1 + PACKET;
/// C0, C1 and C2, bytes.
const THREE: usize = TWO + PACKET;
/// A chunk header of format 0, bytes: what is looked at of the first one.
const CHUNK: usize = 12;
/// A version, a time and a field that is zero, bytes.
const LEAST: usize = 9;

const BOTH: Foreign = Foreign::Known {
    format: "both directions of an RTMP connection in one file, mixed",
    remedy: "save one direction (in Wireshark's \"Follow TCP Stream\" choose it instead of \"Entire conversation\"), or \
             give the capture itself",
};

/// What the bytes so far show.
enum Shown {
    Dump(Dump),
    Both,
    /// Nothing yet.
    Open,
    /// They are something else.
    Other,
}

/// A dump, and how to read on in it.
#[derive(Clone, Copy)]
struct Dump {
    from_start: bool,
    /// Told by the handshake.
    direction: Option<Direction>,
    /// Where the chunks begin, and how long they are.
    chunks: usize,
    chunk_size: u32,
    proven: u32,
}

impl Dump {
    const fn shaken(ahead: usize, direction: Option<Direction>) -> Self {
        Self {
            from_start: true,
            direction,
            chunks: ahead + THREE,
            chunk_size: chunk::DEFAULT_CHUNK_SIZE,
            proven: u32::MAX,
        }
    }

    const fn inside(chunk_size: u32, proven: u32) -> Self {
        Self { from_start: false, direction: None, chunks: 0, chunk_size, proven }
    }
}

/// Tells whether the source is a dump, and of which direction. It waits for the bytes that tell, at most until the
/// source has no more of them now or [`Limits::lookahead_bytes`] are there. `forced`: what looks like nothing is one.
pub(super) fn sniff<R: Read>(
    window: &mut Window<R>,
    limits: &Limits,
    forced: bool,
) -> io::Result<Result<Raw, Foreign>> {
    let foreign = Foreign::of(window.bytes());
    if !matches!(foreign, Foreign::Unknown(_) | Foreign::Short { .. }) {
        return Ok(Err(foreign));
    }
    // Looking at the same lengths however the bytes come, each by a share longer, gives the same answer in linear time.
    let mut due = LEAST;
    let mut paused = false;
    loop {
        let had = window.len().min(limits.lookahead_bytes);
        let last = window.ended() || had == limits.lookahead_bytes;
        let ended = had <= due && (last || paused);
        if had < due && !ended {
            paused = !window.more()?;
            continue;
        }
        let bytes = &window.bytes()[..had.min(due)];
        match shown(bytes, ended) {
            Shown::Both => return Ok(Err(BOTH)),
            Shown::Dump(dump) => {
                let told = dump.direction.or_else(|| said(bytes, dump));
                if let Some(direction) = told.or_else(|| ended.then_some(Direction::ClientToServer))
                {
                    return Ok(Ok(Raw { from_start: dump.from_start, direction }));
                }
            }
            Shown::Open | Shown::Other if forced && ended && had > 0 => {
                return Ok(Ok(guess(bytes)));
            }
            Shown::Other if !forced && !paused => return Ok(Err(foreign)),
            Shown::Open | Shown::Other => {}
        }
        if ended && last {
            return Ok(Err(foreign));
        }
        if ended {
            // A pause decides what the bytes are only where they show it; otherwise more are waited for.
            paused = !window.more()?;
        } else {
            due += due / 8 + 1;
        }
    }
}

/// The next bytes, as many as are at hand.
pub(super) fn step<R: Read>(window: &mut Window<R>) -> io::Result<Step> {
    if !window.fill(1)? {
        return Ok(Step::End);
    }
    let len = window.len();
    window.consume(len);
    Ok(Step::Bytes(len))
}

/// What the bytes are; `last`: no more are waited for.
fn shown(bytes: &[u8], last: bool) -> Shown {
    if matches!(bytes.first(), Some(b'P' | b'\r')) {
        return match proxy::read(bytes) {
            Prefix::Header(header) => match bytes.get(header.length..) {
                Some(rest) if !rest.is_empty() => {
                    shaken(rest, header.length, Some(Direction::ClientToServer), last)
                }
                _ => Shown::Open,
            },
            Prefix::More => Shown::Open,
            Prefix::None | Prefix::Broken(_) => Shown::Other,
        };
    }
    // The byte of version 3 also begins a chunk on chunk stream 3.
    let handshake = matches!(bytes.first(), Some(3 | 6 | 8 | 9));
    if !handshake || opens_chunk(bytes) {
        match framing(bytes, last) {
            Framing::Chunks { chunk_size, proven } => {
                return Shown::Dump(Dump::inside(chunk_size, proven));
            }
            Framing::Open if !last => return Shown::Open,
            Framing::Open | Framing::No => {}
        }
    }
    if handshake { shaken(bytes, 0, None, last) } else { Shown::Other }
}

/// Whether bytes are a handshake, and what it tells; `ahead` bytes of a PROXY protocol header came before.
fn shaken(bytes: &[u8], ahead: usize, known: Option<Direction>, last: bool) -> Shown {
    let open = if last { Shown::Other } else { Shown::Open };
    if !matches!(bytes.first(), Some(3 | 6 | 8 | 9)) {
        return Shown::Other;
    }
    let Some(head) = bytes.get(1..LEAST) else { return open };
    let plain = head[..4] == [0; 4] || head[4..] == [0; 4];
    let signed = bytes.get(1..).and_then(signed_by);
    let direction = known.or(signed);
    let dump = || Shown::Dump(Dump::shaken(ahead, direction));
    if both(bytes) {
        return Shown::Both;
    }
    let first = bytes.get(THREE..).filter(|rest| rest.len() >= CHUNK);
    let Some(first) = first else {
        return if last && (plain || signed.is_some()) { dump() } else { open };
    };
    if bytes[0] == 3 && (plain || signed.is_some()) && opens_chunk(first) {
        return dump();
    }
    // What may be S1 shows itself in what may be S2.
    if !last && bytes[TWO] == bytes[0] && bytes.len() < TWO + THREE {
        return open;
    }
    // Encrypted chunks show nothing, nor do damaged ones.
    if signed.is_some() {
        return dump();
    }
    match framing(first, last) {
        Framing::Chunks { .. } => dump(),
        Framing::Open if !last => Shown::Open,
        Framing::Open | Framing::No => Shown::Other,
    }
}

/// Who signed C1 or S1 at the front of the bytes.
fn signed_by(bytes: &[u8]) -> Option<Direction> {
    let packet = bytes.first_chunk()?;
    let by = |side| digest::find(packet, side).is_some();
    if by(Side::Client) {
        Some(Direction::ClientToServer)
    } else if by(Side::Server) {
        Some(Direction::ServerToClient)
    } else {
        None
    }
}

/// Whether S0, S1 and S2 follow on C0 and C1, as where both directions are saved in the order of their packets.
fn both(bytes: &[u8]) -> bool {
    let (Some(one), Some([version, two @ ..])) = (bytes.get(1..TWO), bytes.get(TWO..)) else {
        return false;
    };
    if *version != bytes[0] {
        return false;
    }
    // The second packet behind it echoes the first one, or it is signed.
    let echoes = two.get(PACKET + 8..2 * PACKET).is_some_and(|echo| *echo == one[8..]);
    if echoes || signed_by(two).is_some() {
        return true;
    }
    let zero = two.get(4..8).is_some_and(|zero| zero == [0; 4]);
    zero && !bytes.get(THREE..).is_some_and(opens_chunk)
}

/// What the first messages say of the direction.
fn said(bytes: &[u8], dump: Dump) -> Option<Direction> {
    let mut rest = bytes.get(dump.chunks..)?;
    let limits = Limits { partial_bytes: bytes.len(), ..Limits::default() };
    let keep = Keep { head: 64, whole: message::needs_whole };
    let mut reader = chunk::Reader::new(0, keep, &limits);
    if !dump.from_start {
        let Dump { chunk_size, proven, .. } = dump;
        reader.resume(&Resume { offset: 0, chunk_size, announced: false, proven, trusted: &[] });
    }
    let mut first = dump.from_start;
    while let Ok(Some(item)) = reader.next(&mut rest) {
        let chunk::Item::Message(message) = item else { continue };
        let (kind, payload) = (message.type_id, message.payload);
        let told = match kind {
            // Clients only answer with it.
            5 if first => Some(Direction::ServerToClient),
            6 => Some(Direction::ServerToClient),
            4 | 15 | 17 | 18 | 20 => {
                body(&message::decode(kind, payload, message.length, &limits).0)
            }
            _ => None,
        };
        if told.is_some() {
            return told;
        }
        first = false;
    }
    None
}

/// Who sends a message that says this.
fn body(body: &Body) -> Option<Direction> {
    let (client, server) = (Some(Direction::ClientToServer), Some(Direction::ServerToClient));
    match body {
        Body::Command(command) => match command.name() {
            "connect" | "createStream" | "releaseStream" | "FCPublish" | "FCUnpublish"
            | "FCSubscribe" | "publish" | "play" | "play2" | "pause" | "seek" | "receiveAudio"
            | "receiveVideo" | "deleteStream" | "closeStream" | "getStreamLength" | "_checkbw" => {
                client
            }
            "_result" | "_error" | "onStatus" | "onBWDone" | "onFCPublish" | "onFCUnpublish"
            | "onFCSubscribe" => server,
            _ => None,
        },
        Body::Data(data) => match data.name() {
            "@setDataFrame" | "@clearDataFrame" => client,
            "onMetaData" | "|RtmpSampleAccess" | "onStatus" => server,
            _ => None,
        },
        Body::UserControl(event) => match event.event_type? {
            EventType::SetBufferLength
            | EventType::PingResponse
            | EventType::SwfVerificationResponse => client,
            EventType::Unknown(_) => None,
            _ => server,
        },
        _ => None,
    }
}

/// What is taken for a dump because somebody says so.
fn guess(bytes: &[u8]) -> Raw {
    let from_start = matches!(bytes.first(), Some(3 | 6 | 8 | 9)) && !opens_chunk(bytes);
    let dump = if from_start { Dump::shaken(0, None) } else { Dump::inside(4096, u32::MAX) };
    let direction = said(bytes, dump).unwrap_or(Direction::ClientToServer);
    Raw { from_start, direction }
}
