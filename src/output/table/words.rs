//! What a record says, in words on one line. Everything that a peer sent is escaped here.

use std::fmt::Write as _;

use super::super::{amf_json, escape};
use super::bitstream;
use crate::inspect::{Event, Handshake, HandshakeFields, MessageRecord, Opened, Record, Transport};
use crate::proto::amf::{Text, Value};
use crate::proto::chunk::MAX_CHUNK_SIZE;
use crate::proto::codec::{AudioConfig, VideoConfig};
use crate::proto::message::command::{Capabilities, RECONNECT_REQUEST, VideoFunction};
use crate::proto::message::data::SpliceInfo;
use crate::proto::message::{
    Aggregate, Audio, AudioPacketType, Body, Command, Control, Data, FrameType, Kind, ModEx,
    SharedObject, SharedObjectChange, UserControl, Video, VideoPacketType,
};

/// The kind column.
pub(super) const fn kind(record: &Record<'_>) -> &'static str {
    match &record.event {
        Event::Opened(_) => "open",
        Event::Handshake(_) => "handshake",
        Event::Chunk(_) => "chunk",
        Event::Gap(_) | Event::Dropped(_) => "gap",
        Event::Finding(finding) => finding.severity.as_str(),
        Event::Closed(_) => "close",
        Event::Rewritten(_) => "rewritten",
        Event::Summary(_) => "summary",
        Event::Timeline(second) => second.media.as_str(),
        Event::Message(message) => match message.kind {
            Kind::Audio => "audio",
            Kind::Video => "video",
            Kind::Data => "data",
            Kind::Command => "command",
            Kind::SharedObject => "object",
            Kind::Aggregate => "aggregate",
            Kind::Unknown => "unknown",
            _ => "control",
        },
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn milliseconds(nanoseconds: i64) -> String {
    format!("{:.1} ms", nanoseconds as f64 / 1e6)
}

/// Who is connected to whom, or what else it is.
pub(super) fn ends(opened: &Opened) -> String {
    match (opened.client, opened.server) {
        (Some(client), Some(server)) if opened.transport == Transport::Rtmp => {
            format!("{client} → {server}")
        }
        (Some(client), Some(server)) => {
            format!("{client} → {server} {}", opened.transport.as_str())
        }
        _ if opened.transport == Transport::Flv => "an FLV file".to_owned(),
        _ => "a stream without addresses".to_owned(),
    }
}

/// The last column. Writing to a string cannot fail, so results of `write!` are not looked at.
pub(super) fn of(record: &Record<'_>) -> String {
    let mut text = String::new();
    match &record.event {
        Event::Opened(opened) => {
            text.push_str(&ends(opened));
            if !opened.from_start {
                text.push_str(" (the capture begins inside the connection)");
            }
        }
        Event::Handshake(packet) => handshake(&mut text, packet),
        Event::Chunk(chunk) => {
            let header = &chunk.header;
            let _ = write!(text, "format {} csid {}", header.format, header.chunk_stream_id);
            if let Some(field) = header.timestamp_field {
                let _ = write!(
                    text,
                    " {} {field}",
                    if header.format == 0 { "timestamp" } else { "delta" }
                );
            }
            if let Some(extended) = header.extended_timestamp {
                let _ = write!(text, " extended {extended}");
            }
            if let (Some(length), Some(type_id)) = (header.length, header.type_id) {
                let _ = write!(text, " length {length} type {type_id}");
            }
            if let Some(id) = header.message_stream_id {
                let _ = write!(text, " msid {id}");
            }
            let _ = write!(text, " data {}", chunk.data_length);
        }
        Event::Message(record) => message(&mut text, record),
        Event::Dropped(dropped) => {
            let _ = write!(
                text,
                "{} missing, because the output was not read fast enough (overflow)",
                plural(dropped.records, "record")
            );
        }
        Event::Gap(gap) => {
            match gap.length {
                Some(length) => {
                    let _ = write!(
                        text,
                        "{length} bytes missing at byte {} ({})",
                        gap.offset,
                        gap.cause.as_str()
                    );
                }
                None => {
                    let _ = write!(
                        text,
                        "bytes missing at byte {} ({})",
                        gap.offset,
                        gap.cause.as_str()
                    );
                }
            }
            match gap.resumed_at {
                Some(at) => {
                    let _ = write!(text, ", decoding goes on at byte {at}");
                }
                None => text.push_str(", decoding does not go on"),
            }
        }
        Event::Rewritten(rewritten) => {
            escape::push_escaped(&mut text, rewritten.call);
            let _ = write!(text, " {}: ", rewritten.field.as_str());
            escape::push_escaped(&mut text, rewritten.before);
            text.push_str(" → ");
            escape::push_escaped(&mut text, rewritten.after);
        }
        Event::Finding(finding) => {
            let _ = write!(text, "{}: ", finding.code);
            escape::push_escaped(&mut text, &finding.message);
            if finding.count > 1 {
                let _ = write!(text, " (time {})", finding.count);
            }
            if let Some(cause) = finding.cause {
                let _ = write!(text, " (follows from record {cause})");
            }
        }
        Event::Closed(closed) => {
            let _ = write!(text, "by {} ({})", closed.by.as_str(), closed.how.as_str());
        }
        // Rows of their own.
        Event::Summary(_) | Event::Timeline(_) => {}
    }
    text
}

fn handshake(text: &mut String, handshake: &Handshake) {
    text.push_str(&handshake.packet.to_uppercase());
    match handshake.fields {
        HandshakeFields::Zero { version } => {
            let _ = write!(text, " version {version}");
        }
        HandshakeFields::One { epoch, software_version, digest, .. } => {
            let _ = write!(text, " epoch {epoch}");
            if let Some(version) = software_version {
                let _ = write!(text, " software {version}");
            }
            match digest {
                Some(found) => {
                    let _ = write!(
                        text,
                        " digest scheme {} at {}",
                        found.scheme.number(),
                        found.offset
                    );
                }
                None => text.push_str(" no digest"),
            }
        }
        HandshakeFields::Two { echoes_peer, digest_valid, .. } => {
            text.push_str(match echoes_peer {
                Some(true) => " echoes the peer",
                Some(false) => " does not echo the peer",
                None => "",
            });
            text.push_str(match (digest_valid, echoes_peer) {
                (Some(true), _) => ", signature valid",
                // An echo has no room for a signature, and needs none.
                (Some(false), Some(true)) | (None, _) => "",
                (Some(false), _) => ", signature not valid",
            });
        }
    }
    if handshake.damaged.is_some() {
        text.push_str(" (bytes of it are missing)");
    }
}

fn message(text: &mut String, record: &MessageRecord<'_>) {
    let raw = &record.raw;
    match record.body {
        Body::Control(control) => self::control(text, *control),
        Body::UserControl(event) => user_control(text, event),
        Body::Command(command) => self::command(text, command),
        Body::Data(data) => self::data(text, data),
        Body::SharedObject(object) => shared_object(text, object),
        Body::Aggregate(aggregate) => self::aggregate(text, aggregate, raw.length),
        Body::Audio(audio) => self::audio(text, audio, raw.length),
        Body::Video(video) => {
            self::video(text, video, raw.length);
            let key = matches!(video.frame_type, Some(FrameType::Key | FrameType::GeneratedKey));
            for bitstream in record.bitstreams.iter().flatten() {
                bitstream::push(text, bitstream, key);
            }
        }
        Body::Opaque if record.kind == Kind::Unknown => {
            let _ = write!(text, "message type {} ({} bytes)", raw.type_id, raw.length);
        }
        Body::Opaque => {
            let _ =
                write!(text, "{} ({} bytes)", record.kind.as_str().replace('_', " "), raw.length);
        }
    }
    if raw.timestamp > 0 {
        let _ = write!(text, "  ts {}", raw.timestamp);
        if raw.timestamp_uncertain {
            text.push('?');
        }
    }
    if let Some(call) = record.reply_to {
        let _ = write!(text, "  (answers record {call})");
    }
    if let Some(aggregate) = record.aggregate {
        let _ = write!(text, "  (in aggregate {aggregate})");
    }
    if !raw.damaged.is_empty() {
        let missing: u64 = raw.damaged.iter().map(crate::proto::Span::len).sum();
        let _ = write!(text, "  DAMAGED: {missing} bytes missing");
    }
    if let Some(fault) = record.malformed {
        let _ = write!(text, "  MALFORMED {fault}");
    }
}

fn number(text: &mut String, value: Option<u32>) {
    match value {
        Some(value) => {
            let _ = write!(text, " {value}");
        }
        None => text.push_str(" (cut)"),
    }
}

fn control(text: &mut String, control: Control) {
    match control {
        Control::SetChunkSize { size } => {
            text.push_str("Set Chunk Size");
            number(text, size);
            if size.is_some_and(|size| size == 0 || size > MAX_CHUNK_SIZE) {
                text.push_str(" (not allowed)");
            }
        }
        Control::Abort { chunk_stream_id } => {
            text.push_str("Abort chunk stream");
            number(text, chunk_stream_id);
        }
        Control::Acknowledgement { sequence_number } => {
            text.push_str("Acknowledgement");
            number(text, sequence_number);
        }
        Control::WindowAcknowledgementSize { size } => {
            text.push_str("Window Acknowledgement Size");
            number(text, size);
        }
        Control::SetPeerBandwidth { size, limit_type } => {
            text.push_str("Set Peer Bandwidth");
            number(text, size);
            if let Some(limit_type) = limit_type {
                let _ = write!(text, " {limit_type}");
            }
        }
    }
}

fn user_control(text: &mut String, event: &UserControl) {
    let Some(event_type) = event.event_type else {
        text.push_str("User Control (cut)");
        return;
    };
    for (index, word) in event_type.as_str().split('_').enumerate() {
        if index > 0 {
            text.push(' ');
        }
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    if event_type.as_str() == "unknown" {
        let _ = write!(text, " User Control event {}", event_type.id());
    }
    if let Some(id) = event.stream_id {
        let _ = write!(text, " stream {id}");
    }
    if let Some(length) = event.buffer_length {
        let _ = write!(text, " buffer {length} ms");
    }
    if let Some(timestamp) = event.timestamp {
        let _ = write!(text, " timestamp {timestamp}");
    }
    if let Some(swf) = event.swf {
        let _ = write!(text, " of a file of {} bytes", swf.sizes[0]);
    }
}

/// Characters of one argument's inline form.
const ARGUMENT: usize = 400;

fn name(text: &mut String, name: Option<&Text>) {
    match name {
        Some(name) => escape::push_escaped_bytes(text, name.as_bytes()),
        None => text.push_str("(no name)"),
    }
}

fn command(text: &mut String, command: &Command) {
    name(text, command.name.as_ref());
    match command.name() {
        // What one looks for first.
        "connect" => {
            for key in ["app", "tcUrl", "flashVer"] {
                if let Some(value) = command.object.as_ref().and_then(|object| object.get(key)) {
                    let _ = write!(text, " {key}=");
                    word(text, value);
                }
            }
            // What Enhanced RTMP adds is said in short, where it can be.
            let short = capabilities(text, command);
            for (key, value) in command.object.iter().flat_map(Value::entries) {
                let said = key.as_str().is_some_and(|key| {
                    matches!(key, "app" | "tcUrl" | "flashVer")
                        || short && Capabilities::NAMES.contains(&key)
                });
                if !said {
                    text.push(' ');
                    escape::push_escaped_bytes(text, key.as_bytes());
                    text.push('=');
                    word(text, value);
                }
            }
        }
        "onStatus" | "_result" | "_error" => {
            if let Some(info) = command.arguments.first().filter(|info| info.get("code").is_some())
            {
                for key in ["level", "code", "description"] {
                    if let Some(value) = info.get(key) {
                        text.push(' ');
                        word(text, value);
                    }
                }
                if info.get("code").and_then(Value::as_str) == Some(RECONNECT_REQUEST) {
                    match info.get("tcUrl") {
                        Some(url) => {
                            text.push_str(" to ");
                            word(text, url);
                        }
                        None => text.push_str(" to the same URL"),
                    }
                }
                capabilities(text, command);
            } else {
                arguments(text, &command.arguments);
            }
        }
        _ => {
            if let Some(object) = command.object.as_ref().filter(|object| **object != Value::Null) {
                text.push(' ');
                amf_json::write_inline(text, object, ARGUMENT);
            }
            arguments(text, &command.arguments);
        }
    }
    if let Some(id) = command.transaction_id.filter(|id| *id != 0.0) {
        let _ = write!(text, "  [{id}]");
    }
}

/// ` can reconnect, multitrack; vp09 decode+encode, * forward`; says whether there was anything to say.
fn capabilities(text: &mut String, command: &Command) -> bool {
    let capabilities = Capabilities::of_command(command).unwrap_or_default();
    let set = |(name, set): (&'static str, bool)| set.then(|| name.replace('_', " "));
    let flags = |flags: &[(&'static str, bool)], between: &str| {
        flags.iter().copied().filter_map(set).collect::<Vec<_>>().join(between)
    };
    let mut all = Vec::new();
    if let Some(caps) = capabilities.caps_ex {
        all.push(flags(&caps.flags(), ", "));
    }
    if let Some(function) = VideoFunction::of_command(command) {
        all.push(flags(&function.flags(), ", "));
    }
    let codecs = capabilities.codecs();
    all.extend(codecs.iter().take(CODECS).map(|(name, mask)| match mask {
        Some(mask) => format!("{name} {}", flags(&mask.flags(), "+")),
        None => name.to_string(),
    }));
    if codecs.len() > CODECS {
        all.push(format!("… ({} codecs)", codecs.len()));
    }
    all.retain(|part| !part.is_empty());
    if !all.is_empty() {
        text.push_str(" can ");
        // FourCCs are printable.
        text.push_str(&all.join("; "));
    }
    !all.is_empty()
}

/// Codecs shown.
const CODECS: usize = 16;

fn arguments(text: &mut String, values: &[Value]) {
    for value in values {
        text.push(' ');
        amf_json::write_inline(text, value, ARGUMENT);
    }
}

/// A text without quotes where it needs none, anything else in its inline form.
fn word(text: &mut String, value: &Value) {
    match value.as_str() {
        Some(word) => escape::push_escaped(text, word),
        None => amf_json::write_inline(text, value, ARGUMENT),
    }
}

fn data(text: &mut String, data: &Data) {
    name(text, data.name.as_ref());
    if let Some(splice) = data.splice_info() {
        splice_info(text, &splice);
    }
    arguments(text, &data.arguments);
}

/// ` SCTE-35 cue (splice_insert, event 5, out, 30 s)`
fn splice_info(text: &mut String, splice: &SpliceInfo) {
    text.push_str(" SCTE-35 cue (");
    match splice.command.as_str() {
        Some(name) => text.push_str(name),
        None => {
            let _ = write!(text, "splice command {}", splice.command.number());
        }
    }
    if let Some(id) = splice.event_id {
        let _ = write!(text, ", event {id}");
    }
    if splice.cancelled {
        text.push_str(", cancelled");
    }
    match splice.out_of_network {
        Some(true) => text.push_str(", out"),
        Some(false) => text.push_str(", return"),
        None => {}
    }
    if let Some(duration) = splice.duration {
        let _ = write!(text, ", {} s", rounded(duration as f64 / 90_000.0));
    }
    if splice.encrypted {
        text.push_str(", encrypted");
    }
    text.push(')');
}

/// `"chat" version 3 persistent: use, change a=1 b="x"`
fn shared_object(text: &mut String, object: &SharedObject) {
    name(text, object.name.as_ref());
    if let Some(version) = object.version {
        let _ = write!(text, " version {version}");
    }
    if object.persistent() == Some(true) {
        text.push_str(" persistent");
    }
    for (index, event) in object.events.iter().enumerate() {
        if index == EVENTS {
            let _ = write!(text, ", … ({} events)", object.events.len());
            break;
        }
        text.push_str(if index == 0 { ": " } else { ", " });
        change(text, &event.kind);
        if !event.rest.is_empty() {
            let _ = write!(text, " ({} bytes more)", event.rest.len());
        }
    }
}

/// Events of a shared object shown.
const EVENTS: usize = 16;

fn change(text: &mut String, change: &SharedObjectChange) {
    match change.as_str() {
        Some(name) => text.push_str(&name.replace('_', " ")),
        None => {
            let _ = write!(text, "event {}", change.number());
        }
    }
    let mut named = |name: &Option<Text>, before: char| {
        if let Some(name) = name {
            text.push(before);
            escape::push_escaped_bytes(text, name.as_bytes());
        }
    };
    match change {
        SharedObjectChange::RequestChange { name, value }
        | SharedObjectChange::Success { name, value } => {
            named(name, ' ');
            if let Some(value) = value {
                text.push('=');
                amf_json::write_inline(text, value, ARGUMENT);
            }
        }
        SharedObjectChange::Change { slots } => {
            for (name, value) in slots.iter().take(EVENTS) {
                text.push(' ');
                escape::push_escaped_bytes(text, name.as_bytes());
                text.push('=');
                amf_json::write_inline(text, value, ARGUMENT);
            }
            if slots.len() > EVENTS {
                let _ = write!(text, " … ({} slots)", slots.len());
            }
        }
        SharedObjectChange::SendMessage { name, arguments: values } => {
            if let Some(name) = name {
                text.push(' ');
                word(text, name);
            }
            arguments(text, values);
        }
        SharedObjectChange::Status { code, level } => {
            named(level, ' ');
            named(code, ' ');
        }
        SharedObjectChange::Remove { name } | SharedObjectChange::RequestRemove { name } => {
            named(name, ' ');
        }
        _ => {}
    }
}

/// `3 messages (2 video, 1 audio) 14.2 kB`
fn aggregate(text: &mut String, aggregate: &Aggregate, length: u32) {
    text.push_str(&plural(aggregate.messages.len() as u64, "message"));
    let mut counts = [0u64; Kind::ALL.len()];
    for inner in &aggregate.messages {
        counts[inner.kind() as usize] += 1;
    }
    let counted: Vec<String> = Kind::ALL
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", kind.as_str().replace('_', " ")))
        .collect();
    if !counted.is_empty() {
        let _ = write!(text, " ({})", counted.join(", "));
    }
    let _ = write!(text, " {}", size(u64::from(length)));
}

/// `1 error`, `2 errors`
pub(super) fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Bytes as people read them: `14.2 kB`.
pub(super) fn size(bytes: u64) -> String {
    let number = bytes as f64;
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// A bitrate as people read it.
pub(super) fn bitrate(bits: f64) -> String {
    if bits >= 1e6 { format!("{:.2} Mb/s", bits / 1e6) } else { format!("{:.1} kb/s", bits / 1e3) }
}

fn audio(text: &mut String, audio: &Audio, length: u32) {
    match audio.codec {
        Some(codec) => {
            let _ = write!(text, "{codec}");
        }
        None if length == 0 => {
            text.push_str("empty (silence)");
            return;
        }
        None => text.push_str("multitrack"),
    }
    match audio.packet_type {
        None | Some(AudioPacketType::CodedFrames | AudioPacketType::Raw) => {}
        Some(AudioPacketType::SequenceStart) => text.push_str(" sequence header"),
        Some(packet_type) => {
            let _ = write!(text, " {}", packet_type.to_string().replace('_', " "));
        }
    }
    if let Some(config) = audio.config.as_deref() {
        audio_config(text, config);
    }
    for track in &audio.tracks {
        let _ = write!(text, " track {}", track.track);
        if let Some(codec) = track.codec {
            let _ = write!(text, " {codec}");
        }
        if let Some(config) = track.config.as_deref() {
            audio_config(text, config);
        }
    }
    mod_ex(text, &audio.mod_ex);
    let _ = write!(text, " {}", size(u64::from(length)));
}

fn video(text: &mut String, video: &Video, length: u32) {
    match video.codec {
        Some(codec) => {
            let _ = write!(text, "{codec}");
        }
        None if length == 0 => {
            text.push_str("empty");
            return;
        }
        None if video.tracks.is_empty() => text.push_str("no codec"),
        None => text.push_str("multitrack"),
    }
    if let Some(command) = video.command {
        let _ = write!(text, " command {command}");
    }
    match (video.packet_type, video.frame_type) {
        (Some(VideoPacketType::SequenceStart), _) => text.push_str(" sequence header"),
        (
            Some(
                VideoPacketType::CodedFrames | VideoPacketType::CodedFramesX | VideoPacketType::Raw,
            ),
            Some(frame),
        ) => {
            let _ = match frame {
                FrameType::Key => write!(text, " key"),
                FrameType::Inter => write!(text, " inter"),
                other => write!(text, " {other}"),
            };
        }
        (Some(packet_type), _) => {
            let _ = write!(text, " {}", packet_type.to_string().replace('_', " "));
        }
        (None, _) => {}
    }
    if let Some(config) = video.config.as_deref() {
        video_config(text, config);
    }
    if let Some(metadata) = &video.metadata {
        text.push(' ');
        amf_json::write_inline(text, metadata, ARGUMENT);
    }
    for track in &video.tracks {
        let _ = write!(text, " track {}", track.track);
        if let Some(codec) = track.codec {
            let _ = write!(text, " {codec}");
        }
        if let Some(config) = track.config.as_deref() {
            video_config(text, config);
        }
        if let Some(metadata) = &track.metadata {
            text.push(' ');
            amf_json::write_inline(text, metadata, ARGUMENT);
        }
    }
    mod_ex(text, &video.mod_ex);
    let _ = write!(text, " {}", size(u64::from(length)));
    if let Some(time) = video.composition_time.filter(|time| *time != 0) {
        let _ = write!(text, " cts {time:+}");
    }
}

fn mod_ex(text: &mut String, chain: &[ModEx]) {
    for item in chain {
        let _ = match item {
            ModEx::TimestampOffsetNano { nanoseconds } => write!(text, " {nanoseconds:+} ns"),
            ModEx::Other { kind, data } => write!(text, " modifier {kind} ({} bytes)", data.len()),
        };
    }
}

/// `High 4.1 1920x1080 30 fps`
pub(super) fn video_config(text: &mut String, config: &VideoConfig) {
    if let Some(profile) = config.profile {
        let _ = write!(text, " {profile}");
    }
    if let Some(level) = config.level {
        let _ = write!(text, " {level}");
    }
    if let (Some(width), Some(height)) = (config.width, config.height) {
        let _ = write!(text, " {width}x{height}");
    }
    if let Some(rate) = config.frame_rate {
        let _ = write!(text, " {} fps", rounded(rate));
    }
}

/// `LC 48000 Hz 2 channels`
pub(super) fn audio_config(text: &mut String, config: &AudioConfig) {
    if let Some(profile) = config.profile {
        let _ = write!(text, " {profile}");
    }
    if let Some(rate) = config.sample_rate {
        let _ = write!(text, " {rate} Hz");
    }
    if let Some(channels) = config.channels {
        let _ = write!(text, " {channels} ch");
    }
}

/// At most two decimals, and none that are zero.
pub(super) fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
