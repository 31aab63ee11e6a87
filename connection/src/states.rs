//! What comes of every message in every state: docs/states.md is made from this.
//!
//! Nothing is decided here. A [`Place`] names where each machine of a connection stands, and
//! [`answer`] asks those machines' own tables, one after the other, as a packet meets them:
//! [`admission`], [key exchange](state::next), authentication, and channels. A test drives a
//! connection to each place and compares what it does with all 256 numbers.

mod places;

pub use places::places;

use crate::channel::{
    Closing, ClosingEvent, Inbound, InboundEvent, Machine, Opening, OpeningEvent,
};
use tssh_transport::Side;
use tssh_transport::admission::{self, Phase, Verdict};
use tssh_transport::kex::state::{self, Event, Family, State};
use tssh_transport::userauth::{ClientState, ServerState};

/// What comes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Nothing is a packet yet: it is read as the bytes of a line.
    Text,
    /// It is not read before a question that is open has its answer.
    Waits,
    /// It is taken, if it has the form of its kind.
    Taken,
    /// It is passed over in silence.
    Skipped,
    /// SSH_MSG_UNIMPLEMENTED with its sequence number.
    Unimplemented,
    /// The peer ends the connection by it: nothing is answered.
    Farewell,
    /// SSH_MSG_DISCONNECT with SSH_DISCONNECT_PROTOCOL_ERROR.
    Ends,
}

/// Where the machines of a connection stand.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// A short name.
    pub name: &'static str,
    /// When a connection is there.
    pub about: &'static str,
    /// None as long as the peer has not said who it is.
    phase: Option<Phase>,
    family: Family,
    exchange: State,
    /// What comes next was sent on a wrong guess of the method.
    guess: bool,
    login: Login,
    /// The channel that messages of the connection layer are about.
    channel: Option<(Opening, Inbound, Closing)>,
    /// Whether requests of ours wait for their replies: one of the connection, one of the channel.
    requests: bool,
}

/// How far authentication has come.
#[derive(Debug, Clone, Copy)]
enum Login {
    /// It has not begun.
    Before,
    /// A client that waits for SSH_MSG_SERVICE_ACCEPT.
    Service,
    Client(ClientState),
    Server(ServerState),
}

impl Login {
    fn takes(self, number: u8) -> bool {
        match self {
            Self::Before => false,
            Self::Service => number == 6,
            Self::Client(state) => state.takes(number),
            Self::Server(state) => state.takes(number),
        }
    }
}

/// What comes of message `number` at a place, where `side` is ours.
#[must_use]
pub fn answer(side: Side, place: &Place, number: u8) -> Answer {
    let Some(phase) = place.phase else { return Answer::Text };
    let checking = matches!(place.login, Login::Server(state) if state.question_open());
    if place.exchange == State::HostKey || checking {
        return Answer::Waits;
    }
    match admission::receive(side, phase, place.exchange.peer_exchanging(), number) {
        Verdict::Refuse => Answer::Ends,
        Verdict::Drop => Answer::Skipped,
        Verdict::Unimplemented => Answer::Unimplemented,
        Verdict::Pass => admitted(side, place, number),
    }
}

fn admitted(side: Side, place: &Place, number: u8) -> Answer {
    let taken = match number {
        1 => return Answer::Farewell,
        30..=49 if place.guess => return Answer::Skipped,
        20 => exchanges(side, place, Event::PeerInit),
        21 => exchanges(side, place, Event::PeerNewKeys),
        30..=49 => exchanges(side, place, Event::Message(number)),
        5 | 6 | 50..=79 => place.login.takes(number),
        80..=100 => place.connection(number),
        _ => true,
    };
    if taken { Answer::Taken } else { Answer::Ends }
}

fn exchanges(side: Side, place: &Place, event: Event) -> bool {
    state::next(side, place.family, place.exchange, event).is_some()
}

impl Place {
    /// Whether the user is logged in.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.phase == Some(Phase::Connection)
    }

    fn connection(&self, number: u8) -> bool {
        match (number, self.channel) {
            (80 | 90, _) => true,
            (81 | 82, _) => self.requests,
            (_, None) => false,
            (91 | 92, Some((opening, ..))) => opening.on(OpeningEvent::PeerConfirms).is_some(),
            (_, Some((opening, inbound, closing))) => {
                opening.is_named(closing)
                    && match number {
                        94 | 95 => inbound.on(InboundEvent::Data).is_some(),
                        96 => inbound.on(InboundEvent::Eof).is_some(),
                        97 => closing.on(ClosingEvent::PeerCloses).is_some(),
                        99 | 100 => self.requests,
                        _ => true,
                    }
            }
        }
    }
}
