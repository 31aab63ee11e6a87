//! One private key file, and the public key beside it.

use super::Holder;
use crate::exit::os_words;
use crate::limits::KEY_FILE_BYTES_MAX;
use crate::log::{self, Level};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tssh_transport::key::{
    Certificate, KeyFileFault, PrivateKey, PublicKey, is_encrypted, parse_private_key,
    public_of_private_file,
};
use zeroize::Zeroizing;

/// Whether the private half can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// At once.
    No,
    /// After a passphrase.
    Yes,
    /// Not at all: the file holds a public key only.
    NoPrivateHalf,
}

/// A key file.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// The private key file.
    pub path: PathBuf,
    /// Public half; unknown for an encrypted file of the older formats without a `.pub` beside it.
    pub public: Option<PublicKey>,
    /// The certificate that stands in the place of the public half.
    pub certificate: Option<Certificate>,
    /// Whether a passphrase is needed.
    pub locked: Locked,
    /// Whether somebody named it.
    pub user_provided: bool,
}

impl KeyFile {
    /// Looks at a key file. Nothing where it is missing, unsuitable or unsafe; the reason is
    /// logged, loudly for files that somebody named.
    #[must_use]
    pub fn load(path: &Path, user_provided: bool) -> Option<Self> {
        let loud = if user_provided { Level::Info } else { Level::Debug3 };
        let found = |half: Option<PublicHalf>, locked| {
            let (public, certificate) = half.map_or((None, None), |h| (Some(h.key), h.certificate));
            Some(Self { path: path.to_owned(), public, certificate, locked, user_provided })
        };
        let beside = public_beside(path);
        let text = match read(path) {
            Ok(text) => text,
            Err(ReadFault::Io(error)) => {
                let words = os_words(&error);
                log::write(loud, format_args!("no such identity: {}: {words}", path.display()));
                // The public half may still be there, and the private one in the agent.
                return found(Some(beside?), Locked::NoPrivateHalf);
            }
            Err(ReadFault::TooOpen(mode)) => {
                complain_about_mode(path, mode);
                return found(Some(beside?), Locked::NoPrivateHalf);
            }
        };
        match is_encrypted(&text) {
            Ok(encrypted) => {
                let locked = if encrypted { Locked::Yes } else { Locked::No };
                let half = match public_of_private_file(&text) {
                    // What stands beside may be a certificate of this key; another key may not.
                    Some(key) => Some(match beside.filter(|half| half.key == key) {
                        Some(half) => half,
                        None => PublicHalf { key, certificate: None },
                    }),
                    None => beside,
                };
                if half.is_none() && !encrypted {
                    let fault = parse_private_key(&text, None).err();
                    let words = fault.map_or_else(String::new, |fault| fault.to_string());
                    log::write(loud, format_args!("Load key \"{}\": {words}", path.display()));
                    return None;
                }
                found(half, locked)
            }
            // A public key file may be named for a key that the agent holds.
            Err(fault) => match public_half(&text).or(beside) {
                Some(half) => found(Some(half), Locked::NoPrivateHalf),
                None => {
                    log::write(loud, format_args!("Load key \"{}\": {fault}", path.display()));
                    None
                }
            },
        }
    }

    /// Who can sign with it, when the agent cannot.
    #[must_use]
    pub const fn holder(&self) -> Holder {
        match self.locked {
            Locked::No => Holder::PlainFile,
            Locked::Yes => Holder::LockedFile,
            Locked::NoPrivateHalf => Holder::Nobody,
        }
    }

    /// The certificate in `NAME-cert.pub`.
    #[must_use]
    pub fn certificate_beside(&self) -> Option<Certificate> {
        let mut name = self.path.as_os_str().to_owned();
        name.push("-cert.pub");
        certificate_of(Path::new(&name), false)
    }

    /// Reads the private half. It costs time when a passphrase is given: the derivation is slow
    /// on purpose.
    ///
    /// # Errors
    /// The passphrase is wrong, or the file has changed.
    pub fn unlock(&self, passphrase: Option<&str>) -> Result<PrivateKey, KeyFileFault> {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(ReadFault::Io(_)) => return Err(KeyFileFault::NotAKey),
            Err(ReadFault::TooOpen(mode)) => {
                complain_about_mode(&self.path, mode);
                return Err(KeyFileFault::NotAKey);
            }
        };
        let key = parse_private_key(&text, passphrase.map(str::as_bytes))?;
        // The public half may have come from another file.
        match &self.public {
            Some(public) if public != key.public() => {
                Err(KeyFileFault::Malformed("private key does not match its public key"))
            }
            _ => Ok(key),
        }
    }
}

enum ReadFault {
    Io(std::io::Error),
    TooOpen(u32),
}

/// Reads a private key file that nobody else can read.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, ReadFault> {
    let file = File::open(path).map_err(ReadFault::Io)?;
    let meta = file.metadata().map_err(ReadFault::Io)?;
    let mut text = Zeroizing::new(Vec::new());
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text).map_err(ReadFault::Io)?;
    // As in OpenSSH: only the owner's own files are judged, and public keys are no secret.
    let own = meta.uid() == rustix::process::getuid().as_raw();
    if own && meta.mode() & 0o077 != 0 && meta.is_file() && public_half(&text).is_none() {
        return Err(ReadFault::TooOpen(meta.mode() & 0o777));
    }
    Ok(text)
}

fn complain_about_mode(path: &Path, mode: u32) {
    const BAR: &str = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";
    let path = path.display();
    log::error(format_args!(
        "{BAR}\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n{BAR}\n\
         Permissions {mode:04o} for '{path}' are too open.\n\
         It is required that your private key files are NOT accessible by others.\n\
         This private key will be ignored.\nLoad key \"{path}\": bad permissions"
    ));
}

/// The public half of a key: bare, or in a certificate.
struct PublicHalf {
    key: PublicKey,
    certificate: Option<Certificate>,
}

/// That of the first line that holds one.
fn public_half(text: &[u8]) -> Option<PublicHalf> {
    let text = std::str::from_utf8(text).ok()?;
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.take(16).find_map(|line| match PublicKey::from_line(line) {
        Ok((key, _)) => Some(PublicHalf { key, certificate: None }),
        Err(_) => {
            let certificate = Certificate::from_line(line).ok()?;
            let key = certificate.key().clone();
            Some(PublicHalf { key, certificate: Some(certificate) })
        }
    })
}

/// The certificate in a file; where there is none, `loud` says why.
#[must_use]
pub fn certificate_of(path: &Path, loud: bool) -> Option<Certificate> {
    let level = if loud { Level::Info } else { Level::Debug3 };
    let say = |why: &dyn std::fmt::Display| {
        log::write(level, format_args!("Load certificate \"{}\": {why}", path.display()));
    };
    let mut text = Vec::new();
    let read = File::open(path).and_then(|f| f.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text));
    if let Err(error) = read {
        say(&os_words(&error));
        return None;
    }
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    match Certificate::from_line(lines.next().unwrap_or_default()) {
        Ok(certificate) => Some(certificate),
        Err(fault) => {
            say(&fault);
            None
        }
    }
}

/// The key in `NAME.pub`.
fn public_beside(path: &Path) -> Option<PublicHalf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let mut text = Vec::new();
    let file = File::open(PathBuf::from(name)).ok()?;
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
    public_half(&text)
}
