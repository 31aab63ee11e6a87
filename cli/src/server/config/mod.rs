//! `sshd_config(5)`: the command line first, then the file; for each keyword the first value wins,
//! and what stands in a `Match` block that applies wins over everything outside.
//!
//! | module | what it has |
//! | --- | --- |
//! | [`keywords`] | the table of all keywords |
//! | [`script`] | the lines that were read, and what they say for one connection |
//! | [`condition`] | whether a `Match` block applies |
//! | [`access`] | `AllowUsers` and its kin |
//! | [`settings`] | the values with their defaults |

pub mod access;
pub mod condition;
pub mod keywords;
mod print;
pub mod script;
pub mod settings;

pub use script::Script;
pub use settings::Settings;

use crate::config::values::RekeyLimit;
use crate::config::windows::Windows;
use crate::log::Level;
use crate::server::log::Facility;
use crate::server_auth::methods::MethodLists;
use std::path::PathBuf;
use tssh_forward::core::policy::GatewayPorts;

/// What `AllowTcpForwarding` and its kin say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// Neither direction.
    No,
    /// Both.
    Yes,
    /// From the client's listeners only (`-L`).
    Local,
    /// From the server's listeners only (`-R`).
    Remote,
}

/// What `PermitRootLogin` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootLogin {
    /// As anybody else.
    Yes,
    /// Not with a password.
    ProhibitPassword,
    /// Only with a key that has a command.
    ForcedCommandsOnly,
    /// Not at all.
    No,
}

/// Which addresses to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Of both families.
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

/// `MaxStartups`: connections that are not logged in yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxStartups {
    /// Below this number nothing is dropped.
    pub start: u32,
    /// Percentage of connections dropped from there on, growing to all of them at `full`.
    pub rate: u32,
    /// From this number on everything is dropped.
    pub full: u32,
}

/// Values that grow line by line, those of a `Match` block in place of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    /// The values in their order, bounded by the size of the files.
    pub values: Vec<T>,
    closed: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { values: Vec::new(), closed: false }
    }
}

impl<T> List<T> {
    /// Takes no more where it has something.
    const fn close(&mut self) {
        self.closed = !self.values.is_empty();
    }
}

/// What was said so far; nothing where nothing was said. Lists that grow line by line are bounded
/// by the size of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named as its keyword, see sshd_config(5)")]
pub struct Options {
    pub address_family: Option<Family>,
    pub ports: Vec<u16>,
    pub listen_addresses: Vec<(String, Option<u16>)>,
    pub host_keys: Vec<PathBuf>,
    /// None at all for `any`.
    pub authentication_methods: Option<Option<MethodLists>>,
    pub authorized_keys_file: Option<Vec<String>>,
    pub pubkey_authentication: Option<bool>,
    pub password_authentication: Option<bool>,
    pub kbd_interactive_authentication: Option<bool>,
    pub permit_root_login: Option<RootLogin>,
    pub strict_modes: Option<bool>,
    pub allow_tcp_forwarding: Option<Forwarding>,
    pub disable_forwarding: Option<bool>,
    pub permit_open: Option<Vec<String>>,
    pub permit_listen: Option<Vec<String>>,
    pub gateway_ports: Option<GatewayPorts>,
    pub allow_stream_local_forwarding: Option<Forwarding>,
    pub stream_local_bind_mask: Option<u32>,
    pub stream_local_bind_unlink: Option<bool>,
    pub allow_agent_forwarding: Option<bool>,
    pub x11_forwarding: Option<bool>,
    pub x11_display_offset: Option<u32>,
    pub x11_use_localhost: Option<bool>,
    pub xauth_location: Option<String>,
    pub allow_users: List<String>,
    pub deny_users: List<String>,
    pub allow_groups: List<String>,
    pub deny_groups: List<String>,
    pub authorized_keys_command: Option<String>,
    pub authorized_principals_file: Option<String>,
    pub trusted_user_ca_keys: Option<String>,
    pub authorized_keys_command_user: Option<String>,
    pub accept_env: List<String>,
    pub set_env: Option<Vec<(String, String)>>,
    pub permit_tty: Option<bool>,
    pub permit_user_environment: Option<String>,
    pub banner: Option<String>,
    pub version_addendum: Option<String>,
    pub max_auth_tries: Option<u32>,
    pub login_grace_time: Option<u32>,
    pub max_startups: Option<MaxStartups>,
    pub max_sessions: Option<u32>,
    pub client_alive_interval: Option<u32>,
    pub client_alive_count_max: Option<u32>,
    pub ciphers: Option<String>,
    pub macs: Option<String>,
    pub kex_algorithms: Option<String>,
    pub host_key_algorithms: Option<String>,
    pub pubkey_accepted_algorithms: Option<String>,
    pub ca_signature_algorithms: Option<String>,
    pub required_rsa_size: Option<u32>,
    pub revoked_keys: Option<String>,
    pub rekey_limit: Option<RekeyLimit>,
    /// `ChannelWindow` and `ChannelMemory`.
    pub windows: Windows,
    pub compression: Option<bool>,
    pub log_level: Option<Level>,
    pub syslog_facility: Option<Facility>,
    pub tcp_keep_alive: Option<bool>,
    pub pid_file: Option<String>,
    pub subsystems: Vec<(String, String)>,
    pub force_command: Option<String>,
}

impl Options {
    /// What `Match` blocks gave, no line outside adds to.
    const fn close_lists(&mut self) {
        self.accept_env.close();
        self.allow_users.close();
        self.deny_users.close();
        self.allow_groups.close();
        self.deny_groups.close();
    }
}

#[cfg(test)]
mod tests;
