//! Small services for the far end of a forward, on TCP or Unix sockets.
//!
//! Each service runs on a thread of its own with one tokio runtime, and ends when dropped. The
//! number of connections is bounded by the test that makes them and by the limit of open files.

mod ftp;

use crate::pattern::{Pattern, hex};
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// What a service does with each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toy {
    /// Sends back what it reads; ends its own direction when the other has ended.
    Echo,
    /// Reads to the end, then answers with a line: number of bytes and SHA-256.
    Sink,
    /// Sends so many bytes of the pattern of a seed, and ends.
    Source {
        /// Seed of the pattern.
        seed: u64,
        /// Number of bytes.
        bytes: u64,
    },
    /// Says goodbye and ends its direction at once, then reads to the end and reports what came:
    /// the server that finishes first.
    Farewell,
    /// Accepts, reads nothing and says nothing for as long as it lives.
    Stalled,
    /// A mail server of a few commands.
    Imap,
    /// A file server of a few commands, in passive mode; reports who made its two connections.
    Ftp,
    /// Sends so many bytes of the pattern of a seed while it reads; only when the other has
    /// ended, it answers with the sink's line, and ends.
    Cross {
        /// Seed of the pattern.
        seed: u64,
        /// Number of bytes.
        bytes: u64,
    },
    /// Says where the connection came from, as a line, and ends.
    Peer,
}

/// A running service on a free port of 127.0.0.1, or at a path.
pub struct Service {
    port: u16,
    accepted: Arc<AtomicU64>,
    reports: mpsc::Receiver<String>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts a service on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port or no thread can be had.
    #[must_use]
    pub fn start(toy: Toy) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        Self::start_on(toy, listener)
    }

    /// Starts a service on this listener.
    ///
    /// # Panics
    /// When no thread can be had.
    #[must_use]
    pub fn start_on(toy: Toy, listener: std::net::TcpListener) -> Self {
        listener.set_nonblocking(true).expect("a listener that does not block");
        let port = listener.local_addr().expect("the address of a listener").port();
        Self::run(toy, port, Listener::Tcp(listener))
    }

    /// Starts a service on a Unix socket at `path`; its port is 0.
    ///
    /// # Panics
    /// When the socket or no thread can be had.
    #[must_use]
    pub fn start_unix(toy: Toy, path: &Path) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket at a path");
        listener.set_nonblocking(true).expect("a listener that does not block");
        Self::run(toy, 0, Listener::Unix(listener))
    }

    fn run(toy: Toy, port: u16, listener: Listener) -> Self {
        let accepted = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let (report, reports) = mpsc::sync_channel(REPORTS_MAX);
        let serving = Serving { toy, count: Arc::clone(&accepted), report };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime for the service");
            match listener {
                Listener::Tcp(listener) => runtime.block_on(accept_tcp(listener, serving, stopped)),
                Listener::Unix(listener) => {
                    runtime.block_on(accept_unix(listener, serving, stopped));
                }
            }
        });
        Self { port, accepted, reports, stop, thread: Some(thread) }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next report: number of bytes and SHA-256 of what one connection brought to its end.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    #[must_use]
    pub fn report(&self) -> String {
        self.reports.recv_timeout(crate::process::PATIENCE).expect("a report of the service")
    }

    /// How many connections it has taken so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reports that wait to be asked for; further ones are dropped.
const REPORTS_MAX: usize = 64;

#[derive(Clone)]
struct Serving {
    toy: Toy,
    count: Arc<AtomicU64>,
    report: mpsc::SyncSender<String>,
}

enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

async fn accept_tcp(
    listener: std::net::TcpListener,
    serving: Serving,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = TcpListener::from_std(listener).expect("a listener for the runtime");
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            taken = listener.accept() => {
                let Ok((stream, peer)) = taken else { continue };
                let _ = stream.set_nodelay(true);
                serving.take(stream, peer.to_string());
            }
        }
    }
}

async fn accept_unix(
    listener: std::os::unix::net::UnixListener,
    serving: Serving,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = UnixListener::from_std(listener).expect("a listener for the runtime");
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            taken = listener.accept() => {
                let Ok((stream, _)) = taken else { continue };
                serving.take(stream, "a Unix socket".to_owned());
            }
        }
    }
}

impl Serving {
    /// The runtime is dropped with the service, and every connection with it. What goes wrong
    /// with one is for the other end to notice.
    fn take(&self, stream: impl AsyncRead + AsyncWrite + Send + 'static, peer: String) {
        self.count.fetch_add(1, Ordering::AcqRel);
        let serving = self.clone();
        tokio::spawn(async move {
            let _ = serve(stream, peer, serving).await;
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite,
    peer: String,
    serving: Serving,
) -> std::io::Result<()> {
    let (mut read, mut write) = tokio::io::split(stream);
    match serving.toy {
        Toy::Echo => {
            tokio::io::copy(&mut read, &mut write).await?;
            write.shutdown().await
        }
        Toy::Sink => {
            let summary = digest_to_end(&mut read).await?;
            let _ = serving.report.try_send(summary.clone());
            write.write_all(format!("{summary}\n").as_bytes()).await?;
            write.shutdown().await
        }
        Toy::Source { seed, bytes } => {
            source(&mut write, seed, bytes).await?;
            write.shutdown().await?;
            read_to_end(&mut read).await
        }
        Toy::Farewell => {
            write.write_all(b"goodbye\n").await?;
            write.shutdown().await?;
            let _ = serving.report.try_send(digest_to_end(&mut read).await?);
            Ok(())
        }
        Toy::Stalled => std::future::pending().await,
        Toy::Imap => imap(read, write).await,
        Toy::Ftp => ftp::serve(read, write, &peer, &serving.report).await,
        Toy::Cross { seed, bytes } => {
            let sending = source(&mut write, seed, bytes);
            let (sent, summary) = tokio::join!(sending, digest_to_end(&mut read));
            sent?;
            write.write_all(format!("{}\n", summary?).as_bytes()).await?;
            write.shutdown().await
        }
        Toy::Peer => {
            write.write_all(format!("{peer}\n").as_bytes()).await?;
            write.shutdown().await?;
            read_to_end(&mut read).await
        }
    }
}

async fn source(
    stream: &mut (impl AsyncWrite + Unpin),
    seed: u64,
    bytes: u64,
) -> std::io::Result<()> {
    let mut pattern = Pattern::new(seed);
    let mut piece = vec![0; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        pattern.fill(&mut piece[..take]);
        stream.write_all(&piece[..take]).await?;
        left -= take as u64;
    }
    Ok(())
}

async fn digest_to_end(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut total = 0u64;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let taken = stream.read(&mut piece).await?;
        if taken == 0 {
            return Ok(format!("{total} {}", hex(&digest.finalize())));
        }
        digest.update(&piece[..taken]);
        total += taken as u64;
    }
}

async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    while stream.read(&mut piece).await? > 0 {}
    Ok(())
}

/// As much of RFC 3501 as a greeting, a login and a goodbye need.
async fn imap(
    read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"* OK IMAP4rev1 toy service ready\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let mut words = line.split(' ');
        let tag = words.next().unwrap_or("*").to_owned();
        let answer = match words.next().unwrap_or("").to_ascii_uppercase().as_str() {
            "CAPABILITY" => format!("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n"),
            "LOGIN" | "NOOP" => format!("{tag} OK done\r\n"),
            "LOGOUT" => format!("* BYE toy service\r\n{tag} OK done\r\n"),
            _ => format!("{tag} BAD unknown command\r\n"),
        };
        write.write_all(answer.as_bytes()).await?;
        if answer.starts_with("* BYE") {
            break;
        }
    }
    write.shutdown().await
}
