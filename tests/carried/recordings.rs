//! What `--write-pcapng` and `--write-flv` make of what is carried.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A directory that goes when the test does.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The messages of a file, with their payloads; secrets as they are.
fn messages(file: &Path, options: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
        .args(["decode", "-q", "-f", "json", "--payload", "base64", "--show-keys"])
        .args(["--only", "message"])
        .args(options)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What makes a message: kind, time stamp, payload and their like.
fn content(message: &Value, fields: &[&str]) -> Vec<Value> {
    fields.iter().map(|field| message[field].clone()).collect()
}

#[test]
fn they_decode_to_the_same_messages() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/carried");
    for name in [
        "rtmps-tls13",
        "rtmps-resumed",
        "rtmps-drop-inside",
        "rtmpt-publish",
        "rtmpt-close",
        "rtmpt-play",
        "rtmpts",
    ] {
        let dir =
            std::env::temp_dir().join(format!("rtmpctl-carried-{name}-{}", std::process::id()));
        let scratch = Scratch(dir);
        std::fs::create_dir_all(&scratch.0).unwrap();
        let (flv, pcapng) = (scratch.0.join("flv"), scratch.0.join("copy.pcapng"));
        let keys = testdata.join(format!("{name}.keys"));
        let mut options = vec!["--write-flv", flv.to_str().unwrap()];
        options.extend(["--write-pcapng", pcapng.to_str().unwrap()]);
        if keys.exists() {
            options.extend(["--key-log", keys.to_str().unwrap()]);
        }
        let direct = messages(&testdata.join(format!("{name}.pcap")), &options);
        assert!(direct.len() > 20, "{name}");

        let fields = [
            "connection",
            "direction",
            "kind",
            "timestamp",
            "length",
            "offset",
            "end",
            "payload",
            "chunk_stream_id",
            "message_stream_id",
            "damaged",
            "time",
        ];
        // A copy holds no TLS and no HTTP, and needs no secrets.
        let again = messages(&pcapng, &[]);
        for (got, want) in again.iter().zip(&direct) {
            assert_eq!(content(got, &fields), content(want, &fields), "{name}");
        }
        assert_eq!(again.len(), direct.len(), "{name}");

        // Media of each stream, without what is damaged.
        let is_media =
            |m: &&Value| (m["kind"] == "audio" || m["kind"] == "video") && m["damaged"].is_null();
        let media: Vec<&Value> = direct.iter().filter(is_media).collect();
        let mut tags = Vec::new();
        let mut files: Vec<_> =
            std::fs::read_dir(&flv).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in &files {
            tags.extend(messages(file, &[]));
        }
        let tags: Vec<&Value> = tags.iter().filter(is_media).collect();
        let fields = ["kind", "timestamp", "length", "payload"];
        for (got, want) in tags.iter().zip(&media) {
            assert_eq!(content(got, &fields), content(want, &fields), "{name}");
        }
        assert_eq!(tags.len(), media.len(), "{name}");
        assert!(tags.len() > 10, "{name}");
    }
}
