//! Why a capture could not be opened or read on. Damage inside a capture is data: [`super::file::Trouble`].

use core::fmt;
use std::io;

use super::file::{Broken, Compression};

/// What ends the reading of a capture. The caller adds the name of the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are of none of the formats that are read.
    NotACapture(Foreign),
    /// The file is compressed, and what it unpacks to is of none of the formats that are read.
    NoCaptureInside(Compression, Foreign),
    /// The file is compressed, and cannot be unpacked as far as a capture would begin.
    CannotUnpack(Broken),
    /// The operating system refused.
    Io {
        /// What was being done, as a verb: `"read"`.
        operation: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture(foreign) => write!(f, "it is no {READ}: {foreign}"),
            Self::NoCaptureInside(format, foreign) => {
                write!(f, "there is no {READ} inside its {} data: {foreign}", format.as_str())
            }
            Self::CannotUnpack(broken) => broken.fmt(f),
            Self::Io { operation, source } => write!(f, "cannot {operation}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotACapture(_) | Self::NoCaptureInside(..) | Self::CannotUnpack(_) => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}

/// What is read.
const READ: &str = "pcap, pcapng or FLV file, nor one direction of an RTMP connection";

/// What a file that is no capture looks like, judged by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// No bytes at all.
    Empty,
    /// Only `had` bytes, which could begin a capture.
    Short {
        /// Bytes there.
        had: usize,
    },
    /// pcap, pcapng or FLV, but the file header itself cannot be read.
    Header,
    /// Compressed data inside of compressed data, of which one layer is unpacked.
    Again(Compression),
    /// Compressed data of another format, which the named command unpacks.
    Packed {
        /// The format.
        format: &'static str,
        /// A command that writes the unpacked bytes to standard output.
        command: &'static str,
    },
    /// Another format, by name, with what to do about it.
    Known {
        /// The format, with its article.
        format: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// None of the above: the first four bytes.
    Unknown([u8; 4]),
}

impl Foreign {
    /// Names what `head`, the first bytes of a file, looks like.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        const MEDIA: &str = "give the network capture of the stream, or its recording as FLV";
        const CONVERT: &str = "convert it with: editcap -F pcapng IN OUT";
        const WRONG: &str = "give a file written by tcpdump, dumpcap or Wireshark";
        let known = |format, remedy| Self::Known { format, remedy };
        let packed = |format, command| Self::Packed { format, command };
        if let Some(format) = Compression::of(head) {
            return Self::Again(format);
        }
        match head {
            [] => Self::Empty,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => packed("xz", "xz -dc"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => packed("bzip2", "bzip2 -dc"),
            [b'P', b'K', 3, 4, ..] => packed("zip", "unzip -p"),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => known("an MP4 file", MEDIA),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => known("a Matroska or WebM file", MEDIA),
            [0x47, ..] if head.get(188) == Some(&0x47) => known("an MPEG-TS file", MEDIA),
            [0x7f, b'E', b'L', b'F', ..] => known("an ELF file", WRONG),
            [b's', b'n', b'o', b'o', b'p', 0, ..] => known("a snoop capture", CONVERT),
            [b'G', b'M', b'B', b'U', ..] | [b'R', b'T', b'S', b'S', ..] => {
                known("a Network Monitor capture", CONVERT)
            }
            _ if is_text(head) => {
                known("text", "capture with tcpdump -w FILE; its printed lines cannot be decoded")
            }
            [a, b, c, d, ..] => Self::Unknown([*a, *b, *c, *d]),
            _ => Self::Short { had: head.len() },
        }
    }
}

/// Whether the first bytes are printable ASCII or UTF-8 letters, with the usual white space.
fn is_text(head: &[u8]) -> bool {
    let head = &head[..head.len().min(256)];
    let valid = match core::str::from_utf8(head) {
        Ok(text) => text,
        // A letter cut at the end of the sample is no reason to doubt the rest.
        Err(e) if e.error_len().is_none() => {
            core::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty()
        && valid.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n' | '\x1b'))
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the file is empty; was the capture stopped before its header was written?",
            ),
            Self::Short { had } => write!(f, "it ends after {had} bytes, before its header does"),
            Self::Header => f.write_str("its file header is cut or damaged"),
            Self::Again(format) => {
                write!(f, "it is {} data again, and only one layer is unpacked", format.as_str())
            }
            Self::Packed { format, command } => {
                write!(
                    f,
                    "it looks like {format} data; unpack it first: {command} FILE | rtmpctl decode -"
                )
            }
            Self::Known { format, remedy } => write!(f, "it looks like {format}; {remedy}"),
            Self::Unknown([a, b, c, d]) => {
                write!(
                    f,
                    "it begins with the bytes {a:02x} {b:02x} {c:02x} {d:02x}; --decode-as rtmp takes it for RTMP"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_file_is_named_and_the_way_out_with_it() {
        let mut ts = vec![0x47; 1];
        ts.resize(188, 0xff);
        ts.push(0x47);
        for (head, words) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\x00", "gzip data again"),
            (b"\xfd7zXZ\x00", "xz -dc FILE"),
            (b"\x7fELF\x02\x01", "an ELF file"),
            (b"\x00\x00\x00\x20ftypisom", "an MP4 file"),
            (&ts, "an MPEG-TS file"),
            (b"12:00:01 IP 10.0.0.1.1935 > 10.0.0.2: Flags", "text"),
            ("{\"name\":\"\u{e9}t\u{e9}\"}".as_bytes(), "text"),
            (b"\x00\x01\x02\x03\x04", "00 01 02 03"),
            (b"\xa1\xb2", "after 2 bytes"),
        ] {
            let text = Error::NotACapture(Foreign::of(head)).to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
