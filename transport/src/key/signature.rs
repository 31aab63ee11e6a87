//! The signature blob of RFC 4253 section 6.6, and the names of signature algorithms.

use super::{KeyFault, ecdsa, ed25519, rsa, sk};
use crate::wire::{Reader, Writer};
use alloc::vec::Vec;

/// Every signature algorithm, in order of preference: what a server may list in
/// `server-sig-algs` (RFC 8308 section 3.1). `ssh-rsa`, which signs with SHA-1, is not among them.
pub const SIGNATURE_ALGORITHMS: &[&str] = &[
    ed25519::NAME,
    ecdsa::NISTP256,
    ecdsa::NISTP384,
    ecdsa::NISTP521,
    rsa::SHA2_512,
    rsa::SHA2_256,
    sk::ED25519,
    sk::NISTP256,
];

/// The key type that a signature algorithm belongs to; none for an algorithm that is not known.
#[must_use]
pub fn key_type_of(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        rsa::SHA2_256 | rsa::SHA2_512 => Some(rsa::NAME),
        // "Public key/certificate formats that do not explicitly specify a
        // signature format identifier MUST use the public key/certificate
        // format identifier as the signature identifier." RFC 4253 section 6.6
        _ => SIGNATURE_ALGORITHMS.iter().find(|name| **name == algorithm).copied(),
    }
}

/// The fields of a signature blob.
pub(super) struct Signature<'a> {
    /// Signature format identifier.
    pub algorithm: &'a str,
    /// The signature, in the encoding of its algorithm.
    pub value: &'a [u8],
    /// What follows: of a token's signature its flags and counter, of every other one nothing.
    pub tail: &'a [u8],
}

impl<'a> Signature<'a> {
    pub(super) fn from_blob(blob: &'a [u8]) -> Result<Self, KeyFault> {
        let mut r = Reader::new(blob);
        let algorithm = r.text("signature format identifier")?;
        let value = r.string("signature blob")?;
        Ok(Self { algorithm, value, tail: r.rest() })
    }

    pub(super) fn blob(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.string(self.algorithm.as_bytes());
        w.string(self.value);
        out
    }
}
