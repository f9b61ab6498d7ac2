//! What is said on a connection, as streams that are told apart by message type and message stream, never by chunk
//! stream: senders choose those as they like.
//!
//! Each stream has a queue. What nobody reads is dropped and counted, so that no stream holds up another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::error::{Cause, Error};
use super::queue::{Putter, Taker, queue};
use crate::Limits;
use crate::proto::Span;
use crate::proto::chunk;
use crate::proto::message::{self, Body, Command, Control, Data, Kind, UserControl};

/// A message that owns its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The chunk stream that carried it; `None` on the way out for the usual one.
    pub chunk_stream_id: Option<u32>,
    /// The message stream.
    pub message_stream_id: u32,
    /// Its type.
    pub type_id: u8,
    /// Absolute timestamp, milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// The whole payload.
    pub payload: Bytes,
}

impl Message {
    /// A message to be sent.
    #[must_use]
    pub fn new(
        message_stream_id: u32,
        type_id: u8,
        timestamp: u32,
        payload: impl Into<Bytes>,
    ) -> Self {
        let payload = payload.into();
        Self { chunk_stream_id: None, message_stream_id, type_id, timestamp, payload }
    }

    /// A command to be sent.
    #[must_use]
    pub fn command(message_stream_id: u32, command: &Command) -> Self {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        Self::new(message_stream_id, command.type_id(), 0, payload)
    }

    pub(super) fn of(message: &chunk::Message<'_>) -> Self {
        Self {
            chunk_stream_id: Some(message.chunk_stream_id),
            message_stream_id: message.message_stream_id,
            type_id: message.type_id,
            timestamp: message.timestamp,
            payload: Bytes::copy_from_slice(message.payload),
        }
    }

    /// The same for those who take what a chunk reader gives; of where it was in the stream it knows nothing.
    pub(super) fn borrow(&self) -> chunk::Message<'_> {
        chunk::Message {
            chunk_stream_id: self.chunk_stream_id.unwrap_or(0),
            message_stream_id: self.message_stream_id,
            type_id: self.type_id,
            timestamp: self.timestamp,
            timestamp_uncertain: false,
            length: self.payload.len() as u32,
            chunks: 0,
            span: Span::default(),
            payload: &self.payload,
            damaged: &[],
            missing: &[],
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        Kind::of(self.type_id)
    }

    /// What it says.
    #[must_use]
    pub fn body(&self, limits: &Limits) -> Body {
        message::decode(self.type_id, &self.payload, self.payload.len() as u32, limits).0
    }
}

type Filter = Box<dyn Fn(&Message) -> bool + Send + Sync>;

struct Route {
    wanted: Filter,
    putter: Putter,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Route")
    }
}

/// The streams of one connection. Cloning it shares them.
///
/// A message goes to each stream that wants it. Streams begin with what arrives after they were opened.
#[derive(Debug, Clone)]
pub struct Streams {
    routes: Arc<Mutex<Vec<Route>>>,
    unread: Arc<AtomicU64>,
    limits: Arc<Limits>,
    outbox: Outbox,
}

impl Streams {
    pub(super) fn new(limits: Arc<Limits>) -> (Self, mpsc::Receiver<Message>) {
        /// So many messages wait for the socket, and whoever has more to send waits with them.
        const WAITING: usize = 64;
        let (sender, receiver) = mpsc::channel(WAITING);
        let streams = Self {
            routes: Arc::default(),
            unread: Arc::default(),
            limits,
            outbox: Outbox { sender },
        };
        (streams, receiver)
    }

    /// Messages of any kind.
    pub fn messages(
        &self,
        wanted: impl Fn(&Message) -> bool + Send + Sync + 'static,
    ) -> MessageStream {
        let (putter, taker) = queue(&self.limits);
        self.lock().push(Route { wanted: Box::new(wanted), putter });
        MessageStream { taker, outbox: self.outbox.clone() }
    }

    /// Control messages: types 1 to 6.
    #[must_use]
    pub fn controls(&self) -> ControlStream {
        ControlStream(self.messages(|message| matches!(message.type_id, 1..=6)))
    }

    /// Commands about the connection: those on message stream 0.
    #[must_use]
    pub fn net_conn(&self) -> NetConn {
        let commands = self.commands(0);
        NetConn { commands, limits: Arc::clone(&self.limits) }
    }

    /// Commands on a message stream.
    #[must_use]
    pub fn net_stream(&self, message_stream_id: u32) -> NetStream {
        let commands = self.commands(message_stream_id);
        NetStream { commands, message_stream_id, limits: Arc::clone(&self.limits) }
    }

    /// Audio, video, data and aggregates on a message stream.
    #[must_use]
    pub fn data_stream(&self, message_stream_id: u32) -> DataStream {
        let wanted = move |message: &Message| {
            message.message_stream_id == message_stream_id
                && matches!(
                    message.kind(),
                    Kind::Audio | Kind::Video | Kind::Data | Kind::Aggregate
                )
        };
        DataStream { messages: self.messages(wanted), message_stream_id }
    }

    fn commands(&self, id: u32) -> MessageStream {
        self.messages(move |message| {
            message.message_stream_id == id && message.kind() == Kind::Command
        })
    }

    /// Sends messages.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Messages that no stream wanted. Those that a stream had no room for are counted there.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread.load(Ordering::Relaxed)
    }

    /// Hands a message to the streams that want it.
    pub(super) fn put(&self, message: &Message) {
        let mut wanted = false;
        self.lock().retain(|route| {
            if !(route.wanted)(message) {
                return true;
            }
            wanted = true;
            route.putter.put(message)
        });
        if !wanted {
            self.unread.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Nothing more will come: each stream ends behind what it still has.
    pub(super) fn end(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Route>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends messages on a connection. Whoever sends faster than the peer reads waits.
#[derive(Debug, Clone)]
pub struct Outbox {
    sender: mpsc::Sender<Message>,
}

impl Outbox {
    /// Sends a message, in the order of the calls.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(&self, message: Message) -> Result<(), Error> {
        self.sender.send(message).await.map_err(|_| Error::new("send", Cause::Ended))
    }
}

/// Messages of some kind, whole.
#[derive(Debug)]
pub struct MessageStream {
    taker: Taker,
    outbox: Outbox,
}

impl MessageStream {
    /// The next message; `None` once the connection is over.
    pub async fn recv(&mut self) -> Option<Message> {
        self.taker.take().await
    }

    /// Sends any message.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(&self, message: Message) -> Result<(), Error> {
        self.outbox.send(message).await
    }

    /// Messages that were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.taker.dropped()
    }
}

/// Control messages, both ways. What they ask for has been done when they are read: see
/// [`session::Connection`](crate::proto::session::Connection).
#[derive(Debug)]
pub struct ControlStream(MessageStream);

impl ControlStream {
    /// The next control message; `None` once the connection is over.
    pub async fn recv(&mut self) -> Option<Body> {
        let message = self.0.recv().await?;
        Some(message.body(&Limits::default()))
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(&self, control: Control) -> Result<(), Error> {
        let mut payload = Vec::new();
        control.encode(&mut payload);
        self.0.send(Message::new(0, control.type_id(), 0, payload)).await
    }

    /// Sends a user control message.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send_event(&self, event: &UserControl) -> Result<(), Error> {
        let mut payload = Vec::new();
        event.encode(&mut payload);
        self.0.send(Message::new(0, 4, 0, payload)).await
    }

    /// Messages that were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

/// Commands about the connection, both ways.
#[derive(Debug)]
pub struct NetConn {
    commands: MessageStream,
    limits: Arc<Limits>,
}

impl NetConn {
    /// The next command; `None` once the connection is over.
    pub async fn recv(&mut self) -> Option<Command> {
        next_command(&mut self.commands, &self.limits).await
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(&self, command: &Command) -> Result<(), Error> {
        self.commands.send(Message::command(0, command)).await
    }
}

/// Commands on a message stream, both ways.
#[derive(Debug)]
pub struct NetStream {
    commands: MessageStream,
    message_stream_id: u32,
    limits: Arc<Limits>,
}

impl NetStream {
    /// The message stream.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.message_stream_id
    }

    /// The next command; `None` once the connection is over.
    pub async fn recv(&mut self) -> Option<Command> {
        next_command(&mut self.commands, &self.limits).await
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(&self, command: &Command) -> Result<(), Error> {
        self.commands.send(Message::command(self.message_stream_id, command)).await
    }
}

async fn next_command(commands: &mut MessageStream, limits: &Limits) -> Option<Command> {
    loop {
        if let Body::Command(command) = commands.recv().await?.body(limits) {
            return Some(*command);
        }
    }
}

/// Audio, video and data on a message stream, both ways.
#[derive(Debug)]
pub struct DataStream {
    messages: MessageStream,
    message_stream_id: u32,
}

impl DataStream {
    /// The next message; `None` once the connection is over.
    pub async fn recv(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// Sends audio (type 8), video (9) or an aggregate (22).
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(
        &self,
        type_id: u8,
        timestamp: u32,
        payload: impl Into<Bytes>,
    ) -> Result<(), Error> {
        let id = self.message_stream_id;
        self.messages.send(Message::new(id, type_id, timestamp, payload)).await
    }

    /// Sends data: `@setDataFrame`, `onMetaData` and the like.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send_data(&self, timestamp: u32, data: &Data) -> Result<(), Error> {
        let mut payload = Vec::new();
        data.encode(&mut payload);
        self.send(data.type_id(), timestamp, payload).await
    }

    /// Messages that were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.messages.dropped()
    }
}
