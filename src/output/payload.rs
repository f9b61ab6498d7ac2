//! Payload bytes as text, with secrets hidden.

use core::ops::Range;

use crate::proto::base64;

/// Which payload bytes to show, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// The form.
    pub form: Form,
    /// At most so many bytes of each payload; `None` for all.
    pub most: Option<usize>,
}

/// How to show payload bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Not at all.
    #[default]
    None,
    /// Two digits a byte.
    Hex,
    /// RFC 4648 §4.
    Base64,
}

impl Shown {
    /// The bytes to show of a payload; `None` where none are to be shown.
    #[must_use]
    pub fn of<'p>(&self, payload: &'p [u8]) -> Option<&'p [u8]> {
        let most = self.most.unwrap_or(usize::MAX).min(payload.len());
        (self.form != Form::None).then(|| &payload[..most])
    }
}

/// Appends bytes for JSON. Masked ones are `**` in hex and the byte `*` under Base64.
pub(crate) fn write_json(out: &mut Vec<u8>, bytes: &[u8], form: Form, masked: &[Range<usize>]) {
    match form {
        Form::None => {}
        Form::Hex => {
            out.reserve(bytes.len() * 2);
            for (index, &byte) in bytes.iter().enumerate() {
                out.extend_from_slice(&hex(byte, index, masked));
            }
        }
        Form::Base64 if masked.is_empty() => base64::push(out, bytes),
        Form::Base64 => {
            let hidden: Vec<u8> = bytes
                .iter()
                .enumerate()
                .map(|(index, &byte)| if is_masked(index, masked) { b'*' } else { byte })
                .collect();
            base64::push(out, &hidden);
        }
    }
}

/// The two digits of a byte, or the mask.
pub(crate) fn hex(byte: u8, index: usize, masked: &[Range<usize>]) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if is_masked(index, masked) {
        *b"**"
    } else {
        [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
    }
}

/// Whether the byte at `index` is not to be shown.
pub(crate) fn is_masked(index: usize, masked: &[Range<usize>]) -> bool {
    let behind = masked.partition_point(|range| range.start <= index);
    masked[..behind].last().is_some_and(|range| index < range.end)
}

/// Appends bytes as lines under a row: offset, hex and characters, or Base64.
#[cfg(feature = "cli")]
pub(crate) fn push_lines(out: &mut Vec<u8>, bytes: &[u8], form: Form, masked: &[Range<usize>]) {
    const INDENT: &[u8] = b"                    ";
    const ROW: usize = 16;
    const BASE64_ROW: usize = 57;
    match form {
        Form::None => {}
        Form::Base64 => {
            let mut text = Vec::new();
            write_json(&mut text, bytes, form, masked);
            for line in text.chunks(BASE64_ROW * 4 / 3) {
                out.extend_from_slice(INDENT);
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        Form::Hex => {
            for (row, line) in bytes.chunks(ROW).enumerate() {
                let base = row * ROW;
                out.extend_from_slice(INDENT);
                out.extend_from_slice(format!("{base:08x} ").as_bytes());
                for at in 0..ROW {
                    if at % 8 == 0 {
                        out.push(b' ');
                    }
                    match line.get(at) {
                        Some(&byte) => out.extend_from_slice(&hex(byte, base + at, masked)),
                        None => out.extend_from_slice(b"  "),
                    }
                    out.push(b' ');
                }
                out.extend_from_slice(b" |");
                for (at, &byte) in line.iter().enumerate() {
                    let shown = match byte {
                        _ if is_masked(base + at, masked) => b'*',
                        b' '..=b'~' => byte,
                        _ => b'.',
                    };
                    out.push(shown);
                }
                out.extend_from_slice(b"|\n");
            }
        }
    }
}
