//! What the tests of whole captures share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses a part of it, and a test that cannot read its input has to fail"
)]

use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rtmpctl::Limits;
use rtmpctl::capture::{Captures, Choice, file};
use rtmpctl::inspect::rules::Settings;
use rtmpctl::inspect::{self, Inspector};
use rtmpctl::output::json::Writer;
use rtmpctl::output::payload::{Form, Shown};
use rtmpctl::output::redact::Redactor;

/// What a test that hangs is ended by; what is waited for takes milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A socket that does not hang a test for ever.
pub(crate) fn peer(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// How to decode a capture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// One record per chunk too.
    pub(crate) chunks: bool,
    /// How to show payloads.
    pub(crate) payload: Form,
    /// At most so many bytes of each payload.
    pub(crate) payload_bytes: Option<usize>,
    /// What each video frame is made of.
    pub(crate) bitstream: bool,
    /// Leave out what is judged: only what the decoding itself has to say.
    pub(crate) unjudged: bool,
    /// Mask what is secret.
    pub(crate) redact: bool,
    /// Which connections to decode.
    pub(crate) choice: Choice,
    /// Secrets of TLS connections.
    pub(crate) key_log: Option<PathBuf>,
    /// The limits.
    pub(crate) limits: Limits,
}

/// A directory that goes when the test does.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("rtmpctl-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The captures in `testdata`, of which there must be some.
pub(crate) fn captures() -> Vec<PathBuf> {
    captures_in("")
}

/// The captures in a folder of `testdata`, of which there must be some.
pub(crate) fn captures_in(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|ext| ext == "pcap" || ext == "pcapng" || ext == "gz")
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no captures in {}", dir.display());
    paths
}

/// The FLV files and raw dumps in `testdata`.
pub(crate) fn recordings() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    ["avc-aac.flv", "hevc-opus.flv", "quickstart-c2s.raw", "quickstart-s2c.raw"]
        .map(|name| dir.join(name))
        .to_vec()
}

/// The records of a capture, `start` first, as parsed JSON.
pub(crate) fn decode_file(path: &Path, options: &Options) -> Vec<serde_json::Value> {
    parse(&decode_to_lines(&[path], options))
}

/// The same of several captures in one run.
pub(crate) fn decode_files(paths: &[&Path], options: &Options) -> Vec<serde_json::Value> {
    parse(&decode_to_lines(paths, options))
}

/// The lines that a run over these captures writes.
pub(crate) fn decode_to_lines(paths: &[&Path], options: &Options) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let shown = Shown { form: options.payload, most: options.payload_bytes };
    let mut writer = Writer::new(shown, names.clone(), options.limits.clone());
    let mut out = Vec::new();
    writer.start(&mut out, "decode", &names);
    let mut redactor = options.redact.then(Redactor::default);
    let inspection = inspect::Options {
        chunks: options.chunks,
        whole_media: options.payload != Form::None,
        bitstream: options.bitstream,
        rules: Settings { off: options.unjudged, ..Settings::default() },
        ..inspect::Options::default()
    };
    let mut inspector = Inspector::new(inspection, options.limits.clone());
    let mut captures = Captures::new(options.choice.clone(), &options.limits);
    if let Some(path) = &options.key_log {
        captures.add_secrets(&std::fs::read(path).unwrap());
    }
    let mut feed = |traffic: &inspect::Traffic<'_>| {
        inspector.feed(traffic, &mut |record| match &mut redactor {
            Some(redactor) => redactor.pass(record, &mut |record| writer.record(&mut out, record)),
            None => writer.record(&mut out, record),
        });
    };
    for (index, path) in paths.iter().enumerate() {
        let index = (paths.len() > 1).then_some(index as u32);
        let source = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = file::Reader::with_limits(source, &options.limits)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        while let Some(item) = reader.next().unwrap() {
            captures.item(&item, index, &mut |traffic| feed(&traffic));
        }
    }
    captures.finish(&mut |traffic| feed(&traffic));
    String::from_utf8(out).unwrap()
}

/// The lines as values. Each ends with a line feed and has none inside.
pub(crate) fn parse(lines: &str) -> Vec<serde_json::Value> {
    assert!(lines.is_empty() || lines.ends_with('\n'));
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
