//! Keys to log in with: from files, from the agent, in the order in which they are tried.

mod file;

pub use file::{KeyFile, Locked, certificate_of};

use crate::agent::AgentKey;
use crate::config::settings::Settings;
use crate::log;
use crate::plain_files::all_plain;
use std::path::{Path, PathBuf};
use tssh_transport::key::{Certificate, CertificateKind, PublicKey, fingerprint};
use tssh_transport::text::printable;

/// Where the private half is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// In the agent.
    Agent,
    /// In the file, ready to sign.
    PlainFile,
    /// In the file, behind a passphrase.
    LockedFile,
    /// Nowhere: only the public half is known.
    Nobody,
}

/// One key to try.
#[derive(Debug)]
pub struct Candidate {
    /// Public half; unknown until a passphrase has opened the file, see [`KeyFile::public`]. Of a
    /// certificate: the key inside.
    pub public: Option<PublicKey>,
    /// The certificate to show instead of the bare key.
    pub certificate: Option<Certificate>,
    /// What the server is shown: the blob of the key or of the certificate; empty while the public
    /// half is unknown.
    pub blob: Vec<u8>,
    /// Who signs.
    pub holder: Holder,
    /// The blob by which the agent knows the key, where it signs.
    pub agent_blob: Vec<u8>,
    /// The file, where there is one.
    pub file: Option<KeyFile>,
    /// For messages: path, or the agent's comment.
    pub label: String,
    /// Whether somebody named it.
    pub explicit: bool,
    /// Was offered already.
    pub tried: bool,
}

impl Candidate {
    /// As ssh names a key in its messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let explicit = if self.explicit { " explicit" } else { "" };
        let agent = if self.holder == Holder::Agent { " agent" } else { "" };
        let Some(public) = &self.public else { return format!("{}{explicit}", self.label) };
        let kind = crate::hostkey::type_name(public);
        let suffix = if self.certificate.is_some() { "-CERT" } else { "" };
        let print = fingerprint::sha256(&public.blob());
        format!("{} {kind}{suffix} {print}{explicit}{agent}", self.label)
    }
}

/// Orders the keys as ssh does: those of the agent that a file names, in the files' order; the
/// agent's other keys, unless `IdentitiesOnly` is set; then the files whose key the agent lacks.
/// Certificates that were named come before all files; otherwise the one beside a file follows its
/// key, or stands in its place where it is the file's public half.
#[must_use]
pub fn candidates(settings: &Settings, agent: &[AgentKey]) -> Vec<Candidate> {
    let files: Vec<KeyFile> = settings
        .identities
        .iter()
        .filter_map(|identity| KeyFile::load(&identity.path, identity.user_provided))
        .collect();
    let named: Vec<(String, Certificate)> = settings
        .certificate_files
        .iter()
        .filter_map(|path| Some((path.display().to_string(), certificate_of(path, true)?)))
        .collect();
    let only = settings.identities_only;
    order(files, &named, agent, only, settings.required_rsa_size)
}

/// Whether [`candidates`] only has to read ordinary files.
#[must_use]
pub fn is_quick(settings: &Settings) -> bool {
    let beside = |path: &Path, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let quick = |path: &Path| {
        let (public, certificate) = (beside(path, ".pub"), beside(path, "-cert.pub"));
        all_plain([path, &public, &certificate])
    };
    settings.identities.iter().all(|identity| quick(&identity.path))
        && all_plain(settings.certificate_files.iter().map(PathBuf::as_path))
}

fn order(
    files: Vec<KeyFile>,
    named: &[(String, Certificate)],
    agent: &[AgentKey],
    identities_only: bool,
    rsa_bits_min: u32,
) -> Vec<Candidate> {
    let held: Vec<Held> = agent.iter().filter_map(Held::read).collect();
    let mut of_files = Vec::new();
    for (path, certificate) in named {
        let files = files.iter().collect::<Vec<_>>();
        of_files.push(of_certificate(certificate.clone(), path.clone(), true, &held, &files));
    }
    for file in files {
        let (label, explicit) = (file.path.display().to_string(), file.user_provided);
        let certified =
            |c: Certificate| of_certificate(c, label.clone(), explicit, &held, &[&file]);
        let beside = if named.is_empty() { file.certificate_beside() } else { None };
        let beside = beside.map(certified);
        match file.certificate.clone().map(certified) {
            Some(candidate) => of_files.push(candidate),
            None => of_files.push(of_file(file, &held)),
        }
        of_files.extend(beside);
    }
    let (mut first, alone): (Vec<_>, Vec<_>) =
        of_files.into_iter().partition(|c| held.iter().any(|h| h.blob == c.blob));
    if !identities_only {
        for key in held {
            if !first.iter().any(|c: &Candidate| c.blob == key.blob) {
                first.push(key.candidate());
            }
        }
    }
    first.extend(alone);
    distinct(first, rsa_bits_min)
}

/// A key in the agent, plain or in a certificate.
struct Held {
    blob: Vec<u8>,
    public: PublicKey,
    certificate: Option<Certificate>,
    comment: String,
}

impl Held {
    fn read(key: &AgentKey) -> Option<Self> {
        let comment = printable(&key.comment, 256);
        let read = match PublicKey::from_blob(&key.blob) {
            Ok(public) => Ok((public, None)),
            Err(_) => Certificate::from_blob(&key.blob).map(|c| (c.key().clone(), Some(c))),
        };
        match read {
            Ok((public, certificate)) => {
                Some(Self { blob: key.blob.clone(), public, certificate, comment })
            }
            Err(fault) => {
                log::debug1(format_args!("agent key {comment} skipped: {fault}"));
                None
            }
        }
    }

    fn candidate(self) -> Candidate {
        Candidate {
            public: Some(self.public),
            certificate: self.certificate,
            agent_blob: self.blob.clone(),
            blob: self.blob,
            holder: Holder::Agent,
            file: None,
            label: self.comment,
            explicit: false,
            tried: false,
        }
    }
}

fn of_file(file: KeyFile, held: &[Held]) -> Candidate {
    let blob = file.public.as_ref().map(PublicKey::blob).unwrap_or_default();
    let in_agent = held.iter().any(|key| key.blob == blob);
    Candidate {
        public: file.public.clone(),
        certificate: None,
        holder: if in_agent { Holder::Agent } else { file.holder() },
        agent_blob: blob.clone(),
        blob,
        label: file.path.display().to_string(),
        explicit: file.user_provided,
        file: Some(file),
        tried: false,
    }
}

/// A certificate's key signs: in the agent, with the certificate or without, or in a file.
fn of_certificate(
    certificate: Certificate,
    label: String,
    explicit: bool,
    held: &[Held],
    files: &[&KeyFile],
) -> Candidate {
    let own = certificate.key();
    let whole = held.iter().find(|key| key.blob == certificate.blob());
    let in_agent = whole.or_else(|| held.iter().find(|key| key.public == *own));
    let file = files.iter().find(|file| file.public.as_ref() == Some(own)).copied().cloned();
    let holder = match (in_agent, &file) {
        (Some(_), _) => Holder::Agent,
        (None, Some(file)) => file.holder(),
        (None, None) => Holder::Nobody,
    };
    Candidate {
        public: Some(own.clone()),
        blob: certificate.blob().to_vec(),
        holder,
        agent_blob: in_agent.map(|key| key.blob.clone()).unwrap_or_default(),
        file,
        label,
        explicit,
        tried: false,
        certificate: Some(certificate),
    }
}

/// Each key once, without those that are too short and without certificates of hosts.
fn distinct(all: Vec<Candidate>, rsa_bits_min: u32) -> Vec<Candidate> {
    let mut once: Vec<Candidate> = Vec::new();
    for candidate in all {
        let label = &candidate.label;
        let rsa = candidate.public.as_ref().filter(|key| matches!(key, PublicKey::Rsa(_)));
        let known = !candidate.blob.is_empty();
        let host = |c: &Certificate| c.kind() != CertificateKind::User;
        if let Some(bits) = rsa.map(PublicKey::bits).filter(|bits| *bits < rsa_bits_min) {
            log::info(format_args!(
                "Skipping key {label}: {bits} bits are fewer than RequiredRSASize"
            ));
        } else if candidate.certificate.as_ref().is_some_and(host) {
            log::debug1(format_args!("Skipping {label}: not a user certificate"));
        } else if !known || !once.iter().any(|c| c.blob == candidate.blob) {
            once.push(candidate);
        }
    }
    once
}

#[cfg(test)]
mod tests;
