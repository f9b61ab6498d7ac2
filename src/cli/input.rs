//! Reading captures so that a run can be interrupted while it waits for more.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use bytes::{Buf, Bytes};

/// Set by the first Ctrl-C or SIGTERM; the second ends the program at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Watches the signals from a thread of its own.
    pub(super) fn on_signals() -> Self {
        let stop = Self::default();
        let set = Arc::clone(&stop.0);
        // Without the thread signals end the program as they always do, which is no reason to fail.
        let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build()
            else {
                return;
            };
            let _ = runtime.block_on(watch(|| {
                if set.swap(true, Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED);
                }
            }));
        });
        stop
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// 128 and the number of SIGINT, as shells say it.
const INTERRUPTED: i32 = 130;

/// Calls `each` for every signal that asks the program to end.
#[cfg(unix)]
async fn watch(each: impl Fn()) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    loop {
        tokio::select! {
            _ = interrupt.recv() => each(),
            _ = terminate.recv() => each(),
        }
    }
}

/// Calls `each` for every Ctrl-C.
#[cfg(not(unix))]
async fn watch(each: impl Fn()) -> io::Result<()> {
    loop {
        tokio::signal::ctrl_c().await?;
        each();
    }
}

/// Where a capture comes from.
#[derive(Debug)]
pub(super) enum Input {
    /// A regular file: never waits long.
    File(File),
    /// Anything that may wait: read by a thread, so that this one can be interrupted.
    Pipe(Pipe),
}

impl Input {
    /// Opens a capture; `-` is standard input. Beside it comes the length of a regular file.
    pub(super) fn open(path: &Path, stop: &Stop) -> io::Result<(Self, Option<u64>)> {
        if path == Path::new("-") {
            return Ok((Self::Pipe(Pipe::new(io::stdin(), stop)), None));
        }
        let file = File::open(path)?;
        let data = file.metadata()?;
        if data.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if data.is_file() {
            return Ok((Self::File(file), Some(data.len())));
        }
        Ok((Self::Pipe(Pipe::new(file, stop)), None))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

/// Blocks read by a thread.
#[derive(Debug)]
pub(super) struct Pipe {
    blocks: Receiver<io::Result<Bytes>>,
    /// What is left of the block being handed out.
    block: Bytes,
    ended: bool,
    stop: Stop,
}

/// Bytes of a block: what a pipe holds at once.
const BLOCK: usize = 64 << 10;
/// Blocks that wait between the threads.
const BLOCKS: usize = 8;
/// How often a waiting read looks for a signal.
const LOOK: Duration = Duration::from_millis(100);

impl Pipe {
    fn new(mut source: impl Read + Send + 'static, stop: &Stop) -> Self {
        let (sender, blocks) = sync_channel(BLOCKS);
        std::thread::spawn(move || {
            loop {
                let mut block = vec![0; BLOCK];
                let result = match source.read(&mut block) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    result => result.map(|n| {
                        block.truncate(n);
                        Bytes::from(block)
                    }),
                };
                let last = result.as_ref().map_or(true, Bytes::is_empty);
                if sender.send(result).is_err() || last {
                    return;
                }
            }
        });
        Self { blocks, block: Bytes::new(), ended: false, stop: stop.clone() }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.block.is_empty() && !self.ended {
            match self.blocks.recv_timeout(LOOK) {
                Ok(block) => {
                    self.block = block?;
                    self.ended = self.block.is_empty();
                }
                Err(RecvTimeoutError::Timeout) if !self.stop.is_set() => {}
                Err(_) => self.ended = true,
            }
        }
        let n = buffer.len().min(self.block.len());
        self.block.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a call, and an interruption before each.
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.0.is_empty() {
                return Ok(0);
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[test]
    fn a_pipe_gives_all_bytes_and_then_the_end() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut pipe = Pipe::new(Slow(bytes.clone(), false), &Stop::default());
        let mut read = Vec::new();
        pipe.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert_eq!(pipe.read(&mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn a_read_that_waits_ends_when_it_is_told_to_stop() {
        let (sender, blocks) = sync_channel(1);
        let stop = Stop::default();
        stop.0.store(true, Ordering::Relaxed);
        let mut pipe = Pipe { blocks, block: Bytes::new(), ended: false, stop };
        assert_eq!(pipe.read(&mut [0; 4]).unwrap(), 0);
        drop(sender);
    }
}
