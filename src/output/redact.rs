//! Stream keys, tokens and passwords, masked in every output unless asked for.
//!
//! Masking goes by field: the name that a `publish` or `play` carries is a secret, whatever it reads; a word elsewhere
//! that happens to be the same is not. What servers repeat of the name in their answers (`details`, `description`) is
//! masked where it stands as a word of its own.

use core::ops::Range;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::inspect::target::splits;
use crate::inspect::{Event, Field, Finding, FlowId, MessageRecord, Record, Rewritten, Summary};
use crate::proto::amf::{External, Text, Value};
use crate::proto::bitstream::{Bitstream, Content};
use crate::proto::fault::Fault;
use crate::proto::message::{Body, Command};

/// Masks the secrets of records on their way to an output.
#[derive(Debug, Default)]
pub struct Redactor {
    /// What to look for in the payloads and answers of each connection, the latest last.
    secrets: HashMap<FlowId, Vec<String>>,
    /// Bytes of them all.
    held: usize,
    /// Whether payloads are not shown, so that nothing is looked for in those of sound and pictures.
    unshown: bool,
}

/// Calls whose first argument is a stream name, or the answer to a challenge.
const NAMED: [&str; 10] = [
    "publish",
    "releaseStream",
    "FCPublish",
    "FCUnpublish",
    "play",
    "FCSubscribe",
    "FCUnsubscribe",
    "getStreamLength",
    "onFCPublish",
    "secureTokenResponse",
];
/// Names in a query whose value is no secret.
const PLAIN: [&str; 6] = ["vhost", "authmod", "type", "live", "reset", "app"];
/// Bytes of a part of a secret that says anything by itself.
const PART: usize = 3;
/// Secrets remembered per connection. Answers come soon, so of more than these the oldest go.
const MOST: usize = 64;
/// Bytes of them.
const MOST_BYTES: usize = 256 << 10;
/// Bytes of all connections' secrets; over it each connection has only [`FEW_BYTES`].
const MOST_HELD: usize = 8 << 20;
/// Room for the names of one session.
const FEW_BYTES: usize = 1 << 10;

impl Redactor {
    /// The same, for outputs that do not show payloads: frames then need not be searched.
    #[must_use]
    pub const fn without_payloads(mut self) -> Self {
        self.unshown = true;
        self
    }

    /// Hands the record on to `next`, masked.
    #[inline]
    pub fn pass(&mut self, record: &Record<'_>, next: &mut dyn FnMut(&Record<'_>)) {
        match record.event {
            Event::Message(message) => match message.body {
                Body::Command(_) | Body::Data(_) | Body::SharedObject(_) | Body::Aggregate(_) => {
                    self.message(record, &message, next);
                }
                Body::Video(video)
                    if video.metadata.is_some()
                        || !video.tracks.is_empty()
                        || !message.bitstreams.is_empty() =>
                {
                    self.message(record, &message, next);
                }
                _ if self.unshown || self.held == 0 => next(record),
                _ => self.payload(record, &message, next),
            },
            Event::Finding(finding) => {
                let known = self.secrets.get(&record.connection.unwrap_or(0));
                match mask_quoted(&finding.message, known.map_or(&[], Vec::as_slice)) {
                    Some(message) => {
                        let finding = Finding { message, ..finding.clone() };
                        next(&Record { event: Event::Finding(&finding), ..*record });
                    }
                    None => next(record),
                }
            }
            Event::Summary(summary) => {
                let known =
                    record.connection.and_then(|connection| self.secrets.remove(&connection));
                let known = known.unwrap_or_default();
                self.held -= known.iter().map(String::len).sum::<usize>();
                let summary = mask_summary(summary, &known);
                next(&Record { event: Event::Summary(&summary), ..*record });
            }
            Event::Rewritten(rewritten) => self.rewritten(record, rewritten, next),
            _ => next(record),
        }
    }

    /// A value before and after it was replaced: both are as secret as in the message itself.
    #[cold]
    fn rewritten(
        &mut self,
        record: &Record<'_>,
        rewritten: Rewritten<'_>,
        next: &mut dyn FnMut(&Record<'_>),
    ) {
        let mut found = Vec::new();
        let mut masked = |text: &str| {
            if rewritten.field == Field::StreamName {
                let mut name = Text::from(text);
                mask_name(&mut name, &mut found);
                name.as_str().unwrap_or_default().to_owned()
            } else {
                mask_text(text, &[], &mut found).unwrap_or_else(|| text.to_owned())
            }
        };
        let (before, after) = (masked(rewritten.before), masked(rewritten.after));
        self.learn(record.connection, found);
        let rewritten = Rewritten { before: &before, after: &after, ..rewritten };
        next(&Record { event: Event::Rewritten(rewritten), ..*record });
    }

    #[cold]
    fn message(
        &mut self,
        record: &Record<'_>,
        message: &MessageRecord<'_>,
        next: &mut dyn FnMut(&Record<'_>),
    ) {
        let mut body = message.body.clone();
        self.mask(record.connection, &mut body, !message.raw.damaged.is_empty());
        let bitstreams = self.mask_bitstreams(record.connection, message.bitstreams);
        let secrets = self.secrets.get(&record.connection.unwrap_or(0));
        let payload = message.raw.payload;
        let mut ranges = secrets.map_or_else(Vec::new, |secrets| secret_ranges(payload, secrets));
        hide_unread(message.body, message.malformed, 0..payload.len(), &mut ranges);
        let bitstreams = bitstreams.as_deref().unwrap_or(message.bitstreams);
        let message = MessageRecord { body: &body, bitstreams, masked: &ranges, ..*message };
        next(&Record { event: Event::Message(message), ..*record });
    }

    /// Masks the payload of a message that says nothing in words.
    #[cold]
    fn payload(
        &self,
        record: &Record<'_>,
        message: &MessageRecord<'_>,
        next: &mut dyn FnMut(&Record<'_>),
    ) {
        let secrets = self.secrets.get(&record.connection.unwrap_or(0));
        let ranges =
            secrets.map_or_else(Vec::new, |secrets| secret_ranges(message.raw.payload, secrets));
        let message = MessageRecord { masked: &ranges, ..*message };
        next(&Record { event: Event::Message(message), ..*record });
    }

    /// Masks what encoders and applications wrote beside the picture; `None` where they wrote nothing.
    fn mask_bitstreams(
        &mut self,
        connection: Option<FlowId>,
        bitstreams: &[Option<Bitstream>],
    ) -> Option<Vec<Option<Bitstream>>> {
        let said =
            |content: &Content| matches!(content, Content::Unregistered { text: Some(_), .. });
        let mut messages = bitstreams.iter().flatten().flat_map(|bitstream| &bitstream.messages);
        if !messages.any(|message| said(&message.content)) {
            return None;
        }
        let known = self.secrets.get(&connection.unwrap_or(0)).map_or(&[][..], Vec::as_slice);
        let mut found = Vec::new();
        let mut masked = bitstreams.to_vec();
        for message in masked.iter_mut().flatten().flat_map(|bitstream| &mut bitstream.messages) {
            if let Content::Unregistered { text: Some(text), .. } = &mut message.content {
                // Unlike a URL's, its words are all its own.
                let mut ranges = url_secrets(text);
                found.extend(ranges.iter().map(|range| text[range.clone()].to_owned()));
                ranges.extend(known.iter().flat_map(|secret| words(text, secret)));
                if let Some(masked) = mask_ranges(text, ranges) {
                    *text = masked.into();
                }
            }
        }
        self.learn(connection, found);
        Some(masked)
    }

    /// Masks what a body says, and learns from it.
    fn mask(&mut self, connection: Option<FlowId>, body: &mut Body, damaged: bool) {
        let known = self.secrets.entry(connection.unwrap_or(0)).or_default();
        let mut found = Vec::new();
        match body {
            Body::Command(command) => mask_command(command, damaged, known, &mut found),
            // Metadata and the like repeat URLs and stream names.
            Body::Data(data) => {
                data.arguments.iter_mut().for_each(|value| mask_texts(value, known, &mut found));
            }
            Body::SharedObject(object) => {
                let values = object.events.iter_mut().flat_map(|event| event.kind.values_mut());
                values.for_each(|value| mask_texts(value, known, &mut found));
            }
            // Names that no specification has may be anything.
            Body::Video(video) => {
                let tracks = video.tracks.iter_mut().filter_map(|track| track.metadata.as_mut());
                video.metadata.iter_mut().chain(tracks).for_each(|value| {
                    mask_texts(value, known, &mut found);
                });
            }
            Body::Aggregate(aggregate) => {
                for inner in &mut aggregate.messages {
                    self.mask(connection, &mut inner.body, !inner.missing.is_empty());
                }
            }
            _ => {}
        }
        self.learn(connection, found);
    }

    /// Remembers what was found to be secret.
    fn learn(&mut self, connection: Option<FlowId>, mut found: Vec<String>) {
        if found.is_empty() {
            return;
        }
        let secrets = self.secrets.entry(connection.unwrap_or(0)).or_default();
        // Of what is no UTF-8 the parts that are stand in payloads as they are.
        let parts = found.iter().filter(|secret| secret.contains('\u{fffd}'));
        let parts =
            parts.flat_map(|secret| secret.split('\u{fffd}')).filter(|part| part.len() >= PART);
        let parts: Vec<String> = parts.map(str::to_owned).collect();
        found.extend(parts);
        found.retain(|secret| !secrets.contains(secret));
        if !found.is_empty() {
            let before: usize = secrets.iter().map(String::len).sum();
            let room = if self.held > MOST_HELD { FEW_BYTES } else { MOST_BYTES };
            let after = remember(secrets, found, room);
            self.held = self.held + after - before;
        }
    }
}

/// Masks what a command says.
fn mask_command(command: &mut Command, damaged: bool, known: &[String], found: &mut Vec<String>) {
    // A name that a hole cuts (zeros stand for what is missing) may be any of them.
    let named = NAMED.contains(&command.name()) || damaged && command.name().contains('\0');
    let play2 = command.name() == "play2";
    let first = command.arguments.first_mut();
    let mut hidden = false;
    if named && let Some(name) = first.and_then(Value::as_text_mut) {
        mask_name(name, found);
        hidden = true;
    } else if play2 && let Some(first) = command.arguments.first_mut() {
        each_member(first, &mut |key, value| {
            if matches!(key.as_str(), Some("streamName" | "oldStreamName"))
                && let Some(name) = value.as_text_mut()
            {
                mask_name(name, found);
            }
        });
    }
    if let Some(object) = &mut command.object {
        mask_texts(object, known, found);
    }
    let rest = command.arguments.iter_mut().skip(usize::from(hidden));
    rest.for_each(|value| mask_texts(value, known, found));
}

/// Whether what cannot be read of a command may be a secret.
fn may_hide(command: &Command) -> bool {
    NAMED.contains(&command.name())
        || matches!(command.name(), "connect" | "play2")
        || command.name().contains('\0')
}

/// Hides what follows a fault in the part `at` of a payload: the secret may be in what could not be read.
fn hide_unread(
    body: &Body,
    fault: Option<&Fault>,
    at: Range<usize>,
    ranges: &mut Vec<Range<usize>>,
) {
    if let Body::Aggregate(aggregate) = body {
        for inner in &aggregate.messages {
            let part = at.start + inner.payload.start..at.start + inner.payload.end;
            hide_unread(&inner.body, inner.fault.as_ref(), part, ranges);
        }
    }
    let (Some(fault), Body::Command(command)) = (fault, body) else { return };
    let unread = at.start + fault.offset..at.end;
    if unread.is_empty() || !may_hide(command) {
        return;
    }
    // In order and without overlap.
    let mut kept = ranges.split_off(ranges.partition_point(|range| range.end <= unread.start));
    kept.retain_mut(|range| {
        if range.start < unread.start {
            ranges.push(range.start..unread.start);
        }
        range.start = range.start.max(unread.end);
        range.start < range.end
    });
    ranges.push(unread);
    ranges.append(&mut kept);
}

/// Adds secrets; the oldest go where they are too many, down to the last one. Gives the bytes of them all.
fn remember(secrets: &mut Vec<String>, found: Vec<String>, room: usize) -> usize {
    for secret in found {
        if !secrets.contains(&secret) {
            secrets.push(secret);
        }
    }
    let mut bytes: usize = secrets.iter().map(String::len).sum();
    let mut gone = 0;
    while secrets.len() - gone > MOST || bytes > room && secrets.len() - gone > 1 {
        bytes -= secrets[gone].len();
        gone += 1;
    }
    secrets.drain(..gone);
    if bytes > MOST_BYTES {
        secrets.clear(); // no stream is called so
        bytes = 0;
    }
    bytes
}

/// A secret as it may be shown: `live_1…9f`. Short ones show next to nothing.
#[must_use]
pub fn mask(secret: &str) -> String {
    let length = secret.chars().count();
    let head = (length / 4).min(6);
    let tail = (length / 8).min(2);
    let mut out: String = secret.chars().take(head).collect();
    out.push('…');
    out.extend(secret.chars().skip(length - tail));
    out
}

/// Masks a stream name; its query and its words are secrets of their own.
fn mask_name(name: &mut Text, found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(name.as_bytes()).into_owned();
    if text.is_empty() {
        return;
    }
    found.push(text.clone());
    if let Some((stem, query)) = text.split_once('?') {
        if !stem.is_empty() {
            found.push(stem.to_owned());
        }
        found.extend(query_secrets(query).map(|range| query[range].to_owned()));
    }
    *name = Text::from(mask(&text).as_str());
}

/// Masks the secrets in every text of a value: those of URLs and queries, and the known ones as words.
fn mask_texts(value: &mut Value, known: &[String], found: &mut Vec<String>) {
    match value {
        Value::String(text)
        | Value::LongString(text)
        | Value::Xml(text)
        | Value::XmlDocument(text)
        | Value::XmlString(text) => {
            let said = String::from_utf8_lossy(text.as_bytes());
            if let Some(masked) = mask_text(&said, known, found) {
                *text = Text::from(masked.as_str());
            }
        }
        Value::StrictArray(items) | Value::VectorObject { items, .. } => {
            items.iter_mut().for_each(|value| mask_texts(value, known, found));
        }
        Value::Array { assoc, dense } => {
            assoc.iter_mut().map(|(_, value)| value).chain(dense).for_each(|value| {
                mask_texts(value, known, found);
            });
        }
        Value::Dictionary { entries, .. } => {
            for (key, value) in entries {
                mask_texts(key, known, found);
                mask_texts(value, known, found);
            }
        }
        Value::Amf3(inner) => mask_texts(inner, known, found),
        value => each_member(value, &mut |key, value| {
            // The app's own name may well be the word that a stream is called by.
            let known = if key.as_str() == Some("app") { &[][..] } else { known };
            mask_texts(value, known, found);
        }),
    }
}

/// Calls `change` for each member of an object of any kind.
fn each_member(value: &mut Value, change: &mut dyn FnMut(&Text, &mut Value)) {
    match value {
        Value::Amf3(inner) => each_member(inner, change),
        Value::Object(entries)
        | Value::EcmaArray { entries, .. }
        | Value::TypedObject { entries, .. }
        | Value::Array { assoc: entries, .. } => {
            entries.iter_mut().for_each(|(key, value)| change(key, value));
        }
        Value::Instance(instance) => {
            let traits = Arc::clone(&instance.traits);
            traits
                .members
                .iter()
                .zip(&mut instance.sealed)
                .for_each(|(key, value)| change(key, value));
            instance.dynamic.iter_mut().for_each(|(key, value)| change(key, value));
            match &mut instance.external {
                // It is no member, and has no name.
                Some(External::Value(value)) => change(&Text::default(), value),
                Some(External::Message(message)) => {
                    message.members.iter_mut().for_each(|(key, value)| change(key, value));
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// The text with its secrets masked; `None` where it has none.
fn mask_text(text: &str, known: &[String], found: &mut Vec<String>) -> Option<String> {
    let mut ranges = url_secrets(text);
    found.extend(ranges.iter().map(|range| text[range.clone()].to_owned()));
    if !text.contains("://") {
        for secret in known {
            ranges.extend(words(text, secret));
        }
    }
    mask_ranges(text, ranges)
}

/// The text with these ranges of it masked; `None` where there are none.
fn mask_ranges(text: &str, mut ranges: Vec<Range<usize>>) -> Option<String> {
    if ranges.is_empty() {
        return None;
    }
    ranges.sort_by_key(|range| (range.start, usize::MAX - range.end));
    let mut out = String::new();
    let mut at = 0;
    for range in ranges {
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str(&mask(&text[range.clone()]));
            at = range.end;
        }
    }
    out.push_str(&text[at..]);
    Some(out)
}

/// Where a URL, or the query behind a `?`, holds secrets: user and password, and the values of the query.
fn url_secrets(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    if let Some(scheme) = text.find("://") {
        let begin = scheme + 3;
        let end = text[begin..].find(['/', '?']).map_or(text.len(), |at| begin + at);
        if let Some(at) = text[begin..end].rfind('@') {
            ranges.push(begin..begin + at);
        }
    }
    if let Some(query) = text.find('?') {
        let begin = query + 1;
        ranges.extend(
            query_secrets(&text[begin..]).map(|range| begin + range.start..begin + range.end),
        );
    }
    ranges
}

/// The values of a query that may be secrets: all that are not known not to be.
fn query_secrets(query: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    query.split(['&', '?']).filter_map(move |part| {
        let begin = at;
        at += part.len() + 1;
        let (name, value) = part.split_once('=')?;
        let from = begin + name.len() + 1;
        (!value.is_empty() && !PLAIN.contains(&name)).then_some(from..from + value.len())
    })
}

/// Where `word` stands in `text` as a word of its own.
fn words(text: &str, word: &str) -> Vec<Range<usize>> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word)
        .filter(|(at, _)| {
            !text[..*at].chars().next_back().is_some_and(inside)
                && !text[at + word.len()..].chars().next().is_some_and(inside)
        })
        .map(|(at, _)| at..at + word.len())
        .collect()
}

/// Where the payload holds the secrets, as whole AMF strings or inside longer ones.
fn secret_ranges(payload: &[u8], secrets: &[String]) -> Vec<Range<usize>> {
    let inside = |byte: Option<&u8>| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let mut ranges = Vec::new();
    for secret in secrets {
        for at in memchr::memmem::find_iter(payload, secret.as_bytes()) {
            let end = at + secret.len();
            let length = (secret.len() as u16).to_be_bytes();
            let whole = at >= 2 && payload[at - 2..at] == length;
            let word = !inside(at.checked_sub(1).and_then(|before| payload.get(before)))
                && !inside(payload.get(end));
            if whole || word {
                ranges.push(at..end);
            }
        }
    }
    // In order and without overlap, so that a byte is found among them quickly.
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let joined = next.start <= last.end;
        if joined {
            last.end = last.end.max(next.end);
        }
        joined
    });
    ranges
}

/// The sentence of a finding with its secrets masked; `None` where it has none. What a peer sent stands in quotes there,
/// and all else is our own words.
fn mask_quoted(text: &str, known: &[String]) -> Option<String> {
    if !text.contains('"') {
        return None;
    }
    let mut masked = false;
    let parts = text.split('"').enumerate().map(|(index, part)| {
        let found = (index % 2 == 1).then(|| mask_text(part, known, &mut Vec::new())).flatten();
        masked |= found.is_some();
        found.map_or(Cow::Borrowed(part), Cow::Owned)
    });
    let text = parts.collect::<Vec<_>>().join("\"");
    masked.then_some(text)
}

/// A stream name with each of its components masked, and the values of its query, so that it can still be taken apart.
fn mask_parts(name: &str) -> String {
    let (stem, query) =
        name.split_once('?').map_or((name, None), |(stem, query)| (stem, Some(query)));
    let parts =
        stem.split('/').map(|part| if part.is_empty() { String::new() } else { mask(part) });
    let mut masked = parts.collect::<Vec<_>>().join("/");
    if let Some(query) = query {
        let query = format!("?{query}");
        masked.push_str(&mask_text(&query, &[], &mut Vec::new()).unwrap_or(query));
    }
    masked
}

fn mask_summary(summary: &Summary, known: &[String]) -> Summary {
    let mut findings_list = summary.findings_list.clone();
    for listed in &mut findings_list {
        if let Some(message) = mask_quoted(&listed.finding.message, known) {
            listed.finding.message = message;
        }
    }
    let url = |text: &Option<String>| {
        text.as_ref()
            .map(|text| mask_text(text, &[], &mut Vec::new()).unwrap_or_else(|| text.clone()))
    };
    let (app, tc_url) = (url(&summary.app), url(&summary.tc_url));
    let name = summary.stream_name.as_deref().map(mask_parts);
    let mut verdict = summary.verdict.clone();
    if let Some(sentence) = mask_quoted(&verdict.sentence, known) {
        verdict.sentence = sentence;
    }
    Summary {
        splits: splits(app.as_deref(), tc_url.as_deref(), name.as_deref()),
        verdict,
        app,
        tc_url,
        stream_name: summary.stream_name.as_deref().map(mask),
        findings_list,
        ..summary.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_enough_to_tell_keys_apart_and_no_more() {
        for (secret, shown) in [
            ("live_123456789_abcdef9f", "live_…9f"),
            ("live_1234567890123456789f", "live_1…9f"),
            ("cam1", "c…"),
            ("abc", "…"),
            ("", "…"),
            ("schlüssel", "sc…l"),
        ] {
            assert_eq!(mask(secret), shown, "{secret}");
        }
    }

    #[test]
    fn findings_are_masked_where_they_quote() {
        let known = ["chunk".to_owned()];
        let shown = |text: &str| mask_quoted(text, &known);
        assert_eq!(shown("a chunk is long"), None);
        assert_eq!(shown("the app \"live\" has a chunk"), None);
        let masked = format!("stream \"{}\", a chunk of \"x\"", mask("chunk"));
        assert_eq!(shown("stream \"chunk\", a chunk of \"x\""), Some(masked));
        let masked = format!("tcUrl \"rtmp://h/a?key={}\"", mask("12345678"));
        assert_eq!(shown("tcUrl \"rtmp://h/a?key=12345678\""), Some(masked));
    }

    #[test]
    fn urls_and_queries() {
        for (text, shown) in [
            ("rtmp://host/live", None),
            (
                "rtmp://user:pass@host/live",
                Some("rtmp://us…s@host/live".replace("us…s", &mask("user:pass"))),
            ),
            (
                "rtmp://host/live?token=abcdefgh",
                Some(format!("rtmp://host/live?token={}", mask("abcdefgh"))),
            ),
            (
                "app?authmod=adobe&user=bob&response=xyz",
                Some(format!("app?authmod=adobe&user={}&response={}", mask("bob"), mask("xyz"))),
            ),
            ("live?vhost=a.example", None),
        ] {
            assert_eq!(mask_text(text, &[], &mut Vec::new()), shown, "{text}");
        }
    }

    #[test]
    fn a_known_secret_is_masked_as_a_word_and_never_inside_another() {
        let known = ["live".to_owned()];
        let shown = |text: &str| mask_text(text, &known, &mut Vec::new());
        assert_eq!(
            shown("live is now published."),
            Some(format!("{} is now published.", mask("live")))
        );
        assert_eq!(shown("delivered alive, live_2 too"), None);
    }

    #[test]
    fn the_latest_secrets_are_remembered_and_no_more_than_there_is_room_for() {
        let mut secrets = Vec::new();
        let names = |from: usize, to: usize| (from..to).map(|n| format!("name{n:04}")).collect();
        assert_eq!(remember(&mut secrets, names(0, MOST), MOST_BYTES), MOST * 8);
        assert_eq!(secrets[0], "name0000");
        assert_eq!(remember(&mut secrets, names(MOST, MOST + 1), MOST_BYTES), MOST * 8);
        assert_eq!((secrets[0].as_str(), secrets.len()), ("name0001", MOST));
        assert_eq!(remember(&mut secrets, names(100, 101), 16), 16);
        assert_eq!(secrets, ["name0064", "name0100"]);
        assert_eq!(remember(&mut secrets, vec!["x".repeat(MOST_BYTES)], 16), MOST_BYTES);
        assert_eq!(remember(&mut secrets, vec!["x".repeat(MOST_BYTES + 1)], 16), 0);
    }

    #[test]
    fn what_is_no_utf8_is_as_secret() {
        let mut redactor = Redactor::default();
        let name = || Text::from(&b"live_\xff_se\xc3cret_key"[..]);
        let publish = Command {
            name: Some("publish".into()),
            arguments: vec![Value::String(name())],
            ..Command::default()
        };
        let mut body = Body::Command(Box::new(publish));
        redactor.mask(Some(1), &mut body, false);
        let Body::Command(publish) = &body else { panic!("{body:?}") };
        assert_eq!(publish.arguments, [Value::from("live…ey")]);
        // Its parts are found where they stand in a payload, and answers that repeat it are masked.
        let secrets = &redactor.secrets[&1];
        assert_eq!(
            secret_ranges(b"\x02\0\x14live_\xff_se\xc3cret_key", secrets),
            [3..8, 9..12, 13..21]
        );
        let mut details = Value::Object(vec![("details".into(), Value::String(name()))]);
        mask_texts(&mut details, secrets, &mut Vec::new());
        assert!(!format!("{details:?}").contains("cret_key"), "{details:?}");
        // So is what a query of such a text says.
        let mut app = Value::String(Text::from(&b"live?response=ab\xffcdefgh"[..]));
        mask_texts(&mut app, &[], &mut Vec::new());
        assert!(!format!("{app:?}").contains("cdefgh"), "{app:?}");
    }

    #[test]
    fn payload_bytes_of_a_secret_are_found() {
        let payload = b"\x02\x00\x04cam1\x02\x00\x05cam12\x02\x00\x06x cam1";
        assert_eq!(secret_ranges(payload, &["cam1".to_owned()]), [3..7, 20..24]);
        let overlapping = ["ab-cd".to_owned(), "cd ef".to_owned(), "ab-cd ef".to_owned()];
        assert_eq!(secret_ranges(b". ab-cd ef . ab-cd", &overlapping), [2..10, 13..18]);
    }

    #[test]
    fn names_keep_their_parts() {
        for (name, masked) in [
            ("cam1", mask("cam1")),
            ("a/live_key12", format!("{}/{}", mask("a"), mask("live_key12"))),
            (
                "cam1?token=abcdefgh&vhost=v",
                format!("{}?token={}&vhost=v", mask("cam1"), mask("abcdefgh")),
            ),
            ("?k", "?k".to_owned()),
        ] {
            assert_eq!(mask_parts(name), masked);
        }
    }
}
