//! What each fuzz target does with its bytes. `tests/corpus.rs` runs the corpora through the same functions.
//!
//! They panic where a promise is broken: bytes lost, output that is no JSON, a terminal escape.

use std::sync::Arc;

use rtmpctl::Limits;
use rtmpctl::capture::file::{Item, Packet, Reader};
use rtmpctl::capture::tls::{Keys, Piece, Session};
use rtmpctl::capture::{Captures, Choice, LinkType};
use rtmpctl::inspect::rules::Settings;
use rtmpctl::inspect::{
    CloseKind, ClosedBy, Event, GapCause, Inspector, MessageRecord, Opened, Options, Place, Record,
    Traffic, Transport,
};
use rtmpctl::output::payload::Shown;
use rtmpctl::output::{json, redact::Redactor};
use rtmpctl::proto::amf::{Budget, Value, amf0, amf3};
use rtmpctl::proto::bitstream::{Bitstream, Context, Format};
use rtmpctl::proto::chunk::{self, HEAD, Inherited, Keep, Resume};
use rtmpctl::proto::cursor::Cursor;
use rtmpctl::proto::message::{Body, Kind, Video};
use rtmpctl::proto::session::{Caller, Connection, Policy, Responder};
use rtmpctl::proto::{Direction, Span, codec, handshake, message, session};

/// A target.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const ALL: [(&str, Target); 21] = [
    ("aggregate", aggregate),
    ("amf0", amf0),
    ("amf3", amf3),
    ("audio", audio),
    ("bitstream", bitstream),
    ("chunk", chunk),
    ("codec", codec),
    ("decode", decode),
    ("file", file),
    ("flv", flv),
    ("handshake", handshake),
    ("lane", lane),
    ("message", message),
    ("packet", packet),
    ("raw", raw),
    ("rtmpt", rtmpt),
    ("session", session),
    ("shared_object", shared_object),
    ("tcp", tcp),
    ("tls", tls),
    ("video", video),
];

/// One byte off the front: what the rest is done with.
fn choose(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// Chunks in pieces; after a loss the reader goes on a few bytes further.
pub fn chunk(data: &[u8]) {
    let (step, mut data) = choose(data);
    let step = usize::from(step).max(1);
    let keep =
        if step % 2 == 0 { Keep::ALL } else { Keep { head: 64, whole: message::needs_whole } };
    let limits = Limits { partial_bytes: 64 << 10, ..Limits::default() };
    let mut reader = chunk::Reader::new(0, keep, &limits).with_chunks(step % 3 == 0);
    let mut fed = 0u64;
    while !data.is_empty() {
        let (piece, rest) = data.split_at(step.min(data.len()));
        data = rest;
        let mut input = piece;
        loop {
            match reader.next(&mut input) {
                Ok(Some(chunk::Item::Message(message))) => {
                    assert!(message.span.start <= message.span.end);
                    assert!(message.payload.len() <= message.length as usize);
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => {
                    let taken = reader.offset() + 1;
                    let at = Resume {
                        offset: taken,
                        chunk_size: 128,
                        announced: false,
                        proven: u32::MAX,
                        trusted: &[Inherited {
                            chunk_stream_id: 3,
                            length: 7,
                            type_id: 8,
                            head: [0; HEAD],
                        }],
                    };
                    reader.resume(&at);
                    break;
                }
            }
        }
        fed += piece.len() as u64;
        if step % 5 == 0 {
            let _ = reader.hole(u64::from(step as u8));
        }
        assert!(reader.memory() < 64 << 20);
    }
    assert!(fed < u64::MAX);
}

/// Values of AMF0, which may switch to AMF3, one after the other.
pub fn amf0(data: &[u8]) {
    values(data, amf0::decode);
}

/// Values of AMF3.
pub fn amf3(data: &[u8]) {
    values(data, amf3::decode);
}

fn values(data: &[u8], decode: fn(&mut Cursor<'_>, &mut Budget) -> rtmpctl::proto::amf::Decoded) {
    let limits = Limits::default();
    let (mut cursor, mut budget) = (Cursor::new(data), Budget::new(&limits));
    let mut all = Vec::new();
    while cursor.remaining() > 0 {
        let before = cursor.remaining();
        let decoded = decode(&mut cursor, &mut budget);
        let stop = decoded.fault.is_some() || cursor.remaining() == before;
        all.push(decoded.value);
        if stop {
            break;
        }
    }
    let mut out = Vec::new();
    let mut context = rtmpctl::output::amf_json::Context::of(&all, &limits);
    rtmpctl::output::amf_json::write_values(&mut out, &all, &mut context);
    check_line(&out);
    for value in &all {
        let mut text = String::new();
        rtmpctl::output::amf_json::write_inline(&mut text, value, 200);
        assert!(!text.chars().any(char::is_control));
    }
}

/// An audio message.
pub fn audio(data: &[u8]) {
    media(8, data);
}

/// A video message.
pub fn video(data: &[u8]) {
    media(9, data);
}

fn media(type_id: u8, data: &[u8]) {
    let limits = Limits::default();
    let whole = message::needs_whole(type_id, &data[..data.len().min(limits.media_head)]);
    let kept = if whole { data } else { &data[..data.len().min(limits.media_head)] };
    let (_, fault) = message::decode(type_id, kept, data.len() as u32, &limits);
    if let Some(fault) = fault {
        assert!(fault.offset <= data.len());
    }
}

/// A message of any type: decoded, shown, and decoded again from what it is written as.
pub fn message(data: &[u8]) {
    let (type_id, payload) = choose(data);
    let limits = Limits::default();
    let (body, fault) = message::decode(type_id, payload, payload.len() as u32, &limits);
    assert!(fault.as_ref().is_none_or(|fault| fault.offset <= payload.len()));
    shown(type_id, &body, &[], payload, &[]);
    let mut out = Vec::new();
    match &body {
        Body::Command(command) => {
            command.encode(&mut out);
            let _ = command.view();
        }
        Body::Data(data) => {
            data.encode(&mut out);
            let _ = (data.view(), data.splice_info());
        }
        Body::SharedObject(object) => object.encode(&mut out),
        Body::UserControl(event) => event.encode(&mut out),
        Body::Control(control) => control.encode(&mut out),
        _ => return,
    }
    let (again, _) = message::decode(type_id, &out, out.len() as u32, &limits);
    let mut twice = Vec::new();
    match &again {
        Body::Command(command) => command.encode(&mut twice),
        Body::Data(data) => data.encode(&mut twice),
        Body::SharedObject(object) => object.encode(&mut twice),
        Body::UserControl(event) => event.encode(&mut twice),
        Body::Control(control) => control.encode(&mut twice),
        _ => panic!("another kind"),
    }
    assert!(fault.is_some() || out == twice, "written differently the second time");
}

/// A shared object message.
pub fn shared_object(data: &[u8]) {
    message(&[&[19], data].concat());
    message(&[&[16], data].concat());
}

/// An aggregate message of which some bytes are missing.
pub fn aggregate(data: &[u8]) {
    let (hole, payload) = choose(data);
    let limits = Limits { aggregate_messages: 100, amf_values: 1000, ..Limits::default() };
    let start = usize::from(hole) % (payload.len() + 1);
    let range = start..(start + usize::from(hole % 16)).min(payload.len());
    let missing = if hole % 2 == 0 { &[] } else { std::slice::from_ref(&range) };
    let length = payload.len() as u32;
    let (aggregate, fault) = message::aggregate::decode(payload, length, missing, &limits);
    assert!(fault.is_none_or(|fault| fault.offset <= payload.len()));
    assert!(aggregate.messages.len() <= 100);
    for inner in &aggregate.messages {
        assert!(inner.payload.start <= inner.payload.end && inner.payload.end <= payload.len());
        assert!(inner.missing.iter().all(|hole| hole.end <= inner.payload.len()));
    }
    shown(22, &Body::Aggregate(Box::new(aggregate)), &[], payload, missing);
}

/// A message as the command prints it.
fn shown(
    type_id: u8,
    body: &Body,
    bitstreams: &[Option<Bitstream>],
    payload: &[u8],
    missing: &[core::ops::Range<usize>],
) {
    let holes: Vec<Span> = missing
        .iter()
        .map(|hole| Span { start: hole.start as u64, end: hole.end as u64 })
        .collect();
    let raw = chunk::Message {
        chunk_stream_id: 3,
        message_stream_id: 1,
        type_id,
        timestamp: 0,
        timestamp_uncertain: false,
        length: payload.len() as u32,
        chunks: 1,
        span: Span { start: 0, end: payload.len() as u64 },
        payload,
        damaged: &holes,
        missing,
    };
    let event = Event::Message(MessageRecord {
        raw: &raw,
        kind: Kind::of(type_id),
        body,
        bitstreams,
        encrypted: false,
        malformed: None,
        reply_to: None,
        aggregate: None,
        masked: &[],
    });
    Show::new(&Limits::default()).record(&Record {
        seq: 1,
        connection: Some(1),
        direction: Some(Direction::ClientToServer),
        place: Place::default(),
        elapsed: None,
        span: Some(raw.span),
        event,
    });
}

/// A codec's configuration record.
pub fn codec(data: &[u8]) {
    let (kind, record) = choose(data);
    match kind % 12 {
        0 => drop(codec::aac::decode(record)),
        1 => drop(codec::av1::decode(record)),
        2 => {
            let _ = codec::avc::picture_timing(record);
            drop(codec::avc::decode(record));
        }
        3 => drop(codec::flac::decode(record)),
        4 => drop(codec::hevc::decode(record)),
        5 => drop(codec::opus::decode(record)),
        6 => drop(codec::vp::decode(record)),
        7 => drop(codec::vvc::decode(record)),
        8 => {
            drop(codec::ac3::decode(record));
            drop(codec::ac3::decode_start(record, true));
        }
        9 => drop(codec::mpeg_audio::decode(record)),
        10 => drop(codec::av1::decode_descriptor(record)),
        _ => drop(codec::ac3::decode_start(record, false)),
    }
}

/// A video frame to what it is made of, and that to a line.
pub fn bitstream(data: &[u8]) {
    let (kind, frame) = choose(data);
    let format = Format::ALL[usize::from(kind) % Format::ALL.len()];
    let limits = Limits { frame_units: 20, frame_messages: 5, ..Limits::default() };
    let mut context = Context::default();
    if kind >= 0x80 {
        context.learn(format, frame);
    }
    let found = Bitstream::walk(format, frame, &mut context, &limits);
    assert!(found.fault.as_ref().is_none_or(|fault| fault.offset <= frame.len()));
    assert!(found.units.len() <= 20 && found.messages.len() <= 5);
    shown(9, &Body::Video(Video::default()), &[Some(found)], &[], &[]);
}

/// A capture file.
pub fn file(data: &[u8]) {
    let Ok(mut reader) = Reader::new(data) else { return };
    let mut items = 0usize;
    while let Some(item) = reader.next().expect("memory can be read") {
        if let Item::Packet(packet) = item {
            assert!(packet.data.len() <= data.len());
        }
        items += 1;
        assert!(items <= data.len() + 16, "more items than bytes");
    }
}

/// A side of a connection that answers, and one that calls: whatever the other sends costs no more than its limits.
pub fn session(data: &[u8]) {
    let (step, rest) = choose(data);
    let limits = Arc::new(Limits { partial_bytes: 64 << 10, ..Limits::default() });
    let random = [7; handshake::RANDOM_LEN];
    let options = session::Options::default();
    let mut responder = Responder::new(Arc::new(Policy::default()), Arc::clone(&limits));
    let mut caller = Caller::new(&limits);
    let is_server = step % 2 == 0;
    let mut connection = if is_server {
        Connection::server(&options, 0, &random, &limits)
    } else {
        Connection::client(&options, 0, &random, &limits)
    };
    for mut piece in rest.chunks(usize::from(step).max(1)) {
        loop {
            let (arrived, sender) = match connection.next(&mut piece) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(close) => return assert!(!close.to_string().is_empty()),
            };
            match arrived {
                session::Arrived::Message(message) if is_server => {
                    if let Some(session::Event::Published { stream, .. }) =
                        responder.receive(&message, sender)
                    {
                        responder.allow(stream, sender);
                    }
                }
                session::Arrived::Message(message) => {
                    caller.call(1, "more", Value::Null, Vec::new(), sender);
                    let _ = caller.receive(&message);
                }
                _ => {}
            }
        }
        assert!(connection.memory() + responder.memory() < 16 << 20);
        // Somebody who reads half of what is sent.
        connection.sent(connection.output().len() / 2);
    }
}

/// Handshake packets of both sides, in pieces.
pub fn handshake(data: &[u8]) {
    let (step, rest) = choose(data);
    let mut reader = handshake::Reader::new();
    for mut piece in rest.chunks(usize::from(step).max(1) * 8) {
        while let Some(packet) = reader.read(&mut piece) {
            if let handshake::Packet::One(one) = packet {
                for side in [handshake::Side::Client, handshake::Side::Server] {
                    let _ = handshake::digest::find(one.bytes, side);
                }
            }
        }
    }
}

/// One packet of a link type, and once more as a fragment's neighbour.
pub fn packet(data: &[u8]) {
    const LINKS: [u16; 13] = [0, 1, 9, 12, 50, 51, 101, 108, 113, 228, 229, 276, 7];
    let (link, data) = choose(data);
    let limits = Limits::default();
    let mut captures = Captures::new(Choice { all: true, ..Choice::default() }, &limits);
    for number in 1..3 {
        let packet = Packet {
            number,
            time: Some(0),
            link: LinkType(LINKS[usize::from(link) % LINKS.len()]),
            data,
            original_length: data.len() as u32,
        };
        captures.item(&Item::Packet(packet), None, &mut |_| {});
    }
    captures.finish(&mut |_| {});
}

/// RTMPT: each line is a piece of one of four connections, told by its first byte. Uppercase letters are the client's,
/// lowercase ones the server's, `-` is a hole of as many bytes as the line has, `!` a FIN of both. In the rest, `|` is a
/// line end of HTTP.
pub fn rtmpt(data: &[u8]) {
    let limits = Limits {
        tunnel_head: 512,
        tunnel_bytes: 2_000,
        tunnel_total: 6_000,
        tunnel_ahead: 4,
        tunnel_requests: 8,
        tunnel_sessions: 4,
        ..Limits::default()
    };
    let mut captures = Captures::new(Choice::default(), &limits);
    let mut inspector = Inspector::new(Options::default(), limits.clone());
    let mut show = Show::new(&limits);
    let (mut bytes, mut given) = (0, 0);
    let mut out = |traffic: Traffic<'_>| {
        if let Traffic::Bytes { data, .. } = &traffic {
            given += data.len();
        }
        inspector.feed(&traffic, &mut |record| show.record(record));
    };
    // What each side of each connection has sent.
    let mut sent = [[1u32; 2]; 4];
    let mut number = 0;
    for line in data.split(|&byte| byte == b'\n') {
        let Some((&kind, rest)) = line.split_first() else { continue };
        let (from_server, hole, fin) = (kind.is_ascii_lowercase(), kind == b'-', kind == b'!');
        let which = if kind.is_ascii_alphabetic() { (kind | 0x20) - b'a' } else { 0 };
        let port = usize::from(which) % 4;
        let mut payload = Vec::new();
        for &byte in rest {
            if byte == b'|' {
                payload.extend(b"\r\n");
            } else {
                payload.push(byte);
            }
        }
        payload.truncate(1_400);
        let side = usize::from(from_server);
        if hole {
            sent[port][side] = sent[port][side].wrapping_add(payload.len() as u32);
            continue;
        }
        for side in if fin { 0..2 } else { side..side + 1 } {
            number += 1;
            let payload = if fin { &[][..] } else { &payload[..] };
            bytes += payload.len();
            let packet = segment(port as u8, side == 1, sent[port], payload, fin);
            sent[port][side] = sent[port][side].wrapping_add(payload.len() as u32 + u32::from(fin));
            let packet = Packet {
                number,
                time: None,
                link: LinkType(101),
                data: &packet,
                original_length: packet.len() as u32,
            };
            captures.item(&Item::Packet(packet), None, &mut out);
        }
    }
    captures.finish(&mut out);
    assert!(given <= bytes, "{given} of {bytes} bytes came out");
}

/// An IP packet of a connection to port 80, whose sides have sent so much.
fn segment(port: u8, from_server: bool, sent: [u32; 2], payload: &[u8], fin: bool) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    let (client, server) = ([10, 0, 0, 1, 0x80, port], [10, 0, 0, 2, 0, 80]);
    let ends = if from_server { [server, client] } else { [client, server] };
    packet.extend(ends.iter().flat_map(|end| &end[..4]));
    packet.extend(ends.iter().flat_map(|end| &end[4..]));
    let side = usize::from(from_server);
    packet.extend(sent[side].to_be_bytes());
    packet.extend(sent[1 - side].to_be_bytes());
    packet.extend([0x50, if fin { 0x11 } else { 0x18 }, 1, 0, 0, 0, 0, 0]);
    packet.extend_from_slice(payload);
    packet
}

/// Segments of one connection, four bytes of head each: flags and direction, sequence, length.
pub fn tcp(mut data: &[u8]) {
    let limits = Limits { reorder_bytes: 64 << 10, ..Limits::default() };
    let mut captures = Captures::new(Choice { all: true, ..Choice::default() }, &limits);
    let mut number = 0;
    let mut bytes = 0u64;
    let mut given = 0u64;
    let mut count = |traffic: Traffic<'_>| {
        if let Traffic::Bytes { data, .. } = traffic {
            given += data.len() as u64;
        }
    };
    while let Some((&[kind, high, low, length], rest)) = data.split_first_chunk::<4>() {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(length)));
        data = rest;
        number += 1;
        bytes += payload.len() as u64;
        let mut packet = vec![0x45, 0];
        packet.extend((40 + payload.len() as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        let (client, server) = ([10, 0, 0, 1, 0x80, 0], [10, 0, 0, 2, 0x07, 0x8f]);
        let ends = if kind & 0x80 == 0 { [client, server] } else { [server, client] };
        packet.extend(ends.iter().flat_map(|end| &end[..4]));
        packet.extend(ends.iter().flat_map(|end| &end[4..]));
        // Far jumps too.
        let sequence = u32::from_be_bytes([high & 0xc0, 0, high & 0x3f, low]);
        packet.extend(sequence.to_be_bytes());
        packet.extend(sequence.rotate_left(3).to_be_bytes());
        packet.extend([0x50, kind & 0x1f, 1, 0, 0, 0, 0, 0]);
        packet.extend_from_slice(payload);
        let packet = Packet {
            number,
            time: None,
            link: LinkType(101),
            data: &packet,
            original_length: packet.len() as u32 + u32::from(kind & 0x40 != 0),
        };
        captures.item(&Item::Packet(packet), None, &mut count);
    }
    captures.finish(&mut count);
    assert!(given <= bytes, "{given} of {bytes} bytes came out");
}

/// A TLS connection. A byte that says whether the keys come late and how the pieces are cut; a key log behind its length;
/// then pieces: which direction (1) and whether it is a hole (2) of a length that is told (4), and a length with bytes
/// behind it if it is none.
pub fn tls(data: &[u8]) {
    let (settings, data) = choose(data);
    let Some((length, data)) = data.split_first_chunk() else { return };
    let length = usize::from(u16::from_be_bytes(*length));
    let (log, mut data) = data.split_at(length.min(data.len()));
    let limits = Limits { tls_bytes: 16 << 10, tls_secrets: 64, ..Limits::default() };
    let late = settings & 1 != 0;
    let step = if settings < 2 { usize::MAX } else { usize::from(settings) };
    let (mut keys, mut session, mut total) = (Keys::new(&limits), Session::new(), 0);
    if !late {
        keys.add(log);
    }
    let place = Place::default();
    let (mut sent, mut given) = (0u64, 0u64);
    let mut out = |_: Place, _: Direction, piece: Piece<'_>| match piece {
        Piece::Bytes(bytes) => given += bytes.len() as u64,
        Piece::Gap(length, _) => given = given.saturating_add(length.unwrap_or_default()),
    };
    while let Some((&[kind, high, low], rest)) = data.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let direction = Direction::BOTH[usize::from(kind & 1)];
        let mut piece = |piece| {
            session.piece(direction, piece, place, &mut keys, &limits, &mut total, &mut out);
            // Over the limit nothing is held.
            assert!(total <= 16 << 10);
        };
        data = rest;
        if kind & 2 != 0 {
            sent += length as u64;
            piece(Piece::Gap((kind & 4 != 0).then_some(length as u64), GapCause::Lost));
        } else {
            let (bytes, rest) = rest.split_at(length.min(rest.len()));
            data = rest;
            sent += bytes.len() as u64;
            bytes.chunks(step.min(bytes.len()).max(1)).for_each(|bytes| piece(Piece::Bytes(bytes)));
        }
    }
    if late {
        keys.add(log);
    }
    session.close(place, &mut keys, &limits, &mut total, &mut out);
    assert_eq!(total, 0);
    assert!(given <= sent, "{given} of {sent} bytes came out");
    let _ = (session.state(), session.facts());
}

/// One direction's bytes, in pieces with holes: however they are cut, the same lines.
pub fn lane(data: &[u8]) {
    let (settings, data) = choose(data);
    let whole = lane_lines(settings, data, usize::MAX);
    let pieces = lane_lines(settings, data, usize::from(settings / 4) + 1);
    assert_eq!(whole, pieces);
}

fn lane_lines(settings: u8, data: &[u8], step: usize) -> Vec<u8> {
    let limits = Limits { resync_bytes: 4096, same_finding: 5, ..Limits::default() };
    let mut show = Show::new(&limits);
    let direction = Direction::ClientToServer;
    let place = Place::default();
    let address = Some(([10, 0, 0, 1], 1935).into());
    let from_start = settings & 1 != 0;
    let transport = Transport::Rtmp;
    let opened = Opened { client: address, server: address, from_start, transport };
    let mut inspector = Inspector::new(
        Options {
            chunks: settings & 2 != 0,
            whole_media: false,
            bitstream: settings & 0x80 != 0,
            // What waits for the end of its message depends on the cut.
            timeline: false,
            // Of all that is said only this is about the cut.
            rules: Settings { severities: vec![("hs.fragmented", None)], ..Settings::default() },
        },
        limits,
    );
    let mut feed =
        |traffic: Traffic<'_>| inspector.feed(&traffic, &mut |record| show.record(record));
    feed(Traffic::Opened { flow: 1, place, opened });
    if from_start {
        let mut handshake = [0; 3073];
        handshake[0] = 3;
        feed(Traffic::Bytes { flow: 1, place, direction, data: &handshake });
    }
    // A byte that says so is a hole.
    for (index, part) in data.split(|&byte| byte == 0xfe).enumerate() {
        if index > 0 {
            let length = Some(index as u64 * 7 % 300 + 1);
            feed(Traffic::Gap { flow: 1, place, direction, length, cause: GapCause::Lost });
        }
        for piece in part.chunks(step.min(part.len()).max(1)) {
            feed(Traffic::Bytes { flow: 1, place, direction, data: piece });
        }
    }
    feed(Traffic::Closed { flow: 1, place, by: ClosedBy::Both, how: CloseKind::End });
    show.out
}

/// A whole capture to lines and rows.
pub fn decode(data: &[u8]) {
    if let Ok(reader) = Reader::new(data) {
        show(reader);
    }
}

/// The tags of an FLV file, to lines and rows. However the file is read, they are the same.
pub fn flv(data: &[u8]) {
    let file = [&b"FLV\x01\x05\0\0\0\x09"[..], data].concat();
    let reader = Reader::new(&file[..]).expect("the file header is right");
    let whole = show(reader);
    let reader = Reader::new(Single(&file)).expect("the file header is right");
    assert_eq!(whole, show(reader));
}

/// A raw dump: what shows itself, and what is taken for one. However the file is read, it is the same.
pub fn raw(data: &[u8]) {
    let limits = Limits { lookahead_bytes: 8 << 10, ..Limits::default() };
    let whole = Reader::with_limits(data, &limits).ok().map(show);
    assert_eq!(whole, Reader::with_limits(Single(data), &limits).ok().map(show));
    let forced = Reader::forced(data, &limits).ok().map(show);
    assert_eq!(forced, Reader::forced(Single(data), &limits).ok().map(show));
}

/// Gives a byte a read.
struct Single<'a>(&'a [u8]);

impl std::io::Read for Single<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min(1);
        self.0.read(&mut out[..n])
    }
}

/// Decodes to lines, which it gives, and rows.
fn show(mut reader: Reader<impl std::io::Read>) -> Vec<u8> {
    let limits = Limits::default();
    let mut captures = Captures::new(Choice::default(), &limits);
    let mut inspector = Inspector::new(Options::default(), limits.clone());
    let mut show = Show::new(&limits);
    let mut out =
        |traffic: Traffic<'_>| inspector.feed(&traffic, &mut |record| show.record(record));
    while let Some(item) = reader.next().expect("memory can be read") {
        captures.item(&item, None, &mut out);
    }
    captures.finish(&mut out);
    show.out
}

/// Records as the command prints them.
struct Show {
    redactor: Redactor,
    json: json::Writer,
    #[cfg(feature = "cli")]
    table: rtmpctl::output::table::Writer,
    out: Vec<u8>,
}

impl Show {
    fn new(limits: &Limits) -> Self {
        Self {
            redactor: Redactor::default(),
            json: json::Writer::new(Shown::default(), Vec::new(), limits.clone()),
            #[cfg(feature = "cli")]
            table: rtmpctl::output::table::Writer::new(
                rtmpctl::output::table::Style::default(),
                Shown::default(),
                true,
                Vec::new(),
            ),
            out: Vec::new(),
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        let Self { redactor, json, out, .. } = self;
        #[cfg(feature = "cli")]
        let table = &mut self.table;
        redactor.pass(record, &mut |record| {
            let from = out.len();
            json.record(out, record);
            check_line(&out[from..]);
            #[cfg(feature = "cli")]
            {
                let mut rows = Vec::new();
                table.record(&mut rows, record);
                let rows = String::from_utf8(rows).expect("rows are UTF-8");
                assert!(!rows.chars().any(|c| c.is_control() && c != '\n'), "{rows:?}");
            }
        });
    }
}

/// A line that ends, holds no other control character and is UTF-8 with balanced brackets outside its strings.
fn check_line(line: &[u8]) {
    let text = core::str::from_utf8(line).expect("lines are UTF-8");
    let text = text.strip_suffix('\n').unwrap_or(text);
    assert!(!text.chars().any(char::is_control), "{text:?}");
    let (mut depth, mut inside, mut escaped) = (0i64, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b'{' | b'[' if !inside => depth += 1,
            b'}' | b']' if !inside => depth -= 1,
            _ => {}
        }
        assert!(depth >= 0, "{text}");
    }
    assert!(depth == 0 && !inside, "{text}");
}
