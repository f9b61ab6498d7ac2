//! Commands, data and shared objects as JSON.

use super::super::amf_json::{self, Context};
use super::line::Line;
use crate::Limits;
use crate::proto::amf::{Text, Value};
use crate::proto::message::command::{Capabilities, CapsEx, CodecMask, VideoFunction};
use crate::proto::message::data::SpliceInfo;
use crate::proto::message::{
    Command, Data, SharedObject, SharedObjectChange as Change, SharedObjectEvent,
};

pub(super) fn write_command(
    line: &mut Line<'_>,
    command: &Command,
    reply_to: Option<u64>,
    limits: &Limits,
) {
    let mut context = Context::new(limits);
    if let Some(object) = &command.object {
        context.learn(object);
    }
    for argument in &command.arguments {
        context.learn(argument);
    }
    line.open();
    line.number("amf", u64::from(command.amf));
    write_name(line, command.name.as_ref(), &mut context);
    line.key("transaction_id");
    match command.transaction_id {
        Some(id) => amf_json::write_number(line.0, id),
        None => line.raw(b"null"),
    }
    line.raw(b",");
    line.key("object");
    amf_json::write_value(line.0, command.object.as_ref().unwrap_or(&Value::Null), &mut context);
    line.raw(b",");
    line.key("arguments");
    amf_json::write_values(line.0, &command.arguments, &mut context);
    line.raw(b",");
    let function = VideoFunction::of_command(command);
    match Capabilities::of_command(command) {
        Some(capabilities) => write_capabilities(line, &capabilities, function),
        None if function.is_some() => write_capabilities(line, &Capabilities::default(), function),
        None => {}
    }
    line.maybe("reply_to", reply_to);
    line.shut();
}

fn write_capabilities(
    line: &mut Line<'_>,
    capabilities: &Capabilities,
    function: Option<VideoFunction>,
) {
    line.key("capabilities");
    line.open();
    for (name, set) in function.into_iter().flat_map(VideoFunction::flags) {
        line.boolean(name, set);
    }
    for (name, set) in capabilities.caps_ex.into_iter().flat_map(CapsEx::flags) {
        line.boolean(name, set);
    }
    for (name, mask) in capabilities.codecs() {
        amf_json::write_string(line.0, &name.to_string());
        line.raw(b":");
        line.open();
        for (name, set) in mask.into_iter().flat_map(CodecMask::flags) {
            line.boolean(name, set);
        }
        line.shut();
    }
    line.shut();
}

pub(super) fn write_data(line: &mut Line<'_>, data: &Data, limits: &Limits) {
    let mut context = Context::of(&data.arguments, limits);
    line.open();
    line.number("amf", u64::from(data.amf));
    write_name(line, data.name.as_ref(), &mut context);
    line.key("arguments");
    amf_json::write_values(line.0, &data.arguments, &mut context);
    line.raw(b",");
    if let Some(splice) = data.splice_info() {
        write_splice_info(line, &splice);
    }
    line.shut();
}

fn write_splice_info(line: &mut Line<'_>, splice: &SpliceInfo) {
    line.key("scte35");
    line.open();
    line.named("command", splice.command.as_str(), splice.command.number());
    line.maybe("event_id", splice.event_id);
    if splice.cancelled {
        line.boolean("cancelled", true);
    }
    if let Some(out) = splice.out_of_network {
        line.boolean("out_of_network", out);
    }
    let seconds = |ticks: u64| (ticks as f64 / 90.0).round() / 1000.0;
    line.real("pts", splice.pts.map(seconds));
    line.real("duration", splice.duration.map(seconds));
    if splice.encrypted {
        line.boolean("encrypted", true);
    }
    line.shut();
}

pub(super) fn write_shared_object(line: &mut Line<'_>, object: &SharedObject, limits: &Limits) {
    let mut context = Context::new(limits);
    for value in object.events.iter().flat_map(|event| event.kind.values()) {
        context.learn(value);
    }
    // As values, so that they are bounded as such.
    let events: Vec<Value> = object.events.iter().map(event).collect();
    line.open();
    line.number("amf", u64::from(object.amf));
    write_name(line, object.name.as_ref(), &mut context);
    line.maybe("version", object.version);
    if let Some(persistent) = object.persistent() {
        line.boolean("persistent", persistent);
    }
    line.key("events");
    amf_json::write_values(line.0, &events, &mut context);
    line.raw(b",");
    line.shut();
}

/// An event as an object with its fields.
fn event(event: &SharedObjectEvent) -> Value {
    let mut fields: Vec<(Text, Value)> = Vec::new();
    let mut field = |name: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (Text::from(name), value)));
    };
    let text = |text: &Option<Text>| text.clone().map(Value::String);
    field(
        "type",
        Some(match event.kind.as_str() {
            Some(name) => Value::from(name),
            None => Value::from(f64::from(event.kind.number())),
        }),
    );
    match &event.kind {
        Change::RequestChange { name, value } | Change::Success { name, value } => {
            field("name", text(name));
            field("value", value.clone());
        }
        Change::Change { slots } => field("slots", Some(Value::Object(slots.clone()))),
        Change::SendMessage { name, arguments } => {
            field("name", name.clone());
            field("arguments", Some(Value::StrictArray(arguments.clone())));
        }
        Change::Status { code, level } => {
            field("code", text(code));
            field("level", text(level));
        }
        Change::Remove { name } | Change::RequestRemove { name } => field("name", text(name)),
        _ => {}
    }
    if !event.rest.is_empty() {
        field("rest", Some(Value::ByteArray(event.rest.clone())));
    }
    Value::Object(fields)
}

fn write_name(line: &mut Line<'_>, name: Option<&Text>, context: &mut Context<'_>) {
    line.key("name");
    match name {
        Some(name) => amf_json::write_value(line.0, &Value::String(name.clone()), context),
        None => line.raw(b"null"),
    }
    line.raw(b",");
}
