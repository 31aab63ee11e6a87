//! sntrup761x25519-sha512: Streamlined NTRU Prime 761 beside X25519,
//! draft-ietf-sshm-ntruprime-ssh.

use super::curve25519::X25519Share;
use super::hybrid;
use super::method::{
    ClientShare, Exchange, HashAlgorithm, Method, Response, ShareFault, SharedSecret,
};
use crate::entropy::{Pooled, Stream};
use alloc::boxed::Box;
use alloc::vec::Vec;
use sntrup761::{
    CIPHERTEXT_SIZE, Ciphertext, DecapsulationKey, EncapsulationKey, PUBLIC_KEY_SIZE, generate_key,
};

const BAD_CLIENT_LENGTH: ShareFault = "an sntrup761x25519 client share that is not 1190 bytes long";
const BAD_SERVER_LENGTH: ShareFault = "an sntrup761x25519 server share that is not 1071 bytes long";

const EXCHANGE: Exchange = Exchange::Ecdh { start, respond };

/// The hybrid that OpenSSH preferred from 9.0 to 9.9.
pub(super) static METHOD: Method = Method {
    name: "sntrup761x25519-sha512",
    hash: HashAlgorithm::Sha512,
    post_quantum: true,
    exchange: EXCHANGE,
};

/// The name that OpenSSH used before the draft; the same method.
pub(super) static METHOD_OPENSSH: Method = Method {
    name: "sntrup761x25519-sha512@openssh.com",
    hash: HashAlgorithm::Sha512,
    post_quantum: true,
    exchange: EXCHANGE,
};

/// The client's two key pairs. Both private halves are wiped when dropped.
struct Share {
    decapsulation_key: DecapsulationKey,
    x25519: X25519Share,
    /// C_INIT: NTRU Prime key, then X25519 value.
    public: Vec<u8>,
}

impl Share {
    fn new(rng: &mut Stream) -> Self {
        let (key, decapsulation_key) = generate_key(Pooled::new(rng));
        let x25519 = X25519Share::new(rng);
        let public = [key.as_ref(), x25519.public()].concat();
        Self { decapsulation_key, x25519, public }
    }
}

impl ClientShare for Share {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn agree(self: Box<Self>, server_public: &[u8]) -> Result<SharedSecret, ShareFault> {
        let (ciphertext, classic) =
            hybrid::split(server_public, CIPHERTEXT_SIZE, BAD_SERVER_LENGTH)?;
        let ciphertext = Ciphertext::try_from(ciphertext).map_err(|_| BAD_SERVER_LENGTH)?;
        let classic = self.x25519.agree(classic)?;
        // As with ML-KEM, a ciphertext that was tampered with yields a secret nobody knows.
        let pq = self.decapsulation_key.decapsulate(&ciphertext);
        Ok(hybrid::combine(HashAlgorithm::Sha512, pq.as_ref(), classic.as_bytes()))
    }
}

fn start(rng: &mut Stream) -> Box<dyn ClientShare> {
    Box::new(Share::new(rng))
}

fn respond(rng: &mut Stream, client_public: &[u8]) -> Response {
    let (key, classic) = hybrid::split(client_public, PUBLIC_KEY_SIZE, BAD_CLIENT_LENGTH)?;
    let key = EncapsulationKey::try_from(key).map_err(|_| BAD_CLIENT_LENGTH)?;
    let (ciphertext, pq) = key.encapsulate(Pooled::new(rng));
    let x25519 = X25519Share::new(rng);
    // S_REPLY: ciphertext, then X25519 value.
    let public = [ciphertext.as_ref(), x25519.public()].concat();
    let classic = x25519.agree(classic)?;
    Ok((public, hybrid::combine(HashAlgorithm::Sha512, pq.as_ref(), classic.as_bytes())))
}

#[cfg(test)]
mod tests;
