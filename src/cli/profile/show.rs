//! `rtmpctl profiles`: what is built in, listed, or one with its numbers and where they are from.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::super::args::Format;
use super::super::{Failure, print};
use super::{BUILT_IN, load};
use crate::inspect::profile::{Bitrates, Profile, bitrate};
use crate::output::json;

pub(in super::super) fn run(name: Option<&str>, format: Format) -> Result<ExitCode, Failure> {
    let mut out = Vec::new();
    let named: Vec<(&str, Profile)> = match name {
        Some(name) => vec![(name, load(name)?.profile)],
        None => BUILT_IN
            .iter()
            .map(|(name, _)| Ok((*name, load(name)?.profile)))
            .collect::<Result<_, Failure>>()?,
    };
    match format {
        Format::Json => {
            named.iter().for_each(|(name, profile)| json::write_profile(&mut out, name, profile));
        }
        Format::Table if name.is_none() => {
            let mut text = String::new();
            for (name, profile) in &named {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{name:10}  {:17}  {}", profile.name, brief(profile));
            }
            out = text.into_bytes();
        }
        Format::Table => named.iter().for_each(|(_, profile)| {
            out.extend_from_slice(whole(profile).as_bytes());
        }),
    }
    print(&out)
}

/// The numbers that matter most, in a line.
fn brief(profile: &Profile) -> String {
    use crate::inspect::profile::Key;
    let mut parts = Vec::new();
    for (key, before) in [
        (Key::VideoCodecs, ""),
        (Key::AudioCodecs, ""),
        (Key::VideoMaxGop, "keyframe every "),
        (Key::VideoMaxBitrate, "video up to "),
        (Key::StreamMaxBitrate, "all up to "),
    ] {
        parts.extend(profile.limit(key).map(|limit| format!("{before}{limit}")));
    }
    parts.join("; ")
}

/// All numbers with their sources.
fn whole(profile: &Profile) -> String {
    let mut text = format!("{}\n\n", profile.name);
    let source = |index: Option<usize>| match index {
        Some(index) => format!("  [{}]", index + 1),
        None => String::new(),
    };
    let advised = |advice| if advice { " (advised)" } else { "" };
    for limit in &profile.limits {
        let info = limit.key.info();
        let name = format!("{}.{}", info.table, info.name);
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "{name:26}  {limit}{}{}", advised(limit.advice), source(limit.source));
    }
    for row in &profile.bitrates {
        let _ = writeln!(
            text,
            "{:26}  {}{}{}",
            format!("video.bitrates {}p{}", row.height, row.fps),
            range(row),
            advised(row.advice),
            source(row.source)
        );
    }
    if !profile.sources.is_empty() {
        text.push('\n');
    }
    for (index, source) in profile.sources.iter().enumerate() {
        let _ = writeln!(
            text,
            "[{}] {}, as seen on {}\n    {}",
            index + 1,
            source.title,
            source.seen,
            source.url
        );
    }
    text
}

fn range(row: &Bitrates) -> String {
    let shown = |bits: Option<u64>| bits.map(|bits| bitrate(bits as f64));
    match (shown(row.min), shown(row.max)) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any".to_owned(),
    }
}
