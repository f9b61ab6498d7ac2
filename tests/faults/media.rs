//! Faults of media: timestamps, codecs, metadata.

use super::Fault;

pub(crate) fn faults() -> Vec<Fault> {
    vec![]
}
