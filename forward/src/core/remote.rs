//! `-R`: what the client asks for, and which addresses a server makes of it.

use crate::core::local::Bind;
use crate::core::policy::GatewayPorts;

/// The 'address to bind' for a bind address as the user gave it.
///
/// An empty one stands for every address, and `localhost` for the loopback addresses of both
/// families; these are the words of RFC 4254 section 7.1.
#[must_use]
pub fn wire_address(bind: Option<&str>) -> &str {
    match bind {
        None => "localhost",
        Some("" | "*") => "",
        Some(host) => host,
    }
}

/// What a server binds for the 'address to bind' of a `tcpip-forward`, as OpenSSH's does.
///
/// With [`GatewayPorts::No`] everything but one loopback address becomes both of them, and with
/// [`GatewayPorts::Yes`] everything becomes every address; the client is not told.
#[must_use]
pub fn server_bind(address: &str, gateway_ports: GatewayPorts) -> Bind<'_> {
    match (gateway_ports, address) {
        (GatewayPorts::Yes, _) => Bind::Wildcard,
        (_, "localhost") => Bind::Loopback,
        (_, "127.0.0.1" | "::1") => Bind::Host(address),
        (GatewayPorts::No, _) => Bind::Loopback,
        (GatewayPorts::ClientSpecified, "" | "*") => Bind::Wildcard,
        (GatewayPorts::ClientSpecified, _) => Bind::Host(address),
    }
}

/// Whether a server listens on less than it was asked for, or on more: worth a word to whoever
/// asked.
#[must_use]
pub fn overridden(address: &str, gateway_ports: GatewayPorts) -> bool {
    let bound = server_bind(address, gateway_ports);
    bound != server_bind(address, GatewayPorts::ClientSpecified)
}

/// The words for that, which our server sends to its client.
#[must_use]
pub fn overridden_text(address: &str, port: u16, gateway_ports: GatewayPorts) -> String {
    let address = if address.is_empty() { "*" } else { address };
    let (setting, bound) = match gateway_ports {
        GatewayPorts::Yes => ("yes", "every address"),
        _ => ("no", "loopback addresses only"),
    };
    format!(
        "remote forwarding: {address}:{port} was asked for, {bound} listen \
         (GatewayPorts {setting} on the server)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S34: the three strings for the bind addresses of a user.
    #[test]
    fn bind_addresses_are_told_in_the_words_of_the_rfc() {
        let said = [None, Some(""), Some("*"), Some("localhost"), Some("10.0.0.1"), Some("::1")];
        assert_eq!(said.map(wire_address), ["localhost", "", "", "localhost", "10.0.0.1", "::1"]);
    }

    /// S35, M11: the server half of the table of bind addresses.
    #[test]
    fn a_server_binds_what_openssh_binds() {
        use Bind::{Host, Loopback, Wildcard};
        for (address, no, yes, client) in [
            ("localhost", Loopback, Wildcard, Loopback),
            ("", Loopback, Wildcard, Wildcard),
            ("127.0.0.1", Host("127.0.0.1"), Wildcard, Host("127.0.0.1")),
            ("::1", Host("::1"), Wildcard, Host("::1")),
            ("0.0.0.0", Loopback, Wildcard, Host("0.0.0.0")),
            ("192.0.2.1", Loopback, Wildcard, Host("192.0.2.1")),
            ("example.org", Loopback, Wildcard, Host("example.org")),
        ] {
            assert_eq!(server_bind(address, GatewayPorts::No), no, "{address:?}");
            assert_eq!(server_bind(address, GatewayPorts::Yes), yes, "{address:?}");
            assert_eq!(server_bind(address, GatewayPorts::ClientSpecified), client, "{address:?}");
            assert_eq!(overridden(address, GatewayPorts::No), no != client, "{address:?}");
        }
        let text = overridden_text("", 2001, GatewayPorts::No);
        assert!(text.contains("*:2001") && text.contains("loopback"), "{text}");
    }
}
