//! Records of every event and every body, made here and not decoded: also those that no capture at hand has.

use std::sync::Arc;

use rtmpctl::Limits;
use rtmpctl::inspect::rules::Confidence;
use rtmpctl::inspect::{
    CloseKind, Closed, ClosedBy, Codec, Dropped, Event, Field, Finding, Gap, GapCause, Handshake,
    HandshakeFields, Interval, Listed, Measured, Media, MessageRecord, Opened, Outcome, Place,
    Reached, Record, Rewritten, Severity, SideEnd, Sides, Split, Spread, Step, Summary, Timeline,
    Track, Transport, Upstream, Verdict,
};
use rtmpctl::output::json::Writer;
use rtmpctl::output::payload::{Form, Shown};
use rtmpctl::proto::amf::{External, Instance, Text, Traits, Value};
use rtmpctl::proto::bitstream::{Bitstream, Context, Format};
use rtmpctl::proto::chunk::{self, Chunk};
use rtmpctl::proto::codec::{AudioConfig, Level, VideoConfig};
use rtmpctl::proto::fault::Fault;
use rtmpctl::proto::handshake::SoftwareVersion;
use rtmpctl::proto::handshake::digest::{DigestFound, Scheme};
use rtmpctl::proto::message::aggregate::Part;
use rtmpctl::proto::message::command::{
    Capabilities, CapsEx, CodecMask, CodecName, Connect, ConnectResult,
};
use rtmpctl::proto::message::{
    self, Audio, AudioCodec, AudioPacketType, AudioTrack, Body, ChannelOrder, Command, Control,
    Data, EventType, FourCc, FrameType, Kind, LimitType, ModEx, Multichannel, Multitrack,
    SharedObject, SharedObjectChange as Change, SharedObjectEvent, SwfVerification, UserControl,
    Video, VideoCodec, VideoCommand, VideoPacketType, VideoTrack,
};
use rtmpctl::proto::{Direction, Span};

/// Writes synthetic records one after the other.
struct Lines {
    writer: Writer,
    out: Vec<u8>,
    seq: u64,
}

/// All the lines.
pub(crate) fn lines() -> String {
    let files = vec!["a.pcap".to_owned(), "b\u{1}\"\\.pcapng".to_owned()];
    let mut lines =
        Lines { writer: writer(Form::None, Limits::default(), &files), out: Vec::new(), seq: 1 };
    lines.writer.start(&mut lines.out, "decode", &files);
    lines.writer.start(&mut lines.out, "listen", &["127.0.0.1:1935".to_owned()]);
    lines.writer.start(&mut lines.out, "decode", &[]);
    connections(&mut lines);
    handshakes(&mut lines);
    chunks(&mut lines);
    findings_and_gaps(&mut lines);
    rewritten(&mut lines);
    seconds(&mut lines);
    controls(&mut lines);
    for audio in audio_bodies() {
        lines.body(8, &Body::Audio(audio));
    }
    for video in video_bodies() {
        lines.body(9, &Body::Video(video));
    }
    shared_objects(&mut lines);
    aggregates(&mut lines);
    meanings(&mut lines);
    bitstreams(&mut lines);
    amf(&mut lines);
    decoded(&mut lines);
    payloads(&mut lines);
    summaries(&mut lines);
    String::from_utf8(lines.out).unwrap()
}

fn writer(form: Form, limits: Limits, files: &[String]) -> Writer {
    Writer::new(Shown { form, most: None }, files.to_vec(), limits)
}

impl Lines {
    fn record(
        &mut self,
        place: Place,
        direction: Option<Direction>,
        span: Option<Span>,
        event: Event<'_>,
    ) {
        let elapsed = place.at.map(|at| at - 1_767_323_045_000_000_000);
        let connection = Some(1);
        let record = Record { seq: self.seq, connection, direction, place, elapsed, span, event };
        self.writer.record(&mut self.out, &record);
        self.seq += 1;
    }

    /// About a connection as a whole.
    fn whole(&mut self, event: Event<'_>) {
        self.record(PLACE, None, None, event);
    }

    /// About bytes of one direction.
    fn bytes(&mut self, event: Event<'_>) {
        let direction = Direction::BOTH[self.seq as usize % 2];
        self.record(PLACE, Some(direction), Some(Span { start: 10, end: 20 }), event);
    }

    fn body(&mut self, type_id: u8, body: &Body) {
        self.message(type_id, body, None, &[]);
    }

    fn message(&mut self, type_id: u8, body: &Body, malformed: Option<&Fault>, payload: &[u8]) {
        let raw = chunk::Message {
            chunk_stream_id: 65_599,
            message_stream_id: u32::MAX,
            type_id,
            timestamp: u32::MAX,
            timestamp_uncertain: false,
            length: payload.len() as u32,
            chunks: 1,
            span: Span { start: 10, end: 20 },
            payload,
            damaged: &[],
            missing: &[],
        };
        self.message_record(raw, body, malformed);
    }

    /// A video message with what its frames are made of.
    fn frames(&mut self, video: Video, bitstreams: &[Option<Bitstream>]) {
        let raw = chunk::Message {
            chunk_stream_id: 6,
            message_stream_id: 1,
            type_id: 9,
            timestamp: 0,
            timestamp_uncertain: false,
            length: 0,
            chunks: 1,
            span: Span { start: 10, end: 20 },
            payload: &[],
            damaged: &[],
            missing: &[],
        };
        self.bytes(Event::Message(MessageRecord {
            raw: &raw,
            kind: Kind::Video,
            body: &Body::Video(video),
            bitstreams,
            encrypted: false,
            malformed: None,
            reply_to: None,
            aggregate: None,
            masked: &[],
        }));
    }

    fn message_record(&mut self, raw: chunk::Message<'_>, body: &Body, malformed: Option<&Fault>) {
        let kind = Kind::of(raw.type_id);
        self.bytes(Event::Message(MessageRecord {
            raw: &raw,
            kind,
            body,
            bitstreams: &[],
            malformed,
            reply_to: None,
            encrypted: false,
            aggregate: None,
            masked: &[],
        }));
    }
}

const PLACE: Place = Place { at: Some(1_767_323_045_678_000_009), frame: Some(7), file: None };

fn opened(client: &str, transport: Transport) -> Opened {
    Opened {
        client: Some(client.parse().unwrap()),
        server: Some("[2001:db8::1]:1935".parse().unwrap()),
        from_start: transport == Transport::Rtmp,
        transport,
    }
}

fn connections(lines: &mut Lines) {
    for transport in Transport::ALL {
        lines.whole(Event::Opened(opened("192.0.2.1:50000", transport)));
    }
    let nobody = Opened { client: None, server: None, ..opened("192.0.2.1:1", Transport::Flv) };
    lines.whole(Event::Opened(nobody));
    // Live, in one of several files, without a clock, and before its own first packet.
    for place in [
        Place { frame: None, ..PLACE },
        Place { file: Some(1), ..PLACE },
        Place { at: None, ..PLACE },
        Place { at: Some(1_767_323_044_000_000_000), ..PLACE },
        Place { at: Some(1_767_323_044_999_999_999), ..PLACE },
    ] {
        lines.record(place, None, None, Event::Opened(opened("[fe80::1%3]:1", Transport::Rtmp)));
    }
    for by in BY {
        for how in HOW {
            lines.whole(Event::Closed(Closed { by, how }));
        }
    }
}

fn handshakes(lines: &mut Lines) {
    let found = |scheme| Some(DigestFound { scheme, offset: 1535, digest: [0; 32] });
    let one = |zero, digest| {
        let software_version = (zero != 0).then_some(SoftwareVersion(zero));
        HandshakeFields::One { epoch: u32::MAX, zero, software_version, digest }
    };
    let two = |echoes_peer, digest_valid| HandshakeFields::Two {
        epoch: 1,
        echo_time: u32::MAX,
        echoes_peer,
        digest_valid,
    };
    for (packet, fields) in [
        ("c0", HandshakeFields::Zero { version: 3 }),
        ("s0", HandshakeFields::Zero { version: 255 }),
        ("c1", one(0, None)),
        ("s1", one(0x0900_7c02, found(Scheme::Zero))),
        ("s1", one(u32::MAX, found(Scheme::One))),
        ("c2", two(None, None)),
        ("s2", two(Some(true), Some(false))),
        ("s2", two(Some(false), Some(true))),
    ] {
        for damaged in [None, Some(Span { start: 1, end: 2 })] {
            lines.bytes(Event::Handshake(Handshake { packet, fields, damaged }));
        }
    }
}

/// What a proxy tells of both sides: everything, or next to nothing.
const BY: [ClosedBy; 5] =
    [ClosedBy::Client, ClosedBy::Server, ClosedBy::Both, ClosedBy::CaptureEnd, ClosedBy::Rtmpctl];
const HOW: [CloseKind; 4] = [CloseKind::Fin, CloseKind::Rst, CloseKind::Timeout, CloseKind::End];

fn sides(transport: Transport) -> Sides {
    if !matches!(transport, Transport::Rtmp | Transport::Rtmps) {
        return Sides::default();
    }
    let address = "[2001:db8::1]:443".parse().unwrap();
    let upstream = Upstream {
        address,
        local: Some(address),
        transport,
        resolve: Some(1),
        connect: 2,
        tls: Some(1_500_000_000),
    };
    let end = SideEnd { how: CloseKind::Rst, at: 3 };
    Sides {
        upstream: Some(upstream),
        forwarded: [u64::MAX, 0],
        queued: [1, 2],
        blocked: [0, 1],
        ends: [Some(end), Some(SideEnd { how: CloseKind::Timeout, ..end })],
    }
}

fn rewritten(lines: &mut Lines) {
    for field in Field::ALL {
        let (before, after) = ("rtmp://h/\u{9b}", "");
        let event = Event::Rewritten(Rewritten { call: "connect", field, before, after });
        lines.record(PLACE, Some(Direction::ClientToServer), None, event);
    }
}

/// Seconds of tracks, with all that they may have and with the least.
fn seconds(lines: &mut Lines) {
    let video = video_codecs().into_iter().map(|codec| (Media::Video, Some(Codec::Video(codec))));
    let audio = audio_codecs().into_iter().map(|codec| (Media::Audio, Some(Codec::Audio(codec))));
    let codecs = video.chain(audio).chain([(Media::Audio, None)]);
    for (index, (media, codec)) in codecs.enumerate() {
        let whole = index == 0;
        let second = Timeline {
            message_stream_id: 1,
            media,
            track: index as u8,
            codec,
            start: whole.then_some(1_500_000),
            duration: if whole { 1_002_000_000 } else { 0 },
            frames: 25,
            keyframes: 1,
            bytes: 120_000,
            timestamp: u32::MAX,
            ahead: whole.then_some(-12),
            av_skew: whole.then_some(-3),
            buffered: 7,
            unacknowledged: whole.then_some(2_500_000),
            findings: [1, 2, 3],
        };
        lines.record(PLACE, Some(Direction::ClientToServer), None, Event::Timeline(second));
    }
}

fn chunks(lines: &mut Lines) {
    for format in 0..4 {
        for extended in [None, Some(u32::MAX)] {
            let header = chunk::Header {
                format,
                chunk_stream_id: 65_599,
                basic_length: 3,
                timestamp_field: (format < 3).then_some(0xff_ffff),
                extended_timestamp: extended,
                length: (format < 2).then_some(0xff_ffff),
                type_id: (format < 2).then_some(255),
                message_stream_id: (format == 0).then_some(u32::MAX),
            };
            let span = Span { start: 10, end: 20 };
            lines.bytes(Event::Chunk(Chunk { header, span, data_length: 0xff_ffff }));
        }
    }
}

/// Findings as summaries have them, with and without what they may leave out.
fn listed() -> Vec<Listed> {
    let least = Listed {
        finding: Finding::new("hs.x", Severity::Error, "One."),
        seq: 3,
        direction: None,
        span: None,
        place: Place::default(),
        elapsed: None,
        consequences: 0,
    };
    let finding = Finding {
        confidence: Some(Confidence::Hint),
        fix: Some("Do \"this\".".to_owned()),
        count: u32::MAX,
        ..Finding::new("chunk.made-up", Severity::Info, "Two.").spec("RTMP 1.0 §5").about(2)
    };
    let full = Listed {
        finding,
        direction: Some(Direction::ServerToClient),
        span: Some(Span { start: 1, end: u64::MAX }),
        place: PLACE,
        elapsed: Some(1_500_000_000),
        consequences: 7,
        ..least.clone()
    };
    let place = Place { file: Some(1), ..PLACE };
    let mut all = vec![least, Listed { place, ..full.clone() }];
    for (severity, confidence, direction) in [
        (Severity::Warning, Confidence::Likely, Direction::ClientToServer),
        (Severity::Info, Confidence::Certain, Direction::ServerToClient),
    ] {
        let finding = Finding { severity, confidence: Some(confidence), ..full.finding.clone() };
        all.push(Listed { finding, direction: Some(direction), ..full.clone() });
    }
    all
}

fn findings_and_gaps(lines: &mut Lines) {
    for confidence in [Confidence::Certain, Confidence::Likely, Confidence::Hint] {
        let finding = Finding {
            confidence: Some(confidence),
            fix: Some("Do this.".to_owned()),
            cause: Some(0),
            ..Finding::new("hs.x", Severity::Warning, "One.")
        };
        lines.bytes(Event::Finding(&finding));
    }
    let finding = Finding::new("chunk.made-up", Severity::Info, "One \"sentence\".\u{9b}");
    lines.whole(Event::Finding(&finding));
    for severity in [Severity::Info, Severity::Warning, Severity::Error] {
        let finding = Finding::new("hs.x", severity, "One.").spec("RTMP 1.0 §5").about(0);
        lines.bytes(Event::Finding(&finding));
    }
    // About the input as a whole, where nothing was read so far and after packets.
    for (place, event) in [
        (Place::default(), Event::Finding(&finding)),
        (PLACE, Event::Finding(&finding)),
        (PLACE, Event::Dropped(Dropped { records: 5 })),
    ] {
        let (seq, connection) = (lines.seq, None);
        let record =
            Record { seq, connection, direction: None, place, elapsed: None, span: None, event };
        lines.writer.record(&mut lines.out, &record);
    }
    for (length, cause, resumed_at) in [
        (Some(10), GapCause::Lost, Some(20)),
        (None, GapCause::Snaplen, None),
        (Some(0), GapCause::Overflow, None),
    ] {
        lines.bytes(Event::Gap(Gap { offset: 10, length, cause, resumed_at }));
    }
}

/// Control messages, whole and too short.
fn controls(lines: &mut Lines) {
    for size in [Some(u32::MAX), None] {
        let fault = Fault::short(0, "chunk size", 4, 0);
        let fault = size.is_none().then_some(&fault);
        for (type_id, control) in [
            (1, Control::SetChunkSize { size }),
            (2, Control::Abort { chunk_stream_id: size }),
            (3, Control::Acknowledgement { sequence_number: size }),
            (5, Control::WindowAcknowledgementSize { size }),
            (6, Control::SetPeerBandwidth { size, limit_type: size.map(|_| LimitType::Hard) }),
        ] {
            lines.message(type_id, &Body::Control(control), fault, &[]);
        }
    }
    for limit in [LimitType::Soft, LimitType::Dynamic, LimitType::Other(255)] {
        let control = Control::SetPeerBandwidth { size: Some(1), limit_type: Some(limit) };
        lines.body(6, &Body::Control(control));
    }
    let fault = Fault::broken(4, "limit type", "is \"odd\"");
    let control = Control::SetPeerBandwidth { size: Some(1), limit_type: None };
    lines.message(6, &Body::Control(control), Some(&fault), &[]);
    for id in (0..=33).chain([u16::MAX]) {
        let event =
            UserControl { event_type: Some(EventType::from_id(id)), ..UserControl::default() };
        lines.body(4, &Body::UserControl(event));
        let number = Some(u32::MAX);
        let event =
            UserControl { stream_id: number, buffer_length: number, timestamp: number, ..event };
        lines.body(4, &Body::UserControl(event));
        let swf = SwfVerification { version: [1, 1], sizes: [u32::MAX; 2], digest: [0xab; 32] };
        lines.body(4, &Body::UserControl(UserControl { swf: Some(swf), ..event }));
    }
    lines.message(4, &Body::UserControl(UserControl::default()), Some(&fault), &[]);
    for type_id in [22, 0, 7, 21, 255] {
        lines.body(type_id, &Body::Opaque);
    }
}

fn text(text: &str) -> Option<Text> {
    Some(text.into())
}

/// Shared objects with every event, whole and cut.
fn shared_objects(lines: &mut Lines) {
    let (name, value) = (text("slot"), Some(Value::Number(1.0)));
    let mut events: Vec<SharedObjectEvent> = [
        Change::Use,
        Change::Release,
        Change::RequestChange { name: name.clone(), value: value.clone() },
        Change::Change { slots: vec![("a".into(), Value::Null), ("a".into(), Value::Null)] },
        Change::Success { name: name.clone(), value },
        Change::SendMessage { name: Some("f".into()), arguments: vec![Value::Null] },
        Change::SendMessage { name: Some(Value::Null), arguments: vec![] },
        Change::Status { code: text("code"), level: text("error") },
        Change::Clear,
        Change::Remove { name: None },
        Change::RequestRemove { name: Some((&b"\xff"[..]).into()) },
        Change::UseSuccess,
    ]
    .into_iter()
    .map(SharedObjectEvent::from)
    .collect();
    events.push(SharedObjectEvent { kind: Change::Other(255), rest: [1, 2].into() });
    for (amf, type_id) in [(0, 19), (3, 16)] {
        for flags in [Some(2), Some(0), None] {
            let object = SharedObject {
                amf,
                name: flags.and_then(|_| text("chat")),
                version: flags.map(|_| u32::MAX),
                flags,
                reserved: flags,
                events: events.clone(),
            };
            lines.body(type_id, &Body::SharedObject(Box::new(object)));
        }
    }
    for (amf_output, amf_depth) in [(0, 64), (40, 64), (100, 64), (1 << 20, 0), (1 << 20, 1)] {
        let limits = Limits { amf_output, amf_depth, ..Limits::default() };
        lines.writer = writer(Form::None, limits, &[]);
        let object = SharedObject { events: events.clone(), ..SharedObject::default() };
        lines.body(19, &Body::SharedObject(Box::new(object)));
    }
    lines.writer = writer(Form::None, Limits::default(), &[]);
}

/// Aggregates, one in the other, and records of messages in them.
fn aggregates(lines: &mut Lines) {
    let call = b"\x02\0\x05close\0\0\0\0\0\0\0\0\0\x05";
    let mut parts: Vec<(u8, &[u8])> = vec![
        (1, b"\0\0\x10\0"),
        (2, b"\0\0\0\x04"),
        (3, b"\0\0\0\x04"),
        (4, b"\0\0\0\0\0\x01"),
        (5, b"\0\0\0\x04"),
        (6, b"\0\0\0\x04\x02"),
        (8, b"\xaf\x01\x21"),
        (9, b"\x17\x01\0\0\0\0"),
        (18, b"\x02\0\x01x"),
        (15, b"\0\x02\0\x01x"),
        (16, b"\0\0\x01x\0\0\0\0\0\0\0\0\0\0\0\0"),
        (17, b"\0\x02\0\x01x"),
        (19, b"\0\x01x\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0"),
        (20, call),
        (7, b"?"),
        (9, b"\x17"),
    ];
    let encode = |parts: &[(u8, &[u8])]| {
        let mut out = Vec::new();
        for (index, &(type_id, payload)) in parts.iter().enumerate() {
            let timestamp = index as u32;
            Part { type_id, timestamp, message_stream_id: 1, payload }.encode(&mut out);
        }
        out
    };
    let inner = encode(&parts);
    parts.push((22, &inner));
    let mut payload = encode(&parts);
    payload.truncate(payload.len() - 20);
    let hole = 14..15;
    let missing = std::slice::from_ref(&hole);
    let (aggregate, fault) =
        message::aggregate::decode(&payload, payload.len() as u32, missing, &Limits::default());
    let raw = chunk::Message {
        chunk_stream_id: 4,
        message_stream_id: 1,
        type_id: 22,
        timestamp: u32::MAX,
        timestamp_uncertain: true,
        length: payload.len() as u32,
        chunks: 9,
        span: Span { start: 10, end: 20 },
        payload: &payload,
        damaged: &[Span { start: 12, end: 13 }],
        missing,
    };
    let body = Body::Aggregate(Box::new(aggregate));
    for limits in [Limits::default(), Limits { amf_output: 2000, ..Limits::default() }] {
        lines.writer = writer(Form::None, limits, &[]);
        lines.message_record(raw, &body, fault.as_ref());
    }
    let Body::Aggregate(aggregate) = &body else { return };
    for inner in &aggregate.messages {
        let raw = chunk::Message {
            type_id: inner.type_id,
            payload: &payload[inner.payload.clone()],
            damaged: &[],
            ..raw
        };
        lines.bytes(Event::Message(MessageRecord {
            raw: &raw,
            kind: inner.kind(),
            body: &inner.body,
            bitstreams: &[],
            encrypted: false,
            malformed: inner.fault.as_ref(),
            reply_to: None,
            aggregate: Some(7),
            masked: &[],
        }));
    }
    lines.writer = writer(Form::None, Limits::default(), &[]);
}

/// What Enhanced RTMP adds to `connect` and its answer, and cues of advertisements.
fn meanings(lines: &mut Lines) {
    let named = |name: &str| CodecName::of(name.as_bytes()).unwrap();
    for caps in (0..16).map(|bits| Some(CapsEx(bits))).chain([None]) {
        let capabilities = Capabilities {
            four_cc_list: vec![named("av01"), named("\"\\ ~")],
            video: (0..8).map(|bits| (named("vp09"), CodecMask(bits))).take(3).collect(),
            audio: vec![(named("*"), CodecMask(4)), (named("Opus"), CodecMask(3))],
            caps_ex: caps,
        };
        let video_function = caps.map(|caps| caps.0.into());
        let enhanced = Some(capabilities);
        let connect = Connect { enhanced, video_function, ..Connect::default() };
        lines.body(20, &Body::Command(Box::new(connect.command(1.0))));
        let result = ConnectResult { enhanced: connect.enhanced, ..ConnectResult::default() };
        lines.body(20, &Body::Command(Box::new(result.command(1.0))));
    }
    for command in [0, 4, 5, 6, 7, 255, 9] {
        for flags in [0, 0x80] {
            for body in [
                &[0, 0, 0, 5, 0x7f, 0xef, 0xff, 0, 0, 0, 90, 0xfe, 0, 0x29, 0x32, 0xe0][..],
                &[0, 0, 0, 5, 0x7f, 0x5f],
                &[0, 0, 0, 5, 0xff],
                &[0xfe, 0, 0, 0, 90],
            ] {
                let head = [0xfc, 0x30, 15 + body.len() as u8, 0, flags];
                let section =
                    [&head[..], &[0, 0, 0, 0, 0, 0xff, 0xf0, 0, command], body, &[0; 4]].concat();
                let arguments = vec![Value::ByteArray(section.into())];
                let data = Data { amf: 0, name: text("onAdCue"), arguments };
                lines.body(18, &Body::Data(Box::new(data)));
            }
        }
    }
}

fn other_fourccs() -> [FourCc; 4] {
    [FourCc(*b"abcd"), FourCc(*b"\"\\ ~"), FourCc([0, 1, 2, 0xff]), FourCc(*b"    ")]
}

fn audio_codecs() -> Vec<AudioCodec> {
    let named = [b".mp3", b"mp4a", b"Opus", b"fLaC", b"ac-3", b"ec-3"].map(|name| FourCc(*name));
    let numbers = (0..16).map(AudioCodec::from_number);
    numbers.chain(named.into_iter().chain(other_fourccs()).map(AudioCodec::from_fourcc)).collect()
}

fn video_codecs() -> Vec<VideoCodec> {
    let named = [b"avc1", b"hvc1", b"vvc1", b"av01", b"vp08", b"vp09"].map(|name| FourCc(*name));
    let numbers = (0..16).map(VideoCodec::from_number);
    numbers.chain(named.into_iter().chain(other_fourccs()).map(VideoCodec::from_fourcc)).collect()
}

fn mod_ex() -> Vec<ModEx> {
    vec![
        ModEx::TimestampOffsetNano { nanoseconds: 0xff_ffff },
        ModEx::Other { kind: 0, data: [1].into() },
        ModEx::Other { kind: 15, data: [0xab, 0xcd].into() },
    ]
}

const LAYOUTS: [Multitrack; 3] =
    [Multitrack::OneTrack, Multitrack::ManyTracks, Multitrack::ManyTracksManyCodecs];

fn audio_bodies() -> Vec<Audio> {
    let config = AudioConfig {
        profile: Some("HE-AAC"),
        object_type: Some(5),
        sample_rate: Some(48_000),
        input_sample_rate: Some(u32::MAX),
        channels: Some(2),
        sbr: Some(true),
        ps: Some(false),
        bit_depth: Some(24),
        bit_rate: Some(u32::MAX),
        frame_samples: Some(1536),
        pre_skip: Some(u16::MAX),
        signature: Some(false),
    };
    let orders = [
        ChannelOrder::Unspecified,
        ChannelOrder::Native,
        ChannelOrder::Custom,
        ChannelOrder::Other(255),
    ];
    let layouts = orders.map(|channel_order| Multichannel {
        channel_order,
        channel_count: 2,
        channel_mapping: if channel_order == ChannelOrder::Custom {
            vec![0, 255]
        } else {
            Vec::new()
        },
        channel_flags: (channel_order == ChannelOrder::Native).then_some(u32::MAX),
    });
    let mut all = vec![
        Audio::default(),
        Audio { enhanced: true, mod_ex: mod_ex().into(), ..Audio::default() },
    ];
    all.extend(
        audio_codecs().into_iter().map(|codec| Audio { codec: Some(codec), ..Audio::default() }),
    );
    let packets = [
        AudioPacketType::SequenceStart,
        AudioPacketType::CodedFrames,
        AudioPacketType::SequenceEnd,
        AudioPacketType::MultichannelConfig,
        AudioPacketType::Raw,
        AudioPacketType::Other(255),
    ];
    for packet_type in packets.map(Some) {
        all.push(Audio {
            packet_type,
            codec: Some(AudioCodec::Opus),
            enhanced: true,
            ..Audio::default()
        });
    }
    for (rate, size, channels) in [(5512, 8, 1), (11_025, 16, 2), (22_050, 8, 2), (44_100, 16, 1)] {
        all.push(Audio {
            codec: Some(AudioCodec::Aac),
            packet_type: Some(AudioPacketType::SequenceStart),
            sample_rate: Some(rate),
            sample_size: Some(size),
            channels: Some(channels),
            config: Some(Box::new(config)),
            data_length: 5,
            ..Audio::default()
        });
    }
    let one = AudioConfig { ps: Some(true), ..AudioConfig::default() };
    all.push(Audio { config: Some(Box::new(one)), ..Audio::default() });
    for layout in &layouts {
        all.push(Audio { multichannel: Some(Box::new(layout.clone())), ..Audio::default() });
    }
    for multitrack in LAYOUTS {
        let [first, ..] = &layouts;
        let full = AudioTrack {
            track: 255,
            codec: Some(AudioCodec::FourCc(FourCc(*b"abcd"))),
            config: Some(Box::new(config)),
            multichannel: Some(Box::new(first.clone())),
            data_offset: 7,
            data_length: 1,
        };
        let least = AudioTrack { codec: None, config: None, multichannel: None, ..full.clone() };
        for tracks in [Vec::new(), vec![full.clone(), least]] {
            all.push(Audio {
                enhanced: true,
                multitrack: Some(multitrack),
                tracks,
                ..Audio::default()
            });
        }
    }
    all
}

fn video_config() -> VideoConfig {
    VideoConfig {
        profile: Some("High 4:2:2"),
        profile_idc: Some(122),
        level: Some(Level::from_tenths(41)),
        width: Some(1920),
        height: Some(1080),
        frame_rate: Some(30_000.0 / 1001.0),
        chroma: Some("4:2:2"),
        bit_depth: Some(10),
        interlaced: Some(false),
        reference_frames: Some(4),
        nal_length_size: Some(4),
        vps_count: Some(u16::MAX),
        sps_count: Some(1),
        pps_count: Some(0),
        color_primaries: Some(9),
        transfer: Some(16),
        matrix: Some(9),
        full_range: Some(true),
    }
}

/// Colours by every name, and by numbers without one.
fn colours() -> impl Iterator<Item = VideoConfig> {
    (0..=23).chain([255]).map(|number| VideoConfig {
        color_primaries: Some(number),
        transfer: Some(number),
        matrix: Some(number),
        full_range: Some(false),
        ..VideoConfig::default()
    })
}

fn color_info() -> Option<Box<Value>> {
    let value = Value::Object(vec![("bitDepth".into(), Value::Number(10.0))]);
    let color = Value::Object(vec![("colorConfig".into(), value)]);
    Some(Box::new(Value::Object(vec![("colorInfo".into(), color), ("a".into(), Value::Undefined)])))
}

/// A walk over a frame, with and without room.
fn walks(format: Format, frame: &[u8]) -> [Option<Bitstream>; 2] {
    let short = Limits { frame_units: 1, frame_messages: 1, ..Limits::default() };
    [Limits::default(), short]
        .map(|limits| Some(Bitstream::walk(format, frame, &mut Context::default(), &limits)))
}

/// Units of every type, messages of every type.
fn bitstreams(lines: &mut Lines) {
    let mut all = Vec::new();
    let nal = |unit: &[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
    let avc: Vec<u8> = (0..32).flat_map(|kind| nal(&[kind])).collect();
    let hevc: Vec<u8> = (0..64).flat_map(|kind| nal(&[kind << 1, 1])).collect();
    let vvc: Vec<u8> = (0..32).flat_map(|kind| nal(&[0, kind << 3 | 1])).collect();
    let obus: Vec<u8> = (0..16).flat_map(|kind| [kind << 3 | 2, 1, 0x10]).collect();
    all.extend([(Format::Avc, avc), (Format::Hevc, hevc), (Format::Vvc, vvc), (Format::Av1, obus)]);
    for first in (0..200).step_by(25) {
        let mut messages = vec![0x4e, 1];
        for kind in first..first + 25 {
            messages.extend([kind, 24]);
            messages.extend([0x7f; 23]);
            messages.push(0x11);
        }
        all.push((Format::Hevc, nal(&messages)));
    }
    let captions = b"\x06\x04\x09\xb5\0\x31GA94\x03\xc3\x04\x03\xb5\0\x3c\x04\x01\xb4\x05\x13uuid of 16 bytestxt\x80";
    all.push((Format::Avc, nal(captions)));
    all.push((Format::Avc, b"\0\0\0\x01\x65\0\0\x01\x41".to_vec()));
    let mdcv = [&[0x2a, 27, 2][..], &[1; 24], &[0x80, 0]].concat();
    let metadata = [&b"\x2a\x06\x01\x03\xe8\x01\x90\x80"[..], &mdcv, b"\x2a\x03\x03\x01\x80\x2a\x05\x04\xb5\0\x31\x80\x2a\x07\x05\x04\0\0\0\0\x80\x2a\x02\x09\x80\x32"].concat();
    all.push((Format::Av1, metadata));
    all.push((Format::Vp8, b"\x10\x02\0\x9d\x01\x2a\x40\x41\xf0\0".to_vec()));
    all.push((Format::Vp8, b"\x11\x02\0".to_vec()));
    all.push((Format::ScreenVideo, vec![0x10, 64, 0x10, 48]));
    all.push((Format::Avc, b"\0\0\0\x09\x41".to_vec()));
    let frame = Video { codec: Some(VideoCodec::Avc), data_length: 9, ..Video::default() };
    for (format, bytes) in &all {
        for walk in walks(*format, bytes) {
            lines.frames(frame.clone(), &[walk]);
        }
    }
    lines.frames(frame, &[None]);
    let track = VideoTrack {
        track: 0,
        codec: Some(VideoCodec::Avc),
        composition_time: None,
        config: None,
        metadata: None,
        data_offset: 0,
        data_length: 9,
    };
    let [one, other] = walks(Format::Avc, &all[0].1);
    let tracks = vec![track.clone(), track.clone(), track];
    let multitrack = Some(Multitrack::ManyTracks);
    let video = Video { enhanced: true, multitrack, tracks, ..Video::default() };
    lines.frames(video, &[one, None, other]);
}

fn video_bodies() -> Vec<Video> {
    let mut all = vec![
        Video::default(),
        Video { enhanced: true, mod_ex: mod_ex().into(), ..Video::default() },
    ];
    all.extend(
        video_codecs().into_iter().map(|codec| Video { codec: Some(codec), ..Video::default() }),
    );
    let frames = [
        FrameType::Key,
        FrameType::Inter,
        FrameType::DisposableInter,
        FrameType::GeneratedKey,
        FrameType::Command,
        FrameType::Other(0),
        FrameType::Other(7),
    ];
    for frame_type in frames.map(Some) {
        all.push(Video { frame_type, ..Video::default() });
    }
    for command in
        [VideoCommand::StartSeek, VideoCommand::EndSeek, VideoCommand::Other(255)].map(Some)
    {
        all.push(Video { command, frame_type: Some(FrameType::Command), ..Video::default() });
    }
    let packets = [
        VideoPacketType::SequenceStart,
        VideoPacketType::CodedFrames,
        VideoPacketType::SequenceEnd,
        VideoPacketType::CodedFramesX,
        VideoPacketType::Metadata,
        VideoPacketType::Mpeg2TsSequenceStart,
        VideoPacketType::Raw,
        VideoPacketType::Other(255),
    ];
    for packet_type in packets.map(Some) {
        for time in [-0x80_0000, 0x7f_ffff] {
            all.push(Video { packet_type, composition_time: Some(time), ..Video::default() });
        }
    }
    let bare = VideoConfig::default();
    for config in [
        video_config(),
        VideoConfig { level: Some(Level::OneB), chroma: Some("4:0:0"), ..bare },
        VideoConfig { level: Some(Level::from_tenths(255)), chroma: Some("4:2:0"), ..bare },
        VideoConfig {
            interlaced: Some(true),
            frame_rate: Some(25.0),
            chroma: Some("4:4:4"),
            ..bare
        },
    ] {
        all.push(Video { config: Some(Box::new(config)), data_length: 40, ..Video::default() });
    }
    for config in colours() {
        all.push(Video { config: Some(Box::new(config)), ..Video::default() });
    }
    all.push(Video { enhanced: true, metadata: color_info(), ..Video::default() });
    for multitrack in LAYOUTS {
        let full = VideoTrack {
            track: 255,
            codec: Some(VideoCodec::Avc),
            composition_time: Some(-1),
            config: Some(Box::new(video_config())),
            metadata: color_info(),
            data_offset: 9,
            data_length: 1,
        };
        let least = VideoTrack {
            codec: None,
            composition_time: None,
            config: None,
            metadata: None,
            ..full.clone()
        };
        for tracks in [Vec::new(), vec![full.clone(), least]] {
            all.push(Video {
                enhanced: true,
                multitrack: Some(multitrack),
                tracks,
                ..Video::default()
            });
        }
    }
    all
}

/// A value of every kind.
fn values() -> Vec<Value> {
    let member = |value: Value| {
        vec![("key".into(), value.clone()), ("key".into(), value), ("".into(), Value::Null)]
    };
    let instance = |external| {
        let traits = Traits { class: "C".into(), ..Traits::default() };
        let (sealed, dynamic) = (Vec::new(), member(Value::Boolean(true)));
        Value::Instance(Box::new(Instance { traits: Arc::new(traits), sealed, dynamic, external }))
    };
    let not_utf8 = || (&b"\xff\xfe"[..]).into();
    vec![
        Value::Undefined,
        Value::Null,
        Value::MovieClip,
        Value::RecordSet,
        Value::Unsupported,
        Value::Boolean(true),
        Value::Number(1.5),
        Value::Number(-0.0),
        Value::Number(f64::MAX),
        Value::Number(f64::NAN),
        Value::Number(f64::INFINITY),
        Value::Number(f64::NEG_INFINITY),
        Value::String("\u{0}\u{7f}\u{85}\"\\é".into()),
        Value::String(not_utf8()),
        Value::LongString("long".into()),
        Value::Object(member(Value::Null)),
        Value::Object(vec![
            ("$date".into(), Value::Boolean(true)),
            ("$cut".into(), Value::Null),
            (not_utf8(), Value::Null),
        ]),
        Value::Reference(0),
        Value::Reference(999),
        Value::EcmaArray { declared: 9, entries: member(Value::Null), ended: false },
        Value::StrictArray(vec![Value::Null, Value::Number(1.0)]),
        Value::Date { ms: 0.0, zone: 0 },
        Value::Date { ms: 0.5, zone: 0 },
        Value::Date { ms: 1e18, zone: 0 },
        Value::Date { ms: f64::NAN, zone: 0 },
        Value::Xml("<a/>".into()),
        Value::TypedObject { class: "C".into(), entries: member(Value::Null) },
        Value::Amf3(Box::new(Value::Integer(-1))),
        Value::XmlDocument("<a/>".into()),
        Value::Timestamp(1e12),
        Value::Array { assoc: Vec::new(), dense: vec![Value::Null] },
        Value::Array { assoc: member(Value::Null), dense: vec![Value::Null] },
        instance(None),
        instance(Some(External::Value(Value::Null))),
        instance(Some(External::Opaque([1, 2].into()))),
        Value::XmlString("<a/>".into()),
        Value::ByteArray([0, 0xff].into()),
        Value::VectorInt { fixed: true, items: vec![-1] },
        Value::VectorUint { fixed: true, items: vec![u32::MAX] },
        Value::VectorDouble { fixed: false, items: vec![f64::NAN] },
        Value::VectorObject { fixed: false, class: "*".into(), items: vec![Value::Null] },
        Value::Dictionary { weak: false, entries: vec![(Value::String("a".into()), Value::Null)] },
        Value::Dictionary { weak: true, entries: vec![(Value::Null, Value::Null)] },
    ]
}

/// Commands and data, also with limits so low that values are cut.
fn amf(lines: &mut Lines) {
    let values = values();
    let all = |name: Option<&str>| Command {
        amf: 3,
        name: name.map(Into::into),
        transaction_id: Some(2.0),
        object: Some(Value::Object(vec![("tcUrl".into(), Value::String("rtmp://h/a".into()))])),
        arguments: values.clone(),
    };
    for object in &values {
        let command =
            Command { object: Some(object.clone()), arguments: Vec::new(), ..all(Some("connect")) };
        lines.body(20, &Body::Command(Box::new(command)));
    }
    let not_utf8 = Command { name: Some((&b"\xff"[..]).into()), ..all(None) };
    for command in [all(Some("publish")), all(None), not_utf8, Command::default()] {
        lines.body(17, &Body::Command(Box::new(command)));
    }
    for id in [f64::NAN, f64::NEG_INFINITY, f64::INFINITY, -0.0, 1.5, 1e300] {
        let command = Command { transaction_id: Some(id), ..Command::default() };
        lines.body(20, &Body::Command(Box::new(command)));
    }
    let command = Body::Command(Box::new(all(Some("_result"))));
    let raw = chunk::Message {
        chunk_stream_id: 2,
        message_stream_id: 0,
        type_id: 20,
        timestamp: 0,
        timestamp_uncertain: true,
        length: 1,
        chunks: 1,
        span: Span { start: 0, end: 1 },
        payload: &[],
        damaged: &[Span { start: 0, end: 1 }, Span { start: 2, end: 5 }],
        missing: &[],
    };
    let record = MessageRecord {
        raw: &raw,
        kind: Kind::Command,
        body: &command,
        bitstreams: &[],
        malformed: None,
        encrypted: false,
        reply_to: Some(1),
        aggregate: None,
        masked: &[],
    };
    lines.bytes(Event::Message(record));
    // Tags of a file, one of them encrypted.
    for fault in [None, Some(Fault::broken(2, "payload", "it is encrypted"))] {
        let raw = chunk::Message { chunk_stream_id: 0, chunks: 0, damaged: &[], ..raw };
        let (encrypted, malformed) = (fault.is_some(), fault.as_ref());
        let record = MessageRecord { raw: &raw, encrypted, malformed, reply_to: None, ..record };
        lines.bytes(Event::Message(record));
    }
    for name in [Some("onMetaData"), None] {
        for (amf, type_id) in [(0, 18), (3, 15)] {
            let data = Data { amf, name: name.map(Into::into), arguments: values.clone() };
            lines.body(type_id, &Body::Data(Box::new(data)));
        }
    }
    for amf_output in [0, 10, 30, 60, 100, 200, 400] {
        for amf_depth in [0, 1, 64] {
            lines.writer =
                writer(Form::None, Limits { amf_output, amf_depth, ..Limits::default() }, &[]);
            let name = Some("a name that is longer than the budget for all of the output".into());
            lines.body(20, &Body::Command(Box::new(Command { name, ..all(None) })));
            let data = Data { amf: 0, name: Some("x".into()), arguments: values.clone() };
            lines.body(18, &Body::Data(Box::new(data)));
        }
    }
    lines.writer = writer(Form::None, Limits::default(), &[]);
}

/// Bodies that come of bytes: what is malformed, what is cut, what leads into itself.
fn decoded(lines: &mut Lines) {
    let low = Limits { amf_depth: 1, amf_values: 3, ..Limits::default() };
    for limits in [Limits::default(), low] {
        for type_id in [1, 2, 3, 4, 5, 6, 8, 9, 15, 16, 17, 18, 19, 20, 22, 23] {
            for payload in [
                &b""[..],
                b"\x00",
                b"\x02\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x01a\x07\x00\x00\x00\x00\x09",
                b"\x02\x00\x01a\x0a\x00\x00\x00\x04\x05\x05\x0a\x00\x00\x00\x01\x05\x05",
                b"\x02\x00\x01a\x02\x00\x09short",
                b"\x97",
                b"\x90abcd\xff",
                b"\x97\x02\x00\x00\x01\x05\x21mp4a\x00\x00\x00\x02",
                b"\x17\x00\x00\x00\x00\x01\x64\x00",
                b"\xd6\x21hvc1\x01",
            ] {
                let (body, fault) = message::decode(type_id, payload, payload.len() as u32, &limits);
                lines.message(type_id, &body, fault.as_ref(), payload);
            }
        }
    }
}

fn payloads(lines: &mut Lines) {
    for form in [Form::Hex, Form::Base64] {
        lines.writer = writer(form, Limits::default(), &[]);
        for payload in [&b""[..], b"\x00", b"\xff\xfe\xfd", b"\x01\x02\x03\x04\x05"] {
            for masked in [&[][..], &[1..2, 4..5], &[0..1, 2..9]] {
                let raw = chunk::Message {
                    chunk_stream_id: 2,
                    message_stream_id: 0,
                    type_id: 0,
                    timestamp: 0,
                    timestamp_uncertain: false,
                    length: payload.len() as u32,
                    chunks: 1,
                    span: Span { start: 0, end: 1 },
                    payload,
                    damaged: &[],
                    missing: &[],
                };
                let (kind, body) = (Kind::Unknown, &Body::Opaque);
                let record = MessageRecord {
                    raw: &raw,
                    kind,
                    body,
                    bitstreams: &[],
                    encrypted: false,
                    malformed: None,
                    reply_to: None,
                    aggregate: None,
                    masked,
                };
                lines.bytes(Event::Message(record));
            }
        }
    }
    let files = ["a.pcap".to_owned(), "b.pcap".to_owned()];
    lines.writer = writer(Form::None, Limits::default(), &files);
}

const OUTCOMES: [Outcome; 7] = [
    Outcome::Ended,
    Outcome::Refused,
    Outcome::Closed,
    Outcome::Reset,
    Outcome::Silent,
    Outcome::Unfinished,
    Outcome::Rtmpctl,
];
const REACHED: [Reached; 8] = [
    Reached::Tcp,
    Reached::Tls,
    Reached::Handshake,
    Reached::Connect,
    Reached::CreateStream,
    Reached::Publish,
    Reached::Play,
    Reached::Media,
];

fn verdict(outcome: Outcome, reached: Reached) -> Verdict {
    Verdict {
        reached,
        outcome,
        closed: Closed { by: ClosedBy::Client, how: CloseKind::Fin },
        sentence: "the client closed the connection".to_owned(),
        usually: None,
        status: None,
        evidence: vec![9],
        findings: Vec::new(),
    }
}

fn split(server: &'static str) -> Split {
    let text = |text: &str| Some(text.to_owned());
    Split {
        server,
        app: "live".to_owned(),
        instance: text("_definst_").filter(|_| server == "Wowza"),
        stream_name: text("c…"),
        query: text("a=…").filter(|_| server == "SRS"),
    }
}

fn summaries(lines: &mut Lines) {
    let full = Track {
        direction: Direction::ClientToServer,
        message_stream_id: 1,
        media: Media::Video,
        track: 0,
        codec: Some(Codec::Video(VideoCodec::Avc)),
        width: Some(1920),
        height: Some(1080),
        frame_rate: Some(29.97),
        sample_rate: Some(48_000),
        channels: Some(2),
        profile: Some("High"),
        level: Some(Level::OneB),
        messages: 10,
        bytes: 1000,
        frames: 9,
        first_timestamp: 0,
        last_timestamp: u32::MAX,
        media_time: 300,
        keyframes: 3,
        keyframe_interval: Some(Interval { min: 1.0, mean: 2.5, max: 4.0 }),
        measured: Measured {
            bitstream_frame_rate: Some(29.97),
            metadata_frame_rate: Some(30.0),
            frame_rate: Some(29.968),
            metadata_bitrate: Some(2_500_000.0),
            peak_bitrate: Some(3_141_592.6),
            keyframe_interval: Some(Interval { min: 30.0, mean: 75.5, max: 120.0 }),
            b_frames: Some(2),
            composition_time: Some((-33, 100)),
            av_skew: Some(Spread { min: -40, max: 23, last: -7 }),
            av_drift: Some(-0.25),
            ahead: Some(Spread { min: -900, max: 5, last: -900 }),
            clock_drift: Some(-12.5),
            jitter: Some((1.25, 40.0)),
            largest_gap: Some(501),
            longest_silence: Some(1_500_000_000),
            gaps: 1,
            steps_back: 2,
            unknown_time: 10,
        },
    };
    let least = Track {
        direction: Direction::ServerToClient,
        codec: None,
        width: None,
        height: None,
        frame_rate: None,
        sample_rate: None,
        channels: None,
        profile: None,
        level: None,
        media_time: 0,
        keyframe_interval: None,
        measured: Measured::default(),
        ..full.clone()
    };
    let mut tracks = vec![full.clone()];
    for media in [Media::Audio, Media::Video, Media::Data] {
        tracks.push(Track { media, ..least.clone() });
    }
    for codec in video_codecs() {
        tracks.push(Track { codec: Some(Codec::Video(codec)), ..least.clone() });
    }
    for codec in audio_codecs() {
        tracks.push(Track {
            media: Media::Audio,
            codec: Some(Codec::Audio(codec)),
            ..least.clone()
        });
    }
    for transport in Transport::ALL {
        let text = |text: &str| Some(text.to_owned());
        let bare = Summary {
            opened: opened("192.0.2.1:50000", transport),
            app: None,
            tc_url: None,
            stream_name: None,
            splits: Vec::new(),
            verdict: verdict(Outcome::Ended, Reached::Tcp),
            client_software: None,
            server_software: None,
            duration: None,
            steps: Vec::new(),
            bytes: [0, 0],
            messages: [[0; Kind::ALL.len()]; 2],
            tracks: Vec::new(),
            findings: [0; 3],
            findings_list: Vec::new(),
            gaps: (0, 0),
            proxy: None,
        };
        for outcome in OUTCOMES {
            for reached in REACHED {
                let verdict = verdict(outcome, reached);
                lines.whole(Event::Summary(&Summary { verdict, ..bare.clone() }));
            }
        }
        for by in BY {
            for how in HOW {
                let verdict = Verdict { closed: Closed { by, how }, ..bare.verdict.clone() };
                let end = Some(SideEnd { how, at: 3 });
                let proxy = Some(Box::new(Sides { ends: [end, end], ..sides(transport) }));
                lines.whole(Event::Summary(&Summary { verdict, proxy, ..bare.clone() }));
            }
        }
        lines.whole(Event::Summary(&bare));
        lines.whole(Event::Summary(&Summary {
            app: text("live"),
            tc_url: text("rtmp://h/live"),
            stream_name: text("c…"),
            splits: ["nginx-rtmp", "SRS", "mediamtx", "Wowza"].map(split).to_vec(),
            verdict: Verdict {
                usually: Some("the key is wrong"),
                status: text("NetStream.Publish.BadName"),
                findings: vec!["status.badname", "hs.stall"],
                evidence: vec![1, 2],
                ..verdict(Outcome::Refused, Reached::Media)
            },
            client_software: text("FMLE"),
            server_software: text("FMS\u{202e}"),
            duration: Some(1_500_000_000),
            steps: [
                "c0",
                "c1",
                "s0",
                "s1",
                "s2",
                "c2",
                "connect",
                "create_stream",
                "publish",
                "play",
                "media",
            ]
            .iter()
            .zip([None, Some(0), Some(1_500_000_001)].iter().cycle())
            .map(|(&name, &took)| Step { name, at: 2_000, took })
            .collect(),
            bytes: [u64::MAX, 1],
            messages: [[1; Kind::ALL.len()], [2; Kind::ALL.len()]],
            tracks: tracks.clone(),
            findings: [1, 2, 3],
            findings_list: listed(),
            gaps: (1, 2),
            proxy: Some(Box::new(sides(transport))),
            ..bare
        }));
    }
}
