//! What a server lets its clients forward: `AllowTcpForwarding` and `PermitOpen`.

use crate::core::services::Services;

/// What a peer may ask us to connect to. The default permits nothing: that is a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether direct-tcpip channels are allowed at all (`AllowTcpForwarding yes`, `all`, `local`).
    pub tcp_local: bool,
    /// Which targets they may name (`PermitOpen`).
    pub permit_open: PermitOpen,
}

impl Policy {
    /// What OpenSSH's server allows by default: every target.
    #[must_use]
    pub const fn server() -> Self {
        Self { tcp_local: true, permit_open: PermitOpen::Any }
    }

    /// Whether a direct-tcpip channel to this host and port may be opened.
    ///
    /// The host is compared as the client wrote it, without a name lookup: `localhost`,
    /// `127.0.0.1` and `::1` are three different names.
    #[must_use]
    pub fn permits_open(&self, host: &str, port: u16) -> bool {
        self.tcp_local
            && match &self.permit_open {
                PermitOpen::Any => true,
                PermitOpen::None => false,
                PermitOpen::Only(permits) => permits.iter().any(|p| p.matches(host, port)),
            }
    }
}

/// The targets of `PermitOpen`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PermitOpen {
    /// Every target.
    #[default]
    Any,
    /// No target.
    None,
    /// These targets.
    Only(Vec<Permit>),
}

/// One `host:port`.
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
        let (host, port) = match text.strip_prefix('[') {
            Some(inside) => inside.split_once("]:")?,
            None => text.split_once(':')?,
        };
        if host.is_empty() {
            return None;
        }
        let any_port = port == "*";
        let port = if any_port { None } else { Some(services.port(port).filter(|p| *p != 0)?) };
        Some(Self { host: (host != "*").then(|| host.to_owned()), port })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        self.host.as_deref().is_none_or(|own| own == host) && self.port.is_none_or(|p| p == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(texts: &[&str]) -> Policy {
        let services = Services::default();
        let permits = texts.iter().map(|text| Permit::parse(text, &services).unwrap()).collect();
        Policy { tcp_local: true, permit_open: PermitOpen::Only(permits) }
    }

    #[test]
    fn nothing_is_permitted_unless_said() {
        assert!(!Policy::default().permits_open("localhost", 80));
        assert!(Policy::server().permits_open("localhost", 80));
        let none = Policy { tcp_local: true, permit_open: PermitOpen::None };
        assert!(!none.permits_open("localhost", 80));
    }

    #[test]
    fn hosts_are_compared_as_written() {
        let policy = only(&["localhost:80", "[::1]:imap", "*:25", "db:*"]);
        for (host, port, permitted) in [
            ("localhost", 80, true),
            ("127.0.0.1", 80, false),
            ("LOCALHOST", 80, false),
            ("localhost", 81, false),
            ("::1", 143, true),
            ("::1", 80, false),
            ("anything", 25, true),
            ("db", 1, true),
            ("db", 65535, true),
        ] {
            assert_eq!(policy.permits_open(host, port), permitted, "{host}:{port}");
        }
    }

    #[test]
    fn malformed_permits_are_refused() {
        for text in ["", "host", ":80", "host:0", "host:nosuch", "[::1", "[::1]80"] {
            assert_eq!(Permit::parse(text, &Services::default()), None, "{text:?}");
        }
    }
}
