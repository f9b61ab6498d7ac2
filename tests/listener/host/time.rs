//! How long clients have, with the limits of the program, by a clock that stands still between steps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rtmpctl::proto::handshake::PACKET_LEN;
use serde_json::Value;

use super::rig::{AAC_HEADER, Client, Rig, Setup, audio, ending, is};
use super::secure::{client, identity};

/// More than timers are rounded by.
const TICK: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);

/// A server whose time stands still.
fn rig() -> Rig {
    Setup { timeless: true, ..Setup::default() }.start()
}

/// Waits until the server has so many connections: their time begins.
fn opened(rig: &Rig, count: usize) {
    let is_one = |record: &&Value| record["event"] == "connection_opened";
    rig.wait(|records| records.iter().filter(is_one).count() >= count);
}

/// Waits until it is closed for being slow, as the sentence says.
fn timed_out(rig: &Rig, connection: u64, what: &str) {
    let records = rig.closed(connection);
    assert_eq!(ending(&records), ("server", "timeout"), "{connection}");
    let said = records.iter().find(|record| record["code"] == "listen.timeout").unwrap();
    let said = said["message"].as_str().unwrap();
    assert!(said.contains(what), "{connection}: {said}");
}

/// Does the handshake, and waits until the server has all of it.
fn shake<S: Read + Write>(rig: &Rig, connection: u64, client: &mut Client<S>) {
    client.until(|client| client.connection.is_open().then_some(()));
    rig.until(|record| record["connection"] == connection && record["packet"] == "c2");
}

fn is_open(rig: &Rig, connection: u64) -> bool {
    let records = rig.records();
    !records.iter().any(|r| r["connection"] == connection && r["event"] == "connection_closed")
}

/// Whether the server has nothing more to say.
fn ends(socket: &mut TcpStream) {
    let _ = socket.read_to_end(&mut Vec::new());
}

#[test]
fn a_handshake_has_ten_seconds_and_connect_ten_more() {
    let rig = rig();
    let mut silent = rig.socket();
    opened(&rig, 1);
    let mut half = rig.socket();
    half.write_all(&[3; PACKET_LEN]).unwrap();
    opened(&rig, 2);
    let mut quick = Client::to(&rig);
    opened(&rig, 3);
    let mut mute = Client::to(&rig);
    opened(&rig, 4);
    rig.advance(10 * SECOND - TICK);
    // The last moment is enough.
    shake(&rig, 3, &mut quick);
    shake(&rig, 4, &mut mute);
    assert!((1..=4).all(|connection| is_open(&rig, connection)));
    rig.advance(2 * TICK);
    for (connection, socket) in [(1, &mut silent), (2, &mut half)] {
        ends(socket);
        timed_out(&rig, connection, "its handshake was not over after 10 s");
    }
    assert!(is_open(&rig, 3) && is_open(&rig, 4));
    rig.advance(10 * SECOND - 2 * TICK);
    let stream = quick.publish("live", "cam");
    assert!(is_open(&rig, 4));
    rig.advance(2 * TICK);
    mute.read_to_end_of_it();
    timed_out(&rig, 4, "it had not sent connect after 20 s");
    // Who is connected may be silent for as long as it likes.
    rig.advance(100_000 * SECOND);
    quick.send(stream, 8, 5, &audio(1));
    rig.until(|record| is(record, "c2s", "audio") && record["timestamp"] == 5);
    assert!(is_open(&rig, 3));
}

#[test]
fn a_byte_now_and_then_gains_no_time() {
    let rig = rig();
    let mut slow = rig.socket();
    opened(&rig, 1);
    let bytes = |n: u64| {
        let all = rig.records();
        all.iter().filter(|record| record["event"] == "handshake").count() as u64 >= n
    };
    for n in 0..9 {
        slow.write_all(&[3]).unwrap();
        // Its first byte is a packet of its own, and so is told of.
        rig.wait(|_| bytes(u64::from(n == 0)));
        rig.advance(SECOND);
    }
    assert!(is_open(&rig, 1));
    rig.advance(SECOND + TICK);
    ends(&mut slow);
    timed_out(&rig, 1, "its handshake was not over after 10 s");
}

#[test]
fn tls_has_ten_seconds_and_then_the_handshake_its_own() {
    let rig = Setup { timeless: true, tls: Some(identity()), ..Setup::default() }.start();
    let mut silent = rig.socket();
    let mut half = rig.socket();
    half.write_all(&[22, 3, 1, 1, 0]).unwrap();
    let late = rig.socket();
    // Of those nothing is told yet; who comes behind them is accepted behind them.
    let mut plain = Client::to(&rig);
    plain.publish("live", "cam");
    rig.advance(10 * SECOND - TICK);
    let mut late = Client::on(rustls::StreamOwned::new(client(true), late));
    late.flush();
    opened(&rig, 2);
    rig.advance(2 * TICK);
    ends(&mut half);
    ends(&mut silent);
    let failed = rig.until(|record| record["code"] == "tls.failed");
    let failed = failed.iter().find(|record| record["code"] == "tls.failed").unwrap();
    assert!(failed["message"].as_str().unwrap().contains("not over after 10 s"), "{failed}");
    let silent = rig.until(|record| record["code"] == "listen.timeout");
    let silent = silent.iter().find(|record| record["code"] == "listen.timeout").unwrap();
    assert!(silent["message"].as_str().unwrap().contains("not over after 10 s"), "{silent}");
    // Who took its time for TLS has as much again.
    rig.advance(10 * SECOND - 4 * TICK);
    shake(&rig, 2, &mut late);
    assert!(is_open(&rig, 2));
    rig.advance(10 * SECOND + 4 * TICK);
    late.read_to_end_of_it();
    timed_out(&rig, 2, "it had not sent connect after 20 s");
    assert!(is_open(&rig, 1));
}

#[test]
fn silence_is_limited_only_where_it_is_asked_for() {
    let rig = Setup { timeless: true, idle: Some(60 * SECOND), ..Setup::default() }.start();
    let mut client = Client::to(&rig);
    let stream = client.publish("live", "cam");
    for n in 0..3 {
        rig.advance(60 * SECOND - TICK);
        client.send(stream, 8, n, AAC_HEADER);
        rig.until(|record| is(record, "c2s", "audio") && record["timestamp"] == n);
    }
    assert!(is_open(&rig, 1));
    rig.advance(60 * SECOND + TICK);
    client.read_to_end_of_it();
    timed_out(&rig, 1, "nothing more came after 60 s");
}

#[test]
fn a_client_that_is_closed_may_linger_two_seconds() {
    let rig = rig();
    let mut client = Client::to(&rig);
    client.socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // It is told so at once, and heard out.
    ends(&mut client.socket);
    assert!(is_open(&rig, 1));
    rig.advance(2 * SECOND - TICK);
    let mut other = Client::to(&rig);
    other.connect("live");
    assert!(is_open(&rig, 1));
    rig.advance(2 * TICK);
    assert_eq!(ending(&rig.closed(1)), ("server", "fin"));
}
