//! Arguments, wiring, exit codes. The only folder that names clap.

mod args;
mod backlog;
mod decode;
mod gauge;
mod input;
mod key_log;
mod listen;
mod live;
mod outlet;
mod profile;
mod progress;
mod proxy;
mod pump;
mod recordings;
mod reports;
mod rules;
mod screen;
mod settings;
mod writer;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};

/// Wrong usage, or something that could not be read, opened or written.
const TROUBLE: u8 = 2;

/// Runs the program with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let cli = match Cli::try_parse_from(args::joined(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, the rest is wrong usage; clap knows which stream is whose.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(TROUBLE) } else { ExitCode::SUCCESS };
        }
    };
    match execute(cli.command) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was tried, as a clause: `cannot read x.pcap`.
    what: String,
    source: Option<io::Error>,
}

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), source: Some(source) }
    }

    /// Says it on stderr. A closed pipe is nobody's trouble.
    fn report(self) -> ExitCode {
        if self.source.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        let reason = self.source.map_or_else(String::new, |error| format!(": {error}"));
        say(&format!("rtmpctl: {}{reason}", self.what));
        ExitCode::from(TROUBLE)
    }
}

/// A line on stderr, which may be closed.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}{line}", screen::away());
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Decode(decode) => decode::run(&decode),
        Command::Listen(listen) => listen::run(&listen),
        Command::Rules { code, format } => rules::run(code.as_deref(), format),
        Command::Profiles { name, format } => profile::run(name.as_deref(), format),
        Command::Proxy(proxy) => proxy::run(&proxy),
        Command::Schema => print(crate::output::schema::SCHEMA.as_bytes()),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rtmpctl", &mut out);
            print(&out)
        }
        Command::Man { dir: None } => {
            let mut out = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut out)
                .map_err(|error| Failure::io("cannot render the man page", error))?;
            print(&out)
        }
        Command::Man { dir: Some(dir) } => {
            let failed = |error| {
                Failure::io(format!("cannot write man pages into {}", dir.display()), error)
            };
            std::fs::create_dir_all(&dir).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), &dir).map_err(failed)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(text: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::io("cannot write to standard output", error))?;
    Ok(ExitCode::SUCCESS)
}
