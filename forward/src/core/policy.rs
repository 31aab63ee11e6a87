//! What a server lets its clients forward, and where it may listen for them.

use crate::core::pattern;
use crate::core::services::Services;

/// What a peer may forward through us. The default permits nothing: that is a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether direct-tcpip channels are allowed at all (`AllowTcpForwarding yes`, `all`, `local`).
    pub tcp_local: bool,
    /// Whether `tcpip-forward` is allowed at all (`AllowTcpForwarding yes`, `all`, `remote`).
    pub tcp_remote: bool,
    /// Which targets direct-tcpip channels may name (`PermitOpen`).
    pub permit_open: PermitOpen,
    /// Where `tcpip-forward` may listen (`PermitListen`).
    pub permit_listen: PermitListen,
    /// Whether direct-streamlocal channels are allowed (`AllowStreamLocalForwarding`).
    pub streamlocal_local: bool,
    /// Whether `streamlocal-forward` is allowed (`AllowStreamLocalForwarding`).
    pub streamlocal_remote: bool,
    /// Which addresses `tcpip-forward` may have bound (`GatewayPorts`).
    pub gateway_ports: GatewayPorts,
    /// How Unix sockets are made for the peer.
    pub stream_local_bind: StreamLocalBind,
    /// Whether the agent may be forwarded (`AllowAgentForwarding`).
    pub agent: bool,
    /// How X11 is forwarded, where it may be (`X11Forwarding`).
    pub x11: Option<X11Policy>,
    /// The application decides on every channel that the peer opens, and joins it to something:
    /// no connection is made here.
    pub relay: bool,
}

/// `GatewayPorts` of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GatewayPorts {
    /// Loopback only, whatever the client asks for.
    #[default]
    No,
    /// Every address, whatever the client asks for.
    Yes,
    /// What the client asks for.
    ClientSpecified,
}

/// How a Unix socket is made: `StreamLocalBindMask` and `StreamLocalBindUnlink`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLocalBind {
    /// The bits that its mode lacks.
    pub mask: u32,
    /// Whether a file that is in the way is removed.
    pub unlink: bool,
}

impl Default for StreamLocalBind {
    /// OpenSSH's: read and written by its owner only, and nothing is removed.
    fn default() -> Self {
        Self { mask: 0o177, unlink: false }
    }
}

/// How a server stands in for an X display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct X11Policy {
    /// The first display to try (`X11DisplayOffset`).
    pub display_offset: u32,
    /// Loopback only (`X11UseLocalhost`).
    pub use_localhost: bool,
    /// The program that keeps cookies (`XAuthLocation`).
    pub xauth: String,
}

impl Policy {
    /// What OpenSSH's server allows by default: every forward but X11.
    #[must_use]
    pub fn server() -> Self {
        Self {
            tcp_local: true,
            tcp_remote: true,
            streamlocal_local: true,
            streamlocal_remote: true,
            agent: true,
            ..Self::default()
        }
    }

    /// Whether a direct-tcpip channel to this host and port may be opened.
    ///
    /// The host is compared as the client wrote it, without a name lookup: `localhost`,
    /// `127.0.0.1` and `::1` are three different names.
    #[must_use]
    pub fn permits_open(&self, host: &str, port: u16) -> bool {
        self.tcp_local && self.permit_open.permits(host, port)
    }

    /// Whether `tcpip-forward` may ask for this address and port, both as on the wire.
    #[must_use]
    pub fn permits_listen(&self, address: &str, port: u16) -> bool {
        self.tcp_remote && self.permit_listen.permits(address, port)
    }
}

/// One line of a list of permits.
pub trait Rule {
    /// Whether it names this host and port, both as the client wrote them.
    fn matches(&self, host: &str, port: u16) -> bool;
}

/// What is permitted, by rules of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Permits<R> {
    /// Everything.
    #[default]
    Any,
    /// Nothing.
    None,
    /// What one of these names.
    Only(Vec<R>),
    /// What both permit: the configuration, and the key that logged in.
    Both(Box<(Self, Self)>),
}

/// The targets of `PermitOpen`, or of a client's `PermitRemoteOpen`.
pub type PermitOpen = Permits<Permit>;
/// The listening sides of `PermitListen`.
pub type PermitListen = Permits<ListenPermit>;

impl<R: Rule> Permits<R> {
    /// Whether this host and port are permitted, both as the client wrote them.
    #[must_use]
    pub fn permits(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Only(rules) => rules.iter().any(|rule| rule.matches(host, port)),
            Self::Both(both) => both.0.permits(host, port) && both.1.permits(host, port),
        }
    }

    /// What both permit.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => one,
            (Self::None, _) | (_, Self::None) => Self::None,
            both => Self::Both(Box::new(both)),
        }
    }
}

/// One `host:port` to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// The host as the client must write it; `None` for any.
    pub host: Option<String>,
    /// The port; `None` for any.
    pub port: Option<u16>,
}

impl Permit {
    /// Reads `host:port`, where either may be `*` and an IPv6 address stands in brackets.
    #[must_use]
    pub fn parse(text: &str, services: &Services) -> Option<Self> {
        let (host, port) = host_port(text, services)?;
        Some(Self { host: (host != "*").then(|| host.to_owned()), port })
    }
}

impl Rule for Permit {
    fn matches(&self, host: &str, port: u16) -> bool {
        self.host.as_deref().is_none_or(|own| own == host) && self.port.is_none_or(|p| p == port)
    }
}

/// One `[host:]port` to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenPermit {
    /// A pattern for the address as the client writes it on the wire: `*` stands for any text,
    /// `?` for any character.
    pub host: String,
    /// The port; `None` for any.
    pub port: Option<u16>,
}

impl ListenPermit {
    /// Reads `[host:]port`; a port alone stands for any host.
    #[must_use]
    pub fn parse(text: &str, services: &Services) -> Option<Self> {
        if !text.contains(':') {
            return Some(Self { host: "*".to_owned(), port: port_or_any(text, services)? });
        }
        let (host, port) = host_port(text, services)?;
        Some(Self { host: host.to_owned(), port })
    }
}

impl Rule for ListenPermit {
    fn matches(&self, address: &str, port: u16) -> bool {
        // A port that the server chooses is permitted only where any port is.
        self.port.is_none_or(|p| p == port && port != 0) && pattern::matches(address, &self.host)
    }
}

fn host_port<'t>(text: &'t str, services: &Services) -> Option<(&'t str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once("]:")?,
        None => text.split_once(':')?,
    };
    if host.is_empty() {
        return None;
    }
    Some((host, port_or_any(port, services)?))
}

/// The outer `None` is no port at all.
#[expect(clippy::option_option, reason = "the inner one is the wildcard, which callers keep")]
fn port_or_any(text: &str, services: &Services) -> Option<Option<u16>> {
    if text == "*" { Some(None) } else { services.port(text).filter(|p| *p != 0).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(texts: &[&str]) -> Policy {
        let services = Services::default();
        let permits = texts.iter().map(|text| Permit::parse(text, &services).unwrap()).collect();
        Policy { permit_open: PermitOpen::Only(permits), ..Policy::server() }
    }

    fn listen_only(texts: &[&str]) -> Policy {
        let permits = texts.iter().map(|t| ListenPermit::parse(t, &Services::default()).unwrap());
        let permit_listen = PermitListen::Only(permits.collect());
        Policy { permit_listen, ..Policy::server() }
    }

    #[test]
    fn nothing_is_permitted_unless_said() {
        assert!(!Policy::default().permits_open("localhost", 80));
        assert!(!Policy::default().permits_listen("localhost", 80));
        assert!(Policy::server().permits_open("localhost", 80));
        assert!(Policy::server().permits_listen("localhost", 0));
        let none = Policy {
            permit_open: PermitOpen::None,
            permit_listen: PermitListen::None,
            ..Policy::server()
        };
        assert!(!none.permits_open("localhost", 80) && !none.permits_listen("localhost", 80));
        let one_way = Policy { tcp_remote: false, ..Policy::server() };
        assert!(one_way.permits_open("a", 1) && !one_way.permits_listen("a", 1));
        let server = Policy::server();
        assert!(server.streamlocal_local && server.streamlocal_remote && server.agent);
        assert_eq!(server.x11, None);
    }

    /// S51: `localhost`, 127.0.0.1 and ::1 are three names.
    #[test]
    fn targets_are_compared_as_written() {
        let policy = only(&["localhost:80", "[::1]:imap", "*:25", "db:*", "web?:80"]);
        for (host, port, permitted) in [
            ("localhost", 80, true),
            ("127.0.0.1", 80, false),
            ("LOCALHOST", 80, false),
            ("localhost.", 80, false),
            ("localhost\0", 80, false),
            ("localhost", 81, false),
            ("::1", 143, true),
            ("::1", 80, false),
            ("0:0:0:0:0:0:0:1", 143, false),
            ("::ffff:127.0.0.1", 143, false),
            ("anything", 25, true),
            ("", 25, true),
            ("db", 1, true),
            ("db", 65535, true),
            ("db2", 1, false),
            // A target is a name and no pattern.
            ("web1", 80, false),
            ("web?", 80, true),
        ] {
            assert_eq!(policy.permits_open(host, port), permitted, "{host}:{port}");
        }
    }

    /// S51: the listening side is a pattern, and a port alone stands for every address.
    #[test]
    fn listening_sides_are_compared_by_pattern() {
        let policy = listen_only(&["2001", "localhost:2002", "10.*:*", "[::1]:2003", "*:2004"]);
        for (host, port, permitted) in [
            ("localhost", 2001, true),
            ("", 2001, true),
            ("0.0.0.0", 2001, true),
            ("localhost", 2002, true),
            ("127.0.0.1", 2002, false),
            ("::1", 2002, false),
            ("", 2002, false),
            ("10.1.2.3", 1, true),
            ("10.1.2.3", 0, true),
            ("110.1.2.3", 1, false),
            ("::1", 2003, true),
            ("localhost", 2003, false),
            ("::", 2004, true),
            ("localhost", 0, false),
        ] {
            assert_eq!(policy.permits_listen(host, port), permitted, "{host}:{port}");
        }
    }

    #[test]
    fn two_permits_never_permit_more_than_either() {
        let lists = [&["a:1", "b:*"][..], &["*:1"], &["a:*", "c:2"]];
        let (mut opens, mut listens) =
            (vec![PermitOpen::Any, PermitOpen::None], vec![PermitListen::Any, PermitListen::None]);
        for list in lists {
            opens.push(only(list).permit_open);
            listens.push(listen_only(list).permit_listen);
        }
        let places = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2), ("d", 0)];
        let pairs = (0..opens.len()).flat_map(|i| (0..opens.len()).map(move |j| (i, j)));
        for (i, j) in pairs {
            let (open, listen) = (
                opens[i].clone().and(opens[j].clone()),
                listens[i].clone().and(listens[j].clone()),
            );
            for (host, port) in places {
                let either = opens[i].permits(host, port) && opens[j].permits(host, port);
                assert_eq!(open.permits(host, port), either, "{i} {j} {host}:{port}");
                let either = listens[i].permits(host, port) && listens[j].permits(host, port);
                assert_eq!(listen.permits(host, port), either, "{i} {j} {host}:{port}");
            }
        }
    }

    #[test]
    fn malformed_permits_are_refused() {
        for text in ["", "host", ":80", "host:0", "host:nosuch", "[::1", "[::1]80", "h:65536"] {
            assert_eq!(Permit::parse(text, &Services::default()), None, "{text:?}");
        }
        for text in ["", ":80", "0", "70000", "host:0", "host:nosuch", "[::1]80"] {
            assert_eq!(ListenPermit::parse(text, &Services::default()), None, "{text:?}");
        }
    }
}
