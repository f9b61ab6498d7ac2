//! Records as NDJSON: one object a line, the fields that the published schema names.
//!
//! Written by hand into one buffer, because it is done for every message: constant keys, digits without formatting
//! machinery, no intermediate tree. Every field is written with a comma behind it; closing an object replaces the last.

mod amf;
mod bitstream;
mod finding;
mod line;
mod media;
mod summary;
mod timeline;

pub use finding::{write_profile, write_rule};

use amf::{write_command, write_data, write_shared_object};
use line::{Line, key, number, text};
use media::{write_audio, write_video};
use summary::write_summary;

use super::amf_json;
use super::digits::{ROOM, Room, Short};
use super::payload::{self, Shown};
use super::time::Clock;
use crate::Limits;
use crate::inspect::{Event, FlowId, GapCause, Handshake, HandshakeFields, MessageRecord, Record};
use crate::proto::bitstream::Bitstream;
use crate::proto::chunk;
use crate::proto::message::{
    Aggregate, Audio, AudioCodec, AudioPacketType, Body, Control, FrameType, Kind, UserControl,
    Video, VideoCodec, VideoPacketType,
};
use crate::proto::{Direction, Span};

/// Writes records as lines of JSON.
#[derive(Debug)]
pub struct Writer {
    clock: Clock,
    limits: Limits,
    shown: Shown,
    files: Vec<String>,
    /// What the last audio and the last video message began with, and their headers: the next ones are mostly the same.
    routes: [Same<(u8, u32, u32)>; 2],
    /// Where the fields of a record are put together that all have.
    room: Room,
    /// Who sent the last record.
    sender: Same<(Option<FlowId>, Option<Direction>)>,
    audio: Same<AudioHeader>,
    /// The same of AAC without Enhanced RTMP.
    aac: Same<[u8; 2]>,
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
    ((Option<AudioCodec>, bool, Option<AudioPacketType>, Option<u32>), Option<u8>, Option<u8>);
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
            room: ROOM,
            sender: Same::default(),
            audio: Same::default(),
            aac: Same::default(),
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
        let mut head = Short::new(&mut self.room);
        match record.event {
            // Nearly all records are messages.
            Event::Message(_) => head.raw(b"{\"event\":\"message\",\"seq\":"),
            ref event => {
                head.raw(b"{\"event\":\"");
                head.bytes(event.as_str().as_bytes());
                head.raw(b"\",\"seq\":");
            }
        }
        head.number(record.seq, b',');
        head.bytes(self.sender.text((record.connection, record.direction), |out| {
            let mut line = Line(out);
            if let Some(connection) = record.connection {
                number!(line, "connection", connection);
            }
            if let Some(direction) = record.direction {
                text!(line, "direction", direction.as_str());
            }
        }));
        if let Some(at) = record.place.at {
            head.raw(b"\"time\":\"");
            head.raw(&self.clock.text(at));
            head.raw(b"\",");
        }
        if let Some(elapsed) = record.elapsed {
            head.raw(b"\"elapsed\":");
            head.seconds(elapsed, b',');
        }
        if let Some(span) = record.span {
            head.raw(b"\"offset\":");
            head.number(span.start, b',');
            head.raw(b"\"end\":");
            head.number(span.end, b',');
        }
        if let Some(frame) = record.place.frame {
            head.raw(b"\"frame\":");
            head.number(frame, b',');
        }
        out.extend_from_slice(head.text());
        let mut line = Line(out);
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
                line.ends(opened);
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
            Event::Dropped(dropped) => {
                line.text("cause", GapCause::Overflow.as_str());
                line.number("records", dropped.records);
            }
            Event::Finding(finding) => finding::write_finding(line, finding),
            Event::Rewritten(rewritten) => {
                line.string("call", rewritten.call);
                line.text("field", rewritten.field.as_str());
                line.string("before", rewritten.before);
                line.string("after", rewritten.after);
            }
            Event::Closed(closed) => {
                line.text("by", closed.by.as_str());
                line.text("how", closed.how.as_str());
            }
            Event::Timeline(second) => timeline::write_timeline(line, second),
            Event::Summary(summary) => {
                write_summary(line, summary);
                self.findings(line, &summary.findings_list);
            }
        }
    }

    #[inline]
    fn message(&mut self, line: &mut Line<'_>, message: &MessageRecord<'_>) {
        let raw = &message.raw;
        self.fields(line, raw);
        if message.encrypted {
            line.boolean("encrypted", true);
        }
        let links = [message.reply_to, message.aggregate];
        self.body(line, raw, message.body, message.bitstreams, links);
        if let Some(fault) = message.malformed {
            line.fault(fault);
        }
        if let Some(aggregate) = message.aggregate
            && message.kind != Kind::Aggregate
        {
            line.number("aggregate", aggregate);
        }
        if let Some(bytes) = self.shown.of(raw.payload) {
            line.raw(b"\"payload\":\"");
            payload::write_json(line.0, bytes, self.shown.form, message.masked);
            line.raw(b"\",");
        }
    }

    /// What the chunk stream says of a message.
    #[inline(always)] // although aggregates call it too
    fn fields(&mut self, line: &mut Line<'_>, raw: &chunk::Message<'_>) {
        let kind = Kind::of(raw.type_id);
        let route = |out: &mut Vec<u8>| {
            let mut line = Line(out);
            text!(line, "kind", kind.as_str());
            number!(line, "type_id", raw.type_id);
            if raw.chunks > 0 {
                number!(line, "chunk_stream_id", raw.chunk_stream_id);
            }
            number!(line, "message_stream_id", raw.message_stream_id);
        };
        if matches!(kind, Kind::Audio | Kind::Video) {
            let key = (raw.type_id, raw.chunk_stream_id, raw.message_stream_id);
            line.raw(self.routes[usize::from(kind == Kind::Video)].text(key, route));
        } else {
            route(line.0);
        }
        let mut rest = Short::new(&mut self.room);
        rest.raw(b"\"timestamp\":");
        rest.number(raw.timestamp.into(), b',');
        if raw.timestamp_uncertain {
            rest.raw(b"\"timestamp_uncertain\":true,");
        }
        rest.raw(b"\"length\":");
        rest.number(raw.length.into(), b',');
        match raw.chunks {
            0 => {}
            1 => rest.raw(b"\"chunks\":1,"),
            chunks => {
                rest.raw(b"\"chunks\":");
                rest.number(chunks.into(), b',');
            }
        }
        line.raw(rest.text());
        if !raw.damaged.is_empty() {
            line.key("damaged");
            line.list(raw.damaged, |line, span| write_span(line, *span));
        }
    }

    /// The object named as the kind. `links` are the call that is answered, and the aggregate that the message was in.
    #[inline(always)] // although aggregates call it too
    fn body(
        &mut self,
        line: &mut Line<'_>,
        raw: &chunk::Message<'_>,
        body: &Body,
        bitstreams: &[Option<Bitstream>],
        links: [Option<u64>; 2],
    ) {
        match body {
            Body::Audio(audio) => {
                line.raw(b"\"audio\":");
                self.audio(line, raw, audio);
            }
            Body::Video(video) => {
                line.raw(b"\"video\":");
                if bitstreams.is_empty() {
                    self.video(line, video);
                } else {
                    write_video(line, video, bitstreams, &self.limits);
                }
            }
            Body::Command(command) => {
                line.raw(b"\"command\":");
                write_command(line, command, links[0], &self.limits);
            }
            Body::Data(data) => {
                line.raw(b"\"data\":");
                write_data(line, data, &self.limits);
            }
            Body::SharedObject(object) => {
                line.raw(b"\"shared_object\":");
                write_shared_object(line, object, &self.limits);
            }
            Body::Aggregate(aggregate) => {
                line.raw(b"\"aggregate\":");
                self.aggregate(line, raw, aggregate, links[1]);
            }
            Body::Control(control) => {
                line.key(Kind::of(raw.type_id).as_str());
                write_control(line, *control);
            }
            Body::UserControl(event) => {
                line.raw(b"\"user_control\":");
                write_user_control(line, event);
            }
            // An aggregate that is not opened.
            Body::Opaque if Kind::of(raw.type_id) == Kind::Aggregate => {
                line.raw(b"\"aggregate\":");
                self.aggregate(line, raw, &Aggregate::default(), links[1]);
            }
            Body::Opaque => {}
        }
    }

    /// An audio object; of an ordinary one only the length is new.
    #[inline]
    fn audio(&mut self, line: &mut Line<'_>, raw: &chunk::Message<'_>, audio: &Audio) {
        let ordinary = audio.config.is_none()
            && audio.multichannel.is_none()
            && audio.multitrack.is_none()
            && audio.mod_ex.is_empty();
        if !ordinary {
            write_audio(line, audio);
            return;
        }
        let make = |out: &mut Vec<u8>| {
            write_audio(&mut Line(out), &Audio { data_length: 0, ..audio.clone() });
            out.truncate(out.len() - b"0},".len());
        };
        line.raw(match (audio.codec, raw.payload) {
            // Two bytes say all of it.
            (Some(AudioCodec::Aac), [first, second, ..]) if !audio.enhanced => {
                self.aac.text([*first, *second], make)
            }
            _ => {
                let Audio { codec, enhanced, packet_type, sample_rate, .. } = *audio;
                let key = (codec, enhanced, packet_type, sample_rate);
                self.audio.text((key, audio.sample_size, audio.channels), make)
            }
        });
        line.digits(audio.data_length as u64, b'}');
        line.raw(b",");
    }

    /// A video object; of an ordinary one only composition time and length are new.
    #[inline]
    fn video(&mut self, line: &mut Line<'_>, video: &Video) {
        let ordinary = video.config.is_none()
            && video.multitrack.is_none()
            && video.mod_ex.is_empty()
            && video.command.is_none();
        let Some(time) = video.composition_time.filter(|_| ordinary) else {
            write_video(line, video, &[], &self.limits);
            return;
        };
        let Video { codec, enhanced, frame_type, packet_type, .. } = *video;
        line.raw(self.video.text((codec, enhanced, frame_type, packet_type), |out| {
            let same = Video { composition_time: Some(0), data_length: 0, ..video.clone() };
            write_video(&mut Line(out), &same, &[], &self.limits);
            out.truncate(out.len() - b"0,\"data_length\":0},".len());
        }));
        line.signed_digits(i64::from(time), b',');
        line.raw(b"\"data_length\":");
        line.digits(video.data_length as u64, b'}');
        line.raw(b",");
    }

    /// An aggregate's object: the messages in it, as many as one message may print.
    #[cold]
    fn aggregate(
        &mut self,
        line: &mut Line<'_>,
        outer: &chunk::Message<'_>,
        aggregate: &Aggregate,
        inside: Option<u64>,
    ) {
        let most = self.limits.amf_output;
        let mut listed = 0;
        line.raw(b"{\"messages\":[");
        for inner in &aggregate.messages {
            if self.limits.amf_output == 0 {
                break;
            }
            let before = line.0.len();
            let raw = crate::inspect::inner(outer, inner);
            if listed > 0 {
                line.raw(b",");
            }
            line.open();
            self.fields(line, &raw);
            self.body(line, &raw, &inner.body, &[], [None; 2]);
            if let Some(fault) = &inner.fault {
                line.fault(fault);
            }
            line.close();
            listed += 1;
            let written = line.0.len() - before;
            self.limits.amf_output = self.limits.amf_output.saturating_sub(written);
        }
        self.limits.amf_output = most;
        line.raw(b"],");
        let omitted = aggregate.messages.len() - listed;
        line.maybe("omitted", (omitted > 0).then_some(omitted as u64));
        line.maybe("inside", inside);
        line.shut();
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
    if let Some(swf) = event.swf {
        line.number("swf_size", u64::from(swf.sizes[0]));
        line.key("swf_digest");
        line.raw(b"\"");
        payload::write_json(line.0, &swf.digest, payload::Form::Hex, &[]);
        line.raw(b"\",");
    }
    line.shut();
}
