//! Text of a peer, made safe for a terminal: nothing that moves the cursor, changes colours, reorders the line or hides
//! is left, and every replacement is visible.
//!
//! A backslash is doubled, so what looks like an escape is one.

use core::fmt::Write;

/// Appends `text`. Control characters become `\n`, `\r`, `\t` or `\x1b`; above ASCII, everything that is invisible
/// or steers direction or lines becomes `\u{202e}`.
pub fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        push_escaped_char(out, c);
    }
}

/// Appends bytes that are meant to be UTF-8: what is, as [`push_escaped`] does, every other byte as `\xff`.
pub fn push_escaped_bytes(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        push_escaped(out, chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// Appends one character in the form that [`push_escaped`] gives it.
pub fn push_escaped_char(out: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = match c {
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\0'..='\x1f' | '\x7f' => write!(out, "\\x{:02x}", u32::from(c)),
        ' '..='~' => out.write_char(c),
        _ if is_hazard(c) => write!(out, "\\u{{{:x}}}", u32::from(c)),
        _ => out.write_char(c),
    };
}

/// Characters above ASCII that steer a terminal or the layout, or that cannot be seen.
const fn is_hazard(c: char) -> bool {
    matches!(c,
        // C1 controls, of which U+009B begins a terminal escape; soft hyphen; combining grapheme joiner.
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        // Bidirectional controls.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Line and paragraph separator.
        | '\u{2028}' | '\u{2029}'
        // Zero width: spaces, joiners, invisible operators, deprecated format controls, byte order mark.
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        // Fillers and vowel separators that print nothing.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
        // Variation selectors, interlinear annotation, shorthand and musical format controls, tags.
        | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        // Not characters, or without a meaning that others agree on.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = String::new();
        push_escaped_bytes(&mut out, bytes);
        out
    }

    #[test]
    fn what_could_steer_a_terminal_becomes_visible() {
        for (text, expected) in [
            ("live", "live"),
            ("Grüße 東京 🎥", "Grüße 東京 🎥"),
            ("a\nb\rc\td", "a\\nb\\rc\\td"),
            ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
            ("\0\x7f", "\\x00\\x7f"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
            ("a\u{200b}\u{feff}\u{2028}", "a\\u{200b}\\u{feff}\\u{2028}"),
            ("\\x1b", "\\\\x1b"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(escaped(text.as_bytes()), expected);
        }
        assert_eq!(escaped(b"ok\xff\xc3"), "ok\\xff\\xc3");
    }

    #[test]
    fn no_character_leaves_a_control_behind() {
        for c in '\0'..=char::MAX {
            let mut out = String::new();
            push_escaped_char(&mut out, c);
            assert!(out.chars().all(|c| !c.is_control() && !is_hazard(c)), "{c:?}");
        }
    }
}
