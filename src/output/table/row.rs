//! One aligned row: time, direction, connection, kind and words, cut to the terminal and never on a pipe.

use std::fmt::Write as _;

use owo_colors::{OwoColorize, Style as Colour};
use unicode_width::UnicodeWidthChar;

use super::super::time::Clock;
use super::Style;
use crate::inspect::{Arrival, FlowId};
use crate::proto::Direction;

/// What colour a row has, by what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Dim,
    Bold,
    ClientToServer,
    ServerToClient,
    Info,
    Warning,
    Error,
}

impl Paint {
    const fn colour(self) -> Colour {
        let colour = Colour::new();
        match self {
            Self::Plain => colour,
            Self::Dim => colour.dimmed(),
            Self::Bold => colour.bold(),
            Self::ClientToServer => colour.cyan(),
            Self::ServerToClient => colour.green(),
            Self::Info => colour.blue(),
            Self::Warning => colour.yellow(),
            Self::Error => colour.red().bold(),
        }
    }
}

/// The cells of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) at: Arrival,
    pub(super) direction: Option<Direction>,
    pub(super) connection: Option<FlowId>,
    pub(super) kind: &'r str,
    pub(super) text: &'r str,
    pub(super) paint: Paint,
}

/// `03:04:05.678901`
const TIME: usize = 15;
/// `#1`
const CONNECTION: usize = 5;
/// `handshake`
const KIND: usize = 9;

impl Row<'_> {
    /// Appends the row.
    pub(super) fn push(&self, out: &mut Vec<u8>, clock: &mut Clock, style: Style) {
        let mut line = String::with_capacity(64 + self.text.len());
        match self.at {
            Some(at) => clock.push_time_of_day(&mut line, at),
            None => line.push_str("-              "),
        }
        let direction = self.direction.map_or("   ", Direction::as_str);
        let connection =
            self.connection.map_or_else(String::new, |connection| format!("#{connection}"));
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "  {direction}  {connection:<CONNECTION$}{:<KIND$}  {}",
            self.kind, self.text
        );
        push_line(out, &line, self.paint, style);
    }
}

/// Appends the column titles.
pub(super) fn push_head(out: &mut Vec<u8>, style: Style) {
    let line = format!(
        "{:<TIME$}  {:<3}  {:<CONNECTION$}{:<KIND$}  {}",
        "time (UTC)", "dir", "conn", "kind", "what"
    );
    push_line(out, &line, Paint::Bold, style);
}

/// Appends a line, cut to the width and coloured. Its text must be escaped already.
pub(super) fn push_line(out: &mut Vec<u8>, line: &str, paint: Paint, style: Style) {
    let line = line.trim_end();
    let shown = style.width.map_or(line, |width| fit(line, width));
    let cut = shown.len() < line.len();
    if style.color && paint != Paint::Plain {
        let mut text = shown.to_owned();
        if cut {
            text.push('…');
        }
        out.extend_from_slice(text.style(paint.colour()).to_string().as_bytes());
    } else {
        out.extend_from_slice(shown.as_bytes());
        if cut {
            out.extend_from_slice("…".as_bytes());
        }
    }
    out.push(b'\n');
}

/// As much of the line as fits into `width` columns, room for the mark of the cut included where one is needed.
fn fit(line: &str, width: usize) -> &str {
    let mut used = 0;
    let mut room = 0;
    for (at, c) in line.char_indices() {
        let columns = c.width().unwrap_or(0);
        if used + columns > width {
            return &line[..room];
        }
        used += columns;
        if used < width {
            room = at + c.len_utf8();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_columns_and_not_to_bytes() {
        for (line, width, shown) in [
            ("abcdef", 6, "abcdef\n"),
            ("abcdef", 5, "abcd…\n"),
            ("äöü", 3, "äöü\n"),
            ("äöüß", 3, "äö…\n"),
            ("日本語", 6, "日本語\n"),
            ("日本語", 5, "日本…\n"),
            ("日本語", 4, "日…\n"),
            ("ab", 1, "…\n"),
        ] {
            let mut out = Vec::new();
            push_line(&mut out, line, Paint::Plain, Style { color: false, width: Some(width) });
            assert_eq!(String::from_utf8(out).unwrap(), shown, "{line} in {width}");
        }
    }

    #[test]
    fn without_a_width_nothing_is_cut_and_colour_is_added_only_where_wanted() {
        let line = "x".repeat(500);
        for (color, wrapped) in [(false, false), (true, true)] {
            let mut out = Vec::new();
            push_line(&mut out, &line, Paint::Error, Style { color, width: None });
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&line));
            assert_eq!(text.contains('\u{1b}'), wrapped);
        }
    }
}
