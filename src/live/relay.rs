//! Published streams, relayed to whoever plays them: what a decoder needs first, then everything from the last key frame
//! on. A slow player loses frames; a publisher never waits.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::Waker;

use crate::Limits;
use crate::proto::chunk::Message;
use crate::proto::message::{
    self, AudioPacketType, Body, FrameType, VideoPacketType, data::to_others,
};

/// The streams of a run, by application and name.
#[derive(Debug, Clone)]
pub(super) struct Relay(Rc<Hub>);

#[derive(Debug)]
struct Hub {
    streams: RefCell<HashMap<Name, Rc<Stream>>>,
    /// How many are published.
    published: Cell<usize>,
    /// How often who wants what may have changed.
    changes: Cell<u64>,
    /// Bytes held of all of them to begin playing with.
    cached: Cell<usize>,
    limits: Rc<Limits>,
}

type Name = (Box<[u8]>, Box<[u8]>);

/// A stream that is published, played, or both.
#[derive(Debug)]
struct Stream {
    name: Name,
    published: Cell<bool>,
    content: RefCell<Content>,
}

/// What of a stream is kept, and for whom.
#[derive(Debug, Default)]
struct Content {
    /// Metadata and the configuration of each track, the latest of each.
    headers: Vec<(Slot, Rc<Frame>)>,
    /// Everything since the last key frame.
    group: Vec<Rc<Frame>>,
    group_bytes: usize,
    /// Whether `group` begins with a key frame and lacks nothing.
    grouping: bool,
    players: Vec<Rc<Queue>>,
}

/// What a header replaces: the message type, the kind of packet and the track.
type Slot = (u8, u8, u8);

/// A message to be relayed.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) type_id: u8,
    pub(super) timestamp: u32,
    pub(super) payload: Box<[u8]>,
    kind: FrameKind,
}

impl Frame {
    /// What it takes: one without payload too.
    fn memory(&self) -> usize {
        self.payload.len() + size_of::<Self>()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Header(Slot),
    Key,
    Video,
    Audio,
    Other,
}

impl Relay {
    pub(super) fn new(limits: Rc<Limits>) -> Self {
        Self(Rc::new(Hub {
            streams: RefCell::default(),
            published: Cell::new(0),
            changes: Cell::new(1),
            cached: Cell::new(0),
            limits,
        }))
    }

    /// Begins a stream; `None` where another client publishes it.
    pub(super) fn publish(&self, app: &[u8], name: &[u8]) -> Option<Publisher> {
        let stream = self.stream(app, name);
        if stream.published.replace(true) {
            return None;
        }
        let hub = &self.0;
        hub.published.set(hub.published.get() + 1);
        hub.changed();
        if !hub.caches() {
            for stream in hub.streams.borrow().values() {
                hub.forget(&mut stream.content.borrow_mut());
            }
        }
        stream.content.borrow().begin();
        Some(Publisher { relay: self.clone(), stream })
    }

    /// Plays a stream, also one that nobody publishes yet.
    pub(super) fn play(&self, app: &[u8], name: &[u8]) -> Player {
        let stream = self.stream(app, name);
        let queue = Rc::new(Queue::default());
        queue.0.borrow_mut().most = self.0.limits.player_bytes;
        let mut content = stream.content.borrow_mut();
        if stream.published.get() {
            let mut state = queue.0.borrow_mut();
            state.awaits_key = !content.grouping;
            for (_, frame) in &content.headers {
                state.push(Told::Frame(Rc::clone(frame)));
            }
            if content.grouping {
                for frame in &content.group {
                    state.push(Told::Frame(Rc::clone(frame)));
                }
            }
            // What it begins with is held anyway, and is not why later frames are left out.
            state.most += state.bytes;
        }
        content.players.push(Rc::clone(&queue));
        self.0.changed();
        drop(content);
        Player { relay: self.clone(), stream, queue }
    }

    /// How often it may have changed whether anybody [wants](Publisher::is_wanted) anything.
    #[inline]
    pub(super) fn changes(&self) -> u64 {
        self.0.changes.get()
    }

    fn stream(&self, app: &[u8], name: &[u8]) -> Rc<Stream> {
        let key = (app.into(), name.into());
        let mut streams = self.0.streams.borrow_mut();
        let make = || {
            let name = key.clone();
            Rc::new(Stream { name, published: Cell::default(), content: RefCell::default() })
        };
        Rc::clone(streams.entry(key.clone()).or_insert_with(make))
    }

    /// Forgets a stream that nobody publishes or plays any more.
    fn release(&self, stream: &Stream) {
        if !stream.published.get() && stream.content.borrow().players.is_empty() {
            self.0.streams.borrow_mut().remove(&stream.name);
        }
    }
}

impl Hub {
    fn changed(&self) {
        self.changes.set(self.changes.get().wrapping_add(1));
    }

    /// Whether anything is kept for players that may come.
    fn caches(&self) -> bool {
        self.published.get() <= self.limits.relay_streams
    }

    /// Forgets what is kept since the last key frame.
    fn forget(&self, content: &mut Content) {
        self.cached.set(self.cached.get().saturating_sub(content.group_bytes));
        content.group = Vec::new();
        content.group_bytes = 0;
        content.grouping = false;
    }
}

/// A client's hold on the stream that it publishes, until it is dropped.
#[derive(Debug)]
pub(super) struct Publisher {
    relay: Relay,
    stream: Rc<Stream>,
}

impl Publisher {
    /// Whether anybody needs whole messages.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        self.relay.0.caches() || !self.stream.content.borrow().players.is_empty()
    }

    /// Takes a message of the stream. One that is not whole cannot be relayed.
    pub(super) fn send(&self, message: &Message<'_>) {
        if !self.is_wanted() && !may_be_header(message) {
            return;
        }
        let hub = &self.relay.0;
        let mut content = self.stream.content.borrow_mut();
        if message.payload.len() != message.length as usize {
            // What follows on it cannot be decoded without it.
            hub.forget(&mut content);
            content.lacks(message.type_id);
            return;
        }
        let Some(frame) = frame(message, &hub.limits) else { return };
        if let FrameKind::Header(slot) = frame.kind {
            content.header(slot, &frame, &hub.limits);
        }
        if hub.caches() {
            keep(hub, &mut content, &frame);
        }
        content.tell(&Told::Frame(frame));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let hub = &self.relay.0;
        hub.published.set(hub.published.get().saturating_sub(1));
        hub.changed();
        self.stream.published.set(false);
        let mut content = self.stream.content.borrow_mut();
        hub.forget(&mut content);
        content.headers.clear();
        content.tell(&Told::Ends);
        drop(content);
        self.relay.release(&self.stream);
    }
}

/// Keeps a frame for players that come before the next key frame.
fn keep(hub: &Hub, content: &mut Content, frame: &Rc<Frame>) {
    match frame.kind {
        FrameKind::Key => {
            hub.forget(content);
            content.grouping = true;
        }
        // It is sent ahead of all others.
        FrameKind::Header(_) => return,
        _ if !content.grouping => return,
        _ => {}
    }
    let bytes = frame.memory();
    if hub.cached.get() + bytes > hub.limits.relay_bytes {
        hub.forget(content);
        return;
    }
    hub.cached.set(hub.cached.get() + bytes);
    content.group_bytes += bytes;
    content.group.push(Rc::clone(frame));
}

impl Content {
    fn header(&mut self, slot: Slot, frame: &Rc<Frame>, limits: &Limits) {
        match self.headers.iter().position(|(other, _)| *other == slot) {
            Some(at) => self.headers[at].1 = Rc::clone(frame),
            None if self.headers.len() < limits.tracks => {
                self.headers.push((slot, Rc::clone(frame)));
            }
            None => {}
        }
    }

    fn tell(&self, told: &Told) {
        for player in &self.players {
            player.tell(told);
        }
    }

    /// A message of this type is missing.
    fn lacks(&self, type_id: u8) {
        for player in self.players.iter().filter(|_| type_id == 9) {
            player.0.borrow_mut().awaits_key = true;
        }
    }

    fn leaves(&mut self, player: &Rc<Queue>) {
        self.players.retain(|other| !Rc::ptr_eq(other, player));
    }

    /// The stream begins: nothing before it is missing.
    fn begin(&self) {
        for player in &self.players {
            player.0.borrow_mut().awaits_key = false;
        }
    }
}

/// Whether a message may be one that players need first, told without decoding it.
#[inline]
pub(super) fn may_be_header(message: &Message<'_>) -> bool {
    !matches!(message.type_id, 8 | 9) || message::needs_whole(message.type_id, message.payload)
}

/// What is relayed of a message.
fn frame(message: &Message<'_>, limits: &Limits) -> Option<Rc<Frame>> {
    let Message { type_id, payload, length, timestamp, .. } = *message;
    let (body, _) = message::decode(type_id, payload, length, limits);
    let (type_id, payload, kind) = match &body {
        Body::Audio(audio) => {
            let track = audio.tracks.first().map_or(0, |track| track.track);
            let kind = match audio.packet_type {
                Some(AudioPacketType::SequenceStart) => FrameKind::Header((8, 0, track)),
                Some(AudioPacketType::MultichannelConfig) => FrameKind::Header((8, 1, track)),
                _ => FrameKind::Audio,
            };
            (8, payload, kind)
        }
        Body::Video(video) => {
            let track = video.tracks.first().map_or(0, |track| track.track);
            let kind = match (video.packet_type, video.frame_type) {
                (Some(VideoPacketType::SequenceStart), _) => FrameKind::Header((9, 0, track)),
                (Some(VideoPacketType::Metadata), _) => FrameKind::Header((9, 1, track)),
                (Some(VideoPacketType::Mpeg2TsSequenceStart), _) => {
                    FrameKind::Header((9, 2, track))
                }
                (Some(VideoPacketType::SequenceEnd), _) => FrameKind::Video,
                (Some(_), Some(FrameType::Key | FrameType::GeneratedKey)) if track == 0 => {
                    FrameKind::Key
                }
                _ => FrameKind::Video,
            };
            (9, payload, kind)
        }
        Body::Data(data) => {
            let kind = match data.metadata() {
                Some(_) => FrameKind::Header((18, 0, 0)),
                None => FrameKind::Other,
            };
            (18, to_others(type_id, payload)?, kind)
        }
        _ => (type_id, payload, FrameKind::Other),
    };
    Some(Rc::new(Frame { type_id, timestamp, payload: payload.into(), kind }))
}

/// What a player is told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// The next message.
    Frame(Rc<Frame>),
    /// The stream has ended; it may begin again.
    Ends,
}

/// What waits to be sent to a player.
#[derive(Debug, Default)]
struct Queue(RefCell<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    told: VecDeque<Told>,
    bytes: usize,
    /// Bytes over which frames are left out.
    most: usize,
    /// Video is left out until the next key frame.
    awaits_key: bool,
    /// What the player does not want.
    paused: bool,
    no_audio: bool,
    no_video: bool,
    waker: Option<Waker>,
}

impl Queue {
    fn tell(&self, told: &Told) {
        let mut waiting = self.0.borrow_mut();
        match told {
            // Said once, however often the stream ends and begins while the player does not read.
            Told::Ends if matches!(waiting.told.back(), Some(Told::Ends)) => return,
            Told::Ends => waiting.awaits_key = false,
            Told::Frame(frame) if !waiting.takes(frame) => return,
            Told::Frame(_) => {}
        }
        waiting.push(told.clone());
        if let Some(waker) = waiting.waker.take() {
            drop(waiting);
            waker.wake();
        }
    }
}

impl Waiting {
    fn push(&mut self, told: Told) {
        if let Told::Frame(frame) = &told {
            self.bytes += frame.memory();
        }
        self.told.push_back(told);
    }

    /// Whether a frame is to be sent.
    fn takes(&mut self, frame: &Frame) -> bool {
        let full = self.bytes > self.most;
        match frame.kind {
            FrameKind::Header(_) => !full,
            FrameKind::Key | FrameKind::Video => {
                if full || self.paused || self.no_video {
                    self.awaits_key = true;
                } else if frame.kind == FrameKind::Key {
                    self.awaits_key = false;
                }
                !self.awaits_key
            }
            FrameKind::Audio => !full && !self.paused && !self.no_audio,
            FrameKind::Other => !full && !self.paused,
        }
    }
}

/// A client's hold on a stream that it plays, until it is dropped.
#[derive(Debug)]
pub(super) struct Player {
    relay: Relay,
    stream: Rc<Stream>,
    queue: Rc<Queue>,
}

impl Player {
    /// What comes next; where nothing does, `waker` is woken once it has.
    pub(super) fn next(&self, waker: &Waker) -> Option<Told> {
        let mut waiting = self.queue.0.borrow_mut();
        let Some(told) = waiting.told.pop_front() else {
            if !waiting.waker.as_ref().is_some_and(|other| other.will_wake(waker)) {
                waiting.waker = Some(waker.clone());
            }
            return None;
        };
        if let Told::Frame(frame) = &told {
            waiting.bytes -= frame.memory();
        }
        Some(told)
    }

    /// The player is told nothing more than what waits for it. Gives whether anything does.
    pub(super) fn leave(&self) -> bool {
        self.stream.content.borrow_mut().leaves(&self.queue);
        self.relay.0.changed();
        !self.queue.0.borrow().told.is_empty()
    }

    /// The player pauses, or goes on.
    pub(super) fn pause(&self, paused: bool) {
        self.queue.0.borrow_mut().paused = paused;
    }

    /// The player wants sound or pictures, or does not.
    pub(super) fn receive(&self, audio: Option<bool>, video: Option<bool>) {
        let mut waiting = self.queue.0.borrow_mut();
        waiting.no_audio = audio.map_or(waiting.no_audio, |audio| !audio);
        waiting.no_video = video.map_or(waiting.no_video, |video| !video);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let mut content = self.stream.content.borrow_mut();
        content.leaves(&self.queue);
        self.relay.0.changed();
        drop(content);
        self.relay.release(&self.stream);
    }
}
