//! Two ends joined in memory.

use rtmpctl::live::{Client, ClientOptions};
use tokio::io::{DuplexStream, duplex};

pub type End = Client<DuplexStream>;

/// A client's end and a server's, the handshake still to be done.
pub fn fresh(options: &ClientOptions) -> (End, End) {
    // Small, so that bytes come in pieces.
    let (a, b) = duplex(700);
    (Client::new(a, options).unwrap(), Client::accepted(b, options).unwrap())
}

/// The same with the handshake done.
pub async fn open(options: &ClientOptions) -> (End, End) {
    let (mut client, mut server) = fresh(options);
    let (a, b) = tokio::join!(client.handshake(), server.handshake());
    assert_eq!((a.unwrap(), b.unwrap()), (true, true));
    (client, server)
}

/// An end whose peer is bytes: what is written there arrives as it is.
pub async fn raw(options: &ClientOptions) -> (DuplexStream, End) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut peer, io) = duplex(1 << 20);
    let mut client = Client::accepted(io, options).unwrap();
    let mut hello = vec![7; 3073];
    hello[..9].copy_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0]);
    peer.write_all(&hello).await.unwrap();
    client.handshake().await.unwrap();
    peer.read_exact(&mut hello).await.unwrap();
    (peer, client)
}
