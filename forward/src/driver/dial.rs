//! Connections being made and names being resolved: at most so many at a time, the rest in line.

use crate::driver::ready::{ReadyList, Token};
use crate::driver::text::error_text;
use crate::limits::{DIAL_ADDRESSES_MAX, DIALS_MAX};
use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::net::TcpStream;
use tssh_connection::ChannelKey;

/// What a job was for, and what came of it; an error is the operating system's words.
pub(crate) enum Outcome {
    /// A connection for a channel that waits for it.
    Dialled(ChannelKey, Result<TcpStream, String>),
    /// The addresses of a forward's bind address.
    Resolved(usize, Result<Vec<SocketAddr>, String>),
}

/// A job not yet started.
pub(crate) enum Job {
    /// Connect to a host and port for a channel.
    Dial(ChannelKey, String, u16),
    /// Resolve a bind address for a forward.
    Resolve(usize, String, u16),
}

type Running = (Pin<Box<dyn Future<Output = Outcome> + Send>>, Waker);

/// The table of jobs. What waits is bounded by the channels and listeners that may exist: each
/// job belongs to one of them.
#[derive(Default)]
pub(crate) struct Jobs {
    running: Vec<Option<Running>>,
    free: Vec<usize>,
    waiting: VecDeque<Job>,
    done: Vec<Outcome>,
}

impl Jobs {
    /// Starts a job, or puts it in line.
    pub(crate) fn start(&mut self, job: Job, ready: &ReadyList) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.running.len() < DIALS_MAX => {
                self.running.push(None);
                self.running.len().saturating_sub(1)
            }
            None => return self.waiting.push_back(job),
        };
        let waker = ready.waker(Token::Job(slot));
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
        Job::Dial(channel, host, port) => Outcome::Dialled(channel, dial(&host, port).await),
        Job::Resolve(forward, host, port) => Outcome::Resolved(forward, resolve(&host, port).await),
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
        match TcpStream::connect(address).await {
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
