//! What the tests of this folder share.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use tssh_interop_tests::hosts::{self, Host};
use tssh_interop_tests::matrix::work::Work;
use tssh_interop_tests::openssh::{program_path, user_name};
use tssh_interop_tests::pair::Pair;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::tsshd_binary;

/// The port of every server: a host has it for itself.
pub const PORT: u16 = 22;

/// Whether `test` cannot run; says so when it cannot.
pub fn lacks_hosts(test: &str) -> bool {
    let missing = tssh_interop_tests::openssh::missing().or_else(hosts::missing);
    if let Some(reason) = &missing {
        skip(test, reason);
    }
    missing.is_some()
}

/// The keys of a test, and the configuration of its clients.
pub struct Keys {
    pub work: Work,
    config: PathBuf,
}

impl Keys {
    /// All servers of a test have one host key, and let one user key in.
    pub fn new(addresses: &[Ipv4Addr]) -> Self {
        let work = Work::bare();
        let known: String =
            addresses.iter().map(|address| format!("{address} {}\n", work.host_key())).collect();
        let known = work.folder().write("known_hosts", known);
        let config = format!(
            "User {}\nIdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\n\
             GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\nBatchMode yes\n\
             ExitOnForwardFailure yes\n",
            user_name(),
            work.join("user_key").display(),
            known.display()
        );
        let config = work.folder().write("ssh_config", config);
        Self { work, config }
    }

    /// The pair's server on a host, with further lines of configuration.
    #[track_caller]
    pub fn serve(&self, pair: Pair, host: &Host, name: &str, lines: &str) -> Process {
        let is_sshd = pair == Pair::TsshSshd;
        let program = if is_sshd { program_path("sshd") } else { tsshd_binary() };
        let more = if is_sshd { "UsePAM no\n" } else { "" };
        let config = self.configuration(name, &format!("{lines}{more}"));
        let _ = std::fs::create_dir("/run/sshd");
        let mut command = host.command(&program);
        let process = Process::spawn(command.args(["-D", "-e", "-f"]).arg(config));
        let up = process.stderr.wait_for("Server listening on 0.0.0.0 port 22.", PATIENCE);
        assert!(up, "no server: {}", process.output());
        process
    }

    /// A server's configuration, with further lines.
    pub fn configuration(&self, name: &str, lines: &str) -> PathBuf {
        let config = format!(
            "{lines}ListenAddress 0.0.0.0\nPort {PORT}\nHostKey {}\nAuthorizedKeysFile {}\n\
             StrictModes no\nPidFile none\nLogLevel VERBOSE\nPermitRootLogin yes\nUseDNS no\n",
            self.work.join("host_key").display(),
            self.work.join("home/.ssh/authorized_keys").display(),
        );
        self.work.folder().write(&format!("{name}.conf"), config)
    }

    /// A command line of the pair's client on a host.
    pub fn client(&self, pair: Pair, host: &Host, options: &[&str]) -> Command {
        let mut command = host.command(&pair.client());
        command.arg("-F").arg(&self.config).args(options);
        command.env("HOME", self.work.join("home")).env("LC_ALL", "C").env_remove("SSH_AUTH_SOCK");
        command
    }

    /// A client that is logged in, and holds its forwards until its input ends.
    #[track_caller]
    pub fn hold(&self, pair: Pair, host: &Host, to: Ipv4Addr, options: &[&str]) -> Process {
        let mut command = self.client(pair, host, options);
        let process = Process::spawn(command.arg(to.to_string()).arg("echo ready; cat"));
        let ready = process.stdout.wait_for("ready", PATIENCE);
        assert!(ready, "no login: {}", process.output());
        process
    }
}
