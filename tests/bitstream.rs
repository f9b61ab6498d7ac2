//! Video frames of real encoders, walked over: tags and bitstreams agree, and nothing of a frame is left out.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::Options;
use rtmpctl::Limits;
use rtmpctl::inspect::{self, CloseKind, ClosedBy, Inspector, Opened, Place, Traffic, Transport};
use rtmpctl::output::payload::Shown;
use rtmpctl::output::{json, table};
use rtmpctl::proto::Direction;
use serde_json::Value;

/// Video frames: the message's object, and that of its track.
fn frames(records: &[Value]) -> Vec<(&Value, &Value)> {
    let of = |record: &'_ Value| record.get("video").is_some();
    let mut found = Vec::new();
    for video in records.iter().filter(|record| of(record)).map(|record| &record["video"]) {
        match video["tracks"].as_array() {
            Some(tracks) => found.extend(tracks.iter().map(|track| (video, track))),
            None => found.push((video, video)),
        }
    }
    found.retain(|(_, track)| track.get("bitstream").is_some());
    found
}

fn decode(path: &Path) -> Vec<Value> {
    common::decode_file(path, &Options { bitstream: true, unjudged: true, ..Options::default() })
}

#[test]
fn tags_and_bitstreams_agree_on_key_frames_and_no_byte_is_left_out() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for path in common::captures() {
        let records = decode(&path);
        for (video, track) in frames(&records) {
            let codec = track["codec"].as_str().unwrap();
            *seen.entry(codec.to_owned()).or_default() += 1;
            let bitstream = &track["bitstream"];
            assert!(bitstream.get("malformed").is_none(), "{}: {video}", path.display());
            assert!(bitstream.get("annex_b").is_none(), "{}: {video}", path.display());
            if codec.starts_with("screen_video") {
                assert!(bitstream.get("key").is_none(), "it does not tell");
            } else {
                let tag = video["frame_type"] == "key";
                assert_eq!(bitstream["key"], tag, "{}: {video}", path.display());
            }
            let units = bitstream["units"].as_array().unwrap();
            let bytes: u64 = units.iter().map(|unit| unit["length"].as_u64().unwrap()).sum();
            let lengths = match codec {
                "avc" | "hevc" | "vvc1" => 4 * units.len() as u64,
                _ => 0,
            };
            assert_eq!(bytes + lengths, track["data_length"].as_u64().unwrap(), "{video}");
        }
    }
    let codecs: Vec<&str> = seen.keys().map(String::as_str).collect();
    let all = ["av1", "avc", "h263", "hevc", "screen_video", "screen_video_2", "vp9", "vvc1"];
    assert_eq!(codecs, all);
    assert!(seen.values().all(|frames| *frames >= 25), "{seen:?}");
}

fn testdata(name: &str) -> Vec<Value> {
    decode(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name))
}

/// The messages beside the pictures of a codec.
fn messages<'r>(records: &'r [Value], codec: &str) -> Vec<&'r Value> {
    frames(records)
        .into_iter()
        .filter(|(_, track)| track["codec"] == codec)
        .filter_map(|(_, track)| track["bitstream"]["sei"].as_array())
        .flatten()
        .collect()
}

#[test]
fn encoders_say_who_they_are_and_what_they_were_given() {
    let records = testdata("codecs-video.pcap");
    let avc = messages(&records, "avc");
    let text = |message: &&Value, begin: &str| {
        message["text"].as_str().is_some_and(|text| text.starts_with(begin))
    };
    let x264 = avc.iter().find(|message| text(message, "x264 - core")).unwrap();
    assert_eq!(x264["uuid"], "dc45e9bd-e6d9-48b7-962c-d820d923eeef");
    assert!(x264["text"].as_str().unwrap().contains("open_gop=1"));
    let hello: Vec<_> = avc.iter().filter(|message| message["text"] == "hello").collect();
    assert!(!hello.is_empty());
    assert!(hello.iter().all(|message| message["uuid"] == "6e2f1b8a-4c5d-4e3f-9a0b-1c2d3e4f5a6b"));
    // Key frames inside an open group of pictures are told by a recovery point only.
    assert!(avc.iter().any(|m| m["type"] == "recovery_point" && m["frames"] == 0));
    let hevc = messages(&records, "hevc");
    assert!(hevc.iter().any(|message| text(message, "x265 (build")));
    let light = hevc.iter().find(|m| m["type"] == "content_light_level_info").unwrap();
    assert_eq!((&light["max_cll"], &light["max_fall"]), (&1000.into(), &400.into()));
    let display = hevc.iter().find(|m| m["type"] == "mastering_display_colour_volume").unwrap();
    assert_eq!(display["max_luminance"], 1000);
    assert_eq!(display["min_luminance"], 0.0001);
}

#[test]
fn a_metadata_packet_and_the_record_say_the_same_colours() {
    let records = testdata("codecs-video.pcap");
    let videos: Vec<&Value> = records.iter().filter_map(|record| record.get("video")).collect();
    let hevc = |field: &str| {
        videos.iter().find(|video| video["codec"] == "hevc" && video.get(field).is_some()).unwrap()
    };
    let config = &hevc("config")["config"];
    assert_eq!(config["color_primaries"], "bt2020");
    assert_eq!(config["transfer"], "smpte2084");
    assert_eq!(config["matrix"], "bt2020nc");
    assert_eq!((&config["bit_depth"], &config["full_range"]), (&10.into(), &false.into()));
    let colours = &hevc("metadata")["metadata"]["colorInfo"]["colorConfig"];
    assert_eq!(colours["colorPrimaries"], 9);
    assert_eq!(colours["transferCharacteristics"], 16);
    assert_eq!(colours["matrixCoefficients"], 9);
}

#[test]
fn nothing_is_walked_unasked() {
    for name in ["codecs-video.pcap", "multitrack.pcap"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
        let options = Options { unjudged: true, ..Options::default() };
        let records = common::decode_file(&path, &options);
        assert!(frames(&records).is_empty());
        // And what is said otherwise is the same.
        let mut walked = decode(&path);
        for record in &mut walked {
            let Some(video) = record.get_mut("video").and_then(Value::as_object_mut) else {
                continue;
            };
            video.shift_remove("bitstream");
            for track in video.get_mut("tracks").and_then(Value::as_array_mut).into_iter().flatten()
            {
                track.as_object_mut().unwrap().shift_remove("bitstream");
            }
        }
        assert_eq!(records, walked);
    }
}

/// The records of one direction that sends these video payloads, and their rows.
fn sent(payloads: &[&[u8]]) -> (Vec<Value>, String) {
    let mut bytes = vec![0; 1 + 2 * 1536];
    bytes[0] = 3;
    for payload in payloads {
        assert!(payload.len() <= 128, "one chunk each");
        bytes.extend([6, 0, 0, 0, 0, 0, payload.len() as u8, 9, 1, 0, 0, 0]);
        bytes.extend_from_slice(payload);
    }
    let options = inspect::Options { bitstream: true, ..Default::default() };
    let mut inspector = Inspector::new(options, Limits::default());
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    let mut json = json::Writer::new(Shown::default(), Vec::new(), Limits::default());
    let mut table = table::Writer::new(table::Style::default(), Shown::default(), true, Vec::new());
    let place = Place::default();
    let (flow, direction) = (1, Direction::ClientToServer);
    let (client, server, transport) = (None, None, Transport::Rtmp);
    let opened = Opened { client, server, from_start: true, transport };
    for traffic in [
        Traffic::Opened { flow, place, opened },
        Traffic::Bytes { flow, place, direction, data: &bytes },
        Traffic::Closed { flow, place, by: ClosedBy::Both, how: CloseKind::End },
    ] {
        inspector.feed(&traffic, &mut |record| {
            json.record(&mut lines, record);
            table.record(&mut rows, record);
        });
    }
    let mut records = common::parse(&String::from_utf8(lines).unwrap());
    records.retain(|record| record.get("video").is_some());
    assert_eq!(records.len(), payloads.len());
    (records, String::from_utf8(rows).unwrap())
}

/// An AVC record whose units have lengths of two bytes, and an HEVC record with one byte.
const TWO: &[u8] = &[1, 66, 0xc0, 30, 0xfd, 0xe0, 0];
const ONE: &[u8] =
    &[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0c, 0];

#[test]
fn tags_that_claim_another_frame_type_are_shown() {
    let (records, rows) = sent(&[
        b"\x17\x01\0\0\0\0\0\0\x02\x41\x9a",
        b"\x27\x01\0\0\0\0\0\0\x02\x65\x88",
        b"\x17\x01\0\0\0\0\0\0\x01\x65\x88\0\0\0\x01\x65",
        b"\x17\x01\0\0\0\0\0\0\x09\x65",
        b"\x57\0",
        b"\x1b\x65",
    ]);
    let of = |index: usize| &records[index]["video"]["bitstream"];
    assert_eq!((&of(0)["key"], &of(1)["key"]), (&false.into(), &true.into()));
    assert_eq!(of(2)["annex_b"], true);
    assert_eq!(of(3)["malformed"]["offset"], 9, "counted from the payload's start");
    assert!(records[4]["video"].get("bitstream").is_none(), "a command");
    assert!(records[5]["video"].get("bitstream").is_none(), "no known codec");
    for words in
        ["[slice]  IS NO KEY FRAME", "[idr]  IS A KEY FRAME", "ANNEX B", "MALFORMED at byte 9"]
    {
        assert!(rows.contains(words), "{words} in {rows}");
    }
}

#[test]
fn each_track_is_walked_by_its_own_latest_record() {
    let codecs = |kind: u8, avc: &[u8], hevc: &[u8]| {
        let tracks = [(b"avc1", 1, avc), (b"hvc1", 2, hevc)];
        let mut out = vec![0x96, 0x20 | kind];
        for (fourcc, track, data) in tracks {
            out.extend(fourcc);
            out.extend([track, 0, 0, data.len() as u8]);
            out.extend(data);
        }
        out
    };
    let start = codecs(0, TWO, ONE);
    let frames = codecs(3, &[0, 2, 0x65, 0x88], &[3, 0x26, 1, 7]);
    // Track 0 has no record, and so lengths of four bytes.
    let plain = b"\x27\x01\0\0\0\0\0\0\x02\x41\x9a";
    let (records, _) = sent(&[&start, &frames, plain, &start, &frames]);
    for index in [1, 4] {
        let tracks = records[index]["video"]["tracks"].as_array().unwrap();
        for (track, unit, length) in [(0, "idr", 2), (1, "idr_w_radl", 3)] {
            let bitstream = &tracks[track]["bitstream"];
            assert!(bitstream.get("malformed").is_none(), "{bitstream}");
            assert_eq!(bitstream["units"][0]["type"], unit);
            assert_eq!(bitstream["units"][0]["length"], length);
        }
        assert!(records[index]["video"].get("bitstream").is_none(), "the tracks have it");
    }
    assert_eq!(records[2]["video"]["bitstream"]["units"][0]["type"], "slice");
}

#[test]
fn audio_without_a_record_says_its_rate_by_its_first_frame_only() {
    let records = testdata("codecs-audio.pcap");
    for (codec, rate, channels) in [
        ("mp3", 44_100, 2),
        ("mp3", 48_000, 1),
        ("ac3", 48_000, 1),
        ("eac3", 48_000, 1),
        ("speex", 16_000, 1),
        ("g711a", 8_000, 1),
        ("nellymoser_8k", 8_000, 1),
    ] {
        let configs = records
            .iter()
            .filter(|record| record["audio"]["codec"] == codec)
            .filter_map(|record| record["audio"].get("config"))
            .filter(|config| config["sample_rate"] == rate && config["channels"] == channels);
        assert_eq!(configs.count(), 1, "{codec} {rate}");
    }
}
