//! What was typed, resolved against the environment.

use std::io::IsTerminal;

use super::args::{FailOn, Format, Payload, Shared, Way, When};
use super::{Failure, profile};
use crate::inspect::{Options, Severity, rules};
use crate::output::filter::{Filter, Names};
use crate::output::payload::{Form, Shown};
use crate::proto::Direction;

/// How to run one inspecting command.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) format: Format,
    pub(super) options: Options,
    pub(super) filter: Filter,
    pub(super) shown: Shown,
    pub(super) show_keys: bool,
    pub(super) frames: bool,
    pub(super) fail_on: Option<Severity>,
    pub(super) color: bool,
    /// Columns of the terminal; `None` where the output is none.
    pub(super) width: Option<usize>,
}

impl Settings {
    pub(super) fn resolve(shared: &Shared) -> Result<Self, Failure> {
        let mut filter = Filter {
            connections: shared.connection.iter().copied().collect(),
            direction: shared.direction.map(|way| match way {
                Way::C2s => Direction::ClientToServer,
                Way::S2c => Direction::ServerToClient,
            }),
            ..Filter::default()
        };
        for (names, typed) in [(&mut filter.only, &shared.only), (&mut filter.skip, &shared.skip)] {
            add(names, typed)?;
        }
        let form = match shared.payload {
            Payload::None => Form::None,
            Payload::Hex => Form::Hex,
            Payload::Base64 => Form::Base64,
        };
        let mut judged = rules::Settings { off: shared.no_rules, ..rules::Settings::default() };
        if let Some(typed) = &shared.profile {
            profile::load(typed)?.apply(&mut judged);
        }
        let terminal = shared.output.is_none() && std::io::stdout().is_terminal();
        Ok(Self {
            format: shared.format,
            options: Options {
                chunks: shared.chunks,
                whole_media: form != Form::None || shared.write_flv.is_some(),
                bitstream: shared.bitstream,
                timeline: shared.timeline || shared.only.iter().any(|name| name == "timeline"),
                rules: judged,
            },
            filter,
            shown: Shown { form, most: shared.payload_bytes },
            show_keys: shared.show_keys,
            frames: shared.frames,
            fail_on: match shared.fail_on {
                FailOn::Info => Some(Severity::Info),
                FailOn::Warning => Some(Severity::Warning),
                FailOn::Error => Some(Severity::Error),
                FailOn::Never => None,
            },
            color: color(shared.color, terminal, |name| std::env::var(name).ok()),
            width: terminal.then(columns),
        })
    }
}

fn add(names: &mut Names, typed: &[String]) -> Result<(), Failure> {
    for name in typed {
        names
            .add(name)
            .map_err(|unknown| Failure::new(format!("there is no event or kind {}", unknown.0)))?;
    }
    Ok(())
}

/// Columns of the terminal that standard output is.
pub(super) fn columns() -> usize {
    const USUAL: usize = 80;
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    told.filter(|&columns| columns > 0)
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(USUAL)
}

/// Whether to use colour: what was typed, then `NO_COLOR` (any text), then `CLICOLOR_FORCE`, then what the output is.
fn color(typed: When, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match typed {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR").is_some() => false,
        When::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        When::Auto if set("CLICOLOR").is_some_and(|value| value == "0") => false,
        When::Auto => terminal && set("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_rules() {
        for (typed, terminal, environment, expected) in [
            (When::Auto, true, &[][..], true),
            (When::Auto, false, &[], false),
            (When::Auto, true, &[("NO_COLOR", "1")], false),
            (When::Auto, true, &[("NO_COLOR", "0")], false),
            (When::Auto, true, &[("NO_COLOR", "")], true),
            (When::Auto, false, &[("CLICOLOR_FORCE", "1")], true),
            (When::Auto, false, &[("CLICOLOR_FORCE", "0")], false),
            (When::Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (When::Auto, true, &[("CLICOLOR", "0")], false),
            (When::Auto, true, &[("TERM", "dumb")], false),
            (When::Always, false, &[("NO_COLOR", "1")], true),
            (When::Never, true, &[("CLICOLOR_FORCE", "1")], false),
        ] {
            let variable = |name: &str| {
                environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
            };
            assert_eq!(
                color(typed, terminal, variable),
                expected,
                "{typed:?} {terminal} {environment:?}"
            );
        }
    }
}
