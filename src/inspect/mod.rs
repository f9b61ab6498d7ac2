//! Watches connections: [`Traffic`] in, [`Record`]s out. No I/O, no clock; it never returns an error and never stops.

mod against;
mod declared;
mod finding;
mod flow;
mod glance;
mod groups;
mod lane;
mod notes;
mod order;
mod pace;
mod past;
pub mod profile;
mod proxied;
mod record;
mod resync;
pub mod rules;
mod session;
mod steps;
mod streams;
mod sync;
mod tally;
pub(crate) mod target;
mod timeline;
mod track;
#[cfg(test)]
mod track_tests;
mod traffic;
mod trend;
mod verdict;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub use finding::{Finding, Severity};
pub use glance::{Carried, Glance};
pub(crate) use notes::proxy_prefix;
pub use proxied::{Field, Proxied, Rewritten, SideEnd, Sides, Upstream};
pub(crate) use record::inner;
pub use record::{
    Closed, Codec, Dropped, EVENT_NAMES, Event, Gap, Handshake, HandshakeFields, Interval, Listed,
    Measured, Media, MessageRecord, Record, Spread, Step, Summary, Timeline, Track,
};
pub use resync::{Framing, framing};
pub use target::Split;
pub use traffic::{
    Arrival, CloseKind, ClosedBy, FlowId, GapCause, Opened, Place, Traffic, Transport,
};

pub use verdict::{Outcome, Reached, Verdict};

use crate::Limits;
use crate::proto::chunk::Keep;
use crate::proto::message;
use flow::{Emitter, Flow};

/// What the inspection is to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Hand out a record for each chunk too.
    pub chunks: bool,
    /// Keep the whole payload of audio and video messages, for outputs that show or write it.
    pub whole_media: bool,
    /// Walk over each video frame and say what it is made of, which needs its whole payload too.
    pub bitstream: bool,
    /// Hand out a record for each second of each track too.
    pub timeline: bool,
    /// How to judge what is seen.
    pub rules: rules::Settings,
}

impl Options {
    fn keep(&self, limits: &Limits) -> Keep {
        if self.whole_media || self.bitstream {
            Keep::ALL
        } else {
            Keep { head: limits.media_head, whole: message::needs_whole }
        }
    }
}

/// Turns the traffic of any number of connections into numbered records.
///
/// Hand in one [`Traffic`] at a time with [`feed`](Self::feed); the records that it completes come out of the callback
/// before the call returns. What arrives when is told by the traffic itself, so the same traffic always gives the same
/// records, whatever the clock says.
///
/// ```
/// use rtmpctl::inspect::{CloseKind, ClosedBy, Inspector, Opened, Options, Place, Traffic, Transport};
/// use rtmpctl::proto::Direction;
///
/// let mut inspector = Inspector::new(Options::default(), rtmpctl::Limits::default());
/// let mut events = Vec::new();
/// let place = Place::default();
/// let opened = Opened {
///     client: Some("10.0.0.1:40000".parse()?),
///     server: Some("10.0.0.2:1935".parse()?),
///     from_start: true,
///     transport: Transport::Rtmp,
/// };
/// for traffic in [
///     Traffic::Opened { flow: 1, place, opened },
///     Traffic::Bytes { flow: 1, place, direction: Direction::ClientToServer, data: &[3] },
///     Traffic::Closed { flow: 1, place, by: ClosedBy::Client, how: CloseKind::Fin },
/// ] {
///     inspector.feed(&traffic, &mut |record| events.push(record.event.as_str()));
/// }
/// assert_eq!(events, ["connection_opened", "handshake", "finding", "connection_closed", "summary"]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Inspector {
    run: Run,
    flows: FlowMap<Box<Flow>>,
    memory: usize,
}

/// What all connections of a run share.
#[derive(Debug)]
struct Run {
    options: Options,
    limits: Limits,
    seq: u64,
    /// Bytes remembered of what the commands of all connections said.
    remembered: usize,
    /// What is remembered of connections for the sake of later ones.
    past: past::Past,
}

impl Run {
    /// Hands out the records of one connection at one place.
    #[inline]
    fn emitter<'e>(
        &'e mut self,
        out: &'e mut dyn FnMut(&Record<'_>),
        flow: FlowId,
        place: Place,
        elapsed: Option<i64>,
    ) -> Emitter<'e> {
        let Self { options, limits, seq, remembered, past } = self;
        Emitter { seq, out, options, limits, place, flow, elapsed, remembered, past }
    }
}

impl Inspector {
    /// An inspector that numbers its records from 1: 0 is the `start` line of whoever runs it.
    #[must_use]
    pub fn new(options: Options, limits: Limits) -> Self {
        let past = past::Past::default();
        let run = Run { options, limits, seq: 1, remembered: 0, past };
        Self { run, flows: HashMap::default(), memory: 0 }
    }

    /// Takes one thing that happened; `out` gets the records that it completes.
    #[inline]
    pub fn feed(&mut self, traffic: &Traffic<'_>, out: &mut dyn FnMut(&Record<'_>)) {
        if let Traffic::Bytes { flow: id, place, direction, data } = *traffic {
            let Some(flow) = self.flows.get_mut(&id) else { return };
            let elapsed = flow.elapsed(place.at);
            let mut emit = self.run.emitter(out, id, place, elapsed);
            flow.bytes(direction, data, &mut emit);
            self.memory = self.memory.wrapping_add(flow.memory_growth_of(direction));
            if self.memory > self.run.limits.total_bytes {
                self.relieve(place, out);
            }
            return;
        }
        self.feed_other(traffic, out);
    }

    #[cold]
    fn feed_other(&mut self, traffic: &Traffic<'_>, out: &mut dyn FnMut(&Record<'_>)) {
        let (id, place) = match *traffic {
            Traffic::Opened { flow, place, .. }
            | Traffic::Bytes { flow, place, .. }
            | Traffic::Message { flow, place, .. }
            | Traffic::Gap { flow, place, .. }
            | Traffic::Ended { flow, place, .. }
            | Traffic::Closed { flow, place, .. }
            | Traffic::Proxied { flow, place, .. } => (flow, place),
            Traffic::Tick { place } => {
                self.tick(place, out);
                return;
            }
            Traffic::Trouble { flow: Some(flow), place, .. } => (flow, place),
            Traffic::Trouble { flow: None, place, ref finding } => {
                self.announce_finding(place, finding, out);
                return;
            }
        };
        let elapsed = match self.flows.get_mut(&id) {
            Some(flow) => flow.elapsed(place.at),
            None => place.at.map(|_| 0),
        };
        let mut emit = self.run.emitter(out, id, place, elapsed);
        match *traffic {
            Traffic::Opened { opened, .. } => {
                self.flows.insert(id, Box::new(Flow::open(opened, &mut emit)));
            }
            Traffic::Message { direction, message, encrypted, .. } => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.message(direction, message, encrypted, &mut emit);
                }
            }
            Traffic::Gap { direction, length, cause, .. } => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.gap(direction, length, cause, &mut emit);
                }
            }
            Traffic::Ended { direction, .. } => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.ended(direction, &mut emit);
                }
            }
            Traffic::Closed { by, how, .. } => {
                if let Some(flow) = self.flows.remove(&id) {
                    self.memory = self.memory.wrapping_sub(flow.memory_counted());
                    flow.close(Closed { by, how }, &mut emit);
                }
            }
            Traffic::Trouble { ref finding, .. } => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.trouble(finding.clone(), &mut emit);
                }
            }
            Traffic::Proxied { ref told, .. } => {
                if let Some(flow) = self.flows.get_mut(&id) {
                    flow.proxied(told, &mut emit);
                }
            }
            Traffic::Bytes { .. } | Traffic::Tick { .. } => {}
        }
        if let Some(flow) = self.flows.get_mut(&id) {
            self.memory = self.memory.wrapping_add(flow.memory_growth());
        }
        if self.memory > self.run.limits.total_bytes {
            self.relieve(place, out); // what stands for missing bytes takes room too
        }
    }

    /// Time passes: what is silent meanwhile is to be said.
    fn tick(&mut self, place: Place, out: &mut dyn FnMut(&Record<'_>)) {
        let mut ids: Vec<FlowId> = self.flows.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(flow) = self.flows.get_mut(&id) else { continue };
            let elapsed = flow.since_first(place.at);
            flow.tick(&mut self.run.emitter(out, id, place, elapsed));
        }
    }

    /// What goes on right now, where any connection is open.
    #[must_use]
    pub fn glance(&self, now: Arrival) -> Option<Glance> {
        glance::glance(self.flows.iter().map(|(id, flow)| (*id, &**flow)), now)
    }

    /// Says that records were handed out before and got lost on the way to the output.
    pub fn dropped(&mut self, place: Place, records: u64, out: &mut dyn FnMut(&Record<'_>)) {
        self.announce(place, Event::Dropped(Dropped { records }), out);
    }

    /// A finding about the input as a whole, unless the settings silence it.
    fn announce_finding(
        &mut self,
        place: Place,
        finding: &Finding,
        out: &mut dyn FnMut(&Record<'_>),
    ) {
        let rules = &self.run.options.rules;
        let Some(severity) = rules.severity(finding.code, finding.severity) else { return };
        let finding = &Finding { severity, ..finding.clone() };
        self.announce(place, Event::Finding(finding), out);
    }

    /// A record about the input as a whole.
    fn announce(&mut self, place: Place, event: Event<'_>, out: &mut dyn FnMut(&Record<'_>)) {
        let seq = self.run.seq;
        self.run.seq += 1;
        out(&Record {
            seq,
            connection: None,
            direction: None,
            place,
            elapsed: None,
            span: None,
            event,
        });
    }

    /// All connections together hold too much. Of those that hold more than half their share, the one silent longest is
    /// given up: who holds little, or is about to complete what it holds, is not to suffer for others.
    #[cold]
    fn relieve(&mut self, place: Place, out: &mut dyn FnMut(&Record<'_>)) {
        let total = self.run.limits.total_bytes;
        let share = total / (2 * self.flows.len().max(1));
        let victim = self
            .flows
            .iter_mut()
            .filter(|(_, flow)| flow.memory_counted() > share)
            .min_by_key(|(id, flow)| (flow.latest(), Reverse(flow.memory_counted()), **id));
        let Some((&id, flow)) = victim else { return };
        let held = flow.memory_counted();
        let elapsed = flow.elapsed(place.at);
        let mut emit = self.run.emitter(out, id, place, elapsed);
        let text = format!(
            "connection {id} is no longer decoded: it held {held} bytes of unfinished messages when all connections \
             together reached {total} (limit total_bytes)"
        );
        flow.give_up(Finding::new("limit.total-bytes", Severity::Error, text), &mut emit);
        self.memory = self.memory.wrapping_add(flow.memory_growth());
    }
}

/// Anything by connection.
pub(crate) type FlowMap<T> = HashMap<FlowId, T, BuildHasherDefault<FlowHasher>>;

/// Connection numbers are ours and dense: multiplying them spreads them well enough.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct FlowHasher(u64);

impl Hasher for FlowHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.0 = (self.0 ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}
