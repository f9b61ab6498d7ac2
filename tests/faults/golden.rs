//! What the program prints of some of the faults, byte for byte. `UPDATE_GOLDEN=1 cargo test --test faults` writes the
//! files in `tests/faults/golden` anew; the difference is then to be read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::all;

/// A directory that goes when the test does.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The faults that are shown, and how.
const SHOWN: [(&str, &[&str]); 12] = [
    ("hs.http-on-rtmp", &[]),
    ("hs.stall", &[]),
    ("chunk.size-not-announced", &["--skip", "audio"]),
    ("chunk.sync-lost", &["--only", "finding,gap,summary"]),
    ("cmd.unanswered", &["--only", "finding,summary"]),
    ("status.badname", &["--only", "command,finding,summary"]),
    ("url.query-in-app", &["--report", "github", "--only", "finding"]),
    ("hevc.as-avc7", &["--only", "finding,summary"]),
    ("ertmp.multitrack-unsupported", &["--only", "finding,summary"]),
    ("meta.vs-bitstream", &["--only", "data,finding,summary"]),
    ("key.exposed", &["--only", "command,finding"]),
    ("idle.publisher", &["--timeline", "--skip", "handshake,command,data"]),
];

#[test]
fn golden_files_hold_what_is_printed() {
    let scratch =
        Scratch(std::env::temp_dir().join(format!("rtmpctl-faults-{}", std::process::id())));
    std::fs::create_dir_all(&scratch.0).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (code, arguments) in SHOWN {
        let fault = all().into_iter().find(|fault| fault.code == code).unwrap();
        let name = format!("{code}.pcap");
        std::fs::write(scratch.0.join(&name), fault.bytes()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
            .args(["decode", "--fail-on", "warning"])
            .args(arguments)
            .arg(&name)
            .current_dir(&scratch.0)
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("COLUMNS")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        if !output.stderr.is_empty() {
            text.push_str("--- stderr\n");
            text.push_str(&String::from_utf8(output.stderr).unwrap());
        }
        text.push_str(&format!("--- status {}\n", output.status.code().unwrap()));
        let path = golden.join(format!("{code}.txt"));
        if update {
            std::fs::create_dir_all(&golden).unwrap();
            std::fs::write(&path, text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(format!("{code}:\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE_GOLDEN=1 writes the files anew)", wrong.join("\n"));
}
