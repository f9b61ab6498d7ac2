//! A JUnit file: a suite for each connection, in it a case for each code that was found, which fails where the finding
//! is bad enough. A connection with nothing wrong is one case that passes.

use std::fmt::Write as _;

use super::{alone, details};
use crate::inspect::{Event, Listed, Record, Severity, Summary};

/// Writes a JUnit file.
#[derive(Debug)]
pub struct Writer {
    /// From here on a finding is a failure.
    fails: Severity,
    /// What is inspected, in the name of the file.
    command: String,
}

impl Writer {
    /// A writer of a file where findings of this severity and worse are failures.
    #[must_use]
    pub fn new(fails: Severity, command: &str) -> Self {
        Self { fails, command: command.to_owned() }
    }

    /// Appends the beginning.
    pub fn start(&self, out: &mut Vec<u8>, source: &[String]) {
        let name = format!("rtmpctl {} {}", self.command, source.join(" "));
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites".to_owned();
        attribute(&mut text, "name", &name);
        text.push_str(">\n");
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends what a record says: a summary, the suite of its connection; a finding about the input, one of its own.
    pub fn record(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        match record.event {
            Event::Summary(summary) => {
                self.suite(out, record.connection.unwrap_or(0), summary);
            }
            Event::Finding(finding) if record.connection.is_none() => {
                let listed = [alone(record, finding)];
                self.cases(out, "input", &class("input"), "", &listed);
            }
            _ => {}
        }
    }

    /// Appends the end.
    pub fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</testsuites>\n");
    }

    fn suite(&self, out: &mut Vec<u8>, connection: u32, summary: &Summary) {
        let end = |end: Option<std::net::SocketAddr>| {
            end.map_or_else(|| "?".to_owned(), |end| end.to_string())
        };
        let (client, server) = (end(summary.opened.client), end(summary.opened.server));
        let mut name = format!("connection {connection}: {client} to {server}");
        if let Some(app) = &summary.app {
            // Writing to a string cannot fail.
            let _ = write!(name, " {app}");
        }
        if let Some(stream) = &summary.stream_name {
            let _ = write!(name, "/{stream}");
        }
        let time = summary.duration.map_or_else(String::new, |nanoseconds| {
            format!("{:.3}", nanoseconds.max(0) as f64 / 1e9)
        });
        let class = class(&format!("connection-{connection}"));
        self.cases(out, &name, &class, &time, &summary.findings_list);
    }

    fn cases(&self, out: &mut Vec<u8>, name: &str, class: &str, time: &str, findings: &[Listed]) {
        let failures = findings.iter().filter(|l| l.finding.severity >= self.fails).count();
        let mut text = "  <testsuite".to_owned();
        attribute(&mut text, "name", name);
        attribute(&mut text, "tests", &findings.len().max(1).to_string());
        attribute(&mut text, "failures", &failures.to_string());
        attribute(&mut text, "errors", "0");
        attribute(&mut text, "skipped", "0");
        if !time.is_empty() {
            attribute(&mut text, "time", time);
        }
        text.push_str(">\n");
        if findings.is_empty() {
            text.push_str("    <testcase");
            attribute(&mut text, "classname", class);
            attribute(&mut text, "name", "no findings");
            text.push_str("/>\n");
        }
        for listed in findings {
            let finding = &listed.finding;
            text.push_str("    <testcase");
            attribute(&mut text, "classname", class);
            attribute(&mut text, "name", finding.code);
            text.push_str(">\n");
            if finding.severity >= self.fails {
                text.push_str("      <failure");
                attribute(&mut text, "type", finding.severity.as_str());
                attribute(&mut text, "message", &finding.message);
                text.push('>');
                escape(&mut text, &details(listed), false);
                text.push_str("</failure>\n");
            } else {
                text.push_str("      <system-out>");
                escape(&mut text, finding.severity.as_str(), false);
                text.push_str(": ");
                escape(&mut text, &details(listed), false);
                text.push_str("</system-out>\n");
            }
            text.push_str("    </testcase>\n");
        }
        text.push_str("  </testsuite>\n");
        out.extend_from_slice(text.as_bytes());
    }
}

/// What cases are grouped by.
fn class(of: &str) -> String {
    format!("rtmpctl.{of}")
}

fn attribute(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"");
    escape(out, value, true);
    out.push('"');
}

/// Appends text as XML 1.0 allows it (§2.2, §2.4): markup as entities, and characters that no XML may hold, or that steer
/// a terminal, in the visible form that tables show.
fn escape(out: &mut String, text: &str, attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' if attribute => out.push_str("&#10;"),
            '\n' | '\\' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => super::super::escape::push_escaped_char(out, c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_gives_xml_that_may_be_there() {
        for c in '\0'..=char::MAX {
            for attribute in [false, true] {
                let mut out = String::new();
                escape(&mut out, &c.to_string(), attribute);
                let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
                assert!(out.chars().all(allowed), "{c:?}: {out:?}");
                let markup = out.contains(['<', '>', '"']) || out.matches('&').count() > 1;
                assert!(!markup && (!out.contains('&') || out.ends_with(';')), "{c:?}: {out:?}");
            }
        }
        let mut out = String::new();
        escape(&mut out, "a < b & \"c\"\x1b]]>\n", true);
        assert_eq!(out, "a &lt; b &amp; &quot;c&quot;\\x1b]]&gt;&#10;");
    }
}
