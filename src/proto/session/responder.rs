//! A server's answers: messages in, answers out, and what somebody else has to know as events.

use std::sync::Arc;

use super::auth::Verdict;
use super::streams::{Role, Stream, Streams};
use super::{Close, Policy, RefuseWith, Sender, enhanced};
use crate::Limits;
use crate::proto::amf::{Text, Value};
use crate::proto::chunk::Message;
use crate::proto::message::command::{
    Answer, Connect, ConnectResult, ConnectionCall, OnStatus, Play, PlayControl, Publish,
    PublishType, RECONNECT_REQUEST, Status, StatusKind, StreamCall, View,
};
use crate::proto::message::{self, Body, Command, Control, Data, EventType};

/// What somebody else has to know, or to do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// `connect` was accepted and answered.
    Connected(Box<Connect>),
    /// A client publishes. It was answered, unless [`Policy::hold`] is set. What the message stream published or played
    /// before is over.
    Published {
        /// The message stream.
        stream: u32,
        /// The name, with its query.
        key: Text,
        /// What the client wants to be done with it.
        publish_type: Option<PublishType>,
    },
    /// It does so no more, and was told so.
    Unpublished {
        /// The message stream.
        stream: u32,
        /// The name.
        key: Text,
    },
    /// A client plays. It was answered, unless [`Policy::hold`] is set.
    Played {
        /// The message stream.
        stream: u32,
        /// What it asks for; of a `play2` its name only.
        play: Play,
    },
    /// It does so no more.
    Stopped {
        /// The message stream.
        stream: u32,
        /// The name.
        name: Text,
    },
    /// A player pauses or goes on.
    Paused {
        /// The message stream.
        stream: u32,
        /// Whether it pauses.
        paused: bool,
    },
    /// A player wants audio or video, or wants it no more.
    Receive {
        /// The message stream.
        stream: u32,
        /// Of audio.
        audio: Option<bool>,
        /// Of video.
        video: Option<bool>,
    },
    /// The message is audio, video, data or an aggregate of them, on a message stream that is published.
    Media {
        /// The message stream.
        stream: u32,
    },
    /// `publish` or `play` was refused; the connection goes on.
    Refused {
        /// The message stream.
        stream: u32,
        /// Why.
        why: Close,
    },
    /// A call that no server knows was answered with an error.
    Unknown {
        /// The procedure's name.
        name: Text,
    },
    /// The connection is to be closed once the output is sent.
    Close(Close),
}

/// Answers the commands of one client as nginx-rtmp and Flash Media Server do, leniently: in any order, on message
/// streams that were never created, in either AMF version, in which it then answers.
#[derive(Debug)]
pub struct Responder {
    policy: Arc<Policy>,
    limits: Arc<Limits>,
    app: Option<Text>,
    /// The application is refused, which `publish` will be told.
    wrong_app: bool,
    bandwidth_done: bool,
    /// The AMF version of `connect`.
    amf: u8,
    streams: Streams,
}

impl Responder {
    /// A server's end, before `connect`.
    #[must_use]
    pub fn new(policy: Arc<Policy>, limits: Arc<Limits>) -> Self {
        Self {
            policy,
            limits,
            app: None,
            wrong_app: false,
            bandwidth_done: false,
            amf: 0,
            streams: Streams::default(),
        }
    }

    /// Takes a message of the client and sends what is to be answered.
    pub fn receive(&mut self, message: &Message<'_>, sender: &mut Sender) -> Option<Event> {
        match message.type_id {
            8 | 9 | 15 | 18 | 22 => {
                let stream = message.message_stream_id;
                let role = &self.streams.get(stream)?.role;
                matches!(role, Role::Publishing(_)).then_some(Event::Media { stream })
            }
            17 | 20 => {
                let (body, _) =
                    message::decode(message.type_id, message.payload, message.length, &self.limits);
                let Body::Command(command) = body else { return None };
                self.command(&command, message.message_stream_id, sender)
            }
            _ => None,
        }
    }

    /// The application, once `connect` was accepted.
    #[must_use]
    pub const fn app(&self) -> Option<&Text> {
        self.app.as_ref()
    }

    /// The message streams that are in use, and for what. At the end of a connection they are over.
    pub fn streams(&self) -> impl Iterator<Item = (u32, &Role)> {
        self.streams.iter().map(|stream| (stream.id, &stream.role))
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.app.as_ref().map_or(0, Text::len) + self.streams.memory()
    }

    fn command(&mut self, command: &Command, id: u32, sender: &mut Sender) -> Option<Event> {
        let mut reply = Reply { sender, amf: command.amf, transaction: command.transaction_id };
        match command.view() {
            View::Connect(connect) => self.connect(*connect, &mut reply),
            View::Connection(ConnectionCall::Close) => Some(Event::Close(Close::Peer)),
            View::Connection(ConnectionCall::CheckBw) => {
                reply.result(Value::Undefined);
                self.bandwidth_done(&mut reply);
                None
            }
            View::Stream(call) => self.stream_call(call, id, &mut reply),
            View::Publish(publish) => {
                if publish.name.is_none()
                    && command.arguments.first().and_then(Value::as_bool) == Some(false)
                {
                    return self.close_stream(id, &mut reply); // `NetStream.publish(false)`
                }
                self.publish(publish, id, &mut reply)
            }
            View::Play(play) => self.play(play, id, &mut reply),
            View::Play2(play) => {
                let play = Play { name: play.stream_name, start: play.start, ..Play::default() };
                self.play(play, id, &mut reply)
            }
            View::PlayControl(control) => play_control(&control, id, &mut reply),
            // What a client answers, or tells of itself.
            View::Answer(_)
            | View::Status(_)
            | View::Connection(ConnectionCall::OnBwDone { .. }) => None,
            View::Other => {
                let name = command.name.clone().unwrap_or_default();
                // Nobody waits for an answer to what has no transaction.
                reply.transaction.filter(|id| *id != 0.0)?;
                let status = status(
                    "error",
                    "NetConnection.Call.Failed",
                    &format!("Method not found ({}).", command.name()),
                );
                reply.answer(true, Value::Null, status.value());
                Some(Event::Unknown { name })
            }
        }
    }

    fn connect(&mut self, connect: Connect, reply: &mut Reply<'_>) -> Option<Event> {
        self.amf = reply.amf;
        let app = connect.app.clone().unwrap_or_default();
        if app.len() > self.limits.name_bytes {
            return Some(Event::Close(Close::Limit("name_bytes")));
        }
        let policy = Arc::clone(&self.policy);
        if let Some(auth) = &policy.auth {
            match auth.judge(&String::from_utf8_lossy(app.as_bytes())) {
                Verdict::Accepted => {}
                Verdict::Ask(text) => return reply.reject(&text, None, Close::AuthNeeded),
                Verdict::Failed(text) => return reply.reject(&text, None, Close::AuthFailed),
            }
        }
        if let Some(url) = &policy.redirect {
            let text = "[ Server.Reject ] : (code=302) : redirected.";
            return reply.reject(text, Some(url), Close::Redirected);
        }
        if !policy.apps.accept(bare(app.as_bytes())) {
            match policy.refuse_with {
                RefuseWith::Silence => return Some(Event::Close(Close::App)),
                RefuseWith::Error => {
                    let text = "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application is not defined.";
                    return reply.reject(text, None, Close::App);
                }
                RefuseWith::BadName => self.wrong_app = true,
            }
        }
        let sender = &mut *reply.sender;
        sender.control(Control::WindowAcknowledgementSize { size: Some(policy.window) });
        let (size, limit_type) = policy.peer_bandwidth;
        sender
            .control(Control::SetPeerBandwidth { size: Some(size), limit_type: Some(limit_type) });
        sender.control(Control::SetChunkSize { size: Some(policy.chunk_size) });
        sender.stream_event(EventType::StreamBegin, 0);
        let mut status = status("status", "NetConnection.Connect.Success", "Connection succeeded.");
        let encoding = connect.object_encoding.unwrap_or(0.0);
        status.others.push(("objectEncoding".into(), Value::Number(encoding)));
        let offered = connect.enhanced.as_ref().filter(|_| policy.enhanced);
        reply.send(
            0,
            ConnectResult {
                error: false,
                fms_ver: Some(policy.fms_ver.clone()),
                capabilities: Some(31.0),
                mode: Some(1.0),
                enhanced: offered.map(enhanced::answer),
                others: Vec::new(),
                status,
            }
            .command(reply.transaction.unwrap_or(1.0)),
        );
        if policy.bandwidth_done {
            self.bandwidth_done(reply);
        }
        self.app = Some(app);
        Some(Event::Connected(Box::new(connect)))
    }

    /// Once for each connection: clients answer it with `_checkbw`.
    fn bandwidth_done(&mut self, reply: &mut Reply<'_>) {
        if !std::mem::replace(&mut self.bandwidth_done, true) {
            reply.send(0, ConnectionCall::OnBwDone { values: Vec::new() }.command(0.0));
        }
    }

    fn stream_call(&mut self, call: StreamCall, id: u32, reply: &mut Reply<'_>) -> Option<Event> {
        match call {
            StreamCall::Create => match self.streams.create(self.limits.message_streams) {
                Some(id) => reply.result(Value::Number(id.into())),
                None => {
                    let text = "The limit message_streams was crossed.";
                    let status = status("error", "NetConnection.Call.Failed", text);
                    reply.answer(true, Value::Null, status.value());
                }
            },
            StreamCall::Release(_) | StreamCall::FcUnsubscribe(_) => reply.result(Value::Undefined),
            StreamCall::FcPublish(name) => {
                reply.result(Value::Undefined);
                reply.tell(StatusKind::OnFcPublish, "NetStream.Publish.Start", name);
            }
            StreamCall::FcUnpublish(name) => {
                reply.tell(StatusKind::OnFcUnpublish, "NetStream.Unpublish.Success", name);
                reply.result(Value::Undefined);
            }
            StreamCall::FcSubscribe(name) => {
                reply.result(Value::Undefined);
                reply.tell(StatusKind::OnFcSubscribe, "NetStream.Play.Start", name);
            }
            StreamCall::GetLength(_) => reply.result(Value::Number(0.0)),
            StreamCall::Close => return self.close_stream(id, reply),
            StreamCall::Delete(number) => {
                let id = number.map_or(id, |number| number as u32);
                let ended = self.close_stream(id, reply);
                self.streams.remove(id);
                return ended;
            }
        }
        None
    }

    fn publish(&mut self, publish: Publish, id: u32, reply: &mut Reply<'_>) -> Option<Event> {
        let key = publish.name.unwrap_or_default();
        let wrong = if self.wrong_app {
            Some(Close::App)
        } else if !self.accepts_key(key.as_bytes()) {
            Some(Close::Key)
        } else if key.len() > self.limits.name_bytes {
            Some(Close::Limit("name_bytes"))
        } else {
            None
        };
        if let Some(why) = wrong {
            if self.policy.refuse_with == RefuseWith::Silence {
                return Some(Event::Close(why));
            }
            reply.status(
                id,
                status("error", "NetStream.Publish.BadName", "The name is not accepted."),
            );
            return Some(Event::Refused { stream: id, why });
        }
        let Some(stream) = self.streams.get_or_add(id, self.limits.message_streams) else {
            reply.status(id, status("error", "NetStream.Publish.BadName", "Too many streams."));
            return Some(Event::Refused { stream: id, why: Close::Limit("message_streams") });
        };
        *stream = Stream { id, role: Role::Publishing(key.clone()), held: true, amf: reply.amf };
        if !self.policy.hold {
            self.allow(id, reply.sender);
        }
        Some(Event::Published { stream: id, key, publish_type: publish.publish_type })
    }

    fn accepts_key(&self, key: &[u8]) -> bool {
        self.policy.keys.accept(key) || self.policy.keys.accept(bare(key))
    }

    fn play(&mut self, play: Play, id: u32, reply: &mut Reply<'_>) -> Option<Event> {
        let name = play.name.clone().unwrap_or_default();
        let refused = if self.wrong_app {
            Some(Close::App)
        } else if !self.policy.play {
            Some(Close::Key)
        } else if name.len() > self.limits.name_bytes {
            Some(Close::Limit("name_bytes"))
        } else {
            None
        };
        let stream = self.streams.get_or_add(id, self.limits.message_streams);
        let (None, Some(stream)) = (&refused, stream) else {
            reply.status(id, status("error", "NetStream.Play.Failed", "Nothing is played here."));
            let why = refused.unwrap_or(Close::Limit("message_streams"));
            return Some(Event::Refused { stream: id, why });
        };
        *stream = Stream { id, role: Role::Playing(name), held: true, amf: reply.amf };
        if !self.policy.hold {
            self.allow(id, reply.sender);
        }
        Some(Event::Played { stream: id, play })
    }

    /// Answers a `publish` or `play` that waits, with what makes the client go on.
    pub fn allow(&mut self, id: u32, sender: &mut Sender) {
        let Some(stream) = self.streams.get_mut(id).filter(|stream| stream.held) else { return };
        stream.held = false;
        let mut reply = Reply { sender, amf: stream.amf, transaction: None };
        reply.sender.stream_event(EventType::StreamBegin, id);
        match &stream.role {
            Role::Idle => {}
            Role::Publishing(key) => {
                let mut status =
                    status("status", "NetStream.Publish.Start", "The stream is now published.");
                status.details = Some(key.clone());
                reply.status(id, status);
            }
            Role::Playing(name) => {
                let name = name.clone();
                let mut tell = |code, text| {
                    let mut status = status("status", code, text);
                    status.details = Some(name.clone());
                    reply.status(id, status);
                };
                tell("NetStream.Play.Reset", "The playlist is reset.");
                tell("NetStream.Play.Start", "The stream is now played.");
                // Flash Player wants to hear that it may look at samples.
                let access = Data {
                    amf: stream.amf,
                    name: Some("|RtmpSampleAccess".into()),
                    arguments: vec![Value::Boolean(true), Value::Boolean(true)],
                };
                reply.sender.data(id, 0, &access);
            }
        }
    }

    /// Refuses a `publish` or `play` that waits, or ends one that goes on: `NetStream.Publish.BadName`,
    /// `NetStream.Play.StreamNotFound` or another code, with a text for people. The message stream is then idle.
    pub fn deny(&mut self, id: u32, code: &str, text: &str, sender: &mut Sender) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.role = Role::Idle;
        stream.held = false;
        let amf = stream.amf;
        Reply { sender, amf, transaction: None }.status(id, status("error", code, text));
    }

    /// Tells a player that what it plays is over for now: `NetStream.Play.UnpublishNotify`, and the end of the stream.
    pub fn unpublish_notify(&self, id: u32, sender: &mut Sender) {
        let amf = self.streams.get(id).map_or(self.amf, |stream| stream.amf);
        sender.stream_event(EventType::StreamEof, id);
        let status = status("status", "NetStream.Play.UnpublishNotify", "The stream has ended.");
        Reply { sender, amf, transaction: None }.status(id, status);
    }

    /// Asks the client to connect again, to another URL where one is given (Enhanced RTMP v2, "Reconnect Request").
    pub fn request_reconnect(&self, tc_url: Option<&str>, text: &str, sender: &mut Sender) {
        let mut status = status("status", RECONNECT_REQUEST, text);
        status.tc_url = tc_url.map(Text::from);
        Reply { sender, amf: self.amf, transaction: None }.status(0, status);
    }

    /// What was published or played on it is over.
    fn close_stream(&mut self, id: u32, reply: &mut Reply<'_>) -> Option<Event> {
        let stream = self.streams.get_mut(id)?;
        stream.held = false;
        match std::mem::take(&mut stream.role) {
            Role::Idle => None,
            Role::Publishing(key) => {
                let text = "The stream is now unpublished.";
                reply.status(id, status("status", "NetStream.Unpublish.Success", text));
                Some(Event::Unpublished { stream: id, key })
            }
            Role::Playing(name) => {
                reply.status(id, status("status", "NetStream.Play.Stop", "The stream is stopped."));
                Some(Event::Stopped { stream: id, name })
            }
        }
    }
}

fn play_control(control: &PlayControl, id: u32, reply: &mut Reply<'_>) -> Option<Event> {
    let mut tell = |code, text| reply.status(id, status("status", code, text));
    match *control {
        PlayControl::Seek(_) => {
            tell("NetStream.Seek.Notify", "A live stream is played on.");
            None
        }
        PlayControl::Pause { pause, .. } => {
            let paused = pause.unwrap_or(true);
            if paused {
                tell("NetStream.Pause.Notify", "The stream is paused.");
            } else {
                tell("NetStream.Unpause.Notify", "The stream goes on.");
            }
            Some(Event::Paused { stream: id, paused })
        }
        PlayControl::ReceiveAudio(audio) => Some(Event::Receive { stream: id, audio, video: None }),
        PlayControl::ReceiveVideo(video) => Some(Event::Receive { stream: id, audio: None, video }),
    }
}

/// A name without its query, and an application without what stands for its instance.
fn bare(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == b'?').unwrap_or(name.len());
    let name = &name[..end];
    let name = name.strip_suffix(b"/").unwrap_or(name);
    name.strip_suffix(b"/_definst_").unwrap_or(name)
}

fn status(level: &str, code: &str, description: &str) -> Status {
    Status {
        level: Some(level.into()),
        code: Some(code.into()),
        description: Some(description.into()),
        ..Status::default()
    }
}

/// What is answered to one command: in its AMF version and under its transaction.
struct Reply<'s> {
    sender: &'s mut Sender,
    amf: u8,
    transaction: Option<f64>,
}

impl Reply<'_> {
    fn send(&mut self, id: u32, command: Command) {
        self.sender.command(id, &Command { amf: self.amf, ..command });
    }

    /// A `_result`, where an answer is wanted.
    fn result(&mut self, value: Value) {
        self.answer(false, Value::Null, value);
    }

    fn answer(&mut self, error: bool, object: Value, value: Value) {
        let Some(transaction) = self.transaction.filter(|id| *id != 0.0) else { return };
        let answer = Answer { error, object, ..Answer::with(transaction, value) };
        self.send(0, answer.command());
    }

    /// An `onStatus` on a message stream.
    fn status(&mut self, id: u32, status: Status) {
        self.send(id, OnStatus { kind: StatusKind::OnStatus, status }.command());
    }

    /// One of the calls that tell the same to content delivery networks.
    fn tell(&mut self, kind: StatusKind, code: &str, name: Option<Text>) {
        let mut status = status("status", code, "");
        status.description = name;
        self.send(0, OnStatus { kind, status }.command());
    }

    /// Rejects a `connect`, and closes.
    fn reject(&mut self, text: &str, redirect: Option<&Text>, why: Close) -> Option<Event> {
        let mut status = status("error", "NetConnection.Connect.Rejected", text);
        if let Some(url) = redirect {
            let members = vec![
                ("code".into(), Value::Number(302.0)),
                ("redirect".into(), Value::String(url.clone())),
            ];
            status.others.push(("ex".into(), Value::Object(members)));
        }
        let rejected = ConnectResult { error: true, status, ..ConnectResult::default() };
        let command = rejected.command(self.transaction.unwrap_or(1.0));
        // As Flash Media Server has it, and FFmpeg looks for the description in the first object that there is.
        self.send(0, Command { object: Some(Value::Null), ..command });
        self.send(0, ConnectionCall::Close.command(0.0));
        Some(Event::Close(why))
    }
}
