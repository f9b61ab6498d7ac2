//! Which segments belong to which connection, who its client is, and whether it is RTMP.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::network::{self, Network};
use super::packet::{ACK, Endpoint, FIN, FlowKey, RST, SYN, Segment};
use super::recent::Recent;
use super::tcp::{Data, Half, Piece};
use crate::Limits;
use crate::inspect::{
    CloseKind, ClosedBy, Finding, FlowId, Opened, Place, Severity, Traffic, Transport,
};
use crate::proto::Direction;
use crate::proto::proxy::{self, Prefix};

/// The TCP connections of a capture.
#[derive(Debug)]
pub(super) struct Flows {
    table: HashMap<FlowKey, u32, Seeded>,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<u32>,
    /// The connection of the last segment: the next one is often of the same.
    last: Option<(FlowKey, u32)>,
    opened: FlowId,
    choice: Choice,
    limits: Limits,
    /// Bytes held beyond holes by all connections.
    held: usize,
    /// Segments seen, as a measure of how long a connection has been silent.
    clock: u64,
    /// What was seen besides.
    pub(super) counts: FlowCounts,
}

/// Which connections to take for RTMP besides those that open with its handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those with one of these ports, besides 1935.
    pub ports: Vec<u16>,
    /// All.
    pub all: bool,
}

/// The port that RTMP is registered for.
const RTMP_PORT: u16 = 1935;

/// TCP that is not RTMP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// TCP connections that are not RTMP.
    pub other_connections: u64,
    /// Their segments.
    pub other_segments: u64,
}

/// In the table instead of an index: not RTMP. A new SYN makes it a new connection.
const OTHER: u32 = u32::MAX;
/// The same: RTMP that is over.
const OVER: u32 = OTHER - 1;

#[derive(Debug)]
struct Conn {
    key: FlowKey,
    /// The ends in the key's order.
    ends: [Endpoint; 2],
    halves: [Half; 2],
    network: Network,
    /// The initial sequence numbers, where the SYNs were seen.
    initial: [Option<u32>; 2],
    /// Which end opened the connection, where that is known.
    client: Option<usize>,
    /// Who sent a FIN first.
    closer: Option<usize>,
    ended: [bool; 2],
    first: Place,
    seen_at: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not known to be RTMP; what came is kept until it is.
    Undecided(Vec<Kept>),
    /// RTMP; `None` until the first byte tells whether it is seen from its start.
    Rtmp(Option<FlowId>),
    /// Not RTMP.
    Other,
}

/// Bytes that came before the decision.
#[derive(Debug)]
struct Kept {
    side: usize,
    place: Place,
    bytes: Box<[u8]>,
}

/// Bytes kept of an undecided connection. A handshake shows within the first 1,537.
const MOST_KEPT: usize = 8 << 10;

impl Flows {
    /// A table that decodes what `choice` says besides what shows itself.
    #[must_use]
    pub(super) fn new(choice: Choice, limits: Limits) -> Self {
        Self {
            table: HashMap::with_hasher(Seeded::default()),
            conns: Vec::new(),
            free: Vec::new(),
            last: None,
            opened: 0,
            choice,
            limits,
            held: 0,
            clock: 0,
            counts: FlowCounts::default(),
        }
    }

    /// RTMP connections seen so far.
    #[must_use]
    pub(super) const fn opened(&self) -> u32 {
        self.opened
    }

    /// Takes a segment; `out` gets what it brings.
    #[inline]
    pub(super) fn segment(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        self.clock += 1;
        let (key, first) = segment.flow();
        let side = usize::from(!first);
        let index = match self.last {
            Some((last, index)) if last == key => index,
            _ => match self.table.get(&key) {
                Some(&index) => {
                    self.last = Some((key, index));
                    index
                }
                None => self.create(key, side, segment, place, out),
            },
        };
        let Some(Some(conn)) = self.conns.get_mut(index as usize) else {
            self.counts.other_segments += u64::from(index == OTHER);
            self.settled(key, side, segment, place, out);
            return;
        };
        conn.seen_at = self.clock;
        let data = !segment.payload.is_empty() || segment.missing > 0;
        let mut shared =
            Shared { opened: &mut self.opened, choice: &self.choice, limits: &self.limits };
        if segment.flags & (SYN | FIN | RST) == 0 {
            // The common case: data or an acknowledgement.
            if segment.window == 0 || conn.network.watching {
                conn.network.watch(side, conn.client == Some(side), segment, place.at);
            }
            if data {
                conn.data(side, segment, place, &mut self.held, &mut shared, out);
            }
            conn.acknowledge(side, segment, place, &mut self.held, &mut shared, out);
            if matches!(conn.state, State::Other) || conn.is_over() {
                self.leave(index, place, out);
            }
            return;
        }
        self.control(index, side, segment, place, out);
    }

    /// A segment that opens or closes.
    #[cold]
    fn control(
        &mut self,
        index: u32,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        let Some(Some(conn)) = self.conns.get_mut(index as usize) else { return };
        if segment.has(SYN) {
            let again = conn.initial[side] == Some(segment.seq);
            let reused = !segment.has(ACK) && !again && conn.halves[side].started();
            if reused {
                let key = conn.key;
                self.close(index, ClosedBy::Rtmpctl, CloseKind::Timeout, place, out);
                self.table.remove(&key);
                self.last = None;
                let index = self.create(key, side, segment, place, out);
                self.control(index, side, segment, place, out);
                return;
            }
            conn.network.syn(segment, again, place.at);
            if !again && !conn.halves[side].started() {
                conn.initial[side] = Some(segment.seq);
                conn.halves[side].start(segment.seq.wrapping_add(1));
                conn.client = Some(if segment.has(ACK) { 1 - side } else { side });
            }
        }
        let mut shared =
            Shared { opened: &mut self.opened, choice: &self.choice, limits: &self.limits };
        if segment.has(SYN) && matches!(conn.state, State::Rtmp(None)) {
            conn.open(true, &mut shared, out);
        }
        if !segment.payload.is_empty() || segment.missing > 0 {
            conn.data(side, segment, place, &mut self.held, &mut shared, out);
        }
        conn.acknowledge(side, segment, place, &mut self.held, &mut shared, out);
        if segment.has(FIN) {
            let length =
                segment.payload.len() as u32 + segment.missing + u32::from(segment.has(SYN));
            conn.closer.get_or_insert(side);
            conn.halves[side].fin(segment.seq.wrapping_add(length));
        }
        if segment.has(RST) {
            let (by, how) = match conn.closer {
                Some(closer) => (conn.closed_by(closer), CloseKind::Fin),
                None => (conn.closed_by(side), CloseKind::Rst),
            };
            if how == CloseKind::Rst
                && let State::Rtmp(Some(flow)) = conn.state
            {
                let finding = network::reset(conn.direction(side));
                out(Traffic::Trouble { flow: Some(flow), place, finding });
            }
            self.close(index, by, how, place, out);
            return;
        }
        if conn.is_over() || matches!(conn.state, State::Other) {
            self.leave(index, place, out);
        } else {
            conn.announce_ends(place, out);
        }
    }

    /// The connection has shown itself to be something else, or both directions have ended.
    #[cold]
    fn leave(&mut self, index: u32, place: Place, out: &mut impl FnMut(Traffic<'_>)) {
        let Some(Some(conn)) = self.conns.get(index as usize) else { return };
        let by = conn.closer.map_or(ClosedBy::Both, |closer| conn.closed_by(closer));
        self.close(index, by, CloseKind::Fin, place, out);
    }

    /// A segment of a connection that is over or not RTMP.
    fn settled(
        &mut self,
        key: FlowKey,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        if segment.has(SYN) && !segment.has(ACK) {
            self.table.remove(&key);
            self.last = None;
            let index = self.create(key, side, segment, place, out);
            self.control(index, side, segment, place, out);
        }
    }

    #[cold]
    fn create(
        &mut self,
        key: FlowKey,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        out: &mut impl FnMut(Traffic<'_>),
    ) -> u32 {
        self.make_room(place, out);
        let mut ends = [segment.src, segment.dst];
        if side == 1 {
            ends.reverse();
        }
        let on_port =
            |end: &Endpoint| end.port == RTMP_PORT || self.choice.ports.contains(&end.port);
        let state = if self.choice.all || ends.iter().any(on_port) {
            State::Rtmp(None)
        } else {
            State::Undecided(Vec::new())
        };
        let conn = Conn {
            key,
            ends,
            halves: [Half::default(), Half::default()],
            network: Network::default(),
            initial: [None, None],
            client: None,
            closer: None,
            ended: [false, false],
            first: place,
            seen_at: self.clock,
            state,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.conns[index as usize] = Some(Box::new(conn));
                index
            }
            None => {
                self.conns.push(Some(Box::new(conn)));
                self.conns.len() as u32 - 1
            }
        };
        self.table.insert(key, index);
        self.last = Some((key, index));
        index
    }

    /// The number of a connection that has been reported.
    fn flow(&self, index: u32) -> Option<FlowId> {
        match self.conns.get(index as usize)?.as_ref()?.state {
            State::Rtmp(flow) => flow,
            State::Undecided(_) | State::Other => None,
        }
    }

    /// Keeps both tables within their limits: the connections silent longest go, those that are not RTMP first.
    fn make_room(&mut self, place: Place, out: &mut impl FnMut(Traffic<'_>)) {
        let live = self.conns.len() - self.free.len();
        if live >= self.limits.rtmp_connections {
            let mut order: Vec<(bool, u64, u32)> = self
                .conns
                .iter()
                .enumerate()
                .filter_map(|(index, conn)| {
                    let conn = conn.as_ref()?;
                    Some((matches!(conn.state, State::Rtmp(_)), conn.seen_at, index as u32))
                })
                .collect();
            order.sort_unstable();
            order.truncate((live / 8).max(1));
            for (rtmp, _, index) in order {
                if rtmp && let Some(flow) = self.flow(index) {
                    let text = format!(
                        "the connection silent longest is given up, because {} are open at once (limit rtmp_connections)",
                        self.limits.rtmp_connections
                    );
                    let finding = Finding::new("limit.rtmp-connections", Severity::Error, text);
                    out(Traffic::Trouble { flow: Some(flow), place, finding });
                }
                self.close(index, ClosedBy::Rtmpctl, CloseKind::Timeout, place, out);
            }
        }
        if self.table.len() - live.min(self.table.len()) >= self.limits.other_connections {
            self.table.retain(|_, index| *index < OVER);
            self.last = None;
        }
    }

    /// Ends a connection: what is held comes out, holes are declared, and its place is free.
    #[cold]
    fn close(
        &mut self,
        index: u32,
        by: ClosedBy,
        how: CloseKind,
        place: Place,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        let Some(mut conn) = self.conns.get_mut(index as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(index);
        let rtmp = matches!(conn.state, State::Rtmp(_));
        self.table.insert(conn.key, if rtmp { OVER } else { OTHER });
        self.last = None;
        let mut shared =
            Shared { opened: &mut self.opened, choice: &self.choice, limits: &self.limits };
        conn.end(place, &mut self.held, &mut shared, out);
        match conn.state {
            State::Rtmp(Some(flow)) => {
                let sides = [0, 1].map(|side| (conn.direction(side), conn.halves[side].counts));
                conn.network.findings(sides, place.at, |finding| {
                    out(Traffic::Trouble { flow: Some(flow), place, finding });
                });
                out(Traffic::Closed { flow, place, by, how });
            }
            State::Rtmp(None) => {}
            State::Undecided(_) | State::Other => self.counts.other_connections += 1,
        }
    }

    /// The capture is over, and with it every connection.
    pub(super) fn finish(&mut self, place: Place, out: &mut impl FnMut(Traffic<'_>)) {
        let mut order: Vec<u32> = (0..self.conns.len() as u32).collect();
        order.sort_by_key(|&index| self.flow(index).unwrap_or(FlowId::MAX));
        for index in order {
            let (by, how) = match self.conns.get(index as usize) {
                Some(Some(conn)) => match conn.closer {
                    Some(closer) => (conn.closed_by(closer), CloseKind::Fin),
                    None => (ClosedBy::CaptureEnd, CloseKind::End),
                },
                _ => continue,
            };
            self.close(index, by, how, place, out);
        }
    }
}

/// What a connection needs of the table that it is in.
struct Shared<'s> {
    opened: &'s mut FlowId,
    choice: &'s Choice,
    limits: &'s Limits,
}

impl Conn {
    #[inline]
    fn data(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        held: &mut usize,
        shared: &mut Shared<'_>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        let sequence = segment.seq.wrapping_add(u32::from(segment.has(SYN)));
        let data = Data {
            sequence,
            payload: segment.payload,
            missing: segment.missing,
            tick: place.at.map(Recent::tick),
        };
        if self.halves[side].in_order(&data) {
            self.piece(side, Piece::Bytes(segment.payload), place, shared, out);
            return;
        }
        let mut half = std::mem::take(&mut self.halves[side]);
        half.segment(data, shared.limits, held, &mut |piece| {
            self.piece(side, piece, place, shared, out)
        });
        self.halves[side] = half;
    }

    #[inline]
    fn acknowledge(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        held: &mut usize,
        shared: &mut Shared<'_>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        if !segment.has(ACK) || self.halves[1 - side].settled(segment.ack) {
            return;
        }
        let mut half = std::mem::take(&mut self.halves[1 - side]);
        half.acknowledged(segment.ack, held, &mut |piece| {
            self.piece(1 - side, piece, place, shared, out)
        });
        self.halves[1 - side] = half;
    }

    /// What reassembly gives for the bytes that `side` sent.
    #[inline]
    fn piece(
        &mut self,
        side: usize,
        piece: Piece<'_>,
        place: Place,
        shared: &mut Shared<'_>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        if let State::Rtmp(Some(flow)) = self.state {
            let direction = self.direction(side);
            match piece {
                Piece::Bytes(data) => out(Traffic::Bytes { flow, place, direction, data }),
                Piece::Gap(length, cause) => {
                    out(Traffic::Gap { flow, place, direction, length, cause });
                }
            }
            return;
        }
        self.early_piece(side, piece, place, shared, out);
    }

    /// The same before it is known what the connection is.
    #[cold]
    fn early_piece(
        &mut self,
        side: usize,
        piece: Piece<'_>,
        place: Place,
        shared: &mut Shared<'_>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        match &mut self.state {
            State::Rtmp(None) => {
                let opens = match piece {
                    Piece::Bytes(bytes) => opens_handshake(bytes),
                    Piece::Gap(..) => false,
                };
                if opens && self.client.is_none() {
                    self.client = Some(side);
                }
                self.open(opens, shared, out);
                self.piece(side, piece, place, shared, out);
            }
            State::Undecided(kept) => {
                let Piece::Bytes(bytes) = piece else {
                    self.state = State::Other;
                    return;
                };
                let room = MOST_KEPT.saturating_sub(kept.iter().map(|kept| kept.bytes.len()).sum());
                let first = kept.is_empty();
                let inside = first && self.client.is_none() && opens_chunk(bytes);
                if inside
                    || first && !matches!(bytes[0], 3 | 6 | 8 | 9 | b'P' | b'\r')
                    || bytes.len() > room && !first
                {
                    self.state = State::Other;
                    return;
                }
                kept.push(Kept { side, place, bytes: bytes.into() });
                match decide(kept) {
                    None => {}
                    Some(false) => self.state = State::Other,
                    Some(true) => {
                        let kept = std::mem::take(kept);
                        self.client.get_or_insert(kept[0].side);
                        self.open(true, shared, out);
                        for Kept { side, place, bytes } in kept {
                            self.piece(side, Piece::Bytes(&bytes), place, shared, out);
                        }
                    }
                }
            }
            State::Rtmp(Some(_)) | State::Other => {}
        }
    }

    /// It is RTMP: says so, at the place of its first packet.
    fn open(
        &mut self,
        from_start: bool,
        shared: &mut Shared<'_>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        *shared.opened += 1;
        let flow = *shared.opened;
        self.state = State::Rtmp(Some(flow));
        let client = *self.client.get_or_insert_with(|| {
            let served =
                |end: &Endpoint| end.port == RTMP_PORT || shared.choice.ports.contains(&end.port);
            match self.ends.each_ref().map(served) {
                [true, false] => 1,
                [false, true] => 0,
                _ => usize::from(self.ends[1].port > self.ends[0].port),
            }
        });
        let opened = Opened {
            client: Some(self.ends[client].into()),
            server: Some(self.ends[1 - client].into()),
            from_start,
            transport: Transport::Rtmp,
        };
        out(Traffic::Opened { flow, place: self.first, opened });
    }

    fn direction(&self, side: usize) -> Direction {
        if self.client == Some(side) {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        }
    }

    fn closed_by(&self, side: usize) -> ClosedBy {
        if self.client == Some(side) { ClosedBy::Client } else { ClosedBy::Server }
    }

    /// Both directions have ended.
    #[inline]
    fn is_over(&self) -> bool {
        self.closer.is_some() && self.halves.iter().all(Half::finished)
    }

    /// Says of each direction once that it has ended.
    fn announce_ends(&mut self, place: Place, out: &mut impl FnMut(Traffic<'_>)) {
        let State::Rtmp(Some(flow)) = self.state else { return };
        for side in 0..2 {
            if !self.ended[side] && self.halves[side].finished() {
                self.ended[side] = true;
                out(Traffic::Ended { flow, place, direction: self.direction(side) });
            }
        }
    }

    fn end(
        &mut self,
        place: Place,
        held: &mut usize,
        shared: &mut Shared<'_>,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        for side in 0..2 {
            let mut half = std::mem::take(&mut self.halves[side]);
            half.end(held, &mut |piece| self.piece(side, piece, place, shared, out));
            self.halves[side] = half;
        }
    }
}

/// Whether a direction that is seen without its SYN begins with C0 and C1 all the same, or inside the chunk stream:
/// 0x03 is also the first byte of a format 0 chunk on chunk stream 3.
fn opens_handshake(bytes: &[u8]) -> bool {
    if let Prefix::Header(_) = proxy::read(bytes) {
        return true;
    }
    matches!(bytes.first(), Some(3 | 6 | 8)) && bytes.len() >= 9 && !opens_chunk(bytes)
}

/// Whether what may be C0 and C1 is rather the header of a format 0 chunk.
fn opens_chunk(bytes: &[u8]) -> bool {
    bytes.get(7).is_some_and(|&type_id| matches!(type_id, 1..=6 | 8 | 9 | 15..=20 | 22))
        && bytes.get(9..12).is_some_and(|high| high == [0, 0, 0] || high == [0, 0, 1])
        && bytes.get(4) == Some(&0)
}

/// Whether the bytes so far are those of an RTMP handshake; `None` where more are needed.
fn decide(kept: &[Kept]) -> Option<bool> {
    let opener = kept[0].side;
    let sent = |side: usize| {
        kept.iter().filter(|kept| kept.side == side).map(|kept| kept.bytes.len()).sum::<usize>()
    };
    let joined: Vec<u8>;
    let mut bytes = &kept[0].bytes[..];
    let mut ahead = 0;
    if matches!(bytes[0], b'P' | b'\r') {
        let all = kept.iter().filter(|kept| kept.side == opener).flat_map(|kept| &kept.bytes[..]);
        joined = all.copied().collect();
        match proxy::read(&joined) {
            Prefix::Header(header) => ahead = header.length,
            Prefix::More => return None,
            Prefix::None | Prefix::Broken(_) => return Some(false),
        }
        bytes = joined.get(ahead..).unwrap_or_default();
        match bytes.first() {
            None => return None,
            Some(3 | 6 | 8 | 9) => {}
            Some(_) => return Some(false),
        }
    }
    // TPKT (remote desktop, H.323) begins with the same byte, and its length says so.
    if bytes.len() > 4
        && bytes[1] == 0
        && usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) == bytes.len()
    {
        return Some(false);
    }
    if sent(opener) >= ahead + 1537 {
        return Some(true);
    }
    let answer = kept.iter().find(|kept| kept.side != opener)?;
    if answer.bytes[0] != bytes[0] {
        return Some(false);
    }
    // S0 and S1 may come as soon as C0 is there.
    (sent(1 - opener) >= 1537).then_some(true)
}

/// Hashes connections with a seed of this process, so that no capture can be made to collide.
#[derive(Debug, Clone)]
struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folded;
    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

/// A folded multiplication a word.
#[derive(Debug)]
struct Folded(u64);

impl Hasher for Folded {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product =
            u128::from(self.0 ^ word) * u128::from(0x9e37_79b9_7f4a_7c15u64 | self.0 << 1 & 0xff00);
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }
}
