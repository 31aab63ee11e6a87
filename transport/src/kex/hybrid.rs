//! What the two hybrid methods share: both halves travel in one string, the post-quantum half
//! first, and K is one hash over both secrets.

use super::curve25519;
use super::method::{HashAlgorithm, ShareFault, SharedSecret};
use zeroize::Zeroizing;

/// Cuts a hybrid share into its post-quantum half of `pq_bytes` and its X25519 half.
///
/// # Errors
/// `wrong_length` unless the string is exactly as long as both halves.
pub(super) fn split(
    share: &[u8],
    pq_bytes: usize,
    wrong_length: ShareFault,
) -> Result<(&[u8], &[u8]), ShareFault> {
    let (pq, classic) = share.split_at_checked(pq_bytes).ok_or(wrong_length)?;
    if classic.len() == curve25519::SHARE_BYTES { Ok((pq, classic)) } else { Err(wrong_length) }
}

/// K: the hash of the post-quantum secret and the X25519 secret in a row, which from here on is
/// a string, not a number.
pub(super) fn combine(hash: HashAlgorithm, pq: &[u8], classic: &[u8]) -> SharedSecret {
    SharedSecret::from_string(&Zeroizing::new(hash.digest(&[pq, classic])))
}
