use proptest::prelude::*;

use super::super::{Item, Keep, Reader, Writer};
use super::*;
use crate::Limits;

/// A message as it is read.
type Read = (u32, u32, u8, u32, Vec<u8>);

fn read(bytes: &[u8]) -> Vec<Read> {
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default());
    let mut input = bytes;
    let mut read = Vec::new();
    while let Some(item) = reader.next(&mut input).unwrap() {
        if let Item::Message(m) = item {
            let payload = m.payload.to_vec();
            read.push((m.chunk_stream_id, m.message_stream_id, m.type_id, m.timestamp, payload));
        }
    }
    assert_eq!(reader.carried(), b"");
    read
}

/// The stream with its commands changed by `change` and its acknowledgements left out, in pieces of `cut` bytes.
fn edited(
    bytes: &[u8],
    cut: usize,
    change: &mut dyn FnMut(&Outgoing<'_>) -> Option<Vec<u8>>,
) -> (Vec<u8>, Option<Unreadable>) {
    let mut editor = Editor::new(1 << 20);
    let mut out = Vec::new();
    let mut failed = None;
    let mut hand = |asked: &Asked<'_>| match asked {
        Asked::Begins { type_id: 20, .. } => Wish::Collect,
        Asked::Begins { type_id: 3, .. } => Wish::Omit,
        Asked::Whole(message) => change(message).map_or(Wish::Pass, Wish::Replace),
        _ => Wish::Pass,
    };
    for part in bytes.chunks(cut) {
        let error = editor.feed(part, &mut hand, &mut out).err();
        failed = failed.or(error);
    }
    editor.end(&mut out);
    assert_eq!(editor.held(), 0);
    (out, failed)
}

fn unchanged(bytes: &[u8], cut: usize) -> Vec<u8> {
    edited(bytes, cut, &mut |_| None).0
}

/// Every payload gets `x` in front.
fn longer(message: &Outgoing<'_>) -> Option<Vec<u8>> {
    Some([b"x", message.payload].concat())
}

/// Chunks written by hand: format and id, the header behind them, the payload.
fn chunk(format: u8, id: u8, header: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[format << 6 | id], header, payload].concat()
}

fn whole(time: u32, length: usize, type_id: u8) -> Vec<u8> {
    let (time, length) = (time.to_be_bytes(), (length as u32).to_be_bytes());
    [&time[1..], &length[1..], &[type_id], &[1, 0, 0, 0]].concat()
}

#[test]
fn a_header_that_inherits_from_a_changed_message_is_written_anew() {
    let stream = [
        chunk(0, 3, &whole(5, 2, 20), b"ab"),
        // The same length, type and stream, 10 ms later.
        chunk(2, 3, &[0, 0, 10], b"cd"),
        chunk(3, 3, &[], b"ef"),
        // A type that is not changed, of which nothing may change but what it inherits.
        chunk(1, 3, &[0, 0, 1, 0, 0, 3, 18], b"ghi"),
        chunk(3, 3, &[], b"jkl"),
    ]
    .concat();
    let (out, failed) = edited(&stream, usize::MAX, &mut |message| longer(message));
    assert_eq!(failed, None);
    let expected = [
        chunk(0, 3, &whole(5, 3, 20), b"xab"),
        chunk(1, 3, &[0, 0, 10, 0, 0, 3, 20], b"xcd"),
        chunk(1, 3, &[0, 0, 10, 0, 0, 3, 20], b"xef"),
        // The first that says all that matters is written anew, since what came before it differs; then both sides
        // inherit the same again.
        chunk(1, 3, &[0, 0, 1, 0, 0, 3, 18], b"ghi"),
        chunk(3, 3, &[], b"jkl"),
    ]
    .concat();
    assert_eq!(out, expected);
    assert_eq!(read(&out)[4], (3, 1, 18, 27, b"jkl".to_vec()));
}

#[test]
fn a_longer_payload_takes_more_chunks_and_a_shorter_one_fewer_and_others_stay_between_them() {
    let payload: Vec<u8> = (0..200).collect();
    let video = [7; 100];
    let begin = [
        chunk(0, 3, &whole(0, 200, 20), &payload[..128]),
        chunk(0, 4, &whole(0, 100, 9), &video),
        chunk(3, 3, &[], &payload[128..]),
    ];
    let stream = begin.concat();
    let long = [&payload[..], &payload[..]].concat();
    let (out, _) = edited(&stream, 50, &mut |_| Some(long.clone()));
    let expected = [
        chunk(0, 3, &whole(0, 400, 20), &long[..128]),
        begin[1].clone(),
        chunk(3, 3, &[], &long[128..256]),
        chunk(3, 3, &[], &long[256..384]),
        chunk(3, 3, &[], &long[384..]),
    ];
    assert_eq!(out, expected.concat());
    let (out, _) = edited(&stream, 50, &mut |_| Some(b"short".to_vec()));
    assert_eq!(out, [chunk(0, 3, &whole(0, 5, 20), b"short"), begin[1].clone()].concat());
    let (out, _) = edited(&stream, 50, &mut |_| Some(Vec::new()));
    assert_eq!(out, [chunk(0, 3, &whole(0, 0, 20), b""), begin[1].clone()].concat());
    assert_eq!(unchanged(&stream, 50), stream);
}

#[test]
fn the_chunk_size_of_the_sender_holds_also_where_it_changes_inside_a_message() {
    let size = chunk(0, 2, &[0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0], &[0, 0, 0, 3]);
    let payload = [1; 130];
    let stream = [
        chunk(0, 3, &whole(0, 130, 20), &payload[..128]),
        size.clone(),
        chunk(3, 3, &[], &payload[128..]),
        chunk(0, 3, &whole(0, 4, 20), b"abc"),
        chunk(3, 3, &[], b"d"),
    ]
    .concat();
    let (out, _) = edited(&stream, 1, &mut |message| longer(message));
    let first = [b"x", &payload[..]].concat();
    let expected = [
        chunk(0, 3, &whole(0, 131, 20), &first[..128]),
        size,
        chunk(3, 3, &[], &first[128..]),
        chunk(0, 3, &whole(0, 5, 20), b"xab"),
        chunk(3, 3, &[], b"cd"),
    ];
    assert_eq!(out, expected.concat());
}

#[test]
fn extended_timestamps_are_repeated_as_the_sender_does() {
    let time = 0x0100_0000_u32.to_be_bytes();
    let payload: Vec<u8> = (0..200).collect();
    let header = whole(0xff_ffff, 200, 20);
    let begin = [&header[..], &time].concat();
    for repeats in [true, false] {
        let again: &[u8] = if repeats { &time } else { &[] };
        let stream = [
            chunk(0, 3, &begin, &payload[..128]),
            chunk(3, 3, again, &payload[128..]),
            chunk(2, 3, &[0, 0, 1], &payload[..128]),
            chunk(3, 3, &[], &payload[128..]),
        ]
        .concat();
        assert_eq!(unchanged(&stream, 7), stream);
        let long = [&payload[..], &payload[..]].concat();
        let (out, _) = edited(&stream, 7, &mut |_| Some(long.clone()));
        let begin = [&whole(0xff_ffff, 400, 20)[..], &time].concat();
        let rest = |again: &[u8]| -> Vec<u8> {
            long[128..].chunks(128).flat_map(|part| chunk(3, 3, again, part)).collect()
        };
        let expected = [
            chunk(0, 3, &begin, &long[..128]),
            rest(again),
            chunk(1, 3, &[0, 0, 1, 0, 1, 144, 20], &long[..128]),
            rest(&[]),
        ];
        assert_eq!(out, expected.concat(), "{repeats}");
    }
}

#[test]
fn what_follows_a_message_that_is_left_out_keeps_its_time() {
    let ack = |format: u8, header: &[u8]| chunk(format, 2, header, &[0, 0, 0, 9]);
    let stream = [
        chunk(0, 2, &whole(100, 4, 4), &[0, 3, 0, 0]),
        ack(1, &[0, 0, 10, 0, 0, 4, 3]),
        chunk(1, 2, &[0, 0, 5, 0, 0, 4, 4], &[0, 3, 0, 1]),
        chunk(3, 2, &[], &[0, 3, 0, 2]),
        ack(0, &whole(200, 4, 3)),
        chunk(0, 2, &whole(300, 4, 4), &[0, 3, 0, 3]),
    ]
    .concat();
    let (out, _) = edited(&stream, 3, &mut |_| None);
    let expected = [
        chunk(0, 2, &whole(100, 4, 4), &[0, 3, 0, 0]),
        chunk(1, 2, &[0, 0, 15, 0, 0, 4, 4], &[0, 3, 0, 1]),
        chunk(1, 2, &[0, 0, 5, 0, 0, 4, 4], &[0, 3, 0, 2]),
        chunk(0, 2, &whole(300, 4, 4), &[0, 3, 0, 3]),
    ];
    assert_eq!(out, expected.concat());
    let times: Vec<u32> = read(&out).iter().map(|message| message.3).collect();
    assert_eq!(times, [100, 115, 120, 300]);
}

#[test]
fn messages_that_are_given_up_go_on_as_they_came() {
    let abort = chunk(0, 2, &[0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0], &[0, 0, 0, 3]);
    let begun = chunk(0, 3, &whole(0, 200, 20), &[1; 128]);
    let after = chunk(0, 3, &whole(0, 1, 20), b"a");
    for stream in [
        // Aborted; begun anew; cut off.
        [begun.clone(), abort, after.clone()].concat(),
        [begun.clone(), after].concat(),
        begun.clone(),
        begun[..5].to_vec(),
    ] {
        assert_eq!(unchanged(&stream, 11), stream);
    }
    // Too much comes between its chunks.
    let mut editor = Editor::new(1000);
    let mut out = Vec::new();
    let video = chunk(0, 4, &whole(0, 100, 9), &[7; 100]);
    let stream = [begun, video.repeat(10), chunk(3, 3, &[], &[1; 72])].concat();
    let mut hand = |asked: &Asked<'_>| match asked {
        Asked::Begins { type_id: 20, .. } => Wish::Collect,
        _ => Wish::Replace(Vec::new()),
    };
    let given_up = editor.feed(&stream, &mut hand, &mut out);
    assert_eq!((given_up, out == stream), (Err(Unreadable::TooMuch), true));
}

#[test]
fn what_is_no_chunk_stream_goes_through_as_it_is() {
    for stream in [
        // A chunk that inherits from none, and a header of no message.
        chunk(3, 3, &[], b"abc"),
        [
            chunk(0, 3, &whole(0, 1, 18), b"a"),
            chunk(0, 5, &[0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255], b"abc"),
        ]
        .concat(),
    ] {
        for cut in [1, 1000] {
            let (out, failed) = edited(&stream, cut, &mut |message| longer(message));
            assert_eq!((out, failed), (stream.clone(), Some(Unreadable::Framing)));
        }
    }
}

/// A message on one of a few chunk streams.
fn message() -> impl Strategy<Value = (u32, u32, u8, u32, Vec<u8>)> {
    (
        prop_oneof![2_u32..6, Just(70), Just(400)],
        0_u32..2,
        prop_oneof![Just(20_u8), Just(9), Just(3), Just(18)],
        prop_oneof![0_u32..50, Just(0xff_fffe), Just(0x0200_0000)],
        prop::collection::vec(any::<u8>(), 0..300),
    )
}

proptest! {
    #[test]
    fn messages_come_out_changed_and_all_others_as_they_were(
        messages in prop::collection::vec(message(), 1..30),
        repeats in any::<bool>(),
        cut in 1_usize..400,
        grow in 0_usize..300,
    ) {
        let mut writer = Writer::new();
        if !repeats {
            writer = writer.without_repeated_extended();
        }
        let mut stream = Vec::new();
        // Messages on different chunk streams are interleaved in pairs.
        for pair in messages.chunks(2) {
            let outgoing: Vec<Outgoing<'_>> = pair.iter().map(|(csid, msid, type_id, timestamp, payload)| Outgoing {
                chunk_stream_id: *csid,
                message_stream_id: *msid,
                type_id: *type_id,
                timestamp: *timestamp,
                payload,
            }).collect();
            let mut from = vec![None; outgoing.len()];
            let apart = outgoing.len() == 2 && outgoing[0].chunk_stream_id != outgoing[1].chunk_stream_id;
            for at in 0..outgoing.len() {
                if !apart {
                    writer.write(&outgoing[at], &mut stream);
                    from[at] = Some(usize::MAX);
                }
            }
            while from.iter().zip(&outgoing).any(|(from, m)| from.is_none_or(|from| from < m.payload.len())) {
                for (from, message) in from.iter_mut().zip(&outgoing) {
                    if from.is_none_or(|from| from < message.payload.len()) {
                        *from = Some(writer.write_chunk(message, from.unwrap_or(0), &mut stream));
                    }
                }
            }
        }
        prop_assert!(unchanged_but_for_acknowledgements(&stream, cut));
        let change = |payload: &[u8]| -> Vec<u8> {
            if grow.is_multiple_of(3) { payload[payload.len() / 2..].to_vec() } else { [&vec![9; grow][..], payload].concat() }
        };
        let (out, failed) = edited(&stream, cut, &mut |message| Some(change(message.payload)));
        prop_assert_eq!(failed, None);
        let mut expected = read(&stream);
        expected.retain(|message| message.2 != 3);
        for message in &mut expected {
            if message.2 == 20 {
                message.4 = change(&message.4);
            }
        }
        // A message that becomes shorter may be whole before another one.
        let sorted = |mut messages: Vec<Read>| { messages.sort(); messages };
        prop_assert_eq!(sorted(read(&out)), sorted(expected));
    }

    #[test]
    fn anything_goes_through(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 1_usize..50) {
        let mut editor = Editor::new(1 << 20);
        let mut out = Vec::new();
        let mut hand = |asked: &Asked<'_>| match asked {
            Asked::Begins { type_id, .. } if type_id % 2 == 0 => Wish::Collect,
            _ => Wish::Pass,
        };
        for part in bytes.chunks(cut) {
            let _ = editor.feed(part, &mut hand, &mut out);
        }
        editor.end(&mut out);
        prop_assert_eq!(out, bytes);
    }
}

/// Whether a stream without edits but those goes through so that it is read the same.
fn unchanged_but_for_acknowledgements(stream: &[u8], cut: usize) -> bool {
    let mut expected = read(stream);
    let has_none = expected.iter().all(|message| message.2 != 3);
    expected.retain(|message| message.2 != 3);
    let out = unchanged(stream, cut);
    read(&out) == expected && (!has_none || out == stream)
}
