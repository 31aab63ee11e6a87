//! One channel: two halves, two windows, what waits, and what is to be sent.

mod halves;
mod recv_ring;
mod requests;
mod table;
mod window;

pub use table::ChannelKey;

pub(crate) use halves::{
    Closing, ClosingEvent, Inbound, InboundEvent, Machine, Opening, OpeningEvent, Outbound,
    OutboundEvent,
};
pub(crate) use recv_ring::RecvRing;
pub(crate) use requests::{Outgoing, Requests};
pub(crate) use table::Table;
pub(crate) use window::{RecvWindow, SendWindow};

use crate::event::Stream;
use crate::messages::{OpenFailure, OpenKind};
use alloc::boxed::Box;
use alloc::string::String;
use tssh_transport::Timestamp;

/// What most channels never need, or need only while they open.
#[derive(Debug)]
pub(crate) struct Extra {
    /// For the OPEN that is not sent yet.
    pub(crate) kind: Option<OpenKind>,
    /// For the failure that is not sent yet.
    pub(crate) refusal: Option<(OpenFailure, String)>,
    /// Requests about this channel.
    pub(crate) requests: Requests<bool>,
    /// A shell, command or subsystem was asked for, and not refused.
    pub(crate) program: bool,
}

/// Whether a channel waits at the limit of what may be on its way, below its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// It does not.
    No,
    /// It does, since then.
    Since(Timestamp),
    /// It did for too long, and may use its whole window until then.
    Until(Timestamp),
}

/// One channel. Its numbers of idle bytes are what thousands of idle channels cost.
#[derive(Debug)]
pub(crate) struct Channel {
    /// A session channel; every other carries a forwarded connection.
    pub(crate) session: bool,
    /// We opened it.
    pub(crate) ours: bool,
    pub(crate) opening: Opening,
    pub(crate) outbound: Outbound,
    pub(crate) inbound: Inbound,
    pub(crate) closing: Closing,
    /// The peer's number of the channel.
    pub(crate) peer: u32,
    pub(crate) send: SendWindow,
    pub(crate) recv: RecvWindow,
    rings: [RecvRing; 2],
    /// Which streams have something to send, as far as the driver said.
    ready: [bool; 2],
    /// The stream that sent last; the other one is next, where both have something.
    last: Stream,
    /// Stands in a queue of the schedule.
    pub(crate) scheduled: bool,
    /// Stands in the list of channels with something to flush.
    pub(crate) dirty: bool,
    /// Whether the limit of what is on its way holds the channel.
    pub(crate) held: Held,
    /// When we sent what the peer's next message on this channel answers, while it is open.
    pub(crate) probe: Option<Timestamp>,
    extra: Option<Box<Extra>>,
}

impl Channel {
    /// A channel with a receive window of `window` bytes.
    pub(crate) fn new(session: bool, ours: bool, window: u32) -> Self {
        Self {
            session,
            ours,
            opening: if ours { Opening::Queued } else { Opening::Asked },
            outbound: Outbound::Open,
            inbound: Inbound::Open,
            closing: Closing::Open,
            peer: 0,
            send: SendWindow::new(0, 0),
            recv: RecvWindow::new(window),
            rings: Default::default(),
            ready: [false; 2],
            last: Stream::Data,
            scheduled: false,
            dirty: false,
            probe: None,
            held: Held::No,
            extra: None,
        }
    }

    /// The ring of a stream.
    pub(crate) const fn ring(&self, stream: Stream) -> &RecvRing {
        let [data, stderr] = &self.rings;
        match stream {
            Stream::Data => data,
            Stream::Stderr => stderr,
        }
    }

    /// The ring of a stream.
    pub(crate) const fn ring_mut(&mut self, stream: Stream) -> &mut RecvRing {
        let [data, stderr] = &mut self.rings;
        match stream {
            Stream::Data => data,
            Stream::Stderr => stderr,
        }
    }

    /// Whether nothing that the peer sent waits for a consumer.
    pub(crate) fn rings_empty(&self) -> bool {
        self.rings.iter().all(RecvRing::is_empty)
    }

    /// Abandons what the peer sent; it counted against the window, and no credit follows it.
    pub(crate) fn abandon_rings(&mut self) {
        for ring in &mut self.rings {
            let n = u32::try_from(ring.clear()).unwrap_or(u32::MAX);
            self.recv.consume(n);
        }
    }

    /// Whether data may be sent, window and output aside.
    pub(crate) fn may_send(&self) -> bool {
        self.opening == Opening::Open
            && self.outbound == Outbound::Open
            && self.closing == Closing::Open
            // Data must not overtake the request that says what to do with it.
            && self.extra().is_none_or(|extra| extra.requests.next_outgoing().is_none())
    }

    /// Whether the peer is to be credited: not when it will send no more, and not after our CLOSE.
    pub(crate) fn credits(&self) -> bool {
        self.opening == Opening::Open
            && self.inbound == Inbound::Open
            && self.closing == Closing::Open
    }

    /// Whether nothing is left to be done: the number may be used again.
    // "The channel is considered closed for a party when it has both sent and received
    // SSH_MSG_CHANNEL_CLOSE, and the party may then reuse the channel number."
    // RFC 4254 section 5.3
    pub(crate) fn is_over(&self) -> bool {
        self.closing == Closing::Done && self.rings_empty()
    }

    /// Says whether a stream has something to send.
    pub(crate) const fn set_ready(&mut self, stream: Stream, ready: bool) {
        let [data, stderr] = &mut self.ready;
        match stream {
            Stream::Data => *data = ready,
            Stream::Stderr => *stderr = ready,
        }
    }

    /// The stream whose turn it is.
    pub(crate) const fn ready_stream(&self) -> Option<Stream> {
        match (self.ready, self.last) {
            ([true, true], Stream::Stderr) | ([true, false], _) => Some(Stream::Data),
            ([true, true], Stream::Data) | ([false, true], _) => Some(Stream::Stderr),
            ([false, false], _) => None,
        }
    }

    /// A stream sent something.
    pub(crate) const fn sent_on(&mut self, stream: Stream) {
        self.last = stream;
    }

    /// Bytes that the next packet may carry while at most `limit` may be on their way.
    pub(crate) fn next_packet(&self, limit: u32) -> u32 {
        let open = self.send.out() < limit || matches!(self.held, Held::Until(_));
        if open { self.send.next_packet() } else { 0 }
    }

    /// How many packets as large as the next one, at most `most`, may follow one another while at
    /// most `limit` bytes may be on their way; one where there may be any.
    pub(crate) fn packets_in_a_row(&self, limit: u32, most: usize) -> usize {
        let max = self.send.next_packet().max(1);
        let fit = self.send.available().checked_div(max).unwrap_or_default();
        let room = match self.held {
            Held::Until(_) => u32::MAX,
            _ => limit.saturating_sub(self.send.out()),
        };
        usize::try_from(fit.min(room.div_ceil(max))).unwrap_or(usize::MAX).clamp(1, most.max(1))
    }

    /// Whether nothing but the limit keeps the channel from a turn.
    pub(crate) fn is_limited(&self, limit: u32) -> bool {
        !self.wants_turn(limit) && self.wants_turn(u32::MAX)
    }

    /// Whether the channel could use a turn while at most `limit` bytes may be on their way.
    pub(crate) fn wants_turn(&self, limit: u32) -> bool {
        self.may_send() && self.next_packet(limit) > 0 && self.ready_stream().is_some()
    }

    /// The rarely needed part, if there is one.
    pub(crate) fn extra(&self) -> Option<&Extra> {
        self.extra.as_deref()
    }

    /// The rarely needed part, made where there is none.
    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_with(|| {
            let requests = Requests::new();
            Box::new(Extra { kind: None, refusal: None, requests, program: false })
        })
    }

    /// Drops the rarely needed part of a forwarded channel that has opened.
    pub(crate) fn drop_extra(&mut self) {
        if !self.session {
            self.extra = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_channel_costs_a_few_hundred_bytes() {
        let size = core::mem::size_of::<Channel>();
        assert!(size <= 256, "{size}");
    }
}
