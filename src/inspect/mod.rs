//! Watches connections: traffic in, records out. No I/O, no clock; it never gives up.

mod finding;
mod traffic;

pub use finding::{Finding, Severity};
pub use traffic::{Arrival, CloseKind, ClosedBy, FlowId, GapCause, Place, Traffic};
