//! `ProxyUseFdpass`: the program connects, passes the socket to us through its standard output,
//! and is gone.

use super::Opened;
use super::child::{failed, shell_on_socket};
use crate::exit::{Fatal, Result};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, getpeername, recvmsg};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use tokio::net::TcpStream;

/// Starts the program and waits for the socket, and for the program's end, as ssh does.
pub async fn open(command: &str) -> Result<Opened> {
    let (mut child, socket) = shell_on_socket(command)?;
    let received = tokio::task::spawn_blocking(move || {
        let received = receive(&socket);
        drop(socket);
        child.wait();
        received
    });
    let nothing = || Fatal::new("proxy dialer did not pass back a connection");
    let passed = received.await.map_err(|_| nothing())?.ok_or_else(nothing)?;
    let peer = getpeername(&passed).ok().flatten();
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    // tokio's type does for any socket of a stream what it does for one of TCP.
    let stream = std::net::TcpStream::from(passed);
    let stream = stream
        .set_nonblocking(true)
        .and_then(|()| TcpStream::from_std(stream))
        .map_err(|error| failed(&error))?;
    // Where there is no such option the connection still works.
    let _ = stream.set_nodelay(true);
    Ok(Opened { stream: Box::new(stream), peer, child: None })
}

/// One message with one descriptor; nothing where it has none.
fn receive(socket: &UnixStream) -> Option<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let message = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)
    });
    if message.ok()?.bytes == 0 {
        return None;
    }
    control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    })
}
