//! The plan for people: a picture of each forward, and what follows from it.

use super::picture::{COLUMNS, Style, wrapped};
use super::{Plan, Way, option};
use std::net::SocketAddr;
use tssh_forward::core::address::Target;
use tssh_forward::core::plan::{
    Caution, Goal, Listening, Lookup, Planned, Protection, Reach, Sees, Spot, reach,
};
use tssh_forward::core::policy::{GatewayPorts, StreamLocalBind};
use tssh_transport::Side;
use tssh_transport::text::printable;

/// Most bytes of a name in a picture.
const NAME_BYTES_MAX: usize = 256;
/// Where the words about a station begin.
const STATION_COLUMNS: usize = 27;
/// Where the words about a forward begin.
const FACT_COLUMNS: usize = 17;
/// What this machine is called.
const HERE: &str = "this machine";

/// Who has a port that is listened on already, in a sentence.
type Holder<'a> = &'a dyn Fn(u16) -> Option<String>;

/// The whole plan.
pub fn text(plan: &Plan, style: Style, holder: Holder<'_>) -> String {
    let way = &plan.way;
    let destination = shown(&format!("{}@{} port {}", way.user, way.host, way.port));
    let mut out = wrapped("", &format!("Plan for {destination}. Nothing has been opened or sent."));
    out.push('\n');
    out.push_str(&connection(way));
    for planned in &plan.forwards {
        out.push('\n');
        out.push_str(&Drawn { plan: planned, server: &shown(&way.host), holder }.text());
    }
    if plan.forwards.is_empty() {
        out.push_str("\nNothing is forwarded.\n");
    }
    for (one, other) in &plan.clashes {
        let text = format!("{} takes an address that {} needs.", shown(one), shown(other));
        out.push('\n');
        out.push_str(&wrapped(" !  ", &text));
    }
    for option in &plan.cleared {
        let text =
            format!("{} is not set up: ClearAllForwardings, which -W implies.", shown(option));
        out.push('\n');
        out.push_str(&wrapped(" !  ", &text));
    }
    style.drawn(&out)
}

/// The pictures of the forwards alone, for a server of this name.
pub fn pictures(forwards: &[Planned], server: &str, style: Style) -> String {
    let holder = &|_| None;
    let drawn = forwards.iter().map(|plan| Drawn { plan, server, holder }.picture());
    style.drawn(&drawn.collect::<Vec<_>>().join("\n"))
}

/// Names come from files and from the command line; on a terminal they are text.
fn shown(text: &str) -> String {
    printable(text.as_bytes(), NAME_BYTES_MAX)
}

/// The SSH connection itself, and whom it passes.
fn connection(way: &Way) -> String {
    let server = match way.host.eq_ignore_ascii_case(&way.host_name) {
        true => shown(&way.host),
        false => format!("{} ({})", shown(&way.host), shown(&way.host_name)),
    };
    let mut stations = vec![HERE.to_owned()];
    stations.extend(way.hops.iter().map(|hop| shown(hop)));
    if let Some(program) = &way.program {
        stations.push(format!("`{}`", shown(program)));
    }
    stations.push(server.clone());
    let mut out = wrapped("  ", &stations.join(" ══▶ "));
    let said = match (way.hops.last(), &way.program) {
        (Some(last), _) => format!(
            "Encrypted from end to end; {} carries what it cannot read, and looks up {}.",
            shown(last),
            shown(&way.host_name)
        ),
        (None, Some(_)) => "Encrypted from end to end; the program carries what it cannot \
                            read."
            .to_owned(),
        (None, None) => "Encrypted from end to end.".to_owned(),
    };
    out.push_str(&wrapped("  ", &said));
    out
}

/// One forward, about to be drawn.
struct Drawn<'a> {
    plan: &'a Planned,
    server: &'a str,
    holder: Holder<'a>,
}

impl Drawn<'_> {
    fn text(&self) -> String {
        let title = shown(&option(&self.plan.asked));
        let room = COLUMNS.saturating_sub(title.chars().count() + 4);
        let mut out = match room {
            // No room for a line beside it.
            0..4 => wrapped("── ", &title),
            room => format!("── {title} {}\n", "─".repeat(room)),
        };
        out.push('\n');
        out.push_str(&self.picture());
        out.push('\n');
        for (name, text) in self.facts() {
            out.push_str(&wrapped(&format!("   {name:FACT_COLUMNS$}"), &text));
        }
        let cautions: Vec<String> = self.cautions();
        if !cautions.is_empty() {
            out.push('\n');
        }
        for text in cautions {
            out.push_str(&wrapped(" !  ", &text));
        }
        out
    }

    /// Four stations and the three legs between them, in the direction of the connection.
    fn picture(&self) -> String {
        let (near, far) = match self.plan.listens_on() {
            Some(Side::Server) => (Side::Server, Side::Client),
            _ => (Side::Client, Side::Server),
        };
        let ends = |side| match side {
            Side::Client => "tssh",
            Side::Server => "SSH server",
        };
        let station = |number: u8, name: &str, text: &str| {
            wrapped(&format!("   {number}  {name:width$}", width = STATION_COLUMNS - 6), text)
        };
        let legs = &self.plan.legs;
        let near_name = match self.plan.listening {
            Listening::Standard => ends(near).to_owned(),
            _ => format!("{} listens", ends(near)),
        };
        let middle = format!("ENCRYPTED by SSH, from {} to {}", self.of(near), self.of(far));
        [
            station(1, "application client", &self.client()),
            leg("│", &self.leg(legs.first)),
            station(2, &near_name, &self.listening()),
            leg("║", &middle),
            station(3, ends(far), &format!("on {}", self.of(far))),
            leg(if legs.last == Protection::Encrypted { "║" } else { "│" }, &self.leg(legs.last)),
            station(4, "target", &self.target()),
        ]
        .concat()
    }

    const fn of(&self, side: Side) -> &str {
        match side {
            Side::Client => HERE,
            Side::Server => self.server,
        }
    }

    fn client(&self) -> String {
        match self.plan.listening {
            Listening::Standard => "whoever has tssh's standard input and output".to_owned(),
            Listening::Display => format!("an X program on {}", self.server),
            Listening::AgentSocket => format!("ssh and its kin on {}", self.server),
            Listening::Here(_) => self.clients(HERE),
            Listening::There { .. } | Listening::UnixThere(_) => self.clients(self.server),
        }
    }

    fn clients(&self, machine: &str) -> String {
        match self.plan.reach {
            Reach::Owner | Reach::Machine => format!("a program on {machine}"),
            _ => format!("a program on {machine}, or on another machine"),
        }
    }

    fn leg(&self, protection: Protection) -> String {
        match protection {
            Protection::Encrypted => "ENCRYPTED by SSH".to_owned(),
            Protection::Within(side) => format!("not encrypted, stays within {}", self.of(side)),
            Protection::WithinOrClear(side) => {
                format!("not encrypted, within {}; NOT PROTECTED from others", self.of(side))
            }
            Protection::Clear => "NOT PROTECTED: as the application sends it".to_owned(),
            Protection::ByTarget => "not encrypted: as the application sends it".to_owned(),
        }
    }

    fn listening(&self) -> String {
        match &self.plan.listening {
            Listening::Here(spots) => places(spots),
            Listening::There { answers, .. } => match answers.first() {
                Some((_, spots)) => format!("{}, if {} has defaults", places(spots), self.server),
                None => String::new(),
            },
            Listening::UnixThere(path) => shown(path),
            Listening::Standard => "reads and writes its standard streams".to_owned(),
            Listening::Display => "display localhost:10.0, port 6010, or the next".to_owned(),
            Listening::AgentSocket => "at a socket for its user: SSH_AUTH_SOCK".to_owned(),
        }
    }

    fn target(&self) -> String {
        match &self.plan.goal {
            Goal::Fixed(target, _) => target_text(target),
            Goal::Chosen(_) => "what each client names, by SOCKS".to_owned(),
            Goal::Display(Some(display)) => {
                format!("the X server of display {}", shown(&display.name))
            }
            Goal::Display(None) => "no display: DISPLAY is not set, or invalid".to_owned(),
            Goal::Agent(Some(socket)) => format!("the agent at {}", shown(socket)),
            Goal::Agent(None) => "no agent: there is no socket of one".to_owned(),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Listening::There { wire, answers } = &self.plan.listening {
            let asked = if wire.is_empty() { "every address" } else { wire };
            facts.push(("asks for", format!("{}, and {} decides:", shown(asked), self.server)));
            for (setting, spots) in answers {
                facts.push(("", answer(*setting, spots)));
            }
            let unknown = format!(
                "which of these it is, as {} does not tell; it can also refuse \
                 (AllowTcpForwarding, PermitListen, the key's options)",
                self.server
            );
            facts.push(("cannot be known", unknown));
        }
        let default = match self.plan.listening {
            Listening::There { .. } => format!(", if {} has defaults", self.server),
            _ => String::new(),
        };
        facts.push(("can connect", self.reach() + &default));
        match (self.plan.lookup, &self.plan.goal) {
            (Lookup::By(side), Goal::Fixed(Target::Tcp { host, .. }, _)) => {
                facts.push((
                    "looked up",
                    format!("{} is looked up by {}", shown(host), self.of(side)),
                ));
            }
            (Lookup::By(side), _) => {
                facts.push((
                    "looked up",
                    format!("names are looked up by {}, unless the client does it", self.of(side)),
                ));
            }
            (Lookup::None, _) => {}
        }
        facts.push(("target sees", self.sees()));
        facts
    }

    fn reach(&self) -> String {
        let machine = self.plan.listens_on().map_or(HERE, |side| self.of(side));
        match (&self.plan.listening, self.plan.reach) {
            (Listening::Standard, _) => "nobody else: there is no listening side".to_owned(),
            (Listening::Display, _) => format!(
                "programs of {machine} that know the cookie, which its user and root can read"
            ),
            (Listening::AgentSocket, _) => format!("its user on {machine}, and root there"),
            (_, Reach::Owner) => format!("its owner on {machine}, and root there"),
            (_, Reach::Machine) => {
                format!("every user and program of {machine}, and nobody else")
            }
            (_, Reach::OneAddress) => {
                format!("whoever can reach this address of {machine}")
            }
            (_, Reach::Everybody) => format!("EVERYBODY who can reach {machine}"),
            (_, Reach::Unknown) => "whoever can reach the addresses that the name has".to_owned(),
        }
    }

    fn sees(&self) -> String {
        match self.plan.sees {
            Sees::Loopback(side) => format!(
                "a client on its own machine: 127.0.0.1 or ::1 of {}, not the application client",
                self.of(side)
            ),
            Sees::Machine(side) => {
                format!("a connection from {}, not from the application client", self.of(side))
            }
            Sees::Process(Side::Client) => "a process of yours, on this machine".to_owned(),
            Sees::Process(Side::Server) => {
                format!("a process of the user that you log in as, on {}", self.server)
            }
            Sees::ByTarget(side) => format!("a connection from {}", self.of(side)),
        }
    }

    fn cautions(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        if let Listening::Here(spots) = &self.plan.listening {
            let port = spots.iter().find_map(|spot| match spot {
                Spot::Address(address) => Some(address.port()),
                Spot::Name(_, port) => Some(*port),
                Spot::Unix(_) => None,
            });
            if let Some(busy) = port.filter(|port| *port != 0).and_then(self.holder) {
                all.push(format!("Busy at this moment: {busy}."));
            }
        }
        all.extend(self.plan.cautions.iter().map(|caution| self.caution(caution)));
        all
    }

    fn caution(&self, caution: &Caution) -> String {
        let server = self.server;
        match caution {
            Caution::PrivilegedHere(port) => {
                format!("Port {port} is not yours to listen on: take one from 1024 up.")
            }
            Caution::PrivilegedThere(port) => {
                format!("Only root of {server} gets port {port} there: take one from 1024 up.")
            }
            Caution::OpenHere => "Other machines can use this forward: without a bind address, \
                                  and without -g, only this one can."
                .to_owned(),
            Caution::OpenThere => format!(
                "With GatewayPorts yes on {server}, everybody who can reach it can use this \
                 forward."
            ),
            Caution::Narrowed => format!(
                "Unless {server} has GatewayPorts set, it listens for its own programs only, and \
                 says that all is well."
            ),
            Caution::OneFamily => "One family only: a client that tries the other one first, as \
                                   for \"localhost\", is refused."
                .to_owned(),
            Caution::NameDecides(name) => {
                format!("Where it listens depends on what {} means there.", shown(name))
            }
            Caution::AnyPort => {
                "Port 0 is any free one; which, is told once it listens.".to_owned()
            }
            Caution::LoopbackIsFar(side) => {
                format!("Here localhost means {}.", self.far_loopback(*side))
            }
            Caution::LooksLocal => {
                "A target that trusts clients on its own machine trusts everybody \
                                    who can connect here."
                    .to_owned()
            }
            Caution::ClearLeg => format!(
                "Whoever watches the network behind {} sees what the application sends.",
                self.of(self.plan.goal.far())
            ),
            Caution::WholeNetwork(Side::Server) => format!(
                "Whoever can connect gets to all that {server} can reach, its own loopback \
                 included."
            ),
            Caution::WholeNetwork(Side::Client) => format!(
                "Whoever can connect on {server} gets to all that this machine can reach, its \
                 loopback included: PermitRemoteOpen narrows it."
            ),
            Caution::AgentOfOthers => format!(
                "Root of {server} can sign with your keys while you are logged in. To go on to a \
                 further machine, -J does without."
            ),
            Caution::NoAgent => "Without an agent here, nothing is forwarded.".to_owned(),
            Caution::TrustedDisplay => format!(
                "Trusted: programs on {server} can read every key that is typed here, and the \
                 screen."
            ),
            Caution::NoDisplay => "Without a display here, nothing is forwarded.".to_owned(),
            Caution::OpenSocket => "The mask lets other users of this machine connect.".to_owned(),
        }
    }

    fn far_loopback(&self, side: Side) -> String {
        match side {
            Side::Server => format!("{} itself, not this machine", self.server),
            Side::Client => format!("this machine, not {}", self.server),
        }
    }
}

/// The drawn line goes on beside words that need more than one.
fn leg(line: &str, text: &str) -> String {
    let lead = format!("   {line}     ");
    let text = wrapped(&lead, text);
    let rows = text.lines().map(|row| match row.strip_prefix(&lead) {
        Some(words) => format!("{lead}{words}\n"),
        None => format!("{lead}{}\n", row.trim_start()),
    });
    rows.collect()
}

/// What comes of a bind address under one setting.
fn answer(setting: GatewayPorts, spots: &[Spot]) -> String {
    let name = match setting {
        GatewayPorts::No => "GatewayPorts no (default)",
        GatewayPorts::Yes => "GatewayPorts yes",
        GatewayPorts::ClientSpecified => "GatewayPorts clientspecified",
    };
    let open = match reach(spots, StreamLocalBind::default()) {
        Reach::Everybody => "  OPEN",
        _ => "",
    };
    // Wrapping takes runs of spaces for one: the column is made of dots.
    let dots = ".".repeat(30_usize.saturating_sub(name.len()));
    format!("{name} {dots} {}{open}", addresses(spots))
}

/// `127.0.0.1 and ::1, port 2001`.
fn places(spots: &[Spot]) -> String {
    match spots.first() {
        Some(Spot::Unix(path)) => shown(path),
        Some(Spot::Address(address)) => {
            format!("{}, port {}", addresses(spots), port_text(address.port()))
        }
        Some(Spot::Name(_, port)) => format!("{}, port {}", addresses(spots), port_text(*port)),
        None => String::new(),
    }
}

fn port_text(port: u16) -> String {
    if port == 0 { "0 (any free one)".to_owned() } else { port.to_string() }
}

fn addresses(spots: &[Spot]) -> String {
    let one = |spot: &Spot| match spot {
        Spot::Address(address) => SocketAddr::ip(address).to_string(),
        Spot::Name(name, _) => format!("what {} means there", shown(name)),
        Spot::Unix(path) => shown(path),
    };
    // IPv4 first: that is how people say it.
    let all: Vec<String> = spots.iter().rev().map(one).collect();
    all.join(" and ")
}

fn target_text(target: &Target) -> String {
    match target {
        Target::Tcp { host, port } => format!("{} port {port}", shown(host)),
        Target::Unix(path) => format!("the Unix socket {}", shown(path)),
    }
}
