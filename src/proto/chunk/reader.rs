//! One direction's bytes after the handshake, read as chunks and messages.

use std::collections::VecDeque;

use super::super::Span;
use super::assembly::{Stream, Table};
use super::header::{self, Header, plausible};
use super::item::{Chunk, Item, Keep, Loss, LossKind, Message, Note, NoteKind, Resume};
use super::{DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE};
use crate::Limits;

/// Reads messages out of one direction's chunk stream, byte-exact and resumable at any cut.
///
/// Feed → drain: hand bytes to [`next`](Self::next) until it returns `Ok(None)`, which means that all of them have
/// been taken and more are needed. Set Chunk Size and Abort are applied the moment they are complete, because framing
/// depends on them, and are reported as messages all the same. Survivable oddities come out as [`Note`]s; only "where
/// does the next chunk begin?" is an error, and after it [`resume`](Self::resume) goes on from a known place.
///
/// Defined by: RTMP 1.0 §5.3.
#[derive(Debug, Clone)]
pub struct Reader {
    table: Table,
    chunk_size: u32,
    keep: Keep,
    want_chunks: bool,
    /// Whether it remembers what headers before the last said, for the sake of a loss.
    remembers: bool,
    partial_limit: usize,

    /// Stream offset of the next byte to be read, those in `carry` included.
    offset: u64,
    /// Bytes taken from the input that could not be read yet: a header cut by a seam.
    carry: [u8; CARRY],
    carried: usize,
    /// The chunk being read.
    current: usize,
    chunk: Chunk,
    body_left: u32,

    /// The stream whose message was handed out last; cleared on the next call.
    finished: Option<usize>,
    /// The stream whose complete message waits behind its chunk's record.
    complete: Option<usize>,
    /// Whether a hole has completed a chunk that is to be handed out.
    chunk_waits: bool,
    notes: VecDeque<Note>,
    /// Bytes of payload held in unfinished messages.
    held: usize,
    /// Whether a format 3 chunk without the repeated extended timestamp was seen.
    extended_omitted: bool,
    /// Whether a format 3 chunk that begins a message was seen.
    format3_began: bool,
    /// Whether chunks of several messages were seen interleaved.
    interleaved: bool,
    /// Until they were: the stream, counted from 1, whose message the last chunk left unfinished; else 0.
    left: usize,
    /// No more bytes will come.
    ended: bool,
    /// Whether something was lost before: inherited headers are then guesses.
    after_loss: bool,
    /// Whether the chunk size in force is what the sender said, and not what somebody found by looking.
    announced: bool,
    /// Whether a Set Chunk Size was read.
    said: bool,
    /// The longest message for which the chunk size is known to be right.
    proven: u32,
    /// Whether messages behind a loss have shown the chunk size.
    shown: bool,
    /// Where [`resume`](Self::resume) went on last.
    resumed_at: u64,
    /// After a loss, the chunk streams used since: a further one costs no more than they do.
    touched: Vec<usize>,
    /// The message stream of the last header that named one, as media do.
    media_stream_id: u32,
}

/// Room for the longest header and the extended timestamp looked for behind it.
const CARRY: usize = header::MAX_HEADER + 6;

impl Reader {
    /// A reader at stream offset `offset`: 3,073 behind a handshake.
    #[must_use]
    pub fn new(offset: u64, keep: Keep, limits: &Limits) -> Self {
        Self {
            table: Table::new(),
            chunk_size: DEFAULT_CHUNK_SIZE,
            keep,
            want_chunks: false,
            remembers: true,
            partial_limit: limits.partial_bytes,
            offset,
            carry: [0; CARRY],
            carried: 0,
            current: 0,
            chunk: Chunk {
                header: EMPTY,
                span: Span { start: offset, end: offset },
                data_length: 0,
            },
            body_left: 0,
            finished: None,
            complete: None,
            chunk_waits: false,
            notes: VecDeque::new(),
            held: 0,
            extended_omitted: false,
            format3_began: false,
            interleaved: false,
            left: 0,
            ended: false,
            after_loss: false,
            announced: true,
            said: false,
            proven: u32::MAX,
            shown: false,
            resumed_at: offset,
            touched: Vec::new(),
            media_stream_id: 1,
        }
    }

    /// The same reader, which also hands out each chunk.
    #[must_use]
    pub const fn with_chunks(mut self, want: bool) -> Self {
        self.want_chunks = want;
        self
    }

    /// The same reader for bytes that come over a connection of one's own, which loses none: it remembers of each chunk
    /// stream only what the next header needs.
    #[must_use]
    pub const fn without_history(mut self) -> Self {
        self.remembers = false;
        self
    }

    /// Keeps so much of the messages that begin from now on. One that has begun may be kept as before or as now: its
    /// payload is then shorter than its length.
    pub const fn set_keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// Stream offset of the next byte that will be read as something new.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The chunk size in force, bytes.
    #[must_use]
    pub const fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Whether a Set Chunk Size was read: without one, missing bytes may hold it.
    #[must_use]
    pub const fn chunk_size_said(&self) -> bool {
        self.said && self.announced
    }

    /// The longest message for which the chunk size in force is known to be right, as [`resume`](Self::resume) was told.
    #[must_use]
    pub const fn proven(&self) -> u32 {
        self.proven
    }

    /// Whether [`resume`](Self::resume) was told a chunk size that messages have shown, and none was announced since.
    #[must_use]
    pub const fn chunk_size_shown(&self) -> bool {
        self.after_loss && self.shown
    }

    /// The longest message known not to be split, where the chunk size is not known; else 0.
    #[must_use]
    pub const fn proven_whole(&self) -> u32 {
        if self.proven == u32::MAX { 0 } else { self.proven }
    }

    /// The chunk streams seen so far.
    #[must_use]
    pub fn streams(&self) -> &[Stream] {
        self.table.all()
    }

    /// The chunk stream with this id, where it has been seen.
    #[must_use]
    pub fn stream(&self, id: u32) -> Option<&Stream> {
        self.table.find(id).map(|slot| &self.table[slot])
    }

    /// The chunk stream of the latest chunk, once there was one.
    #[must_use]
    pub fn latest(&self) -> Option<&Stream> {
        self.table.all().get(self.current)
    }

    /// Header bytes taken but not read yet, at most 24: a header cut by the end of the input.
    #[must_use]
    pub fn carried(&self) -> &[u8] {
        &self.carry[..self.carried]
    }

    /// Whether the next byte belongs to the payload of a chunk that has begun.
    #[must_use]
    pub const fn inside_chunk(&self) -> bool {
        self.body_left > 0
    }

    /// Bytes of memory held for unfinished messages and chunk stream states.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.held + self.table.bytes() + self.touched.capacity() * size_of::<usize>()
    }

    /// The next item, or `None` where all of `input` has been taken.
    ///
    /// # Errors
    /// [`Loss`]: the header at its offset cannot be read as one. Nothing from that offset on has been taken beyond
    /// what [`carried`](Self::carried) holds.
    // The loop over a stream's bytes is a seventh faster with it inside; a second caller elsewhere must not undo that.
    #[inline(always)]
    pub fn next<'r, 'i: 'r>(&'r mut self, input: &mut &'i [u8]) -> Result<Option<Item<'r>>, Loss> {
        if let Some(slot) = self.finished.take() {
            self.release(slot);
        }
        let (slot, direct) = loop {
            if let Some(note) = self.notes.pop_front() {
                return Ok(Some(Item::Note(note)));
            }
            if std::mem::take(&mut self.chunk_waits) {
                return Ok(Some(Item::Chunk(self.chunk)));
            }
            if let Some(slot) = self.complete.take() {
                break (slot, None);
            }
            if self.body_left == 0 {
                if !self.usual_header(input) && !self.header(input)? {
                    return Ok(None);
                }
                if self.body_left > 0 {
                    continue;
                }
            } else {
                if let Some(payload) = self.whole_message(input) {
                    break (self.current, Some(payload));
                }
                let complete = if self.skims() { self.skim(input) } else { self.body(input) };
                if !complete {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    continue; // the carried bytes are used up, the input is not
                }
            }
            // A chunk is complete.
            let stream = &self.table[self.current];
            if stream.received == stream.length {
                self.complete = Some(self.current);
            } else if !self.interleaved {
                self.left = self.current + 1;
            }
            self.chunk.span.end = self.offset;
            if self.want_chunks {
                return Ok(Some(Item::Chunk(self.chunk)));
            }
        };
        self.apply(slot, direct)?;
        self.finished = Some(slot);
        let stream = &mut self.table[slot];
        if let Some(head) = direct.unwrap_or(&stream.kept).first_chunk()
            && stream.damaged.is_empty()
        {
            stream.head = *head;
        }
        let stream = &self.table[slot];
        Ok(Some(Item::Message(Message {
            chunk_stream_id: stream.id,
            message_stream_id: stream.message_stream_id,
            type_id: stream.type_id,
            timestamp: stream.timestamp,
            timestamp_uncertain: stream.uncertain,
            length: stream.length,
            chunks: stream.chunks,
            span: Span { start: stream.start, end: self.offset },
            payload: direct.unwrap_or(&stream.kept),
            damaged: &stream.damaged,
            missing: &stream.missing,
        })))
    }

    /// No more bytes will come: what a header held back, because its extended timestamp might have been repeated, is
    /// payload. [`next`](Self::next) with no input then gives what that completes.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// Counts through `length` missing bytes, if all of them belong to the payload of the current chunk: the message is
    /// kept, zeros stand for the bytes (of a hole larger than 64 KiB nothing more is kept), and it will say that it is
    /// damaged.
    ///
    /// # Errors
    /// The hole reaches into a header: [`LossKind::Hole`]. Nothing is changed; the caller looks for a place to
    /// [`resume`](Self::resume).
    pub fn hole(&mut self, length: u64) -> Result<(), Loss> {
        let loss = Loss { offset: self.offset, kind: LossKind::Hole };
        if self.carried > 0 || u64::from(self.body_left) < length || self.body_left == 0 {
            return Err(loss);
        }
        let stream = &mut self.table[self.current];
        if matches!(stream.type_id, SET_CHUNK_SIZE | ABORT) {
            return Err(loss);
        }
        let span = Span { start: self.offset, end: self.offset + length };
        let begin = stream.received as usize;
        let missing = begin..begin + length as usize;
        let full = stream.damaged.len() >= MOST_DAMAGED;
        match (stream.damaged.last_mut(), stream.missing.last_mut()) {
            // Many holes in one message: the list of them says a little more than there is, and stays short.
            (Some(last), Some(part)) if last.end == span.start || full => {
                last.end = span.end;
                part.end = missing.end;
            }
            _ => {
                stream.damaged.push(span);
                stream.missing.push(missing);
            }
        }
        let mut left = length as u32;
        if length > MOST_ZEROS {
            stream.keep = stream.keep.min(stream.kept.len());
            stream.decided = true;
        }
        while left > 0 {
            let n = left.min(if length > MOST_ZEROS { left } else { ZEROS.len() as u32 });
            left -= n;
            match ZEROS.get(..n as usize) {
                Some(zeros) => self.collect(zeros),
                None => self.took(n),
            }
        }
        if self.body_left == 0 {
            self.chunk.span.end = self.offset;
            self.chunk_waits = self.want_chunks;
            let stream = &self.table[self.current];
            if stream.received == stream.length {
                self.complete = Some(self.current);
            }
        }
        Ok(())
    }

    /// Goes on where a chunk header begins, after a [`Loss`]. Unfinished messages are dropped; what later headers inherit
    /// is kept but not trusted, and timestamps are uncertain until a format 0 header comes. The header at the place
    /// itself is taken as it is.
    pub fn resume(&mut self, at: &Resume<'_>) {
        self.announced = at.announced && at.chunk_size == self.chunk_size;
        self.offset = at.offset;
        self.resumed_at = at.offset;
        self.carried = 0;
        self.body_left = 0;
        self.chunk_size = at.chunk_size;
        self.proven = at.proven;
        self.shown = at.proven == u32::MAX;
        self.complete = None;
        self.chunk_waits = false;
        self.finished = None;
        self.left = 0;
        if !std::mem::replace(&mut self.after_loss, true) {
            self.touched = (0..self.table.all().len()).collect();
        }
        for slot in std::mem::take(&mut self.touched) {
            let stream = &mut self.table[slot];
            stream.clear();
            stream.uncertain = true;
            stream.stale = true;
            stream.touched = false;
        }
        for last in at.trusted {
            if let Some(slot) = self.table.find(last.chunk_stream_id) {
                self.touch(slot);
                let stream = &mut self.table[slot];
                stream.says(last.length, last.type_id, true);
                stream.stale = false;
            }
        }
        self.held = 0;
    }

    /// Reads the usual header, which nearly all are: whole, of format 0 to 2, on a chunk stream with a short id that is
    /// known and has no message unfinished, not extended, plausible, and before any loss. `false` leaves everything as it
    /// is for [`header`](Self::header), which does the same for all others.
    #[inline]
    fn usual_header(&mut self, input: &mut &[u8]) -> bool {
        let Some(head) = input.first_chunk::<12>() else { return false };
        if self.carried > 0 || self.want_chunks || self.after_loss || self.left > 0 {
            return false;
        }
        let format = head[0] >> 6;
        let time = u32::from_be_bytes([0, head[1], head[2], head[3]]);
        // The ids 0 and 1 announce longer forms and are in no table.
        let Some(slot) = self.table.find(u32::from(head[0] & 0x3f)) else { return false };
        let stream = &mut self.table[slot];
        if format == 3 || time == header::EXTENDED || stream.unfinished() {
            return false;
        }
        let message_stream_id = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let message_stream_id = (format == 0).then_some(message_stream_id);
        if format < 2 {
            let length = u32::from_be_bytes([0, head[4], head[5], head[6]]);
            if !plausible(head[7], length, message_stream_id.unwrap_or(stream.message_stream_id)) {
                return false;
            }
            stream.says(length, head[7], self.remembers);
        }
        stream.begin(self.offset, self.keep.head, Some((time, None)), message_stream_id);
        stream.chunks = 1;
        self.media_stream_id =
            message_stream_id.filter(|id| *id > 0).unwrap_or(self.media_stream_id);
        self.current = slot;
        self.body_left = stream.length.min(self.chunk_size);
        let size = [12, 8, 4][usize::from(format)];
        self.offset += size as u64;
        *input = &input[size..];
        true
    }

    /// Reads a chunk header. `false`: it is cut, and what was there is carried.
    fn header(&mut self, input: &mut &[u8]) -> Result<bool, Loss> {
        let mut joined = [0; CARRY];
        let view: &[u8] = if self.carried == 0 {
            input
        } else {
            let more = input.len().min(CARRY - self.carried);
            joined[..self.carried].copy_from_slice(&self.carry[..self.carried]);
            joined[self.carried..self.carried + more].copy_from_slice(&input[..more]);
            &joined[..self.carried + more]
        };
        let Some(mut header) = header::decode(view) else {
            self.carry_all(input);
            return Ok(false);
        };
        let found = self.table.find(header.chunk_stream_id);
        if header.format == 3
            && let Some(expected) = found.and_then(|slot| self.table[slot].extended)
        {
            let repeated =
                header::repeated_extended(&view[header.basic_length as usize..], expected);
            // At the very end fewer than four bytes cannot be a timestamp, however they begin.
            match repeated.or_else(|| self.ended.then_some(false)) {
                Some(true) => {
                    header.extended_timestamp = Some(expected);
                }
                Some(false) if !self.extended_omitted => {
                    // What stands there instead is said, where there is so much of the message.
                    let there = &view[header.basic_length as usize..];
                    let left = found.map_or(0, |slot| {
                        let stream = &self.table[slot];
                        stream.length - if stream.unfinished() { stream.received } else { 0 }
                    });
                    let whole = left.min(self.chunk_size) >= 4;
                    if whole && there.len() < 4 && !self.ended {
                        self.carry_all(input);
                        return Ok(false);
                    }
                    let there = there.first_chunk().filter(|_| whole);
                    let found = there.map(|bytes| u32::from_be_bytes(*bytes));
                    self.extended_omitted = true;
                    let kind = NoteKind::ExtendedTimestampOmitted { expected, found };
                    self.note(header.chunk_stream_id, kind);
                }
                Some(false) => {}
                None => {
                    self.carry_all(input);
                    return Ok(false);
                }
            }
        }
        let slot = self.admit(&header, found)?;
        let left = std::mem::take(&mut self.left);
        if left > 0 && left != slot + 1 && self.table[left - 1].unfinished() {
            self.interleaved = true;
            self.note(
                header.chunk_stream_id,
                NoteKind::Interleaved { with: self.table[left - 1].id },
            );
        }
        let start = self.offset;
        self.consume(header.wire_length(), input);
        self.start_chunk(slot, header, start);
        Ok(true)
    }

    /// Holds a header against what is known of its chunk stream, before anything is consumed.
    fn admit(&mut self, header: &Header, found: Option<usize>) -> Result<usize, Loss> {
        let id = header.chunk_stream_id;
        if let (Some(length), Some(type_id)) = (header.length, header.type_id) {
            let inherited = found.map_or(0, |slot| self.table[slot].message_stream_id);
            let message_stream_id = header.message_stream_id.unwrap_or(inherited);
            if !plausible(type_id, length, message_stream_id) {
                let kind = LossKind::Implausible { type_id, length, message_stream_id };
                return Err(Loss { offset: self.offset, kind });
            }
        }
        if self.after_loss {
            self.doubt(header, found)?;
        }
        let slot = match found {
            Some(slot) => slot,
            None if header.format >= 2 => {
                // Behind a loss the header that it inherits from is what was lost.
                let format = header.format;
                let kind = if self.after_loss {
                    LossKind::Stale { format, chunk_stream_id: id }
                } else {
                    LossKind::NoPriorHeader { format, chunk_stream_id: id }
                };
                return Err(Loss { offset: self.offset, kind });
            }
            None => {
                if header.format == 1 && !self.after_loss {
                    self.note(id, NoteKind::FreshFormat1);
                }
                let slot = self.table.find_or_add(id);
                self.table[slot].uncertain = self.after_loss;
                // Behind a loss nobody says which message stream a format 1 header means: media nearly always have one.
                if self.after_loss && matches!(header.type_id, Some(8 | 9 | 15 | 18 | 22)) {
                    self.table[slot].message_stream_id = self.media_stream_id;
                }
                slot
            }
        };
        let needs = if id < 64 {
            1
        } else if id < 320 {
            2
        } else {
            3
        };
        if header.basic_length > needs {
            self.note(id, NoteKind::LongBasicHeader { length: header.basic_length });
        }
        if self.after_loss {
            self.touch(slot);
        }
        let stream = &self.table[slot];
        if header.format < 3 && stream.unfinished() {
            let kind = NoteKind::HeaderInsideMessage {
                format: header.format,
                had: stream.received,
                length: stream.length,
                began: stream.start,
            };
            self.note(id, kind);
            self.release(slot);
        }
        Ok(slot)
    }

    fn touch(&mut self, slot: usize) {
        if !std::mem::replace(&mut self.table[slot].touched, true) {
            self.touched.push(slot);
        }
    }

    /// After a loss: refuses a header that rests on what may have changed while nothing could be read.
    #[cold]
    fn doubt(&self, header: &Header, found: Option<usize>) -> Result<(), Loss> {
        let loss = |kind| Err(Loss { offset: self.offset, kind });
        let stream = found.map(|slot| &self.table[slot]);
        if self.offset == self.resumed_at {
            return Ok(());
        }
        if header.format >= 2 && stream.is_some_and(|stream| stream.stale) {
            let (format, chunk_stream_id) = (header.format, header.chunk_stream_id);
            return loss(LossKind::Stale { format, chunk_stream_id });
        }
        let begins = header.format < 3 || stream.is_some_and(|stream| !stream.unfinished());
        let length = header.length.or_else(|| stream.map(|stream| stream.length)).unwrap_or(0);
        if begins && length > self.proven {
            return loss(LossKind::ChunkSizeUnproven { length });
        }
        Ok(())
    }

    /// Lets the header take effect: a new message where none is unfinished, else one more chunk of it.
    fn start_chunk(&mut self, slot: usize, header: Header, start: u64) {
        if header.format == 3
            && !self.format3_began
            && !self.after_loss
            && !self.table[slot].unfinished()
        {
            self.format3_began = true;
            self.note(header.chunk_stream_id, NoteKind::Format3Begins);
        }
        let stream = &mut self.table[slot];
        if !stream.unfinished() {
            if let (Some(length), Some(type_id)) = (header.length, header.type_id) {
                stream.says(length, type_id, self.remembers);
            }
            let time = header.time().map(|time| (time, header.extended_timestamp));
            stream.begin(start, self.keep.head, time, header.message_stream_id);
            if let Some(message_stream_id) = header.message_stream_id.filter(|id| *id > 0) {
                self.media_stream_id = message_stream_id;
            }
        }
        stream.chunks += 1;
        self.current = slot;
        self.body_left = (stream.length - stream.received).min(self.chunk_size);
        self.chunk =
            Chunk { header, span: Span { start, end: start }, data_length: self.body_left };
    }

    /// The payload of a message that lies whole in the input, without copying it.
    #[inline]
    fn whole_message<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        let stream = &self.table[self.current];
        let length = stream.length;
        if self.carried > 0
            || self.want_chunks
            || self.body_left != length
            || input.len() < length as usize
        {
            return None;
        }
        let (payload, rest) = input.split_at(length as usize);
        *input = rest;
        let head = &payload[..payload.len().min(self.keep.head)];
        let payload = if (self.keep.whole)(stream.type_id, head) { payload } else { head };
        self.took(length);
        Some(payload)
    }

    /// Whether nothing more of the current message is to be kept or reported, so that its chunks can be passed over.
    #[inline]
    fn skims(&self) -> bool {
        let stream = &self.table[self.current];
        stream.decided
            && stream.kept.len() >= stream.keep
            && stream.extended.is_none()
            && stream.id < 64
            && self.carried == 0
            && !self.want_chunks
    }

    /// Passes over payload, and over the format 3 headers that continue it right behind. `true`: a chunk is complete,
    /// and what follows is not its continuation.
    #[inline]
    fn skim(&mut self, input: &mut &[u8]) -> bool {
        let stream = &mut self.table[self.current];
        let marker = 0xc0 | stream.id as u8;
        let mut rest = *input;
        let mut left = self.body_left as usize;
        let mut missing = (stream.length - stream.received) as usize;
        while rest.len() > left && missing > left && rest[left] == marker {
            rest = &rest[left + 1..];
            missing -= left;
            left = missing.min(self.chunk_size as usize);
            stream.chunks += 1;
        }
        let n = rest.len().min(left);
        rest = &rest[n..];
        stream.received = stream.length - (missing - n) as u32;
        self.body_left = (left - n) as u32;
        self.offset += (input.len() - rest.len()) as u64;
        *input = rest;
        self.body_left == 0
    }

    /// Takes payload of the current chunk. `true`: the chunk is complete.
    #[inline]
    fn body(&mut self, input: &mut &[u8]) -> bool {
        if self.carried > 0 {
            let n = self.carried.min(self.body_left as usize);
            let carry = self.carry;
            self.collect(&carry[..n]);
            self.carry.copy_within(n..self.carried, 0);
            self.carried -= n;
        } else {
            let n = input.len().min(self.body_left as usize);
            let (part, rest) = input.split_at(n);
            *input = rest;
            self.collect(part);
        }
        self.body_left == 0
    }

    /// Keeps of a piece of payload what is to be kept.
    #[inline]
    fn collect(&mut self, part: &[u8]) {
        let stream = &mut self.table[self.current];
        let mut taken = 0;
        if stream.kept.len() < stream.keep {
            let before = stream.kept.len();
            taken = part.len().min(stream.keep - before);
            stream.kept.extend_from_slice(&part[..taken]);
            let enough = stream.kept.len() >= (stream.length as usize).min(self.keep.head);
            if !stream.decided && enough {
                stream.decided = true;
                if (self.keep.whole)(stream.type_id, &stream.kept) {
                    stream.keep = usize::MAX;
                    stream.kept.extend_from_slice(&part[taken..]);
                    taken = part.len();
                }
            }
        }
        self.took(part.len() as u32);
        if taken > 0 {
            self.held += taken;
            if self.held > self.partial_limit {
                self.drop_oldest();
            }
        }
    }

    #[inline]
    fn took(&mut self, n: u32) {
        self.table[self.current].received += n;
        self.body_left -= n;
        self.offset += u64::from(n);
    }

    /// Gives up the oldest unfinished messages until an eighth of the limit is free again, the current one last.
    fn drop_oldest(&mut self) {
        let mut order: Vec<usize> =
            (0..self.table.all().len()).filter(|&slot| !self.table[slot].kept.is_empty()).collect();
        order.sort_by_key(|&slot| (slot == self.current, self.table[slot].start));
        for slot in order {
            if self.held <= self.partial_limit - self.partial_limit / 8 {
                return;
            }
            let stream = &mut self.table[slot];
            let kind = NoteKind::PartialDropped { had: stream.received, length: stream.length };
            let id = stream.id;
            // Its remaining chunks still frame as before; only the payload is gone.
            self.held -= stream.kept.len();
            stream.kept = Vec::new();
            stream.keep = 0;
            stream.decided = true;
            stream.damaged.push(Span { start: stream.start, end: self.offset });
            stream.missing.push(0..stream.received as usize);
            self.note(id, kind);
        }
    }

    /// Applies the two messages that change framing.
    fn apply(&mut self, slot: usize, direct: Option<&[u8]>) -> Result<(), Loss> {
        let stream = &self.table[slot];
        if !matches!(stream.type_id, SET_CHUNK_SIZE | ABORT) {
            return Ok(());
        }
        let Some(&[a, b, c, d]) = direct.unwrap_or(&stream.kept).first_chunk::<4>() else {
            return Ok(());
        };
        let value = u32::from_be_bytes([a, b, c, d]);
        let id = stream.id;
        if stream.type_id == SET_CHUNK_SIZE {
            if value == 0 || value > MAX_CHUNK_SIZE {
                self.note(id, NoteKind::ChunkSizeInvalid { value });
            }
            if value & MAX_CHUNK_SIZE > 0 {
                self.chunk_size = value & MAX_CHUNK_SIZE;
                self.announced = true;
                self.said = true;
                self.proven = u32::MAX;
            }
        } else if let Some(aborted) = self.table.find(value)
            && aborted != slot
            && self.table[aborted].unfinished()
        {
            let stream = &self.table[aborted];
            let kind = NoteKind::Aborted { had: stream.received, length: stream.length };
            self.note(value, kind);
            self.release(aborted);
        }
        Ok(())
    }

    fn release(&mut self, slot: usize) {
        self.held -= self.table[slot].kept.len();
        self.table[slot].clear();
    }

    fn note(&mut self, chunk_stream_id: u32, kind: NoteKind) {
        self.notes.push_back(Note { offset: self.offset, chunk_stream_id, kind });
    }

    /// Takes `n` bytes off the front of carry and input together.
    fn consume(&mut self, n: usize, input: &mut &[u8]) {
        self.offset += n as u64;
        let from_carry = n.min(self.carried);
        self.carry.copy_within(from_carry..self.carried, 0);
        self.carried -= from_carry;
        *input = &input[n - from_carry..];
    }

    /// Carries the rest of the input, which is shorter than a header.
    fn carry_all(&mut self, input: &mut &[u8]) {
        let n = input.len().min(CARRY - self.carried);
        self.carry[self.carried..self.carried + n].copy_from_slice(&input[..n]);
        self.carried += n;
        *input = &input[n..];
    }
}

/// Missing ranges remembered of one message.
const MOST_DAMAGED: usize = 1024;
/// The largest hole that zeros stand for: missing bytes cost nothing to send.
const MOST_ZEROS: u64 = 64 << 10;
const ZEROS: [u8; 4096] = [0; 4096];

const SET_CHUNK_SIZE: u8 = 1;
const ABORT: u8 = 2;

const EMPTY: Header = Header {
    format: 3,
    chunk_stream_id: header::MIN_CHUNK_STREAM_ID,
    basic_length: 1,
    timestamp_field: None,
    extended_timestamp: None,
    length: None,
    type_id: None,
    message_stream_id: None,
};

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
