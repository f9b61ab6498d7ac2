//! Files made byte by byte, and by an independent writer, read whole, in single bytes, cut and damaged.

mod damage;
mod flv;
mod pcap;
mod pcapng;
mod raw;

use std::io::{self, Read};

use super::{Item, Reader, Trouble, TroubleKind};
use crate::capture::link::LinkType;

/// A packet that owns its bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) number: u64,
    pub(super) time: Option<i64>,
    pub(super) link: u16,
    pub(super) data: Vec<u8>,
    pub(super) original: u32,
}

impl core::fmt::Debug for Got {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (len, head) = (self.data.len(), self.data.first_chunk::<4>());
        write!(
            f,
            "#{} {:?} link {} {len}/{} {head:?}",
            self.number, self.time, self.link, self.original
        )
    }
}

/// All that a file gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct All {
    pub(super) packets: Vec<Got>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) secrets: Vec<(u32, Vec<u8>)>,
}

impl All {
    pub(super) fn data(&self) -> Vec<&[u8]> {
        self.packets.iter().map(|p| &p.data[..]).collect()
    }

    pub(super) fn times(&self) -> Vec<Option<i64>> {
        self.packets.iter().map(|p| p.time).collect()
    }
}

pub(super) fn read_from(source: impl Read) -> All {
    let mut reader = Reader::new(source).unwrap();
    let mut all = All::default();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Packet(p) => all.packets.push(Got {
                number: p.number,
                time: p.time,
                link: p.link.0,
                data: p.data.to_vec(),
                original: p.original_length,
            }),
            Item::Secrets { kind, data } => all.secrets.push((kind, data.to_vec())),
            Item::Trouble(trouble) => all.troubles.push(trouble),
            other => panic!("not of a packet capture: {other:?}"),
        }
    }
    assert_eq!(reader.next().unwrap(), None, "the end stays the end");
    all
}

/// Reads a file at once and in single bytes, which must give the same.
pub(super) fn read(file: &[u8]) -> All {
    let all = read_from(file);
    assert_eq!(read_from(Drip(file, false)), all, "single bytes read otherwise");
    all
}

/// Gives one byte at a time, and is interrupted before each.
struct Drip<'a>(&'a [u8], bool);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let take = out.len().min(1);
        self.0.read(&mut out[..take])
    }
}

/// Gives the pieces it was made of, one a read, and fails when it is asked for more.
struct Pieces(Vec<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("would wait"));
        }
        let piece = self.0.remove(0);
        out[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// A packet's bytes: a count and its complement, so that no two are alike.
pub(super) fn body(n: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| if i % 2 == 0 { n } else { !n ^ (i as u8) }).collect()
}

pub(super) fn words(big: bool, words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| if big { w.to_be_bytes() } else { w.to_le_bytes() }).collect()
}

#[test]
fn whole_records_are_handed_out_before_the_next_read() {
    for file in [pcap::three(), pcapng::three()] {
        let head = file.len() - 3 * (file.len() - pcap::start_of(&file)) / 3;
        let each = (file.len() - head) / 3;
        let pieces: Vec<Vec<u8>> =
            [0..head + each, head + each..head + 2 * each + 5, head + 2 * each + 5..file.len()]
                .into_iter()
                .map(|range| file[range].to_vec())
                .collect();
        let mut reader = Reader::new(Pieces(pieces)).unwrap();
        for (buffered, read) in
            [(true, head + each), (false, head + each), (false, head + 2 * each + 5)].into_iter()
        {
            assert_eq!((reader.buffered(), reader.bytes_read()), (buffered, read as u64));
            assert!(matches!(reader.next(), Ok(Some(Item::Packet(_)))));
        }
        assert!(!reader.buffered());
        assert!(reader.next().is_err(), "now it has to read");
        assert!(matches!(reader.next(), Ok(None)), "and what cannot be read has ended");
    }
}

#[test]
fn what_is_no_capture_is_refused_by_name() {
    let mut foreign = vec![&b""[..], b"\xa1\xb2", b"\xfd7zXZ\0", b"FLV\x01", b"hello, world\n"];
    let short = pcap::three();
    foreign.push(&short[..23]);
    foreign.push(b"\x0a\x0d\x0d\x0a\0\0\0\0nope");
    foreign.push(b"\x0a\x0d\x0d\x0a\0\0");
    for file in foreign {
        let error = Reader::new(file).err().unwrap();
        assert!(error.to_string().starts_with("it is no pcap, pcapng or FLV file"), "{error}");
    }
    let error = Reader::new(Pieces(Vec::new())).err().unwrap();
    assert_eq!(error.to_string(), "cannot read: would wait");
}

#[test]
fn trouble_reads_as_a_sentence() {
    let at = |kind| Trouble::new(24, kind).to_string();
    assert_eq!(
        at(TroubleKind::Truncated { needed: 90, had: 12 }),
        "at byte 24 of the file: it ends inside a record: 90 bytes needed, 12 there"
    );
    assert_eq!(
        at(TroubleKind::Skipped { reason: "a block whose two lengths differ", bytes: 8 }),
        "at byte 24 of the file: a block whose two lengths differ; 8 bytes skipped"
    );
}

#[test]
fn link_types_are_named() {
    for (link, name) in
        [(1, "ETHERNET (1)"), (113, "LINUX_SLL (113)"), (12, "RAW (12)"), (9999, "link type 9999")]
    {
        assert_eq!(LinkType(link).to_string(), name);
    }
}
