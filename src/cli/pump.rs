//! Traffic to records to outputs: the one loop body that all inspecting commands share.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::args::{Format, Shared};
use super::gauge;
use super::outlet::Outlet;
use super::recordings::Recordings;
use super::reports::Reports;
use super::screen::Screen;
use super::settings::{Settings, columns};
use super::{Failure, say};
use crate::Limits;
use crate::inspect::{Event, Inspector, Place, Record, Severity, Traffic};
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
    reports: Reports,
    /// What is printed but not written yet.
    buffer: Vec<u8>,
    outlet: Outlet,
    /// The name of what is written to, for messages.
    name: String,
    /// Whether a terminal shows what goes on.
    gauge: bool,
    /// Connections that are open.
    open: usize,
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
        let out: Box<dyn Write> = match &shared.output {
            None => Box::new(io::stdout().lock()),
            Some(path) => Box::new(create(path)?),
        };
        Self::onto(Outlet::Direct(out), command, source, files, shared, settings, limits)
    }

    /// The same for live traffic, which does not wait for the output: a thread writes it, and `failed` is called by it
    /// once the output takes no more.
    pub(super) fn live(
        command: &str,
        source: &[String],
        shared: &Shared,
        settings: &Settings,
        limits: &Limits,
        failed: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        let file = shared.output.as_deref().map(create).transpose()?;
        let out = || match file {
            None => Box::new(io::stdout()) as Box<dyn Write>,
            Some(file) => Box::new(file),
        };
        let screen = if shared.quiet { None } else { Screen::find() };
        let gauge = screen.is_some();
        let outlet =
            Outlet::queued(out, limits.printed_bytes, screen, failed).map_err(|error| {
                Failure::io("cannot start the thread that writes the output", error)
            })?;
        let mut pump = Self::onto(outlet, command, source, Vec::new(), shared, settings, limits)?;
        pump.show.gauge = gauge;
        pump.flush();
        Ok(pump)
    }

    fn onto(
        outlet: Outlet,
        command: &str,
        source: &[String],
        files: Vec<String>,
        shared: &Shared,
        settings: &Settings,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let name = match &shared.output {
            None => "standard output".to_owned(),
            Some(path) => path.display().to_string(),
        };
        let is_live = outlet.is_live();
        let mut buffer = Vec::with_capacity(WRITE + (64 << 10));
        let printer = match settings.format {
            Format::Json => {
                let mut writer = json::Writer::new(settings.shown, files, limits.clone());
                writer.start(&mut buffer, command, source);
                Printer::Json(Box::new(writer))
            }
            Format::Table => {
                let style = table::Style { color: settings.color, width: settings.width };
                let mut writer = table::Writer::new(style, settings.shown, settings.frames, files)
                    .with_timeline(settings.options.timeline);
                if outlet.is_live() {
                    writer = writer.live();
                }
                writer.start(&mut buffer, command, source);
                Printer::Table(Box::new(writer))
            }
        };
        Ok(Self {
            inspector: Inspector::new(settings.options.clone(), limits.clone()),
            recordings: Recordings::open(shared, is_live, limits)?,
            show: Show {
                filter: settings.filter.clone(),
                redactor: (!settings.show_keys).then(|| {
                    let redactor = Redactor::default();
                    let shows = settings.shown.form != Form::None;
                    if shows { redactor } else { redactor.without_payloads() }
                }),
                printer,
                reports: Reports::open(shared, settings.fail_on, command, source)?,
                buffer,
                outlet,
                name,
                gauge: false,
                open: 0,
                failed: None,
                worst: None,
            },
        })
    }

    /// Takes one thing that happened.
    #[inline]
    pub(super) fn traffic(&mut self, traffic: &Traffic<'_>) {
        if self.show.outlet.is_over() {
            self.go_on(traffic_place(traffic));
        }
        let Self { inspector, recordings, show } = self;
        recordings.traffic(traffic);
        inspector.feed(traffic, &mut |record| {
            recordings.record(record);
            show.record(record);
        });
    }

    /// The output takes records again after some were dropped: says how many.
    #[cold]
    fn go_on(&mut self, place: Place) {
        let Self { inspector, show, .. } = self;
        let records = show.outlet.go_on();
        if records > 0 {
            inspector.dropped(place, records, &mut |record| show.record(record));
            let name = &show.name;
            say(&format!(
                "rtmpctl: {records} records were dropped, because {name} was not read fast enough"
            ));
        }
    }

    /// Time has passed although nothing may have happened: it is `now`, nanoseconds since the Unix epoch.
    pub(super) fn tick(&mut self, now: i64) {
        if self.show.outlet.is_over() {
            self.go_on(Place { at: Some(now), frame: None, file: None });
        }
        let place = Place { at: Some(now), frame: None, file: None };
        if self.show.is_watched() {
            self.traffic(&Traffic::Tick { place });
        }
        let Self { inspector, show: Show { printer, gauge, outlet, buffer, .. }, .. } = self;
        if let Printer::Table(table) = printer {
            table.tick(buffer, now);
        }
        if *gauge {
            let glance = inspector.glance(Some(now));
            outlet.show(gauge::line(glance.as_ref(), now, columns()));
        }
    }

    /// Whether there is something that only a [`tick`](Self::tick) brings out.
    pub(super) fn awaits_tick(&self) -> bool {
        self.show.is_watched()
            || self.show.gauge && self.show.open > 0
            || self.show.outlet.has_dropped()
            || matches!(&self.show.printer, Printer::Table(table) if table.is_folding())
    }

    /// Whether something is printed and not written.
    pub(super) const fn has_output(&self) -> bool {
        !self.show.buffer.is_empty()
    }

    /// Whether printing has failed, so that going on is pointless.
    pub(super) fn has_failed(&self) -> bool {
        self.show.failed.is_some() || self.show.outlet.is_broken()
    }

    /// Writes what is printed: the input is about to wait, or over.
    pub(super) fn flush(&mut self) {
        self.show.write();
    }

    /// Ends the run: 1 where a finding of `fail_on` or worse was reported. An output that takes nothing is waited for
    /// until `hurry` says otherwise, and then a little.
    pub(super) fn finish(
        mut self,
        fail_on: Option<Severity>,
        hurry: impl Fn() -> bool,
    ) -> Result<ExitCode, Failure> {
        if let Printer::Table(table) = &mut self.show.printer {
            table.finish(&mut self.show.buffer);
        }
        if self.show.outlet.has_dropped() {
            self.show.outlet.overflow();
            self.go_on(Place::default());
        }
        self.show.write();
        let (recorded, reported) = (self.recordings.finish(&hurry), self.show.reports.finish());
        match self.show.outlet.finish(hurry) {
            Ok(0) => {}
            Ok(bytes) => say(&format!(
                "rtmpctl: {bytes} bytes of output were not written, because {} took none",
                self.show.name
            )),
            Err(error) => {
                self.show.failed =
                    Some(Failure::io(format!("cannot write to {}", self.show.name), error));
            }
        }
        if let Some(failure) = self.show.failed {
            return Err(failure);
        }
        recorded?;
        reported?;
        let failed = fail_on.is_some_and(|least| self.show.worst >= Some(least));
        Ok(if failed { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    }
}

/// Connections of which each second is looked at, whether anything comes or not. With more of them what does not come is
/// told with what comes next: that silent connections cost nothing is worth more then.
const WATCHED: usize = 256;

/// Findings at or above `--fail-on`.
const FINDINGS: u8 = 1;

impl Show {
    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        match record.event {
            Event::Finding(finding) => {
                self.worst = self.worst.max(Some(finding.severity));
            }
            Event::Opened(_) => self.open += 1,
            Event::Closed(_) => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        let reported = self.reports.want(record);
        let shown = self.filter.keeps(record) && !self.outlet.drops(self.buffer.len());
        let (printer, buffer, reports) = (&mut self.printer, &mut self.buffer, &mut self.reports);
        if !shown && !reported {
            // What is not shown names secrets all the same, which other records may repeat.
            if let Some(redactor) = &mut self.redactor {
                redactor.pass(record, &mut |_| {});
            }
            return;
        }
        let mut print = |record: &Record<'_>| {
            if reported {
                reports.record(record);
            }
            match printer {
                _ if !shown => {}
                Printer::Json(writer) => writer.record(buffer, record),
                Printer::Table(writer) => writer.record(buffer, record),
            }
        };
        match &mut self.redactor {
            Some(redactor) => redactor.pass(record, &mut print),
            None => print(record),
        }
        if self.buffer.len() >= WRITE {
            self.write();
        }
    }

    /// Whether the connections are so few that somebody watches them: what does not come of them is told too.
    const fn is_watched(&self) -> bool {
        self.open > 0 && self.open <= WATCHED
    }

    fn write(&mut self) {
        if self.failed.is_none()
            && !self.buffer.is_empty()
            && let Err(error) = self.outlet.write(&mut self.buffer)
        {
            self.failed = Some(Failure::io(format!("cannot write to {}", self.name), error));
        }
        self.buffer.clear();
    }
}

const fn traffic_place(traffic: &Traffic<'_>) -> Place {
    match traffic {
        Traffic::Opened { place, .. }
        | Traffic::Bytes { place, .. }
        | Traffic::Message { place, .. }
        | Traffic::Gap { place, .. }
        | Traffic::Ended { place, .. }
        | Traffic::Closed { place, .. }
        | Traffic::Tick { place }
        | Traffic::Proxied { place, .. }
        | Traffic::Trouble { place, .. } => *place,
    }
}

/// Creates an output file, which may be there already.
fn create(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::io(format!("cannot write {}", path.display()), error))
}
