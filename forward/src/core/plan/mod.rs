//! `--plan`: what a forward will come to, as far as it can be known before anything is opened.
//!
//! Which addresses a listening side takes comes from the functions that bind it,
//! [`Bind`](crate::core::local::Bind) here and [`server_bind`] there: a plan that says something
//! else than what happens would be worse than none.

mod cautions;
#[cfg(test)]
mod tests;

pub use cautions::Caution;

use crate::core::address::{DynamicForward, Listen, LocalForward, RemoteForward, Target};
use crate::core::display::{Display, Place};
use crate::core::local::Bind;
use crate::core::policy::{GatewayPorts, StreamLocalBind};
use crate::core::remote::{server_bind, wire_address};
use std::net::{IpAddr, SocketAddr};
use tssh_transport::Side;

/// One thing that is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// `-L`.
    Local(LocalForward),
    /// `-R`.
    Remote(RemoteForward),
    /// `-D`.
    Dynamic(DynamicForward),
    /// `-W`.
    Standard(Target),
    /// `-X` and `-Y`.
    X11 {
        /// Programs of the far side may do everything on the display.
        trusted: bool,
        /// The display here, where there is one.
        display: Option<Display>,
    },
    /// `-A`.
    Agent {
        /// The socket of the agent here, where there is one.
        socket: Option<String>,
    },
}

/// What the plan needs to know of this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// `GatewayPorts` of the client, or `-g`.
    pub gateway_ports: bool,
    /// How Unix sockets are made here.
    pub stream_local_bind: StreamLocalBind,
    /// The lowest port that this user may listen on here.
    pub lowest_port: u16,
    /// Whether SOCKS clients of the far side may have us connect to anything.
    pub permits_any_remote_open: bool,
}

/// A place where connections are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// A TCP socket.
    Address(SocketAddr),
    /// Whatever this name means to the machine that listens.
    Name(String, u16),
    /// A Unix socket.
    Unix(String),
}

/// The listening side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listening {
    /// Here: it is known where.
    Here(Vec<Spot>),
    /// On the server, whose `GatewayPorts` decides where, and which does not tell.
    There {
        /// The 'address to bind' that is sent.
        wire: String,
        /// What comes of it under each setting.
        answers: Vec<(GatewayPorts, Vec<Spot>)>,
    },
    /// On the server, at a path.
    UnixThere(String),
    /// Standard input and output of this program.
    Standard,
    /// The server's display: port 6010 or the next free one.
    Display,
    /// A socket that the server makes for the agent.
    AgentSocket,
}

/// Who can connect to a listening side. In order: the first is the fewest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Its owner, and root.
    Owner,
    /// Every user and program of its machine.
    Machine,
    /// Whoever gets packets to one address of its machine.
    OneAddress,
    /// Whoever gets packets to any address of its machine.
    Everybody,
    /// It depends on what a name means.
    Unknown,
}

/// What happens to the bytes on one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// SSH encrypts them.
    Encrypted,
    /// They stay within the machine of this side.
    Within(Side),
    /// They stay within the machine for its own programs, and cross a network as the application
    /// sends them for others.
    WithinOrClear(Side),
    /// They cross a network as the application sends them.
    Clear,
    /// It depends on the target that each client names.
    ByTarget,
}

/// The three legs of a forwarded connection, in the direction in which it is established.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legs {
    /// From the application client to the listening side.
    pub first: Protection,
    /// Between the two ends of the SSH connection.
    pub middle: Protection,
    /// From the far end to the target.
    pub last: Protection,
}

/// Where a forwarded connection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// To this target, from the machine of this side.
    Fixed(Target, Side),
    /// To whatever each client names, by SOCKS, from the machine of this side.
    Chosen(Side),
    /// To the display here.
    Display(Option<Display>),
    /// To the agent here.
    Agent(Option<String>),
}

/// Who turns the target's name into an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Nobody: it is an address, or a path.
    None,
    /// The machine of this side.
    By(Side),
}

/// The peer that the target sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// A loopback address of this side's machine: a local client.
    Loopback(Side),
    /// An address of this side's machine, whichever leads to the target.
    Machine(Side),
    /// A process of the user that SSH runs as, on this side's machine.
    Process(Side),
    /// It depends on the target.
    ByTarget(Side),
}

/// All that can be said of one forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What it is.
    pub asked: Asked,
    /// Where connections are accepted.
    pub listening: Listening,
    /// Who can connect there; with a server that decides, under OpenSSH's default.
    pub reach: Reach,
    /// What happens to the bytes.
    pub legs: Legs,
    /// Where connections lead.
    pub goal: Goal,
    /// Who looks up the target.
    pub lookup: Lookup,
    /// The peer that the target sees.
    pub sees: Sees,
    /// What is worth a second look.
    pub cautions: Vec<Caution>,
}

impl Planned {
    /// The plan of one forward.
    #[must_use]
    pub fn new(asked: Asked, around: &Circumstances) -> Self {
        let (listening, goal) = sides(&asked, around);
        let reach = reach_of(&listening, around);
        let far = goal.far();
        let legs = Legs {
            first: first_leg(&listening, reach),
            middle: Protection::Encrypted,
            last: match &goal {
                Goal::Chosen(_) => Protection::ByTarget,
                goal if goal.is_near() => Protection::Within(far),
                _ => Protection::Clear,
            },
        };
        let lookup = match &goal {
            Goal::Fixed(Target::Tcp { host, .. }, side) if host.parse::<IpAddr>().is_err() => {
                Lookup::By(*side)
            }
            Goal::Chosen(side) => Lookup::By(*side),
            _ => Lookup::None,
        };
        let sees = match &goal {
            Goal::Fixed(Target::Unix(_), _) | Goal::Agent(_) => Sees::Process(far),
            Goal::Chosen(_) => Sees::ByTarget(far),
            Goal::Display(Some(Display { place: Place::Local(_) | Place::Paths(_), .. })) => {
                Sees::Process(far)
            }
            goal if goal.is_near() => Sees::Loopback(far),
            _ => Sees::Machine(far),
        };
        let cautions = Vec::new();
        let mut plan = Self { asked, listening, reach, legs, goal, lookup, sees, cautions };
        plan.cautions = cautions::of(&plan, around);
        plan
    }

    /// The side that listens; nothing for standard input and output.
    #[must_use]
    pub const fn listens_on(&self) -> Option<Side> {
        match self.listening {
            Listening::Here(_) => Some(Side::Client),
            Listening::Standard => None,
            _ => Some(Side::Server),
        }
    }
}

impl Goal {
    /// The side that connects to the target.
    #[must_use]
    pub const fn far(&self) -> Side {
        match self {
            Self::Fixed(_, side) | Self::Chosen(side) => *side,
            Self::Display(_) | Self::Agent(_) => Side::Client,
        }
    }

    /// Whether the target is on the machine that connects to it.
    fn is_near(&self) -> bool {
        match self {
            Self::Fixed(target, _) => is_loopback_target(target),
            Self::Chosen(_) => false,
            Self::Display(Some(Display { place: Place::Tcp { host, .. }, .. })) => {
                is_loopback(host)
            }
            Self::Display(_) | Self::Agent(_) => true,
        }
    }
}

/// Whether a target names the very machine that connects to it.
fn is_loopback_target(target: &Target) -> bool {
    match target {
        Target::Tcp { host, .. } => is_loopback(host),
        Target::Unix(_) => true,
    }
}

/// RFC 6761 section 6.3 has `localhost`, and what ends in it, mean loopback everywhere.
fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn sides(asked: &Asked, around: &Circumstances) -> (Listening, Goal) {
    match asked {
        Asked::Local(LocalForward { listen, target }) => {
            (here(listen, around), Goal::Fixed(target.clone(), Side::Server))
        }
        Asked::Dynamic(DynamicForward { listen }) => {
            (here(listen, around), Goal::Chosen(Side::Server))
        }
        Asked::Remote(RemoteForward { listen, target }) => {
            let goal = match target {
                Some(target) => Goal::Fixed(target.clone(), Side::Client),
                None => Goal::Chosen(Side::Client),
            };
            (there(listen), goal)
        }
        Asked::Standard(target) => (Listening::Standard, Goal::Fixed(target.clone(), Side::Server)),
        Asked::X11 { display, .. } => (Listening::Display, Goal::Display(display.clone())),
        Asked::Agent { socket } => (Listening::AgentSocket, Goal::Agent(socket.clone())),
    }
}

fn here(listen: &Listen, around: &Circumstances) -> Listening {
    Listening::Here(match listen {
        Listen::Tcp { bind, port } => spots(Bind::of(bind.as_deref(), around.gateway_ports), *port),
        Listen::Unix(path) => vec![Spot::Unix(path.clone())],
    })
}

fn there(listen: &Listen) -> Listening {
    match listen {
        Listen::Tcp { bind, port } => {
            let wire = wire_address(bind.as_deref());
            let settings = [GatewayPorts::No, GatewayPorts::Yes, GatewayPorts::ClientSpecified];
            let answer = |setting| (setting, spots(server_bind(wire, setting), *port));
            Listening::There { wire: wire.to_owned(), answers: settings.map(answer).to_vec() }
        }
        Listen::Unix(path) => Listening::UnixThere(path.clone()),
    }
}

fn spots(bind: Bind<'_>, port: u16) -> Vec<Spot> {
    match bind.addresses(port) {
        Ok(addresses) => addresses.into_iter().map(Spot::Address).collect(),
        Err(name) => vec![Spot::Name(name.to_owned(), port)],
    }
}

/// Who can connect to places that all listen.
#[must_use]
pub fn reach(spots: &[Spot], unix: StreamLocalBind) -> Reach {
    let one = |spot: &Spot| match spot {
        Spot::Address(address) if address.ip().is_unspecified() => Reach::Everybody,
        Spot::Address(address) if address.ip().to_canonical().is_loopback() => Reach::Machine,
        Spot::Address(_) => Reach::OneAddress,
        Spot::Name(..) => Reach::Unknown,
        // Whoever may write to the socket may connect.
        Spot::Unix(_) if unix.mask & 0o022 == 0o022 => Reach::Owner,
        Spot::Unix(_) => Reach::Machine,
    };
    spots.iter().map(one).max().unwrap_or(Reach::Owner)
}

fn reach_of(listening: &Listening, around: &Circumstances) -> Reach {
    let unix = StreamLocalBind::default();
    match listening {
        Listening::Here(spots) => reach(spots, around.stream_local_bind),
        Listening::There { answers, .. } => {
            answers.first().map_or(Reach::Unknown, |(_, spots)| reach(spots, unix))
        }
        // X11UseLocalhost is the default, and the cookie counts besides.
        Listening::Display => Reach::Machine,
        Listening::UnixThere(_) | Listening::Standard | Listening::AgentSocket => Reach::Owner,
    }
}

fn first_leg(listening: &Listening, reach: Reach) -> Protection {
    let side = match listening {
        Listening::Here(_) | Listening::Standard => Side::Client,
        _ => Side::Server,
    };
    match reach {
        Reach::Owner | Reach::Machine => Protection::Within(side),
        Reach::OneAddress | Reach::Everybody | Reach::Unknown => Protection::WithinOrClear(side),
    }
}
