//! Where printed records go: straight out, or into the queue of a thread, which live traffic does not wait for.

use std::io::{self, Write};
use std::time::Duration;

use super::screen::Screen;
use super::writer::Queue;

/// A way out.
pub(super) enum Outlet {
    /// Written at once, however long it takes.
    Direct(Box<dyn Write>),
    /// Handed to a thread.
    Queued(Queued),
}

/// A way out that may be too slow.
pub(super) struct Queued {
    queue: Queue,
    /// Bytes that may wait.
    most: usize,
    /// Records are dropped until there is room again.
    dropping: bool,
    /// How many were, and nobody was told of yet.
    dropped: u64,
}

/// How long an output that takes nothing is waited for once the program is told to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

impl Outlet {
    /// Opens `out` in a thread, where at most `most` bytes wait for it, and which draws on the last line of `screen`.
    pub(super) fn queued(
        out: impl FnOnce() -> Box<dyn Write> + Send + 'static,
        most: usize,
        screen: Option<Screen>,
        failed: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Queue::start(out, screen, failed)?;
        Ok(Self::Queued(Queued { queue, most, dropping: false, dropped: 0 }))
    }

    /// Whether it is that of live traffic, which does not wait.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self, Self::Queued(_))
    }

    /// Whether the next record is to be dropped, where `unwritten` bytes are on their way here; it is then counted.
    #[inline]
    pub(super) fn drops(&mut self, unwritten: usize) -> bool {
        let Self::Queued(queued) = self else { return false };
        queued.dropping |= queued.queue.bytes() + unwritten > queued.most;
        queued.dropped += u64::from(queued.dropping);
        queued.dropping
    }

    /// Whether records are dropped although there is room again.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Queued(queued) => queued.dropping && queued.queue.bytes() <= queued.most / 2,
            Self::Direct(_) => false,
        }
    }

    /// Whether records were dropped that nobody was told of.
    pub(super) const fn has_dropped(&self) -> bool {
        matches!(self, Self::Queued(queued) if queued.dropped > 0)
    }

    /// Drops no more, and gives how many were dropped.
    pub(super) fn go_on(&mut self) -> u64 {
        let Self::Queued(queued) = self else { return 0 };
        queued.dropping = false;
        std::mem::take(&mut queued.dropped)
    }

    /// Takes what is still to come, however much waits: the end of the run.
    pub(super) const fn overflow(&mut self) {
        if let Self::Queued(queued) = self {
            queued.most = usize::MAX;
        }
    }

    /// Writes `block`, or takes it over.
    pub(super) fn write(&mut self, block: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Direct(out) => out.write_all(block).and_then(|()| out.flush()),
            Self::Queued(queued) => {
                queued.queue.push(block);
                Ok(())
            }
        }
    }

    /// What is to stand on the last line of the terminal.
    pub(super) fn show(&self, line: String) {
        if let Self::Queued(queued) = self {
            queued.queue.show(line);
        }
    }

    /// Whether nothing can be written any more, as far as is known.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::Queued(queued) if queued.queue.is_broken())
    }

    /// Waits until all is written, but not long once `hurry` is true; gives the bytes that are not.
    pub(super) fn finish(self, hurry: impl Fn() -> bool) -> io::Result<usize> {
        match self {
            Self::Direct(_) => Ok(0),
            Self::Queued(queued) => queued.queue.finish(hurry, PATIENCE),
        }
    }
}
