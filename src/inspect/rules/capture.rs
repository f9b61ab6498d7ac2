//! What the input itself is: capture files, FLV files. The readers of files report these.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "capture.begins-inside",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "The capture begins inside the connection",
        meaning: "The handshake and the first messages were sent before the capture began. Decoding starts at the \
                  first place that proves to be a chunk header, with a chunk size worked out from the bytes; what \
                  lies before it is skipped. Stream names, codec configuration and absolute timestamps may be \
                  missing until they are sent again.",
        breaks_on: "Nobody: the peers are not affected, only what can be said about the connection.",
        fix: "Start the capture before the client connects, or let the client reconnect while capturing.",
        spec: None,
    },
    Rule {
        code: "capture.damaged",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A part of the capture file cannot be read as it should",
        meaning: "A record of the file contradicts itself or the format, and is skipped or read as well as it goes. \
                  Packets in the skipped bytes are missing, which shows as gaps in the connections that they \
                  belonged to. Behind damaged data of a compressed file nothing is read.",
        breaks_on: "Every reader of the file; some refuse it as a whole.",
        fix: "Copy or capture the file again. A transfer in text mode and a full disk are the usual causes.",
        spec: None,
    },
    Rule {
        code: "capture.truncated",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The capture file ends inside a record",
        meaning: "The last record of the file is shorter than it says it is, or the data of a compressed file end \
                  before they are complete. Everything before that was read; the packets behind it are missing.",
        breaks_on: "Readers that treat it as an error; the connections themselves are not affected.",
        fix: "Stop the capturing program with Ctrl-C and not by killing it, and let it write packets as they come \
              (tcpdump -U).",
        spec: None,
    },
    Rule {
        code: "capture.unknown-link",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "Packets of a link type that is not read",
        meaning: "The interface was captured with a link type whose headers are not known here, so that the IP \
                  packets in it cannot be found. It is reported once for each such link type; packets of other \
                  interfaces in the same file are read.",
        breaks_on: "Only the analysis: what was sent over that interface is invisible.",
        fix: "Capture on an interface with Ethernet, Linux cooked, loopback or raw IP headers, or convert the link \
              layer with editcap.",
        spec: None,
    },
    Rule {
        code: "flv.damaged",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "Bytes of an FLV file are no tags",
        meaning: "A tag's header cannot be one, or neither the size behind it nor what follows bears it out. What comes \
                  before the next tag that the size behind it proves is skipped, so a few messages may be missing.",
        breaks_on: "Players stop or skip there; some tools refuse the file.",
        fix: "Copy the file again, or let ffmpeg write it anew (ffmpeg -i IN -c copy OUT.flv). Several recordings put \
              one behind the other have a file header between their tags, which is skipped like this too.",
        spec: None,
    },
    Rule {
        code: "flv.encrypted",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A tag of an FLV file is encrypted",
        meaning: "The filter bit of the tag is set: its payload is encrypted behind the codec's header. The record says \
                  the codec and no more, and the tag is in no recording.",
        breaks_on: "Every player without the licence for it.",
        fix: "Record the stream without protection.",
        spec: Some("FLV 10.1 §E.4.1, annex F"),
    },
    Rule {
        code: "flv.header",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The header of an FLV file is not what the format or the file has",
        meaning: "The header says that there is no audio or no video although there is, or has a version, a size or \
                  reserved bits that version 1 does not have.",
        breaks_on: "Players that believe the flags leave out the track; others do not mind.",
        fix: "Let ffmpeg write the file anew. A recorder that does not know the tracks when it begins has to come back to \
              the header, or set both flags.",
        spec: Some("FLV 10.1 §E.2"),
    },
    Rule {
        code: "flv.prev-tag-size",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A PreviousTagSize of an FLV file is wrong",
        meaning: "The number behind a tag is not the size of the tag, header included. Another tag or the end of the file \
                  follows where it should, so the tag was read all the same.",
        breaks_on: "Players that go backwards, and those that look for the last timestamp at the end of the file.",
        fix: "Let ffmpeg write the file anew.",
        spec: Some("FLV 10.1 §E.3"),
    },
];
