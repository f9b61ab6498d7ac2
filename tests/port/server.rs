//! A listening socket: clients, errors, limits, TLS, its end.

use std::sync::Arc;

use rtmpctl::Limits;
use rtmpctl::live::{Budget, Cause, Client, ClientOptions, Server, ServerOptions, tls};
use rtmpctl::proto::handshake::PACKET_LEN;
use rtmpctl::proto::message::command::{Connect, PublishType};
use rtmpctl::proto::session::{Close, Event, Policy, Responder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LOOPBACK: &str = "127.0.0.1:0";

fn options(limits: Limits) -> ServerOptions {
    let client = ClientOptions { limits: Arc::new(limits), ..ClientOptions::default() };
    ServerOptions { client, ..ServerOptions::default() }
}

#[tokio::test]
async fn a_server_gives_clients_and_ends_when_it_is_closed() {
    let server = Server::new(LOOPBACK).await.unwrap();
    let address = server.address();
    let clients = async {
        let mut given = 0;
        let mut clients = server.clients();
        while let Some(mut client) = clients.next().await {
            assert!(client.peer().unwrap().starts_with("127.0.0.1:"));
            client.handshake().await.unwrap();
            given += 1;
        }
        assert!(clients.next().await.is_none());
        given
    };
    let errors = async {
        let mut errors = server.errors();
        for _ in 0..2 {
            assert!(errors.next().await.is_none(), "nothing went wrong, and it stays over");
        }
    };
    let work = async {
        for _ in 0..5 {
            let mut client =
                Client::dial(address.to_string(), &ClientOptions::default()).await.unwrap();
            client.handshake().await.unwrap();
        }
        server.close();
    };
    let (given, (), ()) = tokio::join!(clients, errors, work);
    assert_eq!((given, server.open()), (5, 0));
    drop(server);
    assert!(TcpStream::connect(address).await.is_err());
    // Its port is free for another.
    Server::new(address.to_string()).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_bound_or_dialled_says_so() {
    let server = Server::new(LOOPBACK).await.unwrap();
    let address = server.address().to_string();
    let error = Server::new(address.clone()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("bind {address}: ")), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    assert!(Server::new("nonsense").await.is_err());
    drop(server);
    let error = Client::dial(address.clone(), &ClientOptions::default()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("dial {address}: ")), "{error}");
}

#[tokio::test]
async fn one_client_more_than_may_be_is_closed_at_once_and_the_others_go_on() {
    let server = Server::with(LOOPBACK, options(Limits { connections: 2, ..Limits::default() }))
        .await
        .unwrap();
    let address = server.address();
    let dial = || TcpStream::connect(address);
    let (mut a, mut b, mut c) =
        (dial().await.unwrap(), dial().await.unwrap(), dial().await.unwrap());
    let first = server.accept().await.unwrap();
    let second = server.accept().await.unwrap();
    assert_eq!(server.open(), 2);
    // The third is refused while the server waits for a client that may come.
    let mut errors = server.errors();
    let error = tokio::select! {
        _ = server.accept() => panic!("it was let in"),
        error = errors.next() => error.unwrap(),
    };
    assert!(matches!(error.cause, Cause::Full { most: 2 }), "{error}");
    assert_eq!(c.read(&mut [0]).await.unwrap_or(0), 0);
    drop(first);
    let mut d = dial().await.unwrap();
    let third = server.accept().await.unwrap();
    for io in [&mut a, &mut b, &mut d] {
        io.write_all(&[3; 1 + PACKET_LEN]).await.unwrap_or_default();
    }
    for mut client in [second, third] {
        let mut bytes = [0; 1];
        let io = if client.peer() == Some(&*b.local_addr().unwrap().to_string()) {
            &mut b
        } else {
            &mut d
        };
        let shake = async { client.handshake().await };
        tokio::select! {
            result = shake => panic!("{result:?}"),
            n = io.read(&mut bytes) => assert_eq!((n.unwrap(), bytes), (1, [3])),
        }
    }
}

#[tokio::test]
async fn errors_that_nobody_reads_are_dropped_and_counted() {
    let server = Server::with(LOOPBACK, options(Limits { connections: 0, ..Limits::default() }))
        .await
        .unwrap();
    let address = server.address();
    let dial = async {
        for _ in 0..70 {
            let mut socket = TcpStream::connect(address).await.unwrap();
            assert_eq!(socket.read(&mut [0]).await.unwrap_or(0), 0);
        }
        server.close();
    };
    let (none, ()) = tokio::join!(server.accept(), dial);
    assert!(none.is_none());
    let mut errors = server.errors();
    assert_eq!(errors.dropped(), 6);
    let mut read = 0;
    while errors.next().await.is_some() {
        read += 1;
    }
    assert_eq!(read, 64);
}

/// A client that begins messages and finishes none of them.
async fn hoard(address: std::net::SocketAddr, messages: u8) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut bytes = vec![0; 1 + 2 * PACKET_LEN];
    bytes[0] = 3;
    bytes.extend(b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\x01\0\0"); // chunk size 65,536
    for n in 0..messages {
        bytes.extend([3 + n, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0]);
        bytes.extend(vec![0; 65_536]);
    }
    // It is closed while it writes, if it is the one.
    let _ = socket.write_all(&bytes).await;
    socket
}

#[tokio::test]
async fn memory_is_bounded_for_all_clients_together() {
    let limits = Limits { total_bytes: 1 << 20, ..Limits::default() };
    let mut options = options(limits);
    let budget = Budget::new(options.client.limits.total_bytes);
    options.client.budget = Some(budget.clone());
    let server = Server::with(LOOPBACK, options).await.unwrap();
    let address = server.address();
    // Eight that hold 64 kB each are well, and the one that asks for what is not there any more is closed.
    let mut sockets = Vec::new();
    let mut ends = Vec::new();
    for n in [1u8, 1, 1, 1, 1, 1, 1, 1, 30] {
        while budget.held() < ends.len() * 65_536 {
            tokio::task::yield_now().await;
        }
        sockets.push(tokio::spawn(hoard(address, n)));
        let mut client = server.accept().await.unwrap();
        ends.push(tokio::spawn(async move {
            let mut responder = Responder::new(Arc::default(), Arc::default());
            client.serve(&mut responder, |_, _, _| {}).await
        }));
    }
    let error = ends.pop().unwrap().await.unwrap().unwrap_err();
    assert!(matches!(error.cause, Cause::Close(Close::Limit("total_bytes"))), "{error}");
    assert!(error.to_string().contains("total_bytes"));
    for socket in sockets {
        drop(socket.await.unwrap());
    }
    for end in ends {
        // They end as their sockets do.
        if let Err(error) = end.await.unwrap() {
            assert!(matches!(error.cause, Cause::Io(_)), "{error}");
        }
    }
    assert_eq!(budget.held(), 0);
}

#[tokio::test]
async fn tls_and_plain_clients_on_one_port() {
    let identity = tls::Identity::self_signed("127.0.0.1".parse().unwrap()).unwrap();
    let tls_server = tls::Server::new(identity, None).unwrap();
    let server =
        Server::with(LOOPBACK, ServerOptions { tls: Some(tls_server), ..ServerOptions::default() })
            .await
            .unwrap();
    let address = server.address();
    for secure in [true, false] {
        let serve = async {
            let mut client = server.accept().await.unwrap();
            let mut responder = Responder::new(Arc::new(Policy::default()), Arc::default());
            let mut published = 0;
            client
                .serve(&mut responder, |event, _, _| {
                    published += usize::from(matches!(event, Event::Published { .. }));
                })
                .await
                .unwrap();
            let (socket, _) = client.into_parts();
            assert_eq!(socket.is_tls(), Some(secure));
            published
        };
        let publish = async {
            let tcp = TcpStream::connect(address).await.unwrap();
            let stream = if secure {
                let trust = tls::Trust::Anyone;
                tls::Client::new("localhost", trust, None).unwrap().connect(tcp).await.unwrap()
            } else {
                rtmpctl::live::Stream::Plain(tcp)
            };
            let mut client = Client::new(stream, &ClientOptions::default()).unwrap();
            client.handshake().await.unwrap();
            let connect = Connect { app: Some("live".into()), ..Connect::default() };
            client.connect(&connect).await.unwrap();
            client.publish("key", PublishType::Live).await.unwrap();
            client.close().await.unwrap();
        };
        let (published, ()) = tokio::join!(serve, publish);
        assert_eq!(published, 1);
    }
}
