//! A client's calls over a socket: it connects, publishes and plays.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::client::Client;
use super::error::{Cause, Error};
use crate::proto::amf::Text;
use crate::proto::message::command::{
    Answer, Connect, ConnectResult, Play, PublishType, Status, StreamCall,
};
use crate::proto::session::Called;

/// What is waited for.
enum Wanted {
    Connected,
    Created(f64),
    /// A report on a message stream: its code begins so where all is well.
    Start(u32, &'static str),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Connects to an application. The handshake has to be over.
    ///
    /// # Errors
    /// The server refuses, or does not answer within [`Limits::handshake_time`](crate::Limits::handshake_time).
    pub async fn connect(&mut self, connect: &Connect) -> Result<ConnectResult, Error> {
        self.caller.connect(connect, self.connection.sender());
        match self.answer("connect", Wanted::Connected).await? {
            Called::Connected(result) => Ok(*result),
            _ => Err(self.error("connect", Cause::Ended)),
        }
    }

    /// Makes a message stream.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn create_stream(&mut self) -> Result<u32, Error> {
        let id = self.caller.create_stream(self.connection.sender());
        match self.answer("createStream", Wanted::Created(id)).await? {
            Called::Created { stream, .. } => Ok(stream),
            _ => Err(self.error("createStream", Cause::Ended)),
        }
    }

    /// Makes a message stream and publishes on it, as encoders do: behind `releaseStream` and `FCPublish`. Gives the
    /// message stream, on which the server expects audio, video and data.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn publish(&mut self, name: &str, kind: PublishType) -> Result<u32, Error> {
        let sender = self.connection.sender();
        self.caller.stream(0, &StreamCall::Release(Some(name.into())), sender);
        self.caller.stream(0, &StreamCall::FcPublish(Some(name.into())), sender);
        let stream = self.create_stream().await?;
        self.caller.publish(stream, name, kind, self.connection.sender());
        self.answer("publish", Wanted::Start(stream, "NetStream.Publish.Start")).await?;
        Ok(stream)
    }

    /// Makes a message stream and plays on it. What is played is given by [`receive`](Self::receive).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn play(&mut self, name: &str) -> Result<u32, Error> {
        let stream = self.create_stream().await?;
        let play = Play { name: Some(name.into()), ..Play::default() };
        self.caller.play(stream, &play, self.connection.sender());
        self.answer("play", Wanted::Start(stream, "NetStream.Play.Start")).await?;
        Ok(stream)
    }

    /// Gives up a message stream: what was published or played on it is over.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn delete_stream(&mut self, stream: u32) -> Result<(), Error> {
        self.caller.delete_stream(stream, self.connection.sender());
        self.flush().await.map_err(|cause| self.error("deleteStream", cause))
    }

    async fn answer(&mut self, operation: &'static str, wanted: Wanted) -> Result<Called, Error> {
        let patience = self.limits.handshake_time;
        match timeout(patience, self.wait(operation, &wanted)).await {
            Ok(result) => result,
            Err(_) => Err(self.error(operation, Cause::Timeout(patience))),
        }
    }

    /// Reads until the answer is there. What else arrives is kept for [`Client::receive`].
    async fn wait(&mut self, operation: &'static str, wanted: &Wanted) -> Result<Called, Error> {
        loop {
            let Some(message) = self.receive_new().await? else {
                return Err(self.error(operation, Cause::Ended));
            };
            let called = self.caller.receive(&message.borrow());
            match called.and_then(|called| judge(called, wanted)) {
                None => self.keep(message),
                Some(Ok(called)) => return Ok(called),
                Some(Err(cause)) => return Err(self.error(operation, cause)),
            }
        }
    }
}

/// Whether that is the answer; `None` where it is something else.
fn judge(called: Called, wanted: &Wanted) -> Option<Result<Called, Cause>> {
    match (&called, wanted) {
        (Called::Connected(result), Wanted::Connected) if result.error => {
            Some(Err(refused(&result.status)))
        }
        (Called::Connected(_), Wanted::Connected) => Some(Ok(called)),
        (Called::Created { transaction_id, .. }, Wanted::Created(id)) if transaction_id == id => {
            Some(Ok(called))
        }
        (
            Called::Answered(Answer { error: true, transaction_id, values, .. }),
            Wanted::Created(id),
        ) if *transaction_id == Some(*id) => Some(Err(refused(&Status::of_value(values.first())))),
        (Called::Status { stream, report }, Wanted::Start(id, code)) if stream == id => {
            match called.code() {
                Some(said) if said == *code => Some(Ok(called)),
                // Others come before: `NetStream.Play.Reset`.
                _ if level(&report.status) == Some("error") => Some(Err(refused(&report.status))),
                _ => None,
            }
        }
        (Called::Close(why), _) => Some(Err(Cause::Close(why.clone()))),
        _ => None,
    }
}

fn level(status: &Status) -> Option<&str> {
    status.level.as_ref()?.as_str()
}

fn refused(status: &Status) -> Cause {
    let text = |text: &Option<Text>| {
        let bytes = text.as_ref().map_or(&[][..], Text::as_bytes);
        String::from_utf8_lossy(bytes).into_owned()
    };
    Cause::Refused { code: text(&status.code), description: text(&status.description) }
}
