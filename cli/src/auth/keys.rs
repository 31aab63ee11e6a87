//! Public keys: which one comes next, with which signature algorithm, and the signature.

use super::{Authenticator, blocking};
use crate::agent::{Agent, Constraints};
use crate::config::options::AddKeysToAgent;
use crate::identity::{Candidate, Holder, KeyFile};
use crate::log;
use crate::plain_files;
use crate::prompt::{self, Echo};
use std::path::Path;
use tssh_transport::key::{KeyFileFault, PrivateKey, PublicKey, signature_name};
use tssh_transport::text::printable;
use tssh_transport::userauth::Attempt;
use tssh_transport::wire::Reader;
use zeroize::Zeroizing;

/// A private key that a passphrase has opened, kept so that nobody is asked twice.
#[derive(Debug)]
pub(super) struct Opened {
    blob: Vec<u8>,
    key: PrivateKey,
}

/// The signature algorithm for a key: one that we accept and, where the server said which ones it
/// takes, one of those. The order is that of our preference.
pub(super) fn algorithm(
    candidate: &Candidate,
    accepted: &[String],
    server_sig_algs: Option<&str>,
) -> Option<String> {
    let public = candidate.public.as_ref()?;
    let own: Vec<&str> = match &candidate.certificate {
        Some(certificate) => certificate.algorithms().collect(),
        None => public.signature_algorithms().to_vec(),
    };
    // Only RSA leaves a choice; servers that list their algorithms may leave out others that
    // they take all the same.
    let server_takes = |name: &str| match (public, server_sig_algs) {
        (PublicKey::Rsa(_), Some(list)) => list.split(',').any(|l| l == signature_name(name)),
        _ => true,
    };
    let mut usable = accepted.iter().filter(|name| own.contains(&name.as_str()));
    usable.find(|name| server_takes(name)).cloned()
}

impl Authenticator {
    /// Offers the candidate at `index`.
    pub(super) fn offer(&mut self, index: usize, algorithm: String) -> Attempt {
        self.last_method = "publickey";
        self.last_key = Some(index);
        let Some(candidate) = self.candidates.get_mut(index) else { return Attempt::None };
        candidate.tried = true;
        log::debug1(format_args!("Offering public key: {}", candidate.describe()));
        let opened = self.opened.as_ref().is_some_and(|o| o.blob == candidate.blob);
        let probe = candidate.holder != Holder::PlainFile && !opened;
        Attempt::PublicKey { blob: candidate.blob.clone(), algorithm, probe }
    }

    /// The next key that was not tried; nothing when all were.
    pub(super) async fn next_key(&mut self, server_sig_algs: Option<&str>) -> Option<Attempt> {
        while let Some(index) = self.candidates.iter().position(|c| !c.tried) {
            if !self.know_public_half(index).await {
                continue;
            }
            let accepted = &self.settings.pubkey_accepted_algorithms;
            let candidate = self.candidates.get_mut(index)?;
            match algorithm(candidate, accepted, server_sig_algs) {
                // Without its private half a key is only a question that costs an attempt.
                Some(algorithm) if candidate.holder != Holder::Nobody => {
                    return Some(self.offer(index, algorithm));
                }
                Some(_) => {
                    log::debug1(format_args!("No private key for {}", candidate.describe()));
                }
                None => log::debug1(format_args!(
                    "Skipping {}: no signature algorithm in common with the server",
                    candidate.describe()
                )),
            }
            candidate.tried = true;
        }
        None
    }

    /// Opens a file whose public half is hidden by its passphrase too. False where that failed:
    /// the candidate is then used up.
    async fn know_public_half(&mut self, index: usize) -> bool {
        let Some(candidate) = self.candidates.get_mut(index) else { return false };
        if candidate.public.is_some() {
            return true;
        }
        let file = candidate.file.take();
        candidate.tried = true;
        let Some(file) = file else { return false };
        let path = file.path.clone();
        let Some(key) = self.unlock(file).await else { return false };
        self.give_to_agent(&key, &path).await;
        let Some(candidate) = self.candidates.get_mut(index) else { return false };
        candidate.public = Some(key.public().clone());
        candidate.blob = key.public().blob();
        candidate.tried = false;
        self.opened = Some(Opened { blob: candidate.blob.clone(), key });
        true
    }

    /// A signature by the key with this blob; nothing where it cannot be had, with the reason
    /// logged.
    pub(super) async fn sign(
        &mut self,
        blob: &[u8],
        algorithm: &str,
        data: &[u8],
    ) -> Option<Vec<u8>> {
        // A certificate's key signs as it would alone.
        let inner = signature_name(algorithm);
        if let Some(opened) = self.opened.as_ref().filter(|opened| opened.blob == blob) {
            return opened.key.sign(inner, data).ok();
        }
        let candidate = self.candidates.iter_mut().find(|c| c.blob == blob)?;
        log::debug1(format_args!("Signing with {} ({algorithm})", candidate.describe()));
        let label = candidate.describe();
        match candidate.holder {
            Holder::Nobody => None,
            Holder::Agent => {
                let held = candidate.agent_blob.clone();
                self.sign_by_agent(&label, &held, inner, data).await
            }
            Holder::PlainFile => {
                let file = candidate.file.clone()?;
                let path = file.path.clone();
                let open = move || file.unlock(None).map_err(|fault| load_failed(&file, fault));
                let quick = plain_files::all_plain([path.as_path()]);
                let key = plain_files::done(quick, open).await?.ok()?;
                self.give_to_agent(&key, &path).await;
                key.sign(inner, data).ok()
            }
            Holder::LockedFile => {
                let file = candidate.file.take()?;
                let path = file.path.clone();
                let key = self.unlock(file).await?;
                self.give_to_agent(&key, &path).await;
                let signature = key.sign(inner, data).ok();
                self.opened = Some(Opened { blob: blob.to_vec(), key });
                signature
            }
        }
    }

    /// `AddKeysToAgent`: a key file that was opened need not be opened again.
    async fn give_to_agent(&self, key: &PrivateKey, path: &Path) {
        let constraints = match self.settings.add_keys_to_agent {
            AddKeysToAgent::No => return,
            AddKeysToAgent::Yes(constraints) => constraints,
            AddKeysToAgent::Ask => Constraints::default(),
        };
        let Some(socket) = &self.settings.identity_agent else { return };
        let comment = match key.comment() {
            "" => path.display().to_string(),
            comment => comment.to_owned(),
        };
        if self.settings.add_keys_to_agent == AddKeysToAgent::Ask {
            let shown = printable(comment.as_bytes(), 256);
            let text = format!("Add key {} ({shown}) to agent? ", path.display());
            let batch = self.settings.batch_mode;
            let agreed = |answer: Zeroizing<String>| {
                let word = answer.trim();
                word.is_empty() || word.eq_ignore_ascii_case("yes")
            };
            let asked = blocking(move || if batch { None } else { prompt::ask(&text, Echo::On) });
            if !asked.await.is_some_and(agreed) {
                log::debug1("could not add identity to agent: refused");
                return;
            }
        }
        let added = match Agent::connect(socket).await {
            Ok(mut agent) => agent.add(key, &comment, constraints).await,
            Err(fault) => Err(fault),
        };
        match added {
            Ok(()) => log::debug1(format_args!("identity added to agent: {}", path.display())),
            Err(fault) => log::debug1(format_args!(
                "could not add identity to agent: {}: {fault}",
                path.display()
            )),
        }
    }

    async fn sign_by_agent(
        &mut self,
        label: &str,
        blob: &[u8],
        algorithm: &str,
        data: &[u8],
    ) -> Option<Vec<u8>> {
        // An agent may hang up between two requests.
        let mut agent = match self.agent.take() {
            Some(agent) => agent,
            None => {
                let socket = self.settings.identity_agent.as_ref()?;
                super::connect_bound(socket, self.binding.as_deref()).await.ok()?
            }
        };
        let signed = agent.sign(blob, data, algorithm).await;
        match signed {
            Ok(signature) if names(&signature, algorithm) => {
                self.agent = Some(agent);
                Some(signature)
            }
            Ok(_) => {
                log::error(format_args!(
                    "sign_and_send_pubkey: the agent signed for {label} with another algorithm \
                     than {algorithm}"
                ));
                None
            }
            Err(fault) => {
                log::error(format_args!(
                    "sign_and_send_pubkey: signing failed for {label} from agent: {fault}"
                ));
                None
            }
        }
    }

    /// Asks for the passphrase of a file, as often as the settings allow.
    async fn unlock(&self, file: KeyFile) -> Option<PrivateKey> {
        if self.settings.batch_mode {
            return None;
        }
        let attempts = self.settings.number_of_password_prompts;
        blocking(move || ask_passphrase(&file, attempts)).await
    }
}

fn ask_passphrase(file: &KeyFile, attempts: u32) -> Option<PrivateKey> {
    let text = format!("Enter passphrase for key '{}': ", file.path.display());
    for _ in 0..attempts {
        let passphrase = prompt::ask(&text, Echo::Off)?;
        if passphrase.is_empty() {
            log::debug2("no passphrase given, try next key");
            return None;
        }
        match file.unlock(Some(&passphrase)) {
            Ok(key) => return Some(key),
            Err(KeyFileFault::WrongPassphrase) => {
                log::debug2("bad passphrase given, try again...");
            }
            Err(fault) => {
                load_failed(file, fault);
                return None;
            }
        }
    }
    None
}

fn load_failed(file: &KeyFile, fault: KeyFileFault) {
    log::error(format_args!("Load key \"{}\": {fault}", file.path.display()));
}

/// Whether a signature blob names the algorithm that was asked for.
fn names(signature: &[u8], algorithm: &str) -> bool {
    Reader::new(signature).text("signature format identifier") == Ok(algorithm)
}
