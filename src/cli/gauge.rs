//! What goes on right now, as one line: connections, and of the first one that carries media its rate, pace and bytes.

use std::fmt::Write as _;

use crate::inspect::Glance;

/// The line at `now`, nanoseconds since the Unix epoch, at most so many columns wide; empty where nobody is connected.
pub(super) fn line(glance: Option<&Glance>, now: i64, columns: usize) -> String {
    let Some(glance) = glance else { return String::new() };
    let Glance { connections, connection, began, bytes, carries } = glance;
    let mut line = format!("{connections} connection{}", if *connections == 1 { "" } else { "s" });
    // Writing to a string cannot fail.
    let seconds = began.map_or(0, |began| (now - began).max(0) / 1_000_000_000);
    let _ = write!(
        line,
        "  #{connection} {}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if let Some(carried) = carries {
        let _ = write!(line, "  {:.0} kb/s", carried.bitrate / 1e3);
        if let Some(rate) = carried.frame_rate {
            let _ = write!(line, "  {rate:.1} fps");
        }
        if let Some(interval) = carried.keyframe_interval {
            let _ = write!(line, "  GOP {:.1} s", f64::from(interval) / 1e3);
        }
        if let Some(skew) = carried.av_skew {
            let _ = write!(line, "  A/V {skew:+} ms");
        }
        if let Some(ahead) = carried.ahead {
            let _ = write!(line, "  drift {ahead:+} ms");
        }
    }
    let _ = write!(line, "  {:.1} MB", *bytes as f64 / 1e6);
    // All of it is ASCII.
    line.truncate(columns.saturating_sub(1));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        CloseKind, ClosedBy, Inspector, Opened, Options, Place, Traffic, Transport,
    };
    use crate::proto::Direction;
    use crate::proto::chunk::{Outgoing, Writer};

    struct Run(Inspector);

    impl Run {
        fn feed(&mut self, traffic: &Traffic<'_>) {
            self.0.feed(traffic, &mut |_| {});
        }

        fn line(&self, milliseconds: i64, columns: usize) -> String {
            let now = milliseconds * 1_000_000;
            line(self.0.glance(Some(now)).as_ref(), now, columns)
        }
    }

    fn at(milliseconds: i64) -> Place {
        Place { at: Some(milliseconds * 1_000_000), ..Place::default() }
    }

    /// Two connections, of which the second publishes for half a minute; a key frame comes every two seconds.
    fn published() -> Run {
        let inspector = Inspector::new(Options::default(), crate::Limits::default());
        let mut run = Run(inspector);
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
        run
    }

    #[test]
    fn the_line_says_what_goes_on_and_is_no_wider_than_the_terminal() {
        let run = published();
        // 25 frames in 1.025 s, each with 1,003 bytes; 749 frames that come 1 ms late each.
        assert_eq!(
            run.line(31_000, 200),
            "2 connections  #2 0:00:31  196 kb/s  24.4 fps  GOP 2.0 s  A/V +7 ms  drift -749 ms  0.8 MB"
        );
        assert_eq!(run.line(31_000, 16), "2 connections  ");
        // Nothing has come for an hour.
        let line = run.line(3_723_000, 200);
        assert!(line.starts_with("2 connections  #2 1:02:03  0 kb/s  0.0 fps  GOP"), "{line}");
    }

    #[test]
    fn connections_that_are_over_count_no_more() {
        let mut run = published();
        for flow in [2, 1] {
            let (by, how) = (ClosedBy::Client, CloseKind::Fin);
            run.feed(&Traffic::Closed { flow, place: at(40_000), by, how });
            let line = run.line(40_000, 80);
            assert_eq!(line, ["", "1 connection  #1 0:00:40  0.0 MB"][flow as usize - 1]);
        }
    }
}
