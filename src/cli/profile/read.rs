//! A profile's text: TOML, every key and value checked, faults with their line.

use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Loaded;
use crate::cli::Failure;
use crate::inspect::Severity;
use crate::inspect::profile::{Bitrates, Form, KEYS, KeyInfo, Limit, Source, Wanted};
use crate::inspect::rules;

/// What is wrong with a profile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The line, from 1.
    pub(super) line: usize,
    pub(super) what: String,
}

impl Wrong {
    /// The same as what the program says; `name` is the file.
    pub(super) fn failure(&self, name: &str) -> Failure {
        Failure::new(format!("{name} line {}: {}", self.line, self.what))
    }
}

/// A value with its place.
type Item<'t> = Spanned<DeValue<'t>>;
/// A table with its place.
type Pairs<'t> = DeTable<'t>;

/// Reads a profile.
pub(super) fn read(text: &str) -> Result<Loaded, Wrong> {
    Reader { text, loaded: Loaded::default() }.read()
}

struct Reader<'t> {
    text: &'t str,
    loaded: Loaded,
}

/// The tables that a profile may have, besides those of its keys.
const TOP: [&str; 7] = ["name", "sources", "rules", "video", "audio", "stream", "timing"];

impl Reader<'_> {
    fn read(mut self) -> Result<Loaded, Wrong> {
        let parsed = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            self.wrong(&at, error.message().to_owned())
        })?;
        let table = parsed.get_ref();
        self.loaded.profile.name = "the profile".to_owned();
        // Limits name sources, which therefore come first.
        for (key, item) in table {
            if key.get_ref() == "sources" {
                self.sources(item)?;
            }
        }
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "name" => self.loaded.profile.name = self.text_of(item)?,
                "sources" => {}
                "rules" => self.rules(item)?,
                name @ ("video" | "audio" | "stream" | "timing") => self.limits(name, item)?,
                name => return Err(self.unknown("key", name, &key.span(), TOP.into_iter())),
            }
        }
        // In the order of the keys, whatever the file's.
        self.loaded.profile.limits.sort_by_key(|limit| limit.key as usize);
        Ok(self.loaded)
    }

    fn wrong(&self, at: &Range<usize>, what: impl Into<String>) -> Wrong {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        Wrong { line: before.matches('\n').count() + 1, what: what.into() }
    }

    /// Something is named that is not there.
    fn unknown<'n>(
        &self,
        what: &str,
        name: &str,
        at: &Range<usize>,
        names: impl Iterator<Item = &'n str>,
    ) -> Wrong {
        let names: Vec<&str> = names.collect();
        let mut text = format!("there is no {what} {name}");
        // Writing to a string cannot fail.
        let _ = match nearest(name, names.iter().copied()) {
            Some(near) => write!(text, "; did you mean {near}?"),
            None if names.len() <= 30 => write!(text, "; there is {}", names.join(", ")),
            None => Ok(()),
        };
        self.wrong(at, text)
    }

    fn table<'i, 't>(&self, item: &'i Item<'t>, what: &str) -> Result<&'i Pairs<'t>, Wrong> {
        item.get_ref()
            .as_table()
            .ok_or_else(|| self.wrong(&item.span(), format!("{what} has to be a table")))
    }

    fn text_of(&self, item: &Item<'_>) -> Result<String, Wrong> {
        match item.get_ref() {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            _ => Err(self.type_error(item, "a text in quotes")),
        }
    }

    fn type_error(&self, item: &Item<'_>, wanted: &str) -> Wrong {
        let is = match item.get_ref() {
            DeValue::String(text) => format!("the text \"{text}\""),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.wrong(&item.span(), format!("{is} stands where {wanted} is wanted"))
    }

    fn sources(&mut self, item: &Item<'_>) -> Result<(), Wrong> {
        for (id, item) in self.table(item, "sources")? {
            let mut source = Source {
                id: id.get_ref().to_string(),
                title: String::new(),
                url: String::new(),
                seen: String::new(),
            };
            for (key, item) in self.table(item, "a source")? {
                match key.get_ref().as_ref() {
                    "title" => source.title = self.text_of(item)?,
                    "url" => source.url = self.text_of(item)?,
                    "seen" => {
                        source.seen = match item.get_ref() {
                            DeValue::Datetime(date) => date.to_string(),
                            _ => self.text_of(item)?,
                        }
                    }
                    name => {
                        let names = ["title", "url", "seen"].into_iter();
                        return Err(self.unknown("key", name, &key.span(), names));
                    }
                }
            }
            self.loaded.profile.sources.push(source);
        }
        Ok(())
    }

    fn source(&self, item: &Item<'_>) -> Result<usize, Wrong> {
        let id = self.text_of(item)?;
        let sources = &self.loaded.profile.sources;
        sources.iter().position(|source| source.id == id).ok_or_else(|| {
            self.unknown("source", &id, &item.span(), sources.iter().map(|source| &*source.id))
        })
    }

    /// `[rules]`: a severity for each code, or `off`.
    fn rules(&mut self, item: &Item<'_>) -> Result<(), Wrong> {
        for (code, item) in self.table(item, "rules")? {
            let name = code.get_ref();
            let Some(rule) = rules::rule(name) else {
                let codes = rules::RULES.iter().map(|rule| rule.code);
                return Err(self.unknown("rule", name, &code.span(), codes));
            };
            let severity = match item.get_ref() {
                DeValue::String(text) => match text.as_ref() {
                    "off" => None,
                    "info" => Some(Severity::Info),
                    "warning" => Some(Severity::Warning),
                    "error" => Some(Severity::Error),
                    other => {
                        let names = ["off", "info", "warning", "error"].into_iter();
                        return Err(self.unknown("severity", other, &item.span(), names));
                    }
                },
                // A dotted key without quotes is a table in a table.
                DeValue::Table(_) => {
                    return Err(self.wrong(
                        &code.span(),
                        format!("codes stand in quotes: \"{name}.…\" = \"off\""),
                    ));
                }
                _ => {
                    return Err(
                        self.type_error(item, "\"off\", \"info\", \"warning\" or \"error\"")
                    );
                }
            };
            self.loaded.severities.push((rule.code, severity));
        }
        Ok(())
    }

    /// `[video]` and the like.
    fn limits(&mut self, table: &str, item: &Item<'_>) -> Result<(), Wrong> {
        for (key, item) in self.table(item, table)? {
            let name = key.get_ref().as_ref();
            if (table, name) == ("video", "bitrates") {
                self.bitrates(item)?;
                continue;
            }
            let Some(info) = KEYS.iter().find(|info| (info.table, info.name) == (table, name))
            else {
                let names = KEYS.iter().filter(|info| info.table == table).map(|info| info.name);
                let what = format!("key in [{table}]");
                let more = ["bitrates"].into_iter().filter(|_| table == "video");
                return Err(self.unknown(&what, name, &key.span(), names.chain(more)));
            };
            let limit = self.limit(info, item)?;
            self.loaded.profile.limits.push(limit);
        }
        Ok(())
    }

    /// A value, or a table with the value and where it is from.
    fn limit(&self, info: &KeyInfo, item: &Item<'_>) -> Result<Limit, Wrong> {
        let key = info.key;
        let DeValue::Table(table) = item.get_ref() else {
            return Ok(Limit {
                key,
                wanted: self.wanted(info, item)?,
                advice: false,
                source: None,
            });
        };
        let (mut wanted, mut advice, mut source) = (None, false, None);
        for (name, item) in table {
            match name.get_ref().as_ref() {
                "value" => wanted = Some(self.wanted(info, item)?),
                "advice" => advice = self.flag(item)?,
                "source" => source = Some(self.source(item)?),
                other => {
                    let names = ["value", "advice", "source"].into_iter();
                    return Err(self.unknown("key", other, &name.span(), names));
                }
            }
        }
        let wanted = wanted
            .ok_or_else(|| self.wrong(&item.span(), format!("{} has no value", info.name)))?;
        Ok(Limit { key, wanted, advice, source })
    }

    fn flag(&self, item: &Item<'_>) -> Result<bool, Wrong> {
        match item.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.type_error(item, "true or false")),
        }
    }

    fn wanted(&self, info: &KeyInfo, item: &Item<'_>) -> Result<Wanted, Wrong> {
        Ok(match info.form {
            Form::Flag => Wanted::Flag(self.flag(item)?),
            Form::Number(unit) => Wanted::Thousandths(self.number(item, unit)?),
            Form::Bitrate => Wanted::Thousandths(self.bits(item)?.saturating_mul(1000)),
            Form::Words => Wanted::OneOf(self.list(item, |item| self.text_of(item))?),
            Form::Numbers(unit) => Wanted::OneOf(self.list(item, |item| {
                let number = self.number(item, unit)?;
                let whole = number.is_multiple_of(1000);
                whole
                    .then(|| (number / 1000).to_string())
                    .ok_or_else(|| self.type_error(item, "a whole number"))
            })?),
            Form::VideoCodecs => Wanted::OneOf(
                self.list(item, |item| self.codec(item, &|name| video_codec(name), &VIDEO))?,
            ),
            Form::AudioCodecs => Wanted::OneOf(
                self.list(item, |item| self.codec(item, &|name| audio_codec(name), &AUDIO))?,
            ),
        })
    }

    fn list(
        &self,
        item: &Item<'_>,
        mut each: impl FnMut(&Item<'_>) -> Result<String, Wrong>,
    ) -> Result<Vec<String>, Wrong> {
        match item.get_ref() {
            DeValue::Array(items) => items.iter().map(&mut each).collect(),
            // One needs no brackets.
            DeValue::Table(_) => Err(self.type_error(item, "an array")),
            _ => Ok(vec![each(item)?]),
        }
    }

    /// A number in thousandths.
    fn number(&self, item: &Item<'_>, unit: &str) -> Result<u64, Wrong> {
        let number = match item.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        match number.map(|number: f64| (number * 1000.0).round()) {
            Some(number) if (0.0..=MOST).contains(&number) => Ok(number as u64),
            _ => Err(self.type_error(item, &format!("a number{unit}"))),
        }
    }

    /// A bitrate: bits per second, or a text with its unit.
    fn bits(&self, item: &Item<'_>) -> Result<u64, Wrong> {
        const FORM: &str = "a bitrate such as \"6M\", \"2500k\" or 6000000";
        if let DeValue::String(text) = item.get_ref() {
            let (digits, unit) = match text.as_bytes().last() {
                Some(b'k' | b'K') => (&text[..text.len() - 1], 1e3),
                Some(b'm' | b'M') => (&text[..text.len() - 1], 1e6),
                _ => (text.as_ref(), 1.0),
            };
            let number = digits.trim().parse().ok().map(|number: f64| (number * unit).round());
            return match number {
                Some(bits) if (0.0..=MOST).contains(&bits) => Ok(bits as u64),
                _ => Err(self.type_error(item, FORM)),
            };
        }
        self.number(item, "").map(|number| number / 1000).map_err(|_| self.type_error(item, FORM))
    }

    fn codec(
        &self,
        item: &Item<'_>,
        known: &dyn Fn(&str) -> Option<String>,
        names: &[&str],
    ) -> Result<String, Wrong> {
        let name = self.text_of(item)?;
        known(&name)
            .ok_or_else(|| self.unknown("codec", &name, &item.span(), names.iter().copied()))
    }

    /// `[[video.bitrates]]`.
    fn bitrates(&mut self, item: &Item<'_>) -> Result<(), Wrong> {
        let DeValue::Array(rows) = item.get_ref() else {
            return Err(self.type_error(item, "[[video.bitrates]]"));
        };
        for item in rows.iter() {
            let mut row = Bitrates {
                height: u32::MAX,
                fps: u32::MAX,
                min: None,
                max: None,
                advice: false,
                source: None,
            };
            for (key, item) in self.table(item, "a row of bitrates")? {
                match key.get_ref().as_ref() {
                    "height" => row.height = self.whole(item, "px")?,
                    "fps" => row.fps = self.whole(item, "fps")?,
                    "min" => row.min = Some(self.bits(item)?),
                    "max" => row.max = Some(self.bits(item)?),
                    "advice" => row.advice = self.flag(item)?,
                    "source" => row.source = Some(self.source(item)?),
                    name => {
                        let names = ["height", "fps", "min", "max", "advice", "source"];
                        return Err(self.unknown("key", name, &key.span(), names.into_iter()));
                    }
                }
            }
            self.loaded.profile.bitrates.push(row);
        }
        Ok(())
    }

    fn whole(&self, item: &Item<'_>, unit: &str) -> Result<u32, Wrong> {
        let number = self.number(item, unit)?;
        u32::try_from(number / 1000).map_err(|_| self.type_error(item, "a smaller number"))
    }
}

/// Thousandths that a number may have.
const MOST: f64 = 1e15;

/// Video codecs by the names that they have in the output.
const VIDEO: [&str; 11] = [
    "avc",
    "hevc",
    "av1",
    "vp9",
    "vp8",
    "vvc1",
    "h263",
    "screen_video",
    "screen_video_2",
    "vp6",
    "vp6_alpha",
];

/// Audio codecs by the names that they have in the output.
const AUDIO: [&str; 16] = [
    "aac",
    "mp3",
    "opus",
    "flac",
    "ac3",
    "eac3",
    "pcm",
    "pcm_le",
    "adpcm",
    "nellymoser",
    "nellymoser_16k",
    "nellymoser_8k",
    "g711a",
    "g711u",
    "speex",
    "mp3_8k",
];

/// The name in the output of a video codec, which has others too.
fn video_codec(name: &str) -> Option<String> {
    // H.264 is h264 too.
    let name = name.to_ascii_lowercase().replace('.', "");
    let name = match name.as_str() {
        "h264" | "avc1" => "avc",
        "h265" | "hvc1" => "hevc",
        "av01" => "av1",
        "vvc" | "h266" => "vvc1",
        name => name,
    };
    VIDEO.contains(&name).then(|| name.to_owned())
}

/// The same of an audio codec.
fn audio_codec(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    AUDIO.contains(&name.as_str()).then_some(name)
}

/// What is most like a name that is not there, where something is like it.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = names.map(|other| (distance(name, other), other)).min()?;
    // A third of it may be wrong.
    (near.0 <= (name.chars().count().max(3)) / 3).then_some(near.1)
}

/// How many characters to change, add or leave out (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    // Longer names than any there is are like none.
    let a: Vec<char> = a.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, c) in b.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for j in 0..a.len() {
            let change = diagonal + usize::from(a[j] != c);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::profile::BUILT_IN;
    use crate::inspect::profile::Key;
    use crate::proto::message::{AudioCodec, VideoCodec};

    fn wrong(text: &str) -> (usize, String) {
        let wrong = read(text).unwrap_err();
        (wrong.line, wrong.what)
    }

    #[test]
    fn what_is_built_in_is_right_and_says_where_it_is_from() {
        for (name, text) in BUILT_IN {
            let loaded = read(text).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
            let profile = loaded.profile;
            assert!(loaded.severities.is_empty(), "{name}");
            for limit in &profile.limits {
                // That a live stream has pictures needs no page.
                let plain = matches!(limit.key, Key::VideoRequired | Key::AudioRequired);
                assert!(limit.source.is_some() || plain, "{name}: {:?}", limit.key);
            }
            assert!(profile.bitrates.iter().all(|row| row.source.is_some()), "{name}");
            for source in &profile.sources {
                assert!(source.url.starts_with("https://") && source.seen.len() == 10, "{name}");
                let index = profile.sources.iter().position(|s| s == source);
                let used = profile.limits.iter().any(|limit| limit.source == index)
                    || profile.bitrates.iter().any(|row| row.source == index);
                assert!(used, "{name}: nothing is from {}", source.id);
            }
        }
    }

    #[test]
    fn codecs_of_the_list_are_those_that_are_decoded() {
        for number in 0..16 {
            if let Some(name) = VideoCodec::from_number(number).as_str() {
                assert_eq!(video_codec(name).as_deref(), Some(name));
            }
            if let Some(name) = AudioCodec::from_number(number).as_str() {
                assert_eq!(audio_codec(name).as_deref(), Some(name));
            }
        }
    }

    #[test]
    fn a_user_s_file_has_limits_and_severities() {
        let loaded = read(
            r#"
            name = "our CDN"
            [video]
            codecs = "H264"
            max_gop = 2.5
            max_bitrate = "4500k"
            min_fps = { value = 24, advice = true }
            [stream]
            max_bitrate = 6000000
            [timing]
            max_av_drift = 1000
            [rules]
            "tcp.reset" = "off"
            "chunk.sync-lost" = "warning"
            "#,
        )
        .unwrap();
        let profile = &loaded.profile;
        assert_eq!(profile.name, "our CDN");
        assert_eq!(profile.words(Key::VideoCodecs).unwrap().0, ["avc"]);
        assert_eq!(profile.number(Key::VideoMaxGop).unwrap().0, 2_500);
        assert_eq!(profile.number(Key::VideoMaxBitrate).unwrap().0, 4_500_000_000);
        assert_eq!(profile.number(Key::StreamMaxBitrate).unwrap().0, 6_000_000_000);
        assert!(profile.limit(Key::VideoMinFps).unwrap().advice);
        assert_eq!(
            loaded.severities,
            [("chunk.sync-lost", Some(Severity::Warning)), ("tcp.reset", None)]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_what_was_meant() {
        for (text, line, says) in [
            (
                "[video]\nmax_gopp = 2\n",
                2,
                "there is no key in [video] max_gopp; did you mean max_gop?",
            ),
            ("[vide]\n", 1, "there is no key vide; did you mean video?"),
            ("\n\n[rules]\n\"chunk.synclost\" = \"off\"\n", 4, "did you mean chunk.sync-lost?"),
            (
                "[rules]\n\"chunk.sync-lost\" = \"of\"\n",
                2,
                "there is no severity of; did you mean off?",
            ),
            ("[rules]\n\"chunk.sync-lost\" = 3\n", 2, "the number 3 stands where \"off\""),
            ("[rules]\nchunk.sync-lost = \"off\"\n", 2, "there is no rule chunk"),
            (
                "[video]\nmax_gop = \"two\"\n",
                2,
                "the text \"two\" stands where a number (s) is wanted",
            ),
            ("[video]\nmax_gop = -1\n", 2, "a number (s) is wanted"),
            ("[video]\nmax_gop = nan\n", 2, "a number (s) is wanted"),
            ("[video]\nmax_bitrate = \"6X\"\n", 2, "a bitrate such as"),
            ("[video]\nb_frames = 1\n", 2, "true or false is wanted"),
            (
                "[video]\ncodecs = [\"avc\", \"hevk\"]\n",
                2,
                "there is no codec hevk; did you mean hevc?",
            ),
            ("[audio]\nsample_rates = [44100.5]\n", 2, "a whole number is wanted"),
            ("[video]\nmax_gop = { valu = 2 }\n", 2, "did you mean value?"),
            ("[video]\nmax_gop = { advice = true }\n", 2, "max_gop has no value"),
            ("[video]\nmax_gop = { value = 2, source = \"x\" }\n", 2, "there is no source x"),
            ("[video]\nmax_gop = 2\nmax_gop = 3\n", 3, "duplicate"),
            ("name = 3\n", 1, "a text in quotes is wanted"),
            ("[[video.bitrates]]\nheigth = 3\n", 2, "did you mean height?"),
            ("video = 3\n", 1, "video has to be a table"),
            ("[video\n", 1, ""),
        ] {
            let (at, what) = wrong(text);
            assert!(at == line && what.contains(says), "{text:?}: line {at}: {what}");
        }
    }

    #[test]
    fn no_text_panics() {
        let whole = BUILT_IN[0].1;
        for cut in (0..whole.len()).step_by(7) {
            let _ = whole.get(..cut).map(read);
        }
        for text in
            ["", "\u{0}", "[video]\nmax_gop = 99999999999999999999999999", "a = [[[[[[[[[[[["]
        {
            let _ = read(text);
        }
    }
}
