//! Lines about logins and ends of connections, in sshd's words: log watchers match them.

use crate::log::Level;
use crate::server::log;
use crate::server::peer::Peer;
use crate::server_auth::label;
use tssh_forward::{Ended, Wait};
use tssh_transport::Error;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::key::{Certificate, PublicKey, fingerprint};
use tssh_transport::userauth::{AuthQuestion, Method};

/// What the log knows about one connection.
#[derive(Debug)]
pub struct AuthLog {
    peer: Peer,
    /// The only user there is.
    admitted: String,
    max_failures: u32,
    /// The user who tries, made printable.
    user: Option<String>,
    method: Method,
    /// The key that is tried.
    key: Option<String>,
    authenticated: bool,
}

/// A key as sshd's log shows it: "ED25519 SHA256:…", and what its certificate says of itself.
fn describe(key: &PublicKey, certificate: Option<&Certificate>) -> String {
    let shown = |key: &PublicKey| format!("{} {}", label(key), fingerprint::sha256(&key.blob()));
    let Some(certificate) = certificate else { return shown(key) };
    format!(
        "{}-CERT {} ID {} (serial {}) CA {}",
        label(key),
        fingerprint::sha256(&key.blob()),
        log::name(certificate.key_id()),
        certificate.serial(),
        shown(certificate.authority())
    )
}

impl AuthLog {
    /// A log of one connection to a server that admits one user.
    #[must_use]
    pub fn new(peer: Peer, admitted: &str, max_failures: u32) -> Self {
        Self {
            peer,
            admitted: admitted.to_owned(),
            max_failures,
            user: None,
            method: Method::None,
            key: None,
            authenticated: false,
        }
    }

    /// Something is asked about.
    pub fn asked(&mut self, question: &AuthQuestion) {
        let (user, method) = match question {
            AuthQuestion::CheckKey { user, key, certificate, .. } => {
                self.key = Some(describe(key, certificate.as_deref()));
                (user, Method::PublicKey)
            }
            AuthQuestion::CheckPassword { user, .. } => (user, Method::Password),
            AuthQuestion::StartPrompts { user, .. } | AuthQuestion::CheckResponses { user, .. } => {
                (user, Method::KeyboardInteractive)
            }
            _ => return,
        };
        self.method = method;
        self.tries(user);
    }

    fn tries(&mut self, user: &str) {
        let shown = log::name(user);
        if self.user.as_ref() == Some(&shown) {
            return;
        }
        if user != self.admitted {
            log::info(format_args!("Invalid user {shown} from {}", self.peer));
        }
        self.user = Some(shown);
    }

    /// An attempt failed.
    pub fn failed(&mut self, user: &str, method: &str, failures: u32) {
        self.tries(user);
        // sshd's rule: loud for passwords, for strangers, and towards the end of its patience.
        let loud = method == Method::Password.name()
            || user != self.admitted
            || failures >= self.max_failures / 2;
        let line = self.line("Failed", &log::name(method));
        log::write(if loud { Level::Info } else { Level::Verbose }, line);
    }

    /// The login is complete.
    pub fn accepted(&mut self, user: &str) {
        self.tries(user);
        self.authenticated = true;
        log::info(self.line("Accepted", self.method.name()));
    }

    fn line(&self, verdict: &str, method: &str) -> String {
        let invalid = if self.is_invalid() { "invalid user " } else { "" };
        let key = match &self.key {
            Some(key) if method == Method::PublicKey.name() => format!(": {key}"),
            _ => String::new(),
        };
        let user = self.user.as_deref().unwrap_or_default();
        format!("{verdict} {method} for {invalid}{user} from {} ssh2{key}", self.peer)
    }

    fn is_invalid(&self) -> bool {
        self.user.as_ref().is_some_and(|user| *user != self.admitted)
    }

    /// Who it was, as sshd says it of a connection that ends: "user root", "invalid user x",
    /// "authenticating user root"; nothing where nobody tried to log in.
    fn who(&self) -> String {
        match &self.user {
            None => String::new(),
            Some(user) if self.authenticated => format!("user {user} "),
            Some(user) if self.is_invalid() => format!("invalid user {user} "),
            Some(user) => format!("authenticating user {user} "),
        }
    }

    fn stage(&self) -> &'static str {
        if self.authenticated { "" } else { " [preauth]" }
    }

    /// The connection is over.
    pub fn ended(&self, ended: &Ended) {
        let (peer, who, stage) = (self.peer, self.who(), self.stage());
        match ended {
            Ended::Protocol(Error::ConnectionClosed) => {
                log::info(format_args!("Connection closed by {who}{peer}{stage}"));
            }
            Ended::Protocol(Error::Disconnected { reason, description, .. }) => {
                let description = log::name(description);
                // Leaving is no news, anything else is.
                let orderly = *reason == DisconnectReason::ByApplication.code();
                let level = if orderly { Level::Info } else { Level::Error };
                log::write(
                    level,
                    format_args!("Received disconnect from {peer}:{reason}: {description}{stage}"),
                );
                log::info(format_args!("Disconnected from {who}{peer}{stage}"));
            }
            Ended::Protocol(Error::PeerIncompatible { list, theirs }) => {
                let offer = format!("{list} found. Their offer: {}", log::name(theirs));
                log::info(format_args!(
                    "Unable to negotiate with {peer}: no matching {offer}{stage}"
                ));
            }
            Ended::Protocol(Error::TooManyAuthenticationFailures) => {
                let user = self.user.as_deref().unwrap_or_default();
                let invalid = if self.is_invalid() { "invalid user " } else { "" };
                let whose = format!("{invalid}{user} from {peer} ssh2{stage}");
                log::error(format_args!("maximum authentication attempts exceeded for {whose}"));
                log::info(format_args!(
                    "Disconnecting {who}{peer}: Too many authentication failures{stage}"
                ));
            }
            Ended::Protocol(error) => {
                let error = log::name(&error.to_string());
                log::info(format_args!("Disconnecting {who}{peer}: {error}{stage}"));
            }
            Ended::TimedOut { wait: Wait::Keepalive, .. } => {
                log::info(format_args!("Timeout, client not responding from {who}{peer}"));
            }
            Ended::TimedOut { wait: Wait::LoginGrace, .. } => {
                log::info(format_args!("Timeout before authentication for {peer}"));
            }
            Ended::Finished => {
                log::info(format_args!("Disconnecting {who}{peer}: server ends{stage}"))
            }
            Ended::Socket(text) if text == "Connection reset by peer" => {
                log::info(format_args!("Connection reset by {who}{peer}{stage}"));
            }
            other => {
                let text = log::name(&other.to_string());
                log::info(format_args!("Connection from {who}{peer}: {text}{stage}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(user: &str) -> AuthLog {
        let remote = "127.0.0.1:5000".parse().ok();
        let mut log = AuthLog::new(Peer { remote, local: None }, "root", 6);
        log.tries(user);
        log
    }

    #[test]
    fn lines_are_those_of_sshd() {
        let mut log = log_of("root");
        log.key = Some("ED25519 SHA256:x".into());
        let line = "Accepted publickey for root from 127.0.0.1 port 5000 ssh2: ED25519 SHA256:x";
        assert_eq!(log.line("Accepted", "publickey"), line);
        let line = "Failed password for root from 127.0.0.1 port 5000 ssh2";
        assert_eq!(log.line("Failed", "password"), line);
        assert_eq!((log.who().as_str(), log.stage()), ("authenticating user root ", " [preauth]"));
        log.authenticated = true;
        assert_eq!((log.who().as_str(), log.stage()), ("user root ", ""));
    }

    #[test]
    fn strangers_are_named_as_such_and_cannot_forge_lines() {
        let log = log_of("x\nAccepted password for root");
        assert_eq!(log.who(), "invalid user x\\012Accepted password for root ");
        assert!(!log.line("Failed", "none").contains('\n'));
    }
}
