//! TLS and plain RTMP on one port.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use rtmpctl::live::tls::Identity;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};

use super::rig::{Client, Rig, Setup, codes, ending, is};

pub(super) fn identity() -> Identity {
    Identity::self_signed(IpAddr::from([127, 0, 0, 1])).unwrap()
}

fn secure() -> Rig {
    let identity = identity();
    assert_eq!(identity.fingerprint().split(':').count(), 32);
    Setup { tls: Some(identity), ..Setup::default() }.start()
}

/// Believes anything: what is tested is not the client.
#[derive(Debug)]
struct Anyone(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anyone {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client that believes anything, or nothing.
pub(super) fn client(trusting: bool) -> ClientConnection {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if trusting {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            .with_no_client_auth()
    } else {
        builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    };
    ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap()
}

#[test]
fn one_port_serves_tls_and_plain_rtmp() {
    let rig = secure();
    let mut tls = Client::on(StreamOwned::new(client(true), rig.socket()));
    let mut plain = Client::to(&rig);
    let stream = tls.publish("live", "tls");
    plain.publish("live", "plain");
    tls.send(stream, 9, 0, &[0x17; 200_000]);
    rig.until(|record| is(record, "c2s", "video") && record["length"] == 200_000);
    let opened = rig.records();
    let mut transports: Vec<_> = opened
        .iter()
        .filter(|record| record["event"] == "connection_opened")
        .map(|record| record["transport"].as_str().unwrap())
        .collect();
    transports.sort_unstable();
    assert_eq!(transports, ["rtmp", "rtmps"]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_said_to_be_why() {
    let rig = secure();
    let mut stream = StreamOwned::new(client(false), rig.socket());
    stream.write_all(&[3]).unwrap_err();
    drop(stream);
    let records = rig.closed(1);
    assert_eq!(codes(&records), ["tls.failed"]);
    let finding = records.iter().find(|record| record["code"] == "tls.failed").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("does not trust"), "{finding}");
    assert_eq!(ending(&records).0, "client");
}

#[test]
fn broken_tls_closes_its_connection_only() {
    let rig = secure();
    let mut broken = rig.socket();
    broken.write_all(&[22, 3, 1, 0, 5, 1, 2, 3, 4, 5]).unwrap();
    let records = rig.closed(1);
    assert_eq!(codes(&records), ["tls.failed"]);
    let mut plain = Client::to(&rig);
    plain.publish("live", "cam");
}
