//! Requests and replies in order: the same design for each channel and for the connection.
//!
//! Replies carry no identifier, so order is all. In both directions a request that waits for a
//! reply has its place in a queue: ours wait for the peer's next reply, the peer's wait until we
//! have decided and everything before them is answered.

use crate::error::LocalError;
use crate::event::RequestTag;
use crate::limits;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use tssh_transport::Timestamp;

/// A request of the peer that wants a reply; `R` is what a reply consists of.
#[derive(Debug)]
enum Asked<R> {
    /// Nobody has decided. The mark comes back with the decision.
    Waiting { mark: bool },
    /// Decided, not sent.
    Decided(R),
}

/// A request of ours that is not sent yet.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The whole message.
    pub(crate) payload: Vec<u8>,
    /// Whether a reply is expected, and for whom.
    pub(crate) tag: Option<RequestTag>,
}

/// The three queues.
#[derive(Debug)]
pub(crate) struct Requests<R> {
    outgoing: VecDeque<Outgoing>,
    expected: VecDeque<(RequestTag, Timestamp)>,
    asked: VecDeque<Asked<R>>,
}

impl<R> Requests<R> {
    /// Empty queues.
    pub(crate) const fn new() -> Self {
        Self { outgoing: VecDeque::new(), expected: VecDeque::new(), asked: VecDeque::new() }
    }

    /// The peer asks and waits for a reply. `mark` is for the caller.
    pub(crate) fn ask(&mut self, mark: bool) {
        self.asked.push_back(Asked::Waiting { mark });
    }

    /// The peer asks, and the answer is known; it still has to wait for those before it.
    pub(crate) fn ask_decided(&mut self, reply: R) {
        self.asked.push_back(Asked::Decided(reply));
    }

    /// Decides the oldest request that waits for a decision; gives its mark.
    ///
    /// # Errors
    /// [`LocalError::NothingAsked`].
    pub(crate) fn decide(&mut self, reply: R) -> Result<bool, LocalError> {
        let waits = |asked: &&mut Asked<R>| matches!(asked, Asked::Waiting { .. });
        let slot = self.asked.iter_mut().find(waits).ok_or(LocalError::NothingAsked)?;
        match core::mem::replace(slot, Asked::Decided(reply)) {
            Asked::Waiting { mark } => Ok(mark),
            Asked::Decided(_) => Ok(false),
        }
    }

    /// Decides the newest request, if it waits for a decision.
    pub(crate) fn decide_newest(&mut self, reply: R) {
        if let Some(newest @ Asked::Waiting { .. }) = self.asked.back_mut() {
            *newest = Asked::Decided(reply);
        }
    }

    /// The reply that may be sent now: only that of the oldest request.
    // "replies to SSH_MSG_GLOBAL_REQUESTS MUST be sent in the same order as the corresponding
    // request messages." RFC 4254 section 4
    // "For channel requests, replies that relate to the same channel MUST also be replied to in
    // the right order." RFC 4254 section 4
    pub(crate) fn next_reply(&self) -> Option<&R> {
        match self.asked.front()? {
            Asked::Decided(reply) => Some(reply),
            Asked::Waiting { .. } => None,
        }
    }

    /// That reply stands in the output.
    pub(crate) fn replied(&mut self) {
        self.asked.pop_front();
    }

    /// Requests of the peer that are not answered.
    pub(crate) fn unanswered(&self) -> usize {
        self.asked.len()
    }

    /// No reply of ours can follow any more.
    pub(crate) fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// Whether the peer has to wait before it asks more.
    pub(crate) fn is_full(&self) -> bool {
        self.asked.len() >= limits::REQUESTS_UNANSWERED_MAX
    }

    /// Queues a request of ours.
    ///
    /// # Errors
    /// [`LocalError::TooManyRequests`].
    pub(crate) fn queue(&mut self, outgoing: Outgoing) -> Result<(), LocalError> {
        let waiting = self.outgoing.len().saturating_add(self.expected.len());
        if waiting >= limits::REQUESTS_UNANSWERED_MAX {
            return Err(LocalError::TooManyRequests);
        }
        self.outgoing.push_back(outgoing);
        Ok(())
    }

    /// The request to send next.
    pub(crate) fn next_outgoing(&self) -> Option<&Outgoing> {
        self.outgoing.front()
    }

    /// That request stands in the output.
    pub(crate) fn sent(&mut self, now: Timestamp) {
        let sent = self.outgoing.pop_front();
        self.expected.extend(sent.and_then(|o| o.tag).map(|tag| (tag, now)));
    }

    /// The peer replied: to which request, and when that was sent. Nothing where no request of
    /// ours waits for a reply.
    pub(crate) fn answered(&mut self) -> Option<(RequestTag, Timestamp)> {
        self.expected.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn a_slow_decision_is_not_overtaken() {
        let mut r: Requests<u8> = Requests::new();
        r.ask(false);
        r.ask_decided(2);
        r.ask(true);
        assert_eq!(r.next_reply(), None);
        assert_eq!(r.decide(1), Ok(false));
        assert_eq!(r.decide(3), Ok(true));
        assert_eq!(r.decide(4), Err(LocalError::NothingAsked));
        let order: Vec<u8> = core::iter::from_fn(|| {
            let reply = r.next_reply().copied();
            r.replied();
            reply
        })
        .collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn ours_are_bounded_whether_sent_or_not() {
        let mut r: Requests<u8> = Requests::new();
        for n in 0..limits::REQUESTS_UNANSWERED_MAX as u64 {
            let tag = Some(RequestTag(n));
            assert_eq!(r.queue(Outgoing { payload: vec![], tag }), Ok(()));
            if n % 2 == 0 {
                r.sent(Timestamp::default());
            }
        }
        let one = |tag| Outgoing { payload: vec![], tag };
        assert_eq!(r.queue(one(None)), Err(LocalError::TooManyRequests));
        assert_eq!(r.answered().map(|(tag, _)| tag), Some(RequestTag(0)));
        assert_eq!(r.queue(one(None)), Ok(()));
    }

    #[test]
    fn a_reply_that_nobody_expects_matches_nothing() {
        let mut r: Requests<u8> = Requests::new();
        assert_eq!(r.answered(), None);
        r.queue(Outgoing { payload: vec![], tag: None }).unwrap();
        r.sent(Timestamp::default());
        assert_eq!(r.answered(), None, "no reply was asked for");
    }
}
