//! Judgement: what is wrong with a connection, who breaks on it, and what to do.
//!
//! A [`Rule`] is the data about a kind of finding. Some findings are the decoding's own (a loss of the framing, a limit):
//! whoever notices reports them, and here is only their data. All others are judged here: a `judge::Judge` stands
//! beside its rules, sees what happens on one connection together with the facts known so far, and reports. It owns
//! bounded state only and never a list that grows with the connection.
//!
//! The registry is the list at the end of this file: one line for each group of rules and each judge.

mod acks;
mod amf;
mod auth;
mod calls;
mod capture;
mod carriers;
mod chunking;
mod codec_audio;
mod codec_video;
mod commands;
mod composition;
mod control;
mod cues;
mod drift;
mod enhanced;
mod extended;
mod framing;
mod gop;
mod handshake;
mod idle;
pub(super) mod judge;
mod limits;
mod live;
mod metadata;
mod negotiation;
mod network;
mod opening;
mod per_track;
mod profile;
mod reconnect;
mod registry;
mod secrets;
mod settings;
mod sizes;
mod status;
mod tags;
#[cfg(test)]
pub(crate) mod test_kit;
mod timing;
mod units;
mod urls;

pub use settings::{Settings, Thresholds};

use super::Severity;

/// What is to be said about a finding besides the sentence that reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable name: `chunk.sync-lost`.
    pub code: &'static str,
    /// How bad it is where nothing speaks for another severity.
    pub severity: Severity,
    /// How sure it is that a finding is right.
    pub confidence: Confidence,
    /// What it is, in one line.
    pub title: &'static str,
    /// What it means, in two or three sentences.
    pub meaning: &'static str,
    /// Who has trouble with it; a report of it is cited as `owner/repository#number`.
    pub breaks_on: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// The section of a specification that it rests on, where there is one.
    pub spec: Option<&'static str>,
}

/// How sure it is that a finding is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Worth a look: there are harmless reasons too.
    Hint,
    /// It fits nothing else that is usual.
    Likely,
    /// The bytes say so.
    Certain,
}

impl Confidence {
    /// The name in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// The rule of a code.
#[must_use]
pub fn rule(code: &str) -> Option<&'static Rule> {
    let at = RULES.binary_search_by(|rule| rule.code.cmp(code)).ok()?;
    RULES.get(at)
}

registry::registry! {
    /// Findings that are reported where they show: only their data is here.
    reported: [
        amf::RULES,
        capture::RULES,
        carriers::RULES,
        framing::RULES,
        limits::RULES,
        live::RULES,
        network::RULES,
        opening::RULES,
    ],
    /// Judges with their rules.
    judged: {
        acks: acks::Acks,
        auth: auth::Auth,
        calls: calls::Calls,
        // Ahead of those that only say that the server closed: it may say why.
        negotiation: negotiation::Negotiation,
        course: calls::Course,
        packets: handshake::Packets,
        scattered: handshake::Scattered,
        phase: control::Phase,
        profiled: profile::Profiled,
        pings: control::Pings,
        silence: idle::Silence,
        silent: status::Silent,
        shapes: commands::Shapes,
        stall: handshake::Stall,
        ids: chunking::Ids,
        formats: chunking::Formats,
        aborts: chunking::Aborts,
        repetition: extended::Repetition,
        boundary: extended::Boundary,
        deltas: extended::Deltas,
        announced: sizes::Announced,
        small: sizes::Small,
        split: sizes::Split,
        statuses: status::Statuses,
        sound: codec_audio::Sound,
        records: codec_video::Records,
        unit_lengths: codec_video::Framing,
        order: composition::Order,
        together: drift::Together,
        drift: drift::Drift,
        intervals: gop::Intervals,
        hollow: tags::Hollow,
        cues: cues::Cues,
        tags: enhanced::Tags,
        declarations: metadata::Declarations,
        again: reconnect::Again,
        exposed: secrets::Exposed,
        steps: timing::Steps,
        bounds: timing::Bounds,
        urls: urls::Urls,
        values: amf::Values,
    }
}

#[cfg(test)]
mod tests;
