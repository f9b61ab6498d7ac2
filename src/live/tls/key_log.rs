//! Session keys written to a file in the format of `SSLKEYLOGFILE`, which Wireshark and `rtmpctl decode` read.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use rustls::KeyLog;

use super::Error;

/// A file of secrets: each is a line, written at once, behind those that are there already.
#[derive(Debug)]
pub struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    /// Opens the file, or makes it, readable for its owner only.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file =
            options.open(path).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = format!("{label} ");
        push_hex(&mut line, client_random);
        line.push(' ');
        push_hex(&mut line, secret);
        line.push('\n');
        if let Ok(mut file) = self.0.lock() {
            // A full disk costs the secrets, not the connection.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

fn push_hex(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(line, "{byte:02x}");
    }
}
