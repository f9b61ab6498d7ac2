//! One packet to one TCP segment: link, IP and tunnel headers. Stateless; checksums are never looked at.
//!
//! Sending hosts leave checksums to the network card and lengths to its segmentation, so what a capture holds is
//! often not what was on the wire: only what is needed to find the payload is required to be right.

mod address;
mod ip;
mod tunnel;

#[cfg(test)]
mod tests;

pub(super) use address::{Address, Endpoint, FlowKey};

use super::link::{self, LinkType, MPLS, Next, PPPOE};
use crate::Limits;
use crate::proto::fault::Fault;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// The Ethernet type of an Ethernet frame inside of something else.
const ETHERNET: u16 = 0x6558;
/// MPLS whose label somebody else gave out: multicast, as it was called first.
const MPLS_UPSTREAM: u16 = 0x8848;
/// Bytes of a TCP header without options.
const TCP_HEADER: usize = 20;
const TCP: u8 = 6;

/// TCP's FIN flag.
pub(super) const FIN: u8 = 0x01;
/// TCP's SYN flag.
pub(super) const SYN: u8 = 0x02;
/// TCP's RST flag.
pub(super) const RST: u8 = 0x04;
/// TCP's ACK flag.
pub(super) const ACK: u8 = 0x10;

/// What a packet turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// A TCP segment.
    Segment(Segment<'a>),
    /// A part of an IP datagram, to be put together by [`super::fragments::Fragments`].
    Fragment(Fragment<'a>),
    /// Something that carries no TCP.
    NotTcp,
    /// A header on the way to TCP is cut or contradicts itself.
    Malformed(Fault),
    /// The capture's link type is not one that is read.
    UnknownLink(LinkType),
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// The sender.
    pub src: Endpoint,
    /// The receiver.
    pub dst: Endpoint,
    /// Sequence number of the first payload byte, or of the SYN.
    pub seq: u32,
    /// The next byte that the sender expects; valid with [`ACK`].
    pub ack: u32,
    /// [`FIN`], [`SYN`], [`RST`], [`ACK`] and the others as on the wire.
    pub flags: u8,
    /// The receive window, not scaled.
    pub window: u16,
    /// The payload as far as captured.
    pub payload: &'a [u8],
    /// Payload bytes that were on the wire but that the snap length cut off.
    pub missing: u32,
}

impl Segment<'_> {
    /// The key of the connection, the same for both its directions, and whether the key's first end sent this.
    #[inline]
    #[must_use]
    pub(super) fn flow(&self) -> (FlowKey, bool) {
        FlowKey::new(self.src, self.dst)
    }

    /// Whether any of `flags` is set.
    #[inline]
    #[must_use]
    pub(super) const fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }
}

/// A part of an IP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    /// The sender.
    pub src: Address,
    /// The receiver.
    pub dst: Address,
    /// What the sender numbers the datagram with.
    pub identification: u32,
    /// The protocol of the datagram's content.
    pub protocol: u8,
    /// Where in the datagram's content `data` begins.
    pub offset: u32,
    /// Whether more fragments follow this one.
    pub more: bool,
    /// This part of the content.
    pub data: &'a [u8],
    /// Bytes of this part that the snap length cut off.
    pub missing: u32,
}

/// Finds the TCP segment in `data`, a packet that begins as `link` says.
#[inline]
#[must_use]
pub(super) fn segment(link: LinkType, data: &[u8]) -> Parsed<'_> {
    if link == LinkType::ETHERNET
        && let Some(segment) = plain(data)
    {
        return Parsed::Segment(segment);
    }
    walk(link, data)
}

/// The common case in one go: Ethernet, IPv4 without options, not fragmented, TCP, whole. None is "look closer".
#[inline]
fn plain(data: &[u8]) -> Option<Segment<'_>> {
    let head: &[u8; 54] = data.first_chunk()?;
    let frame = u32::from_be_bytes([head[12], head[13], head[14], head[23]]);
    let fragment = u16::from_be_bytes([head[20], head[21]]) & 0x3fff;
    let total = usize::from(u16::from_be_bytes([head[16], head[17]]));
    let start = 34 + usize::from(head[46] >> 4) * 4;
    // Ethernet type, version, header length and protocol as one word.
    if frame != 0x0800_4506 || fragment != 0 || start < 54 || start > 14 + total {
        return None;
    }
    let payload = data.get(start..14 + total)?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    Some(Segment {
        src: Endpoint { address: Address::V4(word(26).to_be_bytes()), port: half(34) },
        dst: Endpoint { address: Address::V4(word(30).to_be_bytes()), port: half(36) },
        seq: word(38),
        ack: word(42),
        flags: head[47],
        window: half(48),
        payload,
        missing: 0,
    })
}

/// Bytes at some depth of the packet.
#[derive(Debug, Clone, Copy)]
struct Layer<'a> {
    data: &'a [u8],
    /// Offset of `data` in the packet, for faults.
    at: usize,
    /// Bytes that belong behind `data` but were not captured.
    missing: usize,
}

impl<'a> Layer<'a> {
    /// The layer `n` bytes further in.
    fn skip(self, n: usize, reading: &'static str) -> Result<Self, Parsed<'a>> {
        match self.data.get(n..) {
            Some(data) => Ok(Self { data, at: self.at + n, ..self }),
            None => Err(self.short(n, reading)),
        }
    }

    /// The first `N` bytes.
    fn head<const N: usize>(self, reading: &'static str) -> Result<&'a [u8; N], Parsed<'a>> {
        self.data.first_chunk().ok_or_else(|| self.short(N, reading))
    }

    fn short(self, needed: usize, reading: &'static str) -> Parsed<'a> {
        Parsed::Malformed(Fault::short(self.at, reading, needed as u64, self.data.len() as u64))
    }

    fn broken(self, reading: &'static str, what: &'static str) -> Parsed<'a> {
        Parsed::Malformed(Fault::broken(self.at, reading, what))
    }
}

/// What a layer holds, when that is not the end of the way.
enum Inner<'a> {
    Link(Next, Layer<'a>),
    Transport(Address, Address, u8, Layer<'a>),
}

#[inline(never)]
fn walk(link: LinkType, data: &[u8]) -> Parsed<'_> {
    let (next, skip) = link::enter(link, data);
    let layer = Layer { data: &data[skip..], at: skip, missing: 0 };
    match next {
        Next::Unknown => Parsed::UnknownLink(link),
        Next::Cut(needed, reading) => layer.short(needed, reading),
        _ => descend(Ok(Inner::Link(next, layer))),
    }
}

/// Goes on with the content of an IP datagram that was put together from its fragments.
pub(super) fn resume(src: Address, dst: Address, protocol: u8, data: &[u8]) -> Parsed<'_> {
    descend(ip::content_of(src, dst, protocol, Layer { data, at: 0, missing: 0 }))
}

/// Walks inwards until a segment or a reason not to is found.
fn descend<'a>(mut found: Result<Inner<'a>, Parsed<'a>>) -> Parsed<'a> {
    let mut tunnels = 0;
    loop {
        found = match found {
            Err(end) => return end,
            Ok(Inner::Link(next, layer)) => {
                tunnels += 1;
                if tunnels > Limits::TUNNELS {
                    return Parsed::Malformed(Fault::limit(layer.at, "tunnel", "TUNNELS"));
                }
                network(next, layer)
            }
            Ok(Inner::Transport(src, dst, TCP, layer)) => {
                return tcp(src, dst, layer).map_or_else(|end| end, Parsed::Segment);
            }
            Ok(Inner::Transport(_, _, protocol, layer)) => tunnel::enter(protocol, layer),
        };
    }
}

/// From a link header's content to the content of IP.
fn network<'a>(next: Next, layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    match next {
        Next::Ip => ip::either(layer),
        Next::Ethernet => {
            let head = layer.head::<14>("Ethernet header")?;
            by_ether_type(
                u16::from_be_bytes([head[12], head[13]]),
                layer.skip(14, "Ethernet header")?,
            )
        }
        Next::EtherType(ether_type) => by_ether_type(ether_type, layer),
        Next::Ppp => ppp(layer),
        Next::Other | Next::Unknown | Next::Cut(..) => Err(Parsed::NotTcp),
    }
}

fn by_ether_type<'a>(mut ether_type: u16, mut layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    // VLAN tags, stacked to any depth: each takes four bytes, so the packet's length bounds them.
    while is_vlan(ether_type) {
        let tag = layer.head::<4>("VLAN tag")?;
        ether_type = u16::from_be_bytes([tag[2], tag[3]]);
        layer = layer.skip(4, "VLAN tag")?;
    }
    match ether_type {
        IPV4 => ip::v4(layer),
        IPV6 => ip::v6(layer),
        PPPOE => ppp(layer.skip(6, "PPPoE header")?),
        MPLS | MPLS_UPSTREAM => mpls(layer),
        ETHERNET => Ok(Inner::Link(Next::Ethernet, layer)),
        // No type but a length (IEEE 802.3 §3.2.6).
        ..=1500 => llc(layer),
        _ => Err(Parsed::NotTcp),
    }
}

/// Tags of IEEE 802.1Q and 802.1ad, and what switches used before the latter had a number.
const fn is_vlan(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300)
}

/// Logical link control (IEEE 802.2), with the extension that names an Ethernet type (RFC 1042).
fn llc<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "LLC header";
    match layer.head::<3>(READING)? {
        [0xaa, 0xaa, 3] => match layer.head::<8>(READING)? {
            // The second is what bridges write (IEEE 802.1H).
            [_, _, _, 0, 0, 0 | 0xf8, high, low] => {
                let next = Next::EtherType(u16::from_be_bytes([*high, *low]));
                Ok(Inner::Link(next, layer.skip(8, READING)?))
            }
            _ => Err(Parsed::NotTcp),
        },
        [6, 6, 3] => ip::v4(layer.skip(3, READING)?),
        _ => Err(Parsed::NotTcp),
    }
}

/// Labels (RFC 3032), and what shows itself behind them: IP, or an Ethernet frame with or without a control word
/// (RFC 4448).
fn mpls<'a>(mut layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    loop {
        let label = layer.head::<4>("MPLS label")?;
        layer = layer.skip(4, "MPLS label")?;
        if label[2] & 1 != 0 {
            break;
        }
    }
    let next = match layer.data {
        // A frame whose receiver's address begins like IP.
        data if data.first().is_some_and(|b| matches!(b >> 4, 4 | 6)) && is_frame(data) => {
            Next::Ethernet
        }
        [0x45..=0x4f | 0x60..=0x6f, ..] => Next::Ip,
        [0..=0x0f, _, _, _, data @ ..] if is_frame(data) => {
            return Ok(Inner::Link(Next::Ethernet, layer.skip(4, "MPLS control word")?));
        }
        data if is_frame(data) => Next::Ethernet,
        _ => return Err(Parsed::NotTcp),
    };
    Ok(Inner::Link(next, layer))
}

/// Whether an Ethernet frame with IP, or with a VLAN tag, begins there.
fn is_frame(data: &[u8]) -> bool {
    let Some(&[high, low, first]) = data.get(12..).and_then(|data| data.first_chunk()) else {
        return false;
    };
    match u16::from_be_bytes([high, low]) {
        IPV4 => first >> 4 == 4,
        IPV6 => first >> 4 == 6,
        ether_type => is_vlan(ether_type),
    }
}

fn ppp<'a>(mut layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    if layer.data.starts_with(&[0xff, 0x03]) {
        layer = layer.skip(2, "PPP header")?;
    }
    // The protocol is compressed to one byte when that byte is odd.
    let (protocol, len) = match *layer.data {
        [low, ..] if low & 1 == 1 => (u16::from(low), 1),
        [high, low, ..] => (u16::from_be_bytes([high, low]), 2),
        _ => return Err(layer.short(2, "PPP protocol")),
    };
    let layer = layer.skip(len, "PPP protocol")?;
    match protocol {
        0x0021 => ip::v4(layer),
        0x0057 => ip::v6(layer),
        0x0281 | 0x0283 => mpls(layer),
        _ => Err(Parsed::NotTcp),
    }
}

fn tcp<'a>(src: Address, dst: Address, layer: Layer<'a>) -> Result<Segment<'a>, Parsed<'a>> {
    const READING: &str = "TCP header";
    let head = layer.head::<TCP_HEADER>(READING)?;
    let len = usize::from(head[12] >> 4) * 4;
    let total = layer.data.len() + layer.missing;
    if len < TCP_HEADER {
        return Err(layer.broken(READING, "its length is less than 20"));
    }
    if len > total {
        return Err(layer.short(len, READING));
    }
    // The snap length may have cut the options: the payload is then missing altogether.
    let payload = layer.data.get(len..).unwrap_or_default();
    let missing = total - len - payload.len();
    Ok(Segment {
        src: Endpoint { address: src, port: u16::from_be_bytes([head[0], head[1]]) },
        dst: Endpoint { address: dst, port: u16::from_be_bytes([head[2], head[3]]) },
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ack: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags: head[13],
        window: u16::from_be_bytes([head[14], head[15]]),
        payload,
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
    })
}
