//! What happened on live connections, kept until a thread of its own has inspected it: those who hand it on wait for
//! neither the inspection nor its outputs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Failure;
use super::live::{LINGER, until_next_second};
use super::pump::Pump;
use crate::inspect::{Field, FlowId, GapCause, Place, Proxied, Rewritten, Traffic};
use crate::live::Clock;
use crate::proto::Direction;

/// The end at which things happen.
pub(super) struct Backlog {
    shared: Arc<Shared>,
    /// Bytes of connections that were not kept, and that nothing says yet.
    lost: RefCell<HashMap<FlowId, [u64; 2]>>,
    /// How much may be kept.
    most: usize,
    thread: JoinHandle<Result<ExitCode, Failure>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    batch: Batch,
    /// Nothing is kept until this batch is taken: what comes in small pieces would get in where large ones do not.
    over: bool,
    /// The weight at which the thread is to be woken; `None` while it is at work.
    wakes: Option<usize>,
    /// Nothing more will come.
    closing: bool,
}

/// A batch of this weight is inspected although more may come soon: it is still in the cache then.
const EAGER: usize = 256 << 10;
/// After so many batches room is given back that none of them needed: at once would be dear, since memory is zeroed each
/// time that it is had. Odd, since two batches take turns.
const LOOKED_BACK: u32 = 63;

impl Backlog {
    /// Starts the thread, which makes the pump by `open` and ends it by `finish`. At most `most` bytes are kept for it.
    pub(super) fn start(
        most: usize,
        clock: Clock,
        open: impl FnOnce() -> Result<Pump, Failure> + Send + 'static,
        finish: impl FnOnce(Pump) -> Result<ExitCode, Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let (opened, is_open) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("inspection".into())
            .spawn(move || {
                // Whoever started it waits for word that this has been done, or for the end of who would give it.
                let mut pump = open()?;
                let _ = opened.send(());
                of_thread.inspect(&mut pump, clock);
                finish(pump)
            })
            .map_err(|error| Failure::io("cannot start the thread that inspects", error))?;
        let backlog = Self { shared, lost: RefCell::default(), most, thread };
        match is_open.recv() {
            Ok(()) => Ok(backlog),
            Err(_) => Err(backlog.finish().err().unwrap_or_else(gone)),
        }
    }

    /// Keeps something that happened.
    #[inline]
    pub(super) fn traffic(&self, traffic: &Traffic<'_>) {
        let mut state = self.shared.lock();
        let State { batch, over, .. } = &mut *state;
        batch.take(traffic, self.most, over, &mut self.lost.borrow_mut());
        if state.wakes.is_some_and(|weight| state.batch.weight() >= weight) {
            state.wakes = None;
            drop(state);
            self.shared.changed.notify_one();
        }
    }

    /// Inspects what is still kept, and ends the run.
    pub(super) fn finish(self) -> Result<ExitCode, Failure> {
        self.shared.lock().closing = true;
        self.shared.changed.notify_one();
        self.thread.join().unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Failure {
    Failure::new("the thread that inspects has ended early")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inspects batches until none will come.
    fn inspect(&self, pump: &mut Pump, clock: Clock) {
        let mut batch = Batch::default();
        let mut tick = 0;
        let (mut batches, mut bytes, mut events) = (0_u32, 0, 0);
        loop {
            let until = pump.awaits_tick().then(|| until_next_second(clock.now()));
            let closing = self.next(&mut batch, until);
            let now = clock.now();
            let came = !batch.is_empty();
            (bytes, events) = (bytes.max(batch.bytes.len()), events.max(batch.events.len()));
            batch.give(|traffic| pump.traffic(traffic));
            batches += 1;
            if batches >= LOOKED_BACK {
                batch.shrink(bytes, events);
                (batches, bytes, events) = (0, 0, 0);
            }
            if now >= tick && pump.awaits_tick() {
                pump.tick(now);
                let until = i64::try_from(until_next_second(now).as_nanos()).unwrap_or(i64::MAX);
                tick = now.saturating_add(until);
            }
            pump.flush();
            if closing {
                return;
            }
            if came {
                self.linger();
            }
        }
    }

    /// Waits a little for what comes soon after: each time that a thread is woken costs as much as several messages.
    fn linger(&self) {
        let mut state = self.lock();
        if !state.closing && state.batch.weight() < EAGER {
            state.wakes = Some(EAGER);
            let waited = self.changed.wait_timeout(state, LINGER);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wakes = None;
    }

    /// Waits for something, but not longer than `until`. Gives whether nothing more will come.
    fn next(&self, batch: &mut Batch, until: Option<Duration>) -> bool {
        let mut state = self.lock();
        if state.batch.is_empty() && !state.closing {
            // A pause: what a burst needed is given back.
            for batch in [&mut *batch, &mut state.batch] {
                batch.shrink(EAGER, EAGER / size_of::<Event>());
            }
            state.wakes = Some(0);
            state = match until {
                Some(until) => {
                    self.changed
                        .wait_timeout(state, until)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.wakes = None;
        state.over = false;
        std::mem::swap(&mut state.batch, batch);
        state.closing
    }
}

/// Things that happened, one after the other.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    /// The bytes of all events, one after the other.
    bytes: Vec<u8>,
}

/// One of them, as small as the usual one is.
enum Event {
    Bytes { flow: FlowId, direction: Direction, length: u32, at: Option<i64> },
    Other(Box<Traffic<'static>>),
    Rewritten { flow: FlowId, place: Place, told: Box<Replaced> },
}

/// A [`Rewritten`] with what it borrows.
struct Replaced {
    field: Field,
    call: String,
    before: String,
    after: String,
}

impl Batch {
    const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// About as many bytes as it needs.
    const fn weight(&self) -> usize {
        self.bytes.len() + self.events.len() * size_of::<Event>()
    }

    /// Takes something in. Bytes for which there is no room are counted in `lost`; everything else is taken, and what was
    /// lost is said before it.
    fn take(
        &mut self,
        traffic: &Traffic<'_>,
        most: usize,
        over: &mut bool,
        lost: &mut HashMap<FlowId, [u64; 2]>,
    ) {
        match traffic {
            Traffic::Bytes { flow, place, direction, data } => {
                let weight = self.weight() + data.len() + size_of::<Event>();
                *over |= weight > most && !self.is_empty();
                let length = match u32::try_from(data.len()) {
                    Ok(length) if !*over => length,
                    _ => {
                        lost.entry(*flow).or_default()[direction.index()] += data.len() as u64;
                        return;
                    }
                };
                if !lost.is_empty() {
                    self.admit(*flow, *place, &[*direction], lost);
                }
                self.bytes.extend_from_slice(data);
                let (flow, direction) = (*flow, *direction);
                self.events.push(Event::Bytes { flow, direction, length, at: place.at });
                return;
            }
            Traffic::Ended { flow, place, direction } => {
                self.admit(*flow, *place, &[*direction], lost);
            }
            Traffic::Closed { flow, place, .. } => {
                self.admit(*flow, *place, &Direction::BOTH, lost);
            }
            _ => {}
        }
        self.events.extend(Event::kept(traffic));
    }

    /// Says what was lost of a connection.
    #[cold]
    fn admit(
        &mut self,
        flow: FlowId,
        place: Place,
        directions: &[Direction],
        lost: &mut HashMap<FlowId, [u64; 2]>,
    ) {
        let Some(bytes) = lost.get_mut(&flow) else { return };
        for &direction in directions {
            let length = std::mem::take(&mut bytes[direction.index()]);
            if length > 0 {
                let cause = GapCause::Overflow;
                let gap = Traffic::Gap { flow, place, direction, length: Some(length), cause };
                self.events.push(Event::Other(Box::new(gap)));
            }
        }
        if *bytes == [0; 2] {
            lost.remove(&flow);
        }
    }

    /// Gives everything out, and is empty.
    fn give(&mut self, mut sink: impl FnMut(&Traffic<'_>)) {
        let mut rest = self.bytes.as_slice();
        for event in self.events.drain(..) {
            match event {
                Event::Bytes { flow, direction, length, at } => {
                    let Some((data, behind)) = rest.split_at_checked(length as usize) else {
                        break;
                    };
                    rest = behind;
                    let place = Place { at, ..Place::default() };
                    sink(&Traffic::Bytes { flow, place, direction, data });
                }
                Event::Other(traffic) => sink(&traffic),
                Event::Rewritten { flow, place, told } => {
                    let Replaced { field, call, before, after } = &*told;
                    let told = Rewritten { call, field: *field, before, after };
                    sink(&Traffic::Proxied { flow, place, told: Proxied::Rewritten(told) });
                }
            }
        }
        self.bytes.clear();
    }

    /// Gives back room beyond that for so many bytes and events.
    fn shrink(&mut self, bytes: usize, events: usize) {
        self.bytes.shrink_to(bytes);
        self.events.shrink_to(events);
    }
}

impl Event {
    /// What does not borrow. Whole messages come from files only.
    fn kept(traffic: &Traffic<'_>) -> Option<Self> {
        Some(Self::Other(Box::new(match traffic {
            Traffic::Bytes { .. } | Traffic::Message { .. } => return None,
            Traffic::Proxied { flow, place, told: Proxied::Rewritten(told) } => {
                let told = Box::new(Replaced {
                    field: told.field,
                    call: told.call.to_owned(),
                    before: told.before.to_owned(),
                    after: told.after.to_owned(),
                });
                return Some(Self::Rewritten { flow: *flow, place: *place, told });
            }
            &Traffic::Proxied { flow, place, told: Proxied::Sides(sides) } => {
                Traffic::Proxied { flow, place, told: Proxied::Sides(sides) }
            }
            &Traffic::Opened { flow, place, opened } => Traffic::Opened { flow, place, opened },
            &Traffic::Gap { flow, place, direction, length, cause } => {
                Traffic::Gap { flow, place, direction, length, cause }
            }
            &Traffic::Ended { flow, place, direction } => Traffic::Ended { flow, place, direction },
            &Traffic::Closed { flow, place, by, how } => Traffic::Closed { flow, place, by, how },
            &Traffic::Tick { place } => Traffic::Tick { place },
            Traffic::Trouble { flow, place, finding } => {
                Traffic::Trouble { flow: *flow, place: *place, finding: finding.clone() }
            }
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{CloseKind, ClosedBy, Finding, Opened, Severity, Sides, Transport};
    use Direction::{ClientToServer as C2S, ServerToClient as S2C};

    const fn place(at: i64) -> Place {
        Place { at: Some(at), frame: None, file: None }
    }

    const fn bytes(flow: FlowId, direction: Direction, data: &[u8]) -> Traffic<'_> {
        Traffic::Bytes { flow, place: place(7), direction, data }
    }

    const fn closed(flow: FlowId) -> Traffic<'static> {
        Traffic::Closed { flow, place: place(9), by: ClosedBy::Client, how: CloseKind::Fin }
    }

    fn given(batch: &mut Batch) -> Vec<String> {
        let mut given = Vec::new();
        batch.give(|traffic| given.push(format!("{traffic:?}")));
        given
    }

    fn gap(flow: FlowId, at: i64, direction: Direction, length: u64) -> String {
        let (place, cause) = (place(at), GapCause::Overflow);
        format!("{:?}", Traffic::Gap { flow, place, direction, length: Some(length), cause })
    }

    #[test]
    fn everything_comes_out_as_it_went_in() {
        let client = Some("10.0.0.1:4000".parse().unwrap());
        let opened = Opened { client, server: None, from_start: true, transport: Transport::Rtmps };
        let told = Rewritten { field: Field::App, call: "connect", before: "a", after: "b" };
        let finding = Finding::new("tls.failed", Severity::Error, "no");
        let (flow, place) = (3, place(5));
        let all = [
            Traffic::Opened { flow, place, opened },
            bytes(3, C2S, b"abc"),
            bytes(4, S2C, b"d"),
            bytes(3, C2S, b"ef"),
            Traffic::Proxied { flow, place, told: Proxied::Rewritten(told) },
            Traffic::Proxied { flow, place, told: Proxied::Sides(Sides::default()) },
            Traffic::Trouble { flow: None, place, finding },
            Traffic::Ended { flow, place, direction: S2C },
            Traffic::Tick { place },
            Traffic::Gap { flow, place, direction: C2S, length: None, cause: GapCause::Lost },
            closed(3),
        ];
        let (mut batch, mut over, mut lost) = (Batch::default(), false, HashMap::new());
        for round in 0..2 {
            for traffic in &all {
                batch.take(traffic, 1 << 20, &mut over, &mut lost);
            }
            let expected: Vec<String> = all.iter().map(|traffic| format!("{traffic:?}")).collect();
            assert_eq!(given(&mut batch), expected, "round {round}");
            assert!(batch.is_empty() && batch.weight() == 0);
        }
        assert!(!over && lost.is_empty());
    }

    #[test]
    fn what_there_is_no_room_for_is_a_gap_of_its_length() {
        let (mut batch, mut over, mut lost) = (Batch::default(), false, HashMap::new());
        let most = 10 + 2 * size_of::<Event>();
        let mut take = |batch: &mut Batch, over: &mut bool, traffic: &Traffic<'_>| {
            batch.take(traffic, most, over, &mut lost);
        };
        take(&mut batch, &mut over, &bytes(1, C2S, b"12345"));
        take(&mut batch, &mut over, &bytes(1, S2C, b"67890"));
        assert!(!over, "at the limit");
        for traffic in
            [bytes(1, C2S, b"xx"), bytes(2, S2C, b"y"), bytes(1, C2S, b"z"), bytes(2, C2S, b"")]
        {
            take(&mut batch, &mut over, &traffic);
        }
        assert!(over, "one byte above it");
        take(&mut batch, &mut over, &closed(2));
        let out = given(&mut batch);
        let one = [bytes(1, C2S, b"12345"), bytes(1, S2C, b"67890")];
        let mut expected: Vec<String> = one.iter().map(|traffic| format!("{traffic:?}")).collect();
        expected.extend([gap(2, 9, S2C, 1), format!("{:?}", closed(2))]);
        assert_eq!(out, expected);
        // taken: there is room again, and the hole comes before what follows it
        over = false;
        take(&mut batch, &mut over, &bytes(1, S2C, b"a"));
        take(&mut batch, &mut over, &bytes(1, C2S, b"b"));
        let out = given(&mut batch);
        let [a, b] = [bytes(1, S2C, b"a"), bytes(1, C2S, b"b")].map(|t| format!("{t:?}"));
        assert_eq!(out, [a, gap(1, 7, C2S, 3), b]);
        assert!(lost.is_empty());
    }

    #[test]
    fn one_read_is_taken_however_little_room_there_is() {
        let (mut batch, mut over, mut lost) = (Batch::default(), false, HashMap::new());
        batch.take(&bytes(1, C2S, b"12345"), 1, &mut over, &mut lost);
        assert_eq!(given(&mut batch).len(), 1);
        assert!(!over && lost.is_empty());
    }
}
