//! What the framing of a connection gives to say: each oddity of the core as a [`Finding`].

use super::resync::Found;
use super::{Finding, Severity};
use crate::proto::amf::{CutReason, Value};
use crate::proto::chunk::{self, Loss, LossKind, Note, NoteKind};
use crate::proto::fault::{Fault, FaultKind};
use crate::proto::message::{Body, InnerMessage, Kind};
use crate::proto::proxy::{Header, Source};
use crate::proto::{Direction, Span};

/// What could not be read of a message.
pub(super) fn malformed(raw: &chunk::Message<'_>, body: &Body, fault: &Fault) -> Finding {
    let kind = Kind::of(raw.type_id).as_str();
    let reason = fault.reason();
    if fault.kind == FaultKind::Limit("amf_depth") {
        let at = fault.offset;
        let text =
            format!("the {kind} message has AMF values nested too deep at its byte {at}: {reason}");
        return Finding::new("amf.depth", Severity::Error, text);
    }
    if let Some(rest) = behind_values(body).filter(|_| raw.damaged.is_empty()) {
        let at = (raw.length as usize).saturating_sub(rest);
        let text = format!(
            "{rest} bytes behind the last value of the {kind} message, from its byte {at} on, are no value: {reason}"
        );
        return Finding::new("amf.trailing", Severity::Warning, text).spec("AMF 0 §2.1");
    }
    let text = format!(
        "the {kind} message of {} bytes cannot be read from its byte {} on: {reason}",
        raw.length, fault.offset
    );
    Finding::new("message.malformed", Severity::Error, text)
}

/// How many bytes a command or data message has behind its values that are none; `None` where it breaks off inside one.
fn behind_values(body: &Body) -> Option<usize> {
    let last = match body {
        Body::Command(command) if command.name.is_some() => {
            command.arguments.last().or(command.object.as_ref())
        }
        Body::Data(data) if data.name.is_some() => data.arguments.last(),
        _ => None,
    };
    match last? {
        Value::Cut(cut) if cut.reason == CutReason::Malformed => Some(cut.bytes.len()),
        _ => None,
    }
}

/// An oddity that the chunk reader survived; `None` for those that are no loss and are judged.
pub(super) fn of(note: &Note) -> Option<Finding> {
    let id = note.chunk_stream_id;
    let at = note.offset;
    let finding = match note.kind {
        NoteKind::FreshFormat1 => Finding::new(
            "chunk.fresh-fmt1",
            Severity::Info,
            format!("chunk stream {id} begins with a format 1 header, which leaves its message stream id unsaid"),
        )
        .spec("RTMP 1.0 §5.3.1.2.1"),
        NoteKind::HeaderInsideMessage { format, had, length, began } => Finding::new(
            "chunk.fmt0-mid-message",
            Severity::Error,
            format!(
                "a format {format} header at byte {at} begins a new message on chunk stream {id} although only {had} of \
                 {length} bytes of the one begun at byte {began} had come; the unfinished one is dropped"
            ),
        )
        .spec("RTMP 1.0 §5.3.1"),
        NoteKind::ExtendedTimestampOmitted { .. }
        | NoteKind::Format3Begins
        | NoteKind::Interleaved { .. } => return None,
        NoteKind::ChunkSizeInvalid { value } => Finding::new(
            "chunk.size-invalid",
            Severity::Error,
            format!("Set Chunk Size announces {value}, which is not between 1 and 2147483647"),
        )
        .spec("RTMP 1.0 §5.4.1"),
        NoteKind::Aborted { had, length } => Finding::new(
            "chunk.abort",
            Severity::Warning,
            format!("Abort dropped a message on chunk stream {id} of which {had} of {length} bytes had come"),
        )
        .spec("RTMP 1.0 §5.4.2"),
        NoteKind::PartialDropped { had, length } => Finding::new(
            "limit.partial-bytes",
            Severity::Error,
            format!(
                "the payload of an unfinished message on chunk stream {id} ({had} of {length} bytes) was given up: \
                 too many bytes of unfinished messages (limit partial_bytes)"
            ),
        ),
        NoteKind::LongBasicHeader { length } => Finding::new(
            "chunk.csid-long-form",
            Severity::Info,
            format!("chunk stream id {id} is written in {length} bytes although a shorter form holds it"),
        )
        .spec("RTMP 1.0 §5.3.1.1"),
    };
    Some(finding)
}

/// An inner message of an aggregate whose back pointer is wrong.
pub(super) fn back_pointer(index: usize, inner: &InnerMessage) -> Finding {
    let text = format!(
        "the back pointer behind message {} of an aggregate says {} bytes, and the message has {} with its header",
        index + 1,
        inner.back_pointer.unwrap_or(0),
        inner.size()
    );
    Finding::new("aggregate.back-pointer", Severity::Warning, text).spec("RTMP 1.0 §7.1.6")
}

/// The framing was lost by what was sent; `None` where bytes are missing, which the gap says.
pub(super) fn lost(direction: Direction, loss: &Loss) -> Option<Finding> {
    let at = loss.offset;
    let reason = match loss.kind {
        LossKind::Hole | LossKind::Stale { .. } | LossKind::ChunkSizeUnproven { .. } => {
            return None;
        }
        LossKind::NoPriorHeader { format, chunk_stream_id } => format!(
            "a format {format} chunk on chunk stream {chunk_stream_id}, which has had no header to inherit from"
        ),
        LossKind::Implausible { type_id, length, message_stream_id } => format!(
            "the header there would be of message type {type_id}, length {length}, message stream {message_stream_id}"
        ),
    };
    let text = format!(
        "{direction} lost the chunk framing at byte {at}: {reason}; looking for the next header"
    );
    Some(Finding::new("chunk.sync-lost", Severity::Error, text).spec("RTMP 1.0 §5.3.1"))
}

/// Decoding goes on behind what `span` skips.
pub(super) fn resumed(
    direction: Direction,
    span: Span,
    found: &Found,
    code: &'static str,
) -> Finding {
    let Span { start, end } = span;
    let what = if code == "capture.begins-inside" {
        "the capture begins inside the connection"
    } else {
        "chunk framing found again"
    };
    let size = if found.proven < u32::MAX {
        "chunk size not known yet".to_owned()
    } else {
        format!("chunk size {}", found.chunk_size)
    };
    let text = if span.is_empty() {
        format!("{what}: {direction} goes on at byte {end} with nothing skipped ({size})")
    } else {
        format!(
            "{what}: {direction} skipped bytes {start} to {end} ({} bytes) and goes on at byte {end} ({size})",
            span.len()
        )
    };
    let severity = if code == "capture.begins-inside" { Severity::Info } else { Severity::Warning };
    Finding::new(code, severity, text)
}

/// The direction ended before a place to go on was found.
pub(super) fn unreadable(direction: Direction, span: Span, code: &'static str) -> Finding {
    let Span { start, end } = span;
    let text = format!(
        "{direction} could not be read from byte {start} to its end at byte {end} ({} bytes): no place looks like a \
         chunk header",
        span.len()
    );
    let severity =
        if code == "capture.begins-inside" { Severity::Warning } else { Severity::Error };
    Finding::new("chunk.unreadable", severity, text)
}

/// Messages that a direction's end cuts off.
pub(super) fn unfinished(
    direction: Direction,
    reader: &chunk::Reader,
    end: u64,
) -> impl Iterator<Item = (Span, Finding)> {
    let messages = reader.streams().iter().filter(|stream| stream.unfinished()).map(move |stream| {
        let kind = Kind::of(stream.type_id).as_str();
        let text = format!(
            "{direction} ends inside a message: {} of {} bytes of a {kind} message on chunk stream {} (timestamp {})",
            stream.received(),
            stream.length,
            stream.id,
            stream.timestamp
        );
        (Span { start: stream.start(), end }, Finding::new("chunk.unfinished", Severity::Info, text))
    });
    let carried = reader.carried().len() as u64;
    let header = (carried > 0).then(|| {
        let text = format!("{direction} ends inside a chunk header, after {carried} of its bytes");
        let span = Span { start: end.saturating_sub(carried), end };
        (span, Finding::new("chunk.unfinished", Severity::Info, text))
    });
    messages.chain(header)
}

/// A connection on which neither side said anything.
pub(super) fn silent() -> Finding {
    let text = "the connection was opened and closed, and neither side said anything: there is no C0 and no S0";
    Finding::new("hs.incomplete", Severity::Warning, text.to_owned()).spec("RTMP 1.0 §5.2")
}

/// A direction ended inside its handshake.
pub(super) fn handshake_unfinished(direction: Direction, bytes: u64) -> Finding {
    let [first, second, third] = match direction {
        Direction::ClientToServer => ["C0", "C1", "C2"],
        Direction::ServerToClient => ["S0", "S1", "S2"],
    };
    let there = match bytes {
        0 => "nothing".to_owned(),
        1 => format!("{first} only"),
        2..1537 => format!("{first} and {} of 1536 bytes of {second}", bytes - 1),
        1537 => format!("{first} and {second} only"),
        _ => format!("{first}, {second} and {} of 1536 bytes of {third}", bytes - 1537),
    };
    Finding::new(
        "hs.incomplete",
        Severity::Warning,
        format!("the {direction} handshake is not complete: {there}"),
    )
    .spec("RTMP 1.0 §5.2")
}

/// A PROXY protocol header ahead of the handshake.
pub(crate) fn proxy_prefix(header: &Header) -> Finding {
    let who = match &header.source {
        Source::Tcp(source, target) => format!("the client is {source}, connected to {target}"),
        Source::Local => "the connection is the load balancer's own (LOCAL)".to_owned(),
        Source::Unix => "the client is on a Unix socket".to_owned(),
        Source::Unknown => "who the client is is not said".to_owned(),
    };
    let text = format!(
        "a PROXY protocol header (version {}, {} bytes) precedes the handshake: {who}",
        header.version, header.length
    );
    Finding::new("hs.proxy-prefix", Severity::Info, text).spec(PROXY_PROTOCOL)
}

/// A PROXY protocol header that is not whole or not right.
pub(super) fn proxy_broken(reason: &str) -> Finding {
    let text = format!("the PROXY protocol header ahead of the handshake cannot be read: {reason}");
    Finding::new("hs.proxy-broken", Severity::Error, text).spec(PROXY_PROTOCOL)
}

const PROXY_PROTOCOL: &str = "PROXY protocol §2";

/// What a direction opens with, where it is not plain RTMP; and whether the handshake can be read all the same.
pub(super) fn opening(direction: Direction, bytes: &[u8]) -> Option<(Finding, bool)> {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"PUT ",
        b"OPTIONS ",
        b"DELETE ",
        b"CONNECT ",
        b"PATCH ",
        b"TRACE ",
    ];
    let first = *bytes.first()?;
    let error = |code, text: String| Some((Finding::new(code, Severity::Error, text), false));
    if let Some(method) = METHODS.iter().find(|method| bytes.starts_with(method)) {
        let method = String::from_utf8_lossy(method);
        return error(
            "hs.http-on-rtmp",
            format!(
                "{direction} is HTTP ({}) and not RTMP: an http:// URL was pointed at an RTMP port",
                method.trim()
            ),
        );
    }
    if bytes.starts_with(b"HTTP/") {
        return error(
            "hs.http-reply",
            format!("{direction} answers in HTTP: this is a web server and not an RTMP server"),
        );
    }
    if bytes.len() >= 2 && first == 0x16 && bytes[1] == 3 {
        return error(
            "hs.tls-on-plain",
            format!(
                "{direction} is TLS: this is RTMPS, whose keys are needed to read it, or RTMPS sent to a plain RTMP port"
            ),
        );
    }
    if bytes.len() >= 2 && first == 0x15 && bytes[1] == 3 {
        return error(
            "hs.tls-on-plain",
            format!("{direction} is a TLS alert: the port speaks TLS and was sent plain RTMP"),
        );
    }
    match first {
        3 => None,
        6 | 8 | 9 => Some((
            Finding::new(
                "hs.rtmpe",
                Severity::Error,
                format!(
                    "version {first} is RTMPE: what follows the handshake is encrypted and cannot be read from a capture"
                ),
            ),
            true,
        )),
        0..32 => Some((
            Finding::new(
                "hs.version",
                Severity::Warning,
                format!("the handshake announces version {first} where RTMP has 3"),
            )
            .spec("RTMP 1.0 §5.2.2"),
            true,
        )),
        _ => error(
            "hs.not-rtmp",
            format!(
                "{direction} is not RTMP: its first byte is 0x{first:02x} where a handshake has 0x03"
            ),
        ),
    }
}
