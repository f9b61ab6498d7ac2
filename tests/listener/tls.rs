//! TLS and plain RTMP on one port.

use rtmpctl::live::tls::{self, Trust};
use rtmpctl::live::{Client, ClientOptions, Stream};
use rtmpctl::proto::message::command::PublishType;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::rig::{Listen, app, of, publisher, send};

#[tokio::test]
async fn tls_and_plain_are_served_on_one_port() {
    let mut listen = Listen::start("tls", &["--tls-self-signed", "--key-log", "DIR/keys"]);
    assert!(listen.program.says("(rtmp:// and rtmps://)"));
    let connector = tls::Client::new("127.0.0.1", Trust::Anyone, None).unwrap();
    let tcp = TcpStream::connect(listen.address()).await.unwrap();
    let stream = connector.connect(tcp).await.unwrap();
    // The certificate is the one whose fingerprint it says.
    let Stream::Tls(secured) = &stream else { panic!("{stream:?}") };
    let certificate = &secured.get_ref().1.peer_certificates().unwrap()[0];
    let digest: Vec<String> =
        Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(listen.program.says(&format!("fingerprint {}", digest.join(":"))));

    let mut client = Client::new(stream, &ClientOptions::default()).unwrap();
    client.handshake().await.unwrap();
    client.connect(&app("live")).await.unwrap();
    client.publish("secret", PublishType::Live).await.unwrap();
    let (mut plain, id) = publisher(listen.address(), "plain").await;
    send(&mut plain, id, &[(8, 0, vec![0xaf, 0, 0x12, 0x10])]).await;
    client.close().await.unwrap();
    plain.close().await.unwrap();
    listen.closed(2);
    let records = listen.stop();
    let transports: Vec<_> = of(&records, "connection_opened")
        .iter()
        .map(|opened| opened["transport"].clone())
        .collect();
    assert_eq!(transports, ["rtmps", "rtmp"]);
    let keys = std::fs::read_to_string(listen.path("keys")).unwrap();
    assert!(keys.contains("SERVER_TRAFFIC_SECRET_0 "), "{keys}");
}
