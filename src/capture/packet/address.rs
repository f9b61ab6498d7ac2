//! Who speaks to whom, small enough to be looked up for every packet.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// An IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// IPv4, as on the wire.
    V4([u8; 4]),
    /// IPv6, as on the wire.
    V6([u8; 16]),
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        match address {
            Address::V4(bytes) => Self::from(bytes),
            Address::V6(bytes) => Self::from(bytes),
        }
    }
}

/// One end of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The host.
    pub address: Address,
    /// The TCP port.
    pub port: u16,
}

impl From<Endpoint> for SocketAddr {
    fn from(end: Endpoint) -> Self {
        Self::new(end.address.into(), end.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}

/// The two ends of a connection in an order that does not depend on the direction.
///
/// Two words are hashed for IPv4. Feed it to a hasher with a random seed: peers choose their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowKey(Ends);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    V4 { hosts: u64, ports: u32 },
    V6 { low: [u64; 2], high: [u64; 2], ports: u32 },
}

impl FlowKey {
    /// The key of the connection between two ends, and whether `src` is the first of them.
    #[inline]
    #[must_use]
    pub(crate) fn new(src: Endpoint, dst: Endpoint) -> (Self, bool) {
        if let (Address::V4(a), Address::V4(b)) = (src.address, dst.address) {
            // Host and port as one number each: one comparison gives the order, and the halves come back out.
            let a = u64::from(u32::from_be_bytes(a)) << 16 | u64::from(src.port);
            let b = u64::from(u32::from_be_bytes(b)) << 16 | u64::from(dst.port);
            let (low, high) = (a.min(b), a.max(b));
            let ports = ((low as u32) << 16) | (high as u32 & 0xffff);
            return (Self(Ends::V4 { hosts: (low >> 16) << 32 | high >> 16, ports }), a <= b);
        }
        Self::wide(src, dst)
    }

    #[inline(never)]
    fn wide(src: Endpoint, dst: Endpoint) -> (Self, bool) {
        let (a, b) = ((words(src.address), src.port), (words(dst.address), dst.port));
        let (low, high) = (a.min(b), a.max(b));
        let ports = u32::from(low.1) << 16 | u32::from(high.1);
        (Self(Ends::V6 { low: low.0, high: high.0, ports }), a <= b)
    }
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Ends::V4 { hosts, ports } => {
                state.write_u64(hosts);
                state.write_u32(ports);
            }
            Ends::V6 { low, high, ports } => {
                for word in [low[0], low[1], high[0], high[1]] {
                    state.write_u64(word);
                }
                state.write_u32(ports);
            }
        }
    }
}

/// An address as two words; IPv4 in its mapped form.
fn words(address: Address) -> [u64; 2] {
    match address {
        Address::V4(v4) => [0, 0xffff_0000_0000 | u64::from(u32::from_be_bytes(v4))],
        Address::V6([a, b, c, d, e, f, g, h, rest @ ..]) => {
            [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(rest)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_share_a_key_and_differ_in_who_sent() {
        let v4 = |last, port| Endpoint { address: Address::V4([10, 0, 0, last]), port };
        let v6 = |last, port| Endpoint { address: Address::V6([last; 16]), port };
        for (a, b) in [
            (v4(1, 1935), v4(2, 40_000)),
            (v4(1, 1935), v4(1, 1936)),
            (v4(255, 65_535), v4(0, 0)),
            (v6(1, 1935), v6(9, 2)),
            (v6(1, 1935), v4(9, 2)),
        ] {
            let ((there, sent), (back, answered)) = (FlowKey::new(a, b), FlowKey::new(b, a));
            assert_eq!(there, back);
            assert_ne!(sent, answered);
            for other in [v4(1, 2), v6(1, 2)] {
                assert_ne!(FlowKey::new(a, other).0, there);
            }
        }
        // Ports belong to their hosts: swapping them is another connection.
        assert_ne!(FlowKey::new(v4(1, 5), v4(2, 6)).0, FlowKey::new(v4(1, 6), v4(2, 5)).0);
    }
}
