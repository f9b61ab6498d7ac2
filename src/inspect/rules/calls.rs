//! The course of a session: calls without answers, media ahead of its start, and how streams end.

use super::judge::{Judge, Seen, lasted, quoted, sender};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::streams::{Moment, is_failure};
use crate::inspect::{CloseKind, Closed, ClosedBy, MessageRecord, Transport};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::Command;

const UNANSWERED: Rule = Rule {
    code: "cmd.unanswered",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A call has no answer",
    meaning: "A call with a transaction id wants _result or _error, and none came for five seconds, or to the end of the \
              connection. Calls that servers never answer are left out: releaseStream, FCPublish, getStreamLength, \
              _checkbw, and those that are answered by onStatus.",
    breaks_on: "Clients that wait for the answer, until they give up (arut/nginx-rtmp-module#1559, \
                sergey-dryabzhinsky/nginx-rtmp-module#38).",
    fix: "Look at what the server's log says of the call. A server that does not know it should answer _error.",
    spec: Some("RTMP 1.0 §7.1.1"),
};

const MEDIA_BEFORE_START: Rule = Rule {
    code: "cmd.media-before-start",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Media comes before publishing has started",
    meaning: "The client sends audio or video before the server has said NetStream.Publish.Start, without waiting for the \
              answer to publish.",
    breaks_on: "Servers that pass over media of a stream that is not published yet, sequence headers with it \
                (ZLMediaKit/ZLMediaKit#2715).",
    fix: "Let the client wait for NetStream.Publish.Start before it sends metadata and media.",
    spec: Some("RTMP 1.0 §7.2.2.6"),
};

const START_THEN_REJECT: Rule = Rule {
    code: "cmd.start-then-reject",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "The server starts a stream and ends it at once",
    meaning: "The server said NetStream.Publish.Start and, within five seconds, a failure, or closed the connection. Servers \
              that ask a hook or another server whether the stream is allowed do so when the answer comes too late.",
    breaks_on: "Encoders take the start for success and connect again and again: OBS reconnects without end and never says \
                why (ossrs/srs#4037, HaishinKit/HaishinKit.swift#941).",
    fix: "Let the server ask before it says NetStream.Publish.Start, and answer NetStream.Publish.BadName or an error that \
          says why. Look into its log for the reason: a hook that refuses, a name in use, a limit.",
    spec: Some("RTMP 1.0 §7.2.2.6"),
};

const WRONG_ORDER: Rule = Rule {
    code: "close.wrong-order",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A stream is ended without deleteStream",
    meaning: "The client ended its stream with FCUnpublish or closeStream and closed the connection without deleteStream. \
              Encoders send FCUnpublish, then deleteStream.",
    breaks_on: "Servers that free the name with deleteStream only: it stays in use until a timeout \
                (HaishinKit/HaishinKit.swift#1472). After an error FCUnpublish makes a failure look like a clean end \
                (obsproject/obs-studio#8364).",
    fix: "Let the client send FCUnpublish and deleteStream, in that order, then close the connection. After an error just \
          close it.",
    spec: Some("RTMP 1.0 §7.2.2.3"),
};

const FCSUBSCRIBE: Rule = Rule {
    code: "play.fcsubscribe",
    severity: Severity::Info,
    confidence: Confidence::Hint,
    title: "play fails, and the client has not sent FCSubscribe",
    meaning: "Content delivery networks that fetch live streams from elsewhere want FCSubscribe first, and play only when \
              onFCSubscribe says that the stream is there. Without it they know no such stream.",
    breaks_on: "Players without it at such networks (video-dev/clappr-rtmp-plugin#56).",
    fix: "If the stream is there for other players, send FCSubscribe: rtmpdump --subscribe, FFmpeg -rtmp_subscribe.",
    spec: None,
};

const MULTI_STREAM: Rule = Rule {
    code: "conn.multi-stream",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Several message streams on one connection",
    meaning: "The client has called createStream more than once, to publish or play several streams over one connection. \
              The specification allows it.",
    breaks_on: "Servers that keep one stream for each connection: the later ones replace the first, or are refused \
                (elnormous/rtmp_relay#1, ossrs/srs#3860).",
    fix: "Use a connection for each stream where the server knows only one.",
    spec: Some("RTMP 1.0 §7.2.1.3"),
};

/// Calls and their answers.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The latest call that was reported.
    said: u64,
    subscribed: bool,
}

/// Seconds without an answer that are too long.
const TOO_LONG: f64 = 5.0;

impl Judge for Calls {
    const RULES: &'static [Rule] = &[UNANSWERED, FCSUBSCRIBE, MULTI_STREAM];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        if seen.direction == Some(Direction::ClientToServer) {
            match command.name() {
                "FCSubscribe" => self.subscribed = true,
                "createStream" if seen.story.created > 1 => {
                    let count = seen.story.created;
                    seen.report(&MULTI_STREAM, || {
                        format!(
                            "the client calls createStream for the {count}. time on this connection"
                        )
                    });
                }
                _ => {}
            }
        } else if !self.subscribed
            && command.name() == "onStatus"
            && let Some(code @ ("NetStream.Play.StreamNotFound" | "NetStream.Play.Failed")) =
                text(command, "code")
        {
            let code = code.to_owned();
            seen.report(&FCSUBSCRIBE, || {
                format!("play fails with {code}, and the client has not sent FCSubscribe")
            });
        }
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        self.overdue(seen, false);
    }

    fn closed(&mut self, seen: &mut Seen<'_>, closed: Closed) {
        // An answer may come behind the end of a capture.
        self.overdue(seen, !matches!(closed.by, ClosedBy::CaptureEnd | ClosedBy::Rtmpctl));
    }
}

impl Calls {
    /// Reports calls that have waited too long; at the `end` all that wait.
    fn overdue(&mut self, seen: &mut Seen<'_>, end: bool) {
        let session = seen.session;
        for (direction, id, call) in session.unanswered() {
            let seconds = seen.since(call.at);
            let long = seconds.is_some_and(|seconds| seconds > TOO_LONG);
            if call.seq <= self.said
                || !(end || long)
                || !wants_answer(&call.name)
                || !seen.story.knows(direction.reverse(), call.seq)
            {
                continue;
            }
            self.said = call.seq;
            let (name, from) = (quoted(&call.name), sender(direction));
            seen.report(&UNANSWERED, || {
                let since = match seconds {
                    Some(seconds) if !end => format!("for {seconds:.1} s"),
                    Some(seconds) => format!("to the end, {} later", lasted(seconds)),
                    None => "to the end".to_owned(),
                };
                format!("no answer to the {from}'s {name} (transaction id {id}) {since}")
            })
            .about(Some(call.seq))
            .at(Some(direction), None);
        }
    }
}

/// Whether a call is one that peers answer with `_result` or `_error`.
fn wants_answer(name: &str) -> bool {
    let never = matches!(
        name,
        "" | "publish"
            | "play"
            | "play2"
            | "pause"
            | "pauseRaw"
            | "seek"
            | "receiveAudio"
            | "receiveVideo"
            | "deleteStream"
            | "closeStream"
            | "close"
            | "releaseStream"
            | "getStreamLength"
            | "_checkbw"
            | "checkBandwidth"
            | "_onbwcheck"
            | "_onbwdone"
    );
    // Events are not answered, nor is data that is sent as a command.
    !never && !["FC", "on", "@", "|"].iter().any(|start| name.starts_with(start))
}

/// A text of a status.
fn text<'c>(command: &'c Command, key: &str) -> Option<&'c str> {
    command.arguments.first().and_then(|info| info.get(key)).and_then(Value::as_str)
}

/// How streams begin and end.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The client's latest `FCUnpublish` or `closeStream` without `deleteStream` since.
    ended: Option<(&'static str, Moment)>,
    /// The message stream that media without a start was reported of last, and whether any was.
    early: Option<u32>,
    rejected: bool,
}

/// Seconds in which a start is taken back at once.
const AT_ONCE: f64 = 5.0;

impl Judge for Course {
    const RULES: &'static [Rule] = &[MEDIA_BEFORE_START, START_THEN_REJECT, WRONG_ORDER];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, message: &MessageRecord<'_>) {
        if seen.direction == Some(Direction::ServerToClient) {
            if command.name() == "onStatus" {
                self.status(seen, command, message.raw.message_stream_id);
            }
            return;
        }
        let now = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
        match command.name() {
            "publish" | "deleteStream" => self.ended = None,
            "FCUnpublish" => self.ended = Some(("FCUnpublish", now)),
            "closeStream" if seen.story.publish().is_some() => {
                self.ended = Some(("closeStream", now));
            }
            _ => {}
        }
    }

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let id = message.raw.message_stream_id;
        if !frame.marks.has(Marks::FIRST)
            || seen.direction != Some(Direction::ClientToServer)
            || seen.opened.transport == Transport::Flv
            || !seen.opened.from_start
            || self.early == Some(id)
            || !seen.story.knows(Direction::ServerToClient, 0)
            || !seen.story.knows(Direction::ClientToServer, 0)
        {
            return;
        }
        let stream = seen.story.stream(id);
        if stream.is_some_and(|stream| stream.started.is_some()) {
            return;
        }
        // Servers say on stream 0 too that a stream has started.
        if seen.story.streams.iter().filter(|stream| stream.publish.is_some()).count() > 1
            && seen.story.publish_started().is_some()
        {
            return;
        }
        self.early = Some(id);
        let published = stream.and_then(|stream| stream.publish);
        let media = message.kind.as_str();
        let seconds = published.and_then(|publish| seen.since(publish.at));
        let refused = stream.is_some_and(|stream| stream.failed.is_some());
        seen.report(&MEDIA_BEFORE_START, || match (published, seconds) {
            (Some(_), _) if refused => {
                format!("the client sends {media} on message stream {id} although publish was refused")
            }
            (Some(_), Some(seconds)) => format!(
                "the client sends {media} on message stream {id} {:.1} ms after publish, before the server says that \
                 publishing has started",
                seconds * 1e3
            ),
            (Some(_), None) => format!(
                "the client sends {media} on message stream {id} before the server says that publishing has started"
            ),
            (None, _) => format!("the client sends {media} on message stream {id} without publish"),
        });
    }

    fn closed(&mut self, seen: &mut Seen<'_>, closed: Closed) {
        if closed.by == ClosedBy::Server {
            self.closed_by_server(seen, closed.how);
        }
        let Some((name, moment)) = self.ended.take() else { return };
        if matches!(closed.by, ClosedBy::Client | ClosedBy::Both)
            && closed.how == CloseKind::Fin
            && seen.story.knows(Direction::ClientToServer, moment.seq)
        {
            seen.report(&WRONG_ORDER, || {
                format!("the client sends {name} and closes the connection without deleteStream")
            })
            .about(Some(moment.seq))
            .at(Some(Direction::ClientToServer), None);
        }
    }
}

impl Course {
    /// A failure of a stream that has just started.
    fn status(&mut self, seen: &mut Seen<'_>, command: &Command, id: u32) {
        let Some(code) = text(command, "code") else { return };
        if text(command, "level") != Some("error") && !is_failure(code) || self.rejected {
            return;
        }
        let stream = seen.story.stream(id);
        let started = match stream.or_else(|| seen.story.streams.first()) {
            Some(stream) if stream.publish.is_some() && stream.closed.is_none() => stream.started,
            _ => None,
        };
        let Some(started) = started else { return };
        if let Some(seconds) = seen.since(started.at).filter(|seconds| *seconds <= AT_ONCE) {
            self.rejected = true;
            let code = quoted(code);
            seen.report(&START_THEN_REJECT, || {
                let after = lasted(seconds);
                format!("the server says {code} {after} after NetStream.Publish.Start")
            });
        }
    }

    fn closed_by_server(&mut self, seen: &mut Seen<'_>, how: CloseKind) {
        let streams = seen.story.streams.iter();
        let open = streams.filter(|stream| stream.publish.is_some() && stream.closed.is_none());
        let started = open.filter_map(|stream| stream.started).max_by_key(|started| started.seq);
        let Some(started) = started.filter(|_| !self.rejected && self.ended.is_none()) else {
            return;
        };
        // What `listen` was told to do, or does to who is silent or asks for too much, it has said.
        const SAID: [&str; 3] = ["listen.on-purpose", "listen.timeout", "listen.limit"];
        if SAID.iter().any(|code| seen.has_found(code)) {
            return;
        }
        let Some(seconds) = seen.since(started.at).filter(|seconds| *seconds <= AT_ONCE) else {
            return;
        };
        let how = how.as_str().to_uppercase();
        seen.report(&START_THEN_REJECT, || {
            format!(
                "the server closes the connection ({how}) {} after NetStream.Publish.Start, without a status",
                lasted(seconds)
            )
        })
        .about(Some(started.seq));
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, S2C, Script};
    use crate::inspect::{CloseKind, ClosedBy};
    use crate::proto::amf::Value;

    #[test]
    fn calls_without_an_answer() {
        let call = |name: &str, id: f64| {
            let mut t = Script::connected();
            t.command(C2S, 0, name, Some(id), Value::Null, &[]);
            t
        };
        let mut t = call("createStream", 2.0);
        assert!(!t.wait(4.9).tick().has("cmd.unanswered"));
        assert!(t.wait(1.0).tick().has("cmd.unanswered"), "while it lasts");
        let text = "no answer to the client's \"createStream\" (transaction id 2) for 5.9 s";
        assert_eq!(t.text("cmd.unanswered"), text);
        assert!(call("createStream", 2.0).wait(1.0).end().has("cmd.unanswered"), "at the end");
        let mut t = call("createStream", 2.0);
        assert!(!t.wait(1.0).close(ClosedBy::CaptureEnd, CloseKind::End).has("cmd.unanswered"));
        assert!(!call("createStream", 2.0).gap(S2C, 9).wait(9.0).end().has("cmd.unanswered"));
        for name in
            ["releaseStream", "FCPublish", "getStreamLength", "_checkbw", "publish", "onBWDone"]
        {
            assert!(!call(name, 2.0).wait(9.0).end().has("cmd.unanswered"), "{name}");
        }
        assert!(!call("anything", 0.0).wait(9.0).end().has("cmd.unanswered"), "wants no answer");
    }

    #[test]
    fn media_before_the_start() {
        let run = |starts: bool| {
            let mut t = Script::connected();
            t.command(C2S, 0, "createStream", Some(2.0), Value::Null, &[]);
            t.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()]);
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            if starts {
                t.status("status", "NetStream.Publish.Start");
            }
            t.wait(0.01).video(0, Frame::Key).audio(0);
            t
        };
        assert!(!run(true).has("cmd.media-before-start"));
        let text = "the client sends video on message stream 1 10.0 ms after publish, before the server says that \
                    publishing has started";
        assert_eq!(run(false).text("cmd.media-before-start"), text);
        assert_eq!(run(false).find("cmd.media-before-start").map(|finding| finding.count), Some(1));
    }

    #[test]
    fn a_start_that_is_taken_back() {
        let refused = |seconds: f64| {
            let mut t = Script::publishing();
            t.wait(seconds).status("error", "NetStream.Publish.BadName");
            t.has("cmd.start-then-reject")
        };
        assert!(refused(4.9) && !refused(5.1));
        let closed = |seconds: f64, by, unpublish: bool| {
            let mut t = Script::publishing();
            if unpublish {
                t.command(C2S, 1, "FCUnpublish", Some(4.0), Value::Null, &["cam1".into()]);
                t.command(C2S, 0, "deleteStream", Some(5.0), Value::Null, &[1.0.into()]);
            }
            t.wait(seconds).close(by, CloseKind::Fin);
            t.has("cmd.start-then-reject")
        };
        assert!(closed(1.0, ClosedBy::Server, false));
        assert!(!closed(5.1, ClosedBy::Server, false));
        assert!(!closed(1.0, ClosedBy::Client, false));
        assert!(!closed(1.0, ClosedBy::Server, true), "the client was done");
    }

    #[test]
    fn streams_ended_without_delete_stream() {
        let run = |names: &[&str]| {
            let mut t = Script::publishing();
            for name in names {
                t.command(C2S, 1, name, Some(0.0), Value::Null, &[1.0.into()]);
            }
            t.end().has("close.wrong-order")
        };
        assert!(run(&["FCUnpublish", "closeStream"]));
        assert!(run(&["FCUnpublish"]));
        assert!(!run(&["FCUnpublish", "deleteStream"]));
        assert!(!run(&["deleteStream"]));
        assert!(!run(&[]), "a connection that just ends");
    }

    #[test]
    fn play_that_fails() {
        for (subscribes, code, odd) in [
            (false, "NetStream.Play.StreamNotFound", true),
            (true, "NetStream.Play.StreamNotFound", false),
            (false, "NetStream.Play.Start", false),
        ] {
            let mut t = Script::connected();
            if subscribes {
                t.command(C2S, 0, "FCSubscribe", Some(4.0), Value::Null, &["cam1".into()]);
            }
            t.command(C2S, 1, "play", Some(0.0), Value::Null, &["cam1".into()]);
            t.status(if odd { "error" } else { "status" }, code);
            assert_eq!(t.has("play.fcsubscribe"), odd);
        }
    }

    #[test]
    fn several_streams() {
        let mut t = Script::started();
        assert!(!t.has("conn.multi-stream"));
        t.command(C2S, 0, "createStream", Some(4.0), Value::Null, &[]);
        assert!(t.text("conn.multi-stream").contains("for the 2. time"));
    }
}
