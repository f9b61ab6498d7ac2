//! The TCP connections of a capture: which segment belongs to which, and which are let go.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};

use super::conn::{Conn, Fate, Standing, Tcp};
use super::content::Content;
use super::numbers::Numbers;
use super::packet::{ACK, FlowKey, SYN, Segment};
use super::rtmpt::{Sink, Tunnels};
use super::secure;
use super::tls::Keys;
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
    /// Connections that are over and wait for secrets, in the order of their ends.
    late: VecDeque<Late>,
    /// What the keys' version was when those were last looked at.
    keys_seen: u64,
    /// The clock before which they are not looked at again.
    awake: u64,
}

/// A connection that is over, and how.
#[derive(Debug)]
struct Late {
    conn: Box<Conn>,
    how: (ClosedBy, CloseKind),
}

/// What the contents of all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    numbers: Numbers,
    pub(super) choice: Choice,
    /// What was seen besides.
    pub(super) counts: FlowCounts,
    pub(super) limits: Limits,
    /// Absent while a connection decrypts.
    pub(super) vault: Option<Box<Vault>>,
    pub(super) tunnels: Tunnels,
    /// The first TLS connection that was not decrypted and is on no port of RTMP: in case there is nothing else.
    pub(super) sealed: Option<(Place, String)>,
    /// TLS connections on other ports that were looked into without keys.
    looked_into: u64,
    /// What TLS connections hold is more than it is to be.
    pub(super) crowded: bool,
    /// Connections from the middle in which a request of RTMPT is looked for.
    pub(super) listening: u32,
    /// Connections with numbers that carried nothing so far.
    pub(super) silent: u32,
    /// Those without numbers that never did: how many, and where the first was.
    unlisted: Option<(u64, Place)>,
}

/// What decrypting takes.
#[derive(Debug)]
pub(super) struct Vault {
    pub(super) keys: Keys,
    /// Bytes held by all TLS connections.
    pub(super) held: usize,
    pub(super) limits: Limits,
}

impl Shared {
    /// Whether TLS on a port that is not RTMP's may turn out to be readable.
    pub(super) fn has_keys(&self) -> bool {
        self.choice.key_log || self.vault.as_ref().is_some_and(|vault| !vault.keys.is_empty())
    }

    /// Whether TLS on a port that is not RTMP's is worth a look: it may turn out to be readable, or be all that there is.
    pub(super) fn looks_into_tls(&mut self) -> bool {
        if self.has_keys() {
            return true;
        }
        self.looked_into += 1;
        self.sealed.is_none() && self.looked_into <= TLS_LOOKED_INTO
    }

    /// Whether a connection that has carried nothing yet is told of in any case: it then counts as one of those.
    pub(super) fn takes_silent(&mut self) -> bool {
        let takes = self.silent < self.limits.silent_connections;
        self.silent += u32::from(takes);
        takes
    }

    /// Counts a connection on a port of RTMP that carried nothing and is one of too many.
    pub(super) fn pass_silent(&mut self, first: Place) {
        self.unlisted.get_or_insert((0, first)).0 += 1;
    }

    /// Whether what TLS connections hold leaves little for others, of which some are still open.
    fn holds_much(&self) -> bool {
        self.vault.as_ref().is_some_and(|vault| vault.held > vault.limits.tls_total / 2)
    }

    /// Takes back a number that was given away for nothing.
    pub(super) fn give_back(&mut self, number: FlowId) {
        self.numbers.take_back(number);
    }

    /// The RTMPT sessions, and what they need. `reserved` is the number that the TCP connection has.
    pub(super) fn tunnels<'s>(
        &'s mut self,
        reserved: &'s mut Option<FlowId>,
        out: &'s mut dyn FnMut(Traffic<'_>),
    ) -> (&'s mut Tunnels, Sink<'s>) {
        let Self { numbers, limits, tunnels, .. } = self;
        (tunnels, Sink { numbers, reserved, limits, out })
    }

    /// The number of the next connection.
    pub(super) fn number(&mut self) -> FlowId {
        self.numbers.give()
    }
}

/// Which connections to take for RTMP besides those that open with its handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Those with one of these ports, besides 1935.
    pub ports: Vec<u16>,
    /// All.
    pub all: bool,
    /// Secrets of TLS connections are given or will be: TLS on any port may carry RTMP.
    pub key_log: bool,
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
    /// Those of the connections that are TLS and were not decrypted.
    pub tls_connections: u64,
}

/// Connections of TLS looked into without keys, until one says what it is.
const TLS_LOOKED_INTO: u64 = 64;

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
            shared: Shared {
                numbers: Numbers::default(),
                choice,
                counts: FlowCounts::default(),
                vault: Some(Box::new(Vault {
                    keys: Keys::new(&limits),
                    held: 0,
                    limits: limits.clone(),
                })),
                tunnels: Tunnels::default(),
                sealed: None,
                looked_into: 0,
                crowded: false,
                listening: 0,
                silent: 0,
                unlisted: None,
                limits: limits.clone(),
            },
            tcp: Tcp { limits, held: 0 },
            late: VecDeque::new(),
            keys_seen: 0,
            awake: 0,
        }
    }

    /// The number of the next connection, which is given away.
    pub(super) fn next_number(&mut self) -> FlowId {
        self.shared.number()
    }

    /// Takes secrets of TLS connections, as key logs have them.
    pub(super) fn add_keys(&mut self, text: &[u8]) {
        if let Some(vault) = &mut self.shared.vault {
            vault.keys.add(text);
        }
    }

    /// Whether secrets of TLS connections are known.
    pub(super) fn has_keys(&self) -> bool {
        self.shared.vault.as_ref().is_some_and(|vault| !vault.keys.is_empty())
    }

    /// RTMP connections seen so far.
    #[must_use]
    pub(super) fn opened(&self) -> u32 {
        self.shared.numbers.count()
    }

    /// What was seen besides.
    pub(super) const fn counts(&self) -> FlowCounts {
        self.shared.counts
    }

    /// Takes a segment; `out` gets what it brings.
    #[inline(never)] // inside the loop over packets it costs that loop its registers
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
            Fate::Over(by, how) => self.close(index, (by, how), out),
            Fate::Reused => {
                self.close(index, (ClosedBy::Rtmpctl, CloseKind::Timeout), out);
                self.anew(key, side, segment, place, out);
            }
        }
        if self.tcp.held > self.tcp.limits.reorder_total {
            self.relieve(out);
        }
        if self.shared.crowded {
            self.relieve_tls(out);
        }
    }

    /// The same of what TLS connections hold, where those that are over wait too.
    #[cold]
    fn relieve_tls(&mut self, out: &mut dyn FnMut(Traffic<'_>)) {
        let most = self.tcp.limits.tls_total;
        while self.shared.vault.as_ref().is_some_and(|vault| vault.held > most) {
            let share = most / (2 * (self.conns.len() - self.free.len()).max(1));
            let conns = self.conns.iter_mut().flatten();
            let conn = conns.filter(|conn| conn.content.tls_held() > share);
            if let Some(conn) = conn.min_by_key(|conn| conn.seen_at) {
                conn.content.let_go(conn.last, &mut self.shared, out);
            } else if let Some(oldest) = self.late.pop_front() {
                self.settle(oldest, out);
            } else {
                break;
            }
        }
        self.shared.crowded = false;
    }

    /// Takes a segment that came in fragments, of which some repeated so many bytes with other values.
    #[cold]
    pub(super) fn fragmented(
        &mut self,
        segment: &Segment<'_>,
        differing: u64,
        place: Place,
        out: &mut impl FnMut(Traffic<'_>),
    ) {
        // It may be the first of its connection, or the last.
        let counted = differing == 0 || self.fragments_differ(segment, differing);
        self.segment(segment, place, out);
        if !counted {
            self.fragments_differ(segment, differing);
        }
    }

    /// Counts it with the connection, if there is one.
    fn fragments_differ(&mut self, segment: &Segment<'_>, bytes: u64) -> bool {
        let (key, first) = segment.flow();
        let conn = self.table.get(&key).and_then(|&index| self.conns.get_mut(index as usize));
        let Some(Some(conn)) = conn else { return false };
        conn.fragments_differ(usize::from(!first), bytes);
        true
    }

    /// All connections together hold too much beyond holes. Of those that hold more than half their share, the one silent
    /// longest waits no longer: others keep what they wait for.
    #[cold]
    fn relieve(&mut self, out: &mut dyn FnMut(Traffic<'_>)) {
        let most = self.tcp.limits.reorder_total;
        while self.tcp.held > most {
            let share = most / (2 * (self.conns.len() - self.free.len()).max(1));
            let conns = self.conns.iter_mut().flatten().filter(|conn| conn.held() > share);
            let Some(conn) = conns.min_by_key(|conn| conn.seen_at) else { return };
            let place = conn.last;
            conn.let_go(place, &mut self.tcp, &mut self.shared, out);
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
            self.close(index, (by, how), out);
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
        self.make_room(out);
        self.wake(out);
        let mut ends = [segment.src, segment.dst];
        if side == 1 {
            ends.reverse();
        }
        let choice = &self.shared.choice;
        let expected = choice.all || ends.iter().any(|end| choice.serves(end.port));
        let conn = Box::new(Conn::new(key, Content::new(ends, place, expected), self.clock, place));
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

    /// Keeps both tables within their limits: of the connections that have come least far, those silent longest go.
    fn make_room(&mut self, out: &mut dyn FnMut(Traffic<'_>)) {
        let live = self.conns.len() - self.free.len();
        let most = self.tcp.limits.rtmp_connections;
        if live >= most {
            let mut order: Vec<(Standing, u64, u32)> = self
                .conns
                .iter()
                .enumerate()
                .filter_map(|(index, conn)| {
                    let conn = conn.as_ref()?;
                    Some((conn.standing(), conn.seen_at, index as u32))
                })
                .collect();
            order.sort_unstable();
            order.truncate((live / 8).max(1));
            for (standing, _, index) in order {
                self.evict(standing, index, out);
            }
        }
        if self.table.len() - live.min(self.table.len()) >= self.tcp.limits.other_connections {
            self.table.retain(|_, index| *index < OVER);
            self.last = None;
        }
    }

    /// Gives up a connection whose place is needed. What carried RTMP and goes on is then one that begins in its middle.
    fn evict(&mut self, standing: Standing, index: u32, out: &mut dyn FnMut(Traffic<'_>)) {
        let Some(Some(conn)) = self.conns.get_mut(index as usize) else { return };
        let (key, place) = (conn.key, conn.last);
        let flow = match standing {
            Standing::Silent => conn.content.tell(&mut self.shared, out),
            _ => conn.content.reported(&self.shared),
        };
        if let Some(flow) = flow {
            let most = self.tcp.limits.rtmp_connections;
            let text = format!(
                "the connection silent longest is given up, because {most} are open at once (limit rtmp_connections)"
            );
            let finding = Finding::new("limit.rtmp-connections", Severity::Error, text);
            out(Traffic::Trouble { flow: Some(flow), place, finding });
        }
        self.close(index, (ClosedBy::Rtmpctl, CloseKind::Timeout), out);
        if standing == Standing::Carrying {
            self.table.remove(&key);
        }
    }

    /// Ends a connection, whose place is then free.
    #[cold]
    fn close(&mut self, index: u32, how: (ClosedBy, CloseKind), out: &mut dyn FnMut(Traffic<'_>)) {
        let Some(mut conn) = self.conns.get_mut(index as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(index);
        self.last = None;
        conn.drain(&mut self.tcp, &mut self.shared, out);
        self.table.insert(conn.key, if conn.content.matters() { OVER } else { OTHER });
        let late = Late { conn, how };
        if late.conn.content.waits(&self.shared) {
            self.late.push_back(late);
            self.wake(out);
            while self.late.len() > Limits::TLS_LATE || self.shared.holds_much() {
                let Some(oldest) = self.late.pop_front() else { return };
                self.settle(oldest, out);
            }
        } else {
            self.settle(late, out);
        }
    }

    /// Says what there is to say of a connection that is over.
    fn settle(&mut self, late: Late, out: &mut dyn FnMut(Traffic<'_>)) {
        let Late { conn, how } = late;
        let matters = conn.close(how, &mut self.shared, out);
        self.shared.counts.other_connections += u64::from(!matters);
    }

    /// Where there are new secrets, tries them on the connections that are over. Not again before as many segments have
    /// come as that costs, so that secrets one by one do not make it slow.
    fn wake(&mut self, out: &mut dyn FnMut(Traffic<'_>)) {
        if self.late.is_empty() || self.clock < self.awake {
            return;
        }
        let (version, held) =
            self.shared.vault.as_ref().map_or((0, 0), |v| (v.keys.version(), v.held));
        if std::mem::replace(&mut self.keys_seen, version) == version {
            return;
        }
        self.awake = self.clock + (self.late.len() + held / 64) as u64;
        for mut late in std::mem::take(&mut self.late) {
            let place = late.conn.last;
            late.conn.content.wake(place, &mut self.shared, out);
            if late.conn.content.waits(&self.shared) {
                self.late.push_back(late);
            } else {
                self.settle(late, out);
            }
        }
    }

    /// The capture is over, and with it every connection.
    pub(super) fn finish(&mut self, place: Place, out: &mut dyn FnMut(Traffic<'_>)) {
        for late in std::mem::take(&mut self.late) {
            self.settle(late, out);
        }
        let mut order: Vec<(FlowId, u32, (ClosedBy, CloseKind))> = self
            .conns
            .iter()
            .enumerate()
            .filter_map(|(index, conn)| {
                let conn = conn.as_ref()?;
                let flow = conn.content.flow().unwrap_or(FlowId::MAX);
                Some((flow, index as u32, conn.ends()))
            })
            .collect();
        order.sort_unstable_by_key(|&(flow, index, _)| (flow, index));
        for (_, index, how) in order {
            self.close(index, how, out);
        }
        for late in std::mem::take(&mut self.late) {
            self.settle(late, out);
        }
        let mut reserved = None;
        let (tunnels, mut sink) = self.shared.tunnels(&mut reserved, out);
        tunnels.finish(place, &mut sink);
        if let Some((number, place)) = self.shared.unlisted.take() {
            let finding = unlisted(number, self.shared.limits.silent_connections);
            out(Traffic::Trouble { flow: None, place, finding });
        }
        if self.opened() == 0
            && let Some((place, what)) = self.shared.sealed.take()
        {
            let finding = secure::nothing_else(&what, self.shared.counts.tls_connections);
            out(Traffic::Trouble { flow: None, place, finding });
        }
    }
}

/// Connections that carried nothing are told of one by one, and from a limit on together.
fn unlisted(number: u64, limit: u32) -> Finding {
    let text = format!(
        "{number} further TCP connections on ports of RTMP carried nothing and are not listed: {limit} are (limit \
         silent_connections)"
    );
    Finding::new("limit.silent-connections", Severity::Warning, text)
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
