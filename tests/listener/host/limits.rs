//! Limits of the server, crossed.

use std::io::{Read, Write};
use std::time::Duration;

use rtmpctl::Limits;
use rtmpctl::proto::handshake::PACKET_LEN;

use super::rig::{Client, Rig, Setup, codes, ending};

#[test]
fn one_connection_too_many_is_closed_at_once_and_the_others_go_on() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let (mut one, mut two) = (Client::to(&rig), Client::to(&rig));
    one.publish("live", "one");
    two.publish("live", "two");
    let mut third = rig.socket();
    assert_eq!(third.read(&mut [0]).unwrap_or(0), 0);
    let records = rig.until(|record| record["code"] == "limit.connections");
    assert!(records.iter().all(|record| record["connection"] != 3), "it is no connection");
    // A place that is free again is taken.
    two.close();
    rig.closed(2);
    loop {
        let mut client = Client::to(&rig);
        client.call_connect("live");
        // The place is free a moment after the summary.
        let output = client.connection.take_output();
        if client.socket.write_all(&output).is_ok() && client.socket.peek(&mut [0]).unwrap_or(0) > 0
        {
            client.reported("NetConnection.Connect.Success");
            break;
        }
    }
    one.connection.sender().ping(1);
    one.until(|client| (client.control.last()?.0 == 4).then_some(()));
}

#[test]
fn slow_handshakes_and_silence_before_connect_are_closed() {
    let limits = Limits { handshake_time: Duration::from_millis(100), ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let mut half = rig.socket();
    half.write_all(&[3; PACKET_LEN]).unwrap();
    let mut silent = Client::to(&rig);
    silent.read_to_end_of_it(); // its handshake is done, and nothing follows
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).unwrap();
    for connection in [1, 2] {
        let records = rig.closed(connection);
        assert_eq!(ending(&records), ("server", "timeout"), "{connection}");
        assert!(codes(&records).contains(&"listen.timeout"));
    }
}

#[test]
fn what_all_clients_hold_together_is_bounded_and_who_asks_for_more_is_closed() {
    let limits = Limits { total_bytes: 200_000, ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let mut good = Client::to(&rig);
    good.publish("live", "good");
    let mut hostile = Client::to(&rig);
    hostile.connect("live");
    // The beginning of a command of 16 MB on chunk stream 3, format 0; chunks of 128 bytes.
    let mut bytes = vec![3, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0];
    for _ in 0..4_000 {
        bytes.extend([2; 128]);
        bytes.push(0xc3);
    }
    // It is closed in the middle of that.
    let _ = hostile.socket.write_all(&bytes);
    let records = rig.closed(2);
    assert_eq!(ending(&records).0, "server");
    let limit = records.iter().find(|record| record["code"] == "listen.limit").unwrap();
    assert!(limit["message"].as_str().unwrap().contains("total_bytes"), "{limit}");
    good.connection.sender().ping(7);
    good.until(|client| (client.control.last()?.0 == 4).then_some(()));
}

#[test]
fn a_client_that_never_reads_its_answers_is_not_answered_without_end() {
    let rig = Rig::new();
    let mut client = Client::to(&rig);
    client.connect("live");
    // Each ping wants an answer; nothing is read. The server stops reading, and so the writes stop here.
    client.socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut ping = Vec::new();
    for i in 0..1_000 {
        client.connection.sender().ping(i);
    }
    ping.extend(client.connection.take_output());
    let mut stopped = false;
    for _ in 0..10_000 {
        if client.socket.write_all(&ping).is_err() {
            stopped = true;
            break;
        }
    }
    assert!(stopped, "the server reads on although nobody reads what it answers");
}
