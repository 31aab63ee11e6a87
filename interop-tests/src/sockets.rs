//! Who listens where, as the kernel has it in `/proc/net/tcp`, `/proc/net/tcp6` and
//! `/proc/net/unix`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// How `/proc/net/tcp` writes the state of a listener.
const LISTEN: &str = "0A";
/// How `/proc/net/unix` flags a listener: SO_ACCEPTCON of the kernel.
const UNIX_LISTEN: &str = "00010000";

/// A line of the tables of TCP.
struct Listener {
    address: IpAddr,
    port: u16,
    inode: u64,
}

/// The addresses on which anybody listens at `port`. A port that was promised to a test is used
/// by what it started alone.
///
/// # Panics
/// When the kernel does not tell.
#[must_use]
pub fn listening(port: u16) -> BTreeSet<IpAddr> {
    listeners(port).into_iter().map(|listener| listener.address).collect()
}

/// The inodes of the sockets that listen at `port`, by which their processes can be found.
///
/// # Panics
/// When the kernel does not tell.
#[must_use]
pub fn listening_inodes(port: u16) -> Vec<u64> {
    listeners(port).into_iter().map(|listener| listener.inode).collect()
}

/// The inode of the socket that listens at `path`.
///
/// # Panics
/// When the kernel does not tell.
#[must_use]
pub fn listening_inode_at(path: &Path) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/unix").expect("/proc/net/unix");
    let path = path.to_str()?;
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (flags, inode) = (words.nth(3)?, words.nth(2)?);
        (flags == UNIX_LISTEN && words.next() == Some(path)).then(|| inode.parse().ok())?
    })
}

fn listeners(port: u16) -> Vec<Listener> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let [Ok(four), six] = tables else { panic!("no /proc/net/tcp") };
    // A machine without IPv6 has no second table.
    let six = six.unwrap_or_default();
    let lines = four.lines().chain(six.lines());
    lines.filter_map(listener).filter(|listener| listener.port == port).collect()
}

/// The same as text, in order, such as `127.0.0.1 ::1`.
#[must_use]
pub fn listening_text(port: u16) -> String {
    let addresses: Vec<String> = listening(port).iter().map(IpAddr::to_string).collect();
    addresses.join(" ")
}

fn listener(line: &str) -> Option<Listener> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    let (address, port) = (self::address(address)?, u16::from_str_radix(port, 16).ok()?);
    // Behind the state: queues, timer, retransmissions, user, timeout.
    Some(Listener { address, port, inode: words.nth(5)?.parse().ok()? })
}

/// Words of 32 bits, each in the order of the machine's bytes.
fn address(text: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = (0..text.len() / 8)
        .map(|at| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect();
    let bytes = words?.concat();
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(four).into());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn listeners_are_found_with_their_addresses() {
        for address in ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1"] {
            // A machine may be without IPv6.
            let Ok(listener) = TcpListener::bind((address, 0)) else { continue };
            let port = listener.local_addr().expect("an address").port();
            assert!(listening(port).contains(&address.parse().expect("an address")), "{address}");
            assert!(own_sockets().contains(&listening_inodes(port)[0]), "{address}");
        }
        assert_eq!(listening(1), BTreeSet::new());
    }

    #[test]
    fn listeners_are_found_by_their_paths() {
        let folder = crate::scratch::Scratch::new();
        let path = folder.join("socket");
        assert_eq!(listening_inode_at(&path), None);
        let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        assert!(own_sockets().contains(&listening_inode_at(&path).expect("a listener")));
    }

    /// The inodes of all sockets of this process.
    fn own_sockets() -> Vec<u64> {
        let files = std::fs::read_dir("/proc/self/fd").expect("open files").flatten();
        let names = files.flat_map(|file| std::fs::read_link(file.path()));
        let inode = |name: &str| name.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
        names.filter_map(|name| inode(name.to_str()?)).collect()
    }
}
