//! Public keys, signatures and private keys: host keys and user keys are the same thing.
//!
//! | RFC | what | file |
//! | --- | --- | --- |
//! | 4253 6.6 | key blobs and signature blobs | this one, `signature` |
//! | 8709 | ssh-ed25519 | `ed25519` |
//! | 5656 | ecdsa-sha2-nistp256, -384, -521 | `ecdsa` |
//! | 8332 | rsa-sha2-256, rsa-sha2-512 | `rsa` |
//! | — | keys on security tokens | `sk` |
//! | — | certificates | `certificate` |
//!
//! Files of revoked keys: `revoked`, `krl`.
//!
//! Private key files: `private_file` tells the formats apart, `openssh_file` reads the format of
//! OpenSSH, `pem` the armour and its old encryption, `pkcs8_file` PKCS#8, `ppk` PuTTY's own.

pub mod base64;
mod certificate;
mod ecdsa;
mod ed25519;
pub mod fingerprint;
mod key_file_cipher;
pub mod krl;
mod openssh_file;
mod pem;
mod pkcs8_file;
mod ppk;
mod private_file;
mod revoked;
mod rsa;
mod signature;
mod sk;
#[cfg(test)]
mod test_keys;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use certificate::{
    Certificate, CertificateFault, CertificateKind, is_certificate_algorithm, is_certificate_type,
    signature_name,
};
pub use ecdsa::EcdsaPublic;
pub use ed25519::Ed25519Public;
pub use private_file::{KeyFileFault, is_encrypted, parse_private_key, public_of_private_file};
pub use revoked::RevokedKeys;
pub use rsa::RsaPublic;
pub use signature::{SIGNATURE_ALGORITHMS, key_type_of};
pub use sk::{SkPublic, SkUse, sk_use};

use crate::entropy::Stream;
use crate::wipe;
use crate::wire::{Reader, WireError, Writer};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use ecdsa::{Curve, EcdsaSecret};
use ed25519::Ed25519Secret;
use rsa::RsaSecret;
use signature::Signature;
use zeroize::Zeroizing;

/// Why a key or a signature is not acceptable; the text names the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// The bytes are not a key of this type.
    Malformed(&'static str),
    /// A type or a signature algorithm that is not known.
    UnknownAlgorithm,
    /// The signature algorithm does not belong to this key.
    WrongAlgorithm,
    /// An RSA modulus outside the accepted sizes.
    RsaSize(u32),
    /// The signature does not verify.
    BadSignature,
    /// A private key could not sign; never expected of a key that was accepted.
    SigningFailed,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::UnknownAlgorithm => f.write_str("unknown or unsupported key type"),
            Self::WrongAlgorithm => f.write_str("signature algorithm of another key type"),
            Self::RsaSize(bits) => write!(f, "RSA modulus of {bits} bits is not accepted"),
            Self::BadSignature => f.write_str("incorrect signature"),
            Self::SigningFailed => f.write_str("signing failed"),
        }
    }
}

impl core::error::Error for KeyFault {}

impl From<WireError> for KeyFault {
    fn from(error: WireError) -> Self {
        Self::Malformed(error.field)
    }
}

/// A public key. Equal keys have equal blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// `ssh-ed25519`.
    Ed25519(Ed25519Public),
    /// `ecdsa-sha2-nistp256`, `-nistp384`, `-nistp521`.
    Ecdsa(EcdsaPublic),
    /// `ssh-rsa`.
    Rsa(RsaPublic),
    /// `sk-ssh-ed25519@openssh.com`, `sk-ecdsa-sha2-nistp256@openssh.com`.
    Sk(SkPublic),
}

impl PublicKey {
    /// Reads a key blob, RFC 4253 section 6.6, to the last byte. Only the canonical encoding of a
    /// key is accepted, so that a key has one blob and one fingerprint.
    ///
    /// # Errors
    /// An unknown type, a field that is out of range or not canonical, trailing bytes, an RSA
    /// modulus outside [`crate::limits::RSA_BITS_MIN`] and [`crate::limits::RSA_BITS_MAX`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyFault> {
        let mut r = Reader::new(blob);
        let key = match r.text("public key format identifier")? {
            ed25519::NAME => Self::Ed25519(Ed25519Public::read(&mut r)?),
            rsa::NAME => Self::Rsa(RsaPublic::read(&mut r)?),
            name @ (sk::ED25519 | sk::NISTP256) => Self::Sk(SkPublic::read(name, &mut r)?),
            name => {
                let curve = Curve::of_name(name).ok_or(KeyFault::UnknownAlgorithm)?;
                Self::Ecdsa(EcdsaPublic::read(curve, &mut r)?)
            }
        };
        r.end()?;
        Ok(key)
    }

    /// Reads a line of a `.pub` file, "type base64 \[comment\]", and returns the comment with it
    /// (empty when there is none).
    ///
    /// # Errors
    /// As [`Self::from_blob`]; also a type that is not the blob's, and text that is not base64.
    pub fn from_line(line: &str) -> Result<(Self, &str), KeyFault> {
        let (key_type, rest) = split_word(line);
        let (text, comment) = split_word(rest);
        if key_type_of(key_type).is_none() && key_type != rsa::NAME {
            return Err(KeyFault::UnknownAlgorithm);
        }
        let blob = base64::decode(text).ok_or(KeyFault::Malformed("base64"))?;
        let key = Self::from_blob(&blob)?;
        if key.key_type() != key_type {
            return Err(KeyFault::Malformed("key of another type than its line says"));
        }
        Ok((key, comment.trim_end()))
    }

    /// "type base64", as known_hosts, authorized_keys and `.pub` files hold it.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{} {}", self.key_type(), base64::encode(&self.blob()))
    }

    /// The key blob, RFC 4253 section 6.6.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.string(self.key_type().as_bytes());
        match self {
            Self::Ed25519(key) => key.write(&mut w),
            Self::Ecdsa(key) => key.write(&mut w),
            Self::Rsa(key) => key.write(&mut w),
            Self::Sk(key) => key.write(&mut w),
        }
        out
    }

    /// The public key format identifier.
    #[must_use]
    pub const fn key_type(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ed25519::NAME,
            Self::Ecdsa(key) => key.curve().name(),
            Self::Rsa(_) => rsa::NAME,
            Self::Sk(key) => key.name(),
        }
    }

    /// The signature algorithms that this key can be used with, the strongest first.
    #[must_use]
    pub const fn signature_algorithms(&self) -> &'static [&'static str] {
        match self {
            Self::Ed25519(_) => &[ed25519::NAME],
            Self::Ecdsa(key) => match key.curve() {
                Curve::NistP256 => &[ecdsa::NISTP256],
                Curve::NistP384 => &[ecdsa::NISTP384],
                Curve::NistP521 => &[ecdsa::NISTP521],
            },
            Self::Rsa(_) => &[rsa::SHA2_512, rsa::SHA2_256],
            Self::Sk(key) => key.algorithms(),
        }
    }

    /// Size of the key in bits, as `ssh-keygen -l` counts it.
    #[must_use]
    pub fn bits(&self) -> u32 {
        match self {
            Self::Ed25519(_) | Self::Sk(_) => 256,
            Self::Ecdsa(key) => key.curve().bits(),
            Self::Rsa(key) => key.bits(),
        }
    }

    /// Verifies a signature blob over `data`. `algorithm` is what was agreed or announced; the
    /// name inside the blob must be the same.
    ///
    /// # Errors
    /// An algorithm that is unknown or of another key type, a blob that is malformed or names
    /// another algorithm, a signature that does not verify.
    pub fn verify(
        &self,
        algorithm: &str,
        data: &[u8],
        signature_blob: &[u8],
    ) -> Result<(), KeyFault> {
        self.check_algorithm(algorithm)?;
        let signature = Signature::from_blob(signature_blob)?;
        if signature.algorithm != algorithm {
            return Err(KeyFault::WrongAlgorithm);
        }
        if !signature.tail.is_empty() && !matches!(self, Self::Sk(_)) {
            return Err(KeyFault::Malformed("signature with bytes behind it"));
        }
        match self {
            Self::Sk(key) => key.verify(data, signature.value, signature.tail),
            Self::Ed25519(key) => key.verify(data, signature.value),
            Self::Ecdsa(key) => key.verify(data, signature.value),
            Self::Rsa(key) => key.verify(algorithm, data, signature.value),
        }
    }

    fn check_algorithm(&self, algorithm: &str) -> Result<(), KeyFault> {
        match key_type_of(algorithm) {
            Some(key_type) if key_type == self.key_type() => Ok(()),
            Some(_) => Err(KeyFault::WrongAlgorithm),
            None => Err(KeyFault::UnknownAlgorithm),
        }
    }
}

/// The first word of a line and what follows it; spaces and tabs separate.
fn split_word(line: &str) -> (&str, &str) {
    let blank = [' ', '\t', '\r', '\n'];
    let line = line.trim_start_matches(blank);
    let (word, rest) = line.split_once(blank).unwrap_or((line, ""));
    (word, rest.trim_start_matches(blank))
}

/// Room for the private fields of the largest key: a buffer that grows leaves copies behind.
const AGENT_FIELDS_BYTES: usize = 16 * 1024;

/// A private key with its public half. It is cleared from memory when it is dropped, and its
/// debug form shows the public half only.
#[derive(Clone)]
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
    comment: String,
}

#[derive(Clone)]
enum Secret {
    Ed25519(Ed25519Secret),
    Ecdsa(EcdsaSecret),
    Rsa(Box<RsaSecret>),
}

impl PrivateKey {
    fn new(secret: Secret, comment: String) -> Self {
        let public = match &secret {
            Secret::Ed25519(key) => PublicKey::Ed25519(key.public()),
            Secret::Ecdsa(key) => PublicKey::Ecdsa(key.public()),
            Secret::Rsa(key) => PublicKey::Rsa(key.public()),
        };
        Self { secret, public, comment }
    }

    /// A fresh key of type `ssh-ed25519`.
    #[must_use]
    pub fn generate_ed25519(random: &mut Stream) -> Self {
        Self::new(Secret::Ed25519(Ed25519Secret::generate(random)), String::new())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The comment of the key file; empty in the formats that have none. It is text from a file:
    /// [`crate::text::printable`] makes it fit for a terminal.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The key with its secret, as an agent takes it: the key type, then the private fields of
    /// OpenSSH's key files.
    #[must_use]
    pub fn agent_fields(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(AGENT_FIELDS_BYTES));
        let mut w = Writer::new(&mut out);
        w.string(self.public.key_type().as_bytes());
        match &self.secret {
            Secret::Ed25519(key) => key.write(&mut w),
            Secret::Ecdsa(key) => key.write(&mut w),
            Secret::Rsa(key) => key.write(&mut w),
        }
        out
    }

    /// Signs `data`; the result is a signature blob, RFC 4253 section 6.6. The same key and data
    /// always give the same signature.
    ///
    /// # Errors
    /// An algorithm that is unknown or of another key type.
    pub fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, KeyFault> {
        self.public.check_algorithm(algorithm)?;
        let value = wipe::after(|| match &self.secret {
            Secret::Ed25519(key) => Ok(key.sign(data).to_vec()),
            Secret::Ecdsa(key) => key.sign(data),
            Secret::Rsa(key) => key.sign(algorithm, data),
        })?;
        Ok(Signature { algorithm, value: &value, tail: &[] }.blob())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", fingerprint::sha256(&self.public.blob()))
    }
}
