//! One client's socket, driven to its end.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::Instant;

use super::Shared;

use super::half::Half;
use crate::inspect::{CloseKind, ClosedBy, Finding, Severity};
use crate::live::deadline::Deadline;
use crate::live::turn::{Turn, give_way};
use crate::live::{Stream, Tap, closed_by_error};
use crate::proto::Direction;
use crate::proto::session::Close;

/// A connection being served.
pub(super) struct Client {
    stream: Stream,
    half: Half,
    deadline: Deadline,
    turn: Turn,
    /// Whether the client was asked to connect again.
    asked: bool,
    /// Whether nothing is due any more, until the connection is to be closed.
    settled: bool,
    /// Until when the end is waited for, where nothing moves.
    lingers: Option<Instant>,
    /// Whether this side is closed.
    shut: bool,
    /// Who closed first, where the end is only waited for.
    ended: Option<(ClosedBy, CloseKind)>,
}

/// How long a closed client is listened to, so that it reads what it was sent last: a socket that is closed with bytes
/// unread resets the connection.
const LINGER: Duration = Duration::from_secs(2);
/// Reads of a client that is only heard out, before the others have their turn.
const TURN: usize = 4;

impl Client {
    pub(super) fn new(host: Rc<Shared>, stream: Stream, tap: Tap, began: Instant) -> Self {
        Self {
            stream,
            half: Half::new(host, tap, began),
            deadline: Deadline::default(),
            turn: Turn::default(),
            asked: false,
            settled: false,
            lingers: None,
            shut: false,
            ended: None,
        }
    }

    /// The connection is over. Gives whether it was a session.
    pub(super) fn end(&mut self, by: ClosedBy, how: CloseKind) -> bool {
        self.half.tap.end(by, how);
        !matches!(self.half.closing, Some(Close::AuthNeeded))
    }

    /// Serves it until it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(ClosedBy, CloseKind)> {
        self.turn.begin();
        loop {
            let due = self.due();
            if self.deadline.poll(cx, due).is_ready()
                && let Some(end) = self.over()
            {
                return Poll::Ready(end);
            }
            match self.step(cx) {
                Ok(Poll::Ready(None)) if self.turn.is_over() => {
                    give_way(cx);
                    return Poll::Pending;
                }
                Ok(Poll::Ready(None)) => {}
                Ok(Poll::Ready(Some(end))) => return Poll::Ready(end),
                Ok(Poll::Pending) => {
                    // What was done may have moved the deadline nearer, or made it needless.
                    let now_due = self.due();
                    if now_due == due || self.deadline.poll(cx, now_due).is_pending() {
                        return Poll::Pending;
                    }
                    if let Some(end) = self.over() {
                        return Poll::Ready(end);
                    }
                }
                Err(error) => return Poll::Ready(self.failed(&error)),
            }
        }
    }

    /// Sends, plays and reads. Ready with nothing where there is more to do.
    fn step(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<Option<(ClosedBy, CloseKind)>>> {
        let Self { stream, half, lingers, turn, .. } = self;
        let patience = half.host.limits.handshake_time;
        if (half.closing.is_some() || self.ended.is_some()) && lingers.is_none() {
            *lingers = Some(Instant::now() + patience);
        }
        while !half.connection.output().is_empty() {
            let Poll::Ready(sent) = stream.poll_send(cx, half.connection.output()) else {
                return Ok(Poll::Pending);
            };
            half.sent(sent?);
            if let Some(until) = lingers {
                *until = Instant::now() + patience;
            }
        }
        if stream.is_tls()
            && let Poll::Ready(flushed) = Pin::new(&mut *stream).poll_flush(cx)
        {
            flushed?;
        }
        if half.closing.is_some() {
            return self.linger(cx);
        }
        if let Some(end) = self.ended {
            if half.play(cx) {
                turn.sends();
                return Ok(Poll::Ready(None));
            }
            // Of TLS it may be here that the last bytes are sent.
            return Ok(Pin::new(&mut *stream).poll_shutdown(cx).map(|_| Some(end)));
        }
        let mut more = true;
        while !turn.is_over() {
            let buffer = half.host.common.buffer.clone();
            let read = buffer.poll_read_up_to(turn.bytes(), stream, cx, |stream, cx, data| {
                half.take(stream, cx, data).map(|()| data.len())
            });
            let Poll::Ready(read) = read else {
                more = false;
                break;
            };
            let (taken, _) = read?;
            let taken = taken?;
            if taken == 0 {
                // It may still read what waits for it.
                if half.leave() {
                    half.tap.ended(Direction::ClientToServer);
                }
                self.ended = Some((ClosedBy::Client, CloseKind::Fin));
                return Ok(Poll::Ready(None));
            }
            turn.took(taken);
            if half.closing.is_some() || !half.connection.output().is_empty() {
                return Ok(Poll::Ready(None));
            }
        }
        // Behind what the client asked for, which may be to play.
        if half.play(cx) {
            turn.sends();
            return Ok(Poll::Ready(None));
        }
        if more {
            give_way(cx);
        }
        Ok(Poll::Pending)
    }

    /// Closes this side, and hears the client out for a while.
    fn linger(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<Option<(ClosedBy, CloseKind)>>> {
        let Self { stream, half, .. } = self;
        let end = (ClosedBy::Server, CloseKind::Fin);
        if !self.shut {
            match Pin::new(&mut *stream).poll_shutdown(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Err(_)) => return Ok(Poll::Ready(Some(end))),
                Poll::Ready(Ok(())) => {}
            }
            self.lingers = Some(Instant::now() + LINGER);
            (self.shut, self.ended) = (true, Some(end));
            return Ok(Poll::Ready(None));
        }
        for _ in 0..TURN {
            let buffer = half.host.common.buffer.clone();
            let read = buffer.poll_read(stream, cx, |stream, cx, data| {
                half.take(stream, cx, data).map(|()| data.is_empty())
            });
            let Poll::Ready(read) = read else { return Ok(Poll::Pending) };
            if !matches!(read, Ok((Ok(false), _))) {
                return Ok(Poll::Ready(Some(end)));
            }
        }
        give_way(cx);
        Ok(Poll::Pending)
    }

    fn failed(&self, error: &io::Error) -> (ClosedBy, CloseKind) {
        self.ended.unwrap_or_else(|| (ClosedBy::Client, closed_by_error(error)))
    }

    /// When the client has to have done what it owes, at the latest.
    fn due(&mut self) -> Option<Instant> {
        let half = &self.half;
        if self.settled && half.closing.is_none() && self.ended.is_none() {
            return None;
        }
        let host = &half.host;
        let patience = host.limits.handshake_time;
        let owes = if self.lingers.is_some() {
            self.lingers
        } else if !half.connection.is_open() {
            Some(half.began + patience)
        } else if half.responder.app().is_none() {
            Some(half.began + 2 * patience)
        } else {
            None
        };
        let silent = host.common.idle.zip(half.heard).map(|(idle, heard)| heard + idle);
        let dropped = host.drop_after.map(|after| half.began + after);
        let asked = host.reconnect_after.filter(|_| self.may_ask()).map(|after| half.began + after);
        let due = [owes, silent, dropped, asked].into_iter().flatten().min();
        self.settled = due.is_none();
        due
    }

    /// Whether the client may still be asked to connect again.
    fn may_ask(&self) -> bool {
        let half = &self.half;
        let goes_on = half.closing.is_none() && self.ended.is_none();
        !self.asked && goes_on && half.responder.app().is_some()
    }

    /// A deadline has passed: the end, unless it was only time to say something.
    fn over(&mut self) -> Option<(ClosedBy, CloseKind)> {
        let now = Instant::now();
        let half = &mut self.half;
        if self.ended.is_some() || self.lingers.is_some_and(|until| now >= until) {
            return Some(self.ended.unwrap_or((ClosedBy::Server, CloseKind::Fin)));
        }
        let host = Rc::clone(&half.host);
        if host.drop_after.is_some_and(|after| now >= half.began + after) {
            let text = "the connection is closed, as --drop-after says".to_owned();
            half.tap.trouble(Finding::new("listen.on-purpose", Severity::Info, text));
            return Some((ClosedBy::Server, CloseKind::Fin));
        }
        let patience = host.limits.handshake_time;
        let late = if !half.connection.is_open() {
            (now >= half.began + patience).then_some(("its handshake was not over", patience))
        } else if half.responder.app().is_none() {
            (now >= half.began + 2 * patience).then(|| ("it had not sent connect", 2 * patience))
        } else {
            None
        };
        let silent = host.common.idle.zip(half.heard);
        let silent = silent.filter(|(idle, heard)| now >= *heard + *idle);
        let late = late.or_else(|| silent.map(|(idle, _)| ("nothing more came", idle)));
        if let Some((what, time)) = late {
            let text =
                format!("the client is closed, because {what} after {} s", time.as_secs_f64());
            half.tap.trouble(Finding::new("listen.timeout", Severity::Warning, text));
            return Some((ClosedBy::Server, CloseKind::Timeout));
        }
        if self.may_ask()
            && host.reconnect_after.is_some_and(|after| now >= self.half.began + after)
        {
            self.asked = true;
            self.half.request_reconnect();
        }
        None
    }
}
