//! Profiles: what is built in, and what a user's file says.

mod read;
mod show;

use std::path::Path;

use super::Failure;
use crate::inspect::profile::Profile;
use crate::inspect::{Severity, rules};

pub(super) use show::run;

/// The profiles that are built in, by the names that are typed.
pub(super) const BUILT_IN: [(&str, &str); 6] = [
    ("youtube", include_str!("youtube.toml")),
    ("twitch", include_str!("twitch.toml")),
    ("facebook", include_str!("facebook.toml")),
    ("ivs", include_str!("ivs.toml")),
    ("cloudflare", include_str!("cloudflare.toml")),
    ("generic", include_str!("generic.toml")),
];

/// What a file of a profile says.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) profile: Profile,
    /// Severities by code; `None` silences.
    pub(super) severities: Vec<(&'static str, Option<Severity>)>,
}

impl Loaded {
    /// Changes how to judge.
    pub(super) fn apply(self, settings: &mut rules::Settings) {
        // What the user says of a rule goes before what the profile does.
        settings.severities.extend(self.severities);
        settings.take(self.profile);
    }
}

/// The profile that was typed: a name, or a file.
pub(super) fn load(typed: &str) -> Result<Loaded, Failure> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == typed) {
        return read::read(text).map_err(|wrong| wrong.failure(name));
    }
    let path = Path::new(typed);
    let is_path = typed.contains(['/', '\\', '.']) || path.exists();
    if !is_path {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        let like = read::nearest(typed, names.iter().copied())
            .map_or_else(String::new, |name| format!("; did you mean {name}?"));
        let names = names.join(", ");
        return Err(Failure::new(format!(
            "there is no profile {typed}{like} (there are {names}, and files FILE.toml)"
        )));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    read::read(&text).map_err(|wrong| wrong.failure(typed))
}
