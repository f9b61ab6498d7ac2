//! Captures compressed with gzip, zstd or lz4, known by their first bytes and unpacked as they are read.
//!
//! It knows nothing of captures. Members and frames may follow one another, as in rotated and appended files; what is
//! inside is not unpacked again. It never holds more than a buffer and the window of the format, however much comes out.

mod feed;
mod gzip;
mod lz4_legacy;

use core::fmt;
use std::io::{self, BufRead, ErrorKind, Read};

use lz4_flex::frame::FrameDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use self::feed::Feed;
use crate::Limits;

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
    /// The lz4 frame format.
    Lz4,
    /// What lz4 wrote before that, and writes when it is asked to.
    Lz4Legacy,
}

impl Compression {
    /// Its name, as its command is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 | Self::Lz4Legacy => "lz4",
        }
    }

    const fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => &[0x1f, 0x8b],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
            Self::Lz4 => &[0x04, 0x22, 0x4d, 0x18],
            Self::Lz4Legacy => &[0x02, 0x21, 0x4c, 0x18],
        }
    }

    /// What a file that begins so is compressed with.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        [Self::Gzip, Self::Zstd, Self::Lz4, Self::Lz4Legacy]
            .into_iter()
            .find(|format| head.starts_with(format.magic()))
    }
}

/// A frame that zstd and lz4 decoders pass over: `0x184d2a50` to `0x184d2a5f`, then its length.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Bytes that tell what begins.
const MAGIC: usize = 4;

/// Why unpacking stopped before the file did as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file ends where more has to come.
    Ended,
    /// The data cannot be what was compressed: why, as a clause.
    Damaged(String),
}

impl Fault {
    fn damaged(reason: &str) -> Self {
        Self::Damaged(reason.to_owned())
    }
}

/// Why compressed data cannot be unpacked to their end, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The format.
    pub format: Compression,
    /// Bytes of the compressed file before the fault.
    pub offset: u64,
    /// Why the data cannot be what was compressed, as a clause; without it they only end too early.
    pub damage: Option<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, offset, damage } = self;
        let format = format.as_str();
        match damage {
            None => write!(f, "its {format} data end too early, after {offset} bytes"),
            Some(reason) => write!(
                f,
                "its {format} data are damaged at byte {offset} ({reason}); nothing behind that is read"
            ),
        }
    }
}

/// What one step of unpacking brought.
enum Found {
    /// So many bytes; none is the end.
    Bytes(usize),
    /// Something to unpack has begun.
    Begun,
    /// A member or frame is complete.
    End,
    Fault(Fault),
}

/// Where the bytes come from: unpacked where they are compressed, as they are otherwise.
pub(super) struct Source<R: Read> {
    feed: Lent<R>,
    stage: Stage,
    format: Option<Compression>,
    broken: Option<Broken>,
    window: usize,
}

/// The bytes of the file, which the lz4 decoder wants for itself.
enum Lent<R: Read> {
    Here(Feed<R>),
    Lz4(Box<FrameDecoder<Feed<R>>>),
    Moving,
}

enum Stage {
    /// Nothing read yet.
    Start,
    Plain,
    /// Where a member or frame may begin.
    Between,
    Gzip(gzip::Member),
    Zstd(Zstd),
    Lz4,
    Lz4Legacy(lz4_legacy::Frame),
    Over,
}

impl<R: Read> Source<R> {
    pub(super) fn new(source: R, limits: &Limits) -> Self {
        Self {
            feed: Lent::Here(Feed::new(source)),
            stage: Stage::Start,
            format: None,
            broken: None,
            window: limits.unpack_window,
        }
    }

    /// What the file is compressed with, once something was read.
    pub(super) const fn format(&self) -> Option<Compression> {
        self.format
    }

    /// Why there is no more, where that is not as it should be. Told once.
    pub(super) const fn take_broken(&mut self) -> Option<Broken> {
        self.broken.take()
    }

    /// Bytes of the file read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.feed {
            Lent::Here(feed) => feed.bytes_read(),
            Lent::Lz4(decoder) => decoder.get_ref().bytes_read(),
            Lent::Moving => 0,
        }
    }

    fn unpack(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let found = match (&mut self.stage, &mut self.feed) {
                (Stage::Start, Lent::Here(feed)) => {
                    let head = feed.peek(MAGIC)?;
                    // A skippable frame in front is of zstd or lz4; which one shows behind it.
                    let skippable = is_skippable(head).then_some(Compression::Zstd);
                    self.format = Compression::of(head).or(skippable);
                    self.stage = if self.format.is_some() { Stage::Between } else { Stage::Plain };
                    continue;
                }
                (Stage::Plain, Lent::Here(feed)) => return feed.plain(buffer),
                (Stage::Between, Lent::Here(_)) => self.begin()?,
                (Stage::Gzip(member), Lent::Here(feed)) => member.read(feed, buffer)?,
                (Stage::Zstd(zstd), Lent::Here(feed)) => zstd.read(feed, buffer)?,
                (Stage::Lz4Legacy(frame), Lent::Here(feed)) => frame.read(feed, buffer)?,
                (Stage::Lz4, Lent::Lz4(decoder)) => read_lz4(decoder, buffer)?,
                _ => return Ok(0),
            };
            match found {
                Found::Bytes(n) => return Ok(n),
                Found::Begun => {}
                Found::End => self.end(),
                Found::Fault(fault) => self.fail(fault),
            }
        }
        Ok(0)
    }

    /// Begins the next member or frame, or passes over what is none.
    fn begin(&mut self) -> io::Result<Found> {
        let Lent::Here(feed) = &mut self.feed else { return Ok(Found::End) };
        let Some(format) = self.format else { return Ok(Found::End) };
        let head = feed.peek(MAGIC)?;
        if head.is_empty() {
            self.stage = Stage::Over;
            return Ok(Found::Bytes(0));
        }
        if is_skippable(head) {
            let &[_, _, _, _, a, b, c, d] = feed.peek(8)? else {
                return Ok(Found::Fault(Fault::Ended));
            };
            let len = 8 + u64::from(u32::from_le_bytes([a, b, c, d]));
            return Ok(if feed.skip(len)? { Found::End } else { Found::Fault(Fault::Ended) });
        }
        let Some(next) = Compression::of(head) else {
            if head.len() < format.magic().len() && format.magic().starts_with(head) {
                return Ok(Found::Fault(Fault::Ended));
            }
            // Zeros fill the last block of tapes and disks.
            if head[0] == 0 {
                feed.consume(1);
                return Ok(Found::End);
            }
            return Ok(Found::Fault(Fault::Damaged(format!(
                "no more {} data begin there",
                format.as_str()
            ))));
        };
        self.format = Some(next);
        self.stage = match next {
            Compression::Gzip => match gzip::Member::open(feed)? {
                Ok(member) => Stage::Gzip(member),
                Err(fault) => return Ok(Found::Fault(fault)),
            },
            Compression::Zstd => Stage::Zstd(Zstd::new(self.window)?),
            Compression::Lz4 => {
                self.feed = match std::mem::replace(&mut self.feed, Lent::Moving) {
                    Lent::Here(feed) => Lent::Lz4(Box::new(FrameDecoder::new(feed))),
                    lent => lent,
                };
                Stage::Lz4
            }
            Compression::Lz4Legacy => {
                feed.consume(MAGIC);
                Stage::Lz4Legacy(lz4_legacy::Frame::default())
            }
        };
        Ok(Found::Begun)
    }

    /// A member or frame is complete.
    fn end(&mut self) {
        self.reclaim();
        self.stage = Stage::Between;
    }

    fn fail(&mut self, fault: Fault) {
        self.reclaim();
        if let (Lent::Here(feed), Some(format)) = (&self.feed, self.format) {
            let damage = match fault {
                Fault::Ended => None,
                Fault::Damaged(reason) => Some(reason),
            };
            self.broken = Some(Broken { format, offset: feed.offset(), damage });
        }
        self.stage = Stage::Over;
    }

    fn reclaim(&mut self) {
        self.feed = match std::mem::replace(&mut self.feed, Lent::Moving) {
            Lent::Lz4(decoder) => Lent::Here(decoder.into_inner()),
            lent => lent,
        };
    }
}

impl<R: Read> Read for Source<R> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&self.stage, &mut self.feed) {
            (Stage::Plain, Lent::Here(feed)) => feed.plain(buffer),
            _ => self.unpack(buffer),
        }
    }
}

impl<R: Read> fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("format", &self.format)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, rest @ ..] if rest.starts_with(&SKIPPABLE))
}

/// Bytes in front of each block of a zstd frame.
const BLOCK_HEADER: usize = 3;

/// One frame of zstd.
struct Zstd {
    decoder: Decoder<'static>,
    /// How many bytes to give next: a block at a time, so that damage costs its own block and nothing before it.
    wanted: usize,
    /// The last call filled what it was lent, so there may be more without new input.
    more: bool,
    complete: bool,
}

impl Zstd {
    fn new(window: usize) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(window.max(1).ilog2()))?;
        Ok(Self { decoder, wanted: 1, more: false, complete: false })
    }

    fn read<R: Read>(&mut self, feed: &mut Feed<R>, buffer: &mut [u8]) -> io::Result<Found> {
        while !self.complete {
            if !self.more && feed.fill_buf()?.is_empty() {
                return Ok(Found::Fault(Fault::Ended));
            }
            let bytes = feed.at_hand();
            // What is wanted is a block with the header of the next one, which may be damaged alone.
            let give =
                if self.wanted > BLOCK_HEADER { self.wanted - BLOCK_HEADER } else { self.wanted };
            let mut input = InBuffer::around(&bytes[..bytes.len().min(give)]);
            let mut output = OutBuffer::around(&mut *buffer);
            let left = match self.decoder.run(&mut input, &mut output) {
                Ok(left) => left,
                Err(error) => return Ok(Found::Fault(Fault::Damaged(clause(&error)))),
            };
            let (read, written) = (input.pos(), output.pos());
            feed.consume(read);
            self.wanted = left.max(1);
            self.more = written == buffer.len();
            self.complete = left == 0;
            if written > 0 {
                return Ok(Found::Bytes(written));
            }
        }
        Ok(Found::End)
    }
}

/// Unpacks what there is of one frame of lz4.
fn read_lz4<R: Read>(decoder: &mut FrameDecoder<Feed<R>>, buffer: &mut [u8]) -> io::Result<Found> {
    match decoder.read(buffer) {
        // The decoder takes a cut between two blocks for the end; a whole frame is read without touching the end.
        Ok(0) if decoder.get_ref().exhausted() => Ok(Found::Fault(Fault::Ended)),
        Ok(0) => Ok(Found::End),
        Ok(n) => Ok(Found::Bytes(n)),
        Err(error) if decoder.get_ref().failed() => Err(error),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Found::Fault(Fault::Ended)),
        Err(error) => Ok(Found::Fault(Fault::Damaged(clause(&error)))),
    }
}

/// What a decoder says, to stand in brackets.
fn clause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unreadable".to_owned(),
    }
}
