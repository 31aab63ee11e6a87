//! ssh's texts about host keys: people know them and scripts look for them.

use crate::known_hosts::Entry;
use crate::log;

pub(super) const BAR: &str = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

/// The key is another one than the one known.
pub(super) fn changed(kind: &str, fingerprint: &str) -> String {
    format!(
        "{BAR}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{BAR}\n\
         IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n\
         Someone could be eavesdropping on you right now (man-in-the-middle attack)!\n\
         It is also possible that a host key has just been changed.\n\
         The fingerprint for the {kind} key sent by the remote host is\n{fingerprint}.\n\
         Please contact your system administrator."
    )
}

/// The name's key has changed, and what is known for the address does not fit it either.
pub(super) fn dns_spoofing(kind: &str, name: &str, ip: &str, key_message: &str) -> String {
    format!(
        "{BAR}\n@       WARNING: POSSIBLE DNS SPOOFING DETECTED!          @\n{BAR}\n\
         The {kind} host key for {name} has changed,\n\
         and the key for the corresponding IP address {ip}\n\
         {key_message}. This could either mean that\n\
         DNS SPOOFING is happening or the IP address for the host\n\
         and its host key have changed at the same time."
    )
}

/// The key is one that must not be used any more.
pub(super) fn revoked(kind: &str, name: &str) -> String {
    format!(
        "{BAR}\n@       WARNING: REVOKED HOST KEY DETECTED!               @\n{BAR}\n\
         The {kind} host key for {name} is marked as revoked.\n\
         This could mean that a stolen key is being used to\nimpersonate this host."
    )
}

/// Where the line stands that does not fit, and how to be rid of it.
pub(super) fn log_offending(kind: &str, entry: &Entry, name: &str) {
    let file = entry.file.display();
    log::error(format_args!("Offending {kind} key in {file}:{}", entry.line_number));
    if entry.in_file {
        log::error("  remove with:");
        log::error(format_args!("  ssh-keygen -f \"{file}\" -R \"{name}\""));
    }
}

/// `file:line`, as messages show it.
pub(super) fn place(entry: &Entry) -> String {
    format!("{}:{}", entry.file.display(), entry.line_number)
}
