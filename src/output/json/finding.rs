//! Findings and the rules behind them, as JSON.

use super::Writer;
use super::line::Line;
use crate::inspect::profile::{Form, Profile, Source, Wanted};
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
                line.raw(&self.clock.text(at));
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

/// Appends a profile as a line: what `rtmpctl profiles -f json` prints. Each limit has its source beside it.
pub fn write_profile(out: &mut Vec<u8>, id: &str, profile: &Profile) {
    let mut line = Line(out);
    line.open();
    line.string("profile", id);
    line.string("name", &profile.name);
    line.key("limits");
    line.list(&profile.limits, |line, limit| {
        let info = limit.key.info();
        line.open();
        line.string("key", &format!("{}.{}", info.table, info.name));
        match (&limit.wanted, info.form) {
            (Wanted::Thousandths(number), form) => {
                line.real("value", Some(*number as f64 / 1000.0));
                let unit = match form {
                    Form::Bitrate => "bit/s",
                    Form::Number(unit) => unit,
                    _ => "",
                };
                if !unit.is_empty() {
                    line.text("unit", unit);
                }
            }
            (Wanted::OneOf(words), Form::Numbers(unit)) => {
                line.key("value");
                line.list(words, |line, word| line.raw(word.as_bytes()));
                line.text("unit", unit);
            }
            (Wanted::OneOf(words), _) => {
                line.key("value");
                line.list(words, |line, word| super::amf_json::write_string(line.0, word));
            }
            (Wanted::Flag(flag), _) => line.boolean("value", *flag),
        }
        write_origin(line, limit.advice, limit.source, &profile.sources);
        line.close();
    });
    line.key("bitrates");
    line.list(&profile.bitrates, |line, row| {
        line.open();
        line.number("height", u64::from(row.height));
        line.number("fps", u64::from(row.fps));
        line.maybe("min", row.min);
        line.maybe("max", row.max);
        write_origin(line, row.advice, row.source, &profile.sources);
        line.close();
    });
    line.close();
    out.push(b'\n');
}

fn write_origin(line: &mut Line<'_>, advice: bool, source: Option<usize>, sources: &[Source]) {
    line.boolean("advice", advice);
    if let Some(source) = source.and_then(|index| sources.get(index)) {
        line.key("source");
        line.open();
        line.string("title", &source.title);
        line.string("url", &source.url);
        line.string("seen", &source.seen);
        line.shut();
    }
}
