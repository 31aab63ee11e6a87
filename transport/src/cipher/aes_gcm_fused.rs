//! AES-GCM as one pass over the data: the crate `graviola`, where the CPU has what it needs.
//!
//! [`aes_gcm`](super::aes_gcm) says what SSH makes of the algorithm. The portable implementation
//! behind it encrypts and authenticates one after the other; this one does both at once. It needs
//! no compiler but Rust's. Round keys that it leaves on the stack are overwritten.

use super::BadTag;
use super::aes_gcm::{Aead, NONCE_BYTES, TAG_BYTES};
use crate::wipe;
use alloc::boxed::Box;
use graviola::aead::AesGcm;
use std::arch::is_x86_feature_detected as detected;

/// A key, expanded; the crate overwrites it when it is dropped.
pub(super) struct Fused(AesGcm);

impl Fused {
    /// `None` where the CPU cannot, or for a key that is none of AES-128 or AES-256: the crate
    /// would panic.
    pub(super) fn new(key: &[u8]) -> Option<Box<Self>> {
        let able = detected!("adx")
            && detected!("aes")
            && detected!("avx")
            && detected!("avx2")
            && detected!("bmi1")
            && detected!("pclmulqdq");
        (able && matches!(key.len(), 16 | 32)).then(|| Box::new(Self(AesGcm::new(key))))
    }
}

impl Aead for Fused {
    fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let mut tag = [0; TAG_BYTES];
        wipe::after_packet(|| self.0.encrypt(nonce, length, data, &mut tag));
        Some(tag)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadTag> {
        // Compared in constant time. What was decrypted by then is cleared where it is refused.
        wipe::after_packet(|| self.0.decrypt(nonce, length, data, tag)).map_err(|_| BadTag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit as _};
    use proptest::prelude::*;
    use std::vec;

    #[test]
    fn other_keys_are_refused() {
        assert!([0, 15, 17, 24, 31, 33, 64].iter().all(|n| Fused::new(&vec![0; *n]).is_none()));
    }

    proptest! {
        /// Both implementations are one algorithm: for every length, and for what is refused.
        #[test]
        fn both_implementations_agree(
            key: [u8; 32],
            nonce: [u8; NONCE_BYTES],
            length: [u8; 4],
            data in proptest::collection::vec(any::<u8>(), 0..4096),
            flip in any::<prop::sample::Index>(),
        ) {
            let Some(short) = Fused::new(&key[..16]) else { return Ok(()) };
            let long = Fused::new(&key).unwrap();
            let portable = Aes128Gcm::new_from_slice(&key[..16]).unwrap();
            agree(&short, &portable, &nonce, &length, &data, flip)?;
            agree(&long, &Aes256Gcm::new_from_slice(&key).unwrap(), &nonce, &length, &data, flip)?;
        }
    }

    fn agree(
        fused: &Fused,
        portable: &impl Aead,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &[u8],
        flip: prop::sample::Index,
    ) -> Result<(), TestCaseError> {
        let (mut ours, mut theirs) = (data.to_vec(), data.to_vec());
        let tag = fused.seal(nonce, length, &mut ours).unwrap();
        prop_assert_eq!(Some(tag), portable.seal(nonce, length, &mut theirs));
        prop_assert_eq!(&ours, &theirs);
        let mut wrong = [&ours[..], &tag].concat();
        let place = flip.index(wrong.len());
        wrong[place] ^= 1;
        let (bytes, wrong_tag) = wrong.split_last_chunk_mut().unwrap();
        let refused = fused.open(nonce, length, bytes, wrong_tag);
        prop_assert_eq!(refused, Err(BadTag));
        prop_assert!(bytes.iter().all(|byte| *byte == 0), "plaintext of a refused packet is left");
        prop_assert_eq!(fused.open(nonce, length, &mut ours, &tag), Ok(()));
        prop_assert_eq!(&ours, data);
        prop_assert_eq!(portable.open(nonce, length, &mut theirs, &tag), Ok(()));
        prop_assert_eq!(&theirs, data);
        Ok(())
    }
}
