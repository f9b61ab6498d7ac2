//! `rtmpctl proxy`: hands connections on to a server, and tells what happens on them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::{self, Directions, Each, Proxy as Arguments, ProxyVersion, Set};
use super::live::{self, Listening, Plan};
use super::{Failure, say};
use crate::live::proxy::{Faults, Options, Proxy, Rewrite, Target, TcUrl, is_own};
use crate::live::tls::Trust;
use crate::proto::Direction;
use crate::proto::proxy::Version;

pub(super) fn run(proxy: &Arguments) -> Result<ExitCode, Failure> {
    let plan = Plan {
        command: "proxy",
        address: &proxy.listen,
        shared: &proxy.shared,
        live: &proxy.live,
        sockets: 2,
        redirected: proxy.transparent,
        apart: true,
    };
    if let Some(upstream) = &proxy.upstream {
        refuse_loop(upstream, live::resolve(&proxy.listen)?)?;
    }
    let seed = proxy.faults.seed.unwrap_or_else(drawn);
    live::run(
        &plan,
        |common| {
            let proxy = Proxy::new(common, options(proxy, seed))
                .map_err(|error| Failure::new(error.to_string()))?;
            Ok(move |incoming| proxy.clone().serve(incoming))
        },
        |listening| tell(proxy, listening, seed),
    )
}

fn options(proxy: &Arguments, seed: u64) -> Options<'_> {
    let trust = match &proxy.ca {
        _ if proxy.insecure => Trust::Anyone,
        Some(path) => Trust::File(path),
        None => Trust::System,
    };
    Options {
        accept_header: proxy.accept_proxy_protocol,
        send_header: proxy.send_proxy_protocol.map(|version| match version {
            ProxyVersion::V1 => Version::One,
            ProxyVersion::V2 => Version::Two,
        }),
        rewrite: rewrite(proxy),
        faults: Direction::BOTH.map(|direction| faults(&proxy.faults, direction)),
        seed,
        ..Options::new(proxy.upstream.clone(), trust, proxy.upstream_timeout)
    }
}

/// What of UPSTREAM is put into calls, and what single values are.
fn rewrite(proxy: &Arguments) -> Rewrite {
    let upstream = proxy.upstream.as_ref().filter(|_| proxy.rewriting.rewrite);
    let mut rewrite = upstream.map(Rewrite::to).unwrap_or_default();
    for set in &proxy.rewriting.set {
        match set.clone() {
            Set::App(app) => rewrite.app = Some(app),
            Set::TcUrl(url) => rewrite.tc_url = TcUrl::Is(url),
            Set::Key(key) => rewrite.key = Some(key),
        }
    }
    rewrite
}

/// The harm to be done to one direction; of several values the last one holds.
fn faults(typed: &args::Faults, direction: Direction) -> Faults {
    fn last<T: Copy>(values: &[Each<T>], direction: Direction) -> Option<T> {
        values.iter().rfind(|each| each.is_for(direction)).map(|each| each.value)
    }
    let drop_acks = match typed.drop_acks {
        Some(Directions::C2s) => direction == Direction::ClientToServer,
        Some(Directions::S2c) => direction == Direction::ServerToClient,
        Some(Directions::Both) => true,
        None => false,
    };
    Faults {
        delay: last(&typed.delay, direction).unwrap_or_default(),
        jitter: last(&typed.jitter, direction).unwrap_or_default(),
        rate: last(&typed.rate, direction),
        stall_after: last(&typed.stall_after, direction),
        reset_after: last(&typed.reset_after, direction),
        drop_acks,
        corrupt_rate: last(&typed.corrupt_rate, direction).unwrap_or_default(),
    }
}

/// A number for this run, short enough to be typed.
fn drawn() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |since| u64::from(since.subsec_nanos()) / 1000)
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
fn tell(proxy: &Arguments, listening: &Listening, seed: u64) {
    let Listening { address, fingerprint, tls } = listening;
    let port = address.port();
    let schemes = if *tls { "rtmp:// and rtmps://" } else { "rtmp://" };
    let goes = match &proxy.upstream {
        Some(upstream) => format!("handing on to {upstream}"),
        None => "handing redirected connections on to where they were going".to_owned(),
    };
    say(&format!("rtmpctl: listening on {address} ({schemes}), {goes}"));
    if address.ip().is_unspecified() {
        say("rtmpctl: these are all interfaces: whoever can reach this machine can connect");
    } else if address.ip().is_loopback() {
        say(&format!(
            "rtmpctl: only this machine can connect; for others: --listen 0.0.0.0:{port}"
        ));
    }
    if let Some(upstream) = proxy.upstream.as_ref().filter(|upstream| upstream.tls)
        && proxy.insecure
    {
        say(&format!(
            "rtmpctl: the certificate of {upstream} is not checked (--insecure): whoever sits on the way can read and \
             change everything"
        ));
    }
    if let Some(fingerprint) = fingerprint {
        say(&format!(
            "rtmpctl: the certificate for rtmps:// is made for this run; its SHA-256 fingerprint is {fingerprint}"
        ));
    }
    let typed = &proxy.faults;
    if proxy.faults.seed.is_none() && !(typed.jitter.is_empty() && typed.corrupt_rate.is_empty()) {
        say(&format!("rtmpctl: faults are drawn: --seed {seed} draws the same again"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::proxy::ResetAfter;
    use clap::Parser as _;
    use std::time::Duration;

    fn parsed(typed: &str) -> Result<Box<Arguments>, clap::Error> {
        let words = ["rtmpctl", "proxy"].into_iter().chain(typed.split_whitespace());
        match args::Cli::try_parse_from(words)?.command {
            args::Command::Proxy(proxy) => Ok(proxy),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn faults_are_for_one_direction_or_for_both() {
        let proxy = parsed(
            "--delay 200ms --delay s2c=1s --rate c2s=2.5M --drop-acks --reset-after s2c=10k --corrupt-rate 1% rtmp://h",
        )
        .unwrap();
        let [c2s, s2c] = Direction::BOTH.map(|direction| faults(&proxy.faults, direction));
        let delay = Duration::from_millis(200);
        let both = Faults { drop_acks: true, corrupt_rate: 0.01, ..Faults::default() };
        assert_eq!(c2s, Faults { delay, rate: Some(2_500_000), ..both.clone() });
        let reset_after = Some(ResetAfter::Bytes(10_000));
        assert_eq!(s2c, Faults { delay: Duration::from_secs(1), reset_after, ..both });
        let proxy = parsed("--drop-acks=c2s rtmp://h").unwrap();
        assert!(faults(&proxy.faults, Direction::ClientToServer).drop_acks);
        assert!(!faults(&proxy.faults, Direction::ServerToClient).drop_acks);
    }

    #[test]
    fn what_is_rewritten_is_of_the_url_or_set() {
        let of = |typed: &str| rewrite(&parsed(typed).unwrap());
        assert!(of("rtmp://h/app/key").is_nothing());
        let all = of("--rewrite rtmp://h/app/key --set key=other");
        assert_eq!((all.app.as_deref(), all.key.as_deref()), (Some("app"), Some("other")));
        assert!(matches!(all.tc_url, TcUrl::Of(_)));
        let one = of("--set tc-url=rtmp://x/a=b rtmp://h");
        assert!(one.app.is_none() && matches!(one.tc_url, TcUrl::Is(url) if url == "rtmp://x/a=b"));
        assert!(parsed("--set nonsense=1 rtmp://h").is_err());
    }

    #[test]
    fn there_is_one_place_to_hand_on_to() {
        assert!(parsed("").is_err());
        assert!(parsed("--transparent rtmp://h").is_err());
        assert!(parsed("--transparent").unwrap().upstream.is_none());
        assert!(parsed("http://h").is_err());
        assert!(parsed("--insecure --ca x rtmps://h").is_err());
    }

    #[test]
    fn a_loop_is_refused() {
        let listens = "127.0.0.1:1935".parse().unwrap();
        for (upstream, refused) in
            [("rtmp://localhost", true), ("rtmp://127.0.0.1:1936", false), ("rtmp://h", false)]
        {
            assert_eq!(refuse_loop(&upstream.parse().unwrap(), listens).is_err(), refused);
        }
    }
}
