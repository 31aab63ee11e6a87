//! Small TCP services for the far end of a forward.
//!
//! Each service runs on a thread of its own with one tokio runtime, and ends when dropped. The
//! number of connections is bounded by the test that makes them and by the limit of open files.

use crate::pattern::{Pattern, hex};
use sha2::{Digest, Sha256};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
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
}

/// A running service on a free port of 127.0.0.1.
pub struct Service {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    reports: mpsc::Receiver<String>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts a service.
    ///
    /// # Panics
    /// When no port or no thread can be had.
    #[must_use]
    pub fn start(toy: Toy) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("the address of a listener");
        let accepted = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let (report, reports) = mpsc::sync_channel(REPORTS_MAX);
        let toy = Serving { toy, count: Arc::clone(&accepted), report };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime for the service");
            runtime.block_on(accept(listener, toy, stopped));
        });
        Self { address, accepted, reports, stop, thread: Some(thread) }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
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

async fn accept(
    listener: std::net::TcpListener,
    serving: Serving,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = TcpListener::from_std(listener).expect("a listener for the runtime");
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            taken = listener.accept() => {
                let Ok((stream, _)) = taken else { continue };
                serving.count.fetch_add(1, Ordering::AcqRel);
                // The runtime is dropped with the service, and every connection with it. What
                // goes wrong with one is for the other end to notice.
                let serving = serving.clone();
                tokio::spawn(async move {
                    let _ = serve(stream, serving).await;
                });
            }
        }
    }
}

async fn serve(mut stream: TcpStream, serving: Serving) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    match serving.toy {
        Toy::Echo => {
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await?;
            write.shutdown().await
        }
        Toy::Sink => {
            let summary = digest_to_end(&mut stream).await?;
            let _ = serving.report.try_send(summary.clone());
            stream.write_all(format!("{summary}\n").as_bytes()).await?;
            stream.shutdown().await
        }
        Toy::Source { seed, bytes } => {
            source(&mut stream, seed, bytes).await?;
            stream.shutdown().await?;
            read_to_end(&mut stream).await
        }
        Toy::Farewell => {
            stream.write_all(b"goodbye\n").await?;
            stream.shutdown().await?;
            let _ = serving.report.try_send(digest_to_end(&mut stream).await?);
            Ok(())
        }
        Toy::Stalled => std::future::pending().await,
        Toy::Imap => imap(stream).await,
    }
}

async fn source(stream: &mut TcpStream, seed: u64, bytes: u64) -> std::io::Result<()> {
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

async fn digest_to_end(stream: &mut TcpStream) -> std::io::Result<String> {
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

async fn read_to_end(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    while stream.read(&mut piece).await? > 0 {}
    Ok(())
}

/// As much of RFC 3501 as a greeting, a login and a goodbye need.
async fn imap(mut stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
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
