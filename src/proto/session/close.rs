//! Why a connection cannot go on, or is not wanted to.

use core::fmt;

use crate::proto::chunk::{Loss, LossKind};

/// The reason for which a side closes a connection. It has a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Close {
    /// The peer begins with TLS.
    Tls,
    /// The peer begins as HTTP or other text, or as nothing known.
    NotRtmp {
        /// Its first byte.
        first: u8,
    },
    /// The peer wants one of the encrypted versions of the handshake, which are not spoken here.
    Encrypted {
        /// 6, 8 or 9.
        version: u8,
    },
    /// The next chunk cannot be found.
    Framing(Loss),
    /// A limit was crossed: the field of [`Limits`](crate::Limits) that moves it.
    Limit(&'static str),
    /// The application is not one that is accepted.
    App,
    /// The stream's name is not one that is accepted.
    Key,
    /// The client has to say who it is: it connects again with the answer.
    AuthNeeded,
    /// The client says that it is somebody whom it cannot be.
    AuthFailed,
    /// The client was told to connect somewhere else.
    Redirected,
    /// The peer says that it closes.
    Peer,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => f.write_str("the client speaks TLS (rtmps), and this is plain RTMP"),
            Self::NotRtmp { first: first @ (b'A'..=b'Z') } => {
                let first = char::from(*first);
                write!(f, "not RTMP: the client begins with \"{first}\", as HTTP does")
            }
            Self::NotRtmp { first } => write!(f, "not RTMP: the first byte is 0x{first:02x}"),
            Self::Encrypted { version } => {
                write!(f, "the client wants RTMPE (version {version}), which is not spoken here")
            }
            Self::Framing(loss) => {
                write!(f, "no chunk at byte {}: ", loss.offset)?;
                match loss.kind {
                    LossKind::NoPriorHeader { format, chunk_stream_id } => write!(
                        f,
                        "a header of format {format} on chunk stream {chunk_stream_id}, which has had none"
                    ),
                    LossKind::Implausible { type_id, length, .. } => {
                        write!(f, "a message of type {type_id} with {length} bytes is none")
                    }
                    _ => f.write_str("the framing is lost"),
                }
            }
            Self::Limit(name) => write!(f, "the limit {name} was crossed"),
            Self::App => f.write_str("the application is not accepted"),
            Self::Key => f.write_str("the stream name is not accepted"),
            Self::AuthNeeded => f.write_str("the client has to authenticate, and to connect again"),
            Self::AuthFailed => f.write_str("the client's authentication failed"),
            Self::Redirected => f.write_str("the client was sent to another server"),
            Self::Peer => f.write_str("the peer said that it closes"),
        }
    }
}

impl std::error::Error for Close {}
