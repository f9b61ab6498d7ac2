//! What a video frame is made of, in words.

use std::fmt::Write as _;

use super::super::escape;
use crate::proto::bitstream::{Bitstream, Content};

/// Characters of a message's text.
const TEXT: usize = 60;

/// Appends the words of one frame; `key` is whether its tag says that it is a key frame. Writing to a string cannot
/// fail, so results of `write!` are not looked at.
pub(super) fn push(text: &mut String, bitstream: &Bitstream, key: bool) {
    text.push_str(" [");
    let mut units = bitstream.units.iter().peekable();
    let mut first = true;
    while let Some(unit) = units.next() {
        if !std::mem::take(&mut first) {
            text.push(' ');
        }
        let _ = match unit.name {
            Some(name) => write!(text, "{name}"),
            None => write!(text, "type {}", unit.number),
        };
        // Slices of one picture
        let mut same = 1;
        while units.next_if(|next| next.number == unit.number).is_some() {
            same += 1;
        }
        if same > 1 {
            let _ = write!(text, " x{same}");
        }
    }
    if bitstream.more_units > 0 {
        let _ = write!(text, " and {} more", bitstream.more_units);
    }
    text.push(']');
    if let Some((width, height)) = bitstream.size {
        let _ = write!(text, " {width}x{height}");
    }
    for message in &bitstream.messages {
        content(text, &message.content);
    }
    if bitstream.annex_b {
        text.push_str("  ANNEX B");
    }
    match bitstream.key {
        Some(true) if !key => text.push_str("  IS A KEY FRAME"),
        Some(false) if key => text.push_str("  IS NO KEY FRAME"),
        _ => {}
    }
    if let Some(fault) = &bitstream.fault {
        let _ = write!(text, "  MALFORMED {fault}");
    }
}

fn content(text: &mut String, content: &Content) {
    match content {
        Content::Unregistered { text: Some(said), .. } => {
            let short: String = said.chars().take(TEXT).collect();
            text.push_str(" \"");
            escape::push_escaped(text, &short);
            text.push_str(if short.len() < said.len() { "…\"" } else { "\"" });
        }
        Content::Registered { captions: Some(pairs), .. } => {
            let _ = write!(text, " captions {pairs}");
        }
        Content::RecoveryPoint { frames } => {
            let _ = write!(text, " recovery {frames}");
        }
        Content::Timecodes(times) => {
            for time in times {
                let _ = write!(text, " {time}");
            }
        }
        _ => {}
    }
}
