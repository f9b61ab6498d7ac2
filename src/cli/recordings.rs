//! The recordings that a run makes beside its output: FLV files and a pcapng file.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::args::Shared;
use super::{Failure, say};
use crate::Limits;
use crate::inspect::{Record, Traffic};
use crate::output::{flv, pcapng};

/// What is recorded.
pub(super) struct Recordings {
    flv: Option<flv::Recorder>,
    pcapng: Option<(pcapng::Recorder<File>, PathBuf)>,
    quiet: bool,
    failed: Option<Failure>,
}

impl Recordings {
    /// Makes the directory and the file that are asked for.
    pub(super) fn open(shared: &Shared, limits: &Limits) -> Result<Self, Failure> {
        let flv = match &shared.write_flv {
            Some(dir) => {
                let made = flv::Recorder::new(dir.clone(), limits);
                Some(made.map_err(|error| {
                    Failure::io(format!("cannot record into {}", dir.display()), error)
                })?)
            }
            None => None,
        };
        let pcapng = match &shared.write_pcapng {
            Some(path) => Some((create(path)?, path.clone())),
            None => None,
        };
        if (flv.is_some() || pcapng.is_some()) && !shared.quiet {
            say(
                "rtmpctl: recordings hold everything as sent, stream keys and tokens too: share them with care",
            );
        }
        Ok(Self { flv, pcapng, quiet: shared.quiet, failed: None })
    }

    /// Records the traffic itself.
    #[inline]
    pub(super) fn traffic(&mut self, traffic: &Traffic<'_>) {
        if let Some((recorder, path)) = &mut self.pcapng
            && let Err(error) = recorder.traffic(traffic)
        {
            self.failed = Some(Failure::io(format!("cannot write {}", path.display()), error));
            self.pcapng = None;
        }
    }

    /// Records what was decoded, before any filter.
    #[inline]
    pub(super) fn record(&mut self, record: &Record<'_>) {
        if let Some(recorder) = &mut self.flv
            && let Err(error) = recorder.record(record)
        {
            self.flv_failed(error);
        }
    }

    /// The recorder says each failure once and goes on with the other streams; so do we.
    #[cold]
    fn flv_failed(&mut self, error: io::Error) {
        match error.get_ref().filter(|inner| inner.is::<flv::Refused>()) {
            Some(refused) => say(&format!("rtmpctl: {refused}")),
            None => self.failed = Some(Failure::io("cannot record a stream", error)),
        }
    }

    /// Ends the recordings and says what they are.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if let Some(mut recorder) = self.flv.take() {
            let summary = recorder.finish().or_else(|error| {
                self.flv_failed(error);
                recorder.finish()
            });
            match summary {
                Ok(summary) if !self.quiet => tell(&summary),
                Ok(_) => {}
                Err(error) => self.flv_failed(error),
            }
        }
        if let Some((recorder, path)) = self.pcapng.take() {
            let (packets, unrecorded) = (recorder.packets(), recorder.unrecorded());
            let unsent = recorder.unsent();
            match recorder.finish() {
                Ok(_) if self.quiet => {}
                Ok(_) => {
                    let tags = match unsent {
                        0 => String::new(),
                        n => format!(
                            "; {n} tags of FLV files are not in it, since they were on no connection"
                        ),
                    };
                    let lost = match unrecorded {
                        0 => String::new(),
                        n => format!("; {n} bytes behind gaps of unknown length are not in it"),
                    };
                    say(&format!(
                        "rtmpctl: wrote {} ({packets} packets{lost}{tags})",
                        path.display()
                    ));
                }
                Err(error) => {
                    self.failed =
                        Some(Failure::io(format!("cannot write {}", path.display()), error))
                }
            }
        }
        self.failed.map_or(Ok(()), Err)
    }
}

fn tell(summary: &flv::Summary) {
    for recording in &summary.recordings {
        let without = match recording.damaged + recording.unwritten {
            0 => String::new(),
            n => format!(", without {n} messages that are damaged or could not be written"),
        };
        say(&format!(
            "rtmpctl: wrote {} ({} tags, {} bytes{without})",
            recording.path.display(),
            recording.tags,
            recording.bytes
        ));
    }
    if summary.recordings.is_empty() {
        say("rtmpctl: no stream to record");
    }
}

/// Creates the file, which must not be there: a recording overwrites nothing.
fn create(path: &Path) -> Result<pcapng::Recorder<File>, Failure> {
    let failed = |error: io::Error| {
        let what = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("cannot write {} (nothing is overwritten)", path.display())
            }
            _ => format!("cannot write {}", path.display()),
        };
        Failure::io(what, error)
    };
    let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    pcapng::Recorder::new(file).map_err(failed)
}
