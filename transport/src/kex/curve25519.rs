//! curve25519-sha256, RFC 8731, and the X25519 half of the hybrids.

use super::method::{
    ClientShare, Exchange, HashAlgorithm, Method, Response, ShareFault, SharedSecret,
};
use crate::entropy::Stream;
use alloc::boxed::Box;
use alloc::vec::Vec;
use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Bytes of a public value.
pub(super) const SHARE_BYTES: usize = 32;

pub(super) const BAD_LENGTH: ShareFault = "an X25519 share that is not 32 bytes long";
pub(super) const ALL_ZERO: ShareFault = "an X25519 share of small order: the secret is all zero";

const EXCHANGE: Exchange = Exchange::Ecdh { start, respond };

/// RFC 8731.
pub(super) static METHOD: Method = Method {
    name: "curve25519-sha256",
    hash: HashAlgorithm::Sha256,
    post_quantum: false,
    exchange: EXCHANGE,
};

/// The name from before RFC 8731; "identical", as its acknowledgements say.
pub(super) static METHOD_LIBSSH: Method = Method {
    name: "curve25519-sha256@libssh.org",
    hash: HashAlgorithm::Sha256,
    post_quantum: false,
    exchange: EXCHANGE,
};

/// An ephemeral key pair, for one use; the private half is wiped when dropped. (The type that says
/// so by its name does not let a key log have the private half.)
pub(super) struct X25519Share {
    secret: StaticSecret,
    public: PublicKey,
}

impl X25519Share {
    pub(super) fn new(rng: &mut impl CryptoRng) -> Self {
        let secret = StaticSecret::random_from_rng(rng);
        let public = PublicKey::from(&secret);
        Self { secret, public }
    }

    pub(super) fn public(&self) -> &[u8; SHARE_BYTES] {
        self.public.as_bytes()
    }

    /// X25519 of our private and their public value, with the two checks of RFC 8731 section 3.
    pub(super) fn agree(self, theirs: &[u8]) -> Result<x25519_dalek::SharedSecret, ShareFault> {
        // "Clients and servers MUST also abort if the length of the received public keys are not
        // the expected lengths." RFC 8731 section 3
        let theirs: [u8; SHARE_BYTES] = theirs.try_into().map_err(|_| BAD_LENGTH)?;
        // "implementations of X25519 (but not X448) MUST mask the most significant bit in the
        // final byte." RFC 7748 section 5
        //
        // "Implementations MUST accept non-canonical values and process them as if they had been
        // reduced modulo the field prime." RFC 7748 section 5
        //
        // The primitive does both.
        let secret = self.secret.diffie_hellman(&PublicKey::from(theirs));
        // "implementations MUST check whether the computed Diffie-Hellman shared secret is the
        // all-zero value and abort if so" RFC 8731 section 3
        //
        // A constant-time comparison, then one branch on its outcome, which the peer learns anyway.
        if secret.was_contributory() { Ok(secret) } else { Err(ALL_ZERO) }
    }
}

impl ClientShare for X25519Share {
    fn public(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn scalar(&self) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(self.secret.as_bytes().to_vec()))
    }

    fn agree(self: Box<Self>, server_public: &[u8]) -> Result<SharedSecret, ShareFault> {
        // The 32 bytes, little-endian by RFC 7748, are read as a big-endian number: RFC 8731
        // section 3.1.
        X25519Share::agree(*self, server_public)
            .map(|secret| SharedSecret::from_magnitude(secret.as_bytes()))
    }
}

fn start(rng: &mut Stream) -> Box<dyn ClientShare> {
    Box::new(X25519Share::new(rng))
}

/// K from a private value.
pub(super) fn secret_of(scalar: &[u8], theirs: &[u8]) -> Option<SharedSecret> {
    let scalar: [u8; SHARE_BYTES] = scalar.try_into().ok()?;
    let theirs: [u8; SHARE_BYTES] = theirs.try_into().ok()?;
    let k = StaticSecret::from(scalar).diffie_hellman(&PublicKey::from(theirs));
    Some(SharedSecret::from_magnitude(k.as_bytes()))
}

fn respond(rng: &mut Stream, client_public: &[u8]) -> Response {
    let share = X25519Share::new(rng);
    let public = share.public().to_vec();
    let k = X25519Share::agree(share, client_public)?;
    Ok((public, SharedSecret::from_magnitude(k.as_bytes())))
}

#[cfg(test)]
pub(in crate::kex) mod tests;
