use super::*;
use proptest::prelude::*;

/// What came out: bytes at their positions, and the holes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Output {
    bytes: Vec<Option<u8>>,
    gaps: Vec<(u64, u64, GapCause)>,
}

struct Rig {
    half: Half,
    limits: Limits,
    total: usize,
    output: Output,
}

impl Rig {
    fn new(start: u32) -> Self {
        let mut half = Half::default();
        half.start(start);
        Self { half, limits: Limits::default(), total: 0, output: Output::default() }
    }

    fn drive(
        &mut self,
        act: impl FnOnce(&mut Half, &Limits, &mut usize, &mut dyn FnMut(Piece<'_>)),
    ) {
        let output = &mut self.output;
        act(&mut self.half, &self.limits, &mut self.total, &mut |piece| match piece {
            Piece::Bytes(bytes) => output.bytes.extend(bytes.iter().map(|&b| Some(b))),
            Piece::Gap(length, cause) => {
                let length = length.unwrap();
                output.gaps.push((output.bytes.len() as u64, length, cause));
                output.bytes.extend(std::iter::repeat_n(None, length as usize));
            }
        });
    }

    fn segment(&mut self, sequence: u32, payload: &[u8]) {
        self.cut_segment(sequence, payload, 0);
    }

    fn cut_segment(&mut self, sequence: u32, payload: &[u8], missing: u32) {
        self.drive(|half, limits, total, mut out| {
            half.segment(Data { sequence, payload, missing, tick: None }, limits, total, &mut out);
        });
    }

    fn acknowledge(&mut self, sequence: u32) {
        self.drive(|half, _, total, mut out| half.acknowledged(sequence, total, &mut out));
    }

    fn end(&mut self) {
        self.drive(|half, _, total, mut out| half.end(total, &mut out));
        assert_eq!((self.half.held_bytes, self.total), (0, 0), "everything held is accounted for");
    }

    fn text(&self) -> String {
        self.output.bytes.iter().map(|b| b.map_or('.', char::from)).collect()
    }
}

#[test]
fn in_order_reversed_repeated_and_overlapping_segments() {
    let cases: [(&[(u32, &str)], &str); 8] = [
        (&[(0, "abc"), (3, "def")], "abcdef"),
        (&[(3, "def"), (0, "abc")], "abcdef"),
        (&[(4, "e"), (3, "d"), (2, "c"), (1, "b"), (0, "a")], "abcde"),
        (&[(0, "abc"), (0, "abc"), (3, "def"), (0, "abcdef")], "abcdef"),
        (&[(0, "abc"), (1, "XXdef")], "abcdef"),
        (&[(2, "cd"), (1, "XXXXe"), (0, "a")], "aXcdXe"),
        (&[(2, "c"), (4, "e"), (1, "bXdXf"), (0, "a")], "abcdef"),
        (&[(0, "abc"), (2, "c"), (3, "d")], "abcd"),
    ];
    for start in [0, 1000, u32::MAX - 2] {
        for (segments, expected) in cases {
            let mut rig = Rig::new(start);
            for (at, text) in segments {
                rig.segment(start.wrapping_add(*at), text.as_bytes());
            }
            rig.end();
            assert_eq!(rig.text(), expected, "{segments:?}");
            assert_eq!(rig.output.gaps, []);
        }
    }
}

#[test]
fn overlaps_with_other_bytes_are_counted_and_equal_ones_are_not() {
    type Case = (&'static [(u32, &'static str)], Option<(u64, u64, u64)>);
    let cases: [Case; 12] = [
        (&[(0, "abc"), (0, "abc"), (3, "def")], None),
        (&[(0, "abc"), (3, "def"), (0, "abcdef")], None),
        (&[(0, "abc"), (0, "abX")], Some((0, 1, 3))),
        (&[(0, "abc"), (3, "def"), (0, "abcdeX")], Some((3, 1, 3))),
        (&[(0, "abc"), (0, "Xbcdef")], Some((0, 1, 3))),
        (&[(0, "abc"), (0, "abX"), (0, "abY")], Some((0, 2, 6))),
        // A part of a segment that was given out cannot be compared.
        (&[(0, "abc"), (1, "XY")], None),
        // The byte of a keep-alive means nothing.
        (&[(0, "abc"), (3, "d"), (3, "X")], None),
        // What is held can be compared byte by byte.
        (&[(3, "def"), (2, "cdX"), (0, "ab")], Some((3, 1, 2))),
        (&[(3, "def"), (4, "efg"), (0, "abc")], None),
        (&[(3, "def"), (4, "eXg"), (0, "abc")], Some((4, 1, 2))),
        (&[(3, "def"), (3, "deX"), (0, "abc")], Some((3, 1, 3))),
    ];
    for start in [0, u32::MAX - 2] {
        for (segments, expected) in cases {
            let mut rig = Rig::new(start);
            for (at, text) in segments {
                rig.segment(start.wrapping_add(*at), text.as_bytes());
            }
            rig.end();
            let differing = rig.half.counts.differing.map(|d| (d.position, d.times, d.bytes));
            assert_eq!(differing, expected, "{segments:?}");
        }
    }
}

#[test]
fn a_hole_is_declared_once_the_peer_has_acknowledged_past_it_and_not_before() {
    let mut rig = Rig::new(0);
    rig.segment(0, b"abc");
    rig.segment(5, b"fg");
    for _ in 0..100 {
        rig.acknowledge(3);
    }
    assert_eq!(rig.text(), "abc");
    for _ in 0..PATIENCE {
        assert_eq!(rig.text(), "abc");
        rig.acknowledge(7);
    }
    assert_eq!(rig.text(), "abc..fg");
    assert_eq!(rig.output.gaps, [(3, 2, GapCause::Lost)]);
}

#[test]
fn a_segment_that_the_capture_has_late_still_fills_its_hole() {
    let mut rig = Rig::new(0);
    rig.segment(2, b"cd");
    rig.acknowledge(4);
    rig.segment(0, b"ab");
    assert_eq!(rig.text(), "abcd");
    assert_eq!(rig.output.gaps, []);
}

#[test]
fn a_hole_at_the_very_end_is_declared_where_it_was_acknowledged_or_lies_before_a_fin() {
    let mut rig = Rig::new(0);
    rig.segment(0, b"abc");
    rig.acknowledge(10);
    rig.end();
    assert_eq!(rig.output.gaps, [(3, 7, GapCause::Lost)]);

    let mut rig = Rig::new(0);
    rig.segment(0, b"abc");
    rig.half.fin(5);
    assert!(!rig.half.finished());
    rig.acknowledge(6);
    rig.end();
    assert_eq!(rig.output.gaps, [(3, 2, GapCause::Lost)]);
    assert!(rig.half.finished());
}

#[test]
fn a_cut_packet_is_a_hole_of_known_length() {
    let mut rig = Rig::new(0);
    rig.cut_segment(0, b"ab", 4);
    rig.segment(6, b"g");
    rig.cut_segment(10, b"k", 2);
    rig.segment(7, b"hij");
    rig.end();
    assert_eq!(rig.text(), "ab....ghijk..");
    assert_eq!(rig.output.gaps, [(2, 4, GapCause::Snaplen), (11, 2, GapCause::Snaplen)]);
}

#[test]
fn the_limit_turns_a_hole_into_a_gap_at_the_limit_plus_one() {
    for (extra, gaps) in [(0, 0), (1, 1)] {
        let mut rig = Rig::new(0);
        rig.limits.reorder_bytes = 1000 + OVERHEAD;
        rig.segment(10, &vec![b'x'; 1000 + extra]);
        assert_eq!(rig.output.gaps.len(), gaps);
    }
}

#[test]
fn a_stray_far_ahead_is_ignored_and_a_run_of_them_is_believed() {
    let far = 1 << 30;
    let mut rig = Rig::new(0);
    rig.segment(0, b"abc");
    rig.segment(far, b"stray");
    rig.segment(3, b"def");
    rig.end();
    assert_eq!((rig.text().as_str(), rig.output.gaps.len()), ("abcdef", 0));

    let mut half = Half::default();
    half.start(0);
    let (mut total, mut pieces) = (0, Vec::new());
    for i in 0..u32::from(STRAYS) + 2 {
        let data = Data { sequence: far + i, payload: b"x", missing: 0, tick: None };
        half.segment(data, &Limits::default(), &mut total, &mut |piece| match piece {
            Piece::Bytes(bytes) => pieces.push(bytes.len() as u64),
            Piece::Gap(length, _) => pieces.push(length.unwrap()),
        });
    }
    assert_eq!(pieces, [u64::from(far) + 7, 1, 1, 1]);
}

#[test]
fn twenty_thousand_holes_and_ten_thousand_reversed_segments_are_linear() {
    let mut rig = Rig::new(0);
    for i in (0..10_000u32).rev() {
        rig.segment(i * 10, b"0123456789");
    }
    assert_eq!(rig.output.bytes.len(), 100_000);
    let mut rig = Rig::new(0);
    for i in 0..20_000u32 {
        rig.segment(i * 2 + 1, b"x");
    }
    rig.end();
    assert_eq!(rig.output.gaps.len(), 20_000);
    assert_eq!(rig.output.bytes.len(), 40_000);
}

proptest! {
    /// Any segmentation, order, repetition and overlap of a stream comes out exact; what no segment held is a gap of
    /// exactly its length.
    #[test]
    fn a_stream_comes_out_exact_or_with_the_declared_gap(
        start in any::<u32>(),
        cuts in proptest::collection::vec(1usize..60, 1..40),
        order in proptest::collection::vec(any::<u16>(), 40),
        lost in proptest::collection::vec(proptest::bool::weighted(0.15), 40),
        again in proptest::collection::vec((any::<u16>(), any::<u16>()), 0..20),
    ) {
        let length: usize = cuts.iter().sum();
        let stream: Vec<u8> = (0..length).map(|i| (i * 7 + i / 256) as u8).collect();
        let mut seen = vec![false; length];
        let mut segments = Vec::new();
        let mut at = 0;
        for (i, cut) in cuts.iter().enumerate() {
            if !lost[i] { segments.push((at, at + cut)); }
            at += cut;
        }
        for (a, b) in again {
            let a = usize::from(a) % length;
            segments.push((a, (a + usize::from(b) % 80).min(length)));
        }
        let mut keyed: Vec<_> = segments.iter().enumerate().map(|(i, s)| (order[i % order.len()], *s)).collect();
        keyed.sort();
        let mut rig = Rig::new(start);
        for (_, (from, to)) in keyed {
            seen[from..to].fill(true);
            rig.segment(start.wrapping_add(from as u32), &stream[from..to]);
        }
        rig.acknowledge(start.wrapping_add(length as u32));
        rig.end();
        let expected: Vec<_> = stream.iter().zip(&seen).map(|(&b, &s)| s.then_some(b)).collect();
        prop_assert_eq!(&rig.output.bytes, &expected);
        let missing = seen.iter().filter(|s| !**s).count() as u64;
        prop_assert_eq!(rig.output.gaps.iter().map(|g| g.1).sum::<u64>(), missing);
        prop_assert_eq!(rig.half.counts.differing, None);
    }
}
