//! Connections being made and names being resolved: at most so many at a time, the rest in line.

use crate::core::address::Target;
use crate::core::socks::{Negotiation, Request, Step};
use crate::driver::listen::Stream;
use crate::driver::ready::{ReadyList, Token};
use crate::driver::text::error_text;
use crate::limits::{DIAL_ADDRESSES_MAX, DIAL_PATIENCE, DIALS_WAITING_MAX, SOCKS_PATIENCE};
use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tssh_connection::ChannelKey;

/// Whose bind address is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A forward of ours.
    Ours(usize),
    /// The peer, whose request is the oldest that is not decided.
    Peer,
}

/// What a job was for, and what came of it; an error is the operating system's words.
pub(crate) enum Outcome {
    /// A connection for a channel that waits for it.
    Dialled(ChannelKey, Result<Stream, String>),
    /// The addresses of a bind address.
    Resolved(Asker, Result<Vec<SocketAddr>, String>),
    /// What a client of a SOCKS forward of ours asks for; nothing where it went away or asked for
    /// what there is not.
    Negotiated(usize, Option<(Stream, Option<SocketAddr>, Request)>),
}

/// A job not yet started.
pub(crate) enum Job {
    /// Connect to a target for a channel.
    Dial(ChannelKey, Target),
    /// Resolve a bind address.
    Resolve(Asker, String, u16),
    /// Hear what a client of a SOCKS forward asks for.
    Negotiate(usize, Stream, Option<SocketAddr>),
}

type Running = (Pin<Box<dyn Future<Output = Outcome> + Send>>, Waker);

/// A table of jobs. What waits is bounded by the channels, listeners and requests that may exist:
/// each job belongs to one of them, but for those of SOCKS clients that left their channels, which
/// [`Jobs::is_swamped`] bounds.
pub(crate) struct Jobs {
    token: fn(usize) -> Token,
    max: usize,
    running: Vec<Option<Running>>,
    free: Vec<usize>,
    waiting: VecDeque<Job>,
    done: Vec<Outcome>,
}

impl Jobs {
    /// At most `max` at a time, each with a token of its own kind.
    pub(crate) fn new(token: fn(usize) -> Token, max: usize) -> Self {
        let (running, free) = (Vec::new(), Vec::new());
        Self { token, max, running, free, waiting: VecDeque::new(), done: Vec::new() }
    }

    /// Whether a job would have to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty() && self.running.len() >= self.max
    }

    /// Whether so many wait in line that only clients who come and go can have asked for them.
    pub(crate) fn is_swamped(&self) -> bool {
        self.waiting.len() >= DIALS_WAITING_MAX
    }

    /// Starts a job, or puts it in line.
    pub(crate) fn start(&mut self, job: Job, ready: &ReadyList) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.running.len() < self.max => {
                self.running.push(None);
                self.running.len().saturating_sub(1)
            }
            None => return self.waiting.push_back(job),
        };
        let waker = ready.waker((self.token)(slot));
        // Its first step comes in the next round: a chain of jobs that end at once must not
        // become a chain of calls.
        waker.wake_by_ref();
        if let Some(place) = self.running.get_mut(slot) {
            *place = Some((Box::pin(work(job)), waker));
        }
    }

    /// Moves one job on; it has been woken.
    pub(crate) fn poll(&mut self, slot: usize, ready: &ReadyList) {
        let Some(place) = self.running.get_mut(slot) else { return };
        let Some((future, waker)) = place else { return };
        let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(waker)) else {
            return;
        };
        *place = None;
        self.free.push(slot);
        self.done.push(outcome);
        if let Some(job) = self.waiting.pop_front() {
            self.start(job, ready);
        }
    }

    /// What has come of the jobs since the last call.
    pub(crate) fn done(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.done)
    }
}

async fn work(job: Job) -> Outcome {
    match job {
        Job::Dial(channel, Target::Tcp { host, port }) => {
            Outcome::Dialled(channel, dial(&host, port).await.map(Stream::Tcp))
        }
        Job::Dial(channel, Target::Unix(path)) => {
            let connected = UnixStream::connect(path).await;
            let connected = connected.map(Stream::Unix).map_err(|error| error_text(&error));
            Outcome::Dialled(channel, connected)
        }
        Job::Resolve(asker, host, port) => Outcome::Resolved(asker, resolve(&host, port).await),
        Job::Negotiate(forward, stream, originator) => {
            let heard = tokio::time::timeout(SOCKS_PATIENCE, negotiate(stream)).await;
            let heard = heard.ok().flatten();
            Outcome::Negotiated(forward, heard.map(|(stream, r)| (stream, originator, r)))
        }
    }
}

/// Hears a SOCKS client out. Who asks for what there is not is told so.
async fn negotiate(mut stream: Stream) -> Option<(Stream, Request)> {
    let request = match &mut stream {
        Stream::Tcp(socket) => hear(socket).await,
        Stream::Unix(socket) => hear(socket).await,
    };
    request.ok().flatten().map(|request| (stream, request))
}

async fn hear<S>(socket: &mut S) -> std::io::Result<Option<Request>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut negotiation = Negotiation::default();
    let mut piece = [0; 256];
    loop {
        let wants = negotiation.wants().min(piece.len());
        let n = socket.read(piece.get_mut(..wants).unwrap_or_default()).await?;
        if n == 0 {
            return Ok(None);
        }
        match negotiation.feed(piece.get(..n).unwrap_or_default()) {
            Step::More => {}
            Step::Say(answer) => socket.write_all(&answer).await?,
            Step::Request(request) => return Ok(Some(request)),
            Step::Refuse(answer) => {
                socket.write_all(&answer).await?;
                socket.shutdown().await?;
                return Ok(None);
            }
        }
    }
}

/// Every address that a name has, in the resolver's order.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found = tokio::net::lookup_host((host, port)).await.map_err(|e| error_text(&e))?;
    Ok(found.take(DIAL_ADDRESSES_MAX).collect())
}

/// Connects to the first address of a name that answers; the error is that of the last one.
async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let mut last = "Name or service not known".to_owned();
    for address in resolve(host, port).await? {
        let connecting = tokio::time::timeout(DIAL_PATIENCE, TcpStream::connect(address));
        // A machine that answers nothing must not hold a place among the dials for minutes.
        let silent = || std::io::Error::from(rustix::io::Errno::TIMEDOUT);
        match connecting.await.unwrap_or_else(|_| Err(silent())) {
            Ok(stream) => {
                // Batching is ours; where the option is refused the connection still works.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error_text(&error),
        }
    }
    Err(last)
}
