//! Finds the end of a value without building it and without recursion, for values that are nested too deep.
//!
//! The open containers are a stack of one `u32` each, because a message of 16 MiB can open millions of them.

use super::amf0::{long_text, marker as m0, short_text};
use super::amf3::{self, bytes, marker as m3, u29};
use super::{Budget, Text, flex};
use crate::proto::{cursor::Cursor, fault::Fault};

/// What was skipped, as far as later references need to know.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    pub(super) amf0_objects: u32,
    pub(super) amf3_objects: u32,
}

/// AMF0: an object or typed object. Other entries of the stack are the values left of a strict array, of which no
/// message can have this many.
const MEMBERS: u32 = u32::MAX;
/// AMF0: an ECMA array, which the end of the bytes may end.
const OPEN_MEMBERS: u32 = u32::MAX - 1;

/// Skips one AMF0 value.
pub(super) fn amf0(cursor: &mut Cursor<'_>, budget: &mut Budget) -> Result<Skipped, Fault> {
    let mut skipped = Skipped::default();
    let mut open: Vec<u32> = Vec::new();
    loop {
        let at = cursor.offset();
        let marker = cursor.u8("AMF0 marker")?;
        let container = match marker {
            m0::NUMBER => cursor.take(8, "AMF0 number").map(|_| None)?,
            m0::BOOLEAN => cursor.take(1, "AMF0 boolean").map(|_| None)?,
            m0::STRING => short_text(cursor, "AMF0 string").map(|_| None)?,
            m0::LONG_STRING | m0::XML => long_text(cursor, "AMF0 long string").map(|_| None)?,
            m0::REFERENCE => cursor.take(2, "AMF0 reference").map(|_| None)?,
            m0::DATE => cursor.take(10, "AMF0 date").map(|_| None)?,
            m0::MOVIE_CLIP | m0::NULL | m0::UNDEFINED | m0::UNSUPPORTED | m0::RECORD_SET => None,
            m0::OBJECT => Some(MEMBERS),
            m0::ECMA_ARRAY => {
                cursor.take(4, "AMF0 ECMA array count").map(|_| Some(OPEN_MEMBERS))?
            }
            m0::TYPED_OBJECT => short_text(cursor, "AMF0 class name").map(|_| Some(MEMBERS))?,
            m0::STRICT_ARRAY => Some(cursor.u32("AMF0 strict array count")?.min(OPEN_MEMBERS - 1)),
            m0::AMF3 => {
                skipped.amf3_objects += amf3(cursor, budget)?.amf3_objects;
                None
            }
            other => return Err(Fault::invalid(at, "AMF0 marker", other.into())),
        };
        if let Some(container) = container {
            skipped.amf0_objects += 1;
            open.push(container);
        }
        if !amf0_goes_on(cursor, &mut open)? {
            return Ok(skipped);
        }
    }
}

/// Closes what ends here and moves to the next value; false where there is none.
fn amf0_goes_on(cursor: &mut Cursor<'_>, open: &mut Vec<u32>) -> Result<bool, Fault> {
    while let Some(top) = open.last_mut() {
        match top {
            0 => {}
            &mut OPEN_MEMBERS if cursor.remaining() == 0 => {}
            &mut (MEMBERS | OPEN_MEMBERS) => {
                let key = short_text(cursor, "AMF0 key")?;
                if !key.is_empty() || cursor.peek() != Some(m0::OBJECT_END) {
                    return Ok(true);
                }
                cursor.u8("AMF0 end marker")?;
            }
            left => {
                *left -= 1;
                return Ok(true);
            }
        }
        open.pop();
    }
    Ok(false)
}

/// AMF3: this many values, then the container ends. Counts have at most 29 bits, so two bits are left for the kind.
const VALUES: u32 = 0;
/// AMF3: names and values up to the empty name, then this many values.
const NAMED: u32 = 1 << 30;
/// AMF3: this many values, then names and values.
const SEALED: u32 = 2 << 30;
/// AMF3: this many groups of flags and the values that they announce.
const FLAGGED: u32 = 3 << 30;
/// The bits of the kind.
const KIND: u32 = 3 << 30;

/// Skips one AMF3 value. Its strings and traits still go into the tables.
pub(super) fn amf3(cursor: &mut Cursor<'_>, budget: &mut Budget) -> Result<Skipped, Fault> {
    let mut skipped = Skipped::default();
    let mut open: Vec<u32> = Vec::new();
    loop {
        let at = cursor.offset();
        match cursor.u8("AMF3 marker")? {
            m3::UNDEFINED | m3::NULL | m3::FALSE | m3::TRUE => {}
            m3::INTEGER => drop(u29(cursor, "AMF3 integer")?),
            m3::DOUBLE => drop(cursor.take(8, "AMF3 double")?),
            m3::STRING => drop(amf3::text(cursor, budget, "AMF3 string")?),
            marker @ m3::XML_DOCUMENT..=m3::DICTIONARY => {
                let head = u29(cursor, "AMF3 reference or length")?;
                if head & 1 != 0 {
                    skipped.amf3_objects += 1;
                    open.extend(amf3_complex(cursor, budget, marker, head)?);
                }
            }
            other => return Err(Fault::invalid(at, "AMF3 marker", other.into())),
        }
        if !amf3_goes_on(cursor, budget, &mut open)? {
            return Ok(skipped);
        }
    }
}

/// Skips what a complex value has in front of its values and says which values those are.
fn amf3_complex(
    cursor: &mut Cursor<'_>,
    budget: &mut Budget,
    marker: u8,
    head: u32,
) -> Result<Option<u32>, Fault> {
    let count = head >> 1;
    match marker {
        m3::XML_DOCUMENT | m3::XML | m3::BYTE_ARRAY => {
            bytes(cursor, count, 1, "AMF3 byte array").map(|_| None)
        }
        m3::DATE => cursor.take(8, "AMF3 date").map(|_| None),
        m3::VECTOR_INT | m3::VECTOR_UINT => {
            cursor.u8("AMF3 vector fixed flag")?;
            bytes(cursor, count, 4, "AMF3 vector").map(|_| None)
        }
        m3::VECTOR_DOUBLE => {
            cursor.u8("AMF3 vector fixed flag")?;
            bytes(cursor, count, 8, "AMF3 vector").map(|_| None)
        }
        m3::ARRAY => Ok(Some(NAMED | count)),
        m3::VECTOR_OBJECT => {
            cursor.u8("AMF3 vector fixed flag")?;
            amf3::text(cursor, budget, "AMF3 vector class name").map(|_: Text| Some(VALUES | count))
        }
        m3::DICTIONARY => {
            cursor.u8("AMF3 dictionary weak flag").map(|_| Some(VALUES | (count * 2)))
        }
        _ => {
            let at = cursor.offset();
            let traits = amf3::traits(cursor, budget, head)?;
            // A class has at most 2^25 members.
            let members = u32::try_from(traits.members.len()).unwrap_or(0);
            if !traits.externalizable {
                return Ok(Some(if traits.dynamic { SEALED } else { VALUES } | members));
            }
            match flex::body(&traits.class) {
                Some(flex::Body::Value) => Ok(Some(VALUES | 1)),
                Some(flex::Body::Groups(groups)) => Ok(Some(FLAGGED | groups)),
                None => Err(Fault::broken(at, "AMF3 externalizable object", amf3::OPAQUE)),
            }
        }
    }
}

/// Closes what ends here and moves to the next value; false where there is none.
fn amf3_goes_on(
    cursor: &mut Cursor<'_>,
    budget: &mut Budget,
    open: &mut Vec<u32>,
) -> Result<bool, Fault> {
    while let Some(top) = open.last_mut() {
        match (*top & KIND, *top & !KIND) {
            (NAMED, count) => {
                if !amf3::text(cursor, budget, "AMF3 key")?.is_empty() {
                    return Ok(true);
                }
                *top = VALUES | count;
            }
            (SEALED, 0) => *top = NAMED,
            (FLAGGED, 1..) => {
                *top -= 1;
                let values = flex::set(&flex::flags(cursor)?).count();
                open.push(VALUES | u32::try_from(values).unwrap_or(0));
            }
            (_, 0) => drop(open.pop()),
            _ => {
                *top -= 1;
                return Ok(true);
            }
        }
    }
    Ok(false)
}
