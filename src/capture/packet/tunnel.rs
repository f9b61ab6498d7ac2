//! Tunnels that carry IP or Ethernet: IP in IP, GRE with what mirror ports put into it, VXLAN, Geneve, MPLS in UDP, TZSP
//! and GTP-U.

use super::{ETHERNET, IPV4, IPV6, Inner, Layer, MPLS, Next, Parsed};

const UDP: u8 = 17;
const VXLAN: u16 = 4789;
/// What Linux used for VXLAN before the port was assigned.
const VXLAN_OLD: u16 = 8472;
/// VXLAN that says what it carries (draft-ietf-nvo3-vxlan-gpe).
const VXLAN_GPE: u16 = 4790;
/// RFC 8926.
const GENEVE: u16 = 6081;
/// RFC 7510.
const MPLS_IN_UDP: u16 = 6635;
/// What routers and access points mirror with.
const TZSP: u16 = 37_008;
const GTP_USER: u16 = 2152;
/// GTP's message type for user data.
const G_PDU: u8 = 0xff;

/// Enters the tunnel that an IP protocol other than TCP may be.
pub(super) fn enter<'a>(protocol: u8, layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    match protocol {
        4 => Ok(Inner::Link(Next::EtherType(IPV4), layer)),
        41 => Ok(Inner::Link(Next::EtherType(IPV6), layer)),
        47 => gre(layer),
        UDP => udp(layer),
        _ => Err(Parsed::NotTcp),
    }
}

fn gre<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "GRE header";
    let head = layer.head::<4>(READING)?;
    let (flags, version) = (head[0], head[1] & 7);
    let has = |bit: u8| usize::from(flags & bit != 0) * 4;
    // Checksum or routing, key, sequence; version 1 (PPTP) may add an acknowledgement.
    let acknowledgement = usize::from(version == 1 && head[1] & 0x80 != 0) * 4;
    let len = 4 + has(0x80 | 0x40) + has(0x20) + has(0x10) + acknowledgement;
    if version > 1 || flags & 0x40 != 0 {
        return Err(Parsed::NotTcp);
    }
    let inner = layer.skip(len, READING)?;
    match u16::from_be_bytes([head[2], head[3]]) {
        ETHERNET => Ok(Inner::Link(Next::Ethernet, inner)),
        0x880b => Ok(Inner::Link(Next::Ppp, inner)),
        // ERSPAN, as mirror ports of switches write it: type I has no header of its own, type II one of eight bytes.
        0x88be if flags & 0x10 == 0 => Ok(Inner::Link(Next::Ethernet, inner)),
        0x88be => Ok(Inner::Link(Next::Ethernet, inner.skip(8, "ERSPAN header")?)),
        0x22eb => {
            let head = inner.head::<12>("ERSPAN header")?;
            let optional = usize::from(head[11] & 1) * 8;
            let next = if head[10] >> 2 & 0x1f == 2 { Next::Ip } else { Next::Ethernet };
            Ok(Inner::Link(next, inner.skip(12 + optional, "ERSPAN header")?))
        }
        ether_type => Ok(Inner::Link(Next::EtherType(ether_type), inner)),
    }
}

fn udp<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    // A UDP packet that is no tunnel is nothing to complain about, however short.
    let Some(head) = layer.data.first_chunk::<16>() else { return Err(Parsed::NotTcp) };
    let inner = layer.skip(8, "UDP header")?;
    match u16::from_be_bytes([head[2], head[3]]) {
        // The flag says that a network identifier is there; all others are reserved.
        VXLAN | VXLAN_OLD if head[8] & 0x08 != 0 => {
            Ok(Inner::Link(Next::Ethernet, inner.skip(8, "VXLAN header")?))
        }
        VXLAN_GPE if head[8] & 0x08 != 0 => {
            // Without the flag for it the last byte says nothing.
            let next = match if head[8] & 0x04 != 0 { head[11] } else { 3 } {
                1 => Next::EtherType(IPV4),
                2 => Next::EtherType(IPV6),
                3 => Next::Ethernet,
                5 => Next::EtherType(MPLS),
                _ => return Err(Parsed::NotTcp),
            };
            Ok(Inner::Link(next, inner.skip(8, "VXLAN header")?))
        }
        GENEVE if head[8] >> 6 == 0 => {
            let options = usize::from(head[8] & 0x3f) * 4;
            let next = Next::EtherType(u16::from_be_bytes([head[10], head[11]]));
            Ok(Inner::Link(next, inner.skip(8 + options, "Geneve header")?))
        }
        MPLS_IN_UDP => Ok(Inner::Link(Next::EtherType(MPLS), inner)),
        TZSP => tzsp(inner),
        GTP_USER => gtp(inner),
        _ => Err(Parsed::NotTcp),
    }
}

/// A header, then tagged fields up to an end tag, then the frame.
fn tzsp<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "TZSP header";
    // Version 1, a packet that was received or is to be sent, Ethernet.
    let [1, 0 | 1, 0, 1] = layer.head::<4>(READING)? else { return Err(Parsed::NotTcp) };
    let mut inner = layer.skip(4, READING)?;
    loop {
        let tag = inner.head::<1>(READING)?[0];
        let len = match tag {
            0 | 1 => 1,
            _ => 2 + usize::from(inner.head::<2>(READING)?[1]),
        };
        inner = inner.skip(len, READING)?;
        if tag == 1 {
            return Ok(Inner::Link(Next::Ethernet, inner));
        }
    }
}

fn gtp<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "GTP-U header";
    let head = layer.head::<8>(READING)?;
    if head[0] >> 5 != 1 || head[0] & 0x10 == 0 || head[1] != G_PDU {
        return Err(Parsed::NotTcp);
    }
    if head[0] & 0x07 == 0 {
        return Ok(Inner::Link(Next::Ip, layer.skip(8, READING)?));
    }
    // With any of the three flags set there are four more bytes, the last of which names an extension.
    let more = layer.head::<12>(READING)?;
    let mut next = if head[0] & 0x04 != 0 { more[11] } else { 0 };
    let mut inner = layer.skip(12, READING)?;
    while next != 0 {
        let len = usize::from(inner.head::<1>("GTP-U extension")?[0]) * 4;
        if len == 0 {
            return Err(inner.broken("GTP-U extension", "its length is zero"));
        }
        next = *inner.data.get(len - 1).ok_or_else(|| inner.short(len, "GTP-U extension"))?;
        inner = inner.skip(len, "GTP-U extension")?;
    }
    match inner.data.first().map(|b| b >> 4) {
        Some(4 | 6) => Ok(Inner::Link(Next::Ip, inner)),
        // Not every user plane carries IP.
        _ => Err(Parsed::NotTcp),
    }
}
