//! The first moments of a connection: whether it is TLS, and the tap that tells of it from then on.

use std::io;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::tls::{begins_with_tls, explain, failed, is_of_peer};
use super::{Common, Incoming, Stream, Tap};
use crate::inspect::{CloseKind, ClosedBy, Transport};
use crate::proto::handshake::Side;

/// Opens the tap of a connection, behind the TLS handshake where there is one. `None` where that failed: it is told of,
/// and the connection closed.
///
/// Where only plain RTMP is served it waits for nothing. Where TLS is too it waits for the first byte, and no longer than
/// [`Limits::handshake_time`](crate::Limits::handshake_time): who is silent for so long is taken for plain.
pub async fn meet(incoming: Incoming, common: &Common) -> Option<(Stream, Tap)> {
    let Incoming { tcp, client, server, at } = incoming;
    let open = |transport| common.taps.open(at, client, server, transport);
    match secure(tcp, common).await {
        Ok(stream) => {
            let tap = open(transport(&stream));
            Some((stream, tap))
        }
        Err(unsecured) => {
            unsecured.tell(open(Transport::Rtmps));
            None
        }
    }
}

/// How RTMP is carried on a stream.
pub(super) const fn transport(stream: &Stream) -> Transport {
    if stream.is_tls() { Transport::Rtmps } else { Transport::Rtmp }
}

/// A client's TLS handshake that failed.
#[derive(Debug)]
pub(super) struct Unsecured {
    why: String,
    by: ClosedBy,
    how: CloseKind,
}

impl Unsecured {
    /// Tells of it, and closes the tap.
    pub(super) fn tell(self, tap: Tap) {
        tap.trouble(failed(&self.why));
        tap.close(self.by, self.how);
    }
}

/// Does the TLS handshake where the client begins with one.
pub(super) async fn secure(tcp: TcpStream, common: &Common) -> Result<Stream, Unsecured> {
    let Some(tls) = &common.tls else { return Ok(Stream::Plain(tcp)) };
    let patience = common.limits.handshake_time;
    let until = Instant::now() + patience;
    match timeout_at(until, begins_with_tls(&tcp)).await {
        Ok(Ok(true)) => {}
        // What is wrong with the socket shows itself again where it is read.
        Ok(Ok(false) | Err(_)) | Err(_) => return Ok(Stream::Plain(tcp)),
    }
    match timeout_at(until, tls.accept(tcp)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            let by = if is_of_peer(&error) { ClosedBy::Client } else { ClosedBy::Rtmpctl };
            let how = closed_by_error(&error);
            Err(Unsecured { why: explain(&error, Side::Server), by, how })
        }
        Err(_) => {
            let why = format!("the TLS handshake was not over after {} s", patience.as_secs());
            Err(Unsecured { why, by: ClosedBy::Rtmpctl, how: CloseKind::Timeout })
        }
    }
}

/// How the connection ended of which reading or writing failed.
#[must_use]
pub fn closed_by_error(error: &io::Error) -> CloseKind {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => CloseKind::Rst,
        io::ErrorKind::TimedOut => CloseKind::Timeout,
        _ => CloseKind::Fin,
    }
}
