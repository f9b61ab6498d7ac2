//! Faults of captures, handshakes and chunks.

use std::path::Path;

use rtmpctl::inspect::{CloseKind, ClosedBy, Severity};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::handshake::digest::{self, Scheme};
use rtmpctl::proto::handshake::{Packet1, Packet2, RANDOM_LEN, Raw, Side};
use rtmpctl::proto::message::Control;

use super::script::{C2S, Frame, S2C, Script, Step};
use super::{Fault, fault, file};

fn one(zero: u32, fill: u8) -> Raw {
    Packet1::encode(7, zero, &[fill; RANDOM_LEN])
}

fn size(size: u32) -> Control {
    Control::SetChunkSize { size: Some(size) }
}

/// A handshake of these packets.
fn shake(t: &mut Script, [c1, s1, s2, c2]: [&Raw; 4]) {
    t.raw(C2S, &[3]).raw(C2S, c1).raw(S2C, &[3]).raw(S2C, s1).raw(S2C, s2).raw(C2S, c2);
}

fn testdata(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)).unwrap()
}

/// Where the tag with this number begins in an FLV file.
fn tag(bytes: &[u8], number: usize) -> usize {
    (0..number).fold(13, |at, _| {
        let length = u32::from_be_bytes([0, bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        at + 11 + length as usize + 4
    })
}

/// A usual capture.
fn usual() -> Vec<u8> {
    let mut script = Script::new();
    script.publishing().media(0, 2.0).done();
    script.pcap()
}

/// A message of 1000 bytes in chunks of this size, then usual ones.
fn unsplit(t: &mut Script, chunk: usize) {
    let mut bytes = b"\x08\0\0\0\0\x03\xe8\x12\x01\0\0\0".to_vec();
    let payload: Vec<u8> = (0..1000).map(|n| (n * 7 % 251) as u8).collect();
    for (n, part) in payload.chunks(chunk).enumerate() {
        bytes.extend([0xc8].iter().take(n.min(1)));
        bytes.extend(part);
    }
    t.raw(C2S, &bytes);
    for n in 0..100 {
        // Lengths that differ, so that headers say something.
        let frame = &b"\xaf\x01\x21\x10\x04\x60\x8c\x1c\x55\xaa"[..8 + n % 3];
        t.message(C2S, 4, 1, 8, n as u32 * 23, frame);
    }
}

/// Two messages on chunk stream 4, each in two chunks, both with an extended timestamp: behind the second header stands
/// `there`.
fn split(t: &mut Script, there: &[u8]) {
    t.shake();
    for _ in 0..2 {
        let head = b"\x04\xff\xff\xff\0\0\xc8\x12\x01\0\0\0\x01\0\0\0\x02\0\x01a";
        t.raw(C2S, &[&head[..], &[5; 124]].concat());
        t.raw(C2S, &[&[0xc4][..], there, &[5; 72]].concat());
    }
}

/// The capture begins half a second behind the opening.
fn inside(t: &mut Script) {
    t.steps.retain(|(at, _, step)| *at > 500_000_000 || matches!(step, Step::Close(..)));
    t.steps.insert(0, (500_000_000, 0, Step::Inside));
}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        // Captures and files.
        fault("capture.begins-inside", |t| {
            t.publishing().media(0, 20.0).done();
            inside(t);
        }),
        fault("chunk.unreadable", |t| {
            t.publishing();
            inside(t);
            t.wait(1.0).raw(C2S, &[0x0b; 3000]);
        })
        .severity(Severity::Warning),
        file("capture.damaged", || {
            let mut bytes = usual();
            let at = 24 + 3 * (16 + 54) + 8;
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            bytes
        }),
        file("capture.unknown-link", || {
            let mut bytes = usual();
            bytes[20..24].copy_from_slice(&147_u32.to_le_bytes());
            bytes
        }),
        file("flv.header", || {
            let mut bytes = testdata("avc-aac.flv");
            bytes[4] |= 0x02;
            bytes
        }),
        file("flv.prev-tag-size", || {
            let mut bytes = testdata("avc-aac.flv");
            let length = u32::from_be_bytes([0, bytes[14], bytes[15], bytes[16]]) as usize;
            bytes[13 + 11 + length + 3] ^= 1;
            bytes
        }),
        file("flv.damaged", || {
            let mut bytes = testdata("avc-aac.flv");
            let at = tag(&bytes, 8);
            bytes[at] = 0x77;
            bytes
        }),
        file("flv.encrypted", || {
            let mut bytes = testdata("avc-aac.flv");
            let at = tag(&bytes, 8);
            bytes[at] |= 0x20;
            bytes
        }),
        // Handshakes.
        fault("hs.http-on-rtmp", |t| {
            t.raw(C2S, b"GET /live/cam1 HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n");
        }),
        fault("hs.http-reply", |t| {
            t.raw(C2S, &[3]).raw(C2S, &one(0, 1)).raw(S2C, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }),
        fault("hs.tls-on-plain", |t| {
            t.raw(C2S, &[3]).raw(C2S, &one(0, 1)).raw(S2C, b"\x15\x03\x01\0\x02\x02\x46");
        }),
        fault("hs.not-rtmp", |t| {
            t.raw(C2S, b"\x7fELF is no handshake");
        }),
        fault("hs.version", |t| {
            t.raw(C2S, &[5]).raw(C2S, &one(0, 1)).raw(S2C, &[3]).raw(S2C, &one(0, 2));
            t.raw(S2C, &Packet2::encode(&one(0, 1), None));
            t.raw(C2S, &Packet2::encode(&one(0, 2), None));
        }),
        fault("hs.rtmpe", |t| {
            t.raw(C2S, &[6]).raw(C2S, &one(0, 1)).raw(S2C, &[6]).raw(S2C, &one(0, 2));
        }),
        fault("hs.incomplete", |t| {
            t.raw(C2S, &[3]).raw(C2S, &one(0, 1)[..700]);
        }),
        fault("hs.proxy-prefix", |t| {
            t.raw(C2S, b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 1935\r\n").publishing().done();
        }),
        fault("hs.proxy-broken", |t| {
            t.raw(C2S, b"PROXY TCP4 192.0.2.1 nobody 5000 1935\r\n").publishing().done();
        }),
        fault("hs.s2-not-c1", |t| {
            let (c1, s1) = (one(0, 1), one(0, 2));
            shake(t, [&c1, &s1, &Packet2::encode(&s1, Some(9)), &Packet2::encode(&s1, Some(9))]);
        }),
        fault("hs.c2-not-s1", |t| {
            let (c1, s1) = (one(0, 1), one(0, 2));
            shake(t, [&c1, &s1, &Packet2::encode(&c1, Some(9)), &one(0, 3)]);
        }),
        fault("hs.digest-required", |t| {
            let fill = [1; RANDOM_LEN];
            let (c1, _) = digest::create(Side::Client, Scheme::Zero, 0, 0x0900_7c02, &fill);
            let s1 = one(0, 2);
            let echo = Packet2::encode(&c1, None);
            shake(t, [&c1, &s1, &echo, &Packet2::encode(&s1, None)]);
        }),
        fault("hs.digest-bad", |t| {
            let (c1, s1) = (one(0x0900_7c02, 1), one(0, 2));
            shake(t, [&c1, &s1, &Packet2::encode(&c1, None), &Packet2::encode(&s1, None)]);
        }),
        fault("hs.zero-nonzero", |t| {
            let (c1, s1) = (one(77, 1), one(0, 2));
            shake(t, [&c1, &s1, &Packet2::encode(&c1, None), &Packet2::encode(&s1, None)]);
        }),
        fault("hs.fragmented", |t| {
            let (c1, s1) = (one(0, 1), one(0, 2));
            t.raw(C2S, &[3]);
            for part in c1.chunks(200) {
                t.raw(C2S, part);
            }
            t.raw(S2C, &[3]).raw(S2C, &s1).raw(S2C, &Packet2::encode(&c1, None));
            t.raw(C2S, &Packet2::encode(&s1, None));
        }),
        fault("hs.stall", |t| {
            t.raw(C2S, &[3]).raw(C2S, &one(0, 1)).wait(8.0);
        }),
        // Chunks.
        fault("chunk.abort", |t| {
            t.publishing()
                .control(C2S, Control::Abort { chunk_stream_id: Some(9) })
                .audio(0)
                .done();
        }),
        fault("chunk.cmd-csid", |t| {
            t.started().message(C2S, 2, 0, 20, 0, b"\x02\0\x05close\0\0\0\0\0\0\0\0\0\x05");
        }),
        fault("chunk.ctrl-csid", |t| {
            t.started().message(C2S, 3, 0, 3, 0, &[0, 0, 0, 7]);
        }),
        fault("chunk.csid-limit", |t| {
            t.publishing().message(C2S, 40, 1, 8, 0, b"\xaf\x01\x21").done();
        }),
        fault("chunk.csid-extended", |t| {
            t.started().message(S2C, 500, 1, 18, 0, b"\x02\0\x01a").done();
        }),
        fault("chunk.csid-long-form", |t| {
            t.publishing().raw(C2S, b"\x01\x0a\0\0\0\0\0\x03\x08\x01\0\0\0\xaf\x01\x21").done();
        }),
        fault("chunk.msid-endian", |t| {
            t.publishing().message(C2S, 4, 0x0100_0000, 18, 0, b"\x02\0\x01a").done();
        }),
        fault("chunk.msg-too-big", |t| {
            let frame = [b"\x27\x01\0\0\0\0\x10\0\0\x41", &vec![0x55; (1 << 20) - 1][..]].concat();
            t.publishing().video(0, Frame::Key).message(C2S, 6, 1, 9, 40, &frame).done();
        }),
        fault("chunk.neg-delta", |t| {
            t.publishing().audio(5000).raw(C2S, b"\x44\xff\xff\xf0\0\0\x02\x08\xaf\x01").done();
        })
        .also(&["ts.jump"]),
        fault("chunk.type-unknown", |t| {
            t.publishing().message(C2S, 7, 1, 21, 0, b"what").done();
        }),
        fault("chunk.interleave", |t| {
            t.publishing();
            // The client's chunks are of 4096 bytes.
            let begun = b"\x0a\0\0\0\0\x13\x88\x12\x01\0\0\0";
            t.raw(C2S, &[&begun[..], &b"\x02\0\x01a"[..], &[5; 4092]].concat());
            t.audio(0).raw(C2S, &[&[0xca][..], &[5; 904]].concat()).done();
        }),
        fault("chunk.unfinished", |t| {
            t.publishing();
            let begun = b"\x0a\0\0\0\0\x13\x88\x12\x01\0\0\0";
            t.raw(C2S, &[&begun[..], &[5; 4096]].concat()).audio(0).done();
        }),
        fault("chunk.fresh-fmt1", |t| {
            t.publishing().raw(C2S, b"\x4a\0\0\0\0\0\x04\x12\x02\0\x01a").done();
        }),
        fault("chunk.fresh-fmt23", |t| {
            t.publishing().raw(C2S, &[0xc9; 200]).media(0, 1.0).done();
        }),
        fault("chunk.sync-lost", |t| {
            t.publishing().raw(C2S, &[0x0b; 200]).media(0, 1.0).done();
        }),
        fault("chunk.t3-new-message", |t| {
            t.publishing().audio(0).raw(C2S, b"\x44\0\0\x17\0\0\x04\x08\xaf\x01\x21\x10");
            t.raw(C2S, b"\xc4\xaf\x01\x21\x10").done();
        }),
        fault("chunk.t3-delta-lost", |t| {
            let frame = b"\xaf\x01\x21\x10\x04\x60\x8c\x1c";
            t.publishing().raw(C2S, &[&[0x44, 0, 0, 0, 0, 0, 8, 8][..], frame].concat());
            for _ in 0..8 {
                t.wait(0.2).raw(C2S, &[&[0xc4][..], frame].concat());
            }
            t.done();
        })
        .also(&["ts.all-zero"]),
        fault("chunk.fmt0-mid-message", |t| {
            t.publishing();
            let begun = b"\x0a\0\0\0\0\x13\x88\x12\x01\0\0\0";
            t.raw(C2S, &[&begun[..], &b"\x02\0\x01a"[..], &[5; 4092]].concat());
            t.raw(C2S, &[&begun[..], &[5; 904]].concat()).media(0, 1.0).done();
        }),
        fault("chunk.size-invalid", |t| {
            t.connected().control(S2C, size(127));
        })
        .severity(Severity::Warning),
        fault("chunk.size-huge", |t| {
            t.connected().control(S2C, size(0x7fff_ffff));
        }),
        fault("chunk.size-late", |t| {
            t.connected().call("createStream", 2.0, &[]);
            t.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()]);
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.status("status", "NetStream.Publish.Start").control(C2S, size(4096)).done();
        }),
        fault("chunk.size-never", |t| {
            t.connected().call("createStream", 2.0, &[]);
            t.command(S2C, 0, "_result", Some(2.0), Value::Null, &[1.0.into()]);
            t.command(C2S, 1, "publish", Some(3.0), Value::Null, &["cam1".into()]);
            t.status("status", "NetStream.Publish.Start");
            t.metadata(&[("encoder", "x".into())]);
            t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", super::script::AVCC].concat());
            let frame = |key| [if key { 0x17 } else { 0x27 }, 1, 0, 0, 0, 0, 0, 0x17, 0x6c];
            for n in 0..100 {
                let mut payload = frame(n % 50 == 0).to_vec();
                payload.push(if n % 50 == 0 { 0x65 } else { 0x41 });
                payload.resize(9 + 5996, 0x55);
                t.wait(0.04).message(C2S, 6, 1, 9, n * 40, &payload);
            }
            t.done();
        }),
        fault("chunk.size-not-announced", |t| {
            t.connected();
            unsplit(t, 4096);
        }),
        fault("chunk.size-stale", |t| {
            t.connected().control(C2S, size(600)).end();
            t.wait(1.0).again().shake();
            unsplit(t, 600);
        })
        .severity(Severity::Error),
        fault("chunk.split-bug", |t| {
            t.publishing();
            let big = [b"\x27\x01\0\0\0", &[0x55; 6000][..]].concat();
            // The second header is left out, and bytes with it.
            t.raw(C2S, b"\x06\0\0\0\0\x17\x75\x09\x01\0\0\0");
            t.raw(C2S, &big[..4096]).raw(C2S, &big[4200..]).media(0, 4.0).done();
        }),
        fault("chunk.ext-ts-missing-t3", |t| split(t, &[])),
        fault("chunk.ext-ts-wrong-value", |t| split(t, &[0; 4])),
        fault("chunk.ext-ts-ignored", |t| {
            t.publishing().video(16_777_000, Frame::Key).video(16_777_240, Frame::Inter);
            t.wait(0.5).close(ClosedBy::Server, CloseKind::Fin);
        })
        .also(&["cmd.start-then-reject", "ts.start-offset"]),
        fault("chunk.ext-ts-delta-or-abs", |t| {
            t.publishing().audio(20_000_000).audio(20_000_023);
            let delta = 20_000_046_u32.to_be_bytes();
            t.raw(C2S, &[b"\x44\xff\xff\xff\0\0\x02\x08", &delta[..], b"\xaf\x01"].concat()).done();
        })
        .also(&["ts.jump", "ts.start-offset"]),
    ]
}
