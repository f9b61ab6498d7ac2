//! Whole exchanges, as clients and servers have them.

use super::*;

/// One exchange over one connection, in both its forms: the requests and the answers.
const CLIENT: &[u8] = b"POST /fcs/ident2 HTTP/1.1\r\nContent-Type: application/x-fcs\r\nContent-Length: 1\r\n\r\n\0\
POST /open/1 HTTP/1.1\r\nHost: h\r\ncontent-length:1\r\n\r\n\0\
POST /send/Ab1/0 HTTP/1.1\r\nX-Folded: a\r\n b\r\nCONTENT-LENGTH: 5\r\n\r\nhello\
POST /idle/Ab1/1 HTTP/1.0\r\nContent-Length: 1\r\n\r\n\0\
GET /else HTTP/1.1\r\nHost: h\r\n\r\n\
HEAD /else HTTP/1.1\r\nHost: h\r\n\r\n\
POST http://h:80/send/Ab1/2?a=b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n wo\r\n003\r\nrld\r\n0\r\nT: t\r\n\r\n\
\r\nPOST /send/Ab1/3 HTTP/1.1\nExpect: 100-continue\nContent-Length: 1\n\n!\
POST /close/Ab1/4 HTTP/1.1\r\nContent-Length: 1\r\n\r\n\0";
const SERVER: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n\
HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nAb1\r\n\
HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x01abc\
HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n\x03\
HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nelse\
HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n\
HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\x05\r\n2\r\nde\r\n0\r\n\r\n\
HTTP/1.1 100 Continue\r\n\r\n\
HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\x05fg\
HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\0";

fn check(rig: &Rig, what: &str) {
    // The absolute target names the server itself, and is another one than the path's.
    let seen = &rig.seen[&1];
    assert_eq!(seen.bytes(ServerToClient), b"abcdefg", "{what}");
    assert_eq!(seen.bytes(ClientToServer), b"hello world!", "{what}");
    assert_eq!(seen.codes(), [""; 0], "{what}");
    let (by, how, _) = seen.closed[0];
    assert_eq!((by, how), (ClosedBy::Client, CloseKind::Fin), "{what}");
    assert!(rig.stray.is_empty(), "{what}");
    assert_eq!(rig.seen.len(), 1, "{what}");
}

/// The same with a path where the literal has an absolute target.
fn client_bytes() -> Vec<u8> {
    let text = String::from_utf8(CLIENT.to_vec()).unwrap();
    text.replace("http://h:80/send", "//send").into_bytes()
}

#[test]
fn every_cut_of_an_exchange_gives_the_same() {
    let client = client_bytes();
    let mut rig = Rig::new();
    rig.client(1, &client);
    rig.server(1, SERVER);
    let rig = rig.finish();
    check(&rig, "whole");
    let opened = rig.only().opened[0].1;
    assert!(opened.from_start);
    assert_eq!(opened.transport, Transport::Rtmpt);
    assert_eq!(opened.client, Some(ends(1).client));
    for cut in 1..client.len() {
        let mut rig = Rig::new();
        rig.client(1, &client[..cut]);
        rig.client(1, &client[cut..]);
        rig.server(1, SERVER);
        check(&rig.finish(), &format!("the client's bytes cut at {cut}"));
    }
    for cut in 1..SERVER.len() {
        let mut rig = Rig::new();
        rig.client(1, &client);
        rig.server(1, &SERVER[..cut]);
        rig.server(1, &SERVER[cut..]);
        check(&rig.finish(), &format!("the server's bytes cut at {cut}"));
    }
    // Byte by byte, and the server's bytes ahead of what they answer.
    for ahead in [false, true] {
        let mut rig = Rig::new();
        let (first, second) =
            if ahead { (ServerToClient, ClientToServer) } else { (ClientToServer, ServerToClient) };
        for direction in [first, second] {
            let all = if direction == ClientToServer { &client[..] } else { SERVER };
            for byte in all {
                rig.piece(1, direction, Piece::Bytes(std::slice::from_ref(byte)));
            }
        }
        check(&rig.finish(), "byte by byte");
    }
}

#[test]
fn every_beginning_of_an_exchange_is_told_as_far_as_it_goes() {
    let client = client_bytes();
    for cut in 0..client.len() {
        let mut rig = Rig::new();
        rig.client(1, &client[..cut]);
        rig.server(1, SERVER);
        let rig = rig.finish();
        for seen in rig.seen.values() {
            for came in &seen.came[0] {
                if let Came::Bytes(bytes) = came {
                    assert!(b"hello world!".starts_with(bytes), "{cut}: {came:?}");
                }
            }
        }
    }
    for cut in 0..SERVER.len() {
        let mut rig = Rig::new();
        rig.client(1, &client);
        rig.server(1, &SERVER[..cut]);
        let rig = rig.finish();
        let seen = rig.only();
        assert_eq!(seen.bytes(ClientToServer), b"hello world!", "{cut}");
        for came in &seen.came[1] {
            if let Came::Bytes(bytes) = came {
                assert!(b"abcdefg".starts_with(bytes), "{cut}: {came:?}");
            }
        }
    }
}

#[test]
fn a_session_goes_over_several_connections_and_stays_open_between_them() {
    let mut rig = Rig::new();
    // HTTP/1.0: a connection for each request, bodies that end with it.
    let exchanges: [(&str, &[u8], &[u8]); 4] = [
        ("/open/1", b"\0", b"77\n"),
        ("/idle/77/0", b"\0", b"\x01"),
        ("/send/77/1", b"abc", b"\x01xyz"),
        ("/send/77/2", b"def", b"\x01"),
    ];
    for (port, (path, up, down)) in (1..).zip(exchanges) {
        rig.client(port, request(path, up));
        rig.server(port, [b"HTTP/1.0 200 OK\r\n\r\n", down].concat());
        assert!(rig.seen.get(&1).is_none_or(|seen| seen.closed.is_empty()));
        rig.close_as(port, ClosedBy::Server, CloseKind::Fin);
    }
    let ended = rig.place();
    rig.frame += 100;
    let rig = rig.finish();
    let seen = rig.only();
    assert_eq!(seen.bytes(ClientToServer), b"abcdef");
    assert_eq!(seen.bytes(ServerToClient), b"xyz");
    // It has the end of its last connection, not that of the capture.
    assert_eq!(seen.closed, [(ClosedBy::Server, CloseKind::Fin, ended)]);
    assert_eq!(
        seen.finding("rtmpt.polling"),
        "3 requests, 1 of them idle (33 %), carried 6 bytes to the server and 3 bytes from it; the HTTP heads were 324 bytes"
    );
}

#[test]
fn what_comes_ahead_over_another_connection_waits_with_its_place() {
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"s\n");
    rig.exchange(1, "/send/s/0", b"a", b"\x01A");
    let (head, tail) = (request("/send/s/1", b"bcd"), b"cd");
    rig.client(1, &head[..head.len() - 2]);
    rig.exchange(2, "/send/s/2", b"e", b"\x01C");
    let place = Place { frame: Some(6), at: Some(6), file: None };
    assert_eq!(rig.only().came, [[bytes("ab")], [bytes("A")]], "neither is next");
    rig.client(1, tail);
    assert_eq!(rig.only().came, [[bytes("abcde")], [bytes("A")]]);
    assert!(rig.only().places.contains(&place), "{:?}", rig.only().places);
    rig.server(1, response(b"\x01B"));
    let rig = rig.finish();
    assert_eq!(rig.only().came, [[bytes("abcde")], [bytes("ABC")]]);
    assert_eq!(rig.only().codes(), [""; 0]);
    assert_eq!(rig.only().closed[0].0, ClosedBy::CaptureEnd);
}

#[test]
fn pipelined_requests_have_their_answers_in_order() {
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"s\n");
    let up: Vec<u8> = (0..20).flat_map(|n| request(&format!("/send/s/{n}"), &[n])).collect();
    let down: Vec<u8> = (0..20).flat_map(|n| response(&[1, n, n])).collect();
    rig.client(1, up);
    rig.server(1, down);
    let rig = rig.finish();
    assert_eq!(rig.only().bytes(ClientToServer), (0..20).collect::<Vec<u8>>());
    assert_eq!(rig.only().bytes(ServerToClient), (0..20).flat_map(|n| [n, n]).collect::<Vec<u8>>());
}

#[test]
fn a_request_sent_again_is_taken_once() {
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"s\n");
    rig.exchange(1, "/send/s/0", b"ab", b"\x01A");
    // Whole, and answered again.
    rig.exchange(1, "/send/s/0", b"ab", b"\x01A");
    // Broken off after two of four bytes, then again over another connection.
    let again = request("/send/s/1", b"cdef");
    rig.client(1, &again[..again.len() - 2]);
    rig.close_as(1, ClosedBy::Client, CloseKind::Rst);
    rig.exchange(2, "/send/s/1", b"cdef", b"\x01B");
    // The answer broken off, then the whole of it.
    rig.client(2, request("/send/s/2", b"g"));
    rig.server(2, &response(b"\x01CDE")[..response(b"\x01CDE").len() - 1]);
    rig.close(2);
    rig.exchange(3, "/send/s/2", b"g", b"\x01CDE");
    rig.exchange(3, "/close/s/3", b"\0", b"\0");
    let rig = rig.finish();
    let seen = rig.only();
    assert_eq!(seen.came, [[bytes("abcdefg")], [bytes("ABCDE")]]);
    assert_eq!(seen.codes(), ["rtmpt.sequence"; 4]);
    assert_eq!(
        seen.findings[0].message,
        "request 0 (/send) was sent again: its bytes are taken once"
    );
    assert!(seen.findings[1].message.contains("answered again"), "{:?}", seen.findings[1]);
}

#[test]
fn sessions_are_told_apart_by_server_and_id() {
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"1\n");
    rig.exchange(2, "/open/1", b"\0", b"2\n");
    for (port, id) in [(1, 1), (2, 2), (2, 1), (1, 2)] {
        // Both sessions over both connections, as a proxy would have it.
        let n = u8::from((port == 2) != (id == 2));
        rig.exchange(port, &format!("/send/{id}/{n}"), &[b'a' + n; 3], &[1, b'0' + id]);
    }
    let rig = rig.finish();
    assert_eq!(rig.seen.len(), 2);
    for seen in rig.seen.values() {
        assert_eq!(seen.bytes(ClientToServer), b"aaabbb");
        assert_eq!(seen.codes(), [""; 0]);
    }
    assert_eq!(rig.seen[&1].bytes(ServerToClient), b"11");
    // The same id at another server is another session, and so it is behind a proxy.
    let mut rig = Rig::new();
    rig.exchange(1, "http://one/send/7/0", b"a", b"\x01");
    rig.exchange(1, "http://two/send/7/0", b"b", b"\x01");
    assert_eq!(rig.finish().seen.len(), 2);
}

#[test]
fn ids_of_any_characters() {
    for (id, path) in [
        ("a-b_c.d~e=", "a-b_c.d~e="),
        ("a/b", "a/b"),
        ("a/5", "a/5"),
        ("a b%", "a%20b%25"),
        ("{AB-1}", "%7BAB-1%7D"),
        ("100%41", "100%41"),
        ("\u{e9}\u{4e2d}", "%C3%A9%E4%B8%AD"),
    ] {
        for number in ["", "/2"] {
            let mut rig = Rig::new();
            rig.exchange(1, "/open/1", b"\0", format!(" {id}\r\n").as_bytes());
            rig.exchange(1, &format!("/send/{path}/0"), b"a", b"\x01A");
            rig.exchange(1, &format!("/send/{path}/1"), b"b", b"\x01B");
            rig.exchange(1, &format!("/close/{path}{number}"), b"\0", b"\0");
            let seen = rig.only();
            assert_eq!(seen.bytes(ClientToServer), b"ab", "{id}");
            assert_eq!(seen.bytes(ServerToClient), b"AB", "{id}");
            assert_eq!(seen.closed[0].0, ClosedBy::Client, "{id}{number}");
            assert_eq!(rig.finish().seen.len(), 1, "{id}");
        }
    }
}

#[test]
fn a_capture_that_begins_inside_says_so_and_number_zero_is_the_start() {
    for (first, from_start) in [(0, true), (1, false), (4711, false)] {
        let mut rig = Rig::new();
        rig.exchange(1, &format!("/send/s/{first}"), b"a", b"\x01A");
        rig.exchange(1, &format!("/send/s/{}", first + 1), b"b", b"\x01B");
        let rig = rig.finish();
        assert_eq!(rig.only().opened[0].1.from_start, from_start, "{first}");
        assert_eq!(rig.only().came, [[bytes("ab")], [bytes("AB")]]);
    }
    // After an /open that was seen, Red5's client begins with 1, and one that counts on with 2.
    for first in 0..3 {
        let mut rig = Rig::new();
        rig.exchange(1, "/open/1", b"\0", b"s\n");
        rig.exchange(1, &format!("/send/s/{first}"), b"a", b"\x01A");
        let rig = rig.finish();
        assert_eq!(rig.only().came, [[bytes("a")], [bytes("A")]]);
        assert_eq!(rig.only().codes(), [""; 0]);
    }
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"s\n");
    rig.exchange(1, "/send/s/3", b"a", b"\x01A");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [lost(None), bytes("a")]);
    assert_eq!(rig.only().finding("rtmpt.sequence"), "requests 0 to 2 are missing");
}

#[test]
fn error_statuses_are_said_with_what_they_mean() {
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"s\n");
    rig.exchange(1, "/send/s/0", b"a", b"\x01A");
    rig.client(1, request("/idle/s/1", b"\0"));
    rig.server(1, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad");
    rig.client(1, request("/idle/s/2", b"\0"));
    rig.server(1, "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nbad");
    assert!(rig.only().closed.is_empty(), "it may come back as long as its connection is open");
    rig.close(1);
    let seen = rig.only();
    assert_eq!(seen.came, [[bytes("a")], [bytes("A")]], "an error's body is no RTMP");
    assert_eq!(seen.codes(), ["rtmpt.status"; 2]);
    assert_eq!(
        seen.findings[0].message,
        "request 1 (/idle) was answered with status 502: a proxy has no answer from the server behind it"
    );
    assert_eq!(seen.closed[0].0, ClosedBy::Server);
    // It goes on polling: no session of its own comes of that.
    rig.client(2, request("/idle/s/3", b"\0"));
    rig.server(2, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(rig.finish().seen.len(), 1);
}

#[test]
fn an_open_without_an_id_is_a_connection_that_says_why() {
    for (answer, says) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\0", "no session id"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "no session id"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n \n", "no session id"),
    ] {
        let mut rig = Rig::new();
        rig.client(1, request("/open/1", b"\0"));
        rig.server(1, answer);
        let rig = rig.finish();
        assert_eq!(rig.only().codes(), ["rtmpt.status"]);
        assert!(rig.only().finding("rtmpt.status").contains(says), "{says}");
        assert_eq!(rig.only().closed[0].0, ClosedBy::Server);
    }
    let long = |length| {
        let mut rig = Rig::new();
        rig.exchange(1, "/open/1", b"\0", &[&vec![b'x'; length][..], b"\n"].concat());
        rig.finish().only().codes()
    };
    assert_eq!(long(Limits::SESSION_ID), [""; 0]);
    assert_eq!(long(Limits::SESSION_ID + 1), ["rtmpt.status"]);
}

#[test]
fn an_answer_without_a_polling_interval_is_said() {
    let mut rig = Rig::new();
    rig.exchange(1, "/send/s/0", b"a", b"");
    rig.exchange(1, "/send/s/1", b"b", b"\x01");
    rig.exchange(1, "/close/s/2", b"\0", b"");
    assert_eq!(rig.finish().only().codes(), ["rtmpt.no-interval"]);
}

#[test]
fn an_id_that_is_given_out_anew_is_another_session() {
    let mut rig = Rig::new();
    for _ in 0..2 {
        rig.exchange(1, "/open/1", b"\0", b"1\n");
        rig.exchange(1, "/send/1/0", b"a", b"\x01A");
    }
    rig.exchange(1, "/close/1/1", b"\0", b"\0");
    // What comes for it afterwards with an old number is not another one; with a new number it is.
    rig.exchange(1, "/idle/1/1", b"\0", b"\x01");
    rig.exchange(1, "/send/1/2", b"b", b"\x01");
    let rig = rig.finish();
    assert_eq!(rig.seen.len(), 3);
    assert!(rig.seen.values().take(2).all(|seen| seen.bytes(ClientToServer) == b"a"));
    assert_eq!(rig.seen[&3].bytes(ClientToServer), b"b");
    assert!(!rig.seen[&3].opened[0].1.from_start);
}

#[test]
fn close_without_an_answer_ends_with_its_connection() {
    // crtmpserver knows no /close and closes the connection.
    let mut rig = Rig::new();
    rig.exchange(1, "/send/s/0", b"a", b"\x01A");
    rig.client(1, request("/close/s", b""));
    assert!(rig.only().closed.is_empty());
    rig.close_as(1, ClosedBy::Server, CloseKind::Fin);
    assert_eq!(rig.only().closed[0].0, ClosedBy::Client);
    // A close of a session that nobody knows is nothing.
    rig.exchange(2, "/close/2", b"\0", b"");
    assert_eq!(rig.finish().seen.len(), 1);
}

#[test]
fn tls_is_said() {
    let mut rig = Rig::new();
    let secure = Ends { secure: true, ..ends(1) };
    rig.connections.insert(1, Connection::new(secure));
    rig.exchange(1, "/send/s/0", b"a", b"\x01A");
    assert_eq!(rig.finish().only().opened[0].1.transport, Transport::Rtmpts);
}
