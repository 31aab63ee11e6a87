//! What stands at the far end of a tunnel: takes, sends or echoes streams, as each asks.
//!
//! A stream begins with a head of 24 bytes: its number, what it wants, and how many bytes (0 for
//! no end). The target answers one byte, and from then on the tunnel carries nothing but what is
//! measured. Of what it took, it says at last in one byte whether it was right.

use super::stream;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Where data flows: up is from the load, through the client and the server, to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the load to the target.
    Up,
    /// From the target to the load.
    Down,
    /// Each way at once.
    Both,
    /// The target sends back what comes.
    Echo,
}

impl Way {
    /// As names of rows have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
            Self::Echo => "echo",
        }
    }

    /// As the far end of the tunnel sees it.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            other => other,
        }
    }

    /// Whether the load sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::Up | Self::Both)
    }

    /// Whether the target sends.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

const HEAD_BYTES: usize = 24;
/// What both ends say where all is well.
pub const GOOD: u8 = 0x2b;
/// The streams of the two ways of one connection are different ones.
pub const DOWN_OFFSET: u64 = 1000;

/// Begins a stream at the load's end: the head, and the target's answer.
///
/// # Errors
/// Those of the connection.
pub fn begin(connection: &mut TcpStream, number: u64, way: Way, bytes: u64) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&number.to_be_bytes());
    head[8] = way as u8;
    head[16..].copy_from_slice(&bytes.to_be_bytes());
    connection.write_all(&head)?;
    expect_good(connection)
}

/// One byte that says that all is well.
///
/// # Errors
/// Those of the connection, and any other byte.
pub fn expect_good(connection: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0];
    connection.read_exact(&mut answer)?;
    if answer == [GOOD] { Ok(()) } else { Err(io::Error::other("the target got other bytes")) }
}

/// A target on a free port of 127.0.0.1.
pub struct Target {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    /// Starts it.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the address of a listener").port();
        let over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if flag.load(Ordering::Acquire) {
                    return;
                }
                // What goes wrong with a stream is noticed at its other end.
                std::thread::spawn(move || serve(connection));
            }
        });
        Self { port, over, thread: Some(thread) }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // One more connection, for the thread to look at the flag.
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn serve(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut head = [0; HEAD_BYTES];
    connection.read_exact(&mut head)?;
    let number = |at: usize| {
        let bytes = head[at..at + 8].try_into().expect("eight bytes");
        u64::from_be_bytes(bytes)
    };
    let (stream, bytes) = (number(0), Some(number(16)).filter(|bytes| *bytes > 0));
    let is = |way: Way| head[8] == way as u8;
    connection.write_all(&[GOOD])?;
    if is(Way::Echo) {
        return echo(&mut connection);
    }
    let up = is(Way::Up) || is(Way::Both);
    let sender = (is(Way::Down) || is(Way::Both)).then(|| connection.try_clone()).transpose()?;
    let sender = sender.map(|to| std::thread::spawn(move || send(to, stream, bytes, !up)));
    let mut verdict = Ok(());
    if up {
        verdict = stream::receive(&mut connection, stream, bytes, &AtomicU64::new(0));
    }
    if let Some(sender) = sender {
        let _ = sender.join();
    }
    if up {
        connection.write_all(&[if verdict.is_ok() { GOOD } else { b'-' }])?;
    }
    connection.shutdown(Shutdown::Write)?;
    // Until the load has gone: who ends first waits in TIME-WAIT, and that is not the target.
    while connection.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// Sends when the load says so: all of its streams are there by then.
fn send(mut to: TcpStream, stream: u64, bytes: Option<u64>, wait: bool) -> io::Result<()> {
    if wait {
        expect_good(&mut to)?;
    }
    let (go_on, count) = (AtomicBool::new(true), AtomicU64::new(0));
    stream::send(&mut to, stream + DOWN_OFFSET, bytes, &go_on, &count)
}

fn echo(connection: &mut TcpStream) -> io::Result<()> {
    let mut piece = [0; 4096];
    loop {
        match connection.read(&mut piece)? {
            0 => return connection.shutdown(Shutdown::Write),
            n => connection.write_all(&piece[..n])?,
        }
    }
}
