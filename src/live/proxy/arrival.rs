//! What a connection brings along: the PROXY protocol's header ahead of it, and where it was going before it was redirected.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::inspect::{Finding, Severity};
use crate::proto::proxy::{self, Header, Prefix};

/// Reads the header that a connection has to begin with, and no byte more.
///
/// # Errors
/// It does not begin with one, as the finding says.
pub(super) async fn header(tcp: &mut TcpStream) -> Result<Header, Finding> {
    let mut read = Vec::new();
    loop {
        let begun = read.len();
        // A line has no length, so it is read byte by byte.
        read.push(0);
        match tcp.read_exact(&mut read[begun..]).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(missing("it ended within the header"));
            }
            Err(error) => return Err(missing(&format!("it broke off: {error}"))),
        }
        match proxy::read(&read) {
            Prefix::More => {}
            Prefix::None => return Err(missing("its first bytes are something else")),
            Prefix::Broken(why) => return Err(missing(why)),
            Prefix::Header(header) => {
                let mut rest = (header.length.saturating_sub(read.len())) as u64;
                // What version 2 has behind the addresses.
                let mut aside = [0; 256];
                while rest > 0 {
                    let most = usize::try_from(rest).unwrap_or(usize::MAX).min(aside.len());
                    match tcp.read(&mut aside[..most]).await {
                        Ok(n @ 1..) => rest -= n as u64,
                        _ => return Err(missing("it ended within the header")),
                    }
                }
                return Ok(header);
            }
        }
    }
}

/// What is said of a connection without a header.
pub(super) fn missing(why: &str) -> Finding {
    let text = format!(
        "the connection is closed, because it has to begin with a header of the PROXY protocol \
         (--accept-proxy-protocol): {why}"
    );
    Finding::new("proxy.header", Severity::Error, text).spec("PROXY protocol §2")
}

/// Where a connection was going before the system redirected it here: what netfilter remembers of it (REDIRECT, DNAT), or
/// the address that it came in on (TPROXY). `None` where that is where this program `listens`.
pub(super) fn original(tcp: &TcpStream, listens: SocketAddr) -> Option<SocketAddr> {
    let redirected = remembered(tcp);
    let arrived = tcp.local_addr().ok();
    let own = |address: SocketAddr| {
        super::is_own(address, listens)
            || address.port() == listens.port() && listens.ip().is_unspecified() && is_here(address)
    };
    [redirected, arrived].into_iter().flatten().find(|address| !own(*address))
}

/// Whether it is an address of this machine: another cannot be listened on.
fn is_here(address: SocketAddr) -> bool {
    std::net::TcpListener::bind((address.ip(), 0)).is_ok()
}

#[cfg(target_os = "linux")]
fn remembered(tcp: &TcpStream) -> Option<SocketAddr> {
    let socket = socket2::SockRef::from(tcp);
    let is_ipv4 = tcp.local_addr().is_ok_and(|address| address.is_ipv4());
    let found = if is_ipv4 { socket.original_dst_v4() } else { socket.original_dst_v6() };
    found.ok()?.as_socket()
}

#[cfg(not(target_os = "linux"))]
const fn remembered(_: &TcpStream) -> Option<SocketAddr> {
    None
}

/// What is said of a connection that was not redirected.
pub(super) fn not_redirected(listens: SocketAddr) -> Finding {
    let text = format!(
        "the connection was made to {listens} itself and not redirected there, so there is nowhere to hand it on to"
    );
    Finding::new("proxy.not-redirected", Severity::Error, text)
}
