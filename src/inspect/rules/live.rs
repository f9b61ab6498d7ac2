//! What is done with live connections: by the listener, by the proxy, and by faults made on purpose.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "listen.limit",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A client crossed a limit and was closed",
        meaning: "The server holds no more than so many bytes of unfinished messages, of names and of answers that a \
                  client does not read. A client that asks for more is closed with the limit's name; others go on.",
        breaks_on: "Nobody but that client, which may be broken or hostile.",
        fix: "Look at what it sent last. A message that is never finished, or answers that are never read, are the \
              client's defects.",
        spec: None,
    },
    Rule {
        code: "listen.on-purpose",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "The server did what it was told to test clients with",
        meaning: "An option made the server close the connection or ask the client to connect again, as a real \
                  server does when it is restarted or moves its clients.",
        breaks_on: "Encoders that do not come back by themselves.",
        fix: "Nothing, where the client came back. Enhanced RTMP v2 describes the request to connect again; clients \
              that know it say so in capsEx.",
        spec: None,
    },
    Rule {
        code: "listen.refused",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "The server refused a client",
        meaning: "The application, the stream name or who the client says it is are not what the options accept, or \
                  another client publishes the same name. It was told so in the way that was chosen.",
        breaks_on: "The client, until it asks for what is accepted.",
        fix: "Compare --accept-app, --accept-key and --auth with what the client sent; give each encoder its own \
              key.",
        spec: None,
    },
    Rule {
        code: "listen.timeout",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A client was too slow or silent, and was closed",
        meaning: "A client has 10 seconds for its handshake and as long again until connect, so that silent ones do \
                  not use up the places of others; --idle-timeout limits the silence behind that.",
        breaks_on: "Clients over links that stall, and programs that connect before they have anything to send.",
        fix: "Look at what came last. A client that sent nothing may wait for a banner, as protocols other than RTMP \
              have, or for TLS.",
        spec: None,
    },
    Rule {
        code: "proxy.fault",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "The proxy did harm on purpose",
        meaning: "It was asked to delay, stall, reset, corrupt or drop something, and did so now. What is shown of the \
                  connection is what came in; its receiver got what the finding says.",
        breaks_on: "What is tested, and nothing else: without the option it does not happen.",
        fix: "Leave the option away. Faults are the same again with the same --seed.",
        spec: None,
    },
    Rule {
        code: "proxy.header",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A connection did not begin with a PROXY protocol header",
        meaning: "With --accept-proxy-protocol each connection has to begin with such a header, which says who the \
                  client is. This one did not, or not in time, and was closed: whoever can leave the header out can \
                  also claim to be anybody.",
        breaks_on: "Clients that connect directly, past the load balancer.",
        fix: "Let the load balancer send the header (HAProxy: send-proxy-v2; nginx: proxy_protocol on), or leave the \
              option away.",
        spec: Some("PROXY protocol §2"),
    },
    Rule {
        code: "proxy.not-redirected",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A connection has no original destination",
        meaning: "With --transparent a connection goes where it was going before the system redirected it here. This \
                  one was made to the proxy itself, so there is nowhere to hand it on to, and it was closed.",
        breaks_on: "Clients that connect to the address that the proxy listens on.",
        fix: "Redirect connections with nftables or iptables, as the README shows, or name an UPSTREAM instead of \
              --transparent.",
        spec: None,
    },
    Rule {
        code: "proxy.not-rewritten",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A stream is handed on without what was to be replaced in it",
        meaning: "What the client sends cannot be read as RTMP from some place on, or a message that was to be changed \
                  cannot be read, so its bytes are handed on as they are.",
        breaks_on: "Services that look for their own app, tcUrl or key, which the client does not send.",
        fix: "See the other findings for what is wrong with the stream.",
        spec: None,
    },
    Rule {
        code: "proxy.slow-tls",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The server does not answer TLS",
        meaning: "The connection is made, and the server has sent nothing in answer to the beginning of the TLS \
                  handshake. A server that speaks plain RTMP waits for more bytes then, as its own handshake is longer.",
        breaks_on: "The connection, once --upstream-timeout is over.",
        fix: "Use rtmp:// where the server speaks plain RTMP, and the port of its RTMPS (mostly 443) where it has one.",
        spec: Some("RFC 8446 §4"),
    },
    Rule {
        code: "proxy.stalled",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "One side takes nothing",
        meaning: "Bytes wait for this side, and it has taken none for a while: its receive buffer is full. The other \
                  side is held back for so long, as it would be without a proxy.",
        breaks_on: "Encoders that drop frames or disconnect when they cannot send; players, which stop.",
        fix: "Look for what keeps that side from reading: a slow disk, a paused player, a path that loses packets.",
        spec: None,
    },
    Rule {
        code: "proxy.timeout",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "A connection was silent for too long",
        meaning: "Neither side sent anything for the time that --idle-timeout allows, and the connection was closed.",
        breaks_on: "Sessions that pause.",
        fix: "Allow more time, or let the client send something now and then, as a ping.",
        spec: None,
    },
    Rule {
        code: "proxy.undelivered",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "Bytes came for a side that was gone",
        meaning: "One side had closed or reset its connection while the other still sent. Without a proxy those bytes \
                  would have been lost too.",
        breaks_on: "Nothing that was not broken: whoever closed did not want them.",
        fix: "See who closed first, and why.",
        spec: None,
    },
    Rule {
        code: "proxy.unreached",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The server cannot be reached",
        meaning: "Its name is not known, it refuses connections, does not accept them in time, or there is no way to \
                  it. The client is closed; the next one is tried anew.",
        breaks_on: "Every client, as long as it lasts.",
        fix: "Check name, port and firewall. --upstream-timeout gives a slow server more time.",
        spec: None,
    },
];
