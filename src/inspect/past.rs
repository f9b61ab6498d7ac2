//! What is remembered of other connections: some faults show in several only. Bounded by
//! [`Limits::past_connections`](crate::Limits::past_connections).

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use super::{Arrival, FlowId};

/// What is remembered of connections, those that are over with them.
#[derive(Debug, Default)]
pub(crate) struct Past {
    publishers: VecDeque<Publisher>,
    tries: VecDeque<Try>,
    /// Chunk sizes that clients announced on connections that are over: some go on with them.
    chunk_sizes: VecDeque<(IpAddr, u32)>,
}

/// A stream that was published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publisher {
    /// Which: server, application and name.
    stream: u64,
    /// By which connection.
    pub(crate) connection: FlowId,
    /// When it ended; `None` while it goes on.
    pub(crate) ended: Option<Arrival>,
    /// Whether the client ended it with `deleteStream`.
    pub(crate) deleted: bool,
}

/// A `connect` that is to be followed by another one, on another connection.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    client: IpAddr,
    /// By which connection.
    pub(crate) connection: FlowId,
    /// What is to follow.
    pub(crate) next: Next,
}

/// What the next connection of a client is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// To connect to this URL.
    Redirect(String),
    /// To say its user's name, on the way to authenticate that is named so.
    Name(&'static str),
    /// To answer the challenge.
    Answer(&'static str),
}

impl Past {
    /// What stands for a stream.
    pub(crate) fn stream(server: Option<SocketAddr>, app: Option<&str>, name: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (server, app, name.split('?').next()).hash(&mut hasher);
        hasher.finish()
    }

    /// A stream is being published. `most`: connections remembered.
    pub(crate) fn begins(&mut self, stream: u64, connection: FlowId, most: usize) {
        let publisher = Publisher { stream, connection, ended: None, deleted: false };
        push(&mut self.publishers, publisher, most);
    }

    /// What a connection published is over.
    pub(crate) fn ends(&mut self, connection: FlowId, at: Arrival, deleted: bool) {
        for publisher in &mut self.publishers {
            if publisher.connection == connection && publisher.ended.is_none() {
                publisher.ended = Some(at);
                publisher.deleted = deleted;
            }
        }
    }

    /// Who published a stream last, other than this connection.
    pub(crate) fn publisher(&self, stream: u64, but: FlowId) -> Option<&Publisher> {
        let mut latest = self.publishers.iter().rev();
        latest.find(|publisher| publisher.stream == stream && publisher.connection != but)
    }

    /// A client is to connect again.
    pub(crate) fn expects(
        &mut self,
        client: Option<SocketAddr>,
        connection: FlowId,
        next: Next,
        most: usize,
    ) {
        if let Some(client) = client {
            push(&mut self.tries, Try { client: client.ip(), connection, next }, most);
        }
    }

    /// What this client was last told to do that `is` of interest; it is forgotten.
    pub(crate) fn expected(
        &mut self,
        client: Option<SocketAddr>,
        is: impl Fn(&Next) -> bool,
    ) -> Option<Try> {
        let client = client?.ip();
        let at = self.tries.iter().rposition(|each| each.client == client && is(&each.next))?;
        self.tries.remove(at)
    }

    /// A connection is over on which its client had announced this chunk size.
    pub(super) fn chunks(&mut self, client: Option<SocketAddr>, size: u32, most: usize) {
        if let Some(client) = client {
            push(&mut self.chunk_sizes, (client.ip(), size), most);
        }
    }

    /// The chunk size that this client announced last on a connection that is over.
    pub(super) fn chunk_size(&self, client: Option<SocketAddr>) -> Option<u32> {
        let client = client?.ip();
        self.chunk_sizes.iter().rev().find(|(of, _)| *of == client).map(|(_, size)| *size)
    }
}

/// Appends, and forgets the oldest where there are too many.
fn push<T>(all: &mut VecDeque<T>, one: T, most: usize) {
    while all.len() >= most.max(1) {
        all.pop_front();
    }
    all.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_are_remembered_within_a_limit() {
        let mut past = Past::default();
        let streams = [1, 2, 3].map(|port| {
            Past::stream(Some(([10, 0, 0, 1], port).into()), Some("live"), "cam?token=1")
        });
        assert_eq!(streams[0], Past::stream(Some(([10, 0, 0, 1], 1).into()), Some("live"), "cam"));
        for (stream, connection) in streams.into_iter().zip(1..) {
            past.begins(stream, connection, 2);
        }
        assert!(past.publisher(streams[0], 9).is_none(), "the oldest is forgotten");
        assert!(past.publisher(streams[1], 2).is_none(), "of others only");
        past.ends(2, Some(5), true);
        let found = past.publisher(streams[1], 9).map(|p| (p.connection, p.ended, p.deleted));
        assert_eq!(found, Some((2, Some(Some(5)), true)));
        assert!(past.publisher(streams[2], 9).is_some_and(|p| p.ended.is_none()));
    }

    #[test]
    fn chunk_sizes_are_those_of_the_client_s_latest_connection() {
        let mut past = Past::default();
        let client = |host, port| Some(([10, 0, 0, host], port).into());
        for (host, size) in [(1, 4096), (2, 60_000), (1, 128)] {
            past.chunks(client(host, 1), size, 2);
        }
        let sizes = [1, 2, 3].map(|host| past.chunk_size(client(host, 7)));
        assert_eq!(sizes, [Some(128), Some(60_000), None]);
        past.chunks(None, 1, 2);
        assert_eq!(past.chunk_size(None), None);
        past.chunks(client(1, 1), 5000, 2);
        assert_eq!(past.chunk_size(client(2, 1)), None, "the oldest is forgotten");
    }

    #[test]
    fn what_a_client_is_to_do_next_is_told_once() {
        let mut past = Past::default();
        let client = |port| Some(([10, 0, 0, 1], port).into());
        past.expects(client(1), 1, Next::Answer("adobe"), 8);
        let is = |next: &Next| matches!(next, Next::Answer(_));
        assert!(past.expected(None, is).is_none());
        assert!(past.expected(client(2), |next| matches!(next, Next::Redirect(_))).is_none());
        assert_eq!(past.expected(client(2), is).map(|found| found.connection), Some(1));
        assert!(past.expected(client(2), is).is_none());
    }
}
