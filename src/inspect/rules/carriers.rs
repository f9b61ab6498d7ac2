//! What carries RTMP: TLS and HTTP. Those who unwrap them report these.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "rtmpt.http",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The HTTP that carries RTMP cannot be read",
        meaning: "A direction of a TCP connection that carries RTMPT has something that is no HTTP/1 message: a head that \
                  breaks the grammar or is too long, lengths of a body that contradict each other, chunks that cannot \
                  be told apart. The next head is searched for; bytes that were missed are a gap.",
        breaks_on: "Servers, clients and every proxy between them: they close the connection.",
        fix: "Look at the bytes in Wireshark (Follow HTTP Stream). A wrong Content-Length shows as rubbish ahead of the \
              next head.",
        spec: Some("RFC 9112"),
    },
    Rule {
        code: "rtmpt.no-interval",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "An RTMPT answer has no polling interval",
        meaning: "The body of an answer to /send or /idle begins with one byte that says how long the client is to wait \
                  before it asks again; the bytes of the server follow. This one is empty.",
        breaks_on: "Clients that read that byte first: they wait for it, or take the session for closed.",
        fix: "Let the server send at least the interval. A proxy that drops short bodies does this too.",
        spec: None,
    },
    Rule {
        code: "rtmpt.polling",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "What polling costs an RTMPT session",
        meaning: "RTMPT has the client ask again and again for what the server has to say. The finding comes at the end of \
                  the session and counts its requests, those that only ask, the bytes carried, and the bytes of the \
                  HTTP heads around them.",
        breaks_on: "Nobody: it is a measure. librtmp ignores the interval that the server asks for and polls as fast as \
                    answers come.",
        fix: "Use rtmp:// or rtmps:// where the network lets it through. Else let the server answer with a longer \
              interval.",
        spec: None,
    },
    Rule {
        code: "rtmpt.sequence",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The numbers of RTMPT requests are not those that follow",
        meaning: "The requests of a session are numbered. Some are missing, which is a gap where the capture lacks them \
                  or the client gave them up; or they were sent again, which is for information and adds no bytes; or \
                  they came too late or begin anew.",
        breaks_on: "Servers that insist on the next number answer 410 or close the session; others, Red5 and crtmpserver \
                    among them, ignore the number and take repeated bytes twice.",
        fix: "Look for a proxy that sends requests again or spreads them over connections, and for a client that counts \
              on after a timeout.",
        spec: None,
    },
    Rule {
        code: "rtmpt.status",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "An RTMPT request was answered with another status than 200",
        meaning: "The server or a proxy refuses the request, or has answered /open without a session id. With 404 the server \
                  does not know the session any more, or is no RTMPT server at all. The body of such an answer is no \
                  RTMP.",
        breaks_on: "Every client: most close the session at the first status that is not 200.",
        fix: "Look into the log of the server for the session. 502 to 504 come from a proxy, 411 and 413 from one that \
              does not like the body. Servers behind a balancer need sessions that stick.",
        spec: None,
    },
    Rule {
        code: "tls.alert",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "TLS ended with an alert",
        meaning: "One side gave TLS up and said why: no version or cipher suite in common, a certificate that it does not \
                  accept, an unknown server name. Alerts of TLS 1.3, and all that come behind the handshake, are \
                  encrypted: they are seen where secrets are given.",
        breaks_on: "Encoders whose TLS is old (1.0 or 1.1 only), whose store of certificates is, or whose clock is wrong; \
                    servers whose certificate has expired, lacks its intermediate or is for another name.",
        fix: "Look up the alert named. Certificate: check its dates, its names and that the server sends the whole chain. \
              Handshake failure: allow TLS 1.2 with an ECDHE cipher suite on both sides.",
        spec: Some("RFC 8446 §6"),
    },
    Rule {
        code: "tls.decrypted",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "TLS was decrypted with the secrets given",
        meaning: "The connection is RTMPS, or RTMPT in TLS. What it carries is shown as that of a plain one is, and offsets \
                  count the bytes inside. The sentence names version, cipher suite and the server name asked for.",
        breaks_on: "Nothing. Whoever has the secrets and the capture can read all of it, the stream key too.",
        fix: "Nothing to fix. Do not hand on a capture together with its secrets.",
        spec: Some("RFC 8446 §5"),
    },
    Rule {
        code: "tls.no-keys",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "TLS that cannot be read",
        meaning: "The connection is TLS, and what is inside cannot be decrypted: its secrets are not given, are those of \
                  other connections, or the capture lacks its beginning. The sentence says which.",
        breaks_on: "Nothing but the inspection.",
        fix: "Let the client or the server write its secrets (SSLKEYLOGFILE for programs with GnuTLS, OpenSSL or NSS; an \
              option of many servers and proxies) and give the file with --key-log, or put it into a pcapng file: editcap \
              --inject-secrets tls,FILE IN OUT. Capture from before the connection begins.",
        spec: Some("RFC 8446 §5"),
    },
    Rule {
        code: "tls.failed",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A TLS connection did not come about",
        meaning: "The handshake of TLS failed: a certificate was not trusted, names or versions did not fit, or one \
                  side does not speak TLS there. Nothing of RTMP was sent.",
        breaks_on: "The client and the server: there is no connection.",
        fix: "Where this program is the server, let the client trust its certificate or not check it. Where it is \
              the client, --ca FILE trusts an issuer and --insecure checks nothing; rtmp:// and rtmps:// have \
              different ports at most services.",
        spec: Some("RFC 8446 §4"),
    },
    Rule {
        code: "tls.no-sni",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The TLS hello names no server",
        meaning: "The client's hello has no server name (SNI), or an IP address in its place. A server with several \
                  certificates then answers with any of them, or with an alert, and the certificate does not match \
                  the URL.",
        breaks_on: "Services behind shared addresses, as the large ingests are (obsproject/obs-studio#2330); \
                    bluenviron/gortmplib has to fill the name in itself (client.go).",
        fix: "Use a host name in the rtmps:// URL, and a client that sends it: in OpenSSL \
              SSL_set_tlsext_host_name, in Go tls.Config.ServerName.",
        spec: Some("RFC 6066 §3"),
    },
];
