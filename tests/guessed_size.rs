//! Streams whose chunk size was never announced in what is there: whatever it is, no message is made up.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it cannot go on, and says what it measured"
)]

use std::collections::HashMap;

use rtmpctl::Limits;
use rtmpctl::inspect::{
    CloseKind, ClosedBy, Event, GapCause, Inspector, Opened, Options, Place, Traffic, Transport,
};
use rtmpctl::proto::Direction;
use rtmpctl::proto::chunk::{Outgoing, Writer};

/// Numbers that look like chance and are the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
}

/// Pictures of up to three chunks, most of them a little longer than one, and sound between them.
fn stream(chunk_size: usize) -> Vec<u8> {
    let mut writer = Writer::new();
    let mut out = Vec::new();
    let mut noise = Noise(chunk_size as u64);
    let announcement = (chunk_size as u32).to_be_bytes();
    let mut write = |chunk_stream_id, type_id, timestamp, payload: &[u8]| {
        let message_stream_id = u32::from(type_id != 1);
        let message = Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
        writer.write(&message, &mut out);
    };
    write(2, 1, 0, &announcement);
    for n in 0..150 {
        let length = match n % 10 {
            0 => 2 * chunk_size + noise.below(chunk_size),
            1..=6 => chunk_size + 1 + noise.below(chunk_size / 5),
            _ => 1 + chunk_size / 2 + noise.below(chunk_size / 2),
        };
        for (chunk_stream_id, type_id, head, length) in
            [(6, 9, [0x27, 1, 0, 0, 0], length), (4, 8, [0xaf, 1, 0x21, 0x10, 4], 90 + n % 40)]
        {
            let mut payload: Vec<u8> = (0..length).map(|_| noise.next() as u8).collect();
            let most = head.len().min(length);
            payload[..most].copy_from_slice(&head[..most]);
            write(chunk_stream_id, type_id, n as u32 * 40 + u32::from(type_id), &payload);
        }
    }
    out
}

/// The undamaged messages of a client's bytes, by where they begin.
fn messages(bytes: &[u8], from_start: bool) -> HashMap<u64, (u8, Vec<u8>)> {
    let segments: Vec<&[u8]> = bytes.chunks(1448).collect();
    messages_left(&segments, from_start, |_| true)
}

/// The same, where only some of its segments were captured.
fn messages_left(
    segments: &[&[u8]],
    from_start: bool,
    captured: impl Fn(usize) -> bool,
) -> HashMap<u64, (u8, Vec<u8>)> {
    let options = Options { whole_media: true, ..Options::default() };
    let mut inspector = Inspector::new(options, Limits::default());
    let mut seen = HashMap::new();
    let (place, direction) = (Place::default(), Direction::ClientToServer);
    let opened = Opened { client: None, server: None, from_start, transport: Transport::Rtmp };
    let mut handshake = vec![0; 3073];
    handshake[0] = 3;
    let handshake = if from_start { handshake } else { Vec::new() };
    let mut feed = |traffic: Traffic<'_>| {
        inspector.feed(&traffic, &mut |record| {
            if let (Event::Message(message), Some(span)) = (&record.event, record.span)
                && message.raw.damaged.is_empty()
            {
                let start = span.start - handshake.len() as u64;
                seen.insert(start, (message.raw.type_id, message.raw.payload.to_vec()));
            }
        });
    };
    feed(Traffic::Opened { flow: 1, place, opened });
    feed(Traffic::Bytes { flow: 1, place, direction, data: &handshake });
    for (index, &data) in segments.iter().enumerate() {
        if captured(index) {
            feed(Traffic::Bytes { flow: 1, place, direction, data });
        } else {
            let (length, cause) = (Some(data.len() as u64), GapCause::Lost);
            feed(Traffic::Gap { flow: 1, place, direction, length, cause });
        }
    }
    feed(Traffic::Closed { flow: 1, place, by: ClosedBy::Client, how: CloseKind::Fin });
    seen
}

#[test]
fn from_the_middle_of_a_stream_of_any_chunk_size_every_message_is_true() {
    for chunk_size in [128, 500, 1000, 1400, 2000, 3000, 4000, 4096, 5000] {
        let bytes = stream(chunk_size);
        let truth = messages(&bytes, true);
        assert_eq!(truth.len(), 301, "{chunk_size}");
        let (mut there, mut told) = (0, 0);
        let mut noise = Noise(7);
        for _ in 0..12 {
            let cut = 100 + noise.below(bytes.len() / 2);
            let seen = messages(&bytes[cut..], false);
            for (start, message) in &seen {
                let real = truth.get(&(start + cut as u64));
                assert!(real == Some(message), "{chunk_size}, from {cut}: invented at {start}");
            }
            there += truth.keys().filter(|start| **start >= cut as u64).count();
            told += seen.len();
        }
        println!("{chunk_size}: {told} of {there}");
        assert!(told * 100 >= there * 95, "{chunk_size}: {told} of {there}");
    }
}

/// The bytes in segments that end where messages do, as those of senders do that write message by message.
fn by_message<'b>(bytes: &'b [u8], begins: &[u64]) -> Vec<&'b [u8]> {
    let ends = begins[1..].iter().map(|end| *end as usize).chain([bytes.len()]);
    let mut segments = Vec::new();
    for (begin, end) in begins.iter().map(|begin| *begin as usize).zip(ends) {
        segments.extend(bytes[begin..end].chunks(1448));
    }
    segments
}

#[test]
fn of_a_stream_whose_chunk_size_was_lost_every_message_between_holes_is_true() {
    for chunk_size in [128, 500, 1000, 1400, 2000, 4000, 4096, 5000] {
        let bytes = stream(chunk_size);
        let truth = messages(&bytes, true);
        let mut begins: Vec<u64> = truth.keys().copied().collect();
        begins.sort_unstable();
        let segments: [Vec<&[u8]>; 2] = [bytes.chunks(1448).collect(), by_message(&bytes, &begins)];
        let (mut there, mut told) = (0, 0);
        for segments in &segments {
            for (n, first) in [(2, 0), (3, 0), (4, 0), (7, 0), (7, 3), (20, 0), (20, 7)] {
                // The first segment has the announcement.
                let captured = |index: usize| index > 0 && index % n != first;
                let seen = messages_left(segments, true, captured);
                for (start, message) in &seen {
                    let what = || format!("{chunk_size}, {first} of each {n}: at {start}");
                    assert!(truth.get(start) == Some(message), "{}", what());
                }
                told += seen.len();
                let mut at = 0;
                let mut whole = vec![];
                for (index, segment) in segments.iter().enumerate() {
                    whole.extend(std::iter::repeat_n(captured(index), segment.len()));
                    at += segment.len();
                }
                assert_eq!(at, bytes.len());
                let ends = begins[1..].iter().copied().chain([at as u64]);
                there += begins
                    .iter()
                    .zip(ends)
                    .filter(|(begin, end)| {
                        whole[**begin as usize..*end as usize].iter().all(|&w| w)
                    })
                    .count();
            }
        }
        println!("{chunk_size}: {told} of {there}");
        assert!(told * 100 >= there * 90, "{chunk_size}: {told} of {there}");
    }
}
