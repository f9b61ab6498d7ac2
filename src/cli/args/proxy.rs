//! What was typed for `proxy`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Live, Shared, time};
use crate::live::proxy::Target;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rtmpctl proxy rtmp://live.example/app
  rtmpctl proxy rtmps://live.example --listen 1936 --write-pcapng session.pcapng")]
pub(in super::super) struct Proxy {
    /// The server: rtmp://host[:port][/app[/key]] or rtmps://…
    #[arg(value_name = "UPSTREAM")]
    pub(in super::super) upstream: Target,

    /// Where to listen: an address, a port or both
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:1935",
        help_heading = "Connections"
    )]
    pub(in super::super) listen: String,

    /// Close the client if the server is not connected to within this time
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "4s", help_heading = "Connections")]
    pub(in super::super) upstream_timeout: Duration,

    #[command(flatten)]
    pub(in super::super) live: Live,

    /// Believe any certificate of the server, also a false one
    #[arg(long, conflicts_with = "ca", help_heading = "TLS")]
    pub(in super::super) insecure: bool,

    /// Believe certificates of the server that are issued by those in this PEM file, instead of by whom the system trusts
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(in super::super) ca: Option<PathBuf>,

    #[command(flatten)]
    pub(in super::super) shared: Shared,
}
