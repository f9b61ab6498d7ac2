//! Memory that connections have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes held by all connections that share it. Cloning it shares it.
#[derive(Debug, Clone)]
pub struct Budget {
    held: Arc<AtomicUsize>,
    limit: usize,
}

impl Budget {
    /// One of so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { held: Arc::default(), limit }
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The part of one connection, which holds nothing yet.
    #[must_use]
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), held: 0 }
    }
}

/// What one connection holds of a [`Budget`]; given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    held: usize,
}

impl Share {
    /// It holds so many bytes now. `false`: that is more than it held, and more than there are for all.
    #[must_use]
    pub fn holds(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.held, bytes);
        if bytes <= before {
            self.budget.held.fetch_sub(before - bytes, Ordering::Relaxed);
            return true;
        }
        let more = bytes - before;
        self.budget.held.fetch_add(more, Ordering::Relaxed) + more <= self.budget.limit
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_more_than_there_is_is_told_and_gives_it_back() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert!(a.holds(60) && b.holds(40));
        assert!(!b.holds(41));
        assert!(b.holds(30)); // less than before is always right
        assert!(a.holds(70));
        assert_eq!(budget.held(), 100);
        drop(b);
        assert_eq!(budget.held(), 70);
        drop(a);
        assert_eq!(budget.held(), 0);
    }
}
