//! The sum of all receive windows, and who gets how much of it.
//!
//! Part of the sum is kept for least windows, so that thousands of channels open whatever a few
//! have taken. The rest is shared: a new channel gets a part of what is left that shrinks with
//! the number of channels, a channel that proves to need more gets up to half of what is left, but
//! for a quarter of the pool once it is no longer small, and a busy channel that holds more than
//! its fair share when little is left gives some back as it goes (it is simply not credited for
//! it).
//!
//! Where the owner has fixed the size of windows, a channel gets that size as long as there is as
//! much; otherwise a part of what is left, as without, and it grows up to that size and not beyond.

use crate::limits::{
    RESERVED_CHANNELS, WINDOW_BYTES_MAX, WINDOW_FIRST_BYTES, WINDOW_LEAST_BYTES as LEAST,
};

/// The account.
#[derive(Debug)]
pub(crate) struct Budget {
    /// For everything above the least windows of the first `reserved` channels.
    pool: u64,
    reserved: u64,
    channels: u64,
    taken: u64,
    /// The size of every window, where the owner has chosen one.
    fixed: Option<u32>,
}

impl Budget {
    /// An account of `total` bytes, for windows of the size `fixed` where that is chosen.
    pub(crate) fn new(total: u64, fixed: Option<u32>) -> Self {
        let wanted = RESERVED_CHANNELS.saturating_mul(u64::from(LEAST));
        // Of a smaller sum the same five eighths are kept that the default keeps.
        let kept = wanted.min((total >> 3).saturating_mul(5));
        let reserved = kept >> LEAST.trailing_zeros();
        let fixed = fixed.map(|bytes| bytes.max(LEAST));
        Self { pool: total.saturating_sub(kept), reserved, channels: 0, taken: 0, fixed }
    }

    fn left(&self) -> u64 {
        let kept = self.channels.min(self.reserved).saturating_mul(u64::from(LEAST));
        self.pool.saturating_sub(self.taken.saturating_sub(kept))
    }

    /// The largest window that one channel more could have.
    pub(crate) fn room(&self) -> u64 {
        let kept = if self.channels < self.reserved { u64::from(LEAST) } else { 0 };
        self.left().saturating_add(kept)
    }

    /// The window of one channel more; nothing when not even a least one is left.
    pub(crate) fn first(&mut self) -> Option<u32> {
        let room = self.room();
        if room < u64::from(LEAST) {
            return None;
        }
        let fixed = self.fixed.filter(|fixed| u64::from(*fixed) <= room);
        let window = fixed.unwrap_or_else(|| self.share());
        self.channels = self.channels.saturating_add(1);
        self.taken = self.taken.saturating_add(u64::from(window));
        Some(window)
    }

    /// A least window, and its part of what is left.
    fn share(&self) -> u32 {
        let parts = self.channels.saturating_mul(2).saturating_add(4);
        let share = self.left().checked_div(parts).unwrap_or_default();
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        // In whole least windows, so that windows are round numbers.
        let round = (share >> LEAST.trailing_zeros()) << LEAST.trailing_zeros();
        LEAST.saturating_add(round).min(self.fixed.unwrap_or(WINDOW_FIRST_BYTES))
    }

    /// How much a window of `target` bytes that proves too small grows: it doubles up to the 2 MiB
    /// that OpenSSH gives every channel, then takes one step of 4 MiB, and from there steps of
    /// 2 MiB or of a quarter, whichever is more, as far as the largest window, or the one that is
    /// fixed, and half of what is left allow. Each step takes two round trips to show whether it
    /// was enough, and some time where they are short. What a window has beyond the need, OpenSSH's
    /// sender fills with data that it then moves about in its memory: with 8 MiB of it, for
    /// seconds.
    pub(crate) fn grow(&mut self, target: u32) -> u32 {
        // A quarter is left to small windows: readers that have stopped give nothing back, and
        // those who come later are not to live on the least window.
        let kept = if target < WINDOW_FIRST_BYTES >> 3 { 0 } else { self.pool >> 2 };
        let half = u32::try_from(self.left().saturating_sub(kept) >> 1).unwrap_or(u32::MAX);
        let step = if target < WINDOW_FIRST_BYTES {
            target
        } else if target < 2 * WINDOW_FIRST_BYTES {
            2 * WINDOW_FIRST_BYTES
        } else {
            (target >> 2).max(WINDOW_FIRST_BYTES)
        };
        let most = self.fixed.unwrap_or(WINDOW_BYTES_MAX);
        let extra = step.min(most.saturating_sub(target)).min(half);
        // A step that small is not worth its announcement.
        if extra < LEAST {
            return 0;
        }
        self.taken = self.taken.saturating_add(u64::from(extra));
        extra
    }

    /// How much a window of `target` bytes should give back now.
    pub(crate) fn excess(&self, target: u32) -> u32 {
        if self.left() >= self.pool >> 3 {
            return 0;
        }
        let fair = self.pool.checked_div(self.channels).unwrap_or(self.pool);
        let fair = u32::try_from(fair).unwrap_or(u32::MAX).saturating_add(LEAST);
        target.saturating_sub(fair)
    }

    /// A window gave back `n` bytes.
    pub(crate) fn give_back(&mut self, n: u32) {
        self.taken = self.taken.saturating_sub(u64::from(n));
    }

    /// A channel with a window of `target` bytes is gone.
    pub(crate) fn release(&mut self, target: u32) {
        self.channels = self.channels.saturating_sub(1);
        self.give_back(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CHANNEL_MEMORY_BYTES;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn first_windows_shrink_as_channels_multiply() {
        let mut budget = Budget::new(CHANNEL_MEMORY_BYTES, None);
        let windows: Vec<u32> = (0..5120).map(|_| budget.first().unwrap()).collect();
        assert_eq!(windows[0], WINDOW_FIRST_BYTES);
        assert!(windows.is_sorted_by(|a, b| a >= b));
        assert!(windows[63] >= 16 * 1024);
        assert_eq!(windows[5119], LEAST);
        assert!(windows.iter().map(|w| u64::from(*w)).sum::<u64>() <= CHANNEL_MEMORY_BYTES);
    }

    #[test]
    fn five_thousand_channels_fit_beside_one_that_grew_as_far_as_it_could() {
        let mut budget = Budget::new(CHANNEL_MEMORY_BYTES, None);
        let mut target = budget.first().unwrap();
        for _ in 0..40 {
            target += budget.grow(target);
        }
        assert!(target > 8 * 1024 * 1024, "{target}");
        assert!((0..5119).all(|_| budget.first().is_some()));
    }

    #[test]
    fn growth_doubles_up_to_what_openssh_gives_and_goes_on_in_smaller_steps() {
        let mut budget = Budget::new(1 << 30, None);
        let mut target = WINDOW_FIRST_BYTES >> 3;
        let mut steps = Vec::new();
        loop {
            match budget.grow(target) {
                0 => break,
                extra => target += extra,
            }
            steps.push(target >> 10);
        }
        let steps: Vec<f64> = steps.into_iter().map(|kib| f64::from(kib) / 1024.0).collect();
        assert_eq!(steps[..7], [0.5, 1.0, 2.0, 6.0, 8.0, 10.0, 12.5]);
        assert_eq!(*steps.last().unwrap(), 16.0);
    }

    #[test]
    fn one_step_is_larger_than_those_around_it() {
        let mut budget = Budget::new(1 << 30, None);
        let mib = |n: u32| n << 20;
        let steps = [mib(2) - 1, mib(2), mib(4) - 1, mib(4), mib(8), mib(8) + 4, mib(15)];
        let grown = [mib(2) - 1, mib(4), mib(4), mib(2), mib(2), mib(2) + 1, mib(1)];
        assert_eq!(steps.map(|target| budget.grow(target)), grown);
    }

    /// Readers that have stopped hold what they have; whoever comes then gets more than the least.
    #[test]
    fn growth_leaves_something_to_those_who_come_later() {
        let mut budget = Budget::new(CHANNEL_MEMORY_BYTES, None);
        let mut stopped: Vec<u32> = (0..8).map(|_| budget.first().unwrap()).collect();
        for _ in 0..40 {
            stopped.iter_mut().for_each(|target| *target += budget.grow(*target));
        }
        let mut target = budget.first().unwrap();
        for _ in 0..40 {
            target += budget.grow(target);
        }
        assert!(target >= WINDOW_FIRST_BYTES >> 3, "{target}");
    }

    #[test]
    fn a_channel_above_its_fair_share_gives_back_when_little_is_left() {
        let mut budget = Budget::new(CHANNEL_MEMORY_BYTES, None);
        let mut target = budget.first().unwrap();
        assert_eq!(budget.excess(target), 0);
        for _ in 0..40 {
            target += budget.grow(target);
        }
        (0..9).for_each(|_| assert!(budget.first().is_some()));
        let excess = budget.excess(target);
        assert!(excess > 7 * 1024 * 1024, "{excess}");
        budget.give_back(excess);
        assert!(budget.grow(LEAST) > 0, "what was given back serves others");
    }

    #[test]
    fn nothing_is_asked_back_while_an_eighth_is_left() {
        let mut budget = Budget { pool: 1 << 20, reserved: 0, channels: 4, taken: 0, fixed: None };
        let fair = (1 << 18) + LEAST;
        for (left, excess) in [(1 << 20, 0), (1 << 17, 0), ((1 << 17) - 1, 5), (0, 5)] {
            budget.taken = budget.pool - left;
            assert_eq!(budget.left(), left);
            assert_eq!(budget.excess(fair + 5), excess, "{left}");
            assert_eq!(budget.excess(fair), 0);
        }
        budget.channels = 0;
        assert_eq!(budget.excess(u32::MAX), u32::MAX - (1 << 20) - LEAST);
    }

    #[test]
    fn the_last_least_window_is_given_and_no_smaller_one() {
        let least = u64::from(LEAST);
        for (taken, given) in [(0, true), (1, false)] {
            let mut budget = Budget { pool: least, reserved: 2, channels: 2, taken, fixed: None };
            budget.taken += 2 * least;
            assert_eq!(budget.first(), given.then_some(LEAST));
            assert_eq!(budget.channels, if given { 3 } else { 2 });
        }
        // What is reserved is given in any case.
        let mut budget = Budget { pool: 0, reserved: 2, channels: 1, taken: least, fixed: None };
        assert_eq!(budget.first(), Some(LEAST));
        // A quarter of what is left, in whole least windows, comes on top of the first one.
        for (left, windows) in [(4 * least - 1, 1), (4 * least, 2), (11 * least, 3)] {
            let mut budget = Budget { pool: left, reserved: 0, channels: 0, taken: 0, fixed: None };
            assert_eq!(budget.first(), Some(windows * LEAST));
        }
    }

    #[test]
    fn a_step_is_at_least_one_least_window_and_half_of_what_is_left() {
        let least = u64::from(LEAST);
        let grow = |left: u64, target: u32| {
            let mut budget = Budget { pool: left, reserved: 0, channels: 1, taken: 0, fixed: None };
            let extra = budget.grow(target);
            assert_eq!(budget.taken, u64::from(extra));
            extra
        };
        assert_eq!(grow(2 * least, LEAST), LEAST);
        assert_eq!(grow(2 * least - 1, LEAST), 0);
        assert_eq!(grow(8 * least, 1 << 20), 3 * LEAST, "a quarter is kept");
        let small = WINDOW_FIRST_BYTES >> 3;
        assert_eq!(
            [small - 1, small].map(|target| grow(8 * least, target)),
            [4 * LEAST, 3 * LEAST]
        );
        assert_eq!(grow(1 << 40, LEAST - 1), 0);
        assert_eq!(grow(1 << 40, WINDOW_BYTES_MAX - LEAST), LEAST);
        assert_eq!(grow(1 << 40, WINDOW_BYTES_MAX - LEAST + 1), 0);
    }

    #[test]
    fn windows_of_a_fixed_size_are_that_size_while_there_is_as_much() {
        let size = 3 << 20;
        let mut budget = Budget::new(CHANNEL_MEMORY_BYTES, Some(size));
        // Twelve mebibytes are not kept for least windows.
        let mut windows: Vec<u32> = (0..4).map(|_| budget.first().unwrap()).collect();
        assert_eq!(windows, [size; 4]);
        assert!(windows.iter().all(|w| budget.grow(*w) == 0), "no growth");
        windows.extend((0..5116).map(|_| budget.first().unwrap()));
        assert!(windows[4..].iter().all(|w| *w <= 20 * 1024), "{:?}", &windows[4..8]);
        assert!(windows.iter().map(|w| u64::from(*w)).sum::<u64>() <= CHANNEL_MEMORY_BYTES);
    }

    #[test]
    fn a_channel_that_got_less_grows_to_the_fixed_size_and_no_further() {
        let size = 8 << 20;
        let mut budget = Budget::new(CHANNEL_MEMORY_BYTES, Some(size));
        let (first, mut second) = (budget.first().unwrap(), budget.first().unwrap());
        assert!(first == size && second < 1 << 20, "{first} {second}");
        budget.release(first);
        for _ in 0..40 {
            second += budget.grow(second);
        }
        assert!(second > size - LEAST && second <= size, "{second}");
    }

    #[test]
    fn a_fixed_size_is_no_less_than_a_least_window_and_no_more_than_there_is_room_for() {
        assert_eq!(Budget::new(CHANNEL_MEMORY_BYTES, Some(1)).first(), Some(LEAST));
        let room = Budget::new(CHANNEL_MEMORY_BYTES, None).room();
        assert_eq!(room, (12 << 20) + u64::from(LEAST));
        let room = u32::try_from(room).unwrap();
        assert_eq!(Budget::new(CHANNEL_MEMORY_BYTES, Some(room)).first(), Some(room));
        let more = Budget::new(CHANNEL_MEMORY_BYTES, Some(room + 1)).first().unwrap();
        assert_eq!(more, (3 << 20) + LEAST, "a quarter, as without");
    }

    proptest! {
        #[test]
        fn the_sum_never_passes_the_total(
            total in 0u64..1 << 26,
            fixed in proptest::option::of(0u32..1 << 25),
            steps in proptest::collection::vec((0u8..3, 0usize..50), 0..300),
        ) {
            let mut budget = Budget::new(total, fixed);
            let mut windows: Vec<u32> = Vec::new();
            for (what, at) in steps {
                match what {
                    0 => windows.extend(budget.first()),
                    1 => if let Some(w) = windows.get_mut(at) { *w += budget.grow(*w) },
                    _ => if at < windows.len() { budget.release(windows.swap_remove(at)) },
                }
                prop_assert!(windows.iter().map(|w| u64::from(*w)).sum::<u64>() <= total);
                let most = fixed.map_or(WINDOW_BYTES_MAX, |fixed| fixed.max(LEAST));
                prop_assert!(windows.iter().all(|w| *w <= most));
            }
            windows.drain(..).for_each(|w| budget.release(w));
            prop_assert_eq!(budget.taken, 0);
        }
    }
}
