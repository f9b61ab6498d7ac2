//! IP datagrams put together from their fragments, in bounded memory.
//!
//! Each byte is stored once and the first one wins. A fragment costs what it holds and a fixed surcharge, so neither
//! offsets nor tiny fragments claim more memory than [`Limits::fragment_bytes`].

use std::collections::{BTreeMap, HashMap};

use super::packet::{Address, Fragment, Parsed, resume};
use crate::Limits;

/// The longest content of a datagram; a fragment that reaches beyond it is a forgery.
const LONGEST: u32 = 65_535;
/// What a stored piece costs besides its bytes: its place in the map and the allocation.
const SURCHARGE: usize = 64;

/// Fragments whose datagrams are not yet complete.
#[derive(Debug)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Partial>,
    /// Which datagram began when, to find the oldest.
    order: BTreeMap<u64, Key>,
    begun: u64,
    bytes: usize,
    most_bytes: usize,
    most_datagrams: usize,
    given_up: u64,
}

/// What fragments of one datagram have in common. IPv4 tells protocols apart; in IPv6 only the first one matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: Address,
    dst: Address,
    identification: u32,
    protocol: Option<u8>,
}

impl Key {
    fn of(fragment: &Fragment<'_>) -> Self {
        let Fragment { src, dst, identification, protocol, .. } = *fragment;
        let protocol = matches!(src, Address::V4(_)).then_some(protocol);
        Self { src, dst, identification, protocol }
    }
}

/// A datagram with holes.
#[derive(Debug)]
struct Partial {
    number: u64,
    since: Option<i64>,
    pieces: BTreeMap<u32, Vec<u8>>,
    /// Bytes in `pieces`, which never overlap.
    held: u32,
    /// Where the content ends, once the last fragment is there.
    end: Option<u32>,
    protocol: u8,
    /// Bytes of ranges that came again with other values.
    differing: u64,
}

impl Partial {
    fn cost(&self) -> usize {
        self.held as usize + (self.pieces.len() + 1) * SURCHARGE
    }

    fn is_complete(&self) -> bool {
        self.end == Some(self.held)
    }

    /// Stores what of `data` is not there yet, and holds the rest against what is.
    fn add(&mut self, offset: u32, data: &[u8]) {
        let end = u32::try_from(data.len()).map_or(LONGEST, |len| offset.saturating_add(len));
        let end = end.min(self.end.unwrap_or(LONGEST));
        let mut from = offset;
        if let Some((at, piece)) = self.pieces.range(..offset).next_back() {
            from = offset.max(at + piece.len() as u32);
            let first = piece.get((offset - at) as usize..).unwrap_or_default();
            self.differing += differing(first, &data[..(end.max(offset) - offset) as usize]);
        }
        while from < end {
            let next = self.pieces.range(from..).next().map(|(at, piece)| {
                if *at < end {
                    let again = &data[(at - offset) as usize..(end - offset) as usize];
                    self.differing += differing(piece, again);
                }
                (*at, at + piece.len() as u32)
            });
            let (until, resume) = next.map_or((end, end), |(at, past)| (at.min(end), past));
            if from < until {
                let piece = &data[(from - offset) as usize..(until - offset) as usize];
                self.pieces.insert(from, piece.to_vec());
                self.held += until - from;
            }
            from = resume;
        }
    }

    /// The content ends at `end`: what was stored beyond is no part of it.
    fn close(&mut self, end: u32) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        self.pieces.split_off(&end);
        if let Some((at, piece)) = self.pieces.iter_mut().next_back() {
            piece.truncate((end - at) as usize);
        }
        self.held = self.pieces.values().map(|piece| piece.len() as u32).sum();
    }
}

/// A whole datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Datagram {
    src: Address,
    dst: Address,
    protocol: u8,
    data: Vec<u8>,
    differing: u64,
}

impl Datagram {
    /// Bytes of ranges that its fragments had more than once, with different values: what came first is in it.
    pub(super) const fn differing(&self) -> u64 {
        self.differing
    }

    /// Goes on with its content as [`super::packet::segment`] does with a packet's. Offsets in faults count from the
    /// start of the content.
    #[must_use]
    pub(super) fn parse(&self) -> Parsed<'_> {
        resume(self.src, self.dst, self.protocol, &self.data)
    }
}

impl Fragments {
    /// None yet.
    #[must_use]
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            datagrams: HashMap::new(),
            order: BTreeMap::new(),
            begun: 0,
            bytes: 0,
            most_bytes: limits.fragment_bytes,
            most_datagrams: limits.fragment_datagrams,
            given_up: 0,
        }
    }

    /// How many datagrams are waiting for fragments.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        self.datagrams.len()
    }

    /// How many datagrams were given up so far: too old, or pushed out by newer ones.
    #[must_use]
    pub(super) const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Takes a fragment captured at `time`; gives the datagram that it completes.
    pub(super) fn push(&mut self, fragment: &Fragment<'_>, time: Option<i64>) -> Option<Datagram> {
        let length = u32::try_from(fragment.data.len()).ok()?.checked_add(fragment.missing)?;
        let end = fragment.offset.checked_add(length).filter(|end| *end <= LONGEST)?;
        let key = Key::of(fragment);
        if let Some(partial) = self.datagrams.get(&key)
            && let (Some(since), Some(now)) = (partial.since, time)
            && now.saturating_sub(since) > Limits::FRAGMENT_SECONDS * 1_000_000_000
        {
            self.give_up(key);
        }
        let begun = &mut self.begun;
        let order = &mut self.order;
        let partial = self.datagrams.entry(key).or_insert_with(|| {
            *begun += 1;
            order.insert(*begun, key);
            self.bytes += SURCHARGE;
            Partial {
                number: *begun,
                since: time,
                pieces: BTreeMap::new(),
                held: 0,
                end: None,
                protocol: fragment.protocol,
                differing: 0,
            }
        });
        self.bytes -= partial.cost();
        if fragment.offset == 0 {
            partial.protocol = fragment.protocol;
        }
        if !fragment.more {
            partial.close(end);
        }
        partial.add(fragment.offset, fragment.data);
        self.bytes += partial.cost();
        if partial.is_complete() {
            return self.complete(key);
        }
        while self.bytes > self.most_bytes || self.datagrams.len() > self.most_datagrams {
            let Some(oldest) = self.order.values().next().copied() else { break };
            self.give_up(oldest);
        }
        None
    }

    fn remove(&mut self, key: Key) -> Option<Partial> {
        let partial = self.datagrams.remove(&key)?;
        self.order.remove(&partial.number);
        self.bytes -= partial.cost();
        Some(partial)
    }

    fn give_up(&mut self, key: Key) {
        if self.remove(key).is_some() {
            self.given_up += 1;
        }
    }

    fn complete(&mut self, key: Key) -> Option<Datagram> {
        let partial = self.remove(key)?;
        let mut data = Vec::with_capacity(partial.held as usize);
        for piece in partial.pieces.values() {
            data.extend_from_slice(piece);
        }
        let Partial { protocol, differing, .. } = partial;
        Some(Datagram { src: key.src, dst: key.dst, protocol, data, differing })
    }
}

/// The length that two runs of bytes from the same place have in common, if their bytes there differ.
fn differing(first: &[u8], again: &[u8]) -> u64 {
    let length = first.len().min(again.len());
    if first[..length] == again[..length] { 0 } else { length as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRC: Address = Address::V4([10, 0, 0, 1]);
    const DST: Address = Address::V4([10, 0, 0, 2]);

    fn part(identification: u32, offset: u32, data: &[u8], more: bool) -> Fragment<'_> {
        Fragment { src: SRC, dst: DST, identification, protocol: 6, offset, more, data, missing: 0 }
    }

    fn fragments(bytes: usize, datagrams: usize) -> Fragments {
        Fragments::new(&Limits {
            fragment_bytes: bytes,
            fragment_datagrams: datagrams,
            ..Limits::default()
        })
    }

    #[test]
    fn any_order_gives_the_datagram() {
        let content: Vec<u8> = (0..40).collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let mut table = Fragments::new(&Limits::default());
            let mut whole = None;
            for n in order {
                assert_eq!(whole, None);
                let (from, to) = (n * 16, ((n + 1) * 16).min(40));
                whole = table.push(&part(7, from as u32, &content[from..to], n < 2), None);
            }
            assert_eq!(whole.unwrap().data, content);
            assert_eq!(
                (table.waiting(), table.bytes, table.order.len(), table.given_up()),
                (0, 0, 0, 0)
            );
        }
    }

    #[test]
    fn the_first_bytes_win_where_fragments_overlap() {
        let mut table = Fragments::new(&Limits::default());
        assert_eq!(table.push(&part(1, 8, b"bbbbbbbb", true), None), None);
        assert_eq!(table.push(&part(1, 24, b"dddddddd", true), None), None);
        assert_eq!(table.push(&part(1, 0, &[b'x'; 40], true), None), None);
        let whole = table.push(&part(1, 32, b"yyyyyyyyzz", false), None).unwrap();
        assert_eq!(whole.data, b"xxxxxxxxbbbbbbbbxxxxxxxxddddddddxxxxxxxxzz");
        assert_eq!(whole.differing(), 8 + 8 + 8);

        // Those that have the same bytes again are no matter, however they overlap.
        let content: Vec<u8> = (0..60).collect();
        for parts in [[(0, 24), (16, 40), (0, 40)], [(32, 48), (8, 56), (0, 16)]] {
            let mut table = Fragments::new(&Limits::default());
            for (from, to) in parts {
                table.push(&part(1, from as u32, &content[from..to], true), None);
            }
            table.push(&part(1, 0, &content[..48], true), None);
            let whole = table.push(&part(1, 40, &content[40..], false), None).unwrap();
            assert_eq!((whole.data.as_slice(), whole.differing()), (&content[..], 0));
        }
    }

    #[test]
    fn bytes_beyond_the_last_fragment_are_no_part_of_it() {
        let mut table = Fragments::new(&Limits::default());
        table.push(&part(1, 0, &[1; 24], true), None);
        table.push(&part(1, 64, &[9; 8], true), None);
        assert_eq!(table.push(&part(1, 16, &[2; 2], false), None).unwrap().data, [1; 18]);
        assert_eq!(table.bytes, 0);
    }

    #[test]
    fn the_oldest_goes_at_the_limit_and_one_more() {
        let mut table = fragments(1 << 20, 2);
        for id in 1..=2 {
            table.push(&part(id, 0, &[id as u8; 8], true), None);
        }
        assert_eq!((table.waiting(), table.given_up()), (2, 0));
        table.push(&part(3, 0, &[3; 8], true), None);
        assert_eq!((table.waiting(), table.given_up()), (2, 1));
        assert_eq!(table.push(&part(1, 8, b"late", false), None), None, "its beginning is gone");
        assert!(table.push(&part(3, 8, b"end", false), None).is_some());

        let cost = 8 + 2 * SURCHARGE;
        let mut table = fragments(2 * cost, 1_000);
        table.push(&part(1, 0, &[1; 8], true), None);
        table.push(&part(2, 0, &[1; 8], true), None);
        assert_eq!(table.given_up(), 0);
        table.push(&part(2, 8, &[1; 1], true), None);
        assert_eq!((table.waiting(), table.given_up()), (1, 1));
    }

    #[test]
    fn an_old_identification_is_another_datagram() {
        let mut table = Fragments::new(&Limits::default());
        table.push(&part(1, 0, b"oldoldol", true), Some(0));
        assert_eq!(table.push(&part(1, 8, b"new", false), Some(31_000_000_000)), None);
        assert_eq!(
            table.push(&part(1, 0, b"newnewne", true), Some(31_000_000_000)).unwrap().data,
            b"newnewnenew"
        );
        assert_eq!(table.given_up(), 1);
    }

    #[test]
    fn forged_offsets_and_cut_fragments_cost_nothing_and_complete_nothing() {
        let mut table = Fragments::new(&Limits::default());
        assert_eq!(table.push(&part(1, 65_528, &[0; 8], true), None), None);
        assert_eq!(table.waiting(), 0);
        let cut = Fragment { missing: 8, ..part(2, 0, &[0; 8], true) };
        assert_eq!(table.push(&cut, None), None);
        assert_eq!(table.push(&part(2, 16, b"end", false), None), None);
        assert_eq!(table.waiting(), 1);
    }

    #[test]
    fn memory_is_bounded_and_many_fragments_end_quickly() {
        let mut table = Fragments::new(&Limits::default());
        for n in 0..40_000_u32 {
            let place = 65_000 - (n % 8_000) * 8;
            table.push(&part(n / 8_000, place, &[0; 8], true), None);
            assert!(table.bytes <= Limits::default().fragment_bytes);
        }
        for _ in 0..100 {
            table.push(&part(0, 0, &[0; 65_000], true), None);
        }
        assert!(table.bytes <= Limits::default().fragment_bytes);
    }
}
