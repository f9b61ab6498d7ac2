//! The facts of one connection as its commands tell them. No judgement.

use std::collections::HashMap;

use crate::Limits;
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::{Body, Command, Data};

/// What is known of a session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) app: Option<String>,
    pub(crate) tc_url: Option<String>,
    pub(crate) stream_name: Option<String>,
    pub(crate) client_software: Option<String>,
    pub(crate) server_software: Option<String>,
    /// Calls without an answer yet, by their direction and the bits of their transaction id.
    calls: HashMap<(Direction, u64), Call>,
    /// The call that the latest command answers.
    pub(crate) answered: Option<Call>,
    /// Whether a call was not remembered.
    pub(super) crossed: bool,
}

/// A call that waits for its answer, or has just got it.
#[derive(Debug)]
pub(crate) struct Call {
    /// The record that shows it.
    pub(crate) seq: u64,
    /// The procedure, cut to 32 bytes.
    pub(crate) name: String,
    /// Nanoseconds since the connection's first packet.
    pub(crate) at: Option<i64>,
}

/// Bytes kept of a procedure's name: those of the defined ones have at most 21.
const NAME: usize = 32;

/// The longest text kept of what a peer says.
const LONGEST: usize = 4096;

impl Session {
    /// Learns from a message that will have the number `seq` and came at `at`; gives the call that it answers. `full`:
    /// nothing more is to be remembered.
    pub(super) fn apply(
        &mut self,
        direction: Direction,
        body: &Body,
        (seq, at): (u64, Option<i64>),
        full: bool,
        limits: &Limits,
    ) -> Option<Call> {
        match body {
            Body::Command(command) if full => {
                let id = command.transaction_id.filter(|_| is_answer(command.name()))?;
                self.calls.remove(&(direction.reverse(), id.to_bits()))
            }
            _ if full => None,
            Body::Command(command) => self.command(direction, command, (seq, at), limits),
            Body::Data(data) => {
                self.metadata(direction, data);
                None
            }
            _ => None,
        }
    }

    fn command(
        &mut self,
        direction: Direction,
        command: &Command,
        (seq, at): (u64, Option<i64>),
        limits: &Limits,
    ) -> Option<Call> {
        let name = command.name();
        if is_answer(name) {
            let id = command.transaction_id?;
            let call = self.calls.remove(&(direction.reverse(), id.to_bits()))?;
            if self.calls.is_empty() {
                // Calls come at the beginning; a session is long.
                self.calls = HashMap::new();
            }
            if call.name == "connect" && name == "_result" {
                self.connected(command);
            }
            return Some(call);
        }
        if let Some(id) = command.transaction_id
            && id != 0.0
        {
            let key = (direction, id.to_bits());
            if self.calls.len() < limits.pending_calls || self.calls.contains_key(&key) {
                self.calls.insert(key, Call { seq, name: cut(name, NAME), at });
            } else {
                self.crossed = true;
            }
        }
        match name {
            "connect" => {
                let field =
                    |key: &str| command.object.as_ref().and_then(|object| text(object, key));
                self.app = field("app").or_else(|| self.app.take());
                self.tc_url = field("tcUrl").or_else(|| self.tc_url.take());
                self.client_software = field("flashVer").or_else(|| self.client_software.take());
            }
            "publish" | "play" | "play2" if self.stream_name.is_none() => {
                let first = command.arguments.first();
                self.stream_name = match name {
                    "play2" => first.and_then(|info| text(info, "streamName")),
                    _ => first.and_then(Value::as_str).map(short),
                };
            }
            _ => {}
        }
        None
    }

    /// Calls that have no answer, with their directions and transaction ids, the earliest first.
    pub(crate) fn unanswered(&self) -> Vec<(Direction, f64, &Call)> {
        let each = self.calls.iter().map(|(key, call)| (key.0, f64::from_bits(key.1), call));
        let mut calls: Vec<_> = each.collect();
        calls.sort_by_key(|(_, _, call)| call.seq);
        calls
    }

    /// About how many bytes are remembered.
    pub(super) fn memory(&self) -> usize {
        const CALL: usize = size_of::<((Direction, u64), Call)>() + 1 + NAME;
        let texts = [
            &self.app,
            &self.tc_url,
            &self.stream_name,
            &self.client_software,
            &self.server_software,
        ];
        let texts: usize = texts.iter().map(|text| text.as_ref().map_or(0, String::capacity)).sum();
        texts + self.calls.capacity() * CALL
    }

    fn connected(&mut self, result: &Command) {
        self.server_software =
            result.object.as_ref().and_then(|properties| text(properties, "fmsVer"));
    }

    /// The encoder's name is better than the `flashVer` that it has to pretend.
    fn metadata(&mut self, direction: Direction, data: &Data) {
        if direction == Direction::ClientToServer
            && let Some(encoder) = data.metadata().and_then(|metadata| text(metadata, "encoder"))
        {
            self.client_software = Some(encoder);
        }
    }
}

fn is_answer(name: &str) -> bool {
    matches!(name, "_result" | "_error")
}

fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(short)
}

fn short(text: &str) -> String {
    cut(text, LONGEST)
}

fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
