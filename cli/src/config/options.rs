//! What the command line and the files said, before defaults.

use super::values::{EscapeChar, RekeyLimit};
use super::windows::Windows;
use crate::agent::Constraints;
use crate::log::Level;
use std::collections::BTreeMap;
use tssh_forward::core::address::{DynamicForward, LocalForward, RemoteForward, Target};

/// `StrictHostKeyChecking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StrictHostKeyChecking {
    /// Ask about unknown hosts, refuse changed keys.
    #[default]
    Ask,
    /// Learn unknown hosts, refuse changed keys.
    AcceptNew,
    /// Refuse both.
    Yes,
    /// Learn unknown hosts; connect to changed ones, without passwords and forwards.
    No,
}

/// `UpdateHostKeys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpdateHostKeys {
    /// Learn the server's further keys, and forget those that it has no more.
    Yes,
    /// The same, once the user has agreed.
    Ask,
    /// Neither.
    #[default]
    No,
}

/// `AddKeysToAgent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddKeysToAgent {
    /// Never.
    #[default]
    No,
    /// Whenever a key file was opened, under these constraints.
    Yes(Constraints),
    /// The same without constraints, once the user has agreed.
    Ask,
}

/// `PubkeyAuthentication`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PubkeyAuthentication {
    /// Not at all.
    No,
    /// With either kind of request, as the server can.
    #[default]
    Yes,
    /// With requests that are good for any host.
    Unbound,
    /// With requests that are bound to the host, where the server takes them.
    HostBound,
}

/// `RequestTTY` and the options `-t` and `-T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestTty {
    /// A terminal for a shell, none for a command.
    #[default]
    Auto,
    /// Never.
    No,
    /// Whenever standard input is a terminal (`-t`).
    Yes,
    /// Even when it is not (`-tt`).
    Force,
}

/// `AddressFamily` and the options `-4` and `-6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressFamily {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

/// `SessionType` and the options `-N` and `-s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionType {
    /// A command or a shell.
    #[default]
    Default,
    /// No session at all (`-N`).
    None,
    /// The command names a subsystem (`-s`).
    Subsystem,
}

/// `ForwardAgent` and the options `-A` and `-a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardAgent {
    /// Not at all.
    No,
    /// The agent that logs in.
    Yes,
    /// The agent at this path, or at the path in this variable (`$NAME`).
    Socket(String),
}

/// `CanonicalizeHostname`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Canonicalize {
    /// The name stays as it is.
    #[default]
    No,
    /// Names are completed, unless a proxy looks them up.
    Yes,
    /// With a proxy too.
    Always,
}

/// `FingerprintHash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FingerprintHash {
    /// SHA-256 in base64.
    #[default]
    Sha256,
    /// MD5 in hexadecimal.
    Md5,
}

/// `ProxyCommand` or `ProxyJump` (`-J`), whichever was said first; each may be `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// A program whose standard streams are the connection, as written.
    Command(String),
    /// The machines on the way, as written.
    Jump(String),
}

/// Everything that was set, each by the first line that set it. Field names are those of the
/// keywords in `ssh_config(5)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the keywords of ssh_config(5)")]
pub struct Options {
    pub address_family: Option<AddressFamily>,
    pub batch_mode: Option<bool>,
    pub bind_address: Option<String>,
    pub bind_interface: Option<String>,
    pub canonical_domains: Option<Vec<String>>,
    pub canonicalize_fallback_local: Option<bool>,
    pub canonicalize_hostname: Option<Canonicalize>,
    pub canonicalize_max_dots: Option<u32>,
    pub canonicalize_permitted_cnames: Option<Vec<String>>,
    /// `ChannelWindow` and `ChannelMemory`.
    pub windows: Windows,
    pub check_host_ip: Option<bool>,
    pub ciphers: Option<String>,
    pub clear_all_forwardings: Option<bool>,
    pub compression: Option<bool>,
    pub connect_timeout: Option<u32>,
    pub connection_attempts: Option<u32>,
    pub enable_escape_commandline: Option<bool>,
    pub dynamic_forward: Vec<DynamicForward>,
    pub escape_char: Option<EscapeChar>,
    pub exit_on_forward_failure: Option<bool>,
    pub fingerprint_hash: Option<FingerprintHash>,
    pub forward_agent: Option<ForwardAgent>,
    pub forward_x11: Option<bool>,
    /// `-X` or `-Y` was given.
    pub forward_x11_by_flag: bool,
    pub forward_x11_timeout: Option<u32>,
    pub forward_x11_trusted: Option<bool>,
    pub fork_after_authentication: Option<bool>,
    pub gateway_ports: Option<bool>,
    pub global_known_hosts_file: Option<Vec<String>>,
    pub hash_known_hosts: Option<bool>,
    pub host_key_algorithms: Option<String>,
    pub host_key_alias: Option<String>,
    pub host_name: Option<String>,
    pub identities_only: Option<bool>,
    pub identity_agent: Option<String>,
    /// In order; files of the command line (`-i`) first.
    pub identity_file: Vec<IdentityFile>,
    pub ignore_unknown: Option<String>,
    pub kbd_interactive_authentication: Option<bool>,
    pub kex_algorithms: Option<String>,
    pub known_hosts_command: Option<String>,
    pub local_command: Option<String>,
    pub local_forward: Vec<LocalForward>,
    pub log_level: Option<Level>,
    pub macs: Option<String>,
    pub no_host_authentication_for_localhost: Option<bool>,
    pub number_of_password_prompts: Option<u32>,
    pub password_authentication: Option<bool>,
    pub permit_local_command: Option<bool>,
    pub permit_remote_open: Option<Vec<String>>,
    pub port: Option<u16>,
    pub preferred_authentications: Option<String>,
    pub proxy: Option<Proxy>,
    pub proxy_use_fdpass: Option<bool>,
    pub pubkey_accepted_algorithms: Option<String>,
    pub pubkey_authentication: Option<PubkeyAuthentication>,
    pub rekey_limit: Option<RekeyLimit>,
    pub remote_command: Option<String>,
    pub remote_forward: Vec<RemoteForward>,
    pub request_tty: Option<RequestTty>,
    pub required_rsa_size: Option<u32>,
    pub revoked_host_keys: Option<String>,
    pub send_env: Vec<String>,
    pub server_alive_count_max: Option<u32>,
    pub server_alive_interval: Option<u32>,
    pub session_type: Option<SessionType>,
    pub set_env: Vec<(String, String)>,
    pub stdin_null: Option<bool>,
    /// `-W`.
    pub stdio_forward: Option<Target>,
    pub stream_local_bind_mask: Option<u32>,
    pub stream_local_bind_unlink: Option<bool>,
    pub strict_host_key_checking: Option<StrictHostKeyChecking>,
    pub syslog_facility: Option<String>,
    pub tag: Option<String>,
    pub tcp_keep_alive: Option<bool>,
    pub update_host_keys: Option<UpdateHostKeys>,
    pub user: Option<String>,
    /// It stood on the command line as `-l` or in front of the host: it has no tokens.
    pub user_is_literal: bool,
    /// `--strict-openssh`.
    pub strict_openssh: bool,
    pub user_known_hosts_file: Option<Vec<String>>,
    pub xauth_location: Option<String>,
    pub visual_host_key: Option<bool>,
    /// The host to connect to, once the files are read.
    pub full_host_name: Option<String>,
    /// Values that are only kept, by keyword.
    pub held: BTreeMap<&'static str, Vec<String>>,
    /// What was asked for and is not built.
    pub missing: Vec<Absent>,
}

/// A line that asks for something which is not built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// File and line, or the command line.
    pub place: String,
    /// The keyword.
    pub keyword: &'static str,
    /// Why it is not there.
    pub reason: &'static str,
    /// Who asked for it: a user on the command line is refused, one in a file is told.
    pub origin: super::file::Origin,
}

impl Options {
    /// Whether a proxy leads to the host.
    #[must_use]
    pub fn has_proxy(&self) -> bool {
        self.proxy.as_ref().is_some_and(|proxy| {
            let (Proxy::Command(text) | Proxy::Jump(text)) = proxy;
            !text.eq_ignore_ascii_case("none")
        })
    }

    /// A value that is only kept: its words, unless it is "none".
    #[must_use]
    pub fn kept(&self, keyword: &str) -> &[String] {
        match self.held.get(keyword).map(Vec::as_slice) {
            Some([none]) if none.eq_ignore_ascii_case("none") => &[],
            words => words.unwrap_or_default(),
        }
    }

    /// The rules for following aliases.
    #[must_use]
    pub fn permitted_cnames(&self) -> &[String] {
        let rules = self.canonicalize_permitted_cnames.as_deref().unwrap_or_default();
        if rules == ["none"] { &[] } else { rules }
    }
}

/// One `IdentityFile` line or `-i` option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFile {
    /// As written, before tokens and tilde.
    pub path: String,
    /// Whether somebody named it, rather than the program's own list.
    pub user_provided: bool,
}
