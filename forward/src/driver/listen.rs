//! Listening sockets: bound as ssh binds them, and patient when the machine runs short.

use crate::core::local::{BindCause, BindFault};
use crate::core::policy::StreamLocalBind;
use crate::driver::endpoint::Endpoints;
use crate::driver::text::error_text;
use crate::limits::{
    ACCEPT_RETRY_FIRST, ACCEPT_RETRY_LAST, FREE_PORT_TRIES, LISTEN_BACKLOG, LISTEN_BACKLOG_UNIX,
};
use rustix::fs::Mode;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tssh_transport::Timestamp;

/// Binds every address that can be bound. Port 0 takes one free port for all of them.
pub(crate) fn bind_all(addresses: &[SocketAddr]) -> (Vec<TcpListener>, Vec<BindFault>) {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    let mut tried = 1;
    loop {
        let (listeners, faults) = bind_once(addresses);
        // The port that was free for one family can be taken for the other.
        let busy = faults.iter().any(|fault| fault.cause == BindCause::Busy);
        if !(any_port && busy && tried < FREE_PORT_TRIES) {
            return (listeners, faults);
        }
        tried = tried.saturating_add(1);
    }
}

fn bind_once(addresses: &[SocketAddr]) -> (Vec<TcpListener>, Vec<BindFault>) {
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
                let last = i.saturating_add(1) == addresses.len();
                let (cause, error) = (cause(&error), error_text(&error));
                faults.push(BindFault { address, error, cause, last });
            }
        }
    }
    (listeners, faults)
}

fn cause(error: &io::Error) -> BindCause {
    match error.kind() {
        io::ErrorKind::AddrInUse => BindCause::Busy,
        io::ErrorKind::PermissionDenied => BindCause::Forbidden,
        io::ErrorKind::AddrNotAvailable => BindCause::NoFamily,
        _ if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => {
            BindCause::NoFamily
        }
        _ => BindCause::Other,
    }
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

/// A Unix socket that listens, and its file, which goes with it.
pub(crate) struct UnixSocket {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode, so that a file that somebody else has put there is left alone.
    file: Option<(u64, u64)>,
}

/// The mask of the whole process changes while a socket is made: one at a time.
static MASK: Mutex<()> = Mutex::new(());

/// Makes a Unix socket and listens on it.
///
/// With `unlink`, a socket that is in the way is removed first; ssh would remove any file.
pub(crate) fn bind_unix(path: &str, how: StreamLocalBind) -> Result<UnixSocket, String> {
    let path = Path::new(path);
    let words = |error: io::Error| error_text(&error);
    if how.unlink
        && let Ok(found) = path.symlink_metadata()
    {
        if !found.file_type().is_socket() {
            return Err("a file that is no socket is in the way".to_owned());
        }
        std::fs::remove_file(path).map_err(words)?;
    }
    let socket = {
        let _one_at_a_time = MASK.lock().unwrap_or_else(PoisonError::into_inner);
        // The umask is the only way to have the file made with its mode from the start.
        let before = rustix::process::umask(Mode::from_raw_mode(how.mask & 0o777));
        let socket = std::os::unix::net::UnixListener::bind(path);
        rustix::process::umask(before);
        socket.map_err(words)?
    };
    let file = path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()));
    let listening = listen_unix(socket);
    if listening.is_err() {
        // It was made a moment ago; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(path);
    }
    Ok(UnixSocket { socket: listening.map_err(words)?, path: path.to_owned(), file })
}

fn listen_unix(socket: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
    // A burst must not be turned away; the standard library asks for 128 at most.
    rustix::net::listen(&socket, LISTEN_BACKLOG_UNIX)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let found = self.path.symlink_metadata().ok();
        let found = found.map(|found| (found.dev(), found.ino()));
        if found.is_some() && found == self.file {
            // Nobody is left to be told.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A connection, made or accepted.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(crate) fn endpoints(self) -> Endpoints {
        match self {
            Self::Tcp(stream) => Endpoints::tcp(stream),
            Self::Unix(stream) => Endpoints::whole(stream),
        }
    }
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// What a listener listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A forward of ours, by number.
    Ours(usize),
    /// A forward that the peer asked for, by place.
    Peers(usize),
}

/// One listening socket of a forward.
pub(crate) struct Listener {
    socket: Socket,
    /// Which forward it belongs to.
    pub(crate) purpose: Purpose,
    waker: Waker,
    backoff: Duration,
    /// Not to be asked before this time, after a failure.
    pub(crate) retry_at: Option<Timestamp>,
}

impl Listener {
    pub(crate) const fn new(socket: TcpListener, purpose: Purpose, waker: Waker) -> Self {
        Self::of(Socket::Tcp(socket), purpose, waker)
    }

    pub(crate) const fn unix(socket: UnixSocket, purpose: Purpose, waker: Waker) -> Self {
        Self::of(Socket::Unix(socket), purpose, waker)
    }

    const fn of(socket: Socket, purpose: Purpose, waker: Waker) -> Self {
        Self { socket, purpose, waker, backoff: ACCEPT_RETRY_FIRST, retry_at: None }
    }

    /// The next connection and, where it has one, its address; `None` when there is none now.
    /// After a failure the listener rests, longer each time: with no descriptor left, asking
    /// again at once would only spin.
    pub(crate) fn accept(&mut self, now: Timestamp) -> Option<(Stream, Option<SocketAddr>)> {
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        self.retry_at = None;
        let mut cx = Context::from_waker(&self.waker);
        let accepted = match &self.socket {
            Socket::Tcp(socket) => socket
                .poll_accept(&mut cx)
                .map_ok(|(stream, address)| (Stream::Tcp(stream), Some(address))),
            Socket::Unix(unix) => {
                unix.socket.poll_accept(&mut cx).map_ok(|(stream, _)| (Stream::Unix(stream), None))
            }
        };
        match accepted {
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
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(_) => None,
        }
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
