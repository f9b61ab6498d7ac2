//! One direction of a session: its framing, its keys, and what of its plaintext is missing. Knows no handshake.

use super::cipher::Opener;
use super::facts::Unreadable;
use super::hello::Messages;
use super::record::{Framer, HEADER, Header, LARGEST, Lost};
use super::schedule::Output;
use super::session::Out;
use crate::Limits;
use crate::capture::tcp::Piece;
use crate::inspect::{GapCause, Place};
use crate::proto::Direction;

/// How records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Not at all.
    Plain,
    /// By the master secret, before TLS 1.3.
    Master,
    /// By the secret of early data (0-RTT).
    Early,
    /// By a handshake traffic secret.
    Handshake,
    /// By an application traffic secret; its generation.
    Application(u32),
}

/// What has to be there before the next record can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// The other side's hello.
    Hello,
    /// The keys of another level.
    Level(Level),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A message of the other direction.
    Peer,
    /// A secret, by its name in key logs.
    Secret(&'static str),
}

/// Keys and the secret that they come from.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) level: Level,
    /// `None` where its secret is not known, and the next level is waited for.
    pub(super) opener: Option<Opener>,
    pub(super) secret: Output,
}

#[derive(Debug)]
pub(super) struct Half {
    pub(super) direction: Direction,
    pub(super) framer: Framer,
    pub(super) messages: Messages,
    pub(super) need: Need,
    pub(super) wait: Option<Wait>,
    pub(super) epoch: Epoch,
    /// The keys behind the current ones, once they were needed.
    pub(super) next: Option<Epoch>,
    /// The sequence number of the next record.
    sequence: u64,
    /// Something was lost since the last record that opened: it may have changed the keys.
    pub(super) doubtful: bool,
    /// The change to the current keys was itself lost.
    pub(super) vague: bool,
    /// No record has opened under the current keys.
    fresh: bool,
    /// Records in a row that did not open.
    failures: u32,
    /// Records passed over for want of a secret.
    blind: u32,
    /// Early data passed over is missing from the plaintext: the server took it.
    pub(super) early_counts: bool,
    /// The plaintext length of the last such record, which may be EndOfEarlyData.
    early_last: Option<u64>,
    hole: Option<Hole>,
    /// Something came out.
    emitted: bool,
    pub(super) ended: bool,
}

/// Plaintext that is missing before what comes next.
#[derive(Debug, Clone, Copy)]
struct Hole {
    place: Place,
    length: Option<u64>,
    cause: GapCause,
}

/// A record that opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// Where in the body the plaintext is.
    pub(super) text: core::ops::Range<usize>,
    /// How many records were lost before it, by its sequence number.
    skipped: u64,
    /// The keys were the next ones; those before had this level.
    switched: Option<Level>,
    /// The sequence number that was expected.
    expected: u64,
}

/// The plaintext of a Finished message before TLS 1.3: a header and 12 bytes.
const FINISHED: u64 = 16;
/// A KeyUpdate in a record of its own, with headers and tag.
const KEY_UPDATE: u64 = 27;

impl Half {
    pub(super) fn new(direction: Direction, need: Need) -> Self {
        Self {
            direction,
            framer: Framer::default(),
            messages: Messages::default(),
            need,
            wait: None,
            epoch: Epoch { level: Level::Plain, opener: None, secret: Output::of(&[]) },
            next: None,
            sequence: 0,
            doubtful: false,
            vague: false,
            fresh: true,
            failures: 0,
            blind: 0,
            early_counts: false,
            early_last: None,
            hole: None,
            emitted: false,
            ended: false,
        }
    }

    pub(super) const fn level(&self) -> Level {
        self.epoch.level
    }

    /// Whether no record has opened under the current keys.
    pub(super) const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.framer.held() + self.messages.held()
    }

    /// Records passed over for want of a secret.
    pub(super) const fn blind(&self) -> u32 {
        self.blind
    }

    /// Goes on with other keys.
    pub(super) fn install(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.next = None;
        self.need = Need::Nothing;
        self.messages.clear();
        self.sequence = 0;
        self.fresh = true;
        self.failures = 0;
        self.blind = 0;
        self.early_last = None;
    }

    /// Whether what is lost of this level may be application data.
    const fn carries_data(&self) -> bool {
        match self.epoch.level {
            Level::Master | Level::Application(_) => true,
            Level::Early => self.early_counts,
            Level::Plain | Level::Handshake => false,
        }
    }

    /// Opens a record in place. With `lost` its sequence number is searched for, and `spend` asked before each try.
    pub(super) fn open(
        &mut self,
        header: Header,
        body: &mut [u8],
        lost: Option<Lost>,
        next: impl FnOnce(&Self) -> Option<Epoch>,
        mut spend: impl FnMut(usize) -> bool,
    ) -> Option<Opened> {
        let expected = self.sequence;
        let done = |sequence: u64, text, switched: Option<Level>| Opened {
            text,
            skipped: if switched.is_some() { sequence } else { sequence - expected },
            switched,
            expected,
        };
        let unsure = lost.is_some() || self.doubtful || self.epoch.opener.is_none();
        if let Some(opener) = &mut self.epoch.opener {
            let tail = opener.tail(body);
            let found = if unsure {
                let tries = tries(opener, lost);
                let sequences =
                    expected.saturating_add(tries.start)..expected.saturating_add(tries.end);
                opener.find(sequences, header, body, &mut spend)
            } else {
                opener.open(expected, header, body).map(|text| (expected, text))
            };
            if let Some((sequence, text)) = found {
                self.opened(sequence);
                return Some(done(sequence, text, None));
            }
            opener.follow(tail);
        }
        if !unsure {
            return None;
        }
        if self.next.is_none() {
            self.next = next(self);
        }
        let opener = self.next.as_mut()?.opener.as_mut()?;
        let sequences = 0..tries(opener, lost).end;
        let (sequence, text) = opener.find(sequences, header, body, &mut spend)?;
        let before = self.epoch.level;
        if let Some(epoch) = self.next.take() {
            self.install(epoch);
        }
        self.opened(sequence);
        Some(done(sequence, text, Some(before)))
    }

    fn opened(&mut self, sequence: u64) {
        self.sequence = sequence + 1;
        self.fresh = false;
        self.doubtful = false;
        self.failures = 0;
        self.blind = 0;
    }

    /// The plaintext that was lost before a record which was found by searching; `lost` with its headers.
    pub(super) fn found(&mut self, opened: &Opened, lost: Lost, place: Place) {
        let Opened { skipped, switched, expected, .. } = *opened;
        let vague = core::mem::take(&mut self.vague);
        let overhead = self.epoch.opener.as_ref().and_then(Opener::overhead);
        let length = match switched {
            // The first record under these keys is the Finished, and how many bytes came before the keys nobody knows.
            None if vague && skipped <= 1 => return,
            None if vague => None,
            None if !self.carries_data() || skipped == 0 => return,
            None => lost.bytes.zip(overhead).and_then(|(bytes, overhead)| {
                let finished = self.epoch.level == Level::Master && expected == 0;
                bytes
                    .checked_sub(skipped.saturating_mul((HEADER + overhead) as u64))?
                    .checked_sub(if finished { FINISHED } else { 0 })
            }),
            Some(Level::Application(_)) if skipped == 0 && lost.bytes == Some(KEY_UPDATE) => return,
            Some(Level::Handshake) if skipped == 0 => return,
            Some(Level::Early) if skipped == 0 && !self.early_counts => return,
            Some(_) => None,
        };
        self.miss(place, length, lost.cause);
    }

    /// A record is lost whose header is known; `content` is its type where it says it.
    pub(super) fn lose(&mut self, header: Header, data: bool, place: Place, cause: GapCause) {
        let length = self.epoch.opener.as_ref().map_or(Some(17), Opener::overhead);
        let length = length.map(|overhead| header.length().saturating_sub(overhead) as u64);
        let missing = match self.epoch.opener {
            _ if !self.carries_data() => None,
            // The last record of early data whose secret is not known may be no data: each is counted with the next.
            None => self.early_last.replace(length.unwrap_or_default()).map(Some),
            Some(_) => data.then_some(length),
        };
        if let Some(length) = missing {
            self.miss(place, length, cause);
        }
        self.sequence = self.sequence.saturating_add(1);
        self.doubtful = true;
        self.messages.clear();
    }

    /// A record that is all there does not open.
    pub(super) fn fail(
        &mut self,
        header: Header,
        data: bool,
        place: Place,
    ) -> Result<(), Unreadable> {
        if self.epoch.opener.is_none() {
            self.lose(header, data, place, GapCause::Lost);
            self.blind += 1;
            return if self.blind > Limits::TLS_BLIND {
                Err(Unreadable::WrongKeys)
            } else {
                Ok(())
            };
        }
        if self.fresh && !self.doubtful && self.failures == 0 {
            return Err(Unreadable::WrongKeys);
        }
        self.failures += 1;
        if self.failures >= Limits::TLS_FAILURES {
            return Err(Unreadable::Failures(self.failures));
        }
        self.lose(header, data, place, GapCause::Lost);
        Ok(())
    }

    /// Plaintext is missing.
    pub(super) fn miss(&mut self, place: Place, length: Option<u64>, cause: GapCause) {
        if length == Some(0) {
            return;
        }
        let hole = self.hole.get_or_insert(Hole { place, length: Some(0), cause });
        hole.length = hole.length.zip(length).map(|(a, b)| a.saturating_add(b));
    }

    /// Plaintext comes out.
    pub(super) fn give(&mut self, place: Place, text: &[u8], out: Out<'_>) {
        if !text.is_empty() {
            self.flush(out);
            self.emitted = true;
            out(place, self.direction, Piece::Bytes(text));
        }
    }

    fn flush(&mut self, out: Out<'_>) {
        if let Some(Hole { place, length, cause }) = self.hole.take() {
            self.emitted = true;
            out(place, self.direction, Piece::Gap(length, cause));
        }
    }

    /// No more comes.
    pub(super) fn end(&mut self, place: Place, out: Out<'_>) {
        if let Some(lost) = self.framer.lost()
            && lost.bytes != Some(0)
            && (self.carries_data() || self.emitted)
        {
            self.miss(place, None, lost.cause);
        }
        let early = self.early_last.take();
        self.miss(place, Some(early.unwrap_or_default()), GapCause::Lost);
        self.flush(out);
        self.drop_held();
    }

    /// Decryption is given up: what came out does not go on.
    pub(super) fn give_up(&mut self, place: Place, cause: GapCause, out: Out<'_>) {
        if (self.emitted || self.hole.is_some()) && !self.ended {
            self.miss(place, None, cause);
            self.flush(out);
        }
        self.drop_held();
    }

    fn drop_held(&mut self) {
        self.framer = Framer::default();
        self.messages.clear();
        self.epoch.opener = None;
        self.next = None;
    }
}

/// How many records may have been lost, so that sequence numbers follow.
fn tries(opener: &Opener, lost: Option<Lost>) -> core::ops::Range<u64> {
    let Some(lost) = lost else { return 0..1 };
    let Some(bytes) = lost.bytes else { return 0..Limits::TLS_SEQUENCES };
    let least = bytes / (HEADER + LARGEST) as u64;
    let most = bytes / (HEADER + opener.shortest()) as u64;
    least..most.saturating_add(1).min(least.saturating_add(Limits::TLS_SEQUENCES))
}
