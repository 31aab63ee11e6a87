//! PuTTY's private key files, `.ppk`, in their versions 2 and 3 (appendix C of PuTTY's manual).
//!
//! A MAC covers the whole file, comment and public half included; its key comes from the
//! passphrase, so a wrong passphrase and a damaged file look the same.

use super::key_file_cipher::KeyFileCipher;
use super::pem::decode_hex;
use super::{KeyFileFault, PrivateKey, PublicKey, Secret, base64, ecdsa, ed25519, rsa};
use crate::limits::{ARGON2_KIB_MAX, ARGON2_PASSES_MAX, KEY_FILE_BYTES_MAX};
use crate::wire::{Reader, Writer};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use argon2::{Algorithm, Argon2, Params, Version};
use ecdsa::{Curve, EcdsaSecret};
use ed25519::Ed25519Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::RsaSecret;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"PuTTY-User-Key-File-";
/// Bytes of the key, the initialisation vector and the MAC key that Argon2 yields.
const DERIVED_BYTES: usize = 32 + 16 + 32;

/// How a passphrase becomes a key in version 3.
struct Derivation {
    algorithm: Algorithm,
    params: Params,
    salt: Vec<u8>,
}

/// A file taken apart.
struct File<'a> {
    version: u8,
    algorithm: &'a str,
    encryption: &'a str,
    comment: &'a [u8],
    public: Vec<u8>,
    derivation: Option<Derivation>,
    private: Zeroizing<Vec<u8>>,
    mac: Vec<u8>,
}

/// Whether this is such a file, whatever its state.
pub(super) fn is_ppk(text: &[u8]) -> bool {
    text.starts_with(MAGIC)
}

/// Whether a passphrase is needed.
pub(super) fn is_encrypted(text: &[u8]) -> Result<bool, KeyFileFault> {
    File::read(text).map(|file| file.is_encrypted())
}

/// The public half, which stands in the clear.
pub(super) fn public(text: &[u8]) -> Result<PublicKey, KeyFileFault> {
    Ok(PublicKey::from_blob(&File::read(text)?.public)?)
}

/// Reads the key.
pub(super) fn read(text: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKey, KeyFileFault> {
    let mut file = File::read(text)?;
    let passphrase = match (file.is_encrypted(), passphrase) {
        (true, None) => return Err(KeyFileFault::NeedsPassphrase),
        (true, Some(passphrase)) => passphrase,
        (false, _) => &[],
    };
    let mac_key = file.decrypt(passphrase)?;
    if !file.mac_is_right(&mac_key)? {
        return Err(if file.is_encrypted() {
            KeyFileFault::WrongPassphrase
        } else {
            KeyFileFault::Malformed("MAC of a PuTTY key file")
        });
    }
    let key = PrivateKey::new(file.secret()?, String::from_utf8_lossy(file.comment).into_owned());
    if key.public().blob() != file.public {
        return Err(KeyFileFault::Malformed("private key does not match its public key"));
    }
    Ok(key)
}

/// The lines of a file, front to back.
struct Lines<'a>(core::slice::Split<'a, u8, fn(&u8) -> bool>);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.next().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The value of the next line, which must have this name.
    fn bytes(&mut self, name: &'static str) -> Result<&'a [u8], KeyFileFault> {
        let line = self.next().and_then(|line| line.strip_prefix(name.as_bytes()));
        let value = line.and_then(|rest| rest.strip_prefix(b": "));
        value.ok_or(KeyFileFault::Malformed(name))
    }

    fn text(&mut self, name: &'static str) -> Result<&'a str, KeyFileFault> {
        core::str::from_utf8(self.bytes(name)?).map_err(|_| KeyFileFault::Malformed(name))
    }

    fn number(&mut self, name: &'static str) -> Result<u32, KeyFileFault> {
        self.text(name)?.parse().map_err(|_| KeyFileFault::Malformed(name))
    }

    fn hex(&mut self, name: &'static str) -> Result<Vec<u8>, KeyFileFault> {
        decode_hex(self.text(name)?).ok_or(KeyFileFault::Malformed(name))
    }

    /// As many lines of base64 as the next line says.
    fn base64(&mut self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
        let count = self.number(name)?;
        let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX.min(65_536)));
        for _ in 0..count {
            let line = self.next().and_then(|line| core::str::from_utf8(line).ok());
            text.push_str(line.ok_or(KeyFileFault::Malformed(name))?);
        }
        base64::decode(&text).map(Zeroizing::new).ok_or(KeyFileFault::Malformed(name))
    }
}

impl<'a> File<'a> {
    fn read(text: &'a [u8]) -> Result<Self, KeyFileFault> {
        let rest = text.strip_prefix(MAGIC).ok_or(KeyFileFault::NotAKey)?;
        if text.len() > KEY_FILE_BYTES_MAX {
            return Err(KeyFileFault::Malformed("file that is too large"));
        }
        let newline: fn(&u8) -> bool = |byte| *byte == b'\n';
        let mut lines = Lines(rest.split(newline));
        let first = lines.next().and_then(|line| core::str::from_utf8(line).ok());
        let (version, algorithm) = first
            .and_then(|line| line.split_once(": "))
            .ok_or(KeyFileFault::Malformed("first line of a PuTTY key file"))?;
        let version = match version {
            "2" => 2,
            "3" => 3,
            _ => return Err(KeyFileFault::Unsupported("version of a PuTTY key file")),
        };
        let encryption = lines.text("Encryption")?;
        if !matches!(encryption, "none" | "aes256-cbc") {
            return Err(KeyFileFault::Unsupported("cipher of a PuTTY key file"));
        }
        let comment = lines.bytes("Comment")?;
        let public = lines.base64("Public-Lines")?.to_vec();
        let derivation = match (version, encryption) {
            (3, "aes256-cbc") => Some(Derivation::read(&mut lines)?),
            _ => None,
        };
        let private = lines.base64("Private-Lines")?;
        let mac = lines.hex("Private-MAC")?;
        Ok(Self { version, algorithm, encryption, comment, public, derivation, private, mac })
    }

    fn is_encrypted(&self) -> bool {
        self.encryption != "none"
    }

    /// Decrypts the private part, and yields the key of the MAC.
    fn decrypt(&mut self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
        if self.version == 3 {
            let Some(derivation) = &self.derivation else { return Ok(Zeroizing::default()) };
            let derived = derivation.derive(passphrase)?;
            let (key, rest) = derived.split_at_checked(32).ok_or(DERIVED)?;
            let (iv, mac_key) = rest.split_at_checked(16).ok_or(DERIVED)?;
            KeyFileCipher::Aes256Cbc.decrypt(key, iv, &mut self.private, &[])?;
            return Ok(Zeroizing::new(mac_key.to_vec()));
        }
        if self.is_encrypted() {
            let mut key = Zeroizing::new(Vec::with_capacity(40));
            for counter in [0_u32, 1] {
                let digest = Sha1::new().chain_update(counter.to_be_bytes());
                key.extend_from_slice(&digest.chain_update(passphrase).finalize());
            }
            key.truncate(32);
            KeyFileCipher::Aes256Cbc.decrypt(&key, &[0; 16], &mut self.private, &[])?;
        }
        let digest = Sha1::new().chain_update(b"putty-private-key-file-mac-key");
        Ok(Zeroizing::new(digest.chain_update(passphrase).finalize().to_vec()))
    }

    fn mac_is_right(&self, key: &[u8]) -> Result<bool, KeyFileFault> {
        let fields = [
            self.algorithm.as_bytes(),
            self.encryption.as_bytes(),
            self.comment,
            &self.public,
            &self.private,
        ];
        let room = fields.iter().map(|field| field.len().saturating_add(4)).sum();
        let mut data = Zeroizing::new(Vec::with_capacity(room));
        let mut w = Writer::new(&mut data);
        fields.iter().for_each(|field| w.string(field));
        let fault = |_| KeyFileFault::Malformed("key of the MAC");
        let own = if self.version == 3 {
            let mac = Hmac::<Sha256>::new_from_slice(key).map_err(fault)?;
            mac.chain_update(&**data).finalize().into_bytes().to_vec()
        } else {
            let mac = Hmac::<Sha1>::new_from_slice(key).map_err(fault)?;
            mac.chain_update(&**data).finalize().into_bytes().to_vec()
        };
        Ok(own.ct_eq(&self.mac).into())
    }

    /// The secret, by way of the fields that OpenSSH's format has. Random bytes may follow it up
    /// to the cipher's block.
    fn secret(&self) -> Result<Secret, KeyFileFault> {
        let mut public = Reader::new(&self.public);
        let name = public.text("key type")?;
        if name != self.algorithm {
            return Err(KeyFileFault::Malformed("key of another type than the file says"));
        }
        let mut private = Reader::new(&self.private);
        let room = self.public.len().saturating_add(self.private.len()).saturating_add(64);
        let mut fields = Zeroizing::new(Vec::with_capacity(room));
        let mut w = Writer::new(&mut fields);
        match name {
            ed25519::NAME => {
                let key = public.string("public key")?;
                let seed = private.string("private key")?;
                w.string(key);
                let mut both = Zeroizing::new(Vec::with_capacity(64));
                both.extend_from_slice(seed);
                both.extend_from_slice(key);
                w.string(&both);
                Ok(Secret::Ed25519(Ed25519Secret::read(&mut Reader::new(&fields))?))
            }
            rsa::NAME => {
                let e = public.mpint("e")?.magnitude();
                let n = public.mpint("n")?.magnitude();
                let d = private.mpint("d")?.magnitude();
                let p = private.mpint("p")?.magnitude();
                let q = private.mpint("q")?.magnitude();
                let iqmp = private.mpint("iqmp")?.magnitude();
                [n, e, d, iqmp, p, q].into_iter().for_each(|number| w.mpint(number));
                Ok(Secret::Rsa(Box::new(RsaSecret::read(&mut Reader::new(&fields))?)))
            }
            name => {
                let curve = Curve::of_name(name).ok_or(KeyFileFault::Unsupported("key type"))?;
                w.bytes(public.rest());
                w.mpint(private.mpint("private key")?.magnitude());
                Ok(Secret::Ecdsa(EcdsaSecret::read(curve, &mut Reader::new(&fields))?))
            }
        }
    }
}

const DERIVED: KeyFileFault = KeyFileFault::Malformed("key derivation");

impl Derivation {
    fn read(lines: &mut Lines<'_>) -> Result<Self, KeyFileFault> {
        let algorithm = match lines.text("Key-Derivation")? {
            "Argon2id" => Algorithm::Argon2id,
            "Argon2i" => Algorithm::Argon2i,
            "Argon2d" => Algorithm::Argon2d,
            _ => return Err(KeyFileFault::Unsupported("key derivation of a PuTTY key file")),
        };
        let memory = lines.number("Argon2-Memory")?;
        let passes = lines.number("Argon2-Passes")?;
        let parallelism = lines.number("Argon2-Parallelism")?;
        if memory > ARGON2_KIB_MAX || passes > ARGON2_PASSES_MAX {
            return Err(KeyFileFault::Unsupported("cost of the key derivation"));
        }
        let params = Params::new(memory, passes, parallelism, Some(DERIVED_BYTES));
        let params = params.map_err(|_| DERIVED)?;
        Ok(Self { algorithm, params, salt: lines.hex("Argon2-Salt")? })
    }

    fn derive(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
        let mut out = Zeroizing::new(alloc::vec![0; DERIVED_BYTES]);
        Argon2::new(self.algorithm, Version::V0x13, self.params.clone())
            .hash_password_into(passphrase, &self.salt, &mut out)
            .map_err(|_| DERIVED)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
