//! The files that list a user's keys, one on a line.

use super::command::KeyCommand;
use super::expiry::Zone;
use super::options::KeyOptions;
use super::strict::{Owner, Strictness, read};
use super::{Notes, Peer, certificates, from, is_on_token};
use std::path::PathBuf;
use tssh_transport::key::{Certificate, PublicKey, fingerprint};
use tssh_transport::text::printable;

/// Bytes of one file: some 10,000 keys of any type. It is read anew at each attempt.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a line's text that are shown in the log.
const SHOWN_BYTES_MAX: usize = 128;

/// Which files admit which keys.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    /// A program that is asked first (`AuthorizedKeysCommand`).
    pub command: Option<KeyCommand>,
    /// Looked through in this order; one that does not exist is passed over.
    pub files: Vec<PathBuf>,
    /// Whether files and directories that others can write are refused (`StrictModes`).
    pub strict_modes: bool,
    /// The user whose files they are.
    pub uid: u32,
    /// The user's home directory.
    pub home: PathBuf,
    /// For expiry times without a zone.
    pub zone: Zone,
}

/// What a client logs in with.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The key; that of the certificate where there is one.
    pub key: &'a PublicKey,
    /// Its certificate: then lines count that name the authority, and not the key.
    pub certificate: Option<&'a Certificate>,
    /// Whom a certificate has to name where a line does not say whom.
    pub user: &'a str,
}

impl KeyPolicy {
    /// What the first line that admits the key lets it do.
    #[must_use]
    pub fn find(&self, offer: Offer<'_>, peer: Peer, notes: &mut Notes) -> Option<KeyOptions> {
        if let Some(command) = &self.command {
            match command.output(offer, peer) {
                Ok(text) => {
                    let found = find_in(&text, command.name(), offer, peer, &self.zone, notes);
                    if found.is_some() {
                        return found;
                    }
                }
                Err(line) => notes.add(line),
            }
        }
        let owner = Owner { uid: self.uid, home: &self.home };
        let strictness = if self.strict_modes { Strictness::OwnerWrites } else { Strictness::Any };
        for path in self.files.iter().filter(|path| path.exists()) {
            let name = path.display().to_string();
            match read(path, FILE_BYTES_MAX, strictness, owner) {
                Ok(text) => {
                    let found = find_in(&text, &name, offer, peer, &self.zone, notes);
                    if found.is_some() {
                        return found;
                    }
                }
                Err(line) => notes.add(line),
            }
        }
        None
    }
}

/// Looks a key up in the text of a file called `name`.
#[must_use]
pub fn find_in(
    text: &[u8],
    name: &str,
    offer: Offer<'_>,
    peer: Peer,
    zone: &Zone,
    notes: &mut Notes,
) -> Option<KeyOptions> {
    for (i, line) in text.split(|b| *b == b'\n').enumerate() {
        // A comment may be in any encoding; a key or an option that is not UTF-8 matches nothing.
        let line = String::from_utf8_lossy(line);
        let place = format!("{name}:{}", i + 1);
        if let Some(options) = admit(&line, &place, offer, peer, zone, notes) {
            notes.add(match offer.certificate {
                Some(certificate) => {
                    format!("{} found at {place}", certificates::accepted(certificate))
                }
                None => {
                    let print = fingerprint::sha256(&offer.key.blob());
                    format!("{place}: matching {} key found: {print}", offer.key.key_type())
                }
            });
            return Some(options);
        }
    }
    None
}

/// One line: none if it holds another key or does not admit this one here and now.
fn admit(
    line: &str,
    place: &str,
    offer: Offer<'_>,
    peer: Peer,
    zone: &Zone,
    notes: &mut Notes,
) -> Option<KeyOptions> {
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (options, found) = match PublicKey::from_line(line) {
        Ok((found, _)) => ("", found),
        Err(_) => {
            let end = end_of_options(line)?;
            let (options, rest) = line.split_at(end);
            (options, PublicKey::from_line(rest).ok()?.0)
        }
    };
    if found != *offer.certificate.map_or(offer.key, Certificate::authority) {
        return None;
    }
    let parsed = if options.is_empty() {
        Ok(KeyOptions::default())
    } else {
        KeyOptions::parse(options, zone)
    };
    let options = match parsed {
        Ok(options) => options,
        Err(reason) => {
            notes.add(format!("{place}: bad key options: {reason}"));
            return None;
        }
    };
    if options.verify_required && is_on_token(offer.key) {
        notes.add(format!("{place}: verify-required is not supported by tsshd"));
        return None;
    }
    let Some(certificate) = offer.certificate else {
        return admits(&options, place, peer, notes).then_some(options);
    };
    if !options.cert_authority || !admits_here_and_now(&options, place, peer, notes) {
        return None;
    }
    let permitted = certificates::under_line(certificate, &options, offer.user, peer);
    permitted.map_err(|reason| notes.add(format!("{place}: {reason}"))).ok()
}

/// Whether options that are not an authority's admit this client now.
pub(super) fn admits(options: &KeyOptions, place: &str, peer: Peer, notes: &mut Notes) -> bool {
    if options.principals.is_some() && !options.cert_authority {
        notes.add(format!("{place}: principals on non-CA key"));
        return false;
    }
    !options.cert_authority && admits_here_and_now(options, place, peer, notes)
}

fn admits_here_and_now(options: &KeyOptions, place: &str, peer: Peer, notes: &mut Notes) -> bool {
    if options.expires.is_some_and(|expires| expires < peer.now) {
        notes.add(format!("{place}: key expired"));
        return false;
    }
    let Some(list) = &options.from else { return true };
    match from::admits(list, peer.address) {
        Some(true) => true,
        Some(false) => {
            notes.add(format!(
                "{place}: correct key but not from a permitted host (ip={}, required={})",
                peer.address,
                printable(list.as_bytes(), SHOWN_BYTES_MAX)
            ));
            false
        }
        None => {
            let list = printable(list.as_bytes(), SHOWN_BYTES_MAX);
            notes.add(format!("{place}: invalid criteria in from=\"{list}\""));
            false
        }
    }
}

/// Where the first blank outside quotes stands.
fn end_of_options(line: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (i, b) in line.bytes().enumerate() {
        match b {
            b'"' if !escaped => quoted = !quoted,
            b' ' | b'\t' if !quoted => return Some(i),
            _ => {}
        }
        escaped = b == b'\\';
    }
    None
}
