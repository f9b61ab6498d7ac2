//! What a row of live media says of its rate.

use super::fold::{Folds, a_frame};
use crate::inspect::{Dropped, Event, Place, Record};
use crate::proto::Direction;

const SECOND: i64 = 1_000_000_000;

/// A record of the connection at so many milliseconds.
fn at(milliseconds: i64) -> Record<'static> {
    Record {
        seq: 0,
        connection: Some(1),
        direction: Some(Direction::ClientToServer),
        place: Place { at: Some(milliseconds * 1_000_000), ..Place::default() },
        elapsed: None,
        span: None,
        event: Event::Dropped(Dropped { records: 1 }),
    }
}

/// Frames of 1000 bytes at these times; a row of its own at those.
fn rows(frames: &[u32], others: &[u32]) -> Vec<String> {
    let mut folds = Folds::default();
    let mut over = Vec::new();
    let mut times: Vec<_> = frames.iter().map(|&time| (time, true)).collect();
    times.extend(others.iter().map(|&time| (time, false)));
    times.sort_unstable();
    for (time, media) in times {
        let record = at(i64::from(time));
        over.extend(match media {
            true => folds.add(&record, a_frame(time, 1000)),
            false => folds.end(1, &record),
        });
    }
    over.extend(folds.end_before(10 * SECOND));
    over.iter().map(|fold| fold.text(true)).collect()
}

#[test]
fn a_rate_is_that_of_a_whole_second() {
    let frames = [100, 500, 1100, 1600, 2100, 2600, 3100, 3600];
    let cases: [(&[u32], &[&str]); 3] = [
        // The track begins in the first second.
        (&[], &["2 frames, 2.0 kB", "2 frames, 16 kb/s", "2 frames, 16 kb/s", "2 frames, 16 kb/s"]),
        // Both parts of a second that is cut in two.
        (
            &[2300],
            &[
                "2 frames, 2.0 kB",
                "2 frames, 16 kb/s",
                "1 frame, 1.0 kB",
                "1 frame, 1.0 kB",
                "2 frames, 16 kb/s",
            ],
        ),
        // A second that was over when the other row came, and one that begins with it.
        (
            &[2000],
            &["2 frames, 2.0 kB", "2 frames, 16 kb/s", "2 frames, 2.0 kB", "2 frames, 16 kb/s"],
        ),
    ];
    for (others, want) in cases {
        let got = rows(&frames, others);
        assert_eq!(got.len(), want.len(), "{others:?}: {got:?}");
        for (got, want) in got.iter().zip(want) {
            assert!(got.contains(&format!(" {want}  ts ")), "{others:?}: {got} is not {want}");
        }
    }
}
