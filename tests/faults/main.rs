//! Captures with one fault each, made on purpose: for every rule that a capture can show there is one, in which it is found
//! once, with its severity, and nothing else that is bad.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(all(unix, feature = "cli"))]
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "cli")]
mod golden;
#[cfg(all(unix, feature = "cli"))]
mod live;
mod media;
mod profiles;
mod protocol;
mod script;
#[cfg(all(unix, feature = "cli"))]
#[path = "../spawned/mod.rs"]
mod spawned;
mod transport;

use std::path::Path;

use rtmpctl::Limits;
use rtmpctl::capture::file::Reader;
use rtmpctl::capture::{Captures, Choice};
use rtmpctl::inspect::profile::Profile;
use rtmpctl::inspect::rules::{RULES, Settings, rule};
use rtmpctl::inspect::{Event, Inspector, Options, Severity};

use script::Script;

/// A capture with one fault.
pub(crate) struct Fault {
    /// The rule that finds it.
    code: &'static str,
    make: Make,
    /// How bad it is here, where that is not what the rule says.
    severity: Option<Severity>,
    /// What follows from it, or cannot be had without, and is as bad as a warning.
    also: &'static [&'static str],
    /// What the service wants.
    profile: Option<fn() -> Profile>,
}

enum Make {
    /// A connection.
    Script(fn(&mut Script)),
    /// A file of any kind.
    File(fn() -> Vec<u8>),
}

impl Fault {
    const fn new(code: &'static str, make: Make) -> Self {
        Self { code, make, severity: None, also: &[], profile: None }
    }

    const fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    const fn also(mut self, also: &'static [&'static str]) -> Self {
        self.also = also;
        self
    }

    const fn profile(mut self, profile: fn() -> Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        match self.make {
            Make::Script(make) => {
                let mut script = Script::new();
                make(&mut script);
                script.end();
                script.pcap()
            }
            Make::File(make) => make(),
        }
    }
}

/// A fault that a connection shows.
pub(crate) const fn fault(code: &'static str, make: fn(&mut Script)) -> Fault {
    Fault::new(code, Make::Script(make))
}

/// A fault that a file shows.
pub(crate) const fn file(code: &'static str, make: fn() -> Vec<u8>) -> Fault {
    Fault::new(code, Make::File(make))
}

/// Rules without a capture here, and why. Codes are complete, or the beginning of several. `tests/rules.rs` sees to it that
/// other tests name them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("limit.", "more than a capture of one fault can hold"),
    ("listen.", "only a server that is run has it"),
    ("proxy.", "only a proxy that is run has it"),
    ("tls.", "sessions have to be encrypted for it"),
    ("rtmpt.", "RTMP has to be carried by HTTP for it"),
    ("tcp.", "a network has to lose, reorder or repeat packets for it"),
    ("ip.fragments-differ", "a network has to cut and change packets for it"),
    ("aggregate.back-pointer", "FLV tags have to be packed into one message for it"),
    ("chunk.resynced", "it always follows from a loss, and is not listed"),
    ("capture.truncated", "only a file that is cut has it"),
];

fn all() -> Vec<Fault> {
    [transport::faults(), protocol::faults(), media::faults(), profiles::faults()]
        .into_iter()
        .flatten()
        .collect()
}

/// A finding of a run, once for each connection: its code, severity, and how often.
type Found = (String, Severity, u32);

/// All that is wrong with a file: what the summaries list, and what is about the file as a whole.
fn found(bytes: &[u8], profile: Option<Profile>) -> Vec<Found> {
    let limits = Limits::default();
    let mut rules = Settings::default();
    if let Some(profile) = profile {
        rules.take(profile);
    }
    let mut inspector = Inspector::new(Options { rules, ..Options::default() }, limits.clone());
    let mut captures = Captures::new(Choice::default(), &limits);
    let mut found = Vec::new();
    let mut reader = Reader::with_limits(bytes, &limits).unwrap();
    let mut feed = |traffic: &rtmpctl::inspect::Traffic<'_>| {
        inspector.feed(traffic, &mut |record| match record.event {
            Event::Summary(summary) => {
                for listed in &summary.findings_list {
                    let finding = &listed.finding;
                    found.push((finding.code.to_owned(), finding.severity, finding.count));
                }
            }
            Event::Finding(finding) if record.connection.is_none() => {
                found.push((finding.code.to_owned(), finding.severity, 1));
            }
            _ => {}
        });
    };
    while let Some(item) = reader.next().unwrap() {
        captures.item(&item, None, &mut |traffic| feed(&traffic));
    }
    captures.finish(&mut |traffic| feed(&traffic));
    found
}

#[test]
fn each_fault_is_found_once_and_nothing_else_is() {
    let mut wrong = Vec::new();
    for fault in all() {
        let code = fault.code;
        let expected = fault
            .severity
            .unwrap_or_else(|| rule(code).unwrap_or_else(|| panic!("no rule {code}")).severity);
        let found = found(&fault.bytes(), fault.profile.map(|profile| profile()));
        let own: Vec<_> = found.iter().filter(|found| found.0 == code).collect();
        match own[..] {
            [(_, severity, _)] if *severity == expected => {}
            [] => wrong.push(format!("{code} is not found: {found:?}")),
            _ => wrong.push(format!("{code} is found as {own:?}")),
        }
        for (other, severity, _) in &found {
            let also = fault.also.contains(&&**other);
            if other != code && *severity >= Severity::Warning && !also {
                wrong.push(format!("{code} brings {other} ({severity:?})"));
            }
        }
        for other in fault.also {
            if !found.iter().any(|found| found.0 == *other) {
                wrong.push(format!("{code} does not bring {other}, as was said"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_its_fault_or_a_reason_why_not() {
    let faults = all();
    let mut wrong = Vec::new();
    for rule in RULES {
        let made = faults.iter().filter(|fault| fault.code == rule.code).count();
        let elsewhere = ELSEWHERE.iter().find(|(code, _)| rule.code.starts_with(code));
        match (made, elsewhere) {
            (0, None) => wrong.push(format!("{} has neither a fault nor a reason", rule.code)),
            (1.., Some(_)) => {
                wrong.push(format!("{} has a fault, and a reason for none", rule.code))
            }
            (2.., _) => wrong.push(format!("{} has two faults", rule.code)),
            _ => {}
        }
    }
    for (code, _) in ELSEWHERE {
        let used = RULES.iter().any(|rule| rule.code.starts_with(code));
        assert!(used, "no rule has a code that begins with {code}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_connection_without_a_fault_has_no_finding_that_is_bad() {
    let mut script = Script::new();
    script.publishing().media(0, 10.0).done();
    let bad: Vec<_> =
        found(&script.pcap(), None).into_iter().filter(|f| f.1 >= Severity::Warning).collect();
    assert_eq!(bad, []);
    // A profile that wants nothing finds nothing.
    let more = found(&script.pcap(), Some(Profile::default()));
    assert_eq!(more, found(&script.pcap(), None));
}

/// Writes the captures into a folder, to be looked at by hand or given to another program:
/// `WRITE_FAULTS=dir cargo test --test faults`.
#[test]
fn captures_can_be_written() {
    let Some(dir) = std::env::var_os("WRITE_FAULTS") else { return };
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir).unwrap();
    for fault in all() {
        std::fs::write(dir.join(format!("{}.pcap", fault.code)), fault.bytes()).unwrap();
    }
}
