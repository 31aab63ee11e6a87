//! The armour of private key files (RFC 7468, and RFC 1421 for its headers), and the encryption
//! that OpenSSL put inside it before PKCS#8.

use super::key_file_cipher::KeyFileCipher;
use super::{KeyFileFault, base64};
use crate::limits::KEY_FILE_BYTES_MAX;
use alloc::string::String;
use alloc::vec::Vec;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// A private key between its BEGIN and END lines.
pub(super) struct Pem<'a> {
    /// What BEGIN and END name.
    pub label: &'a str,
    /// Whether the headers say that the body is encrypted.
    pub encrypted: bool,
    /// The value of the header DEK-Info: cipher and initialisation vector.
    dek_info: Option<&'a str>,
    /// The body, decoded.
    pub body: Zeroizing<Vec<u8>>,
}

impl<'a> Pem<'a> {
    /// Finds the first private key. Text in front of it and other blocks, such as the EC
    /// PARAMETERS that OpenSSL writes first, are passed over.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, KeyFileFault> {
        if text.len() > KEY_FILE_BYTES_MAX {
            return Err(KeyFileFault::Malformed("file larger than any private key"));
        }
        let text = core::str::from_utf8(text).map_err(|_| KeyFileFault::NotAKey)?;
        let mut lines = text.lines().map(str::trim);
        let label = lines.find_map(|line| {
            let label = line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
            label.ends_with("PRIVATE KEY").then_some(label)
        });
        let label = label.ok_or(KeyFileFault::NotAKey)?;
        let (mut encrypted, mut dek_info) = (false, None);
        // Taken at once, so that it never moves and leaves a copy behind.
        let mut body = Zeroizing::new(String::with_capacity(text.len()));
        for line in lines {
            if let Some(end) = line.strip_prefix("-----END ") {
                if end.strip_suffix("-----") != Some(label) {
                    break;
                }
                let body = base64::decode(&body).ok_or(KeyFileFault::Malformed("base64"))?;
                return Ok(Self { label, encrypted, dek_info, body: Zeroizing::new(body) });
            }
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("Proc-Type", value)) => encrypted = value == "4,ENCRYPTED",
                Some(("DEK-Info", value)) => dek_info = Some(value),
                Some(_) => {}
                None => body.push_str(line),
            }
        }
        Err(KeyFileFault::Malformed("no END line"))
    }

    /// Undoes the encryption of the traditional format: a key from MD5 over passphrase and salt,
    /// AES in CBC mode, PKCS#7 padding. OpenSSL's EVP_BytesToKey with one round is all that this
    /// format has, so a file like that is only as strong as its passphrase.
    pub(super) fn decrypt(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
        let dek_info = self.dek_info.ok_or(KeyFileFault::Malformed("no DEK-Info header"))?;
        let (name, iv) =
            dek_info.split_once(',').ok_or(KeyFileFault::Malformed("DEK-Info header"))?;
        let cipher = match name {
            "AES-128-CBC" => KeyFileCipher::Aes128Cbc,
            "AES-192-CBC" => KeyFileCipher::Aes192Cbc,
            "AES-256-CBC" => KeyFileCipher::Aes256Cbc,
            _ => return Err(KeyFileFault::Unsupported("cipher of the DEK-Info header")),
        };
        let iv = decode_hex(iv.trim()).ok_or(KeyFileFault::Malformed("DEK-Info header"))?;
        let salt = iv.get(..8).ok_or(KeyFileFault::Malformed("DEK-Info header"))?;
        let key = bytes_to_key(passphrase, salt, cipher.key_bytes());
        let mut data = self.body.clone();
        cipher.decrypt(&key, &iv, &mut data, &[])?;
        let padding = usize::from(data.last().copied().unwrap_or_default());
        let kept = data.len().checked_sub(padding).ok_or(KeyFileFault::WrongPassphrase)?;
        let tail = data.get(kept..).unwrap_or_default();
        let regular = (1..=16).contains(&padding);
        if !regular || tail.iter().any(|byte| usize::from(*byte) != padding) {
            return Err(KeyFileFault::WrongPassphrase);
        }
        data.truncate(kept);
        Ok(data)
    }
}

/// OpenSSL's EVP_BytesToKey with MD5 and one round.
fn bytes_to_key(passphrase: &[u8], salt: &[u8], bytes: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(bytes.next_multiple_of(16)));
    let mut block = Zeroizing::new(Vec::with_capacity(16));
    while key.len() < bytes {
        let digest =
            Md5::new().chain_update(&*block).chain_update(passphrase).chain_update(salt).finalize();
        block.clear();
        block.extend_from_slice(&digest);
        key.extend_from_slice(&block);
    }
    key.truncate(bytes);
    key
}

pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits = digits?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| (high << 4) | low).collect())
}
