//! What a session does with each record: opens it, and takes its content. Knows no framing.

use super::super::facts::{Alert, Unreadable};
use super::super::half::{Level, Need};
use super::super::record::{Header, Lost, content};
use super::{Context, Session, Verdict};
use crate::inspect::Place;
use crate::proto::Direction;

/// Alerts remembered.
const ALERTS: usize = 16;

impl Session {
    pub(super) fn record(
        &mut self,
        direction: Direction,
        place: Place,
        header: Header,
        body: &mut [u8],
        lost: Option<Lost>,
        context: &mut Context<'_>,
    ) -> Verdict {
        let kind = header.content();
        let v13 = self.is_13();
        if self.half(direction).level() == Level::Plain {
            return self.plain(direction, place, kind, body, lost, context);
        }
        // RFC 8446 §5: a lone one means nothing. An alert of who has no keys yet is plain.
        if v13 && kind == content::CHANGE_CIPHER_SPEC {
            return Verdict::Done;
        }
        if v13 && kind == content::ALERT && body.len() == 2 {
            self.alert(direction, body);
            return Verdict::Done;
        }
        // The second ClientHello, where what asked for it is not in the capture.
        if v13 && kind == content::HANDSHAKE && self.guessed && self.half(direction).is_fresh() {
            return Verdict::Done;
        }
        let keys = &*context.keys;
        let mut credit = if lost.is_some() { self.credit } else { usize::MAX };
        let spend = |bytes: usize| match credit.checked_sub(bytes + 64) {
            Some(rest) => {
                credit = rest;
                true
            }
            None => false,
        };
        let following = self.unsure(direction, lost).then(|| self.following(direction, keys));
        let half = &mut self.halves[direction.index()];
        let first = half.is_fresh();
        let opened = half.open(header, body, lost, |_| following.flatten(), spend);
        if lost.is_some() {
            self.credit = credit;
        }
        let Some(opened) = opened else {
            if lost.is_some() {
                return Verdict::Not;
            }
            let half = self.half(direction);
            let counts = half.epoch.opener.is_some();
            let data = kind == content::APPLICATION_DATA;
            let failed = half.fail(header, data, place);
            self.facts.undecrypted += u64::from(counts && failed.is_ok());
            if !v13 && kind == content::CHANGE_CIPHER_SPEC {
                self.half(direction).need = Need::Level(Level::Master);
            }
            if let Err(reason) = failed {
                self.give_up(reason, place, context);
            }
            return Verdict::Done;
        };
        if let Some(lost) = lost {
            half.found(&opened, lost, place);
            half.messages.clear();
        }
        self.opened += 1;
        if first {
            self.remember(direction, context.keys);
        }
        let mut text = &body[opened.text];
        let mut kind = kind;
        if v13 {
            // TLSInnerPlaintext (RFC 8446 §5.2): content, type, zeros.
            let end = text.iter().rposition(|&byte| byte != 0).unwrap_or_default();
            kind = text.get(end).copied().unwrap_or_default();
            text = &text[..end];
        }
        match kind {
            content::APPLICATION_DATA => {
                self.half(direction).give(place, text, &mut *context.out);
            }
            content::ALERT => self.alert(direction, text),
            content::HANDSHAKE => self.handshake(direction, place, text, context),
            content::CHANGE_CIPHER_SPEC => self.change(direction),
            _ => {}
        }
        Verdict::Done
    }

    fn unsure(&self, direction: Direction, lost: Option<Lost>) -> bool {
        let half = &self.halves[direction.index()];
        half.next.is_none() && (lost.is_some() || half.doubtful || half.epoch.opener.is_none())
    }

    pub(super) fn change(&mut self, direction: Direction) {
        self.half(direction).need = Need::Level(Level::Master);
    }

    pub(super) fn alert(&mut self, direction: Direction, text: &[u8]) {
        if let [level, description] = *text
            && self.facts.alerts.len() < ALERTS
        {
            self.facts.alerts.push(Alert { direction, fatal: level == 2, description });
        }
    }

    /// A record without protection.
    fn plain(
        &mut self,
        direction: Direction,
        place: Place,
        kind: u8,
        body: &[u8],
        lost: Option<Lost>,
        context: &mut Context<'_>,
    ) -> Verdict {
        let v13 = self.is_13();
        // Behind a loss, a protected record says that the change to protection is lost too.
        let protected = match kind {
            content::HANDSHAKE => !begins_message(body),
            content::ALERT => body.len() != 2,
            content::CHANGE_CIPHER_SPEC => body != [1],
            _ => true,
        };
        if lost.is_some() && protected {
            if v13 || kind == content::CHANGE_CIPHER_SPEC {
                return Verdict::Not;
            }
            let half = self.half(direction);
            half.need = Need::Level(Level::Master);
            half.vague = true;
            return Verdict::Again;
        }
        match kind {
            content::CHANGE_CIPHER_SPEC if self.server.is_some() && !v13 => self.change(direction),
            content::ALERT => self.alert(direction, body),
            content::HANDSHAKE => self.handshake(direction, place, body, context),
            // Early data behind a HelloRetryRequest, which the server passes over (RFC 8446 §4.2.10).
            content::APPLICATION_DATA if !self.retried => {
                let reason = Unreadable::Broken("it sends application data without protection");
                self.give_up(reason, place, context);
            }
            _ => {}
        }
        Verdict::Done
    }
}

/// Whether a body begins with a handshake message that is sent without protection, and not with an encrypted one.
fn begins_message(body: &[u8]) -> bool {
    // HelloRequest and Finished are none of them: encrypted ones look like the first.
    matches!(body, [1 | 2 | 4 | 11..=16 | 22, 0, _, _, ..])
}
