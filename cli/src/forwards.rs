//! Ports and forwards as the user writes them, with the machine's own services table.

use std::sync::OnceLock;
use tssh_forward::core::address::{
    BadSpec, DynamicForward, Listen, LocalForward, RemoteForward, Target,
};
use tssh_forward::core::policy::{ListenPermit, Permit};
use tssh_forward::core::services::Services;

fn services() -> &'static Services {
    static SERVICES: OnceLock<Services> = OnceLock::new();
    SERVICES.get_or_init(|| {
        Services::parse(std::fs::read_to_string("/etc/services").unwrap_or_default())
    })
}

/// A port to connect to: 1 to 65535, or the name of a service.
#[must_use]
pub fn port(text: &str) -> Option<u16> {
    services().port(text).filter(|port| *port != 0)
}

/// The value of `-L`, or of `LocalForward` with its two arguments joined by a colon.
///
/// # Errors
/// What ssh rejects, in its words.
pub fn local(spec: &str) -> Result<LocalForward, BadSpec> {
    LocalForward::parse(spec, services(), |name| std::env::var(name).ok())
}

/// The value of `-R`, or of `RemoteForward` with its arguments joined by a colon.
///
/// # Errors
/// What ssh rejects, in its words.
pub fn remote(spec: &str) -> Result<RemoteForward, BadSpec> {
    RemoteForward::parse(spec, services(), |name| std::env::var(name).ok())
}

/// The value of `-D` or of `DynamicForward`.
///
/// # Errors
/// What ssh rejects, in its words.
pub fn dynamic(spec: &str) -> Result<DynamicForward, BadSpec> {
    DynamicForward::parse(spec, services(), |name| std::env::var(name).ok())
}

/// The value of `-W`: `host:port`, or a path on the server.
#[must_use]
pub fn stdio(spec: &str) -> Option<Target> {
    match dynamic(spec).ok()?.listen {
        Listen::Tcp { bind: Some(host), port } if port != 0 && !host.is_empty() => {
            Some(Target::Tcp { host, port })
        }
        Listen::Tcp { .. } => None,
        Listen::Unix(path) => Some(Target::Unix(path)),
    }
}

/// One listening side of sshd_config's `PermitListen`.
#[must_use]
pub fn listen_permit(text: &str) -> Option<ListenPermit> {
    ListenPermit::parse(text, services())
}

/// One target of sshd_config's `PermitOpen`.
#[must_use]
pub fn permit(text: &str) -> Option<Permit> {
    Permit::parse(text, services())
}
