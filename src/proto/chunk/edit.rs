//! A chunk stream passed through, in which single messages are replaced or left out.
//!
//! Everything else stays byte for byte as it was. What a later header inherits of a message that was changed is no longer
//! what its sender meant, so that header is written anew, as short as says it, until both sides inherit the same again.

use std::collections::{HashMap, VecDeque};

use super::header::{self, EXTENDED, Header, plausible};
use super::{DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, Outgoing};

/// Passes one direction's chunk stream through, from behind the handshake on.
#[derive(Debug)]
pub struct Editor {
    streams: HashMap<u32, Stream>,
    chunk_size: u32,
    /// The beginning of a header that is not complete.
    carry: Vec<u8>,
    /// The chunk stream of the chunk being read, and how much of its payload is to come.
    current: u32,
    body_left: u32,
    /// What waits behind the first chunk of a message that is collected, that chunk included.
    queue: VecDeque<Part>,
    held: usize,
    /// The most bytes that may wait.
    most: usize,
    /// Whether this sender repeats extended timestamps, once that has shown.
    repeats: Option<bool>,
    /// Whether the chunks can no longer be told apart: the rest is passed through.
    lost: bool,
}

/// Something about which whoever edits decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// A message of this type and length begins.
    Begins {
        /// The message type.
        type_id: u8,
        /// Payload bytes as declared.
        length: u32,
    },
    /// A message that was collected is whole.
    Whole(Outgoing<'a>),
    /// A message was left out; what is answered means nothing.
    Omitted {
        /// The message type.
        type_id: u8,
        /// The first bytes of its payload, at most four.
        head: &'a [u8],
    },
}

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// It goes through as it is.
    Pass,
    /// Its payload is collected, to be asked about once it is whole. An answer to that it means the same as
    /// [`Pass`](Self::Pass).
    Collect,
    /// It is left out, if that is wished as it begins.
    Omit,
    /// It gets this payload, if that is wished once it is whole.
    Replace(Vec<u8>),
}

/// Who decides.
type Hand<'h> = dyn FnMut(&Asked<'_>) -> Wish + 'h;

/// Why nothing more can be changed in a stream, which is passed through as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Chunks can no longer be told apart.
    Framing,
    /// The chunks of a message that was to be collected have too much between them. Other messages can still be changed.
    TooMuch,
}

/// One chunk stream.
#[derive(Debug, Default)]
struct Stream {
    /// What its sender's next header inherits, and what its receiver thinks that it inherits.
    sender: Option<Last>,
    receiver: Option<Last>,
    /// Bytes of the message being read that have come; `None` between messages.
    received: Option<u32>,
    fate: Fate,
    /// Whether the header that began the message was written anew, so that those that continue it are too.
    anew: bool,
    /// The payload, of a message that is collected; its first bytes of any other.
    payload: Vec<u8>,
}

/// What is done with the message being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fate {
    #[default]
    Pass,
    Collect,
    Omit,
}

/// What a header inherits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    message_stream_id: u32,
    type_id: u8,
    length: u32,
    /// Absolute.
    timestamp: u32,
    /// The timestamp or delta that the header carried.
    time: u32,
    extended: Option<u32>,
}

/// What waits.
#[derive(Debug)]
enum Part {
    /// Bytes to be sent as they are.
    Ready(Vec<u8>),
    /// A chunk of a message that is collected.
    Chunk(Piece),
}

#[derive(Debug)]
struct Piece {
    chunk_stream_id: u32,
    /// Format 0 to 3 of the header that begins the message; `None` of one that continues it.
    begins: Option<u8>,
    /// The chunk as it came, and how much of it is the header.
    bytes: Vec<u8>,
    header: usize,
    /// The chunk size that holds there.
    chunk_size: u32,
}

/// Room for the longest header and an extended timestamp that may follow it.
const LOOK: usize = header::MAX_HEADER + 4;
/// Bytes of a payload that say what a control message does.
const HEAD: usize = 4;

impl Editor {
    /// An editor that lets at most `most` bytes wait for a message to be complete.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            streams: HashMap::new(),
            chunk_size: DEFAULT_CHUNK_SIZE,
            carry: Vec::new(),
            current: 0,
            body_left: 0,
            queue: VecDeque::new(),
            held: 0,
            most,
            repeats: None,
            lost: false,
        }
    }

    /// Bytes that wait for more.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held + self.carry.len()
    }

    /// Takes bytes, and appends to `out` what is to be sent.
    ///
    /// # Errors
    /// Something cannot be changed, and goes through as it is. Going on is right all the same.
    pub fn feed(
        &mut self,
        mut input: &[u8],
        hand: &mut Hand<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let mut result = Ok(());
        while !input.is_empty() {
            if self.lost {
                self.pass(input, out);
                return result;
            }
            if self.body_left > 0 {
                self.body(&mut input, hand, out);
            } else {
                match self.header(&mut input, hand, out) {
                    Ok(true) => {}
                    Ok(false) => return result,
                    Err(error) => {
                        self.give_up(out);
                        result = Err(error);
                    }
                }
            }
            if self.held > self.most {
                self.release_all(out);
                result = Err(Unreadable::TooMuch);
            }
        }
        result
    }

    /// No more bytes will come: appends what still waits, as it came.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.give_up(out);
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        self.release_all(out);
        out.append(&mut self.carry);
        self.lost = true;
    }

    /// Reads a header. `false` where more bytes are needed, which are carried.
    fn header(
        &mut self,
        input: &mut &[u8],
        hand: &mut Hand<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Unreadable> {
        let carried = self.carry.len();
        let look = input.len().min(LOOK.saturating_sub(carried));
        self.carry.extend_from_slice(&input[..look]);
        let Some((found, length)) = self.look() else {
            *input = &input[look..];
            return Ok(false);
        };
        *input = &input[length - carried..];
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.truncate(length);
        let begun = self.chunk(&found, &bytes, hand, out);
        if begun.is_err() {
            self.carry = bytes; // sent with the rest, as it came
            return begun.map(|()| false);
        }
        bytes.clear();
        self.carry = bytes;
        if self.body_left == 0 {
            self.complete(hand, out);
        }
        Ok(true)
    }

    /// The header at the front of what is carried, and its length with a repeated extended timestamp.
    fn look(&mut self) -> Option<(Header, usize)> {
        let found = header::decode(&self.carry)?;
        let length = found.wire_length();
        let stream = self.streams.get(&found.chunk_stream_id);
        let extended = stream.and_then(|stream| stream.sender?.extended);
        let Some(expected) = extended.filter(|_| found.format == 3) else {
            return Some((found, length));
        };
        let behind = &self.carry[length.min(self.carry.len())..];
        match header::repeated_extended(behind, expected) {
            Some(repeats) => self.repeats = Some(repeats),
            None if self.repeats == Some(false) => return Some((found, length)),
            None => return None,
        }
        let repeated = if self.repeats == Some(true) { 4 } else { 0 };
        Some((found, length + repeated))
    }

    /// A chunk begins.
    fn chunk(
        &mut self,
        found: &Header,
        bytes: &[u8],
        hand: &mut Hand<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let id = found.chunk_stream_id;
        let stream = self.streams.entry(id).or_default();
        if found.format == 3
            && let (Some(received), Some(last)) = (stream.received, stream.sender)
        {
            self.current = id;
            self.body_left = (last.length - received).min(self.chunk_size);
            let header = match stream.fate {
                Fate::Omit => return Ok(()),
                Fate::Collect => {
                    self.hold(id, None, bytes);
                    return Ok(());
                }
                Fate::Pass if stream.anew => self.continuation(id),
                Fate::Pass => bytes.to_vec(),
            };
            self.pass(&header, out);
            return Ok(());
        }
        let now = begin(found, stream.sender).ok_or(Unreadable::Framing)?;
        if !plausible(now.type_id, now.length, now.message_stream_id) {
            return Err(Unreadable::Framing);
        }
        if stream.received.is_some() {
            self.abandon(id, out);
        }
        let wish = hand(&Asked::Begins { type_id: now.type_id, length: now.length });
        let Some(stream) = self.streams.get_mut(&id) else { return Err(Unreadable::Framing) };
        let before = stream.sender.replace(now);
        stream.received = Some(0);
        stream.payload.clear();
        self.current = id;
        self.body_left = now.length.min(self.chunk_size);
        match wish {
            Wish::Omit => stream.fate = Fate::Omit,
            Wish::Collect => {
                stream.fate = Fate::Collect;
                // What the receiver inherits is compared with what this header inherited once it is sent.
                stream.anew = stream.receiver != before;
                self.hold(id, Some(found.format), bytes);
            }
            Wish::Pass | Wish::Replace(_) => {
                stream.fate = Fate::Pass;
                stream.anew = stream.receiver != before;
                if stream.anew {
                    let header = self.first_header(id, found.format, now.length);
                    self.pass(&header, out);
                } else {
                    stream.receiver = Some(now);
                    self.pass(bytes, out);
                }
            }
        }
        Ok(())
    }

    /// Takes payload of the current chunk.
    fn body(&mut self, input: &mut &[u8], hand: &mut Hand<'_>, out: &mut Vec<u8>) {
        let (part, rest) = input.split_at(input.len().min(self.body_left as usize));
        *input = rest;
        self.body_left -= part.len() as u32;
        let Some(stream) = self.streams.get_mut(&self.current) else { return };
        stream.received = stream.received.map(|received| received + part.len() as u32);
        let fate = stream.fate;
        let room = if fate == Fate::Collect { usize::MAX } else { HEAD };
        let wanted = part.len().min(room.saturating_sub(stream.payload.len()));
        stream.payload.extend_from_slice(&part[..wanted]);
        match fate {
            Fate::Pass => self.pass(part, out),
            Fate::Collect => {
                self.held += part.len();
                let current = self.current;
                let piece = self.queue.iter_mut().rev().find_map(|part| match part {
                    Part::Chunk(piece) if piece.chunk_stream_id == current => Some(piece),
                    _ => None,
                });
                if let Some(piece) = piece {
                    piece.bytes.extend_from_slice(part);
                }
            }
            Fate::Omit => {}
        }
        if self.body_left == 0 {
            self.complete(hand, out);
        }
    }

    /// A chunk is complete; where its message is too, does what is to be done with it.
    fn complete(&mut self, hand: &mut Hand<'_>, out: &mut Vec<u8>) {
        let id = self.current;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(last) = stream.sender.filter(|last| stream.received == Some(last.length)) else {
            return;
        };
        stream.received = None;
        let payload = std::mem::take(&mut stream.payload);
        match stream.fate {
            Fate::Pass => {}
            Fate::Omit => {
                hand(&Asked::Omitted { type_id: last.type_id, head: &payload });
            }
            Fate::Collect => {
                let message = Outgoing {
                    chunk_stream_id: id,
                    message_stream_id: last.message_stream_id,
                    type_id: last.type_id,
                    timestamp: last.timestamp,
                    payload: &payload,
                };
                match hand(&Asked::Whole(message)) {
                    Wish::Replace(new) => self.replace(id, &new),
                    _ => self.release(id),
                }
                self.flush(out);
            }
        }
        let Some(value) = payload.first_chunk().map(|head| u32::from_be_bytes(*head)) else {
            return;
        };
        match last.type_id {
            SET_CHUNK_SIZE if value & MAX_CHUNK_SIZE > 0 => {
                self.chunk_size = value & MAX_CHUNK_SIZE;
            }
            ABORT if value != id => self.abandon(value, out),
            _ => {}
        }
    }

    /// The message being read on a chunk stream will not be completed.
    fn abandon(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.received.take().is_some() && stream.fate == Fate::Collect {
            self.release(id);
            self.flush(out);
        }
    }

    /// Keeps a chunk of a message that is collected.
    fn hold(&mut self, id: u32, begins: Option<u8>, header: &[u8]) {
        self.held += header.len();
        self.queue.push_back(Part::Chunk(Piece {
            chunk_stream_id: id,
            begins,
            bytes: header.to_vec(),
            header: header.len(),
            chunk_size: self.chunk_size,
        }));
    }

    /// Sends bytes, behind what waits.
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.queue.is_empty() {
            out.extend_from_slice(bytes);
            return;
        }
        self.held += bytes.len();
        match self.queue.back_mut() {
            Some(Part::Ready(last)) => last.extend_from_slice(bytes),
            _ => self.queue.push_back(Part::Ready(bytes.to_vec())),
        }
    }

    /// Sends what is ready.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while let Some(Part::Ready(_)) = self.queue.front() {
            if let Some(Part::Ready(bytes)) = self.queue.pop_front() {
                self.held -= bytes.len();
                out.extend_from_slice(&bytes);
            }
        }
    }

    /// Lets go of all that waits, as it came.
    fn release_all(&mut self, out: &mut Vec<u8>) {
        while let Some(id) = self.queue.iter().find_map(|part| match part {
            Part::Chunk(piece) => Some(piece.chunk_stream_id),
            Part::Ready(_) => None,
        }) {
            self.release(id);
        }
        self.flush(out);
    }

    /// The chunks that are kept of a chunk stream, to be made ready in their places.
    fn pieces(&self, id: u32) -> Vec<usize> {
        let of = |part: &Part| matches!(part, Part::Chunk(piece) if piece.chunk_stream_id == id);
        (0..self.queue.len()).filter(|&at| of(&self.queue[at])).collect()
    }

    /// Makes a chunk that is kept ready: `make` gives the bytes to be sent in its place.
    fn ready(&mut self, at: usize, make: impl FnOnce(&mut Self, &Piece) -> Option<Vec<u8>>) {
        let Some(part) = self.queue.get_mut(at) else { return };
        let Part::Chunk(piece) = std::mem::replace(part, Part::Ready(Vec::new())) else { return };
        self.held -= piece.bytes.len();
        let bytes = make(self, &piece).unwrap_or(piece.bytes);
        self.held += bytes.len();
        if let Some(part) = self.queue.get_mut(at) {
            *part = Part::Ready(bytes);
        }
    }

    /// A message that is collected is not changed after all: what is there of it goes on as it came.
    fn release(&mut self, id: u32) {
        for at in self.pieces(id) {
            self.ready(at, |editor, piece| {
                let stream = editor.streams.get_mut(&id)?;
                let header = match piece.begins {
                    Some(_) if !stream.anew => {
                        stream.receiver = stream.sender;
                        return None;
                    }
                    None if !stream.anew => return None,
                    Some(format) => {
                        let length = stream.sender?.length;
                        editor.first_header(id, format, length)
                    }
                    None => editor.continuation(id),
                };
                Some([&header, piece.bytes.get(piece.header..)?].concat())
            });
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.fate = Fate::Pass;
        }
    }

    /// Makes the chunks of a message ready with another payload: as many of them in each place as were, the rest in the
    /// last.
    fn replace(&mut self, id: u32, payload: &[u8]) {
        let places = self.pieces(id);
        let last = places.last().copied();
        let mut rest = payload;
        let mut begun = false;
        for at in places {
            self.ready(at, |editor, piece| {
                let mut bytes = Vec::new();
                loop {
                    if let Some(format) = piece.begins.filter(|_| !begun) {
                        bytes.extend(editor.first_header(id, format, payload.len() as u32));
                    } else if rest.is_empty() {
                        break;
                    } else {
                        bytes.extend(editor.continuation(id));
                    }
                    begun = true;
                    let (now, then) = rest.split_at(rest.len().min(piece.chunk_size as usize));
                    bytes.extend_from_slice(now);
                    rest = then;
                    if Some(at) != last {
                        break;
                    }
                }
                Some(bytes)
            });
        }
    }

    /// The header of a message that its receiver could not understand as it was: as it means, with this length. `format`
    /// is that of its own header.
    fn first_header(&mut self, id: u32, format: u8, length: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(stream) = self.streams.get_mut(&id) else { return bytes };
        let Some(now) = stream.sender else { return bytes };
        let delta = stream.receiver.filter(|last| {
            format > 0
                && last.message_stream_id == now.message_stream_id
                && now.timestamp.wrapping_sub(last.timestamp) < 1 << 31
        });
        let delta = delta.map(|last| now.timestamp.wrapping_sub(last.timestamp));
        let time = delta.unwrap_or(now.timestamp);
        // The sender may have used the long form for a short time too.
        let extended =
            (time >= EXTENDED || delta.is_none() && now.extended == Some(time)).then_some(time);
        Header {
            format: u8::from(delta.is_some()),
            chunk_stream_id: id,
            basic_length: 1,
            timestamp_field: Some(if extended.is_some() { EXTENDED } else { time }),
            extended_timestamp: extended,
            length: Some(length),
            type_id: Some(now.type_id),
            message_stream_id: delta.is_none().then_some(now.message_stream_id),
        }
        .encode(&mut bytes);
        stream.receiver = Some(Last { length, time, extended, ..now });
        bytes
    }

    /// The header of a chunk that continues a message whose first was written anew.
    fn continuation(&self, id: u32) -> Vec<u8> {
        let extended = self.streams.get(&id).and_then(|stream| stream.receiver?.extended);
        let mut bytes = Vec::new();
        Header {
            format: 3,
            chunk_stream_id: id,
            basic_length: 1,
            timestamp_field: None,
            extended_timestamp: extended.filter(|_| self.repeats != Some(false)),
            length: None,
            type_id: None,
            message_stream_id: None,
        }
        .encode(&mut bytes);
        bytes
    }
}

/// What the next header inherits behind this one, which begins a message.
fn begin(found: &Header, last: Option<Last>) -> Option<Last> {
    let fresh =
        Last { message_stream_id: 0, type_id: 0, length: 0, timestamp: 0, time: 0, extended: None };
    let last = match (last, found.format) {
        (Some(last), _) => last,
        (None, 0 | 1) => fresh,
        (None, _) => return None,
    };
    let time = found.time().unwrap_or(last.time);
    let extended = if found.format == 3 { last.extended } else { found.extended_timestamp };
    Some(Last {
        message_stream_id: found.message_stream_id.unwrap_or(last.message_stream_id),
        type_id: found.type_id.unwrap_or(last.type_id),
        length: found.length.unwrap_or(last.length),
        timestamp: if found.format == 0 { time } else { last.timestamp.wrapping_add(time) },
        time,
        extended,
    })
}

const SET_CHUNK_SIZE: u8 = 1;
const ABORT: u8 = 2;

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
