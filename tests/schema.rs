//! What is written and what is published are the same: every line that the writer can produce is valid under the
//! schema, whatever the schema has is written somewhere, and lines that deviate are rejected.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set itself up has to fail, also in its helpers"
)]

mod common;
mod synthetic;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jsonschema::Validator;
use rtmpctl::inspect::EVENT_NAMES;
use rtmpctl::output::payload::Form;
use rtmpctl::output::schema::SCHEMA;
use rtmpctl::proto::message::Kind;
use serde_json::{Value, json};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// Fails with the line and the branch of the schema that it comes closest to.
fn assert_valid(validator: &Validator, line: &Value) {
    if validator.is_valid(line) {
        return;
    }
    // Of the many branches, only that of the event says something.
    let mut branch = schema();
    branch["$ref"] = json!(format!("#/$defs/{}", line["event"].as_str().unwrap_or("record")));
    branch.as_object_mut().unwrap().remove("oneOf");
    let branch = jsonschema::draft202012::new(&branch).unwrap();
    let errors: Vec<String> = branch
        .iter_errors(line)
        .map(|error| format!("{}: {}", error.instance_path(), error))
        .map(|error| error.chars().take(2000).collect())
        .collect();
    panic!("not valid: {line}\n{}", errors.join("\n"));
}

#[test]
fn the_schema_is_one_and_names_every_event_and_kind() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    assert_eq!(schema["properties"]["event"]["enum"], json!(EVENT_NAMES));
    let kinds = Kind::ALL.map(Kind::as_str);
    assert_eq!(schema["$defs"]["message_fields"]["properties"]["kind"]["enum"], json!(kinds));
}

#[test]
fn every_field_is_described() {
    fn walk(schema: &Value, node: &Value, path: &str) {
        let Some(object) = node.as_object() else { return };
        for (name, field) in
            object.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let path = format!("{path}.{name}");
            let referred =
                field["$ref"].as_str().map(|to| &schema.pointer(&to[1..]).unwrap()["description"]);
            let described = field["description"].as_str().or_else(|| referred?.as_str());
            // What narrows a field that is described elsewhere: a constant, or what it requires.
            let narrows = field.as_object().is_none_or(|field| {
                field.keys().all(|key| ["const", "required", "$ref"].contains(&key.as_str()))
            });
            assert!(narrows || described.is_some(), "{path} is not described");
            assert!(described.is_none_or(|text| text.ends_with('.')), "{path}: {described:?}");
        }
        for (key, value) in object {
            match value {
                Value::Object(_) => walk(schema, value, &format!("{path}/{key}")),
                Value::Array(items) => {
                    items.iter().for_each(|item| walk(schema, item, &format!("{path}/{key}")));
                }
                _ => {}
            }
        }
    }
    let schema = schema();
    walk(&schema, &schema, "");
}

#[test]
fn every_synthetic_record_is_valid() {
    let validator = validator();
    for line in common::parse(&synthetic::lines()) {
        assert_valid(&validator, &line);
    }
}

#[test]
fn what_was_read_before_a_fault_is_written() {
    let lines = synthetic::lines();
    let of = |kind: &str, fields: &[&str]| {
        common::parse(&lines).iter().any(|line| {
            let body = &line[kind];
            line["malformed"].is_object()
                && body["enhanced"] == true
                && fields.iter().all(|field| body.get(*field).is_none())
        })
    };
    // Enhanced headers that end right behind their first byte.
    assert!(of("audio", &["codec", "packet_type"]));
    assert!(of("video", &["codec", "packet_type"]));
    // A nanosecond before the first packet rounds to no time at all.
    assert!(lines.contains("\"elapsed\":0.000000,") && !lines.contains("-0.000000"));
}

/// Decodes every capture in some way and checks each line. Most lines differ from others in their numbers only, but
/// all are checked.
fn check_captures(options: &common::Options) {
    let validator = validator();
    for path in common::captures().into_iter().chain(common::recordings()) {
        let lines = common::decode_to_lines(&[&path], options);
        let records = check_lines(&lines, &path);
        for record in &records {
            assert_valid(&validator, record);
        }
        assert_eq!(records[0]["event"], "start");
    }
}

/// What holds for every line whatever the schema says: strict JSON without a key twice, numbered without holes.
fn check_lines(lines: &str, path: &Path) -> Vec<Value> {
    let records = common::parse(lines);
    for (index, (line, record)) in lines.lines().zip(&records).enumerate() {
        assert_eq!(record["seq"], index, "{}: {line}", path.display());
        assert_eq!(repeated_key(line), None, "{}: {line}", path.display());
    }
    records
}

#[test]
fn every_line_of_every_capture_is_valid() {
    check_captures(&common::Options::default());
}

#[test]
fn every_line_is_valid_with_chunks_and_masks() {
    check_captures(&common::Options { chunks: true, redact: true, ..Default::default() });
}

#[test]
fn every_line_is_valid_with_payloads_in_hex() {
    check_captures(&common::Options { payload: Form::Hex, redact: true, ..Default::default() });
}

#[test]
fn every_line_is_valid_with_the_beginnings_of_payloads_in_base64() {
    check_captures(&common::Options {
        payload: Form::Base64,
        payload_bytes: Some(100),
        chunks: true,
        ..Default::default()
    });
}

#[test]
fn every_line_is_valid_with_what_frames_are_made_of() {
    check_captures(&common::Options { bitstream: true, ..Default::default() });
}

#[test]
fn several_captures_are_one_run() {
    let paths = common::captures();
    let paths: Vec<&Path> = paths.iter().take(2).map(AsRef::as_ref).collect();
    let options = common::Options::default();
    let lines = common::decode_to_lines(&paths, &options);
    let records = check_lines(&lines, paths[0]);
    let validator = validator();
    assert_eq!(records.iter().filter(|record| record["event"] == "start").count(), 1);
    for record in &records {
        assert_valid(&validator, record);
        assert_eq!(record.get("file").is_some(), paths.len() > 1 && record["event"] != "start");
    }
}

// --- the check can fail

/// Fields that hold AMF values, in which the peer chooses the keys, by what holds them.
const AMF: [(&[&str], &[&str]); 4] = [
    (&["shared_object"], &["name"]),
    (&["command", "data"], &["object", "arguments", "name", "transaction_id"]),
    (&["events"], &["name", "value", "slots", "arguments", "code", "level", "rest"]),
    (&["video", "tracks"], &["metadata"]),
];

/// Whether a path leads to or into AMF values.
fn is_amf(path: &[String]) -> bool {
    let names: Vec<&str> =
        path.iter().map(String::as_str).filter(|key| key.parse::<usize>().is_err()).collect();
    names.windows(2).any(|pair| {
        AMF.iter().any(|(holders, fields)| holders.contains(&pair[0]) && fields.contains(&pair[1]))
    })
}

/// Every path to a field, and to the line itself, except those inside AMF values.
fn paths(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    out.push(path.clone());
    if is_amf(path) {
        return;
    }
    let mut enter = |key: String, value: &Value| {
        path.push(key);
        paths(value, path, out);
        path.pop();
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| enter(key.clone(), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| enter(index.to_string(), item));
        }
        _ => {}
    }
}

fn pointer(path: &[String]) -> String {
    path.iter().map(|key| format!("/{key}")).collect()
}

/// One line of each shape: lines with the same fields of the same types are mutated alike.
fn shapes() -> Vec<Value> {
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(
                fields.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
            ),
            Value::Array(items) => items.iter().map(shape).collect(),
            Value::String(text) if EVENT_NAMES.contains(&text.as_str()) => json!(text),
            Value::String(_) => json!(""),
            Value::Number(_) => json!(0),
            other => other.clone(),
        }
    }
    let mut seen = BTreeMap::new();
    for line in common::parse(&synthetic::lines()) {
        seen.entry(shape(&line).to_string()).or_insert(line);
    }
    seen.into_values().collect()
}

#[test]
fn an_unknown_field_is_rejected_at_every_level() {
    let validator = validator();
    let mut tried = 0;
    for line in shapes() {
        let mut all = Vec::new();
        paths(&line, &mut Vec::new(), &mut all);
        for path in all.iter().filter(|path| !is_amf(path)) {
            let mut changed = line.clone();
            let Some(object) = changed.pointer_mut(&pointer(path)).unwrap().as_object_mut() else {
                continue;
            };
            object.insert("surprise".into(), json!(1));
            assert!(!validator.is_valid(&changed), "{changed}");
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_wrong_type_is_rejected_in_every_field() {
    /// Numbers that need not be whole.
    const REAL: [&str; 18] = [
        "elapsed",
        "duration",
        "at",
        "took",
        "frame_rate",
        "bitrate",
        "bitstream_frame_rate",
        "metadata_frame_rate",
        "measured_frame_rate",
        "metadata_bitrate",
        "peak_bitrate",
        "longest_silence",
        "min",
        "mean",
        "max",
        "pts",
        "max_luminance",
        "min_luminance",
    ];
    let validator = validator();
    for line in shapes() {
        let mut all = Vec::new();
        paths(&line, &mut Vec::new(), &mut all);
        for path in &all {
            let Some(name) = path.last() else { continue };
            // Any AMF value is an AMF value; what a number or text of the peer may be is tried all the same.
            let free = is_amf(path) && !["name", "transaction_id"].contains(&name.as_str());
            if is_amf(path) && (path.len() > 2 || free && name != "arguments") {
                continue;
            }
            let before = line.pointer(&pointer(path)).unwrap();
            let mut wrong = vec![json!({"surprise": 1}), json!([[[]]]), json!(true)];
            match before {
                Value::Number(number) if number.is_u64() || number.is_i64() => {
                    wrong.extend([json!("surprise"), json!(-1e300)]);
                    if !REAL.contains(&name.as_str()) && name != "transaction_id" {
                        wrong.push(json!(0.5));
                    }
                }
                Value::Number(_) => wrong.push(json!("surprise")),
                Value::String(_) => wrong.extend([json!(70_000.5), json!(null)]),
                Value::Bool(_) => wrong = vec![json!(0), json!("true"), json!({})],
                Value::Object(_) => wrong.extend([json!(0), json!("surprise")]),
                Value::Array(_) => {
                    wrong = vec![json!({}), json!("surprise"), json!(0), json!(null)];
                    if name != "arguments" {
                        wrong.push(json!([[[]]]));
                    }
                }
                Value::Null => {}
            }
            if is_amf(path) && name == "name" {
                wrong = vec![json!({"surprise": 1}), json!([[[]]]), json!(true), json!(5)];
            }
            for wrong in wrong {
                let null = wrong.is_null() && name_may_be_null(path);
                let number =
                    wrong.is_number() && ["transaction_id", "elapsed"].contains(&name.as_str());
                let flag = wrong.is_boolean() && (before.is_boolean() || name == "echoes_peer");
                if null || number || flag {
                    continue;
                }
                let mut changed = line.clone();
                *changed.pointer_mut(&pointer(path)).unwrap() = wrong;
                assert!(!validator.is_valid(&changed), "{}: {changed}", pointer(path));
            }
        }
    }
}

/// Fields whose value may also be null.
fn name_may_be_null(path: &[String]) -> bool {
    const NULLABLE: [&str; 17] = [
        "took",
        "client",
        "server",
        "name",
        "transaction_id",
        "app",
        "tc_url",
        "stream_name",
        "client_software",
        "server_software",
        "software_version",
        "digest",
        "echoes_peer",
        "extended_timestamp",
        "length",
        "resumed_at",
        "object",
    ];
    path.last().is_some_and(|name| NULLABLE.contains(&name.as_str()))
}

#[test]
fn a_missing_field_is_rejected_unless_it_is_one_of_those_that_may_be() {
    /// What may be absent, by the last two names of the path; a bare name is one of the line itself.
    const OPTIONAL: &str = "
        connection direction offset end time elapsed frame file spec about fix cause timestamp_uncertain damaged malformed encrypted
        payload timestamp_field length duration
        findings_list.direction findings_list.offset findings_list.end findings_list.time findings_list.elapsed
        findings_list.frame findings_list.file findings_list.spec findings_list.about findings_list.fix
        findings_list.consequences
        set_chunk_size.size abort.chunk_stream_id acknowledgement.sequence_number set_peer_bandwidth.size
        set_peer_bandwidth.limit_type window_acknowledgement_size.size
        user_control.stream_id user_control.buffer_length user_control.timestamp user_control.swf_size
        user_control.swf_digest
        audio.codec audio.enhanced audio.packet_type audio.sample_rate audio.sample_size audio.channels
        audio.config audio.multichannel audio.mod_ex
        video.codec video.enhanced video.frame_type video.packet_type video.composition_time video.command
        video.config video.mod_ex video.metadata video.bitstream tracks.metadata tracks.bitstream
        bitstream.more_units bitstream.key bitstream.annex_b bitstream.sei bitstream.more_sei bitstream.malformed
        sei.uuid sei.text sei.country sei.provider sei.captions sei.frames sei.timecodes sei.max_cll sei.max_fall
        sei.max_luminance sei.min_luminance
        tracks.codec tracks.config tracks.multichannel tracks.composition_time
        config.profile config.profile_idc config.level config.width config.height config.frame_rate config.chroma
        config.bit_depth config.interlaced config.reference_frames config.nal_length_size config.object_type
        config.sample_rate config.input_sample_rate config.channels config.sbr config.ps config.bit_rate config.frame_samples config.pre_skip
        config.signature
        config.vps_count config.sps_count config.pps_count config.color_primaries config.transfer config.matrix
        config.full_range
        multichannel.channel_mapping multichannel.channel_flags command.reply_to
        aggregate aggregate.inside aggregate.omitted messages.malformed messages.damaged messages.timestamp_uncertain
        shared_object.version shared_object.persistent events.type events.$cut events.name events.value events.slots
        events.arguments events.code events.level events.rest
        data.scte35 scte35.event_id scte35.cancelled scte35.out_of_network scte35.pts scte35.duration scte35.encrypted
        command.capabilities capabilities.* av01.* vp09.* Opus.* *.*
        c2s.* s2c.* tracks.width tracks.height tracks.frame_rate tracks.sample_rate tracks.channels tracks.profile
        tracks.level tracks.bitrate tracks.keyframe_interval
        tracks.frames tracks.bitstream_frame_rate tracks.metadata_frame_rate tracks.measured_frame_rate
        tracks.metadata_bitrate tracks.peak_bitrate tracks.keyframe_interval_frames tracks.b_frames tracks.av_skew
        tracks.av_drift tracks.ahead tracks.clock_drift tracks.jitter tracks.largest_gap tracks.longest_silence
        tracks.gaps tracks.steps_back
        codec start keyframes bitrate ahead av_skew unacknowledged
        proxy upstream.local upstream.resolve_time upstream.tls_time
        splits.app splits.path splits.instance splits.stream_name splits.query verdict.usually verdict.status";
    let optional: BTreeSet<&str> = OPTIONAL.split_whitespace().collect();
    // Optional in one event, and required in those named.
    let required: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "connection",
            &[
                "connection_opened",
                "handshake",
                "chunk",
                "message",
                "gap",
                "connection_closed",
                "summary",
                "rewritten",
                "timeline",
            ][..],
        ),
        ("direction", &["handshake", "chunk", "message", "gap", "rewritten", "timeline"]),
        ("offset", &["handshake", "chunk", "message", "gap", "finding"]),
        ("end", &["handshake", "chunk", "message", "gap", "finding"]),
        ("length", &["message", "gap", "chunk"]),
        ("timestamp_field", &["chunk"]),
    ]);
    let validator = validator();
    for line in shapes() {
        let mut all = Vec::new();
        paths(&line, &mut Vec::new(), &mut all);
        let event = line["event"].as_str().unwrap();
        for path in &all {
            let Some((name, parents)) = path.split_last() else { continue };
            let mut changed = line.clone();
            let Some(object) = changed.pointer_mut(&pointer(parents)).unwrap().as_object_mut()
            else {
                continue;
            };
            object.shift_remove(name);
            let parent = parents.iter().rev().find(|key| key.parse::<usize>().is_err());
            let (full, any) = match parent {
                Some(parent) => (format!("{parent}.{name}"), format!("{parent}.*")),
                None => (name.clone(), String::new()),
            };
            let mut free = optional.contains(full.as_str()) || optional.contains(any.as_str());
            if parent.is_none()
                && required.get(name.as_str()).is_some_and(|events| events.contains(&event))
            {
                free = false;
            }
            // What a malformed body lacks is not known beforehand.
            free |= line.get("malformed").is_some() && parents.len() == 1;
            free |= full == "message_stream_id" && event != "message" && event != "chunk";
            if !free {
                assert!(!validator.is_valid(&changed), "without {}: {changed}", pointer(path));
            }
        }
    }
}

// --- nothing in the schema is without a line that has it

/// Fields that come with a shared part of the schema and are not written there: a payload stands in the record of its
/// own that each message in an aggregate has.
const NOT_WRITTEN: [&str; 1] = ["messages.payload"];

/// Fields (`holder.name`) and the words that are their values (`holder.name=word`).
type Words = BTreeSet<String>;

/// All that the schema has below `node`, which is the value of the field `name` of `holder`.
fn published(
    schema: &Value,
    node: &Value,
    holder: &str,
    name: &str,
    out: &mut Words,
    seen: &mut Words,
) {
    let Some(object) = node.as_object() else { return };
    for (keyword, value) in object {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                for (field, value) in fields.iter().filter(|(_, value)| value.is_object()) {
                    // The fields of a record have no holder.
                    let full = format!("{name}.{field}");
                    if !NOT_WRITTEN.contains(&full.as_str()) {
                        out.insert(full);
                        published(schema, value, name, field, out, seen);
                    }
                }
            }
            ("enum", Value::Array(words)) => {
                out.extend(words.iter().map(|word| format!("{holder}.{name}={word}")));
            }
            ("const", word) => {
                out.insert(format!("{holder}.{name}={word}"));
            }
            ("$ref", Value::String(to)) if to == "#/$defs/amf_value" => {}
            ("$ref", Value::String(to)) if seen.insert(format!("{holder}.{name} {to}")) => {
                published(schema, schema.pointer(&to[1..]).unwrap(), holder, name, out, seen);
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(nodes)) => {
                nodes.iter().for_each(|node| published(schema, node, holder, name, out, seen));
            }
            ("items" | "then" | "else", node) => published(schema, node, holder, name, out, seen),
            _ => {}
        }
    }
}

/// All that a line has.
fn written(value: &Value, holder: &str, name: &str, out: &mut Words) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                out.insert(format!("{name}.{field}"));
                written(value, name, field, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| written(item, holder, name, out)),
        word => {
            out.insert(format!("{holder}.{name}={word}"));
        }
    }
}

#[test]
fn whatever_the_schema_has_is_written_somewhere() {
    let schema = schema();
    let (mut published_words, mut written_words) = (Words::new(), Words::new());
    published(&schema, &schema, "", "", &mut published_words, &mut Words::new());
    for line in common::parse(&synthetic::lines()) {
        written(&line, "", "", &mut written_words);
    }
    assert!(published_words.len() > 300, "{}", published_words.len());
    let missing: Vec<&String> = published_words.difference(&written_words).collect();
    assert!(missing.is_empty(), "published and never written: {missing:#?}");
    for field in NOT_WRITTEN {
        assert!(!written_words.contains(field), "{field} is written");
    }
    // Inside AMF values anything may come of the peer, so the reasons for a cut are looked for one by one.
    let reasons = &schema["$defs"]["amf_cut_form"]["properties"]["$cut"]["enum"];
    for reason in reasons.as_array().unwrap() {
        let end = format!(".$cut={reason}");
        assert!(written_words.iter().any(|word| word.ends_with(&end)), "{reason}");
    }
}

#[test]
fn every_form_of_an_amf_value_is_described_and_valid() {
    let schema = schema();
    let mut value = schema.clone();
    let object = value.as_object_mut().unwrap();
    for key in ["oneOf", "properties", "required", "type", "unevaluatedProperties"] {
        object.remove(key);
    }
    object.insert("$ref".into(), json!("#/$defs/amf_date_form"));
    let date = jsonschema::draft202012::new(&value).unwrap();
    for (form, valid) in [
        (json!({"$date": "2026-01-02T03:04:05.678Z"}), true),
        (json!({"$date": "2026-01-02T03:04:05.678000001Z"}), true),
        (json!({"$date": 1e18}), true),
        (json!({"$date": {"$number": "NaN"}}), true),
        (json!({"$date": "2026-01-02T03:04:05.678Z", "$zone": -60}), true),
        (json!({"$date": 0, "$zone": "UTC"}), false),
        (json!({"$date": "yesterday"}), false),
        (json!({"$date": 0, "more": 1}), false),
    ] {
        assert_eq!(date.is_valid(&form), valid, "{form}");
    }
}

// --- keys that occur twice

/// The path of a key that an object of ours has twice. `line` is known to be JSON.
fn repeated_key(line: &str) -> Option<String> {
    /// Walks the value at `at`; gives where it ends.
    fn walk(
        text: &str,
        mut at: usize,
        path: &mut Vec<String>,
        found: &mut Option<String>,
    ) -> usize {
        let bytes = text.as_bytes();
        match bytes[at] {
            open @ (b'{' | b'[') => {
                let mut keys = BTreeSet::new();
                let mut index = 0;
                at += 1;
                while !matches!(bytes[at], b'}' | b']') {
                    if bytes[at] == b',' {
                        at += 1;
                    }
                    let key = if open == b'{' {
                        let end = string_end(bytes, at);
                        let key: String = serde_json::from_str(&text[at..end]).unwrap();
                        assert_eq!(bytes[end], b':');
                        at = end + 1;
                        key
                    } else {
                        index += 1;
                        (index - 1).to_string()
                    };
                    path.push(key.clone());
                    let ours = path.len() <= 2 || !is_amf(path);
                    if !keys.insert(key) && ours {
                        found.get_or_insert_with(|| path.join("."));
                    }
                    at = walk(text, at, path, found);
                    path.pop();
                }
                at + 1
            }
            b'"' => string_end(bytes, at),
            _ => {
                at + bytes[at..]
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']'))
                    .unwrap_or(bytes.len() - at)
            }
        }
    }
    /// Behind the string at `at`.
    fn string_end(bytes: &[u8], mut at: usize) -> usize {
        at += 1;
        while bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at + 1
    }
    let mut found = None;
    let end = walk(line, 0, &mut Vec::new(), &mut found);
    assert_eq!(end, line.len(), "a line is one value without white space");
    found
}

#[test]
fn a_key_that_occurs_twice_is_noticed() {
    for (line, found) in [
        (r#"{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}"#, None),
        (r#"{"a":1,"b":2,"\u0061":3}"#, Some("a")),
        (r#"{"b":[{"x\"}":1,"y":[],"x\"}":{}}]}"#, Some("b.0.x\"}")),
        (r#"{"command":{"object":{"a":1,"a":2},"arguments":[{"a":1,"a":2}]}}"#, None),
        (r#"{"command":{"name":"","name":""}}"#, Some("command.name")),
    ] {
        assert_eq!(repeated_key(line).as_deref(), found, "{line}");
    }
}
