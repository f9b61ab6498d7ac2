//! What was given up to stay within limits. Whoever reaches a limit reports it.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "limit.partial-bytes",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "An unfinished message was given up to stay within memory",
        meaning: "The direction had too many bytes in unfinished messages, so that the payload of the oldest was \
                  dropped; its framing goes on. No real sender needs this much: it is damage or an attack.",
        breaks_on: "Receivers without such a limit run out of memory; others close the connection.",
        fix: "Find out who sends messages of many megabytes and does not finish them.",
        spec: None,
    },
    Rule {
        code: "limit.pending-calls",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "too many calls are unanswered",
        meaning: "A peer makes calls with transaction ids and gets no answers. Only a bounded number of them is \
                  remembered, so later calls are not matched with their answers.",
        breaks_on: "The connection between calls and answers in rtmpctl's output; the messages themselves are all \
                    there.",
        fix: "Look at why nothing is answered: a server that ignores what it does not know, or only one direction in \
              the capture.",
        spec: None,
    },
    Rule {
        code: "limit.rtmp-connections",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A connection was given up because too many are open",
        meaning: "More RTMP connections are open at once than are followed. Those that carried nothing or no whole \
                  handshake are closed for the analysis first, then those silent longest; what one of these sends \
                  later is another connection that begins inside.",
        breaks_on: "Only the analysis.",
        fix: "Split the capture, or filter it to the connections of interest, for instance by address.",
        spec: None,
    },
    Rule {
        code: "limit.session-bytes",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "What commands say is no longer remembered, to stay within memory",
        meaning: "All open connections together have said too much that is worth remembering: names, URLs and calls \
                  without an answer. Messages are decoded as before, but the summary may lack names, and answers may \
                  not say which call they answer.",
        breaks_on: "Only the analysis.",
        fix: "Decode the connections one by one, or find out who opens so many and leaves them open.",
        spec: None,
    },
    Rule {
        code: "limit.total-bytes",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A connection is no longer decoded, to stay within memory",
        meaning: "All connections together held too many bytes of unfinished messages. Of those that hold more than \
                  half their share, the one silent longest is given up: its bytes are counted, but not decoded. The \
                  others go on.",
        breaks_on: "Only the analysis, unless the peers have as little memory.",
        fix: "Decode the connections one by one, or find out who leaves so many messages unfinished.",
        spec: None,
    },
    Rule {
        code: "limit.tracks",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "too many media tracks",
        meaning: "A connection carries media on more message streams or tracks than are counted for the summary.",
        breaks_on: "The summary, which has the first tracks only; the messages themselves are all there.",
        fix: "Real encoders have a handful of tracks: look at what makes so many message streams.",
        spec: None,
    },
    Rule {
        code: "limit.tunnel-requests",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "Too many RTMPT requests wait for their answers",
        meaning: "A client has written more requests on one TCP connection than are remembered without an answer. The \
                  oldest are no longer waited for; answers are taken for those of the ones that remain.",
        breaks_on: "Only the analysis, if the server answers them all.",
        fix: "Look at why nothing is answered. Where only a part of the server's direction is in the capture, capture \
              both.",
        spec: None,
    },
    Rule {
        code: "limit.tunnel-sessions",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "An RTMPT session was given up because there are too many",
        meaning: "More RTMPT sessions are remembered at once than are followed. The one silent longest is closed for the \
                  analysis; what comes for it later is another connection that begins inside.",
        breaks_on: "Only the analysis.",
        fix: "Split the capture, or filter it to the connections of interest, for instance by address.",
        spec: None,
    },
    Rule {
        code: "limit.record-bytes",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A block of a capture file is too long to be read",
        meaning: "A pcapng block is longer than those that are read. It is passed over as a whole, as long as it says that \
                  it is, and reading goes on behind it.",
        breaks_on: "What the block holds: no packet of a network is that long, but secrets of TLS sessions or what a \
                    program keeps in a block of its own may be.",
        fix: "Where it holds secrets, give these as a file with --key-log.",
        spec: None,
    },
    Rule {
        code: "limit.silent-connections",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "Connections that carry nothing are counted, not listed",
        meaning: "More TCP connections to a port of RTMP than are listed one by one ended without a byte: a scan of \
                  ports, health checks, or a client that is refused or given up and tries again. This finding has \
                  their number; connections that carry something are listed as before.",
        breaks_on: "Nothing, unless they are clients that should have been served.",
        fix: "Look at the first ones, which are listed: who sends the SYNs, and whether they are answered. A server \
              that lets them pile up wants a firewall or a limit of its own.",
        spec: None,
    },
    Rule {
        code: "limit.connections",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A connection was closed at once, because enough others are open",
        meaning: "A live command serves so many connections at once and no more, so that nobody can use up its \
                  memory or files. One more is closed as soon as it is accepted; the others go on.",
        breaks_on: "The client that was closed: it connects again later, or says that the server does not answer.",
        fix: "Raise --max-connections (limit connections), or close those that are not needed; --idle-timeout closes \
              silent ones.",
        spec: None,
    },
    Rule {
        code: "limit.open-files",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The system let the program open no more files",
        meaning: "Accepting a connection failed, as it does where the program or the machine has as many files open \
                  as it may. It is tried again until a file is closed; connections that are open go on.",
        breaks_on: "Clients that wait to be accepted.",
        fix: "Raise ulimit -n; the program takes as much of it as it is allowed to.",
        spec: None,
    },
];
