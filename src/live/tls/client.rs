//! The side that checks a certificate.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, KeyLog, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::Stream;
use super::server::words;
use super::{Error, provider};

/// Whose certificates are believed.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'p> {
    /// Those issued by whom the system trusts.
    System,
    /// Those issued by whom this PEM file names.
    File(&'p Path),
    /// Any at all: nothing is checked.
    Anyone,
}

/// Makes TLS connections to servers of one name.
#[derive(Clone)]
pub struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that expects a certificate for `name`, a DNS name or an IP address, and tells `keys` the secrets of each
    /// session.
    ///
    /// # Errors
    /// The trusted certificates cannot be read, or `name` is none.
    pub fn new(name: &str, trust: Trust<'_>, keys: Option<Arc<dyn KeyLog>>) -> Result<Self, Error> {
        let provider = provider();
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            Trust::Anyone => Arc::new(Unchecked(Arc::clone(&provider))),
            Trust::System => verifier(system()?, &provider)?,
            Trust::File(path) => verifier(file(path)?, &provider)?,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::Unusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        if let Some(keys) = keys {
            config.key_log = keys;
        }
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| Error::Name(name.to_owned()))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Does the TLS handshake.
    ///
    /// # Errors
    /// The handshake fails, as it does where the certificate is not believed; [`explain`](super::explain) says why. It
    /// waits as long as the server does.
    pub async fn connect(&self, tcp: TcpStream) -> io::Result<Stream> {
        let tls = self.connector.connect(self.name.clone(), tcp).await?;
        Ok(Stream::Tls(Box::new(tls.into())))
    }
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|_| Error::NoRoots)
}

/// What the system trusts. Certificates in it that cannot be used are nobody's trouble here.
fn system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(Error::NoRoots) } else { Ok(roots) }
}

fn file(path: &Path) -> Result<RootCertStore, Error> {
    let broken = |reason| Error::Read { what: "certificates", path: path.to_owned(), reason };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| broken(words(&error)));
    let mut roots = RootCertStore::empty();
    for certificate in found? {
        roots.add(certificate).map_err(|error| broken(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(broken("there is none in it (PEM: BEGIN CERTIFICATE)".to_owned()));
    }
    Ok(roots)
}

/// Believes any certificate. That the server has its key is checked all the same, as the protocol requires it.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
