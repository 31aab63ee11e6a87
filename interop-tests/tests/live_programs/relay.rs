//! A link that can be cut, or go silent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The connections through a relay.
#[derive(Default)]
struct Links {
    sockets: Vec<TcpStream>,
    /// Connections that were there when this was counted up pass nothing more.
    silent_before: usize,
    taken: usize,
}

/// Passes TCP connections on to another port of 127.0.0.1.
pub struct Relay {
    port: u16,
    links: Arc<Mutex<Links>>,
}

impl Relay {
    /// A relay to `target`. Its threads end with their connections; the one that listens ends
    /// with the test.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let links = Arc::new(Mutex::new(Links::default()));
        let shared = Arc::clone(&links);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // A server that is gone ends the connection.
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { continue };
                join(&shared, &near, &far);
            }
        });
        Self { port, links }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection.
    pub fn cut(&self) {
        for socket in self.links.lock().expect("no panic while locked").sockets.drain(..) {
            // One that has ended already needs no end.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Lets every connection stand and pass nothing more; later ones pass.
    pub fn silence(&self) {
        let mut links = self.links.lock().expect("no panic while locked");
        links.silent_before = links.taken;
    }
}

fn join(links: &Arc<Mutex<Links>>, near: &TcpStream, far: &TcpStream) {
    let copy = |socket: &TcpStream| socket.try_clone().expect("a copy of a socket");
    let mut held = links.lock().expect("no panic while locked");
    let number = held.taken;
    held.taken += 1;
    held.sockets.extend([copy(near), copy(far)]);
    drop(held);
    for (from, to) in [(copy(near), copy(far)), (copy(far), copy(near))] {
        let links = Arc::clone(links);
        std::thread::spawn(move || pass(&links, number, &from, &to));
    }
}

fn pass(links: &Mutex<Links>, number: usize, mut from: &TcpStream, mut to: &TcpStream) {
    let mut piece = [0; 16 * 1024];
    while let Ok(taken @ 1..) = from.read(&mut piece) {
        let silent = number < links.lock().expect("no panic while locked").silent_before;
        if !silent && to.write_all(&piece[..taken]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
