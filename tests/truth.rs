//! Every capture decodes to its truth: what an independent decoder (`testdata/truth.py`) found in it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;
mod rig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use common::Options;
use rtmpctl::output::payload::Form;

/// The folders of `testdata` whose captures are held against their truth here. `carried` is not among them: it needs the
/// keys of TLS, which are in [`keys`], and HTTP unwrapped.
const FOLDERS: [&str; 3] = ["", "network", "carried"];

/// The key log of a capture of TLS.
fn keys(path: &Path) -> Option<PathBuf> {
    Some(path.with_extension("keys")).filter(|path| path.exists())
}

/// How the RTMP of a capture is carried: the name of one in `carried` begins with it.
fn transport(path: &Path) -> &str {
    let carried = path.parent().unwrap().ends_with("carried");
    let name = path.file_stem().unwrap().to_str().unwrap();
    if carried { name.split('-').next().unwrap() } else { "rtmp" }
}

/// The captures in these folders that have a truth, and it.
fn with_truth(folders: &[&str]) -> Vec<(PathBuf, Value)> {
    let captures: Vec<_> = folders
        .iter()
        .flat_map(|folder| common::captures_in(folder))
        .filter_map(|path| {
            let truth = std::fs::read(path.with_extension("truth.json")).ok()?;
            Some((path, serde_json::from_slice(&truth).unwrap()))
        })
        .collect();
    assert!(captures.len() >= 15, "only {} captures have a truth", captures.len());
    captures
}

/// Captures whose connections are seen from their first byte and lack nothing.
fn whole() -> Vec<(PathBuf, Value)> {
    let lacks = |truth: &Value| truth.get("whole_session").is_some();
    with_truth(&FOLDERS).into_iter().filter(|(_, truth)| !lacks(truth)).collect()
}

fn decode(path: &Path) -> Vec<Value> {
    let options =
        Options { payload: Form::Hex, key_log: keys(path), unjudged: true, ..Options::default() };
    common::decode_file(path, &options)
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the truth says of a direction, computed from records.
#[derive(Default)]
struct Direction {
    types: BTreeMap<String, (u64, u64)>,
    commands: Vec<String>,
    chunks: u64,
    media: BTreeMap<String, Media>,
}

#[derive(Default)]
struct Media {
    first: Option<u64>,
    last: u64,
    messages: u64,
    bytes: u64,
    times: Sha256,
    payloads: Sha256,
}

impl Direction {
    fn of(records: &[Value], connection: &Value, direction: &str) -> Self {
        let mut sum = Self::default();
        let of_it = |r: &&Value| {
            r["event"] == "message" && r["connection"] == *connection && r["direction"] == direction
        };
        for record in records.iter().filter(of_it) {
            let length = record["length"].as_u64().unwrap();
            let timestamp = record["timestamp"].as_u64().unwrap();
            let payload = unhex(record["payload"].as_str().unwrap());
            assert_eq!(payload.len() as u64, length, "the payload is whole");
            let entry = sum.types.entry(record["type_id"].to_string()).or_default();
            entry.0 += 1;
            entry.1 += length;
            sum.chunks += record["chunks"].as_u64().unwrap();
            let kind = record["kind"].as_str().unwrap();
            if kind == "command" {
                sum.commands.push(record["command"]["name"].as_str().unwrap().to_owned());
            }
            if kind == "audio" || kind == "video" {
                let media = sum.media.entry(kind.to_owned()).or_default();
                media.first.get_or_insert(timestamp);
                media.last = timestamp;
                media.messages += 1;
                media.bytes += length;
                media.times.update((timestamp as u32).to_be_bytes());
                media.times.update((length as u32).to_be_bytes());
                media.payloads.update(&payload);
            }
        }
        sum
    }
}

#[test]
fn messages_types_commands_media_bytes_and_timestamps_are_the_truths() {
    for (path, truth) in whole() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let records = decode(&path);
        let connections = truth["connections"].as_array().unwrap();
        let opened: Vec<_> = records.iter().filter(|r| r["event"] == "connection_opened").collect();
        assert_eq!(opened.len(), connections.len(), "{name}");
        for (index, (connection, opened)) in connections.iter().zip(opened).enumerate() {
            assert_eq!(opened["client"], connection["client"], "{name}");
            assert_eq!(opened["server"], connection["server"], "{name}");
            assert_eq!(opened["transport"], transport(&path), "{name}");
            let number = &opened["connection"];
            let summary = records
                .iter()
                .find(|r| r["event"] == "summary" && r["connection"] == *number)
                .unwrap_or_else(|| panic!("{name}: no summary"));
            for direction in ["c2s", "s2c"] {
                let what = format!("{name} connection {} {direction}", index + 1);
                let truth = &connection[direction];
                let seen = Direction::of(&records, number, direction);
                let types: BTreeMap<String, (u64, u64)> = truth["types"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(id, t)| {
                        (
                            id.clone(),
                            (t["messages"].as_u64().unwrap(), t["bytes"].as_u64().unwrap()),
                        )
                    })
                    .collect();
                assert_eq!(seen.types, types, "{what}");
                let commands: Vec<_> = truth["commands"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|c| c.as_str().unwrap())
                    .collect();
                assert_eq!(seen.commands, commands, "{what}");
                assert_eq!(summary["bytes"][direction], truth["stream_bytes"], "{what}");
                if truth["unfinished_messages"] == 0 {
                    assert_eq!(seen.chunks, truth["chunks"].as_u64().unwrap(), "{what}");
                }
                for kind in ["audio", "video"] {
                    let Some(media) = seen.media.get(kind) else {
                        assert_eq!(truth[kind]["messages"].as_u64().unwrap_or(0), 0, "{what}");
                        continue;
                    };
                    let truth = &truth[kind];
                    let what = format!("{what} {kind}");
                    assert_eq!(media.messages, truth["messages"], "{what}");
                    assert_eq!(media.bytes, truth["bytes"], "{what}");
                    assert_eq!(media.first.unwrap(), truth["first_timestamp"], "{what}");
                    assert_eq!(media.last, truth["last_timestamp"], "{what}");
                    let times = hex(media.times.clone().finalize());
                    assert_eq!(times, truth["timestamp_length_sha256"].as_str().unwrap(), "{what}");
                    let payloads = hex(media.payloads.clone().finalize());
                    assert_eq!(payloads, truth["payload_sha256"].as_str().unwrap(), "{what}");
                }
            }
        }
    }
}

#[test]
fn whole_captures_have_no_gap_no_damage_and_no_doubt() {
    for (path, _) in whole() {
        for record in decode(&path) {
            assert_ne!(record["event"], "gap", "{}", path.display());
            assert!(record.get("damaged").is_none(), "{}: {record}", path.display());
            assert!(record.get("timestamp_uncertain").is_none(), "{}: {record}", path.display());
            assert!(record.get("malformed").is_none(), "{}: {record}", path.display());
            if record["event"] == "finding" {
                assert_ne!(record["severity"], "error", "{}: {record}", path.display());
            }
        }
    }
}

/// Type, length, timestamp and payload of each message of a connection's direction.
fn messages<'r>(records: &'r [Value], direction: &str) -> Vec<&'r Value> {
    records.iter().filter(|r| r["event"] == "message" && r["direction"] == direction).collect()
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

#[test]
fn one_lost_segment_costs_the_message_that_it_hit_and_nothing_else() {
    for (name, missing) in [("one-lost-segment", (50_731, 8)), ("lost-in-keyframe", (52_187, 1448))]
    {
        let intact = decode(&testdata("quickstart.pcap"));
        let lossy = decode(&testdata(&format!("{name}.pcap")));
        let gaps: Vec<_> = lossy.iter().filter(|r| r["event"] == "gap").collect();
        assert_eq!(gaps.len(), 1, "{name}");
        assert_eq!(
            (&gaps[0]["offset"], &gaps[0]["length"]),
            (&Value::from(missing.0), &Value::from(missing.1))
        );
        let overlaps = |r: &Value| {
            r["offset"].as_u64().unwrap() < missing.0 + missing.1
                && r["end"].as_u64().unwrap() > missing.0
        };
        let whole: Vec<_> = messages(&intact, "c2s");
        let hit = whole.iter().filter(|r| overlaps(r)).count();
        assert_eq!(hit, 1);
        let untouched: Vec<_> = whole.into_iter().filter(|r| !overlaps(r)).collect();
        let seen: Vec<_> =
            messages(&lossy, "c2s").into_iter().filter(|r| r.get("damaged").is_none()).collect();
        assert_eq!(seen.len(), untouched.len(), "{name}");
        for (seen, truth) in seen.iter().zip(untouched) {
            for field in ["type_id", "length", "offset", "end", "chunk_stream_id", "payload"] {
                assert_eq!(seen[field], truth[field], "{name}");
            }
            if seen.get("timestamp_uncertain").is_none() {
                assert_eq!(seen["timestamp"], truth["timestamp"], "{name}");
            }
        }
        assert_eq!(messages(&lossy, "s2c").len(), messages(&intact, "s2c").len());
        let damaged = lossy.iter().filter(|r| r.get("damaged").is_some()).count();
        assert_eq!(damaged, usize::from(name == "lost-in-keyframe"));
    }
}

/// Whether a message of a capture that lacks bytes is this one of the whole session.
fn is(seen: &Value, whole: &Value) -> bool {
    ["type_id", "length", "chunk_stream_id", "message_stream_id", "payload"]
        .iter()
        .all(|field| seen[field] == whole[field])
        && (seen.get("timestamp_uncertain").is_some() || seen["timestamp"] == whole["timestamp"])
}

#[test]
fn what_a_capture_with_holes_still_has_is_told_and_nothing_else() {
    let mut captures = 0;
    for (path, truth) in with_truth(&FOLDERS) {
        let Some(session) = truth["whole_session"].as_str() else { continue };
        captures += 1;
        let whole = decode(&path.with_file_name(session));
        let lossy = decode(&path);
        for direction in ["c2s", "s2c"] {
            let what = format!("{} {direction}", path.display());
            let truth = &truth["connections"][0][direction];
            // The bytes of TLS have no places in the capture.
            if transport(&path) == "rtmp" {
                let gaps: Vec<_> = lossy
                    .iter()
                    .filter(|r| r["event"] == "gap" && r["direction"] == direction)
                    .map(|r| serde_json::json!({"offset": r["offset"], "length": r["length"]}))
                    .collect();
                assert_eq!(Value::from(gaps), truth["missing"], "{what}");
            }
            let touched: Vec<u64> = truth["touched"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| t["index"].as_u64().unwrap())
                .collect();
            let mut untouched = messages(&whole, direction)
                .into_iter()
                .enumerate()
                .filter(|(index, _)| !touched.contains(&(*index as u64)))
                .map(|(_, message)| message);
            let present = truth["messages"].as_u64().unwrap() - touched.len() as u64;
            let mut told = 0;
            for seen in messages(&lossy, direction) {
                if seen.get("damaged").is_none() {
                    assert!(untouched.any(|whole| is(seen, whole)), "{what}: {seen}");
                    told += 1;
                }
            }
            assert!(told * 100 >= present * 95, "{what}: {told} of {present}");
        }
    }
    assert!(captures >= 3, "{captures}");
}

/// The truth of what is in TLS or HTTP was recorded behind the gateway. That it belongs to its capture is seen here in the
/// packets, without unwrapping anything; `tests/real/carried.py` unwraps it with other programs.
#[test]
fn truths_and_keys_of_what_is_carried_belong_to_their_captures() {
    for (path, truth) in with_truth(&["carried"]) {
        let name = path.display();
        let file = std::fs::read(&path).unwrap();
        let packets = rig::packets(&file);
        assert_eq!(packets.len() as u64, truth["packets"], "{name}");
        let has = |bytes: &[u8]| {
            packets.iter().any(|p| p.data.windows(bytes.len()).any(|window| window == bytes))
        };
        let address = |packet: &rig::Owned, ip: usize, port: usize| {
            let at = |n: usize| packet.data[n];
            let port = u16::from_be_bytes([at(port), at(port + 1)]);
            format!("{}.{}.{}.{}:{port}", at(ip), at(ip + 1), at(ip + 2), at(ip + 3))
        };
        let opened: Vec<_> = packets
            .iter()
            .filter_map(|packet| {
                let layout = rig::Layout::of(packet)?;
                let (ip, tcp) = (layout.ip, layout.tcp);
                let ends = (address(packet, ip + 12, tcp), address(packet, ip + 16, tcp + 2));
                (layout.flags(packet) & 0x12 == 2).then_some(ends)
            })
            .collect();
        assert_eq!(opened.len() as u64, truth["tcp_connections"], "{name}");
        for (connection, (client, server)) in
            truth["connections"].as_array().unwrap().iter().zip(&opened)
        {
            assert_eq!(connection["client"], client.as_str(), "{name}");
            assert_eq!(connection["server"], server.as_str(), "{name}");
            assert!(connection["c2s"]["messages"].as_u64().unwrap() > 5, "{name}");
        }
        // The secrets are those of the clients' randoms that the capture has.
        let tls = transport(&path).ends_with('s');
        let inside = path.extension().is_some_and(|end| end == "pcapng");
        assert_eq!(keys(&path).is_some(), tls && !inside, "{name}");
        if inside {
            let label = b"CLIENT_TRAFFIC_SECRET_0";
            assert!(file.windows(label.len()).any(|window| window == label), "{name}");
        }
        let Some(keys) = keys(&path) else { continue };
        let keys = std::fs::read_to_string(keys).unwrap();
        let lines: Vec<_> = keys.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(!lines.is_empty(), "{name}");
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            assert_eq!(words.len(), 3, "{name}: {line}");
            assert!(has(&unhex(words[1])), "{name}: {line}");
        }
    }
}

#[test]
fn a_capture_that_begins_inside_a_connection_gives_every_message_that_it_holds_whole() {
    // Its first byte from the client is byte 101,010 of the whole capture's.
    const CUT: u64 = 101_010;
    let intact = decode(&testdata("h264-bframes.pcap"));
    let cut = decode(&testdata("midstream-cut.pcap"));
    assert_eq!(cut[1]["from_start"], false);
    let expected: Vec<_> = messages(&intact, "c2s")
        .into_iter()
        .filter(|r| r["offset"].as_u64().unwrap() >= CUT)
        .collect();
    let seen = messages(&cut, "c2s");
    assert_eq!(seen.len(), expected.len());
    for (seen, truth) in seen.iter().zip(expected) {
        assert_eq!(seen["offset"].as_u64().unwrap() + CUT, truth["offset"].as_u64().unwrap());
        for field in ["type_id", "length", "chunk_stream_id", "message_stream_id", "payload"] {
            assert_eq!(seen[field], truth[field]);
        }
        assert!(seen["timestamp_uncertain"] == true || seen["timestamp"] == truth["timestamp"]);
    }
    let last = messages(&cut, "s2c");
    assert_eq!(
        last.last().unwrap()["command"]["arguments"][0]["code"],
        "NetStream.Unpublish.Success"
    );
}
