//! What was typed for `proxy`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values::{Each, each, rate, share};
use super::{Live, Shared, size, time};
use crate::live::proxy::{ResetAfter, Target};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rtmpctl proxy rtmp://live.example/app
  rtmpctl proxy rtmps://live.example --listen 1936 --write-pcapng session.pcapng
  rtmpctl proxy --rewrite rtmps://live.example/app/STREAM-KEY
  rtmpctl proxy --rate c2s=2.5M --delay 100ms --jitter 50ms rtmp://live.example/app")]
pub(in super::super) struct Proxy {
    /// The server: rtmp://host[:port][/app[/key]] or rtmps://…
    #[arg(
        value_name = "UPSTREAM",
        required_unless_present = "transparent",
        conflicts_with = "transparent"
    )]
    pub(in super::super) upstream: Option<Target>,

    /// Where to listen: an address, a port or both
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1935", help_heading = CONNECTIONS)]
    pub(in super::super) listen: String,

    /// Close the client if the server is not connected to within this time
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "4s", help_heading = CONNECTIONS)]
    pub(in super::super) upstream_timeout: Duration,

    /// Hand each connection on to where it was going before the system redirected it here (Linux: REDIRECT and TPROXY)
    #[arg(long, help_heading = CONNECTIONS)]
    pub(in super::super) transparent: bool,

    /// Take who the client is from the PROXY protocol's header that each connection has to begin with
    #[arg(long, help_heading = CONNECTIONS)]
    pub(in super::super) accept_proxy_protocol: bool,

    /// Tell the server who the client is by a header of the PROXY protocol
    #[arg(long, value_enum, value_name = "VERSION", help_heading = CONNECTIONS)]
    pub(in super::super) send_proxy_protocol: Option<ProxyVersion>,

    #[command(flatten)]
    pub(in super::super) live: Live,

    /// Believe any certificate of the server, also a false one
    #[arg(long, conflicts_with = "ca", help_heading = "TLS")]
    pub(in super::super) insecure: bool,

    /// Believe certificates of the server that are issued by those in this PEM file, instead of by whom the system trusts
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(in super::super) ca: Option<PathBuf>,

    #[command(flatten)]
    pub(in super::super) rewriting: Rewriting,

    #[command(flatten)]
    pub(in super::super) faults: Faults,

    #[command(flatten)]
    pub(in super::super) shared: Shared,
}

const CONNECTIONS: &str = "Connections";

/// What is changed in a client's calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rewriting")]
pub(in super::super) struct Rewriting {
    /// Replace app, tcUrl and stream key of the client by those of UPSTREAM
    #[arg(long, conflicts_with = "transparent")]
    pub(in super::super) rewrite: bool,

    /// Replace a single one: app=…, tc-url=… or key=…
    #[arg(long, value_name = "WHAT=VALUE", value_parser = set)]
    pub(in super::super) set: Vec<Set>,
}

/// A value to be set.
#[derive(Debug, Clone)]
pub(in super::super) enum Set {
    App(String),
    TcUrl(String),
    Key(String),
}

fn set(typed: &str) -> Result<Set, String> {
    match typed.split_once('=') {
        Some(("app", app)) => Ok(Set::App(app.to_owned())),
        Some(("tc-url", url)) => Ok(Set::TcUrl(url.to_owned())),
        Some(("key", key)) => Ok(Set::Key(key.to_owned())),
        _ => Err("app=…, tc-url=… or key=…".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum ProxyVersion {
    /// A line of text
    V1,
    /// Binary
    V2,
}

/// Harm on purpose.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Faults, each for both directions, or for one: c2s=… (from the client) or s2c=…"
)]
pub(in super::super) struct Faults {
    /// Keep everything for this time
    #[arg(long, value_name = "TIME", value_parser = times)]
    pub(in super::super) delay: Vec<Each<Duration>>,

    /// Keep it for up to this time more, drawn anew again and again; the order stays
    #[arg(long, value_name = "TIME", value_parser = times)]
    pub(in super::super) jitter: Vec<Each<Duration>>,

    /// Let no more through than this, in bits a second
    #[arg(long, value_name = "BITS", value_parser = rates)]
    pub(in super::super) rate: Vec<Each<u64>>,

    /// Let nothing through any more after this time
    #[arg(long, value_name = "TIME", value_parser = times)]
    pub(in super::super) stall_after: Vec<Each<Duration>>,

    /// Reset the connection after this time, or after so many bytes
    #[arg(long, value_name = "TIME|BYTES", value_parser = resets)]
    pub(in super::super) reset_after: Vec<Each<ResetAfter>>,

    /// Leave acknowledgements out
    #[arg(long, value_name = "DIRECTION", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    pub(in super::super) drop_acks: Option<Directions>,

    /// Change a bit in this share of the bytes, e.g. 1e-6
    #[arg(long, value_name = "SHARE", value_parser = shares)]
    pub(in super::super) corrupt_rate: Vec<Each<f64>>,

    /// Draw from this number, so that faults are the same again; another one in each run otherwise
    #[arg(long, value_name = "N")]
    pub(in super::super) seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Directions {
    /// From the client
    C2s,
    /// From the server
    S2c,
    /// Both
    Both,
}

fn times(typed: &str) -> Result<Each<Duration>, String> {
    each(typed, time)
}

fn rates(typed: &str) -> Result<Each<u64>, String> {
    each(typed, rate)
}

fn shares(typed: &str) -> Result<Each<f64>, String> {
    each(typed, share)
}

fn resets(typed: &str) -> Result<Each<ResetAfter>, String> {
    each(typed, |typed| {
        // A time has the unit of one; a number alone, or with k, M or G, is of bytes.
        if typed.ends_with(['s', 'm', 'h']) {
            time(typed).map(ResetAfter::Time)
        } else {
            size(typed)
                .map(|bytes| ResetAfter::Bytes(bytes as u64))
                .map_err(|_| "a time such as 30s, or a number of bytes such as 10M".to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_comes_after_a_time_or_after_bytes() {
        let seconds = |n| ResetAfter::Time(Duration::from_secs(n));
        for (typed, expected) in [
            ("30s", seconds(30)),
            ("1m", seconds(60)),
            ("30", ResetAfter::Bytes(30)),
            ("10M", ResetAfter::Bytes(10_000_000)),
        ] {
            assert_eq!(resets(typed).unwrap().value, expected, "{typed}");
        }
        assert!(resets("10x").is_err());
    }
}
