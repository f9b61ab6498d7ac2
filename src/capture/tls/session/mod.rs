//! One TLS connection: hellos, keys and both directions together. Knows no TCP beyond its pieces.

mod epochs;
mod guess;
mod handshake;
mod records;

use std::collections::VecDeque;

use super::facts::{Facts, State, Unreadable};
use super::half::{Half, Level, Need, Wait};
use super::hello::{ClientHello, ServerHello};
use super::keys::{Keys, Resumed};
use super::names::Version;
use super::record::{Damaged, Expected, Frame, HEADER, content};
use super::schedule::Output;
use super::suite::Suite;
use crate::Limits;
use crate::capture::tcp::Piece;
use crate::inspect::{GapCause, Place};
use crate::proto::Direction;
use guess::Tried;

/// Where the application data of a session go: in order per direction, with the place at which the last byte of their
/// record arrived. A gap comes before the bytes behind it, with the place at which it was noticed.
pub type Out<'a> = &'a mut dyn FnMut(Place, Direction, Piece<'_>);

/// The decryption of one TLS connection.
///
/// Pieces go in by [`Session::piece`] as TCP puts them in order, and each may let plaintext out. What cannot be read
/// for want of a secret is held, within [`Limits::tls_bytes`], and comes out when [`Keys`] has it.
#[derive(Debug)]
pub struct Session {
    halves: [Half; 2],
    facts: Facts,
    client: Option<ClientHello>,
    server: Option<Chosen>,
    /// A HelloRetryRequest has come.
    retried: bool,
    /// Whether the server takes early data, once it says so.
    early: Option<bool>,
    exchange: Option<Exchange>,
    /// The ticket that the server gave, by its hash.
    ticket: Option<Resumed>,
    /// Handshake messages of both sides that the extended master secret is made of, while it may be needed.
    transcript: Option<[Vec<u8>; 2]>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// How many of them are of each direction.
    queued: [usize; 2],
    unreadable: Option<Unreadable>,
    /// Bytes counted in the total of all connections.
    counted: usize,
    /// What the keys' version was when they were last looked at.
    keys_seen: u64,
    /// Something became known that the other direction may wait for.
    progress: bool,
    /// Bytes that may be decrypted in vain.
    credit: usize,
    /// Records opened.
    opened: u64,
    /// The ClientHello is not in the capture.
    headless: bool,
    /// What the server chose is known by trying; its hello may still come.
    guessed: bool,
    /// What was tried of each direction.
    tried: [Tried; 2],
    /// The secret that trying takes.
    lacks: Option<&'static str>,
}

/// What the server chose.
#[derive(Debug, Clone)]
struct Chosen {
    hello: ServerHello,
    suite: Suite,
}

/// The client's RSA key exchange.
#[derive(Debug, Clone)]
struct Exchange {
    /// What the premaster secret is found by.
    encrypted: Resumed,
    /// The hash of the handshake so far, if the master secret is an extended one (RFC 7627 §3).
    transcript: Option<Output>,
}

/// What came of one direction and has to wait.
#[derive(Debug)]
struct Held {
    direction: Direction,
    place: Place,
    piece: HeldPiece,
}

#[derive(Debug)]
enum HeldPiece {
    Bytes(Box<[u8]>),
    Gap(Option<u64>, GapCause),
    End,
}

/// What comes next of one direction.
enum Next<'a> {
    Piece(Piece<'a>),
    End,
}

impl HeldPiece {
    fn of(next: Next<'_>) -> Self {
        match next {
            Next::Piece(Piece::Bytes(bytes)) => Self::Bytes(bytes.into()),
            Next::Piece(Piece::Gap(length, cause)) => Self::Gap(length, cause),
            Next::End => Self::End,
        }
    }

    fn next(&self) -> Next<'_> {
        match self {
            Self::Bytes(bytes) => Next::Piece(Piece::Bytes(bytes)),
            Self::Gap(length, cause) => Next::Piece(Piece::Gap(*length, *cause)),
            Self::End => Next::End,
        }
    }
}

impl Held {
    fn cost(&self) -> usize {
        let bytes = if let HeldPiece::Bytes(bytes) = &self.piece { bytes.len() } else { 0 };
        bytes + OVERHEAD
    }
}

/// What a held piece costs beside its bytes, so that many tiny ones count for what they take.
const OVERHEAD: usize = 96;
/// Bytes that a session may hold whatever others do: a record that is not whole, and the hellos before it.
const SMALL: usize = 24 << 10;
/// Bytes that may be decrypted in vain by a connection that has sent next to nothing, and at most.
const CREDIT: core::ops::RangeInclusive<usize> = 4 << 20..=32 << 20;

/// What the steps of a session need besides it.
struct Context<'a> {
    keys: &'a mut Keys,
    out: Out<'a>,
}

/// What came of a record, or of what may be one.
enum Verdict {
    Done,
    /// It is none, or not one that can be read.
    Not,
    /// It needs other keys first.
    Again,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A connection before its first byte.
    #[must_use]
    pub fn new() -> Self {
        Self {
            halves: [
                Half::new(Direction::ClientToServer, Need::Nothing),
                Half::new(Direction::ServerToClient, Need::Hello),
            ],
            facts: Facts::default(),
            client: None,
            server: None,
            retried: false,
            early: None,
            exchange: None,
            ticket: None,
            transcript: None,
            held: VecDeque::new(),
            held_bytes: 0,
            queued: [0; 2],
            unreadable: None,
            counted: 0,
            keys_seen: 0,
            progress: false,
            credit: *CREDIT.start(),
            opened: 0,
            headless: false,
            guessed: false,
            tried: Default::default(),
            lacks: None,
        }
    }

    /// A connection of which the server's hello is the first thing in the capture: the secrets that it has are found by
    /// trying all that are given.
    #[must_use]
    pub fn without_client_hello() -> Self {
        let mut session = Self::new();
        session.headless = true;
        session.half(Direction::ServerToClient).need = Need::Nothing;
        session
    }

    /// What the handshake says.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How far it is decrypted.
    #[must_use]
    pub fn state(&self) -> State {
        if let Some(reason) = self.unreadable {
            State::Unreadable(reason)
        } else if self.facts.wanted.is_some() {
            State::Waiting
        } else if self.opened > 0 {
            State::Reading
        } else {
            State::Hello
        }
    }

    /// Takes the next piece of the TCP stream of one direction. `total` counts the bytes held by all connections.
    #[expect(clippy::too_many_arguments, reason = "what all connections share is the caller's")]
    pub fn piece(
        &mut self,
        direction: Direction,
        piece: Piece<'_>,
        place: Place,
        keys: &mut Keys,
        limits: &Limits,
        total: &mut usize,
        out: Out<'_>,
    ) {
        if let Piece::Bytes(bytes) = piece {
            let credit = bytes.len().saturating_mul(Limits::TLS_TRIALS);
            self.credit = self.credit.saturating_add(credit).min(*CREDIT.end());
        }
        let mut context = Context { keys, out };
        self.take(direction, Next::Piece(piece), place, &mut context);
        self.settle(place, limits, total, &mut context);
    }

    /// Tries what is held once more: there may be new keys. Nothing has to call it, as the next piece does the same.
    pub fn wake(
        &mut self,
        place: Place,
        keys: &mut Keys,
        limits: &Limits,
        total: &mut usize,
        out: Out<'_>,
    ) {
        let mut context = Context { keys, out };
        for direction in Direction::BOTH {
            self.guess(direction, context.keys);
        }
        self.wake_if(&mut context);
        self.settle(place, limits, total, &mut context);
    }

    /// One direction is over. Its last hole is declared, once what is held of it could be read.
    pub fn end(
        &mut self,
        direction: Direction,
        place: Place,
        keys: &mut Keys,
        limits: &Limits,
        total: &mut usize,
        out: Out<'_>,
    ) {
        let mut context = Context { keys, out };
        self.take(direction, Next::End, place, &mut context);
        self.settle(place, limits, total, &mut context);
    }

    /// Bytes held of it.
    #[must_use]
    pub const fn memory(&self) -> usize {
        self.counted
    }

    /// All connections together hold too much: this one is given up.
    pub fn let_go(&mut self, place: Place, keys: &mut Keys, total: &mut usize, out: Out<'_>) {
        self.give_up(Unreadable::Limit("tls_total"), place, &mut Context { keys, out });
        *total = total.saturating_sub(self.counted);
        self.counted = 0;
    }

    /// The connection is over. What is held is tried a last time, and then given up; [`Self::state`] says what it
    /// waited for.
    pub fn close(
        &mut self,
        place: Place,
        keys: &mut Keys,
        limits: &Limits,
        total: &mut usize,
        out: Out<'_>,
    ) {
        for direction in Direction::BOTH {
            self.end(direction, place, keys, limits, total, &mut *out);
        }
        if self.opened == 0 && self.halves.iter().any(|half| half.blind() > 0) {
            self.unreadable = self.unreadable.or(Some(Unreadable::WrongKeys));
        }
        self.drop_all(place, GapCause::Lost, &mut Context { keys, out });
        self.settle(place, limits, total, &mut Context { keys, out });
    }

    /// Reads what comes next, or holds it behind what waits already.
    fn take(
        &mut self,
        direction: Direction,
        next: Next<'_>,
        place: Place,
        context: &mut Context<'_>,
    ) {
        if self.unreadable.is_some() || self.halves[direction.index()].ended {
            return;
        }
        self.wake_if(context);
        if self.queued(direction) {
            self.hold(Held { direction, place, piece: HeldPiece::of(next) });
        } else {
            self.read(direction, next, place, context);
            self.wake_if(context);
        }
        if self.guess(direction, context.keys) {
            self.wake_if(context);
        }
    }

    fn read(
        &mut self,
        direction: Direction,
        next: Next<'_>,
        place: Place,
        context: &mut Context<'_>,
    ) {
        match next {
            Next::Piece(Piece::Bytes(bytes)) => self.run(direction, place, bytes, false, context),
            Next::Piece(Piece::Gap(length, cause)) => {
                self.gap(direction, place, length, cause, context);
            }
            Next::End => self.finish(direction, place, context),
        }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        &mut self.halves[direction.index()]
    }

    fn queued(&self, direction: Direction) -> bool {
        self.queued[direction.index()] > 0
    }

    fn hold(&mut self, held: Held) {
        self.held_bytes += held.cost();
        self.queued[held.direction.index()] += 1;
        self.held.push_back(held);
    }

    /// Bytes held.
    fn held(&self) -> usize {
        let transcript = self.transcript.iter().flatten().map(Vec::len).sum::<usize>();
        self.held_bytes + transcript + self.halves.iter().map(Half::held).sum::<usize>()
    }

    /// Counts what is held, and gives the connection up if that is too much.
    fn settle(
        &mut self,
        place: Place,
        limits: &Limits,
        total: &mut usize,
        context: &mut Context<'_>,
    ) {
        let held = self.held();
        let others = total.saturating_sub(self.counted);
        if held > limits.tls_bytes {
            self.give_up(Unreadable::Limit("tls_bytes"), place, context);
        } else if held > SMALL && others.saturating_add(held) > limits.tls_total {
            self.give_up(Unreadable::Limit("tls_total"), place, context);
        }
        self.counted = self.held();
        *total = others + self.counted;
        let wanted = self.halves.iter().find_map(|half| match half.wait {
            Some(Wait::Secret(name)) => Some(name),
            _ => None,
        });
        self.facts.wanted = wanted.or(self.lacks);
    }

    fn give_up(&mut self, reason: Unreadable, place: Place, context: &mut Context<'_>) {
        if self.unreadable.is_none() {
            let limit = matches!(reason, Unreadable::Limit(_));
            let cause = if limit { GapCause::Overflow } else { GapCause::Lost };
            self.unreadable = Some(reason);
            self.drop_all(place, cause, context);
        }
    }

    fn drop_all(&mut self, place: Place, cause: GapCause, context: &mut Context<'_>) {
        for half in &mut self.halves {
            half.give_up(place, cause, &mut *context.out);
            half.ended = true;
        }
        self.held = VecDeque::new();
        self.held_bytes = 0;
        self.queued = [0; 2];
        self.transcript = None;
        (self.client, self.server) = (None, None);
    }

    /// Reads on what is held, if there is reason to hope.
    fn wake_if(&mut self, context: &mut Context<'_>) {
        while (core::mem::take(&mut self.progress) || self.keys_seen != context.keys.version())
            && !self.held.is_empty()
        {
            self.keys_seen = context.keys.version();
            let mut blocked =
                Direction::BOTH.map(|direction| self.prepare(direction, context.keys));
            for held in core::mem::take(&mut self.held) {
                if self.unreadable.is_some() {
                    return; // which gave all of it up
                }
                let side = held.direction.index();
                self.held_bytes -= held.cost();
                self.queued[side] -= 1;
                if blocked[side] {
                    self.hold(held);
                    continue;
                }
                let Held { direction, place, piece } = held;
                self.read(direction, piece.next(), place, context);
                blocked[side] = self.halves[side].wait.is_some();
            }
        }
    }

    /// One direction has no more to come and nothing that waits.
    fn finish(&mut self, direction: Direction, place: Place, context: &mut Context<'_>) {
        self.run(direction, place, &[], true, context);
        if self.halves[direction.index()].wait.is_some() && self.queued(direction) {
            self.hold(Held { direction, place, piece: HeldPiece::End });
            return;
        }
        let half = self.half(direction);
        half.end(place, &mut *context.out);
        half.ended = true;
    }

    /// Reads bytes of one direction, behind what its framing holds.
    fn run(
        &mut self,
        direction: Direction,
        place: Place,
        mut input: &[u8],
        last: bool,
        context: &mut Context<'_>,
    ) {
        loop {
            let half = self.half(direction);
            if input.is_empty() && !half.framer.has_buffered() || self.unreadable.is_some() {
                return;
            }
            if self.prepare(direction, context.keys) {
                // Who gives up before there are keys says so without them.
                if let [content::ALERT, 3, _, 0, 2, level, description, rest @ ..] = input
                    && self.half(direction).framer.is_idle()
                {
                    self.alert(direction, &[*level, *description]);
                    input = rest;
                    continue;
                }
                self.set_aside(direction, place, input);
                return;
            }
            let expected = self.expected(direction);
            let half = self.half(direction);
            match half.framer.next(&mut input, expected, last, &mut context.keys.spare) {
                None => return,
                Some(Frame::Whole(header, bytes)) => {
                    let mut body = core::mem::take(&mut context.keys.scratch);
                    body.clear();
                    body.extend_from_slice(bytes);
                    self.record(direction, place, header, &mut body, None, context);
                    context.keys.scratch = body;
                }
                Some(Frame::Buffered(header)) => {
                    let (mut buffer, body) = half.framer.body(header);
                    let end = body.end;
                    self.record(direction, place, header, &mut buffer[body], None, context);
                    self.restore(direction, buffer, Some(end), context);
                }
                Some(Frame::Candidate(header, lost)) => {
                    let (mut buffer, body) = half.framer.body(header);
                    let end = body.end;
                    let (before, text) = buffer[..end].split_at_mut(body.start);
                    if let Some(opener) = &mut half.epoch.opener {
                        opener.follow(opener.tail(&before[..before.len() - HEADER]));
                    }
                    match self.record(direction, place, header, text, Some(lost), context) {
                        Verdict::Done => self.restore(direction, buffer, Some(end), context),
                        Verdict::Not => self.restore(direction, buffer, None, context),
                        Verdict::Again => self.half(direction).framer.again(buffer),
                    }
                }
                Some(Frame::Foreign) => {
                    if half.level() == Level::Plain {
                        self.give_up(self.no_hello(), place, context);
                    }
                }
            }
        }
    }

    fn restore(
        &mut self,
        direction: Direction,
        buffer: Vec<u8>,
        end: Option<usize>,
        context: &mut Context<'_>,
    ) {
        // Nothing is held of a connection that was given up meanwhile.
        if self.unreadable.is_none() {
            self.half(direction).framer.restore(buffer, end, &mut context.keys.spare);
        }
    }

    /// Holds bytes that cannot be read yet, with what the framing has before them.
    fn set_aside(&mut self, direction: Direction, place: Place, input: &[u8]) {
        let mut bytes = self.half(direction).framer.take();
        if bytes.is_empty() && input.is_empty() {
            return;
        }
        bytes.extend_from_slice(input);
        self.hold(Held { direction, place, piece: HeldPiece::Bytes(bytes.into()) });
    }

    /// The next bytes of one direction are missing.
    fn gap(
        &mut self,
        direction: Direction,
        place: Place,
        length: Option<u64>,
        cause: GapCause,
        context: &mut Context<'_>,
    ) {
        if self.prepare(direction, context.keys) {
            self.set_aside(direction, place, &[]);
            self.hold(Held { direction, place, piece: HeldPiece::Gap(length, cause) });
            return;
        }
        let v13 = self.is_13();
        let half = self.half(direction);
        let damaged = half.framer.gap(length, cause);
        half.messages.clear();
        if half.level() == Level::Plain {
            let hello = match direction {
                Direction::ClientToServer => self.client.is_some() || self.headless,
                Direction::ServerToClient => self.server.is_some(),
            };
            if !hello && direction == Direction::ServerToClient && self.may_guess(context.keys) {
                self.half(direction).doubtful = true;
                return;
            }
            if !hello {
                self.give_up(self.no_hello(), place, context);
                return;
            }
            self.transcript = None;
            if self.guessed && direction == Direction::ServerToClient {
                let half = self.half(direction);
                (half.need, half.doubtful) = (Need::Level(Level::Handshake), true);
                return;
            }
            if let Some(damaged) = damaged
                && damaged.header.content() == content::CHANGE_CIPHER_SPEC
                && !v13
            {
                self.half(direction).need = Need::Level(Level::Master);
            }
            return;
        }
        half.doubtful = true;
        let Some(Damaged { header, cause }) = damaged else { return };
        match header.content() {
            content::CHANGE_CIPHER_SPEC if v13 => {}
            content::CHANGE_CIPHER_SPEC => half.need = Need::Level(Level::Master),
            kind => {
                if let Some(opener) = &mut half.epoch.opener {
                    opener.follow(None);
                }
                half.lose(header, kind == content::APPLICATION_DATA, place, cause);
            }
        }
    }

    fn no_hello(&self) -> Unreadable {
        if self.client.is_some() { Unreadable::ServerHello } else { Unreadable::ClientHello }
    }

    fn is_13(&self) -> bool {
        self.facts.version == Some(Version::TLS_1_3)
    }

    fn expected(&self, direction: Direction) -> Expected {
        let sealed = self.is_13() && self.halves[direction.index()].level() != Level::Plain;
        Expected { version: self.facts.version, sealed }
    }
}
