//! The server's keys, from files that nobody else may read.

use crate::exit::{Fatal, Result, os_words};
use crate::limits::KEY_FILE_BYTES_MAX;
use crate::server::config::Settings;
use crate::server::log;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use tssh_transport::key::{KeyFileFault, PrivateKey, fingerprint, parse_private_key};

/// Permissions of group and others.
const OTHERS: u32 = 0o077;

/// Loads the host keys. Files that cannot be used are told of and passed over, as in sshd.
///
/// # Errors
/// No key is left, or none that the configuration lets take part.
pub fn load(settings: &Settings) -> Result<Vec<PrivateKey>> {
    let mut keys = Vec::new();
    for path in &settings.host_keys {
        if !settings.host_keys_named && !path.exists() {
            continue;
        }
        match read(path) {
            Ok(key) => {
                let shown = fingerprint::sha256(&key.public().blob());
                log::debug(format_args!("host key {}: {shown}", key.public().key_type()));
                keys.push(key);
            }
            Err(fault) => {
                log::error(format_args!("Unable to load host key \"{}\": {fault}", path.display()));
            }
        }
    }
    let offered = &settings.algorithms.host_key;
    let usable = |key: &PrivateKey| {
        key.public().signature_algorithms().iter().any(|name| offered.iter().any(|o| o == name))
    };
    let loaded = keys.len();
    keys.retain(usable);
    match (loaded, keys.is_empty()) {
        (_, false) => Ok(keys),
        (0, true) => Err(Fatal::new(
            "tsshd: no hostkeys available -- exiting.\n\
             Name one with -h; ssh-keygen -t ed25519 -N '' -f FILE makes one.",
        )),
        (_, true) => Err(Fatal::new(
            "tsshd: no hostkeys available: HostKeyAlgorithms leaves out every key there is",
        )),
    }
}

fn read(path: &Path) -> std::result::Result<PrivateKey, String> {
    let words = |error: std::io::Error| os_words(&error);
    let file = std::fs::File::open(path).map_err(words)?;
    let about = file.metadata().map_err(words)?;
    // What root owns is root's business, as in OpenSSH.
    let own = about.uid() == rustix::process::getuid().as_raw();
    if own && about.mode() & OTHERS != 0 {
        return Err("bad permissions: it is accessible by others".to_owned());
    }
    let mut text = zeroize::Zeroizing::new(Vec::new());
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text).map_err(words)?;
    parse_private_key(&text, None).map_err(|fault| match fault {
        KeyFileFault::NeedsPassphrase | KeyFileFault::WrongPassphrase => {
            "a host key cannot have a passphrase".to_owned()
        }
        other => other.to_string(),
    })
}
