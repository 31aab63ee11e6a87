//! What a slow socket did not take, in order, bounded by the window.

use alloc::collections::VecDeque;

/// Bytes of one stream that wait for their consumer. Holds no memory while it is empty: most
/// channels never need it, and a thousand idle ones must cost nothing.
#[derive(Debug, Default)]
pub(crate) struct RecvRing {
    bytes: VecDeque<u8>,
    /// Bytes behind these that still lie in the packets they came in.
    lent: usize,
}

impl RecvRing {
    /// Bytes waiting.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.lent == 0
    }

    /// Whether some of what waits lies in packets.
    pub(crate) const fn is_lent(&self) -> bool {
        self.lent > 0
    }

    /// `n` bytes more wait, in a packet.
    pub(crate) const fn lend(&mut self, n: usize) {
        self.lent = self.lent.saturating_add(n);
    }

    /// `n` bytes wait in a packet no more, and are to be pushed; `false` where they have been
    /// abandoned.
    pub(crate) fn take_back(&mut self, n: usize) -> bool {
        let rest = self.lent.checked_sub(n);
        self.lent = rest.unwrap_or_default();
        rest.is_some()
    }

    /// The bytes held here, the older ones first.
    pub(crate) fn halves(&self) -> [&[u8]; 2] {
        let (older, newer) = self.bytes.as_slices();
        [older, newer]
    }

    /// Appends what was refused. `limit` is the channel's window: the ring's memory grows by
    /// doubling, but never past it. The window's accounting has bounded `data` already.
    pub(crate) fn push(&mut self, data: &[u8], limit: usize) {
        let needed = self.bytes.len().saturating_add(data.len());
        debug_assert!(needed <= limit, "the window bounds the ring");
        if needed > self.bytes.capacity() {
            let doubled = self.bytes.capacity().saturating_mul(2);
            let capacity = doubled.min(limit).max(needed);
            self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend(data);
    }

    /// The consumer took the first `n` bytes; gives how many there really were, here and in
    /// packets.
    pub(crate) fn consume(&mut self, n: usize) -> (usize, usize) {
        let here = n.min(self.bytes.len());
        if here == self.bytes.len() {
            self.bytes = VecDeque::new();
        } else {
            self.bytes.drain(..here);
        }
        let lent = n.saturating_sub(here).min(self.lent);
        self.lent = self.lent.saturating_sub(lent);
        (here, lent)
    }

    /// Abandons what waits; gives how much it was.
    pub(crate) fn clear(&mut self) -> usize {
        let (here, lent) = self.consume(usize::MAX);
        here.saturating_add(lent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn an_empty_ring_holds_no_memory() {
        let mut ring = RecvRing::default();
        assert_eq!(ring.bytes.capacity(), 0);
        ring.push(&[1; 5000], 8192);
        ring.push(&[2; 1], 8192);
        assert!(ring.bytes.capacity() <= 8192);
        assert_eq!(ring.consume(5000), (5000, 0));
        assert_eq!(ring.halves(), [&[2][..], &[]]);
        assert_eq!(ring.clear(), 1);
        assert_eq!(ring.bytes.capacity(), 0);
    }

    #[test]
    fn what_lies_in_packets_is_behind_what_lies_here() {
        let mut ring = RecvRing::default();
        ring.push(&[1; 10], 100);
        ring.lend(20);
        assert!(!ring.is_empty() && ring.is_lent());
        assert_eq!(ring.consume(15), (10, 5));
        assert!(!ring.is_empty());
        assert!(ring.take_back(10));
        assert_eq!(ring.consume(9), (0, 5));
        assert!(ring.is_empty() && !ring.is_lent());
        ring.lend(7);
        assert_eq!(ring.clear(), 7);
        assert!(!ring.take_back(7), "it was abandoned");
    }

    proptest! {
        /// First in, first out, over every wrap; memory never past the limit.
        #[test]
        fn order_is_kept(
            steps in proptest::collection::vec((any::<bool>(), 0usize..3000), 0..200),
        ) {
            let limit = 4096;
            let mut ring = RecvRing::default();
            let (mut next, mut expected) = (0u8, VecDeque::new());
            for (push, n) in steps {
                if push {
                    let n = n.min(limit - ring.len());
                    let data: Vec<u8> = (0..n).map(|i| next.wrapping_add(i as u8)).collect();
                    next = next.wrapping_add(n as u8);
                    ring.push(&data, limit);
                    expected.extend(data);
                } else {
                    let [older, _] = ring.halves();
                    let front = older.len().min(n);
                    let taken: Vec<u8> = expected.drain(..front).collect();
                    prop_assert_eq!(&older[..front], &taken[..]);
                    prop_assert_eq!(ring.consume(front), (front, 0));
                }
                prop_assert_eq!(ring.len(), expected.len());
                prop_assert_eq!(ring.is_empty(), ring.halves()[0].is_empty());
                prop_assert!(ring.bytes.capacity() <= limit);
            }
        }
    }
}
