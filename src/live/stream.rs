//! A socket, with TLS or without, and the one buffer that all sockets of a thread are read into.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS in TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The TCP socket.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Whether it is TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Writes as much of `data` as the socket takes now; of TLS also what it has encrypted before.
    ///
    /// # Errors
    /// What the socket says.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut *self).poll_write(cx, data))?;
        if self.is_tls() {
            // What it does not take now is sent ahead of the next bytes.
            if let Poll::Ready(Err(error)) = Pin::new(&mut *self).poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(n))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// The buffer that all sockets of a thread are read into, one after the other: what is read is dealt with before the
/// next one is read, so an idle connection holds no buffer.
#[derive(Debug, Clone)]
pub struct ReadBuffer(Rc<RefCell<Box<[u8]>>>);

impl Default for ReadBuffer {
    fn default() -> Self {
        Self::new(READ)
    }
}

/// Bytes read at once. Half of what a core's second cache holds: with fewer, what a fast sender has sent costs more wake-ups
/// and system calls; more gain nothing.
const READ: usize = 512 << 10;

impl ReadBuffer {
    /// A buffer of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Rc::new(RefCell::new(vec![0; bytes.max(1)].into_boxed_slice())))
    }

    /// Reads what is there from `stream` and hands it to `take`, which gets no bytes at the end of the stream. Beside what
    /// `take` gives stands whether the buffer was filled, so that more may be there.
    ///
    /// # Errors
    /// What the socket says.
    pub fn poll_read<S: AsyncRead + Unpin, T>(
        &self,
        stream: &mut S,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut S, &mut Context<'_>, &[u8]) -> T,
    ) -> Poll<io::Result<(T, bool)>> {
        self.poll_read_up_to(usize::MAX, stream, cx, take)
    }

    /// The same for so many bytes at most.
    pub(super) fn poll_read_up_to<S: AsyncRead + Unpin, T>(
        &self,
        most: usize,
        stream: &mut S,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut S, &mut Context<'_>, &[u8]) -> T,
    ) -> Poll<io::Result<(T, bool)>> {
        let Ok(mut buffer) = self.0.try_borrow_mut() else {
            return Poll::Ready(Err(io::Error::other("the read buffer is in use")));
        };
        let most = most.clamp(1, buffer.len());
        let mut read = ReadBuf::new(&mut buffer[..most]);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
        let full = read.remaining() == 0;
        Poll::Ready(Ok((take(stream, cx, read.filled()), full)))
    }
}
