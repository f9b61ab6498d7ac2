//! After a loss: where the next chunk header is. A pure function over bytes.
//!
//! Media payload looks like anything, so one plausible header proves nothing. A place is believed when the headers that
//! must follow from it, chunk by chunk, are all plausible too and carry together more evidence than chance can give.

use crate::proto::chunk::{DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, Reader, Stream, header};

/// What is known before the search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The reader with the chunk streams seen before the loss.
    pub(super) reader: Option<&'a Reader>,
    /// The chunk size in force before it, where the sender's announcement of it was seen.
    pub(super) chunk_size: Option<u32>,
    /// The chunk size found by looking before, where it was not.
    pub(super) likely: Option<u32>,
}

impl Known<'_> {
    fn stream(&self, id: u32) -> Option<&Stream> {
        self.reader.and_then(|reader| reader.stream(id))
    }
}

/// Where decoding can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Index of the header's first byte.
    pub(super) at: usize,
    /// The chunk size that holds there.
    pub(super) chunk_size: u32,
    /// The longest message for which that is shown: `u32::MAX` where a split one has shown the size itself.
    pub(super) proven: u32,
    /// Chunk streams whose header from before the loss is shown to hold still.
    trusted: Trusted,
}

impl Found {
    /// Chunk streams whose header from before the loss is shown to hold still.
    pub(super) fn trusted(&self) -> &[u32] {
        self.trusted.ids()
    }
}

/// Bits of evidence that make a place certain: chance gives them once in 2^50 places.
const ENOUGH: u32 = 50;
/// Bits that do where the messages end exactly where the stream ends.
const ENOUGH_AT_END: u32 = 30;
/// With a known chunk size, the bytes to search before doubting it: a lost Set Chunk Size is rare.
const PATIENCE: usize = 256 << 10;

/// Chunk sizes that software announces, commonest first; the last one stands for "never splits".
const SIZES: [u32; 17] = [
    4096,
    DEFAULT_CHUNK_SIZE,
    65_536,
    60_000,
    65_535,
    1024,
    8192,
    32_768,
    16_384,
    512,
    256,
    2048,
    5000,
    10_000,
    131_072,
    1_048_576,
    MAX_CHUNK_SIZE,
];

/// A search that goes on as bytes come. Each byte is looked at once; only places that may still prove themselves are
/// looked at again.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    /// Where the bytes begin that have not been looked at.
    next: usize,
    /// Places before it that more bytes may prove.
    candidates: Vec<usize>,
    /// Whether `next` was the place of a header that only lacks trust in what it inherits.
    doubted: Option<usize>,
    /// Whether the known chunk size has been doubted.
    all_sizes: bool,
}

/// Places remembered that more bytes may prove; of more than these the first goes.
const MOST_CANDIDATES: usize = 64;

impl Scan {
    /// A search from `at` on; `doubted` where a header surely begins there.
    pub(super) fn new(at: usize, doubted: bool) -> Self {
        Self { next: at, doubted: doubted.then_some(at), ..Self::default() }
    }

    /// Nothing before this index can be a place.
    pub(super) fn start(&self) -> usize {
        self.candidates.first().copied().unwrap_or(self.next)
    }

    /// The bytes before `n` are given up.
    pub(super) fn give_up(&mut self, n: usize) {
        self.candidates.retain(|&at| at >= n);
        self.next = self.next.max(n);
    }

    /// The first `n` bytes, all given up, are no longer there.
    pub(super) fn slide(&mut self, n: usize) {
        self.candidates.iter_mut().for_each(|at| *at -= n);
        self.next -= n;
        self.doubted = self.doubted.and_then(|at| at.checked_sub(n));
    }
}

/// Looks for the first place from which `bytes` read as chunks. `last`: no more bytes will come. `fuel` is what the
/// search may cost, in headers followed; where it is used up, places are passed over.
pub(super) fn find(
    bytes: &[u8],
    scan: &mut Scan,
    known: &Known<'_>,
    last: bool,
    fuel: &mut u64,
) -> Option<Found> {
    let start = scan.start();
    if known.chunk_size.is_some() && !scan.all_sizes && bytes.len() - start >= PATIENCE {
        *scan = Scan { all_sizes: true, ..Scan::new(start, false) };
    }
    let known = &Known { chunk_size: known.chunk_size.filter(|_| !scan.all_sizes), ..*known };
    let mut index = 0;
    while let Some(&at) = scan.candidates.get(index) {
        match judge(bytes, at, known, last, fuel) {
            Verdict::Place(found) => return Some(found),
            Verdict::Open => index += 1,
            Verdict::No => {
                scan.candidates.remove(index);
            }
        }
    }
    let end = if last { bytes.len() } else { (bytes.len() + 1).saturating_sub(LONGEST) };
    while scan.next < end {
        let at = scan.next;
        scan.next += 1;
        if !starts(&bytes[at..]) && scan.doubted != Some(at) {
            continue;
        }
        match judge(bytes, at, known, last, fuel) {
            Verdict::Place(found) => return Some(found),
            Verdict::Open => {
                if scan.candidates.len() == MOST_CANDIDATES {
                    scan.candidates.remove(0);
                }
                scan.candidates.push(at);
            }
            Verdict::No => {}
        }
    }
    None
}

/// A header and the first byte of its message.
const LONGEST: usize = header::MAX_HEADER + 1;

/// What is thought of a place.
enum Verdict {
    Place(Found),
    /// More bytes may prove it.
    Open,
    No,
}

fn judge(bytes: &[u8], at: usize, known: &Known<'_>, last: bool, fuel: &mut u64) -> Verdict {
    let Some((walk, chunk_size)) = best(bytes, at, known, fuel) else { return Verdict::No };
    let certain = walk.bits >= ENOUGH && (walk.starts >= 2 || walk.splits >= 4);
    let fits = last && walk.exact && walk.bits >= ENOUGH_AT_END;
    if !(certain || fits) {
        return if walk.open && !last { Verdict::Open } else { Verdict::No };
    }
    if shorter_form(bytes, at, known) {
        return Verdict::No;
    }
    // A wrong chunk size would invent messages, so it holds for what has shown it and no more.
    let proven = if known.chunk_size.is_some() || walk.splits > 0 {
        u32::MAX
    } else if walk.exact {
        walk.longest.max(walk.pending)
    } else {
        walk.longest
    };
    let chunk_size = if proven < u32::MAX { chunk_size.max(proven) } else { chunk_size };
    Verdict::Place(Found { at, chunk_size, proven, trusted: walk.trusted })
}

/// Whether the header in a long form of the chunk stream id is one in a shorter form, with the last bytes of a message
/// before it.
fn shorter_form(bytes: &[u8], at: usize, known: &Known<'_>) -> bool {
    let Some(head) = bytes.get(at..).and_then(header::decode) else { return false };
    known.stream(head.chunk_stream_id).is_none()
        && (1..usize::from(head.basic_length)).any(|skip| {
            header::decode(&bytes[at + skip..]).is_some_and(|inner| {
                usize::from(inner.basic_length) + skip == usize::from(head.basic_length)
                    && inner.format == head.format
                    && start_bits(&inner, None).is_some()
            })
        })
}

/// The cheap test that nearly every wrong place fails: a header that starts a message.
fn starts(bytes: &[u8]) -> bool {
    let format = bytes[0] >> 6;
    if format > 1 {
        return false;
    }
    header::decode(bytes).is_some_and(|header| start_bits(&header, None).is_some())
}

/// The walk with the most evidence over the chunk sizes that may hold.
fn best(bytes: &[u8], at: usize, known: &Known<'_>, fuel: &mut u64) -> Option<(Walk, u32)> {
    let mut best: Option<(Walk, u32)> = None;
    let mut consider = |size: u32, fuel: &mut u64| {
        if let Some(walk) = walk(bytes, at, size, known, fuel)
            && best.is_none_or(|(other, _)| walk.bits > other.bits)
        {
            best = Some((walk, size));
        }
    };
    if let Some(size) = known.chunk_size {
        consider(size, fuel);
        return best;
    }
    for size in known.likely.into_iter().chain(SIZES) {
        consider(size, fuel);
    }
    let sizes = split_sizes(bytes, at, fuel);
    for size in sizes {
        consider(size, fuel);
    }
    best
}

/// Chunk sizes that the messages from a place on suggest: follows them as long as they are not split, and gives the
/// distances at which the format 3 header of the first split one may repeat.
fn split_sizes<'b>(
    bytes: &'b [u8],
    mut at: usize,
    fuel: &mut u64,
) -> impl Iterator<Item = u32> + use<'b> {
    const MOST: usize = 1 << 20;
    const MOST_SIZES: usize = 64;
    let mut least = DEFAULT_CHUNK_SIZE as usize;
    let mut window: &'b [u8] = &[];
    let mut marker = 0;
    let mut length = 0;
    while let Some(head) = bytes.get(at..).and_then(header::decode)
        && let (Some(declared), true) = (head.length, head.chunk_stream_id < 64)
        && *fuel > 0
    {
        *fuel -= 1;
        length = declared as usize;
        let body = at + head.wire_length();
        let next = body + length;
        let whole = length <= least
            || bytes
                .get(next..)
                .and_then(header::decode)
                .is_some_and(|next| start_bits(&next, None).is_some());
        if !whole {
            let most = length.min(MOST).min(usize::try_from(*fuel).unwrap_or(MOST) * 64);
            window = bytes.get(body..bytes.len().min(body + most)).unwrap_or_default();
            *fuel -= (window.len() / 64) as u64;
            marker = 0xc0 | head.chunk_stream_id as u8;
            break;
        }
        least = least.max(length);
        at = next;
    }
    memchr::memchr_iter(marker, window)
        .filter(move |&size| {
            let again = 2 * size + 1;
            size >= least.min(length)
                && (again >= length || window.get(again).is_none_or(|&byte| byte == marker))
        })
        .map(|size| size as u32)
        .take(MOST_SIZES)
}

/// What following the chunks from a place has shown.
#[derive(Debug, Clone, Copy, Default)]
struct Walk {
    bits: u32,
    /// Messages begun.
    starts: u32,
    /// Chunks behind which the next header is where the chunk size says: they prove it.
    splits: u32,
    /// The longest message in one chunk behind which the next header is where it should be.
    longest: u32,
    /// The same, where the header behind it has not been seen.
    pending: u32,
    /// The bytes end exactly where a message does.
    exact: bool,
    /// More bytes may show more.
    open: bool,
    /// Chunk streams whose header from before the loss fits what follows.
    trusted: Trusted,
}

/// A few chunk stream ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Trusted {
    ids: [u32; 4],
    count: usize,
}

impl Trusted {
    fn ids(&self) -> &[u32] {
        &self.ids[..self.count]
    }

    /// Whether there was room for it.
    fn add(&mut self, id: u32) -> bool {
        let room = self.count < self.ids.len();
        if room {
            self.ids[self.count] = id;
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
fn walk(bytes: &[u8], at: usize, mut size: u32, known: &Known<'_>, fuel: &mut u64) -> Option<Walk> {
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
            walk.splits += std::mem::take(&mut unproven);
            walk.longest = walk.longest.max(walk.pending);
            for &id in std::mem::take(&mut untrusted).ids() {
                walk.trusted.add(id);
            }
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
            if lane.type_id == 0 && !lane.orphan {
                // Nothing seen of this chunk stream since the loss: it may begin a message as the last one before it,
                // or continue one that began before.
                guess.get_or_insert(walk);
                if known.chunk_size.is_some() && seen.is_none() {
                    return guess;
                }
                let inherits = seen.is_some_and(|seen| {
                    let next = (body as u64 + u64::from(seen.length.min(size))) as usize;
                    let begins = bytes.get(next..).and_then(header::decode).is_none_or(|next| {
                        let inner = next.chunk_stream_id == id && seen.length > size;
                        if inner { next.format == 3 } else { start_bits(&next, None).is_some() }
                    });
                    begins && untrusted.add(id)
                });
                match seen.filter(|_| inherits) {
                    Some(seen) => {
                        lane.length = seen.length;
                        lane.type_id = seen.type_id;
                        lane.extended = seen.extended;
                    }
                    None if head.format == 2 => return guess,
                    None => *lane = Lane { id, left: size, orphan: true, ..Lane::default() },
                }
            } else if lane.orphan {
                if head.format == 2 {
                    return guess;
                }
                walk.bits += 6;
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

/// The evidence in a header of format 0 or 1; `None` where it cannot be a real message's.
fn start_bits(head: &header::Header, seen: Option<&Stream>) -> Option<u32> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::chunk::{Outgoing, Writer};

    /// A stream of video and audio messages at a chunk size, and the offsets where messages begin.
    fn stream(chunk_size: u32, messages: u32) -> (Vec<u8>, Vec<usize>) {
        let mut writer = Writer::new();
        let mut out = Vec::new();
        let mut begins = Vec::new();
        writer.write(
            &Outgoing {
                chunk_stream_id: 2,
                message_stream_id: 0,
                type_id: 1,
                timestamp: 0,
                payload: &chunk_size.to_be_bytes(),
            },
            &mut out,
        );
        for i in 0..messages {
            let mut noise = 0x9e37_79b9u32 ^ i;
            let length = if i % 3 == 0 { 200 + (i * 737) % 9000 } else { 90 + i % 60 };
            let mut payload: Vec<u8> = (0..length)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                })
                .collect();
            let (csid, type_id) = if i % 3 == 0 { (6, 9) } else { (4, 8) };
            payload[0] = if type_id == 9 { 0x27 } else { 0xaf };
            begins.push(out.len());
            let message = Outgoing {
                chunk_stream_id: csid,
                message_stream_id: 1,
                type_id,
                timestamp: i * 13,
                payload: &payload,
            };
            writer.write(&message, &mut out);
        }
        (out, begins)
    }

    fn find_all(bytes: &[u8], known: &Known<'_>, last: bool) -> Option<Found> {
        find(bytes, &mut Scan::default(), known, last, &mut 10_000_000)
    }

    #[test]
    fn from_any_byte_the_next_message_is_found_and_never_a_place_that_is_none() {
        for chunk_size in [128, 1000, 4096, 60_000, 10_000_000] {
            let (bytes, begins) = stream(chunk_size, 60);
            for from in (begins[4]..begins[30]).step_by(61) {
                for known in [None, Some(chunk_size)] {
                    let known = Known { reader: None, chunk_size: known, likely: None };
                    let window = &bytes[from..];
                    // Where nothing is split, only the end of the stream lets the chunk size be.
                    let last = chunk_size > 9200 && known.chunk_size.is_none();
                    let Some(found) = find_all(window, &known, last) else {
                        panic!("nothing found from {from} at chunk size {chunk_size}");
                    };
                    let next = begins.iter().find(|&&b| b >= from).copied();
                    assert_eq!(
                        Some(from + found.at),
                        next,
                        "from {from} at chunk size {chunk_size}"
                    );
                    assert!(walk(window, found.at, chunk_size, &known, &mut 1000).is_some());
                }
            }
        }
    }

    #[test]
    fn noise_holds_no_place() {
        let mut noise = 1u64;
        let bytes: Vec<u8> = (0..1 << 20)
            .map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (noise >> 56) as u8
            })
            .collect();
        for chunk_size in [None, Some(4096)] {
            let known = Known { reader: None, chunk_size, likely: None };
            assert_eq!(find_all(&bytes, &known, true), None);
        }
    }

    #[test]
    fn a_single_acknowledgement_is_a_place_where_the_stream_ends_behind_it() {
        let bytes = [0x02, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 1, 0, 0];
        let known = Known { reader: None, chunk_size: None, likely: None };
        assert_eq!(find_all(&bytes, &known, false), None);
        assert!(matches!(find_all(&bytes, &known, true), Some(Found { at: 0, proven: 4, .. })));
    }
}
