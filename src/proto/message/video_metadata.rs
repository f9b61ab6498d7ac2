//! The body of a video metadata packet (Enhanced RTMP v2, "Metadata Frame"): names and AMF values in turn. Which names
//! there are it does not know; `colorInfo` is the only one so far.

use crate::Limits;
use crate::proto::amf::{Budget, Value, amf0};
use crate::proto::cursor::Cursor;
use crate::proto::fault::Fault;

/// Decodes names and values as one object, in wire order.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> (Value, Option<Fault>) {
    let mut c = Cursor::new(bytes);
    let mut budget = Budget::new(limits);
    let mut entries = Vec::new();
    let (mut fault, mut cut) = (None, None);
    while c.remaining() > 0 && fault.is_none() {
        let at = c.offset();
        let name = amf0::decode(&mut c, &mut budget);
        let (Value::String(text) | Value::LongString(text)) = name.value else {
            let no_name = || Fault::broken(at, "video metadata name", "is no string");
            fault = Some(name.fault.unwrap_or_else(no_name));
            break;
        };
        fault = name.fault;
        if fault.is_none() {
            let decoded = amf0::decode(&mut c, &mut budget);
            entries.push((text, decoded.value));
            fault = decoded.fault;
            cut = cut.or(decoded.cut);
        }
    }
    // A value left out for its depth is no fault of the bytes, but it has to be said.
    (Value::Object(entries), fault.or(cut))
}
