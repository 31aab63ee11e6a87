//! The states of an exchange and the one table that moves between them.
//!
//! ```text
//! client                                   server
//! Idle --begin--> InitSent                 Idle --begin--> InitSent
//! Idle/InitSent --KEXINIT-->               Idle/InitSent --KEXINIT-->
//!   Ecdh, Dh: ShareSent --31-->              Ecdh, Dh: AwaitShare --30--> KeysSent
//!   Gex: GroupAsked --31--> GexShareSent     Gex: AwaitRequest --34--> AwaitGexShare --32-->
//!        --33-->                                  KeysSent
//!   HostKey --accepted--> KeysSent
//! KeysSent --NEWKEYS--> Idle               KeysSent --NEWKEYS--> Idle
//! ```

use crate::side::Side;

/// Where an exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No exchange.
    Idle,
    /// Our KEXINIT is out, the peer's is not here.
    InitSent,
    /// Client: our share is out (message 30).
    ShareSent,
    /// Client: a group was asked for (message 34).
    GroupAsked,
    /// Client: our share in the named group is out (message 32).
    GexShareSent,
    /// Client: the signature is good; whether the key is the host's is being asked.
    HostKey,
    /// Server: waiting for the client's share (message 30).
    AwaitShare,
    /// Server: waiting for the request of a group (message 34).
    AwaitRequest,
    /// Server: waiting for the share in the named group (message 32).
    AwaitGexShare,
    /// Our NEWKEYS is out, the peer's is not here.
    KeysSent,
}

/// What happens to an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// We start it.
    Begin,
    /// The peer's KEXINIT.
    PeerInit,
    /// A message of the method.
    Message(u8),
    /// The host key was accepted, or needs no question.
    HostKeyAccepted,
    /// The peer's NEWKEYS.
    PeerNewKeys,
}

/// How the negotiated method's messages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Messages 30 and 31.
    TwoMessages,
    /// Messages 34, 31, 32 and 33 (RFC 4419).
    GroupExchange,
}

impl State {
    /// Whether the peer's KEXINIT was seen and its NEWKEYS was not.
    #[must_use]
    pub const fn peer_exchanging(self) -> bool {
        !matches!(self, Self::Idle | Self::InitSent)
    }
}

/// The transition table. None: the event may not happen now.
#[must_use]
pub const fn next(side: Side, family: Family, state: State, event: Event) -> Option<State> {
    use Event as E;
    use Family::{GroupExchange, TwoMessages};
    use Side::{Client, Server};
    use State as S;
    match (side, family, state, event) {
        (_, _, S::Idle, E::Begin) => Some(S::InitSent),
        (Client, TwoMessages, S::Idle | S::InitSent, E::PeerInit) => Some(S::ShareSent),
        (Client, GroupExchange, S::Idle | S::InitSent, E::PeerInit) => Some(S::GroupAsked),
        (Client, TwoMessages, S::ShareSent, E::Message(31)) => Some(S::HostKey),
        (Client, GroupExchange, S::GroupAsked, E::Message(31)) => Some(S::GexShareSent),
        (Client, GroupExchange, S::GexShareSent, E::Message(33)) => Some(S::HostKey),
        (Client, _, S::HostKey, E::HostKeyAccepted) => Some(S::KeysSent),
        (Server, TwoMessages, S::Idle | S::InitSent, E::PeerInit) => Some(S::AwaitShare),
        (Server, GroupExchange, S::Idle | S::InitSent, E::PeerInit) => Some(S::AwaitRequest),
        (Server, TwoMessages, S::AwaitShare, E::Message(30)) => Some(S::KeysSent),
        (Server, GroupExchange, S::AwaitRequest, E::Message(34)) => Some(S::AwaitGexShare),
        (Server, GroupExchange, S::AwaitGexShare, E::Message(32)) => Some(S::KeysSent),
        (_, _, S::KeysSent, E::PeerNewKeys) => Some(S::Idle),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const STATES: [State; 10] = [
        State::Idle,
        State::InitSent,
        State::ShareSent,
        State::GroupAsked,
        State::GexShareSent,
        State::HostKey,
        State::AwaitShare,
        State::AwaitRequest,
        State::AwaitGexShare,
        State::KeysSent,
    ];

    fn events() -> Vec<Event> {
        let mut all: Vec<Event> = (0..=255).map(Event::Message).collect();
        all.extend([Event::Begin, Event::PeerInit, Event::HostKeyAccepted, Event::PeerNewKeys]);
        all
    }

    /// Every state × event × side × family: exactly the arrows of the picture, no others.
    #[test]
    fn the_table_has_the_arrows_of_the_picture_and_no_others() {
        for side in [Side::Client, Side::Server] {
            for family in [Family::TwoMessages, Family::GroupExchange] {
                let mut arrows = 0;
                for state in STATES {
                    arrows += events()
                        .iter()
                        .filter(|e| next(side, family, state, **e).is_some())
                        .count();
                }
                // Begin, two ways into the exchange, NEWKEYS, and the method's own messages.
                let own = match (side, family) {
                    (Side::Client, Family::TwoMessages) => 2,
                    (Side::Client, Family::GroupExchange) => 3,
                    (Side::Server, Family::TwoMessages) => 1,
                    (Side::Server, Family::GroupExchange) => 2,
                };
                assert_eq!(arrows, 4 + own, "{side:?} {family:?}");
            }
        }
    }

    #[test]
    fn new_keys_and_the_next_exchange_wait_for_the_whole_method() {
        for side in [Side::Client, Side::Server] {
            for family in [Family::TwoMessages, Family::GroupExchange] {
                for state in STATES {
                    let keys = next(side, family, state, Event::PeerNewKeys);
                    assert_eq!(keys.is_some(), state == State::KeysSent);
                    let init = next(side, family, state, Event::PeerInit);
                    assert_eq!(init.is_some(), matches!(state, State::Idle | State::InitSent));
                }
            }
        }
    }
}
