//! The server that a command line and its files describe: what each connection of it gets.

use crate::account::{Account, groups_of};
use crate::exit::{Fatal, Result, os_words};
use crate::server::args::Arguments;
use crate::server::config::condition::Facts;
use crate::server::config::{Script, Settings};
use crate::server::peer::Peer;
use crate::server::policy::{ServerPolicy, certificate_policy, key_policy};
use crate::server::session::{SessionPolicy, helper};
use crate::server::{host_keys, log};
use crate::server_auth::ServerAuthPolicy;
use crate::server_auth::passwords::PasswordFile;
use crate::server_auth::strict::Owner;
use std::io::Read as _;
use std::sync::Arc;
use tssh_transport::key::PrivateKey;

/// Bytes of a banner: RFC 4252 section 5.4 knows no limit, but a packet has one.
const BANNER_BYTES_MAX: u64 = 32 * 1024;

/// A configuration, read and checked, with the keys it names.
#[derive(Debug)]
pub struct Service {
    script: Script,
    /// What the lines outside `Match` blocks say.
    pub settings: Settings,
    account: Account,
    groups: Vec<String>,
    host_keys: Vec<PrivateKey>,
    passwords: Option<Arc<PasswordFile>>,
    open_files: Option<u64>,
    /// What every connection gets where connections do not differ.
    common: Option<Arc<ServerPolicy>>,
}

impl Service {
    /// The lines of the command line and of the file it names.
    ///
    /// # Errors
    /// The file cannot be read, or a line is bad.
    pub fn script(arguments: &Arguments) -> Result<Script> {
        let mut script = arguments.script.clone();
        if let Some(path) = &arguments.config_file {
            script.file(path)?;
        }
        Ok(script)
    }

    /// Loads what a configuration names. `open_files` is the limit that programs expect.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(
        arguments: &Arguments,
        script: Script,
        account: Account,
        open_files: Option<u64>,
    ) -> Result<Self> {
        let settings = script.settings(None)?;
        let host_keys = host_keys::load(&settings)?;
        let owner = Owner { uid: account.uid, home: &account.home };
        let passwords = match &arguments.password_file {
            Some(path) => Some(Arc::new(PasswordFile::load(path, owner).map_err(Fatal::new)?)),
            None => None,
        };
        let groups = groups_of(&account.name);
        let mut service = Self {
            script,
            settings,
            account,
            groups,
            host_keys,
            passwords,
            open_files,
            common: None,
        };
        // What is wrong with it shows now, and not when somebody connects.
        let common = service.of(&service.settings, Peer::default())?;
        if common.admits_nobody() {
            return Err(Fatal::new(
                "AuthenticationMethods cannot be satisfied by enabled authentication methods",
            ));
        }
        if !service.script.has_blocks() && service.settings.access.is_open() {
            service.common = Some(Arc::new(common));
        }
        Ok(service)
    }

    /// What a connection is served with.
    ///
    /// # Errors
    /// Values of `Match` blocks that do not go together.
    pub fn policy(&self, peer: Peer) -> Result<Arc<ServerPolicy>> {
        if let Some(common) = &self.common {
            return Ok(Arc::clone(common));
        }
        let settings = self.script.settings(Some(&Facts {
            user: Some(self.account.name.clone()),
            groups: self.groups.clone(),
            host: Some(peer.host()),
            address: Some(peer.address()),
            local_address: peer.local.map(|address| address.ip().to_canonical()),
            local_port: peer.local.map(|address| address.port()),
        }))?;
        self.of(&settings, peer).map(Arc::new)
    }

    fn of(&self, settings: &Settings, peer: Peer) -> Result<ServerPolicy> {
        let user = &self.account.name;
        let admission = ServerAuthPolicy {
            user: user.clone(),
            keys: key_policy(settings, &self.account)?,
            certificates: certificate_policy(settings, &self.account)?,
            passwords: self.passwords.clone(),
        };
        let sessions = SessionPolicy {
            helper: helper::PROGRAM.into(),
            account: self.account.clone(),
            accept_env: settings.accept_env.clone(),
            set_env: settings.set_env.clone(),
            permit_tty: settings.permit_tty,
            subsystems: settings.subsystems.clone(),
            force_command: settings.force_command.clone(),
            max_sessions: usize::try_from(settings.max_sessions).unwrap_or(usize::MAX),
            open_files: self.open_files,
        };
        let keys = self.host_keys.clone();
        let mut policy = ServerPolicy::new(settings, keys, admission, sessions, banner(settings));
        let refusal = settings.access.refusal(user, &self.groups, peer.address());
        policy.not_allowed = refusal
            .map(|reason| format!("User {user} from {} not allowed because {reason}", peer.host()));
        Ok(policy)
    }
}

/// The text of `Banner`; without it the server goes on, as sshd does.
fn banner(settings: &Settings) -> Option<String> {
    let path = settings.banner.as_ref()?;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(BANNER_BYTES_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        log::error(format_args!("banner {}: {}", path.display(), os_words(&error)));
        return None;
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    // What stands for a byte that is no text is three bytes long; clients bound the whole.
    let max = usize::try_from(BANNER_BYTES_MAX).unwrap_or(usize::MAX);
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    Some(text)
}
