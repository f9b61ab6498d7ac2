//! One connection: two lanes, the session that they tell of, and what is counted on the way.

use super::lane::Lane;
use super::record::{Closed, Event, Handshake, HandshakeFields, Record, Summary};
use super::session::Session;
use super::steps::Steps;
use super::track::Tracks;
use super::{
    Arrival, Finding, FlowId, GapCause, Opened, Options, Place, Severity, Transport, notes,
};
use crate::Limits;
use crate::proto::chunk;
use crate::proto::fault::Fault;
use crate::proto::handshake::{self, Packet, Packet1, Packet2, Side, digest};
use crate::proto::message::{self, Body, Kind, aggregate};
use crate::proto::{Direction, Span};

/// One connection.
#[derive(Debug)]
pub(super) struct Flow {
    lanes: [Lane; 2],
    facts: Facts,
    /// Bytes of memory that the inspector has counted as held.
    counted: usize,
}

/// What both lanes of a connection share.
#[derive(Debug)]
pub(super) struct Facts {
    opened: Opened,
    began: Arrival,
    latest: Arrival,
    session: Session,
    steps: Steps,
    /// Bytes of it that are counted among those of all connections.
    session_counted: usize,
    tracks: Tracks,
    messages: [[u64; Kind::ALL.len()]; 2],
    findings: [u64; 3],
    seen: Vec<(&'static str, u32)>,
    gaps: (u64, u64),
    /// Bytes of each direction's messages that came without chunks.
    carried: [u64; 2],
    /// The handshake of each direction, kept until both are complete.
    handshakes: [Option<handshake::Reader>; 2],
    /// C2 or S2, where it came before the packet that it answers.
    waiting: [Option<Waiting>; 2],
    /// Whether bytes of C1 or S1 are missing.
    unsure: [bool; 2],
}

/// A C2 or S2 that is not reported yet.
#[derive(Debug)]
struct Waiting {
    epoch: u32,
    echo_time: u32,
    span: Span,
    damaged: Option<Span>,
    place: Place,
    elapsed: Option<i64>,
}

/// Hands out records of one connection at one place.
pub(super) struct Emitter<'e> {
    pub(super) seq: &'e mut u64,
    pub(super) out: &'e mut dyn FnMut(&Record<'_>),
    pub(super) options: &'e Options,
    pub(super) limits: &'e Limits,
    pub(super) place: Place,
    pub(super) flow: FlowId,
    pub(super) elapsed: Option<i64>,
    /// Bytes remembered of what the commands of all connections said.
    pub(super) remembered: &'e mut usize,
}

impl Emitter<'_> {
    /// Gives the record its number, which is returned.
    #[inline]
    pub(super) fn record(
        &mut self,
        direction: Option<Direction>,
        span: Option<Span>,
        event: Event<'_>,
    ) -> u64 {
        let seq = *self.seq;
        *self.seq += 1;
        (self.out)(&Record {
            seq,
            connection: Some(self.flow),
            direction,
            place: self.place,
            elapsed: self.elapsed,
            span,
            event,
        });
        seq
    }
}

impl Flow {
    pub(super) fn open(opened: Opened, emit: &mut Emitter<'_>) -> Self {
        emit.record(None, None, Event::Opened(opened));
        let emit = &*emit;
        let lane = |direction| Lane::new(direction, opened.from_start, emit);
        Self {
            lanes: [lane(Direction::ClientToServer), lane(Direction::ServerToClient)],
            facts: Facts {
                opened,
                began: emit.place.at,
                latest: emit.place.at,
                session: Session::default(),
                steps: Steps::default(),
                session_counted: 0,
                tracks: Tracks::default(),
                messages: [[0; Kind::ALL.len()]; 2],
                findings: [0; 3],
                seen: Vec::new(),
                gaps: (0, 0),
                carried: [0, 0],
                handshakes: [None, None],
                waiting: [None, None],
                unsure: [false, false],
            },
            counted: 0,
        }
    }

    /// Nanoseconds from the first packet to `at`; also remembers the latest time.
    #[inline]
    pub(super) fn elapsed(&mut self, at: Arrival) -> Option<i64> {
        if at > self.facts.latest {
            self.facts.latest = at;
        }
        Some(at? - self.facts.began?)
    }

    #[inline]
    pub(super) fn bytes(&mut self, direction: Direction, data: &[u8], emit: &mut Emitter<'_>) {
        self.lanes[direction.index()].bytes(data, &mut self.facts, emit);
    }

    /// A message that came without chunks. Of its payload no more is looked at than the chunk reader would have kept.
    pub(super) fn message(
        &mut self,
        direction: Direction,
        message: &chunk::Message<'_>,
        encrypted: bool,
        emit: &mut Emitter<'_>,
    ) {
        self.facts.carried[direction.index()] += message.span.len();
        let keep = emit.options.keep(emit.limits);
        let mut raw = *message;
        let head = &raw.payload[..raw.payload.len().min(keep.head)];
        if !encrypted && !(keep.whole)(raw.type_id, head) {
            raw.payload = head;
        }
        if encrypted {
            self.facts.encrypted(direction, &raw, emit);
        } else {
            self.facts.message(direction, &raw, emit);
        }
    }

    pub(super) fn gap(
        &mut self,
        direction: Direction,
        length: Option<u64>,
        cause: GapCause,
        emit: &mut Emitter<'_>,
    ) {
        self.lanes[direction.index()].gap(length, cause, &mut self.facts, emit);
    }

    pub(super) fn ended(&mut self, direction: Direction, emit: &mut Emitter<'_>) {
        self.lanes[direction.index()].end(&mut self.facts, emit);
    }

    /// Gives up decoding, because a limit that all connections share was reached.
    pub(super) fn give_up(&mut self, finding: Finding, emit: &mut Emitter<'_>) {
        for lane in &mut self.lanes {
            lane.give_up(&mut self.facts, emit);
        }
        self.facts.report(None, None, finding, emit);
    }

    /// The source is in trouble with this connection.
    pub(super) fn trouble(&mut self, finding: Finding, emit: &mut Emitter<'_>) {
        self.facts.report(None, None, finding, emit);
    }

    /// By how many bytes (modulo the word) what is held for the unfinished has grown since the last call.
    #[inline]
    pub(super) fn memory_growth(&mut self) -> usize {
        let now = self.lanes[0].memory() + self.lanes[1].memory();
        now.wrapping_sub(std::mem::replace(&mut self.counted, now))
    }

    /// When it was heard of last.
    pub(super) const fn latest(&self) -> Arrival {
        self.facts.latest
    }

    /// What [`memory_growth`](Self::memory_growth) has counted so far.
    pub(super) const fn memory_counted(&self) -> usize {
        self.counted
    }

    pub(super) fn close(mut self, closed: Closed, emit: &mut Emitter<'_>) {
        for lane in &mut self.lanes {
            lane.end(&mut self.facts, emit);
        }
        let silent = self.lanes.iter().all(|lane| lane.received() == 0) && self.facts.gaps.0 == 0;
        let opened = &self.facts.opened;
        if silent && opened.from_start && opened.transport == Transport::Rtmp {
            self.facts.report(None, None, notes::silent(), emit);
        }
        emit.record(None, None, Event::Closed(closed));
        let facts = self.facts;
        *emit.remembered = emit.remembered.saturating_sub(facts.session_counted);
        let summary = Summary {
            opened: facts.opened,
            app: facts.session.app,
            tc_url: facts.session.tc_url,
            stream_name: facts.session.stream_name,
            client_software: facts.session.client_software,
            server_software: facts.session.server_software,
            duration: facts.latest.zip(facts.began).map(|(latest, began)| latest - began),
            steps: facts.steps.finish(),
            bytes: [0, 1].map(|index| self.lanes[index].received() + facts.carried[index]),
            messages: facts.messages,
            tracks: facts.tracks.finish(),
            findings: facts.findings,
            gaps: facts.gaps,
        };
        emit.record(None, None, Event::Summary(&summary));
    }
}

/// Bytes of an encrypted tag's payload that are not: the codec's header (FLV 10.1 §E.4.1).
fn clear_length(type_id: u8, payload: &[u8]) -> usize {
    let header = match (type_id, payload.first()) {
        (8, Some(first)) => match first >> 4 {
            9 => 5,
            10 => 2,
            _ => 1,
        },
        (9, Some(first)) if first & 0x80 != 0 || first & 0x0f == 7 => 5,
        (9, Some(_)) => 1,
        _ => 0,
    };
    header.min(payload.len())
}

/// Whether C2 or S2 echoes the packet of `side` that it answers, and whether its signature of that packet's digest, if there
/// is one, verifies.
fn compare(two: Packet2<'_>, one: Packet1<'_>, side: Side) -> (bool, Option<bool>) {
    let found = digest::find(one.bytes, side);
    let valid = found.map(|found| digest::verify_reply(two.bytes, &found.digest, side.peer()));
    (two.echoes(one.bytes), valid)
}

const SESSION_FULL: &str = "limit.session-bytes";

impl Facts {
    /// A complete message.
    #[inline(always)] // into the loop over chunks, although there is a second caller
    pub(super) fn message(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        emit: &mut Emitter<'_>,
    ) {
        let kind = Kind::of(raw.type_id);
        self.messages[direction.index()][kind as usize] += 1;
        if kind == Kind::Aggregate {
            self.aggregate(direction, raw, emit);
            return;
        }
        let mut body = Body::Opaque;
        let fault =
            message::decode_into(raw.type_id, raw.payload, raw.length, emit.limits, &mut body);
        self.told(direction, raw, &mut body, fault.as_ref(), None, emit);
    }

    /// A message with what it says; gives its number. `aggregate` is that of the aggregate that it was in.
    #[inline(always)] // into `message`; those of aggregates are rare
    fn told(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        body: &mut Body,
        fault: Option<&Fault>,
        aggregate: Option<u64>,
        emit: &mut Emitter<'_>,
    ) -> u64 {
        let kind = Kind::of(raw.type_id);
        let reply_to = match body {
            Body::Command(_) | Body::Data(_) => self.learn(direction, body, emit),
            _ => None,
        };
        if matches!(kind, Kind::Audio | Kind::Video) && self.steps.awaits_media() {
            self.steps.media(emit.elapsed);
        }
        self.tracks.count(direction, raw, body, emit.limits);
        let mut bitstreams = Vec::new();
        if emit.options.bitstream
            && let Body::Video(video) = &*body
        {
            bitstreams = self.tracks.bitstreams(direction, raw, video, emit.limits);
        }
        let record = super::record::MessageRecord {
            raw,
            kind,
            body,
            bitstreams: &bitstreams,
            encrypted: false,
            malformed: fault,
            reply_to,
            aggregate,
            masked: &[],
        };
        let seq = emit.record(Some(direction), Some(raw.span), Event::Message(record));
        if let Some(fault) = fault {
            self.malformed(direction, raw, fault, seq, emit);
        } else if kind == Kind::Unknown {
            self.unknown(direction, raw, seq, emit);
        }
        if self.session.crossed || self.tracks.crossed {
            self.crossed(emit);
        }
        seq
    }

    /// An aggregate message, and behind it the messages in it.
    #[cold]
    fn aggregate(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        emit: &mut Emitter<'_>,
    ) {
        let (aggregate, fault) =
            aggregate::decode(raw.payload, raw.length, raw.missing, emit.limits);
        let mut body = Body::Aggregate(Box::new(aggregate));
        let seq = self.told(direction, raw, &mut body, fault.as_ref(), None, emit);
        self.inner(direction, raw, body, seq, emit);
    }

    /// The messages in an aggregate, of which the record has the number `seq`.
    fn inner(
        &mut self,
        direction: Direction,
        outer: &chunk::Message<'_>,
        body: Body,
        seq: u64,
        emit: &mut Emitter<'_>,
    ) {
        let Body::Aggregate(aggregate) = body else { return };
        for (index, mut inner) in aggregate.messages.into_iter().enumerate() {
            if inner.points_wrong() {
                let finding = notes::back_pointer(index, &inner).about(seq);
                self.report(Some(direction), Some(outer.span), finding, emit);
            }
            let mut body = std::mem::replace(&mut inner.body, Body::Opaque);
            let raw = super::record::inner(outer, &inner);
            let fault = inner.fault.as_ref();
            let inner_seq = self.told(direction, &raw, &mut body, fault, Some(seq), emit);
            self.inner(direction, &raw, body, inner_seq, emit);
        }
    }

    /// A message whose payload is encrypted: what stands in front of it says the codec, and nothing more.
    #[cold]
    fn encrypted(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        emit: &mut Emitter<'_>,
    ) {
        let kind = Kind::of(raw.type_id);
        self.messages[direction.index()][kind as usize] += 1;
        let clear = clear_length(raw.type_id, raw.payload);
        let mut body = Body::Opaque;
        let head = &raw.payload[..clear];
        // Faults in it are the missing payload's.
        let _ = message::decode_into(raw.type_id, head, clear as u32, emit.limits, &mut body);
        let hidden = raw.payload.len() - clear;
        match &mut body {
            Body::Audio(audio) => audio.data_length = hidden,
            Body::Video(video) => video.data_length = hidden,
            _ => {}
        }
        // A frame says nothing of itself in bytes that cannot be read.
        let clear_only = chunk::Message { payload: head, ..*raw };
        self.tracks.count(direction, &clear_only, &mut body, emit.limits);
        let fault = Fault::broken(clear, "payload", "it is encrypted");
        let record = super::record::MessageRecord {
            raw,
            kind,
            body: &body,
            bitstreams: &[],
            encrypted: true,
            malformed: Some(&fault),
            reply_to: None,
            aggregate: None,
            masked: &[],
        };
        let seq = emit.record(Some(direction), Some(raw.span), Event::Message(record));
        let text = format!(
            "the {} tag of {} bytes is encrypted (filter bit): its content cannot be read",
            kind.as_str(),
            raw.length
        );
        let finding = Finding::new("flv.encrypted", Severity::Error, text)
            .spec("FLV 10.1 §E.4.1, annex F")
            .about(seq);
        self.report(Some(direction), Some(raw.span), finding, emit);
    }

    /// A limit of what is remembered was crossed: said once, then counted no more.
    #[cold]
    fn crossed(&mut self, emit: &mut Emitter<'_>) {
        let calls = std::mem::take(&mut self.session.crossed).then(|| {
            let most = emit.limits.pending_calls;
            let text = format!(
                "{most} calls of this connection are unanswered, and later ones are not matched with their answers \
                 (limit pending_calls)"
            );
            Finding::new("limit.pending-calls", Severity::Warning, text)
        });
        let tracks = std::mem::take(&mut self.tracks.crossed).then(|| {
            let most = emit.limits.tracks;
            let text = format!("this connection has more than {most} media tracks; the summary has the first (limit tracks)");
            Finding::new("limit.tracks", Severity::Warning, text)
        });
        for finding in [calls, tracks].into_iter().flatten() {
            if self.seen.iter().all(|(code, _)| *code != finding.code) {
                self.report(None, None, finding, emit);
            }
        }
    }

    /// What a command or metadata says of the session; gives the `seq` of the call that it answers.
    fn learn(&mut self, direction: Direction, body: &Body, emit: &mut Emitter<'_>) -> Option<u64> {
        let full = *emit.remembered >= emit.limits.session_bytes;
        if full && self.seen.iter().all(|(code, _)| *code != SESSION_FULL) {
            let text = format!(
                "names, URLs and calls of this connection are no longer remembered: those of all open ones together \
                 take {} bytes (limit session_bytes)",
                emit.remembered
            );
            self.report(None, None, Finding::new(SESSION_FULL, Severity::Warning, text), emit);
        }
        if let Body::Command(command) = body {
            self.steps.command(direction, command, emit.elapsed);
        }
        let reply_to = self.session.apply(direction, body, *emit.seq, full, emit.limits);
        let now = self.session.memory();
        let before = std::mem::replace(&mut self.session_counted, now);
        *emit.remembered = (*emit.remembered + now).saturating_sub(before);
        reply_to
    }

    #[cold]
    fn malformed(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        fault: &Fault,
        seq: u64,
        emit: &mut Emitter<'_>,
    ) {
        let kind = Kind::of(raw.type_id).as_str();
        let text = format!(
            "the {kind} message of {} bytes cannot be read from its byte {} on: {}",
            raw.length,
            fault.offset,
            fault.reason()
        );
        let finding = Finding::new("message.malformed", Severity::Error, text).about(seq);
        self.report(Some(direction), Some(raw.span), finding, emit);
    }

    #[cold]
    fn unknown(
        &mut self,
        direction: Direction,
        raw: &chunk::Message<'_>,
        seq: u64,
        emit: &mut Emitter<'_>,
    ) {
        let text = format!(
            "message type {} is none that RTMP defines ({} bytes)",
            raw.type_id, raw.length
        );
        let finding = Finding::new("chunk.type-unknown", Severity::Error, text)
            .spec("RTMP 1.0 §5.4")
            .about(seq);
        self.report(Some(direction), Some(raw.span), finding, emit);
    }

    /// A complete handshake packet of a direction, whose reader is with the caller.
    pub(super) fn handshake(
        &mut self,
        direction: Direction,
        packet: Packet<'_>,
        span: Span,
        damaged: Option<Span>,
        emit: &mut Emitter<'_>,
    ) {
        let (this, other) = (direction.index(), direction.reverse().index());
        let names = [["c0", "c1", "c2"], ["s0", "s1", "s2"]][this];
        let side = [Side::Client, Side::Server][this];
        match packet {
            Packet::Zero(zero) => {
                if matches!(zero.version, 6 | 8 | 9) {
                    self.opened.transport = Transport::Rtmpe;
                }
                let fields = HandshakeFields::Zero { version: zero.version };
                self.packet(direction, names[0], fields, span, damaged, emit);
            }
            Packet::One(one) => {
                let fields = HandshakeFields::One {
                    epoch: one.epoch(),
                    zero: one.zero(),
                    software_version: one.software_version(),
                    digest: digest::find(one.bytes, side),
                };
                self.packet(direction, names[1], fields, span, damaged, emit);
                self.unsure[this] = damaged.is_some();
                let answer = self.handshakes[other].as_ref().and_then(handshake::Reader::packet2);
                let told = answer.filter(|_| damaged.is_none()).map(|two| compare(two, one, side));
                if answer.is_some() {
                    self.settle(direction.reverse(), told, emit);
                }
            }
            Packet::Two(two) => {
                self.waiting[this] = Some(Waiting {
                    epoch: two.time(),
                    echo_time: two.echo_time(),
                    span,
                    damaged,
                    place: emit.place,
                    elapsed: emit.elapsed,
                });
                let peer = self.handshakes[other].as_ref().and_then(handshake::Reader::packet1);
                let told = peer.filter(|_| !self.unsure[other]);
                let told = told.map(|one| compare(two, one, side.peer()));
                if peer.is_some() {
                    self.settle(direction, told, emit);
                }
            }
        }
    }

    /// Whether the record of a direction's last handshake packet waits for the packet that it answers.
    pub(super) const fn waits(&self, direction: Direction) -> bool {
        self.waiting[direction.index()].is_some()
    }

    /// Reports a direction's last handshake packet if it waits. `told` is whether it echoes what it answers and whether
    /// its signature verifies, where what it answers has come.
    #[cold]
    pub(super) fn settle(
        &mut self,
        direction: Direction,
        told: Option<(bool, Option<bool>)>,
        emit: &mut Emitter<'_>,
    ) {
        let Some(waiting) = self.waiting[direction.index()].take() else { return };
        // Of missing bytes nobody knows whether they are an echo.
        let told = told.filter(|_| waiting.damaged.is_none());
        let fields = HandshakeFields::Two {
            epoch: waiting.epoch,
            echo_time: waiting.echo_time,
            echoes_peer: told.map(|(echoes, _)| echoes),
            digest_valid: told.and_then(|(_, valid)| valid),
        };
        let name = ["c2", "s2"][direction.index()];
        // It says when it came, although it is told later.
        let now = (emit.place, emit.elapsed);
        (emit.place, emit.elapsed) = (waiting.place, waiting.elapsed);
        self.packet(direction, name, fields, waiting.span, waiting.damaged, emit);
        (emit.place, emit.elapsed) = now;
    }

    /// The record of a handshake packet.
    fn packet(
        &mut self,
        direction: Direction,
        name: &'static str,
        fields: HandshakeFields,
        span: Span,
        damaged: Option<Span>,
        emit: &mut Emitter<'_>,
    ) {
        if damaged.is_none() {
            self.steps.handshake(name, emit.elapsed);
        }
        let record = Handshake { packet: name, fields, damaged };
        emit.record(Some(direction), Some(span), Event::Handshake(record));
    }

    /// Keeps what the other direction's answer is compared with, until it has come.
    pub(super) fn keep_handshake(&mut self, direction: Direction, reader: handshake::Reader) {
        self.handshakes[direction.index()] = Some(reader);
        if self
            .handshakes
            .iter()
            .all(|reader| reader.as_ref().is_some_and(handshake::Reader::is_done))
        {
            self.handshakes = [None, None];
        }
    }

    /// The handshake of a direction, taken to go on with.
    pub(super) fn take_handshake(&mut self, direction: Direction) -> handshake::Reader {
        self.handshakes[direction.index()].take().unwrap_or_default()
    }

    pub(super) fn gap(
        &mut self,
        direction: Direction,
        gap: super::record::Gap,
        emit: &mut Emitter<'_>,
    ) {
        self.gaps.0 += 1;
        self.gaps.1 += gap.length.unwrap_or(0);
        let span = Span { start: gap.offset, end: gap.offset + gap.length.unwrap_or(0) };
        emit.record(Some(direction), Some(span), Event::Gap(gap));
    }

    /// Counts a finding, and hands it out unless the same has been handed out too often.
    pub(super) fn report(
        &mut self,
        direction: Option<Direction>,
        span: Option<Span>,
        mut finding: Finding,
        emit: &mut Emitter<'_>,
    ) {
        self.findings[finding.severity as usize] += 1;
        let count = match self.seen.iter_mut().find(|(code, _)| *code == finding.code) {
            Some((_, count)) => {
                *count = count.saturating_add(1);
                *count
            }
            None => {
                self.seen.push((finding.code, 1));
                1
            }
        };
        if count > emit.limits.same_finding {
            return;
        }
        if count == emit.limits.same_finding {
            finding.message.push_str(" (further ones on this connection are only counted)");
        }
        finding.count = count;
        emit.record(direction, span, Event::Finding(&finding));
    }
}
