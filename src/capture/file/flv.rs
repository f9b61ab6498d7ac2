//! FLV files: a header, then tags with the size of each behind it. What a tag's payload means it does not know.
//!
//! Defined by: FLV 10.1 annex E; its Enhanced RTMP extensions are inside the payloads. A tag is believed where the
//! PreviousTagSize behind it says its length, or where another tag begins behind a wrong one. Otherwise the next tag
//! that its PreviousTagSize proves is looked for, first inside the bytes that the damaged one claims.
//!
//! The timestamp's upper byte makes it signed as the format has it. Players read it without a sign, as is done here:
//! a live stream passes 2^31 ms after 25 days.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::window::Window;
use super::{Step, Trouble, TroubleKind, u32_at};
use crate::Limits;

/// Length of the file header without the PreviousTagSize behind it.
pub(super) const FILE_HEADER: usize = 9;
/// Bytes of a PreviousTagSize.
const BACK: usize = 4;
/// Bytes of a tag's header.
const HEADER: usize = 11;
/// The longest file header that is passed over. Version 1 has 9 bytes, and there is no other.
const LONGEST: usize = 1024;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const SCRIPT: u8 = 18;

/// Whether a file that begins so is FLV: its version follows the signature.
pub(super) const fn is_magic(magic: [u8; 4]) -> bool {
    matches!(magic, [b'F', b'L', b'V', 0..=8])
}

/// A tag's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// The type, with the filter bit and two reserved ones above it.
    first: u8,
    /// Bytes of payload.
    pub(super) size: u32,
    /// Milliseconds.
    pub(super) timestamp: u32,
    /// Always 0, says the format.
    pub(super) stream_id: u32,
}

impl Tag {
    fn read(bytes: &[u8], at: usize) -> Self {
        let word = |from: usize| u32_at(bytes, at + from, true);
        Self {
            first: bytes[at],
            size: word(0) & 0xff_ffff,
            timestamp: word(4) >> 8 | u32::from(bytes[at + 7]) << 24,
            stream_id: word(7) & 0xff_ffff,
        }
    }

    pub(super) const fn type_id(self) -> u8 {
        self.first & 0x1f
    }

    /// Whether the payload is encrypted: the filter bit.
    pub(super) const fn encrypted(self) -> bool {
        self.first & 0x20 != 0
    }

    /// Whether the reserved bits are as they should be: without that nothing is a tag.
    const fn possible(self) -> bool {
        self.first & 0xc0 == 0
    }

    /// Whether it is what tags are like, which chance gives once in 2^30 places.
    const fn plausible(self) -> bool {
        is_type(self.first) && self.stream_id == 0
    }

    /// Bytes of header and payload, as the PreviousTagSize has them.
    const fn length(self) -> usize {
        HEADER + self.size as usize
    }
}

/// Whether a tag of the usual types begins so, encrypted or not.
const fn is_type(first: u8) -> bool {
    matches!(first & !0x20, AUDIO | VIDEO | SCRIPT)
}

/// Where in the file the walk is.
#[derive(Debug)]
pub(super) struct Walk {
    /// What is to be told before the next tag.
    pending: VecDeque<Trouble>,
    /// What the file header says that there is: audio, video; what was found missing there is added.
    flags: u8,
    /// The longest payload that is read.
    most: usize,
}

/// Where the next proven tag is.
enum Search {
    At(usize),
    /// So many bytes are needed to tell; the positions before this one are none.
    Unsure(usize, usize),
    No(usize),
}

impl Walk {
    /// Reads the file header, which is passed over; `None` when it is cut.
    pub(super) fn open<R: Read>(
        window: &mut Window<R>,
        limits: &Limits,
    ) -> io::Result<Option<Self>> {
        if !window.fill(FILE_HEADER)? {
            return Ok(None);
        }
        let bytes = window.bytes();
        let (version, flags, size) = (bytes[3], bytes[4], u32_at(bytes, 5, true));
        let mut walk =
            Self { pending: VecDeque::new(), flags: flags & 5, most: limits.record_bytes };
        let mut odd = Vec::new();
        if version != 1 {
            odd.push(format!("has version {version} where there is only version 1"));
        }
        if flags & !5 != 0 {
            odd.push(format!("has reserved bits set (flags 0x{flags:02x})"));
        }
        let mut header = FILE_HEADER;
        if size as usize != FILE_HEADER {
            odd.push(format!("says that it is {size} bytes long where version 1 has 9"));
            let there = (size as usize).clamp(FILE_HEADER, LONGEST) == size as usize
                && window.fill(size as usize + BACK + HEADER)?
                && Tag::read(window.bytes(), size as usize + BACK).plausible();
            if there {
                header = size as usize;
            }
        }
        if !odd.is_empty() {
            walk.tell(0, TroubleKind::FlvHeader { reason: odd.join(" and ") });
        }
        window.consume(header);
        if window.fill(BACK)? {
            let said = u32_at(window.bytes(), 0, true);
            if said != 0 {
                walk.tell(window.offset(), TroubleKind::BackPointer { said, size: 0 });
            }
            window.consume(BACK);
        }
        Ok(Some(walk))
    }

    fn tell(&mut self, offset: u64, kind: TroubleKind) {
        self.pending.push_back(Trouble::new(offset, kind));
    }

    /// Whether the next item is at hand in `bytes`.
    pub(super) fn buffered(&self, bytes: &[u8]) -> bool {
        if !self.pending.is_empty() {
            return true;
        }
        if bytes.len() < HEADER {
            return false;
        }
        let length = Tag::read(bytes, 0).length();
        // What is doubted needs the header behind it as well.
        bytes.len() >= length + BACK + HEADER
            || bytes.len() >= length + BACK && u32_at(bytes, length, true) as usize == length
    }

    /// Goes over one tag and the size behind it.
    pub(super) fn step<R: Read>(&mut self, window: &mut Window<R>) -> io::Result<Step> {
        if let Some(trouble) = self.pending.pop_front() {
            return Ok(Step::Trouble(trouble));
        }
        if !window.fill(HEADER)? {
            return Ok(super::pcap::ended(window, HEADER));
        }
        let tag = Tag::read(window.bytes(), 0);
        if !tag.possible() || tag.size as usize > self.most {
            return self.resynchronise(window);
        }
        let length = tag.length();
        if !window.fill(length + BACK)? {
            return Ok(self.cut(window, tag));
        }
        let said = u32_at(window.bytes(), length, true);
        if said as usize != length {
            if !tag.plausible() || !follows(window, length + BACK)? {
                return self.resynchronise(window);
            }
            let offset = window.offset() + length as u64;
            self.tell(offset, TroubleKind::BackPointer { said, size: length as u64 });
        }
        window.consume(length + BACK);
        Ok(self.found(tag, length + BACK))
    }

    /// A tag whose header begins `back` bytes before the window.
    fn found(&mut self, tag: Tag, back: usize) -> Step {
        let (flag, name) = match tag.type_id() {
            AUDIO => (4, "audio"),
            VIDEO => (1, "video"),
            _ => (0, ""),
        };
        if self.flags & flag != flag {
            self.flags |= flag;
            let reason = format!("says that there is no {name}, and there is");
            self.tell(0, TroubleKind::FlvHeader { reason });
        }
        Step::Tag { tag, back, header: HEADER }
    }

    /// The file ends inside a tag or the size behind it.
    #[cold]
    fn cut<R: Read>(&mut self, window: &mut Window<R>, tag: Tag) -> Step {
        let (offset, had, length) = (window.offset(), window.len(), tag.length());
        // A wrong size may hide whole tags.
        if let Search::At(at) = self.search(window.bytes(), 1, true) {
            return skip(window, offset, at, false);
        }
        if !tag.plausible() {
            return skip(window, offset, had, true);
        }
        if had < length {
            return super::pcap::ended(window, length + BACK);
        }
        let kind = TroubleKind::Truncated { needed: BACK as u64, had: (had - length) as u64 };
        self.tell(offset + length as u64, kind);
        window.consume(had);
        self.found(tag, had)
    }

    /// Passes over bytes until a tag is proven by the size behind it.
    #[cold]
    fn resynchronise<R: Read>(&self, window: &mut Window<R>) -> io::Result<Step> {
        let offset = window.offset();
        let mut from = 1;
        loop {
            let ended = window.ended();
            match self.search(window.bytes(), from, ended) {
                Search::At(at) => return Ok(skip(window, offset, at, false)),
                Search::Unsure(at, need) => {
                    window.consume(at);
                    from = 0;
                    window.fill(need - at)?;
                }
                Search::No(_) if ended => {
                    let rest = window.len();
                    return Ok(skip(window, offset, rest, true));
                }
                Search::No(at) => {
                    window.consume(at);
                    from = 0;
                    window.fill(HEADER)?;
                }
            }
        }
    }

    fn search(&self, bytes: &[u8], from: usize, ended: bool) -> Search {
        let mut at = from;
        while at + HEADER <= bytes.len() {
            // The cheap test that nearly every place fails.
            if !is_type(bytes[at]) {
                at += 1;
                continue;
            }
            let tag = Tag::read(bytes, at);
            if tag.plausible() && tag.size as usize <= self.most {
                let end = at + tag.length();
                if end + BACK > bytes.len() {
                    if !ended {
                        return Search::Unsure(at, end + BACK);
                    }
                } else if u32_at(bytes, end, true) as usize == tag.length() {
                    return Search::At(at);
                }
            }
            at += 1;
        }
        Search::No(at.min(bytes.len()))
    }
}

/// Whether a tag begins at `at`, or the file ends there or inside what may be one.
fn follows<R: Read>(window: &mut Window<R>, at: usize) -> io::Result<bool> {
    let whole = window.fill(at + HEADER)?;
    let bytes = window.bytes();
    Ok(if whole {
        Tag::read(bytes, at).plausible()
    } else {
        bytes.get(at).is_none_or(|&first| is_type(first))
    })
}

/// Passes over `at` bytes, the last of those from `offset` on that are no tag.
fn skip<R: Read>(window: &mut Window<R>, offset: u64, at: usize, last: bool) -> Step {
    window.consume(at);
    Step::Trouble(Trouble::new(offset, TroubleKind::NoTags { end: window.offset(), last }))
}
