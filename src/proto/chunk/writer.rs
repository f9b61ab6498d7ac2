//! Messages written as chunks.

use std::collections::HashMap;

use super::header::{EXTENDED, Header};
use super::{DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, MAX_MESSAGE_LENGTH};

/// A message to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// 2 to 65,599.
    pub chunk_stream_id: u32,
    /// The message stream; 0 for control messages and `connect`.
    pub message_stream_id: u32,
    /// The message type.
    pub type_id: u8,
    /// Absolute timestamp, milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// The whole payload, at most [`MAX_MESSAGE_LENGTH`] bytes; what is beyond is not written.
    pub payload: &'a [u8],
}

/// Cuts one direction's messages into chunks and chooses the shortest header that says enough.
///
/// Formats 1 to 3 are used where the chunk stream's last header allows; format 3 never starts a message right behind
/// a format 0 header, because receivers disagree on the delta that it then stands for. A Set Chunk Size written takes
/// effect behind it.
///
/// Defined by: RTMP 1.0 §5.3.
#[derive(Debug, Clone)]
pub struct Writer {
    chunk_size: u32,
    repeat_extended: bool,
    /// Whether format 3 may begin a message.
    begin_short: bool,
    streams: HashMap<u32, Last>,
}

/// What the receiver will inherit on one chunk stream.
#[derive(Debug, Clone, Copy)]
struct Last {
    message_stream_id: u32,
    type_id: u8,
    length: u32,
    timestamp: u32,
    /// `None` behind a format 0 header.
    delta: Option<u32>,
    extended: Option<u32>,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A writer with the default chunk size of 128 bytes that repeats extended timestamps on format 3, as the
    /// specification says.
    #[must_use]
    pub fn new() -> Self {
        Self {
            chunk_size: DEFAULT_CHUNK_SIZE,
            repeat_extended: true,
            begin_short: true,
            streams: HashMap::new(),
        }
    }

    /// The same writer in the other dialect: no extended timestamp on format 3.
    #[must_use]
    pub const fn without_repeated_extended(mut self) -> Self {
        self.repeat_extended = false;
        self
    }

    /// The same writer with a header of format 0 to 2 before each message, which costs three bytes where format 3 would
    /// do: some receivers take that for the rest of the message before.
    #[must_use]
    pub const fn with_headers(mut self) -> Self {
        self.begin_short = false;
        self
    }

    /// The chunk size in force, bytes.
    #[must_use]
    pub const fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Appends the whole message.
    pub fn write(&mut self, message: &Outgoing<'_>, out: &mut Vec<u8>) {
        let mut from = 0;
        loop {
            from = self.write_chunk(message, from, out);
            if from >= message.payload.len().min(MAX_MESSAGE_LENGTH as usize) {
                return;
            }
        }
    }

    /// Appends the chunk of the message that begins at payload byte `from` (0 for the first) and returns where the
    /// next one begins. Chunks of messages on other chunk streams may be written between two of them.
    pub fn write_chunk(&mut self, message: &Outgoing<'_>, from: usize, out: &mut Vec<u8>) -> usize {
        let length = message.payload.len().min(MAX_MESSAGE_LENGTH as usize);
        let to = length.min(from.saturating_add(self.chunk_size as usize));
        let header = if from == 0 {
            self.first_header(message, length as u32)
        } else {
            self.next_header(message)
        };
        header.encode(out);
        out.extend_from_slice(message.payload.get(from..to).unwrap_or_default());
        if to == length
            && message.type_id == 1
            && let Some(&size) = message.payload.first_chunk::<4>()
        {
            let size = u32::from_be_bytes(size) & MAX_CHUNK_SIZE;
            if size > 0 {
                self.chunk_size = size;
            }
        }
        to
    }

    fn first_header(&mut self, message: &Outgoing<'_>, length: u32) -> Header {
        let last = self.streams.get(&message.chunk_stream_id).copied();
        // A step back in time does not fit an unsigned delta; half the circle decides which way it is.
        let inherit = last.filter(|last| {
            last.message_stream_id == message.message_stream_id
                && message.timestamp.wrapping_sub(last.timestamp) < 1 << 31
        });
        let delta = inherit.map(|last| message.timestamp.wrapping_sub(last.timestamp));
        let format = match inherit {
            None => 0,
            Some(last) if last.type_id != message.type_id || last.length != length => 1,
            Some(last) if last.delta != delta || !self.begin_short => 2,
            Some(_) => 3,
        };
        let time = delta.unwrap_or(message.timestamp);
        let carried = (format < 3).then_some(time.min(EXTENDED));
        let extended = (time >= EXTENDED).then_some(time);
        self.streams.insert(
            message.chunk_stream_id,
            Last {
                message_stream_id: message.message_stream_id,
                type_id: message.type_id,
                length,
                timestamp: message.timestamp,
                delta,
                extended,
            },
        );
        Header {
            format,
            chunk_stream_id: message.chunk_stream_id,
            basic_length: basic_length(message.chunk_stream_id),
            timestamp_field: carried,
            extended_timestamp: extended.filter(|_| format < 3 || self.repeat_extended),
            length: (format < 2).then_some(length),
            type_id: (format < 2).then_some(message.type_id),
            message_stream_id: (format == 0).then_some(message.message_stream_id),
        }
    }

    fn next_header(&self, message: &Outgoing<'_>) -> Header {
        let extended = self.streams.get(&message.chunk_stream_id).and_then(|last| last.extended);
        Header {
            format: 3,
            chunk_stream_id: message.chunk_stream_id,
            basic_length: basic_length(message.chunk_stream_id),
            timestamp_field: None,
            extended_timestamp: extended.filter(|_| self.repeat_extended),
            length: None,
            type_id: None,
            message_stream_id: None,
        }
    }
}

const fn basic_length(chunk_stream_id: u32) -> u8 {
    match chunk_stream_id {
        0..64 => 1,
        64..320 => 2,
        _ => 3,
    }
}
