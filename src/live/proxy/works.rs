//! What is done to the bytes of one direction on purpose: messages are changed first, then comes the line with its faults.

use std::rc::Rc;

use tokio::time::Instant;

use super::faults::{Faults, Line};
use super::rewrite::{Change, Rewrite};
use super::waiting::Waiting;
use crate::Limits;
use crate::inspect::{Finding, Proxied, Rewritten, Severity};
use crate::live::Tap;
use crate::proto::Direction;
use crate::proto::chunk::{Asked, Editor, Unreadable, Wish};
use crate::proto::handshake::VERSION;

/// What is done to the bytes of one direction.
#[derive(Debug)]
pub(super) struct Works {
    edit: Option<Edit>,
    line: Option<Line>,
    /// What was done and not told yet.
    done: Vec<Done>,
}

/// Something that was done, to be told of.
#[derive(Debug)]
pub(super) enum Done {
    /// Something to say.
    Said(Finding),
    /// A value was replaced.
    Changed(Change),
}

impl Done {
    /// Harm that was done.
    pub(super) fn fault(text: String) -> Self {
        let text = format!("on purpose: {text}");
        Self::Said(Finding::new("proxy.fault", Severity::Info, text))
    }

    pub(super) fn tell(self, tap: &Tap) {
        match self {
            Self::Said(finding) => tap.trouble(finding),
            Self::Changed(Change { call, field, before, after }) => {
                let (before, after) = (&*before, &*after);
                tap.proxied(Proxied::Rewritten(Rewritten { call, field, before, after }));
            }
        }
    }
}

impl Works {
    /// What is to be done in a direction; `None` where that is nothing.
    pub(super) fn new(
        direction: Direction,
        rewrite: Option<&Rc<Rewrite>>,
        faults: &Faults,
        seed: u64,
        limits: &Rc<Limits>,
    ) -> Option<Box<Self>> {
        let rewrite = rewrite.filter(|_| direction == Direction::ClientToServer).cloned();
        let edit = (rewrite.is_some() || faults.drop_acks).then(|| Edit {
            direction,
            begun: false,
            handshake: HANDSHAKE,
            editor: Editor::new(limits.edited_bytes),
            rewrite,
            drop_acks: faults.drop_acks,
            limits: Rc::clone(limits),
        });
        let line = faults
            .harm_bytes()
            .then(|| Line::new(faults.clone(), direction, seed, limits.delayed_bytes));
        (edit.is_some() || line.is_some()).then(|| Box::new(Self { edit, line, done: Vec::new() }))
    }

    /// Takes what came. What is to be sent at once is put into `waiting`.
    pub(super) fn take(&mut self, data: &[u8], now: Instant, waiting: &mut Waiting) {
        let Self { edit, line, done } = self;
        let mut edited = Vec::new();
        match edit {
            Some(edit) => edit.take(data, &mut edited, done),
            None => edited.extend_from_slice(data),
        }
        match line {
            Some(line) => {
                line.take(edited, now, done);
                line.release(now, waiting, done);
            }
            None => waiting.push(&edited),
        }
    }

    /// Puts what is due into `waiting`.
    pub(super) fn release(&mut self, now: Instant, waiting: &mut Waiting) {
        if let Some(line) = &mut self.line {
            line.release(now, waiting, &mut self.done);
        }
    }

    /// The sender has ended.
    pub(super) fn end(&mut self, now: Instant, waiting: &mut Waiting) {
        let Some(edit) = &mut self.edit else { return };
        let mut rest = Vec::new();
        edit.editor.end(&mut rest);
        match &mut self.line {
            Some(line) => line.take(rest, now, &mut self.done),
            None => waiting.push(&rest),
        }
    }

    /// Whether the connection is to be reset now; `waits` where something is still to be sent.
    pub(super) fn resets(&mut self, now: Instant, waits: bool) -> bool {
        let reset = self.line.as_mut().and_then(|line| line.resets(now, waits));
        let resets = reset.is_some();
        self.done.extend(reset);
        resets
    }

    /// Tells of what was done.
    #[inline]
    pub(super) fn tell(&mut self, tap: &Tap) {
        for done in self.done.drain(..) {
            done.tell(tap);
        }
    }

    /// When the next thing is due; what is to be sent counts where it can be (`sends`).
    pub(super) fn due(&self, sends: bool) -> Option<Instant> {
        self.line.as_ref()?.due(sends)
    }

    pub(super) fn has_room(&self) -> bool {
        self.line.as_ref().is_none_or(Line::has_room)
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.line.as_ref().is_some_and(Line::is_stalled)
    }

    pub(super) fn held(&self) -> usize {
        let edited = self.edit.as_ref().map_or(0, |edit| edit.editor.held());
        edited + self.line.as_ref().map_or(0, Line::held)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.as_ref().is_none_or(Line::is_empty)
    }
}

/// Messages that are changed or left out.
#[derive(Debug)]
struct Edit {
    direction: Direction,
    /// Whether the first byte has come.
    begun: bool,
    /// Bytes of the handshake that are still to come, which are none of chunks; the rest of a stream that is not RTMP.
    handshake: u64,
    editor: Editor,
    rewrite: Option<Rc<Rewrite>>,
    drop_acks: bool,
    limits: Rc<Limits>,
}

/// Bytes of either side's handshake (RTMP 1.0 §5.2).
const HANDSHAKE: u64 = 1 + 2 * 1536;
/// The longest call that is changed: the longest that encoders send is about 1 kB.
const LONGEST: u32 = 64 << 10;
/// Message types (RTMP 1.0 §5.4.3, §7.1.1).
const ACKNOWLEDGEMENT: u8 = 3;
const COMMAND_AMF3: u8 = 17;
const COMMAND_AMF0: u8 = 20;

impl Edit {
    fn take(&mut self, data: &[u8], out: &mut Vec<u8>, done: &mut Vec<Done>) {
        if !self.begun && !data.is_empty() {
            self.begun = true;
            if data[0] != VERSION {
                let what = format!("{} does not begin as plain RTMP does", self.direction);
                done.push(unchanged(&what));
                self.handshake = u64::MAX;
            }
        }
        let (packets, chunks) =
            data.split_at(usize::try_from(self.handshake).unwrap_or(usize::MAX).min(data.len()));
        out.extend_from_slice(packets);
        if self.handshake < u64::MAX {
            self.handshake -= packets.len() as u64;
        }
        let Self { editor, rewrite, drop_acks, limits, direction, .. } = self;
        let mut hand = |asked: &Asked<'_>| match *asked {
            Asked::Begins { type_id: ACKNOWLEDGEMENT, .. } if *drop_acks => Wish::Omit,
            Asked::Begins { type_id: COMMAND_AMF0 | COMMAND_AMF3, length }
                if rewrite.is_some() && length <= LONGEST =>
            {
                Wish::Collect
            }
            Asked::Begins { .. } => Wish::Pass,
            Asked::Omitted { head, .. } => {
                let number = head.first_chunk().map_or(0, |head| u32::from_be_bytes(*head));
                done.push(Done::fault(format!(
                    "an acknowledgement of {direction} (sequence number {number}) is left out"
                )));
                Wish::Pass
            }
            Asked::Whole(message) => {
                let rewrite = rewrite
                    .as_ref()
                    .map(|rewrite| rewrite.command(message.type_id, message.payload, limits));
                match rewrite {
                    Some(Ok(Some((payload, changes)))) => {
                        done.extend(changes.into_iter().map(Done::Changed));
                        Wish::Replace(payload)
                    }
                    Some(Err(call)) => {
                        done.push(unchanged(&format!("{call} cannot be read to its end")));
                        Wish::Pass
                    }
                    _ => Wish::Pass,
                }
            }
        };
        match editor.feed(chunks, &mut hand, out) {
            Ok(()) => {}
            Err(Unreadable::Framing) => {
                let what = format!("the chunks of {direction} can no longer be told apart");
                done.push(unchanged(&what));
            }
            Err(Unreadable::TooMuch) => {
                let what = format!(
                    "more than {} bytes came between the chunks of a call (limit edited_bytes)",
                    limits.edited_bytes
                );
                done.push(unchanged(&what));
            }
        }
    }
}

fn unchanged(what: &str) -> Done {
    let text = format!("{what}: it is handed on as it is");
    Done::Said(Finding::new("proxy.not-rewritten", Severity::Warning, text))
}
