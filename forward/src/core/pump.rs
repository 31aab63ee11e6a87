//! One endpoint joined to one channel: the half-close machine.
//!
//! An endpoint is a socket, or the streams of a session (a terminal, the pipes of a process). The
//! machine has three parts that move together: what is read from the endpoint for the peer
//! ([`Outbound`]), what the peer sends for the endpoint ([`Inbound`]), and how far the channel's
//! close has come ([`End`]). The rules that all of it serves:
//!
//! * An end in one direction never causes an end in the other.
//! * What the peer sent before its EOF or CLOSE still reaches the endpoint.
//! * A socket's channel is closed once both directions ended; a session's channel only when the
//!   application says that the process ended, or when the peer closes it.

use std::fmt;

/// What stands behind the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A forwarded socket: when both directions have ended nothing can follow.
    Socket,
    /// A session: an exit status follows the last byte, so the ends alone close nothing.
    Session,
}

/// From the endpoint to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outbound {
    /// The endpoint is read.
    Open,
    /// Nothing more will be read.
    Done,
}

/// From the peer to the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inbound {
    /// Data is written as it comes.
    Open,
    /// The peer has sent its last byte; the endpoint has not taken it yet.
    Draining,
    /// The endpoint has taken the last byte and was told that no more follows.
    Shut,
    /// The endpoint takes nothing any more; what still comes is thrown away.
    Discarding,
}

/// How far the channel's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// We asked for the channel; the peer has not answered.
    Opening,
    /// Neither side has sent CLOSE.
    Live,
    /// The application said that the process ended; its last output is still to be read.
    Finishing,
    /// We sent CLOSE; the peer's is awaited. The endpoint is gone.
    CloseSent,
    /// Both CLOSEs are done, the endpoint has yet to take the last bytes.
    PeerClosed,
    /// Nothing is left to do.
    Over,
}

/// What can happen to a pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PumpEvent {
    /// The peer accepted the channel.
    Opened,
    /// The peer refused the channel.
    OpenFailed,
    /// Reading the endpoint came to its end.
    ReadEnd,
    /// Reading the endpoint failed, e.g. with a reset.
    ReadFailed,
    /// Writing to the endpoint failed.
    WriteFailed,
    /// The peer's EOF.
    PeerEof,
    /// The peer wants no more data (`eow@openssh.com`).
    PeerEow,
    /// The peer's CLOSE.
    PeerClose,
    /// After the peer's EOF or CLOSE: the endpoint has taken everything.
    Drained,
    /// The application's word that nothing follows the output that is still in the pipe.
    Finish,
    /// The time for draining after a CLOSE without EOF is over.
    Deadline,
}

/// What the driver does about it, in the order given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send EOF.
    SendEof,
    /// Tell the peer that its data is no longer wanted.
    SendEow,
    /// Close the channel and throw away what is still kept for it. The answer to the peer's CLOSE
    /// goes out by itself.
    Close,
    /// Read the endpoint no more, and let go of its reading side.
    StopReading,
    /// Shut down the endpoint's writing side.
    ShutDown,
    /// Let go of the endpoint.
    Drop,
    /// Let go of the endpoint with a reset.
    Reset,
    /// End the draining after the time that the driver's limits allow.
    ArmDeadline,
    /// The slot is free.
    Free,
}

/// At most this many actions follow one event.
const ACTIONS_MAX: usize = 4;

/// The actions that follow one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Actions([Option<Action>; ACTIONS_MAX]);

impl Actions {
    fn of(actions: &[Action]) -> Self {
        let mut list = Self::default();
        for (slot, action) in list.0.iter_mut().zip(actions) {
            *slot = Some(*action);
        }
        list
    }

    fn then(self, more: &[Action]) -> Self {
        let mut list = self;
        let free = list.0.iter_mut().filter(|slot| slot.is_none());
        for (slot, action) in free.zip(more) {
            *slot = Some(*action);
        }
        list
    }

    /// The actions in order.
    pub fn iter(&self) -> impl Iterator<Item = Action> + '_ {
        self.0.iter().flatten().copied()
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, action) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { " " };
            write!(f, "{separator}{action:?}")?;
        }
        Ok(())
    }
}

/// The machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pump {
    kind: Kind,
    outbound: Outbound,
    inbound: Inbound,
    end: End,
}

impl Pump {
    /// A pump on a channel that we asked for.
    #[must_use]
    pub const fn opening(kind: Kind) -> Self {
        Self { kind, outbound: Outbound::Open, inbound: Inbound::Open, end: End::Opening }
    }

    /// A pump on a channel that is open.
    #[must_use]
    pub const fn open(kind: Kind) -> Self {
        Self { kind, outbound: Outbound::Open, inbound: Inbound::Open, end: End::Live }
    }

    /// Whether the endpoint is to be read.
    #[must_use]
    pub const fn reads(&self) -> bool {
        matches!(self.outbound, Outbound::Open) && matches!(self.end, End::Live | End::Finishing)
    }

    /// Whether data for the endpoint is thrown away.
    #[must_use]
    pub const fn discards(&self) -> bool {
        matches!(self.inbound, Inbound::Discarding) || matches!(self.end, End::CloseSent)
    }

    /// Whether the end of what is still to be written is awaited.
    #[must_use]
    pub const fn drains(&self) -> bool {
        matches!(self.inbound, Inbound::Draining)
    }

    /// What stands behind the endpoint.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How far the end has come.
    #[must_use]
    pub const fn end(&self) -> End {
        self.end
    }

    /// Takes an event and says what follows from it. An event that means nothing in this state
    /// changes nothing.
    pub fn step(&mut self, event: PumpEvent) -> Actions {
        match (self.end, event) {
            (End::Over, _) => Actions::default(),
            (End::Opening, event) => self.while_opening(event),
            (End::CloseSent, PumpEvent::PeerClose | PumpEvent::OpenFailed) => {
                self.end = End::Over;
                Actions::of(&[Action::Free])
            }
            (End::CloseSent, _) => Actions::default(),
            (End::PeerClosed, event) => self.while_peer_closed(event),
            (End::Live | End::Finishing, event) => self.while_live(event),
        }
    }

    fn while_opening(&mut self, event: PumpEvent) -> Actions {
        match event {
            PumpEvent::Opened => {
                self.end = End::Live;
                Actions::default()
            }
            PumpEvent::OpenFailed => {
                self.end = End::Over;
                Actions::of(&[Action::Reset, Action::Free])
            }
            // Given up before the peer answered: if it accepts, the close follows at once.
            PumpEvent::Finish => self.close(),
            _ => Actions::default(),
        }
    }

    fn while_live(&mut self, event: PumpEvent) -> Actions {
        match event {
            PumpEvent::ReadEnd => self.read_end(Action::SendEof),
            // Bytes that the endpoint had accepted may be lost: an EOF would claim otherwise.
            PumpEvent::ReadFailed if self.kind == Kind::Socket => self.close(),
            // A terminal whose other side is gone fails where a pipe would end.
            PumpEvent::ReadFailed => self.read_end(Action::SendEof),
            PumpEvent::PeerEow => self.read_end(Action::StopReading),
            PumpEvent::WriteFailed if self.kind == Kind::Socket => self.close(),
            PumpEvent::WriteFailed if matches!(self.inbound, Inbound::Open | Inbound::Draining) => {
                self.inbound = Inbound::Discarding;
                Actions::of(&[Action::SendEow])
            }
            PumpEvent::PeerEof if self.inbound == Inbound::Open => {
                self.inbound = Inbound::Draining;
                Actions::default()
            }
            PumpEvent::Drained if self.inbound == Inbound::Draining => {
                self.inbound = Inbound::Shut;
                Actions::of(&[Action::ShutDown]).then(self.close_if_ended())
            }
            PumpEvent::Finish if self.outbound == Outbound::Done => self.close(),
            PumpEvent::Finish => {
                self.end = End::Finishing;
                Actions::default()
            }
            PumpEvent::PeerClose => self.peer_close(),
            _ => Actions::default(),
        }
    }

    fn while_peer_closed(&mut self, event: PumpEvent) -> Actions {
        match event {
            PumpEvent::Drained => {
                self.inbound = Inbound::Shut;
                self.end = End::Over;
                Actions::of(&[Action::ShutDown, Action::Drop, Action::Free])
            }
            PumpEvent::WriteFailed | PumpEvent::Deadline => {
                self.inbound = Inbound::Discarding;
                self.end = End::Over;
                Actions::of(&[Action::Close, Action::Reset, Action::Free])
            }
            _ => Actions::default(),
        }
    }

    fn read_end(&mut self, first: Action) -> Actions {
        if self.outbound == Outbound::Done {
            return Actions::default();
        }
        self.outbound = Outbound::Done;
        Actions::of(&[first]).then(self.close_if_ended())
    }

    /// Both directions ended: for a socket that is all; for a session the process must have
    /// ended too, and then what the peer still sends has no reader.
    fn close_if_ended(&mut self) -> &'static [Action] {
        let inbound_ended = self.inbound == Inbound::Shut && self.kind == Kind::Socket;
        if self.outbound != Outbound::Done || !(inbound_ended || self.end == End::Finishing) {
            return &[];
        }
        self.end = End::CloseSent;
        &[Action::Close, Action::Drop]
    }

    fn close(&mut self) -> Actions {
        self.outbound = Outbound::Done;
        self.end = End::CloseSent;
        Actions::of(&[Action::Close, Action::Drop])
    }

    fn peer_close(&mut self) -> Actions {
        self.outbound = Outbound::Done;
        match self.inbound {
            Inbound::Open => {
                self.inbound = Inbound::Draining;
                self.end = End::PeerClosed;
                Actions::of(&[Action::StopReading, Action::ArmDeadline])
            }
            Inbound::Draining => {
                self.end = End::PeerClosed;
                Actions::of(&[Action::StopReading])
            }
            Inbound::Shut | Inbound::Discarding => {
                self.end = End::Over;
                Actions::of(&[Action::Close, Action::Drop, Action::Free])
            }
        }
    }
}

#[cfg(test)]
mod tests;
