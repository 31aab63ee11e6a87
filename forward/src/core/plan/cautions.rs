//! What is worth a second look before a forward is set up.

use super::{Asked, Circumstances, Goal, Listening, Planned, Protection, Reach, Sees, Spot};
use crate::core::address::{Listen, Target};
use crate::core::policy::GatewayPorts;
use std::net::IpAddr;
use tssh_transport::Side;

/// Ports below this one belong to root, unless a system says otherwise.
const PRIVILEGED_BELOW: u16 = 1024;

/// One thing to know, in the order in which they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caution {
    /// This user may not listen on so low a port here.
    PrivilegedHere(u16),
    /// Most servers let only root have so low a port.
    PrivilegedThere(u16),
    /// The listening side here is open to other machines.
    OpenHere,
    /// The listening side is open to other machines where the server's `GatewayPorts` is `yes`,
    /// whatever is asked for.
    OpenThere,
    /// More was asked for than a server gives by default, and it does not say so.
    Narrowed,
    /// Only one family is listened on: clients of the other one are refused.
    OneFamily,
    /// A name decides where it listens.
    NameDecides(String),
    /// Any free port is taken, which is told once it is known.
    AnyPort,
    /// The target's loopback name is that of the far side, not of the near one.
    LoopbackIsFar(Side),
    /// The target takes every user of the forward for a client on its own machine.
    LooksLocal,
    /// The last leg crosses a network unprotected.
    ClearLeg,
    /// Whoever reaches the listening side reaches all that this side's machine reaches.
    WholeNetwork(Side),
    /// Root of the server can use the agent's keys while the connection stands.
    AgentOfOthers,
    /// There is no agent to forward.
    NoAgent,
    /// Programs of the server can read the keyboard and the screen.
    TrustedDisplay,
    /// There is no display to forward.
    NoDisplay,
    /// Other users of this machine may connect to the Unix socket.
    OpenSocket,
}

pub(super) fn of(plan: &Planned, around: &Circumstances) -> Vec<Caution> {
    let mut found = Vec::new();
    listening(plan, around, &mut found);
    going(plan, around, &mut found);
    found
}

/// What concerns the listening side.
fn listening(plan: &Planned, around: &Circumstances, found: &mut Vec<Caution>) {
    match (&plan.listening, port_of(&plan.asked)) {
        (_, Some(0)) => found.push(Caution::AnyPort),
        (Listening::Here(_), Some(port)) if port < around.lowest_port => {
            found.push(Caution::PrivilegedHere(port));
        }
        (Listening::There { .. }, Some(port)) if port < PRIVILEGED_BELOW => {
            found.push(Caution::PrivilegedThere(port));
        }
        _ => {}
    }
    match &plan.listening {
        Listening::Here(spots) => {
            match plan.reach {
                Reach::OneAddress | Reach::Everybody => found.push(Caution::OpenHere),
                Reach::Machine if spots.iter().any(|spot| matches!(spot, Spot::Unix(_))) => {
                    found.push(Caution::OpenSocket);
                }
                _ => {}
            }
            about_spots(spots, found);
        }
        Listening::There { answers, .. } => {
            let given = |wanted| answers.iter().find(|(setting, _)| *setting == wanted);
            let spots = |wanted| given(wanted).map(|(_, spots)| spots);
            if spots(GatewayPorts::No) != spots(GatewayPorts::ClientSpecified) {
                found.push(Caution::Narrowed);
            }
            found.push(Caution::OpenThere);
            if let Some(spots) = spots(GatewayPorts::No) {
                about_spots(spots, found);
            }
        }
        _ => {}
    }
}

fn about_spots(spots: &[Spot], found: &mut Vec<Caution>) {
    match spots {
        [Spot::Address(_)] => found.push(Caution::OneFamily),
        [Spot::Name(name, _)] => found.push(Caution::NameDecides(name.clone())),
        _ => {}
    }
}

/// What concerns the way from there on.
fn going(plan: &Planned, around: &Circumstances, found: &mut Vec<Caution>) {
    match &plan.goal {
        Goal::Fixed(Target::Tcp { host, .. }, side) => {
            if host.parse::<IpAddr>().is_err() && matches!(plan.sees, Sees::Loopback(_)) {
                found.push(Caution::LoopbackIsFar(*side));
            }
            // Whoever runs the forward with -W is on this very machine's standard input.
            if matches!(plan.sees, Sees::Loopback(_)) && plan.listening != Listening::Standard {
                found.push(Caution::LooksLocal);
            }
        }
        Goal::Chosen(Side::Client) if around.permits_any_remote_open => {
            found.push(Caution::WholeNetwork(Side::Client));
        }
        Goal::Chosen(Side::Server) => found.push(Caution::WholeNetwork(Side::Server)),
        Goal::Agent(None) => found.push(Caution::NoAgent),
        Goal::Agent(Some(_)) => found.push(Caution::AgentOfOthers),
        Goal::Display(None) => found.push(Caution::NoDisplay),
        Goal::Display(Some(_)) => {
            if matches!(plan.asked, Asked::X11 { trusted: true, .. }) {
                found.push(Caution::TrustedDisplay);
            }
        }
        Goal::Chosen(_) | Goal::Fixed(Target::Unix(_), _) => {}
    }
    if plan.legs.last == Protection::Clear {
        found.push(Caution::ClearLeg);
    }
}

const fn port_of(asked: &Asked) -> Option<u16> {
    let listen = match asked {
        Asked::Local(forward) => &forward.listen,
        Asked::Remote(forward) => &forward.listen,
        Asked::Dynamic(forward) => &forward.listen,
        Asked::Standard(_) | Asked::X11 { .. } | Asked::Agent { .. } => return None,
    };
    match listen {
        Listen::Tcp { port, .. } => Some(*port),
        Listen::Unix(_) => None,
    }
}
