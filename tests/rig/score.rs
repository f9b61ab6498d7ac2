//! How much of what a capture holds is reported after losses, and whether it is true.

use std::collections::HashMap;

use rtmpctl::proto::{Direction, Span};

use super::{Decoded, Message};

/// What tells one message from another.
pub type Key = (u32, Direction, u64);

pub fn key(message: &Message) -> Key {
    (message.flow, message.direction, message.span.start)
}

/// What a decoding after losses says, held against the decoding without them.
#[derive(Debug, Default)]
pub struct Score {
    /// Messages all of whose bytes are there.
    pub present: usize,
    pub reported: usize,
    pub wrong: Vec<String>,
}

impl Score {
    pub fn judge(&mut self, name: &str, truth: &Decoded, got: &Decoded) {
        let by_key: HashMap<Key, &Message> = truth.messages.iter().map(|m| (key(m), m)).collect();
        let mut reported: HashMap<Key, ()> = HashMap::new();
        for message in &got.messages {
            if message.damaged {
                continue;
            }
            let Some(real) = by_key.get(&key(message)) else {
                self.wrong.push(format!("{name}: invented {message:?}"));
                continue;
            };
            if !real.same_as(message) {
                self.wrong.push(format!("{name}: {message:?}\n   is really {real:?}"));
            }
            if reported.insert(key(message), ()).is_some() {
                self.wrong.push(format!("{name}: twice {message:?}"));
            }
        }
        for message in &truth.messages {
            let touched = got
                .gaps
                .get(&(message.flow, message.direction))
                .is_some_and(|gaps| gaps.iter().any(|gap| overlap(gap, &message.span)));
            let end = got.ends.get(&(message.flow, message.direction)).copied().unwrap_or(0);
            if !touched && message.span.end <= end {
                self.present += 1;
                self.reported += usize::from(reported.contains_key(&key(message)));
            }
        }
    }

    pub fn share(&self) -> f64 {
        self.reported as f64 / self.present as f64
    }
}

pub const fn overlap(a: &Span, b: &Span) -> bool {
    a.start < b.end && b.start < a.end
}
