//! `tsshd` from its command line to its exit status.

use crate::account::Account;
use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::log::{set_file, set_level};
use crate::server::args::{Arguments, HELP, Invocation, VERSION, parse};
use crate::server::listener::{self, Listening, fresh_seed, runtime};
use crate::server::service::Service;
use crate::server::{app::Hooks, background, host_keys, log, serve, stdio};
use crate::server_auth::passwords::hash_password_line;
use crate::trace::{Recorder, TraceOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsString;
use std::process::ExitCode;
use tssh_transport::Side;

/// Status of a bad command line, as sshd has it.
const USAGE_FAILURE: u8 = 1;

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

fn serve_with(mut arguments: Arguments, account: Account) -> Result<u8> {
    // It is read again on SIGHUP, when this process may be elsewhere.
    if let Some(path) = &mut arguments.config_file
        && let Ok(whole) = std::path::absolute(&path)
    {
        *path = whole;
    }
    if let Some(fault) = arguments.trace.fault() {
        return Err(Fatal::usage(format!("tsshd: {fault}")));
    }
    // Its files are made later still.
    arguments.trace = arguments.trace.absolute();
    let script = Service::script(&arguments)?;
    let settings = script.settings(None)?;
    set_level(settings.log_level);
    if let Some(path) = &arguments.log_file {
        set_file(path).map_err(|error| {
            let path = path.display();
            Fatal::new(format!("Couldn't open logfile {path}: {}", os_words(&error)))
        })?;
    }
    if arguments.print {
        host_keys::load(&settings)?;
        let shown = script.settings(Some(&arguments.connection.unwrap_or_default()))?;
        return Ok(if crate::log::out(&shown).is_ok() { 0 } else { OWN_FAILURE });
    }
    let open_files = raise_open_files();
    let service = Service::load(&arguments, script, account.clone(), open_files)?;
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
        log::use_syslog(settings.syslog_facility);
    }
    if arguments.inetd {
        return serve_stdio(&service, &arguments.trace);
    }
    let single = arguments.debug > 0;
    // Later there may be nobody to hear it: each connection says it once more.
    if let Some(notice) = arguments.trace.notice("tsshd").filter(|_| !single) {
        crate::log::show(format_args!("{notice}\n"));
    }
    let listening = Listening {
        single,
        background: in_background.then_some(shows_log),
        trace: arguments.trace.clone(),
    };
    let reload = move || {
        let script = Service::script(&arguments)?;
        Service::load(&arguments, script, account.clone(), open_files)
    };
    listener::listen(listening, service, &reload)
}

/// Lets the server have as many descriptors as it may: a forward takes two for each connection
/// through it, and so does each connection of ours.
/// Returns the limit that programs expect, to go back to for them.
fn raise_open_files() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: now.maximum, maximum: now.maximum };
    setrlimit(Resource::Nofile, raised).ok()?;
    now.current
}

fn serve_stdio(service: &Service, trace: &TraceOptions) -> Result<u8> {
    let recorder = Recorder::open(trace, Side::Server)?;
    let failed = |error: std::io::Error| Fatal::new(format!("tsshd: {}", os_words(&error)));
    let runtime = runtime().map_err(failed)?;
    let ended = runtime.block_on(async {
        let stream = stdio::take()?;
        let (peer, seed) = (stdio::peer(), fresh_seed().map_err(std::io::Error::other)?);
        let policy = service.policy(peer).map_err(std::io::Error::other)?;
        log::verbose(format_args!("Connection from {peer} on {}", peer.local_end()));
        let hooks = Hooks { recorder, ..Hooks::default() };
        Ok(serve::serve(stream, policy, peer, seed, hooks).await)
    });
    runtime.shutdown_background();
    ended.map(|ended| listener::status(&ended)).map_err(failed)
}
