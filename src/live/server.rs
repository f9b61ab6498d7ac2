//! A listening socket that gives clients, whatever goes wrong with some of them.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::sleep;

use super::accept::{PATIENCE, bind, is_of_one};
use super::budget::Budget;
use super::error::{Cause, Error};
use super::{Client, ClientOptions, Stream, tls};

/// What a [`Server`] is made with.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// What each client is made with. Without a budget all of them share one of [`Limits::total_bytes`](crate::Limits).
    pub client: ClientOptions,
    /// Serves TLS beside plain RTMP on the same port.
    pub tls: Option<tls::Server>,
}

/// A listening socket. It accepts only while somebody waits for a client, so a program that is slow is not flooded.
///
/// At most [`Limits::connections`](crate::Limits) clients are open at once; one more is closed at once. Nothing that a
/// client or the system does ends it but [`close`](Self::close).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
    places: Arc<Semaphore>,
    closed: watch::Sender<bool>,
    errors: mpsc::Sender<Error>,
    unread: Mutex<mpsc::Receiver<Error>>,
    dropped: AtomicU64,
}

impl Server {
    /// Listens on `address`: `"127.0.0.1:1935"`, port 0 for a free one.
    ///
    /// # Errors
    /// The address is no address, in use, or not one of this machine.
    pub async fn new(address: impl ToSocketAddrs + ToString) -> Result<Self, Error> {
        Self::with(address, ServerOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn with(
        address: impl ToSocketAddrs + ToString,
        mut options: ServerOptions,
    ) -> Result<Self, Error> {
        /// Errors that wait to be read; later ones are dropped and counted.
        const ERRORS: usize = 64;
        let name = address.to_string();
        let failed = |error: io::Error| Error::new("bind", error.into()).at(&name);
        let mut addresses = lookup_host(address).await.map_err(failed)?;
        let none = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        let listener = bind(addresses.next().ok_or_else(none).map_err(failed)?).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let limits = &options.client.limits;
        let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let total = limits.total_bytes;
        options.client.budget.get_or_insert_with(|| Budget::new(total));
        let (errors, unread) = mpsc::channel(ERRORS);
        let (closed, _) = watch::channel(false);
        let (unread, dropped) = (Mutex::new(unread), AtomicU64::new(0));
        Ok(Self { listener, address, options, places, closed, errors, unread, dropped })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next client, whose handshake is still to be done; `None` once the server is closed. Several tasks may wait at
    /// once.
    pub async fn accept(&self) -> Option<Client<Socket>> {
        let mut closed = self.closed.subscribe();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => return None,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => match self.client(tcp, peer) {
                    Ok(client) => return Some(client),
                    Err(error) => self.tell(error.at(peer)),
                },
                Err(error) => {
                    let of_one = is_of_one(&error);
                    self.tell(Error::new("accept", error.into()).at(self.address));
                    if !of_one {
                        // As long as too many files are open each try would fail at once.
                        tokio::select! {
                            _ = closed.wait_for(|closed| *closed) => return None,
                            () = sleep(PATIENCE) => {}
                        }
                    }
                }
            }
        }
    }

    fn client(&self, tcp: TcpStream, peer: SocketAddr) -> Result<Client<Socket>, Error> {
        let full = |_| {
            let most = self.options.client.limits.connections;
            Error::new("accept", Cause::Full { most })
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        // Where it cannot be set the connection is slower, not wrong.
        let _ = tcp.set_nodelay(true);
        let socket = Socket { state: State::of(tcp, self.options.tls.clone()), _place: place };
        Ok(Client::accepted(socket, &self.options.client)?.from(peer))
    }

    fn tell(&self, error: Error) {
        if self.errors.try_send(error).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The clients, one after the other.
    #[must_use]
    pub const fn clients(&self) -> Clients<'_> {
        Clients(self)
    }

    /// What went wrong while accepting. Nobody has to read it.
    #[must_use]
    pub const fn errors(&self) -> Errors<'_> {
        Errors(self)
    }

    /// How many clients are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.options.client.limits.connections.saturating_sub(self.places.available_permits())
    }

    /// Ends the streams of clients and errors. Clients that are there go on; the port is free when this is dropped.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }
}

/// The clients of a [`Server`].
#[derive(Debug)]
pub struct Clients<'s>(&'s Server);

impl Clients<'_> {
    /// As [`Server::accept`].
    pub async fn next(&mut self) -> Option<Client<Socket>> {
        self.0.accept().await
    }
}

/// The errors of a [`Server`].
#[derive(Debug)]
pub struct Errors<'s>(&'s Server);

impl Errors<'_> {
    /// The next error; `None` once the server is closed and all were read.
    pub async fn next(&mut self) -> Option<Error> {
        let mut closed = self.0.closed.subscribe();
        let mut unread = self.0.unread.lock().await;
        tokio::select! {
            biased;
            error = unread.recv() => error,
            _ = closed.wait_for(|closed| *closed) => None,
        }
    }

    /// Errors that were dropped because nobody read them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

/// A socket that a [`Server`] accepted. Where TLS is served its first byte decides, when it is first read.
pub struct Socket {
    state: State,
    _place: OwnedSemaphorePermit,
}

enum State {
    Opening(Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>),
    Open(Stream),
}

impl State {
    fn of(tcp: TcpStream, tls: Option<tls::Server>) -> Self {
        let Some(tls) = tls else { return Self::Open(Stream::Plain(tcp)) };
        Self::Opening(Box::pin(async move {
            if tls::begins_with_tls(&tcp).await? {
                tls.accept(tcp).await
            } else {
                Ok(Stream::Plain(tcp))
            }
        }))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut Stream>>> {
        if let Self::Opening(opening) = self {
            *self = Self::Open(ready!(opening.as_mut().poll(cx))?);
        }
        match self {
            Self::Open(stream) => Poll::Ready(Ok(Pin::new(stream))),
            Self::Opening(_) => Poll::Pending,
        }
    }
}

impl Socket {
    /// Whether it is TLS; `None` while that is not known.
    #[must_use]
    pub const fn is_tls(&self) -> Option<bool> {
        match &self.state {
            State::Opening(_) => None,
            State::Open(stream) => Some(stream.is_tls()),
        }
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("is_tls", &self.is_tls()).finish_non_exhaustive()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.get_mut().state.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().state.poll_open(cx))?.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            // Nothing was written yet, and opening would wait for the peer.
            State::Opening(_) => Poll::Ready(Ok(())),
            State::Open(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().state.poll_open(cx))?.poll_shutdown(cx)
    }
}
