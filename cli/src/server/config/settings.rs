//! What the configuration means, once defaults are filled in.

use super::access::Access;
use super::{Family, Forwarding, MaxStartups, Options, RootLogin};
use crate::account::Account;
use crate::config::algorithms::{self, Kind as List};
use crate::config::windows::Windows;
use crate::exit::{Fatal, Result};
use crate::forwards::{listen_permit as listen, permit};
use crate::limits::ADDRESSES_MAX;
use crate::log::Level;
use crate::server::log::Facility;
use crate::server_auth::methods::MethodLists;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;
use tssh_forward::core::policy::{
    GatewayPorts, PermitListen, PermitOpen, Policy, StreamLocalBind, X11Policy,
};
use tssh_transport::Side;
use tssh_transport::algorithms::{Algorithms, COMPRESSION_OFF};
use tssh_transport::kex::rekey::RekeyLimits;

/// Port of the protocol.
const PORT: u16 = 22;
/// Host keys where none is named: those of the machine, which only root can read.
const HOST_KEYS: &[&str] =
    &["/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"];
const AUTHORIZED_KEYS: &[&str] = &[".ssh/authorized_keys", ".ssh/authorized_keys2"];
/// sshd's defaults.
const MAX_AUTH_TRIES: u32 = 6;
const LOGIN_GRACE_SECONDS: u32 = 120;
const MAX_STARTUPS: MaxStartups = MaxStartups { start: 10, rate: 30, full: 100 };
const MAX_SESSIONS: u32 = 10;
const RSA_BITS_MIN: u32 = 1024;
const ALIVE_COUNT_MAX: u32 = 3;
const X11_DISPLAY_OFFSET: u32 = 10;
/// Where Debian and most others have it.
const XAUTH: &str = "/usr/bin/xauth";

/// The settings of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named as its keyword, see sshd_config(5)")]
pub struct Settings {
    pub address_family: Family,
    pub ports: Vec<u16>,
    pub listen_addresses: Vec<(String, Option<u16>)>,
    pub host_keys: Vec<PathBuf>,
    /// Whether the host keys were named; those that are not may be missing.
    pub host_keys_named: bool,
    /// Lists of methods that have to follow one another; none where each is enough by itself.
    pub authentication_methods: Option<MethodLists>,
    /// Patterns with `%h`, `%u` and `%%`; none at all for `none`.
    pub authorized_keys_file: Vec<String>,
    pub pubkey_authentication: bool,
    pub password_authentication: bool,
    pub kbd_interactive_authentication: bool,
    pub permit_root_login: RootLogin,
    pub strict_modes: bool,
    pub allow_tcp_forwarding: Forwarding,
    /// As written: `any`, `none` or targets.
    pub permit_open: Vec<String>,
    /// As written: `any`, `none` or listening sides.
    pub permit_listen: Vec<String>,
    pub gateway_ports: GatewayPorts,
    pub allow_stream_local_forwarding: Forwarding,
    pub stream_local_bind: StreamLocalBind,
    pub allow_agent_forwarding: bool,
    pub x11_forwarding: bool,
    pub x11_display_offset: u32,
    pub x11_use_localhost: bool,
    pub xauth_location: String,
    pub disable_forwarding: bool,
    pub access: Access,
    pub authorized_keys_command: Option<String>,
    pub authorized_keys_command_user: Option<String>,
    pub accept_env: Vec<String>,
    pub set_env: Vec<(String, String)>,
    pub permit_tty: bool,
    /// Whether `environment=` of authorized_keys takes effect, and for which names.
    pub permit_user_environment: String,
    pub banner: Option<PathBuf>,
    pub version_addendum: Option<String>,
    pub max_auth_tries: u32,
    pub login_grace_time: Option<Duration>,
    pub max_startups: MaxStartups,
    pub max_sessions: u32,
    pub client_alive_interval: Option<Duration>,
    pub client_alive_count_max: u32,
    pub algorithms: Algorithms,
    pub pubkey_accepted_algorithms: Vec<String>,
    /// What certificates may be signed with.
    pub ca_signature_algorithms: Vec<String>,
    pub required_rsa_size: u32,
    pub revoked_keys: Option<PathBuf>,
    pub trusted_user_ca_keys: Option<PathBuf>,
    /// A pattern with `%h`, `%u`, `%U` and `%%`.
    pub authorized_principals_file: Option<String>,
    pub rekey: RekeyLimits,
    /// `ChannelWindow` and `ChannelMemory`.
    pub windows: Windows,
    pub log_level: Level,
    pub syslog_facility: Facility,
    pub tcp_keep_alive: bool,
    pub pid_file: Option<PathBuf>,
    pub subsystems: Vec<(String, String)>,
    pub force_command: Option<String>,
}

impl Settings {
    /// Fills in what was not said; `has_aes` says whether this CPU has AES instructions.
    ///
    /// # Errors
    /// A list of algorithms of which nothing is left, or sizes that do not go together.
    pub fn new(mut options: Options, has_aes: bool) -> Result<Self> {
        let algorithms = offered(&options, has_aes)?;
        let (accepted, ca) = key_algorithms(&options)?;
        let (access, stream_local_bind) = (access(&mut options), stream_local_bind(&options));
        let command = key_command(&mut options)?;
        let keys = options.authorized_keys_file.unwrap_or_else(|| owned(AUTHORIZED_KEYS));
        let named = !options.host_keys.is_empty();
        Ok(Self {
            address_family: options.address_family.unwrap_or(Family::Any),
            ports: if options.ports.is_empty() { vec![PORT] } else { options.ports },
            listen_addresses: options.listen_addresses,
            host_keys: match named {
                true => options.host_keys,
                false => HOST_KEYS.iter().map(PathBuf::from).collect(),
            },
            host_keys_named: named,
            authentication_methods: options.authentication_methods.flatten(),
            authorized_keys_file: keys.into_iter().filter(|k| k != "none").collect(),
            pubkey_authentication: options.pubkey_authentication.unwrap_or(true),
            password_authentication: options.password_authentication.unwrap_or(true),
            kbd_interactive_authentication: options.kbd_interactive_authentication.unwrap_or(true),
            permit_root_login: options.permit_root_login.unwrap_or(RootLogin::Yes),
            strict_modes: options.strict_modes.unwrap_or(true),
            allow_tcp_forwarding: options.allow_tcp_forwarding.unwrap_or(Forwarding::Yes),
            permit_open: options.permit_open.unwrap_or_else(|| owned(&["any"])),
            permit_listen: options.permit_listen.unwrap_or_else(|| owned(&["any"])),
            gateway_ports: options.gateway_ports.unwrap_or_default(),
            allow_stream_local_forwarding: options
                .allow_stream_local_forwarding
                .unwrap_or(Forwarding::Yes),
            stream_local_bind,
            allow_agent_forwarding: options.allow_agent_forwarding.unwrap_or(true),
            x11_forwarding: options.x11_forwarding.unwrap_or(false),
            x11_display_offset: options.x11_display_offset.unwrap_or(X11_DISPLAY_OFFSET),
            x11_use_localhost: options.x11_use_localhost.unwrap_or(true),
            xauth_location: options.xauth_location.unwrap_or_else(|| XAUTH.to_owned()),
            disable_forwarding: options.disable_forwarding.unwrap_or(false),
            access,
            authorized_keys_command: command,
            authorized_keys_command_user: unless_none(options.authorized_keys_command_user),
            accept_env: options.accept_env.values,
            set_env: options.set_env.unwrap_or_default(),
            permit_tty: options.permit_tty.unwrap_or(true),
            permit_user_environment: options.permit_user_environment.unwrap_or_else(|| "no".into()),
            banner: unless_none(options.banner).map(PathBuf::from),
            version_addendum: unless_none(options.version_addendum),
            max_auth_tries: options.max_auth_tries.unwrap_or(MAX_AUTH_TRIES),
            login_grace_time: wait(options.login_grace_time.unwrap_or(LOGIN_GRACE_SECONDS)),
            max_startups: options.max_startups.unwrap_or(MAX_STARTUPS),
            max_sessions: options.max_sessions.unwrap_or(MAX_SESSIONS),
            client_alive_interval: wait(options.client_alive_interval.unwrap_or(0)),
            client_alive_count_max: options.client_alive_count_max.unwrap_or(ALIVE_COUNT_MAX),
            algorithms,
            pubkey_accepted_algorithms: accepted,
            ca_signature_algorithms: ca,
            required_rsa_size: options.required_rsa_size.unwrap_or(RSA_BITS_MIN),
            trusted_user_ca_keys: unless_none(options.trusted_user_ca_keys).map(PathBuf::from),
            authorized_principals_file: unless_none(options.authorized_principals_file),
            revoked_keys: unless_none(options.revoked_keys).map(PathBuf::from),
            rekey: rekey_limits(options.rekey_limit.unwrap_or_default()),
            windows: options.windows.checked()?,
            log_level: options.log_level.unwrap_or(Level::Info),
            syslog_facility: options.syslog_facility.unwrap_or_default(),
            tcp_keep_alive: options.tcp_keep_alive.unwrap_or(true),
            pid_file: unless_none(options.pid_file).map(PathBuf::from),
            subsystems: options.subsystems,
            force_command: unless_none(options.force_command),
        })
    }

    /// The addresses to listen on.
    ///
    /// # Errors
    /// A name that does not resolve, in sshd's words.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let wildcard = [("0.0.0.0".to_owned(), None), ("::".to_owned(), None)];
        let hosts = match self.listen_addresses.is_empty() {
            true => &wildcard[..],
            false => &self.listen_addresses[..],
        };
        let mut found = Vec::new();
        for (host, port) in hosts {
            let ports = port.as_ref().map_or(&self.ports[..], std::slice::from_ref);
            for port in ports {
                let resolved = (host.as_str(), *port).to_socket_addrs().map_err(|error| {
                    let words = crate::exit::os_words(&error);
                    Fatal::new(format!("bad addr or host: {host} ({words})"))
                })?;
                let fits = |address: &SocketAddr| match self.address_family {
                    Family::Any => true,
                    Family::Inet => address.is_ipv4(),
                    Family::Inet6 => address.is_ipv6(),
                };
                for address in resolved.filter(fits).take(ADDRESSES_MAX) {
                    if !found.contains(&address) {
                        found.push(address);
                    }
                }
            }
        }
        Ok(found)
    }

    /// What a client may forward, before its key narrows it down.
    ///
    /// S52: the defaults are those of sshd, and `DisableForwarding` overrides all.
    #[must_use]
    pub fn forwarding(&self) -> Policy {
        if self.disable_forwarding {
            return Policy::default();
        }
        let local = |f: Forwarding| matches!(f, Forwarding::Yes | Forwarding::Local);
        let remote = |f: Forwarding| matches!(f, Forwarding::Yes | Forwarding::Remote);
        let x11 = X11Policy {
            display_offset: self.x11_display_offset,
            use_localhost: self.x11_use_localhost,
            xauth: self.xauth_location.clone(),
        };
        Policy {
            tcp_local: local(self.allow_tcp_forwarding),
            tcp_remote: remote(self.allow_tcp_forwarding),
            permit_open: match &self.permit_open[..] {
                [any] if any == "any" => PermitOpen::Any,
                [none] if none == "none" => PermitOpen::None,
                // Words were checked when they were read.
                words => PermitOpen::Only(words.iter().filter_map(|w| permit(w)).collect()),
            },
            permit_listen: match &self.permit_listen[..] {
                [any] if any == "any" => PermitListen::Any,
                [none] if none == "none" => PermitListen::None,
                words => PermitListen::Only(words.iter().filter_map(|w| listen(w)).collect()),
            },
            streamlocal_local: local(self.allow_stream_local_forwarding),
            streamlocal_remote: remote(self.allow_stream_local_forwarding),
            gateway_ports: self.gateway_ports,
            stream_local_bind: self.stream_local_bind,
            agent: self.allow_agent_forwarding,
            x11: self.x11_forwarding.then_some(x11),
            relay: false,
        }
    }

    /// Where this user's keys are looked up: `%h` is the home directory, `%u` the name, and a
    /// relative path starts in the home directory.
    ///
    /// # Errors
    /// Another `%` token, in sshd's words.
    pub fn authorized_keys(&self, account: &Account) -> Result<Vec<PathBuf>> {
        let expand = |pattern: &String| account.expand_pattern(pattern);
        self.authorized_keys_file.iter().map(expand).collect()
    }
}

fn access(options: &mut Options) -> Access {
    Access {
        allow_users: std::mem::take(&mut options.allow_users.values),
        deny_users: std::mem::take(&mut options.deny_users.values),
        allow_groups: std::mem::take(&mut options.allow_groups.values),
        deny_groups: std::mem::take(&mut options.deny_groups.values),
    }
}

fn stream_local_bind(options: &Options) -> StreamLocalBind {
    let default = StreamLocalBind::default();
    StreamLocalBind {
        mask: options.stream_local_bind_mask.unwrap_or(default.mask),
        unlink: options.stream_local_bind_unlink.unwrap_or(default.unlink),
    }
}

/// What keys of users may sign with, and what authorities may.
fn key_algorithms(options: &Options) -> Result<(Vec<String>, Vec<String>)> {
    let (all, plain) = (owned(algorithms::KEY_ALGORITHMS), algorithms::plain_key_algorithms());
    let (keys, authorities) =
        (options.pubkey_accepted_algorithms.as_deref(), options.ca_signature_algorithms.as_deref());
    Ok((
        assemble("PubkeyAcceptedAlgorithms", List::Key, keys, all)?,
        assemble("CASignatureAlgorithms", List::Key, authorities, plain)?,
    ))
}

fn key_command(options: &mut Options) -> Result<Option<String>> {
    let command = unless_none(options.authorized_keys_command.take());
    if command.is_some() && options.authorized_keys_command_user.is_none() {
        return Err(Fatal::new("AuthorizedKeysCommand set without AuthorizedKeysCommandUser"));
    }
    Ok(command)
}

fn unless_none(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.eq_ignore_ascii_case("none"))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn wait(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}

fn rekey_limits(limit: crate::config::values::RekeyLimit) -> RekeyLimits {
    let default = RekeyLimits::default();
    RekeyLimits {
        bytes: limit.bytes.unwrap_or(default.bytes),
        interval: limit.interval.unwrap_or(default.interval),
        ..default
    }
}

fn assemble(
    keyword: &str,
    kind: List,
    list: Option<&str>,
    default: Vec<String>,
) -> Result<Vec<String>> {
    let Some(list) = list else { return Ok(default) };
    let names = algorithms::assemble(kind, list, &default);
    if names.is_empty() {
        return Err(Fatal::new(format!("{keyword} '{list}' leaves nothing to offer")));
    }
    Ok(names)
}

fn offered(options: &Options, has_aes: bool) -> Result<Algorithms> {
    let default = Algorithms::default_for(Side::Server, has_aes);
    let kex = options.kex_algorithms.as_deref();
    let host_key = options.host_key_algorithms.as_deref();
    Ok(Algorithms {
        kex: assemble("KexAlgorithms", List::Kex, kex, default.kex)?,
        host_key: assemble("HostKeyAlgorithms", List::Key, host_key, default.host_key)?,
        cipher: assemble("Ciphers", List::Cipher, options.ciphers.as_deref(), default.cipher)?,
        mac: assemble("MACs", List::Mac, options.macs.as_deref(), default.mac)?,
        compression: match options.compression {
            Some(false) => vec!["none".to_owned()],
            _ => owned(COMPRESSION_OFF),
        },
    })
}
