//! What references in AMF refer to, and how much of a message may still be printed.

use crate::{
    Limits,
    proto::amf::{External, Value},
};

/// What the values of one message share while they are written: the objects that references mean, and what is left of
/// [`Limits::amf_output`].
///
/// Give it every value of the message with [`Context::learn`], in order, before writing the first: the references of
/// both formats count through the whole message.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) amf0: Table<'a>,
    pub(super) amf3: Table<'a>,
    pub(super) left: usize,
    pub(super) depth: usize,
    /// The references being written, to see where one leads into itself.
    pub(super) path: Vec<*const Value>,
}

impl<'a> Context<'a> {
    /// For a message without values so far.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            amf0: Table::default(),
            amf3: Table::default(),
            left: limits.amf_output,
            // As in `Budget`: trees are walked on the stack.
            depth: limits.amf_depth.min(256),
            path: Vec::new(),
        }
    }

    /// For all values of a message.
    #[must_use]
    pub fn of(values: &'a [Value], limits: &Limits) -> Self {
        let mut context = Self::new(limits);
        values.iter().for_each(|value| context.learn(value));
        context
    }

    /// Counts the complex values in the next value of the message.
    pub fn learn(&mut self, value: &'a Value) {
        match value {
            Value::Object(_)
            | Value::EcmaArray { .. }
            | Value::TypedObject { .. }
            | Value::StrictArray(_) => {
                self.amf0.push(value);
            }
            Value::Timestamp(_)
            | Value::XmlDocument(_)
            | Value::XmlString(_)
            | Value::ByteArray(_)
            | Value::Array { .. }
            | Value::Instance(_)
            | Value::VectorInt { .. }
            | Value::VectorUint { .. }
            | Value::VectorDouble { .. }
            | Value::VectorObject { .. }
            | Value::Dictionary { .. } => self.amf3.push(value),
            Value::Cut(cut) => {
                self.amf0.next = self.amf0.next.saturating_add(cut.amf0_objects);
                self.amf3.next = self.amf3.next.saturating_add(cut.amf3_objects);
            }
            Value::Amf3(inner) => return self.learn(inner),
            _ => return,
        }
        if let Value::Dictionary { entries, .. } = value {
            for (key, value) in entries {
                self.learn(key);
                self.learn(value);
            }
        }
        if let Value::Instance(instance) = value
            && let Some(External::Value(inner)) = &instance.external
        {
            self.learn(inner);
        }
        value.entries().for_each(|(_, value)| self.learn(value));
        value.items().iter().for_each(|value| self.learn(value));
    }

    /// Bytes of [`Limits::amf_output`] that are left.
    #[must_use]
    pub const fn output_left(&self) -> usize {
        self.left
    }
}

/// Complex values by index. What was cut has indexes too, so they are not without holes.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    values: Vec<(u32, &'a Value)>,
    next: u32,
}

impl<'a> Table<'a> {
    fn push(&mut self, value: &'a Value) {
        self.values.push((self.next, value));
        self.next = self.next.saturating_add(1);
    }

    pub(super) fn get(&self, index: u32) -> Option<&'a Value> {
        let at = self.values.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(self.values[at].1)
    }
}
