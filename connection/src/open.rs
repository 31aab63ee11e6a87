//! Opening channels, in both directions: RFC 4254 section 5.1.

use crate::channel::{Channel, ChannelKey, Closing, Machine, Opening, OpeningEvent, SendWindow};
use crate::connection::{Connection, decode};
use crate::error::LocalError;
use crate::event::ChannelEvent;
use crate::limits;
use crate::messages::{
    ChannelOpen, ChannelOpenConfirmation, ChannelOpenFailure, OpenFailure, OpenKind,
};
use crate::trace::Sender;
use alloc::string::String;
use tssh_transport::text::printable;
use tssh_transport::wire::{WireError, WireFault};
use tssh_transport::{Error, Result, Side};

/// An open that was refused without a channel of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The peer's number.
    pub(crate) peer: u32,
    /// Why.
    pub(crate) reason: OpenFailure,
}

/// What the peer may open because we asked for it. Everything else it opens is refused before
/// anybody above hears of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Admitted {
    /// `tcpip-forward` was sent. The layer above compares address and port.
    pub(crate) forwarded_tcpip: bool,
    /// `streamlocal-forward@openssh.com` was sent.
    pub(crate) forwarded_streamlocal: bool,
    /// `x11-req` was sent.
    pub(crate) x11: bool,
    /// `auth-agent-req@openssh.com` was sent.
    pub(crate) auth_agent: bool,
}

impl Connection {
    /// Opens a channel. The message goes out when it may.
    ///
    /// # Errors
    /// [`LocalError::TooManyChannels`].
    pub(crate) fn open(&mut self, kind: OpenKind) -> core::result::Result<ChannelKey, LocalError> {
        let session = kind == OpenKind::Session;
        let key = self.new_channel(session, true).ok_or(LocalError::TooManyChannels)?;
        if let Some(channel) = self.table.get_mut(key) {
            channel.extra_mut().kind = Some(kind);
        }
        self.mark_dirty(key);
        Ok(key)
    }

    fn new_channel(&mut self, session: bool, ours: bool) -> Option<ChannelKey> {
        let window = self.budget.first()?;
        let key = self.table.insert(|_| Channel::new(session, ours, window));
        if key.is_none() {
            self.budget.release(window);
        }
        key
    }

    /// SSH_MSG_CHANNEL_OPEN.
    pub(crate) fn open_came(&mut self, payload: &[u8]) -> Result<Option<ChannelEvent>> {
        let open: ChannelOpen<'_> = decode(payload)?;
        let peer = open.sender_channel;
        let kind = match OpenKind::decode(&open) {
            // A name in another encoding is no breach of the protocol: this one channel fails.
            Err(Error::Decode { error: WireError { fault: WireFault::NotUtf8, .. }, .. }) => {
                self.refuse(Refusal { peer, reason: OpenFailure::ConnectFailed })?;
                return Ok(None);
            }
            kind => kind?,
        };
        if let Some(reason) = self.refuses(&kind) {
            self.refuse(Refusal { peer, reason })?;
            // A client that meets such an open has a server that is broken or hostile.
            let warn = self.side == Side::Client && kind.forwards();
            return Ok(warn.then_some(ChannelEvent::Unsolicited { kind }));
        }
        let Some(key) = self.new_channel(kind == OpenKind::Session, false) else {
            self.refuse(Refusal { peer, reason: OpenFailure::ResourceShortage })?;
            return Ok(None);
        };
        let (window, packet) = (open.initial_window_size, open.maximum_packet_size);
        if let Some(channel) = self.table.get_mut(key) {
            channel.peer = peer;
            channel.send = SendWindow::new(window, packet.min(self.packet_max));
        }
        let kind_name = kind.name();
        self.trace_channel_with(key, "open received", |map| {
            map.with("kind", String::from(kind_name)).with("window", window).with("packet", packet)
        });
        self.trace_window(key, Sender::We, "opened", window);
        Ok(Some(ChannelEvent::OpenRequest { channel: key, kind }))
    }

    /// Why this kind of channel is refused whoever asks for it.
    fn refuses(&self, kind: &OpenKind) -> Option<OpenFailure> {
        let admitted = self.admitted;
        let allowed = match (self.side, kind) {
            // "If the recipient of the SSH_MSG_CHANNEL_OPEN message does not support the specified
            // 'channel type', it simply responds with SSH_MSG_CHANNEL_OPEN_FAILURE."
            // RFC 4254 section 5.1
            // "if the server does not understand the proposed 'channel type', even if it is a
            // locally defined 'channel type', then the 'reason code' MUST be 0x00000003"
            // RFC 4254 section 5.1
            (_, OpenKind::Unknown(_)) => return Some(OpenFailure::UnknownChannelType),
            (Side::Server, OpenKind::Session) => !self.no_more_sessions,
            (Side::Server, OpenKind::DirectTcpip { .. } | OpenKind::DirectStreamlocal { .. }) => {
                true
            }
            (Side::Server, _) => return Some(OpenFailure::UnknownChannelType),
            // "Implementations MUST reject these messages unless they have previously requested a
            // remote TCP/IP port forwarding with the given port number." RFC 4254 section 7.2
            (Side::Client, OpenKind::ForwardedTcpip { .. }) => admitted.forwarded_tcpip,
            (Side::Client, OpenKind::ForwardedStreamlocal { .. }) => admitted.forwarded_streamlocal,
            // "Implementations MUST reject any X11 channel open requests if they have not
            // requested X11 forwarding." RFC 4254 section 6.3.2
            (Side::Client, OpenKind::X11 { .. }) => admitted.x11,
            (Side::Client, OpenKind::AuthAgent) => admitted.auth_agent,
            // "Client implementations SHOULD reject any session channel open requests to make it
            // more difficult for a corrupt server to attack the client." RFC 4254 section 6.1
            (Side::Client, _) => false,
        };
        (!allowed).then_some(OpenFailure::AdministrativelyProhibited)
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.hold_one_more()?;
        self.refusals.push_back(refusal);
        Ok(())
    }

    /// Counts a reply that is owed.
    ///
    /// # Errors
    /// [`Error::LimitReached`]: nothing is read while so many are owed, but for a key exchange,
    /// and a peer that asks so much within one is not exchanging keys.
    pub(crate) fn hold_one_more(&mut self) -> Result<()> {
        if self.held >= limits::HELD_REPLIES_MAX {
            return Err(Error::LimitReached("replies owed during a key exchange"));
        }
        self.held = self.held.saturating_add(1);
        Ok(())
    }

    /// SSH_MSG_CHANNEL_OPEN_CONFIRMATION.
    pub(crate) fn open_confirmed(&mut self, payload: &[u8]) -> Result<Option<ChannelEvent>> {
        let message: ChannelOpenConfirmation<'_> = decode(payload)?;
        let key = self.asked_for(message.recipient_channel)?;
        self.touched(key);
        let Some(channel) = self.table.get_mut(key) else { return Ok(None) };
        let opened = channel.opening.on(OpeningEvent::PeerConfirms);
        channel.opening = opened.ok_or(Error::Internal("confirmed in no state for it"))?;
        channel.peer = message.sender_channel;
        let (window, packet) = (message.initial_window_size, message.maximum_packet_size);
        channel.send = SendWindow::new(window, packet.min(self.packet_max));
        channel.drop_extra();
        let closing = channel.closing != Closing::Open;
        self.trace_channel_with(key, "open confirmed", |map| {
            map.with("window", window).with("packet", packet)
        });
        self.trace_window(key, Sender::We, "opened", window);
        // What was wanted while the channel opened can be done now.
        self.mark_dirty(key);
        self.schedule_if_ready(key);
        Ok((!closing).then_some(ChannelEvent::Opened { channel: key }))
    }

    /// SSH_MSG_CHANNEL_OPEN_FAILURE.
    pub(crate) fn open_failed(&mut self, payload: &[u8]) -> Result<ChannelEvent> {
        let message: ChannelOpenFailure<'_> = decode(payload)?;
        let channel = self.asked_for(message.recipient_channel)?;
        self.touched(channel);
        let reason = message.reason_code;
        self.trace_channel_with(channel, "open refused", |map| map.with("reason", reason));
        self.free(channel);
        let description = printable(message.description, limits::TEXT_BYTES_MAX);
        Ok(ChannelEvent::OpenFailed { channel, reason, description })
    }

    /// A channel of ours that waits for the peer's answer.
    fn asked_for(&mut self, number: u32) -> Result<ChannelKey> {
        let found = self.table.at_number(number);
        let waits = found.filter(|(_, channel)| channel.opening == Opening::Sent);
        waits.map(|(key, _)| key).ok_or(Error::PeerMisbehaved(
            "answer to a channel open that was not sent (RFC 4254 section 5.1)",
        ))
    }

    /// The upper layer takes a channel that the peer opens.
    ///
    /// # Errors
    /// [`LocalError`]: no such channel, or already decided.
    pub(crate) fn accept_open(&mut self, key: ChannelKey) -> core::result::Result<(), LocalError> {
        self.decide_open(key, OpeningEvent::Accept)
    }

    /// The upper layer does not take it.
    ///
    /// # Errors
    /// [`LocalError`]: no such channel, or already decided.
    pub(crate) fn refuse_open(
        &mut self,
        key: ChannelKey,
        reason: OpenFailure,
        text: &str,
    ) -> core::result::Result<(), LocalError> {
        self.decide_open(key, OpeningEvent::Refuse)?;
        if let Some(channel) = self.table.get_mut(key) {
            channel.extra_mut().refusal = Some((reason, String::from(text)));
        }
        Ok(())
    }

    fn decide_open(
        &mut self,
        key: ChannelKey,
        event: OpeningEvent,
    ) -> core::result::Result<(), LocalError> {
        let channel = self.table.get_mut(key).ok_or(LocalError::UnknownChannel)?;
        channel.opening = channel.opening.on(event).ok_or(LocalError::NotOpen)?;
        self.mark_dirty(key);
        Ok(())
    }
}
