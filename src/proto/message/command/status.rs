//! `onStatus`, and the calls of content delivery networks that tell the same: `onFCPublish`, `onFCUnpublish` and
//! `onFCSubscribe`.
//!
//! Defined by: RTMP 1.0 §7.2.2; Enhanced RTMP v2, "Reconnect Request". The calls beginning with `onFC` are in no
//! specification.

use super::super::super::amf::{Entries, Text, Value};
use super::Command;
use super::fields::{Members, others, text};

/// An information object: what happened. What it does not have is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// `status`, `warning` or `error`.
    pub level: Option<Text>,
    /// What happened: `NetStream.Publish.Start`.
    pub code: Option<Text>,
    /// The same for people.
    pub description: Option<Text>,
    /// Often the stream's name.
    pub details: Option<Text>,
    /// `tcUrl`: where to connect to, relative to the URL in use; of a request to reconnect.
    pub tc_url: Option<Text>,
    /// All other members.
    pub others: Entries,
}

const KNOWN: [&str; 5] = ["level", "code", "description", "details", "tcUrl"];

/// The code of a request to reconnect.
pub const RECONNECT_REQUEST: &str = "NetConnection.Connect.ReconnectRequest";

impl Status {
    /// The view of an information object; empty where there is none.
    #[must_use]
    pub fn of_value(information: Option<&Value>) -> Self {
        Self {
            level: text(information, "level"),
            code: text(information, "code"),
            description: text(information, "description"),
            details: text(information, "details"),
            tc_url: text(information, "tcUrl"),
            others: others(information, &KNOWN),
        }
    }

    /// The information object.
    #[must_use]
    pub fn value(&self) -> Value {
        let mut members = Members::default();
        members.text("level", self.level.as_ref());
        members.text("code", self.code.as_ref());
        members.text("description", self.description.as_ref());
        members.text("details", self.details.as_ref());
        members.text("tcUrl", self.tc_url.as_ref());
        members.object(&self.others)
    }

    /// Whether the server asks the client to connect anew.
    #[must_use]
    pub fn is_reconnect_request(&self) -> bool {
        self.code.as_ref().and_then(Text::as_str) == Some(RECONNECT_REQUEST)
    }
}

/// Which call carries a [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// `onStatus`.
    OnStatus,
    /// `onFCPublish`.
    OnFcPublish,
    /// `onFCUnpublish`.
    OnFcUnpublish,
    /// `onFCSubscribe`.
    OnFcSubscribe,
}

impl StatusKind {
    const ALL: [Self; 4] =
        [Self::OnStatus, Self::OnFcPublish, Self::OnFcUnpublish, Self::OnFcSubscribe];

    /// The procedure's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnStatus => "onStatus",
            Self::OnFcPublish => "onFCPublish",
            Self::OnFcUnpublish => "onFCUnpublish",
            Self::OnFcSubscribe => "onFCSubscribe",
        }
    }
}

/// A server's report.
#[derive(Debug, Clone, PartialEq)]
pub struct OnStatus {
    /// The call.
    pub kind: StatusKind,
    /// What happened.
    pub status: Status,
}

impl OnStatus {
    /// The view of such a command. Some servers leave the command object out.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let kind = StatusKind::ALL.into_iter().find(|kind| kind.as_str() == command.name())?;
        let first = command.arguments.first();
        Some(Self { kind, status: Status::of_value(first.or(command.object.as_ref())) })
    }

    /// The command. Its transaction id is 0: no answer is wanted.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::call(self.kind.as_str(), 0.0, Value::Null, vec![self.status.value()])
    }
}
