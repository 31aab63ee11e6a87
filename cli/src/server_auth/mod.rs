//! Who may log in to tsshd, and what their key lets them do.
//!
//! The transport asks ([`AuthQuestion`]), this policy answers. It reads files and computes
//! password hashes, so it belongs on a thread that may block; it keeps no state of a connection,
//! so one value serves all of them.
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`authorized_keys`] | which line of which file admits a key |
//! | [`certificates`] | which authorities may vouch for the user |
//! | [`command`] | what a program says of a key |
//! | [`options`] | what stands in front of the key on that line |
//! | [`from`], [`expiry`] | from where and until when it admits |
//! | [`methods`] | which methods have to follow one another |
//! | [`strict`] | whether a file is in nobody else's hands |
//! | [`passwords`] | whether a password is right |

pub mod authorized_keys;
pub mod certificates;
pub mod command;
pub mod expiry;
pub mod from;
pub mod methods;
pub mod options;
pub mod passwords;
pub mod strict;

use authorized_keys::{KeyPolicy, Offer};
use certificates::CertificatePolicy;
use options::KeyOptions;
use passwords::PasswordFile;
use std::net::IpAddr;
use std::sync::Arc;
use tssh_transport::key::PublicKey;
use tssh_transport::userauth::{AuthAnswer, AuthQuestion, Method, Prompt};

/// Lines for the log that one decision may produce: a file full of bad lines must not fill the
/// log at every attempt.
pub const NOTES_MAX: usize = 32;

/// Whose attempt it is, and when.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Where the client connects from.
    pub address: IpAddr,
    /// Seconds since 1970 in UTC.
    pub now: i64,
    /// The ends of the connection.
    pub connection: crate::server::peer::Peer,
}

/// Lines for the log, at most [`NOTES_MAX`].
#[derive(Debug, Default)]
pub struct Notes(Vec<String>);

impl Notes {
    /// Adds a line; the last one that fits says that more were left out.
    pub fn add(&mut self, line: String) {
        match NOTES_MAX.checked_sub(self.0.len()) {
            None | Some(0) => {}
            Some(1) => self.0.push("further lines left out".to_owned()),
            Some(_) => self.0.push(line),
        }
    }

    /// The lines in their order.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// A single-user server's policy: who, by which keys and passwords.
#[derive(Debug)]
pub struct ServerAuthPolicy {
    /// The only name admitted.
    pub user: String,
    /// Where keys are looked up.
    pub keys: KeyPolicy,
    /// Whose certificates count.
    pub certificates: CertificatePolicy,
    /// Hashed passwords; without them no password is asked for.
    pub passwords: Option<Arc<PasswordFile>>,
}

/// The answer to one question.
#[derive(Debug)]
pub struct Decision {
    /// For the transport.
    pub answer: AuthAnswer,
    /// For [`Grants::note`]: an accepted key with its options.
    pub grant: Option<(Vec<u8>, KeyOptions)>,
    /// For the log.
    pub notes: Notes,
}

impl Decision {
    fn new(answer: AuthAnswer) -> Self {
        Self { answer, grant: None, notes: Notes::default() }
    }

    fn of(accepted: bool) -> Self {
        Self::new(if accepted { AuthAnswer::Accept } else { AuthAnswer::Reject })
    }
}

impl ServerAuthPolicy {
    /// The methods to offer, as a name-list.
    #[must_use]
    pub fn methods(&self) -> String {
        let mut methods = vec![Method::PublicKey];
        if self.passwords.is_some() {
            methods.extend([Method::Password, Method::KeyboardInteractive]);
        }
        methods.into_iter().map(Method::name).collect::<Vec<_>>().join(",")
    }

    /// Answers a question of [`tssh_transport::userauth::ServerAuth`].
    ///
    /// A name that is not admitted costs the same work and gets the same answers as the one that
    /// is, but for the last word. "if the 'user name' does not exist, the authentication request
    /// MUST NOT be accepted" (RFC 4252 section 5).
    #[must_use]
    pub fn decide(&self, question: AuthQuestion, peer: Peer) -> Decision {
        match question {
            AuthQuestion::CheckKey { user, key, certificate, blob, .. } => {
                let mut notes = Notes::default();
                let certificate = certificate.as_deref();
                let offer = Offer { key: &key, certificate, user: &self.user };
                let found = self.find(offer, peer, &mut notes);
                let admitted = found.filter(|_| user == self.user);
                let mut decision = Decision::of(admitted.is_some());
                decision.grant = admitted.map(|options| (blob, options));
                decision.notes = notes;
                decision
            }
            AuthQuestion::CheckPassword { user, password, new_password, .. } => {
                // A change of password is refused, however right the present one is.
                Decision::of(self.password_is(&user, &password) && new_password.is_none())
            }
            AuthQuestion::StartPrompts { .. } if self.passwords.is_some() => {
                let prompts = vec![Prompt { text: "Password: ".to_owned(), echo: false }];
                let (name, instruction) = (String::new(), String::new());
                Decision::new(AuthAnswer::Prompts { name, instruction, prompts })
            }
            AuthQuestion::CheckResponses { user, responses, .. } => {
                let right = matches!(&responses[..], [one] if self.password_is(&user, one));
                Decision::of(right)
            }
            _ => Decision::of(false),
        }
    }

    fn find(&self, offer: Offer<'_>, peer: Peer, notes: &mut Notes) -> Option<KeyOptions> {
        let Some(certificate) = offer.certificate else {
            return self.keys.find(offer, peer, notes);
        };
        if !self.certificates.accepts_algorithm(certificate, notes) {
            return None;
        }
        let trusted = self.certificates.find(certificate, peer, notes);
        trusted.or_else(|| self.keys.find(offer, peer, notes))
    }

    fn password_is(&self, user: &str, password: &str) -> bool {
        let right = self.passwords.as_ref().is_some_and(|file| file.verify(user, password));
        right && user == self.user
    }
}

/// The options of the keys that were accepted within one connection.
#[derive(Debug, Default)]
pub struct Grants(Vec<(Vec<u8>, KeyOptions)>);

impl Grants {
    /// Remembers what an accepted key permits. Questions about a key are bounded by the
    /// transport's limit on requests, and a key is remembered once.
    pub fn note(&mut self, (blob, options): (Vec<u8>, KeyOptions)) {
        self.0.retain(|(known, _)| *known != blob);
        self.0.push((blob, options));
    }

    /// What the client may do: what every key that took part in its success permits. A login
    /// without a key is not restricted. None, and then nothing may be permitted, when one of them
    /// was never accepted here.
    ///
    /// `keys` are those of the proof, or of the event that carries them: see
    /// [`UserAuthenticated::keys`](tssh_transport::proof::UserAuthenticated::keys).
    #[must_use]
    pub fn options_for(&self, keys: &[Vec<u8>]) -> Option<KeyOptions> {
        let mut options = KeyOptions::default();
        for key in keys {
            let (_, own) = self.0.iter().find(|(blob, _)| blob == key)?;
            options = options.and(own)?;
        }
        Some(options)
    }
}

/// A key's type as sshd's log shows it.
#[must_use]
pub fn label(key: &PublicKey) -> &'static str {
    match key.key_type() {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        "sk-ecdsa-sha2-nistp256@openssh.com" => "ECDSA-SK",
        _ => "ECDSA",
    }
}

/// Whether only a token can sign with it.
fn is_on_token(key: &PublicKey) -> bool {
    key.key_type().starts_with("sk-")
}

#[cfg(test)]
mod tests;
