//! The framing of one direction: TCP pieces to records, and the search for the framing behind a hole. Knows no key: it
//! asks whether what it finds is a record.

use super::names::Version;
use crate::inspect::GapCause;

/// Bytes of a record's header.
pub(super) const HEADER: usize = 5;
/// Bytes of the largest body that is sent: 2^14 of content, and what a protection may add (RFC 5246 §6.2.3).
pub(super) const LARGEST: usize = (1 << 14) + 2048;
/// Bytes looked at together when the framing is lost: some records of the largest size.
const WINDOW: usize = 64 << 10;

/// ContentType (RFC 8446 §5.1).
pub(super) mod content {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
    /// RFC 6520.
    pub(crate) const HEARTBEAT: u8 = 24;
}

/// A record's header: type, version, length of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) bytes: [u8; HEADER],
}

impl Header {
    pub(super) const fn content(self) -> u8 {
        self.bytes[0]
    }

    /// Bytes of the body.
    pub(super) const fn length(self) -> usize {
        u16::from_be_bytes([self.bytes[3], self.bytes[4]]) as usize
    }

    /// The header that `bytes` begin with, if they can be one.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let header = Self { bytes: *bytes.first_chunk()? };
        let known = matches!(
            header.bytes,
            [content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT, 3, 0..=4, _, _]
        );
        (known && header.length() <= LARGEST).then_some(header)
    }
}

/// What headers have to look like where the framing is searched for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The version that the connection has, once it is known.
    pub(super) version: Option<Version>,
    /// All records are protected as TLS 1.3 does it, and say that they are application data.
    pub(super) sealed: bool,
}

impl Expected {
    /// Whether the bytes there are those of a header that fits, as far as they go.
    fn fits(self, bytes: &[u8]) -> bool {
        // RFC 8446 §5.1: the field says TLS 1.2 for ever.
        let minor = self.version.map(|version| version.min(Version::TLS_1_2).0 as u8);
        let types = if self.sealed {
            content::APPLICATION_DATA..=content::APPLICATION_DATA
        } else {
            content::CHANGE_CIPHER_SPEC..=content::APPLICATION_DATA
        };
        bytes.first().is_none_or(|content| types.contains(content))
            && bytes.get(1).is_none_or(|&major| major == 3)
            && bytes.get(2).is_none_or(|&found| minor.map_or(found <= 4, |minor| minor == found))
            && (bytes.len() < HEADER || Header::of(bytes).is_some_and(|header| header.length() > 0))
    }
}

/// What the next bytes are.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    /// A record that lies whole in the input.
    Whole(Header, &'a [u8]),
    /// A record in the buffer: take the body with [`Framer::body`].
    Buffered(Header),
    /// Behind a loss, and in the buffer: what may be a record. [`Framer::accept`] or [`Framer::reject`] it.
    Candidate(Header, Lost),
    /// These bytes are no header, though nothing is missing before them. They are searched from now on.
    Foreign,
}

/// Bytes whose framing is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// How many there were from the end of the last record on, headers included, where it is known.
    pub(super) bytes: Option<u64>,
    pub(super) cause: GapCause,
}

/// A record whose body is not all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) header: Header,
    pub(super) cause: GapCause,
}

/// The framing of one direction.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Bytes of a record that is not whole yet; after a search also records behind it.
    buffer: Vec<u8>,
    /// Where in it the next record begins.
    start: usize,
    /// Bytes of a damaged record's body that are still to come.
    skip: usize,
    lost: Option<Lost>,
    /// Up to where the buffer was searched.
    searched: usize,
}

impl Framer {
    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the next byte begins a record.
    pub(super) fn is_idle(&self) -> bool {
        self.buffer.is_empty() && self.skip == 0 && self.lost.is_none()
    }

    /// Whether there may be records without further input.
    pub(super) fn has_buffered(&self) -> bool {
        self.start > 0 || self.lost.is_some() && self.searched + HEADER <= self.buffer.len()
    }

    /// What is lost and not found again.
    pub(super) fn lost(&self) -> Option<Lost> {
        self.lost.map(|lost| Lost { bytes: self.reach(lost, self.buffer.len()), ..lost })
    }

    fn reach(&self, lost: Lost, more: usize) -> Option<u64> {
        lost.bytes.map(|bytes| bytes.saturating_add(more as u64))
    }

    /// Takes the bytes held out, to give them again in front of the next.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut bytes = core::mem::take(&mut self.buffer);
        bytes.drain(..core::mem::take(&mut self.start));
        self.searched = 0;
        bytes
    }

    /// The bytes of the stream that are next are missing. Gives the record that they damage, if its header is known.
    pub(super) fn gap(&mut self, missing: Option<u64>, cause: GapCause) -> Option<Damaged> {
        let have = self.buffer.len() - self.start;
        if let Some(lost) = self.lost {
            let bytes = self.reach(lost, have).zip(missing).map(|(a, b)| a.saturating_add(b));
            self.lose(bytes, cause);
            return None;
        }
        let header = Header::of(&self.buffer[self.start..]);
        let (open, damaged) = match header {
            _ if self.skip > 0 => (self.skip, None),
            Some(header) => {
                ((HEADER + header.length()).saturating_sub(have), Some(Damaged { header, cause }))
            }
            None => {
                self.lose(missing.map(|missing| missing.saturating_add(have as u64)), cause);
                return None;
            }
        };
        self.clear();
        match missing {
            Some(missing) if missing <= open as u64 => self.skip = open - missing as usize,
            Some(missing) => self.lose(Some(missing - open as u64), cause),
            None => self.lose(None, cause),
        }
        damaged
    }

    fn clear(&mut self) {
        self.buffer = Vec::new();
        self.start = 0;
        self.searched = 0;
        self.skip = 0;
    }

    fn lose(&mut self, bytes: Option<u64>, cause: GapCause) {
        self.clear();
        self.lost = Some(Lost { bytes, cause });
    }

    /// The next record in the buffer and `input`, off whose front it takes. `None` means that more bytes are needed;
    /// all of `input` is taken then. With `last` no more will come. `spare` is a buffer to use.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
        expected: Expected,
        last: bool,
        spare: &mut Vec<u8>,
    ) -> Option<Frame<'a>> {
        if self.lost.is_some() {
            return self.search(input, expected, last);
        }
        let skipped = self.skip.min(input.len());
        *input = &input[skipped..];
        self.skip -= skipped;
        if self.skip > 0 || input.is_empty() && self.start == self.buffer.len() {
            self.tidy();
            return None;
        }
        if self.start == self.buffer.len() {
            self.tidy();
            // The usual case: nothing is copied.
            if let Some(header) = Header::of(input)
                && let Some(body) = input.get(HEADER..HEADER + header.length())
            {
                *input = &input[HEADER + header.length()..];
                return Some(Frame::Whole(header, body));
            }
        }
        self.fill(HEADER, input, spare);
        let have = &self.buffer[self.start..];
        let Some(header) = Header::of(have) else {
            if have.len() < HEADER {
                return None;
            }
            let held = self.take();
            self.lose(Some(0), GapCause::Lost);
            self.buffer = held;
            return Some(Frame::Foreign);
        };
        let whole = HEADER + header.length();
        self.fill(whole, input, spare);
        if self.buffer.len() - self.start < whole {
            return None;
        }
        Some(Frame::Buffered(header))
    }

    /// Takes input until `length` bytes of the record are in the buffer, which is `spare` where it needs one.
    fn fill(&mut self, length: usize, input: &mut &[u8], spare: &mut Vec<u8>) {
        let have = self.buffer.len() - self.start;
        if have < length {
            self.tidy();
            if self.buffer.capacity() == 0 {
                self.buffer = core::mem::take(spare);
                self.buffer.clear();
            }
            let (more, rest) = input.split_at(input.len().min(length - have));
            self.buffer.extend_from_slice(more);
            *input = rest;
        }
    }

    fn tidy(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..core::mem::take(&mut self.start));
        }
    }

    /// The buffer, and where in it the body of the record that was just found lies. The buffer has to be given back with
    /// [`Self::restore`].
    pub(super) fn body(&mut self, header: Header) -> (Vec<u8>, core::ops::Range<usize>) {
        let from = if self.lost.is_some() { self.searched } else { self.start };
        let body = from + HEADER..from + HEADER + header.length();
        (core::mem::take(&mut self.buffer), body)
    }

    /// Gives the buffer back; the record up to `end` is done, if it is one. A buffer without anything more goes to
    /// `spare`.
    pub(super) fn restore(&mut self, buffer: Vec<u8>, end: Option<usize>, spare: &mut Vec<u8>) {
        self.buffer = buffer;
        if let Some(end) = end {
            self.lost = None;
            self.searched = 0;
            self.start = end;
            if self.start >= self.buffer.len() {
                let buffer = core::mem::take(&mut self.buffer);
                self.clear();
                if spare.capacity() < buffer.capacity() {
                    *spare = buffer;
                }
            }
        } else {
            self.searched += 1;
        }
    }

    /// Gives the buffer back as it was: the candidate will be asked about again.
    pub(super) fn again(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }

    /// Looks for the next bytes that can be a record, and whose end can be the start of another. Linear: each byte is
    /// looked at once, and moved as often as a window has records.
    #[cold]
    fn search<'a>(
        &mut self,
        input: &mut &'a [u8],
        expected: Expected,
        last: bool,
    ) -> Option<Frame<'a>> {
        loop {
            let room = WINDOW.saturating_sub(self.buffer.len());
            let (more, rest) = input.split_at(input.len().min(room));
            self.buffer.extend_from_slice(more);
            *input = rest;
            while let Some(bytes) = self.buffer.get(self.searched..)
                && bytes.len() >= HEADER
            {
                let Some(header) = Header::of(bytes).filter(|_| expected.fits(bytes)) else {
                    self.searched += 1;
                    continue;
                };
                match bytes.get(HEADER + header.length()..) {
                    Some(behind) if expected.fits(behind) => {
                        let mut lost = self.lost?;
                        lost.bytes = self.reach(lost, self.searched);
                        return Some(Frame::Candidate(header, lost));
                    }
                    None if !last => break, // until its end has come
                    _ => self.searched += 1,
                }
            }
            // Where there may be more, the window slides to what was not searched.
            if input.is_empty() && (last || self.buffer.len() < WINDOW) {
                return None;
            }
            if let Some(mut lost) = self.lost {
                lost.bytes = self.reach(lost, self.searched);
                self.lost = Some(lost);
            }
            self.buffer.drain(..core::mem::take(&mut self.searched));
        }
    }
}
