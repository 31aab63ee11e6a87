//! `ssh-ed25519`, RFC 8709 over RFC 8032.
//!
//! Verification is the strict one: a scalar of the group order or above (the malleable form S+L),
//! a key or a point R of small order, and every encoding of a point that is not the canonical one
//! are refused. With the lenient rules of RFC 8032 a key of small order verifies any message.

use super::KeyFault;
use crate::entropy::Stream;
use crate::wire::{Reader, Writer};
use alloc::boxed::Box;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

/// Key type and signature algorithm.
pub(super) const NAME: &str = "ssh-ed25519";
/// Bytes of a seed, of a public key, and of each half of a signature.
const BYTES: usize = 32;

/// A public key of type `ssh-ed25519`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ed25519Public(VerifyingKey);

impl Ed25519Public {
    /// The fields behind the key type: "'key' is the 32-octet public key" (RFC 8709 section 4).
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        let key = r.string("key")?;
        let key = <&[u8; BYTES]>::try_from(key)
            .map_err(|_| KeyFault::Malformed("ed25519 key that is not 32 bytes long"))?;
        Self::from_bytes(key)
    }

    fn from_bytes(key: &[u8; BYTES]) -> Result<Self, KeyFault> {
        let point = VerifyingKey::from_bytes(key)
            .map_err(|_| KeyFault::Malformed("ed25519 key that is no point of the curve"))?;
        if point.is_weak() {
            return Err(KeyFault::Malformed("ed25519 key of small order"));
        }
        // A coordinate of 2^255-19 or above decodes as its residue: a second name for one key.
        if point.to_edwards().compress().as_bytes() != key {
            return Err(KeyFault::Malformed("ed25519 key that is not canonically encoded"));
        }
        Ok(Self(point))
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.string(self.0.as_bytes());
    }

    pub(super) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), KeyFault> {
        let signature = Signature::from_slice(signature).map_err(|_| KeyFault::BadSignature)?;
        self.0.verify_strict(data, &signature).map_err(|_| KeyFault::BadSignature)
    }
}

/// A private key of type `ssh-ed25519`; the seed is cleared when it is dropped. It is boxed so
/// that moving the key leaves no copies of the seed behind.
#[derive(Clone)]
pub(super) struct Ed25519Secret(Box<SigningKey>);

impl Ed25519Secret {
    pub(super) fn from_seed(seed: &[u8; BYTES]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    /// A fresh key.
    pub(super) fn generate(random: &mut Stream) -> Self {
        let mut seed = Zeroizing::new([0; BYTES]);
        random.fill(&mut *seed);
        Self::from_seed(&seed)
    }

    /// The private fields of an OpenSSH key file: the public key, then seed and public key in
    /// one string. The public key must be that of the seed: signing with another one in its place
    /// would reveal the seed.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        let public = r.string("ed25519 public key")?;
        let secret = r.string("ed25519 private key")?;
        let Some((seed, copy)) = secret.split_first_chunk::<BYTES>() else {
            return Err(KeyFault::Malformed("ed25519 private key that is not 64 bytes long"));
        };
        let key = Self::from_seed(seed);
        let own = key.0.verifying_key();
        if public != own.as_bytes() || copy != own.as_bytes() {
            return Err(KeyFault::Malformed("ed25519 private key with the public key of another"));
        }
        Ok(key)
    }

    pub(super) fn public(&self) -> Ed25519Public {
        Ed25519Public(self.0.verifying_key())
    }

    /// The private fields of an OpenSSH key file.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let public = self.0.verifying_key();
        let mut both = Zeroizing::new([0; 2 * BYTES]);
        both.copy_from_slice(&*Zeroizing::new(self.0.to_keypair_bytes()));
        w.string(public.as_bytes());
        w.string(&*both);
    }

    /// Deterministic, RFC 8032 section 5.1.6.
    pub(super) fn sign(&self, data: &[u8]) -> [u8; 64] {
        self.0.sign(data).to_bytes()
    }
}
