//! What a server is like, for every connection of it.

use crate::server::config::{RootLogin, Settings};
use crate::server::session::SessionPolicy;
use crate::server_auth::authorized_keys::KeyPolicy;
use crate::server_auth::options::{Destination, KeyOptions};
use crate::server_auth::{Decision, Notes, Peer as AuthPeer, ServerAuthPolicy};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tssh_forward::core::policy::{Permit, PermitOpen, Policy};
use tssh_forward::driver::Keepalive;
use tssh_transport::Side;
use tssh_transport::algorithms::Algorithms;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::{PrivateKey, PublicKey, fingerprint};
use tssh_transport::userauth::{AuthAnswer, AuthQuestion, Method, ServerAuthConfig};

/// Our identification string, before `VersionAddendum`.
pub const IDENTIFICATION: &str = concat!("SSH-2.0-tssh_", env!("CARGO_PKG_VERSION"));
/// Waits of the embedded server, as sshd has them.
const LOGIN_GRACE: Duration = Duration::from_secs(120);

/// Who gets in.
#[derive(Debug)]
pub enum Admission {
    /// Whoever has a key in a file, or a password.
    Files(ServerAuthPolicy),
    /// One user with one key, held in memory.
    Key {
        /// The user's name.
        user: String,
        /// The key.
        key: Box<PublicKey>,
    },
}

/// What every connection of a server is made with.
pub struct ServerPolicy {
    /// The identification string, without line end.
    pub identification: String,
    /// The host keys.
    pub host_keys: Vec<PrivateKey>,
    /// What is offered.
    pub algorithms: Algorithms,
    /// When keys are exchanged anew.
    pub rekey: RekeyLimits,
    /// Who gets in.
    pub admission: Admission,
    /// Methods, banner and limits of authentication.
    pub authentication: ServerAuthConfig,
    /// RSA keys of users with fewer bits are refused.
    pub rsa_bits_min: u32,
    /// A file of keys that admit nobody.
    pub revoked_keys: Option<PathBuf>,
    /// How long a login may take.
    pub login_grace: Option<Duration>,
    /// Asks silent clients for a sign of life.
    pub keepalive: Option<Keepalive>,
    /// What may be connected to through the server.
    pub forwarding: Policy,
    /// Whether variables of authorized_keys take effect: `yes`, `no` or a list of patterns.
    pub permit_user_environment: String,
    /// What sessions are like; none at all for a server that only forwards.
    pub sessions: Option<SessionPolicy>,
}

impl std::fmt::Debug for ServerPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerPolicy").field("admission", &self.admission).finish_non_exhaustive()
    }
}

impl ServerPolicy {
    /// A server within another program: one host key, one user with one key, every target of a
    /// forward, and no sessions.
    #[must_use]
    pub fn embedded(
        host_key: PrivateKey,
        user: String,
        authorized: PublicKey,
        has_aes: bool,
    ) -> Self {
        Self {
            identification: IDENTIFICATION.to_owned(),
            host_keys: vec![host_key],
            algorithms: Algorithms::default_for(Side::Server, has_aes),
            rekey: RekeyLimits::default(),
            admission: Admission::Key { user, key: Box::new(authorized) },
            authentication: ServerAuthConfig::default(),
            rsa_bits_min: 0,
            revoked_keys: None,
            login_grace: Some(LOGIN_GRACE),
            keepalive: None,
            forwarding: Policy::server(),
            permit_user_environment: "no".to_owned(),
            sessions: None,
        }
    }

    /// The server that a configuration describes.
    #[must_use]
    pub fn new(
        settings: &Settings,
        host_keys: Vec<PrivateKey>,
        admission: ServerAuthPolicy,
        sessions: SessionPolicy,
        banner: Option<String>,
    ) -> Self {
        let addendum = settings.version_addendum.as_deref();
        let methods = methods(settings, &admission, sessions.account.uid == 0);
        let keepalive = settings
            .client_alive_interval
            .map(|interval| Keepalive { interval, count_max: settings.client_alive_count_max });
        Self {
            identification: match addendum {
                Some(text) => format!("{IDENTIFICATION} {text}"),
                None => IDENTIFICATION.to_owned(),
            },
            host_keys,
            algorithms: settings.algorithms.clone(),
            rekey: settings.rekey,
            authentication: ServerAuthConfig {
                methods,
                banner,
                max_failures: settings.max_auth_tries.max(1),
                signature_algorithms: settings.pubkey_accepted_algorithms.clone(),
                ask_none: false,
            },
            admission: Admission::Files(admission),
            rsa_bits_min: settings.required_rsa_size,
            revoked_keys: settings.revoked_keys.clone(),
            login_grace: settings.login_grace_time,
            keepalive,
            forwarding: settings.forwarding(),
            permit_user_environment: settings.permit_user_environment.clone(),
            sessions: Some(sessions),
        }
    }

    /// The only user.
    #[must_use]
    pub fn user(&self) -> &str {
        match &self.admission {
            Admission::Files(policy) => &policy.user,
            Admission::Key { user, .. } => user,
        }
    }

    /// Answers a question of authentication. It reads files and computes hashes, and so belongs
    /// on a thread that may wait.
    #[must_use]
    pub fn decide(&self, question: AuthQuestion, from: std::net::IpAddr) -> Decision {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        if let AuthQuestion::CheckKey { key, .. } = &question
            && key.key_type() == "ssh-rsa"
            && key.bits() < self.rsa_bits_min
        {
            return refused(format!("refusing RSA key: {} bits are too few", key.bits()));
        }
        if let (Some(file), AuthQuestion::CheckKey { blob, .. }) = (&self.revoked_keys, &question)
            && let Some(note) = revoked(file, blob)
        {
            return refused(note);
        }
        match (&self.admission, question) {
            (Admission::Files(policy), question) => {
                policy.decide(question, AuthPeer { address: from, now })
            }
            (
                Admission::Key { user, key },
                AuthQuestion::CheckKey { user: who, key: own, blob, .. },
            ) if who == *user && own == *key => {
                let grant = Some((blob, KeyOptions::default()));
                Decision { answer: AuthAnswer::Accept, grant, notes: Notes::default() }
            }
            _ => Decision { answer: AuthAnswer::Reject, grant: None, notes: Notes::default() },
        }
    }

    /// What may be connected to once a key with these options has logged in.
    #[must_use]
    pub fn forwarding_for(&self, options: &KeyOptions) -> Policy {
        let mut policy = self.forwarding.clone();
        policy.tcp_local &= options.port_forwarding;
        policy.agent &= options.agent_forwarding;
        policy.x11 = policy.x11.filter(|_| options.x11_forwarding);
        if !options.permit_open.is_empty() {
            policy.permit_open = narrowed(&policy.permit_open, &options.permit_open);
        }
        policy
    }

    /// The variables of a key that take effect.
    #[must_use]
    pub fn environment_of(&self, options: KeyOptions) -> Vec<(String, String)> {
        let permitted = |name: &str| match self.permit_user_environment.as_str() {
            "yes" => true,
            "no" => false,
            patterns => {
                use crate::config::pattern::{Verdict, list};
                list(name, patterns.split(',')) == Verdict::Yes
            }
        };
        options.environment.into_iter().filter(|(name, _)| permitted(name)).collect()
    }
}

/// Why a key is refused that a file revokes; also every key where the file cannot be relied on.
fn revoked(file: &Path, blob: &[u8]) -> Option<String> {
    let (shown, file_name) = (fingerprint::sha256(blob), file.display());
    match crate::revoked::read(file) {
        Ok(revoked) if !revoked.revokes_key(blob) => None,
        Ok(_) => Some(format!("Authentication key {shown} revoked by file {file_name}")),
        Err(fault) => Some(format!(
            "Error checking authentication key {shown} in revoked keys file {file_name}: {fault}"
        )),
    }
}

fn refused(note: String) -> Decision {
    let mut notes = Notes::default();
    notes.add(note);
    Decision { answer: AuthAnswer::Reject, grant: None, notes }
}

/// The methods to offer, as a name-list: passwords only where there is a file of them.
fn methods(settings: &Settings, admission: &ServerAuthPolicy, root: bool) -> String {
    let (login, passwords) = match settings.permit_root_login {
        _ if !root => (true, true),
        RootLogin::Yes => (true, true),
        RootLogin::ProhibitPassword => (true, false),
        RootLogin::No => (false, false),
    };
    let passwords = passwords && admission.passwords.is_some();
    let offered = [
        (Method::PublicKey, login && settings.pubkey_authentication),
        (Method::Password, passwords && settings.password_authentication),
        (Method::KeyboardInteractive, passwords && settings.kbd_interactive_authentication),
    ];
    let names = offered.into_iter().filter(|(_, on)| *on).map(|(method, _)| method.name());
    names.collect::<Vec<_>>().join(",")
}

/// What both the configuration and the key permit.
fn narrowed(own: &PermitOpen, of_key: &[Destination]) -> PermitOpen {
    let any = [Permit { host: None, port: None }];
    let own = match own {
        PermitOpen::None => return PermitOpen::None,
        PermitOpen::Any => &any[..],
        PermitOpen::Only(permits) => permits,
    };
    let mut both = Vec::new();
    for permit in own {
        for key in of_key {
            let host = (key.host != "*").then_some(&key.host);
            let hosts = one_of(permit.host.as_ref(), host);
            if let (Some(host), Some(port)) = (hosts, one_of(permit.port, key.port)) {
                both.push(Permit { host: host.cloned(), port });
            }
        }
    }
    if both.is_empty() { PermitOpen::None } else { PermitOpen::Only(both) }
}

/// The narrower of two values where none means any; nothing where they differ.
fn one_of<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<Option<T>> {
    match (a, b) {
        (Some(a), Some(b)) => (a == b).then_some(Some(a)),
        (a, b) => Some(a.or(b)),
    }
}

/// Where keys are looked up, for a server that reads files.
///
/// # Errors
/// A pattern with a token that there is not.
pub fn key_policy(
    settings: &Settings,
    account: &crate::account::Account,
) -> crate::exit::Result<KeyPolicy> {
    Ok(KeyPolicy {
        files: settings.authorized_keys(account)?,
        strict_modes: settings.strict_modes,
        uid: account.uid,
        home: account.home.clone(),
        zone: crate::server_auth::expiry::Zone::local(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(host: &str, port: Option<u16>) -> Destination {
        Destination { host: host.into(), port }
    }

    #[test]
    fn a_key_narrows_what_the_server_permits_and_never_widens_it() {
        let permit = |text: &str| crate::forwards::permit(text).unwrap();
        let own = PermitOpen::Only(vec![permit("a:1"), permit("b:*"), permit("*:25")]);
        let key = [destination("a", None), destination("b", Some(2)), destination("*", Some(1))];
        let policy = Policy { permit_open: narrowed(&own, &key), ..Policy::server() };
        for (host, port, permitted) in [
            ("a", 1, true),
            ("a", 2, false),
            ("a", 25, true),
            ("b", 1, true),
            ("b", 2, true),
            ("b", 3, false),
            ("c", 25, false),
            ("c", 1, false),
        ] {
            assert_eq!(policy.permits_open(host, port), permitted, "{host}:{port}");
            let by_own = Policy { permit_open: own.clone(), ..Policy::server() };
            let by_key = key.iter().any(|d| d.covers(host, port));
            assert_eq!(permitted, by_own.permits_open(host, port) && by_key, "{host}:{port}");
        }
        assert_eq!(narrowed(&PermitOpen::None, &key), PermitOpen::None);
        let elsewhere = [destination("z", Some(9))];
        assert_eq!(narrowed(&PermitOpen::Only(vec![permit("a:1")]), &elsewhere), PermitOpen::None);
    }
}
