//! Chunk sizes: those announced, those used, and messages that are too large.

use super::judge::{Broken, Judge, LossSeen, Resumed, Seen};
use super::{Confidence, Rule, Severity};
use crate::inspect::pace::Frame;
use crate::inspect::{MessageRecord, Transport};
use crate::proto::Direction;
use crate::proto::chunk::LossKind;
use crate::proto::message::{Control, Kind};

const INVALID: Rule = Rule {
    code: "chunk.size-invalid",
    severity: Severity::Error,
    confidence: Confidence::Certain,
    title: "Set Chunk Size announces a size that is not allowed",
    meaning: "A chunk size is between 1 and 2,147,483,647 bytes; the top bit has to be zero, and less than 128 bytes is \
              advised against. A size of 0 is ignored here, and a top bit is dropped.",
    breaks_on: "Most receivers: they close the connection, divide by zero, or take the number for negative \
                (ossrs/srs#160, ossrs/srs#541, Red5/red5-server#379).",
    fix: "Announce a size from 128 up to 65,536; 4,096 is what most senders use.",
    spec: Some("RTMP 1.0 §5.4.1"),
};

const HUGE: Rule = Rule {
    code: "chunk.size-huge",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A very large chunk size",
    meaning: "Chunks of more than 65,536 bytes are legal. Some receivers allocate a buffer of that size for each chunk \
              stream or have a limit below it; and while a chunk lasts nothing else can be sent.",
    breaks_on: "Servers with a limit, and players that allocate what is announced (deepch/vdk#16, \
                arut/nginx-rtmp-module#1162). Wireshark reads nothing above 524,288 (ossrs/srs#1437).",
    fix: "Announce 4,096 to 65,536.",
    spec: Some("RTMP 1.0 §5.4.1"),
};

const LATE: Rule = Rule {
    code: "chunk.size-late",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "The first Set Chunk Size comes after publish",
    meaning: "The sender changes its chunk size when the stream is already being set up. Most do it before connect or \
              right behind its answer.",
    breaks_on: "Servers that expect nothing but data between publish and the first frame (bluenviron/mediamtx#3302, \
                ZLMediaKit/ZLMediaKit#1135).",
    fix: "Send Set Chunk Size ahead of createStream.",
    spec: Some("RTMP 1.0 §5.4.1"),
};

const NEVER: Rule = Rule {
    code: "chunk.size-never",
    severity: Severity::Info,
    confidence: Confidence::Certain,
    title: "Much video in chunks of 128 bytes",
    meaning: "The default chunk size is in force at more than 1 Mbit/s. Each 128 bytes need a header, and each chunk a turn \
              of the receiver's loop.",
    breaks_on: "Weak receivers: their load grows with the number of chunks (ossrs/srs#926, \
                membraneframework/membrane_rtmp_plugin#81).",
    fix: "Announce a chunk size of 4,096 or more before the first frame.",
    spec: Some("RTMP 1.0 §5.4.1"),
};

const STALE: Rule = Rule {
    code: "chunk.size-stale",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "The chunk size of an earlier connection is still used",
    meaning: "A new connection begins with chunks of 128 bytes. This client splits its messages by the size that it \
              announced on the connection before, without announcing it again.",
    breaks_on: "Every server: it loses the framing at the first message above 128 bytes, usually connect \
                (obsproject/obs-studio#878).",
    fix: "Reset the chunk size to 128 when a connection begins, and announce another one anew.",
    spec: Some("RTMP 1.0 §5.4.1"),
};

const UNANNOUNCED: Rule = Rule {
    code: "chunk.size-not-announced",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "Chunks are larger than the size in force",
    meaning: "A message is not split where the chunk size in force wants it; read with a larger size it fits. The sender \
              uses a size that it has not announced with Set Chunk Size, or announces it too late.",
    breaks_on: "Every receiver: it takes payload for a chunk header and loses the framing (WatchBeam/rtmp is a sender that \
                does this).",
    fix: "Send Set Chunk Size ahead of the first message that is split by it.",
    spec: Some("RTMP 1.0 §5.4.1"),
};

const SPLIT: Rule = Rule {
    code: "chunk.split-bug",
    severity: Severity::Error,
    confidence: Confidence::Likely,
    title: "What follows a chunk of a long message does not continue it",
    meaning: "A message is longer than the chunk size, and at the place where the next chunk's header has to be there is \
              none. The sender splits long payloads wrongly, or has dropped or added bytes.",
    breaks_on: "Every receiver: it loses the framing there (KallDrexx/rust-media-libs#21, Monibuca/plugin-rtmp#23).",
    fix: "Write a format 3 header behind every full chunk, and exactly as many bytes of payload as the header of the \
          message says.",
    spec: Some("RTMP 1.0 §5.3.1"),
};

const TOO_BIG: Rule = Rule {
    code: "chunk.msg-too-big",
    severity: Severity::Warning,
    confidence: Confidence::Certain,
    title: "A message of more than 1 MiB",
    meaning: "Messages may have 16 MiB, but servers have limits. nginx-rtmp closes the connection at more than \
              max_message, which is 1 MiB unless it is set.",
    breaks_on: "nginx-rtmp: \"too big message\" in ngx_rtmp_handler.c of arut/nginx-rtmp-module. Wireshark reads no \
                message above 512 KiB (ossrs/srs#1437).",
    fix: "Lower the bitrate or the size of key frames, or raise max_message.",
    spec: None,
};

/// What Set Chunk Size announces, and when.
#[derive(Debug, Default)]
pub(super) struct Announced;

/// Bytes of a chunk that are many.
const MANY: u32 = 65_536;

impl Judge for Announced {
    const RULES: &'static [Rule] = &[INVALID, HUGE, LATE, TOO_BIG];

    fn control(&mut self, seen: &mut Seen<'_>, control: &Control) {
        let Control::SetChunkSize { size: Some(size) } = *control else { return };
        match size {
            // The reader says what is 0 or has the top bit.
            1..128 => {
                seen.report_as(&INVALID, Severity::Warning, || {
                    format!("Set Chunk Size announces {size} bytes; it should be at least 128")
                });
            }
            MANY..=0x7fff_ffff if size > MANY => {
                seen.report(&HUGE, || format!("Set Chunk Size announces {size} bytes"));
            }
            _ => {}
        }
        let first = seen.way().chunk_sizes == 1 && seen.opened.from_start;
        if first
            && seen.direction == Some(Direction::ClientToServer)
            && let Some(publish) = seen.story.publish()
        {
            // One that changes nothing is hardly noticed.
            let severity = if size == 128 { Severity::Info } else { LATE.severity };
            seen.report_as(&LATE, severity, || {
                format!(
                    "the client's first Set Chunk Size ({size} bytes) comes after its publish (record {})",
                    publish.seq
                )
            });
        }
    }

    fn header(&mut self, seen: &mut Seen<'_>, message: &MessageRecord<'_>) {
        const MOST: u32 = 1 << 20;
        let raw = message.raw;
        if raw.length > MOST && raw.chunks > 0 && message.aggregate.is_none() {
            let name = message.kind.as_str();
            let unit = if message.kind == Kind::Video { "frame" } else { "message" };
            seen.report(&TOO_BIG, || {
                format!("a {name} {unit} of {} bytes; nginx-rtmp takes {MOST}", raw.length)
            });
        }
    }
}

/// Much media in small chunks.
#[derive(Debug, Default)]
pub(super) struct Small {
    track: usize,
    /// Seconds in a row.
    seconds: u32,
    said: bool,
}

impl Judge for Small {
    const RULES: &'static [Rule] = &[NEVER];

    fn second(&mut self, seen: &mut Seen<'_>, frame: &Frame) {
        const MUCH: f64 = 1e6;
        const LONG: u32 = 2;
        let chunks = seen.opened.from_start && seen.opened.transport != Transport::Flv;
        if self.said || !chunks || seen.way().chunk_size != 128 {
            return;
        }
        let Some(past) = seen.tracks.of(frame).map(|counter| counter.pace.past) else { return };
        let bits = past.bytes as f64 * 8e9 / past.took.max(1) as f64;
        if bits <= MUCH {
            self.seconds -= u32::from(self.track == frame.track) * self.seconds;
            return;
        }
        if self.track != frame.track {
            (self.track, self.seconds) = (frame.track, 0);
        }
        self.seconds += 1;
        if self.seconds >= LONG {
            self.said = true;
            let chunks = past.bytes as f64 / 128.0 / f64::from(past.frames.max(1));
            seen.report(&NEVER, || {
                format!(
                    "{:.1} Mbit/s come in chunks of 128 bytes, {chunks:.0} for each frame",
                    bits / 1e6
                )
            });
        }
    }
}

/// Messages that are not split as the chunk size in force wants it.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// What was being read when the framing was lost, and the record of the loss.
    lost: [Option<(u64, Broken, u64)>; 2],
    said: [bool; 2],
}

impl Judge for Split {
    const RULES: &'static [Rule] = &[STALE, UNANNOUNCED, SPLIT];

    fn lost(&mut self, seen: &mut Seen<'_>, loss: &LossSeen) {
        let Some(direction) = seen.direction else { return };
        let sent =
            matches!(loss.loss.kind, LossKind::NoPriorHeader { .. } | LossKind::Implausible { .. });
        // The finding about the loss comes behind what was found about it so far.
        let seq = seen.seq + seen.found_now();
        let broken = loss.broken.filter(|broken| sent && broken.received > 0);
        self.lost[direction.index()] = broken.map(|broken| (loss.loss.offset, broken, seq));
    }

    fn resumed(&mut self, seen: &mut Seen<'_>, resumed: &Resumed) {
        let Some(direction) = seen.direction else { return };
        let Some((at, broken, seq)) = self.lost[direction.index()].take() else { return };
        if std::mem::replace(&mut self.said[direction.index()], true) {
            return;
        }
        let way = seen.way();
        let (size, announced) = (way.chunk_size, way.chunk_sizes > 0);
        let Broken { start, chunk_stream_id, length, received } = broken;
        let one = at.saturating_sub(start).saturating_sub(u64::from(received));
        // Where the message would end in chunks of another size: its header, its payload, a byte for each further chunk.
        let ends = |size: u32| start + one + u64::from(length) + u64::from((length - 1) / size);
        let in_force = if announced {
            format!("{direction} announced chunks of {size} bytes")
        } else {
            format!("{direction} announced no chunk size, so that 128 bytes are in force")
        };
        let earlier = seen
            .story
            .earlier_chunk_size
            .filter(|_| direction == Direction::ClientToServer && !announced);
        let one_chunk = received == size;
        if let Some(earlier) = earlier
            && one_chunk
            && (ends(earlier) == resumed.offset || resumed.chunk_size == Some(earlier))
        {
            seen.report(&STALE, || {
                format!(
                    "{in_force}, but a message of {length} bytes on chunk stream {chunk_stream_id} is split by {earlier}, \
                     the size that this client announced on an earlier connection"
                )
            })
            .explains(seq);
        } else if one_chunk && ends(length) == resumed.offset {
            seen.report(&UNANNOUNCED, || {
                format!(
                    "{in_force}, but a message of {length} bytes on chunk stream {chunk_stream_id} comes in one chunk"
                )
            })
            .explains(seq);
        } else if let Some(other) = resumed.chunk_size.filter(|other| *other != size) {
            seen.report(&UNANNOUNCED, || format!("{in_force}, but its chunks have {other} bytes"))
                .explains(seq);
        } else if !seen.has_found("chunk.ext-ts-wrong-value") {
            seen.report(&SPLIT, || {
                format!(
                    "behind {received} of {length} bytes of a message on chunk stream {chunk_stream_id}, at byte {at}, no \
                     header continues it (chunk size {size})"
                )
            })
            .explains(seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::test_kit::{C2S, Frame, S2C, Script};
    use crate::inspect::{CloseKind, ClosedBy};
    use crate::proto::message::Control;

    fn size(size: u32) -> Control {
        Control::SetChunkSize { size: Some(size) }
    }

    #[test]
    fn sizes_announced() {
        for (value, invalid, huge) in [
            (127, true, false),
            (128, false, false),
            (65_536, false, false),
            (65_537, false, true),
            (0x7fff_ffff, false, true),
        ] {
            let mut t = Script::connected();
            t.control(S2C, size(value));
            let has = (t.has("chunk.size-invalid"), t.has("chunk.size-huge"));
            assert_eq!(has, (invalid, huge), "{value}");
        }
    }

    #[test]
    fn a_size_announced_after_publish() {
        let mut t = Script::publishing();
        assert!(!t.control(C2S, size(8192)).has("chunk.size-late"), "it is not the first");
        let mut t = Script::connected();
        t.command(C2S, 1, "publish", Some(3.0), crate::proto::amf::Value::Null, &["cam1".into()]);
        assert!(t.control(C2S, size(4096)).has("chunk.size-late"));
        let mut t = Script::connected();
        t.command(C2S, 1, "publish", Some(3.0), crate::proto::amf::Value::Null, &["cam1".into()]);
        t.control(C2S, size(128));
        assert_eq!(
            t.find("chunk.size-late").map(|f| f.severity),
            Some(Severity::Info),
            "no change"
        );
    }

    #[test]
    fn much_video_in_small_chunks() {
        let run = |announce: bool, bytes: usize| {
            let mut t = Script::connected();
            if announce {
                t.control(C2S, size(4096));
            }
            let frame = [b"\x27\x01\0\0\0", &vec![0x55; bytes][..]].concat();
            for n in 0..100 {
                t.wait(0.04).message(C2S, 6, 1, 9, n * 40, &frame);
            }
            t.has("chunk.size-never")
        };
        assert!(run(false, 6000));
        assert!(!run(true, 6000));
        assert!(!run(false, 600));
    }

    #[test]
    fn messages_above_what_nginx_takes() {
        let frame = |bytes| [b"\x27\x01\0\0\0", &vec![0x55; bytes][..]].concat();
        assert!(
            Script::publishing().message(C2S, 6, 1, 9, 0, &frame(1 << 20)).has("chunk.msg-too-big")
        );
        assert!(
            !Script::publishing()
                .message(C2S, 6, 1, 9, 0, &frame(1 << 19))
                .has("chunk.msg-too-big")
        );
    }

    /// A message of 1000 bytes in chunks of this size, then usual ones.
    fn unsplit(t: &mut Script, chunk: usize) {
        let mut bytes = b"\x08\0\0\0\0\x03\xe8\x12\x01\0\0\0".to_vec();
        let payload: Vec<u8> = (0..1000).map(|n| (n * 7 % 251) as u8).collect();
        for (n, part) in payload.chunks(chunk).enumerate() {
            bytes.extend([0xc8].iter().take(n.min(1)));
            bytes.extend(part);
        }
        t.raw(C2S, &bytes);
        for n in 0..100 {
            // Lengths that differ, so that headers say something.
            let frame = &b"\xaf\x01\x21\x10\x04\x60\x8c\x1c\x55\xaa"[..8 + n % 3];
            t.message(C2S, 4, 1, 8, n as u32 * 23, frame);
        }
        t.end();
    }

    #[test]
    fn a_message_in_larger_chunks_than_announced() {
        let mut t = Script::connected();
        unsplit(&mut t, 4096);
        let expected = "c2s announced no chunk size, so that 128 bytes are in force, but a message of 1000 bytes on chunk \
                        stream 8 comes in one chunk";
        assert_eq!(t.text("chunk.size-not-announced"), expected);
        let listed: Vec<_> = t.listed.iter().map(|listed| listed.finding.code).collect();
        assert_eq!(listed, ["chunk.size-not-announced"], "the loss follows from it");
        let mut t = Script::connected();
        unsplit(&mut t, 128);
        assert!(!t.has("chunk.size-not-announced") && !t.has("chunk.sync-lost"));
    }

    #[test]
    fn the_size_of_an_earlier_connection() {
        let again = |first: u32| {
            let mut t = Script::connected();
            t.control(C2S, size(first)).end();
            t.again().handshake();
            unsplit(&mut t, 600);
            t
        };
        assert!(again(600).has("chunk.size-stale"), "{:?}", again(600).codes());
        assert!(!again(128).has("chunk.size-stale"));
        assert_eq!(again(600).find("chunk.size-stale").map(|f| f.severity), Some(Severity::Error));
    }

    #[test]
    fn a_message_that_is_not_continued() {
        let mut t = Script::publishing();
        let big = [b"\x27\x01\0\0\0", &[0x55; 6000][..]].concat();
        // The second header is left out, and bytes with it.
        let mut whole = Script::publishing();
        whole.video(0, Frame::Key);
        t.raw(C2S, b"\x06\0\0\0\0\x17\x75\x09\x01\0\0\0")
            .raw(C2S, &big[..4096])
            .raw(C2S, &big[4200..]);
        t.media(4.0).close(ClosedBy::Client, CloseKind::Fin);
        assert!(t.has("chunk.split-bug"), "{:?}", t.codes());
        assert!(!whole.end().has("chunk.split-bug"));
        let mut t = Script::publishing();
        t.message(C2S, 6, 1, 9, 0, &big).media(4.0).end();
        assert!(!t.has("chunk.split-bug"));
    }
}
