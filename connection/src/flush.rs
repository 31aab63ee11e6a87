//! Pending control, rendered in a fixed order.
//!
//! Credits, EOF and CLOSE are kept as state and not as packets: while a key exchange closes the
//! gate they add up instead of queueing up. The order is replies to global requests, refusals,
//! global requests, then the channels in the order in which they came to have something; for each
//! its opening, its credit, its replies, its requests, EOF, CLOSE.

use crate::channel::{
    ChannelKey, Closing, ClosingEvent, Machine, Opening, OpeningEvent, Outbound, OutboundEvent,
    Requests,
};
use crate::connection::Connection;
use crate::messages::{
    ChannelClose, ChannelEof, ChannelFailure, ChannelOpenConfirmation, ChannelOpenFailure,
    ChannelSuccess, ChannelWindowAdjust, OpenFailure, RequestFailure, RequestSuccess,
};
use crate::sender::Sender;
use crate::trace::Sender as Side;
use alloc::string::String;
use alloc::vec::Vec;
use tssh_transport::wire::{Message, Writer};
use tssh_transport::{Error, Result};

/// Whether everything was sent, or some of it has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Through,
    Stuck,
}

/// Encodes into `scratch` and sends.
fn send<'m>(
    sender: &mut impl Sender,
    scratch: &mut Vec<u8>,
    message: &impl Message<'m>,
) -> Result<()> {
    scratch.clear();
    message.encode(&mut Writer::new(scratch));
    sender.send(scratch)
}

impl Connection {
    /// Whether there is anything to flush.
    pub(crate) fn has_control(&self) -> bool {
        !self.dirty.is_empty()
            || !self.refusals.is_empty()
            || self.global.next_reply().is_some()
            || self.global.next_outgoing().is_some()
    }

    /// Sends what is pending, as far as it may be sent.
    ///
    /// # Errors
    /// As the sender has them.
    pub(crate) fn flush(&mut self, sender: &mut impl Sender) -> Result<()> {
        if !self.has_control() {
            return Ok(());
        }
        self.flush_global_replies(sender)?;
        self.flush_refusals(sender)?;
        while let Some(outgoing) = self.global.next_outgoing() {
            if !sender.takes_control() {
                return Ok(());
            }
            sender.send(&outgoing.payload)?;
            self.global.sent(self.now);
        }
        while let Some(key) = self.dirty.front().copied() {
            if !sender.takes_control() || self.flush_channel(key, sender)? == Progress::Stuck {
                return Ok(());
            }
            self.dirty.pop_front();
            if let Some(channel) = self.table.get_mut(key) {
                channel.dirty = false;
            }
            self.free_if_over(key);
        }
        Ok(())
    }

    fn flush_global_replies(&mut self, sender: &mut impl Sender) -> Result<()> {
        while let Some(reply) = self.global.next_reply() {
            if !sender.takes_control() {
                break;
            }
            match reply {
                Some(data) => send(sender, &mut self.scratch, &RequestSuccess::new(data))?,
                None => send(sender, &mut self.scratch, &RequestFailure::new())?,
            }
            let was_full = self.global.is_full();
            self.global.replied();
            self.held = self.held.saturating_sub(1);
            if was_full && !self.global.is_full() {
                self.full = self.full.saturating_sub(1);
            }
        }
        Ok(())
    }

    fn flush_refusals(&mut self, sender: &mut impl Sender) -> Result<()> {
        while let Some(refusal) = self.refusals.front().copied() {
            if !sender.takes_control() {
                break;
            }
            let text = refusal.reason.text();
            refuse(sender, &mut self.scratch, refusal.peer, refusal.reason, text)?;
            self.refusals.pop_front();
            self.held = self.held.saturating_sub(1);
        }
        Ok(())
    }

    fn flush_channel(&mut self, key: ChannelKey, sender: &mut impl Sender) -> Result<Progress> {
        let Some(channel) = self.table.get(key) else { return Ok(Progress::Through) };
        match channel.opening {
            Opening::Queued | Opening::Accepted => self.flush_opening(key, sender)?,
            Opening::Refused => {
                self.flush_refused(key, sender)?;
                return Ok(Progress::Through);
            }
            Opening::Sent | Opening::Asked | Opening::Open => {}
        }
        let Some(channel) = self.table.get(key) else { return Ok(Progress::Through) };
        if channel.opening != Opening::Open {
            // What is wanted beyond the opening waits for it.
            return Ok(Progress::Through);
        }
        if self.flush_credit(key, sender)? == Progress::Stuck
            || self.flush_requests(key, sender)? == Progress::Stuck
        {
            return Ok(Progress::Stuck);
        }
        self.flush_end(key, sender)
    }

    /// SSH_MSG_CHANNEL_OPEN or its confirmation.
    fn flush_opening(&mut self, key: ChannelKey, sender: &mut impl Sender) -> Result<()> {
        let now = self.now;
        let Some(channel) = self.table.get_mut(key) else { return Ok(()) };
        let (window, packet) = (channel.recv.target(), self.packet_max);
        let mut opened = None;
        if channel.ours {
            let kind = channel.extra_mut().kind.take();
            let kind = kind.ok_or(Error::Internal("an open without its kind"))?;
            self.scratch.clear();
            opened = self.trace.get().map(|_| String::from(kind.name()));
            kind.encode(key.number(), window, packet, &mut self.scratch);
            sender.send(&self.scratch)?;
        } else {
            let peer = channel.peer;
            let confirm = ChannelOpenConfirmation::new(peer, key.number(), window, packet, &[]);
            send(sender, &mut self.scratch, &confirm)?;
            channel.drop_extra();
        }
        let opening = channel.opening.on(OpeningEvent::Committed);
        channel.opening = opening.ok_or(Error::Internal("an opening committed twice"))?;
        channel.probe = Some(now);
        let what = if channel.ours { "open sent" } else { "open confirmed by us" };
        self.trace_channel_with(key, what, |map| {
            let map = map.with("window", window).with("packet", packet);
            match opened {
                Some(kind) => map.with("kind", kind),
                None => map,
            }
        });
        self.trace_window(key, Side::Peer, "opened", window);
        self.schedule_if_ready(key);
        Ok(())
    }

    fn flush_refused(&mut self, key: ChannelKey, sender: &mut impl Sender) -> Result<()> {
        let Some(channel) = self.table.get_mut(key) else { return Ok(()) };
        let peer = channel.peer;
        let refusal = channel.extra_mut().refusal.take();
        let (reason, text) = refusal.ok_or(Error::Internal("a refusal without its reason"))?;
        refuse(sender, &mut self.scratch, peer, reason, &text)?;
        self.trace_channel_with(key, "open refused by us", |map| map.with("reason", reason.code()));
        self.free(key);
        Ok(())
    }

    /// SSH_MSG_CHANNEL_WINDOW_ADJUST, once enough is owed.
    fn flush_credit(&mut self, key: ChannelKey, sender: &mut impl Sender) -> Result<Progress> {
        let Some(channel) = self.table.get_mut(key) else { return Ok(Progress::Through) };
        if !channel.credits() {
            return Ok(Progress::Through);
        }
        let given = channel.recv.shrink(self.budget.excess(channel.recv.target()));
        self.budget.give_back(given);
        let due = channel.recv.due();
        if due == 0 {
            return Ok(Progress::Through);
        }
        if !sender.takes_control() {
            return Ok(Progress::Stuck);
        }
        send(sender, &mut self.scratch, &ChannelWindowAdjust::new(channel.peer, due))?;
        channel.recv.announced(due);
        self.trace_window(key, Side::Peer, "credited", due);
        Ok(Progress::Through)
    }

    /// Replies to the peer's requests, then requests of ours.
    fn flush_requests(&mut self, key: ChannelKey, sender: &mut impl Sender) -> Result<Progress> {
        let now = self.now;
        let Some(channel) = self.table.get_mut(key) else { return Ok(Progress::Through) };
        if channel.extra().is_none() || channel.closing == Closing::Sent {
            return Ok(Progress::Through);
        }
        let peer = channel.peer;
        let requests = &mut channel.extra_mut().requests;
        while let Some(ok) = requests.next_reply().copied() {
            if !sender.takes_control() {
                return Ok(Progress::Stuck);
            }
            if ok {
                send(sender, &mut self.scratch, &ChannelSuccess::new(peer))?;
            } else {
                send(sender, &mut self.scratch, &ChannelFailure::new(peer))?;
            }
            let was_full = requests.is_full();
            requests.replied();
            self.held = self.held.saturating_sub(1);
            let not_full = was_full && !requests.is_full();
            self.full = self.full.saturating_sub(usize::from(not_full));
        }
        while let Some(outgoing) = requests.next_outgoing() {
            if !sender.takes_control() {
                return Ok(Progress::Stuck);
            }
            sender.send(&outgoing.payload)?;
            requests.sent(now);
        }
        self.schedule_if_ready(key);
        Ok(Progress::Through)
    }

    /// EOF and CLOSE.
    fn flush_end(&mut self, key: ChannelKey, sender: &mut impl Sender) -> Result<Progress> {
        let Some(channel) = self.table.get_mut(key) else { return Ok(Progress::Through) };
        let eof = channel.outbound == Outbound::EofWanted && !channel.closing.seen();
        // "This message does not consume window space and can be sent even if no window space is
        // available." RFC 4254 section 5.3
        if eof && channel.closing != Closing::Sent {
            if !sender.takes_control() {
                return Ok(Progress::Stuck);
            }
            send(sender, &mut self.scratch, &ChannelEof::new(channel.peer))?;
            let sent = channel.outbound.on(OutboundEvent::Committed);
            channel.outbound = sent.ok_or(Error::Internal("EOF committed twice"))?;
            self.trace_channel(key, "eof sent");
        }
        let Some(channel) = self.table.get_mut(key) else { return Ok(Progress::Through) };
        if channel.closing.wanted() {
            if !sender.takes_control() {
                return Ok(Progress::Stuck);
            }
            send(sender, &mut self.scratch, &ChannelClose::new(channel.peer))?;
            let sent = channel.closing.on(ClosingEvent::Committed);
            channel.closing = sent.ok_or(Error::Internal("CLOSE committed twice"))?;
            self.trace_channel(key, "close sent");
            self.unanswerable(key);
        }
        Ok(Progress::Through)
    }

    /// After our CLOSE no reply can follow: what the peer asked is forgotten. What we asked is
    /// not, for the peer's replies may be on their way.
    fn unanswerable(&mut self, key: ChannelKey) {
        let Some(channel) = self.table.get_mut(key) else { return };
        if channel.extra().is_none() {
            return;
        }
        let requests = &mut channel.extra_mut().requests;
        let (unanswered, was_full) = (requests.unanswered(), requests.is_full());
        requests.forget_asked();
        self.held = self.held.saturating_sub(unanswered);
        self.full = self.full.saturating_sub(usize::from(was_full));
    }

    /// Takes a channel's unanswered requests out of the counts.
    pub(crate) fn forget_asked(&mut self, requests: &Requests<bool>) {
        self.held = self.held.saturating_sub(requests.unanswered());
        self.full = self.full.saturating_sub(usize::from(requests.is_full()));
    }
}

fn refuse(
    sender: &mut impl Sender,
    scratch: &mut Vec<u8>,
    peer: u32,
    reason: OpenFailure,
    text: &str,
) -> Result<()> {
    let message = ChannelOpenFailure::new(peer, reason.code(), text.as_bytes(), b"");
    send(sender, scratch, &message)
}
