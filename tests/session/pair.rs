//! A client's calls and a server's answers, against each other.

use std::sync::Arc;

use proptest::prelude::*;
use rtmpctl::Limits;
use rtmpctl::proto::amf::Value;
use rtmpctl::proto::chunk::Keep;
use rtmpctl::proto::handshake::{RANDOM_LEN, Style};
use rtmpctl::proto::message::Data;
use rtmpctl::proto::message::command::{Connect, Play, PublishType, StreamCall};
use rtmpctl::proto::session::{
    Arrived, Called, Caller, Close, Connection, Event, Options, Policy, Responder, Sender,
};

use crate::rig::Random;

/// Both ends, and a wire that cuts at will.
struct Pair {
    client: Connection,
    caller: Caller,
    server: Connection,
    responder: Responder,
    random: Random,
    most: usize,
    events: Vec<Event>,
    called: Vec<Called>,
    /// Type, timestamp and payload of each media message that the server got.
    media: Vec<(u8, u32, Vec<u8>)>,
    closed: Option<Close>,
}

impl Pair {
    fn new(policy: Policy, seed: u64, most: usize) -> Self {
        let limits = Arc::new(Limits::default());
        let options = Options { keep: Keep::ALL, ..Options::default() };
        let simple = Options { style: Style::Simple, ..options };
        let client = if seed.is_multiple_of(2) { &options } else { &simple };
        Self {
            client: Connection::client(client, 1, &[1; RANDOM_LEN], &limits),
            caller: Caller::new(&limits),
            server: Connection::server(&options, 2, &[2; RANDOM_LEN], &limits),
            responder: Responder::new(Arc::new(policy), limits),
            random: Random(seed | 1),
            most,
            events: Vec::new(),
            called: Vec::new(),
            media: Vec::new(),
            closed: None,
        }
    }

    /// Lets bytes flow until nobody has any.
    fn run(&mut self) {
        while !(self.client.output().is_empty() && self.server.output().is_empty()) {
            let cut =
                |random: &mut Random, waiting: usize, most| waiting.min(1 + random.below(most));
            let n = cut(&mut self.random, self.client.output().len(), self.most);
            let bytes = self.client.output()[..n].to_vec();
            self.client.sent(n);
            let mut input = &bytes[..];
            while let Some((arrived, sender)) = self.server.next(&mut input).unwrap() {
                let Arrived::Message(message) = arrived else { continue };
                match self.responder.receive(&message, sender) {
                    Some(Event::Media { .. }) => self.media.push((
                        message.type_id,
                        message.timestamp,
                        message.payload.to_vec(),
                    )),
                    Some(Event::Close(why)) => self.closed = Some(why),
                    event => self.events.extend(event),
                }
            }
            let n = cut(&mut self.random, self.server.output().len(), self.most);
            let bytes = self.server.output()[..n].to_vec();
            self.server.sent(n);
            let mut input = &bytes[..];
            while let Some((arrived, _)) = self.client.next(&mut input).unwrap() {
                if let Arrived::Message(message) = arrived {
                    self.called.extend(self.caller.receive(&message));
                }
            }
        }
    }

    fn call(&mut self, call: impl FnOnce(&mut Caller, &mut Sender)) -> Vec<Called> {
        call(&mut self.caller, self.client.sender());
        self.run();
        std::mem::take(&mut self.called)
    }
}

fn connect() -> Connect {
    Connect { app: Some("live".into()), ..Connect::default() }
}

fn codes(called: &[Called]) -> Vec<&str> {
    called.iter().filter_map(Called::code).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_is_published_and_arrives_as_it_was_sent(seed in 0u64..1 << 40, most in 1usize..6_000) {
        let mut pair = Pair::new(Policy::default(), seed, most);
        let amf3 = if seed.is_multiple_of(3) { Some(3.0) } else { None };
        let called = pair.call(|caller, sender| {
            caller.connect(&Connect { object_encoding: amf3, ..connect() }, sender);
        });
        prop_assert_eq!(codes(&called), ["NetConnection.Connect.Success"]);
        prop_assert!(matches!(&called[1], Called::Call(command) if command.name() == "onBWDone"));
        let called = pair.call(|caller, sender| {
            caller.stream(0, &StreamCall::Release(Some("key".into())), sender);
            caller.stream(0, &StreamCall::FcPublish(Some("key".into())), sender);
            caller.create_stream(sender);
            caller.call(0, "_checkbw", Value::Null, vec![], sender);
        });
        let stream = called.iter().find_map(|called| match called {
            Called::Created { stream, .. } => Some(*stream),
            _ => None,
        });
        prop_assert_eq!(stream, Some(1));
        prop_assert_eq!(pair.caller.open_calls(), 0);
        let called = pair.call(|caller, sender| caller.publish(1, "key", PublishType::Live, sender));
        prop_assert_eq!(codes(&called), ["NetStream.Publish.Start"]);
        let mut random = Random(seed | 1);
        let mut sent = Vec::new();
        for n in 0..40u32 {
            let (type_id, timestamp) = ([8, 9, 22][random.below(3)], n * random.below(0x0100_0000) as u32);
            let payload = vec![n as u8; random.below(9_000)];
            pair.client.sender().send(1, type_id, timestamp, &payload);
            sent.push((type_id, timestamp, payload));
        }
        pair.run();
        prop_assert_eq!(&pair.media, &sent);
        let called = pair.call(|caller, sender| {
            caller.stream(0, &StreamCall::FcUnpublish(Some("key".into())), sender);
            caller.delete_stream(1, sender);
        });
        prop_assert_eq!(codes(&called), ["NetStream.Unpublish.Success"]);
        prop_assert_eq!(pair.events.len(), 3);
        prop_assert!(pair.responder.streams().next().is_none());
    }
}

#[test]
fn a_stream_is_played() {
    let mut pair = Pair::new(Policy::default(), 7, 500);
    pair.call(|caller, sender| {
        caller.connect(&connect(), sender);
        caller.create_stream(sender);
        caller.stream(0, &StreamCall::FcSubscribe(Some("cam".into())), sender);
    });
    let play = Play { name: Some("cam".into()), ..Play::default() };
    let called = pair.call(|caller, sender| caller.play(1, &play, sender));
    assert_eq!(codes(&called), ["NetStream.Play.Reset", "NetStream.Play.Start"]);
    assert_eq!(called[2..], [Called::Media { stream: 1 }]);
    assert_eq!(pair.events.last(), Some(&Event::Played { stream: 1, play }));
    let data = Data { amf: 0, name: Some("onMetaData".into()), arguments: vec![] };
    let sender = pair.server.sender();
    sender.data(1, 0, &data);
    sender.send(1, 9, 40, b"\x17\x01\0\0\0xyz");
    pair.responder.unpublish_notify(1, pair.server.sender());
    pair.run();
    assert_eq!(pair.called[..2], [Called::Media { stream: 1 }, Called::Media { stream: 1 }]);
    assert_eq!(codes(&pair.called), ["NetStream.Play.UnpublishNotify"]);
}

#[test]
fn a_refused_client_hears_why() {
    let names = rtmpctl::proto::session::Names::of(["other"]);
    let mut pair = Pair::new(Policy { apps: names, ..Policy::default() }, 1, 9_000);
    let called = pair.call(|caller, sender| {
        caller.connect(&connect(), sender);
    });
    assert_eq!(codes(&called), ["NetConnection.Connect.Rejected"]);
    assert!(matches!(&called[0], Called::Connected(result) if result.error));
    assert_eq!(called[1..], [Called::Close(Close::Peer)]);
    assert_eq!(pair.closed, Some(Close::App));
}

#[test]
fn calls_without_an_answer_are_not_remembered_for_ever() {
    let limits = Limits { pending_calls: 3, ..Limits::default() };
    let mut caller = Caller::new(&limits);
    let mut sender = Sender::new();
    for _ in 0..10 {
        caller.create_stream(&mut sender);
    }
    assert_eq!(caller.open_calls(), 3);
}
