//! The side that has a certificate. One port serves TLS and plain RTMP, told apart by the first byte.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::KeyLog;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::super::Stream;
use super::{Error, provider};

/// A certificate, those of its issuers behind it, and its key.
#[derive(Debug)]
pub struct Identity {
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both from PEM files, which may be one.
    ///
    /// # Errors
    /// One of them cannot be read or has none.
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, Error> {
        let broken =
            |what, path: &Path, reason: String| Error::Read { what, path: path.to_owned(), reason };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect)
            .map_err(|error| broken("a certificate", certificates, words(&error)));
        let chain = chain?;
        if chain.is_empty() {
            let reason = "there is none in it (PEM: BEGIN CERTIFICATE)".to_owned();
            return Err(broken("a certificate", certificates, reason));
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| broken("a private key", key, words(&error)))?;
        Ok(Self { certificates: chain, key })
    }

    /// Makes a certificate that nobody has signed, for `localhost`, the loopback addresses and `address`.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn self_signed(address: IpAddr) -> Result<Self, Error> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let own = address.to_string();
        if !address.is_unspecified() && !names.contains(&own) {
            names.push(own);
        }
        let made = rcgen::generate_simple_self_signed(names).map_err(Error::Generate)?;
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        Ok(Self { certificates: vec![made.cert.into()], key })
    }

    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.certificates.first().map_or(&[][..], AsRef::as_ref));
        let bytes: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}

/// What is wrong with a PEM file.
pub(super) fn words(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error as Pem;
    match error {
        Pem::Io(error) => error.to_string(),
        Pem::NoItemsFound => "there is none in it (PEM)".to_owned(),
        other => format!("it is damaged PEM: {other}"),
    }
}

/// Takes TLS connections.
#[derive(Clone)]
pub struct Server(TlsAcceptor);

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    /// A server that is who `identity` says, and tells `keys` the secrets of each session.
    ///
    /// # Errors
    /// Certificate and key do not go together.
    pub fn new(identity: Identity, keys: Option<Arc<dyn KeyLog>>) -> Result<Self, Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::Unusable)?
            .with_no_client_auth()
            .with_single_cert(identity.certificates, identity.key)
            .map_err(Error::Unusable)?;
        if let Some(keys) = keys {
            config.key_log = keys;
        }
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Does the TLS handshake.
    ///
    /// # Errors
    /// The handshake fails; [`explain`](super::explain) says why. It waits as long as the client does.
    pub async fn accept(&self, tcp: TcpStream) -> io::Result<Stream> {
        let tls = self.0.accept(tcp).await?;
        Ok(Stream::Tls(Box::new(tls.into())))
    }
}

/// Whether the client begins with TLS: waits for its first byte, which is left to be read.
///
/// # Errors
/// What the socket says.
pub async fn begins_with_tls(tcp: &TcpStream) -> io::Result<bool> {
    let mut byte = [0];
    let n = poll_fn(|cx| tcp.poll_peek(cx, &mut ReadBuf::new(&mut byte))).await?;
    Ok(n > 0 && byte[0] == HANDSHAKE)
}

/// The content type of a TLS handshake record (RFC 8446 §5.1). RTMP begins with its version, 3 or 6.
const HANDSHAKE: u8 = 22;
