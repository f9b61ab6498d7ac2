//! Handing connections on to a server, byte for byte, and telling what happens on them.
//!
//! What is read from one side is written to the other first and told of then, in one task for both directions; a side
//! that takes nothing stops the reading of the other, so back-pressure passes through TCP and memory stays as it is.

mod fate;
mod pair;
mod reach;
mod target;
mod waiting;
mod way;
mod works;

use std::cell::Cell;
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use super::meet::{secure, transport};
use super::{Common, Incoming, Stream, Tap, tls};
use crate::inspect::{CloseKind, Proxied, Sides, Transport, Upstream};
use pair::Pair;
use reach::{Address, Attempt, Failed};

pub use reach::is_own;
pub use target::{NoTarget, Target};

/// What to do with connections.
#[derive(Debug)]
pub struct Options<'o> {
    /// Where to hand them on to.
    pub target: Target,
    /// Whose certificates are believed there.
    pub trust: tls::Trust<'o>,
    /// How long the server may take until it is connected to, TLS included.
    pub patience: Duration,
}

impl<'o> Options<'o> {
    /// Hands on to `target`, whose certificates are checked as `trust` says, and which has `patience` to be connected to.
    #[must_use]
    pub const fn new(target: Target, trust: tls::Trust<'o>, patience: Duration) -> Self {
        Self { target, trust, patience }
    }
}

/// Hands connections on. Cloning it is cheap.
#[derive(Clone)]
pub struct Proxy(Rc<Shared>);

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("common", &self.0.common).finish_non_exhaustive()
    }
}

/// What all connections share.
struct Shared {
    common: Common,
    target: Target,
    tls: Option<tls::Client>,
    patience: Duration,
}

/// How long a server may leave TLS unanswered before that is said.
const SLOW_TLS: Duration = Duration::from_millis(1500);

impl Proxy {
    /// A proxy whose connections are served with `common`.
    ///
    /// # Errors
    /// The certificates to be believed cannot be read, or the server's name is none that a certificate can be for.
    pub fn new(common: Common, options: Options<'_>) -> Result<Self, tls::Error> {
        let Options { target, trust, patience } = options;
        let tls = match target.tls {
            true => Some(tls::Client::new(&target.host, trust, common.keys.clone())?),
            false => None,
        };
        Ok(Self(Rc::new(Shared { common, target, tls, patience })))
    }

    /// Hands one connection on until both sides have ended. Gives `true`.
    pub async fn serve(self, incoming: Incoming) -> bool {
        if let Some((streams, tap, upstream, at)) = self.0.join(incoming).await {
            Pair::new(streams, tap, &self.0.common, upstream, at, [None, None]).run().await;
        }
        true
    }
}

impl Shared {
    /// Connects to the server while the client's TLS handshake is done. `None` where either fails, which is told.
    async fn join(&self, incoming: Incoming) -> Option<([Stream; 2], Tap, Upstream, i64)> {
        let Incoming { tcp, client, server, at } = incoming;
        let open = |transport| self.common.taps.open(at, client, server, transport);
        let name = self.target.to_string();
        let securing = Cell::new(false);
        let attempt = Attempt {
            address: Address::Host(&self.target.host, self.target.port),
            name: name.clone(),
            tls: self.tls.as_ref(),
            header: Vec::new(),
            patience: self.patience,
            own: server,
            securing: &securing,
        };
        let mut securing_client = pin!(secure(tcp, &self.common));
        let mut reaching = pin!(attempt.make());
        let mut slow = pin!(sleep(SLOW_TLS));
        let (mut met, mut reached, mut waited) = (None, None, false);
        loop {
            tokio::select! {
                secured = &mut securing_client, if met.is_none() => match secured {
                    Ok(stream) => met = Some((open(transport(&stream)), stream)),
                    Err(unsecured) => {
                        unsecured.tell(open(Transport::Rtmps));
                        return None;
                    }
                },
                made = &mut reaching, if reached.is_none() => match made {
                    Ok(made) => reached = Some(made),
                    Err(failed) => {
                        let Some((tap, client)) = met else {
                            unreached(open(Transport::Rtmp), failed);
                            return None;
                        };
                        if failed.how == CloseKind::Rst {
                            // As the server itself would have refused it.
                            fate::reset(client.tcp());
                        }
                        unreached(tap, failed);
                        return None;
                    }
                },
                () = &mut slow, if !waited && self.tls.is_some() => {
                    waited = true;
                    if let (Some((tap, _)), None, true) = (&met, &reached, securing.get()) {
                        tap.trouble(reach::slow_tls(&name, SLOW_TLS));
                    }
                }
            }
            match (met, reached) {
                (Some((tap, client)), Some((server, upstream))) => {
                    return Some(([client, server], tap, upstream, at));
                }
                parts => (met, reached) = parts,
            }
        }
    }
}

/// Tells why the server was not reached.
fn unreached(tap: Tap, failed: Failed) {
    tap.trouble(failed.finding);
    tap.proxied(Proxied::Sides(Sides::default()));
    tap.close(failed.by, failed.how);
}
