//! OpenSSH's own private key format, described in its file PROTOCOL.key.
//!
//! ```text
//! byte[]  "openssh-key-v1" and a zero byte
//! string  ciphername
//! string  kdfname
//! string  kdfoptions
//! uint32  number of keys, 1
//! string  public key blob
//! string  encrypted part
//! byte[]  tag, with the ciphers that have one
//!
//! encrypted part:
//! uint32  check, random
//! uint32  check, the same again: tells a right passphrase from a wrong one
//! string  key type, then its private fields
//! string  comment
//! byte[]  padding 1, 2, 3, ... up to the cipher's block
//! ```

use super::key_file_cipher::KeyFileCipher;
use super::{
    Curve, EcdsaSecret, Ed25519Secret, KeyFault, KeyFileFault, PrivateKey, PublicKey, RsaSecret,
    Secret, ed25519, rsa,
};
use crate::limits::BCRYPT_ROUNDS_MAX;
use crate::wire::Reader;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// What the length of the "encrypted" part of a plain file is a multiple of.
const PLAIN_BLOCK_BYTES: usize = 8;

/// The outer fields.
struct Container<'a> {
    protection: Option<Protection<'a>>,
    public: &'a [u8],
    encrypted: &'a [u8],
    tag: &'a [u8],
}

/// How the private part is encrypted.
struct Protection<'a> {
    cipher: KeyFileCipher,
    salt: &'a [u8],
    rounds: u32,
}

impl<'a> Container<'a> {
    fn read(body: &'a [u8]) -> Result<Self, KeyFileFault> {
        let body = body.strip_prefix(MAGIC).ok_or(KeyFileFault::Malformed("magic"))?;
        let mut r = Reader::new(body);
        let cipher = r.text("ciphername")?;
        let kdf = r.text("kdfname")?;
        let protection = Protection::read(cipher, kdf, r.string("kdfoptions")?)?;
        if r.uint32("number of keys")? != 1 {
            return Err(KeyFileFault::Unsupported("key file with more than one key"));
        }
        let public = r.string("public key")?;
        let encrypted = r.string("encrypted part")?;
        let tag_bytes = protection.as_ref().map_or(0, |p| p.cipher.tag_bytes());
        let tag = r.bytes("tag", tag_bytes)?;
        r.end()?;
        Ok(Self { protection, public, encrypted, tag })
    }

    /// The private part in the clear.
    fn open(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
        let mut data = Zeroizing::new(self.encrypted.to_vec());
        let Some(protection) = &self.protection else {
            if data.len().checked_rem(PLAIN_BLOCK_BYTES) != Some(0) {
                return Err(KeyFileFault::Malformed("length of the private part"));
            }
            return Ok(data);
        };
        let passphrase = passphrase.ok_or(KeyFileFault::NeedsPassphrase)?;
        protection.decrypt(passphrase, &mut data, self.tag)?;
        Ok(data)
    }
}

impl<'a> Protection<'a> {
    fn read(cipher: &str, kdf: &str, options: &'a [u8]) -> Result<Option<Self>, KeyFileFault> {
        match (cipher, kdf) {
            ("none", "none") if options.is_empty() => return Ok(None),
            ("none", _) | (_, "none") => return Err(KeyFileFault::Malformed("kdfname")),
            (_, "bcrypt") => {}
            _ => return Err(KeyFileFault::Unsupported("key derivation of the key file")),
        }
        let cipher = KeyFileCipher::of_name(cipher)
            .ok_or(KeyFileFault::Unsupported("cipher of the key file"))?;
        let mut r = Reader::new(options);
        let salt = r.string("salt")?;
        let rounds = r.uint32("rounds")?;
        r.end()?;
        if salt.is_empty() || rounds == 0 {
            return Err(KeyFileFault::Malformed("kdfoptions"));
        }
        if rounds > BCRYPT_ROUNDS_MAX {
            return Err(KeyFileFault::Unsupported("number of bcrypt rounds"));
        }
        Ok(Some(Self { cipher, salt, rounds }))
    }

    fn decrypt(&self, passphrase: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), KeyFileFault> {
        let wanted = self.cipher.key_bytes().saturating_add(self.cipher.iv_bytes());
        let mut material = Zeroizing::new(vec![0; wanted]);
        // Salt and rounds are in range, so what is refused here is an empty passphrase.
        bcrypt_pbkdf::bcrypt_pbkdf(passphrase, self.salt, self.rounds, &mut material)
            .map_err(|_| KeyFileFault::WrongPassphrase)?;
        let (key, iv) = material.split_at_checked(self.cipher.key_bytes()).unwrap_or_default();
        self.cipher.decrypt(key, iv, data, tag)
    }
}

/// Whether the private part is encrypted.
pub(super) fn is_encrypted(body: &[u8]) -> Result<bool, KeyFileFault> {
    Ok(Container::read(body)?.protection.is_some())
}

/// The public key, which stands in the clear.
pub(super) fn public(body: &[u8]) -> Result<PublicKey, KeyFileFault> {
    Ok(PublicKey::from_blob(Container::read(body)?.public)?)
}

/// The private key of a decoded file.
pub(super) fn read(body: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKey, KeyFileFault> {
    let container = Container::read(body)?;
    let private = container.open(passphrase)?;
    let mut r = Reader::new(&private);
    if r.uint32("check")? != r.uint32("check")? {
        return Err(match container.protection {
            Some(_) => KeyFileFault::WrongPassphrase,
            None => KeyFileFault::Malformed("check"),
        });
    }
    let secret = read_secret(&mut r)?;
    let comment = String::from_utf8_lossy(r.string("comment")?).into_owned();
    // Longer padding than one block is accepted as OpenSSH accepts it: the sequence is checked.
    let expected = (1..=u8::MAX).chain([0]).cycle();
    if r.rest().iter().zip(expected).any(|(byte, expected)| *byte != expected) {
        return Err(KeyFileFault::Malformed("padding"));
    }
    let key = PrivateKey::new(secret, comment);
    if key.public.blob() != container.public {
        return Err(KeyFileFault::Malformed("public key that is not the private key's"));
    }
    Ok(key)
}

fn read_secret(r: &mut Reader<'_>) -> Result<Secret, KeyFault> {
    Ok(match r.text("key type")? {
        ed25519::NAME => Secret::Ed25519(Ed25519Secret::read(r)?),
        rsa::NAME => Secret::Rsa(Box::new(RsaSecret::read(r)?)),
        name => {
            let curve = Curve::of_name(name).ok_or(KeyFault::UnknownAlgorithm)?;
            Secret::Ecdsa(EcdsaSecret::read(curve, r)?)
        }
    })
}
