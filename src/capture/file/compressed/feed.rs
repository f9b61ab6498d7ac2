//! The compressed bytes at hand. It knows no format, only whether the source ended or failed.

use std::io::{self, BufRead, ErrorKind, Read};

use super::super::Paused;

/// Compressed bytes read at once.
const BLOCK: usize = 64 << 10;

/// A buffer over the source that remembers how its reading ended.
pub(super) struct Feed<R> {
    source: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the file of `bytes[0]`.
    base: u64,
    ended: bool,
    /// Somebody asked for bytes behind the last one.
    exhausted: bool,
    /// The source itself failed: what a decompressor then says is not about its data.
    failed: bool,
}

impl<R: Read> Feed<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            bytes: vec![0; BLOCK],
            start: 0,
            end: 0,
            base: 0,
            ended: false,
            exhausted: false,
            failed: false,
        }
    }

    /// The bytes read and not yet consumed.
    pub(super) fn at_hand(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The offset in the file of the first byte not yet consumed.
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Bytes read from the source so far.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.base + self.end as u64
    }

    pub(super) const fn exhausted(&self) -> bool {
        self.exhausted
    }

    pub(super) const fn failed(&self) -> bool {
        self.failed
    }

    /// Up to `n` bytes without consuming them: fewer only where the source ends.
    pub(super) fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        debug_assert!(n <= BLOCK, "a look ahead fits the buffer");
        while self.end - self.start < n && !self.ended {
            self.bytes.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
            self.fetch()?;
        }
        Ok(&self.bytes[self.start..self.end.min(self.start + n)])
    }

    /// Passes over `n` bytes; false when the source ends before.
    pub(super) fn skip(&mut self, mut n: u64) -> io::Result<bool> {
        while n > 0 {
            let len = self.fill_buf()?.len();
            if len == 0 {
                return Ok(false);
            }
            let now = n.min(len as u64);
            self.consume(now as usize);
            n -= now;
        }
        Ok(true)
    }

    /// Bytes as they are: those at hand, then straight from the source.
    #[inline]
    pub(super) fn plain(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start < self.end {
            return self.read(buffer);
        }
        if self.ended {
            return Ok(0);
        }
        let n = self.source.read(buffer)?.min(buffer.len());
        self.base += n as u64;
        Ok(n)
    }

    fn fetch(&mut self) -> io::Result<()> {
        loop {
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.ended = true,
                // A reader that claims more than it was lent is not believed.
                Ok(n) => self.end = (self.end + n).min(self.bytes.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Decompressors would take it for a failure.
                Err(error) if Paused::is(&error) => continue,
                Err(error) => {
                    (self.ended, self.failed) = (true, true);
                    return Err(error);
                }
            }
            return Ok(());
        }
    }
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Feed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.ended {
            self.base += self.end as u64;
            (self.start, self.end) = (0, 0);
            self.fetch()?;
        }
        self.exhausted |= self.start == self.end;
        Ok(self.at_hand())
    }

    fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }
}
