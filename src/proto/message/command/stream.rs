//! Calls that make, name and give up message streams.
//!
//! Defined by: RTMP 1.0 §7.2.1.3 (`createStream`) and §7.2.2.3 (`deleteStream`). The others are in no specification:
//! `closeStream` is Flash Player's, `releaseStream` and the calls beginning with `FC` are Flash Media Live Encoder's,
//! `getStreamLength` is asked by players of recordings.

use super::super::super::amf::{Text, Value};
use super::Command;

/// Such a call. A name or number that is not there, or of another type, is `None`.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamCall {
    /// `createStream`: the answer has the number of a message stream.
    Create,
    /// `releaseStream`: forget who published this name before.
    Release(Option<Text>),
    /// `FCPublish`: this name is going to be published.
    FcPublish(Option<Text>),
    /// `FCUnpublish`: no more.
    FcUnpublish(Option<Text>),
    /// `FCSubscribe`: this name is going to be played.
    FcSubscribe(Option<Text>),
    /// `FCUnsubscribe`: no more.
    FcUnsubscribe(Option<Text>),
    /// `getStreamLength`: how many seconds does the recording have?
    GetLength(Option<Text>),
    /// `closeStream`: stop publishing or playing on the message stream that carries it.
    Close,
    /// `deleteStream`: the message stream with this number is not used any more.
    Delete(Option<f64>),
}

impl StreamCall {
    /// The view of such a command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let name = || command.text_at(0);
        Some(match command.name() {
            "createStream" => Self::Create,
            "releaseStream" => Self::Release(name()),
            "FCPublish" => Self::FcPublish(name()),
            "FCUnpublish" => Self::FcUnpublish(name()),
            "FCSubscribe" => Self::FcSubscribe(name()),
            "FCUnsubscribe" => Self::FcUnsubscribe(name()),
            "getStreamLength" => Self::GetLength(name()),
            "closeStream" => Self::Close,
            "deleteStream" => Self::Delete(command.number_at(0)),
            _ => return None,
        })
    }

    /// The procedure's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Create => "createStream",
            Self::Release(_) => "releaseStream",
            Self::FcPublish(_) => "FCPublish",
            Self::FcUnpublish(_) => "FCUnpublish",
            Self::FcSubscribe(_) => "FCSubscribe",
            Self::FcUnsubscribe(_) => "FCUnsubscribe",
            Self::GetLength(_) => "getStreamLength",
            Self::Close => "closeStream",
            Self::Delete(_) => "deleteStream",
        }
    }

    /// The command.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let argument = match self {
            Self::Create | Self::Close => None,
            Self::Release(name)
            | Self::FcPublish(name)
            | Self::FcUnpublish(name)
            | Self::FcSubscribe(name)
            | Self::FcUnsubscribe(name)
            | Self::GetLength(name) => name.clone().map(Value::String),
            Self::Delete(id) => id.map(Value::Number),
        };
        let arguments = argument.into_iter().collect();
        Command::call(self.name(), transaction_id, Value::Null, arguments)
    }
}
