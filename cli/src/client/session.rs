//! What is asked of the server for the session: terminal, environment, program.

use crate::config::Settings;
use crate::config::options::{RequestTty, SessionType};
use crate::config::pattern;
use crate::config::values::EscapeChar;
use crate::exit::{Fatal, Result};
use crate::{log, terminal};
use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt as _;
use tssh_connection::ChannelRequest;

/// The program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The user's shell.
    Shell,
    /// A command for the shell, in whatever encoding.
    Command(Vec<u8>),
    /// A subsystem of the server.
    Subsystem(String),
}

impl Program {
    /// The request for it, RFC 4254 section 6.5.
    #[must_use]
    pub fn request(&self) -> ChannelRequest {
        match self {
            Self::Shell => ChannelRequest::Shell,
            Self::Command(command) => ChannelRequest::Exec { command: command.clone() },
            Self::Subsystem(name) => ChannelRequest::Subsystem { name: name.clone() },
        }
    }

    /// The name of the request, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Command(_) => "exec",
            Self::Subsystem(_) => "subsystem",
        }
    }
}

/// What the session is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Nothing with `-N`.
    pub program: Option<Program>,
    /// Whether a terminal is asked for.
    pub tty: bool,
    /// Whether standard input is passed on.
    pub stdin: bool,
    /// The escape character, on a terminal.
    pub escape: Option<u8>,
    /// The tunnel ends with its first connection.
    pub one_shot: bool,
    /// Forwarded connections do not outlive the session.
    pub no_wait: bool,
    /// A listening side of two addresses stands when one of them does.
    pub any_family: bool,
    /// Where the forwards are written down.
    pub port_file: Option<std::path::PathBuf>,
    /// There is no session of our own: the connection is for others to share.
    pub master: bool,
    /// A master carries our messages: the connection is not ours.
    pub proxied: bool,
}

impl Plan {
    /// Decides as ssh does.
    ///
    /// # Errors
    /// A subsystem without a name, a shell in the background.
    pub fn new(settings: &Settings, command: Option<Vec<u8>>) -> Result<Self> {
        Self::decide(settings, command, std::io::stdin().is_terminal())
    }

    /// What is left of it in the background, where others share the connection.
    #[must_use]
    pub fn for_others(self) -> Self {
        Self { program: None, tty: false, stdin: false, escape: None, master: true, ..self }
    }

    /// The same within the connection of a master that carries our messages.
    #[must_use]
    pub fn of_shared(self) -> Self {
        Self { proxied: true, ..self }
    }

    fn decide(settings: &Settings, command: Option<Vec<u8>>, terminal: bool) -> Result<Self> {
        let program = match (settings.session_type, command) {
            (SessionType::None, _) => None,
            (SessionType::Subsystem, None) => {
                return Err(Fatal::usage("You must specify a subsystem to invoke."));
            }
            (SessionType::Subsystem, Some(name)) => match String::from_utf8(name) {
                Ok(name) => Some(Program::Subsystem(name)),
                Err(_) => return Err(Fatal::usage("the name of the subsystem is not UTF-8")),
            },
            (SessionType::Default, None) => Some(Program::Shell),
            (SessionType::Default, Some(command)) => Some(Program::Command(command)),
        };
        if settings.fork_after_authentication && program == Some(Program::Shell) {
            let text = "Cannot fork into background without a command to execute.";
            return Err(Fatal::new(text));
        }
        let asked = match settings.request_tty {
            RequestTty::No => false,
            RequestTty::Yes | RequestTty::Force => true,
            RequestTty::Auto => program == Some(Program::Shell),
        };
        let possible = terminal && !settings.stdin_null;
        let tty = asked && program.is_some();
        let tty = match (tty, possible, settings.request_tty) {
            (true, false, RequestTty::Force) | (true, true, _) => true,
            (true, false, _) => {
                log::info("Pseudo-terminal will not be allocated because stdin is not a terminal.");
                false
            }
            (false, ..) => false,
        };
        let escape = match settings.escape_char {
            EscapeChar::Byte(byte) if tty => Some(byte),
            _ => None,
        };
        let stdin = !settings.stdin_null;
        Ok(Self {
            program,
            tty,
            stdin,
            escape,
            one_shot: false,
            no_wait: false,
            any_family: false,
            port_file: None,
            master: false,
            proxied: false,
        })
    }
}

/// The request for a terminal like this one.
#[must_use]
pub fn pty_request(like: impl AsFd, term: String) -> ChannelRequest {
    let size = terminal::size(&like);
    ChannelRequest::Pty {
        term,
        cols: size.columns,
        rows: size.rows,
        wpx: size.width_pixels,
        hpx: size.height_pixels,
        modes: terminal::encoded_modes(&like),
    }
}

/// The request that follows a change of a terminal's size.
#[must_use]
pub fn window_change(terminal: impl AsFd) -> ChannelRequest {
    let size = terminal::size(terminal);
    ChannelRequest::WindowChange {
        cols: size.columns,
        rows: size.rows,
        wpx: size.width_pixels,
        hpx: size.height_pixels,
    }
}

/// The variables to send: those of our own environment that `SendEnv` names, and `SetEnv`.
#[must_use]
pub fn variables(settings: &Settings) -> Vec<(Vec<u8>, Vec<u8>)> {
    let ours = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_vec();
        variable_permitted(settings, &name).then(|| (name, value.into_vec()))
    });
    let set = settings
        .set_env
        .iter()
        .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()));
    ours.chain(set).collect()
}

/// Whether `SendEnv` names a variable.
#[must_use]
pub fn variable_permitted(settings: &Settings, name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    settings.send_env.iter().any(|wanted| pattern::matches(name, wanted))
}

/// The requests for them.
#[must_use]
pub fn environment(settings: &Settings) -> Vec<ChannelRequest> {
    let all = variables(settings).into_iter();
    all.map(|(name, value)| ChannelRequest::Env { name, value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::config::Options;

    fn plan(command: Option<&str>, terminal: bool, edit: impl FnOnce(&mut Options)) -> Plan {
        let mut options = Options::default();
        edit(&mut options);
        let settings =
            Settings::resolve(&options, "h", &Account::current(), |_| Vec::new()).unwrap();
        Plan::decide(&settings, command.map(|c| c.as_bytes().to_vec()), terminal).unwrap()
    }

    #[test]
    fn who_gets_a_terminal() {
        let tty = |command, terminal, request| {
            plan(command, terminal, |o| o.request_tty = Some(request)).tty
        };
        assert!(tty(None, true, RequestTty::Auto));
        assert!(!tty(None, false, RequestTty::Auto));
        assert!(!tty(Some("x"), true, RequestTty::Auto));
        assert!(tty(Some("x"), true, RequestTty::Yes));
        assert!(!tty(Some("x"), false, RequestTty::Yes));
        assert!(tty(Some("x"), false, RequestTty::Force));
        assert!(!tty(None, true, RequestTty::No));
        assert!(!plan(None, true, |o| o.stdin_null = Some(true)).tty);
        let n = plan(Some("ignored"), true, |o| o.session_type = Some(SessionType::None));
        assert_eq!((n.program, n.tty, n.escape), (None, false, None));
    }

    #[test]
    fn escapes_only_on_a_terminal() {
        assert_eq!(plan(None, true, |_| {}).escape, Some(b'~'));
        assert_eq!(plan(Some("x"), true, |_| {}).escape, None);
        assert_eq!(plan(None, true, |o| o.escape_char = Some(EscapeChar::None)).escape, None);
    }
}
