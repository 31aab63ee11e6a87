//! Standard input and output as the stream of one connection, for `-i`.

use crate::server::descriptor::Descriptors;
use crate::server::peer::Peer;
use rustix::fd::AsFd as _;
use std::io;
use std::net::SocketAddr;

/// Takes the streams of this process. Within a runtime.
///
/// # Errors
/// One of them is closed or a file.
pub fn take() -> io::Result<Descriptors> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Descriptors::new(input, output)
}

/// Who is at the other end, if standard input is a TCP connection.
#[must_use]
pub fn peer() -> Peer {
    let remote = rustix::net::getpeername(io::stdin()).ok();
    let remote = remote.and_then(|address| SocketAddr::try_from(address?).ok());
    let local = rustix::net::getsockname(io::stdin()).ok();
    let local = local.and_then(|address| SocketAddr::try_from(address).ok());
    Peer { remote, local: local.filter(|_| remote.is_some()) }
}
