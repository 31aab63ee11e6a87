//! `ssh-rsa` keys with the signatures `rsa-sha2-256` and `rsa-sha2-512`, RFC 8332.
//!
//! There is no SHA-1 signature here and no RSA encryption. PKCS#1 v1.5 signatures are a function
//! of key and message, so signing needs no generator; but the private operation is blinded all
//! the same, so that its time tells nothing about the primes. The blinding factors come from a
//! generator seeded with a secret derived from the key and with the digest to be signed: nobody
//! without the key can predict them, and a signature needs no randomness from outside. The
//! primes' residues are computed once, when the key is read.

use super::KeyFault;
use crate::entropy::{Entropy, Purpose, SEED_BYTES};
use crate::limits::{RSA_BITS_MAX, RSA_BITS_MIN};
use crate::wipe;
use crate::wire::{Reader, Writer};
use alloc::vec;
use alloc::vec::Vec;
use crypto_bigint::BoxedUint;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::Pkcs1v15Sign;
use rsa::pkcs1::RsaPrivateKeyRef;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

/// Key type.
pub(super) const NAME: &str = "ssh-rsa";
/// Signature algorithm with SHA-256.
pub(super) const SHA2_256: &str = "rsa-sha2-256";
/// Signature algorithm with SHA-512.
pub(super) const SHA2_512: &str = "rsa-sha2-512";

/// A public key of type `ssh-rsa`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublic(rsa::PublicKey);

impl RsaPublic {
    /// The fields behind the key type: `mpint e`, `mpint n` (RFC 4253 section 6.6).
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        let e = r.mpint("e")?.magnitude();
        let n = r.mpint("n")?.magnitude();
        accept_size(n)?;
        let (e, n) = (BoxedUint::from_be_slice_vartime(e), BoxedUint::from_be_slice_vartime(n));
        // The size is checked above; what is refused here is an even modulus and an exponent
        // that is even, 1, or so long that verification would be slow (above 2^33).
        let every_size = 0..=usize::MAX;
        rsa::PublicKey::new_with_size_limits(n, e, every_size)
            .map(Self)
            .map_err(|_| KeyFault::Malformed("rsa modulus or exponent"))
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.mpint(&self.0.e_bytes());
        w.mpint(&self.0.n_bytes());
    }

    /// Bits of the modulus.
    pub(super) fn bits(&self) -> u32 {
        bit_length(&self.0.n_bytes())
    }

    pub(super) fn verify(
        &self,
        algorithm: &str,
        data: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyFault> {
        // "A verifier MAY accept shorter encodings of S with one or more leading zeros omitted."
        // RFC 8332 section 3; OpenSSH does.
        let Some(zeros) = self.0.size().checked_sub(signature.len()) else {
            return Err(KeyFault::BadSignature);
        };
        let mut padded = vec![0; zeros];
        padded.extend_from_slice(signature);
        // "Verifiers MUST instead apply RSASSA-PKCS1-v1_5
        // padding to the expected hash, then compare the encoded bytes with the
        // output of the RSA operation." RFC 8332 section 5.3
        match algorithm {
            SHA2_256 => self.0.pkcs1v15_verify::<Sha256>(data, &padded),
            SHA2_512 => self.0.pkcs1v15_verify::<Sha512>(data, &padded),
            _ => return Err(KeyFault::WrongAlgorithm),
        }
        .map_err(|_| KeyFault::BadSignature)
    }
}

/// Refuses a modulus that is too short to be safe or so long that it would be slow.
fn accept_size(n: &[u8]) -> Result<(), KeyFault> {
    let bits = bit_length(n);
    if (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        Ok(())
    } else {
        Err(KeyFault::RsaSize(bits))
    }
}

/// Bits of a big-endian number.
fn bit_length(magnitude: &[u8]) -> u32 {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let digits = magnitude.get(zeros..).unwrap_or_default();
    let top = digits.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(digits.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(top)
}

/// A private key of type `ssh-rsa`; its numbers are cleared when it is dropped.
#[derive(Clone)]
pub(super) struct RsaSecret {
    key: rsa::PrivateKey,
    /// Seeds the blinding factors of each signature.
    blinding: Zeroizing<[u8; SEED_BYTES]>,
}

/// The numbers of a private key, big-endian.
struct Numbers<'a> {
    n: &'a [u8],
    e: &'a [u8],
    d: &'a [u8],
    p: &'a [u8],
    q: &'a [u8],
}

impl RsaSecret {
    /// The private fields of an OpenSSH key file.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        let n = r.mpint("rsa n")?.magnitude();
        let e = r.mpint("rsa e")?.magnitude();
        let d = r.mpint("rsa d")?.magnitude();
        // The inverse of q follows from p and q and is computed anew.
        r.mpint("rsa iqmp")?;
        let p = r.mpint("rsa p")?.magnitude();
        let q = r.mpint("rsa q")?.magnitude();
        Self::from_numbers(&Numbers { n, e, d, p, q })
    }

    /// The structure of PKCS#1 (RFC 8017 appendix A.1.2): the whole file, or what a PKCS#8 file
    /// wraps.
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyFault> {
        let key = RsaPrivateKeyRef::try_from(der)
            .map_err(|_| KeyFault::Malformed("PKCS#1 private key"))?;
        if key.other_prime_infos.is_some() {
            return Err(KeyFault::Malformed("rsa key of more than two primes"));
        }
        Self::from_numbers(&Numbers {
            n: key.modulus.as_bytes(),
            e: key.public_exponent.as_bytes(),
            d: key.private_exponent.as_bytes(),
            p: key.prime1.as_bytes(),
            q: key.prime2.as_bytes(),
        })
    }

    /// Checks that n = pq and that d is the inverse of e, and prepares the residues.
    fn from_numbers(numbers: &Numbers<'_>) -> Result<Self, KeyFault> {
        accept_size(numbers.n)?;
        let bits = bit_length(numbers.n);
        wipe::after(|| Self::assembled(numbers, bits))
    }

    fn assembled(numbers: &Numbers<'_>, bits: u32) -> Result<Self, KeyFault> {
        let fault = KeyFault::Malformed("rsa private key");
        let secret = |bytes| BoxedUint::from_be_slice(bytes, bits).map_err(|_| fault);
        let (d, p, q) = (secret(numbers.d)?, secret(numbers.p)?, secret(numbers.q)?);
        let e = BoxedUint::from_be_slice_vartime(numbers.e);
        let key = rsa::PrivateKey::from_components(secret(numbers.n)?, e, d, vec![p, q])
            .map_err(|_| fault)?;
        let d = Zeroizing::new(key.d().to_be_bytes());
        let digest = Sha512::new().chain_update(b"rsa blinding").chain_update(&**d).finalize();
        let mut blinding = Zeroizing::new([0; SEED_BYTES]);
        blinding.copy_from_slice(&digest);
        Ok(Self { key, blinding })
    }

    pub(super) fn public(&self) -> RsaPublic {
        RsaPublic(self.key.to_public_key())
    }

    /// The private fields of an OpenSSH key file.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let iqmp = self.key.crt_coefficient();
        let primes = self.key.primes();
        let empty = BoxedUint::zero();
        let (p, q) = (primes.first().map_or(&empty, |p| p), primes.get(1).map_or(&empty, |q| q));
        w.mpint(&self.key.n_bytes());
        w.mpint(&self.key.e_bytes());
        for number in [self.key.d(), iqmp.as_ref().unwrap_or(&empty), p, q] {
            w.mpint(&Zeroizing::new(number.to_be_bytes()));
        }
    }

    /// The signature has the length of the modulus: "the same length (in octets) as the RSA
    /// modulus" (RFC 8332 section 3). The result is checked with the public exponent before it is
    /// given out: a faulty computation would reveal a prime.
    pub(super) fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, KeyFault> {
        match algorithm {
            SHA2_256 => self.sign_digest(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(data)),
            SHA2_512 => self.sign_digest(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(data)),
            _ => Err(KeyFault::WrongAlgorithm),
        }
    }

    fn sign_digest(&self, scheme: Pkcs1v15Sign, digest: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let mac = Hmac::<Sha512>::new_from_slice(&*self.blinding);
        let mac = mac.map_err(|_| KeyFault::SigningFailed)?.chain_update(digest);
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        seed.copy_from_slice(&mac.finalize().into_bytes());
        let mut blinding = Entropy::from_seed(&seed);
        let random = blinding.stream(Purpose::Upper);
        let sign = || self.key.sign_with_rng(random, scheme, digest);
        wipe::after(sign).map_err(|_| KeyFault::SigningFailed)
    }
}
