//! The TCP connections of a capture: which segment belongs to which, and which are let go.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::conn::{Conn, Fate, Tcp};
use super::content::Content;
use super::packet::{ACK, FlowKey, SYN, Segment};
use crate::Limits;
use crate::inspect::{CloseKind, ClosedBy, Finding, FlowId, Place, Severity, Traffic};

/// The TCP connections of a capture.
#[derive(Debug)]
pub(super) struct Flows {
    table: HashMap<FlowKey, u32, Seeded>,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<u32>,
    /// The connection of the last segment: the next one is often of the same.
    last: Option<(FlowKey, u32)>,
    /// Segments seen, as a measure of how long a connection has been silent.
    clock: u64,
    tcp: Tcp,
    shared: Shared,
}

/// What the contents of all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    /// RTMP connections numbered so far.
    opened: FlowId,
    pub(super) choice: Choice,
    /// What was seen besides.
    pub(super) counts: FlowCounts,
}

impl Shared {
    /// The number of the next connection.
    pub(super) const fn number(&mut self) -> FlowId {
        self.opened += 1;
        self.opened
    }
}

/// Which connections to take for RTMP besides those that open with its handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those with one of these ports, besides 1935.
    pub ports: Vec<u16>,
    /// All.
    pub all: bool,
}

impl Choice {
    /// Whether RTMP is served on `port`.
    pub(super) fn serves(&self, port: u16) -> bool {
        port == RTMP_PORT || self.ports.contains(&port)
    }
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

impl Flows {
    /// A table that decodes what `choice` says besides what shows itself.
    #[must_use]
    pub(super) fn new(choice: Choice, limits: Limits) -> Self {
        Self {
            table: HashMap::with_hasher(Seeded::default()),
            conns: Vec::new(),
            free: Vec::new(),
            last: None,
            clock: 0,
            tcp: Tcp { limits, held: 0 },
            shared: Shared { opened: 0, choice, counts: FlowCounts::default() },
        }
    }

    /// The number of the next connection, which is given away.
    pub(super) const fn next_number(&mut self) -> FlowId {
        self.shared.number()
    }

    /// RTMP connections seen so far.
    #[must_use]
    pub(super) const fn opened(&self) -> u32 {
        self.shared.opened
    }

    /// What was seen besides.
    pub(super) const fn counts(&self) -> FlowCounts {
        self.shared.counts
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
            self.shared.counts.other_segments += u64::from(index == OTHER);
            if segment.has(SYN) && !segment.has(ACK) {
                self.anew(key, side, segment, place, out);
            }
            return;
        };
        conn.seen_at = self.clock;
        match conn.segment(side, segment, place, &mut self.tcp, &mut self.shared, out) {
            Fate::Open => {}
            Fate::Over(by, how) => self.close(index, (by, how), place, out),
            Fate::Reused => {
                self.close(index, (ClosedBy::Rtmpctl, CloseKind::Timeout), place, out);
                self.anew(key, side, segment, place, out);
            }
        }
    }

    /// A SYN between two ends whose connection is over.
    #[cold]
    fn anew(
        &mut self,
        key: FlowKey,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        self.table.remove(&key);
        self.last = None;
        let index = self.create(key, side, segment, place, out);
        let Some(Some(conn)) = self.conns.get_mut(index as usize) else { return };
        let out = &mut |traffic: Traffic<'_>| out(traffic);
        let fate = conn.segment(side, segment, place, &mut self.tcp, &mut self.shared, out);
        if let Fate::Over(by, how) = fate {
            self.close(index, (by, how), place, out);
        }
    }

    #[cold]
    fn create(
        &mut self,
        key: FlowKey,
        side: usize,
        segment: &Segment<'_>,
        place: Place,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> u32 {
        self.make_room(place, out);
        let mut ends = [segment.src, segment.dst];
        if side == 1 {
            ends.reverse();
        }
        let choice = &self.shared.choice;
        let expected = choice.all || ends.iter().any(|end| choice.serves(end.port));
        let conn = Box::new(Conn::new(key, Content::new(ends, place, expected), self.clock));
        let index = match self.free.pop() {
            Some(index) => {
                self.conns[index as usize] = Some(conn);
                index
            }
            None => {
                self.conns.push(Some(conn));
                self.conns.len() as u32 - 1
            }
        };
        self.table.insert(key, index);
        self.last = Some((key, index));
        index
    }

    /// Keeps both tables within their limits: the connections silent longest go, those that are not RTMP first.
    fn make_room(&mut self, place: Place, out: &mut dyn FnMut(Traffic<'_>)) {
        let live = self.conns.len() - self.free.len();
        let most = self.tcp.limits.rtmp_connections;
        if live >= most {
            let mut order: Vec<(bool, u64, u32, Option<FlowId>)> = self
                .conns
                .iter()
                .enumerate()
                .filter_map(|(index, conn)| {
                    let conn = conn.as_ref()?;
                    let flow = conn.content.told();
                    Some((conn.content.matters(), conn.seen_at, index as u32, flow))
                })
                .collect();
            order.sort_unstable();
            order.truncate((live / 8).max(1));
            for (_, _, index, flow) in order {
                if flow.is_some() {
                    let text = format!(
                        "the connection silent longest is given up, because {most} are open at once (limit rtmp_connections)"
                    );
                    let finding = Finding::new("limit.rtmp-connections", Severity::Error, text);
                    out(Traffic::Trouble { flow, place, finding });
                }
                self.close(index, (ClosedBy::Rtmpctl, CloseKind::Timeout), place, out);
            }
        }
        if self.table.len() - live.min(self.table.len()) >= self.tcp.limits.other_connections {
            self.table.retain(|_, index| *index < OVER);
            self.last = None;
        }
    }

    /// Ends a connection, whose place is then free.
    #[cold]
    fn close(
        &mut self,
        index: u32,
        how: (ClosedBy, CloseKind),
        place: Place,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        let Some(conn) = self.conns.get_mut(index as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(index);
        self.last = None;
        let matters = conn.content.matters();
        self.table.insert(conn.key, if matters { OVER } else { OTHER });
        self.shared.counts.other_connections += u64::from(!matters);
        conn.close(how, place, &mut self.tcp, &mut self.shared, out);
    }

    /// The capture is over, and with it every connection.
    pub(super) fn finish(&mut self, place: Place, out: &mut dyn FnMut(Traffic<'_>)) {
        let mut order: Vec<(FlowId, u32, (ClosedBy, CloseKind))> = self
            .conns
            .iter()
            .enumerate()
            .filter_map(|(index, conn)| {
                let conn = conn.as_ref()?;
                let flow = conn.content.flow().unwrap_or(FlowId::MAX);
                Some((flow, index as u32, conn.last()))
            })
            .collect();
        order.sort_unstable_by_key(|&(flow, index, _)| (flow, index));
        for (_, index, how) in order {
            self.close(index, how, place, out);
        }
    }
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
