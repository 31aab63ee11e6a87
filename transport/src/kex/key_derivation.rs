//! Keys from K and H, RFC 4253 section 7.2.

use super::method::{HashAlgorithm, SharedSecret};
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// The key named by `letter` ('A' and 'B': initial IVs, 'C' and 'D': encryption keys, 'E' and
/// 'F': integrity keys; the first of each pair is client to server), `len` bytes long. `hash`
/// is the one of the method.
#[must_use]
pub fn derive(
    hash: HashAlgorithm,
    k: &SharedSecret,
    h: &[u8],
    session_id: &[u8],
    letter: u8,
    len: usize,
) -> Zeroizing<Vec<u8>> {
    // "The same hash algorithm MUST be used in key derivation." RFC 4253 section 7.2
    //
    // One more hash than needed fits, so that the vector never grows and leaves a copy behind.
    let mut key = Zeroizing::new(Vec::with_capacity(len.saturating_add(hash.len())));
    // "Encryption keys MUST be computed as HASH, of a known value and K" RFC 4253 section 7.2
    let first = Zeroizing::new(hash.digest(&[&k.0, h, &[letter], session_id]));
    key.extend_from_slice(&first);
    while key.len() < len {
        let next = Zeroizing::new(hash.digest(&[&k.0, h, &key]));
        key.extend_from_slice(&next);
    }
    // "Key data MUST be taken from the beginning of the hash output." RFC 4253 section 7.2
    key.truncate(len);
    key
}

#[cfg(test)]
mod tests;
