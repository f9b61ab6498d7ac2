//! Traffic to records to outputs: the one loop body that all inspecting commands share.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::args::{Format, Shared};
use super::recordings::Recordings;
use super::settings::Settings;
use crate::Limits;
use crate::inspect::{Event, Inspector, Record, Severity, Traffic};
use crate::output::filter::Filter;
use crate::output::payload::Form;
use crate::output::redact::Redactor;
use crate::output::{json, table};

/// Inspects traffic and prints what comes of it.
pub(super) struct Pump {
    inspector: Inspector,
    recordings: Recordings,
    show: Show,
}

/// Everything behind the inspector.
struct Show {
    filter: Filter,
    redactor: Option<Redactor>,
    printer: Printer,
    /// What is printed but not written yet.
    buffer: Vec<u8>,
    out: Box<dyn Write>,
    /// The name of `out`, for messages.
    name: String,
    failed: Option<Failure>,
    worst: Option<Severity>,
}

enum Printer {
    Json(Box<json::Writer>),
    Table(Box<table::Writer>),
}

/// Bytes printed before they are written, unless the input would wait.
const WRITE: usize = 256 << 10;

impl Pump {
    /// Opens the outputs and prints the first line. `source` is what is inspected, `files` its names where there are
    /// several.
    pub(super) fn open(
        command: &str,
        source: &[String],
        files: Vec<String>,
        shared: &Shared,
        settings: &Settings,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let (out, name): (Box<dyn Write>, _) = match &shared.output {
            None => (Box::new(io::stdout().lock()), "standard output".to_owned()),
            Some(path) => (create(path)?, path.display().to_string()),
        };
        let mut buffer = Vec::with_capacity(WRITE + (64 << 10));
        let printer = match settings.format {
            Format::Json => {
                let mut writer = json::Writer::new(settings.shown, files, limits.clone());
                writer.start(&mut buffer, command, source);
                Printer::Json(Box::new(writer))
            }
            Format::Table => {
                let style = table::Style { color: settings.color, width: settings.width };
                let mut writer = table::Writer::new(style, settings.shown, settings.frames, files);
                writer.start(&mut buffer, command, source);
                Printer::Table(Box::new(writer))
            }
        };
        Ok(Self {
            inspector: Inspector::new(settings.options.clone(), limits.clone()),
            recordings: Recordings::open(shared, limits)?,
            show: Show {
                filter: settings.filter.clone(),
                redactor: (!settings.show_keys).then(|| {
                    let redactor = Redactor::default();
                    let shows = settings.shown.form != Form::None;
                    if shows { redactor } else { redactor.without_payloads() }
                }),
                printer,
                buffer,
                out,
                name,
                failed: None,
                worst: None,
            },
        })
    }

    /// Takes one thing that happened.
    #[inline]
    pub(super) fn traffic(&mut self, traffic: &Traffic<'_>) {
        let Self { inspector, recordings, show } = self;
        recordings.traffic(traffic);
        inspector.feed(traffic, &mut |record| {
            recordings.record(record);
            show.record(record);
        });
    }

    /// Whether printing has failed, so that going on is pointless.
    pub(super) const fn has_failed(&self) -> bool {
        self.show.failed.is_some()
    }

    /// Writes what is printed: the input is about to wait, or over.
    pub(super) fn flush(&mut self) {
        self.show.write();
    }

    /// Ends the run: 1 where a finding of `fail_on` or worse was reported.
    pub(super) fn finish(mut self, fail_on: Option<Severity>) -> Result<ExitCode, Failure> {
        if let Printer::Table(table) = &mut self.show.printer {
            table.finish(&mut self.show.buffer);
        }
        self.show.write();
        let recorded = self.recordings.finish();
        if let Some(failure) = self.show.failed {
            return Err(failure);
        }
        recorded?;
        let failed = fail_on.is_some_and(|least| self.show.worst >= Some(least));
        Ok(if failed { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }
}

/// Findings at or above `--fail-on`.
const FINDINGS: u8 = 1;

impl Show {
    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        if let Event::Finding(finding) = record.event {
            self.worst = self.worst.max(Some(finding.severity));
        }
        if !self.filter.keeps(record) {
            // What is not shown names secrets all the same, which other records may repeat.
            if let Some(redactor) = &mut self.redactor {
                redactor.pass(record, &mut |_| {});
            }
            return;
        }
        let (printer, buffer) = (&mut self.printer, &mut self.buffer);
        let mut print = |record: &Record<'_>| match printer {
            Printer::Json(writer) => writer.record(buffer, record),
            Printer::Table(writer) => writer.record(buffer, record),
        };
        match &mut self.redactor {
            Some(redactor) => redactor.pass(record, &mut print),
            None => print(record),
        }
        if self.buffer.len() >= WRITE {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.failed.is_none()
            && !self.buffer.is_empty()
            && let Err(error) = self.out.write_all(&self.buffer).and_then(|()| self.out.flush())
        {
            self.failed = Some(Failure::io(format!("cannot write to {}", self.name), error));
        }
        self.buffer.clear();
    }
}

/// Creates an output file, which may be there already.
fn create(path: &Path) -> Result<Box<dyn Write>, Failure> {
    let file = File::create(path)
        .map_err(|error| Failure::io(format!("cannot write {}", path.display()), error))?;
    Ok(Box::new(file))
}
