//! Records as NDJSON: one object a line, the fields that the published schema names.
//!
//! Written by hand into one buffer, because it is done for every message: constant keys, digits without formatting
//! machinery, no intermediate tree. Every field is written with a comma behind it; closing an object replaces the last.

use super::amf_json::{self, Context};
use super::payload::{self, Shown};
use super::time::Clock;
use crate::Limits;
use crate::inspect::{
    Codec, Event, Handshake, HandshakeFields, MessageRecord, Record, Summary, Track,
};
use crate::proto::amf::Value;
use crate::proto::codec::{AudioConfig, VideoConfig};
use crate::proto::message::{
    Audio, AudioCodec, AudioPacketType, Body, Command, Control, Data, FrameType, Kind, ModEx,
    Multichannel, UserControl, Video, VideoCodec, VideoPacketType,
};
use crate::proto::{Direction, Span};

/// A key as one constant, so that writing it is a few moves and not a call.
macro_rules! key {
    ($line:expr, $name:literal) => {
        $line.raw(concat!("\"", $name, "\":").as_bytes())
    };
}

/// A field whose value is a number.
macro_rules! number {
    ($line:expr, $name:literal, $value:expr) => {{
        key!($line, $name);
        $line.digits(u64::from($value));
        $line.0.push(b',');
    }};
}

/// A field whose value is one of our own words.
macro_rules! text {
    ($line:expr, $name:literal, $value:expr) => {{
        $line.raw(concat!("\"", $name, "\":\"").as_bytes());
        $line.raw($value.as_bytes());
        $line.raw(b"\",");
    }};
}

/// Writes records as lines of JSON.
#[derive(Debug)]
pub struct Writer {
    clock: Clock,
    limits: Limits,
    shown: Shown,
    files: Vec<String>,
    /// What the last audio and the last video message began with, and their headers: the next ones are mostly the same.
    routes: [Same<(u8, u32, u32)>; 2],
    audio: Same<AudioHeader>,
    video: Same<VideoHeader>,
}

/// Text that stays the same as long as what it was made of does.
#[derive(Debug)]
struct Same<K> {
    of: Option<K>,
    text: Vec<u8>,
}

impl<K> Default for Same<K> {
    fn default() -> Self {
        Self { of: None, text: Vec::new() }
    }
}

impl<K: PartialEq> Same<K> {
    /// The text made of `key`, made anew where that is another than last time.
    #[inline]
    fn text(&mut self, key: K, make: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        if self.of.as_ref() != Some(&key) {
            self.text.clear();
            make(&mut self.text);
            self.of = Some(key);
        }
        &self.text
    }
}

/// All of an ordinary audio message but the length of its data.
type AudioHeader =
    (Option<AudioCodec>, bool, Option<AudioPacketType>, Option<u32>, Option<u8>, Option<u8>);
/// All of an ordinary video message but its composition time and the length of its data.
type VideoHeader = (Option<VideoCodec>, bool, Option<FrameType>, Option<VideoPacketType>);

impl Writer {
    /// A writer that shows payloads as `shown` says; `files` are the input's names, where records say theirs.
    #[must_use]
    pub fn new(shown: Shown, files: Vec<String>, limits: Limits) -> Self {
        Self {
            clock: Clock::default(),
            limits,
            shown,
            files,
            routes: Default::default(),
            audio: Same::default(),
            video: Same::default(),
        }
    }

    /// Appends the first line of a run.
    pub fn start(&mut self, out: &mut Vec<u8>, command: &str, source: &[String]) {
        let mut line = Line(out);
        line.open();
        line.text("event", "start");
        line.number("seq", 0);
        line.number("schema", 1);
        line.string("rtmpctl", env!("CARGO_PKG_VERSION"));
        // An object, as in messages, so that `.command.name` can be asked of every line.
        line.key("command");
        line.open();
        line.string("name", command);
        line.shut();
        line.key("source");
        line.list(source, |line, name| amf_json::write_string(line.0, name));
        line.close();
        out.push(b'\n');
    }

    /// Appends a record's line.
    pub fn record(&mut self, out: &mut Vec<u8>, record: &Record<'_>) {
        let mut line = Line(out);
        match record.event {
            // Nearly all records are messages.
            Event::Message(_) => line.raw(b"{\"event\":\"message\","),
            ref event => {
                line.open();
                text!(line, "event", event.as_str());
            }
        }
        number!(line, "seq", record.seq);
        if let Some(connection) = record.connection {
            number!(line, "connection", connection);
        }
        match record.direction {
            Some(Direction::ClientToServer) => line.raw(b"\"direction\":\"c2s\","),
            Some(Direction::ServerToClient) => line.raw(b"\"direction\":\"s2c\","),
            None => {}
        }
        if let Some(at) = record.place.at {
            line.raw(b"\"time\":\"");
            self.clock.push(line.0, at);
            line.raw(b"\",");
        }
        if let Some(elapsed) = record.elapsed {
            line.raw(b"\"elapsed\":");
            line.seconds(elapsed);
        }
        if let Some(span) = record.span {
            number!(line, "offset", span.start);
            number!(line, "end", span.end);
        }
        if let Some(frame) = record.place.frame {
            number!(line, "frame", frame);
        }
        if let Some(file) = record.place.file.and_then(|file| self.files.get(file as usize)) {
            line.string("file", file);
        }
        self.event(&mut line, record);
        line.close();
        out.push(b'\n');
    }

    fn event(&mut self, line: &mut Line<'_>, record: &Record<'_>) {
        match &record.event {
            Event::Opened(opened) => {
                line.display("client", &opened.client);
                line.display("server", &opened.server);
                line.boolean("from_start", opened.from_start);
                line.text("transport", opened.transport.as_str());
            }
            Event::Handshake(handshake) => write_handshake(line, handshake),
            Event::Chunk(chunk) => {
                let header = &chunk.header;
                line.number("format", u64::from(header.format));
                line.number("chunk_stream_id", u64::from(header.chunk_stream_id));
                line.maybe("timestamp_field", header.timestamp_field);
                match header.extended_timestamp {
                    Some(extended) => line.number("extended_timestamp", u64::from(extended)),
                    None => line.raw(b"\"extended_timestamp\":null,"),
                }
                line.maybe("length", header.length);
                line.maybe("type_id", header.type_id);
                line.maybe("message_stream_id", header.message_stream_id);
                line.number("data_length", u64::from(chunk.data_length));
            }
            Event::Message(message) => self.message(line, message),
            Event::Gap(gap) => {
                match gap.length {
                    Some(length) => line.number("length", length),
                    None => line.raw(b"\"length\":null,"),
                }
                line.text("cause", gap.cause.as_str());
                match gap.resumed_at {
                    Some(at) => line.number("resumed_at", at),
                    None => line.raw(b"\"resumed_at\":null,"),
                }
            }
            Event::Finding(finding) => {
                line.text("code", finding.code);
                line.text("severity", finding.severity.as_str());
                line.string("message", &finding.message);
                if let Some(spec) = finding.spec {
                    line.string("spec", spec);
                }
                line.maybe("about", finding.about);
                line.number("count", u64::from(finding.count));
            }
            Event::Closed(closed) => {
                line.text("by", closed.by.as_str());
                line.text("how", closed.how.as_str());
            }
            Event::Summary(summary) => write_summary(line, summary),
        }
    }

    #[inline]
    fn message(&mut self, line: &mut Line<'_>, message: &MessageRecord<'_>) {
        let raw = &message.raw;
        let kind = message.kind;
        let route = |out: &mut Vec<u8>| {
            let mut line = Line(out);
            text!(line, "kind", kind.as_str());
            number!(line, "type_id", raw.type_id);
            number!(line, "chunk_stream_id", raw.chunk_stream_id);
            number!(line, "message_stream_id", raw.message_stream_id);
        };
        if matches!(kind, Kind::Audio | Kind::Video) {
            let key = (raw.type_id, raw.chunk_stream_id, raw.message_stream_id);
            line.raw(self.routes[usize::from(kind == Kind::Video)].text(key, route));
        } else {
            route(line.0);
        }
        number!(line, "timestamp", raw.timestamp);
        if raw.timestamp_uncertain {
            line.boolean("timestamp_uncertain", true);
        }
        number!(line, "length", raw.length);
        number!(line, "chunks", raw.chunks);
        if !raw.damaged.is_empty() {
            line.key("damaged");
            line.list(raw.damaged, |line, span| write_span(line, *span));
        }
        match message.body {
            Body::Audio(audio) => {
                line.raw(b"\"audio\":");
                self.audio(line, audio);
            }
            Body::Video(video) => {
                line.raw(b"\"video\":");
                self.video(line, video);
            }
            Body::Command(command) => {
                line.raw(b"\"command\":");
                self.command(line, command, message.reply_to);
            }
            Body::Data(data) => {
                line.raw(b"\"data\":");
                self.data(line, data);
            }
            Body::Control(control) => {
                line.key(kind.as_str());
                write_control(line, *control);
            }
            Body::UserControl(event) => {
                line.raw(b"\"user_control\":");
                write_user_control(line, event);
            }
            Body::Opaque if kind == Kind::Unknown => {}
            Body::Opaque => {
                line.key(kind.as_str());
                line.open();
                if kind == Kind::SharedObject {
                    line.number("amf", if raw.type_id == 16 { 3 } else { 0 });
                }
                line.shut();
            }
        }
        if let Some(fault) = message.malformed {
            line.key("malformed");
            line.open();
            number!(line, "offset", fault.offset as u64);
            line.display("reason", &fault.reason());
            line.shut();
        }
        if let Some(bytes) = self.shown.of(raw.payload) {
            line.raw(b"\"payload\":\"");
            payload::write_json(line.0, bytes, self.shown.form, message.masked);
            line.raw(b"\",");
        }
    }

    /// An audio object; of an ordinary one only the length is new.
    #[inline]
    fn audio(&mut self, line: &mut Line<'_>, audio: &Audio) {
        let ordinary = audio.config.is_none()
            && audio.multichannel.is_none()
            && audio.multitrack.is_none()
            && audio.mod_ex.is_empty();
        if !ordinary {
            write_audio(line, audio);
            return;
        }
        let Audio { codec, enhanced, packet_type, sample_rate, sample_size, channels, .. } = *audio;
        let key = (codec, enhanced, packet_type, sample_rate, sample_size, channels);
        line.raw(self.audio.text(key, |out| {
            write_audio(&mut Line(out), &Audio { data_length: 0, ..audio.clone() });
            out.truncate(out.len() - b"0},".len());
        }));
        line.digits(audio.data_length as u64);
        line.raw(b"},");
    }

    /// A video object; of an ordinary one only composition time and length are new.
    #[inline]
    fn video(&mut self, line: &mut Line<'_>, video: &Video) {
        let ordinary = video.config.is_none()
            && video.multitrack.is_none()
            && video.mod_ex.is_empty()
            && video.command.is_none();
        let Some(time) = video.composition_time.filter(|_| ordinary) else {
            write_video(line, video);
            return;
        };
        let Video { codec, enhanced, frame_type, packet_type, .. } = *video;
        line.raw(self.video.text((codec, enhanced, frame_type, packet_type), |out| {
            let same = Video { composition_time: Some(0), data_length: 0, ..video.clone() };
            write_video(&mut Line(out), &same);
            out.truncate(out.len() - b"0,\"data_length\":0},".len());
        }));
        line.signed_digits(i64::from(time));
        line.raw(b",\"data_length\":");
        line.digits(video.data_length as u64);
        line.raw(b"},");
    }

    fn command(&self, line: &mut Line<'_>, command: &Command, reply_to: Option<u64>) {
        let mut context = Context::new(&self.limits);
        if let Some(object) = &command.object {
            context.learn(object);
        }
        for argument in &command.arguments {
            context.learn(argument);
        }
        line.open();
        line.number("amf", u64::from(command.amf));
        self.name(line, command.name.as_ref(), &mut context);
        line.key("transaction_id");
        match command.transaction_id {
            Some(id) => amf_json::write_number(line.0, id),
            None => line.raw(b"null"),
        }
        line.raw(b",");
        line.key("object");
        amf_json::write_value(
            line.0,
            command.object.as_ref().unwrap_or(&Value::Null),
            &mut context,
        );
        line.raw(b",");
        line.key("arguments");
        amf_json::write_values(line.0, &command.arguments, &mut context);
        line.raw(b",");
        line.maybe("reply_to", reply_to);
        line.shut();
    }

    fn data(&self, line: &mut Line<'_>, data: &Data) {
        let mut context = Context::of(&data.arguments, &self.limits);
        line.open();
        line.number("amf", u64::from(data.amf));
        self.name(line, data.name.as_ref(), &mut context);
        line.key("arguments");
        amf_json::write_values(line.0, &data.arguments, &mut context);
        line.raw(b",");
        line.shut();
    }

    fn name(
        &self,
        line: &mut Line<'_>,
        name: Option<&crate::proto::amf::Text>,
        context: &mut Context<'_>,
    ) {
        line.key("name");
        match name {
            Some(name) => amf_json::write_value(line.0, &Value::String(name.clone()), context),
            None => line.raw(b"null"),
        }
        line.raw(b",");
    }
}

fn write_handshake(line: &mut Line<'_>, handshake: &Handshake) {
    line.text("packet", handshake.packet);
    match handshake.fields {
        HandshakeFields::Zero { version } => line.number("version", u64::from(version)),
        HandshakeFields::One { epoch, zero, software_version, digest } => {
            line.number("epoch", u64::from(epoch));
            line.number("zero", u64::from(zero));
            match software_version {
                Some(version) => line.display("software_version", &version),
                None => line.raw(b"\"software_version\":null,"),
            }
            match digest {
                Some(found) => {
                    line.key("digest");
                    line.open();
                    line.number("scheme", u64::from(found.scheme.number()));
                    line.number("offset", found.offset as u64);
                    line.boolean("valid", true);
                    line.shut();
                }
                None => line.raw(b"\"digest\":null,"),
            }
        }
        HandshakeFields::Two { epoch, echo_time, echoes_peer, digest_valid } => {
            line.number("epoch", u64::from(epoch));
            line.number("echo_time", u64::from(echo_time));
            match echoes_peer {
                Some(echoes) => line.boolean("echoes_peer", echoes),
                None => line.raw(b"\"echoes_peer\":null,"),
            }
            match digest_valid {
                Some(valid) => {
                    line.key("digest");
                    line.open();
                    line.boolean("valid", valid);
                    line.shut();
                }
                None => line.raw(b"\"digest\":null,"),
            }
        }
    }
    if let Some(span) = handshake.damaged {
        line.key("damaged");
        line.list(&[span], |line, span| write_span(line, *span));
    }
}

fn write_span(line: &mut Line<'_>, span: Span) {
    line.open();
    line.number("offset", span.start);
    line.number("length", span.len());
    line.close();
}

fn write_control(line: &mut Line<'_>, control: Control) {
    line.open();
    match control {
        Control::SetChunkSize { size } | Control::WindowAcknowledgementSize { size } => {
            line.maybe("size", size)
        }
        Control::Abort { chunk_stream_id } => line.maybe("chunk_stream_id", chunk_stream_id),
        Control::Acknowledgement { sequence_number } => {
            line.maybe("sequence_number", sequence_number)
        }
        Control::SetPeerBandwidth { size, limit_type } => {
            line.maybe("size", size);
            if let Some(limit_type) = limit_type {
                line.named("limit_type", limit_type.as_str(), limit_type.number());
            }
        }
    }
    line.shut();
}

fn write_user_control(line: &mut Line<'_>, event: &UserControl) {
    line.open();
    if let Some(event_type) = event.event_type {
        line.text("event_type", event_type.as_str());
        line.number("event_id", u64::from(event_type.id()));
    }
    line.maybe("stream_id", event.stream_id);
    line.maybe("buffer_length", event.buffer_length);
    line.maybe("timestamp", event.timestamp);
    line.shut();
}

#[inline]
fn write_audio(line: &mut Line<'_>, audio: &Audio) {
    line.open();
    if let Some(codec) = audio.codec {
        write_audio_codec(line, codec);
    }
    if audio.enhanced || audio.codec.is_some() {
        line.raw(if audio.enhanced { b"\"enhanced\":true," } else { b"\"enhanced\":false," });
    }
    if let Some(packet_type) = audio.packet_type {
        line.named("packet_type", packet_type.as_str(), packet_type.number());
    }
    if let (Some(rate), Some(size), Some(channels)) =
        (audio.sample_rate, audio.sample_size, audio.channels)
    {
        number!(line, "sample_rate", rate);
        number!(line, "sample_size", size);
        number!(line, "channels", channels);
    }
    if let Some(config) = &audio.config {
        write_audio_config(line, config);
    }
    if let Some(layout) = &audio.multichannel {
        write_multichannel(line, layout);
    }
    number!(line, "data_length", audio.data_length as u64);
    write_mod_ex(line, &audio.mod_ex);
    if let Some(multitrack) = audio.multitrack {
        text!(line, "multitrack", multitrack.as_str());
        line.key("tracks");
        line.list(&audio.tracks, |line, track| {
            line.open();
            number!(line, "track", track.track);
            if let Some(codec) = track.codec {
                write_audio_codec(line, codec);
            }
            if let Some(config) = &track.config {
                write_audio_config(line, config);
            }
            if let Some(layout) = &track.multichannel {
                write_multichannel(line, layout);
            }
            number!(line, "data_length", track.data_length as u64);
            line.close();
        });
    }
    line.shut();
}

#[inline]
fn write_video(line: &mut Line<'_>, video: &Video) {
    line.open();
    if let Some(codec) = video.codec {
        write_video_codec(line, codec);
    }
    if video.enhanced || video.frame_type.is_some() {
        line.raw(if video.enhanced { b"\"enhanced\":true," } else { b"\"enhanced\":false," });
    }
    if let Some(frame_type) = video.frame_type {
        line.named("frame_type", frame_type.as_str(), frame_type.number());
    }
    if let Some(command) = video.command {
        line.named("command", command.as_str(), command.number());
    } else if let Some(packet_type) = video.packet_type {
        line.named("packet_type", packet_type.as_str(), packet_type.number());
    }
    if let Some(time) = video.composition_time {
        line.signed("composition_time", i64::from(time));
    }
    if let Some(config) = &video.config {
        write_video_config(line, config);
    }
    number!(line, "data_length", video.data_length as u64);
    write_mod_ex(line, &video.mod_ex);
    if let Some(multitrack) = video.multitrack {
        text!(line, "multitrack", multitrack.as_str());
        line.key("tracks");
        line.list(&video.tracks, |line, track| {
            line.open();
            number!(line, "track", track.track);
            if let Some(codec) = track.codec {
                write_video_codec(line, codec);
            }
            if let Some(time) = track.composition_time {
                line.signed("composition_time", i64::from(time));
            }
            if let Some(config) = &track.config {
                write_video_config(line, config);
            }
            number!(line, "data_length", track.data_length as u64);
            line.close();
        });
    }
    line.shut();
}

#[inline]
fn write_audio_codec(line: &mut Line<'_>, codec: AudioCodec) {
    match (codec.as_str(), codec) {
        (Some(name), _) => line.text("codec", name),
        (None, AudioCodec::Number(number)) => line.number("codec", u64::from(number)),
        _ => line.display("codec", &codec),
    }
}

#[inline]
fn write_video_codec(line: &mut Line<'_>, codec: VideoCodec) {
    match (codec.as_str(), codec) {
        (Some(name), _) => line.text("codec", name),
        (None, VideoCodec::Number(number)) => line.number("codec", u64::from(number)),
        _ => line.display("codec", &codec),
    }
}

fn write_mod_ex(line: &mut Line<'_>, chain: &[ModEx]) {
    if chain.is_empty() {
        return;
    }
    line.key("mod_ex");
    line.list(chain, |line, item| {
        line.open();
        line.named("type", item.as_str(), item.number());
        match item {
            ModEx::TimestampOffsetNano { nanoseconds } => {
                line.number("nanoseconds", u64::from(*nanoseconds))
            }
            ModEx::Other { data, .. } => {
                line.raw(b"\"data\":\"");
                payload::write_json(line.0, data, payload::Form::Hex, &[]);
                line.raw(b"\",");
            }
        }
        line.close();
    });
}

fn write_multichannel(line: &mut Line<'_>, layout: &Multichannel) {
    line.key("multichannel");
    line.open();
    line.named("channel_order", layout.channel_order.as_str(), layout.channel_order.number());
    line.number("channel_count", u64::from(layout.channel_count));
    if !layout.channel_mapping.is_empty() {
        line.key("channel_mapping");
        line.list(&layout.channel_mapping, |line, channel| line.digits(u64::from(*channel)));
    }
    line.maybe("channel_flags", layout.channel_flags);
    line.shut();
}

#[cold]
fn write_video_config(line: &mut Line<'_>, config: &VideoConfig) {
    line.key("config");
    line.open();
    if let Some(profile) = config.profile {
        line.string("profile", profile);
    }
    line.maybe("profile_idc", config.profile_idc);
    if let Some(level) = config.level {
        line.display("level", &level);
    }
    line.maybe("width", config.width);
    line.maybe("height", config.height);
    line.real("frame_rate", config.frame_rate);
    if let Some(chroma) = config.chroma {
        line.string("chroma", chroma);
    }
    line.maybe("bit_depth", config.bit_depth);
    if let Some(interlaced) = config.interlaced {
        line.boolean("interlaced", interlaced);
    }
    line.maybe("reference_frames", config.reference_frames);
    line.maybe("nal_length_size", config.nal_length_size);
    line.shut();
}

#[cold]
fn write_audio_config(line: &mut Line<'_>, config: &AudioConfig) {
    line.key("config");
    line.open();
    if let Some(profile) = config.profile {
        line.string("profile", profile);
    }
    line.maybe("object_type", config.object_type);
    line.maybe("sample_rate", config.sample_rate);
    line.maybe("channels", config.channels);
    for (name, value) in [("sbr", config.sbr), ("ps", config.ps)] {
        if let Some(value) = value {
            line.boolean(name, value);
        }
    }
    line.maybe("bit_depth", config.bit_depth);
    line.shut();
}

fn write_summary(line: &mut Line<'_>, summary: &Summary) {
    line.display("client", &summary.opened.client);
    line.display("server", &summary.opened.server);
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
    if let Some(duration) = summary.duration {
        line.raw(b"\"duration\":");
        line.seconds(duration);
    }
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
}

fn write_track(line: &mut Line<'_>, track: &Track) {
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
    if track.media == crate::inspect::Media::Video {
        line.number("keyframes", track.keyframes);
        if let Some(interval) = track.keyframe_interval {
            line.key("keyframe_interval");
            line.open();
            line.real("min", Some(thousandths(interval.min)));
            line.real("mean", Some(thousandths(interval.mean)));
            line.real("max", Some(thousandths(interval.max)));
            line.shut();
        }
    }
    line.close();
}

fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// A line being written. Each field ends with a comma; [`close`](Self::close) replaces the last one of an object.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn open(&mut self) {
        self.0.push(b'{');
    }

    /// Ends an object.
    #[inline]
    fn close(&mut self) {
        match self.0.last_mut() {
            Some(last @ b',') => *last = b'}',
            _ => self.0.push(b'}'),
        }
    }

    /// Ends an object that is a field's value.
    #[inline]
    fn shut(&mut self) {
        self.close();
        self.0.push(b',');
    }

    #[inline]
    fn key(&mut self, name: &str) {
        self.0.push(b'"');
        self.raw(name.as_bytes());
        self.raw(b"\":");
    }

    /// A field whose value is one of our own words.
    #[inline]
    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.0.push(b'"');
        self.raw(value.as_bytes());
        self.raw(b"\",");
    }

    /// A field whose value is a text from anywhere.
    fn string(&mut self, name: &str, value: &str) {
        self.key(name);
        amf_json::write_string(self.0, value);
        self.0.push(b',');
    }

    /// A field whose value is what a type displays.
    fn display(&mut self, name: &str, value: &dyn std::fmt::Display) {
        self.string(name, &value.to_string());
    }

    #[inline]
    fn digits(&mut self, value: u64) {
        let mut buffer = itoa::Buffer::new();
        self.raw(buffer.format(value).as_bytes());
    }

    #[inline]
    fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        self.digits(value);
        self.0.push(b',');
    }

    fn signed(&mut self, name: &str, value: i64) {
        self.key(name);
        self.signed_digits(value);
        self.0.push(b',');
    }

    #[inline]
    fn signed_digits(&mut self, value: i64) {
        if value < 0 {
            self.0.push(b'-');
        }
        self.digits(value.unsigned_abs());
    }

    #[inline]
    fn maybe(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value.into());
        }
    }

    fn real(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.key(name);
            amf_json::write_number(self.0, value);
            self.0.push(b',');
        }
    }

    #[inline]
    fn boolean(&mut self, name: &str, value: bool) {
        self.key(name);
        self.raw(if value { b"true," } else { b"false," });
    }

    /// A field whose value is a name, or the number where it has none.
    #[inline]
    fn named(&mut self, name: &str, value: Option<&str>, number: u8) {
        match value {
            Some(value) => self.text(name, value),
            None => self.number(name, u64::from(number)),
        }
    }

    /// An array as a field's value.
    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.0.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            write(self, item);
        }
        self.raw(b"],");
    }

    /// Nanoseconds as seconds with six decimals, rounded towards zero.
    #[inline]
    fn seconds(&mut self, nanoseconds: i64) {
        let micros = nanoseconds.unsigned_abs() / 1000;
        // Where the capture's clock was set back, a packet can be from before the first.
        if nanoseconds < 0 && micros > 0 {
            self.0.push(b'-');
        }
        self.digits(micros / 1_000_000);
        self.0.push(b'.');
        super::time::push_padded::<6>(self.0, micros % 1_000_000);
        self.0.push(b',');
    }
}
