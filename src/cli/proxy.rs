//! `rtmpctl proxy`: hands connections on to a server, and tells what happens on them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use super::args::Proxy as Arguments;
use super::live::{self, Listening, Plan};
use super::{Failure, say};
use crate::live::proxy::{Options, Proxy, Target, is_own};
use crate::live::tls::Trust;

pub(super) fn run(proxy: &Arguments) -> Result<ExitCode, Failure> {
    let plan = Plan {
        command: "proxy",
        address: &proxy.listen,
        shared: &proxy.shared,
        live: &proxy.live,
        sockets: 2,
    };
    refuse_loop(&proxy.upstream, live::resolve(&proxy.listen)?)?;
    live::run(
        &plan,
        |common| {
            let options = Options {
                target: proxy.upstream.clone(),
                trust: trust(proxy),
                patience: proxy.upstream_timeout,
            };
            let proxy =
                Proxy::new(common, options).map_err(|error| Failure::new(error.to_string()))?;
            Ok(move |incoming| proxy.clone().serve(incoming))
        },
        |listening| tell(proxy, listening),
    )
}

fn trust(proxy: &Arguments) -> Trust<'_> {
    match &proxy.ca {
        _ if proxy.insecure => Trust::Anyone,
        Some(path) => Trust::File(path),
        None => Trust::System,
    }
}

/// A proxy that would connect to itself would do so for ever.
fn refuse_loop(upstream: &Target, listens: SocketAddr) -> Result<(), Failure> {
    let ip = match upstream.ip() {
        Some(ip) => ip,
        None if upstream.host == "localhost" => IpAddr::from(Ipv4Addr::LOCALHOST),
        None => return Ok(()),
    };
    if is_own(SocketAddr::new(ip, upstream.port), listens) {
        return Err(Failure::new(format!(
            "{upstream} is where this program listens itself: --listen takes another address or port"
        )));
    }
    Ok(())
}

/// Says what is listened on, and where it goes.
fn tell(proxy: &Arguments, listening: &Listening) {
    let Listening { address, fingerprint, tls } = listening;
    let port = address.port();
    let schemes = if *tls { "rtmp:// and rtmps://" } else { "rtmp://" };
    let upstream = &proxy.upstream;
    say(&format!("rtmpctl: listening on {address} ({schemes}), handing on to {upstream}"));
    if address.ip().is_unspecified() {
        say("rtmpctl: these are all interfaces: whoever can reach this machine can connect");
    } else if address.ip().is_loopback() {
        say(&format!(
            "rtmpctl: only this machine can connect; for others: --listen 0.0.0.0:{port}"
        ));
    }
    if upstream.tls && proxy.insecure {
        say(&format!(
            "rtmpctl: the certificate of {upstream} is not checked (--insecure): whoever sits on the way can read and change everything"
        ));
    }
    if let Some(fingerprint) = fingerprint {
        say(&format!(
            "rtmpctl: the certificate for rtmps:// is made for this run; its SHA-256 fingerprint is {fingerprint}"
        ));
    }
}
