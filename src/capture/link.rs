//! Link types: the first layer of a captured packet, down to where IP begins.

use core::fmt;

/// The Ethernet type of PPPoE sessions.
pub(super) const PPPOE: u16 = 0x8864;
/// The Ethernet type of MPLS.
pub(super) const MPLS: u16 = 0x8847;

/// The link-layer type of a capture, as registered by tcpdump.org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// Cisco's HDLC.
    pub const C_HDLC: Self = Self(104);
    /// MPLS without a link layer.
    pub const MPLS: Self = Self(219);
    /// BSD loopback, the address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP.
    pub const PPP: Self = Self(9);
    /// IP without a link layer, as some BSDs number it.
    pub const RAW_BSD: Self = Self(12);
    /// IP without a link layer, as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// PPP over Ethernet without the Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// IP without a link layer.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback, the address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without a link layer.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link layer.
    pub const IPV6: Self = Self(229);
    /// What macOS captures on all interfaces at once: a header that names the link type of what follows it.
    pub const PKTAP: Self = Self(258);
    /// The same, as tcpdump of macOS numbers it in files.
    pub const PKTAP_USER: Self = Self(149);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The registered name, such as `ETHERNET`; none for a number that is not registered.
    #[must_use]
    pub fn name(self) -> Option<String> {
        match self {
            // Registered later than, or otherwise than, the list in use below.
            Self::RAW_BSD | Self::RAW_OPENBSD => Some("RAW".to_owned()),
            _ => match pcap_file::DataLink::from(u32::from(self.0)) {
                pcap_file::DataLink::Unknown(_) => None,
                known => Some(format!("{known:?}")),
            },
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "link type {}", self.0),
        }
    }
}

/// What follows a link header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// An Ethernet frame, addresses first.
    Ethernet,
    /// What the Ethernet type says.
    EtherType(u16),
    /// A PPP frame, perhaps with its address and control bytes.
    Ppp,
    /// IPv4 or IPv6, as the first four bits say.
    Ip,
    /// No IP.
    Other,
    /// The link type is not one that is read.
    Unknown,
    /// The link header is cut: so many bytes were needed for this.
    Cut(usize, &'static str),
}

/// Reads the link header; gives what follows and how many bytes on.
pub(super) fn enter(link: LinkType, data: &[u8]) -> (Next, usize) {
    match link {
        LinkType::ETHERNET => (Next::Ethernet, 0),
        LinkType::RAW
        | LinkType::RAW_BSD
        | LinkType::RAW_OPENBSD
        | LinkType::IPV4
        | LinkType::IPV6 => (Next::Ip, 0),
        LinkType::LINUX_SLL => ether_type(data, 14, 16, "Linux cooked header"),
        LinkType::LINUX_SLL2 => ether_type(data, 0, 20, "Linux cooked header, version 2"),
        LinkType::NULL | LinkType::LOOP => match data.first_chunk() {
            Some(family) => (address_family(*family), 4),
            None => (Next::Cut(4, "BSD loopback header"), 0),
        },
        LinkType::PPP => (Next::Ppp, 0),
        LinkType::PPP_HDLC => match data {
            // Cisco's framing has its own two addresses and an Ethernet type.
            [0x0f | 0x8f, ..] => ether_type(data, 2, 4, "Cisco HDLC header"),
            _ => (Next::Ppp, 0),
        },
        LinkType::C_HDLC => ether_type(data, 2, 4, "Cisco HDLC header"),
        LinkType::MPLS => (Next::EtherType(MPLS), 0),
        LinkType::PKTAP | LinkType::PKTAP_USER => pktap(data),
        LinkType::PPP_ETHER => (Next::EtherType(PPPOE), 0),
        _ => (Next::Unknown, 0),
    }
}

/// The header's length and the link type inside, in the byte order of the capturing host, which is little-endian.
fn pktap(data: &[u8]) -> (Next, usize) {
    const LEAST: usize = 12;
    let Some(&[a, b, c, d, _, _, _, _, e, f, 0, 0]) = data.first_chunk() else {
        let short = data.len() < LEAST;
        return (if short { Next::Cut(LEAST, "PKTAP header") } else { Next::Unknown }, 0);
    };
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let inner = LinkType(u16::from_le_bytes([e, f]));
    if length < LEAST || matches!(inner, LinkType::PKTAP | LinkType::PKTAP_USER) {
        return (Next::Unknown, 0); // another use of the number
    }
    let Some(inside) = data.get(length..) else { return (Next::Cut(length, "PKTAP header"), 0) };
    let (next, skip) = enter(inner, inside);
    (next, length + skip)
}

fn ether_type(data: &[u8], at: usize, len: usize, reading: &'static str) -> (Next, usize) {
    if data.len() < len {
        return (Next::Cut(len, reading), 0);
    }
    (Next::EtherType(u16::from_be_bytes([data[at], data[at + 1]])), len)
}

/// The address family in either byte order: what is not one in the first is one in the other.
fn address_family(word: [u8; 4]) -> Next {
    let family = u32::from_le_bytes(word).min(u32::from_be_bytes(word));
    match family {
        // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30.
        2 | 10 | 24 | 28 | 30 => Next::Ip,
        _ => Next::Other,
    }
}
