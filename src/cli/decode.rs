//! `rtmpctl decode`: captures, to the end of the files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{Decode, DecodeAs, Report};
use super::input::{self, Input, Stop};
use super::key_log::KeyLog;
use super::progress::Progress;
use super::pump::Pump;
use super::settings::Settings;
use super::{Failure, TROUBLE, say};
use crate::Limits;
use crate::capture::file::{Item, Reader};
use crate::capture::{Captures, Choice, Error};

pub(super) fn run(decode: &Decode) -> Result<ExitCode, Failure> {
    let limits = Limits::default();
    let settings = Settings::resolve(&decode.shared)?;
    let files = files(decode)?;
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let stop = Stop::on_signals();
    let several = files.len() > 1;
    // The file that grows is the last: those before it are its finished parts.
    let open = |index: usize| {
        let follow = decode.follow && index + 1 == files.len();
        open(&files[index], follow, decode.decode_as, &stop, &limits)
    };
    // The first file is opened before anything is printed: the usual mistake gets a message and nothing else.
    let mut first = Some(match open(0) {
        // Nothing had come when the wait was ended.
        Err(_) if !several && stop.is_set() => return Ok(ExitCode::SUCCESS),
        Err(failure) if !several => return Err(failure),
        opened => opened,
    });
    let reports = decode.shared.report.iter().filter_map(|report| match report {
        Report::Junit(path) => Some(path),
        Report::Github => None,
    });
    for output in decode.shared.output.iter().chain(reports) {
        if let Some(same) = files.iter().find(|file| is_same(file, output)) {
            let same = same.display();
            return Err(Failure::new(format!("cannot write {same}: it is a capture to read")));
        }
    }
    let keys = decode.key_log.as_deref().map(KeyLog::open).transpose()?;
    let named = if several { names.clone() } else { Vec::new() };
    let pump = Pump::open("decode", &names, named, &decode.shared, &settings, &limits)?;
    let choice = Choice {
        ports: decode.port.clone(),
        all: decode.decode_as == Some(DecodeAs::Rtmp),
        key_log: keys.is_some(),
    };
    let captures = Captures::new(choice, &limits);
    let mut run = Run { captures, keys, pump, stop: &stop, quiet: decode.shared.quiet };
    run.read_keys()?;
    let mut unread = false;
    for (index, path) in files.iter().enumerate() {
        let opened = first.take().unwrap_or_else(|| {
            // Opening waits for the first bytes, which may take long.
            run.pump.flush();
            open(index)
        });
        let file = several.then_some(index as u32);
        let read = opened.and_then(|opened| run.file(opened, file, path));
        if stop.is_set() || run.pump.has_failed() {
            break;
        }
        if let Err(failure) = read {
            // What was read before it is kept; the other files are read too.
            run.pump.flush();
            failure.report();
            unread = true;
        }
    }
    // Secrets may have come since the last packet.
    if let Err(failure) = run.read_keys() {
        failure.report();
        unread = true;
    }
    let Run { mut captures, mut pump, .. } = run;
    captures.finish(&mut |traffic| pump.traffic(&traffic));
    let code = pump.finish(settings.fail_on, || false)?;
    report(&captures, decode);
    Ok(if unread { ExitCode::from(TROUBLE) } else { code })
}

/// A run over all files.
struct Run<'r> {
    captures: Captures,
    keys: Option<KeyLog>,
    pump: Pump,
    stop: &'r Stop,
    quiet: bool,
}

impl Run<'_> {
    /// Takes what has come of the key log.
    fn read_keys(&mut self) -> Result<(), Failure> {
        match &mut self.keys {
            Some(keys) => keys.read(&mut self.captures),
            None => Ok(()),
        }
    }

    /// Reads one file to its end, or until a signal comes or the output fails.
    fn file(&mut self, opened: Opened, file: Option<u32>, path: &Path) -> Result<(), Failure> {
        let mut progress = Progress::new(opened.total, self.quiet);
        let mut reader = opened.reader;
        let result = loop {
            let waits = !reader.buffered();
            if waits {
                progress.clear();
                self.pump.flush();
                progress.at(reader.bytes_read());
                if self.stop.is_set() || self.pump.has_failed() {
                    break Ok(());
                }
            }
            let item = reader.next();
            if waits {
                // Secrets are written ahead of what they encrypt, and so are there by now.
                self.read_keys()?;
            }
            let Self { captures, pump, .. } = self;
            match item {
                Ok(Some(_)) if self.stop.is_set() => break Ok(()),
                // Nearly all are packets, which need not be moved about as an item.
                Ok(Some(Item::Packet(packet))) => {
                    captures.packet(&packet, file, &mut |traffic| pump.traffic(&traffic));
                }
                Ok(Some(item)) => captures.item(&item, file, &mut |traffic| pump.traffic(&traffic)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(unreadable(path, error)),
            }
        };
        progress.clear();
        result
    }
}

/// The files of the command line, then those of the list.
fn files(decode: &Decode) -> Result<Vec<PathBuf>, Failure> {
    let mut files = decode.files.clone();
    if let Some(list) = &decode.files_from {
        let named = input::names(list)
            .map_err(|error| Failure::io(format!("cannot read {}", list.display()), error))?;
        files.extend(named);
        if list == Path::new("-") && files.iter().any(|file| file == Path::new("-")) {
            return Err(Failure::new("standard input cannot be both the list and a capture"));
        }
        if files.is_empty() {
            return Err(Failure::new(format!("{} names no files", list.display())));
        }
    }
    Ok(files)
}

/// Whether two paths are one regular file, which writing would empty before it is read.
fn is_same(file: &Path, output: &Path) -> bool {
    let (Ok(file), Ok(output)) = (file.canonicalize(), output.canonicalize()) else { return false };
    file == output && file.is_file()
}

struct Opened {
    reader: Reader<Input>,
    total: Option<u64>,
}

fn open(
    path: &Path,
    follow: bool,
    decode_as: Option<DecodeAs>,
    stop: &Stop,
    limits: &Limits,
) -> Result<Opened, Failure> {
    let (input, total) = Input::open(path, follow, stop)
        .map_err(|error| Failure::io(format!("cannot open {}", path.display()), error))?;
    let reader = match decode_as {
        Some(DecodeAs::Rtmp) => Reader::forced(input, limits),
        None => Reader::with_limits(input, limits),
    };
    let reader = reader.map_err(|error| unreadable(path, error))?;
    Ok(Opened { reader, total })
}

fn unreadable(path: &Path, error: Error) -> Failure {
    match error {
        Error::Io { operation, source } => {
            Failure::io(format!("cannot {operation} {}", path.display()), source)
        }
        error => Failure::new(format!("cannot decode {}: {error}", path.display())),
    }
}

/// What stderr says at the end: always that there was no RTMP, and the counts with `-v`.
fn report(captures: &Captures, decode: &Decode) {
    let counts = captures.counts();
    if counts.rtmp_connections == 0 && !decode.shared.quiet {
        let other = counts.flows.other_connections;
        let why = match (counts.packets, other) {
            (0, _) => "the capture holds no packets".to_owned(),
            (packets, 0) => format!(
                "none of the {packets} packets is TCP on port 1935 or begins with an RTMP handshake"
            ),
            (packets, other) => format!(
                "{packets} packets, {other} TCP connections, none on port 1935 or beginning with an RTMP handshake; \
                 --port N takes a port for RTMP"
            ),
        };
        say(&format!("rtmpctl: no RTMP found: {why}"));
    }
    let tls = counts.flows.tls_connections;
    if counts.rtmp_connections == 0 && tls > 0 && !decode.shared.quiet {
        let of_them = match tls {
            1 => "one of them is TLS".to_owned(),
            tls => format!("{tls} of them are TLS"),
        };
        say(&if captures.has_secrets() {
            format!("rtmpctl: {of_them}, and the secrets given are not of RTMP in it")
        } else {
            format!(
                "rtmpctl: {of_them}: --key-log FILE reads RTMP in TLS, --port N says more about it"
            )
        });
    }
    if let Some(keys) = &decode.key_log
        && !captures.has_secrets()
        && !decode.shared.quiet
    {
        say(&format!("rtmpctl: {} holds no secrets of TLS connections", keys.display()));
    }
    if decode.shared.verbose > 0 {
        say(&format!(
            "rtmpctl: {} packets, {} RTMP connections, {} other TCP connections ({} segments, {tls} TLS), {} packets without TCP, \
             {} unreadable, {} of unknown link types, {} incomplete IP datagrams",
            counts.packets,
            counts.rtmp_connections,
            counts.flows.other_connections,
            counts.flows.other_segments,
            counts.not_tcp,
            counts.malformed,
            counts.unknown_link,
            counts.incomplete_datagrams
        ));
    }
}
