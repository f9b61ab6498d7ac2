//! Which records to keep.

use std::collections::BTreeSet;

use crate::inspect::{EVENT_NAMES, Event, FlowId, Record};
use crate::proto::Direction;
use crate::proto::message::Kind;

/// Keeps or drops records by event or message kind, connection and direction. Empty keeps all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Keep only these.
    pub only: Names,
    /// Drop these.
    pub skip: Names,
    /// Keep only these connections, where there are any.
    pub connections: BTreeSet<FlowId>,
    /// Keep only what travels this way.
    pub direction: Option<Direction>,
}

/// Events and message kinds by name, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names {
    events: u16,
    kinds: u16,
}

impl Names {
    /// Every name that can be given.
    pub fn all() -> impl Iterator<Item = &'static str> {
        EVENT_NAMES.into_iter().chain(Kind::ALL.into_iter().map(Kind::as_str))
    }

    /// Adds a name.
    ///
    /// # Errors
    /// It is neither an event nor a message kind.
    pub fn add(&mut self, name: &str) -> Result<(), UnknownName> {
        if let Some(bit) = EVENT_NAMES.iter().position(|event| *event == name) {
            self.events |= 1 << bit;
        } else if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == name) {
            self.kinds |= 1 << kind as u16;
        } else {
            return Err(UnknownName(name.to_owned()));
        }
        Ok(())
    }

    const fn is_empty(self) -> bool {
        self.events == 0 && self.kinds == 0
    }

    fn has(self, event: &Event<'_>) -> bool {
        let bit = match event {
            Event::Opened(_) => 1,
            Event::Handshake(_) => 2,
            Event::Chunk(_) => 3,
            Event::Message(message) => {
                if self.kinds & (1 << message.kind as u16) != 0 {
                    return true;
                }
                4
            }
            Event::Gap(_) | Event::Dropped(_) => 5,
            Event::Finding(_) => 6,
            Event::Closed(_) => 7,
            Event::Summary(_) => 8,
            Event::Rewritten(_) => 9,
            Event::Timeline(_) => 10,
        };
        self.events & (1 << bit) != 0
    }
}

/// A name that is neither an event nor a message kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName(pub String);

impl Filter {
    /// Whether the record is to be kept.
    #[inline]
    #[must_use]
    pub fn keeps(&self, record: &Record<'_>) -> bool {
        (self.only.is_empty() || self.only.has(&record.event))
            && (self.skip.is_empty() || !self.skip.has(&record.event))
            && (self.connections.is_empty()
                || record
                    .connection
                    .is_none_or(|connection| self.connections.contains(&connection)))
            && self
                .direction
                .is_none_or(|direction| record.direction.is_none_or(|d| d == direction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{CloseKind, Closed, ClosedBy, Finding, Place, Severity};

    fn record(
        event: Event<'_>,
        connection: Option<FlowId>,
        direction: Option<Direction>,
    ) -> Record<'_> {
        Record {
            seq: 1,
            connection,
            direction,
            place: Place::default(),
            elapsed: None,
            span: None,
            event,
        }
    }

    #[test]
    fn every_event_has_the_bit_of_its_name() {
        let finding = Finding::new("x", Severity::Info, "");
        let events = [
            Event::Finding(&finding),
            Event::Closed(Closed { by: ClosedBy::Both, how: CloseKind::Fin }),
        ];
        for event in events {
            let mut names = Names::default();
            names.add(event.as_str()).unwrap();
            assert!(names.has(&event));
            let other = if event.as_str() == "gap" { "chunk" } else { "gap" };
            let mut names = Names::default();
            names.add(other).unwrap();
            assert!(!names.has(&event));
        }
        assert_eq!(Names::default().add("nonsense"), Err(UnknownName("nonsense".into())));
    }

    #[test]
    fn connection_and_direction_let_records_about_everything_pass() {
        let finding = Finding::new("x", Severity::Info, "");
        let filter = Filter {
            connections: BTreeSet::from([2]),
            direction: Some(Direction::ClientToServer),
            ..Filter::default()
        };
        for (connection, direction, kept) in [
            (None, None, true),
            (Some(2), None, true),
            (Some(2), Some(Direction::ClientToServer), true),
            (Some(2), Some(Direction::ServerToClient), false),
            (Some(1), None, false),
        ] {
            assert_eq!(
                filter.keeps(&record(Event::Finding(&finding), connection, direction)),
                kept
            );
        }
    }
}
