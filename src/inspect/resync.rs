//! After a loss: where the next chunk header is. A pure function over bytes.
//!
//! Media payload looks like anything, so one plausible header proves nothing. A place is believed when the headers that
//! must follow from it, chunk by chunk, are all plausible too and carry together more evidence than chance can give.

mod walk;

use walk::{Trusted, Walk, start_bits, walk};

use crate::proto::chunk::{DEFAULT_CHUNK_SIZE, Inherited, MAX_CHUNK_SIZE, Reader, Stream, header};

/// Whether bytes of unknown origin begin with chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// They do, beyond chance.
    Chunks {
        /// The chunk size that holds.
        chunk_size: u32,
        /// The longest message for which that is shown.
        proven: u32,
    },
    /// The first header could be one. More bytes may prove it.
    Open,
    /// They do not.
    No,
}

/// Judges whether the first of `bytes` begins a chunk: by the headers that follow from it. `ended`: there are no more.
#[must_use]
pub fn framing(bytes: &[u8], ended: bool) -> Framing {
    if bytes.is_empty() || bytes.len() >= LONGEST && !starts(bytes) {
        return Framing::No;
    }
    let known = Known { reader: None, chunk_size: None, likely: None, whole: 0 };
    let (mut fuel, mut sizes) = (1 << 20, Vec::new());
    match judge(bytes, 0, None, &known, ended, &mut fuel, &mut sizes) {
        Verdict::Place(Found { chunk_size, proven, .. }) => Framing::Chunks { chunk_size, proven },
        Verdict::Open | Verdict::Wait => Framing::Open,
        Verdict::No if bytes.len() < LONGEST && !ended => Framing::Open,
        Verdict::No => Framing::No,
    }
}

/// What is known before the search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The reader with the chunk streams seen before the loss.
    pub(super) reader: Option<&'a Reader>,
    /// The chunk size in force before it, where the sender's announcement of it was seen.
    pub(super) chunk_size: Option<u32>,
    /// The chunk size found by looking before, where it was not.
    pub(super) likely: Option<u32>,
    /// The longest message known not to be split.
    pub(super) whole: u32,
}

impl Known<'_> {
    fn stream(&self, id: u32) -> Option<&Stream> {
        self.reader.and_then(|reader| reader.stream(id))
    }

    /// The chunk streams seen that have ids of one byte, a bit each.
    fn short_ids(&self) -> u64 {
        let streams = self.reader.map_or(&[][..], Reader::streams);
        streams.iter().filter(|stream| stream.id < 64).fold(0, |ids, stream| ids | 1 << stream.id)
    }

    /// What a header of format 2 or 3 may inherit.
    fn inherited(&self, id: u32) -> impl Iterator<Item = Inherited> + use<> {
        self.stream(id).map(Stream::inheritances).into_iter().flatten()
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
    /// What chunk streams inherit from before the loss, where it is shown to hold still.
    pub(super) fn trusted(&self) -> &[Inherited] {
        self.trusted.all()
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
    /// Whether `next` was the first byte behind a hole, where segments of senders that write message by message begin.
    behind_hole: bool,
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

    /// A search from the first byte behind a hole on.
    pub(super) fn behind_hole() -> Self {
        Self { behind_hole: true, ..Self::default() }
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
/// search may cost, in headers followed; where it is used up, places are passed over. `sizes` are the chunk sizes that split
/// messages have left possible so far; none, where there was none.
pub(super) fn find(
    bytes: &[u8],
    scan: &mut Scan,
    known: &Known<'_>,
    last: bool,
    fuel: &mut u64,
    sizes: &mut Vec<u32>,
) -> Option<Found> {
    let start = scan.start();
    if known.chunk_size.is_some() && !scan.all_sizes && bytes.len() - start >= PATIENCE {
        *scan = Scan { all_sizes: true, ..Scan::new(start, false) };
    }
    let known = &Known { chunk_size: known.chunk_size.filter(|_| !scan.all_sizes), ..*known };
    let mut index = 0;
    while let Some(&at) = scan.candidates.get(index) {
        match judge(bytes, at, scan.doubted, known, last, fuel, sizes) {
            Verdict::Place(found) => return Some(found),
            Verdict::Open => index += 1,
            Verdict::Wait => return None,
            Verdict::No => {
                scan.candidates.remove(index);
            }
        }
    }
    let short_ids = known.short_ids();
    let end = if last { bytes.len() } else { (bytes.len() + 1).saturating_sub(LONGEST) };
    while scan.next < end {
        let at = scan.next;
        scan.next += 1;
        let first = std::mem::take(&mut scan.behind_hole);
        let place = starts(&bytes[at..])
            || scan.doubted == Some(at)
            || (first || short_ids >> (bytes[at] & 0x3f) & 1 != 0)
                && inherits(bytes, at, first, known);
        if !place {
            continue;
        }
        match judge(bytes, at, scan.doubted, known, last, fuel, sizes) {
            Verdict::Place(found) => return Some(found),
            verdict @ (Verdict::Open | Verdict::Wait) => {
                if scan.candidates.len() == MOST_CANDIDATES {
                    scan.candidates.remove(0);
                }
                scan.candidates.push(at);
                if matches!(verdict, Verdict::Wait) {
                    return None;
                }
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
    /// It is one, and more bytes may tell the chunk size: what follows is not looked at before.
    Wait,
    No,
}

fn judge(
    bytes: &[u8],
    at: usize,
    doubted: Option<usize>,
    known: &Known<'_>,
    last: bool,
    fuel: &mut u64,
    sizes: &mut Vec<u32>,
) -> Verdict {
    if doubted == Some(at)
        && let Some(found) = unsplit(bytes, at, known)
    {
        return Verdict::Place(found);
    }
    let Some((walk, chunk_size)) = best(bytes, at, known, fuel) else { return Verdict::No };
    let certain = walk.bits >= ENOUGH && (walk.starts >= 2 || walk.splits >= 4);
    let fits = last && walk.exact && walk.bits >= ENOUGH_AT_END;
    if !(certain || fits) {
        return if walk.open && !last { Verdict::Open } else { Verdict::No };
    }
    if shorter_form(bytes, at, known) {
        return Verdict::No;
    }
    let id = header::decode(&bytes[at..])
        .filter(|head| head.format >= 2)
        .map(|head| head.chunk_stream_id);
    let rests_on = |id| walk.trusted.all().iter().any(|inherited| inherited.chunk_stream_id == id);
    if id.is_some_and(|id| !rests_on(id)) {
        // What it inherits is not shown to end where the next message begins.
        return if walk.open && !last { Verdict::Open } else { Verdict::No };
    }
    // A wrong chunk size would invent messages, so it holds for what has shown it and no more.
    let shown = match known.chunk_size {
        Some(size) => Some(size),
        None => shown_size(bytes, at, (&walk, chunk_size), known, last, fuel, sizes),
    };
    let longest = if walk.exact { walk.longest.max(walk.pending) } else { walk.longest };
    let (chunk_size, proven) = match shown {
        Some(size) => (size, u32::MAX),
        None => {
            let proven = longest.max(known.whole);
            (chunk_size.max(proven), proven)
        }
    };
    let first = header::decode(&bytes[at..]).and_then(|head| {
        let inherited =
            || walk.trusted.all().iter().find(|i| i.chunk_stream_id == head.chunk_stream_id);
        head.length.or_else(|| inherited().map(|inherited| inherited.length))
    });
    if first.is_none_or(|length| length > proven) {
        // The first message itself may be split, and where is not known.
        let waits = walk.open && !last && bytes.len() - at < ALONE;
        return if waits { Verdict::Wait } else { Verdict::No };
    }
    Verdict::Place(Found { at, chunk_size, proven, trusted: walk.trusted })
}

/// The chunk size, where messages from a place on show it: by a split one that leaves no other, by several that have only
/// one in common, or by many splits at once.
fn shown_size(
    bytes: &[u8],
    at: usize,
    (walk, guess): (&Walk, u32),
    known: &Known<'_>,
    last: bool,
    fuel: &mut u64,
    sizes: &mut Vec<u32>,
) -> Option<u32> {
    if let Some(Possible { messages, chunks, sizes: possible }) =
        possible_sizes(bytes, at, known, fuel)
    {
        let common: Vec<u32> = sizes.iter().copied().filter(|s| possible.contains(s)).collect();
        let again = !common.is_empty();
        *sizes = if again { common } else { possible };
        if let [size] = sizes[..] {
            return Some(size);
        }
        let mut usual = sizes.iter().copied().filter(|size| SIZES.contains(size));
        let several = again || messages > 1 || chunks > 2;
        // Where another message may come and tell, it is waited for.
        let alone = last || bytes.len() - at >= ALONE;
        let several = several || alone && sizes.iter().any(|size| DEFAULTS.contains(size));
        if let (Some(size), None, true) = (usual.next(), usual.next(), several) {
            return Some(size);
        }
    }
    (walk.splits >= MANY_SPLITS).then_some(guess)
}

/// What ffmpeg, nginx-rtmp, OBS and the specification have as their own: where one of them is the only usual size that fits, a
/// single message is enough.
const DEFAULTS: [u32; 4] = [DEFAULT_CHUNK_SIZE, 4096, 60_000, 65_536];

/// Bytes without a second split message behind which the first has to do.
const ALONE: usize = 64 << 10;

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
            if end >= bytes.len() || *fuel == 0 {
                break;
            }
            *fuel -= 1;
            if !begins(end) {
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
        let before = found.take().map_or((0, 0), |found| (found.messages, found.chunks));
        found = Some(Possible { messages: before.0 + 1, chunks: before.1.max(chunks), sizes });
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

/// Whether the header in a long form of the chunk stream id is one in a shorter form, with the last bytes of a message
/// before it.
fn shorter_form(bytes: &[u8], at: usize, known: &Known<'_>) -> bool {
    let Some(head) = bytes.get(at..).and_then(header::decode) else { return false };
    known.stream(head.chunk_stream_id).is_none()
        && (1..usize::from(head.basic_length)).any(|skip| {
            header::decode(&bytes[at + skip..]).is_some_and(|inner| {
                usize::from(inner.basic_length) + skip == usize::from(head.basic_length)
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

/// A header that is doubted only because the chunk size is not known to reach so far, where the message has no byte at which
/// a smaller one could have split it.
fn unsplit(bytes: &[u8], at: usize, known: &Known<'_>) -> Option<Found> {
    let reader = known.reader?;
    let head = header::decode(bytes.get(at..)?)?;
    let (length, id) = (head.length?, head.chunk_stream_id);
    if id >= 64 || length <= reader.proven() || reader.proven() == u32::MAX {
        return None;
    }
    let body = at + head.wire_length();
    let beyond = bytes.get(body + reader.proven() as usize..body + length as usize)?;
    let marker = 0xc0 | id as u8;
    let chunk_size = reader.chunk_size().max(length);
    let splits = memchr::memchr_iter(marker, beyond)
        .any(|index| is_usual_size(reader.proven() as usize + index));
    let trusted = Trusted::default();
    (!splits).then_some(Found { at, chunk_size, proven: length, trusted })
}

/// Whether somebody may have chosen it as a chunk size: a round number, in tens or in twos, or one less than that.
const fn is_usual_size(size: usize) -> bool {
    size.is_multiple_of(50) || size.is_multiple_of(64) || (size + 1).is_multiple_of(64)
}

/// Whether a header that inherits may begin a message: on a chunk stream whose messages were split it rather continues one.
/// Where it is not at the `first` byte behind a hole, the payload has to begin as others did.
fn inherits(bytes: &[u8], at: usize, first: bool, known: &Known<'_>) -> bool {
    let Some(head) = bytes.get(at..).and_then(header::decode) else { return false };
    let size = known.chunk_size.unwrap_or(known.whole);
    let payload = bytes.get(at + head.wire_length()..).unwrap_or_default();
    if head.format < 2 {
        return false;
    }
    let mut all = known.inherited(head.chunk_stream_id);
    if first {
        all.next().is_some_and(|last| last.length <= size) && all.all(|last| last.length <= size)
    } else {
        all.any(|last| last.length <= size && last.alike(payload) >= 2)
    }
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

#[cfg(test)]
mod tests;
