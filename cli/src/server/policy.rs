//! What a server is like, for every connection of it.

use crate::config::windows::Windows;
use crate::server::config::{RootLogin, Settings};
use crate::server::peer::Peer;
use crate::server::session::SessionPolicy;
use crate::server_auth::authorized_keys::KeyPolicy;
use crate::server_auth::certificates::CertificatePolicy;
use crate::server_auth::command::KeyCommand;
use crate::server_auth::methods::MethodLists;
use crate::server_auth::options::KeyOptions;
use crate::server_auth::strict::Strictness;
use crate::server_auth::{Decision, Notes, Peer as AuthPeer, ServerAuthPolicy};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tssh_forward::core::policy::Policy;
use tssh_forward::driver::Keepalive;
use tssh_transport::Side;
use tssh_transport::algorithms::Algorithms;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::krl::Issued;
use tssh_transport::key::{Certificate, PrivateKey, PublicKey, RevokedKeys, fingerprint};
use tssh_transport::userauth::{AuthAnswer, AuthQuestion, Method, ServerAuthConfig};

/// Our identification string, before `VersionAddendum`.
pub const IDENTIFICATION: &str = concat!("SSH-2.0-tssh_", env!("CARGO_PKG_VERSION"));
/// Waits of the embedded server, as sshd has them.
const LOGIN_GRACE: Duration = Duration::from_secs(120);

/// Who gets in.
#[derive(Debug)]
pub enum Admission {
    /// Whoever has a key in a file, or a password.
    Files(Box<ServerAuthPolicy>),
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
    /// How much a client may send before it is taken.
    pub windows: Windows,
    /// Who gets in.
    pub admission: Admission,
    /// Methods, banner and limits of authentication.
    pub authentication: ServerAuthConfig,
    /// Methods that have to follow one another; none where each is enough by itself.
    pub required_methods: Option<MethodLists>,
    /// RSA keys of users with fewer bits are refused.
    pub rsa_bits_min: u32,
    /// Why nobody is let in at all, for the log (`AllowUsers` and its kin).
    pub not_allowed: Option<String>,
    /// Only keys with a command are let in (`PermitRootLogin forced-commands-only`).
    pub forced_only: bool,
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
            windows: Windows::default(),
            admission: Admission::Key { user, key: Box::new(authorized) },
            authentication: ServerAuthConfig::default(),
            required_methods: None,
            rsa_bits_min: 0,
            not_allowed: None,
            forced_only: false,
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
        let root = sessions.account.uid == 0;
        let (methods, required_methods) = required(settings, &methods(settings, &admission, root));
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
            windows: settings.windows,
            authentication: ServerAuthConfig {
                methods,
                banner,
                max_failures: settings.max_auth_tries.max(1),
                signature_algorithms: settings.pubkey_accepted_algorithms.clone(),
                ask_none: false,
            },
            admission: Admission::Files(Box::new(admission)),
            required_methods,
            rsa_bits_min: settings.required_rsa_size,
            not_allowed: None,
            forced_only: root && settings.permit_root_login == RootLogin::ForcedCommandsOnly,
            revoked_keys: settings.revoked_keys.clone(),
            login_grace: settings.login_grace_time,
            keepalive,
            forwarding: settings.forwarding(),
            permit_user_environment: settings.permit_user_environment.clone(),
            sessions: Some(sessions),
        }
    }

    /// Whether `AuthenticationMethods` asks for what is switched off, so that nobody can log in.
    #[must_use]
    pub const fn admits_nobody(&self) -> bool {
        self.required_methods.is_some() && self.authentication.methods.is_empty()
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
    pub fn decide(&self, question: AuthQuestion, peer: Peer) -> Decision {
        let step = step_of(&question);
        // Whoever is not allowed gets the same answers, after the same work, as a stranger.
        let mut decision = self.decide_for_allowed(question, peer);
        if let Some(reason) = &self.not_allowed {
            return refused(reason.clone());
        }
        let forced = |options: &KeyOptions| self.forces_command() || options.command.is_some();
        if self.forced_only && decision.grant.as_ref().is_some_and(|(_, options)| !forced(options))
        {
            decision = refused(format!("ROOT LOGIN REFUSED FROM {peer}"));
        }
        if let (Some(lists), Some((completed, method)), AuthAnswer::Accept) =
            (&self.required_methods, step, &decision.answer)
        {
            decision.answer = lists.answer(&completed, method);
        }
        decision
    }

    fn forces_command(&self) -> bool {
        self.sessions.as_ref().is_some_and(|sessions| sessions.force_command.is_some())
    }

    fn decide_for_allowed(&self, question: AuthQuestion, peer: Peer) -> Decision {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        if let AuthQuestion::CheckKey { key, .. } = &question
            && key.key_type() == "ssh-rsa"
            && key.bits() < self.rsa_bits_min
        {
            return refused(format!("refusing RSA key: {} bits are too few", key.bits()));
        }
        if let Some(file) = &self.revoked_keys
            && let AuthQuestion::CheckKey { key, certificate, .. } = &question
            && let Some(note) = revoked(file, key, certificate.as_deref())
        {
            return refused(note);
        }
        match (&self.admission, question) {
            (Admission::Files(policy), question) => {
                policy.decide(question, AuthPeer { address: peer.address(), now, connection: peer })
            }
            (
                Admission::Key { user, key },
                AuthQuestion::CheckKey { user: who, key: own, certificate: None, blob, .. },
            ) if who == *user && own == *key => {
                let grant = Some((blob, KeyOptions::default()));
                Decision { answer: AuthAnswer::Accept, grant, notes: Notes::default() }
            }
            _ => Decision { answer: AuthAnswer::Reject, grant: None, notes: Notes::default() },
        }
    }

    /// What may be forwarded once a key with these options has logged in: what both permit.
    #[must_use]
    pub fn forwarding_for(&self, options: &KeyOptions) -> Policy {
        let own = self.forwarding.clone();
        let ports = options.port_forwarding;
        Policy {
            tcp_local: own.tcp_local && ports,
            tcp_remote: own.tcp_remote && ports,
            // As in sshd: whoever may not forward ports may not forward Unix sockets either.
            streamlocal_local: own.streamlocal_local && ports,
            streamlocal_remote: own.streamlocal_remote && ports,
            permit_open: own.permit_open.and(options.permit_open.clone()),
            permit_listen: own.permit_listen.and(options.permit_listen.clone()),
            agent: own.agent && options.agent_forwarding,
            x11: own.x11.filter(|_| options.x11_forwarding),
            ..own
        }
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
fn revoked(file: &Path, key: &PublicKey, certificate: Option<&Certificate>) -> Option<String> {
    let blob = key.blob();
    let (shown, file_name) = (fingerprint::sha256(&blob), file.display());
    let named = |revoked: &RevokedKeys| match certificate {
        None => revoked.revokes_key(&blob),
        Some(certificate) => {
            let (ca, serial) = (certificate.authority().blob(), certificate.serial());
            let key_id = certificate.key_id().as_bytes();
            revoked.revokes_certificate(&blob, &Issued { ca: &ca, serial, key_id })
        }
    };
    match crate::revoked::read(file) {
        Ok(revoked) if !named(&revoked) => None,
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

/// What a question would complete: the methods before, and its own. Nothing for a mere question
/// whether a key would do.
fn step_of(question: &AuthQuestion) -> Option<(Vec<Method>, Method)> {
    match question {
        AuthQuestion::CheckKey { signed: true, completed, .. } => {
            Some((completed.clone(), Method::PublicKey))
        }
        AuthQuestion::CheckPassword { completed, .. } => {
            Some((completed.clone(), Method::Password))
        }
        AuthQuestion::CheckResponses { completed, .. } => {
            Some((completed.clone(), Method::KeyboardInteractive))
        }
        _ => None,
    }
}

/// The methods that can begin, as a name-list, and what has to follow them. Where the lists of
/// `AuthenticationMethods` cannot be completed nobody is admitted.
fn required(settings: &Settings, enabled: &[Method]) -> (String, Option<MethodLists>) {
    let Some(lists) = &settings.authentication_methods else {
        let names: Vec<&str> = enabled.iter().map(|method| method.name()).collect();
        return (names.join(","), None);
    };
    match lists.enabled(enabled) {
        Some(possible) => (possible.next(&[]).unwrap_or_default(), Some(possible)),
        None => (String::new(), Some(lists.clone())),
    }
}

/// The methods to offer: passwords only where there is a file of them.
fn methods(settings: &Settings, admission: &ServerAuthPolicy, root: bool) -> Vec<Method> {
    let (login, passwords) = match settings.permit_root_login {
        _ if !root => (true, true),
        RootLogin::Yes => (true, true),
        RootLogin::ProhibitPassword | RootLogin::ForcedCommandsOnly => (true, false),
        RootLogin::No => (false, false),
    };
    let passwords = passwords && admission.passwords.is_some();
    let offered = [
        (Method::PublicKey, login && settings.pubkey_authentication),
        (Method::Password, passwords && settings.password_authentication),
        (Method::KeyboardInteractive, passwords && settings.kbd_interactive_authentication),
    ];
    offered.into_iter().filter(|(_, on)| *on).map(|(method, _)| method).collect()
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
        command: KeyCommand::new(settings, account)?,
        strict_modes: settings.strict_modes,
        uid: account.uid,
        home: account.home.clone(),
        zone: crate::server_auth::expiry::Zone::local(),
    })
}

/// Whose certificates admit the user, for a server that reads files.
///
/// # Errors
/// A pattern with a token that there is not.
pub fn certificate_policy(
    settings: &Settings,
    account: &crate::account::Account,
) -> crate::exit::Result<CertificatePolicy> {
    let principals = settings.authorized_principals_file.as_ref();
    Ok(CertificatePolicy {
        user: account.name.clone(),
        authorities: settings.trusted_user_ca_keys.clone(),
        principals: principals.map(|pattern| account.expand_pattern(pattern)).transpose()?,
        algorithms: settings.ca_signature_algorithms.clone(),
        strictness: match settings.strict_modes {
            true => Strictness::OwnerWrites,
            false => Strictness::Any,
        },
        uid: account.uid,
        home: account.home.clone(),
        zone: crate::server_auth::expiry::Zone::local(),
    })
}
