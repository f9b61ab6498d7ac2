//! The message streams of one connection, as a server has them.

use crate::proto::amf::Text;

/// What a message stream is used for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Role {
    /// Nothing yet, or nothing any more.
    #[default]
    Idle,
    /// The client publishes this name.
    Publishing(Text),
    /// The client plays this name.
    Playing(Text),
}

#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) role: Role,
    /// Whether `publish` or `play` has not been answered yet.
    pub(super) held: bool,
    /// The AMF version in which the client speaks on it.
    pub(super) amf: u8,
}

/// They are few: a list is the fastest table.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Stream>);

impl Streams {
    /// Makes the one with the lowest number that is free, from 1 on; `None` where there are `most`.
    pub(super) fn create(&mut self, most: usize) -> Option<u32> {
        let free = |id: &u32| self.0.iter().all(|stream| stream.id != *id);
        let id = (1..=u32::MAX).find(free)?;
        self.get_or_add(id, most).map(|stream| stream.id)
    }

    pub(super) fn get(&self, id: u32) -> Option<&Stream> {
        self.0.iter().find(|stream| stream.id == id)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        self.0.iter_mut().find(|stream| stream.id == id)
    }

    /// The one with this number, made where there is none and fewer than `most`: clients use what they never created.
    pub(super) fn get_or_add(&mut self, id: u32, most: usize) -> Option<&mut Stream> {
        let at = match self.0.iter().position(|stream| stream.id == id) {
            Some(at) => at,
            None if self.0.len() < most => {
                self.0.push(Stream { id, role: Role::Idle, held: false, amf: 0 });
                self.0.len() - 1
            }
            None => return None,
        };
        self.0.get_mut(at)
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Stream> {
        let at = self.0.iter().position(|stream| stream.id == id)?;
        Some(self.0.swap_remove(at))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.0.iter()
    }

    pub(super) fn memory(&self) -> usize {
        let names = self.0.iter().map(|stream| match &stream.role {
            Role::Idle => 0,
            Role::Publishing(name) | Role::Playing(name) => name.len(),
        });
        self.0.capacity() * size_of::<Stream>() + names.sum::<usize>()
    }
}
