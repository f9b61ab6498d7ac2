//! The program itself: what it prints, how it ends, and that a recording of what it saw says the same again.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Scratch, parse};
use crate::rig::{Cut, DEADLINE, Upstream, exchange, read_exact};
use crate::spawned::{Program, bare, lines, output, rtmpctl};

/// `rtmpctl proxy` on a free port, whose output goes to `out`.
fn onto(arguments: &[&str], out: Stdio) -> Program {
    let mut command = rtmpctl();
    command.args(["proxy", "--listen", "127.0.0.1:0"]).args(arguments);
    Program::start(command, out)
}

fn start(arguments: &[&str], dir: &Path) -> Program {
    onto(arguments, output(dir))
}

fn url(upstream: &Upstream) -> String {
    format!("rtmp://{}", upstream.address())
}

fn raw(direction: &str) -> Vec<u8> {
    let path = format!("{}/testdata/quickstart-{direction}.raw", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

#[test]
fn what_is_seen_live_and_what_its_recording_is_decoded_to_are_the_same() {
    let scratch = Scratch::new("proxy-agree");
    let dir = scratch.path();
    let recording = dir.join("session.pcapng");
    let recording = recording.to_str().unwrap();
    let upstream = Upstream::new();
    let url = url(&upstream);
    let arguments = ["-f", "json", "--chunks", "--show-keys", "--write-pcapng", recording, &url];
    let mut program = start(&arguments, dir);
    for cut in Cut::ALL {
        let client = program.connect();
        exchange(client, upstream.accept(), cut, &raw("c2s"), &raw("s2c"));
    }
    program.signal("-INT");
    assert!(program.ended().success());
    let live: Vec<Value> = lines(dir).into_iter().skip(1).map(bare).collect();
    let decoded = rtmpctl()
        .args(["decode", "-f", "json", "--chunks", "--show-keys", recording])
        .output()
        .unwrap();
    let decoded = parse(&String::from_utf8(decoded.stdout).unwrap());
    let decoded: Vec<Value> = decoded.into_iter().skip(1).map(bare).collect();
    assert!(live.len() > 200, "{}", live.len());
    for (live, decoded) in live.iter().zip(&decoded) {
        assert_eq!(live, decoded);
    }
    assert_eq!(live.len(), decoded.len());
}

#[test]
fn an_interrupt_in_the_middle_of_a_stream_ends_it_with_every_record_whole() {
    let scratch = Scratch::new("proxy-interrupt");
    for signal in ["-INT", "-TERM"] {
        let upstream = Upstream::new();
        let mut program = start(&["-f", "json", &url(&upstream)], scratch.path());
        let mut client = program.connect();
        let mut server = upstream.accept();
        let up = raw("c2s");
        client.write_all(&up).unwrap();
        read_exact(&mut server, up.len());
        server.write_all(b"\x03").unwrap();
        read_exact(&mut client, 1);
        let begin = Instant::now();
        program.signal(signal);
        assert_eq!(program.ended().code(), Some(0));
        assert!(begin.elapsed() < Duration::from_secs(3));
        let lines = lines(scratch.path());
        let [.., closed, summary] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&closed["by"], &closed["how"]), (&"rtmpctl".into(), &"end".into()));
        assert_eq!(summary["bytes"]["c2s"], up.len());
        assert_eq!(summary["proxy"]["forwarded"]["c2s"], up.len());
        assert!(summary["proxy"]["upstream"]["connect_time"].as_f64().unwrap() >= 0.0);
    }
}

#[test]
fn forwarding_does_not_wait_for_an_output_that_nobody_reads() {
    let (upstream, scratch) = (Upstream::new(), Scratch::new("proxy-unread"));
    let recording = scratch.path().join("all.pcapng");
    let options = ["-f", "json", "--chunks", "--write-pcapng", recording.to_str().unwrap()];
    let mut program = onto(&[&options[..], &[&url(&upstream)]].concat(), Stdio::piped());
    // More records than wait anywhere, each of a byte of payload.
    let mut up = vec![3; 3073];
    up.extend([[4, 0, 0, 0, 0, 0, 1, 18, 1, 0, 0, 0, 5]].repeat(60_000).concat());
    let begin = Instant::now();
    let (got, _) = exchange(program.connect(), upstream.accept(), Cut::Whole, &up, b"");
    assert!(got == up && begin.elapsed() < DEADLINE);
    let (got, _) = exchange(program.connect(), upstream.accept(), Cut::Whole, &up, b"");
    assert!(got == up);
    // Nobody reads until all of it is inspected, which the recording shows: more than waits for the disk is behind it.
    while std::fs::metadata(&recording).unwrap().len() < 2 * up.len() as u64 - (256 << 10) {
        assert!(begin.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(10));
    }
    // What was dropped is said once it is read, and numbers are left out for it.
    let lines = program.drained();
    let dropped: u64 = lines.iter().filter_map(|line| line["records"].as_u64()).sum();
    assert!(dropped > 0, "nothing was dropped of {} records", lines.len());
    let last = lines.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(last + 1, lines.len() as u64 + dropped);
}

#[test]
fn keys_are_masked_before_and_after_they_are_rewritten() {
    let scratch = Scratch::new("proxy-masked");
    let upstream = Upstream::new();
    let key = "fresh_0123456789abcdef";
    let url = format!("{}/app2/{key}", url(&upstream));
    for format in ["json", "table"] {
        let mut program = start(&["-f", format, "--once", "--rewrite", &url], scratch.path());
        let up = raw("c2s");
        let (got, _) = exchange(program.connect(), upstream.accept(), Cut::Whole, &up, &raw("s2c"));
        assert!(memchr::memmem::find(&got, key.as_bytes()).is_some());
        assert_eq!(program.ended().code(), Some(0));
        let said = program.said.lock().unwrap().join("\n");
        assert!(!said.contains(key), "{said}");
        let text = std::fs::read_to_string(scratch.path().join("out")).unwrap();
        assert!(text.contains("rewritten") && text.contains("fresh…ef"), "{text}");
        assert!(!text.contains(key));
        let old = "live_s3cr3tk3y";
        assert!(!text.contains(old), "{text}");
    }
}

#[test]
fn what_it_cannot_do_is_said_and_is_wrong_usage() {
    let run = |arguments: &[&str]| {
        let done = rtmpctl().arg("proxy").args(arguments).stdin(Stdio::null()).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let upstream = Upstream::new();
    let taken = upstream.address().to_string();
    for (arguments, said) in [
        (&["rtmp://127.0.0.1:19350", "--listen", "127.0.0.1:19350"][..], "listens itself"),
        (&["rtmp://h", "--listen", &taken], "cannot listen on"),
        (&["rtmp://h", "--listen", "nonsense:x"], "no address to listen on"),
        (&["rtmps://h", "--ca", "/nonexistent"], "cannot read certificates"),
        (&["http://h"], "no URL of RTMP"),
        (&["--rate", "x", "rtmp://h"], "rate in bits"),
        (&[], "UPSTREAM"),
    ] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn insecurity_is_said_at_each_run() {
    let scratch = Scratch::new("proxy-insecure");
    let mut program = start(&["--insecure", "rtmps://127.0.0.1:9"], scratch.path());
    assert!(program.says("is not checked (--insecure)"));
    program.signal("-INT");
    assert!(program.ended().success());
}

#[test]
fn one_connection_too_many_is_closed_at_once_and_the_others_go_on() {
    let scratch = Scratch::new("proxy-most");
    let upstream = Upstream::new();
    let arguments = ["-f", "json", "--max-connections", "1", &url(&upstream)];
    let mut program = start(&arguments, scratch.path());
    let mut client = program.connect();
    let mut server = upstream.accept();
    let mut other = program.connect();
    assert!(matches!(other.read(&mut [0]), Ok(0) | Err(_)));
    client.write_all(b"on").unwrap();
    assert_eq!(read_exact(&mut server, 2), b"on");
    drop((client, server));
    // Its place is free again.
    let begin = Instant::now();
    let upstream = upstream.accept_soon(|| drop(program.connect()));
    assert!(upstream && begin.elapsed() < DEADLINE);
    program.signal("-INT");
    assert!(program.ended().success());
    let lines = lines(scratch.path());
    let told = lines.iter().find(|line| line["code"] == "limit.connections").unwrap();
    assert!(
        told["connection"].is_null() && told["message"].as_str().unwrap().contains("1 are open")
    );
}

#[test]
fn a_connection_that_nothing_redirected_goes_nowhere() {
    let scratch = Scratch::new("proxy-not-redirected");
    let dir = scratch.path();
    let mut program = start(&["-f", "json", "--transparent"], dir);
    let mut client = program.connect();
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0, "it is closed");
    program.signal("-INT");
    assert!(program.ended().success());
    let codes: Vec<Value> = lines(dir).into_iter().map(|record| record["code"].clone()).collect();
    assert!(codes.contains(&"proxy.not-redirected".into()), "{codes:?}");
}
