//! What is wrong with some bytes, as data: where, what was being read, what was needed and what was there.

use core::fmt;

/// A fault found while decoding. It never ends more than the thing being read.
///
/// `offset` counts from the start of what was handed to the decoder: the payload for message bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the thing that could not be read begins.
    pub offset: usize,
    /// What was being read, in the words of the specification: `"AMF0 string"`, `"chunk size"`.
    pub reading: &'static str,
    /// Why it could not be read.
    pub kind: FaultKind,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// `needed` bytes were required at the offset and only `had` were there.
    Short {
        /// Bytes required.
        needed: u64,
        /// Bytes available.
        had: u64,
    },
    /// A field holds a value that the specification does not allow, e.g. an unknown AMF marker.
    Invalid {
        /// The value found.
        value: u64,
    },
    /// A structural rule is broken; the text says which, as a clause: `"no end marker"`.
    Broken(&'static str),
    /// A limit of [`crate::Limits`] was reached; the text names the field.
    Limit(&'static str),
}

impl Fault {
    /// `needed` bytes were required at `offset` to read `reading`, and only `had` were there.
    #[must_use]
    pub const fn short(offset: usize, reading: &'static str, needed: u64, had: u64) -> Self {
        Self { offset, reading, kind: FaultKind::Short { needed, had } }
    }

    /// The field `reading` at `offset` holds `value`, which is not allowed.
    #[must_use]
    pub const fn invalid(offset: usize, reading: &'static str, value: u64) -> Self {
        Self { offset, reading, kind: FaultKind::Invalid { value } }
    }

    /// `reading` at `offset` breaks the rule that `what` names.
    #[must_use]
    pub const fn broken(offset: usize, reading: &'static str, what: &'static str) -> Self {
        Self { offset, reading, kind: FaultKind::Broken(what) }
    }

    /// `reading` at `offset` crosses the limit `name`.
    #[must_use]
    pub const fn limit(offset: usize, reading: &'static str, name: &'static str) -> Self {
        Self { offset, reading, kind: FaultKind::Limit(name) }
    }

    /// The same fault in a frame of reference that begins `base` bytes earlier.
    #[must_use]
    pub fn rebased(mut self, base: usize) -> Self {
        self.offset += base;
        self
    }

    /// The reason without the offset: `AMF0 string: 40 bytes needed, 12 there`.
    #[must_use]
    pub fn reason(&self) -> Reason<'_> {
        Reason(self)
    }
}

/// Displays a [`Fault`] without its offset.
#[derive(Debug)]
pub struct Reason<'a>(&'a Fault);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reading = self.0.reading;
        match self.0.kind {
            FaultKind::Short { needed: 1, had } => {
                write!(f, "{reading}: 1 byte needed, {had} there")
            }
            FaultKind::Short { needed, had } => {
                write!(f, "{reading}: {needed} bytes needed, {had} there")
            }
            FaultKind::Invalid { value } => {
                write!(f, "{reading}: value {value} (0x{value:02x}) is not allowed")
            }
            FaultKind::Broken(what) => write!(f, "{reading}: {what}"),
            FaultKind::Limit(name) => write!(f, "{reading}: limit {name} reached"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.reason())
    }
}

impl std::error::Error for Fault {}
