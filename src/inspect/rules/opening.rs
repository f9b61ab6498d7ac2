//! What a connection opens with, where that is no plain RTMP. The reader of a direction reports these.

use super::{Confidence, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "hs.http-on-rtmp",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "HTTP was sent to an RTMP port",
        meaning: "The connection opens with an HTTP request where C0 should be. A player, a browser or a health \
                  check was given an http:// address with the port of an RTMP server. Servers log it as an \
                  unexpected version, 71 for GET or 80 for POST.",
        breaks_on: "The client gets no answer it understands (alfg/docker-nginx-rtmp#56, \
                    OvenMediaLabs/OvenMediaEngine#662).",
        fix: "Use an rtmp:// URL for this port, or the port of the web server for http://.",
        spec: Some("RTMP 1.0 §5.2.2"),
    },
    Rule {
        code: "hs.http-reply",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The server answers in HTTP",
        meaning: "The answer to the handshake is an HTTP response: the port belongs to a web server or to a proxy \
                  that speaks HTTP only. Clients report that they expected 3 and got 72, the letter H.",
        breaks_on: "Every RTMP client (pedroSG94/RootEncoder#268).",
        fix: "Point the client to the RTMP port, usually 1935, and forward that port as plain TCP.",
        spec: Some("RTMP 1.0 §5.2.2"),
    },
    Rule {
        code: "hs.incomplete",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The handshake was not completed",
        meaning: "The direction ended before its three handshake packets were sent in full. Either the peer did not \
                  answer, refused what it got, or the connection was only a probe.",
        breaks_on: "The connection itself: nothing was published or played on it (pedroSG94/RootEncoder#50, \
                    arut/nginx-rtmp-module#1288).",
        fix: "See which side stopped, and after which packet. A server that stays silent after C1 may want TLS, \
              a digest in C1, or be no RTMP server; a client that leaves after S1 may not accept its content.",
        spec: Some("RTMP 1.0 §5.2"),
    },
    Rule {
        code: "hs.not-rtmp",
        severity: Severity::Error,
        confidence: Confidence::Likely,
        title: "The connection does not open with a handshake",
        meaning: "The first byte is not the version 3 of RTMP, and it is neither HTTP nor TLS. The direction is \
                  counted but not decoded.",
        breaks_on: "Every RTMP peer: it closes the connection at the first byte.",
        fix: "Check what runs on this port. Something in front of the server may send a header of its own first, \
              such as the PROXY protocol; switch it off or let the server expect it.",
        spec: Some("RTMP 1.0 §5.2.2"),
    },
    Rule {
        code: "hs.proxy-broken",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "A PROXY protocol header that cannot be read",
        meaning: "The connection begins as a PROXY protocol header does, but its end is missing, or a field is not \
                  as the protocol has it. Who the client is is not known; the bytes are read on as a handshake, which \
                  they are hardly.",
        breaks_on: "Servers that expect the header: they close the connection. Those that do not take it for a \
                    broken handshake.",
        fix: "Correct the load balancer or proxy that writes the header.",
        spec: Some("PROXY protocol §2"),
    },
    Rule {
        code: "hs.proxy-prefix",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: "A PROXY protocol header precedes the handshake",
        meaning: "A load balancer says ahead of the first byte who the client really is. The header is no part of \
                  the RTMP stream: offsets and byte counts begin behind it. The client of the connection's records \
                  stays the one that the packets have, which is the balancer.",
        breaks_on: "Servers that do not expect it: they see a handshake of version 80 (P) or 13 and close.",
        fix: "Nothing, where the server is set to expect it (nginx: listen 1935 proxy_protocol). Otherwise switch it \
              off at the balancer (HAProxy: send-proxy).",
        spec: Some("PROXY protocol §2"),
    },
    Rule {
        code: "hs.rtmpe",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "The connection is encrypted with RTMPE",
        meaning: "Version 6, 8 or 9 in C0 or S0 announces Adobe's encryption. Its keys are agreed on in the \
                  handshake and are not in the capture, so that nothing behind the handshake can be read.",
        breaks_on: "Most servers and clients of today, which do not support it (bluenviron/mediamtx#2269, \
                    bluenviron/mediamtx#2189).",
        fix: "Use rtmp:// to inspect the connection, and rtmps:// where encryption is needed.",
        spec: Some("RTMP 1.0 §5.2.2"),
    },
    Rule {
        code: "hs.tls-on-plain",
        severity: Severity::Error,
        confidence: Confidence::Certain,
        title: "TLS where plain RTMP is expected, or the reverse",
        meaning: "A direction opens with a TLS record. If both do, it is RTMPS and its keys are needed to read it. \
                  If only one does, an rtmps:// client met a plain port, or a plain client a TLS port, which \
                  answers with an alert.",
        breaks_on: "Both sides where only one speaks TLS: the connection closes at once (arut/nginx-rtmp-module#1397, \
                    arut/nginx-rtmp-module#1605, obsproject/obs-studio#11586).",
        fix: "Match the scheme to the port: rtmp:// usually goes to 1935 and rtmps:// to 443 or 1936. nginx-rtmp \
              needs a TLS proxy in front of it.",
        spec: None,
    },
    Rule {
        code: "hs.version",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: "The handshake announces an unusual version",
        meaning: "C0 or S0 has another version than 3. Versions 0 to 2 belong to earlier products, and 4 to 31 are \
                  reserved. The handshake is read as that of version 3.",
        breaks_on: "Servers that check the byte and close the connection.",
        fix: "Send 3.",
        spec: Some("RTMP 1.0 §5.2.2"),
    },
];

#[cfg(test)]
mod tests {
    use super::super::test_kit::{C2S, S2C, Script};

    #[test]
    fn what_a_connection_opens_with() {
        for (first, code) in [
            (&b"GET / HTTP/1.1\r\n"[..], "hs.http-on-rtmp"),
            (b"HTTP/1.1 400 Bad Request\r\n", "hs.http-reply"),
            (b"\x16\x03\x01\x02\0", "hs.tls-on-plain"),
            (b"\x06", "hs.rtmpe"),
            (b"\x04", "hs.version"),
            (b"SSH-2.0-x", "hs.not-rtmp"),
        ] {
            assert_eq!(Script::new().raw(S2C, first).codes(), [code]);
        }
        assert_eq!(Script::new().raw(S2C, b"\x03").codes(), [""; 0]);
    }

    #[test]
    fn a_handshake_that_is_not_whole() {
        assert!(Script::new().raw(C2S, &[3; 1537]).end().has("hs.incomplete"));
        assert!(!Script::shaken().end().has("hs.incomplete"));
    }
}
