//! A second of a track, as JSON.

use super::line::Line;
use super::media::{write_audio_codec, write_video_codec};
use crate::inspect::{Codec, Media, Timeline};

pub(super) fn write_timeline(line: &mut Line<'_>, second: &Timeline) {
    line.number("message_stream_id", u64::from(second.message_stream_id));
    line.text("type", second.media.as_str());
    line.number("track", u64::from(second.track));
    match second.codec {
        Some(Codec::Audio(codec)) => write_audio_codec(line, codec),
        Some(Codec::Video(codec)) => write_video_codec(line, codec),
        None => {}
    }
    if let Some(start) = second.start {
        line.key("start");
        line.seconds(start);
    }
    line.key("duration");
    line.seconds(second.duration);
    line.number("frames", u64::from(second.frames));
    if second.media == Media::Video {
        line.number("keyframes", u64::from(second.keyframes));
    }
    line.number("bytes", second.bytes);
    line.real("bitrate", second.bitrate().map(f64::round));
    line.number("timestamp", u64::from(second.timestamp));
    if let Some(ahead) = second.ahead {
        line.signed("ahead", ahead);
    }
    if let Some(skew) = second.av_skew {
        line.signed("av_skew", i64::from(skew));
    }
    line.number("buffered", second.buffered);
    line.maybe("unacknowledged", second.unacknowledged);
    line.key("findings");
    line.open();
    for (name, count) in ["info", "warning", "error"].into_iter().zip(second.findings) {
        line.number(name, count);
    }
    line.shut();
}
