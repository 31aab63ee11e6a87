//! What a slow socket did not take, in order, bounded by the window.

use alloc::collections::VecDeque;

/// Bytes of one stream that wait for their consumer. Holds no memory while it is empty: most
/// channels never need it, and a thousand idle ones must cost nothing.
#[derive(Debug, Default)]
pub(crate) struct RecvRing {
    bytes: VecDeque<u8>,
}

impl RecvRing {
    /// Bytes waiting.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The oldest bytes, as far as they lie in one piece.
    pub(crate) fn front(&self) -> &[u8] {
        self.bytes.as_slices().0
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

    /// The consumer took the first `n` bytes; gives how many there really were.
    pub(crate) fn consume(&mut self, n: usize) -> usize {
        let n = n.min(self.bytes.len());
        if n == self.bytes.len() {
            self.bytes = VecDeque::new();
        } else {
            self.bytes.drain(..n);
        }
        n
    }

    /// Abandons what waits; gives how much it was.
    pub(crate) fn clear(&mut self) -> usize {
        self.consume(usize::MAX)
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
        assert_eq!(ring.consume(5000), 5000);
        assert_eq!(ring.front(), [2]);
        assert_eq!(ring.clear(), 1);
        assert_eq!(ring.bytes.capacity(), 0);
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
                    let front = ring.front().len().min(n);
                    let taken: Vec<u8> = expected.drain(..front).collect();
                    prop_assert_eq!(&ring.front()[..front], &taken[..]);
                    prop_assert_eq!(ring.consume(front), front);
                }
                prop_assert_eq!(ring.len(), expected.len());
                prop_assert_eq!(ring.is_empty(), ring.front().is_empty());
                prop_assert!(ring.bytes.capacity() <= limit);
            }
        }
    }
}
