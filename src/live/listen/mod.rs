//! The server that answers whoever connects as nginx-rtmp or Flash Media Server would, and lets everything be seen.
//!
//! What the client sends is answered first and told of then; what is told of the server's direction is what the socket
//! took.

mod client;

mod half;

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use client::Client;

use super::relay::Relay;
use super::{Common, Incoming, meet, tls};
use crate::Limits;
use crate::proto::handshake::RANDOM_LEN;
use crate::proto::session::{Acknowledge, Options, Policy};

/// How a server behaves towards its clients.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// What it accepts and says. Whether it holds calls is decided here.
    pub policy: Policy,
    /// When it acknowledges.
    pub acknowledge: Acknowledge,
    /// How long after the beginning of a connection the client is asked to connect again.
    pub reconnect_after: Option<Duration>,
    /// How long after the beginning of a connection it is closed.
    pub drop_after: Option<Duration>,
}

/// A server. Cloning it is cheap.
#[derive(Clone)]
pub struct Host(Rc<Shared>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("common", &self.0.common).finish_non_exhaustive()
    }
}

/// What all connections of a server share.
struct Shared {
    common: Common,
    policy: Arc<Policy>,
    limits: Arc<Limits>,
    options: Options,
    relay: Relay,
    /// What clients are to echo.
    random: Box<[u8; RANDOM_LEN]>,
    began: Instant,
    reconnect_after: Option<Duration>,
    drop_after: Option<Duration>,
    /// Bytes that all connections hold: unfinished messages and what is to be sent.
    held: Cell<usize>,
}

impl Host {
    /// A server that serves its clients with `common`.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(common: Common, behaviour: Behaviour) -> Result<Self, tls::Error> {
        let Behaviour { policy, acknowledge, reconnect_after, drop_after } = behaviour;
        let mut random = Box::new([0; RANDOM_LEN]);
        tls::fill_random(&mut *random)?;
        let limits = Arc::new(Limits::clone(&common.limits));
        Ok(Self(Rc::new(Shared {
            policy: Arc::new(Policy { hold: true, ..policy }),
            // A client that announced no window waits for nothing.
            options: Options { acknowledge, window: 0, ..Options::default() },
            relay: Relay::new(Rc::clone(&common.limits)),
            limits,
            random,
            began: Instant::now(),
            reconnect_after,
            drop_after,
            held: Cell::new(0),
            common,
        })))
    }

    /// Serves one connection to its end. Gives whether it was a session: not where the client was only told how to
    /// authenticate, and connects again.
    pub async fn serve(self, incoming: Incoming) -> bool {
        let mut began = Instant::now();
        // Boxed: what the first moments need, TLS above all, is not held for the rest of the connection.
        let Some((stream, tap)) = Box::pin(meet(incoming, &self.0.common)).await else {
            return true;
        };
        if stream.is_tls() {
            // Time for that was given by itself.
            began = Instant::now();
        }
        let mut client = Client::new(self.0, stream, tap, began);
        let (by, how) = poll_fn(|cx| client.poll(cx)).await;
        client.end(by, how)
    }
}
