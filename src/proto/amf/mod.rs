//! AMF0 and AMF3, the two encodings of ActionScript values, as one tree that keeps what was on the wire.
//!
//! A message body is a sequence of values. Make one [`Budget`] per message and call [`amf0::decode`] until the bytes
//! end: the reference tables of both formats belong to the message, not to one value. AMF 3 4.1 says so (they are reset
//! for each message) and says nothing of the switch marker 0x11, so that the values behind several switches share the
//! tables. Servers do the same: Red5 collects the references of a command over all its parameters, and BlazeDS resets
//! them with the message.
//!
//! ```
//! use rtmpctl::{Limits, proto::{amf::{Budget, amf0}, cursor::Cursor}};
//!
//! let bytes = [0x02, 0, 7, b'c', b'o', b'n', b'n', b'e', b'c', b't', 0x00, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0];
//! let (mut cursor, mut budget) = (Cursor::new(&bytes), Budget::new(&Limits::default()));
//! assert_eq!(amf0::decode(&mut cursor, &mut budget).value.as_str(), Some("connect"));
//! assert_eq!(amf0::decode(&mut cursor, &mut budget).value.as_number(), Some(1.0));
//! assert_eq!(cursor.remaining(), 0);
//! ```
//!
//! Decoding cannot fail: [`Decoded`] holds what was read and, beside it, the fault that ended the reading.

pub mod amf0;
pub mod amf3;
mod budget;
mod encode;
mod flex;
mod skip;
#[cfg(test)]
mod tests;
mod text;

use super::fault::Fault;
pub use budget::Budget;
pub use encode::Encoder;
pub use flex::FlexMessage;
use std::sync::Arc;
pub use text::Text;

/// The members of an object in wire order. The same key can occur more than once.
pub type Entries = Vec<(Text, Value)>;

/// A value of AMF0 or AMF3, with everything that is needed to write the same bytes again.
///
/// Both formats share the variants whose content is the same; each variant names its markers and the sections of the
/// Adobe AMF 0 and AMF 3 specifications. Not kept, because they mean nothing: a padded U29, and which non-zero byte
/// stood for `true`. Equality is IEEE 754's, so a NaN differs from itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// AMF0 0x06 (2.8), AMF3 0x00 (3.2).
    Undefined,
    /// AMF0 0x05 (2.7), AMF3 0x01 (3.3).
    Null,
    /// AMF0 0x01 (2.3), AMF3 0x02 and 0x03 (3.4, 3.5).
    Boolean(bool),
    /// AMF0 0x00 (2.2), AMF3 0x05 (3.7).
    Number(f64),
    /// AMF0 0x02 (2.4), AMF3 0x06 (3.8). The text is the same whether it was sent or referred to; see [`Text`].
    String(Text),

    /// AMF0 0x0C (2.14): a string with a 32-bit length, whatever its length is.
    LongString(Text),
    /// AMF0 0x03 (2.5).
    Object(Entries),
    /// AMF0 0x04 (2.6), reserved: a marker without content.
    MovieClip,
    /// AMF0 0x07 (2.9): the index of an object, typed object or array among those of the message, from 0.
    Reference(u16),
    /// AMF0 0x08 (2.10). Senders write the count they like and some forget the end marker, so both are kept.
    EcmaArray {
        /// The count that the sender declared.
        declared: u32,
        /// The members that were there.
        entries: Entries,
        /// Whether the end marker `00 00 09` was there. Only the end of the bytes can stand in for it.
        ended: bool,
    },
    /// AMF0 0x0A (2.12).
    StrictArray(Vec<Self>),
    /// AMF0 0x0B (2.13).
    Date {
        /// Milliseconds since 1970-01-01 UTC.
        ms: f64,
        /// The reserved time zone, in minutes; nearly always 0.
        zone: i16,
    },
    /// AMF0 0x0D (2.15): the sender had a value that AMF0 cannot hold.
    Unsupported,
    /// AMF0 0x0E (2.16), reserved: a marker without content.
    RecordSet,
    /// AMF0 0x0F (2.17): the text of an XML document.
    Xml(Text),
    /// AMF0 0x10 (2.18).
    TypedObject {
        /// The registered class name.
        class: Text,
        /// The members.
        entries: Entries,
    },
    /// AMF0 0x11 (3.1): what follows the marker is one AMF3 value.
    Amf3(Box<Self>),

    /// AMF3 0x04 (3.6), 29 bits and a sign. What does not fit is written as a [`Value::Number`].
    Integer(i32),
    /// AMF3 0x07 (3.9): the text of an `XMLDocument`.
    XmlDocument(Text),
    /// AMF3 0x08 (3.10): milliseconds since 1970-01-01 UTC.
    Timestamp(f64),
    /// AMF3 0x09 (3.11).
    Array {
        /// The part with names.
        assoc: Entries,
        /// The part numbered from 0.
        dense: Vec<Self>,
    },
    /// AMF3 0x0A (3.12).
    Instance(Box<Instance>),
    /// AMF3 0x0B (3.13): the text of an E4X `XML` value.
    XmlString(Text),
    /// AMF3 0x0C (3.14).
    ByteArray(Arc<[u8]>),
    /// AMF3 0x0D (3.15).
    VectorInt {
        /// Whether its length is fixed.
        fixed: bool,
        /// The elements.
        items: Vec<i32>,
    },
    /// AMF3 0x0E (3.15).
    VectorUint {
        /// Whether its length is fixed.
        fixed: bool,
        /// The elements.
        items: Vec<u32>,
    },
    /// AMF3 0x0F (3.15).
    VectorDouble {
        /// Whether its length is fixed.
        fixed: bool,
        /// The elements.
        items: Vec<f64>,
    },
    /// AMF3 0x10 (3.15).
    VectorObject {
        /// Whether its length is fixed.
        fixed: bool,
        /// The class of the elements; `*` or empty for any.
        class: Text,
        /// The elements.
        items: Vec<Self>,
    },
    /// AMF3 0x11 (3.16).
    Dictionary {
        /// Whether its keys are held weakly.
        weak: bool,
        /// Keys and values, in wire order.
        entries: Vec<(Self, Self)>,
    },
    /// AMF3 2.2: a complex value that the message had before.
    ObjectReference {
        /// The marker under which the reference was sent: the type of what it refers to.
        marker: u8,
        /// The index among the complex AMF3 values of the message, from 0.
        index: u32,
    },

    /// Bytes that were not decoded; see [`Cut`].
    Cut(Box<Cut>),
}

/// An AMF3 object: its traits, and the values they announce.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The class. Objects of one class share one `Arc` where the sender referred to the traits; sharing it is also
    /// what makes the encoder send a reference.
    pub traits: Arc<Traits>,
    /// The values of [`Traits::members`], in that order; fewer where the bytes ended before.
    pub sealed: Vec<Value>,
    /// Members that the class does not declare.
    pub dynamic: Entries,
    /// The content of an externalizable object, which has no members.
    pub external: Option<External>,
}

/// The traits of an AMF3 class (3.12).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traits {
    /// The class name; empty for an anonymous object.
    pub class: Text,
    /// The names of the sealed members.
    pub members: Vec<Text>,
    /// Whether objects can have further members.
    pub dynamic: bool,
    /// Whether the class writes its objects in its own way.
    pub externalizable: bool,
}

/// What an externalizable object wrote.
#[derive(Debug, Clone, PartialEq)]
pub enum External {
    /// The one AMF3 value that Flex's `ArrayCollection`, `ArrayList` and `ObjectProxy` consist of.
    Value(Value),
    /// A small message of Flex: `DSA`, `DSC` or `DSK`.
    Message(FlexMessage),
    /// Any other class: everything to the end of the message, since only the class knows its length.
    Opaque(Arc<[u8]>),
}

/// Bytes where a value should be, and why they are not decoded. Encoding writes the bytes again.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// Why.
    pub reason: CutReason,
    /// The bytes from the marker of the value to its end, or to the end of the message where its end is unknown.
    pub bytes: Arc<[u8]>,
    /// Complex AMF0 values inside: later references count them.
    pub(crate) amf0_objects: u32,
    /// Complex AMF3 values inside.
    pub(crate) amf3_objects: u32,
    /// Strings that the bytes add to the AMF3 string table.
    pub(super) strings: Vec<Text>,
    /// Traits that the bytes add to the AMF3 traits table.
    pub(super) traits: Vec<Arc<Traits>>,
}

impl Cut {
    fn new(reason: CutReason, bytes: &[u8]) -> Self {
        Self {
            reason,
            bytes: bytes.into(),
            amf0_objects: 0,
            amf3_objects: 0,
            strings: Vec::new(),
            traits: Vec::new(),
        }
    }
}

/// Why a value was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutReason {
    /// It is nested deeper than [`crate::Limits::amf_depth`].
    Depth,
    /// The message has more values than [`crate::Limits::amf_values`].
    Values,
    /// The bytes end inside it or are not AMF: the fault of [`Decoded`] says more.
    Malformed,
}

impl CutReason {
    /// The limit's name, or `malformed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Depth => "amf_depth",
            Self::Values => "amf_values",
            Self::Malformed => "malformed",
        }
    }
}

/// What decoding one value gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The value. With a fault: all of it that was read before, and a [`Value::Cut`] where the reading ended.
    pub value: Value,
    /// What ended the reading. The bytes behind it cannot be decoded.
    pub fault: Option<Fault>,
    /// The first value that was left out for a limit although decoding could go on behind it.
    pub cut: Option<Fault>,
}

impl Value {
    /// The value inside an AMF3 switch, or the value itself.
    #[must_use]
    pub fn inner(&self) -> &Self {
        let mut value = self;
        while let Self::Amf3(inner) = value {
            value = inner;
        }
        value
    }

    /// The member `key` of an object, typed object, ECMA array or AMF3 array. Of several the last, as in Flash Player
    /// and in JSON readers.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .filter(|(name, _)| name.as_bytes() == key.as_bytes())
            .last()
            .map(|(_, value)| value)
    }

    /// The members in wire order; those of an AMF3 object with the sealed ones first. Nothing for other values.
    pub fn entries(&self) -> impl Iterator<Item = (&Text, &Self)> {
        let (members, sealed, entries): (&[Text], &[Self], &[(Text, Self)]) = match self.inner() {
            Self::Object(entries)
            | Self::EcmaArray { entries, .. }
            | Self::TypedObject { entries, .. } => (&[], &[], entries),
            Self::Array { assoc, .. } => (&[], &[], assoc),
            Self::Instance(instance) => match &instance.external {
                Some(External::Message(message)) => (&[], &[], &message.members),
                _ => (&instance.traits.members, &instance.sealed, &instance.dynamic),
            },
            _ => (&[], &[], &[]),
        };
        members.iter().zip(sealed).chain(entries.iter().map(|(key, value)| (key, value)))
    }

    /// The elements of a strict array, of an AMF3 array's dense part or of an object vector; empty for other values.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self.inner() {
            Self::StrictArray(items)
            | Self::Array { dense: items, .. }
            | Self::VectorObject { items, .. } => items,
            _ => &[],
        }
    }

    /// How many values it is made of, itself included. The numbers of a vector count as one.
    #[must_use]
    pub fn count(&self) -> usize {
        let inner = match self.inner() {
            Self::Dictionary { entries, .. } => {
                entries.iter().map(|(key, value)| key.count() + value.count()).sum()
            }
            Self::Instance(instance) => match &instance.external {
                Some(External::Value(value)) => value.count(),
                _ => self.entries().map(|(_, value)| value.count()).sum(),
            },
            _ => self.entries().map(|(_, value)| value).chain(self.items()).map(Self::count).sum(),
        };
        inner + 1
    }

    /// A number of either format.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match *self.inner() {
            Self::Number(number) => Some(number),
            Self::Integer(integer) => Some(f64::from(integer)),
            _ => None,
        }
    }

    /// A string or long string. `None` also where it is not UTF-8: see [`Value::as_text`].
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_text()?.as_str()
    }

    /// A string or long string.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match self.inner() {
            Self::String(text) | Self::LongString(text) => Some(text),
            _ => None,
        }
    }

    /// A string or long string, to be changed.
    pub fn as_text_mut(&mut self) -> Option<&mut Text> {
        match self {
            Self::Amf3(inner) => inner.as_text_mut(),
            Self::String(text) | Self::LongString(text) => Some(text),
            _ => None,
        }
    }

    /// What [`get`](Self::get) gives, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let last = |entries: &'_ Entries| {
            entries.iter().rposition(|(name, _)| name.as_bytes() == key.as_bytes())
        };
        let entries = match self {
            Self::Amf3(inner) => return inner.get_mut(key),
            Self::Object(entries)
            | Self::EcmaArray { entries, .. }
            | Self::TypedObject { entries, .. }
            | Self::Array { assoc: entries, .. } => entries,
            Self::Instance(instance) => {
                if let Some(at) = last(&instance.dynamic) {
                    return instance.dynamic.get_mut(at).map(|(_, value)| value);
                }
                let members = &instance.traits.members;
                let at = members.iter().rposition(|name| name.as_bytes() == key.as_bytes())?;
                return instance.sealed.get_mut(at);
            }
            _ => return None,
        };
        let at = last(entries)?;
        entries.get_mut(at).map(|(_, value)| value)
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self.inner() {
            Self::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}
