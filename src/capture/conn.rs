//! One TCP connection of a capture: both directions put in order, how they end, and what the network did. Knows nothing of
//! what it carries.

use super::content::Content;
use super::flows::Shared;
use super::network::{self, Network};
use super::packet::{ACK, FIN, FlowKey, RST, SYN, Segment};
use super::recent::Recent;
use super::tcp::{Data, Half, Piece};
use crate::Limits;
use crate::inspect::{CloseKind, ClosedBy, Place, Traffic};
use crate::proto::Direction;

/// One TCP connection. Its ends are sides 0 and 1, in the order of the key.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) key: FlowKey,
    pub(super) content: Content,
    halves: [Half; 2],
    network: Network,
    /// The initial sequence numbers, where the SYNs were seen.
    initial: [Option<u32>; 2],
    /// Who sent a FIN first.
    closer: Option<usize>,
    /// A RST that came ahead of bytes that precede it.
    reset: Option<Reset>,
    /// When its last segment came, as the table counts.
    pub(super) seen_at: u64,
    /// Where its last segment was: where it ends, if nothing else says so.
    pub(super) last: Place,
}

/// What the reassembly of all connections shares.
#[derive(Debug)]
pub(super) struct Tcp {
    pub(super) limits: Limits,
    /// Bytes held beyond holes.
    pub(super) held: usize,
}

/// A RST that came ahead of bytes that precede it: captures have packets in another order than they were sent.
#[derive(Debug, Clone, Copy)]
struct Reset {
    side: usize,
    /// Up to where it, and what it acknowledges, says that there are bytes.
    sequence: u32,
    acknowledged: Option<u32>,
    /// Bytes from here on show that the RST was none of the connection's.
    end: u32,
    /// Packets to wait still.
    patience: u8,
}

/// How far a connection has come. What costs its sender least is given up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It is not RTMP.
    Other,
    /// It has carried nothing.
    Silent,
    /// It has carried less than a handshake.
    Opening,
    /// It carries RTMP, or what is taken for it.
    Carrying,
}

/// Nanoseconds without a packet behind which a SYN is not sent again for want of an answer: data came since.
const SILENCE: i64 = 3_000_000_000;

/// Bytes of C0, C1 and C2.
const HANDSHAKE: u64 = 3073;

/// Packets of the connection to wait behind such a RST.
const PATIENCE: u8 = 16;

/// What is to become of a connection behind a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Open,
    /// It is over, by whom and how.
    Over(ClosedBy, CloseKind),
    /// The segment begins another connection between the same ends.
    Reused,
}

impl Conn {
    pub(super) fn new(key: FlowKey, content: Content, seen_at: u64, first: Place) -> Self {
        Self {
            key,
            content,
            halves: [Half::default(), Half::default()],
            network: Network::default(),
            initial: [None, None],
            closer: None,
            reset: None,
            seen_at,
            last: first,
        }
    }

    /// Takes a segment that `side` sent.
    #[inline]
    pub(super) fn segment(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        tcp: &mut Tcp,
        shared: &mut Shared,
        out: &mut impl FnMut(Traffic<'_>),
    ) -> Fate {
        if segment.flags & (SYN | FIN | RST) != 0 {
            return self.control(side, segment, place, tcp, shared, out);
        }
        self.last = place;
        // The common case: data or an acknowledgement.
        if segment.window == 0 || self.network.watching {
            self.network.watch(side, self.content.is_client(side), segment, place.at);
        }
        if !segment.payload.is_empty() || segment.missing > 0 {
            self.data(side, segment, place, tcp, shared, out);
        }
        self.acknowledge(side, segment, place, tcp, shared, out);
        self.fate()
    }

    /// A segment that opens or closes.
    #[cold]
    fn control(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        tcp: &mut Tcp,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> Fate {
        let out = &mut |traffic: Traffic<'_>| out(traffic);
        let again = self.initial[side] == Some(segment.seq);
        let opens = segment.has(SYN) && !segment.has(ACK);
        if opens && self.halves[side].started() && (!again || self.begins_anew(side, place)) {
            return Fate::Reused;
        }
        self.last = place;
        if segment.has(SYN) {
            self.network.syn(segment, again, place.at);
            if !again && !self.halves[side].started() {
                self.initial[side] = Some(segment.seq);
                self.halves[side].start(segment.seq.wrapping_add(1));
                let client = if segment.has(ACK) { 1 - side } else { side };
                self.content.begins(client, shared);
            }
        }
        if !segment.payload.is_empty() || segment.missing > 0 {
            self.data(side, segment, place, tcp, shared, out);
        }
        self.acknowledge(side, segment, place, tcp, shared, out);
        if segment.has(FIN) {
            let length =
                segment.payload.len() as u32 + segment.missing + u32::from(segment.has(SYN));
            self.closer.get_or_insert(side);
            self.halves[side].fin(segment.seq.wrapping_add(length));
        }
        if segment.has(RST) {
            if self.halves[side].is_far(segment.seq) {
                // Not of this life of the connection, or forged: a receiver passes over it (RFC 9293 §3.10.7.4).
                return self.fate();
            }
            let (by, how) = match self.closer {
                Some(closer) => (closer, CloseKind::Fin),
                None => (side, CloseKind::Rst),
            };
            let acknowledged = segment.has(ACK).then_some(segment.ack);
            let half = &self.halves[side];
            let end = if half.passed(segment.seq) { half.next() } else { segment.seq };
            let sequence = segment.seq;
            let reset = Reset { side, sequence, end, acknowledged, patience: PATIENCE };
            if self.reset.is_none() && (self.lacks(&reset) || end != sequence) {
                self.reset = Some(reset);
            } else {
                return Fate::Over(self.content.closed_by(by), how);
            }
        }
        let fate = self.fate();
        if fate == Fate::Open {
            for side in 0..2 {
                if self.halves[side].finished() {
                    self.content.end(side, place, shared, out);
                }
            }
        }
        fate
    }

    /// Whether a SYN that is like the one before is another connection's all the same: small devices begin each life with
    /// the same numbers. It is none where it comes late, or was captured twice.
    fn begins_anew(&self, side: usize, place: Place) -> bool {
        let silent = place.at.zip(self.last.at).is_some_and(|(now, last)| now - last > SILENCE);
        silent && self.halves[side].position() > 0
    }

    /// The connection goes on, unless it has shown itself to be something else or both directions have ended.
    #[inline]
    fn fate(&mut self) -> Fate {
        if self.reset.is_some() {
            return self.after_reset();
        }
        if self.content.is_other()
            || self.closer.is_some() && self.halves.iter().all(Half::finished)
        {
            let by = self.closer.map_or(ClosedBy::Both, |closer| self.content.closed_by(closer));
            return Fate::Over(by, CloseKind::Fin);
        }
        Fate::Open
    }

    /// Whether bytes that precede a RST have not come.
    fn lacks(&self, reset: &Reset) -> bool {
        let Reset { side, sequence, acknowledged, .. } = *reset;
        let [own, other] = [&self.halves[side], &self.halves[1 - side]];
        !own.reaches(sequence) || acknowledged.is_some_and(|sequence| !other.reaches(sequence))
    }

    /// One more packet has come since a RST ahead of others.
    #[cold]
    fn after_reset(&mut self) -> Fate {
        let Some(reset) = &mut self.reset else { return Fate::Open };
        reset.patience -= 1;
        let reset = *reset;
        if self.halves[reset.side].passed(reset.end) {
            self.reset = None;
            return self.fate();
        }
        let waits = self.lacks(&reset) || reset.end != reset.sequence;
        if reset.patience > 0 && waits && !self.content.is_other() {
            return Fate::Open;
        }
        let (by, how) = self.ends();
        Fate::Over(by, how)
    }

    #[inline]
    fn data(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        tcp: &mut Tcp,
        shared: &mut Shared,
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
            self.content.piece(side, Piece::Bytes(segment.payload), place, shared, out);
            return;
        }
        let Self { halves, content, .. } = self;
        halves[side].segment(data, &tcp.limits, &mut tcp.held, &mut |piece| {
            content.piece(side, piece, place, shared, out);
        });
    }

    #[inline]
    fn acknowledge(
        &mut self,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        tcp: &mut Tcp,
        shared: &mut Shared,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        let Self { halves, content, .. } = self;
        let half = &mut halves[1 - side];
        if segment.has(ACK) && !half.settled(segment.ack) {
            half.acknowledged(segment.ack, &mut tcp.held, &mut |piece| {
                content.piece(1 - side, piece, place, shared, out);
            });
        }
    }

    /// A segment of `side` came in fragments that contradict each other.
    pub(super) fn fragments_differ(&mut self, side: usize, bytes: u64) {
        self.network.fragments_differ(side, bytes);
    }

    /// How far it has come: what may be given up sooner is less.
    pub(super) fn standing(&self) -> Standing {
        let [one, other] = [0, 1].map(|side| self.halves[side].position());
        if !self.content.matters() {
            Standing::Other
        } else if one + other == 0 {
            Standing::Silent
        } else if one.max(other) < HANDSHAKE {
            Standing::Opening
        } else {
            Standing::Carrying
        }
    }

    /// Bytes held beyond holes.
    pub(super) fn held(&self) -> usize {
        self.halves.iter().map(Half::held).sum()
    }

    /// All connections together hold too much beyond holes: this one waits no longer for what is missing.
    pub(super) fn let_go(
        &mut self,
        place: Place,
        tcp: &mut Tcp,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        let Self { halves, content, .. } = self;
        for (side, half) in halves.iter_mut().enumerate() {
            half.let_go(&mut tcp.held, &mut |piece| {
                content.piece(side, piece, place, shared, &mut |traffic| out(traffic));
            });
        }
    }

    /// It is over: what is held comes out, and holes are declared.
    pub(super) fn drain(
        &mut self,
        tcp: &mut Tcp,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        let Self { halves, content, reset, last: place, .. } = self;
        if let Some(reset) = reset {
            halves[reset.side].fin(reset.sequence);
        }
        for (side, half) in halves.iter_mut().enumerate() {
            half.end(&mut tcp.held, &mut |piece| {
                content.piece(side, piece, *place, shared, &mut |traffic| out(traffic));
            });
        }
    }

    /// It is over and drained: what there is to say of the network is said. `false` where there was nothing to tell of.
    pub(super) fn close(
        mut self,
        (by, how): (ClosedBy, CloseKind),
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> bool {
        let Self { halves, content, network, last, .. } = &mut self;
        let place = *last;
        content.finish(place, shared, out);
        let flow = content.reported(shared);
        if flow.is_some() {
            let reset = match by {
                ClosedBy::Client => Some(Direction::ClientToServer),
                ClosedBy::Server => Some(Direction::ServerToClient),
                _ => None,
            };
            if let Some(direction) = reset.filter(|_| how == CloseKind::Rst) {
                out(Traffic::Trouble { flow, place, finding: network::reset(direction) });
            }
            let sides = [0, 1].map(|side| (content.direction(side), halves[side].counts));
            network.findings(sides, place.at, |finding| {
                out(Traffic::Trouble { flow, place, finding });
            });
        }
        let matters = content.matters();
        self.content.close(by, how, place, shared, out);
        matters
    }

    /// How it ends with the capture.
    pub(super) fn ends(&self) -> (ClosedBy, CloseKind) {
        let reset = self.reset.map(|reset| reset.side);
        match (self.closer, reset) {
            (Some(closer), _) => (self.content.closed_by(closer), CloseKind::Fin),
            (None, Some(side)) => (self.content.closed_by(side), CloseKind::Rst),
            (None, None) => (ClosedBy::CaptureEnd, CloseKind::End),
        }
    }
}
