//! aes128-gcm@openssh.com and aes256-gcm@openssh.com: RFC 5647, with the negotiation of OpenSSH
//! (the names say nothing about the MAC, which is ignored).
//!
//! ```text
//! packet_length | padding_length payload padding | tag
//!   clear, AAD  |  AES-GCM                       |
//! nonce: fixed (4) | invocation counter (8), one more for each packet
//! ```
//!
//! The sequence number is not an input: the counter takes its place.
//!
//! Two implementations are behind it: a portable one, and with the feature `graviola` one that
//! passes over the data once, on CPUs that have what it needs.

use super::{BadTag, CipherAlgorithm, DirectionKeys, LENGTH_BYTES, Layout, Opener, Sealer};
use super::{clear_length, split_tag};
#[cfg(all(feature = "graviola", target_arch = "x86_64"))]
use crate::wipe;
use ::aes_gcm::aead::consts::{U12, U16};
use ::aes_gcm::aead::inout::InOutBuf;
use ::aes_gcm::aead::{AeadInOut, Nonce};
use ::aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use alloc::boxed::Box;

pub(super) const NONCE_BYTES: usize = 12;
const BLOCK_BYTES: usize = 16;
// "MUST use the full 16-octet Authentication Tag." RFC 5647 section 6.3
pub(super) const TAG_BYTES: usize = 16;

/// aes128-gcm@openssh.com.
pub const AES128_GCM: CipherAlgorithm = CipherAlgorithm {
    name: "aes128-gcm@openssh.com",
    key_len: 16,
    iv_len: NONCE_BYTES,
    aead: true,
    sealer: |keys, _| Some(Box::new(gcm::<Aes128Gcm>(keys)?)),
    opener: |keys, _| Some(Box::new(gcm::<Aes128Gcm>(keys)?)),
};

/// aes256-gcm@openssh.com.
pub const AES256_GCM: CipherAlgorithm = CipherAlgorithm {
    name: "aes256-gcm@openssh.com",
    key_len: 32,
    iv_len: NONCE_BYTES,
    aead: true,
    sealer: |keys, _| Some(Box::new(gcm::<Aes256Gcm>(keys)?)),
    opener: |keys, _| Some(Box::new(gcm::<Aes256Gcm>(keys)?)),
};

/// What an implementation of AES-GCM does, with a key expanded once.
pub(super) trait Aead {
    /// Encrypts `data` in place; gives the tag, which covers `length` too. None, with nothing
    /// done, for more data than the algorithm allows.
    fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]>;

    /// Decrypts `data` in place. Where the tag is wrong, which is found in constant time, `data`
    /// holds no plaintext.
    ///
    /// # Errors
    /// [`BadTag`].
    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadTag>;
}

impl<A: AeadInOut<NonceSize = U12, TagSize = U16>> Aead for A {
    fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let nonce = Nonce::<A>::from(*nonce);
        let tag = self.encrypt_inout_detached(&nonce, length, InOutBuf::from(data)).ok()?;
        Some(tag.into())
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        length: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadTag> {
        let nonce = Nonce::<A>::from(*nonce);
        // GHASH covers the ciphertext, so this compares before it decrypts.
        self.decrypt_inout_detached(&nonce, length, InOutBuf::from(data), tag.into())
            .map_err(|_| BadTag)
    }
}

/// One direction, by the best implementation that works here.
fn gcm<A>(keys: &DirectionKeys<'_>) -> Option<Gcm>
where
    A: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + 'static,
{
    #[cfg(all(feature = "graviola", target_arch = "x86_64"))]
    if let Some(fused) = wipe::after(|| super::aes_gcm_fused::Fused::new(keys.key)) {
        return Gcm::new(fused, keys);
    }
    Gcm::new(Box::new(A::new_from_slice(keys.key).ok()?), keys)
}

/// Either direction.
struct Gcm {
    aead: Box<dyn Aead + Send>,
    /// First four octets of the nonce.
    fixed: [u8; 4],
    /// The rest of it. Keys change long before it could come round: packets per key are bounded
    /// by `limits::PACKETS_PER_KEY_MAX`.
    invocation_counter: u64,
}

impl Gcm {
    fn new(aead: Box<dyn Aead + Send>, keys: &DirectionKeys<'_>) -> Option<Self> {
        let (fixed, rest) = keys.iv.split_first_chunk()?;
        let invocation_counter = u64::from_be_bytes(rest.try_into().ok()?);
        Some(Self { aead, fixed: *fixed, invocation_counter })
    }

    /// The nonce of this packet. "treated as a 64-bit integer and is incremented after each
    /// invocation" (RFC 5647 section 7.1): a failed one counts too.
    fn next_nonce(&mut self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        let counter = self.invocation_counter.to_be_bytes();
        for (to, from) in nonce.iter_mut().zip(self.fixed.iter().chain(&counter)) {
            *to = *from;
        }
        self.invocation_counter = self.invocation_counter.wrapping_add(1);
        nonce
    }
}

impl Layout for Gcm {
    // "The total length of the PT MUST be a multiple of 16 octets" RFC 5647 section 7.2
    fn block_len(&self) -> usize {
        BLOCK_BYTES
    }
    fn length_is_aligned(&self) -> bool {
        false
    }
    fn tag_len(&self) -> usize {
        TAG_BYTES
    }
}

impl Sealer for Gcm {
    fn seal(&mut self, _sequence: u32, packet: &mut [u8]) -> bool {
        let Some((content, room)) = split_tag(packet, TAG_BYTES) else {
            return false;
        };
        let Some((length, data)) = content.split_at_mut_checked(LENGTH_BYTES) else {
            return false;
        };
        let nonce = self.next_nonce();
        let Some(tag) = self.aead.seal(&nonce, length, data) else {
            return false;
        };
        room.copy_from_slice(&tag);
        true
    }
}

impl Opener for Gcm {
    fn head_len(&self) -> usize {
        LENGTH_BYTES
    }

    fn open_length(&mut self, _sequence: u32, head: &mut [u8]) -> u32 {
        clear_length(head)
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), BadTag> {
        let nonce = self.next_nonce();
        let (content, tag) = split_tag(packet, TAG_BYTES).ok_or(BadTag)?;
        let tag: &[u8; TAG_BYTES] = (&*tag).try_into().map_err(|_| BadTag)?;
        let (length, data) = content.split_at_mut_checked(LENGTH_BYTES).ok_or(BadTag)?;
        self.aead.open(&nonce, length, data, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;
    use std::vec::Vec;

    /// Three packets in a row with `key` 0, 1, 2, ... against OpenSSL's AES-GCM under nonces
    /// counted by hand; the plaintext is 4 + i, 1, 2, ... 31, the additional data its length.
    fn three_packets(row: &CipherAlgorithm, iv: &str, expected: [&str; 3]) {
        let key: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let keys = DirectionKeys { iv: &hex(iv), key: &key[..row.key_len], mac_key: &[] };
        let mut sealer = (row.sealer)(&keys, None).unwrap();
        let mut opener = (row.opener)(&keys, None).unwrap();
        for (i, expected) in (0..).zip(expected) {
            let plain: Vec<u8> = [0, 0, 0, 32, 4 + i].into_iter().chain(1..32).collect();
            let mut packet = [&plain[..], &[0; TAG_BYTES]].concat();
            assert!(sealer.seal(0, &mut packet));
            assert_eq!(packet, [&plain[..4], &hex(expected)].concat());
            assert_eq!(opener.open_length(0, &mut packet[..4]), 32);
            assert_eq!(opener.open(0, &mut packet), Ok(()));
            assert_eq!(packet[..36], plain[..]);
        }
    }

    /// The counter runs over all 64 bits, and past the end of them without touching the rest.
    #[test]
    fn invocation_counter() {
        three_packets(
            &AES128_GCM,
            "a1b2c3d4fffffffffffffffe",
            [
                "048ae19cf8ff015817e26b3ab2d4c306032f3a10e11a0c9c96536c55e9f966f8\
                 3ccd7eb0811f016602156a2f91992129",
                "f8bf43fcdb06fe2592b1f23416f854fb3434a17cad725849d0ea9e4b958afbb4\
                 a80f9982a5605e2078429a0445d31d29",
                "8125ba4025a83da4940482114ad44ba0337c2173c3b22bb9f8ef07691fcfb97a\
                 75d15485959a0d6d94ff761b05940868",
            ],
        );
        three_packets(
            &AES256_GCM,
            "a1b2c3d400000000ffffffff",
            [
                "7dd7700d2b9e6b5d3b3bf446e27be012e4512be389d9354b65b8dab4e99b336d\
                 ddd556b0870d269bdb81e0f1da286f35",
                "9d70676c62c13f0432625a8e2b41c3e76e2a3b830448a062f2aaf3016fc6def7\
                 49d2ceb3250b76568981c68aeb1a358d",
                "6b7af78295b8162d0dcb78cbc027adf0ad2cd0e32a07a533af260f0351326d24\
                 979f13030958f0ffd68810ce28a584f4",
            ],
        );
    }

    /// Test cases 4 and 16 of McGrew and Viega's specification of GCM.
    #[test]
    fn vectors_of_gcm() {
        let data = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let short = Aes128Gcm::new_from_slice(&key[..16]).unwrap();
        let long = Aes256Gcm::new_from_slice(&key).unwrap();
        check(
            &short,
            data,
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e\
             21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
            "5bc94fbc3221a5db94fae95ae7121a47",
        );
        check(
            &long,
            data,
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        );
        fn check<A: AeadInOut<NonceSize = U12, TagSize = U16>>(
            aead: &A,
            data: &str,
            expected: &str,
            expected_tag: &str,
        ) {
            let nonce = Nonce::<A>::try_from(&hex("cafebabefacedbaddecaf888")[..]).unwrap();
            let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
            let mut data = hex(data);
            let tag = aead.encrypt_inout_detached(&nonce, &aad, InOutBuf::from(&mut data[..]));
            assert_eq!(tag.unwrap()[..], hex(expected_tag));
            assert_eq!(data, hex(expected));
        }
    }

    /// The place in the stream is part of the nonce: a packet left out or repeated is refused.
    #[test]
    fn order_is_authenticated() {
        let keys = DirectionKeys { iv: &[9; 12], key: &[8; 16], mac_key: &[] };
        let mut sealer = (AES128_GCM.sealer)(&keys, None).unwrap();
        let (mut first, mut second) = ([0; 36], [0; 36]);
        assert!(sealer.seal(0, &mut first) && sealer.seal(1, &mut second));
        let opener = || (AES128_GCM.opener)(&keys, None).unwrap();
        assert_eq!(opener().open(0, &mut second.clone()), Err(BadTag));
        let mut replayed = opener();
        assert_eq!(replayed.open(0, &mut first.clone()), Ok(()));
        assert_eq!(replayed.open(0, &mut first), Err(BadTag));
    }
}
