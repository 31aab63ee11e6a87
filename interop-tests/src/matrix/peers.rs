//! The peers: where each comes from, and what it cannot do.

use super::Check::{self, Cat, ClientRekey, Dynamic, Exec, Local, Remote, ServerRekey, Stdio, Ten};
use Ability::{No, NoHalfClose};
use Role::{Client, Server};

/// Which end of a connection a peer is; tssh or tsshd is the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// tsshd serves it.
    Client,
    /// tssh logs in to it.
    Server,
}

/// How much of a check a peer can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// All.
    Full,
    /// All but to pass on the end of one direction alone, and why.
    NoHalfClose(&'static str),
    /// Nothing, and why.
    No(&'static str),
}

/// Where a peer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A tree of a Debian suite: see [`SUITES`].
    Suite(&'static str),
    /// An image of `interop-tests/containers`, by the line of OpenSSH.
    Container(&'static str),
    /// The Python packages of [`PYTHON`].
    Python,
    /// The further Python packages of [`MORE_PYTHON`].
    MorePython,
    /// The packages of [`NODE`].
    Node,
    /// A program of Go, built in a tree.
    Go,
    /// A program of Rust, built outside this workspace.
    Rust,
    /// libssh in a tree, with its example server, and a client of ours built there.
    Libssh,
}

/// How a peer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OpenSSH's ssh or sshd.
    OpenSsh,
    /// dbclient or dropbear.
    Dropbear,
    /// tinysshd, one process for each connection.
    Tinyssh,
    /// plink.
    Plink,
    /// A script of `interop-tests/peers`, all of which take the same arguments.
    Script(&'static str),
    /// A program that was built from a source there, with the same arguments.
    Built,
    /// libssh's example server.
    LibsshExample,
}

/// One implementation in one role.
#[derive(Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name in the table.
    pub name: &'static str,
    /// Which end it is.
    pub role: Role,
    /// Whether each run of CI has it.
    pub core: bool,
    /// Where it comes from.
    pub source: Source,
    /// How it is called.
    pub kind: Kind,
    /// The package that tells its version.
    pub package: &'static str,
    /// What it cannot do.
    pub limits: &'static [(Check, Ability)],
}

impl Peer {
    /// How much of a check it can do.
    #[must_use]
    pub fn ability(&self, check: Check) -> Ability {
        let limit = self.limits.iter().find(|(limited, _)| *limited == check);
        limit.map_or(Ability::Full, |(_, ability)| *ability)
    }

    /// Its name and role, by which the command line names it.
    #[must_use]
    pub fn id(&self) -> String {
        let role = if self.role == Client { "client" } else { "server" };
        format!("{role}:{}", self.name)
    }
}

/// Debian's suites and the packages that are unpacked from each.
pub const SUITES: &[(&str, &[&str])] = &[
    ("bullseye", &["openssh-server", "openssh-client", "dropbear-bin", "tinysshd", "putty-tools"]),
    ("bookworm", &["openssh-server", "openssh-client", "dropbear-bin", "tinysshd", "putty-tools"]),
    ("trixie", &["openssh-server", "openssh-client", "dropbear-bin", "tinysshd", "putty-tools"]),
    ("sid", &["openssh-server", "openssh-client", "dropbear-bin", "tinysshd", "putty-tools"]),
    ("bookworm-erlang", &["erlang-ssh"]),
];

/// Packages of PyPI for the core set.
pub const PYTHON: &[&str] = &["asyncssh", "paramiko", "ssh2-python"];
/// Packages of PyPI beyond it.
pub const MORE_PYTHON: &[&str] = &["Twisted[conch]"];
/// Packages of npm.
pub const NODE: &[&str] = &["ssh2"];

const NO_EARLY_REKEY: &str = "renews keys after a fixed amount only, which is far above 8 MiB";
const NO_FORWARDING: &str = "has no forwarding";
const NO_DYNAMIC: &str = "has no SOCKS forward";
const NO_STDIO: &str = "has no counterpart of -W";
const ONE_CHANNEL: &str = "its binding carries one channel at a time";

const DROPBEAR_SERVER: &[(Check, Ability)] = &[(ServerRekey, No(NO_EARLY_REKEY))];
const DBCLIENT: &[(Check, Ability)] =
    &[(Dynamic, No(NO_DYNAMIC)), (ClientRekey, No(NO_EARLY_REKEY))];
const TINYSSH: &[(Check, Ability)] = &[
    (Local, No(NO_FORWARDING)),
    (Ten, No(NO_FORWARDING)),
    (Remote, No(NO_FORWARDING)),
    (Dynamic, No(NO_FORWARDING)),
    (Stdio, No(NO_FORWARDING)),
    (ServerRekey, No(NO_EARLY_REKEY)),
];
const PLINK_074: &[(Check, Ability)] = &[
    (Cat, No("hangs now and then with 8 MiB both ways, with stock sshd too")),
    (ClientRekey, No("hangs now and then with 8 MiB both ways, with stock sshd too")),
    (ServerRekey, No("hangs now and then with 8 MiB both ways, with stock sshd too")),
];
const LIBRARY_CLIENT: &[(Check, Ability)] = &[(Dynamic, No(NO_DYNAMIC)), (Stdio, No(NO_STDIO))];
const ASYNCSSH_CLIENT: &[(Check, Ability)] = &[(Stdio, No(NO_STDIO))];
const LIBSSH2: &[(Check, Ability)] = &[
    (Ten, No(ONE_CHANNEL)),
    (Dynamic, No(NO_DYNAMIC)),
    (Stdio, No(NO_STDIO)),
    (ClientRekey, No("never begins a key exchange after the first")),
];

const NO_HALF_CLOSE: &str = "its forwards do not pass on the end of one direction";
const CONCH: &[(Check, Ability)] = &[
    (Local, NoHalfClose(NO_HALF_CLOSE)),
    (Ten, NoHalfClose(NO_HALF_CLOSE)),
    (Remote, NoHalfClose(NO_HALF_CLOSE)),
    (Dynamic, NoHalfClose(NO_HALF_CLOSE)),
    (Stdio, No("never ends a connection whose one direction has ended")),
    (ServerRekey, No(NO_EARLY_REKEY)),
];
const SSH2_SERVER: &[(Check, Ability)] =
    &[(Remote, NoHalfClose("closes a channel once its own side has ended"))];
const SSH2_CLIENT: &[(Check, Ability)] = &[
    (Dynamic, No(NO_DYNAMIC)),
    (Stdio, No(NO_STDIO)),
    (ClientRekey, No("its client has no call for it")),
];
const NO_SOCKS: &[(Check, Ability)] = &[(Dynamic, No(NO_DYNAMIC))];
const ONE_END: &str = "ends a connection when one of its directions has ended";
const NO_COMMANDS: &str = "runs no commands that read their input";
const ERLANG: &[(Check, Ability)] = &[
    (Exec, No(NO_COMMANDS)),
    (Cat, No(NO_COMMANDS)),
    (Local, NoHalfClose(ONE_END)),
    (Ten, NoHalfClose(ONE_END)),
    (Remote, NoHalfClose(ONE_END)),
    (Dynamic, NoHalfClose(ONE_END)),
    (Stdio, No(ONE_END)),
    (ClientRekey, No(NO_COMMANDS)),
    (ServerRekey, No(NO_COMMANDS)),
];
const NO_END_OF_INPUT: &str = "does not pass on the end of a command's input";
const STOPS: &str = "its example server stops within 8 MiB both ways, with stock ssh too";
const LIBSSH_SERVER: &[(Check, Ability)] = &[
    (Exec, NoHalfClose(NO_END_OF_INPUT)),
    (Cat, No(STOPS)),
    (Local, No(NO_FORWARDING)),
    (Ten, No(NO_FORWARDING)),
    (Remote, No(NO_FORWARDING)),
    (Dynamic, No(NO_FORWARDING)),
    (Stdio, No(NO_FORWARDING)),
    (ClientRekey, No(STOPS)),
    (ServerRekey, No(NO_EARLY_REKEY)),
];
const LIBSSH_CLIENT: &[(Check, Ability)] =
    &[(Ten, No("our program with it carries one channel at a time")), (Dynamic, No(NO_DYNAMIC))];

const ALL: &[(Check, Ability)] = &[];

const fn suite(
    name: &'static str,
    role: Role,
    kind: Kind,
    suite: &'static str,
    package: &'static str,
    limits: &'static [(Check, Ability)],
) -> Peer {
    Peer { name, role, core: true, source: Source::Suite(suite), kind, package, limits }
}

const fn python(
    name: &'static str,
    role: Role,
    script: &'static str,
    package: &'static str,
    limits: &'static [(Check, Ability)],
) -> Peer {
    let kind = Kind::Script(script);
    Peer { name, role, core: true, source: Source::Python, kind, package, limits }
}

/// A peer that not every run of CI has.
const fn more(
    name: &'static str,
    role: Role,
    source: Source,
    kind: Kind,
    package: &'static str,
    limits: &'static [(Check, Ability)],
) -> Peer {
    Peer { name, role, core: false, source, kind, package, limits }
}

const fn container(name: &'static str, line: &'static str) -> Peer {
    let source = Source::Container(line);
    more(name, Server, source, Kind::OpenSsh, "openssh-server", ALL)
}

/// The script of ssh2's.
const SSH2: Kind = Kind::Script("ssh2_peer.js");
const ERLANG_TREE: Source = Source::Suite("bookworm-erlang");
const ERLANG_SCRIPT: Kind = Kind::Script("erlang_peer.escript");
const CONCH_SCRIPT: Kind = Kind::Script("conch_peer.py");

/// Every peer, in the order of the table.
pub const PEERS: &[Peer] = &[
    suite("OpenSSH 8.4", Server, Kind::OpenSsh, "bullseye", "openssh-server", ALL),
    suite("OpenSSH 9.2", Server, Kind::OpenSsh, "bookworm", "openssh-server", ALL),
    suite("OpenSSH 10.0", Server, Kind::OpenSsh, "trixie", "openssh-server", ALL),
    suite("OpenSSH newest", Server, Kind::OpenSsh, "sid", "openssh-server", ALL),
    suite("Dropbear 2022", Server, Kind::Dropbear, "bookworm", "dropbear-bin", DROPBEAR_SERVER),
    suite("Dropbear 2025", Server, Kind::Dropbear, "trixie", "dropbear-bin", DROPBEAR_SERVER),
    suite("tinyssh 2019", Server, Kind::Tinyssh, "bullseye", "tinysshd", TINYSSH),
    suite("tinyssh 2023", Server, Kind::Tinyssh, "bookworm", "tinysshd", TINYSSH),
    suite("tinyssh 2025", Server, Kind::Tinyssh, "trixie", "tinysshd", TINYSSH),
    python("asyncssh", Server, "asyncssh_peer.py", "asyncssh", ALL),
    python("paramiko", Server, "paramiko_peer.py", "paramiko", ALL),
    container("OpenSSH 8.4 in a container", "8.4"),
    Peer { core: true, ..container("OpenSSH 9.2 in a container", "9.2") },
    container("OpenSSH 10.0 in a container", "10.0"),
    container("OpenSSH newest in a container", "newest"),
    more("Twisted Conch", Server, Source::MorePython, CONCH_SCRIPT, "Twisted", CONCH),
    more("ssh2 (npm)", Server, Source::Node, SSH2, "ssh2", SSH2_SERVER),
    more("Go x/crypto", Server, Source::Go, Kind::Built, "golang-golang-x-crypto-dev", ALL),
    more("russh", Server, Source::Rust, Kind::Built, "russh", ALL),
    more("Erlang/OTP", Server, ERLANG_TREE, ERLANG_SCRIPT, "erlang-ssh", ERLANG),
    more("libssh", Server, Source::Libssh, Kind::LibsshExample, "libssh-dev", LIBSSH_SERVER),
    suite("OpenSSH 8.4", Client, Kind::OpenSsh, "bullseye", "openssh-client", ALL),
    suite("OpenSSH 9.2", Client, Kind::OpenSsh, "bookworm", "openssh-client", ALL),
    suite("OpenSSH 10.0", Client, Kind::OpenSsh, "trixie", "openssh-client", ALL),
    suite("OpenSSH newest", Client, Kind::OpenSsh, "sid", "openssh-client", ALL),
    suite("dbclient 2022", Client, Kind::Dropbear, "bookworm", "dropbear-bin", DBCLIENT),
    suite("dbclient 2025", Client, Kind::Dropbear, "trixie", "dropbear-bin", DBCLIENT),
    suite("plink 0.74", Client, Kind::Plink, "bullseye", "putty-tools", PLINK_074),
    suite("plink 0.78", Client, Kind::Plink, "bookworm", "putty-tools", ALL),
    suite("plink 0.83", Client, Kind::Plink, "trixie", "putty-tools", ALL),
    python("asyncssh", Client, "asyncssh_peer.py", "asyncssh", ASYNCSSH_CLIENT),
    python("paramiko", Client, "paramiko_peer.py", "paramiko", LIBRARY_CLIENT),
    python("libssh2", Client, "libssh2_peer.py", "ssh2-python", LIBSSH2),
    more("ssh2 (npm)", Client, Source::Node, SSH2, "ssh2", SSH2_CLIENT),
    more("Go x/crypto", Client, Source::Go, Kind::Built, "golang-golang-x-crypto-dev", NO_SOCKS),
    more("russh", Client, Source::Rust, Kind::Built, "russh", NO_SOCKS),
    more("libssh", Client, Source::Libssh, Kind::Built, "libssh-dev", LIBSSH_CLIENT),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_peer_has_a_name_of_its_own_and_a_suite_that_is_fetched() {
        let names: BTreeSet<String> = PEERS.iter().map(Peer::id).collect();
        assert_eq!(names.len(), PEERS.len());
        for peer in PEERS {
            if let Source::Suite(suite) = peer.source {
                assert!(SUITES.iter().any(|(name, _)| *name == suite), "{suite}");
            }
        }
    }
}
