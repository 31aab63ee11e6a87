//! Services at the far end of a lesson and programs at its near end: all of them plain sockets
//! that know nothing of SSH.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Nothing in a lesson takes as long; whoever waits longer gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The first words of the mail service.
pub const GREETING: &str = "* OK toy IMAP4rev1 service ready";
/// What the mail reader gives away.
pub const SECRET: &str = "LOGIN reader open-sesame";
/// Ports from here on are left alone by the kernel when it chooses one.
const PORTS_FROM: u16 = 20_000;
const PORTS: u16 = 12_000;
/// Ports that are looked at before there is none.
const PORT_TRIES: u16 = 200;

/// What a service saw, one entry for each connection.
#[derive(Debug, Clone, Default)]
pub struct Visits {
    /// Whom it took for its peers.
    pub peers: Vec<SocketAddr>,
    /// The first line of each.
    pub lines: Vec<String>,
}

/// A service on a loopback address.
pub struct Service {
    pub port: u16,
    visits: Arc<Mutex<Visits>>,
    /// Bytes that it has written.
    pub written: Arc<AtomicU64>,
}

/// What a service does with a connection.
type Serve = fn(TcpStream, &Service) -> io::Result<()>;

impl Service {
    /// A mail service that greets, reads a line, thanks for it and ends.
    pub fn mail() -> io::Result<Self> {
        Self::start(|mut stream, service| {
            stream.write_all(format!("{GREETING}\r\n").as_bytes())?;
            let mut line = String::new();
            BufReader::new(stream.try_clone()?).read_line(&mut line)?;
            service.note(|visits| visits.lines.push(line.trim_end().to_owned()));
            stream.write_all(b"a1 OK done\r\n")
        })
    }

    /// A service that gives everything back.
    pub fn echo() -> io::Result<Self> {
        Self::start(|stream, service| {
            let mut reader = stream.try_clone()?;
            let mut writer = stream;
            let mut piece = vec![0; 64 * 1024];
            loop {
                let n = reader.read(&mut piece)?;
                if n == 0 {
                    return writer.shutdown(std::net::Shutdown::Write);
                }
                writer.write_all(&piece[..n])?;
                service.written.fetch_add(n as u64, Ordering::Relaxed);
            }
        })
    }

    /// A service that reads to the end and then says how many bytes there were.
    pub fn counter() -> io::Result<Self> {
        Self::start(|mut stream, _| {
            let mut all = Vec::new();
            stream.read_to_end(&mut all)?;
            stream.write_all(format!("{} bytes, and then the end\n", all.len()).as_bytes())
        })
    }

    /// A service that writes [`FLOOD_BYTES`] as fast as it can.
    pub fn flood() -> io::Result<Self> {
        Self::start(|mut stream, service| {
            // Whoever reads takes its time, and that is the point.
            stream.set_write_timeout(None)?;
            let block = vec![b'.'; 64 * 1024];
            let mut left = FLOOD_BYTES;
            while left > 0 {
                let n = stream
                    .write(&block[..block.len().min(usize::try_from(left).unwrap_or(0).max(1))])?;
                left -= n as u64;
                service.written.fetch_add(n as u64, Ordering::Relaxed);
            }
            Ok(())
        })
    }

    fn start(serve: Serve) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let own = || Self { port, visits: Arc::default(), written: Arc::default() };
        let service = own();
        let shared = Self {
            visits: Arc::clone(&service.visits),
            written: Arc::clone(&service.written),
            port,
        };
        let shared = Arc::new(shared);
        named("service", move || {
            for stream in listener.incoming().flatten() {
                let (Ok(peer), shared) = (stream.peer_addr(), Arc::clone(&shared)) else {
                    continue;
                };
                shared.note(|visits| visits.peers.push(peer));
                // A thread for each: lessons have a handful of connections.
                let _ = named("visit", move || {
                    // What went wrong with one visit is seen by whoever came.
                    let _ = limited(&stream).and_then(|()| serve(stream, &shared));
                });
            }
        })?;
        Ok(service)
    }

    fn note(&self, act: impl FnOnce(&mut Visits)) {
        act(&mut self.visits.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn visits(&self) -> Visits {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Bytes of the flood: more than the largest window and all buffers on the way together.
pub const FLOOD_BYTES: u64 = 128 << 20;

/// A thread with a name.
pub fn named(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

fn limited(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// Connects as any program would.
pub fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    let first = addresses.first().ok_or(io::ErrorKind::NotFound)?;
    let stream = TcpStream::connect_timeout(first, PATIENCE)?;
    limited(&stream)?;
    Ok(stream)
}

/// What the mail reader got.
#[derive(Debug, Clone)]
pub struct Mail {
    pub greeting: String,
    /// The reader's own socket.
    pub from: SocketAddr,
}

/// Reads mail: the greeting, a login, and all to the end.
pub fn read_mail(port: u16) -> io::Result<Mail> {
    converse(connect((Ipv4Addr::LOCALHOST, port))?)
}

/// The same on a connection that is there.
pub fn converse(mut stream: TcpStream) -> io::Result<Mail> {
    let from = stream.local_addr()?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut greeting = String::new();
    reader.read_line(&mut greeting)?;
    stream.write_all(format!("a1 {SECRET}\r\n").as_bytes())?;
    let mut rest = String::new();
    reader.read_to_string(&mut rest)?;
    let greeting = greeting.trim_end().to_owned();
    Ok(Mail { greeting, from })
}

/// Whether somebody takes connections there.
pub fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, PATIENCE).is_ok()
}

/// A port that nobody listens on, of either family, outside of those that the kernel gives away.
pub fn free_port() -> io::Result<u16> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|e| io::Error::other(e.to_string()))?;
    let start = u16::from_ne_bytes(random) % PORTS;
    let ports = (0..PORT_TRIES).map(|i| PORTS_FROM + (start + i) % PORTS);
    let free = |port: &u16| {
        let six = TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, *port));
        let six = six.is_ok() || six.is_err_and(|e| e.kind() != io::ErrorKind::AddrInUse);
        six && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    ports.into_iter().find(free).ok_or_else(|| io::Error::other("no port is free"))
}
