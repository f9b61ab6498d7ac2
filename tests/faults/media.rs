//! Faults of media: timestamps, key frames, codecs.

use std::path::Path;

use super::script::{AVCC, C2S, Frame, Script};
use super::{Fault, fault};

/// 1280 by 720, Baseline.
const LARGER: &[u8] =
    b"\x01\x42\xc0\x1f\xff\xe1\0\x09\x67\x42\xc0\x1f\xda\x01\x40\x16\xe4\x01\0\x04\x68\xce\x38\x80";

/// A sequence header of H.264.
fn header(t: &mut Script, record: &[u8]) {
    t.message(C2S, 6, 1, 9, 0, &[b"\x17\0\0\0\0", record].concat());
}

/// A key frame with these bytes behind its tag header.
fn key(t: &mut Script, timestamp: u32, data: &[u8]) {
    t.message(C2S, 6, 1, 9, timestamp, &[b"\x17\x01\0\0\0", data].concat());
}

fn sound(t: &mut Script, timestamp: u32, payload: &[u8]) {
    t.message(C2S, 4, 1, 8, timestamp, payload);
}

/// Key frames at these times, when they are due, with others between.
fn keys(t: &mut Script, times: &[u32]) {
    t.publishing();
    for pair in times.windows(2) {
        t.video(pair[0], Frame::Key);
        for time in (pair[0] + 40..pair[1]).step_by(40) {
            t.wait(0.04).video(time, Frame::Inter);
        }
        t.wait(0.04);
    }
    t.video(times[times.len() - 1], Frame::Key).done();
}

/// Frames of pictures at these times, 40 ms apart.
fn at(t: &mut Script, times: &[u32]) {
    t.publishing();
    for (index, time) in times.iter().enumerate() {
        t.video(*time, if index == 0 { Frame::Key } else { Frame::Inter }).wait(0.04);
    }
    t.done();
}

/// The configuration record of HEVC in a capture of the repository.
fn hevc_record() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hevc-opus.flv");
    let file = std::fs::read(path).unwrap();
    let mut at = 13;
    loop {
        let length = u32::from_be_bytes([0, file[at + 1], file[at + 2], file[at + 3]]) as usize;
        let tag = &file[at + 11..at + 11 + length];
        // A sequence start of Enhanced RTMP.
        if file[at] == 9 && tag[0] == 0x90 && tag[1..5] == *b"hvc1" {
            return tag[5..].to_vec();
        }
        at += 11 + length + 4;
    }
}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        // Timestamps.
        fault("ts.backward", |t| at(t, &[0, 40, 80, 70, 110])),
        fault("ts.duplicate", |t| at(t, &[0, 40, 80, 80, 120])),
        fault("ts.jump", |t| at(t, &[0, 40, 80, 1_000, 1_040])),
        fault("ts.all-zero", |t| at(t, &[0; 8])),
        fault("ts.start-offset", |t| at(t, &[20_000, 20_040])),
        fault("ts.wrap-24bit", |t| at(t, &[16_777_170, 16_777_210, 16_777_250]))
            .also(&["ts.start-offset"]),
        fault("ts.wrap", |t| at(t, &[(1 << 31) - 20, (1 << 31) + 20])).also(&["ts.start-offset"]),
        fault("ts.av-not-interleaved", |t| {
            t.publishing().video(0, Frame::Key).audio(0);
            for n in 1..30 {
                t.video(n * 40, Frame::Inter).wait(0.04);
            }
            t.audio(23).done();
        }),
        fault("ts.av-start-skew", |t| {
            t.publishing().video(0, Frame::Key);
            for n in 1..18 {
                t.wait(0.04).video(n * 40, Frame::Inter);
            }
            t.audio(1_400).done();
        }),
        fault("ts.av-drift", |t| {
            t.publishing();
            for tick in 0..600 {
                let now = tick * 100;
                t.video(now, if tick % 20 == 0 { Frame::Key } else { Frame::Inter });
                t.audio(now + now / 1000 * 12).wait(0.1);
            }
            t.done();
        })
        .also(&["ts.av-not-interleaved"]),
        fault("ts.wallclock-drift", |t| {
            t.publishing();
            for tick in 0..200 {
                t.audio(tick * 100).wait(0.125);
            }
            t.done();
        }),
        fault("ts.ms-rounding", |t| {
            t.publishing().media(0, 4.0).done();
        }),
        fault("cts.negative", |t| {
            t.publishing().video(0, Frame::Key).video_at(40, Frame::Inter, -67).done();
        }),
        fault("cts.missing", |t| {
            // Main profile, one macroblock, with picture order counts of four bits.
            let record =
                b"\x01\x4d\x00\x1e\xff\xe1\0\x06\x67\x4d\0\x1e\xf4\xe2\x01\0\x04\x68\xce\x38\x80";
            // first_mb ue(0), kind, pps ue(0), four bits of frame number, four of order.
            let slice = |b: bool, order: u8| {
                let bits: u32 = if b {
                    0b1010_1000_0000_0000 | u32::from(order) << 3
                } else {
                    0b1110_0000_0000_0000 | u32::from(order) << 5
                };
                let [_, _, high, low] = bits.to_be_bytes();
                vec![if b { 0x01 } else { 0x41 }, high, low, 0x80]
            };
            t.started();
            header(t, record);
            let idr = vec![0x65, 0x88, 0x84, 0x00, 0x80];
            let units = [idr, slice(false, 4), slice(true, 2), slice(false, 8), slice(true, 6)];
            for (index, unit) in units.iter().enumerate() {
                let first = if index == 0 { 0x17 } else { 0x27 };
                let head = [first, 1, 0, 0, 0, 0, 0, 0, unit.len() as u8];
                t.message(C2S, 6, 1, 9, index as u32 * 40, &[&head[..], unit].concat());
            }
            t.done();
        }),
        fault("cts.rounding", |t| {
            t.started();
            // Track 0, then track 1 as one track of a multitrack message.
            t.message(C2S, 6, 1, 9, 0, &[b"\x90avc1", AVCC].concat());
            t.message(C2S, 6, 1, 9, 0, &[b"\x96\x00avc1\x01", AVCC].concat());
            let unit = b"\0\0\0\0\0\0\x02\x65\x88";
            t.message(C2S, 6, 1, 9, 1000, &[b"\x91avc1", &unit[..]].concat());
            t.message(C2S, 6, 1, 9, 1003, &[b"\x96\x01avc1\x01", &unit[..]].concat()).done();
        }),
        fault("video.bframes", |t| {
            t.publishing().video_at(0, Frame::Key, 80).video_at(40, Frame::Inter, 160);
            t.video_at(80, Frame::Inter, 0).done();
        }),
        // Key frames.
        fault("gop.long", |t| keys(t, &[0, 8_320, 16_640])),
        fault("gop.irregular", |t| keys(t, &[0, 2_000, 4_000, 6_000, 7_000])),
        fault("gop.open", |t| {
            t.publishing();
            key(t, 0, b"\0\0\0\x02\x09\xf0\0\0\0\x03\x41\x9a\x01");
            t.done();
        }),
        // H.264 and HEVC.
        fault("avc.no-config", |t| {
            t.started().video(0, Frame::Key).done();
        }),
        fault("avc.config-short", |t| {
            t.started();
            header(t, b"\x01\x42\xc0\x1e\xff\xe0\0");
            t.done();
        }),
        fault("avc.config-repeat", |t| {
            t.publishing();
            header(t, AVCC);
            header(t, AVCC);
            t.done();
        }),
        fault("avc.config-change", |t| {
            t.publishing();
            header(t, LARGER);
            t.done();
        }),
        fault("avc.annexb", |t| {
            t.publishing();
            key(t, 0, b"\0\0\0\x01\x65\x88\x84\x33\x21\0\0\0\x01\x65\x88");
            t.done();
        }),
        fault("avc.nal-len", |t| {
            t.publishing();
            key(t, 0, b"\0\0\0\x03\x65\x88");
            t.done();
        }),
        fault("avc.eos-tiny", |t| {
            t.publishing().video(0, Frame::Key).message(C2S, 6, 1, 9, 40, b"\x17\x02\0\0\0").done();
        }),
        fault("hevc.as-avc7", |t| {
            t.started();
            header(t, &hevc_record());
            t.done();
        }),
        fault("tag.empty", |t| {
            t.publishing().message(C2S, 6, 1, 9, 40, b"").done();
        }),
        fault("video.info-frame", |t| {
            t.publishing().video(0, Frame::Key).message(C2S, 6, 1, 9, 40, b"\x57\0").done();
        }),
        // Sound.
        fault("aac.no-config", |t| {
            t.started().audio(0).done();
        }),
        fault("aac.config-mismatch", |t| {
            t.started();
            sound(t, 0, b"\xa2\0\x12\x10");
            t.done();
        }),
        fault("aac.adts-in-tag", |t| {
            t.publishing();
            sound(t, 0, b"\xaf\x01\xff\xf1\x50\x80\x02");
            t.done();
        }),
        fault("aac.bad-frames", |t| {
            t.publishing();
            sound(t, 0, b"\xaf\x01\xff\x01\x50\x80\x02");
            t.done();
        }),
        fault("opus.codec13", |t| {
            t.started();
            sound(t, 0, b"\xdf\xfc\x01\x02");
            t.done();
        }),
    ]
}
