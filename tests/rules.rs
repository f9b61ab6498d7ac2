//! The registry of rules and the source name the same codes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read its input has to fail"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rtmpctl::inspect::rules::{RULES, rule};

/// Source files that are not tests.
fn sources(dir: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, out);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "rules.rs" {
            let text = fs::read_to_string(&path).unwrap();
            // Unit tests are the end of a file, and may make up codes.
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            out.push((path.display().to_string(), text));
        }
    }
}

/// Whether a text has the form of a code: `chunk.sync-lost`.
fn is_code(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.split_once('.').is_some_and(|(family, name)| word(family) && word(name))
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
            let file = [".json", ".rs", ".md"].iter().any(|end| literal.ends_with(end));
            // Between the first quote and the second, the third and the fourth, and so on.
            if at % 2 == 1 && is_code(literal) && !file {
                found.insert(literal.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_code_in_the_source_has_a_rule_and_every_rule_a_code() {
    let mut texts = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let mut used = BTreeSet::new();
    for (path, text) in &texts {
        for code in codes(text) {
            assert!(rule(&code).is_some(), "{path}: {code} is not in the registry of rules");
            used.insert(code);
        }
    }
    for rule in RULES {
        assert!(used.contains(rule.code), "nothing in the source reports {}", rule.code);
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
