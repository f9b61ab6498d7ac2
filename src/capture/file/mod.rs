//! Files to packets, tags and bytes, read in place and leniently: damage is reported between them, not fatal.
//!
//! pcap and pcapng hold packets. An FLV file holds tags, a raw dump the bytes of one direction: each is one connection.
//! What is compressed with gzip, zstd or lz4 is unpacked as it is read. The source need not seek, and it is read only when the next item is not at hand, so a live pipe stays live.

mod compressed;
mod flv;
mod pcap;
mod pcapng;
mod raw;
mod window;

#[cfg(test)]
mod tests;

use core::fmt;
use std::io::{self, ErrorKind, Read};

pub use self::compressed::{Broken, Compression};
use self::window::Window;
use super::error::{Error, Foreign};
use super::link::LinkType;
use crate::Limits;
use crate::inspect::Transport;
use crate::proto::{Direction, Span, chunk};

/// With so much at hand the next record is whole, short of a packet longer than any network's: half a block.
const PLENTY: usize = 512 << 10;
/// Bytes that tell the formats apart.
const MAGIC: usize = 4;

/// One thing found in a capture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Keys for encrypted connections, as pcapng carries them.
    Secrets {
        /// What the secrets are for: `0x544c534b` is a TLS key log.
        kind: u32,
        /// Their text or bytes.
        data: &'a [u8],
    },
    /// The file is one connection by itself, which begins.
    Opened {
        /// Whether it is seen from its first byte.
        from_start: bool,
        /// What it is.
        transport: Transport,
    },
    /// A tag of an FLV file.
    Tag(Tag<'a>),
    /// The next bytes of the one direction that a raw dump holds.
    Bytes {
        /// Which way.
        direction: Direction,
        /// The bytes.
        data: &'a [u8],
    },
    /// What began with [`Opened`](Self::Opened) is over.
    Ended {
        /// The direction that had bytes or tags.
        direction: Direction,
    },
    /// Something in the file cannot be read as it should. Reading goes on.
    Trouble(Trouble),
}

/// A tag of an FLV file (FLV 10.1 §E.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its type: 8, 9, 18, or what else the file has.
    pub type_id: u8,
    /// Whether its payload is encrypted.
    pub encrypted: bool,
    /// Its timestamp, milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// Its stream id, 0 in files that keep to the specification.
    pub stream_id: u32,
    /// The length of its header, bytes: what precedes the payload.
    pub header: u32,
    /// Where its header begins in the (unpacked) file.
    pub offset: u64,
    /// Its payload.
    pub payload: &'a [u8],
}

impl<'a> Tag<'a> {
    /// The tag as a message of no chunks.
    #[must_use]
    pub const fn message(&self) -> chunk::Message<'a> {
        let length = self.payload.len() as u32;
        chunk::Message {
            chunk_stream_id: 0,
            message_stream_id: self.stream_id,
            type_id: self.type_id,
            timestamp: self.timestamp,
            timestamp_uncertain: false,
            length,
            chunks: 0,
            span: Span { start: self.offset, end: self.offset + (self.header + length) as u64 },
            payload: self.payload,
            damaged: &[],
            missing: &[],
        }
    }
}

/// What a live source may give as an error's inner value: it has no bytes now, and is to be asked again.
///
/// With it a raw dump of a connection that waits is decoded as far as it goes. A source that never says so only keeps
/// its reader waiting longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused;

impl Paused {
    /// Whether an error is this one.
    pub(crate) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are no bytes now")
    }
}

impl std::error::Error for Paused {}

impl From<Paused> for io::Error {
    fn from(paused: Paused) -> Self {
        Self::new(ErrorKind::TimedOut, paused)
    }
}

/// A packet as captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number in the file, from 1, as Wireshark counts.
    pub number: u64,
    /// When it was captured, in nanoseconds since the Unix epoch. Simple packet blocks carry no time.
    pub time: Option<i64>,
    /// How `data` begins.
    pub link: LinkType,
    /// The bytes captured, without a frame check sequence that the file declares.
    pub data: &'a [u8],
    /// The length on the wire; more than `data` when the capture was cut by its snap length.
    pub original_length: u32,
}

/// Something in a capture file that cannot be read as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// Whether `offset` counts in what a compressed file unpacks to.
    pub unpacked: bool,
    /// What it is.
    pub kind: TroubleKind,
}

impl Trouble {
    const fn new(offset: u64, kind: TroubleKind) -> Self {
        Self { offset, unpacked: false, kind }
    }
}

/// What is wrong in a capture file, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TroubleKind {
    /// The file ends inside a record; everything before it was read.
    Truncated {
        /// Bytes that the record needs.
        needed: u64,
        /// Bytes of it that are there.
        had: u64,
    },
    /// Bytes were passed over; reading goes on behind them.
    Skipped {
        /// Why, as a clause.
        reason: &'static str,
        /// How many.
        bytes: u64,
    },
    /// Something is odd, but what it holds is readable and follows.
    Kept {
        /// What is odd, as a clause.
        reason: &'static str,
    },
    /// Nothing readable follows up to the end of the file.
    Rest {
        /// Why, as a clause.
        reason: &'static str,
        /// How many bytes are left unread.
        bytes: u64,
    },
    /// A block is longer than those that are read, and is passed over whole.
    Long {
        /// Its length in bytes.
        bytes: u64,
        /// The length of the longest that is read: [`Limits::record_bytes`].
        most: u64,
    },
    /// Bytes of an FLV file are no tags and were passed over.
    NoTags {
        /// The first byte behind them.
        end: u64,
        /// Whether no tag follows up to the end of the file.
        last: bool,
    },
    /// A PreviousTagSize is not the size of the tag before it, which was read all the same.
    BackPointer {
        /// The value.
        said: u32,
        /// The tag's size in bytes; 0 where there is none before it.
        size: u64,
    },
    /// The file header of an FLV file is not what follows it, or not what the format has.
    FlvHeader {
        /// What it has or says.
        reason: String,
    },
    /// The file is compressed, and what follows cannot be unpacked; everything before it was read.
    Packed(Broken),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = if self.unpacked { "unpacked file" } else { "file" };
        write!(f, "at byte {} of the {file}: ", self.offset)?;
        match &self.kind {
            TroubleKind::Truncated { needed, had } => {
                write!(f, "it ends inside a record: {needed} bytes needed, {had} there")
            }
            TroubleKind::Skipped { reason, bytes } => write!(f, "{reason}; {bytes} bytes skipped"),
            TroubleKind::Kept { reason } => write!(f, "{reason}; read all the same"),
            TroubleKind::Rest { reason, bytes } => {
                write!(f, "{reason}; nothing readable in the last {bytes} bytes")
            }
            TroubleKind::Long { bytes, most } => write!(
                f,
                "a block of {bytes} bytes, which is passed over: at most {most} are read (limit record_bytes)"
            ),
            TroubleKind::NoTags { end, last: false } => {
                write!(f, "bytes {} to {end} are no tags and are skipped", self.offset)
            }
            TroubleKind::NoTags { end, last: true } => {
                write!(f, "no tag begins in the rest, bytes {} to {end}", self.offset)
            }
            TroubleKind::BackPointer { said, size } => write!(
                f,
                "PreviousTagSize is {said} where the tag before it has {size} bytes; read all the same"
            ),
            TroubleKind::FlvHeader { reason } => write!(f, "the file header {reason}"),
            TroubleKind::Packed(broken) => broken.fmt(f),
        }
    }
}

/// Reads one file of any of the formats, compressed or not.
#[derive(Debug)]
pub struct Reader<R: Read> {
    window: Window<R>,
    format: Format,
    packets: u64,
    single: Single,
}

/// What is still to be said of a file that is one connection.
#[derive(Debug, Clone, Copy)]
enum Single {
    Begins {
        from_start: bool,
        transport: Transport,
        direction: Direction,
    },
    Goes(Direction),
    /// It is over, or the file is none.
    No,
}

/// The format at hand with its state.
#[derive(Debug)]
enum Format {
    Pcap(pcap::Walk),
    PcapNg(pcapng::Walk),
    Flv(flv::Walk),
    Raw,
}

/// What one step over the file found. Positions, not slices, so that a step may go on to the next record.
#[derive(Debug)]
enum Step {
    /// A packet whose data begins `back` bytes before the window.
    Packet {
        time: Option<i64>,
        link: LinkType,
        original_length: u32,
        back: usize,
        len: usize,
    },
    /// Secrets whose data begins `back` bytes before the window.
    Secrets {
        kind: u32,
        back: usize,
        len: usize,
    },
    /// A tag whose header begins `back` bytes before the window and has `header` bytes.
    Tag {
        tag: flv::Tag,
        back: usize,
        header: usize,
    },
    /// Bytes of a raw dump, the last so many before the window.
    Bytes(usize),
    /// Not a packet to us, but Wireshark gives it a number.
    Numbered(Option<Trouble>),
    Trouble(Trouble),
    End,
}

impl<R: Read> Reader<R> {
    /// Reads the file header of `source` under the default limits.
    ///
    /// # Errors
    /// The source cannot be read, or does not begin as a capture does.
    pub fn new(source: R) -> Result<Self, Error> {
        Self::with_limits(source, &Limits::default())
    }

    /// Reads the file header of `source`.
    ///
    /// # Errors
    /// The source cannot be read, or does not begin as a capture does.
    pub fn with_limits(source: R, limits: &Limits) -> Result<Self, Error> {
        Self::open(source, limits, false)
    }

    /// The same, which takes a file of no known format for the bytes of one direction of an RTMP connection.
    ///
    /// # Errors
    /// The source cannot be read, or begins like another format by name.
    pub fn forced(source: R, limits: &Limits) -> Result<Self, Error> {
        Self::open(source, limits, true)
    }

    fn open(source: R, limits: &Limits, forced: bool) -> Result<Self, Error> {
        let mut single = Single::No;
        let mut window = Window::new(source, limits);
        window.fill(MAGIC).map_err(reading)?;
        let format = match window.bytes().first_chunk() {
            Some(magic) if pcapng::is_magic(*magic) => {
                window.fill(pcapng::SNIFF).map_err(reading)?;
                pcapng::Walk::open(window.bytes(), limits).map(Format::PcapNg)
            }
            Some(magic) if pcap::is_magic(*magic) => {
                window.fill(pcap::FILE_HEADER).map_err(reading)?;
                let walk = pcap::Walk::open(window.bytes(), limits);
                window.consume(pcap::FILE_HEADER.min(window.len()));
                walk.map(Format::Pcap)
            }
            Some(magic) if flv::is_magic(*magic) => {
                let walk = flv::Walk::open(&mut window, limits).map_err(reading)?;
                let direction = Direction::ClientToServer;
                let (from_start, transport) = (true, Transport::Flv);
                single = Single::Begins { from_start, transport, direction };
                walk.map(Format::Flv)
            }
            _ => {
                // Enough to recognise a transport stream by its second packet; a source with less has ended or pauses.
                while window.len() < 256 && window.more().map_err(reading)? {}
                match raw::sniff(&mut window, limits, forced).map_err(reading)? {
                    Ok(raw::Raw { from_start, direction }) => {
                        let transport = Transport::Rtmp;
                        single = Single::Begins { from_start, transport, direction };
                        Some(Format::Raw)
                    }
                    Err(foreign) => return Err(no_capture(&mut window, Some(foreign))),
                }
            }
        };
        match format {
            Some(format) => Ok(Self { window, format, packets: 0, single }),
            None => Err(no_capture(&mut window, Some(Foreign::Header))),
        }
    }

    /// The next thing in the file; `None` at its end.
    ///
    /// # Errors
    /// The source cannot be read. Everything before was handed out; a further call gives what was still at hand, then
    /// the end.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "the item borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        if let Single::Begins { from_start, transport, direction } = self.single {
            self.single = Single::Goes(direction);
            return Ok(Some(Item::Opened { from_start, transport }));
        }
        loop {
            let step = match &mut self.format {
                Format::Pcap(walk) => walk.step(&mut self.window),
                Format::PcapNg(walk) => walk.step(&mut self.window),
                Format::Flv(walk) => walk.step(&mut self.window),
                Format::Raw => raw::step(&mut self.window),
            };
            match step.map_err(reading)? {
                Step::Packet { time, link, original_length, back, len } => {
                    self.packets += 1;
                    let data = self.window.behind(back, len);
                    let number = self.packets;
                    return Ok(Some(Item::Packet(Packet {
                        number,
                        time,
                        link,
                        data,
                        original_length,
                    })));
                }
                Step::Secrets { kind, back, len } => {
                    return Ok(Some(Item::Secrets { kind, data: self.window.behind(back, len) }));
                }
                Step::Tag { tag, back, header } => return Ok(Some(self.tag(tag, back, header))),
                Step::Bytes(len) => {
                    let Single::Goes(direction) = self.single else { return Ok(None) };
                    return Ok(Some(Item::Bytes { direction, data: self.window.behind(len, len) }));
                }
                Step::Numbered(trouble) => {
                    self.packets += 1;
                    if let Some(trouble) = trouble {
                        return Ok(Some(Item::Trouble(self.trouble(trouble))));
                    }
                }
                Step::Trouble(trouble) => return Ok(Some(Item::Trouble(self.trouble(trouble)))),
                Step::End => {
                    let offset = self.window.offset();
                    if let Some(broken) = self.window.source_mut().take_broken() {
                        let kind = TroubleKind::Packed(broken);
                        return Ok(Some(Item::Trouble(Trouble { offset, unpacked: true, kind })));
                    }
                    let single = std::mem::replace(&mut self.single, Single::No);
                    let Single::Goes(direction) = single else { return Ok(None) };
                    return Ok(Some(Item::Ended { direction }));
                }
            }
        }
    }

    /// A tag whose header begins `back` bytes before the window.
    fn tag(&self, tag: flv::Tag, back: usize, header: usize) -> Item<'_> {
        let size = tag.size as usize;
        let payload = self.window.behind(back - header, size.min(back - header));
        Item::Tag(Tag {
            type_id: tag.type_id(),
            encrypted: tag.encrypted(),
            timestamp: tag.timestamp,
            stream_id: tag.stream_id,
            header: header as u32,
            offset: self.window.offset() - back as u64,
            payload,
        })
    }

    /// A trouble as it is told: of a compressed file, with the reason that the capture inside does not know.
    #[cold]
    fn trouble(&mut self, mut trouble: Trouble) -> Trouble {
        let source = self.window.source_mut();
        trouble.unpacked = source.format().is_some();
        if matches!(trouble.kind, TroubleKind::Truncated { .. })
            && let Some(broken) = source.take_broken()
        {
            trouble.kind = TroubleKind::Packed(broken);
        }
        trouble
    }

    /// Whether the next item can be had without reading from the source, which may wait. When this is false it is the
    /// moment to flush output. (Of a record longer than half a block it may say so too early.)
    #[must_use]
    pub fn buffered(&self) -> bool {
        self.window.len() >= PLENTY
            || self.window.ended()
            || matches!(self.single, Single::Begins { .. })
            || match &self.format {
                Format::Pcap(walk) => walk.buffered(self.window.bytes()),
                Format::PcapNg(walk) => walk.buffered(self.window.bytes()),
                Format::Flv(walk) => walk.buffered(self.window.bytes()),
                Format::Raw => self.window.len() > 0,
            }
    }

    /// Bytes read from the source so far, for showing progress: compressed ones, where it is compressed.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.window.source().bytes_read()
    }
}

/// Why a file that begins like this is no capture; `foreign` where that is known already.
#[cold]
fn no_capture<R: Read>(window: &mut Window<R>, foreign: Option<Foreign>) -> Error {
    let foreign = foreign.unwrap_or_else(|| Foreign::of(window.bytes()));
    let format = window.source().format();
    let cut = matches!(foreign, Foreign::Empty | Foreign::Short { .. } | Foreign::Header);
    match (format, window.source_mut().take_broken()) {
        (_, Some(broken)) if cut => Error::CannotUnpack(broken),
        (Some(format), _) => Error::NoCaptureInside(format, foreign),
        (None, _) => Error::NotACapture(foreign),
    }
}

#[cold]
fn reading(source: io::Error) -> Error {
    Error::Io { operation: "read", source }
}

/// Four bytes at `at` as a number of the given byte order.
#[inline]
fn u32_at(bytes: &[u8], at: usize, big: bool) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
}

/// Two bytes at `at` as a number of the given byte order.
#[inline]
fn u16_at(bytes: &[u8], at: usize, big: bool) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    if big { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) }
}

/// How much of a captured packet is left without the `fcs` bytes that end it on the wire.
fn without_fcs(captured: usize, original: u32, fcs: u32) -> (usize, u32) {
    let cut = u32::try_from(captured).map_or(0, |c| original.saturating_sub(c));
    (captured.saturating_sub(fcs.saturating_sub(cut) as usize), original.saturating_sub(fcs))
}
