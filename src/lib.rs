//! rtmpctl: shows what really crossed the wire on an RTMP connection, byte-exact, and says what is wrong with it.
//!
//! This is the library behind the `rtmpctl` program. It decodes RTMP without any I/O: whoever has the bytes of a
//! connection hands them in with the time at which they arrived, and gets records out. The example that does it is
//! at [`Inspector`](inspect::Inspector).
//!
//! # How data flows
//!
//! ```text
//!  file, pipe ─► capture::file::Reader ─► capture::Captures ─► Traffic ─► inspect::Inspector ─► Record
//!              pcap, pcapng, FLV, raw       link, IP, TCP        │                               │
//!  sockets ───► live::proxy, live::listen ─► live::Tap ─────────►┤                               │
//!                                           connections          ▼                               ├─► output::flv
//!                                                          output::pcapng                        ▼
//!                                                                                          output::filter
//!                                                                output::json  ◄─┐               ▼
//!                                                                output::table ◄─┴───────── output::redact
//! ```
//!
//! Recordings (`flv`, `pcapng`) get everything as it was sent, before the filter and the masking.
//! `cli::pump` is the loop that joins the parts behind [`Traffic`](inspect::Traffic). The boundary on the way in is
//! that data type, not a trait: a capture is one way to make it, and a test writes it by hand.
//!
//! Inside the Inspector, for one connection:
//!
//! ```text
//!  Bytes, Gap (c2s) ─► Lane: handshake ─► chunk::Reader ─► message::decode ─┐
//!                        ▲            ╲                                     ├─► Session, Tracks ─► Record
//!                        └── resync ◄── framing lost                        │        │
//!  Bytes, Gap (s2c) ─► Lane: the same ──────────────────────────────────────┘        └─► Summary, at the end
//! ```
//!
//! A lane never gives up on the first fault. A hole that is known to lie inside one chunk's payload is counted
//! through, and the message is marked as damaged. When the framing is lost, the lane searches for a place whose
//! following headers prove it, and says what was skipped.
//!
//! # Feed, then drain
//!
//! Each level takes input by [`feed`](inspect::Inspector::feed) or `next` and gives everything that it completes
//! before it takes more. [`Inspector::feed`](inspect::Inspector::feed) calls back for each record before it returns;
//! [`chunk::Reader::next`](proto::chunk::Reader::next) and [`file::Reader::next`](capture::file::Reader::next) are
//! called until they give `None`, which the chunk reader means as "more bytes are needed" and the file reader as
//! "the end". Needing more bytes is never an error. Cutting the input elsewhere never changes the messages.
//!
//! Records borrow from the inspector and live as long as the call. What is to be kept is copied out.
//!
//! # Three kinds of time
//!
//! | time | type | where | is |
//! |---|---|---|---|
//! | arrival | [`Arrival`](inspect::Arrival), nanoseconds since the Unix epoch | [`Place::at`](inspect::Place::at) | when the capture saw the packet; absent where the capture has no clock |
//! | message timestamp | `u32`, milliseconds, wraps | [`chunk::Message::timestamp`](proto::chunk::Message::timestamp) | what the sender gave the message; from any zero |
//! | handshake epoch | `u32`, milliseconds | [`HandshakeFields::One`](inspect::HandshakeFields::One) | the sender's own clock, echoed by the peer |
//!
//! They have nothing to do with each other. Nothing in the library looks at a clock: the same traffic always gives
//! the same records.
//!
//! # Layers
//!
//! | module | is | may use |
//! |---|---|---|
//! | [`Limits`] | every cap of the program | nothing |
//! | [`proto`] | RTMP itself: bytes to values and back | `Limits` |
//! | [`inspect`] | connections: `Traffic` in, `Record`s out | `proto`, `Limits` |
//! | [`capture`] | files to `Traffic` | of `inspect` only what `Traffic` and `Finding` are made of, and the judgement of framing; of `proto` what they hold, `cursor` and `fault`, and in `file::raw` what tells RTMP from other bytes; `Limits` |
//! | [`output`] | records as text (JSON, tables), filter, masking; recordings (FLV, pcapng) | `inspect`, `proto`, `Limits` |
//! | [`live`] | sockets to `Traffic`: connections served ([`live::listen`]) or handed on ([`live::proxy`]); the protocol on sockets for other programs | `proto`, of `inspect` what `Traffic` is made of, `Limits` |
//! | `cli` | arguments, wiring, exit statuses (feature `cli`) | all of the above |
//!
//! Inside `proto` the order is `types`, `fault`, `cursor`; then `handshake`, `chunk`, `codec` and `amf`, which do not
//! know each other; then `bitstream`, which knows `codec`, and `message`; then `session`, which joins them. Only `cli` names clap, only `cli` and `live` name tokio. `tests/layers.rs` is the exact table and fails
//! on an import that is not in it. Without the feature `cli` there is no terminal code: `default-features = false`.
//!
//! # Specifications
//!
//! | specification | implemented in |
//! |---|---|
//! | RTMP 1.0 §5.2, handshake; the digest form that no specification describes | [`proto::handshake`] |
//! | RTMP 1.0 §5.3, chunk stream | [`proto::chunk`] |
//! | RTMP 1.0 §5.4, §6, §7, messages | [`proto::message`]; commands by name: [`proto::message::command`] |
//! | RTMP 1.0 §7.2, the answers of servers and the calls of clients; Enhanced RTMP v2: capabilities, reconnect request | [`proto::session`] |
//! | Enhanced RTMP v2: FourCCs, ModEx, multitrack, multichannel | [`proto::message`] |
//! | Video File Format 10.1 (FLV), annex E.4: audio and video tag headers | [`proto::message`] |
//! | TLS 1.3 (RFC 8446), 1.2 and before, seen from outside with their secrets | [`capture::tls`] |
//! | AMF 0 | [`proto::amf::amf0`] |
//! | AMF 3 | [`proto::amf::amf3`] |
//! | Codec configuration records: ISO/IEC 14496-15 and 14496-3, AV1 and VP in ISOBMFF, RFC 7845, RFC 9639; frame headers of MP3, AC-3, VP8, VP9, H.263, VP6 | [`proto::codec`] |
//! | What frames are made of: ITU-T H.264, H.265, H.266, AV1, VP9; supplemental enhancement information | [`proto::bitstream`] |
//!
//! `docs/coverage.md` says what of each is covered, and which test shows it.
//!
//! # Guarantees
//!
//! - No input makes it panic, and memory is bounded by [`Limits`], whatever a length field claims.
//! - Every byte has its place: records say the half-open range of stream bytes that they came from.
//! - Missing bytes are said: a gap with its exact range, messages marked as damaged, timestamps marked as uncertain.
//! - A body that cannot be read is reported with what could be, and where reading stopped.
//! - Every code that a [`Finding`](inspect::Finding) can have is in [`inspect::rules`], with who breaks on it and what to
//!   do. Judging rests on facts that are gathered apart from it, and can be turned off.
//! - JSON is one strict object a line. In tables what a peer sent is escaped, so that no row can be forged.
//! - [`output::redact`] masks stream keys, tokens and passwords. Records themselves hold them as sent.

pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
pub mod inspect;
mod limits;
pub mod live;
pub mod output;
pub mod proto;

pub use limits::Limits;
