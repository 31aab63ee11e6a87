//! The slab of channels: dense numbers, guarded against reuse by a generation.

use alloc::vec::Vec;

/// Names one channel for as long as it lives. A key that outlives its channel names nothing, even
/// when the number is in use again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey {
    index: u32,
    generation: u32,
}

impl ChannelKey {
    /// The slot's number: dense, counted from 0, our 'sender channel' on the wire. Good as an
    /// index beside a check of the whole key.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }

    /// Our number of the channel on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.index
    }

    /// The key with these parts.
    #[cfg(feature = "transcript")]
    pub(crate) const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// How often the slot was used before.
    #[cfg(feature = "transcript")]
    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// A slab with at most `max` values.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Vec<Slot<T>>,
    /// Free slots; the lowest number is used first, as OpenSSH does, so that logs compare.
    free: alloc::collections::BinaryHeap<core::cmp::Reverse<u32>>,
    max: usize,
}

impl<T> Table<T> {
    /// An empty table.
    pub(crate) const fn new(max: usize) -> Self {
        let free = alloc::collections::BinaryHeap::new();
        Self { slots: Vec::new(), free, max }
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// Stores what `make` builds, given its key; nothing when the table is full.
    pub(crate) fn insert(&mut self, make: impl FnOnce(ChannelKey) -> T) -> Option<ChannelKey> {
        if self.len() >= self.max {
            return None;
        }
        let index = match self.free.pop() {
            Some(core::cmp::Reverse(index)) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { generation: 0, value: None });
                index
            }
        };
        let slot = self.slots.get_mut(usize::try_from(index).ok()?)?;
        let key = ChannelKey { index, generation: slot.generation };
        slot.value = Some(make(key));
        Some(key)
    }

    /// Takes a value out; its key names nothing from now on.
    pub(crate) fn remove(&mut self, key: ChannelKey) -> Option<T> {
        let slot = self.slots.get_mut(key.index())?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        // 2^32 uses of one slot at a thousand a second are seven weeks; a stale key of seven
        // weeks ago that is used in that very turn would name the wrong channel.
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(core::cmp::Reverse(key.index));
        Some(value)
    }

    /// All values, with their keys.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ChannelKey, &mut T)> {
        self.slots.iter_mut().zip(0..).filter_map(|(slot, index)| {
            let key = ChannelKey { index, generation: slot.generation };
            slot.value.as_mut().map(|value| (key, value))
        })
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: ChannelKey) -> Option<&T> {
        let slot = self.slots.get(key.index())?;
        slot.value.as_ref().filter(|_| slot.generation == key.generation)
    }

    /// The value of a key.
    pub(crate) fn get_mut(&mut self, key: ChannelKey) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index())?;
        slot.value.as_mut().filter(|_| slot.generation == key.generation)
    }

    /// The value at a number that a peer named, with its key.
    pub(crate) fn at_number(&mut self, number: u32) -> Option<(ChannelKey, &mut T)> {
        let slot = self.slots.get_mut(usize::try_from(number).ok()?)?;
        let key = ChannelKey { index: number, generation: slot.generation };
        slot.value.as_mut().map(|value| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_names_nothing() {
        let mut table = Table::new(2);
        let a = table.insert(|_| 'a').unwrap();
        assert_eq!(table.remove(a), Some('a'));
        let b = table.insert(|_| 'b').unwrap();
        assert_eq!(a.index(), b.index());
        assert_ne!(a, b);
        assert_eq!(table.get(a), None);
        assert_eq!(table.get_mut(a), None);
        assert_eq!(table.remove(a), None);
        assert_eq!(table.get(b), Some(&'b'));
    }

    #[test]
    fn the_limit_holds_and_the_lowest_number_is_reused_first() {
        let mut table = Table::new(3);
        let keys: std::vec::Vec<_> = (0..3).map(|n| table.insert(|_| n).unwrap()).collect();
        assert_eq!(table.insert(|_| 9), None);
        table.remove(keys[2]);
        table.remove(keys[0]);
        assert_eq!(table.len(), 1);
        assert_eq!(table.insert(|_| 9).map(ChannelKey::number), Some(0));
        assert_eq!(table.at_number(2), None);
        assert_eq!(table.at_number(77), None);
    }
}
