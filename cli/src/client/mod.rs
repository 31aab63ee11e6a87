//! One run of the client: from the command line to the exit status.
//!
//! [`session`] decides what is asked of the server once the user is logged in, [`app`] follows
//! the events of the connection, [`escapes`] does what is typed, [`worker`] answers the questions
//! that need a human, a file or an agent, [`ending`] says why a connection ended.

mod app;
mod commandline;
mod ending;
mod escapes;
pub(crate) mod holder;
pub(crate) mod session;
mod shared;
mod worker;

use crate::account::Account;
use crate::args::Arguments;
use crate::background::{self, Background, Role, Started};
use crate::config::algorithms::{Kind as List, all_key_algorithms};
use crate::config::options::SessionType;
use crate::config::sharing::{ControlMaster, Sharing};
use crate::config::{self, Facts, Settings};
use crate::connect::{Connected, connect};
use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::hostkey::HostKeyCheck;
use crate::limits::THREAD_KEEP_ALIVE;
use crate::mux::client::Attached;
use crate::proxy::Route;
use crate::signals::{self, Endings};
use crate::trace::{self, Recorder, Recording};
use crate::{cpu, log, mux, plain_files, stdio, terminal};
use app::Client;
use rustix::process::Signal;
use session::Plan;
use shared::Shared;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tssh_connection::transcript;
use tssh_connection::{ClientConfig, ConnectionConfig, Stack};
use tssh_forward::core::idle::ChannelTimeouts;
use tssh_forward::driver::{DriverOptions, Keepalive, Waits, run};
use tssh_transport::algorithms::{Algorithms, COMPRESSION_ON};
use tssh_transport::entropy::{Entropy, SEED_BYTES};
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::{Side, Timestamp, TransportConfig};
use zeroize::Zeroizing;

/// Runs the client and yields its exit status: the remote command's, or 255.
#[must_use]
pub fn main(arguments: Arguments) -> u8 {
    let outcome = begin(arguments);
    terminal::restore_all();
    stdio::restore_all();
    match outcome {
        Ok(Outcome::Status(status)) => status,
        Ok(Outcome::Signal(number)) => signals::die_of(number),
        Err(fatal) => {
            fatal.report();
            OWN_FAILURE
        }
    }
}

/// How a run ends.
enum Outcome {
    /// With an exit status.
    Status(u8),
    /// By a signal, as if it had not been handled.
    Signal(i32),
}

/// Goes to the background first, where that is asked for: the process that stays is the one that
/// reads files and connects.
fn begin(arguments: Arguments) -> Result<Outcome> {
    let trace = arguments.trace.clone();
    if let Some(fault) = trace.fault() {
        return Err(Fatal::usage(fault));
    }
    let keep_errors = arguments.verbosity > 0 && arguments.log_file.is_none();
    let mut background = Background::take(keep_errors)?;
    let fork = arguments.options.fork_after_authentication == Some(true);
    let only_prints = arguments.print_config || arguments.plan.is_some();
    let proxied = arguments.mux_command == Some(mux::Command::Proxy);
    let asks_only = only_prints || arguments.mux_command.is_some() && !proxied;
    if background.is_none() && fork && !asks_only {
        return background::start(Role::Background).map(|it| Outcome::Status(it.status()));
    }
    let (mut settings, mut plan, route) = match prepare(arguments)? {
        Prepared::Ended(status) => return Ok(Outcome::Status(status)),
        Prepared::Run(parts) => *parts,
    };
    if background.is_none() && settings.fork_after_authentication {
        return background::start(Role::Background).map(|it| Outcome::Status(it.status()));
    }
    let mut way = Way::Route(route);
    if Role::ours() == Some(Role::Master) {
        settings.forwards.stdio = None;
        plan = plan.for_others();
    } else if proxied {
        if trace.wanted() {
            // On the socket they are in the clear: no secret could be left out.
            let words =
                "no trace, key log or recording with -O proxy: the packets are the master's";
            return Err(Fatal::usage(words));
        }
        way = Way::Master(through_master(&mut settings)?);
        plan = plan.of_shared();
    } else {
        // The packets of a shared connection are its master's: what is traced has its own.
        let attached = match trace.wanted() {
            true => Attached::No,
            false => mux::client::attach(&settings, &plan, &mut background)?,
        };
        let ended = match attached {
            Attached::No if settings.sharing.persists() && !is_there(&settings) => {
                persist(&mut settings, &plan, &mut background)?
            }
            attached => ended(attached),
        };
        if let Some(outcome) = ended {
            return Ok(outcome);
        }
    }
    let recorder = Recorder::open(&trace, Side::Client)?;
    start(settings, plan, way, background, recorder)
}

/// `-O proxy`: a master carries our messages. There are no keys of ours to change, and no
/// connection of ours to share or to keep alive; and no master passes on what a server answers
/// about its listening sides.
fn through_master(settings: &mut Settings) -> Result<UnixStream> {
    let master = mux::client::proxy(settings)?;
    settings.sharing = Sharing::default();
    settings.server_alive_interval = None;
    if !settings.forwards.remote.is_empty() {
        let words = "-R does nothing with -O proxy: ask the master for it, with -O forward";
        if settings.forwards.exit_on_failure {
            return Err(Fatal::new(words));
        }
        log::error(words);
        settings.forwards.remote.clear();
    }
    Ok(master)
}

/// Whether something has the name of our control socket: then nobody can share a connection.
fn is_there(settings: &Settings) -> bool {
    settings.sharing.shared().is_some_and(|path| path.symlink_metadata().is_ok())
}

/// `ControlPersist`: a second process connects and goes to the background, and this one uses its
/// connection as every other client of it does. Nothing where a connection of our own is needed.
fn persist(
    settings: &mut Settings,
    plan: &Plan,
    background: &mut Option<Background>,
) -> Result<Option<Outcome>> {
    match background::start(Role::Master)? {
        // Of several that start at once one is the master, for the others too.
        Started::Ended(_) if is_there(settings) => {
            return Ok(ended(mux::client::attach(settings, plan, background)?));
        }
        Started::Ended(status) => return Ok(Some(Outcome::Status(status))),
        Started::Ready => {}
    }
    if plan.program.is_none() && settings.forwards.stdio.is_none() {
        // With -N that was all.
        let gone = background.take().map(Background::detach);
        return match gone {
            Some(Err(error)) => {
                let words = os_words(&error);
                Err(Fatal::new(format!("cannot go to the background: {words}")))
            }
            _ => Ok(Some(Outcome::Status(0))),
        };
    }
    settings.sharing.master = ControlMaster::No;
    // They stand.
    settings.forwards.local.clear();
    settings.forwards.dynamic.clear();
    settings.forwards.remote.clear();
    match ended(mux::client::attach(settings, plan, background)?) {
        None => Err(Fatal::new("the connection in the background cannot be used")),
        outcome => Ok(outcome),
    }
}

/// What came of a shared connection; nothing where there was none.
fn ended(attached: Attached) -> Option<Outcome> {
    match attached {
        Attached::No => None,
        Attached::Ended(status) => Some(Outcome::Status(status)),
        Attached::Signal(number) => Some(Outcome::Signal(number)),
    }
}

/// What the command line and the files come to.
enum Prepared {
    /// Everything that was asked for is done.
    Ended(u8),
    /// A connection is needed, our own or a shared one.
    Run(Box<(Settings, Plan, Route)>),
}

/// Reads the configuration and decides what to do.
fn prepare(arguments: Arguments) -> Result<Prepared> {
    if let Some(path) = &arguments.log_file {
        log::set_file(path).map_err(|error| {
            let words = os_words(&error);
            Fatal::usage(format!("Couldn't open logfile {}: {words}", path.display()))
        })?;
    }
    let mut options = arguments.options;
    log::set_level(options.log_level.unwrap_or(log::Level::Info));
    if arguments.syslog {
        log::use_syslog("USER");
    }
    log::debug1(crate::args::VERSION);
    let account = Account::current();
    let host = &arguments.host;
    let command = arguments.command.as_deref().map(String::from_utf8_lossy);
    let facts = Facts { command: command.as_deref(), ..Facts::new(host, &account) };
    config::read_files(&mut options, arguments.config_file.as_deref(), facts)?;
    let default = Algorithms::default_for(Side::Client, cpu::has_aes());
    let default_list = |kind| match kind {
        List::Kex => default.kex.clone(),
        List::Key => all_key_algorithms(),
        List::Cipher => default.cipher.clone(),
        List::Mac => default.mac.clone(),
    };
    if arguments.one_shot {
        if arguments.command.is_some() {
            return Err(Fatal::usage("--one-shot takes no command"));
        }
        options.session_type = Some(SessionType::None);
    }
    let settings = Settings::resolve(&options, host, &account, default_list)?;
    log::set_level(settings.log_level);
    log::show_always(&settings.quality.log_verbose);
    if let Some(facility) = options.syslog_facility.as_ref().filter(|_| arguments.syslog) {
        log::use_syslog(facility);
    }
    let command = match (arguments.command, &settings.remote_command) {
        (Some(_), Some(_)) => {
            return Err(Fatal::new("Cannot execute command-line and remote command."));
        }
        (command, configured) => command.or_else(|| configured.clone().map(String::into_bytes)),
    };
    if arguments.print_config {
        return printed(config::dump::dump(&settings, &options, &default_list)?);
    }
    if let Some(words) = &settings.quality.refuse_connection {
        return Err(Fatal::new(format!("Refusing connection: {words}")));
    }
    config::report_missing(&options)?;
    if let Some(command) = arguments.mux_command.filter(|it| *it != mux::Command::Proxy) {
        return mux::client::command(&settings, command).map(Prepared::Ended);
    }
    let route = Route::new(&settings, arguments.config_file.as_deref(), arguments.verbosity)?;
    if let Some(form) = arguments.plan {
        return printed(crate::plan::show(&settings, &options, form));
    }
    let mut plan = Plan::new(&settings, command)?;
    plan.one_shot = arguments.one_shot;
    plan.no_wait = arguments.no_wait;
    plan.any_family = arguments.any_family || settings.strict_openssh;
    plan.port_file.clone_from(&arguments.port_file);
    Ok(Prepared::Run(Box::new((settings, plan, route))))
}

/// How the server is reached.
enum Way {
    /// By a connection of our own.
    Route(Route),
    /// Through a master, which carries the messages of RFC 4254 (`-O proxy`).
    Master(UnixStream),
}

/// What everything runs on: one thread, and others for what blocks.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .enable_all()
        .build()
        .map_err(|error| Fatal::new(format!("cannot start: {}", os_words(&error))))
}

/// The end of a run that was to print something only.
fn printed(text: impl std::fmt::Display) -> Result<Prepared> {
    log::out(text).map_err(|error| Fatal::new(os_words(&error)))?;
    Ok(Prepared::Ended(0))
}

fn start(
    settings: Settings,
    plan: Plan,
    way: Way,
    background: Option<Background>,
    recorder: Option<Recorder>,
) -> Result<Outcome> {
    let runtime = runtime()?;
    let shared = Arc::new(Shared::default());
    let has_program = plan.program.is_some();
    let outcome = runtime.block_on(async {
        let mut signals = Endings::listen()?;
        let mut run = pin!(log_in(settings, plan, way, background, recorder, Arc::clone(&shared)));
        loop {
            tokio::select! {
                status = &mut run => return status.map(Outcome::Status),
                number = signals.next() => {
                    if let Some(outcome) = signalled(number, &shared, has_program) {
                        return Ok(outcome);
                    }
                }
            }
        }
    });
    // A thread that still waits for a human or a resolver must not hold us up.
    runtime.shutdown_background();
    outcome
}

/// What a signal does: as in ssh, but that the first interrupt while forwarded connections are
/// waited for takes a second one to end them.
fn signalled(number: i32, shared: &Shared, has_program: bool) -> Option<Outcome> {
    if !shared.is_authenticated() {
        return Some(Outcome::Signal(number));
    }
    if number == Signal::HUP.as_raw() && shared.is_in_background() {
        // The terminal that we have left is gone.
        return None;
    }
    if number == Signal::INT.as_raw() && shared.is_waiting() {
        if !shared.interrupt() {
            return Some(Outcome::Status(shared.exit_status().unwrap_or(OWN_FAILURE)));
        }
        log::info("Still waiting; a second interrupt leaves at once.");
        return None;
    }
    if !has_program && number == Signal::TERM.as_raw() {
        // That is how forwards without a command are ended on purpose.
        return Some(Outcome::Status(0));
    }
    log::verbose(format_args!("Killed by signal {number}."));
    Some(Outcome::Status(OWN_FAILURE))
}

async fn log_in(
    settings: Settings,
    plan: Plan,
    way: Way,
    background: Option<Background>,
    recorder: Option<Recorder>,
    shared: Arc<Shared>,
) -> Result<u8> {
    let settings = Arc::new(settings);
    let (connected, direct) = match way {
        Way::Route(route) => (connect(&settings, &route).await?, route == Route::Direct),
        Way::Master(stream) => (Connected::through(stream)?, false),
    };
    let Connected { stream, address, time_left, proxy, service } = connected;
    let learnt_at = if direct { address } else { None };
    let (known, proxied) = (Arc::clone(&settings), plan.proxied);
    let record = recorder.as_ref().filter(|recorder| recorder.records()).map(|recorder| {
        transcript::Settings { host_bound: settings.host_bound, packet_max: recorder.cap() }
    });
    // Its files may be pipes that nobody writes to: a signal must end the wait for them.
    let quick = HostKeyCheck::is_quick(&settings);
    let prepared = plain_files::done(quick, move || {
        let check = HostKeyCheck::new(Arc::clone(&known), learnt_at)?;
        let stack = match proxied {
            true => (shared_stack(&known)?, None),
            false => stack(&known, &check, record.as_ref())?,
        };
        Ok((stack, check))
    });
    let failed = || Fatal::new("known hosts: reading them failed");
    let ((mut stack, header), check) = prepared.await.ok_or_else(failed)??;
    let traced = match recorder {
        Some(recorder) => {
            let peer = format!("{}@{}:{}", settings.user, settings.host_name, settings.port);
            Some(recorder.attach(&mut stack, &peer, header)?)
        }
        None => None,
    };
    let questions = worker::start(Arc::clone(&settings), check, Arc::clone(&shared));
    let options = DriverOptions {
        host: settings.host_name.clone(),
        waits: waits(&settings, time_left),
        channel_timeouts: ChannelTimeouts::new(settings.quality.channel_timeouts.clone()),
        low_water: stream.low_water(),
        ..DriverOptions::default()
    };
    let client = Client::new(Arc::clone(&settings), plan, address, Arc::clone(&shared), questions);
    let client = client.in_background(background).with_service(service);
    let client = trace::around(traced.as_ref(), client);
    let ended = run(stream, stack, client, options).await;
    drop(proxy);
    let whole = traced.is_none_or(|traced| traced.finish(&ended));
    // Before anything is printed: the terminal is as it was found.
    shared.leave_raw_mode();
    if !whole {
        log::error("tssh: the session ends with what was written down of it (--trace-strict)");
        return Ok(OWN_FAILURE);
    }
    Ok(ending::status(&settings, &shared, address, ended))
}

/// The connection's state, and the header of its recording where there is to be one. The seed is
/// the operating system's, whatever is asked for.
fn stack(
    settings: &Settings,
    check: &HostKeyCheck,
    record: Option<&transcript::Settings>,
) -> Result<(Stack, Option<Zeroizing<String>>)> {
    let mut algorithms = Algorithms::default_for(Side::Client, cpu::has_aes());
    algorithms.host_key = match &settings.host_key_algorithms {
        Some(list) => list.clone(),
        None => all_key_algorithms(),
    };
    if settings.order_host_key_algorithms {
        algorithms.host_key = check.preferred(&algorithms.host_key);
    }
    let replace = |list: &mut Vec<String>, named: &Option<Vec<String>>| {
        if let Some(named) = named {
            list.clone_from(named);
        }
    };
    replace(&mut algorithms.kex, &settings.kex_algorithms);
    replace(&mut algorithms.cipher, &settings.ciphers);
    replace(&mut algorithms.mac, &settings.macs);
    if settings.compression {
        algorithms.compression = COMPRESSION_ON.iter().map(|&name| name.to_owned()).collect();
    }
    let default = RekeyLimits::default();
    let rekey = RekeyLimits {
        bytes: settings.rekey_limit.bytes.unwrap_or(default.bytes),
        interval: settings.rekey_limit.interval.unwrap_or(default.interval),
        ..default
    };
    let transport = TransportConfig {
        identification: settings.quality.identification.clone(),
        algorithms,
        rekey,
        host_keys: Vec::new(),
        server_sig_algs: Vec::new(),
    };
    let windows = settings.quality.windows.connection();
    let connection = ConnectionConfig { host_keys: true, ..windows };
    let config = ClientConfig { transport, user: settings.user.clone(), connection };
    let seed = seed()?;
    let header = record.map(|own| Recording::header(&config, &seed, own));
    let mut stack = Stack::client(config, Entropy::from_seed(&seed), Timestamp::default())
        .map_err(|error| Fatal::new(error.to_string()))?;
    if settings.host_bound {
        stack.allow_host_bound();
    }
    Ok((stack, header))
}

/// What is left where a master has exchanged keys and logged in.
fn shared_stack(settings: &Settings) -> Result<Stack> {
    let (user, config) = (settings.user.clone(), settings.quality.windows.connection());
    let entropy = Entropy::from_seed(&*seed()?);
    Stack::shared(Side::Client, user, config, entropy, Timestamp::default())
        .map_err(|error| Fatal::new(error.to_string()))
}

/// The operating system's, always.
fn seed() -> Result<Zeroizing<[u8; SEED_BYTES]>> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(&mut *seed)
        .map_err(|error| Fatal::new(format!("no entropy from the operating system: {error}")))?;
    Ok(seed)
}

fn waits(settings: &Settings, time_left: Option<Duration>) -> Waits {
    Waits {
        exchange: time_left,
        // ConnectTimeout ends with the key exchange: a server may take its time over a login.
        auth_silence: Some(tssh_forward::limits::AUTH_SILENCE),
        login_grace: None,
        keepalive: settings
            .server_alive_interval
            .map(|interval| Keepalive { interval, count_max: settings.server_alive_count_max }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;

    fn resolve(options: &Options) -> Result<Settings> {
        Settings::resolve(options, "h", &Account::current(), |_| Vec::new())
    }

    #[test]
    fn connect_timeout_does_not_time_authentication() {
        let options = Options { connect_timeout: Some(5), ..Options::default() };
        let settings = resolve(&options).unwrap();
        let waits = waits(&settings, settings.connect_timeout);
        assert_eq!(waits.exchange, Some(Duration::from_secs(5)));
        assert_eq!(waits.auth_silence, Some(tssh_forward::limits::AUTH_SILENCE));
    }

    #[test]
    fn a_user_name_that_a_shell_would_run_is_refused_wherever_it_was_given() {
        let options = Options { user: Some("a;b".to_owned()), ..Options::default() };
        let message = resolve(&options).unwrap_err().message;
        assert_eq!(message, "remote username contains invalid characters");
    }
}
