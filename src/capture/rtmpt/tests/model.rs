//! A model of clients and servers: what they send comes out exact, and with holes it comes out true.

use proptest::prelude::*;

use super::*;

/// One exchange of the model.
#[derive(Debug, Clone)]
struct Exchange {
    /// The client's bytes; none is an `/idle`.
    up: Vec<u8>,
    down: Vec<u8>,
    /// How each body is sent.
    form: [Form; 2],
    /// Sent without waiting for the answer before it.
    ahead: bool,
    /// Over another connection than the one before; the old one is closed, or stays open.
    reconnect: Option<bool>,
    /// `100 Continue` first.
    interim: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Length,
    Chunked(usize),
    /// An answer that ends with its connection.
    UntilEnd,
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        4 => Just(Form::Length),
        2 => (1usize..9).prop_map(Form::Chunked),
        1 => Just(Form::UntilEnd),
    ]
}

fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let one = (
        0usize..12,
        0usize..12,
        form(),
        form(),
        any::<bool>(),
        proptest::option::weighted(0.2, any::<bool>()),
        any::<bool>(),
    )
        .prop_map(|(up, down, a, b, ahead, reconnect, interim)| Exchange {
            up: vec![0; up],
            down: vec![0; down],
            form: [a, b],
            ahead,
            reconnect,
            interim,
        });
    proptest::collection::vec(one, 1..14).prop_map(|mut exchanges| {
        // Each byte says where it was, as well as a byte can.
        let mut next = [0u8; 2];
        for exchange in &mut exchanges {
            for (bytes, next) in [&mut exchange.up, &mut exchange.down].into_iter().zip(&mut next) {
                for byte in bytes {
                    *byte = *next;
                    *next = next.wrapping_add(1);
                }
            }
        }
        exchanges
    })
}

/// What happens on the connections, in order.
#[derive(Debug, Clone)]
enum Step {
    Piece(u16, Direction, Vec<u8>),
    Close(u16),
}

fn message(head: &str, body: &[u8], form: Form) -> Vec<u8> {
    let mut out = head.as_bytes().to_vec();
    match form {
        Form::Length => {
            out.extend(
                format!("content-length : {}\r\n\r\n", body.len()).replace(" :", ":").as_bytes(),
            );
            out.extend(body);
        }
        Form::Chunked(size) => {
            out.extend(b"Transfer-Encoding: x, Chunked\r\n\r\n");
            for chunk in body.chunks(size) {
                out.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                out.extend(chunk);
                out.extend(b"\r\n");
            }
            out.extend(b"0\r\n\r\n");
        }
        Form::UntilEnd => {
            out.extend(b"Connection: close\r\n\r\n");
            out.extend(body);
        }
    }
    out
}

/// The steps of a session, and the bytes of both directions.
fn steps(exchanges: &[Exchange]) -> (Vec<Step>, [Vec<u8>; 2]) {
    let mut steps = vec![
        Step::Piece(1, ClientToServer, request("/open/1", b"\0")),
        Step::Piece(1, ServerToClient, response(b"id\n")),
    ];
    let mut truth = [Vec::new(), Vec::new()];
    let (mut port, mut owed) = (1, Vec::new());
    let last = exchanges.len() - 1;
    for (n, exchange) in exchanges.iter().enumerate() {
        let ends = exchange.form[1] == Form::UntilEnd;
        if !(exchange.ahead && exchange.reconnect != Some(true)) {
            steps.append(&mut owed);
        }
        if let Some(close) = exchange.reconnect {
            if close {
                steps.append(&mut owed);
                steps.push(Step::Close(port));
            }
            port += 1;
        }
        let idle = exchange.up.is_empty();
        let (verb, body) = if idle { ("idle", &b"\0"[..]) } else { ("send", &exchange.up[..]) };
        let form = if exchange.form[0] == Form::UntilEnd { Form::Length } else { exchange.form[0] };
        let head = format!("POST /{verb}/id/{n} HTTP/1.1\r\nHost: h\r\n");
        steps.push(Step::Piece(port, ClientToServer, message(&head, body, form)));
        let mut answer = Vec::new();
        if exchange.interim {
            answer.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let body = [&[1], &exchange.down[..]].concat();
        answer.extend(message("HTTP/1.1 200 OK\r\nX: y\r\n", &body, exchange.form[1]));
        owed.push(Step::Piece(port, ServerToClient, answer));
        if ends {
            steps.append(&mut owed);
            steps.push(Step::Close(port));
            port += 1;
        }
        truth[0].extend(&exchange.up);
        truth[1].extend(&exchange.down);
        if n == last {
            steps.append(&mut owed);
        }
    }
    (steps, truth)
}

/// Runs the steps, each cut where `cuts` say; pieces are dropped where `drop` says so.
fn run(steps: &[Step], cuts: &[usize], mut drop: impl FnMut() -> bool) -> Rig {
    let mut rig = Rig::new();
    let mut cuts = cuts.iter().cycle();
    for (index, step) in steps.iter().enumerate() {
        // The first request of a connection makes it known as one of the session.
        let known = match step {
            Step::Piece(port, ServerToClient, _) | Step::Close(port) => index > 3 || *port > 1,
            Step::Piece(port, ..) => steps[..index]
                .iter()
                .skip(2)
                .any(|step| matches!(step, Step::Piece(other, ClientToServer, _) if other == port)),
        };
        match step {
            Step::Close(port) => {
                if rig.connections.contains_key(port) {
                    rig.close(*port);
                }
            }
            Step::Piece(port, direction, all) => {
                let mut rest = &all[..];
                while !rest.is_empty() {
                    let (piece, behind) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                    rest = behind;
                    if known && drop() {
                        rig.gap(*port, *direction, piece.len() as u64);
                    } else {
                        rig.piece(*port, *direction, Piece::Bytes(piece));
                    }
                }
            }
        }
    }
    rig.finish()
}

/// Whether the bytes and gaps are those of `truth`, with nothing missing that is not said.
fn is_true(came: &[Came], truth: &[u8]) -> bool {
    let mut places: Vec<usize> = vec![0];
    for came in came {
        places = match came {
            Came::Bytes(bytes) => places
                .into_iter()
                .filter(|&at| truth.get(at..).is_some_and(|rest| rest.starts_with(bytes)))
                .map(|at| at + bytes.len())
                .collect(),
            Came::Gap(Some(length), _) => places
                .into_iter()
                .map(|at| at + *length as usize)
                .filter(|&at| at <= truth.len())
                .collect(),
            Came::Gap(None, _) => {
                places.into_iter().min().map_or_else(Vec::new, |at| (at..=truth.len()).collect())
            }
        };
    }
    places.contains(&truth.len())
}

proptest! {
    #[test]
    fn what_was_sent_comes_out_exact(exchanges in exchanges(), cuts in proptest::collection::vec(1usize..40, 1..20)) {
        let (steps, truth) = steps(&exchanges);
        let rig = run(&steps, &cuts, || false);
        let seen = rig.only();
        prop_assert_eq!(seen.bytes(ClientToServer), &truth[0][..]);
        prop_assert_eq!(seen.bytes(ServerToClient), &truth[1][..]);
        prop_assert_eq!(seen.codes(), [""; 0]);
    }

    #[test]
    fn what_is_lost_is_said(
        exchanges in exchanges(),
        cuts in proptest::collection::vec(1usize..60, 1..20),
        drops in proptest::collection::vec(0u8..20, 1..40),
        rate in 1u8..6,
    ) {
        // A 100 Continue that is lost looks like an answer that is.
        let exchanges: Vec<_> = exchanges.into_iter().map(|one| Exchange { interim: false, ..one }).collect();
        let (steps, truth) = steps(&exchanges);
        let mut drops = drops.iter().cycle();
        let rig = run(&steps, &cuts, || *drops.next().unwrap() < rate);
        let seen = rig.only();
        for direction in Direction::BOTH {
            let (came, truth) = (&seen.came[direction.index()], &truth[direction.index()]);
            prop_assert!(is_true(came, truth), "{direction} {came:?} of {truth:?}");
        }
    }

    #[test]
    fn two_connections_at_once_give_the_same_in_any_order(
        count in 2u8..12,
        swaps in proptest::collection::vec(any::<bool>(), 12),
        cuts in proptest::collection::vec(1usize..40, 1..20),
    ) {
        // Pairs of requests, each over its own connection and whichever first.
        let mut rig = Rig::new();
        rig.exchange(1, "/open/1", b"\0", b"id\n");
        rig.exchange(2, "/fcs/ident2", b"\0", b"");
        rig.exchange(1, "/send/id/0", &[0], &[1, 0]);
        rig.exchange(2, "/send/id/1", &[1], &[1, 1]);
        let mut cuts = cuts.iter().cycle();
        for pair in 1..count {
            let mut numbers = [pair * 2, pair * 2 + 1];
            if swaps[usize::from(pair)] {
                numbers.reverse();
            }
            let mut feed = |direction| {
                let mut rests = numbers.map(|n| match direction {
                    ClientToServer => request(&format!("/send/id/{n}"), &[n]),
                    ServerToClient => response(&[1, n]),
                });
                while rests.iter().any(|rest| !rest.is_empty()) {
                    for (rest, n) in rests.iter_mut().zip(numbers) {
                        let piece: Vec<u8> = rest.drain(..(*cuts.next().unwrap()).min(rest.len())).collect();
                        rig.piece(u16::from(n % 2) + 1, direction, Piece::Bytes(&piece));
                    }
                }
            };
            feed(ClientToServer);
            feed(ServerToClient);
        }
        let rig = rig.finish();
        let all: Vec<u8> = (0..count * 2).collect();
        prop_assert_eq!(rig.only().bytes(ClientToServer), &all[..]);
        prop_assert_eq!(rig.only().bytes(ServerToClient), &all[..]);
        prop_assert_eq!(rig.only().codes(), [""; 0]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        pieces in proptest::collection::vec((0u16..3, any::<bool>(), 0usize..PARTS.len() + 3, proptest::collection::vec(any::<u8>(), 0..40)), 0..60),
        close in 0usize..60,
    ) {
        let limits = Limits { tunnel_head: 64, tunnel_bytes: 300, tunnel_total: 900, tunnel_ahead: 3, tunnel_requests: 4, tunnel_sessions: 3, ..Limits::default() };
        let mut rig = Rig::with(limits);
        for (at, (port, up, part, bytes)) in pieces.iter().enumerate() {
            let direction = if *up { ClientToServer } else { ServerToClient };
            let length = bytes.len() as u64;
            match part.checked_sub(3) {
                Some(part) => rig.piece(*port, direction, Piece::Bytes(PARTS[part])),
                None if *part == 0 => rig.gap(*port, direction, length),
                None if *part == 1 => rig.gap(*port, direction, None),
                None => rig.piece(*port, direction, Piece::Bytes(bytes)),
            }
            if at == close && rig.connections.contains_key(port) {
                rig.close(*port);
            }
            prop_assert!(rig.tunnels.held < 4_000);
        }
        rig.finish();
    }
}

/// Parts of messages, to be put together at random.
const PARTS: [&[u8]; 19] = [
    b"POST /open/1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n\0",
    b"POST /send/a/0 HTTP/1.1\r\nContent-Length: 4\r\n\r\nab",
    b"POST /send/a/1 HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST /send/a/3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
    b"POST /send/a/18446744073709551615 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
    b"POST /idle/b/7 HTTP/1.1\r\n\r\n",
    b"POST /idle/a/9999999999 HTTP/1.1\r\n\r\n",
    b"POST /close/a HTTP/1.1\r\n\r\n",
    b"POST /close/b/8 HTTP/1.1\r\n\r\n",
    b"POST /idle/",
    b"c/1 HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x01abc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nxyz",
    b"HTTP/1.0 200 OK\r\n\r\n\x01zz",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.",
    b"cd",
];
