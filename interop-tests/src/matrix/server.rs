//! The servers. Once one runs, it is an address, a user and a key, whatever started it.

use super::Check;
use super::client::REKEY_BYTES;
use super::inetd::Inetd;
use super::last_words;
use super::peers::{Ability, Kind, Peer};
use super::place::Home;
use super::work::Work;
use crate::openssh::{is_root, user_name};
use crate::ports::free_port;
use crate::process::{PATIENCE, Process, run};
use crate::tssh::tsshd_binary;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often keys are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rekey {
    /// As the program does unasked: never, with what is transferred here.
    Default,
    /// After each [`REKEY_BYTES`].
    Often,
}

impl Rekey {
    /// As bytes, 0 being the default.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Default => 0,
            Self::Often => REKEY_BYTES,
        }
    }
}

/// Where a server is, and how to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// The user to log in as.
    pub user: String,
    /// Its host key, as a public line.
    pub host_key: String,
    /// Whether it runs commands in a shell.
    pub runs_commands: bool,
    /// The address by which it reaches the services of a test.
    pub our_address: Ipv4Addr,
}

impl Endpoint {
    fn here(port: u16, work: &Work) -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            port,
            user: user_name(),
            host_key: work.host_key().to_owned(),
            runs_commands: true,
            our_address: Ipv4Addr::LOCALHOST,
        }
    }

    /// Whether it has this machine's loopback.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.address.is_loopback()
    }

    /// Its line for known_hosts.
    #[must_use]
    pub fn known_hosts_line(&self) -> String {
        match self.port {
            22 => format!("{} {}\n", self.address, self.host_key),
            port => format!("[{}]:{port} {}\n", self.address, self.host_key),
        }
    }
}

/// A server that was started, ended when dropped; or one that somebody else has started.
pub struct Running {
    /// Where it is.
    pub endpoint: Endpoint,
    process: Option<Process>,
    inetd: Option<Inetd>,
    /// What ends a container; its processes are not ours.
    end: Option<Command>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut end) = self.end.take() {
            let _ = run(&mut end);
        }
        self.inetd = None;
    }
}

impl Running {
    /// A server that is not ours to end.
    #[must_use]
    pub fn elsewhere(endpoint: Endpoint) -> Self {
        Self { endpoint, process: None, inetd: None, end: None }
    }

    /// How often its log has this text; nothing where it has no log that tells.
    #[must_use]
    pub fn logged(&self, text: &str) -> Option<usize> {
        let log = self.process.as_ref()?.stderr.text();
        Some(log.matches(text).count())
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.process.as_ref().map(last_words).unwrap_or_default()
    }
}

/// Starts tsshd, or what stands in for it.
///
/// # Errors
/// When it does not come up.
pub fn start_tsshd(work: &Work, rekey: Rekey) -> Result<Running, String> {
    sshd(Command::new(tsshd_binary()), work, rekey, "")
}

/// Starts a peer.
///
/// # Errors
/// When it does not come up.
pub fn start(peer: &Peer, home: &Home, work: &Work, rekey: Rekey) -> Result<Running, String> {
    match peer.kind {
        Kind::OpenSsh if home.container().is_some() => container(home, work, rekey),
        Kind::OpenSsh => {
            sshd(home.command(work.path(), "/usr/sbin/sshd"), work, rekey, "UsePAM no\n")
        }
        Kind::Dropbear => dropbear(home, work),
        Kind::Tinyssh => tinyssh(home, work),
        Kind::LibsshExample => libssh_example(home, work),
        Kind::Plink => Err("plink is no server".to_owned()),
        Kind::Script(_) | Kind::Built => {
            let mut running = driver(peer.kind, home, work, rekey)?;
            running.endpoint.runs_commands = peer.ability(Check::Exec) == Ability::Full;
            Ok(running)
        }
    }
}

fn sshd(mut command: Command, work: &Work, rekey: Rekey, more: &str) -> Result<Running, String> {
    let port = free_port();
    let mut config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\n\
         StrictModes no\nPidFile none\nLogLevel DEBUG1\nPermitRootLogin yes\n\
         PasswordAuthentication no\nUseDNS no\nMaxStartups 1000\n{more}",
        work.join("host_key").display(),
        work.join("home/.ssh/authorized_keys").display(),
    );
    if rekey == Rekey::Often {
        config.push_str(&format!("RekeyLimit {REKEY_BYTES}\n"));
    }
    let file = work.folder().write(&format!("sshd_config.{port}"), config);
    if is_root() {
        let _ = std::fs::create_dir("/run/sshd");
    }
    command.args(["-D", "-e", "-f"]).arg(file);
    let process = Process::spawn(&mut command);
    let ready = format!("Server listening on 127.0.0.1 port {port}.");
    let up = process.stderr.wait_for(&ready, PATIENCE);
    running(process, up, port, work)
}

fn container(home: &Home, work: &Work, rekey: Rekey) -> Result<Running, String> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let (engine, line) = home.container().ok_or("no container")?;
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let name = format!("tssh-{}-{number}", std::process::id());
    let mut command = Command::new(&engine);
    command.args(["run", &name, line]).arg(work.path()).arg("/usr/sbin/sshd");
    let mut end = Command::new(engine);
    end.args(["end", &name]);
    let started = sshd(command, work, rekey, "UsePAM no\n");
    match started {
        Ok(mut running) => {
            running.end = Some(end);
            Ok(running)
        }
        Err(error) => {
            let _ = run(&mut end);
            Err(error)
        }
    }
}

fn running(process: Process, up: bool, port: u16, work: &Work) -> Result<Running, String> {
    if !up {
        return Err(format!("the server does not come up: {}", process.output()));
    }
    let endpoint = Endpoint::here(port, work);
    let mut running = Running::elsewhere(endpoint);
    running.process = Some(process);
    Ok(running)
}

fn dropbear(home: &Home, work: &Work) -> Result<Running, String> {
    let port = free_port();
    let mut command = home.command(work.path(), "/usr/sbin/dropbear");
    command.args(["-F", "-E", "-r"]).arg(work.join("host_key.dropbear"));
    command.args(["-p", &format!("127.0.0.1:{port}")]);
    let process = Process::spawn(&mut command);
    // It says so once it listens.
    let up = process.stderr.wait_for("Not backgrounding", PATIENCE);
    running(process, up, port, work)
}

fn tinyssh(home: &Home, work: &Work) -> Result<Running, String> {
    let keys = work.join("tinyssh");
    if !keys.exists() {
        let made = run(home.command(work.path(), "/usr/sbin/tinysshd-makekey").arg(&keys));
        if made.code != 0 {
            return Err(format!("tinysshd-makekey: {}", made.stderr));
        }
    }
    let printed = run(home.command(work.path(), "/usr/sbin/tinysshd-printkey").arg(&keys));
    let key = printed.text();
    let key = key.lines().find(|line| line.starts_with("ssh-ed25519 "));
    let host_key = key.ok_or(format!("tinysshd-printkey: {}", printed.stderr))?.to_owned();
    let (home, path) = (home.clone(), work.path().to_owned());
    let inetd = Inetd::start(move || {
        let mut command = home.command(&path, "/usr/sbin/tinysshd");
        command.arg("-l").arg(&keys);
        command
    })?;
    let endpoint = Endpoint { host_key, ..Endpoint::here(inetd.port(), work) };
    let mut running = Running::elsewhere(endpoint);
    running.inetd = Some(inetd);
    Ok(running)
}

fn driver(kind: Kind, home: &Home, work: &Work, rekey: Rekey) -> Result<Running, String> {
    let port = free_port();
    let mut command = home.driver(kind, work.path());
    command.args(["server", &port.to_string()]).arg(work.join("host_key"));
    command.arg(work.join("user_key.pub")).arg(rekey.bytes().to_string());
    let process = Process::spawn(&mut command);
    let up = process.stdout.wait_for("ready", PATIENCE);
    running(process, up, port, work)
}

fn libssh_example(home: &Home, work: &Work) -> Result<Running, String> {
    let port = free_port();
    let mut command = home.command(work.path(), &home.program("server"));
    command.args(["-p", &port.to_string(), "-k"]).arg(work.join("host_key"));
    command.arg("-a").arg(work.join("home/.ssh/authorized_keys")).arg("127.0.0.1");
    let mut process = Process::spawn(&mut command);
    let up = super::checks::listens(&mut process, port);
    running(process, up, port, work)
}
