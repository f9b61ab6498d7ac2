//! A PROXY protocol header ahead of what is carried.

use super::wire::{C2S, Told, Turns, keys, packets, recorded, streams, told, turns};

/// Headers of versions 1 and 2, short and with a kilobyte of further fields.
fn headers() -> Vec<Vec<u8>> {
    let v1 = b"PROXY TCP4 192.0.2.7 198.51.100.2 56324 443\r\n".to_vec();
    let v2 =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x02\xdc\x04\x01\xbb";
    let mut long = v2.to_vec();
    long[14..16].copy_from_slice(&1000u16.to_be_bytes());
    long.resize(1016, 0x16);
    vec![v1, v2.to_vec(), long]
}

fn behind(header: &[u8], mut turns: Turns) -> Turns {
    turns.insert(0, (C2S, header.to_vec()));
    turns
}

fn prefixes(told: &Told) -> Vec<String> {
    let is = |finding: &String| finding.starts_with("hs.proxy-prefix");
    told.findings().into_iter().filter(is).collect()
}

#[test]
fn whatever_is_carried_is_decoded_behind_it() {
    for name in ["rtmps-tls13", "rtmps-tls12-cbc", "rtmpt-publish", "rtmpts", "plain"] {
        let keys = keys(name);
        let turns = match name {
            "plain" => {
                streams(&super::rig::packets(include_bytes!("../../testdata/network/whole.pcap")))
                    .swap_remove(0)
            }
            name => turns(name),
        };
        let clean = told(&packets(443, 1, &turns, 1400), &keys);
        assert_eq!(prefixes(&clean), <[String; 0]>::default());
        for port in [443, 1935] {
            for header in headers() {
                for step in [1400, 13] {
                    let what = format!("{name} on {port} behind {}, by {step}", header.len());
                    let sent = packets(port, 1, &behind(&header, turns.clone()), step);
                    let told = told(&sent, &keys);
                    told.check();
                    told.assert_carries(1, &clean, 1, &what);
                    assert_eq!(told.opened(), clean.opened(), "{what}");
                    let said = prefixes(&told);
                    assert_eq!(said.len(), 1, "{what}: {:?}", told.findings());
                    assert!(said[0].contains("the client is 192.0.2.7:56324"), "{what}: {said:?}");
                    let others: Vec<_> =
                        told.codes().into_iter().filter(|code| code != "hs.proxy-prefix").collect();
                    assert_eq!(others, clean.codes(), "{what}");
                }
            }
        }
    }
}

/// A balancer puts a header ahead of each TCP connection; a session of many has one finding.
#[test]
fn a_session_of_many_connections_says_it_once() {
    let recorded = recorded("rtmpt-close");
    let clean = told(&recorded, &[]);
    let connections = streams(&recorded);
    assert!(connections.len() > 5);
    for port in [80, 1935] {
        let sent: Vec<_> = connections
            .iter()
            .enumerate()
            .flat_map(|(n, turns)| {
                packets(port, n as u32, &behind(&headers()[0], turns.clone()), 1400)
            })
            .collect();
        let told = told(&sent, &[]);
        told.check();
        told.assert_carries(1, &clean, 1, "many connections");
        assert_eq!(prefixes(&told).len(), 1, "{:?}", told.findings());
    }
}

#[test]
fn ahead_of_tls_that_is_not_read_both_are_said() {
    let sent = packets(1935, 1, &behind(&headers()[1], turns("rtmps-tls13")), 1400);
    let told = told(&sent, &[]);
    told.check();
    assert_eq!(told.opened(), [(1, "rtmps".to_owned())]);
    assert_eq!(told.codes(), ["hs.proxy-prefix", "tls.no-keys"], "{:?}", told.findings());
}
