//! Listening sockets: bound as ssh binds them, and patient when the machine runs short.

use crate::core::local::BindFault;
use crate::driver::text::error_text;
use crate::limits::{ACCEPT_RETRY_FIRST, ACCEPT_RETRY_LAST, LISTEN_BACKLOG};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tssh_transport::Timestamp;

/// Binds every address that can be bound. Port 0 takes one free port for all of them.
pub(crate) fn bind_all(addresses: &[SocketAddr]) -> (Vec<TcpListener>, Vec<BindFault>) {
    let mut listeners = Vec::new();
    let mut faults = Vec::new();
    let mut chosen = None;
    for (i, address) in addresses.iter().enumerate() {
        let mut address = *address;
        if let (0, Some(port)) = (address.port(), chosen) {
            address.set_port(port);
        }
        match bind(address) {
            Ok(listener) => {
                chosen = chosen.or(listener.local_addr().ok().map(|a| a.port()));
                listeners.push(listener);
            }
            Err(error) => {
                let loud = i.saturating_add(1) == addresses.len();
                faults.push(BindFault { address, error: error_text(&error), loud });
            }
        }
    }
    (listeners, faults)
}

/// A TCP listener as every forward has it. Within a runtime.
///
/// # Errors
/// What the operating system said.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // Connections of an earlier run that linger in TIME_WAIT must not block the port.
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        // Or the IPv6 wildcard would take the IPv4 port too, and the second bind would fail.
        rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
    }
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// One listening socket of a forward.
pub(crate) struct Listener {
    socket: TcpListener,
    /// Which forward it belongs to.
    pub(crate) forward: usize,
    waker: Waker,
    backoff: Duration,
    /// Not to be asked before this time, after a failure.
    pub(crate) retry_at: Option<Timestamp>,
}

impl Listener {
    pub(crate) const fn new(socket: TcpListener, forward: usize, waker: Waker) -> Self {
        Self { socket, forward, waker, backoff: ACCEPT_RETRY_FIRST, retry_at: None }
    }

    /// The next connection; `None` when there is none now. After a failure the listener rests,
    /// longer each time: with no descriptor left, asking again at once would only spin.
    pub(crate) fn accept(&mut self, now: Timestamp) -> Option<(TcpStream, SocketAddr)> {
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        self.retry_at = None;
        match self.socket.poll_accept(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(Ok(accepted)) => {
                self.backoff = ACCEPT_RETRY_FIRST;
                Some(accepted)
            }
            Poll::Ready(Err(error)) => {
                if connection_only(&error) {
                    // The peer was gone before we looked; the next one may be there.
                    self.waker.wake_by_ref();
                } else {
                    self.retry_at = Some(now.after(self.backoff));
                    self.backoff = self.backoff.saturating_mul(2).min(ACCEPT_RETRY_LAST);
                }
                None
            }
            Poll::Pending => None,
        }
    }

    /// Whom to wake from now on.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
    }

    /// There may be more: it is asked again in the next round.
    pub(crate) fn look_again(&self) {
        self.waker.wake_by_ref();
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }
}

/// Errors that concern one connection and not the listener.
fn connection_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
