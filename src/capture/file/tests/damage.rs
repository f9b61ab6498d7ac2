use proptest::prelude::*;

use super::*;

/// Eight packets of differing length, with a block between them that holds none in the second format.
fn files() -> [(Vec<u8>, Vec<usize>); 2] {
    let mut classic = pcap::header(false, 0xa1b2_c3d4, 65_535, 1);
    let mut blocks = [pcapng::section(false), pcapng::interface(false, 1, 0, &[])].concat();
    let (mut classic_ends, mut block_ends) = (Vec::new(), Vec::new());
    for n in 0..8_u32 {
        let data = body(n as u8, 40 + n as usize * 9);
        let len = data.len() as u32;
        classic.extend(pcap::record(false, [1_700_000_000 + n, n, len, len], &data));
        classic_ends.push(classic.len());
        blocks.extend(pcapng::packet(false, 0, 1_700_000_000_000_000 + u64::from(n), &data));
        block_ends.push(blocks.len());
        if n == 4 {
            blocks.extend(pcapng::block(false, 5, b"statistics"));
        }
    }
    [(classic, classic_ends), (blocks, block_ends)]
}

#[test]
fn a_file_cut_anywhere_keeps_the_packets_before() {
    for (file, ends) in files() {
        let whole = read(&file);
        assert_eq!((whole.packets.len(), whole.troubles.len()), (8, 0));
        for len in 0..file.len() {
            if Reader::new(&file[..len]).is_err() {
                assert!(len < 24, "the file header is there");
                continue;
            }
            let all = read(&file[..len]);
            let kept = ends.iter().filter(|end| **end <= len).count();
            assert_eq!(all.packets, whole.packets[..kept], "{len}");
            assert!(all.troubles.len() <= 1, "{len}: {:?}", all.troubles);
            assert!(
                all.troubles.iter().all(|t| matches!(t.kind, TroubleKind::Truncated { .. })),
                "{len}"
            );
            let heads: &[usize] =
                if pcap::start_of(&file) == 24 { &[24] } else { &[28, 48, ends[4] + 24] };
            let on_border = heads.contains(&len) || ends.contains(&len);
            assert_eq!(all.troubles.is_empty(), on_border, "{len}");
        }
    }
}

#[test]
fn any_byte_damaged_costs_its_neighbourhood_only() {
    for (file, ends) in files() {
        let whole = read(&file).packets;
        let head = pcap::start_of(&file);
        for at in head..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut file = file.clone();
                file[at] ^= flip;
                let all = read(&file);
                let hit = ends.iter().filter(|end| **end <= at).count();
                let context =
                    format!("byte {at} flipped by {flip:#x} in packet {hit}: {:?}", all.troubles);
                // The record before may be doubted for what follows it, never another.
                let before = whole.iter().take(hit);
                assert!(before.clone().all(|p| all.packets.contains(p)), "{context}");
                let behind = whole
                    .iter()
                    .skip(hit + 1)
                    .filter(|p| !all.packets.iter().any(|q| q.data == p.data));
                assert_eq!(behind.count(), 0, "{context}");
            }
        }
    }
}

#[test]
fn bytes_lost_or_put_in_cost_their_neighbourhood_only() {
    for (file, ends) in files() {
        let whole = read(&file).packets;
        for (at, lost, put) in
            [(ends[2] + 1, 7, 0), (ends[2] - 9, 400, 0), (ends[2] + 5, 0, 333), (ends[1], 0, 50)]
        {
            let mut file = file.clone();
            let until = (at + lost).min(ends[5]);
            file.splice(at..until, vec![0; put]);
            let all = read(&file);
            // A record that lost bytes takes as many of the next one with it.
            let (first, last) = (
                ends.iter().filter(|end| **end <= at).count(),
                ends.iter().filter(|end| **end < until).count() + 2,
            );
            assert!(!all.troubles.is_empty());
            for packet in whole[..first].iter().chain(&whole[last.min(8)..]) {
                assert!(
                    all.packets.iter().any(|q| q.data == packet.data),
                    "{at} -{lost} +{put}: {:?}",
                    all.troubles
                );
            }
        }
    }
}

fn ends(file: &[u8]) -> Option<All> {
    Reader::new(file).ok()?;
    let all = read(file);
    // Every item takes a byte at least; a settled block gives two.
    assert!(all.packets.len() + all.troubles.len() <= 2 * file.len());
    Some(all)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        ends(&bytes);
        for (head, _) in files() {
            let start = pcap::start_of(&head);
            ends(&[&head[..start], &bytes].concat());
        }
    }

    #[test]
    fn small_numbers_as_headers_end(words in prop::collection::vec(prop_oneof![0..80_u32, any::<u32>()], 0..300)) {
        let bytes = super::words(false, &words);
        for (head, _) in files() {
            let start = pcap::start_of(&head);
            ends(&[&head[..start], &bytes].concat());
        }
    }

    #[test]
    fn damaged_files_end_and_keep_what_came_before(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        for (file, bounds) in files() {
            let whole = read(&file).packets;
            let start = pcap::start_of(&file);
            let mut damaged = file.clone();
            let mut first = file.len();
            for (index, value) in &flips {
                let at = start + index.index(file.len() - start);
                damaged[at] = *value;
                first = first.min(at);
            }
            let all = ends(&damaged).unwrap();
            let intact = bounds.iter().filter(|end| **end <= first).count();
            prop_assert_eq!(&all.packets[..intact.min(all.packets.len())], &whole[..intact]);
        }
    }
}
