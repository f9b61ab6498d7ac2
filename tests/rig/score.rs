//! How much of what a capture holds is reported after losses, and whether it is true.

use std::collections::HashMap;

use rtmpctl::Limits;
use rtmpctl::inspect::{Event, Inspector, Options};
use rtmpctl::proto::{Direction, Span};

use super::{Decoded, Message, Owned};

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
    /// Of these, messages whose length and type are said by a header that is there: their own, or the earlier one of
    /// their chunk stream that they inherit from. Of the others no byte that is left says what they are; they can be
    /// reported only where something else shows it.
    pub said: usize,
    pub said_reported: usize,
    pub wrong: Vec<String>,
}

/// What packets hold, with [`Decoded::says`].
pub fn truth(packets: &[Owned]) -> Decoded {
    struct Lane {
        says: Span,
        length: u32,
        left: u32,
    }
    let mut decoded = super::decode(packets);
    let limits = Limits::default();
    let options = Options { chunks: true, ..Options::default() };
    let mut inspector = Inspector::new(options, limits.clone());
    let mut lanes: HashMap<(u32, Direction, u32), Lane> = HashMap::new();
    super::traffic(packets, &limits, &mut |traffic| {
        inspector.feed(&traffic, &mut |record| {
            let Event::Chunk(chunk) = &record.event else { return };
            let (flow, direction) = (record.connection.unwrap(), record.direction.unwrap());
            let Span { start, end } = chunk.span;
            let lane = lanes.entry((flow, direction, chunk.header.chunk_stream_id));
            let lane = lane.or_insert(Lane { says: Span { start: 0, end: 0 }, length: 0, left: 0 });
            if let Some(length) = chunk.header.length {
                let header = Span { start, end: end - u64::from(chunk.data_length) };
                *lane = Lane { says: header, length, left: 0 };
            }
            if lane.left == 0 {
                lane.left = lane.length;
                decoded.says.insert((flow, direction, start), lane.says);
            }
            lane.left = lane.left.saturating_sub(chunk.data_length);
        });
    });
    decoded
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
            let gaps = got.gaps.get(&(message.flow, message.direction));
            let gaps = gaps.map_or(&[][..], |gaps| gaps);
            let end = got.ends.get(&(message.flow, message.direction)).copied().unwrap_or(0);
            let there = |span: &Span| span.end <= end && !gaps.iter().any(|gap| overlap(gap, span));
            if there(&message.span) {
                let reported = usize::from(reported.contains_key(&key(message)));
                self.present += 1;
                self.reported += reported;
                if truth.says.get(&key(message)).is_none_or(there) {
                    self.said += 1;
                    self.said_reported += reported;
                }
            }
        }
    }

    pub fn share(&self) -> f64 {
        self.reported as f64 / self.present as f64
    }

    /// The share of those whose length and type are said.
    pub fn said_share(&self) -> f64 {
        self.said_reported as f64 / self.said as f64
    }

    /// Takes in what another has.
    pub fn add(&mut self, other: Self) {
        self.present += other.present;
        self.reported += other.reported;
        self.said += other.said;
        self.said_reported += other.said_reported;
        self.wrong.extend(other.wrong);
    }
}

pub const fn overlap(a: &Span, b: &Span) -> bool {
    a.start < b.end && b.start < a.end
}
