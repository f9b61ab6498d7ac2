//! IPv4 and IPv6 headers, with options, extension headers and fragments.

use super::{Address, Fragment, Inner, Layer, Parsed};

/// An IP header of either version, as its first four bits say.
pub(super) fn either<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    match layer.head::<1>("IP header")?[0] >> 4 {
        4 => v4(layer),
        6 => v6(layer),
        _ => Err(layer.broken("IP header", "its version is neither 4 nor 6")),
    }
}

pub(super) fn v4<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "IPv4 header";
    let head = layer.head::<20>(READING)?;
    let len = usize::from(head[0] & 0x0f) * 4;
    if head[0] >> 4 != 4 || len < 20 {
        return Err(layer.broken(READING, "its version is not 4 or its length less than 20"));
    }
    let src = Address::V4([head[12], head[13], head[14], head[15]]);
    let dst = Address::V4([head[16], head[17], head[18], head[19]]);
    let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let content = match total {
        // The network card was to fill in the length when it cut the data into packets.
        0 => layer.skip(len, READING)?,
        _ if total < len => {
            return Err(layer.broken(READING, "its total length is less than its own"));
        }
        _ => sized(layer, total).skip(len, READING)?,
    };
    let fragment = u16::from_be_bytes([head[6], head[7]]);
    if fragment & 0x3fff != 0 {
        return Err(Parsed::Fragment(Fragment {
            src,
            dst,
            identification: u32::from(u16::from_be_bytes([head[4], head[5]])),
            protocol: head[9],
            offset: u32::from(fragment & 0x1fff) * 8,
            more: fragment & 0x2000 != 0,
            data: content.data,
            missing: u32::try_from(content.missing).unwrap_or(u32::MAX),
        }));
    }
    content_of(src, dst, head[9], content)
}

pub(super) fn v6<'a>(layer: Layer<'a>) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "IPv6 header";
    let head = layer.head::<40>(READING)?;
    if head[0] >> 4 != 6 {
        return Err(layer.broken(READING, "its version is not 6"));
    }
    let address = |at: usize| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&head[at..at + 16]);
        Address::V6(bytes)
    };
    let (src, dst) = (address(8), address(24));
    let content = match usize::from(u16::from_be_bytes([head[4], head[5]])) {
        // A jumbogram, or a length left to the network card.
        0 => layer.skip(40, READING)?,
        len => sized(layer, 40 + len).skip(40, READING)?,
    };
    content_of(src, dst, head[6], content)
}

/// Walks the extension headers; each takes eight bytes or more, so the packet's length bounds them.
///
/// IPv4 has only the authentication header of them, and in it the other numbers do not occur.
pub(super) fn content_of<'a>(
    src: Address,
    dst: Address,
    mut protocol: u8,
    mut layer: Layer<'a>,
) -> Result<Inner<'a>, Parsed<'a>> {
    const READING: &str = "IPv6 extension header";
    loop {
        match protocol {
            // Hop-by-hop, routing, destination, mobility, HIP and shim6: a length in units of eight bytes.
            0 | 43 | 60 | 135 | 139 | 140 => {
                let head = layer.head::<2>(READING)?;
                protocol = head[0];
                layer = layer.skip((usize::from(head[1]) + 1) * 8, READING)?;
            }
            // Authentication: in units of four, and two less.
            51 => {
                let head = layer.head::<2>(READING)?;
                protocol = head[0];
                layer = layer.skip((usize::from(head[1]) + 2) * 4, READING)?;
            }
            44 => {
                let head = layer.head::<8>("IPv6 fragment header")?;
                protocol = head[0];
                layer = layer.skip(8, READING)?;
                let place = u16::from_be_bytes([head[2], head[3]]);
                // Offset 0 and nothing more to come: a whole datagram that only carries the header.
                if place & 0xfff9 != 0 {
                    return Err(Parsed::Fragment(Fragment {
                        src,
                        dst,
                        identification: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
                        protocol,
                        offset: u32::from(place & 0xfff8),
                        more: place & 1 != 0,
                        data: layer.data,
                        missing: u32::try_from(layer.missing).unwrap_or(u32::MAX),
                    }));
                }
            }
            _ => return Ok(Inner::Transport(src, dst, protocol, layer)),
        }
    }
}

/// The first `total` bytes of `layer`: behind them is padding, or what is not there was cut by the snap length.
fn sized(layer: Layer<'_>, total: usize) -> Layer<'_> {
    match layer.data.get(..total) {
        Some(data) => Layer { data, missing: 0, ..layer },
        None => Layer { missing: total - layer.data.len(), ..layer },
    }
}
