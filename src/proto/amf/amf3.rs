//! AMF3: Adobe's "AMF 3 Specification".

use super::amf0::{Reader, Stop};
use super::{
    Budget, CutReason, Decoded, Encoder, Entries, External, FlexMessage, Instance, Text, Traits,
    Value, flex, skip,
};
use crate::proto::{cursor::Cursor, fault::Fault};
use std::sync::Arc;

/// The type markers (3.1).
pub(super) mod marker {
    pub(in super::super) const UNDEFINED: u8 = 0x00;
    pub(in super::super) const NULL: u8 = 0x01;
    pub(in super::super) const FALSE: u8 = 0x02;
    pub(in super::super) const TRUE: u8 = 0x03;
    pub(in super::super) const INTEGER: u8 = 0x04;
    pub(in super::super) const DOUBLE: u8 = 0x05;
    pub(in super::super) const STRING: u8 = 0x06;
    pub(in super::super) const XML_DOCUMENT: u8 = 0x07;
    pub(in super::super) const DATE: u8 = 0x08;
    pub(in super::super) const ARRAY: u8 = 0x09;
    pub(in super::super) const OBJECT: u8 = 0x0a;
    pub(in super::super) const XML: u8 = 0x0b;
    pub(in super::super) const BYTE_ARRAY: u8 = 0x0c;
    pub(in super::super) const VECTOR_INT: u8 = 0x0d;
    pub(in super::super) const VECTOR_UINT: u8 = 0x0e;
    pub(in super::super) const VECTOR_DOUBLE: u8 = 0x0f;
    pub(in super::super) const VECTOR_OBJECT: u8 = 0x10;
    pub(in super::super) const DICTIONARY: u8 = 0x11;
}

/// Reads one AMF3 value, without AMF0's switch marker in front. Faults and cuts are as in [`super::amf0::decode`].
///
/// The body of an externalizable object of an unknown class has no length on the wire: it comes back as
/// [`External::Opaque`] up to the end of the bytes, with a fault; the class is in [`Traits::class`].
#[must_use]
pub fn decode(cursor: &mut Cursor<'_>, budget: &mut Budget) -> Decoded {
    let mut reader = Reader { cursor, budget, fault: None, cut: None };
    let value = value(&mut reader);
    Decoded { value, fault: reader.fault, cut: reader.cut }
}

/// Appends the bytes of one value, without AMF0's switch marker. Of what only AMF0 has, the nearest is written.
///
/// Values of one message that share strings or traits belong to one [`Encoder`] instead.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    Encoder::new().amf3(value, out);
}

/// What is wrong with an externalizable object of an unknown class.
pub(super) const OPAQUE: &str = "only its class knows where it ends";

/// One AMF3 value. Also AMF0's way into this format.
pub(super) fn value(r: &mut Reader<'_, '_>) -> Value {
    let start = r.cursor.clone();
    if !r.budget.spend_value() {
        return r.stop(
            &start,
            CutReason::Values,
            Fault::limit(start.offset(), "AMF3 value", "amf_values"),
        );
    }
    match marked(r) {
        Ok(value) => value,
        Err(Stop::Depth) => r.too_deep(start, skip::amf3),
        Err(Stop::Fault(fault)) => r.stop(&start, CutReason::Malformed, fault),
    }
}

fn marked(r: &mut Reader<'_, '_>) -> Result<Value, Stop> {
    let at = r.cursor.offset();
    let marker = r.cursor.u8("AMF3 marker")?;
    let head = match marker {
        marker::UNDEFINED => return Ok(Value::Undefined),
        marker::NULL => return Ok(Value::Null),
        marker::FALSE => return Ok(Value::Boolean(false)),
        marker::TRUE => return Ok(Value::Boolean(true)),
        // 29 bits: bit 28 is the sign (3.6).
        marker::INTEGER => {
            return Ok(Value::Integer((u29(r.cursor, "AMF3 integer")? << 3).cast_signed() >> 3));
        }
        marker::DOUBLE => return Ok(Value::Number(r.cursor.f64("AMF3 double")?)),
        marker::STRING => return Ok(Value::String(text(r.cursor, r.budget, "AMF3 string")?)),
        marker::XML_DOCUMENT..=marker::DICTIONARY => u29(r.cursor, "AMF3 reference or length")?,
        other => return Err(Fault::invalid(at, "AMF3 marker", other.into()).into()),
    };
    if head & 1 == 0 {
        return Ok(Value::ObjectReference { marker, index: head >> 1 });
    }
    let count = head >> 1;
    Ok(match marker {
        marker::XML_DOCUMENT => {
            Value::XmlDocument(bytes(r.cursor, count, 1, "AMF3 XML document")?.into())
        }
        marker::XML => Value::XmlString(bytes(r.cursor, count, 1, "AMF3 XML")?.into()),
        marker::DATE => Value::Timestamp(r.cursor.f64("AMF3 date")?),
        marker::BYTE_ARRAY => {
            Value::ByteArray(bytes(r.cursor, count, 1, "AMF3 byte array")?.into())
        }
        marker::VECTOR_INT => {
            let (fixed, items) = vector(r.cursor, count, "AMF3 int vector", i32::from_be_bytes)?;
            Value::VectorInt { fixed, items }
        }
        marker::VECTOR_UINT => {
            let (fixed, items) = vector(r.cursor, count, "AMF3 uint vector", u32::from_be_bytes)?;
            Value::VectorUint { fixed, items }
        }
        marker::VECTOR_DOUBLE => {
            let (fixed, items) = vector(r.cursor, count, "AMF3 double vector", f64::from_be_bytes)?;
            Value::VectorDouble { fixed, items }
        }
        marker::ARRAY => r.nested(|r| {
            let assoc = entries(r);
            let dense = if r.fault.is_none() { r.list(count, value) } else { Vec::new() };
            Ok(Value::Array { assoc, dense })
        })?,
        marker::VECTOR_OBJECT => r.nested(|r| {
            let fixed = r.cursor.u8("AMF3 vector fixed flag")? != 0;
            let class = text(r.cursor, r.budget, "AMF3 vector class name")?;
            Ok(Value::VectorObject { fixed, class, items: r.list(count, value) })
        })?,
        marker::DICTIONARY => r.nested(|r| {
            let weak = r.cursor.u8("AMF3 dictionary weak flag")? != 0;
            Ok(Value::Dictionary { weak, entries: pairs(r, count) })
        })?,
        _ => r.nested(|r| {
            let traits = traits(r.cursor, r.budget, head)?;
            Ok(Value::Instance(Box::new(instance(r, traits))))
        })?,
    })
}

/// Names and values up to the empty name (3.11, 3.12).
fn entries(r: &mut Reader<'_, '_>) -> Entries {
    let mut entries = Entries::new();
    while r.fault.is_none() {
        match text(r.cursor, r.budget, "AMF3 key") {
            Ok(key) if key.is_empty() => break,
            Ok(key) => {
                let value = value(r);
                entries.push((key, value));
            }
            Err(fault) => r.fault = Some(fault),
        }
    }
    entries
}

/// `count` keys and values (3.16), without trusting the count.
fn pairs(r: &mut Reader<'_, '_>, count: u32) -> Vec<(Value, Value)> {
    r.list(count, |r| {
        let key = value(r);
        let value = if r.fault.is_none() { value(r) } else { Value::Undefined };
        (key, value)
    })
}

fn instance(r: &mut Reader<'_, '_>, traits: Arc<Traits>) -> Instance {
    let mut instance =
        Instance { traits, sealed: Vec::new(), dynamic: Entries::new(), external: None };
    if instance.traits.externalizable {
        instance.external = Some(external(r, &instance.traits.class));
        return instance;
    }
    let sealed = u32::try_from(instance.traits.members.len()).unwrap_or(u32::MAX);
    instance.sealed = r.list(sealed, value);
    if instance.traits.dynamic && r.fault.is_none() {
        instance.dynamic = entries(r);
    }
    instance
}

fn external(r: &mut Reader<'_, '_>, class: &Text) -> External {
    match flex::body(class) {
        Some(flex::Body::Value) => External::Value(value(r)),
        Some(flex::Body::Groups(groups)) => External::Message(message(r, class, groups)),
        None => {
            let fault = Fault::broken(r.cursor.offset(), "AMF3 externalizable object", OPAQUE);
            r.fault.get_or_insert(fault);
            let rest = r.cursor.rest();
            // Consumed, so that the caller sees that nothing is left to decode.
            let _all = r.cursor.take(rest.len(), "AMF3 externalizable object");
            External::Opaque(rest.into())
        }
    }
}

fn message(r: &mut Reader<'_, '_>, class: &Text, groups: u32) -> FlexMessage {
    let mut message = FlexMessage::default();
    for group in 0..groups as usize {
        if r.fault.is_some() {
            break;
        }
        let flags = match flex::flags(r.cursor) {
            Ok(flags) => flags,
            Err(fault) => {
                r.fault = Some(fault);
                break;
            }
        };
        for (byte, bit) in flex::set(&flags) {
            let name = flex::name(class, group, byte, bit);
            message.members.push((name.into(), value(r)));
            if r.fault.is_some() {
                break;
            }
        }
        message.flags.push(flags);
    }
    message
}

/// U29 (1.3.1): seven bits a byte while the top bit is set, then all eight bits of the fourth.
pub(super) fn u29(cursor: &mut Cursor<'_>, reading: &'static str) -> Result<u32, Fault> {
    let mut number = 0;
    for _ in 0..3 {
        let byte = cursor.u8(reading)?;
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Ok(number << 8 | u32::from(cursor.u8(reading)?))
}

/// UTF-8-vr (1.3.2): a string or a reference to one.
pub(super) fn text(
    cursor: &mut Cursor<'_>,
    budget: &mut Budget,
    reading: &'static str,
) -> Result<Text, Fault> {
    let at = cursor.offset();
    let head = u29(cursor, reading)?;
    let index = head >> 1;
    if head & 1 == 0 {
        let text = usize::try_from(index).ok().and_then(|i| budget.strings.get(i));
        return text
            .cloned()
            .ok_or_else(|| Fault::invalid(at, "AMF3 string reference", index.into()));
    }
    let text = Text::from(bytes(cursor, index, 1, reading)?);
    // The empty string is never referred to (1.3.2).
    if !text.is_empty() {
        budget.spend_name(at, reading)?;
        budget.strings.push(text.clone());
    }
    Ok(text)
}

/// The traits of an object (3.12) behind its first number, in which bit 0 is set.
pub(super) fn traits(
    cursor: &mut Cursor<'_>,
    budget: &mut Budget,
    head: u32,
) -> Result<Arc<Traits>, Fault> {
    let at = cursor.offset();
    if head & 2 == 0 {
        let index = head >> 2;
        let traits = usize::try_from(index).ok().and_then(|i| budget.traits.get(i));
        return traits
            .cloned()
            .ok_or_else(|| Fault::invalid(at, "AMF3 traits reference", index.into()));
    }
    let mut traits =
        Traits { externalizable: head & 4 != 0, dynamic: head & 8 != 0, ..Traits::default() };
    budget.spend_name(at, "AMF3 traits")?;
    traits.class = text(cursor, budget, "AMF3 class name")?;
    // Of an externalizable class the rest of the number means nothing.
    let members = if traits.externalizable { 0 } else { head >> 4 };
    for _ in 0..members {
        budget.spend_name(cursor.offset(), "AMF3 member name")?;
        traits.members.push(text(cursor, budget, "AMF3 member name")?);
    }
    let traits = Arc::new(traits);
    budget.traits.push(Arc::clone(&traits));
    Ok(traits)
}

/// `count` elements of `size` bytes each.
pub(super) fn bytes<'a>(
    cursor: &mut Cursor<'a>,
    count: u32,
    size: usize,
    reading: &'static str,
) -> Result<&'a [u8], Fault> {
    cursor.take(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(size), reading)
}

/// The fixed flag and the numbers of a vector (3.15).
fn vector<T, const N: usize>(
    cursor: &mut Cursor<'_>,
    count: u32,
    reading: &'static str,
    from: fn([u8; N]) -> T,
) -> Result<(bool, Vec<T>), Fault> {
    let fixed = cursor.u8(reading)? != 0;
    let bytes = bytes(cursor, count, N, reading)?;
    Ok((fixed, bytes.as_chunks().0.iter().map(|chunk| from(*chunk)).collect()))
}
