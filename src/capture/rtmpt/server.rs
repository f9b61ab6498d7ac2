//! The answers of a connection: which request each belongs to, and its body. Knows no framing.

use super::super::tcp::Piece;
use super::connection::{Answer, Connection, Early, Waiting};
use super::http::{Broken, Event, Head, Last, Start};
use super::order::Item;
use super::session::Key;
use super::target::Verb;
use super::{Sink, Tunnels};
use crate::Limits;
use crate::inspect::{CloseKind, ClosedBy, Finding, GapCause, Place, Severity};
use crate::proto::Direction;

impl Tunnels {
    pub(super) fn server(
        &mut self,
        connection: &mut Connection,
        piece: Piece<'_>,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        connection.heard = true;
        if !connection.early.is_empty() || !connection.may_answer() {
            connection.hold(place, piece);
        } else if let Piece::Bytes(data) = piece {
            let taken = self.server_bytes(connection, data, place, false, sink);
            if taken < data.len() {
                connection.hold(place, Piece::Bytes(&data[taken..]));
            }
        } else if let Piece::Gap(length, cause) = piece {
            self.server_gap(connection, length, cause, place, sink);
        }
        if connection.early_memory() > sink.limits.tunnel_bytes {
            connection.hide(GapCause::Overflow);
            self.early(connection, false, sink);
        }
    }

    /// Reads what was held for want of its requests, as far as they have come; all of it if `force` says so.
    pub(super) fn early(&mut self, connection: &mut Connection, force: bool, sink: &mut Sink<'_>) {
        while force || connection.may_answer() {
            let Some((place, early)) = connection.first_early() else { return };
            match early {
                Early::Bytes(bytes, from) => {
                    let rest = bytes.get(from..).unwrap_or_default();
                    let taken = self.server_bytes(connection, rest, place, force, sink);
                    if taken < rest.len() {
                        connection.put_back(place, Early::Bytes(bytes, from + taken));
                    }
                }
                Early::Gap(length, cause) => {
                    self.server_gap(connection, length, cause, place, sink);
                }
            }
        }
    }

    /// Reads answers as long as they have requests, or all if `force` says so; how many bytes that took.
    fn server_bytes(
        &mut self,
        connection: &mut Connection,
        data: &[u8],
        place: Place,
        force: bool,
        sink: &mut Sink<'_>,
    ) -> usize {
        let mut rest = data;
        while force || connection.may_answer() {
            let Some(event) = connection.responses.next(&mut rest, sink.limits.tunnel_head) else {
                break;
            };
            self.server_event(connection, event, place, sink);
        }
        data.len() - rest.len()
    }

    fn server_gap(
        &mut self,
        connection: &mut Connection,
        length: Option<u64>,
        cause: GapCause,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let hole = connection.responses.gap(length);
        if let Some(missing) = hole.body {
            self.server_body_gap(connection, missing, cause, place, sink);
        }
        if !connection.responses.between() {
            while let Some(event) = connection.responses.next(&mut &[][..], 0) {
                self.server_event(connection, event, place, sink);
            }
        }
        if hole.over {
            self.server_end(connection, place, sink);
        }
        if hole.heads {
            self.answer_hidden(connection, cause, place, sink);
            connection.passed = true;
        }
    }

    fn server_event(
        &mut self,
        connection: &mut Connection,
        event: Event<'_>,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        match event {
            Event::Head(head) => self.answer(connection, &head, place, sink),
            Event::Body(data) => self.server_body(connection, data, place, sink),
            Event::End => self.server_end(connection, place, sink),
            Event::Broken(broken) => {
                if broken == Broken::Chunk {
                    self.server_body_gap(connection, None, GapCause::Lost, place, sink);
                    self.server_end(connection, place, sink);
                } else {
                    self.answer_hidden(connection, GapCause::Lost, place, sink);
                    // What is no head at all may precede the answer rather than be it.
                    if broken != Broken::NoHead {
                        self.answer_passed(connection, place, sink);
                    }
                }
                self.broken(connection, Direction::ServerToClient, broken, place, sink);
            }
        }
    }

    fn server_body(
        &mut self,
        connection: &mut Connection,
        mut data: &[u8],
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let Some(answer) = connection.answer.as_mut().filter(|answer| answer.is_ok()) else {
            return;
        };
        match answer.to {
            Waiting::Tunnel { session, .. } => {
                if std::mem::take(&mut answer.fresh) {
                    data = data.get(1..).unwrap_or_default();
                }
                let item = &mut answer.item;
                if !data.is_empty() {
                    self.on(session, place, sink, |session, sink| {
                        session.bytes(Direction::ServerToClient, item, data, place, sink);
                    });
                }
            }
            Waiting::Open { .. } => {
                let room = (Limits::SESSION_ID + 1).saturating_sub(answer.id.len());
                answer.id.extend_from_slice(&data[..data.len().min(room)]);
            }
            Waiting::Other { .. } => {}
        }
    }

    fn server_body_gap(
        &mut self,
        connection: &mut Connection,
        mut missing: Option<u64>,
        cause: GapCause,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let Some(answer) = connection.answer.as_mut().filter(|answer| answer.is_ok()) else {
            return;
        };
        if let Waiting::Tunnel { session, .. } = answer.to {
            if std::mem::take(&mut answer.fresh) {
                missing = missing.map(|missing| missing.saturating_sub(1));
            }
            let item = &mut answer.item;
            if missing != Some(0) {
                self.on(session, place, sink, |session, sink| {
                    session.gap(Direction::ServerToClient, item, (missing, cause), place, sink);
                });
            }
        } else {
            // A session's id with a hole in it is none.
            connection.answer = None;
        }
    }

    /// The head of an answer.
    fn answer(
        &mut self,
        connection: &mut Connection,
        head: &Head,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        self.clock += 1;
        let Start::Response(status) = head.start else { return };
        connection.answer = None;
        if matches!(status, 100..=199) {
            // Not the answer yet: 100 Continue.
            return;
        }
        // Behind a hole over heads, at least one answer is hidden; where only one request waits, that is not this one's.
        if std::mem::take(&mut connection.passed) && connection.waiting.len() > 1 {
            self.answer_passed(connection, place, sink);
        }
        let Some(to) = connection.answered() else {
            self.unplaced(connection, place, sink);
            return;
        };
        let mut item = Item { number: 0, offset: 0, total: Some(0) };
        match to {
            Waiting::Other { is_head } if is_head => connection.responses.bodiless(),
            Waiting::Other { .. } | Waiting::Open { .. } => {}
            Waiting::Tunnel { session, verb, number } => {
                item.number = number;
                if matches!(status, 200..=299) {
                    item.total = head.body.map(|body| body.saturating_sub(1));
                }
                let clock = self.clock;
                self.on(session, place, sink, |session, sink| {
                    session.seen_at = clock;
                    session.head(head.length);
                    session.answer(&item, place, sink);
                    session.gone |= matches!(status, 404 | 410);
                    // A client that polls on after the end is told so, and that is not worth another connection.
                    if status != 200 && !(session.after && session.face.flow.is_none()) {
                        let what = format!("request {number} (/{})", verb.as_str());
                        session.report(place, unexpected(status, &what), sink);
                    }
                });
            }
        }
        connection.answer = Some(Answer { to, status, item, fresh: true, id: Vec::new() });
    }

    /// An answer that no request was seen for: where its bytes belong is not known.
    fn unplaced(&mut self, connection: &Connection, place: Place, sink: &mut Sink<'_>) {
        let Some(id) = connection.session else { return };
        self.on(id, place, sink, |session, sink| session.unplaced(place, sink));
    }

    fn server_end(&mut self, connection: &mut Connection, place: Place, sink: &mut Sink<'_>) {
        let Some(answer) = connection.answer.take() else { return };
        let ok = answer.is_ok();
        match answer.to {
            Waiting::Other { .. } => {}
            Waiting::Open { authority, place: first, made } => {
                let status = answer.status;
                let id = answer.id.trim_ascii();
                let key = Key { server: connection.ends.server, authority, id: id.into() };
                if !ok {
                    self.refused(connection, key, first, place, unexpected(status, "/open"), sink);
                } else if id.is_empty()
                    || id.len() > Limits::SESSION_ID
                    || id.iter().any(u8::is_ascii_control)
                {
                    let text = format!("the answer to /open (status {status}) gives no session id");
                    let finding = Finding::new("rtmpt.status", Severity::Warning, text);
                    self.refused(connection, key, first, place, finding, sink);
                } else {
                    self.opened(connection, key, (first, made), place, sink);
                }
            }
            Waiting::Tunnel { session, verb, number } => {
                self.on(session, place, sink, |session, sink| {
                    if ok && answer.fresh && verb != Verb::Close {
                        let text = format!(
                            "the answer to request {number} (/{}) has an empty body: the polling interval is missing",
                            verb.as_str()
                        );
                        let finding = Finding::new("rtmpt.no-interval", Severity::Warning, text);
                        session.report(place, finding, sink);
                    }
                    session.end(Direction::ServerToClient, &answer.item, place, sink);
                    if verb == Verb::Close {
                        session.close(ClosedBy::Client, CloseKind::Fin, place, sink);
                    }
                });
            }
        }
    }

    /// The next answer cannot be read, or what precedes it: bytes may be missing there.
    pub(super) fn answer_hidden(
        &mut self,
        connection: &mut Connection,
        cause: GapCause,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let Some(waiting) = connection.answered() else {
            self.unplaced(connection, place, sink);
            return;
        };
        if let Waiting::Tunnel { session, number, .. } = waiting {
            self.on(session, place, sink, |session, sink| {
                let mut item = Item { number, offset: 0, total: None };
                session.answer(&item, place, sink);
                session.gap(Direction::ServerToClient, &mut item, (None, cause), place, sink);
            });
        }
        connection.waiting.push_front(waiting);
    }

    /// The next answer is over without having been read.
    pub(super) fn answer_passed(
        &mut self,
        connection: &mut Connection,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        if let Some(Waiting::Tunnel { session, number, .. }) = connection.answered() {
            self.on(session, place, sink, |session, sink| {
                let item = Item { number, offset: 0, total: None };
                session.end(Direction::ServerToClient, &item, place, sink);
            });
        }
    }

    /// What the server still had to say is complete.
    pub(super) fn server_ended(
        &mut self,
        connection: &mut Connection,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        if connection.early.is_empty() && connection.responses.last() == Last::Whole {
            connection.responses.finish();
            while let Some(event) = connection.responses.next(&mut &[][..], 0) {
                self.server_event(connection, event, place, sink);
            }
        }
    }
}

/// A server answers with another status than 200.
fn unexpected(status: u16, what: &str) -> Finding {
    let meaning = match status {
        200..=299 => "which clients may not take for success",
        300..=399 => "a redirection, which RTMPT clients do not follow",
        400 => "the server does not understand the request",
        401 | 403 | 407 => "access is denied",
        404 | 410 => "the server does not know the session, or no RTMPT at all",
        405 | 501 => "the server does not take POST there",
        408 => "the request came too slowly",
        411 => "the server wants a Content-Length",
        413 => "the body is too large for the server or a proxy",
        429 => "too many requests for the server or a proxy",
        502..=504 => "a proxy has no answer from the server behind it",
        500..=599 => "the server has failed",
        _ => "the request was refused",
    };
    let text = format!("{what} was answered with status {status}: {meaning}");
    Finding::new("rtmpt.status", Severity::Warning, text)
}
