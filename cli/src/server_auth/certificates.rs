//! User certificates: which authorities may vouch for the user, and what a certificate permits.
//!
//! An authority is trusted by `TrustedUserCAKeys`, or by a line of authorized_keys with
//! `cert-authority` (see [`super::authorized_keys`]). Reasons for the log are in sshd's words.

use super::expiry::Zone;
use super::from::in_network;
use super::options::KeyOptions;
use super::strict::{Owner, Strictness, read};
use super::{Notes, Peer, authorized_keys};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tssh_transport::key::{Certificate, CertificateFault, CertificateKind, PublicKey, fingerprint};
use tssh_transport::text::printable;
use tssh_transport::wire::Reader;

/// Bytes of a file of authorities or of principals.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of somebody else's text that are shown in the log.
const SHOWN_BYTES_MAX: usize = 128;
const NOT_AUTHORIZED: &str = "Certificate does not contain an authorized principal";

/// Whose certificates admit the user.
#[derive(Debug, Clone)]
pub struct CertificatePolicy {
    /// The user's name, which a certificate has to name where nothing else says whom.
    pub user: String,
    /// A file with the keys of authorities (`TrustedUserCAKeys`).
    pub authorities: Option<PathBuf>,
    /// A file with the names that count instead of the user's (`AuthorizedPrincipalsFile`).
    pub principals: Option<PathBuf>,
    /// How an authority may sign (`CASignatureAlgorithms`).
    pub algorithms: Vec<String>,
    /// For the file of principals, as [`super::authorized_keys::KeyPolicy`] has it.
    pub strictness: Strictness,
    /// The user whose files they are.
    pub uid: u32,
    /// The user's home directory.
    pub home: PathBuf,
    /// For expiry times without a zone.
    pub zone: Zone,
}

impl CertificatePolicy {
    /// Whether the authority signs in a way that is accepted; said to the log where not.
    #[must_use]
    pub fn accepts_algorithm(&self, certificate: &Certificate, notes: &mut Notes) -> bool {
        let algorithm = certificate.authority_algorithm();
        let accepted = self.algorithms.iter().any(|own| own == algorithm);
        if !accepted {
            notes.add(format!(
                "certificate signature algorithm {algorithm}: signature algorithm not supported"
            ));
        }
        accepted
    }

    /// What a certificate permits whose authority is trusted for all users; nothing where it is
    /// not, or not for this one.
    #[must_use]
    pub fn find(
        &self,
        certificate: &Certificate,
        peer: Peer,
        notes: &mut Notes,
    ) -> Option<KeyOptions> {
        let file = self.authorities.as_deref()?;
        match lists(file, certificate.authority()) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(why) => {
                notes.add(why);
                return None;
            }
        }
        match self.trusted(certificate, peer, notes) {
            Ok(options) => {
                notes.add(format!("{} via {}", accepted(certificate), file.display()));
                Some(options)
            }
            Err(reason) => {
                notes.add(reason);
                None
            }
        }
    }

    fn trusted(
        &self,
        certificate: &Certificate,
        peer: Peer,
        notes: &mut Notes,
    ) -> Result<KeyOptions, String> {
        let listed = match &self.principals {
            None => None,
            Some(file) => {
                let listed = self.listed(file, certificate, notes);
                Some(listed.ok_or_else(|| NOT_AUTHORIZED.to_owned())?)
            }
        };
        check(certificate, peer.now)?;
        if certificate.principals().is_empty() {
            return Err(CertificateFault::NoPrincipals.to_string());
        }
        if listed.is_none() {
            names(certificate, &self.user)?;
        }
        let own = options(certificate, peer.address)?;
        let Some(listed) = listed else { return Ok(own) };
        if !authorized_keys::admits(&listed, "principals", peer, notes) {
            return Err("Refused by certificate principals options".to_owned());
        }
        let both = merged(&own, &listed)?;
        if both.verify_required && super::is_on_token(certificate.key()) {
            return Err("verify-required of a principal is not supported by tsshd".to_owned());
        }
        Ok(both)
    }

    /// The options of the first line whose principal the certificate names.
    fn listed(
        &self,
        file: &Path,
        certificate: &Certificate,
        notes: &mut Notes,
    ) -> Option<KeyOptions> {
        let owner = Owner { uid: self.uid, home: &self.home };
        let text = read(file, FILE_BYTES_MAX, self.strictness, owner);
        let text = text.map_err(|why| notes.add(why)).ok()?;
        let text = String::from_utf8_lossy(&text);
        for (i, line) in text.lines().enumerate() {
            // A comment may follow a name, and options may precede it.
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (options, principal) =
                line.rsplit_once([' ', '\t']).map_or(("", line), |(o, p)| (o.trim(), p));
            let parsed = match options {
                "" => Ok(KeyOptions::default()),
                options => KeyOptions::parse(options, &self.zone),
            };
            let place = format!("{}:{}", file.display(), i + 1);
            match parsed {
                Err(reason) => notes.add(format!("{place}: bad principals options: {reason}")),
                Ok(options) if certificate.principals().iter().any(|own| own == principal) => {
                    return Some(options);
                }
                Ok(_) => {}
            }
        }
        None
    }
}

/// What a certificate permits whose authority a line of authorized_keys names: what the line
/// permits as well.
///
/// # Errors
/// Why it admits nobody, for the log.
pub fn under_line(
    certificate: &Certificate,
    line: &KeyOptions,
    user: &str,
    peer: Peer,
) -> Result<KeyOptions, String> {
    let own = options(certificate, peer.address)?;
    let both = merged(&own, line)?;
    let authorized = |list: &String| {
        list.split(',').any(|name| certificate.principals().iter().any(|own| own == name))
    };
    if line.principals.as_ref().is_some_and(|list| !authorized(list)) {
        return Err(NOT_AUTHORIZED.to_owned());
    }
    check(certificate, peer.now)?;
    // Here, and only here, a certificate that names nobody is good for everybody.
    if line.principals.is_none() && !certificate.principals().is_empty() {
        names(certificate, user)?;
    }
    Ok(both)
}

/// The line about an accepted certificate, but for where its authority is named.
#[must_use]
pub fn accepted(certificate: &Certificate) -> String {
    let authority = certificate.authority();
    format!(
        "Accepted certificate ID \"{}\" (serial {}) signed by {} CA {}",
        printable(certificate.key_id().as_bytes(), SHOWN_BYTES_MAX),
        certificate.serial(),
        super::label(authority),
        fingerprint::sha256(&authority.blob())
    )
}

fn check(certificate: &Certificate, now: i64) -> Result<(), String> {
    let now = u64::try_from(now).unwrap_or(0);
    certificate.check(CertificateKind::User, now).map_err(|fault| fault.to_string())
}

fn names(certificate: &Certificate, user: &str) -> Result<(), String> {
    let named = certificate.principals().iter().any(|own| own == user);
    named.then_some(()).ok_or_else(|| CertificateFault::NotAPrincipal.to_string())
}

fn merged(certificate: &KeyOptions, line: &KeyOptions) -> Result<KeyOptions, String> {
    line.and(certificate).ok_or_else(|| "forced command options do not match".to_owned())
}

/// What the certificate itself permits, to whoever connects from `address`.
///
/// # Errors
/// A condition that is unknown, malformed or not met.
fn options(certificate: &Certificate, address: IpAddr) -> Result<KeyOptions, String> {
    let invalid = || "Invalid certificate options".to_owned();
    let mut options = KeyOptions::nothing();
    for (name, value) in certificate.extensions() {
        let flag = match name.as_str() {
            "permit-X11-forwarding" => &mut options.x11_forwarding,
            "permit-agent-forwarding" => &mut options.agent_forwarding,
            "permit-port-forwarding" => &mut options.port_forwarding,
            "permit-pty" => &mut options.pty,
            "permit-user-rc" => &mut options.user_rc,
            // Unknown permissions permit nothing.
            _ => continue,
        };
        if !value.is_empty() {
            return Err(invalid());
        }
        *flag = true;
    }
    for (name, value) in certificate.critical_options() {
        let text = || {
            let mut r = Reader::new(value);
            let text = r.text("option").map_err(|_| invalid())?;
            r.end().map_err(|_| invalid())?;
            Ok::<_, String>(text)
        };
        match name.as_str() {
            "force-command" => options.command = Some(text()?.to_owned()),
            "source-address" => {
                let list = text()?;
                if !from_network(list, address).ok_or_else(invalid)? {
                    return Err(format!(
                        "valid certificate, but not from a permitted source address (ip={address}, \
                         required={})",
                        printable(list.as_bytes(), SHOWN_BYTES_MAX)
                    ));
                }
            }
            "verify-required" if value.is_empty() => options.verify_required = true,
            _ => {
                let name = printable(name.as_bytes(), SHOWN_BYTES_MAX);
                return Err(format!("Certificate critical option \"{name}\" is not supported"));
            }
        }
    }
    if options.verify_required && super::is_on_token(certificate.key()) {
        return Err("Certificate critical option \"verify-required\" is not supported".to_owned());
    }
    Ok(options)
}

/// Whether a list of addresses and networks holds `address`; none when it is malformed. There are
/// no wildcards in it and nothing is negated.
fn from_network(list: &str, address: IpAddr) -> Option<bool> {
    let address = address.to_canonical();
    let mut found = false;
    for element in list.split(',') {
        found |= match element.split_once('/') {
            Some((network, bits)) => in_network(address, network, bits)?,
            None => element.parse::<IpAddr>().ok()?.to_canonical() == address,
        };
    }
    Some(found)
}

/// Whether a file of keys, line by line, names this one.
fn lists(file: &Path, key: &PublicKey) -> Result<bool, String> {
    // Its owner is who wrote the configuration.
    let owner = Owner { uid: 0, home: Path::new("/") };
    let text = read(file, FILE_BYTES_MAX, Strictness::Any, owner)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().any(|line| PublicKey::from_line(line.trim()).is_ok_and(|(own, _)| own == *key)))
}

#[cfg(test)]
mod tests;
