//! Faults of media: timestamps, key frames, codecs.

use std::path::Path;

use rtmpctl::inspect::{CloseKind, ClosedBy};
use rtmpctl::proto::amf::Value;

use super::script::{ASC, AVCC, C2S, Frame, Script, object_of};
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

/// Metadata with these properties, and the configuration of both tracks.
fn declared(t: &mut Script, properties: &[(&str, Value)]) {
    t.started().metadata(properties);
    header(t, AVCC);
    sound(t, 0, &[b"\xaf\0", ASC].concat());
}

/// The codecs of tracks as metadata names them.
fn ids() -> [(&'static str, Value); 2] {
    [("videocodecid", 7.0.into()), ("audiocodecid", 10.0.into())]
}

/// A client that names this codec.
fn offering<'t>(t: &'t mut Script, four_cc: &str) -> &'t mut Script {
    t.offering(&[("fourCcList", Value::StrictArray(vec![four_cc.into()]))])
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
            declared(t, &ids());
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
            t.described();
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
            t.described();
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
            t.described().video(0, Frame::Key).done();
        }),
        fault("avc.config-short", |t| {
            t.described();
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
            t.described();
            header(t, &hevc_record());
            t.done();
        }),
        fault("hevc.codec12", |t| {
            t.described();
            t.message(C2S, 6, 1, 9, 0, &[&b"\x1c\0\0\0\0"[..], &hevc_record()].concat()).done();
        }),
        fault("tag.empty", |t| {
            t.publishing().message(C2S, 6, 1, 9, 40, b"").done();
        }),
        fault("video.info-frame", |t| {
            t.publishing().video(0, Frame::Key).message(C2S, 6, 1, 9, 40, b"\x57\0").done();
        }),
        // Sound.
        fault("aac.no-config", |t| {
            t.described().audio(0).done();
        }),
        fault("aac.config-mismatch", |t| {
            t.described();
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
            t.described();
            sound(t, 0, b"\xdf\xfc\x01\x02");
            t.done();
        }),
        // Enhanced RTMP.
        fault("ertmp.not-negotiated", |t| {
            t.described();
            t.message(C2S, 6, 1, 9, 0, &[&b"\x90hvc1"[..], &hevc_record()].concat()).done();
        }),
        fault("ertmp.frame-type0", |t| {
            offering(t, "hvc1");
            t.message(C2S, 6, 1, 9, 0, &[&b"\x90hvc1"[..], &hevc_record()].concat());
            t.message(C2S, 6, 1, 9, 0, b"\x83hvc1\0\0\0\x03\x26\x01\xaf").done();
        }),
        fault("ertmp.fourcc-bad", |t| {
            t.described().message(C2S, 6, 1, 9, 0, b"\x91\x00\x01ab\0\0\0").done();
        }),
        fault("ertmp.av1-empty-config", |t| {
            offering(t, "av01").message(C2S, 6, 1, 9, 0, b"\x90av01").done();
        }),
        fault("ertmp.opus-header", |t| {
            offering(t, "Opus").message(C2S, 4, 1, 8, 0, b"\x90OpusOpusTags\0\0\0\0").done();
        }),
        fault("ertmp.modex", |t| {
            offering(t, "Opus");
            sound(t, 0, b"\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0");
            // A million nanoseconds, then a frame.
            sound(t, 0, b"\x97\x02\x0f\x42\x40\x01Opus\xfc\xff\xfe");
            t.done();
        }),
        fault("ertmp.multitrack-meta", |t| {
            t.publishing().message(C2S, 6, 1, 9, 0, &[b"\x96\x00avc1\x01", AVCC].concat()).done();
        }),
        fault("ertmp.multitrack-unsupported", |t| {
            let map = object_of(&[("1", object_of(&[("width", 640.0.into())]))]);
            t.started().metadata(&[
                ids()[0].clone(),
                ids()[1].clone(),
                ("videoTrackIdInfoMap", map),
            ]);
            header(t, AVCC);
            sound(t, 0, &[b"\xaf\0", ASC].concat());
            t.media(0, 4.0);
            t.message(C2S, 6, 1, 9, 4_000, &[b"\x96\x00avc1\x01", AVCC].concat());
            t.wait(0.5).close(ClosedBy::Server, CloseKind::Fin);
        }),
        // Metadata.
        fault("meta.missing", |t| {
            t.started();
            header(t, AVCC);
            t.video(0, Frame::Key).done();
        }),
        fault("meta.codecid", |t| {
            t.started().metadata(&[("videocodecid", "avc1".into())]);
            header(t, AVCC);
            t.video(0, Frame::Key).done();
        }),
        fault("meta.ghost-track", |t| {
            t.started().metadata(&ids());
            sound(t, 0, &[b"\xaf\0", ASC].concat());
            for n in 0..270 {
                t.audio(n * 2322 / 100).wait(0.02322);
            }
            t.done();
        }),
        fault("meta.undeclared-track", |t| {
            declared(t, &ids()[..1]);
            t.video(0, Frame::Key).audio(0).done();
        }),
        fault("meta.vs-bitstream", |t| {
            let [video, audio] = ids();
            declared(t, &[video, audio, ("width", 1280.0.into()), ("height", 720.0.into())]);
            t.video(0, Frame::Key).audio(0).done();
        }),
        fault("meta.update", |t| {
            t.publishing().video(0, Frame::Key).metadata(&ids()).done();
        }),
        fault("cue.scte35-dialect", |t| {
            let cue = "/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==";
            t.publishing().video(0, Frame::Key);
            t.data("onAdCue", vec![object_of(&[("cue", cue.into())])]).done();
        }),
    ]
}
