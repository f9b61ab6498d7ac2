//! Players of what is published, and publishers of the same name.

use rtmpctl::live::Message;
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::message::{Command, Data};

use crate::common::DEADLINE;
use crate::rig::{Listen, Peer, Tag, app, connected, dial, of, publisher, send, why};

fn metadata(name: &[&str]) -> Vec<u8> {
    let mut values: Vec<Value> = name.iter().map(|name| Value::from(*name)).collect();
    values.push(Value::Object(vec![("width".into(), Value::Number(320.0))]));
    let name = match values.remove(0) {
        Value::String(name) => Some(name),
        other => panic!("{other:?}"),
    };
    let mut payload = Vec::new();
    Data { amf: 0, name, arguments: values }.encode(&mut payload);
    payload
}

const AVC: [u8; 9] = [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f];
const AAC: [u8; 4] = [0xaf, 0, 0x12, 0x10];

fn headers() -> [Tag; 2] {
    [(9, 0, AVC.to_vec()), (8, 0, AAC.to_vec())]
}

fn video(key: bool, timestamp: u32) -> Tag {
    let first = if key { 0x17 } else { 0x27 };
    let [.., a, b] = timestamp.to_be_bytes();
    (9, timestamp, vec![first, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, a ^ b])
}

fn audio(timestamp: u32) -> Tag {
    (8, timestamp, vec![0xaf, 1, timestamp as u8])
}

/// Receives until a message has this in it.
async fn until(client: &mut Peer, what: &str) -> Message {
    let found = async {
        loop {
            let message = client.receive().await.unwrap().unwrap();
            if memchr::memmem::find(&message.payload, what.as_bytes()).is_some() {
                return message;
            }
        }
    };
    tokio::time::timeout(DEADLINE, found).await.unwrap()
}

/// The next so many tags that are played.
async fn played(client: &mut Peer, count: usize) -> Vec<Tag> {
    let mut tags = Vec::new();
    let all = async {
        while tags.len() < count {
            let message = client.receive().await.unwrap().unwrap();
            let access = message.payload.starts_with(b"\x02\0\x11|RtmpSampleAccess");
            if matches!(message.type_id, 8 | 9 | 18) && !access {
                tags.push((message.type_id, message.timestamp, message.payload.to_vec()));
            }
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap();
    tags
}

#[tokio::test]
async fn a_player_gets_headers_and_then_everything_from_the_last_key_frame() {
    let mut listen = Listen::start("play", &[]);
    let (mut client, stream) = publisher(listen.address(), "key").await;
    // One that was there before gets it all.
    let mut early = connected(listen.address()).await;
    early.play("key").await.unwrap();
    let begin = [vec![(18, 0, metadata(&["@setDataFrame", "onMetaData"]))], headers().to_vec()];
    let first = [video(true, 0), audio(10), video(false, 40)];
    let group = [video(true, 80), audio(90), video(false, 120)];
    let rest = [video(false, 160), audio(170), video(true, 200)];
    let before = [begin.concat(), first.to_vec(), group.to_vec()].concat();
    send(&mut client, stream, &before).await;
    let mut late = connected(listen.address()).await;
    late.play("key").await.unwrap();
    send(&mut client, stream, &rest).await;

    let begin = [vec![(18, 0, metadata(&["onMetaData"]))], headers().to_vec()].concat();
    let expected = [&begin[..], &group, &rest].concat();
    assert_eq!(played(&mut late, expected.len()).await, expected);
    let expected = [&begin[..], &first, &group, &rest].concat();
    assert_eq!(played(&mut early, expected.len()).await, expected);
    client.delete_stream(stream).await.unwrap();
    for player in [&mut late, &mut early] {
        until(player, "NetStream.Play.UnpublishNotify").await;
    }
    listen.stop();
}

#[tokio::test]
async fn nobody_plays_where_it_is_turned_off() {
    let mut listen = Listen::start("no-play", &["--no-play"]);
    let _publisher = publisher(listen.address(), "key").await;
    let mut player = connected(listen.address()).await;
    let refused = why(player.play("key").await);
    assert!(refused.starts_with("NetStream.Play.Failed"), "{refused}");
    listen.finding("listen.refused");
    listen.stop();
}

#[tokio::test]
async fn a_player_that_reads_nothing_holds_nobody_up() {
    let mut listen = Listen::start("stalled", &[]);
    let (mut client, stream) = publisher(listen.address(), "key").await;
    let mut stalled = connected(listen.address()).await;
    stalled.play("key").await.unwrap();
    send(&mut client, stream, &headers()).await;
    // More than sockets and the player's queue hold together.
    let mut frame = vec![0; 200_000];
    frame[..2].copy_from_slice(&[0x17, 1]);
    let frames: Vec<Tag> = (0..120).map(|n| (9, n * 40, frame.clone())).collect();
    tokio::time::timeout(DEADLINE, send(&mut client, stream, &frames)).await.unwrap();
    let mut other = connected(listen.address()).await;
    other.play("key").await.unwrap();
    assert_eq!(played(&mut other, 3).await[..2], headers());
    drop(stalled);
    listen.stop();
}

#[tokio::test]
async fn a_name_is_published_once_and_the_first_goes_on() {
    let mut listen = Listen::start("second", &[]);
    let (mut first, stream) = publisher(listen.address(), "key").await;
    let mut player = connected(listen.address()).await;
    player.play("key?token=1").await.unwrap();
    let mut second = connected(listen.address()).await;
    let live = rtmpctl::proto::message::command::PublishType::Live;
    let refused = why(second.publish("key", live.clone()).await);
    assert!(refused.starts_with("NetStream.Publish.BadName"), "{refused}");
    let finding = listen.finding("listen.refused");
    assert!(finding["message"].as_str().unwrap().contains("another client"), "{finding}");
    // Another name, and the same one in another application, are others.
    second.publish("other", live.clone()).await.unwrap();
    let mut third = dial(listen.address()).await;
    third.connect(&app("studio")).await.unwrap();
    third.publish("key", live.clone()).await.unwrap();
    send(&mut first, stream, &[audio(10)]).await;
    assert_eq!(played(&mut player, 1).await, [audio(10)]);
    // Its own name may be published again, and once it is free by others.
    let publish = Command {
        amf: 0,
        name: Some("publish".into()),
        transaction_id: Some(9.0),
        object: Some(Value::Null),
        arguments: vec![Value::from("key"), Value::from("live")],
    };
    first.send(&Message::command(stream, &publish)).await.unwrap();
    let answer = until(&mut first, "NetStream.Publish.").await;
    assert!(String::from_utf8_lossy(&answer.payload).contains("NetStream.Publish.Start"));
    first.delete_stream(stream).await.unwrap();
    first.create_stream().await.unwrap();
    second.publish("key", live).await.unwrap();
    let records = listen.stop();
    assert_eq!(of(&records, "summary").len(), 4);
}
