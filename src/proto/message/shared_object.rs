//! Types 19 and 16: what happens to a shared object.
//!
//! Defined by: RTMP 1.0 §7.1.3, which names the events and leaves out what is in them. Those facts are Red5's
//! (`RTMPProtocolDecoder.decodeSharedObject`). Names are a 16-bit length and bytes, without a marker; values are AMF0
//! and may switch to AMF3.

use std::sync::Arc;

use super::super::amf::{self, Budget, Encoder, Text, Value};
use super::super::cursor::Cursor;
use super::super::fault::Fault;
use crate::Limits;

/// A shared object message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SharedObject {
    /// The encoding its type id names: 0 or 3.
    pub amf: u8,
    /// The shared object's name; `None` where the bytes end before it does.
    pub name: Option<Text>,
    /// The version that the sender has.
    pub version: Option<u32>,
    /// The first word of the flags: 2 for a persistent shared object, 0 for one that goes with its last user.
    pub flags: Option<u32>,
    /// The second word of the flags, in which nobody has seen a meaning.
    pub reserved: Option<u32>,
    /// What happens to it, in wire order.
    pub events: Vec<SharedObjectEvent>,
}

/// One event, and what of its data has no place in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedObjectEvent {
    /// What happens.
    pub kind: SharedObjectChange,
    /// The bytes of its data behind that: where they are more than the event has, or cannot be read.
    pub rest: Arc<[u8]>,
}

/// What happens to a shared object. What the data is too short for is `None`, or absent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SharedObjectChange {
    /// 1: the client begins to use it.
    Use,
    /// 2: the client has done with it.
    Release,
    /// 3: the client asks for a slot to have a value.
    RequestChange {
        /// The slot.
        name: Option<Text>,
        /// The value.
        value: Option<Value>,
    },
    /// 4: slots have values.
    Change {
        /// Slots and values.
        slots: Vec<(Text, Value)>,
    },
    /// 5: what the client asked for is so.
    Success {
        /// The slot.
        name: Option<Text>,
        /// The value, where it is sent.
        value: Option<Value>,
    },
    /// 6: a message for all users.
    SendMessage {
        /// The name of the handler, or whatever comes first.
        name: Option<Value>,
        /// What follows.
        arguments: Vec<Value>,
    },
    /// 7: something went wrong.
    Status {
        /// What, as in `onStatus`.
        code: Option<Text>,
        /// How bad it is.
        level: Option<Text>,
    },
    /// 8: all slots are gone.
    Clear,
    /// 9: a slot is gone.
    Remove {
        /// The slot.
        name: Option<Text>,
    },
    /// 10: the client asks for a slot to go.
    RequestRemove {
        /// The slot.
        name: Option<Text>,
    },
    /// 11: the client may use it.
    UseSuccess,
    /// A number without a meaning; its data is all in [`SharedObjectEvent::rest`].
    Other(u8),
}

use SharedObjectChange as Change;

impl Change {
    /// The number on the wire.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Use => 1,
            Self::Release => 2,
            Self::RequestChange { .. } => 3,
            Self::Change { .. } => 4,
            Self::Success { .. } => 5,
            Self::SendMessage { .. } => 6,
            Self::Status { .. } => 7,
            Self::Clear => 8,
            Self::Remove { .. } => 9,
            Self::RequestRemove { .. } => 10,
            Self::UseSuccess => 11,
            Self::Other(number) => *number,
        }
    }

    /// The name in the output; `None` for a number without one.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'static str> {
        Some(match self {
            Self::Use => "use",
            Self::Release => "release",
            Self::RequestChange { .. } => "request_change",
            Self::Change { .. } => "change",
            Self::Success { .. } => "success",
            Self::SendMessage { .. } => "send_message",
            Self::Status { .. } => "status",
            Self::Clear => "clear",
            Self::Remove { .. } => "remove",
            Self::RequestRemove { .. } => "request_remove",
            Self::UseSuccess => "use_success",
            Self::Other(_) => return None,
        })
    }

    /// The values in it, in wire order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let (one, many, slots): (Option<&Value>, &[Value], &[(Text, Value)]) = match self {
            Self::RequestChange { value, .. } | Self::Success { value, .. } => {
                (value.as_ref(), &[], &[])
            }
            Self::Change { slots } => (None, &[], slots),
            Self::SendMessage { name, arguments } => (name.as_ref(), arguments, &[]),
            _ => (None, &[], &[]),
        };
        one.into_iter().chain(many).chain(slots.iter().map(|(_, value)| value))
    }

    /// The same, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let (one, many, slots): (Option<&mut Value>, &mut [Value], &mut [(Text, Value)]) =
            match self {
                Self::RequestChange { value, .. } | Self::Success { value, .. } => {
                    (value.as_mut(), &mut [], &mut [])
                }
                Self::Change { slots } => (None, &mut [], slots),
                Self::SendMessage { name, arguments } => (name.as_mut(), arguments, &mut []),
                _ => (None, &mut [], &mut []),
            };
        one.into_iter().chain(many).chain(slots.iter_mut().map(|(_, value)| value))
    }
}

impl From<Change> for SharedObjectEvent {
    fn from(kind: Change) -> Self {
        Self { kind, rest: Arc::default() }
    }
}

impl SharedObject {
    /// Whether it is kept when its last user has gone.
    #[must_use]
    pub fn persistent(&self) -> Option<bool> {
        self.flags.map(|flags| flags & 2 != 0)
    }

    /// The type id that its encoding has: 19, or 16 for AMF3.
    #[must_use]
    pub const fn type_id(&self) -> u8 {
        if self.amf == 3 { 16 } else { 19 }
    }

    /// Appends the payload, as far as it is known. Names are cut at 65,535 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.amf == 3 {
            out.push(0);
        }
        let Some(name) = &self.name else { return };
        text(name, out);
        for word in [self.version, self.flags, self.reserved] {
            let Some(word) = word else { return };
            out.extend(word.to_be_bytes());
        }
        let mut encoder = Encoder::new();
        for event in &self.events {
            out.push(event.kind.number());
            let at = out.len();
            out.extend([0; 4]);
            event.kind.encode(&mut encoder, out);
            out.extend_from_slice(&event.rest);
            let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
}

impl Change {
    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        match self {
            Self::Use | Self::Release | Self::Clear | Self::UseSuccess | Self::Other(_) => {}
            Self::RequestChange { name, value } | Self::Success { name, value } => {
                name.iter().for_each(|name| text(name, out));
                value.iter().for_each(|value| encoder.amf0(value, out));
            }
            Self::Change { slots } => {
                for (name, value) in slots {
                    text(name, out);
                    encoder.amf0(value, out);
                }
            }
            Self::SendMessage { name, arguments } => {
                name.iter().chain(arguments).for_each(|value| encoder.amf0(value, out));
            }
            Self::Status { code, level } => {
                code.iter().chain(level).for_each(|word| text(word, out));
            }
            Self::Remove { name } | Self::RequestRemove { name } => {
                name.iter().for_each(|name| text(name, out));
            }
        }
    }
}

fn text(text: &Text, out: &mut Vec<u8>) {
    let bytes = &text.as_bytes()[..text.len().min(u16::MAX.into())];
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Decodes a payload. What was read before a fault is kept; an event whose data is at fault does not hide the next one,
/// because its length says where that begins.
pub(super) fn decode(
    type_id: u8,
    payload: &[u8],
    limits: &Limits,
) -> (SharedObject, Option<Fault>) {
    let amf3 = type_id == 16;
    let mut object = SharedObject { amf: if amf3 { 3 } else { 0 }, ..SharedObject::default() };
    let mut reader = Reader {
        cursor: Cursor::new(payload),
        budget: Budget::new(limits),
        fault: None,
        cut: None,
    };
    if let Err(fault) = reader.object(amf3, limits, &mut object) {
        reader.fault.get_or_insert(fault);
    }
    (object, reader.fault.or(reader.cut))
}

struct Reader<'p> {
    cursor: Cursor<'p>,
    budget: Budget,
    /// The first fault.
    fault: Option<Fault>,
    /// The first value that was left out for a limit.
    cut: Option<Fault>,
}

impl Reader<'_> {
    fn object(
        &mut self,
        amf3: bool,
        limits: &Limits,
        object: &mut SharedObject,
    ) -> Result<(), Fault> {
        if amf3 {
            super::format(&mut self.cursor, &mut self.fault)?;
        }
        object.name = Some(name(&mut self.cursor, "shared object name")?);
        object.version = Some(self.cursor.u32("shared object version")?);
        object.flags = Some(self.cursor.u32("shared object flags")?);
        object.reserved = Some(self.cursor.u32("shared object flags")?);
        while self.cursor.remaining() > 0 {
            let at = self.cursor.offset();
            if object.events.len() >= limits.amf_values {
                return Err(Fault::limit(at, "shared object event", "amf_values"));
            }
            let number = self.cursor.u8("shared object event")?;
            let length = self.cursor.u32("shared object event length")?;
            let base = self.cursor.offset();
            let whole = self.cursor.take(length as usize, "shared object event data");
            let (data, fault) = match whole {
                Ok(data) => (data, None),
                Err(fault) => (self.cursor.rest(), Some(fault)),
            };
            object.events.push(self.event(number, data, base));
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// An event of which `data` is there, `base` bytes into the payload.
    fn event(&mut self, number: u8, data: &[u8], base: usize) -> SharedObjectEvent {
        let mut cursor = Cursor::new(data);
        let c = &mut cursor;
        let kind = match number {
            1 => Change::Use,
            2 => Change::Release,
            3 => Change::RequestChange { name: self.name(c, base), value: self.value(c, base) },
            4 => {
                let mut slots = Vec::new();
                while let Some(next) = self.slot(c, base) {
                    slots.push(next);
                }
                Change::Change { slots }
            }
            5 => Change::Success { name: self.name(c, base), value: self.value(c, base) },
            6 => {
                let name = self.value(c, base);
                let mut arguments = Vec::new();
                while let Some(value) = self.value(c, base) {
                    arguments.push(value);
                }
                Change::SendMessage { name, arguments }
            }
            7 => Change::Status { code: self.name(c, base), level: self.name(c, base) },
            8 => Change::Clear,
            9 => Change::Remove { name: self.name(c, base) },
            10 => Change::RequestRemove { name: self.name(c, base) },
            11 => Change::UseSuccess,
            other => Change::Other(other),
        };
        SharedObjectEvent { kind, rest: cursor.rest().into() }
    }

    /// A name, where there is one; one that is cut is left where it is.
    fn name(&mut self, cursor: &mut Cursor<'_>, base: usize) -> Option<Text> {
        if cursor.remaining() == 0 {
            return None;
        }
        let start = cursor.clone();
        match name(cursor, "shared object slot name") {
            Ok(name) => Some(name),
            Err(fault) => {
                *cursor = start;
                self.fault.get_or_insert_with(|| fault.rebased(base));
                None
            }
        }
    }

    /// A value, where there is one. Nothing of the data is left behind one that is at fault.
    fn value(&mut self, cursor: &mut Cursor<'_>, base: usize) -> Option<Value> {
        if cursor.remaining() == 0 {
            return None;
        }
        let decoded = amf::amf0::decode(cursor, &mut self.budget);
        if let Some(fault) = decoded.fault {
            self.fault.get_or_insert_with(|| fault.rebased(base));
            // The value has the bytes behind the fault.
            let _rest = cursor.take(cursor.remaining(), "AMF0 value");
        }
        self.cut = self.cut.take().or_else(|| decoded.cut.map(|cut| cut.rebased(base)));
        Some(decoded.value)
    }

    fn slot(&mut self, cursor: &mut Cursor<'_>, base: usize) -> Option<(Text, Value)> {
        let start = cursor.clone();
        let name = self.name(cursor, base)?;
        if cursor.remaining() == 0 {
            let at = base + cursor.offset();
            self.fault.get_or_insert_with(|| Fault::short(at, "shared object slot value", 1, 0));
            *cursor = start;
            return None;
        }
        Some((name, self.value(cursor, base)?))
    }
}

fn name(cursor: &mut Cursor<'_>, reading: &'static str) -> Result<Text, Fault> {
    let start = cursor.clone();
    let length = cursor.u16(reading)?;
    match cursor.take(length.into(), reading) {
        Ok(name) => Ok(name.into()),
        Err(fault) => {
            *cursor = start;
            Err(fault)
        }
    }
}

#[cfg(test)]
#[path = "shared_object_tests.rs"]
mod tests;
