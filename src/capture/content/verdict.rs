//! What the first bytes of a connection say, and what is kept of them until they do.

use super::super::rtmpt;
use super::super::sniff::{
    First, first_packet, has_records, is_records, is_tpkt, opens, opens_chunk,
};
use super::super::tls;
use super::{Content, METHOD, MOST_KEPT, State};
use crate::inspect::{GapCause, Place};
use crate::proto::proxy::{self, Prefix};

/// What a connection's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    More,
    Rtmp,
    /// TLS, behind so many bytes of a PROXY protocol header.
    Tls(usize),
    /// TLS whose ClientHello is not in the capture, from the ServerHello on.
    TlsAnswer,
    /// TLS from the middle of the connection.
    Sealed,
    /// RTMPT, behind so many bytes of a PROXY protocol header.
    Tunnel(usize),
    /// RTMPT from the middle of the connection: the piece with that index begins a request.
    Request(usize),
    Other,
}

/// What came before the decision.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) side: usize,
    pub(super) place: Place,
    pub(super) bytes: Box<[u8]>,
    /// Bytes that are missing behind them.
    pub(super) missing: u64,
    pub(super) cause: GapCause,
}

impl Kept {
    pub(super) const fn length(&self) -> u64 {
        self.bytes.len() as u64 + self.missing
    }
}

/// Within so many of them a record begins, whatever both sides send.
const ONE_RECORD: u64 = 40 << 10;
/// Pieces of a connection from the middle in which a record of TLS is looked for.
const INSIDE: usize = 16;
/// C0 and C1, in bytes.
const FIRST_PACKETS: u64 = 1537;
/// Bytes that tell a ClientHello.
const TLS_SNIFF: usize = 6;

impl Content {
    /// What the first bytes say.
    pub(super) fn verdict(&self) -> Verdict {
        let State::Undecided(kept) = &self.state else { return Verdict::Other };
        let Some(opener) = kept.first().map(|kept| kept.side) else { return Verdict::More };
        let opening = opening(kept);
        let ahead = match proxy::read(&opening) {
            Prefix::Header(header) => header.length,
            Prefix::More => return Verdict::More,
            Prefix::None | Prefix::Broken(_) => 0,
        };
        let Some(bytes) = opening.get(ahead..).filter(|bytes| !bytes.is_empty()) else {
            return match self.inside(kept, &[]) {
                _ if !opening.is_empty() => Verdict::More,
                verdict => verdict.unwrap_or(Verdict::Other),
            };
        };
        if !self.secure {
            match bytes {
                [0x16] | [0x16, 3] | [0x16, 3, _, ..] if bytes.len() < TLS_SNIFF => {
                    return Verdict::More;
                }
                _ if tls::is_client_hello(bytes) => return Verdict::Tls(ahead),
                _ if ahead == 0 && self.client != Some(opener) && tls::is_server_hello(bytes) => {
                    return Verdict::TlsAnswer;
                }
                _ => {}
            }
        }
        match rtmpt::opens(bytes) {
            None => return Verdict::More,
            Some(true) => return Verdict::Tunnel(ahead),
            Some(false) => {}
        }
        if self.client.is_none() && self.expected {
            let request =
                |kept: &Kept| kept.bytes.len() >= METHOD && rtmpt::opens(&kept.bytes) == Some(true);
            if let Some(at) = kept.iter().position(request) {
                return Verdict::Request(at);
            }
        }
        if self.expected {
            let open = self.client.is_none() && ahead == 0 && first_packet(bytes) == First::More;
            let rtmp = if open { Verdict::More } else { Verdict::Rtmp };
            return self.inside(kept, bytes).unwrap_or(rtmp);
        }
        let inside = self.client.is_none() && ahead == 0 && opens_chunk(bytes);
        if inside || !opens(bytes) || is_tpkt(bytes) {
            return Verdict::Other;
        }
        let sent =
            |side| kept.iter().filter(|kept| kept.side == side).map(Kept::length).sum::<u64>();
        // Other protocols have these first bytes too: what follows has to look like C1, or be answered like it.
        let shown = matches!(first_packet(bytes), First::Client | First::Server);
        if shown && sent(opener) >= ahead as u64 + FIRST_PACKETS {
            return Verdict::Rtmp;
        }
        // S0 and S1 may come as soon as C0 is there.
        match kept.iter().find(|kept| kept.side != opener) {
            Some(answer) if answer.bytes.first() != Some(&bytes[0]) => Verdict::Other,
            Some(_) if sent(1 - opener) >= FIRST_PACKETS => Verdict::Rtmp,
            _ => Verdict::More,
        }
    }

    /// What is to be told of in any case, and does not open as a client does: it may be TLS from the middle, which shows
    /// where a segment begins with a record. `bytes` are the first of whoever spoke first, ahead of the first hole.
    fn inside(&self, kept: &[Kept], bytes: &[u8]) -> Option<Verdict> {
        let opens = match self.client {
            None => first_packet(bytes) != First::No,
            Some(client) => !bytes.is_empty() && kept.first()?.side == client,
        };
        if !self.expected || self.secure || opens {
            return None;
        }
        if is_records(bytes) || kept.iter().any(|kept| is_records(&kept.bytes)) {
            return Some(Verdict::Sealed);
        }
        let shown = [0, 1].map(|side| runs(kept, side).any(|run| has_records(&run) == Some(true)));
        if shown.contains(&true) {
            return Some(Verdict::Sealed);
        }
        let open = [0, 1]
            .map(|side| runs(kept, side).last().is_some_and(|run| has_records(&run).is_none()));
        let length: u64 = kept.iter().map(Kept::length).sum();
        let waits = if length > MOST_KEPT { length <= ONE_RECORD } else { kept.len() < INSIDE };
        // The answer to a request: the next one is not far.
        let answered = kept.iter().any(|kept| kept.bytes.starts_with(b"HTTP/1."));
        let waits = waits || answered || open.contains(&true);
        waits.then_some(Verdict::More)
    }
}

/// Takes the first `n` bytes of whoever spoke first off what was kept.
pub(super) fn take_off(kept: &mut [Kept], n: usize) -> Vec<u8> {
    let mut taken = Vec::with_capacity(n.min(MOST_KEPT as usize));
    let opener = kept.first().map(|kept| kept.side);
    for kept in kept.iter_mut().filter(|kept| Some(kept.side) == opener) {
        let here = kept.bytes.len().min(n - taken.len());
        taken.extend_from_slice(&kept.bytes[..here]);
        kept.bytes = kept.bytes[here..].into();
    }
    taken
}

/// What a side sent, hole by hole.
fn runs(kept: &[Kept], side: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut own = kept.iter().filter(move |kept| kept.side == side).peekable();
    std::iter::from_fn(move || {
        own.peek()?;
        let mut run = Vec::new();
        for kept in own.by_ref() {
            run.extend_from_slice(&kept.bytes);
            if kept.missing > 0 {
                break;
            }
        }
        Some(run)
    })
}

/// The first bytes of whoever spoke first, up to a hole.
pub(super) fn opening(kept: &[Kept]) -> Vec<u8> {
    let Some(opener) = kept.first().map(|kept| kept.side) else { return Vec::new() };
    let mut bytes = Vec::new();
    for kept in kept.iter().filter(|kept| kept.side == opener) {
        bytes.extend_from_slice(&kept.bytes);
        if kept.missing > 0 {
            break;
        }
    }
    bytes
}
