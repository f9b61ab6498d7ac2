//! Type 22: several messages in one.
//!
//! Defined by: RTMP 1.0 §7.1.6. What §6.1.1 says of the header of an inner message, its timestamp being four bytes in
//! order, is not what is sent: like the back pointers, the headers are those of FLV tags (Video File Format 10.1,
//! annex E.4.1), whose timestamp has its upper eight bits last. librtmp, FFmpeg and Red5 read them so.

use core::ops::Range;

use super::super::amf::Value;
use super::super::cursor::Cursor;
use super::super::fault::Fault;
use super::{Body, Kind};
use crate::Limits;

/// Bytes of an inner message's header: type, length, timestamp, message stream id.
const HEADER: usize = 11;

/// An aggregate message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Aggregate {
    /// The messages in it, in order.
    pub messages: Vec<InnerMessage>,
}

/// A message inside an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct InnerMessage {
    /// Its type.
    pub type_id: u8,
    /// Payload bytes as its header declares them, 24 bits.
    pub length: u32,
    /// Its timestamp as sent, milliseconds; see [`InnerMessage::since_first`].
    pub timestamp: u32,
    /// Milliseconds since the first message of the aggregate, modulo 2^32. That has the timestamp of the aggregate, so
    /// this added to it is the message's own.
    pub since_first: u32,
    /// Its message stream id as sent, 24 bits. That of the aggregate holds.
    pub message_stream_id: u32,
    /// Where its payload is in that of the aggregate; shorter than `length` where the aggregate ends before.
    pub payload: Range<usize>,
    /// The back pointer behind it; `None` where the bytes end before, or are missing.
    pub back_pointer: Option<u32>,
    /// Ranges of its payload that are missing.
    pub missing: Vec<Range<usize>>,
    /// The index of the first of them among those of the aggregate.
    pub first_missing: usize,
    /// What it says.
    pub body: Body,
    /// What could not be read of it, the offset within its own payload.
    pub fault: Option<Fault>,
}

impl InnerMessage {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        Kind::of(self.type_id)
    }

    /// What its back pointer is to be: its bytes with its header.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.length + HEADER as u32
    }

    /// Whether the back pointer is there and is not that.
    #[must_use]
    pub fn points_wrong(&self) -> bool {
        self.back_pointer.is_some_and(|pointer| pointer != self.size())
    }
}

/// A message to put into an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'p> {
    /// Its type.
    pub type_id: u8,
    /// Milliseconds. That of the first is to be the aggregate's own.
    pub timestamp: u32,
    /// The message stream, of which 24 bits are written. It is to be the aggregate's.
    pub message_stream_id: u32,
    /// Its payload, at most 16,777,215 bytes: what is longer is cut.
    pub payload: &'p [u8],
}

impl Part<'_> {
    /// Appends the header, the payload and the back pointer.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const MOST: usize = 0xff_ffff;
        let payload = &self.payload[..self.payload.len().min(MOST)];
        let length = (payload.len() as u32).to_be_bytes();
        let time = self.timestamp.to_be_bytes();
        out.push(self.type_id);
        out.extend_from_slice(&length[1..]);
        out.extend_from_slice(&[time[1], time[2], time[3], time[0]]);
        out.extend_from_slice(&self.message_stream_id.to_be_bytes()[1..]);
        out.extend_from_slice(payload);
        out.extend((payload.len() as u32 + HEADER as u32).to_be_bytes());
    }
}

/// Decodes a payload of `length` bytes, of which `payload` holds all or the first ones, and of which those in `missing`
/// (in order) were never seen. What was read before a fault is kept.
///
/// The values of all inner messages together are bounded as those of one message, and so is their number.
#[must_use]
pub fn decode(
    payload: &[u8],
    length: u32,
    missing: &[Range<usize>],
    limits: &Limits,
) -> (Aggregate, Option<Fault>) {
    let mut reader = Reader {
        limits: limits.clone(),
        left: limits.aggregate_messages,
        depth: Limits::AGGREGATES,
    };
    let (aggregate, mut fault) = reader.read(payload, missing);
    if fault.is_none() && payload.len() < length as usize {
        fault =
            Some(Fault::broken(payload.len(), "inner message header", "bytes of it are missing"));
    }
    (aggregate, fault)
}

struct Reader {
    /// The limits, less what has been used.
    limits: Limits,
    /// Messages that may still be read.
    left: usize,
    /// Aggregates that may still be opened inside each other.
    depth: usize,
}

impl Reader {
    fn read(&mut self, payload: &[u8], missing: &[Range<usize>]) -> (Aggregate, Option<Fault>) {
        let mut aggregate = Aggregate::default();
        self.depth -= 1;
        let fault = self.messages(payload, missing, &mut aggregate.messages).err();
        self.depth += 1;
        (aggregate, fault)
    }

    fn messages(
        &mut self,
        payload: &[u8],
        missing: &[Range<usize>],
        messages: &mut Vec<InnerMessage>,
    ) -> Result<(), Fault> {
        let mut cursor = Cursor::new(payload);
        while cursor.remaining() > 0 {
            let at = cursor.offset();
            if !overlap(missing, &(at..(at + HEADER).min(payload.len()))).is_empty() {
                return Err(Fault::broken(at, "inner message header", "bytes of it are missing"));
            }
            if self.left == 0 {
                return Err(Fault::limit(at, "inner message", "aggregate_messages"));
            }
            let mut message = header(&mut cursor)?;
            self.left -= 1;
            let first = messages.first().map_or(message.timestamp, |first| first.timestamp);
            message.since_first = message.timestamp.wrapping_sub(first);
            let begin = cursor.offset();
            let whole = cursor.take(message.length as usize, "inner message");
            let rest = cursor.rest();
            let data = *whole.as_ref().unwrap_or(&rest);
            message.payload = begin..begin + data.len();
            let overlap = overlap(missing, &message.payload);
            message.first_missing = overlap.start;
            message.missing = missing[overlap]
                .iter()
                .map(|range| range.start.saturating_sub(begin)..(range.end - begin).min(data.len()))
                .collect();
            self.body(data, &mut message);
            if let Err(fault) = whole {
                let (length, had) = (u64::from(message.length), data.len());
                let short = Fault::short(had, "message", length - had as u64, 0);
                message.fault = message.fault.or(Some(short));
                messages.push(message);
                return Err(fault);
            }
            let at = cursor.offset();
            let pointer = cursor.u32("back pointer");
            if self::overlap(missing, &(at..cursor.offset())).is_empty() {
                message.back_pointer = pointer.as_ref().ok().copied();
            }
            messages.push(message);
            pointer?;
        }
        Ok(())
    }

    fn body(&mut self, data: &[u8], message: &mut InnerMessage) {
        if message.kind() != Kind::Aggregate {
            (message.body, message.fault) =
                super::decode(message.type_id, data, message.length, &self.limits);
            self.limits.amf_values = self.limits.amf_values.saturating_sub(values(&message.body));
        } else if self.depth == 0 {
            message.fault = Some(Fault::limit(0, "aggregate in an aggregate", "AGGREGATES"));
        } else {
            let (inner, fault) = self.read(data, &message.missing);
            message.body = Body::Aggregate(Box::new(inner));
            message.fault = fault;
        }
    }
}

fn header(cursor: &mut Cursor<'_>) -> Result<InnerMessage, Fault> {
    let [type_id, l2, l1, l0, t2, t1, t0, t3, s2, s1, s0] =
        cursor.array::<HEADER>("inner message header")?;
    Ok(InnerMessage {
        type_id,
        length: u32::from_be_bytes([0, l2, l1, l0]),
        timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
        since_first: 0,
        message_stream_id: u32::from_be_bytes([0, s2, s1, s0]),
        payload: 0..0,
        back_pointer: None,
        missing: Vec::new(),
        first_missing: 0,
        body: Body::Opaque,
        fault: None,
    })
}

/// Which of `missing`, which is in order, `range` meets.
fn overlap(missing: &[Range<usize>], range: &Range<usize>) -> Range<usize> {
    let first = missing.partition_point(|missing| missing.end <= range.start);
    let last = missing.partition_point(|missing| missing.start < range.end);
    first..last.max(first)
}

/// How many AMF values a body holds.
fn values(body: &Body) -> usize {
    let count = |values: &[Value]| values.iter().map(Value::count).sum::<usize>();
    match body {
        Body::Data(data) => count(&data.arguments) + 1,
        Body::Command(command) => {
            count(&command.arguments) + command.object.as_ref().map_or(0, Value::count) + 2
        }
        Body::SharedObject(object) => object
            .events
            .iter()
            .map(|event| event.kind.values().map(Value::count).sum::<usize>() + 1)
            .sum(),
        Body::Video(video) => {
            let tracks = video.tracks.iter().map(|track| &track.metadata);
            let all = tracks.chain([&video.metadata]).flatten();
            // The names are values too.
            all.flat_map(|object| object.entries()).map(|(_, value)| value.count() + 1).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
#[path = "aggregate_tests.rs"]
mod tests;
