//! The clients: one way to ask for everything, whatever the program is.

use super::peers::{Kind, Peer};
use super::place::Home;
use super::server::{Endpoint, Rekey};
use super::work::Work;
use crate::tssh::{tssh_binary, with};
use std::path::PathBuf;
use std::process::Command;

/// After how many bytes keys are renewed where they are renewed often. 8 MiB are no multiple of it,
/// so that much follows the last renewal. paramiko answers a channel's close on the thread that
/// would have to go on with its own key exchange, so one that begins with the last bytes stands
/// still for 30 seconds. tinyssh looks at what it has read along with NEWKEYS, up to 35,000 bytes,
/// only when more comes or a minute is over.
pub const REKEY_BYTES: u64 = 1_100_000;

/// What a client shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Run a command.
    Exec(&'a str),
    /// Listen here, and lead connections to this port of the server's loopback.
    Local(u16, u16),
    /// Listen at the server, and lead connections to this port of ours.
    Remote(u16, u16),
    /// Listen here for SOCKS.
    Dynamic(u16),
    /// Join standard input and output with this port of the server's loopback.
    Stdio(u16),
}

/// What a forwarding client runs: it shows that the forwards are there, and ends with its input.
const HOLD: &str = "echo ready; cat";

/// A client.
pub struct Client {
    how: How,
    /// Options that come first, so that they win.
    pub options: Vec<String>,
}

enum How {
    /// tssh or ssh: the same words.
    Ssh {
        home: Option<Home>,
        program: PathBuf,
    },
    Dbclient(Home),
    Plink(Home),
    Driver(Home, Kind),
}

impl Client {
    /// tssh, or what stands in for it.
    #[must_use]
    pub fn tssh() -> Self {
        Self::program(tssh_binary())
    }

    /// A program that takes ssh's words.
    #[must_use]
    pub fn program(program: PathBuf) -> Self {
        Self { how: How::Ssh { home: None, program }, options: Vec::new() }
    }

    /// A peer.
    #[must_use]
    pub fn of(peer: &Peer, home: &Home) -> Self {
        let home = home.clone();
        let how = match peer.kind {
            Kind::OpenSsh => How::Ssh { home: Some(home), program: "/usr/bin/ssh".into() },
            Kind::Dropbear => How::Dbclient(home),
            Kind::Plink => How::Plink(home),
            kind => How::Driver(home, kind),
        };
        Self { how, options: Vec::new() }
    }

    /// Whether it says in its own log when keys are renewed.
    #[must_use]
    pub fn logs_keys(&self) -> bool {
        matches!(self.how, How::Ssh { .. })
    }

    /// The command line for `ask`.
    #[must_use]
    pub fn command(&self, work: &Work, to: &Endpoint, ask: Ask<'_>, rekey: Rekey) -> Command {
        match &self.how {
            How::Ssh { home, program } => self.ssh(home.as_ref(), program, work, to, ask, rekey),
            How::Dbclient(home) => dbclient(home, work, to, ask),
            How::Plink(home) => plink(home, work, to, ask, rekey),
            How::Driver(home, kind) => driver(home, *kind, work, to, ask, rekey),
        }
    }

    fn ssh(
        &self,
        home: Option<&Home>,
        program: &std::path::Path,
        work: &Work,
        to: &Endpoint,
        ask: Ask<'_>,
        rekey: Rekey,
    ) -> Command {
        let known = work.folder().write("known_hosts", to.known_hosts_line());
        let mut command = match home {
            Some(home) => home.command(work.path(), &program.display().to_string()),
            None => {
                let mut command = Command::new(program);
                command.env("HOME", work.join("home")).env("LC_ALL", "C");
                command.env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY");
                command
            }
        };
        command.args(&self.options);
        command.args(["-v", "-F", "none", "-l", &to.user, "-p", &to.port.to_string()]);
        for option in ["StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null"] {
            command.args(["-o", option]);
        }
        command.arg("-o").arg(with("UserKnownHostsFile=", &known));
        for option in ["BatchMode=yes", "IdentitiesOnly=yes", "ExitOnForwardFailure=yes"] {
            command.args(["-o", option]);
        }
        command.arg("-i").arg(work.join("user_key"));
        if rekey == Rekey::Often {
            command.arg("-o").arg(format!("RekeyLimit={REKEY_BYTES}"));
        }
        let words = forward_words(ask, to);
        command.args(words).arg(to.address.to_string());
        // Without a command there is nothing but the log to tell that the forwards are there.
        match ask {
            Ask::Exec(text) => command.arg(text),
            Ask::Stdio(_) => &mut command,
            _ if to.runs_commands => command.arg(HOLD),
            _ => command.arg("-N"),
        };
        command
    }
}

/// The words that ssh, dbclient and plink agree on; `-W` aside.
fn forward_words(ask: Ask<'_>, server: &Endpoint) -> Vec<String> {
    let ours = server.our_address;
    match ask {
        Ask::Exec(_) => Vec::new(),
        Ask::Local(listen, to) => vec!["-L".into(), format!("127.0.0.1:{listen}:{ours}:{to}")],
        Ask::Remote(listen, to) if server.is_here() => {
            vec!["-R".into(), format!("{listen}:{ours}:{to}")]
        }
        Ask::Remote(listen, to) => vec!["-R".into(), format!("*:{listen}:{ours}:{to}")],
        Ask::Dynamic(listen) => vec!["-D".into(), format!("127.0.0.1:{listen}")],
        Ask::Stdio(to) => vec!["-W".into(), format!("{ours}:{to}")],
    }
}

fn dbclient(home: &Home, work: &Work, to: &Endpoint, ask: Ask<'_>) -> Command {
    let address = to.address.to_string();
    let mut command = home.command(work.path(), "/usr/bin/dbclient");
    // Its list of known hosts has no ports, and all servers here have one address.
    command.args(["-y", "-y", "-i"]).arg(work.join("user_key.dropbear"));
    // Where it still has output to write when its last channel is closed, it leaves only when
    // something wakes it, with stock sshd too. A keepalive does.
    command.args(["-K", "5"]);
    command.args(["-p", &to.port.to_string(), "-l", &to.user]);
    match ask {
        Ask::Exec(text) => command.args([&address, text]),
        Ask::Stdio(port) => command.args(["-B", &format!("127.0.0.1:{port}"), &address]),
        forward => command.args(forward_words(forward, to)).args([&address, HOLD]),
    };
    command
}

fn plink(home: &Home, work: &Work, to: &Endpoint, ask: Ask<'_>, rekey: Rekey) -> Command {
    let address = to.address.to_string();
    let mut command = home.command(work.path(), "/usr/bin/plink");
    if rekey == Rekey::Often {
        command.args(["-load", "rekey"]);
    }
    command.args(["-ssh", "-batch", "-noagent", "-P", &to.port.to_string(), "-l", &to.user]);
    // The key itself, which every version takes.
    let blob = to.host_key.split(' ').nth(1).unwrap_or_default();
    command.args(["-hostkey", blob, "-i"]).arg(work.join("user_key.ppk"));
    match ask {
        Ask::Exec(text) => command.args([&address, text]),
        Ask::Stdio(port) => command.args(["-nc", &format!("127.0.0.1:{port}"), &address]),
        forward => command.args(forward_words(forward, to)).args([&address, HOLD]),
    };
    command
}

fn driver(
    home: &Home,
    kind: Kind,
    work: &Work,
    to: &Endpoint,
    ask: Ask<'_>,
    rekey: Rekey,
) -> Command {
    let mut command = home.driver(kind, work.path());
    let host_key = work.folder().write("server.pub", format!("{}\n", to.host_key));
    command.args(["client", &to.port.to_string(), &to.user]).arg(work.join("user_key"));
    command.arg(host_key).arg(rekey.bytes().to_string());
    let number = |port: u16| port.to_string();
    match ask {
        Ask::Exec(text) => command.args(["exec", text]),
        Ask::Local(listen, to) => command.args(["local", &number(listen), &number(to)]),
        Ask::Remote(listen, to) => command.args(["remote", &number(listen), &number(to)]),
        Ask::Dynamic(listen) => command.args(["dynamic", &number(listen)]),
        Ask::Stdio(to) => command.args(["stdio", &number(to)]),
    };
    command
}
