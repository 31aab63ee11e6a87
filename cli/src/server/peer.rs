//! Who is at the other end, in the words of logs and of the session's environment.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// sshd's words for an end that is no socket.
const UNKNOWN: &str = "UNKNOWN";
const UNKNOWN_PORT: u16 = 65535;

/// Both ends of a connection; nothing where it is not a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peer {
    /// The client's end.
    pub remote: Option<SocketAddr>,
    /// Our end.
    pub local: Option<SocketAddr>,
}

fn host(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| UNKNOWN.to_owned(), |a| a.ip().to_canonical().to_string())
}

fn port(address: Option<SocketAddr>) -> u16 {
    address.map_or(UNKNOWN_PORT, |a| a.port())
}

impl Peer {
    /// The client's address.
    #[must_use]
    pub fn host(&self) -> String {
        host(self.remote)
    }

    /// The address for `from=` in authorized_keys. What is no TCP connection comes from an address
    /// that no pattern but `*` should match.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.remote.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |a| a.ip().to_canonical())
    }

    /// The value of SSH_CLIENT.
    #[must_use]
    pub fn ssh_client(&self) -> String {
        format!("{} {}", self.spaced(), port(self.local))
    }

    /// The value of SSH_CONNECTION.
    #[must_use]
    pub fn ssh_connection(&self) -> String {
        format!("{} {} {}", self.spaced(), host(self.local), port(self.local))
    }

    /// The local end as "ADDRESS port N".
    #[must_use]
    pub fn local_end(&self) -> String {
        format!("{} port {}", host(self.local), port(self.local))
    }

    fn spaced(&self) -> String {
        format!("{} {}", host(self.remote), port(self.remote))
    }
}

impl fmt::Display for Peer {
    /// The client's end as "ADDRESS port N".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", host(self.remote), port(self.remote))
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn the_words_are_those_of_sshd() {
        let remote = "[::ffff:10.0.0.1]:5000".parse().ok();
        let peer = Peer { remote, local: "[fe80::1]:22".parse().ok() };
        assert_eq!(peer.to_string(), "10.0.0.1 port 5000");
        assert_eq!(peer.ssh_client(), "10.0.0.1 5000 22");
        assert_eq!(peer.ssh_connection(), "10.0.0.1 5000 fe80::1 22");
        assert_eq!(Peer::default().to_string(), "UNKNOWN port 65535");
        assert_eq!(Peer::default().ssh_connection(), "UNKNOWN 65535 UNKNOWN 65535");
    }
}
