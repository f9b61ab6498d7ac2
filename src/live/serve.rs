//! A server's side that answers by itself.

use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::client::{Client, Turn};
use super::error::{Cause, Error};
use crate::proto::chunk;
use crate::proto::session::{Arrived, Close, Event, Responder, Sender};

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Does the handshake and answers the client's calls until the connection is over. Each event is handed to `each`,
    /// with the message that it comes from and the half that sends. Media messages have as much of their payload as
    /// [`Options::keep`](crate::proto::session::Options::keep) says; nothing is copied.
    ///
    /// What is still published or played at the end is in [`Responder::streams`].
    ///
    /// # Errors
    /// The client does not speak RTMP, is not done with the handshake or with `connect` within
    /// [`Limits::handshake_time`](crate::Limits::handshake_time) each, crosses a limit or is refused; the connection
    /// fails.
    pub async fn serve(
        &mut self,
        responder: &mut Responder,
        mut each: impl FnMut(&Event, &chunk::Message<'_>, &mut Sender),
    ) -> Result<(), Error> {
        self.handshake().await?;
        let patience = self.limits.handshake_time;
        let deadline = Instant::now() + patience;
        loop {
            if let Err(cause) = self.answer_calls(responder, &mut each) {
                // The client hears why, unless it does not listen.
                let _ = timeout_at(Instant::now() + patience, self.flush()).await;
                return match cause {
                    Cause::Close(Close::Peer) => Ok(()),
                    cause => Err(self.error("serve", cause)),
                };
            }
            let turn = Turn { reads: true, sends: false };
            let moved = poll_fn(|cx| self.poll_turn(cx, turn));
            let moved = if responder.app().is_some() {
                moved.await
            } else {
                timeout_at(deadline, moved).await.unwrap_or(Err(Cause::Timeout(patience)))
            };
            match moved {
                Ok(()) => {}
                Err(Cause::Ended) => return Ok(()),
                Err(cause) => return Err(self.error("serve", cause)),
            }
        }
    }

    /// Looks at what was read.
    fn answer_calls(
        &mut self,
        responder: &mut Responder,
        each: &mut impl FnMut(&Event, &chunk::Message<'_>, &mut Sender),
    ) -> Result<(), Cause> {
        let mut input = &self.buffer[self.unread.clone()];
        self.unread = 0..0;
        while let Some((arrived, sender)) = self.connection.next(&mut input)? {
            let Arrived::Message(message) = arrived else { continue };
            match responder.receive(&message, sender) {
                None => {}
                Some(Event::Close(why)) => return Err(why.into()),
                Some(event) => each(&event, &message, sender),
            }
        }
        self.weigh(responder.memory())
    }
}
