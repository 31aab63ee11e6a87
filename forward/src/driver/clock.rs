//! Time for the cores, and one alarm for the earliest of all deadlines.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use tssh_transport::Timestamp;

/// Time since the connection's driver began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::default().after(self.start.elapsed())
    }

    fn instant(&self, at: Timestamp) -> Instant {
        // A deadline past what the platform can express is as good as none: a day from now
        // the alarm is set again.
        let since = at.since(Timestamp::default());
        let fallback = || Instant::now().checked_add(Duration::from_secs(86_400));
        self.start.checked_add(since).or_else(fallback).unwrap_or(self.start)
    }
}

/// Later than every deadline.
const UNSET: Timestamp = Timestamp::from_micros(u64::MAX);

/// A timer that is set again only when it has to ring earlier: deadlines mostly move later, and
/// one ring for nothing costs less than a move for each packet.
pub(crate) struct Alarm {
    clock: Clock,
    sleep: Option<Pin<Box<Sleep>>>,
    at: Timestamp,
}

impl Alarm {
    pub(crate) const fn new(clock: Clock) -> Self {
        Self { clock, sleep: None, at: UNSET }
    }

    /// Arranges that `cx` is woken at `deadline` or before; at once where it has passed.
    pub(crate) fn set(&mut self, deadline: Timestamp, cx: &mut Context<'_>) {
        if self.at <= deadline {
            return;
        }
        let instant = self.clock.instant(deadline);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(instant),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(instant))),
        }
        self.at = deadline;
        if self.rings(cx) {
            cx.waker().wake_by_ref();
        }
    }

    /// Looks whether it rang; after that it is not set. Otherwise `cx` is woken when it does.
    pub(crate) fn rings(&mut self, cx: &mut Context<'_>) -> bool {
        let set = self.sleep.as_mut().filter(|_| self.at != UNSET);
        let rang = set.is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
        if rang {
            self.at = UNSET;
        }
        rang
    }
}
