//! What decoding costs: `cargo bench`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rtmpctl::Limits;
use rtmpctl::capture::{Captures, Choice, file};
use rtmpctl::inspect::{Inspector, Options};
use rtmpctl::output::json;
use rtmpctl::output::payload::Shown;
use rtmpctl::proto::amf::{Budget, amf0};
use rtmpctl::proto::chunk::{Item, Keep, Outgoing, Reader, Writer};
use rtmpctl::proto::cursor::Cursor;
use rtmpctl::proto::message;

fn main() {
    divan::main();
}

/// Fifty seconds of 6 Mb/s video at 30 frames with AAC.
fn stream(chunk_size: u32) -> (Vec<u8>, usize) {
    let mut writer = Writer::new();
    let mut out = Vec::new();
    let size = chunk_size.to_be_bytes();
    let first = Outgoing {
        chunk_stream_id: 2,
        message_stream_id: 0,
        type_id: 1,
        timestamp: 0,
        payload: &size,
    };
    writer.write(&first, &mut out);
    let mut messages = 1;
    let video = vec![0x27; 25_000];
    let audio = [0xaf; 180];
    for frame in 0..1500 {
        for (chunk_stream_id, type_id, payload) in
            [(6, 9, &video[..]), (4, 8, &audio[..]), (4, 8, &audio[..])]
        {
            let timestamp = frame * 33;
            writer.write(
                &Outgoing { chunk_stream_id, message_stream_id: 1, type_id, timestamp, payload },
                &mut out,
            );
            messages += 1;
        }
    }
    (out, messages)
}

/// The chunk reader on segments of 1448 bytes, media counted and not copied.
#[divan::bench(args = [128, 4096, 65_536])]
fn chunk_reader(bencher: Bencher<'_, '_>, chunk_size: u32) {
    let (bytes, messages) = stream(chunk_size);
    let keep = Keep { head: 64, whole: message::needs_whole };
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let mut reader = Reader::new(0, keep, &Limits::default());
        let mut seen = 0;
        for segment in bytes.chunks(1448) {
            let mut input = segment;
            while let Some(item) = reader.next(&mut input).unwrap() {
                seen += usize::from(matches!(item, Item::Message(_)));
            }
        }
        assert_eq!(seen, messages);
    });
}

/// `connect` as an encoder sends it.
#[divan::bench]
fn amf0_connect(bencher: Bencher<'_, '_>) {
    let mut bytes = b"\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x03".to_vec();
    for (key, value) in [
        ("app", "live"),
        ("type", "nonprivate"),
        ("flashVer", "FMLE/3.0 (compatible; Lavf59.27.100)"),
        ("tcUrl", "rtmp://127.0.0.1:1935/live"),
    ] {
        for (marker, text) in [(None, key), (Some(2), value)] {
            bytes.extend(marker);
            bytes.extend((text.len() as u16).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    bytes.extend([0, 0, 9]);
    let limits = Limits::default();
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let (mut cursor, mut budget) = (Cursor::new(&bytes), Budget::new(&limits));
        while cursor.remaining() > 0 {
            assert!(divan::black_box(amf0::decode(&mut cursor, &mut budget)).fault.is_none());
        }
    });
}

/// A capture of OBS Studio from its packets to lines of JSON.
#[divan::bench]
fn capture_to_json(bencher: Bencher<'_, '_>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/obs-nginx.pcap");
    let bytes = std::fs::read(path).unwrap();
    let limits = Limits::default();
    let mut out = Vec::with_capacity(1 << 20);
    let mut run = || {
        out.clear();
        let mut writer = json::Writer::new(Shown::default(), Vec::new(), limits.clone());
        let mut inspector = Inspector::new(Options::default(), limits.clone());
        let mut captures = Captures::new(Choice::default(), &limits);
        let mut reader = file::Reader::new(&bytes[..]).unwrap();
        let mut feed = |traffic: rtmpctl::inspect::Traffic<'_>| {
            inspector.feed(&traffic, &mut |record| writer.record(&mut out, record))
        };
        while let Some(item) = reader.next().unwrap() {
            captures.item(&item, None, &mut feed);
        }
        captures.finish(&mut feed);
        out.iter().filter(|&&byte| byte == b'\n').count()
    };
    let lines = run();
    bencher.counter(BytesCount::new(bytes.len())).counter(ItemsCount::new(lines)).bench_local(run);
}
