use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter};
use pcap_file::{DataLink, Endianness};

use super::*;

const US: u32 = 0xa1b2_c3d4;
const NS: u32 = 0xa1b2_3c4d;

pub(super) fn header(big: bool, magic: u32, snap: u32, link: u32) -> Vec<u8> {
    let version = if big { 0x0002_0004 } else { 0x0004_0002 };
    words(big, &[magic, version, 0, 0, snap, link])
}

pub(super) fn record(big: bool, head: [u32; 4], data: &[u8]) -> Vec<u8> {
    [words(big, &head), data.to_vec()].concat()
}

/// Three records of 60 bytes, a second apart.
pub(super) fn three() -> Vec<u8> {
    let mut file = header(false, US, 65_535, 1);
    for n in 0..3 {
        file.extend(record(false, [1_700_000_000 + n, 5, 60, 60], &body(n as u8, 60)));
    }
    file
}

/// Where the first packet record of one of the two three-packet files begins.
pub(super) fn start_of(file: &[u8]) -> usize {
    if file[0] == 0x0a { pcapng::START } else { 24 }
}

#[test]
fn both_resolutions_and_byte_orders_read_alike() {
    for big in [false, true] {
        for (magic, fraction) in [(US, 250_000), (NS, 250_000_000)] {
            let mut file = header(big, magic, 65_535, 113);
            file.extend(record(big, [10, fraction, 3, 900], b"abc"));
            let all = read(&file);
            let packet = Got {
                number: 1,
                time: Some(10_250_000_000),
                link: 113,
                data: b"abc".to_vec(),
                original: 900,
            };
            assert_eq!((&all.packets[..], &all.troubles[..]), (&[packet][..], &[][..]));
        }
    }
}

#[test]
fn odd_records_read_as_tcpdump_reads_them() {
    for (what, snap, odd, data) in [
        ("longer than the snap length", 4, [10, 0, 6, 6], &b"abcdef"[..]),
        ("snap length 0", 0, [10, 0, 6, 6], b"abcdef"),
        ("shorter on the wire than captured", 65_535, [10, 0, 6, 2], b"abcdef"),
        ("a second's worth of microseconds", 65_535, [10, 1_000_000, 6, 6], b"abcdef"),
        ("empty", 65_535, [10, 0, 0, 0], b""),
        ("years before", 65_535, [0, 0, 6, 6], b"abcdef"),
        ("years later", 65_535, [4_000_000_000, 0, 6, 6], b"abcdef"),
    ] {
        let mut file = header(false, US, snap, 1);
        let good = |n| record(false, [1_700_000_000, n, 5, 5], b"good!");
        file.extend([good(1), record(false, odd, data), good(2)].concat());
        let all = read(&file);
        assert_eq!(all.data(), [b"good!", data, b"good!"], "{what}");
        assert_eq!(all.troubles, [], "{what}");
    }
    let all = read(&[header(false, US, 9, 1), record(false, [10, 1_500_000, 1, 1], b"x")].concat());
    assert_eq!(all.times(), [Some(11_500_000_000)]);
}

#[test]
fn every_record_may_be_odd() {
    let mut file = header(false, US, 0, 1);
    for n in 0..9 {
        file.extend(record(false, [n * 500_000_000, 2_000_000, 40, 4], &body(n as u8, 40)));
    }
    let all = read(&file);
    assert_eq!((all.packets.len(), all.troubles.len()), (9, 0));
}

#[test]
fn the_modified_format_has_longer_record_headers() {
    for big in [false, true] {
        let mut file = header(big, 0xa1b2_cd34, 65_535, 1);
        for n in 0..2 {
            file.extend(words(big, &[10 + n, 7, 4, 4, 1, 0]));
            file.extend(b"data");
        }
        let all = read(&file);
        assert_eq!(all.data(), [b"data", b"data"]);
        assert_eq!(all.times(), [Some(10_000_007_000), Some(11_000_007_000)]);
    }
}

#[test]
fn the_link_type_word_may_carry_a_frame_check_sequence() {
    // (word, link type, what is left of "frame" + "FC", original length)
    for (word, link, left, original) in [
        (1, 1, &b"frameFC"[..], 7),
        (0x1400_0001, 1, b"frame", 5),
        (0x1000_0001, 1, b"frameFC", 7),
        (0x2400_0001, 1, b"fra", 3),
        (0xf400_0001, 1, b"", 0),
        (9_999, 9_999, b"frameFC", 7),
    ] {
        let file =
            [header(false, US, 65_535, word), record(false, [10, 0, 7, 7], b"frameFC")].concat();
        let packet = read(&file).packets.remove(0);
        assert_eq!(
            (packet.link, &packet.data[..], packet.original),
            (link, left, original),
            "{word:#x}"
        );
    }
    let cut =
        [header(false, US, 65_535, 0x1400_0001), record(false, [10, 0, 6, 7], b"frameF")].concat();
    assert_eq!(read(&cut).data(), [b"frame"], "the snap length cut half of it already");
}

#[test]
fn another_writer_is_read_back() {
    for endianness in [Endianness::Big, Endianness::Little] {
        for (ts_resolution, unit) in
            [(PcapTsResolution::MicroSecond, 1_000), (PcapTsResolution::NanoSecond, 1)]
        {
            let header = PcapHeader {
                endianness,
                ts_resolution,
                datalink: DataLink::LINUX_SLL,
                snaplen: 65_535,
                ..PcapHeader::default()
            };
            let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
            for n in 0..50_u32 {
                let data = body(n as u8, n as usize * 29);
                let time = Duration::new(1_700_000_000, n * unit);
                writer.write_packet(&PcapPacket::new(time, 2_000, &data).unwrap()).unwrap();
            }
            let all = read(&writer.into_inner());
            assert_eq!(all.troubles, []);
            for (n, packet) in all.packets.iter().enumerate() {
                let time = 1_700_000_000_000_000_000 + n as i64 * i64::from(unit);
                let data = body(n as u8, n * 29);
                assert_eq!(
                    *packet,
                    Got {
                        number: n as u64 + 1,
                        time: Some(time),
                        link: 113,
                        data,
                        original: 2_000
                    }
                );
            }
            assert_eq!(all.packets.len(), 50);
        }
    }
}

#[test]
fn a_long_record_is_read_and_an_absurd_one_searched_past() {
    let long = vec![7; 3 << 20];
    let mut file = three();
    file.extend(record(false, [1_700_000_003, 0, 3 << 20, 3 << 20], &long));
    file.extend(record(false, [1_700_000_004, 0, 2, 2], b"ok"));
    let all = read_from(&file[..]);
    assert_eq!((all.packets.len(), all.troubles.len()), (5, 0));
    assert_eq!(all.packets[3].data, long);

    for absurd in [u32::MAX, 17 << 20, 9 << 20, 300_000, 70_000] {
        let mut file = three();
        file[24 + 76 + 8..][..4].copy_from_slice(&absurd.to_le_bytes());
        let all = read(&file);
        assert_eq!(all.data(), [body(0, 60), body(2, 60)], "{absurd}");
        assert!(
            matches!(
                all.troubles[..],
                [Trouble { offset: 100, kind: TroubleKind::Skipped { bytes: 76, .. }, .. }]
            ),
            "{all:?}"
        );
    }
}

#[test]
fn a_cut_file_tells_what_it_lacks() {
    let file = three();
    let all = read(&file[..file.len() - 1]);
    assert_eq!(all.packets.len(), 2);
    let kind = TroubleKind::Truncated { needed: 76, had: 75 };
    assert_eq!(all.troubles, [Trouble::new(24 + 2 * 76, kind)]);
}
