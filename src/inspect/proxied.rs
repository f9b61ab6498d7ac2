//! What only who stands between client and server can tell of a connection.

use std::net::SocketAddr;

use super::{CloseKind, Transport};

/// Something that a proxy tells of a connection and that its bytes do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxied<'a> {
    /// A value of a message was replaced on its way.
    Rewritten(Rewritten<'a>),
    /// What became of both sides, told once, before the end.
    Sides(Sides),
}

/// A value of a message that was replaced on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewritten<'a> {
    /// The call that has it: `connect`, `publish` and the like.
    pub call: &'a str,
    /// Which of its values.
    pub field: Field,
    /// As the client sent it.
    pub before: &'a str,
    /// As the server got it.
    pub after: &'a str,
}

/// The values that can be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `connect`'s app.
    App,
    /// `connect`'s tcUrl.
    TcUrl,
    /// `connect`'s swfUrl.
    SwfUrl,
    /// `connect`'s pageUrl.
    PageUrl,
    /// The name of a stream.
    StreamName,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::App, Self::TcUrl, Self::SwfUrl, Self::PageUrl, Self::StreamName];

    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::TcUrl => "tc_url",
            Self::SwfUrl => "swf_url",
            Self::PageUrl => "page_url",
            Self::StreamName => "stream_name",
        }
    }
}

/// Both sides of a connection that was handed on, the client's first in each pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides {
    /// The server that it was handed on to; `None` where none was reached.
    pub upstream: Option<Upstream>,
    /// Bytes handed on in each direction: fewer than came where the other side was gone, more or fewer where messages were
    /// changed.
    pub forwarded: [u64; 2],
    /// The most bytes that waited at once for the receiver of each direction.
    pub queued: [u64; 2],
    /// Nanoseconds during which the receiver of each direction took nothing although bytes waited for it.
    pub blocked: [i64; 2],
    /// How client and server ended what they sent.
    pub ends: [Option<SideEnd>; 2],
}

/// The connection to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream {
    /// Its address.
    pub address: SocketAddr,
    /// From which address of this machine.
    pub local: Option<SocketAddr>,
    /// How RTMP is carried there.
    pub transport: Transport,
    /// Nanoseconds until its name was found; `None` where it is an address.
    pub resolve: Option<i64>,
    /// Nanoseconds until it was connected to, from when its address was known.
    pub connect: i64,
    /// Nanoseconds that the TLS handshake took.
    pub tls: Option<i64>,
}

/// How one side ended what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SideEnd {
    /// How.
    pub how: CloseKind,
    /// When, in nanoseconds since the connection's first packet.
    pub at: i64,
}
