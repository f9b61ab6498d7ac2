//! Data messages by the names that encoders and servers use in the wild, and the cue messages in them.
//!
//! RTMP 1.0 §7.1.2 leaves the names to whoever sends them. Those here are from:
//!
//! - Video File Format 10.1, annex E.5 (`onMetaData`) and Enhanced RTMP v2, "Enhancing onMetaData";
//! - Flash Media Live Encoder and Flash Media Server: `onFI`, `onTextData`, `onCuePoint`, `@setDataFrame`,
//!   `@clearDataFrame`, `|RtmpSampleAccess`, `onPlayStatus`;
//! - captions: `onCaption` (Captionate) and `onCaptionInfo` (Flash Media Server; AWS Elemental MediaLive's RTMP outputs);
//! - advertisements: `onAdCue` of Adobe Primetime with a splice in Base64 under `cue`, `onCuePoint` of AWS Elemental Live
//!   with the name `scte35`, and `onUserDataEvent` with the XML of an MPEG-DASH `EventStream`; all three as "Signaling
//!   Timed Metadata in Live Streaming" of Azure Media Services §2.1 describes them. YouTube reads an `onCuePoint` of the
//!   type `com.youtube.cuepoint`.

use super::super::super::amf::Value;
use super::{Data, SpliceInfo};

/// A data message by what it means. Members that are not there are `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DataView<'d> {
    /// `onMetaData`.
    Metadata(Metadata<'d>),
    /// `onCuePoint`, `onAdCue`.
    Cue(CuePoint<'d>),
    /// `onTextData`.
    Text {
        /// `text`.
        text: Option<&'d str>,
        /// `language`.
        language: Option<&'d str>,
        /// `trackid`.
        track_id: Option<f64>,
    },
    /// `onFI`: when a frame was made.
    FrameInfo {
        /// `sd`: the date, as day, month and year.
        date: Option<&'d str>,
        /// `st`: the time of the system.
        time: Option<&'d str>,
        /// `tc`: the time code.
        time_code: Option<&'d str>,
    },
    /// `onCaption`, `onCaptionInfo`.
    Caption {
        /// `type` of an `onCaptionInfo`: `708`.
        caption_type: Option<&'d str>,
    },
    /// `onUserDataEvent`.
    UserData(Option<&'d Value>),
    /// `|RtmpSampleAccess`: what of the samples a player may read.
    SampleAccess {
        /// Of audio.
        audio: Option<bool>,
        /// Of video.
        video: Option<bool>,
    },
    /// `onPlayStatus`, with its `code`.
    PlayStatus(Option<&'d str>),
    /// `@clearDataFrame`, with the name of what is to be forgotten.
    Clear(Option<&'d str>),
    /// Any other.
    Other,
}

/// A cue point. What says nothing is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CuePoint<'d> {
    /// `name`; `scte35` of Elemental Live.
    pub name: Option<&'d str>,
    /// `type`: `event`, `navigation`; of ads `SpliceOut`, `scte35` or `com.youtube.cuepoint`.
    pub cue_type: Option<&'d str>,
    /// `id`.
    pub id: Option<&'d Value>,
    /// `time`, seconds.
    pub time: Option<f64>,
    /// `duration`, seconds.
    pub duration: Option<f64>,
    /// `parameters`.
    pub parameters: Option<&'d Value>,
}

/// The argument of an `onMetaData`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metadata<'d>(pub &'d Value);

impl<'d> Metadata<'d> {
    /// What `audioTrackIdInfoMap` says of each track but the default one.
    pub fn audio_tracks(self) -> impl Iterator<Item = (u8, &'d Value)> {
        self.tracks("audioTrackIdInfoMap")
    }

    /// What `videoTrackIdInfoMap` says of each track but the default one.
    pub fn video_tracks(self) -> impl Iterator<Item = (u8, &'d Value)> {
        self.tracks("videoTrackIdInfoMap")
    }

    fn tracks(self, map: &str) -> impl Iterator<Item = (u8, &'d Value)> {
        let map = self.0.get(map).into_iter().flat_map(Value::entries);
        map.filter_map(|(id, value)| Some((id.as_str()?.parse().ok()?, value)))
    }

    /// A number, where it is one.
    #[must_use]
    pub fn number(self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_number)
    }
}

impl Data {
    /// The handler's name and its arguments, without the `@setDataFrame` that tells a server to keep them.
    #[must_use]
    pub fn handler(&self) -> (&str, &[Value]) {
        if self.name() == "@setDataFrame"
            && let Some((name, arguments)) = self.arguments.split_first()
            && let Some(name) = name.as_str()
        {
            return (name, arguments);
        }
        (self.name(), &self.arguments)
    }

    /// What it means.
    #[must_use]
    pub fn view(&self) -> DataView<'_> {
        let (name, arguments) = self.handler();
        let first = arguments.first();
        let value = |name| first.and_then(|object| object.get(name));
        let text = |name| value(name).and_then(Value::as_str);
        let number = |name| value(name).and_then(Value::as_number);
        let flag = |at: usize| arguments.get(at).and_then(Value::as_bool);
        match name {
            "onMetaData" => {
                first.map_or(DataView::Other, |value| DataView::Metadata(Metadata(value)))
            }
            "onCuePoint" | "onAdCue" => DataView::Cue(CuePoint {
                name: text("name"),
                cue_type: text("type"),
                id: value("id"),
                time: number("time"),
                duration: number("duration"),
                parameters: value("parameters"),
            }),
            "onTextData" => DataView::Text {
                text: text("text"),
                language: text("language"),
                track_id: number("trackid"),
            },
            "onFI" => {
                DataView::FrameInfo { date: text("sd"), time: text("st"), time_code: text("tc") }
            }
            "onCaption" | "onCaptionInfo" => DataView::Caption { caption_type: text("type") },
            "onUserDataEvent" => DataView::UserData(first),
            "|RtmpSampleAccess" => DataView::SampleAccess { audio: flag(0), video: flag(1) },
            "onPlayStatus" => DataView::PlayStatus(text("code")),
            "@clearDataFrame" => DataView::Clear(first.and_then(Value::as_str)),
            _ => DataView::Other,
        }
    }

    /// The first SCTE-35 section in it, whatever carries it: bytes, Base64, or Base64 in an XML element. A bounded number
    /// of values is looked at.
    #[must_use]
    pub fn splice_info(&self) -> Option<SpliceInfo> {
        let mut left = 256;
        self.arguments.iter().find_map(|value| find(value, 4, &mut left))
    }
}

fn find(value: &Value, depth: usize, left: &mut usize) -> Option<SpliceInfo> {
    *left = left.checked_sub(1)?;
    match value.inner() {
        Value::ByteArray(bytes) => SpliceInfo::of(bytes),
        Value::String(text)
        | Value::LongString(text)
        | Value::Xml(text)
        | Value::XmlDocument(text)
        | Value::XmlString(text) => in_text(text.as_bytes()),
        value => {
            let depth = depth.checked_sub(1)?;
            let members = value.entries().map(|(_, value)| value);
            members.chain(value.items()).find_map(|value| find(value, depth, left))
        }
    }
}

fn in_text(text: &[u8]) -> Option<SpliceInfo> {
    /// Bytes of XML looked at.
    const XML: usize = 64 << 10;
    let read = |text: &[u8]| SpliceInfo::of(text).or_else(|| SpliceInfo::of_base64(text));
    if !text.trim_ascii_start().starts_with(b"<") {
        return read(text);
    }
    let text = text.get(..XML).unwrap_or(text);
    text.split(|byte| *byte == b'<')
        .filter_map(|part| Some(part.splitn(2, |byte| *byte == b'>').nth(1)?.trim_ascii()))
        .find_map(read)
}

#[cfg(test)]
mod tests {
    use super::super::SpliceCommand;
    use super::*;

    fn object(members: &[(&str, Value)]) -> Value {
        Value::Object(members.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
    }

    fn data(name: &str, arguments: Vec<Value>) -> Data {
        Data { amf: 0, name: Some(name.into()), arguments }
    }

    const CUE: &str = "/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==";

    #[test]
    fn names_of_the_wild_are_known() {
        let info = object(&[
            ("sd", "12-07-2011".into()),
            ("st", "09:11:33.387".into()),
            ("tc", "10:00:00:01".into()),
        ]);
        let frame = DataView::FrameInfo {
            date: Some("12-07-2011"),
            time: Some("09:11:33.387"),
            time_code: Some("10:00:00:01"),
        };
        let text =
            object(&[("text", "hi".into()), ("language", "eng".into()), ("trackid", 2.0.into())]);
        let kept = vec!["onFI".into(), info.clone()];
        for (data, view) in [
            (data("onFI", vec![info.clone()]), frame),
            (data("@setDataFrame", kept), frame),
            (
                data("onTextData", vec![text]),
                DataView::Text { text: Some("hi"), language: Some("eng"), track_id: Some(2.0) },
            ),
            (data("onCaption", vec!["hi".into()]), DataView::Caption { caption_type: None }),
            (data("onCaptionInfo", vec![object(&[("type", "708".into())])]), {
                DataView::Caption { caption_type: Some("708") }
            }),
            (data("onUserDataEvent", vec![]), DataView::UserData(None)),
            (data("|RtmpSampleAccess", vec![true.into(), false.into()]), {
                DataView::SampleAccess { audio: Some(true), video: Some(false) }
            }),
            (data("onPlayStatus", vec![object(&[("code", "NetStream.Play.Complete".into())])]), {
                DataView::PlayStatus(Some("NetStream.Play.Complete"))
            }),
            (
                data("@clearDataFrame", vec!["onMetaData".into()]),
                DataView::Clear(Some("onMetaData")),
            ),
            (data("onMetaData", vec![]), DataView::Other),
            (data("mine", vec![]), DataView::Other),
            (Data::default(), DataView::Other),
        ] {
            assert_eq!(data.view(), view, "{data:?}");
        }
    }

    #[test]
    fn cue_points_of_ads() {
        let value = object(&[
            ("name", "scte35".into()),
            ("type", "event".into()),
            ("id", "7".into()),
            ("time", 1.5.into()),
            ("duration", 30.0.into()),
            ("parameters", object(&[])),
        ]);
        for name in ["onCuePoint", "onAdCue"] {
            let data = data(name, vec![value.clone()]);
            let DataView::Cue(cue) = data.view() else { panic!("{data:?}") };
            assert_eq!(
                (cue.name, cue.cue_type, cue.time),
                (Some("scte35"), Some("event"), Some(1.5))
            );
            assert_eq!((cue.duration, cue.id.and_then(Value::as_str)), (Some(30.0), Some("7")));
            assert!(cue.parameters.is_some());
        }
    }

    #[test]
    fn tracks_of_enhanced_metadata() {
        let track = |width: f64| object(&[("width", width.into())]);
        let metadata = object(&[
            ("width", 1920.0.into()),
            (
                "videoTrackIdInfoMap",
                object(&[("1", track(1280.0)), ("x", track(1.0)), ("300", track(1.0))]),
            ),
            ("audioTrackIdInfoMap", object(&[("2", object(&[("channels", 6.0.into())]))])),
        ]);
        let data = data("@setDataFrame", vec!["onMetaData".into(), metadata]);
        let DataView::Metadata(metadata) = data.view() else { panic!("{data:?}") };
        let widths: Vec<_> = metadata
            .video_tracks()
            .map(|(id, value)| (id, Metadata(value).number("width")))
            .collect();
        assert_eq!(widths, [(1, Some(1280.0))]);
        assert_eq!(metadata.audio_tracks().map(|(id, _)| id).collect::<Vec<_>>(), [2]);
        assert_eq!(metadata.number("width"), Some(1920.0));
    }

    #[test]
    fn sections_are_found_in_every_carrier() {
        let bytes = [0xfc, 0x30, 0x11, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, 0, 0, 0, 0, 1, 2, 3, 4];
        let xml = format!(
            "<EventStream schemeIdUri=\"urn:scte:scte35:2013:bin\"><Event contentEncoding=\"Base64\">\n {CUE}\n</Event>"
        );
        let insert = SpliceCommand::Insert;
        for (value, command) in [
            (object(&[("type", "scte35".into()), ("cue", CUE.into())]), Some(insert)),
            (object(&[("parameters", object(&[("messageData", CUE.into())]))]), Some(insert)),
            (CUE.into(), Some(insert)),
            (xml.as_str().into(), Some(insert)),
            (Value::Amf3(Box::new(Value::ByteArray(bytes.into()))), Some(SpliceCommand::Null)),
            (Value::StrictArray(vec![Value::from(&bytes[..])]), Some(SpliceCommand::Null)),
            (object(&[("cue", "/DAl".into())]), None),
            (
                Value::StrictArray(
                    vec![Value::Null; 300].into_iter().chain([CUE.into()]).collect(),
                ),
                None,
            ),
        ] {
            let data = data("onAdCue", vec![value]);
            assert_eq!(data.splice_info().map(|info| info.command), command, "{data:?}");
        }
        let mut deep = Value::from(CUE);
        for _ in 0..4 {
            deep = object(&[("a", deep)]);
        }
        assert!(data("x", vec![deep.clone()]).splice_info().is_some());
        assert!(data("x", vec![object(&[("a", deep)])]).splice_info().is_none());
    }
}
