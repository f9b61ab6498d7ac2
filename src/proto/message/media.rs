//! What audio and video tags have in common in Enhanced RTMP v2: FourCCs, ModEx chains and multitrack bodies.

use core::fmt;

use crate::proto::cursor::Cursor;
use crate::proto::fault::{Fault, FaultKind};

/// A codec's four characters (Enhanced RTMP v2, "Simple Data Types"). Displayed as text where it is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(&self.0) {
            Ok(text) if self.0.iter().all(|b| matches!(b, b' '..=b'~')) => f.write_str(text),
            _ => write!(f, "0x{:08x}", u32::from_be_bytes(self.0)),
        }
    }
}

/// How the tracks of a message are laid out: `AvMultitrackType` (Enhanced RTMP v2, "Enhanced Audio").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Multitrack {
    /// One track, without a size.
    OneTrack,
    /// Tracks of one codec.
    ManyTracks,
    /// Tracks that each name their codec.
    ManyTracksManyCodecs,
}

impl Multitrack {
    /// The layout of a number, unless it is reserved.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::OneTrack),
            1 => Some(Self::ManyTracks),
            2 => Some(Self::ManyTracksManyCodecs),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneTrack => "one_track",
            Self::ManyTracks => "many_tracks",
            Self::ManyTracksManyCodecs => "many_tracks_many_codecs",
        }
    }
}

/// One modifier of the chain before a packet: ModEx (Enhanced RTMP v2, "Enhanced Audio").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModEx {
    /// 0: what is to be added to the message's time.
    TimestampOffsetNano {
        /// Nanoseconds, less than a million by the specification.
        nanoseconds: u32,
    },
    /// Another type, or one whose data is too short.
    Other {
        /// The type's number.
        kind: u8,
        /// Its data.
        data: Box<[u8]>,
    },
}

impl ModEx {
    /// The type's number.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::TimestampOffsetNano { .. } => 0,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// The type's name, unless it has none.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'static str> {
        match self.number() {
            0 => Some("timestamp_offset_nano"),
            _ => None,
        }
    }
}

/// The modifiers before a packet, in wire order. Nearly always there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModExChain(Option<Box<[ModEx]>>);

impl ModExChain {
    /// No modifiers.
    pub const EMPTY: Self = Self(None);
}

impl From<Vec<ModEx>> for ModExChain {
    fn from(chain: Vec<ModEx>) -> Self {
        Self((!chain.is_empty()).then(|| chain.into()))
    }
}

impl core::ops::Deref for ModExChain {
    type Target = [ModEx];

    fn deref(&self) -> &[ModEx] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// The packet type that announces a modifier, in audio and in video.
const MOD_EX: u8 = 7;

/// Reads the modifiers that `packet` announces; the result is the packet type behind them.
#[inline]
pub(super) fn read_mod_ex(
    c: &mut Cursor<'_>,
    packet: u8,
    chain: &mut ModExChain,
) -> Result<u8, Fault> {
    if packet != MOD_EX {
        return Ok(packet);
    }
    let mut found = Vec::new();
    let packet = read_chain(c, packet, &mut found);
    *chain = found.into();
    packet
}

fn read_chain(c: &mut Cursor<'_>, mut packet: u8, chain: &mut Vec<ModEx>) -> Result<u8, Fault> {
    while packet == MOD_EX {
        let at = c.offset();
        let mut size = usize::from(c.u8("ModEx size")?) + 1;
        if size == 256 {
            size = usize::from(c.u16("ModEx size")?) + 1;
        }
        let data = c.take(size, "ModEx data")?;
        let byte = c.u8("ModEx type")?;
        packet = byte & 0xf;
        match (byte >> 4, data) {
            (0, [a, b, c, ..]) => {
                chain.push(ModEx::TimestampOffsetNano {
                    nanoseconds: u32::from_be_bytes([0, *a, *b, *c]),
                });
            }
            (kind, data) => chain.push(ModEx::Other { kind, data: data.into() }),
        }
        if byte >> 4 == 0 && data.len() < 3 {
            return Err(Fault::broken(at, "ModEx timestamp offset", "has fewer than three bytes"));
        }
    }
    Ok(packet)
}

/// Appends a first byte with `upper` as its upper half and the packet type in the lower, and the modifiers between.
/// The result is false where a modifier cannot be written since it has no data or more than 65,536 bytes.
pub(super) fn write_mod_ex(upper: u8, packet: u8, chain: &[ModEx], out: &mut Vec<u8>) -> bool {
    let mut first = upper << 4;
    for item in chain {
        let short;
        let data = match item {
            ModEx::TimestampOffsetNano { nanoseconds } => {
                short = nanoseconds.to_be_bytes();
                &short[1..]
            }
            ModEx::Other { data, .. } => data,
        };
        let Some(Ok(last)) = data.len().checked_sub(1).map(u16::try_from) else { return false };
        out.push(first | MOD_EX);
        match u8::try_from(last) {
            // 255 announces the long form, so a size of 256 takes that form too.
            Ok(last) if last < 255 => out.push(last),
            _ => {
                out.push(255);
                out.extend_from_slice(&last.to_be_bytes());
            }
        }
        out.extend_from_slice(data);
        first = item.number() << 4;
    }
    out.push(first | packet & 0xf);
    true
}

/// The packet type behind a chain of modifiers that begins at `head[1]`; `None` where `head` ends inside it.
pub(super) fn behind_mod_ex(head: &[u8], mut packet: u8) -> Option<u8> {
    let mut c = Cursor::new(head.get(1..)?);
    while packet == MOD_EX {
        let mut size = usize::from(c.u8("").ok()?) + 1;
        if size == 256 {
            size = usize::from(c.u16("").ok()?) + 1;
        }
        c.take(size, "").ok()?;
        packet = c.u8("").ok()? & 0xf;
    }
    Some(packet)
}

/// One track of a multitrack body as its frame shows it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) track: u8,
    /// The track's own codec, with many codecs.
    pub(super) codec: Option<FourCc>,
    pub(super) body: Body<'a>,
}

/// The body of a packet: what is behind its headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    /// Where it begins in the payload.
    pub(super) at: usize,
    /// Its bytes, as far as they were kept.
    pub(super) bytes: &'a [u8],
    /// How many there are on the wire.
    pub(super) length: usize,
}

impl<'a> Body<'a> {
    /// What is left of a payload of `length` bytes.
    pub(super) fn rest(c: &Cursor<'a>, length: usize) -> Self {
        Self { at: c.offset(), bytes: c.rest(), length: length.saturating_sub(c.offset()) }
    }

    /// Whether all of its bytes are here.
    pub(super) const fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

/// Walks the tracks of a multitrack body of a payload of `length` bytes. `each` handles a track and says what is wrong
/// with it; the first of its faults is returned when the walk itself meets none.
pub(super) fn tracks<'a>(
    c: &mut Cursor<'a>,
    length: usize,
    layout: Multitrack,
    mut each: impl FnMut(Part<'a>) -> Option<Fault>,
) -> Result<(), Fault> {
    let mut fault = None;
    for _ in 0..=u8::MAX {
        let codec = match layout {
            Multitrack::ManyTracksManyCodecs => Some(FourCc(c.array("track FourCC")?)),
            _ => None,
        };
        let track = c.u8("track number")?;
        let size = match layout {
            Multitrack::OneTrack => length - c.offset(),
            _ => c.u24("track size")? as usize,
        };
        let mut body = Body::rest(c, length);
        let left = body.length;
        body.length = size.min(left);
        body.bytes = &body.bytes[..body.bytes.len().min(size)];
        let found = each(Part { track, codec, body });
        fault = fault.or(found);
        if size > left {
            return Err(Fault::short(body.at, "track data", size as u64, left as u64));
        }
        if size == left {
            return fault.map_or(Ok(()), Err);
        }
        c.take(size, "track data")?;
    }
    // A track's number is one byte, so what follows can only repeat one.
    Err(Fault::broken(c.offset(), "track number", "more tracks than there are track numbers"))
}

/// A shortage in a payload of `length` bytes of which only `kept` were kept: the message is not short where the
/// missing bytes are merely not here.
pub(super) fn beyond_head(fault: Fault, kept: usize, length: usize) -> Fault {
    match fault.kind {
        FaultKind::Short { needed, had }
            if kept < length && fault.offset + had as usize == kept =>
        {
            let left = (length - fault.offset) as u64;
            if needed > left {
                Fault::short(fault.offset, fault.reading, needed, left)
            } else {
                Fault::limit(fault.offset, fault.reading, "media_head")
            }
        }
        _ => fault,
    }
}

/// Appends the header of a track whose data, composition time included, has `size` bytes.
pub(super) fn write_track(
    layout: Multitrack,
    codec: Option<FourCc>,
    track: u8,
    size: usize,
    out: &mut Vec<u8>,
) -> bool {
    if layout == Multitrack::ManyTracksManyCodecs {
        let Some(fourcc) = codec else { return false };
        out.extend_from_slice(&fourcc.0);
    }
    out.push(track);
    if layout != Multitrack::OneTrack {
        if size >= 1 << 24 {
            return false;
        }
        out.extend_from_slice(&(size as u32).to_be_bytes()[1..]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourccs_display_as_text_where_they_are() {
        assert_eq!(FourCc(*b"vvc1").to_string(), "vvc1");
        assert_eq!(FourCc([0, 1, b'a', 0xff]).to_string(), "0x000161ff");
    }

    #[test]
    fn modifiers_of_every_length_there_and_back() {
        for len in [1, 2, 3, 255, 256, 257, 65_536] {
            let chain = [
                ModEx::Other { kind: 3, data: vec![9; len].into() },
                ModEx::TimestampOffsetNano { nanoseconds: 999_999 },
            ];
            let mut out = Vec::new();
            assert!(write_mod_ex(9, 1, &chain, &mut out));
            assert_eq!(out[0], 0x97);
            assert_eq!(behind_mod_ex(&out, out[0] & 0xf), Some(1));
            assert_eq!(behind_mod_ex(&out[..out.len() - 1], 7), None);
            let mut c = Cursor::new(&out[1..]);
            let mut read = ModExChain::default();
            assert_eq!(read_mod_ex(&mut c, 7, &mut read), Ok(1));
            assert_eq!((&*read, c.remaining()), (&chain[..], 0), "{len} bytes");
        }
        for data in [vec![], vec![0; 65_537]] {
            assert!(!write_mod_ex(
                9,
                1,
                &[ModEx::Other { kind: 1, data: data.into() }],
                &mut Vec::new()
            ));
        }
    }
}
