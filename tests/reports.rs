//! Profiles, severities and reports as scripts use them: exit statuses, files, annotations.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Scratch;

/// Runs `rtmpctl decode` in the repository: status, standard output, standard error.
fn decode(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
        .arg("decode")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn write(scratch: &Scratch, name: &str, text: &str) -> PathBuf {
    let path = scratch.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const OBS: &str = "testdata/obs-nginx.pcap";

#[test]
fn findings_of_profiles_count_and_silenced_ones_do_not() {
    let scratch = Scratch::new("profiles");
    for (text, status, says) in [
        (
            "[video]\nmax_gop = 4\n",
            1,
            Some("profile.gop: Keyframe every 8.3 s: the profile wants 4 s or less"),
        ),
        ("name = \"Us\"\n[video]\nmax_gop = 4\n", 1, Some("8.3 s: Us wants 4 s or less")),
        ("[video]\nmax_gop = { value = 4, advice = true }\n", 0, Some("info       profile.gop")),
        ("[video]\nmax_gop = 4\n[rules]\n\"profile.gop\" = \"off\"\n", 0, None),
        (
            "[video]\nmax_gop = 4\n[rules]\n\"profile.gop\" = \"info\"\n",
            0,
            Some("info       profile.gop"),
        ),
        (
            "[rules]\n\"gop.long\" = \"off\"\n\"tcp.round-trip\" = \"error\"\n",
            1,
            Some("error      tcp.round-trip"),
        ),
    ] {
        let path = write(&scratch, "us.toml", text);
        let profile = path.to_str().unwrap();
        let arguments = ["--profile", profile, "--fail-on", "warning", "--only", "finding", OBS];
        let (got, out, err) = decode(&arguments);
        assert_eq!((got, err.as_str()), (status, ""), "{text}: {out}");
        match says {
            Some(says) => assert!(out.contains(says), "{text}: {out}"),
            None => assert!(!out.contains("profile.gop"), "{text}: {out}"),
        }
        assert!(!out.contains("gop.long"), "the profile has the number: {out}");
    }
}

#[test]
fn wrong_profiles_exit_2_and_name_the_line() {
    let scratch = Scratch::new("wrong-profiles");
    let path = write(&scratch, "us.toml", "[video]\ncodecs = [\"avc\"]\nmax_gopp = 4\n");
    let (status, out, err) = decode(&["--profile", path.to_str().unwrap(), OBS]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(
        err.ends_with(
            "us.toml line 3: there is no key in [video] max_gopp; did you mean max_gop?\n"
        ),
        "{err}"
    );
    for (typed, says) in [
        ("twich", "did you mean twitch?"),
        ("nowhere.toml", "cannot read nowhere.toml"),
        ("x", "there are youtube"),
    ] {
        let (status, _, err) = decode(&["--profile", typed, OBS]);
        assert!(status == 2 && err.contains(says), "{typed}: {err}");
    }
}

#[test]
fn profiles_are_listed_and_shown() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rtmpctl")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let names: Vec<String> = run(&["profiles", "-f", "json"])
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["profile"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["youtube", "twitch", "facebook", "ivs", "cloudflare", "generic"]);
    for name in &names {
        assert!(run(&["profiles"]).lines().any(|line| line.starts_with(&**name)));
        let shown = run(&["profiles", name]);
        assert!(shown.contains("as seen on 20") && shown.contains("https://"), "{shown}");
    }
}

/// The names of elements in order of their ends, where every one that begins ends and every entity is one of XML's.
fn elements(xml: &str) -> Vec<String> {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>'), "{text}");
        for entity in part.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#10"].contains(&name), "{entity}");
        }
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap().to_owned();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            closed.push(name.to_owned());
        } else if tag.ends_with('/') {
            closed.push(name);
        } else {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0], "not closed");
    closed
}

#[test]
fn junit_files_have_a_suite_for_each_connection_and_fail_where_the_program_does() {
    let scratch = Scratch::new("junit");
    let path = scratch.path().join("a b.xml");
    let file = path.to_str().unwrap();
    let several = [OBS, "testdata/refused.pcap"];
    for (fail_on, status, failures) in [("never", 0, false), ("warning", 1, true)] {
        let mut arguments =
            vec!["--report", "junit", file, "--fail-on", fail_on, "--only", "command"];
        arguments.extend(several);
        arguments.extend(["--profile", "youtube"]);
        let (got, _, err) = decode(&arguments);
        assert_eq!((got, err.as_str()), (status, ""));
        let xml = std::fs::read_to_string(&path).unwrap();
        let ended = elements(&xml);
        let count = |name| ended.iter().filter(|ended| *ended == name).count();
        assert_eq!((count("testsuite"), count("testsuites")), (5, 1), "{xml}");
        let gop =
            "<failure type=\"warning\" message=\"Keyframe every 8.3 s: YouTube wants 4 s or less.";
        assert_eq!(xml.contains(gop), failures, "{xml}");
        assert!(xml.contains("name=\"profile.gop\""), "{xml}");
        assert!(!xml.contains("/cam1") && !xml.contains("live_secret"), "{xml}");
    }
    let (status, _, err) = decode(&["--report", "junit", "/nowhere/x.xml", OBS]);
    assert!(status == 2 && err.contains("cannot write /nowhere/x.xml"), "{err}");
    let capture = scratch.path().join("own.pcap");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(OBS), &capture).unwrap();
    let own = capture.to_str().unwrap();
    let (status, _, err) = decode(&["--report", "junit", own, own]);
    assert!(status == 2 && err.contains("it is a capture to read"), "{err}");
}

#[test]
fn a_connection_with_nothing_wrong_is_a_case_that_passes() {
    let scratch = Scratch::new("junit-clean");
    let path = scratch.path().join("x.xml");
    let profile = write(&scratch, "off.toml", &{
        let mut text = "[rules]\n".to_owned();
        for rule in rtmpctl::inspect::rules::RULES {
            text.push_str(&format!("\"{}\" = \"off\"\n", rule.code));
        }
        text
    });
    let report = format!("junit={}", path.display());
    let (status, ..) = decode(&[
        "--report",
        &report,
        "--profile",
        profile.to_str().unwrap(),
        "--fail-on",
        "info",
        OBS,
    ]);
    assert_eq!(status, 0, "everything is silenced");
    let xml = std::fs::read_to_string(&path).unwrap();
    assert!(xml.contains("tests=\"1\" failures=\"0\""), "{xml}");
    assert!(
        xml.contains("<testcase classname=\"rtmpctl.connection-1\" name=\"no findings\"/>"),
        "{xml}"
    );
}

#[test]
fn annotations_go_to_standard_error_one_for_each_code() {
    let run = |fail_on: &str| {
        let (_, out, err) = decode(&[
            "--report",
            "github",
            "--profile",
            "youtube",
            "-f",
            "json",
            "--fail-on",
            fail_on,
            OBS,
        ]);
        assert!(out.lines().all(|line| line.starts_with('{')));
        err
    };
    let warnings = run("never");
    let [line] = &warnings.lines().collect::<Vec<_>>()[..] else { panic!("{warnings}") };
    assert!(
        line.starts_with(
            "::warning file=testdata/obs-nginx.pcap,title=profile.gop on connection 1::Keyframe every 8.3 s: YouTube \
             wants 4 s or less."
        ),
        "{line}"
    );
    assert!(line.contains("%0A"), "{line}");
    assert!(
        run("info").lines().any(|line| line.starts_with("::notice ")),
        "notes, where they count"
    );
}

/// Whether a message is a coded frame, which seconds count.
fn is_frame(record: &serde_json::Value) -> bool {
    let coded = |media: &str| {
        let packet = record[media]["packet_type"].as_str();
        matches!(packet, Some("coded_frames" | "coded_frames_x" | "raw"))
    };
    coded("audio") || coded("video")
}

#[test]
fn seconds_have_every_frame_and_every_finding_once() {
    for capture in ["quickstart.pcap", "obs-nginx.pcap", "refused.pcap", "play.pcap", "avc-aac.flv"]
    {
        let path = format!("testdata/{capture}");
        let (_, out, _) = decode(&["-f", "json", "--timeline", &path]);
        let records: Vec<serde_json::Value> =
            out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seconds: Vec<_> = records.iter().filter(|r| r["event"] == "timeline").collect();
        for media in ["audio", "video"] {
            let of = |field: &str| -> u64 {
                let own = seconds.iter().filter(|second| second["type"] == media);
                own.map(|second| second[field].as_u64().unwrap_or(0)).sum()
            };
            let messages: Vec<_> =
                records.iter().filter(|r| r["kind"] == media && is_frame(r)).collect();
            assert_eq!(of("frames"), messages.len() as u64, "{capture} {media}");
            let bytes: u64 = messages.iter().map(|r| r["length"].as_u64().unwrap()).sum();
            assert_eq!(of("bytes"), bytes, "{capture} {media}");
            let keys = messages.iter().filter(|r| r["video"]["frame_type"] == "key").count();
            assert_eq!(of("keyframes"), keys as u64, "{capture} {media}");
        }
        for second in &seconds {
            let long = second["duration"].as_f64().unwrap();
            assert!((0.0..60.0).contains(&long), "{capture}: {second}");
        }
        for severity in ["info", "warning", "error"] {
            let told: u64 =
                seconds.iter().map(|second| second["findings"][severity].as_u64().unwrap()).sum();
            let summaries = records.iter().filter(|r| r["event"] == "summary");
            // Connections without media have no seconds to tell of theirs.
            let with_media = summaries
                .filter(|r| seconds.iter().any(|second| second["connection"] == r["connection"]));
            let all: u64 = with_media.map(|r| r["findings"][severity].as_u64().unwrap()).sum();
            assert_eq!(told, all, "{capture} {severity}");
        }
    }
}
