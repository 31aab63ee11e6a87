//! What a `ProxyCommand` of the tests runs: `dialer HOST PORT` joins its standard streams to a
//! TCP connection; `dialer --pass HOST PORT` passes the connected socket back through standard
//! output, as `ProxyUseFdpass` asks.

#![forbid(unsafe_code)]

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let pass = words.first().is_some_and(|word| word == "--pass");
    if pass {
        words.remove(0);
    }
    let [host, port] = words.as_slice() else { panic!("usage: dialer [--pass] HOST PORT") };
    let port = port.parse::<u16>().expect("a port");
    let socket = TcpStream::connect((host.as_str(), port)).expect("connect");
    if pass {
        return hand_over(&socket);
    }
    let mut up = socket.try_clone().expect("a copy of the socket");
    std::thread::spawn(move || {
        copy(&mut std::io::stdin(), &mut up);
        let _ = up.shutdown(Shutdown::Write);
    });
    copy(&mut &socket, &mut std::io::stdout());
}

/// Until either side is gone.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut piece = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..n]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn hand_over(socket: &TcpStream) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [socket.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)), "room for a descriptor");
    let byte = [IoSlice::new(&[0])];
    let stdout = std::io::stdout();
    sendmsg(stdout.as_fd(), &byte, &mut control, SendFlags::empty()).expect("pass the socket");
}
