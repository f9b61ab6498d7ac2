//! The bytes of the source that are at hand: one block buffer, records walked in place, the cut one carried forward.

use std::io::{self, ErrorKind, Read};

use super::Paused;
use super::compressed::Source;
use crate::Limits;

/// Bytes read at once. Small enough to stay in the second-level cache, large enough to make system calls rare.
const BLOCK: usize = 1 << 20;

/// A window that slides over the source.
#[derive(Debug)]
pub(super) struct Window<R: Read> {
    source: Source<R>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the file of `bytes[0]`.
    base: u64,
    ended: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R, limits: &Limits) -> Self {
        let source = Source::new(source, limits);
        Self { source, bytes: vec![0; BLOCK], start: 0, end: 0, base: 0, ended: false }
    }

    /// The bytes read and not yet consumed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Bytes `[start, end)` of the window as it was before [`Self::consume`] passed them. Valid until the next fill.
    #[inline]
    pub(super) fn behind(&self, back: usize, len: usize) -> &[u8] {
        let from = self.start - back;
        &self.bytes[from..from + len]
    }

    /// How many bytes [`Self::bytes`] holds.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// The offset in the file of the first byte not yet consumed.
    #[inline]
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Where the bytes come from.
    pub(super) const fn source(&self) -> &Source<R> {
        &self.source
    }

    /// Where the bytes come from, to ask it why there are no more.
    pub(super) const fn source_mut(&mut self) -> &mut Source<R> {
        &mut self.source
    }

    /// Whether the source has no more bytes than those in the window.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// Passes over `n` bytes of the window.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.len(), "only bytes at hand can be consumed");
        self.start = (self.start + n).min(self.end);
    }

    /// Reads until `need` bytes are at hand, and not beyond that need; false when the source ends before.
    #[inline]
    pub(super) fn fill(&mut self, need: usize) -> io::Result<bool> {
        if self.len() >= need {
            return Ok(true);
        }
        self.fill_slowly(need)
    }

    /// Reads once; false when that brought nothing, because the source pauses or has ended.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        let need = self.len() + 1;
        self.fetch(need)
    }

    #[cold]
    #[inline(never)]
    fn fill_slowly(&mut self, need: usize) -> io::Result<bool> {
        while self.len() < need && !self.ended {
            self.fetch(need)?;
        }
        Ok(self.len() >= need)
    }

    /// One read; false where it brought nothing.
    fn fetch(&mut self, need: usize) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.make_room(need);
        // Never more than a block at once: what a read brings is then still in the cache when it is walked.
        let until = self.bytes.len().min(self.end + BLOCK);
        loop {
            match self.source.read(&mut self.bytes[self.end..until]) {
                Ok(0) => self.ended = true,
                // A reader that claims more than it was lent is not believed.
                Ok(n) => {
                    self.end = (self.end + n).min(until);
                    return Ok(true);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if Paused::is(&e) => {}
                Err(e) => {
                    self.ended = true;
                    return Err(e);
                }
            }
            return Ok(false);
        }
    }

    /// Makes space behind the bytes at hand. Growth follows the bytes that came, not the need that was declared.
    fn make_room(&mut self, need: usize) {
        let left = self.len();
        // Moving no more than was consumed keeps the whole reading linear, however small the reads are.
        if self.start > 0 && left <= self.start {
            self.bytes.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.start = 0;
            self.end = left;
            if self.bytes.len() > BLOCK && need <= BLOCK {
                self.bytes.truncate(BLOCK.max(left));
                self.bytes.shrink_to_fit();
            }
        }
        if self.end == self.bytes.len() {
            let larger =
                (self.bytes.len() * 2).min(self.start + need).max(self.bytes.len() + BLOCK);
            self.bytes.resize(larger, 0);
        }
    }
}
