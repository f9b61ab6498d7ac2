//! What the server says of a stream, and what it means when it says nothing.

use super::judge::{Judge, Seen, lasted, quoted};
use super::{Confidence, Rule, Severity};
use crate::inspect::past::{Next, Past};
use crate::inspect::streams::{Moment, is_failure};
use crate::inspect::{CloseKind, Closed, ClosedBy, MessageRecord};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::Command;

const SILENT_CLOSE: Rule = Rule {
    code: "status.silent-close",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "The server closes the connection without saying why",
    meaning: "The server closed the connection while the client waited for the answer to connect, publish or play, without \
              _error and without onStatus. Twitch does so where the stream key is wrong, nginx-rtmp where the application \
              is unknown or on_connect, on_publish or on_play refuses, others where a key is in use, expired or banned.",
    breaks_on: "Whoever has to find out: encoders show a lost connection and try again without end (ossrs/srs#4037, \
                jp9000/OBS#432, arut/nginx-rtmp-module#1017).",
    fix: "Check stream key, application and the account first, then the server's log at that time. A server should send \
          onStatus with NetStream.Publish.BadName or an _error before it closes.",
    spec: None,
};

const BADNAME: Rule = Rule {
    code: "status.badname",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "The stream name is refused",
    meaning: "The server refused publish with NetStream.Publish.BadName: somebody publishes the name already, or it is not \
              allowed. Often the one who publishes is a ghost: a connection of the same encoder that broke off without \
              deleteStream and that the server still holds.",
    breaks_on: "The encoder that connects again too soon after a failure (arut/nginx-rtmp-module#96, \
                arut/nginx-rtmp-module#428, begeekmyfriend/yasea#402).",
    fix: "Wait for the server's timeout, or shorten it: nginx-rtmp needs drop_idle_publisher 10s, or TCP keep-alive \
          (so_keepalive on listen). Let the encoder send deleteStream before it closes.",
    spec: Some("RTMP 1.0 §7.2.2.6"),
};

const MSID: Rule = Rule {
    code: "status.msid",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "onStatus comes on another message stream",
    meaning: "A status of a stream is to come on its message stream, the one that createStream was answered with. This one \
              came on stream 0, or on one that was never created.",
    breaks_on: "Clients that look for the status on their stream, and wait for it without end (ZLMediaKit/ZLMediaKit#4002, \
                bluenviron/mediamtx#1433 with GStreamer's rtmp2sink).",
    fix: "Let the server send onStatus with the message stream id of the publish or play that it answers.",
    spec: Some("RTMP 1.0 §7.2.2"),
};

const INCOMPLETE: Rule = Rule {
    code: "status.no-level-desc",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A status lacks its level or description, or calls a failure a success",
    meaning: "An information object is to have level, code and description, and its level is to be error where the code is \
              that of a failure.",
    breaks_on: "Clients that read these fields or go by the level (pedroSG94/RootEncoder#215, arut/nginx-rtmp-module#209).",
    fix: "Let the server send all three, with level error for failures.",
    spec: Some("RTMP 1.0 §7.2.2"),
};

const REDIRECT: Rule = Rule {
    code: "status.redirect",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The server sends the client elsewhere",
    meaning: "The server rejects connect with ex.code 302 and names another URL. The client is to connect there; the first of \
              its connections that does is told of too. SRS names the URL with the stream in redirect2, without it in \
              redirect.",
    breaks_on: "Clients that know no redirects end there (ossrs/srs#369, ossrs/srs#1575, \
                ossrs/srs#959, arut/nginx-rtmp-module#662).",
    fix: "Give clients that do not follow the URL of the server that they are sent to.",
    spec: None,
};

/// Servers that close without a word.
#[derive(Debug, Default)]
pub(super) struct Silent {
    /// The client's latest call that leads to a stream, without an answer that says no.
    waits: Option<(&'static str, Moment)>,
    refused: bool,
}

/// Seconds in which a close is an answer.
const SOON: f64 = 10.0;

impl Judge for Silent {
    const RULES: &'static [Rule] = &[SILENT_CLOSE];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        if seen.direction == Some(Direction::ServerToClient) {
            let code = text(command, "code");
            let failure = text(command, "level") == Some("error")
                || code.is_some_and(|code| is_failure(code) || code.ends_with("ReconnectRequest"));
            if failure || command.name() == "_error" && answers_step(seen) {
                self.refused = true;
            } else if matches!(code, Some("NetStream.Publish.Start" | "NetStream.Play.Start")) {
                self.waits = None;
            }
            return;
        }
        let now = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
        match command.name() {
            "connect" => self.waits = Some(("connect", now)),
            "createStream" => self.waits = Some(("createStream", now)),
            "publish" => self.waits = Some(("publish", now)),
            "play" | "play2" => self.waits = Some(("play", now)),
            "deleteStream" | "closeStream" | "FCUnpublish" => self.waits = None,
            _ => {}
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, closed: Closed) {
        let Some((call, moment)) = self.waits.filter(|_| !self.refused) else { return };
        if closed.by != ClosedBy::Server
            || !matches!(closed.how, CloseKind::Fin | CloseKind::Rst)
            || !seen.story.knows(Direction::ServerToClient, moment.seq)
        {
            return;
        }
        let seconds = seen.since(moment.at);
        if seconds.is_some_and(|seconds| seconds > SOON) {
            return;
        }
        let when = seconds.map_or_else(String::new, |seconds| format!(" {}", lasted(seconds)));
        let how = closed.how.as_str().to_uppercase();
        let accepted = call == "connect" && seen.story.connected.is_some();
        seen.report(&SILENT_CLOSE, || {
            let means = match call {
                "connect" if accepted => "it had accepted connect; the address or the account may be refused",
                "connect" => "the application, the host in the tcUrl or the account is not accepted",
                "play" => "the stream or the access to it is not accepted",
                _ => "usually the stream key is wrong, expired or in use",
            };
            format!("the server closes the connection ({how}){when} after {call}, without an error or a status: {means}")
        })
        .about(Some(moment.seq));
    }
}

/// Whether an error answers a call that leads to a stream.
fn answers_step(seen: &Seen<'_>) -> bool {
    seen.session
        .answered
        .as_ref()
        .is_none_or(|call| matches!(&*call.name, "connect" | "createStream" | "publish" | "play"))
}

/// What single statuses say.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    /// The stream that the client asked to publish last.
    stream: Option<u64>,
}

impl Judge for Statuses {
    const RULES: &'static [Rule] = &[BADNAME, MSID, INCOMPLETE, REDIRECT];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, message: &MessageRecord<'_>) {
        if seen.direction == Some(Direction::ClientToServer) {
            self.call(seen, command);
            return;
        }
        let status = command.name() == "onStatus";
        let answer = matches!(command.name(), "_error" | "_result") && about_connect(seen);
        if !(status || answer) {
            return;
        }
        let Some(info) = command.arguments.first() else { return };
        if let Some(code) = text(command, "code") {
            if status {
                stream_of(seen, code, message.raw.message_stream_id);
            }
            if message.malformed.is_none() && command.name() != "_result" {
                complete(seen, command, code);
            }
            match code {
                "NetStream.Publish.BadName" => self.badname(seen, command),
                "NetStream.Publish.Start" => {
                    if let Some(stream) = self.stream {
                        seen.past.begins(stream, seen.connection, seen.remembers);
                    }
                }
                _ => {}
            }
        }
        redirect(seen, info);
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        if self.stream.is_some() {
            seen.past.ends(seen.connection, seen.place.at, false);
        }
    }
}

impl Statuses {
    fn call(&mut self, seen: &mut Seen<'_>, command: &Command) {
        match command.name() {
            "connect" => followed(seen),
            "publish" => {
                let app = seen.session.app.as_deref();
                let name = command.text(0);
                self.stream = name.map(|name| Past::stream(seen.opened.server, app, name));
            }
            "deleteStream" => seen.past.ends(seen.connection, seen.place.at, true),
            _ => {}
        }
    }

    fn badname(&self, seen: &mut Seen<'_>, command: &Command) {
        let earlier =
            self.stream.and_then(|stream| seen.past.publisher(stream, seen.connection).copied());
        let now = seen.place.at;
        let description = text(command, "description").map(quoted);
        seen.report(&BADNAME, || {
            let mut text = "the server refuses publish with NetStream.Publish.BadName".to_owned();
            if let Some(description) = description {
                text.push_str(&format!(": {description}"));
            }
            let Some(earlier) = earlier else { return text };
            let connection = earlier.connection;
            text.push_str(&match earlier.ended {
                None => format!("; connection {connection} publishes it at that time"),
                Some(at) => {
                    let ago = now.zip(at).map_or_else(String::new, |(now, at)| {
                        format!(" {} before", lasted((now - at) as f64 / 1e9))
                    });
                    let how = if earlier.deleted {
                        "with deleteStream"
                    } else {
                        "without deleteStream: the server may hold it still"
                    };
                    format!("; connection {connection} published it and ended{ago} {how}")
                }
            });
            text
        });
    }
}

/// Whether a status of a stream came on that stream.
fn stream_of(seen: &mut Seen<'_>, code: &str, id: u32) {
    let mut created = seen.story.streams.iter().filter(|stream| stream.created.is_some());
    if !code.starts_with("NetStream.") || created.clone().any(|stream| stream.id == id) {
        return;
    }
    let Some(first) = created.next().map(|stream| stream.id) else { return };
    let code = quoted(code);
    seen.report(&MSID, || {
        format!(
            "the status {code} comes on message stream {id}, but createStream was answered with {first}"
        )
    });
}

/// Whether a status has all that it is to have.
fn complete(seen: &mut Seen<'_>, command: &Command, code: &str) {
    let level = text(command, "level");
    let lacks = match (level, text(command, "description")) {
        (None, None) => "has neither level nor description",
        (None, _) => "has no level",
        (_, None) => "has no description",
        (Some(level), _) if is_failure(code) && level != "error" => {
            "is a failure whose level is not error"
        }
        _ => return,
    };
    let (code, level) = (quoted(code), level.map(quoted));
    seen.report(&INCOMPLETE, || match level {
        Some(level) if lacks.ends_with("error") => format!("the status {code} {lacks} but {level}"),
        _ => format!("the status {code} {lacks}"),
    });
}

/// Where the client is sent to, if it is.
fn redirect(seen: &mut Seen<'_>, info: &Value) {
    let Some(ex) = info.get("ex") else { return };
    if ex.get("code").and_then(Value::as_number) != Some(302.0) {
        return;
    }
    let urls = ["redirect", "redirect2"].map(|key| ex.get(key).and_then(Value::as_str));
    let Some(url) = urls.into_iter().flatten().next() else { return };
    let (client, connection, most) = (seen.opened.client, seen.connection, seen.remembers);
    // Clients keep their own stream: what tells connections apart is the rest of the URL.
    let target: String = url.chars().take(URL).collect();
    seen.past.expects(client, connection, Next::Redirect(target), most);
    let [one, two] = urls.map(|url| url.map(quoted));
    seen.report(&REDIRECT, || match (one, two) {
        (Some(one), Some(two)) => {
            format!("the server sends the client to {one} (redirect), with the stream to {two} (redirect2)")
        }
        (one, two) => {
            let url = one.or(two).unwrap_or_default();
            format!("the server sends the client to {url}")
        }
    });
}

/// Characters kept of a URL that a client is sent to.
const URL: usize = 512;

/// Whether a connection is where an earlier one was sent to.
fn followed(seen: &mut Seen<'_>) {
    let Some(url) = seen.session.tc_url.clone() else { return };
    let client = seen.opened.client;
    let same = |next: &Next| match next {
        Next::Redirect(target) => {
            let (one, two) = (target.trim_end_matches('/'), url.trim_end_matches('/'));
            one == two || one.strip_prefix(two).is_some_and(|rest| rest.starts_with('/'))
        }
        _ => false,
    };
    if let Some(found) = seen.past.expected(client, same) {
        seen.report(&REDIRECT, || {
            let from = found.connection;
            format!("the client follows the redirect of connection {from} to {}", quoted(&url))
        });
    }
}

fn about_connect(seen: &Seen<'_>) -> bool {
    seen.session.answered.as_ref().is_some_and(|call| call.name == "connect")
}

fn text<'c>(command: &'c Command, key: &str) -> Option<&'c str> {
    command.arguments.first().and_then(|info| info.get(key)).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script, object_of, status_of};
    use crate::inspect::{CloseKind, ClosedBy};
    use crate::proto::amf::Value;

    #[test]
    fn servers_that_close_without_a_word() {
        let close = |t: &mut Script, seconds: f64, by| {
            t.wait(seconds).close(by, CloseKind::Fin);
            t.has("status.silent-close")
        };
        let published = || {
            let mut t = Script::connected();
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t
        };
        assert!(close(&mut published(), 9.9, ClosedBy::Server));
        assert!(!close(&mut published(), 10.1, ClosedBy::Server));
        assert!(!close(&mut published(), 1.0, ClosedBy::Client));
        assert!(close(&mut Script::connected(), 1.0, ClosedBy::Server));
        let mut t = published();
        t.status("error", "NetStream.Publish.BadName");
        assert!(!close(&mut t, 1.0, ClosedBy::Server), "it said why");
        assert!(!close(&mut Script::started(), 1.0, ClosedBy::Server), "that is another fault");
        let mut t = published();
        assert!(!close(t.gap(S2C, 100), 1.0, ClosedBy::Server), "it may have said why");
        let mut t = published();
        t.wait(2.0).close(ClosedBy::Server, CloseKind::Rst);
        let text = "the server closes the connection (RST) 2.0 s after publish, without an error or a status: usually \
                    the stream key is wrong, expired or in use";
        assert_eq!(t.text("status.silent-close"), text);
    }

    #[test]
    fn names_that_are_refused() {
        let mut t = Script::connected();
        t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
        t.status("error", "NetStream.Publish.BadName");
        let text = "the server refuses publish with NetStream.Publish.BadName: \"It is so.\"";
        assert_eq!(t.text("status.badname"), text);
        assert!(!Script::started().has("status.badname"));
    }

    #[test]
    fn a_name_that_an_earlier_connection_still_holds() {
        let refused = |deletes: bool, ends: bool| {
            let mut t = Script::started();
            if deletes {
                t.command(C2S, 0, "deleteStream", Some(4.0), Value::Null, &[1.0.into()]);
            }
            if ends {
                t.end();
            }
            t.wait(2.0).again().handshake();
            t.connect(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.status("error", "NetStream.Publish.BadName");
            t.text("status.badname").split_once("; ").map(|(_, text)| text.to_owned())
        };
        let ghost = "connection 1 published it and ended 2.0 s before without deleteStream: the server may hold it still";
        assert_eq!(refused(false, true).as_deref(), Some(ghost));
        let clean = "connection 1 published it and ended 2.0 s before with deleteStream";
        assert_eq!(refused(true, true).as_deref(), Some(clean));
        assert_eq!(
            refused(false, false).as_deref(),
            Some("connection 1 publishes it at that time")
        );
    }

    #[test]
    fn statuses_on_other_streams_and_with_less_in_them() {
        let say = |id: u32, info: Value| {
            let mut t = Script::started();
            t.command(S2C, id, "onStatus", Some(0.0), Value::Null, &[info]);
            t
        };
        let whole = || status_of("status", "NetStream.Publish.Idle", "x");
        assert_eq!(say(1, whole()).codes(), [""; 0]);
        assert!(say(0, whole()).has("status.msid") && say(2, whole()).has("status.msid"));
        let other = status_of("status", "NetConnection.Connect.Closed", "x");
        assert!(!say(0, other).has("status.msid"));
        let code = ("code", Value::from("NetStream.Publish.Idle"));
        let (level, description) =
            (("level", Value::from("status")), ("description", Value::from("x")));
        for (info, text) in [
            (object_of(std::slice::from_ref(&code)), "has neither level nor description"),
            (object_of(&[code.clone(), description]), "has no level"),
            (object_of(&[code, level]), "has no description"),
            (
                status_of("status", "NetStream.Play.Failed", "x"),
                "is a failure whose level is not error but \"status\"",
            ),
        ] {
            let t = say(1, info);
            assert!(
                t.text("status.no-level-desc").ends_with(text),
                "{:?}",
                t.text("status.no-level-desc")
            );
        }
        let t = say(1, status_of("error", "NetStream.Play.Failed", "x"));
        assert!(!t.has("status.no-level-desc"));
    }

    #[test]
    fn redirects_and_who_follows_them() {
        let mut t = Script::shaken();
        let object = object_of(&[("app", "live".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
        t.command(C2S, 0, "connect", Some(1.0), object, &[]);
        let ex =
            object_of(&[("code", 302.0.into()), ("redirect", "rtmp://10.0.0.3/live/cam1".into())]);
        let info = object_of(&[
            ("level", "error".into()),
            ("code", "NetConnection.Connect.Rejected".into()),
            ("description", "moved".into()),
            ("ex", ex),
        ]);
        t.command(S2C, 0, "_error", Some(1.0), Value::Null, &[info]).end();
        let text = "the server sends the client to \"rtmp://10.0.0.3/live/cam1\"";
        assert_eq!(t.text("status.redirect"), text);
        t.findings.clear();
        for (url, follows) in [("rtmp://10.0.0.9/live", false), ("rtmp://10.0.0.3/live", true)] {
            t.again().handshake();
            t.connect(&[("app", "live".into()), ("tcUrl", url.into())]);
            assert_eq!(t.has("status.redirect"), follows, "{url}");
            t.end();
        }
        let text = "the client follows the redirect of connection 1 to \"rtmp://10.0.0.3/live\"";
        assert_eq!(t.text("status.redirect"), text);
    }
}
