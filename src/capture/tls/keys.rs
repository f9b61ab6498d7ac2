//! The secrets of TLS sessions, as key logs have them. Knows no connection.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use super::schedule::{Digest, Output};
use crate::Limits;

/// Secrets of TLS sessions: the text of `SSLKEYLOGFILE`s and of pcapng decryption secrets blocks.
///
/// The format is that of NSS; RFC 9850 describes it. Lines that say nothing known are counted and passed over.
#[derive(Debug)]
pub struct Keys {
    secrets: Bounded<([u8; 32], Label)>,
    /// Master secrets by what resumes their session: its id, the hash of its ticket; or by its encrypted premaster secret.
    sessions: Bounded<Resumed>,
    rejected: u64,
    /// Changes whenever there is more to know.
    version: u64,
    /// The last line, if its end has not come: more of it may.
    rest: Vec<u8>,
    /// Buffers that all sessions use in turn.
    pub(super) scratch: Vec<u8>,
    pub(super) spare: Vec<u8>,
}

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// The master secret up to TLS 1.2.
    Master,
    ClientEarly,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic(u32),
    ServerTraffic(u32),
}

impl Label {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "CLIENT_RANDOM" => Self::Master,
            "CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarly,
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            _ => {
                if let Some(generation) = name.strip_prefix("CLIENT_TRAFFIC_SECRET_") {
                    Self::ClientTraffic(generation.parse().ok()?)
                } else {
                    Self::ServerTraffic(name.strip_prefix("SERVER_TRAFFIC_SECRET_")?.parse().ok()?)
                }
            }
        })
    }
}

/// What a secret of an earlier session, or of the client's key exchange, is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Resumed {
    /// SessionID, up to 32 bytes.
    Id(Output),
    /// The hash of a ticket.
    Ticket(Output),
    /// The first 8 bytes of an encrypted premaster secret; the secret is the premaster secret.
    Premaster([u8; 8]),
}

impl Resumed {
    pub(super) fn id(id: &[u8]) -> Option<Self> {
        (!id.is_empty() && id.len() <= 32).then(|| Self::Id(Output::of(id)))
    }

    pub(super) fn ticket(ticket: &[u8]) -> Option<Self> {
        (!ticket.is_empty()).then(|| Self::Ticket(Digest::Sha256.hash(&[ticket])))
    }
}

/// A table that forgets the oldest entry where it is full.
#[derive(Debug)]
struct Bounded<K> {
    table: HashMap<K, Output>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Clone + Eq + core::hash::Hash> Bounded<K> {
    fn new(limit: usize) -> Self {
        Self { table: HashMap::new(), order: VecDeque::new(), limit }
    }

    /// Whether something changed.
    fn insert(&mut self, key: K, secret: Output) -> bool {
        match self.table.entry(key) {
            Entry::Occupied(mut entry) => entry.insert(secret) != secret,
            Entry::Vacant(entry) => {
                self.order.push_back(entry.key().clone());
                entry.insert(secret);
                if self.order.len() > self.limit
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.table.remove(&oldest);
                }
                true
            }
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

/// Bytes of a line that is waited for; the longest real one has less than 300.
const LONGEST_REST: usize = 1024;

impl Keys {
    /// None yet; at most [`Limits::tls_secrets`] will be remembered.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            secrets: Bounded::new(limits.tls_secrets),
            sessions: Bounded::new(limits.tls_secrets),
            rejected: 0,
            version: 0,
            rest: Vec::new(),
            scratch: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Takes the lines of a key log; gives how many held a secret. A last line without its end is taken as it is, and
    /// once more with what the next call begins with.
    pub fn add(&mut self, text: &[u8]) -> usize {
        let mut taken = 0;
        let mut lines = text.split(|&byte| matches!(byte, b'\n' | b'\r'));
        let rest = core::mem::take(&mut self.rest);
        if !rest.is_empty()
            && let Some(first) = text.split(|&byte| matches!(byte, b'\n' | b'\r')).next()
            && !first.is_empty()
            && self.line(&[&rest, first].concat()) == Some(true)
        {
            taken += 1;
            lines.next();
        }
        let mut last: &[u8] = &[];
        for line in lines {
            last = line;
            match self.line(line) {
                Some(true) => taken += 1,
                Some(false) => self.rejected += 1,
                None => {}
            }
        }
        if last.len() <= LONGEST_REST {
            self.rest = last.to_vec();
        }
        taken
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secrets.table.is_empty() && self.sessions.table.is_empty()
    }

    /// Lines that were neither a secret nor a comment nor empty. A label that is for something else, such as
    /// `EXPORTER_SECRET`, is one of them.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Takes a line; whether it held a secret, or `None` for a comment.
    fn line(&mut self, line: &[u8]) -> Option<bool> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        Some(self.secret(line).is_some())
    }

    fn secret(&mut self, line: &[u8]) -> Option<()> {
        let mut words = core::str::from_utf8(line).ok()?.split_ascii_whitespace();
        let mut word = || words.next();
        let (name, id, secret) = (word()?, word()?, word()?);
        if word().is_some() {
            return None;
        }
        if name == "RSA" {
            let (key, secret) = match id.strip_prefix("Session-ID:") {
                Some(id) => {
                    let mut bytes = [0; 32];
                    let id = hex(id, &mut bytes)?;
                    (Resumed::id(id)?, secret.strip_prefix("Master-Key:")?)
                }
                None => {
                    let mut bytes = [0; 8];
                    (hex(id, &mut bytes)?.len() == 8).then_some(())?;
                    (Resumed::Premaster(bytes), secret)
                }
            };
            let mut bytes = [0; 48];
            let secret = hex(secret, &mut bytes).filter(|secret| secret.len() == 48)?;
            self.version += u64::from(self.sessions.insert(key, Output::of(secret)));
            return Some(());
        }
        let label = Label::of(name)?;
        let mut random = [0; 32];
        (hex(id, &mut random)?.len() == 32).then_some(())?;
        let mut bytes = [0; 48];
        let secret = hex(secret, &mut bytes)?;
        let fits = secret.len() == 48 || secret.len() == 32 && label != Label::Master;
        fits.then_some(())?;
        self.version += u64::from(self.secrets.insert((random, label), Output::of(secret)));
        Some(())
    }

    /// Remembers the master secret of a session that may be resumed.
    pub(super) fn remember(&mut self, session: Resumed, master: Output) {
        self.version += u64::from(self.sessions.insert(session, master));
    }

    /// The secret of the session whose ClientHello has that random.
    pub(super) fn secret_of(&self, random: &[u8; 32], label: Label) -> Option<Output> {
        self.secrets.table.get(&(*random, label)).copied()
    }

    /// All secrets that are for that, those that came last first, with the randoms of their ClientHellos.
    pub(super) fn all(&self, label: Label) -> impl Iterator<Item = ([u8; 32], Output)> {
        let of = move |key: &&([u8; 32], Label)| key.1 == label;
        let Bounded { table, order, .. } = &self.secrets;
        order.iter().rev().filter(of).filter_map(|key| Some((key.0, *table.get(key)?)))
    }

    /// The secret remembered for that.
    pub(super) fn resumed(&self, session: &Resumed) -> Option<Output> {
        self.sessions.table.get(session).copied()
    }

    /// A number that changes whenever there is more to know.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

/// Hexadecimal digits to bytes, if they are that and have room.
fn hex<'a>(digits: &str, out: &'a mut [u8]) -> Option<&'a [u8]> {
    let digits = digits.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let out = out.get_mut(..pairs.len())?;
    for (byte, pair) in out.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u8; 32] = [0xab; 32];

    fn line(name: &str, secret: usize) -> String {
        format!("{name} {} {}\n", "aB".repeat(32), "0c".repeat(secret))
    }

    #[test]
    fn every_label_is_taken_and_the_rest_is_counted() {
        let mut keys = Keys::default();
        assert!(keys.is_empty());
        let text = [
            "# a comment\r\n\r\n".to_owned(),
            line("CLIENT_RANDOM", 48).replace('\n', "\r\n"),
            line("CLIENT_EARLY_TRAFFIC_SECRET", 32),
            line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 32),
            line("SERVER_HANDSHAKE_TRAFFIC_SECRET", 48),
            line("CLIENT_TRAFFIC_SECRET_0", 48),
            line("SERVER_TRAFFIC_SECRET_12", 32),
            format!("RSA {} {}\n", "01".repeat(8), "02".repeat(48)),
            format!("RSA Session-ID:{} Master-Key:{}\n", "03".repeat(32), "04".repeat(48)),
        ]
        .concat();
        assert_eq!(keys.add(text.as_bytes()), 8);
        assert_eq!(keys.rejected(), 0);
        let garbage = [
            line("EXPORTER_SECRET", 32),
            line("CLIENT_TRAFFIC_SECRET_X", 32),
            line("CLIENT_RANDOM", 32),
            line("CLIENT_TRAFFIC_SECRET_0", 31),
            line("CLIENT_TRAFFIC_SECRET_0", 49),
            line("CLIENT_RANDOM", 48).replace("aB", "xy"),
            line("CLIENT_RANDOM", 48).replace('\n', " 00\n"),
            "CLIENT_RANDOM\nRSA 01 02\nRSA Session-ID: Master-Key:\n\u{e9}\n".to_owned(),
        ]
        .concat();
        assert_eq!(keys.add(garbage.as_bytes()), 0);
        assert_eq!(keys.rejected(), 11);
        assert_eq!(keys.secret_of(&RANDOM, Label::Master).unwrap()[..], [0x0c; 48]);
        assert_eq!(keys.secret_of(&RANDOM, Label::ServerTraffic(12)).unwrap()[..], [0x0c; 32]);
        assert_eq!(keys.secret_of(&RANDOM, Label::ServerTraffic(0)), None);
        assert_eq!(keys.resumed(&Resumed::Premaster([1; 8])).unwrap()[..], [2; 48]);
        assert_eq!(keys.resumed(&Resumed::id(&[3; 32]).unwrap()).unwrap()[..], [4; 48]);
    }

    #[test]
    fn a_line_may_be_cut_between_two_calls() {
        let whole = line("CLIENT_TRAFFIC_SECRET_0", 48);
        for at in 0..whole.len() {
            let mut keys = Keys::default();
            let (head, tail) = whole.split_at(at);
            keys.add(head.as_bytes());
            keys.add(tail.as_bytes());
            let secret = keys.secret_of(&RANDOM, Label::ClientTraffic(0));
            assert_eq!(secret.unwrap().len(), 48, "cut at {at}");
        }
        // But two files are not joined.
        let mut keys = Keys::default();
        assert_eq!(keys.add(line("CLIENT_RANDOM", 48).trim_end().as_bytes()), 1);
        assert_eq!(keys.add(line("CLIENT_EARLY_TRAFFIC_SECRET", 32).as_bytes()), 1);
        assert_eq!(keys.rejected(), 0);
    }

    #[test]
    fn the_oldest_secret_is_forgotten_beyond_the_limit() {
        let limits = Limits { tls_secrets: 2, ..Limits::default() };
        let mut keys = Keys::new(&limits);
        keys.add(line("CLIENT_RANDOM", 48).as_bytes());
        keys.add(line("CLIENT_EARLY_TRAFFIC_SECRET", 32).as_bytes());
        keys.add(line("CLIENT_EARLY_TRAFFIC_SECRET", 32).as_bytes());
        assert!(keys.secret_of(&RANDOM, Label::Master).is_some());
        keys.add(line("CLIENT_TRAFFIC_SECRET_0", 32).as_bytes());
        assert!(keys.secret_of(&RANDOM, Label::Master).is_none());
        assert!(keys.secret_of(&RANDOM, Label::ClientEarly).is_some());
        for id in 1..=3 {
            keys.remember(Resumed::id(&[id]).unwrap(), Output::of(&[id]));
        }
        assert!(keys.resumed(&Resumed::id(&[1]).unwrap()).is_none());
        assert!(keys.resumed(&Resumed::id(&[2]).unwrap()).is_some());
    }

    #[test]
    fn the_version_changes_with_what_is_known() {
        let mut keys = Keys::default();
        keys.add(line("CLIENT_RANDOM", 48).as_bytes());
        let before = keys.version();
        keys.add(line("CLIENT_RANDOM", 48).as_bytes());
        assert_eq!(keys.version(), before);
        keys.add(line("CLIENT_TRAFFIC_SECRET_0", 48).as_bytes());
        assert_ne!(keys.version(), before);
    }
}
