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
];
