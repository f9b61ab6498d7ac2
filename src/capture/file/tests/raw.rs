use super::super::Paused;
use super::*;
use crate::Limits;
use crate::capture::Error;
use crate::proto::Direction::{self, ClientToServer, ServerToClient};
use crate::proto::chunk::{Outgoing, Writer};

const CLIENT: &[u8] = include_bytes!("../../../../testdata/quickstart-c2s.raw");
const SERVER: &[u8] = include_bytes!("../../../../testdata/quickstart-s2c.raw");
/// C0 and C1, and with C2.
const TWO: usize = 1537;
const THREE: usize = 3073;

/// Whether a dump begins with its handshake, which way it went, and its bytes.
type Dump = (bool, Direction, Vec<u8>);

fn read_all(mut reader: Reader<impl Read>) -> Dump {
    let Ok(Some(Item::Opened { from_start, .. })) = reader.next() else { panic!("it opens first") };
    let (mut all, mut way, mut ended) = (Vec::new(), None, None);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Bytes { direction, data } => {
                all.extend_from_slice(data);
                assert!(ended.is_none() && way.is_none_or(|way| way == direction));
                way = Some(direction);
            }
            Item::Ended { direction } => ended = Some(direction),
            other => panic!("not of a dump: {other:?}"),
        }
    }
    assert!(way.is_none_or(|way| Some(way) == ended));
    (from_start, ended.unwrap(), all)
}

fn dump(bytes: &[u8]) -> Result<Dump, Error> {
    let whole = Reader::new(bytes).map(read_all);
    let drip = Reader::new(Drip(bytes, false)).map(read_all);
    assert_eq!(whole.as_ref().ok(), drip.as_ref().ok(), "single bytes read otherwise");
    whole
}

fn assert_dump(bytes: &[u8], from_start: bool, direction: Direction) {
    let got = dump(bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((got.0, got.1), (from_start, direction));
    assert!(got.2 == bytes, "the bytes come as they are");
}

/// A handshake without digests, as simple programs send it.
fn simple() -> Vec<u8> {
    let mut bytes = vec![3, 1, 2, 3, 4, 0, 0, 0, 0];
    bytes.extend((9..THREE).map(|i| (i * 7 % 251) as u8));
    bytes
}

fn messages(list: &[(u8, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new();
    let mut out = Vec::new();
    for (index, &(type_id, payload)) in list.iter().enumerate() {
        let (chunk_stream_id, timestamp) = (3, index as u32 * 20);
        let message =
            Outgoing { chunk_stream_id, message_stream_id: 0, type_id, timestamp, payload };
        writer.write(&message, &mut out);
    }
    out
}

const STATUS: &[u8] = b"\x02\0\x08onStatus\0\0\0\0\0\0\0\0\0\x05";
const PUBLISH: &[u8] = b"\x02\0\x07publish\0\x40\x14\0\0\0\0\0\0\x05\x02\0\x01k\x02\0\x04live";

#[test]
fn real_dumps_are_told_with_their_direction() {
    assert_dump(CLIENT, true, ClientToServer);
    assert_dump(SERVER, true, ServerToClient);
    // Without the handshake.
    assert_dump(&CLIENT[THREE..], false, ClientToServer);
    assert_dump(&SERVER[THREE..], false, ServerToClient);
    // From inside the media nothing says which way they go.
    let middle = [&messages(&[(8, &[0xaf; 90]), (9, &[0x27; 300]), (8, &[0xaf; 80])])[..]].concat();
    assert_dump(&middle, false, ClientToServer);
}

#[test]
fn a_dump_cut_anywhere_is_still_one() {
    for len in (9..TWO - 20).step_by(37).chain(TWO - 20..TWO + 20).chain(THREE - 20..3_400) {
        assert_dump(&CLIENT[..len], true, ClientToServer);
    }
    for len in 0..9 {
        assert!(dump(&CLIENT[..len]).is_err());
    }
    // The signature of S1 has to be there whole: its time and version could be anything's.
    for len in (TWO - 20..TWO + 20).chain((THREE - 20..SERVER.len()).step_by(7)) {
        assert_eq!(dump(&SERVER[..len]).is_ok(), len >= TWO, "{len}");
        if len >= TWO {
            assert_dump(&SERVER[..len], true, ServerToClient);
        }
    }
}

#[test]
fn messages_tell_the_direction_where_the_handshake_does_not() {
    let hello = simple();
    for (list, direction) in [
        (&[(20, PUBLISH)][..], ClientToServer),
        (&[(20, STATUS)], ServerToClient),
        (&[(5, &[0, 0x4c, 0x4b, 0x40][..]), (20, STATUS)], ServerToClient),
        (&[(5, &[0, 0x4c, 0x4b, 0x40])], ServerToClient),
        (&[(1, &[0, 0, 16, 0]), (20, PUBLISH), (20, STATUS)], ClientToServer),
        (&[(4, &[0, 0, 0, 0, 0, 1])], ServerToClient),
        (&[(4, &[0, 3, 0, 0, 0, 1, 0, 0, 1, 0])], ClientToServer),
        (&[(18, b"\x02\0\x0d@setDataFrame")], ClientToServer),
        (&[(8, &[0xaf; 40])], ClientToServer),
    ] {
        assert_dump(&[&hello[..], &messages(list)].concat(), true, direction);
    }
    assert_dump(&hello, true, ClientToServer);
    let proxied = [b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 1935\r\n", &hello[..]].concat();
    assert_dump(&proxied, true, ClientToServer);
}

#[test]
fn only_so_many_bytes_are_looked_at() {
    let ahead = [&simple()[..], &messages(&[(8, &[0xaf; 100]), (8, &[0xaf; 100])])].concat();
    let told = messages(&[(20, STATUS)]);
    let bytes = [&ahead[..], &told, &[0; 50]].concat();
    let enough = ahead.len() + told.len();
    for (lookahead_bytes, direction) in [(enough, ServerToClient), (enough - 1, ClientToServer)] {
        let limits = Limits { lookahead_bytes, ..Limits::default() };
        let got = read_all(Reader::with_limits(&bytes[..], &limits).unwrap());
        assert_eq!((got.1, got.2.len()), (direction, bytes.len()), "{lookahead_bytes}");
    }
}

/// Gives the pieces it was made of, and pauses after each.
struct Pausing(Vec<Vec<u8>>, bool);

impl Read for Pausing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if !self.1 {
            return Err(Paused.into());
        }
        let piece = if self.0.is_empty() { Vec::new() } else { self.0.remove(0) };
        out[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn a_source_that_pauses_is_decided_by_what_is_there() {
    let mut hello = simple();
    hello.extend(messages(&[(20, STATUS)]));
    // A version alone says nothing, C0 and C1 are enough: the answer would be in a later piece.
    let pieces = [&hello[..5], &hello[5..TWO], &hello[TWO..]].map(<[u8]>::to_vec);
    let mut reader = Reader::new(Pausing(pieces.to_vec(), false)).unwrap();
    assert_eq!(reader.bytes_read(), TWO as u64);
    assert!(matches!(reader.next(), Ok(Some(Item::Opened { .. }))));
    assert!(matches!(reader.next(), Ok(Some(Item::Bytes { data, .. })) if data.len() == TWO));
    let got = dump(&hello).unwrap();
    assert_eq!(got.1, ServerToClient, "without a pause it is awaited");
    // Captures and what is compressed pass over pauses.
    let file = pcap::three();
    let halves = [&file[..30], &file[30..]].map(<[u8]>::to_vec);
    assert_eq!(read_from(Pausing(halves.to_vec(), false)), read(&file));
}

#[test]
fn both_directions_mixed_are_refused_by_name() {
    let simple = simple();
    let echo = |client: &[u8]| {
        let mut answer = vec![3, 9, 9, 9, 9, 1, 1, 1, 1];
        answer.extend((9..TWO).map(|i| (i * 5 % 249) as u8));
        answer.extend_from_slice(&client[1..TWO]);
        answer
    };
    let answer = echo(&simple);
    for (client, server) in [(CLIENT, SERVER), (&simple, &answer), (CLIENT, &echo(CLIENT))] {
        let mixed = [&client[..TWO], &server[..THREE], &client[TWO..]].concat();
        // From where S1 is signed or S2 echoes C1.
        let told = if server == SERVER { TWO + TWO } else { TWO + THREE };
        for len in [told, 5_000, mixed.len()] {
            let error = Reader::new(&mixed[..len.min(mixed.len())]).err().unwrap();
            assert!(error.to_string().contains("Entire conversation"), "{len}: {error}");
        }
    }
}

#[test]
fn other_bytes_are_never_taken_for_a_dump() {
    let mut seed = 1_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    let mut others: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello".to_vec(),
        b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0b\x00\x00\x00".to_vec(),
        vec![0; 10_000],
        [&[3][..], &[0; 10_000]].concat(),
        (0..200).map(|n| n as u8).collect(),
        vec![3; 10_000],
        vec![0xc3; 10_000],
    ];
    for first in [3, 6, 8, 9, 2, 4, 0x43] {
        for len in [9, 100, 1_536, 1_537, 1_538, 3_073, 3_084, 3_085, 5_000] {
            for _ in 0..4 {
                others.push((0..len).map(|i| if i == 0 { first } else { random() }).collect());
            }
        }
    }
    for other in &others {
        let error = Reader::new(&other[..]).err().unwrap_or_else(|| {
            panic!("{} bytes that begin {:02x?} are taken for RTMP", other.len(), &other[..9])
        });
        assert!(error.to_string().contains("one direction of an RTMP connection"), "{error}");
    }
}

#[test]
fn what_is_no_known_format_can_be_forced() {
    let limits = Limits::default();
    let inside = &CLIENT[5_000..];
    assert!(Reader::new(inside).is_err());
    let (from_start, direction, bytes) = read_all(Reader::forced(inside, &limits).unwrap());
    assert_eq!((from_start, direction, bytes.len()), (false, ClientToServer, inside.len()));
    assert!(read_all(Reader::forced(&[3, 1, 1][..], &limits).unwrap()).0);
    assert_eq!(read_all(Reader::forced(SERVER, &limits).unwrap()).1, ServerToClient);
    for named in [&b""[..], b"\xfd7zXZ\0", b"some text\n", b"\x00\x00\x00\x20ftypisom"] {
        assert!(Reader::forced(named, &limits).is_err());
    }
    assert_eq!(read_from(&pcap::three()[..]).packets.len(), 3);
}
