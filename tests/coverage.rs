//! The pages in `docs/` name tests and clips, and they are there.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its input has to fail")]

use std::fs;
use std::path::Path;

fn sources(dir: &Path, out: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The sources of the library and of the tests.
fn all_sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = String::new();
    sources(&root.join("src"), &mut source);
    sources(&root.join("tests"), &mut source);
    source
}

/// Whether a function begins so: pages may leave out the end of a long name.
fn has_test(source: &str, name: &str) -> bool {
    source.contains(&format!("fn {name}"))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/coverage.md")).unwrap();
    let source = all_sources();
    // Names of tests are long sentences; nothing else between backquotes has two underscores.
    let named: Vec<&str> =
        page.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() > 1).collect();
    assert!(named.len() > 50, "only {} tests are named", named.len());
    let missing: Vec<&&str> =
        named.iter().filter(|name| !source.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

/// The Rust files with this name, or with a path that ends so.
fn files<'a>(all: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let end = format!("/{name}");
    all.iter().filter(|(path, _)| path.ends_with(&end)).map(|(_, text)| text.as_str()).collect()
}

fn named_sources(dir: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named_sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            out.push((path.to_str().unwrap().replace('\\', "/"), text));
        }
    }
}

/// Each last cell of the page's tables is file names between backquotes, and behind each the tests in that file, or the
/// clips of `codecs.py`.
#[test]
fn every_test_and_clip_that_the_page_of_media_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/coverage-media.md")).unwrap();
    let clips = fs::read_to_string(root.join("testdata/clips")).unwrap();
    let clips: Vec<_> = clips.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut all = Vec::new();
    named_sources(&root.join("src"), &mut all);
    named_sources(&root.join("tests"), &mut all);
    let (mut tests, mut clips_named) = (0, 0);
    let mut missing = Vec::new();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut parts = cell.split('`').skip(1);
        while let (Some(file), words) = (parts.next(), parts.next().unwrap_or("")) {
            let words =
                words.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
            if file == "codecs.py" {
                let named: Vec<_> = words
                    .take_while(|word| *word != "VP6")
                    .filter(|word| !word.is_empty())
                    .collect();
                clips_named += named.len();
                missing.extend(
                    named
                        .iter()
                        .filter(|clip| !clips.contains(clip))
                        .map(|clip| format!("clip {clip}")),
                );
                continue;
            }
            let sources = files(&all, file);
            if sources.is_empty() {
                missing.push(format!("file {file}"));
            }
            for name in words.filter(|word| word.contains('_')) {
                tests += 1;
                if !sources.iter().any(|source| has_test(source, name)) {
                    missing.push(format!("{file} {name}"));
                }
            }
        }
    }
    assert!(tests > 40 && clips_named > 30, "only {tests} tests and {clips_named} clips are named");
    assert!(missing.is_empty(), "there are no such: {missing:#?}");
}
