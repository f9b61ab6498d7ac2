//! Answers to calls, and the small calls about the connection itself.
//!
//! Defined by: RTMP 1.0 §7.2.1.2 and §7.2.1. `onBWDone` and `_checkbw` are in no specification: a Flash Media Server
//! measures the bandwidth with them. `close` has only its name.

use super::super::super::amf::Value;
use super::Command;

/// A `_result` or `_error`.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Whether it is an `_error`.
    pub error: bool,
    /// The transaction id of the call; `None` where it has none.
    pub transaction_id: Option<f64>,
    /// The command object.
    pub object: Value,
    /// What follows: the stream's number for `createStream`, the length in seconds for `getStreamLength`.
    pub values: Vec<Value>,
}

impl Answer {
    /// The view of such a command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let error = command.is_error()?;
        Some(Self {
            error,
            transaction_id: command.transaction_id,
            object: command.object.clone().unwrap_or(Value::Null),
            values: command.arguments.clone(),
        })
    }

    /// An answer that says one thing.
    #[must_use]
    pub fn with(transaction_id: f64, value: Value) -> Self {
        let transaction_id = Some(transaction_id);
        Self { error: false, transaction_id, object: Value::Null, values: vec![value] }
    }

    /// The command.
    #[must_use]
    pub fn command(&self) -> Command {
        let name = if self.error { "_error" } else { "_result" };
        let object = self.object.clone();
        let mut command = Command::call(name, 0.0, object, self.values.clone());
        command.transaction_id = self.transaction_id;
        command
    }
}

/// A call about the connection itself.
#[derive(Debug, Clone, PartialEq)]
pub enum ConnectionCall {
    /// `close`.
    Close,
    /// `onBWDone`: the bandwidth has been measured, or is not going to be.
    OnBwDone {
        /// Kilobits per second, round trip and the like, where they are sent.
        values: Vec<Value>,
    },
    /// `_checkbw`: measure the bandwidth.
    CheckBw,
}

impl ConnectionCall {
    /// The view of such a command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        Some(match command.name() {
            "close" => Self::Close,
            "onBWDone" => Self::OnBwDone { values: command.arguments.clone() },
            "_checkbw" => Self::CheckBw,
            _ => return None,
        })
    }

    /// The command.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let (name, values) = match self {
            Self::Close => ("close", Vec::new()),
            Self::OnBwDone { values } => ("onBWDone", values.clone()),
            Self::CheckBw => ("_checkbw", Vec::new()),
        };
        Command::call(name, transaction_id, Value::Null, values)
    }
}
