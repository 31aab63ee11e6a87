//! The peer on a socket, against a program.

use super::fight::{CURVE, MODES, user_key};
use super::raw::{Offer, Raw};
use crate::process::PATIENCE;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use tssh_transport::Side;
use tssh_transport::messages::transport::{ServiceAccept, ServiceRequest};
use tssh_transport::wire::Message;

/// The peer and its socket. What it waits for and does not come ends the test that waits.
pub struct Wire {
    /// Makes and understands packets.
    pub raw: Raw,
    /// The socket; reads wait as long as a test has patience.
    pub stream: TcpStream,
}

impl Wire {
    fn new(side: Side, stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
        stream.set_nodelay(true).expect("packets that leave at once");
        let marker = if side.is_client() { "c" } else { "s" };
        let offer = Offer {
            kex: format!("{CURVE},ext-info-{marker},kex-strict-{marker}-v00@openssh.com"),
            cipher: MODES[0].0,
            mac: MODES[0].1,
            compression: "none",
            guesses: false,
        };
        Self { raw: Raw::new(side, offer, user_key()), stream }
    }

    /// A client of a server that listens on a port of this machine.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        Self::new(Side::Client, stream)
    }

    /// A server for one client, on a port of this machine; gives the port, and a thread that ends
    /// when `script` does.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn serve(script: impl FnOnce(&mut Self) + Send + 'static) -> (u16, JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the address of a listener").port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            script(&mut Self::new(Side::Server, stream));
        });
        (port, thread)
    }

    /// Writes bytes as they are. A program that has gone away is no fault of a test.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a packet.
    pub fn send(&mut self, payload: &[u8]) {
        let packet = self.raw.packet(payload);
        self.write(&packet);
    }

    /// Sends a packet with a message.
    pub fn say<'m>(&mut self, message: &impl Message<'m>) {
        self.send(&message.payload());
    }

    /// Takes what has come, or comes. False when nothing more will.
    fn take(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let n = self.stream.read(&mut piece).unwrap_or(0);
        self.raw.receive(&piece[..n]);
        n > 0
    }

    /// Waits for a message with this number; what comes before it is dropped. None when the
    /// program goes away first.
    pub fn until(&mut self, number: u8) -> Option<Vec<u8>> {
        loop {
            while let Some(payload) = self.raw.payloads.pop_front() {
                if payload.first() == Some(&number) {
                    return Some(payload);
                }
            }
            if !self.take() {
                return None;
            }
        }
    }

    /// Waits for the end of the connection.
    pub fn until_the_end(&mut self) {
        while self.take() {}
    }

    /// Whether nothing comes for so long.
    ///
    /// # Panics
    /// When no limit can be set for reads.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a limit for reads");
        let outcome = self.stream.read(&mut [0; 1]);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
        outcome.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Says who it is, and what it offers.
    pub fn greet(&mut self) {
        self.write(&Raw::hello());
        let kexinit = self.raw.kexinit();
        self.send(&kexinit);
    }

    /// The first key exchange, from the greeting on. Nothing where the program goes away.
    pub fn exchange(&mut self) -> Option<()> {
        self.greet();
        self.exchange_on()
    }

    /// A key exchange behind its KEXINIT.
    pub fn exchange_on(&mut self) -> Option<()> {
        self.until(20)?;
        if self.raw.side.is_client() {
            let share = self.raw.share();
            self.send(&share);
            self.until(31)?;
        } else {
            self.until(30)?;
            let reply = self.raw.reply.take()?;
            self.send(&reply);
        }
        self.until(21)?;
        let packet = self.raw.new_keys();
        self.write(&packet);
        Some(())
    }

    /// Asks a server for its service, or grants it to a client and waits for its first request.
    pub fn service(&mut self) -> Option<()> {
        if self.raw.side.is_client() {
            self.say(&ServiceRequest::new(b"ssh-userauth"));
            self.until(6)?;
        } else {
            self.until(5)?;
            self.say(&ServiceAccept::new(b"ssh-userauth"));
            self.until(50)?;
        }
        Some(())
    }

    /// All of it: a client logs in as `user`, a server lets everybody in.
    pub fn log_in(&mut self, user: &str) -> Option<()> {
        self.exchange()?;
        self.service()?;
        if self.raw.side.is_client() {
            let request = self.raw.signed_request(user.as_bytes());
            self.send(&request);
            self.until(52)?;
        } else {
            self.send(&[52]);
        }
        Some(())
    }
}
