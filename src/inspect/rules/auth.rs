//! Clients that authenticate over several connections, in the ways of Adobe and of Limelight.

use super::judge::{Judge, Seen, quoted};
use super::{Confidence, Rule, Severity};
use crate::inspect::past::{Next, Try};
use crate::inspect::{Closed, MessageRecord};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::Command;

const ADOBE: Rule = Rule {
    code: "auth.adobe",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The client authenticates in Adobe's way",
    meaning: "The server rejects the first connect and asks for authmod=adobe; the client connects again with its user's name \
              and is told salt and challenge; its third connect has the answer. Each is a connection of its own. It is an \
              error where the client does another step than the one that it was asked for, or is refused in the end.",
    breaks_on: "Clients and servers that expect one connection, or take the query of app for a part of the name \
                (bluenviron/gortmplib#76, q191201771/lal#167, HaishinKit/HaishinKit.swift#171, \
                HaishinKit/HaishinKit.swift#780).",
    fix: "Where it fails check user and password: in OBS under Settings, Stream, Use authentication; in FFmpeg \
          rtmp://user:password@host/app/key.",
    spec: None,
};

const LLNW: Rule = Rule {
    code: "auth.llnw",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "The client authenticates in Limelight's way",
    meaning: "authmod=llnw: as in Adobe's way the client connects three times, and the answer to the challenge is made as in \
              HTTP's digest authentication, with nonce and counter.",
    breaks_on: "Clients that know Adobe's way only (pedroSG94/RootEncoder#766).",
    fix: "Use a client that has it: FFmpeg and librtmp do.",
    spec: None,
};

/// The steps of one connection.
#[derive(Debug, Default)]
pub(super) struct Auth {
    /// What the client's `connect` has: nothing, a user, an answer.
    step: Step,
    /// The way named last.
    way: Option<Way>,
    /// What is to be said of the client's step, together with the server's answer, and whether it is wrong.
    client: Option<Box<(String, bool)>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    #[default]
    Nothing,
    User,
    Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Adobe,
    Limelight,
}

impl Way {
    fn of(text: &str) -> Option<Self> {
        if text.contains("authmod=adobe") {
            Some(Self::Adobe)
        } else if text.contains("authmod=llnw") {
            Some(Self::Limelight)
        } else {
            None
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Adobe => "adobe",
            Self::Limelight => "llnw",
        }
    }
}

impl Judge for Auth {
    const RULES: &'static [Rule] = &[ADOBE, LLNW];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        let client = seen.direction == Some(Direction::ClientToServer);
        match command.name() {
            "connect" if client => self.connect(seen, command),
            "_error" | "_result" | "onStatus" if !client => {
                let text = |key| {
                    let info = command.arguments.first().and_then(|info| info.get(key));
                    info.and_then(Value::as_str)
                };
                if let Some(description) = text("description") {
                    self.rejected(seen, description);
                }
                if command.name() == "_result"
                    && seen.session.answered.as_ref().is_some_and(|call| call.name == "connect")
                    && self.step == Step::Answer
                    && let Some(way) = self.way
                {
                    self.say(seen, way, false, "the server accepts it".to_owned());
                }
            }
            _ => {}
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        if let Some(way) = self.way
            && self.client.is_some()
        {
            self.say(seen, way, false, "the server does not answer".to_owned());
        }
    }
}

impl Auth {
    fn connect(&mut self, seen: &mut Seen<'_>, command: &Command) {
        let field = |key| command.object.as_ref().and_then(|object| object.get(key));
        let texts = ["app", "tcUrl"].map(|key| field(key).and_then(Value::as_str));
        let with = texts.into_iter().flatten().find(|text| Way::of(text).is_some());
        let query = with.and_then(|text| text.split_once('?')).map_or("", |(_, query)| query);
        let has = |name: &str| {
            query
                .split(['&', '?'])
                .any(|part| part.split_once('=').is_some_and(|(key, _)| key == name))
        };
        self.way = with.and_then(Way::of);
        self.step = match self.way {
            None => Step::Nothing,
            Some(_) if has("response") => Step::Answer,
            Some(_) => Step::User,
        };
        let client = seen.opened.client;
        let earlier =
            seen.past.expected(client, |next| matches!(next, Next::Name(_) | Next::Answer(_)));
        let wanted = |earlier: &Try| match earlier.next {
            Next::Name(way) => Some((way, "its user's name")),
            Next::Answer(way) => Some((way, "the answer to its challenge")),
            Next::Redirect(_) => None,
        };
        let asked = earlier.as_ref().and_then(|earlier| Some((wanted(earlier)?, earlier)));
        let right = asked.is_none_or(|(_, earlier)| match earlier.next {
            Next::Name(_) => self.step != Step::Nothing,
            Next::Answer(_) => self.step == Step::Answer,
            Next::Redirect(_) => true,
        });
        let shown = quoted(&format!("?{query}"));
        if let (false, Some(((way, what), earlier))) = (right, asked) {
            let way = if way == "llnw" { Way::Limelight } else { Way::Adobe };
            let number = earlier.connection;
            let done = match self.step {
                Step::Nothing => "connects without authmod again".to_owned(),
                _ => format!("says {shown} again"),
            };
            self.way = Some(way);
            let text = format!(
                "wrong step: connection {number} was asked for {what}, and the client {done}"
            );
            self.client = Some(Box::new((text, true)));
            return;
        }
        let after = asked.map_or_else(String::new, |(_, earlier)| {
            format!(" (after connection {})", earlier.connection)
        });
        self.client = match self.step {
            Step::Nothing => None,
            Step::User => {
                Some(format!("step 2 of 3{after}: the client says its user's name, {shown}"))
            }
            Step::Answer => {
                Some(format!("step 3 of 3{after}: the client answers the challenge, {shown}"))
            }
        }
        .map(|text| Box::new((text, false)));
    }

    /// What the server says of a `connect` that it does not accept.
    fn rejected(&mut self, seen: &mut Seen<'_>, description: &str) {
        let Some(way) = Way::of(description) else { return };
        self.way = Some(way);
        let query = description.split_once('?').map_or("", |(_, query)| query.trim());
        let reason = query.split('&').find_map(|part| part.strip_prefix("reason="));
        let shown = quoted(&format!("?{query}"));
        let (client, connection, most) = (seen.opened.client, seen.connection, seen.remembers);
        let (wrong, text) = match (reason, self.step) {
            (Some("needauth"), step) => {
                seen.past.expects(client, connection, Next::Answer(way.name()), most);
                let again = step == Step::Answer;
                let what = if again { "does not take it and sends a new" } else { "sends its" };
                (again, format!("the server {what} challenge: {shown}"))
            }
            (Some(reason), _) => {
                let reason = quoted(reason);
                (true, format!("the server refuses the client: reason {reason}"))
            }
            (None, step) if description.contains("need auth") => {
                seen.past.expects(client, connection, Next::Name(way.name()), most);
                let wanted = way.name();
                match step {
                    Step::Nothing => (
                        false,
                        format!(
                            "step 1 of 3: the server wants authmod={wanted}, for which the client has to connect again \
                             with its user's name"
                        ),
                    ),
                    _ => (
                        true,
                        format!(
                            "the server asks for authmod={wanted} all the same: it does not read the query"
                        ),
                    ),
                }
            }
            (None, _) => return,
        };
        self.say(seen, way, wrong, text);
    }

    /// Says where it stands: the client's step and what the server says to it; as an error where one goes wrong.
    fn say(&mut self, seen: &mut Seen<'_>, way: Way, wrong: bool, server: String) {
        let (text, wrong) = match self.client.take().map(|client| *client) {
            Some((client, failed)) => (format!("{client}; {server}"), wrong || failed),
            None => (server, wrong),
        };
        let severity = if wrong { Severity::Error } else { Severity::Info };
        match way {
            Way::Adobe => seen.report_as(&ADOBE, severity, || text),
            Way::Limelight => seen.report_as(&LLNW, severity, || text),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script, object_of, status_of};
    use crate::inspect::Severity;
    use crate::proto::amf::Value;

    /// A connection with this query, and what the server says of it.
    fn step(t: &mut Script, query: &str, says: Option<&str>) {
        let app = format!("live{query}");
        let url = format!("rtmp://10.0.0.2/{app}");
        let object = object_of(&[("app", (&*app).into()), ("tcUrl", (&*url).into())]);
        t.command(C2S, 0, "connect", Some(1.0), object, &[]);
        let (name, info) = match says {
            Some(says) => ("_error", status_of("error", "NetConnection.Connect.Rejected", says)),
            None => ("_result", status_of("status", "NetConnection.Connect.Success", "x")),
        };
        t.command(S2C, 0, name, Some(1.0), object_of(&[]), &[info]);
    }

    fn texts(t: &Script, code: &str) -> Vec<(Severity, String)> {
        let own = t.findings.iter().filter(|finding| finding.code == code);
        own.map(|finding| (finding.severity, finding.message.clone())).collect()
    }

    const NEED: &str = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
    const CHALLENGE: &str =
        "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=u&salt=s&challenge=c";

    #[test]
    fn three_steps_over_three_connections() {
        let mut t = Script::shaken();
        step(&mut t, "", Some(NEED));
        assert!(t.text("auth.adobe").starts_with("step 1 of 3: the server wants authmod=adobe"));
        t.end().again().handshake();
        t.findings.clear();
        step(&mut t, "?authmod=adobe&user=u", Some(CHALLENGE));
        let text = "step 2 of 3 (after connection 1): the client says its user's name, \"?authmod=adobe&user=u\"; the \
                    server sends its challenge: \"?reason=needauth&user=u&salt=s&challenge=c\"";
        assert_eq!(t.text("auth.adobe"), text);
        t.end().again().handshake();
        t.findings.clear();
        step(&mut t, "?authmod=adobe&user=u&challenge=x&response=y", None);
        let text = "step 3 of 3 (after connection 2): the client answers the challenge, \
                    \"?authmod=adobe&user=u&challenge=x&response=y\"; the server accepts it";
        assert_eq!(texts(&t, "auth.adobe"), [(Severity::Info, text.to_owned())]);
    }

    #[test]
    fn wrong_steps_and_refusals() {
        let mut t = Script::shaken();
        step(&mut t, "?authmod=adobe&user=u", Some(CHALLENGE));
        t.end().again().handshake();
        t.findings.clear();
        step(&mut t, "?authmod=adobe&user=u", Some(CHALLENGE));
        let [(severity, text), ..] = &texts(&t, "auth.adobe")[..] else { panic!("nothing said") };
        assert_eq!(*severity, Severity::Error);
        let expected = "wrong step: connection 1 was asked for the answer to its challenge, and the client says \
                        \"?authmod=adobe&user=u\" again";
        assert!(text.starts_with(expected), "{text}");
        let mut t = Script::shaken();
        let failed = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed";
        step(&mut t, "?authmod=adobe&user=u&response=y", Some(failed));
        let worst = texts(&t, "auth.adobe").pop().unwrap();
        assert!(worst.1.ends_with("; the server refuses the client: reason \"authfailed\""));
        assert_eq!(worst.0, Severity::Error);
        let mut t = Script::shaken();
        step(&mut t, "", None);
        assert!(!t.has("auth.adobe"), "no authentication");
    }

    #[test]
    fn limelight() {
        let mut t = Script::shaken();
        step(&mut t, "", Some("[ code=403 need auth; authmod=llnw ]"));
        assert!(t.has("auth.llnw") && !t.has("auth.adobe"));
        let mut t = Script::connected();
        t.command(C2S, 0, "createStream", Some(2.0), Value::Null, &[]);
        assert!(!t.has("auth.llnw"));
    }
}
