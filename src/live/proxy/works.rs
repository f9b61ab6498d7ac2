//! What is done to the bytes of one direction on purpose.

use tokio::time::Instant;

use super::waiting::Waiting;
use crate::live::Tap;

/// What is done to the bytes of one direction.
#[derive(Debug)]
pub(super) struct Works {}

/// Something that was done, to be told of.
#[derive(Debug)]
pub(super) struct Done {}

impl Done {
    pub(super) fn tell(&self, _tap: &Tap) {}
}

impl Works {
    pub(super) fn take(&mut self, _data: &[u8], _now: Instant) -> Vec<Done> {
        Vec::new()
    }

    pub(super) fn release(&mut self, _now: Instant, _waiting: &mut Waiting) {}

    pub(super) fn end(&mut self, _now: Instant) {}

    pub(super) fn resets(&mut self, _now: Instant) -> Option<Done> {
        None
    }

    pub(super) fn due(&self) -> Option<Instant> {
        None
    }

    pub(super) fn has_room(&self) -> bool {
        true
    }

    pub(super) fn held(&self) -> usize {
        0
    }

    pub(super) fn is_empty(&self) -> bool {
        true
    }
}
