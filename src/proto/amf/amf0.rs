//! AMF0: Adobe's "Action Message Format -- AMF 0".

use super::{Budget, Cut, CutReason, Decoded, Encoder, Entries, Text, Value, amf3, skip};
use crate::proto::{cursor::Cursor, fault::Fault};

/// The type markers (2.1).
pub(super) mod marker {
    pub(in super::super) const NUMBER: u8 = 0x00;
    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const STRING: u8 = 0x02;
    pub(in super::super) const OBJECT: u8 = 0x03;
    pub(in super::super) const MOVIE_CLIP: u8 = 0x04;
    pub(in super::super) const NULL: u8 = 0x05;
    pub(in super::super) const UNDEFINED: u8 = 0x06;
    pub(in super::super) const REFERENCE: u8 = 0x07;
    pub(in super::super) const ECMA_ARRAY: u8 = 0x08;
    pub(in super::super) const OBJECT_END: u8 = 0x09;
    pub(in super::super) const STRICT_ARRAY: u8 = 0x0a;
    pub(in super::super) const DATE: u8 = 0x0b;
    pub(in super::super) const LONG_STRING: u8 = 0x0c;
    pub(in super::super) const UNSUPPORTED: u8 = 0x0d;
    pub(in super::super) const RECORD_SET: u8 = 0x0e;
    pub(in super::super) const XML: u8 = 0x0f;
    pub(in super::super) const TYPED_OBJECT: u8 = 0x10;
    pub(in super::super) const AMF3: u8 = 0x11;
}

/// Reads one value, which may contain AMF3 values behind the switch marker.
///
/// After a fault the cursor stands somewhere inside the value; the rest of the message cannot be decoded.
/// A value that is nested too deep is skipped and kept as bytes, and decoding goes on behind it.
#[must_use]
pub fn decode(cursor: &mut Cursor<'_>, budget: &mut Budget) -> Decoded {
    let mut reader = Reader { cursor, budget, fault: None, cut: None };
    let value = reader.value();
    Decoded { value, fault: reader.fault, cut: reader.cut }
}

/// Appends the bytes of one value. AMF3 values get the switch marker in front.
///
/// Values of one message that share AMF3 strings or traits belong to one [`Encoder`] instead.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    Encoder::new().amf0(value, out);
}

/// Reads the tree. A fault is kept beside what was read, so containers come back with what they have.
pub(super) struct Reader<'r, 'a> {
    pub(super) cursor: &'r mut Cursor<'a>,
    pub(super) budget: &'r mut Budget,
    pub(super) fault: Option<Fault>,
    pub(super) cut: Option<Fault>,
}

impl<'a> Reader<'_, 'a> {
    /// One AMF0 value.
    fn value(&mut self) -> Value {
        let start = self.cursor.clone();
        if !self.budget.spend_value() {
            return self.stop(
                &start,
                CutReason::Values,
                Fault::limit(start.offset(), "AMF0 value", "amf_values"),
            );
        }
        match self.marked() {
            Ok(value) => value,
            Err(Stop::Depth) => self.too_deep(start, skip::amf0),
            Err(Stop::Fault(fault)) => self.stop(&start, CutReason::Malformed, fault),
        }
    }

    fn marked(&mut self) -> Result<Value, Stop> {
        let at = self.cursor.offset();
        Ok(match self.cursor.u8("AMF0 marker")? {
            marker::NUMBER => Value::Number(self.cursor.f64("AMF0 number")?),
            marker::BOOLEAN => Value::Boolean(self.cursor.u8("AMF0 boolean")? != 0),
            marker::STRING => Value::String(short_text(self.cursor, "AMF0 string")?.into()),
            marker::LONG_STRING => {
                Value::LongString(long_text(self.cursor, "AMF0 long string")?.into())
            }
            marker::XML => Value::Xml(long_text(self.cursor, "AMF0 XML document")?.into()),
            marker::MOVIE_CLIP => Value::MovieClip,
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::UNSUPPORTED => Value::Unsupported,
            marker::RECORD_SET => Value::RecordSet,
            marker::REFERENCE => Value::Reference(self.cursor.u16("AMF0 reference")?),
            marker::DATE => {
                // Both fields or neither: a date whose zone is missing is cut as a whole.
                let ms = self.cursor.f64("AMF0 date")?;
                Value::Date { ms, zone: self.cursor.u16("AMF0 date time zone")?.cast_signed() }
            }
            marker::OBJECT => {
                self.nested(|r| Ok(Value::Object(r.entries("AMF0 object", false).0)))?
            }
            marker::ECMA_ARRAY => self.nested(|r| {
                let declared = r.cursor.u32("AMF0 ECMA array count")?;
                let (entries, ended) = r.entries("AMF0 ECMA array", true);
                Ok(Value::EcmaArray { declared, entries, ended })
            })?,
            marker::TYPED_OBJECT => self.nested(|r| {
                let class = short_text(r.cursor, "AMF0 class name")?.into();
                Ok(Value::TypedObject { class, entries: r.entries("AMF0 typed object", false).0 })
            })?,
            marker::STRICT_ARRAY => self.nested(|r| {
                let count = r.cursor.u32("AMF0 strict array count")?;
                Ok(Value::StrictArray(r.list(count, Self::value)))
            })?,
            marker::AMF3 => Value::Amf3(Box::new(amf3::value(self))),
            other => return Err(Fault::invalid(at, "AMF0 marker", other.into()).into()),
        })
    }

    /// Members up to the end marker `00 00 09`. Where `open_end`, the end of the bytes between two members ends them
    /// as well. Says whether the marker was there.
    fn entries(&mut self, reading: &'static str, open_end: bool) -> (Entries, bool) {
        let mut entries = Entries::new();
        loop {
            if open_end && self.cursor.remaining() == 0 {
                return (entries, false);
            }
            let start = self.cursor.offset();
            let key = match short_text(self.cursor, "AMF0 key") {
                Ok(key) => key,
                Err(mut fault) => {
                    if start == fault.offset && self.cursor.remaining() == 0 {
                        fault = Fault::broken(start, reading, "no end marker");
                    }
                    self.fault.get_or_insert(fault);
                    return (entries, false);
                }
            };
            if key.is_empty() && self.cursor.peek() == Some(marker::OBJECT_END) {
                // Known to be there, so this cannot fall short.
                let _end = self.cursor.u8("AMF0 end marker");
                return (entries, true);
            }
            let value = self.value();
            entries.push((key.into(), value));
            if self.fault.is_some() {
                return (entries, false);
            }
        }
    }

    /// `count` values, without trusting the count.
    pub(super) fn list<T>(&mut self, count: u32, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self));
            if self.fault.is_some() {
                break;
            }
        }
        items
    }

    /// Reads a container one level further down, if there is one left.
    pub(super) fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, Stop>,
    ) -> Result<Value, Stop> {
        self.budget.depth = self.budget.depth.checked_sub(1).ok_or(Stop::Depth)?;
        let value = read(self);
        self.budget.depth += 1;
        value
    }

    /// Ends the reading for `fault`, with the bytes from `start` on in place of the value.
    pub(super) fn stop(&mut self, start: &Cursor<'a>, reason: CutReason, fault: Fault) -> Value {
        self.fault.get_or_insert(fault);
        Value::Cut(Box::new(Cut::new(reason, start.rest())))
    }

    /// Goes past a value that is nested too deep, without building it.
    pub(super) fn too_deep(
        &mut self,
        start: Cursor<'a>,
        skip: fn(&mut Cursor<'_>, &mut Budget) -> Result<skip::Skipped, Fault>,
    ) -> Value {
        let limit = Fault::limit(start.offset(), "AMF nesting", "amf_depth");
        let (strings, traits) = (self.budget.strings.len(), self.budget.traits.len());
        *self.cursor = start.clone();
        match skip(self.cursor, self.budget) {
            Ok(skipped) => {
                self.cut.get_or_insert(limit);
                let length = self.cursor.offset() - start.offset();
                Value::Cut(Box::new(Cut {
                    amf0_objects: skipped.amf0_objects,
                    amf3_objects: skipped.amf3_objects,
                    strings: self.budget.strings[strings..].to_vec(),
                    traits: self.budget.traits[traits..].to_vec(),
                    ..Cut::new(CutReason::Depth, &start.rest()[..length])
                }))
            }
            Err(_) => self.stop(&start, CutReason::Depth, limit),
        }
    }
}

/// Why a value could not be read.
pub(super) enum Stop {
    /// It would be nested too deep.
    Depth,
    /// Its bytes are at fault.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// UTF-8 (1.3.1): a 16-bit length and the bytes.
pub(super) fn short_text<'a>(
    cursor: &mut Cursor<'a>,
    reading: &'static str,
) -> Result<&'a [u8], Fault> {
    let length = cursor.u16(reading)?;
    cursor.take(length.into(), reading)
}

/// UTF-8-long (1.3.1): a 32-bit length and the bytes.
pub(super) fn long_text<'a>(
    cursor: &mut Cursor<'a>,
    reading: &'static str,
) -> Result<&'a [u8], Fault> {
    let length = cursor.u32(reading)?;
    cursor.take(usize::try_from(length).unwrap_or(usize::MAX), reading)
}

impl From<&[u8]> for Value {
    /// A string of any bytes.
    fn from(bytes: &[u8]) -> Self {
        Self::String(Text::from(bytes))
    }
}
