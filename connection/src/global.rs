//! Global requests, in both directions: RFC 4254 section 4.

use crate::channel::Outgoing;
use crate::connection::{Connection, decode};
use crate::error::LocalError;
use crate::event::{ChannelEvent, RequestTag};
use crate::messages::{GlobalRequest, GlobalRequestMsg, RequestFailure, RequestSuccess};
use alloc::vec::Vec;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result, Side};

/// What a reply consists of: SUCCESS with its data, or FAILURE.
pub(crate) type GlobalReply = Option<Vec<u8>>;

impl Connection {
    /// SSH_MSG_GLOBAL_REQUEST.
    pub(crate) fn global_request_came(&mut self, payload: &[u8]) -> Result<Option<ChannelEvent>> {
        let message: GlobalRequestMsg<'_> = decode(payload)?;
        let request = GlobalRequest::decode(&message)?;
        let want_reply = message.want_reply;
        let server = self.side == Side::Server;
        let surfaced = match &request {
            GlobalRequest::NoMoreSessions if server => {
                self.no_more_sessions = true;
                self.asked(want_reply, Some(Some(Vec::new())))?;
                return Ok(None);
            }
            // "Client implementations SHOULD reject these messages; they are normally only sent
            // by the client." RFC 4254 section 7.1
            GlobalRequest::TcpipForward { .. }
            | GlobalRequest::CancelTcpipForward { .. }
            | GlobalRequest::StreamlocalForward { .. }
            | GlobalRequest::CancelStreamlocalForward { .. } => server,
            // A notice, and a question that only a server can answer.
            GlobalRequest::HostKeys(_) => self.host_keys && !server && !want_reply,
            GlobalRequest::HostKeysProve(_) => server && want_reply,
            // "If the recipient does not recognize or support the request, it simply responds
            // with SSH_MSG_REQUEST_FAILURE." RFC 4254 section 4
            _ => false,
        };
        self.asked(want_reply, if surfaced { None } else { Some(None) })?;
        Ok(surfaced.then_some(ChannelEvent::GlobalRequest { request, want_reply }))
    }

    /// Notes that the peer waits for a reply, if it does; with `decided`, what it will be.
    fn asked(&mut self, want_reply: bool, decided: Option<GlobalReply>) -> Result<()> {
        if !want_reply {
            return Ok(());
        }
        self.hold_one_more()?;
        let was_full = self.global.is_full();
        match decided {
            Some(reply) => self.global.ask_decided(reply),
            None => self.global.ask(false),
        }
        if self.global.is_full() && !was_full {
            self.full = self.full.saturating_add(1);
        }
        Ok(())
    }

    /// SSH_MSG_REQUEST_SUCCESS or SSH_MSG_REQUEST_FAILURE.
    pub(crate) fn global_reply_came(&mut self, number: u8, payload: &[u8]) -> Result<ChannelEvent> {
        let ok = number == RequestSuccess::NUMBER;
        let data = if ok {
            decode::<RequestSuccess<'_>>(payload)?.response_data.to_vec()
        } else {
            decode::<RequestFailure<'_>>(payload)?;
            Vec::new()
        };
        let rule = "reply to a global request that was not sent (RFC 4254 section 4)";
        let (tag, sent) = self.global.answered().ok_or(Error::PeerMisbehaved(rule))?;
        self.answered_after(sent);
        Ok(ChannelEvent::GlobalReply { tag, ok, data })
    }

    /// Sends a request, when it may go.
    ///
    /// # Errors
    /// [`LocalError::TooManyRequests`].
    pub(crate) fn global_request(
        &mut self,
        request: &GlobalRequest,
        want_reply: bool,
    ) -> core::result::Result<RequestTag, LocalError> {
        let mut payload = Vec::new();
        request.encode(want_reply, &mut payload);
        let tag = self.take_tag();
        self.global.queue(Outgoing { payload, tag: want_reply.then_some(tag) })?;
        // Connections can arrive right behind the reply, and before anybody has read it.
        match request {
            GlobalRequest::TcpipForward { .. } => self.admitted.forwarded_tcpip = true,
            GlobalRequest::StreamlocalForward { .. } => self.admitted.forwarded_streamlocal = true,
            _ => {}
        }
        Ok(tag)
    }

    /// Decides the oldest global request of the peer that waits for a decision.
    ///
    /// # Errors
    /// [`LocalError::NothingAsked`].
    pub(crate) fn reply_global(
        &mut self,
        reply: GlobalReply,
    ) -> core::result::Result<(), LocalError> {
        self.global.decide(reply).map(|_| ())
    }

    /// Decides the newest global request of the peer: the one that came just now.
    pub(crate) fn reply_newest_global(&mut self, reply: GlobalReply) {
        self.global.decide_newest(reply);
    }
}
