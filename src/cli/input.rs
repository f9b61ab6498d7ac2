//! Reading captures so that a run can be interrupted while it waits for more.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::say;
use crate::capture::file::Paused;

/// Set by the first Ctrl-C or SIGTERM; the second ends the program at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<Signalled>);

#[derive(Debug, Default)]
struct Signalled {
    set: AtomicBool,
    told: tokio::sync::Notify,
}

impl Stop {
    /// Watches the signals from a thread of its own, from the moment on when this returns.
    pub(super) fn on_signals() -> Self {
        let stop = Self::default();
        let signalled = Arc::clone(&stop.0);
        let (ready, is_ready) = channel();
        // Without the thread signals end the program as they always do, which is no reason to fail.
        let _ = std::thread::Builder::new().name("signals".into()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build()
            else {
                return;
            };
            let watching = move || drop(ready);
            let _ = runtime.block_on(watch(watching, || {
                if signalled.set.swap(true, Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED);
                }
                signalled.told.notify_one();
            }));
        });
        // Nothing is ever sent: what ends the wait is that the other end is gone, whatever became of the thread.
        let _: Result<(), _> = is_ready.recv();
        stop
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.set.load(Ordering::Relaxed)
    }

    /// Waits for the first signal. Only one task may.
    pub(super) async fn wait(&self) {
        self.0.told.notified().await;
    }
}

/// 128 and the number of SIGINT, as shells say it.
const INTERRUPTED: i32 = 130;

/// Calls `watching` once no signal is missed any more, and `each` for every one that asks the program to end.
#[cfg(unix)]
async fn watch(watching: impl FnOnce(), each: impl Fn()) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    watching();
    loop {
        tokio::select! {
            _ = interrupt.recv() => each(),
            _ = terminate.recv() => each(),
        }
    }
}

/// Calls `watching`, and `each` for every Ctrl-C.
#[cfg(not(unix))]
async fn watch(watching: impl FnOnce(), each: impl Fn()) -> io::Result<()> {
    watching();
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
    /// A regular file that grows.
    Growing(Growing),
    /// Anything that may wait: read by a thread, so that this one can be interrupted.
    Pipe(Pipe),
}

impl Input {
    /// Opens a capture; `-` is standard input. Beside it comes the length of a regular file, unless it is followed:
    /// then more is waited for at its end.
    pub(super) fn open(path: &Path, follow: bool, stop: &Stop) -> io::Result<(Self, Option<u64>)> {
        if path == Path::new("-") {
            return Ok((Self::Pipe(Pipe::new(io::stdin(), stop)), None));
        }
        let file = File::open(path)?;
        let data = file.metadata()?;
        if data.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if data.is_file() && follow {
            return Ok((Self::Growing(Growing::new(file, path, stop)), None));
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
            Self::Growing(file) => file.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

/// A file whose end is not the end: reading there waits until more is written or the run is to stop.
///
/// It ends by itself when no more can come: the file became shorter than what was read of it, or its name is now
/// that of another file, as after a rotation. A deleted file may still be written to, so its end is waited at.
#[derive(Debug)]
pub(super) struct Growing {
    file: File,
    path: PathBuf,
    /// Bytes read so far.
    read: u64,
    ended: bool,
    stop: Stop,
}

impl Growing {
    fn new(file: File, path: &Path, stop: &Stop) -> Self {
        Self { file, path: path.to_owned(), read: 0, ended: false, stop: stop.clone() }
    }

    /// Why no more can come, where that is so.
    fn over(&self) -> io::Result<Option<&'static str>> {
        let data = self.file.metadata()?;
        if data.len() < self.read {
            return Ok(Some("it became shorter"));
        }
        let replaced = std::fs::metadata(&self.path).is_ok_and(|named| !is_same(&named, &data));
        Ok(replaced.then_some("its name is now that of another file"))
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut over = None;
        let mut looks = 0;
        while !self.ended {
            let n = self.file.read(buffer)?;
            if n > 0 {
                self.read += n as u64;
                return Ok(n);
            }
            if let Some(why) = over {
                say(&format!("rtmpctl: {} is not followed any more: {why}", self.path.display()));
                self.ended = true;
            }
            // What was written before it was replaced is read first.
            over = self.over()?;
            if self.stop.is_set() {
                self.ended = true;
            } else if over.is_none() {
                looks += 1;
                if looks > PATIENCE {
                    return Err(Paused.into());
                }
                std::thread::sleep(LOOK);
            }
        }
        Ok(0)
    }
}

/// Whether both describe one file.
#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Files have no number to compare here.
#[cfg(not(unix))]
const fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// The names that a list holds: ended by zero bytes if there are any, else one a line, as any system ends lines. `-` is
/// standard input. A byte-order mark ahead of them is none of the first name.
pub(super) fn names(list: &Path) -> io::Result<Vec<PathBuf>> {
    let mut text = Vec::new();
    if list == Path::new("-") {
        io::stdin().lock().read_to_end(&mut text)?;
    } else {
        File::open(list)?.read_to_end(&mut text)?;
    }
    let text = as_utf8(text);
    split(&text).into_iter().map(name).collect()
}

/// The same text where it is UTF-16, as PowerShell writes it, which a byte-order mark says.
fn as_utf8(text: Vec<u8>) -> Vec<u8> {
    let unit = match text[..] {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return text,
    };
    let units: Vec<u16> = text[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let zeros = text.contains(&0);
    text.split(|&byte| byte == if zeros { 0 } else { b'\n' })
        .map(|name| if zeros { name } else { name.strip_suffix(b"\r").unwrap_or(name) })
        .filter(|name| !name.is_empty())
        .collect()
}

/// A name as the system spells it.
#[cfg(unix)]
fn name(bytes: &[u8]) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

/// A name, which has to be UTF-8 where the system's names are not bytes.
#[cfg(not(unix))]
fn name(bytes: &[u8]) -> io::Result<PathBuf> {
    let name = std::str::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a name is not UTF-8"))?;
    Ok(PathBuf::from(name))
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
/// How often a waiting read looks for a signal, or for growth.
const LOOK: Duration = Duration::from_millis(100);
/// Looks without anything new after which the source is said to pause.
const PATIENCE: u32 = 5;

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
        let mut looks = 0;
        while self.block.is_empty() && !self.ended {
            match self.blocks.recv_timeout(LOOK) {
                Ok(block) => {
                    self.block = block?;
                    self.ended = self.block.is_empty();
                }
                Err(RecvTimeoutError::Timeout) if !self.stop.is_set() => {
                    looks += 1;
                    if looks >= PATIENCE {
                        return Err(Paused.into());
                    }
                }
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

    #[cfg(unix)]
    #[test]
    fn a_followed_file_ends_when_it_is_cut_or_replaced_and_not_before_its_last_byte() {
        let dir = std::env::temp_dir().join(format!("rtmpctl-follow-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (path, other) = (dir.join("a"), dir.join("b"));
        for replaced in [false, true] {
            std::fs::write(&path, b"one").unwrap();
            let (mut input, total) = Input::open(&path, true, &Stop::default()).unwrap();
            assert_eq!(total, None);
            let mut buffer = [0; 8];
            assert_eq!(input.read(&mut buffer).unwrap(), 3);
            if replaced {
                std::fs::write(&path, b"onetwo").unwrap();
                std::fs::write(&other, b"three").unwrap();
                std::fs::rename(&other, &path).unwrap();
                assert_eq!((input.read(&mut buffer).unwrap(), &buffer[..3]), (3, &b"two"[..]));
            } else {
                std::fs::write(&path, b"").unwrap();
            }
            assert_eq!(input.read(&mut buffer).unwrap(), 0);
            assert_eq!(input.read(&mut buffer).unwrap(), 0);
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn lists_of_names_may_come_from_any_system() {
        for (text, names) in [
            (&b"a\nb c\n"[..], &[&b"a"[..], b"b c"][..]),
            (b"a\r\nb c\r\n\r\n", &[b"a", b"b c"]),
            (b"a\r\nb", &[b"a", b"b"]),
            (b"\xef\xbb\xbfa\r\nb", &[b"a", b"b"]),
            (b"\xef\xbb\xbf", &[]),
            // Where zeros end them, names may have anything else.
            (b"a\r\0b\nc\0", &[b"a\r", b"b\nc"]),
            (b"\n\r\n", &[]),
            (b"", &[]),
        ] {
            assert_eq!(split(text), names);
            assert_eq!(as_utf8(text.to_vec()), text);
        }
        for text in [&b"\xff\xfea\0\r\0\n\0b\0"[..], b"\xfe\xff\0a\0\r\0\n\0b"] {
            assert_eq!(split(&as_utf8(text.to_vec())), [b"a", b"b"]);
        }
    }

    #[test]
    fn a_read_that_waits_ends_when_it_is_told_to_stop() {
        let (sender, blocks) = sync_channel(1);
        let stop = Stop::default();
        stop.0.set.store(true, Ordering::Relaxed);
        let mut pipe = Pipe { blocks, block: Bytes::new(), ended: false, stop };
        assert_eq!(pipe.read(&mut [0; 4]).unwrap(), 0);
        drop(sender);
    }
}
