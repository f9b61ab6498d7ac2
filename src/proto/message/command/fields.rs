//! Members of objects and arguments of calls, read and written by name and place. It knows no command.

use super::super::super::amf::{Entries, Text, Value};
use super::Command;

/// The member `key`, where it is a string.
pub(super) fn text(object: Option<&Value>, key: &str) -> Option<Text> {
    object?.get(key)?.as_text().cloned()
}

/// The member `key`, where it is a number.
pub(super) fn number(object: Option<&Value>, key: &str) -> Option<f64> {
    object?.get(key)?.as_number()
}

/// The member `key`, where it is a boolean.
pub(super) fn boolean(object: Option<&Value>, key: &str) -> Option<bool> {
    object?.get(key)?.as_bool()
}

/// The members that are not in `known`, in wire order.
pub(super) fn others(object: Option<&Value>, known: &[&str]) -> Entries {
    let members = object.into_iter().flat_map(Value::entries);
    members
        .filter(|(key, _)| key.as_str().is_none_or(|key| !known.contains(&key)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// An object being put together; what is `None` is left out.
#[derive(Default)]
pub(super) struct Members(Entries);

impl Members {
    pub(super) fn value(&mut self, key: &str, value: Option<Value>) {
        self.0.extend(value.map(|value| (Text::from(key), value)));
    }

    pub(super) fn text(&mut self, key: &str, text: Option<&Text>) {
        self.value(key, text.cloned().map(Value::String));
    }

    pub(super) fn number(&mut self, key: &str, number: Option<f64>) {
        self.value(key, number.map(Value::Number));
    }

    pub(super) fn boolean(&mut self, key: &str, boolean: Option<bool>) {
        self.value(key, boolean.map(Value::Boolean));
    }

    pub(super) fn object(mut self, others: &Entries) -> Value {
        self.0.extend_from_slice(others);
        Value::Object(self.0)
    }
}

impl Command {
    /// A call of `name` in AMF0.
    pub(super) fn call(
        name: &str,
        transaction_id: f64,
        object: Value,
        arguments: Vec<Value>,
    ) -> Self {
        let (name, object) = (Some(name.into()), Some(object));
        Self { amf: 0, name, transaction_id: Some(transaction_id), object, arguments }
    }

    /// Of an answer, whether it is an `_error`; `None` for a call.
    pub(super) fn is_error(&self) -> Option<bool> {
        match self.name() {
            "_result" => Some(false),
            "_error" => Some(true),
            _ => None,
        }
    }

    /// The argument at `index`, where it is a string.
    pub(super) fn text_at(&self, index: usize) -> Option<Text> {
        self.arguments.get(index)?.as_text().cloned()
    }

    /// The argument at `index`, where it is a number.
    pub(super) fn number_at(&self, index: usize) -> Option<f64> {
        self.arguments.get(index)?.as_number()
    }

    /// The argument at `index`, where it is a boolean.
    pub(super) fn boolean_at(&self, index: usize) -> Option<bool> {
        self.arguments.get(index)?.as_bool()
    }
}
