//! The accept loop: one thread with a runtime of its own for each connection, so that none of them
//! slows, or takes down, another.

use crate::exit::{Fatal, Result};
use crate::log::Level;
use crate::server::app::Hooks;
use crate::server::peer::Peer;
use crate::server::policy::ServerPolicy;
use crate::server::serve::serve;
use crate::server::startups::{Starting, Startups};
use crate::server::{background, log};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tssh_forward::Ended;
use tssh_forward::driver::{Acceptor, Handle};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::SEED_BYTES;

/// Connections at one time, logged in or not: each is a thread, and one user has no use for more.
const CONNECTIONS_MAX: usize = 4096;
/// How long connections may take to say goodbye when the server ends.
const GOODBYE: Duration = Duration::from_secs(6);
/// What a connection that is dropped is told, in sshd's words.
const EXCEEDED: &[u8] = b"Exceeded MaxStartups\r\n";

/// How a server listens.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub addresses: Vec<SocketAddr>,
    /// How many may be on their way to a login.
    pub startups: Startups,
    /// Ends after one connection (`-d`).
    pub single: bool,
    /// This process waits to be let into the background; its errors go on to be shown.
    pub background: Option<bool>,
    /// Where the number of the process is left.
    pub pid_file: Option<std::path::PathBuf>,
}

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

/// Listens until a signal ends it; the status to exit with.
///
/// # Errors
/// No address can be listened on.
pub fn listen(listening: Listening, policy: Arc<ServerPolicy>) -> Result<u8> {
    let runtime = runtime().map_err(|error| Fatal::new(format!("tsshd: {error}")))?;
    runtime.block_on(async {
        let acceptor = bind(&listening.addresses)?;
        if let Some(keep_errors) = listening.background {
            background::detach(keep_errors)
                .map_err(|error| Fatal::new(format!("tsshd: {error}")))?;
        }
        if let Some(path) = &listening.pid_file
            && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
        {
            log::error(format_args!("Couldn't create pid file \"{}\": {error}", path.display()));
        }
        let status = accept(acceptor, &listening, policy).await;
        if let Some(path) = &listening.pid_file {
            // It may have been removed already.
            let _ = std::fs::remove_file(path);
        }
        status
    })
}

fn bind(addresses: &[SocketAddr]) -> Result<Acceptor> {
    let (acceptor, faults) = Acceptor::bind(addresses);
    for fault in faults {
        let (ip, port) = (fault.address.ip(), fault.address.port());
        log::error(format_args!("Bind to port {port} on {ip} failed: {}.", fault.error));
    }
    if acceptor.addresses().next().is_none() {
        return Err(Fatal::new("Cannot bind any address."));
    }
    for address in acceptor.addresses() {
        log::info(format_args!("Server listening on {} port {}.", address.ip(), address.port()));
    }
    Ok(acceptor)
}

/// What ends a server, by number.
async fn ended_by() -> std::io::Result<i32> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = hang_up.recv() => SignalKind::hangup(),
    }
    .as_raw_value())
}

async fn accept(
    mut acceptor: Acceptor,
    listening: &Listening,
    policy: Arc<ServerPolicy>,
) -> Result<u8> {
    let (stop, stopped) = watch::channel(false);
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut throttle = Throttle::default();
    let mut end = std::pin::pin!(ended_by());
    let number = loop {
        let (stream, remote) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            number = &mut end => break number,
        };
        let peer = Peer { remote: Some(remote), local: stream.local_addr().ok() };
        let random = fresh_seed().map_or(0, |seed| u32::from(seed[0]) * 256 + u32::from(seed[1]));
        let room = alive.strong_count() <= CONNECTIONS_MAX;
        let Some(starting) = listening.startups.admit(random).filter(|_| room) else {
            throttle.dropped(&stream, peer);
            continue;
        };
        throttle.admitted();
        let connection = Connection {
            peer,
            starting,
            policy: Arc::clone(&policy),
            stopped: stopped.clone(),
            alive: alive.clone(),
        };
        if listening.single {
            drop(acceptor);
            return Ok(status(&connection.run(stream).await));
        }
        connection.start(stream);
    };
    drop(acceptor);
    let number = number.map_err(|error| Fatal::new(format!("tsshd: {error}")))?;
    log::info(format_args!("Received signal {number}; terminating."));
    // Without connections nobody listens.
    let _ = stop.send(true);
    drop(alive);
    let _ = tokio::time::timeout(GOODBYE, all_gone.recv()).await;
    Ok(if number == SignalKind::terminate().as_raw_value() { 0 } else { crate::exit::OWN_FAILURE })
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
        let Self { peer, starting, policy, mut stopped, alive } = self;
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
        };
        let ended = serve(stream, policy, peer, seed, hooks).await;
        drop(alive);
        ended
    }
}
