//! One direction of a connection: handshake, chunks, and what to do when neither can be read.
//!
//! ```text
//!             ┌───────────┐ 3 packets ┌────────┐ loss, hole in a header ┌──────┐
//!  start ────►│ Handshake │──────────►│ Chunks │───────────────────────►│ Lost │
//!             └─────┬─────┘           └────────┘◄───────────────────────└──▲───┘
//!                   │ not RTMP,             a place that proves itself     │
//!                   ▼ encrypted                                            │
//!               ┌────────┐                                 from inside ────┘
//!               │ Opaque │
//!               └────────┘
//! ```
//!
//! A client's bytes may begin with a PROXY protocol header, which is taken off ahead of the handshake.
//!
//! Every transition is a finding, so that what was skipped is always said.

use bytes::{Buf, BytesMut};

use super::flow::{Emitter, Facts};
use super::record::{Event, Gap};
use super::resync::{self, Found, Known, Scan};
use super::rules::judge::{Broken, LossSeen};
use super::{GapCause, notes};
use crate::proto::chunk::{self, Item, Loss, LossKind, Resume};
use crate::proto::proxy::{self, Prefix};
use crate::proto::{Direction, Span};

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Lane {
    direction: Direction,
    /// Stream offset of the next byte, missing ones counted.
    offset: u64,
    /// Bytes that were there.
    received: u64,
    phase: Phase,
    ended: bool,
    /// Bytes of memory that have been counted as held.
    counted: usize,
    /// What searching has cost, in headers followed.
    spent: u64,
    /// The chunk sizes that split messages have left possible, while the size is not known.
    sizes: Vec<u32>,
}

#[derive(Debug)]
enum Phase {
    /// A client's first bytes may be a PROXY protocol header, which is no part of the stream.
    Prefix(Vec<u8>),
    /// The rest of such a header, in bytes.
    Skip(usize),
    /// The reader is with the [`Facts`], because the other direction's packets are compared with it.
    Handshake {
        damaged: Option<Span>,
    },
    /// All three packets are there, and the record of the last waits for the packet that it answers.
    Shaken,
    Chunks(Box<chunk::Reader>),
    Lost(Box<Lost>),
    Opaque,
}

/// The framing is lost; bytes are searched for a place to go on.
#[derive(Debug)]
struct Lost {
    reader: chunk::Reader,
    /// Whether the chunk size that the reader holds can be relied on.
    chunk_size_known: bool,
    cause: Cause,
    /// Stream offset from which on nothing could be read.
    from: u64,
    /// The bytes being searched, and the stream offset of `buffer[0]`.
    buffer: BytesMut,
    base: u64,
    scan: Scan,
    /// Length of the buffer at which to search next. It depends on the bytes and never on how they are cut.
    due: usize,
    /// Holes whose records wait for the place where decoding goes on.
    gaps: Vec<Gap>,
}

/// Why the framing is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The capture begins inside the connection.
    Inside,
    /// Bytes are missing.
    Hole,
    /// The bytes are not a chunk header.
    Protocol,
    /// The bytes are a chunk header, but what it inherits is not known since an earlier loss.
    Doubt,
}

/// Bytes from which on a beginning can hardly be anything but a PROXY protocol header.
const SIGNATURE: usize = 6;
/// The handshake's three packets, bytes.
const HANDSHAKE: u64 = 3073;

impl Lane {
    pub(super) fn new(direction: Direction, from_start: bool, emit: &Emitter<'_>) -> Self {
        let phase = if from_start && direction == Direction::ClientToServer {
            Phase::Prefix(Vec::new())
        } else if from_start {
            Phase::Handshake { damaged: None }
        } else {
            Phase::Lost(Box::new(Lost::new(reader(0, emit), Cause::Inside, 0, BytesMut::new())))
        };
        Self {
            direction,
            offset: 0,
            received: 0,
            phase,
            ended: false,
            counted: 0,
            spent: 0,
            sizes: Vec::new(),
        }
    }

    /// Stream offset of the next byte, missing ones counted.
    #[inline]
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that were there.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// By how many bytes (modulo the word) what is held for the unfinished has grown since the last call.
    #[inline]
    pub(super) fn memory_growth(&mut self) -> usize {
        let now = self.memory();
        now.wrapping_sub(std::mem::replace(&mut self.counted, now))
    }

    #[inline]
    fn memory(&self) -> usize {
        match &self.phase {
            Phase::Chunks(reader) => reader.memory(),
            Phase::Lost(lost) => lost.buffer.capacity() + lost.reader.memory(),
            Phase::Prefix(_)
            | Phase::Skip(_)
            | Phase::Handshake { .. }
            | Phase::Shaken
            | Phase::Opaque => 0,
        }
    }

    #[inline]
    pub(super) fn bytes(&mut self, data: &[u8], facts: &mut Facts, emit: &mut Emitter<'_>) {
        self.received += data.len() as u64;
        if let Phase::Chunks(reader) = &mut self.phase {
            self.offset += data.len() as u64;
            let mut rest = data;
            if let Err(loss) = read(reader, &mut rest, self.direction, facts, emit) {
                let buffer = BytesMut::from(reader.carried());
                self.lose(loss, buffer, facts, emit);
                self.lost_bytes(rest, facts, emit);
            }
            return;
        }
        self.other_bytes(data, facts, emit);
    }

    #[cold]
    fn other_bytes(&mut self, data: &[u8], facts: &mut Facts, emit: &mut Emitter<'_>) {
        match &mut self.phase {
            Phase::Prefix(_) => self.prefix(data, facts, emit),
            Phase::Skip(left) => {
                let skipped = data.len().min(*left);
                *left -= skipped;
                self.received -= data.len() as u64;
                if *left == 0 {
                    self.phase = Phase::Handshake { damaged: None };
                }
                if skipped < data.len() {
                    self.bytes(&data[skipped..], facts, emit);
                }
            }
            Phase::Handshake { .. } => {
                if self.offset == 0
                    && let Some((finding, readable)) = notes::opening(self.direction, data)
                {
                    let span = Span { start: 0, end: data.len().min(8) as u64 };
                    facts.report(Some(self.direction), Some(span), finding, emit);
                    if !readable {
                        self.offset += data.len() as u64;
                        self.phase = Phase::Opaque;
                        return;
                    }
                }
                let mut rest = data;
                self.handshake(&mut rest, facts, emit);
                if let Phase::Chunks(_) = self.phase {
                    self.received -= rest.len() as u64;
                    self.bytes(rest, facts, emit);
                } else {
                    self.offset += rest.len() as u64;
                }
            }
            Phase::Shaken => {
                if !data.is_empty() {
                    self.received -= data.len() as u64;
                    self.begin_chunks(facts, emit);
                    self.bytes(data, facts, emit);
                }
            }
            Phase::Lost(_) => {
                self.offset += data.len() as u64;
                self.lost_bytes(data, facts, emit);
            }
            Phase::Opaque | Phase::Chunks(_) => self.offset += data.len() as u64,
        }
    }

    /// The first bytes of a client: a PROXY protocol header, or the handshake. `data` is counted already.
    #[cold]
    fn prefix(&mut self, data: &[u8], facts: &mut Facts, emit: &mut Emitter<'_>) {
        self.received -= data.len() as u64;
        let Phase::Prefix(begin) = &mut self.phase else { return };
        if data.is_empty() {
            return;
        }
        let had = begin.len();
        let taken = data.len().min(proxy::LONGEST - had);
        begin.extend_from_slice(&data[..taken]);
        let prefix = proxy::read(begin);
        if prefix == Prefix::More {
            return;
        }
        let begin = std::mem::take(begin);
        self.phase = Phase::Handshake { damaged: None };
        if let Prefix::Header(header) = prefix {
            let finding = notes::proxy_prefix(&header);
            facts.report(Some(self.direction), None, finding, emit);
            let there = header.length.saturating_sub(had);
            if there > data.len() {
                self.phase = Phase::Skip(there - data.len());
            } else if there < data.len() {
                self.bytes(&data[there..], facts, emit);
            }
            return;
        }
        if let Prefix::Broken(reason) = prefix {
            facts.report(Some(self.direction), None, notes::proxy_broken(reason), emit);
        }
        if had == 0 {
            self.bytes(data, facts, emit);
        } else {
            self.bytes(&[&begin, &data[taken..]].concat(), facts, emit);
        }
    }

    /// The handshake is over, whatever its last packet waits for.
    #[cold]
    fn begin_chunks(&mut self, facts: &mut Facts, emit: &mut Emitter<'_>) {
        facts.settle(self.direction, None, emit);
        self.phase = Phase::Chunks(Box::new(reader(self.offset, emit)));
    }

    /// No more bytes of a PROXY protocol header or of a handshake come, or not the next ones.
    #[cold]
    fn end_prefix(&mut self, facts: &mut Facts, emit: &mut Emitter<'_>) {
        if matches!(self.phase, Phase::Shaken) {
            self.begin_chunks(facts, emit);
        }
        if !matches!(self.phase, Phase::Prefix(_) | Phase::Skip(_)) {
            return;
        }
        let reason = match std::mem::replace(&mut self.phase, Phase::Handshake { damaged: None }) {
            Phase::Prefix(begin) if begin.len() < SIGNATURE => {
                self.bytes(&begin, facts, emit);
                return;
            }
            Phase::Prefix(begin) => format!("only {} of its bytes are there", begin.len()),
            Phase::Skip(left) => format!("{left} bytes are missing at its end"),
            _ => return,
        };
        facts.report(Some(self.direction), None, notes::proxy_broken(&reason), emit);
    }

    /// Takes bytes, already counted, while the framing is lost, and those behind the place where decoding goes on.
    #[cold]
    fn lost_bytes(&mut self, mut data: &[u8], facts: &mut Facts, emit: &mut Emitter<'_>) {
        loop {
            match &mut self.phase {
                Phase::Lost(lost) => {
                    let room = lost.due.saturating_sub(lost.buffer.len());
                    let (piece, rest) = data.split_at(data.len().min(room));
                    lost.buffer.extend_from_slice(piece);
                    data = rest;
                    if lost.buffer.len() < lost.due {
                        return;
                    }
                    self.search(false, facts, emit);
                }
                Phase::Chunks(reader) => {
                    let Err(loss) = read(reader, &mut data, self.direction, facts, emit) else {
                        return;
                    };
                    let buffer = BytesMut::from(reader.carried());
                    self.lose(loss, buffer, facts, emit);
                }
                _ => return,
            }
        }
    }

    /// Takes handshake bytes off the input; behind the third packet the phase changes.
    fn handshake(&mut self, input: &mut &[u8], facts: &mut Facts, emit: &mut Emitter<'_>) {
        let Phase::Handshake { damaged } = &mut self.phase else { return };
        let mut reader = facts.take_handshake(self.direction);
        let mut begin = self.offset - reader.pending() as u64;
        let before = input.len();
        let origin = self.offset;
        loop {
            let left = input.len();
            let Some(packet) = reader.read(input) else { break };
            let end = origin + (before - input.len()) as u64;
            debug_assert!(left > input.len());
            let span = Span { start: begin, end };
            facts.handshake(self.direction, packet, span, damaged.take(), emit);
            begin = end;
        }
        self.offset = origin + (before - input.len()) as u64;
        let version = reader.version();
        if reader.is_done() {
            if matches!(version, Some(6 | 8 | 9)) {
                facts.settle(self.direction, None, emit);
                self.phase = Phase::Opaque; // what follows is encrypted, as the finding at its first byte says
            } else if input.is_empty() && facts.waits(self.direction) {
                self.phase = Phase::Shaken;
            } else {
                self.begin_chunks(facts, emit);
            }
        }
        facts.keep_handshake(self.direction, reader);
    }

    /// The next bytes are missing.
    pub(super) fn gap(
        &mut self,
        length: Option<u64>,
        cause: GapCause,
        facts: &mut Facts,
        emit: &mut Emitter<'_>,
    ) {
        self.end_prefix(facts, emit);
        // The bytes before the hole are all that there are of what they belong to.
        self.search(true, facts, emit);
        let mut gap = Gap { offset: self.offset, length, cause, resumed_at: None };
        let end = self.offset + length.unwrap_or(0);
        match &mut self.phase {
            Phase::Chunks(reader) => {
                let counted = length.is_some_and(|length| reader.hole(length).is_ok());
                if counted {
                    self.offset = end;
                    gap.resumed_at = Some(end);
                    facts.gap(self.direction, gap, emit);
                    self.bytes(&[], facts, emit);
                    return;
                }
                let loss = Loss { offset: reader.offset(), kind: LossKind::Hole };
                self.lose(loss, BytesMut::new(), facts, emit);
            }
            Phase::Handshake { damaged } => {
                damaged.get_or_insert(Span { start: gap.offset, end });
                let inside = length.map(|length| length.min(HANDSHAKE - self.offset));
                if let Some(mut zeros) = inside {
                    while zeros > 0 {
                        let n = zeros.min(ZEROS.len() as u64);
                        zeros -= n;
                        self.handshake(&mut &ZEROS[..n as usize], facts, emit);
                    }
                }
                if inside.is_some() && inside == length {
                    gap.resumed_at = Some(end);
                    facts.gap(self.direction, gap, emit);
                    return;
                }
                let from = self.offset;
                self.phase = Phase::Lost(Box::new(Lost::new(
                    reader(from, emit),
                    Cause::Hole,
                    from,
                    BytesMut::new(),
                )));
            }
            Phase::Lost(_) => {}
            Phase::Prefix(_) | Phase::Skip(_) | Phase::Shaken | Phase::Opaque => {
                self.offset = end;
                gap.resumed_at = length.map(|_| end);
                facts.gap(self.direction, gap, emit);
                return;
            }
        }
        self.offset = end;
        if let Phase::Lost(lost) = &mut self.phase {
            // What was collected before the hole proves nothing about what follows it.
            lost.buffer.clear();
            lost.base = end;
            lost.restart(Scan::behind_hole());
            lost.gaps.push(gap);
            if lost.gaps.len() > MOST_WAITING {
                facts.gap(self.direction, lost.gaps.remove(0), emit);
            }
        }
    }

    /// The framing is lost at `loss`; `buffer` holds the bytes from there on.
    #[cold]
    fn lose(&mut self, loss: Loss, buffer: BytesMut, facts: &mut Facts, emit: &mut Emitter<'_>) {
        let broken = match &self.phase {
            Phase::Chunks(reader) => broken(reader),
            _ => None,
        };
        facts.lost(self.direction, &LossSeen { loss, broken }, emit);
        if let Phase::Chunks(reader) = std::mem::replace(&mut self.phase, Phase::Opaque) {
            let mut lost = Lost::new(*reader, Cause::of(&loss), loss.offset, buffer);
            // A Set Chunk Size in the middle of a stream is rare, and one that is lost rarer still.
            let shown = lost.reader.chunk_size_shown() && lost.cause != Cause::Protocol;
            // Nor is the default known to hold where nothing was announced and the framing is lost.
            lost.chunk_size_known = shown || lost.reader.chunk_size_said();
            lost.restart(Scan::new(0, lost.cause == Cause::Doubt));
            self.phase = Phase::Lost(Box::new(lost));
        }
    }

    /// Looks for a place to go on and goes on there, as often as it takes.
    #[cold]
    fn search(&mut self, last: bool, facts: &mut Facts, emit: &mut Emitter<'_>) {
        while let Phase::Lost(lost) = &mut self.phase {
            let end = lost.base + lost.buffer.len() as u64;
            let mut fuel = (FUEL + end * FUEL_PER_BYTE).saturating_sub(self.spent);
            let before = fuel;
            let window = emit.limits.resync_bytes;
            let found = lost.search(last, window, &mut fuel, &mut self.sizes);
            self.spent += before - fuel;
            let Some(found) = found else { return };
            let at = lost.base + found.at as u64;
            for mut gap in std::mem::take(&mut lost.gaps) {
                gap.resumed_at = Some(at);
                facts.gap(self.direction, gap, emit);
            }
            let span = Span { start: lost.from, end: at };
            if !span.is_empty() || lost.cause != Cause::Doubt {
                facts.resumed(self.direction, span, &found, lost.cause.code(), emit);
            }
            let Phase::Lost(mut lost) = std::mem::replace(&mut self.phase, Phase::Opaque) else {
                return;
            };
            lost.reader.resume(&Resume {
                offset: at,
                chunk_size: found.chunk_size,
                announced: lost.chunk_size_known,
                proven: found.proven,
                trusted: found.trusted(),
            });
            let mut rest = &lost.buffer[found.at..];
            match read(&mut lost.reader, &mut rest, self.direction, facts, emit) {
                Ok(()) => self.phase = Phase::Chunks(Box::new(lost.reader)),
                Err(loss) => {
                    let broken = broken(&lost.reader);
                    facts.lost(self.direction, &LossSeen { loss, broken }, emit);
                    lost.cause = Cause::of(&loss);
                    lost.chunk_size_known = lost.reader.chunk_size_said()
                        || lost.reader.chunk_size_shown() && lost.cause != Cause::Protocol;
                    lost.from = loss.offset;
                    lost.buffer.advance((loss.offset - lost.base) as usize);
                    lost.base = loss.offset;
                    lost.restart(Scan::new(0, lost.cause == Cause::Doubt));
                    self.phase = Phase::Lost(lost);
                }
            }
        }
    }

    /// No more bytes will come.
    pub(super) fn end(&mut self, facts: &mut Facts, emit: &mut Emitter<'_>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.end_prefix(facts, emit);
        self.search(true, facts, emit);
        if let Phase::Chunks(reader) = &mut self.phase {
            reader.end();
            self.bytes(&[], facts, emit);
        }
        match &mut self.phase {
            Phase::Lost(lost) => {
                let span = Span { start: lost.from, end: self.offset };
                // Where nothing but a hole is left, the gap says it all.
                let hole = matches!(lost.gaps[..], [gap] if gap.offset == span.start && gap.length == Some(span.len()));
                for gap in std::mem::take(&mut lost.gaps) {
                    facts.gap(self.direction, gap, emit);
                }
                if self.received > 0 && !span.is_empty() && !hole {
                    let finding = notes::unreadable(self.direction, span, lost.cause.code());
                    facts.report(Some(self.direction), Some(span), finding, emit);
                }
            }
            Phase::Chunks(reader) => {
                for (span, finding) in notes::unfinished(self.direction, reader, self.offset) {
                    facts.report(Some(self.direction), Some(span), finding, emit);
                }
            }
            Phase::Handshake { .. } if self.offset > 0 => {
                let finding = notes::handshake_unfinished(self.direction, self.offset);
                facts.report(
                    Some(self.direction),
                    Some(Span { start: 0, end: self.offset }),
                    finding,
                    emit,
                );
            }
            Phase::Prefix(_)
            | Phase::Skip(_)
            | Phase::Handshake { .. }
            | Phase::Shaken
            | Phase::Opaque => {}
        }
    }

    /// Stops decoding this direction; its bytes are only counted from here on.
    pub(super) fn give_up(&mut self, facts: &mut Facts, emit: &mut Emitter<'_>) {
        self.end_prefix(facts, emit);
        if let Phase::Lost(lost) = &mut self.phase {
            for gap in std::mem::take(&mut lost.gaps) {
                facts.gap(self.direction, gap, emit);
            }
        }
        self.phase = Phase::Opaque;
    }
}

const ZEROS: [u8; 256] = [0; 256];
/// Gap records that wait for the place where decoding goes on.
const MOST_WAITING: usize = 1024;

fn reader(offset: u64, emit: &Emitter<'_>) -> chunk::Reader {
    chunk::Reader::new(offset, emit.options.keep(emit.limits), emit.limits)
        .with_chunks(emit.options.chunks)
}

/// The message whose chunks came last, where it is not complete.
fn broken(reader: &chunk::Reader) -> Option<Broken> {
    reader.latest().filter(|stream| stream.unfinished()).map(|stream| Broken {
        start: stream.start(),
        chunk_stream_id: stream.id,
        length: stream.length,
        received: stream.received(),
    })
}

/// Reads all of `input`, handing out what comes.
#[inline]
fn read(
    reader: &mut chunk::Reader,
    input: &mut &[u8],
    direction: Direction,
    facts: &mut Facts,
    emit: &mut Emitter<'_>,
) -> Result<(), Loss> {
    while let Some(item) = reader.next(input)? {
        match &item {
            Item::Message(message) => facts.message(direction, message, emit),
            Item::Chunk(chunk) => {
                emit.record(Some(direction), Some(chunk.span), Event::Chunk(*chunk));
            }
            Item::Note(note) => {
                facts.note(direction, note, emit);
            }
        }
    }
    Ok(())
}

/// What searching may cost at first, in headers followed.
const FUEL: u64 = 4 << 20;
/// What each byte of the stream adds to it.
const FUEL_PER_BYTE: u64 = 4;

impl Cause {
    const fn of(loss: &Loss) -> Self {
        match loss.kind {
            LossKind::Hole => Self::Hole,
            LossKind::Stale { .. } | LossKind::ChunkSizeUnproven { .. } => Self::Doubt,
            _ => Self::Protocol,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Inside => "capture.begins-inside",
            Self::Hole | Self::Protocol | Self::Doubt => "chunk.resynced",
        }
    }
}

impl Lost {
    fn new(reader: chunk::Reader, cause: Cause, from: u64, buffer: BytesMut) -> Self {
        Self {
            reader,
            chunk_size_known: false,
            cause,
            from,
            buffer,
            base: from,
            scan: Scan::default(),
            due: LEAST,
            gaps: Vec::new(),
        }
    }

    /// Searches anew.
    fn restart(&mut self, scan: Scan) {
        self.scan = scan;
        self.due = LEAST;
    }

    /// Searches what is there, and says when to search again; slides the window on.
    fn search(
        &mut self,
        last: bool,
        window: usize,
        fuel: &mut u64,
        sizes: &mut Vec<u32>,
    ) -> Option<Found> {
        let size = self.reader.chunk_size();
        let known = Known {
            reader: Some(&self.reader),
            chunk_size: self.chunk_size_known.then_some(size),
            likely: Some(size),
            whole: self.reader.proven_whole(),
            ended: last,
            behind_hole: None,
        };
        let found = resync::find(&self.buffer, &mut self.scan, &known, fuel, sizes);
        if found.is_some() {
            return found;
        }
        if self.buffer.len() - self.scan.start() > window {
            self.scan.give_up(self.buffer.len() - window / 2);
        }
        let start = self.scan.start();
        if start > window / 2 {
            self.buffer.advance(start);
            self.base += start as u64;
            self.scan.slide(start);
        }
        // Waiting for a share of what is undecided keeps the work linear.
        let length = self.buffer.len();
        self.due = length + ((length - self.scan.start()) / 16).max(LEAST);
        None
    }
}

/// Bytes to wait for before a search.
const LEAST: usize = 64;
