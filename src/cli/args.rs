//! What was typed, nothing resolved.

mod live;
mod proxy;
mod report;
mod values;

use std::path::PathBuf;

pub(super) use live::{Ack, AuthWay, Behaviour, Credentials, Listen, Live, RefuseWith};
pub(super) use proxy::{Directions, Faults, Proxy, ProxyVersion, Set};
use report::report;
pub(super) use report::{Report, joined};
pub(super) use values::{Each, size, time};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// See what really crosses the wire on RTMP connections, byte-exact.
#[derive(Debug, Parser)]
#[command(name = "rtmpctl", version, about, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit status: 0 done; 1 findings at or above --fail-on; 2 wrong usage, or something could not be \
                        read, opened or written."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Decode captures (pcap and pcapng), FLV files and raw dumps of one direction to the end of the files
    Decode(Box<Decode>),
    /// Be the RTMP server that an encoder or player connects to, and see what it really does
    Listen(Box<Listen>),
    /// Hand connections on to a server, byte for byte, and see both sides of the conversation
    Proxy(Box<Proxy>),
    /// List the findings that rtmpctl can report, or explain one
    Rules {
        /// The code to explain, e.g. chunk.sync-lost
        code: Option<String>,

        /// How to print them
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// List what services want of a stream, or show the numbers of one with their sources
    Profiles {
        /// The profile to show: a name, or a file
        name: Option<String>,

        /// How to print them
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Print the JSON Schema of the records
    Schema,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write all of them into a directory
    Man {
        /// Where to write rtmpctl.1 and one page a command
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rtmpctl decode capture.pcap
  rtmpctl decode -f json capture.pcap | jq 'select(.event==\"finding\")'
  find . -name '*.pcap.gz' -print0 | sort -z | rtmpctl decode --files-from -
  tcpdump -i any -s 0 -U -w - tcp port 1935 | rtmpctl decode -
  rtmpctl decode --only command,finding,summary --fail-on error capture.pcapng")]
pub(super) struct Decode {
    /// Captures, FLV files or raw dumps to read, in order, also compressed with gzip, zstd or lz4; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "files_from")]
    pub(super) files: Vec<PathBuf>,

    /// Also read the captures that this file names, one a line or ended by zero bytes; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(super) files_from: Option<PathBuf>,

    /// Wait for more at the end of the last file, until Ctrl-C
    #[arg(long, help_heading = "Input")]
    pub(super) follow: bool,

    /// Take connections on these ports for RTMP even without a handshake (1935 always is)
    #[arg(long, value_name = "N", value_delimiter = ',', help_heading = "Input")]
    pub(super) port: Vec<u16>,

    /// Decrypt TLS with the secrets in this file, as SSLKEYLOGFILE makes it; it may grow while a capture is read
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(super) key_log: Option<PathBuf>,

    /// Take every TCP connection, and each file of no known format, for the given protocol
    #[arg(long, value_name = "PROTOCOL", help_heading = "Input")]
    pub(super) decode_as: Option<DecodeAs>,

    #[command(flatten)]
    pub(super) shared: Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DecodeAs {
    Rtmp,
}

/// What all inspecting commands share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Shared {
    /// How to print records
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,

    /// Write records there instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Keep only these events or message kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    pub(super) only: Vec<String>,

    /// Drop these events or message kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    pub(super) skip: Vec<String>,

    /// Keep only these connections
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(super) connection: Vec<u32>,

    /// Keep only this direction
    #[arg(long, value_enum)]
    pub(super) direction: Option<Way>,

    /// Also print each chunk
    #[arg(long)]
    pub(super) chunks: bool,

    /// In tables, a row per audio or video frame instead of one per track and second
    #[arg(long)]
    pub(super) frames: bool,

    /// Also print what came of each track in each second: rates, clocks, A/V skew, findings; in tables as rows with bars
    #[arg(long)]
    pub(super) timeline: bool,

    /// Say what each video frame is made of: NAL units or OBUs, whether it really is a key frame, SEI messages (in
    /// JSON, and in tables with --frames)
    #[arg(long)]
    pub(super) bitstream: bool,

    /// Show message payloads
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Payload::None)]
    pub(super) payload: Payload,

    /// Show at most so many bytes of each payload [default: all]
    #[arg(long, value_name = "N", value_parser = size)]
    pub(super) payload_bytes: Option<usize>,

    /// Show stream keys, tokens and passwords as sent; they are masked otherwise
    #[arg(long)]
    pub(super) show_keys: bool,

    /// Record each published stream as FLV into this directory
    #[arg(long, value_name = "DIR")]
    pub(super) write_flv: Option<PathBuf>,

    /// Record the traffic as pcapng
    #[arg(long, value_name = "FILE")]
    pub(super) write_pcapng: Option<PathBuf>,

    /// Judge what is published by what a service wants: youtube, twitch, facebook, ivs, cloudflare, generic, or a file
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub(super) profile: Option<String>,

    /// Report only what decoding itself has to say: losses, gaps, damage, limits
    #[arg(long)]
    pub(super) no_rules: bool,

    /// Exit with status 1 if a finding of this severity or worse was reported
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Never)]
    pub(super) fail_on: FailOn,

    /// Also report for continuous integration: `junit FILE`, or `github` for annotations on standard error; may be given
    /// several times
    #[arg(long, value_name = "junit FILE|github", value_parser = report)]
    pub(super) report: Vec<Report>,

    /// When to use colour; NO_COLOR and CLICOLOR_FORCE are obeyed
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    pub(super) color: When,

    /// Less on standard error
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// More on standard error
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned rows for people
    Table,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// Client to server
    C2s,
    /// Server to client
    S2c,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Payload {
    None,
    Hex,
    Base64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    Info,
    Warning,
    Error,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

fn kinds() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(crate::output::filter::Names::all())
}
