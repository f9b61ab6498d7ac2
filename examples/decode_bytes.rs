//! A passive decoder: the bytes of both directions of a connection in, a line for each message out. No I/O in between.
//!
//! `cargo run --example decode_bytes client-to-server.raw server-to-client.raw`

use std::error::Error;
use std::io::Write;

use rtmpctl::Limits;
use rtmpctl::inspect::{
    CloseKind, ClosedBy, Event, Inspector, Opened, Options, Place, Record, Traffic, Transport,
};
use rtmpctl::proto::Direction;

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = std::env::args().skip(1);
    let mut inspector = Inspector::new(Options::default(), Limits::default());
    let place = Place::default();
    let opened =
        Opened { client: None, server: None, from_start: true, transport: Transport::Rtmp };
    inspector.feed(&Traffic::Opened { flow: 1, place, opened }, &mut show);
    for direction in Direction::BOTH {
        let Some(file) = files.next() else { break };
        // In pieces of any size, as they would come from a socket.
        for data in std::fs::read(file)?.chunks(1500) {
            inspector.feed(&Traffic::Bytes { flow: 1, place, direction, data }, &mut show);
        }
    }
    let (by, how) = (ClosedBy::Both, CloseKind::Fin);
    inspector.feed(&Traffic::Closed { flow: 1, place, by, how }, &mut show);
    Ok(())
}

fn show(record: &Record<'_>) {
    let mut out = std::io::stdout().lock();
    // Whoever reads may have seen enough.
    let _ = match &record.event {
        Event::Message(message) => writeln!(
            out,
            "{} {} {} {} bytes",
            record.direction.map_or("", Direction::as_str),
            message.raw.timestamp,
            message.kind.as_str(),
            message.raw.length,
        ),
        Event::Finding(finding) => writeln!(out, "{}", finding.message),
        _ => Ok(()),
    };
}
