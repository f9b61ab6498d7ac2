//! Resetting a connection as its other side was.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

/// Lets the socket be closed by a reset, which its peer sees as such. What was not sent yet is lost.
pub(super) fn reset(tcp: &TcpStream) {
    // Where it cannot be set the connection ends in the usual way.
    let _ = tcp.set_zero_linger();
}

/// Looks at the system's table of sockets, which is long where they are many: not often.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks(Rc<Cell<Option<Instant>>>);

/// The time between two looks.
const SELDOM: Duration = Duration::from_millis(20);

impl Looks {
    /// Whether the peer is known to have received everything that was written to the socket.
    pub(super) fn has_everything(&self, tcp: &TcpStream) -> bool {
        if self.0.get().is_some_and(|last| last.elapsed() < SELDOM) {
            return false;
        }
        let (Ok(local), Ok(peer)) = (tcp.local_addr(), tcp.peer_addr()) else { return true };
        let known = unacknowledged(local, peer);
        self.0.set(Some(Instant::now()));
        known == Some(0)
    }
}

/// Bytes written to a socket and not acknowledged by its peer, where the system tells.
#[cfg(target_os = "linux")]
fn unacknowledged(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let table = if local.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    let table = std::fs::read_to_string(table).ok()?;
    let (local, peer) = (hexadecimal(local), hexadecimal(peer));
    let mut lines = table.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut words| {
        // sl local_address rem_address st tx_queue:rx_queue …
        let found = words.nth(1)? == local && words.next()? == peer;
        let queues = words.nth(1).filter(|_| found)?;
        u32::from_str_radix(queues.split_once(':')?.0, 16).ok()
    })
}

/// An address as the system's table of sockets has it: words in the order of this machine.
#[cfg(target_os = "linux")]
fn hexadecimal(address: SocketAddr) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let octets = match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    for word in octets.as_chunks().0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(*word));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

#[cfg(not(target_os = "linux"))]
const fn unacknowledged(_: SocketAddr, _: SocketAddr) -> Option<u32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_in_the_table_of_sockets() {
        let little = cfg!(target_endian = "little");
        let four = hexadecimal("127.0.0.1:1935".parse().unwrap());
        assert_eq!(four, if little { "0100007F:078F" } else { "7F000001:078F" });
        let six = hexadecimal("[::1]:80".parse().unwrap());
        let zeros = "0".repeat(24);
        assert_eq!(six, format!("{zeros}{}:0050", if little { "01000000" } else { "00000001" }));
    }

    #[tokio::test]
    async fn what_a_peer_has_not_acknowledged_is_known() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(Looks::default().has_everything(&client));
        // More than the other side has room for.
        let block = vec![0; 1 << 20];
        while client.try_write(&block).is_ok() {}
        assert!(!Looks::default().has_everything(&client));
        drop(server);
    }
}
