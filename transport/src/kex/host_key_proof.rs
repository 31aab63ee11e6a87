//! `hostkeys-prove-00@openssh.com`: a server proves that it holds further host keys, so that a
//! client may learn them over a connection whose host key it trusts already.
//!
//! Each key signs the request's name, the session identifier and its own blob.

use crate::key::{PrivateKey, PublicKey};
use crate::wire::{Reader, Writer};
use alloc::vec::Vec;

/// Name of the request, and first of the signed fields.
pub const NAME: &str = "hostkeys-prove-00@openssh.com";
/// The algorithm of RSA keys where the exchange was signed by a key of another type.
const RSA_ALGORITHM: &str = "rsa-sha2-512";

fn signed(session_id: &[u8], blob: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.string(NAME.as_bytes());
    w.string(session_id);
    w.string(blob);
    out
}

/// Server: the signatures that a request asks for, in its order. Nothing for a request that names
/// a key that is not ours, or one twice: it costs a signature for each key at most.
/// `exchange_algorithm` is what signed the key exchange.
#[must_use]
pub fn prove(
    keys: &[PrivateKey],
    session_id: &[u8],
    exchange_algorithm: &str,
    request: &[u8],
) -> Option<Vec<u8>> {
    let mut r = Reader::new(request);
    let mut asked: Vec<Vec<u8>> = Vec::new();
    let mut out = Vec::new();
    while !r.rest().is_empty() {
        let blob = r.string("host key").ok()?.to_vec();
        if asked.contains(&blob) {
            return None;
        }
        let key = keys.iter().find(|key| key.public().blob() == blob)?;
        let own = key.public().signature_algorithms();
        let algorithm = own
            .iter()
            .find(|name| **name == exchange_algorithm)
            .or_else(|| own.iter().find(|name| **name == RSA_ALGORITHM))
            .or_else(|| own.first())?;
        let signature = key.sign(algorithm, &signed(session_id, &blob)).ok()?;
        Writer::new(&mut out).string(&signature);
        asked.push(blob);
    }
    (!asked.is_empty()).then_some(out)
}

/// Client: whether a reply holds a good signature by each of these keys, in their order, and
/// nothing else.
#[must_use]
pub fn verify(session_id: &[u8], keys: &[&PublicKey], reply: &[u8]) -> bool {
    let mut r = Reader::new(reply);
    for key in keys {
        let Ok(signature) = r.string("signature") else { return false };
        let data = signed(session_id, &key.blob());
        let good = |algorithm: &&'static str| key.verify(algorithm, &data, signature).is_ok();
        if !key.signature_algorithms().iter().any(good) {
            return false;
        }
    }
    r.end().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::parse_private_key;

    fn keys() -> [PrivateKey; 2] {
        let files: [&[u8]; 2] =
            [include_bytes!("../key/testdata/ed25519"), include_bytes!("../key/testdata/rsa2048")];
        files.map(|file| parse_private_key(file, None).unwrap())
    }

    fn request(keys: &[&PrivateKey]) -> Vec<u8> {
        let mut out = Vec::new();
        keys.iter().for_each(|key| Writer::new(&mut out).string(&key.public().blob()));
        out
    }

    #[test]
    fn a_proof_holds_for_its_session_keys_and_order_only() {
        let own = keys();
        let [ed, rsa] = &own;
        for algorithm in ["ssh-ed25519", "rsa-sha2-256"] {
            let reply = prove(&own, b"session", algorithm, &request(&[rsa, ed])).unwrap();
            let (e, r) = (ed.public(), rsa.public());
            assert!(verify(b"session", &[r, e], &reply));
            assert!(!verify(b"session", &[e, r], &reply) && !verify(b"other", &[r, e], &reply));
            assert!(!verify(b"session", &[r], &reply), "a signature too many");
            assert!(!verify(b"session", &[r, e, e], &reply), "a signature too few");
            for n in 0..reply.len() {
                assert!(!verify(b"session", &[r, e], &reply[..n]), "cut to {n}");
            }
        }
    }

    #[test]
    fn only_own_keys_are_proved_and_each_once() {
        let own = keys();
        let [ed, rsa] = &own;
        let prove = |keys: &[PrivateKey], asked: &[&PrivateKey]| {
            prove(keys, b"session", "ssh-ed25519", &request(asked))
        };
        assert!(prove(&own, &[ed]).is_some());
        assert!(prove(&own, &[]).is_none());
        assert!(prove(&own, &[ed, ed]).is_none());
        assert!(prove(&own[..1], &[ed, rsa]).is_none());
        assert!(super::prove(&own, b"session", "x", b"\0\0\0\x09cut").is_none());
    }
}
