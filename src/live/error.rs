//! What can go wrong on a socket: the operation, with whom, and why.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::proto::session::Close;

/// An operation that failed.
#[derive(Debug)]
pub struct Error {
    /// What was being done: `"bind"`, `"accept"`, `"handshake"`, `"connect"`, `"read"`.
    pub operation: &'static str,
    /// The address, where there is one.
    pub address: Option<String>,
    /// Why.
    pub cause: Cause,
}

/// Why an operation failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The system says no.
    Io(io::Error),
    /// The peer does what cannot be gone on with, or closes with a reason.
    Close(Close),
    /// It took longer than this.
    Timeout(Duration),
    /// The peer refuses, with this code and text.
    Refused {
        /// `NetConnection.Connect.Rejected`, `NetStream.Publish.BadName` …
        code: String,
        /// The same for people.
        description: String,
    },
    /// The connection is over.
    Ended,
    /// As many connections are open as may be: this one was closed at once.
    Full {
        /// How many.
        most: usize,
    },
}

impl Error {
    pub(super) const fn new(operation: &'static str, cause: Cause) -> Self {
        Self { operation, address: None, cause }
    }

    pub(super) fn at(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if let Some(address) = &self.address {
            write!(f, " {address}")?;
        }
        f.write_str(": ")?;
        match &self.cause {
            Cause::Io(error) => error.fmt(f),
            Cause::Close(why) => why.fmt(f),
            Cause::Timeout(after) => write!(f, "not over after {} s", after.as_secs_f32()),
            Cause::Refused { code, description } if description.is_empty() => f.write_str(code),
            Cause::Refused { code, description } => write!(f, "{code}: {description}"),
            Cause::Ended => f.write_str("the connection is over"),
            Cause::Full { most } => write!(f, "{most} connections are open (limit connections)"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            Cause::Close(why) => Some(why),
            _ => None,
        }
    }
}

impl From<Close> for Cause {
    fn from(why: Close) -> Self {
        Self::Close(why)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
