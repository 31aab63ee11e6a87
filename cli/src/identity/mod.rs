//! Keys to log in with: from files, from the agent, in the order in which they are tried.

mod file;

pub use file::{KeyFile, Locked, certificate_of};

use crate::agent::AgentKey;
use crate::config::settings::Settings;
use crate::log;
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
    /// For messages: path or the agent's comment, and how the key came here.
    pub label: String,
    /// Was offered already.
    pub tried: bool,
}

impl Candidate {
    /// As ssh names a key in its messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(public) = &self.public else { return self.label.clone() };
        let kind = crate::hostkey::type_name(public);
        let suffix = if self.certificate.is_some() { "-CERT" } else { "" };
        format!("{} {kind}{suffix} {}", self.label, fingerprint::sha256(&public.blob()))
    }
}

/// Orders the keys as ssh does: those of the agent that a file names, in the files' order; the
/// agent's other keys, unless `IdentitiesOnly` is set; then the files whose key the agent lacks.
/// The certificate beside a file follows its key; those that were named follow all files.
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

fn order(
    files: Vec<KeyFile>,
    named: &[(String, Certificate)],
    agent: &[AgentKey],
    identities_only: bool,
    rsa_bits_min: u32,
) -> Vec<Candidate> {
    let held: Vec<Held> = agent.iter().filter_map(Held::read).collect();
    let mut of_files = Vec::new();
    for file in files {
        let beside = if named.is_empty() { file.certificate_beside() } else { None };
        let label = file.label();
        let certificate = beside.map(|c| of_certificate(c, label.clone(), &held, &[&file]));
        of_files.push(of_file(file, label, &held));
        of_files.extend(certificate);
    }
    for (path, certificate) in named {
        let files: Vec<&KeyFile> = of_files.iter().filter_map(|c| c.file.as_ref()).collect();
        let label = format!("{path} explicit");
        let candidate = of_certificate(certificate.clone(), label, &held, &files);
        of_files.push(candidate);
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
            label: format!("{} agent", self.comment),
            tried: false,
        }
    }
}

fn of_file(file: KeyFile, label: String, held: &[Held]) -> Candidate {
    let blob = file.public.as_ref().map(PublicKey::blob).unwrap_or_default();
    let in_agent = held.iter().any(|key| key.blob == blob);
    let agent_word = if in_agent { " agent" } else { "" };
    let holder = if in_agent { Holder::Agent } else { file.holder() };
    let (public, label) = (file.public.clone(), format!("{label}{agent_word}"));
    let agent_blob = blob.clone();
    let file = Some(file);
    let (certificate, tried) = (None, false);
    Candidate { public, certificate, blob, holder, agent_blob, file, label, tried }
}

/// A certificate's key signs: in the agent, with the certificate or without, or in a file.
fn of_certificate(
    certificate: Certificate,
    label: String,
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
    let agent_word = if in_agent.is_some() { " agent" } else { "" };
    Candidate {
        public: Some(own.clone()),
        blob: certificate.blob().to_vec(),
        holder,
        agent_blob: in_agent.map(|key| key.blob.clone()).unwrap_or_default(),
        file,
        label: format!("{label}{agent_word}"),
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
