//! Published streams and their players.

use rtmpctl::Limits;
use rtmpctl::live::listen::Behaviour;
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::message::Data;
use rtmpctl::proto::message::command::{Play, StreamCall};
use rtmpctl::proto::session::Policy;

use super::rig::{AAC_HEADER, AVC_HEADER, Client, Rig, Setup, audio, inter, is, key};

/// A publisher that has sent headers and a group of pictures.
fn publisher(rig: &Rig) -> (Client, u32) {
    let mut client = Client::to(rig);
    let stream = client.publish("live", "cam");
    let metadata = Data {
        amf: 0,
        name: Some("@setDataFrame".into()),
        arguments: vec![
            Value::String("onMetaData".into()),
            Value::Object(vec![("width".into(), Value::Number(16.0))]),
        ],
    };
    client.connection.sender().data(stream, 0, &metadata);
    client.send(stream, 9, 0, AVC_HEADER);
    client.send(stream, 8, 0, AAC_HEADER);
    client.send(stream, 9, 0, &key(100, 0));
    client.send(stream, 8, 10, &audio(1));
    client.send(stream, 9, 40, &key(9_000, 2));
    client.send(stream, 8, 50, &audio(3));
    client.send(stream, 9, 80, &inter(200, 4));
    let last = |record: &serde_json::Value| is(record, "c2s", "video") && record["timestamp"] == 80;
    rig.until(last);
    (client, stream)
}

/// What a player gets of it: metadata without what it says to the server, headers, then from the last key frame on.
fn group() -> Vec<(u8, u32, Vec<u8>)> {
    vec![
        (9, 0, AVC_HEADER.to_vec()),
        (8, 0, AAC_HEADER.to_vec()),
        (9, 40, key(9_000, 2)),
        (8, 50, audio(3)),
        (9, 80, inter(200, 4)),
    ]
}

/// The server says of its own accord whether samples may be looked at.
fn without_access(media: Vec<(u8, u32, Vec<u8>)>) -> Vec<(u8, u32, Vec<u8>)> {
    media.into_iter().filter(|(_, _, payload)| !payload.ends_with(&[1, 1, 1, 1])).collect()
}

#[test]
fn a_player_begins_with_headers_and_the_last_key_frame_and_goes_on() {
    let rig = Rig::new();
    let (mut publisher, stream) = publisher(&rig);
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    let media = without_access(player.media(7));
    assert_eq!(media[0].0, 18);
    assert!(media[0].2.starts_with(b"\x02\x00\x0aonMetaData"), "{:?}", media[0]);
    assert_eq!(media[1..], group());
    publisher.send(stream, 9, 120, &inter(70_000, 5));
    assert_eq!(player.media(1), [(9, 120, inter(70_000, 5))]);
    publisher.close();
    player.reported("NetStream.Play.UnpublishNotify");
    // The name is free again, and the player still there.
    let mut again = Client::to(&rig);
    let stream = again.publish("live", "cam?token=x");
    again.send(stream, 9, 7, AVC_HEADER);
    assert_eq!(player.media(1), [(9, 7, AVC_HEADER.to_vec())]);
}

#[test]
fn a_player_may_come_first() {
    let rig = Rig::new();
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    let (_publisher, _) = publisher(&rig);
    let media = without_access(player.media(9));
    let types: Vec<_> =
        media.iter().map(|(type_id, timestamp, _)| (*type_id, *timestamp)).collect();
    assert_eq!(types, [(18, 0), (9, 0), (8, 0), (9, 0), (8, 10), (9, 40), (8, 50), (9, 80)]);
}

#[test]
fn streams_are_told_apart_by_application_and_name() {
    let rig = Rig::new();
    let (mut publisher, stream) = publisher(&rig);
    let mut others = Vec::new();
    for (app, name) in [("live", "other"), ("vod", "cam"), ("live/cam", "")] {
        let mut player = Client::to(&rig);
        player.play(app, name);
        others.push(player);
    }
    let mut player = Client::to(&rig);
    player.play("live?a=b", "cam");
    player.media(7);
    publisher.send(stream, 9, 120, &key(1, 1));
    player.media(1);
    for mut other in others {
        other.close();
        assert_eq!(without_access(other.media), []);
    }
}

#[test]
fn a_name_is_published_once_and_the_second_is_told_so() {
    let rig = Rig::new();
    let (mut first, stream) = publisher(&rig);
    let mut second = Client::to(&rig);
    second.connect("live");
    let id = second.create();
    let kind = rtmpctl::proto::message::command::PublishType::Live;
    second.caller.publish(id, "cam", kind, second.connection.sender());
    second.reported("NetStream.Publish.BadName");
    // What it sends all the same reaches nobody.
    second.send(id, 9, 500, &key(1, 9));
    second.close();
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    player.media(7);
    first.send(stream, 9, 120, &inter(1, 1));
    assert_eq!(player.media(1), [(9, 120, inter(1, 1))]);
}

#[test]
fn a_player_that_does_not_read_loses_frames_up_to_a_key_frame_and_stops_nobody() {
    let limits = Limits { player_bytes: 64 << 10, ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let (mut publisher, stream) = publisher(&rig);
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    player.media(7);
    // More than the socket and the queue hold, while the player reads nothing.
    let total = 40_u32;
    for i in 0..total {
        let frame = if i % 10 == 0 { key(1 << 20, 1) } else { inter(1 << 20, 2) };
        publisher.send(stream, 9, 1_000 + i, &frame);
    }
    rig.until(|record| is(record, "c2s", "video") && record["timestamp"] == 1_000 + total - 1);
    // Now it reads, and is told what comes from the next key frame on.
    let mut timestamps = Vec::new();
    publisher.send(stream, 9, 5_000, &key(10, 7));
    let mut next = 5_001;
    while timestamps.last() != Some(&9_000) {
        let read = player.media.len();
        if read == 0 {
            player.until(|player| (!player.media.is_empty()).then_some(()));
        }
        for (_, timestamp, payload) in player.media.drain(..) {
            if timestamps.last().is_some_and(|last| timestamp != last + 1) {
                assert_eq!(payload[0], 0x17, "what follows lost frames is a key frame");
            }
            timestamps.push(timestamp);
        }
        // Once it keeps up, the end is sent.
        if timestamps.last().is_some_and(|last| *last < 5_000) && next < 5_100 {
            publisher.send(stream, 9, next, &key(10, 7));
            next += 1;
        } else if timestamps.last().is_some_and(|last| (5_000..9_000).contains(last)) {
            publisher.send(stream, 9, 9_000, &key(10, 8));
        }
    }
    let sent = timestamps.iter().filter(|timestamp| (1_000..2_000).contains(*timestamp)).count();
    assert!(sent < total as usize, "nothing was left out");
}

#[test]
fn what_is_kept_for_players_is_bounded() {
    let limits = Limits { relay_bytes: 1_000, ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let (mut publisher, stream) = publisher(&rig); // its group has 9,000 bytes
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    // Headers only; what follows cannot be decoded before the next key frame.
    player.media(4);
    publisher.send(stream, 9, 120, &inter(1, 1));
    publisher.send(stream, 8, 125, &audio(9));
    publisher.send(stream, 9, 160, &key(2, 2));
    publisher.send(stream, 9, 200, &inter(3, 3));
    assert_eq!(player.media(3), [(8, 125, audio(9)), (9, 160, key(2, 2)), (9, 200, inter(3, 3))]);

    // Of more streams than are watched nothing is kept.
    let limits = Limits { relay_streams: 1, ..Limits::default() };
    let rig = Setup { limits, ..Setup::default() }.start();
    let (mut one, stream) = self::publisher(&rig);
    let mut two = Client::to(&rig);
    two.publish("live", "two");
    let mut player = Client::to(&rig);
    player.play("live", "cam");
    player.media(4);
    // What was not kept whole when the player came is left out; a key frame begins.
    one.send(stream, 9, 160, &inter(3_000, 1));
    let begins = rig.until(|record| is(record, "c2s", "video") && record["timestamp"] == 160);
    drop(begins);
    one.send(stream, 9, 200, &key(3_000, 2));
    assert_eq!(player.media(1), [(9, 200, key(3_000, 2))]);
}

#[test]
fn players_pause_and_choose() {
    let rig = Rig::new();
    let (mut publisher, stream) = publisher(&rig);
    let mut player = Client::to(&rig);
    let id = player.play("live", "cam");
    player.media(7);
    let call = |player: &mut Client, name: &str, argument: bool| {
        let arguments = vec![Value::Boolean(argument)];
        player.caller.call(id, name, Value::Null, arguments, player.connection.sender());
        // Whatever is asked next is answered behind it.
        player.caller.stream(0, &StreamCall::GetLength(None), player.connection.sender());
        let open = player.caller.open_calls();
        assert!(open > 0);
        player.until(|player| (player.caller.open_calls() < open).then_some(()));
    };
    call(&mut player, "receiveAudio", false);
    publisher.send(stream, 8, 120, &audio(1));
    publisher.send(stream, 9, 121, &inter(1, 1));
    assert_eq!(player.media(1), [(9, 121, inter(1, 1))]);
    call(&mut player, "receiveVideo", false);
    publisher.send(stream, 9, 122, &inter(1, 2));
    publisher.send(stream, 8, 123, &audio(2));
    call(&mut player, "receiveAudio", true);
    publisher.send(stream, 8, 124, &audio(3));
    let (_, timestamp, _) = player.media(1)[0].clone();
    assert_eq!(timestamp, 124);
}

#[test]
fn nobody_plays_where_that_is_turned_off() {
    let policy = Policy { play: false, ..Policy::default() };
    let rig = Rig::with(Behaviour { policy, ..Behaviour::default() });
    let (_publisher, _) = publisher(&rig);
    let mut player = Client::to(&rig);
    player.connect("live");
    let stream = player.create();
    let play = Play { name: Some("cam".into()), ..Play::default() };
    player.caller.play(stream, &play, player.connection.sender());
    player.reported("NetStream.Play.Failed");
}
