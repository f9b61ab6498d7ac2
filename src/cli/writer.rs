//! A thread that writes what is printed, so that nothing else waits for whoever reads it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::screen::Screen;

/// Blocks on their way to the output.
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something is to be done, or was done.
    changed: Condvar,
    /// Bytes in the queue, to be asked for without a lock.
    bytes: AtomicUsize,
    /// Whether writing has failed.
    broken: AtomicBool,
}

#[derive(Default)]
struct State {
    blocks: VecDeque<Vec<u8>>,
    /// Empty blocks to fill again.
    spare: Vec<Vec<u8>>,
    /// Whether something is being written.
    writing: bool,
    /// What is to stand on the last line of the terminal, where that is new.
    line: Option<String>,
    /// Nothing more will come.
    closing: bool,
    /// The thread is over.
    ended: bool,
    failed: Option<io::Error>,
}

impl Queue {
    /// Starts the thread. `failed` is called by it once `out` takes no more. It also draws the last line of `screen`, which
    /// it takes away from before what it writes.
    pub(super) fn start(
        out: impl FnOnce() -> Box<dyn Write> + Send + 'static,
        screen: Option<Screen>,
        failed: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            bytes: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new().name("output".into()).spawn(move || {
            let written = of_thread.write(&mut *out(), screen.as_ref());
            if let Some(screen) = screen {
                screen.clear();
            }
            let failure = written.err();
            let has_failed = failure.is_some();
            of_thread.broken.store(has_failed, Ordering::Relaxed);
            let mut state = of_thread.lock();
            if has_failed {
                state.blocks.clear();
                of_thread.bytes.store(0, Ordering::Relaxed);
            }
            state.failed = failure;
            state.ended = true;
            drop(state);
            of_thread.changed.notify_all();
            if has_failed {
                failed();
            }
        })?;
        Ok(Self(shared))
    }

    /// Bytes that are not written yet.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Hands over what is in `block`, which is empty afterwards.
    pub(super) fn push(&self, block: &mut Vec<u8>) {
        if block.is_empty() {
            return;
        }
        let mut state = self.0.lock();
        if self.is_broken() {
            block.clear();
            return;
        }
        let empty = state.spare.pop().unwrap_or_else(|| Vec::with_capacity(NEW));
        let full = std::mem::replace(block, empty);
        self.0.bytes.fetch_add(full.len(), Ordering::Relaxed);
        state.blocks.push_back(full);
        let idle = !state.writing;
        drop(state);
        if idle {
            self.0.changed.notify_all();
        }
    }

    /// What is to stand on the last line of the terminal.
    pub(super) fn show(&self, line: String) {
        self.0.lock().line = Some(line);
        self.0.changed.notify_all();
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Relaxed)
    }

    /// Waits until all is written, or until `hurry` has been true for `patience`; gives the bytes that are not written.
    pub(super) fn finish(
        self,
        hurry: impl Fn() -> bool,
        patience: Duration,
    ) -> Result<usize, io::Error> {
        let mut state = self.0.lock();
        state.closing = true;
        self.0.changed.notify_all();
        let mut since = None;
        while !state.ended {
            if hurry() && since.get_or_insert_with(Instant::now).elapsed() >= patience {
                break;
            }
            let waited = self.0.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match state.failed.take() {
            Some(error) => Err(error),
            None => Ok(self.bytes()),
        }
    }
}

/// A file that a thread writes: what is written to it waits for nothing, however much that is.
pub(super) struct Spool {
    queue: Rc<Queue>,
    block: Vec<u8>,
}

impl Spool {
    pub(super) fn new(queue: Rc<Queue>) -> Self {
        Self { queue, block: Vec::new() }
    }
}

impl Write for Spool {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(data);
        if self.block.len() >= NEW {
            self.queue.push(&mut self.block);
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.queue.push(&mut self.block);
        Ok(())
    }
}

/// How often a wait looks whether it is to hurry.
const LOOK: Duration = Duration::from_millis(50);
/// A block that grew beyond this is not kept to be filled again, nor more blocks than so many.
const KEPT: usize = 1 << 20;
const SPARE: usize = 4;
/// Bytes of a new block: what is printed in a few milliseconds.
const NEW: usize = 64 << 10;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes blocks until none will come.
    fn write(&self, out: &mut dyn Write, screen: Option<&Screen>) -> io::Result<()> {
        let mut line = String::new();
        loop {
            let mut state = self.lock();
            state.writing = false;
            let block = loop {
                if let Some(block) = state.blocks.pop_front() {
                    break Some(block);
                }
                if state.closing {
                    return Ok(());
                }
                if let Some(new) = state.line.take() {
                    line = new;
                    break None;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            state.writing = true;
            drop(state);
            if let Some(screen) = screen {
                screen.clear();
            }
            if let Some(block) = block {
                self.write_block(out, block)?;
            }
            if let Some(screen) = screen.filter(|_| !line.is_empty()) {
                screen.draw(&line);
            }
        }
    }

    fn write_block(&self, out: &mut dyn Write, mut block: Vec<u8>) -> io::Result<()> {
        out.write_all(&block).and_then(|()| out.flush())?;
        self.bytes.fetch_sub(block.len(), Ordering::Relaxed);
        block.clear();
        if block.capacity() <= KEPT {
            let mut state = self.lock();
            if state.spare.len() < SPARE {
                state.spare.push(block);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes a block whenever it is let.
    struct Gate(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, block: &[u8]) -> io::Result<usize> {
            if self.0.recv().is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let _ = self.1.send(block.to_vec());
            Ok(block.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (Queue, Sender<()>, Receiver<Vec<u8>>, Receiver<()>) {
        let (open, opened) = channel();
        let (written, blocks) = channel();
        let (failed, failure) = channel();
        let gate = move || Box::new(Gate(opened, written)) as Box<dyn Write>;
        let queue = Queue::start(gate, None, move || {
            let _ = failed.send(());
        })
        .unwrap();
        (queue, open, blocks, failure)
    }

    #[test]
    fn blocks_are_written_in_order_and_counted_until_they_are() {
        let (queue, open, blocks, _failure) = gated();
        for text in ["one", "", "three"] {
            let mut block = text.as_bytes().to_vec();
            queue.push(&mut block);
            assert!(block.is_empty());
        }
        assert_eq!(queue.bytes(), 8);
        open.send(()).unwrap();
        assert_eq!(blocks.recv().unwrap(), b"one");
        open.send(()).unwrap();
        assert_eq!(blocks.recv().unwrap(), b"three");
        assert_eq!(queue.finish(|| false, Duration::ZERO).unwrap(), 0);
    }

    #[test]
    fn whoever_hurries_does_not_wait_for_an_output_that_is_stuck() {
        let (queue, _open, _blocks, _failure) = gated();
        queue.push(&mut b"stuck".to_vec());
        assert_eq!(queue.finish(|| true, Duration::ZERO).unwrap(), 5);
    }

    #[test]
    fn a_failure_is_told_and_ends_it() {
        let (queue, open, _blocks, failure) = gated();
        queue.push(&mut b"lost".to_vec());
        drop(open);
        failure.recv().unwrap();
        assert!(queue.is_broken());
        queue.push(&mut b"more".to_vec());
        assert_eq!(queue.bytes(), 0);
        let error = queue.finish(|| false, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
