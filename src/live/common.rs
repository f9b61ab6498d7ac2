//! What every connection of a live command is served with.

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::KeyLog;
use tokio::net::TcpStream;

use super::{ReadBuffer, Taps, tls};
use crate::Limits;

/// What every connection of a run is served with. Cloning it is cheap.
#[derive(Clone)]
pub struct Common {
    /// Where the program listens.
    pub listens: SocketAddr,
    /// Tell what happens.
    pub taps: Taps,
    /// Serves TLS beside plain RTMP, where that is wanted.
    pub tls: Option<tls::Server>,
    /// Takes session keys, where they are wanted.
    pub keys: Option<Arc<dyn KeyLog>>,
    /// What sockets are read into.
    pub buffer: ReadBuffer,
    /// How long a connection may be silent, where that is limited.
    pub idle: Option<Duration>,
    /// The other limits.
    pub limits: Rc<Limits>,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("tls", &self.tls.is_some())
            .field("keys", &self.keys.is_some())
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// A connection that has been accepted.
#[derive(Debug)]
pub struct Incoming {
    /// The socket.
    pub tcp: TcpStream,
    /// Who connected.
    pub client: SocketAddr,
    /// To which address of ours.
    pub server: SocketAddr,
    /// When, as [`Taps::now`] tells it.
    pub at: i64,
}
