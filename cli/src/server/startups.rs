//! `MaxStartups`: how many connections may be on their way to a login.

use crate::server::config::MaxStartups;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts connections that are not logged in.
#[derive(Debug, Clone)]
pub struct Startups {
    limits: MaxStartups,
    count: Arc<AtomicU32>,
}

/// One of them; dropped when it has logged in or is gone.
#[derive(Debug)]
pub struct Starting(Arc<AtomicU32>);

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Startups {
    /// Nobody is on the way.
    #[must_use]
    pub fn new(limits: MaxStartups) -> Self {
        Self { limits, count: Arc::default() }
    }

    /// Other limits, for those who are on the way as well.
    #[must_use]
    pub fn with_limits(self, limits: MaxStartups) -> Self {
        Self { limits, ..self }
    }

    /// One more, unless it is to be dropped; `random` decides that where chance has a say.
    #[must_use]
    pub fn admit(&self, random: u32) -> Option<Starting> {
        let now = self.count.load(Ordering::Relaxed);
        if drops(self.limits, now, random) {
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(Starting(Arc::clone(&self.count)))
    }
}

/// sshd's rule: from `start` on, `rate` per cent are dropped, rising in a line to all of them at
/// `full`.
fn drops(limits: MaxStartups, now: u32, random: u32) -> bool {
    let MaxStartups { start, rate, full } = limits;
    if now < start {
        return false;
    }
    if now >= full || rate == 100 {
        return true;
    }
    let rise = u64::from(100 - rate) * u64::from(now - start) / u64::from(full - start);
    u64::from(random % 100) < rise + u64::from(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_grows_between_the_two_limits() {
        let limits = MaxStartups { start: 10, rate: 30, full: 100 };
        let dropped = |now| (0..100).filter(|random| drops(limits, now, *random)).count();
        assert_eq!((dropped(9), dropped(10), dropped(55), dropped(100)), (0, 30, 65, 100));
        let all = MaxStartups { start: 3, rate: 100, full: 3 };
        assert!(!drops(all, 2, 0) && drops(all, 3, 99));
    }

    #[test]
    fn who_has_logged_in_no_longer_counts() {
        let startups = Startups::new(MaxStartups { start: 1, rate: 100, full: 1 });
        let first = startups.admit(0);
        assert!(first.is_some() && startups.admit(0).is_none());
        drop(first);
        assert!(startups.admit(0).is_some());
    }
}
