//! What messages show of the chunk size, where nobody said it. Knows nothing of how places are chosen.

use super::walk::{Walk, start_bits};
use super::{Known, shorter_form};
use crate::proto::chunk::{DEFAULT_CHUNK_SIZE, MAX_CHUNK_SIZE, header};

/// Chunk sizes that software announces, commonest first; the last one stands for "never splits".
pub(super) const SIZES: [u32; 17] = [
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

/// The chunk size, where messages from a place on show it: by a split one that leaves no other, by several that have only
/// one in common, or by many splits at once.
pub(super) fn shown_size(
    bytes: &[u8],
    at: usize,
    (walk, guess): (&Walk, u32),
    known: &Known<'_>,
    fuel: &mut u64,
    sizes: &mut Vec<u32>,
) -> Option<u32> {
    if let Some(Possible { messages, chunks, headed, sizes: possible }) =
        possible_sizes(bytes, at, known, fuel)
    {
        let common: Vec<u32> = sizes.iter().copied().filter(|s| possible.contains(s)).collect();
        let again = !common.is_empty();
        *sizes = if again { common } else { possible };
        if let [size] = sizes[..]
            && (again || headed)
        {
            return Some(size);
        }
        let mut usual = sizes.iter().copied().filter(|size| is_usual_size(*size as usize));
        let several = again || headed && (messages > 1 || chunks > 2);
        // Where another message may come and tell, it is waited for.
        let alone = known.ended || bytes.len() - at >= ALONE;
        let several = several || alone && sizes.iter().any(|size| DEFAULTS.contains(size));
        if let (Some(size), None, true) = (usual.next(), usual.next(), several)
            && SIZES.contains(&size)
        {
            return Some(size);
        }
    }
    // What is the same in each message shows several sizes at once, however often it comes.
    (walk.splits >= MANY_SPLITS && !walk.tied && sizes.len() < 2).then_some(guess)
}

/// What ffmpeg, nginx-rtmp, OBS and the specification have as their own: where one of them is the only usual size that fits, a
/// single message is enough.
const DEFAULTS: [u32; 4] = [DEFAULT_CHUNK_SIZE, 4096, 60_000, 65_536];

/// Bytes without a second split message behind which the first has to do.
pub(super) const ALONE: usize = 64 << 10;

/// Splits that show a chunk size by themselves: chance puts so many markers once in 2^48 places.
const MANY_SPLITS: u32 = 6;

/// The chunk sizes at which the split messages from a place on may be split, and the most chunks of one of them: where a
/// message ends says how many, for each further one has a byte of header. `None` where no split message is there as a whole.
fn possible_sizes(
    bytes: &[u8],
    mut at: usize,
    known: &Known<'_>,
    fuel: &mut u64,
) -> Option<Possible> {
    let begins = |at: usize| {
        let head = bytes.get(at..).and_then(header::decode);
        head.is_some_and(|head| start_bits(&head, None).is_some())
            && !shorter_form(bytes, at, known)
    };
    let mut found: Option<Possible> = None;
    for _ in 0..MOST_MESSAGES {
        let message = header::decode(bytes.get(at..).unwrap_or_default())
            .filter(|head| head.chunk_stream_id < 64)
            .and_then(|head| Some((head.length? as usize, head)));
        let Some((length, head)) = message else { break };
        if *fuel == 0 || found.as_ref().is_some_and(|found| found.sizes.len() == 1) {
            break;
        }
        *fuel -= 1;
        let body = at + head.wire_length();
        if begins(body + length) {
            at = body + length;
            continue;
        }
        let marker = 0xc0 | head.chunk_stream_id as u8;
        let fits = |chunks: usize, size: usize| {
            (1..chunks).all(|chunk| bytes[body + chunk * (size + 1) - 1] == marker)
        };
        let mut split = None;
        for chunks in 2..=length.min(MOST_CHUNKS) {
            let end = body + length + chunks - 1;
            if end > bytes.len() || *fuel == 0 {
                break;
            }
            *fuel -= 1;
            if !(begins(end) || known.ended && end == bytes.len()) {
                continue;
            }
            let (least, most) = (length.div_ceil(chunks), length.div_ceil(chunks - 1) - 1);
            *fuel = fuel.saturating_sub(most.saturating_sub(least) as u64 / 64);
            let sizes: Vec<u32> = match &found {
                Some(found) => found.sizes.clone(),
                None => (least..=most).take(MOST_LENGTH).map(|size| size as u32).collect(),
            };
            let sizes: Vec<u32> = sizes
                .into_iter()
                .filter(|&size| (least..=most).contains(&(size as usize)))
                .filter(|&size| fits(chunks, size as usize))
                .take(MOST_SIZES)
                .collect();
            if !sizes.is_empty() {
                split = Some((end, chunks, sizes));
                break;
            }
        }
        let Some((end, chunks, sizes)) = split else { break };
        let (messages, most, headed) = found
            .take()
            .map_or((0, 0, false), |found| (found.messages, found.chunks, found.headed));
        found = Some(Possible {
            messages: messages + 1,
            chunks: most.max(chunks),
            headed: headed || end < bytes.len(),
            sizes,
        });
        at = end;
    }
    found
}

/// What split messages say of the chunk size.
struct Possible {
    /// How many messages.
    messages: usize,
    /// The most chunks of one of them.
    chunks: usize,
    /// Whether one ends where a header is, and not only where the bytes end.
    headed: bool,
    sizes: Vec<u32>,
}

/// Chunks of a message that are looked for.
const MOST_CHUNKS: usize = 4096;
/// Chunk sizes that may be right, of one message.
const MOST_SIZES: usize = 1024;
/// Chunk sizes tried, of one message: more than half of the longest that is usual.
const MOST_LENGTH: usize = 4 << 20;
/// Messages followed to find a split one.
const MOST_MESSAGES: usize = 64;

/// Whether a message with these bytes may be split by a chunk size above `least` that somebody may have chosen: there are
/// the bytes that continue it wherever such chunks end.
pub(super) fn may_split(payload: &[u8], id: u32, least: u32) -> bool {
    let marker = 0xc0
        | match id {
            0..64 => id as u8,
            64..320 => 0,
            _ => 1,
        };
    let least = least as usize;
    let beyond = payload.get(least..).unwrap_or_default();
    memchr::memchr_iter(marker, beyond).map(|index| least + index).any(|size| {
        let mut further = payload.iter().skip(size).step_by(size + 1);
        is_usual_size(size) && further.all(|&byte| byte == marker)
    })
}

/// Whether somebody may have chosen it as a chunk size: a round number, in tens or in twos, or one less than that.
const fn is_usual_size(size: usize) -> bool {
    size.is_multiple_of(50) || size.is_multiple_of(64) || (size + 1).is_multiple_of(64)
}

/// Chunk sizes that the messages from a place on suggest: follows them as long as they are not split, and gives the
/// distances at which the format 3 header of the first split one may repeat.
pub(super) fn split_sizes<'b>(
    bytes: &'b [u8],
    mut at: usize,
    known: &Known<'_>,
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
                .is_some_and(|next| start_bits(&next, None).is_some())
                && !shorter_form(bytes, next, known);
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
