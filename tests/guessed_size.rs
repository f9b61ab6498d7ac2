//! Streams whose chunk size was never announced in what is there: whatever it is, no message is made up.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it cannot go on, and says what it measured"
)]

use std::collections::HashMap;

use rtmpctl::Limits;
use rtmpctl::inspect::{
    CloseKind, ClosedBy, Event, Inspector, Opened, Options, Place, Traffic, Transport,
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
    for data in bytes.chunks(1448) {
        feed(Traffic::Bytes { flow: 1, place, direction, data });
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
