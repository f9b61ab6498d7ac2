//! A file of tags that ends with a whole one, also where it cannot be written to any more.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// The header of a file without audio and video, and the size of the tag that is not before the first.
const HEADER: [u8; 13] = [b'F', b'L', b'V', 1, 0, 0, 0, 0, 9, 0, 0, 0, 0];
/// Where the header says what there is.
const FLAGS_AT: usize = 4;
/// Bytes of a tag's header.
const TAG_HEADER: usize = 11;
/// Bytes from which on what waits is written.
const BUFFER: usize = 32 << 10;

/// A file being written. Tags wait in memory until there are some, and go to the disk whole.
#[derive(Debug)]
pub(super) struct Tags {
    file: File,
    waiting: Vec<u8>,
    /// Tags among what waits.
    count: u64,
    /// Bytes that are written.
    written: u64,
}

impl Tags {
    /// A file with its header, in an empty one.
    pub(super) fn new(file: File) -> Self {
        Self { file, waiting: HEADER.to_vec(), count: 0, written: 0 }
    }

    /// Its length.
    pub(super) const fn len(&self) -> u64 {
        self.written + self.waiting.len() as u64
    }

    /// Appends a tag.
    pub(super) fn push(&mut self, kind: u8, timestamp: u32, data: &[u8]) -> io::Result<()> {
        let size = (data.len() as u32).to_be_bytes();
        let time = timestamp.to_be_bytes();
        let header = [kind, size[1], size[2], size[3], time[1], time[2], time[3], time[0], 0, 0, 0];
        self.waiting.extend_from_slice(&header);
        self.waiting.extend_from_slice(data);
        self.waiting.extend_from_slice(&((TAG_HEADER + data.len()) as u32).to_be_bytes());
        self.count += 1;
        if self.waiting.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Says in the header what there is. At once, not at the end: the file is then right whenever the program ends.
    pub(super) fn set_flags(&mut self, flags: u8) -> io::Result<()> {
        if self.written == 0 {
            self.waiting[FLAGS_AT] = flags;
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(FLAGS_AT as u64))?;
        self.file.write_all(&[flags])?;
        self.file.seek(SeekFrom::Start(self.written)).map(drop)
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.count = 0;
        if self.waiting.capacity() > 2 * BUFFER {
            self.waiting = Vec::new(); // large frames are rare
        } else {
            self.waiting.clear();
        }
        Ok(())
    }

    /// Nothing more can be written: takes away what was written of what waits. Gives the file's length, and how many tags
    /// are not in it.
    pub(super) fn give_up(self) -> (u64, u64) {
        // What cannot be taken away either stays: a reader finds the file cut.
        let _ = self.file.set_len(self.written);
        (self.written, self.count)
    }
}
