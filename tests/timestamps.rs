//! Timestamps beyond 24 bits and across 32, in both dialects of the extended timestamp, from packets to lines.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up has to fail, also in its helpers"
)]

mod common;
mod rig;

use common::{Options, Scratch};
use rig::Conversation;
use rtmpctl::proto::Direction::ClientToServer;
use rtmpctl::proto::chunk::{Outgoing, Writer};
use serde_json::Value;

/// A message: chunk stream, type, timestamp, length.
type Sent = (u32, u8, u32, usize);

/// Pictures and sound that take turns, `step` ms apart, from `first` on. Some pictures need many chunks, many messages are
/// as long as the one before, so that every format occurs.
fn stream(first: u32, step: u32) -> Vec<Sent> {
    let mut sent = Vec::new();
    for n in 0..24u32 {
        let at = first.wrapping_add(n * step);
        sent.push((6, 9, at, if n % 8 == 0 { 3000 } else { 300 }));
        sent.push((4, 8, at.wrapping_add(1), 200));
        // A chunk stream with an id of three bytes.
        sent.push((400, 8, at, if n % 2 == 0 { 150 } else { 151 }));
    }
    sent
}

/// How a stream is sent.
#[derive(Debug, Clone, Copy)]
struct How {
    /// Whether chunks of format 3 repeat the extended timestamp.
    repeat: bool,
    /// Whether each message begins with a header of format 0.
    absolute: bool,
    chunk_size: u32,
    segment: usize,
}

/// The stream as a capture, and its lines.
fn decode(scratch: &Scratch, sent: &[Sent], how: How) -> Vec<Value> {
    let How { repeat, absolute, chunk_size, segment } = how;
    let mut writer = if repeat { Writer::new() } else { Writer::new().without_repeated_extended() };
    let mut turn = 0;
    let mut bytes = Vec::new();
    let mut write = |(chunk_stream_id, type_id, timestamp, length): Sent, head: &[u8]| {
        let mut payload: Vec<u8> = (0..length).map(|i| (i * 7 + 3) as u8 | 1).collect();
        payload[..head.len()].copy_from_slice(head);
        // Another message stream takes a whole header.
        turn += u32::from(absolute && type_id == 9);
        let message_stream_id = if type_id == 1 { 0 } else { 1 + turn % 2 };
        let payload = &payload;
        let message = Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
        writer.write(&message, &mut bytes);
    };
    write((2, 1, 0, 4), &chunk_size.to_be_bytes());
    for message in sent {
        let head: &[u8] = match message.1 {
            9 if message.3 == 3000 => b"\x17\x01\0\0\0",
            9 => b"\x27\x01\0\0\0",
            _ => b"\xaf\x01",
        };
        write(*message, head);
    }
    let mut conversation = Conversation::shaken(1);
    conversation.send_by(ClientToServer, &bytes, segment);
    let path = scratch.path().join("timestamps.pcap");
    std::fs::write(&path, rig::file(&conversation.packets)).unwrap();
    common::decode_file(&path, &Options { chunks: true, ..Options::default() })
}

#[test]
fn timestamps_pass_24_bits_and_wrap_at_32_in_both_dialects() {
    let scratch = Scratch::new("timestamps");
    let mut formats = [0; 4];
    for (first, step) in [
        (0x00ff_ff00, 40), // 24 bits are no longer enough
        (0x0123_4567, 40),
        (0xffff_ff00, 40), // the 32 bits wrap
        (0xfff0_0000, 0x0001_0001),
        (0, 0x0100_0000), // deltas of more than 24 bits
        (7, 0x00ff_ffff), // and the first that are
    ] {
        let sent = stream(first, step);
        for (repeat, absolute, chunk_size, segment) in [
            (true, false, 128, 1400),
            (true, true, 4096, 7),
            (false, false, 100, 13),
            (false, true, 128, 1400),
        ] {
            let how = How { repeat, absolute, chunk_size, segment };
            let lines = decode(&scratch, &sent, how);
            let what = format!("{first:#x} by {step:#x}, {how:?}");
            let media = lines
                .iter()
                .filter(|line| line["event"] == "message" && line["kind"] != "set_chunk_size");
            let seen: Vec<Sent> = media
                .map(|line| {
                    assert_eq!(line.get("timestamp_uncertain"), None, "{what}");
                    assert_eq!(line.get("damaged"), None, "{what}");
                    let number = |key: &str| line[key].as_u64().unwrap();
                    let [id, kind, at] =
                        ["chunk_stream_id", "type_id", "timestamp"].map(|key| number(key) as u32);
                    (id, kind as u8, at, number("length") as usize)
                })
                .collect();
            assert_eq!(seen, sent, "{what}");
            let extended =
                |line: &&Value| line["event"] == "chunk" && line["extended_timestamp"].is_u64();
            let crosses = first == 0x00ff_ff00 && !absolute;
            assert_eq!(lines.iter().any(|line| extended(&line)), !crosses, "{what}");
            for line in lines.iter().filter(extended) {
                formats[line["format"].as_u64().unwrap() as usize] += 1;
                assert!(repeat || line["format"] != 3, "{what}");
            }
            let codes: Vec<_> = lines.iter().filter_map(|line| line["code"].as_str()).collect();
            let omitted = codes.contains(&"chunk.ext-ts-missing-t3");
            assert_eq!(omitted, !repeat && !crosses, "{what}: {codes:?}");
            assert!(!codes.iter().any(|code| code.starts_with("message.")), "{what}: {codes:?}");
            if absolute {
                continue;
            }
            // Time goes on across the wrap.
            let summary = lines.last().unwrap();
            let track = summary["tracks"].as_array().unwrap().iter().find(|t| t["type"] == "video");
            let track = track.unwrap();
            assert_eq!(track["first_timestamp"], first, "{what}");
            assert_eq!(track["last_timestamp"], first.wrapping_add(23 * step), "{what}");
            let mean = track["keyframe_interval"]["mean"].as_f64().unwrap();
            assert_eq!(mean, f64::from(step) * 8.0 / 1000.0, "{what}");
        }
    }
    assert!(formats.iter().all(|count| *count > 0), "{formats:?}");
}
