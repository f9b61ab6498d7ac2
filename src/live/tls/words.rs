//! What went wrong in a TLS handshake, for people.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use crate::inspect::{Finding, Severity};
use crate::proto::handshake::Side;

/// Whether a TLS handshake failed because the peer ended it, with an alert or without.
#[must_use]
pub fn is_of_peer(error: &io::Error) -> bool {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(tls) => matches!(tls, Error::AlertReceived(_)),
        None => true,
    }
}

/// Why a TLS handshake failed, as a clause, told from the error of the socket. `side` is this program's.
#[must_use]
pub fn explain(error: &io::Error, side: Side) -> String {
    let peer = match side {
        Side::Client => "server",
        Side::Server => "client",
    };
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                format!("the {peer} closed the connection in the middle of the TLS handshake")
            }
            _ => format!("the TLS handshake broke off: {error}"),
        };
    };
    match tls {
        Error::InvalidCertificate(reason) => format!("the {peer}'s certificate {}", fault(reason)),
        Error::AlertReceived(alert) => format!("the {peer} refused: {}", refusal(*alert)),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("the {peer} does not speak TLS there: try rtmp:// instead of rtmps://")
        }
        Error::PeerIncompatible(reason) => {
            format!("the {peer} speaks no TLS 1.2 or 1.3 that suits both: {reason:?}")
        }
        other => format!("TLS failed: {other}"),
    }
}

fn fault(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "is for another name: {} was expected, it is for {}",
            expected.to_str(),
            if presented.is_empty() { "none".to_owned() } else { presented.join(", ") }
        ),
        CertificateError::UnknownIssuer => {
            "was issued by nobody who is trusted, as self-signed ones are: --ca FILE trusts its issuer".to_owned()
        }
        CertificateError::Revoked => "was revoked".to_owned(),
        CertificateError::Other(other) => {
            let text = other.to_string();
            // A certificate that is its own issuer and an authority.
            if text.contains("CaUsedAsEndEntity") {
                "is that of an authority, as self-signed ones can be: --ca FILE cannot trust it, --insecure does".to_owned()
            } else {
                format!("cannot be trusted: {text}")
            }
        }
        other => format!("cannot be trusted: {other}"),
    }
}

/// What an alert of the peer means (RFC 8446 §6).
fn refusal(alert: AlertDescription) -> String {
    let why = match alert {
        AlertDescription::UnknownCA | AlertDescription::BadCertificate => {
            "it does not trust this certificate"
        }
        AlertDescription::CertificateExpired => "this certificate has expired",
        AlertDescription::CertificateUnknown => "it does not accept this certificate",
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion => {
            "it speaks no TLS that suits both"
        }
        AlertDescription::UnrecognisedName => "it has no certificate for this name",
        AlertDescription::UserCanceled | AlertDescription::CloseNotify => "it gave up",
        _ => return format!("it sent the TLS alert {alert:?}"),
    };
    format!("{why} (TLS alert {alert:?})")
}

/// The finding of a TLS handshake that failed for the reason that [`explain`] gives.
#[must_use]
pub fn failed(reason: &str) -> Finding {
    Finding::new("tls.failed", Severity::Error, format!("no TLS connection: {reason}"))
        .spec("RFC 8446 §4")
}
