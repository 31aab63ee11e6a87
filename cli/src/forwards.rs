//! Ports and forwards as the user writes them, with the machine's own services table.

use std::sync::OnceLock;
use tssh_forward::core::address::{BadSpec, LocalForward};
use tssh_forward::core::policy::Permit;
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

/// One target of sshd_config's `PermitOpen`.
#[must_use]
pub fn permit(text: &str) -> Option<Permit> {
    Permit::parse(text, services())
}
