//! `publish`.
//!
//! Defined by: RTMP 1.0 §7.2.2.6.

use super::super::super::amf::{Text, Value};
use super::Command;

/// A client's `publish`, on the message stream that it is going to use.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The stream's name, which is usually its key.
    pub name: Option<Text>,
    /// What the server is to do with it.
    pub publish_type: Option<PublishType>,
}

/// What a server is to do with a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishType {
    /// `live`: hand it on.
    Live,
    /// `record`: also write it to a new file.
    Record,
    /// `append`: also write it behind what the file has.
    Append,
    /// Some servers know more.
    Other(Text),
}

impl PublishType {
    /// The word on the wire.
    #[must_use]
    pub fn text(&self) -> Text {
        match self {
            Self::Live => "live".into(),
            Self::Record => "record".into(),
            Self::Append => "append".into(),
            Self::Other(text) => text.clone(),
        }
    }
}

impl From<Text> for PublishType {
    fn from(text: Text) -> Self {
        match text.as_bytes() {
            b"live" => Self::Live,
            b"record" => Self::Record,
            b"append" => Self::Append,
            _ => Self::Other(text),
        }
    }
}

impl Publish {
    /// The view of a command that is a `publish`.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        (command.name() == "publish").then(|| Self {
            name: command.text_at(0),
            publish_type: command.text_at(1).map(PublishType::from),
        })
    }

    /// The command. A type without a name is not written.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let kind = self.name.as_ref().and(self.publish_type.as_ref()).map(PublishType::text);
        let arguments = self.name.iter().cloned().chain(kind).map(Value::String).collect();
        Command::call("publish", transaction_id, Value::Null, arguments)
    }
}
