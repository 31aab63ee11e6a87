//! Keys to log in with: from files, from the agent, in the order in which they are tried.

mod file;

pub use file::{KeyFile, Locked};

use crate::agent::AgentKey;
use crate::config::settings::Settings;
use crate::log;
use tssh_transport::key::{PublicKey, fingerprint};
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
    /// Public half; unknown until a passphrase has opened the file, see [`KeyFile::public`].
    pub public: Option<PublicKey>,
    /// Its blob; empty while the public half is unknown.
    pub blob: Vec<u8>,
    /// Who signs.
    pub holder: Holder,
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
        format!("{} {kind} {}", self.label, fingerprint::sha256(&self.blob))
    }
}

/// Orders the keys as ssh does: those of the agent that a file names, in the files' order; the
/// agent's other keys, unless `IdentitiesOnly` is set; then the files whose key the agent lacks.
#[must_use]
pub fn candidates(settings: &Settings, agent: &[AgentKey]) -> Vec<Candidate> {
    let files: Vec<KeyFile> = settings
        .identities
        .iter()
        .filter_map(|identity| KeyFile::load(&identity.path, identity.user_provided))
        .collect();
    order(files, agent, settings.identities_only, settings.required_rsa_size)
}

fn order(
    files: Vec<KeyFile>,
    agent: &[AgentKey],
    identities_only: bool,
    rsa_bits_min: u32,
) -> Vec<Candidate> {
    let (mut named, mut alone) = (Vec::new(), Vec::new());
    for file in files {
        let blob = file.public.as_ref().map(PublicKey::blob).unwrap_or_default();
        let in_agent = agent.iter().any(|key| key.blob == blob);
        let explicit = if file.user_provided { " explicit" } else { "" };
        let agent_word = if in_agent { " agent" } else { "" };
        let label = format!("{}{explicit}{agent_word}", file.path.display());
        let holder = match (in_agent, file.locked) {
            (true, _) => Holder::Agent,
            (false, Locked::No) => Holder::PlainFile,
            (false, Locked::Yes) => Holder::LockedFile,
            (false, Locked::NoPrivateHalf) => Holder::Nobody,
        };
        let public = file.public.clone();
        let list = if in_agent { &mut named } else { &mut alone };
        list.push(Candidate { public, blob, holder, file: Some(file), label, tried: false });
    }
    if !identities_only {
        for key in agent {
            if named.iter().any(|c: &Candidate| c.blob == key.blob) {
                continue;
            }
            let comment = printable(&key.comment, 256);
            match PublicKey::from_blob(&key.blob) {
                Ok(public) => named.push(Candidate {
                    public: Some(public),
                    blob: key.blob.clone(),
                    holder: Holder::Agent,
                    file: None,
                    label: format!("{comment} agent"),
                    tried: false,
                }),
                // Certificates and keys on tokens are not built yet.
                Err(fault) => log::debug1(format_args!("agent key {comment} skipped: {fault}")),
            }
        }
    }
    named.append(&mut alone);
    let mut once: Vec<Candidate> = Vec::new();
    for candidate in named {
        let rsa = candidate.public.as_ref().filter(|key| matches!(key, PublicKey::Rsa(_)));
        let known = !candidate.blob.is_empty();
        if let Some(bits) = rsa.map(PublicKey::bits).filter(|bits| *bits < rsa_bits_min) {
            let label = &candidate.label;
            log::info(format_args!(
                "Skipping key {label}: {bits} bits are fewer than RequiredRSASize"
            ));
        } else if !known || !once.iter().any(|c| c.blob == candidate.blob) {
            once.push(candidate);
        }
    }
    once
}

#[cfg(test)]
mod tests;
