//! What real programs at hand never send, as bytes: `testdata/made/rare.pcap`, of which the golden files show what is told.
//!
//! `UPDATE_GOLDEN=1` writes the capture anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up has to fail, also in its helpers"
)]

mod rig;

use std::path::Path;

use rig::Conversation;
use rtmpctl::proto::Direction::{ClientToServer as C2S, ServerToClient as S2C};
use rtmpctl::proto::chunk::{Outgoing, Writer};

/// The two sides, and what each has sent.
struct Sides {
    conversation: Conversation,
    writers: [Writer; 2],
    timestamp: u32,
}

impl Sides {
    /// A message on chunk stream 5 and message stream 1.
    fn send(&mut self, direction: rtmpctl::proto::Direction, type_id: u8, payload: &[u8]) {
        self.timestamp += 10;
        let (chunk_stream_id, message_stream_id, timestamp) = (5, 1, self.timestamp);
        let message = Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
        let mut bytes = Vec::new();
        self.writers[direction.index()].write(&message, &mut bytes);
        self.conversation.send(direction, &bytes);
    }

    fn client(&mut self, type_id: u8, parts: &[&[u8]]) {
        self.send(C2S, type_id, &parts.concat());
    }

    fn server(&mut self, type_id: u8, parts: &[&[u8]]) {
        self.send(S2C, type_id, &parts.concat());
    }
}

/// An AMF0 string with its marker.
fn string(text: &str) -> Vec<u8> {
    [b"\x02", &name(text)[..]].concat()
}

/// A length of 16 bits and text.
fn name(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// An event of a shared object.
fn event(number: u8, data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&[number], &(data.len() as u32).to_be_bytes()[..], &data].concat()
}

/// A message inside an aggregate, with its back pointer.
fn inner(type_id: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let [upper, x, y, z] = timestamp.to_be_bytes();
    let back = (11 + payload.len() as u32).to_be_bytes();
    [&[type_id, a, b, c, x, y, z, upper, 0, 0, 9], payload, &back].concat()
}

const ONE: &[u8] = b"\0\x3f\xf0\0\0\0\0\0\0";
const TWO: &[u8] = b"\0\x40\0\0\0\0\0\0\0";
const NULL: &[u8] = b"\x05";

fn capture() -> Vec<u8> {
    let conversation = Conversation::shaken(1);
    let mut s = Sides { conversation, writers: [Writer::new(), Writer::new()], timestamp: 0 };
    let map = |key: &str| {
        [
            &name(key)[..],
            b"\x03",
            &name("av01"),
            b"\0\x40\x18\0\0\0\0\0\0",
            &name("*"),
            b"\0\x40\x10\0\0\0\0\0\0\0\0\x09",
        ]
        .concat()
    };
    s.client(
        20,
        &[
            &string("connect"),
            ONE,
            b"\x03",
            &name("app"),
            &string("live"),
            &name("tcUrl"),
            &string("rtmp://192.0.2.1/live"),
            &name("fourCcList"),
            b"\x0a\0\0\0\x02",
            &string("hvc1"),
            &string("Opus"),
            &map("videoFourCcInfoMap"),
            &map("audioFourCcInfoMap"),
            &name("capsEx"),
            b"\0\x40\x2e\0\0\0\0\0\0", // 15
            b"\0\0\x09",
        ],
    );
    let status = |code: &str, more: &[u8]| {
        [
            b"\x03",
            &name("level")[..],
            &string("status"),
            &name("code"),
            &string(code),
            more,
            b"\0\0\x09",
        ]
        .concat()
    };
    s.server(20, &[&string("_result"), ONE, NULL, &status("NetConnection.Connect.Success", b"")]);
    // Limit types of the bandwidth, and one that there is not.
    for limit in 0..4 {
        s.server(6, &[&[0, 0x26, 0x25, 0xa0, limit]]);
    }
    // Every user control event that is known, one that is not, and one that is cut.
    for (number, data) in [
        (0, &b"\0\0\0\x01"[..]),
        (1, b"\0\0\0\x01"),
        (2, b"\0\0\0\x01"),
        (3, b"\0\0\0\x01\0\0\x0b\xb8"),
        (4, b"\0\0\0\x01"),
        (5, b""),
        (6, b"\0\x01\xe2\x40"),
        (7, b"\0\x01\xe2\x40"),
        (26, b""),
        (27, &[&[1, 1, 0, 1, 0xe2, 0x40, 0, 1, 0xe2, 0x40][..], &[0xab; 32]].concat()),
        (31, b"\0\0\0\x01"),
        (32, b"\0\0\0\x01"),
        (99, b"\x01\x02"),
        (0, b"\0\0"),
    ] {
        s.server(4, &[&[0, number], data]);
    }
    s.server(2, &[b"\0\0\0\x07"]);
    // A command of AMF3: the format byte, values of AMF0, and the switch before those of AMF3.
    s.client(
        17,
        &[
            b"\0",
            &string("call"),
            TWO,
            NULL,
            b"\x11\x0a\x2b\x0fapp.Foo\x03a\x03b\x04\x07\x06\x0btexts\x03c\x06\x02\x01", // sealed members and a dynamic one
            b"\x11\x0a\x01\x04\x7f\x06\x02\x01", // the same class again
            b"\x11\x0a\x07\x43flex.messaging.io.ArrayCollection\x09\x03\x01\x04\x05", // externalizable
            b"\x11\x09\x05\x03k\x06\x03v\x01\x04\x01\x04\x02", // both parts of an array
            b"\x11\x0c\x07\x01\x02\x03",                       // bytes
            b"\x11\x08\x01\x42\x78\xbc\xfe\x56\x80\0\0",       // a date
            b"\x11\x0d\x03\x01\xff\xff\xff\xff\x11\x0e\x03\0\xff\xff\xff\xff", // integers
            b"\x11\x0f\x03\0\x3f\xe0\0\0\0\0\0\0\x11\x10\x03\0\x01\x06\x03o", // doubles, objects
            b"\x11\x11\x03\0\x06\x03k\x04\x07",                // a dictionary
            b"\x11\x0b\x09<a/>\x11\x07\x09<b/>",               // XML of both kinds
            b"\x11\0\x11\x01\x11\x02\x11\x03\x11\x05\x3f\xf8\0\0\0\0\0\0", // scalars
        ],
    );
    s.server(17, &[b"\0", &string("_result"), TWO, NULL, b"\x11\x04\xff\xff\xff\xff"]);
    // Data of AMF0 with every marker.
    s.client(
        18,
        &[
            &string("onEverything"),
            b"\0\x7f\xf0\0\0\0\0\0\0\x01\x01",
            b"\x03",
            &name("k"),
            b"\x06\0\0\x09",
            b"\x04\x05\x06\x07\0\0", // movie clip, null, undefined, a reference to the object
            b"\x08\0\0\0\x05",
            &name("x"),
            b"\x0a\0\0\0\x01\x01\0\0\0\x09",
            b"\x0b\x42\x78\xbc\xfe\x56\x80\0\0\xff\xc4", // a date with a zone
            b"\x0c\0\0\0\x04long\x0d\x0e\x0f\0\0\0\x04<c/>",
            b"\x10",
            &name("app.Bar"),
            &name("n"),
            b"\x05\0\0\x09\x11\x06\x07abc",
            b"\x07\0\x63", // a reference to nothing
        ],
    );
    // What a cut leaves.
    s.client(18, &[&string("onCut"), b"\x03", &name("whole"), ONE, &name("cut"), b"\x02\0\x09abc"]);
    // Shared objects of both versions with every event.
    let object = |persistent: u8| {
        [&name("chat")[..], &[0, 0, 0, 5, 0, 0, 0, persistent, 0, 0, 0, 0]].concat()
    };
    let switched =
        |text: &str| [&b"\x11\x06"[..], &[text.len() as u8 * 2 + 1], text.as_bytes()].concat();
    let events = |value: &[u8]| {
        [
            event(1, &[]),
            event(2, &[]),
            event(3, &[&name("slot"), value]),
            event(4, &[&name("slot"), value, &name("other"), ONE]),
            event(5, &[&name("slot")]),
            event(6, &[&string("say"), value]),
            event(7, &[&name("SharedObject.NoWriteAccess"), &name("error")]),
            event(8, &[]),
            event(9, &[&name("slot")]),
            event(10, &[&name("slot")]),
            event(11, &[]),
            event(12, &[b"?"]),
        ]
        .concat()
    };
    s.client(19, &[&object(2), &events(&string("v"))]);
    s.client(16, &[b"\0", &object(0), &events(&switched("v"))]);
    // An aggregate, whose messages begin at a time of their own; one back pointer is wrong.
    let mut aggregate = [
        inner(9, 0x0100_0000, b"\x17\x01\0\0\x28\0\0\0\x01\x65"),
        inner(8, 0x0100_0017, b"\xaf\x01\x21"),
        inner(18, 0x0100_0028, &[&string("onTextData")[..], NULL].concat()),
        inner(9, 0x0100_0028, b"\x27\x01\xff\xff\xd8\0\0\0\x01\x41"),
    ]
    .concat();
    s.client(22, &[&aggregate]);
    *aggregate.last_mut().unwrap() = 0;
    s.client(22, &[&aggregate]);
    // Data with names that are known.
    let known: [(&str, Vec<u8>); 5] = [
        (
            "onTextData",
            [&name("text")[..], &string("hi\u{1b}[31m"), &name("language"), &string("eng")]
                .concat(),
        ),
        (
            "onFI",
            [
                &name("sd")[..],
                &string("12-07-2011"),
                &name("st"),
                &string("09:11:33.387"),
                &name("tc"),
                &string("10:00:00:01"),
            ]
            .concat(),
        ),
        ("onCaption", [&name("captions")[..], &string("...")].concat()),
        (
            "onCuePoint",
            [
                &name("name")[..],
                &string("scte35"),
                &name("type"),
                &string("event"),
                &name("time"),
                ONE,
            ]
            .concat(),
        ),
        (
            "onAdCue",
            [
                &name("cue")[..],
                &string("/DAlAAAAAAAAAP/wFAVDE1agf+//yBysA/4APcxQAAAAAAAAXhEvvQ=="),
                &name("type"),
                &string("scte35"),
            ]
            .concat(),
        ),
    ];
    for (called, object) in known {
        s.client(18, &[&string(called), b"\x03", &object, b"\0\0\x09"]);
    }
    let section = [0xfc, 0x30, 0x11, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xf0, 0, 0, 0, 0, 1, 2, 3, 4];
    s.client(15, &[b"\0", &string("onCuePoint"), b"\x11\x0c\x29", &section]);
    let tracks = [
        &name("audioTrackIdInfoMap")[..],
        b"\x03",
        &name("1"),
        b"\x03",
        &name("channels"),
        TWO,
        b"\0\0\x09\0\0\x09",
    ]
    .concat();
    s.client(
        18,
        &[&string("@setDataFrame"), &string("onMetaData"), b"\x08\0\0\0\x01", &tracks, b"\0\0\x09"],
    );
    // Enhanced RTMP that nobody at hand sends.
    s.client(9, &[b"\x97\x02\x01\xe2\x40\x01", b"hvc1", b"\0\0\0\x01\x26"]);
    s.client(9, &[b"\x97\x00\x07\x13", b"vp09", b"\x82\x49"]);
    s.client(8, &[b"\x95\x21", b"mp4a", b"\0\0\0\x02\x01\x02", b"Opus", b"\x01\0\0\x01\x03"]);
    s.client(8, &[b"\x94ac-3\x02\x03\0\x01\x02"]);
    s.client(9, &[b"\x57\x00"]);
    s.client(9, &[b"\xd1\x01"]);
    s.client(8, &[b"\x90zzzz\x01"]);
    s.client(8, &[]);
    let reconnect =
        [&name("tcUrl")[..], &string("rtmp://other.example/live?token=abcdefgh")].concat();
    s.server(
        20,
        &[
            &string("onStatus"),
            b"\0\0\0\0\0\0\0\0\0",
            NULL,
            &status("NetConnection.Connect.ReconnectRequest", &reconnect),
        ],
    );
    // A kind that there is not.
    s.client(23, &[b"??"]);
    for direction in [C2S, S2C] {
        s.conversation.acknowledge(direction);
        s.conversation.segment(direction, 0x11, &[]);
    }
    rig::file(&s.conversation.packets)
}

#[test]
fn the_capture_is_what_it_is_made_of() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/made/rare.pcap");
    let made = capture();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(std::fs::read(&path).is_ok_and(|file| file == made), "{} is stale", path.display());
}
