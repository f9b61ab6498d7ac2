//! The registry of rules and the source name the same codes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read its input has to fail"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rtmpctl::Limits;
use rtmpctl::inspect::rules::{RULES, Rule, rule};

/// Rust files in a folder, and what they say.
fn files(dir: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            out.push((path.strip_prefix(ROOT).unwrap().display().to_string(), text));
        }
    }
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The source in two parts: what runs, and the tests. Unit tests are the end of a file or a file of their own, and may
/// make up codes.
fn sources() -> [Vec<(String, String)>; 2] {
    let mut source = Vec::new();
    files(&Path::new(ROOT).join("src"), &mut source);
    let mut parts = [Vec::new(), Vec::new()];
    for (name, text) in source {
        let tests = name.ends_with("tests.rs") || name.contains("/tests/");
        match text.split_once("#[cfg(test)]\nmod tests") {
            _ if tests => parts[1].push((name, text)),
            Some((code, tests)) => {
                parts[0].push((name.clone(), code.to_owned()));
                parts[1].push((name, tests.to_owned()));
            }
            None => parts[0].push((name, text)),
        }
    }
    files(&Path::new(ROOT).join("tests"), &mut parts[1]);
    parts
}

/// Whether a text has the form of a code: `chunk.sync-lost`.
fn is_code(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let letter = |word: &str| word.starts_with(|c: char| c.is_ascii_lowercase());
    text.split_once('.')
        .is_some_and(|(family, name)| word(family) && word(name) && letter(family) && letter(name))
}

/// The literals of a source text that are codes. Comments, and the names of files, are passed over.
fn codes(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        let line = line.replace("'\"'", "").replace("\\\"", "");
        for (at, literal) in line.split('"').enumerate() {
            let file = [".json", ".rs", ".md", ".toml"].iter().any(|end| literal.ends_with(end));
            // Between the first quote and the second, the third and the fourth, and so on.
            if at % 2 == 1 && is_code(literal) && !file {
                found.insert(literal.to_owned());
            }
        }
    }
    found
}

/// Where the data of rules stands.
const REGISTRY: &str = "src/inspect/rules/";

#[test]
fn every_code_in_the_source_has_a_rule_and_every_rule_is_reported() {
    let [source, _] = sources();
    let mut reported = BTreeSet::new();
    let mut judged = BTreeSet::new();
    for (name, text) in &source {
        if let Some(theme) = name.strip_prefix(REGISTRY) {
            // A rule is a constant, which its judge names beside the list of its rules.
            for part in text.split("const ").skip(1) {
                let Some((constant, rest)) = part.split_once(": Rule = ") else { continue };
                let code = codes(rest.split("everity").next().unwrap()).pop_first();
                let Some(code) = code else { continue };
                let uses = text.matches(&format!("&{constant}")).count();
                assert!(uses > 0, "{theme}: nothing reports {code} ({constant})");
                judged.insert(code);
            }
            continue;
        }
        for code in codes(text) {
            assert!(rule(&code).is_some(), "{name}: {code} is not in the registry of rules");
            reported.insert(code);
        }
    }
    for rule in RULES {
        let used = reported.contains(rule.code) || judged.contains(rule.code);
        assert!(used, "nothing in the source reports {}", rule.code);
    }
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let [_, tests] = sources();
    for Rule { code, .. } in RULES {
        let named = tests.iter().any(|(_, text)| text.contains(&format!("\"{code}\"")));
        assert!(named, "no test names {code}");
    }
}

#[test]
fn codes_are_found_where_they_are_literals() {
    let text = "Finding::new(\"chunk.made-up\", Severity::Info, \"a sentence. Another\");\n\
                // \"chunk.in-a-comment\"\n    code == \"hs.x\" || include_str!(\"schema.json\")";
    assert_eq!(codes(text), BTreeSet::from(["chunk.made-up".to_owned(), "hs.x".to_owned()]));
}

/// The README lists the rules between two marks. `UPDATE_GOLDEN=1` writes the list anew.
#[test]
fn the_readme_lists_the_rules() {
    const BEGIN: &str = "<!-- rules:begin -->\n";
    const END: &str = "<!-- rules:end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    let mut expected = "| code | severity | |\n|---|---|---|\n".to_owned();
    for rule in RULES {
        let severity = rule.severity.as_str();
        expected.push_str(&format!("| `{}` | {severity} | {} |\n", rule.code, rule.title));
    }
    if listed != expected && std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert!(
            listed == expected,
            "the list of rules in README.md is stale (UPDATE_GOLDEN=1 writes it anew)"
        );
    }
}

/// What the readers of captures report is in captures.
#[test]
fn findings_of_captures_are_found_in_captures() {
    let options = common::Options::default();
    let codes = |path: &Path| -> Vec<String> {
        let records = common::decode_file(path, &options);
        records.iter().filter_map(|record| record["code"].as_str().map(str::to_owned)).collect()
    };
    let testdata = Path::new(ROOT).join("testdata");
    let found = codes(&testdata.join("options.pcapng"));
    assert!(found.contains(&"tcp.reset".to_owned()), "{found:?}");
    for (name, without) in [("rtmps-tls12-cbc", true), ("rtmps-tls13", false)] {
        let carried = |end: &str| testdata.join("carried").join(format!("{name}.{end}"));
        let options = common::Options { key_log: Some(carried("keys")), ..Default::default() };
        let records = common::decode_file(&carried("pcap"), &options);
        let found = records.iter().any(|record| record["code"] == "tls.no-sni");
        assert_eq!(found, without, "{name}");
    }
    // Blocks of more bytes than the limit are passed over.
    let limits = Limits { record_bytes: 1000, ..Limits::default() };
    let options = common::Options { limits, ..common::Options::default() };
    let records = common::decode_file(&testdata.join("options.pcapng"), &options);
    assert!(records.iter().any(|record| record["code"] == "limit.record-bytes"));
    let scratch = common::Scratch::new("rules");
    let whole = fs::read(testdata.join("quickstart.pcap")).unwrap();
    // The length of the second packet's record: it lies behind the file's header and the first packet.
    let first = u32::from_le_bytes(whole[32..36].try_into().unwrap()) as usize;
    for (code, at, value) in
        [("capture.damaged", 24 + 16 + first + 8, u32::MAX), ("capture.unknown-link", 20, 147)]
    {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let path = scratch.path().join(format!("{code}.pcap"));
        fs::write(&path, bytes).unwrap();
        assert!(codes(&path).contains(&code.to_owned()), "{code}: {:?}", codes(&path));
        assert!(!codes(&testdata.join("quickstart.pcap")).contains(&code.to_owned()));
    }
}
