//! Records as aligned rows for people: one line each, written as they come, and a summary of each connection.

mod bitstream;
mod fold;
mod row;
mod summary;
mod timeline;
mod words;

use super::escape;
use super::payload::{self, Shown};
use super::time::Clock;
use crate::inspect::{Event, Record, Severity};
use crate::proto::Direction;

use fold::Folds;
use row::{Paint, Row};

/// How the output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether to colour.
    pub color: bool,
    /// Columns to cut rows to; `None` leaves them whole.
    pub width: Option<usize>,
}

/// Writes records as rows.
///
/// Audio and video frames are folded into one row per track and second of arrival, which appears once the second is
/// over, unless `frames` asks for each.
#[derive(Debug)]
pub struct Writer {
    style: Style,
    shown: Shown,
    frames: bool,
    /// Whether seconds have rows of their own, in place of folded frames.
    timeline: bool,
    bars: timeline::Bars,
    files: Vec<String>,
    clock: Clock,
    folds: Folds,
    live: bool,
    begun: bool,
}

impl Writer {
    /// A writer; `files` are the input's names, where there are several.
    #[must_use]
    pub fn new(style: Style, shown: Shown, frames: bool, files: Vec<String>) -> Self {
        Self {
            style,
            shown,
            frames,
            timeline: false,
            bars: timeline::Bars::default(),
            files,
            clock: Clock::default(),
            folds: Folds::default(),
            live: false,
            begun: false,
        }
    }

    /// The same where records of the event `timeline` come: they stand in place of folded frames.
    #[must_use]
    pub const fn with_timeline(mut self, timeline: bool) -> Self {
        self.timeline = timeline;
        self
    }

    /// The same for what happens now: rows of folded frames have the bit rate, and how timestamps keep up with the clock.
    #[must_use]
    pub fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// Appends the line that says what is inspected.
    pub fn start(&mut self, out: &mut Vec<u8>, command: &str, source: &[String]) {
        let mut line = format!("rtmpctl {} {command} ", env!("CARGO_PKG_VERSION"));
        for (index, name) in source.iter().enumerate() {
            if index > 0 {
                line.push(' ');
            }
            escape::push_escaped(&mut line, name);
        }
        row::push_line(out, &line, Paint::Dim, self.style);
    }

    /// Appends the row of a record, and those of frames that it ends the folding of.
    pub fn record(&mut self, out: &mut Vec<u8>, record: &Record<'_>) {
        if let Event::Message(message) = &record.event
            && !self.frames
            && self.shown.of(message.raw.payload).is_none()
        {
            if fold::folds(message) {
                return;
            }
            if let Some(frame) = fold::frame(record, message) {
                if self.timeline {
                    return;
                }
                for fold in self.folds.add(record, frame) {
                    self.fold(out, &fold);
                }
                return;
            }
        }
        if let Some(connection) = record.connection {
            for fold in self.folds.end(connection, record) {
                self.fold(out, &fold);
            }
        }
        self.row(out, record);
    }

    /// Appends what is folded of seconds that are over at `now`, nanoseconds since the Unix epoch: of what is live
    /// nothing more may come that would end them.
    pub fn tick(&mut self, out: &mut Vec<u8>, now: i64) {
        for fold in self.folds.end_before(now) {
            self.fold(out, &fold);
        }
    }

    /// Whether something is folded that a later [`tick`](Self::tick) can end.
    #[must_use]
    pub const fn is_folding(&self) -> bool {
        !self.folds.is_empty()
    }

    /// Appends what is still folded.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        for fold in self.folds.end_all() {
            self.fold(out, &fold);
        }
    }

    fn row(&mut self, out: &mut Vec<u8>, record: &Record<'_>) {
        self.head(out);
        if let Event::Summary(summary) = record.event {
            let connection = record.connection.unwrap_or(0);
            self.bars.end(connection);
            summary::push(out, connection, summary, self.style);
            return;
        }
        let paint = match &record.event {
            Event::Finding(finding) => Paint::of_severity(finding.severity),
            Event::Gap(_) | Event::Dropped(_) => Paint::Warning,
            Event::Message(message) if message.malformed.is_some() => Paint::Error,
            _ => Paint::of(record.direction),
        };
        let mut text = match &record.event {
            Event::Timeline(second) => self.bars.text(record, second),
            _ => words::of(record),
        };
        if let Some(file) = record.place.file.and_then(|file| self.files.get(file as usize))
            && matches!(record.event, Event::Opened(_) | Event::Finding(_))
        {
            text.push_str(" in ");
            escape::push_escaped(&mut text, file);
        }
        // A second is shown where it began.
        let at = match &record.event {
            Event::Timeline(second) => record.place.at.map(|at| {
                let since = record.elapsed.zip(second.start).map_or(0, |(now, start)| now - start);
                at.saturating_sub(since)
            }),
            _ => record.place.at,
        };
        let row = Row {
            at,
            direction: record.direction,
            connection: record.connection,
            kind: words::kind(record),
            text: &text,
            paint,
        };
        row.push(out, &mut self.clock, self.style);
        if let Event::Message(message) = &record.event
            && let Some(bytes) = self.shown.of(message.raw.payload)
        {
            payload::push_lines(out, bytes, self.shown.form, message.masked);
        }
    }

    fn fold(&mut self, out: &mut Vec<u8>, fold: &fold::Fold) {
        self.head(out);
        let text = fold.text(self.live);
        let row = Row {
            at: fold.at,
            direction: Some(fold.key.direction),
            connection: Some(fold.key.connection),
            kind: fold.key.media.as_str(),
            text: &text,
            paint: Paint::of(Some(fold.key.direction)),
        };
        row.push(out, &mut self.clock, self.style);
    }

    /// The column titles, before the first row.
    fn head(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            row::push_head(out, self.style);
        }
    }
}

impl Paint {
    const fn of_severity(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Info => Self::Info,
        }
    }

    const fn of(direction: Option<Direction>) -> Self {
        match direction {
            Some(Direction::ClientToServer) => Self::ClientToServer,
            Some(Direction::ServerToClient) => Self::ServerToClient,
            None => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests;
