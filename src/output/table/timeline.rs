//! Seconds of tracks as rows with small bars, which show a track's rates against the highest that it had.

use std::fmt::Write as _;

use super::words;
use crate::inspect::{FlowId, Media, Record, Timeline};
use crate::proto::Direction;

/// The scales of bars, one for each track of the open connections.
#[derive(Debug, Default)]
pub(super) struct Bars(Vec<Scale>);

#[derive(Debug)]
struct Scale {
    of: (FlowId, Direction, u32, Media, u8),
    frames: f64,
    bitrate: f64,
}

/// Cells of a bar.
const WIDTH: usize = 8;

impl Bars {
    /// The last column of a row.
    pub(super) fn text(&mut self, record: &Record<'_>, second: &Timeline) -> String {
        let direction = record.direction.unwrap_or(Direction::ClientToServer);
        let of = (
            record.connection.unwrap_or(0),
            direction,
            second.message_stream_id,
            second.media,
            second.track,
        );
        let seconds = second.duration as f64 / 1e9;
        // Of less than a tenth of a second rates mean nothing.
        let frames = if seconds >= 0.1 { f64::from(second.frames) / seconds } else { 0.0 };
        let bitrate = second.bitrate().filter(|_| seconds >= 0.1).unwrap_or(0.0);
        let index = match self.0.iter().position(|scale| scale.of == of) {
            Some(index) => index,
            None => {
                self.0.push(Scale { of, frames: 0.0, bitrate: 0.0 });
                self.0.len() - 1
            }
        };
        let scale = &mut self.0[index];
        scale.frames = scale.frames.max(frames);
        scale.bitrate = scale.bitrate.max(bitrate);
        let mut text = format!(
            "{:>3} frames {}  {:>10} {}",
            second.frames,
            bar(frames, scale.frames),
            words::bitrate(bitrate),
            bar(bitrate, scale.bitrate)
        );
        // Writing to a string cannot fail.
        if second.media == Media::Video {
            let _ = write!(text, "  {} key", second.keyframes);
        } else {
            text.push_str("       ");
        }
        if let Some(ahead) = second.ahead {
            let _ = write!(text, "  clock {ahead:+} ms");
        }
        if let Some(skew) = second.av_skew {
            let _ = write!(text, "  A/V {skew:+} ms");
        }
        if second.buffered > 0 {
            let _ = write!(text, "  buffered {}", words::size(second.buffered));
        }
        if let Some(bytes) = second.unacknowledged {
            let _ = write!(text, "  unacknowledged {}", words::size(bytes));
        }
        let [info, warning, error] = second.findings;
        for (count, noun) in [(error, "error"), (warning, "warning"), (info, "note")] {
            if count > 0 {
                let _ = write!(text, "  {}", words::plural(count, noun));
            }
        }
        if seconds > 1.5 {
            let _ = write!(text, "  over {seconds:.1} s");
        }
        if second.track > 0 {
            let _ = write!(text, "  track {}", second.track);
        }
        text
    }

    /// A connection is over.
    pub(super) fn end(&mut self, connection: FlowId) {
        self.0.retain(|scale| scale.of.0 != connection);
    }
}

/// A bar as long as `value` is of `most`, in eighths of a cell; the rest is blank.
fn bar(value: f64, most: f64) -> String {
    const PARTS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * (WIDTH * 8) as f64).round() as usize;
    let mut text: String = std::iter::repeat_n(PARTS[7], eighths / 8).collect();
    let rest = eighths % 8;
    if rest > 0 {
        text.push(PARTS[rest - 1]);
    }
    let cells = eighths / 8 + usize::from(rest > 0);
    text.extend(std::iter::repeat_n(' ', WIDTH - cells));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_always_as_wide() {
        for (value, most, shown) in [
            (0.0, 0.0, "        "),
            (0.0, 1.0, "        "),
            (1.0, 1.0, "████████"),
            (0.5, 1.0, "████    "),
            (1.0, 64.0, "▏       "),
            (9.0, 1.0, "████████"),
            (f64::NAN, 1.0, "        "),
        ] {
            assert_eq!(bar(value, most), shown, "{value} of {most}");
            assert_eq!(bar(value, most).chars().count(), WIDTH);
        }
    }
}
