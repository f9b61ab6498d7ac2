//! TLS on either side of a connection: certificates, names, session keys, and what went wrong in words.
//!
//! It knows nothing of RTMP but its first byte.

mod client;
mod key_log;
mod server;
mod words;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::{Client, Trust};
pub use key_log::KeyLogFile;
pub use server::{Identity, Server, begins_with_tls};
pub use words::{explain, failed, is_of_peer};

/// Why TLS cannot be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read, or is not PEM.
    Read {
        /// What it is to hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file cannot be written.
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificate and key do not go together, or are of a kind that cannot be used.
    Unusable(rustls::Error),
    /// No certificate could be made.
    Generate(rcgen::Error),
    /// The system has no certificates of issuers to trust.
    NoRoots,
    /// The system gives no random bytes.
    Random,
    /// It is no name of a server.
    Name(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { what, path, reason } => {
                write!(f, "cannot read {what} from {}: {reason}", path.display())
            }
            Self::Write { path, source } => {
                write!(f, "cannot write {}: {source}", path.display())
            }
            Self::Unusable(error) => {
                write!(f, "the certificate and its key cannot be used: {error}")
            }
            Self::Generate(error) => write!(f, "cannot make a certificate: {error}"),
            Self::NoRoots => f.write_str(
                "the system has no certificates of issuers to check the server's with: --ca FILE names some, --insecure \
                 does without",
            ),
            Self::Random => f.write_str("the system gives no random bytes"),
            Self::Name(name) => write!(f, "{name} is not a name that a certificate can be for"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Write { source, .. } => Some(source),
            Self::Unusable(error) => Some(error),
            Self::Generate(error) => Some(error),
            _ => None,
        }
    }
}

/// The cryptography used, named rather than left to whatever was linked.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Random bytes of the system.
///
/// # Errors
/// It gives none.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), Error> {
    provider().secure_random.fill(bytes).map_err(|_| Error::Random)
}

/// A random text of 16 letters, for whoever has to ask something that nobody can foresee.
///
/// # Errors
/// The system gives no random bytes.
pub fn random_text() -> Result<String, Error> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect())
}
