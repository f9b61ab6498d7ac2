use super::super::{Audio, Data, Video};
use super::*;
use crate::proto::message;
use proptest::prelude::*;

const META: &[u8] = b"\x02\0\x0aonMetaData\x08\0\0\0\x01\0\x05width\0\x40\x94\0\0\0\0\0\0\0\0\x09";
const KEY: &[u8] = b"\x17\x01\0\0\0\0\0\0\x01\x65";
const SOUND: &[u8] = b"\xaf\x01\x21";

fn part(type_id: u8, timestamp: u32, payload: &[u8]) -> Part<'_> {
    Part { type_id, timestamp, message_stream_id: 0, payload }
}

fn parts() -> [Part<'static>; 4] {
    [part(18, 100, META), part(9, 120, KEY), part(8, 123, SOUND), part(8, 146, b"")]
}

fn written(parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    parts.iter().for_each(|part| part.encode(&mut out));
    out
}

fn read(payload: &[u8]) -> (Aggregate, Option<Fault>) {
    decode(payload, payload.len() as u32, &[], &Limits::default())
}

#[test]
fn the_header_is_that_of_a_tag() {
    let bytes =
        written(&[Part { message_stream_id: 0x0102_0304, ..part(8, 0x0a0b_0c0d, b"\xaf") }]);
    assert_eq!(bytes, *b"\x08\0\0\x01\x0b\x0c\x0d\x0a\x02\x03\x04\xaf\0\0\0\x0c");
    let (aggregate, fault) = read(&bytes);
    let message = &aggregate.messages[0];
    assert_eq!((message.timestamp, message.message_stream_id), (0x0a0b_0c0d, 0x02_0304));
    assert_eq!((message.back_pointer, message.size(), fault), (Some(12), 12, None));
}

#[test]
fn inner_messages_are_read_as_any_other_and_written_again() {
    let bytes = written(&parts());
    let (aggregate, fault) = read(&bytes);
    assert_eq!((aggregate.messages.len(), fault), (4, None));
    let mut again = Vec::new();
    for (inner, part) in aggregate.messages.iter().zip(parts()) {
        assert_eq!(&bytes[inner.payload.clone()], part.payload);
        let (body, fault) =
            message::decode(part.type_id, part.payload, inner.length, &Limits::default());
        assert_eq!((&inner.body, &inner.fault), (&body, &fault));
        assert_eq!(inner.since_first, part.timestamp - 100);
        assert!(!inner.points_wrong() && inner.missing.is_empty());
        let payload = &bytes[inner.payload.clone()];
        let Part { timestamp, message_stream_id, .. } = part;
        Part { type_id: inner.type_id, timestamp, message_stream_id, payload }.encode(&mut again);
    }
    assert_eq!(again, bytes);
    let [data, video, sound, empty] = &aggregate.messages[..] else { panic!("four") };
    assert!(matches!(&data.body, Body::Data(data) if data.name() == "onMetaData"));
    assert!(matches!(video.body, Body::Video(Video { data_length: 5, .. })));
    assert!(matches!(sound.body, Body::Audio(Audio { data_length: 1, .. })));
    assert_eq!((empty.length, &empty.fault), (0, &None));
}

#[test]
fn timestamps_count_from_the_first_and_wrap() {
    let parts = [part(8, u32::MAX, SOUND), part(8, 4, SOUND), part(8, u32::MAX - 1, SOUND)];
    let (aggregate, _) = read(&written(&parts));
    let since: Vec<u32> = aggregate.messages.iter().map(|inner| inner.since_first).collect();
    assert_eq!(since, [0, 5, u32::MAX]);
}

#[test]
fn a_wrong_back_pointer_is_told_and_reading_goes_on() {
    let mut bytes = written(&parts());
    bytes[11 + META.len() + 3] += 1;
    let (aggregate, fault) = read(&bytes);
    assert_eq!((aggregate.messages.len(), fault), (4, None));
    let wrong: Vec<bool> = aggregate.messages.iter().map(InnerMessage::points_wrong).collect();
    assert_eq!(wrong, [true, false, false, false]);
}

#[test]
fn cut_at_any_byte_it_keeps_what_was_there() {
    let bytes = written(&parts());
    let whole = read(&bytes).0;
    // Where each message ends, its back pointer included.
    let ends: Vec<usize> = whole.messages.iter().map(|inner| inner.payload.end + 4).collect();
    for cut in 0..bytes.len() {
        let (aggregate, fault) = read(&bytes[..cut]);
        let complete = ends.iter().filter(|end| cut >= **end).count();
        assert_eq!(aggregate.messages[..complete], whole.messages[..complete]);
        let at_end = cut == 0 || ends.contains(&cut);
        assert_eq!(fault.is_none(), at_end, "{cut}");
        assert!(fault.is_none_or(|fault| fault.offset <= cut));
        // The message that is cut is there as soon as its header is, and says so unless only the back pointer is cut.
        let begin = complete.checked_sub(1).map_or(0, |last| ends[last]);
        let there = cut >= begin + HEADER;
        assert_eq!(aggregate.messages.len(), complete + usize::from(there), "{cut}");
        if there {
            let inner = &aggregate.messages[complete];
            assert_eq!((inner.length, inner.back_pointer), (whole.messages[complete].length, None));
            assert_eq!(inner.fault.is_some(), cut < whole.messages[complete].payload.end, "{cut}");
        }
    }
}

#[test]
fn missing_bytes_damage_the_messages_that_they_are_in() {
    let bytes = written(&parts());
    let length = bytes.len() as u32;
    let video = 11 + META.len() + 4;
    let limits = Limits::default();
    let damaged = |missing: &[Range<usize>]| {
        let (aggregate, fault) = decode(&bytes, length, missing, &limits);
        let damaged: Vec<_> =
            aggregate.messages.iter().map(|inner| !inner.missing.is_empty()).collect();
        (damaged, fault)
    };
    // Inside a payload, from one message's payload into its back pointer, and only that.
    for missing in [video + 12..video + 13, video + 20..video + 23] {
        assert_eq!(damaged(&[missing]), (vec![false, true, false, false], None));
    }
    let back_pointer = video + 21..video + 25;
    assert_eq!(damaged(std::slice::from_ref(&back_pointer)), (vec![false; 4], None));
    let (aggregate, _) = decode(&bytes, length, &[back_pointer], &limits);
    assert_eq!(aggregate.messages[1].back_pointer, None);
    let both = [3..4, video + 15..video + 16, video + 20..video + 22];
    let (aggregate, _) = decode(&bytes, length, &both[1..], &limits);
    let inner = &aggregate.messages[1];
    assert_eq!((inner.first_missing, &inner.missing[..]), (0, &[4..5, 9..10][..]));
    // In a header: nothing behind it has a place.
    for missing in [video..video + 1, video + 10..video + 40] {
        let fault = Fault::broken(video, "inner message header", "bytes of it are missing");
        assert_eq!(damaged(&[20..21, missing]), (vec![true], Some(fault)));
    }
    // The payload was given up.
    let (aggregate, fault) = decode(&[], length, &[], &limits);
    assert_eq!((aggregate.messages.len(), fault.is_some()), (0, true));
}

#[test]
fn aggregates_inside_are_opened_as_deep_as_the_limit_says() {
    let mut payload = written(&[part(8, 7, SOUND)]);
    for _ in 0..Limits::AGGREGATES {
        payload = written(&[part(22, 5, &payload), part(8, 6, SOUND)]);
    }
    let (mut aggregate, fault) = read(&payload);
    assert_eq!(fault, None);
    for _ in 1..Limits::AGGREGATES {
        assert_eq!(aggregate.messages.len(), 2);
        let Body::Aggregate(inner) = aggregate.messages.remove(0).body else { panic!("opened") };
        aggregate = *inner;
    }
    let deepest = &aggregate.messages[0];
    assert_eq!(deepest.body, Body::Opaque);
    let fault = Fault::limit(0, "aggregate in an aggregate", "AGGREGATES");
    assert_eq!(deepest.fault, Some(fault));
    assert!(matches!(aggregate.messages[1].body, Body::Audio(_)));
}

#[test]
fn messages_are_counted_also_those_of_aggregates_inside() {
    let inner = written(&[part(8, 0, SOUND); 4]);
    let payload = written(&[part(22, 0, &inner), part(8, 0, SOUND)]);
    for (most, fault) in [(6, None), (5, Some(payload.len() - 18)), (3, Some(payload.len() - 18))] {
        let limits = Limits { aggregate_messages: most, ..Limits::default() };
        let (_, found) = decode(&payload, payload.len() as u32, &[], &limits);
        let limit = |at| Fault::limit(at, "inner message", "aggregate_messages");
        assert_eq!(found, fault.map(limit), "{most}");
    }
}

#[test]
fn values_are_counted_over_all_messages() {
    let data = Data { amf: 0, name: Some("a".into()), arguments: vec![Value::Null; 9] };
    let mut payload = Vec::new();
    data.encode(&mut payload);
    let metadata = [&b"\xd4hvc1"[..], &b"\x02\0\x01a\x05".repeat(5)].concat();
    for part in [part(18, 0, &payload), part(9, 0, &metadata)] {
        for (most, whole) in [(30, 3), (29, 2), (20, 2), (10, 1)] {
            let limits = Limits { amf_values: most, ..Limits::default() };
            let bytes = written(&[part; 3]);
            let (aggregate, fault) = decode(&bytes, bytes.len() as u32, &[], &limits);
            let clean = aggregate.messages.iter().filter(|inner| inner.fault.is_none()).count();
            assert_eq!((aggregate.messages.len(), clean, fault), (3, whole, None), "{most}");
        }
    }
}

#[test]
fn a_large_aggregate_takes_linear_time_and_no_copies() {
    let frame = vec![0x27; 25_000];
    let parts: Vec<_> = (0..640).map(|n| part(9, n * 33, &frame)).collect();
    let bytes = written(&parts);
    let (aggregate, fault) = read(&bytes);
    assert_eq!((aggregate.messages.len(), fault), (640, None));
}

proptest! {
    #[test]
    fn no_payload_panics(bytes in prop::collection::vec(prop_oneof![2 => 0..23_u8, 1 => any::<u8>(), 3 => Just(0)], 0..200)) {
        let (aggregate, fault) = read(&bytes);
        for inner in &aggregate.messages {
            prop_assert!(inner.payload.end <= bytes.len());
        }
        prop_assert!(fault.is_none_or(|fault| fault.offset <= bytes.len()));
    }
}
