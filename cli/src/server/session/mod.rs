//! Session channels: a shell, a command or a subsystem, on pipes or on a terminal, RFC 4254
//! section 6.

pub mod agent;
mod carried;
pub mod display;
pub mod environment;
pub mod helper;
mod last_word;
mod modes;
pub(crate) mod process;
mod pty;
mod signal;

pub use process::End;
pub use signal::Ending;

use crate::account::Account;
use crate::config::pattern;
use crate::server::log;
use crate::server::peer::Peer;
use display::{StandIn, XAUTH_INPUT_VARIABLE, XAUTH_VARIABLE};
use environment::Variables;
use helper::Order;
use last_word::LastWord;
use process::Running;
use pty::{Pty, Size};
use rustix::fd::OwnedFd;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::oneshot;
use tssh_connection::ChannelRequest;
use tssh_forward::driver::Endpoints;

/// Variables that one client may set for one session, as in sshd.
const ENV_REQUESTS_MAX: usize = 128;
/// Bytes of one variable: the kernel refuses to start a program with a longer one.
const ENV_BYTES_MAX: usize = 128 * 1024;

/// What sessions are like on this server.
#[derive(Debug, Clone)]
pub struct SessionPolicy {
    /// The program that becomes the shell, see [`helper`].
    pub helper: PathBuf,
    /// The user.
    pub account: Account,
    /// Patterns of variables that a client may set (`AcceptEnv`).
    pub accept_env: Vec<String>,
    /// Variables that every session gets (`SetEnv`).
    pub set_env: Vec<(String, String)>,
    /// Whether there are terminals (`PermitTTY`).
    pub permit_tty: bool,
    /// Names and commands (`Subsystem`).
    pub subsystems: Vec<(String, String)>,
    /// Runs in place of everything (`ForceCommand`).
    pub force_command: Option<String>,
    /// Sessions at one time within a connection (`MaxSessions`).
    pub max_sessions: usize,
    /// The limit on open files for the shell.
    pub open_files: Option<u64>,
}

/// What the login lets its sessions do.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Whether the key permits a terminal.
    pub pty: bool,
    /// The command of the key, which runs in place of everything.
    pub command: Option<String>,
    /// The variables of the key.
    pub environment: Vec<(String, String)>,
}

/// What a session is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The login shell.
    Shell,
    /// A command.
    Command(Vec<u8>),
    /// A subsystem by name.
    Subsystem(String),
}

/// What a request came to.
#[derive(Debug)]
pub enum Outcome {
    /// Granted or refused.
    Reply(bool),
    /// A program runs.
    Started(Box<Program>),
}

/// A program of a session.
#[derive(Debug)]
pub struct Program {
    /// Its streams.
    pub endpoints: Endpoints,
    /// The news of its end.
    pub end: End,
    /// Dropped when the client has been told: before that its output does not end.
    pub told: oneshot::Sender<()>,
}

/// One session channel.
#[derive(Debug, Default)]
pub struct Session {
    environment: Vec<(OsString, OsString)>,
    pty: Option<Pty>,
    process: Option<Running>,
    started: bool,
    forced: bool,
    display: Option<StandIn>,
    agent: Option<PathBuf>,
}

/// What a session needs to know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The server's policy.
    pub policy: &'a SessionPolicy,
    /// The login's.
    pub allowed: &'a Allowed,
    /// The connection.
    pub peer: Peer,
}

impl Session {
    /// Serves one request of the client.
    pub fn request(&mut self, request: ChannelRequest, around: Surroundings<'_>) -> Outcome {
        use ChannelRequest as R;
        let done = match request {
            R::Pty { term, cols, rows, wpx, hpx, modes } => {
                self.open_pty(term, Size { cols, rows, wpx, hpx }, &modes, around)
            }
            R::Env { name, value } => self.set_variable(name, value, around.policy),
            R::Shell => return self.start(&Wanted::Shell, around),
            R::Exec { command } => return self.start(&Wanted::Command(command), around),
            R::Subsystem { name } => return self.start(&Wanted::Subsystem(name), around),
            R::WindowChange { cols, rows, wpx, hpx } => {
                let size = Size { cols, rows, wpx, hpx };
                self.pty.as_ref().is_some_and(|pty| pty.resize(size).is_ok())
            }
            R::Signal { name } => self.signal(&name),
            R::Break { .. } => self.pty.as_ref().is_some_and(|pty| pty.send_break().is_ok()),
            _ => false,
        };
        Outcome::Reply(done)
    }

    /// Whether forwards may still be asked for: the program gets to know of them when it starts.
    #[must_use]
    pub const fn awaits_program(&self) -> bool {
        !self.started
    }

    /// The program will find its display there; false where it has one.
    pub fn set_display(&mut self, open: impl FnOnce() -> Option<StandIn>) -> bool {
        if self.display.is_some() {
            log::debug("X11 display already set.");
            return false;
        }
        self.display = open();
        self.display.is_some()
    }

    /// The program will find its agent there.
    pub fn set_agent(&mut self, socket: PathBuf) {
        self.agent = Some(socket);
    }

    /// The terminal's name without `/dev/`, if there is one.
    #[must_use]
    pub fn terminal(&self) -> Option<String> {
        let path = self.pty.as_ref()?.path.to_string_lossy();
        Some(path.strip_prefix("/dev/").unwrap_or(&path).to_owned())
    }

    fn open_pty(&mut self, term: String, size: Size, modes: &[u8], around: Surroundings) -> bool {
        if !around.policy.permit_tty || !around.allowed.pty {
            log::debug("Allocating a pty not permitted for this connection.");
            return false;
        }
        if self.pty.is_some() || self.started || term.contains('\0') {
            return false;
        }
        match Pty::open(term, size, modes) {
            Ok(pty) => {
                self.pty = Some(pty);
                true
            }
            Err(error) => {
                log::error(format_args!("openpty: {}", crate::exit::os_words(&error)));
                false
            }
        }
    }

    fn set_variable(&mut self, name: Vec<u8>, value: Vec<u8>, policy: &SessionPolicy) -> bool {
        if self.environment.len() >= ENV_REQUESTS_MAX || name.len() + value.len() > ENV_BYTES_MAX {
            log::verbose("Ignoring env request: too many env vars");
            return false;
        }
        let Some(accepted) = std::str::from_utf8(&name).ok().filter(|name| {
            let listed = policy.accept_env.iter().any(|p| pattern::matches(name, p));
            listed && !name.is_empty() && !name.contains(['=', '\0'])
        }) else {
            return false;
        };
        if value.contains(&0) {
            return false;
        }
        log::debug(format_args!("Setting env {}", log::name(accepted)));
        self.environment.push((OsString::from_vec(name), OsString::from_vec(value)));
        true
    }

    // "A signal can be delivered to the remote process/service" RFC 4254 section 6.9
    fn signal(&self, name: &str) -> bool {
        // Whoever may only run a forced command may not decide how it ends either.
        let process = self.process.as_ref().filter(|_| !self.forced);
        process.zip(signal::by_name(name)).is_some_and(|(process, signal)| process.signal(signal))
    }

    fn start(&mut self, wanted: &Wanted, around: Surroundings<'_>) -> Outcome {
        if self.started {
            return Outcome::Reply(false);
        }
        let policy = around.policy;
        let asked = match wanted {
            Wanted::Shell => None,
            Wanted::Command(command) => Some(command.clone()),
            Wanted::Subsystem(name) => {
                let known = policy.subsystems.iter().find(|(known, _)| known == name);
                let Some((_, command)) = known else {
                    let name = log::name(name);
                    log::info(format_args!(
                        "subsystem request for {name} by user {} failed, subsystem not found",
                        policy.account.name
                    ));
                    return Outcome::Reply(false);
                };
                Some(command.clone().into_bytes())
            }
        };
        if asked.as_ref().is_some_and(|command| command.contains(&0)) {
            return Outcome::Reply(false);
        }
        let forced = policy.force_command.as_ref().or(around.allowed.command.as_ref());
        self.forced = forced.is_some();
        let (command, original) = match forced {
            Some(forced) => (Some(forced.clone().into_bytes()), asked),
            None => (asked, None),
        };
        match self.spawn(command, original, around) {
            Ok((program, running)) => {
                self.started = true;
                self.process = Some(running);
                Outcome::Started(Box::new(program))
            }
            Err(error) => {
                log::error(format_args!("exec: {}", crate::exit::os_words(&error)));
                Outcome::Reply(false)
            }
        }
    }

    fn spawn(
        &mut self,
        command: Option<Vec<u8>>,
        original: Option<Vec<u8>>,
        around: Surroundings<'_>,
    ) -> io::Result<(Program, Running)> {
        let account = &around.policy.account;
        let shell_name = account.shell.file_name().unwrap_or(OsStr::new("sh")).to_owned();
        let (name, arguments) = match command {
            Some(command) => (shell_name, vec!["-c".into(), OsString::from_vec(command)]),
            None => {
                // A dash in front makes it a login shell.
                let mut name = OsString::from("-");
                name.push(shell_name);
                (name, Vec::new())
            }
        };
        let order = Order {
            terminal: self.pty.is_some(),
            open_files: around.policy.open_files,
            home: account.home.clone(),
            program: account.shell.clone(),
            name,
            arguments,
        };
        let mut command = order.command(&around.policy.helper);
        let variables = Variables {
            of_client: &self.environment,
            terminal: self.pty.as_ref().map(|pty| (pty.term.as_str(), pty.path.as_path())),
            original: original.as_deref().map(OsStr::from_bytes),
            display: self.display.as_ref().map(StandIn::name),
            agent: self.agent.as_deref(),
            around,
        };
        let variables = variables.all();
        // What is for the helper comes from here alone, whatever a client may set.
        command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        command.env_remove(XAUTH_VARIABLE).env_remove(XAUTH_INPUT_VARIABLE);
        if let Some(display) = &mut self.display {
            command.envs(display.started(&variables));
        }
        match &mut self.pty {
            Some(pty) => on_terminal(command, pty),
            None => on_pipes(command),
        }
    }
}

fn on_terminal(mut command: Command, pty: &mut Pty) -> io::Result<(Program, Running)> {
    let slave = pty.take_slave().ok_or(io::ErrorKind::NotFound)?;
    command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
    let (told, is_told) = oneshot::channel();
    let stream = LastWord::new(pty.stream()?, is_told);
    let (_, running, end) = Running::start(command)?;
    Ok((Program { endpoints: Endpoints::whole(stream), end, told }, running))
}

fn on_pipes(mut command: Command) -> io::Result<(Program, Running)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (pipes, running, end) = Running::start(command)?;
    let reader = |fd: OwnedFd| Ok::<_, io::Error>(Box::new(Receiver::from_owned_fd(fd)?));
    let stdin = pipes.stdin.map(|fd| Sender::from_owned_fd(fd.into())).transpose()?;
    let stdout = pipes.stdout.map(|fd| reader(fd.into())).transpose()?;
    let (told, is_told) = oneshot::channel();
    let stdout = stdout.map(|stream| Box::new(LastWord::new(*stream, is_told)));
    let stdin = stdin.map(|stream| Box::new(stream) as _);
    let mut endpoints = Endpoints::split(stdout.map(|stream| stream as _), stdin);
    if let Some(fd) = pipes.stderr {
        endpoints = endpoints.with_error_input(reader(fd.into())?);
    }
    Ok((Program { endpoints, end, told }, running))
}

#[cfg(test)]
mod tests;
