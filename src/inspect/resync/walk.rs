//! Following chunks from a place: what that shows, in bits of evidence. Knows nothing of how places are chosen.

use super::{Known, shorter_form};
use crate::proto::chunk::{Inherited, MAX_CHUNK_SIZE, Stream, header};

/// What following the chunks from a place has shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walk {
    pub(super) bits: u32,
    /// Messages begun.
    pub(super) starts: u32,
    /// Chunks behind which the next header is where the chunk size says: they prove it.
    pub(super) splits: u32,
    /// The longest message in one chunk behind which the next header is where it should be.
    pub(super) longest: u32,
    /// The same, where the header behind it has not been seen.
    pub(super) pending: u32,
    /// The bytes end exactly where a message does.
    pub(super) exact: bool,
    /// More bytes may show more.
    pub(super) open: bool,
    /// Chunk streams whose header from before the loss fits what follows.
    pub(super) trusted: Trusted,
}

/// What a few chunk streams inherit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trusted {
    few: [Inherited; 4],
    count: usize,
}

impl Trusted {
    pub(super) fn all(&self) -> &[Inherited] {
        &self.few[..self.count]
    }

    /// Takes in what `other` has, which is then empty.
    fn take_in(&mut self, other: &mut Self) {
        for &inherited in std::mem::take(other).all() {
            self.add(inherited);
        }
    }

    /// Whether there was room for it.
    fn add(&mut self, inherited: Inherited) -> bool {
        let room = self.count < self.few.len();
        if room {
            self.few[self.count] = inherited;
            self.count += 1;
        }
        room
    }
}

/// A chunk stream as the walk knows it.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    id: u32,
    length: u32,
    left: u32,
    type_id: u8,
    extended: Option<u32>,
    /// A continuation of a message whose beginning was not seen.
    orphan: bool,
}

const MOST_HEADERS: u32 = 64;
const MOST_LANES: usize = 16;

/// Follows chunks of `size` bytes from `at`. `None` where a header on the way cannot be one.
pub(super) fn walk(
    bytes: &[u8],
    at: usize,
    mut size: u32,
    known: &Known<'_>,
    fuel: &mut u64,
) -> Option<Walk> {
    let mut lanes = [Lane::default(); MOST_LANES];
    let mut used = 0;
    let mut walk = Walk::default();
    // From where on the walk rests on a guess; if it fails there, what came before still counts.
    let mut guess: Option<Walk> = None;
    // Chunks that end where the size says, since the last header that begins a message: a marker byte may be chance,
    // and a wrong split shows where the next message should begin.
    let mut unproven = 0;
    let mut unproven_bits = 0;
    // The same for chunk streams that go on with their header from before the loss.
    let mut untrusted = Trusted::default();
    let mut at = at;
    for _ in 0..MOST_HEADERS {
        walk.exact = at == bytes.len() && lanes[..used].iter().all(|lane| lane.left == 0);
        let Some(head) = bytes.get(at..).and_then(header::decode) else {
            walk.open = true;
            return Some(walk);
        };
        *fuel = fuel.checked_sub(1)?;
        // Where the chunk size is a guess, the end of a message may be off by the headers inside of it.
        if head.basic_length > 1 && known.chunk_size.is_none() && shorter_form(bytes, at, known) {
            return guess;
        }
        let id = head.chunk_stream_id;
        let slot = match lanes[..used].iter().position(|lane| lane.id == id) {
            Some(slot) => slot,
            None if used == MOST_LANES => return guess,
            None => {
                lanes[used] = Lane { id, ..Lane::default() };
                used += 1;
                used - 1
            }
        };
        let lane = &mut lanes[slot];
        let seen = known.stream(id);
        let mut body = at + head.wire_length();
        let begins = if head.format < 2 {
            if lane.left > 0 && !lane.orphan {
                return guess;
            }
            let Some(bits) = start_bits(&head, seen) else { return guess };
            walk.bits += bits + std::mem::take(&mut unproven_bits);
            // Media of a kind begin alike; half of what equal bytes are worth, because others begin so too.
            let payload = bytes.get(body..).unwrap_or_default();
            let kind = |last: &Inherited| Some(last.type_id) == head.type_id;
            walk.bits += known
                .inherited(id)
                .filter(kind)
                .map(|last| last.alike(payload) * 4)
                .max()
                .unwrap_or(0);
            walk.splits += std::mem::take(&mut unproven);
            walk.longest = walk.longest.max(walk.pending);
            walk.trusted.take_in(&mut untrusted);
            *lane = Lane {
                id,
                length: head.length.unwrap_or(0),
                left: head.length.unwrap_or(0),
                type_id: head.type_id.unwrap_or(0),
                extended: head.extended_timestamp,
                orphan: false,
            };
            true
        } else {
            let payload = bytes.get(body..).unwrap_or_default();
            let alike = known.inherited(id).map(|last| last.alike(payload)).max().unwrap_or(0);
            if alike >= 2 && lane.left == 0 {
                walk.bits += alike * 8;
                walk.trusted.take_in(&mut untrusted);
            }
            if lane.type_id == 0 && !lane.orphan {
                // Nothing seen of this chunk stream since the loss: it may begin a message as the last one before it,
                // or continue one that began before.
                guess.get_or_insert(walk);
                if known.chunk_size.is_some() && seen.is_none() {
                    return guess;
                }
                let inherited = known
                    .inherited(id)
                    .find(|last| leads_on(bytes, body, *last, size, known))
                    .filter(|last| untrusted.add(*last));
                match inherited {
                    Some(last) => {
                        lane.length = last.length;
                        lane.type_id = last.type_id;
                        lane.extended = seen.and_then(|seen| seen.extended);
                    }
                    None if head.format == 2 => return guess,
                    None => *lane = Lane { id, left: size, orphan: true, ..Lane::default() },
                }
            } else if lane.orphan {
                if head.format == 2 {
                    return guess;
                }
                // Filling bytes look like chunks without end: they count once a message begins behind them.
                unproven_bits += 6;
                lane.left = size;
            }
            if head.format == 3
                && let Some(expected) = lane.extended
                && header::repeated_extended(bytes.get(body..).unwrap_or_default(), expected)
                    == Some(true)
            {
                body += 4;
                walk.bits += 20;
            }
            if lane.orphan {
                false
            } else if lane.left == 0 {
                walk.bits += if head.format == 2 {
                    time_bits(head.time().unwrap_or(0)).unwrap_or(0)
                } else {
                    2
                };
                lane.left = lane.length;
                true
            } else if head.format == 2 {
                return guess;
            } else {
                unproven_bits += 7;
                if unproven >= 4 {
                    walk.splits += std::mem::take(&mut unproven);
                    walk.bits += std::mem::take(&mut unproven_bits);
                }
                false
            }
        };
        if begins {
            walk.starts += 1;
            if let Some(&first) = bytes.get(body)
                && lane.length > 0
            {
                let Some(bits) = body_bits(lane.type_id, first) else { return guess };
                walk.bits += bits;
            }
            if lane.type_id == 1
                && let Some(value) = bytes.get(body..).and_then(|b| b.first_chunk::<4>())
            {
                let value = u32::from_be_bytes(*value);
                if value == 0 || value > MAX_CHUNK_SIZE {
                    return guess;
                }
                let n = lane.left.min(size);
                lane.left -= n;
                at = body + n as usize;
                size = value;
                continue;
            }
        }
        let n = lane.left.min(size);
        lane.left -= n;
        if lane.left > 0 && !lane.orphan {
            unproven += 1;
        } else if n == lane.length && !lane.orphan {
            walk.pending = walk.pending.max(n);
        }
        at = body.checked_add(n as usize)?;
    }
    walk.open = true;
    Some(walk)
}

/// Whether a message that begins as `last` says ends where the next header is: one that begins a message, or further ones
/// that inherit, on the way to it.
fn leads_on(bytes: &[u8], body: usize, last: Inherited, size: u32, known: &Known<'_>) -> bool {
    let (mut body, mut last) = (body, last);
    for _ in 0..MOST_INHERITED {
        let first = bytes.get(body).filter(|_| last.length > 0);
        if first.is_some_and(|&first| body_bits(last.type_id, first).is_none()) {
            return false;
        }
        let next = (body as u64 + u64::from(last.length.min(size))) as usize;
        let Some(head) = bytes.get(next..).and_then(header::decode) else { return true };
        if head.chunk_stream_id == last.chunk_stream_id && last.length > size {
            return head.format == 3;
        }
        if head.format < 2 {
            return start_bits(&head, None).is_some() && !shorter_form(bytes, next, known);
        }
        let Some(next_last) = known.inherited(head.chunk_stream_id).next() else { return false };
        (body, last) = (next + head.wire_length(), next_last);
    }
    false
}

/// Messages in a row that may begin with what they inherit, as sound of a constant size does between pictures.
const MOST_INHERITED: usize = 16;

/// The evidence in a header of format 0 or 1; `None` where it cannot be a real message's.
pub(super) fn start_bits(head: &header::Header, seen: Option<&Stream>) -> Option<u32> {
    let (Some(length), Some(type_id)) = (head.length, head.type_id) else { return None };
    let mut bits = match type_id {
        1 | 2 | 3 | 5 if length == 4 => 26,
        6 if length == 5 => 26,
        4 if (6..=14).contains(&length) => 22,
        8 if length < 1 << 16 => 15,
        9 if length < 1 << 20 => 11,
        9 => 6,
        15..=20 | 22 if (3..1 << 20).contains(&length) => 6,
        _ => return None,
    };
    bits += match head.message_stream_id {
        Some(0..=15) => 28,
        Some(0..=0xffff) => 16,
        Some(id) if id.swap_bytes() <= 15 => 28,
        Some(_) => return None,
        None => time_bits(head.time()?)?,
    };
    if let Some(seen) = seen {
        bits += if seen.type_id == type_id { 4 } else { 2 };
    }
    Some(bits)
}

/// The evidence in a timestamp delta, milliseconds.
const fn time_bits(delta: u32) -> Option<u32> {
    match delta {
        0..=1023 => Some(14),
        1024..=10_000 => Some(10),
        10_001..=3_600_000 => Some(2),
        // Some senders put the absolute time into the extended field.
        header::EXTENDED.. => Some(0),
        _ => None,
    }
}

/// The evidence in a payload's first byte; `None` where no message of the type begins so.
const fn body_bits(type_id: u8, first: u8) -> Option<u32> {
    match type_id {
        8 => match first >> 4 {
            0..=11 | 14 | 15 => Some(1),
            _ if first >> 4 == 13 => Some(1), // Opus as some vendors number it
            _ => None,
        },
        9 => {
            let (frame, codec) = (first >> 4, first & 0x0f);
            if first & 0x80 != 0 {
                if matches!((first >> 4) & 7, 0..=5) && codec <= 7 { Some(2) } else { None }
            } else if matches!(frame, 1..=5) && matches!(codec, 1..=8 | 12..=14) {
                Some(2)
            } else {
                None
            }
        }
        18 | 20 => match first {
            0x02 => Some(8),
            0x00 | 0x0c => Some(4),
            _ => None,
        },
        15 | 17 => match first {
            0x00 | 0x02 | 0x11 => Some(6),
            _ => None,
        },
        _ => Some(0),
    }
}
