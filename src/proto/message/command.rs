//! Types 20 and 17: calls and answers.
//!
//! [`Command`] is what is on the wire. The modules have a view of each command that is known by name: `of` reads it from
//! a [`Command`], `command` makes one. Of what a peer sends beyond it a view keeps only what it says, so it is for
//! deciding and for answering, and not for handing on.

mod answer;
mod capabilities;
mod connect;
mod fields;
mod play;
mod publish;
mod status;
mod stream;
mod view;

pub use answer::{Answer, ConnectionCall};
pub use capabilities::{Capabilities, CapsEx, CodecMask, CodecName, VideoFunction};
pub use connect::{Connect, ConnectResult};
pub use play::{Play, Play2, PlayControl, Reset};
pub use publish::{Publish, PublishType};
pub use status::{OnStatus, RECONNECT_REQUEST, Status, StatusKind};
pub use stream::StreamCall;
pub use view::View;

use super::super::amf::{Text, Value};
use super::super::fault::Fault;
use crate::Limits;

/// A command message: a remote call or the answer to one.
///
/// Defined by: RTMP 1.0 §7.1.1, §7.2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Command {
    /// The encoding its type id names: 0 or 3.
    pub amf: u8,
    /// The procedure's name; `None` where the first value is no string.
    pub name: Option<Text>,
    /// The transaction id; `None` where the second value is no number.
    pub transaction_id: Option<f64>,
    /// The command object: the value behind the transaction id.
    pub object: Option<Value>,
    /// What follows.
    pub arguments: Vec<Value>,
}

impl Command {
    /// The name, where it is one and UTF-8.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_ref().and_then(Text::as_str).unwrap_or_default()
    }

    /// The argument at `index` (0 is the first behind the command object), where it is a string.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).and_then(Value::as_str)
    }
}

impl Command {
    /// The type id that its encoding has: 20, or 17 for AMF3.
    #[must_use]
    pub const fn type_id(&self) -> u8 {
        if self.amf == 3 { 17 } else { 20 }
    }

    /// Appends the payload. What is absent is left out, so that what was decoded without a fault is written as it was.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let name = self.name.clone().map(Value::String);
        let id = self.transaction_id.map(Value::Number);
        let values = name.iter().chain(&id).chain(&self.object).chain(&self.arguments);
        super::encode_values(self.amf, values, out);
    }
}

/// Decodes a payload; what was read before a fault is kept.
pub(super) fn decode(type_id: u8, payload: &[u8], limits: &Limits) -> (Command, Option<Fault>) {
    let (amf, values, mut fault) = super::values(type_id, payload, limits);
    let mut values = values.into_iter().peekable();
    let mut command = Command { amf, ..Command::default() };
    match values.peek() {
        Some(Value::String(_) | Value::LongString(_)) => {
            if let Some(Value::String(name) | Value::LongString(name)) = values.next() {
                command.name = Some(name);
            }
        }
        Some(_) => {
            fault =
                fault.or(Some(Fault::broken(0, "command name", "the first value is no string")));
        }
        None => {
            fault = fault.or_else(|| Some(Fault::short(0, "command name", 3, payload.len() as u64)))
        }
    }
    if let Some(&Value::Number(id)) = values.peek() {
        command.transaction_id = Some(id);
        values.next();
    }
    command.object = values.next();
    command.arguments = values.collect();
    (command, fault)
}

#[cfg(test)]
mod tests;
