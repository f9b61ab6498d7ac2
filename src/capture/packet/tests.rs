//! Headers as byte literals, one table per layer.

use proptest::prelude::*;

use super::*;
use crate::capture::fragments::Fragments;

const PSH: u8 = 0x08;

/// `10.0.0.1:1935 > 10.0.0.2:50000`, sequence 7, acknowledgement 9, PSH and ACK, window 512.
const TCP_HEAD: [u8; 20] =
    [7, 143, 195, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x18, 2, 0, 0xba, 0xad, 0, 0];
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

fn tcp_with(payload: &[u8]) -> Vec<u8> {
    [&TCP_HEAD[..], payload].concat()
}

fn v4(protocol: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16 + 20).to_be_bytes();
    let head =
        [0x45, 0, high, low, 0, 5, 0x40, 0, 64, protocol, 0xba, 0xad, 10, 0, 0, 1, 10, 0, 0, 2];
    [&head[..], content].concat()
}

fn v6(protocol: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0, high, low, protocol, 64][..], &[0xfd; 16], &[0xfe; 16], content].concat()
}

fn udp(port: u16, content: &[u8]) -> Vec<u8> {
    let ([ph, pl], [lh, ll]) = (port.to_be_bytes(), (content.len() as u16 + 8).to_be_bytes());
    [&[0x30, 0x39, ph, pl, lh, ll, 0, 0][..], content].concat()
}

fn ethernet(ether_type: u16, content: &[u8]) -> Vec<u8> {
    [&MACS[..], &ether_type.to_be_bytes(), content].concat()
}

fn end(address: Address, port: u16) -> Endpoint {
    Endpoint { address, port }
}

fn of_v4(payload: &[u8], missing: u32) -> Segment<'_> {
    Segment {
        src: end(Address::V4([10, 0, 0, 1]), 1935),
        dst: end(Address::V4([10, 0, 0, 2]), 50_000),
        seq: 7,
        ack: 9,
        flags: PSH | ACK,
        window: 512,
        payload,
        missing,
    }
}

fn of_v6(payload: &[u8]) -> Segment<'_> {
    Segment {
        src: end(Address::V6([0xfd; 16]), 1935),
        dst: end(Address::V6([0xfe; 16]), 50_000),
        ..of_v4(payload, 0)
    }
}

fn check(what: &str, link: u16, data: &[u8], expected: Segment<'_>) {
    assert_eq!(segment(LinkType(link), data), Parsed::Segment(expected), "{what}");
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let (four, six) = (v4(6, &tcp_with(b"hello")), v6(6, &tcp_with(b"hello")));
    let with = |head: &[u8], ip: &[u8]| [head, ip].concat();
    let sll =
        |protocol: [u8; 2]| [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &protocol].concat();
    let pktap = |link: u8| [&[108, 0, 0, 0, 1, 0, 0, 0, link, 0, 0, 0][..], &[b'e'; 96]].concat();
    let sll2 = |protocol: [u8; 2]| [&protocol[..], &[0; 18]].concat();
    for (what, link, data) in [
        ("Ethernet", 1, ethernet(0x0800, &four)),
        ("one VLAN tag", 1, ethernet(0x8100, &with(&[0, 5, 8, 0], &four))),
        ("88a8 and 8100", 1, ethernet(0x88a8, &with(&[0, 5, 0x81, 0, 0, 6, 8, 0], &four))),
        (
            "five tags",
            1,
            ethernet(
                0x9100,
                &with(
                    &[0, 1, 0x91, 0, 0, 2, 0x88, 0xa8, 0, 3, 0x81, 0, 0, 4, 0x81, 0, 0, 5, 8, 0],
                    &four,
                ),
            ),
        ),
        ("9200 and 9300", 1, ethernet(0x9200, &with(&[0, 5, 0x93, 0, 0, 6, 8, 0], &four))),
        ("802.3 with SNAP", 1, ethernet(53, &with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &four))),
        ("802.3 by a bridge", 1, ethernet(53, &with(&[0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0], &four))),
        ("802.3 with IP", 1, ethernet(48, &with(&[6, 6, 3], &four))),
        (
            "a tag and 802.3",
            1,
            ethernet(0x8100, &with(&[0, 5, 0, 53, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &four)),
        ),
        ("cooked 802.2", 113, with(&sll([0, 4]), &with(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &four))),
        ("MPLS", 1, ethernet(0x8847, &with(&[0, 1, 0x01, 64], &four))),
        (
            "MPLS, three labels",
            1,
            ethernet(0x8848, &with(&[0, 1, 0, 64, 0, 2, 0x40, 64, 0, 3, 0x41, 64], &four)),
        ),
        ("MPLS in PPP", 9, with(&[0xff, 3, 2, 0x81, 0, 1, 1, 64], &four)),
        ("MPLS by itself", 219, with(&[0, 1, 1, 64], &four)),
        ("MPLS pseudowire", 1, ethernet(0x8847, &with(&[0, 1, 1, 64], &ethernet(0x0800, &four)))),
        (
            "MPLS pseudowire with a control word",
            1,
            ethernet(0x8847, &with(&[0, 1, 1, 64, 0, 0, 0, 7], &ethernet(0x0800, &four))),
        ),
        (
            "MPLS pseudowire to an address like IP",
            1,
            ethernet(
                0x8847,
                &with(&[0, 1, 1, 64, 0x45, 0, 0, 0, 0, 9], &ethernet(0x0800, &four)[6..]),
            ),
        ),
        ("Cisco HDLC by number", 104, with(&[0x0f, 0, 8, 0], &four)),
        ("PPPoE", 1, ethernet(0x8864, &with(&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &four))),
        ("PPPoE without Ethernet", 51, with(&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &four)),
        ("cooked", 113, with(&sll([8, 0]), &four)),
        ("cooked with a VLAN tag", 113, with(&sll([0x81, 0]), &with(&[0, 5, 8, 0], &four))),
        ("cooked 2", 276, with(&sll2([8, 0]), &four)),
        ("PKTAP with Ethernet", 258, with(&pktap(1), &ethernet(0x0800, &four))),
        ("PKTAP with raw IP", 149, with(&pktap(12), &four)),
        ("PKTAP with NULL", 149, with(&pktap(0), &with(&[2, 0, 0, 0], &four))),
        ("NULL, little-endian", 0, with(&[2, 0, 0, 0], &four)),
        ("NULL, big-endian", 0, with(&[0, 0, 0, 2], &four)),
        ("LOOP", 108, with(&[0, 0, 0, 2], &four)),
        ("RAW 12", 12, four.clone()),
        ("RAW 14", 14, four.clone()),
        ("RAW 101", 101, four.clone()),
        ("IPV4", 228, four.clone()),
        ("PPP", 9, with(&[0xff, 3, 0, 0x21], &four)),
        ("PPP without address", 9, with(&[0, 0x21], &four)),
        ("PPP, compressed", 9, with(&[0x21], &four)),
        ("PPP in HDLC", 50, with(&[0xff, 3, 0, 0x21], &four)),
        ("Cisco HDLC", 50, with(&[0x0f, 0, 8, 0], &four)),
    ] {
        check(what, link, &data, of_v4(b"hello", 0));
    }
    for (what, link, data) in [
        ("Ethernet", 1, ethernet(0x86dd, &six)),
        ("cooked", 113, with(&sll([0x86, 0xdd]), &six)),
        ("cooked 2", 276, with(&sll2([0x86, 0xdd]), &six)),
        ("NULL of macOS", 0, with(&[30, 0, 0, 0], &six)),
        ("NULL of FreeBSD", 0, with(&[28, 0, 0, 0], &six)),
        ("LOOP of OpenBSD", 108, with(&[0, 0, 0, 24], &six)),
        ("RAW", 101, six.clone()),
        ("IPV6", 229, six.clone()),
        ("PPP", 9, with(&[0xff, 3, 0, 0x57], &six)),
    ] {
        check(what, link, &data, of_v6(b"hello"));
    }
}

#[test]
fn lengths_that_are_not_the_wires_are_understood() {
    let four = v4(6, &tcp_with(b"hello"));
    let padded = ethernet(0x0800, &[&four[..], &[0; 9]].concat());
    check("Ethernet padding", 1, &padded, of_v4(b"hello", 0));
    let mut offloaded = four.clone();
    offloaded[2..4].fill(0);
    check("total length 0", 1, &ethernet(0x0800, &offloaded), of_v4(b"hello", 0));
    let cut = ethernet(0x0800, &four[..four.len() - 3]);
    check("cut payload", 1, &cut, of_v4(b"he", 3));
    let mut options = tcp_with(&[1, 1, 1, 1, b'x', b'y']);
    options[12] = 0x60;
    let whole = v4(6, &options);
    check("TCP options", 101, &whole, of_v4(b"xy", 0));
    check("cut in the TCP options", 101, &whole[..42], of_v4(b"", 2));
    let mut with_options = v4(6, &[&[1, 1, 1, 0][..], &tcp_with(b"hello")].concat());
    with_options[0] = 0x46;
    check("IPv4 options", 1, &ethernet(0x0800, &with_options), of_v4(b"hello", 0));
    let mut jumbo = v6(6, &tcp_with(b"hello"));
    jumbo[4..6].fill(0);
    check("IPv6 length 0", 101, &jumbo, of_v6(b"hello"));
    check("no payload", 101, &v4(6, &tcp_with(b"")), of_v4(b"", 0));
}

#[test]
fn the_quick_way_and_the_long_way_agree() {
    let tcp = tcp_with(b"hello");
    for cut in 0..=5 {
        let data = ethernet(0x0800, &v4(6, &tcp[..tcp.len() - cut]));
        assert_eq!(plain(&data).map(Parsed::Segment), Some(walk(LinkType::ETHERNET, &data)));
        assert_eq!(plain(&data[..data.len() - 1]), None, "cut by the snap length");
    }
}

#[test]
fn extension_headers_are_passed() {
    let tcp = tcp_with(b"hello");
    let hop =
        [&[60, 0, 1, 4, 0, 0, 0, 0][..], &[43, 0, 1, 4, 0, 0, 0, 0], &[51, 0, 0, 0, 0, 0, 0, 0]]
            .concat();
    let authentication = [&[6, 4, 0, 0][..], &[0; 20]].concat();
    let chain = v6(0, &[&hop[..], &authentication, &tcp].concat());
    check("hop-by-hop, destination, routing, authentication", 101, &chain, of_v6(b"hello"));
    let whole = v6(44, &[&[6, 0, 0, 0, 0, 0, 0, 1][..], &tcp].concat());
    check("a fragment that is all", 101, &whole, of_v6(b"hello"));
    check(
        "authentication in IPv4",
        101,
        &v4(51, &[&authentication[..], &tcp].concat()),
        of_v4(b"hello", 0),
    );
}

#[test]
fn tunnels_are_entered() {
    let inner = v4(6, &tcp_with(b"hello"));
    let frame = ethernet(0x0800, &inner);
    let with = |head: &[u8], content: &[u8]| [head, content].concat();
    for (what, data) in [
        ("IP in IP", v4(4, &inner)),
        ("IPv4 in IPv6", v6(4, &inner)),
        ("GRE", v4(47, &with(&[0, 0, 8, 0], &inner))),
        (
            "GRE with checksum, key and sequence",
            v4(47, &with(&[0xb0, 0, 8, 0, 9, 9, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], &inner)),
        ),
        ("GRE with Ethernet", v4(47, &with(&[0, 0, 0x65, 0x58], &frame))),
        (
            "PPTP",
            v4(
                47,
                &with(
                    &[0x30, 0x81, 0x88, 0x0b, 0, 47, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0x21],
                    &inner,
                ),
            ),
        ),
        ("ERSPAN I", v4(47, &with(&[0, 0, 0x88, 0xbe], &frame))),
        (
            "ERSPAN II",
            v4(47, &with(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], &frame)),
        ),
        ("VXLAN", v4(17, &udp(4789, &with(&[8, 0, 0, 0, 0, 0, 7, 0], &frame)))),
        (
            "ERSPAN III",
            v4(
                47,
                &with(
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    &frame,
                ),
            ),
        ),
        (
            "ERSPAN III with IP and more of a header",
            v4(
                47,
                &with(
                    &[
                        0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 1,
                        9, 9, 9, 9, 9, 9, 9, 9,
                    ],
                    &inner,
                ),
            ),
        ),
        ("MPLS in GRE", v4(47, &with(&[0, 0, 0x88, 0x47, 0, 1, 1, 64], &inner))),
        ("MPLS in UDP", v4(17, &udp(6635, &with(&[0, 1, 1, 64], &inner)))),
        ("VXLAN-GPE", v4(17, &udp(4790, &with(&[8, 0, 0, 0, 0, 0, 7, 0], &frame)))),
        ("VXLAN-GPE with IP", v4(17, &udp(4790, &with(&[12, 0, 0, 1, 0, 0, 7, 0], &inner)))),
        ("VXLAN-GPE with Ethernet", v4(17, &udp(4790, &with(&[12, 0, 0, 3, 0, 0, 7, 0], &frame)))),
        ("Geneve", v4(17, &udp(6081, &with(&[0, 0, 0x65, 0x58, 0, 0, 7, 0], &frame)))),
        (
            "Geneve with options and IP",
            v4(17, &udp(6081, &with(&[2, 0, 8, 0, 0, 0, 7, 0, 1, 2, 3, 1, 9, 9, 9, 9], &inner))),
        ),
        ("TZSP", v4(17, &udp(37_008, &with(&[1, 0, 0, 1, 1], &frame)))),
        (
            "TZSP with fields",
            v4(17, &udp(37_008, &with(&[1, 1, 0, 1, 0, 10, 1, 200, 0, 41, 0, 1], &frame))),
        ),
        ("GTP-U", v4(17, &udp(2152, &with(&[0x30, 0xff, 0, 45, 0, 0, 0, 1], &inner)))),
        (
            "GTP-U with an extension",
            v4(
                17,
                &udp(
                    2152,
                    &with(&[0x34, 0xff, 0, 53, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], &inner),
                ),
            ),
        ),
    ] {
        check(what, 101, &data, of_v4(b"hello", 0));
        check(
            what,
            1,
            &ethernet(if data[0] >> 4 == 4 { 0x0800 } else { 0x86dd }, &data),
            of_v4(b"hello", 0),
        );
    }
    let mut deep = inner;
    for depth in 1..20 {
        let found = segment(LinkType::RAW, &deep);
        if depth <= Limits::TUNNELS {
            assert_eq!(found, Parsed::Segment(of_v4(b"hello", 0)), "{depth}");
        } else {
            assert!(matches!(found, Parsed::Malformed(_)), "{depth}");
        }
        deep = v4(4, &deep);
    }
}

#[test]
fn what_is_no_tcp_is_told_apart_from_what_is_broken() {
    let four = v4(6, &tcp_with(b"hello"));
    for (what, link, data) in [
        ("ARP", 1, ethernet(0x0806, &[0; 28])),
        ("802.3", 1, ethernet(38, &[0x42, 0x42, 3, 0, 0, 0])),
        ("UDP", 101, v4(17, &udp(53, &[0; 20]))),
        ("empty UDP", 101, v4(17, &udp(53, &[]))),
        ("ICMP", 101, v4(1, &[8, 0, 0, 0])),
        ("LCP", 9, vec![0xff, 3, 0xc0, 0x21, 1, 1]),
        ("another address family", 0, vec![7, 0, 0, 0, 1, 2, 3]),
        ("802.3 of SNAP that is no IP", 1, ethernet(16, &[0xaa, 0xaa, 3, 0, 0, 12, 0x20, 0, 1, 1])),
        ("MPLS with something else", 219, vec![0, 1, 1, 64, 0x10, 0, 0, 1, 9, 9, 9, 9]),
        ("Geneve of a later version", 101, v4(17, &udp(6081, &[0x40, 0, 0x65, 0x58, 0, 0, 0, 0]))),
        ("VXLAN-GPE with NSH", 101, v4(17, &udp(4790, &[12, 0, 0, 4, 0, 0, 7, 0]))),
        ("TZSP keep-alive", 101, v4(17, &udp(37_008, &[1, 4, 0, 1, 1, 0, 0, 0]))),
        ("GTP echo", 101, v4(17, &udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]))),
    ] {
        assert_eq!(segment(LinkType(link), &data), Parsed::NotTcp, "{what}");
    }
    let mut short_header = four.clone();
    short_header[32] = 0x40;
    let mut short_total = four.clone();
    short_total[2..4].copy_from_slice(&[0, 19]);
    for (what, link, data, offset) in [
        ("cut in the Ethernet header", 1, MACS.to_vec(), 0),
        ("cut in a tag", 1, ethernet(0x8100, &[0, 1]), 14),
        ("cut in IPv4", 101, four[..19].to_vec(), 0),
        ("cut in TCP", 1, ethernet(0x0800, &four[..39]), 34),
        ("IP version 5", 101, vec![0x50; 40], 0),
        ("a TCP header of 16 bytes", 101, short_header, 20),
        ("a total length below 20", 101, short_total, 0),
        ("nothing at all", 101, vec![], 0),
        ("cut in PKTAP", 258, vec![108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], 0),
        ("cut at the start of PKTAP", 258, vec![108, 0, 0], 0),
    ] {
        match segment(LinkType(link), &data) {
            Parsed::Malformed(fault) => assert_eq!(fault.offset, offset, "{what}: {fault}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert_eq!(segment(LinkType(105), &four), Parsed::UnknownLink(LinkType(105)));
    for user in [[0; 16], [149; 16], [12, 0, 0, 0, 0, 0, 0, 0, 149, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(segment(LinkType(149), &user), Parsed::UnknownLink(LinkType(149)));
    }
}

#[test]
fn fragments_of_either_version_come_together() {
    let tcp = tcp_with(&[b'x'; 40]);
    let piece = |n: usize| &tcp[n * 24..((n + 1) * 24).min(tcp.len())];
    let four = |n: usize| {
        let mut data = v4(6, piece(n));
        data[6..8]
            .copy_from_slice(&((n * 3) as u16 | if n < 2 { 0x2000 } else { 0 }).to_be_bytes());
        ethernet(0x0800, &data)
    };
    let six = |n: usize| {
        let place = ((n * 24) as u16 | u16::from(n < 2)).to_be_bytes();
        ethernet(0x86dd, &v6(44, &[&[6, 0, place[0], place[1], 0, 0, 0, 5][..], piece(n)].concat()))
    };
    for (packets, expected) in [
        ([four(2), four(0), four(1)], of_v4(&[b'x'; 40], 0)),
        ([six(1), six(2), six(0)], of_v6(&[b'x'; 40])),
    ] {
        let mut table = Fragments::new(&Limits::default());
        let mut whole = None;
        for data in &packets {
            assert_eq!(whole, None);
            let Parsed::Fragment(fragment) = segment(LinkType::ETHERNET, data) else {
                panic!("no fragment")
            };
            whole = table.push(&fragment, None);
        }
        assert_eq!(whole.unwrap().parse(), Parsed::Segment(expected));
    }
}

const HEADS: &[&[u8]] = &[b"", b"\x45", b"\x60", b"\xff\x03\x00\x21\x45", b"\0\0\0\x02\x45"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_packets_never_panic(
        link in prop::sample::select(&[0_u16, 1, 9, 12, 50, 51, 101, 104, 108, 113, 149, 219, 228, 229, 258, 276, 7][..]),
        head in prop::sample::select(HEADS),
        tail in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let data = [head, &tail].concat();
        if let Parsed::Fragment(fragment) = segment(LinkType(link), &data)
            && let Some(whole) = Fragments::new(&Limits::default()).push(&fragment, None)
        {
            let _ = whole.parse();
        }
    }

    #[test]
    fn damaged_tunnels_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>(), len in any::<prop::sample::Index>()) {
        let inner = ethernet(0x8100, &[&[0, 1, 8, 0][..], &v4(6, &tcp_with(b"hello"))].concat());
        let vxlan = udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &inner].concat());
        let gre = v6(0, &[&[47, 0, 1, 4, 0, 0, 0, 0][..], &[0x10, 0, 0x88, 0xbe], &[0; 12], &inner].concat());
        let geneve = udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0][..], &inner].concat());
        let mpls = [&[0, 0, 0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64, 0, 0, 0, 0][..], &inner].concat();
        let tzsp = udp(37_008, &[&[1, 0, 0, 1, 0, 10, 1, 7, 1][..], &inner].concat());
        for mut data in [v4(17, &vxlan), gre, v4(17, &geneve), v4(47, &mpls), v4(17, &tzsp)] {
            let at = at.index(data.len());
            data[at] = value;
            data.truncate(len.index(data.len() + 1));
            let _ = segment(LinkType::RAW, &data);
        }
    }
}
