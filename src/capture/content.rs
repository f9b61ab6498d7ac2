//! What one TCP connection carries: told by its first bytes, and handed on as the traffic of an RTMP connection. Knows no
//! packets.

mod verdict;

use std::net::SocketAddr;

use self::verdict::{Kept, Verdict, opening, take_off};
use super::flows::Shared;
use super::packet::Endpoint;
use super::rtmpt::{self, Ends};
use super::secure::{self, Secure};
use super::sniff::{First, first_packet};
use super::tcp::Piece;
use super::tls;
use crate::Limits;
use crate::inspect::{
    CloseKind, ClosedBy, FlowId, GapCause, Opened, Place, Traffic, Transport, proxy_prefix,
};
use crate::proto::Direction;
use crate::proto::proxy::{self, Header, Prefix};

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
    /// The number that it has, or will have once it is told of; of RTMPT, until a session has taken it.
    flow: Option<FlowId>,
    ended: [bool; 2],
    /// A request of RTMPT was looked for behind the first bytes.
    listened: bool,
    /// It has its number and has carried nothing.
    silent: bool,
    /// It is what TLS carries.
    secure: bool,
    /// What precedes the requests of RTMPT, until it has been said.
    prefix: Option<Box<Header>>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not known yet; what came is kept until it is.
    Undecided(Vec<Kept>),
    /// RTMP, which has been told.
    Rtmp(FlowId),
    /// What cannot be read, which has been told.
    Sealed(FlowId),
    /// TLS, with what is inside.
    Tls(Box<Secure>),
    /// HTTP requests that carry RTMP, of any number of sessions.
    Tunnel(Box<rtmpt::Connection>),
    /// Nothing so far, from the middle on: a request of RTMPT may come. The pieces still to look at.
    Listening(u16),
    /// Nothing to tell of.
    Other,
}

/// Bytes kept of an undecided connection. A handshake shows within the first 1,537.
const MOST_KEPT: u64 = 8 << 10;
/// The same of a connection from the middle that may be TLS: a few of its largest records.
const MOST_INSIDE: u64 = 64 << 10;
/// Pieces of a connection from the middle on a port that is not RTMP's in which a request of RTMPT is looked for: more than
/// any body that is sent at once has.
const LISTENED: u16 = 256;
/// Bytes of a request's method, and the space behind it.
const METHOD: usize = 5;
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
            listened: false,
            silent: false,
            secure: false,
            prefix: None,
            state: State::Undecided(Vec::new()),
        }
    }

    /// `client` has sent a SYN, or got the answer to one: the beginning is in the capture.
    pub(super) fn begins(&mut self, client: usize, shared: &mut Shared) {
        self.client = Some(client);
        self.from_start = true;
        if self.expected && self.flow.is_none() && shared.takes_silent() {
            self.silent = true;
            self.reserve(shared);
        }
    }

    /// What is told of in any case is numbered where it appears, though what it is shows later. Where too many carry
    /// nothing, that is the first byte.
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
        if let State::Tls(secure) = &mut self.state {
            return secure.tell(shared, out);
        }
        if self.flow.is_some() {
            self.settle(Verdict::Other, shared, out);
        }
        self.reported(shared)
    }

    /// The number of a connection that has been told of; of RTMPT, of the session that it carried last.
    pub(super) fn reported(&self, shared: &Shared) -> Option<FlowId> {
        match &self.state {
            State::Rtmp(flow) | State::Sealed(flow) => Some(*flow),
            State::Tls(secure) => secure.inner.reported(shared),
            State::Tunnel(connection) => shared.tunnels.flow(connection),
            State::Undecided(_) | State::Listening(_) | State::Other => None,
        }
    }

    /// The number that it has or will have.
    pub(super) fn flow(&self) -> Option<FlowId> {
        match &self.state {
            State::Tls(secure) => secure.inner.flow(),
            _ => self.flow,
        }
    }

    /// Whether it is RTMP or taken for it.
    pub(super) fn matters(&self) -> bool {
        match &self.state {
            State::Tls(secure) => secure.inner.matters(),
            State::Tunnel(_) => true,
            _ => self.expected || self.flow.is_some(),
        }
    }

    /// Where its first packet was, and who is connected to whom.
    pub(super) fn origin(&self) -> (Place, SocketAddr, SocketAddr) {
        let client = self.client.unwrap_or(0);
        (self.first, self.ends[client].into(), self.ends[1 - client].into())
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

    /// The side whose bytes go that way.
    pub(super) fn side(&self, direction: Direction) -> usize {
        let client = self.client.unwrap_or(0);
        if direction == Direction::ClientToServer { client } else { 1 - client }
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
        if let State::Rtmp(flow) = self.state {
            let direction = self.direction(side);
            out(match piece {
                Piece::Bytes(data) => Traffic::Bytes { flow, place, direction, data },
                Piece::Gap(length, cause) => Traffic::Gap { flow, place, direction, length, cause },
            });
        } else {
            self.wrapped(side, piece, place, shared, out);
        }
    }

    /// The same where it is not plain RTMP, or not known yet.
    #[cold]
    fn wrapped(
        &mut self,
        side: usize,
        piece: Piece<'_>,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        let direction = self.direction(side);
        match &mut self.state {
            State::Undecided(_) => self.early(side, piece, place, shared, out),
            State::Listening(left) => {
                *left -= 1;
                if let Piece::Bytes(bytes) = piece
                    && bytes.len() >= METHOD
                    && rtmpt::opens(bytes) != Some(false)
                {
                    self.listen(false, shared);
                    self.state = State::Undecided(Vec::new());
                    self.early(side, piece, place, shared, out);
                } else if *left == 0 {
                    self.listen(false, shared);
                    self.state = State::Other;
                }
            }
            State::Tls(secure) => {
                if !secure.piece(side, piece, place, shared, out) {
                    self.seal(place, shared, out);
                }
            }
            State::Tunnel(connection) => {
                let (tunnels, mut sink) = shared.tunnels(&mut self.flow, out);
                tunnels.piece(connection, direction, piece, place, &mut sink);
                if let Some(header) = &self.prefix
                    && tunnels.prefixed(connection, || proxy_prefix(header), place, &mut sink)
                {
                    self.prefix = None;
                }
                // Where its session has another number, this one is free.
                let numbered = tunnels.flow(connection).is_some();
                if numbered && let Some(flow) = self.flow.take() {
                    shared.give_back(flow);
                }
            }
            State::Rtmp(_) | State::Sealed(_) | State::Other => {}
        }
    }

    /// Nothing more can be read of TLS: it is let go, and with it what it holds.
    fn seal(&mut self, place: Place, shared: &mut Shared, out: &mut dyn FnMut(Traffic<'_>)) {
        let State::Tls(secure) = &mut self.state else { return };
        secure.finish(place, shared, out);
        self.state = match secure.inner.reported(shared) {
            Some(flow) => State::Sealed(flow),
            None => State::Other,
        };
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
        if std::mem::take(&mut self.silent) {
            shared.silent -= 1;
        }
        self.reserve(shared);
        let State::Undecided(kept) = &mut self.state else { return };
        let (bytes, missing, cause) = match piece {
            Piece::Bytes(bytes) => (bytes, 0, GapCause::Lost),
            Piece::Gap(Some(length), cause) => (&[][..], length, cause),
            Piece::Gap(None, cause) => (&[][..], u64::MAX >> 1, cause),
        };
        let next = Kept { side, place, bytes: bytes.into(), missing, cause };
        let had: u64 = kept.iter().map(Kept::length).sum();
        let most = if self.expected { MOST_INSIDE } else { MOST_KEPT };
        let fits = kept.is_empty() && missing == 0 || had + next.length() <= most;
        kept.push(next);
        match if fits { self.verdict() } else { Verdict::Other } {
            Verdict::More => {}
            Verdict::Other if self.may_listen(shared) => {
                self.state = State::Listening(LISTENED);
                self.listen(true, shared);
            }
            verdict => self.settle(verdict, shared, out),
        }
    }

    /// Whether a connection that shows nothing may begin inside a body of RTMPT.
    fn may_listen(&self, shared: &Shared) -> bool {
        let inside = self.client.is_none() && !self.expected && !self.secure && !self.listened;
        inside && shared.listening < Limits::LISTENING
    }

    /// Begins to listen, or ends it.
    const fn listen(&mut self, begins: bool, shared: &mut Shared) {
        self.listened = true;
        if begins {
            shared.listening += 1;
        } else {
            shared.listening -= 1;
        }
    }

    /// It is known what the connection is: RTMP is told of, with what came before; so is whatever came on its port.
    fn settle(&mut self, verdict: Verdict, shared: &mut Shared, out: &mut dyn FnMut(Traffic<'_>)) {
        let State::Undecided(kept) = &mut self.state else { return };
        let mut kept = std::mem::take(kept);
        self.state = State::Other;
        match verdict {
            // Of many without keys there is no more to say than of some.
            Verdict::Tls(_) | Verdict::TlsAnswer if !self.expected && !shared.looks_into_tls() => {
                shared.counts.tls_connections += 1;
                return;
            }
            Verdict::Tls(ahead) => self.enter_tls(&mut kept, ahead, shared, out),
            Verdict::TlsAnswer => self.enter_answer(&kept),
            Verdict::Tunnel(ahead) => self.enter_tunnel(&mut kept, ahead),
            Verdict::Request(at) => {
                kept.drain(..at);
                self.enter_tunnel(&mut kept, 0);
            }
            Verdict::Sealed => {
                self.secure = true;
                self.open(&[], shared, out);
                let (Some(flow), place) = (self.flow, self.first) else { return };
                self.state = State::Sealed(flow);
                let finding = secure::inside_finding(self.from_start);
                out(Traffic::Trouble { flow: Some(flow), place, finding });
                return;
            }
            Verdict::Rtmp => self.open(&kept, shared, out),
            Verdict::Other | Verdict::More if self.expected => self.open(&kept, shared, out),
            Verdict::Other | Verdict::More => return,
        }
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

    /// The client opens with TLS. A PROXY protocol header ahead of it goes inside, where it is read.
    fn enter_tls(
        &mut self,
        kept: &mut [Kept],
        ahead: usize,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        let Some(&Kept { side: client, place, .. }) = kept.first() else { return };
        self.client = Some(client);
        let mut inner = Self::new(self.ends, self.first, self.expected);
        (inner.client, inner.from_start) = (self.client, true);
        (inner.flow, inner.secure) = (self.flow, true);
        let header = take_off(kept, ahead);
        if !header.is_empty() {
            inner.piece(client, Piece::Bytes(&header), place, shared, &mut |traffic| out(traffic));
        }
        self.state = State::Tls(Box::new(Secure::new(inner, tls::Session::new())));
    }

    /// The server goes on with TLS.
    fn enter_answer(&mut self, kept: &[Kept]) {
        let Some(server) = kept.first().map(|kept| kept.side) else { return };
        self.client = Some(1 - server);
        let mut inner = Self::new(self.ends, self.first, self.expected);
        // If it can be decrypted, what is inside is seen from its first byte.
        (inner.client, inner.from_start) = (self.client, true);
        (inner.flow, inner.secure) = (self.flow, true);
        let secure = Secure::new(inner, tls::Session::without_client_hello());
        self.state = State::Tls(Box::new(secure));
    }

    /// Nothing of what it carries is read, and the connection does not begin in the capture.
    pub(super) const fn begins_inside(&mut self) {
        self.from_start = false;
    }

    /// The client opens with a request of RTMPT, whose sessions have numbers of their own.
    fn enter_tunnel(&mut self, kept: &mut [Kept], ahead: usize) {
        let Some(client) = kept.first().map(|kept| kept.side) else { return };
        self.client = Some(client);
        let header = take_off(kept, ahead);
        if let Prefix::Header(header) = proxy::read(&header) {
            self.prefix = Some(Box::new(header));
        }
        let ends = Ends {
            client: self.ends[client].into(),
            server: self.ends[1 - client].into(),
            secure: self.secure,
        };
        self.state = State::Tunnel(Box::new(rtmpt::Connection::new(ends)));
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
            let first = first_packet(bytes);
            let opens =
                !self.expected || ahead.is_some() || !matches!(first, First::No | First::More);
            if let Some(side) = kept.first().map(|kept| kept.side).filter(|_| opens) {
                // Who opens is the client, unless it is the one that serves: then what the client said before is missing.
                let serves = self.ends.each_ref().map(|end| shared.choice.serves(end.port));
                let server = first == First::Server || serves[side] && !serves[1 - side];
                self.client.get_or_insert(if server { 1 - side } else { side });
            }
            self.from_start = opens && self.client == kept.first().map(|kept| kept.side);
        }
        let client = *self.client.get_or_insert_with(|| {
            match self.ends.each_ref().map(|end| shared.choice.serves(end.port)) {
                [true, false] => 1,
                [false, true] => 0,
                _ => usize::from(self.ends[1].port > self.ends[0].port),
            }
        });
        let transport = match bytes.first() {
            _ if self.secure => Transport::Rtmps,
            Some(6 | 8 | 9) if self.from_start => Transport::Rtmpe,
            _ => Transport::Rtmp,
        };
        let opened = Opened {
            client: Some(self.ends[client].into()),
            server: Some(self.ends[1 - client].into()),
            from_start: self.from_start,
            transport,
        };
        let flow = *self.flow.get_or_insert_with(|| shared.number());
        self.state = State::Rtmp(flow);
        out(Traffic::Opened { flow, place: self.first, opened });
    }

    /// `side` has sent all that it will.
    pub(super) fn end(
        &mut self,
        side: usize,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        let told = matches!(self.state, State::Rtmp(_) | State::Tls(_) | State::Tunnel(_));
        if !told || std::mem::replace(&mut self.ended[side], true) {
            return;
        }
        let direction = self.direction(side);
        match &mut self.state {
            State::Rtmp(flow) => out(Traffic::Ended { flow: *flow, place, direction }),
            State::Tls(secure) => {
                if !secure.end(side, place, shared, out) {
                    self.seal(place, shared, out);
                }
            }
            State::Tunnel(connection) => {
                let (tunnels, mut sink) = shared.tunnels(&mut self.flow, out);
                tunnels.ended(connection, direction, place, &mut sink);
            }
            State::Undecided(_) | State::Listening(_) | State::Sealed(_) | State::Other => {}
        }
    }

    /// No more comes: what is to be told of in any case is, with what waited for a decision.
    pub(super) fn finish(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        match &mut self.state {
            State::Tls(secure) => secure.finish(place, shared, out),
            State::Undecided(_) if self.flow.is_some() => {
                self.settle(Verdict::Other, shared, out);
            }
            State::Undecided(_) if self.expected && self.from_start => {
                shared.pass_silent(self.first)
            }
            _ => {}
        }
    }

    /// Bytes held of it as TLS.
    pub(super) fn tls_held(&self) -> usize {
        if let State::Tls(secure) = &self.state { secure.held() } else { 0 }
    }

    /// All connections together hold too much of TLS: this one is not read any more.
    pub(super) fn let_go(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        if let State::Tls(secure) = &mut self.state {
            secure.let_go(place, shared, out);
            self.seal(place, shared, out);
        }
    }

    /// Whether secrets that come later may still make it readable. What is told of in any case is not kept back for them
    /// where none are to be expected.
    pub(super) fn waits(&self, shared: &Shared) -> bool {
        let State::Tls(secure) = &self.state else { return false };
        secure.waits() && (shared.has_keys() || !self.expected)
    }

    /// There are new secrets.
    pub(super) fn wake(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        if let State::Tls(secure) = &mut self.state {
            secure.wake(place, shared, out);
        }
    }

    /// The TCP connection is over, and was told of if it is to be.
    pub(super) fn close(
        mut self,
        by: ClosedBy,
        how: CloseKind,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        match self.state {
            State::Rtmp(flow) | State::Sealed(flow) => {
                out(Traffic::Closed { flow, place, by, how });
            }
            State::Tls(secure) => secure.inner.close(by, how, place, shared, out),
            State::Tunnel(connection) => {
                let (tunnels, mut sink) = shared.tunnels(&mut self.flow, out);
                tunnels.closed(*connection, by, how, place, &mut sink);
                if let Some(flow) = self.flow {
                    shared.give_back(flow);
                }
            }
            State::Listening(_) => self.listen(false, shared),
            State::Undecided(_) | State::Other => {}
        }
    }
}
