use super::*;
use crate::Limits;
use crate::proto::chunk::{Keep, Outgoing, Resume, Writer};

/// A stream of video and audio messages at a chunk size, and the offsets where messages begin.
fn stream(chunk_size: u32, messages: u32) -> (Vec<u8>, Vec<usize>) {
    let mut writer = Writer::new();
    let mut out = Vec::new();
    let mut begins = Vec::new();
    writer.write(
        &Outgoing {
            chunk_stream_id: 2,
            message_stream_id: 0,
            type_id: 1,
            timestamp: 0,
            payload: &chunk_size.to_be_bytes(),
        },
        &mut out,
    );
    for i in 0..messages {
        let mut noise = 0x9e37_79b9u32 ^ i;
        let length = if i % 3 == 0 { 200 + (i * 737) % 9000 } else { 90 + i % 60 };
        let mut payload: Vec<u8> = (0..length)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        let (csid, type_id) = if i % 3 == 0 { (6, 9) } else { (4, 8) };
        payload[0] = if type_id == 9 { 0x27 } else { 0xaf };
        begins.push(out.len());
        let message = Outgoing {
            chunk_stream_id: csid,
            message_stream_id: 1,
            type_id,
            timestamp: i * 13,
            payload: &payload,
        };
        writer.write(&message, &mut out);
    }
    (out, begins)
}

fn find_all(bytes: &[u8], known: &Known<'_>, ended: bool) -> Option<Found> {
    find(bytes, &mut Scan::default(), &Known { ended, ..*known }, &mut 10_000_000, &mut Vec::new())
}

#[test]
fn from_any_byte_the_next_message_is_found_and_never_a_place_that_is_none() {
    for chunk_size in [128, 1000, 4096, 60_000, 10_000_000] {
        let (bytes, begins) = stream(chunk_size, 60);
        for from in (begins[4]..begins[30]).step_by(61) {
            for known in [None, Some(chunk_size)] {
                let known = Known {
                    reader: None,
                    chunk_size: known,
                    likely: None,
                    whole: 0,
                    ended: true,
                    behind_hole: None,
                };
                let window = &bytes[from..];
                // Where nothing is split, only the end of the stream lets the chunk size be.
                let last = chunk_size > 9200 && known.chunk_size.is_none();
                let Some(found) = find_all(window, &known, last) else {
                    panic!("nothing found from {from} at chunk size {chunk_size}");
                };
                let next = begins.iter().find(|&&b| b >= from).copied();
                assert_eq!(Some(from + found.at), next, "from {from} at chunk size {chunk_size}");
                assert!(walk(window, found.at, chunk_size, &known, &mut 1000).is_some());
            }
        }
    }
}

#[test]
fn noise_holds_no_place() {
    let mut noise = 1u64;
    let bytes: Vec<u8> = (0..1 << 20)
        .map(|_| {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (noise >> 56) as u8
        })
        .collect();
    for chunk_size in [None, Some(4096)] {
        let known = Known {
            reader: None,
            chunk_size,
            likely: None,
            whole: 0,
            ended: true,
            behind_hole: None,
        };
        assert_eq!(find_all(&bytes, &known, true), None);
    }
}

/// Sound in messages of these lengths, each with its header where the length changes, and a picture behind every third:
/// the bytes and where the messages begin.
fn sound(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let mut writer = Writer::new();
    let (mut out, mut begins) = (Vec::new(), Vec::new());
    let chunk_size = 4096u32.to_be_bytes();
    let mut write = |chunk_stream_id, type_id, timestamp, payload: &[u8], out: &mut Vec<u8>| {
        let message_stream_id = u32::from(type_id != 1);
        let message = Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
        writer.write(&message, out);
    };
    write(2, 1, 0, &chunk_size, &mut out);
    for (index, &length) in lengths.iter().enumerate() {
        let time = index as u32 * 20;
        let mut payload: Vec<u8> = (0..length).map(|i| (i * 37 + index * 11) as u8).collect();
        payload[..5].copy_from_slice(b"\x91Opus");
        begins.push(out.len());
        write(4, 8, time, &payload, &mut out);
        if index % 3 == 2 {
            let mut payload = vec![index as u8; 500 + index];
            payload[..5].copy_from_slice(b"\x27\x01\0\0\x50");
            begins.push(out.len());
            write(6, 9, time, &payload, &mut out);
        }
    }
    (out, begins)
}

#[test]
fn a_message_that_inherits_its_length_is_found_by_how_others_were() {
    let lengths = [302, 299, 300, 300, 300, 302, 299, 300, 300, 300, 300, 302];
    let (bytes, begins) = sound(&lengths);
    // Up to a message of 299 bytes; the header of the next one, of 300, is lost with what is before it.
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default());
    let mut input = &bytes[..begins[9]];
    while reader.next(&mut input).unwrap().is_some() {}
    assert_eq!(reader.stream(4).map(|stream| stream.length), Some(299));
    let known = Known {
        reader: Some(&reader),
        chunk_size: Some(4096),
        likely: Some(4096),
        whole: 0,
        ended: true,
        behind_hole: None,
    };
    for from in [begins[10] - 1, begins[10]] {
        let window = &bytes[from..];
        let mut scan = Scan::behind_hole();
        let found = find(window, &mut scan, &known, &mut 10_000_000, &mut Vec::new()).unwrap();
        assert_eq!(from + found.at, begins[10]);
        let inherited = found.trusted().iter().find(|inherited| inherited.chunk_stream_id == 4);
        assert_eq!(inherited.map(|inherited| inherited.length), Some(300));
    }
    // Where nothing follows that would show where it ends, its length is nobody's guess.
    let window = &bytes[begins[10]..begins[10] + 200];
    assert_eq!(
        find(window, &mut Scan::behind_hole(), &known, &mut 10_000_000, &mut Vec::new()),
        None
    );
}

#[test]
fn a_doubted_message_is_whole_where_no_chunk_could_end_inside_of_it() {
    let (bytes, begins) = sound(&[302, 299, 300]);
    let picture = begins[3];
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default());
    let mut input = &bytes[..picture];
    while reader.next(&mut input).unwrap().is_some() {}
    let resume = Resume { offset: 0, chunk_size: 302, announced: false, proven: 302, trusted: &[] };
    reader.resume(&resume);
    let known = Known {
        reader: Some(&reader),
        chunk_size: None,
        likely: Some(302),
        whole: 302,
        ended: true,
        behind_hole: None,
    };
    let message = |marker: Option<usize>| {
        let mut message = bytes[picture..].to_vec();
        let body = message.len() - 502;
        message.push(0xc4); // of the next one, which a hole hides
        if let Some(at) = marker {
            message[body + at] = 0xc6;
        }
        let mut scan = Scan::new(0, true);
        find(&message, &mut scan, &known, &mut 10_000_000, &mut Vec::new())
            .map(|found| found.proven)
    };
    assert_eq!(message(None), Some(502));
    assert_eq!(message(Some(401)), Some(502), "nobody announces 401");
    assert_eq!(message(Some(400)), None);
}

#[test]
fn a_single_acknowledgement_is_a_place_where_the_stream_ends_behind_it() {
    let bytes = [0x02, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 1, 0, 0];
    let known = Known {
        reader: None,
        chunk_size: None,
        likely: None,
        whole: 0,
        ended: true,
        behind_hole: None,
    };
    assert_eq!(find_all(&bytes, &known, false), None);
    assert!(matches!(find_all(&bytes, &known, true), Some(Found { at: 0, proven: 4, .. })));
}

/// A reader that has read metadata in chunks of 128 bytes, a picture, and metadata of the same length again, and the bytes
/// of these messages with where they begin; then a picture that is longer by one such length.
fn metadata() -> (Reader, Vec<u8>, Vec<usize>) {
    let mut writer = Writer::new();
    let (mut out, mut begins) = (Vec::new(), Vec::new());
    let mut write = |chunk_stream_id, type_id, timestamp, head: &[u8], length: usize| {
        let mut payload: Vec<u8> = (0..length).map(|i| (i * 91 + length) as u8 | 0x08).collect();
        payload[..head.len()].copy_from_slice(head);
        begins.push(out.len());
        let message_stream_id = 1;
        let payload = &payload;
        let message = Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
        writer.write(&message, &mut out);
    };
    for round in 0..4 {
        write(4, 18, round * (1000 + round), b"\x02\0\x0a", 355);
        write(6, 9, round * (1000 + round) + 5, b"\x27\x01\0\0\0", 700 + round as usize);
    }
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default());
    let mut input = &out[..begins[4]];
    while reader.next(&mut input).unwrap().is_some() {}
    (reader, out, begins)
}

fn found_behind_hole(reader: &Reader, bytes: &[u8]) -> Option<Found> {
    let known = Known {
        reader: Some(reader),
        chunk_size: Some(128),
        likely: Some(128),
        whole: 0,
        ended: true,
        behind_hole: None,
    };
    find(bytes, &mut Scan::behind_hole(), &known, &mut 10_000_000, &mut Vec::new())
}

#[test]
fn a_split_message_that_inherits_all_is_found_by_where_it_ends() {
    let (reader, bytes, begins) = metadata();
    let (begin, end) = (begins[4], begins[5]);
    assert_eq!(bytes[begin], 0x84, "format 2");
    // Alone between two holes, behind the end of another message, and before one.
    for (from, to) in [(begin, end), (begin - 50, end), (begin, begins[6]), (begin - 50, begins[6])]
    {
        let found = found_behind_hole(&reader, &bytes[from..to]).unwrap();
        assert_eq!(from + found.at, begin);
        assert_eq!(found.trusted().first().map(|last| last.length), Some(355));
    }
    // Cut, it shows nothing.
    for to in begin + 1..end {
        assert_eq!(found_behind_hole(&reader, &bytes[begin..to]), None, "cut to {}", to - begin);
    }
}

#[test]
fn the_end_of_a_long_message_is_not_taken_for_a_shorter_one() {
    let (reader, bytes, begins) = metadata();
    // The last chunks of a picture: as many bytes as one of metadata has, where its length is what it is in such chunks.
    let mut tail = bytes[begins[0] + 12..begins[1]].to_vec();
    tail.insert(0, 0xc4);
    for head in [[0x02, 0, 0x0a], [0x27, 1, 0], [0xff, 0xff, 0xff]] {
        tail[1..4].copy_from_slice(&head);
        assert_eq!(found_behind_hole(&reader, &tail), None);
    }
}

#[test]
fn a_whole_message_between_two_holes_is_found_and_a_longer_one_is_not() {
    let lengths = [302, 299, 300, 300, 302, 299, 300, 302];
    let (bytes, begins) = sound(&lengths);
    let mut reader = Reader::new(0, Keep::ALL, &Limits::default());
    let mut input = &bytes[..begins[4]];
    while reader.next(&mut input).unwrap().is_some() {}
    let found = |window: &[u8]| {
        let known = Known {
            reader: Some(&reader),
            chunk_size: Some(4096),
            likely: Some(4096),
            whole: 0,
            ended: true,
            behind_hole: None,
        };
        find(window, &mut Scan::behind_hole(), &known, &mut 10_000_000, &mut Vec::new())
    };
    for pair in begins[4..].windows(2) {
        let window = &bytes[pair[0]..pair[1]];
        assert_eq!(found(window).map(|found| found.at), Some(0));
        // A hole inside of it.
        assert_eq!(found(&window[..window.len() - 4]), None);
        if window[0] >> 6 >= 2 {
            // Where a hole does not begin nor end with it, a shorter one looks the same.
            assert_eq!(found(&bytes[pair[0] - 3..pair[1] - 1]), None);
            assert_eq!(found(&bytes[pair[0] - 3..pair[1]]), None);
        }
    }
}
