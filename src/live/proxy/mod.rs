//! Handing connections on to a server, byte for byte, and telling what happens on them.
//!
//! What is read from one side is written to the other first and told of then, in one task for both directions; a side
//! that takes nothing stops the reading of the other, so back-pressure passes through TCP and memory stays as it is. What
//! is told is what came in: messages that are changed ([`Rewrite`]) and harm that is done on purpose ([`Faults`]) are told
//! of beside it.

mod arrival;
mod fate;
mod faults;
mod loops;
mod pair;
mod reach;
mod rewrite;
mod target;
mod waiting;
mod way;
mod works;

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::meet::{secure, transport};
use super::{Common, Incoming, Stream, Tap, tls};
use crate::inspect::{CloseKind, ClosedBy, Finding, Proxied, Sides, Transport, Upstream};
use crate::proto::Direction;
use crate::proto::proxy::{Header, Source, Version};
use fate::Looks;
use loops::{Loops, Open};
use pair::Pair;
use reach::{Address, Attempt, Failed};
use works::Works;

pub use faults::{Faults, ResetAfter};
pub use reach::is_own;
pub use rewrite::{Rewrite, TcUrl};
pub use target::{NoTarget, Target};

/// What to do with connections.
#[derive(Debug)]
pub struct Options<'o> {
    /// Where to hand them on to; without, where each was going before it was redirected.
    pub target: Option<Target>,
    /// Whose certificates are believed there.
    pub trust: tls::Trust<'o>,
    /// How long the server may take until it is connected to, TLS included.
    pub patience: Duration,
    /// Whether clients begin with a header of the PROXY protocol.
    pub accept_header: bool,
    /// Which header the server gets.
    pub send_header: Option<Version>,
    /// What is replaced in the calls of clients.
    pub rewrite: Rewrite,
    /// The harm to be done to each direction.
    pub faults: [Faults; 2],
    /// What it is drawn from: the same again with the same number.
    pub seed: u64,
}

impl<'o> Options<'o> {
    /// Hands on to `target`, whose certificates are checked as `trust` says, and which has `patience` to be connected to.
    #[must_use]
    pub fn new(target: Option<Target>, trust: tls::Trust<'o>, patience: Duration) -> Self {
        Self {
            target,
            trust,
            patience,
            accept_header: false,
            send_header: None,
            rewrite: Rewrite::default(),
            faults: Default::default(),
            seed: 0,
        }
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
    target: Option<Target>,
    tls: Option<tls::Client>,
    patience: Duration,
    accept_header: bool,
    send_header: Option<Version>,
    rewrite: Option<Rc<Rewrite>>,
    faults: [Faults; 2],
    seed: u64,
    looks: Looks,
    loops: Loops,
}

/// A connection whose both sides are there.
struct Joined {
    streams: [Stream; 2],
    tap: Tap,
    upstream: Upstream,
    at: i64,
    /// Its place among those that are open.
    open: Open,
}

/// How long a server may leave TLS unanswered before that is said.
const SLOW_TLS: Duration = Duration::from_millis(1500);

impl Proxy {
    /// A proxy whose connections are served with `common`.
    ///
    /// # Errors
    /// The certificates to be believed cannot be read, or the server's name is none that a certificate can be for.
    pub fn new(common: Common, options: Options<'_>) -> Result<Self, tls::Error> {
        let tls = match options.target.as_ref().filter(|target| target.tls) {
            Some(target) => {
                Some(tls::Client::new(&target.host, options.trust, common.keys.clone())?)
            }
            None => None,
        };
        let Options { target, patience, accept_header, send_header, faults, seed, .. } = options;
        let rewrite = (!options.rewrite.is_nothing()).then(|| Rc::new(options.rewrite));
        let (looks, loops) = (Looks::default(), Loops::default());
        Ok(Self(Rc::new(Shared {
            common,
            target,
            tls,
            patience,
            accept_header,
            send_header,
            rewrite,
            faults,
            seed,
            looks,
            loops,
        })))
    }

    /// Hands one connection on until both sides have ended. Gives `true`.
    pub async fn serve(self, incoming: Incoming) -> bool {
        let shared = self.0;
        let Some(incoming) = shared.introduce(incoming).await else { return true };
        let Some(joined) = shared.join(incoming).await else { return true };
        let works = Direction::BOTH.map(|direction| {
            let faults = &shared.faults[direction.index()];
            // Connections and directions are harmed each in its own way.
            let seed = shared.seed ^ u64::from(joined.tap.flow()) << 1 ^ direction.index() as u64;
            Works::new(direction, shared.rewrite.as_ref(), faults, seed, &shared.common.limits)
        });
        Pair::new(joined, &shared.common, works, shared.looks.clone()).run().await;
        true
    }
}

impl Shared {
    /// Reads the header of the PROXY protocol, where there is to be one. `None` where there is none, which is told.
    async fn introduce(&self, mut incoming: Incoming) -> Option<Incoming> {
        if !self.accept_header {
            return Some(incoming);
        }
        let patience = self.common.limits.handshake_time;
        let read = timeout(patience, arrival::header(&mut incoming.tcp)).await;
        match read.unwrap_or_else(|_| Err(arrival::missing("nothing came in time"))) {
            Ok(Header { source: Source::Tcp(client, server), .. }) => {
                (incoming.client, incoming.server) = (client, server);
                Some(incoming)
            }
            Ok(_) => Some(incoming),
            Err(finding) => {
                let Incoming { client, server, at, .. } = incoming;
                let tap = self.common.taps.open(at, client, server, Transport::Rtmp);
                refuse(tap, finding, ClosedBy::Rtmpctl, CloseKind::End);
                None
            }
        }
    }

    /// Connects to the server while the client's TLS handshake is done. `None` where either fails, which is told.
    async fn join(&self, incoming: Incoming) -> Option<Joined> {
        let Incoming { tcp, client, server, at } = incoming;
        // Of a connection that was redirected the local address is where it was going.
        let listens = self.common.listens;
        let own = match self.target {
            Some(_) => tcp.local_addr().unwrap_or(listens),
            None => listens,
        };
        let open = |transport| self.common.taps.open(at, client, server, transport);
        let Some(mut ends) = self.loops.enter(tcp.peer_addr().unwrap_or(client)) else {
            refuse(
                open(Transport::Rtmp),
                reach::comes_back(own),
                ClosedBy::Rtmpctl,
                CloseKind::End,
            );
            return None;
        };
        let Some((address, name)) = self.destination(&tcp) else {
            let finding = arrival::not_redirected(own);
            refuse(open(Transport::Rtmp), finding, ClosedBy::Rtmpctl, CloseKind::End);
            return None;
        };
        let securing = Cell::new(false);
        let header = self.send_header.map(|version| Header::encode(version, client, server));
        let attempt = Attempt {
            address,
            name: name.clone(),
            tls: self.tls.as_ref(),
            header: header.unwrap_or_default(),
            patience: self.patience,
            own,
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
                    Ok((stream, upstream)) => {
                        if !upstream.local.is_none_or(|local| ends.reach(local)) {
                            let tap = met.map_or_else(|| open(Transport::Rtmp), |(tap, _)| tap);
                            refuse(tap, reach::comes_back(own), ClosedBy::Rtmpctl, CloseKind::End);
                            return None;
                        }
                        reached = Some((stream, upstream));
                    }
                    Err(Failed { finding, by, how }) => {
                        let Some((tap, client)) = met else {
                            refuse(open(Transport::Rtmp), finding, by, how);
                            return None;
                        };
                        if how == CloseKind::Rst {
                            // As the server itself would have refused it.
                            fate::reset(client.tcp());
                        }
                        refuse(tap, finding, by, how);
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
                    let streams = [client, server];
                    return Some(Joined { streams, tap, upstream, at, open: ends });
                }
                parts => (met, reached) = parts,
            }
        }
    }

    /// Where a connection is to be handed on to, and how that is called.
    fn destination(&self, tcp: &tokio::net::TcpStream) -> Option<(Address<'_>, String)> {
        match &self.target {
            Some(target) => Some((Address::Host(&target.host, target.port), target.to_string())),
            None => {
                let address: SocketAddr = arrival::original(tcp, self.common.listens)?;
                Some((Address::Socket(address), address.to_string()))
            }
        }
    }
}

/// Tells why a connection is not handed on.
fn refuse(tap: Tap, finding: Finding, by: ClosedBy, how: CloseKind) {
    tap.trouble(finding);
    tap.proxied(Proxied::Sides(Sides::default()));
    tap.close(by, how);
}
