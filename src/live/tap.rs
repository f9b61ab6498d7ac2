//! What happens on live connections, told to whoever inspects it. Does not know who that is.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::inspect::{
    CloseKind, ClosedBy, Finding, FlowId, Opened, Place, Proxied, Traffic, Transport,
};
use crate::proto::Direction;

/// Takes the traffic of all connections of a run. It must not wait: the sockets wait for it.
type Sink = dyn FnMut(&Traffic<'_>);

/// Numbers the connections of a run, times what happens on them and hands it on.
///
/// Everything happens on one thread, so that there is one order of events and nothing to lock.
#[derive(Clone)]
pub struct Taps(Rc<Inner>);

struct Inner {
    sink: RefCell<Box<Sink>>,
    last: Cell<FlowId>,
    clock: Clock,
}

/// The time of a run, which never goes back: the wall clock at its start, and what has passed since.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    epoch: i64,
}

impl Clock {
    /// A clock that is right now.
    #[must_use]
    pub fn start() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let epoch = epoch.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        Self { began: Instant::now(), epoch }
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        let passed = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        self.epoch.saturating_add(passed)
    }
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taps").field("connections", &self.0.last.get()).finish_non_exhaustive()
    }
}

impl Taps {
    /// Taps that hand everything to `sink`, which must not call back into them.
    #[must_use]
    pub fn new(sink: impl FnMut(&Traffic<'_>) + 'static) -> Self {
        Self::timed(Clock::start(), sink)
    }

    /// The same by a clock that others look at too.
    #[must_use]
    pub fn timed(clock: Clock, sink: impl FnMut(&Traffic<'_>) + 'static) -> Self {
        let sink = RefCell::new(Box::new(sink) as Box<Sink>);
        Self(Rc::new(Inner { sink, last: Cell::new(0), clock }))
    }

    /// What its [`Clock`] shows: nanoseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }

    /// A connection that was accepted at `at` ([`now`](Self::now), then); it gets the next number.
    #[must_use]
    pub fn open(
        &self,
        at: i64,
        client: SocketAddr,
        server: SocketAddr,
        transport: Transport,
    ) -> Tap {
        let flow = self.0.last.get().wrapping_add(1);
        self.0.last.set(flow);
        let opened =
            Opened { client: Some(client), server: Some(server), from_start: true, transport };
        self.feed(&Traffic::Opened { flow, place: place(at), opened });
        Tap { taps: self.clone(), flow, closed: false }
    }

    /// Something to say about the run as a whole.
    pub fn trouble(&self, finding: Finding) {
        self.feed(&Traffic::Trouble { flow: None, place: place(self.now()), finding });
    }

    fn feed(&self, traffic: &Traffic<'_>) {
        // A sink that calls back would be told nothing rather than bring the program down.
        if let Ok(mut sink) = self.0.sink.try_borrow_mut() {
            sink(traffic);
        }
    }
}

const fn place(at: i64) -> Place {
    Place { at: Some(at), frame: None, file: None }
}

/// One connection of [`Taps`]. Where nobody closes it before it is dropped, this program has: the run is over.
#[derive(Debug)]
pub struct Tap {
    taps: Taps,
    flow: FlowId,
    closed: bool,
}

impl Tap {
    /// Its number.
    #[must_use]
    pub const fn flow(&self) -> FlowId {
        self.flow
    }

    /// The taps that it belongs to.
    #[must_use]
    pub const fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Bytes that have just been read from the client, or written to it.
    #[inline]
    pub fn bytes(&self, direction: Direction, data: &[u8]) {
        if !data.is_empty() {
            let place = place(self.taps.now());
            self.taps.feed(&Traffic::Bytes { flow: self.flow, place, direction, data });
        }
    }

    /// One direction has ended; the other may go on.
    pub fn ended(&self, direction: Direction) {
        let place = place(self.taps.now());
        self.taps.feed(&Traffic::Ended { flow: self.flow, place, direction });
    }

    /// Something to say about the connection that its bytes do not show.
    pub fn trouble(&self, finding: Finding) {
        let place = place(self.taps.now());
        self.taps.feed(&Traffic::Trouble { flow: Some(self.flow), place, finding });
    }

    /// What a proxy did, or what became of both its sides.
    pub fn proxied(&self, told: Proxied<'_>) {
        let place = place(self.taps.now());
        self.taps.feed(&Traffic::Proxied { flow: self.flow, place, told });
    }

    /// The connection is over.
    pub fn close(mut self, by: ClosedBy, how: CloseKind) {
        self.end(by, how);
    }

    /// The same for whoever cannot give it away; what is told of the connection afterwards is nobody's.
    pub(super) fn end(&mut self, by: ClosedBy, how: CloseKind) {
        if !std::mem::replace(&mut self.closed, true) {
            let place = place(self.taps.now());
            self.taps.feed(&Traffic::Closed { flow: self.flow, place, by, how });
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.end(ClosedBy::Rtmpctl, CloseKind::End);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(run: impl FnOnce(&Taps)) -> Vec<String> {
        let told = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&told);
        let taps = Taps::new(move |traffic| {
            sink.borrow_mut().push(match traffic {
                Traffic::Opened { flow, .. } => format!("{flow} opened"),
                Traffic::Bytes { flow, direction, data, .. } => {
                    format!("{flow} {direction} {}", data.len())
                }
                Traffic::Ended { flow, direction, .. } => format!("{flow} {direction} ended"),
                Traffic::Closed { flow, by, how, .. } => {
                    format!("{flow} closed {} {}", by.as_str(), how.as_str())
                }
                other => format!("{other:?}"),
            });
        });
        run(&taps);
        let told = told.borrow();
        told.clone()
    }

    fn open(taps: &Taps) -> Tap {
        let address = SocketAddr::from(([127, 0, 0, 1], 1935));
        taps.open(taps.now(), address, address, Transport::Rtmp)
    }

    #[test]
    fn connections_are_numbered_and_closed_once_whatever_becomes_of_them() {
        let told = told(|taps| {
            let (one, two) = (open(taps), open(taps));
            one.bytes(Direction::ClientToServer, b"abc");
            one.bytes(Direction::ClientToServer, b"");
            two.ended(Direction::ServerToClient);
            one.close(ClosedBy::Client, CloseKind::Fin);
            drop(two);
        });
        assert_eq!(
            told,
            [
                "1 opened",
                "2 opened",
                "1 c2s 3",
                "2 s2c ended",
                "1 closed client fin",
                "2 closed rtmpctl end"
            ]
        );
    }

    #[test]
    fn time_never_goes_back() {
        let taps = Taps::new(|_| {});
        let times: Vec<i64> = (0..100).map(|_| taps.now()).collect();
        assert!(times.is_sorted());
        assert!(times[0] > 1_600_000_000_000_000_000);
    }
}
