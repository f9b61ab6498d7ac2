//! Sessions of OpenSSL, for what rustls does not speak: CBC, RSA key exchange, TLS 1.0 and 1.1, CCM, renegotiation.

use rtmpctl::capture::tls::{State, Version, is_client_hello};
use rtmpctl::proto::Direction::{ClientToServer, ServerToClient};

use super::rig::{Recorded, check};

/// Seed, version, cipher suite.
const SESSIONS: [(&str, Version, &str); 18] = [
    ("rsa-cbc-sha", Version::TLS_1_2, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("rsa-cbc-sha256", Version::TLS_1_2, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    ("rsa-gcm", Version::TLS_1_2, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ("rsa-gcm-no-ems", Version::TLS_1_2, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    ("ecdhe-cbc-sha384", Version::TLS_1_2, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    ("ecdhe-cbc-sha384-etm", Version::TLS_1_2, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    ("ecdhe-cbc-sha-etm", Version::TLS_1_2, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    ("rsa-ccm", Version::TLS_1_2, "TLS_RSA_WITH_AES_128_CCM"),
    ("rsa-ccm8", Version::TLS_1_2, "TLS_RSA_WITH_AES_256_CCM_8"),
    ("tls11", Version::TLS_1_1, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    ("tls11-etm", Version::TLS_1_1, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("tls10", Version::TLS_1_0, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("tls10-etm", Version::TLS_1_0, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    ("renegotiated", Version::TLS_1_2, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    ("renegotiated-cbc", Version::TLS_1_2, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("key-update", Version::TLS_1_3, "TLS_AES_128_GCM_SHA256"),
    ("ccm", Version::TLS_1_3, "TLS_AES_128_CCM_SHA256"),
    ("ccm8", Version::TLS_1_3, "TLS_AES_128_CCM_8_SHA256"),
];

/// The messages that `testdata/tls.py` has the sides say.
fn texts() -> [Vec<u8>; 2] {
    let message = |seed: usize, length| (0..length).map(move |i: usize| (i * 31 + seed * 7) as u8);
    [
        message(1, 1).chain(message(3, 300)).collect(),
        message(2, 50).chain(message(4, 500)).collect(),
    ]
}

fn session(name: &str) -> Recorded {
    Recorded::read(&format!("openssl-{name}"))
}

#[test]
fn each_session_is_read_whole_with_its_facts() {
    for (name, version, suite) in SESSIONS {
        let recorded = session(name);
        assert!(is_client_hello(&recorded.wire[0].1), "{name}");
        let run = recorded.run();
        assert_eq!(run.state(), State::Reading, "{name}");
        assert_eq!(run.whole(), texts(), "{name}");
        let facts = run.facts();
        assert_eq!(facts.version, Some(version), "{name}");
        assert_eq!(facts.cipher_suite.unwrap().to_string(), suite, "{name}");
        assert_eq!(facts.server_name.as_deref(), Some("stream.example"), "{name}");
        assert_eq!(facts.alpn_offered, ["rtmps", "http/1.1"], "{name}");
        assert_eq!(facts.alpn.as_deref(), Some("rtmps"), "{name}");
        assert_eq!((facts.undecrypted, facts.wanted), (0, None), "{name}");
        let alerts: Vec<_> = facts.alerts.iter().map(ToString::to_string).collect();
        assert!(alerts.iter().all(|alert| alert == "close_notify"), "{name}: {alerts:?}");
        assert!(!alerts.is_empty(), "{name}");
    }
}

#[test]
fn however_it_is_cut_the_plaintext_is_the_same() {
    for (name, ..) in SESSIONS {
        let recorded = session(name);
        for size in [1, 7, 333] {
            assert_eq!(recorded.cut(size).whole(), texts(), "{name} in {size}");
        }
    }
}

#[test]
fn whatever_is_lost_what_comes_out_is_true() {
    let texts = texts();
    for (name, version, suite) in SESSIONS {
        let recorded = session(name);
        // Nothing but padding hides the length of what is lost under authenticated encryption.
        let exact =
            version == Version::TLS_1_2 && (suite.contains("_GCM_") || suite.contains("_CCM"));
        let exact = exact && !name.starts_with("renegotiated");
        for direction in [ClientToServer, ServerToClient] {
            let length = recorded.stream(direction).len();
            for from in (0..length).step_by(71) {
                for lost in [1, 40, 700] {
                    // Without a length, all sequence numbers are tried.
                    for told in [true, false].into_iter().take(1 + usize::from(from % 7 == 0)) {
                        let run = recorded.without(direction, from..from + lost, told);
                        for (side, text) in texts.iter().enumerate() {
                            check(text, &run.out[side], exact && told);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_refused_certificate_shows_in_an_alert() {
    for (name, alert) in [("refused", "unknown_ca"), ("refused-12", "unknown_ca")] {
        let run = session(name).run();
        let alerts: Vec<_> = run.facts().alerts.iter().map(ToString::to_string).collect();
        assert_eq!(alerts, [alert], "{name}");
        assert!(run.facts().alerts[0].fatal);
        assert_eq!(run.facts().alerts[0].direction, ClientToServer);
    }
}
