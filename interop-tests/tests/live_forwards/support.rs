//! What the tests of this folder share: busy ports, and streams through forwards.

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
pub use tssh_interop_tests::each_pair;
pub use tssh_interop_tests::pair::{Holder, Pair, STRICT, lacks};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::PATIENCE;

/// Listeners that keep a port busy.
pub struct Busy {
    /// The port, of both loopback addresses or of 127.0.0.1.
    pub port: u16,
    _listeners: Vec<TcpListener>,
}

impl Busy {
    /// Of both families.
    pub fn both() -> Self {
        let mut busy = Self::four();
        // A machine without IPv6 has only the one family to be busy in.
        busy._listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, busy.port)));
        busy
    }

    /// Of IPv4 alone.
    pub fn four() -> Self {
        let port = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a promised port");
        Self { port, _listeners: vec![listener] }
    }
}

/// A connection to a port of 127.0.0.1, whose reads and writes end after [`PATIENCE`].
#[track_caller]
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to a forward");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit for writes");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// All that the service at the other end of a forward says before it ends.
#[track_caller]
pub fn all_of(mut stream: impl Read) -> String {
    let mut text = String::new();
    // A forward that is refused may end in an orderly way or with a reset.
    let _ = stream.read_to_string(&mut text);
    text
}
