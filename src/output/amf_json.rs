//! AMF values as JSON, and as one line for tables.
//!
//! What JSON has no form for is an object whose one key begins with `$`: `$bytes` (Base64: byte arrays and strings that
//! are not UTF-8), `$number` (`"NaN"`, `"Infinity"`, `"-Infinity"`), `$date` (RFC 3339 in UTC; a date that it cannot
//! write is its milliseconds, in the form of a number; AMF0's time zone is beside it as `$zone`, in minutes, where it is
//! not 0), `$cut` (why something is missing here: `amf_depth`,
//! `amf_values` and `amf_output` are the limits, `malformed` the end of what could be read, `cycle` a value inside
//! itself). `$class` comes first in an object that has a class; the content of an externalizable one is `$value` or
//! `$bytes`. Keys that are not UTF-8 have U+FFFD for what is not. Keys occur as often as they were sent, in that order.

use super::date;
use super::digits::push_digits;
use crate::proto::amf::{Cut, External, Instance, Text, Value};
use crate::proto::base64;
use serde_json::ser::{CompactFormatter, Formatter};

pub use super::{amf_context::Context, inline::write_inline};

/// Room for a cut marker: below it, nothing but markers is written.
const MARKER: usize = 24;

/// Appends `value` as JSON. What does not fit into the depth and output that `ctx` has left is `{"$cut":…}`.
pub fn write_value(out: &mut Vec<u8>, value: &Value, ctx: &mut Context<'_>) {
    let depth = ctx.depth;
    Json { out, ctx }.value(value, depth);
}

/// Appends `values` as a JSON array, in the same way.
pub fn write_values(out: &mut Vec<u8>, values: &[Value], ctx: &mut Context<'_>) {
    let depth = ctx.depth;
    let mut json = Json { out, ctx };
    json.list(values.iter(), |json, value| json.value(value, depth));
}

/// Appends `text` as a JSON string. Control characters, also DEL and C1, and those that steer direction and lines are
/// escaped: a terminal that shows the line obeys none of them.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        // U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
        let (code, length) = match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f => (u16::from(byte), 1),
            0xc2 if bytes[at + 1] < 0xa0 => (u16::from(bytes[at + 1]), 2),
            0xd8 if bytes[at + 1] == 0x9c => (0x61c, 2),
            0xe2 => match (bytes[at + 1], bytes[at + 2]) {
                (0x80, last @ (0x8e | 0x8f | 0xa8..=0xae)) => (0x2000 | u16::from(last & 0x3f), 3),
                (0x81, last @ 0xa6..=0xa9) => (0x2040 | u16::from(last & 0x3f), 3),
                _ => continue,
            },
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        from = at + length;
        match code {
            0x22 => out.extend(br#"\""#),
            0x5c => out.extend(br"\\"),
            0x0a => out.extend(br"\n"),
            0x0d => out.extend(br"\r"),
            0x09 => out.extend(br"\t"),
            _ => {
                let digit = |n: u16| b"0123456789abcdef"[usize::from(n & 15)];
                out.extend([b'\\', b'u']);
                out.extend([12, 8, 4, 0].map(|shift| digit(code >> shift)));
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Appends a number that reads back as the same double: whole ones below 2^63 with all their digits and no fraction,
/// others in the shortest form. What is no number is `{"$number":…}`.
pub fn write_number(out: &mut Vec<u8>, number: f64) {
    /// 2^63.
    const WHOLE: f64 = 9_223_372_036_854_775_808.0;
    if number.is_nan() {
        out.extend(br#"{"$number":"NaN"}"#);
    } else if number.is_infinite() {
        out.extend(if number > 0.0 {
            &br#"{"$number":"Infinity"}"#[..]
        } else {
            br#"{"$number":"-Infinity"}"#
        });
    } else if number == 0.0 && number.is_sign_negative() {
        out.extend(b"-0");
    } else if number.trunc() == number && number.abs() < WHOLE {
        // Whole and in range, so the conversion is exact.
        if number < 0.0 {
            out.push(b'-');
        }
        push_digits(out, number.abs() as u64);
    } else {
        // Writing to a vector cannot fail.
        let _ = CompactFormatter.write_f64(out, number);
    }
}

struct Json<'o, 'c, 'a> {
    out: &'o mut Vec<u8>,
    ctx: &'c mut Context<'a>,
}

impl<'a> Json<'_, '_, 'a> {
    /// `depth` is how many levels of JSON may still be opened.
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Undefined
            | Value::Null
            | Value::MovieClip
            | Value::RecordSet
            | Value::Unsupported => self.raw(b"null"),
            Value::Boolean(boolean) => self.raw(if *boolean { b"true" } else { b"false" }),
            Value::Number(number) => self.number(*number),
            Value::Integer(integer) => self.number(f64::from(*integer)),
            Value::String(text)
            | Value::LongString(text)
            | Value::Xml(text)
            | Value::XmlDocument(text)
            | Value::XmlString(text) => self.text(text),
            Value::ByteArray(bytes) => self.bytes(bytes),
            Value::Timestamp(ms) => self.date(*ms, 0),
            Value::Date { ms, zone } => self.date(*ms, *zone),
            Value::Amf3(inner) => self.value(inner, depth),
            Value::Cut(cut) => self.cut_value(cut),
            Value::Reference(index) => self.reference(self.ctx.amf0.get(u32::from(*index)), depth),
            Value::ObjectReference { index, .. } => {
                self.reference(self.ctx.amf3.get(*index), depth)
            }
            container => match depth.checked_sub(1) {
                Some(depth) => self.container(container, depth),
                None => self.cut("amf_depth"),
            },
        }
    }

    fn date(&mut self, ms: f64, zone: i16) {
        self.raw(br#"{"$date":"#);
        match date::rfc3339(ms) {
            Some(date) => self.whole(date.len() + 2, |out| write_string(out, &date)),
            None => self.number(ms),
        }
        if zone != 0 {
            self.raw(br#","$zone":"#);
            self.number(zone.into());
        }
        self.raw(b"}");
    }

    fn container(&mut self, value: &Value, depth: usize) {
        match value {
            Value::StrictArray(items) | Value::VectorObject { items, .. } => {
                self.list(items.iter(), |json, item| json.value(item, depth));
            }
            Value::Array { assoc, dense } if assoc.is_empty() => {
                self.list(dense.iter(), |json, item| json.value(item, depth));
            }
            Value::VectorInt { items, .. } => {
                self.list(items, |json, item| json.number(f64::from(*item)))
            }
            Value::VectorUint { items, .. } => {
                self.list(items, |json, item| json.number(f64::from(*item)))
            }
            Value::VectorDouble { items, .. } => self.list(items, |json, item| json.number(*item)),
            Value::Array { dense, .. } => {
                let mut first = true;
                self.raw(b"{");
                let mut whole = self.members(value, &mut first, depth);
                for (index, item) in dense.iter().enumerate() {
                    whole = whole
                        && self.member(&index.to_string().as_str().into(), item, &mut first, depth);
                }
                self.raw(b"}");
            }
            Value::Dictionary { entries, .. } => self.dictionary(entries, depth),
            Value::Instance(instance) => self.instance(value, instance, depth),
            _ => {
                let mut first = true;
                self.raw(b"{");
                if let Value::TypedObject { class, .. } = value {
                    self.class(class, &mut first);
                }
                self.members(value, &mut first, depth);
                self.raw(b"}");
            }
        }
    }

    fn instance(&mut self, value: &Value, instance: &Instance, depth: usize) {
        let mut first = true;
        self.raw(b"{");
        if !instance.traits.class.is_empty() {
            self.class(&instance.traits.class, &mut first);
        }
        match &instance.external {
            Some(External::Value(inner)) => {
                self.member(&"$value".into(), inner, &mut first, depth);
            }
            Some(External::Opaque(bytes)) if base64::encoded_len(bytes.len()) < self.ctx.left => {
                self.key(&"$bytes".into(), &mut first);
                self.base64(bytes);
            }
            Some(External::Opaque(_)) => self.cut_member("amf_output", &mut first),
            Some(External::Message(_)) | None => {
                self.members(value, &mut first, depth);
            }
        }
        self.raw(b"}");
    }

    /// An object where every key is a string, else an array of pairs. Pairs are a level of their own in JSON, and count.
    fn dictionary(&mut self, entries: &[(Value, Value)], depth: usize) {
        if entries.iter().all(|(key, _)| key.as_str().is_some()) {
            let mut first = true;
            self.raw(b"{");
            for (key, value) in entries {
                let Some(key) = key.as_text() else { continue };
                if !self.member(key, value, &mut first, depth) {
                    break;
                }
            }
            return self.raw(b"}");
        }
        let Some(depth) = depth.checked_sub(1) else { return self.cut("amf_depth") };
        self.list(entries, |json, (key, value)| {
            json.raw(b"[");
            json.value(key, depth);
            json.raw(b",");
            json.value(value, depth);
            json.raw(b"]");
        });
    }

    fn reference(&mut self, target: Option<&'a Value>, depth: usize) {
        match target {
            None => self.raw(b"null"),
            Some(target) if self.ctx.path.iter().any(|open| std::ptr::eq(*open, target)) => {
                self.cut("cycle")
            }
            Some(target) => {
                self.ctx.path.push(target);
                self.value(target, depth);
                self.ctx.path.pop();
            }
        }
    }

    /// Elements until they or the output budget end.
    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.raw(b"[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(b",");
            }
            if self.is_full() {
                self.cut("amf_output");
                break;
            }
            write(self, item);
        }
        self.raw(b"]");
    }

    /// All members; false where the output budget ended before them.
    fn members(&mut self, value: &Value, first: &mut bool, depth: usize) -> bool {
        value.entries().all(|(key, value)| self.member(key, value, first, depth))
    }

    /// One member, or the mark that the output budget ended before it.
    fn member(&mut self, key: &Text, value: &Value, first: &mut bool, depth: usize) -> bool {
        // An escape has six bytes, so this is the most that the key can take.
        if self.is_full() || key.len().saturating_mul(6) > self.ctx.left - MARKER {
            self.cut_member("amf_output", first);
            return false;
        }
        self.key(key, first);
        self.value(value, depth);
        true
    }

    fn class(&mut self, class: &Text, first: &mut bool) {
        if class.len() < self.ctx.left {
            self.key(&"$class".into(), first);
            self.text(class);
        } else {
            self.cut_member("amf_output", first);
        }
    }

    fn key(&mut self, key: &Text, first: &mut bool) {
        if !std::mem::take(first) {
            self.raw(b",");
        }
        let at = self.out.len();
        write_string(self.out, &String::from_utf8_lossy(key.as_bytes()));
        self.charge(self.out.len() - at);
        self.raw(b":");
    }

    fn text(&mut self, text: &Text) {
        match text.as_str() {
            Some(text) => self.whole(text.len() + 2, |out| write_string(out, text)),
            None => self.bytes(text.as_bytes()),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if base64::encoded_len(bytes.len()) + MARKER > self.ctx.left {
            return self.cut("amf_output");
        }
        self.raw(br#"{"$bytes":"#);
        self.base64(bytes);
        self.raw(b"}");
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.raw(b"\"");
        base64::push(self.out, bytes);
        self.charge(base64::encoded_len(bytes.len()));
        self.raw(b"\"");
    }

    fn number(&mut self, number: f64) {
        self.whole(1, |out| write_number(out, number));
    }

    /// Writes something of at least `least` bytes, and a mark instead where it does not fit.
    fn whole(&mut self, least: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if least > self.ctx.left {
            return self.cut("amf_output");
        }
        let at = self.out.len();
        write(self.out);
        let length = self.out.len() - at;
        if length > self.ctx.left {
            self.out.truncate(at);
            return self.cut("amf_output");
        }
        self.charge(length);
    }

    fn cut_value(&mut self, cut: &Cut) {
        self.cut(cut.reason.as_str());
    }

    fn cut(&mut self, why: &str) {
        self.raw(br#"{"$cut":""#);
        self.raw(why.as_bytes());
        self.raw(br#""}"#);
    }

    fn cut_member(&mut self, why: &str, first: &mut bool) {
        self.key(&"$cut".into(), first);
        self.raw(b"\"");
        self.raw(why.as_bytes());
        self.raw(b"\"");
    }

    fn is_full(&self) -> bool {
        self.ctx.left < MARKER
    }

    /// Punctuation and markers: written whatever is left, so that the JSON stays whole.
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.charge(bytes.len());
    }

    fn charge(&mut self, bytes: usize) {
        self.ctx.left = self.ctx.left.saturating_sub(bytes);
    }
}

#[cfg(test)]
#[path = "amf_json_tests.rs"]
mod tests;
