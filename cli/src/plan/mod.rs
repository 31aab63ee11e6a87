//! `--plan`: what the forwards of a connection will come to, said before anything is opened.
//!
//! What is known is worked out by [`tssh_forward::core::plan`]; here it gets its names, its words
//! and its picture. The files are read as for `-G`, and that is all that happens.

mod json;
mod picture;
#[cfg(test)]
mod tests;
mod words;

pub use picture::{Style, has_colours, painted, wrapped};

use crate::account::Account;
use crate::args::{Invocation, parse};
use crate::client::holder;
use crate::config::options::{ForwardAgent, Options, Proxy};
use crate::config::{Settings, forwarding::X11Settings};
use crate::exit::Result;
use std::net::SocketAddr;
use tssh_forward::core::address::{DynamicForward, Listen, LocalForward, RemoteForward, Target};
use tssh_forward::core::display::Display;
use tssh_forward::core::plan::{Asked, Circumstances, Listening, Planned, Spot};
use tssh_forward::core::policy::PermitOpen;

/// Where Linux says which ports anybody may listen on.
const LOWEST_PORT_FILE: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
/// Where that has always begun.
const LOWEST_PORT: u16 = 1024;

/// The form that a plan is printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For a person.
    Text,
    /// For a program: one JSON object.
    Json,
}

/// Everything that is planned for one connection.
struct Plan {
    way: Way,
    forwards: Vec<Planned>,
    /// Pairs of forwards of which the second finds its address taken by the first.
    clashes: Vec<(String, String)>,
    /// Forwards that were asked for and are not set up.
    cleared: Vec<String>,
}

/// The way to the server.
struct Way {
    user: String,
    /// As it was given.
    host: String,
    /// As it is connected to.
    host_name: String,
    port: u16,
    /// Machines on the way, in order, as they were named.
    hops: Vec<String>,
    /// A program that makes the connection.
    program: Option<String>,
}

/// The plan, in the form that is wanted.
#[must_use]
pub fn show(settings: &Settings, options: &Options, form: Form) -> String {
    let display = std::env::var("DISPLAY").ok().filter(|name| !name.is_empty());
    let plan = Plan::new(settings, options, display.as_deref(), lowest_port());
    match form {
        Form::Text => {
            let text = words::text(&plan, Style::of_environment(), &holder::of_port);
            if has_colours() { painted(&text) } else { text }
        }
        Form::Json => json::text(&plan),
    }
}

/// The pictures of what a command line forwards, whatever the files say.
///
/// # Errors
/// What is wrong with the command line.
pub fn pictures(words: &[&str], style: Style) -> Result<String> {
    let account = Account::current();
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let Invocation::Connect(arguments) = parse(&words, &account)? else {
        return Ok(String::new());
    };
    let settings =
        Settings::resolve(&arguments.options, &arguments.host, &account, |_| Vec::new())?;
    let plan = Plan::new(&settings, &arguments.options, None, lowest_port());
    Ok(words::pictures(&plan.forwards, &arguments.host, style))
}

impl Plan {
    fn new(
        settings: &Settings,
        options: &Options,
        display: Option<&str>,
        lowest_port: u16,
    ) -> Self {
        let around = Circumstances {
            gateway_ports: settings.forwards.how.gateway_ports,
            stream_local_bind: settings.forwards.how.stream_local_bind,
            lowest_port,
            permits_any_remote_open: settings.forwards.permit_remote_open == PermitOpen::Any,
        };
        let asked = asked(settings, options, display);
        let forwards: Vec<_> =
            asked.into_iter().map(|asked| Planned::new(asked, &around)).collect();
        let clashes = clashes(&forwards);
        Self { way: Way::new(settings), forwards, clashes, cleared: cleared(settings, options) }
    }
}

impl Way {
    fn new(settings: &Settings) -> Self {
        let hops = match &settings.proxy {
            Some(Proxy::Jump(chain)) => chain.split(',').map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let program = match &settings.proxy {
            Some(Proxy::Command(text)) => Some(text.clone()),
            _ => None,
        };
        Self {
            user: settings.user.clone(),
            host: settings.host.clone(),
            host_name: settings.host_name.clone(),
            port: settings.port,
            hops,
            program,
        }
    }
}

/// Everything that is forwarded, in the order in which it is set up.
fn asked(settings: &Settings, options: &Options, display: Option<&str>) -> Vec<Asked> {
    let forwards = &settings.forwards;
    let mut all: Vec<Asked> = forwards.local.iter().cloned().map(Asked::Local).collect();
    all.extend(forwards.dynamic.iter().cloned().map(Asked::Dynamic));
    all.extend(forwards.remote.iter().cloned().map(Asked::Remote));
    all.extend(forwards.stdio.iter().cloned().map(Asked::Standard));
    // Both belong to a session, and -W has none.
    if forwards.stdio.is_some() {
        return all;
    }
    let X11Settings { wanted, trusted, .. } = settings.x11;
    if wanted {
        all.push(Asked::X11 { trusted, display: display.and_then(Display::parse) });
    }
    if !matches!(options.forward_agent, None | Some(ForwardAgent::No)) {
        let socket = settings.forward_agent.as_ref();
        all.push(Asked::Agent { socket: socket.map(|path| path.to_string_lossy().into_owned()) });
    }
    all
}

/// What the command line and the files ask for, and `ClearAllForwardings` takes away.
fn cleared(settings: &Settings, options: &Options) -> Vec<String> {
    if !settings.forwards.is_empty() {
        return Vec::new();
    }
    let local = options.local_forward.iter().cloned().map(Asked::Local);
    let dynamic = options.dynamic_forward.iter().cloned().map(Asked::Dynamic);
    let remote = options.remote_forward.iter().cloned().map(Asked::Remote);
    local.chain(dynamic).chain(remote).map(|asked| option(&asked)).collect()
}

/// Two listening sides here on one address: the second one fails.
fn clashes(forwards: &[Planned]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (i, one) in forwards.iter().enumerate() {
        for other in forwards.iter().skip(i + 1) {
            let (Listening::Here(a), Listening::Here(b)) = (&one.listening, &other.listening)
            else {
                continue;
            };
            if a.iter().any(|a| b.iter().any(|b| same_place(a, b))) {
                found.push((option(&one.asked), option(&other.asked)));
            }
        }
    }
    found
}

/// Whether two places cannot both listen: a wildcard takes every address of its family.
fn same_place(a: &Spot, b: &Spot) -> bool {
    let taken = |a: &SocketAddr, b: &SocketAddr| {
        let (x, y) = (a.ip(), b.ip());
        a.port() == b.port()
            && a.port() != 0
            && x.is_ipv4() == y.is_ipv4()
            && (x == y || x.is_unspecified() || y.is_unspecified())
    };
    match (a, b) {
        (Spot::Address(a), Spot::Address(b)) => taken(a, b),
        (a, b) => a == b,
    }
}

/// A forward as it is typed.
fn option(asked: &Asked) -> String {
    match asked {
        Asked::Local(LocalForward { listen, target }) => {
            format!("-L {}:{}", typed_listen(listen), typed_target(target))
        }
        Asked::Remote(RemoteForward { listen, target: Some(target) }) => {
            format!("-R {}:{}", typed_listen(listen), typed_target(target))
        }
        Asked::Remote(RemoteForward { listen, target: None }) => {
            format!("-R {}", typed_listen(listen))
        }
        Asked::Dynamic(DynamicForward { listen }) => format!("-D {}", typed_listen(listen)),
        Asked::Standard(target) => format!("-W {}", typed_target(target)),
        Asked::X11 { trusted: false, .. } => "-X".to_owned(),
        Asked::X11 { trusted: true, .. } => "-Y".to_owned(),
        Asked::Agent { .. } => "-A".to_owned(),
    }
}

fn typed_listen(listen: &Listen) -> String {
    match listen {
        Listen::Tcp { bind: None, port } => port.to_string(),
        Listen::Tcp { bind: Some(bind), port } => format!("{}:{port}", bracketed(bind)),
        Listen::Unix(path) => path.clone(),
    }
}

fn typed_target(target: &Target) -> String {
    match target {
        Target::Tcp { host, port } => format!("{}:{port}", bracketed(host)),
        Target::Unix(path) => path.clone(),
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// The lowest port that this user may listen on.
fn lowest_port() -> u16 {
    if rustix::process::geteuid().is_root() {
        return 0;
    }
    let text = std::fs::read_to_string(LOWEST_PORT_FILE).unwrap_or_default();
    text.trim().parse().unwrap_or(LOWEST_PORT)
}
