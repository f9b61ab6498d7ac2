//! What was typed for the commands that inspect live connections.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Shared, time};

/// What `listen` and `proxy` share.
#[derive(Debug, Args)]
pub(in super::super) struct Live {
    /// End when the first connection has closed
    #[arg(long, help_heading = "Connections")]
    pub(in super::super) once: bool,

    /// End after this time, e.g. 90s or 1m30s
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Connections")]
    pub(in super::super) duration: Option<Duration>,

    /// Connections open at once; one more is closed at once
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Connections")]
    pub(in super::super) max_connections: usize,

    /// Close a connection on which nothing came for this time
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Connections")]
    pub(in super::super) idle_timeout: Option<Duration>,

    /// Serve TLS too, with the certificate in this PEM file, and those of its issuers behind it
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        conflicts_with = "tls_self_signed",
        help_heading = "TLS"
    )]
    pub(in super::super) tls_cert: Option<PathBuf>,

    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    pub(in super::super) tls_key: Option<PathBuf>,

    /// Serve TLS too, with a certificate made for this run
    #[arg(long, help_heading = "TLS")]
    pub(in super::super) tls_self_signed: bool,

    /// Append the session keys of TLS connections to this file, as SSLKEYLOGFILE does
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(in super::super) key_log: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rtmpctl listen
  rtmpctl listen 0.0.0.0:1935
  rtmpctl listen --once --fail-on warning -f json
  rtmpctl listen --tls-self-signed --write-flv recordings")]
pub(in super::super) struct Listen {
    /// Where to listen: an address, a port or both
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:1935")]
    pub(in super::super) address: String,

    #[command(flatten)]
    pub(in super::super) live: Live,

    #[command(flatten)]
    pub(in super::super) shared: Shared,
}
