//! The table of sessions: which there are, which connection carries which, and what is held. Knows no HTTP framing.

use super::connection::{Answer, Connection, SessionId, Waiting};
use super::http::Broken;
use super::session::{Key, Session};
use super::target::{Target, Verb};
use super::{Sink, Tunnels};
use crate::inspect::{CloseKind, ClosedBy, Finding, GapCause, Place, Severity, Traffic};
use crate::proto::Direction;

impl Tunnels {
    /// Does something with a session, and keeps count of what it holds.
    pub(super) fn on(
        &mut self,
        id: SessionId,
        place: Place,
        sink: &mut Sink<'_>,
        act: impl FnOnce(&mut Session, &mut Sink<'_>),
    ) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.over) else {
            return;
        };
        let before = session.memory();
        act(session, sink);
        let held = (self.held + session.memory()).saturating_sub(before);
        if held > sink.limits.tunnel_total && session.memory() > before {
            session.let_go(place, sink);
        }
        self.held = (self.held + session.memory()).saturating_sub(before);
    }

    /// The session of a request and the request's number; `None` where there is none to tell of.
    pub(super) fn session_of(
        &mut self,
        connection: &Connection,
        target: &Target,
        place: Place,
        sink: &mut Sink<'_>,
    ) -> Option<(SessionId, Option<u64>)> {
        let key = |id: Box<[u8]>| Key {
            server: connection.ends.server,
            authority: target.authority.clone(),
            id,
        };
        let written = key(target.id.as_bytes().into());
        let mut ids = vec![(written.clone(), target.number)];
        if let Some(decoded) = percent_decoded(&target.id) {
            ids.push((key(decoded.into()), target.number));
        }
        if target.verb == Verb::Close
            && let Some(number) = target.number
        {
            // The number may be the end of an id.
            ids.push((key(format!("{}/{number}", target.id).into_bytes().into()), None));
        }
        let mut after = false;
        for (key, number) in ids {
            let Some(&id) = self.names.get(&key) else { continue };
            let Some(session) = self.sessions.get(&id) else { continue };
            if !session.over {
                return Some((id, number));
            }
            // What still comes for a session that is over; or its id is in use again.
            if number.is_none_or(|number| number < session.up.next()) {
                return None;
            }
            after = true;
        }
        if target.verb == Verb::Close {
            return None;
        }
        let mut session = Session::new(written, &connection.ends, false, place);
        session.after = after;
        Some((self.insert(session, place, sink), target.number))
    }

    fn insert(&mut self, mut session: Session, place: Place, sink: &mut Sink<'_>) -> SessionId {
        self.make_room(place, sink);
        self.made += 1;
        session.seen_at = self.clock;
        if let Some(old) = self.names.insert(session.key.clone(), self.made) {
            self.sessions.remove(&old);
        }
        self.sessions.insert(self.made, session);
        self.made
    }

    /// Keeps the table within its limit: sessions that are over go first, then those silent longest.
    fn make_room(&mut self, place: Place, sink: &mut Sink<'_>) {
        let most = sink.limits.tunnel_sessions;
        if self.sessions.len() < most {
            return;
        }
        let mut order: Vec<(bool, u64, SessionId)> = self
            .sessions
            .iter()
            .map(|(&id, session)| (!session.over, session.seen_at, id))
            .collect();
        order.sort_unstable();
        order.truncate((order.len() / 8).max(1));
        for (_, _, id) in order {
            self.on(id, place, sink, |session, sink| {
                if session.face.flow.is_some() {
                    let text = format!(
                        "the session silent longest is given up, because {most} are remembered at once (limit tunnel_sessions)"
                    );
                    let finding = Finding::new("limit.tunnel-sessions", Severity::Error, text);
                    session.report(place, finding, sink);
                }
                session.close(ClosedBy::Rtmpctl, CloseKind::Timeout, place, sink);
            });
            if let Some(session) = self.sessions.remove(&id) {
                self.names.remove(&session.key);
            }
        }
    }

    /// `/open` was answered with an id.
    pub(super) fn opened(
        &mut self,
        connection: &mut Connection,
        key: Key,
        (first, made): (Place, SessionId),
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let id = match self.names.get(&key) {
            // Its requests came ahead of the answer that names it.
            Some(&id) if id > made => id,
            known => {
                if let Some(&old) = known {
                    // The id is given out anew: what had it is over.
                    self.on(old, place, sink, |session, sink| {
                        let silent = (ClosedBy::Server, CloseKind::Timeout, place);
                        let (by, how, place) = session.ended.unwrap_or(silent);
                        session.close(by, how, place, sink);
                    });
                }
                self.insert(Session::new(key, &connection.ends, true, first), place, sink)
            }
        };
        self.on(id, place, sink, |session, sink| session.open(sink));
        self.attach(connection, id);
    }

    /// `/open` was answered without an id: a connection of its own says so.
    pub(super) fn refused(
        &mut self,
        connection: &Connection,
        key: Key,
        first: Place,
        place: Place,
        finding: Finding,
        sink: &mut Sink<'_>,
    ) {
        let mut session = Session::new(key, &connection.ends, true, first);
        session.report(place, finding, sink);
        session.close(ClosedBy::Server, CloseKind::Fin, place, sink);
    }

    /// The connection carries that session from here.
    pub(super) fn attach(&mut self, connection: &mut Connection, id: SessionId) {
        if connection.session == Some(id) {
            return;
        }
        if let Some(old) = connection.session.and_then(|old| self.sessions.get_mut(&old)) {
            old.connections = old.connections.saturating_sub(1);
        }
        connection.session = Some(id);
        connection.next = 0;
        if let Some(hidden) = &mut connection.hidden {
            (hidden.first, hidden.unanswered) = (0, 0);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.connections += 1;
        }
    }

    /// The connection is over.
    pub(super) fn leave(
        &mut self,
        connection: &mut Connection,
        (by, how, place): (ClosedBy, CloseKind, Place),
        sink: &mut Sink<'_>,
    ) {
        self.early(connection, true, sink);
        if let Some(request) = connection.request.take() {
            self.on(request.session, place, sink, |session, _| session.up.cut(&request.item));
        }
        if let Some(Answer { to: Waiting::Tunnel { session, .. }, item, .. }) =
            connection.answer.take()
        {
            self.on(session, place, sink, |session, _| session.down.cut(&item));
        }
        if connection.responses.searching() {
            self.answer_hidden(connection, GapCause::Lost, place, sink);
        }
        for waiting in std::mem::take(&mut connection.waiting) {
            if let Waiting::Tunnel { session, number, .. } = waiting {
                self.on(session, place, sink, |session, _| {
                    session.down.absent(number, number.saturating_add(1));
                });
            }
        }
        let (Some(id), hidden) = (connection.session.take(), connection.hidden.take()) else {
            return;
        };
        self.on(id, place, sink, |session, sink| {
            session.connections = session.connections.saturating_sub(1);
            session.ended = Some((by, how, place));
            if let Some(hidden) = hidden {
                session.hide_tail(hidden.cause);
            }
            if session.connections > 0 || by == ClosedBy::CaptureEnd {
                return;
            }
            if session.closing {
                session.close(ClosedBy::Client, CloseKind::Fin, place, sink);
            } else if session.gone {
                session.close(ClosedBy::Server, CloseKind::Fin, place, sink);
            }
        });
    }

    /// Keeps count of what a connection holds; over the limit it holds nothing.
    pub(super) fn keep(
        &mut self,
        connection: &mut Connection,
        before: usize,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let after = connection.memory();
        self.held = (self.held + after).saturating_sub(before);
        if self.held <= sink.limits.tunnel_total || after <= before {
            return;
        }
        if !connection.early.is_empty() {
            connection.hide(GapCause::Overflow);
            self.early(connection, false, sink);
        }
        if connection.requests.let_go() {
            connection.hide(GapCause::Overflow);
            self.broken(connection, Direction::ClientToServer, Broken::LongHead, place, sink);
        }
        if connection.responses.let_go() {
            self.answer_hidden(connection, GapCause::Overflow, place, sink);
            self.answer_passed(connection, place, sink);
            self.broken(connection, Direction::ServerToClient, Broken::LongHead, place, sink);
        }
        let held = (self.held + connection.memory()).saturating_sub(after);
        if held > sink.limits.tunnel_total {
            self.too_many(connection, 1, place, sink);
        }
        self.held = (self.held + connection.memory()).saturating_sub(after);
    }

    /// Says that something is no HTTP, once where there is no session to say it of.
    pub(super) fn broken(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        broken: Broken,
        place: Place,
        sink: &mut Sink<'_>,
    ) {
        let side = match direction {
            Direction::ClientToServer => "client",
            Direction::ServerToClient => "server",
        };
        let what = match broken {
            Broken::NoHead => "something that is no HTTP head".to_owned(),
            Broken::LongHead => format!(
                "an HTTP head that is not complete after {} bytes, or when too much is held (limits tunnel_head, tunnel_total)",
                sink.limits.tunnel_head
            ),
            Broken::Length => {
                "an HTTP head with a Content-Length that contradicts itself".to_owned()
            }
            Broken::Chunk => "a body whose chunks cannot be told apart".to_owned(),
        };
        let text = format!("the {side} sends {what}: the next head is searched for");
        let finding = Finding::new("rtmpt.http", Severity::Error, text);
        let mut finding = Some(finding);
        if let Some(id) = connection.session {
            self.on(id, place, sink, |session, sink| {
                if let Some(finding) = finding.take() {
                    session.report(place, finding, sink);
                }
            });
        }
        if let Some(finding) = finding.filter(|_| !std::mem::replace(&mut connection.said, true)) {
            (sink.out)(Traffic::Trouble { flow: None, place, finding });
        }
    }
}

/// The id that an escaped one stands for; `None` where nothing is escaped.
fn percent_decoded(id: &str) -> Option<Vec<u8>> {
    let bytes = id.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let digit = |at: usize| bytes.get(at).and_then(|&byte| (byte as char).to_digit(16));
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    (out.len() < bytes.len()).then_some(out)
}
