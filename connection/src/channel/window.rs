//! The only code that adds or subtracts window bytes.
//!
//! A byte that the peer may send moves through the receive window in one direction:
//!
//! ```text
//!  granted --arrive--> held --consume--> owed --announce--> granted
//! ```
//!
//! The three always add up to the target, which is what the budget accounts for: so what slow
//! sockets can make us hold is at most the sum of the targets.

use crate::limits;
use core::time::Duration;
use tssh_transport::{Error, Result, Timestamp};

/// What we may still send on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendWindow {
    available: u32,
    packet: u32,
    /// Sent and not given back.
    out: u32,
    /// Its size when nothing was on its way.
    first: u32,
    grown: bool,
}

impl SendWindow {
    /// As the peer's OPEN or CONFIRMATION announced it.
    // "Implementations MUST correctly handle window sizes of up to 2^32 - 1 bytes."
    // RFC 4254 section 5.2
    pub(crate) const fn new(initial_window_size: u32, maximum_packet_size: u32) -> Self {
        Self {
            available: initial_window_size,
            packet: maximum_packet_size,
            out: 0,
            first: initial_window_size,
            grown: false,
        }
    }

    /// Bytes that the next packet may carry: "The maximum amount of data allowed is determined by
    /// the maximum packet size for the channel, and the current window size, whichever is
    /// smaller", and by our own bound.
    // "MUST NOT generate data packets larger than its transport layer is willing to send, even if
    // the remote end would be willing to accept very large packets." RFC 4254 section 5.2
    pub(crate) fn next_packet(&self) -> u32 {
        self.available.min(self.packet).min(limits::SEND_BYTES_MAX)
    }

    /// Bytes that were sent and not given back. Too few where the peer made its window larger,
    /// which gives back what never came; too many where it never gives back a part.
    pub(crate) const fn out(&self) -> u32 {
        self.out
    }

    /// What is out counts as given back: nothing came for so long that no more will.
    pub(crate) const fn forget_out(&mut self) {
        self.out = 0;
    }

    /// Whether the peer gave at once what may have been a larger window.
    pub(crate) const fn may_have_grown(&self) -> bool {
        self.grown
    }

    /// Bytes that the peer still allows.
    pub(crate) const fn available(&self) -> u32 {
        self.available
    }

    /// `n` bytes were sent.
    ///
    /// # Errors
    /// [`Error::Internal`]: the caller was lent no more than [`SendWindow::next_packet`].
    pub(crate) fn spend(&mut self, n: u32) -> Result<()> {
        let rest = self.available.checked_sub(n);
        self.available = rest.ok_or(Error::Internal("more was sent than the window allows"))?;
        self.out = self.out.saturating_add(n);
        Ok(())
    }

    /// The peer allows `n` bytes more; gives how many of them were sent and are given back.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] past 2^32 - 1.
    pub(crate) fn adjust(&mut self, n: u32) -> Result<u32> {
        // "The window MUST NOT be increased above 2^32 - 1 bytes." RFC 4254 section 5.2
        let sum = self.available.checked_add(n);
        self.available =
            sum.ok_or(Error::PeerMisbehaved("window above 2^32 - 1 (RFC 4254 section 5.2)"))?;
        if self.out == 0 {
            // It opens, or has become larger while nothing could come back too early: sshd's
            // window of a session begins with nothing.
            self.first = self.available;
            return Ok(0);
        }
        // A step of growth is mostly half of the first window or more. So is what a peer gives back
        // that could not for a while, or that does so by halves.
        self.grown |= n > self.out || n >= self.first >> 1;
        let back = n.min(self.out);
        self.out = self.out.saturating_sub(back);
        Ok(back)
    }
}

/// What the peer may still send on one channel, and what of it is where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecvWindow {
    target: u32,
    granted: u32,
    held: u32,
    owed: u32,
    /// Consumed since `measured_from`.
    moved: u32,
    measured_from: Timestamp,
    /// The peer used up all it was granted while nothing was held.
    exhausted: bool,
}

impl RecvWindow {
    /// A window of `target` bytes, all granted by the message that opens the channel.
    pub(crate) const fn new(target: u32) -> Self {
        Self {
            target,
            granted: target,
            held: 0,
            owed: 0,
            moved: 0,
            measured_from: Timestamp::from_micros(0),
            exhausted: false,
        }
    }

    /// The size: granted, held and owed together.
    pub(crate) const fn target(&self) -> u32 {
        self.target
    }

    /// Bytes that the peer may still send.
    pub(crate) const fn granted(&self) -> u32 {
        self.granted
    }

    /// The peer sent `n` bytes, which are held until they are consumed.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] beyond the window or the packet size that we announced.
    pub(crate) fn arrive(&mut self, n: u32) -> Result<()> {
        if n > limits::PACKET_BYTES_MAX {
            let rule = "data beyond the maximum packet size (RFC 4254 section 5.2)";
            return Err(Error::PeerMisbehaved(rule));
        }
        let rest = self.granted.checked_sub(n);
        let rule = "data beyond the window (RFC 4254 section 5.2)";
        self.granted = rest.ok_or(Error::PeerMisbehaved(rule))?;
        self.exhausted |= self.granted == 0 && self.held == 0;
        self.held = self.held.saturating_add(n);
        Ok(())
    }

    /// A consumer took `n` of the bytes held.
    pub(crate) fn consume(&mut self, n: u32) {
        debug_assert!(n <= self.held, "nobody can take what did not arrive");
        let n = n.min(self.held);
        self.held = self.held.saturating_sub(n);
        self.owed = self.owed.saturating_add(n);
        self.moved = self.moved.saturating_add(n);
    }

    /// Bytes to announce now: nothing before an eighth of the window or three packets, whichever
    /// is more, but at most half the window, is owed. An announcement costs a packet on both
    /// sides, and one for each packet of data would cost more than the data's own bookkeeping.
    pub(crate) fn due(&self) -> u32 {
        let three = limits::PACKET_BYTES_MAX.saturating_mul(3);
        let enough = (self.target >> 3).max(three).min(self.target >> 1);
        if self.owed >= enough { self.owed } else { 0 }
    }

    /// `n` owed bytes stand in the output as SSH_MSG_CHANNEL_WINDOW_ADJUST.
    pub(crate) fn announced(&mut self, n: u32) {
        self.owed = self.owed.saturating_sub(n);
        self.granted = self.granted.saturating_add(n);
    }

    /// Whether it is smaller than what OpenSSH gives every channel.
    pub(crate) const fn is_small(&self) -> bool {
        self.target < limits::WINDOW_FIRST_BYTES
    }

    /// Whether the window, and not the consumer, holds the peer back, so that a larger one would
    /// move more: nothing is held, and the peer used up all of it, or more than half within one
    /// round trip (`rtt`, where one was measured). Past the size that OpenSSH gives every channel
    /// and with a round trip measured, to be used up says nothing any more: a peer that is faster
    /// than we are uses up any window, and what a larger one lets it send would lie in buffers,
    /// ours or its own. So there it has to be four fifths in a round trip, over
    /// [`limits::WINDOW_PERIOD`] at least.
    /// Starts the next measurement where one is over.
    pub(crate) fn is_the_limit(&mut self, now: Timestamp, rtt: Option<Duration>) -> bool {
        if self.held != 0 {
            self.exhausted = false;
            return false;
        }
        let ordinary = rtt.is_some() && !self.is_small();
        let enough =
            if ordinary { self.target.saturating_sub(self.target / 5) } else { self.target >> 1 };
        let mut limit = core::mem::take(&mut self.exhausted) && !ordinary;
        let elapsed = now.since(self.measured_from);
        let period = if ordinary { limits::WINDOW_PERIOD } else { Duration::ZERO };
        if let Some(rtt) = rtt.filter(|rtt| elapsed >= period.max(*rtt)) {
            // Bytes for one round trip, at the rate of the time that has passed.
            let rtt = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1);
            let elapsed = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
            let moved = u64::from(self.moved).saturating_mul(rtt).checked_div(elapsed);
            limit |= moved.unwrap_or_default() > u64::from(enough);
            self.measured_from = now;
            self.moved = 0;
        }
        limit
    }

    /// The budget gave `n` bytes more.
    pub(crate) fn grow(&mut self, n: u32) {
        self.target = self.target.saturating_add(n);
        self.owed = self.owed.saturating_add(n);
    }

    /// Gives back at most `n` bytes of what is owed; the amount goes to the budget.
    pub(crate) fn shrink(&mut self, n: u32) -> u32 {
        let n = n.min(self.owed);
        self.owed = self.owed.saturating_sub(n);
        self.target = self.target.saturating_sub(n);
        n
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
