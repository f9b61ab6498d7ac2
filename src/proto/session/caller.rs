//! A client's calls, and what is answered to them.

use crate::Limits;
use crate::proto::amf::{Text, Value};
use crate::proto::chunk::Message;
use crate::proto::message::command::{
    Answer, Connect, ConnectResult, OnStatus, Play, Publish, PublishType, StatusKind, StreamCall,
    View,
};
use crate::proto::message::{self, Body, Command};

use super::{Close, Sender};

/// Makes a client's calls on one connection, and finds the call to each answer.
#[derive(Debug)]
pub struct Caller {
    limits: Limits,
    /// The last transaction id.
    last: f64,
    /// Calls without an answer yet.
    open: Vec<(f64, Call)>,
    encoding: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Connect,
    CreateStream,
    Other,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Called {
    /// `connect` was accepted, or, with [`ConnectResult::error`], not.
    Connected(Box<ConnectResult>),
    /// `createStream` has made a message stream.
    Created {
        /// The call's transaction id.
        transaction_id: f64,
        /// The message stream.
        stream: u32,
    },
    /// Another call was answered, or `createStream` with an error.
    Answered(Answer),
    /// A report: `onStatus` and the like. On message stream 0 it is about the connection.
    Status {
        /// The message stream.
        stream: u32,
        /// The report.
        report: Box<OnStatus>,
    },
    /// The message is audio, video, data or an aggregate of them.
    Media {
        /// The message stream.
        stream: u32,
    },
    /// The server calls something else: `onBWDone` and the like.
    Call(Box<Command>),
    /// The server closes.
    Close(Close),
}

impl Caller {
    /// A client's end, before `connect`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), last: 0.0, open: Vec::new(), encoding: 0 }
    }

    /// Calls `connect`. Where it asks for an `objectEncoding` of 3, later commands are sent as AMF3 messages.
    pub fn connect(&mut self, connect: &Connect, sender: &mut Sender) -> f64 {
        let id = self.next(Call::Connect);
        sender.command(0, &connect.command(id));
        self.encoding = if connect.object_encoding == Some(3.0) { 3 } else { 0 };
        id
    }

    /// Calls `releaseStream`, `FCPublish`, `createStream` or another call about a stream; on the stream itself for
    /// `closeStream`. Gives the transaction id, which is 0 for the two that are never answered.
    pub fn stream(&mut self, stream: u32, call: &StreamCall, sender: &mut Sender) -> f64 {
        let id = match call {
            StreamCall::Create => self.next(Call::CreateStream),
            StreamCall::Close | StreamCall::Delete(_) => 0.0,
            _ => self.next(Call::Other),
        };
        let on = if *call == StreamCall::Close { stream } else { 0 };
        self.send(on, call.command(id), sender);
        id
    }

    /// Calls `createStream`.
    pub fn create_stream(&mut self, sender: &mut Sender) -> f64 {
        self.stream(0, &StreamCall::Create, sender)
    }

    /// Calls `publish` on a message stream. The answer is a report on it.
    pub fn publish(&mut self, stream: u32, name: &str, kind: PublishType, sender: &mut Sender) {
        let publish = Publish { name: Some(name.into()), publish_type: Some(kind) };
        self.send(stream, publish.command(0.0), sender);
    }

    /// Calls `play` on a message stream. The answers are reports on it.
    pub fn play(&mut self, stream: u32, play: &Play, sender: &mut Sender) {
        self.send(stream, play.command(0.0), sender);
    }

    /// Gives up a message stream.
    pub fn delete_stream(&mut self, stream: u32, sender: &mut Sender) {
        self.stream(0, &StreamCall::Delete(Some(stream.into())), sender);
    }

    /// Calls anything. Gives the transaction id.
    pub fn call(
        &mut self,
        stream: u32,
        name: &str,
        object: Value,
        arguments: Vec<Value>,
        sender: &mut Sender,
    ) -> f64 {
        let id = self.next(Call::Other);
        let command = Command {
            amf: 0,
            name: Some(Text::from(name)),
            transaction_id: Some(id),
            object: Some(object),
            arguments,
        };
        self.send(stream, command, sender);
        id
    }

    /// Calls that have not been answered.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.open.len()
    }

    /// Takes a message of the server.
    pub fn receive(&mut self, message: &Message<'_>) -> Option<Called> {
        let stream = message.message_stream_id;
        match message.type_id {
            8 | 9 | 15 | 18 | 22 => return Some(Called::Media { stream }),
            17 | 20 => {}
            _ => return None,
        }
        let (body, _) =
            message::decode(message.type_id, message.payload, message.length, &self.limits);
        let Body::Command(command) = body else { return None };
        match command.view() {
            View::Answer(answer) => {
                let call = self.answered(&answer);
                Some(match call {
                    Some(Call::Connect) => {
                        Called::Connected(Box::new(ConnectResult::of(&command)?))
                    }
                    Some(Call::CreateStream) if !answer.error => {
                        let number = answer.values.first().and_then(Value::as_number)?;
                        let transaction_id = answer.transaction_id?;
                        Called::Created { transaction_id, stream: number as u32 }
                    }
                    _ => Called::Answered(answer),
                })
            }
            View::Status(report) => Some(Called::Status { stream, report }),
            View::Connection(message::command::ConnectionCall::Close) => {
                Some(Called::Close(Close::Peer))
            }
            _ => Some(Called::Call(command)),
        }
    }

    fn answered(&mut self, answer: &Answer) -> Option<Call> {
        let id = answer.transaction_id?;
        let at = self.open.iter().position(|(open, _)| *open == id)?;
        Some(self.open.remove(at).1)
    }

    fn next(&mut self, call: Call) -> f64 {
        self.last += 1.0;
        // Servers leave some calls without an answer; the oldest are then not waited for any more.
        if self.open.len() >= self.limits.pending_calls {
            self.open.remove(0);
        }
        self.open.push((self.last, call));
        self.last
    }

    fn send(&self, stream: u32, command: Command, sender: &mut Sender) {
        sender.command(stream, &Command { amf: self.encoding, ..command });
    }
}

impl Called {
    /// The code of a report about a stream or the connection.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Status { report, .. } if report.kind == StatusKind::OnStatus => {
                report.status.code.as_ref()?.as_str()
            }
            Self::Connected(result) => result.status.code.as_ref()?.as_str(),
            _ => None,
        }
    }
}
