//! What a judge is, and what it sees.

use super::super::pace::Frame;
use super::super::past::Past;
use super::super::record::Handshake;
use super::super::session::Session;
use super::super::streams::{Story, Way};
use super::super::tally::{At, Tally};
use super::super::track::Tracks;
use super::super::{Closed, Finding, FlowId, Gap, MessageRecord, Opened, Place, Severity};
use super::{Confidence, Rule, Settings};
use crate::proto::chunk::{Loss, Note};
use crate::proto::handshake::Raw;
use crate::proto::message::{Command, Control, Data, UserControl};
use crate::proto::{Direction, Span};

/// Judges one connection by a few rules that rest on the same facts.
///
/// A method is called behind the record that shows the event, when the facts have learned from it already. All are
/// empty unless a judge needs them. What a judge keeps is bounded: numbers, the latest of something, never a list that
/// grows.
pub(crate) trait Judge: Default {
    /// The rules that it reports.
    const RULES: &'static [Rule];

    /// The connection appeared.
    fn opened(&mut self, _seen: &mut Seen<'_>) {}
    /// A handshake packet is complete.
    fn handshake(&mut self, _seen: &mut Seen<'_>, _packet: &HandshakeSeen<'_>) {}
    /// The chunk reader survived an oddity.
    fn note(&mut self, _seen: &mut Seen<'_>, _note: &Note) {}
    /// The framing of a direction is lost. What is reported comes ahead of the finding that says so, and counts as what it
    /// follows from.
    fn lost(&mut self, _seen: &mut Seen<'_>, _loss: &LossSeen) {}
    /// Decoding goes on after a loss.
    fn resumed(&mut self, _seen: &mut Seen<'_>, _resumed: &Resumed) {}
    /// Bytes are missing.
    fn gap(&mut self, _seen: &mut Seen<'_>, _gap: &Gap) {}
    /// A message that is no media, or media of which something stands out: what its chunk headers say.
    fn header(&mut self, _seen: &mut Seen<'_>, _message: &MessageRecord<'_>) {}
    /// A protocol control message: types 1, 2, 3, 5 and 6.
    fn control(&mut self, _seen: &mut Seen<'_>, _control: &Control) {}
    /// A user control message: type 4.
    fn user_control(&mut self, _seen: &mut Seen<'_>, _event: &UserControl) {}
    /// A command: types 20 and 17.
    fn command(&mut self, _: &mut Seen<'_>, _command: &Command, _message: &MessageRecord<'_>) {}
    /// Data: types 18 and 15.
    fn data(&mut self, _seen: &mut Seen<'_>, _data: &Data, _message: &MessageRecord<'_>) {}
    /// Audio or video of which something stands out: `frame.marks` says what. Usual frames are not handed out, which
    /// is what keeps judging cheap. Of a message with several tracks there is one call for each.
    fn media(&mut self, _seen: &mut Seen<'_>, _frame: &Frame, _message: &MessageRecord<'_>) {}
    /// A second of a track is over; `seen.tracks` has what was in it (`past`).
    fn second(&mut self, _seen: &mut Seen<'_>, _frame: &Frame) {}
    /// Time has passed: called at most once a second of arrival time, ahead of what arrives.
    fn tick(&mut self, _seen: &mut Seen<'_>) {}
    /// A direction has ended; the other may go on.
    fn ended(&mut self, _seen: &mut Seen<'_>, _direction: Direction) {}
    /// The connection is over. What is reported comes ahead of `connection_closed`.
    fn closed(&mut self, _seen: &mut Seen<'_>, _closed: Closed) {}
}

/// A loss, and what was being read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LossSeen {
    pub(crate) loss: Loss,
    /// The message of which chunks came last, where it is not complete.
    pub(crate) broken: Option<Broken>,
}

/// A message that a loss interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Stream offset of its first header byte.
    pub(crate) start: u64,
    pub(crate) chunk_stream_id: u32,
    /// Bytes of its payload.
    pub(crate) length: u32,
    /// Those that had come.
    pub(crate) received: u32,
}

/// Where decoding goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resumed {
    /// Stream offset of the first chunk header behind the loss.
    pub(crate) offset: u64,
    /// The chunk size that holds there, where split messages have shown it.
    pub(crate) chunk_size: Option<u32>,
}

/// A handshake packet with its bytes.
#[derive(Debug)]
pub(crate) struct HandshakeSeen<'a> {
    /// What the record says.
    pub(crate) record: Handshake,
    /// The 1536 bytes of C1, S1, C2 and S2.
    pub(crate) bytes: Option<&'a Raw>,
    /// Of C2 and S2: the packet that it answers, where it was seen.
    pub(crate) answers: Option<&'a Raw>,
}

/// Where in a connection an event is, and what is known of the connection by then.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) opened: &'a Opened,
    pub(crate) session: &'a Session,
    pub(crate) story: &'a Story,
    pub(crate) tracks: &'a Tracks,
    pub(crate) settings: &'a Settings,
    /// What is remembered of other connections.
    pub(crate) past: &'a mut Past,
    /// Of how many.
    pub(crate) remembers: usize,
    /// The connection's number.
    pub(crate) connection: FlowId,
    /// The record that shows the event, or the next one where none does.
    pub(crate) seq: u64,
    pub(crate) direction: Option<Direction>,
    pub(crate) span: Option<Span>,
    pub(crate) place: Place,
    /// Nanoseconds since the connection's first packet.
    pub(crate) elapsed: Option<i64>,
    pub(in super::super) tally: &'a Tally,
    pub(in super::super) found: &'a mut Vec<Raised>,
}

/// A finding on its way out.
#[derive(Debug)]
pub(in super::super) struct Raised {
    pub(in super::super) finding: Finding,
    pub(in super::super) direction: Option<Direction>,
    pub(in super::super) span: Option<Span>,
    /// Whether it explains a loss, and so is none of its consequences.
    pub(in super::super) explains: bool,
    /// Whether it is why the message cannot be read.
    pub(in super::super) spoils: bool,
}

impl Seen<'_> {
    /// Reports a finding about the event. The sentence is only made where it will be printed.
    pub(crate) fn report(&mut self, rule: &Rule, text: impl FnOnce() -> String) -> Report<'_> {
        self.report_as(rule, rule.severity, text)
    }

    /// The same, with another severity than the rule's.
    pub(crate) fn report_as(
        &mut self,
        rule: &Rule,
        severity: Severity,
        text: impl FnOnce() -> String,
    ) -> Report<'_> {
        let wanted = self
            .settings
            .severity(rule.code, severity)
            .is_some_and(|severity| self.tally.prints_next(rule.code, severity, &self.at()));
        let message = if wanted { text() } else { String::new() };
        let mut finding = Finding::new(rule.code, severity, message);
        finding.spec = rule.spec;
        finding.about = Some(self.seq);
        let at = self.found.len();
        let (direction, span) = (self.direction, self.span);
        self.found.push(Raised { finding, direction, span, explains: false, spoils: false });
        Report(self.found.get_mut(at))
    }

    const fn at(&self) -> At {
        let Self { seq, direction, span, place, elapsed, .. } = *self;
        At { seq, direction, span, place, elapsed }
    }

    /// What is known of the direction of the event, or of the client's where it has none.
    pub(crate) fn way(&self) -> &Way {
        self.story.way(self.direction.unwrap_or(Direction::ClientToServer))
    }

    /// Findings that this event has brought so far.
    pub(crate) fn found_now(&self) -> u64 {
        self.found.len() as u64
    }

    /// Whether something with this code was found before.
    pub(crate) fn has_found(&self, code: &str) -> bool {
        !self.tally.is_new(code) || self.found.iter().any(|raised| raised.finding.code == code)
    }

    /// Seconds from `at` until now; `None` where the input has no clock.
    pub(crate) fn since(&self, at: Option<i64>) -> Option<f64> {
        Some((self.elapsed? - at?) as f64 / 1e9)
    }
}

/// Says more about a finding just reported.
#[derive(Debug)]
pub(crate) struct Report<'a>(Option<&'a mut Raised>);

impl Report<'_> {
    /// It is this sure.
    pub(crate) fn sure(self, confidence: Confidence) -> Self {
        self.with(|raised| raised.finding.confidence = Some(confidence))
    }

    /// An earlier record shows it, or none.
    pub(crate) fn about(self, seq: Option<u64>) -> Self {
        self.with(|raised| raised.finding.about = seq)
    }

    /// It is about bytes of this direction, or about the connection as a whole.
    pub(crate) fn at(self, direction: Option<Direction>, span: Option<Span>) -> Self {
        self.with(|raised| (raised.direction, raised.span) = (direction, span))
    }

    /// What to do about this one, in place of what the rule says.
    pub(crate) fn fix(self, fix: String) -> Self {
        self.with(|raised| raised.finding.fix = Some(fix))
    }

    /// It is why the framing was lost, as this record says, although that shows only later.
    pub(crate) fn explains(self, loss: u64) -> Self {
        self.with(|raised| {
            raised.finding.about = Some(loss);
            raised.explains = true;
        })
    }

    /// It is why the message, if so, cannot be read: that is no fault of its own then.
    pub(crate) fn spoils(self) -> Self {
        self.with(|raised| raised.spoils = true)
    }

    /// It follows from what another record says, and is no fault of its own.
    pub(crate) fn because(self, seq: Option<u64>) -> Self {
        self.with(|raised| raised.finding.cause = seq)
    }

    fn with(mut self, change: impl FnOnce(&mut Raised)) -> Self {
        if let Some(raised) = &mut self.0 {
            change(raised);
        }
        self
    }
}

/// What a peer sent, in quotes and cut to 100 characters. Secrets are masked inside quotes only.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 100;
    let cut = text.chars().count() > MOST;
    // Quotes inside would end it.
    let short: String = text.chars().take(MOST).map(|c| if c == '"' { '\'' } else { c }).collect();
    format!("\"{short}{}\"", if cut { "…" } else { "" })
}

/// Who sends in a direction.
pub(crate) const fn sender(direction: Direction) -> &'static str {
    match direction {
        Direction::ClientToServer => "client",
        Direction::ServerToClient => "server",
    }
}

/// A time as people say it: `44.3 ms`, `5.2 s`.
pub(crate) fn lasted(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}
