//! One session: its two directions in order, and what there is to say about it. Knows no HTTP framing.

use std::net::SocketAddr;

use super::super::tcp::Piece;
use super::Sink;
use super::connection::Hidden;
use super::order::{Item, Order, Out, Turn};
use super::target::Verb;
use crate::inspect::{
    CloseKind, ClosedBy, Finding, FlowId, GapCause, Opened, Place, Severity, Traffic, Transport,
};
use crate::proto::Direction;

/// The two ends of a TCP connection that carries RTMPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) struct Ends {
    /// Who opened it.
    pub(in crate::capture) client: SocketAddr,
    /// Who accepted it: the server, or a proxy in front of it.
    pub(in crate::capture) server: SocketAddr,
    /// Whether it was TLS.
    pub(in crate::capture) secure: bool,
}

/// What makes a session the same one.
///
/// The client's address is no part of it: behind an address translation or a pool of proxies one session comes from
/// several. The server's is, because servers count their sessions from 1; so is the server that an absolute target
/// names to a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) server: SocketAddr,
    pub(super) authority: Box<str>,
    pub(super) id: Box<[u8]>,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: Key,
    pub(super) face: Face,
    /// The client's bodies.
    pub(super) up: Order,
    /// The server's.
    pub(super) down: Order,
    /// Whether a number has been seen, so that the orders have begun.
    begun: bool,
    /// Open TCP connections of which this is the last session.
    pub(super) connections: usize,
    /// `/close` was sent.
    pub(super) closing: bool,
    /// The server has said that it does not know the session.
    pub(super) gone: bool,
    /// How its last connection ended, and when.
    pub(super) ended: Option<(ClosedBy, CloseKind, Place)>,
    /// It is over; what still comes for numbers that it had is ignored.
    pub(super) over: bool,
    /// Requests may be missing behind the last one: a hole hides the rest of its connection.
    tail: Option<GapCause>,
    /// It follows one of that name which is over.
    pub(super) after: bool,
    /// That a PROXY protocol header precedes its requests has been said.
    pub(super) prefixed: bool,
    /// When it was last heard of, in requests and answers of all sessions.
    pub(super) seen_at: u64,
    polling: Polling,
}

/// What the output knows of a session.
#[derive(Debug)]
pub(super) struct Face {
    /// Its number, once it was reported.
    pub(super) flow: Option<FlowId>,
    opened: Opened,
    first: Place,
}

/// What polling costs.
#[derive(Debug, Clone, Copy, Default)]
struct Polling {
    requests: u64,
    idle: u64,
    heads: u64,
    bytes: [u64; 2],
}

impl Face {
    /// The number of the session, which is reported if it was not.
    fn flow(&mut self, sink: &mut Sink<'_>) -> FlowId {
        if let Some(flow) = self.flow {
            return flow;
        }
        let flow = sink.reserved.take().unwrap_or_else(|| sink.numbers.give());
        self.flow = Some(flow);
        (sink.out)(Traffic::Opened { flow, place: self.first, opened: self.opened });
        flow
    }

    fn give(&mut self, direction: Direction, place: Place, piece: Piece<'_>, sink: &mut Sink<'_>) {
        let flow = self.flow(sink);
        (sink.out)(match piece {
            Piece::Bytes(data) => Traffic::Bytes { flow, place, direction, data },
            Piece::Gap(length, cause) => Traffic::Gap { flow, place, direction, length, cause },
        });
    }

    fn report(&mut self, place: Place, finding: Finding, sink: &mut Sink<'_>) {
        let flow = Some(self.flow(sink));
        (sink.out)(Traffic::Trouble { flow, place, finding });
    }
}

impl Session {
    /// A session that was first heard of at `first`.
    pub(super) fn new(key: Key, ends: &Ends, from_start: bool, first: Place) -> Self {
        let transport = if ends.secure { Transport::Rtmpts } else { Transport::Rtmpt };
        let (client, server) = (Some(ends.client), Some(ends.server));
        Self {
            key,
            face: Face {
                flow: None,
                opened: Opened { client, server, from_start, transport },
                first,
            },
            up: Order::new(0),
            down: Order::new(0),
            begun: false,
            connections: 0,
            closing: false,
            gone: false,
            ended: None,
            over: false,
            tail: None,
            after: false,
            prefixed: false,
            seen_at: 0,
            polling: Polling::default(),
        }
    }

    /// The bytes held, with what holding them costs.
    pub(super) const fn memory(&self) -> usize {
        self.up.memory() + self.down.memory()
    }

    /// Reports the session, if it was not.
    pub(super) fn open(&mut self, sink: &mut Sink<'_>) {
        self.face.flow(sink);
    }

    /// Reports a finding about it.
    pub(super) fn report(&mut self, place: Place, finding: Finding, sink: &mut Sink<'_>) {
        self.face.report(place, finding, sink);
    }

    /// A request begins. `hidden` are those ahead of it on its connection that a hole hides; `alone` says that no other open connection can bring what is missing.
    pub(super) fn request(
        &mut self,
        verb: Verb,
        item: &Item,
        hidden: Option<Hidden>,
        alone: bool,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        self.tail = None;
        self.polling.requests += 1;
        self.polling.idle += u64::from(verb == Verb::Idle);
        let number = item.number;
        if !self.begun {
            self.begun = true;
            // The first number is 0, or where no hole hides that one, up to 2: Red5's client begins with 1.
            let start = self.face.opened.from_start && (hidden.is_some() || number > 2);
            let first = if start { 0 } else { number };
            // Clients count from 0, so that one with this number is the first even if `/open` was not seen.
            self.face.opened.from_start |= number == 0 && !self.after && self.face.flow.is_none();
            self.up = Order::new(first);
            self.down = Order::new(first);
        }
        match self.up.turn(number) {
            Turn::Now => {}
            Turn::Again | Turn::Out => {
                let text = format!(
                    "request {number} (/{}) was sent again: its bytes are taken once",
                    verb.as_str()
                );
                self.said(place, sink, Severity::Info, text);
            }
            Turn::Late => {
                let next = self.up.next();
                let text = format!(
                    "request {number} (/{}) came when request {next} was due and it had been given up: its bytes are left out",
                    verb.as_str()
                );
                self.said(place, sink, Severity::Warning, text);
            }
            Turn::Anew => {
                let due = self.up.next();
                for direction in Direction::BOTH {
                    self.order(direction, sink, |order, out| {
                        order.anew(number, place, out);
                        out(place, Piece::Gap(None, GapCause::Lost));
                    });
                }
                let text = format!(
                    "request {number} came when request {due} was due: its numbers begin anew"
                );
                self.said(place, sink, Severity::Warning, text);
            }
            Turn::Ahead => {
                let next = self.up.next();
                let hidden = hidden.filter(|hidden| hidden.first <= next);
                if alone && (hidden.is_some() || self.up.overdue()) {
                    let cause = hidden.map_or(GapCause::Lost, |hidden| hidden.cause);
                    self.order(Direction::ClientToServer, sink, |order, out| {
                        order.give_up(number, cause, place, out);
                    });
                }
            }
        }
        self.up.begin(item);
        self.settle(place, sink);
    }

    fn said(&mut self, place: Place, sink: &mut Sink<'_>, severity: Severity, text: String) {
        let finding = Finding::new("rtmpt.sequence", severity, text);
        self.face.report(place, finding, sink);
    }

    /// Does something with the order of a direction; what comes out is that direction's traffic.
    fn order(
        &mut self,
        direction: Direction,
        sink: &mut Sink<'_>,
        act: impl FnOnce(&mut Order, &mut Out<'_>),
    ) {
        let Self { up, down, face, .. } = self;
        let order = match direction {
            Direction::ClientToServer => up,
            Direction::ServerToClient => down,
        };
        act(order, &mut |place, piece| face.give(direction, place, piece, sink));
    }

    /// Bytes of a body: of a `/send`, or of an answer behind the polling interval.
    pub(super) fn bytes(
        &mut self,
        direction: Direction,
        item: &mut Item,
        data: &[u8],
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        self.polling.bytes[direction.index()] += data.len() as u64;
        if direction == Direction::ServerToClient
            && item.offset == 0
            && matches!(self.down.turn(item.number), Turn::Out | Turn::Late | Turn::Anew)
        {
            let text = format!(
                "request {} was answered again, or too late: the bytes of that answer are left out",
                item.number
            );
            self.said(place, sink, Severity::Info, text);
        }
        self.order(direction, sink, |order, out| order.bytes(item, data, place, out));
        self.settle(place, sink);
    }

    /// The same, missing.
    pub(super) fn gap(
        &mut self,
        direction: Direction,
        item: &mut Item,
        (length, cause): (Option<u64>, GapCause),
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        self.order(direction, sink, |order, out| order.gap(item, length, cause, place, out));
        self.settle(place, sink);
    }

    /// A body is complete.
    pub(super) fn end(
        &mut self,
        direction: Direction,
        item: &Item,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        self.order(direction, sink, |order, out| order.end(item, out));
        self.settle(place, sink);
    }

    /// An answer begins.
    pub(super) fn answer(&mut self, item: &Item, place: Place, sink: &mut Sink<'_>) {
        self.order(Direction::ServerToClient, sink, |order, out| {
            if order.turn(item.number) == Turn::Ahead {
                order.pass(item.number, place, out);
            }
            order.begin(item);
        });
        self.settle(place, sink);
    }

    /// Bytes of the server that have no place.
    pub(super) fn unplaced(&mut self, place: Place, sink: &mut Sink<'_>) {
        let gap = Piece::Gap(None, GapCause::Lost);
        self.face.give(Direction::ServerToClient, place, gap, sink);
    }

    /// A hole hides what its connection had behind the last request.
    pub(super) const fn hide_tail(&mut self, cause: GapCause) {
        self.tail = Some(cause);
    }

    /// Bytes of heads.
    pub(super) const fn head(&mut self, length: usize) {
        self.polling.heads += length as u64;
    }

    /// Keeps the limits, and says which numbers were given up.
    fn settle(&mut self, place: Place, sink: &mut Sink<'_>) {
        let most = (sink.limits.tunnel_bytes, sink.limits.tunnel_ahead);
        if self.memory() > 0 {
            self.hold_only(most, place, sink);
        }
        // An answer that was given up was a hole, which is a gap; a request is told by its number.
        self.down.given_up = None;
        let Some((from, to, cause)) = self.up.given_up.take() else { return };
        self.down.absent(from, to);
        let last = to - 1;
        let which = if from == last {
            format!("request {from} is")
        } else {
            format!("requests {from} to {last} are")
        };
        let why = match cause {
            GapCause::Overflow => ", and too much waits for it (limits tunnel_bytes, tunnel_ahead)",
            GapCause::Lost | GapCause::Snaplen => "",
        };
        self.said(place, sink, Severity::Warning, format!("{which} missing{why}"));
    }

    /// Gives up what is missing, so that nothing is held.
    pub(super) fn let_go(&mut self, place: Place, sink: &mut Sink<'_>) {
        self.hold_only((0, 0), place, sink);
        self.settle(place, sink);
    }

    fn hold_only(&mut self, most: (usize, usize), place: Place, sink: &mut Sink<'_>) {
        for direction in Direction::BOTH {
            self.order(direction, sink, |order, out| order.keep(most, place, out));
        }
    }

    /// The session is over.
    pub(super) fn close(
        &mut self,
        by: ClosedBy,
        how: CloseKind,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        if self.over {
            return;
        }
        for direction in Direction::BOTH {
            self.order(direction, sink, |order, out| order.finish(GapCause::Lost, place, out));
        }
        if let Some(cause) = self.tail {
            let gap = Piece::Gap(None, cause);
            self.face.give(Direction::ClientToServer, place, gap, sink);
        }
        self.settle(place, sink);
        self.over = true;
        let Some(flow) = self.face.flow else { return };
        let Polling { requests, idle, heads, bytes: [up, down] } = self.polling;
        if let Some(share) = (idle * 100).checked_div(requests) {
            let text = format!(
                "{requests} requests, {idle} of them idle ({share} %), carried {up} bytes to the server and {down} bytes from it; the HTTP heads were {heads} bytes"
            );
            self.report(place, Finding::new("rtmpt.polling", Severity::Info, text), sink);
        }
        (sink.out)(Traffic::Closed { flow, place, by, how });
    }
}
