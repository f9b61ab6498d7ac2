//! pcap and pcapng files to packets, read in place and leniently: damage is reported between the packets, not fatal.
//!
//! What is compressed with gzip, zstd or lz4 is unpacked as it is read. The source need not seek, and it is read only when the next item is not at hand, so a live pipe stays live.

mod compressed;
mod pcap;
mod pcapng;
mod window;

#[cfg(test)]
mod tests;

use core::fmt;
use std::io::Read;

pub use self::compressed::{Broken, Compression};
use self::window::Window;
use super::error::{Error, Foreign};
use super::link::LinkType;
use crate::Limits;

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
    /// Something in the file cannot be read as it should. Reading goes on.
    Trouble(Trouble),
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
            TroubleKind::Packed(broken) => broken.fmt(f),
        }
    }
}

/// Reads the packets of one capture file of either format, compressed or not.
#[derive(Debug)]
pub struct Reader<R: Read> {
    window: Window<R>,
    format: Format,
    packets: u64,
}

/// The format at hand with its state.
#[derive(Debug)]
enum Format {
    Pcap(pcap::Walk),
    PcapNg(pcapng::Walk),
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
            _ => {
                // Enough to recognise a transport stream by its second packet; a source with less has ended.
                window.fill(256).map_err(reading)?;
                return Err(no_capture(&mut window, None));
            }
        };
        match format {
            Some(format) => Ok(Self { window, format, packets: 0 }),
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
        loop {
            let step = match &mut self.format {
                Format::Pcap(walk) => walk.step(&mut self.window),
                Format::PcapNg(walk) => walk.step(&mut self.window),
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
                Step::Numbered(trouble) => {
                    self.packets += 1;
                    if let Some(trouble) = trouble {
                        return Ok(Some(Item::Trouble(self.trouble(trouble))));
                    }
                }
                Step::Trouble(trouble) => return Ok(Some(Item::Trouble(self.trouble(trouble)))),
                Step::End => {
                    let offset = self.window.offset();
                    return Ok(self.window.source_mut().take_broken().map(|broken| {
                        let kind = TroubleKind::Packed(broken);
                        Item::Trouble(Trouble { offset, unpacked: true, kind })
                    }));
                }
            }
        }
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
            || match &self.format {
                Format::Pcap(walk) => walk.buffered(self.window.bytes()),
                Format::PcapNg(walk) => walk.buffered(self.window.bytes()),
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
fn reading(source: std::io::Error) -> Error {
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
