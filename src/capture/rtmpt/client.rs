//! The requests of a connection: which session each belongs to, and its body. Knows no framing.

use super::super::tcp::Piece;
use super::connection::{Connection, Hidden, Request, SessionId, Waiting};
use super::http::{Broken, Event, Head, Start};
use super::order::Item;
use super::target::{Target, Verb};
use super::{Sink, Tunnels};
use crate::Limits;
use crate::inspect::{Finding, GapCause, Place, Severity};
use crate::proto::Direction;

impl Tunnels {
    pub(super) fn client(
        &mut self,
        connection: &mut Connection,
        piece: Piece<'_>,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        match piece {
            Piece::Bytes(mut data) => {
                while let Some(event) = connection.requests.next(&mut data, sink.limits.tunnel_head)
                {
                    self.client_event(connection, event, place, sink);
                }
            }
            Piece::Gap(length, cause) => {
                let hole = connection.requests.gap(length);
                if let Some(missing) = hole.body {
                    self.client_body_gap(connection, missing, cause, place, sink);
                }
                while let Some(event) = connection.requests.next(&mut &[][..], 0) {
                    self.client_event(connection, event, place, sink);
                }
                if hole.over {
                    self.client_end(connection, place, sink);
                }
                if hole.heads || hole.over {
                    connection.hide(cause);
                    self.early(connection, false, sink);
                }
            }
        }
    }

    fn client_event(
        &mut self,
        connection: &mut Connection,
        event: Event<'_>,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        match event {
            Event::Head(head) => self.request(connection, head, place, sink),
            Event::Body(data) => {
                if let Some(request) = &mut connection.request
                    && request.verb == Verb::Send
                {
                    let item = &mut request.item;
                    self.on(request.session, place, sink, |session, sink| {
                        session.bytes(Direction::ClientToServer, item, data, place, sink);
                    });
                }
            }
            Event::End => self.client_end(connection, place, sink),
            Event::Broken(broken) => {
                if broken == Broken::Chunk {
                    self.client_body_gap(connection, None, GapCause::Lost, place, sink);
                    self.client_end(connection, place, sink);
                }
                connection.hide(GapCause::Lost);
                self.broken(connection, Direction::ClientToServer, broken, place, sink);
                self.early(connection, false, sink);
            }
        }
    }

    fn client_body_gap(
        &mut self,
        connection: &mut Connection,
        missing: Option<u64>,
        cause: GapCause,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        if let Some(request) = &mut connection.request
            && request.verb == Verb::Send
        {
            let item = &mut request.item;
            self.on(request.session, place, sink, |session, sink| {
                session.gap(Direction::ClientToServer, item, (missing, cause), place, sink);
            });
        }
    }

    fn client_end(&mut self, connection: &mut Connection, place: Place, sink: &mut Sink<'_>) {
        let Some(request) = connection.request.take() else { return };
        self.on(request.session, place, sink, |session, sink| {
            session.closing |= request.verb == Verb::Close;
            session.end(Direction::ClientToServer, &request.item, place, sink);
        });
    }

    /// The head of a request.
    fn request(
        &mut self,
        connection: &mut Connection,
        head: Head,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        self.clock += 1;
        let Start::Request { target, is_head } = head.start else { return };
        connection.request = None;
        let waiting = match target {
            None | Some(Target { verb: Verb::Ident, .. }) => Waiting::Other { is_head },
            Some(Target { verb: Verb::Open, authority, .. }) => {
                connection.hidden = None;
                Waiting::Open { authority, place, made: self.made }
            }
            Some(target) => match self.session_of(connection, &target, place, sink) {
                None => Waiting::Other { is_head },
                Some((id, number)) => {
                    let number = number.unwrap_or_else(|| self.next_number(id));
                    self.hidden_requests(connection, id, number, sink.limits);
                    self.attach(connection, id);
                    let (verb, hidden) = (target.verb, connection.hidden.take());
                    let total = if verb == Verb::Send { head.body } else { Some(0) };
                    let item = Item { number, offset: 0, total };
                    let clock = self.clock;
                    self.on(id, place, sink, |session, sink| {
                        session.seen_at = clock;
                        session.head(head.length);
                        let alone = session.connections <= 1;
                        session.request(verb, &item, hidden, alone, place, sink);
                    });
                    connection.next = number.saturating_add(1);
                    connection.request = Some(Request { session: id, verb, item });
                    Waiting::Tunnel { session: id, verb, number }
                }
            },
        };
        connection.waiting.push_back(waiting);
        if connection.waiting.len() > sink.limits.tunnel_requests {
            let most = sink.limits.tunnel_requests;
            self.too_many(connection, most, place, sink);
        }
        self.early(connection, false, sink);
    }

    fn next_number(&self, id: SessionId) -> u64 {
        let Some(session) = self.sessions.get(&id) else { return 0 };
        let next = session.up.next();
        next.saturating_add(u64::from(session.up.knows(next)))
    }

    /// The requests that a hole hides wait for their answers too.
    fn hidden_requests(
        &self,
        connection: &mut Connection,
        id: SessionId,
        number: u64,
        limits: &Limits,
    ) {
        let Some(Hidden { unanswered: from, .. }) = connection.hidden else { return };
        let Some(session) = self.sessions.get(&id).filter(|_| connection.session == Some(id))
        else {
            return;
        };
        if number.saturating_sub(from) > limits.tunnel_requests as u64 {
            return;
        }
        for number in from..number {
            if !session.up.knows(number) {
                let waiting = Waiting::Tunnel { session: id, verb: Verb::Send, number };
                connection.waiting.push_back(waiting);
            }
        }
    }

    /// More requests than are remembered have no answer: the oldest go.
    pub(super) fn too_many(
        &mut self,
        connection: &mut Connection,
        most: usize,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        while connection.waiting.len() > most {
            let Some(oldest) = connection.waiting.pop_front() else { return };
            let Waiting::Tunnel { session, number, .. } = oldest else { continue };
            // Where the capture has the client's direction only, nothing is missed.
            let heard = connection.heard;
            self.on(session, place, sink, |session, sink| {
                session.down.absent(number, number.saturating_add(1));
                if heard {
                    let text = format!(
                        "more than {most} requests of a TCP connection have no answer: request {number} is no longer waited for (limits tunnel_requests, tunnel_total)"
                    );
                    let finding = Finding::new("limit.tunnel-requests", Severity::Warning, text);
                    session.report(place, finding, sink);
                }
            });
        }
    }
}
