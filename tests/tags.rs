//! FLV files and raw dumps of one direction: against what they were made of, and as a user gives them.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{Options, Scratch};
use rtmpctl::output::payload::Form;
use serde_json::{Value, json};

const FLV: [&str; 2] = ["avc-aac.flv", "hevc-opus.flv"];
const RAW: [(&str, &str); 2] = [("quickstart-c2s.raw", "c2s"), ("quickstart-s2c.raw", "s2c")];

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// Status, records and standard error of `rtmpctl decode -f json`.
fn decode(arguments: &[&str], files: &[&Path]) -> (i32, Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
        .args(["decode", "-f", "json", "--no-rules"])
        .args(arguments)
        .args(files)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), common::parse(&lines), error)
}

/// What is judged of files made up of odd tags is of no interest here.
fn unjudged() -> Options {
    Options { unjudged: true, ..Options::default() }
}

fn events<'r>(records: &'r [Value], event: &str) -> Vec<&'r Value> {
    records.iter().filter(|record| record["event"] == event).collect()
}

fn findings(records: &[Value]) -> Vec<&str> {
    events(records, "finding").iter().map(|record| record["code"].as_str().unwrap()).collect()
}

/// A record without what depends on where it was read from.
fn bare(record: &Value, without: &[&str]) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    for name in without {
        fields.remove(*name);
    }
    record
}

/// The tags of a file, as the format has them: type, timestamp, where, payload.
fn tags(file: &[u8]) -> Vec<(u8, u32, usize, usize, &[u8])> {
    let number = |at: usize| file[at..at + 3].iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
    let mut at = 13;
    let mut out = Vec::new();
    while at < file.len() {
        let end = at + 11 + number(at + 1);
        let time = number(at + 4) as u32 | u32::from(file[at + 7]) << 24;
        out.push((file[at], time, at, end, &file[at + 11..end]));
        at = end + 4;
    }
    out
}

/// The header of a file with audio and video, and the size in front of the first tag.
const HEADER: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

/// A tag of less than 245 bytes of payload, and the size behind it.
fn tag(first: u8, payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u8;
    [&[first, 0, 0, size, 0, 0, 9, 0, 0, 0, 0], payload, &[0, 0, 0, size + 11]].concat()
}

#[test]
fn every_tag_of_an_flv_file_is_a_message() {
    for name in FLV {
        let file = fs::read(testdata(name)).unwrap();
        let options = Options { payload: Form::Hex, ..unjudged() };
        let records = common::decode_file(&testdata(name), &options);
        assert_eq!(
            bare(&records[1], &["seq"]),
            json!({"event": "connection_opened", "connection": 1, "client": null, "server": null,
                   "from_start": true, "transport": "flv"})
        );
        let messages = events(&records, "message");
        let tags = tags(&file);
        assert!(tags.len() > 100);
        assert_eq!(messages.len(), tags.len());
        for (message, (type_id, time, start, end, payload)) in messages.iter().zip(&tags) {
            let kind =
                ["audio", "video", "data"][[8, 9, 18].iter().position(|t| t == type_id).unwrap()];
            assert_eq!((&message["kind"], &message["direction"]), (&json!(kind), &json!("c2s")));
            assert_eq!(
                [&message["type_id"], &message["timestamp"], &message["offset"], &message["end"]],
                [&json!(type_id), &json!(time), &json!(start), &json!(end)]
            );
            assert_eq!(
                (&message["length"], &message["message_stream_id"]),
                (&json!(payload.len()), &json!(0))
            );
            let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(message["payload"], hex);
            for absent in ["chunks", "chunk_stream_id", "time", "elapsed", "frame", "malformed"] {
                assert!(message.get(absent).is_none(), "{absent}: {message}");
            }
        }
        let summary = records.last().unwrap();
        let bytes: usize = tags.iter().map(|tag| tag.3 - tag.2).sum();
        assert_eq!(summary["bytes"], json!({"c2s": bytes, "s2c": 0}));
        assert_eq!(summary["tracks"].as_array().unwrap().len(), 3);
        assert!(summary["tracks"][1]["bitrate"].as_u64().unwrap() > 1000);
        assert_eq!((findings(&records), summary.get("duration")), (vec![], None));
    }
}

#[test]
fn a_raw_dump_gives_the_messages_of_its_capture() {
    let whole = common::decode_file(&testdata("quickstart.pcap"), &unjudged());
    for (name, direction) in RAW {
        let records = common::decode_file(&testdata(name), &unjudged());
        // What the other direction told is not there.
        let of = |records: &[Value]| -> Vec<Value> {
            let here = |record: &&Value| {
                record["direction"] == direction
                    && !record["packet"].as_str().is_some_and(|packet| packet.ends_with('2'))
            };
            let without = ["seq", "time", "elapsed", "frame"];
            let mut out: Vec<Value> =
                records.iter().filter(here).map(|record| bare(record, &without)).collect();
            for command in out.iter_mut().filter_map(|record| record["command"].as_object_mut()) {
                command.remove("reply_to");
            }
            out
        };
        assert_eq!(of(&records), of(&whole));
        let opened = &records[1];
        assert_eq!((&opened["from_start"], &opened["transport"]), (&json!(true), &json!("rtmp")));
        assert_eq!((&opened["client"], &opened["server"]), (&json!(null), &json!(null)));
        let summary = records.last().unwrap();
        let tracks = whole.last().unwrap()["tracks"].as_array().unwrap();
        let tracks = tracks.iter().filter(|track| track["direction"] == direction);
        // A dump has no clock. Its seconds are those of media, at whose ends sound and picture are compared.
        let clocked = ["ahead", "clock_drift", "jitter", "longest_silence", "av_skew", "av_drift"];
        let unclocked: Vec<_> = tracks.map(|track| bare(track, &clocked)).collect();
        let skew = |track: &Value| bare(track, &["av_skew", "av_drift"]);
        let found: Vec<_> = summary["tracks"].as_array().unwrap().iter().map(skew).collect();
        assert_eq!(unclocked, found);

        // The same without the handshake.
        let scratch = Scratch::new(&format!("inside-{direction}"));
        let path = scratch.path().join("inside");
        fs::write(&path, &fs::read(testdata(name)).unwrap()[3073..]).unwrap();
        let inside = common::decode_file(&path, &unjudged());
        assert_eq!(
            (&inside[1]["from_start"], findings(&inside)),
            (&json!(false), vec!["capture.begins-inside"])
        );
        let numbers = |records: &[Value]| -> Vec<Value> {
            let without = ["seq", "offset", "end"];
            events(records, "message").iter().map(|record| bare(record, &without)).collect()
        };
        assert_eq!(numbers(&inside), numbers(&records));
    }
}

#[test]
fn an_flv_file_recorded_again_has_the_same_tags() {
    for name in FLV {
        let scratch = Scratch::new(&format!("again-{name}"));
        let out = scratch.path().join("out");
        let (status, _, error) =
            decode(&["--write-flv", out.to_str().unwrap()], &[&testdata(name)]);
        assert_eq!(status, 0, "{error}");
        let again = fs::read(out.join("rtmp-001-0.flv")).unwrap();
        assert!(again == fs::read(testdata(name)).unwrap(), "{name}: header included");
    }
    // What a recorder should not have written stays as it is; what is encrypted is left out and counted.
    let scratch = Scratch::new("again-odd");
    let (path, out) = (scratch.path().join("odd.flv"), scratch.path().join("out"));
    let script = tag(18, b"\x02\0\x0d@setDataFrame\x02\0\x0aonMetaData\x03\0\0\x09");
    let secret = tag(0x29, b"\x17\x01\0\0\0\x01\x02\x03");
    fs::write(&path, [HEADER, &script, &secret, &tag(8, b"\xaf\x01x")].concat()).unwrap();
    let (_, records, error) = decode(&["--write-flv", out.to_str().unwrap()], &[&path]);
    assert!(error.contains("without 1 messages"), "{error}");
    let again = fs::read(out.join("rtmp-001-0.flv")).unwrap();
    assert_eq!(again[13..], [script, tag(8, b"\xaf\x01x")].concat());
    let messages = events(&records, "message");
    let video = &messages[1];
    assert_eq!(video["encrypted"], true);
    assert_eq!(
        (&video["video"]["codec"], &video["video"]["frame_type"]),
        (&json!("avc"), &json!("key"))
    );
    assert_eq!(video["video"]["data_length"], 3);
    assert_eq!(video["malformed"], json!({"offset": 5, "reason": "payload: it is encrypted"}));
    assert_eq!(findings(&records), ["flv.encrypted"]);
    assert_eq!(events(&records, "finding")[0]["about"], video["seq"]);
}

#[test]
fn the_frames_of_tags_are_walked_unless_they_are_encrypted() {
    for name in FLV {
        let options = Options { bitstream: true, ..Options::default() };
        let records = common::decode_file(&testdata(name), &options);
        let frames: Vec<_> = events(&records, "message")
            .into_iter()
            .map(|message| &message["video"])
            .filter(|video| {
                video["packet_type"].as_str().is_some_and(|packet| packet.starts_with("coded"))
            })
            .collect();
        assert!(frames.len() > 30, "{name}");
        for video in frames {
            let key = video["frame_type"] == "key";
            assert_eq!(video["bitstream"]["key"], key, "{name}: {video}");
            assert!(video["bitstream"].get("malformed").is_none(), "{name}: {video}");
        }
    }
    // Neither is taken from encrypted bytes what frames say of themselves.
    let scratch = Scratch::new("walked");
    let path = scratch.path().join("walked.flv");
    for filter in [0, 0x20] {
        let video = tag(filter | 9, b"\x13\x10\x40\x10\x30");
        let audio = tag(filter | 8, b"\x2f\xff\xfb\x94\0");
        fs::write(&path, [HEADER, &video, &audio].concat()).unwrap();
        let (_, records, _) = decode(&["--bitstream"], &[&path]);
        let [video, audio] = events(&records, "message")[..] else { panic!("two messages") };
        let clear = filter == 0;
        assert_eq!(video["video"].get("bitstream").is_some(), clear, "{video}");
        assert_eq!(audio["audio"].get("config").is_some(), clear, "{audio}");
        let tracks = records.last().unwrap()["tracks"].as_array().unwrap();
        let of = |kind: &str| tracks.iter().find(|track| track["type"] == kind).unwrap();
        assert_eq!(of("video").get("width").is_some(), clear, "{tracks:?}");
        // The header in front is clear, and rounds.
        assert_eq!(of("audio")["sample_rate"], if clear { 48_000 } else { 44_100 });
    }
}

#[test]
fn an_aggregate_that_was_recorded_as_a_tag_is_opened_unless_it_is_encrypted() {
    // FLV has no such type, but tags have the numbers of messages, and some recorder may write them as they come.
    let scratch = Scratch::new("aggregate");
    let (path, out) = (scratch.path().join("aggregate.flv"), scratch.path().join("out"));
    let inner = [tag(9, b"\x17\x01\0\0\0\0\0\0\x01\x65"), tag(8, b"\xaf\x01x")].concat();
    fs::write(&path, [HEADER, &tag(22, &inner), &tag(0x36, &inner)].concat()).unwrap();
    let arguments = ["--bitstream", "--write-flv", out.to_str().unwrap()];
    let (status, records, error) = decode(&arguments, &[&path]);
    assert_eq!(status, 0, "{error}");
    let [outer, video, audio, hidden] = events(&records, "message")[..] else { panic!("four") };
    let kinds = [outer, video, audio, hidden].map(|message| message["kind"].as_str().unwrap());
    assert_eq!(kinds, ["aggregate", "video", "audio", "aggregate"]);
    for message in [video, audio] {
        assert_eq!((&message["aggregate"], &message["timestamp"]), (&outer["seq"], &json!(9)));
        assert_eq!([&message["offset"], &message["end"]], [&outer["offset"], &outer["end"]]);
        assert!(message.get("chunks").is_none(), "{message}");
    }
    assert_eq!(video["video"]["bitstream"]["key"], true);
    assert_eq!(hidden["encrypted"], true);
    assert_eq!(findings(&records), ["flv.encrypted"]);
    let again = fs::read(out.join("rtmp-001-0.flv")).unwrap();
    assert_eq!(again[13..], inner);
}

#[test]
fn a_pcapng_of_a_dump_decodes_as_the_dump_and_one_of_tags_says_what_is_missing() {
    let scratch = Scratch::new("pcapng");
    let out = scratch.path().join("tags.pcapng");
    let (status, records, error) =
        decode(&["--write-pcapng", out.to_str().unwrap()], &[&testdata(FLV[0])]);
    let tags = events(&records, "message").len();
    assert_eq!(status, 0);
    assert!(
        error.contains(&format!("(0 packets; {tags} tags of FLV files are not in it")),
        "{error}"
    );
    for (name, direction) in RAW {
        let out = scratch.path().join(format!("{direction}.pcapng"));
        let (status, records, error) =
            decode(&["--write-pcapng", out.to_str().unwrap()], &[&testdata(name)]);
        assert_eq!(status, 0, "{error}");
        let (status, again, error) = decode(&[], &[&out]);
        assert_eq!(status, 0, "{error}");
        let messages = |records: &[Value]| -> Vec<Value> {
            let without = ["seq", "time", "elapsed", "frame"];
            events(records, "message").iter().map(|record| bare(record, &without)).collect()
        };
        assert_eq!(messages(&again), messages(&records), "{name}");
    }
}

#[test]
fn several_files_are_connections_one_after_the_other() {
    let files =
        ["avc-aac.flv", "quickstart.pcap", "quickstart-s2c.raw", "hevc-opus.flv"].map(testdata);
    let (status, records, error) = decode(&[], &files.each_ref().map(PathBuf::as_path));
    assert_eq!(status, 0, "{error}");
    let opened: Vec<_> = records
        .iter()
        .filter(|record| {
            ["connection_opened", "summary"].contains(&record["event"].as_str().unwrap())
        })
        .map(|record| (record["event"].as_str().unwrap(), record["connection"].as_u64().unwrap()))
        .collect();
    // A capture's connections may go on in the next one, so they end with the run.
    let (open, summary) = ("connection_opened", "summary");
    assert_eq!(
        [opened[0], opened[1], opened[2]],
        [(open, 1), (summary, 1), (open, 2)],
        "{opened:?}"
    );
    assert_eq!(opened.iter().filter(|(event, _)| *event == summary).count(), 4);
    for record in &records[1..] {
        let connection = record["connection"].as_u64().unwrap() as usize;
        assert_eq!(record["file"], files[connection - 1].to_str().unwrap());
    }
}

#[test]
fn what_is_compressed_decodes_as_what_it_was_packed_from() {
    for name in [FLV[0], RAW[0].0, RAW[1].0] {
        let scratch = Scratch::new(&format!("packed-{name}"));
        let path = scratch.path().join("packed.gz");
        let bytes = fs::read(testdata(name)).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&bytes).unwrap();
        let packed = encoder.finish().unwrap();
        fs::write(&path, &packed).unwrap();
        let plain = common::decode_file(&testdata(name), &unjudged());
        assert_eq!(common::decode_file(&path, &unjudged())[1..], plain[1..]);

        fs::write(&path, &packed[..packed.len() - 30]).unwrap();
        let (status, records, _) = decode(&["--show-keys"], &[&path]);
        assert_eq!((status, &records[1..6]), (0, &plain[1..6]));
        assert!(findings(&records).contains(&"capture.truncated"), "{:?}", findings(&records));
        assert_eq!(records.last().unwrap()["event"], "summary");
    }
}

#[test]
fn what_is_wrong_in_an_flv_file_is_a_finding_of_its_connection() {
    let scratch = Scratch::new("wrong");
    let path = scratch.path().join("wrong.flv");
    let whole = fs::read(testdata(FLV[0])).unwrap();
    let ends: Vec<usize> = tags(&whole).iter().map(|tag| tag.3).collect();
    let mut wrong = whole.clone();
    wrong[4] = 1;
    wrong[ends[4]] = 1;
    wrong[ends[9] + 4] = 0x77;
    wrong.truncate(ends[20] + 40);
    fs::write(&path, &wrong).unwrap();
    let (status, records, error) = decode(&[], &[&path]);
    assert_eq!((status, error.as_str()), (0, ""));
    let codes = ["flv.header", "flv.prev-tag-size", "flv.damaged", "capture.truncated"];
    assert_eq!(findings(&records), codes);
    assert_eq!(events(&records, "message").len(), 20);
    let summary = records.last().unwrap();
    assert_eq!(summary["findings"], json!({"info": 0, "warning": 4, "error": 0}));
    let damaged = events(&records, "finding")[2]["message"].as_str().unwrap();
    assert!(damaged.contains(&format!("bytes {} to {}", ends[9] + 4, ends[10] + 4)), "{damaged}");
    assert_eq!(decode(&["--fail-on", "warning"], &[&path]).0, 1);
}

#[test]
fn both_directions_in_one_dump_are_an_error_that_says_so() {
    let scratch = Scratch::new("mixed");
    let path = scratch.path().join("mixed");
    let [client, server] = RAW.map(|(name, _)| fs::read(testdata(name)).unwrap());
    fs::write(&path, [&client[..1537], &server[..3073], &client[1537..]].concat()).unwrap();
    for arguments in [&[][..], &["--decode-as", "rtmp"]] {
        let (status, records, error) = decode(arguments, &[&path]);
        assert_eq!((status, records.len()), (2, 0));
        assert!(error.contains("both directions of an RTMP connection"), "{error}");
    }
    // And what shows nothing is decoded where somebody says what it is.
    fs::write(&path, &client[20_011..]).unwrap();
    let (status, _, error) = decode(&[], &[&path]);
    assert_eq!(status, 2);
    assert!(error.contains("--decode-as rtmp"), "{error}");
    let (status, records, error) = decode(&["--decode-as", "rtmp"], &[&path]);
    assert_eq!((status, error.as_str()), (0, ""));
    assert!(events(&records, "message").len() > 100);
}

/// A decoder that runs, and ends with the test.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
            .args(["decode", "-f", "json"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn send(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    /// Reads up to a record; gives how many lines that were.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> usize {
        let mut count = 0;
        loop {
            let line = self.lines.next().unwrap().unwrap();
            count += 1;
            if wanted(&serde_json::from_str(&line).unwrap()) {
                return count;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn records_come_while_the_source_goes_on() {
    // A client that waits for its answer, as it is dumped by somebody who listens.
    let client = fs::read(testdata(RAW[0].0)).unwrap();
    let mut decoder = Running::start(&["-"]);
    decoder.send(&client[..1537]);
    decoder.until(|record| record["packet"] == "c1");
    decoder.send(&client[1537..30_000]);
    decoder.until(|record| record["command"]["name"] == "publish");

    let flv = fs::read(testdata(FLV[0])).unwrap();
    let tags = tags(&flv);
    let mut decoder = Running::start(&["-"]);
    decoder.send(&flv[..tags[5].3 + 4]);
    decoder.until(|record| record["end"] == tags[5].3);
    decoder.send(&flv[tags[5].3 + 4..tags[50].3 + 4]);
    decoder.until(|record| record["end"] == tags[50].3);

    for (name, first) in [(FLV[0], tags[5].3 + 4), (RAW[0].0, 20_000)] {
        let scratch = Scratch::new(&format!("follow-{name}"));
        let path = scratch.path().join(name);
        let bytes = fs::read(testdata(name)).unwrap();
        fs::write(&path, &bytes[..first]).unwrap();
        let mut decoder = Running::start(&["--follow", path.to_str().unwrap()]);
        decoder.until(|record| record["kind"] == "video");
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(&bytes[first..])
            .unwrap();
        decoder.until(|record| record["timestamp"] == if name == RAW[0].0 { 3960 } else { 1480 });
    }
}
