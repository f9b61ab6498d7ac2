//! After a loss: where the next chunk header is. A pure function over bytes.
//!
//! Media payload looks like anything, so one plausible header proves nothing. A place is believed when the headers that
//! must follow from it, chunk by chunk, are all plausible too and carry together more evidence than chance can give.

mod sizes;
mod walk;

use sizes::{ALONE, SIZES, may_split, shown_size, split_sizes};
use walk::{ALIKE, Trusted, Walk, continues, start_bits, walk};

use crate::proto::chunk::{Inherited, Reader, Stream, header};

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
    let known =
        Known { reader: None, chunk_size: None, likely: None, whole: 0, ended, behind_hole: None };
    let (mut fuel, mut sizes) = (1 << 20, Vec::new());
    match judge(bytes, 0, &Scan::default(), &known, &mut fuel, &mut sizes) {
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
    /// No more bytes will come, before a hole or at all.
    pub(super) ended: bool,
    /// The first byte behind a hole, where segments of senders that write message by message begin.
    pub(super) behind_hole: Option<usize>,
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
    fn inherited(&self, id: u32) -> impl Iterator<Item = Inherited> {
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
/// Bits that do where the messages also begin right behind a hole: of a thousand bytes it is only one that is asked.
const ENOUGH_BETWEEN: u32 = 24;
/// With a known chunk size, the bytes to search before doubting it: a lost Set Chunk Size is rare.
const PATIENCE: usize = 256 << 10;

/// A search that goes on as bytes come. Each byte is looked at once; only places that may still prove themselves are
/// looked at again.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    /// Where the bytes begin that have not been looked at.
    next: usize,
    /// Places before it that more bytes may prove.
    candidates: Vec<usize>,
    /// The place of a header that only lacks trust in what it inherits.
    doubted: Option<usize>,
    /// The first byte behind a hole, where segments of senders that write message by message begin.
    behind_hole: Option<usize>,
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
        Self { behind_hole: Some(0), ..Self::default() }
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
        self.behind_hole = self.behind_hole.and_then(|at| at.checked_sub(n));
    }
}

/// Looks for the first place from which `bytes` read as chunks. `fuel` is what the search may cost, in headers followed;
/// where it is used up, places are passed over. `sizes` are the chunk sizes that split messages have left possible so far;
/// none, where there was none.
pub(super) fn find(
    bytes: &[u8],
    scan: &mut Scan,
    known: &Known<'_>,
    fuel: &mut u64,
    sizes: &mut Vec<u32>,
) -> Option<Found> {
    let start = scan.start();
    if known.chunk_size.is_some() && !scan.all_sizes && bytes.len() - start >= PATIENCE {
        *scan = Scan { all_sizes: true, ..Scan::new(start, false) };
    }
    let known = &Known {
        chunk_size: known.chunk_size.filter(|_| !scan.all_sizes),
        behind_hole: scan.behind_hole,
        ..*known
    };
    let mut index = 0;
    while let Some(&at) = scan.candidates.get(index) {
        match judge(bytes, at, scan, known, fuel, sizes) {
            Verdict::Place(found) => return Some(found),
            Verdict::Open => index += 1,
            Verdict::Wait => return None,
            Verdict::No => {
                scan.candidates.remove(index);
            }
        }
    }
    let short_ids = known.short_ids();
    let end = if known.ended { bytes.len() } else { (bytes.len() + 1).saturating_sub(LONGEST) };
    while scan.next < end {
        let at = scan.next;
        scan.next += 1;
        let first = scan.behind_hole == Some(at);
        let place = starts(&bytes[at..])
            || scan.doubted == Some(at)
            || (first || short_ids >> (bytes[at] & 0x3f) & 1 != 0)
                && inherits(bytes, at, first, known);
        if !place {
            continue;
        }
        match judge(bytes, at, scan, known, fuel, sizes) {
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
    scan: &Scan,
    known: &Known<'_>,
    fuel: &mut u64,
    sizes: &mut Vec<u32>,
) -> Verdict {
    if scan.doubted == Some(at)
        && let Some(found) = unsplit(bytes, at, known)
    {
        return Verdict::Place(found);
    }
    let Some((walk, chunk_size)) = best(bytes, at, known, fuel) else { return Verdict::No };
    let certain = walk.bits >= ENOUGH && (walk.starts >= 2 || walk.splits >= 4);
    let enough = if known.behind_hole == Some(at) { ENOUGH_BETWEEN } else { ENOUGH_AT_END };
    let fits = walk.exact && walk.bits >= enough;
    if !(certain || fits) {
        return if walk.open && !known.ended { Verdict::Open } else { Verdict::No };
    }
    if shorter_form(bytes, at, known) || longer_form(bytes, at, known) {
        return Verdict::No;
    }
    let id = header::decode(&bytes[at..])
        .filter(|head| head.format >= 2)
        .map(|head| head.chunk_stream_id);
    let rests_on = |id| walk.trusted.all().iter().any(|inherited| inherited.chunk_stream_id == id);
    if id.is_some_and(|id| !rests_on(id)) {
        // What it inherits is not shown to end where the next message begins.
        return if walk.open && !known.ended { Verdict::Open } else { Verdict::No };
    }
    // A wrong chunk size would invent messages, so it holds for what has shown it and no more.
    let shown = match known.chunk_size {
        Some(size) => Some(size),
        None => shown_size(bytes, at, (&walk, chunk_size), known, fuel, sizes),
    };
    let to_its_end = walk.exact && {
        let (body, id) = walk.last;
        !may_split(bytes.get(body..).unwrap_or_default(), id, known.whole)
    };
    let longest = if to_its_end { walk.longest.max(walk.pending) } else { walk.longest };
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
        let waits = walk.open && !known.ended && bytes.len() - at < ALONE;
        return if waits { Verdict::Wait } else { Verdict::No };
    }
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
                    && start_bits(&inner, None).is_some()
            })
        })
}

/// Whether the byte before the header, or two, make it one of a longer form.
fn longer_form(bytes: &[u8], at: usize, known: &Known<'_>) -> bool {
    let Some((_, id, _)) = header::basic(&bytes[at..]) else { return false };
    known.stream(id).is_none()
        && (1..=2).filter_map(|before| at.checked_sub(before)).any(|at| {
            header::decode(&bytes[at..])
                .is_some_and(|head| head.basic_length > 1 && start_bits(&head, None).is_some())
                && shorter_form(bytes, at, known)
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
    let end = body + length as usize;
    let payload = bytes.get(body..end)?;
    // Chunks of another message may be between its own.
    let begins = match header::decode(&bytes[end..]) {
        Some(next) if known.ended && bytes.len() == end + next.wire_length() => {
            known.stream(next.chunk_stream_id).is_some()
        }
        Some(_) => starts(&bytes[end..]) || inherits(bytes, end, false, known),
        None => known.ended,
    };
    let found = Found {
        at,
        chunk_size: reader.chunk_size().max(length),
        proven: length,
        trusted: Trusted::default(),
    };
    (begins && !may_split(payload, id, reader.proven())).then_some(found)
}

/// Whether a header that inherits may begin a message. Where it is not the `first` byte behind a hole, its time has to be
/// likely or the payload to begin as others did. One of format 3 may as well continue one, so that only its payload tells.
fn inherits(bytes: &[u8], at: usize, first: bool, known: &Known<'_>) -> bool {
    let Some(head) = bytes.get(at..).and_then(header::decode) else { return false };
    let payload = bytes.get(at + head.wire_length()..).unwrap_or_default();
    let mut all = known.inherited(head.chunk_stream_id);
    match head.format {
        2 if first => all.next().is_some(),
        2 => all.any(|last| last.alike(payload) >= ALIKE || continues(&head, last, payload)),
        3 => all.any(|last| last.alike(payload) >= ALIKE),
        _ => false,
    }
}

/// The walk with the most evidence over the chunk sizes that may hold.
fn best(bytes: &[u8], at: usize, known: &Known<'_>, fuel: &mut u64) -> Option<(Walk, u32)> {
    let mut best: Option<(Walk, u32)> = None;
    let mut open = false;
    let mut consider = |size: u32, fuel: &mut u64| {
        let Some(walk) = walk(bytes, at, size, known, fuel) else { return };
        open |= walk.open;
        match &mut best {
            Some((other, of_other)) if walk.bits == other.bits => other.tied |= size != *of_other,
            Some((other, _)) if walk.bits < other.bits => {}
            _ => best = Some((walk, size)),
        }
    };
    if let Some(size) = known.chunk_size {
        consider(size, fuel);
        return best;
    }
    for size in known.likely.into_iter().chain(SIZES) {
        consider(size, fuel);
    }
    let sizes = split_sizes(bytes, at, known, fuel);
    for size in sizes {
        consider(size, fuel);
    }
    // While the right size has shown nothing yet, a wrong one may be ahead that has come to its end.
    best.map(|(walk, size)| (Walk { open, ..walk }, size))
}

#[cfg(test)]
mod tests;
