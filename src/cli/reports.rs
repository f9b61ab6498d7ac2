//! The reports that a run makes for continuous integration: JUnit files, and annotations on standard error.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Failure;
use super::args::{Report, Shared};
use crate::inspect::{Event, Record, Severity};
use crate::output::report::{github, junit};

/// What is reported.
pub(super) struct Reports {
    junit: Vec<Junit>,
    github: Option<github::Writer>,
    /// Text on its way out.
    text: Vec<u8>,
    failed: Option<Failure>,
}

struct Junit {
    writer: junit::Writer,
    out: BufWriter<File>,
    path: PathBuf,
}

impl Reports {
    /// Makes the files that are asked for. `files` are the names of what is read.
    pub(super) fn open(
        shared: &Shared,
        fail_on: Option<Severity>,
        command: &str,
        source: &[String],
    ) -> Result<Self, Failure> {
        let mut reports = Self { junit: Vec::new(), github: None, text: Vec::new(), failed: None };
        for report in &shared.report {
            match report {
                Report::Junit(path) => reports.junit.push(Junit {
                    // A file without any failure would say that all is well.
                    writer: junit::Writer::new(fail_on.unwrap_or(Severity::Error), command),
                    out: BufWriter::new(create(path)?),
                    path: path.clone(),
                }),
                Report::Github => {
                    // Notes are of interest to those who fail on them.
                    let least = fail_on.unwrap_or(Severity::Warning).min(Severity::Warning);
                    let files = if command == "decode" { source.to_vec() } else { Vec::new() };
                    reports.github = Some(github::Writer::new(least, files));
                }
            }
        }
        reports.each(|writer, text| writer.start(text, source));
        Ok(reports)
    }

    /// Whether a record is of interest.
    #[inline]
    pub(super) fn want(&self, record: &Record<'_>) -> bool {
        let of_interest = match record.event {
            Event::Summary(_) => true,
            Event::Finding(_) => record.connection.is_none(),
            _ => false,
        };
        of_interest && (self.github.is_some() || !self.junit.is_empty())
    }

    /// Takes a record that is of interest, masked already.
    #[cold]
    pub(super) fn record(&mut self, record: &Record<'_>) {
        self.each(|writer, text| writer.record(text, record));
        if let Some(github) = &self.github {
            self.text.clear();
            github.record(&mut self.text, record);
            // It may be closed, which is nobody's trouble.
            let _ = io::stderr().write_all(&self.text);
        }
    }

    /// Ends the files.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.each(|writer, text| writer.finish(text));
        for Junit { out, path, .. } in &mut self.junit {
            if let Err(error) = out.flush() {
                self.failed.get_or_insert_with(|| failure(path, error));
            }
        }
        self.failed.map_or(Ok(()), Err)
    }

    fn each(&mut self, write: impl Fn(&junit::Writer, &mut Vec<u8>)) {
        for Junit { writer, out, path } in &mut self.junit {
            self.text.clear();
            write(writer, &mut self.text);
            if let Err(error) = out.write_all(&self.text) {
                self.failed.get_or_insert_with(|| failure(path, error));
            }
        }
    }
}

fn failure(path: &Path, error: io::Error) -> Failure {
    Failure::io(format!("cannot write {}", path.display()), error)
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| failure(path, error))
}
