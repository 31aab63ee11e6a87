//! What may be received now: one function over phase, gate and number.

use crate::messages::number::{Class, class};
use crate::side::Side;

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first key exchange, the peer not (yet) known to be strict.
    InitialExchange,
    /// The first key exchange under strict key exchange.
    InitialStrict,
    /// Keys are in force, the user is not authenticated.
    Authentication,
    /// The user is authenticated.
    Connection,
}

impl Phase {
    /// All phases, for exhaustive tests.
    pub const ALL: [Self; 4] =
        [Self::InitialExchange, Self::InitialStrict, Self::Authentication, Self::Connection];

    /// Words for an error.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InitialExchange => "the initial key exchange",
            Self::InitialStrict => "the initial key exchange (strict)",
            Self::Authentication => "authentication",
            Self::Connection => "the connection phase",
        }
    }
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Handle it.
    Pass,
    /// Ignore it in silence.
    Drop,
    /// Answer SSH_MSG_UNIMPLEMENTED.
    Unimplemented,
    /// End the connection: it may not come now.
    Refuse,
}

/// Whether message `number` may be received. `side` is ours; `exchanging` says that the peer's
/// KEXINIT was seen and its NEWKEYS was not.
///
/// Key exchange messages pass here whenever an exchange could use them; the exchange's own table
/// decides whether it expects them now.
#[must_use]
pub const fn receive(side: Side, phase: Phase, exchanging: bool, number: u8) -> Verdict {
    let class = class(number);
    match phase {
        Phase::InitialStrict => strict(class, number),
        // "Once a party has sent a SSH_MSG_KEXINIT message for key exchange or re-exchange, until
        // it has sent a SSH_MSG_NEWKEYS message (Section 7.3), it MUST NOT send any messages other
        // than" RFC 4253 section 7.1
        _ if exchanging => match class {
            Class::TransportGeneric | Class::KexControl | Class::KexMethod => Verdict::Pass,
            _ => Verdict::Refuse,
        },
        // Nobody has a reason to send a message that we do not know before there are keys, and
        // whoever does must not get an answer to each.
        Phase::InitialExchange => match class {
            Class::TransportGeneric | Class::KexControl => Verdict::Pass,
            _ => Verdict::Refuse,
        },
        Phase::Authentication => authentication(side, class, number),
        Phase::Connection => connection(side, class, number),
    }
}

/// Under strict key exchange nothing but the exchange and DISCONNECT may pass.
const fn strict(class: Class, number: u8) -> Verdict {
    match class {
        Class::KexControl | Class::KexMethod => Verdict::Pass,
        Class::TransportGeneric if number == 1 => Verdict::Pass,
        _ => Verdict::Refuse,
    }
}

const fn authentication(side: Side, class: Class, number: u8) -> Verdict {
    match class {
        Class::TransportGeneric | Class::KexControl | Class::ExtInfo | Class::Ping => Verdict::Pass,
        Class::Service | Class::Userauth | Class::UserauthMethod => direction(side, number),
        Class::Unassigned => Verdict::Unimplemented,
        Class::KexMethod | Class::Connection => Verdict::Refuse,
    }
}

/// Requests travel to the server, answers to the client.
const fn direction(side: Side, number: u8) -> Verdict {
    let to_server = matches!(number, 5 | 50 | 61);
    let to_client = matches!(number, 6 | 51 | 52 | 53 | 60);
    match side {
        Side::Server if to_server => Verdict::Pass,
        Side::Client if to_client => Verdict::Pass,
        _ if to_server || to_client => Verdict::Refuse,
        // 62-79 belong to methods that nobody defined.
        _ => Verdict::Unimplemented,
    }
}

const fn connection(side: Side, class: Class, number: u8) -> Verdict {
    match class {
        Class::TransportGeneric | Class::KexControl | Class::Ping | Class::Connection => {
            Verdict::Pass
        }
        // "When SSH_MSG_USERAUTH_SUCCESS has been sent, any further authentication requests
        // received after that SHOULD be silently ignored." RFC 4252 section 5.1
        Class::Userauth if matches!(side, Side::Server) && number == 50 => Verdict::Drop,
        Class::Unassigned => Verdict::Unimplemented,
        _ => Verdict::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number in every phase, both sides, gate open and closed: what passes is exactly the
    /// table of the manual.
    #[test]
    fn all_numbers_in_every_phase() {
        for side in [Side::Client, Side::Server] {
            for phase in Phase::ALL {
                for exchanging in [false, true] {
                    for number in 0..=255u8 {
                        let verdict = receive(side, phase, exchanging, number);
                        let passes = verdict == Verdict::Pass;
                        let strict = phase == Phase::InitialStrict;
                        let initial = strict || phase == Phase::InitialExchange;
                        if (80..=127).contains(&number) && passes {
                            assert!(phase == Phase::Connection && !exchanging);
                        }
                        if (5..=7).contains(&number) || (50..=79).contains(&number) {
                            assert!(!passes || phase == Phase::Authentication && !exchanging);
                        }
                        if strict && passes {
                            assert!(matches!(number, 1 | 20 | 21 | 30..=49));
                        }
                        if initial || exchanging {
                            assert!(!passes || matches!(number, 1..=4 | 20 | 21 | 30..=49));
                        }
                        if matches!(number, 1 | 20 | 21) {
                            assert!(passes);
                        }
                        if verdict == Verdict::Drop {
                            assert_eq!(
                                (side, phase, number),
                                (Side::Server, Phase::Connection, 50)
                            );
                        }
                        if initial || exchanging {
                            assert_ne!(verdict, Verdict::Unimplemented);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn answers_never_travel_to_the_server() {
        for number in [6, 51, 52, 53, 60] {
            let at = |side| receive(side, Phase::Authentication, false, number);
            assert_eq!(at(Side::Server), Verdict::Refuse);
            assert_eq!(at(Side::Client), Verdict::Pass);
        }
    }
}
