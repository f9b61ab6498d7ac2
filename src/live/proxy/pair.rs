//! Both sides of a connection, and the two directions between them, driven to their end in one task.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Joined;
use super::fate::{self, Looks};
use super::loops::Open;
use super::way::{Progress, Way};
use super::works::Works;
use crate::inspect::{CloseKind, ClosedBy, Finding, Proxied, Severity, SideEnd, Sides, Upstream};
use crate::live::deadline::Deadline;
use crate::live::turn::give_way;
use crate::live::{Common, ReadBuffer, Stream, Tap};
use crate::proto::Direction;

/// Client and server of one connection.
pub(super) struct Pair {
    /// The client, then the server.
    streams: [Stream; 2],
    /// From the client, then from the server.
    ways: [Way; 2],
    tap: Tap,
    buffer: ReadBuffer,
    idle: Option<Duration>,
    deadline: Deadline,
    upstream: Upstream,
    /// When the connection was accepted, as the taps tell time.
    at: i64,
    ends: [Option<SideEnd>; 2],
    /// Who ended first.
    first: Option<(ClosedBy, CloseKind)>,
    /// Since when a side is to be reset as the other was.
    resets: Option<Instant>,
    /// Whether it is ended instead, since it may not have everything.
    shutting: bool,
    /// Until when a side that still sends is heard out, so that it reads what it was sent.
    lingers: Option<Instant>,
    told: bool,
    looks: Looks,
    _open: Open,
}

/// How long a side that still sends is heard out, after the other has closed.
const LINGER: Duration = Duration::from_secs(2);
/// How long the last bytes for a side have before it is reset: a reset overtakes what was not sent.
const GRACE: Duration = Duration::from_millis(100);

impl Pair {
    pub(super) fn new(
        joined: Joined,
        common: &Common,
        works: [Option<Box<Works>>; 2],
        looks: Looks,
    ) -> Self {
        let Joined { streams, tap, upstream, at, open } = joined;
        let [c2s, s2c] = works;
        let idle = common.idle.is_some();
        Self {
            streams,
            ways: [
                Way::new(Direction::ClientToServer, c2s, idle),
                Way::new(Direction::ServerToClient, s2c, idle),
            ],
            tap,
            buffer: common.buffer.clone(),
            idle: common.idle,
            deadline: Deadline::default(),
            upstream,
            at,
            ends: [None, None],
            first: None,
            resets: None,
            shutting: false,
            lingers: None,
            told: false,
            looks,
            _open: open,
        }
    }

    /// Hands on everything until both sides have ended.
    pub(super) async fn run(mut self) {
        let (by, how) = poll_fn(|cx| self.poll(cx)).await;
        self.tell_sides();
        self.tap.end(by, how);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(ClosedBy, CloseKind)> {
        loop {
            let more = self.step(cx);
            if let Some(end) = self.reset_on_purpose().or_else(|| self.fate(cx)) {
                return Poll::Ready(end);
            }
            if more {
                // The others have their turn.
                give_way(cx);
            }
            let due = self.due();
            if self.deadline.poll(cx, due).is_pending() {
                return Poll::Pending;
            }
            if let Some(end) = self.late() {
                return Poll::Ready(end);
            }
        }
    }

    /// Hands on what there is, both ways. Gives whether there may be more at once.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        let Self { streams: [client, server], ways: [c2s, s2c], buffer, tap, .. } = self;
        let up = c2s.forward(cx, client, server, buffer, tap);
        let down = s2c.forward(cx, server, client, buffer, tap);
        up == Progress::More || down == Progress::More
    }

    fn reset_on_purpose(&mut self) -> Option<(ClosedBy, CloseKind)> {
        if !self.ways.iter_mut().any(|way| way.resets(&self.tap)) {
            return None;
        }
        for stream in &self.streams {
            fate::reset(stream.tcp());
        }
        Some((ClosedBy::Rtmpctl, CloseKind::Rst))
    }

    /// What becomes of directions that have ended; the end, once both are over.
    fn fate(&mut self, cx: &mut Context<'_>) -> Option<(ClosedBy, CloseKind)> {
        if self.ways.iter().all(|way| way.ended.is_none() && way.gone.is_none()) {
            return None;
        }
        self.ended(cx)
    }

    #[cold]
    fn ended(&mut self, cx: &mut Context<'_>) -> Option<(ClosedBy, CloseKind)> {
        self.note_ends();
        for index in [0, 1] {
            let stalled = self.ways[index].works.as_ref().is_some_and(|works| works.is_stalled());
            if stalled && self.ways[1 - index].ended.is_some() {
                // Nothing would ever get through any more.
                self.ways[index].give_up(ErrorKind::BrokenPipe);
            }
            if !self.ways[index].is_drained() || self.ways[index].is_over() {
                continue;
            }
            let reset = self.ways[index].ended == Some(CloseKind::Rst)
                || self.ways[1 - index].gone == Some(CloseKind::Rst);
            if reset {
                if let Some(end) = self.carry_reset(index, cx) {
                    return Some(end);
                }
            } else {
                self.ways[index].shut(cx, &mut self.streams[1 - index]);
            }
        }
        if !self.ways.iter().all(Way::is_over) {
            return None;
        }
        // A socket that is closed with bytes unread resets the connection, and the peer may lose what it was sent last.
        let lingers = *self.lingers.get_or_insert_with(|| Instant::now() + LINGER);
        let mut over = true;
        for index in [0, 1] {
            if self.ways[index].ended.is_none() {
                let (way, from) = (&mut self.ways[index], &mut self.streams[index]);
                over &= way.discard(cx, from, &self.buffer, &self.tap).is_ready();
            }
        }
        self.note_ends();
        (over || Instant::now() >= lingers).then(|| self.end())
    }

    /// Remembers how each side ended, and who was first.
    fn note_ends(&mut self) {
        for index in [0, 1] {
            if self.ends[index].is_some() {
                continue;
            }
            // It ended what it sends, or does not take what it is sent.
            let how = match (self.ways[index].ended, self.ways[1 - index].gone) {
                (Some(CloseKind::Fin), Some(CloseKind::Rst)) => CloseKind::Rst,
                (Some(how), _) | (None, Some(how)) => how,
                (None, None) => continue,
            };
            self.ends[index] = Some(SideEnd { how, at: self.tap.taps().now() - self.at });
            let by = [ClosedBy::Client, ClosedBy::Server][index];
            self.first.get_or_insert((by, how));
        }
    }

    fn end(&self) -> (ClosedBy, CloseKind) {
        self.first.unwrap_or((ClosedBy::Rtmpctl, CloseKind::End))
    }

    /// The sender of a direction was reset, and so is its receiver, once it has what it was sent.
    fn carry_reset(&mut self, index: usize, cx: &mut Context<'_>) -> Option<(ClosedBy, CloseKind)> {
        let now = Instant::now();
        // Nobody is there any more for what the receiver sends.
        let back = &mut self.ways[1 - index];
        if !back.is_over() {
            back.give_up(ErrorKind::ConnectionReset);
        }
        let grace = if self.ways[index].forwarded > 0 { GRACE } else { Duration::ZERO };
        let due = *self.resets.get_or_insert(now + grace);
        if now < due {
            return None;
        }
        let receiver = &mut self.streams[1 - index];
        if !self.shutting && (grace.is_zero() || self.looks.has_everything(receiver.tcp())) {
            fate::reset(receiver.tcp());
            return Some(self.end());
        }
        self.shutting = true;
        self.ways[index].shut(cx, receiver);
        None
    }

    /// When the next thing is due.
    fn due(&self) -> Option<Instant> {
        let ways = self.ways.iter().filter_map(Way::due);
        let heard = self.ways.iter().filter_map(|way| way.heard).max();
        let idle = self.idle.zip(heard).map(|(idle, heard)| heard + idle);
        let resets = self.resets.filter(|_| !self.shutting);
        ways.chain(idle).chain(resets).chain(self.lingers).min()
    }

    /// Something is due: the end, unless it is only time to go on.
    fn late(&mut self) -> Option<(ClosedBy, CloseKind)> {
        let now = Instant::now();
        let heard = self.ways.iter().filter_map(|way| way.heard).max();
        let (idle, _) = self.idle.zip(heard).filter(|(idle, heard)| now >= *heard + *idle)?;
        let text = format!(
            "the connection is closed, because nothing came from either side for {} s",
            idle.as_secs_f64()
        );
        self.tap.trouble(Finding::new("proxy.timeout", Severity::Warning, text));
        Some((ClosedBy::Rtmpctl, CloseKind::Timeout))
    }

    /// Tells what became of both sides.
    fn tell_sides(&mut self) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        for way in &self.ways {
            if way.lost > 0 {
                let (sender, receiver) = way.names();
                let text = format!(
                    "{} bytes of the {sender} were not handed on, because the {receiver} was gone",
                    way.lost
                );
                self.tap.trouble(Finding::new("proxy.undelivered", Severity::Info, text));
            }
        }
        let [c2s, s2c] = &self.ways;
        self.tap.proxied(Proxied::Sides(Sides {
            upstream: Some(self.upstream),
            forwarded: [c2s.forwarded, s2c.forwarded],
            queued: [c2s.queued as u64, s2c.queued as u64],
            blocked: [c2s.blocked(), s2c.blocked()],
            ends: self.ends,
        }));
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.tell_sides();
    }
}
