//! Why a connection ended, in ssh's words, and the exit status that follows.

use super::shared::Shared;
use crate::config::Settings;
use crate::exit::OWN_FAILURE;
use crate::limits::PEER_TEXT_BYTES_MAX;
use crate::log;
use std::net::SocketAddr;
use tssh_forward::{Ended, Wait};
use tssh_transport::Error;
use tssh_transport::text::one_line;

/// Prints why the connection ended, unless it was meant to, and yields the exit status.
pub fn status(
    settings: &Settings,
    shared: &Shared,
    address: Option<SocketAddr>,
    ended: Ended,
) -> u8 {
    if let Some(status) = shared.failure() {
        return status;
    }
    match ended {
        Ended::Finished => {
            if shared.had_terminal() {
                log::info(format_args!("Connection to {} closed.", settings.host_name));
            }
            shared.exit_status().unwrap_or(OWN_FAILURE)
        }
        ended => {
            if !shared.is_identified()
                && let Some(line) = no_banner(&ended)
            {
                log::error(line);
            }
            for line in lines(settings, shared.is_authenticated(), address, &ended) {
                log::error(line);
            }
            OWN_FAILURE
        }
    }
}

/// What ssh says first about a peer that is gone before it has said who it is.
fn no_banner(ended: &Ended) -> Option<&'static str> {
    match ended {
        Ended::Protocol(Error::ConnectionClosed) => {
            Some("kex_exchange_identification: Connection closed by remote host")
        }
        Ended::Socket(words) if words.starts_with("Connection reset") => {
            Some("kex_exchange_identification: read: Connection reset by peer")
        }
        _ => None,
    }
}

fn lines(
    settings: &Settings,
    authenticated: bool,
    address: Option<SocketAddr>,
    ended: &Ended,
) -> Vec<String> {
    let peer = match address {
        Some(address) => format!("{} port {}", address.ip(), address.port()),
        // ssh's words for a peer that a proxy hides, which scripts know.
        None => "UNKNOWN port 65535".to_owned(),
    };
    let host = &settings.host_name;
    match ended {
        Ended::Finished => Vec::new(),
        Ended::Protocol(error) => match error {
            // The reason was printed when the question was answered.
            Error::HostKeyRefused => Vec::new(),
            Error::AuthenticationFailed { methods } => {
                let (user, host) = (&settings.user, settings.host_key_alias.as_ref());
                let host = host.unwrap_or(&settings.host_name);
                vec![format!("{user}@{host}: Permission denied ({methods}).")]
            }
            Error::ConnectionClosed if authenticated => {
                vec![format!("Connection to {host} closed by remote host.")]
            }
            Error::ConnectionClosed => vec![format!("Connection closed by {peer}")],
            Error::Disconnected { reason, description, .. } => {
                let description = one_line(description.as_bytes(), PEER_TEXT_BYTES_MAX);
                vec![
                    format!("Received disconnect from {peer}:{reason}: {description}"),
                    format!("Disconnected from {peer}"),
                ]
            }
            Error::PeerIncompatible { .. } => {
                vec![format!("Unable to negotiate with {peer}: {error}")]
            }
            // Scripts look for both of ssh's lines about what was changed on the way.
            Error::MacIncorrect | Error::PacketLength(_) => vec![
                error.to_string(),
                format!(
                    "ssh_dispatch_run_fatal: Connection to {peer}: \
                     message authentication code incorrect"
                ),
            ],
            error => vec![format!("Connection to {peer}: {error}")],
        },
        Ended::Socket(words) if words.starts_with("Connection reset") => {
            vec![format!("Connection reset by {peer}")]
        }
        Ended::Socket(words) => vec![format!("Connection to {peer}: {words}")],
        Ended::TimedOut { wait: Wait::Identification | Wait::Exchange, .. } => {
            vec![ended.to_string(), format!("Connection to {peer} timed out")]
        }
        ended => vec![ended.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::config::Options;
    use tssh_transport::Side;

    fn said(authenticated: bool, ended: Ended) -> String {
        let options = Options { user: Some("u".into()), ..Options::default() };
        let settings =
            Settings::resolve(&options, "h", &Account::current(), |_| Vec::new()).unwrap();
        lines(&settings, authenticated, "1.2.3.4:22".parse().ok(), &ended).join("\n")
    }

    #[test]
    fn ssh_words() {
        let protocol = |error| said(false, Ended::Protocol(error));
        let denied = Error::AuthenticationFailed { methods: "publickey".into() };
        assert_eq!(protocol(denied), "u@h: Permission denied (publickey).");
        assert_eq!(protocol(Error::ConnectionClosed), "Connection closed by 1.2.3.4 port 22");
        let closed = said(true, Ended::Protocol(Error::ConnectionClosed));
        assert_eq!(closed, "Connection to h closed by remote host.");
        let disconnected = Error::Disconnected {
            by: Side::Server,
            reason: 2,
            description: "Too many authentication failures".into(),
        };
        assert_eq!(
            protocol(disconnected),
            "Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures\n\
             Disconnected from 1.2.3.4 port 22"
        );
        let mac = Error::PeerIncompatible { list: "MAC", theirs: "x".into() };
        assert_eq!(
            protocol(mac),
            "Unable to negotiate with 1.2.3.4 port 22: no matching MAC found. Their offer: x"
        );
        assert!(protocol(Error::MacIncorrect).contains("Corrupted MAC on input"));
        let reset = said(true, Ended::Socket("Connection reset by peer".into()));
        assert_eq!(reset, "Connection reset by 1.2.3.4 port 22");
        let dead = Ended::TimedOut { wait: Wait::Keepalive, host: "h".into() };
        assert_eq!(said(true, dead), "Timeout, server h not responding.");
    }
}
