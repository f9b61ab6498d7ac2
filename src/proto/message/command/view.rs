//! A command as what it is, whichever of the known ones that may be.

use super::{
    Answer, Command, Connect, ConnectionCall, OnStatus, Play, Play2, PlayControl, Publish,
    StreamCall,
};

/// A command by what it means.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum View {
    /// `connect`.
    Connect(Box<Connect>),
    /// `_result`, `_error`. Of one that answers a `connect`, [`super::ConnectResult`] says more.
    Answer(Answer),
    /// `close`, `onBWDone`, `_checkbw`.
    Connection(ConnectionCall),
    /// `createStream` to `deleteStream`.
    Stream(StreamCall),
    /// `publish`.
    Publish(Publish),
    /// `play`.
    Play(Play),
    /// `play2`.
    Play2(Box<Play2>),
    /// `seek`, `pause`, `pauseRaw`, `receiveAudio`, `receiveVideo`.
    PlayControl(PlayControl),
    /// `onStatus`, `onFCPublish`, `onFCUnpublish`, `onFCSubscribe`.
    Status(Box<OnStatus>),
    /// Any other: a call of an application's own (RTMP 1.0 §7.2.1.2).
    Other,
}

impl Command {
    /// What it means.
    #[must_use]
    pub fn view(&self) -> View {
        Connect::of(self)
            .map(|view| View::Connect(Box::new(view)))
            .or_else(|| Answer::of(self).map(View::Answer))
            .or_else(|| ConnectionCall::of(self).map(View::Connection))
            .or_else(|| StreamCall::of(self).map(View::Stream))
            .or_else(|| Publish::of(self).map(View::Publish))
            .or_else(|| Play::of(self).map(View::Play))
            .or_else(|| Play2::of(self).map(|view| View::Play2(Box::new(view))))
            .or_else(|| PlayControl::of(self).map(View::PlayControl))
            .or_else(|| OnStatus::of(self).map(|view| View::Status(Box::new(view))))
            .unwrap_or(View::Other)
    }
}
