//! One line of JSON being written: fields, objects and arrays straight into the buffer.

use super::super::amf_json;
use super::super::digits::{ROOM, Short, push_number};
use crate::inspect::Opened;
use crate::proto::fault::Fault;

/// A key as one constant, so that writing it is a few moves and not a call.
macro_rules! key {
    ($line:expr, $name:literal) => {
        $line.raw(concat!("\"", $name, "\":").as_bytes())
    };
}

/// A field whose value is a number.
macro_rules! number {
    ($line:expr, $name:literal, $value:expr) => {{
        key!($line, $name);
        $line.digits(u64::from($value), b',');
    }};
}

/// A field whose value is one of our own words.
macro_rules! text {
    ($line:expr, $name:literal, $value:expr) => {{
        $line.raw(concat!("\"", $name, "\":\"").as_bytes());
        $line.raw($value.as_bytes());
        $line.raw(b"\",");
    }};
}

pub(super) use {key, number, text};

/// A line being written. Each field ends with a comma; [`close`](Self::close) replaces the last one of an object.
pub(super) struct Line<'a>(pub(super) &'a mut Vec<u8>);

impl Line<'_> {
    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn open(&mut self) {
        self.0.push(b'{');
    }

    /// Who is connected to whom.
    pub(super) fn ends(&mut self, opened: &Opened) {
        for (name, end) in [("client", opened.client), ("server", opened.server)] {
            match end {
                Some(end) => self.display(name, &end),
                None => {
                    self.key(name);
                    self.raw(b"null,");
                }
            }
        }
    }

    /// Ends an object.
    #[inline]
    pub(super) fn close(&mut self) {
        match self.0.last_mut() {
            Some(last @ b',') => *last = b'}',
            _ => self.0.push(b'}'),
        }
    }

    /// Ends an object that is a field's value.
    #[inline]
    pub(super) fn shut(&mut self) {
        self.close();
        self.0.push(b',');
    }

    #[inline]
    pub(super) fn key(&mut self, name: &str) {
        self.0.push(b'"');
        self.raw(name.as_bytes());
        self.raw(b"\":");
    }

    /// A field whose value is one of our own words.
    #[inline]
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.0.push(b'"');
        self.raw(value.as_bytes());
        self.raw(b"\",");
    }

    /// A field whose value is a text from anywhere.
    pub(super) fn string(&mut self, name: &str, value: &str) {
        self.key(name);
        amf_json::write_string(self.0, value);
        self.0.push(b',');
    }

    /// What could not be read, and where.
    pub(super) fn fault(&mut self, fault: &Fault) {
        self.key("malformed");
        self.open();
        number!(self, "offset", fault.offset as u64);
        self.display("reason", &fault.reason());
        self.shut();
    }

    /// A field whose value is what a type displays.
    pub(super) fn display(&mut self, name: &str, value: &dyn std::fmt::Display) {
        self.string(name, &value.to_string());
    }

    /// A number and the byte behind it.
    #[inline]
    pub(super) fn digits(&mut self, value: u64, behind: u8) {
        push_number(self.0, value, behind);
    }

    #[inline]
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        self.digits(value, b',');
    }

    pub(super) fn signed(&mut self, name: &str, value: i64) {
        self.key(name);
        self.signed_digits(value, b',');
    }

    #[inline]
    pub(super) fn signed_digits(&mut self, value: i64, behind: u8) {
        if value < 0 {
            self.0.push(b'-');
        }
        self.digits(value.unsigned_abs(), behind);
    }

    #[inline]
    pub(super) fn maybe(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value.into());
        }
    }

    pub(super) fn real(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.key(name);
            amf_json::write_number(self.0, value);
            self.0.push(b',');
        }
    }

    #[inline]
    pub(super) fn boolean(&mut self, name: &str, value: bool) {
        self.key(name);
        self.raw(if value { b"true," } else { b"false," });
    }

    /// A field whose value is a name, or the number where it has none.
    #[inline]
    pub(super) fn named(&mut self, name: &str, value: Option<&str>, number: u8) {
        match value {
            Some(value) => self.text(name, value),
            None => self.number(name, u64::from(number)),
        }
    }

    /// An array as a field's value.
    pub(super) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.0.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            write(self, item);
        }
        self.raw(b"],");
    }

    /// Nanoseconds as seconds with six decimals, rounded towards zero.
    pub(super) fn seconds(&mut self, nanoseconds: i64) {
        let mut room = ROOM;
        let mut text = Short::new(&mut room);
        text.seconds(nanoseconds, b',');
        self.raw(text.text());
    }
}
