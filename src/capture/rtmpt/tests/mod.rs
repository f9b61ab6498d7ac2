//! RTMPT from pieces of TCP connections to the traffic of sessions.

mod exchange;
mod http;
mod limits;
mod loss;
mod model;

use std::collections::BTreeMap;

use super::{Connection, Ends, Sink, Tunnels};
use crate::Limits;
use crate::capture::numbers::Numbers;
use crate::capture::tcp::Piece;
use crate::inspect::{
    CloseKind, ClosedBy, Finding, FlowId, GapCause, Opened, Place, Traffic, Transport,
};
use crate::proto::Direction::{self, ClientToServer, ServerToClient};

/// One thing that came out in a direction; neighbouring bytes are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Bytes(Vec<u8>),
    Gap(Option<u64>, GapCause),
}

/// What came out of one session.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    opened: Vec<(Place, Opened)>,
    came: [Vec<Came>; 2],
    places: Vec<Place>,
    findings: Vec<Finding>,
    closed: Vec<(ClosedBy, CloseKind, Place)>,
}

impl Seen {
    fn bytes(&self, direction: Direction) -> Vec<u8> {
        let came = &self.came[direction.index()];
        assert!(came.iter().all(|came| matches!(came, Came::Bytes(_))), "{came:?}");
        came.iter()
            .flat_map(|came| if let Came::Bytes(b) = came { &b[..] } else { &[] })
            .copied()
            .collect()
    }

    fn codes(&self) -> Vec<&'static str> {
        self.findings
            .iter()
            .map(|finding| finding.code)
            .filter(|code| *code != "rtmpt.polling")
            .collect()
    }

    fn finding(&self, code: &str) -> &str {
        let found = self.findings.iter().find(|finding| finding.code == code);
        &found.unwrap_or_else(|| panic!("no {code} in {:?}", self.findings)).message
    }
}

/// The TCP connections of a test and what came out.
struct Rig {
    tunnels: Tunnels,
    connections: BTreeMap<u16, Connection>,
    limits: Limits,
    numbers: Numbers,
    frame: u64,
    seen: BTreeMap<FlowId, Seen>,
    /// Findings about no session.
    stray: Vec<Finding>,
}

fn gather(seen: &mut BTreeMap<FlowId, Seen>, stray: &mut Vec<Finding>, traffic: Traffic<'_>) {
    match traffic {
        Traffic::Opened { flow, place, opened } => {
            assert_eq!(flow as usize, seen.len() + 1, "numbers count up");
            seen.entry(flow).or_default().opened.push((place, opened));
        }
        Traffic::Bytes { flow, place, direction, data } => {
            let seen = seen.get_mut(&flow).expect("it was opened");
            assert!(seen.closed.is_empty(), "bytes of a session that is over");
            assert!(!data.is_empty());
            seen.places.push(place);
            match seen.came[direction.index()].last_mut() {
                Some(Came::Bytes(bytes)) => bytes.extend_from_slice(data),
                _ => seen.came[direction.index()].push(Came::Bytes(data.to_vec())),
            }
        }
        Traffic::Gap { flow, direction, length, cause, .. } => {
            let seen = seen.get_mut(&flow).expect("it was opened");
            assert!(seen.closed.is_empty(), "a gap of a session that is over");
            assert_ne!(length, Some(0));
            seen.came[direction.index()].push(Came::Gap(length, cause));
        }
        Traffic::Ended { .. } => panic!("no direction ends alone"),
        Traffic::Message { .. } => panic!("there are no tags"),
        Traffic::Tick { .. } | Traffic::Proxied { .. } => panic!("captures do not tick"),
        Traffic::Closed { flow, place, by, how } => {
            let seen = seen.get_mut(&flow).expect("it was opened");
            assert!(seen.closed.is_empty(), "closed twice");
            seen.closed.push((by, how, place));
        }
        Traffic::Trouble { flow: Some(flow), finding, .. } => {
            let seen = seen.get_mut(&flow).expect("it was opened");
            assert!(seen.closed.is_empty(), "{finding:?} about a session that is over");
            seen.findings.push(finding);
        }
        Traffic::Trouble { flow: None, finding, .. } => stray.push(finding),
    }
}

fn ends(port: u16) -> Ends {
    Ends { client: ([10, 0, 0, 1], port).into(), server: ([10, 0, 0, 2], 80).into(), secure: false }
}

impl Rig {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self {
            tunnels: Tunnels::default(),
            connections: BTreeMap::new(),
            limits,
            numbers: Numbers::default(),
            frame: 0,
            seen: BTreeMap::new(),
            stray: Vec::new(),
        }
    }

    fn place(&self) -> Place {
        Place { at: Some(self.frame as i64), frame: Some(self.frame), file: None }
    }

    fn act(
        &mut self,
        act: impl FnOnce(&mut Tunnels, &mut BTreeMap<u16, Connection>, Place, &mut Sink<'_>),
    ) {
        self.frame += 1;
        let place = self.place();
        let Self { tunnels, connections, limits, numbers, seen, stray, .. } = self;
        let out = &mut |traffic: Traffic<'_>| gather(seen, stray, traffic);
        let mut sink = Sink { numbers, reserved: &mut None, limits, out };
        act(tunnels, connections, place, &mut sink);
    }

    /// The next piece of a TCP connection, told by its client's port.
    fn piece(&mut self, port: u16, direction: Direction, piece: Piece<'_>) {
        self.act(|tunnels, connections, place, sink| {
            let connection = connections.entry(port).or_insert_with(|| Connection::new(ends(port)));
            tunnels.piece(connection, direction, piece, place, sink);
        });
    }

    fn client(&mut self, port: u16, bytes: impl AsRef<[u8]>) {
        self.piece(port, ClientToServer, Piece::Bytes(bytes.as_ref()));
    }

    fn server(&mut self, port: u16, bytes: impl AsRef<[u8]>) {
        self.piece(port, ServerToClient, Piece::Bytes(bytes.as_ref()));
    }

    fn gap(&mut self, port: u16, direction: Direction, length: impl Into<Option<u64>>) {
        self.piece(port, direction, Piece::Gap(length.into(), GapCause::Lost));
    }

    fn close(&mut self, port: u16) {
        self.close_as(port, ClosedBy::Client, CloseKind::Fin);
    }

    fn close_as(&mut self, port: u16, by: ClosedBy, how: CloseKind) {
        self.act(|tunnels, connections, place, sink| {
            let connection = connections.remove(&port).expect("it is open");
            tunnels.closed(connection, by, how, place, sink);
        });
    }

    /// A request and its answer with these bodies.
    fn exchange(&mut self, port: u16, path: &str, up: &[u8], down: &[u8]) {
        self.client(port, request(path, up));
        self.server(port, response(down));
    }

    fn finish(mut self) -> Self {
        while let Some(port) = self.connections.keys().next().copied() {
            self.close_as(port, ClosedBy::CaptureEnd, CloseKind::End);
        }
        self.act(|tunnels, _, place, sink| tunnels.finish(place, sink));
        for seen in self.seen.values() {
            assert_eq!(seen.opened.len(), 1);
            assert_eq!(seen.closed.len(), 1, "each session is closed once");
        }
        assert_eq!(self.tunnels.held, 0, "what was held is free");
        self
    }

    fn only(&self) -> &Seen {
        assert_eq!(self.seen.len(), 1, "{:?}", self.seen);
        &self.seen[&1]
    }
}

fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-fcs\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn response(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-fcs\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn bytes(bytes: impl AsRef<[u8]>) -> Came {
    Came::Bytes(bytes.as_ref().to_vec())
}

const fn lost(length: Option<u64>) -> Came {
    Came::Gap(length, GapCause::Lost)
}
