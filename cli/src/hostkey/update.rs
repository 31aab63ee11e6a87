//! `UpdateHostKeys`: a server whose key is trusted names its other keys, proves that it has them,
//! and they are learnt; keys of the host that it names no more are forgotten.

use super::{HostKeyCheck, fingerprint_of, type_name, type_name_of};
use crate::config::Settings;
use crate::config::options::UpdateHostKeys;
use crate::exit::os_words;
use crate::known_hosts::{Entry, KnownHosts, Marker, Replacement, replace_keys};
use crate::limits::{HOST_KEYS_MAX, UPDATE_ROUNDS_MAX};
use crate::log::{self, Level};
use crate::prompt::{self, Echo};
use tssh_transport::kex::host_key_proof;
use tssh_transport::key::PublicKey;
use tssh_transport::wire::{Reader, Writer};

/// What to do about a list of keys.
#[derive(Debug)]
pub enum Plan {
    /// Nothing is new, or nothing may be changed.
    Nothing,
    /// Nothing is new, and something is to go.
    Write(Update),
    /// Ask the server to prove the new keys.
    Prove(Update),
}

/// A change of the user's files.
#[derive(Debug)]
pub struct Update {
    names: Vec<String>,
    /// Every key that the server named.
    keys: Vec<PublicKey>,
    /// Those that no file has.
    new: Vec<PublicKey>,
    /// Lines of the host with other keys.
    old: Vec<Entry>,
}

impl HostKeyCheck {
    /// Compares the keys of `hostkeys-00@openssh.com` with the user's files, read anew.
    #[must_use]
    pub fn plan_update(&self, list: &[u8]) -> Plan {
        let keys = match keys_of(list, &self.settings) {
            Ok(keys) => keys,
            Err(fault) => {
                log::error(format_args!("hostkeys-00@openssh.com: {fault}"));
                return Plan::Nothing;
            }
        };
        if keys.is_empty() {
            log::debug1("the server sent no hostkeys that may be used");
            return Plan::Nothing;
        }
        let names: Vec<String> =
            [self.settings.key_name()].into_iter().chain(self.address_to_check()).collect();
        let files = KnownHosts::read(&self.settings.user_known_hosts);
        match compare(&files, names, keys) {
            Ok(update) if !update.new.is_empty() => Plan::Prove(update),
            Ok(update) if !update.old.is_empty() => Plan::Write(update),
            Ok(_) => {
                log::debug1("no new or deprecated keys from server");
                Plan::Nothing
            }
            Err(why) => {
                log::debug1(format_args!("{why}; skipping UserKnownHostsFile update"));
                Plan::Nothing
            }
        }
    }
}

/// The keys of a list that may be learnt: of a type that is built and accepted.
fn keys_of(list: &[u8], settings: &Settings) -> Result<Vec<PublicKey>, &'static str> {
    let accepted = |key: &PublicKey| {
        let named = settings.host_key_algorithms.as_ref();
        let listed =
            |name: &&'static str| named.is_none_or(|list| list.iter().any(|own| own == name));
        let strong = key.key_type() != "ssh-rsa" || key.bits() >= settings.required_rsa_size;
        strong && key.signature_algorithms().iter().any(listed)
    };
    let mut r = Reader::new(list);
    let mut seen = 0;
    let mut keys = Vec::new();
    while !r.rest().is_empty() {
        let blob = r.string("host key").map_err(|_| "a malformed list")?;
        seen += 1;
        if seen > HOST_KEYS_MAX {
            return Err("too many keys");
        }
        // Certificates and types that are not known are somebody else's business.
        let Ok(key) = PublicKey::from_blob(blob) else { continue };
        if keys.contains(&key) {
            return Err("the same key twice");
        }
        if accepted(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

fn compare(
    files: &KnownHosts,
    names: Vec<String>,
    keys: Vec<PublicKey>,
) -> Result<Update, &'static str> {
    let blobs: Vec<Vec<u8>> = keys.iter().map(PublicKey::blob).collect();
    let mut known = vec![false; keys.len()];
    let mut old: Vec<Entry> = Vec::new();
    for entry in names.iter().flat_map(|name| files.naming(name)) {
        if entry.line.marker != Marker::None || !entry.line.names.is_simple() {
            return Err("CA/revocation marker, manual list or wildcard host pattern found");
        }
        match blobs.iter().position(|blob| *blob == entry.line.blob) {
            Some(at) => known[at] = true,
            None if !old.contains(entry) => old.push(entry.clone()),
            None => {}
        }
    }
    // Several names for one machine are somebody's own doing, and to be kept together by them.
    let of_others = |blob: &Vec<u8>| {
        let mut same = files.other_names(blob);
        same.any(|other| !names.iter().any(|name| other.line.names.matches(name)))
    };
    if blobs.iter().any(of_others) {
        return Err("host key found matching a different name/address");
    }
    if old.iter().any(|entry| of_others(&entry.line.blob)) {
        return Err("key(s) exist under other names");
    }
    let new = keys.iter().zip(&known).filter(|(_, known)| !**known);
    let new = new.map(|(key, _)| key.clone()).collect();
    Ok(Update { names, keys, new, old })
}

impl Update {
    /// The fields of `hostkeys-prove-00@openssh.com`: the new keys.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        self.new.iter().for_each(|key| w.string(&key.blob()));
        out
    }

    /// Whether the server has proved every new key.
    #[must_use]
    pub fn is_proved(&self, session_id: &[u8], reply: &[u8]) -> bool {
        let proved =
            host_key_proof::verify(session_id, &self.new.iter().collect::<Vec<_>>(), reply);
        if !proved {
            log::error("server gave bad signature for a host key: nothing is learnt");
        }
        proved
    }

    /// Asks where the settings say so, and writes the user's files. It may take a human's time.
    pub fn apply(&self, settings: &Settings) {
        let asks = settings.update_host_keys == UpdateHostKeys::Ask;
        let level = if asks { Level::Info } else { Level::Verbose };
        if asks {
            log::info("The server has updated its host keys.");
            log::info("These changes were verified by the server's existing trusted key.");
        }
        let print = |blob: &[u8]| fingerprint_of(blob, settings.fingerprint_hash);
        for key in &self.new {
            let (kind, print) = (type_name(key), print(&key.blob()));
            log::write(level, format_args!("Learned new hostkey: {kind} {print}"));
        }
        for entry in &self.old {
            let (kind, print) = (type_name_of(&entry.line.key_type), print(&entry.line.blob));
            log::write(level, format_args!("Deprecating obsolete hostkey: {kind} {print}"));
        }
        if asks && (settings.batch_mode || !confirmed()) {
            return;
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let keep: Vec<Vec<u8>> = self.keys.iter().map(PublicKey::blob).collect();
        let add: Vec<_> = self.new.iter().map(|key| (key.key_type(), key.blob())).collect();
        for (index, file) in settings.user_known_hosts.iter().enumerate() {
            // The first file takes the new keys; the others only lose old ones.
            let add = if index == 0 { &add[..] } else { &[] };
            if index > 0 && !file.exists() {
                continue;
            }
            let hash = settings.hash_known_hosts;
            let replacement = Replacement { names: &names, keep: &keep, add, hash };
            if let Err(error) = replace_keys(file, &replacement) {
                let file = file.display();
                log::error(format_args!("hostkeys update of {file}: {}", os_words(&error)));
            }
        }
    }
}

fn confirmed() -> bool {
    let mut text = "Accept updated hostkeys? (yes/no): ";
    for _ in 0..UPDATE_ROUNDS_MAX {
        match prompt::ask(text, Echo::On).as_ref().map(|answer| answer.trim()) {
            None => return false,
            Some(yes) if yes.eq_ignore_ascii_case("yes") => return true,
            Some(no) if no.eq_ignore_ascii_case("no") => return false,
            Some(_) => text = "Please respond with \"yes\" or \"no\": ",
        }
    }
    false
}

#[cfg(test)]
mod tests;
