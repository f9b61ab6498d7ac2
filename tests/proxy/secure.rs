//! TLS on either side and on both, and what is said where it fails.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rtmpctl::inspect::{CloseKind, ClosedBy, Transport};
use rtmpctl::live::tls::Identity;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{ConnectionCommon, SideData, StreamOwned};

use crate::rig::{DOWN, Rig, Setup, UP, Upstream, noise, read_exact};

/// An authority, and where its certificate is.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    dir: PathBuf,
}

/// A certificate and its key.
struct Made(Certificate, KeyPair);

impl Authority {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("rtmpctl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(dir.join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), certificate, dir }
    }

    fn ca(&self) -> Option<PathBuf> {
        Some(self.dir.join("ca.pem"))
    }

    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Made {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Made(params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A certificate as the proxy reads it.
    fn identity(&self) -> Identity {
        let Made(certificate, key) = self.issue("localhost", |_| {});
        let (of_certificate, of_key) = (self.dir.join("cert.pem"), self.dir.join("key.pem"));
        std::fs::write(&of_certificate, certificate.pem()).unwrap();
        std::fs::write(&of_key, key.serialize_pem()).unwrap();
        Identity::read(&of_certificate, &of_key).unwrap()
    }

    /// A client that believes it, on a socket to the proxy.
    fn client(&self, rig: &Rig) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(connection, rig.connect())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Made {
    /// A server that has it, on the next connection.
    fn accept(&self, upstream: &Upstream) -> StreamOwned<ServerConnection, TcpStream> {
        let key = PrivateKeyDer::Pkcs8(self.1.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.0.der().clone()], key)
            .unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        StreamOwned::new(connection, upstream.accept())
    }
}

/// A peer with TLS or without.
trait Peer: Read + Write + Send {
    /// Ends what it sends.
    fn end(&mut self);
}

impl Peer for TcpStream {
    fn end(&mut self) {
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

impl<C, S> Peer for StreamOwned<C, TcpStream>
where
    C: std::ops::DerefMut<Target = ConnectionCommon<S>> + Send,
    S: SideData,
{
    fn end(&mut self) {
        self.conn.send_close_notify();
        self.flush().unwrap();
        self.sock.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

fn get(peer: &mut dyn Peer, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_arrive_as_they_were_sent_with_tls_on_either_side_and_on_both() {
    let authority = Authority::new("sides");
    let server_made = authority.issue("localhost", |_| {});
    for (tls_client, tls_server) in [(true, false), (false, true), (true, true)] {
        let upstream = Upstream::new();
        let scheme = if tls_server { "rtmps" } else { "rtmp" };
        let port = upstream.address().port();
        let mut setup = Setup::target(format!("{scheme}://localhost:{port}"));
        setup.ca = authority.ca();
        setup.tls = Some(authority.identity());
        let rig = setup.start();
        let (up, down) = (noise(11, 1 << 20), noise(12, 1 << 20));
        let (up_sent, down_sent) = (up.clone(), down.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut server: Box<dyn Peer> = if tls_server {
                    Box::new(server_made.accept(&upstream))
                } else {
                    Box::new(upstream.accept())
                };
                assert!(get(&mut *server, up.len()) == up);
                // The client has ended, and is sent to all the same.
                assert_eq!(server.read(&mut [0]).unwrap(), 0);
                server.write_all(&down_sent).unwrap();
                server.end();
            });
            let mut client: Box<dyn Peer> =
                if tls_client { Box::new(authority.client(&rig)) } else { Box::new(rig.connect()) };
            client.write_all(&up_sent).unwrap();
            client.end();
            assert!(get(&mut *client, down.len()) == down);
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        });
        let told = rig.told(1);
        assert!(told.bytes[UP] == up && told.bytes[DOWN] == down);
        let transport = |tls| if tls { Transport::Rtmps } else { Transport::Rtmp };
        assert_eq!(told.transport, Some(transport(tls_client)));
        let reached = told.sides.unwrap().upstream.unwrap();
        assert_eq!(reached.transport, transport(tls_server));
        assert_eq!(reached.tls.is_some(), tls_server);
        assert_eq!(told.closed, Some((ClosedBy::Client, CloseKind::Fin)));
        assert_eq!(told.findings, []);
    }
}

#[test]
fn a_certificate_that_cannot_be_believed_is_refused_with_its_reason() {
    let (authority, stranger) = (Authority::new("believed"), Authority::new("stranger"));
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2120, 1, 1);
    let alone = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (made, why) in [
        (authority.issue("localhost", expired), "has expired"),
        (authority.issue("localhost", early), "is not valid yet"),
        (authority.issue("other.example", |_| {}), "is for another name"),
        (stranger.issue("localhost", |_| {}), "was issued by nobody who is trusted"),
        (Made(alone.cert, alone.signing_key), "self-signed"),
    ] {
        let upstream = Upstream::new();
        let port = upstream.address().port();
        let start = |ca| {
            let mut setup = Setup::target(format!("rtmps://localhost:{port}"));
            setup.ca = ca;
            setup.start()
        };
        let rig = start(authority.ca());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut server = made.accept(&upstream);
                assert!(server.read(&mut [0]).is_err());
            });
            let mut client = rig.connect();
            assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        });
        let told = rig.told(1);
        let text = told.finding("tls.failed");
        assert!(text.contains(why), "{why}: {text}");
        assert_eq!(told.closed.unwrap().0, ClosedBy::Rtmpctl);
        // Where anyone is believed, it goes on.
        let rig = start(None);
        std::thread::scope(|scope| {
            scope.spawn(|| get(&mut made.accept(&upstream), 2));
            rig.connect().write_all(b"ok").unwrap();
        });
    }
}

#[test]
fn a_server_without_tls_is_named_whether_it_closes_or_is_silent() {
    for closes in [true, false] {
        let upstream = Upstream::new();
        let port = upstream.address().port();
        let mut setup = Setup::target(format!("rtmps://localhost:{port}"));
        setup.patience = Duration::from_secs(if closes { 4 } else { 2 });
        let rig = setup.start();
        let mut client = rig.connect();
        let mut server = upstream.accept();
        assert_eq!(read_exact(&mut server, 1), [22]);
        if closes {
            drop(server);
        } else {
            // It waits for a whole C1, which a client's hello is shorter than.
            let told = rig.until(1, |told| !told.findings.is_empty());
            assert!(told.finding("proxy.slow-tls").contains("rtmp://"));
        }
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        assert!(rig.told(1).finding("tls.failed").contains("plain RTMP"));
    }
}

#[test]
fn a_client_whose_tls_fails_is_told_of() {
    let authority = Authority::new("client");
    let upstream = Upstream::new();
    let mut setup = Setup::to(upstream.address());
    setup.tls = Some(authority.identity());
    let rig = setup.start();
    let mut client = rig.connect();
    client.write_all(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]).unwrap();
    let _ = client.read(&mut [0; 100]);
    drop(client);
    let told = rig.told(1);
    assert_eq!((told.transport, told.codes()), (Some(Transport::Rtmps), vec!["tls.failed"]));
}
