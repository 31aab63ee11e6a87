//! `tsshd` from its command line to its exit status.

use crate::account::Account;
use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::log::{set_file, set_level};
use crate::server::args::{Arguments, HELP, Invocation, VERSION, parse};
use crate::server::config::{Reader, Settings};
use crate::server::listener::{self, Listening, fresh_seed, runtime};
use crate::server::policy::{ServerPolicy, key_policy};
use crate::server::session::{SessionPolicy, helper};
use crate::server::startups::Startups;
use crate::server::{app::Hooks, background, host_keys, log, serve, stdio};
use crate::server_auth::ServerAuthPolicy;
use crate::server_auth::passwords::{PasswordFile, hash_password_line};
use crate::server_auth::strict::Owner;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsString;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

/// Status of a bad command line, as sshd has it.
const USAGE_FAILURE: u8 = 1;
/// Bytes of a banner: RFC 4252 section 5.4 knows no limit, but a packet has one.
const BANNER_BYTES_MAX: u64 = 32 * 1024;

/// The whole program; `words` are those behind its name.
#[must_use]
pub fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    let account = Account::current();
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let invocation = match parse(&words, &account) {
        Ok(invocation) => invocation,
        Err(fatal) => {
            crate::log::show(format_args!("{fatal}\n"));
            return ExitCode::from(USAGE_FAILURE);
        }
    };
    match invocation {
        Invocation::Help => printed(HELP),
        Invocation::Version => printed(format_args!("{VERSION}\n")),
        Invocation::HashPassword => hash_password(&account),
        Invocation::Serve(arguments) => match serve_with(*arguments, account) {
            Ok(status) => ExitCode::from(status),
            Err(fatal) => {
                fatal.message.lines().for_each(log::error);
                ExitCode::from(OWN_FAILURE)
            }
        },
    }
}

/// Standard output that cannot be written is a failure: somebody waits for the text.
fn printed(text: impl std::fmt::Display) -> ExitCode {
    match crate::log::out(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(OWN_FAILURE),
    }
}

fn hash_password(account: &Account) -> ExitCode {
    match hash_password_line(&mut std::io::stdin().lock()) {
        Ok(hash) => {
            let user = &account.name;
            printed(format_args!("{user}:{hash}\n"))
        }
        Err(text) => {
            crate::log::show(format_args!("tsshd: {text}\n"));
            ExitCode::from(USAGE_FAILURE)
        }
    }
}

fn serve_with(arguments: Arguments, account: Account) -> Result<u8> {
    let Arguments { mut options, .. } = arguments.clone();
    if let Some(path) = &arguments.config_file {
        Reader::new(&mut options, &account).file(path)?;
    }
    let settings = Settings::new(options, crate::cpu::has_aes())?;
    set_level(settings.log_level);
    if let Some(path) = &arguments.log_file {
        set_file(path).map_err(|error| {
            let path = path.display();
            Fatal::new(format!("Couldn't open logfile {path}: {}", os_words(&error)))
        })?;
    }
    if arguments.print {
        return Ok(if crate::log::out(&settings).is_ok() { 0 } else { OWN_FAILURE });
    }
    let policy = policy(&arguments, &settings, account)?;
    if arguments.test {
        return Ok(0);
    }
    let stays = arguments.foreground || arguments.debug > 0;
    let in_background = background::is_background();
    if !stays && !arguments.inetd && !in_background {
        return background::start().map(|()| 0);
    }
    // sshd logs to the terminal only if told so, or debugging.
    let shows_log = arguments.log_to_stderr || arguments.debug > 0;
    if !shows_log && arguments.log_file.is_none() {
        log::use_syslog();
    }
    if arguments.inetd {
        return serve_stdio(policy);
    }
    let listening = Listening {
        addresses: settings.addresses()?,
        startups: Startups::new(settings.max_startups),
        single: arguments.debug > 0,
        background: in_background.then_some(shows_log),
        pid_file: settings.pid_file.filter(|_| arguments.debug == 0),
    };
    listener::listen(listening, Arc::new(policy))
}

fn policy(arguments: &Arguments, settings: &Settings, account: Account) -> Result<ServerPolicy> {
    let host_keys = host_keys::load(settings)?;
    let owner = Owner { uid: account.uid, home: &account.home };
    let passwords = match &arguments.password_file {
        Some(path) => Some(PasswordFile::load(path, owner).map_err(Fatal::new)?),
        None => None,
    };
    let admission = ServerAuthPolicy {
        user: account.name.clone(),
        keys: key_policy(settings, &account)?,
        passwords,
    };
    let sessions = SessionPolicy {
        helper: helper::PROGRAM.into(),
        account,
        accept_env: settings.accept_env.clone(),
        set_env: settings.set_env.clone(),
        permit_tty: settings.permit_tty,
        subsystems: settings.subsystems.clone(),
        force_command: settings.force_command.clone(),
        max_sessions: usize::try_from(settings.max_sessions).unwrap_or(usize::MAX),
        open_files: raise_open_files(),
    };
    Ok(ServerPolicy::new(settings, host_keys, admission, sessions, banner(settings)))
}

/// The text of `Banner`; without it the server goes on, as sshd does.
fn banner(settings: &Settings) -> Option<String> {
    let path = settings.banner.as_ref()?;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(BANNER_BYTES_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        log::error(format_args!("banner {}: {}", path.display(), os_words(&error)));
        return None;
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    // What stands for a byte that is no text is three bytes long; clients bound the whole.
    let max = usize::try_from(BANNER_BYTES_MAX).unwrap_or(usize::MAX);
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    Some(text)
}

/// Lets the server have as many descriptors as it may: a forward takes two for each connection.
/// Returns the limit that programs expect, to go back to for them.
fn raise_open_files() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: now.maximum, maximum: now.maximum };
    setrlimit(Resource::Nofile, raised).ok()?;
    now.current
}

fn serve_stdio(policy: ServerPolicy) -> Result<u8> {
    let failed = |error: std::io::Error| Fatal::new(format!("tsshd: {}", os_words(&error)));
    let runtime = runtime().map_err(failed)?;
    let ended = runtime.block_on(async {
        let stream = stdio::take()?;
        let (peer, seed) = (stdio::peer(), fresh_seed().map_err(std::io::Error::other)?);
        log::verbose(format_args!("Connection from {peer} on {}", peer.local_end()));
        Ok(serve::serve(stream, Arc::new(policy), peer, seed, Hooks::default()).await)
    });
    runtime.shutdown_background();
    ended.map(|ended| listener::status(&ended)).map_err(failed)
}
