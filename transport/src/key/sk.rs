//! Keys on security tokens (FIDO): `sk-ssh-ed25519@openssh.com` and
//! `sk-ecdsa-sha2-nistp256@openssh.com` (OpenSSH's PROTOCOL.u2f). Only a token can sign, by way of
//! an agent; here signatures are verified.

use super::KeyFault;
use super::ecdsa::{Curve, EcdsaPublic};
use super::ed25519::Ed25519Public;
use crate::wire::{Reader, Writer};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use sha2::{Digest as _, Sha256};

pub(super) const ED25519: &str = "sk-ssh-ed25519@openssh.com";
pub(super) const NISTP256: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

/// Bit of the flags: a human touched the token.
const USER_PRESENT: u8 = 1;
/// Bit of the flags: the token knew the human, by PIN or finger.
const USER_VERIFIED: u8 = 4;

/// A public key of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkPublic {
    key: Inner,
    application: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inner {
    Ed25519(Ed25519Public),
    NistP256(EcdsaPublic),
}

/// What a token says about a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkUse {
    /// A human touched the token.
    pub present: bool,
    /// The token knew the human.
    pub verified: bool,
}

impl SkPublic {
    /// The fields behind the key type of this name.
    pub(super) fn read(name: &str, r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        let key = match name {
            ED25519 => Inner::Ed25519(Ed25519Public::read(r)?),
            NISTP256 => Inner::NistP256(EcdsaPublic::read(Curve::NistP256, r)?),
            _ => return Err(KeyFault::UnknownAlgorithm),
        };
        Ok(Self { key, application: r.text("application")?.to_string() })
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        match &self.key {
            Inner::Ed25519(key) => key.write(w),
            Inner::NistP256(key) => key.write(w),
        }
        w.string(self.application.as_bytes());
    }

    pub(super) const fn name(&self) -> &'static str {
        match self.key {
            Inner::Ed25519(_) => ED25519,
            Inner::NistP256(_) => NISTP256,
        }
    }

    pub(super) const fn algorithms(&self) -> &'static [&'static str] {
        match self.key {
            Inner::Ed25519(_) => &[ED25519],
            Inner::NistP256(_) => &[NISTP256],
        }
    }

    /// `tail` is what follows the signature in its blob: flags and counter. The token signs the
    /// digest of the application, both of these and the digest of the data.
    pub(super) fn verify(&self, data: &[u8], value: &[u8], tail: &[u8]) -> Result<(), KeyFault> {
        let mut r = Reader::new(tail);
        r.byte("flags")?;
        r.uint32("counter")?;
        r.end()?;
        let mut signed: Vec<u8> = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.extend_from_slice(tail);
        signed.extend_from_slice(&Sha256::digest(data));
        match &self.key {
            Inner::Ed25519(key) => key.verify(&signed, value),
            Inner::NistP256(key) => key.verify(&signed, value),
        }
    }
}

/// What the token said in a signature blob; nothing for one of another kind. It is worth
/// something only where the signature was verified.
#[must_use]
pub fn sk_use(signature_blob: &[u8]) -> Option<SkUse> {
    let mut r = Reader::new(signature_blob);
    let name = r.text("signature format identifier").ok()?;
    r.string("signature blob").ok()?;
    let flags = r.byte("flags").ok().filter(|_| matches!(name, ED25519 | NISTP256))?;
    Some(SkUse { present: flags & USER_PRESENT != 0, verified: flags & USER_VERIFIED != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{PrivateKey, PublicKey, parse_private_key};

    /// What a token would do: key blob, algorithm and signature.
    fn token(file: &[u8], name: &'static str, flags: u8, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let key: PrivateKey = parse_private_key(file, None).unwrap();
        let plain = key.public().blob();
        let mut r = Reader::new(&plain);
        r.string("type").unwrap();
        let mut blob = Vec::new();
        let mut w = Writer::new(&mut blob);
        w.string(name.as_bytes());
        w.bytes(r.rest());
        w.string(b"ssh:");
        let tail = [&[flags][..], &7_u32.to_be_bytes()].concat();
        let signed = [&Sha256::digest(b"ssh:")[..], &tail, &Sha256::digest(data)[..]].concat();
        let inner = key.sign(key.public().key_type(), &signed).unwrap();
        let mut r = Reader::new(&inner);
        r.string("name").unwrap();
        let value = r.string("value").unwrap();
        let mut signature = Vec::new();
        let mut w = Writer::new(&mut signature);
        w.string(name.as_bytes());
        w.string(value);
        w.bytes(&tail);
        (blob, signature)
    }

    #[test]
    fn signatures_of_tokens() {
        let kinds: [(&[u8], &str); 2] = [
            (include_bytes!("testdata/ed25519"), ED25519),
            (include_bytes!("testdata/ecdsa256"), NISTP256),
        ];
        for (file, name) in kinds {
            let (blob, signature) = token(file, name, USER_PRESENT, b"data");
            let key = PublicKey::from_blob(&blob).unwrap();
            assert_eq!((key.key_type(), key.blob()), (name, blob.clone()));
            assert_eq!(key.signature_algorithms(), [name]);
            assert_eq!(key.verify(name, b"data", &signature), Ok(()));
            assert!(key.verify(name, b"date", &signature).is_err());
            // Flags and counter are signed; nothing may be missing or follow.
            for n in 0..signature.len() {
                assert!(key.verify(name, b"data", &signature[..n]).is_err(), "{name} cut to {n}");
                let mut flipped = signature.clone();
                flipped[n] ^= 1;
                assert!(key.verify(name, b"data", &flipped).is_err(), "{name} byte {n}");
            }
            let longer = [&signature[..], &[0]].concat();
            assert!(key.verify(name, b"data", &longer).is_err());
            assert_eq!(sk_use(&signature), Some(SkUse { present: true, verified: false }));
            let (_, both) = token(file, name, USER_PRESENT | USER_VERIFIED, b"data");
            assert_eq!(sk_use(&both), Some(SkUse { present: true, verified: true }));
            let line = key.to_line();
            assert_eq!(PublicKey::from_line(&line).unwrap().0, key);
        }
        assert_eq!(sk_use(&[0; 9]), None);
    }
}
