//! Bytes that a receiver did not take yet.

/// Bytes in order, taken off at the front as the receiver takes them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    from: usize,
}

/// Room that is kept for the next time; more is given back, so that a connection that waits no more holds little.
const KEPT: usize = 16 << 10;

impl Waiting {
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len() - self.from
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// `n` of them were taken.
    pub(super) fn took(&mut self, n: usize) {
        self.from += n.min(self.len());
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets them all.
    pub(super) fn clear(&mut self) {
        self.from = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut waiting = Waiting::default();
        assert!(waiting.is_empty());
        waiting.push(b"abc");
        waiting.took(2);
        waiting.push(b"de");
        assert_eq!((waiting.rest(), waiting.len()), (&b"cde"[..], 3));
        waiting.took(3);
        assert!(waiting.is_empty());
        waiting.push(b"f");
        assert_eq!(waiting.rest(), b"f");
        waiting.took(5);
        assert_eq!(waiting.rest(), b"");
    }

    #[test]
    fn much_room_is_given_back() {
        let mut waiting = Waiting::default();
        waiting.push(&[0; KEPT + 1]);
        waiting.took(KEPT + 1);
        assert_eq!(waiting.bytes.capacity(), 0);
    }
}
