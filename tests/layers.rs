//! Who may import whom: the table below is the architecture, and this test compares it with the source.
//!
//! It reads `src/**/*.rs`, collects every path that names a module of this crate, another crate or a forbidden
//! function, and fails on each that the table does not allow. Tests inside `src` are held to it too.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its input has to fail")]

use std::fs;
use std::path::Path;

/// A part of the source and what it may name. The row with the longest matching module holds; a module may always
/// name what is inside its row. Allowing `proto` allows all of it.
struct Row {
    module: &'static str,
    /// Paths in this crate.
    uses: &'static [&'static str],
    /// Other crates, `std` aside.
    crates: &'static [&'static str],
}

const fn row(
    module: &'static str,
    uses: &'static [&'static str],
    crates: &'static [&'static str],
) -> Row {
    Row { module, uses, crates }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("limits", &[], &[]),

    // RTMP itself. Inside it: types, fault, cursor <- handshake, chunk, codec, amf <- message, and codec <- bitstream.
    // No arrow back.
    row("proto", &[], &[]),
    row("proto::types", &[], &[]),
    row("proto::fault", &[], &[]),
    row("proto::cursor", &["proto::fault"], &[]),
    row("proto::proxy", &[], &[]),
    row("proto::handshake", &[], &[]),
    row("proto::handshake::digest", &["proto::handshake"], &["hmac", "sha2"]),
    row("proto::chunk", &["Limits", "proto::Span"], &[]),
    row("proto::codec", &["proto::fault", "proto::cursor"], &[]),
    row("proto::bitstream", &["Limits", "proto::fault", "proto::codec"], &[]),
    row("proto::amf", &["Limits", "proto::fault", "proto::cursor"], &[]),
    row("proto::base64", &[], &[]),
    // A side that is spoken: it joins all of the above.
    row("proto::session", &["Limits", "proto"], &[]),
    row("proto::session::auth", &["proto::base64"], &["md5"]),
    row("proto::message", &["Limits", "proto::fault", "proto::cursor", "proto::amf", "proto::codec"], &[]),

    // Connections: Traffic in, Records out.
    row("inspect", &["Limits", "proto"], &["bytes"]),
    row("inspect::finding", &["inspect::rules"], &[]),
    row("inspect::traffic", &["inspect::Finding", "inspect::Proxied", "proto::Direction", "proto::chunk"], &[]),
    row("inspect::resync", &["proto::chunk"], &["memchr"]),
    row("inspect::resync::tests", &["Limits", "inspect::resync", "proto::chunk"], &[]),

    // Capture files to Traffic: of the inspection they know the way in, never the inspector or its records.
    row("capture", &[
        "Limits", "proto::Direction", "proto::fault", "proto::handshake", "proto::proxy",
        "inspect::Traffic", "inspect::Place", "inspect::FlowId", "inspect::GapCause", "inspect::CloseKind",
        "inspect::ClosedBy", "inspect::Finding", "inspect::Severity", "inspect::Opened", "inspect::Transport",
        "inspect::proxy_prefix",
    ], &[]),
    row("capture::file", &[
        "capture", "Limits", "inspect::Transport", "proto::Direction", "proto::Span", "proto::chunk",
    ], &[]),
    // What tells RTMP from other bytes is the protocol itself.
    row("capture::file::raw", &[
        "capture", "Limits", "inspect::Framing", "inspect::framing", "proto::Direction", "proto::chunk",
        "proto::handshake", "proto::message", "proto::proxy",
    ], &[]),
    row("capture::link", &[], &["pcap_file"]),
    row("capture::file::compressed", &["Limits", "capture::file::Paused"], &["flate2", "lz4_flex", "zstd"]),
    row("capture::file::tests", &["capture", "Limits", "proto::Direction", "proto::chunk"], &["pcap_file"]),
    row("capture::tls", &[
        "Limits", "proto::Direction", "proto::cursor", "inspect::Place", "inspect::GapCause", "capture::tcp",
    ], &[]),
    row("capture::tls::cipher", &["capture::tls"], &["aes", "aes_gcm", "cbc", "ccm", "chacha20poly1305"]),
    row("capture::tls::schedule", &["capture::tls"], &["hmac", "md5", "sha1", "sha2"]),
    row("capture::rtmpt", &[
        "Limits", "proto::Direction", "capture",
        "inspect::Traffic", "inspect::Place", "inspect::FlowId", "inspect::GapCause", "inspect::CloseKind",
        "inspect::ClosedBy", "inspect::Finding", "inspect::Severity", "inspect::Opened", "inspect::Transport",
    ], &["httparse", "memchr"]),

    // Records to text and files.
    row("output", &["Limits", "inspect", "proto"], &["memchr", "serde_json"]),
    row("output::table", &["output", "inspect", "proto"], &["comfy_table", "owo_colors", "unicode_width"]),

    row("output::flv", &["Limits", "inspect", "proto"], &[]),
    row("output::pcapng", &["inspect", "proto"], &["pcap_file"]),
    row("output::pcapng::tests", &["Limits", "capture", "inspect", "output", "proto"], &["memchr"]),

    // Sockets: of the inspection they know the way in, never the inspector, its records or the outputs.
    row("live", &[
        "Limits", "proto",
        "inspect::Traffic", "inspect::Place", "inspect::FlowId", "inspect::CloseKind", "inspect::ClosedBy",
        "inspect::Finding", "inspect::Severity", "inspect::Opened", "inspect::Transport", "inspect::Proxied",
    ], &["bytes", "rlimit", "rustls", "socket2", "tokio", "tokio_rustls"]),
    row("live::proxy", &[
        "Limits", "live", "proto", "inspect::CloseKind", "inspect::ClosedBy", "inspect::Finding", "inspect::Severity",
        "inspect::Transport", "inspect::Proxied", "inspect::Rewritten", "inspect::Field", "inspect::Sides",
        "inspect::SideEnd", "inspect::Upstream",
    ], &["socket2", "tokio"]),
    row("live::tls", &["live::Stream", "inspect::Finding", "inspect::Severity", "proto::handshake"], &[
        "rcgen", "rustls", "rustls_native_certs", "sha2", "tokio", "tokio_rustls",
    ]),

    // Arguments and wiring.
    row("cli", &["Limits", "capture", "inspect", "output"], &["clap", "clap_complete", "clap_mangen"]),
    row("cli::backlog", &["cli", "inspect", "live", "proto"], &[]),
    row("cli::gauge", &["Limits", "inspect", "proto"], &[]),
    row("cli::live", &["Limits", "cli", "inspect", "live"], &["tokio"]),
    row("cli::args", &["cli", "live::proxy", "output::filter", "proto::Direction"], &["clap", "clap_complete"]),
    row("cli::listen", &["cli", "live", "proto"], &[]),
    row("cli::proxy", &["cli", "live", "proto"], &["clap"]),
    row("cli::profile", &["cli", "inspect", "output", "proto::message"], &["toml"]),
    row("cli::input", &["cli", "capture::file::Paused"], &["bytes", "tokio"]),
    row("cli::recordings", &["Limits", "cli", "inspect", "output", "proto"], &[]),
    row("cli::settings", &["cli", "inspect", "output", "proto"], &["terminal_size"]),
    row("main", &["cli"], &[]),
];

/// What nothing may name, and the modules that may all the same. Records are numbered and timed by the traffic, so
/// nothing but the command line and the sockets may look at a clock; and nobody may print past the outputs.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("Instant::now", &["cli", "live", "proto::amf::tests"]),
    ("SystemTime::now", &["cli", "live"]),
    ("std::fs", &["cli", "live::proxy::fate", "live::tls", "output::flv", "output::pcapng::tests"]),
    ("std::process", &["cli", "main", "output::flv::tests"]),
    ("std::thread", &["cli", "proto::amf::tests"]),
    ("std::env", &["cli", "main", "output::flv::tests"]),
    ("TcpStream", &["cli::live", "live"]),
    ("TcpListener", &["cli::live", "live"]),
    ("UdpSocket", &["cli::live"]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("print!", &[]),
    ("eprint!", &[]),
    ("dbg!", &[]),
];

/// A path that a module names, from the root of its crate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    /// The module that names it: `proto::chunk::reader`.
    by: String,
    line: usize,
    root: Root,
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// This crate.
    Own,
    /// One of `[dependencies]`.
    Foreign,
    /// `std`, `core`, a name in scope: of interest to [`FORBIDDEN`] only.
    Other,
}

#[test]
fn every_import_is_one_that_the_table_allows() {
    let mut named = Vec::new();
    let dependencies = dependencies();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    each_file(&source, &mut |path| {
        let module = module_of(path.strip_prefix(&source).unwrap());
        named.extend(names(&module, &fs::read_to_string(path).unwrap(), &dependencies));
    });
    assert!(named.len() > 500, "only {} paths found: is the source read at all?", named.len());
    let wrong: Vec<String> = named.iter().filter_map(objection).collect();
    assert!(wrong.is_empty(), "{} imports are not allowed:\n{}", wrong.len(), wrong.join("\n"));
    // What a row allows and nothing needs is not the architecture any more.
    let mut stale = Vec::new();
    for row in TABLE {
        for allowed in row.uses.iter().chain(row.crates) {
            let used = named.iter().any(|named| {
                row_of(&named.by).module == row.module
                    && named.root != Root::Other
                    && inside(&named.path, allowed)
            });
            if !used {
                stale.push(format!("{} names nothing of {allowed}", row.module));
            }
        }
    }
    assert!(stale.is_empty(), "the table allows what nothing needs:\n{}", stale.join("\n"));
}

#[test]
fn an_import_that_the_table_does_not_allow_is_found_in_each_form() {
    for (module, source, wrong) in [
        // The layers.
        ("proto::chunk::reader", "use crate::inspect::Finding;", &["inspect::Finding"][..]),
        ("proto::chunk::reader", "use super::super::message::Kind;", &["proto::message::Kind"]),
        ("proto::amf", "fn f(v: crate::proto::chunk::Reader) {}", &["proto::chunk::Reader"]),
        ("proto::amf", "mod inner { use super::super::chunk::Reader; }", &["proto::chunk::Reader"]),
        (
            "capture::flows",
            "use crate::{Limits, inspect::{Place, Record as R}};",
            &["inspect::Record"],
        ),
        ("capture::flows", "use crate::inspect::*;", &["inspect::*"]),
        ("capture::flows", "use crate::inspect;", &["inspect"]),
        ("inspect::lane", "use crate::output::{json, table};", &["output::json", "output::table"]),
        (
            "output::json",
            "let x = crate::capture::file::Reader::new(y);",
            &["capture::file::Reader::new"],
        ),
        ("main", "fn main() { rtmpctl::output::json::f() }", &["output::json::f"]),
        ("nowhere", "use crate::Limits;", &["Limits"]),
        // Other crates.
        ("output::filter", "use clap::ValueEnum;", &["clap::ValueEnum"]),
        ("cli::pump", "tokio::select! { _ = a => {} }", &["tokio::select!"]),
        ("capture::file::pcap", "#[derive(pcap_file::X)] struct S;", &["pcap_file::X"]),
        // Clocks, threads, printing.
        ("inspect::track", "use std::time; let t = time::Instant::now();", &["time::Instant::now"]),
        ("capture", "use std::{fs::File, io};", &["std::fs::File"]),
        ("cli", "println!(\"x\")", &["println!"]),
        ("output", "if a { std::eprintln!() }", &["std::eprintln!"]),
        // And what is allowed, or no code.
        ("proto::message::video", "use super::{super::amf::Value, media}; use crate::Limits;", &[]),
        ("inspect::flow", "use super::lane::Lane; use crate::proto::{Direction, chunk};", &[]),
        ("cli::progress", "use std::time::Instant; Instant::now()", &[]),
        (
            "proto",
            "// crate::cli::run()\n/* use clap; */ \"crate::cli\"; r#\"\"tokio::x\"#; b'\"'; '\\''; f::<'a>()",
            &[],
        ),
    ] {
        let named = names(module, source, &dependencies());
        let found: Vec<&str> = named
            .iter()
            .filter(|named| objection(named).is_some())
            .map(|named| &*named.path)
            .collect();
        assert_eq!(found, wrong, "{module}: {source}");
    }
}

/// Why a module may not name that, where it may not.
fn objection(named: &Named) -> Option<String> {
    let Named { by, line, root, path } = named;
    let row = row_of(by);
    let allowed = |list: &[&str]| list.iter().any(|allowed| inside(path, allowed));
    let fine = match root {
        Root::Own => inside(path, row.module) || by == "lib" || allowed(row.uses),
        Root::Foreign => allowed(row.crates),
        Root::Other => true,
    };
    if !fine {
        return Some(format!(
            "{by} line {line}: {path} (the row of {} does not have it)",
            row.module
        ));
    }
    let forbidden = FORBIDDEN.iter().find(|(what, except)| {
        names_it(path, what) && !except.iter().any(|module| inside(by, module))
    })?;
    Some(format!("{by} line {line}: {path} ({} is not for this module)", forbidden.0))
}

fn row_of(module: &str) -> &'static Row {
    const REST: Row = row("", &[], &[]);
    let rows = TABLE.iter().filter(|row| inside(module, row.module));
    rows.max_by_key(|row| row.module.len()).unwrap_or(const { &REST })
}

/// Whether `path` is `module` or in it.
fn inside(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether the segments of `what` are in `path`, one behind the other.
fn names_it(path: &str, what: &str) -> bool {
    format!("::{path}::").contains(&format!("::{what}::"))
}

/// `proto/chunk/reader.rs` is `proto::chunk::reader`; `reader_tests.rs` beside it is its module `tests`.
fn module_of(file: &Path) -> String {
    let name = file.with_extension("").to_string_lossy().replace(['/', '\\'], "::");
    let name = name.strip_suffix("::mod").unwrap_or(&name);
    name.strip_suffix("_tests").map_or_else(|| name.to_owned(), |of| format!("{of}::tests"))
}

fn each_file(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            each_file(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path);
        }
    }
}

/// The names of `[dependencies]`, as code spells them.
fn dependencies() -> Vec<String> {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split_once(" =")?.0.replace('-', "_")))
        .collect()
}

// ---- Reading Rust, as far as paths go ----

/// Every path in the source of `module`, with its `use` trees opened.
fn names(module: &str, source: &str, dependencies: &[String]) -> Vec<Named> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    // The modules around the current token, each with the brace depth at which it opened.
    let mut modules: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    let text = |at: usize| tokens.get(at).map_or("", |(text, _)| text.as_str());
    while at < tokens.len() {
        let line = tokens[at].1;
        let here =
            modules.iter().fold(module.to_owned(), |path, (name, _)| format!("{path}::{name}"));
        let mut name = |path: &[String]| {
            let (root, path) = resolve(&here, path, dependencies);
            found.push(Named { by: here.clone(), line, root, path });
        };
        match text(at) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                modules.pop_if(|(_, opened)| *opened == depth);
            }
            "mod" if text(at + 2) == "{" => {
                modules.push((text(at + 1).to_owned(), depth));
                depth += 1;
                at += 2;
            }
            "use" => {
                at += 1;
                use_tree(&tokens, &mut at, &mut Vec::new(), &mut name);
                continue;
            }
            word if is_word(word) => {
                let mut path = vec![word.to_owned()];
                while text(at + 1) == "::" && is_word(text(at + 2)) {
                    path.push(text(at + 2).to_owned());
                    at += 2;
                }
                if text(at + 1) == "!" && text(at + 2) != "=" {
                    path.last_mut().unwrap().push('!');
                }
                if path.len() > 1 || path[0].ends_with('!') {
                    name(&path);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Opens `a::{b, c::d as e}` into `a::b` and `a::c::d`. Ends at the `;`, `,` or `}` behind it.
fn use_tree(
    tokens: &[(String, usize)],
    at: &mut usize,
    path: &mut Vec<String>,
    found: &mut dyn FnMut(&[String]),
) {
    let before = path.len();
    while let Some((text, _)) = tokens.get(*at) {
        match text.as_str() {
            "{" => {
                while !matches!(tokens.get(*at).map(|(text, _)| text.as_str()), None | Some("}")) {
                    *at += 1; // behind the brace or the comma
                    use_tree(tokens, at, path, found);
                }
                *at += 1;
                path.truncate(before);
                return;
            }
            ";" | "," | "}" => break,
            "as" => *at += 1, // the new name is nobody's business
            "::" => {}
            segment => path.push(segment.to_owned()),
        }
        *at += 1;
    }
    if path.len() > before {
        found(path);
    }
    path.truncate(before);
}

/// Where a path that `module` names leads.
fn resolve(module: &str, path: &[String], dependencies: &[String]) -> (Root, String) {
    let mut segments = path.iter().map(String::as_str).peekable();
    let mut base: Option<Vec<&str>> = None;
    while let Some(&segment) = segments.peek() {
        let inner = || module.split("::").filter(|part| !matches!(*part, "lib" | "main")).collect();
        match segment {
            "crate" => base = Some(Vec::new()),
            // The program is a crate of its own beside the library.
            "rtmpctl" if base.is_none() && module == "main" => base = Some(Vec::new()),
            "self" if base.is_none() => base = Some(inner()),
            "self" => {}
            "super" => {
                base.get_or_insert_with(inner).pop();
            }
            _ => break,
        }
        segments.next();
    }
    let rest: Vec<&str> = segments.collect();
    match base {
        Some(mut base) => {
            base.extend(rest);
            (Root::Own, base.join("::"))
        }
        None if dependencies.iter().any(|name| name == rest[0]) => (Root::Foreign, rest.join("::")),
        None => (Root::Other, rest.join("::")),
    }
}

/// Words, `::` and single signs with their lines; comments, texts and characters are left out.
fn tokens(source: &str) -> Vec<(String, usize)> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (length, is_token) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), false)
        } else if let Some(length) = literal(rest) {
            (length, false)
        } else if is_word(rest) {
            (word(rest), true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (token, behind) = rest.split_at(length);
        if is_token {
            tokens.push((token.to_owned(), line));
        }
        line += token.matches('\n').count();
        rest = behind;
    }
    tokens
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The length of the text, character or lifetime that begins here.
fn literal(source: &str) -> Option<usize> {
    let opening = source.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    let (prefix, text) = source.split_at(opening);
    if prefix.ends_with('r') {
        let hashes = text.find(|c| c != '#')?;
        let inner = text[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(opening + hashes + 1 + inner.find(&close)? + close.len());
    }
    if let Some(inner) = text.strip_prefix('"') {
        return Some(opening + 1 + quoted(inner, '"'));
    }
    let inner = text.strip_prefix('\'')?;
    let mut characters = inner.chars();
    let is_character = characters.next() == Some('\\') || characters.next() == Some('\'');
    Some(opening + 1 + if is_character { quoted(inner, '\'') } else { word(inner) })
}

/// Bytes up to and with the closing sign, escaped ones passed over.
fn quoted(text: &str, close: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == close && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}
