//! What a session does where one side's hello is not in the capture: tries what may have been in it. Knows no framing beyond
//! the records that wait.
//!
//! Of a capture of one direction, each record says whether a guess is right: only the right secret and cipher suite open
//! it. Without its ClientHello, what is unknown is which of the given secrets are the session's; without the ServerHello of
//! TLS 1.3, which of the offered suites was chosen. Before TLS 1.3 the server's random is a part of the keys, and nothing can
//! be tried without it.

use super::super::cipher::{Opener, Writer};
use super::super::half::{Level, Need};
use super::super::hello::{ClientHello, ServerHello};
use super::super::keys::{Keys, Label};
use super::super::names::Version;
use super::super::record::{HEADER, Header, LARGEST, content};
use super::super::schedule::Output;
use super::super::suite::Suite;
use super::{Chosen, HeldPiece, Session};
use crate::proto::Direction;

/// Records of a direction that are tried: those of a handshake whose own secrets are not known, and the one behind.
const TRIED: usize = 8;

/// What was tried already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tried {
    version: u64,
    records: usize,
}

impl Session {
    /// Tries to find out what a hello that is not there said, by what waits of a direction. Whether that is known now.
    pub(super) fn guess(&mut self, direction: Direction, keys: &Keys) -> bool {
        let missing = match (&self.client, &self.server) {
            (None, Some(_)) => self.headless,
            (Some(client), None) => {
                let can = client.versions.contains(&Version::TLS_1_3) && !client.early_data;
                direction == Direction::ClientToServer && can && !self.retried
            }
            _ => false,
        };
        if !missing || self.unreadable.is_some() || !self.queued(direction) {
            return false;
        }
        let side = direction.index();
        let before = self.tried[side];
        if before == (Tried { version: keys.version(), records: TRIED }) {
            return false;
        }
        let records = self.waiting_records(direction);
        let now = Tried { version: keys.version(), records: records.len() };
        self.tried[side] = now;
        // New secrets may be those of what was tried before.
        let from = if before.version == now.version { before.records } else { 0 };
        for (index, (header, body)) in records.iter().enumerate().skip(from) {
            let found = match &self.server {
                Some(_) => self.client_of(direction, index, *header, body, keys),
                None => self.suite_of(index, *header, body, keys),
            };
            if found {
                self.progress = true;
                self.lacks = None;
                return true;
            }
        }
        false
    }

    /// Whether what the server chose can be found out without its hello, by what the client goes on with.
    pub(super) fn may_guess(&self, keys: &Keys) -> bool {
        let Some(client) = &self.client else { return false };
        let known = [Label::ClientHandshake, Label::ClientTraffic(0)]
            .iter()
            .any(|&label| keys.secret_of(&client.random, label).is_some());
        known && !client.early_data && !self.retried
    }

    /// The first whole records of what waits of a direction, those left out that TLS 1.3 sends without protection.
    fn waiting_records(&self, direction: Direction) -> Vec<(Header, Vec<u8>)> {
        let mut bytes = Vec::new();
        for held in self.held.iter().filter(|held| held.direction == direction) {
            let HeldPiece::Bytes(piece) = &held.piece else { break };
            bytes.extend_from_slice(piece);
            if bytes.len() > TRIED * (HEADER + LARGEST) {
                break;
            }
        }
        let sealed = self.server.is_none() || self.is_13();
        let (mut records, mut rest) = (Vec::new(), &bytes[..]);
        while records.len() < TRIED
            && let Some(header) = Header::of(rest)
            && let Some(body) = rest.get(HEADER..HEADER + header.length())
        {
            if !sealed || header.content() == content::APPLICATION_DATA {
                records.push((header, body.to_vec()));
            }
            rest = &rest[HEADER + header.length()..];
        }
        records
    }

    /// Whether a body may be decrypted in vain.
    fn spend(&mut self, body: &[u8]) -> bool {
        match self.credit.checked_sub(body.len() + 64) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }

    /// Looks for the client's random, by which secrets are found, among all that have secrets.
    fn client_of(
        &mut self,
        direction: Direction,
        index: usize,
        header: Header,
        body: &[u8],
        keys: &Keys,
    ) -> bool {
        let Some(Chosen { hello, suite }) = self.server.clone() else { return false };
        let client = direction == Direction::ClientToServer;
        let labels: &[Label] = match (hello.version >= Version::TLS_1_3, client) {
            (false, _) if index == 0 => &[Label::Master],
            (false, _) => &[],
            (true, true) if index == 0 => &[Label::ClientHandshake, Label::ClientTraffic(0)],
            (true, false) if index == 0 => &[Label::ServerHandshake, Label::ServerTraffic(0)],
            (true, true) => &[Label::ClientTraffic(0)],
            (true, false) => &[Label::ServerTraffic(0)],
        };
        let writer = if client { Writer::Client } else { Writer::Server };
        for &label in labels {
            for (random, secret) in keys.all(label) {
                let opener = if label == Label::Master {
                    let (version, etm) = (hello.version, hello.encrypt_then_mac);
                    let randoms = (&random, &hello.random);
                    Opener::from_master(suite, version, &secret, randoms, etm, writer)
                } else {
                    Opener::from_secret(suite, &secret)
                };
                let Some(mut opener) = opener else { continue };
                if !self.spend(body) {
                    return false;
                }
                if opener.open(0, header, &mut body.to_vec()).is_some() {
                    self.facts.client_random = Some(random);
                    self.client = Some(ClientHello { random, ..ClientHello::default() });
                    return true;
                }
            }
        }
        false
    }

    /// Looks for the cipher suite among those that the client offers.
    fn suite_of(&mut self, index: usize, header: Header, body: &[u8], keys: &Keys) -> bool {
        let Some(client) = &self.client else { return false };
        let handshake = keys.secret_of(&client.random, Label::ClientHandshake);
        let traffic = keys.secret_of(&client.random, Label::ClientTraffic(0));
        if handshake.is_none() && traffic.is_none() {
            self.lacks = Some("CLIENT_HANDSHAKE_TRAFFIC_SECRET");
            return false;
        }
        let secrets: [Option<Output>; 2] = [handshake.filter(|_| index == 0), traffic];
        for number in client.suites.clone() {
            let Some(suite) = Suite::of(number, Version::TLS_1_3) else { continue };
            for secret in secrets.iter().flatten() {
                let Some(mut opener) = Opener::from_secret(suite, secret) else { continue };
                if !self.spend(body) {
                    return false;
                }
                if opener.open(0, header, &mut body.to_vec()).is_some() {
                    self.facts.version = Some(Version::TLS_1_3);
                    self.facts.cipher_suite = Some(number);
                    self.transcript = None;
                    let hello = ServerHello::guessed(Version::TLS_1_3, number);
                    self.server = Some(Chosen { hello, suite });
                    self.guessed = true;
                    self.half(Direction::ClientToServer).need = Need::Level(Level::Handshake);
                    let server = self.half(Direction::ServerToClient);
                    if server.doubtful {
                        // Its hello will not come: what it goes on with is searched for.
                        server.need = Need::Level(Level::Handshake);
                    }
                    return true;
                }
            }
        }
        false
    }
}
