//! Connecting to the server, in time or not at all, and what to say where it is not reached.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::inspect::{CloseKind, ClosedBy, Finding, Severity, Transport, Upstream};
use crate::live::{Stream, closed_by_error, tls};
use crate::proto::handshake::Side;

/// Where to connect to.
#[derive(Debug, Clone)]
pub(super) enum Address<'a> {
    /// A name, or an address as text.
    Host(&'a str, u16),
    /// An address.
    Socket(SocketAddr),
}

/// One attempt at reaching the server.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) address: Address<'a>,
    /// The server as it is to be called.
    pub(super) name: String,
    pub(super) tls: Option<&'a tls::Client>,
    /// What is sent ahead of everything.
    pub(super) header: Vec<u8>,
    /// For all of it.
    pub(super) patience: Duration,
    /// The address of this program, which it must not connect to.
    pub(super) own: SocketAddr,
    /// Whether the TLS handshake has begun.
    pub(super) securing: &'a Cell<bool>,
}

/// Why the server was not reached.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) finding: Finding,
    pub(super) by: ClosedBy,
    pub(super) how: CloseKind,
}

impl Attempt<'_> {
    /// Connects.
    pub(super) async fn make(&self) -> Result<(Stream, Upstream), Failed> {
        let began = Instant::now();
        let (addresses, resolve) = self.resolve().await?;
        let resolved = Instant::now();
        let tcp = self.connect(&addresses, began).await?;
        let connect = nanoseconds(resolved.elapsed());
        // Where it cannot be set the connection is slower, not wrong.
        let _ = tcp.set_nodelay(true);
        let (address, local) = (tcp.peer_addr(), tcp.local_addr().ok());
        let address = address.map_err(|error| self.unreached(&error))?;
        let connected = Instant::now();
        let transport = if self.tls.is_some() { Transport::Rtmps } else { Transport::Rtmp };
        let stream = self.secure(tcp, began).await?;
        let tls = self.tls.map(|_| nanoseconds(connected.elapsed()));
        Ok((stream, Upstream { address, local, transport, resolve, connect, tls }))
    }

    async fn resolve(&self) -> Result<(Vec<SocketAddr>, Option<i64>), Failed> {
        let (host, port) = match self.address {
            Address::Socket(address) => return Ok((vec![address], None)),
            Address::Host(host, port) => (host, port),
        };
        if let Ok(ip) = host.parse() {
            return Ok((vec![SocketAddr::new(ip, port)], None));
        }
        let began = Instant::now();
        match timeout(self.patience, lookup_host((host, port))).await {
            Err(_) => Err(self.late("its name was not found")),
            Ok(Err(error)) => {
                let why = format!("its name is not known: {error}");
                Err(self.failed(&why, ClosedBy::Rtmpctl, CloseKind::End))
            }
            Ok(Ok(found)) => Ok((found.collect(), Some(nanoseconds(began.elapsed())))),
        }
    }

    /// The first address that takes the connection; each has its share of the time.
    async fn connect(&self, addresses: &[SocketAddr], began: Instant) -> Result<TcpStream, Failed> {
        let mut last = self.failed("its name has no address", ClosedBy::Rtmpctl, CloseKind::End);
        for (index, &address) in addresses.iter().enumerate() {
            if is_own(address, self.own) {
                let why = format!("{address} is where this program listens itself");
                last = self.failed(&why, ClosedBy::Rtmpctl, CloseKind::End);
                continue;
            }
            let left = self.patience.saturating_sub(began.elapsed());
            let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            match timeout(left / others, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => last = self.unreached(&error),
                Err(_) => last = self.late("it did not accept the connection"),
            }
        }
        Err(last)
    }

    /// Sends what goes ahead of everything, and does the TLS handshake.
    async fn secure(&self, mut tcp: TcpStream, began: Instant) -> Result<Stream, Failed> {
        let left = self.patience.saturating_sub(began.elapsed());
        if !self.header.is_empty() {
            tcp.write_all(&self.header).await.map_err(|error| self.unreached(&error))?;
        }
        let Some(tls) = self.tls else { return Ok(Stream::Plain(tcp)) };
        self.securing.set(true);
        match timeout(left, tls.connect(tcp)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let by = if error.kind() == io::ErrorKind::InvalidData {
                    ClosedBy::Rtmpctl
                } else {
                    ClosedBy::Server
                };
                let mut why = tls::explain(&error, Side::Client);
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
                ) {
                    why.push_str(", as one does that speaks plain RTMP there (rtmp://)");
                }
                let finding = tls::failed(&format!("{} is not reached: {why}", self.name));
                Err(Failed { finding, by, how: closed_by_error(&error) })
            }
            Err(_) => {
                let why = format!(
                    "{} did not answer TLS within {} s: perhaps it speaks plain RTMP there (rtmp://)",
                    self.name,
                    self.patience.as_secs_f64()
                );
                let finding = tls::failed(&why);
                Err(Failed { finding, by: ClosedBy::Rtmpctl, how: CloseKind::Timeout })
            }
        }
    }

    fn failed(&self, why: &str, by: ClosedBy, how: CloseKind) -> Failed {
        let text = format!("{} is not reached: {why}; the client is closed", self.name);
        Failed { finding: Finding::new("proxy.unreached", Severity::Error, text), by, how }
    }

    fn late(&self, what: &str) -> Failed {
        let why = format!("{what} within {} s (--upstream-timeout)", self.patience.as_secs_f64());
        self.failed(&why, ClosedBy::Rtmpctl, CloseKind::Timeout)
    }

    fn unreached(&self, error: &io::Error) -> Failed {
        use io::ErrorKind as Kind;
        let why = match error.kind() {
            Kind::ConnectionRefused => "it refuses the connection: nobody listens there".to_owned(),
            Kind::HostUnreachable | Kind::NetworkUnreachable => {
                format!("there is no way to it ({error})")
            }
            Kind::ConnectionReset => "it reset the connection at once".to_owned(),
            _ => error.to_string(),
        };
        let how = match error.kind() {
            Kind::ConnectionRefused => CloseKind::Rst,
            _ => closed_by_error(error),
        };
        self.failed(&why, ClosedBy::Server, how)
    }
}

/// What is said where the server has not answered TLS for a while.
pub(super) fn slow_tls(name: &str, time: Duration) -> Finding {
    let text = format!(
        "{name} has not answered TLS for {} s: perhaps it speaks plain RTMP there (rtmp://)",
        time.as_secs_f64()
    );
    Finding::new("proxy.slow-tls", Severity::Warning, text)
}

/// What is said of a connection that this program made itself.
pub(super) fn comes_back(own: SocketAddr) -> Finding {
    let text = format!(
        "the connection would be handed on to {own}, where this program listens itself, over and over; it is closed"
    );
    Finding::new("proxy.unreached", Severity::Error, text)
}

/// Whether a connection to `address` would come in where this program listens.
pub fn is_own(address: SocketAddr, own: SocketAddr) -> bool {
    let ip = own.ip();
    let here = ip == address.ip()
        || ip.is_unspecified() && (address.ip().is_loopback() || address.ip().is_unspecified())
        || address.ip().is_unspecified() && ip.is_loopback();
    address.port() == own.port() && here
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_knows_its_own_address() {
        for (address, own, same) in [
            ("127.0.0.1:1935", "127.0.0.1:1935", true),
            ("127.0.0.1:1936", "127.0.0.1:1935", false),
            ("127.0.0.2:1935", "127.0.0.1:1935", false),
            ("127.0.0.2:1935", "0.0.0.0:1935", true),
            ("192.0.2.1:1935", "0.0.0.0:1935", false),
            ("0.0.0.0:1935", "127.0.0.1:1935", true),
            ("[::1]:1935", "127.0.0.1:1935", false),
        ] {
            assert_eq!(is_own(address.parse().unwrap(), own.parse().unwrap()), same, "{address}");
        }
    }
}
