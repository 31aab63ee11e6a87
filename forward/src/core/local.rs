//! `-L`: which addresses a bind address means, and the words for what goes wrong.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the client prints when none of its local forwards could be set up.
pub const NONE_SET_UP: &str = "Could not request local forwarding.";

/// The addresses that a bind address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind<'a> {
    /// The loopback addresses of both families.
    Loopback,
    /// Every address of both families.
    Wildcard,
    /// Exactly what this literal or name resolves to.
    Host(&'a str),
}

impl<'a> Bind<'a> {
    /// What `bind`, `None` where none was given, means with `GatewayPorts` off or on.
    ///
    /// An explicit address always wins over `GatewayPorts`, as on ssh's client side.
    #[must_use]
    pub fn of(bind: Option<&'a str>, gateway_ports: bool) -> Self {
        match bind {
            None if gateway_ports => Self::Wildcard,
            None | Some("localhost") => Self::Loopback,
            Some("" | "*") => Self::Wildcard,
            Some(host) => Self::Host(host),
        }
    }

    /// The socket addresses, or the name that has to be resolved first.
    ///
    /// IPv6 comes first, as `getaddrinfo` orders them: ssh prints an error for the last address
    /// only, and that one is IPv4.
    ///
    /// # Errors
    /// The name to resolve.
    pub fn addresses(self, port: u16) -> Result<Vec<SocketAddr>, &'a str> {
        let both = |v6: Ipv6Addr, v4: Ipv4Addr| {
            vec![SocketAddr::new(v6.into(), port), SocketAddr::new(v4.into(), port)]
        };
        match self {
            Self::Loopback => Ok(both(Ipv6Addr::LOCALHOST, Ipv4Addr::LOCALHOST)),
            Self::Wildcard => Ok(both(Ipv6Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED)),
            Self::Host(host) => match host.parse::<IpAddr>() {
                Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
                Err(_) => Err(host),
            },
        }
    }
}

/// Why an address could not be listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindCause {
    /// Somebody else listens there.
    Busy,
    /// The user may not listen there.
    Forbidden,
    /// The machine has no such address, or not the family: nobody is surprised.
    NoFamily,
    /// Something else.
    Other,
}

/// One address that could not be listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindFault {
    /// The address.
    pub address: SocketAddr,
    /// The operating system's words.
    pub error: String,
    /// The reason behind them.
    pub cause: BindCause,
    /// It is the last of its forward's addresses: the one that ssh tells of unasked, the others
    /// with `-v`.
    pub last: bool,
}

impl std::fmt::Display for BindFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bind [{}]:{}: {}", self.address.ip(), self.address.port(), self.error)
    }
}

/// What ssh prints when no address of a forward could be listened on.
#[must_use]
pub fn cannot_listen(port: u16) -> String {
    format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}")
}

/// What ssh prints when a Unix socket could not be listened on.
#[must_use]
pub fn cannot_listen_unix(path: &str, error: &str) -> String {
    format!("unix_listener: cannot bind to path {path}: {error}")
}

/// What ssh prints when the bind address does not resolve.
#[must_use]
pub fn cannot_resolve(host: &str, error: &str) -> String {
    format!("channel_setup_fwd_listener_tcpip: getaddrinfo({host}): {error}")
}

/// What ssh prints when a forwarded connection could not be opened on the far side.
///
/// `reason` is the code of RFC 4254 section 5.1, `description` the peer's text, already made
/// harmless for a terminal.
#[must_use]
pub fn open_failed(channel: usize, reason: u32, description: &str) -> String {
    let reason = match reason {
        1 => "administratively prohibited",
        2 => "connect failed",
        3 => "unknown channel type",
        4 => "resource shortage",
        _ => "unknown reason",
    };
    let separator = if description.is_empty() { "" } else { ": " };
    format!("channel {channel}: open failed: {reason}{separator}{description}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client half of the table of bind addresses: eight spellings, `-g` off and on.
    #[test]
    fn bind_addresses_mean_what_they_mean_to_ssh() {
        use Bind::{Host, Loopback, Wildcard};
        for (bind, off, on) in [
            (None, Loopback, Wildcard),
            (Some(""), Wildcard, Wildcard),
            (Some("*"), Wildcard, Wildcard),
            (Some("localhost"), Loopback, Loopback),
            (Some("127.0.0.1"), Host("127.0.0.1"), Host("127.0.0.1")),
            (Some("::1"), Host("::1"), Host("::1")),
            (Some("0.0.0.0"), Host("0.0.0.0"), Host("0.0.0.0")),
            (Some("example.org"), Host("example.org"), Host("example.org")),
        ] {
            assert_eq!(Bind::of(bind, false), off, "{bind:?}");
            assert_eq!(Bind::of(bind, true), on, "{bind:?}");
        }
    }

    #[test]
    fn both_families_are_bound_and_ipv4_comes_last() {
        let text = |bind: Bind<'_>| {
            let addresses = bind.addresses(2001).unwrap();
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(text(Bind::Loopback), ["[::1]:2001", "127.0.0.1:2001"]);
        assert_eq!(text(Bind::Wildcard), ["[::]:2001", "0.0.0.0:2001"]);
        assert_eq!(text(Bind::Host("::1")), ["[::1]:2001"]);
        assert_eq!(Bind::Host("a.example").addresses(1), Err("a.example"));
    }

    #[test]
    fn faults_are_told_in_the_words_of_ssh() {
        let address = "127.0.0.1:2001".parse().unwrap();
        let fault = BindFault {
            address,
            error: "Address already in use".to_owned(),
            cause: BindCause::Busy,
            last: true,
        };
        assert_eq!(fault.to_string(), "bind [127.0.0.1]:2001: Address already in use");
        let words = "channel_setup_fwd_listener_tcpip: cannot listen to port: 2001";
        assert_eq!(cannot_listen(2001), words);
        for (reason, description, words) in [
            (2, "Connection refused", "channel 3: open failed: connect failed: Connection refused"),
            (1, "open failed", "channel 3: open failed: administratively prohibited: open failed"),
            (4, "", "channel 3: open failed: resource shortage"),
            (99, "x", "channel 3: open failed: unknown reason: x"),
        ] {
            assert_eq!(open_failed(3, reason, description), words);
        }
    }
}
