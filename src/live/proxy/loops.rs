//! Connections that come back: a proxy that is sent its own connections would hand each on to itself for ever.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;

/// The ends of all connections that are open.
#[derive(Debug, Clone, Default)]
pub(super) struct Loops(Rc<RefCell<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    /// From where clients are connected.
    clients: HashSet<SocketAddr>,
    /// From where servers are.
    upstreams: HashSet<SocketAddr>,
}

/// One connection's ends, until it is dropped.
#[derive(Debug)]
pub(super) struct Open {
    loops: Loops,
    client: SocketAddr,
    upstream: Option<SocketAddr>,
}

impl Loops {
    /// A client has connected. `None` where it is this program itself.
    pub(super) fn enter(&self, client: SocketAddr) -> Option<Open> {
        let mut ends = self.0.borrow_mut();
        if ends.upstreams.contains(&client) {
            return None;
        }
        ends.clients.insert(client);
        Some(Open { loops: self.clone(), client, upstream: None })
    }
}

impl Open {
    /// The server is connected to, from this address. `false` where it is this program itself.
    pub(super) fn reach(&mut self, upstream: SocketAddr) -> bool {
        let mut ends = self.loops.0.borrow_mut();
        if ends.clients.contains(&upstream) {
            return false;
        }
        ends.upstreams.insert(upstream);
        self.upstream = Some(upstream);
        true
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut ends = self.loops.0.borrow_mut();
        ends.clients.remove(&self.client);
        if let Some(upstream) = self.upstream {
            ends.upstreams.remove(&upstream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_comes_back_is_known_whichever_end_is_seen_first() {
        let [one, two, three] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let loops = Loops::default();
        let mut open = loops.enter(one).unwrap();
        assert!(open.reach(two));
        assert!(loops.enter(two).is_none());
        let mut early = loops.enter(three).unwrap();
        assert!(!early.reach(three));
        drop((open, early));
        assert!(loops.enter(two).is_some());
    }
}
