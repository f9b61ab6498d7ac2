//! Secrets that anyone on the way can read.

use std::net::SocketAddr;

use super::judge::{Judge, Seen};
use super::{Confidence, Rule, Severity};
use crate::inspect::{MessageRecord, Opened, Transport};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::Command;

const EXPOSED: Rule = Rule {
    code: "key.exposed",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "A stream key or token crosses the network in the clear",
    meaning: "The stream name, or a parameter of the URL, looks like a secret, and the connection is not encrypted: everyone on the way can \
              read it, and publish in its owner's name.",
    breaks_on: "Owners of channels whose key was read in a capture or a log (pedroSG94/RootEncoder#2204, ossrs/srs#3786).",
    fix: "Use rtmps:// where the server has it. If this capture was passed on unmasked, have a new key made.",
    spec: None,
};

/// A secret in the clear.
#[derive(Debug, Default)]
pub(super) struct Exposed {
    said: bool,
}

/// Parameters whose value is a secret.
const PARAMETERS: [&str; 14] = [
    "token",
    "key",
    "auth",
    "auth_key",
    "sign",
    "signature",
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "txsecret",
    "wssecret",
    "hash",
];
/// Beginnings of keys of services, and whether a number follows: otherwise it is a word.
const PREFIXES: [(&str, bool); 3] = [("live_", true), ("FB-", true), ("sk_", false)];
/// Characters of a name that may be a secret.
const LEAST: usize = 16;

/// Why a text looks like a secret.
fn looks_secret(name: &str) -> Option<String> {
    let (path, query) = name.split_once('?').unwrap_or((name, ""));
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let secret = PARAMETERS.iter().any(|known| key.eq_ignore_ascii_case(known));
        if secret && !value.is_empty() {
            let key = key.to_ascii_lowercase();
            return Some(format!("has a parameter {key} of {} characters", value.chars().count()));
        }
    }
    let length = path.chars().count();
    let digits = path.chars().filter(char::is_ascii_digit).count();
    let letters = path.chars().filter(char::is_ascii_alphabetic).count();
    let begins = |(prefix, numbered): &&(&str, bool)| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| !numbered || rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if length >= LEAST
        && digits > 0
        && let Some((prefix, _)) = PREFIXES.iter().find(begins)
    {
        return Some(format!(
            "has {length} characters and begins with {prefix}, as keys of services do"
        ));
    }
    // YouTube's: groups of four.
    let groups = || path.split('-');
    let grouped = groups().count() >= 4
        && groups()
            .all(|group| group.len() == 4 && group.chars().all(|c| c.is_ascii_alphanumeric()));
    if grouped && digits > 0 && letters > 0 {
        return Some(format!(
            "has {} groups of four characters, as keys of services do",
            groups().count()
        ));
    }
    // Words and dates are no secrets: those change between digits and letters often.
    let random = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '='))
        && changes(path) >= 4;
    (length >= LEAST && digits > 0 && letters > 0 && random)
        .then(|| format!("has {length} characters, digits and letters mixed"))
}

/// How often digits and letters follow each other.
fn changes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mixed = |a: u8, b: u8| a.is_ascii_digit() && b.is_ascii_alphabetic();
    bytes.windows(2).filter(|pair| mixed(pair[0], pair[1]) || mixed(pair[1], pair[0])).count()
}

/// Whether nobody is on the way: what crosses the loopback address only, into a proxy that encrypts maybe, no other machine
/// sees.
fn is_local(opened: &Opened) -> bool {
    let loopback = |address: Option<SocketAddr>| address.is_some_and(|at| at.ip().is_loopback());
    loopback(opened.client) && loopback(opened.server)
}

impl Judge for Exposed {
    const RULES: &'static [Rule] = &[EXPOSED];

    fn command(&mut self, seen: &mut Seen<'_>, command: &Command, _: &MessageRecord<'_>) {
        let plain = matches!(seen.opened.transport, Transport::Rtmp | Transport::Rtmpt);
        if !plain
            || self.said
            || is_local(seen.opened)
            || seen.direction != Some(Direction::ClientToServer)
        {
            return;
        }
        let found = match command.name() {
            "releaseStream" | "FCPublish" | "publish" => {
                let name = command.arguments.first().and_then(Value::as_str);
                name.and_then(looks_secret).map(|why| format!("the stream name {why}"))
            }
            "connect" => ["app", "tcUrl"].iter().find_map(|field| {
                let text = command.object.as_ref()?.get(field)?.as_str()?;
                // Of URLs only what is asked for by name: paths are long.
                let (_, query) = text.split_once('?')?;
                looks_secret(&format!("?{query}")).map(|why| format!("connect's {field} {why}"))
            }),
            _ => None,
        };
        if let Some(found) = found {
            self.said = true;
            seen.report(&EXPOSED, || format!("{found}, and the connection is not encrypted"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::super::test_kit::{C2S, Script, opened};
    use super::*;

    fn publishes(name: &str, transport: Transport) -> Script {
        let mut t = Script::opened(Settings::default(), Opened { transport, ..opened() });
        t.handshake();
        t.command(C2S, 1, "publish", Some(3.0), Value::Null, &[name.into(), "live".into()]);
        t
    }

    #[test]
    fn names_that_look_like_secrets() {
        let says = |name: &str| publishes(name, Transport::Rtmp).text("key.exposed").to_owned();
        for name in [
            "test",
            "cam1",
            "my-long-stream-name-here",
            "camera_2026_05_01",
            "sunday-service-0930",
            "studio1",
        ] {
            assert_eq!(says(name), "", "{name}");
        }
        let text = "the stream name has 23 characters and begins with live_, as keys of services do, and the connection is not \
                    encrypted";
        assert_eq!(says("live_12345678_aBcDeFgH9"), text);
        assert!(says("ab12-cd34-ef56-gh78-ij90").contains("groups of four"));
        assert!(says("9f8a7b6c5d4e3f2a").contains("digits and letters mixed"));
        assert!(!says("9f8a7b6c5d4e3f2").contains("mixed"), "15 characters");
        let text = says("cam1?token=abcdef");
        assert!(text.contains("a parameter token of 6 characters") && !text.contains("abcdef"));
        assert_eq!(says("cam1?vhost=a"), "");
    }

    #[test]
    fn in_the_clear_only() {
        assert!(publishes("9f8a7b6c5d4e3f2a", Transport::Rtmp).has("key.exposed"));
        assert!(!publishes("9f8a7b6c5d4e3f2a", Transport::Rtmps).has("key.exposed"));
    }

    #[test]
    fn on_the_network_only() {
        let between = |client: &str, server: &str| {
            let (client, server) = (Some(client.parse().unwrap()), Some(server.parse().unwrap()));
            let opened = Opened { client, server, ..opened() };
            let mut t = Script::opened(Settings::default(), opened);
            t.handshake();
            let arguments = ["9f8a7b6c5d4e3f2a".into(), "live".into()];
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &arguments);
            t.has("key.exposed")
        };
        assert!(!between("127.0.0.1:4000", "127.0.0.1:1935"));
        assert!(!between("[::1]:4000", "[::1]:1935"));
        assert!(between("192.168.1.2:4000", "192.168.1.3:1935"));
    }

    #[test]
    fn parameters_of_the_url() {
        let mut t = Script::shaken();
        t.connect(&[("app", "live?auth=1234".into()), ("tcUrl", "rtmp://10.0.0.2/live".into())]);
        let text = "connect's app has a parameter auth of 4 characters, and the connection is not encrypted";
        assert_eq!(t.text("key.exposed"), text);
    }
}
