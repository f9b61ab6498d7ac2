//! The first moments of a connection: whether it is TLS, and the tap that tells of it from then on.

use std::io;

use tokio::time::timeout;

use super::tls::{begins_with_tls, explain, failed};
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
    let patience = common.limits.handshake_time;
    let Some(tls) = &common.tls else {
        return Some((Stream::Plain(tcp), open(Transport::Rtmp)));
    };
    match timeout(patience, begins_with_tls(&tcp)).await {
        Ok(Ok(true)) => {}
        // What is wrong with the socket shows itself again where it is read.
        Ok(Ok(false) | Err(_)) | Err(_) => {
            return Some((Stream::Plain(tcp), open(Transport::Rtmp)));
        }
    }
    let (error, by, how) = match timeout(patience, tls.accept(tcp)).await {
        Ok(Ok(stream)) => return Some((stream, open(Transport::Rtmps))),
        Ok(Err(error)) => {
            let by = if error.kind() == io::ErrorKind::InvalidData {
                ClosedBy::Rtmpctl
            } else {
                ClosedBy::Client
            };
            (explain(&error, Side::Server), by, closed_by_error(&error))
        }
        Err(_) => {
            let text = format!("the TLS handshake was not over after {} s", patience.as_secs());
            (text, ClosedBy::Rtmpctl, CloseKind::Timeout)
        }
    };
    let tap = open(Transport::Rtmps);
    tap.trouble(failed(&error));
    tap.close(by, how);
    None
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
