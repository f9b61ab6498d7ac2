//! Which keys a session's records need, and where their secrets come from. Knows no records.

use super::super::cipher::{Opener, Writer};
use super::super::half::{Epoch, Level, Need, Wait};
use super::super::keys::{Keys, Label, Resumed};
use super::super::schedule::{Output, expand_label, prf};
use super::{Chosen, Session};
use crate::proto::Direction;

impl Session {
    /// Sets up the keys that the next record needs. Whether they are not there yet.
    pub(super) fn prepare(&mut self, direction: Direction, keys: &Keys) -> bool {
        let wait = match self.halves[direction.index()].need {
            Need::Nothing => None,
            Need::Hello => Some(Wait::Peer),
            Need::Level(level) => match self.epoch(direction, level, keys) {
                Ok(epoch) => {
                    let before = self.half(direction).level();
                    let counts = epoch.level == Level::Early && self.early != Some(false);
                    let half = self.half(direction);
                    half.early_counts = counts;
                    half.install(epoch);
                    // The client's early data may wait for what the server turns out not to show.
                    self.progress |= before == Level::Plain;
                    None
                }
                Err(wait) => Some(wait),
            },
        };
        self.half(direction).wait = wait;
        wait.is_some()
    }

    fn random(&self) -> [u8; 32] {
        self.client.as_ref().map_or([0; 32], |hello| hello.random)
    }

    /// The keys of a level.
    fn epoch(&self, direction: Direction, level: Level, keys: &Keys) -> Result<Epoch, Wait> {
        let Some(Chosen { suite, .. }) = &self.server else { return Err(Wait::Peer) };
        let client = direction == Direction::ClientToServer;
        let random = self.random();
        let of = |level: Level, label, name| {
            let secret = keys.secret_of(&random, label).ok_or(Wait::Secret(name))?;
            let opener = Opener::from_secret(*suite, &secret).ok_or(Wait::Secret(name))?;
            Ok(Epoch { level, opener: Some(opener), secret })
        };
        let blind = |level| Epoch { level, opener: None, secret: Output::of(&[]) };
        match level {
            Level::Plain => Err(Wait::Peer),
            Level::Master => self.master(direction, keys).ok_or(Wait::Secret("CLIENT_RANDOM")),
            Level::Early => {
                // Whether the server takes it shows in its first protected message, if that can be read.
                let shown = self.early.or_else(|| {
                    let server = &self.halves[Direction::ServerToClient.index()].epoch;
                    (server.level != Level::Plain && server.opener.is_none()).then_some(true)
                });
                match shown {
                    None => Err(match self.halves[Direction::ServerToClient.index()].wait {
                        Some(Wait::Secret(name)) => Wait::Secret(name),
                        _ => Wait::Peer,
                    }),
                    Some(true) => Ok(of(level, Label::ClientEarly, "CLIENT_EARLY_TRAFFIC_SECRET")
                        .unwrap_or_else(|_| blind(level))),
                    // The server passes over it, and so do we.
                    Some(false) => Ok(blind(level)),
                }
            }
            Level::Handshake => {
                let handshake = if client {
                    of(level, Label::ClientHandshake, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
                } else {
                    of(level, Label::ServerHandshake, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
                };
                // Without it, the first record that the next secret opens is found by trying.
                handshake.or_else(|wait| {
                    let next = self.epoch(direction, Level::Application(0), keys);
                    next.map(|_| blind(level)).map_err(|_| wait)
                })
            }
            Level::Application(0) if client => {
                of(level, Label::ClientTraffic(0), "CLIENT_TRAFFIC_SECRET_0")
            }
            Level::Application(0) => of(level, Label::ServerTraffic(0), "SERVER_TRAFFIC_SECRET_0"),
            Level::Application(_) => {
                // RFC 8446 §7.2.
                let before = &self.halves[direction.index()].epoch.secret;
                let digest = suite.digest;
                let secret = expand_label(digest, before, b"traffic upd", digest.length());
                let opener = Opener::from_secret(*suite, &secret);
                Ok(Epoch { level, opener, secret })
            }
        }
    }

    /// The keys that may follow the current ones.
    pub(super) fn following(&self, direction: Direction, keys: &Keys) -> Option<Epoch> {
        let level = match self.halves[direction.index()].level() {
            // A handshake of which only the end can be read is passed over as a whole.
            Level::Early => Level::Handshake,
            Level::Handshake => Level::Application(0),
            Level::Application(generation) => Level::Application(generation.checked_add(1)?),
            Level::Plain | Level::Master => return None,
        };
        self.epoch(direction, level, keys).ok()
    }

    /// The keys of the master secret (RFC 5246 §8.1, RFC 7627 §4), wherever that is known from.
    fn master(&self, direction: Direction, keys: &Keys) -> Option<Epoch> {
        let (client, Chosen { hello, suite }) = (self.client.as_ref()?, self.server.as_ref()?);
        let version = hello.version;
        let exchanged = || {
            let exchange = self.exchange.as_ref()?;
            let premaster = keys.resumed(&exchange.encrypted)?;
            let mut master = [0; 48];
            let (label, seed): (&[u8], &[&[u8]]) = match &exchange.transcript {
                Some(hash) => (b"extended master secret", &[hash]),
                None => (b"master secret", &[&client.random, &hello.random]),
            };
            prf(version, suite.digest, &premaster, label, seed, &mut master);
            Some(Output::of(&master))
        };
        let resumed = || {
            let by_id = Resumed::id(&hello.session_id).and_then(|id| keys.resumed(&id));
            by_id.or_else(|| {
                // The server resumes by a ticket; it says so by repeating the id, or by nothing.
                keys.resumed(&Resumed::ticket(&client.ticket)?)
            })
        };
        let master = keys.secret_of(&client.random, Label::Master);
        let secret = master.or_else(exchanged).or_else(resumed)?;
        let writer = match direction {
            Direction::ClientToServer => Writer::Client,
            Direction::ServerToClient => Writer::Server,
        };
        let opener = Opener::from_master(
            *suite,
            version,
            &secret,
            (&client.random, &hello.random),
            hello.encrypt_then_mac,
            writer,
        );
        Some(Epoch { level: Level::Master, opener, secret })
    }

    /// Remembers the master secret for sessions that resume this one.
    pub(super) fn remember(&mut self, direction: Direction, keys: &mut Keys) {
        let half = &self.halves[direction.index()];
        if half.level() != Level::Master || direction == Direction::ClientToServer {
            return;
        }
        let id = self.server.as_ref().and_then(|chosen| Resumed::id(&chosen.hello.session_id));
        let secret = half.epoch.secret;
        for session in [id, self.ticket.take()].into_iter().flatten() {
            keys.remember(session, secret);
        }
    }
}
