//! What is remembered of each chunk stream: its last header and its unfinished message.

use core::ops::Range;
use std::collections::HashMap;

use super::super::Span;
use super::item::{HEAD, Inherited};

/// The state of one chunk stream in one direction.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Its id, 2 to 65,599.
    pub id: u32,
    /// The last header's message length, bytes.
    pub length: u32,
    /// The last header's message type id.
    pub type_id: u8,
    /// How the payload of its last complete message begins.
    pub(super) head: [u8; HEAD],
    /// What headers before the last said, and which of these is the oldest: senders go back and forth between a few, as
    /// where audio and video share a chunk stream or sound comes in two sizes.
    recent: Vec<Inherited>,
    said: u8,
    /// The last header's message stream id.
    pub message_stream_id: u32,
    /// The absolute timestamp of the current or last message, milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// What a format 3 chunk that starts a message adds to it: the last delta, or after format 0 its timestamp.
    pub delta: u32,
    /// The extended timestamp of the last header of format 0 to 2, where it had one.
    pub extended: Option<u32>,
    /// Whether the absolute timestamp is only an estimate: after a loss, until the next format 0 header.
    pub uncertain: bool,
    /// Whether the last header is from before a loss: later ones may have been lost with it.
    pub stale: bool,

    /// Whether it was used since the last loss.
    pub(super) touched: bool,
    /// Payload bytes of the unfinished message seen so far; 0 also where none is unfinished.
    pub(super) received: u32,
    /// Chunks of the current message so far; 0 where none is unfinished.
    pub(super) chunks: u32,
    /// Stream offset of its first header byte.
    pub(super) start: u64,
    /// Its payload, as much as is to be kept.
    pub(super) kept: Vec<u8>,
    /// How much is to be kept.
    pub(super) keep: usize,
    /// Whether `keep` has been decided from the head.
    pub(super) decided: bool,
    /// Stream ranges missing from it.
    pub(super) damaged: Vec<Span>,
    /// Where these are in its payload.
    pub(super) missing: Vec<Range<usize>>,
}

impl Stream {
    /// Whether a message has begun and is not complete.
    #[must_use]
    pub const fn unfinished(&self) -> bool {
        self.chunks > 0
    }

    /// Payload bytes of the unfinished message seen so far.
    #[must_use]
    pub const fn received(&self) -> u32 {
        self.received
    }

    /// Stream offset of the unfinished message's first header byte.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// What a header of format 0 or 1 says of its message. What the one before said is remembered, where that is asked for.
    #[inline]
    pub(super) fn says(&mut self, length: u32, type_id: u8, remember: bool) {
        if remember && (length != self.length || type_id != self.type_id) && self.type_id != 0 {
            self.remember();
        }
        self.length = length;
        self.type_id = type_id;
    }

    fn remember(&mut self) {
        let last = self.inherited();
        if let Some(oldest) = self.recent.get_mut(usize::from(self.said)) {
            *oldest = last;
        } else {
            // Of most chunk streams without media two or three are ever said.
            self.recent.reserve_exact(1);
            self.recent.push(last);
        }
        self.said = (self.said + 1) % RECENT;
    }

    /// What a later header may inherit where some are lost: what the last one said, then what those before it did.
    pub fn inheritances(&self) -> impl Iterator<Item = Inherited> {
        let last = self.inherited();
        let same = move |other: &Inherited| {
            (other.length, other.type_id) == (last.length, last.type_id) || other.type_id == 0
        };
        std::iter::once(last)
            .filter(|last| last.type_id != 0)
            .chain(self.recent.iter().copied().filter(move |other| !same(other)))
    }

    const fn inherited(&self) -> Inherited {
        let Self { id, length, type_id, head, .. } = *self;
        Inherited { chunk_stream_id: id, length, type_id, head }
    }

    /// Begins a message with what its header says; what it leaves out is inherited. `time` is the timestamp where there
    /// is a message stream id (format 0), else the delta.
    #[inline]
    pub(super) fn begin(
        &mut self,
        start: u64,
        keep: usize,
        time: Option<(u32, Option<u32>)>,
        message_stream_id: Option<u32>,
    ) {
        self.start = start;
        self.received = 0;
        self.keep = keep;
        self.decided = false;
        self.stale = false;
        if let Some((time, extended)) = time {
            self.delta = time;
            self.extended = extended;
        }
        if let Some(message_stream_id) = message_stream_id {
            self.message_stream_id = message_stream_id;
            self.timestamp = self.delta;
            self.uncertain = false;
        } else {
            self.timestamp = self.timestamp.wrapping_add(self.delta);
        }
    }

    /// Forgets the message, keeping the header that later chunks inherit from. A large buffer is given back, and that of
    /// what is no media, which comes seldom.
    pub(super) fn clear(&mut self) {
        const REUSE: usize = 16 << 10;
        self.received = 0;
        self.chunks = 0;
        self.kept.clear();
        if self.kept.capacity() > REUSE || !matches!(self.type_id, 8 | 9) {
            self.kept = Vec::new();
        }
        self.damaged.clear();
        self.missing.clear();
    }
}

/// Headers remembered besides the last.
const RECENT: u8 = 8;

/// Chunk streams for which room is made one by one.
const FEW: usize = 8;

/// The chunk streams of one direction. Those with one-byte ids, which is nearly all, are found without hashing.
#[derive(Debug, Clone)]
pub(super) struct Table {
    streams: Vec<Stream>,
    small: [u8; 64],
    large: HashMap<u32, u32>,
    /// What the table occupies, payloads aside.
    bytes: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { streams: Vec::new(), small: [0; 64], large: HashMap::new(), bytes: 0 }
    }

    /// The slot of the stream with this id.
    #[inline]
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        if let Some(&slot) = self.small.get(id as usize) {
            return (slot as usize).checked_sub(1);
        }
        self.large.get(&id).map(|&slot| slot as usize)
    }

    /// The slot of the stream with this id, made where there is none.
    pub(super) fn find_or_add(&mut self, id: u32) -> usize {
        if let Some(slot) = self.find(id) {
            return slot;
        }
        let slot = self.streams.len();
        if slot < FEW {
            // Most directions have three or four, of many connections.
            self.streams.reserve_exact(1);
        }
        self.streams.push(Stream { id, ..Stream::default() });
        match self.small.get_mut(id as usize) {
            // At most 64 ids of this form exist among at most 65,598 streams; a late one may have a high slot.
            Some(entry) if slot < usize::from(u8::MAX) => *entry = slot as u8 + 1,
            _ => {
                self.large.insert(id, slot as u32);
            }
        }
        self.bytes = self.streams.capacity() * size_of::<Stream>() + self.large.capacity() * 12;
        slot
    }

    pub(super) fn all(&self) -> &[Stream] {
        &self.streams
    }

    /// Bytes that the table itself occupies, payloads aside.
    #[inline]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl core::ops::Index<usize> for Table {
    type Output = Stream;
    #[inline]
    fn index(&self, slot: usize) -> &Stream {
        &self.streams[slot]
    }
}

impl core::ops::IndexMut<usize> for Table {
    #[inline]
    fn index_mut(&mut self, slot: usize) -> &mut Stream {
        &mut self.streams[slot]
    }
}
