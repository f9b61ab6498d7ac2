//! Following chunks from a place: what that shows, in bits of evidence. Knows nothing of how places are chosen.

use super::{Known, may_split, shorter_form};
use crate::proto::chunk::{Inherited, MAX_CHUNK_SIZE, Reader, Stream, header};

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
    /// Where the payload of the last such message begins, and its chunk stream.
    pub(super) last: (usize, u32),
    /// No more bytes will come, and they end exactly where a message does.
    pub(super) exact: bool,
    /// More bytes may show more.
    pub(super) open: bool,
    /// Another chunk size shows as much.
    pub(super) tied: bool,
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
    /// The first byte of its last message.
    first: u8,
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
    // Messages in a row that inherit what the last one was, and begin like it.
    let mut again = 0;
    let from = at;
    let mut at = at;
    for _ in 0..MOST_HEADERS {
        walk.exact =
            known.ended && at == bytes.len() && lanes[..used].iter().all(|lane| lane.left == 0);
        if walk.exact && !lanes[..used].iter().any(|lane| lane.orphan) {
            // Where the bytes end with a message, they show as much as a header behind it does. What it inherits is only
            // shown where nothing else was ever said, and it is no media, whose lengths change; or where holes begin and
            // end with messages, as with senders that write message by message: else a hole may begin inside of a longer
            // one, or behind the header that follows a shorter one.
            walk.bits += unproven_bits;
            let whole = |reader: &Reader| !reader.inside_chunk() && reader.carried().is_empty();
            let between = known.behind_hole == Some(from)
                && known.reader.is_some_and(whole)
                && !ends_with_header(bytes, known);
            for &last in std::mem::take(&mut untrusted).all() {
                let only = known.inherited(last.chunk_stream_id).count() == 1;
                if between || only && !matches!(last.type_id, 8 | 9) {
                    walk.trusted.add(last);
                }
            }
        }
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
        // Whether what began so far has come to its end.
        let ended = lanes[..used].iter().all(|lane| lane.left == 0 || lane.orphan);
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
            if ended {
                walk.trusted.take_in(&mut untrusted);
            }
            *lane = Lane {
                id,
                length: head.length.unwrap_or(0),
                left: head.length.unwrap_or(0),
                type_id: head.type_id.unwrap_or(0),
                extended: head.extended_timestamp,
                ..Lane::default()
            };
            true
        } else {
            let payload = bytes.get(body..).unwrap_or_default();
            let alike = known.inherited(id).map(|last| last.alike(payload)).max().unwrap_or(0);
            if alike >= ALIKE && lane.left == 0 {
                walk.bits += alike * 8;
                if ended {
                    walk.trusted.take_in(&mut untrusted);
                }
            }
            if lane.type_id == 0 && !lane.orphan {
                // Nothing seen of this chunk stream since the loss: it may begin a message as the last one before it,
                // or continue one that began before.
                guess.get_or_insert(walk);
                if known.chunk_size.is_some() && seen.is_none() {
                    return guess;
                }
                let extended = match head.format {
                    2 => head.extended_timestamp,
                    _ => seen.and_then(|seen| seen.extended),
                };
                let payload = match head.format {
                    3 => body + repeated(bytes, body, extended),
                    _ => body,
                };
                let inherited = inherited(bytes, &head, payload, extended, size, known, fuel)
                    .filter(|last| untrusted.add(*last));
                match inherited {
                    Some(last) => {
                        lane.length = last.length;
                        lane.type_id = last.type_id;
                        lane.extended = extended;
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
            if head.format == 3 {
                let repeated = repeated(bytes, body, lane.extended);
                body += repeated;
                walk.bits += 5 * repeated as u32;
            }
            if lane.orphan {
                false
            } else if lane.left == 0 {
                walk.bits += if head.format == 2 {
                    time_bits(head.time().unwrap_or(0)).unwrap_or(0)
                } else {
                    2
                };
                // One that begins like the last one, where that one ends, may be chance; several in a row are not.
                if begins_again(&head, bytes.get(body..).unwrap_or_default(), lane.first) {
                    walk.bits += 6;
                    again += 1;
                } else {
                    again = 0;
                }
                if again >= MANY_AGAIN {
                    walk.longest = walk.longest.max(walk.pending);
                    walk.trusted.take_in(&mut untrusted);
                }
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
                lane.first = first;
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
            walk.last = (body, id);
        }
        at = body.checked_add(n as usize)?;
    }
    walk.open = true;
    Some(walk)
}

/// Whether the last bytes may be a header: senders that write header and payload apart leave it with the message before.
fn ends_with_header(bytes: &[u8], known: &Known<'_>) -> bool {
    [1, 4, 8, 12].into_iter().filter_map(|length| bytes.len().checked_sub(length)).any(|at| {
        header::decode(&bytes[at..]).is_some_and(|head| {
            at + head.wire_length() == bytes.len()
                && known.stream(head.chunk_stream_id).is_some()
                && head.time().is_none_or(|time| time <= LIKELY || head.format == 0)
                && (head.format > 1 || start_bits(&head, None).is_some())
        })
    })
}

/// Whether the header of format 2 or 3 has a likely time and a payload behind it that begins with `first`, as the last one
/// of its chunk stream did, and neither is a byte of filling.
fn begins_again(head: &header::Header, payload: &[u8], first: u8) -> bool {
    let marker = u32::from(first & 0x3f) == head.chunk_stream_id;
    payload.first() == Some(&first) && !marker && head.time().is_none_or(|time| time <= LIKELY)
}

/// Messages that show by beginning alike that those before them end where they should.
const MANY_AGAIN: u32 = 4;

/// What the header before `body`, of format 2 or 3, inherits: of all that its chunk stream was told before the loss, what
/// leads on. Where several do, the one whose messages begin as this one does; where they begin alike, nobody knows.
fn inherited(
    bytes: &[u8],
    head: &header::Header,
    body: usize,
    extended: Option<u32>,
    size: u32,
    known: &Known<'_>,
    fuel: &mut u64,
) -> Option<Inherited> {
    let payload = bytes.get(body..).unwrap_or_default();
    // The last bytes of a message ahead of a header of format 3 look like one of format 2, but for the time.
    if head.time().is_some_and(|time| (LIKELY + 1..header::EXTENDED).contains(&time)) {
        return None;
    }
    let mut best: Option<(Inherited, (Leads, u32))> = None;
    let mut tied = false;
    for last in known.inherited(head.chunk_stream_id) {
        let alike = last.alike(payload);
        // A chunk of format 3 may as well go on with a message, and the end of a long one looks like a shorter one.
        if head.format == 3 && alike < ALIKE {
            continue;
        }
        let rank = (leads_on(bytes, body, last, extended, size, known, fuel), alike);
        if rank.0 == Leads::Nowhere {
            continue;
        }
        // Nor is a message whole that a smaller chunk size may have split: a shorter one ends there too.
        let whole = payload.get(..last.length as usize).filter(|_| last.length <= size);
        if let (None, Some(whole)) = (known.chunk_size, whole) {
            *fuel = fuel.saturating_sub(whole.len() as u64 / 64);
            if may_split(whole, last.chunk_stream_id, known.whole) {
                continue;
            }
        }
        match best {
            Some((_, other)) if other > rank => {}
            Some((other, of_other)) if of_other == rank => {
                let same = (other.length, other.type_id) == (last.length, last.type_id);
                tied |= rank.0 == Leads::On && !same;
            }
            _ => (best, tied) = (Some((last, rank)), false),
        }
    }
    best.filter(|_| !tied).map(|(last, _)| last)
}

/// First bytes that a message has to share with another to be taken for one that inherits the same.
pub(super) const ALIKE: u32 = 2;

/// Where a message ends that begins as another one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leads {
    /// Not where the next one begins.
    Nowhere,
    /// Behind the bytes that are there.
    Beyond,
    /// Where the next one begins, or the bytes end.
    On,
}

/// Whether a message that begins as `last` says ends where the next header is: one that begins a message, or further ones
/// that inherit, on the way to it.
fn leads_on(
    bytes: &[u8],
    body: usize,
    last: Inherited,
    extended: Option<u32>,
    size: u32,
    known: &Known<'_>,
    fuel: &mut u64,
) -> Leads {
    let (mut body, mut last, mut extended) = (body, last, extended);
    for _ in 0..MOST_INHERITED {
        let first = bytes.get(body).filter(|_| last.length > 0);
        if first.is_some_and(|&first| body_bits(last.type_id, first).is_none()) {
            return Leads::Nowhere;
        }
        let mut left = last.length;
        let mut chunks = 0;
        let (next, head) = loop {
            *fuel = fuel.saturating_sub(1);
            let n = left.min(size);
            let next = (body as u64 + u64::from(n)) as usize;
            left -= n;
            if known.ended && next == bytes.len() {
                return if left == 0 { Leads::On } else { Leads::Beyond };
            }
            let Some(head) = bytes.get(next..).and_then(header::decode) else {
                return Leads::Beyond;
            };
            if left == 0 {
                break (next, head);
            }
            if head.chunk_stream_id != last.chunk_stream_id {
                // Another message between its chunks: where it ends is not shown.
                return if known.chunk_size.is_some() { Leads::Beyond } else { Leads::Nowhere };
            }
            chunks += 1;
            if head.format != 3 {
                return Leads::Nowhere;
            }
            if chunks == MOST_HEADERS {
                return Leads::Beyond;
            }
            body = next + head.wire_length();
            body += repeated(bytes, body, extended);
        };
        if head.format < 2 {
            let begins = start_bits(&head, None).is_some() && !shorter_form(bytes, next, known);
            return if begins { Leads::On } else { Leads::Nowhere };
        }
        let Some(next_last) = known.inherited(head.chunk_stream_id).next() else {
            return Leads::Nowhere;
        };
        let seen = known.stream(head.chunk_stream_id).and_then(|seen| seen.extended);
        extended = if head.format == 2 { head.extended_timestamp } else { seen };
        (body, last) = (next + head.wire_length(), next_last);
        if head.format == 3 {
            body += repeated(bytes, body, extended);
        }
        if bytes.get(body).is_some_and(|first| u32::from(first & 0x3f) == last.chunk_stream_id) {
            return Leads::Nowhere; // filling
        }
    }
    Leads::On
}

/// Bytes of the extended timestamp that a header of format 3 repeats.
fn repeated(bytes: &[u8], body: usize, extended: Option<u32>) -> usize {
    let repeats = |expected| {
        header::repeated_extended(bytes.get(body..).unwrap_or_default(), expected) == Some(true)
    };
    if extended.is_some_and(repeats) { 4 } else { 0 }
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

/// Whether a header of format 2 that says a likely time has the payload of such a message behind it: media that begin with
/// the same byte, or what else hardly any other byte begins.
pub(super) fn continues(head: &header::Header, last: Inherited, payload: &[u8]) -> bool {
    let likely = head.time().is_some_and(|time| time <= LIKELY);
    let begins = payload.first().and_then(|&first| body_bits(last.type_id, first));
    likely && (last.alike(payload) > 0 || begins.is_some_and(|bits| bits >= 4))
}

/// The longest time between two messages of a chunk stream that is likely, milliseconds.
const LIKELY: u32 = 10_000;

/// The evidence in a timestamp delta, milliseconds.
const fn time_bits(delta: u32) -> Option<u32> {
    match delta {
        0..=1023 => Some(14),
        1024..=LIKELY => Some(10),
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
