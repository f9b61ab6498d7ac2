//! Values of a client's calls replaced by those that the server wants.

use super::Target;
use crate::Limits;
use crate::inspect::Field;
use crate::proto::amf::{Text, Value};
use crate::proto::message::{self, Body, Command};

/// What to replace. Nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Rewrite {
    /// `connect`'s app.
    pub app: Option<String>,
    /// `connect`'s tcUrl, and swfUrl and pageUrl as far as they repeat it.
    pub tc_url: TcUrl,
    /// The name of streams.
    pub key: Option<String>,
}

/// What becomes of tcUrl.
#[derive(Debug, Clone, Default)]
pub enum TcUrl {
    /// It stays.
    #[default]
    Same,
    /// It is that of this server, with the app that goes there.
    Of(Target),
    /// It is this.
    Is(String),
}

/// A value that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) call: &'static str,
    pub(super) field: Field,
    pub(super) before: String,
    pub(super) after: String,
}

/// A payload with its values replaced, and which were.
type Rewritten = (Vec<u8>, Vec<Change>);

/// Calls whose first argument is the name of a stream.
const NAMED: [&str; 5] = ["releaseStream", "FCPublish", "publish", "FCUnpublish", "play"];

impl Rewrite {
    /// What a client needs whose server is `target`: its app and key, where it has them, and its URL.
    #[must_use]
    pub fn to(target: &Target) -> Self {
        Self { app: target.app.clone(), tc_url: TcUrl::Of(target.clone()), key: target.key.clone() }
    }

    /// Whether anything is to be replaced.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.app.is_none() && self.key.is_none() && matches!(self.tc_url, TcUrl::Same)
    }

    /// The payload of a command with its values replaced, and which were; `None` where it has none.
    ///
    /// # Errors
    /// It is a call that would be changed, and cannot be read.
    pub(super) fn command(
        &self,
        type_id: u8,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<Option<Rewritten>, &'static str> {
        let (body, fault) = message::decode(type_id, payload, payload.len() as u32, limits);
        let Body::Command(mut command) = body else { return Ok(None) };
        let named = NAMED.into_iter().find(|name| *name == command.name());
        let mut changes = Vec::new();
        let call = match named {
            Some(call) => {
                self.name(call, &mut command, &mut changes);
                call
            }
            None if command.name() == "connect" => {
                self.connect(&mut command, &mut changes);
                "connect"
            }
            None => return Ok(None),
        };
        if changes.is_empty() {
            return Ok(None);
        }
        if fault.is_some() {
            return Err(call);
        }
        let mut out = Vec::with_capacity(payload.len() + 64);
        command.encode(&mut out);
        Ok(Some((out, changes)))
    }

    fn name(&self, call: &'static str, command: &mut Command, changes: &mut Vec<Change>) {
        if let Some(key) = &self.key {
            replace(call, Field::StreamName, command.arguments.first_mut(), key, changes);
        }
    }

    fn connect(&self, command: &mut Command, changes: &mut Vec<Change>) {
        const CALL: &str = "connect";
        let Some(object) = &mut command.object else { return };
        let text = |object: &Value, key: &str| object.get(key).and_then(Value::as_text).map(shown);
        let (app, url) = (text(object, "app"), text(object, "tcUrl"));
        if let Some(app) = &self.app {
            replace(CALL, Field::App, object.get_mut("app"), app, changes);
        }
        let new = match &self.tc_url {
            TcUrl::Same => return,
            TcUrl::Of(target) => {
                target.tc_url(self.app.as_ref().or(app.as_ref()).map_or("", String::as_str))
            }
            TcUrl::Is(url) => url.clone(),
        };
        replace(CALL, Field::TcUrl, object.get_mut("tcUrl"), &new, changes);
        let Some(url) = url.filter(|url| !url.is_empty()) else { return };
        for (key, field) in [("swfUrl", Field::SwfUrl), ("pageUrl", Field::PageUrl)] {
            if let Some(old) = text(object, key)
                && let Some(rest) = old.strip_prefix(&url)
                // As a whole, and not the beginning of another name.
                && (rest.is_empty() || rest.starts_with(['/', '?', '#']) || url.ends_with('/'))
            {
                let new = format!("{new}{rest}");
                replace(CALL, field, object.get_mut(key), &new, changes);
            }
        }
    }
}

/// Replaces a text, where it is one and another.
fn replace(
    call: &'static str,
    field: Field,
    value: Option<&mut Value>,
    new: &str,
    changes: &mut Vec<Change>,
) {
    let Some(text) = value.and_then(Value::as_text_mut) else { return };
    if text.as_bytes() != new.as_bytes() {
        changes.push(Change { call, field, before: shown(text), after: new.to_owned() });
        *text = Text::from(new);
    }
}

fn shown(text: &Text) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, object: Value, arguments: Vec<Value>) -> Command {
        let (name, transaction_id) = (Some(name.into()), Some(1.0));
        Command { amf: 0, name, transaction_id, object: Some(object), arguments }
    }

    fn connect(amf: u8) -> Command {
        let members = [
            ("app", "live"),
            ("type", "nonprivate"),
            ("tcUrl", "rtmp://127.0.0.1:1935/live"),
            ("swfUrl", "rtmp://127.0.0.1:1935/live"),
            ("pageUrl", "rtmp://127.0.0.1:1935/live2"),
        ];
        let entries = members.map(|(key, value)| (Text::from(key), Value::from(value)));
        Command { amf, ..call("connect", Value::Object(entries.to_vec()), Vec::new()) }
    }

    fn encoded(command: &Command) -> Vec<u8> {
        let mut out = Vec::new();
        command.encode(&mut out);
        out
    }

    fn rewritten(rewrite: &Rewrite, command: &Command) -> Option<(Command, Vec<Change>)> {
        let limits = Limits::default();
        let (out, changes) =
            rewrite.command(command.type_id(), &encoded(command), &limits).unwrap()?;
        let (body, fault) = message::decode(command.type_id(), &out, out.len() as u32, &limits);
        let Body::Command(command) = body else { panic!("{body:?}") };
        assert_eq!(fault, None);
        Some((*command, changes))
    }

    #[test]
    fn connect_gets_app_and_urls_in_either_encoding() {
        let target: Target = "rtmps://live.example:443/app2/k-e-y".parse().unwrap();
        for amf in [0, 3] {
            let (command, changes) = rewritten(&Rewrite::to(&target), &connect(amf)).unwrap();
            let object = command.object.as_ref().unwrap();
            let text = |key| object.get(key).and_then(Value::as_str).unwrap();
            assert_eq!(command.amf, amf);
            assert_eq!(text("app"), "app2");
            assert_eq!(text("tcUrl"), "rtmps://live.example:443/app2");
            assert_eq!(text("swfUrl"), "rtmps://live.example:443/app2");
            assert_eq!(text("pageUrl"), "rtmp://127.0.0.1:1935/live2");
            assert_eq!(text("type"), "nonprivate");
            let fields: Vec<Field> = changes.iter().map(|change| change.field).collect();
            assert_eq!(fields, [Field::App, Field::TcUrl, Field::SwfUrl]);
        }
    }

    #[test]
    fn without_an_app_that_of_the_client_goes_into_the_url() {
        let rewrite = Rewrite::to(&"rtmp://h".parse().unwrap());
        let (command, changes) = rewritten(&rewrite, &connect(0)).unwrap();
        let object = command.object.unwrap();
        assert_eq!(object.get("tcUrl").unwrap().as_str(), Some("rtmp://h/live"));
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn names_of_streams_in_the_calls_that_have_them_and_in_no_other() {
        let rewrite = Rewrite { key: Some("new".to_owned()), ..Rewrite::default() };
        for name in NAMED {
            let arguments = vec![Value::from("old"), Value::from("live")];
            let before = call(name, Value::Null, arguments);
            let (after, changes) = rewritten(&rewrite, &before).unwrap();
            assert_eq!((after.text(0), after.text(1)), (Some("new"), Some("live")));
            let (field, call) = (Field::StreamName, name);
            let (before, after) = ("old".to_owned(), "new".to_owned());
            assert_eq!(changes, [Change { call, field, before, after }]);
        }
        for unchanged in [
            connect(0),
            call("createStream", Value::Null, vec![Value::from("old")]),
            call("publish", Value::Null, vec![Value::from("new")]),
            call("publish", Value::Null, vec![Value::Null]),
            call("publish", Value::Null, Vec::new()),
        ] {
            assert!(rewritten(&rewrite, &unchanged).is_none(), "{unchanged:?}");
        }
    }

    #[test]
    fn single_values() {
        let rewrite =
            Rewrite { tc_url: TcUrl::Is("rtmp://other/x".to_owned()), ..Rewrite::default() };
        let (command, _) = rewritten(&rewrite, &connect(0)).unwrap();
        let object = command.object.unwrap();
        assert_eq!(object.get("tcUrl").unwrap().as_str(), Some("rtmp://other/x"));
        assert_eq!(object.get("app").unwrap().as_str(), Some("live"));
    }

    #[test]
    fn a_call_that_cannot_be_read_to_its_end_is_left_and_said() {
        let rewrite = Rewrite { key: Some("new".to_owned()), ..Rewrite::default() };
        let mut payload = encoded(&call("publish", Value::Null, vec![Value::from("old")]));
        payload.push(0xff);
        let limits = Limits::default();
        assert_eq!(rewrite.command(20, &payload, &limits), Err("publish"));
        for cut in 0..payload.len() {
            let _ = rewrite.command(20, &payload[..cut], &limits);
        }
        // What follows a switch to AMF3 is not lost either.
        assert_eq!(rewrite.command(20, b"\x00", &limits), Ok(None));
    }
}
