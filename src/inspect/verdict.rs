//! How far a connection got, and why it ended: what its facts add up to, with the records that show it.

use super::record::Listed;
use super::rules::judge::lasted;
use super::streams::{Moment, Story, Stream};
use super::{CloseKind, Closed, ClosedBy, Opened, Severity, Transport};
use crate::proto::Direction;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The last step that was completed.
    pub reached: Reached,
    /// How it ended.
    pub outcome: Outcome,
    /// Which side ended it, and how.
    pub closed: Closed,
    /// One sentence; what a peer sent stands in quotes.
    pub sentence: String,
    /// What that usually means, where it is no regular end.
    pub usually: Option<&'static str>,
    /// The status that the server gave last, as it counts for the verdict.
    pub status: Option<String>,
    /// The numbers of the records that show it, in order.
    pub evidence: Vec<u64>,
    /// The codes of the findings that explain it, worst first.
    pub findings: Vec<&'static str>,
}

/// A step of a connection that was completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Not even a byte was sent.
    Tcp,
    /// The TLS handshake is over, and what is inside it can be read.
    Tls,
    /// The RTMP handshake is over.
    Handshake,
    /// `connect` was accepted.
    Connect,
    /// `createStream` was answered.
    CreateStream,
    /// `publish` was accepted.
    Publish,
    /// `play` was accepted.
    Play,
    /// Audio or video came.
    Media,
}

impl Reached {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Connect => "connect",
            Self::CreateStream => "create_stream",
            Self::Publish => "publish",
            Self::Play => "play",
            Self::Media => "media",
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should: the client ended its stream and closed, or the server had nothing more to play.
    Ended,
    /// The server said no.
    Refused,
    /// A side closed it without a word.
    Closed,
    /// A side reset it.
    Reset,
    /// Nothing came any more.
    Silent,
    /// The capture ends before it.
    Unfinished,
    /// This program ended it.
    Rtmpctl,
}

impl Outcome {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Silent => "silent",
            Self::Unfinished => "unfinished",
            Self::Rtmpctl => "rtmpctl",
        }
    }
}

/// Findings that say why a connection ended.
const EXPLAIN: [&str; 11] = [
    "amf.null-in-object",
    "amf.strict-array",
    "auth.adobe",
    "auth.llnw",
    "cmd.start-then-reject",
    "hs.http-on-rtmp",
    "hs.http-reply",
    "hs.stall",
    "hs.tls-on-plain",
    "status.badname",
    "status.silent-close",
];

/// What is known when a connection is over.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) opened: &'a Opened,
    pub(super) story: &'a Story,
    /// How it was closed, and the record that says so.
    pub(super) closed: (Closed, u64),
    /// Nanoseconds since the first packet.
    pub(super) elapsed: Option<i64>,
    /// Bytes in each direction.
    pub(super) bytes: [u64; 2],
    pub(super) findings: &'a [Listed],
}

impl Case<'_> {
    /// Judges it.
    pub(super) fn verdict(&self) -> Verdict {
        let reached = self.reached();
        let status = self.story.status.as_ref();
        let refused = status.filter(|status| status.failure && self.counts(&status.at));
        let call = self.call();
        let outcome = self.outcome(reached, refused.is_some());
        let mut sentence = String::new();
        if let Some(status) = refused {
            let about = call.map_or("the client", |(name, _)| name);
            let code = status.code.replace('"', "'");
            sentence = format!("the server answered {about} with \"{code}\"");
        } else if reached == Reached::Tls && self.bytes == [0, 0] {
            sentence = "it is encrypted, and nothing of it could be read".to_owned();
        } else if reached == Reached::Tcp && self.bytes == [0, 0] {
            sentence = "no byte was sent by either side".to_owned();
        } else if let Some((name, moment)) = call.filter(|_| outcome != Outcome::Ended) {
            let waits = match self.since(moment.at) {
                Some(seconds) => format!("{name} had no answer for {}", lasted(seconds)),
                None => format!("{name} had no answer"),
            };
            sentence = waits;
        } else if reached < Reached::Handshake {
            sentence = self.handshake();
        }
        let closed = self.end(reached);
        if sentence.is_empty() {
            sentence = closed;
        } else {
            sentence = format!("{sentence}; then {closed}");
        }
        let explain = |listed: &&Listed| {
            EXPLAIN.contains(&listed.finding.code) && listed.finding.severity > Severity::Info
        };
        let moments = [call.map(|(_, moment)| moment.seq), refused.map(|status| status.at.seq)];
        let mut evidence: Vec<u64> = moments.into_iter().flatten().collect();
        evidence.extend(self.ending().map(|moment| moment.seq));
        evidence.push(self.closed.1);
        evidence.sort_unstable();
        evidence.dedup();
        Verdict {
            reached,
            outcome,
            closed: self.closed.0,
            sentence,
            usually: self
                .usually(reached, outcome, call.map(|(name, _)| name))
                // Of what could not be read nobody knows what it means.
                .filter(|_| reached != Reached::Tls || self.bytes != [0, 0]),
            status: status.map(|status| status.code.clone()),
            evidence,
            findings: self
                .findings
                .iter()
                .filter(explain)
                .map(|listed| listed.finding.code)
                .collect(),
        }
    }

    /// The last step that was completed. Of a server that was not captured the answers are taken for given where the
    /// client went on.
    fn reached(&self) -> Reached {
        let story = self.story;
        if story.media.is_some() || self.opened.transport == Transport::Flv {
            return Reached::Media;
        }
        let blind = !self.heard(Direction::ServerToClient);
        let started = |stream: &Stream| stream.started.is_some() || blind;
        let used = |role: fn(&Stream) -> Option<Moment>| {
            story.streams.iter().any(|stream| role(stream).is_some() && started(stream))
        };
        if used(|stream| stream.publish) {
            Reached::Publish
        } else if used(|stream| stream.play) {
            Reached::Play
        } else if story.streams.iter().any(|stream| stream.created.is_some()) {
            Reached::CreateStream
        } else if story.connected.is_some_and(|(_, accepted)| accepted)
            || story.create_stream.is_some()
            || story.status.as_ref().is_some_and(|status| !status.failure)
        {
            Reached::Connect
        } else if story.connect.is_some() || self.shaken() || !self.opened.from_start {
            Reached::Handshake
        } else if matches!(self.opened.transport, Transport::Rtmps | Transport::Rtmpts) {
            Reached::Tls
        } else {
            Reached::Tcp
        }
    }

    fn heard(&self, direction: Direction) -> bool {
        self.bytes[direction.index()] > 0
    }

    /// Whether the handshake is over, as far as it was captured.
    fn shaken(&self) -> bool {
        let mut heard = Direction::BOTH.into_iter().filter(|&direction| self.heard(direction));
        let any = heard.clone().next().is_some();
        any && heard.all(|direction| self.story.way(direction).handshake >= 3)
    }

    /// The client's latest call on the way to a stream that was not accepted, and when it was made.
    fn call(&self) -> Option<(&'static str, Moment)> {
        let story = self.story;
        if !self.heard(Direction::ServerToClient) {
            return None;
        }
        let mut calls = Vec::new();
        if !story.connected.is_some_and(|(_, accepted)| accepted) {
            calls.extend(story.connect.map(|moment| ("connect", moment)));
        }
        if story.streams.iter().all(|stream| stream.created.is_none()) {
            calls.extend(story.create_stream.map(|moment| ("createStream", moment)));
        }
        for stream in story.streams.iter().filter(|stream| stream.closed.is_none()) {
            if stream.started.is_none() || stream.failed.is_some() {
                calls.extend(stream.publish.map(|moment| ("publish", moment)));
                calls.extend(stream.play.map(|moment| ("play", moment)));
            }
        }
        // Media shows that nobody waits any more.
        let media = story.media.map_or(0, |media| media.seq);
        calls.into_iter().filter(|(_, at)| at.seq > media).max_by_key(|(_, at)| at.seq)
    }

    /// Whether a failure is what ended it: nothing has succeeded since.
    fn counts(&self, failed: &Moment) -> bool {
        let later = |moment: Option<Moment>| moment.is_some_and(|moment| moment.seq > failed.seq);
        !self.story.streams.iter().any(|stream| later(stream.started) || later(stream.media))
    }

    /// The client's word that its stream is over.
    fn ending(&self) -> Option<Moment> {
        self.story.streams.iter().filter_map(|stream| stream.closed).max_by_key(|at| at.seq)
    }

    fn outcome(&self, reached: Reached, refused: bool) -> Outcome {
        let (closed, _) = self.closed;
        let over = self.ending().is_some()
            || self.story.status.as_ref().is_some_and(|status| {
                matches!(
                    &*status.code,
                    "NetStream.Play.Stop"
                        | "NetStream.Play.Complete"
                        | "NetStream.Play.UnpublishNotify"
                        | "NetStream.Unpublish.Success"
                )
            });
        match (closed.by, closed.how) {
            _ if self.opened.transport == Transport::Flv => Outcome::Ended,
            _ if refused => Outcome::Refused,
            (ClosedBy::CaptureEnd, _) | (_, CloseKind::End) => Outcome::Unfinished,
            (_, CloseKind::Timeout) => Outcome::Silent,
            (ClosedBy::Rtmpctl, _) => Outcome::Rtmpctl,
            // Whoever has said that it is over may also reset.
            _ if over && reached >= Reached::CreateStream => Outcome::Ended,
            (_, CloseKind::Rst) => Outcome::Reset,
            (_, CloseKind::Fin) => Outcome::Closed,
        }
    }

    /// How it ended, as a clause.
    fn end(&self, reached: Reached) -> String {
        if self.opened.transport == Transport::Flv {
            return "the file ends".to_owned();
        }
        let (closed, _) = self.closed;
        let mut text = match (closed.by, closed.how) {
            (ClosedBy::CaptureEnd, _) | (_, CloseKind::End) => {
                "the capture ends while the connection is open".to_owned()
            }
            (_, CloseKind::Timeout) => {
                "nothing came any more, and nobody closed the connection".to_owned()
            }
            (ClosedBy::Rtmpctl, _) => "rtmpctl closed the connection".to_owned(),
            (by, how) => {
                let who = match by {
                    ClosedBy::Client => "the client",
                    ClosedBy::Server => "the server",
                    _ => "both sides",
                };
                let how = if how == CloseKind::Rst { "reset" } else { "closed" };
                format!("{who} {how} the connection")
            }
        };
        if let Some(moment) = self.ending() {
            let who = if closed.by == ClosedBy::Client { "it" } else { "the client" };
            text.push_str(&match self.since(moment.at) {
                Some(seconds) => {
                    format!(", {} after {who} had ended its stream", lasted(seconds))
                }
                None => format!(" after {who} had ended its stream"),
            });
        } else if reached == Reached::Media {
            let latest = Direction::BOTH.map(|direction| self.story.way(direction).latest);
            if let Some(seconds) = self.since(latest.into_iter().flatten().max()) {
                text.push_str(&format!(", {} after the last message", lasted(seconds)));
            }
        }
        text
    }

    /// How far an unfinished handshake got.
    fn handshake(&self) -> String {
        let packets = |direction| self.story.way(direction).handshake;
        let (client, server) =
            (packets(Direction::ClientToServer), packets(Direction::ServerToClient));
        let [sent, answered] = self.bytes;
        match (client, server) {
            (0, 0) if answered == 0 => {
                format!("the client sent {sent} bytes and no whole C0 and C1")
            }
            (_, 0) if answered == 0 => "the server did not answer the handshake".to_owned(),
            (_, 0) => "the server's answer is no RTMP handshake".to_owned(),
            (0, _) if sent == 0 => "the client's direction is not there".to_owned(),
            (0, _) => "the client's bytes are no RTMP handshake".to_owned(),
            _ => format!("the handshake got no further than C{} and S{}", client - 1, server - 1),
        }
    }

    fn since(&self, at: Option<i64>) -> Option<f64> {
        Some((self.elapsed? - at?).max(0) as f64 / 1e9)
    }

    /// What such an end usually means. `call`: the one that had no answer, or a bad one.
    fn usually(
        &self,
        reached: Reached,
        outcome: Outcome,
        call: Option<&'static str>,
    ) -> Option<&'static str> {
        let server = self.closed.0.by == ClosedBy::Server;
        Some(match outcome {
            Outcome::Ended | Outcome::Unfinished | Outcome::Rtmpctl => return None,
            Outcome::Refused => match call {
                Some("connect") => {
                    "the application is unknown or misspelt, the client has to authenticate, or it is sent to another \
                     server: the description says which"
                }
                Some("play") => "the stream is not published, or its name or access token is wrong",
                _ => "the stream key is wrong or expired, or somebody publishes it already",
            },
            Outcome::Silent => {
                "the network broke: a machine without power, a Wi-Fi that was left, or a firewall that forgot the \
                 connection; TCP tells nobody"
            }
            Outcome::Closed | Outcome::Reset => match (call, reached) {
                (_, Reached::Tcp | Reached::Tls) if server => {
                    "what listens there does not speak RTMP, waits for TLS (rtmps://), or has as many clients as it takes"
                }
                (_, Reached::Tcp | Reached::Tls) => {
                    "a probe of the port, or a client that waited until its timeout"
                }
                (Some("connect"), _) if server => {
                    "the application, the host in the tcUrl or the account is not accepted: nginx-rtmp closes so where \
                     on_connect refuses or the application is unknown"
                }
                (Some("publish" | "createStream"), _) if server => {
                    "the stream key is wrong, expired or in use: Twitch closes so, and nginx-rtmp where on_publish refuses"
                }
                (Some("play"), _) if server => {
                    "the stream or the access to it is not accepted: nginx-rtmp closes so where on_play refuses"
                }
                (Some(_), _) => {
                    "the client waited for the answer until its timeout, or was stopped"
                }
                (None, Reached::Handshake | Reached::Connect | Reached::CreateStream) if server => {
                    "the server does not like the client's account or key, or waits no longer for a client that asks for \
                     nothing"
                }
                (None, Reached::Handshake | Reached::Connect | Reached::CreateStream) => {
                    "the client was stopped, or wanted to know only whether the server is there"
                }
                (None, Reached::Publish) if server => {
                    "the server changed its mind (a hook that refused late), or dropped a publisher that sent nothing"
                }
                (None, Reached::Publish) => {
                    "the encoder had nothing to send, or was stopped at once"
                }
                (None, _) if server => {
                    "the server was restarted, an operator or a limit ended the stream, or it took the client for idle"
                }
                (None, _) if outcome == Outcome::Reset => {
                    "the program was killed, or gave up because what it sent was not taken"
                }
                (None, _) => "the program was stopped: many close without ending their stream",
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::super::rules::test_kit::{C2S, S2C, Script};
    use super::*;
    use crate::proto::amf::{Text, Value};
    use crate::proto::message::{Body, Command};

    fn end(mut t: Script, by: ClosedBy, how: CloseKind) -> Verdict {
        t.wait(0.5).close(by, how);
        t.verdict.take().expect("a summary has a verdict")
    }

    /// A client that published, or asked for it.
    fn asked() -> Script {
        let mut t = Script::connected();
        t.command(C2S, 0, "createStream", Some(2.0), Value::Null, &[]);
        t.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()]);
        t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
        t
    }

    #[test]
    fn how_far_it_got_and_how_it_ended() {
        let with = |mut t: Script, level: &str, code: &str| {
            t.status(level, code);
            t
        };
        let media = |ends: bool| {
            let mut t = Script::publishing();
            t.media(1.0);
            if ends {
                t.command(C2S, 0, "deleteStream", Some(4.0), Value::Null, &[1.0.into()]);
            }
            t
        };
        let begun = || {
            let mut t = Script::new();
            t.raw(C2S, &[3; 1537]);
            t
        };
        let (client, server) = (ClosedBy::Client, ClosedBy::Server);
        for (t, by, how, reached, outcome, sentence) in [
            (
                Script::new(),
                client,
                CloseKind::Fin,
                Reached::Tcp,
                Outcome::Closed,
                "no byte was sent by either side; then the client closed the connection",
            ),
            (
                begun(),
                client,
                CloseKind::Rst,
                Reached::Tcp,
                Outcome::Reset,
                "the server did not answer the handshake; then the client reset the connection",
            ),
            (
                Script::shaken(),
                server,
                CloseKind::Fin,
                Reached::Handshake,
                Outcome::Closed,
                "the server closed the connection",
            ),
            (
                asked(),
                server,
                CloseKind::Fin,
                Reached::CreateStream,
                Outcome::Closed,
                "publish had no answer for 500.0 ms; then the server closed the connection",
            ),
            (
                with(asked(), "error", "NetStream.Publish.BadName"),
                client,
                CloseKind::Fin,
                Reached::CreateStream,
                Outcome::Refused,
                "the server answered publish with \"NetStream.Publish.BadName\"; then the client closed the connection",
            ),
            (
                with(asked(), "status", "NetStream.Publish.Start"),
                client,
                CloseKind::Fin,
                Reached::Publish,
                Outcome::Closed,
                "the client closed the connection",
            ),
            (
                media(true),
                client,
                CloseKind::Fin,
                Reached::Media,
                Outcome::Ended,
                "the client closed the connection, 500.0 ms after it had ended its stream",
            ),
            (
                media(false),
                client,
                CloseKind::Rst,
                Reached::Media,
                Outcome::Reset,
                "the client reset the connection, 501.5 ms after the last message",
            ),
            (
                media(false),
                ClosedBy::CaptureEnd,
                CloseKind::End,
                Reached::Media,
                Outcome::Unfinished,
                "the capture ends while the connection is open, 501.5 ms after the last message",
            ),
        ] {
            let verdict = end(t, by, how);
            let found = (verdict.reached, verdict.outcome, &*verdict.sentence);
            assert_eq!(found, (reached, outcome, sentence));
            assert_eq!(
                verdict.usually.is_none(),
                matches!(outcome, Outcome::Ended | Outcome::Unfinished),
                "{sentence}"
            );
            assert!(verdict.evidence.is_sorted() && !verdict.evidence.is_empty());
        }
    }

    #[test]
    fn findings_that_explain_it() {
        let verdict = end(asked(), ClosedBy::Server, CloseKind::Fin);
        assert_eq!(verdict.findings, ["status.silent-close"]);
        assert_eq!(verdict.status.as_deref(), Some("NetConnection.Connect.Success"));
        assert_eq!(verdict.evidence.len(), 2, "publish, and the end");
    }

    #[test]
    fn a_client_alone_is_taken_to_have_been_answered() {
        let command = |name: &str| Command { name: Some(Text::from(name)), ..Command::default() };
        let mut story = Story::default();
        for (seq, name) in [(1, "connect"), (2, "createStream"), (3, "publish")] {
            let now = Moment { seq, at: None, place: Place::default() };
            story.message(C2S, 1, &Body::Command(Box::new(command(name))), None, now);
        }
        let opened =
            Opened { client: None, server: None, from_start: true, transport: Transport::Rtmp };
        let closed = Closed { by: ClosedBy::Client, how: CloseKind::Fin };
        let case = |bytes| Case {
            opened: &opened,
            story: &story,
            closed: (closed, 9),
            elapsed: None,
            bytes,
            findings: &[],
        };
        let alone = case([500, 0]).verdict();
        assert_eq!(
            (alone.reached, &*alone.sentence),
            (Reached::Publish, "the client closed the connection")
        );
        let both = case([500, 500]).verdict();
        let text = "publish had no answer; then the client closed the connection";
        assert_eq!((both.reached, &*both.sentence), (Reached::Connect, text));
        assert_eq!(both.evidence, [3, 9]);
    }
}
