//! What the chunk reader gives and takes: chunks, messages, oddities, losses.

use super::super::Span;
use super::header::Header;
#[cfg(doc)]
use super::{Reader, Stream};
#[cfg(doc)]
use crate::Limits;

/// How much of each message's payload to keep.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Bytes always kept.
    pub head: usize,
    /// Whether the whole is needed, told from the type id and the first `head` bytes (fewer in a shorter message).
    pub whole: fn(type_id: u8, head: &[u8]) -> bool,
}

impl Keep {
    /// Keep everything.
    pub const ALL: Self = Self { head: usize::MAX, whole: |_, _| true };
}

/// What the reader hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A chunk is complete. Only with [`Reader::with_chunks`].
    Chunk(Chunk),
    /// A message is complete.
    Message(Message<'a>),
    /// Something odd that does not stop the reading.
    Note(Note),
}

/// One chunk, as its header says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its header.
    pub header: Header,
    /// Its bytes in the stream, header included.
    pub span: Span,
    /// Bytes of payload it carries.
    pub data_length: u32,
}

/// One message, put together from its chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The chunk stream that carried it; 0 where it came without chunks.
    pub chunk_stream_id: u32,
    /// The message stream that it belongs to.
    pub message_stream_id: u32,
    /// Its type.
    pub type_id: u8,
    /// Absolute timestamp, milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// Whether the timestamp is only the best estimate, after a loss.
    pub timestamp_uncertain: bool,
    /// Payload bytes as declared and carried.
    pub length: u32,
    /// Chunks that carried it; 0 where it came without any, as the tag of a file.
    pub chunks: u32,
    /// From its first header byte to its last payload byte.
    pub span: Span,
    /// The payload, as much as [`Keep`] keeps.
    pub payload: &'a [u8],
    /// Stream ranges missing from it; zeros stand for them in the payload.
    pub damaged: &'a [Span],
    /// The same ranges in the payload. They can reach past what of it is kept.
    pub missing: &'a [core::ops::Range<usize>],
}

/// An oddity that the reader survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Stream offset of the header or field that shows it.
    pub offset: u64,
    /// The chunk stream.
    pub chunk_stream_id: u32,
    /// What it is.
    pub kind: NoteKind,
}

/// Kinds of [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// A chunk stream begins with format 1, which leaves its message stream id unsaid.
    FreshFormat1,
    /// A new header (format 0 to 2) came inside an unfinished message, of which `had` of `length` bytes were there.
    /// The unfinished message is dropped and a new one begins.
    HeaderInsideMessage {
        /// The new header's format.
        format: u8,
        /// Bytes that the unfinished message had.
        had: u32,
        /// Bytes that it declared.
        length: u32,
        /// Stream offset where it began.
        began: u64,
    },
    /// A format 3 chunk does not repeat the extended timestamp. Noted once per direction.
    ExtendedTimestampOmitted {
        /// The extended timestamp of the message.
        expected: u32,
        /// The four bytes that stand in its place, read as one; `None` where the chunk has fewer.
        found: Option<u32>,
    },
    /// A format 3 chunk begins a message, with all of its header inherited. Noted once per direction.
    Format3Begins,
    /// A chunk came between those of a message of another chunk stream. Noted once per direction.
    Interleaved {
        /// That other chunk stream.
        with: u32,
    },
    /// A Set Chunk Size carries a value that is not allowed; the size in force stays (0) or loses its top bit.
    ChunkSizeInvalid {
        /// The value sent.
        value: u32,
    },
    /// An Abort dropped an unfinished message of which `had` of `length` bytes were there.
    Aborted {
        /// Bytes that the unfinished message had.
        had: u32,
        /// Bytes that it declared.
        length: u32,
    },
    /// An unfinished message was given up because [`Limits::partial_bytes`] was reached.
    PartialDropped {
        /// Bytes that the unfinished message had.
        had: u32,
        /// Bytes that it declared.
        length: u32,
    },
    /// The basic header is longer than the id needs.
    LongBasicHeader {
        /// Its bytes: 2 or 3.
        length: u8,
    },
}

/// The reader cannot know where the next chunk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Stream offset of the header that cannot be trusted.
    pub offset: u64,
    /// Why.
    pub kind: LossKind,
}

/// Kinds of [`Loss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossKind {
    /// A chunk of format 2 or 3 on a chunk stream that has had no header to inherit from.
    NoPriorHeader {
        /// 2 or 3.
        format: u8,
        /// The chunk stream.
        chunk_stream_id: u32,
    },
    /// The header's fields cannot be those of a real message.
    Implausible {
        /// The type id.
        type_id: u8,
        /// The message length.
        length: u32,
        /// The message stream id.
        message_stream_id: u32,
    },
    /// Missing bytes reach into a chunk header, or their number is unknown.
    Hole,
    /// After a loss: a chunk of format 2 or 3 on a chunk stream whose last header may have been lost, or whose message
    /// began before.
    Stale {
        /// 2 or 3.
        format: u8,
        /// The chunk stream.
        chunk_stream_id: u32,
    },
    /// After a loss: the message may be split, and the chunk size is only known for shorter ones.
    ChunkSizeUnproven {
        /// The message length.
        length: u32,
    },
}

/// Where and how to go on after a [`Loss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume<'a> {
    /// Stream offset at which a chunk header begins.
    pub offset: u64,
    /// The chunk size that holds there.
    pub chunk_size: u32,
    /// Whether that is known to be the sender's.
    pub announced: bool,
    /// The longest message for which it is known to be right: a longer one is a [`LossKind::ChunkSizeUnproven`].
    pub proven: u32,
    /// What chunk streams inherit from before the loss, where it is known to hold still.
    pub trusted: &'a [Inherited],
}

/// What a header of format 2 or 3 inherits of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inherited {
    /// The chunk stream.
    pub chunk_stream_id: u32,
    /// The message's length, bytes.
    pub length: u32,
    /// Its type id.
    pub type_id: u8,
    /// How the payload of the last such message began: media begin alike.
    pub head: [u8; HEAD],
}

impl Inherited {
    /// How many bytes at the beginning of `payload` are those of the last such message; none for what is no media.
    #[must_use]
    pub fn alike(&self, payload: &[u8]) -> u32 {
        if !matches!(self.type_id, 8 | 9) || self.head == [0; HEAD] {
            return 0;
        }
        let most = HEAD.min(self.length as usize);
        self.head[..most].iter().zip(payload).take_while(|(a, b)| a == b).count() as u32
    }
}

/// Bytes remembered of how payloads begin: media headers have the codec there.
pub const HEAD: usize = 5;
