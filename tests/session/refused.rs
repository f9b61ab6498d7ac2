//! Clients that are not wanted: how they are refused, and what those do who authenticate.

use md5::{Digest, Md5};
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::session::{Auth, AuthMod, Close, Event, Names, Policy, RefuseWith};

use crate::talk::{Script, Server};

fn answer(policy: &Policy, app: &str, key: &str) -> (Vec<String>, Vec<Event>, Option<Close>) {
    let mut server = Server::new(policy.clone());
    server.feed(&Script::handshake());
    let mut script = Script::new(0);
    script.connect(app, &[]);
    script.call(1, "publish", Some(0.0), &[Value::Null, key.into()]);
    server.feed(&script.take());
    let said =
        server.said().into_iter().filter(|line| line.contains('/') || line.contains("close"));
    (said.collect(), server.events, server.closed)
}

const SUCCESS: &str = "0 _result 1 status/NetConnection.Connect.Success";
const START: &str = "1 onStatus 0 status/NetStream.Publish.Start";
const BAD: &str = "1 onStatus 0 error/NetStream.Publish.BadName";
const REJECTED: &str = "0 _error 1 error/NetConnection.Connect.Rejected";
const CLOSE: &str = "0 close 0";

#[test]
fn what_is_not_on_the_lists_is_refused_as_asked() {
    let mut policy = Policy {
        apps: Names::of(["live", "l2*"]),
        keys: Names::of(["cam_*"]),
        ..Policy::default()
    };
    for app in ["live", "live/", "live/_definst_", "live?x=y", "l2x"] {
        for key in ["cam_1", "cam_1?token=z"] {
            assert_eq!(answer(&policy, app, key).0, [SUCCESS, START], "{app} {key}");
        }
    }
    for (how, app, key, said, why, closed) in [
        (RefuseWith::Error, "live", "x", &[SUCCESS, BAD][..], Close::Key, false),
        (RefuseWith::Error, "other", "cam_1", &[REJECTED, CLOSE], Close::App, true),
        (RefuseWith::BadName, "live", "x", &[SUCCESS, BAD], Close::Key, false),
        (RefuseWith::BadName, "other", "cam_1", &[SUCCESS, BAD], Close::App, false),
        (RefuseWith::Silence, "live", "x", &[SUCCESS], Close::Key, true),
        (RefuseWith::Silence, "other", "cam_1", &[], Close::App, true),
    ] {
        policy.refuse_with = how;
        let (answers, events, end) = answer(&policy, app, key);
        assert_eq!(answers, said, "{how:?} {app} {key}");
        if closed {
            assert_eq!(end, Some(why));
        } else {
            assert_eq!((events.last(), end), (Some(&Event::Refused { stream: 1, why }), None));
        }
    }
}

#[test]
fn a_redirect_has_its_url() {
    let policy = Policy { redirect: Some("rtmp://other:1935/live".into()), ..Policy::default() };
    let (said, events, closed) = answer(&policy, "live", "x");
    assert_eq!(
        (&said[..], events, closed),
        (&[REJECTED, CLOSE].map(String::from)[..], vec![], Some(Close::Redirected))
    );
    let mut server = Server::new(policy);
    server.feed(&Script::handshake());
    server.feed(&Script::new(0).connect("live", &[]).take());
    let said = server.text();
    // The command object is null: FFmpeg looks for the description in the first object that there is.
    assert!(said.starts_with("\x02\0\x06_error\0?\u{fffd}\0\0\0\0\0\0\x05\x03\0\x05level"));
    assert!(said.contains("redirect\x02\0\x16rtmp://other:1935/live") && said.contains("code=302"));
}

#[test]
fn players_are_refused_where_nothing_is_played() {
    let mut server = Server::new(Policy { play: false, ..Policy::default() });
    server.feed(&Script::handshake());
    let mut script = Script::new(0);
    script.connect("live", &[]).call(1, "play", Some(0.0), &[Value::Null, "x".into()]);
    server.feed(&script.take());
    assert_eq!(server.said().last().unwrap(), "1 onStatus 0 error/NetStream.Play.Failed");
}

fn md5(text: &str) -> [u8; 16] {
    Md5::digest(text).into()
}

fn hex(text: &str) -> String {
    md5(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String =
        md5(text).iter().map(|byte| format!("{byte:08b}")).collect::<String>() + "0000";
    let digits = (0..22).map(|at| usize::from_str_radix(&bits[6 * at..6 * at + 6], 2).unwrap());
    digits.map(|digit| char::from(ALPHABET[digit])).collect::<String>() + "=="
}

/// What a `connect` to this application is answered, of the description only what stands behind the last space.
fn attempt(auth: &Auth, app: &str) -> (Option<Close>, String) {
    let mut server = Server::new(Policy { auth: Some(auth.clone()), ..Policy::default() });
    server.feed(&Script::handshake());
    server.feed(&Script::new(0).connect(app, &[]).take());
    let said = server.text();
    let from = said.find("[ AccessManager").unwrap_or(said.len());
    (server.closed, said[from..].split("\0\0").next().unwrap_or_default().to_owned())
}

#[test]
fn authentication_of_both_kinds_over_three_connections() {
    let auth = |offered| Auth {
        user: "me".into(),
        password: "p4ss".into(),
        offered,
        salt: "SALT".into(),
        challenge: "CHAL".into(),
    };
    let adobe = auth(AuthMod::Adobe);
    assert_eq!(
        attempt(&adobe, "live"),
        (
            Some(Close::AuthNeeded),
            "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ".into()
        )
    );
    assert_eq!(attempt(&adobe, "live?authmod=adobe&user=me"), (
        Some(Close::AuthNeeded),
        "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=me&salt=SALT&challenge=CHAL&opaque=CHAL".into()
    ));
    let response = base64(&(base64("meSALTp4ss") + "CHAL" + "mine"));
    let good = format!("live?authmod=adobe&user=me&challenge=mine&response={response}&opaque=CHAL");
    assert_eq!(attempt(&adobe, &good), (None, String::new()));
    assert_eq!(
        attempt(&adobe, &good.replace("mine", "yours")),
        (
            Some(Close::AuthFailed),
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed".into()
        )
    );
    assert_eq!(
        attempt(&adobe, &good.replace("user=me", "user=you")),
        (
            Some(Close::AuthFailed),
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=nosuchuser".into()
        )
    );

    let limelight = auth(AuthMod::Limelight);
    assert_eq!(
        attempt(&limelight, "live"),
        (
            Some(Close::AuthNeeded),
            "[ AccessManager.Reject ] : [ code=403 need auth; authmod=llnw ] : ".into()
        )
    );
    assert_eq!(
        attempt(&limelight, "live?authmod=llnw&user=me"),
        (
            Some(Close::AuthNeeded),
            "[ AccessManager.Reject ] : [ authmod=llnw ] : ?reason=needauth&user=me&nonce=CHAL"
                .into()
        )
    );
    for (app, path) in [("live", "live/_definst_"), ("live/x", "live/x")] {
        let who = hex("me:live:p4ss");
        let what = hex(&format!("publish:/{path}"));
        let response = hex(&format!("{who}:CHAL:00000001:mine:auth:{what}"));
        let good = format!(
            "{app}?authmod=llnw&user=me&nonce=CHAL&cnonce=mine&nc=00000001&response={response}"
        );
        for server in [&limelight, &adobe] {
            assert_eq!(attempt(server, &good), (None, String::new()));
            assert_eq!(attempt(server, &good.replace("mine", "x")).0, Some(Close::AuthFailed));
        }
    }
}
