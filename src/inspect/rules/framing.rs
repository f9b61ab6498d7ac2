//! Chunks and messages that cannot be read as they should. The reader of a direction reports these.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "aggregate.back-pointer",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A back pointer inside an aggregate message is wrong",
        meaning: "Behind each message inside an aggregate stands its size, header included, as behind each tag of an \
                  FLV file. This one says another size. Reading goes forward by the sizes in the headers, so nothing \
                  is lost unless these are wrong too.",
        breaks_on: "Receivers that walk an aggregate backwards, or check it; those that write it to an FLV file as it \
                    is.",
        fix: "Write 11 bytes of header plus the length of the payload behind each inner message.",
        spec: Some("RTMP 1.0 §7.1.6"),
    },
    Rule {
        code: "chunk.csid-long-form",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "A chunk stream id is written in more bytes than it needs",
        meaning: "Ids up to 63 fit into one byte and ids up to 319 into two. The longer form says the same, so \
                  nothing is lost but the bytes.",
        breaks_on: "Receivers that tell chunk streams apart by the raw bytes of the header; peers with weak support \
                    for ids from 64 on (HaishinKit/HaishinKit.swift#319, gwuhaolin/livego#51) meet the same forms.",
        fix: "Write each id in the shortest form that holds it.",
        spec: Some("RTMP 1.0 §5.3.1.1"),
    },
    Rule {
        code: "chunk.fmt0-mid-message",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A new message header inside an unfinished message",
        meaning: "A chunk with a header of format 0, 1 or 2 came on a chunk stream whose last message still lacked \
                  bytes; those have to come in format 3 chunks. The unfinished message is dropped and a new one \
                  begins. Where many occur, the chunk size in force on the two sides differs.",
        breaks_on: "Servers that close the connection on it, SRS among them, and those that append the new payload \
                    to the old one (zenomt/rtmfp-cpp#19).",
        fix: "Finish each message, or send Abort, before the next one on the same chunk stream; check that a new \
              chunk size takes effect right behind its Set Chunk Size.",
        spec: Some("RTMP 1.0 §5.3.1"),
    },
    Rule {
        code: "chunk.fresh-fmt1",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "A chunk stream begins with a format 1 header",
        meaning: "A format 1 header takes its message stream id from the header before it, and there is none. Zero \
                  is assumed, and the timestamp delta counts from zero. librtmp sends its ping answers in this way.",
        breaks_on: "Strict receivers that want format 0 first; SRS has an exception for it in its source.",
        fix: "Begin each chunk stream with a format 0 header.",
        spec: Some("RTMP 1.0 §5.3.1.2.1"),
    },
    Rule {
        code: "chunk.resynced",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        title: "The chunk framing was found again",
        meaning: "After missing or unreadable bytes, decoding goes on at a place where the headers that follow \
                  prove each other. What lies between is skipped and its messages are lost to the analysis. \
                  Timestamps may be uncertain until the next format 0 header of their chunk stream.",
        breaks_on: "Nobody where the capture is what lacks the bytes. A real receiver cannot do this: where the \
                    bytes were sent like that, it fails at the first of them.",
        fix: "Look at the gap or the lost framing reported before it: that is the cause.",
        spec: None,
    },
    Rule {
        code: "chunk.sync-lost",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The bytes are no chunk header any more",
        meaning: "The next chunk should begin here, but what is there continues nothing or would be an impossible \
                  message. Usually the sender split a message at another size than it announced, a receiver's \
                  view of the extended timestamp differs, or the bytes were damaged on their way. The next \
                  header is searched for.",
        breaks_on: "Every receiver: the connection fails here, often with an error about an unknown message type or \
                    a message that is too large (ossrs/srs#1006, sallar/mac-local-rtmp-server#28).",
        fix: "Look at what came right before: a Set Chunk Size, the first timestamp above 16,777,215, or the first \
              message longer than a chunk.",
        spec: Some("RTMP 1.0 §5.3.1"),
    },
    Rule {
        code: "chunk.type-unknown",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A message type that RTMP does not define",
        meaning: "The message has a type id outside the defined ones (1 to 6, 8, 9, 15 to 20 and 22). It is framed \
                  correctly, but its content means nothing. It is often the first sign that sender and receiver \
                  disagree about the chunk framing.",
        breaks_on: "Servers that close the connection on it (bluenviron/mediamtx#4006, \
                    josephnhtam/live-streaming-server-net#97); others ignore it.",
        fix: "Check what the sender wrote before it; send private data as a data message (type 18).",
        spec: Some("RTMP 1.0 §5.4"),
    },
    Rule {
        code: "chunk.unfinished",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "A direction ends inside a message",
        meaning: "The connection or the capture ended before the last message, or the last chunk header, was \
                  complete. What was there of it is not shown as a message.",
        breaks_on: "The last frame is lost to the receiver; one that keeps the partial frame may stop on it.",
        fix: "Nothing where the capture was stopped. Else let the sender finish its messages and send deleteStream \
              before it closes.",
        spec: None,
    },
    Rule {
        code: "chunk.unreadable",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "No chunk header was found again",
        meaning: "The framing was lost, or the capture begins inside the connection, and no place up to the end of \
                  the direction proved to be a chunk header. Those bytes are counted but not decoded.",
        breaks_on: "The analysis; where the bytes were sent like that, every receiver.",
        fix: "Capture more of the connection, best from its start. If it is encrypted or not RTMP, choose the right \
              port.",
        spec: None,
    },
    Rule {
        code: "message.malformed",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The body of a message cannot be read",
        meaning: "The message is framed correctly, but its content ends too early or breaks the rules of its \
                  format. The record shows what could be read, and `malformed` says where and why it ended.",
        breaks_on: "It depends on the message: strict servers close the connection, others ignore the message; a \
                    broken sequence header makes the track undecodable.",
        fix: "Look at the offset and reason in the record, with --payload hex for its bytes, and correct the sender.",
        spec: None,
    },
];

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script};
    use crate::inspect::Severity;
    use crate::proto::message::Control;

    /// A chunk header of format 0 on a chunk stream, for a message of type 20.
    fn header(chunk_stream_id: u8, length: u8) -> Vec<u8> {
        vec![chunk_stream_id, 0, 0, 0, 0, 0, length, 20, 0, 0, 0, 0]
    }

    #[test]
    fn a_chunk_stream_that_begins_with_format_1() {
        let ping = b"\x42\0\0\0\0\0\x06\x04\0\x07\0\0\0\0";
        assert_eq!(Script::shaken().raw(C2S, ping).codes(), ["chunk.fresh-fmt1"]);
        let mut t = Script::shaken();
        t.control(C2S, Control::Acknowledgement { sequence_number: Some(1) });
        assert!(!t.raw(C2S, ping).has("chunk.fresh-fmt1"));
    }

    #[test]
    fn a_header_inside_a_message() {
        let begun = [&header(3, 200)[..], &[2; 128]].concat();
        let mut t = Script::shaken();
        assert!(t.raw(C2S, &begun).raw(C2S, &header(3, 0)).has("chunk.fmt0-mid-message"));
        let mut t = Script::shaken();
        assert!(!t.raw(C2S, &begun).raw(C2S, &header(4, 0)).has("chunk.fmt0-mid-message"));
        assert!(t.end().has("chunk.unfinished"));
    }

    #[test]
    fn an_abort_that_drops_a_message() {
        let begun = [&header(3, 200)[..], &[2; 128]].concat();
        let abort = |id| Control::Abort { chunk_stream_id: Some(id) };
        assert!(Script::shaken().raw(C2S, &begun).control(C2S, abort(3)).has("chunk.abort"));
        assert!(!Script::shaken().raw(C2S, &begun).control(C2S, abort(4)).has("chunk.abort"));
    }

    #[test]
    fn chunk_sizes_that_cannot_be() {
        for (size, wrong) in [(0, true), (0x8000_0080, true), (0x7fff_ffff, false)] {
            let mut t = Script::shaken();
            t.control(S2C, Control::SetChunkSize { size: Some(size) });
            assert_eq!(t.has("chunk.size-invalid"), wrong, "{size}");
        }
    }

    #[test]
    fn an_id_in_more_bytes_than_it_needs() {
        let long = [&[0, 0][..], &header(0, 0)[1..]].concat();
        assert!(!Script::shaken().raw(C2S, &long).has("chunk.csid-long-form"));
        let long = [&[1, 0, 0][..], &header(0, 0)[1..]].concat();
        assert!(Script::shaken().raw(C2S, &long).has("chunk.csid-long-form"));
    }

    #[test]
    fn what_cannot_be_read_to_the_end() {
        let mut t = Script::shaken();
        t.raw(C2S, &[0x0b; 5000]).end();
        assert_eq!(t.codes(), ["chunk.sync-lost", "chunk.unreadable"]);
        let listed: Vec<_> = t.listed.iter().map(|l| (l.finding.code, l.consequences)).collect();
        assert_eq!(listed, [("chunk.sync-lost", 1)], "the second follows from the first");
        assert_eq!(t.listed[0].finding.severity, Severity::Error);
    }

    #[test]
    fn too_many_unfinished_bytes() {
        let mut t = Script::shaken();
        t.control(C2S, Control::SetChunkSize { size: Some(0x00ff_fff0) });
        let part = vec![0; 0x00ff_fff0];
        for id in [4, 5, 6] {
            let head = [id, 0, 0, 0, 0xff, 0xff, 0xff, 18, 1, 0, 0, 0];
            t.raw(C2S, &head).raw(C2S, &part);
        }
        assert!(t.has("limit.partial-bytes"));
    }
}
