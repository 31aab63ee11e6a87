//! Requests about a channel: RFC 4254 sections 5.4 and 6.

use crate::channel::{ChannelKey, Closing, Opening, Outgoing};
use crate::connection::{Connection, decode};
use crate::error::LocalError;
use crate::event::{ChannelEvent, RequestTag};
use crate::messages::{ChannelRequest, ChannelRequestMsg};
use alloc::vec::Vec;
use tssh_transport::Result;

/// Whether a request asks for the program of a session: "Only one of these requests can succeed
/// per channel." (RFC 4254 section 6.5)
const fn starts_program(request: &ChannelRequest) -> bool {
    matches!(
        request,
        ChannelRequest::Shell | ChannelRequest::Exec { .. } | ChannelRequest::Subsystem { .. }
    )
}

/// Whether the end that opened a session channel may ask this of the other one.
const fn is_for_the_server(request: &ChannelRequest) -> bool {
    use ChannelRequest as R;
    matches!(
        request,
        R::Pty { .. }
            | R::X11Req { .. }
            | R::AuthAgentReq
            | R::Env { .. }
            | R::WindowChange { .. }
            | R::Signal { .. }
            | R::Break { .. }
            | R::Eow
    ) || starts_program(request)
}

/// Whether the end that runs the program may tell this to the one that opened the channel.
// "The client SHOULD ignore pty requests." RFC 4254 section 6.2
// "The client SHOULD ignore these messages." RFC 4254 section 6.5
const fn is_for_the_client(request: &ChannelRequest) -> bool {
    use ChannelRequest as R;
    matches!(request, R::ExitStatus(_) | R::ExitSignal { .. } | R::XonXoff { .. } | R::Eow)
}

impl Connection {
    /// SSH_MSG_CHANNEL_REQUEST.
    pub(crate) fn request_came(&mut self, payload: &[u8]) -> Result<Option<ChannelEvent>> {
        let message: ChannelRequestMsg<'_> = decode(payload)?;
        let (key, channel) = self.named(message.recipient_channel)?;
        let request = ChannelRequest::decode(&message)?;
        let want_reply = message.want_reply;
        if channel.closing != Closing::Open {
            // Nothing may follow our CLOSE, a reply neither.
            return Ok(None);
        }
        let known = match (channel.session, channel.ours) {
            (true, true) => is_for_the_client(&request),
            (true, false) => is_for_the_server(&request),
            (false, _) => request == ChannelRequest::Eow,
        };
        let program = starts_program(&request);
        let surfaced = known && !(program && channel.extra().is_some_and(|e| e.program));
        if surfaced && program {
            channel.extra_mut().program = true;
        }
        self.touched(key);
        if want_reply {
            self.channel_asked(key, surfaced, program)?;
        }
        Ok(surfaced.then_some(ChannelEvent::Request { channel: key, request, want_reply }))
    }

    /// Notes that the peer waits for a reply.
    fn channel_asked(&mut self, key: ChannelKey, surfaced: bool, program: bool) -> Result<()> {
        self.hold_one_more()?;
        let Some(channel) = self.table.get_mut(key) else { return Ok(()) };
        let requests = &mut channel.extra_mut().requests;
        let was_full = requests.is_full();
        if surfaced {
            requests.ask(program);
        } else {
            // "If the request is not recognized or is not supported for the channel,
            // SSH_MSG_CHANNEL_FAILURE is returned." RFC 4254 section 5.4
            requests.ask_decided(false);
        }
        let became_full = requests.is_full() && !was_full;
        self.full = self.full.saturating_add(usize::from(became_full));
        self.mark_dirty(key);
        Ok(())
    }

    /// Sends a request, when it may go.
    ///
    /// # Errors
    /// [`LocalError`]: no such channel, it is closing, or too many requests wait.
    pub(crate) fn request(
        &mut self,
        key: ChannelKey,
        request: &ChannelRequest,
        want_reply: bool,
    ) -> core::result::Result<RequestTag, LocalError> {
        let tag = self.take_tag();
        let channel = self.table.get_mut(key).ok_or(LocalError::UnknownChannel)?;
        if channel.opening != Opening::Open || channel.closing != Closing::Open {
            return Err(LocalError::NotOpen);
        }
        let mut payload = Vec::new();
        request.encode(channel.peer, want_reply, &mut payload);
        let tag_expected = want_reply.then_some(tag);
        channel.extra_mut().requests.queue(Outgoing { payload, tag: tag_expected })?;
        match request {
            ChannelRequest::X11Req { .. } => self.admitted.x11 = true,
            ChannelRequest::AuthAgentReq => self.admitted.auth_agent = true,
            _ => {}
        }
        self.mark_dirty(key);
        Ok(tag)
    }

    /// Decides the oldest request on this channel that waits for a decision.
    ///
    /// # Errors
    /// [`LocalError`]: no such channel, or nothing was asked.
    pub(crate) fn reply_request(
        &mut self,
        key: ChannelKey,
        ok: bool,
    ) -> core::result::Result<(), LocalError> {
        let channel = self.table.get_mut(key).ok_or(LocalError::UnknownChannel)?;
        let extra = channel.extra_mut();
        let program = extra.requests.decide(ok)?;
        if program && !ok {
            extra.program = false;
        }
        self.mark_dirty(key);
        Ok(())
    }
}
