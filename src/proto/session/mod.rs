//! A side of a connection that is spoken rather than watched: bytes in, bytes out, no I/O and no clock.
//!
//! [`Connection`] is the transport of either side: handshake, chunks both ways, what the control messages ask for, and
//! the bytes to send. [`Responder`] gives a server's answers to commands and [`Caller`] makes a client's calls; both say
//! in events what somebody else has to know or do. What a server accepts and says is a [`Policy`].
//!
//! Feed → drain, as everywhere: [`Connection::next`] is called until it gives `None`, then what is in
//! [`Connection::output`] is sent.
//!
//! ```
//! use std::sync::Arc;
//! use rtmpctl::{Limits, proto::handshake::RANDOM_LEN};
//! use rtmpctl::proto::session::{Arrived, Connection, Event, Options, Policy, Responder};
//!
//! # fn read() -> Vec<u8> { Vec::new() }
//! # fn send(_: &[u8]) {}
//! # fn main() -> Result<(), rtmpctl::proto::session::Close> {
//! let limits = Arc::new(Limits::default());
//! let random = [7; RANDOM_LEN]; // from a source of random bytes
//! let mut connection = Connection::server(&Options::default(), 0, &random, &limits);
//! let mut responder = Responder::new(Arc::new(Policy::default()), Arc::clone(&limits));
//! let bytes = read();
//! let mut input = &bytes[..];
//! while let Some((arrived, sender)) = connection.next(&mut input)? {
//!     let Arrived::Message(message) = arrived else { continue };
//!     match responder.receive(&message, sender) {
//!         Some(Event::Published { stream, .. }) => { /* a stream begins */ }
//!         Some(Event::Media { stream }) => { /* `message` belongs to it */ }
//!         Some(Event::Close(why)) => { /* send what there is, then close */ }
//!         _ => {}
//!     }
//! }
//! send(connection.output());
//! let sent = connection.output().len();
//! connection.sent(sent);
//! # Ok(())
//! # }
//! ```

mod auth;
mod caller;
mod close;
mod connection;
mod enhanced;
mod policy;
mod responder;
mod sender;
mod streams;

pub use auth::{Auth, AuthMod};
pub use caller::{Called, Caller};
pub use close::Close;
pub use connection::{Acknowledge, Arrived, Connection, HEADS, Options};
pub use policy::{Names, Policy, RefuseWith};
pub use responder::{Event, Responder};
pub use sender::Sender;
pub use streams::Role;
