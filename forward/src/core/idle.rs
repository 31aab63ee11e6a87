//! Channels that nothing passes through: `ChannelTimeout`.
//!
//! Time is handed in; the driver closes the channels that are named here.

use crate::core::pattern::matches;
use std::time::Duration;
use tssh_connection::ChannelKey;
use tssh_transport::Timestamp;

/// How long channels may be idle, by patterns of their types.
///
/// The type `global` stands for all channels together: none is closed while one of them is busy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelTimeouts(Vec<(String, Duration)>);

/// The other name of a channel type, which `ChannelTimeout` has for it.
fn named(kind: &str) -> &str {
    match kind {
        "auth-agent@openssh.com" => "agent-connection",
        "x11" => "x11-connection",
        kind => kind,
    }
}

impl ChannelTimeouts {
    /// Each pattern with its time, of which 0 is none; the first that matches counts.
    #[must_use]
    pub const fn new(rules: Vec<(String, Duration)>) -> Self {
        Self(rules)
    }

    fn of(&self, kind: &str) -> Option<Duration> {
        let rule = self.0.iter().find(|(pattern, _)| matches(named(kind), pattern));
        rule.map(|(_, time)| *time).filter(|time| !time.is_zero())
    }

    fn global(&self) -> Option<Duration> {
        let rule = self.0.iter().find(|(pattern, _)| pattern == "global");
        rule.map(|(_, time)| *time).filter(|time| !time.is_zero())
    }
}

/// One channel that is watched.
#[derive(Debug, Clone, Copy)]
struct Watched {
    key: ChannelKey,
    limit: Option<Duration>,
    moved: Timestamp,
}

/// The channels and when something last passed through each.
#[derive(Debug)]
pub(crate) struct Idle {
    rules: ChannelTimeouts,
    /// By number of channel; bounded by the connection layer's table.
    channels: Vec<Option<Watched>>,
}

impl Idle {
    pub(crate) const fn new(rules: ChannelTimeouts) -> Self {
        Self { rules, channels: Vec::new() }
    }

    /// Whether there is nothing to watch for.
    const fn is_off(&self) -> bool {
        self.rules.0.is_empty()
    }

    pub(crate) fn opened(&mut self, key: ChannelKey, kind: &str, now: Timestamp) {
        if self.is_off() {
            return;
        }
        let index = key.index();
        if self.channels.len() <= index {
            self.channels.resize(index.saturating_add(1), None);
        }
        if let Some(place) = self.channels.get_mut(index) {
            *place = Some(Watched { key, limit: self.rules.of(kind), moved: now });
        }
    }

    pub(crate) fn moved(&mut self, key: ChannelKey, now: Timestamp) {
        let watched = self.channels.get_mut(key.index()).and_then(Option::as_mut);
        if let Some(watched) = watched.filter(|watched| watched.key == key) {
            watched.moved = now;
        }
    }

    pub(crate) fn over(&mut self, key: ChannelKey) {
        if let Some(place) = self.channels.get_mut(key.index()) {
            place.take_if(|watched| watched.key == key);
        }
    }

    /// The earliest moment at which [`Idle::expired`] names a channel.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let each = self.channels.iter().flatten();
        let own = each.filter_map(|watched| Some(watched.moved.after(watched.limit?))).min();
        [own, self.all_idle_at()].into_iter().flatten().min()
    }

    /// When all channels together have been idle for too long.
    fn all_idle_at(&self) -> Option<Timestamp> {
        let last = self.channels.iter().flatten().map(|watched| watched.moved).max()?;
        Some(last.after(self.rules.global()?))
    }

    /// The channels whose time is over; each is named once.
    pub(crate) fn expired(&mut self, now: Timestamp) -> Vec<ChannelKey> {
        let all = self.all_idle_at().is_some_and(|at| at <= now);
        let late = |watched: &Watched| {
            let at = watched.limit.map(|limit| watched.moved.after(limit));
            all || at.is_some_and(|at| at <= now)
        };
        let each = self.channels.iter_mut().filter_map(|place| place.take_if(|w| late(w)));
        each.map(|watched| watched.key).collect()
    }
}
