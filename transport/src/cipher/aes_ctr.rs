//! aes128-ctr, aes192-ctr and aes256-ctr: "stateful-decryption counter" mode of RFC 4344 section
//! 4, with a MAC beside it in one of two orders.
//!
//! ```text
//! encrypt-and-MAC (RFC 4253):  packet_length padding_length payload padding | tag
//!                              <--------------- AES-CTR ------------------->
//!                              <- MAC of the plaintext ------------------->
//! encrypt-then-MAC (OpenSSH):  packet_length | padding_length payload padding | tag
//!                                  clear     | <---------- AES-CTR --------->
//!                              <- MAC of length and ciphertext ------------->
//! ```
//!
//! The first order makes a receiver decrypt a length that nothing vouches for yet; the packet
//! layer bounds it, and with counter mode its value tells an attacker only what he may know.

use super::{BadTag, CipherAlgorithm, DirectionKeys, LENGTH_BYTES, Layout, MacAlgorithm};
use super::{Opener, PacketMac, Sealer, clear_length, split_tag};
use aes::{Aes128, Aes192, Aes256};
use alloc::boxed::Box;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};

const BLOCK_BYTES: usize = 16;

/// aes128-ctr.
pub const AES128_CTR: CipherAlgorithm = CipherAlgorithm {
    name: "aes128-ctr",
    key_len: 16,
    iv_len: BLOCK_BYTES,
    aead: false,
    sealer: |keys, mac| Some(Box::new(CtrMac::<Ctr128BE<Aes128>>::new(keys, mac)?)),
    opener: |keys, mac| Some(Box::new(CtrMac::<Ctr128BE<Aes128>>::new(keys, mac)?)),
};

/// aes192-ctr.
pub const AES192_CTR: CipherAlgorithm = CipherAlgorithm {
    name: "aes192-ctr",
    key_len: 24,
    sealer: |keys, mac| Some(Box::new(CtrMac::<Ctr128BE<Aes192>>::new(keys, mac)?)),
    opener: |keys, mac| Some(Box::new(CtrMac::<Ctr128BE<Aes192>>::new(keys, mac)?)),
    ..AES128_CTR
};

/// aes256-ctr.
pub const AES256_CTR: CipherAlgorithm = CipherAlgorithm {
    name: "aes256-ctr",
    key_len: 32,
    sealer: |keys, mac| Some(Box::new(CtrMac::<Ctr128BE<Aes256>>::new(keys, mac)?)),
    opener: |keys, mac| Some(Box::new(CtrMac::<Ctr128BE<Aes256>>::new(keys, mac)?)),
    ..AES128_CTR
};

/// Either direction. The key is expanded and the MAC's key hashed once, here.
struct CtrMac<C> {
    /// Runs on from packet to packet; X of RFC 4344 is its counter.
    stream: C,
    mac: Box<dyn PacketMac>,
    tag_len: usize,
    etm: bool,
}

impl<C: KeyIvInit + StreamCipher> CtrMac<C> {
    fn new(keys: &DirectionKeys<'_>, mac: Option<&'static MacAlgorithm>) -> Option<Self> {
        let row = mac?;
        Some(Self {
            stream: C::new_from_slices(keys.key, keys.iv).ok()?,
            mac: (row.keyed)(keys.mac_key)?,
            tag_len: row.tag_len,
            etm: row.etm,
        })
    }

    /// Encrypts or decrypts what comes next in the stream. False where 2^128 blocks are used up.
    fn crypt(&mut self, data: &mut [u8]) -> bool {
        self.stream.try_apply_keystream(data).is_ok()
    }
}

impl<C> Layout for CtrMac<C> {
    // "padding MUST be a multiple of the cipher's block size" RFC 4344 section 4
    fn block_len(&self) -> usize {
        BLOCK_BYTES
    }
    fn length_is_aligned(&self) -> bool {
        !self.etm
    }
    fn tag_len(&self) -> usize {
        self.tag_len
    }
}

impl<C: KeyIvInit + StreamCipher + Send> Sealer for CtrMac<C> {
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> bool {
        // "MUST be transmitted without encryption as the last part of the packet."
        // RFC 4253 section 6.4
        let Some((content, tag)) = split_tag(packet, self.tag_len) else {
            return false;
        };
        if !self.etm {
            return self.mac.write_tag(sequence, content, tag) && self.crypt(content);
        }
        let data = content.get_mut(LENGTH_BYTES..).unwrap_or_default();
        self.crypt(data) && self.mac.write_tag(sequence, content, tag)
    }
}

impl<C: KeyIvInit + StreamCipher + Send> Opener for CtrMac<C> {
    fn head_len(&self) -> usize {
        if self.etm { LENGTH_BYTES } else { BLOCK_BYTES }
    }

    fn open_length(&mut self, _sequence: u32, head: &mut [u8]) -> u32 {
        if !self.etm && !self.crypt(head) {
            return u32::MAX;
        }
        clear_length(head)
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), BadTag> {
        let (content, tag) = split_tag(packet, self.tag_len).ok_or(BadTag)?;
        // What is plaintext already: the clear length, or the block that gave the length.
        let rest = if self.etm { LENGTH_BYTES } else { BLOCK_BYTES };
        if self.etm && !self.mac.is_tag(sequence, content, tag) {
            return Err(BadTag);
        }
        let data = content.get_mut(rest..).ok_or(BadTag)?;
        let decrypted = self.stream.try_apply_keystream(data).is_ok();
        let good = decrypted && (self.etm || self.mac.is_tag(sequence, content, tag));
        good.then_some(()).ok_or(BadTag)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::super::{hmac_sha2, mac};
    use super::*;
    use std::vec::Vec;
    use std::{println, vec};

    /// NIST SP 800-38A, sections F.5.1 to F.5.6, both ways, four blocks each. The packet's length
    /// field is the first four bytes of the first block.
    #[test]
    fn vectors_of_sp_800_38a() {
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                     30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
        let vectors = [
            (
                &AES128_CTR,
                "2b7e151628aed2a6abf7158809cf4f3c",
                "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
                 5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
            ),
            (
                &AES192_CTR,
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94\
                 1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
            ),
            (
                &AES256_CTR,
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5\
                 2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
            ),
        ];
        for (row, key, expected) in vectors {
            let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
            let keys = DirectionKeys { iv: &iv, key: &hex(key), mac_key: &[7; 32] };
            let mac = mac("hmac-sha2-256");
            let mut packet = [hex(plain), vec![0; 32]].concat();
            assert!((row.sealer)(&keys, mac).unwrap().seal(3, &mut packet));
            assert_eq!(packet[..64], hex(expected));
            let mut opener = (row.opener)(&keys, mac).unwrap();
            assert_eq!(opener.open_length(3, &mut packet[..16]), 0x6bc1_bee2);
            assert_eq!(opener.open(3, &mut packet), Ok(()));
            assert_eq!(packet[..64], hex(plain));
        }
        println!("NIST SP 800-38A, AES-CTR: {} vectors, each both ways", vectors.len());
    }

    /// Two packets in a row against OpenSSL's AES-CTR and HMAC, while both the counter ("set X to
    /// 0") and the sequence number come round.
    #[test]
    fn stream_and_sequence_number_run_on() {
        let plain = [
            (
                28,
                "3c441f2ecaf8862a6ac4ba842c779722f09a7b72cdc00fdb312ce90fd3bfa4f8\
                  cf55166e4408ee1eb3ae213bc336eac8d4c43d0acfc5e9f3dda5256535cc7b4a",
            ),
            (
                28,
                "7346138991c0b114466fa4fd46dc00387eeac615d2cbf3d6bced130613f9cd1f\
                  b24a73bacf73a67e165f0d0428edf4280840a362a44d4811caebccfe857f8089",
            ),
        ];
        let etm = [
            (
                32,
                "0000002038bb1b3bc0149a3e46f08ea8386bfb568cee6f6ed9ec33ef1d38fde3274348ec\
                  0f44bccf47587876fd827671d3bcda2aff75b4da02c85a6f7d6989c34df0f17f",
            ),
            (
                32,
                "000000207746169f9ad4ad006a5390d152c86c4c0286d209c6ffcfe290f107eae70d210b\
                  b76094b4ae94827cd1de492939a632beb3901bea6c4060a38613dec13c60519c",
            ),
        ];
        for (name, packets) in [("hmac-sha2-256", plain), ("hmac-sha2-256-etm@openssh.com", etm)] {
            let key: [u8; 16] = core::array::from_fn(|i| u8::try_from(i).unwrap());
            let mac_key: [u8; 32] = core::array::from_fn(|i| u8::try_from(i + 100).unwrap());
            let keys = DirectionKeys { iv: &[0xff; 16], key: &key, mac_key: &mac_key };
            let mut sealer = (AES128_CTR.sealer)(&keys, mac(name)).unwrap();
            let mut opener = (AES128_CTR.opener)(&keys, mac(name)).unwrap();
            for (sequence, (length, expected)) in [u32::MAX, 0].into_iter().zip(packets) {
                let fill = sequence.to_be_bytes()[3];
                let data = (0..length - 1).map(|i| (5 * i as u8).wrapping_add(fill));
                let mut packet: Vec<u8> =
                    [0, 0, 0, length as u8, 4].into_iter().chain(data).collect();
                let clear = packet.clone();
                packet.resize(clear.len() + 32, 0);
                assert!(sealer.seal(sequence, &mut packet));
                assert_eq!(packet, hex(expected), "{name}");
                let head = opener.head_len();
                assert_eq!(opener.open_length(sequence, &mut packet[..head]), length);
                assert_eq!(opener.open(sequence, &mut packet), Ok(()));
                assert_eq!(packet[..clear.len()], clear);
            }
        }
    }

    /// RFC 4344 section 4 lets no mode of this file run without a MAC; nor does the table.
    #[test]
    fn a_mac_is_needed() {
        let keys = DirectionKeys { iv: &[0; 16], key: &[0; 16], mac_key: &[0; 32] };
        assert!((AES128_CTR.sealer)(&keys, None).is_none());
        static MAC: MacAlgorithm = hmac_sha2::HMAC_SHA2_512;
        assert!((AES128_CTR.sealer)(&keys, Some(&MAC)).is_none(), "a key of 32 bytes is too short");
    }
}
