//! A progress bar on stderr, for files that take longer than a second, on a terminal only.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How far a run has come.
#[derive(Debug)]
pub(super) struct Progress {
    total: Option<u64>,
    began: Instant,
    drawn: Option<Instant>,
    enabled: bool,
}

const PATIENCE: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(100);

impl Progress {
    /// `total` bytes are to be read, where that is known.
    pub(super) fn new(total: Option<u64>, quiet: bool) -> Self {
        Self {
            total,
            began: Instant::now(),
            drawn: None,
            enabled: !quiet && io::stderr().is_terminal(),
        }
    }

    /// `done` bytes have been read.
    pub(super) fn at(&mut self, done: u64) {
        if !self.enabled || self.began.elapsed() < PATIENCE {
            return;
        }
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        let _ = write!(io::stderr(), "\r\x1b[K{}", line(done, self.total, self.began.elapsed()));
        let _ = io::stderr().flush();
    }

    /// Takes the bar away, so that other output finds a clean line.
    pub(super) fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }
}

fn line(done: u64, total: Option<u64>, elapsed: Duration) -> String {
    const WIDTH: u64 = 30;
    let mega = done as f64 / 1e6;
    let rate = mega / elapsed.as_secs_f64().max(0.001);
    match total.filter(|&total| total > 0) {
        Some(total) => {
            let share = done.min(total) as f64 / total as f64;
            let full = (share * WIDTH as f64) as usize;
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDTH as usize - full));
            format!("{bar} {:3.0} %  {mega:.0} MB  {rate:.0} MB/s", share * 100.0)
        }
        None => format!("{mega:.0} MB  {rate:.0} MB/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_the_share_and_never_more_than_all() {
        let second = Duration::from_secs(1);
        assert!(line(50, Some(100), second).contains(" 50 %"));
        assert!(line(500, Some(100), second).contains("100 %"));
        assert!(line(5_000_000, None, second).starts_with("5 MB"));
    }
}
