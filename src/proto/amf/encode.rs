//! Values to bytes, in both formats.

use super::amf0::marker as m0;
use super::amf3::marker as m3;
use super::{Cut, Entries, External, Instance, Text, Traits, Value};
use std::{collections::HashMap, sync::Arc};

/// Writes the values of one message, which share the AMF3 tables.
///
/// An AMF3 string or traits that share their allocation with an earlier one of the same message are sent as a
/// reference, everything else in full: what was decoded comes out as it came in. References to objects are written
/// with the index they hold. A tree is walked on the stack; decoded ones are never deeper than [`super::Budget`]
/// allows.
#[derive(Debug, Default)]
pub struct Encoder {
    strings: HashMap<usize, u32>,
    traits: HashMap<usize, u32>,
    // The tables know texts by their address, so the texts must not be freed meanwhile.
    string_table: Vec<Text>,
    traits_table: Vec<Arc<Traits>>,
}

impl Encoder {
    /// An encoder at the start of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a value as AMF0. What only AMF3 has gets the switch marker (AMF 0 3.1) in front. A string that is too
    /// long for its length field is written as a long string; a key or class name that is, is cut at 65,535 bytes.
    pub fn amf0(&mut self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Undefined => out.push(m0::UNDEFINED),
            Value::Null => out.push(m0::NULL),
            Value::Boolean(boolean) => out.extend([m0::BOOLEAN, u8::from(*boolean)]),
            Value::Number(number) => {
                out.push(m0::NUMBER);
                out.extend(number.to_be_bytes());
            }
            Value::String(text) if text.len() <= usize::from(u16::MAX) => {
                out.push(m0::STRING);
                short_text(text, out);
            }
            Value::String(text) | Value::LongString(text) => long_text(m0::LONG_STRING, text, out),
            Value::Xml(text) => long_text(m0::XML, text, out),
            Value::MovieClip => out.push(m0::MOVIE_CLIP),
            Value::Unsupported => out.push(m0::UNSUPPORTED),
            Value::RecordSet => out.push(m0::RECORD_SET),
            Value::Reference(index) => {
                out.push(m0::REFERENCE);
                out.extend(index.to_be_bytes());
            }
            Value::Date { ms, zone } => {
                out.push(m0::DATE);
                out.extend(ms.to_be_bytes());
                out.extend(zone.to_be_bytes());
            }
            Value::Object(entries) => {
                out.push(m0::OBJECT);
                self.amf0_entries(entries, true, out);
            }
            Value::TypedObject { class, entries } => {
                out.push(m0::TYPED_OBJECT);
                short_text(class, out);
                self.amf0_entries(entries, true, out);
            }
            Value::EcmaArray { declared, entries, ended } => {
                out.push(m0::ECMA_ARRAY);
                out.extend(declared.to_be_bytes());
                self.amf0_entries(entries, *ended, out);
            }
            Value::StrictArray(items) => {
                out.push(m0::STRICT_ARRAY);
                out.extend(u32::try_from(items.len()).unwrap_or(u32::MAX).to_be_bytes());
                for item in items {
                    self.amf0(item, out);
                }
            }
            Value::Amf3(inner) => {
                out.push(m0::AMF3);
                self.amf3(inner, out);
            }
            Value::Cut(cut) => self.cut(cut, out),
            amf3 => {
                out.push(m0::AMF3);
                self.amf3(amf3, out);
            }
        }
    }

    /// Appends a value as AMF3. What only AMF0 has becomes the nearest that AMF3 has: a long string a string, an object
    /// a dynamic one, an ECMA array an array, a reference or a marker without content undefined.
    pub fn amf3(&mut self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Undefined
            | Value::Reference(_)
            | Value::MovieClip
            | Value::Unsupported
            | Value::RecordSet => out.push(m3::UNDEFINED),
            Value::Null => out.push(m3::NULL),
            Value::Boolean(boolean) => out.push(if *boolean { m3::TRUE } else { m3::FALSE }),
            Value::Number(number) => double(*number, out),
            Value::Integer(integer) if (-(1 << 28)..1 << 28).contains(integer) => {
                out.push(m3::INTEGER);
                u29(integer.cast_unsigned() & 0x1fff_ffff, out);
            }
            Value::Integer(integer) => double(f64::from(*integer), out),
            Value::String(text) | Value::LongString(text) => {
                out.push(m3::STRING);
                self.text(text, out);
            }
            Value::XmlDocument(text) => counted(m3::XML_DOCUMENT, text.as_bytes(), out),
            Value::XmlString(text) | Value::Xml(text) => counted(m3::XML, text.as_bytes(), out),
            Value::ByteArray(bytes) => counted(m3::BYTE_ARRAY, bytes, out),
            Value::Timestamp(ms) | Value::Date { ms, .. } => {
                out.extend([m3::DATE, 1]);
                out.extend(ms.to_be_bytes());
            }
            Value::Array { assoc, dense } => self.array(assoc, dense, out),
            Value::EcmaArray { entries, .. } => self.array(entries, &[], out),
            Value::StrictArray(items) => self.array(&Entries::new(), items, out),
            Value::Instance(instance) => self.instance(instance, out),
            Value::Object(entries) => self.dynamic_object(&Text::default(), entries, out),
            Value::TypedObject { class, entries } => self.dynamic_object(class, entries, out),
            Value::VectorInt { fixed, items } => {
                vector(m3::VECTOR_INT, *fixed, items.iter().map(|item| item.to_be_bytes()), out);
            }
            Value::VectorUint { fixed, items } => {
                vector(m3::VECTOR_UINT, *fixed, items.iter().map(|item| item.to_be_bytes()), out);
            }
            Value::VectorDouble { fixed, items } => {
                vector(m3::VECTOR_DOUBLE, *fixed, items.iter().map(|item| item.to_be_bytes()), out);
            }
            Value::VectorObject { fixed, class, items } => {
                out.push(m3::VECTOR_OBJECT);
                length(items.len(), out);
                out.push(u8::from(*fixed));
                self.text(class, out);
                for item in items {
                    self.amf3(item, out);
                }
            }
            Value::Dictionary { weak, entries } => {
                out.push(m3::DICTIONARY);
                length(entries.len(), out);
                out.push(u8::from(*weak));
                for (key, value) in entries {
                    self.amf3(key, out);
                    self.amf3(value, out);
                }
            }
            Value::ObjectReference { marker, index } => {
                out.push(*marker);
                u29(index << 1, out);
            }
            Value::Amf3(inner) => self.amf3(inner, out),
            Value::Cut(cut) => self.cut(cut, out),
        }
    }

    fn amf0_entries(&mut self, entries: &Entries, end: bool, out: &mut Vec<u8>) {
        for (key, value) in entries {
            short_text(key, out);
            self.amf0(value, out);
        }
        if end {
            out.extend([0, 0, m0::OBJECT_END]);
        }
    }

    fn array(&mut self, assoc: &Entries, dense: &[Value], out: &mut Vec<u8>) {
        out.push(m3::ARRAY);
        length(dense.len(), out);
        self.amf3_entries(assoc, out);
        for item in dense {
            self.amf3(item, out);
        }
    }

    /// Names and values, then the empty name. AMF3 has no members with an empty name, so AMF0's are left out.
    fn amf3_entries(&mut self, entries: &Entries, out: &mut Vec<u8>) {
        for (key, value) in entries.iter().filter(|(key, _)| !key.is_empty()) {
            self.text(key, out);
            self.amf3(value, out);
        }
        out.push(1);
    }

    fn dynamic_object(&mut self, class: &Text, entries: &Entries, out: &mut Vec<u8>) {
        out.push(m3::OBJECT);
        let traits = Traits { class: class.clone(), dynamic: true, ..Traits::default() };
        self.traits(&Arc::new(traits), out);
        self.amf3_entries(entries, out);
    }

    fn instance(&mut self, instance: &Instance, out: &mut Vec<u8>) {
        out.push(m3::OBJECT);
        self.traits(&instance.traits, out);
        match &instance.external {
            Some(External::Value(value)) => self.amf3(value, out),
            Some(External::Message(message)) => {
                for (flags, members) in message.groups() {
                    out.extend_from_slice(flags);
                    for (_, value) in members {
                        self.amf3(value, out);
                    }
                }
            }
            Some(External::Opaque(bytes)) => out.extend_from_slice(bytes),
            None => {
                for value in &instance.sealed {
                    self.amf3(value, out);
                }
                if instance.traits.dynamic {
                    self.amf3_entries(&instance.dynamic, out);
                }
            }
        }
    }

    fn traits(&mut self, traits: &Arc<Traits>, out: &mut Vec<u8>) {
        if let Some(index) = self.traits.get(&address(traits)) {
            return u29(index << 2 | 1, out);
        }
        let members = u32::try_from(traits.members.len()).unwrap_or(u32::MAX);
        u29(
            members << 4
                | u32::from(traits.dynamic) << 3
                | u32::from(traits.externalizable) << 2
                | 3,
            out,
        );
        self.text(&traits.class, out);
        for name in &traits.members {
            self.text(name, out);
        }
        self.keep_traits(traits);
    }

    fn text(&mut self, text: &Text, out: &mut Vec<u8>) {
        let known = text.identity().and_then(|identity| self.strings.get(&identity));
        if let Some(index) = known {
            return u29(index << 1, out);
        }
        length(text.len(), out);
        out.extend_from_slice(text.as_bytes());
        self.keep_text(text);
    }

    fn keep_text(&mut self, text: &Text) {
        if let Some(identity) = text.identity() {
            self.strings
                .insert(identity, u32::try_from(self.string_table.len()).unwrap_or(u32::MAX));
            self.string_table.push(text.clone());
        }
    }

    fn keep_traits(&mut self, traits: &Arc<Traits>) {
        self.traits
            .insert(address(traits), u32::try_from(self.traits_table.len()).unwrap_or(u32::MAX));
        self.traits_table.push(Arc::clone(traits));
    }

    fn cut(&mut self, cut: &Cut, out: &mut Vec<u8>) {
        out.extend_from_slice(&cut.bytes);
        for text in &cut.strings {
            self.keep_text(text);
        }
        for traits in &cut.traits {
            self.keep_traits(traits);
        }
    }
}

fn address(traits: &Arc<Traits>) -> usize {
    Arc::as_ptr(traits).addr()
}

fn double(number: f64, out: &mut Vec<u8>) {
    out.push(m3::DOUBLE);
    out.extend(number.to_be_bytes());
}

fn counted(marker: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(marker);
    length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn vector<const N: usize>(
    marker: u8,
    fixed: bool,
    items: impl ExactSizeIterator<Item = [u8; N]>,
    out: &mut Vec<u8>,
) {
    out.push(marker);
    length(items.len(), out);
    out.push(u8::from(fixed));
    for item in items {
        out.extend(item);
    }
}

/// A length or count, with the bit that tells it from a reference.
fn length(length: usize, out: &mut Vec<u8>) {
    u29(u32::try_from(length).unwrap_or(u32::MAX) << 1 | 1, out);
}

/// U29 (AMF 3 1.3.1) in as few bytes as it takes; the top three bits of `number` are lost.
fn u29(number: u32, out: &mut Vec<u8>) {
    let more = |shift: u32| 0x80 | (number >> shift).to_be_bytes()[3];
    match number {
        0..=0x7f => out.push(more(0) & 0x7f),
        0x80..=0x3fff => out.extend([more(7), more(0) & 0x7f]),
        0x4000..=0x1f_ffff => out.extend([more(14), more(7), more(0) & 0x7f]),
        _ => out.extend([more(22), more(15), more(8), number.to_be_bytes()[3]]),
    }
}

fn short_text(text: &Text, out: &mut Vec<u8>) {
    let bytes = &text.as_bytes()[..text.len().min(u16::MAX.into())];
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn long_text(marker: u8, text: &Text, out: &mut Vec<u8>) {
    out.push(marker);
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
