//! Findings for programs that run tests: JUnit files and the annotations of GitHub's workflows.
//!
//! Both are written connection by connection, as their summaries come, so that nothing grows while a run goes on. They
//! see records masked, whatever is filtered.

pub mod github;
pub mod junit;

use std::fmt::Write as _;

use crate::inspect::{Listed, Severity};

/// A finding with what there is to know about it, in plain text: what it is, what to do, and where it was first.
fn details(listed: &Listed) -> String {
    let finding = &listed.finding;
    let mut text = finding.message.clone();
    if finding.severity > Severity::Info
        && let Some(fix) = finding.fix()
    {
        text.push('\n');
        text.push_str(fix);
    }
    let place = place(listed);
    if !place.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n({place})");
    }
    text
}

/// Where a finding was first, and how often it was.
fn place(listed: &Listed) -> String {
    let mut parts = Vec::new();
    if listed.finding.count > 1 {
        parts.push(format!("{} times, first", listed.finding.count));
    }
    parts.extend(listed.direction.map(|direction| direction.as_str().to_owned()));
    parts.extend(listed.span.map(|span| format!("byte {}", span.start)));
    parts.extend(listed.place.frame.map(|frame| format!("frame {frame}")));
    parts.extend(listed.elapsed.map(|elapsed| format!("{:.3} s", elapsed as f64 / 1e9)));
    parts.push(format!("record {}", listed.seq));
    parts.join(", ")
}

/// The finding of a record about the input as a whole, in the form of the summary's.
fn alone(record: &crate::inspect::Record<'_>, finding: &crate::inspect::Finding) -> Listed {
    Listed {
        finding: finding.clone(),
        seq: record.seq,
        direction: record.direction,
        span: record.span,
        place: record.place,
        elapsed: record.elapsed,
        consequences: 0,
    }
}
