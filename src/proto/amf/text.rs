//! Strings as they were sent.

use core::{fmt, str};
use std::sync::Arc;

/// A string of a peer: meant to be UTF-8 (AMF 0 1.3.1, AMF 3 1.3.1), but any bytes are possible.
///
/// Clones share their bytes. In AMF3 that is also how a reference is told from a repetition: a string that was sent by
/// reference shares its bytes with the earlier one, and the encoder sends a reference for exactly those.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Arc<[u8]>);

impl Text {
    /// The text, where it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// The bytes as sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What tells shared bytes from equal ones. Valid while the text lives; empty texts have none.
    pub(super) fn identity(&self) -> Option<usize> {
        (!self.is_empty()).then(|| Arc::as_ptr(&self.0).cast::<u8>().addr())
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from(&[][..])
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
