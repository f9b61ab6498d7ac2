//! What any source of connections reports: the one type between captures or sockets and the [`Inspector`](super::Inspector).

use std::net::SocketAddr;

use super::{Finding, Proxied};
use crate::proto::{Direction, chunk};

/// A connection's number: 1, 2, 3 … in order of appearance.
pub type FlowId = u32;

/// Nanoseconds since the Unix epoch, as the source has them; `None` where it has no clock.
pub type Arrival = Option<i64>;

/// Where in its source a piece of traffic was: when, and in which packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// When it arrived.
    pub at: Arrival,
    /// The capture's packet number, from 1; `None` for live traffic.
    pub frame: Option<u64>,
    /// Which of several input files it is in, from 0; `None` where there is one.
    pub file: Option<u32>,
}

/// One thing that happened on one connection. Bytes are in order and without overlap; what is missing is said.
#[derive(Debug, Clone)]
pub enum Traffic<'a> {
    /// A connection appeared.
    Opened {
        /// Its number.
        flow: FlowId,
        /// Where.
        place: Place,
        /// Who is connected to whom, and how.
        opened: Opened,
    },
    /// The next bytes of one direction.
    Bytes {
        /// The connection.
        flow: FlowId,
        /// Where.
        place: Place,
        /// Which way.
        direction: Direction,
        /// The bytes, borrowed from the source's buffer.
        data: &'a [u8],
    },
    /// A message that came whole and without chunks: the tag of an FLV file.
    Message {
        /// The connection.
        flow: FlowId,
        /// Where.
        place: Place,
        /// Which way.
        direction: Direction,
        /// The message, its span in the file. All of its payload is there.
        message: &'a chunk::Message<'a>,
        /// Whether the payload is encrypted behind the codec's header.
        encrypted: bool,
    },
    /// The next bytes of one direction are missing.
    Gap {
        /// The connection.
        flow: FlowId,
        /// Where.
        place: Place,
        /// Which way.
        direction: Direction,
        /// How many, where it is known.
        length: Option<u64>,
        /// Why.
        cause: GapCause,
    },
    /// One direction has ended; the other may go on.
    Ended {
        /// The connection.
        flow: FlowId,
        /// Where.
        place: Place,
        /// Which way.
        direction: Direction,
    },
    /// The connection is over.
    Closed {
        /// The connection.
        flow: FlowId,
        /// Where.
        place: Place,
        /// Who ended it.
        by: ClosedBy,
        /// How.
        how: CloseKind,
    },
    /// Time has passed, and nothing came of which this would be a part. Live sources say so about once a second, so that
    /// silence is reported while it lasts.
    Tick {
        /// When it is.
        place: Place,
    },
    /// What a proxy tells of a connection that it hands on.
    Proxied {
        /// The connection.
        flow: FlowId,
        /// Where.
        place: Place,
        /// What.
        told: Proxied<'a>,
    },
    /// The source itself is in trouble: a truncated file, an unknown link type.
    Trouble {
        /// The connection that it concerns, where it is one.
        flow: Option<FlowId>,
        /// Where.
        place: Place,
        /// What.
        finding: Finding,
    },
}

/// Who is connected to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Who opened the connection; `None` where the input has no addresses.
    pub client: Option<SocketAddr>,
    /// Who accepted it; `None` where the input has no addresses.
    pub server: Option<SocketAddr>,
    /// Whether it is seen from its first byte.
    pub from_start: bool,
    /// How RTMP is carried.
    pub transport: Transport,
}

/// How RTMP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Plain TCP.
    #[default]
    Rtmp,
    /// TLS.
    Rtmps,
    /// HTTP requests.
    Rtmpt,
    /// HTTP requests in TLS.
    Rtmpts,
    /// Adobe's encryption.
    Rtmpe,
    /// Not at all: the tags of an FLV file.
    Flv,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Rtmp, Self::Rtmps, Self::Rtmpt, Self::Rtmpts, Self::Rtmpe, Self::Flv];

    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::Rtmpt => "rtmpt",
            Self::Rtmpts => "rtmpts",
            Self::Rtmpe => "rtmpe",
            Self::Flv => "flv",
        }
    }
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The capture does not hold them.
    Lost,
    /// The capture cut the packet short.
    Snaplen,
    /// The inspection fell behind or reached a limit.
    Overflow,
}

impl GapCause {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Snaplen => "snaplen",
            Self::Overflow => "overflow",
        }
    }
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// The client was first.
    Client,
    /// The server was first.
    Server,
    /// Both at once.
    Both,
    /// The capture ends before the connection does.
    CaptureEnd,
    /// This program.
    Rtmpctl,
}

impl ClosedBy {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Both => "both",
            Self::CaptureEnd => "capture_end",
            Self::Rtmpctl => "rtmpctl",
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseKind {
    /// TCP FIN.
    Fin,
    /// TCP RST.
    Rst,
    /// Nothing came for too long, or its place was needed.
    Timeout,
    /// The input ended.
    End,
}

impl CloseKind {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Timeout => "timeout",
            Self::End => "end",
        }
    }
}
