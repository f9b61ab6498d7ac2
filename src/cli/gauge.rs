//! What goes on right now, as one line: connections, and of the first one that carries media its rate, pace and bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::inspect::{Event, FlowId, MessageRecord, Record};
use crate::proto::Direction;
use crate::proto::message::{AudioPacketType, Body, FrameType, VideoPacketType};

/// Counts what goes on.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    connections: BTreeMap<FlowId, Connection>,
    /// When [`tick`](Self::tick) was called last, nanoseconds since the Unix epoch.
    ticked: Option<i64>,
}

#[derive(Debug, Default)]
struct Connection {
    began: Option<i64>,
    bytes: [u64; 2],
    /// The direction in which media came first: what is published, or played.
    carries: Option<Direction>,
    audio: Pace,
    video: Pace,
    /// The last key frame's timestamp, and milliseconds from the one before.
    key: Option<u32>,
    group: Option<u32>,
}

/// What one kind of media does.
#[derive(Debug, Default)]
struct Pace {
    /// Frames and bytes since the last tick.
    frames: u32,
    bytes: u64,
    /// Frames and bits a second, as of the last tick.
    rate: (f64, f64),
    /// When the first frame came, and its timestamp.
    first: Option<(i64, u32)>,
    latest: Option<(i64, u32)>,
}

impl Pace {
    fn frame(&mut self, at: i64, timestamp: u32, bytes: u32) {
        self.frames += 1;
        self.bytes += u64::from(bytes);
        self.first.get_or_insert((at, timestamp));
        self.latest = Some((at, timestamp));
    }

    fn tick(&mut self, seconds: f64) {
        let (frames, bytes) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.bytes));
        self.rate = (f64::from(frames) / seconds, bytes as f64 * 8.0 / seconds);
    }

    /// Milliseconds that timestamps have gained on the clock.
    fn drift(&self) -> Option<i64> {
        let ((began, first), (at, latest)) = (self.first?, self.latest?);
        let media = i64::from(latest.wrapping_sub(first).cast_signed());
        Some(media - (at - began) / 1_000_000)
    }
}

impl Gauge {
    /// Takes a record, before any filter.
    pub(super) fn record(&mut self, record: &Record<'_>) {
        let Some(id) = record.connection else { return };
        match &record.event {
            Event::Opened(_) => {
                let began = record.place.at;
                self.connections.insert(id, Connection { began, ..Connection::default() });
            }
            Event::Closed(_) => {
                self.connections.remove(&id);
            }
            event => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                let (Some(direction), Some(span)) = (record.direction, record.span) else {
                    return;
                };
                let bytes = &mut connection.bytes[direction.index()];
                *bytes = span.end.max(*bytes);
                if let (Event::Message(message), Some(at)) = (event, record.place.at) {
                    connection.media(direction, message, at);
                }
            }
        }
    }

    /// A second or so has passed, until `now`.
    pub(super) fn tick(&mut self, now: i64) {
        let since = self.ticked.replace(now).map_or(1_000_000_000, |before| now - before);
        let seconds = (since.max(1) as f64) / 1e9;
        for connection in self.connections.values_mut() {
            connection.audio.tick(seconds);
            connection.video.tick(seconds);
        }
    }

    /// The line, at most so many columns wide; empty where nobody is connected.
    pub(super) fn line(&self, now: i64, columns: usize) -> String {
        let count = self.connections.len();
        if count == 0 {
            return String::new();
        }
        let mut line = format!("{count} connection{}", if count == 1 { "" } else { "s" });
        let shown = self.connections.iter().find(|(_, connection)| connection.carries.is_some());
        if let Some((id, connection)) = shown.or_else(|| self.connections.iter().next()) {
            connection.push(&mut line, *id, now);
        }
        // All of it is ASCII.
        line.truncate(columns.saturating_sub(1));
        line
    }
}

impl Connection {
    fn media(&mut self, direction: Direction, message: &MessageRecord<'_>, at: i64) {
        let raw = message.raw;
        let coded = match message.body {
            Body::Audio(audio) => matches!(
                audio.packet_type,
                Some(AudioPacketType::CodedFrames | AudioPacketType::Raw)
            ),
            Body::Video(video) => matches!(
                video.packet_type,
                Some(
                    VideoPacketType::CodedFrames
                        | VideoPacketType::CodedFramesX
                        | VideoPacketType::Raw
                )
            ),
            _ => return,
        };
        if !coded || *self.carries.get_or_insert(direction) != direction {
            return;
        }
        match message.body {
            Body::Video(video) => {
                self.video.frame(at, raw.timestamp, raw.length);
                if video.frame_type == Some(FrameType::Key) {
                    let before = self.key.replace(raw.timestamp);
                    self.group = before.map(|before| raw.timestamp.wrapping_sub(before));
                }
            }
            _ => self.audio.frame(at, raw.timestamp, raw.length),
        }
    }

    fn push(&self, line: &mut String, id: FlowId, now: i64) {
        // Writing to a string cannot fail.
        let seconds = self.began.map_or(0, |began| (now - began).max(0) / 1_000_000_000);
        let _ =
            write!(line, "  #{id} {}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let (audio, video) = (&self.audio, &self.video);
        if self.carries.is_some() {
            let _ = write!(line, "  {:.0} kb/s", (audio.rate.1 + video.rate.1) / 1e3);
        }
        if video.latest.is_some() {
            let _ = write!(line, "  {:.1} fps", video.rate.0);
        }
        if let Some(group) = self.group {
            let _ = write!(line, "  GOP {:.1} s", f64::from(group) / 1e3);
        }
        if let (Some((_, sound)), Some((_, picture))) = (audio.latest, video.latest) {
            let _ = write!(line, "  A/V {:+} ms", sound.wrapping_sub(picture).cast_signed());
        }
        if let Some(drift) = video.drift().or_else(|| audio.drift()) {
            let _ = write!(line, "  drift {drift:+} ms");
        }
        let bytes = self.bytes[0] + self.bytes[1];
        let _ = write!(line, "  {:.1} MB", bytes as f64 / 1e6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        CloseKind, ClosedBy, Inspector, Opened, Options, Place, Traffic, Transport,
    };
    use crate::proto::chunk::{Outgoing, Writer};

    struct Run(Inspector, Gauge);

    impl Run {
        fn feed(&mut self, traffic: &Traffic<'_>) {
            let Self(inspector, gauge) = self;
            inspector.feed(traffic, &mut |record| gauge.record(record));
        }
    }

    fn at(milliseconds: i64) -> Place {
        Place { at: Some(milliseconds * 1_000_000), ..Place::default() }
    }

    /// Two connections, of which the second publishes for half a minute; a key frame comes every two seconds.
    fn published() -> Run {
        let inspector = Inspector::new(Options::default(), crate::Limits::default());
        let mut run = Run(inspector, Gauge::default());
        let address = Some(([127, 0, 0, 1], 1935).into());
        let opened = Opened {
            client: address,
            server: address,
            from_start: true,
            transport: Transport::Rtmp,
        };
        for flow in [1, 2] {
            run.feed(&Traffic::Opened { flow, place: at(0), opened });
        }
        let direction = Direction::ClientToServer;
        let mut handshake = vec![0; 1 + 2 * 1536];
        handshake[0] = 3;
        run.feed(&Traffic::Bytes { flow: 2, place: at(0), direction, data: &handshake });
        let mut writer = Writer::new();
        for i in 0..750_u32 {
            if i % 25 == 0 {
                run.1.tick(i64::from(i) * 41_000_000);
            }
            let key = if i % 50 == 0 { 0x17 } else { 0x27 };
            let video = [&[key, 1, 0, 0, 0][..], &[9; 995]].concat();
            let mut data = Vec::new();
            for (type_id, timestamp, payload) in
                [(9, i * 40, &video[..]), (8, i * 40 + 7, &[0xaf, 1, 2])]
            {
                let (chunk_stream_id, message_stream_id) = (u32::from(type_id) - 3, 1);
                let message =
                    Outgoing { chunk_stream_id, message_stream_id, type_id, timestamp, payload };
                writer.write(&message, &mut data);
            }
            run.feed(&Traffic::Bytes {
                flow: 2,
                place: at(i64::from(i) * 41),
                direction,
                data: &data,
            });
        }
        run.1.tick(750 * 41_000_000);
        run
    }

    #[test]
    fn the_line_says_what_goes_on_and_is_no_wider_than_the_terminal() {
        let Run(_, gauge) = published();
        let now = 3_723_000_000_000;
        // 25 frames in 1.025 s, each with 1,003 bytes; 749 frames that come 1 ms late each.
        assert_eq!(
            gauge.line(now, 200),
            "2 connections  #2 1:02:03  196 kb/s  24.4 fps  GOP 2.0 s  A/V +7 ms  drift -749 ms  0.8 MB"
        );
        assert_eq!(gauge.line(now, 16), "2 connections  ");
    }

    #[test]
    fn connections_that_are_over_count_no_more() {
        let mut run = published();
        for flow in [2, 1] {
            let (by, how) = (ClosedBy::Client, CloseKind::Fin);
            run.feed(&Traffic::Closed { flow, place: at(40_000), by, how });
            let line = run.1.line(40_000_000_000, 80);
            assert_eq!(line, ["", "1 connection  #1 0:00:40  0.0 MB"][flow as usize - 1]);
        }
    }
}
