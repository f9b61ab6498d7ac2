//! Holes in the connections, numbers that are missing, and what is no HTTP.

use super::*;

/// A session that has sent `ab` in its request 0 and got `A`.
fn begun() -> Rig {
    let mut rig = Rig::new();
    rig.exchange(1, "/open/1", b"\0", b"s\n");
    rig.exchange(1, "/send/s/0", b"ab", b"\x01A");
    rig
}

/// Takes `hole` bytes out of `all` at `at`.
fn with_hole(rig: &mut Rig, direction: Direction, all: &[u8], at: usize, hole: usize) {
    rig.piece(1, direction, Piece::Bytes(&all[..at]));
    rig.gap(1, direction, hole as u64);
    rig.piece(1, direction, Piece::Bytes(&all[at + hole..]));
}

#[test]
fn a_hole_inside_a_body_has_its_length() {
    let mut rig = begun();
    let (up, down) = (request("/send/s/1", b"cdefgh"), response(b"\x01BCDEF"));
    with_hole(&mut rig, ClientToServer, &up, up.len() - 5, 3);
    with_hole(&mut rig, ServerToClient, &down, down.len() - 4, 2);
    rig.exchange(1, "/send/s/2", b"i", b"\x01G");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("abc"), lost(Some(3)), bytes("ghi")]);
    assert_eq!(rig.only().came[1], [bytes("AB"), lost(Some(2)), bytes("EFG")]);
    assert_eq!(rig.only().codes(), [""; 0]);
}

#[test]
fn a_hole_up_to_the_end_of_a_body_ends_it() {
    let mut rig = begun();
    let (up, down) = (request("/send/s/1", b"cdefgh"), response(b"\x01BCDEF"));
    with_hole(&mut rig, ClientToServer, &up, up.len() - 5, 5);
    with_hole(&mut rig, ServerToClient, &down, down.len() - 6, 6);
    rig.exchange(1, "/send/s/2", b"i", b"\x01G");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("abc"), lost(Some(5)), bytes("i")]);
    assert_eq!(
        rig.only().came[1],
        [bytes("A"), lost(Some(5)), bytes("G")],
        "the interval is no RTMP"
    );
}

#[test]
fn a_hole_inside_a_chunk_has_its_length_and_one_over_its_end_has_none() {
    let chunked = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncdefgh\r\n2\r\nij\r\n0\r\n\r\n"
        )
    };
    let up = chunked("/send/s/1").into_bytes();
    let data = up.len() - 20;
    assert_eq!(&up[data..data + 6], b"cdefgh");
    for (hole, came) in [
        (3, vec![bytes("abc"), lost(Some(3)), bytes("ghijk")]),
        (5, vec![bytes("abc"), lost(Some(5)), bytes("ijk")]),
        (6, vec![bytes("abc"), lost(None), bytes("k")]),
        (12, vec![bytes("abc"), lost(None), bytes("k")]),
    ] {
        let mut rig = begun();
        with_hole(&mut rig, ClientToServer, &up, data + 1, hole);
        rig.server(1, response(b"\x01"));
        rig.exchange(1, "/send/s/2", b"k", b"\x01B");
        let rig = rig.finish();
        assert_eq!(rig.only().came, [came, vec![bytes("AB")]], "{hole}");
    }
}

#[test]
fn a_hole_over_heads_gives_up_the_requests_in_it() {
    // The tail of request 1, all of 2 and the head of 3.
    let parts = [
        request("/send/s/1", b"cd"),
        request("/send/s/2", b"ef"),
        request("/send/s/3", b"ghPOST"),
        request("/send/s/4", b"i"),
    ];
    let up = parts.concat();
    let (from, to) = (parts[0].len() - 1, up.len() - parts[3].len() - 5);
    let mut rig = begun();
    with_hole(&mut rig, ClientToServer, &up, from, to - from);
    for body in [b"\x01B", b"\x01C", b"\x01D", b"\x01E"] {
        rig.server(1, response(body));
    }
    rig.exchange(1, "/send/s/5", b"j", b"\x01F");
    let rig = rig.finish();
    let seen = rig.only();
    assert_eq!(seen.came[0], [bytes("abc"), lost(Some(1)), lost(None), bytes("ij")]);
    assert_eq!(seen.came[1], [bytes("ABCDEF")], "their answers are there");
    assert_eq!(seen.codes(), ["rtmpt.sequence"]);
    assert_eq!(seen.finding("rtmpt.sequence"), "requests 2 to 3 are missing");
}

#[test]
fn answers_to_requests_in_a_hole_come_before_the_next_request() {
    let mut rig = begun();
    rig.gap(1, ClientToServer, 100);
    rig.server(1, response(b"\x01B"));
    rig.exchange(1, "/send/s/2", b"c", b"\x01C");
    assert_eq!(rig.only().came, [vec![bytes("ab"), lost(None), bytes("c")], vec![bytes("ABC")]]);
    assert_eq!(rig.finish().only().finding("rtmpt.sequence"), "request 1 is missing");
}

#[test]
fn answers_wait_for_requests_that_wait_behind_a_hole() {
    // The client's direction is not delivered while its hole may still be filled.
    let mut rig = begun();
    rig.server(1, [response(b"\x01B"), response(b"\x01C")].concat());
    rig.gap(1, ServerToClient, 1);
    rig.server(1, b"rest of a head\r\n\r\n\x01D");
    assert_eq!(rig.only().came[1], [bytes("A")]);
    rig.client(1, [request("/send/s/1", b"c"), request("/idle/s/2", b"\0")].concat());
    assert_eq!(rig.only().came, [[bytes("abc")], [bytes("ABC")]]);
    rig.client(1, request("/send/s/3", b"d"));
    rig.exchange(1, "/send/s/4", b"e", b"\x01E");
    let rig = rig.finish();
    assert_eq!(rig.only().came, [vec![bytes("abcde")], vec![bytes("ABC"), lost(None), bytes("E")]]);
}

#[test]
fn a_hole_over_the_head_of_an_answer_gives_it_up() {
    let mut rig = begun();
    let down = response(b"\x01BCD");
    rig.client(1, request("/send/s/1", b"c"));
    with_hole(&mut rig, ServerToClient, &down, 5, 20);
    rig.exchange(1, "/send/s/2", b"d", b"\x01E");
    let rig = rig.finish();
    assert_eq!(rig.only().came, [vec![bytes("abcd")], vec![bytes("A"), lost(None), bytes("E")]]);
    assert_eq!(rig.only().codes(), [""; 0]);
}

#[test]
fn holes_of_unknown_length() {
    let mut rig = begun();
    let (up, down) = (request("/send/s/1", b"cdef"), response(b"\x01BCD"));
    rig.client(1, &up[..up.len() - 3]);
    rig.gap(1, ClientToServer, None);
    rig.server(1, &down[..down.len() - 2]);
    rig.gap(1, ServerToClient, None);
    rig.client(1, b"ef");
    rig.exchange(1, "/send/s/2", b"g", b"\x01E");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("abc"), lost(None), bytes("g")]);
    assert_eq!(rig.only().came[1], [bytes("AB"), lost(None), bytes("E")]);
}

#[test]
fn a_hole_at_the_end_is_said_at_the_end() {
    let mut rig = begun();
    rig.gap(1, ClientToServer, 500);
    assert_eq!(rig.only().came[0], [bytes("ab")]);
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("ab"), lost(None)]);
    // Where the next connection goes on with the next number, there was nothing.
    let mut rig = begun();
    rig.gap(1, ClientToServer, 500);
    rig.close(1);
    rig.exchange(2, "/send/s/1", b"c", b"\x01B");
    assert_eq!(rig.finish().only().came, [[bytes("abc")], [bytes("AB")]]);
}

#[test]
fn a_body_that_is_cut_off_is_a_gap_of_what_it_lacks() {
    let mut rig = begun();
    let (up, down) = (request("/send/s/1", b"cdef"), response(b"\x01BCD"));
    rig.client(1, &up);
    rig.server(1, &down[..down.len() - 1]);
    rig.close(1);
    rig.client(2, &request("/send/s/2", b"ghi")[..up.len() - 3]);
    rig.close(2);
    // Neither is sent again.
    rig.exchange(3, "/send/s/3", b"j", b"\x01E");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("abcdefg"), lost(Some(2)), bytes("j")]);
    assert_eq!(rig.only().came[1], [bytes("ABC"), lost(Some(1)), bytes("E")]);
    // What ends early at the end lacks nothing that something follows.
    let mut rig = begun();
    rig.client(1, &up[..up.len() - 1]);
    assert_eq!(rig.finish().only().came[0], [bytes("abcde")]);
}

#[test]
fn numbers_that_are_missing_are_given_up_when_nothing_can_bring_them() {
    let mut rig = begun();
    rig.exchange(1, "/send/s/3", b"c", b"\x01B");
    assert_eq!(
        rig.only().came,
        [[bytes("ab")], [bytes("A")]],
        "it may come over another connection"
    );
    rig.exchange(1, "/send/s/4", b"d", b"\x01C");
    let seen = rig.only();
    assert_eq!(seen.came, [vec![bytes("ab"), lost(None), bytes("cd")], vec![bytes("ABC")]]);
    assert_eq!(seen.codes(), ["rtmpt.sequence"]);
    // It comes after all.
    rig.exchange(1, "/send/s/2", b"x", b"\x01X");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("ab"), lost(None), bytes("cd")]);
    assert_eq!(rig.only().codes(), ["rtmpt.sequence"; 3]);
    assert!(
        rig.only().findings[1].message.starts_with("request 2 (/send) came when request 5 was due")
    );
}

#[test]
fn numbers_that_are_missing_are_waited_for_while_another_connection_is_open() {
    let mut rig = begun();
    rig.exchange(2, "/send/s/2", b"d", b"\x01C");
    rig.exchange(2, "/send/s/3", b"e", b"\x01D");
    assert_eq!(rig.only().came, [[bytes("ab")], [bytes("A")]]);
    rig.exchange(1, "/send/s/1", b"c", b"\x01B");
    assert_eq!(rig.only().came, [[bytes("abcde")], [bytes("ABCD")]]);
    assert_eq!(rig.finish().only().codes(), [""; 0]);
}

#[test]
fn numbers_that_begin_anew_go_on_behind_a_gap() {
    let mut rig = Rig::new();
    rig.exchange(1, "/send/s/100", b"a", b"\x01A");
    rig.exchange(1, "/send/s/0", b"b", b"\x01B");
    rig.exchange(1, "/send/s/1", b"c", b"\x01C");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("a"), lost(None), bytes("bc")]);
    assert_eq!(rig.only().came[1], [bytes("A"), lost(None), bytes("BC")]);
    assert_eq!(
        rig.only().finding("rtmpt.sequence"),
        "request 0 came when request 101 was due: its numbers begin anew"
    );
}

#[test]
fn what_is_no_http_is_said_and_the_next_head_is_found() {
    let mut rig = begun();
    rig.client(1, b"garbage POST nothing\r\n\r\nPOST /x is no head \r\n\r\n");
    rig.exchange(1, "/send/s/1", b"c", b"\x01B");
    rig.client(1, request("/send/s/2", b"d"));
    rig.server(1, b"garbage HTTP/1.1 x\r\n\r\n HTTP/1.");
    rig.server(1, b"1 200 OK\r\nContent-Length: 2\r\n\r\n\x01?");
    rig.exchange(1, "/send/s/3", b"e", b"\x01D");
    let rig = rig.finish();
    assert_eq!(rig.only().came[0], [bytes("abcde")]);
    assert_eq!(rig.only().came[1], [bytes("AB"), lost(None), bytes("?D")]);
    assert_eq!(rig.only().codes(), ["rtmpt.http"; 2]);
    assert_eq!(
        rig.only().finding("rtmpt.http"),
        "the client sends something that is no HTTP head: the next head is searched for"
    );
    // Of no session it is said once.
    let mut rig = Rig::new();
    for _ in 0..3 {
        rig.client(1, b"GET / HTTP/1.1\r\n\r\n\x01\x02\x03");
        rig.client(1, b"POST /y HTTP/1.1\r\n\r\n");
    }
    let rig = rig.finish();
    assert_eq!(rig.stray.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["rtmpt.http"]);
    assert!(rig.seen.is_empty());
}

#[test]
fn one_direction_alone() {
    let mut rig = Rig::new();
    for n in 0..300 {
        rig.client(1, request(&format!("/send/s/{n}"), b"a"));
    }
    let rig = rig.finish();
    assert_eq!(rig.only().bytes(ClientToServer), vec![b'a'; 300]);
    assert_eq!(rig.only().codes(), [""; 0], "no answer is missed where there is none at all");
    // The server's alone names no session.
    let mut rig = Rig::new();
    rig.server(1, response(b"\x01A"));
    assert!(rig.finish().seen.is_empty());
}
