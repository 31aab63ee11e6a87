//! SOCKS 4, 4a and 5, the proxy's side: who asks for which target, and how it is answered.
//!
//! [`Negotiation`] is told what comes, in pieces of at most [`Negotiation::wants`] bytes, so that
//! it never takes a byte of what follows the negotiation. It knows one method of SOCKS 5 (no
//! authentication) and one command (CONNECT): the proxy listens where its user said, and a
//! channel carries one stream. Names are passed on as they are: the far side resolves them.

use crate::limits::{HOST_BYTES_MAX, SOCKS_USER_BYTES_MAX};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Which protocol the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SOCKS 4, or 4a where a name was given.
    Four,
    /// SOCKS 5, RFC 1928.
    Five,
}

/// What the client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How to answer.
    pub version: Version,
    /// Host name or address, as text.
    pub host: String,
    /// Port, from 1.
    pub port: u16,
}

/// Why a target was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody says why.
    General,
    /// A rule forbids it.
    NotAllowed,
    /// There is no such host, or no way to it.
    HostUnreachable,
    /// It refused.
    Refused,
}

impl Failure {
    /// The best guess from an open that failed: its reason code and its text (RFC 4254 section
    /// 5.1), which is what the far side's operating system said.
    #[must_use]
    pub fn of_open(reason: u32, description: &str) -> Self {
        match reason {
            1 => Self::NotAllowed,
            2 if description.contains("refused") => Self::Refused,
            2 => Self::HostUnreachable,
            _ => Self::General,
        }
    }
}

impl Request {
    /// The answer once the target is reached.
    #[must_use]
    pub fn granted(&self) -> Vec<u8> {
        reply(self.version, None)
    }

    /// The answer where it is not.
    #[must_use]
    pub fn failed(&self, failure: Failure) -> Vec<u8> {
        reply(self.version, Some(failure))
    }
}

/// What a piece led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// More must come.
    More,
    /// This must be sent, then more must come.
    Say(Vec<u8>),
    /// The client has said what it wants.
    Request(Request),
    /// It wants what there is not. This must be sent, if it is not empty, and then the end.
    Refuse(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Version,
    /// SOCKS 4: command, port, address.
    Fixed4,
    User4,
    Host4,
    /// SOCKS 5: number of methods.
    Methods5Count,
    Methods5(usize),
    /// Version, command, reserved, address type.
    Head5,
    Address5(Kind5),
    NameLength5,
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind5 {
    V4,
    V6,
    Name(usize),
}

impl Kind5 {
    const fn bytes(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
            Self::Name(n) => n,
        }
    }
}

/// One client's negotiation.
#[derive(Debug)]
pub struct Negotiation {
    state: State,
    /// What has come for this state.
    held: Vec<u8>,
    port: u16,
    address: [u8; 4],
    /// The command is CONNECT. Another one is refused once the whole request has come: a socket
    /// that closes upon unread bytes resets, and the answer would be lost on the way.
    connect: bool,
}

impl Default for Negotiation {
    fn default() -> Self {
        Self { state: State::Version, held: Vec::new(), port: 0, address: [0; 4], connect: true }
    }
}

const REFUSED_4: [u8; 8] = [0, 91, 0, 0, 0, 0, 0, 0];

fn reply(version: Version, failure: Option<Failure>) -> Vec<u8> {
    match version {
        Version::Four if failure.is_none() => vec![0, 90, 0, 0, 0, 0, 0, 0],
        Version::Four => REFUSED_4.to_vec(),
        Version::Five => {
            let code = match failure {
                None => 0,
                Some(Failure::General) => 1,
                Some(Failure::NotAllowed) => 2,
                Some(Failure::HostUnreachable) => 4,
                Some(Failure::Refused) => 5,
            };
            reply_5(code)
        }
    }
}

/// The address that the far side connected from is not known here: it is told as zeros.
fn reply_5(code: u8) -> Vec<u8> {
    vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

impl Negotiation {
    /// How many bytes may be read now: they all belong to the negotiation. 0 once it is over.
    #[must_use]
    pub fn wants(&self) -> usize {
        let whole = match self.state {
            State::Version | State::Methods5Count | State::NameLength5 => 1,
            State::Fixed4 => 7,
            // These end with a zero byte, and what follows it is not ours.
            State::User4 | State::Host4 => return 1,
            State::Methods5(n) => n,
            State::Head5 => 4,
            State::Address5(kind) => kind.bytes().saturating_add(2),
            State::Over => 0,
        };
        whole.saturating_sub(self.held.len())
    }

    /// Takes a piece of 1 to [`Negotiation::wants`] bytes; of more, only so many are looked at.
    pub fn feed(&mut self, piece: &[u8]) -> Step {
        let take = piece.len().min(self.wants());
        self.held.extend(piece.get(..take).unwrap_or_default());
        match self.state {
            State::Over => Step::Refuse(Vec::new()),
            State::User4 | State::Host4 => self.text4(),
            _ if self.wants() > 0 => Step::More,
            _ => self.complete(),
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        self.held.clear();
        Step::More
    }

    fn refuse(&mut self, answer: Vec<u8>) -> Step {
        self.go(State::Over);
        Step::Refuse(answer)
    }

    fn request(&mut self, version: Version, host: String, port: u16) -> Step {
        self.go(State::Over);
        if !self.connect {
            let answer = match version {
                Version::Four => REFUSED_4.to_vec(),
                Version::Five => reply_5(7),
            };
            return Step::Refuse(answer);
        }
        let odd = host.is_empty() || host.bytes().any(|b| b == 0 || b.is_ascii_control());
        let request = Request { version, host, port };
        if odd || port == 0 {
            return Step::Refuse(request.failed(Failure::General));
        }
        Step::Request(request)
    }

    /// The fields of a fixed length are whole.
    fn complete(&mut self) -> Step {
        let held = std::mem::take(&mut self.held);
        match (self.state, held.as_slice()) {
            (State::Version, [4]) => self.go(State::Fixed4),
            (State::Version, [5]) => self.go(State::Methods5Count),
            (State::Fixed4, [command, p1, p2, a, b, c, d]) => {
                self.port = u16::from_be_bytes([*p1, *p2]);
                self.address = [*a, *b, *c, *d];
                self.connect = *command == 1;
                self.go(State::User4)
            }
            (State::Methods5Count, [0]) => self.refuse(vec![5, 0xff]),
            (State::Methods5Count, [n]) => self.go(State::Methods5(usize::from(*n))),
            (State::Methods5(_), methods) => {
                if !methods.contains(&0) {
                    return self.refuse(vec![5, 0xff]);
                }
                self.go(State::Head5);
                Step::Say(vec![5, 0])
            }
            (State::Head5, [5, command, _, kind]) => {
                self.connect = *command == 1;
                match kind {
                    1 => self.go(State::Address5(Kind5::V4)),
                    3 => self.go(State::NameLength5),
                    4 => self.go(State::Address5(Kind5::V6)),
                    _ if self.connect => self.refuse(reply_5(8)),
                    _ => self.refuse(reply_5(7)),
                }
            }
            (State::NameLength5, [n]) if *n > 0 => {
                self.go(State::Address5(Kind5::Name(usize::from(*n))))
            }
            (State::NameLength5, _) => self.refuse(reply_5(1)),
            (State::Address5(kind), bytes) => self.address5(kind, bytes),
            _ => self.refuse(Vec::new()),
        }
    }

    fn address5(&mut self, kind: Kind5, bytes: &[u8]) -> Step {
        let Some((address, port)) = bytes.split_at_checked(kind.bytes()) else {
            return self.refuse(reply_5(1));
        };
        let port = <[u8; 2]>::try_from(port).map_or(0, u16::from_be_bytes);
        let host = match kind {
            Kind5::V4 => <[u8; 4]>::try_from(address).ok().map(|a| Ipv4Addr::from(a).to_string()),
            Kind5::V6 => <[u8; 16]>::try_from(address).ok().map(|a| Ipv6Addr::from(a).to_string()),
            Kind5::Name(_) => String::from_utf8(address.to_vec()).ok(),
        };
        self.request(Version::Five, host.unwrap_or_default(), port)
    }

    /// The texts of SOCKS 4, which end with a zero byte.
    fn text4(&mut self) -> Step {
        let user = self.state == State::User4;
        if self.held.last() != Some(&0) {
            let max = if user { SOCKS_USER_BYTES_MAX } else { HOST_BYTES_MAX };
            if self.held.len() > max {
                return self.refuse(REFUSED_4.to_vec());
            }
            return Step::More;
        }
        self.held.pop();
        // An impossible address, 0.0.0.x, says that a name follows: SOCKS 4a.
        let [a, b, c, d] = self.address;
        let named = (a, b, c) == (0, 0, 0) && d != 0;
        if user && named {
            return self.go(State::Host4);
        }
        let host = if user {
            Ipv4Addr::from(self.address).to_string()
        } else {
            String::from_utf8(std::mem::take(&mut self.held)).unwrap_or_default()
        };
        self.request(Version::Four, host, self.port)
    }
}

#[cfg(test)]
mod tests;
