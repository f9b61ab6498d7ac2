//! `docs/coverage.md` names tests, and they are there.

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

#[test]
fn every_test_that_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/coverage.md")).unwrap();
    let mut source = String::new();
    sources(&root.join("src"), &mut source);
    sources(&root.join("tests"), &mut source);
    // Names of tests are long sentences; nothing else between backquotes has two underscores.
    let named: Vec<&str> =
        page.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() > 1).collect();
    assert!(named.len() > 50, "only {} tests are named", named.len());
    let missing: Vec<&&str> =
        named.iter().filter(|name| !source.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}
