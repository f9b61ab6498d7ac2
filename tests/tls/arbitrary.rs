//! What no input may do: panic, keep memory, or let out what was not sent.

use proptest::collection::vec;
use proptest::prelude::*;
use rtmpctl::capture::tls::is_client_hello;
use rtmpctl::proto::Direction;

use super::rig::{Part, Recorded, Run, check};

const SEEDS: [&str; 5] = ["rsa-gcm", "rsa-cbc-sha", "tls10", "key-update", "renegotiated"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_taken(log in vec(any::<u8>(), 0..300), pieces in vec((0..2usize, vec(any::<u8>(), 0..400)), 0..12)) {
        let mut run = Run::new(&log);
        for (side, bytes) in pieces {
            let _ = is_client_hello(&bytes);
            run.bytes(Direction::BOTH[side], &bytes);
        }
        run.close();
        prop_assert!(run.out.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_damaged_session_lets_out_nothing_else(
        seed in 0..SEEDS.len(),
        edits in vec((any::<u32>(), any::<u8>()), 0..6),
        size in 1..800usize,
    ) {
        let whole = Recorded::read(&format!("openssl-{}", SEEDS[seed]));
        let texts = whole.run().whole();
        let mut damaged = whole.clone();
        for (at, value) in edits {
            let piece = at as usize % damaged.wire.len();
            let bytes = &mut damaged.wire[piece].1;
            let at = (at >> 8) as usize % bytes.len();
            bytes[at] = value;
        }
        let run = damaged.cut(size);
        for (side, text) in texts.iter().enumerate() {
            check(text, &run.out[side], false);
        }
    }

    #[test]
    fn holes_anywhere_let_out_nothing_else(
        seed in 0..SEEDS.len(),
        size in 1..300usize,
        lost in vec(0..100usize, 0..4),
        told: bool,
    ) {
        let whole = Recorded::read(&format!("openssl-{}", SEEDS[seed]));
        let texts = whole.run().whole();
        let mut run = Run::new(&whole.log);
        let pieces = whole.wire.iter().flat_map(|(of, bytes)| bytes.chunks(size).map(move |piece| (of, piece)));
        for (index, (direction, piece)) in pieces.enumerate() {
            if lost.contains(&index) {
                run.part(*direction, &Part::Gap(told.then_some(piece.len() as u64)));
            } else {
                run.bytes(*direction, piece);
            }
        }
        run.close();
        for (side, text) in texts.iter().enumerate() {
            check(text, &run.out[side], false);
        }
    }
}

#[test]
fn a_client_hello_is_told_by_six_bytes() {
    for (bytes, yes) in [
        (&[22, 3, 1, 2, 0, 1][..], true),
        (&[22, 3, 4, 0, 4, 1, 0], true),
        (&[22, 3, 1, 2, 0], false),
        (&[22, 3, 1, 2, 0, 2], false),
        (&[22, 3, 5, 2, 0, 1], false),
        (&[22, 2, 1, 2, 0, 1], false),
        (&[22, 3, 1, 0, 3, 1], false),
        (&[22, 3, 1, 0x40, 0, 1], true),
        (&[22, 3, 1, 0x40, 1, 1], false),
        (&[3, 0, 0, 0, 0, 0, 0], false),
    ] {
        assert_eq!(is_client_hello(bytes), yes, "{bytes:?}");
    }
}
