//! What TCP did. The reassembly of captures reports these.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "tcp.duplicates",
        severity: Severity::Info,
        confidence: Confidence::Likely,
        title: "The capture has packets twice",
        meaning: "The same bytes came again within a millisecond, which is sooner than any retransmission. Captures on \
                  the pseudo-interface any see each packet twice where it crosses two interfaces, and so do mirror \
                  ports that copy both ways. The second copy is counted and not read.",
        breaks_on: "Nobody: the peers are not affected. Counts of packets made by other tools are too high.",
        fix: "Capture on one interface, or remove the copies with editcap -d.",
        spec: None,
    },
    Rule {
        code: "tcp.out-of-order",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "Segments came in another order than they were sent",
        meaning: "Segments came ahead of others that precede them. Either the network or the capture has them out of \
                  order, or segments were lost before the place of the capture and sent again later; then gaps or \
                  retransmissions are reported too. It is a warning where more than 5 % of at least 100 segments are \
                  concerned.",
        breaks_on: "Live streams with short buffers: TCP holds back what came early, so that data stalls and then \
                    comes in bursts.",
        fix: "Look for load balancing by packet and for bonded links on the way. Where only the capture is out of \
              order, capture on one interface and on one queue.",
        spec: None,
    },
    Rule {
        code: "tcp.overlap-differs",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "Bytes were sent again with other values",
        meaning: "A segment repeats a part of the stream with bytes that are not those that came first. TCP never does \
                  that by itself: a device on the way rewrites data, packets were forged or damaged, or the capture \
                  mixes two connections. What came first is what is decoded; the receiver may have taken the other. \
                  The finding comes at the end of the connection, once for each direction, and repetitions are \
                  compared with the latest 64 segments only.",
        breaks_on: "Everything: sender, receiver and capture may each have seen another stream.",
        fix: "Compare with a capture at the other end. Look for middleboxes, for memory errors of the machine and for \
              broken offload of the network card.",
        spec: Some("RFC 9293 §3.10.7.4"),
    },
    Rule {
        code: "tcp.reset",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "The connection was reset",
        meaning: "One side ended the connection with RST before either had closed it with FIN. Programs that are \
                  killed, that close a socket with data unread or that give up after a timeout do this, and so do \
                  firewalls that forget a connection.",
        breaks_on: "The other side loses what was still on the way, often the end of the recording.",
        fix: "Look into the log of the side that reset. If it knows of nothing, look at the firewalls between and at \
              their timeouts.",
        spec: None,
    },
    Rule {
        code: "tcp.retransmissions",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "Segments were sent again",
        meaning: "Segments repeat bytes that the capture already has, because they or their acknowledgements were lost \
                  behind the place of the capture, or came too late. It is a warning where more than 1 % of at least \
                  100 segments are repeated: then the network and not the encoder is the likely cause of stalls.",
        breaks_on: "Live streams: each loss holds back all that follows it for a round trip or more.",
        fix: "Look for loss and congestion between the capture and the receiver; lower the bitrate to what the uplink \
              carries.",
        spec: None,
    },
    Rule {
        code: "tcp.round-trip",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "How long the network takes there and back",
        meaning: "The time from SYN to SYN-ACK is that from the place of the capture to the server and back; the time \
                  from SYN-ACK to the client's next segment is that to the client and back. Together they are the \
                  round trip when the connection opened. Nothing is said where a SYN was sent more than once.",
        breaks_on: "Nobody: it is a measure. Long round trips make each handshake, command and loss cost more.",
        fix: "Use a server that is nearer where the time is long.",
        spec: None,
    },
    Rule {
        code: "tcp.zero-window",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "A receiver stopped reading",
        meaning: "A side announced a receive window of 0: its program did not read as fast as data came, and the \
                  sender had to stop. The time is the sum of those until the window opened again. It is a warning \
                  above one second.",
        breaks_on: "Live streams: the sender's queue grows, and encoders drop frames or disconnect.",
        fix: "Look at the side that announced it and not at the network: load, slow disks, a player that is paused, a \
              blocked thread.",
        spec: None,
    },
    Rule {
        code: "ip.fragments-differ",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "IP fragments overlap with other bytes",
        meaning: "Fragments of one IP datagram cover the same bytes with different values. Hosts disagree about which of \
                  them count, and IPv6 forbids such fragments; rtmpctl decodes what came first.",
        breaks_on: "Whatever decides otherwise than the receiver: a firewall or an analyser may see another stream than \
                    the server.",
        fix: "Nobody sends this by itself: look for an attack on whatever inspects the traffic, or for a broken \
              middlebox. Where the MTU is right, no TCP segment is fragmented.",
        spec: Some("RFC 5722 §3"),
    },
];
