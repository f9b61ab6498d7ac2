//! What the network did to one connection, counted, and said as findings when the connection is over. Knows no RTMP.

use super::packet::{ACK, Segment};
use super::tcp::{Counts, Differing};
use crate::inspect::{Finding, Severity};
use crate::proto::Direction;

/// What is counted of a connection besides the [`Counts`] of its two directions.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// When the SYN, the SYN-ACK and the client's first segment after them came.
    opening: [Option<i64>; 3],
    /// Whether the SYN or the SYN-ACK came more than once, which leaves open which one was answered.
    ambiguous: bool,
    /// Whether [`watch`](Self::watch) wants each segment.
    pub(super) watching: bool,
    windows: [Window; 2],
    /// Segments whose fragments contradict each other, and the bytes of the ranges in which they do.
    fragments: [(u64, u64); 2],
}

/// The receive window of one side, as far as it was closed.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    /// When it was announced as 0, while it is; and the time itself, where there is one.
    closed: Option<Option<i64>>,
    times: u64,
    /// Nanoseconds for which it was.
    total: i64,
}

/// From so many segments on, shares of them mean something.
const ENOUGH: u64 = 100;
/// A window that stays closed longer, in nanoseconds, stalls the sender.
const STALL: i64 = 1_000_000_000;

/// Nanoseconds under which no network answers: such TCP is made up, as that of our own recordings is.
const SHORTEST: i64 = 1_000;

impl Network {
    /// A segment with a SYN, of which this is the first or not.
    pub(super) fn syn(&mut self, segment: &Segment<'_>, again: bool, at: Option<i64>) {
        let step = usize::from(segment.has(ACK));
        self.ambiguous |= again;
        self.opening[step] = self.opening[step].or(at);
        self.watching |= step == 1 && self.opening[0].is_some() && self.opening[2].is_none();
    }

    /// A segment without SYN and RST while a window is closed, closes, or the handshake waits for its end.
    #[cold]
    pub(super) fn watch(
        &mut self,
        side: usize,
        client: bool,
        segment: &Segment<'_>,
        at: Option<i64>,
    ) {
        if client && segment.has(ACK) && self.opening[1].is_some() && self.opening[2].is_none() {
            self.opening[2] = at.or(self.opening[1]);
        }
        let window = &mut self.windows[side];
        match (segment.window, window.closed) {
            (0, None) => {
                window.times += 1;
                window.closed = Some(at);
            }
            (1.., Some(since)) => window.open(since, at),
            _ => {}
        }
        let waits = self.opening[1].is_some() && self.opening[2].is_none();
        self.watching = waits || self.windows.iter().any(|window| window.closed.is_some());
    }

    /// A segment of `side` came in fragments that have so many bytes twice, with other values.
    pub(super) fn fragments_differ(&mut self, side: usize, bytes: u64) {
        let (segments, all) = &mut self.fragments[side];
        *segments += 1;
        *all += bytes;
    }

    /// What there is to say at the end, in the order of codes.
    pub(super) fn findings(
        &mut self,
        sides: [(Direction, Counts); 2],
        at: Option<i64>,
        mut out: impl FnMut(Finding),
    ) {
        for (side, (direction, counts)) in sides.into_iter().enumerate() {
            let window = &mut self.windows[side];
            if let Some(since) = window.closed {
                window.open(since, at);
            }
            let (segments, bytes) = self.fragments[side];
            if segments > 0 {
                let text = format!(
                    "{direction} has IP fragments that repeat bytes with other values, in {segments} of its segments and \
                     in ranges of {bytes} bytes in all; what came first is what is decoded"
                );
                out(Finding::new("ip.fragments-differ", Severity::Warning, text)
                    .spec("RFC 5722 §3"));
            }
            said(direction, &counts, &mut out);
            if window.times > 0 {
                out(window.finding(direction));
            }
        }
        self.round_trip().into_iter().for_each(out);
    }

    fn round_trip(&self) -> Option<Finding> {
        let [Some(syn), Some(answer), Some(last)] = self.opening else { return None };
        let (server, client) = (answer - syn, last - answer);
        if self.ambiguous || server < 0 || client < 0 || server + client < SHORTEST {
            return None;
        }
        let text = format!(
            "the round trip takes {}: {} from the capture to the server and back (SYN to SYN-ACK), {} from the capture \
             to the client and back (SYN-ACK to ACK)",
            Milliseconds(server + client),
            Milliseconds(server),
            Milliseconds(client)
        );
        Some(Finding::new("tcp.round-trip", Severity::Info, text))
    }
}

impl Window {
    fn open(&mut self, since: Option<i64>, at: Option<i64>) {
        self.closed = None;
        if let (Some(since), Some(at)) = (since, at) {
            self.total = self.total.saturating_add(at.saturating_sub(since).max(0));
        }
    }

    /// The side that sends `direction` let its receive window close.
    fn finding(&self, direction: Direction) -> Finding {
        let (reader, writer) = match direction {
            Direction::ClientToServer => ("client", "server"),
            Direction::ServerToClient => ("server", "client"),
        };
        let text = format!(
            "the {reader} announced a receive window of 0 {}, for {} in all: it did not read what the {writer} sent",
            times(self.times),
            Milliseconds(self.total)
        );
        Finding::new("tcp.zero-window", graded(self.total > STALL), text)
    }
}

/// A connection that ended by RST.
pub(super) fn reset(direction: Direction) -> Finding {
    let by = match direction {
        Direction::ClientToServer => "client",
        Direction::ServerToClient => "server",
    };
    let text = format!("the {by} reset the connection (RST) before either side had closed it");
    Finding::new("tcp.reset", Severity::Info, text)
}

/// What one direction's counts have to say.
fn said(direction: Direction, counts: &Counts, out: &mut impl FnMut(Finding)) {
    let Counts { segments, .. } = *counts;
    if counts.duplicates > 0 {
        let text = format!(
            "the capture has {} of {direction} twice, the same bytes within a millisecond; each is read once",
            packets(counts.duplicates)
        );
        out(Finding::new("tcp.duplicates", Severity::Info, text));
    }
    // Ahead of bytes that never came is a gap, which is said.
    if counts.late > 0 {
        let bad = segments >= ENOUGH && counts.out_of_order > segments / 20;
        let text = format!(
            "{} of {segments} {direction} segments came ahead of bytes that precede them, and {} behind bytes that \
             follow them",
            counts.out_of_order, counts.late
        );
        out(Finding::new("tcp.out-of-order", graded(bad), text));
    }
    if let Some(Differing { position, times: n, bytes }) = counts.differing {
        let text = format!(
            "{direction} repeats bytes that came before with other values, {} and in ranges of {bytes} bytes in all, \
             first at byte {position}; what came first is what is decoded",
            times(n)
        );
        out(Finding::new("tcp.overlap-differs", Severity::Warning, text).spec("RFC 9293 §3.10.7.4"));
    }
    if counts.retransmitted > 0 {
        let bad = segments >= ENOUGH && counts.retransmitted > segments / 100;
        let share = counts.retransmitted as f64 * 100.0 / segments.max(1) as f64;
        let text = format!(
            "{} of {segments} {direction} segments are retransmissions ({share:.1} %, {} bytes)",
            counts.retransmitted, counts.retransmitted_bytes
        );
        out(Finding::new("tcp.retransmissions", graded(bad), text));
    }
}

const fn graded(bad: bool) -> Severity {
    if bad { Severity::Warning } else { Severity::Info }
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

fn packets(n: u64) -> String {
    if n == 1 { "1 packet".to_owned() } else { format!("{n} packets") }
}

/// Nanoseconds as milliseconds.
struct Milliseconds(i64);

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ms", self.0 as f64 / 1e6)
    }
}
