//! What a connection is besides its socket: the server's end of it, and what it publishes and plays.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::Shared;
use crate::inspect::{Finding, Severity};
use crate::live::relay::{Player, Publisher, Told, may_be_header};
use crate::live::{Stream, Tap};
use crate::proto::Direction;
use crate::proto::chunk::Keep;
use crate::proto::session::{Arrived, Close, Connection, Event, HEADS, Responder, Sender};

/// Everything but the socket.
pub(super) struct Half {
    pub(super) host: Rc<Shared>,
    pub(super) tap: Tap,
    pub(super) connection: Connection,
    pub(super) responder: Responder,
    pub(super) began: Instant,
    /// When bytes came last, where there is an idle limit.
    pub(super) heard: Option<Instant>,
    /// Why it is to be closed once the output is sent.
    pub(super) closing: Option<Close>,
    publishing: Vec<(u32, Publisher)>,
    playing: Vec<(u32, Player)>,
    /// Whether messages are kept whole, since somebody wants them.
    whole: bool,
    /// As of which change of the relay.
    whole_as_of: u64,
    /// Whether there were commands since it was last asked what the responder holds, and what that was.
    talked: bool,
    names: usize,
    /// What of the memory held by all connections is this one's.
    held: usize,
}

/// Bytes for a player that are made ready at once.
const AHEAD: usize = 64 << 10;

impl Half {
    pub(super) fn new(host: Rc<Shared>, tap: Tap, began: Instant) -> Self {
        let epoch = u32::try_from(host.began.elapsed().as_millis()).unwrap_or(0);
        Self {
            connection: Connection::server(&host.options, epoch, &host.random, &host.limits),
            responder: Responder::new(host.policy.clone(), host.limits.clone()),
            heard: host.common.idle.map(|_| began),
            host,
            tap,
            began,
            closing: None,
            publishing: Vec::new(),
            playing: Vec::new(),
            whole: false,
            whole_as_of: 0,
            talked: false,
            names: 0,
            held: 0,
        }
    }

    /// Takes what the client sent: answers it, then tells of it.
    pub(super) fn take(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> io::Result<()> {
        if let Some(heard) = &mut self.heard {
            *heard = Instant::now();
        }
        let mut troubles = Vec::new();
        if self.closing.is_none() {
            self.answer(data, &mut troubles);
            self.weigh();
        }
        let sent = match self.connection.output() {
            [] => Ok(0),
            output => match stream.poll_send(cx, output) {
                Poll::Ready(sent) => sent,
                Poll::Pending => Ok(0),
            },
        };
        self.tap.bytes(Direction::ClientToServer, data);
        for trouble in troubles {
            self.tap.trouble(trouble);
        }
        self.sent(sent?);
        Ok(())
    }

    /// The socket took so many bytes of the output.
    pub(super) fn sent(&mut self, n: usize) {
        if let Some(sent) = self.connection.output().get(..n) {
            self.tap.bytes(Direction::ServerToClient, sent);
        }
        self.connection.sent(n);
    }

    fn answer(&mut self, mut input: &[u8], troubles: &mut Vec<Finding>) {
        self.closing = loop {
            self.choose();
            let Self { connection, responder, publishing, playing, host, whole, talked, .. } = self;
            let (message, sender) = match connection.next(&mut input) {
                Ok(None) => break None,
                Ok(Some((Arrived::Message(message), sender))) => (message, sender),
                Ok(Some(_)) => continue,
                Err(close) => break Some(close),
            };
            *talked |= matches!(message.type_id, 17 | 20);
            if !*whole && !may_be_header(&message) {
                continue; // media that nobody plays: nearly all there is
            }
            let Some(event) = responder.receive(&message, sender) else { continue };
            match event {
                Event::Media { stream } => {
                    if let Some((_, publisher)) = publishing.iter().find(|(id, _)| *id == stream) {
                        publisher.send(&message);
                    }
                }
                Event::Close(close) => break Some(close),
                Event::Refused { why, .. } => troubles.push(refused(&why)),
                event => react(event, responder, sender, host, publishing, playing, troubles),
            }
        };
        if let Some(close) = &self.closing {
            troubles.extend(closing(close));
        }
    }

    /// Keeps messages whole while somebody wants them, from the next one on.
    #[inline]
    fn choose(&mut self) {
        let changes = self.host.relay.changes();
        if std::mem::replace(&mut self.whole_as_of, changes) != changes {
            let wanted = self.publishing.iter().any(|(_, publisher)| publisher.is_wanted());
            if std::mem::replace(&mut self.whole, wanted) != wanted {
                self.connection.keep(if wanted { Keep::ALL } else { HEADS });
            }
        }
    }

    /// Counts what is held for all connections; over the limit this one, which asked for more, is closed.
    fn weigh(&mut self) {
        if std::mem::take(&mut self.talked) {
            self.names = self.responder.memory();
        }
        let now = self.connection.memory() + self.names;
        let held = &self.host.held;
        let total = (held.get() + now).saturating_sub(self.held);
        held.set(total);
        let grew = now > self.held;
        self.held = now;
        if grew && total > self.host.limits.total_bytes && self.closing.is_none() {
            let close = Close::Limit("total_bytes");
            if let Some(finding) = closing(&close) {
                self.tap.trouble(finding);
            }
            self.closing = Some(close);
        }
    }

    /// Makes ready what players are to get next. Gives whether there is anything.
    pub(super) fn play(&mut self, cx: &Context<'_>) -> bool {
        let Self { connection, responder, playing, .. } = self;
        let sender = connection.sender();
        for (id, player) in playing {
            while sender.waiting() < AHEAD {
                match player.next(cx.waker()) {
                    None => break,
                    Some(Told::Ends) => responder.unpublish_notify(*id, sender),
                    Some(Told::Frame(frame)) => {
                        sender.send(*id, frame.type_id, frame.timestamp, &frame.payload);
                    }
                }
            }
        }
        sender.waiting() > 0
    }

    /// The client says no more: what it published is over, and what it plays ends with what waits for it. Gives whether
    /// anything does.
    pub(super) fn leave(&mut self) -> bool {
        self.publishing.clear();
        self.playing.iter().fold(false, |waits, (_, player)| player.leave() || waits)
    }

    /// Asks the client to connect again.
    pub(super) fn request_reconnect(&mut self) {
        let text = "The server asks to connect again.";
        self.responder.request_reconnect(None, text, self.connection.sender());
        self.tap.trouble(Finding::new(
            "listen.on-purpose",
            Severity::Info,
            "the client is asked to connect again, as --reconnect-after says".to_owned(),
        ));
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let held = &self.host.held;
        held.set(held.get().saturating_sub(self.held));
    }
}

/// Does what an event asks for that is none of a message or of the end.
#[cold]
fn react(
    event: Event,
    responder: &mut Responder,
    sender: &mut Sender,
    host: &Shared,
    publishing: &mut Vec<(u32, Publisher)>,
    playing: &mut Vec<(u32, Player)>,
    troubles: &mut Vec<Finding>,
) {
    let app = responder.app().map_or(&[][..], |app| app.as_bytes());
    let player = |id: u32| playing.iter().find(|(other, _)| *other == id).map(|(_, player)| player);
    match event {
        Event::Published { stream, key, .. } => {
            // What the message stream was used for is over, the same name among it.
            publishing.retain(|(id, _)| *id != stream);
            playing.retain(|(id, _)| *id != stream);
            let published = host.relay.publish(bare(app), bare(key.as_bytes()));
            if let Some(publisher) = published {
                publishing.push((stream, publisher));
                responder.allow(stream, sender);
            } else {
                let text = "Another client publishes a stream of this name.";
                responder.deny(stream, "NetStream.Publish.BadName", text, sender);
                troubles.push(Finding::new(
                    "listen.refused",
                    Severity::Warning,
                    "publish was refused: another client publishes a stream of this name"
                        .to_owned(),
                ));
            }
        }
        Event::Played { stream, play } => {
            let name = play.name.as_ref().map_or(&[][..], |name| name.as_bytes());
            let player = host.relay.play(bare(app), bare(name));
            publishing.retain(|(id, _)| *id != stream);
            playing.retain(|(id, _)| *id != stream);
            playing.push((stream, player));
            responder.allow(stream, sender);
        }
        Event::Unpublished { stream, .. } => publishing.retain(|(id, _)| *id != stream),
        Event::Stopped { stream, .. } => playing.retain(|(id, _)| *id != stream),
        Event::Paused { stream, paused } => {
            if let Some(player) = player(stream) {
                player.pause(paused);
            }
        }
        Event::Receive { stream, audio, video } => {
            if let Some(player) = player(stream) {
                player.receive(audio, video);
            }
        }
        _ => {}
    }
}

/// A name without its query and slashes around it.
fn bare(name: &[u8]) -> &[u8] {
    let name = name.split(|&byte| byte == b'?').next().unwrap_or_default();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    name.strip_prefix(b"/").unwrap_or(name)
}

fn refused(why: &Close) -> Finding {
    let text = format!("the client is refused: {why}");
    Finding::new("listen.refused", Severity::Info, text)
}

/// What is to be said of closing for a reason that the bytes do not show.
fn closing(close: &Close) -> Option<Finding> {
    match close {
        Close::Limit(limit) => Some(Finding::new(
            "listen.limit",
            Severity::Error,
            format!("the connection is closed, because its client crossed a limit ({limit})"),
        )),
        Close::App | Close::Key | Close::AuthNeeded | Close::AuthFailed | Close::Redirected => {
            Some(refused(close))
        }
        _ => None,
    }
}
