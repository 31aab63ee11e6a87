//! Round robin of the channels that have something to send.

use crate::channel::ChannelKey;
use alloc::collections::VecDeque;

/// The queues. Only channels that can use a turn stand in them, each at most once, so cost follows
/// activity and not the number of channels.
///
/// Session channels come first, so that a key stroke does not wait for a hundred transfers; but
/// not twice in a row while a forwarded channel waits, so that a session's bulk output leaves the
/// forwarded ones half the packets.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    session: VecDeque<ChannelKey>,
    forwarded: VecDeque<ChannelKey>,
    session_was_last: bool,
}

impl Schedule {
    /// Appends a channel that does not stand in a queue.
    pub(crate) fn push(&mut self, key: ChannelKey, session: bool) {
        let queue = if session { &mut self.session } else { &mut self.forwarded };
        queue.push_back(key);
    }

    /// The channel whose turn it is; it stands in no queue any more. Asking in vain changes
    /// nothing, so how often that happens has no effect on what goes out.
    pub(crate) fn pop(&mut self) -> Option<ChannelKey> {
        let session_now = !self.session_was_last || self.forwarded.is_empty();
        let from_session = if session_now { self.session.pop_front() } else { None };
        let session = from_session.is_some();
        let key = from_session.or_else(|| self.forwarded.pop_front());
        if key.is_some() {
            self.session_was_last = session;
        }
        key
    }

    /// Takes a channel out, before its key names nothing any more.
    pub(crate) fn remove(&mut self, key: ChannelKey, session: bool) {
        let queue = if session { &mut self.session } else { &mut self.forwarded };
        queue.retain(|k| *k != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Table;

    #[test]
    fn sessions_first_but_not_twice_in_a_row_while_others_wait() {
        let mut table = Table::new(9);
        let mut key = || table.insert(|_| ()).unwrap();
        let (s, t, a, b) = (key(), key(), key(), key());
        let mut schedule = Schedule::default();
        [a, b].into_iter().for_each(|k| schedule.push(k, false));
        [s, t].into_iter().for_each(|k| schedule.push(k, true));
        let order: std::vec::Vec<_> = core::iter::from_fn(|| schedule.pop()).collect();
        assert_eq!(order, [s, a, t, b]);
    }

    #[test]
    fn round_robin_within_a_class() {
        let mut table = Table::new(9);
        let keys: std::vec::Vec<_> = (0..3).map(|_| table.insert(|_| ()).unwrap()).collect();
        for session in [false, true] {
            let mut schedule = Schedule::default();
            keys.iter().for_each(|k| schedule.push(*k, session));
            for turn in 0..9 {
                let key = schedule.pop().unwrap();
                assert_eq!(key, keys[turn % 3]);
                schedule.push(key, session);
            }
            schedule.remove(keys[1], session);
            assert_eq!([schedule.pop(), schedule.pop()], [Some(keys[0]), Some(keys[2])]);
        }
    }
}
