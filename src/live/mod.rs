//! Sockets to [`Traffic`](crate::inspect::Traffic): all of tokio but the runtime. Does not know the inspector, the outputs
//! or the command line.
//!
//! What both `listen` and `proxy` are made of, all of it on one thread:
//!
//! - [`accept()`] takes connections in, up to a number, whatever goes wrong;
//! - [`meet()`] finds out whether a client begins with TLS, and opens its tap;
//! - [`tls`] is either side of TLS;
//! - [`Stream`] is a socket with TLS or without, [`ReadBuffer`] the one buffer that all of them are read into;
//! - [`Taps`] give connections their numbers, and [`Tap`] tells what happens on one.

mod accept;
mod common;
pub mod listen;
mod meet;
mod relay;
mod stream;
mod tap;
pub mod tls;

pub use accept::{Permit, accept, bind, most_connections};
pub use common::{Common, Incoming};
pub use meet::{closed_by_error, meet};
pub use stream::{ReadBuffer, Stream};
pub use tap::{Tap, Taps};
