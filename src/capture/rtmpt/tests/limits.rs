//! Each limit, at it and one beyond.

use super::*;

#[test]
fn bytes_of_a_head() {
    for (over, codes) in [(0, vec![]), (1, vec!["rtmpt.http"])] {
        for cut in [false, true] {
            let head = request("/send/s/1", b"");
            let limits = Limits { tunnel_head: head.len() - over, ..Limits::default() };
            let mut rig = Rig::with(limits);
            rig.client(1, "POST /idle/s/0 HTTP/1.1\r\n\r\n");
            rig.server(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x01A");
            let (a, b) = head.split_at(if cut { 30 } else { 0 });
            for part in [a, b] {
                if !part.is_empty() {
                    rig.client(1, part);
                }
            }
            rig.client(1, "POST /idle/s/2 HTTP/1.1\r\n\r\n");
            let codes_seen = rig.finish().only().codes();
            assert_eq!(codes_seen.first().copied(), codes.first().copied(), "{over} {cut}");
        }
    }
}

/// A session whose request 1 is missing, over a connection beside another one.
fn waiting(limits: Limits) -> Rig {
    let mut rig = Rig::with(limits);
    rig.exchange(1, "/send/s/0", b"a", b"\x01A");
    rig
}

#[test]
fn bytes_held_ahead_of_what_is_missing() {
    // A body of 100 bytes in one piece costs twice 96 more.
    for (tunnel_bytes, gives_up) in [(292, false), (291, true)] {
        let mut rig = waiting(Limits { tunnel_bytes, ..Limits::default() });
        rig.client(2, request("/send/s/2", &[b'x'; 100]));
        let overflow = Came::Gap(None, GapCause::Overflow);
        let up = &rig.only().came[0];
        if gives_up {
            assert_eq!(up[..], [bytes("a"), overflow, bytes([b'x'; 100])]);
            assert_eq!(
                rig.only().finding("rtmpt.sequence"),
                "request 1 is missing, and too much waits for it (limits tunnel_bytes, tunnel_ahead)"
            );
        } else {
            assert_eq!(up[..], [bytes("a")]);
        }
        rig.finish();
    }
}

#[test]
fn bytes_held_of_answers_ahead_of_their_requests() {
    let answers = [response(b"\x01B"), response(b"\x01C")].concat();
    for (over, early) in [(0, "A"), (1, "ABC")] {
        // The piece costs 64 more.
        let tunnel_bytes = answers.len() + 64 - over;
        let mut rig = waiting(Limits { tunnel_bytes, ..Limits::default() });
        rig.server(1, &answers);
        assert_eq!(rig.only().came[1], [bytes(early)]);
        rig.client(1, [request("/send/s/1", b"b"), request("/send/s/2", b"c")].concat());
        let rig = rig.finish();
        assert_eq!(rig.only().came[1], [bytes("ABC")], "they are counted on from the last request");
        assert_eq!(rig.only().came[0], [bytes("abc")]);
    }
}

#[test]
fn requests_held_ahead_of_what_is_missing() {
    for (tunnel_ahead, gives_up) in [(3, false), (2, true)] {
        let mut rig = waiting(Limits { tunnel_ahead, ..Limits::default() });
        for n in 2..5 {
            rig.exchange(2, &format!("/send/s/{n}"), b"x", b"\x01X");
        }
        assert_eq!(rig.only().came[0].len() > 1, gives_up);
        rig.exchange(1, "/send/s/1", b"b", b"\x01B");
        let rig = rig.finish();
        if gives_up {
            assert_eq!(
                rig.only().came[0],
                [bytes("a"), Came::Gap(None, GapCause::Overflow), bytes("xxx")]
            );
            assert_eq!(rig.only().codes(), ["rtmpt.sequence"; 3]);
        } else {
            assert_eq!(rig.only().came, [[bytes("abxxx")], [bytes("ABXXX")]]);
        }
    }
}

#[test]
fn requests_that_wait_for_answers() {
    for (tunnel_requests, gives_up) in [(5, false), (4, true)] {
        let mut rig = waiting(Limits { tunnel_requests, ..Limits::default() });
        for n in 1..6 {
            rig.client(1, request(&format!("/send/s/{n}"), b"x"));
        }
        let codes = if gives_up { vec!["limit.tunnel-requests"] } else { vec![] };
        assert_eq!(rig.only().codes(), codes);
        rig.finish();
    }
}

#[test]
fn sessions_at_once() {
    for (tunnel_sessions, gives_up) in [(3, 0), (2, 1), (1, 2)] {
        let mut rig = Rig::with(Limits { tunnel_sessions, ..Limits::default() });
        for id in 1..4 {
            rig.exchange(id, &format!("/send/{id}/0"), b"a", b"\x01A");
        }
        let closed = rig.seen.values().filter(|seen| !seen.closed.is_empty()).count();
        assert_eq!(closed, gives_up);
        // Those that are over go first.
        let rig = rig.finish();
        for (flow, seen) in &rig.seen {
            let given_up = *flow as usize <= gives_up;
            assert_eq!(seen.codes(), if given_up { vec!["limit.tunnel-sessions"] } else { vec![] });
            let how = if given_up { CloseKind::Timeout } else { CloseKind::End };
            assert_eq!(seen.closed[0].1, how);
        }
    }
    // Those that are over are forgotten without a word.
    let mut rig = Rig::with(Limits { tunnel_sessions: 1, ..Limits::default() });
    for id in 1..9 {
        rig.exchange(1, &format!("/send/{id}/0"), b"a", b"\x01A");
        rig.exchange(1, &format!("/close/{id}/1"), b"", b"\0");
    }
    let rig = rig.finish();
    assert_eq!(rig.seen.len(), 8);
    assert!(rig.seen.values().all(|seen| seen.codes().is_empty()));
}

#[test]
fn bytes_held_by_all_together() {
    // Two sessions hold a body of 100 bytes each; connections hold nothing but the requests that wait.
    let run = |tunnel_total| {
        let mut rig = Rig::with(Limits { tunnel_total, ..Limits::default() });
        for (port, id) in [(1, 1), (3, 2)] {
            rig.exchange(port, &format!("/send/{id}/0"), b"a", b"\x01A");
            rig.client(port + 1, request(&format!("/send/{id}/2"), &[b'x'; 100]));
        }
        let held = rig.tunnels.held;
        let gaps: Vec<_> = rig.seen.values().map(|seen| seen.came[0].len() > 1).collect();
        rig.finish();
        (held, gaps)
    };
    let (held, gaps) = run(1 << 20);
    assert_eq!(gaps, [false, false]);
    // The last request is counted as waiting once its body is held.
    assert_eq!(run(held).1, [false, false]);
    assert_eq!(run(2 * 292 + 8).1, [false, true], "the one that asked for more");
}

#[test]
fn unfinished_heads_count_for_all_together() {
    let mut rig = Rig::with(Limits { tunnel_total: 10_000, ..Limits::default() });
    for port in 0..100 {
        rig.client(port, [&b"POST /open/1 HTTP/1.1\r\nX: "[..], &[b'x'; 800]].concat());
        assert!(rig.tunnels.held <= 10_000 + 2_000);
    }
    let rig = rig.finish();
    assert!(rig.stray.iter().all(|finding| finding.code == "rtmpt.http"));
    assert!(!rig.stray.is_empty());
}
