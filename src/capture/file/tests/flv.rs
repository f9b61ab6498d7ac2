use proptest::prelude::*;

use super::*;
use crate::Limits;

/// A tag that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    type_id: u8,
    timestamp: u32,
    stream: u32,
    span: (u64, u64),
    payload: Vec<u8>,
    encrypted: bool,
}

/// All that a file gave.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tags {
    tags: Vec<Tag>,
    troubles: Vec<Trouble>,
}

fn tags_from(source: impl Read, limits: &Limits) -> Tags {
    let mut reader = Reader::with_limits(source, limits).unwrap();
    let mut all = Tags::default();
    let mut frame = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Tag(tag) => {
                let (message, encrypted) = (tag.message(), tag.encrypted);
                assert_eq!((message.chunks, message.chunk_stream_id), (0, 0));
                assert_eq!(message.length as usize, message.payload.len());
                all.tags.push(Tag {
                    type_id: message.type_id,
                    timestamp: message.timestamp,
                    stream: message.message_stream_id,
                    span: (message.span.start, message.span.end),
                    payload: message.payload.to_vec(),
                    encrypted,
                });
            }
            Item::Trouble(trouble) => all.troubles.push(trouble),
            Item::Opened { transport, .. } => frame.push(format!("{transport:?}")),
            Item::Ended { direction } => frame.push(direction.to_string()),
            other => panic!("not of an FLV file: {other:?}"),
        }
    }
    assert_eq!(frame, ["Flv", "c2s"]);
    assert_eq!(reader.next().unwrap(), None, "the end stays the end");
    all
}

/// Reads a file at once and in single bytes, which must give the same.
fn tags(file: &[u8]) -> Tags {
    let all = tags_from(file, &Limits::default());
    assert_eq!(
        tags_from(Drip(file, false), &Limits::default()),
        all,
        "single bytes read otherwise"
    );
    all
}

fn tag(first: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let [high, d, e, f] = timestamp.to_be_bytes();
    let mut out = vec![first, a, b, c, d, e, f, high, 0, 0, 0];
    out.extend_from_slice(payload);
    out.extend((11 + payload.len() as u32).to_be_bytes());
    out
}

const HEADER: [u8; 13] = [b'F', b'L', b'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];

/// Eight tags of differing type and length, and where each ends with the size behind it.
fn eight() -> (Vec<u8>, Vec<usize>) {
    let mut file = HEADER.to_vec();
    let mut ends = Vec::new();
    for n in 0..8_u8 {
        let timestamp = [0, 40, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 0x8000_0001, 5, u32::MAX];
        let payload = body(n, if n == 3 { 0 } else { 20 + usize::from(n) * 9 });
        file.extend(tag([18, 9, 8][usize::from(n) % 3], timestamp[usize::from(n)], &payload));
        ends.push(file.len());
    }
    (file, ends)
}

fn headers(all: &Tags) -> usize {
    all.troubles.iter().filter(|t| matches!(t.kind, TroubleKind::FlvHeader { .. })).count()
}

#[test]
fn every_tag_comes_with_its_fields_and_its_place() {
    let (file, ends) = eight();
    let all = tags(&file);
    assert_eq!(all.troubles, []);
    let mut start = 13;
    for (n, (got, end)) in all.tags.iter().zip(&ends).enumerate() {
        assert_eq!(got.span, (start as u64, *end as u64 - 4));
        assert_eq!(got.payload, file[start + 11..end - 4]);
        assert_eq!((got.type_id, got.stream, got.encrypted), ([18, 9, 8][n % 3], 0, false));
        start = *end;
    }
    let times: Vec<u32> = all.tags.iter().map(|tag| tag.timestamp).collect();
    assert_eq!(times, [0, 40, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 0x8000_0001, 5, u32::MAX]);
    assert_eq!(tags(&HEADER), Tags::default(), "a file may hold none");
}

#[test]
fn a_file_cut_anywhere_keeps_the_tags_before() {
    let (file, ends) = eight();
    let whole = tags(&file).tags;
    for len in 0..file.len() {
        if Reader::new(&file[..len]).is_err() {
            assert!(len < 9, "the file header is there");
            continue;
        }
        let all = tags(&file[..len]);
        // The size behind a tag only says again how long it is.
        let kept = ends.iter().filter(|end| **end - 4 <= len).count();
        assert_eq!(all.tags, whole[..kept], "{len}");
        let on_border = [9, 13].contains(&len) || ends.contains(&len);
        assert_eq!(all.troubles.len(), usize::from(!on_border), "{len}");
        for trouble in all.troubles {
            assert!(matches!(trouble.kind, TroubleKind::Truncated { .. }), "{len}: {trouble}");
        }
    }
}

#[test]
fn any_byte_damaged_costs_its_neighbourhood_only() {
    let (file, ends) = eight();
    let whole = tags(&file).tags;
    for at in 0..file.len() {
        for flip in [0x01, 0x04, 0x20, 0x80, 0xff] {
            let mut file = file.clone();
            file[at] ^= flip;
            if Reader::new(&file[..]).is_err() {
                assert!(at < 4, "{at}");
                continue;
            }
            if at < 4 {
                continue; // another format, or another version
            }
            let all = tags(&file);
            let hit = ends.iter().filter(|end| **end <= at).count();
            for (n, tag) in whole.iter().enumerate().filter(|(n, _)| *n != hit || at < 13) {
                assert!(all.tags.contains(tag), "tag {n}, byte {at} ^ {flip:#x}: {all:?}");
            }
            // Only payload, times and stream ids may change without a word.
            let start = if hit == 0 { 13 } else { ends[hit - 1] };
            let silent = at >= 13 && (4..).contains(&(at - start)) && at < ends[hit] - 4
                || at == 13 && flip == 0x20
                || at >= 13 && at == start && flip != 0x80 && flip != 0xff;
            let unflagged = at == 4 && flip == 0x20;
            assert!(silent || unflagged || !all.troubles.is_empty(), "byte {at} ^ {flip:#x}");
        }
    }
}

#[test]
fn bytes_lost_or_put_in_cost_their_neighbourhood_only() {
    let (file, ends) = eight();
    let whole = tags(&file).tags;
    for (at, lost, put) in [
        (ends[2] + 1, 7, 0),
        (ends[2] - 9, 90, 0),
        (ends[2] + 5, 0, 333),
        (ends[1], 0, 50),
        (13, 5, 0),
    ] {
        let mut file = file.clone();
        file.splice(at..at + lost, vec![0; put]);
        let all = tags(&file);
        assert!(!all.troubles.is_empty());
        let first = ends.iter().filter(|end| **end - 4 <= at).count();
        let last = ends.iter().filter(|end| **end < at + lost).count() + 1;
        for tag in whole[..first].iter().chain(&whole[last..]) {
            let same = |got: &&Tag| (got.timestamp, &got.payload) == (tag.timestamp, &tag.payload);
            assert!(all.tags.iter().any(|got| same(&got)), "{at} -{lost} +{put}: {all:?}");
        }
    }
}

#[test]
fn what_is_skipped_is_said_from_where_to_where() {
    let (mut file, ends) = eight();
    file[ends[1] + 8] = 7;
    file[ends[2] - 1] ^= 1;
    let all = tags(&file);
    let kind = TroubleKind::NoTags { end: ends[2] as u64, last: false };
    assert_eq!(all.troubles, [Trouble::new(ends[1] as u64, kind)]);
    assert_eq!(
        all.troubles[0].to_string(),
        format!(
            "at byte {0} of the file: bytes {0} to {1} are no tags and are skipped",
            ends[1], ends[2]
        )
    );
    // At the end there is nothing to go on with.
    let (file, ends) = eight();
    let all = tags(&[&file[..], &[0xff; 40]].concat());
    let end = ends[7] as u64;
    assert_eq!(
        all.troubles,
        [Trouble::new(end, TroubleKind::NoTags { end: end + 40, last: true })]
    );
    // Two files one behind the other.
    let all = tags(&[&file[..], &file[..]].concat());
    assert_eq!(all.tags.len(), 16);
    assert_eq!(
        all.troubles,
        [Trouble::new(end, TroubleKind::NoTags { end: end + 13, last: false })]
    );
}

#[test]
fn sizes_behind_the_tags_may_all_be_wrong() {
    let (mut file, ends) = eight();
    let whole = tags(&file).tags;
    for wrong in [0_u32, 1, u32::MAX] {
        for end in &ends {
            file[end - 4..*end].copy_from_slice(&wrong.to_be_bytes());
        }
        let all = tags(&file);
        assert_eq!(all.tags, whole);
        for (trouble, end) in all.troubles.iter().zip(&ends) {
            assert_eq!(trouble.offset, *end as u64 - 4);
            let before = ends.iter().rfind(|e| *e < end).unwrap_or(&13);
            let size = (end - before) as u64 - 4;
            assert_eq!(trouble.kind, TroubleKind::BackPointer { said: wrong, size });
        }
        assert_eq!(all.troubles.len(), 8);
    }
    let mut first = eight().0;
    first[12] = 3;
    let all = tags(&first);
    assert_eq!(all.tags, whole);
    assert_eq!(all.troubles, [Trouble::new(9, TroubleKind::BackPointer { said: 3, size: 0 })]);
}

#[test]
fn a_file_header_that_is_wrong_is_said_and_passed_over() {
    let (file, _) = eight();
    let whole = tags(&file).tags;
    for (at, value, words) in [
        (3, 2, "version 2"),
        (4, 0x45, "reserved"),
        (4, 1, "no audio"),
        (4, 4, "no video"),
        (8, 0, "0 bytes long"),
        (5, 0x80, "2147483657 bytes long"),
    ] {
        let mut file = file.clone();
        file[at] = value;
        let all = tags(&file);
        assert_eq!((all.tags.len(), headers(&all)), (whole.len(), 1), "{words}");
        assert!(all.troubles[0].to_string().contains(words), "{:?}", all.troubles);
    }
    // A longer one is passed over where tags follow on it, and nowhere else.
    for (size, there) in [(13_usize, true), (1024, true), (1025, false), (13, false)] {
        let mut longer = file[..9].to_vec();
        longer[5..9].copy_from_slice(&(size as u32).to_be_bytes());
        if there {
            longer.resize(size, 0);
        }
        longer.extend_from_slice(&file[9..]);
        let all = tags(&longer);
        assert_eq!((all.tags.len(), all.troubles.len()), (8, 1), "{size}: {:?}", all.troubles);
    }
}

#[test]
fn the_filter_bit_and_unknown_types_come_through() {
    let file = [&HEADER[..], &tag(0x29, 7, b"secret"), &tag(4, 8, b"?"), &tag(9, 9, b"x")].concat();
    let all = tags(&file);
    let kinds: Vec<_> = all.tags.iter().map(|tag| (tag.type_id, tag.encrypted)).collect();
    assert_eq!(kinds, [(9, true), (4, false), (9, false)]);
    assert_eq!(all.troubles, []);
}

#[test]
fn the_longest_tag_is_read_and_one_longer_than_the_limit_is_damage() {
    let long = vec![0x27; 0xff_ffff];
    let file = [&HEADER[..], &tag(9, 0, &long), &tag(8, 1, b"x")].concat();
    let lengths = |limits: &Limits| {
        let all = tags_from(&file[..], limits);
        (all.tags.iter().map(|tag| tag.payload.len()).collect::<Vec<_>>(), all.troubles)
    };
    assert_eq!(lengths(&Limits::default()), (vec![0xff_ffff, 1], vec![]));
    let at = Limits { record_bytes: 0xff_ffff, ..Limits::default() };
    assert_eq!(lengths(&at).0, [0xff_ffff, 1]);
    let under = Limits { record_bytes: 0xff_fffe, ..Limits::default() };
    let end = (file.len() - 16) as u64;
    let skipped = Trouble::new(13, TroubleKind::NoTags { end, last: false });
    assert_eq!(lengths(&under), (vec![1], vec![skipped]));
}

#[test]
fn a_tag_is_handed_out_before_the_next_read() {
    let (file, ends) = eight();
    let pieces =
        [0..ends[0], ends[0]..ends[1] + 5, ends[1] + 5..ends[2]].map(|range| file[range].to_vec());
    let mut reader = Reader::new(Pieces(pieces.to_vec())).unwrap();
    assert!(matches!(reader.next(), Ok(Some(Item::Opened { .. }))));
    for buffered in [true, false, false] {
        assert_eq!(reader.buffered(), buffered);
        assert!(matches!(reader.next(), Ok(Some(Item::Tag(_)))));
    }
    assert!(!reader.buffered());
    assert!(reader.next().is_err(), "now it has to read");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_end(bytes in prop::collection::vec(prop_oneof![0..12_u8, any::<u8>()], 0..2_000)) {
        let all = tags(&[&HEADER[..], &bytes].concat());
        prop_assert!(all.tags.len() * 11 <= bytes.len());
    }

    #[test]
    fn damaged_files_keep_what_came_before(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let (mut file, ends) = eight();
        let whole = tags(&file).tags;
        let mut first = file.len();
        for (index, value) in &flips {
            let at = 13 + index.index(file.len() - 13);
            file[at] = *value;
            first = first.min(at);
        }
        let intact = ends.iter().filter(|end| **end <= first).count();
        let all = tags(&file);
        prop_assert_eq!(&all.tags[..intact], &whole[..intact]);
    }
}
