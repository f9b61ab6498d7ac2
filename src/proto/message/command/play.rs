//! Calls of players: `play`, `play2`, and those that steer what is played.
//!
//! Defined by: RTMP 1.0 §7.2.2.1, §7.2.2.2, §7.2.2.4, §7.2.2.5, §7.2.2.7 and §7.2.2.8. `pauseRaw` is in no specification;
//! Flash Player sends it.

use super::super::super::amf::{Entries, Text, Value};
use super::Command;
use super::fields::{Members, number, others, text};

/// A `play`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Play {
    /// The stream's name, which may be its key.
    pub name: Option<Text>,
    /// Where to begin, seconds: -2 for live or else recorded, -1 for live only.
    pub start: Option<f64>,
    /// How long to play, seconds: -1 to the end.
    pub duration: Option<f64>,
    /// Whether to forget the playlist.
    pub reset: Option<Reset>,
}

/// A flag that is a boolean or a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reset {
    /// As a boolean.
    Flag(bool),
    /// As a number. Flash Media Server knows 0 to 3.
    Number(f64),
}

impl Play {
    /// The view of a command that is a `play`.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let reset = || {
            command
                .boolean_at(3)
                .map(Reset::Flag)
                .or_else(|| command.number_at(3).map(Reset::Number))
        };
        (command.name() == "play").then(|| Self {
            name: command.text_at(0),
            start: command.number_at(1),
            duration: command.number_at(2),
            reset: reset(),
        })
    }

    /// The command. What is behind an argument that is not there is not written.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let reset = self.reset.map(|reset| match reset {
            Reset::Flag(flag) => Value::Boolean(flag),
            Reset::Number(number) => Value::Number(number),
        });
        let name = self.name.clone().map(Value::String);
        let arguments =
            [name, self.start.map(Value::Number), self.duration.map(Value::Number), reset];
        let arguments = arguments.into_iter().map_while(|argument| argument).collect();
        Command::call("play", transaction_id, Value::Null, arguments)
    }
}

/// A `play2`: the properties of a `NetStreamPlayOptions`. What it does not have is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Play2 {
    /// The stream to play.
    pub stream_name: Option<Text>,
    /// The stream to play no more.
    pub old_stream_name: Option<Text>,
    /// Where to begin, seconds.
    pub start: Option<f64>,
    /// How long to play, seconds.
    pub len: Option<f64>,
    /// Where to change over, seconds.
    pub offset: Option<f64>,
    /// How to change over: `switch`, `swap` …
    pub transition: Option<Text>,
    /// All other members.
    pub others: Entries,
}

const KNOWN: [&str; 6] = ["streamName", "oldStreamName", "start", "len", "offset", "transition"];

impl Play2 {
    /// The view of a command that is a `play2`.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let options = command.arguments.first();
        (command.name() == "play2").then(|| Self {
            stream_name: text(options, "streamName"),
            old_stream_name: text(options, "oldStreamName"),
            start: number(options, "start"),
            len: number(options, "len"),
            offset: number(options, "offset"),
            transition: text(options, "transition"),
            others: others(options, &KNOWN),
        })
    }

    /// The command.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let mut members = Members::default();
        members.text("streamName", self.stream_name.as_ref());
        members.text("oldStreamName", self.old_stream_name.as_ref());
        members.number("start", self.start);
        members.number("len", self.len);
        members.number("offset", self.offset);
        members.text("transition", self.transition.as_ref());
        let options = members.object(&self.others);
        Command::call("play2", transaction_id, Value::Null, vec![options])
    }
}

/// A call that steers what is played. What is not there is `None`.
#[derive(Debug, Clone, PartialEq)]
pub enum PlayControl {
    /// `seek`: to this time, milliseconds.
    Seek(Option<f64>),
    /// `pause`, or `pauseRaw`.
    Pause {
        /// Whether it is `pauseRaw`.
        raw: bool,
        /// Pause, or go on.
        pause: Option<bool>,
        /// The player's time, milliseconds.
        time: Option<f64>,
    },
    /// `receiveAudio`: whether to send audio.
    ReceiveAudio(Option<bool>),
    /// `receiveVideo`: whether to send video.
    ReceiveVideo(Option<bool>),
}

impl PlayControl {
    /// The view of such a command.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        Some(match command.name() {
            "seek" => Self::Seek(command.number_at(0)),
            name @ ("pause" | "pauseRaw") => Self::Pause {
                raw: name == "pauseRaw",
                pause: command.boolean_at(0),
                time: command.number_at(1),
            },
            "receiveAudio" => Self::ReceiveAudio(command.boolean_at(0)),
            "receiveVideo" => Self::ReceiveVideo(command.boolean_at(0)),
            _ => return None,
        })
    }

    /// The command.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let flag = |flag: &Option<bool>| flag.map(Value::Boolean);
        let (name, arguments) = match self {
            Self::Seek(time) => ("seek", [time.map(Value::Number), None]),
            Self::Pause { raw, pause, time } => {
                let name = if *raw { "pauseRaw" } else { "pause" };
                (name, [flag(pause), time.map(Value::Number)])
            }
            Self::ReceiveAudio(receive) => ("receiveAudio", [flag(receive), None]),
            Self::ReceiveVideo(receive) => ("receiveVideo", [flag(receive), None]),
        };
        let arguments = arguments.into_iter().map_while(|argument| argument).collect();
        Command::call(name, transaction_id, Value::Null, arguments)
    }
}
