//! What decoding one message may use, and what its values share.

use super::{Text, Traits};
use crate::{Limits, proto::fault::Fault};
use std::sync::Arc;

/// Nesting that even a thread with a small stack holds, whatever [`Limits::amf_depth`] says.
const STACK_DEPTH: usize = 256;

/// What is left for the values of one message, and the AMF3 tables that they share. Make a new one per message.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Containers that may still be opened inside each other.
    pub(super) depth: usize,
    /// Values that may still be made.
    pub(super) values: usize,
    /// Table entries and member names that may still be kept. They are counted apart from values because values that
    /// are skipped have them too.
    pub(super) names: usize,
    /// AMF3 strings, in order of appearance (AMF 3 2.2).
    pub(super) strings: Vec<Text>,
    /// AMF3 traits, in order of appearance (AMF 3 2.2).
    pub(super) traits: Vec<Arc<Traits>>,
}

impl Budget {
    /// The whole budget of one message. Nesting is held to 256 levels even where the limits allow more, because trees
    /// are walked and freed level by level on the stack.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            depth: limits.amf_depth.min(STACK_DEPTH),
            values: limits.amf_values,
            names: limits.amf_values,
            strings: Vec::new(),
            traits: Vec::new(),
        }
    }

    /// Levels of nesting left.
    #[must_use]
    pub const fn depth_left(&self) -> usize {
        self.depth
    }

    /// Values left.
    #[must_use]
    pub const fn values_left(&self) -> usize {
        self.values
    }

    /// Takes one value off; false where none is left.
    pub(super) fn spend_value(&mut self) -> bool {
        let left = self.values > 0;
        self.values = self.values.saturating_sub(1);
        left
    }

    /// Takes one name off for something at `offset`.
    pub(super) fn spend_name(&mut self, offset: usize, reading: &'static str) -> Result<(), Fault> {
        self.names =
            self.names.checked_sub(1).ok_or_else(|| Fault::limit(offset, reading, "amf_values"))?;
        Ok(())
    }
}

impl From<&Limits> for Budget {
    fn from(limits: &Limits) -> Self {
        Self::new(limits)
    }
}
