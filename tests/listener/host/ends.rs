//! Clients that close their side first: they may still read.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use rtmpctl::Limits;
use rtmpctl::proto::handshake::PACKET_LEN;
use rtmpctl::proto::message::command::{Connect, Play, PublishType};
use rtmpctl::proto::session::{Caller, Sender};

use super::rig::{AVC_HEADER, Client, Rig, Setup, codes, ending, inter, is, key};
use super::secure::{client, identity};

/// A publisher of more than sockets hold, which is there before the players.
fn publisher(rig: &Rig) -> (Client, Vec<(u8, u32, Vec<u8>)>) {
    let mut client = Client::to(rig);
    let stream = client.publish("live", "cam");
    let mut sent = vec![(9, 0, AVC_HEADER.to_vec()), (9, 0, key(2 << 20, 1))];
    sent.extend((1..8).map(|i| (9, i * 40, inter(2 << 20, i as u8))));
    for (type_id, timestamp, payload) in &sent {
        client.send(stream, *type_id, *timestamp, payload);
    }
    let last =
        |record: &serde_json::Value| is(record, "c2s", "video") && record["timestamp"] == 280;
    rig.until(last);
    (client, sent)
}

/// Asks to play, and says no more by `leave`; then reads to the end.
fn plays_and_leaves<S: Read + Write>(client: &mut Client<S>, leave: impl FnOnce(&mut S)) {
    client.connect("live");
    let stream = client.create();
    let play = Play { name: Some("cam".into()), ..Play::default() };
    client.caller.play(stream, &play, client.connection.sender());
    client.flush();
    leave(&mut client.socket);
    client.left = true;
    client.read_to_end_of_it();
}

#[test]
fn a_player_that_says_no_more_gets_all_that_waited_for_it() {
    let rig = Setup { tls: Some(identity()), ..Setup::default() }.start();
    let (mut publisher, sent) = publisher(&rig);
    let mut plain = Client::to(&rig);
    plays_and_leaves(&mut plain, |socket| socket.shutdown(Shutdown::Write).unwrap());
    let mut tls = Client::on(rustls::StreamOwned::new(client(true), rig.socket()));
    plays_and_leaves(&mut tls, |stream| {
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    for (connection, client) in [(2, plain.media), (3, tls.media)] {
        let played: Vec<_> = client.into_iter().filter(|(type_id, ..)| *type_id == 9).collect();
        assert!(played == sent, "{} of {} messages", played.len(), sent.len());
        assert_eq!(ending(&rig.closed(connection)), ("client", "fin"));
    }
    // Those who left hold nobody up, and the publisher goes on.
    publisher.connection.sender().ping(1);
    publisher.until(|client| (client.control.last()?.0 == 4).then_some(()));
}

#[test]
fn who_says_no_more_and_reads_nothing_is_not_waited_for_long() {
    let limits = Limits { handshake_time: Duration::from_millis(300), ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let (_publisher, _) = publisher(&rig);
    let (mut caller, mut sender) = (Caller::new(&Limits::default()), Sender::new());
    caller.connect(&Connect { app: Some("live".into()), ..Connect::default() }, &mut sender);
    caller.create_stream(&mut sender);
    let play = Play { name: Some("cam".into()), ..Play::default() };
    caller.play(1, &play, &mut sender);
    let said = [vec![3; 1 + 2 * PACKET_LEN], sender.take_output()].concat();
    // The server gets it all at once, its end too.
    let held = rig.hold();
    let mut player = rig.socket();
    player.write_all(&said).unwrap();
    player.shutdown(Shutdown::Write).unwrap();
    drop(held);
    assert_eq!(ending(&rig.closed(2)), ("client", "fin"));
}

#[test]
fn a_publisher_that_says_no_more_is_answered_to_the_end() {
    let rig = Rig::new();
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    let mut publisher = Client::to(&rig);
    publisher.connect("live");
    let stream = publisher.create();
    let frame = inter(3 << 20, 7);
    let sender = publisher.connection.sender();
    publisher.caller.publish(stream, "cam", PublishType::Live, sender);
    sender.send(stream, 9, 0, AVC_HEADER);
    sender.send(stream, 9, 40, &frame);
    for n in 0..1_000 {
        sender.ping(n);
    }
    publisher.close();
    assert!(publisher.codes().contains(&"NetStream.Publish.Start".to_owned()));
    let pongs = publisher.control.iter().filter(|(id, body)| *id == 4 && body.starts_with(&[0, 7]));
    assert_eq!(pongs.count(), 1_000);
    // So do its players.
    assert_eq!(player.media(3)[1..], [(9, 0, AVC_HEADER.to_vec()), (9, 40, frame)]);
    player.reported("NetStream.Play.UnpublishNotify");
    let records = rig.closed(2);
    assert_eq!(ending(&records), ("client", "fin"));
    assert!(!codes(&records).contains(&"listen.limit"));
}
