//! A TCP connection that carries TLS: what is inside of it, and what there is to say where that cannot be read.

use std::fmt::Write as _;

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
}

impl Secure {
    pub(super) fn new(inner: Content) -> Self {
        Self { session: Session::new(), inner, said: false }
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
        if unread && let Some(flow) = self.inner.tell(shared, out) {
            let finding = unread_finding(self.session.facts(), self.session.state());
            out(Traffic::Trouble { flow: Some(flow), place, finding });
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
        shared.vault = Some(vault);
    }

    /// Says once how the connection is read, or that it is not. `false` where nothing more can come of it.
    fn look(
        &mut self,
        place: Place,
        shared: &mut Shared,
        out: &mut dyn FnMut(Traffic<'_>),
    ) -> bool {
        let finding = match self.session.state() {
            State::Hello => return true,
            State::Waiting => return self.inner.is_expected() || shared.has_keys(),
            State::Reading if self.said => return !self.inner.is_other(),
            State::Reading => {
                let Some(flow) = self.inner.reported(shared) else {
                    return !self.inner.is_other();
                };
                let finding = read_finding(self.session.facts());
                self.said = true;
                out(Traffic::Trouble { flow: Some(flow), place, finding });
                return true;
            }
            state @ State::Unreadable(_) => unread_finding(self.session.facts(), state),
        };
        if let Some(flow) = self.tell(shared, out) {
            self.said = true;
            out(Traffic::Trouble { flow: Some(flow), place, finding });
        }
        false
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
    if facts.version.is_none() && facts.client_random.is_some() {
        let text = format!(
            "the client speaks {what}, and the server did not answer in TLS: RTMPS was sent to a port that serves plain \
             RTMP, or to nobody"
        );
        return Finding::new("hs.tls-on-plain", Severity::Error, text);
    }
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
            format!("{what}: to read what is inside, {NEEDED}{random}")
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

/// There was no RTMP, but TLS on ports that are not RTMP's.
pub(super) fn nothing_else(first: &str, connections: u64) -> Finding {
    let text = format!(
        "no RTMP was found, but TLS in {connections} TCP connections, the first {first}: if it carries RTMPS, {NEEDED}"
    );
    Finding::new("tls.no-keys", Severity::Info, text).spec("RFC 8446 §5")
}

const NEEDED: &str = "it takes the session's secrets: --key-log FILE, or a decryption secrets block in a pcapng file";

/// A connection that is TLS from the middle on.
pub(super) fn inside_finding() -> Finding {
    let text = "the capture begins inside a TLS connection: its secrets are named in its first packets, without which it \
                cannot be decrypted";
    Finding::new("tls.no-keys", Severity::Warning, text.to_owned()).spec("RFC 8446 §5")
}

/// Whether an alert says more than that the connection ends.
const fn is_telling(alert: &Alert) -> bool {
    const CLOSE_NOTIFY: u8 = 0;
    const USER_CANCELED: u8 = 90;
    !matches!(alert.description, CLOSE_NOTIFY | USER_CANCELED)
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

/// Whether bytes from the middle of a connection begin with TLS records.
pub(super) fn is_records(bytes: &[u8]) -> bool {
    const LONGEST: usize = (1 << 14) + 2048;
    let (mut at, mut whole) = (0, 0);
    while let Some(&[kind, 3, 0..=4, high, low]) = bytes.get(at..).and_then(|b| b.first_chunk()) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(20..=23).contains(&kind) || length == 0 || length > LONGEST {
            return false;
        }
        whole += 1;
        at += 5 + length;
    }
    // What follows the last whole record is the beginning of one, or nothing.
    let rest = bytes.get(at..).unwrap_or_default();
    whole > 0
        && (rest.is_empty() || (20..=23).contains(&rest[0]) && rest.get(1).is_none_or(|&b| b == 3))
}
