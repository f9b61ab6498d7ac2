//! Annotations of GitHub's workflows: `::error title=…::…`, one for each code of a connection.
//!
//! GitHub shows ten of each severity in a step, so that each thing wrong is one, with the place of its first occurrence.

use super::{alone, details};
use crate::inspect::{Event, Listed, Record, Severity};

/// Writes annotations.
#[derive(Debug)]
pub struct Writer {
    /// What is less bad is not annotated.
    least: Severity,
    /// The names of the input's files.
    files: Vec<String>,
}

impl Writer {
    /// A writer for findings of at least this severity; `files` are those that are read, of which there may be none.
    #[must_use]
    pub const fn new(least: Severity, files: Vec<String>) -> Self {
        Self { least, files }
    }

    /// Appends what a record says: a summary, all that is wrong with its connection.
    pub fn record(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        match record.event {
            Event::Summary(summary) => {
                for listed in &summary.findings_list {
                    let connection = record.connection.unwrap_or(0);
                    self.annotation(out, listed, Some(connection));
                }
            }
            Event::Finding(finding) if record.connection.is_none() => {
                self.annotation(out, &alone(record, finding), None);
            }
            _ => {}
        }
    }

    fn annotation(&self, out: &mut Vec<u8>, listed: &Listed, connection: Option<u32>) {
        let finding = &listed.finding;
        if finding.severity < self.least {
            return;
        }
        let command = match finding.severity {
            Severity::Info => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let mut line = format!("::{command} ");
        // With one file all is about it.
        let index = listed.place.file.unwrap_or(0) as usize;
        if let Some(file) = self.files.get(index).filter(|file| *file != "-") {
            line.push_str("file=");
            push(&mut line, file, true);
            line.push(',');
        }
        line.push_str("title=");
        let title = match connection {
            Some(connection) => format!("{} on connection {connection}", finding.code),
            None => finding.code.to_owned(),
        };
        push(&mut line, &title, true);
        line.push_str("::");
        push(&mut line, &details(listed), false);
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// Appends text so that the runner reads it as it is: what would end the line or the property is escaped by the
/// runner's own rule, and nothing else can steer a terminal.
fn push(out: &mut String, text: &str, property: bool) {
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if property => out.push_str("%3A"),
            ',' if property => out.push_str("%2C"),
            // The runner's text is no terminal's: a backslash stays one.
            '\\' => out.push(c),
            c => super::super::escape::push_escaped_char(out, c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runner_would_take_for_its_own_is_escaped() {
        for (text, property, data) in [
            ("a:b,c", "a%3Ab%2Cc", "a:b,c"),
            ("50%\r\n::error::x", "50%25%0D%0A%3A%3Aerror%3A%3Ax", "50%25%0D%0A::error::x"),
            ("C:\\x\u{1b}[31m", "C%3A\\x\\x1b[31m", "C:\\x\\x1b[31m"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}", "a\\u{202e}b\\u{2028}"),
        ] {
            let pushed = |property| {
                let mut out = String::new();
                push(&mut out, text, property);
                out
            };
            assert_eq!(pushed(true), property);
            assert_eq!(pushed(false), data);
        }
    }
}
