//! The program as a user meets it: exit statuses, streams, bad input, completions.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A directory that goes when the test does.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("rtmpctl-cli-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rtmpctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtmpctl"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs to the end: status, stdout, stderr.
fn done(output: Output) -> (i32, String, String) {
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn decode(arguments: &[&str], file: &Path) -> (i32, String, String) {
    done(rtmpctl().arg("decode").args(arguments).arg(file).output().unwrap())
}

/// A pcap file header with one Ethernet packet of these bytes.
fn pcap(packets: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0,
    ];
    for packet in packets {
        out.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        out.extend((packet.len() as u32).to_le_bytes());
        out.extend((packet.len() as u32).to_le_bytes());
        out.extend(*packet);
    }
    out
}

#[test]
fn files_that_cannot_be_decoded_say_what_they_are_and_exit_2() {
    let scratch = Scratch::new();
    for (name, bytes, says) in [
        ("empty", &b""[..], "empty"),
        ("text", b"12:00:00.000000 IP 10.0.0.1.1935 > 10.0.0.2.40000: Flags [P.]", "text"),
        ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03xxxxxxxxxxxxxxxx", "gzip"),
        ("xz", b"\xfd7zXZ\x00\x00\x04", "xz -dc"),
        ("flv", b"FLV\x01\x05\x00\x00", "cut or damaged"),
        ("mp4", b"\x00\x00\x00\x20ftypisom", "an MP4 file"),
        (
            "noise",
            b"\x01\x02\x03\x04\x05\x06\x07\x08\x80\x81\x82\x83",
            "no pcap, pcapng or FLV file, nor one direction of an RTMP connection",
        ),
    ] {
        let path = scratch.file(name, bytes);
        let (status, out, error) = decode(&[], &path);
        assert_eq!((status, out.as_str()), (2, ""), "{name}: {error}");
        assert!(error.contains(says), "{name}: {error}");
        assert!(error.contains(path.to_str().unwrap()), "{name}: {error}");
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
    }
}

#[test]
fn a_capture_without_rtmp_exits_0_and_says_so() {
    let scratch = Scratch::new();
    let udp = [0u8; 60];
    for (name, bytes, says) in
        [("none", pcap(&[]), "holds no packets"), ("other", pcap(&[&udp]), "none of the 1 packets")]
    {
        let (status, out, error) = decode(&["-f", "json"], &scratch.file(name, &bytes));
        assert_eq!(status, 0, "{error}");
        assert_eq!(out.lines().count(), 1, "only the start line: {out}");
        assert!(error.contains("no RTMP found") && error.contains(says), "{error}");
        let (_, _, quiet) = decode(&["-q"], &scratch.file(name, &bytes));
        assert_eq!(quiet, "");
    }
}

#[test]
fn a_truncated_capture_gives_what_was_before_a_finding_and_status_0() {
    let scratch = Scratch::new();
    let whole = fs::read(testdata("quickstart.pcap")).unwrap();
    let path = scratch.file("cut.pcap", &whole[..whole.len() / 2]);
    let (status, out, _) = decode(&["-f", "json"], &path);
    assert_eq!(status, 0);
    let records: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().filter(|r| r["event"] == "message").count() > 100);
    let truncated = records.iter().filter(|r| r["code"] == "capture.truncated").count();
    assert_eq!(truncated, 1);
    assert_eq!(records.last().unwrap()["event"], "summary");
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_exits_2() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.file("secret.pcap", &pcap(&[]));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // root may read everything, so there is nothing to see
    }
    let (status, out, error) = decode(&[], &path);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(
        error.contains("secret.pcap") && error.to_lowercase().contains("permission"),
        "{error}"
    );
}

#[test]
fn wrong_usage_exits_2_and_help_and_version_exit_0() {
    for (arguments, status) in [
        (&["decode"][..], 2),
        (&["nonsense"], 2),
        (&[], 2),
        (&["decode", "--port", "x", "f"], 2),
        (&["decode", "-q", "-v", "f"], 2),
        (&["--help"], 0),
        (&["decode", "-h"], 0),
        (&["--version"], 0),
    ] {
        let (code, out, error) = done(rtmpctl().args(arguments).output().unwrap());
        assert_eq!(code, status, "{arguments:?}: {error}");
        assert_eq!(out.is_empty(), status == 2, "{arguments:?}");
    }
}

#[test]
fn standard_input_is_read_as_it_comes() {
    let whole = fs::read(testdata("quickstart.pcap")).unwrap();
    let mut child = rtmpctl()
        .args(["decode", "-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    // Half of it, and the pipe stays open: what is in it has to come out before any more goes in.
    input.write_all(&whole[..whole.len() / 2]).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(9).any(|w| w == b"\"publish\"") {
        let n = output.read(&mut buffer).unwrap();
        assert!(n > 0, "the output ended early");
        seen.extend_from_slice(&buffer[..n]);
    }
    input.write_all(&whole[whole.len() / 2..]).unwrap();
    drop(input);
    output.read_to_end(&mut seen).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let (_, direct, _) = decode(&["-f", "json"], &testdata("quickstart.pcap"));
    assert!(text(&seen).lines().skip(1).eq(direct.lines().skip(1)));
}

/// What a running program prints, with an end to the patience.
struct Printed {
    blocks: std::sync::mpsc::Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Printed {
    fn of(mut output: impl Read + Send + 'static) -> Self {
        let (sender, blocks) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { blocks, seen: Vec::new() }
    }

    fn until(&mut self, needle: &str) {
        while !self.seen.windows(needle.len()).any(|w| w == needle.as_bytes()) {
            match self.blocks.recv_timeout(Duration::from_secs(60)) {
                Ok(block) => self.seen.extend(block),
                Err(error) => panic!("{needle} did not come: {error}"),
            }
        }
    }

    fn rest(mut self) -> String {
        self.seen.extend(self.blocks.iter().flatten());
        text(&self.seen)
    }
}

#[cfg(unix)]
fn terminate(child: &std::process::Child) {
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_file_that_grows_is_followed_until_a_signal() {
    let scratch = Scratch::new();
    let whole = fs::read(testdata("quickstart.pcap")).unwrap();
    let (_, direct, _) = decode(&["-f", "json"], &testdata("quickstart.pcap"));
    let last = direct.lines().rfind(|line| line.contains(r#""event":"message""#)).unwrap();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&whole[..whole.len() / 2]).unwrap();
        encoder.flush().unwrap();
        let half = encoder.get_ref().len();
        encoder.write_all(&whole[whole.len() / 2..]).unwrap();
        (half, encoder.finish().unwrap())
    };
    for (name, half, whole) in [("a.pcap", whole.len() / 2, &whole), ("a.gz", gzip.0, &gzip.1)] {
        let path = scratch.file(name, &whole[..half]);
        let mut child = rtmpctl()
            .args(["decode", "-f", "json", "--follow"])
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut printed = Printed::of(child.stdout.take().unwrap());
        // The half ends inside a record, which is no truncation yet.
        printed.until(r#""publish""#);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole[half..]).unwrap();
        printed.until(last);
        terminate(&child);
        let seen = printed.rest();
        let (status, _, error) = done(child.wait_with_output().unwrap());
        assert_eq!((status, error.as_str()), (0, ""));
        assert!(seen.lines().skip(1).eq(direct.lines().skip(1)), "{name}: {seen}");
    }
}

#[cfg(unix)]
#[test]
fn following_ends_with_summaries_while_a_record_is_not_complete() {
    let scratch = Scratch::new();
    let whole = fs::read(testdata("quickstart.pcap")).unwrap();
    let done_part = testdata("ipv6.pcap");
    let path = scratch.file("growing.pcap", &whole[..whole.len() / 2]);
    let mut child = rtmpctl()
        .args(["decode", "-f", "json", "--follow"])
        .args([&done_part, &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = Printed::of(child.stdout.take().unwrap());
    printed.until("live_s");
    printed.until("growing.pcap\",\"kind\":\"audio");
    terminate(&child);
    let seen = printed.rest();
    let (status, _, error) = done(child.wait_with_output().unwrap());
    assert_eq!((status, error.as_str()), (0, ""));
    assert!(!seen.contains("capture.truncated"), "{seen}");
    assert!(seen.lines().last().unwrap().contains(r#""event":"summary""#), "{seen}");
}

#[test]
fn files_from_a_list_are_read_behind_those_of_the_command_line() {
    let scratch = Scratch::new();
    let arguments = ["-f", "json", "--only", "summary"];
    let (ipv6, vlan, sll2) = (testdata("ipv6.pcap"), testdata("vlan.pcap"), testdata("sll2.pcap"));
    let direct = rtmpctl().arg("decode").args(arguments).args([&ipv6, &vlan, &sll2]).output();
    let (_, expected, _) = done(direct.unwrap());
    let (vlan, sll2) = (vlan.to_str().unwrap(), sll2.to_str().unwrap());
    for list in [
        format!("{vlan}\n{sll2}\n"),
        format!("{vlan}\n\n{sll2}"),
        format!("\u{feff}{vlan}\r\n{sll2}\r\n"),
        format!("{vlan}\0{sll2}\0"),
        format!("{vlan}\0{sll2}"),
    ] {
        let list = scratch.file("list", list.as_bytes());
        let mut command = rtmpctl();
        command.arg("decode").args(arguments).arg(&ipv6).arg("--files-from");
        let (status, out, error) = done(command.arg(&list).output().unwrap());
        assert_eq!((status, error.as_str()), (0, ""));
        assert_eq!(out, expected);
        // The list on standard input, and no other file.
        let input = fs::File::open(&list).unwrap();
        let mut command = rtmpctl();
        command.arg("decode").args(arguments).args(["--files-from", "-"]).stdin(input);
        let (status, out, _) = done(command.output().unwrap());
        assert_eq!((status, out.lines().count()), (0, expected.lines().count() - 1));
    }
    // Each that cannot be read is named, and the others are decoded.
    let list = format!("no/such.pcap\n{vlan}\nCargo.toml\n{sll2}\n");
    let list = scratch.file("list", list.as_bytes());
    let list = list.to_str().unwrap();
    let mut command = rtmpctl();
    command.arg("decode").args(arguments).args(["--files-from", list]);
    let (status, out, error) = done(command.output().unwrap());
    assert_eq!(status, 2);
    assert_eq!(out.lines().count(), expected.lines().count() - 1);
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(error.contains("no/such.pcap") && error.contains("Cargo.toml"), "{error}");
    // A capture of the list is not emptied by -o.
    let copy = scratch.file("copy.pcap", &fs::read(vlan).unwrap());
    let copy = copy.to_str().unwrap();
    scratch.file("list", copy.as_bytes());
    let command = ["decode", "--files-from", list, "-o", copy];
    let (status, _, error) = done(rtmpctl().args(command).output().unwrap());
    assert_eq!(status, 2);
    assert!(error.contains("it is a capture to read"), "{error}");
    assert_eq!(fs::read(copy).unwrap(), fs::read(vlan).unwrap());
    // Nothing to read at all.
    scratch.file("list", b"\n");
    for arguments in [
        &["--files-from", list][..],
        &["--files-from", "no/such/list"],
        &["--files-from", "-", "-"],
    ] {
        let (status, out, error) = done(rtmpctl().arg("decode").args(arguments).output().unwrap());
        assert_eq!((status, out.as_str(), error.lines().count()), (2, "", 1), "{error}");
    }
}

#[test]
fn a_compressed_capture_on_standard_input_is_read_as_it_comes() {
    let whole = fs::read(testdata("quickstart.pcap")).unwrap();
    let mut child = rtmpctl()
        .args(["decode", "-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = Printed::of(child.stdout.take().unwrap());
    let input = child.stdin.take().unwrap();
    let mut encoder = zstd::stream::write::Encoder::new(input, 1).unwrap();
    encoder.write_all(&whole[..whole.len() / 2]).unwrap();
    encoder.flush().unwrap();
    printed.until(r#""publish""#);
    // The compressor is killed: the frame has no end.
    drop(encoder);
    let seen = printed.rest();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(seen.contains("capture.truncated") && seen.contains("its zstd data end too early"));
    assert!(seen.lines().last().unwrap().contains(r#""event":"summary""#));
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let mut child = rtmpctl()
        .args(["decode", "-f", "json", "--payload", "hex"])
        .arg(testdata("large-message.pcap"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let (status, _, error) = done(child.wait_with_output().unwrap());
    assert_eq!((status, error.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_message_and_status_2() {
    let output = rtmpctl()
        .args(["decode", "-f", "json", "-o", "/dev/full"])
        .arg(testdata("quickstart.pcap"))
        .output()
        .unwrap();
    let (status, _, error) = done(output);
    assert_eq!(status, 2);
    assert!(error.contains("cannot write to /dev/full"), "{error}");
}

#[test]
fn the_output_file_holds_what_standard_output_would() {
    let scratch = Scratch::new();
    let path = scratch.0.join("out.json");
    let (status, out, _) =
        decode(&["-f", "json", "-o", path.to_str().unwrap()], &testdata("ipv6.pcap"));
    assert_eq!((status, out.as_str()), (0, ""));
    let (_, direct, _) = decode(&["-f", "json"], &testdata("ipv6.pcap"));
    assert_eq!(fs::read_to_string(path).unwrap(), direct);
    let (status, _, error) = decode(&["-o", scratch.0.to_str().unwrap()], &testdata("ipv6.pcap"));
    assert_eq!(status, 2);
    assert!(error.contains("cannot write"), "{error}");
}

#[test]
fn fail_on_counts_findings_whatever_the_filters_show() {
    let file = testdata("one-lost-segment.pcap");
    for (arguments, status) in [
        (&["--fail-on", "error"][..], 0),
        (&["--fail-on", "warning"], 1),
        (&["--fail-on", "info"], 1),
        (&["--fail-on", "never"], 0),
        (&["--fail-on", "warning", "--only", "summary"], 1),
        (&[], 0),
    ] {
        assert_eq!(decode(arguments, &file).0, status, "{arguments:?}");
    }
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let file = testdata("one-lost-segment.pcap");
    let escapes = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let output =
            rtmpctl().arg("decode").args(arguments).arg(&file).envs(variable).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!escapes(&[], None));
    assert!(escapes(&["--color", "always"], None));
    assert!(escapes(&[], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!escapes(&["--color", "never"], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!escapes(&["-f", "json", "--color", "always"], None));
}

#[test]
fn a_capture_is_not_overwritten_by_its_own_output() {
    let scratch = Scratch::new();
    let bytes = fs::read(testdata("quickstart.pcap")).unwrap();
    let file = scratch.file("own.pcap", &bytes);
    let other = scratch.0.join(".").join("own.pcap");
    for output in [&file, &other] {
        let (status, out, error) = decode(&["-o", output.to_str().unwrap()], &file);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(error.contains("it is a capture to read"), "{error}");
        assert!(fs::read(&file).unwrap() == bytes);
    }
}

#[test]
fn keys_are_masked_everywhere_unless_they_are_asked_for() {
    const KEY: &str = "live_s3cr3tk3y_8f3a1c5e7b9d";
    let hex: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (file, keys) in [
        ("quickstart.pcap", &[][..]),
        ("carried/rtmps-tls13.pcap", &["--key-log", "testdata/carried/rtmps-tls13.keys"]),
        ("carried/rtmps-secrets.pcapng", &[]),
    ] {
        let file = testdata(file);
        for arguments in [
            &["-f", "json", "--payload", "hex"][..],
            &["-f", "json", "--payload", "base64"],
            &["-f", "json", "--chunks"],
            &["--payload", "hex"],
            &["--frames"],
            &["-v"],
        ] {
            let (_, out, error) = decode(&[arguments, keys].concat(), &file);
            assert!(!out.contains(KEY) && !error.contains(KEY), "{arguments:?}");
            assert!(!out.contains(&hex), "{arguments:?}");
            assert!(!out.contains("s3cr3t"), "{arguments:?}");
            // Base64 of the key at each of the three alignments.
            for part in ["czNjcjN0azN5", "MzY3IzdGszeV8", "zM2NyM3RrM3lf"] {
                assert!(!out.contains(part), "{arguments:?}");
            }
            let (_, out, _) = decode(&[arguments, keys, &["--show-keys"]].concat(), &file);
            assert!(
                out.contains(KEY) || out.contains(&hex) || arguments.contains(&"base64"),
                "{arguments:?}"
            );
        }
        let (_, out, _) = decode(
            &[&["-f", "json", "--payload", "hex", "--only", "command"], keys].concat(),
            &file,
        );
        assert!(out.contains(&"**".repeat(KEY.len())));
    }
}

#[test]
fn recordings_are_raw_say_so_and_overwrite_nothing() {
    let scratch = Scratch::new();
    let (dir, pcapng) = (scratch.0.join("flv"), scratch.0.join("copy.pcapng"));
    let arguments = [
        "--write-flv",
        dir.to_str().unwrap(),
        "--write-pcapng",
        pcapng.to_str().unwrap(),
        "-f",
        "json",
    ];
    let file = testdata("two-connections.pcap");
    let (status, direct, error) = decode(&arguments, &file);
    assert_eq!(status, 0, "{error}");
    assert_eq!(
        error.lines().filter(|line| line.contains("stream keys and tokens")).count(),
        1,
        "{error}"
    );
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["rtmp-001-1.flv", "rtmp-002-1-play.flv"]);
    let flv = fs::read(dir.join("rtmp-001-1.flv")).unwrap();
    assert_eq!(flv[..5], *b"FLV\x01\x05");

    // The recording decodes to the same records, but for its name and the packets that it has its own of.
    let (status, again, _) = decode(&["-f", "json"], &pcapng);
    assert_eq!(status, 0);
    // Its TCP is made up too: what is said of the network is left out, and the numbers with it.
    let plain = |lines: &str| -> Vec<serde_json::Value> {
        let mut numbers = std::collections::HashMap::new();
        let mut records = Vec::new();
        for line in lines.lines().skip(1) {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            if record["code"].as_str().is_some_and(|code| code.starts_with("tcp.")) {
                continue;
            }
            let fields = record.as_object_mut().unwrap();
            fields.remove("frame");
            numbers.insert(fields["seq"].as_u64().unwrap(), records.len());
            fields["seq"] = records.len().into();
            if let Some(call) = record.pointer("/command/reply_to").and_then(|seq| seq.as_u64()) {
                record["command"]["reply_to"] = numbers[&call].into();
            }
            if let Some(about) = record["about"].as_u64() {
                record["about"] = numbers[&about].into();
            }
            if record["event"] == "summary" {
                record["findings"]["info"] = 0.into();
                record["findings_list"] = serde_json::Value::Null;
                record["verdict"]["evidence"] = serde_json::Value::Null;
                record["verdict"]["findings"] = serde_json::Value::Null;
            }
            records.push(record);
        }
        records
    };
    assert_eq!(plain(&again), plain(&direct));

    let before = fs::read(&pcapng).unwrap();
    let (status, out, error) = decode(&arguments, &file);
    assert_eq!((status, out.as_str()), (2, ""), "{error}");
    assert!(error.contains("nothing is overwritten"), "{error}");
    assert_eq!(fs::read(&pcapng).unwrap(), before);
    let (status, _, _) = decode(&arguments[..2], &file);
    assert_eq!(status, 0);
    assert_eq!(fs::read(dir.join("rtmp-001-1.flv")).unwrap(), flv);
    assert!(dir.join("rtmp-001-1-2.flv").exists());
}

#[test]
fn the_committed_completions_are_what_the_program_prints() {
    for (shell, file) in [
        ("bash", "rtmpctl.bash"),
        ("zsh", "_rtmpctl"),
        ("fish", "rtmpctl.fish"),
        ("powershell", "_rtmpctl.ps1"),
        ("elvish", "rtmpctl.elv"),
    ] {
        let (status, out, _) = done(rtmpctl().args(["completions", shell]).output().unwrap());
        assert_eq!(status, 0);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &out).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            out == committed,
            "completions/{file} is stale: rtmpctl completions {shell} > completions/{file}"
        );
    }
}

#[test]
fn man_pages_come_out_whole() {
    let (status, out, _) = done(rtmpctl().arg("man").output().unwrap());
    assert_eq!(status, 0);
    assert!(out.contains(".TH rtmpctl 1"), "{out}");
    let scratch = Scratch::new();
    let (status, out, _) = done(rtmpctl().arg("man").arg(&scratch.0).output().unwrap());
    assert_eq!((status, out.as_str()), (0, ""));
    let page = fs::read_to_string(scratch.0.join("rtmpctl-decode.1")).unwrap();
    assert!(page.contains("fail\\-on"), "{page}");
}

#[test]
fn rules_are_listed_and_explained() {
    let (status, list, _) = done(rtmpctl().arg("rules").output().unwrap());
    assert_eq!(status, 0);
    assert!(list.lines().any(|line| line.starts_with("chunk.sync-lost")), "{list}");
    for line in list.lines() {
        let code = line.split_whitespace().next().unwrap();
        let (status, out, _) = done(rtmpctl().args(["rules", code]).output().unwrap());
        assert_eq!(status, 0);
        assert!(out.starts_with(code) && out.contains("Meaning:") && out.contains("Fix:"), "{out}");
    }
    let (status, _, error) = done(rtmpctl().args(["rules", "no.such"]).output().unwrap());
    assert_eq!(status, 2);
    assert!(error.contains("no.such"));
}

#[test]
fn the_schema_is_json() {
    let (status, out, _) = done(rtmpctl().arg("schema").output().unwrap());
    assert_eq!(status, 0);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn a_key_log_that_cannot_be_read_is_wrong_usage_and_an_empty_one_is_said() {
    let scratch = Scratch::new();
    let capture = testdata("carried/rtmps-tls13.pcap");
    let missing = scratch.0.join("missing.keys");
    for path in [&missing, &scratch.0] {
        let (status, out, error) = decode(&["--key-log", path.to_str().unwrap()], &capture);
        assert_eq!((status, out.as_str()), (2, ""), "{error}");
        assert!(error.contains("cannot open") && error.contains(path.to_str().unwrap()), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    for text in [&b""[..], b"# a comment\n", b"SOMETHING else\n", &[0xff; 100_000]] {
        let path = scratch.file("no.keys", text);
        let arguments = ["--key-log", path.to_str().unwrap()];
        let (status, _, error) = decode(&arguments, &capture);
        assert_eq!(status, 0, "{error}");
        let says = format!("{} holds no secrets of TLS connections", path.display());
        assert!(error.contains(&says), "{error}");
        let (status, out, error) = decode(&[&arguments[..], &["-q"]].concat(), &capture);
        assert_eq!((status, error.as_str()), (0, ""));
        assert!(out.contains("tls.no-keys"), "{out}");
    }
    // Secrets of other connections are secrets, and not of this one.
    let other = testdata("carried/rtmps-key-update.keys");
    let (status, out, error) = decode(&["--key-log", other.to_str().unwrap()], &capture);
    assert_eq!(status, 0);
    assert!(out.contains("tls.no-keys") && !out.contains("decrypted with"), "{out}");
    assert!(error.contains("the secrets given are not of RTMP in it"), "{error}");
    // The right ones leave nothing to say beside the output.
    let right = testdata("carried/rtmps-tls13.keys");
    let (status, out, error) = decode(&["--key-log", right.to_str().unwrap()], &capture);
    assert_eq!((status, error.as_str()), (0, ""));
    assert!(out.contains("tls.decrypted"), "{out}");
}

/// The packets of a pcap file, each with its header.
fn split(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = &file[24..];
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (packet, behind) = rest.split_at(16 + length);
        packets.push(packet);
        rest = behind;
    }
    packets
}

#[test]
fn secrets_that_come_while_a_pipe_is_read_are_used_from_the_next_packet_on() {
    let scratch = Scratch::new();
    let log = fs::read(testdata("carried/rtmps-tls13.keys")).unwrap();
    let file = fs::read(testdata("carried/rtmps-tls13.pcap")).unwrap();
    // Another connection shows how far it has been read.
    let beside = fs::read(testdata("network/whole.pcap")).unwrap();
    assert_eq!(file[..24], beside[..24], "one header is good for both");
    let (packets, others) = (split(&file), split(&beside));
    let half = packets.len() / 2;
    let path = scratch.file("growing.keys", b"");
    let mut child = rtmpctl()
        .args(["decode", "-f", "json", "--show-keys", "-", "--key-log"])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut printed = Printed::of(child.stdout.take().unwrap());
    input.write_all(&file[..24]).unwrap();
    input.write_all(&packets[..half].concat()).unwrap();
    input.write_all(&others.concat()).unwrap();
    printed.until(r#""event":"summary""#);
    assert!(!text(&printed.seen).contains("rtmps"), "it cannot be read yet");
    // What a program writes may be cut inside of a line.
    let mut keys = fs::OpenOptions::new().append(true).open(&path).unwrap();
    keys.write_all(&log[..50]).unwrap();
    keys.write_all(&log[50..]).unwrap();
    input.write_all(packets[half]).unwrap();
    printed.until("tls.decrypted");
    printed.until("live_s3cr3tk3y_8f3a1c5e7b9d");
    input.write_all(&packets[half + 1..].concat()).unwrap();
    drop(input);
    let seen = printed.rest();
    let (status, _, error) = done(child.wait_with_output().unwrap());
    assert_eq!((status, error.as_str()), (0, ""));
    // Nothing of the first half is missing.
    let count = |lines: &str, from: &str| {
        let of = |line: &&str| line.contains(r#""event":"message""#) && line.contains(from);
        lines.lines().filter(of).count()
    };
    let (_, direct, _) = decode(
        &["-f", "json", "--key-log", path.to_str().unwrap()],
        &testdata("carried/rtmps-tls13.pcap"),
    );
    assert_eq!(count(&seen, r#""connection":2"#), count(&direct, r#""connection":1"#));
    assert!(count(&direct, r#""connection":1"#) > 50);
}
