//! The settings of one connection: what was said, with defaults filled in and tokens expanded.

use super::algorithms::{self, Kind as List};
use super::forwarding::{X11Settings, forwarded_agent};
use super::forwards::ForwardSettings;
use super::options::{
    AddKeysToAgent, AddressFamily, FingerprintHash, Options, Proxy, PubkeyAuthentication,
    RequestTty, SessionType, StrictHostKeyChecking, UpdateHostKeys,
};
use super::quality::Quality;
use super::sharing::Sharing;
use super::tokens::{self, Tokens};
use super::values::{EscapeChar, RekeyLimit};
use super::words::split_arguments;
use crate::account::Account;
use crate::agent::Constraints;
use crate::exit::{Fatal, Result};
use crate::log::Level;
use std::path::PathBuf;
use std::time::Duration;

/// Key files tried when none is named: OpenSSH's list without the types that are not built.
pub const DEFAULT_IDENTITIES: &[&str] = &["~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"];
/// Methods that are built, in OpenSSH's order of preference.
const DEFAULT_AUTHENTICATIONS: &str = "publickey,keyboard-interactive,password";

/// A key file to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The private key file, expanded.
    pub path: PathBuf,
    /// Whether somebody named it; such a file is missed when it is not there.
    pub user_provided: bool,
}

/// Everything that one connection needs to know. Field names are those of `ssh_config(5)`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are the keywords of ssh_config(5)")]
pub struct Settings {
    /// The host as given.
    pub host: String,
    /// The host to connect to.
    pub host_name: String,
    pub port: u16,
    pub user: String,
    pub account: Account,
    pub address_family: AddressFamily,
    pub bind_address: Option<String>,
    pub bind_interface: Option<String>,
    /// Who makes the connection, where we do not.
    pub proxy: Option<Proxy>,
    pub proxy_use_fdpass: bool,
    /// Connection sharing.
    pub sharing: Sharing,
    pub connect_timeout: Option<Duration>,
    pub connection_attempts: u32,
    pub tcp_keep_alive: bool,
    pub quality: Quality,
    /// `--strict-openssh`.
    pub strict_openssh: bool,
    pub server_alive_interval: Option<Duration>,
    pub server_alive_count_max: u32,
    pub identities: Vec<Identity>,
    /// Certificates that were named.
    pub certificate_files: Vec<PathBuf>,
    pub identities_only: bool,
    /// Whether key requests may be bound to the host.
    pub host_bound: bool,
    pub add_keys_to_agent: AddKeysToAgent,
    /// The agent's socket, if there is one.
    pub identity_agent: Option<PathBuf>,
    pub batch_mode: bool,
    /// Methods to try, in order.
    pub authentications: Vec<String>,
    pub number_of_password_prompts: u32,
    pub kbd_interactive_devices: String,
    pub pubkey_accepted_algorithms: Vec<String>,
    pub required_rsa_size: u32,
    /// What an authority may sign certificates with.
    pub ca_signature_algorithms: Vec<String>,
    pub strict_host_key_checking: StrictHostKeyChecking,
    pub user_known_hosts: Vec<PathBuf>,
    pub global_known_hosts: Vec<PathBuf>,
    pub host_key_alias: Option<String>,
    pub hash_known_hosts: bool,
    pub check_host_ip: bool,
    /// A command that yields known host keys, as written: its arguments are cut and their tokens
    /// filled in where it runs.
    pub known_hosts_command: Option<String>,
    pub no_host_authentication_for_localhost: bool,
    pub revoked_host_keys: Option<PathBuf>,
    pub visual_host_key: bool,
    pub update_host_keys: UpdateHostKeys,
    pub fingerprint_hash: FingerprintHash,
    pub forwards: ForwardSettings,
    /// The socket of the agent to forward, if one is to be.
    pub forward_agent: Option<PathBuf>,
    pub x11: X11Settings,
    /// Offered lists that somebody named or edited; none where the default stands.
    pub ciphers: Option<Vec<String>>,
    pub macs: Option<Vec<String>>,
    pub kex_algorithms: Option<Vec<String>>,
    pub host_key_algorithms: Option<Vec<String>>,
    /// Whether the types that are known for the host come first: not where somebody gave the
    /// whole list, or put names in front.
    pub order_host_key_algorithms: bool,
    pub compression: bool,
    pub rekey_limit: RekeyLimit,
    pub request_tty: RequestTty,
    /// `RemoteCommand`, expanded.
    pub remote_command: Option<String>,
    /// `LocalCommand`, where it is permitted, expanded.
    pub local_command: Option<String>,
    pub session_type: SessionType,
    pub fork_after_authentication: bool,
    /// Whether standard input is left alone; so it is in the background.
    pub stdin_null: bool,
    pub send_env: Vec<String>,
    pub set_env: Vec<(String, String)>,
    pub enable_escape_commandline: bool,
    pub escape_char: EscapeChar,
    pub log_level: Level,
}

impl Settings {
    /// Fills in what nobody said.
    ///
    /// `default_list` yields the list offered by default, which edits start from.
    ///
    /// # Errors
    /// A token that does not exist, or `~name` of nobody.
    pub fn resolve(
        options: &Options,
        host: &str,
        account: &Account,
        default_list: impl Fn(List) -> Vec<String>,
    ) -> Result<Self> {
        let o = options;
        let host_name = match &o.full_host_name {
            Some(name) => name.clone(),
            // No file was read: RFC 4251 has nothing to say about case, DNS and ssh ignore it.
            None => super::host_name(o, host)?.to_lowercase(),
        };
        let port = o.port.unwrap_or(22);
        let key_alias = o.host_key_alias.as_ref().map(|alias| alias.to_lowercase());
        if o.connection_attempts == Some(0) {
            return Err(Fatal::new("Invalid number of ConnectionAttempts"));
        }
        let local_host = tokens::local_host();
        let tokens = Tokens {
            account,
            local_host: &local_host,
            original: host,
            host: &host_name,
            key_alias: key_alias.as_deref().unwrap_or(host),
            port,
            user: "",
            jump: jump_host(o.proxy.as_ref()),
        };
        let user = user(o, &tokens)?;
        crate::args::check_destination(&host_name, Some(&user))?;
        let paths = Paths { account, tokens: Tokens { user: &user, ..tokens } };
        let list = |kind, names: &Option<String>| {
            names.as_ref().map(|names| algorithms::assemble(kind, names, &default_list(kind)))
        };
        let accepted = list(List::Key, &o.pubkey_accepted_algorithms);
        let known = &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];
        let system = &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
        let mut settings = Self {
            identities: paths.identities(o)?,
            certificate_files: paths.certificates(o)?,
            sharing: Sharing::of(o, |text| paths.path(text))?,
            identity_agent: paths.agent(o)?,
            forward_agent: forwarded_agent(o, paths.agent(o)?.as_ref(), |text| paths.path(text))?,
            user_known_hosts: paths.list(o.user_known_hosts_file.as_deref(), known)?,
            global_known_hosts: paths.list(o.global_known_hosts_file.as_deref(), system)?,
            revoked_host_keys: match not_none(&o.revoked_host_keys) {
                Some(text) => Some(paths.path(&text)?),
                None => None,
            },
            ciphers: list(List::Cipher, &o.ciphers),
            macs: list(List::Mac, &o.macs),
            kex_algorithms: list(List::Kex, &o.kex_algorithms),
            host_key_algorithms: list(List::Key, &o.host_key_algorithms),
            forwards: ForwardSettings::of(o).with_paths(&paths.tokens)?,
            set_env: set_env(o, &paths)?,
            quality: Quality::of(o).checked(o, &paths.tokens)?,
            ..Self::without_paths(o, host, account)
        };
        if let Some(accepted) = accepted {
            settings.pubkey_accepted_algorithms = accepted;
        }
        Self { host_name, port, user, ..settings }.with_commands()
    }

    /// Fills in the tokens of commands, which stand for everything else.
    fn with_commands(mut self) -> Result<Self> {
        let expand = |command: &Option<String>| {
            command.as_ref().map(|command| self.expand_command(command)).transpose()
        };
        let remote_command = expand(&self.remote_command)?;
        // Of a tunnel device there is no name.
        let local = self.local_command.as_deref().map(tokens::without_tunnel);
        let local_command = expand(&local)?;
        self.remote_command = remote_command;
        self.local_command = local_command;
        Ok(self)
    }

    /// What needs neither tokens nor lists of algorithms.
    fn without_paths(o: &Options, host: &str, account: &Account) -> Self {
        let background = o.fork_after_authentication.unwrap_or(false);
        Self {
            host: host.to_owned(),
            host_name: String::new(),
            port: 0,
            user: String::new(),
            account: account.clone(),
            address_family: o.address_family.unwrap_or_default(),
            bind_address: o.bind_address.clone(),
            bind_interface: o.bind_interface.clone(),
            proxy: proxy(o),
            proxy_use_fdpass: o.proxy_use_fdpass.unwrap_or(false),
            sharing: Sharing::default(),
            connect_timeout: timeout(o.connect_timeout),
            connection_attempts: o.connection_attempts.unwrap_or(1),
            tcp_keep_alive: o.tcp_keep_alive.unwrap_or(true),
            quality: Quality::of(o),
            strict_openssh: o.strict_openssh,
            server_alive_interval: timeout(o.server_alive_interval),
            server_alive_count_max: o.server_alive_count_max.unwrap_or(3),
            identities: Vec::new(),
            certificate_files: Vec::new(),
            identities_only: o.identities_only.unwrap_or(false),
            add_keys_to_agent: add_keys_to_agent(o),
            host_bound: o.pubkey_authentication != Some(PubkeyAuthentication::Unbound),
            identity_agent: None,
            batch_mode: o.batch_mode.unwrap_or(false),
            authentications: authentications(o),
            number_of_password_prompts: o.number_of_password_prompts.unwrap_or(3),
            kbd_interactive_devices: o.kept("kbdinteractivedevices").join(","),
            pubkey_accepted_algorithms: algorithms::all_key_algorithms(),
            ca_signature_algorithms: authority_algorithms(o),
            required_rsa_size: required_rsa_size(o),
            strict_host_key_checking: o.strict_host_key_checking.unwrap_or_default(),
            user_known_hosts: Vec::new(),
            global_known_hosts: Vec::new(),
            host_key_alias: o.host_key_alias.as_ref().map(|alias| alias.to_lowercase()),
            hash_known_hosts: o.hash_known_hosts.unwrap_or(false),
            check_host_ip: o.check_host_ip.unwrap_or(false),
            known_hosts_command: not_none(&o.known_hosts_command),
            no_host_authentication_for_localhost: o.no_host_authentication_for_localhost
                == Some(true),
            revoked_host_keys: None,
            update_host_keys: update_host_keys(o),
            visual_host_key: o.visual_host_key.unwrap_or(false),
            fingerprint_hash: o.fingerprint_hash.unwrap_or_default(),
            forwards: ForwardSettings::default(),
            forward_agent: None,
            x11: X11Settings::of(o),
            ciphers: None,
            macs: None,
            kex_algorithms: None,
            host_key_algorithms: None,
            order_host_key_algorithms: order_host_keys(o),
            compression: o.compression.unwrap_or(false),
            rekey_limit: o.rekey_limit.unwrap_or_default(),
            request_tty: o.request_tty.unwrap_or_default(),
            remote_command: not_none(&o.remote_command),
            local_command: local_command(o),
            session_type: o.session_type.unwrap_or_default(),
            fork_after_authentication: background,
            stdin_null: background || o.stdin_null.unwrap_or(false),
            send_env: o.send_env.clone(),
            set_env: Vec::new(),
            enable_escape_commandline: o.enable_escape_commandline.unwrap_or(false),
            escape_char: o.escape_char.unwrap_or(EscapeChar::Byte(b'~')),
            log_level: o.log_level.unwrap_or(Level::Info),
        }
    }

    /// What one `%` token stands for in the commands of this connection.
    ///
    /// # Errors
    /// A token that does not exist.
    pub fn expand_token(&self, token: char) -> std::result::Result<String, String> {
        self.with_tokens(|tokens| tokens.value(token))
    }

    /// A path with its tilde and its tokens expanded.
    ///
    /// # Errors
    /// A token that does not exist, a variable that is not set, or `~name` of nobody.
    pub fn expand(&self, text: &str) -> Result<String> {
        let path = self.with_tokens(|tokens| {
            Paths { account: &self.account, tokens: tokens.clone() }.path(text)
        })?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// A command with its tokens expanded.
    ///
    /// # Errors
    /// A token that does not exist.
    pub fn expand_command(&self, text: &str) -> Result<String> {
        self.with_tokens(|tokens| tokens.expand_tokens(text)).map_err(Fatal::new)
    }

    fn with_tokens<T>(&self, with: impl FnOnce(&Tokens<'_>) -> T) -> T {
        let local_host = tokens::local_host();
        with(&Tokens {
            account: &self.account,
            local_host: &local_host,
            original: &self.host,
            host: &self.host_name,
            key_alias: self.host_key_alias.as_deref().unwrap_or(&self.host),
            port: self.port,
            user: &self.user,
            jump: jump_host(self.proxy.as_ref()),
        })
    }

    /// The name that the host's key is filed under: the alias, `host`, or `[host]:port`.
    #[must_use]
    pub fn key_name(&self) -> String {
        match &self.host_key_alias {
            Some(alias) => alias.to_lowercase(),
            None => crate::known_hosts::host_and_port(&self.host_name, self.port),
        }
    }
}

/// The user to log in as. In a file its tokens are filled in, as in OpenSSH 10; all but those that
/// name the user.
fn user(o: &Options, tokens: &Tokens<'_>) -> Result<String> {
    match &o.user {
        None => Ok(tokens.account.name.clone()),
        Some(user) if o.user_is_literal => Ok(user.clone()),
        Some(user) if user.contains("%r") || user.contains("%C") => {
            Err(Fatal::new(format!("User {user}: %r and %C stand for the user themselves")))
        }
        Some(user) => tokens.expand(user).map_err(Fatal::new),
    }
}

/// `SetEnv`: variables of ours are filled in, as in OpenSSH 10; a percent sign is one.
fn set_env(o: &Options, paths: &Paths<'_>) -> Result<Vec<(String, String)>> {
    let expand = |(name, value): &(String, String)| {
        let value = paths.tokens.expand(&value.replace('%', "%%")).map_err(Fatal::new)?;
        Ok((name.clone(), value))
    };
    o.set_env.iter().map(expand).collect()
}

/// OpenSSH takes keys of 1024 bits where nobody says otherwise.
fn required_rsa_size(o: &Options) -> u32 {
    let ours = tssh_transport::limits::RSA_BITS_MIN;
    o.required_rsa_size.unwrap_or(if o.strict_openssh { 1024 } else { ours })
}

fn local_command(o: &Options) -> Option<String> {
    not_none(&o.local_command).filter(|_| o.permit_local_command == Some(true))
}

/// Files of somebody's own choice are not written to unless that is asked for.
fn update_host_keys(o: &Options) -> UpdateHostKeys {
    o.update_host_keys.unwrap_or(match &o.user_known_hosts_file {
        None => UpdateHostKeys::Yes,
        Some(_) => UpdateHostKeys::No,
    })
}

fn order_host_keys(o: &Options) -> bool {
    o.host_key_algorithms.as_ref().is_none_or(|list| list.starts_with(['+', '-']))
}

fn authority_algorithms(o: &Options) -> Vec<String> {
    let default = algorithms::plain_key_algorithms();
    match o.held.get("casignaturealgorithms").and_then(|lines| lines.first()) {
        Some(list) => algorithms::assemble(List::Key, list, &default),
        None => default,
    }
}

/// As the table of keywords keeps it: a word, a number of seconds, or `confirm` and one.
fn add_keys_to_agent(o: &Options) -> AddKeysToAgent {
    let kept = o.held.get("addkeystoagent").map(|words| words.join(" ")).unwrap_or_default();
    let (word, time) = kept.split_once(' ').unwrap_or((&kept, ""));
    let seconds = |text: &str| text.parse::<u32>().ok();
    match word {
        "" | "false" => AddKeysToAgent::No,
        "ask" => AddKeysToAgent::Ask,
        "confirm" => AddKeysToAgent::Yes(Constraints { confirm: true, lifetime: seconds(time) }),
        time => AddKeysToAgent::Yes(Constraints { confirm: false, lifetime: seconds(time) }),
    }
}

/// A value that `none` switches off.
fn not_none(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.eq_ignore_ascii_case("none"))
}

/// A time limit, which 0 switches off.
fn timeout(seconds: Option<u32>) -> Option<Duration> {
    seconds.filter(|s| *s > 0).map(|s| Duration::from_secs(u64::from(s)))
}

/// `none` in either keyword stands for no proxy, and for the other keyword's end.
fn proxy(o: &Options) -> Option<Proxy> {
    o.proxy.clone().filter(|_| o.has_proxy())
}

fn jump_host(proxy: Option<&Proxy>) -> &str {
    match proxy {
        Some(Proxy::Jump(chain)) if !chain.eq_ignore_ascii_case("none") => tokens::jump_host(chain),
        _ => "",
    }
}

/// The methods to try: preferred ones that are built and not switched off.
fn authentications(o: &Options) -> Vec<String> {
    let preferred = o.preferred_authentications.as_deref().unwrap_or(DEFAULT_AUTHENTICATIONS);
    let batch = o.batch_mode.unwrap_or(false);
    let enabled = |method: &&str| match *method {
        "publickey" => o.pubkey_authentication != Some(PubkeyAuthentication::No),
        "keyboard-interactive" => !batch && o.kbd_interactive_authentication.unwrap_or(true),
        "password" => !batch && o.password_authentication.unwrap_or(true),
        _ => false,
    };
    preferred.split(',').filter(enabled).map(str::to_owned).collect()
}

struct Paths<'a> {
    account: &'a Account,
    tokens: Tokens<'a>,
}

impl Paths<'_> {
    fn path(&self, text: &str) -> Result<PathBuf> {
        let path = self.account.expand_tilde(text).map_err(Fatal::new)?;
        let expanded = self.tokens.expand(&path.to_string_lossy()).map_err(Fatal::new)?;
        Ok(PathBuf::from(expanded))
    }

    fn list(&self, named: Option<&[String]>, default: &[&str]) -> Result<Vec<PathBuf>> {
        match named {
            Some([none]) if none.eq_ignore_ascii_case("none") => Ok(Vec::new()),
            Some(named) => named.iter().map(|text| self.path(text)).collect(),
            None => default.iter().map(|text| self.path(text)).collect(),
        }
    }

    fn identities(&self, o: &Options) -> Result<Vec<Identity>> {
        if o.identity_file.is_empty() {
            let default =
                |text: &&str| Ok(Identity { path: self.path(text)?, user_provided: false });
            return DEFAULT_IDENTITIES.iter().map(default).collect();
        }
        let named = o.identity_file.iter().filter(|file| !file.path.eq_ignore_ascii_case("none"));
        named
            .map(|file| {
                Ok(Identity { path: self.path(&file.path)?, user_provided: file.user_provided })
            })
            .collect()
    }

    fn certificates(&self, o: &Options) -> Result<Vec<PathBuf>> {
        let lines = o.held.get("certificatefile").cloned().unwrap_or_default();
        // They are kept as they are printed, in quotes where there is white space.
        let words = lines.iter().flat_map(|line| split_arguments(line).unwrap_or_default());
        let named = words.filter(|word| !word.eq_ignore_ascii_case("none"));
        named.map(|word| self.path(&word)).collect()
    }

    /// `IdentityAgent`: a path, `none`, `SSH_AUTH_SOCK`, or `$NAME` of a variable.
    fn agent(&self, o: &Options) -> Result<Option<PathBuf>> {
        let variable = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        match o.identity_agent.as_deref() {
            None | Some("SSH_AUTH_SOCK") => Ok(variable("SSH_AUTH_SOCK")),
            Some("none") => Ok(None),
            Some(text) => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                // Without the variable there is no agent, as in ssh.
                Some(name) => Ok(variable(name)),
                None => self.path(text).map(Some),
            },
        }
    }
}
