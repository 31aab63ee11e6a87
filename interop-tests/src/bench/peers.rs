//! The clients and servers that are compared, and how each is asked for the same thing.

use super::others;
use crate::openssh::{Server, ServerOptions, program_path};
use crate::tssh::{client_command, tssh_binary, tsshd_binary};
use std::path::{Path, PathBuf};
use std::process::Command;

/// bash that is run by an SSH server, and by no other shell, reads the account's `.bashrc` even for
/// a command. What some account does there is nobody's start to measure.
const NESTED_SHELL: &str = "SetEnv SHLVL=1";

/// Algorithms to ask for; what is none is left to the programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// Key exchange method.
    pub kex: Option<&'static str>,
    /// Cipher.
    pub cipher: Option<&'static str>,
    /// MAC, for a cipher that needs one.
    pub mac: Option<&'static str>,
}

/// How a client wants to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// ssh's command line.
    Ssh,
    /// Dropbear's.
    Dbclient,
    /// PuTTY's.
    Plink,
    /// A program of ours in Python around asyncssh.
    Asyncssh,
    /// No SSH at all: a process that copies, at either end.
    Relay,
    /// No SSH either: all connections on one stream, sealed.
    Trunk,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// As tables call it.
    pub name: String,
    /// The program.
    pub path: PathBuf,
    /// Its command line.
    pub dialect: Dialect,
}

/// How a server wants to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OpenSSH's sshd.
    Sshd,
    /// tsshd.
    Tsshd,
    /// Anything that takes sshd's command line and configuration.
    LikeSshd,
    /// No server: the far process of a relay.
    Relay,
}

/// A server, started anew for each measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// As tables call it.
    pub name: String,
    /// The program.
    pub path: PathBuf,
    /// Which it is.
    pub kind: Kind,
}

impl Host {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// With its log when it does not come up.
    #[must_use]
    pub fn start(&self) -> Server {
        let options = ServerOptions::with_lines(&["LogLevel INFO", NESTED_SHELL]);
        match self.kind {
            Kind::Tsshd => Server::start_tsshd(&options),
            _ => Server::start_like_sshd(&self.path, &options),
        }
    }
}

/// A client and the server it talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The client.
    pub client: Client,
    /// The server.
    pub host: Host,
    /// The program that becomes a relay: `bench`.
    pub relay: PathBuf,
}

impl Pair {
    /// Both names.
    #[must_use]
    pub fn name(&self) -> String {
        match self.client.dialect {
            Dialect::Relay | Dialect::Trunk => self.client.name.clone(),
            _ => format!("{}+{}", self.client.name, self.host.name),
        }
    }

    /// Whether it is a floor: no SSH.
    #[must_use]
    pub fn is_relay(&self) -> bool {
        self.host.kind == Kind::Relay
    }
}

fn client(name: &str, path: PathBuf, dialect: Dialect) -> Client {
    Client { name: name.to_owned(), path, dialect }
}

fn host(name: &str, path: PathBuf, kind: Kind) -> Host {
    Host { name: name.to_owned(), path, kind }
}

/// All pairs: ssh with sshd first, to which all others are compared; each other client with sshd;
/// ssh with each other server; both of ours; and the two relays, which the program `bench` becomes.
///
/// # Panics
/// When tssh cannot be built or copied.
#[must_use]
pub fn pairs(
    bench: &Path,
    clients: &[(String, PathBuf)],
    servers: &[(String, PathBuf)],
) -> Vec<Pair> {
    let ssh = client("ssh", program_path("ssh"), Dialect::Ssh);
    let sshd = host("sshd", program_path("sshd"), Kind::Sshd);
    let tssh = client("tssh", installed(&tssh_binary()), Dialect::Ssh);
    let tsshd = host("tsshd", tsshd_binary(), Kind::Tsshd);
    let pair = |client: &Client, host: &Host| Pair {
        client: client.clone(),
        host: host.clone(),
        relay: bench.to_owned(),
    };
    let relay = |name, dialect| {
        let none = host("", PathBuf::new(), Kind::Relay);
        pair(&client(name, PathBuf::new(), dialect), &none)
    };
    let mut pairs = vec![
        pair(&ssh, &sshd),
        pair(&tssh, &sshd),
        pair(&ssh, &tsshd),
        pair(&tssh, &tsshd),
        relay("relay", Dialect::Relay),
        relay("trunk", Dialect::Trunk),
    ];
    for (name, path) in clients {
        pairs.push(pair(&client(name, path.clone(), Dialect::Ssh), &sshd));
    }
    for (name, path) in servers {
        pairs.push(pair(&ssh, &host(name, path.clone(), Kind::LikeSshd)));
    }
    pairs
}

/// The program as an installation leaves it, and as ssh is found: copied. What a linker has just
/// written lies in memory in smaller pieces, and takes more faults to start.
fn installed(program: &Path) -> PathBuf {
    let folder = program.with_file_name("installed");
    std::fs::create_dir_all(&folder).expect("a folder beside the program");
    let name = program.file_name().unwrap_or_default();
    let (new, path) = (folder.join(format!("new.{}", std::process::id())), folder.join(name));
    std::fs::copy(program, &new).expect("copy the program");
    std::fs::rename(&new, &path).expect("give the copy its name");
    path
}

/// Clients that do not take ssh's command line, each with sshd, where they are installed.
#[must_use]
pub fn other_pairs(bench: &Path) -> Vec<Pair> {
    let mut clients = Vec::new();
    for (name, dialect) in [("dbclient", Dialect::Dbclient), ("plink", Dialect::Plink)] {
        let path = program_path(name);
        clients.extend(path.is_file().then(|| client(name, path, dialect)));
    }
    let python = others::python_with_asyncssh();
    clients.extend(python.map(|python| client("asyncssh", python, Dialect::Asyncssh)));
    let sshd = host("sshd", program_path("sshd"), Kind::Sshd);
    let pair = |client| Pair { client, host: sshd.clone(), relay: bench.to_owned() };
    clients.into_iter().map(pair).collect()
}

/// Which forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// `-L`
    Local,
    /// `-R`
    Remote,
    /// `-D`
    Dynamic,
}

impl Forward {
    /// The option's letter.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Local => "L",
            Self::Remote => "R",
            Self::Dynamic => "D",
        }
    }
}

/// What a client is to do.
pub enum Task<'a> {
    /// Forward this port to that one and nothing else.
    Forward {
        /// Which forward.
        forward: Forward,
        /// The port to listen on.
        entry: u16,
        /// The port to connect to, except with `-D`.
        target: u16,
    },
    /// Run a command.
    Run(&'a str),
}

/// The command line of a client that logs in to `server`, behind `port` where that is another
/// than its own, with its key.
///
/// # Errors
/// Algorithms that this client cannot be asked for.
pub fn command(
    client: &Client,
    server: &Server,
    port: u16,
    algorithms: Algorithms,
    task: &Task<'_>,
) -> Result<Command, String> {
    match client.dialect {
        Dialect::Ssh => Ok(ssh(&client.path, server, port, algorithms, task)),
        Dialect::Dbclient => others::dbclient(&client.path, server, port, algorithms, task),
        Dialect::Plink => others::plink(&client.path, server, port, algorithms, task),
        Dialect::Asyncssh => Ok(others::asyncssh(&client.path, server, port, algorithms, task)),
        Dialect::Relay | Dialect::Trunk => Err(super::report::NOT_APPLICABLE.to_owned()),
    }
}

fn ssh(
    path: &Path,
    server: &Server,
    port: u16,
    algorithms: Algorithms,
    task: &Task<'_>,
) -> Command {
    // The first of two values wins. The host's key is known by the server's own port.
    let mut options = vec!["-p".to_owned(), port.to_string()];
    options.push(format!("-oHostKeyAlias=[127.0.0.1]:{}", server.port()));
    let named = [
        ("KexAlgorithms", algorithms.kex),
        ("Ciphers", algorithms.cipher),
        ("MACs", algorithms.mac),
    ];
    for (option, value) in named {
        options.extend(value.map(|value| format!("-o{option}={value}")));
    }
    let mut words = Vec::new();
    match task {
        Task::Forward { forward, entry, target } => {
            options.extend(["-N".to_owned(), "-oExitOnForwardFailure=yes".to_owned()]);
            options.push(format!("-{}", forward.letter()));
            options.push(match forward {
                Forward::Dynamic => entry.to_string(),
                Forward::Local | Forward::Remote => format!("{entry}:127.0.0.1:{target}"),
            });
        }
        Task::Run(line) => words.push(*line),
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    client_command(path, server, &options, &words)
}
