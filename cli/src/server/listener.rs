//! The accept loop: one thread with a runtime of its own for each connection, so that none of them
//! slows, or takes down, another.

use crate::exit::{Fatal, Result};
use crate::limits::TRACES_MAX;
use crate::log::Level;
use crate::server::app::Hooks;
use crate::server::peer::Peer;
use crate::server::policy::ServerPolicy;
use crate::server::serve::serve;
use crate::server::service::Service;
use crate::server::startups::{Starting, Startups};
use crate::server::{background, log};
use crate::trace::{Recorder, TraceOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tssh_forward::Ended;
use tssh_forward::core::local::BindFault;
use tssh_forward::driver::{Acceptor, Handle, LowWater};
use tssh_transport::Side;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::SEED_BYTES;

/// Connections at one time, logged in or not: each is a thread, and one user has no use for more.
const CONNECTIONS_MAX: usize = 4096;
/// How long connections may take to say goodbye when the server ends.
const GOODBYE: Duration = Duration::from_secs(6);
/// What a connection that is dropped is told, in sshd's words.
const EXCEEDED: &[u8] = b"Exceeded MaxStartups\r\n";

/// How a server listens.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Ends after one connection, and leaves no number behind (`-d`).
    pub single: bool,
    /// This process waits to be let into the background; its errors go on to be shown.
    pub background: Option<bool>,
    /// What is written down of each connection.
    pub trace: TraceOptions,
}

impl Listening {
    /// What writes the next connection down, where that can be had: with `--trace-strict` it is
    /// not served without.
    fn recorder(&self, number: u64) -> (Option<Recorder>, bool) {
        if number > TRACES_MAX && !self.trace.files.is_empty() {
            if number == TRACES_MAX + 1 {
                log::error(format_args!("{TRACES_MAX} connections are traced: no more are"));
            }
            return (None, !self.trace.strict);
        }
        let own = if self.single { self.trace.clone() } else { self.trace.numbered(number) };
        match Recorder::open(&own, Side::Server) {
            Ok(recorder) => (recorder, true),
            Err(fatal) => {
                log::error(format_args!("{fatal}"));
                (None, !self.trace.strict)
            }
        }
    }
}

/// Reads the configuration once more.
pub type Reload<'r> = &'r dyn Fn() -> Result<Service>;

/// A runtime for one thread.
///
/// # Errors
/// The operating system has no descriptors left for it.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A seed from the operating system.
///
/// # Errors
/// It has none to give.
pub fn fresh_seed() -> std::result::Result<[u8; SEED_BYTES], String> {
    let mut seed = [0; SEED_BYTES];
    getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
    Ok(seed)
}

/// Listens until a signal ends it; the status to exit with. SIGHUP has the configuration read
/// once more: connections that there are go on as they began.
///
/// # Errors
/// No address can be listened on.
pub fn listen(listening: Listening, service: Service, reload: Reload<'_>) -> Result<u8> {
    let runtime = runtime().map_err(|error| Fatal::new(format!("tsshd: {error}")))?;
    runtime.block_on(async {
        let acceptor = bind(&service.settings.addresses()?)?;
        if let Some(keep_errors) = listening.background {
            background::detach(keep_errors)
                .map_err(|error| Fatal::new(format!("tsshd: {error}")))?;
        }
        let pid_file = service.settings.pid_file.clone().filter(|_| !listening.single);
        if let Some(path) = &pid_file
            && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
        {
            log::error(format_args!("Couldn't create pid file \"{}\": {error}", path.display()));
        }
        let status = accept(acceptor, listening, service, reload).await;
        if let Some(path) = &pid_file {
            // It may have been removed already.
            let _ = std::fs::remove_file(path);
        }
        status
    })
}

fn bind(addresses: &[SocketAddr]) -> Result<Acceptor> {
    let (acceptor, faults) = Acceptor::bind(addresses);
    faults.iter().for_each(bind_failed);
    if acceptor.addresses().next().is_none() {
        return Err(Fatal::new("Cannot bind any address."));
    }
    for address in acceptor.addresses() {
        log::info(format_args!("Server listening on {} port {}.", address.ip(), address.port()));
    }
    Ok(acceptor)
}

fn bind_failed(fault: &BindFault) {
    let (ip, port) = (fault.address.ip(), fault.address.port());
    log::error(format_args!("Bind to port {port} on {ip} failed: {}.", fault.error));
}

/// The signals that a server waits for.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.hang_up.recv() => SignalKind::hangup(),
        }
    }
}

async fn accept(
    mut acceptor: Acceptor,
    listening: Listening,
    mut service: Service,
    reload: Reload<'_>,
) -> Result<u8> {
    let (stop, stopped) = watch::channel(false);
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut throttle = Throttle::default();
    let mut startups = Startups::new(service.settings.max_startups);
    let mut served = 0u64;
    let failed = |error: std::io::Error| Fatal::new(format!("tsshd: {error}"));
    let mut signals = Signals::new().map_err(failed)?;
    let kind = loop {
        let (stream, remote) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            kind = signals.next() => match kind {
                kind if kind == SignalKind::hangup() => {
                    service = reloaded(service, reload, &mut acceptor);
                    startups = startups.with_limits(service.settings.max_startups);
                    continue;
                }
                kind => break kind,
            },
        };
        let peer = Peer { remote: Some(remote), local: stream.local_addr().ok() };
        let random = fresh_seed().map_or(0, |seed| u32::from(seed[0]) * 256 + u32::from(seed[1]));
        let room = alive.strong_count() <= CONNECTIONS_MAX;
        let Some(starting) = startups.admit(random).filter(|_| room) else {
            throttle.dropped(&stream, peer);
            continue;
        };
        throttle.admitted();
        let policy = match service.policy(peer) {
            Ok(policy) => policy,
            Err(fatal) => {
                log::error(format_args!("cannot serve {peer}: {fatal}"));
                continue;
            }
        };
        if service.settings.tcp_keep_alive {
            // A connection without it works as well.
            let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
        }
        let (stopped, alive) = (stopped.clone(), alive.clone());
        served = served.saturating_add(1);
        let (recorder, served_so) = listening.recorder(served);
        if !served_so {
            log::error(format_args!("cannot serve {peer}: it cannot be traced (--trace-strict)"));
            continue;
        }
        let connection = Connection { peer, starting, policy, stopped, alive, recorder };
        if listening.single {
            drop(acceptor);
            return Ok(status(&connection.run(stream).await));
        }
        connection.start(stream);
    };
    drop(acceptor);
    log::info(format_args!("Received signal {}; terminating.", kind.as_raw_value()));
    // Without connections nobody listens.
    let _ = stop.send(true);
    drop(alive);
    let _ = tokio::time::timeout(GOODBYE, all_gone.recv()).await;
    Ok(if kind == SignalKind::terminate() { 0 } else { crate::exit::OWN_FAILURE })
}

/// The service that the files describe by now; where they are no good, the one that there is.
fn reloaded(now: Service, reload: Reload<'_>, acceptor: &mut Acceptor) -> Service {
    log::info("Received SIGHUP; reading the configuration once more.");
    let read = reload().and_then(|new| Ok((new.settings.addresses()?, new)));
    let (addresses, new) = match read {
        Ok(read) => read,
        Err(fatal) => {
            fatal.message.lines().for_each(log::error);
            log::error("the configuration stays as it was");
            return now;
        }
    };
    for fault in acceptor.rebind(&addresses) {
        bind_failed(&fault);
    }
    crate::log::set_level(new.settings.log_level);
    log::info("the new configuration is in force");
    new
}

/// The status of a process that served one connection.
#[must_use]
pub fn status(ended: &Ended) -> u8 {
    use tssh_transport::Error;
    match ended {
        Ended::Finished | Ended::Protocol(Error::ConnectionClosed | Error::Disconnected { .. }) => {
            0
        }
        _ => crate::exit::OWN_FAILURE,
    }
}

/// Drops connections, and says so without filling the log: a flood of them is one event.
#[derive(Debug, Default)]
struct Throttle {
    dropped: u32,
}

impl Throttle {
    fn dropped(&mut self, stream: &TcpStream, peer: Peer) {
        if self.dropped == 0 {
            log::error("beginning MaxStartups throttling");
        }
        self.dropped = self.dropped.saturating_add(1);
        let level = if self.dropped == 1 { Level::Info } else { Level::Verbose };
        let ends = peer.remote.zip(peer.local).map_or_else(String::new, |(remote, local)| {
            let end = |a: SocketAddr| format!("[{}]:{}", a.ip(), a.port());
            format!(" from {} on {}", end(remote), end(local))
        });
        log::write(level, format_args!("drop connection #{}{ends} past MaxStartups", self.dropped));
        // It is dropped whether it hears this or not.
        let _ = stream.try_write(EXCEEDED);
    }

    fn admitted(&mut self) {
        if self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            log::info(format_args!("exited MaxStartups throttling, {dropped} connections dropped"));
        }
    }
}

/// One connection on its way to its thread.
struct Connection {
    peer: Peer,
    starting: Starting,
    policy: Arc<ServerPolicy>,
    stopped: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
    recorder: Option<Recorder>,
}

impl Connection {
    fn start(self, stream: TcpStream) {
        let peer = self.peer;
        // A socket belongs to the runtime that polls it.
        let started = stream.into_std().and_then(|stream| {
            std::thread::Builder::new().name("connection".to_owned()).spawn(move || {
                let served = runtime().and_then(|runtime| {
                    let ended = runtime
                        .block_on(async { Ok(self.run(TcpStream::from_std(stream)?).await) });
                    // A decision that is still being made is nobody's any more.
                    runtime.shutdown_background();
                    ended
                });
                if let Err(error) = served {
                    log::error(format_args!("cannot serve {peer}: {error}"));
                }
            })
        });
        if let Err(error) = started {
            log::error(format_args!("cannot serve {peer}: {error}"));
        }
    }

    async fn run(self, stream: TcpStream) -> Ended {
        let Self { peer, starting, policy, mut stopped, alive, recorder } = self;
        log::verbose(format_args!("Connection from {peer} on {}", peer.local_end()));
        let seed = match fresh_seed() {
            Ok(seed) => seed,
            Err(error) => return Ended::Socket(error),
        };
        let hooks = Hooks {
            started: Some(Box::new(move |handle: Handle| {
                tokio::spawn(async move {
                    if stopped.wait_for(|stopped| *stopped).await.is_ok() {
                        // A connection that is gone needs no goodbye.
                        let _ = handle.post(|control| {
                            let text = "server is terminating";
                            control.disconnect(DisconnectReason::ByApplication, text);
                        });
                    }
                });
            })),
            authenticated: Some(Box::new(move || drop(starting))),
            recorder,
            low_water: LowWater::of(&stream),
        };
        let ended = serve(stream, policy, peer, seed, hooks).await;
        drop(alive);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Format;

    /// Whoever connects often does not fill the folder with traces.
    #[test]
    fn so_many_connections_are_traced_and_no_more() {
        let files = vec![(Format::Text, "/nonexistent/trace".into())];
        let listening = |strict| Listening {
            single: false,
            background: None,
            trace: TraceOptions { files: files.clone(), strict, ..TraceOptions::default() },
        };
        for number in [TRACES_MAX + 1, u64::MAX] {
            assert!(matches!(listening(false).recorder(number), (None, true)));
            assert!(matches!(listening(true).recorder(number), (None, false)));
        }
        let trace = TraceOptions::default();
        let untraced = Listening { single: false, background: None, trace };
        assert!(matches!(untraced.recorder(u64::MAX), (None, true)));
    }
}
