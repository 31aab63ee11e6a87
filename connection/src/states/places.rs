//! The places themselves, in the order of a connection.

use super::{Login, Place};
use crate::channel::{Closing, Inbound, Opening};
use alloc::vec::Vec;
use tssh_transport::Side;
use tssh_transport::admission::Phase;
use tssh_transport::kex::state::{Family, State};
use tssh_transport::userauth::{ClientState as C, ServerState as S};

/// Every place that a connection can be in, where `side` is ours, in the order of a connection.
#[must_use]
pub fn places(side: Side) -> Vec<Place> {
    let (share, exchange, login): (State, &[Place], &[Place]) = match side {
        Side::Client => (State::ShareSent, &CLIENT_EXCHANGE, &CLIENT_LOGIN),
        Side::Server => (State::AwaitShare, &SERVER_EXCHANGE, &SERVER_LOGIN),
    };
    let mut all = begin(share).to_vec();
    all.extend(exchange);
    all.extend(FIRST_KEYS);
    all.extend(login);
    all.extend(login_keys(share));
    all.extend(CHANNELS);
    all.extend(rekey(share));
    all
}

const START: Place = Place {
    name: "identification",
    about: "The peer has not said who it is; our first line and our KEXINIT are sent.",
    phase: None,
    family: Family::TwoMessages,
    exchange: State::InitSent,
    guess: false,
    login: Login::Before,
    channel: None,
    requests: false,
};

const FIRST: Place = Place { phase: Some(Phase::InitialExchange), ..START };
const STRICT: Place = Place { phase: Some(Phase::InitialStrict), ..START };

/// `share` is the step of the usual methods that waits for the peer's share.
const fn begin(share: State) -> [Place; 5] {
    [
        START,
        Place { name: "kexinit-due", about: "The peer has said who it is.", ..FIRST },
        Place {
            name: "share-due-strict",
            about: "First key exchange, strict: the peer's KEXINIT came, its share has not.",
            exchange: share,
            ..STRICT
        },
        Place {
            name: "share-due",
            about: "First key exchange with a peer that is not strict: its share has not come.",
            exchange: share,
            ..FIRST
        },
        Place {
            name: "guess-due",
            about: "As share-due-strict, but the peer has guessed a method that was not agreed on.",
            exchange: share,
            guess: true,
            ..STRICT
        },
    ]
}

const GEX: Place = Place { family: Family::GroupExchange, ..STRICT };

const CLIENT_EXCHANGE: [Place; 3] = [
    Place {
        name: "group-due",
        about: "First key exchange, strict, RFC 4419: a group was asked for.",
        exchange: State::GroupAsked,
        ..GEX
    },
    Place {
        name: "group-share-due",
        about: "First key exchange, strict, RFC 4419: the group came, the share has not.",
        exchange: State::GexShareSent,
        ..GEX
    },
    Place {
        name: "host-key-asked",
        about: "Whoever runs the client is asked whether this is the host's key.",
        exchange: State::HostKey,
        family: Family::GroupExchange,
        ..STRICT
    },
];

const SERVER_EXCHANGE: [Place; 2] = [
    Place {
        name: "group-request-due",
        about: "First key exchange, strict, RFC 4419: the request of a group has not come.",
        exchange: State::AwaitRequest,
        ..GEX
    },
    Place {
        name: "group-share-due",
        about: "First key exchange, strict, RFC 4419: our group is named, the share has not come.",
        exchange: State::AwaitGexShare,
        ..GEX
    },
];

const FIRST_KEYS: [Place; 2] = [
    Place {
        name: "newkeys-due-strict",
        about: "First key exchange, strict: our NEWKEYS is sent, the peer's has not come.",
        exchange: State::KeysSent,
        ..STRICT
    },
    Place {
        name: "newkeys-due",
        about: "First key exchange with a peer that is not strict: our NEWKEYS is sent.",
        exchange: State::KeysSent,
        ..FIRST
    },
];

const SEALED: Place = Place { phase: Some(Phase::Authentication), exchange: State::Idle, ..START };

const fn client(name: &'static str, about: &'static str, state: C) -> Place {
    Place { name, about, login: Login::Client(state), ..SEALED }
}

const fn server(name: &'static str, about: &'static str, state: S) -> Place {
    Place { name, about, login: Login::Server(state), ..SEALED }
}

const CLIENT_LOGIN: [Place; 10] = [
    Place {
        name: "service-asked",
        about: "Keys are in force; ssh-userauth is asked for.",
        login: Login::Service,
        ..SEALED
    },
    client("deciding", "The service is granted; what to try is being decided.", C::Deciding),
    client("signing", "A key is about to sign.", C::Signing),
    client("none-sent", "A request without a method is sent.", C::NoneSent),
    client("probe-sent", "A key is offered without a signature.", C::ProbeSent),
    client("signature-sent", "A signed request is sent.", C::SignatureSent),
    client("password-sent", "A password is sent.", C::PasswordSent),
    client("interactive-sent", "keyboard-interactive is asked for.", C::InteractiveSent),
    client("prompting", "Somebody is answering the server's prompts.", C::Prompting),
    client("changing-password", "Somebody is choosing a new password.", C::ChangingPassword),
];

const SERVER_LOGIN: [Place; 9] = [
    server("service-due", "Keys are in force.", S::AwaitingService),
    server("request-due", "The service is granted.", S::Ready),
    server("checking-none", "A request without a method is being judged.", S::CheckingNone),
    server("checking-probe", "A key that was offered is being judged.", S::CheckingProbe),
    server("checking-signature", "A key that signed is being judged.", S::CheckingSignature),
    server("checking-password", "A password is being judged.", S::CheckingPassword),
    server("starting-prompts", "What to ask is being decided.", S::StartingPrompts),
    server("prompted", "Prompts are sent.", S::Prompted),
    server("checking-responses", "Responses to prompts are being judged.", S::CheckingResponses),
];

const fn login_keys(share: State) -> [Place; 2] {
    [
        Place {
            name: "login-share-due",
            about: "Before anybody is logged in the peer starts another key exchange.",
            exchange: share,
            ..SEALED
        },
        Place {
            name: "login-newkeys-due",
            about: "The same, where our NEWKEYS is sent and the peer's has not come.",
            exchange: State::KeysSent,
            ..SEALED
        },
    ]
}

const JOINED: Place = Place {
    name: "connected",
    about: "Logged in; there is no channel.",
    phase: Some(Phase::Connection),
    ..SEALED
};

const fn channel(
    name: &'static str,
    about: &'static str,
    opening: Opening,
    inbound: Inbound,
    closing: Closing,
) -> Place {
    Place { name, about, channel: Some((opening, inbound, closing)), ..JOINED }
}

/// Messages of the connection layer are about this channel.
const CHANNELS: [Place; 9] = [
    JOINED,
    channel(
        "channel-asked-for",
        "We have asked for the channel.",
        Opening::Sent,
        Inbound::Open,
        Closing::Open,
    ),
    channel(
        "channel-offered",
        "The peer has asked for the channel; nobody has decided.",
        Opening::Asked,
        Inbound::Open,
        Closing::Open,
    ),
    channel("channel-open", "The channel is open.", Opening::Open, Inbound::Open, Closing::Open),
    Place {
        requests: true,
        ..channel(
            "replies-due",
            "The channel is open; requests of ours, of it and of the connection, are sent.",
            Opening::Open,
            Inbound::Open,
            Closing::Open,
        )
    },
    channel(
        "peer-eof",
        "Half closed: the peer's EOF came.",
        Opening::Open,
        Inbound::Drained,
        Closing::Open,
    ),
    channel(
        "our-eof",
        "Half closed: our EOF is sent.",
        Opening::Open,
        Inbound::Open,
        Closing::Open,
    ),
    channel(
        "our-close",
        "Our CLOSE is sent, the peer's has not come.",
        Opening::Open,
        Inbound::Open,
        Closing::Sent,
    ),
    channel(
        "both-closed",
        "Both CLOSE are sent; data of the peer still waits here for its consumer.",
        Opening::Open,
        Inbound::Open,
        Closing::Done,
    ),
];

const OPEN: Place = CHANNELS[3];

const fn rekey(share: State) -> [Place; 3] {
    [
        Place {
            name: "our-rekey",
            about: "A channel is open; our KEXINIT of a later key exchange is sent, the peer's has \
                    not come. Answers wait for the end of the exchange.",
            exchange: State::InitSent,
            ..OPEN
        },
        Place {
            name: "rekey-share-due",
            about: "A channel is open; the peer's KEXINIT of a later key exchange came.",
            exchange: share,
            ..OPEN
        },
        Place {
            name: "rekey-newkeys-due",
            about: "The same, where our NEWKEYS is sent and the peer's has not come.",
            exchange: State::KeysSent,
            ..OPEN
        },
    ]
}
