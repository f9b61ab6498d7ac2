//! One direction of a connection that is handed on: what was read, what waits, how it ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::Instant;

use super::waiting::Waiting;
use super::works::Works;
use crate::inspect::{CloseKind, Finding, Severity};
use crate::live::turn::give_way;
use crate::live::{ReadBuffer, Stream, Tap, closed_by_error};
use crate::proto::Direction;

/// One direction. Bytes are written first and told of then; a receiver that takes nothing stops the reading.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) direction: Direction,
    /// What the receiver is to get next and did not take.
    waiting: Waiting,
    /// What is done to the bytes on purpose.
    pub(super) works: Option<Box<Works>>,
    /// How the sender ended it.
    pub(super) ended: Option<CloseKind>,
    /// How the receiver went away while there was something for it.
    pub(super) gone: Option<CloseKind>,
    /// Whether the receiver was told of the end.
    pub(super) shut: bool,
    /// Bytes that the receiver's socket took.
    pub(super) forwarded: u64,
    /// Bytes that came for a receiver that was gone.
    pub(super) lost: u64,
    /// The most bytes that waited.
    pub(super) queued: usize,
    /// Since when the receiver takes nothing, and whether that was told.
    blocked_since: Option<(Instant, bool)>,
    blocked: Duration,
    /// When bytes came last, where there is an idle limit.
    pub(super) heard: Option<Instant>,
}

/// What reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing to do until a socket or a timer wakes.
    Waits,
    /// There may be more at once.
    More,
}

/// Reads of one direction before the others have their turn.
const TURN: usize = 2;
/// How long a receiver may take nothing before it is told of.
const STALLED: Duration = Duration::from_secs(5);

impl Way {
    pub(super) fn new(direction: Direction, works: Option<Box<Works>>, idle: bool) -> Self {
        Self {
            direction,
            waiting: Waiting::default(),
            works,
            ended: None,
            gone: None,
            shut: false,
            forwarded: 0,
            lost: 0,
            queued: 0,
            blocked_since: None,
            blocked: Duration::ZERO,
            heard: idle.then(Instant::now),
        }
    }

    /// Whether nothing more will be handed on this way, and the receiver knows.
    pub(super) const fn is_over(&self) -> bool {
        self.shut || self.gone.is_some()
    }

    /// Whether everything that came was handed on, and no more will come.
    pub(super) fn is_drained(&self) -> bool {
        self.ended.is_some()
            && self.waiting.is_empty()
            && self.works.as_ref().is_none_or(|works| works.is_empty())
    }

    /// Nanoseconds during which the receiver took nothing.
    pub(super) fn blocked(&self) -> i64 {
        let now = self.blocked_since.map_or(Duration::ZERO, |(since, _)| since.elapsed());
        i64::try_from((self.blocked + now).as_nanos()).unwrap_or(i64::MAX)
    }

    /// When something is due although nothing comes.
    pub(super) fn due(&self) -> Option<Instant> {
        let works = self.works.as_ref().filter(|_| !self.is_over());
        let works = works.and_then(|works| works.due(self.waiting.is_empty()));
        let stalled =
            self.blocked_since.filter(|(_, told)| !told).map(|(since, _)| since + STALLED);
        [works, stalled].into_iter().flatten().min()
    }

    /// Hands on what there is. Of the two streams only sending fails silently: a receiver that is gone is remembered.
    pub(super) fn forward(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        buffer: &ReadBuffer,
        tap: &Tap,
    ) -> Progress {
        if self.is_over() {
            return Progress::Waits;
        }
        for _ in 0..TURN {
            if !self.send(cx, to, tap) {
                return Progress::Waits;
            }
            if self.is_over() || self.ended.is_some() {
                return Progress::Waits;
            }
            if let Some(works) = &mut self.works {
                works.tell(tap);
                if !works.has_room() {
                    return Progress::Waits;
                }
            }
            if !self.read(cx, from, to, buffer, tap) {
                return Progress::Waits;
            }
        }
        Progress::More
    }

    /// Sends what waits and is due. `false` where the receiver does not take all of it.
    fn send(&mut self, cx: &mut Context<'_>, to: &mut Stream, tap: &Tap) -> bool {
        loop {
            if self.waiting.is_empty()
                && let Some(works) = &mut self.works
            {
                works.release(Instant::now(), &mut self.waiting);
            }
            if self.waiting.is_empty() {
                break;
            }
            match to.poll_send(cx, self.waiting.rest()) {
                Poll::Ready(Ok(n)) => {
                    self.waiting.took(n);
                    self.took(n);
                }
                Poll::Ready(Err(error)) => {
                    self.lose(&error);
                    return true;
                }
                Poll::Pending => {
                    self.held_up(tap);
                    return false;
                }
            }
        }
        if to.is_tls()
            && let Poll::Ready(Err(error)) = Pin::new(&mut *to).poll_flush(cx)
        {
            self.lose(&error);
        }
        true
    }

    /// Reads once and hands on. `false` where nothing is there.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        buffer: &ReadBuffer,
        tap: &Tap,
    ) -> bool {
        let read = buffer.poll_read(from, cx, |_, cx, data| {
            if data.is_empty() {
                return true;
            }
            if let Some(heard) = &mut self.heard {
                *heard = Instant::now();
            }
            if self.works.is_some() {
                self.work(data, cx, to, tap);
            } else {
                self.pass(data, cx, to);
                tap.bytes(self.direction, data);
            }
            false
        });
        match read {
            Poll::Pending => false,
            Poll::Ready(Ok((false, _))) => true,
            Poll::Ready(Ok((true, _))) => {
                self.end(CloseKind::Fin, tap);
                true
            }
            Poll::Ready(Err(error)) => {
                self.end(closed_by_error(&error), tap);
                true
            }
        }
    }

    /// Hands on as it is.
    fn pass(&mut self, data: &[u8], cx: &mut Context<'_>, to: &mut Stream) {
        let sent = match to.poll_send(cx, data) {
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(error)) => {
                self.lost += data.len() as u64;
                self.lose(&error);
                return;
            }
            Poll::Pending => 0,
        };
        self.took(sent);
        if let Some(rest) = data.get(sent..).filter(|rest| !rest.is_empty()) {
            self.waiting.push(rest);
            self.queued = self.queued.max(self.waiting.len());
        }
    }

    /// Hands on through what is done to it on purpose.
    #[cold]
    fn work(&mut self, data: &[u8], cx: &mut Context<'_>, to: &mut Stream, tap: &Tap) {
        let Some(works) = &mut self.works else { return };
        let now = Instant::now();
        works.take(data, now, &mut self.waiting);
        self.queued = self.queued.max(self.waiting.len() + works.held());
        if !self.waiting.is_empty() {
            match to.poll_send(cx, self.waiting.rest()) {
                Poll::Ready(Ok(n)) => {
                    self.waiting.took(n);
                    self.took(n);
                }
                Poll::Ready(Err(error)) => self.lose(&error),
                Poll::Pending => {}
            }
        }
        tap.bytes(self.direction, data);
        if let Some(works) = &mut self.works {
            works.tell(tap);
        }
    }

    /// The sender has ended.
    pub(super) fn end(&mut self, how: CloseKind, tap: &Tap) {
        if self.ended.is_none() {
            self.ended = Some(how);
            if let Some(works) = &mut self.works {
                works.end(Instant::now(), &mut self.waiting);
            }
            if how == CloseKind::Fin {
                tap.ended(self.direction);
            }
        }
    }

    #[inline]
    fn took(&mut self, n: usize) {
        self.forwarded += n as u64;
        if n > 0
            && let Some((since, _)) = self.blocked_since.take()
        {
            self.blocked += since.elapsed();
        }
    }

    /// The receiver is gone.
    #[cold]
    fn lose(&mut self, error: &io::Error) {
        self.gone = Some(closed_by_error(error));
        if error.kind() == io::ErrorKind::BrokenPipe {
            // It had ended what it sends before it refused what it got: closed, and not reset.
            self.gone = Some(CloseKind::Fin);
        }
        let held = self.works.as_ref().map_or(0, |works| works.held());
        self.lost += (self.waiting.len() + held) as u64;
        self.waiting.clear();
        self.works = None;
        self.blocked_since = None;
    }

    /// Nothing more is handed on: the receiver was reset, or has closed.
    pub(super) fn give_up(&mut self, how: io::ErrorKind) {
        self.lose(&how.into());
    }

    /// The receiver takes nothing.
    #[cold]
    fn held_up(&mut self, tap: &Tap) {
        let (since, told) = self.blocked_since.get_or_insert_with(|| (Instant::now(), false));
        if *told || since.elapsed() < STALLED {
            return;
        }
        *told = true;
        let (sender, receiver) = self.names();
        let text = format!(
            "the {receiver} has taken nothing for {} s although {} bytes wait here for it; the {sender} is held back as \
             long as that lasts",
            STALLED.as_secs(),
            self.waiting.len()
        );
        tap.trouble(Finding::new("proxy.stalled", Severity::Warning, text));
    }

    /// Whether the connection is to be reset now, on purpose.
    #[inline]
    pub(super) fn resets(&mut self, tap: &Tap) -> bool {
        let waits = !self.waiting.is_empty();
        let Some(works) = &mut self.works else { return false };
        let resets = works.resets(Instant::now(), waits);
        works.tell(tap);
        resets
    }

    /// Who sends and who receives.
    pub(super) const fn names(&self) -> (&'static str, &'static str) {
        match self.direction {
            Direction::ClientToServer => ("client", "server"),
            Direction::ServerToClient => ("server", "client"),
        }
    }

    /// Reads what comes for a receiver that is gone, and hands it to nobody. Ready once the sender has ended.
    pub(super) fn discard(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        buffer: &ReadBuffer,
        tap: &Tap,
    ) -> Poll<()> {
        for _ in 0..TURN {
            if self.ended.is_some() {
                return Poll::Ready(());
            }
            let read = buffer.poll_read(from, cx, |_, _, data| {
                tap.bytes(self.direction, data);
                data.len()
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((0, _))) => self.end(CloseKind::Fin, tap),
                Poll::Ready(Ok((n, _))) => self.lost += n as u64,
                Poll::Ready(Err(error)) => self.end(closed_by_error(&error), tap),
            }
        }
        give_way(cx);
        Poll::Pending
    }

    /// Tells the receiver that nothing more will come.
    pub(super) fn shut(&mut self, cx: &mut Context<'_>, to: &mut Stream) {
        if !self.is_over()
            && let Poll::Ready(done) = Pin::new(to).poll_shutdown(cx)
        {
            self.shut = true;
            if let Err(error) = done
                && error.kind() != io::ErrorKind::NotConnected
            {
                self.gone = Some(closed_by_error(&error));
            }
        }
    }
}
