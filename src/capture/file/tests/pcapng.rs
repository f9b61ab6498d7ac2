use std::borrow::Cow;
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness};

use super::*;

/// Where the first packet of [`three`] begins.
pub(super) const START: usize = 28 + 20;

pub(super) fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = body.len() as u32 + 12;
    [words(big, &[kind, len]), body, words(big, &[len])].concat()
}

pub(super) fn section(big: bool) -> Vec<u8> {
    let version = if big { 0x0001_0000 } else { 1 };
    block(big, 0x0a0d_0d0a, &words(big, &[0x1a2b_3c4d, version, u32::MAX, u32::MAX]))
}

pub(super) fn interface(big: bool, link: u16, snap: u32, options: &[u8]) -> Vec<u8> {
    let link = if big { u32::from(link) << 16 } else { u32::from(link) };
    block(big, 1, &[words(big, &[link, snap]), options.to_vec()].concat())
}

pub(super) fn packet(big: bool, id: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    let head = words(big, &[id, (ticks >> 32) as u32, ticks as u32, len, len]);
    block(big, 6, &[head, data.to_vec()].concat())
}

pub(super) fn three() -> Vec<u8> {
    let mut file = [section(false), interface(false, 1, 0, &[])].concat();
    for n in 0..3 {
        file.extend(packet(false, 0, 1_700_000_000_000_000 + n, &body(n as u8, 60)));
    }
    file
}

/// One good packet, then `odd`, then another good packet, all on one interface.
fn between(odd: &[u8]) -> Vec<u8> {
    let good = |n| packet(false, 0, n, b"good");
    [section(false), interface(false, 1, 0, &[]), good(1), odd.to_vec(), good(2)].concat()
}

fn kept(all: &All) -> Vec<bool> {
    all.troubles.iter().map(|t| matches!(t.kind, TroubleKind::Kept { .. })).collect()
}

#[test]
fn sections_of_both_orders_and_their_interfaces() {
    let mut file = Vec::new();
    for big in [false, true, false] {
        file.extend(section(big));
        file.extend(interface(big, 1, 0, &[]));
        file.extend(interface(
            big,
            276,
            0,
            if big { &[0, 9, 0, 1, 9, 0, 0, 0] } else { &[9, 0, 1, 0, 9, 0, 0, 0] },
        ));
        file.extend(packet(big, 0, 5 << 32, b"micro"));
        file.extend(packet(big, 1, 5 << 32, b"nano"));
    }
    let all = read(&file);
    assert_eq!(all.troubles, []);
    for (n, packet) in all.packets.iter().enumerate() {
        let (link, time, data) =
            if n % 2 == 0 { (1, 5_000 << 32, "micro") } else { (276, 5 << 32, "nano") };
        let data = data.as_bytes().to_vec();
        let original = data.len() as u32;
        assert_eq!(*packet, Got { number: n as u64 + 1, time: Some(time), link, data, original });
    }
    assert_eq!(all.packets.len(), 6);
}

#[test]
fn odd_interfaces_read_as_wireshark_reads_them() {
    // (what, options or what stands for them, expected time of tick 1,000,000)
    for (what, options, time) in [
        ("default resolution", &[][..], 1_000_000_000),
        ("if_tzone of 4 bytes", &[10, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0], 1_000_000_000),
        ("if_filter of length 0", &[11, 0, 0, 0, 0, 0, 0, 0], 1_000_000_000),
        ("resolution 20", &[9, 0, 1, 0, 20, 0, 0, 0], 0),
        (
            "comment that is not UTF-8",
            &[1, 0, 2, 0, 0xff, 0xfe, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0],
            1_000_000,
        ),
        ("no end marker", &[9, 0, 1, 0, 9, 0, 0, 0], 1_000_000),
    ] {
        let file =
            [section(false), interface(false, 1, 0, options), packet(false, 0, 1_000_000, b"p")]
                .concat();
        let all = read(&file);
        assert_eq!((all.times(), all.troubles), (vec![Some(time)], vec![]), "{what}");
    }
    let reserved = block(false, 1, &[1, 0, 0xff, 0xff, 0, 0, 0, 0]);
    assert_eq!(
        read(&[section(false), reserved, packet(false, 0, 1, b"p")].concat()).data(),
        [b"p"]
    );
    let short = block(false, 1, &[1, 0, 0, 0]);
    let all = read(&[section(false), short, packet(false, 0, 1, b"p")].concat());
    assert_eq!((all.data(), kept(&all)), (vec![&b"p"[..]], vec![true]));
    let overlong = interface(false, 1, 0, &[1, 0, 99, 0, b'x', 0, 0, 0]);
    let all = read(&[section(false), overlong, packet(false, 0, 1, b"p")].concat());
    assert_eq!((all.data(), kept(&all)), (vec![&b"p"[..]], vec![true]));
}

#[test]
fn packet_blocks_of_every_age() {
    let old =
        block(false, 2, &[words(false, &[0xffff_0000, 0, 7, 3, 9]), b"old".to_vec()].concat());
    let all = read(&between(&old));
    assert_eq!(
        all.packets[1],
        Got { number: 2, time: Some(7_000), link: 1, data: b"old".to_vec(), original: 9 }
    );
    // (snap length of the interface, bytes in the block, length on the wire, what is read)
    for (snap, data, original, left) in [
        (0, &b"simple"[..], 6, &b"simple"[..]),
        (3, b"sim\0", 5, b"sim"),
        (0, b"sim\0", 9, b"sim\0"),
    ] {
        let simple = block(false, 3, &[words(false, &[original]), data.to_vec()].concat());
        let all = read(&[section(false), interface(false, 101, snap, &[]), simple].concat());
        let packet = Got { number: 1, time: None, link: 101, data: left.to_vec(), original };
        assert_eq!((all.packets, all.troubles), (vec![packet], vec![]));
    }
    let fcs = interface(false, 1, 0, &[13, 0, 1, 0, 32, 0, 0, 0]);
    let all = read(&[section(false), fcs, packet(false, 0, 0, b"frame-FCS")].concat());
    assert_eq!((all.data(), all.packets[0].original), (vec![&b"frame"[..]], 5));
}

#[test]
fn blocks_without_packets_are_passed_and_numbered_as_wireshark_does() {
    for (kind, number) in
        [(4, 2), (5, 2), (0x1234, 2), (0x8000_0001, 2), (9, 3), (0xbad, 3), (0x4000_0bad, 3)]
    {
        let all = read(&between(&block(false, kind, b"whatever")));
        assert_eq!(
            (all.data(), all.packets[1].number),
            (vec![&b"good"[..]; 2], number),
            "{kind:#x}"
        );
        assert_eq!(all.troubles, []);
    }
    let empty = read(&between(&block(false, 0x77, b"")));
    assert_eq!((empty.packets.len(), empty.troubles.len()), (2, 0));
    let all = read(&between(&block(
        false,
        10,
        &[words(false, &[0x544c_534b, 5]), b"KEYS\n".to_vec()].concat(),
    )));
    assert_eq!(all.secrets, [(0x544c_534b, b"KEYS\n".to_vec())]);
    let all = read(&between(&block(
        false,
        10,
        &[words(false, &[1, u32::MAX]), b"cut".to_vec()].concat(),
    )));
    assert_eq!(all.secrets, [(1, b"cut\0".to_vec())]);
}

#[test]
fn a_packet_that_cannot_be_read_costs_only_itself() {
    let strange = packet(false, 7, 1, b"whose?");
    let early = block(false, 6, &[0; 8]);
    for odd in [&strange, &early] {
        let all = read(&between(odd));
        assert_eq!((all.data(), all.packets[1].number), (vec![&b"good"[..]; 2], 3));
        let bytes = odd.len() as u64;
        assert!(
            matches!(all.troubles[..], [Trouble { kind: TroubleKind::Skipped { bytes: b, .. }, .. }] if b == bytes)
        );
    }
    let mut simple = section(false);
    simple.extend(block(false, 3, &[2, 0, 0, 0, 9, 9]));
    simple.extend_from_slice(&between(&[])[28..]);
    assert_eq!(read(&simple).data(), [b"good", b"good"]);
    let mut long = packet(false, 0, 1, b"body");
    long[20] = 99;
    let all = read(&between(&long));
    assert_eq!((all.data(), kept(&all)), (vec![&b"good"[..], b"body", b"good"], vec![true]));
}

#[test]
fn wrong_block_lengths_cost_nothing_where_the_packet_tells_its_own() {
    let whole = packet(false, 0, 9, b"odd!");
    let with = |at: usize, value: u32| {
        let mut block = whole.clone();
        block[at..at + 4].copy_from_slice(&value.to_le_bytes());
        between(&block)
    };
    let trailer = whole.len() - 4;
    for (at, value) in [
        (4, 8),
        (4, 0),
        (4, 37),
        (4, 32),
        (4, 40),
        (4, 0xffff_fffc),
        (4, 1 << 20),
        (trailer, 0),
        (trailer, 37),
        (trailer, 8),
    ] {
        let all = read(&with(at, value));
        assert_eq!(
            (all.data(), kept(&all)),
            (vec![&b"good"[..], b"odd!", b"good"], vec![true]),
            "{at} {value}"
        );
    }
}

#[test]
fn lengths_that_are_no_multiple_of_four() {
    let data = b"12345";
    let head = words(false, &[0, 0, 1, 5, 5]);
    for padding in [0, 3] {
        let body = [head.clone(), data.to_vec(), vec![0; padding]].concat();
        let odd = [words(false, &[6, 37]), body, words(false, &[37])].concat();
        let all = read(&between(&odd));
        assert_eq!(
            (all.data(), kept(&all)),
            (vec![&b"good"[..], data, b"good"], vec![true]),
            "{padding}"
        );
    }
}

#[test]
fn a_damaged_interface_description_is_still_used() {
    let mut file = between(&[]);
    for (at, value) in [(28 + 4, 9), (28 + 4, 200), (28 + 16, 7)] {
        let before = file[at];
        file[at] = value;
        assert_eq!(read(&file).data(), [b"good", b"good"], "{at} {value}");
        file[at] = before;
    }
}

#[test]
fn large_blocks_are_read_up_to_the_limit() {
    let large = vec![3; 9 << 20];
    let all = read_from(&between(&packet(false, 0, 1, &large))[..]);
    assert_eq!((all.packets.len(), all.troubles.len()), (3, 0));
    assert_eq!(all.packets[1].data, large);
    let all = read_from(&between(&block(false, 4, &vec![0; 17 << 20]))[..]);
    assert_eq!((all.packets.len(), all.troubles.len()), (2, 1));
}

#[test]
fn more_interfaces_than_the_limit_are_not_remembered() {
    let limits = crate::Limits { interfaces: 2, ..crate::Limits::default() };
    let mut file = section(false);
    for link in 1..=3 {
        file.extend(interface(false, link, 0, &[]));
    }
    file.extend([packet(false, 1, 1, b"second"), packet(false, 2, 1, b"third")].concat());
    let mut reader = Reader::with_limits(&file[..], &limits).unwrap();
    assert!(matches!(reader.next(), Ok(Some(Item::Packet(p))) if p.data == b"second"));
    assert!(matches!(reader.next(), Ok(Some(Item::Trouble(_)))));
}

#[test]
fn another_writer_is_read_back() {
    for endianness in [Endianness::Big, Endianness::Little] {
        let mut writer = PcapNgWriter::with_endianness(Vec::new(), endianness).unwrap();
        for options in
            [vec![], vec![InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO)]]
        {
            let block = InterfaceDescriptionBlock { linktype: DataLink::RAW, snaplen: 0, options };
            writer.write_block(&block.into_block()).unwrap();
        }
        for n in 0..40_u32 {
            let data = Cow::Owned(body(n as u8, n as usize * 31));
            let timestamp = Duration::new(1_700_000_000, n * 1_000);
            let block = EnhancedPacketBlock {
                interface_id: n % 2,
                timestamp,
                original_len: 3_000,
                data,
                options: vec![],
            };
            writer.write_block(&block.into_block()).unwrap();
        }
        let simple = SimplePacketBlock { original_len: 4, data: Cow::Borrowed(b"last") };
        writer.write_block(&simple.into_block()).unwrap();
        let all = read(&writer.into_inner());
        assert_eq!(all.troubles, []);
        assert_eq!(all.packets.len(), 41);
        for (n, packet) in all.packets[..40].iter().enumerate() {
            let time = Some(1_700_000_000_000_000_000 + n as i64 * 1_000);
            let data = body(n as u8, n * 31);
            assert_eq!(
                *packet,
                Got { number: n as u64 + 1, time, link: 101, data, original: 3_000 }
            );
        }
        assert_eq!((all.packets[40].time, &all.packets[40].data[..]), (None, &b"last"[..]));
    }
}

/// What a file gives where records are read up to so many bytes; at once and in single bytes.
fn read_within(file: &[u8], record_bytes: usize) -> All {
    let limits = crate::Limits { record_bytes, ..crate::Limits::default() };
    let all = [&mut &file[..] as &mut dyn Read, &mut Drip(file, false)].map(|source| {
        let mut reader = Reader::with_limits(source, &limits).unwrap();
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
                Item::Trouble(trouble) => all.troubles.push(trouble),
                _ => {}
            }
        }
        all
    });
    let [at_once, slowly] = all;
    assert_eq!(at_once, slowly);
    at_once
}

#[test]
fn a_block_beyond_the_limit_is_passed_over_as_one() {
    let noise: Vec<u8> = (0..2_000_u32).map(|n| ((n * n) >> 3) as u8).collect();
    for (kind, number) in [(0x0bad, 3), (10, 2), (6, 3), (777, 2)] {
        let long = block(false, kind, &noise);
        let length = long.len() as u64;
        for (most, whole) in [(2_012, true), (2_008, false), (400, false)] {
            let all = read_within(&between(&long), most);
            assert_eq!(all.data().last(), Some(&&b"good"[..]), "{kind} {most}");
            if whole {
                assert!(!all.troubles.iter().any(|t| matches!(t.kind, TroubleKind::Long { .. })));
                continue;
            }
            let at = (START + 28 + 4 + 4) as u64;
            let [Trouble { offset, kind: TroubleKind::Long { bytes, most: limit }, .. }] =
                all.troubles[..]
            else {
                panic!("{kind} {most}: {:?}", all.troubles)
            };
            assert_eq!((offset, bytes, limit), (at, length, most as u64));
            assert!(all.troubles[0].to_string().contains("limit record_bytes"));
            assert_eq!(
                all.packets[1].number, number,
                "{kind}: it has its number where it is a packet"
            );
        }
        // At the end of the file.
        let mut last = between(&long);
        last.truncate(last.len() - 36);
        let all = read_within(&last, 400);
        assert!(
            matches!(all.troubles[..], [Trouble { kind: TroubleKind::Long { .. }, .. }]),
            "{all:?}"
        );
    }
    // A wrong length is damage: it hides blocks, or nothing ends there.
    let mut wrong = three();
    wrong[START + 4..START + 8].copy_from_slice(&2_000_u32.to_le_bytes());
    let all = read_within(&wrong, 400);
    assert_eq!(all.packets.len(), 3, "{:?}", all.troubles);
    let mut wrong = between(&block(false, 777, &noise));
    let end = wrong.len() - 36 - 4;
    wrong[end] ^= 1;
    let all = read_within(&wrong, 400);
    assert_eq!(all.data(), [b"good", b"good"]);
    assert!(
        matches!(all.troubles[..], [Trouble { kind: TroubleKind::Skipped { .. }, .. }]),
        "{all:?}"
    );
}
