//! The header of the PROXY protocol, by which a load balancer says who the client is, ahead of the first byte of the
//! connection that it hands on. Knows nothing of what follows it.
//!
//! Sections are those of "The PROXY protocol, versions 1 & 2" (HAProxy).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A header, of either version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// 1 (text) or 2 (binary).
    pub version: u8,
    /// Its bytes in all, with what version 2 has behind the addresses.
    pub length: usize,
    /// Who the client is.
    pub source: Source,
}

/// Who a header says that the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The client's address, and the one that it connected to.
    Tcp(SocketAddr, SocketAddr),
    /// The balancer itself, which looks whether the server lives (version 2, `LOCAL`).
    Local,
    /// A client over a Unix socket.
    Unix,
    /// The header does not say.
    Unknown,
}

impl Header {
    /// The header by which a connection from `client` to `server` is handed on, of version 1 (§2.1) or 2 (§2.2). Where one
    /// of the two is an IPv4 address and the other an IPv6 one, both are written as IPv6.
    #[must_use]
    pub fn encode(version: Version, client: SocketAddr, server: SocketAddr) -> Vec<u8> {
        let (source, target) = match (client.ip(), server.ip()) {
            (IpAddr::V4(source), IpAddr::V4(target)) => (source.into(), target.into()),
            (source, target) => (mapped(source).into(), mapped(target).into()),
        };
        match version {
            Version::One => {
                let family = if IpAddr::is_ipv4(&source) { 4 } else { 6 };
                let (from, to) = (client.port(), server.port());
                format!("PROXY TCP{family} {source} {target} {from} {to}\r\n").into_bytes()
            }
            Version::Two => {
                let mut addresses = Vec::with_capacity(36);
                for ip in [source, target] {
                    match ip {
                        IpAddr::V4(ip) => addresses.extend(ip.octets()),
                        IpAddr::V6(ip) => addresses.extend(ip.octets()),
                    }
                }
                addresses.extend(client.port().to_be_bytes());
                addresses.extend(server.port().to_be_bytes());
                let family = if source.is_ipv4() { 0x11 } else { 0x21 };
                let length = (addresses.len() as u16).to_be_bytes();
                [SIGNATURE_2, &[0x21, family], &length, &addresses].concat()
            }
        }
    }
}

/// The versions of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    One,
    /// Binary.
    Two,
}

/// An address as IPv6 has it.
const fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// What the bytes at the start of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// No header.
    None,
    /// A header, as far as there are bytes; more are needed.
    More,
    /// A whole header. Bytes that [`LONGEST`] leaves out of it need not be there.
    Header(Header),
    /// The start of a header that goes on as none may.
    Broken(&'static str),
}

/// Bytes that are enough to read any header: the fixed part of version 2 and the longest addresses. What follows these,
/// up to its length, is skipped unread.
pub const LONGEST: usize = 16 + 216;
/// The longest line of version 1, with its end (§2.1).
const LINE: usize = 107;
const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Reads the header that `bytes`, the first of a connection, may begin with.
#[must_use]
pub fn read(bytes: &[u8]) -> Prefix {
    match bytes.first() {
        Some(b'P') => signed(bytes, SIGNATURE_1, line),
        Some(b'\r') => signed(bytes, SIGNATURE_2, binary),
        _ => Prefix::None,
    }
}

fn signed(bytes: &[u8], signature: &[u8], read: fn(&[u8]) -> Prefix) -> Prefix {
    if bytes.starts_with(signature) {
        read(bytes)
    } else if signature.starts_with(bytes) {
        Prefix::More
    } else {
        Prefix::None
    }
}

/// Version 1 (§2.1).
fn line(bytes: &[u8]) -> Prefix {
    let Some(end) = bytes.iter().take(LINE).position(|&byte| byte == b'\n') else {
        return if bytes.len() < LINE {
            Prefix::More
        } else {
            Prefix::Broken("its line has no end within 107 bytes")
        };
    };
    let Some(text) = bytes[..end].strip_suffix(b"\r").and_then(|line| str::from_utf8(line).ok())
    else {
        return Prefix::Broken("its line does not end in CR LF");
    };
    let mut words = text.split(' ').skip(1);
    let source = match words.next() {
        Some("UNKNOWN") => Some(Source::Unknown),
        Some("TCP4") => endpoints(words, |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4)),
        Some("TCP6") => endpoints(words, |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6)),
        _ => return Prefix::Broken("its protocol is none of TCP4, TCP6 and UNKNOWN"),
    };
    match source {
        Some(source) => Prefix::Header(Header { version: 1, length: end + 1, source }),
        None => Prefix::Broken("its addresses or ports cannot be read"),
    }
}

fn endpoints<'a>(
    mut words: impl Iterator<Item = &'a str>,
    address: fn(&str) -> Option<IpAddr>,
) -> Option<Source> {
    let (source, target) = (address(words.next()?)?, address(words.next()?)?);
    let (source_port, target_port) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let whole = words.next().is_none();
    whole.then(|| {
        Source::Tcp(SocketAddr::new(source, source_port), SocketAddr::new(target, target_port))
    })
}

/// Version 2 (§2.2).
fn binary(bytes: &[u8]) -> Prefix {
    let Some(&[command, family, high, low]) = bytes[SIGNATURE_2.len()..].first_chunk() else {
        return Prefix::More;
    };
    let body = usize::from(u16::from_be_bytes([high, low]));
    let needed = match (command, family) {
        (0x20, _) => 0,
        (0x21, 0x11 | 0x12) => 12,
        (0x21, 0x21 | 0x22) => 36,
        (0x21, 0x31 | 0x32) => 216,
        (0x21, _) => 0,
        (0x22..=0x2f, _) => return Prefix::Broken("its command is neither LOCAL nor PROXY"),
        _ => return Prefix::Broken("its version is not 2"),
    };
    if body < needed {
        return Prefix::Broken("its length leaves no room for the addresses");
    }
    let Some(addresses) = bytes.get(16..16 + needed) else { return Prefix::More };
    let port = |at: usize| u16::from_be_bytes([addresses[at], addresses[at + 1]]);
    let source = match (command, needed) {
        (0x20, _) => Source::Local,
        (_, 12) => {
            let ip = |at: usize| <[u8; 4]>::try_from(&addresses[at..at + 4]).map(IpAddr::from);
            pair(ip(0).ok(), port(8), ip(4).ok(), port(10))
        }
        (_, 36) => {
            let ip = |at: usize| <[u8; 16]>::try_from(&addresses[at..at + 16]).map(IpAddr::from);
            pair(ip(0).ok(), port(32), ip(16).ok(), port(34))
        }
        (_, 216) => Source::Unix,
        _ => Source::Unknown,
    };
    Prefix::Header(Header { version: 2, length: 16 + body, source })
}

fn pair(source: Option<IpAddr>, from: u16, target: Option<IpAddr>, to: u16) -> Source {
    match (source, target) {
        (Some(source), Some(target)) => {
            Source::Tcp(SocketAddr::new(source, from), SocketAddr::new(target, to))
        }
        _ => Source::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [SIGNATURE_2, &[command, family, length[0], length[1]], body].concat()
    }

    fn tcp(source: &str, target: &str) -> Source {
        Source::Tcp(source.parse().unwrap(), target.parse().unwrap())
    }

    /// A header whole, followed by other bytes, and each cut of it.
    fn check(bytes: &[u8], source: &Source) {
        let version = if bytes[0] == b'P' { 1 } else { 2 };
        let expected = Header { version, length: bytes.len(), source: source.clone() };
        assert_eq!(read(bytes), Prefix::Header(expected.clone()), "{bytes:?}");
        assert_eq!(read(&[bytes, &[3, 0, 0]].concat()), Prefix::Header(expected.clone()));
        for cut in 1..bytes.len() {
            match read(&bytes[..cut]) {
                Prefix::More => {}
                // What lies behind the addresses need not be there.
                Prefix::Header(header) => assert!(cut >= 16 && header == expected),
                other => panic!("{cut}: {other:?}"),
            }
        }
    }

    #[test]
    fn headers_of_both_versions() {
        let (four, six) = (
            tcp("192.0.2.1:56324", "198.51.100.2:1935"),
            tcp("[2001:db8::1]:1", "[2001:db8::2]:65535"),
        );
        check(b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 1935\r\n", &four);
        check(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", &six);
        check(b"PROXY UNKNOWN\r\n", &Source::Unknown);
        let longest = b"PROXY UNKNOWN ffff:f...f:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        check(longest, &Source::Unknown);

        let mut body = vec![192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x07, 0x8f];
        check(&v2(0x21, 0x11, &body), &four);
        // PP2_TYPE_AUTHORITY and PP2_TYPE_NOOP behind the addresses.
        body.extend(b"\x02\x00\x05a.com\x04\x00\x01\x00");
        check(&v2(0x21, 0x11, &body), &four);
        body.resize(65_535, 0);
        let long = v2(0x21, 0x11, &body);
        assert_eq!(
            read(&long[..LONGEST]),
            Prefix::Header(Header { version: 2, length: 65_551, source: four })
        );

        let mut body = vec![0; 36];
        body[..2].copy_from_slice(&[0x20, 0x01]);
        body[2..4].copy_from_slice(&[0x0d, 0xb8]);
        body[15] = 1;
        body.copy_within(..16, 16);
        body[31] = 2;
        body[32..].copy_from_slice(&[0, 1, 0xff, 0xff]);
        check(&v2(0x21, 0x21, &body), &six);
        check(&v2(0x21, 0x31, &[0; 216]), &Source::Unix);
        check(&v2(0x21, 0x00, b"abc"), &Source::Unknown);
        check(&v2(0x20, 0x00, &[]), &Source::Local);
        check(&v2(0x20, 0x11, &[0; 12]), &Source::Local);
    }

    #[test]
    fn headers_that_are_written_are_read_again() {
        for (client, server) in
            [("192.0.2.1:56324", "198.51.100.2:1935"), ("[2001:db8::1]:1", "[2001:db8::2]:65535")]
        {
            let source = tcp(client, server);
            let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
            for version in [Version::One, Version::Two] {
                check(&Header::encode(version, client, server), &source);
            }
        }
        let (four, six) = ("192.0.2.1:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap());
        let mixed = tcp("[::ffff:192.0.2.1]:1", "[2001:db8::2]:2");
        check(&Header::encode(Version::One, four, six), &mixed);
        check(&Header::encode(Version::Two, four, six), &mixed);
        assert_eq!(
            Header::encode(Version::One, four, "127.0.0.1:1935".parse().unwrap()),
            b"PROXY TCP4 192.0.2.1 127.0.0.1 1 1935\r\n"
        );
    }

    #[test]
    fn what_is_none_and_what_is_broken() {
        for none in [&b"POST /"[..], b"PROXZ", b"\x03abc", b"\r\n\r\nx", b""] {
            assert_eq!(read(none), Prefix::None, "{none:?}");
        }
        for broken in [
            &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n"[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 1935 1\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 65536\r\n",
            b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            b"PROXY UDP4 192.0.2.1 198.51.100.2 56324 1935\r\n",
            b"PROXY UNKNOWN\n",
            &[&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat(),
            &v2(0x11, 0x11, &[0; 12]),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
        ] {
            assert!(matches!(read(broken), Prefix::Broken(_)), "{broken:?}");
        }
    }
}
