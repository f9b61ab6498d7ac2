//! What a user may change about the judgement.

use std::sync::Arc;

use super::super::Severity;
use super::super::profile::{Key, Profile};

/// How to judge.
///
/// The default judges by every rule, with the severities of the registry and the numbers of [`Thresholds`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Report only what the decoding itself has to say: losses, gaps, limits, damage.
    pub off: bool,
    /// Severities that replace those of the registry and of the finding, by code; `None` silences the rule: its
    /// findings are neither reported nor counted.
    pub severities: Vec<(&'static str, Option<Severity>)>,
    /// The numbers that rules measure against.
    pub thresholds: Thresholds,
    /// What the service wants that the stream is for.
    pub profile: Option<Arc<Profile>>,
}

/// Rules that say with their own number what a profile says with that of the service.
const SAME: [(Key, &str); 2] =
    [(Key::VideoMaxGop, "gop.long"), (Key::TimingMaxTimestampJump, "ts.jump")];

impl Settings {
    /// Judges by a profile too. What it says of its own number is not said with another by a rule for all services.
    pub fn take(&mut self, profile: Profile) {
        for (key, code) in SAME {
            let Some(rule) = super::rule(code).filter(|_| profile.number(key).is_some()) else {
                continue;
            };
            if !self.severities.iter().any(|(of, _)| *of == code) {
                self.severities.push((rule.code, None));
            }
        }
        self.profile = Some(Arc::new(profile));
    }

    /// The severity that a finding is reported with; `None` where it is not to be reported.
    #[must_use]
    pub fn severity(&self, code: &str, severity: Severity) -> Option<Severity> {
        // Judgement of those who read captures.
        const ELSEWHERE: [&str; 1] = ["tls.no-sni"];
        if self.off && ELSEWHERE.contains(&code) {
            return None;
        }
        self.severities.iter().find(|(of, _)| *of == code).map_or(Some(severity), |(_, to)| *to)
    }
}

/// Numbers that rules measure against, where a profile may want others. A number that no service cares about is a
/// constant beside its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// Milliseconds between key frames that are too long (default 4,000: what `YouTube`'s checks name).
    pub longest_gop: u32,
    /// Milliseconds that a track's time may step beyond one frame (default 500).
    pub timestamp_jump: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { longest_gop: 4_000, timestamp_jump: 500 }
    }
}
