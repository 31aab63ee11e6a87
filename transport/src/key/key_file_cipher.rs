//! The ciphers that encrypt private key files. The packet ciphers are other code: here a whole
//! file is opened at once, and modes are wanted that no packet uses any more.

use super::KeyFileFault;
use aes::cipher::{BlockModeDecrypt, KeyIvInit, StreamCipher, StreamCipherSeek};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20::ChaCha20Legacy;
use ctr::Ctr128BE;
use poly1305::Poly1305;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A cipher of a key file. Names with and without a domain are those of SSH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFileCipher {
    Aes128Ctr,
    Aes192Ctr,
    Aes256Ctr,
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

use KeyFileCipher as C;

impl KeyFileCipher {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "aes128-ctr" => C::Aes128Ctr,
            "aes192-ctr" => C::Aes192Ctr,
            "aes256-ctr" => C::Aes256Ctr,
            "aes128-cbc" => C::Aes128Cbc,
            "aes192-cbc" => C::Aes192Cbc,
            "aes256-cbc" => C::Aes256Cbc,
            "aes128-gcm@openssh.com" => C::Aes128Gcm,
            "aes256-gcm@openssh.com" => C::Aes256Gcm,
            "chacha20-poly1305@openssh.com" => C::ChaCha20Poly1305,
            _ => return None,
        })
    }

    /// Bytes of the key. ChaCha20-Poly1305 takes two keys as in a packet, and uses the first.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            C::Aes128Ctr | C::Aes128Cbc | C::Aes128Gcm => 16,
            C::Aes192Ctr | C::Aes192Cbc => 24,
            C::Aes256Ctr | C::Aes256Cbc | C::Aes256Gcm => 32,
            C::ChaCha20Poly1305 => 64,
        }
    }

    /// Bytes of the initialisation vector.
    pub(super) const fn iv_bytes(self) -> usize {
        match self {
            C::Aes128Gcm | C::Aes256Gcm => 12,
            C::ChaCha20Poly1305 => 0,
            _ => 16,
        }
    }

    /// What the length of the encrypted part is a multiple of.
    pub(super) const fn block_bytes(self) -> usize {
        match self {
            C::ChaCha20Poly1305 => 8,
            _ => 16,
        }
    }

    /// Bytes of the tag behind the encrypted part.
    pub(super) const fn tag_bytes(self) -> usize {
        match self {
            C::Aes128Gcm | C::Aes256Gcm | C::ChaCha20Poly1305 => 16,
            _ => 0,
        }
    }

    /// Decrypts `data` in place.
    ///
    /// # Errors
    /// A length that does not fit the cipher; a tag that does not verify, which is what a wrong
    /// passphrase looks like.
    pub(super) fn decrypt(
        self,
        key: &[u8],
        iv: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), KeyFileFault> {
        if data.is_empty() || data.len().checked_rem(self.block_bytes()) != Some(0) {
            return Err(KeyFileFault::Malformed("length of the encrypted part"));
        }
        match self {
            C::Aes128Ctr => stream::<Ctr128BE<Aes128>>(key, iv, data),
            C::Aes192Ctr => stream::<Ctr128BE<Aes192>>(key, iv, data),
            C::Aes256Ctr => stream::<Ctr128BE<Aes256>>(key, iv, data),
            C::Aes128Cbc => blocks::<cbc::Decryptor<Aes128>>(key, iv, data),
            C::Aes192Cbc => blocks::<cbc::Decryptor<Aes192>>(key, iv, data),
            C::Aes256Cbc => blocks::<cbc::Decryptor<Aes256>>(key, iv, data),
            C::Aes128Gcm => gcm::<Aes128Gcm>(key, iv, data, tag),
            C::Aes256Gcm => gcm::<Aes256Gcm>(key, iv, data, tag),
            C::ChaCha20Poly1305 => chacha20_poly1305(key, data, tag),
        }
    }
}

const SIZES: KeyFileFault = KeyFileFault::Malformed("key or initialisation vector");

fn stream<T: KeyIvInit + StreamCipher>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), KeyFileFault> {
    let mut cipher = T::new_from_slices(key, iv).map_err(|_| SIZES)?;
    cipher.try_apply_keystream(data).map_err(|_| SIZES)
}

fn blocks<T: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), KeyFileFault> {
    let mut cipher = T::new_from_slices(key, iv).map_err(|_| SIZES)?;
    for block in data.chunks_exact_mut(T::block_size()) {
        cipher.decrypt_block(block.try_into().map_err(|_| SIZES)?);
    }
    Ok(())
}

fn gcm<T: KeyInit + AeadInOut>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
    tag: &[u8],
) -> Result<(), KeyFileFault> {
    let cipher = T::new_from_slice(key).map_err(|_| SIZES)?;
    let nonce = iv.try_into().map_err(|_| SIZES)?;
    let tag = tag.try_into().map_err(|_| SIZES)?;
    cipher
        .decrypt_inout_detached(nonce, &[], data.into(), tag)
        .map_err(|_| KeyFileFault::WrongPassphrase)
}

/// The construction of packets with sequence number 0 and no length field.
fn chacha20_poly1305(key: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), KeyFileFault> {
    let key = key.get(..32).ok_or(SIZES)?;
    let mut cipher = ChaCha20Legacy::new_from_slices(key, &[0; 8]).map_err(|_| SIZES)?;
    let mut one_time = Zeroizing::new([0; 32]);
    cipher.try_apply_keystream(&mut *one_time).map_err(|_| SIZES)?;
    let mac = <Poly1305 as poly1305::universal_hash::KeyInit>::new((&*one_time).into());
    if !bool::from(mac.compute_unpadded(data).as_slice().ct_eq(tag)) {
        return Err(KeyFileFault::WrongPassphrase);
    }
    cipher.try_seek(64u32).map_err(|_| SIZES)?;
    cipher.try_apply_keystream(data).map_err(|_| SIZES)
}
