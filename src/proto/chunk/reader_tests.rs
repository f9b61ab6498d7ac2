use super::super::{HEAD, Inherited, Outgoing, Writer};
use super::*;
use proptest::prelude::*;

/// An owned message, to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    csid: u32,
    msid: u32,
    type_id: u8,
    timestamp: u32,
    payload: Vec<u8>,
}

fn reader() -> Reader {
    Reader::new(0, Keep::ALL, &Limits::default())
}

fn owned(m: &Message<'_>) -> Owned {
    Owned {
        csid: m.chunk_stream_id,
        msid: m.message_stream_id,
        type_id: m.type_id,
        timestamp: m.timestamp,
        payload: m.payload.to_vec(),
    }
}

/// Feeds the pieces and gives the messages, notes and the loss, if any.
fn read(reader: &mut Reader, pieces: &[&[u8]]) -> (Vec<Owned>, Vec<NoteKind>, Option<Loss>) {
    let (mut messages, mut notes) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut input = *piece;
        loop {
            match reader.next(&mut input) {
                Ok(Some(Item::Message(m))) => messages.push(owned(&m)),
                // Legal styles of sending have a test of their own.
                Ok(Some(Item::Note(Note {
                    kind: NoteKind::Format3Begins | NoteKind::Interleaved { .. },
                    ..
                }))) => {}
                Ok(Some(Item::Note(n))) => notes.push(n.kind),
                Ok(Some(Item::Chunk(_))) => {}
                Ok(None) => break,
                Err(loss) => return (messages, notes, Some(loss)),
            }
        }
        assert!(input.is_empty(), "everything is taken before more is asked for");
    }
    (messages, notes, None)
}

fn write(writer: &mut Writer, messages: &[Owned]) -> Vec<u8> {
    let mut out = Vec::new();
    for m in messages {
        writer.write(&outgoing(m), &mut out);
    }
    out
}

fn outgoing(m: &Owned) -> Outgoing<'_> {
    Outgoing {
        chunk_stream_id: m.csid,
        message_stream_id: m.msid,
        type_id: m.type_id,
        timestamp: m.timestamp,
        payload: &m.payload,
    }
}

fn message(csid: u32, type_id: u8, timestamp: u32, payload: impl Into<Vec<u8>>) -> Owned {
    Owned { csid, msid: 1, type_id, timestamp, payload: payload.into() }
}

fn set_chunk_size(size: u32) -> Owned {
    Owned { csid: 2, msid: 0, type_id: 1, timestamp: 0, payload: size.to_be_bytes().to_vec() }
}

#[test]
fn spec_bytes_of_two_chunks() {
    // RTMP 1.0 §5.3.2.2: a message of 307 bytes at chunk size 128.
    let mut bytes = vec![0x04, 0x00, 0x03, 0xe8, 0x00, 0x01, 0x33, 0x09, 0x01, 0x00, 0x00, 0x00];
    bytes.extend([7; 128]);
    bytes.push(0xc4);
    bytes.extend([7; 128]);
    bytes.push(0xc4);
    bytes.extend([7; 51]);
    let (messages, notes, loss) = read(&mut reader(), &[&bytes]);
    assert_eq!((messages, notes, loss), (vec![message(4, 9, 1000, vec![7; 307])], vec![], None));
    assert_eq!(write(&mut Writer::new(), &[message(4, 9, 1000, vec![7; 307])]), bytes);
}

#[test]
fn formats_1_to_3_inherit_and_format_3_behind_format_0_adds_its_timestamp() {
    let bytes = [
        0x04, 0x00, 0x00, 0x64, 0x00, 0x00, 0x01, 0x08, 0x01, 0x00, 0x00, 0x00,
        0xaa, // 0: at 100
        0xc4, 0xab, // 3: 100 more
        0x44, 0x00, 0x00, 0x05, 0x00, 0x00, 0x02, 0x09, 0xac, 0xad, // 1: 5 more
        0x84, 0x00, 0x00, 0x07, 0xae, 0xaf, // 2: 7 more
        0xc4, 0xb0, 0xb1, // 3: 7 more
    ];
    let (messages, notes, loss) = read(&mut reader(), &[&bytes]);
    assert_eq!((notes, loss), (vec![], None));
    let seen: Vec<_> =
        messages.iter().map(|m| (m.timestamp, m.type_id, m.payload.len(), m.msid)).collect();
    assert_eq!(
        seen,
        [(100, 8, 1, 1), (200, 8, 1, 1), (205, 9, 2, 1), (212, 9, 2, 1), (219, 9, 2, 1)]
    );
}

#[test]
fn both_dialects_of_the_extended_timestamp_are_told_apart() {
    for repeat in [true, false] {
        let sent: Vec<_> =
            (0..4).map(|i| message(6, 9, 0x0100_0000 + i * 40, vec![i as u8 + 1; 300])).collect();
        let mut writer = Writer::new();
        if !repeat {
            writer = writer.without_repeated_extended();
        }
        let bytes = write(&mut writer, &sent);
        for step in [1, 7, bytes.len()] {
            let pieces: Vec<_> = bytes.chunks(step).collect();
            let (messages, notes, loss) = read(&mut reader(), &pieces);
            assert_eq!(messages, sent);
            assert_eq!(loss, None);
            let omitted = NoteKind::ExtendedTimestampOmitted {
                expected: 0x0100_0000,
                found: Some(0x0101_0101),
            };
            let expected: &[_] = if repeat { &[] } else { &[omitted] };
            assert_eq!(notes, expected);
        }
    }
}

#[test]
fn a_short_tail_in_the_dialect_without_repetition_is_not_held_back() {
    // One payload byte is left for the second chunk, and it is the last byte of the capture.
    let sent = message(6, 9, 0x0200_0000, vec![9; 129]);
    let bytes = write(&mut Writer::new().without_repeated_extended(), std::slice::from_ref(&sent));
    assert_eq!(read(&mut reader(), &[&bytes]).0, [sent]);
}

#[test]
fn a_tail_that_begins_like_the_timestamp_is_payload_once_no_more_bytes_come() {
    // The last payload byte is 0x02, as the extended timestamp's first is.
    let sent = message(6, 9, 0x0200_0000, vec![2; 129]);
    let bytes = write(&mut Writer::new().without_repeated_extended(), std::slice::from_ref(&sent));
    for step in [1, 7, bytes.len()] {
        let mut reader = reader();
        let pieces: Vec<_> = bytes.chunks(step).collect();
        assert_eq!(read(&mut reader, &pieces).0, []);
        reader.end();
        assert_eq!(read(&mut reader, &[&[]]).0, std::slice::from_ref(&sent));
    }
}

#[test]
fn a_writer_with_headers_begins_no_message_with_format_3() {
    let sent: Vec<_> = (0..4).map(|i| message(4, 8, i * 10, vec![1; 3])).collect();
    for (mut writer, formats) in
        [(Writer::new(), [0, 2, 3, 3]), (Writer::new().with_headers(), [0, 2, 2, 2])]
    {
        let bytes = write(&mut writer, &sent);
        assert_eq!(read(&mut reader(), &[&bytes]).0, sent);
        let mut reader = reader().with_chunks(true);
        let mut found = Vec::new();
        let mut input = &bytes[..];
        while let Some(item) = reader.next(&mut input).unwrap() {
            if let Item::Chunk(chunk) = item {
                found.push(chunk.header.format);
            }
        }
        assert_eq!(found, formats);
    }
}

#[test]
fn timestamps_wrap_at_2_to_the_32() {
    let sent: Vec<_> =
        (0..3u32).map(|i| message(4, 8, 0xffff_fff0u32.wrapping_add(i * 10), vec![1; 3])).collect();
    let bytes = write(&mut Writer::new(), &sent);
    assert_eq!(read(&mut reader(), &[&bytes]).0, sent);
}

#[test]
fn every_chunk_stream_id_works() {
    let mut writer = Writer::new();
    let mut reader = reader();
    for csid in 2..=65_599 {
        let sent = message(csid, 8, csid, csid.to_be_bytes());
        let bytes = write(&mut writer, std::slice::from_ref(&sent));
        assert_eq!(read(&mut reader, &[&bytes]).0, [sent]);
    }
}

#[test]
fn chunk_sizes_from_1_to_the_largest() {
    for size in [1, 2, 127, 128, 129, 4096, 10_000_000, 0xff_ffff, MAX_CHUNK_SIZE] {
        let sent =
            [set_chunk_size(size), message(6, 9, 5, vec![3; 5000]), message(4, 8, 6, vec![4; 10])];
        let bytes = write(&mut Writer::new(), &sent);
        let mut reader = reader();
        assert_eq!(
            read(&mut reader, &[&bytes]),
            (sent.to_vec(), vec![], None),
            "chunk size {size}"
        );
        assert_eq!(reader.chunk_size(), size);
    }
}

#[test]
fn messages_of_600_kb_and_of_16_mb() {
    for length in [600_000, 0xff_ffff] {
        let payload: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
        let sent = [set_chunk_size(4096), message(6, 9, 0, payload)];
        let bytes = write(&mut Writer::new(), &sent);
        let pieces: Vec<_> = bytes.chunks(1448).collect();
        assert!(read(&mut reader(), &pieces).0 == sent);
    }
}

#[test]
fn an_invalid_chunk_size_is_noted_and_what_is_left_of_it_taken() {
    for (value, then) in [(0, 128), (0x8000_0000, 128), (0x8000_1000, 0x1000)] {
        let bytes = write(&mut Writer::new(), &[set_chunk_size(value)]);
        let mut reader = reader();
        assert_eq!(read(&mut reader, &[&bytes]).1, [NoteKind::ChunkSizeInvalid { value }]);
        assert_eq!(reader.chunk_size(), then);
    }
}

#[test]
fn abort_drops_the_unfinished_message_and_the_stream_goes_on() {
    let mut writer = Writer::new();
    let mut bytes = Vec::new();
    let lost = message(6, 9, 0, vec![1; 300]);
    writer.write_chunk(&outgoing(&lost), 0, &mut bytes);
    let abort = Owned { csid: 2, msid: 0, type_id: 2, timestamp: 0, payload: vec![0, 0, 0, 6] };
    let next = message(6, 9, 40, vec![2; 200]);
    bytes.extend(write(&mut writer, &[abort.clone(), next.clone()]));
    let (messages, notes, loss) = read(&mut reader(), &[&bytes]);
    assert_eq!(messages, [abort, next]);
    assert_eq!(notes, [NoteKind::Aborted { had: 128, length: 300 }]);
    assert_eq!(loss, None);
}

#[test]
fn a_header_inside_a_message_never_mixes_bodies() {
    let mut bytes = Vec::new();
    Writer::new().write_chunk(&outgoing(&message(6, 9, 0, vec![1; 300])), 0, &mut bytes);
    let next = message(6, 8, 10, vec![2; 5]);
    bytes.extend(write(&mut Writer::new(), std::slice::from_ref(&next)));
    let (messages, notes, loss) = read(&mut reader(), &[&bytes]);
    assert_eq!(messages, [next]);
    assert_eq!(
        notes,
        [NoteKind::HeaderInsideMessage { format: 0, had: 128, length: 300, began: 0 }]
    );
    assert_eq!(loss, None);
}

#[test]
fn a_chunk_that_inherits_from_nothing_is_a_loss_at_its_offset() {
    for (first, format) in [(0x85, 2), (0xc5, 3)] {
        let bytes = [0x02, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 1, first, 0, 0, 1, 0];
        let (messages, _, loss) = read(&mut reader(), &[&bytes]);
        assert_eq!(messages.len(), 1);
        assert_eq!(
            loss,
            Some(Loss { offset: 16, kind: LossKind::NoPriorHeader { format, chunk_stream_id: 5 } })
        );
    }
}

#[test]
fn a_hole_inside_a_chunk_is_counted_through() {
    let sent = [message(6, 9, 0, vec![1; 100]), message(4, 8, 3, vec![2; 10])];
    let bytes = write(&mut Writer::new(), &sent);
    let mut reader = reader();
    assert!(read(&mut reader, &[&bytes[..30]]).0.is_empty());
    reader.hole(50).unwrap();
    let mut input = &bytes[80..];
    let Ok(Some(Item::Message(m))) = reader.next(&mut input) else { panic!("a message") };
    assert_eq!(m.damaged, [Span { start: 30, end: 80 }]);
    assert_eq!(m.payload.len(), 100);
    assert_eq!(m.payload.iter().filter(|&&b| b == 0).count(), 50);
    let Ok(Some(Item::Message(m))) = reader.next(&mut input) else { panic!("a message") };
    assert_eq!((m.payload, m.damaged), (&[2u8; 10][..], &[][..]));
    // One byte more would have reached the next header.
    assert_eq!(reader.hole(1), Err(Loss { offset: bytes.len() as u64, kind: LossKind::Hole }));
}

#[test]
fn a_hole_that_ends_a_chunk_hands_out_the_chunk_and_then_the_message() {
    let bytes = write(&mut Writer::new(), &[message(6, 9, 0, vec![1; 100])]);
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default()).with_chunks(true);
    let mut input = &bytes[..40];
    assert_eq!(reader.next(&mut input), Ok(None));
    reader.hole(72).unwrap();
    let span = Span { start: 0, end: 112 };
    assert!(matches!(reader.next(&mut input), Ok(Some(Item::Chunk(chunk))) if chunk.span == span));
    assert!(matches!(reader.next(&mut input), Ok(Some(Item::Message(m))) if m.span == span));
}

#[test]
fn spans_cover_a_message_from_its_first_header_byte_to_its_last_payload_byte() {
    let mut writer = Writer::new();
    let mut bytes = Vec::new();
    let video = message(6, 9, 0, vec![1; 200]);
    let audio = message(4, 8, 0, vec![2; 10]);
    let next = writer.write_chunk(&outgoing(&video), 0, &mut bytes);
    let audio_at = bytes.len() as u64;
    writer.write(&outgoing(&audio), &mut bytes);
    let audio_end = bytes.len() as u64;
    writer.write_chunk(&outgoing(&video), next, &mut bytes);
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default()).with_chunks(true);
    let (mut spans, mut chunks) = (Vec::new(), Vec::new());
    let mut input = &bytes[..];
    while let Ok(Some(item)) = reader.next(&mut input) {
        match item {
            Item::Message(m) => spans.push((m.type_id, m.span, m.chunks)),
            Item::Chunk(c) => {
                chunks.push((c.header.format, c.header.chunk_stream_id, c.span, c.data_length))
            }
            Item::Note(n) => {
                assert_eq!((n.offset, n.kind), (140, NoteKind::Interleaved { with: 6 }));
            }
        }
    }
    let end = bytes.len() as u64;
    assert_eq!(
        spans,
        [(8, Span { start: audio_at, end: audio_end }, 1), (9, Span { start: 0, end }, 2)]
    );
    assert_eq!(
        chunks,
        [
            (0, 6, Span { start: 0, end: audio_at }, 128),
            (0, 4, Span { start: audio_at, end: audio_end }, 10),
            (3, 6, Span { start: audio_end, end }, 72),
        ]
    );
}

#[test]
fn unfinished_messages_are_bounded_at_the_limit_and_not_below() {
    for (partial_bytes, dropped) in [(1280, false), (1279, true)] {
        let mut reader = Reader::new(0, Keep::ALL, &Limits { partial_bytes, ..Limits::default() });
        let mut writer = Writer::new();
        let mut notes = Vec::new();
        for csid in 10..20 {
            let mut bytes = Vec::new();
            writer.write_chunk(&outgoing(&message(csid, 9, 0, vec![1; 5000])), 0, &mut bytes);
            notes.extend(read(&mut reader, &[&bytes]).1);
        }
        let oldest = NoteKind::PartialDropped { had: 128, length: 5000 };
        assert_eq!(notes.contains(&oldest), dropped, "{notes:?}");
        assert!(reader.held <= partial_bytes);
    }
}

#[test]
fn styles_of_sending_are_noted_once() {
    let notes = |bytes: &[u8]| {
        let mut reader = reader();
        let (mut notes, mut input) = (Vec::new(), bytes);
        while let Some(item) = reader.next(&mut input).unwrap() {
            if let Item::Note(note) = item {
                notes.push(note.kind);
            }
        }
        notes
    };
    let short = b"\x04\0\0\0\0\0\x02\x08\x01\0\0\0\xaf\x01";
    let again = b"\xc4\xaf\x01";
    assert_eq!(notes(&[&short[..], again, again].concat()), [NoteKind::Format3Begins]);
    let begun = [b"\x06\0\0\0\0\x01\x0e\x09\x01\0\0\0", &[0x17; 128][..]].concat();
    let rest = |n: usize| [b"\xc6", &vec![0x17; n][..]].concat();
    let (middle, last) = (rest(128), rest(14));
    let twice = [&begun[..], short, &middle, short, &last].concat();
    assert_eq!(notes(&twice), [NoteKind::Interleaved { with: 6 }]);
    assert_eq!(notes(&[&begun[..], &middle, &last, short].concat()), []);
}

#[test]
fn a_declared_length_allocates_nothing() {
    let mut reader = reader();
    for csid in 3..1243 {
        let header = Header {
            format: 0,
            chunk_stream_id: csid,
            basic_length: 1,
            timestamp_field: Some(0),
            extended_timestamp: None,
            length: Some(0xff_ffff),
            type_id: Some(9),
            message_stream_id: Some(1),
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        bytes.extend([0; 128]);
        assert_eq!(read(&mut reader, &[&bytes]), (vec![], vec![], None));
    }
    assert!(reader.memory() < 1 << 20, "{}", reader.memory());
}

#[test]
fn only_what_is_wanted_is_kept() {
    let keep = Keep { head: 16, whole: |type_id, head| type_id != 9 || head.get(1) == Some(&0) };
    let sent = [
        message(6, 9, 0, vec![1; 1000]),
        message(6, 9, 0, vec![0; 1000]),
        message(3, 20, 0, vec![5; 1000]),
        message(6, 9, 0, vec![1; 5]),
    ];
    let bytes = write(&mut Writer::new(), &sent);
    for step in [1, 50, bytes.len()] {
        let pieces: Vec<_> = bytes.chunks(step).collect();
        let mut reader = Reader::new(0, keep, &Limits::default());
        let lengths: Vec<_> =
            read(&mut reader, &pieces).0.iter().map(|m| m.payload.len()).collect();
        assert_eq!(lengths, [16, 1000, 1000, 5]);
    }
}

fn arbitrary_message() -> impl Strategy<Value = Owned> {
    let csid = prop_oneof![8 => 3u32..8, 1 => 60u32..70, 1 => 315u32..330, 1 => 65_590u32..=65_599];
    let type_id = prop_oneof![4 => Just(8u8), 4 => Just(9), 1 => Just(20), 1 => Just(18)];
    let time = prop_oneof![4 => 0u32..5000, 1 => 0xff_fff0u32..0x100_0010, 1 => 0xffff_ff00u32..=0xffff_ffff];
    let size = prop_oneof![4 => 0usize..300, 1 => 0usize..6000];
    (csid, 0u32..3, type_id, time, size, any::<u8>()).prop_map(
        |(csid, msid, type_id, timestamp, size, seed)| {
            let payload =
                (0..size).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
            Owned { csid, msid, type_id, timestamp, payload }
        },
    )
}

proptest! {
    /// Whatever is written, interleaved and cut anywhere, is read back.
    #[test]
    fn reader_and_writer_are_inverse(
        messages in proptest::collection::vec(arbitrary_message(), 1..20),
        sizes in proptest::collection::vec(prop_oneof![Just(1u32), 2u32..200, Just(4096u32)], 0..3),
        order in proptest::collection::vec(any::<u16>(), 64),
        cuts in proptest::collection::vec(1usize..700, 1..40),
        repeat in any::<bool>(),
        head in prop_oneof![Just(usize::MAX), 1usize..100],
    ) {
        let mut writer = Writer::new();
        if !repeat { writer = writer.without_repeated_extended(); }
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        let mut queue: VecDeque<Owned> = messages.into();
        let mut open: Vec<(Owned, usize)> = Vec::new();
        let mut sizes = sizes.into_iter();
        let mut turn = order.into_iter().cycle();
        while !(queue.is_empty() && open.is_empty()) {
            let pick = turn.next().unwrap_or(0) as usize;
            let can_open = queue.front().is_some_and(|m| open.iter().all(|(o, _)| o.csid != m.csid));
            if can_open && (open.is_empty() || pick.is_multiple_of(3)) {
                if pick.is_multiple_of(5) && let Some(size) = sizes.next() {
                    let m = set_chunk_size(size);
                    writer.write(&outgoing(&m), &mut bytes);
                    expected.push(m);
                }
                open.push((queue.pop_front().unwrap(), 0));
                let last = open.len() - 1;
                let (m, at) = &mut open[last];
                *at = writer.write_chunk(&outgoing(m), 0, &mut bytes);
                if *at == m.payload.len() { expected.push(open.remove(last).0); }
            } else {
                let i = pick % open.len();
                let (m, at) = &mut open[i];
                *at = writer.write_chunk(&outgoing(m), *at, &mut bytes);
                if *at == m.payload.len() { expected.push(open.remove(i).0); }
            }
        }
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        // Of video only the head is kept, so that its chunks are skimmed.
        let keep = Keep { head, whole: |type_id, _| type_id != 9 };
        for message in expected.iter_mut().filter(|message| message.type_id == 9) {
            message.payload.truncate(head);
        }
        let mut reader = Reader::new(0, keep, &Limits::default());
        let (mut seen, _, loss) = read(&mut reader, &pieces);
        prop_assert_eq!(loss, None);
        reader.end();
        let (last, _, loss) = read(&mut reader, &[&[]]);
        seen.extend(last);
        prop_assert_eq!(loss, None);
        prop_assert_eq!(seen, expected);
    }

    /// No bytes make it panic, and every loss is at an offset that exists.
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..3000), step in 1usize..500) {
        let mut reader = reader();
        let pieces: Vec<_> = bytes.chunks(step).collect();
        let (_, _, loss) = read(&mut reader, &pieces);
        if let Some(loss) = loss { prop_assert!(loss.offset <= bytes.len() as u64); }
    }
}

/// A reader that lost its place behind these messages and goes on at `offset`.
fn resumed(sent: &[Owned], offset: u64, proven: u32, trusted: &[Inherited]) -> Reader {
    let mut reader = reader();
    let bytes = write(&mut Writer::new(), sent);
    assert_eq!(read(&mut reader, &[&bytes]).2, None);
    reader.resume(&Resume { offset, chunk_size: 128, announced: false, proven, trusted });
    reader
}

#[test]
fn after_a_loss_no_header_rests_on_what_may_have_changed() {
    let before = [message(4, 8, 0, vec![1; 5]), message(6, 9, 0, vec![1; 5])];
    let first = message(9, 8, 0, vec![2; 3]);
    let again = [0xc4, 7, 7, 7, 7, 7];
    for (trusted, loss) in [(4, None), (6, Some(LossKind::Stale { format: 3, chunk_stream_id: 4 }))]
    {
        let trusted =
            &[Inherited { chunk_stream_id: trusted, length: 5, type_id: 8, head: [1; HEAD] }];
        let mut reader = resumed(&before, 1000, u32::MAX, trusted);
        let mut bytes = write(&mut Writer::new(), std::slice::from_ref(&first));
        let offset = 1000 + bytes.len() as u64;
        bytes.extend(again);
        let (seen, _, lost) = read(&mut reader, &[&bytes]);
        assert_eq!(seen.len(), if loss.is_none() { 2 } else { 1 });
        assert_eq!(lost, loss.map(|kind| Loss { offset, kind }));
    }
}

#[test]
fn after_a_loss_a_message_longer_than_the_chunk_size_is_proven_for_is_doubted() {
    for (length, seen) in [(100, 2), (101, 1)] {
        let mut reader = resumed(&[], 1000, 100, &[]);
        let sent = [message(4, 8, 0, vec![1; 120]), message(6, 9, 0, vec![1; length])];
        let (messages, _, loss) = read(&mut reader, &[&write(&mut Writer::new(), &sent)]);
        assert_eq!(messages.len(), seen, "the first header is where it was found");
        assert_eq!(loss.is_some(), seen == 1);
    }
}

#[test]
fn a_large_hole_takes_no_room_and_many_small_ones_little() {
    for (hole, kept) in [(64 << 10, 100 + (64 << 10) + 100), ((64 << 10) + 1, 100)] {
        let mut reader = reader();
        let mut bytes = write(&mut Writer::new(), &[set_chunk_size(1 << 20)]);
        let length = 200 + hole;
        bytes.extend([3, 0, 0, 0, 0, (length >> 8) as u8, length as u8, 20, 0, 0, 0, 0]);
        bytes[16 + 4] = (length >> 16) as u8;
        bytes.extend([2; 100]);
        assert_eq!(read(&mut reader, &[&bytes]).2, None);
        reader.hole(hole as u64).unwrap();
        let (seen, _, loss) = read(&mut reader, &[&[2; 100]]);
        assert_eq!((seen.len(), seen[0].payload.len(), loss), (1, kept, None));
    }
    let mut reader = reader();
    let mut bytes = write(&mut Writer::new(), &[set_chunk_size(1 << 20)]);
    bytes.extend([3, 0, 0, 0, 0, 0x40, 0, 20, 0, 0, 0, 0]);
    assert_eq!(read(&mut reader, &[&bytes]).2, None);
    for _ in 0..0x1fff {
        reader.hole(1).unwrap();
        assert_eq!(read(&mut reader, &[&[2]]).2, None);
    }
    let mut input = &[2, 2][..];
    let Ok(Some(Item::Message(message))) = reader.next(&mut input) else { panic!("no message") };
    assert_eq!(message.damaged.len(), MOST_DAMAGED);
    assert_eq!(message.damaged.last().map(|span| span.end), Some(message.span.end - 3));
}
