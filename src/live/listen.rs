//! The server that answers whoever connects, and lets everything be seen.

use std::future::poll_fn;

use super::{Common, Incoming, Stream};
use crate::inspect::{CloseKind, ClosedBy, Transport};
use crate::proto::Direction;

/// Serves one connection to its end. Gives whether it counts as a session of its own.
pub async fn listen(incoming: Incoming, common: Common) -> bool {
    let Incoming { tcp, client, server, at } = incoming;
    let tap = common.taps.open(at, client, server, Transport::Rtmp);
    let mut stream = Stream::Plain(tcp);
    loop {
        let read = poll_fn(|cx| {
            common.buffer.poll_read(&mut stream, cx, |data| {
                tap.bytes(Direction::ClientToServer, data);
                data.len()
            })
        })
        .await;
        match read {
            Ok((0, _)) => {
                tap.close(ClosedBy::Client, CloseKind::Fin);
                return true;
            }
            Ok(_) => {}
            Err(_) => {
                tap.close(ClosedBy::Client, CloseKind::Rst);
                return true;
            }
        }
    }
}
