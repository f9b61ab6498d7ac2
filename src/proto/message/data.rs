//! Types 18 and 15: metadata and other data.
//!
//! [`Data`] is what is on the wire; [`Data::view`] and [`Data::splice_info`] say what it means.

mod scte35;
mod view;

pub use scte35::{SpliceCommand, SpliceInfo};
pub use view::{CuePoint, DataView, Metadata};

use super::super::amf::{Text, Value};
use super::super::fault::Fault;
use crate::Limits;

/// A data message: `onMetaData`, `@setDataFrame`, cue points and the like.
///
/// Defined by: RTMP 1.0 §7.1.2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    /// The encoding its type id names: 0 or 3.
    pub amf: u8,
    /// The handler's name; `None` where the first value is no string.
    pub name: Option<Text>,
    /// What follows the name, or all values where there is none.
    pub arguments: Vec<Value>,
}

impl Data {
    /// The name, where it is one and UTF-8.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_ref().and_then(Text::as_str).unwrap_or_default()
    }

    /// The metadata that an `onMetaData` carries, also one wrapped in `@setDataFrame`.
    #[must_use]
    pub fn metadata(&self) -> Option<&Value> {
        match self.name() {
            "onMetaData" => self.arguments.first(),
            "@setDataFrame"
                if self.arguments.first().and_then(Value::as_str) == Some("onMetaData") =>
            {
                self.arguments.get(1)
            }
            _ => None,
        }
    }
}

impl Data {
    /// The type id that its encoding has: 18, or 15 for AMF3.
    #[must_use]
    pub const fn type_id(&self) -> u8 {
        if self.amf == 3 { 15 } else { 18 }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let name = self.name.clone().map(Value::String);
        super::encode_values(self.amf, name.iter().chain(&self.arguments), out);
    }
}

/// `@setDataFrame` and `@clearDataFrame` as AMF0 strings.
const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";
const CLEAR_DATA_FRAME: &[u8] = b"\x02\x00\x0f@clearDataFrame";

/// What a data message of a publisher is to those who play or record it: a payload of type 18, without what it says to the
/// server. `None` where nothing is left.
#[must_use]
pub fn to_others(type_id: u8, payload: &[u8]) -> Option<&[u8]> {
    let data = match payload {
        // The format byte of type 15, which is not the marker of a number where a string follows.
        [0, rest @ ..] if type_id == 15 && rest.first().is_some_and(|&marker| marker <= 0x11) => {
            rest
        }
        all => all,
    };
    if data.starts_with(CLEAR_DATA_FRAME) {
        return None;
    }
    Some(data.strip_prefix(SET_DATA_FRAME).unwrap_or(data))
}

/// Decodes a payload; what was read before a fault is kept.
pub(super) fn decode(type_id: u8, payload: &[u8], limits: &Limits) -> (Data, Option<Fault>) {
    let (amf, values, fault) = super::values(type_id, payload, limits);
    let mut values = values.into_iter().peekable();
    let mut data = Data { amf, ..Data::default() };
    if matches!(values.peek(), Some(Value::String(_) | Value::LongString(_)))
        && let Some(Value::String(name) | Value::LongString(name)) = values.next()
    {
        data.name = Some(name);
    }
    data.arguments = values.collect();
    (data, fault)
}
