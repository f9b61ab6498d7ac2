//! The externalizable classes of Flex whose bodies are known: those that are one value, and the small messages of
//! BlazeDS. It knows nothing of any other class.
//!
//! No specification describes them: the facts are those of the Flex SDK and of BlazeDS (`AbstractMessage`,
//! `AsyncMessage`, `AcknowledgeMessage` and `CommandMessage`, `readExternal`). A small message is a row of groups, one
//! for each class that it inherits from. A group is bytes of flags, of which all but the last have the top bit set, and
//! then one value for each other bit that is set, from the lowest of the first byte on.

use super::{Entries, Text, Value};
use crate::proto::{cursor::Cursor, fault::Fault};

/// What the body of an externalizable object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// One AMF3 value.
    Value,
    /// So many groups of flags and values.
    Groups(u32),
}

/// The body of a class, where it is known.
pub(super) fn body(class: &Text) -> Option<Body> {
    Some(match class.as_bytes() {
        b"flex.messaging.io.ArrayCollection"
        | b"flex.messaging.io.ArrayList"
        | b"flex.messaging.io.ObjectProxy" => Body::Value,
        b"DSA" | b"flex.messaging.messages.AsyncMessageExt" => Body::Groups(2),
        b"DSK"
        | b"flex.messaging.messages.AcknowledgeMessageExt"
        | b"DSC"
        | b"flex.messaging.messages.CommandMessageExt" => Body::Groups(3),
        _ => return None,
    })
}

/// The members of an `AbstractMessage`, by the bits of its first and second byte of flags.
const MESSAGE: [&[&str]; 2] = [
    &["body", "clientId", "destination", "headers", "messageId", "timestamp", "timeToLive"],
    &["clientIdBytes", "messageIdBytes"],
];
/// Those of an `AsyncMessage`.
const ASYNC: [&[&str]; 1] = [&["correlationId", "correlationIdBytes"]];
/// Those of a `CommandMessage`.
const COMMAND: [&[&str]; 1] = [&["operation"]];

/// The name of the member that a bit of a group's flags stands for.
pub(super) fn name(class: &Text, group: usize, byte: usize, bit: usize) -> &'static str {
    let command = matches!(class.as_bytes(), b"DSC" | b"flex.messaging.messages.CommandMessageExt");
    let bytes: &[&[&str]] = match group {
        0 => &MESSAGE,
        1 => &ASYNC,
        _ if command => &COMMAND,
        _ => &[],
    };
    bytes.get(byte).and_then(|names| names.get(bit)).copied().unwrap_or("reserved")
}

/// The flags of one group.
pub(super) fn flags(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Fault> {
    /// Two are defined.
    const MOST: usize = 8;
    let start = cursor.offset();
    let mut flags = Vec::new();
    loop {
        let byte = cursor.u8("Flex message flags")?;
        flags.push(byte);
        if byte & 0x80 == 0 {
            return Ok(flags);
        }
        if flags.len() == MOST {
            return Err(Fault::broken(start, "Flex message flags", "they do not end"));
        }
    }
}

/// The bits that are set, in the order of their values: the byte and the bit.
pub(super) fn set(flags: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    flags.iter().enumerate().flat_map(|(byte, flags)| {
        (0..7).filter(move |bit| flags >> bit & 1 == 1).map(move |bit| (byte, bit))
    })
}

/// A small message: what it says, and the flags that say what is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlexMessage {
    /// The flags of each group, as sent; fewer groups where the bytes ended before.
    pub flags: Vec<Vec<u8>>,
    /// The members under the names that Flex gives them, in wire order; those of no known meaning are `reserved`.
    pub members: Entries,
}

impl FlexMessage {
    /// The members of each group, beside its flags.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&[u8], &[(Text, Value)])> {
        let mut left = self.members.as_slice();
        self.flags.iter().map(move |flags| {
            let (here, rest) = left.split_at(set(flags).count().min(left.len()));
            left = rest;
            (flags.as_slice(), here)
        })
    }
}
