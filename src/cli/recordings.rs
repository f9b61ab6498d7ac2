//! The recordings that a run makes beside its output: FLV files and a pcapng file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::args::Shared;
use super::outlet::PATIENCE;
use super::writer::{Queue, Spool};
use super::{Failure, say};
use crate::Limits;
use crate::inspect::{GapCause, Record, Traffic};
use crate::output::{flv, pcapng};

/// What is recorded.
pub(super) struct Recordings {
    flv: Option<flv::Recorder>,
    pcapng: Option<Pcapng>,
    quiet: bool,
    failed: Option<Failure>,
}

/// A recording of the traffic.
struct Pcapng {
    recorder: pcapng::Recorder<Box<dyn Write>>,
    path: PathBuf,
    /// What the disk takes in its own time, where the traffic is live.
    spool: Option<Rc<Queue>>,
    /// Bytes that may wait for it.
    most: usize,
    /// Bytes of traffic that were left out because more would have waited.
    left_out: u64,
}

impl Pcapng {
    /// Creates the file, which must not be there: a recording overwrites nothing.
    fn create(path: &Path, live: bool, limits: &Limits) -> Result<Self, Failure> {
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
        let (out, spool) = spooled(file, path, live).map_err(failed)?;
        let recorder = pcapng::Recorder::new(out).map_err(failed)?;
        let (path, most) = (path.to_owned(), limits.recorded_bytes);
        Ok(Self { recorder, path, spool, most, left_out: 0 })
    }

    #[inline]
    fn traffic(&mut self, traffic: &Traffic<'_>) -> io::Result<()> {
        if let Some(spool) = &self.spool
            && let Traffic::Bytes { flow, place, direction, data } = *traffic
            && spool.bytes() + data.len() > self.most
        {
            let length = Some(data.len() as u64);
            self.left_out += data.len() as u64;
            let cause = GapCause::Overflow;
            return self.recorder.traffic(&Traffic::Gap { flow, place, direction, length, cause });
        }
        self.recorder.traffic(traffic)
    }

    /// Ends the file, and says what it is.
    fn finish(self, quiet: bool, hurry: &dyn Fn() -> bool) -> io::Result<()> {
        let Self { recorder, path, spool, left_out, .. } = self;
        let (packets, unrecorded) = (recorder.packets(), recorder.unrecorded());
        let unsent = recorder.unsent();
        drop(recorder.finish()?);
        let unwritten = match spool.and_then(Rc::into_inner) {
            Some(queue) => queue.finish(hurry, PATIENCE)?,
            None => 0,
        };
        if quiet && left_out == 0 && unwritten == 0 {
            return Ok(());
        }
        let mut text = format!("rtmpctl: wrote {} ({packets} packets", path.display());
        for (n, what) in [
            (unrecorded, "bytes behind gaps of unknown length are not in it"),
            (unsent, "tags of FLV files are not in it, since they were on no connection"),
            (left_out, "bytes of traffic are not in it, because the disk was too slow"),
            (unwritten as u64, "bytes at its end are not in it, because the disk was too slow"),
        ] {
            if n > 0 {
                text.push_str(&format!("; {n} {what}"));
            }
        }
        say(&format!("{text})"));
        Ok(())
    }
}

/// Where a recording is written, with the queue of the thread that does so.
type Written = (Box<dyn Write>, Option<Rc<Queue>>);

/// A file as it is, or one that a thread writes.
fn spooled(file: File, path: &Path, live: bool) -> io::Result<Written> {
    if !live {
        return Ok((Box::new(file), None));
    }
    // Why it fails is said at the end: the run goes on without it.
    let path = path.to_owned();
    let failed = move || {
        say(&format!(
            "rtmpctl: {} cannot be written any more; the run goes on without",
            path.display()
        ));
    };
    let queue = Rc::new(Queue::start(|| Box::new(file), None, failed)?);
    Ok((Box::new(Spool::new(Rc::clone(&queue))), Some(queue)))
}

impl Recordings {
    /// Makes the directory and the file that are asked for. Where the traffic is `live`, it does not wait for the file.
    pub(super) fn open(shared: &Shared, live: bool, limits: &Limits) -> Result<Self, Failure> {
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
            Some(path) => Some(Pcapng::create(path, live, limits)?),
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
        if let Some(pcapng) = &mut self.pcapng
            && let Err(error) = pcapng.traffic(traffic)
        {
            let path = pcapng.path.display();
            self.failed = Some(Failure::io(format!("cannot write {path}"), error));
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
            None => {
                say(&format!("rtmpctl: {error}; what else is recorded goes on"));
                self.failed = Some(Failure::io("cannot record a stream", error));
            }
        }
    }

    /// Ends the recordings and says what they are. A disk that takes nothing is waited for until `hurry` says otherwise, and
    /// then a little.
    pub(super) fn finish(mut self, hurry: &dyn Fn() -> bool) -> Result<(), Failure> {
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
        if let Some(pcapng) = self.pcapng.take() {
            let path = pcapng.path.clone();
            if let Err(error) = pcapng.finish(self.quiet, hurry) {
                self.failed = Some(Failure::io(format!("cannot write {}", path.display()), error));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{Opened, Place, Transport};

    #[test]
    fn a_disk_that_is_too_slow_costs_traffic_and_not_time() {
        let dir = std::env::temp_dir().join(format!("rtmpctl-spool-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for (name, most, left_out) in [("all", 1 << 20, 0), ("none", 0, 2_000)] {
            let limits = Limits { recorded_bytes: most, ..Limits::default() };
            let mut pcapng = Pcapng::create(&dir.join(name), true, &limits).unwrap();
            let place = Place { at: Some(1_700_000_000_000_000_000), ..Place::default() };
            let address = Some(([127, 0, 0, 1], 1935).into());
            let transport = Transport::Rtmp;
            let opened = Opened { client: address, server: address, from_start: true, transport };
            let direction = crate::proto::Direction::ClientToServer;
            pcapng.traffic(&Traffic::Opened { flow: 1, place, opened }).unwrap();
            for _ in 0..2 {
                let data = &[7; 1_000];
                pcapng.traffic(&Traffic::Bytes { flow: 1, place, direction, data }).unwrap();
            }
            assert_eq!(pcapng.left_out, left_out);
            pcapng.finish(true, &|| false).unwrap();
            let written = std::fs::metadata(dir.join(name)).unwrap().len();
            assert_eq!(written > 2_000, left_out == 0, "{name}: {written} bytes");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
