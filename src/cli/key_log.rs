//! The key log that `--key-log` names, which may grow while a capture is read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Failure;
use crate::capture::Captures;

/// An open key log, as far as it has been read.
pub(super) struct KeyLog {
    path: PathBuf,
    file: File,
}

/// Bytes read at once.
const BLOCK: usize = 64 << 10;

impl KeyLog {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error| Failure::io(format!("cannot open {}", path.display()), error);
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(unreadable(ErrorKind::IsADirectory.into()));
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Hands over what has come since the last time.
    pub(super) fn read(&mut self, captures: &mut Captures) -> Result<(), Failure> {
        let mut block = [0; BLOCK];
        loop {
            match self.file.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(n) => captures.add_secrets(&block[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Failure::io(format!("cannot read {}", self.path.display()), error));
                }
            }
        }
    }
}
