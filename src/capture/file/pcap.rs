//! Classic pcap: a file header, then records that carry no mark of their own.
//!
//! Nothing in a record says that it is one, so damage shows only in values that do not fit: lengths that contradict
//! each other, a time far from the last one. Such a record is handed out once the header behind it bears it out;
//! otherwise the next chain of headers that fit is looked for, first inside the record, then behind it.

use std::io::{self, Read};

use super::window::Window;
use super::{Step, Trouble, TroubleKind, u16_at, u32_at, without_fcs};
use crate::Limits;
use crate::capture::link::LinkType;

/// Length of the file header.
pub(super) const FILE_HEADER: usize = 24;
/// The largest snap length that tcpdump and Wireshark allow. A record up to it needs no second look.
const USUAL: u32 = 262_144;
/// A month: records further apart than this are doubted until the next one bears them out.
const CLOSE: u32 = 30 * 86_400;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Written by an old, modified libpcap: records have eight more bytes of header.
const MODIFIED: u32 = 0xa1b2_cd34;

/// Whether a file that begins so is classic pcap.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    [u32::from_le_bytes(magic), u32::from_be_bytes(magic)]
        .iter()
        .any(|m| matches!(*m, MICROSECONDS | NANOSECONDS | MODIFIED))
}

/// What the file header said, and where the walk is in time.
#[derive(Debug)]
pub(super) struct Walk {
    big: bool,
    /// Nanoseconds per unit of the fraction field.
    unit: i64,
    header: usize,
    link: LinkType,
    /// Bytes of frame check sequence at the end of each packet.
    fcs: u32,
    /// The largest record that is read at all.
    most: u32,
    /// Seconds of the last record handed out.
    last: Option<u32>,
}

/// A record header.
#[derive(Debug, Clone, Copy)]
struct Record {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

/// How far a record header can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Nothing unusual.
    Good,
    /// Legal, but rare enough that damage is as likely.
    Odd,
    /// Longer than any record that is read.
    Bad,
}

/// Where the next chain of believable headers is.
enum Search {
    At(usize),
    /// More bytes are needed to tell; the positions before this one are none.
    Unsure(usize, usize),
    No(usize),
}

impl Walk {
    /// Reads the file header; `None` when it is cut.
    pub(super) fn open(head: &[u8], limits: &Limits) -> Option<Self> {
        let head: &[u8; FILE_HEADER] = head.first_chunk()?;
        let big = head[0] == 0xa1;
        let magic = u32_at(head, 0, big);
        let word = u32_at(head, 20, big);
        // The high bits tell whether frames end with a check sequence and its length in 16-bit units.
        let fcs = if word & 0x0400_0000 != 0 { (word >> 28) * 2 } else { 0 };
        Some(Self {
            big,
            unit: if magic == NANOSECONDS { 1 } else { 1_000 },
            header: if magic == MODIFIED { 24 } else { 16 },
            link: LinkType(u16_at(&word.to_le_bytes(), 0, false)),
            fcs,
            most: u32::try_from(limits.record_bytes).unwrap_or(u32::MAX),
            last: None,
        })
    }

    /// Whether the next item is at hand in `bytes`.
    pub(super) fn buffered(&self, bytes: &[u8]) -> bool {
        if bytes.len() < self.header {
            return false;
        }
        let record = self.record(bytes, 0);
        // What is doubted needs the header behind it as well.
        let needed = match self.trust(record, self.last) {
            Trust::Good => self.header,
            Trust::Odd => 2 * self.header,
            Trust::Bad => return false,
        };
        bytes.len() >= record.captured as usize + needed
    }

    /// Goes over one record.
    #[inline]
    pub(super) fn step<R: Read>(&mut self, window: &mut Window<R>) -> io::Result<Step> {
        if !window.fill(self.header)? {
            return Ok(ended(window, self.header));
        }
        let record = self.record(window.bytes(), 0);
        let trust = self.trust(record, self.last);
        if trust == Trust::Bad {
            return self.resynchronise(window);
        }
        let total = self.header + record.captured as usize;
        if !window.fill(total)? {
            return Ok(self.cut(window, trust, total));
        }
        if trust == Trust::Odd
            && let Some(step) = self.doubt(window, record, total)?
        {
            return Ok(step);
        }
        window.consume(total);
        self.last = Some(record.seconds);
        let (len, original_length) = if self.fcs == 0 {
            (record.captured as usize, record.original)
        } else {
            without_fcs(record.captured as usize, record.original, self.fcs)
        };
        // No overflow: 2^32 s and 2^32 us are far below 2^63 ns.
        let time =
            i64::from(record.seconds) * 1_000_000_000 + i64::from(record.fraction) * self.unit;
        let back = record.captured as usize;
        Ok(Step::Packet { time: Some(time), link: self.link, original_length, back, len })
    }

    #[inline]
    fn record(&self, bytes: &[u8], at: usize) -> Record {
        let b = &bytes[at..at + 16];
        Record {
            seconds: u32_at(b, 0, self.big),
            fraction: u32_at(b, 4, self.big),
            captured: u32_at(b, 8, self.big),
            original: u32_at(b, 12, self.big),
        }
    }

    #[inline]
    fn trust(&self, record: Record, last: Option<u32>) -> Trust {
        let close = last.is_none_or(|last| last.abs_diff(record.seconds) <= CLOSE);
        // 1 to the usual length.
        let usual = record.captured.wrapping_sub(1) < USUAL.min(self.most);
        if usual && record.captured <= record.original && close {
            return Trust::Good;
        }
        // Zeros are what a lost block of a disk looks like. They would pass for empty records without end.
        let zeros = record.seconds | record.fraction | record.captured | record.original == 0;
        if zeros || record.captured > self.most { Trust::Bad } else { Trust::Odd }
    }

    /// A whole record that is unlike the others: says what to do instead of handing it out.
    #[cold]
    fn doubt<R: Read>(
        &self,
        window: &mut Window<R>,
        record: Record,
        total: usize,
    ) -> io::Result<Option<Step>> {
        let next = if window.fill(total + self.header)? {
            Some(self.record(window.bytes(), total))
        } else {
            None
        };
        let borne_out = match next {
            Some(next) => self.trust(next, Some(record.seconds)) == Trust::Good,
            None => window.len() == total,
        };
        // More than was on the wire is doubted all the same: records of equal length bear each other's multiples out.
        if borne_out && record.captured <= record.original {
            return Ok(None);
        }
        let mut from = 1;
        loop {
            match self.search(window.bytes(), from, total, window.ended()) {
                Search::At(at) => return Ok(Some(skip(window, at))),
                Search::No(_) => break,
                Search::Unsure(at, need) => {
                    from = at;
                    window.fill(need)?;
                }
            }
        }
        // Nothing better inside: it is taken for what it says, unless that is as unlikely as what follows it.
        let far = self.last.is_some_and(|last| last.abs_diff(record.seconds) > CLOSE);
        let ends_badly = next.is_none_or(|next| self.trust(next, None) == Trust::Bad);
        if !borne_out && (far || record.captured > USUAL) && ends_badly {
            return self.resynchronise(window).map(Some);
        }
        Ok(None)
    }

    /// The file ends inside a record.
    #[cold]
    fn cut<R: Read>(&self, window: &mut Window<R>, trust: Trust, total: usize) -> Step {
        // Good records are simply cut; an odd one may be a wrong length that hides whole records behind it.
        if trust == Trust::Odd
            && let Search::At(at) = self.search(window.bytes(), 1, window.len(), true)
        {
            return skip(window, at);
        }
        ended(window, total)
    }

    /// Passes over bytes until headers make sense again.
    #[cold]
    fn resynchronise<R: Read>(&self, window: &mut Window<R>) -> io::Result<Step> {
        let offset = window.offset();
        let mut from = 1;
        loop {
            match self.search(window.bytes(), from, window.len(), window.ended()) {
                Search::At(at) => {
                    window.consume(at);
                    let bytes = window.offset() - offset;
                    let kind = TroubleKind::Skipped { reason: IMPLAUSIBLE, bytes };
                    return Ok(Step::Trouble(Trouble::new(offset, kind)));
                }
                Search::Unsure(at, need) => {
                    window.consume(at);
                    from = 0;
                    window.fill(need - at)?;
                }
                Search::No(at) if window.ended() => {
                    window.consume(window.len().max(at));
                    let bytes = window.offset() - offset;
                    return Ok(Step::Trouble(Trouble::new(
                        offset,
                        TroubleKind::Rest { reason: IMPLAUSIBLE, bytes },
                    )));
                }
                Search::No(at) => {
                    window.consume(at);
                    from = 0;
                    window.fill(self.header)?;
                }
            }
        }
    }

    /// Looks for a header in `[from, until)` that is believable and followed by another one.
    fn search(&self, bytes: &[u8], from: usize, until: usize, ended: bool) -> Search {
        for at in from..until {
            if at + self.header > bytes.len() {
                return Search::No(at);
            }
            let record = self.record(bytes, at);
            if !self.strict(record) {
                continue;
            }
            let next = at + self.header + record.captured as usize;
            let believed = if next + self.header <= bytes.len() {
                self.trust(self.record(bytes, next), Some(record.seconds)) == Trust::Good
            } else if ended {
                // The last record of the file: it ends there, or its time fits what came before.
                next == bytes.len() || self.last.is_some()
            } else {
                return Search::Unsure(at, next + self.header);
            };
            if believed {
                return Search::At(at);
            }
        }
        Search::No(until)
    }

    /// What a header must be like to be taken for one in the middle of other bytes.
    fn strict(&self, record: Record) -> bool {
        record.captured > 0
            && i64::from(record.fraction) * self.unit < 1_000_000_000
            && record.original <= self.most
            && self.trust(record, self.last) == Trust::Good
    }
}

const IMPLAUSIBLE: &str = "no believable record header";

/// Passes over `at` bytes of a damaged record.
fn skip<R: Read>(window: &mut Window<R>, at: usize) -> Step {
    let offset = window.offset();
    window.consume(at);
    let kind = TroubleKind::Skipped { reason: "a record whose length is wrong", bytes: at as u64 };
    Step::Trouble(Trouble::new(offset, kind))
}

/// The end of the file, in the middle of a record that needs `needed` bytes or between two.
#[cold]
pub(super) fn ended<R: Read>(window: &mut Window<R>, needed: usize) -> Step {
    let (offset, had) = (window.offset(), window.len());
    if had == 0 {
        return Step::End;
    }
    window.consume(had);
    let kind = TroubleKind::Truncated { needed: needed as u64, had: had as u64 };
    Step::Trouble(Trouble::new(offset, kind))
}
