//! A TCP connection that carries TLS: what is inside of it, and what there is to say where that cannot be read.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::content::Content;
use super::flows::{Shared, Vault};
use super::tcp::Piece;
use super::tls::{Alert, Facts, Session, State, Unreadable};
use crate::inspect::{Finding, FlowId, Place, Severity, Traffic};
use crate::proto::Direction;

/// TLS, and the content that it carries.
#[derive(Debug)]
pub(super) struct Secure {
    session: Session,
    pub(super) inner: Content,
    /// How it is read has been said.
    said: bool,
    /// That it is not has been said.
    given_up: bool,
    sides: [Side; 2],
}

/// What a side has sent, as far as that may have to be told of where the other one does not speak TLS.
#[derive(Debug, Default)]
struct Side {
    head: Vec<u8>,
    bytes: u64,
}

/// Bytes that tell what an answer is that is not TLS.
const HEAD: usize = 5;

impl Side {
    fn take(&mut self, piece: Piece<'_>) {
        let Piece::Bytes(bytes) = piece else { return };
        let room = HEAD - self.head.len().min(HEAD);
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.bytes += bytes.len() as u64;
    }

    /// Whether there is more than the first record.
    fn went_on(&self) -> bool {
        let first = match self.head[..] {
            [_, _, _, high, low] => HEAD as u64 + u64::from(u16::from_be_bytes([high, low])),
            _ => u64::MAX,
        };
        self.bytes > first
    }
}

impl Secure {
    pub(super) fn new(inner: Content, session: Session) -> Self {
        Self { session, inner, said: false, given_up: false, sides: Default::default() }
    }

    /// What reassembly gives for the bytes that `side` sent. `false` where nothing more can come of it.
    pub(super) fn piece(
        &mut self,
        side: usize,
        piece: Piece<'_>,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> bool {
        let direction = self.inner.direction(side);
        if self.session.facts().version.is_none() {
            self.sides[direction.index()].take(piece);
        }
        self.with(shared, out, |session, vault, out| {
            let Vault { keys, held, limits } = vault;
            session.piece(direction, piece, place, keys, limits, held, out);
        });
        self.look(place, shared, out)
    }

    /// `side` has sent all that it will.
    pub(super) fn end(
        &mut self,
        side: usize,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> bool {
        let direction = self.inner.direction(side);
        self.with(shared, out, |session, vault, out| {
            let Vault { keys, held, limits } = vault;
            session.end(direction, place, keys, limits, held, out);
        });
        self.inner.end(side, place, shared, out);
        self.look(place, shared, out)
    }

    /// The connection is over: what waits for keys is tried a last time, and what was never read is said.
    pub(super) fn finish(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        self.with(shared, out, |session, vault, out| {
            let Vault { keys, held, limits } = vault;
            session.close(place, keys, limits, held, out);
        });
        self.look(place, shared, out);
        self.inner.finish(place, shared, out);
        let unread = !self.said && !matches!(self.session.state(), State::Reading);
        if unread {
            self.give_up(place, shared, out);
        }
        let flow = self.inner.reported(shared);
        if flow.is_none() && !matches!(self.session.state(), State::Reading) {
            self.pass_over(shared);
        }
        // Where nothing is told of, there is nobody to tell it of.
        let Some(flow) = flow else { return };
        for alert in self.session.facts().alerts.iter().filter(|alert| is_telling(alert)) {
            out(Traffic::Trouble { flow: Some(flow), place, finding: alert_finding(alert) });
        }
        // Where it is not read and no alert came, the finding about that says it too.
        let telling = self.session.facts().alerts.iter().any(is_telling);
        if let Some(finding) = name_finding(self.session.facts()).filter(|_| telling || !unread) {
            out(Traffic::Trouble { flow: Some(flow), place, finding });
        }
    }

    /// It is on no port of RTMP and was not decrypted: counted, and the first that says what it is remembered.
    fn pass_over(&self, shared: &mut Shared) {
        shared.counts.tls_connections += 1;
        let facts = self.session.facts();
        if facts.version.is_some() && shared.sealed.is_none() {
            let (place, client, server) = self.inner.origin();
            shared.sealed = Some((place, format!("{client} → {server}, {}", described(facts))));
        }
    }

    /// Runs the session, whose plaintext goes inside.
    fn with(
        &mut self,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
        run: impl FnOnce(&mut Session, &mut Vault, &mut dyn FnMut(Place, Direction, Piece<'_>)),
    ) {
        let Self { session, inner, .. } = self;
        // Inside of TLS there is no TLS: nobody else needs the keys meanwhile.
        let Some(mut vault) = shared.vault.take() else { return };
        run(session, &mut vault, &mut |place, direction, piece| {
            let side = inner.side(direction);
            inner.piece(side, piece, place, shared, &mut |traffic| out(traffic));
        });
        shared.crowded = vault.held > vault.limits.tls_total;
        shared.vault = Some(vault);
    }

    /// Bytes held of it.
    pub(super) const fn held(&self) -> usize {
        self.session.memory()
    }

    /// All connections together hold too much: this one is given up.
    pub(super) fn let_go(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        self.with(shared, out, |session, vault, out| {
            session.let_go(place, &mut vault.keys, &mut vault.held, out);
        });
        self.look(place, shared, out);
    }

    /// Says once how the connection is read, or that it is not. `false` where nothing more can come of it.
    fn look(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> bool {
        match self.session.state() {
            State::Hello | State::Waiting => true,
            State::Reading => {
                if !self.said
                    && let Some(flow) = self.inner.reported(shared)
                {
                    self.said = true;
                    let finding = read_finding(self.session.facts());
                    out(Traffic::Trouble { flow: Some(flow), place, finding });
                }
                !self.inner.is_other()
            }
            State::Unreadable(_) => {
                self.give_up(place, shared, out);
                false
            }
        }
    }

    /// Says once that it is not read, where that is to be said. An alert says why, and is said when all is over.
    fn give_up(&mut self, place: Place, shared: &mut Shared, out: &mut dyn FnMut(Traffic<'_>)) {
        if std::mem::replace(&mut self.given_up, true) {
            return;
        }
        if self.session.facts().client_random.is_none() {
            self.inner.begins_inside();
        }
        if let Some(flow) = self.tell(shared, out)
            && let Some(finding) = self.unread()
        {
            out(Traffic::Trouble { flow: Some(flow), place, finding });
        }
    }

    /// Why it is not read, unless an alert says it.
    fn unread(&self) -> Option<Finding> {
        let facts = self.session.facts();
        if facts.version.is_some() || facts.client_random.is_none() {
            return Some(unread_finding(facts, self.session.state()));
        }
        if facts.alerts.iter().any(is_telling) {
            return None;
        }
        let [client, server] = &self.sides;
        Some(unanswered_finding(facts, &server.head, client.went_on()))
    }

    /// Whether it waits for secrets.
    pub(super) fn waits(&self) -> bool {
        matches!(self.session.state(), State::Waiting)
    }

    /// There are new secrets.
    pub(super) fn wake(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) {
        self.with(shared, out, |session, vault, out| {
            let Vault { keys, held, limits } = vault;
            session.wake(place, keys, limits, held, out);
        });
        self.look(place, shared, out);
    }

    /// Tells of it, if that is to be done in any case; gives its number.
    pub(super) fn tell(
        &mut self,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> Option<FlowId> {
        self.inner.tell(shared, out).or_else(|| self.inner.reported(shared))
    }
}

/// What a TLS connection says of itself: version, cipher suite, server name, protocol.
fn described(facts: &Facts) -> String {
    let mut text = match facts.version {
        Some(version) => version.to_string(),
        None => "TLS".to_owned(),
    };
    if let Some(suite) = facts.cipher_suite {
        let _ = write!(text, " with {suite}");
    }
    match &facts.server_name {
        Some(name) => {
            let _ = write!(text, ", server name {name}");
        }
        None if facts.client_random.is_some() => text.push_str(", no server name asked for"),
        None => {}
    }
    if let Some(alpn) = &facts.alpn {
        let _ = write!(text, ", protocol {alpn}");
    }
    text
}

fn read_finding(facts: &Facts) -> Finding {
    let text = format!(
        "{}: decrypted with the secrets given; offsets count the bytes inside",
        described(facts)
    );
    Finding::new("tls.decrypted", Severity::Info, text).spec("RFC 8446 §5")
}

fn unread_finding(facts: &Facts, state: State) -> Finding {
    let what = described(facts);
    let text = match state {
        State::Hello | State::Waiting | State::Reading => {
            let random = facts.client_random.map_or_else(String::new, |random| {
                let mut hex = String::with_capacity(64);
                for byte in random {
                    let _ = write!(hex, "{byte:02x}");
                }
                let label = facts.wanted.unwrap_or("CLIENT_RANDOM");
                format!(" (there is no {label} for client random {hex})")
            });
            let tried = match facts.client_random {
                None if facts.version.is_none() => "",
                Some(_) => "",
                None => {
                    " (the ClientHello that names them is not in the capture: all that are given are tried)"
                }
            };
            format!("{what}: to read what is inside, {NEEDED}{random}{tried}")
        }
        State::Unreadable(Unreadable::Limit(limit)) => {
            format!(
                "{what}: to read what is inside, {NEEDED}; none came before limit {limit} was reached"
            )
        }
        State::Unreadable(reason) => format!("{what}: what is inside cannot be read: {reason}"),
    };
    Finding::new("tls.no-keys", Severity::Warning, text).spec("RFC 8446 §5")
}

/// The client speaks TLS, and the server has not. `answer` is what it began to send; the client may have gone on as if it
/// had been answered.
fn unanswered_finding(facts: &Facts, answer: &[u8], went_on: bool) -> Finding {
    let what = described(facts);
    if went_on && answer.is_empty() {
        let how = match facts.wanted {
            Some(label) => format!("to read what the client said, {NEEDED} ({label})"),
            None => {
                "without that it cannot be decrypted, unless it is TLS 1.3 and without early data"
                    .to_owned()
            }
        };
        let text = format!(
            "the client speaks {what}, and goes on behind its hello: what the server said is not in the capture; {how}"
        );
        return Finding::new("tls.no-keys", Severity::Warning, text).spec("RFC 8446 §5");
    }
    let answer = match *answer {
        [] => {
            "nothing came back: RTMPS was sent to a port that serves plain RTMP, or to nobody who answers"
        }
        [0x14..=0x17, 3, ..] => "the answer is TLS, but no ServerHello: the server gave up",
        [3 | 6 | 8 | 9, ..] => {
            "the server answered in plain RTMP: the port serves rtmp:// and not rtmps://"
        }
        [b'H', b'T', b'T', b'P', ..] => {
            "the server answered in plain HTTP: the port is that of a web server without TLS"
        }
        _ => {
            "the server did not answer in TLS: RTMPS was sent to a port that serves something else"
        }
    };
    let text = format!("the client speaks {what}, and {answer}");
    Finding::new("hs.tls-on-plain", Severity::Error, text)
}

/// There was no RTMP, but TLS on ports that are not RTMP's.
pub(super) fn nothing_else(first: &str, connections: u64) -> Finding {
    let text = format!(
        "no RTMP was found, but TLS in {connections} TCP connections, the first {first}: if it carries RTMPS, {NEEDED}"
    );
    Finding::new("tls.no-keys", Severity::Info, text).spec("RFC 8446 §5")
}

const NEEDED: &str = "it takes the session's secrets: --key-log FILE, or a decryption secrets block in a pcapng file";

/// A connection that is TLS from the middle on.
pub(super) fn inside_finding(from_start: bool) -> Finding {
    let text = if from_start {
        "this is TLS whose ClientHello is not in the capture: it names the secrets, and without it nothing can be decrypted"
    } else {
        "the capture begins inside a TLS connection: its secrets are named in its first packets, without which it \
         cannot be decrypted"
    };
    Finding::new("tls.no-keys", Severity::Warning, text.to_owned()).spec("RFC 8446 §5")
}

/// Whether an alert says more than that the connection ends.
const fn is_telling(alert: &Alert) -> bool {
    const CLOSE_NOTIFY: u8 = 0;
    const USER_CANCELED: u8 = 90;
    !matches!(alert.description, CLOSE_NOTIFY | USER_CANCELED)
}

/// What the client's hello lacks that servers with several names need.
fn name_finding(facts: &Facts) -> Option<Finding> {
    facts.client_random?;
    let text = match &facts.server_name {
        None => "the client's TLS hello names no server (SNI): a server with several names or \
                 certificates cannot tell which is meant"
            .to_owned(),
        Some(name) if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => {
            format!(
                "the client's TLS hello names the server by the address {name} (SNI), and only host \
                 names are allowed there"
            )
        }
        Some(_) => return None,
    };
    Some(Finding::new("tls.no-sni", Severity::Warning, text).spec("RFC 6066 §3"))
}

fn alert_finding(alert: &Alert) -> Finding {
    let who = match alert.direction {
        Direction::ClientToServer => "client",
        Direction::ServerToClient => "server",
    };
    let text = format!(
        "the {who} ended TLS with the alert {alert} ({}): {}",
        alert.description,
        match alert.description {
            40 | 70 | 71 => "the two have no version or cipher suite in common",
            42..=46 | 48 | 49 => "the certificate is not accepted",
            112 => "the server does not know the name that was asked for",
            _ => "something in the conversation was not as it should be",
        }
    );
    Finding::new("tls.alert", Severity::Error, text).spec("RFC 8446 §6")
}
