//! One TCP connection that carries RTMPT: its two HTTP directions and the requests that wait for an answer. Knows no
//! session but by its number.

use std::collections::VecDeque;

use super::super::tcp::Piece;
use super::http::{Reader, Side};
use super::order::Item;
use super::session::Ends;
use super::target::Verb;
use crate::inspect::{GapCause, Place};

/// The number of a session in the table.
pub(super) type SessionId = u64;

/// The state of one TCP connection that carries RTMPT.
#[derive(Debug)]
pub(in crate::capture) struct Connection {
    pub(super) ends: Ends,
    pub(super) requests: Reader,
    pub(super) responses: Reader,
    /// The request whose body comes, where it is one of a session.
    pub(super) request: Option<Request>,
    /// The answer that comes.
    pub(super) answer: Option<Answer>,
    /// Requests that have no answer yet, in their order.
    pub(super) waiting: VecDeque<Waiting>,
    /// What the server sent ahead of the request that it answers: that one's direction waits behind a hole.
    pub(super) early: VecDeque<(Place, Early)>,
    early_memory: usize,
    /// The session of its last request, or that it opened.
    pub(super) session: Option<SessionId>,
    /// The number that follows that of its last request.
    pub(super) next: u64,
    /// A hole hides requests behind the last one.
    pub(super) hidden: Option<Hidden>,
    /// An answer may be hidden ahead of the next: what its place has is a gap already.
    pub(super) passed: bool,
    /// The server's direction has had anything.
    pub(super) heard: bool,
    /// It was said that something is no HTTP, while there was no session to say it of.
    pub(super) said: bool,
}

/// Requests that a hole hides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hidden {
    /// The number of the first.
    pub(super) first: u64,
    /// The number of the first whose answer has not come either.
    pub(super) unanswered: u64,
    /// Why there is a hole.
    pub(super) cause: GapCause,
}

/// A request of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) session: SessionId,
    pub(super) verb: Verb,
    pub(super) item: Item,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) to: Waiting,
    pub(super) status: u16,
    pub(super) item: Item,
    /// The polling interval has not come.
    pub(super) fresh: bool,
    /// What names the session, in the answer to `/open`.
    pub(super) id: Vec<u8>,
}

impl Answer {
    /// Whether its body is what was asked for.
    pub(super) const fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// A request without an answer.
#[derive(Debug, Clone)]
pub(super) enum Waiting {
    /// Not one of a session. The answer to HEAD has no body.
    Other { is_head: bool },
    /// `/open`: the server that it names to a proxy, where it was, and how many sessions were made before it.
    Open { authority: Box<str>, place: Place, made: SessionId },
    /// One of a session.
    Tunnel { session: SessionId, verb: Verb, number: u64 },
}

/// A piece that is held, and how many of its bytes were taken.
#[derive(Debug)]
pub(super) enum Early {
    Bytes(Box<[u8]>, usize),
    Gap(Option<u64>, GapCause),
}

/// What a held piece costs beside its bytes.
const OVERHEAD: usize = 64;

impl Early {
    fn memory(&self) -> usize {
        match self {
            Self::Bytes(bytes, _) => bytes.len() + OVERHEAD,
            Self::Gap(..) => OVERHEAD,
        }
    }
}

impl Connection {
    /// A connection of which nothing has been seen.
    pub(in crate::capture) const fn new(ends: Ends) -> Self {
        Self {
            ends,
            requests: Reader::new(Side::Requests),
            responses: Reader::new(Side::Responses),
            request: None,
            answer: None,
            waiting: VecDeque::new(),
            early: VecDeque::new(),
            early_memory: 0,
            session: None,
            next: 0,
            hidden: None,
            passed: false,
            heard: false,
            said: false,
        }
    }

    /// The bytes held.
    pub(super) fn memory(&self) -> usize {
        self.requests.memory()
            + self.responses.memory()
            + self.early_memory
            + self.waiting.len() * size_of::<Waiting>()
    }

    /// The bytes held of what the server sent ahead of its request.
    pub(super) const fn early_memory(&self) -> usize {
        self.early_memory
    }

    /// Holds what the server sent ahead of the request that it answers.
    pub(super) fn hold(&mut self, place: Place, piece: Piece<'_>) {
        let early = match piece {
            Piece::Bytes(bytes) => Early::Bytes(bytes.into(), 0),
            Piece::Gap(length, cause) => Early::Gap(length, cause),
        };
        self.early_memory += early.memory();
        self.early.push_back((place, early));
    }

    /// The first of what is held.
    pub(super) fn first_early(&mut self) -> Option<(Place, Early)> {
        let (place, early) = self.early.pop_front()?;
        self.early_memory -= early.memory();
        Some((place, early))
    }

    /// Puts back what was not taken.
    pub(super) fn put_back(&mut self, place: Place, early: Early) {
        self.early_memory += early.memory();
        self.early.push_front((place, early));
    }

    /// Whether an answer may be read now: one is being read, a request waits for it, or its request is behind a hole.
    pub(super) fn may_answer(&self) -> bool {
        !self.responses.between() || !self.waiting.is_empty() || self.hidden.is_some()
    }

    /// The request that the next answer belongs to. Where a hole hides it, it is the next number of the last session;
    /// where none does, there is none.
    pub(super) fn answered(&mut self) -> Option<Waiting> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Some(waiting);
        }
        let (session, hidden) = (self.session?, self.hidden.as_mut()?);
        let number = hidden.unanswered;
        hidden.unanswered = number.saturating_add(1);
        Some(Waiting::Tunnel { session, verb: Verb::Send, number })
    }

    /// A hole hides requests.
    pub(super) fn hide(&mut self, cause: GapCause) {
        let next = self.next;
        self.hidden.get_or_insert(Hidden { first: next, unanswered: next, cause });
    }
}
