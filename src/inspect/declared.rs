//! What metadata declares of tracks.

use super::record::Media;
use crate::proto::amf::Value;

/// What `onMetaData` declares of one track. Nobody has to keep to it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Declared {
    /// Picture width.
    pub(super) width: Option<u32>,
    /// Picture height.
    pub(super) height: Option<u32>,
    /// Frames per second.
    pub(super) frame_rate: Option<f64>,
    /// Bits per second.
    pub(super) bitrate: Option<f64>,
}

impl Declared {
    /// What metadata declares of the first tracks, and of others where it has a map of them (Enhanced RTMP v2,
    /// "Enhancing onMetaData").
    pub(super) fn all(metadata: &Value) -> impl Iterator<Item = (Media, u8, Self)> {
        let maps = [(Media::Video, "videoTrackIdInfoMap"), (Media::Audio, "audioTrackIdInfoMap")];
        let others = maps.into_iter().flat_map(|(media, name)| {
            let tracks = metadata.get(name).into_iter().flat_map(Value::entries);
            tracks.filter_map(move |(id, value)| {
                let id = std::str::from_utf8(id.as_bytes()).ok()?.parse().ok()?;
                Some((media, id, Self::of(value, media)))
            })
        });
        let first = [Media::Video, Media::Audio].into_iter();
        first.map(|media| (media, 0, Self::of(metadata, media))).chain(others)
    }

    fn of(value: &Value, media: Media) -> Self {
        let number = |name| value.get(name).and_then(Value::as_number).filter(|n| *n > 0.0);
        // Of 1,000 bits a second (FLV 10.1 §E.5).
        let bitrate = |name| number(name).filter(|n| n.is_finite()).map(|rate| rate * 1000.0);
        match media {
            Media::Video => Self {
                width: number("width").map(|n| n as u32),
                height: number("height").map(|n| n as u32),
                frame_rate: number("framerate")
                    .or_else(|| number("videoframerate"))
                    .filter(|n| n.is_finite()),
                bitrate: bitrate("videodatarate"),
            },
            _ => Self { bitrate: bitrate("audiodatarate"), ..Self::default() },
        }
    }

    /// This, and what another one has that it has not.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            width: self.width.or(other.width),
            height: self.height.or(other.height),
            frame_rate: self.frame_rate.or(other.frame_rate),
            bitrate: self.bitrate.or(other.bitrate),
        }
    }
}
