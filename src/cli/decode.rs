//! `rtmpctl decode`: captures, to the end of the files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{Decode, DecodeAs};
use super::input::{self, Input, Stop};
use super::progress::Progress;
use super::pump::Pump;
use super::settings::Settings;
use super::{Failure, TROUBLE, say};
use crate::Limits;
use crate::capture::file::Reader;
use crate::capture::{Captures, Choice, Counts, Error};

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
    if let Some(output) = &decode.shared.output
        && let Some(same) = files.iter().find(|file| is_same(file, output))
    {
        let same = same.display();
        return Err(Failure::new(format!("cannot write {same}: it is a capture to read")));
    }
    let named = if several { names.clone() } else { Vec::new() };
    let mut pump = Pump::open("decode", &names, named, &decode.shared, &settings, &limits)?;
    let choice =
        Choice { ports: decode.port.clone(), all: decode.decode_as == Some(DecodeAs::Rtmp) };
    let mut captures = Captures::new(choice, &limits);
    let mut unread = false;
    for (index, path) in files.iter().enumerate() {
        let opened = first.take().unwrap_or_else(|| {
            // Opening waits for the first bytes, which may take long.
            pump.flush();
            open(index)
        });
        let file = several.then_some(index as u32);
        let read = opened.and_then(|opened| {
            let mut progress = Progress::new(opened.total, decode.shared.quiet);
            let result =
                pump_file(opened, file, &mut captures, &mut pump, &stop, &mut progress, path);
            progress.clear();
            result
        });
        if stop.is_set() || pump.has_failed() {
            break;
        }
        if let Err(failure) = read {
            // What was read before it is kept; the other files are read too.
            pump.flush();
            failure.report();
            unread = true;
        }
    }
    captures.finish(&mut |traffic| pump.traffic(&traffic));
    let code = pump.finish(settings.fail_on)?;
    report(&captures.counts(), decode);
    Ok(if unread { ExitCode::from(TROUBLE) } else { code })
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

/// Reads one file to its end, or until a signal comes or the output fails.
fn pump_file(
    opened: Opened,
    file: Option<u32>,
    captures: &mut Captures,
    pump: &mut Pump,
    stop: &Stop,
    progress: &mut Progress,
    path: &Path,
) -> Result<(), Failure> {
    let mut reader = opened.reader;
    loop {
        if !reader.buffered() {
            progress.clear();
            pump.flush();
            progress.at(reader.bytes_read());
            if stop.is_set() || pump.has_failed() {
                return Ok(());
            }
        }
        match reader.next() {
            Ok(Some(_)) if stop.is_set() => return Ok(()),
            Ok(Some(item)) => captures.item(&item, file, &mut |traffic| pump.traffic(&traffic)),
            Ok(None) => return Ok(()),
            Err(error) => return Err(unreadable(path, error)),
        }
    }
}

/// What stderr says at the end: always that there was no RTMP, and the counts with `-v`.
fn report(counts: &Counts, decode: &Decode) {
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
    if decode.shared.verbose > 0 {
        say(&format!(
            "rtmpctl: {} packets, {} RTMP connections, {} other TCP connections ({} segments), {} packets without TCP, \
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
