//! What a key exchange method is to the machine that runs it.
//!
//! A method is one file with one [`Method`] constant. The machine in `kex` knows messages 30-34;
//! a method knows only shares and secrets.

use super::{curve25519, dh_gex, dh_group, ecdh_nist, mlkem768x25519, sntrup761x25519};
use crate::entropy::Stream;
use crate::wire::Writer;
use alloc::boxed::Box;
use alloc::vec::Vec;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// Every method, in the order in which OpenSSH 10 offers them as a client.
pub static METHODS: &[&Method] = &[
    &mlkem768x25519::METHOD,
    &sntrup761x25519::METHOD,
    &sntrup761x25519::METHOD_OPENSSH,
    &curve25519::METHOD,
    &curve25519::METHOD_LIBSSH,
    &ecdh_nist::NISTP256,
    &ecdh_nist::NISTP384,
    &ecdh_nist::NISTP521,
    &dh_gex::SHA256,
    &dh_group::GROUP16_SHA512,
    &dh_group::GROUP18_SHA512,
    &dh_group::GROUP14_SHA256,
];

/// The method of that name in KEXINIT.
#[must_use]
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().copied().find(|method| method.name == name)
}

/// The hash of a method: exchange hash, key derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Length of a hash in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no hash is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The hash of all parts in a row. A hash of secrets is a secret: the caller wipes it.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut hash = D::new();
            for part in parts {
                hash.update(part);
            }
            hash.finalize().to_vec()
        }
        match self {
            Self::Sha256 => run::<Sha256>(parts),
            Self::Sha384 => run::<Sha384>(parts),
            Self::Sha512 => run::<Sha512>(parts),
        }
    }
}

/// K, already encoded as it enters the exchange hash and key derivation: an mpint for the classic
/// methods, a string for the hybrids.
pub struct SharedSecret(pub Zeroizing<Vec<u8>>);

/// A length field and the sign byte of an mpint.
const ENCODING_BYTES: usize = 5;

impl SharedSecret {
    /// K as an mpint: `magnitude` is big-endian.
    #[must_use]
    pub fn from_magnitude(magnitude: &[u8]) -> Self {
        let mut k = Self::room_for(magnitude);
        Writer::new(&mut k).mpint(magnitude);
        Self(k)
    }

    /// K as a string.
    #[must_use]
    pub fn from_string(string: &[u8]) -> Self {
        let mut k = Self::room_for(string);
        Writer::new(&mut k).string(string);
        Self(k)
    }

    /// All the room at once: a vector that grew would leave copies of K behind.
    fn room_for(content: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(Vec::with_capacity(content.len().saturating_add(ENCODING_BYTES)))
    }
}

/// Why a share was refused; the text names the check.
pub type ShareFault = &'static str;

/// The client's half between its share and the server's.
pub trait ClientShare: Send {
    /// What goes to the server: Q_C as bytes, or e as a magnitude.
    fn public(&self) -> &[u8];
    /// The private value, where it is one number, for a key log that was asked for.
    fn scalar(&self) -> Option<Zeroizing<Vec<u8>>> {
        None
    }
    /// K from the server's share.
    ///
    /// # Errors
    /// A share of the wrong length, out of range, or giving a secret that must be refused.
    fn agree(self: Box<Self>, server_public: &[u8]) -> Result<SharedSecret, ShareFault>;
}

/// The server's whole half: its share and K.
pub type Response = Result<(Vec<u8>, SharedSecret), ShareFault>;

/// A client share in a group that the server named, or why the group is refused.
pub type NamedGroupStart = Result<Box<dyn ClientShare>, ShareFault>;

/// The magnitudes of p and g.
pub type NamedGroup = (&'static [u8], &'static [u8]);

/// How shares travel.
#[derive(Clone, Copy)]
pub enum Exchange {
    /// Messages 30 and 31 with strings: ECDH and the hybrids.
    Ecdh {
        /// Makes a client share.
        start: fn(&mut Stream) -> Box<dyn ClientShare>,
        /// Answers one.
        respond: fn(&mut Stream, client_public: &[u8]) -> Response,
    },
    /// Messages 30 and 31 with mpints over a fixed group.
    Dh {
        /// Makes a client share.
        start: fn(&mut Stream) -> Box<dyn ClientShare>,
        /// Answers one.
        respond: fn(&mut Stream, client_public: &[u8]) -> Response,
    },
    /// Messages 30-34: the server names the group, RFC 4419. `p` and `g` are magnitudes.
    Gex {
        /// Makes a client share in a group that the server named, or refuses the group.
        start: fn(&mut Stream, p: &[u8], g: &[u8]) -> NamedGroupStart,
        /// Answers one.
        respond: fn(&mut Stream, p: &[u8], g: &[u8], client_public: &[u8]) -> Response,
        /// The group a server names for (min, n, max): (p, g), or none that fits.
        choose: fn(min: u32, n: u32, max: u32) -> Option<NamedGroup>,
    },
}

/// A row of the key exchange table.
pub struct Method {
    /// Name in KEXINIT.
    pub name: &'static str,
    /// Its hash.
    pub hash: HashAlgorithm,
    /// Whether a quantum computer that records today cannot read tomorrow.
    pub post_quantum: bool,
    /// How shares travel.
    pub exchange: Exchange,
}

#[cfg(test)]
mod tests;
