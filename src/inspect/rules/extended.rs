//! Timestamps of more than 24 bits, and deltas that do not fit: how they are written, and who cannot read them.

use super::judge::{Judge, LossSeen, Seen};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, ClosedBy, MessageRecord};
use crate::proto::chunk::{Note, NoteKind};
use crate::proto::{Direction, Span};

const MISSING: Rule = Rule {
    code: "chunk.ext-ts-missing-t3",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Format 3 chunks do not repeat the extended timestamp",
    meaning: "Once a timestamp or delta needs more than 24 bits, each format 3 chunk of the message is to repeat the \
              extended timestamp field. This sender leaves it out, so that a receiver which follows the specification \
              swallows four bytes of payload per chunk. Reading goes on here because the repetition is looked for and \
              not assumed.",
    breaks_on: "Receivers that always skip four bytes: streams break when timestamps pass 16,777,215 ms, 4 h 39 min and \
                37 s after zero (obsproject/obs-studio#10097, ossrs/srs#4365, KallDrexx/rust-media-libs#15).",
    fix: "Repeat the field in every format 3 chunk of such a message. As a stopgap, restart the stream before the \
          boundary, or announce chunks so large that messages are not split.",
    spec: Some("RTMP 1.0 §5.3.1.3"),
};

const WRONG: Rule = Rule {
    code: "chunk.ext-ts-wrong-value",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "Format 3 chunks repeat another extended timestamp",
    meaning: "A format 3 chunk has four bytes where the message's extended timestamp is to be repeated, and they are \
              another one: 0, or that of an earlier message. Receivers that tell the two dialects apart by comparing \
              take them for payload and lose the framing.",
    breaks_on: "Receivers that compare, this program among them (KallDrexx/rust-media-libs#23).",
    fix: "Repeat the very value of the message's first chunk.",
    spec: Some("RTMP 1.0 §5.3.1.3"),
};

const IGNORED: Rule = Rule {
    code: "chunk.ext-ts-ignored",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "The peer leaves when timestamps no longer fit into 24 bits",
    meaning: "The connection ended within two seconds of the first timestamp above 16,777,215 ms, from which on headers \
              have an extended timestamp: the receiver does not read that field, takes it for payload and gives up on \
              what follows. A stream then dies 4 h 39 min after its timestamps were 0.",
    breaks_on: "Receivers without extended timestamps (iizukanao/node-rtsp-rtmp-server#127, \
                illuspas/Node-Media-Server#25, yutopp/go-rtmp#72, bluenviron/mediamtx#2808, \
                membraneframework/membrane_rtmp_plugin#48).",
    fix: "Update the receiver. Until then let the sender begin at timestamp 0 and restart it every four hours.",
    spec: Some("RTMP 1.0 §5.3.1.3"),
};

const DELTA_OR_ABSOLUTE: Rule = Rule {
    code: "chunk.ext-ts-delta-or-abs",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "An absolute time where a delta belongs",
    meaning: "Headers of format 1 and 2 carry the time since the message before. Here the field has an absolute timestamp: \
              read as a delta, time jumps by hours, and read as a timestamp it goes on as before.",
    breaks_on: "Receivers that follow the specification: their clocks jump (veovera/enhanced-rtmp#42, ossrs/srs#2808, \
                ossrs/srs#4680).",
    fix: "Write the delta, or use format 0 for an absolute time.",
    spec: Some("RTMP 1.0 §5.3.1.3"),
};

const NEGATIVE_DELTA: Rule = Rule {
    code: "chunk.neg-delta",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "A negative timestamp delta",
    meaning: "A delta is an unsigned number, and one of 0x800000 or more is hours; this is a small step back written as 24 \
              bits. It happens where audio and video share a chunk stream and are not in the order of time.",
    breaks_on: "Receivers add it as it stands, and time jumps forward by more than two hours (ossrs/srs#2808).",
    fix: "Use a chunk stream each for audio and video, or format 0 where time goes back.",
    spec: Some("RTMP 1.0 §5.3.1.2.2"),
};

/// Whether format 3 chunks repeat the extended timestamp.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    /// A chunk without it, until the header behind that chunk has shown whether it was read rightly.
    open: [Option<Omitted>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Omitted {
    note: Note,
    expected: u32,
    found: Option<u32>,
    /// Messages of the direction by then.
    messages: u64,
}

impl Omitted {
    /// Whether what stands there can be a timestamp that is wrong: none, or one from nearby.
    fn is_timestamp(&self) -> Option<u32> {
        const NEAR: i32 = 3_600_000;
        let near = |found: u32| (found.wrapping_sub(self.expected) as i32).abs() < NEAR;
        self.found.filter(|&found| found == 0 || near(found))
    }
}

impl Repetition {
    fn settle(&mut self, seen: &mut Seen<'_>, direction: Direction, last: bool) {
        let Some(omitted) = self.open[direction.index()] else { return };
        if !last && seen.story.way(direction).messages < omitted.messages + 2 {
            return;
        }
        self.open[direction.index()] = None;
        let Note { offset, chunk_stream_id, .. } = omitted.note;
        let span = Span { start: offset, end: offset };
        seen.report(&MISSING, || {
            format!(
                "format 3 chunks do not repeat the extended timestamp (first at byte {offset}, chunk stream \
                 {chunk_stream_id})"
            )
        })
        .about(None)
        .at(Some(direction), Some(span));
    }

    fn settle_both(&mut self, seen: &mut Seen<'_>, last: bool) {
        for direction in Direction::BOTH {
            self.settle(seen, direction, last);
        }
    }
}

impl Judge for Repetition {
    const RULES: &'static [Rule] = &[MISSING, WRONG];

    fn note(&mut self, seen: &mut Seen<'_>, note: &Note) {
        if let NoteKind::ExtendedTimestampOmitted { expected, found } = note.kind
            && let Some(direction) = seen.direction
        {
            let messages = seen.way().messages;
            self.open[direction.index()] = Some(Omitted { note: *note, expected, found, messages });
        }
    }

    fn lost(&mut self, seen: &mut Seen<'_>, _: &LossSeen) {
        let Some(direction) = seen.direction else { return };
        let Some(omitted) = self.open[direction.index()] else { return };
        let soon = seen.way().messages < omitted.messages + 2;
        let Some(found) = omitted.is_timestamp().filter(|_| soon) else {
            self.settle(seen, direction, true);
            return;
        };
        self.open[direction.index()] = None;
        let Omitted { note, expected, .. } = omitted;
        let span = Span { start: note.offset, end: note.offset };
        seen.report(&WRONG, || {
            format!(
                "the format 3 chunk at byte {} (chunk stream {}) has {found} where the extended timestamp {expected} is \
                 to be repeated",
                note.offset, note.chunk_stream_id
            )
        })
        .about(None)
        .at(Some(direction), Some(span));
    }

    fn header(&mut self, seen: &mut Seen<'_>, _: &MessageRecord<'_>) {
        self.settle_both(seen, false);
    }

    fn tick(&mut self, seen: &mut Seen<'_>) {
        self.settle_both(seen, false);
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.settle_both(seen, true);
    }
}

/// A peer that leaves at the first extended timestamp.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    /// The first frame of each direction beyond 24 bits.
    crossed: [Option<Moment>; 2],
}

/// From here on a timestamp does not fit into 24 bits.
const EXTENDED: u32 = 0xff_ffff;
/// Seconds after which a peer that leaves has another reason.
const SOON: f64 = 2.0;

impl Judge for Boundary {
    const RULES: &'static [Rule] = &[IGNORED];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let begins = frame.marks.has(Marks::HIGH.and(Marks::FIRST));
        if begins && frame.timestamp >= EXTENDED && message.raw.chunks > 0 {
            let now = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
            let direction = seen.direction.map_or(0, Direction::index);
            self.crossed[direction].get_or_insert(now);
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, closed: Closed) {
        for (direction, peer, by) in [
            (Direction::ClientToServer, "the server", ClosedBy::Server),
            (Direction::ServerToClient, "the client", ClosedBy::Client),
        ] {
            let Some(crossed) = self.crossed[direction.index()] else { continue };
            let done = seen.story.streams.iter().any(|stream| stream.closed.is_some());
            let Some(seconds) = seen.since(crossed.at) else { continue };
            if closed.by != by || done || seconds > SOON {
                continue;
            }
            seen.report(&IGNORED, || {
                format!(
                    "{peer} closed the connection {seconds:.3} s after the first timestamp that does not fit into 24 bits"
                )
            })
            .about(Some(crossed.seq))
            .at(Some(direction), None);
        }
    }
}

/// Deltas that cannot be deltas.
#[derive(Debug, Default)]
pub(super) struct Deltas;

/// Milliseconds by which a time read as absolute may be off and still go on as before.
const CONTINUOUS: i64 = 10_000;

impl Judge for Deltas {
    const RULES: &'static [Rule] = &[DELTA_OR_ABSOLUTE, NEGATIVE_DELTA];

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        const HALF: i32 = 0x80_0000;
        const WHOLE: i32 = 0x100_0000;
        let step = frame.step;
        if step < HALF / 2
            || frame.marks.has(Marks::DAMAGED.and(Marks::FIRST))
            || message.raw.chunks == 0
        {
            return;
        }
        let before = frame.timestamp.wrapping_sub(step as u32);
        // Read as an absolute time the delta would go on where the track was.
        let off = i64::from(step) - i64::from(before);
        let id = message.raw.chunk_stream_id;
        if step as u32 >= EXTENDED && before > 0 && off.abs() < CONTINUOUS {
            seen.report(&DELTA_OR_ABSOLUTE, || {
                format!(
                    "on chunk stream {id} time jumps from {before} by {step} ms, which as an absolute time would go on as \
                     before"
                )
            });
        } else if (HALF..WHOLE).contains(&step) {
            seen.report(&NEGATIVE_DELTA, || {
                format!(
                    "on chunk stream {id} time jumps from {before} by {step} ms, which as 24 bits with a sign is {} ms",
                    step - WHOLE
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, Script};
    use crate::inspect::{CloseKind, ClosedBy};

    /// Two messages on chunk stream 4, each in two chunks: behind the second header stands `there`.
    fn split(there: &[u8]) -> Script {
        let mut t = Script::shaken();
        for _ in 0..2 {
            let head = b"\x04\xff\xff\xff\0\0\xc8\x12\x01\0\0\0\x01\0\0\0";
            t.raw(C2S, &[&head[..], &[2; 128]].concat());
            t.raw(C2S, &[&[0xc4][..], there, &[2; 72]].concat());
        }
        t.end();
        t
    }

    #[test]
    fn the_extended_timestamp_in_format_3() {
        let (missing, wrong) = ("chunk.ext-ts-missing-t3", "chunk.ext-ts-wrong-value");
        for (there, expected) in [
            (&[1, 0, 0, 0][..], [false, false]),
            (&[], [true, false]),
            (&[0, 0, 0, 0], [false, true]),
            (&[1, 0, 0, 40], [false, true]),
        ] {
            let t = split(there);
            assert_eq!([t.has(missing), t.has(wrong)], expected, "{there:?}: {:?}", t.codes());
        }
        assert!(split(&[0; 4]).text(wrong).contains("has 0 where the extended timestamp 16777216"));
    }

    #[test]
    fn a_peer_that_leaves_at_24_bits() {
        let run = |to: u32, seconds: f64, by| {
            let mut t = Script::publishing();
            t.video(16_777_000, Frame::Key).video(to, Frame::Inter).wait(seconds);
            t.close(by, CloseKind::Fin).has("chunk.ext-ts-ignored")
        };
        assert!(run(16_777_240, 0.5, ClosedBy::Server));
        assert!(!run(16_777_200, 0.5, ClosedBy::Server), "not there yet");
        assert!(!run(16_777_240, 0.5, ClosedBy::Client), "the sender leaves");
        assert!(!run(16_777_240, 3.0, ClosedBy::Server), "too late");
    }

    #[test]
    fn an_absolute_time_as_a_delta() {
        let run = |delta: &[u8]| {
            let mut t = Script::publishing();
            t.audio(20_000_000).audio(20_000_023);
            t.raw(C2S, &[b"\x44\xff\xff\xff\0\0\x02\x08", delta, b"\xaf\x01"].concat());
            t.has("chunk.ext-ts-delta-or-abs")
        };
        assert!(run(&20_000_046_u32.to_be_bytes()));
        assert!(!run(&36_000_000_u32.to_be_bytes()), "ten hours are only a jump");
    }

    #[test]
    fn a_delta_with_a_sign() {
        let run = |delta: &[u8]| {
            let mut t = Script::publishing();
            t.audio(5000);
            t.raw(C2S, &[b"\x44", delta, b"\0\0\x02\x08\xaf\x01"].concat());
            t.has("chunk.neg-delta")
        };
        assert!(run(&[0xff, 0xff, 0xf0]));
        assert!(!run(&[0, 0, 23]));
        assert!(!run(&[0x7f, 0xff, 0xff]));
    }
}
