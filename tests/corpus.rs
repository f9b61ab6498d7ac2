//! The corpora of the fuzz targets, through the same functions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod rig;
#[path = "../fuzz/targets.rs"]
#[allow(unreachable_pub, dead_code, reason = "written for a crate of its own")]
mod targets;

use std::path::{Path, PathBuf};

use rig::Layout;
use rtmpctl::inspect::Options;
use rtmpctl::proto::message::aggregate::Part;
use rtmpctl::proto::{Direction, codec};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
}

#[test]
fn every_seed_keeps_the_promises() {
    for (name, target) in targets::ALL {
        let mut seeds = 0;
        for entry in std::fs::read_dir(directory(name)).unwrap() {
            let path = entry.unwrap().path();
            let seed = std::fs::read(&path).unwrap();
            println!("{}", path.display());
            target(&seed);
            // And damaged in a few places.
            let mut random = rig::Random(seeds + 1);
            for _ in 0..20 {
                let mut damaged = seed.clone();
                for _ in 0..3 {
                    if !damaged.is_empty() {
                        let at = random.below(damaged.len());
                        damaged[at] = random.next() as u8;
                    }
                }
                damaged.truncate(damaged.len() - random.below(damaged.len() / 4 + 1));
                target(&damaged);
            }
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}

/// A session over two connections, in the form of the target `rtmpt`.
const RTMPT: &[u8] = b"APOST /fcs/ident2 HTTP/1.1|Content-Length: 1||x
aHTTP/1.1 404 Not Found|Content-Length: 0||
APOST /open/1 HTTP/1.1|Content-Length: 1||x
aHTTP/1.1 200 OK|Content-Length: 3||s1|
APOST /send/s1/0 HTTP/1.1|Transfer-Encoding: chunked||4|\x03abc|0||
aHTTP/1.1 200 OK|Content-Length: 5||\x01\x03abc
BPOST /idle/s1/2 HTTP/1.0|Content-Length: 1||x
bHTTP/1.0 200 OK||\x01def
APOST /send/s1/1 HTTP/1.1|Expect: 100-continue|Content-Length: 3||ghi
aHTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 1||\x01
!
BPOST /idle/s1/2 HTTP/1.0|Content-Length: 1||x
BPOST /close/s1/3 HTTP/1.1|Content-Length: 1||x
bHTTP/1.1 404 Not Found|Content-Length: 0||
";

/// Of each codec and packet type the first message, its record, and the first frame.
fn media_seeds(write: &dyn Fn(&str, &str, &[u8])) {
    use rtmpctl::inspect::{Event, Inspector};
    use rtmpctl::proto::message::{Body, VideoPacketType as Packet};
    /// What the targets `codec` and `bitstream` know a codec by.
    const VIDEO: [(&str, Option<u8>, u8); 8] = [
        ("avc", Some(2), 0),
        ("hevc", Some(4), 1),
        ("vvc1", Some(7), 2),
        ("av1", Some(1), 3),
        ("vp9", Some(6), 5),
        ("h263", None, 6),
        ("screen_video", None, 7),
        ("screen_video_2", None, 7),
    ];
    for (name, file) in rig::captures() {
        let stem = name.split('.').next().unwrap();
        if !["codecs-video", "codecs-audio", "multitrack"].contains(&stem) {
            continue;
        }
        let mut seen = Vec::new();
        let options = Options { whole_media: true, ..Options::default() };
        let mut inspector = Inspector::new(options, rtmpctl::Limits::default());
        rig::traffic(&rig::packets(&file), &rtmpctl::Limits::default(), &mut |traffic| {
            inspector.feed(&traffic, &mut |record| {
                let Event::Message(message) = record.event else { return };
                let payload = message.raw.payload;
                let short = &payload[..payload.len().min(400)];
                let (target, codec, packet) = match message.body {
                    Body::Audio(audio) => {
                        ("audio", format!("{:?}", audio.codec), format!("{:?}", audio.packet_type))
                    }
                    Body::Video(video) => {
                        ("video", format!("{:?}", video.codec), format!("{:?}", video.packet_type))
                    }
                    _ => return,
                };
                let key = (target, codec, packet, short.first().copied());
                if seen.contains(&key) {
                    return;
                }
                seen.push(key);
                write(target, &format!("{stem}-{}", seen.len()), short);
                let Body::Video(video) = message.body else { return };
                let data = &payload[payload.len() - video.data_length..];
                let row = video.codec.and_then(|codec| codec.as_str());
                let Some((codec, record, frame)) =
                    VIDEO.iter().find(|(codec, ..)| row == Some(codec))
                else {
                    return;
                };
                match (video.packet_type, record) {
                    (Some(Packet::SequenceStart), Some(kind)) if video.tracks.is_empty() => {
                        write("codec", &format!("{stem}-{codec}"), &[&[*kind], data].concat());
                        write(
                            "bitstream",
                            &format!("{stem}-{codec}-record"),
                            &[&[frame + 130], data].concat(),
                        );
                    }
                    (Some(Packet::CodedFrames | Packet::CodedFramesX | Packet::Raw), _) => {
                        let data = &data[..data.len().min(1500)];
                        write(
                            "bitstream",
                            &format!("{stem}-{codec}-{}", seen.len()),
                            &[&[*frame], data].concat(),
                        );
                    }
                    _ => {}
                }
            });
        });
    }
}

/// The seeds are cut from the captures in testdata. `UPDATE_GOLDEN=1` writes them anew where those have changed.
#[test]
fn the_seeds_are_pieces_of_the_captures() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let path = directory(target).join(name);
        if update {
            std::fs::create_dir_all(directory(target)).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
        assert!(
            std::fs::read(&path).is_ok_and(|seed| seed == bytes),
            "{} is stale",
            path.display()
        );
    };
    for (name, file) in rig::captures() {
        let stem = name.split('.').next().unwrap();
        if ![
            "quickstart",
            "enhanced-hevc",
            "ext-timestamp",
            "options",
            "sll2",
            "vlan",
            "ipv6",
            "refused",
            "gst-rtmpsink",
        ]
        .contains(&stem)
        {
            continue;
        }
        write("file", stem, &file[..2_000.min(file.len())]);
        write("decode", stem, &file[..file.len().min(12_000)]);
        let packets = rig::packets(&file);
        let with_data =
            packets.iter().find(|p| Layout::of(p).is_some_and(|l| l.length() > 40)).unwrap();
        let link = match with_data.link.0 {
            1 => 1,
            276 => 11,
            _ => 6,
        };
        write(
            "packet",
            stem,
            &[&[link], &with_data.data[..with_data.data.len().min(300)]].concat(),
        );

        let mut lanes = [Vec::new(), Vec::new()];
        for event in rig::joined(&packets) {
            if let rig::Event2::Bytes { flow: 1, direction, data, .. } = event {
                lanes[direction.index()].extend(data);
            }
        }
        for direction in Direction::BOTH {
            let bytes = &lanes[direction.index()];
            let Some(chunks) = bytes.get(3073..) else { continue };
            let name = format!("{stem}-{direction}");
            write("lane", &name, &[&[1], &chunks[..chunks.len().min(4_000)]].concat());
            write(
                "lane",
                &format!("{name}-inside"),
                &[&[2], &chunks[chunks.len() / 2..][..chunks.len().min(6_000) / 2]].concat(),
            );
            write("chunk", &name, &[&[100], &chunks[..chunks.len().min(3_000)]].concat());
            if ["quickstart", "enhanced-hevc", "gst-rtmpsink"].contains(&stem) {
                let side = 200 + direction.index() as u8;
                write("session", &name, &[&[side], &bytes[..bytes.len().min(6_000)]].concat());
            }
            if stem == "quickstart" {
                write("handshake", &name, &[&[255], &bytes[..3_073]].concat());
            }
        }
        let mut seen = Vec::new();
        let options = Options { whole_media: true, ..Options::default() };
        let mut inspector = rtmpctl::inspect::Inspector::new(options, rtmpctl::Limits::default());
        rig::traffic(&packets, &rtmpctl::Limits::default(), &mut |traffic| {
            inspector.feed(&traffic, &mut |record| {
                let rtmpctl::inspect::Event::Message(message) = record.event else { return };
                let payload = message.raw.payload;
                let target = match message.raw.type_id {
                    8 => "audio",
                    9 => "video",
                    18 | 20 => "amf0",
                    _ => return,
                };
                let short = &payload[..payload.len().min(400)];
                let key =
                    (target, short.first().copied(), short.get(1).copied(), short.len() / 100);
                if !seen.contains(&key) && seen.len() < 14 {
                    seen.push(key);
                    write(target, &format!("{stem}-{}", seen.len()), short);
                }
                // Configuration records, as the tags carry them.
                let record = match (message.raw.type_id, payload) {
                    (8, [0xaf, 0, record @ ..]) => Some((0, record)),
                    (9, [0x17, 0, _, _, _, record @ ..]) => Some((2, record)),
                    (9, [0x90, b'h', b'v', b'c', b'1', record @ ..]) => Some((4, record)),
                    (8, [0x90, b'O', b'p', b'u', b's', record @ ..]) => Some((5, record)),
                    _ => None,
                };
                if let Some((kind, record)) = record {
                    write("codec", &format!("{stem}-{kind}"), &[&[kind], record].concat());
                }
            });
        });
    }
    for name in ["avc-aac.flv", "hevc-opus.flv", "quickstart-c2s.raw", "quickstart-s2c.raw"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
        let bytes = std::fs::read(path).unwrap();
        let (stem, kind) = name.split_once('.').unwrap();
        // The target puts the file header in front.
        let from = if kind == "flv" { 9 } else { 0 };
        write(kind, stem, &bytes[from..bytes.len().min(5_000)]);
        if kind == "raw" {
            write(kind, &format!("{stem}-inside"), &bytes[3_073..bytes.len().min(6_000)]);
        }
    }
    media_seeds(&write);
    write(
        "codec",
        "av1",
        &[
            1, 0x81, 0x08, 0x0c, 0x00, 0x0a, 0x0b, 0, 0, 0, 0x24, 0xcf, 0x7f, 0x0d, 0xbf, 0xff,
            0x30, 0x08,
        ],
    );
    write(
        "codec",
        "flac",
        &[
            &[3],
            &b"fLaC"[..],
            &[0x80, 0, 0, 34, 0x10, 0, 0x10, 0],
            &[0; 6],
            &[0x0a, 0xc4, 0x42, 0xf0],
            &[0; 20],
        ]
        .concat(),
    );
    write("codec", "vp9", &[6, 1, 0, 0, 0, 0, 31, 0x80, 2, 2, 2, 0, 0]);
    let _ = codec::vp::decode(&[]);
    write("amf3", "object", b"\x0a\x0b\x0dapp.Me\x09name\x06\x07abc\x07age\x04\x81\x01\x01");
    write("amf3", "array", b"\x09\x05\x03k\x06\x03v\x01\x04\x01\x04\x02");
    write("amf3", "vectors", b"\x0d\x05\x00\x00\x00\x00\x01\x00\x00\x00\x02\x0f\x03\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x11\x03\x00\x06\x03a\x04\x01");
    write("amf3", "scalars", b"\x00\x01\x02\x03\x04\x7f\x05\x40\x09\x21\xfb\x54\x44\x2d\x18\x08\x01\x42\x70\x00\x00\x00\x00\x00\x00\x0c\x05ab\x07\x09<a/>");
    let parts = |parts: &[(u8, &[u8])]| {
        let mut out = Vec::new();
        for (index, &(type_id, payload)) in parts.iter().enumerate() {
            let timestamp = 20 * index as u32;
            Part { type_id, timestamp, message_stream_id: 1, payload }.encode(&mut out);
        }
        out
    };
    let inner = parts(&[(8, b"\xaf\x01\x21"), (20, b"\x02\0\x05close\0\0\0\0\0\0\0\0\0\x05")]);
    let media = parts(&[
        (18, b"\x02\0\x01x\x05"),
        (9, b"\x17\x01\0\0\0\0"),
        (8, b"\xaf\x01\x21"),
        (22, &inner),
    ]);
    write("aggregate", "media", &[&[0], &media[..]].concat());
    write("aggregate", "hole", &[&[37], &media[..]].concat());
    let mut object = b"\0\x04chat\0\0\0\x05\0\0\0\x02\0\0\0\0".to_vec();
    let events: [(u8, &[u8]); 9] = [
        (1, b""),
        (3, b"\0\x01a\x02\0\x01b"),
        (4, b"\0\x01a\x05\0\x01b\x11\x06\x03x"),
        (5, b"\0\x01a"),
        (6, b"\x02\0\x02hi\x05\x01\x01"),
        (7, b"\0\x04code\0\x05error"),
        (9, b"\0\x01a"),
        (11, b""),
        (12, b"?"),
    ];
    for (number, data) in events {
        object.push(number);
        object.extend((data.len() as u32).to_be_bytes());
        object.extend_from_slice(data);
    }
    write("shared_object", "amf0", &object);
    write("shared_object", "amf3", &[&[0], &object[..]].concat());
    let cue = b"\x02\0\x07onAdCue\x03\0\x03cue\x02\0\x38/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ==\0\0\x09";
    write("message", "cue", &[&[18], &cue[..]].concat());
    write(
        "message",
        "flex",
        b"\x11\0\x02\0\x01x\0\0\0\0\0\0\0\0\0\x05\x11\x0a\x07\x07DSK\x11\x03\x06\x03m\0\0",
    );
    write("message", "bandwidth", b"\x06\0\x26\x25\xa0\x02");
    write("message", "verification", &[&[4, 0, 27, 1, 1][..], &[7; 40]].concat());
    let connect = b"\x14\x02\0\x07connect\0\x3f\xf0\0\0\0\0\0\0\x03\0\x0afourCcList\x0a\0\0\0\x01\x02\0\x04av01\0\x06capsEx\0\x40\x08\0\0\0\0\0\0\0\0\x09";
    write("message", "connect", connect);
    let mut segments = Vec::new();
    for (kind, at, length) in [
        (0x02, 0, 0),
        (0x92, 0, 0),
        (0x18, 1, 20),
        (0x18, 41, 20),
        (0x18, 21, 20),
        (0x98, 1, 30),
        (0x18, 11, 60),
        (0x11, 71, 0),
    ] {
        segments.extend([kind, 0, at, length]);
        segments.extend(std::iter::repeat_n(3, usize::from(length)));
    }
    write("tcp", "reordered", &segments);
    write("rtmpt", "session", RTMPT);
    let holes = String::from_utf8_lossy(RTMPT).replace("\nB", "\n-12345\nB");
    write("rtmpt", "holes", holes.as_bytes());
}
