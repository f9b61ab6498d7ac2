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
//!
//! And for programs of others, on any runtime of tokio: [`Server`] accepts, [`Client`] is either side of a connection over
//! anything that reads and writes, [`Streams`] are what is said on it, told apart by type and message stream.

mod accept;
mod budget;
mod calls;
mod client;
mod common;
mod deadline;
mod error;
pub mod listen;
mod meet;
pub mod proxy;
mod queue;
mod relay;
mod serve;
mod server;
mod stream;
mod streams;
mod tap;
pub mod tls;
mod turn;

pub use accept::{Permit, accept, bind, bind_redirected, most_connections};
pub use budget::Budget;
pub use client::{Client, ClientOptions};
pub use common::{Common, Incoming};
pub use error::{Cause, Error};
pub use meet::{closed_by_error, meet};
pub use server::{Clients, Errors, Server, ServerOptions, Socket};
pub use stream::{ReadBuffer, Stream};
pub use streams::{
    ControlStream, DataStream, Message, MessageStream, NetConn, NetStream, Outbox, Streams,
};
pub use tap::{Clock, Tap, Taps};
