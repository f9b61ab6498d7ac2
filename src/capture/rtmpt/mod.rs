//! RTMPT: RTMP in HTTP requests, unwrapped from the TCP connections of a capture. Knows no RTMP and no packets.
//!
//! No specification describes it. This is what its clients and servers do: librtmp, FFmpeg, HaishinKit, RootEncoder and
//! Flash on the one side, Red5 and crtmpserver on the other.
//!
//! | request | its body | the body of its answer |
//! |---|---|---|
//! | `POST /fcs/ident2` | a byte of zero | any, usually a 404; not every client asks |
//! | `POST /open/1` | a byte of zero | the id of the session, and a line end |
//! | `POST /send/ID/N` | bytes of the client | the polling interval in one byte, then bytes of the server |
//! | `POST /idle/ID/N` | a byte of zero | the same |
//! | `POST /close/ID/N` | a byte of zero, or none | the same, or nothing |
//!
//! `N` counts the requests of a session from 0, whatever they are. Clients wait for each answer, or (librtmp) write
//! requests ahead of it; they keep a connection or open one for each request; what failed may be sent again with its
//! number. HaishinKit and RootEncoder write no number behind `/close/ID`.
//!
//! # What a session is in the output
//!
//! One connection, from `/open` (or the first request seen) to the answer of `/close`, over however many TCP connections.
//! Its ends are those of its first TCP connection. The session is found by the server's address and its id, see
//! [`Key`](session::Key).
//!
//! - **Order.** Bodies come out in the order of their numbers, answers in the order of their requests' numbers. What comes
//!   ahead is held. What precedes it is given up when the request that should have brought it lies in a hole of the
//!   same TCP connection, or when a further request comes and no other open TCP connection is the session's, or at a limit.
//!   That is a gap of unknown length in the client's direction and the finding `rtmpt.sequence`.
//! - **Repetition.** A request that is sent again after its connection broke goes on where the first copy ended; one that
//!   is complete is not taken again, and neither is a further answer to it.
//! - **Between connections.** A session whose TCP connections are all closed stays open, because clients reconnect. It is
//!   over when `/close` is answered, or was sent and its TCP connection has ended; when the server has said that it does not
//!   know the session and its TCP connections are closed; when the id is given out anew; and at the end of the capture,
//!   where it then has the end of its last TCP connection. There is no `Ended` ahead of that: neither direction can end
//!   alone.
//! - **Requests of something else** on the same TCP connection are passed over with their answers; so are the bodies of
//!   `/idle` and `/close`, and of answers with an error status.

mod client;
mod connection;
mod http;
mod order;
mod server;
mod session;
mod table;
mod target;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub(super) use connection::Connection;
pub(super) use session::Ends;
pub(super) use target::opens;

use super::numbers::Numbers;
use super::tcp::Piece;
use crate::Limits;
use crate::inspect::{CloseKind, ClosedBy, Finding, FlowId, Place, Traffic};
use crate::proto::Direction;
use connection::SessionId;
use session::{Key, Session};

/// All sessions of a capture.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    names: HashMap<Key, SessionId>,
    sessions: HashMap<SessionId, Session>,
    /// Sessions made so far.
    made: SessionId,
    /// Requests and answers so far, as a measure of how long a session has been silent.
    clock: u64,
    /// Bytes held by all sessions and connections.
    held: usize,
}

/// What unwrapping needs of its caller.
pub(super) struct Sink<'s> {
    pub(super) numbers: &'s mut Numbers,
    /// The number that the TCP connection was given when it appeared, until a session takes it.
    pub(super) reserved: &'s mut Option<FlowId>,
    pub(super) limits: &'s Limits,
    /// What gets the traffic.
    pub(super) out: &'s mut dyn FnMut(Traffic<'_>),
}

impl Tunnels {
    /// Takes the next piece of one direction of a TCP connection.
    pub(super) fn piece(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        if matches!(piece, Piece::Gap(Some(0), _)) || matches!(piece, Piece::Bytes([])) {
            return;
        }
        let before = connection.memory();
        match direction {
            Direction::ClientToServer => self.client(connection, piece, place, sink),
            Direction::ServerToClient => self.server(connection, piece, place, sink),
        }
        self.keep(connection, before, place, sink);
    }

    /// One direction of a TCP connection has ended: a body that ends with it is complete.
    pub(super) fn ended(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        if direction == Direction::ServerToClient {
            let before = connection.memory();
            self.server_ended(connection, place, sink);
            self.keep(connection, before, place, sink);
        }
    }

    /// A TCP connection is over. Its session may go on.
    pub(super) fn closed(
        &mut self,
        mut connection: Connection,
        by: ClosedBy,
        how: CloseKind,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let before = connection.memory();
        if how == CloseKind::Fin {
            self.server_ended(&mut connection, place, sink);
        }
        self.leave(&mut connection, (by, how, place), sink);
        self.held = self.held.saturating_sub(before);
    }

    /// The session that a TCP connection carried last, once it is reported.
    pub(super) fn flow(&self, connection: &Connection) -> Option<FlowId> {
        self.sessions.get(&connection.session?)?.face.flow
    }

    /// A PROXY protocol header precedes the requests of a TCP connection: said once of its session, as soon as that is
    /// reported. `false` until then.
    pub(super) fn prefixed(
        &mut self,
        connection: &Connection,
        finding: impl FnOnce() -> Finding,
        place: Place,
        sink: &mut Sink<'_>,
    ) -> bool {
        let session = connection.session.and_then(|id| self.sessions.get_mut(&id));
        let Some(session) = session.filter(|session| session.face.flow.is_some()) else {
            return false;
        };
        if !std::mem::replace(&mut session.prefixed, true) && !session.over {
            session.report(place, finding(), sink);
        }
        true
    }

    /// The capture is over, and with it every session.
    pub(super) fn finish(&mut self, place: Place, sink: &mut Sink<'_>) {
        let mut order: Vec<(FlowId, SessionId)> = self
            .sessions
            .iter()
            .map(|(&id, session)| (session.face.flow.unwrap_or(FlowId::MAX), id))
            .collect();
        order.sort_unstable();
        for (_, id) in order {
            let Some(mut session) = self.sessions.remove(&id) else { continue };
            let (by, how, place) = match session.ended {
                Some((by, _, at)) if session.closing && by != ClosedBy::CaptureEnd => {
                    (ClosedBy::Client, CloseKind::Fin, at)
                }
                Some(ended) if session.connections == 0 => ended,
                _ => (ClosedBy::CaptureEnd, CloseKind::End, place),
            };
            session.close(by, how, place, sink);
        }
        self.names.clear();
        self.held = 0;
    }
}
