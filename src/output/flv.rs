//! Media streams as FLV files, the payloads byte for byte as they were sent.
//!
//! Each message stream of a connection that carries audio, video or metadata becomes a file: what a client publishes,
//! whether its `publish` was seen or the capture begins later, and what a server sends to a player. A file ends with
//! `deleteStream`, `closeStream` or the connection; `publish` and `play` on a message stream that is in use begin a new
//! one. After the `FCUnpublish` that some clients send first, media may still come, so it only flushes.
//!
//! What goes into a file:
//!
//! - audio and video messages as tags with the message's own timestamp, 24 bits and 8 above; empty ones too, since they
//!   are part of what was sent and players skip them;
//! - data messages as script tags, without the `@setDataFrame` that only tells a server to keep them, and without the
//!   format byte of type 15; `@clearDataFrame` is such an order itself and is left out;
//! - no message of which bytes are missing, and no encrypted tag of a file that was read. They are counted.
//!
//! Aggregates are not looked into: the messages inside are records of their own.
//!
//! Files are named by the numbers of the connection and the message stream (`rtmp-001-1.flv`, to players
//! `rtmp-001-1-play.flv`), never by what a peer says: a stream's name is its key.

mod file;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use file::Tags;

use crate::Limits;
use crate::inspect::{Event, FlowId, MessageRecord, Record};
use crate::proto::Direction;
use crate::proto::amf::Value;
use crate::proto::message::{Body, Command, Kind, data};

/// The longest tag data: its size has three bytes.
const MOST: usize = 0xff_ffff;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const SCRIPT: u8 = 18;

/// Records the media streams of all connections into one directory.
///
/// It wants every record, unfiltered and not redacted, of an inspector with
/// [`Options::whole_media`](crate::inspect::Options::whole_media). Nothing existing is overwritten and no link is
/// followed: where a name is taken, a number is appended.
///
/// ```no_run
/// use rtmpctl::inspect::{Inspector, Options};
/// use rtmpctl::{Limits, output::flv::Recorder};
///
/// let mut recorder = Recorder::new("recordings".into(), &Limits::default())?;
/// let options = Options { whole_media: true, ..Options::default() };
/// let mut inspector = Inspector::new(options, Limits::default());
/// // For each piece of traffic:
/// // inspector.feed(&traffic, &mut |record| if let Err(error) = recorder.record(record) { … });
/// for recording in recorder.finish()?.recordings {
///     println!("{}: {} tags", recording.path.display(), recording.tags);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    dir: PathBuf,
    most: usize,
    streams: HashMap<Key, Stream>,
    /// The highest number appended so far to the name of a stream.
    names: HashMap<Key, u32>,
    /// Connections of which a stream has been refused, which is said once.
    refused: HashSet<FlowId>,
    done: Summary,
}

/// Connection, direction and message stream.
type Key = (FlowId, Direction, u32);

/// A stream that has a place among those being recorded.
#[derive(Debug)]
struct Stream {
    /// `None` where the file could not be made or written to; that has been said.
    file: Option<Tags>,
    /// The flags that the file's header has.
    flags: u8,
    recording: Recording,
}

/// A file and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// The connection.
    pub connection: FlowId,
    /// Who sent it.
    pub direction: Direction,
    /// The message stream.
    pub message_stream_id: u32,
    /// Tags in it.
    pub tags: u64,
    /// Its length.
    pub bytes: u64,
    /// Whether it has audio.
    pub audio: bool,
    /// Whether it has video.
    pub video: bool,
    /// Messages that are not in it, because bytes of them are missing.
    pub damaged: u64,
    /// Messages that are not in it, because it could not be written to.
    pub unwritten: u64,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// The files, in the order in which they ended.
    pub recordings: Vec<Recording>,
    /// Messages of streams that were refused, or whose file could not be made.
    pub refused: u64,
    /// Messages of which bytes are missing, where no file was begun yet.
    pub damaged: u64,
}

/// Why a stream is not recorded: too many are already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The connection.
    pub connection: FlowId,
    /// The message stream.
    pub message_stream_id: u32,
    /// How many are being recorded.
    pub limit: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "message stream {} of connection {} is not recorded, because {} streams are being recorded (limit \
             recordings)",
            self.message_stream_id, self.connection, self.limit
        )
    }
}

impl std::error::Error for Refused {}

impl Recorder {
    /// A recorder into `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(dir: PathBuf, limits: &Limits) -> io::Result<Self> {
        fs::create_dir_all(&dir).map_err(|error| about("make directory", &dir, error))?;
        Ok(Self {
            dir,
            most: limits.recordings,
            streams: HashMap::new(),
            names: HashMap::new(),
            refused: HashSet::new(),
            done: Summary::default(),
        })
    }

    /// Takes a record.
    ///
    /// # Errors
    /// A file cannot be made or written to, or the stream is [`Refused`] (the error's inner value). Each is said once
    /// for a stream or connection; recording of the others goes on, so this may be called again after it.
    pub fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let Some(connection) = record.connection else { return Ok(()) };
        match (record.event, record.direction) {
            (Event::Message(message), Some(direction)) => match message.body {
                Body::Audio(_) | Body::Video(_) | Body::Data(_) => {
                    self.media((connection, direction, message.raw.message_stream_id), &message)
                }
                Body::Command(command) if direction == Direction::ClientToServer => {
                    self.command(connection, message.raw.message_stream_id, command)
                }
                _ => Ok(()),
            },
            (Event::Closed(_), _) => {
                self.names.retain(|key, _| key.0 != connection);
                self.refused.remove(&connection);
                self.end(|key| key.0 == connection)
            }
            _ => Ok(()),
        }
    }

    /// The files that have ended since the last call. What is taken here, [`finish`](Self::finish) does not tell again:
    /// a run without an end takes them as they come.
    pub fn take_done(&mut self) -> Vec<Recording> {
        std::mem::take(&mut self.done.recordings)
    }

    /// Hands what is buffered to the files. They are whole after it.
    ///
    /// # Errors
    /// A file cannot be written to. The others are flushed all the same.
    pub fn flush(&mut self) -> io::Result<()> {
        self.flush_some(|_| true)
    }

    /// Ends all files.
    ///
    /// # Errors
    /// A file cannot be written to. The others are ended all the same, and a second call gives the summary.
    pub fn finish(&mut self) -> io::Result<Summary> {
        self.end(|_| true)?;
        Ok(std::mem::take(&mut self.done))
    }

    fn media(&mut self, key: Key, message: &MessageRecord<'_>) -> io::Result<()> {
        let raw = &message.raw;
        let whole = raw.damaged.is_empty()
            && raw.payload.len() == raw.length as usize
            && !message.encrypted;
        let stream = match self.streams.get_mut(&key) {
            Some(stream) => stream,
            None if !begins(key.1, message) => return Ok(()),
            None if !whole => {
                self.done.damaged += 1;
                return Ok(());
            }
            None => {
                self.begin(key)?;
                let Some(stream) = self.streams.get_mut(&key) else { return Ok(()) };
                stream
            }
        };
        if !whole {
            stream.recording.damaged += 1;
            return Ok(());
        }
        let (kind, data) = match message.kind {
            Kind::Audio => (AUDIO, raw.payload),
            Kind::Video => (VIDEO, raw.payload),
            // What was in a file stays as it was there.
            _ if raw.chunks == 0 => (SCRIPT, raw.payload),
            _ => match data::to_others(raw.type_id, raw.payload) {
                Some(data) => (SCRIPT, data),
                None => return Ok(()),
            },
        };
        stream.tag(kind, raw.timestamp, data)
    }

    /// Makes the file of a stream and its place, or refuses it.
    #[cold]
    fn begin(&mut self, key: Key) -> io::Result<()> {
        let (connection, direction, message_stream_id) = key;
        if self.streams.len() >= self.most {
            self.done.refused += 1;
            if !self.refused.insert(connection) {
                return Ok(());
            }
            let refused = Refused { connection, message_stream_id, limit: self.most };
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, refused));
        }
        let number = self.names.entry(key).or_insert(0);
        let (path, file) = create(&self.dir, key, number);
        let mut stream = Stream {
            file: None,
            flags: 0,
            recording: Recording {
                path,
                connection,
                direction,
                message_stream_id,
                tags: 0,
                bytes: 0,
                audio: false,
                video: false,
                damaged: 0,
                unwritten: 0,
            },
        };
        let result = match file {
            Ok(file) => {
                let file = Tags::new(file);
                stream.recording.bytes = file.len();
                stream.file = Some(file);
                Ok(())
            }
            Err(error) => {
                self.done.refused += 1;
                Err(about("make", &stream.recording.path, error))
            }
        };
        self.streams.insert(key, stream);
        result
    }

    fn command(&mut self, connection: FlowId, stream: u32, command: &Command) -> io::Result<()> {
        let of = |key: &Key, stream| key.0 == connection && key.2 == stream;
        match command.name() {
            "publish" => self.end(|key| of(key, stream) && key.1 == Direction::ClientToServer),
            "play" | "play2" => {
                self.end(|key| of(key, stream) && key.1 == Direction::ServerToClient)
            }
            "closeStream" => self.end(|key| of(key, stream)),
            "deleteStream" => match command.arguments.first().and_then(Value::as_number) {
                Some(number) => self.end(|key| of(key, number as u32)),
                None => Ok(()),
            },
            "FCUnpublish" => self.flush_some(|key| key.0 == connection),
            _ => Ok(()),
        }
    }

    /// Ends the files of some streams; gives the first error of all.
    fn end(&mut self, which: impl Fn(&Key) -> bool) -> io::Result<()> {
        let mut keys: Vec<Key> = self.streams.keys().copied().filter(which).collect();
        keys.sort_unstable();
        let mut result = Ok(());
        for key in keys {
            if let Some(mut stream) = self.streams.remove(&key) {
                let flushed = stream.flush();
                result = result.and(flushed);
                if stream.recording.bytes > 0 {
                    self.done.recordings.push(stream.recording);
                } else {
                    self.done.refused += stream.recording.unwritten;
                }
            }
        }
        result
    }

    fn flush_some(&mut self, which: impl Fn(&Key) -> bool) -> io::Result<()> {
        let mut result = Ok(());
        for (_, stream) in self.streams.iter_mut().filter(|(key, _)| which(key)) {
            let flushed = stream.flush();
            result = result.and(flushed);
        }
        result
    }
}

/// Whether a message is reason enough to begin a file. Servers send data of their own on streams that never carry media.
fn begins(direction: Direction, message: &MessageRecord<'_>) -> bool {
    match message.body {
        Body::Data(_) if message.raw.chunks == 0 => true,
        Body::Data(data) => {
            data.metadata().is_some()
                || direction == Direction::ClientToServer && data.name() != "@clearDataFrame"
        }
        _ => true,
    }
}

/// Makes a new file under the first free name from `number` on; gives the name also where that fails.
fn create(dir: &Path, key: Key, number: &mut u32) -> (PathBuf, io::Result<File>) {
    let (connection, direction, stream) = key;
    let play = if direction == Direction::ServerToClient { "-play" } else { "" };
    loop {
        *number = number.saturating_add(1);
        let name = match *number {
            1 => format!("rtmp-{connection:03}-{stream}{play}.flv"),
            n => format!("rtmp-{connection:03}-{stream}{play}-{n}.flv"),
        };
        let path = dir.join(name);
        // This also fails where the name is a link, wherever it leads.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && *number < u32::MAX => {}
            result => return (path, result),
        }
    }
}

impl Stream {
    /// Appends a tag. After a failure nothing more is written: what would follow could not be read.
    fn tag(&mut self, kind: u8, timestamp: u32, data: &[u8]) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| data.len() <= MOST) else {
            self.recording.unwritten += 1;
            return Ok(());
        };
        let flag = match kind {
            AUDIO if !data.is_empty() => 4,
            VIDEO if !data.is_empty() => 1,
            _ => 0,
        };
        let mut pushed = file.push(kind, timestamp, data);
        self.recording.tags += 1;
        self.recording.audio |= kind == AUDIO && flag != 0;
        self.recording.video |= kind == VIDEO && flag != 0;
        if self.flags | flag != self.flags {
            self.flags |= flag;
            pushed = pushed.and_then(|()| file.set_flags(self.flags));
        }
        self.recording.bytes = file.len();
        pushed.or_else(|error| self.fail(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.file.as_mut().map(Tags::flush) {
            Some(Err(error)) => self.fail(error),
            _ => Ok(()),
        }
    }

    #[cold]
    fn fail(&mut self, error: io::Error) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            let (bytes, lost) = file.give_up();
            self.recording.bytes = bytes;
            self.recording.tags -= lost;
            self.recording.unwritten += lost;
        }
        Err(about("write to", &self.recording.path, error))
    }
}

fn about(what: &str, path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
#[path = "flv_tests.rs"]
mod tests;
