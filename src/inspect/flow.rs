//! One connection: two lanes, the session that they tell of, and what is counted on the way.

use super::lane::Lane;
use super::pace::{Frame, Marks};
use super::past::Past;
use super::record::{Closed, Event, Handshake, HandshakeFields, MessageRecord, Record, Summary};
use super::resync::Found;
use super::rules::judge::{HandshakeSeen, LossSeen, Raised, Resumed, Seen};
use super::rules::{Judges, Settings};
use super::session::Session;
use super::steps::Steps;
use super::streams::{Moment, Story};
use super::tally::{At, Kin, Tally};
use super::target::splits;
use super::timeline::Seconds;
use super::track::Tracks;
use super::verdict::Case;
use super::{
    Arrival, Finding, FlowId, GapCause, Opened, Options, Place, Proxied, Severity, Sides,
    Transport, notes,
};
use crate::Limits;
use crate::proto::chunk;
use crate::proto::fault::Fault;
use crate::proto::handshake::digest::{self, DigestFound};
use crate::proto::handshake::{self, Packet, Packet1, Packet2, Side};
use crate::proto::message::{self, Audio, Body, Kind, Video, aggregate};
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
    clock: Clock,
    session: Session,
    steps: Steps,
    /// Bytes of it that are counted among those of all connections.
    session_counted: usize,
    tracks: Tracks,
    messages: [[u64; Kind::ALL.len()]; 2],
    story: Story,
    tally: Tally,
    seconds: Seconds,
    /// What judges; `None` where nothing is to be judged.
    judges: Option<Box<Judges>>,
    gaps: (u64, u64),
    /// Bytes of each direction's messages that came without chunks.
    carried: [u64; 2],
    /// The handshake of each direction, kept until both are complete.
    handshakes: [Option<handshake::Reader>; 2],
    /// C2 or S2, where it came before the packet that it answers.
    waiting: [Option<Box<Waiting>>; 2],
    /// Whether bytes of C1 or S1 are missing.
    unsure: [bool; 2],
    /// What was found in C1 and S1: to look for it costs as much as some hundred messages.
    digests: [Option<DigestFound>; 2],
    /// What a proxy told of both sides.
    sides: Option<Box<Sides>>,
}

/// When the connection began and was heard of last. What each piece of bytes looks at lies together: of thousands of
/// connections little is in the caches of a processor when they are heard of again.
#[derive(Debug)]
struct Clock {
    began: Arrival,
    latest: Arrival,
    /// Nanoseconds since the first packet from which on the judges are told that time has passed.
    tick_at: i64,
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
    /// What is remembered of other connections.
    pub(super) past: &'e mut Past,
}

impl Emitter<'_> {
    /// Now, as the record with this number has it.
    pub(super) const fn moment(&self, seq: u64) -> Moment {
        Moment { seq, at: self.elapsed, place: self.place }
    }

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
        let seq = emit.record(None, None, Event::Opened(opened));
        let lane = |direction| Lane::new(direction, opened.from_start, emit);
        let lanes = [lane(Direction::ClientToServer), lane(Direction::ServerToClient)];
        let mut flow = Self {
            lanes,
            facts: Facts {
                opened,
                clock: Clock { began: emit.place.at, latest: emit.place.at, tick_at: TICK },
                session: Session::default(),
                steps: Steps::default(),
                session_counted: 0,
                tracks: Tracks::default(),
                messages: [[0; Kind::ALL.len()]; 2],
                story: Story::behind(emit.past.chunk_size(opened.client)),
                tally: Tally::default(),
                seconds: Seconds::default(),
                judges: (!emit.options.rules.off).then(Box::default),
                gaps: (0, 0),
                carried: [0, 0],
                handshakes: [None, None],
                waiting: [None, None],
                unsure: [false, false],
                digests: [None, None],
                sides: None,
            },
            counted: 0,
        };
        flow.facts.judge(seq, None, None, emit, |judges, seen| judges.opened(seen));
        flow
    }

    /// Nanoseconds from the first packet to `at`; also remembers the latest time.
    #[inline]
    pub(super) fn elapsed(&mut self, at: Arrival) -> Option<i64> {
        if at > self.facts.clock.latest {
            self.facts.clock.latest = at;
        }
        self.since_first(at)
    }

    /// The same without remembering.
    pub(super) fn since_first(&self, at: Arrival) -> Option<i64> {
        Some(at? - self.facts.clock.began?)
    }

    #[inline]
    pub(super) fn bytes(&mut self, direction: Direction, data: &[u8], emit: &mut Emitter<'_>) {
        if emit.elapsed >= Some(self.facts.clock.tick_at) {
            self.facts.tick(emit);
        }
        self.facts.story.way_mut(direction).piece(self.lanes[direction.index()].offset());
        self.lanes[direction.index()].bytes(data, &mut self.facts, emit);
        if !self.facts.seconds.is_empty() {
            self.hand_out(emit);
        }
    }

    /// Hands out the seconds that are over.
    #[cold]
    fn hand_out(&mut self, emit: &mut Emitter<'_>) {
        let Self { lanes, facts: Facts { seconds, story, .. }, .. } = self;
        let buffered = |direction: Direction| {
            lanes[direction.index()].offset().saturating_sub(story.way(direction).end)
        };
        seconds.hand_out(buffered, |direction, event| {
            emit.record(Some(direction), None, event);
        });
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
        if !self.facts.seconds.is_empty() {
            self.hand_out(emit);
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
        self.facts.tick(emit);
        self.lanes[direction.index()].end(&mut self.facts, emit);
        let now = emit.moment(*emit.seq);
        let way = self.facts.story.way_mut(direction);
        if way.ended.is_none() {
            way.ended = Some(now);
            let seq = now.seq;
            self.facts.judge(seq, Some(direction), None, emit, |judges, seen| {
                judges.ended(seen, direction);
            });
        }
    }

    /// Time passes and nothing comes.
    pub(super) fn tick(&mut self, emit: &mut Emitter<'_>) {
        if emit.elapsed >= Some(self.facts.clock.tick_at) {
            self.facts.tick(emit);
        }
    }

    /// Gives up decoding, because a limit that all connections share was reached.
    pub(super) fn give_up(&mut self, finding: Finding, emit: &mut Emitter<'_>) {
        for lane in &mut self.lanes {
            lane.give_up(&mut self.facts, emit);
        }
        self.facts.report(None, None, finding, emit);
    }

    /// A proxy tells of what it did, and of both sides.
    pub(super) fn proxied(&mut self, told: &Proxied<'_>, emit: &mut Emitter<'_>) {
        match *told {
            Proxied::Rewritten(rewritten) => {
                let direction = Some(Direction::ClientToServer);
                emit.record(direction, None, Event::Rewritten(rewritten));
            }
            Proxied::Sides(sides) => self.facts.sides = Some(Box::new(sides)),
        }
    }

    /// The source is in trouble with this connection.
    pub(super) fn trouble(&mut self, finding: Finding, emit: &mut Emitter<'_>) {
        self.facts.report(None, None, finding, emit);
    }

    /// By how many bytes (modulo the word) what is held for the unfinished has grown since the last call.
    #[inline]
    pub(super) fn memory_growth(&mut self) -> usize {
        let [client, server] = Direction::BOTH.map(|direction| self.memory_growth_of(direction));
        client.wrapping_add(server)
    }

    /// The same of one direction: nothing of the other is looked at.
    #[inline]
    pub(super) fn memory_growth_of(&mut self, direction: Direction) -> usize {
        let growth = self.lanes[direction.index()].memory_growth();
        self.counted = self.counted.wrapping_add(growth);
        growth
    }

    /// Its tracks.
    pub(super) const fn tracks(&self) -> &Tracks {
        &self.facts.tracks
    }

    /// When it began.
    pub(super) const fn began(&self) -> Arrival {
        self.facts.clock.began
    }

    /// Bytes of both directions.
    pub(super) fn received(&self) -> u64 {
        let received: u64 = self.lanes.iter().map(Lane::received).sum();
        received + self.facts.carried.iter().sum::<u64>()
    }

    /// When it was heard of last.
    pub(super) const fn latest(&self) -> Arrival {
        self.facts.clock.latest
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
        self.facts.tick(emit);
        let seq = *emit.seq;
        self.facts.judge(seq, None, None, emit, |judges, seen| judges.closed(seen, closed));
        if emit.options.timeline {
            let Facts { seconds, tracks, story, tally, .. } = &mut self.facts;
            seconds.end(tracks, story, tally);
            self.hand_out(emit);
        }
        let seq = emit.record(None, None, Event::Closed(closed));
        let facts = self.facts;
        let way = facts.story.way(Direction::ClientToServer);
        if way.chunk_sizes > 0 {
            emit.past.chunks(facts.opened.client, way.chunk_size, emit.limits.past_connections);
        }
        *emit.remembered = emit.remembered.saturating_sub(facts.session_counted);
        let bytes = [0, 1].map(|index| self.lanes[index].received() + facts.carried[index]);
        let (findings, findings_list) = (facts.tally.counts, facts.tally.finish());
        let case = Case {
            opened: &facts.opened,
            story: &facts.story,
            closed: (closed, seq),
            elapsed: emit.elapsed,
            bytes,
            findings: &findings_list,
        };
        let verdict = case.verdict();
        let Session { app, tc_url, stream_name, .. } = &facts.session;
        let splits = splits(app.as_deref(), tc_url.as_deref(), stream_name.as_deref());
        let summary = Summary {
            opened: facts.opened,
            splits,
            verdict,
            app: facts.session.app,
            tc_url: facts.session.tc_url,
            stream_name: facts.session.stream_name,
            client_software: facts.session.client_software,
            server_software: facts.session.server_software,
            duration: facts
                .clock
                .latest
                .zip(facts.clock.began)
                .map(|(latest, began)| latest - began),
            steps: facts.steps.finish(),
            bytes,
            messages: facts.messages,
            tracks: facts.tracks.told(),
            findings,
            findings_list,
            gaps: facts.gaps,
            proxy: facts.sides,
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
fn compare(
    two: Packet2<'_>,
    one: Packet1<'_>,
    side: Side,
    digest: Option<DigestFound>,
) -> (bool, Option<bool>) {
    let valid = digest.map(|found| digest::verify_reply(two.bytes, &found.digest, side.peer()));
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
        // Looking for what is to be given back costs more than knowing that there is nothing.
        if body.owns_nothing() {
            std::mem::forget(body);
        }
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
        let media = matches!(kind, Kind::Audio | Kind::Video);
        let answers = match body {
            Body::Command(_) | Body::Data(_) => {
                self.learn(direction, body, emit);
                self.session.answered.as_ref()
            }
            _ => None,
        };
        if media && self.steps.awaits_media() {
            self.steps.media(emit.elapsed);
        }
        self.tracks.count(direction, raw, body, emit.elapsed, emit.limits);
        self.story.way_mut(direction).told(raw.span.end, emit.elapsed);
        if !media || self.tracks.frame.marks.has(Marks::FIRST) {
            let now = emit.moment(*emit.seq);
            let answers = answers.map(|call| &*call.name);
            self.story.message(direction, raw.message_stream_id, body, answers, now);
        }
        let mut bitstreams = Vec::new();
        if emit.options.bitstream
            && let Body::Video(video) = &*body
        {
            bitstreams = self.tracks.bitstreams(direction, raw, video, emit.limits);
        }
        let record = MessageRecord {
            raw,
            kind,
            body,
            bitstreams: &bitstreams,
            encrypted: false,
            malformed: fault,
            reply_to: answers.map(|call| call.seq),
            aggregate,
            masked: &[],
        };
        let seq = emit.record(Some(direction), Some(raw.span), Event::Message(record));
        if kind == Kind::Unknown {
            self.unknown(direction, raw, seq, emit);
        }
        let mut spoiled = None;
        if !media || self.tracks.frame.marks.stands_out() {
            spoiled = self.judge_message(direction, &record, seq, emit);
        }
        // Behind what the judges say: one of them may know why.
        if let Some(fault) = fault {
            self.malformed(direction, &record, fault, spoiled, seq, emit);
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
        self.tracks.count(direction, &clear_only, &mut body, emit.elapsed, emit.limits);
        let fault = Fault::broken(clear, "payload", "it is encrypted");
        let record = MessageRecord {
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
            if self.tally.is_new(finding.code) {
                self.report(None, None, finding, emit);
            }
        }
    }

    /// What a command or metadata says of the session.
    fn learn(&mut self, direction: Direction, body: &Body, emit: &mut Emitter<'_>) {
        let full = *emit.remembered >= emit.limits.session_bytes;
        if full && self.tally.is_new(SESSION_FULL) {
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
        let now = (*emit.seq, emit.elapsed);
        self.session.answered = self.session.apply(direction, body, now, full, emit.limits);
        let now = self.session.memory();
        let before = std::mem::replace(&mut self.session_counted, now);
        *emit.remembered = (*emit.remembered + now).saturating_sub(before);
    }

    /// A message cannot be read. `spoiled`: the code of the finding that says why.
    #[cold]
    fn malformed(
        &mut self,
        direction: Direction,
        message: &MessageRecord<'_>,
        fault: &Fault,
        spoiled: Option<&'static str>,
        seq: u64,
        emit: &mut Emitter<'_>,
    ) {
        let raw = message.raw;
        let mut finding = notes::malformed(raw, message.body, fault).about(seq);
        finding.cause = spoiled.and_then(|code| self.tally.listed(code));
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
        // Taken out for the time of the judgement, which sees the packets beside all other facts.
        let peer = self.handshakes[other].take();
        match packet {
            Packet::Zero(zero) => {
                if matches!(zero.version, 6 | 8 | 9) {
                    self.opened.transport = Transport::Rtmpe;
                }
                let fields = HandshakeFields::Zero { version: zero.version };
                let record = Handshake { packet: names[0], fields, damaged };
                let packet = HandshakeSeen { record, bytes: None, answers: None };
                self.packet(direction, &packet, span, emit);
            }
            Packet::One(one) => {
                let digest = digest::find(one.bytes, side);
                self.digests[this] = digest;
                let fields = HandshakeFields::One {
                    epoch: one.epoch(),
                    zero: one.zero(),
                    software_version: one.software_version(),
                    digest,
                };
                let record = Handshake { packet: names[1], fields, damaged };
                let packet = HandshakeSeen { record, bytes: Some(one.bytes), answers: None };
                self.packet(direction, &packet, span, emit);
                self.unsure[this] = damaged.is_some();
                if let Some(two) = peer.as_ref().and_then(handshake::Reader::packet2) {
                    let pair = (two, one, side);
                    self.settle(
                        direction.reverse(),
                        Some(pair).filter(|_| damaged.is_none()),
                        emit,
                    );
                }
            }
            Packet::Two(two) => {
                self.waiting[this] = Some(Box::new(Waiting {
                    epoch: two.time(),
                    echo_time: two.echo_time(),
                    span,
                    damaged,
                    place: emit.place,
                    elapsed: emit.elapsed,
                }));
                if let Some(one) = peer.as_ref().and_then(handshake::Reader::packet1) {
                    let pair = (two, one, side.peer());
                    self.settle(direction, Some(pair).filter(|_| !self.unsure[other]), emit);
                }
            }
        }
        self.handshakes[other] = peer;
    }

    /// Whether the record of a direction's last handshake packet waits for the packet that it answers.
    pub(super) const fn waits(&self, direction: Direction) -> bool {
        self.waiting[direction.index()].is_some()
    }

    /// Reports a direction's last handshake packet if it waits. `pair` is that packet, the one that it answers, and who
    /// sent the latter, where both have come whole.
    #[cold]
    pub(super) fn settle(
        &mut self,
        direction: Direction,
        pair: Option<(Packet2<'_>, Packet1<'_>, Side)>,
        emit: &mut Emitter<'_>,
    ) {
        let Some(waiting) = self.waiting[direction.index()].take() else { return };
        // Of missing bytes nobody knows whether they are an echo.
        let pair = pair.filter(|_| waiting.damaged.is_none());
        let digest = self.digests[direction.reverse().index()];
        let told = pair.map(|(two, one, side)| compare(two, one, side, digest));
        let fields = HandshakeFields::Two {
            epoch: waiting.epoch,
            echo_time: waiting.echo_time,
            echoes_peer: told.map(|(echoes, _)| echoes),
            digest_valid: told.and_then(|(_, valid)| valid),
        };
        let packet = ["c2", "s2"][direction.index()];
        let packet = HandshakeSeen {
            record: Handshake { packet, fields, damaged: waiting.damaged },
            bytes: pair.map(|(two, ..)| two.bytes),
            answers: pair.map(|(_, one, _)| one.bytes),
        };
        // It says when it came, although it is told later.
        let now = (emit.place, emit.elapsed);
        (emit.place, emit.elapsed) = (waiting.place, waiting.elapsed);
        self.packet(direction, &packet, waiting.span, emit);
        (emit.place, emit.elapsed) = now;
    }

    /// The record of a handshake packet.
    fn packet(
        &mut self,
        direction: Direction,
        packet: &HandshakeSeen<'_>,
        span: Span,
        emit: &mut Emitter<'_>,
    ) {
        if packet.record.damaged.is_none() {
            self.steps.handshake(packet.record.packet, emit.elapsed);
        }
        let seq = emit.record(Some(direction), Some(span), Event::Handshake(packet.record));
        let now = emit.moment(seq);
        let way = self.story.way_mut(direction);
        way.handshake = way.handshake.saturating_add(1);
        way.shaken = Some(now);
        way.told(span.end, emit.elapsed);
        self.judge(seq, Some(direction), Some(span), emit, |judges, seen| {
            judges.handshake(seen, packet);
        });
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
        let seq = emit.record(Some(direction), Some(span), Event::Gap(gap));
        self.tally.gap(direction, seq, emit.elapsed, gap.resumed_at.is_some());
        self.story.way_mut(direction).broken = Some(emit.moment(seq));
        self.tracks.lost(direction);
        self.judge(seq, Some(direction), Some(span), emit, |judges, seen| judges.gap(seen, &gap));
    }

    /// The chunk reader survived an oddity.
    #[cold]
    pub(super) fn note(
        &mut self,
        direction: Direction,
        note: &chunk::Note,
        emit: &mut Emitter<'_>,
    ) {
        let span = Span { start: note.offset, end: note.offset };
        if let Some(finding) = notes::of(note) {
            self.report(Some(direction), Some(span), finding, emit);
        }
        let seq = *emit.seq;
        self.judge(seq, Some(direction), Some(span), emit, |judges, seen| judges.note(seen, note));
    }

    /// The framing of a direction is lost. What is found about it comes first: the loss follows from that.
    #[cold]
    pub(super) fn lost(&mut self, direction: Direction, loss: &LossSeen, emit: &mut Emitter<'_>) {
        let offset = loss.loss.offset;
        let span = Span { start: offset, end: offset };
        let first = *emit.seq;
        self.judge(first, Some(direction), Some(span), emit, |judges, seen| {
            judges.lost(seen, loss);
        });
        if let Some(mut finding) = notes::lost(direction, &loss.loss) {
            finding.cause = Some(first).filter(|first| first < emit.seq);
            self.report(Some(direction), Some(span), finding, emit);
        }
        self.story.way_mut(direction).broken = Some(emit.moment(first));
        self.tracks.lost(direction);
    }

    /// Decoding goes on after a loss.
    #[cold]
    pub(super) fn resumed(
        &mut self,
        direction: Direction,
        span: Span,
        found: &Found,
        code: &'static str,
        emit: &mut Emitter<'_>,
    ) {
        let finding = notes::resumed(direction, span, found, code);
        let resumed = Resumed {
            offset: span.end,
            chunk_size: Some(found.chunk_size).filter(|_| found.proven == u32::MAX),
        };
        let seq = *emit.seq;
        self.report(Some(direction), Some(span), finding, emit);
        self.judge(seq, Some(direction), Some(span), emit, |judges, seen| {
            judges.resumed(seen, &resumed);
        });
    }

    /// Time has passed, as what arrives says.
    #[cold]
    fn tick(&mut self, emit: &mut Emitter<'_>) {
        let Some(now) = emit.elapsed else { return };
        self.clock.tick_at = now.saturating_add(TICK);
        let seq = *emit.seq;
        self.judge(seq, None, None, emit, |judges, seen| judges.tick(seen));
    }

    /// A message that is no usual frame; gives the code of the finding that says why it cannot be read.
    #[cold]
    fn judge_message(
        &mut self,
        direction: Direction,
        message: &MessageRecord<'_>,
        seq: u64,
        emit: &mut Emitter<'_>,
    ) -> Option<&'static str> {
        let frame = self.tracks.frame;
        let frames = std::mem::take(&mut self.tracks.frames);
        let spoiled =
            self.judge(seq, Some(direction), Some(message.raw.span), emit, |judges, seen| {
                match message.body {
                    Body::Audio(Audio { tracks, .. }) if !tracks.is_empty() => {
                        several(judges, seen, &frames, message);
                    }
                    Body::Video(Video { tracks, .. }) if !tracks.is_empty() => {
                        several(judges, seen, &frames, message);
                    }
                    Body::Audio(_) | Body::Video(_) => {
                        several(judges, seen, &[frame], message);
                    }
                    body => {
                        judges.header(seen, message);
                        match body {
                            Body::Control(control) => judges.control(seen, control),
                            Body::UserControl(event) => judges.user_control(seen, event),
                            Body::Command(command) => judges.command(seen, command, message),
                            Body::Data(data) => judges.data(seen, data, message),
                            _ => {}
                        }
                    }
                }
            });
        if emit.options.timeline {
            let Self { seconds, tracks, story, tally, .. } = self;
            let many = match message.body {
                Body::Audio(audio) => !audio.tracks.is_empty(),
                Body::Video(video) => !video.tracks.is_empty(),
                _ => true,
            };
            let media = matches!(message.body, Body::Audio(_) | Body::Video(_));
            let of = if many { &frames[..] } else { &[frame] };
            for frame in of.iter().filter(|frame| media && frame.marks.has(Marks::SECOND)) {
                seconds.over(frame, tracks, story, tally);
            }
        }
        self.tracks.frames = frames;
        spoiled
    }

    /// Lets the judges see something, and reports what they find; gives the code of what says why a message cannot be read.
    /// `seq` is the record that shows it.
    fn judge(
        &mut self,
        seq: u64,
        direction: Option<Direction>,
        span: Option<Span>,
        emit: &mut Emitter<'_>,
        see: impl FnOnce(&mut Judges, &mut Seen<'_>),
    ) -> Option<&'static str> {
        let judges = self.judges.as_mut()?;
        let mut found = Vec::new();
        see(
            judges,
            &mut Seen {
                opened: &self.opened,
                session: &self.session,
                story: &self.story,
                tracks: &self.tracks,
                settings: &emit.options.rules,
                past: &mut *emit.past,
                remembers: emit.limits.past_connections,
                connection: emit.flow,
                seq,
                direction,
                span,
                place: emit.place,
                elapsed: emit.elapsed,
                tally: &self.tally,
                found: &mut found,
            },
        );
        let mut spoiled = None;
        for Raised { finding, direction, span, explains, spoils } in found {
            let kind = if explains { Kin::Explains } else { Kin::Judged };
            spoiled = spoiled.or_else(|| spoils.then_some(finding.code));
            self.admit(direction, span, finding, kind, emit);
        }
        spoiled
    }

    /// Counts a finding, and hands it out unless the same has been handed out too often.
    pub(super) fn report(
        &mut self,
        direction: Option<Direction>,
        span: Option<Span>,
        finding: Finding,
        emit: &mut Emitter<'_>,
    ) {
        self.admit(direction, span, finding, Kin::Reported(emit.limits.same_finding), emit);
    }

    /// The same of any kind.
    fn admit(
        &mut self,
        direction: Option<Direction>,
        span: Option<Span>,
        mut finding: Finding,
        kin: Kin,
        emit: &mut Emitter<'_>,
    ) {
        let settings: &Settings = &emit.options.rules;
        let Some(severity) = settings.severity(finding.code, finding.severity) else { return };
        finding.severity = severity;
        let (place, elapsed) = (emit.place, emit.elapsed);
        let at = At { seq: *emit.seq, direction, span, place, elapsed };
        if !self.tally.count(&mut finding, at, kin) {
            return;
        }
        if kin == Kin::Reported(finding.count) {
            finding.message.push_str(" (further ones on this connection are only counted)");
        }
        emit.record(direction, span, Event::Finding(&finding));
    }
}

/// Hands out the frames of one message.
fn several(
    judges: &mut Judges,
    seen: &mut Seen<'_>,
    frames: &[Frame],
    message: &MessageRecord<'_>,
) {
    const SAID: Marks = Marks::FIRST.and(Marks::ROUTE).and(Marks::BIG);
    if frames.iter().any(|frame| frame.marks.has(SAID)) {
        judges.header(seen, message);
    }
    for frame in frames {
        if frame.marks.stands_out() {
            judges.media(seen, frame, message);
        }
        if frame.marks.has(Marks::SECOND) {
            judges.second(seen, frame);
        }
    }
}

/// Nanoseconds of arrival time after which the judges are told that time has passed.
const TICK: i64 = 1_000_000_000;
