//! The numbers of connections: without holes, though some are given away before it is known what for. Knows no connection.

use std::collections::BTreeSet;

use crate::inspect::FlowId;

/// Numbers from 1 on.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The largest given away.
    last: FlowId,
    /// Smaller ones that came back.
    returned: BTreeSet<FlowId>,
}

impl Numbers {
    /// Gives the smallest that nobody has.
    pub(super) fn give(&mut self) -> FlowId {
        self.returned.pop_first().unwrap_or_else(|| {
            self.last += 1;
            self.last
        })
    }

    /// Takes one back that was used for nothing.
    pub(super) fn take_back(&mut self, number: FlowId) {
        self.returned.insert(number);
        while self.returned.last() == Some(&self.last) {
            self.returned.pop_last();
            self.last -= 1;
        }
    }

    /// How many are in use.
    pub(super) fn count(&self) -> u32 {
        self.last - self.returned.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_given_again_before_anything_new() {
        let mut numbers = Numbers::default();
        assert_eq!([(); 5].map(|()| numbers.give()), [1, 2, 3, 4, 5]);
        for (back, count) in [(2, 4), (4, 3), (5, 2)] {
            numbers.take_back(back);
            assert_eq!(numbers.count(), count);
        }
        // 4 and 5 were the last ones.
        assert_eq!(numbers.last, 3);
        assert_eq!([(); 3].map(|()| numbers.give()), [2, 4, 5]);
        for back in [1, 2, 3, 4, 5] {
            numbers.take_back(back);
        }
        assert_eq!((numbers.count(), numbers.give()), (0, 1));
    }
}
