//! `rtmpctl listen`: the server that tells about its clients.

use std::process::ExitCode;

use super::args::Listen;
use super::live::{self, Listening, Plan};
use super::{Failure, say};
use crate::live::listen::{Behaviour, Host};

pub(super) fn run(listen: &Listen) -> Result<ExitCode, Failure> {
    let plan = Plan {
        command: "listen",
        address: &listen.address,
        shared: &listen.shared,
        live: &listen.live,
        sockets: 1,
    };
    live::run(
        &plan,
        |common| {
            let host = Host::new(common, Behaviour::default())
                .map_err(|error| Failure::new(error.to_string()))?;
            Ok(move |incoming| host.clone().serve(incoming))
        },
        tell,
    )
}

/// Says what is listened on, and what to do with it.
fn tell(listening: &Listening) {
    let Listening { address, fingerprint, tls } = listening;
    let port = address.port();
    let schemes = if *tls { "rtmp:// and rtmps://" } else { "rtmp://" };
    if address.ip().is_unspecified() {
        let host =
            live::own_address().map_or_else(|| "THIS-MACHINE".to_owned(), |ip| ip.to_string());
        say(&format!(
            "rtmpctl: listening on {address}, all interfaces: whoever can reach this machine can connect"
        ));
        say(&format!(
            "rtmpctl: URL for the encoder: rtmp://{host}:{port}/live, and any stream key"
        ));
    } else {
        say(&format!("rtmpctl: listening on {address} ({schemes})"));
        say(&format!("rtmpctl: URL for the encoder: rtmp://{address}/live, and any stream key"));
    }
    if address.ip().is_loopback() {
        say(&format!(
            "rtmpctl: only this machine can connect; for others: rtmpctl listen 0.0.0.0:{port}"
        ));
    }
    if let Some(fingerprint) = fingerprint {
        say(&format!(
            "rtmpctl: for TLS the same with rtmps://; the certificate is made for this run, so tell the encoder not to check \
             it, or to trust the one with the SHA-256 fingerprint {fingerprint}"
        ));
    }
}
