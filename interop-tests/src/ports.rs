//! Ports that a test promises to a process before that process binds them.
//!
//! A port that the kernel chose and that was let go again belongs to nobody: the kernel may give
//! it to the next listener that asks for any port, and whoever polls the promised one then talks
//! to a stranger. So promised ports lie where the kernel never chooses, and each is promised once.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, OnceLock};

/// Where promised ports begin: above the displays of X servers and what services usually have.
const LOWEST: u16 = 10_000;
/// Fewer ports than this are too few for tests that run beside each other.
const FEWEST: u16 = 1000;
/// Where Linux begins to choose ports itself when nobody said otherwise.
const CHOSEN_FROM: u16 = 32_768;
/// How far apart two processes begin: more than one of them usually asks for.
const STRIDE: u32 = 151;

/// What this process was promised so far: the next port to look at, and the marks of those taken.
struct Promised {
    range: RangeInclusive<u16>,
    next: u16,
    // A name that only one process can hold, and that goes with the process that held it.
    marks: Vec<UnixListener>,
}

/// A port that nobody listens on, on either loopback address, and that no other caller in any
/// process that asks here gets while this process lives.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static PROMISED: OnceLock<Mutex<Promised>> = OnceLock::new();
    let promised = PROMISED.get_or_init(|| Mutex::new(Promised::new(std::process::id())));
    promised.lock().expect("no panic while locked").another()
}

impl Promised {
    fn new(process: u32) -> Self {
        let chosen = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let range = range(&chosen.unwrap_or_default());
        let size = u32::from(range.end() - range.start()) + 1;
        let begin = process.wrapping_mul(STRIDE) % size;
        let next = range.start() + u16::try_from(begin).expect("less than the range has");
        Self { range, next, marks: Vec::new() }
    }

    fn another(&mut self) -> u16 {
        for _ in self.range.clone() {
            let port = self.next;
            self.next = if port == *self.range.end() { *self.range.start() } else { port + 1 };
            let name = format!("tssh-test-port-{port}");
            let mark = std::os::unix::net::SocketAddr::from_abstract_name(name)
                .and_then(|name| UnixListener::bind_addr(&name));
            let Ok(mark) = mark else { continue };
            if is_free(port) {
                self.marks.push(mark);
                return port;
            }
        }
        panic!("none of the ports {:?} is free", self.range);
    }
}

/// Ports that the kernel does not choose, given the range that it chooses from.
fn range(chosen: &str) -> RangeInclusive<u16> {
    let mut numbers = chosen.split_whitespace().map(str::parse);
    let mut next = |default| numbers.next().and_then(Result::ok).unwrap_or(default);
    let (first, last) = (next(CHOSEN_FROM), next(u16::MAX));
    if first >= LOWEST + FEWEST {
        LOWEST..=first - 1
    } else if last <= u16::MAX - FEWEST {
        last.max(LOWEST) + 1..=u16::MAX
    } else {
        // It chooses from everywhere: then at least callers of this function do not meet.
        LOWEST..=CHOSEN_FROM - 1
    }
}

/// Whether nothing listens at the port of either loopback address, nor at a wildcard.
fn is_free(port: u16) -> bool {
    let loopback: [SocketAddr; 2] =
        [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
    loopback.into_iter().all(|address| match TcpListener::bind(address) {
        Ok(_) => true,
        // A machine may be without IPv6.
        Err(error) => address.is_ipv6() && error.kind() != std::io::ErrorKind::AddrInUse,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_is_never_what_the_kernel_chooses() {
        assert_eq!(range("32768\t60999\n"), 10_000..=32_767);
        assert_eq!(range("1024\t60999\n"), 61_000..=65_535);
        assert_eq!(range("1024\t9000\n"), 10_001..=65_535);
        assert_eq!(range("1024\t65535\n"), 10_000..=32_767);
        assert_eq!(range(""), 10_000..=32_767);
    }

    #[test]
    fn no_port_is_promised_twice_or_while_it_is_taken() {
        let ports: std::collections::BTreeSet<u16> = (0..200).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 200);
        // Two processes with the same place to begin.
        let (mut one, mut other) = (Promised::new(7), Promised::new(7));
        let taken = one.another();
        assert_ne!(other.another(), taken);
        other.next = taken;
        assert_ne!(other.another(), taken);
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
        if let Ok(address) = listener.as_ref().map(|listener| listener.local_addr().unwrap()) {
            assert!(!is_free(address.port()));
        }
    }
}
