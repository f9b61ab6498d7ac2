//! Stream keys, tokens and passwords, masked in every output unless asked for.
//!
//! Masking goes by field: the name that a `publish` or `play` carries is a secret, whatever it reads; a word elsewhere
//! that happens to be the same is not. What servers repeat of the name in their answers (`details`, `description`) is
//! masked where it stands as a word of its own.

use core::ops::Range;
use std::collections::HashMap;

use crate::inspect::{Event, FlowId, MessageRecord, Record, Summary};
use crate::proto::amf::{Text, Value};
use crate::proto::message::{Body, Command, Data};

/// Masks the secrets of records on their way to an output.
#[derive(Debug, Default)]
pub struct Redactor {
    /// What to look for in the payloads and answers of each connection, the latest last.
    secrets: HashMap<FlowId, Vec<String>>,
    /// Bytes of them all.
    held: usize,
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
/// Secrets remembered per connection. Answers come soon, so of more than these the oldest go.
const MOST: usize = 64;
/// Bytes of them.
const MOST_BYTES: usize = 256 << 10;
/// Bytes of all connections' secrets; over it each connection has only [`FEW_BYTES`].
const MOST_HELD: usize = 8 << 20;
/// Room for the names of one session.
const FEW_BYTES: usize = 1 << 10;

impl Redactor {
    /// Hands the record on to `next`, masked.
    #[inline]
    pub fn pass(&mut self, record: &Record<'_>, next: &mut dyn FnMut(&Record<'_>)) {
        match record.event {
            Event::Message(message) => match message.body {
                Body::Command(command) => self.command(record, &message, command, next),
                Body::Data(data) => self.data(record, &message, data, next),
                _ => next(record),
            },
            Event::Summary(summary) => {
                if let Some(connection) = record.connection
                    && let Some(secrets) = self.secrets.remove(&connection)
                {
                    self.held -= secrets.iter().map(String::len).sum::<usize>();
                }
                let summary = mask_summary(summary);
                next(&Record { event: Event::Summary(&summary), ..*record });
            }
            _ => next(record),
        }
    }

    #[cold]
    fn command(
        &mut self,
        record: &Record<'_>,
        message: &MessageRecord<'_>,
        command: &Command,
        next: &mut dyn FnMut(&Record<'_>),
    ) {
        let secrets = self.secrets.entry(record.connection.unwrap_or(0)).or_default();
        let mut masked = command.clone();
        let mut found = Vec::new();
        // A name that a hole cuts (zeros stand for what is missing) may be any of them.
        let named = NAMED.contains(&command.name())
            || !message.raw.damaged.is_empty() && command.name().contains('\0');
        if named
            && let Some(Value::String(name) | Value::LongString(name)) =
                masked.arguments.first_mut()
        {
            mask_name(name, &mut found);
        }
        if command.name() == "play2"
            && let Some(Value::Object(entries)) = masked.arguments.first_mut()
        {
            for (_, value) in entries
                .iter_mut()
                .filter(|(key, _)| matches!(key.as_str(), Some("streamName" | "oldStreamName")))
            {
                if let Value::String(name) = value {
                    mask_name(name, &mut found);
                }
            }
        }
        let mut walk = |value: &mut Value| mask_texts(value, secrets, &mut found);
        if let Some(object) = &mut masked.object {
            walk(object);
        }
        let name = named && masked.arguments.first().is_some_and(|first| first.as_str().is_some());
        masked.arguments.iter_mut().skip(usize::from(name)).for_each(walk);
        self.learn(record.connection, found);
        let mut ranges = self.ranges(record, message);
        if named || matches!(command.name(), "connect" | "play2") {
            hide_unread(message, &mut ranges);
        }
        let body = Body::Command(Box::new(masked));
        let message = MessageRecord { body: &body, masked: &ranges, ..*message };
        next(&Record { event: Event::Message(message), ..*record });
    }

    /// Metadata and the like repeat URLs and stream names.
    #[cold]
    fn data(
        &mut self,
        record: &Record<'_>,
        message: &MessageRecord<'_>,
        data: &Data,
        next: &mut dyn FnMut(&Record<'_>),
    ) {
        let known = record.connection.and_then(|connection| self.secrets.get(&connection));
        let known = known.map_or(&[][..], Vec::as_slice);
        let mut masked = data.clone();
        let mut found = Vec::new();
        masked.arguments.iter_mut().for_each(|value| mask_texts(value, known, &mut found));
        self.learn(record.connection, found);
        let ranges = self.ranges(record, message);
        let body = Body::Data(Box::new(masked));
        let message = MessageRecord { body: &body, masked: &ranges, ..*message };
        next(&Record { event: Event::Message(message), ..*record });
    }

    /// Remembers what was found to be secret.
    fn learn(&mut self, connection: Option<FlowId>, mut found: Vec<String>) {
        if found.is_empty() {
            return;
        }
        let secrets = self.secrets.entry(connection.unwrap_or(0)).or_default();
        found.retain(|secret| !secrets.contains(secret));
        if !found.is_empty() {
            let before: usize = secrets.iter().map(String::len).sum();
            let room = if self.held > MOST_HELD { FEW_BYTES } else { MOST_BYTES };
            let after = remember(secrets, found, room);
            self.held = self.held + after - before;
        }
    }

    /// Where the message's payload holds what is known to be secret.
    fn ranges(&self, record: &Record<'_>, message: &MessageRecord<'_>) -> Vec<Range<usize>> {
        let secrets = self.secrets.get(&record.connection.unwrap_or(0));
        secrets.map_or_else(Vec::new, |secrets| secret_ranges(message.raw.payload, secrets))
    }
}

/// Hides what follows a fault: the secret may be in what could not be read.
fn hide_unread(message: &MessageRecord<'_>, ranges: &mut Vec<Range<usize>>) {
    let Some(fault) = message.malformed else { return };
    let end = message.raw.payload.len();
    ranges.retain_mut(|range| {
        range.end = range.end.min(fault.offset);
        range.start < range.end
    });
    if fault.offset < end {
        ranges.push(fault.offset..end);
    }
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
    let Some(text) = name.as_str().filter(|text| !text.is_empty()) else { return };
    found.push(text.to_owned());
    if let Some((stem, query)) = text.split_once('?') {
        if !stem.is_empty() {
            found.push(stem.to_owned());
        }
        found.extend(query_secrets(query).map(|range| query[range].to_owned()));
    }
    *name = Text::from(mask(text).as_str());
}

/// Masks the secrets in every text of a value: those of URLs and queries, and the known ones as words.
fn mask_texts(value: &mut Value, known: &[String], found: &mut Vec<String>) {
    match value {
        Value::String(text) | Value::LongString(text) => {
            if let Some(masked) = text.as_str().and_then(|text| mask_text(text, known, found)) {
                *text = Text::from(masked.as_str());
            }
        }
        Value::Object(entries)
        | Value::EcmaArray { entries, .. }
        | Value::TypedObject { entries, .. } => {
            for (key, value) in entries {
                // The app's own name may well be the word that a stream is called by.
                let known = if key.as_str() == Some("app") { &[][..] } else { known };
                mask_texts(value, known, found);
            }
        }
        Value::StrictArray(items) => {
            items.iter_mut().for_each(|value| mask_texts(value, known, found))
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

fn mask_summary(summary: &Summary) -> Summary {
    let url = |text: &Option<String>| {
        text.as_ref()
            .map(|text| mask_text(text, &[], &mut Vec::new()).unwrap_or_else(|| text.clone()))
    };
    Summary {
        app: url(&summary.app),
        tc_url: url(&summary.tc_url),
        stream_name: summary.stream_name.as_deref().map(mask),
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
    fn payload_bytes_of_a_secret_are_found() {
        let payload = b"\x02\x00\x04cam1\x02\x00\x05cam12\x02\x00\x06x cam1";
        assert_eq!(secret_ranges(payload, &["cam1".to_owned()]), [3..7, 20..24]);
        let overlapping = ["ab-cd".to_owned(), "cd ef".to_owned(), "ab-cd ef".to_owned()];
        assert_eq!(secret_ranges(b". ab-cd ef . ab-cd", &overlapping), [2..10, 13..18]);
    }
}
