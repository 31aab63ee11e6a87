//! The TCP connection: name to addresses, each in its turn, within the time allowed.

use crate::config::Settings;
use crate::config::options::AddressFamily;
use crate::exit::{Fatal, Result, os_words};
use crate::limits::ADDRESSES_MAX;
use crate::log;
use crate::proxy::{Opened, ProxyChild, Route, Stream};
use rustix::net::sockopt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tssh_forward::driver::LowWater;

/// Pause between two rounds over all addresses (`ConnectionAttempts`), as in ssh.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A connection to the server.
pub struct Connected {
    /// The socket.
    pub stream: Socket,
    /// Where it leads; nothing is known where a proxy carries it.
    pub address: Option<SocketAddr>,
    /// The proxy, which ends when this is dropped.
    pub proxy: Option<ProxyChild>,
    /// What is left of `ConnectTimeout` for the key exchange.
    pub time_left: Option<Duration>,
    /// For `IPQoS`, once it is known what the connection carries; nothing where a proxy has the
    /// socket.
    pub service: Option<Service>,
}

/// A second hold on the connection's socket. It must go soon: it would keep the connection open.
#[derive(Debug)]
pub struct Service {
    socket: OwnedFd,
    v6: bool,
}

impl Service {
    fn of(stream: &TcpStream, address: SocketAddr) -> Option<Self> {
        let socket = stream.as_fd().try_clone_to_owned().ok()?;
        Some(Self { socket, v6: address.is_ipv6() })
    }

    /// Sets the type-of-service byte of the packets; nothing leaves the system's own.
    pub fn set(self, value: Option<u8>) {
        let Some(value) = value else { return };
        let set = match self.v6 {
            false => sockopt::set_ip_tos(&self.socket, value),
            true => sockopt::set_ipv6_tclass(&self.socket, value.into()),
        };
        match set {
            Ok(()) => log::debug3(format_args!("set_sock_tos: set socket TOS 0x{value:02x}")),
            // A connection is worth more than its place in a queue.
            Err(error) => log::debug1(format_args!("setsockopt socket TOS 0x{value:02x}: {error}")),
        }
    }
}

impl Connected {
    /// The socket of a master, on which everything but the messages of RFC 4254 is over. Within a
    /// runtime.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn through(master: std::os::unix::net::UnixStream) -> Result<Self> {
        let prepare = || {
            master.set_nonblocking(true)?;
            tokio::net::UnixStream::from_std(master)
        };
        let stream = prepare().map_err(|error| Fatal::new(os_words(&error)))?;
        let stream = Socket::Proxy(Box::new(stream));
        Ok(Self { stream, address: None, proxy: None, time_left: None, service: None })
    }
}

/// The stream that carries the connection.
pub enum Socket {
    /// Our own.
    Tcp(TcpStream),
    /// A proxy's.
    Proxy(Box<dyn Stream>),
}

/// Connects to the server that the settings name, or has somebody else do it: then no name is
/// looked up here.
///
/// # Errors
/// ssh's line about the last address that was tried, or about the name, or about the proxy.
pub async fn connect(settings: &Settings, route: &Route) -> Result<Connected> {
    let Some(opened) = route.open().await? else { return direct(settings).await };
    let Opened { stream, peer, child } = opened;
    Ok(Connected {
        stream: Socket::Proxy(stream),
        address: peer,
        proxy: child,
        time_left: settings.connect_timeout,
        service: None,
    })
}

async fn direct(settings: &Settings) -> Result<Connected> {
    let addresses = resolve(settings).await?;
    let mut last = String::from("failure");
    let mut deadline = None;
    for attempt in 0..settings.connection_attempts {
        if attempt > 0 {
            tokio::time::sleep(RETRY_PAUSE).await;
            log::debug1("Trying again...");
        }
        // Each round has the whole time, shared by its addresses.
        deadline = settings.connect_timeout.map(|timeout| Instant::now() + timeout);
        for address in &addresses {
            log::debug1(format_args!(
                "Connecting to {} [{}] port {}.",
                settings.host_name,
                address.ip(),
                address.port()
            ));
            match one(settings, *address, deadline).await {
                Ok(stream) => {
                    log::debug1("Connection established.");
                    let left = |at: Instant| at.saturating_duration_since(Instant::now());
                    let time_left = deadline.map(left);
                    // Small packets leave at once; the driver batches by itself. Where the option
                    // is refused the connection still works.
                    let _ = stream.set_nodelay(true);
                    let service = Service::of(&stream, *address);
                    let (stream, address) = (Socket::Tcp(stream), Some(*address));
                    return Ok(Connected { stream, address, proxy: None, time_left, service });
                }
                Err(words) => {
                    let (ip, port) = (address.ip(), address.port());
                    log::debug1(format_args!("connect to address {ip} port {port}: {words}"));
                    last = words;
                }
            }
        }
    }
    let _ = deadline;
    Err(Fatal::new(format!(
        "ssh: connect to host {} port {}: {last}",
        settings.host_name, settings.port
    )))
}

async fn resolve(settings: &Settings) -> Result<Vec<SocketAddr>> {
    let host = settings.host_name.as_str();
    let fail = |words: &str| Fatal::new(format!("ssh: Could not resolve hostname {host}: {words}"));
    let found = lookup_host((host, settings.port)).await.map_err(|error| {
        let words = os_words(&error);
        // Rust puts its own words in front of the resolver's.
        fail(words.rsplit_once("information: ").map_or(words.as_str(), |(_, words)| words))
    })?;
    let wanted: Vec<SocketAddr> = found
        .filter(|address| match settings.address_family {
            AddressFamily::Any => true,
            AddressFamily::Inet => address.is_ipv4(),
            AddressFamily::Inet6 => address.is_ipv6(),
        })
        .take(ADDRESSES_MAX)
        .collect();
    if wanted.is_empty() {
        return Err(fail("Address family for hostname not supported"));
    }
    Ok(wanted)
}

/// Tries one address; the error is in the system's words.
async fn one(
    settings: &Settings,
    address: SocketAddr,
    deadline: Option<Instant>,
) -> std::result::Result<TcpStream, String> {
    let words = |error: std::io::Error| os_words(&error);
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(words)?;
    socket.set_keepalive(settings.tcp_keep_alive).map_err(words)?;
    if let Some(interface) = &settings.bind_interface {
        let bound = socket.bind_device(Some(interface.as_bytes()));
        bound.map_err(|error| format!("bind interface {interface}: {}", os_words(&error)))?;
    }
    if let Some(bind) = &settings.bind_address {
        let from = bind_address(bind, address).await?;
        let bound = socket.bind(SocketAddr::new(from, 0));
        bound.map_err(|error| format!("bind {bind}: {}", os_words(&error)))?;
    }
    let connecting = socket.connect(address);
    let Some(deadline) = deadline else { return connecting.await.map_err(words) };
    match tokio::time::timeout_at(deadline.into(), connecting).await {
        Ok(result) => result.map_err(words),
        Err(_) => Err("Connection timed out".to_owned()),
    }
}

/// The address of `-b` in the family of the target.
async fn bind_address(bind: &str, target: SocketAddr) -> std::result::Result<IpAddr, String> {
    let found = lookup_host((bind, 0)).await;
    let mut found = found.map_err(|error| format!("bind address {bind}: {}", os_words(&error)))?;
    found
        .find(|address| address.is_ipv4() == target.is_ipv4())
        .map(|address| address.ip())
        .ok_or_else(|| format!("bind address {bind} is of another address family"))
}

impl Socket {
    /// The mark from which on what waits on it wakes the driver. A proxy's has none: it may be
    /// anything.
    #[must_use]
    pub fn low_water(&self) -> Option<LowWater> {
        match self {
            Self::Tcp(stream) => LowWater::of(stream),
            Self::Proxy(_) => None,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Proxy(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Proxy(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Proxy(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Proxy(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::config::Options;

    fn try_connect(host: &str, edit: impl FnOnce(&mut Options)) -> Result<Connected> {
        let mut options = Options::default();
        edit(&mut options);
        let settings = Settings::resolve(&options, host, &Account::current(), |_| Vec::new())?;
        crate::test_support::block_on(connect(&settings, &Route::Direct))
    }

    #[test]
    fn refusals_are_told_in_ssh_words() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connected = try_connect("127.0.0.1", |o| o.port = Some(port)).unwrap();
        assert_eq!(connected.address.unwrap().port(), port);
        assert_eq!(connected.time_left, None);
        let bound = try_connect("127.0.0.1", |o| {
            o.port = Some(port);
            o.bind_address = Some("127.0.0.2".into());
            o.connect_timeout = Some(9);
        });
        let bound = bound.unwrap();
        let Socket::Tcp(tcp) = &bound.stream else { panic!("a proxy") };
        assert_eq!(tcp.local_addr().unwrap().ip().to_string(), "127.0.0.2");
        assert!(bound.time_left.unwrap() <= Duration::from_secs(9));
        // A port that the kernel chose and that was let go may be another test's by then.
        let refused = try_connect("127.0.0.1", |o| o.port = Some(1)).err().unwrap();
        let text = "ssh: connect to host 127.0.0.1 port 1: Connection refused";
        assert_eq!(refused.message, text);
        let family = try_connect("127.0.0.1", |o| o.address_family = Some(AddressFamily::Inet6));
        assert!(
            family.err().unwrap().message.starts_with("ssh: Could not resolve hostname 127.0.0.1")
        );
    }
}
