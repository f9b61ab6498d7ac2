//! What a video frame is made of, as JSON.

use super::super::payload;
use super::line::Line;
use crate::proto::bitstream::{Bitstream, Content, Message};

#[cold]
pub(super) fn write_bitstream(line: &mut Line<'_>, bitstream: &Bitstream) {
    line.key("bitstream");
    line.open();
    line.key("units");
    line.list(&bitstream.units, |line, unit| {
        line.open();
        line.named("type", unit.name, unit.number);
        line.number("number", u64::from(unit.number));
        line.number("length", unit.length as u64);
        line.close();
    });
    if bitstream.more_units > 0 {
        line.number("more_units", bitstream.more_units as u64);
    }
    if let Some(key) = bitstream.key {
        line.boolean("key", key);
    }
    if bitstream.annex_b {
        line.boolean("annex_b", true);
    }
    if let Some((width, height)) = bitstream.size {
        line.number("width", u64::from(width));
        line.number("height", u64::from(height));
    }
    if !bitstream.messages.is_empty() {
        line.key("sei");
        line.list(&bitstream.messages, write_message);
    }
    if bitstream.more_messages > 0 {
        line.number("more_sei", bitstream.more_messages as u64);
    }
    if let Some(fault) = &bitstream.fault {
        line.fault(fault);
    }
    line.shut();
}

fn write_message(line: &mut Line<'_>, message: &Message) {
    line.open();
    match message.name {
        Some(name) => line.text("type", name),
        None => line.number("type", message.number),
    }
    line.number("number", message.number);
    line.number("length", message.length as u64);
    match &message.content {
        Content::Unregistered { uuid, text } => {
            line.text("uuid", &hyphenated(uuid));
            if let Some(text) = text {
                line.string("text", text);
            }
        }
        Content::Registered { country, provider, captions } => {
            line.number("country", u64::from(*country));
            line.maybe("provider", *provider);
            line.maybe("captions", *captions);
        }
        Content::RecoveryPoint { frames } => line.signed("frames", i64::from(*frames)),
        Content::Timecodes(times) => {
            line.key("timecodes");
            line.list(times, |line, time| {
                line.0.push(b'"');
                line.raw(time.to_string().as_bytes());
                line.0.push(b'"');
            });
        }
        Content::LightLevel { max_cll, max_fall } => {
            line.number("max_cll", u64::from(*max_cll));
            line.number("max_fall", u64::from(*max_fall));
        }
        Content::Mastering { max_luminance, min_luminance } => {
            line.real("max_luminance", Some(f64::from(*max_luminance) / 10_000.0));
            line.real("min_luminance", Some(f64::from(*min_luminance) / 10_000.0));
        }
        Content::Other => {}
    }
    line.close();
}

/// A UUID as RFC 9562 §4 writes it.
fn hyphenated(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(payload::hex(*byte, index, &[]).map(char::from));
    }
    text
}
