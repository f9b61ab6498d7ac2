//! One direction of a TCP connection, put in order from captured segments. Knows no RTMP and no other direction.

use std::collections::BTreeMap;

use super::recent::{Known, Recent};
use crate::Limits;
use crate::inspect::GapCause;

/// What reassembly gives: bytes in order, or the word that some are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes of the stream.
    Bytes(&'a [u8]),
    /// The next bytes of the stream are missing; how many, where that is known.
    Gap(Option<u64>, GapCause),
}

/// A captured segment's part that matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data<'a> {
    /// The sequence number of the first byte of `payload`.
    pub(super) sequence: u32,
    /// The bytes captured.
    pub(super) payload: &'a [u8],
    /// How many more the segment had: the snap length cut them off.
    pub(super) missing: u32,
    /// When it came, as [`Recent::tick`] has it.
    pub(super) tick: Option<u32>,
}

/// The reassembly of one direction.
///
/// In-order data passes through as a borrowed slice; only segments beyond a hole are copied. A hole is declared when
/// the peer has acknowledged past it (and a few more packets have passed, because captures reorder), when the limits
/// are reached, or at the end: never by the clock. Where segments overlap, the first data wins.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// The sequence number of the next byte in order; meaningless before `started`.
    next: u32,
    /// Stream position of that byte.
    position: u64,
    started: bool,
    /// Segments beyond a hole, by stream position; they do not overlap.
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// Stream position up to which the peer has acknowledged.
    acknowledged: u64,
    /// Packets of the connection seen since the hole in front was acknowledged past.
    patience: u8,
    /// Segments in a row that lie too far ahead to belong here.
    strays: u8,
    fin: Option<u64>,
    /// The latest segments that were taken, by their hashes.
    recent: Recent,
    /// What the network did.
    pub(super) counts: Counts,
}

/// What the network did to one direction, in segments and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Segments with data.
    pub(super) segments: u64,
    /// Segments that held only bytes seen before.
    pub(super) retransmitted: u64,
    /// The bytes of those.
    pub(super) retransmitted_bytes: u64,
    /// Segments that the capture has twice.
    pub(super) duplicates: u64,
    /// Segments that came ahead of a hole.
    pub(super) out_of_order: u64,
    /// Segments that came behind others that they precede.
    pub(super) late: u64,
    /// Overlaps whose bytes were not those that came first.
    pub(super) differing: Option<Differing>,
}

/// Overlaps whose bytes were not those that came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Differing {
    /// Stream position of the first.
    pub(super) position: u64,
    /// How many there were.
    pub(super) times: u64,
    /// The bytes of the ranges that were compared and found to differ.
    pub(super) bytes: u64,
}

impl Counts {
    fn differs(&mut self, position: u64, length: usize) {
        let differing = self.differing.get_or_insert(Differing { position, times: 0, bytes: 0 });
        differing.times += 1;
        differing.bytes += length as u64;
    }
}

#[derive(Debug)]
struct Held {
    bytes: Box<[u8]>,
    missing: u32,
}

/// What a held segment costs beside its bytes, so that many tiny ones count for what they take.
const OVERHEAD: usize = 96;
/// Packets to wait after the peer has acknowledged past a hole: the capture may have them out of order.
const PATIENCE: u8 = 16;
/// How far ahead a RST may be: what is on the way at most, where windows are large.
const WINDOW: i64 = 1 << 20;
/// How far behind a RST may be: some systems send it with the last number that was acknowledged.
const BEHIND: i64 = 64 << 10;
/// A segment further ahead than this belongs to another life of the connection, or is damaged.
const FAR: i64 = 64 << 20;
/// So many of them in a row are believed.
const STRAYS: u8 = 8;

impl Half {
    /// Begins the stream: `sequence` is that of its first byte (one past the SYN's).
    pub(super) fn start(&mut self, sequence: u32) {
        self.next = sequence;
        self.started = true;
    }

    /// Whether the stream has begun.
    pub(super) const fn started(&self) -> bool {
        self.started
    }

    /// Whether the FIN has come and every byte before it is out.
    pub(super) fn finished(&self) -> bool {
        self.fin.is_some_and(|end| self.position >= end)
    }

    /// Whether the bytes before `sequence` are out, as far as it belongs to this stream.
    pub(super) fn reaches(&self, sequence: u32) -> bool {
        let ahead = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        // A FIN counts as a byte.
        !self.started || ahead <= i64::from(self.finished()) || ahead > FAR
    }

    /// Whether bytes from `sequence` on are out.
    pub(super) fn passed(&self, sequence: u32) -> bool {
        self.started && !self.finished() && self.next.wrapping_sub(sequence).cast_signed() > 0
    }

    /// The sequence number of the next byte in order.
    pub(super) const fn next(&self) -> u32 {
        self.next
    }

    /// Whether a RST with this sequence number lies where no window can be: behind what came, or far ahead.
    pub(super) fn is_far(&self, sequence: u32) -> bool {
        let ahead = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        self.started && !self.finished() && !(-BEHIND..=WINDOW).contains(&ahead)
    }

    fn position_of(&self, sequence: u32) -> Option<u64> {
        let distance = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        self.position.checked_add_signed(distance)
    }

    /// Takes a segment that is the next one and whole, without anything held: its payload is what comes out. `false`
    /// leaves it to [`segment`](Self::segment).
    #[inline]
    pub(super) fn in_order(&mut self, data: &Data<'_>) -> bool {
        let next =
            data.sequence == self.next && self.started && data.missing == 0 && self.held.is_empty();
        if next {
            self.counts.segments += 1;
            self.strays = 0;
            self.recent.keep(data);
            self.advance(data.payload.len() as u64);
        }
        next
    }

    /// Takes a segment. `total` counts the bytes held by all connections.
    #[inline]
    pub(super) fn segment(
        &mut self,
        data: Data<'_>,
        limits: &Limits,
        total: &mut usize,
        out: &mut impl FnMut(Piece<'_>),
    ) {
        if !self.started {
            self.start(data.sequence);
        }
        if data.payload.is_empty() && data.missing == 0 {
            return;
        }
        self.counts.segments += 1;
        if data.sequence == self.next && self.held.is_empty() {
            self.strays = 0;
            self.recent.keep(&data);
            self.give(data.payload, data.missing, out);
            return;
        }
        self.out_of_line(data, limits, total, out);
    }

    fn give(&mut self, payload: &[u8], missing: u32, out: &mut impl FnMut(Piece<'_>)) {
        if !payload.is_empty() {
            out(Piece::Bytes(payload));
        }
        if missing > 0 {
            out(Piece::Gap(Some(u64::from(missing)), GapCause::Snaplen));
        }
        self.advance(payload.len() as u64 + u64::from(missing));
    }

    fn advance(&mut self, n: u64) {
        self.position += n;
        self.next = self.next.wrapping_add(n as u32);
    }

    #[cold]
    fn out_of_line(
        &mut self,
        data: Data<'_>,
        limits: &Limits,
        total: &mut usize,
        out: &mut impl FnMut(Piece<'_>),
    ) {
        let Data { sequence, mut payload, mut missing, .. } = data;
        let distance = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        let length = payload.len() as i64 + i64::from(missing);
        if distance + length <= 0 {
            // Seen before: a retransmission, a copy of the packet, a keep-alive.
            self.repeated(&data, distance);
            return;
        }
        if distance > FAR {
            self.strays += 1;
            if self.strays < STRAYS {
                return;
            }
            self.declare(u64::MAX, GapCause::Lost, total, out);
            let hole = u64::from(sequence.wrapping_sub(self.next));
            out(Piece::Gap(Some(hole), GapCause::Lost));
            self.advance(hole);
            self.strays = 0;
            self.give(payload, missing, out);
            return;
        }
        self.strays = 0;
        let mut position = self.position;
        if distance < 0 {
            // Its front is old: the first data wins.
            let old = (-distance) as usize;
            self.compare(&data, distance);
            if old >= payload.len() {
                missing -= (old - payload.len()) as u32;
                payload = &[];
            } else {
                payload = &payload[old..];
            }
        } else {
            position += distance as u64;
        }
        let before = self.held_bytes;
        self.hold(position, payload, missing, total);
        if self.held_bytes == before {
            // All of it was held already, and was compared there.
            if self.recent.overlaps(&data).any(|known| known == Known::Twice) {
                self.twice();
            } else {
                self.again(&data);
            }
            return;
        }
        if position > self.position {
            self.counts.out_of_order += 1;
        } else if self.held.len() > 1 {
            self.counts.late += 1;
        }
        if distance >= 0 {
            self.recent.keep(&data);
        }
        self.release(total, out);
        if self.held_bytes > limits.reorder_bytes {
            self.declare(self.position, GapCause::Lost, total, out);
        }
    }

    /// Bytes held, with what holding them costs.
    pub(super) const fn held(&self) -> usize {
        self.held_bytes
    }

    /// All connections together hold too much: this one waits no longer for what is missing.
    pub(super) fn let_go(&mut self, total: &mut usize, out: &mut impl FnMut(Piece<'_>)) {
        self.declare(u64::MAX, GapCause::Lost, total, out);
    }

    /// Stream bytes that came out or are known to be missing.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// A segment that holds only bytes seen before: a retransmission, a copy of the packet, a keep-alive.
    fn repeated(&mut self, data: &Data<'_>, distance: i64) {
        if data.payload.len() <= 1 && distance == -1 {
            return; // a keep-alive, whose byte means nothing
        }
        if self.compare(data, distance) {
            self.twice();
        } else {
            self.again(data);
        }
    }

    fn twice(&mut self) {
        self.counts.segments -= 1;
        self.counts.duplicates += 1;
    }

    fn again(&mut self, data: &Data<'_>) {
        self.counts.retransmitted += 1;
        self.counts.retransmitted_bytes += data.payload.len() as u64 + u64::from(data.missing);
    }

    /// Holds what a segment repeats of bytes given out against what is remembered of them; whether it is the same
    /// packet once more.
    fn compare(&mut self, data: &Data<'_>, distance: i64) -> bool {
        let mut twice = false;
        let begin = self.position.saturating_add_signed(distance);
        for known in self.recent.overlaps(data) {
            match known {
                Known::Twice => twice = true,
                Known::Differs { at, length } => self.counts.differs(begin + at as u64, length),
            }
        }
        twice
    }

    /// Keeps the parts of a segment that are not held yet.
    fn hold(&mut self, mut position: u64, mut payload: &[u8], mut missing: u32, total: &mut usize) {
        // What reaches over from the held segment before it.
        if let Some((&start, before)) = self.held.range(..=position).next_back() {
            let end = start + before.bytes.len() as u64 + u64::from(before.missing);
            if end > position {
                let first = before.bytes.get((position - start) as usize..).unwrap_or_default();
                if let Some(length) = differing(first, payload) {
                    self.counts.differs(position, length);
                }
                let old = end - position;
                (payload, missing) = cut(payload, missing, old);
                position = end;
            }
        }
        while !payload.is_empty() || missing > 0 {
            let next = self.held.range(position..).next().map(|(&start, held)| {
                (start, start + held.bytes.len() as u64 + u64::from(held.missing))
            });
            let length = payload.len() as u64 + u64::from(missing);
            let room = next.map_or(length, |(start, _)| (start - position).min(length));
            if room > 0 {
                let bytes = &payload[..payload.len().min(room as usize)];
                let cut_off = (room - bytes.len() as u64) as u32;
                self.held_bytes += bytes.len() + OVERHEAD;
                *total += bytes.len() + OVERHEAD;
                self.held.insert(position, Held { bytes: bytes.into(), missing: cut_off });
            }
            let Some((start, end)) = next.filter(|_| room < length) else { return };
            let again = payload.get(room as usize..).unwrap_or_default();
            if let Some(held) = self.held.get(&start)
                && let Some(length) = differing(&held.bytes, again)
            {
                self.counts.differs(start, length);
            }
            let skip = end - position;
            if skip >= length {
                return;
            }
            (payload, missing) = cut(payload, missing, skip);
            position = end;
        }
    }

    /// Gives out what is held and in order now.
    fn release(&mut self, total: &mut usize, out: &mut impl FnMut(Piece<'_>)) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.position {
                return;
            }
            let held = entry.remove();
            self.held_bytes -= held.bytes.len() + OVERHEAD;
            *total -= held.bytes.len() + OVERHEAD;
            self.patience = 0;
            self.give(&held.bytes, held.missing, out);
        }
    }

    /// Declares the holes before `position` missing and gives out what is held beyond them.
    fn declare(
        &mut self,
        position: u64,
        cause: GapCause,
        total: &mut usize,
        out: &mut impl FnMut(Piece<'_>),
    ) {
        loop {
            let Some((&start, _)) = self.held.first_key_value() else { return };
            if self.position > position {
                return;
            }
            out(Piece::Gap(Some(start - self.position), cause));
            self.advance(start - self.position);
            self.release(total, out);
        }
    }

    /// Whether an acknowledgement up to `sequence` says nothing new.
    #[inline]
    pub(super) fn settled(&self, sequence: u32) -> bool {
        sequence == self.next && self.held.is_empty() || !self.started
    }

    /// The other side acknowledges everything before `sequence`.
    pub(super) fn acknowledged(
        &mut self,
        sequence: u32,
        total: &mut usize,
        out: &mut impl FnMut(Piece<'_>),
    ) {
        if !self.started {
            return;
        }
        if sequence != self.next
            && let Some(position) = self.position_of(sequence)
            && position > self.acknowledged
            && position < self.position + FAR as u64
        {
            self.acknowledged = position;
        }
        if !self.held.is_empty() {
            self.wait(total, out);
        }
    }

    /// One more packet of the connection has passed while there is a hole.
    #[cold]
    fn wait(&mut self, total: &mut usize, out: &mut impl FnMut(Piece<'_>)) {
        let Some((&start, _)) = self.held.first_key_value() else { return };
        if self.acknowledged < start {
            return;
        }
        self.patience += 1;
        if self.patience >= PATIENCE {
            self.declare(self.position, GapCause::Lost, total, out);
        }
    }

    /// The FIN's sequence number.
    pub(super) fn fin(&mut self, sequence: u32) {
        if !self.started {
            self.start(sequence);
        }
        if self.fin.is_none() {
            self.fin = self.position_of(sequence).filter(|&end| end <= self.position + FAR as u64);
        }
    }

    /// The capture or the connection is over: what is held comes out, and every hole is declared, also one at the very
    /// end that the peer acknowledged or a FIN lies behind.
    pub(super) fn end(&mut self, total: &mut usize, out: &mut impl FnMut(Piece<'_>)) {
        self.declare(u64::MAX, GapCause::Lost, total, out);
        // An acknowledged FIN counts as one byte more than there is.
        let end = self.fin.unwrap_or(self.acknowledged);
        if end > self.position {
            out(Piece::Gap(Some(end - self.position), GapCause::Lost));
            self.advance(end - self.position);
        }
    }
}

/// The length that two runs of bytes from the same place have in common, where their bytes there differ.
fn differing(first: &[u8], again: &[u8]) -> Option<usize> {
    let length = first.len().min(again.len());
    (first[..length] != again[..length]).then_some(length)
}

/// A segment without its first `n` bytes.
fn cut(payload: &[u8], missing: u32, n: u64) -> (&[u8], u32) {
    match payload.get(n as usize..) {
        Some(rest) => (rest, missing),
        None => (&[], u64::from(missing).saturating_sub(n - payload.len() as u64) as u32),
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
