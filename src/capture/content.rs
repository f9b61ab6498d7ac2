//! What one TCP connection carries: told by its first bytes, and handed on as the traffic of an RTMP connection. Knows no
//! packets.

use super::flows::Shared;
use super::packet::Endpoint;
use super::tcp::Piece;
use crate::inspect::{CloseKind, ClosedBy, FlowId, GapCause, Opened, Place, Traffic, Transport};
use crate::proto::Direction;
use crate::proto::proxy::{self, Prefix};

/// The content of one TCP connection. Its ends are called sides, 0 and 1, until it is known who the client is.
#[derive(Debug)]
pub(super) struct Content {
    ends: [Endpoint; 2],
    /// Which side opened the connection, where that is known.
    client: Option<usize>,
    /// Where its first packet was.
    first: Place,
    /// One of its ports is RTMP's: it is told of whatever it carries.
    expected: bool,
    /// Its beginning is in the capture.
    from_start: bool,
    /// The number that it has, or will have once it is told of.
    flow: Option<FlowId>,
    ended: [bool; 2],
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not known yet; what came is kept until it is.
    Undecided(Vec<Kept>),
    /// RTMP, which has been told.
    Rtmp(FlowId),
    /// Nothing to tell of.
    Other,
}

/// What came before the decision.
#[derive(Debug)]
struct Kept {
    side: usize,
    place: Place,
    bytes: Box<[u8]>,
    /// Bytes that are missing behind them.
    missing: u64,
    cause: GapCause,
}

impl Kept {
    const fn length(&self) -> u64 {
        self.bytes.len() as u64 + self.missing
    }
}

/// What a connection's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    More,
    Rtmp,
    Other,
}

/// Bytes kept of an undecided connection. A handshake shows within the first 1,537.
const MOST_KEPT: u64 = 8 << 10;
/// C0 and C1, in bytes.
const FIRST_PACKETS: u64 = 1537;
/// Bytes that tell a handshake from a chunk header.
const SNIFF: usize = 9;

impl Content {
    /// `expected` where a port says that it is RTMP; `first` is the place of the first packet.
    pub(super) const fn new(ends: [Endpoint; 2], first: Place, expected: bool) -> Self {
        Self {
            ends,
            client: None,
            first,
            expected,
            from_start: false,
            flow: None,
            ended: [false, false],
            state: State::Undecided(Vec::new()),
        }
    }

    /// `client` has sent a SYN, or got the answer to one: the beginning is in the capture.
    pub(super) fn begins(&mut self, client: usize, shared: &mut Shared) {
        self.client = Some(client);
        self.from_start = true;
        self.reserve(shared);
    }

    /// What is told of in any case is numbered where it appears, though what it is shows later.
    fn reserve(&mut self, shared: &mut Shared) {
        if self.expected && self.flow.is_none() {
            self.flow = Some(shared.number());
        }
    }

    /// Tells of it, if that is to be done in any case; gives its number.
    pub(super) fn tell(
        &mut self,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> Option<FlowId> {
        if self.flow.is_some() {
            self.settle(false, shared, out);
        }
        self.told()
    }

    /// The number of a connection that has been told of.
    pub(super) const fn told(&self) -> Option<FlowId> {
        match self.state {
            State::Rtmp(flow) => Some(flow),
            State::Undecided(_) | State::Other => None,
        }
    }

    /// The number that it has or will have.
    pub(super) const fn flow(&self) -> Option<FlowId> {
        self.flow
    }

    /// Whether it is RTMP or taken for it.
    pub(super) const fn matters(&self) -> bool {
        self.expected || self.flow.is_some()
    }

    /// Whether it has shown itself to be nothing to tell of.
    #[inline]
    pub(super) const fn is_other(&self) -> bool {
        matches!(self.state, State::Other)
    }

    /// Whether `side` is known to have opened the connection.
    #[inline]
    pub(super) fn is_client(&self, side: usize) -> bool {
        self.client == Some(side)
    }

    /// Which way the bytes of `side` go.
    #[inline]
    pub(super) fn direction(&self, side: usize) -> Direction {
        if self.is_client(side) { Direction::ClientToServer } else { Direction::ServerToClient }
    }

    /// Who `side` is, as the one that closed.
    pub(super) fn closed_by(&self, side: usize) -> ClosedBy {
        if self.is_client(side) { ClosedBy::Client } else { ClosedBy::Server }
    }

    /// What reassembly gives for the bytes that `side` sent.
    #[inline]
    pub(super) fn piece(
        &mut self,
        side: usize,
        piece: Piece<'_>,
        place: Place,
        shared: &mut Shared,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        match self.state {
            State::Rtmp(flow) => {
                let direction = self.direction(side);
                out(match piece {
                    Piece::Bytes(data) => Traffic::Bytes { flow, place, direction, data },
                    Piece::Gap(length, cause) => {
                        Traffic::Gap { flow, place, direction, length, cause }
                    }
                });
            }
            State::Undecided(_) => self.early(side, piece, place, shared, out),
            State::Other => {}
        }
    }

    /// The same before it is known what the connection is.
    #[cold]
    fn early(
        &mut self,
        side: usize,
        piece: Piece<'_>,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        self.reserve(shared);
        let State::Undecided(kept) = &mut self.state else { return };
        let (bytes, missing, cause) = match piece {
            Piece::Bytes(bytes) => (bytes, 0, GapCause::Lost),
            Piece::Gap(Some(length), cause) => (&[][..], length, cause),
            Piece::Gap(None, cause) => (&[][..], u64::MAX >> 1, cause),
        };
        let next = Kept { side, place, bytes: bytes.into(), missing, cause };
        let had: u64 = kept.iter().map(Kept::length).sum();
        let fits = kept.is_empty() && missing == 0 || had + next.length() <= MOST_KEPT;
        kept.push(next);
        match if fits { self.verdict() } else { Verdict::Other } {
            Verdict::More => {}
            Verdict::Rtmp => self.settle(true, shared, out),
            Verdict::Other => self.settle(false, shared, out),
        }
    }

    /// What the first bytes say.
    fn verdict(&self) -> Verdict {
        let State::Undecided(kept) = &self.state else { return Verdict::Other };
        let Some(opener) = kept.first().map(|kept| kept.side) else { return Verdict::More };
        let opening = opening(kept);
        let ahead = match proxy::read(&opening) {
            Prefix::Header(header) => header.length,
            Prefix::More => return Verdict::More,
            Prefix::None | Prefix::Broken(_) => 0,
        };
        let Some(bytes) = opening.get(ahead..).filter(|bytes| !bytes.is_empty()) else {
            return if opening.is_empty() { Verdict::Other } else { Verdict::More };
        };
        if self.expected {
            let short = self.client.is_none() && bytes.len() < SNIFF && opens(bytes);
            return if short { Verdict::More } else { Verdict::Rtmp };
        }
        let inside = self.client.is_none() && ahead == 0 && opens_chunk(bytes);
        if inside || !opens(bytes) || is_tpkt(bytes) {
            return Verdict::Other;
        }
        let sent =
            |side| kept.iter().filter(|kept| kept.side == side).map(Kept::length).sum::<u64>();
        if sent(opener) >= ahead as u64 + FIRST_PACKETS {
            return Verdict::Rtmp;
        }
        // S0 and S1 may come as soon as C0 is there.
        match kept.iter().find(|kept| kept.side != opener) {
            Some(answer) if answer.bytes.first() != Some(&bytes[0]) => Verdict::Other,
            Some(_) if sent(1 - opener) >= FIRST_PACKETS => Verdict::Rtmp,
            _ => Verdict::More,
        }
    }

    /// It is known what the connection is: RTMP is told of, with what came before; so is whatever came on its port.
    fn settle(&mut self, rtmp: bool, shared: &mut Shared, out: &mut dyn FnMut(Traffic<'_>)) {
        let State::Undecided(kept) = &mut self.state else { return };
        let kept = std::mem::take(kept);
        self.state = State::Other;
        if !rtmp && !self.expected {
            return;
        }
        self.open(&kept, shared, out);
        for Kept { side, place, bytes, missing, cause } in kept {
            if !bytes.is_empty() {
                self.piece(side, Piece::Bytes(&bytes), place, shared, &mut |traffic| out(traffic));
            }
            if missing > 0 {
                let length = Some(missing).filter(|&length| length < u64::MAX >> 1);
                let gap = Piece::Gap(length, cause);
                self.piece(side, gap, place, shared, &mut |traffic| out(traffic));
            }
        }
    }

    /// Says that there is a connection, at the place of its first packet.
    fn open(&mut self, kept: &[Kept], shared: &mut Shared, out: &mut dyn FnMut(Traffic<'_>)) {
        let opening = opening(kept);
        let ahead = match proxy::read(&opening) {
            Prefix::Header(header) => Some(header.length),
            _ => None,
        };
        let bytes = &opening[ahead.unwrap_or(0).min(opening.len())..];
        if !self.from_start {
            self.from_start = !self.expected || ahead.is_some() || opens_handshake(bytes);
            if self.from_start
                && let Some(first) = kept.first()
            {
                self.client.get_or_insert(first.side);
            }
        }
        let client = *self.client.get_or_insert_with(|| {
            match self.ends.each_ref().map(|end| shared.choice.serves(end.port)) {
                [true, false] => 1,
                [false, true] => 0,
                _ => usize::from(self.ends[1].port > self.ends[0].port),
            }
        });
        let encrypted = self.from_start && matches!(bytes.first(), Some(6 | 8 | 9));
        let opened = Opened {
            client: Some(self.ends[client].into()),
            server: Some(self.ends[1 - client].into()),
            from_start: self.from_start,
            transport: if encrypted { Transport::Rtmpe } else { Transport::Rtmp },
        };
        let flow = *self.flow.get_or_insert_with(|| shared.number());
        self.state = State::Rtmp(flow);
        out(Traffic::Opened { flow, place: self.first, opened });
    }

    /// `side` has sent all that it will.
    pub(super) fn end(&mut self, side: usize, place: Place, out: &mut dyn FnMut(Traffic<'_>)) {
        if let State::Rtmp(flow) = self.state
            && !std::mem::replace(&mut self.ended[side], true)
        {
            out(Traffic::Ended { flow, place, direction: self.direction(side) });
        }
    }

    /// The TCP connection is over, and was told of if it is to be.
    pub(super) fn close(
        &mut self,
        by: ClosedBy,
        how: CloseKind,
        place: Place,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        if let State::Rtmp(flow) = self.state {
            out(Traffic::Closed { flow, place, by, how });
        }
    }
}

/// The first bytes of whoever spoke first, up to a hole.
fn opening(kept: &[Kept]) -> Vec<u8> {
    let Some(opener) = kept.first().map(|kept| kept.side) else { return Vec::new() };
    let mut bytes = Vec::new();
    for kept in kept.iter().filter(|kept| kept.side == opener) {
        bytes.extend_from_slice(&kept.bytes);
        if kept.missing > 0 {
            break;
        }
    }
    bytes
}

/// Whether a connection may open with these bytes: the version of RTMP, or of its encrypted kinds.
fn opens(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(3 | 6 | 8 | 9))
}

/// Whether a direction that is seen without its SYN begins with C0 and C1 all the same, or inside the chunk stream:
/// 0x03 is also the first byte of a format 0 chunk on chunk stream 3.
fn opens_handshake(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(3 | 6 | 8)) && bytes.len() >= SNIFF && !opens_chunk(bytes)
}

/// Whether what may be C0 and C1 is rather the header of a format 0 chunk.
pub(super) fn opens_chunk(bytes: &[u8]) -> bool {
    bytes.get(7).is_some_and(|&type_id| matches!(type_id, 1..=6 | 8 | 9 | 15..=20 | 22))
        && bytes.get(9..12).is_some_and(|high| high == [0, 0, 0] || high == [0, 0, 1])
        && bytes.get(4) == Some(&0)
}

/// Whether it is TPKT (remote desktop, H.323), which begins with the same byte, and whose length says so.
fn is_tpkt(bytes: &[u8]) -> bool {
    bytes.len() > 4
        && bytes[1] == 0
        && usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) == bytes.len()
}
