//! Who listens where, as the kernel has it in `/proc/net/tcp` and `/proc/net/tcp6`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How `/proc/net/tcp` writes the state of a listener.
const LISTEN: &str = "0A";

/// The addresses on which anybody listens at `port`. A port that was promised to a test is used
/// by what it started alone.
///
/// # Panics
/// When the kernel does not tell.
#[must_use]
pub fn listening(port: u16) -> BTreeSet<IpAddr> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let [Ok(four), six] = tables else { panic!("no /proc/net/tcp") };
    // A machine without IPv6 has no second table.
    let six = six.unwrap_or_default();
    let lines = four.lines().chain(six.lines());
    lines.filter_map(listener).filter(|(_, at)| *at == port).map(|(address, _)| address).collect()
}

/// The same as text, in order, such as `127.0.0.1 ::1`.
#[must_use]
pub fn listening_text(port: u16) -> String {
    let addresses: Vec<String> = listening(port).iter().map(IpAddr::to_string).collect();
    addresses.join(" ")
}

fn listener(line: &str) -> Option<(IpAddr, u16)> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    Some((self::address(address)?, u16::from_str_radix(port, 16).ok()?))
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
        }
        assert_eq!(listening(1), BTreeSet::new());
    }
}
