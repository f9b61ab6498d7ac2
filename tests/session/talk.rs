//! A server to talk to, and what it says as lines.

use std::sync::Arc;

use rtmpctl::Limits;
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::chunk::{self, Item, Keep};
use rtmpctl::proto::handshake::{PACKET_LEN, RANDOM_LEN};
use rtmpctl::proto::message::{self, Body, Command, Control, UserControl};
use rtmpctl::proto::session::{
    Arrived, Close, Connection, Event, Options, Policy, Responder, Sender,
};

/// Bytes of a handshake in one direction.
pub const HANDSHAKE: usize = 1 + 2 * PACKET_LEN;

/// A server without a socket.
pub struct Server {
    pub connection: Connection,
    pub responder: Responder,
    pub events: Vec<Event>,
    /// Audio, video, data and aggregates on streams that are published.
    pub media: usize,
    pub closed: Option<Close>,
    /// All that it sent.
    pub sent: Vec<u8>,
}

impl Server {
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, Options::default(), Limits::default())
    }

    pub fn with(policy: Policy, options: Options, limits: Limits) -> Self {
        let limits = Arc::new(limits);
        Self {
            connection: Connection::server(&options, 0, &[0x55; RANDOM_LEN], &limits),
            responder: Responder::new(Arc::new(policy), limits),
            events: Vec::new(),
            media: 0,
            closed: None,
            sent: Vec::new(),
        }
    }

    /// Hands it bytes, as they would come in one read.
    pub fn feed(&mut self, mut input: &[u8]) {
        while self.closed.is_none() {
            match self.connection.next(&mut input) {
                Ok(None) => break,
                Ok(Some((Arrived::Message(message), sender))) => {
                    match self.responder.receive(&message, sender) {
                        Some(Event::Media { .. }) => self.media += 1,
                        Some(Event::Close(why)) => self.closed = Some(why),
                        event => self.events.extend(event),
                    }
                }
                Ok(Some(_)) => {}
                Err(why) => self.closed = Some(why),
            }
        }
        self.sent.extend(self.connection.take_output());
    }

    /// What it has said since the handshake.
    pub fn said(&self) -> Vec<String> {
        lines(&self.sent[HANDSHAKE.min(self.sent.len())..])
    }

    /// The payloads of the messages in it, joined.
    pub fn text(&self) -> String {
        let mut reader = chunk::Reader::new(HANDSHAKE as u64, Keep::ALL, &Limits::default());
        let mut input = &self.sent[HANDSHAKE..];
        let mut text = String::new();
        while let Some(item) = reader.next(&mut input).unwrap() {
            let Item::Message(message) = item else { panic!("something odd: {item:?}") };
            text.push_str(&String::from_utf8_lossy(message.payload));
        }
        text
    }
}

/// A client that sends a simple handshake without waiting, then what it is told.
pub struct Script {
    pub sender: Sender,
    amf: u8,
}

impl Script {
    pub fn new(amf: u8) -> Self {
        Self { sender: Sender::new(), amf }
    }

    pub fn handshake() -> Vec<u8> {
        let mut bytes = vec![7; HANDSHAKE];
        bytes[..9].copy_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    pub fn call(
        &mut self,
        stream: u32,
        name: &str,
        transaction: Option<f64>,
        values: &[Value],
    ) -> &mut Self {
        let mut values = values.iter().cloned();
        self.sender.command(
            stream,
            &Command {
                amf: self.amf,
                name: Some(name.into()),
                transaction_id: transaction,
                object: values.next(),
                arguments: values.collect(),
            },
        );
        self
    }

    /// `connect` to this application, with more members of its object.
    pub fn connect(&mut self, app: &str, more: &[(&str, Value)]) -> &mut Self {
        let mut members = vec![("app".into(), Value::from(app))];
        members.extend(more.iter().map(|(key, value)| ((*key).into(), value.clone())));
        self.call(0, "connect", Some(1.0), &[Value::Object(members)])
    }

    pub fn take(&mut self) -> Vec<u8> {
        self.sender.take_output()
    }
}

/// Messages as lines: message stream, type or name, transaction, what it says.
pub fn lines(bytes: &[u8]) -> Vec<String> {
    let limits = Limits::default();
    let mut reader = chunk::Reader::new(HANDSHAKE as u64, Keep::ALL, &limits);
    let mut input = bytes;
    let mut lines = Vec::new();
    while let Some(item) = reader.next(&mut input).unwrap() {
        let Item::Message(message) = item else { panic!("something odd: {item:?}") };
        let (body, fault) =
            message::decode(message.type_id, message.payload, message.length, &limits);
        assert_eq!(fault, None);
        lines.push(format!("{} {}", message.message_stream_id, line(&body)));
    }
    assert!(!reader.inside_chunk() && reader.carried().is_empty(), "a message is not complete");
    lines
}

fn line(body: &Body) -> String {
    match body {
        Body::Control(Control::SetChunkSize { size: Some(size) }) => format!("chunk size {size}"),
        Body::Control(Control::Acknowledgement { sequence_number: Some(n) }) => format!("ack {n}"),
        Body::Control(Control::WindowAcknowledgementSize { size: Some(n) }) => {
            format!("window {n}")
        }
        Body::Control(Control::SetPeerBandwidth { size: Some(n), limit_type: Some(how) }) => {
            format!("bandwidth {n} {how}")
        }
        Body::UserControl(UserControl {
            event_type: Some(event), stream_id, timestamp, ..
        }) => {
            let number = stream_id.or(*timestamp).unwrap();
            format!("{} {number}", event.as_str())
        }
        Body::Command(command) => {
            let amf = if command.amf == 3 { "amf3 " } else { "" };
            let id = command.transaction_id.unwrap();
            let said = command.arguments.iter().map(|value| match value.get("code") {
                Some(code) => format!(" {}/{}", text(value.get("level")), text(Some(code))),
                None => format!(" {value:?}"),
            });
            format!("{amf}{} {id}{}", command.name(), said.collect::<String>())
        }
        Body::Data(data) => format!("data {}", data.name()),
        body => panic!("servers do not say this: {body:?}"),
    }
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
