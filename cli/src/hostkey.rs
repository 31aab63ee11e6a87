//! Whether a server's key is the right one: what the files say, and whom to ask where they say
//! nothing. The texts are ssh's; people and scripts know them.

mod authority;
mod command;
mod randomart;
mod texts;
pub mod update;

use crate::config::Settings;
use crate::config::options::{FingerprintHash, StrictHostKeyChecking};
use crate::exit::Result;
use crate::known_hosts::{self, Entry, Finding, KnownHosts};
use crate::limits::CONFIRM_ROUNDS_MAX;
use crate::log;
use crate::plain_files::all_plain;
use crate::prompt::{self, Echo};
use command::{Asked, Reason};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tssh_transport::key::krl::Issued;
use tssh_transport::key::{Certificate, PublicKey, RevokedKeys, fingerprint};

/// What comes of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The key is right: it was known, or a human said so.
    Accepted,
    /// The key is taken, and vouches for nothing else: the settings say so where nobody knew it,
    /// or it is known from where the user cannot write.
    Learnt,
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
    /// What `KnownHostsCommand` says about the host before a key of it was seen.
    ordering: KnownHosts,
    /// Where the server was reached; nothing where a proxy did that.
    address: Option<SocketAddr>,
}

/// A key that is being checked, and what the messages call it.
struct Shown<'a> {
    key: &'a PublicKey,
    /// The certificate that it came in.
    certificate: Option<&'a Certificate>,
    blob: Vec<u8>,
    kind: &'static str,
    fingerprint: String,
    /// The name that it is filed under.
    name: String,
    /// The address that it is filed under besides, where that is wanted.
    ip: Option<String>,
}

impl HostKeyCheck {
    /// Reads the files; `address` is where the server was reached, nothing behind a proxy.
    ///
    /// # Errors
    /// A `KnownHostsCommand` that failed.
    pub fn new(settings: Arc<Settings>, address: Option<SocketAddr>) -> Result<Self> {
        let files = settings.user_known_hosts.iter().chain(&settings.global_known_hosts);
        let files = KnownHosts::read(files);
        let mut ordering = KnownHosts::default();
        // Where the order is given nobody need be asked.
        let ordered = settings.order_host_key_algorithms;
        if let Some(template) = settings.known_hosts_command.as_ref().filter(|_| ordered) {
            // As in ssh: here the host's name has neither port nor alias.
            let name = &settings.host_name;
            let text = command::run(&settings, template, Reason::Order, name, None)?;
            ordering.add_text(&text, &Reason::Order.source());
        }
        Ok(Self { settings, files, ordering, address })
    }

    /// Whether [`HostKeyCheck::new`] only has to read ordinary files.
    #[must_use]
    pub fn is_quick(settings: &Settings) -> bool {
        let files = settings.user_known_hosts.iter().chain(&settings.global_known_hosts);
        settings.known_hosts_command.is_none() && all_plain(files.map(PathBuf::as_path))
    }

    /// Whether [`HostKeyCheck::check`] would only look at what has been read, and take this key:
    /// nobody need be asked, and nothing be read, run or written.
    #[must_use]
    pub fn is_known(&self, key: &PublicKey, certificate: Option<&Certificate>) -> bool {
        let settings = &self.settings;
        let asks_others =
            settings.known_hosts_command.is_some() || settings.revoked_host_keys.is_some();
        let blob = key.blob();
        let knows = |name: &str| matches!(self.files.find(name, &blob), Finding::Known(_));
        certificate.is_none()
            && !asks_others
            && knows(&settings.key_name())
            && self.address_to_check().is_none_or(|ip| knows(&ip))
    }

    /// The host key algorithms to offer, known types first.
    #[must_use]
    pub fn preferred(&self, algorithms: &[String]) -> Vec<String> {
        let name = self.settings.key_name();
        let mut types = self.files.key_types(&name);
        types.extend(self.ordering.key_types(&self.settings.host_name));
        if types.is_empty() {
            types = self.files.key_types(&self.settings.host_name);
        }
        let bare = &self.settings.host_name;
        let authority = [&self.files, &self.ordering]
            .into_iter()
            .any(|files| files.has_authority(&name) || files.has_authority(bare));
        known_hosts::prefer_known(algorithms, &types, authority)
    }

    /// Decides about a key. It may ask the user, so it belongs on a thread that may block.
    #[must_use]
    pub fn check(&self, key: &PublicKey, certificate: Option<&Certificate>) -> Verdict {
        let blob = key.blob();
        let shown = Shown {
            key,
            certificate,
            kind: type_name(key),
            fingerprint: fingerprint_of(&blob, self.settings.fingerprint_hash),
            blob,
            name: self.settings.key_name(),
            ip: self.address_to_check(),
        };
        log::debug1(format_args!("Server host key: {} {}", key.key_type(), shown.fingerprint));
        if let PublicKey::Rsa(_) = key
            && key.bits() < self.settings.required_rsa_size
        {
            log::error(format_args!(
                "Host key of {} is an RSA key of {} bits; RequiredRSASize is {}",
                shown.name,
                key.bits(),
                self.settings.required_rsa_size
            ));
            return Verdict::Refused;
        }
        if let Some(file) = &self.settings.revoked_host_keys
            && revoked_by(file, &shown)
        {
            return refused();
        }
        if let Some(alias) = &self.settings.host_key_alias {
            log::debug1(format_args!("using hostkeyalias: {alias}"));
        } else if self.settings.no_host_authentication_for_localhost && self.is_local() {
            log::debug1("Forcing accepting of host key for loopback/localhost.");
            return Verdict::Learnt;
        }
        self.check_known(&shown).unwrap_or_else(|fatal| {
            fatal.report();
            refused()
        })
    }

    fn check_known(&self, shown: &Shown<'_>) -> Result<Verdict> {
        let files = self.with_command(Reason::HostName, &shown.name, shown)?;
        if let Some(certificate) = shown.certificate {
            if let Some(verdict) = self.check_certificate(shown, certificate, &files) {
                return Ok(verdict);
            }
            log::debug1("No matching CA found. Retry with plain key");
        }
        let host = files.find(&shown.name, &shown.blob);
        let ip = match &shown.ip {
            Some(ip) => Some(self.with_command(Reason::Address, ip, shown)?.find(ip, &shown.blob)),
            None => None,
        };
        let verdict = match &host {
            Finding::Known(entry) => self.known(shown, entry, ip.as_ref()),
            Finding::Unknown => self.unknown(shown, &files, ip.as_ref()),
            Finding::Changed(entry) => return Ok(self.changed(shown, entry, ip.as_ref())),
            Finding::Revoked(_) => self.revoked(shown),
        };
        Ok(match &ip {
            Some(Finding::Changed(entry)) if verdict != Verdict::Refused => {
                self.address_differs(shown, &host, entry, verdict)
            }
            _ => verdict,
        })
    }

    /// The files, and what `KnownHostsCommand` says about this key.
    fn with_command(
        &self,
        reason: Reason,
        name: &str,
        shown: &Shown<'_>,
    ) -> Result<Cow<'_, KnownHosts>> {
        let Some(template) = &self.settings.known_hosts_command else {
            return Ok(Cow::Borrowed(&self.files));
        };
        let asked = Asked {
            key_type: shown.key.key_type(),
            blob: &shown.blob,
            fingerprint: &shown.fingerprint,
        };
        let text = command::run(&self.settings, template, reason, name, Some(asked))?;
        let mut files = self.files.clone();
        files.add_text(&text, &reason.source());
        Ok(Cow::Owned(files))
    }

    fn is_local(&self) -> bool {
        self.address.is_some_and(|address| address.ip().is_loopback())
    }

    /// The address as a second name of the key: with `CheckHostIP`, and where the name is not an
    /// address already.
    fn address_to_check(&self) -> Option<String> {
        let settings = &self.settings;
        let address = self.address.filter(|_| settings.check_host_ip && !self.is_local())?;
        let ip = address.ip().to_string();
        (settings.host_name != ip).then(|| known_hosts::host_and_port(&ip, settings.port))
    }

    fn known(&self, shown: &Shown<'_>, entry: &Entry, ip: Option<&Finding>) -> Verdict {
        let Shown { name, kind, fingerprint, .. } = shown;
        log::debug1(format_args!("Host '{name}' is known and matches the {kind} host key."));
        log::debug1(format_args!("Found key in {}", texts::place(entry)));
        match (ip, &shown.ip) {
            (Some(Finding::Unknown), Some(ip)) => self.learn_address(shown, ip),
            _ if self.settings.visual_host_key => log::info(format_args!(
                "Host key fingerprint is {fingerprint}\n{}",
                picture(shown.key, self.settings.fingerprint_hash)
            )),
            _ => {}
        }
        let user = self.settings.user_known_hosts.contains(&entry.file);
        if !user && self.settings.global_known_hosts.contains(&entry.file) {
            log::debug1("host key found in GlobalKnownHostsFile; disabling UpdateHostkeys");
            return Verdict::Learnt;
        }
        Verdict::Accepted
    }

    fn learn_address(&self, shown: &Shown<'_>, ip: &str) {
        let Some(file) = self.settings.user_known_hosts.first() else { return };
        let (kind, hash) = (shown.kind, self.settings.hash_known_hosts);
        match known_hosts::add(file, &[ip], shown.key.key_type(), &shown.blob, hash) {
            Ok(()) => log::info(format_args!(
                "Warning: Permanently added the {kind} host key for IP address '{ip}' to the \
                 list of known hosts."
            )),
            Err(_) => log::info(format_args!(
                "Failed to add the {kind} host key for IP address '{ip}' to the list of known \
                 hosts ({}).",
                file.display()
            )),
        }
    }

    fn unknown(&self, shown: &Shown<'_>, files: &KnownHosts, ip: Option<&Finding>) -> Verdict {
        let has_port = self.settings.host_key_alias.is_none() && self.settings.port != 22;
        // A host known without its port is known, and so is a key revoked without it.
        if has_port {
            log::debug1("checking without port identifier");
            match files.find(&self.settings.host_name, &shown.blob) {
                Finding::Known(_) => {
                    log::debug1("found matching key w/out port");
                    return Verdict::Learnt;
                }
                Finding::Revoked(_) => return self.revoked(shown),
                Finding::Unknown | Finding::Changed(_) => {}
            }
        }
        let accepted = match self.settings.strict_host_key_checking {
            StrictHostKeyChecking::Yes => {
                log::error(format_args!(
                    "No {} host key is known for {} and you have requested strict checking.",
                    shown.kind, shown.name
                ));
                return refused();
            }
            StrictHostKeyChecking::Ask if !self.confirm(shown, files) => return refused(),
            StrictHostKeyChecking::Ask => Verdict::Accepted,
            _ => Verdict::Learnt,
        };
        let with_address = matches!(ip, Some(Finding::Unknown));
        self.learn(shown, shown.ip.as_deref().filter(|_| with_address));
        accepted
    }

    /// The question of every first contact.
    fn confirm(&self, shown: &Shown<'_>, files: &KnownHosts) -> bool {
        if self.settings.batch_mode {
            return false;
        }
        let address = match self.address {
            Some(address) => {
                known_hosts::host_and_port(&address.ip().to_string(), self.settings.port)
            }
            None => "<no hostip for proxy command>".to_owned(),
        };
        let Shown { name, kind, fingerprint, .. } = shown;
        let mut text = format!(
            "The authenticity of host '{name} ({address})' can't be established.\n\
             {kind} key fingerprint is {fingerprint}.\n"
        );
        if self.settings.visual_host_key {
            text.push_str(&picture(shown.key, self.settings.fingerprint_hash));
            text.push('\n');
        }
        let others: Vec<String> = files.other_names(&shown.blob).take(8).map(other_name).collect();
        if others.is_empty() {
            text.push_str("This key is not known by any other names.\n");
        } else {
            text.push_str("This host key is known by the following other names/addresses:\n");
            text.push_str(&others.concat());
        }
        text.push_str("Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
        ask(text, Some(fingerprint))
    }

    fn learn(&self, shown: &Shown<'_>, ip: Option<&str>) {
        let Some(file) = self.settings.user_known_hosts.first() else { return };
        self.make_directory(file);
        let hash = self.settings.hash_known_hosts;
        let names: Vec<&str> = [shown.name.as_str()].into_iter().chain(ip).collect();
        match known_hosts::add(file, &names, shown.key.key_type(), &shown.blob, hash) {
            Ok(()) => log::info(format_args!(
                "Warning: Permanently added '{}' ({}) to the list of known hosts.",
                names.join(","),
                shown.kind
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

    fn changed(&self, shown: &Shown<'_>, entry: &Entry, ip: Option<&Finding>) -> Verdict {
        let Shown { name, kind, fingerprint, .. } = shown;
        if let (Some(finding), Some(ip)) = (ip, &shown.ip) {
            let (message, offending) = match finding {
                Finding::Known(_) => ("is unchanged", None),
                Finding::Unknown => ("is unknown", None),
                Finding::Changed(entry) | Finding::Revoked(entry) => {
                    ("has a different value", Some(entry))
                }
            };
            log::error(texts::dns_spoofing(kind, name, ip, message));
            if let Some(entry) = offending {
                log::error(format_args!("Offending key for IP in {}", texts::place(entry)));
            }
        }
        let user_file = self.settings.user_known_hosts.first();
        log::error(texts::changed(kind, fingerprint));
        log::error(format_args!(
            "Add correct host key in {} to get rid of this message.",
            user_file.map_or_else(String::new, |file| file.display().to_string())
        ));
        texts::log_offending(type_name_of(&entry.line.key_type), entry, name);
        if self.settings.strict_host_key_checking == StrictHostKeyChecking::No {
            return Verdict::AcceptedUnsafely;
        }
        log::error(format_args!(
            "Host key for {name} has changed and you have requested strict checking."
        ));
        refused()
    }

    fn revoked(&self, shown: &Shown<'_>) -> Verdict {
        let Shown { name, kind, .. } = shown;
        log::error(texts::revoked(kind, name));
        if self.settings.strict_host_key_checking == StrictHostKeyChecking::No {
            return Verdict::AcceptedUnsafely;
        }
        log::error(format_args!(
            "{kind} host key for {name} was revoked and you have requested strict checking."
        ));
        refused()
    }

    /// `CheckHostIP`: the name fits, and another key is known for the address.
    fn address_differs(
        &self,
        shown: &Shown<'_>,
        host: &Finding,
        entry: &Entry,
        verdict: Verdict,
    ) -> Verdict {
        let Shown { name, kind, ip, .. } = shown;
        let ip = ip.as_deref().unwrap_or_default();
        let mut text = format!(
            "Warning: the {kind} host key for '{name}' differs from the key for the IP address \
             '{ip}'\nOffending key for IP in {}",
            texts::place(entry)
        );
        if let Finding::Known(entry) = host {
            text.push_str(&format!("\nMatching host key in {}", texts::place(entry)));
        }
        match self.settings.strict_host_key_checking {
            StrictHostKeyChecking::No => log::info(text),
            StrictHostKeyChecking::Ask => {
                text.push_str("\nAre you sure you want to continue connecting (yes/no)? ");
                if self.settings.batch_mode || !ask(text, None) {
                    return refused();
                }
            }
            StrictHostKeyChecking::Yes | StrictHostKeyChecking::AcceptNew => {
                log::info(text);
                log::error("Exiting, you have requested strict checking.");
                return refused();
            }
        }
        verdict
    }
}

/// Whether a file of revoked keys names the key, or cannot be relied on.
fn revoked_by(file: &Path, shown: &Shown<'_>) -> bool {
    let (key_type, fingerprint) = (shown.key.key_type(), &shown.fingerprint);
    match crate::revoked::read(file) {
        Ok(revoked) if !is_named(&revoked, shown) => false,
        Ok(_) => {
            let file = file.display();
            log::error(format_args!("Host key {key_type} {fingerprint} revoked by file {file}"));
            true
        }
        Err(fault) => {
            log::error(format_args!(
                "Error checking host key {key_type} {fingerprint} in revoked keys file {}: {fault}",
                file.display()
            ));
            true
        }
    }
}

fn is_named(revoked: &RevokedKeys, shown: &Shown<'_>) -> bool {
    match shown.certificate {
        None => revoked.revokes_key(&shown.blob),
        Some(certificate) => {
            let ca = certificate.authority().blob();
            let key_id = certificate.key_id().as_bytes();
            let issued = Issued { ca: &ca, serial: certificate.serial(), key_id };
            revoked.revokes_certificate(&shown.blob, &issued)
        }
    }
}

/// Asks until the answer is yes, no or the fingerprint.
fn ask(mut text: String, fingerprint: Option<&str>) -> bool {
    for _ in 0..CONFIRM_ROUNDS_MAX {
        let Some(answer) = prompt::ask(&text, Echo::On) else { return false };
        match answer.trim_matches([' ', '\t']) {
            "" => return false,
            no if no.eq_ignore_ascii_case("no") => return false,
            yes if yes.eq_ignore_ascii_case("yes") => return true,
            typed if Some(typed) == fingerprint => return true,
            _ => {
                let or =
                    if fingerprint.is_some() { ", 'no' or the fingerprint" } else { " or 'no'" };
                text = format!("Please type 'yes'{or}: ");
            }
        }
    }
    false
}

/// The fingerprint of a blob in the form that the settings ask for.
#[must_use]
pub fn fingerprint_of(blob: &[u8], hash: FingerprintHash) -> String {
    match hash {
        FingerprintHash::Sha256 => fingerprint::sha256(blob),
        FingerprintHash::Md5 => fingerprint::md5(blob),
    }
}

/// `VisualHostKey`: the fingerprint as a picture.
fn picture(key: &PublicKey, hash: FingerprintHash) -> String {
    let blob = key.blob();
    let (digest, name) = match hash {
        FingerprintHash::Sha256 => (fingerprint::sha256_digest(&blob).to_vec(), "SHA256"),
        FingerprintHash::Md5 => (fingerprint::md5_digest(&blob).to_vec(), "MD5"),
    };
    randomart::draw(&digest, type_name(key), key.bits(), name)
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
