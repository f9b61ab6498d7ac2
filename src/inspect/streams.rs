//! What happened on a connection, and when: its steps, its message streams and what each direction announced. Facts, no
//! judgement.

use super::Place;
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::{Body, Command, Control};

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The record that shows it.
    pub(crate) seq: u64,
    /// Nanoseconds since the connection's first packet.
    pub(crate) at: Option<i64>,
    /// Where in the source.
    pub(crate) place: Place,
}

/// What happened on one connection.
#[derive(Debug, Default)]
pub(crate) struct Story {
    ways: [Way; 2],
    /// The client's `connect`.
    pub(crate) connect: Option<Moment>,
    /// Its answer, and whether that was `_result`.
    pub(crate) connected: Option<(Moment, bool)>,
    /// The client's first `createStream`.
    pub(crate) create_stream: Option<Moment>,
    /// Message streams in the order of their appearance, at most [`MOST_STREAMS`].
    pub(crate) streams: Vec<Stream>,
    /// The first audio or video.
    pub(crate) media: Option<Moment>,
    /// The latest status that the server gave, `onStatus` and the answers to `connect` alike.
    pub(crate) status: Option<Status>,
    /// The chunk size that the same client announced last on an earlier connection of the run.
    pub(crate) earlier_chunk_size: Option<u32>,
    /// `createStream` calls so far.
    pub(crate) created: u32,
}

/// What is known of one direction.
#[derive(Debug)]
pub(crate) struct Way {
    /// The chunk size in force, bytes; 128 until one is announced.
    pub(crate) chunk_size: u32,
    /// Set Chunk Size messages so far.
    pub(crate) chunk_sizes: u32,
    /// The latest of them.
    pub(crate) chunk_size_at: Option<Moment>,
    /// The latest Window Acknowledgement Size that this side announced: the other is to acknowledge that often.
    pub(crate) window: Option<(u32, Moment)>,
    /// The latest Acknowledgement that this side sent.
    pub(crate) acknowledged: Option<(u32, Moment)>,
    /// Stream offset behind the latest message.
    pub(crate) end: u64,
    /// Handshake packets and messages so far.
    pub(crate) messages: u64,
    /// When the latest message came.
    pub(crate) latest: Option<i64>,
    /// Stream offsets at which the latest pieces began in which its bytes came (segments, in a capture).
    pieces: [u64; PIECES],
    /// Pieces so far.
    arrivals: usize,
    /// When the direction ended.
    pub(crate) ended: Option<Moment>,
    /// The handshake's packets so far: 0 to 3.
    pub(crate) handshake: u8,
    /// When the latest of them came.
    pub(crate) shaken: Option<Moment>,
    /// When bytes were missing or the framing was lost last: what came then is not known.
    pub(crate) broken: Option<Moment>,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            chunk_size: 128,
            chunk_sizes: 0,
            chunk_size_at: None,
            window: None,
            acknowledged: None,
            end: 0,
            messages: 0,
            latest: None,
            pieces: [0; PIECES],
            arrivals: 0,
            ended: None,
            handshake: 0,
            shaken: None,
            broken: None,
        }
    }
}

impl Way {
    /// A piece of its bytes came that begins at this stream offset.
    #[inline]
    pub(super) const fn piece(&mut self, offset: u64) {
        self.pieces[self.arrivals % PIECES] = offset;
        self.arrivals += 1;
    }

    /// Whether what ends in the latest piece, and began at this stream offset, lies in more than three.
    pub(crate) fn is_scattered(&self, start: u64) -> bool {
        self.arrivals > PIECES && self.pieces.iter().all(|begin| *begin > start)
    }

    /// Something of this direction came, up to stream offset `end`.
    #[inline]
    pub(super) const fn told(&mut self, end: u64, at: Option<i64>) {
        self.end = end;
        self.latest = at;
        self.messages += 1;
    }
}

/// A message stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Its id.
    pub(crate) id: u32,
    /// When `createStream` was answered with it.
    pub(crate) created: Option<Moment>,
    /// The client's latest `publish`.
    pub(crate) publish: Option<Moment>,
    /// The client's latest `play`.
    pub(crate) play: Option<Moment>,
    /// `NetStream.Publish.Start` or `NetStream.Play.Start`.
    pub(crate) started: Option<Moment>,
    /// The server's latest status of a failure.
    pub(crate) failed: Option<Moment>,
    /// `deleteStream`, `closeStream` or `FCUnpublish`.
    pub(crate) closed: Option<Moment>,
    /// The first audio or video from either side.
    pub(crate) media: Option<Moment>,
}

/// A status that the server gave.
#[derive(Debug)]
pub(crate) struct Status {
    /// `NetStream.Publish.Start`; cut to 64 characters.
    pub(crate) code: String,
    /// Whether its level is `error`, or its code one of a failure.
    pub(crate) failure: bool,
    /// When.
    pub(crate) at: Moment,
}

/// Pieces remembered: what lies in more of them came in small ones.
const PIECES: usize = 3;
/// Message streams remembered. Real connections have a few.
const MOST_STREAMS: usize = 32;
/// Characters kept of a status code: the longest defined one has 38.
const CODE: usize = 64;

impl Story {
    /// Of a connection whose client announced this chunk size on an earlier one.
    pub(super) fn behind(earlier_chunk_size: Option<u32>) -> Self {
        Self { earlier_chunk_size, ..Self::default() }
    }

    /// What is known of a direction.
    #[inline]
    pub(crate) const fn way(&self, direction: Direction) -> &Way {
        &self.ways[direction.index()]
    }

    /// The same, to learn from it.
    #[inline]
    pub(super) const fn way_mut(&mut self, direction: Direction) -> &mut Way {
        &mut self.ways[direction.index()]
    }

    /// The stream with this id.
    pub(crate) fn stream(&self, id: u32) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.id == id)
    }

    /// Whether all that was sent in a direction since the record with this number is known, so that what is not there
    /// was not sent. Of a direction that was not captured nothing is.
    pub(crate) fn knows(&self, direction: Direction, since: u64) -> bool {
        let way = self.way(direction);
        way.messages > 0 && way.broken.is_none_or(|broken| broken.seq < since)
    }

    /// The first `publish`.
    pub(crate) fn publish(&self) -> Option<Moment> {
        self.streams.iter().filter_map(|stream| stream.publish).min_by_key(|moment| moment.seq)
    }

    /// The first status that says that publishing has started.
    pub(crate) fn publish_started(&self) -> Option<Moment> {
        let publishing = self.streams.iter().filter(|stream| stream.publish.is_some());
        publishing.filter_map(|stream| stream.started).min_by_key(|moment| moment.seq)
    }

    /// A message came. `answers`: the name of the call that it answers.
    pub(super) fn message(
        &mut self,
        direction: Direction,
        message_stream_id: u32,
        body: &Body,
        answers: Option<&str>,
        now: Moment,
    ) {
        match body {
            Body::Control(control) => self.control(direction, *control, now),
            Body::Command(command) if direction == Direction::ClientToServer => {
                self.call(message_stream_id, command, now);
            }
            Body::Command(command) => self.answer(message_stream_id, command, answers, now),
            Body::Audio(_) | Body::Video(_) => self.media(message_stream_id, now),
            _ => {}
        }
    }

    /// The first media of a track came.
    fn media(&mut self, message_stream_id: u32, now: Moment) {
        self.media.get_or_insert(now);
        if let Some(stream) = self.stream_mut(message_stream_id) {
            stream.media.get_or_insert(now);
        }
    }

    fn control(&mut self, direction: Direction, control: Control, now: Moment) {
        let way = self.way_mut(direction);
        match control {
            Control::SetChunkSize { size: Some(size) } => {
                if size & 0x7fff_ffff > 0 {
                    way.chunk_size = size & 0x7fff_ffff;
                }
                way.chunk_sizes = way.chunk_sizes.saturating_add(1);
                way.chunk_size_at = Some(now);
            }
            Control::WindowAcknowledgementSize { size: Some(size) } => {
                way.window = Some((size, now))
            }
            Control::Acknowledgement { sequence_number: Some(n) } => {
                way.acknowledged = Some((n, now));
            }
            _ => {}
        }
    }

    fn call(&mut self, message_stream_id: u32, command: &Command, now: Moment) {
        let number = |value: Option<&Value>| value.and_then(Value::as_number).map(|n| n as u32);
        match command.name() {
            "connect" => self.connect = self.connect.or(Some(now)),
            "createStream" => {
                self.create_stream = self.create_stream.or(Some(now));
                self.created = self.created.saturating_add(1);
            }
            "publish" => {
                if let Some(stream) = self.stream_mut(message_stream_id) {
                    stream.publish = Some(now);
                    (stream.started, stream.failed, stream.closed) = (None, None, None);
                }
            }
            "play" | "play2" => {
                if let Some(stream) = self.stream_mut(message_stream_id) {
                    stream.play = Some(now);
                }
            }
            "deleteStream" => {
                let id = number(command.arguments.first()).unwrap_or(message_stream_id);
                self.close(id, now);
            }
            "closeStream" => self.close(message_stream_id, now),
            _ => {}
        }
    }

    fn close(&mut self, id: u32, now: Moment) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) {
            stream.closed.get_or_insert(now);
        }
    }

    fn answer(
        &mut self,
        message_stream_id: u32,
        command: &Command,
        answers: Option<&str>,
        now: Moment,
    ) {
        let info = command.arguments.first();
        let field = |name| info.and_then(|info| info.get(name)).and_then(Value::as_str);
        let result = command.name() == "_result";
        match answers {
            Some("connect") if self.connected.is_none() => self.connected = Some((now, result)),
            Some("createStream") if result => {
                if let Some(id) = info.and_then(Value::as_number)
                    && let Some(stream) = self.stream_mut(id as u32)
                {
                    stream.created.get_or_insert(now);
                }
            }
            _ => {}
        }
        let Some(code) = field("code") else { return };
        let failure = field("level") == Some("error") || is_failure(code);
        self.status = Some(Status { code: code.chars().take(CODE).collect(), failure, at: now });
        if command.name() != "onStatus" {
            return;
        }
        // Some servers answer on message stream 0: with one stream there is no doubt which is meant.
        let index = match self.streams.iter().position(|stream| stream.id == message_stream_id) {
            None if self.streams.len() == 1 => Some(0),
            found => found,
        };
        let Some(stream) = index.and_then(|index| self.streams.get_mut(index)) else { return };
        if failure {
            stream.failed = Some(now);
        } else if matches!(code, "NetStream.Publish.Start" | "NetStream.Play.Start") {
            stream.started.get_or_insert(now);
        }
    }

    /// The stream with this id, made where there is none and the limit allows one more.
    fn stream_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let index = match self.streams.iter().position(|stream| stream.id == id) {
            Some(index) => index,
            None if self.streams.len() >= MOST_STREAMS => return None,
            None => {
                // Hardly any connection has a second one.
                self.streams.reserve_exact(1);
                self.streams.push(Stream {
                    id,
                    created: None,
                    publish: None,
                    play: None,
                    started: None,
                    failed: None,
                    closed: None,
                    media: None,
                });
                self.streams.len() - 1
            }
        };
        self.streams.get_mut(index)
    }
}

/// Whether a status code is one of a failure.
pub(crate) fn is_failure(code: &str) -> bool {
    let last = code.rsplit('.').next().unwrap_or(code);
    matches!(
        last,
        "Failed"
            | "Rejected"
            | "BadName"
            | "StreamNotFound"
            | "InvalidApp"
            | "AppShutdown"
            | "InvalidArg"
            | "Denied"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::amf::Text;

    const C2S: Direction = Direction::ClientToServer;
    const S2C: Direction = Direction::ServerToClient;

    fn command(name: &str, arguments: Vec<Value>) -> Body {
        Body::Command(Box::new(Command {
            name: Some(Text::from(name)),
            object: Some(Value::Null),
            arguments,
            ..Command::default()
        }))
    }

    fn status(code: &str) -> Body {
        let info = Value::Object(vec![(Text::from("code"), Value::String(Text::from(code)))]);
        command("onStatus", vec![info])
    }

    #[test]
    fn a_stream_is_followed_from_its_creation_to_its_end() {
        let mut story = Story::default();
        let mut seq = 0;
        let mut tell = |story: &mut Story, direction, id, body: &Body, answers| {
            seq += 1;
            let now = Moment { seq, at: Some(seq as i64), place: Place::default() };
            story.message(direction, id, body, answers, now);
        };
        tell(&mut story, C2S, 0, &command("connect", vec![]), None);
        tell(&mut story, S2C, 0, &command("_result", vec![]), Some("connect"));
        tell(&mut story, C2S, 0, &command("createStream", vec![]), None);
        let one = command("_result", vec![Value::Number(1.0)]);
        tell(&mut story, S2C, 0, &one, Some("createStream"));
        tell(&mut story, C2S, 1, &command("publish", vec![]), None);
        assert_eq!(story.publish_started(), None);
        tell(&mut story, S2C, 0, &status("NetStream.Publish.Start"), None);
        tell(&mut story, S2C, 1, &status("NetStream.Publish.BadName"), None);
        tell(&mut story, C2S, 0, &command("deleteStream", vec![Value::Number(1.0)]), None);
        assert_eq!(story.connected.map(|(moment, ok)| (moment.seq, ok)), Some((2, true)));
        assert_eq!(story.publish().map(|moment| moment.seq), Some(5));
        assert_eq!(story.publish_started().map(|moment| moment.seq), Some(6));
        let [stream] = &story.streams[..] else { panic!("one stream") };
        let seqs = [stream.created, stream.failed, stream.closed].map(|m| m.map(|m| m.seq));
        assert_eq!(seqs, [Some(4), Some(7), Some(8)]);
        let status = story.status.as_ref().map(|status| (&*status.code, status.failure));
        assert_eq!(status, Some(("NetStream.Publish.BadName", true)));
    }

    #[test]
    fn streams_are_remembered_within_a_limit() {
        let mut story = Story::default();
        for id in 0..1000 {
            let now = Moment { seq: 0, at: None, place: Place::default() };
            story.message(C2S, id, &command("publish", vec![]), None, now);
        }
        assert_eq!(story.streams.len(), MOST_STREAMS);
    }
}
