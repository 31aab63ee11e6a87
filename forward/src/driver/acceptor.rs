//! A server's accept loop: SSH connections on every address it listens on.

use crate::core::local::BindFault;
use crate::driver::clock::Clock;
use crate::driver::listen::{Listener, Purpose, Stream, bind_all};
use std::net::SocketAddr;
use std::task::{Poll, Waker};
use tokio::net::TcpStream;

/// The listening sockets of a server.
pub struct Acceptor {
    listeners: Vec<Listener>,
    clock: Clock,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Listens on every address that can be listened on; port 0 takes one free port for all.
    /// Beside it, the addresses that could not.
    #[must_use]
    pub fn bind(addresses: &[SocketAddr]) -> (Self, Vec<BindFault>) {
        let (sockets, faults) = bind_all(addresses);
        // Which socket it is does not matter here, and polling all of them costs nothing.
        let listener = |socket| Listener::new(socket, Purpose::Ours(0), Waker::noop().clone());
        let listeners = sockets.into_iter().map(listener).collect();
        (Self { listeners, clock: Clock::start() }, faults)
    }

    /// Listens on these addresses from now on. Sockets that listen on one of them stay, and with
    /// them the connections that wait there; where nothing would be left, all stay. Returns the
    /// addresses that could not be listened on.
    #[must_use]
    pub fn rebind(&mut self, addresses: &[SocketAddr]) -> Vec<BindFault> {
        let own: Vec<SocketAddr> = self.addresses().collect();
        let new: Vec<SocketAddr> =
            addresses.iter().filter(|address| !own.contains(address)).copied().collect();
        let (sockets, faults) = bind_all(&new);
        let stays = |listener: &Listener| {
            listener.local_addr().is_some_and(|address| addresses.contains(&address))
        };
        if sockets.is_empty() && !self.listeners.iter().any(stays) {
            return faults;
        }
        self.listeners.retain(stays);
        let listener = |socket| Listener::new(socket, Purpose::Ours(0), Waker::noop().clone());
        self.listeners.extend(sockets.into_iter().map(listener));
        faults
    }

    /// Where it listens; nothing where it does not listen at all.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().filter_map(Listener::local_addr)
    }

    /// The next connection, with Nagle's delay switched off. After a failure such as a lack of
    /// descriptors it rests for a while.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let retry = self.listeners.iter().filter_map(|listener| listener.retry_at).min();
            let now = self.clock.now();
            let rest = async {
                match retry {
                    Some(at) => tokio::time::sleep(at.since(now)).await,
                    None => std::future::pending().await,
                }
            };
            let accepted = std::future::poll_fn(|cx| {
                let now = self.clock.now();
                for listener in &mut self.listeners {
                    listener.set_waker(cx.waker());
                    if let Some((Stream::Tcp(stream), Some(peer))) = listener.accept(now) {
                        return Poll::Ready(Some((stream, peer)));
                    }
                    if listener.retry_at.is_some() && retry.is_none() {
                        return Poll::Ready(None);
                    }
                }
                Poll::Pending
            });
            tokio::select! {
                accepted = accepted => if let Some((stream, peer)) = accepted {
                    // Where the option is refused the connection still works.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer);
                },
                () = rest => {}
            }
        }
    }
}
