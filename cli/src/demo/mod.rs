//! `tssh --demo`: the chapter's main job on an embedded server.
//!
//! A mail reader speaks IMAP to port 2001 of this machine; tssh carries it through an SSH
//! connection to a server, which carries it to the mail service. Server, service and reader run
//! on threads of their own and meet over loopback sockets only, as they would on two machines.
//! Nothing is read from or written to the user's files; keys are made for the occasion.

mod client;
mod imap;
mod reader;

use crate::log;
use crate::server::{ServerPolicy, serve_connection};
use client::{News, Settings};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use tssh_transport::algorithms::Negotiated;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::PrivateKey;

/// A line on standard output; a reader that has gone does not stop the demonstration.
macro_rules! say {
    ($($text:tt)*) => {{
        let said = log::out(format_args!("{}\n", format_args!($($text)*)));
        if said.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
            OUTPUT_FAILED.store(true, Ordering::Relaxed);
        }
    }};
}

/// Standard output could not be written, and not for want of a reader.
static OUTPUT_FAILED: AtomicBool = AtomicBool::new(false);
/// The chapter's port.
const LISTEN_PORT: u16 = 2001;
/// Who logs in.
const USER: &str = "reader";
/// Size of the message that is fetched.
const MESSAGE_BYTES: u64 = 256 << 20;
/// No step of the demonstration takes as long; whoever is silent for so long has failed.
const STEP_LIMIT: Duration = Duration::from_secs(60);
/// News that wait to be printed.
const NEWS_MAX: usize = 16;

/// Runs the demonstration and prints what happened.
#[must_use]
pub fn run() -> ExitCode {
    let written = || match OUTPUT_FAILED.load(Ordering::Relaxed) {
        true => Err(io::Error::other("standard output cannot be written")),
        false => Ok(()),
    };
    match demonstrate().and_then(|()| written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::show(format_args!("tssh: the demonstration failed: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Everything that the steps found out.
struct Found {
    negotiated: Box<Negotiated>,
    exchange_took: Duration,
    login_took: Duration,
    listening: SocketAddr,
    moved: bool,
}

fn demonstrate() -> io::Result<()> {
    let start = Instant::now();
    // The embedded server's log would stand among the steps.
    log::set_level(log::Level::Error);
    let mut entropy = Entropy::from_seed(&seed()?);
    let mut key = || PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper));
    let (host_key, user_key) = (key(), key());
    let host_blob = host_key.public().blob();
    let service = start_imap()?;
    let server = start_server(host_key, &user_key)?;
    let (news, arrived) = sync_channel(NEWS_MAX);
    let (handle, handles) = sync_channel(1);
    let settings = Settings {
        user: USER.to_owned(),
        user_key,
        host_key: host_blob.clone(),
        listen_port: LISTEN_PORT,
        target_port: service.port(),
        has_aes: crate::cpu::has_aes(),
        seed: seed()?,
        news,
        handle,
    };
    say!("tssh -L {LISTEN_PORT}:localhost:143 S, with both ends in this process\n");
    let client = thread("client", move || client::connect(server, settings))?;
    let found = follow(&arrived)?;
    print_path(&found, server, service, &host_blob);
    let mail = runtime()?.block_on(reader::read_mail(found.listening))?;
    print_mail(&mail);
    if let Ok(handle) = handles.recv_timeout(STEP_LIMIT) {
        let farewell = "demonstration over";
        // A connection that ended by itself needs no end.
        let _ = handle.post(|c| c.disconnect(DisconnectReason::ByApplication, farewell));
    }
    client.join().map_err(|_| io::Error::other("the client's thread panicked"))?;
    let same = mail.bytes == MESSAGE_BYTES && mail.digest == imap::Message::digest(MESSAGE_BYTES);
    if !same {
        return Err(io::Error::other("what came out of the tunnel is not what went in"));
    }
    say!("  checksum     the same on both sides of the tunnel");
    say!("\nDone in {:.1} s. Nothing was written to your files.", start.elapsed().as_secs_f64());
    Ok(())
}

fn seed() -> io::Result<[u8; SEED_BYTES]> {
    let mut seed = [0; SEED_BYTES];
    getrandom::fill(&mut seed).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(seed)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// A thread with a runtime of its own that runs one future.
fn thread<F: Future<Output = ()>>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
) -> io::Result<std::thread::JoinHandle<()>> {
    let runtime = runtime()?;
    let named = std::thread::Builder::new().name(name.to_owned());
    named.spawn(move || runtime.block_on(async move { work().await }))
}

fn listener() -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn start_imap() -> io::Result<SocketAddr> {
    let (listener, address) = listener()?;
    thread("imap", move || async move {
        if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
            imap::serve(listener, MESSAGE_BYTES).await;
        }
    })?;
    Ok(address)
}

fn start_server(host_key: PrivateKey, user_key: &PrivateKey) -> io::Result<SocketAddr> {
    let (listener, address) = listener()?;
    let authorized = user_key.public().clone();
    let has_aes = crate::cpu::has_aes();
    let policy = ServerPolicy::embedded(host_key, USER.to_owned(), authorized, has_aes);
    let policy = Arc::new(policy);
    let seed = seed()?;
    thread("server", move || async move {
        if let Ok(listener) = tokio::net::TcpListener::from_std(listener)
            && let Ok((socket, _)) = listener.accept().await
        {
            // The driver batches by itself; where the option is refused it still works.
            let _ = socket.set_nodelay(true);
            serve_connection(socket, policy, seed).await;
        }
    })?;
    Ok(address)
}

/// Waits until the forward listens.
fn follow(news: &Receiver<News>) -> io::Result<Found> {
    let (mut exchanged, mut login_took) = (None, Duration::ZERO);
    loop {
        match news.recv_timeout(STEP_LIMIT) {
            Ok(News::Exchanged { negotiated, took }) => exchanged = Some((negotiated, took)),
            Ok(News::LoggedIn { took }) => login_took = took,
            Ok(News::Listening { address, moved }) => {
                let early = || io::Error::other("the forward listens before keys are in force");
                let (negotiated, exchange_took) = exchanged.ok_or_else(early)?;
                let listening = address;
                return Ok(Found { negotiated, exchange_took, login_took, listening, moved });
            }
            Ok(News::Failed(text)) => return Err(io::Error::other(text)),
            Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the client ended early"));
            }
        }
    }
}

fn print_path(found: &Found, server: SocketAddr, service: SocketAddr, host_key: &[u8]) {
    let names = &found.negotiated;
    let (listening, out) = (found.listening, &names.client_to_server);
    if found.moved {
        say!("Port {LISTEN_PORT} is taken; port {} serves as well.\n", listening.port());
    }
    say!("The four steps of a byte that the mail reader sends:");
    say!("  1. The mail reader writes it to its socket, connected to {listening}.");
    say!("  2. tssh, listening there, reads it and sends it through the SSH connection to");
    say!("     the server S at {server}: ENCRYPTED.");
    say!("  3. The server decrypts it and writes it to its own connection to localhost:143");
    say!("     (here {service}, as 143 belongs to root): not encrypted, and within S.");
    say!("  4. The mail service reads it. It sees a connection from S, not from the reader.");
    say!("What comes back takes the same path the other way.\n");
    say!("The encrypted leg:");
    say!("  key exchange {} ({})", names.kex, post_quantum(names));
    say!("  cipher       {}, MAC {}", out.cipher, out.mac);
    say!("  host key     {} {}", names.host_key, client::fingerprint_of(host_key));
    say!("  strict       {}", if names.strict { "yes" } else { "no" });
    say!(
        "  keys after   {:.1} ms, logged in after {:.1} ms\n",
        found.exchange_took.as_secs_f64() * 1e3,
        found.login_took.as_secs_f64() * 1e3
    );
}

fn post_quantum(names: &Negotiated) -> &'static str {
    if names.post_quantum { "post-quantum hybrid" } else { "classic" }
}

fn print_mail(mail: &reader::Session) {
    let mib = mail.bytes as f64 / f64::from(1 << 20);
    say!("The mail reader, which knows nothing of the tunnel:");
    say!("  greeting     {}", mail.greeting);
    say!("  round trip   {} us (median of NOOP and its answer)", mail.round_trip.as_micros());
    say!(
        "  throughput   {mib:.0} MiB in {:.2} s: {:.0} MiB/s",
        mail.took.as_secs_f64(),
        mib / mail.took.as_secs_f64()
    );
}
