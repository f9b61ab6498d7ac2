//! User control messages, and control messages at a time when servers do not expect them.

use super::judge::{Judge, Seen, sender};
use super::{Confidence, Rule, Severity};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, MessageRecord};
use crate::proto::message::{Command, Control, EventType, UserControl};
use crate::proto::{Direction, Span};

const PING_UNANSWERED: Rule = Rule {
    code: "ping.unanswered",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A ping is not answered",
    meaning: "A Ping Request is to be answered by a Ping Response with the same timestamp, and for five seconds there was \
              none. The peer ignores pings, or does not read what it is sent.",
    breaks_on: "Servers that close connections whose client does not answer (bluenviron/mediamtx#1245, creytiv/re#190; \
                nginx-rtmp after ping_timeout).",
    fix: "Let the client answer user control event 6 with event 7 and the same four bytes, also while it publishes: it has \
          to read for that.",
    spec: Some("RTMP 1.0 §7.1.7"),
};

const PING_FROM_CLIENT: Rule = Rule {
    code: "ping.from-client",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The client sends a Ping Request",
    meaning: "Pings are defined from the server to the client. Some senders ping the other way, restream.io among them.",
    breaks_on: "Servers that know no pings from clients (membraneframework/membrane_rtmp_plugin#81).",
    fix: "Nothing, unless the server closes the connection; then turn the pings off in the sender.",
    spec: Some("RTMP 1.0 §7.1.7"),
};

const UNDOCUMENTED: Rule = Rule {
    code: "ucm.undocumented",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "A user control event that no specification has",
    meaning: "Flash Media Server and what imitates it send events beyond those of the specification: 26 and 27 verify the \
              player's SWF file, 31 and 32 say that the buffer of a stream is empty or ready again.",
    breaks_on: "Clients that give up on an event they do not know (bluenviron/mediamtx#5512).",
    fix: "Pass over events that are not known.",
    spec: Some("RTMP 1.0 §7.1.7"),
};

const UNEXPECTED_PHASE: Rule = Rule {
    code: "ctrl.unexpected-phase",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The client sends control messages while publishing is set up",
    meaning: "Between createStream and the start of publishing the client sent an acknowledgement, a user control message \
              or its window. That is allowed, but servers that read the set-up as a fixed sequence of commands take it \
              for the wrong message.",
    breaks_on: "Servers that expect a command there and close with \"unexpected packet\" (bluenviron/mediamtx#577, \
                bluenviron/mediamtx#928, both solved since).",
    fix: "Let the client send its window and buffer length before createStream or after NetStream.Publish.Start; let the \
          server pass over control messages at any time.",
    spec: Some("RTMP 1.0 §7.2.2"),
};

/// Pings of both directions, and events that are worth a word.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// By the direction of the requests.
    open: [Option<Open>; 2],
    /// What the latest answer took, nanoseconds.
    took: Option<i64>,
}

/// A ping without an answer yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    timestamp: Option<u32>,
    at: Moment,
    span: Option<Span>,
    /// Further ones since.
    more: u32,
}

/// Seconds without an answer that are too long.
const TOO_LONG: f64 = 5.0;

impl Judge for Pings {
    const RULES: &'static [Rule] = &[PING_UNANSWERED, PING_FROM_CLIENT, UNDOCUMENTED];

    fn user_control(&mut self, seen: &mut Seen<'_>, event: &UserControl) {
        let (Some(direction), Some(kind)) = (seen.direction, event.event_type) else { return };
        match kind {
            EventType::PingRequest => {
                if direction == Direction::ClientToServer {
                    seen.report(&PING_FROM_CLIENT, || "the client pings the server".to_owned());
                }
                let at = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
                match &mut self.open[direction.index()] {
                    Some(open) => open.more = open.more.saturating_add(1),
                    none => {
                        let timestamp = event.timestamp;
                        *none = Some(Open { timestamp, at, span: seen.span, more: 0 });
                    }
                }
            }
            EventType::PingResponse => {
                // An answer to a later one shows that the peer answers.
                if let Some(open) = self.open[direction.reverse().index()].take()
                    && open.timestamp == event.timestamp
                {
                    self.took = seen.elapsed.zip(open.at.at).map(|(now, then)| now - then);
                }
            }
            EventType::SwfVerificationRequest
            | EventType::SwfVerificationResponse
            | EventType::BufferEmpty
            | EventType::BufferReady
            | EventType::Unknown(_) => {
                let name = kind.as_str();
                seen.report(&UNDOCUMENTED, || {
                    let from = sender(direction);
                    format!("the {from} sends user control event {} ({name})", kind.id())
                });
            }
            _ => {}
        }
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        for direction in Direction::BOTH {
            let Some(open) = self.open[direction.index()] else { continue };
            let Some(seconds) = seen.since(open.at.at).filter(|seconds| *seconds > TOO_LONG) else {
                continue;
            };
            self.open[direction.index()] = None;
            // Whoever has ended its direction, or of whom not all is known, may have answered.
            let back = direction.reverse();
            let ended = seen.story.way(back).ended.and_then(|ended| ended.at);
            let gone = ended.zip(open.at.at).is_some_and(|(ended, asked)| ended - asked < SOON);
            if gone || !seen.story.knows(back, open.at.seq) {
                continue;
            }
            let (from, to, took) = (sender(direction), sender(back), self.took);
            seen.report(&PING_UNANSWERED, || {
                let mut text = format!("the {to} has not answered the {from}'s ping");
                if let Some(timestamp) = open.timestamp {
                    text.push_str(&format!(" {timestamp}"));
                }
                text.push_str(&format!(" for {seconds:.1} s"));
                if open.more > 0 {
                    text.push_str(&format!(", nor {} later ones", open.more));
                }
                if let Some(took) = took {
                    text.push_str(&format!(
                        "; it answered one before in {:.1} ms",
                        took as f64 / 1e6
                    ));
                }
                text
            })
            .about(Some(open.at.seq))
            .at(Some(direction), open.span);
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.tick(seen);
    }
}

/// [`TOO_LONG`] in nanoseconds.
const SOON: i64 = 5_000_000_000;

/// Control messages of the client between `createStream` and the start of publishing.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// The first since the latest `createStream`, until it is known whether the stream is published or played.
    first: Option<(&'static str, u64, Option<Span>)>,
    /// Between `createStream` and what follows it.
    setting_up: bool,
    /// `publish` was sent.
    publishing: bool,
}

impl Judge for Phase {
    const RULES: &'static [Rule] = &[UNEXPECTED_PHASE];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        if seen.direction != Some(Direction::ClientToServer) {
            if seen.story.publish_started().is_some() {
                self.setting_up = false;
            }
            return;
        }
        match command.name() {
            "createStream" => *self = Self { setting_up: true, ..Self::default() },
            "publish" if self.setting_up => {
                self.publishing = true;
                self.report(seen);
            }
            "play" | "play2" => *self = Self::default(),
            _ => {}
        }
    }

    fn control(&mut self, seen: &mut Seen<'_>, control: &Control) {
        match control {
            Control::Acknowledgement { .. } => self.came(seen, "an acknowledgement (type 3)"),
            Control::WindowAcknowledgementSize { .. } => self.came(seen, "its window (type 5)"),
            _ => {}
        }
    }

    fn user_control(&mut self, seen: &mut Seen<'_>, event: &UserControl) {
        // The server asked for an answer to its ping.
        if event.event_type != Some(EventType::PingResponse) {
            self.came(seen, "a user control message (type 4)");
        }
    }
}

impl Phase {
    fn came(&mut self, seen: &mut Seen<'_>, what: &'static str) {
        if self.setting_up && seen.direction == Some(Direction::ClientToServer) {
            self.first.get_or_insert((what, seen.seq, seen.span));
            self.report(seen);
        }
    }

    /// Says it once it is known that the stream is published.
    fn report(&mut self, seen: &mut Seen<'_>) {
        if !self.publishing {
            return;
        }
        let Some((what, seq, span)) = self.first.take() else { return };
        self.setting_up = false;
        seen.report(&UNEXPECTED_PHASE, || {
            format!("the client sends {what} between createStream and the start of publishing")
        })
        .about(Some(seq))
        .at(Some(Direction::ClientToServer), span);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script};
    use crate::proto::Direction;
    use crate::proto::amf::Value;
    use crate::proto::message::{Control, EventType, UserControl};

    fn ping(t: &mut Script, direction: Direction, kind: EventType, timestamp: u32) {
        let event = UserControl {
            event_type: Some(kind),
            timestamp: Some(timestamp),
            ..UserControl::default()
        };
        t.user_control(direction, event);
    }

    #[test]
    fn pings_without_an_answer() {
        let asked = || {
            let mut t = Script::started();
            ping(&mut t, S2C, EventType::PingRequest, 7);
            t
        };
        let mut t = asked();
        assert_eq!(t.wait(4.9).end().codes(), [""; 0]);
        let mut t = asked();
        t.wait(5.1).tick();
        assert_eq!(
            t.text("ping.unanswered"),
            "the client has not answered the server's ping 7 for 5.1 s"
        );
        let mut t = asked();
        t.wait(0.25);
        ping(&mut t, C2S, EventType::PingResponse, 7);
        ping(&mut t, S2C, EventType::PingRequest, 8);
        t.wait(2.0);
        ping(&mut t, S2C, EventType::PingRequest, 9);
        t.wait(6.0).end();
        let expected = "the client has not answered the server's ping 8 for 8.0 s, nor 1 later ones; it answered one \
                        before in 250.0 ms";
        assert_eq!(t.text("ping.unanswered"), expected);
        let mut t = asked();
        t.gap(C2S, 10).wait(6.0).end();
        assert!(!t.has("ping.unanswered"), "the answer may be in the gap");
    }

    #[test]
    fn pings_of_clients_and_events_of_no_specification() {
        let mut t = Script::started();
        ping(&mut t, C2S, EventType::PingRequest, 7);
        ping(&mut t, S2C, EventType::PingResponse, 7);
        assert_eq!(t.codes(), ["ping.from-client"]);
        for (kind, odd) in [
            (EventType::StreamBegin, false),
            (EventType::BufferReady, true),
            (EventType::SwfVerificationRequest, true),
            (EventType::Unknown(77), true),
        ] {
            let mut t = Script::started();
            let event = UserControl {
                event_type: Some(kind),
                stream_id: Some(1),
                ..UserControl::default()
            };
            t.user_control(S2C, event);
            assert_eq!(t.has("ucm.undocumented"), odd, "{kind:?}");
        }
    }

    #[test]
    fn control_messages_while_publishing_is_set_up() {
        let window = Control::WindowAcknowledgementSize { size: Some(2_500_000) };
        let run = |before: bool, between: bool, after: bool, play: bool| {
            let mut t = Script::connected();
            if before {
                t.control(C2S, window);
            }
            t.command(C2S, 0, "createStream", Some(2.0), Value::Null, &[]);
            t.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()]);
            if between {
                t.control(C2S, window);
            }
            let name = if play { "play" } else { "publish" };
            t.command(C2S, 1, name, Some(3.0), Value::Null, &["a".into()]);
            if !play {
                t.status("status", "NetStream.Publish.Start");
            }
            if after {
                t.control(C2S, window);
            }
            t.has("ctrl.unexpected-phase")
        };
        assert!(run(false, true, false, false));
        assert!(!run(true, false, true, false));
        assert!(!run(false, true, false, true), "a player");
    }
}
