//! What is known of a TLS connection besides its plaintext. Knows no bytes.

use core::fmt;

use super::names::{CipherSuite, Version, alert_description};
use crate::proto::Direction;

/// What a connection's handshake says, as far as it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The random of the first ClientHello: by it key logs name the connection.
    pub client_random: Option<[u8; 32]>,
    /// The host that the client asks for (RFC 6066 §3).
    pub server_name: Option<String>,
    /// The versions that the client offers, without GREASE; at most 16.
    pub versions_offered: Vec<Version>,
    /// The protocols that the client offers (RFC 7301), at most 16.
    pub alpn_offered: Vec<String>,
    /// The version that the server chose.
    pub version: Option<Version>,
    /// The cipher suite that the server chose.
    pub cipher_suite: Option<CipherSuite>,
    /// The protocol that the server chose. In TLS 1.3 only the handshake secrets of the server show it.
    pub alpn: Option<String>,
    /// Alerts that could be read, at most 16.
    pub alerts: Vec<Alert>,
    /// Records that were there and did not decrypt.
    pub undecrypted: u64,
    /// Which secret of the connection is missing, by its name in a key log, while it is waited for.
    pub wanted: Option<&'static str>,
}

/// An alert (RFC 8446 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Who sent it.
    pub direction: Direction,
    /// Whether its level is 2, fatal.
    pub fatal: bool,
    /// AlertDescription, as a number.
    pub description: u8,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match alert_description(self.description) {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.description),
        }
    }
}

/// How far a connection is decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The hellos, or what follows them unprotected, are still to come.
    Hello,
    /// The secret that [`Facts::wanted`] names is not known yet; what came is held.
    Waiting,
    /// The keys are known.
    Reading,
    /// It is not decrypted, or not any more.
    Unreadable(Unreadable),
}

/// Why a connection is not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable {
    /// The ClientHello is not whole in the capture, or cannot be read.
    ClientHello,
    /// The ServerHello is not whole in the capture, or cannot be read.
    ServerHello,
    /// The version is none of TLS 1.0 to 1.3.
    Version(Version),
    /// The cipher suite is not supported.
    CipherSuite(CipherSuite),
    /// The records are compressed (RFC 3749).
    Compressed,
    /// The secrets given for it do not decrypt it.
    WrongKeys,
    /// So many records in a row did not decrypt.
    Failures(u32),
    /// Application data without protection, or a message that is longer than [`crate::Limits::TLS_MESSAGE`].
    Broken(&'static str),
    /// A limit was reached before there were keys; the text names the field of [`crate::Limits`].
    Limit(&'static str),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientHello => f.write_str("its ClientHello is not whole in the capture"),
            Self::ServerHello => f.write_str("its ServerHello is not whole in the capture"),
            Self::Version(version) => write!(f, "{version} is not supported"),
            Self::CipherSuite(suite) => write!(f, "the cipher suite {suite} is not supported"),
            Self::Compressed => f.write_str("its records are compressed, which is not supported"),
            Self::WrongKeys => f.write_str("the secrets given for it do not decrypt it"),
            Self::Failures(number) => write!(f, "{number} records in a row did not decrypt"),
            Self::Broken(what) => f.write_str(what),
            Self::Limit(name) => {
                write!(f, "limit {name} reached before its secrets were known")
            }
        }
    }
}
