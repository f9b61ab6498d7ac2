//! Servers that refuse, hang, reset or are not there: the client is closed, the reason is told, the next one works.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rtmpctl::inspect::{CloseKind, ClosedBy};
use socket2::{Domain, SockRef, Socket, Type};

use crate::rig::{Rig, Setup, Upstream, read_exact};

/// Connects a client, which is closed within five seconds.
fn closed(rig: &Rig) {
    let begin = Instant::now();
    let mut client = rig.connect();
    let _ = client.write_all(b"\x03");
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// A port where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_server_that_refuses_is_named_and_the_next_client_is_served_once_it_listens() {
    let address = nobody();
    let rig = Setup::to(address).start();
    for connection in 1..=3 {
        closed(&rig);
        let told = rig.told(connection);
        assert_eq!(told.closed, Some((ClosedBy::Server, CloseKind::Rst)));
        let text = told.finding("proxy.unreached");
        assert!(text.contains(&address.to_string()) && text.contains("refuses"), "{text}");
        assert_eq!(told.sides.unwrap().upstream, None);
    }
    let upstream = Upstream(TcpListener::bind(address).unwrap());
    let mut client = rig.connect();
    let mut server = upstream.accept();
    client.write_all(b"now").unwrap();
    assert_eq!(read_exact(&mut server, 3), b"now");
}

#[test]
fn a_server_that_does_not_accept_in_time_is_given_up() {
    // Of a backlog of none, the system completes one or two connections, and lets the others wait.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let patience = Duration::from_millis(50);
    let filling: Vec<_> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok())
            .take(64)
            .collect();
    assert!(filling.len() < 64, "the backlog is never full");
    let mut setup = Setup::to(address);
    setup.patience = Duration::from_millis(300);
    let rig = setup.start();
    closed(&rig);
    let told = rig.told(1);
    assert_eq!(told.closed, Some((ClosedBy::Rtmpctl, CloseKind::Timeout)));
    assert!(told.finding("proxy.unreached").contains("within 0.3 s"));
    drop(filling);
}

#[test]
fn a_server_that_resets_at_once_resets_the_client() {
    let upstream = Upstream::new();
    let rig = Setup::to(upstream.address()).start();
    for connection in 1..=2 {
        let mut client = rig.connect();
        let server = upstream.accept();
        SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
        drop(server);
        assert!(client.read(&mut [0]).is_err());
        assert_eq!(rig.told(connection).closed, Some((ClosedBy::Server, CloseKind::Rst)));
    }
}

#[test]
fn a_name_that_nobody_knows_is_named() {
    let rig = Setup::target("rtmp://no-such-host.invalid/live".to_owned()).start();
    closed(&rig);
    let told = rig.told(1);
    let text = told.finding("proxy.unreached");
    assert!(text.contains("no-such-host.invalid") && text.contains("name"), "{text}");
}

#[test]
fn a_name_is_resolved_and_the_time_of_that_told() {
    let upstream = Upstream::new();
    let rig = Setup::target(format!("rtmp://localhost:{}", upstream.address().port())).start();
    drop(rig.connect());
    drop(upstream.accept());
    let upstream = rig.told(1).sides.unwrap().upstream.unwrap();
    assert!(upstream.resolve.is_some() && upstream.tls.is_none());
    assert!(upstream.address.ip().is_loopback() && upstream.local.is_some());
}

#[test]
fn it_does_not_connect_to_itself() {
    let address = nobody();
    let mut setup = Setup::to(address);
    setup.listen = address;
    let rig = setup.start();
    closed(&rig);
    assert!(rig.told(1).finding("proxy.unreached").contains("listens itself"));
}
