//! Findings and the rules behind them, as JSON.

use super::Writer;
use super::line::Line;
use crate::inspect::rules::Rule;
use crate::inspect::{Finding, Listed};

/// The fields of a finding.
pub(super) fn write_finding(line: &mut Line<'_>, finding: &Finding) {
    line.text("code", finding.code);
    line.text("severity", finding.severity.as_str());
    line.text("confidence", finding.confidence().as_str());
    line.string("message", &finding.message);
    if let Some(fix) = finding.fix() {
        line.string("fix", fix);
    }
    if let Some(spec) = finding.spec {
        line.string("spec", spec);
    }
    line.maybe("about", finding.about);
    line.maybe("cause", finding.cause);
    line.number("count", u64::from(finding.count));
}

impl Writer {
    /// What is wrong with a connection, the worst first: each finding with the place of its first occurrence.
    pub(super) fn findings(&mut self, line: &mut Line<'_>, findings: &[Listed]) {
        line.key("findings_list");
        line.raw(b"[");
        for (index, listed) in findings.iter().enumerate() {
            if index > 0 {
                line.raw(b",");
            }
            line.open();
            line.number("seq", listed.seq);
            if let Some(direction) = listed.direction {
                line.text("direction", direction.as_str());
            }
            if let Some(at) = listed.place.at {
                line.raw(b"\"time\":\"");
                self.clock.push(line.0, at);
                line.raw(b"\",");
            }
            if let Some(elapsed) = listed.elapsed {
                line.key("elapsed");
                line.seconds(elapsed);
            }
            if let Some(span) = listed.span {
                line.number("offset", span.start);
                line.number("end", span.end);
            }
            line.maybe("frame", listed.place.frame);
            if let Some(file) = listed.place.file.and_then(|file| self.files.get(file as usize)) {
                line.string("file", file);
            }
            write_finding(line, &listed.finding);
            if listed.consequences > 0 {
                line.number("consequences", u64::from(listed.consequences));
            }
            line.close();
        }
        line.raw(b"],");
    }
}

/// Appends a rule as a line: what `rtmpctl rules -f json` prints.
pub fn write_rule(out: &mut Vec<u8>, rule: &Rule) {
    let mut line = Line(out);
    line.open();
    line.text("code", rule.code);
    line.text("severity", rule.severity.as_str());
    line.text("confidence", rule.confidence.as_str());
    line.string("title", rule.title);
    line.string("meaning", rule.meaning);
    line.string("breaks_on", rule.breaks_on);
    line.string("fix", rule.fix);
    if let Some(spec) = rule.spec {
        line.string("spec", spec);
    }
    line.close();
    out.push(b'\n');
}
