//! mlkem768x25519-sha256: ML-KEM-768 (FIPS 203) beside X25519, draft-ietf-sshm-mlkem-hybrid-kex.

use super::curve25519::X25519Share;
use super::hybrid;
use super::method::{
    ClientShare, Exchange, HashAlgorithm, Method, Response, ShareFault, SharedSecret,
};
use crate::entropy::Stream;
use alloc::boxed::Box;
use alloc::vec::Vec;
use ml_kem::kem::{Decapsulate, Encapsulate, Generate, KeyExport, TryKeyInit};
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Bytes of an encapsulation key, FIPS 203 section 8 table 3.
const ENCAPSULATION_KEY_BYTES: usize = 1184;
/// Bytes of a ciphertext, FIPS 203 section 8 table 3.
const CIPHERTEXT_BYTES: usize = 1088;

const BAD_CLIENT_LENGTH: ShareFault = "an mlkem768x25519 client share that is not 1216 bytes long";
const BAD_SERVER_LENGTH: ShareFault = "an mlkem768x25519 server share that is not 1120 bytes long";
const BAD_KEY: ShareFault = "an ML-KEM encapsulation key that fails the modulus check of FIPS 203";

/// The hybrid that OpenSSH prefers since 10.0.
pub(super) static METHOD: Method = Method {
    name: "mlkem768x25519-sha256",
    hash: HashAlgorithm::Sha256,
    post_quantum: true,
    exchange: Exchange::Ecdh { start, respond },
};

/// The client's two key pairs. Both private halves are wiped when dropped.
struct Share {
    decapsulation_key: DecapsulationKey,
    x25519: X25519Share,
    /// C_INIT: encapsulation key, then X25519 value.
    public: Vec<u8>,
}

impl Share {
    fn new(rng: &mut impl CryptoRng) -> Self {
        let decapsulation_key = DecapsulationKey::generate_from_rng(rng);
        let x25519 = X25519Share::new(rng);
        let key = decapsulation_key.encapsulation_key().to_bytes();
        let public = [key.as_slice(), x25519.public()].concat();
        Self { decapsulation_key, x25519, public }
    }
}

impl ClientShare for Share {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn agree(self: Box<Self>, server_public: &[u8]) -> Result<SharedSecret, ShareFault> {
        let (ciphertext, classic) =
            hybrid::split(server_public, CIPHERTEXT_BYTES, BAD_SERVER_LENGTH)?;
        let classic = self.x25519.agree(classic)?;
        // A ciphertext that was tampered with yields a secret nobody knows, not an error: the
        // signature over the exchange hash then fails, and no timing tells the two apart.
        let pq = self.decapsulation_key.decapsulate_slice(ciphertext);
        let pq = Zeroizing::new(pq.map_err(|_| BAD_SERVER_LENGTH)?);
        Ok(hybrid::combine(HashAlgorithm::Sha256, pq.as_slice(), classic.as_bytes()))
    }
}

fn start(rng: &mut Stream) -> Box<dyn ClientShare> {
    Box::new(Share::new(rng))
}

fn respond(rng: &mut Stream, client_public: &[u8]) -> Response {
    answer(rng, client_public)
}

fn answer(rng: &mut impl CryptoRng, client_public: &[u8]) -> Response {
    let (key, classic) = hybrid::split(client_public, ENCAPSULATION_KEY_BYTES, BAD_CLIENT_LENGTH)?;
    // The type check of FIPS 203 section 7.2 is the length above, the modulus check is in here.
    let key = EncapsulationKey::new_from_slice(key).map_err(|_| BAD_KEY)?;
    let (ciphertext, pq) = key.encapsulate_with_rng(rng);
    let pq = Zeroizing::new(pq);
    let x25519 = X25519Share::new(rng);
    // S_REPLY: ciphertext, then X25519 value.
    let public = [ciphertext.as_slice(), x25519.public()].concat();
    let classic = x25519.agree(classic)?;
    Ok((public, hybrid::combine(HashAlgorithm::Sha256, pq.as_slice(), classic.as_bytes())))
}

#[cfg(test)]
mod tests;
