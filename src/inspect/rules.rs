//! The registry of every finding: what its code means, who has trouble with it and what to do.

use super::Severity;

/// What is to be said about a finding besides the sentence that reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable name: `chunk.sync-lost`.
    pub code: &'static str,
    /// How bad it is where nothing speaks for another severity.
    pub severity: Severity,
    /// What it is, in one line.
    pub title: &'static str,
    /// What it means, in two or three sentences.
    pub meaning: &'static str,
    /// Who has trouble with it.
    pub breaks_on: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// The section of a specification that it rests on, where there is one.
    pub spec: Option<&'static str>,
}

/// The rule of a code.
#[must_use]
pub fn rule(code: &str) -> Option<&'static Rule> {
    let at = RULES.binary_search_by(|rule| rule.code.cmp(code)).ok()?;
    RULES.get(at)
}

/// Every rule, sorted by its code.
pub const RULES: &[Rule] = &[
    Rule {
        code: "aggregate.back-pointer",
        severity: Severity::Warning,
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
        code: "capture.begins-inside",
        severity: Severity::Info,
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
        code: "chunk.abort",
        severity: Severity::Warning,
        title: "An unfinished message was aborted",
        meaning: "The sender gave up a message in the middle with an Abort message, and its receiver drops the part \
                  that it has. This is legal, but almost no sender does it.",
        breaks_on: "Servers and clients that ignore Abort: they go on waiting for the rest of the message and take \
                    the next one for it (bluenviron/mediamtx#4673 is about support for it).",
        fix: "Send messages to their end; drop frames before their first chunk is written.",
        spec: Some("RTMP 1.0 §5.4.2"),
    },
    Rule {
        code: "chunk.csid-long-form",
        severity: Severity::Info,
        title: "A chunk stream id is written in more bytes than it needs",
        meaning: "Ids up to 63 fit into one byte and ids up to 319 into two. The longer form says the same, so \
                  nothing is lost but the bytes.",
        breaks_on: "Receivers that tell chunk streams apart by the raw bytes of the header; peers with weak support \
                    for ids from 64 on (HaishinKit/HaishinKit.swift#319, gwuhaolin/livego#51) meet the same forms.",
        fix: "Write each id in the shortest form that holds it.",
        spec: Some("RTMP 1.0 §5.3.1.1"),
    },
    Rule {
        code: "chunk.ext-ts-missing-t3",
        severity: Severity::Warning,
        title: "Format 3 chunks do not repeat the extended timestamp",
        meaning: "Once a timestamp or delta needs more than 24 bits, each format 3 chunk of the message is to repeat \
                  the extended timestamp field. This sender leaves it out, so that a receiver which follows the \
                  specification swallows four bytes of payload per chunk. Reading goes on here because the \
                  repetition is looked for and not assumed.",
        breaks_on: "Receivers that always skip four bytes: streams break when timestamps pass 16,777,215 ms, 4 h 39 \
                    min and 37 s after zero (obsproject/obs-studio#10097, ossrs/srs#4365, \
                    KallDrexx/rust-media-libs#15).",
        fix: "Repeat the field in every format 3 chunk of such a message. As a stopgap, restart the stream before \
              the boundary, or announce chunks so large that messages are not split.",
        spec: Some("RTMP 1.0 §5.3.1.3"),
    },
    Rule {
        code: "chunk.fmt0-mid-message",
        severity: Severity::Error,
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
        code: "chunk.size-invalid",
        severity: Severity::Error,
        title: "Set Chunk Size announces a size that is not allowed",
        meaning: "A chunk size is between 1 and 2,147,483,647 bytes; the top bit has to be zero. A size of 0 is \
                  ignored here, and a top bit is dropped.",
        breaks_on: "Most receivers: they close the connection, divide by zero, or take the number for negative \
                    (ossrs/srs#160, ossrs/srs#541, Red5/red5-server#379).",
        fix: "Announce a size from 128 up to 65,536; 4,096 is what most senders use.",
        spec: Some("RTMP 1.0 §5.4.1"),
    },
    Rule {
        code: "chunk.sync-lost",
        severity: Severity::Error,
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
        title: "No chunk header was found again",
        meaning: "The framing was lost, or the capture begins inside the connection, and no place up to the end of \
                  the direction proved to be a chunk header. Those bytes are counted but not decoded.",
        breaks_on: "The analysis; where the bytes were sent like that, every receiver.",
        fix: "Capture more of the connection, best from its start. If it is encrypted or not RTMP, choose the right \
              port.",
        spec: None,
    },
    Rule {
        code: "flv.damaged",
        severity: Severity::Warning,
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
        title: "A PreviousTagSize of an FLV file is wrong",
        meaning: "The number behind a tag is not the size of the tag, header included. Another tag or the end of the file \
                  follows where it should, so the tag was read all the same.",
        breaks_on: "Players that go backwards, and those that look for the last timestamp at the end of the file.",
        fix: "Let ffmpeg write the file anew.",
        spec: Some("FLV 10.1 §E.3"),
    },
    Rule {
        code: "hs.http-on-rtmp",
        severity: Severity::Error,
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
        title: "The handshake announces an unusual version",
        meaning: "C0 or S0 has another version than 3. Versions 0 to 2 belong to earlier products, and 4 to 31 are \
                  reserved. The handshake is read as that of version 3.",
        breaks_on: "Servers that check the byte and close the connection.",
        fix: "Send 3.",
        spec: Some("RTMP 1.0 §5.2.2"),
    },
    Rule {
        code: "ip.fragments-differ",
        severity: Severity::Warning,
        title: "IP fragments overlap with other bytes",
        meaning: "Fragments of one IP datagram cover the same bytes with different values. Hosts disagree about which of \
                  them count, and IPv6 forbids such fragments; rtmpctl decodes what came first.",
        breaks_on: "Whatever decides otherwise than the receiver: a firewall or an analyser may see another stream than \
                    the server.",
        fix: "Nobody sends this by itself: look for an attack on whatever inspects the traffic, or for a broken \
              middlebox. Where the MTU is right, no TCP segment is fragmented.",
        spec: Some("RFC 5722 §3"),
    },
    Rule {
        code: "limit.partial-bytes",
        severity: Severity::Error,
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
        code: "limit.record-bytes",
        severity: Severity::Warning,
        title: "A block of a capture file is too long to be read",
        meaning: "A pcapng block is longer than those that are read. It is passed over as a whole, as long as it says that \
                  it is, and reading goes on behind it.",
        breaks_on: "What the block holds: no packet of a network is that long, but secrets of TLS sessions or what a \
                    program keeps in a block of its own may be.",
        fix: "Where it holds secrets, give these as a file with --key-log.",
        spec: None,
    },
    Rule {
        code: "limit.rtmp-connections",
        severity: Severity::Error,
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
        title: "What commands say is no longer remembered, to stay within memory",
        meaning: "All open connections together have said too much that is worth remembering: names, URLs and calls \
                  without an answer. Messages are decoded as before, but the summary may lack names, and answers may \
                  not say which call they answer.",
        breaks_on: "Only the analysis.",
        fix: "Decode the connections one by one, or find out who opens so many and leaves them open.",
        spec: None,
    },
    Rule {
        code: "limit.silent-connections",
        severity: Severity::Warning,
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
        code: "limit.total-bytes",
        severity: Severity::Error,
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
        title: "too many media tracks",
        meaning: "A connection carries media on more message streams or tracks than are counted for the summary.",
        breaks_on: "The summary, which has the first tracks only; the messages themselves are all there.",
        fix: "Real encoders have a handful of tracks: look at what makes so many message streams.",
        spec: None,
    },
    Rule {
        code: "limit.tunnel-requests",
        severity: Severity::Warning,
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
        title: "An RTMPT session was given up because there are too many",
        meaning: "More RTMPT sessions are remembered at once than are followed. The one silent longest is closed for the \
                  analysis; what comes for it later is another connection that begins inside.",
        breaks_on: "Only the analysis.",
        fix: "Split the capture, or filter it to the connections of interest, for instance by address.",
        spec: None,
    },
    Rule {
        code: "message.malformed",
        severity: Severity::Error,
        title: "The body of a message cannot be read",
        meaning: "The message is framed correctly, but its content ends too early or breaks the rules of its \
                  format. The record shows what could be read, and `malformed` says where and why it ended.",
        breaks_on: "It depends on the message: strict servers close the connection, others ignore the message; a \
                    broken sequence header makes the track undecodable.",
        fix: "Look at the offset and reason in the record, with --payload hex for its bytes, and correct the sender.",
        spec: None,
    },
    Rule {
        code: "rtmpt.http",
        severity: Severity::Error,
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
        code: "tcp.duplicates",
        severity: Severity::Info,
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
        code: "tls.alert",
        severity: Severity::Error,
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
        title: "TLS that cannot be read",
        meaning: "The connection is TLS, and what is inside cannot be decrypted: its secrets are not given, are those of \
                  other connections, or the capture lacks its beginning. The sentence says which.",
        breaks_on: "Nothing but the inspection.",
        fix: "Let the client or the server write its secrets (SSLKEYLOGFILE for programs with GnuTLS, OpenSSL or NSS; an \
              option of many servers and proxies) and give the file with --key-log, or put it into a pcapng file: editcap \
              --inject-secrets tls,FILE IN OUT. Capture from before the connection begins.",
        spec: Some("RFC 8446 §5"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_found() {
        assert!(RULES.is_sorted_by(|a, b| a.code < b.code));
        for each in RULES {
            assert_eq!(rule(each.code), Some(each));
        }
        assert_eq!(rule("chunk"), None);
    }

    #[test]
    fn texts_are_whole() {
        for Rule { code, title, meaning, breaks_on, fix, .. } in RULES {
            assert!(!title.ends_with('.') && title.len() <= 80, "{code}");
            for text in [meaning, breaks_on, fix] {
                assert!(text.ends_with('.') && !text.contains("  "), "{code}: {text}");
            }
        }
    }
}
