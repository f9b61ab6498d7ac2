//! `rtmpctl listen`: the server that tells about its clients.

use std::process::ExitCode;

use super::args::{self, Ack, AuthWay, Listen, RefuseWith};
use super::live::{self, Listening, Plan};
use super::{Failure, say};
use crate::live::listen::{Behaviour, Host};
use crate::live::tls;
use crate::proto::message::LimitType;
use crate::proto::session::{self, Acknowledge, Auth, AuthMod, Names, Policy};

pub(super) fn run(listen: &Listen) -> Result<ExitCode, Failure> {
    let behaviour = behaviour(&listen.behaviour)?;
    let plan = Plan {
        command: "listen",
        address: &listen.address,
        shared: &listen.shared,
        live: &listen.live,
        sockets: 1,
        redirected: false,
        apart: false,
    };
    live::run(
        &plan,
        |common| {
            let host = Host::new(common, behaviour).map_err(failure)?;
            Ok(move |incoming| host.clone().serve(incoming))
        },
        tell,
    )
}

/// What was typed as what the server does.
fn behaviour(typed: &args::Behaviour) -> Result<Behaviour, Failure> {
    let auth = match &typed.auth {
        None => None,
        Some(args::Credentials { user, password }) => Some(Auth {
            user: user.clone(),
            password: password.clone(),
            offered: match typed.auth_mod {
                AuthWay::Adobe => AuthMod::Adobe,
                AuthWay::Llnw => AuthMod::Limelight,
            },
            salt: tls::random_text().map_err(failure)?,
            challenge: tls::random_text().map_err(failure)?,
        }),
    };
    let policy = Policy {
        apps: Names::of(&typed.accept_app),
        keys: Names::of(&typed.accept_key),
        refuse_with: match typed.refuse_with {
            RefuseWith::Error => session::RefuseWith::Error,
            RefuseWith::Badname => session::RefuseWith::BadName,
            RefuseWith::Close => session::RefuseWith::Silence,
        },
        auth,
        redirect: typed.redirect.as_deref().map(Into::into),
        play: !typed.no_play,
        enhanced: !typed.no_enhanced,
        chunk_size: typed.chunk_size,
        window: typed.window,
        peer_bandwidth: (typed.peer_bandwidth, LimitType::Dynamic),
        ..Policy::default()
    };
    Ok(Behaviour {
        policy,
        acknowledge: match typed.ack {
            Ack::Due => Acknowledge::WhenDue,
            Ack::Late => Acknowledge::Late,
            Ack::Never => Acknowledge::Never,
        },
        reconnect_after: typed.reconnect_after,
        drop_after: typed.drop_after,
    })
}

fn failure(error: tls::Error) -> Failure {
    Failure::new(error.to_string())
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
            "rtmpctl: listening on {address} ({schemes}), which is all interfaces: whoever can reach this machine can \
             connect"
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
            "rtmpctl: for TLS the same with rtmps://; the certificate is made for this run, so tell the encoder not to \
             check it, or to trust the one with the SHA-256 fingerprint {fingerprint}"
        ));
    }
}
