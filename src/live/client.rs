//! Either side of one connection, over anything that reads and writes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::budget::{Budget, Share};
use super::error::{Cause, Error};
use super::streams::{Message, Streams};
use super::tls;
use crate::Limits;
use crate::proto::chunk::{Keep, Outgoing};
use crate::proto::handshake::{RANDOM_LEN, Style};
use crate::proto::session::{Arrived, Caller, Close, Connection, Options, Sender};

/// What a [`Client`] is made with.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How it introduces itself: simple, or with digests.
    pub style: Style,
    /// Everything else that it does of its own accord. [`Options::keep`] is all.
    pub session: Options,
    /// Its limits; [`Limits::handshake_time`] is for the handshake, and for each answer that is waited for.
    pub limits: Arc<Limits>,
    /// Memory that it shares with others.
    pub budget: Option<Budget>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        let session = Options { keep: Keep::ALL, ..Options::default() };
        Self { style: session.style, session, limits: Arc::default(), budget: None }
    }
}

/// One side of a connection: that of a client, or that of a server which has accepted one.
///
/// It can be used in two ways. Alone: [`receive`](Self::receive) gives message by message, and
/// [`sender`](Self::sender) takes what is to be sent; [`connect`](Self::connect), [`publish`](Self::publish) and
/// [`play`](Self::play) are a client's calls. Or by several tasks: they take their streams out of
/// [`streams`](Self::streams), and [`run`](Self::run) moves the bytes.
#[derive(Debug)]
pub struct Client<S> {
    pub(super) io: S,
    pub(super) connection: Connection,
    pub(super) caller: Caller,
    pub(super) limits: Arc<Limits>,
    pub(super) buffer: Box<[u8]>,
    /// The part of the buffer that was read and not looked at.
    pub(super) unread: std::ops::Range<usize>,
    /// Messages that came while something else was waited for.
    pub(super) waiting: VecDeque<Message>,
    /// Bytes of their payloads.
    waiting_bytes: usize,
    dropped: u64,
    share: Option<Share>,
    streams: Streams,
    outgoing: mpsc::Receiver<Message>,
    peer: Option<String>,
    /// Why the peer hears nothing any more: it may have sent something before it went.
    deaf: Option<io::ErrorKind>,
}

/// Bytes read at once.
const READ: usize = 16 << 10;

impl Client<TcpStream> {
    /// The client of a server at `address`: `"localhost:1935"`. The handshake is still to be done.
    ///
    /// # Errors
    /// There is no such host, or it does not accept.
    pub async fn dial(
        address: impl ToSocketAddrs + ToString,
        options: &ClientOptions,
    ) -> Result<Self, Error> {
        let name = address.to_string();
        let tcp = TcpStream::connect(address)
            .await
            .map_err(|error| Error::new("dial", error.into()).at(&name))?;
        // Where it cannot be set the connection is slower, not wrong.
        let _ = tcp.set_nodelay(true);
        Ok(Self { peer: Some(name), ..Self::new(tcp, options)? })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The client's side.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(io: S, options: &ClientOptions) -> Result<Self, Error> {
        Self::with(io, options, Connection::client)
    }

    /// The server's side of a connection that was accepted.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn accepted(io: S, options: &ClientOptions) -> Result<Self, Error> {
        Self::with(io, options, Connection::server)
    }

    fn with(
        io: S,
        options: &ClientOptions,
        make: impl FnOnce(&Options, u32, &[u8; RANDOM_LEN], &Limits) -> Connection,
    ) -> Result<Self, Error> {
        let mut random = [0; RANDOM_LEN];
        tls::fill_random(&mut random)
            .map_err(|error| Error::new("handshake", io::Error::other(error).into()))?;
        let limits = &options.limits;
        let session = Options { style: options.style, ..options.session };
        let (streams, outgoing) = Streams::new(Arc::clone(limits));
        Ok(Self {
            io,
            connection: make(&session, 0, &random, limits),
            caller: Caller::new(limits),
            limits: Arc::clone(limits),
            buffer: vec![0; READ].into(),
            unread: 0..0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
            share: options.budget.as_ref().map(Budget::share),
            streams,
            outgoing,
            peer: None,
            deaf: None,
        })
    }

    pub(super) fn from(mut self, peer: impl ToString) -> Self {
        self.peer = Some(peer.to_string());
        self
    }

    /// The address of the other side, where it is known.
    #[must_use]
    pub fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    /// Does the handshake, within [`Limits::handshake_time`]. Says whether the peer's answer was right, which few insist
    /// on.
    ///
    /// # Errors
    /// The peer does not speak RTMP, says nothing for too long, or the connection ends.
    pub async fn handshake(&mut self) -> Result<bool, Error> {
        let patience = self.limits.handshake_time;
        let done = timeout(patience, async {
            let valid = loop {
                if let Some(valid) = self.shake()? {
                    break valid;
                }
                poll_fn(|cx| self.poll_turn(cx, Turn { reads: true, sends: false })).await?;
            };
            // The last packet is sent before anything else is read: what follows are messages.
            while !self.connection.output().is_empty() {
                poll_fn(|cx| self.poll_turn(cx, Turn { reads: false, sends: false })).await?;
            }
            Ok(valid)
        });
        match done.await {
            Ok(result) => result.map_err(|cause| self.error("handshake", cause)),
            Err(_) => Err(self.error("handshake", Cause::Timeout(patience))),
        }
    }

    fn shake(&mut self) -> Result<Option<bool>, Cause> {
        if self.connection.is_open() {
            return Ok(Some(true));
        }
        let mut input = &self.buffer[self.unread.clone()];
        let arrived = self.connection.next(&mut input);
        self.unread.start = self.unread.end - input.len();
        Ok(match arrived? {
            Some((Arrived::Handshake { valid, .. }, _)) => Some(valid),
            _ => None,
        })
    }

    /// The half that sends. What is sent goes out with the next [`receive`](Self::receive) or [`send`](Self::send).
    pub const fn sender(&mut self) -> &mut Sender {
        self.connection.sender()
    }

    /// Sends a message, and what else waits, before it returns.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send(&mut self, message: &Message) -> Result<(), Error> {
        write(self.connection.sender(), message);
        self.flush().await.map_err(|cause| self.error("send", cause))
    }

    /// The next message, whole; `None` at the end. Control messages are among them; what they ask for has been done.
    ///
    /// # Errors
    /// The connection fails, or the peer crosses a limit.
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        match self.waiting.pop_front() {
            Some(message) => {
                self.waiting_bytes -= message.payload.len();
                Ok(Some(message))
            }
            None => self.receive_new().await,
        }
    }

    /// The same, past what waits.
    pub(super) async fn receive_new(&mut self) -> Result<Option<Message>, Error> {
        let result = self.next_message().await;
        match result {
            Err(Cause::Ended) => Ok(None),
            result => result.map(Some).map_err(|cause| self.error("read", cause)),
        }
    }

    async fn next_message(&mut self) -> Result<Message, Cause> {
        loop {
            if let Some(message) = self.read_message()? {
                return Ok(message);
            }
            poll_fn(|cx| self.poll_turn(cx, Turn { reads: true, sends: false })).await?;
        }
    }

    /// The next message of what was read already.
    fn read_message(&mut self) -> Result<Option<Message>, Cause> {
        let mut input = &self.buffer[self.unread.clone()];
        let message = loop {
            match self.connection.next(&mut input) {
                Ok(Some((Arrived::Message(message), _))) => break Ok(Some(Message::of(&message))),
                Ok(Some(_)) => {}
                Ok(None) => break Ok(None),
                Err(why) => break Err(why.into()),
            }
        };
        self.unread.start = self.unread.end - input.len();
        self.weigh(self.waiting_bytes)?;
        message
    }

    /// Counts what is held, and so many bytes more.
    pub(super) fn weigh(&mut self, more: usize) -> Result<(), Cause> {
        let memory = self.connection.memory() + more;
        if self.share.as_mut().is_none_or(|share| share.holds(memory)) {
            return Ok(());
        }
        Err(Close::Limit("total_bytes").into())
    }

    /// Keeps a message for [`receive`](Self::receive), where there is room.
    pub(super) fn keep(&mut self, message: Message) {
        let bytes = self.waiting_bytes + message.payload.len();
        if self.waiting.len() < self.limits.queue_messages && bytes <= self.limits.queue_bytes {
            self.waiting_bytes = bytes;
            self.waiting.push_back(message);
        } else {
            self.dropped += 1;
        }
    }

    /// Messages that were dropped because too many came while an answer was waited for.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The streams of this connection, for [`run`](Self::run).
    #[must_use]
    pub fn streams(&self) -> Streams {
        self.streams.clone()
    }

    /// Moves bytes until the connection is over: hands what arrives to the [`streams`](Self::streams), and sends what
    /// they are given. It waits for no reader of theirs.
    ///
    /// # Errors
    /// The connection fails, or the peer crosses a limit. The streams end in any case.
    pub async fn run(mut self) -> Result<(), Error> {
        let result = self.drive().await;
        self.streams.end();
        match result {
            Err(Cause::Ended) | Ok(()) => Ok(()),
            Err(cause) => Err(self.error("run", cause)),
        }
    }

    async fn drive(&mut self) -> Result<(), Cause> {
        while let Some(message) = self.waiting.pop_front() {
            self.streams.put(&message);
        }
        self.waiting_bytes = 0;
        loop {
            while let Some(message) = self.read_message()? {
                self.streams.put(&message);
            }
            poll_fn(|cx| self.poll_turn(cx, Turn { reads: true, sends: true })).await?;
        }
    }

    /// Sends what waits. What arrives meanwhile is read, so that two ends which both send do not wait for each other, and
    /// kept for [`receive`](Self::receive).
    pub(super) async fn flush(&mut self) -> Result<(), Cause> {
        while !self.connection.output().is_empty() {
            poll_fn(|cx| self.poll_turn(cx, Turn { reads: true, sends: false })).await?;
            while let Some(message) = self.read_message()? {
                self.keep(message);
            }
        }
        match self.deaf {
            Some(kind) => Err(io::Error::from(kind).into()),
            None => Ok(self.io.flush().await?),
        }
    }

    /// Moves bytes whichever way they can go. Ready as soon as some were read, all of the output was written, or there is
    /// new output.
    pub(super) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        turn: Turn,
    ) -> Poll<Result<(), Cause>> {
        let mut moved = false;
        while !self.connection.output().is_empty() {
            let written = match self.deaf {
                None => Pin::new(&mut self.io).poll_write(cx, self.connection.output()),
                Some(_) => Poll::Ready(Ok(usize::MAX)),
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Cause::Ended)),
                Poll::Ready(Ok(n)) => {
                    self.connection.sent(n);
                    moved = self.connection.output().is_empty();
                }
                // What the peer sent before it went is still read.
                Poll::Ready(Err(error)) if has_gone(&error) => self.deaf = Some(error.kind()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => break,
            }
        }
        // Of TLS this sends what it has encrypted; it goes on the next time where it cannot.
        if self.deaf.is_none()
            && let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_flush(cx)
        {
            if !has_gone(&error) {
                return Poll::Ready(Err(error.into()));
            }
            self.deaf = Some(error.kind());
        }
        // The streams hold a way into this queue, so that it does not end before the connection does.
        while turn.sends
            && self.connection.output().len() < READ
            && let Poll::Ready(Some(message)) = self.outgoing.poll_recv(cx)
        {
            write(self.connection.sender(), &message);
            moved = true;
        }
        if turn.reads && self.unread.is_empty() {
            let mut buffer = ReadBuf::new(&mut self.buffer);
            if Pin::new(&mut self.io).poll_read(cx, &mut buffer)?.is_ready() {
                self.unread = 0..buffer.filled().len();
                moved = true;
                if self.unread.is_empty() {
                    return Poll::Ready(Err(Cause::Ended));
                }
            }
        }
        if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Sends what waits and closes the way out; the peer sees the end.
    ///
    /// # Errors
    /// The connection is over already.
    pub async fn close(mut self) -> Result<(), Error> {
        let result = async {
            self.flush().await?;
            Ok(self.io.shutdown().await?)
        };
        result.await.map_err(|cause| self.error("close", cause))
    }

    /// The connection without its bytes on the way, and what it was over: for a caller that moves the bytes itself.
    #[must_use]
    pub fn into_parts(self) -> (S, Connection) {
        (self.io, self.connection)
    }

    pub(super) fn error(&self, operation: &'static str, cause: Cause) -> Error {
        Error { operation, address: self.peer.clone(), cause }
    }
}

/// What a turn may do beside sending what waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Read from the peer.
    pub(super) reads: bool,
    /// Take from the outbox of the streams.
    pub(super) sends: bool,
}

/// Whether the peer has closed.
fn has_gone(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::BrokenPipe | Kind::ConnectionReset | Kind::ConnectionAborted)
}

fn write(sender: &mut Sender, message: &Message) {
    let Message { message_stream_id, type_id, timestamp, .. } = *message;
    let payload = &message.payload[..];
    match message.chunk_stream_id {
        Some(chunk_stream_id) => sender.message(&Outgoing {
            chunk_stream_id,
            message_stream_id,
            type_id,
            timestamp,
            payload,
        }),
        None => sender.send(message_stream_id, type_id, timestamp, payload),
    }
}
