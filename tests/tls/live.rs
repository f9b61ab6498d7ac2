//! Sessions of rustls, both sides in memory: TLS 1.3 with all that it has, and 1.2.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use rtmpctl::Limits;
use rtmpctl::capture::tls::{State, Unreadable, Version};
use rtmpctl::proto::Direction::{self, ClientToServer, ServerToClient};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::{ServerConfig, ServerConnection};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, KeyLog, RootCertStore, SupportedCipherSuite,
};

use super::rig::{Part, Recorded, Run, Text, check};

#[derive(Debug, Default)]
struct Log(Mutex<Vec<u8>>);

impl KeyLog for Log {
    fn log(&self, label: &str, random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(random), hex(secret));
        self.0.lock().unwrap().extend(line.into_bytes());
    }
}

/// A client and a server that trust each other.
struct Pair {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    log: Arc<Log>,
}

impl Pair {
    fn new(suite: SupportedCipherSuite, retry: bool) -> Self {
        let provider = |groups: &[&'static dyn rustls::crypto::SupportedKxGroup]| {
            Arc::new(CryptoProvider {
                cipher_suites: vec![suite],
                kx_groups: groups.to_vec(),
                ..ring::default_provider()
            })
        };
        let both = [ring::kx_group::X25519, ring::kx_group::SECP256R1];
        let versions = &[suite.version()];
        let made = rcgen::generate_simple_self_signed(["stream.example".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let log = Arc::new(Log::default());
        let mut client = ClientConfig::builder_with_provider(provider(&both))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.key_log = log.clone();
        client.enable_early_data = true;
        client.alpn_protocols = vec![b"rtmps".to_vec(), b"other".to_vec()];
        let groups = if retry { &both[1..] } else { &both[..] };
        let mut server = ServerConfig::builder_with_provider(provider(groups))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        server.max_early_data_size = 1 << 14;
        server.alpn_protocols = vec![b"rtmps".to_vec()];
        Self { client: Arc::new(client), server: Arc::new(server), log }
    }

    fn talk(&self) -> Talk {
        let name = ServerName::try_from("stream.example").unwrap();
        Talk {
            client: ClientConnection::new(self.client.clone(), name).unwrap(),
            server: ServerConnection::new(self.server.clone()).unwrap(),
            wire: Vec::new(),
            said: [Vec::new(), Vec::new()],
            random: 1,
        }
    }

    /// What was sent, with the secrets so far.
    fn recorded(&self, talk: Talk) -> (Recorded, [Vec<u8>; 2]) {
        let log = self.log.0.lock().unwrap().clone();
        (Recorded { log, wire: talk.wire }, talk.said)
    }
}

/// A conversation.
struct Talk {
    client: ClientConnection,
    server: ServerConnection,
    wire: Vec<(Direction, Vec<u8>)>,
    said: [Vec<u8>; 2],
    random: u64,
}

impl Talk {
    /// Carries what both sides want to send, until they are silent.
    fn carry(&mut self) {
        loop {
            let sent = speak(&mut self.client);
            hear(&mut self.server, &sent);
            let answered = speak(&mut self.server);
            hear(&mut self.client, &answered);
            for (direction, bytes) in [(ClientToServer, &sent), (ServerToClient, &answered)] {
                if !bytes.is_empty() {
                    self.wire.push((direction, bytes.clone()));
                }
            }
            if sent.is_empty() && answered.is_empty() {
                return;
            }
        }
    }

    /// Bytes that do not repeat.
    fn text(&mut self, length: usize) -> Vec<u8> {
        let mut next = || {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            self.random as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn say(&mut self, direction: Direction, length: usize) {
        let text = self.text(length);
        for part in text.chunks(16 << 10) {
            match direction {
                ClientToServer => self.client.writer().write_all(part).unwrap(),
                ServerToClient => self.server.writer().write_all(part).unwrap(),
            }
            self.carry();
        }
        self.said[direction.index()].extend(text);
    }

    fn early(&mut self, length: usize) {
        let text = self.text(length);
        self.client.early_data().expect("a ticket").write_all(&text).unwrap();
        self.said[0].extend(text);
    }

    fn finish(&mut self) {
        self.client.send_close_notify();
        self.server.send_close_notify();
        self.carry();
    }

    /// Some messages both ways, of many sizes.
    fn usual(mut self) -> Self {
        self.carry();
        for (direction, length) in [
            (ClientToServer, 1537),
            (ServerToClient, 3073),
            (ClientToServer, 1),
            (ClientToServer, 700),
            (ServerToClient, 20),
            (ServerToClient, 40_000),
            (ClientToServer, 20_000),
            (ServerToClient, 333),
        ] {
            self.say(direction, length);
        }
        self.finish();
        self
    }
}

fn speak<Data>(end: &mut ConnectionCommon<Data>) -> Vec<u8> {
    let mut sent = Vec::new();
    while end.wants_write() {
        end.write_tls(&mut sent).unwrap();
    }
    sent
}

fn hear<Data>(end: &mut ConnectionCommon<Data>, mut bytes: &[u8]) {
    let mut text = [0; 4096];
    while !bytes.is_empty() {
        end.read_tls(&mut bytes).unwrap();
        end.process_new_packets().unwrap();
        while end.reader().read(&mut text).is_ok_and(|length| length > 0) {}
    }
}

fn suites() -> Vec<SupportedCipherSuite> {
    // The key of the certificate leaves those with RSA out.
    let rsa = |suite: &SupportedCipherSuite| format!("{suite:?}").contains("_RSA_");
    ring::ALL_CIPHER_SUITES.iter().copied().filter(|suite| !rsa(suite)).collect()
}

static GCM13: SupportedCipherSuite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
static GCM12: SupportedCipherSuite = ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;

fn usual(suite: SupportedCipherSuite) -> (Recorded, [Vec<u8>; 2]) {
    let pair = Pair::new(suite, false);
    pair.recorded(pair.talk().usual())
}

/// A key log without the lines that have one of these labels.
fn without(log: &[u8], labels: &[&str]) -> Vec<u8> {
    let lines = log.split_inclusive(|&byte| byte == b'\n');
    let kept = lines.filter(|line| !labels.iter().any(|label| line.starts_with(label.as_bytes())));
    kept.flatten().copied().collect()
}

const HANDSHAKE: [&str; 2] = ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE"];

#[test]
fn each_suite_is_read_whole_with_its_facts() {
    assert_eq!(suites().len(), 6);
    for suite in suites() {
        let (recorded, said) = usual(suite);
        let run = recorded.run();
        assert_eq!(run.whole(), said, "{suite:?}");
        assert_eq!(run.state(), State::Reading);
        let facts = run.facts();
        let version = if suite.tls13().is_some() { Version::TLS_1_3 } else { Version::TLS_1_2 };
        assert_eq!(facts.version, Some(version));
        assert_eq!(facts.versions_offered, [version]);
        assert_eq!(facts.cipher_suite.unwrap().0, u16::from(suite.suite()));
        assert_eq!(facts.server_name.as_deref(), Some("stream.example"));
        assert_eq!(
            (&facts.alpn_offered[..], facts.alpn.as_deref()),
            (&["rtmps".to_owned(), "other".to_owned()][..], Some("rtmps"))
        );
        let alerts: Vec<_> =
            facts.alerts.iter().map(|alert| (alert.direction, alert.to_string())).collect();
        assert_eq!(
            alerts,
            [(ClientToServer, "close_notify".into()), (ServerToClient, "close_notify".into())]
        );
        assert!(run.frames.is_sorted(), "places are in order");
    }
}

#[test]
fn however_it_is_cut_the_plaintext_is_the_same() {
    for suite in [GCM13, GCM12] {
        let (recorded, said) = usual(suite);
        for size in [1, 3, 5, 1460, 16_406, 70_000] {
            assert_eq!(recorded.cut(size).whole(), said, "{size}");
        }
    }
}

#[test]
fn a_hello_retry_request_is_followed() {
    let pair = Pair::new(GCM13, true);
    let (recorded, said) = pair.recorded(pair.talk().usual());
    let hellos =
        recorded.wire.iter().take(3).map(|(of, bytes)| (*of, bytes[5])).collect::<Vec<_>>();
    assert_eq!(hellos, [(ClientToServer, 1), (ServerToClient, 2), (ClientToServer, 1)]);
    assert_eq!(recorded.run().whole(), said);
    assert_eq!(recorded.cut(11).whole(), said);
}

#[test]
fn a_resumed_session_is_read() {
    for suite in [GCM13, GCM12] {
        let pair = Pair::new(suite, false);
        let first = pair.talk().usual();
        let second = pair.talk().usual();
        assert_eq!(second.client.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
        let (recorded, said) = pair.recorded(second);
        assert_eq!(recorded.run().whole(), said);
        drop(first);
    }
}

/// TLS 1.2: the log has the first session only, and the second repeats its id or ticket.
#[test]
fn a_resumed_session_is_read_by_what_is_known_of_the_first() {
    let pair = Pair::new(GCM12, false);
    let (first, _) = pair.recorded(pair.talk().usual());
    let (second, said) = pair.recorded(pair.talk().usual());
    let mut run = Run::new(&first.log);
    for recorded in [&first, &second] {
        run.session = rtmpctl::capture::tls::Session::new();
        run.out = [Vec::new(), Vec::new()];
        for (direction, bytes) in &recorded.wire {
            run.bytes(*direction, bytes);
        }
        run.close();
    }
    assert_eq!(run.whole(), said);
}

#[test]
fn key_updates_of_both_sides_are_followed() {
    let pair = Pair::new(ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, false);
    let mut talk = pair.talk();
    talk.carry();
    for round in 0..5 {
        talk.say(ClientToServer, 100 + round);
        talk.client.refresh_traffic_keys().unwrap();
        talk.say(ServerToClient, 200 + round);
        talk.say(ClientToServer, 300 + round);
        talk.server.refresh_traffic_keys().unwrap();
        talk.say(ServerToClient, 400 + round);
    }
    let (recorded, said) = pair.recorded(talk);
    assert_eq!(recorded.run().whole(), said);
    // One that is lost, with what is around it.
    let length = recorded.stream(ClientToServer).len();
    for from in (600..length).step_by(37) {
        let run = recorded.without(ClientToServer, from..from + 30, true);
        let missing = check(&said[0], &run.out[0], false);
        assert!(missing <= 700, "{from}: {missing}");
        assert_eq!(run.state(), State::Reading);
    }
}

/// A session that begins with early data, and what both sides said.
fn early(accepted: bool) -> (Recorded, [Vec<u8>; 2]) {
    let mut pair = Pair::new(GCM13, false);
    drop(pair.talk().usual());
    if !accepted {
        let mut server = ServerConfig::clone(&pair.server);
        server.max_early_data_size = 0;
        pair.server = Arc::new(server);
    }
    let mut talk = pair.talk();
    talk.early(900);
    talk.early(100);
    if !accepted {
        talk.said[0].clear();
    }
    talk.carry();
    assert_eq!(talk.client.is_early_data_accepted(), accepted);
    talk.say(ClientToServer, 500);
    talk.say(ServerToClient, 600);
    pair.recorded(talk)
}

#[test]
fn early_data_that_the_server_takes_is_part_of_the_plaintext() {
    let (recorded, said) = early(true);
    let run = recorded.run();
    // The server reads it by its own door, so `said` has it and the wire has it first.
    assert_eq!(run.whole(), said);
    assert_eq!(recorded.cut(9).whole(), said);
    // Without its secret it is a gap of its length.
    let mut unknown = recorded.clone();
    unknown.log = without(&recorded.log, &["CLIENT_EARLY"]);
    let run = unknown.run();
    assert_eq!(run.out[0], [Text::Gap(Some(1000)), Text::Bytes(said[0][1000..].to_vec())]);
    assert_eq!(run.out[1], [Text::Bytes(said[1].clone())]);
}

#[test]
fn early_data_that_the_server_refuses_is_passed_over() {
    let (recorded, said) = early(false);
    assert_eq!(recorded.run().whole(), said);
    assert_eq!(recorded.cut(9).whole(), said);
}

#[test]
fn without_the_handshake_secrets_the_application_data_are_found() {
    for suite in suites().into_iter().filter(|suite| suite.tls13().is_some()) {
        let (mut recorded, said) = usual(suite);
        recorded.log = without(&recorded.log, &HANDSHAKE);
        assert_eq!(recorded.run().whole(), said);
        let run = recorded.cut(100);
        assert_eq!(run.whole(), said);
        assert_eq!(run.facts().alpn, None);
    }
}

#[test]
fn keys_that_come_late_let_out_what_was_held() {
    for suite in [GCM13, GCM12] {
        let pair = Pair::new(suite, false);
        let mut talk = pair.talk();
        talk.carry();
        talk.say(ClientToServer, 1000);
        talk.say(ServerToClient, 2000);
        talk.finish();
        let (recorded, said) = pair.recorded(talk);
        for at in 0..=recorded.wire.len() {
            let mut run = Run::new(b"");
            for (index, (direction, bytes)) in recorded.wire.iter().enumerate() {
                if index == at {
                    run.add(&recorded.log);
                }
                run.bytes(*direction, bytes);
                if index + 1 == recorded.wire.len() && at > index {
                    assert_eq!(run.state(), State::Waiting);
                    assert!(run.out.iter().all(Vec::is_empty) && run.total > 3000);
                    run.end(ServerToClient);
                    run.add(&recorded.log);
                }
            }
            run.close();
            assert_eq!(run.whole(), said, "{at}");
            assert!(
                run.frames.iter().all(|&frame| frame <= recorded.wire.len() as u64),
                "places are kept"
            );
        }
        // One line after the other.
        let mut run = Run::new(b"");
        recorded.wire.iter().for_each(|(direction, bytes)| run.bytes(*direction, bytes));
        recorded.log.split_inclusive(|&byte| byte == b'\n').for_each(|line| run.add(line));
        run.close();
        assert_eq!(run.whole(), said);
    }
}

#[test]
fn what_is_missing_is_named() {
    for (suite, name) in [(GCM13, "SERVER_HANDSHAKE_TRAFFIC_SECRET"), (GCM12, "CLIENT_RANDOM")] {
        let (mut recorded, _) = usual(suite);
        let random = recorded.log.clone();
        recorded.log.clear();
        recorded.wire.truncate(4);
        let run = recorded.run();
        assert_eq!((run.state(), run.facts().wanted.is_some()), (State::Waiting, true));
        let wanted = run.facts().wanted.unwrap();
        assert!(
            wanted == name || suite == GCM13 && wanted.starts_with("CLIENT_HANDSHAKE"),
            "{wanted}"
        );
        let hex: String =
            run.facts().client_random.unwrap().iter().map(|b| format!("{b:02x}")).collect();
        assert!(String::from_utf8(random).unwrap().contains(&hex));
    }
}

#[test]
fn wrong_keys_are_said() {
    for suite in [GCM13, GCM12] {
        let (mut recorded, _) = usual(suite);
        // One digit of each secret.
        let lines = recorded.log.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        recorded.log = lines
            .flat_map(|line| {
                let (rest, last) = line.split_at(line.len() - 1);
                [rest, if last == b"0" { b"1" } else { b"0" }, b"\n"].concat()
            })
            .collect();
        let run = recorded.run();
        assert_eq!(run.state(), State::Unreadable(Unreadable::WrongKeys), "{suite:?}");
        assert!(run.out.iter().all(Vec::is_empty));
        // And where only the application's are there.
        recorded.log = without(&recorded.log, &HANDSHAKE);
        let run = recorded.run();
        assert_eq!(run.state(), State::Unreadable(Unreadable::WrongKeys), "{suite:?}");
    }
}

#[test]
fn a_record_that_does_not_decrypt_is_a_gap_and_many_are_the_end() {
    for suite in [GCM13, GCM12] {
        let pair = Pair::new(suite, false);
        let mut talk = pair.talk();
        talk.carry();
        let before = talk.wire.len();
        (0..40).for_each(|_| talk.say(ClientToServer, 100));
        let (recorded, said) = pair.recorded(talk);
        let spoil = |range: std::ops::Range<usize>| {
            let mut spoilt = recorded.clone();
            for (_, bytes) in &mut spoilt.wire[before..][range] {
                *bytes.last_mut().unwrap() ^= 1;
            }
            spoilt.run()
        };
        let run = spoil(3..5);
        assert_eq!(run.facts().undecrypted, 2);
        let text = |range: std::ops::Range<usize>| Text::Bytes(said[0][range].to_vec());
        assert_eq!(run.out[0], [text(0..300), Text::Gap(Some(200)), text(500..4000)]);
        let run = spoil(3..18);
        assert_eq!(run.out[0], [text(0..300), Text::Gap(Some(1500)), text(1800..4000)]);
        let run = spoil(3..19);
        assert_eq!(run.state(), State::Unreadable(Unreadable::Failures(16)));
        assert_eq!(run.out[0], [text(0..300), Text::Gap(None)]);
    }
}

#[test]
fn whatever_is_lost_what_comes_out_is_true_and_goes_on() {
    for suite in [GCM12, GCM13, ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256] {
        let (recorded, said) = usual(suite);
        for direction in [ClientToServer, ServerToClient] {
            let length = recorded.stream(direction).len();
            for from in (0..length).step_by(3989) {
                for lost in [1, 1460, 20_000] {
                    // Tickets of TLS 1.3 look like application data.
                    let exact =
                        suite.tls13().is_none() || direction == ClientToServer && from > 400;
                    let run = recorded.without(direction, from..from + lost, true);
                    for (side, text) in said.iter().enumerate() {
                        let missing = check(text, &run.out[side], exact);
                        if side != direction.index() && !matches!(run.state(), State::Unreadable(_))
                        {
                            assert_eq!(missing, 0);
                        }
                        // Each end of the hole costs a record at most.
                        if run.state() == State::Reading {
                            assert!(missing <= lost + (2 << 14), "{from} {lost}: {missing}");
                        }
                    }
                    if from > 2000 {
                        assert_eq!(
                            run.state(),
                            State::Reading,
                            "{suite:?} {direction} {from} {lost}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn many_small_records_that_are_lost_are_counted_through() {
    let pair = Pair::new(GCM12, false);
    let mut talk = pair.talk();
    talk.carry();
    let sizes: Vec<usize> = (0..1500).map(|index| 1 + index % 13).collect();
    let before = talk.wire.len();
    sizes.iter().for_each(|&size| talk.say(ClientToServer, size));
    let (recorded, said) = pair.recorded(talk);
    // The hole of 1026 has at least 2 records of the largest size, and 1024 numbers from there on are tried.
    for lost in [1, 2, 500, 1025, 1026] {
        let mut run = Run::new(&recorded.log);
        let mut bytes = 0;
        for (index, (direction, piece)) in recorded.wire.iter().enumerate() {
            if (before + 10..before + 10 + lost).contains(&index) {
                bytes += piece.len() as u64;
                continue;
            }
            if bytes > 0 {
                run.part(*direction, &Part::Gap(Some(std::mem::take(&mut bytes))));
            }
            run.bytes(*direction, piece);
        }
        run.close();
        let at = sizes[..10].iter().sum::<usize>();
        let gap = sizes[10..10 + lost].iter().sum::<usize>();
        let text = |range: std::ops::Range<usize>| Text::Bytes(said[0][range].to_vec());
        let found = [text(0..at), Text::Gap(Some(gap as u64)), text(at + gap..said[0].len())];
        let not_found = [text(0..at), Text::Gap(None)];
        let expected = if lost > 1025 { &not_found[..] } else { &found[..] };
        assert_eq!(run.out[0], expected, "{lost}");
    }
}

#[test]
fn a_hole_at_the_end_is_declared() {
    let (recorded, said) = usual(GCM12);
    let length = recorded.stream(ServerToClient).len();
    // The last record is an alert of 31 bytes; the one before it has 333 of text, whose header is there or not.
    for (from, to, expected) in [
        (length - 41, length - 31, Some(333)),
        (length - 41, length, None),
        (length - 31 - 363, length, None),
    ] {
        let run = recorded.without(ServerToClient, from..to, true);
        assert_eq!(run.out[1].len(), 2, "{from}");
        assert_eq!(run.out[1][1], Text::Gap(expected), "{from}");
        check(&said[1], &run.out[1], true);
    }
}

#[test]
fn what_waits_is_bounded_for_one_and_for_all() {
    let (recorded, _) = usual(GCM12);
    let hold = |limits: Limits, others: usize| {
        let mut run = Run::with(b"", limits);
        run.total = others;
        for (direction, bytes) in &recorded.wire {
            run.bytes(*direction, bytes);
        }
        let held = run.total - others;
        let state = run.state();
        run.total -= others;
        run.close();
        (held, state)
    };
    let (held, state) = hold(Limits::default(), 0);
    assert!(held > 60_000 && state == State::Waiting);
    let one = |tls_bytes| Limits { tls_bytes, ..Limits::default() };
    let all = |tls_total| Limits { tls_total, ..Limits::default() };
    assert_eq!(hold(one(held), 0), (held, State::Waiting));
    let limit = |name| (0, State::Unreadable(Unreadable::Limit(name)));
    assert_eq!(hold(one(held - 1), 0), limit("tls_bytes"));
    assert_eq!(hold(all(held + 7), 7), (held, State::Waiting));
    assert_eq!(hold(all(held + 6), 7), limit("tls_total"));
}

#[test]
fn a_record_that_is_not_whole_counts_as_held() {
    let (recorded, said) = usual(GCM12);
    let stream = recorded.stream(ClientToServer);
    let mut run = Run::new(&recorded.log);
    run.bytes(ClientToServer, &stream[..100]);
    assert_eq!(run.total, 100);
    run.bytes(ClientToServer, &stream[100..recorded.wire[0].1.len()]);
    // The ClientHello is kept until it is known whether the keys depend on it.
    for (direction, bytes) in &recorded.wire[1..] {
        run.bytes(*direction, bytes);
    }
    assert_eq!(run.total, 0);
    run.close();
    assert_eq!(run.whole(), said);
}

#[test]
fn without_both_hellos_it_says_so() {
    let (recorded, _) = usual(GCM12);
    let run = recorded.without(ClientToServer, 20..30, true);
    assert_eq!(run.state(), State::Unreadable(Unreadable::ClientHello));
    let run = recorded.without(ServerToClient, 20..30, true);
    assert_eq!(run.state(), State::Unreadable(Unreadable::ServerHello));
}

/// A ClientHello of so many bytes with its header, in as many records as it needs.
fn long_hello(length: usize) -> Vec<u8> {
    let name = b"stream.example";
    let mut extensions =
        vec![0, 0, 0, name.len() as u8 + 5, 0, name.len() as u8 + 3, 0, 0, name.len() as u8];
    extensions.extend(name);
    let mut hello = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2f, 1, 0]].concat();
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    // What comes behind the extensions, nobody reads.
    hello.resize(length - 4, 0);
    let mut message = vec![1];
    message.extend(&(hello.len() as u32).to_be_bytes()[1..]);
    message.extend(hello);
    message
        .chunks(1 << 14)
        .flat_map(|part| [&[22, 3, 1], &(part.len() as u16).to_be_bytes()[..], part].concat())
        .collect()
}

#[test]
fn a_hello_is_read_up_to_its_limit() {
    for (length, name) in
        [(100, true), (Limits::TLS_MESSAGE, true), (Limits::TLS_MESSAGE + 1, false)]
    {
        let mut run = Run::new(b"");
        run.bytes(ClientToServer, &long_hello(length));
        assert_eq!(run.facts().server_name.is_some(), name, "{length}");
        assert_eq!(run.state() == State::Unreadable(Unreadable::ClientHello), !name);
        run.close();
    }
}

#[test]
fn so_many_records_are_passed_over_and_no_more() {
    let pair = Pair::new(GCM13, false);
    let mut talk = pair.talk();
    talk.carry();
    talk.say(ClientToServer, 10);
    let (mut recorded, said) = pair.recorded(talk);
    recorded.log = without(&recorded.log, &HANDSHAKE);
    // What nobody can read, in front of the client's Finished.
    let at = recorded
        .wire
        .iter()
        .rposition(|(of, bytes)| *of == ClientToServer && bytes[0] == 20)
        .unwrap();
    for (more, reads) in [(Limits::TLS_BLIND - 1, true), (Limits::TLS_BLIND, false)] {
        let mut padded = recorded.clone();
        let record = [&[23, 3, 3, 0, 20][..], &[0; 20]].concat();
        padded.wire.insert(at, (ClientToServer, record.repeat(more as usize)));
        let run = padded.run();
        assert_eq!(run.state() == State::Reading, reads, "{:?}", run.state());
        assert_eq!(run.whole()[0], if reads { &said[0][..] } else { &[] });
    }
}

/// Time is linear though each five bytes may begin a record and a hole is before them.
#[test]
fn what_looks_like_many_records_is_tried_within_bounds() {
    let (recorded, said) = usual(GCM12);
    let mut run = Run::new(&recorded.log);
    for (direction, bytes) in &recorded.wire {
        run.bytes(*direction, bytes);
    }
    assert_eq!(run.whole(), said);
    run.part(ClientToServer, &Part::Gap(None));
    let header = [23, 3, 3, 0x3f, 0xfc].repeat(60_000);
    for piece in header.chunks(1460) {
        run.bytes(ClientToServer, piece);
        assert!(run.total <= 64 << 10);
    }
    run.close();
    assert_eq!(run.out[0][1..], [Text::Gap(None)]);
}
