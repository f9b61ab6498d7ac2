//! The command's output, byte for byte. Each file in `tests/golden` begins with the command and holds what it prints.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes them anew; the difference is then to be read.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a line such as `rtmpctl decode testdata/x.pcap` and gives what a terminal would show, and the status.
fn run(line: &str) -> String {
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("rtmpctl"), "{line}");
    let output = Command::new(env!("CARGO_BIN_EXE_rtmpctl"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
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
    text
}

#[test]
fn every_golden_file_holds_what_its_command_prints() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "only {} golden files", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let golden = std::fs::read_to_string(&path).unwrap();
        let (line, expected) = golden.split_once('\n').unwrap_or((&golden, ""));
        let command =
            line.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: no command", path.display()));
        let seen = run(command);
        if seen != expected {
            if update {
                std::fs::write(&path, format!("{line}\n{seen}")).unwrap();
            } else {
                let first = seen.lines().zip(expected.lines()).find(|(a, b)| a != b);
                wrong.push(format!("{}: {command}\nfirst difference: {first:#?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE_GOLDEN=1 writes the files anew)", wrong.join("\n"));
}
