//! `connect` and its answer.
//!
//! Defined by: RTMP 1.0 §7.2.1.1; Enhanced RTMP v2, "Enhancing NetConnection connect Command".

use super::super::super::amf::{Entries, Text, Value};
use super::fields::{Members, boolean, number, others, text};
use super::{Capabilities, Command, Status};

const NAMES: [&str; 4] = Capabilities::NAMES;

/// A client's `connect`. What the object does not have, or has as another type, is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Connect {
    /// The application.
    pub app: Option<Text>,
    /// `type`, which is in no specification: `nonprivate`.
    pub connect_type: Option<Text>,
    /// `flashVer`: what the client says it is.
    pub flash_ver: Option<Text>,
    /// `swfUrl`: the URL of the player that runs.
    pub swf_url: Option<Text>,
    /// `tcUrl`: the URL of the server and the application.
    pub tc_url: Option<Text>,
    /// `fpad`: whether a proxy is used.
    pub fpad: Option<bool>,
    /// `capabilities`, whose bits are in no specification.
    pub capabilities: Option<f64>,
    /// `audioCodecs`: the `SUPPORT_SND` bits.
    pub audio_codecs: Option<f64>,
    /// `videoCodecs`: the `SUPPORT_VID` bits.
    pub video_codecs: Option<f64>,
    /// `videoFunction`: 1 for seeks that are exact to the frame.
    pub video_function: Option<f64>,
    /// `pageUrl`: the page that the player is in.
    pub page_url: Option<Text>,
    /// `objectEncoding`: 0 or 3, the AMF version.
    pub object_encoding: Option<f64>,
    /// What Enhanced RTMP adds.
    pub enhanced: Option<Capabilities>,
    /// All other members.
    pub others: Entries,
    /// What follows the object.
    pub arguments: Vec<Value>,
}

const KNOWN: [&str; 16] = [
    "app",
    "type",
    "flashVer",
    "swfUrl",
    "tcUrl",
    "fpad",
    "capabilities",
    "audioCodecs",
    "videoCodecs",
    "videoFunction",
    "pageUrl",
    "objectEncoding",
    NAMES[0],
    NAMES[1],
    NAMES[2],
    NAMES[3],
];

impl Connect {
    /// The view of a command that is a `connect`.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        if command.name() != "connect" {
            return None;
        }
        let object = command.object.as_ref();
        Some(Self {
            app: text(object, "app"),
            connect_type: text(object, "type"),
            flash_ver: text(object, "flashVer"),
            swf_url: text(object, "swfUrl"),
            tc_url: text(object, "tcUrl"),
            fpad: boolean(object, "fpad"),
            capabilities: number(object, "capabilities"),
            audio_codecs: number(object, "audioCodecs"),
            video_codecs: number(object, "videoCodecs"),
            video_function: number(object, "videoFunction"),
            page_url: text(object, "pageUrl"),
            object_encoding: number(object, "objectEncoding"),
            enhanced: object.and_then(Capabilities::of),
            others: others(object, &KNOWN),
            arguments: command.arguments.clone(),
        })
    }

    /// The command. Its transaction id is to be 1.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let mut members = Members::default();
        members.text("app", self.app.as_ref());
        members.text("type", self.connect_type.as_ref());
        members.text("flashVer", self.flash_ver.as_ref());
        members.text("swfUrl", self.swf_url.as_ref());
        members.text("tcUrl", self.tc_url.as_ref());
        members.boolean("fpad", self.fpad);
        members.number("capabilities", self.capabilities);
        members.number("audioCodecs", self.audio_codecs);
        members.number("videoCodecs", self.video_codecs);
        members.number("videoFunction", self.video_function);
        members.text("pageUrl", self.page_url.as_ref());
        members.number("objectEncoding", self.object_encoding);
        if let Some(enhanced) = &self.enhanced {
            enhanced.push(&mut members);
        }
        let object = members.object(&self.others);
        Command::call("connect", transaction_id, object, self.arguments.clone())
    }
}

/// A server's answer to `connect`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConnectResult {
    /// Whether it is an `_error`.
    pub error: bool,
    /// `fmsVer`: what the server says it is.
    pub fms_ver: Option<Text>,
    /// `capabilities`, whose bits are in no specification.
    pub capabilities: Option<f64>,
    /// `mode`, which is in no specification.
    pub mode: Option<f64>,
    /// What Enhanced RTMP adds, among the properties.
    pub enhanced: Option<Capabilities>,
    /// All other properties.
    pub others: Entries,
    /// The information.
    pub status: Status,
}

const PROPERTIES: [&str; 7] =
    ["fmsVer", "capabilities", "mode", NAMES[0], NAMES[1], NAMES[2], NAMES[3]];

impl ConnectResult {
    /// The view of a `_result` or `_error`, which has to be known to answer a `connect`.
    #[must_use]
    pub fn of(command: &Command) -> Option<Self> {
        let error = command.is_error()?;
        let object = command.object.as_ref();
        Some(Self {
            error,
            fms_ver: text(object, "fmsVer"),
            capabilities: number(object, "capabilities"),
            mode: number(object, "mode"),
            enhanced: object.and_then(Capabilities::of),
            others: others(object, &PROPERTIES),
            status: Status::of_value(command.arguments.first()),
        })
    }

    /// The command that answers the call with this transaction id.
    #[must_use]
    pub fn command(&self, transaction_id: f64) -> Command {
        let mut members = Members::default();
        members.text("fmsVer", self.fms_ver.as_ref());
        members.number("capabilities", self.capabilities);
        members.number("mode", self.mode);
        if let Some(enhanced) = &self.enhanced {
            enhanced.push(&mut members);
        }
        let name = if self.error { "_error" } else { "_result" };
        let object = members.object(&self.others);
        Command::call(name, transaction_id, object, vec![self.status.value()])
    }
}
