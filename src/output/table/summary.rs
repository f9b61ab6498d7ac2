//! The end of a connection: what it was, as a proper table.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table};

use super::super::escape;
use super::row::{self, Paint};
use super::{Style, words};
use crate::inspect::{
    Codec, FlowId, Listed, Media, Severity, SideEnd, Sides, Split, Summary, Track,
};
use crate::proto::Direction;
use crate::proto::message::Kind;

/// Appends the summary of a connection.
pub(super) fn push(out: &mut Vec<u8>, connection: FlowId, summary: &Summary, style: Style) {
    let title = format!("connection #{connection}: {}", words::ends(&summary.opened));
    out.push(b'\n');
    row::push_line(out, &title, Paint::Bold, style);
    push_facts(out, summary, style);
    if !summary.tracks.is_empty() {
        push_tracks(out, &summary.tracks, style);
    }
    for listed in &summary.findings_list {
        push_finding(out, listed, style);
    }
    out.push(b'\n');
}

fn table(style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    match style.width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table
}

fn finish(out: &mut Vec<u8>, table: &Table) {
    for line in table.lines() {
        out.extend_from_slice(line.trim_end().as_bytes());
        out.push(b'\n');
    }
}

/// How far it got: the handshake as one step, and each call with the time until its answer.
fn steps(summary: &Summary) -> Option<String> {
    let mut text = String::new();
    let packets = |name: &str| matches!(name, "c0" | "c1" | "c2" | "s0" | "s1" | "s2");
    let shaken = summary.steps.iter().filter(|step| packets(step.name));
    let ends =
        shaken.clone().map(|step| step.at).max().zip(shaken.clone().map(|step| step.at).min());
    if let Some((last, first)) = ends {
        let whole = shaken.count() == 6;
        let _ = write!(text, "handshake {}", words::milliseconds(last - first));
        text.push_str(if whole { "" } else { " (not whole)" });
    }
    for step in summary.steps.iter().filter(|step| !packets(step.name)) {
        let name = if step.name == "create_stream" { "createStream" } else { step.name };
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = match step.took {
            Some(took) => write!(text, "{separator}{name} {}", words::milliseconds(took)),
            None if name == "media" => write!(text, "{separator}media"),
            None => write!(text, "{separator}{name} without an answer"),
        };
    }
    (!text.is_empty()).then_some(text)
}

fn push_facts(out: &mut Vec<u8>, summary: &Summary, style: Style) {
    let mut facts = table(style);
    for (name, value) in [
        ("app", &summary.app),
        ("tcUrl", &summary.tc_url),
        ("stream", &summary.stream_name),
        ("client", &summary.client_software),
        ("server", &summary.server_software),
    ] {
        if let Some(value) = value {
            let mut text = String::new();
            escape::push_escaped(&mut text, value);
            facts.add_row([name, &text]);
        }
    }
    for (name, text) in readings(&summary.splits) {
        facts.add_row([name, text]);
    }
    if let Some(duration) = summary.duration {
        facts.add_row(["duration", &format!("{:.3} s", duration as f64 / 1e9)]);
    }
    if let Some(text) = steps(summary) {
        facts.add_row(["steps", &text]);
    }
    let verdict = &summary.verdict;
    let mut text = String::new();
    escape::push_escaped(&mut text, &verdict.sentence);
    facts.add_row(["end", &text]);
    if let Some(usually) = verdict.usually {
        facts.add_row(["usually", usually]);
    }
    for direction in Direction::BOTH {
        let mut text = words::size(summary.bytes[direction.index()]);
        for kind in Kind::ALL {
            let count = summary.messages[direction.index()][kind as usize];
            if count > 0 {
                // Writing to a string cannot fail.
                let _ = write!(text, ", {count} {}", kind.as_str().replace('_', " "));
            }
        }
        facts.add_row([direction.as_str(), &text]);
    }
    let [info, warning, error] = summary.findings;
    if info + warning + error > 0 {
        facts.add_row([
            "findings",
            &[(error, "error"), (warning, "warning"), (info, "note")]
                .map(|(n, noun)| words::plural(n, noun))
                .join(", "),
        ]);
    }
    let (count, bytes) = summary.gaps;
    if count > 0 {
        facts.add_row(["gaps", &format!("{count}, {} missing", words::size(bytes))]);
    }
    if let Some(sides) = &summary.proxy {
        facts.add_row(["upstream", &upstream(sides)]);
        facts.add_row(["sides", &ends(sides)]);
        for direction in Direction::BOTH {
            if let Some(text) = waiting(sides, direction) {
                facts.add_row([&format!("to {}", receiver(direction)), &text]);
            }
        }
    }
    finish(out, &facts);
}

/// How servers read app and stream name, where they do not all read the same.
fn readings(splits: &[Split]) -> Vec<(String, String)> {
    let plain = |split: &Split| {
        split.instance.as_ref().is_none_or(|instance| instance == "_definst_")
            && splits.iter().all(|other| {
                (&other.app, &other.stream_name, &other.query)
                    == (&split.app, &split.stream_name, &split.query)
            })
    };
    if splits.iter().all(plain) {
        return Vec::new();
    }
    let row = |split: &Split| {
        let path = split.path();
        let stream = split.stream_name.as_ref().filter(|_| path.is_none());
        let parts = [
            ("path", path.as_ref()),
            ("app", Some(&split.app).filter(|_| path.is_none())),
            ("instance", split.instance.as_ref()),
            ("stream", stream),
            ("query", split.query.as_ref()),
        ];
        let mut text = String::new();
        for (name, value) in parts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            text.push_str(if text.is_empty() { "" } else { ", " });
            text.push_str(name);
            text.push(' ');
            escape::push_escaped(&mut text, value);
        }
        (split.server.to_owned(), text)
    };
    splits.iter().map(row).collect()
}

/// The server behind a proxy, and how long it took to reach it.
fn upstream(sides: &Sides) -> String {
    let Some(upstream) = sides.upstream else { return "not reached".to_owned() };
    let mut text = format!(
        "{} {}, connected in {}",
        upstream.address,
        upstream.transport.as_str(),
        words::milliseconds(upstream.connect)
    );
    for (what, time) in [("name", upstream.resolve), ("TLS", upstream.tls)] {
        if let Some(time) = time {
            let _ = write!(text, ", {what} {}", words::milliseconds(time));
        }
    }
    text
}

/// How client and server ended.
fn ends(sides: &Sides) -> String {
    let side = |name: &str, end: Option<SideEnd>| match end {
        Some(end) => format!("{name} {} after {:.3} s", end.how.as_str(), end.at as f64 / 1e9),
        None => format!("{name} did not end"),
    };
    format!("{}, {}", side("client", sides.ends[0]), side("server", sides.ends[1]))
}

/// What waited for the receiver of a direction.
fn waiting(sides: &Sides, direction: Direction) -> Option<String> {
    let (most, blocked) = (sides.queued[direction.index()], sides.blocked[direction.index()]);
    (most > 0).then(|| {
        format!(
            "at most {} waited, {} without a byte taken",
            words::size(most),
            words::milliseconds(blocked)
        )
    })
}

const fn receiver(direction: Direction) -> &'static str {
    match direction {
        Direction::ClientToServer => "server",
        Direction::ServerToClient => "client",
    }
}

fn push_tracks(out: &mut Vec<u8>, tracks: &[Track], style: Style) {
    let mut table = table(style);
    table.set_header([
        "track",
        "codec",
        "format",
        "messages",
        "bytes",
        "bitrate",
        "timestamps",
        "key frames",
    ]);
    for track in tracks {
        table.add_row([
            name_of(track),
            match track.codec {
                Some(Codec::Audio(codec)) => codec.to_string(),
                Some(Codec::Video(codec)) => codec.to_string(),
                None => String::new(),
            },
            format_of(track),
            track.messages.to_string(),
            words::size(track.bytes),
            track.bitrate().map(words::bitrate).unwrap_or_default(),
            format!("{} to {}", track.first_timestamp, track.last_timestamp),
            keyframes(track),
        ]);
    }
    finish(out, &table);
    let mut table = self::table(style);
    for track in tracks {
        let text = measured(track);
        if !text.is_empty() {
            table.add_row([name_of(track), text]);
        }
    }
    finish(out, &table);
}

/// `c2s video 1`, with the track's number where that is not 0.
fn name_of(track: &Track) -> String {
    let mut name =
        format!("{} {} {}", track.direction, track.media.as_str(), track.message_stream_id);
    if track.track > 0 {
        // Writing to a string cannot fail.
        let _ = write!(name, ".{}", track.track);
    }
    name
}

/// What was declared and measured of a track's frames, in words.
fn measured(track: &Track) -> String {
    let measured = &track.measured;
    let mut parts = Vec::new();
    if let Some(rate) = measured.frame_rate {
        let mut text = format!("{} fps measured", words::rounded(rate));
        let declared = [
            (measured.bitstream_frame_rate, "bitstream"),
            (measured.metadata_frame_rate, "metadata"),
        ];
        for (rate, by) in declared {
            if let Some(rate) = rate {
                let _ = write!(text, ", {} in {by}", words::rounded(rate));
            }
        }
        parts.push(text);
    }
    let peak = measured.peak_bitrate.map(|rate| format!("at most {}", words::bitrate(rate)));
    let declared =
        measured.metadata_bitrate.map(|rate| format!("{} in metadata", words::bitrate(rate)));
    let rates: Vec<String> = [peak, declared].into_iter().flatten().collect();
    if !rates.is_empty() {
        parts.push(rates.join(", "));
    }
    if let Some(group) = measured.keyframe_interval {
        let (min, max) = (words::rounded(group.min), words::rounded(group.max));
        let spread = if min == max { String::new() } else { format!(" ({min} to {max})") };
        parts.push(format!("GOP of {} frames{spread}", words::rounded(group.mean)));
    }
    match measured.b_frames {
        Some(0) => parts.push("no B-frames".to_owned()),
        Some(run) => parts.push(format!("B-frames, {run} in a row")),
        None => {}
    }
    if let Some(skew) = measured.av_skew {
        let mut text = format!("A/V {:+} ms ({:+} to {:+})", skew.last, skew.min, skew.max);
        text.push_str(&drift(measured.av_drift));
        parts.push(text);
    }
    if let Some(ahead) = measured.ahead {
        parts.push(format!("clock {:+} ms{}", ahead.last, drift(measured.clock_drift)));
    }
    if let Some((mean, most)) = measured.jitter {
        parts.push(format!("jitter {mean:.1} ms (at most {most:.1})"));
    }
    if let Some(gap) = measured.largest_gap {
        let mut text = format!("largest gap {gap} ms");
        if let Some(silence) = measured.longest_silence {
            let _ = write!(text, ", of arrival {} ms", silence / 1_000_000);
        }
        if measured.steps_back > 0 {
            let _ = write!(text, ", {}", words::plural(measured.steps_back.into(), "step"));
            text.push_str(" back");
        }
        parts.push(text);
    }
    parts.join("; ")
}

/// What is gained in a minute.
fn drift(rate: Option<f64>) -> String {
    rate.map_or_else(String::new, |rate| format!(", {rate:+.1} ms/min"))
}

/// A finding with the place of its first occurrence, and what to do about it.
fn push_finding(out: &mut Vec<u8>, listed: &Listed, style: Style) {
    let finding = &listed.finding;
    let mut line = format!("{:7}  {}: ", finding.severity.as_str(), finding.code);
    escape::push_escaped(&mut line, &finding.message);
    let mut places = Vec::new();
    if finding.count > 1 {
        places.push(format!("{} times, first", finding.count));
    }
    places.extend(listed.direction.map(|direction| direction.as_str().to_owned()));
    places.extend(listed.span.map(|span| format!("byte {}", span.start)));
    places.extend(listed.place.frame.map(|frame| format!("frame {frame}")));
    places.extend(listed.elapsed.map(|elapsed| format!("{:.3} s", elapsed as f64 / 1e9)));
    if listed.consequences > 0 {
        let what = words::plural(u64::from(listed.consequences), "finding");
        places.push(format!("{what} followed from it"));
    }
    // Writing to a string cannot fail.
    let _ = write!(line, " [{}]", places.join(", "));
    row::push_line(out, &line, Paint::of_severity(finding.severity), style);
    if finding.severity > Severity::Info
        && let Some(fix) = finding.fix()
    {
        let mut line = "         ".to_owned();
        escape::push_escaped(&mut line, fix);
        row::push_line(out, &line, Paint::Plain, style);
    }
}

fn format_of(track: &Track) -> String {
    let mut parts = Vec::new();
    parts.extend(track.profile.map(str::to_owned));
    parts.extend(track.level.map(|level| level.to_string()));
    if let (Some(width), Some(height)) = (track.width, track.height) {
        parts.push(format!("{width}x{height}"));
    }
    parts.extend(track.frame_rate.map(|rate| format!("{} fps", words::rounded(rate))));
    parts.extend(track.sample_rate.map(|rate| format!("{rate} Hz")));
    parts.extend(track.channels.map(|channels| format!("{channels} ch")));
    parts.join(" ")
}

fn keyframes(track: &Track) -> String {
    if track.media != Media::Video {
        return String::new();
    }
    match track.keyframe_interval {
        Some(interval) => format!(
            "{}, every {} s ({} to {})",
            track.keyframes,
            words::rounded(interval.mean),
            words::rounded(interval.min),
            words::rounded(interval.max)
        ),
        None => track.keyframes.to_string(),
    }
}
