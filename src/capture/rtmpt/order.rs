//! The bodies of one direction of a session, put in the order of their numbers. Knows no HTTP and no connection.

use std::collections::BTreeMap;

use super::super::tcp::Piece;
use crate::inspect::{GapCause, Place};

/// What gets the pieces, each with the place where it was.
pub(super) type Out<'o> = dyn FnMut(Place, Piece<'_>) + 'o;

/// A body on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    /// The number of the request that it belongs to.
    pub(super) number: u64,
    /// How many of its bytes have come.
    pub(super) offset: u64,
    /// How many it has, where that is known.
    pub(super) total: Option<u64>,
}

/// Where a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Its body comes out now.
    Now,
    /// It was begun already, but is not complete.
    Again,
    /// Others have to come first.
    Ahead,
    /// Its body is out.
    Out,
    /// It was given up.
    Late,
    /// It is far below what comes now: the numbers begin anew.
    Anew,
}

/// The order of one direction. Bodies pass through as borrowed slices when their number is the next one; only those of
/// later numbers are held.
#[derive(Debug)]
pub(super) struct Order {
    /// The number whose body comes out now.
    next: u64,
    /// That body, once it has begun.
    now: Option<Now>,
    /// Bodies of later numbers.
    held: BTreeMap<u64, Held>,
    memory: usize,
    /// Numbers that have no body and may be passed over: begin and end.
    absent: BTreeMap<u64, u64>,
    /// Which of the 64 numbers before the next one are out: the lowest bit is the last of them.
    out: u64,
    /// Numbers given up since this was last asked for, and why.
    pub(super) given_up: Option<(u64, u64, GapCause)>,
}

#[derive(Debug, Clone, Copy)]
struct Now {
    /// How many of its bytes are out.
    out: u64,
    total: Option<u64>,
    /// Its connection ended before it was complete.
    cut: bool,
}

/// A body that waits for its turn.
#[derive(Debug, Default)]
struct Held {
    pieces: Vec<(Place, Waiting)>,
    length: u64,
    total: Option<u64>,
    complete: bool,
    cut: bool,
}

#[derive(Debug)]
enum Waiting {
    Bytes(Box<[u8]>),
    Gap(Option<u64>, GapCause),
}

/// What a held body and a held piece cost beside their bytes.
const OVERHEAD: usize = 96;
/// Ranges of absent numbers that are remembered; further ones make a gap where there may be none.
const RANGES: usize = 64;

impl Order {
    /// The order of a direction whose first body has that number.
    pub(super) const fn new(next: u64) -> Self {
        Self {
            next,
            now: None,
            held: BTreeMap::new(),
            memory: 0,
            absent: BTreeMap::new(),
            out: 0,
            given_up: None,
        }
    }

    /// The number whose body comes out now.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// The bytes held, with what holding them costs.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// Whether a body with that number has been seen, waits or was passed over.
    pub(super) fn knows(&self, number: u64) -> bool {
        !matches!(self.turn(number), Turn::Now | Turn::Ahead)
    }

    /// Where a number stands.
    pub(super) fn turn(&self, number: u64) -> Turn {
        if number == self.next {
            return if self.now.is_some() { Turn::Again } else { Turn::Now };
        }
        if number > self.next {
            return if self.held.contains_key(&number) { Turn::Again } else { Turn::Ahead };
        }
        match self.next - number {
            back @ 1..=64 if self.out >> (back - 1) & 1 == 1 => Turn::Out,
            1..=64 => Turn::Late,
            _ => Turn::Anew,
        }
    }

    /// Whether what comes before `number` may be given up for its sake where nothing else can bring it: the body in
    /// front was cut off, or `number` follows others that wait whole.
    pub(super) fn overdue(&self) -> bool {
        self.now.is_some_and(|now| now.cut)
            || !self.held.is_empty() && self.held.values().all(|held| held.complete)
    }

    /// A body begins.
    pub(super) fn begin(&mut self, item: &Item) {
        if item.number == self.next {
            match &mut self.now {
                Some(now) => {
                    now.cut = false;
                    now.total = now.total.or(item.total);
                }
                None => self.now = Some(Now { out: 0, total: item.total, cut: false }),
            }
        } else if item.number > self.next {
            let memory = &mut self.memory;
            let held = self.held.entry(item.number).or_insert_with(|| {
                *memory += OVERHEAD;
                Held::default()
            });
            held.cut = false;
            held.total = held.total.or(item.total);
        }
    }

    /// The next bytes of a body. What another copy of it has brought already is left out.
    pub(super) fn bytes(&mut self, item: &mut Item, data: &[u8], place: Place, out: &mut Out<'_>) {
        let begin = item.offset;
        item.offset += data.len() as u64;
        let new = |have: u64| {
            let old = usize::try_from(have.saturating_sub(begin)).unwrap_or(usize::MAX);
            data.get(old..).filter(|new| !new.is_empty())
        };
        if item.number == self.next {
            let Some(now) = &mut self.now else { return };
            if let Some(new) = new(now.out) {
                now.out = item.offset;
                out(place, Piece::Bytes(new));
            }
        } else if let Some(held) = self.held.get_mut(&item.number)
            && let Some(new) = new(held.length)
        {
            held.length = item.offset;
            held.pieces.push((place, Waiting::Bytes(new.into())));
            self.memory += new.len() + OVERHEAD;
        }
    }

    /// The next bytes of a body are missing.
    pub(super) fn gap(
        &mut self,
        item: &mut Item,
        length: Option<u64>,
        cause: GapCause,
        place: Place,
        out: &mut Out<'_>,
    ) {
        let begin = item.offset;
        item.offset += length.unwrap_or(0);
        let missing = |have: u64| match length {
            Some(_) => {
                Some(item.offset.saturating_sub(have.max(begin))).filter(|&n| n > 0).map(Some)
            }
            None => Some(None),
        };
        if item.number == self.next {
            let Some(now) = &mut self.now else { return };
            if let Some(missing) = missing(now.out) {
                now.out = now.out.max(item.offset);
                out(place, Piece::Gap(missing, cause));
            }
        } else if let Some(held) = self.held.get_mut(&item.number)
            && let Some(missing) = missing(held.length)
        {
            held.length = held.length.max(item.offset);
            held.pieces.push((place, Waiting::Gap(missing, cause)));
            self.memory += OVERHEAD;
        }
    }

    /// A body is complete.
    pub(super) fn end(&mut self, item: &Item, out: &mut Out<'_>) {
        if item.number == self.next {
            self.advance(item.number.saturating_add(1), 1);
            self.flush(out);
        } else if let Some(held) = self.held.get_mut(&item.number) {
            held.complete = true;
        }
    }

    /// The connection that a body came over has ended before it was complete. It may be sent again.
    pub(super) fn cut(&mut self, item: &Item) {
        if item.number == self.next {
            if let Some(now) = &mut self.now {
                now.cut = true;
            }
        } else if let Some(held) = self.held.get_mut(&item.number)
            && !held.complete
        {
            held.cut = true;
        }
    }

    /// The numbers from `begin` up to and without `end` have no body, as far as is known.
    pub(super) fn absent(&mut self, begin: u64, end: u64) {
        let begin = begin.max(self.next);
        if begin >= end {
            return;
        }
        let (mut from, mut to) = (begin, end);
        // Ranges that touch become one.
        while let Some((&b, &e)) = self.absent.range(..=to).next_back() {
            if e < from {
                break;
            }
            self.absent.remove(&b);
            (from, to) = (from.min(b), to.max(e));
        }
        self.absent.insert(from, to);
        if self.absent.len() > RANGES {
            self.absent.pop_first();
        }
    }

    /// Passes over what is absent or was cut off ahead of `number`, as far as that goes.
    pub(super) fn pass(&mut self, number: u64, place: Place, out: &mut Out<'_>) {
        while self.next < number {
            if self.now.is_some_and(|now| now.cut) {
                self.give_up_now(GapCause::Lost, place, out);
                self.advance(self.next.saturating_add(1), 0);
            } else if let Some(end) = self.absent_here().filter(|_| self.now.is_none()) {
                // What is held has come after all.
                let held = self.held.keys().next().map_or(number, |&first| first.min(number));
                self.advance(end.min(held), 0);
            } else {
                return;
            }
            self.flush(out);
        }
    }

    /// Gives up all that is missing ahead of `number`; what waits comes out.
    pub(super) fn give_up(
        &mut self,
        number: u64,
        cause: GapCause,
        place: Place,
        out: &mut Out<'_>,
    ) {
        loop {
            self.flush(out);
            self.pass(number, place, out);
            if self.next >= number {
                return;
            }
            if self.now.is_some() {
                self.give_up_now(cause, place, out);
                self.advance(self.next.saturating_add(1), 0);
                continue;
            }
            // Up to the first that is there, or is known not to be.
            let held = self.held.keys().next().map_or(number, |&first| first.min(number));
            let to =
                self.absent.keys().find(|&&at| at > self.next).map_or(held, |&at| at.min(held));
            out(place, Piece::Gap(None, cause));
            let from = self.given_up.map_or(self.next, |(from, ..)| from.min(self.next));
            self.given_up = Some((from, to, cause));
            self.advance(to, 0);
        }
    }

    /// Holds no more than so many bytes and bodies.
    pub(super) fn keep(&mut self, most: (usize, usize), place: Place, out: &mut Out<'_>) {
        while self.memory > most.0 || self.held.len() > most.1 {
            let Some(&first) = self.held.keys().next() else { return };
            self.give_up(first, GapCause::Overflow, place, out);
        }
    }

    /// Gives up all that is missing ahead of what is held. A body that ends early is the end of the direction and no gap.
    pub(super) fn finish(&mut self, cause: GapCause, place: Place, out: &mut Out<'_>) {
        while let Some(&first) = self.held.keys().next() {
            self.give_up(first, cause, place, out);
        }
    }

    /// The numbers begin anew at `number`.
    pub(super) fn anew(&mut self, number: u64, place: Place, out: &mut Out<'_>) {
        self.finish(GapCause::Lost, place, out);
        *self = Self { given_up: self.given_up, ..Self::new(number) };
    }

    /// What is missing of the body that comes out now is a gap. It is begun no longer.
    fn give_up_now(&mut self, cause: GapCause, place: Place, out: &mut Out<'_>) {
        let Some(now) = self.now.take() else { return };
        match now.total {
            Some(total) if total <= now.out => {}
            total => out(place, Piece::Gap(total.map(|total| total - now.out), cause)),
        }
    }

    fn absent_here(&self) -> Option<u64> {
        let (_, &end) = self.absent.range(..=self.next).next_back()?;
        (end > self.next).then_some(end)
    }

    /// The next number is `to`; of those before it, the lowest bits of `out` say which are out.
    fn advance(&mut self, to: u64, out: u64) {
        let step = to - self.next;
        self.out =
            u32::try_from(step).ok().and_then(|step| self.out.checked_shl(step)).unwrap_or(0);
        self.out |= out;
        self.next = to;
        self.now = None;
        while self.absent.first_key_value().is_some_and(|(_, &end)| end <= to) {
            self.absent.pop_first();
        }
    }

    /// Lets out what waited for the number that comes out now.
    fn flush(&mut self, out: &mut Out<'_>) {
        while let Some(held) = self.held.remove(&self.next) {
            self.memory -= OVERHEAD;
            for (place, piece) in held.pieces {
                self.memory -= OVERHEAD;
                match piece {
                    Waiting::Bytes(bytes) => {
                        self.memory -= bytes.len();
                        out(place, Piece::Bytes(&bytes));
                    }
                    Waiting::Gap(length, cause) => out(place, Piece::Gap(length, cause)),
                }
            }
            if !held.complete {
                self.now = Some(Now { out: held.length, total: held.total, cut: held.cut });
                return;
            }
            self.advance(self.next.saturating_add(1), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u64) -> Item {
        Item { number, offset: 0, total: None }
    }

    fn push(order: &mut Order, number: u64, data: &[u8], came: &mut Vec<u8>) {
        let mut item = item(number);
        let mut out = |_: Place, piece: Piece<'_>| match piece {
            Piece::Bytes(bytes) => came.extend_from_slice(bytes),
            Piece::Gap(..) => came.push(b'-'),
        };
        order.pass(number, Place::default(), &mut out);
        order.begin(&item);
        order.bytes(&mut item, data, Place::default(), &mut out);
        order.end(&item, &mut out);
    }

    #[test]
    fn what_is_absent_is_passed_over_but_not_what_came_all_the_same() {
        let (mut order, mut came) = (Order::new(1), Vec::new());
        push(&mut order, 5, b"e", &mut came);
        order.absent(1, 3);
        order.absent(4, 9);
        order.absent(3, 4);
        assert_eq!((came.len(), order.next(), order.knows(5)), (0, 1, true));
        push(&mut order, 8, b"h", &mut came);
        assert_eq!(came, b"eh");
        assert_eq!((order.next(), order.memory()), (9, 0));
        assert_eq!(
            [5, 7, 8, 9].map(|n| order.turn(n)),
            [Turn::Out, Turn::Late, Turn::Out, Turn::Now]
        );
        order.absent(0, 9);
        push(&mut order, 9, b"i", &mut came);
        assert_eq!(came, b"ehi");
    }

    #[test]
    fn the_last_number_there_is() {
        let (mut order, mut came) = (Order::new(u64::MAX - 1), Vec::new());
        push(&mut order, u64::MAX, b"b", &mut came);
        push(&mut order, u64::MAX - 1, b"a", &mut came);
        push(&mut order, u64::MAX, b"c", &mut came);
        assert_eq!(came, b"abc", "nothing follows it: it is taken for the next one again");
        assert_eq!(order.turn(u64::MAX - 65), Turn::Anew);
        assert_eq!(order.turn(u64::MAX - 64), Turn::Late);
    }

    #[test]
    fn more_ranges_than_are_remembered_make_a_gap() {
        for (ranges, gap) in [(RANGES as u64, false), (RANGES as u64 + 1, true)] {
            let (mut order, mut came) = (Order::new(0), Vec::new());
            for range in 0..ranges {
                order.absent(range * 2, range * 2 + 1);
            }
            push(&mut order, 1, b"x", &mut came);
            order.give_up(1, GapCause::Lost, Place::default(), &mut |_, piece| {
                came.push(if matches!(piece, Piece::Gap(..)) { b'-' } else { b'x' });
            });
            assert_eq!(came.contains(&b'-'), gap, "{ranges}");
        }
    }
}
