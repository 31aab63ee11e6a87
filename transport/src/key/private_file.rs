//! Private key files: which format, which passphrase, whose fault.

use super::pem::Pem;
use super::{KeyFault, PrivateKey, PublicKey, Secret, ecdsa, openssh_file, pkcs8_file, ppk, rsa};
use crate::wipe;
use crate::wire::WireError;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Why a private key file could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFileFault {
    /// There is no private key in this file.
    NotAKey,
    /// The key is encrypted and no passphrase was given.
    NeedsPassphrase,
    /// The passphrase does not fit, or the encrypted part is damaged: these look the same.
    WrongPassphrase,
    /// A format, cipher or key type that is known but not supported; the text names it.
    Unsupported(&'static str),
    /// The file contradicts its own format; the text names the part.
    Malformed(&'static str),
}

impl fmt::Display for KeyFileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAKey => f.write_str("invalid format: no private key in this file"),
            // OpenSSH's words, for both.
            Self::NeedsPassphrase | Self::WrongPassphrase => {
                f.write_str("incorrect passphrase supplied to decrypt private key")
            }
            Self::Unsupported(what) => write!(f, "unsupported: {what}"),
            Self::Malformed(what) => write!(f, "invalid format: {what}"),
        }
    }
}

impl core::error::Error for KeyFileFault {}

impl From<WireError> for KeyFileFault {
    fn from(error: WireError) -> Self {
        Self::Malformed(error.field)
    }
}

impl From<KeyFault> for KeyFileFault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Malformed(what) => Self::Malformed(what),
            KeyFault::UnknownAlgorithm => Self::Unsupported("key type"),
            KeyFault::RsaSize(_) => Self::Unsupported("size of the RSA modulus"),
            KeyFault::WrongAlgorithm | KeyFault::BadSignature | KeyFault::SigningFailed => {
                Self::Malformed("private key")
            }
        }
    }
}

/// Reads a private key file in one of the formats that `ssh-keygen` and OpenSSL write: OpenSSH's
/// own, PKCS#8, the traditional PEM of RSA and EC keys, and PuTTY's; each plain or encrypted.
/// The passphrase is ignored where the file is not encrypted.
///
/// # Errors
/// See [`KeyFileFault`]. Work is bounded: see `limits` for the file's size and the rounds of its
/// key derivation.
pub fn parse_private_key(
    text: &[u8],
    passphrase: Option<&[u8]>,
) -> Result<PrivateKey, KeyFileFault> {
    wipe::after(|| parse(text, passphrase))
}

fn parse(text: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKey, KeyFileFault> {
    if ppk::is_ppk(text) {
        return ppk::read(text, passphrase);
    }
    let pem = Pem::read(text)?;
    match pem.label {
        "OPENSSH PRIVATE KEY" => openssh_file::read(&pem.body, passphrase),
        "PRIVATE KEY" => Ok(uncommented(pkcs8_file::read(&pem.body)?)),
        "ENCRYPTED PRIVATE KEY" => {
            let passphrase = passphrase.ok_or(KeyFileFault::NeedsPassphrase)?;
            Ok(uncommented(pkcs8_file::read_encrypted(&pem.body, passphrase)?))
        }
        "RSA PRIVATE KEY" => traditional(&pem, passphrase, |der| {
            Ok(Secret::Rsa(Box::new(rsa::RsaSecret::from_pkcs1(der)?)))
        }),
        "EC PRIVATE KEY" => traditional(&pem, passphrase, |der| {
            Ok(Secret::Ecdsa(ecdsa::EcdsaSecret::from_sec1(der, None)?))
        }),
        "DSA PRIVATE KEY" => Err(KeyFileFault::Unsupported("DSA keys")),
        _ => Err(KeyFileFault::Unsupported("key file format")),
    }
}

/// A PEM file of the formats that are older than PKCS#8.
fn traditional(
    pem: &Pem<'_>,
    passphrase: Option<&[u8]>,
    read: fn(&[u8]) -> Result<Secret, KeyFault>,
) -> Result<PrivateKey, KeyFileFault> {
    if !pem.encrypted {
        return Ok(uncommented(read(&pem.body)?));
    }
    let der = pem.decrypt(passphrase.ok_or(KeyFileFault::NeedsPassphrase)?)?;
    // Nothing but the structure tells a wrong passphrase whose padding happens to look right.
    read(&der).map(uncommented).map_err(|fault| match fault {
        KeyFault::Malformed(_) => KeyFileFault::WrongPassphrase,
        other => other.into(),
    })
}

fn uncommented(secret: Secret) -> PrivateKey {
    PrivateKey::new(secret, String::new())
}

/// Whether a passphrase is needed to read this file.
///
/// # Errors
/// A file that holds no private key, or whose outer form is damaged.
pub fn is_encrypted(text: &[u8]) -> Result<bool, KeyFileFault> {
    if ppk::is_ppk(text) {
        return ppk::is_encrypted(text);
    }
    let pem = Pem::read(text)?;
    match pem.label {
        "OPENSSH PRIVATE KEY" => openssh_file::is_encrypted(&pem.body),
        "ENCRYPTED PRIVATE KEY" => Ok(true),
        _ => Ok(pem.encrypted),
    }
}

/// The public half, as far as it can be read without a passphrase: always from OpenSSH's format,
/// which holds it in the clear, and PuTTY's, else only from a file that is not encrypted.
///
/// What an encrypted file claims here is checked when the key is decrypted.
#[must_use]
pub fn public_of_private_file(text: &[u8]) -> Option<PublicKey> {
    if ppk::is_ppk(text) {
        return ppk::public(text).ok();
    }
    let pem = Pem::read(text).ok()?;
    match pem.label {
        "OPENSSH PRIVATE KEY" => openssh_file::public(&pem.body).ok(),
        _ => parse_private_key(text, None).ok().map(|key| key.public),
    }
}

#[cfg(test)]
mod tests;
