//! Whose turn it is, of the channels that have something to send.

use crate::channel::ChannelKey;
use crate::limits::{RUN_PACKETS, SHORT_BYTES};
use alloc::collections::VecDeque;

/// The queues. Only channels that can use a turn stand in them, each at most once, so cost follows
/// activity and not the number of channels.
///
/// A forwarded channel gets several turns in a row, a run, as long as it fills its packets: the
/// peer passes on what comes of one channel at a time in one go, and what comes of eight in eight.
/// Who had nothing to send until now, or little, comes before those that send all the time, with
/// one packet, so that a question does not wait for the runs of eight transfers. Session channels
/// come first, so that a key stroke does not wait for a hundred transfers.
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
    /// Whose run it is, of the rest, and how many packets it has sent.
    run: Option<(ChannelKey, usize)>,
}

/// What a channel sent in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) packets: usize,
    /// Bytes of data in the last of them.
    pub(crate) last: usize,
    /// There was no room for more in it.
    pub(crate) full: bool,
}

impl Schedule {
    /// Appends a channel that does not stand in a queue; `fresh`: it had little or nothing to send.
    pub(crate) fn push(&mut self, key: ChannelKey, session: bool, fresh: bool) {
        let queue = match (session, fresh) {
            (true, _) => &mut self.session,
            (false, true) => &mut self.fresh,
            (false, false) => &mut self.rest,
        };
        queue.push_back(key);
    }

    /// How many packets the channel whose turn it is may send in a row: what is left of its run,
    /// unless somebody comes before it; a whole one where it is alone.
    pub(crate) fn packets(&self, key: ChannelKey) -> usize {
        let alone = self.session.is_empty() && self.fresh.is_empty();
        match self.run.filter(|(whose, _)| alone && *whose == key) {
            Some(_) if self.rest.is_empty() => RUN_PACKETS,
            Some((_, before)) => RUN_PACKETS.saturating_sub(before).max(1),
            None => 1,
        }
    }

    /// The channel has sent something and may have more: its run goes on, or it stands behind the
    /// others.
    pub(crate) fn push_again(&mut self, key: ChannelKey, session: bool, sent: Sent) {
        let Sent { packets, last, full } = sent;
        let run = self.run.take_if(|(whose, _)| *whose == key);
        let packets = run.map(|(_, before)| before.saturating_add(packets));
        match packets.filter(|packets| full && *packets < RUN_PACKETS) {
            Some(packets) => {
                self.run = Some((key, packets));
                self.rest.push_front(key);
            }
            None => self.push(key, session, !full && last < SHORT_BYTES),
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
            // One that it had begun is over.
            self.run.take_if(|(whose, _)| *whose == key);
            return Some(key);
        }
        let key = self.rest.pop_front()?;
        (self.session_was_last, self.fresh_was_last) = (false, false);
        if self.run.is_none_or(|(whose, _)| whose != key) {
            self.run = Some((key, 0));
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
    use std::vec::Vec;

    const FULL: Sent = Sent { packets: 1, last: 32 * 1024, full: true };

    fn keys<const N: usize>() -> [ChannelKey; N] {
        let mut table = Table::new(N);
        core::array::from_fn(|_| table.insert(|_| ()).unwrap())
    }

    /// Of these, all of which send all the time, the first has sent a full packet.
    fn begun(keys: &[ChannelKey]) -> Schedule {
        let mut schedule = Schedule::default();
        keys.iter().for_each(|k| schedule.push(*k, false, false));
        assert_eq!(schedule.pop(), keys.first().copied());
        schedule.push_again(keys[0], false, FULL);
        schedule
    }

    /// Whose turn it is; all of them send a forwarded channel's packet, full or not.
    fn next(schedule: &mut Schedule, full: bool) -> ChannelKey {
        let key = schedule.pop().unwrap();
        schedule.push_again(key, false, Sent { full, ..FULL });
        key
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
                2 => schedule.push_again(key, false, FULL),
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
            schedule.push_again(key, true, FULL);
        }
    }

    #[test]
    fn the_fresh_come_first_with_one_packet_each_and_not_twice_in_a_row() {
        let [a, b, r, q] = keys();
        let mut schedule = Schedule::default();
        [r, q].into_iter().for_each(|k| schedule.push(k, false, false));
        [a, b].into_iter().for_each(|k| schedule.push(k, false, true));
        let order: [_; 11] = core::array::from_fn(|_| next(&mut schedule, true));
        assert_eq!(order, [a, r, b, r, r, r, q, q, q, q, a]);
    }

    #[test]
    fn a_run_lasts_as_long_as_its_packets_are_full_and_others_come_in_between() {
        let [a, b, f, s] = keys();
        let mut schedule = Schedule::default();
        [a, b].into_iter().for_each(|k| schedule.push(k, false, false));
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
    fn a_run_goes_out_at_once_unless_somebody_comes_before_it() {
        let [a, b, f, s] = keys();
        let mut schedule = begun(&[a, b]);
        assert_eq!(schedule.packets(b), 1, "whose turn it is not");
        assert_eq!((schedule.pop(), schedule.packets(a)), (Some(a), 3));
        for (who, session) in [(f, false), (s, true)] {
            schedule.push(who, session, true);
            assert_eq!(schedule.packets(a), 1);
            schedule.remove(who, session);
        }
        schedule.push_again(a, false, Sent { packets: 2, ..FULL });
        assert_eq!((schedule.pop(), schedule.packets(a)), (Some(a), 1));
        schedule.push_again(a, false, FULL);
        assert_eq!((schedule.pop(), schedule.packets(b)), (Some(b), 4));
        schedule.push_again(b, false, Sent { packets: 4, ..FULL });
        assert_eq!((schedule.pop(), schedule.packets(a)), (Some(a), 4));
    }

    #[test]
    fn who_is_alone_begins_a_run_each_time() {
        let [a, s] = keys();
        let mut schedule = begun(&[a]);
        assert_eq!((schedule.pop(), schedule.packets(a)), (Some(a), 4));
        schedule.push_again(a, false, Sent { packets: 4, ..FULL });
        assert_eq!((schedule.pop(), schedule.packets(a)), (Some(a), 4));
        // Sessions have no runs.
        schedule.push(s, true, false);
        assert_eq!((schedule.pop(), schedule.packets(s)), (Some(s), 1));
    }

    #[test]
    fn a_run_that_was_lost_begins_anew() {
        let [a, b] = keys();
        let mut schedule = begun(&[a, b]);
        // It had no window in the end.
        assert_eq!(schedule.pop(), Some(a));
        assert_eq!(schedule.pop(), Some(b));
        schedule.push(a, false, false);
        schedule.push_again(b, false, FULL);
        let order: [_; 8] = core::array::from_fn(|_| next(&mut schedule, true));
        assert_eq!(order, [b, b, b, a, a, a, a, b]);
    }

    #[test]
    fn a_fresh_channel_takes_up_no_run_that_it_had_begun() {
        let [a, b] = keys();
        let mut schedule = begun(&[a, b]);
        // In vain; then it has something.
        assert_eq!(schedule.pop(), Some(a));
        schedule.push(a, false, true);
        assert_eq!(schedule.pop(), Some(a));
        schedule.push_again(a, false, FULL);
        assert_eq!(schedule.pop(), Some(b));
    }

    #[test]
    fn who_sends_little_stays_in_front_of_those_who_send_all_the_time() {
        let [a, b, c, talks] = keys();
        let mut schedule = Schedule::default();
        [a, b, c].into_iter().for_each(|k| schedule.push(k, false, false));
        schedule.push(talks, false, true);
        let few = Sent { last: SHORT_BYTES - 1, full: false, ..FULL };
        let mut order = Vec::new();
        for _ in 0..8 {
            let key = schedule.pop().unwrap();
            schedule.push_again(key, false, if key == talks { few } else { FULL });
            order.push(key);
        }
        assert_eq!(order, [talks, a, talks, a, talks, a, talks, a]);
        // More than a little is as much as the others send.
        assert_eq!(schedule.pop(), Some(talks));
        schedule.push_again(talks, false, Sent { last: SHORT_BYTES, ..few });
        let order: [_; 4] = core::array::from_fn(|_| next(&mut schedule, true));
        assert_eq!(order, [b, b, b, b]);
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
