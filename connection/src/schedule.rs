//! Whose turn it is, of the channels that have something to send.

use crate::channel::ChannelKey;
use crate::limits::TURN_BYTES;
use alloc::collections::VecDeque;

/// The queues. Only channels that can use a turn stand in them, each at most once, so cost follows
/// activity and not the number of channels.
///
/// A forwarded channel's turn is several packets, as long as it fills them: the peer passes on what
/// comes of one channel at a time in one go, and what comes of eight in eight. Who had nothing to
/// send until now comes before those that send all the time, with one packet, so that a question
/// does not wait for the turns of eight transfers. Session channels come first, so that a key
/// stroke does not wait for a hundred transfers.
///
/// But nobody comes first twice in a row while others wait: a session's bulk output leaves the
/// forwarded channels half the packets, and new ones leave the rest half of those.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    session: VecDeque<ChannelKey>,
    fresh: VecDeque<ChannelKey>,
    rest: VecDeque<ChannelKey>,
    session_was_last: bool,
    fresh_was_last: bool,
    /// Whose turn it is, of the rest, and what it has sent.
    turn: Option<(ChannelKey, u32)>,
}

impl Schedule {
    /// Appends a channel that does not stand in a queue; `fresh`: it had nothing to send.
    pub(crate) fn push(&mut self, key: ChannelKey, session: bool, fresh: bool) {
        let queue = match (session, fresh) {
            (true, _) => &mut self.session,
            (false, true) => &mut self.fresh,
            (false, false) => &mut self.rest,
        };
        queue.push_back(key);
    }

    /// The channel has sent so much in one packet and could send more: its turn goes on, or it
    /// stands behind the others. `full`: there was no room for more in the packet.
    pub(crate) fn push_again(&mut self, key: ChannelKey, session: bool, sent: u32, full: bool) {
        let turn = self.turn.take_if(|(whose, _)| *whose == key);
        let sum = turn.map(|(_, before)| before.saturating_add(sent));
        match sum.filter(|sum| full && *sum < TURN_BYTES) {
            Some(sum) => {
                self.turn = Some((key, sum));
                self.rest.push_front(key);
            }
            None => self.push(key, session, false),
        }
    }

    /// The channel whose turn it is; it stands in no queue any more. Asking in vain changes
    /// nothing, so how often that happens has no effect on what goes out.
    pub(crate) fn pop(&mut self) -> Option<ChannelKey> {
        let forwarded_waits = !self.fresh.is_empty() || !self.rest.is_empty();
        if (!self.session_was_last || !forwarded_waits)
            && let Some(key) = self.session.pop_front()
        {
            self.session_was_last = true;
            return Some(key);
        }
        if (!self.fresh_was_last || self.rest.is_empty())
            && let Some(key) = self.fresh.pop_front()
        {
            (self.session_was_last, self.fresh_was_last) = (false, true);
            return Some(key);
        }
        let key = self.rest.pop_front()?;
        (self.session_was_last, self.fresh_was_last) = (false, false);
        if self.turn.is_none_or(|(whose, _)| whose != key) {
            self.turn = Some((key, 0));
        }
        Some(key)
    }

    /// Takes a channel out, before its key names nothing any more.
    pub(crate) fn remove(&mut self, key: ChannelKey, session: bool) {
        let queues: &mut [&mut VecDeque<ChannelKey>] =
            if session { &mut [&mut self.session] } else { &mut [&mut self.fresh, &mut self.rest] };
        for queue in queues {
            queue.retain(|k| *k != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Table;
    use crate::limits::SEND_BYTES_MAX;
    use std::vec::Vec;

    fn keys<const N: usize>() -> [ChannelKey; N] {
        let mut table = Table::new(N);
        core::array::from_fn(|_| table.insert(|_| ()).unwrap())
    }

    #[test]
    fn sessions_first_but_not_twice_in_a_row_while_others_wait() {
        let [s, t, a, b] = keys();
        let mut schedule = Schedule::default();
        [a, b].into_iter().for_each(|k| schedule.push(k, false, false));
        [s, t].into_iter().for_each(|k| schedule.push(k, true, false));
        let order: Vec<_> = core::iter::from_fn(|| schedule.pop()).collect();
        assert_eq!(order, [s, a, t, b]);
    }

    #[test]
    fn each_class_gets_its_share_of_the_packets() {
        let [s, t, f, g, r, q] = keys();
        let mut schedule = Schedule::default();
        [s, t].into_iter().for_each(|k| schedule.push(k, true, true));
        [f, g].into_iter().for_each(|k| schedule.push(k, false, true));
        [r, q].into_iter().for_each(|k| schedule.push(k, false, false));
        let mut shares = [0; 3];
        for _ in 0..80 {
            let key = schedule.pop().unwrap();
            let class = [[s, t], [f, g], [r, q]].iter().position(|c| c.contains(&key)).unwrap();
            shares[class] += 1;
            match class {
                2 => schedule.push_again(key, false, SEND_BYTES_MAX, true),
                class => schedule.push(key, class == 0, true),
            }
        }
        assert_eq!(shares, [40, 20, 20]);
    }

    #[test]
    fn round_robin_of_single_packets_within_sessions() {
        let keys = keys::<3>();
        let mut schedule = Schedule::default();
        keys.iter().for_each(|k| schedule.push(*k, true, true));
        for turn in 0..9 {
            let key = schedule.pop().unwrap();
            assert_eq!(key, keys[turn % 3]);
            schedule.push_again(key, true, SEND_BYTES_MAX, true);
        }
    }

    #[test]
    fn the_fresh_come_first_with_one_packet_each_and_not_twice_in_a_row() {
        let [a, b, r, q] = keys();
        let mut schedule = Schedule::default();
        [r, q].into_iter().for_each(|k| schedule.push(k, false, false));
        [a, b].into_iter().for_each(|k| schedule.push(k, false, true));
        let mut next = || {
            let key = schedule.pop().unwrap();
            schedule.push_again(key, false, SEND_BYTES_MAX, true);
            key
        };
        let order: [_; 11] = core::array::from_fn(|_| next());
        assert_eq!(order, [a, r, b, r, r, r, q, q, q, q, a]);
    }

    #[test]
    fn a_turn_lasts_as_long_as_its_packets_are_full_and_others_come_in_between() {
        let [a, b, f, s] = keys();
        let mut schedule = Schedule::default();
        [a, b].into_iter().for_each(|k| schedule.push(k, false, false));
        let next = |schedule: &mut Schedule, full| {
            let key = schedule.pop().unwrap();
            schedule.push_again(key, key == s, SEND_BYTES_MAX, full);
            key
        };
        let order: Vec<_> = (0..9).map(|_| next(&mut schedule, true)).collect();
        assert_eq!(order, [a, a, a, a, b, b, b, b, a]);
        // Others do not end it,
        schedule.push(s, true, false);
        schedule.push(f, false, true);
        assert_eq!(schedule.pop(), Some(s));
        assert_eq!(schedule.pop(), Some(f));
        let order: Vec<_> = (0..4).map(|_| next(&mut schedule, true)).collect();
        assert_eq!(order, [a, a, a, b]);
        // a packet with room left does.
        let order: Vec<_> = (0..4).map(|_| next(&mut schedule, false)).collect();
        assert_eq!(order, [b, a, b, a]);
    }

    #[test]
    fn a_turn_that_was_lost_begins_anew() {
        let [a, b] = keys();
        let mut schedule = Schedule::default();
        [a, b].into_iter().for_each(|k| schedule.push(k, false, false));
        assert_eq!(schedule.pop(), Some(a));
        schedule.push_again(a, false, SEND_BYTES_MAX, true);
        // It had no window in the end.
        assert_eq!(schedule.pop(), Some(a));
        assert_eq!(schedule.pop(), Some(b));
        schedule.push(a, false, false);
        schedule.push_again(b, false, SEND_BYTES_MAX, true);
        let order = core::iter::from_fn(|| {
            let key = schedule.pop()?;
            schedule.push_again(key, false, SEND_BYTES_MAX, true);
            Some(key)
        });
        assert_eq!(order.take(8).collect::<Vec<_>>(), [b, b, b, a, a, a, a, b]);
    }

    #[test]
    fn who_is_removed_gets_no_turn() {
        let keys = keys::<3>();
        for (session, fresh) in [(true, false), (false, true), (false, false)] {
            let mut schedule = Schedule::default();
            keys.iter().for_each(|k| schedule.push(*k, session, fresh));
            schedule.remove(keys[1], session);
            let order: Vec<_> = core::iter::from_fn(|| schedule.pop()).collect();
            assert_eq!(order, [keys[0], keys[2]]);
        }
    }
}
