//! One side speaks TLS, and the other does not.

use super::rig::Conversation;
use super::wire::{C2S, FIN, RST, S2C, Told, told, turns};

fn hello() -> Vec<u8> {
    turns("rtmps-tls13")[0].1.clone()
}

/// S0, S1 and S2.
fn plain_answer() -> Vec<u8> {
    let mut bytes = vec![7; 3073];
    bytes[0] = 3;
    bytes
}

/// What is said of a client that opens with `opening` on port 1935 where the server does as `answer` says.
fn answered(opening: &[u8], step: usize, answer: impl FnOnce(&mut Conversation)) -> Told {
    let mut it = Conversation::new(1);
    it.send_by(C2S, opening, step);
    answer(&mut it);
    let told = told(&it.packets, &[]);
    told.check();
    told
}

#[test]
fn a_hello_and_no_tls_in_return() {
    let hello = hello();
    for step in [1, 1400] {
        for (what, told, words) in [
            (
                "plain RTMP",
                answered(&hello, step, |it| {
                    it.send(S2C, &plain_answer());
                    it.segment(S2C, FIN, &[]);
                }),
                "plain RTMP",
            ),
            (
                "an error in HTTP",
                answered(&hello, step, |it| {
                    it.send(S2C, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                    it.segment(S2C, FIN, &[]);
                }),
                "HTTP",
            ),
            ("FIN", answered(&hello, step, |it| it.segment(S2C, FIN, &[])), "nothing"),
            ("RST", answered(&hello, step, |it| it.segment(S2C, RST, &[])), "nothing"),
            ("nothing", answered(&hello, step, |_| {}), "nothing"),
        ] {
            let findings = told.findings();
            assert_eq!(told.codes(), ["hs.tls-on-plain"], "{what}: {findings:?}");
            assert!(findings[0].contains(words), "{what}: {findings:?}");
            assert_eq!(told.opened(), [(1, "rtmps".to_owned())], "{what}");
        }
    }
}

#[test]
fn a_hello_and_an_alert_in_return() {
    for (description, words) in
        [(40, "handshake_failure"), (70, "protocol_version"), (112, "unrecognized_name")]
    {
        for step in [1, 1400] {
            let told = answered(&hello(), step, |it| {
                it.send(S2C, &[0x15, 3, 3, 0, 2, 2, description]);
                it.segment(S2C, FIN, &[]);
            });
            let findings = told.findings();
            assert_eq!(told.codes(), ["tls.alert"], "{findings:?}");
            assert!(findings[0].contains("the server ended TLS with the alert"), "{findings:?}");
            assert!(findings[0].contains(words), "{findings:?}");
        }
    }
}

/// The lane of the server says it.
#[test]
fn plain_rtmp_and_an_alert_in_return() {
    let mut first = vec![7; 1537];
    first[0] = 3;
    let told = answered(&first, 1400, |it| {
        it.send(S2C, &[0x15, 3, 1, 0, 2, 2, 70]);
        it.segment(S2C, FIN, &[]);
    });
    let findings = told.findings();
    let of_tls: Vec<_> = findings.iter().filter(|f| f.starts_with("hs.tls-on-plain")).collect();
    assert_eq!(of_tls.len(), 1, "{findings:?}");
    assert!(of_tls[0].contains("TLS alert"), "{findings:?}");
    assert_eq!(told.opened(), [(1, "rtmp".to_owned())]);
}

/// Half a hello tells too little for more than that it is TLS.
#[test]
fn a_hello_that_is_not_whole() {
    let hello = hello();
    for length in [6, 40, hello.len() - 1] {
        let told = answered(&hello[..length], 1, |it| it.segment(S2C, RST, &[]));
        assert_eq!(told.codes().len(), 1, "{length}: {:?}", told.findings());
        assert_eq!(told.opened(), [(1, "rtmps".to_owned())], "{length}");
    }
    for length in 1..6 {
        let told = answered(&hello[..length], 1, |it| it.segment(S2C, RST, &[]));
        assert!(told.codes().len() <= 2, "{length}: {:?}", told.findings());
    }
}
