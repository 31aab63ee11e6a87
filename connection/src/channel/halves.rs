//! The machines of one channel: how it opens, its two halves, how it closes.
//!
//! Each is an enum and a table; what the table does not list is refused. The pictures below are
//! generated from the tables, and a test compares them.
//!
//! ```text
//! Opening: Queued    --Committed--> Sent
//! Opening: Sent      --PeerConfirms--> Open
//! Opening: Asked     --Accept--> Accepted
//! Opening: Asked     --Refuse--> Refused
//! Opening: Accepted  --Committed--> Open
//!
//! Outbound: Open      --Finish--> EofWanted
//! Outbound: EofWanted --Finish--> EofWanted
//! Outbound: EofWanted --Committed--> EofSent
//! Outbound: EofSent   --Finish--> EofSent
//!
//! Inbound: Open      --Data--> Open
//! Inbound: Open      --Eof--> EofSeen
//! Inbound: EofSeen   --Eof--> EofSeen
//! Inbound: EofSeen   --RingEmpty--> Drained
//! Inbound: Drained   --Eof--> Drained
//!
//! Closing: Open      --Ask--> Wanted
//! Closing: Open      --PeerCloses--> Answer
//! Closing: Wanted    --Ask--> Wanted
//! Closing: Wanted    --PeerCloses--> Answer
//! Closing: Wanted    --Committed--> Sent
//! Closing: Sent      --Ask--> Sent
//! Closing: Sent      --PeerCloses--> Done
//! Closing: Answer    --Ask--> Answer
//! Closing: Answer    --Committed--> Done
//! Closing: Done      --Ask--> Done
//! ```

/// A machine that is nothing but its table.
pub(crate) trait Machine: Copy + Eq + 'static {
    /// What can happen to it.
    type Event: Copy + Eq + 'static;
    /// Every transition there is.
    const TABLE: &'static [(Self, Self::Event, Self)];

    /// The state after `event`; none where the event may not happen now.
    #[must_use]
    fn on(self, event: Self::Event) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(from, on, _)| *from == self && *on == event);
        row.map(|(_, _, to)| *to)
    }
}

/// How far the opening has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Ours; SSH_MSG_CHANNEL_OPEN is not sent yet.
    Queued,
    /// Ours; the peer has not answered.
    Sent,
    /// The peer's; nobody has decided.
    Asked,
    /// The peer's; the confirmation is not sent yet.
    Accepted,
    /// The peer's; the failure is not sent yet.
    Refused,
    /// Both ends know both numbers.
    Open,
}

/// What moves [`Opening`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpeningEvent {
    /// Our message stands in the output.
    Committed,
    /// The upper layer takes it.
    Accept,
    /// The upper layer does not.
    Refuse,
    /// SSH_MSG_CHANNEL_OPEN_CONFIRMATION came.
    PeerConfirms,
}

impl Machine for Opening {
    type Event = OpeningEvent;
    const TABLE: &'static [(Self, OpeningEvent, Self)] = &[
        (Self::Queued, OpeningEvent::Committed, Self::Sent),
        (Self::Sent, OpeningEvent::PeerConfirms, Self::Open),
        (Self::Asked, OpeningEvent::Accept, Self::Accepted),
        (Self::Asked, OpeningEvent::Refuse, Self::Refused),
        (Self::Accepted, OpeningEvent::Committed, Self::Open),
    ];
}

impl Opening {
    /// Whether messages of the peer may name the channel.
    pub(crate) fn is_named(self, closing: Closing) -> bool {
        self == Self::Open && !closing.seen()
    }
}

/// Our half: what we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outbound {
    /// Data may be sent.
    Open,
    /// No more data; SSH_MSG_CHANNEL_EOF is not sent yet.
    EofWanted,
    /// It is.
    EofSent,
}

/// What moves [`Outbound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutboundEvent {
    /// The local source has ended.
    Finish,
    /// EOF stands in the output.
    Committed,
}

impl Machine for Outbound {
    type Event = OutboundEvent;
    const TABLE: &'static [(Self, OutboundEvent, Self)] = &[
        (Self::Open, OutboundEvent::Finish, Self::EofWanted),
        (Self::EofWanted, OutboundEvent::Finish, Self::EofWanted),
        (Self::EofWanted, OutboundEvent::Committed, Self::EofSent),
        (Self::EofSent, OutboundEvent::Finish, Self::EofSent),
    ];
}

/// The peer's half: what we receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// Data may come.
    Open,
    /// The peer sends no more; the ring may still hold some.
    EofSeen,
    /// And the ring is empty.
    Drained,
}

/// What moves [`Inbound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InboundEvent {
    /// Data came.
    Data,
    /// SSH_MSG_CHANNEL_EOF came. A second one says nothing new and is let pass, as OpenSSH does.
    Eof,
    /// The consumer has taken all there was.
    RingEmpty,
}

impl Machine for Inbound {
    type Event = InboundEvent;
    const TABLE: &'static [(Self, InboundEvent, Self)] = &[
        (Self::Open, InboundEvent::Data, Self::Open),
        (Self::Open, InboundEvent::Eof, Self::EofSeen),
        (Self::EofSeen, InboundEvent::Eof, Self::EofSeen),
        (Self::EofSeen, InboundEvent::RingEmpty, Self::Drained),
        (Self::Drained, InboundEvent::Eof, Self::Drained),
    ];
}

/// How far the closing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Neither end closes.
    Open,
    /// We want to; SSH_MSG_CHANNEL_CLOSE is not sent yet.
    Wanted,
    /// Ours is sent, the peer's has not come.
    Sent,
    /// The peer's has come, ours is not sent yet.
    Answer,
    /// Both.
    Done,
}

/// What moves [`Closing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClosingEvent {
    /// The upper layer is through with the channel.
    Ask,
    /// SSH_MSG_CHANNEL_CLOSE came.
    PeerCloses,
    /// Ours stands in the output.
    Committed,
}

impl Machine for Closing {
    type Event = ClosingEvent;
    const TABLE: &'static [(Self, ClosingEvent, Self)] = &[
        (Self::Open, ClosingEvent::Ask, Self::Wanted),
        // "Upon receiving this message, a party MUST send back an SSH_MSG_CHANNEL_CLOSE unless it
        // has already sent this message for the channel." RFC 4254 section 5.3
        (Self::Open, ClosingEvent::PeerCloses, Self::Answer),
        (Self::Wanted, ClosingEvent::Ask, Self::Wanted),
        (Self::Wanted, ClosingEvent::PeerCloses, Self::Answer),
        (Self::Wanted, ClosingEvent::Committed, Self::Sent),
        (Self::Sent, ClosingEvent::Ask, Self::Sent),
        (Self::Sent, ClosingEvent::PeerCloses, Self::Done),
        (Self::Answer, ClosingEvent::Ask, Self::Answer),
        (Self::Answer, ClosingEvent::Committed, Self::Done),
        (Self::Done, ClosingEvent::Ask, Self::Done),
    ];
}

impl Closing {
    /// Whether SSH_MSG_CHANNEL_CLOSE is to be sent.
    pub(crate) const fn wanted(self) -> bool {
        matches!(self, Self::Wanted | Self::Answer)
    }

    /// Whether the peer's has come: after it no message of the peer may name the channel.
    pub(crate) const fn seen(self) -> bool {
        matches!(self, Self::Answer | Self::Done)
    }
}

#[cfg(test)]
#[path = "halves_tests.rs"]
mod tests;
