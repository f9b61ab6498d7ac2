//! What a connection was, as JSON.

use super::super::digits::push_digits;
use super::line::Line;
use super::media::{write_audio_codec, write_video_codec};
use crate::inspect::{
    Codec, Interval, Measured, Media, Sides, Split, Spread, Summary, Track, Verdict,
};
use crate::proto::Direction;
use crate::proto::message::Kind;

pub(super) fn write_summary(line: &mut Line<'_>, summary: &Summary) {
    line.ends(&summary.opened);
    line.text("transport", summary.opened.transport.as_str());
    for (name, value) in [
        ("app", &summary.app),
        ("tc_url", &summary.tc_url),
        ("stream_name", &summary.stream_name),
        ("client_software", &summary.client_software),
        ("server_software", &summary.server_software),
    ] {
        match value {
            Some(text) => line.string(name, text),
            None => {
                line.key(name);
                line.raw(b"null,");
            }
        }
    }
    line.key("splits");
    line.list(&summary.splits, write_split);
    if let Some(duration) = summary.duration {
        line.raw(b"\"duration\":");
        line.seconds(duration);
    }
    line.key("steps");
    line.raw(b"[");
    for (index, step) in summary.steps.iter().enumerate() {
        line.raw(if index > 0 { b",{" } else { b"{" });
        line.text("step", step.name);
        line.key("at");
        line.seconds(step.at);
        line.key("took");
        match step.took {
            Some(took) => line.seconds(took),
            None => line.raw(b"null,"),
        }
        line.close();
    }
    line.raw(b"],");
    write_verdict(line, &summary.verdict);
    line.key("bytes");
    line.open();
    for direction in Direction::BOTH {
        line.number(direction.as_str(), summary.bytes[direction.index()]);
    }
    line.shut();
    line.key("messages");
    line.open();
    for direction in Direction::BOTH {
        line.key(direction.as_str());
        line.open();
        for kind in Kind::ALL {
            let count = summary.messages[direction.index()][kind as usize];
            if count > 0 {
                line.number(kind.as_str(), count);
            }
        }
        line.shut();
    }
    line.shut();
    line.key("tracks");
    line.list(&summary.tracks, write_track);
    line.key("findings");
    line.open();
    for (name, count) in ["info", "warning", "error"].into_iter().zip(summary.findings) {
        line.number(name, count);
    }
    line.shut();
    line.key("gaps");
    line.open();
    line.number("count", summary.gaps.0);
    line.number("bytes", summary.gaps.1);
    line.shut();
    if let Some(sides) = &summary.proxy {
        write_sides(line, sides);
    }
}

/// What a server makes of app, tcUrl and stream name. One that has a path has no app.
fn write_split(line: &mut Line<'_>, split: &Split) {
    line.open();
    line.text("server", split.server);
    match split.path() {
        Some(path) => line.string("path", &path),
        None => line.string("app", &split.app),
    }
    for (name, value) in [
        ("instance", &split.instance),
        ("stream_name", &split.stream_name),
        ("query", &split.query),
    ] {
        if let Some(value) = value {
            line.string(name, value);
        }
    }
    line.close();
}

fn write_verdict(line: &mut Line<'_>, verdict: &Verdict) {
    line.key("verdict");
    line.open();
    line.text("reached", verdict.reached.as_str());
    line.text("outcome", verdict.outcome.as_str());
    line.text("by", verdict.closed.by.as_str());
    line.text("how", verdict.closed.how.as_str());
    line.string("sentence", &verdict.sentence);
    if let Some(usually) = verdict.usually {
        line.string("usually", usually);
    }
    if let Some(status) = &verdict.status {
        line.string("status", status);
    }
    line.key("evidence");
    line.list(&verdict.evidence, |line, seq| push_digits(line.0, *seq));
    line.key("findings");
    line.list(&verdict.findings, |line, code| {
        line.raw(b"\"");
        line.raw(code.as_bytes());
        line.raw(b"\"");
    });
    line.shut();
}

fn write_sides(line: &mut Line<'_>, sides: &Sides) {
    line.key("proxy");
    line.open();
    line.key("upstream");
    match sides.upstream {
        Some(upstream) => {
            line.open();
            line.display("address", &upstream.address);
            if let Some(local) = upstream.local {
                line.display("local", &local);
            }
            line.text("transport", upstream.transport.as_str());
            let times = [
                ("resolve_time", upstream.resolve),
                ("connect_time", Some(upstream.connect)),
                ("tls_time", upstream.tls),
            ];
            for (name, time) in times {
                if let Some(time) = time {
                    line.key(name);
                    line.seconds(time);
                }
            }
            line.shut();
        }
        None => line.raw(b"null,"),
    }
    for (name, bytes) in [("forwarded", sides.forwarded), ("queued", sides.queued)] {
        line.key(name);
        line.open();
        for direction in Direction::BOTH {
            line.number(direction.as_str(), bytes[direction.index()]);
        }
        line.shut();
    }
    line.key("blocked");
    line.open();
    for direction in Direction::BOTH {
        line.key(direction.as_str());
        line.seconds(sides.blocked[direction.index()]);
    }
    line.shut();
    for (name, end) in ["client", "server"].into_iter().zip(sides.ends) {
        line.key(name);
        match end {
            Some(end) => {
                line.open();
                line.text("how", end.how.as_str());
                line.key("at");
                line.seconds(end.at);
                line.shut();
            }
            None => line.raw(b"null,"),
        }
    }
    line.shut();
}

pub(super) fn write_track(line: &mut Line<'_>, track: &Track) {
    line.open();
    line.text("direction", track.direction.as_str());
    line.number("message_stream_id", u64::from(track.message_stream_id));
    line.text("type", track.media.as_str());
    line.number("track", u64::from(track.track));
    match track.codec {
        Some(Codec::Audio(codec)) => write_audio_codec(line, codec),
        Some(Codec::Video(codec)) => write_video_codec(line, codec),
        None => {}
    }
    line.maybe("width", track.width);
    line.maybe("height", track.height);
    line.real("frame_rate", track.frame_rate.map(thousandths));
    line.maybe("sample_rate", track.sample_rate);
    line.maybe("channels", track.channels);
    if let Some(profile) = track.profile {
        line.string("profile", profile);
    }
    if let Some(level) = track.level {
        line.display("level", &level);
    }
    line.number("messages", track.messages);
    line.number("bytes", track.bytes);
    line.real("bitrate", track.bitrate().map(f64::round));
    line.number("first_timestamp", u64::from(track.first_timestamp));
    line.number("last_timestamp", u64::from(track.last_timestamp));
    line.real("duration", Some(track.media_time as f64 / 1000.0));
    if track.media != Media::Data {
        line.number("frames", track.frames);
    }
    if track.media == Media::Video {
        line.number("keyframes", track.keyframes);
        write_interval(line, "keyframe_interval", track.keyframe_interval);
    }
    if track.media != Media::Data {
        write_measured(line, &track.measured);
    }
    line.close();
}

fn write_measured(line: &mut Line<'_>, measured: &Measured) {
    line.real("bitstream_frame_rate", measured.bitstream_frame_rate.map(thousandths));
    line.real("metadata_frame_rate", measured.metadata_frame_rate.map(thousandths));
    line.real("measured_frame_rate", measured.frame_rate.map(thousandths));
    line.real("metadata_bitrate", measured.metadata_bitrate.map(f64::round));
    line.real("peak_bitrate", measured.peak_bitrate.map(f64::round));
    write_interval(line, "keyframe_interval_frames", measured.keyframe_interval);
    line.maybe("b_frames", measured.b_frames);
    if let Some((min, max)) = measured.composition_time {
        line.key("composition_time");
        line.open();
        line.signed("min", min.into());
        line.signed("max", max.into());
        line.shut();
    }
    write_spread(line, "av_skew", measured.av_skew);
    line.real("av_drift", measured.av_drift.map(thousandths));
    write_spread(line, "ahead", measured.ahead);
    line.real("clock_drift", measured.clock_drift.map(thousandths));
    if let Some((mean, max)) = measured.jitter {
        line.key("jitter");
        line.open();
        line.real("mean", Some(thousandths(mean)));
        line.real("max", Some(thousandths(max)));
        line.shut();
    }
    line.maybe("largest_gap", measured.largest_gap);
    if let Some(silence) = measured.longest_silence {
        line.key("longest_silence");
        line.seconds(silence);
    }
    line.number("gaps", measured.gaps.into());
    line.number("steps_back", measured.steps_back.into());
}

fn write_interval(line: &mut Line<'_>, name: &str, interval: Option<Interval>) {
    if let Some(interval) = interval {
        line.key(name);
        line.open();
        line.real("min", Some(thousandths(interval.min)));
        line.real("mean", Some(thousandths(interval.mean)));
        line.real("max", Some(thousandths(interval.max)));
        line.shut();
    }
}

/// Milliseconds.
fn write_spread(line: &mut Line<'_>, name: &str, spread: Option<Spread>) {
    if let Some(spread) = spread {
        line.key(name);
        line.open();
        line.signed("min", spread.min);
        line.signed("max", spread.max);
        line.signed("last", spread.last);
        line.shut();
    }
}

fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
