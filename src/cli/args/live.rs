//! What was typed for the commands that inspect live connections.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

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
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = positive, help_heading = "Connections")]
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
  rtmpctl listen --tls-self-signed --write-flv recordings
  rtmpctl listen --accept-key 'test*' --refuse-with badname")]
pub(in super::super) struct Listen {
    /// Where to listen: an address, a port or both
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:1935")]
    pub(in super::super) address: String,

    #[command(flatten)]
    pub(in super::super) live: Live,

    #[command(flatten)]
    pub(in super::super) behaviour: Behaviour,

    #[command(flatten)]
    pub(in super::super) shared: Shared,
}

/// How the server treats its clients.
#[derive(Debug, Args)]
#[command(next_help_heading = "Behaviour")]
pub(in super::super) struct Behaviour {
    /// Accept only these applications; * and ? stand for other characters
    #[arg(long, value_name = "APP", value_delimiter = ',')]
    pub(in super::super) accept_app: Vec<String>,

    /// Accept only these stream keys; * and ? stand for other characters
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(in super::super) accept_key: Vec<String>,

    /// How to refuse others
    #[arg(long, value_enum, value_name = "HOW", default_value_t = RefuseWith::Error)]
    pub(in super::super) refuse_with: RefuseWith,

    /// Accept only clients that authenticate so, as Adobe's or Limelight's servers ask for it
    #[arg(long, value_name = "USER:PASSWORD", value_parser = credentials)]
    pub(in super::super) auth: Option<Credentials>,

    /// How clients are told to authenticate; one that names a way itself may use either
    #[arg(long, value_enum, value_name = "WAY", default_value_t = AuthWay::Adobe, requires = "auth")]
    pub(in super::super) auth_mod: AuthWay,

    /// Send all clients to another server
    #[arg(long, value_name = "URL")]
    pub(in super::super) redirect: Option<String>,

    /// Let nobody play what is published
    #[arg(long)]
    pub(in super::super) no_play: bool,

    /// Be a server that does not know Enhanced RTMP
    #[arg(long)]
    pub(in super::super) no_enhanced: bool,

    /// The chunk size to announce and use, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    pub(in super::super) chunk_size: u32,

    /// The acknowledgement window to announce, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 2_500_000)]
    pub(in super::super) window: u32,

    /// The peer bandwidth to announce, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 2_500_000)]
    pub(in super::super) peer_bandwidth: u32,

    /// When to acknowledge what comes, where the client announced a window
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Ack::Due)]
    pub(in super::super) ack: Ack,

    /// Ask the client after this time to connect again (Enhanced RTMP)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in super::super) reconnect_after: Option<Duration>,

    /// Close each connection after this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in super::super) drop_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum RefuseWith {
    /// As Flash Media Server: an error to connect, or NetStream.Publish.BadName for the key
    Error,
    /// NetStream.Publish.BadName in both cases
    Badname,
    /// Close without an answer
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum AuthWay {
    /// As Adobe's servers do: salted and hashed twice
    Adobe,
    /// As Limelight's: like HTTP digests
    Llnw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Ack {
    /// As soon as the window is full
    Due,
    /// When twice the window is full
    Late,
    /// Never
    Never,
}

/// Who may connect.
#[derive(Clone)]
pub(in super::super) struct Credentials {
    pub(in super::super) user: String,
    pub(in super::super) password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

fn positive(typed: &str) -> Result<usize, String> {
    typed.parse().ok().filter(|n| *n > 0).ok_or_else(|| "a number from 1 on".to_owned())
}

fn credentials(typed: &str) -> Result<Credentials, String> {
    match typed.split_once(':') {
        Some((user, password)) if !user.is_empty() => {
            Ok(Credentials { user: user.to_owned(), password: password.to_owned() })
        }
        _ => Err("a user and a password, with a colon between them".to_owned()),
    }
}
