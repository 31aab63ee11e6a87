//! `sshd_config(5)`: the command line first, then the file; for each keyword the first value wins.
//!
//! [`keywords`] is the table of all keywords, [`Settings`] fills in defaults. `Match` is refused:
//! a server for one user has little to tell apart, and a block that is passed over in silence
//! could open what its writer meant to close.

pub mod keywords;
mod print;
pub mod settings;

pub use settings::Settings;

use crate::account::Account;
use crate::config::glob;
use crate::config::values::RekeyLimit;
use crate::config::words::{split_arguments, split_keyword};
use crate::exit::{Fatal, Result, os_words};
use crate::limits::{CONFIG_FILES_MAX, FILE_BYTES_MAX, INCLUDE_DEPTH_MAX};
use crate::log::Level;
use keywords::Kind;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tssh_forward::core::policy::PermitOpen;

/// What `AllowTcpForwarding` and its kin say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// Neither direction.
    No,
    /// Both.
    Yes,
    /// From the client's listeners only (`-L`).
    Local,
    /// From the server's listeners only (`-R`).
    Remote,
}

/// What `PermitRootLogin` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootLogin {
    /// As anybody else.
    Yes,
    /// Not with a password.
    ProhibitPassword,
    /// Not at all.
    No,
}

/// Which addresses to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Of both families.
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

/// `MaxStartups`: connections that are not logged in yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxStartups {
    /// Below this number nothing is dropped.
    pub start: u32,
    /// Percentage of connections dropped from there on, growing to all of them at `full`.
    pub rate: u32,
    /// From this number on everything is dropped.
    pub full: u32,
}

/// What was said so far; nothing where nothing was said. Lists that grow line by line are bounded
/// by the size of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named as its keyword, see sshd_config(5)")]
pub struct Options {
    pub address_family: Option<Family>,
    pub ports: Vec<u16>,
    /// `-p` was given: the file's `Port` has no effect.
    pub ports_fixed: bool,
    pub listen_addresses: Vec<(String, Option<u16>)>,
    pub host_keys: Vec<PathBuf>,
    pub authorized_keys_file: Option<Vec<String>>,
    pub pubkey_authentication: Option<bool>,
    pub password_authentication: Option<bool>,
    pub kbd_interactive_authentication: Option<bool>,
    pub permit_root_login: Option<RootLogin>,
    pub strict_modes: Option<bool>,
    pub allow_tcp_forwarding: Option<Forwarding>,
    pub disable_forwarding: Option<bool>,
    pub permit_open: Option<PermitOpen>,
    pub gateway_ports: Option<String>,
    pub allow_agent_forwarding: Option<bool>,
    pub x11_forwarding: Option<bool>,
    pub x11_display_offset: Option<u32>,
    pub x11_use_localhost: Option<bool>,
    pub xauth_location: Option<String>,
    pub accept_env: Vec<String>,
    pub set_env: Option<Vec<(String, String)>>,
    pub permit_tty: Option<bool>,
    pub permit_user_environment: Option<String>,
    pub banner: Option<String>,
    pub version_addendum: Option<String>,
    pub max_auth_tries: Option<u32>,
    pub login_grace_time: Option<u32>,
    pub max_startups: Option<MaxStartups>,
    pub max_sessions: Option<u32>,
    pub client_alive_interval: Option<u32>,
    pub client_alive_count_max: Option<u32>,
    pub ciphers: Option<String>,
    pub macs: Option<String>,
    pub kex_algorithms: Option<String>,
    pub host_key_algorithms: Option<String>,
    pub pubkey_accepted_algorithms: Option<String>,
    pub required_rsa_size: Option<u32>,
    pub revoked_keys: Option<String>,
    pub rekey_limit: Option<RekeyLimit>,
    pub compression: Option<bool>,
    pub log_level: Option<Level>,
    pub pid_file: Option<String>,
    pub subsystems: Vec<(String, String)>,
    pub force_command: Option<String>,
}

/// Where a line stands.
struct Place<'p> {
    file: &'p str,
    line: usize,
    depth: usize,
}

/// Reads configuration into options.
#[derive(Debug)]
pub struct Reader<'a> {
    options: &'a mut Options,
    account: &'a Account,
    files: usize,
}

/// What is wrong with a line.
enum Fault {
    /// A keyword that sshd does not have either.
    Unknown(String),
    /// A value or a keyword that cannot be honoured: ends the reading, as in sshd.
    Bad(String),
    Fatal(Fatal),
}

impl<'a> Reader<'a> {
    /// A reader that adds to `options`.
    pub fn new(options: &'a mut Options, account: &'a Account) -> Self {
        Self { options, account, files: 0 }
    }

    /// One `-o` argument.
    ///
    /// # Errors
    /// sshd's complaint; the place is called `command-line line 0`.
    pub fn command_line(&mut self, text: &str) -> Result<()> {
        let place = Place { file: "command-line", line: 0, depth: 0 };
        self.line(text, &place).map_err(|fault| fault.with_place(&place))
    }

    /// A configuration file, with what it includes.
    ///
    /// # Errors
    /// It cannot be read, or lines of it are bad; unknown keywords are all printed first.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        self.read(path, 0).map_err(|error| {
            let path = path.display();
            Fatal::new(format!("{path}: {}", os_words(&error)))
        })?
    }

    fn read(&mut self, path: &Path, depth: usize) -> std::io::Result<Result<()>> {
        self.files += 1;
        let name = path.display().to_string();
        if self.files > CONFIG_FILES_MAX {
            return Ok(Err(Fatal::new(format!("{name}: too many files included"))));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut place = Place { file: &name, line: 0, depth };
        let mut bad = 0;
        for line in text.lines() {
            place.line += 1;
            match self.line(line, &place) {
                Ok(()) => {}
                Err(fault @ Fault::Unknown(_)) => {
                    fault.with_place(&place).report();
                    bad += 1;
                }
                Err(fault) => return Ok(Err(fault.with_place(&place))),
            }
        }
        if bad == 0 {
            return Ok(Ok(()));
        }
        Ok(Err(Fatal::new(format!("{name}: terminating, {bad} bad configuration options"))))
    }

    fn line(&mut self, line: &str, place: &Place<'_>) -> std::result::Result<(), Fault> {
        let Some((name, rest)) = split_keyword(line) else { return Ok(()) };
        let Some(keyword) = keywords::find(&name) else { return Err(Fault::Unknown(name)) };
        let words = split_arguments(rest).map_err(|fault| Fault::Bad(fault.to_owned()))?;
        if words.iter().all(String::is_empty) && !matches!(keyword.kind, Kind::Ignored) {
            return Err(Fault::Bad(format!("{} missing argument.", keyword.name)));
        }
        match keyword.kind {
            Kind::Value(apply) => {
                apply(self.options, &keywords::Argument { name: keyword.name, rest, words: &words })
                    .map_err(Fault::Bad)
            }
            Kind::Ignored => Ok(()),
            Kind::Refused if keywords::turned_off(&words) => Ok(()),
            Kind::Refused => Err(Fault::Bad(format!("{} is not supported by tsshd", keyword.name))),
            Kind::Match => Err(Fault::Bad(
                "Match blocks are not supported by tsshd: write a file for it without them"
                    .to_owned(),
            )),
            Kind::Include => self.include(&words, place),
        }
    }

    fn include(&mut self, words: &[String], place: &Place<'_>) -> std::result::Result<(), Fault> {
        if place.depth + 1 > INCLUDE_DEPTH_MAX {
            return Err(Fault::Fatal(Fatal::new("Too many recursive configuration includes")));
        }
        for word in words {
            let path = self.account.expand_tilde(word).map_err(Fault::Bad)?;
            for file in glob::expand(&Path::new("/etc/ssh").join(path), CONFIG_FILES_MAX) {
                let read = self.read(&file, place.depth + 1).map_err(|error| {
                    let text = format!("{}: {}", file.display(), os_words(&error));
                    Fault::Fatal(Fatal::new(text))
                })?;
                read.map_err(Fault::Fatal)?;
            }
        }
        Ok(())
    }
}

impl Fault {
    /// The complaint with its place, in sshd's two forms.
    fn with_place(self, place: &Place<'_>) -> Fatal {
        let (file, line) = (place.file, place.line);
        match self {
            Self::Unknown(name) => {
                Fatal::new(format!("{file}: line {line}: Bad configuration option: {name}"))
            }
            Self::Bad(text) => Fatal::new(format!("{file} line {line}: {text}")),
            Self::Fatal(fatal) => fatal,
        }
    }
}

#[cfg(test)]
mod tests;
