//! AMF values on one line, for people.

use super::{
    amf_json::write_number,
    date,
    escape::{push_escaped_bytes, push_escaped_char},
};
use crate::proto::amf::{External, Text, Value};

/// Appends `value` in one line of at most `max_chars` characters: `{app="live" fpad=false}`. What is longer ends in `…`.
///
/// Strings are quoted and escaped as in [`super::escape`], so a peer can forge neither structure nor terminal output.
/// References are not followed.
pub fn write_inline(out: &mut String, value: &Value, max_chars: usize) {
    let mut inline = Inline { out: String::new(), chars: 0, max: max_chars };
    inline.value(value);
    if inline.chars > max_chars {
        out.extend(inline.out.chars().take(max_chars.saturating_sub(1)));
        if max_chars > 0 {
            out.push('…');
        }
    } else {
        out.push_str(&inline.out);
    }
}

struct Inline {
    out: String,
    chars: usize,
    max: usize,
}

impl Inline {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Undefined => self.raw("undefined"),
            Value::Null => self.raw("null"),
            Value::MovieClip => self.raw("<movie clip>"),
            Value::RecordSet => self.raw("<record set>"),
            Value::Unsupported => self.raw("<unsupported>"),
            Value::Boolean(boolean) => self.raw(if *boolean { "true" } else { "false" }),
            Value::Number(number) => self.number(*number),
            Value::Integer(integer) => self.number(f64::from(*integer)),
            Value::String(text)
            | Value::LongString(text)
            | Value::Xml(text)
            | Value::XmlDocument(text)
            | Value::XmlString(text) => self.quoted(text),
            Value::ByteArray(bytes) => self.raw(&format!("<{} bytes>", bytes.len())),
            Value::Date { ms, .. } | Value::Timestamp(ms) => match date::rfc3339(*ms) {
                Some(date) => self.raw(&date),
                None => {
                    self.raw("<date ");
                    self.number(*ms);
                    self.raw(">");
                }
            },
            Value::Amf3(inner) => self.value(inner),
            Value::Reference(index) => self.raw(&format!("<reference {index}>")),
            Value::ObjectReference { index, .. } => self.raw(&format!("<reference {index}>")),
            Value::Cut(cut) => self.raw(&format!("<cut: {}>", cut.reason.as_str())),
            container => self.container(container),
        }
    }

    fn container(&mut self, value: &Value) {
        match value {
            Value::VectorInt { items, .. } => {
                self.list("[", items, |i, item| i.number(f64::from(*item)), "]")
            }
            Value::VectorUint { items, .. } => {
                self.list("[", items, |i, item| i.number(f64::from(*item)), "]")
            }
            Value::VectorDouble { items, .. } => {
                self.list("[", items, |i, item| i.number(*item), "]")
            }
            Value::Array { assoc, .. } if !assoc.is_empty() => {
                self.list("{", value.entries(), Self::member, "");
                self.list(" [", value.items(), Self::value, "]}");
            }
            Value::StrictArray(_) | Value::Array { .. } | Value::VectorObject { .. } => {
                self.list("[", value.items(), Self::value, "]");
            }
            Value::Dictionary { entries, .. } => self.list(
                "{",
                entries,
                |i, (key, value)| {
                    i.value(key);
                    i.raw("=");
                    i.value(value);
                },
                "}",
            ),
            Value::Instance(instance) => {
                self.class(&instance.traits.class);
                match &instance.external {
                    Some(External::Value(inner)) => self.list("{", [inner], Self::value, "}"),
                    Some(External::Opaque(bytes)) => {
                        self.raw(&format!("{{<{} bytes>}}", bytes.len()))
                    }
                    Some(External::Message(_)) | None => {
                        self.list("{", value.entries(), Self::member, "}")
                    }
                }
            }
            _ => {
                if let Value::TypedObject { class, .. } = value {
                    self.class(class);
                }
                self.list("{", value.entries(), Self::member, "}");
            }
        }
    }

    fn list<T>(
        &mut self,
        open: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Self, T),
        close: &str,
    ) {
        self.raw(open);
        for (index, item) in items.into_iter().enumerate() {
            if self.is_full() {
                return;
            }
            if index > 0 {
                self.raw(" ");
            }
            write(self, item);
        }
        self.raw(close);
    }

    fn member(&mut self, (key, value): (&Text, &Value)) {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.$/:@".contains(byte);
        match key.as_str() {
            Some(name) if !name.is_empty() && name.as_bytes().iter().all(plain) => self.raw(name),
            _ => self.quoted(key),
        }
        self.raw("=");
        self.value(value);
    }

    fn class(&mut self, class: &Text) {
        for chunk in class.as_bytes().chunks(256) {
            if self.is_full() {
                return;
            }
            // A class is a name: what is no ASCII has no business there, so splitting characters does no harm.
            let mut name = String::new();
            push_escaped_bytes(&mut name, chunk);
            self.raw(&name.replace(['{', '}', '"', ' '], "_"));
        }
    }

    fn number(&mut self, number: f64) {
        let mut digits = Vec::new();
        if number.is_finite() {
            write_number(&mut digits, number);
        } else {
            digits.extend(number.to_string().into_bytes());
        }
        self.raw(&String::from_utf8_lossy(&digits));
    }

    fn quoted(&mut self, text: &Text) {
        self.raw("\"");
        let mut piece = String::new();
        for chunk in text.as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                if self.is_full() {
                    return;
                }
                piece.clear();
                match c {
                    '"' => piece.push_str("\\\""),
                    c => push_escaped_char(&mut piece, c),
                }
                self.raw(&piece);
            }
            piece.clear();
            push_escaped_bytes(&mut piece, chunk.invalid());
            self.raw(&piece);
            if self.is_full() {
                return;
            }
        }
        self.raw("\"");
    }

    fn is_full(&self) -> bool {
        self.chars > self.max
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
        self.chars += text.chars().count();
    }
}
