//! `rtmpctl rules`: the registry of findings, listed or explained.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::args::Format;
use super::{Failure, print};
use crate::inspect::rules::{RULES, Rule, rule};
use crate::output::json;

pub(super) fn run(code: Option<&str>, format: Format) -> Result<ExitCode, Failure> {
    let one = match code {
        None => None,
        Some(code) => Some(rule(code).ok_or_else(|| {
            Failure::new(format!("there is no rule {code}; rtmpctl rules lists them"))
        })?),
    };
    let mut out = Vec::new();
    match (format, one) {
        (Format::Json, Some(rule)) => json::write_rule(&mut out, rule),
        (Format::Json, None) => RULES.iter().for_each(|rule| json::write_rule(&mut out, rule)),
        (Format::Table, Some(rule)) => out = explain(rule).into_bytes(),
        (Format::Table, None) => out = list().into_bytes(),
    }
    print(&out)
}

fn list() -> String {
    let mut text = String::new();
    let width = RULES.iter().map(|rule| rule.code.len()).max().unwrap_or(0);
    for Rule { code, severity, title, .. } in RULES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{code:width$}  {:7}  {title}", severity.as_str());
    }
    text
}

fn explain(rule: &Rule) -> String {
    let mut text = format!("{} ({}): {}\n", rule.code, rule.severity.as_str(), rule.title);
    for (name, section) in [
        ("Meaning", rule.meaning),
        ("Breaks on", rule.breaks_on),
        ("Fix", rule.fix),
        ("Spec", rule.spec.unwrap_or("")),
        ("Confidence", rule.confidence.as_str()),
    ] {
        if !section.is_empty() {
            let _ = writeln!(text, "\n{name}: {section}");
        }
    }
    text
}
