//! Whether a server's key is the right one: what the files say, and whom to ask where they say
//! nothing. The texts are ssh's; people and scripts know them.

use crate::config::Settings;
use crate::config::options::{FingerprintHash, StrictHostKeyChecking};
use crate::known_hosts::{self, Entry, Finding, KnownHosts};
use crate::limits::CONFIRM_ROUNDS_MAX;
use crate::log;
use crate::prompt::{self, Echo};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tssh_transport::key::{PublicKey, fingerprint};

const BAR: &str = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

/// What comes of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The key is right, or newly learnt.
    Accepted,
    /// The key is wrong, and `StrictHostKeyChecking no` goes on all the same: without passwords
    /// and without forwards, which somebody in the middle could take.
    AcceptedUnsafely,
    /// The connection ends; the reason has been printed.
    Refused,
}

/// Checks keys for one connection.
#[derive(Debug)]
pub struct HostKeyCheck {
    settings: Arc<Settings>,
    files: KnownHosts,
    address: SocketAddr,
}

impl HostKeyCheck {
    /// Reads the files; `address` is where the server was reached.
    #[must_use]
    pub fn new(settings: Arc<Settings>, address: SocketAddr) -> Self {
        let files = settings.user_known_hosts.iter().chain(&settings.global_known_hosts);
        let files = KnownHosts::read(files);
        Self { settings, files, address }
    }

    /// The host key algorithms to offer, known types first.
    #[must_use]
    pub fn preferred(&self, algorithms: &[String]) -> Vec<String> {
        let mut types = self.files.key_types(&self.settings.key_name());
        if types.is_empty() {
            types = self.files.key_types(&self.settings.host_name);
        }
        known_hosts::prefer_known(algorithms, &types)
    }

    /// Decides about a key. It may ask the user, so it belongs on a thread that may block.
    #[must_use]
    pub fn check(&self, key: &PublicKey) -> Verdict {
        let blob = key.blob();
        let name = self.settings.key_name();
        log::debug1(format_args!(
            "Server host key: {} {}",
            key.key_type(),
            self.fingerprint(&blob)
        ));
        if let PublicKey::Rsa(_) = key
            && key.bits() < self.settings.required_rsa_size
        {
            log::error(format_args!(
                "Host key of {name} is an RSA key of {} bits; RequiredRSASize is {}",
                key.bits(),
                self.settings.required_rsa_size
            ));
            return Verdict::Refused;
        }
        match self.files.find(&name, &blob) {
            Finding::Known => {
                log::debug1(format_args!(
                    "Host '{name}' is known and matches the {} host key.",
                    type_name(key)
                ));
                Verdict::Accepted
            }
            Finding::Unknown => self.unknown(key, &blob, &name),
            Finding::Changed(entry) => self.changed(key, &blob, &name, &entry),
            Finding::Revoked(_) => self.revoked(key, &name),
        }
    }

    fn fingerprint(&self, blob: &[u8]) -> String {
        match self.settings.fingerprint_hash {
            FingerprintHash::Sha256 => fingerprint::sha256(blob),
            FingerprintHash::Md5 => fingerprint::md5(blob),
        }
    }

    fn unknown(&self, key: &PublicKey, blob: &[u8], name: &str) -> Verdict {
        let has_port = self.settings.host_key_alias.is_none() && self.settings.port != 22;
        // A host known without its port is known, and so is a key revoked without it.
        if has_port {
            match self.files.find(&self.settings.host_name, blob) {
                Finding::Known => {
                    log::debug1("found matching key w/out port");
                    return Verdict::Accepted;
                }
                Finding::Revoked(_) => return self.revoked(key, name),
                Finding::Unknown | Finding::Changed(_) => {}
            }
        }
        match self.settings.strict_host_key_checking {
            StrictHostKeyChecking::Yes => {
                log::error(format_args!(
                    "No {} host key is known for {name} and you have requested strict checking.",
                    type_name(key)
                ));
                refused()
            }
            StrictHostKeyChecking::Ask if !self.confirm(key, blob, name) => refused(),
            _ => {
                self.learn(key, blob, name);
                Verdict::Accepted
            }
        }
    }

    /// The question of every first contact.
    fn confirm(&self, key: &PublicKey, blob: &[u8], name: &str) -> bool {
        if self.settings.batch_mode {
            return false;
        }
        let address =
            known_hosts::host_and_port(&self.address.ip().to_string(), self.settings.port);
        let fingerprint = self.fingerprint(blob);
        let mut text = format!(
            "The authenticity of host '{name} ({address})' can't be established.\n\
             {} key fingerprint is {fingerprint}.\n",
            type_name(key)
        );
        let others: Vec<String> = self.files.other_names(blob).take(8).map(other_name).collect();
        if others.is_empty() {
            text.push_str("This key is not known by any other names.\n");
        } else {
            text.push_str("This host key is known by the following other names/addresses:\n");
            text.push_str(&others.concat());
        }
        text.push_str("Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
        for _ in 0..CONFIRM_ROUNDS_MAX {
            let Some(answer) = prompt::ask(&text, Echo::On) else { return false };
            match answer.trim_matches([' ', '\t']) {
                "" => return false,
                no if no.eq_ignore_ascii_case("no") => return false,
                yes if yes.eq_ignore_ascii_case("yes") => return true,
                typed if typed == fingerprint => return true,
                _ => "Please type 'yes', 'no' or the fingerprint: ".clone_into(&mut text),
            }
        }
        false
    }

    fn learn(&self, key: &PublicKey, blob: &[u8], name: &str) {
        let Some(file) = self.settings.user_known_hosts.first() else { return };
        self.make_directory(file);
        let hash = self.settings.hash_known_hosts;
        match known_hosts::add(file, name, key.key_type(), blob, hash) {
            Ok(()) => log::info(format_args!(
                "Warning: Permanently added '{name}' ({}) to the list of known hosts.",
                type_name(key)
            )),
            Err(error) => log::info(format_args!(
                "Failed to add the host to the list of known hosts ({}): {}.",
                file.display(),
                crate::exit::os_words(&error)
            )),
        }
    }

    /// `~/.ssh` is made on first use, readable for its owner only.
    fn make_directory(&self, file: &Path) {
        use std::os::unix::fs::DirBuilderExt as _;
        let directory = self.settings.account.home.join(".ssh");
        if !file.starts_with(&directory) || directory.exists() {
            return;
        }
        match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => log::info(format_args!("Created directory '{}'.", directory.display())),
            Err(error) => log::error(format_args!(
                "Could not create directory '{}' ({}).",
                directory.display(),
                crate::exit::os_words(&error)
            )),
        }
    }

    fn changed(&self, key: &PublicKey, blob: &[u8], name: &str, entry: &Entry) -> Verdict {
        let kind = type_name(key);
        let user_file = self.settings.user_known_hosts.first();
        let file = entry.file.display();
        log::error(format_args!(
            "{BAR}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{BAR}\n\
             IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n\
             Someone could be eavesdropping on you right now (man-in-the-middle attack)!\n\
             It is also possible that a host key has just been changed.\n\
             The fingerprint for the {kind} key sent by the remote host is\n{}.\n\
             Please contact your system administrator.\n\
             Add correct host key in {} to get rid of this message.\n\
             Offending {} key in {file}:{}\n  remove with:\n  \
             ssh-keygen -f \"{file}\" -R \"{name}\"",
            self.fingerprint(blob),
            user_file.map_or_else(String::new, |file| file.display().to_string()),
            type_name_of(&entry.line.key_type),
            entry.line_number,
        ));
        if self.settings.strict_host_key_checking == StrictHostKeyChecking::No {
            return Verdict::AcceptedUnsafely;
        }
        log::error(format_args!(
            "Host key for {name} has changed and you have requested strict checking."
        ));
        refused()
    }

    fn revoked(&self, key: &PublicKey, name: &str) -> Verdict {
        let kind = type_name(key);
        log::error(format_args!(
            "{BAR}\n@       WARNING: REVOKED HOST KEY DETECTED!               @\n{BAR}\n\
             The {kind} host key for {name} is marked as revoked.\n\
             This could mean that a stolen key is being used to\nimpersonate this host."
        ));
        if self.settings.strict_host_key_checking == StrictHostKeyChecking::No {
            return Verdict::AcceptedUnsafely;
        }
        log::error(format_args!(
            "{kind} host key for {name} was revoked and you have requested strict checking."
        ));
        refused()
    }
}

fn refused() -> Verdict {
    log::error("Host key verification failed.");
    Verdict::Refused
}

fn other_name(entry: &Entry) -> String {
    let names = tssh_transport::text::printable(entry.line.names.display().as_bytes(), 256);
    format!("    {}:{}: {names}\n", entry.file.display(), entry.line_number)
}

/// What people call a key type.
#[must_use]
pub fn type_name(key: &PublicKey) -> &'static str {
    type_name_of(key.key_type())
}

fn type_name_of(key_type: &str) -> &'static str {
    match key_type {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "ssh-dss" => "DSA",
        "sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        "sk-ecdsa-sha2-nistp256@openssh.com" => "ECDSA-SK",
        key_type if key_type.starts_with("ecdsa-") => "ECDSA",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests;
