//! What is remembered of the latest segments of a direction, so that a repeated one can be held against the first. Knows
//! no positions and no holes.
//!
//! The bytes themselves are not kept, nor all of them hashed: reading every byte once more for the few that are repeated
//! costs a tenth of the whole decoding. The first segments of a direction are hashed whole, and all from the first
//! repetition on. As long as nothing is repeated, the hash of a later segment is of three samples, which tell other
//! content but miss most changes of a few bytes. A repetition that joins several segments is compared too; one that begins
//! or ends inside a segment is not, there. Equal bytes always have equal hashes: nothing is reported that is not so.

use super::tcp::Data;

/// The latest segments of one direction.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Grows to [`MOST`], and is a ring from then on.
    segments: Vec<Seen>,
    /// Where the next one goes.
    next: usize,
    /// Whether later segments are hashed by samples: there have been [`MOST`], and nothing was repeated.
    sampled: bool,
    repeated: bool,
}

/// A segment that was taken.
#[derive(Debug, Clone, Copy)]
struct Seen {
    sequence: u32,
    /// Its length, and in the lowest bit whether its hash is of samples.
    length: u32,
    hash: u32,
    /// When it came; 0 where that is not known.
    tick: u32,
}

/// What is known of a part of a segment whose bytes came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is the same packet as one that came moments ago.
    Twice,
    /// Its bytes from `at` on are not those that came first.
    Differs {
        /// Offset in the segment.
        at: usize,
        /// How many were compared.
        length: usize,
    },
}

/// Segments remembered of each direction: some 90 KB of stream in usual ones, for 1 KiB.
const MOST: usize = 64;
/// Ticks, of about a microsecond, within which the same bytes are one packet that was captured twice. Retransmissions
/// come later: the shortest timers are some milliseconds.
const MOMENT: u32 = 1000;

impl Recent {
    /// A time as it is kept: about microseconds, of which only differences mean something. Never 0.
    #[inline]
    pub(super) const fn tick(nanoseconds: i64) -> u32 {
        (nanoseconds >> 10) as u32 | 1
    }

    /// Remembers a segment of which all bytes are new.
    #[inline]
    pub(super) fn keep(&mut self, data: &Data<'_>) {
        let (head, tail) = (data.payload.first_chunk(), data.payload.last_chunk());
        if self.sampled
            && let (Some(head), Some(tail)) = (head, tail)
            && let Some(oldest) = self.segments.get_mut(self.next % MOST)
        {
            *oldest = Seen {
                sequence: data.sequence,
                length: (data.payload.len() as u32) << 1 | 1,
                hash: samples(data.payload, *head, *tail),
                tick: data.tick.unwrap_or(0),
            };
            self.next += 1;
        } else {
            self.keep_whole(data);
        }
    }

    #[cold]
    fn keep_whole(&mut self, data: &Data<'_>) {
        if data.payload.is_empty() {
            return;
        }
        let seen = Seen {
            sequence: data.sequence,
            length: (data.payload.len() as u32) << 1,
            hash: hash(data.payload),
            tick: data.tick.unwrap_or(0),
        };
        match self.segments.get_mut(self.next % MOST) {
            Some(oldest) => *oldest = seen,
            None => self.segments.push(seen),
        }
        self.next += 1;
        self.sampled = self.next >= MOST && !self.repeated;
    }

    /// What is known of the segments that lie inside `data`, which came later.
    pub(super) fn overlaps<'a>(
        &'a mut self,
        data: &'a Data<'_>,
    ) -> impl Iterator<Item = Known> + 'a {
        self.repeated = true;
        self.sampled = false;
        self.segments.iter().filter_map(|seen| {
            let at = seen.sequence.wrapping_sub(data.sequence) as usize;
            let length = (seen.length >> 1) as usize;
            let again = data.payload.get(at..at.checked_add(length)?)?;
            let same = match (seen.length & 1, again.first_chunk(), again.last_chunk()) {
                (1, Some(head), Some(tail)) => samples(again, *head, *tail) == seen.hash,
                _ => hash(again) == seen.hash,
            };
            if !same {
                return Some(Known::Differs { at, length });
            }
            let whole = again.len() == data.payload.len() && data.missing == 0;
            let soon = seen.tick != 0
                && data.tick.is_some_and(|tick| tick.wrapping_sub(seen.tick) <= MOMENT);
            (whole && soon).then_some(Known::Twice)
        })
    }
}

/// The hash of the first eight bytes, the last, and eight in the middle.
#[inline]
fn samples(bytes: &[u8], head: [u8; 8], tail: [u8; 8]) -> u32 {
    let middle = bytes[bytes.len() / 2..].first_chunk().copied().map_or(0, u64::from_le_bytes);
    let sum = u64::from_le_bytes(head)
        ^ u64::from_le_bytes(tail).rotate_left(23)
        ^ middle.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (sum ^ sum >> 32) as u32
}

/// Two sums over words of eight bytes in four lanes, one of them weighted by place: as fast as memory is read.
#[inline]
fn hash(bytes: &[u8]) -> u32 {
    let (mut plain, mut placed) = ([0u64; 4], [0u64; 4]);
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in words.iter().enumerate() {
            plain[lane] = plain[lane].wrapping_add(u64::from_le_bytes(*word));
            placed[lane] = placed[lane].wrapping_add(plain[lane]);
        }
    }
    let mut hash = rest.len() as u64;
    let mut mix =
        |word: u64| hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    plain.into_iter().chain(placed).for_each(&mut mix);
    for piece in rest.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        mix(u64::from_le_bytes(word));
    }
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_changed_byte_and_each_exchanged_block_changes_the_hash() {
        let mut bytes: Vec<u8> = (0..200u32).map(|i| (i * 7 + i / 32) as u8).collect();
        let first = hash(&bytes);
        for at in 0..bytes.len() {
            bytes[at] ^= 1 << (at % 8);
            assert_ne!(hash(&bytes), first, "byte {at}");
            bytes[at] ^= 1 << (at % 8);
        }
        for at in 0..5 {
            let mut other = bytes.clone();
            other[at * 32..].rotate_left(32);
            assert_ne!(hash(&other), first, "block {at}");
        }
        assert_ne!(hash(&[]), hash(&[0]));
        assert_ne!(hash(&[0]), hash(&[0, 0]));
        assert_eq!(hash(&bytes), first);
    }

    #[test]
    fn samples_tell_other_content_and_every_byte_counts_at_first_and_once_something_was_repeated() {
        let first = [b'a'; 1448];
        fn data(payload: &[u8], sequence: u32) -> Data<'_> {
            Data { sequence, payload, missing: 0, tick: None }
        }
        let mut recent = Recent::default();
        for i in 0..2 * MOST as u32 {
            recent.keep(&data(&first, i * 1448));
        }
        let last = (2 * MOST as u32 - 1) * 1448;
        assert_eq!(recent.segments.iter().filter(|seen| seen.length & 1 == 1).count(), MOST);
        assert_eq!(recent.overlaps(&data(&[b'b'; 1448], last)).count(), 1);
        assert_eq!(recent.overlaps(&data(&first, last)).count(), 0);
        let mut fresh = Recent::default();
        fresh.keep(&data(&first, last + 1448));
        recent.keep(&data(&first, last + 1448));
        for at in 0..first.len() {
            let mut other = first;
            other[at] = b'c';
            for recent in [&mut recent, &mut fresh] {
                assert_eq!(recent.overlaps(&data(&other, last + 1448)).count(), 1, "byte {at}");
            }
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut recent = Recent::default();
        for sequence in 0..1000 {
            recent.keep(&Data { sequence, payload: b"x", missing: 0, tick: None });
        }
        assert_eq!(recent.segments.len(), MOST);
        let payload = [b'y'; 1000];
        let known = recent
            .overlaps(&Data { sequence: 0, payload: &payload, missing: 0, tick: None })
            .count();
        assert_eq!(known, MOST);
    }
}
