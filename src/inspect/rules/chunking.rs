//! How messages are laid out in chunks: chunk streams, formats, interleaving, and where the layout breaks.

use super::judge::{Judge, LossSeen, Seen};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::{Frame, Marks};
use crate::inspect::streams::Moment;
use crate::inspect::{Closed, MessageRecord};
use crate::proto::Direction;
use crate::proto::chunk::{LossKind, Note, NoteKind};
use crate::proto::message::{Control, Kind};

const FRESH_FORMAT: Rule = Rule {
    code: "chunk.fresh-fmt23",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "A chunk stream begins with format 2 or 3",
    meaning: "A header of format 2 or 3 takes message length, type and stream from the one before on the same chunk \
              stream, and there was none. Either the sender leaves the first header out, or what is read here is no \
              header at all because the framing was lost earlier.",
    breaks_on: "Every receiver: it cannot know what the message is (ossrs/srs#1006, sallar/mac-local-rtmp-server#28).",
    fix: "Begin each chunk stream with a header of format 0. If an earlier finding speaks of this direction, look at that \
          first.",
    spec: Some("RTMP 1.0 §5.3.1.2"),
};

const FORMAT_3: Rule = Rule {
    code: "chunk.t3-new-message",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "A format 3 chunk begins a message",
    meaning: "The header of a new message is inherited as a whole, its timestamp delta with it. The specification allows \
              that; FFmpeg and nginx-rtmp do it whenever steps and lengths are regular.",
    breaks_on: "Readers that take format 3 for a continuation always (creytiv/re#169, HaishinKit/HaishinKit.swift#294).",
    fix: "Nothing, unless the peer loses messages or time; then begin messages with format 0, 1 or 2.",
    spec: Some("RTMP 1.0 §5.3.1.2.4"),
};

const DELTA_LOST: Rule = Rule {
    code: "chunk.t3-delta-lost",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "Time stands still where format 3 chunks begin messages",
    meaning: "Messages that begin with format 3 repeat the last timestamp delta. Here that delta is 0 while the frames \
              keep coming in real time: a relay has dropped the delta, and this track falls behind the other.",
    breaks_on: "Players: sound and picture drift apart (membraneframework/membrane_rtmp_plugin#42).",
    fix: "Let the sender write the delta with format 1 or 2 whenever it is not the same as the last one.",
    spec: Some("RTMP 1.0 §5.3.1.2.4"),
};

const INTERLEAVED: Rule = Rule {
    code: "chunk.interleave",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Chunks of several messages are interleaved",
    meaning: "A chunk of one message lies between those of another, which is what chunks are for: audio need not wait for \
              a large picture.",
    breaks_on: "Readers that expect each message in one piece (membraneframework/membrane_rtmp_plugin#118, \
                huiping192/HPRTMP#35).",
    fix: "Nothing, unless the peer fails at just these places; then let the sender finish each message first.",
    spec: Some("RTMP 1.0 §5.3.1"),
};

const EXTENDED_ID: Rule = Rule {
    code: "chunk.csid-extended",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A chunk stream id above 63",
    meaning: "Ids from 64 on need a basic header of two or three bytes. They are legal, and hardly any program sends them, \
              so that many were never tried with them.",
    breaks_on: "Servers and clients that read one byte only (HaishinKit/HaishinKit.swift#319, gwuhaolin/livego#51, \
                bluenviron/mediamtx#2806, ossrs/srs#4680).",
    fix: "Use ids below 64; no stream needs more.",
    spec: Some("RTMP 1.0 §5.3.1.1"),
};

const ID_LIMIT: Rule = Rule {
    code: "chunk.csid-limit",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A chunk stream id above what nginx-rtmp takes",
    meaning: "nginx-rtmp keeps 32 chunk streams unless max_streams says otherwise, and closes the connection at the first \
              id that is larger.",
    breaks_on: "nginx-rtmp: \"in chunk stream too big\" (arut/nginx-rtmp-module#241, arut/nginx-rtmp-module#246).",
    fix: "Use ids from 3 to 31. Where another finding says that the framing was lost, the id was none.",
    spec: None,
};

const CONTROL_ID: Rule = Rule {
    code: "chunk.ctrl-csid",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A control message on another chunk stream than 2, or on a message stream",
    meaning: "Protocol control and user control messages belong on chunk stream 2 and message stream 0.",
    breaks_on: "Servers that only look for them there: they miss a chunk size or refuse the stream \
                (bluenviron/mediamtx#4807, bluenviron/mediamtx#4909, ossrs/srs#4683, ossrs/srs#4723).",
    fix: "Send types 1 to 6 on chunk stream 2 with message stream id 0.",
    spec: Some("RTMP 1.0 §5.4"),
};

const COMMAND_ID: Rule = Rule {
    code: "chunk.cmd-csid",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A command on chunk stream 2",
    meaning: "Chunk stream 2 is for protocol control. Commands are usually sent on 3, and on 4, 5 or 8 for a stream.",
    breaks_on: "Servers that take everything on chunk stream 2 for control, Flash Media Server among them \
                (ZLMediaKit/ZLMediaKit#1135, ZLMediaKit/ZLMediaKit#1140).",
    fix: "Send commands on chunk stream 3.",
    spec: Some("RTMP 1.0 §5.3.1.1"),
};

const MESSAGE_STREAM: Rule = Rule {
    code: "chunk.msid-endian",
    severity: Severity::Warning,
    confidence: Confidence::Likely,
    title: "A message stream id with its bytes the wrong way round",
    meaning: "The message stream id is the one field that RTMP writes with the low byte first. This one is a small number \
              if it is read the other way, and a huge one as it stands.",
    breaks_on: "Servers that know the stream by the id that createStream gave: to them it does not exist \
                (c-bata/rtmp#2, PHZ76/rtmp#13).",
    fix: "Write the id little-endian.",
    spec: Some("RTMP 1.0 §5.3.1.2.1"),
};

const ABORT: Rule = Rule {
    code: "chunk.abort",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "Abort was used",
    meaning: "The sender gave up a message of which it had sent a part, or named a chunk stream that has none \
              unfinished. Hardly any program sends Abort.",
    breaks_on: "Receivers that ignore Abort misread what follows on that chunk stream (bluenviron/mediamtx#4673).",
    fix: "Look at what the sender drops; if the peer then closes the connection, finish messages instead.",
    spec: Some("RTMP 1.0 §5.4.2"),
};

/// Chunk stream ids and message stream ids of messages.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// What was said of each direction.
    said: [Said; 2],
}

#[derive(Debug, Default)]
struct Said {
    extended: bool,
    limit: bool,
    stream: bool,
}

impl Judge for Ids {
    const RULES: &'static [Rule] = &[EXTENDED_ID, ID_LIMIT, CONTROL_ID, COMMAND_ID, MESSAGE_STREAM];

    fn header(&mut self, seen: &mut Seen<'_>, message: &MessageRecord<'_>) {
        let raw = message.raw;
        // Tags of a file have no chunks, and what is in an aggregate has those of the aggregate.
        if raw.chunks == 0 || message.aggregate.is_some() {
            return;
        }
        let direction = seen.direction.unwrap_or(Direction::ClientToServer);
        let said = &mut self.said[direction.index()];
        let (id, kind) = (raw.chunk_stream_id, message.kind);
        if id >= 64 && !std::mem::replace(&mut said.extended, true) {
            let bytes = if id < 320 { 2 } else { 3 };
            seen.report(&EXTENDED_ID, || {
                format!(
                    "{direction} uses chunk stream {id}, whose basic header takes {bytes} bytes"
                )
            });
        }
        let nginx = id > 31 && direction == Direction::ClientToServer;
        if nginx && !std::mem::replace(&mut said.limit, true) {
            seen.report(&ID_LIMIT, || {
                format!("{direction} uses chunk stream {id}; nginx-rtmp takes ids up to 31")
            });
        }
        let stream = raw.message_stream_id;
        if matches!(raw.type_id, 1..=6) && (id != 2 || stream != 0) {
            let name = kind.as_str();
            seen.report(&CONTROL_ID, || {
                format!("a {name} message came on chunk stream {id}, message stream {stream}")
            });
        } else if kind == Kind::Command && id == 2 {
            seen.report(&COMMAND_ID, || "a command came on chunk stream 2".to_owned());
        }
        let swapped = stream.swap_bytes();
        if stream > 0xffff
            && matches!(swapped, 1..=0xff)
            && !std::mem::replace(&mut said.stream, true)
        {
            seen.report(&MESSAGE_STREAM, || {
                format!(
                    "message stream id {stream} is {swapped} with its bytes the other way round"
                )
            });
        }
    }
}

/// Headers that inherit, and chunks between those of another message.
#[derive(Debug, Default)]
pub(super) struct Formats {
    /// Chunk streams of each direction on which format 3 has begun a message, a bit each.
    format3: [u64; 2],
    /// A track whose time stands still: the chunk stream, how many frames, and since when.
    still: Option<Still>,
    said: bool,
}

#[derive(Debug, Clone, Copy)]
struct Still {
    track: usize,
    frames: u32,
    since: Moment,
}

/// Frames at one time that are no accident.
const MANY: u32 = 5;
/// Seconds in which they come.
const LONG: f64 = 1.0;

impl Judge for Formats {
    const RULES: &'static [Rule] = &[FRESH_FORMAT, FORMAT_3, DELTA_LOST, INTERLEAVED];

    fn note(&mut self, seen: &mut Seen<'_>, note: &Note) {
        let id = note.chunk_stream_id;
        match note.kind {
            NoteKind::Format3Begins => {
                if let Some(direction) = seen.direction {
                    self.format3[direction.index()] |= 1_u64.checked_shl(id).unwrap_or(0);
                }
                seen.report(&FORMAT_3, || {
                    format!(
                        "a format 3 chunk at byte {} begins a message on chunk stream {id}",
                        note.offset
                    )
                })
                .about(None);
            }
            NoteKind::Interleaved { with } => {
                seen.report(&INTERLEAVED, || {
                    format!(
                        "a chunk of chunk stream {id} at byte {} comes between those of a message on chunk stream {with}",
                        note.offset
                    )
                })
                .about(None);
            }
            _ => {}
        }
    }

    fn lost(&mut self, seen: &mut Seen<'_>, loss: &LossSeen) {
        // Inside a message it is payload, where the message is not split as it should be.
        if let LossKind::NoPriorHeader { format, chunk_stream_id } = loss.loss.kind
            && loss.broken.is_none()
        {
            seen.report(&FRESH_FORMAT, || {
                format!(
                    "chunk stream {chunk_stream_id} begins with a format {format} header at byte {}",
                    loss.loss.offset
                )
            })
            .about(None);
        }
    }

    fn media(&mut self, seen: &mut Seen<'_>, frame: &Frame, message: &MessageRecord<'_>) {
        let id = message.raw.chunk_stream_id;
        let direction = seen.direction.map_or(0, Direction::index);
        if self.said || self.format3[direction] == 0 {
            return;
        }
        if !frame.marks.has(Marks::SAME) || frame.marks.has(Marks::DAMAGED) {
            return;
        }
        if self.format3[direction] & 1_u64.checked_shl(id).unwrap_or(0) == 0 {
            return;
        }
        let now = Moment { seq: seen.seq, at: seen.elapsed, place: seen.place };
        let still = match &mut self.still {
            Some(still) if still.track == frame.track && frame.step_before == 0 => still,
            still => still.insert(Still { track: frame.track, frames: 0, since: now }),
        };
        still.frames += 1;
        let Still { frames, since, .. } = *still;
        let Some(seconds) = seen.since(since.at) else { return };
        if frames >= MANY && seconds >= LONG {
            self.said = true;
            let timestamp = frame.timestamp;
            seen.report(&DELTA_LOST, || {
                format!(
                    "{frames} frames that came in {seconds:.1} s on chunk stream {id} all have the time {timestamp}"
                )
            })
            .about(Some(since.seq));
        }
    }
}

/// An Abort that drops nothing; one that drops a message is the reader's to say.
#[derive(Debug, Default)]
pub(super) struct Aborts {
    /// The latest one, until it is known whether it dropped a message.
    latest: Option<(u64, u32)>,
}

impl Aborts {
    fn settle(&mut self, seen: &mut Seen<'_>) {
        if let Some((seq, id)) = self.latest.take() {
            seen.report(&ABORT, || {
                format!("Abort names chunk stream {id}, on which no message is unfinished")
            })
            .about(Some(seq));
        }
    }
}

impl Judge for Aborts {
    const RULES: &'static [Rule] = &[ABORT];

    fn header(&mut self, seen: &mut Seen<'_>, _: &MessageRecord<'_>) {
        self.settle(seen);
    }

    fn control(&mut self, seen: &mut Seen<'_>, control: &Control) {
        if let Control::Abort { chunk_stream_id: Some(id) } = *control {
            self.latest = Some((seen.seq, id));
        }
    }

    fn note(&mut self, _: &mut Seen<'_>, note: &Note) {
        if matches!(note.kind, NoteKind::Aborted { .. }) {
            self.latest = None;
        }
    }

    fn closed(&mut self, seen: &mut Seen<'_>, _: Closed) {
        self.settle(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, Frame, S2C, Script};
    use crate::proto::amf::Value;
    use crate::proto::message::Control;

    #[test]
    fn a_chunk_stream_without_a_first_header() {
        let mut t = Script::publishing();
        t.raw(C2S, &[0xc9; 200]).media(1.0).end();
        assert!(t.has("chunk.fresh-fmt23"));
        let listed: Vec<_> = t.listed.iter().map(|listed| listed.finding.code).collect();
        assert_eq!(listed, ["chunk.fresh-fmt23"], "the loss follows from it");
        let seq = t.listed[0].seq;
        assert_eq!(t.find("chunk.sync-lost").and_then(|finding| finding.cause), Some(seq));
        // Headers that nobody could send are another thing.
        let mut t = Script::publishing();
        t.raw(C2S, &[0x0b; 200]).media(1.0).end();
        assert!(t.has("chunk.sync-lost") && !t.has("chunk.fresh-fmt23"));
    }

    #[test]
    fn format_3_that_begins_a_message_and_time_that_stands_still() {
        // A frame at 40 ms, then the same header again with the delta it says.
        let run = |delta: u8, seconds: f64| {
            let mut t = Script::publishing();
            let frame = b"\xaf\x01\x21\x10\x04\x60\x8c\x1c";
            t.raw(C2S, &[&[0x44, 0, 0, delta, 0, 0, 8, 8][..], frame].concat());
            for _ in 0..8 {
                t.wait(seconds).raw(C2S, &[&[0xc4][..], frame].concat());
            }
            t
        };
        let t = run(23, 0.2);
        assert!(t.has("chunk.t3-new-message") && !t.has("chunk.t3-delta-lost"));
        assert_eq!(t.find("chunk.t3-new-message").map(|finding| finding.count), Some(1));
        assert!(run(0, 0.2).has("chunk.t3-delta-lost"));
        assert!(!run(0, 0.01).has("chunk.t3-delta-lost"), "too soon to tell");
        let mut t = Script::publishing();
        assert!(!t.audio(0).audio(23).audio(47).has("chunk.t3-new-message"));
    }

    #[test]
    fn chunks_between_chunks() {
        let begun = b"\x03\0\0\0\0\0\xc8\x12\x01\0\0\0";
        let other = b"\x04\0\0\0\0\0\x02\x08\x01\0\0\0\xaf\x01";
        let mut t = Script::shaken();
        t.raw(C2S, begun).raw(C2S, &[0; 128]).raw(C2S, other).raw(C2S, &[0xc3]).raw(C2S, &[0; 72]);
        assert!(t.has("chunk.interleave"));
        let mut t = Script::shaken();
        t.raw(C2S, begun).raw(C2S, &[0; 128]).raw(C2S, &[0xc3]).raw(C2S, &[0; 72]).raw(C2S, other);
        assert!(!t.has("chunk.interleave"));
    }

    #[test]
    fn ids_that_few_expect() {
        for (direction, id, extended, limit) in [
            (C2S, 31, false, false),
            (C2S, 32, false, true),
            (S2C, 63, false, false),
            (C2S, 64, true, true),
            (S2C, 500, true, false),
        ] {
            let mut t = Script::started();
            t.message(direction, id, 1, 8, 0, b"\xaf\x01\x21").message(
                direction,
                id,
                1,
                8,
                23,
                b"\xaf\x01",
            );
            assert_eq!(t.has("chunk.csid-extended"), extended, "{id}");
            assert_eq!(t.has("chunk.csid-limit"), limit, "{id}");
        }
    }

    #[test]
    fn control_and_commands_on_each_others_chunk_streams() {
        let mut payload = Vec::new();
        Control::Acknowledgement { sequence_number: Some(7) }.encode(&mut payload);
        for (id, stream, wrong) in [(2, 0, false), (3, 0, true), (2, 1, true)] {
            let mut t = Script::started();
            assert_eq!(t.message(C2S, id, stream, 3, 0, &payload).has("chunk.ctrl-csid"), wrong);
        }
        let mut t = Script::started();
        t.command(C2S, 0, "FCPublish", Some(4.0), Value::Null, &["cam1".into()]);
        assert!(!t.has("chunk.cmd-csid"));
        let close = b"\x02\0\x05close\0\0\0\0\0\0\0\0\0\x05";
        assert!(t.message(C2S, 2, 0, 20, 0, close).has("chunk.cmd-csid"));
    }

    #[test]
    fn a_message_stream_id_in_network_order() {
        let mut t = Script::started();
        assert!(!t.message(C2S, 4, 257, 8, 0, b"\xaf\x01").has("chunk.msid-endian"));
        assert!(t.message(C2S, 4, 0x0100_0000, 8, 0, b"\xaf\x01").has("chunk.msid-endian"));
        assert!(!t.video(0, Frame::Key).has("chunk.sync-lost"));
    }

    #[test]
    fn an_abort_of_nothing() {
        let abort = Control::Abort { chunk_stream_id: Some(9) };
        let mut t = Script::publishing();
        assert!(t.control(C2S, abort).audio(0).end().has("chunk.abort"));
        assert!(!Script::publishing().audio(0).end().has("chunk.abort"));
        // One that drops a message is said once.
        let mut t = Script::shaken();
        t.raw(C2S, b"\x09\0\0\0\0\0\xc8\x12\x01\0\0\0").raw(C2S, &[0; 128]);
        t.control(C2S, abort).end();
        assert_eq!(t.find("chunk.abort").map(|finding| finding.count), Some(1));
    }
}
