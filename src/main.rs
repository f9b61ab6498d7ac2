//! The `rtmpctl` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rtmpctl::cli::run(std::env::args_os())
}
