//! TLS seen from outside: the plaintext of a connection whose secrets are known. Knows no RTMP, no packets, and sends nothing.
//!
//! A [`Session`] takes the TCP stream of both directions, with its holes, and the secrets of key logs ([`Keys`]); out
//! come the application data of both, with their holes. Nothing is verified but what proves that the keys are right:
//! who the peers are is their own affair.
//!
//! | specification | implemented in |
//! |---|---|
//! | RFC 8446 (TLS 1.3) §4, RFC 5246 (1.2), 4346 (1.1), 2246 (1.0): handshake | `hello.rs`, `session/handshake.rs` |
//! | RFC 8446 §5, RFC 5246 §6.2: records; a search for them behind holes | `record.rs` |
//! | RFC 5288, 6655, 7905 (GCM, CCM, ChaCha20-Poly1305), RFC 7366 (encrypt-then-MAC) | `cipher.rs` |
//! | RFC 8446 §7, RFC 5246 §5, §6.3, RFC 7627 (extended master secret): secrets and keys | `schedule.rs`, `session/epochs.rs` |
//! | RFC 9850: key logs | `keys.rs` |

mod cipher;
mod facts;
mod half;
mod hello;
mod keys;
mod names;
mod record;
mod schedule;
mod session;
mod suite;

pub use super::tcp::Piece;
pub use facts::{Alert, Facts, State, Unreadable};
pub use keys::Keys;
pub use names::{CipherSuite, Version, alert_description};
pub use session::{Out, Session};

/// Whether the first bytes of a TCP stream are those of a TLS record that begins a ClientHello. Six are enough to say so.
#[must_use]
pub fn is_client_hello(bytes: &[u8]) -> bool {
    begins(hello::message::CLIENT_HELLO, bytes)
}

/// The same of a ServerHello, which is the first thing where the ClientHello is not in the capture.
#[must_use]
pub fn is_server_hello(bytes: &[u8]) -> bool {
    begins(hello::message::SERVER_HELLO, bytes)
}

fn begins(message: u8, bytes: &[u8]) -> bool {
    let &[record::content::HANDSHAKE, 3, 0..=4, high, low, kind, ..] = bytes else { return false };
    let length = usize::from(u16::from_be_bytes([high, low]));
    kind == message && (hello::MESSAGE_HEADER..=1 << 14).contains(&length)
}
